-- Messages and octets of each protocol on each wire, with what was sent again and what did not decode.
SELECT capture, wire, protocol, count(*) AS messages, sum(octets)::BIGINT AS octets,
       count(*) FILTER (WHERE repeated) AS repeated, count(*) FILTER (WHERE error <> '') AS not_decoded
FROM messages
GROUP BY capture, wire, protocol
ORDER BY capture, wire, messages DESC
