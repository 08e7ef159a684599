"""Expectations on new offers inside a fax call: its DTLS association goes on, or another one takes its place.

Source: RFC 8842 §3.1, §4 and §5; RFC 7345 §4.5; R-6.2.10.4-13 of the stage-2 digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from workbench.analysis.carried.dtls import DtlsFlow
from workbench.lab.expect import Fact, Frames, Seen
from workbench.lab.seen.datagrams import End, datagram_leg
from workbench.lab.seen.reading import (
    commands_once,
    exchanges,
    locals_of,
    realm_of,
    remotes_of,
    signals_of,
)
from workbench.protocols.h248 import message as h248
from workbench.protocols.sdp import Media, SessionDescription

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

_Named = tuple[tuple[str, str | None], ...]


# SDP

def tls_id(wire: str, owner: End, now: Literal["kept", "new"]) -> Fact:
    """a=tls-id of one end in the second exchange of the call, held against that in the first one.

    Args:
        owner: `gateway` for what the IMS-ALG writes, `peer` for the UE.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found = exchanges(report, wire)[:2]
        told = [_of(owner, one.offer, one.offered) or _of(owner, one.answer, one.answered) for one in found]
        if len(told) < 2 or told[0] is None or told[1] is None:
            return None
        (before, first), (after, second) = told[0], told[1]
        same = before == after
        return same is (now == "kept"), (*first.frames, *second.frames), (
            f"a=tls-id of the {owner} is {'the same' if same else 'another one'} in the new exchange")

    return Fact(f"a=tls-id of the {owner} on {wire} is {now} in the second exchange", check)


def _of(owner: End, media: Media | None, message: Message | None) -> tuple[str, Message] | None:
    if media is None or message is None or (owner == "gateway") is not ("ALG" in message.source.node):
        return None
    value = media.attribute("tls-id")
    return None if value is None else (value, message)


# Iq

def dtls_left_alone(begun: Seen, realm: str = "access", *, gateway: str = "IMS-AGW") -> Fact:
    """From then until Subtract nothing that the gateway is told concerns an association: no other a=tls-id,
    fingerprint or role, no signal, no new termination."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        start = begun.find(report)
        if not start:
            return None
        frames: list[int] = list(start[0])
        for message, what in _changes(report, realm, gateway):
            if message.frames[0] < start[0][0]:
                continue
            if what:
                return False, message.frames, what
            frames += message.frames
        return True, tuple(frames), ""

    return Fact(f"orders to {gateway} that concern DTLS since {begun.what}", check)


def association_ordered(begun: Seen, realm: str = "access", *, gateway: str = "IMS-AGW") -> Seen:
    """An order behind that one which means another association: another a=tls-id, fingerprint or role."""

    def find(report: Report) -> list[Frames]:
        start = begun.find(report)
        return [message.frames for message, what in _changes(report, realm, gateway)
                if start and message.frames[0] > start[0][0] and what.startswith("another")]

    return Seen(f"another association ordered of {gateway}", find)


def _changes(report: Report, realm: str, gateway: str) -> Iterator[tuple[Message, str]]:
    """Orders until Subtract, each with what it says anew of DTLS at the realm's termination; empty: nothing."""
    known: tuple[_Named, _Named] = ((), ())
    for message, action, command in commands_once(report):
        if message.destination.node != gateway:
            continue
        if command.kind is h248.Kind.SUBTRACT:
            return
        if command.kind is h248.Kind.ADD:
            yield message, "a new termination"
        elif command.kind is not h248.Kind.MODIFY:
            continue
        if realm_of(report, action, command) != realm:
            continue
        told = (_named(locals_of(command)) or known[0], _named(remotes_of(command)) or known[1])
        what = [name for name, now, then in _compared(told, known) if then is not None and now != then]
        signals = [one for one in signals_of(command) if not one.startswith("ipnapt/")]
        if command.kind is h248.Kind.MODIFY:
            yield message, f"another {what[0]}" if what else f"signal {signals[0]}" if signals else ""
        known = told


def _named(described: Iterator[SessionDescription]) -> _Named:
    found = [one for one in described if one.media]
    if not found:
        return ()
    media = found[0].effective(found[0].media[0])
    return tuple((name, media.attribute(name)) for name in ("tls-id", "fingerprint", "setup"))


def _compared(
    told: tuple[_Named, _Named], known: tuple[_Named, _Named]
) -> Iterator[tuple[str, str | None, str | None]]:
    for now, then in zip(told, known, strict=True):
        before = dict(then)
        for name, value in now:
            former = before.get(name)
            # A fingerprint that was asked for is known now, and names of hash functions have no case.
            settled = None if former is None or "$" in former or former == "actpass" else former.casefold()
            yield f"a={name}", (value or "").casefold(), settled


# The access leg

def fax_moves(leg_name: str) -> Fact:
    """Both ends send UDPTL in the first association of the leg, and later in the last one."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        there = datagram_leg(report, leg_name)
        flows = there.associations if there is not None else []
        if there is None or not flows:
            return None
        if len(flows) < 2:
            return False, tuple(flows[0].frames[:1]), "there is one association only"
        frames: list[int] = []
        for flow, which in ((flows[0], "first"), (flows[-1], "last")):
            for end in ("gateway", "peer"):
                said = [one for one in flow.drafts if one.protocol == "UDPTL"
                        and (one.source == there.local) is (end == "gateway")]
                if not said:
                    return False, tuple(flow.frames[:1]), f"the {end} sends no UDPTL in the {which} association"
                frames += said[0].frames
        return True, tuple(frames), ""

    return Fact(f"UDPTL in the first and in the last association of the {leg_name} leg", check)


def former_serves(leg_name: str) -> Fact:
    """UDPTL is sent in the former association after the ClientHello of the one that replaces it, and until that is up
    nobody has closed it (RFC 7345 §4.5)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        there = datagram_leg(report, leg_name)
        flows = there.associations if there is not None else []
        if not flows:
            return None
        former, new = flows[max(0, len(flows) - 2)], flows[-1]
        up = _up(new) if new is not former else None
        closed = next((one for one in former.drafts if "close_notify" in one.summary), None)
        if closed is not None and (up is None or closed.time < up):
            return False, closed.frames, "the former association is closed before a new one is up"
        if new is former:
            return None
        said = [one for one in former.drafts if one.protocol == "UDPTL" and one.time > new.seen[0]]
        frames = (new.frames[0], *(said[0].frames if said else ()))
        return bool(said), frames, "nothing is sent in the former association while the new one is set up"

    return Fact(f"the former association of the {leg_name} leg, until the new one is up", check)


def former_ends(leg_name: str, within: float) -> Fact:
    """The former association is closed so many seconds after the new one is up, and no UDPTL is in it afterwards."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        there = datagram_leg(report, leg_name)
        flows = there.associations if there is not None else []
        if not flows:
            return None
        up = _up(flows[-1]) if len(flows) > 1 else None
        if up is None:
            return False, tuple(flows[-1].frames[:1]), "no new association is up"
        closed = next((one for one in flows[-2].drafts if "close_notify" in one.summary), None)
        if closed is None or closed.time > up + within:
            return False, tuple(flows[-1].frames[:1]), f"the former association is there {within:g} s after the new one"
        late = next((one for one in flows[-2].drafts if one.protocol == "UDPTL" and one.time > closed.time
                     and one.direction == closed.direction), None)
        return late is None, closed.frames, "UDPTL in an association that its sender has closed"

    return Fact(f"the end of the former association of the {leg_name} leg", check)


def _up(flow: DtlsFlow) -> float | None:
    """When its handshake was complete: the server's Finished."""
    return next((one.time for one in flow.drafts if one.summary.startswith("Finished") and "flight 6" in one.summary),
                None)
