"""What MSRP's addresses say on each leg: a=path, c= and m= in SDP, To-Path and From-Path in the messages themselves.

Source: RFC 4975 §6 and §8.2 (paths), RFC 6714 §4 (CEMA: c= and m= instead).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from workbench.errors import PeerError
from workbench.protocols.msrp.messages import Request, Response
from workbench.protocols.msrp.uri import decode_path, encode_path
from workbench.protocols.sdp import SessionDescription, decode
from workbench.views.palette import escape, plain, themed

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message, Session

COLUMNS = ("leg", "who", "a=path", "c= and m=", "agree", "CEMA", "To-Path", "From-Path", "answered")
_GATEWAYS = ("IMS-ALG", "IMS-AGW")
# The slash in front of the session-id, behind `msrp://host:port`.
_SESSION = re.compile(r"(?<=[^/:])/(?!/)")


class PathRow(msgspec.Struct, frozen=True):
    """What one side of a leg says in one exchange of SDP, and in the first request that it sends after that.

    Args:
        leg, wire: as in `Leg`.
        who: the node that wrote the SDP.
        said: `offer` or `answer`, with the number of the exchange if there is more than one.
        path: a=path.
        address: address and port of c= and m=.
        agree: a=path names the address in c= and m=, so that everybody connects to the same place; None without a path.
        cema: a=msrp-cema is there.
        to_path, from_path: of its first request on this leg; empty where it sent none.
        answered: status of the response to that request; empty where none came.
        frames: of the SDP and of the request.
    """

    leg: str
    wire: str
    who: str
    said: str
    path: str
    address: str
    agree: bool | None
    cema: bool
    to_path: str = ""
    from_path: str = ""
    answered: str = ""
    frames: tuple[int, ...] = ()

    def cells(self) -> tuple[str, ...]:
        """The row's texts in the order of `COLUMNS`."""
        agree = "-" if self.agree is None else "yes" if self.agree else "no"
        return tuple(text or "-" for text in (
            self.leg, f"{self.who}, {self.said}", self.path, self.address, agree, "yes" if self.cema else "no",
            self.to_path, self.from_path, self.answered))


class _Side(msgspec.Struct):
    """One description: who wrote it, when, and what it says."""

    message: Message
    role: str
    host: str
    row: PathRow


def path_rows(report: Report, session: str | None = None) -> list[PathRow]:
    """Two rows for each leg and exchange, the offer first; legs from the offerer's side on."""
    rows: list[PathRow] = []
    for told in report.sessions:
        if told.kind == "msrp" and session in (None, told.id):
            for leg, wire in dict.fromkeys((leg.name, leg.wire) for leg in told.legs):
                rows += _on_leg(report, told, leg, wire)
    return rows


def _on_leg(report: Report, session: Session, leg: str, wire: str) -> list[PathRow]:
    messages = [one for one in report.messages if one.session == session.id and one.wire == wire]
    nats = {binding.outside.node: binding.inside.node for binding in session.bindings}
    rounds: list[list[_Side]] = []
    for message in messages:
        side = _side(message, leg, nats)
        if side is None:
            continue
        if side.role == "offer" or not rounds:
            rounds.append([])
        rounds[-1].append(side)
    kinds = {node.name: node.kind for node in report.nodes}
    found: list[PathRow] = []
    for number, sides in enumerate(rounds):
        until = rounds[number + 1][0].message.index if number + 1 < len(rounds) else len(report.messages)
        heard = [one for one in messages if one.protocol == "MSRP" and sides[0].message.index < one.index < until]
        mark = f" {number + 1}" if len(rounds) > 1 else ""
        for side, request in zip(sides, _requests(sides, heard, kinds), strict=True):
            row = msgspec.structs.replace(side.row, said=side.role + mark)
            found.append(row if request is None else _with_request(row, request, heard))
    return found


def _side(message: Message, leg: str, nats: dict[str, str]) -> _Side | None:
    """The offer or answer that a SIP message carries; None where it carries none, or for a copy of it."""
    body = getattr(message.value, "body", b"") if message.protocol == "SIP" and not message.repeated else b""
    if not isinstance(body, bytes) or not body.lstrip().startswith(b"v="):
        return None
    try:
        described = decode(body)
        address = _address(described)
    except PeerError:
        return None
    media = described.media[0] if described.media else None
    if media is None:
        return None
    path = described.attribute_of(media, "path") or ""
    host, _, _ = address.rpartition(":")
    row = PathRow(leg, message.wire, nats.get(message.source.node, message.source.node), "", path, address,
                  _agree(path, address), described.attribute_of(media, "msrp-cema") is not None,
                  frames=message.frames[-1:])
    return _Side(message, "answer" if message.summary[:1].isdigit() else "offer", host, row)


def _address(described: SessionDescription) -> str:
    media = described.media[0] if described.media else None
    connection = described.connection_of(media) if media is not None else None
    if media is None or connection is None:
        return ""
    return f"{connection.address}:{media.port}"


def _agree(path: str, address: str) -> bool | None:
    """Whether the leftmost URI names the same host and port; a port of 9 (an active side's) names no place."""
    try:
        first = decode_path(path)[0] if path else None
    except PeerError:
        return None
    host, _, port = address.rpartition(":")
    if first is None:
        return None
    return first.host.strip("[]") == host and (port == "9" or str(first.port) == port)


def _requests(sides: list[_Side], heard: list[Message], kinds: dict[str, str]) -> list[Message | None]:
    """Each side's first SEND, or other request if it sent none: known by its host, or by being a gateway's or not."""
    firsts: dict[str, Message] = {}
    requests = [one for one in heard if isinstance(one.value, Request)]
    for message in [*(one for one in requests if one.value.method == "SEND"), *requests]:
        firsts.setdefault(message.source.address, message)
    found: list[Message | None] = []
    for side in sides:
        own = firsts.get(side.host)
        if own is None:
            gateway = kinds.get(side.row.who) in _GATEWAYS
            others = {one.host for one in sides if one is not side}
            own = next((one for host, one in firsts.items() if host not in others
                        and (kinds.get(one.source.node) in _GATEWAYS) == gateway), None)
        found.append(own)
    return found


def _with_request(row: PathRow, message: Message, heard: list[Message]) -> PathRow:
    request = message.value
    status = next((one.value.status for one in heard if isinstance(one.value, Response)
                   and one.value.transaction == request.transaction and one.index > message.index), None)
    return msgspec.structs.replace(
        row, to_path=encode_path(request.to_path), from_path=encode_path(request.from_path),
        answered="" if status is None else str(status), frames=(*row.frames, *message.frames[-1:]))


def paths_text(report: Report, session: str | None = None) -> str:
    """A block of lines for each row, since paths are long."""
    rows = path_rows(report, session)
    if not rows:
        return "no MSRP session in this capture"
    blocks = []
    for row in rows:
        cells = dict(zip(COLUMNS, map(plain, row.cells()), strict=True))
        lines = [f"{cells['leg']}, {cells['who']}"]
        lines += [f"    {name:<10} {cells[name]}" for name in COLUMNS[2:]]
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


PATHS_STYLE = themed(".wb-paths") + """
.wb-paths{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;overflow:auto;
font:14px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-paths table{border-collapse:collapse}
.wb-paths caption{text-align:left;color:var(--wb-quiet);padding:.3em 0}
.wb-paths th,.wb-paths td{text-align:left!important;vertical-align:top;padding:.35em .45em;white-space:nowrap;
border-bottom:1px solid var(--wb-line)}
.wb-paths th{font-weight:600;background:var(--wb-panel)}
.wb-paths .uri,.wb-paths .place{font:12px/1.4 ui-monospace,Menlo,Consolas,monospace}
.wb-paths .uri{white-space:normal;overflow-wrap:anywhere;min-width:15.5em}
.wb-paths .bad{color:var(--wb-bad);font-weight:600}
"""


def paths_html(report: Report, session: str | None = None, *, style: bool = True) -> str:
    """The rows as a table; what does not fit together is said in words and marked."""
    rows = path_rows(report, session)
    if not rows:
        return "<p>No MSRP session in this capture.</p>"
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    body = "".join(f"<tr>{''.join(_cell(row, *one) for one in zip(COLUMNS, row.cells(), strict=True))}</tr>"
                   for row in rows)
    return (f"{f'<style>{PATHS_STYLE}</style>' if style else ''}"
            '<div class="wb-paths" tabindex="0" role="region" aria-label="MSRP addresses on each leg"><table>'
            "<caption>MSRP addresses on each leg: in SDP, and in the first request of each side after it</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")


def _cell(row: PathRow, name: str, text: str) -> str:
    # With CEMA nobody looks at the place in the path, so it may lead elsewhere (RFC 6714 §4.1).
    bad = (name == "agree" and row.agree is False and not row.cema) or (
        name == "answered" and text.isdigit() and text != "200")
    if name.casefold().endswith("path"):
        # A URI is broken before its session-id, and a path between its URIs.
        return f'<td class="uri">{_SESSION.sub("<wbr>/", escape(text))}</td>'
    return f'<td class="{"bad" if bad else "place" if name == "c= and m=" else ""}">{escape(text)}</td>'
