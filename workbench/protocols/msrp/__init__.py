"""MSRP (RFC 4975, 6135, 6714): messages, framing, sessions."""
