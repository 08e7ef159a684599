"""HTTP/1.1 (RFC 9110, RFC 9112) as far as it carries MIKEY between a user and its KMS: messages with Content-Length."""
