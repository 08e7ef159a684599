"""Expectations on BFCP: what a user is told, how a floor passes from one to the next, who begins TLS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from workbench.lab.expect import Fact, Frames, Seen
from workbench.lab.seen.reading import exchanges, leg_of, session_of
from workbench.protocols.bfcp import messages as bfcp
from workbench.protocols.bfcp.registry import Primitive, Status

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Message


def _bfcp(report: Report, wire: str) -> Iterator[tuple[Message, bfcp.Message]]:
    for message in report.messages:
        if message.protocol == "BFCP" and message.wire == wire and isinstance(message.value, bfcp.Message):
            yield message, message.value


def floor_message(primitive: Primitive, user: int, wire: str, *, protected: bool | None = None) -> Seen:
    """Messages of a primitive by or for a user on a wire; `protected` tells apart what was inside TLS."""
    return Seen(f"{primitive.name} of user {user} on {wire}", lambda report: [
        message.frames for message, value in _bfcp(report, wire)
        if (value.primitive, value.user) == (primitive, user) and protected in (None, message.protected)])


def floor_status(
    user: int, status: Status, wire: str, *, protected: bool | None = None, queued: bool = False,
) -> Seen:
    """The server tells a user on a wire that its own floor request stands like this; `queued`: with a place."""

    def find(report: Report) -> list[Frames]:
        return [message.frames for message, value in _bfcp(report, wire)
                if value.primitive == Primitive.FLOOR_REQUEST_STATUS and value.user == user
                and protected in (None, message.protected)
                and any(request.status == status and (request.position > 0 or not queued)
                        for request in value.requests)]

    return Seen(f"user {user} hears {status.name.lower()} on {wire}", find)


def chair_decides(user: int, wire: str) -> Fact:
    """A user is granted the floor only behind a chair's decision for it (RFC 8855 §11.1)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        said = list(_bfcp(report, wire))
        told = [(message, request) for message, value in said for request in value.requests
                if value.primitive == Primitive.FLOOR_REQUEST_STATUS and value.user == user]
        mine = {request.request for _, request in told}
        granted = next((message for message, request in told if request.status == Status.GRANTED), None)
        decision = next((message for message, value in said for request in value.requests
                         if value.primitive == Primitive.CHAIR_ACTION and request.request in mine
                         and any(one.status == Status.GRANTED for one in request.floors)), None)
        if granted is None:
            return None
        if decision is None:
            return False, granted.frames, f"user {user} is granted, and no chair said so"
        frames = (*decision.frames, *granted.frames)
        return frames[0] < granted.frames[0], frames, f"user {user} is granted before a chair said so"

    return Fact(f"a chair's decision before user {user} is granted the floor on {wire}", check)


def floor_passes(wire: str, users: tuple[int, ...]) -> Fact:
    """These users hold the floor one after the other, in this order, and never two at a time (one holder a floor).

    Who has sent FloorRelease holds it no more: what is said to others may pass the answer to it.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        held: set[int] = set()
        order: list[int] = []
        frames: list[int] = []
        seen = False
        for message, value in _bfcp(report, wire):
            seen = True
            if value.primitive == Primitive.FLOOR_RELEASE:
                held.discard(value.user)
            if value.primitive != Primitive.FLOOR_REQUEST_STATUS:
                continue
            for request in value.requests:
                if request.status == Status.GRANTED and value.user not in order:
                    held.add(value.user)
                    order.append(value.user)
                    frames += message.frames
                    if len(held) > 1:
                        return False, message.frames, f"users {sorted(held)} hold the floor at the same time"
                elif request.status is not None and request.status > Status.GRANTED:
                    held.discard(value.user)
        if not seen:
            return None
        return tuple(order) == users, tuple(frames), f"the floor went to {order or 'nobody'}, not to {list(users)}"

    return Fact(f"holders of the floor on {wire}, in order: {', '.join(map(str, users))}", check)


def tls_client_follows(leg_name: str, rule: Literal["offerer", "setup"]) -> Fact:
    """One end of this leg sends a ClientHello, and it is the one that the rule names.

    `offerer`: who made the offer that the connection goes back to (RFC 8856 §8); for a gateway its controller speaks.
    `setup`: who opened TCP.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        leg = leg_of(report, leg_name)
        if leg is None or not leg.tcp_client or leg.established is None:
            return None
        hellos = client_hellos(report, leg)
        if not hellos:
            return False, leg.frames[:3], "TCP was established, and nobody sent a ClientHello"
        senders = {_end(message.source.node) for message in hellos}
        frames = tuple(message.frames[0] for message in hellos)
        if len(senders) > 1:
            return False, frames, "both ends sent a ClientHello"
        wanted = _end(leg.tcp_client) if rule == "setup" else _offerer(report, leg)
        if not wanted:
            return None
        return senders == {wanted}, frames, f"{hellos[0].source.node} sent the ClientHello, not the {wanted}"

    return Fact(f"who begins TLS on the {leg_name} leg: by {rule}", check)


def later_tls_client(leg_name: str, end: Literal["gateway", "peer"]) -> Fact:
    """The last ClientHello on this leg's wire is of this end: who offered the new connection."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        leg = leg_of(report, leg_name)
        if leg is None:
            return None
        hellos = [message for message in report.messages if message.protocol == "TLS" and message.wire == leg.wire
                  and message.summary.startswith("ClientHello")]
        if len(hellos) < 2:
            return None
        last = hellos[-1]
        return _end(last.source.node) == end, last.frames, f"the last ClientHello is {last.source.node}'s"

    return Fact(f"the {end} sends the last ClientHello of the {leg_name} leg", check)


def client_hellos(report: Report, leg: Leg) -> list[Message]:
    """Every ClientHello on a leg."""
    frames = set(leg.frames)
    return [message for message in report.messages if message.protocol == "TLS" and message.wire == leg.wire
            and message.summary.startswith("ClientHello") and frames & set(message.frames)]


def _end(node: str) -> str:
    """Which end of a leg a node is; a NAT stands for the peer behind it."""
    return "gateway" if "AGW" in node else "peer"


def _offerer(report: Report, leg: Leg) -> str:
    """The end of the leg that the offer before its connection speaks for: a controller speaks for its gateway."""
    session = session_of(report)
    made = [one.offered for one in exchanges(report, leg.wire) if one.offered is not None and session is not None
            and one.offered.session == session.id and one.offered.time <= (leg.opened or 0.0)]
    return _end(made[-1].source.node.replace("ALG", "AGW")) if made else ""


def no_handshake_since(begun: Seen, wire: str) -> Fact:
    """From then on nobody sends a ClientHello or a SYN on this wire: what is up stays up (R-S6-1)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        start = begun.find(report)
        if not start:
            return None
        for message in report.messages:
            if message.wire == wire and message.frames[0] > start[0][0] and (
                    (message.protocol in ("TLS", "DTLS") and message.summary.startswith("ClientHello"))
                    or (message.protocol == "TCP" and message.summary.startswith("SYN"))):
                return False, message.frames, f"{message.source.node}: {message.summary}"
        return True, start[0], ""

    return Fact(f"ClientHello and SYN on {wire} since {begun.what}", check)
