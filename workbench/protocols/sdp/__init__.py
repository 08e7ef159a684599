"""SDP (RFC 8866) without loss, and the offer/answer rules of TCP and TLS media."""
