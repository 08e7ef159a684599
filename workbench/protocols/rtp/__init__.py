"""RTP (RFC 3550): packets as values and octets, and sound of G.711 as payload. RTCP is recognised, not read."""
