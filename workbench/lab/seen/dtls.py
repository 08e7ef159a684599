"""Expectations on DTLS: who begins it, whether a flight had to be sent again, how often it was set up, how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.calls.legs import said_on
from workbench.analysis.calls.signalling import Described
from workbench.analysis.carried.dtls import DtlsFlow
from workbench.lab.expect import Fact, Frames, Seen
from workbench.lab.seen.datagrams import DatagramLeg, End, datagram_leg

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def dtls_client_follows(leg_name: str) -> Fact:
    """In each association of the leg the ClientHello is of the end that a=setup of the answer makes the active one.

    Source: RFC 7345 §4.1, RFC 8842 §5; TS 23.334 §6.2.10.4.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        there = datagram_leg(report, leg_name)
        frames: list[int] = []
        for flow in there.associations if there is not None else ():
            assert there is not None
            senders, hellos = _hellos(there, flow)
            answer = _answer(there, flow)
            wanted = _active(answer, there)
            if not senders or answer is None or wanted is None:
                continue
            frames += (*answer.draft.frames, *hellos[:2])
            if senders != {wanted}:
                return False, tuple(frames), (
                    f"the {' and the '.join(sorted(senders))} sent a ClientHello; a=setup:{answer.setup} in the "
                    f"answer leaves it to the {wanted}")
        return (True, tuple(frames), "") if frames else None

    return Fact(f"who begins DTLS on the {leg_name} leg, by a=setup", check)


def dtls_client(leg_name: str, end: End) -> Fact:
    """This end, and no other, sends ClientHellos on the leg."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        there = datagram_leg(report, leg_name)
        told = [_hellos(there, flow) for flow in there.associations] if there is not None else []
        senders = {one for ends, _ in told for one in ends}
        if not senders:
            return None
        frames = tuple(frame for _, hellos in told for frame in hellos[:2])
        return senders == {end}, frames, f"sent by the {' and the '.join(sorted(senders))}"

    return Fact(f"the {end}'s ClientHello on the {leg_name} leg", check)


def flight_again(leg_name: str) -> Seen:
    """A part of the handshake that is sent again on the leg, since something was lost (RFC 6347 §4.2.4)."""

    def find(report: Report) -> list[Frames]:
        there = datagram_leg(report, leg_name)
        return [message.frames for message in there.messages if message.protocol == "DTLS" and message.repeated
                and "flight" in message.summary] if there is not None else []

    return Seen(f"a flight sent again on the {leg_name} leg", find)


def associations(leg_name: str, count: int) -> Fact:
    """So many handshakes were completed on the leg: a re-offer keeps the association, or makes another (RFC 8842)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        there = datagram_leg(report, leg_name)
        if there is None or not there.associations:
            return None
        # One that goes on from another address is the same.
        done = [flow for flow in there.associations if _is_up(flow) and flow.earlier is None]
        frames = tuple(flow.frames[0] for flow in done)
        return len(done) == count, frames, f"{len(done)} associations were set up, not {count}"

    return Fact(f"{count} DTLS association{'s' * (count != 1)} on the {leg_name} leg", check)


def dtls_closed(leg_name: str) -> Fact:
    """The last association of the leg ends with close_notify or a fatal alert, and who said it says no more in it."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        there = datagram_leg(report, leg_name)
        if there is None or not there.associations or not there.leg.decrypted:
            return None
        flow = there.associations[-1]
        ended = next((one for one in flow.drafts
                      if "close_notify" in one.summary or "Alert fatal" in one.summary), None)
        if ended is None:
            return False, tuple(flow.frames[-1:]), "nobody ended DTLS: its other end goes on to believe in it"
        late = next((one for one in flow.drafts if one.frames[0] > ended.frames[-1] and one.protocol == "UDPTL"
                     and one.direction == ended.direction), None)
        frames = (*ended.frames, *(late.frames if late is not None else ()))
        return late is None, frames, "who has ended DTLS sends UDPTL in it"

    return Fact(f"the end of DTLS on the {leg_name} leg", check)


def _is_up(flow: DtlsFlow) -> bool:
    """Both ends have sent something protected: their Finished."""
    return {one.direction for one in flow.drafts if one.protected} == {0, 1}


def _hellos(there: DatagramLeg, flow: DtlsFlow) -> tuple[set[End], list[int]]:
    """The ends that sent a ClientHello in an association, and where."""
    hellos = [one for one in flow.drafts if one.summary.startswith("ClientHello")]
    senders: set[End] = {"gateway" if one.source == there.local else "peer" for one in hellos}
    return senders, [one.frames[0] for one in hellos]


def _answer(there: DatagramLeg, flow: DtlsFlow) -> Described | None:
    """The answer on the leg that the association follows: the last one before it, or the first where it came early."""
    ours, theirs = said_on(there.call, there.termination, None)
    answers = sorted((one for one in (*ours, *theirs) if one.role == "answer" and one.setup), key=_time)
    before = [one for one in answers if one.draft.time <= flow.seen[0]]
    return before[-1] if before else next(iter(answers), None)


def _active(answer: Described | None, there: DatagramLeg) -> End | None:
    if answer is None or answer.setup not in ("active", "passive"):
        return None
    ours, _ = said_on(there.call, there.termination, None)
    mine = any(one is answer for one in ours)
    return "gateway" if mine == (answer.setup == "active") else "peer"


def _time(one: Described) -> float:
    return one.draft.time
