-- The states of each H.248 context over time.
SELECT capture, gateway, context, time, frame, change, terminations
FROM contexts
ORDER BY capture, gateway, since, time
