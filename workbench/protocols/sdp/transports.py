"""What the protocol word of an m= line says about the layers of a stream: the bearer type indication.

Source: IANA "SDP Parameters" proto registry, RFC 4145, RFC 4975 §8, RFC 8856 §6, RFC 7345, RFC 8841, RFC 5764;
`TCP`, `TCP/TLS`, `udp`, `UDP/DTLS` for gateways that know no application: TS 23.334 §6.2.10, §6.2.18, H-series
Supplement 14.
"""

from __future__ import annotations

import msgspec


class Transport(msgspec.Struct, frozen=True):
    """The layers below the application, and the application.

    Args:
        proto: the word of the m= line in its registered spelling.
        carrier: `tcp` or `udp`.
        security: `tls`, `dtls`, `srtp` (keys from elsewhere) or None.
        application: `msrp`, `bfcp`, `udptl`, `rtp`, `sctp`, or None for opaque payload.
        clause: where the word is defined.
    """

    proto: str
    carrier: str
    security: str | None
    application: str | None
    clause: str


TRANSPORTS = (
    Transport("TCP", "tcp", None, None, "RFC 4145 §3"),
    Transport("TCP/TLS", "tcp", "tls", None, "RFC 8122 §4"),
    Transport("TCP/MSRP", "tcp", None, "msrp", "RFC 4975 §8.1"),
    Transport("TCP/TLS/MSRP", "tcp", "tls", "msrp", "RFC 4975 §8.1"),
    Transport("TCP/BFCP", "tcp", None, "bfcp", "RFC 8856 §4"),
    Transport("TCP/TLS/BFCP", "tcp", "tls", "bfcp", "RFC 8856 §4"),
    Transport("TCP/DTLS/BFCP", "tcp", "dtls", "bfcp", "RFC 8856 §4"),
    Transport("TCP/WS/BFCP", "tcp", None, "bfcp", "RFC 8857 §4"),
    Transport("TCP/WSS/BFCP", "tcp", "tls", "bfcp", "RFC 8857 §4"),
    Transport("UDP/BFCP", "udp", None, "bfcp", "RFC 8856 §4"),
    Transport("UDP/TLS/BFCP", "udp", "dtls", "bfcp", "RFC 8856 §4"),
    Transport("udp", "udp", None, None, "RFC 8866 §5.14"),
    Transport("UDP/DTLS", "udp", "dtls", None, "TS 23.334 §6.2.10.4"),
    Transport("udptl", "udp", None, "udptl", "T.38 annex D"),
    Transport("UDP/TLS/UDPTL", "udp", "dtls", "udptl", "RFC 7345 §4.1"),
    Transport("TCP/TPTL", "tcp", None, "t38", "T.38 annex D"),
    Transport("UDP/DTLS/SCTP", "udp", "dtls", "sctp", "RFC 8841 §4"),
    Transport("TCP/DTLS/SCTP", "tcp", "dtls", "sctp", "RFC 8841 §4"),
    Transport("RTP/AVP", "udp", None, "rtp", "RFC 3551"),
    Transport("RTP/AVPF", "udp", None, "rtp", "RFC 4585"),
    Transport("RTP/SAVP", "udp", "srtp", "rtp", "RFC 3711"),
    Transport("RTP/SAVPF", "udp", "srtp", "rtp", "RFC 5124"),
    Transport("UDP/TLS/RTP/SAVP", "udp", "dtls", "rtp", "RFC 5764 §8"),
    Transport("UDP/TLS/RTP/SAVPF", "udp", "dtls", "rtp", "RFC 5764 §8"),
    Transport("TCP/RTP/AVP", "tcp", None, "rtp", "RFC 4571 §2"),
)
"""Every protocol word that the specifications of this field use."""

_BY_WORD = {transport.proto.casefold(): transport for transport in TRANSPORTS}


def transport_of(proto: str) -> Transport | None:
    """The layers behind the protocol word of an m= line; None for a word that isn't known.

    Case is ignored: T.38 writes `udptl`, H.248 controllers write `udp`, and equipment mixes both.
    """
    return _BY_WORD.get(proto.casefold())
