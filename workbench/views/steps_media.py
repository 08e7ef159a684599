"""What a message of BFCP, DTLS or UDPTL makes of its two ends: floors, handshake, the fax and its rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workbench.analysis.calls.fax_pages import FaxDirection, fax_directions
from workbench.protocols.t38.lines import Line, lines_of
from workbench.views.arrivals import LOST, REBUILT, REPEATED, way_of
from workbench.views.conversation import PHASES, conversation_rows
from workbench.views.floors import floor_rows

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

Facts = dict[str, str]
_FLIGHT = re.compile(r", flight (\d+)")
_SECURES = {
    # Message: what its sender has become by it, and what its receiver has.
    "ClientHello": ("client, ClientHello sent", "server, ClientHello received"),
    "HelloVerifyRequest": ("server, asks for the cookie and keeps nothing", "client, is asked for the cookie"),
    "ServerHello": ("server, ServerHello sent", "client, ServerHello received"),
    "CertificateVerify": ("client, has proved its certificate", "server, has seen the client's proof"),
}


class MediaSteps:
    """Facts of a report's media messages, found once for all steps."""

    def __init__(self, report: Report) -> None:
        self._floors: dict[tuple[int, ...], dict[str, Facts]] = {}
        self._faxes: dict[int, dict[str, Facts]] = {}
        protocols = {message.protocol for message in report.messages}
        if "BFCP" in protocols:
            self._find_floors(report)
        if "UDPTL" in protocols:
            self._find_faxes(report)

    def told(self, message: Message, state: dict[str, Facts]) -> dict[str, Facts] | None:
        """Node to topic to words; None where the message is of another protocol."""
        match message.protocol:
            case "DTLS":
                return _dtls(message, state)
            case "UDPTL":
                return self._faxes.get(message.index, {})
            case "BFCP":
                return _with(_bfcp(message), self._floors.get(message.frames, {}))
        return None

    # Floors

    def _find_floors(self, report: Report) -> None:
        for row in floor_rows(report):
            facts = {who: {"floor": said or "no part in it"} for who, said in row.states.items()}
            self._floors[row.frames] = _with(self._floors.get(row.frames, {}), facts)

    # Faxes

    def _find_faxes(self, report: Report) -> None:
        directions = fax_directions(report)
        for wire in dict.fromkeys(one.wire for one in directions):
            for said in conversation_rows(report, wire):
                self._add(said.message, said.who, f"fax on {wire}", f"phase {said.phase}, {PHASES[said.phase]}: has "
                          f"said {said.signal}")
        for direction in directions:
            self._arrivals(direction)
            self._rows(direction)

    def _arrivals(self, direction: FaxDirection) -> None:
        counts = {REPEATED: 0, REBUILT: 0, LOST: 0}
        for arrival in direction.arrivals:
            way = way_of(arrival)
            if way in counts:
                counts[way] += 1
                good = counts[REPEATED] + counts[REBUILT]
                self._add(arrival.message, direction.destination.node, f"UDPTL on {direction.wire}",
                          f"{good} packets made good, {counts[LOST]} lost")

    def _rows(self, direction: FaxDirection) -> None:
        """The row that each packet completes; octets where rows have no marks between them."""
        for number, page in enumerate(direction.pages, 1):
            lines = lines_of(page)
            octets = rows = 0
            for line in lines:
                rows += 1 if isinstance(line, Line) else line.lines
                self._arrived(direction, line.place, f"row {rows} of page {number}")
            for piece in page.pieces if not lines else ():
                octets += len(piece.octets)
                self._arrived(direction, piece.place, f"{octets} octets of page {number}")

    def _arrived(self, direction: FaxDirection, place: int, said: str) -> None:
        if place < len(direction.arrivals):
            self._add(direction.arrivals[place].message, direction.destination.node, f"page on {direction.wire}", said)

    def _add(self, message: int, node: str, topic: str, said: str) -> None:
        self._faxes.setdefault(message, {}).setdefault(node, {})[topic] = said


def _with(one: dict[str, Facts], other: dict[str, Facts]) -> dict[str, Facts]:
    return {node: {**one.get(node, {}), **other.get(node, {})} for node in (*one, *other)}


def _bfcp(message: Message) -> dict[str, Facts]:
    if message.repeated or message.error:
        return {}
    topic = f"BFCP on {message.wire}"
    kind = message.summary.split(" ", 1)[0].rstrip(",")
    inside = " inside TLS" if message.protected else " in clear"
    return {message.source.node: {topic: f"has sent {kind}{inside}"},
            message.destination.node: {topic: f"has received {kind}{inside}"}}


def _dtls(message: Message, state: dict[str, Facts]) -> dict[str, Facts]:
    source, destination = message.source.node, message.destination.node
    topic, kind = f"DTLS on {message.wire}", re.split(r"[ ,]", message.summary, maxsplit=1)[0]
    found = _FLIGHT.search(message.summary)
    flight = f", flight {found[1]}" if found is not None else ""
    if message.error:
        return {}
    if message.repeated:
        return {source: {topic: f"{_role(state, source, topic)}has sent{flight[1:]} again"}} if flight else {}
    if kind in _SECURES:
        said, heard = _SECURES[kind]
        return {source: {topic: said + flight}, destination: {topic: heard + flight}}
    if kind == "Finished":
        both = "Finished sent" in state.get(destination, {}).get(topic, "")
        told = {source: {topic: _role(state, source, topic) + ("established" if both else "Finished sent") + flight}}
        if both:
            told[destination] = {topic: _role(state, destination, topic) + "established" + flight}
        return told
    if kind == "Alert":
        return {source: {topic: f"{_role(state, source, topic)}has sent {message.summary}"},
                destination: {topic: f"{_role(state, destination, topic)}has received {message.summary}"}}
    return {}


def _role(state: dict[str, Facts], node: str, topic: str) -> str:
    """`client, ` or `server, ` as known so far."""
    role = state.get(node, {}).get(topic, "").split(",", 1)[0]
    return f"{role}, " if role in ("client", "server") else ""
