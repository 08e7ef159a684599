"""What the HTML report tells first: what was not read, whether there is media, and which rules are broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workbench.views.excerpt import completed_by
from workbench.views.html_sessions import cut, left_html, table_html
from workbench.views.palette import escape

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Finding, Leg, Session

_MEDIA = ("MSRP", "BFCP", "UDPTL", "RTP")
_MOST = 200
_MOST_FRAMES = 400
_MOST_LETTERS = 2000


def blind_spots_html(report: Report) -> str:
    """What was not read, and notes on the reading; what nobody looked at can't be told from what is not there."""
    if not report.unread and not report.notes:
        return "<h3>Blind spots</h3><p>None is known: nothing was reported as not read.</p>"
    table = table_html("Not read, so no conclusion below rests on it",
                       ("what", "why", "frames", "octets", "first frame"),
                       [(escape(one.what), escape(one.reason), str(one.frames), str(one.octets), str(one.first))
                        for one in report.unread[:_MOST]]) if report.unread else ""
    notes = "".join(f"<li>{escape(cut(note, _MOST_LETTERS))}</li>" for note in report.notes[:_MOST])
    return (f"<h3>Blind spots</h3>{table}{left_html(len(report.unread) - _MOST, 'kinds')}"
            f"{f'<ul>{notes}</ul>' if notes else ''}{left_html(len(report.notes) - _MOST, 'notes')}")


def media_lines(report: Report, sessions: Sequence[Session]) -> list[str]:
    """`Why is there no media?`: a sentence for each call, from its connections and media messages."""
    return [_media_line(report, one) for one in sessions if one.kind not in ("registration", "control")]


def _media_line(report: Report, session: Session) -> str:
    legs = "; ".join(_leg_line(leg) for leg in session.legs) or "no media leg was seen"
    return f"{session.id} ({session.kind}): {_media_seen(report, session)}. {legs}."


def _media_seen(report: Report, session: Session) -> str:
    """How many messages of media a call has, counted over its first frames only where it has very many."""
    found = {message.index for frame in session.frames[:_MOST_FRAMES] for message in completed_by(report, frame)
             if message.protocol in _MEDIA}
    if not found:
        some = f" in its first {_MOST_FRAMES} frames" if len(session.frames) > _MOST_FRAMES else ""
        return f"no media message seen{some}"
    more = " or more" if len(session.frames) > _MOST_FRAMES else ""
    return f"{len(found)}{more} media message{'s' if len(found) != 1 or more else ''} seen"


def _leg_line(leg: Leg) -> str:
    if leg.tcp_client and not leg.tcp_server:
        return f"{leg.name}: {leg.tcp_client} tried to connect and was refused or not answered"
    if leg.tls_client and not leg.tls_version:
        return f"{leg.name}: {leg.tls_client} began a handshake that did not negotiate a version"
    key = f" and the pre-shared key {leg.psk_identity}" if leg.psk_identity else ""
    protected = f", {leg.tls_version} with {leg.tls_client} as client{key}" if leg.tls_client else ""
    unread = ", not decrypted" if leg.tls_client and not leg.decrypted else ""
    if leg.tcp_client:
        return f"{leg.name}: {leg.tcp_client} connected to {leg.tcp_server}{protected}{unread}"
    missing = "no TCP connection" if "TCP" in leg.transport.upper() else "no connection"
    return f"{leg.name}: {missing}{protected}{unread}"


def media_summary_html(report: Report, sessions: Sequence[Session], left: int) -> str:
    """The sentences as a list under the question that people come with.

    Args:
        report: the whole report.
        sessions: those of it that are told.
        left: how many are not.
    """
    items = "".join(f"<li>{escape(line)}</li>" for line in media_lines(report, sessions))
    body = f"<ul>{items}</ul>" if items else "<p>No call was seen in what could be read.</p>"
    return f"<h3>Is there media?</h3>{body}{left_html(left, 'sessions')}"


def findings_html(findings: Sequence[Finding], linked: Callable[[Sequence[int]], str]) -> str:
    """Findings with evidence and what to check next. `linked` gives frame numbers as links."""
    if not findings:
        return "<h3>Findings</h3><p>No rule that is checked here is broken in what could be read.</p>"
    items = "".join(
        f'<li><span class="badge {"fail" if one.severity == "error" else "unsure"}">{escape(one.severity)}</span>'
        f" <b>{escape(one.title)}</b> <cite>{escape(one.clause)}</cite>"
        f"{' <em>provisional</em>' if one.provisional else ''}<br>{escape(cut(one.explanation, _MOST_LETTERS))} "
        f"{_evidence(one, linked)}{f'<br>Check next: {escape(one.next)}' if one.next else ''}</li>"
        for one in findings[:_MOST])
    counts = _counts_html(findings) if len(findings) > _MOST else ""
    return (f'<h3>Findings</h3>{counts}<ul class="findings">{items}</ul>'
            f"{left_html(len(findings) - _MOST, 'findings')}")


def _evidence(one: Finding, linked: Callable[[Sequence[int]], str]) -> str:
    return f"(frame{'s' * (len(one.frames) != 1)} {linked(one.frames)})" if one.frames else ""


def _counts_html(findings: Sequence[Finding]) -> str:
    """How often each rule is broken, where that is too often to list."""
    count: dict[str, list[Finding]] = {}
    for one in findings:
        count.setdefault(one.rule, []).append(one)
    rows = [(escape(rule), escape(held[0].severity), f"{len(held):,}", escape(held[0].clause))
            for rule, held in sorted(count.items(), key=lambda item: -len(item[1]))]
    return table_html("How often each rule is broken", ("rule", "severity", "findings", "clause"), rows)
