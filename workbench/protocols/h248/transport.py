"""How H.248 messages travel: ports, and what a transport carries at once (H.248.1 Annex D).

Over UDP one datagram is one message (application layer framing, Annex D.1) and `machine.Transactions` does what the
transport does not: repetition and at-most-once. TCP with TPKT framing (Annex D.2) has its place here.
"""

from __future__ import annotations

TEXT_PORT = 2944
"""Default port of the text encoding, over UDP, TCP and SCTP."""
BINARY_PORT = 2945
"""Default port of the binary encoding."""
SCTP_PAYLOAD_PROTOCOL = 7
"""Payload protocol identifier of H.248 over SCTP (H.248.4)."""


def mid_of(host: str, port: int | None = TEXT_PORT) -> str:
    """The message identifier of an address: `[192.0.2.10]:2944`."""
    return f"[{host}]" if port is None else f"[{host}]:{port}"
