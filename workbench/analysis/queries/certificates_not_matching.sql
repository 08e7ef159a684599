-- Certificates that do not fit the a=fingerprint that announced them.
SELECT capture, session, leg, owner, announced, seen, frames
FROM certificates
WHERE NOT matches
ORDER BY capture, session, leg
