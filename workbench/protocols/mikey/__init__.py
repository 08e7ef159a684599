"""MIKEY and MIKEY-TICKET (RFC 3830, RFC 6043): keys for a call, carried in SDP and between user and KMS."""
