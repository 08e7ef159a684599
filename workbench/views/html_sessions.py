"""What the HTML report tells of nodes, sessions, legs and H.248 contexts: tables with one row each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from workbench.views.bearers import bearers_html, peer_said
from workbench.views.palette import escape
from workbench.views.roles import roles_html

if TYPE_CHECKING:
    from workbench.analysis.calls.context_values import ContextHistory, ContextState
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Session

_MOST_NODES = 100
_MOST_LEGS = 100
_MOST_ROLES = 12        # legs that a table with a column for each can hold
_MOST_CALL_IDS = 4
_MOST_CONTEXTS = 40
_MOST_STATES = 60
_MOST_TERMINATIONS = 12
_MOST_LETTERS = 600


def table_html(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column heads its rows, in a box that scrolls. Cells are HTML, caption and heads text."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join(f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
                   for first, *rest in rows)
    return (f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table class="list">'
            f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")


def left_html(count: int, what: str) -> str:
    """How many are left out; nothing where none are."""
    return f'<p class="quiet">{count:,} more {escape(what)} are left out here.</p>' if count > 0 else ""


def cut(text: str, most: int) -> str:
    """The beginning of a long text, and how much more there is."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more letters)"


def nodes_html(report: Report) -> str:
    """Who was seen, and how it is known by that name."""
    rows = [(escape(node.name), escape(node.kind or "not known"), escape(", ".join(node.addresses[:_MOST_CALL_IDS])),
             "named in the capture" if node.named else "told by its behaviour") for node in report.nodes[:_MOST_NODES]]
    if not rows:
        return ""
    return (table_html("Nodes", ("node", "kind", "addresses", "name"), rows)
            + left_html(len(report.nodes) - _MOST_NODES, "nodes"))


def sessions_html(report: Report, left: int, linked: Callable[[Sequence[int]], str]) -> str:
    """Nodes, sessions, legs, roles on legs, and what gateways and NATs do.

    Args:
        report: what is shown.
        left: sessions that it does not hold.
        linked: gives frame numbers as links to their messages.
    """
    parts = ["<h3>Sessions</h3>", nodes_html(report)]
    if report.sessions:
        parts.append(table_html(
            "Calls, registrations and control associations",
            ("session", "kind", "media security", "H.248 context", "Call-IDs", "frames", "findings"),
            (_session_cells(report, session, linked) for session in report.sessions)))
    else:
        parts.append("<p>No session was seen in what could be read.</p>")
    parts.append(left_html(left, "sessions"))
    legs = [(session, leg) for session in report.sessions for leg in session.legs]
    if legs:
        parts.append(table_html(
            "Legs", ("leg", "wire", "transport", "termination", "connection", "opened, established, closed (s)",
                     "peer's address", "frames"),
            (_leg_cells(session, leg, linked) for session, leg in legs[:_MOST_LEGS])))
        parts.append(left_html(len(legs) - _MOST_LEGS, "legs"))
    return "".join(parts) + _roles_html(report, len(legs))


def _session_cells(report: Report, session: Session, linked: Callable[[Sequence[int]], str]) -> tuple[str, ...]:
    own = set(session.frames)
    broken = [finding for finding in report.findings if not own.isdisjoint(finding.frames)]
    errors = sum(finding.severity == "error" for finding in broken)
    ids = ", ".join(session.dialogs[:_MOST_CALL_IDS])
    more = len(session.dialogs) - _MOST_CALL_IDS
    return (escape(session.id), escape(session.kind), escape(session.security_said or "-"),
            "-" if session.context is None else str(session.context),
            f"<code>{escape(ids)}</code>{f' and {more} more' if more > 0 else ''}" if ids else "-",
            _frames_said(session.frames, linked),
            f"{len(broken)} ({errors} error{'s' * (errors != 1)})" if errors else str(len(broken)))


def _leg_cells(session: Session, leg: Leg, linked: Callable[[Sequence[int]], str]) -> tuple[str, ...]:
    moments = ", ".join("-" if moment is None else f"{moment:.3f}"
                        for moment in (leg.opened, leg.established, leg.closed))
    return (escape(f"{session.id} {leg.name}"), escape(leg.wire), escape(leg.transport or "-"),
            escape(leg.termination or "-"), escape(_connection(leg)), moments, escape(peer_said(leg) or "-"),
            _frames_said(leg.frames, linked))


def _connection(leg: Leg) -> str:
    if leg.tcp_client and leg.tcp_server:
        return f"{leg.tcp_client} → {leg.tcp_server}"
    if leg.tcp_client:
        return f"{leg.tcp_client} tried, refused or not answered"
    return f"{leg.tls_client} → {leg.tls_server}" if leg.tls_client else "-"


def _frames_said(frames: Sequence[int], linked: Callable[[Sequence[int]], str]) -> str:
    return f"{len(frames):,}, first {linked(frames[:1])}" if frames else "0"


def _roles_html(report: Report, legs: int) -> str:
    parts = []
    if legs <= _MOST_ROLES:
        parts.append(f'<div><h3>Roles</h3><div class="scroll" tabindex="0" role="region" aria-label="roles">'
                     f"{roles_html(report, style=False)}</div></div>")
    else:
        parts.append(f"<div><h3>Roles</h3><p>{legs} legs are too many for a column each; the table of legs above says "
                     "who connects to whom, and messages say the rest.</p></div>")
    bearers = bearers_html(report, style=False)
    if bearers:
        parts.append('<div><h3>TCP handling and NAT bindings</h3><div class="scroll" tabindex="0" role="region" '
                     f'aria-label="TCP handling and NAT bindings">{bearers}</div></div>')
    return f'<div class="facts">{"".join(parts)}</div>'


def contexts_html(report: Report, linked: Callable[[Sequence[int]], str]) -> str:
    """H.248 contexts over time, a table each; nothing where none is known."""
    shown = report.contexts[:_MOST_CONTEXTS]
    if not shown:
        return ""
    return (f"<h3>H.248 contexts over time</h3>{''.join(_context_html(one, linked) for one in shown)}"
            f"{left_html(len(report.contexts) - len(shown), 'contexts')}")


def _context_html(one: ContextHistory, linked: Callable[[Sequence[int]], str]) -> str:
    until = "still there at the end" if one.until is None else f"until {one.until:.3f} s"
    since = f"from {one.since:.3f} s" if one.begun else "older than the capture"
    rows = [(f"{state.time:.3f}", linked((state.frame,)), escape(cut(state.change, _MOST_LETTERS)),
             _terminations(state)) for state in one.states[:_MOST_STATES]]
    return (table_html(f"Context {one.number} of {one.gateway}, ordered by {one.controller}: {since}, {until}",
                       ("seconds", "frame", "change", "terminations from then on"), rows)
            + left_html(one.left_out + len(one.states) - len(rows), "changes"))


def _terminations(state: ContextState) -> str:
    """A line for each termination, and the topology where it is set."""
    told = [*map(str, state.terminations[:_MOST_TERMINATIONS]), *state.topology[:_MOST_TERMINATIONS]]
    more = len(state.terminations) + len(state.topology) - len(told)
    if more > 0:
        told.append(f"and {more:,} more")
    return "<br>".join(escape(cut(line, _MOST_LETTERS)) for line in told) or "none"
