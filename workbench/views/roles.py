"""Who does what on each leg: TCP and TLS client and server, a=setup, fingerprints, where its peer is."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.views.bearers import peer_said
from workbench.views.palette import COLOURS, escape, figure_text, plain, themed

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Certificate, Leg, Session

COLUMNS = ("session", "leg", "wire", "transport", "bearer on Iq", "TCP client", "TCP server", "TLS client",
           "TLS server", "TLS", "certificates", "a=setup", "peer's address")


_RIGHT = "matches the announced fingerprint"
_WRONG = "does NOT match the announced fingerprint"


class LegRoles(msgspec.Struct, frozen=True):
    """One row of the role table. Fields are texts for people, `-` where there is nothing; see `Leg` for their sense.

    `setup` lists `node: role` as last seen in SDP on the wire of the leg; `matches` is False as soon as one
    certificate does not fit its announced fingerprint, None where none could be checked. `peer` tells where SDP puts
    the gateway's peer, where it was seen, and whether the gateway latched.
    """

    session: str
    leg: str
    wire: str
    transport: str
    bearer: str
    tcp_client: str
    tcp_server: str
    tls_client: str
    tls_server: str
    tls: str
    certificates: tuple[str, ...]
    setup: tuple[str, ...]
    matches: bool | None
    frames: tuple[int, ...]
    peer: str = ""

    def cells(self) -> tuple[str, ...]:
        """The row's texts in the order of `COLUMNS`."""
        return tuple(text or "-" for text in (
            self.session, self.leg, self.wire, self.transport, self.bearer, self.tcp_client, self.tcp_server,
            self.tls_client, self.tls_server, self.tls, "; ".join(self.certificates), ", ".join(self.setup),
            self.peer))


def role_rows(report: Report, session: str | None = None) -> list[LegRoles]:
    """The role table: one row a media leg, sessions in order."""
    setups = _setups(report)
    return [
        _row(told, leg, setups.get((told.id, leg.wire), {}))
        for told in report.sessions if session is None or told.id == session for leg in told.legs
    ]


def roles_text(report: Report, session: str | None = None) -> str:
    """The role table turned on its side: a column a leg, so that it fits a terminal."""
    rows = role_rows(report, session)
    if not rows:
        return "no media leg in this capture"
    columns = [[plain(cell) for cell in row.cells()] for row in rows]
    wide = [min(44, max(len(cell) for cell in column)) for column in columns]
    lines = []
    for index, name in _answered(rows):
        stacks = [_wrapped(column[index], width) for column, width in zip(columns, wide, strict=True)]
        for line in range(max(map(len, stacks))):
            cells = [(stack[line] if line < len(stack) else "").ljust(width)
                     for stack, width in zip(stacks, wide, strict=True)]
            lines.append(f"{name if line == 0 else '':<14}  {'  '.join(cells)}".rstrip())
    return "\n".join(lines)


def _answered(rows: list[LegRoles]) -> list[tuple[int, str]]:
    """The questions that some leg answers, with their places in `COLUMNS`."""
    return [(index, name) for index, name in enumerate(COLUMNS)
            if index < 2 or any(row.cells()[index] != "-" for row in rows)]


ROLES_STYLE = themed(".wb-roles") + """
.wb-roles{border-collapse:collapse;color:var(--wb-ink);background:var(--wb-paper);
font:14px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-roles caption{text-align:left;color:var(--wb-quiet);padding:.3em 0}
.wb-roles th,.wb-roles td{text-align:left!important;vertical-align:top;padding:.35em .8em;
border-bottom:1px solid var(--wb-line)}
.wb-roles th{font-weight:600;background:var(--wb-panel);color:var(--wb-ink)}
.wb-roles .good{color:var(--wb-good)}
.wb-roles .bad{color:var(--wb-bad);font-weight:600}
.wb-roles .print{font:12px ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
"""


def roles_html(report: Report, session: str | None = None, *, style: bool = True) -> str:
    """The role table as HTML: a row a question, a column a leg."""
    rows = role_rows(report, session)
    if not rows:
        return "<p>No media leg in this capture.</p>"
    head = "".join(f'<th scope="col">{escape(row.leg)}<br>{escape(row.session)}</th>' for row in rows)
    body = []
    for index, name in _answered(rows)[2:]:
        cells = "".join(f"<td>{_cell(row, index)}</td>" for row in rows)
        body.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
    return (f"{f'<style>{ROLES_STYLE}</style>' if style else ''}"
            f'<table class="wb-roles"><caption>Roles on each leg, as seen on the wire</caption>'
            f'<thead><tr><th scope="col">leg</th>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>')


def roles_figure(report: Report) -> Any:
    """The roles as a plotly figure: an arrow from client to server for TCP and for TLS, one line a leg."""
    go: Any = import_module("plotly.graph_objects")

    rows = role_rows(report)
    figure = go.Figure()
    nodes: dict[str, None] = {}
    for row in rows:
        for node in (row.tcp_client, row.tcp_server, row.tls_client, row.tls_server):
            if node:
                nodes[figure_text(node)] = None
    lines: list[str] = []
    for row in rows:
        for layer, *ends in (("TCP", row.tcp_client, row.tcp_server), ("TLS", row.tls_client, row.tls_server)):
            if not all(ends):
                continue
            client, server = map(figure_text, ends)
            name = figure_text(f"{row.leg} {layer}")
            lines.append(name)
            colour = COLOURS["tls" if layer == "TLS" else "tcp"][0]
            figure.add_trace(go.Scatter(
                x=[client, server], y=[name, name], mode="lines+markers+text", name=name,
                marker={"size": 16, "symbol": ["circle", "arrow-right"], "angleref": "previous", "color": colour},
                line={"color": colour, "width": 3}, text=["client", "server"], textposition="top center",
                hovertext=[f"{client}: {layer} client", f"{server}: {layer} server"], hoverinfo="text"))
    figure.update_layout(
        title="Who opens what: arrows run from client to server", showlegend=False, template="plotly_white",
        height=160 + 60 * len(lines),
        xaxis={"categoryorder": "array", "categoryarray": list(nodes), "type": "category"},
        yaxis={"categoryorder": "array", "categoryarray": list(reversed(lines)), "type": "category"},
        margin={"l": 120, "r": 30, "t": 60, "b": 40})
    return figure


def _row(session: Session, leg: Leg, setups: dict[str, str]) -> LegRoles:
    known = [held.matches for held in leg.certificates if held.matches is not None]
    tls = leg.tls
    if tls and leg.decrypted:
        tls += ", decrypted"
    return LegRoles(
        session.id, leg.name, leg.wire, leg.transport, leg.bearer, leg.tcp_client, leg.tcp_server, leg.tls_client,
        leg.tls_server, tls, tuple(map(_certificate, leg.certificates)),
        tuple(f"{node}: {role}" for node, role in setups.items()), all(known) if known else None, tuple(leg.frames),
        peer_said(leg))


def _certificate(held: Certificate) -> str:
    if held.matches is None:
        told = "shown, not announced on this wire" if held.seen and not held.announced else "can't be compared"
        return f"{held.owner}: {told}"
    return f"{held.owner}: {_RIGHT if held.matches else _WRONG}"


def _cell(row: LegRoles, index: int) -> str:
    if COLUMNS[index] == "certificates" and row.certificates:
        kinds = ["bad" if _WRONG in text else "good" if _RIGHT in text else "none" for text in row.certificates]
        return "<br>".join(f'<span class="{kind}">{escape(text)}</span>'
                           for kind, text in zip(kinds, row.certificates, strict=True))
    if COLUMNS[index] == "a=setup" and row.setup:
        return "<br>".join(map(escape, row.setup))
    return escape(row.cells()[index])


def _setups(report: Report) -> dict[tuple[str, str], dict[str, str]]:
    """For each session and wire: what each node (not its NAT) last wrote in a=setup of the first medium."""
    from workbench.errors import PeerError
    from workbench.protocols.sdp import decode

    found: dict[tuple[str, str], dict[str, str]] = {}
    nats = {binding.outside.node: binding.inside.node for told in report.sessions for binding in told.bindings}
    for message in report.messages:
        body = getattr(message.value, "body", b"") if message.protocol == "SIP" else b""
        if not body or not isinstance(body, bytes) or message.session is None or not body.lstrip().startswith(b"v="):
            continue
        try:
            described = decode(body)
        except PeerError:
            continue
        for media in described.media[:1]:
            role = media.attribute("setup")
            if role is not None:
                found.setdefault((message.session, message.wire), {})[
                    nats.get(message.source.node, message.source.node)] = role
    return found


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width) or [""]
