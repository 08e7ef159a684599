-- Requests that were refused: a SIP status of 400 or more (but a challenge), or an H.248 error.
SELECT capture, protocol, session, request, answer, source, destination, time, frame, answer_frame
FROM transactions
WHERE answer LIKE 'error%' OR (protocol = 'SIP' AND answer >= '4' AND substr(answer, 1, 3) NOT IN ('401', '407'))
ORDER BY capture, time
