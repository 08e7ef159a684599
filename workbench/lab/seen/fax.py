"""Expectations on faxes: a page that arrives whole, T.30 in its order, losses made good, nothing in clear passed on.

What the receiver of a leg hears is what our UDPTL receiver makes of the captured packets, in their order. A capture
shows a packet where it is sent: one that is lost on its way stands in it, and it is the next leg that lacks it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from workbench.errors import PeerError
from workbench.lab.expect import Fact, Frames, Seen
from workbench.lab.seen.datagrams import DatagramLeg, End, datagram_leg
from workbench.protocols.t38 import ifp
from workbench.protocols.t38.events import IfpReceived, Lost, Way
from workbench.protocols.t38.machine import Receiver
from workbench.protocols.t38.messages import UdptlPacket
from workbench.protocols.t38.t30 import FrameReader

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

Signal = tuple[End, str]
"""Who says it, and what: an indicator such as `cng`, or a T.30 frame such as `DIS`."""
_POST_PAGE = ("EOP", "MPS", "EOM")


class _Heard(msgspec.Struct, frozen=True):
    """What one end of a leg says, as the other end hears it."""

    packets: tuple[tuple[Message, IfpReceived], ...]
    lost: tuple[tuple[Message, Lost], ...]


def _heard(there: DatagramLeg, end: End) -> _Heard:
    receiver = Receiver()
    packets: list[tuple[Message, IfpReceived]] = []
    lost: list[tuple[Message, Lost]] = []
    said = there.fax(end)
    for message in said:
        events = [*receiver.wake(message.time), *receiver.receive_data(message.octets, message.time)]
        events += receiver.flush() if message is said[-1] else ()
        packets += [(message, one) for one in events if isinstance(one, IfpReceived)]
        lost += [(message, one) for one in events if isinstance(one, Lost)]
    return _Heard(tuple(packets), tuple(lost))


def fax_arrives(from_leg: str, to_leg: str) -> Fact:
    """What the peer of one leg says leaves the gateway on the other one: every IFP packet, in order, octet for octet.

    Losses that redundancy or FEC makes good are none (T.38 §9).
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        first, second = datagram_leg(report, from_leg), datagram_leg(report, to_leg)
        said = _heard(first, "peer") if first is not None else None
        if said is None or not said.packets:
            return None
        heard = _heard(second, "gateway") if second is not None else _Heard((), ())
        frames = (said.packets[0][0].frames[0], *(heard.packets[0][0].frames[:1] if heard.packets else ()))
        for where, lost in ((from_leg, said.lost), (to_leg, heard.lost)):
            if lost:
                message, gap = lost[0]
                return False, message.frames, (
                    f"{gap.count} packets from {gap.sequence} on are lost on the {where} leg, and not rebuilt")
        for at, (message, one) in enumerate(said.packets):
            if at >= len(heard.packets):
                return False, message.frames, (
                    f"packet {one.sequence} is not on the {to_leg} leg: {len(said.packets)} were said on the "
                    f"{from_leg} leg, {at} arrived")
            if not _same(one, heard.packets[at][1]):
                return False, (*message.frames, *heard.packets[at][0].frames), (
                    f"packet {one.sequence} of the {from_leg} leg is another one on the {to_leg} leg")
        return len(said.packets) == len(heard.packets), frames, (
            f"{len(heard.packets) - len(said.packets)} packets on the {to_leg} leg that nobody said")

    return Fact(f"the fax of the {from_leg} leg on the {to_leg} leg", check)


def _same(said: IfpReceived, heard: IfpReceived) -> bool:
    """FEC may leave zeros behind what it has rebuilt (T.38 annex C)."""
    one, other = said.octets, heard.octets
    if Way.FEC in (said.way, heard.way):
        one, other = one.rstrip(b"\0"), other.rstrip(b"\0")
    return (said.sequence, one) == (heard.sequence, other)


def fax_nothing_forwarded(from_leg: str, to_leg: str) -> Fact:
    """The peer of one leg has sent datagrams, and no UDPTL leaves the gateway on the other one."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        first, second = datagram_leg(report, from_leg), datagram_leg(report, to_leg)
        came = [one for one in first.messages if first.end_of(one) == "peer"] if first is not None else []
        if not came:
            return None
        left = [one for one in second.messages if one.protocol == "UDPTL" and second.end_of(one) == "gateway"] \
            if second is not None else []
        frames = left[0].frames if left else came[0].frames
        return not left, frames, f"the gateway sends UDPTL on the {to_leg} leg ({len(left)} packets)"

    return Fact(f"no fax of the {from_leg} leg on the {to_leg} leg", check)


def fax_sent(leg_name: str, end: End) -> Seen:
    """UDPTL of one end of a leg, inside DTLS where the leg has it."""

    def find(report: Report) -> list[Frames]:
        there = datagram_leg(report, leg_name)
        return [one.frames for one in there.fax(end)] if there is not None else []

    return Seen(f"UDPTL of the {end} on the {leg_name} leg", find)


def clear_udptl(leg_name: str) -> Seen:
    """UDPTL in clear on a leg that has DTLS; a receiver drops it (RFC 7345 §3)."""

    def find(report: Report) -> list[Frames]:
        there = datagram_leg(report, leg_name)
        return [one.frames for one in _clear(there)] if there is not None else []

    return Seen(f"clear UDPTL on the {leg_name} leg", find)


def _clear(there: DatagramLeg) -> list[Message]:
    return [one for one in there.messages if there.is_dtls and one.protocol == "UDPTL" and not one.protected]


def clear_not_forwarded(from_leg: str, to_leg: str) -> Fact:
    """No packet that the peer of one leg sends in clear, though the leg has DTLS, leaves the gateway on the other one.

    One that also came inside DTLS may leave as often as it did.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        first, second = datagram_leg(report, from_leg), datagram_leg(report, to_leg)
        clear = [one for one in _clear(first) if first.end_of(one) == "peer"] if first is not None else []
        if first is None or not clear:
            return None
        allowed = Counter(one.octets for one in first.fax("peer"))
        forbidden = {one.octets for one in clear}
        for one in second.fax("gateway") if second is not None else ():
            allowed[one.octets] -= 1
            if one.octets in forbidden and allowed[one.octets] < 0:
                return False, one.frames, f"{one.summary} leaves on the {to_leg} leg, and came in clear"
        return True, clear[0].frames, ""

    return Fact(f"clear packets of the {from_leg} leg on the {to_leg} leg", check)


def rebuilt(leg_name: str, end: End = "gateway") -> Seen:
    """A packet of this end that is missing on the leg and comes from a later one's redundancy or FEC."""

    def find(report: Report) -> list[Frames]:
        there = datagram_leg(report, leg_name)
        return [message.frames for message, one in _heard(there, end).packets if one.way is not Way.PRIMARY] \
            if there is not None else []

    return Seen(f"a packet of the {end} rebuilt on the {leg_name} leg", find)


def whole_without_help(leg_name: str, end: End = "gateway") -> Fact:
    """Every packet of this end is on the leg itself: nothing had to be rebuilt, and nothing is lost."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        there = datagram_leg(report, leg_name)
        heard = _heard(there, end) if there is not None else _Heard((), ())
        if not heard.packets:
            return None
        helped = [(message, one) for message, one in heard.packets if one.way is not Way.PRIMARY]
        frames = (helped or heard.lost or heard.packets)[0][0].frames
        return not helped and not heard.lost, frames, f"{len(helped)} packets were rebuilt, {len(heard.lost)} gaps stay"

    return Fact(f"every packet of the {end} on the {leg_name} leg", check)


# T.30

def ecm_page(caller: End) -> tuple[Signal, ...]:
    """What is said when a page is sent in error correction mode, in order; `caller`: at which end of the leg it is."""
    called: End = "peer" if caller == "gateway" else "gateway"
    return ((called, "DIS"), (caller, "DCS"), (called, "CFR"), (caller, "PPS-EOP"), (called, "MCF"), (caller, "DCN"))


def plain_page(caller: End) -> tuple[Signal, ...]:
    """The same without error correction mode."""
    return tuple((end, "EOP" if name == "PPS-EOP" else name) for end, name in ecm_page(caller))


def t30_in_order(leg_name: str, *signals: Signal) -> Fact:
    """These signals are said on the leg in this order; others may come in between (T.30 §5)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        there = datagram_leg(report, leg_name)
        said = _signals(there) if there is not None else []
        if not said:
            return None
        at = 0
        frames: list[int] = []
        for wanted in signals:
            place = next((n for n in range(at, len(said)) if said[n][1] == wanted), None)
            if place is None:
                behind = f" behind frame {frames[-1]}" if frames else ""
                return False, tuple(frames), f"{wanted[1]} of the {wanted[0]} is never said{behind}"
            at = place + 1
            frames += said[place][0].frames[-1:]
        return True, tuple(frames), ""

    return Fact(f"T.30 on the {leg_name} leg: {', '.join(name for _, name in signals)}", check)


def t30_said(name: str, leg_name: str, end: End | None = None) -> Seen:
    """A T.30 frame or an indicator is said on the leg, by this end or by any."""

    def find(report: Report) -> list[Frames]:
        there = datagram_leg(report, leg_name)
        return [message.frames for message, (who, what) in _signals(there) if what == name and end in (None, who)] \
            if there is not None else []

    return Seen(f"{name}{f' of the {end}' if end else ''} on the {leg_name} leg", find)


def page_confirmed(leg_name: str, end: End) -> Fact:
    """Each page of the other end is confirmed: MCF of this end comes behind each of its post-page commands."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        there = datagram_leg(report, leg_name)
        frames: list[int] = []
        asked: Message | None = None
        for message, (who, name) in _signals(there) if there is not None else ():
            if who != end and name.removeprefix("PPS-") in _POST_PAGE:
                asked = message
            elif (who, name) == (end, "MCF"):
                if asked is None:
                    return False, message.frames, "MCF, and no page was ended before it"
                frames += (*asked.frames[-1:], *message.frames[-1:])
                asked = None
        if asked is not None:
            return False, asked.frames, "the page is never confirmed: no MCF behind this"
        return (True, tuple(frames), "") if frames else None

    return Fact(f"MCF of the {end} on the {leg_name} leg", check)


def _signals(there: DatagramLeg) -> list[tuple[Message, Signal]]:
    """What both ends say: indicators and T.30 frames, each with the message that completes it, in order."""
    version = ifp.version_of(*{one.value.primary for one in there.messages if isinstance(one.value, UdptlPacket)})
    ends: tuple[End, End] = ("gateway", "peer")
    found = [(message, (end, name)) for end in ends for message, name in _named(_heard(there, end), version)]
    return sorted(found, key=_place)


def _named(heard: _Heard, version: int | None) -> Iterator[tuple[Message, str]]:
    frames = FrameReader()
    for message, one in heard.packets:
        try:
            packet = ifp.decode(one.octets, 3 if version is None else version, rebuilt=one.way is Way.FEC)
        except PeerError:
            continue
        if packet.indicator is not None:
            yield message, str(packet)
        for frame in frames.receive(packet):
            if frame.name and frame.whole is not False:
                yield message, frame.name


def _place(item: tuple[Message, Signal]) -> int:
    return item[0].index
