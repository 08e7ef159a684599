"""UDPTL where nothing announces it: octets are taken for it only if they and the IFP packet inside decode (T.38 §9)."""

from __future__ import annotations

from workbench.errors import PeerError
from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.messages import UdptlPacket


def read(octets: bytes) -> UdptlPacket | None:
    """The UDPTL packet that the octets are, or None."""
    try:
        packet = udptl.decode(octets)
    except PeerError:
        return None
    return packet if ifp.version_of(packet.primary) is not None else None


def told(packet: UdptlPacket) -> str:
    """`UDPTL 17 v21 hdlc-data, 3 repeated`, `UDPTL 0 ced`."""
    version = ifp.version_of(packet.primary)
    try:
        what = str(ifp.decode(packet.primary, 3 if version is None else version))
    except PeerError:
        what = "IFP that does not decode"
    more = f", {len(packet.secondary)} repeated" if packet.secondary else ""
    if packet.fec is not None:
        more = f", FEC {packet.fec.span} x {len(packet.fec.entries)}"
    return f"UDPTL {packet.sequence} {what}{more}"
