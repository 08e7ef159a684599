"""The ladder: who sends what to whom, in time. Rows and lanes from a report, and from them text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from workbench.views.folding import folded
from workbench.views.palette import plain

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message


class Lane(msgspec.Struct, frozen=True):
    """A node's vertical line: its name, the addresses it was seen with, and its kind."""

    name: str
    addresses: tuple[str, ...] = ()
    kind: str = ""


class Row(msgspec.Struct, frozen=True):
    """One message as a ladder shows it.

    Args:
        message: index in `Report.messages`.
        frames: numbers of the frames that carry it.
        time: seconds since the first frame.
        wire: name of the capture interface.
        source, destination: lanes, by name.
        ports: source and destination port.
        protocol, summary, session, protected, repeated, error, comment: as in `Message`.
    """

    message: int
    frames: tuple[int, ...]
    time: float
    wire: str
    source: str
    destination: str
    ports: tuple[int, int]
    protocol: str
    summary: str
    session: str | None = None
    protected: bool = False
    repeated: bool = False
    error: str = ""
    comment: str = ""

    @property
    def spoken(self) -> str:
        """The row as one sentence, for people who hear the ladder."""
        notes = [", encrypted on the wire" if self.protected else "", ", sent again" if self.repeated else "",
                 f", not decoded: {self.error}" if self.error else ""]
        frames = ", ".join(map(str, self.frames[:4])) + (" and more" if len(self.frames) > 4 else "")
        word = "frame" if len(self.frames) == 1 else "frames"
        return (f"{self.time:.3f} s, {self.protocol} from {self.source} to {self.destination}: {self.summary}"
                f"{''.join(notes)}; {word} {frames} on {self.wire}")


# Lanes that one text holds.
MOST_LANES = 24

# From the served user to the far end, as call flows are drawn.
_ORDER = {"UE": 0, "NAT": 1, "IMS-ALG": 2, "IMS-AGW": 3, "": 4, "peer": 5}


def ladder_rows(
    report: Report, between: Iterable[str] | None = None, session: str | None = None, *, fold: bool = True,
) -> list[Row]:
    """The rows of a report's ladder, in order of time.

    Args:
        report: what `workbench.analyze` gives.
        between: only messages whose two ends are both among these nodes (one name: that node at either end).
        session: only messages of the session with this id.
        fold: runs of like packets of a fax are one row.
    """
    names = set(between) if between is not None else None
    rows = [_row(message) for message in report.messages if session is None or message.session == session]
    if names is not None and len(names) == 1:
        rows = [row for row in rows if names & {row.source, row.destination}]
    elif names is not None:
        rows = [row for row in rows if {row.source, row.destination} <= names]
    return folded(rows) if fold else rows


def ladder_lanes(report: Report, rows: Sequence[Row]) -> list[Lane]:
    """The lanes that rows need: UE, NAT, IMS-ALG, IMS-AGW, peer from left to right; else in order of appearance.

    Where two IMS-ALGs serve a call, the caller's side stands on the left and the called one's mirrored on the right.
    """
    seen: dict[str, dict[str, None]] = {}
    used = {row.message for row in rows}
    for message in report.messages:
        if message.index in used:
            for place in (message.source, message.destination):
                seen.setdefault(place.node, {})[place.address] = None
    kinds = {node.name: node.kind for node in report.nodes}
    addresses = {node.name: node.addresses for node in report.nodes}
    order = list(seen)
    lanes = [Lane(name, tuple(addresses.get(name) or seen[name]), kinds.get(name, "")) for name in order]
    edges = _edges(report, kinds)
    if len(edges) > 1:
        lanes.sort(key=lambda lane: _place(lane, edges, order))
        return lanes
    lanes.sort(key=lambda lane: (_ORDER.get(lane.kind, 4), order.index(lane.name)))
    ues = [lane for lane in lanes if lane.kind == "UE"]
    if len(ues) > 1 and not any(lane.kind == "peer" for lane in lanes):
        # Two UEs stand at the two ends, the one that spoke first on the left.
        lanes.remove(ues[-1])
        lanes.append(ues[-1])
    return lanes


def _edges(report: Report, kinds: dict[str, str]) -> list[set[str]]:
    """The nodes around each IMS-ALG, those that exchange most messages with it; the caller's first."""
    spoken: dict[str, Counter[str]] = {}
    for message in report.messages:
        for one, other in ((message.source.node, message.destination.node),
                           (message.destination.node, message.source.node)):
            if kinds.get(one) == "IMS-ALG" and kinds.get(other) != "IMS-ALG":
                spoken.setdefault(other, Counter())[one] += 1
    callers = [message.source.node for message in report.messages
               if message.summary.startswith("INVITE") and kinds.get(message.source.node) == "IMS-ALG"
               and kinds.get(message.destination.node) == "IMS-ALG"]
    algs = dict.fromkeys([*callers, *(name for name, kind in kinds.items() if kind == "IMS-ALG")])
    return [{alg, *(node for node, heard in spoken.items() if heard.most_common(1)[0][0] == alg)} for alg in algs]


def _place(lane: Lane, edges: Sequence[set[str]], order: Sequence[str]) -> tuple[int, int, int]:
    """Edge by edge; the last one turned round. What belongs to no edge stands in the middle."""
    edge = next((number for number, names in enumerate(edges) if lane.name in names), None)
    if edge is None:
        return 0, _ORDER["peer"] + 1, order.index(lane.name)
    place = _ORDER.get(lane.kind, 4)
    return edge, -place if edge == len(edges) - 1 else place, order.index(lane.name)


def ladder_text(
    report: Report, between: Iterable[str] | None = None, session: str | None = None, width: int = 120,
) -> str:
    """The ladder as lines of text: time, frame, an arrow between the lanes, and the message.

    `width` is a number of columns that lines keep to where they can. A padlock, `[tls]`, marks messages that were
    encrypted on the wire; `(again)` marks retransmissions. Of more than `MOST_LANES` nodes those with most messages
    get a lane; the others' messages name both ends instead.
    """
    rows = ladder_rows(report, between, session)
    lanes = ladder_lanes(report, rows)
    if not rows:
        return "no messages"
    lanes, others = _busiest(lanes, rows)
    # Lanes get what room is left next to the longest texts, within reason.
    gap = max(8, min(18, (width - 60) // max(1, len(lanes))))
    head = " " * 18 + "".join(_cut(plain(lane.name), gap - 2).center(gap) for lane in lanes)
    under = " " * 18 + "".join(
        _cut(plain(lane.addresses[0] if lane.addresses else ""), gap - 1).center(gap) for lane in lanes)
    lines = [head.rstrip(), under.rstrip()]
    if others:
        lines.insert(0, f"{others} more nodes have no lane of their own; choose some to see theirs")
    at = {lane.name: index * gap + gap // 2 for index, lane in enumerate(lanes)}
    for row in rows:
        canvas = [" "] * (gap * len(lanes))
        for place in at.values():
            canvas[place] = "|"
        if row.source in at and row.destination in at:
            _arrow(canvas, at[row.source], at[row.destination], row)
        else:
            canvas = list(_cut(f"{plain(row.source)} -> {plain(row.destination)}", len(canvas)).ljust(len(canvas)))
        frame = str(row.frames[-1]) if row.frames else ""
        secured = f" [{secured_by(row.protocol)}]" if row.protected else ""
        marks = "".join((secured, " (again)" * row.repeated, " (!)" * bool(row.error)))
        line = f"{row.time:10.6f} {frame:>6} {''.join(canvas)} {row.protocol}{marks} {plain(row.summary)}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def secured_by(protocol: str) -> str:
    """What protects it, where something does: UDPTL goes over UDP, all else over TCP."""
    return "dtls" if protocol in ("UDPTL", "DTLS") else "tls"


def _busiest(lanes: Sequence[Lane], rows: Sequence[Row]) -> tuple[list[Lane], int]:
    """The lanes that a text has room for, in their order, and how many are left out."""
    if len(lanes) <= MOST_LANES:
        return list(lanes), 0
    said = Counter(name for row in rows for name in (row.source, row.destination))
    kept = {name for name, _ in said.most_common(MOST_LANES)}
    return [lane for lane in lanes if lane.name in kept], len(lanes) - MOST_LANES


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _arrow(canvas: list[str], start: int, end: int, row: Row) -> None:
    stroke = "=" if row.protected else "." if row.repeated else "-"
    if start == end:
        canvas[start] = "o"
        return
    left, right = sorted((start, end))
    for place in range(left + 1, right):
        canvas[place] = stroke
    canvas[end - 1 if end > start else end + 1] = ">" if end > start else "<"


def _row(message: Message) -> Row:
    return Row(
        message.index, message.frames, message.time, message.wire, message.source.node, message.destination.node,
        (message.source.port, message.destination.port), message.protocol, message.summary, message.session,
        message.protected, message.repeated, message.error, message.comment)
