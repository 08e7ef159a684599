-- What was not read, and why.
SELECT capture, what, reason, frames, octets, first
FROM unread
ORDER BY octets DESC, capture
