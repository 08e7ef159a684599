"""UDPTL told in words: what a packet carries, the T.30 frame that it completes, and which losses it makes good.

Source: T.38 §9, T.30 §5.3.
"""

from __future__ import annotations

from workbench.analysis.summaries import shortened
from workbench.errors import PeerError
from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.events import IfpReceived, Lost, Way
from workbench.protocols.t38.machine import Receiver
from workbench.protocols.t38.messages import IfpPacket, UdptlPacket
from workbench.protocols.t38.t30 import Frame, FrameReader

_MOST_NUMBERS = 6


def by_content(octets: bytes) -> UdptlPacket | None:
    """The UDPTL packet that octets may be which nothing has announced: they and the IFP packet inside decode."""
    try:
        packet = udptl.decode(octets)
    except PeerError:
        return None
    return packet if ifp.version_of(packet.primary) is not None else None


def read_ifp(octets: bytes, version: int | None, *, rebuilt: bool = False) -> IfpPacket | None:
    """An IFP packet in the version that SDP has announced; where it does not decode so, in one in which it does."""
    for one in (3, 0) if version is None else (version, 3, 0):
        try:
            return ifp.decode(octets, one, rebuilt=rebuilt)
        except PeerError:
            continue
    return None


def reads_in(octets: bytes, version: int) -> bool:
    """Every IFP packet in a UDPTL packet is one in this T.38 version."""
    try:
        packet = udptl.decode(octets)
        for one in (packet.primary, *filter(None, packet.secondary)):
            ifp.decode(one, version)
    except PeerError:
        return False
    return True


class Hearing:
    """One direction of a fax as its receiver hears it; what it holds is bounded."""

    def __init__(self) -> None:
        self._receiver = Receiver()
        self._frames = FrameReader()

    def take(self, octets: bytes, packet: UdptlPacket, version: int | None, time: float, *, whole: bool = True) -> str:
        """The next packet in words: `UDPTL 17 v21 hdlc-fcs-OK, 3 repeated: DIS`, `UDPTL 0 ced`.

        `whole`: the fax passes here, so that what is missing is lost.
        """
        events = [*self._receiver.wake(time), *self._receiver.receive_data(octets, time)]
        frames: list[Frame] = []
        for event in events:
            if isinstance(event, IfpReceived):
                read = read_ifp(event.octets, version, rebuilt=event.way is Way.FEC)
                frames += self._frames.receive(read) if read is not None else ()
        rebuilt = [one.sequence for one in events if isinstance(one, IfpReceived) and one.way is not Way.PRIMARY]
        lost = [one for one in events if isinstance(one, Lost)]
        words = told(packet, version)
        if rebuilt:
            words += f", rebuilds {_numbers(rebuilt)}"
        words += "".join(f", {one.count} lost from {one.sequence} on" for one in lost[:2] if whole)
        said = [f"{frame.name} {frame.says}".strip() for frame in frames if frame.name]
        return shortened(words + (f": {'; '.join(said)}" if said else ""))


def told(packet: UdptlPacket, version: int | None) -> str:
    """A packet by itself: `UDPTL 17 v21 hdlc-data, 3 repeated`."""
    read = read_ifp(packet.primary, version)
    what = "IFP that does not decode" if read is None else str(read)
    more = f", {len(packet.secondary)} repeated" if packet.secondary else ""
    if packet.fec is not None:
        more = f", FEC {packet.fec.span} x {len(packet.fec.entries)}"
    return f"UDPTL {packet.sequence} {what}{more}"


def _numbers(numbers: list[int]) -> str:
    told = ", ".join(map(str, numbers[:_MOST_NUMBERS]))
    return told if len(numbers) <= _MOST_NUMBERS else f"{told} and {len(numbers) - _MOST_NUMBERS} more"
