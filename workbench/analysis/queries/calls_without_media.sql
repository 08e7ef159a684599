-- Calls on which no media message was seen: what became of them on the way there.
SELECT s.capture, s.session, s.kind, s.security, s.context,
       (SELECT count(*) FROM legs l WHERE l.capture = s.capture AND l.session = s.session) AS legs,
       (SELECT count(*) FROM legs l WHERE l.capture = s.capture AND l.session = s.session
         AND l.established IS NOT NULL) AS connected,
       (SELECT max(t.answer) FROM transactions t WHERE t.capture = s.capture AND t.session = s.session
         AND t.protocol = 'SIP' AND t.request = 'INVITE') AS invite_answered,
       s.first_frame
FROM sessions s
WHERE s.kind IN ('msrp', 'bfcp', 't38', 'media')
  AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.capture = s.capture AND m.session = s.session
                  AND (m.protocol IN ('MSRP', 'BFCP', 'UDPTL', 'RTP') OR m.summary ILIKE 'application data%'))
ORDER BY s.capture, s.first_frame
