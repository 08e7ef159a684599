"""TLS records, handshakes and alerts, for reading and explaining; never for protecting."""
