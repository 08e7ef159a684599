"""TCP sequence numbers on both sides of a gateway: do they go on across it, or are they its own?

Numbers are relative to the initial sequence number of their leg and direction, as Wireshark shows them: the SYN is 0,
the first octet is 1. So both legs can lie over each other, and what the gateway does can be seen in three ways: which
initial numbers each leg has, whether a segment of the gateway copies one of the other leg, and who acknowledges when.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.calls.segments import LegSegment, leg_segments
from workbench.views.palette import escape, plain, themed

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Session

SAME, MOVED, OWN, UNKNOWN = "the same numbers", "moved numbers", "numbers of its own", "not to be told"


class Flow(msgspec.Struct, frozen=True):
    """One direction of a call through all its legs.

    Args:
        number: 0 from the first leg's peer to the last one's, 1 back, 2 and 3 of the next connections, and so on.
        sender, receiver: nodes at the two ends.
        legs: in the order in which the octets pass them.
        initial: the initial sequence number on each of them; None where it was not seen.
        across: for each gateway between two of them: `SAME`, `MOVED`, `OWN` or `UNKNOWN`.
        gateways: their names.
    """

    number: int
    sender: str
    receiver: str
    legs: tuple[str, ...]
    initial: tuple[int | None, ...]
    across: tuple[str, ...]
    gateways: tuple[str, ...]

    @property
    def said(self) -> str:
        """The flow as a sentence."""
        begins = ", ".join(f"{leg} begins at {'?' if number is None else number}"
                           for leg, number in zip(self.legs, self.initial, strict=True))
        told = "; ".join(f"across {gateway}: {word}" for gateway, word in zip(self.gateways, self.across, strict=True))
        return f"{self.sender} to {self.receiver}: {begins}{'; ' if told else ''}{told}"


class SequenceRow(msgspec.Struct, frozen=True):
    """One segment on one leg.

    Args:
        flow: `Flow.number` of the direction that it belongs to.
        leg: its label.
        frame, time, sender, receiver, kind, size: as in `LegSegment`.
        relative: distance from the initial sequence number of leg and direction.
        acknowledges: distance of what it acknowledges from the initial number of the other direction; None without ACK.
        sequence: the number on the wire.
        origin: frame on the leg before that it is a copy of; 0 where the gateway made it or a peer sent it.
        by_gateway: a gateway sent it.
    """

    flow: int
    leg: str
    frame: int
    time: float
    sender: str
    receiver: str
    kind: str
    size: int
    relative: int
    acknowledges: int | None
    sequence: int
    origin: int = 0
    by_gateway: bool = False

    @property
    def whence(self) -> str:
        """Where the segment comes from, in words."""
        if self.origin:
            return f"passed on, frame {self.origin}"
        return "the gateway's own" if self.by_gateway else "from the peer"


class Sequences(msgspec.Struct, frozen=True):
    """What a call's TCP connections look like in sequence numbers.

    Args:
        handling: what the analyser says of the gateway: `relay`, `proxy`, `merge by proxy`, `merge by translation`.
        flows: two for each connection from end to end.
        rows: all segments, in order of time.
    """

    handling: str
    flows: tuple[Flow, ...]
    rows: tuple[SequenceRow, ...]


class _Chain(msgspec.Struct, frozen=True):
    """The legs that one conversation passes, with their segments and the node at the left end of each."""

    labels: list[str]
    segments: list[Sequence[LegSegment]]
    left: list[str]
    gateways: list[str]

    def initial(self, leg: int, sender_left: bool) -> int | None:
        """The initial sequence number of a direction on a leg; of a connection seen from its middle, the first one."""
        mine = [one for one in self.segments[leg] if (one.sender == self.left[leg]) == sender_left]
        syn = next((one.sequence for one in mine if one.kind in ("SYN", "SYN, ACK")), None)
        return syn if syn is not None else next(((one.sequence - 1) & 0xFFFFFFFF for one in mine
                                                 if one.kind != "RST"), None)

    @property
    def ends(self) -> tuple[str, str]:
        """The nodes at the two ends."""
        last = self.segments[-1][0]
        return self.left[0], last.receiver if last.sender == self.left[-1] else last.sender


def sequences_of(report: Report, session: str | None = None) -> Sequences:
    """The segments of a call's legs with their numbers, and how the legs hang together.

    Args:
        report: what `workbench.analyze` gives.
        session: id of the session; by default the first one with a connection.
    """
    for told in report.sessions:
        if session in (None, told.id):
            found = lay_out(told, [(leg.name, leg_segments(report, leg)) for leg in told.legs])
            if found.rows:
                return found
    return Sequences("", (), ())


def lay_out(session: Session, legs: Sequence[tuple[str, Sequence[LegSegment]]]) -> Sequences:
    """The same from the segments of each leg: the first connection of each leg, side by side, then the second ones."""
    by_name: dict[str, list[Sequence[LegSegment]]] = {}
    for name, segments in legs:
        if segments:
            by_name.setdefault(name, []).append(segments)
    chains = [_chain([(name if number == 0 else f"{name} ({number + 1})", held[number])
                      for name, held in by_name.items() if len(held) > number])
              for number in range(max(map(len, by_name.values()), default=0))]
    flows = [flow for number, chain in enumerate(chains) for flow in _flows(2 * number, chain, session)]
    known = {told.gateway for told in session.handlings}
    rows = [row for number, chain in enumerate(chains) for row in _rows(2 * number, chain, flows, known)]
    return Sequences(session.handling, tuple(flows), tuple(sorted(rows, key=_moment)))


def _moment(row: SequenceRow) -> tuple[float, int]:
    return row.time, row.frame


def _chain(legs: list[tuple[str, Sequence[LegSegment]]]) -> _Chain:
    ends = [{segments[0].sender, segments[0].receiver} for _, segments in legs]
    gateways = [next(iter(sorted(one & other)), "") for one, other in pairwise(ends)]
    first = legs[0][1][0]
    start = first.sender if not gateways or first.sender != gateways[0] else first.receiver
    return _Chain([label for label, _ in legs], [segments for _, segments in legs], [start, *gateways], gateways)


def _flows(number: int, chain: _Chain, session: Session) -> list[Flow]:
    ways = {told.gateway: told.handling for told in session.handlings}
    places = range(len(chain.labels))
    initial = [[chain.initial(leg, sender_left) for leg in places] for sender_left in (True, False)]
    a, b = chain.ends
    across = [[_across(numbers[at], numbers[at + 1], ways.get(gateway, session.handling))
               for at, gateway in enumerate(chain.gateways)] for numbers in initial]
    return [
        Flow(number, a, b, tuple(chain.labels), tuple(initial[0]), tuple(across[0]), tuple(chain.gateways)),
        Flow(number + 1, b, a, tuple(chain.labels[::-1]), tuple(initial[1][::-1]), tuple(across[1][::-1]),
             tuple(chain.gateways[::-1])),
    ]


def _across(one: int | None, other: int | None, handling: str) -> str:
    if one is None or other is None:
        return UNKNOWN
    if one == other:
        return SAME
    return MOVED if handling == "merge by translation" else OWN


def _rows(number: int, chain: _Chain, flows: Sequence[Flow], known: Set[str]) -> list[SequenceRow]:
    found: list[SequenceRow] = []
    for leg, label in enumerate(chain.labels):
        initial = (chain.initial(leg, True), chain.initial(leg, False))
        for one in chain.segments[leg]:
            way = 0 if one.sender == chain.left[leg] else 1
            mine, theirs = initial[way], initial[1 - way]
            acknowledges = None if one.acknowledgment is None or theirs is None else _past(one.acknowledgment, theirs)
            found.append(SequenceRow(
                number + way, label, one.frame, one.time, one.sender, one.receiver, one.kind, one.size,
                0 if mine is None else _past(one.sequence, mine), acknowledges, one.sequence,
                by_gateway=one.sender in known or one.sender in chain.gateways))
    found.sort(key=_moment)
    return _with_origins(found, {flow.number: flow for flow in flows})


def _past(number: int, initial: int) -> int:
    """How far a number is past another one; they wrap at 2^32."""
    distance = (number - initial) & 0xFFFFFFFF
    return distance - (1 << 32) if distance >= 1 << 31 else distance


def _with_origins(rows: list[SequenceRow], flows: dict[int, Flow]) -> list[SequenceRow]:
    """Segments of a gateway that goes on with a peer's numbers, with the segment that each is a copy of."""
    seen: dict[tuple[int, str, tuple[object, ...]], list[int]] = {}
    found: list[SequenceRow] = []
    for row in rows:
        flow = flows[row.flow]
        at = flow.legs.index(row.leg)
        shape = (row.kind, row.relative, row.acknowledges, row.size)
        if row.by_gateway and at > 0 and flow.across[at - 1] in (SAME, MOVED):
            originals = seen.get((row.flow, flow.legs[at - 1], shape), [])
            if originals:
                row = msgspec.structs.replace(row, origin=originals.pop(0) if len(originals) > 1 else originals[0])
        seen.setdefault((row.flow, row.leg, shape), []).append(row.frame)
        found.append(row)
    return found


COLUMNS = ("time", "frame", "leg", "who", "segment", "number", "acknowledges", "where it comes from")


def cells(row: SequenceRow) -> tuple[str, ...]:
    """A row's texts in the order of `COLUMNS`."""
    what = row.kind if row.kind != "payload" else f"{row.size} octet{'s' if row.size > 1 else ''}"
    number = str(row.relative) + (f"-{row.relative + row.size - 1}" if row.size > 1 else "")
    return (f"{row.time:.4f}", str(row.frame), row.leg, f"{row.sender} to {row.receiver}", what, number,
            "" if row.acknowledges is None else f"up to {row.acknowledges}", row.whence)


def sequences_text(report: Report, session: str | None = None) -> str:
    """The flows as sentences and the segments as a table; numbers count from the SYN of their leg and direction."""
    found = sequences_of(report, session)
    if not found.rows:
        return "no TCP connection in this capture"
    lines = [f"handling: {found.handling or 'can not be told'}", *(plain(flow.said) for flow in found.flows), ""]
    table = [COLUMNS, *([plain(cell) for cell in cells(row)] for row in found.rows)]
    widths = [max(len(line[at]) for line in table) for at in range(len(COLUMNS))]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]
    return "\n".join(lines)


SEQUENCES_STYLE = themed(".wb-sequences") + """
.wb-sequences{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;padding:.4em .6em;
font:14px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-sequences .box{overflow:auto;max-height:32em}
.wb-sequences table{border-collapse:collapse;color:var(--wb-ink)}
.wb-sequences caption{text-align:left;color:var(--wb-quiet);padding:.3em 0}
.wb-sequences th,.wb-sequences td{text-align:left!important;padding:.2em .8em;border-bottom:1px solid var(--wb-line);
white-space:nowrap}
.wb-sequences th{font-weight:600;background:var(--wb-panel);position:sticky;top:0}
.wb-sequences .own td:last-child{font-weight:600}
.wb-sequences .copy td:last-child{color:var(--wb-accent)}
"""


def sequences_html(report: Report, session: str | None = None, *, style: bool = True) -> str:
    """The same as HTML."""
    found = sequences_of(report, session)
    if not found.rows:
        return "<p>No TCP connection in this capture.</p>"
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    body = "".join(
        f'<tr class="{"copy" if row.origin else "own" if row.by_gateway else "peer"}">'
        f'{"".join(f"<td>{escape(cell)}</td>" for cell in cells(row))}</tr>' for row in found.rows)
    flows = "".join(f"<li>{escape(flow.said)}</li>" for flow in found.flows)
    return (f"{f'<style>{SEQUENCES_STYLE}</style>' if style else ''}"
            f'<div class="wb-sequences"><p>Handling: {escape(found.handling or "can not be told")}</p><ul>{flows}</ul>'
            f'<div class="box" tabindex="0" role="region" aria-label="segments of both legs"><table>'
            f"<caption>Segments next to the gateway; numbers count from the SYN of their leg and direction</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></div>")
