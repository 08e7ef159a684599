"""What a gateway does with TCP between two legs, told from the packets alone: relay, proxy, or merge, and how.

- The same initial sequence numbers on both legs: segments are passed on as they are (stateless relay).
- The gateway opens a connection of its own, or acknowledges and cuts on its own: it ends TCP on each leg (proxy).
- Both legs were opened by their peers, and were joined (merge). Then either every segment of the gateway is one that
  the other peer had sent, at the same distance from its leg's initial sequence number (translation), or not (proxy).

Loss, reordering and repetition do not matter: a copy is sent after what it copies, and only what the gateway sent
without any such original counts against translation. Where too little was seen, nothing is claimed.

Source: TS 23.334 §5.16.1, §5.16.2.2, §5.16.2.3 (what is done; how it looks is the reading of this workbench).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from operator import itemgetter

import msgspec

from workbench.analysis.calls.signalling import ContextSeen
from workbench.analysis.calls.spans import Span
from workbench.analysis.flows import Segment
from workbench.analysis.values import Handling
from workbench.net.packets import FIN, RST, SYN

RELAY, PROXY = "relay", "proxy"
MERGE_BY_PROXY, MERGE_BY_TRANSLATION = "merge by proxy", "merge by translation"

# How much has to be seen for a word on merging. For translation: copies, among them bare acknowledgments, which a proxy
# sends when it likes; an original may be missing in a capture. For a proxy: own segments, and their share of all.
_COPIES = 4
_BARE = 2
_COPIES_FOR_ONE_MISSING = 50
_OWN = 2
_OWN_SHARE = 0.1
_TOLD_FRAMES = 6


class _Leg(msgspec.Struct, frozen=True):
    """One leg of a gateway: its segments, and which direction is the gateway's."""

    span: Span
    ours: int
    segments: list[Segment]

    @property
    def opened_by_peer(self) -> bool | None:
        """The peer's SYN came first; None where no SYN was seen."""
        client = self.span.content().connection.client
        return None if client is None else client != self.ours

    @property
    def up(self) -> int | None:
        """The frame in which the handshake was complete."""
        if not any(one.flags & SYN and one.direction == 0 for one in self.segments) or not any(
                one.flags & SYN and one.direction == 1 for one in self.segments):
            return None
        return next((one.frame for one in self.segments if not one.flags & (SYN | RST)), None)

    @property
    def opening(self) -> tuple[int, ...]:
        """The frame of the first SYN."""
        return tuple(one.frame for one in self.segments if one.flags & SYN)[:1]


def handling_of(context: ContextSeen, spans: Sequence[Span], gateway: str) -> Handling:
    """What one gateway does between the terminations of a context.

    Args:
        context: the gateway's.
        spans: the call's connections.
        gateway: its name.
    """
    ends = list(context.terminations.values())
    held = [[_leg(span, end.local) for span in spans if end in span.terminations] for end in ends]
    pairs = [(one, other) for at, first in enumerate(held) for second in held[at + 1 :]
             for one, other in zip_longest(first, second)]
    told = [_between(one, other, gateway) for one, other in pairs]
    return next((one for one in told if one.handling), told[0] if told else Handling(
        gateway, "", (), "no connection was seen on either leg"))


def relayed(spans: Iterable[Span]) -> Handling | None:
    """Connections that something without control that was seen passes on; None where there are none."""
    for span in spans:
        if len(span.relayed) > 1:
            frames = tuple(one.contents[0].connection.frames[0] for one in span.relayed)
            return Handling("", RELAY, frames, _RELAYED)
    return None


def summed_up(told: Sequence[Handling]) -> str:
    """One word for a call: of several gateways that differ, what the one does that changes most."""
    found = {one.handling for one in told}
    return next((one for one in (MERGE_BY_TRANSLATION, MERGE_BY_PROXY, PROXY, RELAY) if one in found), "")


_RELAYED = ("the segments on both legs have the same initial sequence numbers: they are passed on, and only addresses "
            "and ports are changed")


def _leg(span: Span, local: object) -> _Leg:
    end = next((end for end in span.terminations if end.local == local), span.termination)
    connection = span.content(end).connection
    return _Leg(span, connection.sides.index(local) if local in connection.sides else 1, connection.segments())


def _between(one: _Leg | None, other: _Leg | None, gateway: str) -> Handling:
    if one is None or other is None:
        left = one or other
        return Handling(gateway, "", left.opening if left is not None else (), "a connection was seen on one leg only")
    opening = one.opening + other.opening
    both_peers = one.opened_by_peer and other.opened_by_peer
    if other.span in one.span.relayed and not both_peers:
        return Handling(gateway, RELAY, opening, _RELAYED)
    if one.opened_by_peer is None or other.opened_by_peer is None:
        return Handling(gateway, "", opening, "the beginning of a connection is not in the capture")
    copies, own, bare = _compared(one, other)
    translated = len(copies) >= _COPIES and bare >= _BARE and len(own) * _COPIES_FOR_ONE_MISSING <= len(copies)
    evidence = (*opening, *(own or copies)[:_TOLD_FRAMES])
    if len(own) >= _OWN and len(own) >= _OWN_SHARE * (len(own) + len(copies)):
        return _proxy(gateway, evidence, len(own), both_peers)
    if translated and both_peers:
        return Handling(gateway, MERGE_BY_TRANSLATION, evidence, (
            f"both legs were opened by their peers, and all that the gateway sent since ({len(copies)} segments, "
            f"{bare} of them bare acknowledgments) is what the other peer had sent, at the same distance from the "
            "initial sequence numbers"))
    if both_peers or translated:
        return Handling(gateway, "", evidence, (
            f"of the gateway's segments {len(copies)} are copies of the other peer's ({bare} bare acknowledgments) and "
            f"{len(own)} are its own: too little to tell"))
    return _proxy(gateway, opening, 0, False)


def _proxy(gateway: str, frames: tuple[int, ...], own: int, both_peers: bool | None) -> Handling:
    if both_peers:
        return Handling(gateway, MERGE_BY_PROXY, frames, (
            f"both legs were opened by their peers, and the gateway acknowledges and cuts on its own on each "
            f"({own} segments that no peer had sent)"))
    return Handling(gateway, PROXY, frames, (
        "the gateway opened a connection with its own initial sequence number"
        + (f", and acknowledges and cuts on its own ({own} segments that no peer had sent)" if own else "")))


def _compared(one: _Leg, other: _Leg) -> tuple[list[int], list[int], int]:
    """The gateway's segments since both legs are up: frames of copies and of its own; how many copies are bare ACKs."""
    if one.up is None or other.up is None:
        return [], [], 0
    since = max(one.up, other.up)
    merged = sorted([(segment.frame, 0, segment) for segment in one.segments]
                    + [(segment.frame, 1, segment) for segment in other.segments], key=itemgetter(0))
    ours = (one.ours, other.ours)
    so_far: tuple[set[object], set[object]] = (set(), set())
    copies: list[int] = []
    own: list[int] = []
    bare = 0
    for frame, leg, segment in merged:
        flags = segment.flags
        if flags & RST:
            break       # what comes behind a reset is clearing up
        shape = segment.start, segment.size, segment.acknowledged, flags & FIN
        if segment.direction != ours[leg]:
            so_far[leg].add(shape)
        elif frame > since and not flags & SYN:
            if shape in so_far[1 - leg]:
                copies.append(frame)
                bare += not segment.size and not flags & FIN
            else:
                own.append(frame)
    return copies, own, bare
