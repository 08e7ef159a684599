-- Seconds that TCP and TLS or DTLS took to come up on each leg; NULL where it did not.
WITH tls AS (
  SELECT capture, session, wire, protocol,
         min(time) FILTER (WHERE summary LIKE 'ClientHello%') AS hello,
         max(time) FILTER (WHERE summary LIKE 'Finished%') AS finished
  FROM messages WHERE protocol IN ('TLS', 'DTLS') AND session IS NOT NULL
  GROUP BY capture, session, wire, protocol)
SELECT l.capture, l.session, l.leg, l.wire, round(l.established - l.opened, 6) AS tcp_seconds, tls.protocol,
       l.tls_version, round(tls.finished - tls.hello, 6) AS tls_seconds, tls.hello AS since
FROM legs l LEFT JOIN tls ON tls.capture = l.capture AND tls.session = l.session AND tls.wire = l.wire
     AND l.tls_client <> ''
ORDER BY l.capture, l.session, l.leg
