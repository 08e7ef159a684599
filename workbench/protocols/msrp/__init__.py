"""MSRP (RFC 4975): URIs, messages on the wire, one end of a session."""
