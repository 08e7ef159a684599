-- Who was TLS or DTLS client, and whether the TCP client was the same node.
SELECT capture, session, leg, wire, tls_client, tls_server, tls_version, cipher_suite, tcp_client,
       CASE WHEN tcp_client = '' THEN NULL ELSE tcp_client = tls_client END AS same_as_tcp
FROM legs
WHERE tls_client <> ''
ORDER BY capture, session, leg
