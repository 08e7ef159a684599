-- Seconds to the answer by protocol and request: median, 95 % and the slowest with its frame.
SELECT protocol, request, count(*) AS answered, round(median(answered - time), 6) AS median_seconds,
       round(quantile_cont(answered - time, 0.95), 6) AS p95_seconds, round(max(answered - time), 6) AS slowest,
       arg_max(capture, answered - time) AS slowest_in, arg_max(frame, answered - time) AS slowest_frame
FROM transactions
WHERE answer IS NOT NULL
GROUP BY protocol, request
ORDER BY slowest DESC
