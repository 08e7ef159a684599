"""The handshake of each DTLS association flight by flight: what is in it, in how many datagrams, how often it was sent.

Source: RFC 6347 §4.2.4 (flights and retransmission), §4.2.1 (cookie).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from workbench.views.palette import escape, plain, themed

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

COLUMNS = ("flight", "from", "to", "first sent", "messages", "datagrams", "sent", "for")
FOR = {1: "the client begins", 2: "the server keeps no state yet: show me that you are where you say",
       3: "the same hello, with the cookie", 4: "the server's certificate and keys", 5: "the client's, and it is ready",
       6: "the server is ready"}
"""What each flight is for, of a full handshake with cookie."""
_FLIGHT = re.compile(r", flight (\d+)")
_NAME = re.compile(r"[A-Za-z]+")


class FlightRow(msgspec.Struct, frozen=True):
    """One flight.

    Args:
        wire, client, server: of the association; roles as its hellos show them.
        number: of the flight, from 1.
        source, destination: who sent it to whom.
        time: when its first datagram was sent.
        messages: names of the handshake messages in it.
        frames: of the datagrams that carried it first.
        again: times at which some of it was sent once more.
    """

    wire: str
    client: str
    server: str
    number: int
    source: str
    destination: str
    time: float
    messages: tuple[str, ...]
    frames: tuple[int, ...]
    again: tuple[float, ...] = ()

    def cells(self) -> tuple[str, ...]:
        """The texts in the order of `COLUMNS`."""
        sent = "once" if not self.again else f"{1 + len(self.again)} times: again at " + ", ".join(
            f"{time:.2f}" for time in self.again[:6])
        return (str(self.number), self.source, self.destination, f"{self.time:.3f}", ", ".join(self.messages),
                str(len(self.frames)), sent, FOR.get(self.number, ""))


def flight_rows(report: Report, session: str | None = None, *, wire: str | None = None) -> list[FlightRow]:
    """A row for each flight of each association, in order of time."""
    held: dict[tuple[object, ...], list[Message]] = {}
    count: dict[tuple[object, ...], int] = {}
    for message in report.messages:
        found = _FLIGHT.search(message.summary) if message.protocol == "DTLS" and not message.error else None
        if found is None or session not in (None, message.session) or wire not in (None, message.wire):
            continue
        ends = (message.wire, frozenset((str(message.source), str(message.destination))))
        number = int(found[1])
        if number == 1 and not message.repeated:
            count[ends] = count.get(ends, 0) + 1
        held.setdefault((*ends, count.get(ends, 0), number), []).append(message)
    rows = [_row(number, messages) for (*_, number), messages in held.items() if isinstance(number, int)]
    return sorted(rows, key=lambda row: (row.time, row.number))


def _row(number: int, messages: list[Message]) -> FlightRow:
    first = messages[0]
    client, server = first.source.node, first.destination.node
    if number % 2 == 0:
        client, server = server, client
    fresh = [one for one in messages if not one.repeated]
    names = dict.fromkeys(name[0] for one in fresh or messages if (name := _NAME.match(one.summary)) is not None)
    frames = dict.fromkeys(frame for one in fresh for frame in one.frames)
    again = dict.fromkeys(one.time for one in messages if one.repeated)
    return FlightRow(first.wire, client, server, number, first.source.node, first.destination.node, first.time,
                     tuple(names), tuple(frames), tuple(again))


def flights_text(report: Report, session: str | None = None, *, wire: str | None = None) -> str:
    """A block of lines for each flight."""
    rows = flight_rows(report, session, wire=wire)
    if not rows:
        return "no DTLS handshake in this capture"
    lines = []
    for row in rows:
        cells = dict(zip(COLUMNS, row.cells(), strict=True))
        lines.append(f"{cells['first sent']:>9}  flight {cells['flight']}  {row.source} -> {row.destination}  "
                     f"{cells['messages']}")
        many = f"{len(row.frames)} datagram{'s' * (len(row.frames) != 1)}"
        lines.append(f"{'':9}  {many}, sent {cells['sent']}; {cells['for']}".rstrip("; "))
    return "\n".join(map(plain, lines))


FLIGHTS_STYLE = themed(".wb-flights") + """
.wb-flights{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;overflow:auto;
font:14px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-flights table{border-collapse:collapse}
.wb-flights caption{text-align:left;color:var(--wb-quiet);padding:.3em 0}
.wb-flights th,.wb-flights td{text-align:left!important;vertical-align:top;padding:.3em .7em;
border-bottom:1px solid var(--wb-line)}
.wb-flights th{font-weight:600;background:var(--wb-panel)}
.wb-flights .who{white-space:nowrap}
.wb-flights .again{color:var(--wb-unsure);font-weight:600}
"""


def _class(name: str, row: FlightRow) -> str:
    return " class=again" if name == "sent" and row.again else " class=who" if name in ("from", "to") else ""


def flights_html(
    report: Report, session: str | None = None, *, wire: str | None = None, style: bool = True,
) -> str:
    """The rows as a table; empty where there is no handshake. What was sent again is marked, in words too."""
    rows = flight_rows(report, session, wire=wire)
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    body = "".join("<tr>" + "".join(
        f'<td{_class(name, row)}>{escape(cell)}</td>'
        for name, cell in zip(COLUMNS, row.cells(), strict=True)) + "</tr>" for row in rows)
    return (f"{f'<style>{FLIGHTS_STYLE}</style>' if style else ''}"
            '<div class="wb-flights" tabindex="0" role="region" aria-label="DTLS handshake"><table>'
            "<caption>The DTLS handshake, flight by flight</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")
