"""Expectations on TCP bearers: who opens, who answers when, how a gateway joins two sides, how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from workbench.lab.expect import Fact, Frames, Seen
from workbench.lab.seen.connections import Half, at, halves, pieces, said
from workbench.lab.seen.control import latching_ordered, subtracted
from workbench.lab.seen.msrp import without_paths
from workbench.lab.seen.reading import Side, exchanges, leg_of, legs_of, session_of
from workbench.net.packets import ACK, SYN

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_FOLD = 0xFFFFFFFF

Kind = Literal["SYN", "SYN-ACK", "ACK", "payload", "FIN", "RST"]
Handling = Literal["relay", "proxy", "merge by proxy", "merge by translation"]


def incoming_triggers_outgoing() -> Fact:
    """The leg on which the gateway is TCP server sees its SYN before the gateway sends one on the other leg."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        legs = legs_of(report)
        incoming = next((leg for leg in legs if leg.tcp_server == "IMS-AGW"), None)
        outgoing = next((leg for leg in legs if leg.tcp_client == "IMS-AGW"), None)
        if outgoing is None or outgoing.opened is None:
            return None
        if incoming is None or incoming.opened is None:
            return False, outgoing.frames[:1], "the gateway opened a connection although none came in"
        frames = (incoming.frames[0], outgoing.frames[0])
        return incoming.opened < outgoing.opened, frames, (
            f"the gateway's own SYN at {outgoing.opened:.3f} s came before the incoming one at {incoming.opened:.3f} s")

    return Fact("SYN on both legs", check)


def words_arrive(leg_from: str, leg_to: str, *, sender: str) -> Fact:
    """What `sender` puts on one leg leaves the gateway on the other leg, octet for octet, and is not empty.

    Where the gateway was told to be MSRP-aware, path headers are left out of the comparison.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        first, second = leg_of(report, leg_from), leg_of(report, leg_to)
        if first is None or not first.tcp_client:
            return None
        said = report.payload(first, sender=sender)
        if not said:
            return None
        if second is None or not second.tcp_client:
            return False, first.frames[-1:], f"nothing arrived: there is no connection on the {leg_to} leg"
        heard = report.payload(second, sender="IMS-AGW")
        frames = (first.frames[0], second.frames[0])
        aware = first.bearer.endswith("/MSRP") and second.bearer.endswith("/MSRP")
        same = without_paths(said) == without_paths(heard) if aware else said == heard
        return same, frames, f"{len(said)} octets left {sender}, {len(heard)} octets arrived"

    return Fact(f"what {sender} says", check)


def comes(side: Side, kind: Kind) -> Seen:
    """Segments of a kind on their way to the gateway."""
    return Seen(f"{kind} to {side.gateway} on {side.wire}", lambda report: [
        (one.frame,) for one in at(report, side) if one.receiver == side.gateway and one.kind == kind])


def leaves(side: Side, kind: Kind) -> Seen:
    """Segments of a kind that the gateway sends."""
    return Seen(f"{kind} of {side.gateway} on {side.wire}", lambda report: [
        (one.frame,) for one in at(report, side) if one.sender == side.gateway and one.kind == kind])


def is_up(side: Side) -> Seen:
    """A connection at this side is established: the segment that acknowledges the SYN-ACK."""

    def find(report: Report) -> list[Frames]:
        found: list[Frames] = []
        for half in halves(report, side):
            place = next((i for i, one in enumerate(half.segments) if one.kind == "SYN-ACK"), None)
            if place is not None:
                third = next((one for one in half.segments[place:] if one.tcp.flags & ACK and not one.tcp.flags & SYN
                              and one.sender != half.segments[place].sender and one.kind != "RST"), None)
                found += [(third.frame,)] if third is not None else []
        return found

    return Seen(f"a connection is established at {side}", find)


def opened(side: Side, *, by: Literal["peer", "gateway"]) -> Fact:
    """The only connection that is established at this side was opened by that party."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        up = [half for half in halves(report, side) if half.answered]
        if not up:
            return None
        wrong = [half for half in up if half.comes_in != (by == "peer")]
        return not wrong, (wrong or up)[0].frames, (
            f"the {'gateway' if by == 'peer' else 'peer'} opened the connection on {side.wire}")

    return Fact(f"the {by} is TCP client on {side}", check)


def handled(kind: Handling, a: Side, b: Side) -> Fact:
    """How the gateway joins its two sides, told from packets alone.

    Relay: one connection, its sequence numbers untouched. Proxy: two, and the gateway is client of one. Merge: the
    gateway is server of both; by translation the acknowledgements are still the peers' own, by proxy the gateway's.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        first, second = ([half for half in halves(report, side) if half.answered] for side in (a, b))
        if not first or not second:
            return None
        seen, why = _handling(first[0], second[0])
        session = session_of(report)
        reported = {one.gateway: one.handling for one in session.handlings} if session is not None else {}
        frames = (*first[0].frames, *second[0].frames)
        if reported.get(a.gateway, seen) != seen:
            return False, frames, f"{why}: {seen}; but the report says {reported[a.gateway]}"
        return seen == kind, frames, f"{why}: {seen}"

    return Fact(f"sequence numbers, SYNs and acknowledgements of a {kind} between {a} and {b}", check)


def _handling(a: Half, b: Half) -> tuple[Handling, str]:
    if a.initial(ours=False) == b.initial(ours=True) and a.initial(ours=True) == b.initial(ours=False):
        return "relay", "the initial sequence numbers of both sides are the same"
    if not (a.comes_in and b.comes_in):
        return "proxy", "the gateway opened one connection, with sequence numbers of its own"
    for near, far in ((a, b), (b, a)):
        early = _own_acknowledgement(near, far)
        if early is not None:
            return "merge by proxy", f"frame {early} acknowledges what the other peer has not acknowledged"
    return "merge by translation", "the gateway acknowledges nothing by itself"


def _own_acknowledgement(near: Half, far: Half) -> int | None:
    """The first acknowledgement of payload that the gateway sends before the other peer has acknowledged as much."""
    ours, theirs = near.initial(ours=False), far.initial(ours=True)
    if ours is None or theirs is None:
        return None
    confirmed = 0
    for one in sorted((*near.segments, *far.segments), key=lambda one: one.frame):
        if not one.tcp.flags & ACK or one.tcp.flags & SYN:
            continue
        if one.wire == far.side.wire and one.sender != far.side.gateway:
            confirmed = max(confirmed, _behind(one.tcp.acknowledgment, theirs))
        elif one.wire == near.side.wire and one.sender == near.side.gateway and (
                max(1, confirmed) < _behind(one.tcp.acknowledgment, ours)):
            return one.frame
    return None


def _behind(number: int, initial: int) -> int:
    """How far a sequence number is behind the initial one (they wrap at 2^32)."""
    distance = (number - initial) & 0xFFFFFFFF
    return distance if distance < 1 << 31 else 0


def segments_pass(a: Side, b: Side) -> Fact:
    """Each segment that the gateway sends on one side came in on the other: but for addresses and ports it is the same.

    Compared are sequence and acknowledgement number, flags and payload, in both directions, as long as the
    terminations are there.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        came: set[tuple[str, int, int, int, bytes]] = set()
        frames: list[int] = []
        sides = {a.wire: b.wire, b.wire: a.wire}
        over = subtracted(gateway=a.gateway).find(report)
        for one in sorted((*at(report, a), *at(report, b)), key=lambda one: one.frame):
            what = (one.tcp.sequence, one.tcp.acknowledgment, one.tcp.flags, bytes(one.tcp.payload))
            if over and one.frame > over[0][0]:
                break
            if one.receiver == a.gateway:
                came.add((sides[one.wire], *what))
                continue
            frames.append(one.frame)
            if (one.wire, *what) not in came:
                return False, (one.frame,), f"the gateway's {one.kind} on {one.wire} is a segment of its own"
        return (True, tuple(frames[:8]), "") if frames else None

    return Fact(f"segments on {a} and on {b}", check)


def goes_where_sdp_says(side: Side) -> Fact:
    """The peer's connection goes to the address in c= and m=, which is not the one in a=path (RFC 6714 §4)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        coming = [half for half in halves(report, side) if half.comes_in]
        told = [media for one in exchanges(report, side.wire) for media in (one.offer, one.answer)
                if media is not None and media.connection is not None and coming
                and (media.connection.address, media.port) == (coming[0].local.host, coming[0].local.port)]
        if not coming:
            return None
        if not told:
            return False, coming[0].frames, f"the connection goes to {coming[0].local}, which no c= and m= names"
        other = coming[0].local.host not in (told[0].attribute("path") or "")
        return other, coming[0].frames, f"a=path names {coming[0].local.host} too"

    return Fact(f"the connection that comes in on {side}, and c=, m= and a=path there", check)


def arrives(a: Side, b: Side, *, paths: bool = True) -> Fact:
    """All that comes in at one side leaves on the other side, octet for octet, and is not empty.

    Args:
        paths: False compares without the To-Path and From-Path headers that a gateway in between rewrites.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        came, left = said(report, a, by_gateway=False), said(report, b, by_gateway=True)
        if not came:
            return None
        frames = tuple(frame for where, ours in ((a, False), (b, True))
                       for frame, _ in pieces(report, where, by_gateway=ours)[:1])
        same = came == left if paths else without_paths(came) == without_paths(left)
        return same, frames, f"{len(came)} octets came in on {a.wire}, {len(left)} octets left on {b.wire}"

    but = "" if paths else ", but for To-Path and From-Path"
    return Fact(f"what comes in on {a} and what leaves on {b}{but}", check)


def silent_until(side: Side, far: Side) -> Fact:
    """No payload leaves the gateway at `side` before the connection at `far` is established."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        spoken = leaves(side, "payload").find(report)
        there = is_up(far).find(report)
        if not spoken:
            return None
        if not there:
            return False, spoken[0], f"payload on {side.wire}, although there is no connection on {far.wire}"
        return there[0] < spoken[0], (*there[0], *spoken[0]), f"payload on {side.wire} before {far.wire} was up"

    return Fact(f"payload of the gateway on {side} and the connection on {far}", check)


def source_is_latched(side: Side, *, realm: str, told: str) -> Fact:
    """The connection comes from another host than SDP named (`told`: the wire on which it did), and is accepted.

    The gateway was told where the peer says it is, and accepted where the peer really is (TS 23.334 §5.4).
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        signalled = {media.connection.address for one in exchanges(report, told) for media in (one.offer, one.answer)
                     if media is not None and media.connection is not None}
        up = [half for half in halves(report, side) if half.comes_in and half.answered]
        ordered = latching_ordered(realm, gateway=side.gateway).find(report)
        if not up or not signalled:
            return None
        frames = (*up[0].frames, *(frame for one in ordered[:1] for frame in one))
        if up[0].remote.host in signalled:
            return False, frames, f"the source is the signalled one: {up[0].remote.host}"
        return bool(ordered), frames, f"{up[0].remote} was taken, but latching was not ordered"

    return Fact(f"the source of the connection on {side}, SDP on {told} and the order to latch", check)


def second_is_refused(side: Side) -> Fact:
    """A further SYN to a termination that has its connection is answered with RST, and the first one goes on."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        coming = [half for half in halves(report, side) if half.comes_in]
        if len(coming) < 2:
            return None
        second = coming[1]
        refused = any(one.kind == "RST" and one.sender == side.gateway for one in second.segments)
        return refused and not second.answered, second.frames, f"the second SYN, of {second.remote}, was accepted"

    return Fact(f"a second SYN on {side}", check)


def connections(side: Side, count: int) -> Fact:
    """How many connections are established at this side from first to last."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        up = [half for half in halves(report, side) if half.answered]
        if not up:
            return None
        frames = tuple(frame for half in up for frame in half.frames[:1])
        return len(up) == count, frames, f"{len(up)} connections were established on {side.wire}"

    return Fact(f"connections on {side}: {count}", check)


def none_left(side: Side) -> Fact:
    """The gateway ends every connection that was established at this side, with FIN or RST."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        tried = halves(report, side)
        if not tried:
            return None
        for half in tried:
            ours = [one for one in half.segments if one.sender == side.gateway]
            up = half.answered and any(one.kind in ("ACK", "payload", "SYN-ACK") for one in ours)
            if up and not any(one.kind in ("FIN", "RST") for one in ours):
                return False, half.frames, f"the connection with {half.remote} on {side.wire} is never ended"
        return True, tried[0].frames, ""

    return Fact(f"the end of each connection on {side}", check)


def flushed_then_ended(a: Side, b: Side) -> Fact:
    """FIN comes in at one side; what came before it has left on the other side before the gateway's FIN there."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        came = [one for one in at(report, a) if one.kind == "FIN" and one.receiver == a.gateway]
        if not came:
            return None
        left = [one for one in at(report, b) if one.kind == "FIN" and one.sender == b.gateway]
        if not left:
            return False, (came[0].frame,), f"no FIN left on {b.wire}"
        frames = (came[0].frame, left[0].frame)
        whole = said(report, a, by_gateway=False), said(report, b, by_gateway=True)
        late = came[0].frame > left[0].frame
        return whole[0] == whole[1] and not late, frames, (
            f"the gateway's FIN on {b.wire} came first" if late
            else f"{len(whole[0])} octets came in before FIN, {len(whole[1])} left")

    return Fact(f"FIN on {a}, what came before it, and FIN on {b}", check)


def flushed_in_flight(a: Side, b: Side) -> Fact:
    """The same, where the peer on the other side has not acknowledged everything when FIN comes in."""
    whole = flushed_then_ended(a, b)

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        fin = next((one.frame for one in at(report, a) if one.kind == "FIN" and one.receiver == a.gateway), None)
        found = at(report, b)
        sent = [one for one in found if one.sender == b.gateway and one.tcp.payload]
        if fin is None or not sent:
            return None
        start = sent[0].tcp.sequence
        acknowledged = max((one.tcp.acknowledgment - start & _FOLD for one in found if one.receiver == b.gateway
                            and sent[0].frame < one.frame < fin), default=0)
        if acknowledged >= max((one.tcp.sequence - start & _FOLD) + len(one.tcp.payload) for one in sent):
            return None
        return whole.check(report)

    return Fact(f"{whole.what}, with octets in flight", check)
