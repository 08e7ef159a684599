-- Legs whose peer was seen at another address than SDP said; port 9 says none (RFC 4145 section 4).
SELECT capture, session, leg, wire, signalled, actual, latched
FROM legs
WHERE signalled <> '' AND actual <> '' AND signalled <> actual AND signalled NOT LIKE '%:9'
ORDER BY capture, session, leg
