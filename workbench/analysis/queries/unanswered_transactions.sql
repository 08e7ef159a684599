-- Requests of SIP and H.248 that nobody answered, as far as the capture goes.
SELECT capture, protocol, session, request, id, source, destination, wire, time, frame, copies
FROM transactions
WHERE answer IS NULL
ORDER BY capture, time
