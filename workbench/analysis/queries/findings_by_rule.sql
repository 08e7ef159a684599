-- How often each rule is broken, and in how many captures.
SELECT rule, severity, clause, count(*) AS findings, count(DISTINCT capture) AS captures, any_value(title) AS title,
       any_value(next) AS next
FROM findings
GROUP BY rule, severity, clause
ORDER BY findings DESC, rule
