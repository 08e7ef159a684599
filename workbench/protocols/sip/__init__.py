"""The SIP that an offer/answer dialog needs (RFC 3261), and sec-agree (RFC 3329)."""
