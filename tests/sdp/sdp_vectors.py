"""Descriptions that the tests of this folder share."""

from __future__ import annotations

from hypothesis import strategies as st

PRINT = "SHA-256 " + ":".join(["AB"] * 32)
OFFER = (
    "v=0\r\no=- 7 7 IN IP4 10.0.0.10\r\ns=-\r\nc=IN IP4 10.0.0.10\r\nt=0 0\r\n"
    "m=message 5000 TCP/TLS/MSRP *\r\na=setup:active\r\na=accept-types:text/plain\r\n"
    "a=path:msrps://10.0.0.10:5000/sA;tcp\r\na=msrp-cema\r\na=3ge2ae:requested\r\n"
    f"a=fingerprint:{PRINT}\r\n"
).encode()
BFCP = (
    b"v=0\r\no=- 7 7 IN IP6 2001:db8::1\r\ns=-\r\nt=0 0\r\nm=application 9 TCP/TLS/BFCP *\r\nc=IN IP6 2001:db8::1\r\n"
    b"a=setup:actpass\r\na=connection:new\r\na=floorctrl:c-only\r\na=confid:4321\r\na=userid:234\r\n"
    b"a=floorid:543 mstrm:10\r\na=bfcpver:1\r\na=tls-id:q7Vd2kLm9sXc4bRt8wYz\r\n"
)
T38 = (
    b"v=0\no=- 7 7 IN IP4 198.51.100.10\ns=-\nc=IN IP4 198.51.100.10\nt=0 0\nm=image 5004 UDP/TLS/UDPTL t38\n"
    b"a=setup:actpass\na=T38FaxVersion:0\na=T38FaxUdpEc:t38UDPRedundancy\na=T38FaxUdpECDepth:0 1\n"
)
LOCAL = (
    b"\n      v=0\n      c=IN IP4 $\n      m=message $ TCP/TLS *\n      a=setup:passive\n"
    b"      a=fingerprint:SHA-256 $\n   "
)

LINES = st.one_of(
    st.binary(max_size=20), st.sampled_from(OFFER.split(b"\r\n") + BFCP.split(b"\r\n") + LOCAL.split(b"\n")))
