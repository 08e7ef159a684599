"""What the HTML report tells of calls joined: every hop of SIP and every leg on every wire, in one table a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.views.html_sessions import cut, left_html, table_html
from workbench.views.palette import escape

if TYPE_CHECKING:
    from workbench.analysis.calls.joined_values import Joined, JoinedLeg, Passage
    from workbench.analysis.report import Report

MOST_JOINED = 1000      # sessions of a capture whose calls are joined for a page
_MOST_CALLS = 20
_MOST_ROWS = 40
_MOST_TOLD = 6
_MOST_LETTERS = 400

Linked = Callable[[Sequence[int]], str]


def joined_html(report: Report, linked: Linked) -> str:
    """A table for each call that has more than one dialog, or a leg; nothing where there is none."""
    if len(report.sessions) > MOST_JOINED:
        return f"<p>{len(report.sessions):,} sessions are too many to be joined here; --json joins them all.</p>"
    calls = [one for one in report.joined if one.legs or len(one.dialogs) > 1]
    if not calls:
        return ""
    return (f"<h3>Calls joined</h3>{''.join(_call_html(one, linked) for one in calls[:_MOST_CALLS])}"
            f"{left_html(len(calls) - _MOST_CALLS, 'calls')}")


def _call_html(call: Joined, linked: Linked) -> str:
    rows = list(_rows(call, linked))
    return (table_html(f"{call.session} hop by hop and leg by leg",
                       ("what", "wire", "from", "to", "first frame", "belongs to"), rows[:_MOST_ROWS])
            + left_html(len(rows) - _MOST_ROWS, "rows"))


def _rows(call: Joined, linked: Linked) -> Iterator[tuple[str, ...]]:
    for dialog in call.dialogs:
        for passage in dialog.passages:
            yield _row("SIP", passage, f"Call-ID {dialog.call_id}", linked)
    for leg in call.legs:
        told = "; ".join(_told(leg))
        for passage in leg.passages:
            yield _row(f"{leg.name} {passage.protocol}".strip(), passage, told, linked)
        if not leg.passages:
            yield escape(leg.name), "-", "-", "-", "no connection seen", escape(cut(told, _MOST_LETTERS)) or "-"


def _row(what: str, passage: Passage, told: str, linked: Linked) -> tuple[str, ...]:
    return (escape(what), escape(passage.wire), escape(passage.source), escape(passage.destination),
            linked((passage.frame,)), escape(cut(told, _MOST_LETTERS)) or "-")


def _told(leg: JoinedLeg) -> Iterator[str]:
    """Whose termination a leg is, which NATs are in between, which MSRP session it carries."""
    for one in leg.owners[:_MOST_TOLD]:
        yield f"{one.gateway} context {one.context}, {one.termination}"
    for nat in leg.nats[:_MOST_TOLD]:
        yield f"{nat.nat} in between, {nat.inside} inside"
    for session in leg.msrp[:_MOST_TOLD]:
        yield f"MSRP {session.paths[0]} with {session.paths[1]}"
