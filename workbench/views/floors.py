"""Who asks for a floor, waits for it, and holds it, over time: told from the BFCP messages of a capture.

Source: RFC 8855 §4.1 (states of a floor request), §5.2.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from workbench.protocols.bfcp import messages as bfcp
from workbench.protocols.bfcp.registry import Primitive, Status
from workbench.views.palette import escape, plain, themed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

FREE = ""
ASKED = "asks"
PENDING = "waits for the chair"
QUEUED = "waits in the queue"
HOLDS = "holds the floor"
_STATES = {Status.PENDING: PENDING, Status.ACCEPTED: QUEUED, Status.GRANTED: HOLDS}
_FROM_CLIENTS = (Primitive.HELLO, Primitive.FLOOR_QUERY, Primitive.FLOOR_REQUEST, Primitive.FLOOR_RELEASE,
                 Primitive.CHAIR_ACTION)


class FloorRow(msgspec.Struct, frozen=True):
    """A moment at which somebody's part in a floor changes.

    Args:
        time, frames: of the message that says so, where it was seen first.
        floor: which floor; 0 where a message of a chair names a request only.
        said: who says what, in words.
        states: each user's node, with what it does now: one of the words above, empty for nothing.
    """

    time: float
    frames: tuple[int, ...]
    floor: int
    said: str
    states: dict[str, str]

    @property
    def holders(self) -> tuple[str, ...]:
        """Who holds the floor from here on."""
        return tuple(who for who, state in self.states.items() if state == HOLDS)


def floor_rows(report: Report) -> list[FloorRow]:
    """A row for each change, oldest first; a message that passes several wires counts where it is seen first."""
    names = _names(report)
    states = dict.fromkeys(names.values(), FREE)
    rows: list[FloorRow] = []
    for message, value in _firsts(report):
        for who, floor, said, state in _changes(value, names, states):
            if state is not None and states.get(who) == state:
                continue
            if state is not None:
                states = {**states, who: state}
            rows.append(FloorRow(message.time, message.frames, floor, said, states))
    asked = {who for row in rows for who, state in row.states.items() if state}
    return [msgspec.structs.replace(row, states={who: row.states.get(who, FREE) for who in states if who in asked})
            for row in rows]


def _changes(
    value: bfcp.Message, names: dict[tuple[int, int], str], states: dict[str, str],
) -> Iterator[tuple[str, int, str, str | None]]:
    """User's node, floor, words and new state (None: it changes nothing yet) for what a message says."""
    who = names.get((value.conference, value.user), f"user {value.user}")
    match value.primitive:
        case Primitive.FLOOR_REQUEST:
            for floor in value.floors:
                yield who, floor, f"{who} asks for floor {floor}", ASKED
        case Primitive.FLOOR_RELEASE:
            held = states.get(who) == HOLDS
            yield who, 0, f"{who} gives the floor back" if held else f"{who} withdraws its request", FREE
        case Primitive.CHAIR_ACTION:
            for request in value.requests:
                for one in request.floors:
                    yield who, one.floor, f"{who} decides: request {request.request} {_word(one.status)}", None
        case Primitive.FLOOR_REQUEST_STATUS:
            for request in value.requests:
                status = request.floors[0].status if request.status is None and request.floors else request.status
                if status is not None:
                    floor = request.floors[0].floor if request.floors else 0
                    said = f"{who} is told: request {request.request} {_word(status)}"
                    yield who, floor, said, _STATES.get(Status(status), FREE) if status in _KNOWN else FREE


_KNOWN = {int(status) for status in Status}


def _word(status: int | None) -> str:
    return "?" if status is None else Status(status).name.lower() if status in _KNOWN else f"status {status}"


def _firsts(report: Report) -> Iterator[tuple[Message, bfcp.Message]]:
    """The BFCP messages that change something, each as often as it was sent: copies on further wires are left out."""
    sent: dict[tuple[str, bytes], int] = {}
    counted: dict[bytes, int] = {}
    for message in report.messages:
        value = message.value
        if message.protocol != "BFCP" or message.repeated or not isinstance(value, bfcp.Message):
            continue
        on_wire = sent[(message.wire, message.octets)] = sent.get((message.wire, message.octets), 0) + 1
        if on_wire > counted.get(message.octets, 0):
            counted[message.octets] = on_wire
            yield message, value


def _names(report: Report) -> dict[tuple[int, int], str]:
    """Conference and user id to the node that speaks for it: where its own messages were seen first."""
    found: dict[tuple[int, int], str] = {}
    for message, value in _firsts(report):
        if value.primitive in _FROM_CLIENTS:
            found.setdefault((value.conference, value.user), message.source.node)
    return found


def floors_text(report: Report) -> str:
    """A line for each change: when, who says what, and everybody's part in it."""
    rows = floor_rows(report)
    if not rows:
        return "no floor is asked for in this capture"
    people = list(rows[0].states)
    wide = max(len(row.said) for row in rows)
    lines = [f"{'seconds':>9}  {'what is said':<{wide}}  " + "  ".join(f"{who:<{len(HOLDS)}}" for who in people)]
    for row in rows:
        cells = "  ".join(f"{row.states[who] or '.':<{len(HOLDS)}}" for who in people)
        lines.append(f"{row.time:9.3f}  {row.said:<{wide}}  {cells}")
    return "\n".join(plain(line.rstrip()) for line in lines)


FLOORS_STYLE = themed(".wb-floors") + """
.wb-floors{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;overflow:auto;
font:14px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-floors table{border-collapse:separate;border-spacing:6px 0}
.wb-floors tr{background:var(--wb-paper)!important}
.wb-floors caption{text-align:left;color:var(--wb-quiet);padding:.3em 0}
.wb-floors th,.wb-floors td{text-align:left!important;padding:.3em .8em;white-space:nowrap}
.wb-floors thead th{font-weight:600;background:var(--wb-panel)}
.wb-floors .when{color:var(--wb-quiet);font-variant-numeric:tabular-nums}
.wb-floors .asks,.wb-floors .waits{background:var(--wb-panel);border-left:4px dashed var(--wb-unsure)}
.wb-floors .holds{background:var(--wb-chosen);border-left:8px solid var(--wb-accent);font-weight:600}
.wb-floors .goes{color:var(--wb-quiet);font-weight:400}
"""


def floors_html(report: Report, *, style: bool = True) -> str:
    """The rows as a table with time running down: a bar for each user, broken while it waits and solid while it holds.
    """
    rows = floor_rows(report)
    if not rows:
        return "<p>No floor is asked for in this capture.</p>"
    people = list(rows[0].states)
    head = "".join(f'<th scope="col">{name}</th>' for name in ("seconds", "frame", "what is said"))
    head += "".join(f'<th scope="col">{escape(who)}</th>' for who in people)
    body = []
    before: dict[str, str] = {}
    for row in rows:
        cells = "".join(_bar(row.states[who], row.states[who] == before.get(who, FREE)) for who in people)
        body.append(f'<tr><td class="when">{row.time:.3f}</td><td class="when">{row.frames[-1]}</td>'
                    f"<td>{escape(row.said)}</td>{cells}</tr>")
        before = row.states
    return (f"{f'<style>{FLOORS_STYLE}</style>' if style else ''}"
            '<div class="wb-floors" tabindex="0" role="region" aria-label="who holds the floor over time"><table>'
            "<caption>Who asks for the floor, waits for it and holds it; time runs down</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>")


def _bar(state: str, goes_on: bool) -> str:
    if not state:
        return "<td></td>"
    return f'<td class="{state.split()[0]}{" goes" if goes_on else ""}">{escape(state)}</td>'
