"""Expectations on calls with sound: RTP passes through the gateway, ends when a fax takes its place, or goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.values import Message
from workbench.lab.expect import Fact, Frames, Seen
from workbench.lab.seen.control import subtracted
from workbench.lab.seen.reading import Exchange, Side, commands_once, exchanges, sip_messages
from workbench.lab.seen.signalling import sip_request
from workbench.protocols.h248 import message as h248
from workbench.protocols.rtp.messages import RtpPacket
from workbench.protocols.sip import Request

if TYPE_CHECKING:
    from workbench.analysis.report import Report

OPAQUE_BEARER = "udp"


def sound_passes(a: Side, b: Side, before: Seen, *, packets: int = 20) -> Fact:
    """RTP of both peers passes the gateway, octet for octet, until something happens (R-5.11.1-1: in clear).

    Args:
        packets: that each peer's sound has to reach the other side with; what a wire loses counts for neither.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        begun = before.find(report)
        if not begun:
            return None
        sound = [one for one in _sound(report) if one.frames[0] < begun[0][0]]
        frames: list[int] = []
        for near, far in ((a, b), (b, a)):
            came = {one.octets for one in sound if one.wire == near.wire and one.source.node != near.gateway}
            left = [one for one in sound if one.wire == far.wire and one.source.node == far.gateway]
            other = next((one for one in left if one.octets not in came), None)
            if other is not None:
                return False, other.frames, f"{far.gateway} sends on {far} what nobody has sent on {near}"
            if len(left) < packets:
                return False, tuple(frames), f"{len(left)} packets from {near} leave on {far}"
            frames += [left[0].frames[0], left[-1].frames[-1]]
        return True, tuple(frames), ""

    return Fact(f"RTP passes between {a} and {b}, before {before.what}", check)


def sound_ends(*sides: Side) -> Fact:
    """No peer sends RTP once it knows what the last new offer has made of it: behind its answer, or its ACK."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        frames: list[int] = []
        for side in sides:
            known = _known(report, side.wire)
            if known is None:
                return None
            late = [one for one in _sound(report) if one.wire == side.wire and one.source.node != side.gateway
                    and one.frames[0] > known.frames[0]]
            if late:
                return False, late[0].frames, f"{late[0].source.node} still sends {late[0].summary}"
            frames += known.frames
        return True, tuple(frames), ""

    return Fact(f"RTP on {' and '.join(map(str, sides))} behind the last new offer", check)


def sound_goes_on(*sides: Side, since: Seen, packets: int = 20) -> Fact:
    """On each side the peer's RTP goes on behind something, from the same source (SSRC) as before."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        begun = since.find(report)
        if not begun:
            return None
        frames: list[int] = []
        for side in sides:
            sound = [one for one in _sound(report) if one.wire == side.wire and one.source.node != side.gateway]
            later = [one for one in sound if one.frames[0] > begun[0][-1]]
            if len(later) < packets:
                return False, begun[0], f"{len(later)} packets on {side} behind it"
            if len({_source(one) for one in sound}) != 1:
                return False, later[0].frames, f"another source on {side}"
            frames += [later[0].frames[0], later[-1].frames[-1]]
        return True, tuple(frames), ""

    return Fact(f"RTP on {' and '.join(map(str, sides))} after {since.what}", check)


def sound_is_released(*, gateway: str = "IMS-AGW") -> Fact:
    """The terminations that were added for sound are subtracted while the call goes on."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        contexts = _with_sound(report)
        ends = [one for wire in _wires(report) for one in sip_request("BYE", wire).find(report)]
        if not contexts or not ends:
            return None
        over = min(frames[0] for frames in ends)
        gone = {action.context: message for message, action, command in commands_once(report)
                if command.kind is h248.Kind.SUBTRACT and message.destination.node == gateway
                and message.frames[0] < over}
        left = [context for context in contexts if context not in gone]
        frames = tuple(frame for context in contexts if context in gone for frame in gone[context].frames)
        return not left, frames or ends[0], f"context {left[0] if left else ''} is there until the call is over"

    return Fact(f"contexts with sound at {gateway}", check)


def sound_is_kept(since: Seen, *, gateway: str = "IMS-AGW") -> Fact:
    """What was reserved for the fax is subtracted behind something, and the terminations of sound are not touched."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        begun, contexts = since.find(report), _with_sound(report)
        orders = subtracted(gateway=gateway).find(report)
        ends = [one[0] for wire in _wires(report) for one in sip_request("BYE", wire).find(report)]
        if not begun or not contexts or not orders or not ends:
            return None
        between = [(message, action, command) for message, action, command in commands_once(report)
                   if message.destination.node == gateway and begun[0][0] < message.frames[0] < min(ends)]
        for message, action, command in between:
            if action.context in contexts:
                return False, message.frames, f"{command.kind} in the context of sound"
        gone = [message.frames for message, _, command in between if command.kind is h248.Kind.SUBTRACT]
        return bool(gone), gone[0] if gone else begun[0], "nothing is subtracted"

    return Fact(f"orders to {gateway} after {since.what}", check)


def _sound(report: Report) -> list[Message]:
    return [one for one in report.messages if one.protocol == "RTP" and isinstance(one.value, RtpPacket)]


def _source(message: Message) -> int:
    assert isinstance(message.value, RtpPacket)  # `_sound` has looked
    return message.value.ssrc


def _known(report: Report, wire: str) -> Message | None:
    """The SIP message behind which the peer of a wire knows what a new offer has made: its answer, or its ACK."""
    first, *later = exchanges(report, wire) or [Exchange()]
    one = next((one for one in reversed(later) if one.answered is not None), first)
    if one is first or one.answered is None:
        return None
    return one.answered if _is_peer(report, one.answered) else _ack(report, wire, one)


def _is_peer(report: Report, message: Message) -> bool:
    """Not an IMS-ALG: it has no H.248."""
    controls = {one.source.node for one in report.messages if one.protocol == "H.248"}
    return message.source.node not in controls


def _ack(report: Report, wire: str, exchange: Exchange) -> Message | None:
    assert exchange.offered is not None and isinstance(exchange.offered.value, Request)
    invite = exchange.offered.value
    return next((message for message, value in sip_messages(report, wire)
                 if isinstance(value, Request) and value.method == "ACK" and value.call_id == invite.call_id
                 and value.from_tag == invite.from_tag and value.cseq[0] == invite.cseq[0]
                 and exchange.answered is not None and message.frames[0] > exchange.answered.frames[0]), None)


def _with_sound(report: Report) -> list[int]:
    """Contexts whose terminations were all added with the opaque bearer of sound."""
    found: list[int] = []
    for context in report.signalling.contexts:
        bearers = {one.media.proto.lower() for termination in context.terminations.values()
                   for one in termination.locals}
        if bearers == {OPAQUE_BEARER}:
            found.append(context.number)
    return found


def _wires(report: Report) -> list[str]:
    return list(dict.fromkeys(message.wire for message in report.messages))
