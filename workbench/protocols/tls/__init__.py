"""TLS reading: records, handshake messages and alerts of TLS 1.2 and 1.3, for explaining, never for protecting."""
