"""What the HTML report tells before any conclusion: blind spots; and in plain words: media, contexts, findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workbench.views.palette import escape

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Finding, Leg, Session

_MEDIA = ("MSRP", "BFCP", "UDPTL", "RTP")
_MOST = 200
_MOST_CALLS = 50


def blind_spots_html(report: Report) -> str:
    """What was not read, and notes on the reading; what nobody looked at can't be told from what is not there."""
    unread = report.unread
    if not unread and not report.notes:
        return "<h3>Blind spots</h3><p>None is known: nothing was reported as not read.</p>"
    rows = "".join(
        f'<tr><th scope="row">{escape(one.what)}</th><td>{escape(one.reason)}</td><td>{one.frames}</td>'
        f"<td>{one.octets}</td><td>{one.first}</td></tr>" for one in unread[:_MOST])
    table = ('<div class="scroll" tabindex="0" role="region" aria-label="blind spots"><table class="list"><caption>'
             'Not read, so no conclusion below rests on it</caption><thead><tr><th scope="col">what</th>'
             '<th scope="col">why</th><th scope="col">frames</th><th scope="col">octets</th>'
             f'<th scope="col">first frame</th></tr></thead><tbody>{rows}</tbody></table></div>') if rows else ""
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes[:_MOST])
    left = max(0, len(unread) - _MOST) + max(0, len(report.notes) - _MOST)
    more = f"<p>{left} more are left out here.</p>" if left else ""
    return f"<h3>Blind spots</h3>{table}{f'<ul>{notes}</ul>' if notes else ''}{more}"


def media_lines(report: Report) -> list[str]:
    """`Why is there no media?`: a sentence for each call, from its connections and media messages."""
    seen: dict[str, int] = {}
    for one in report.messages:
        if one.session and one.protocol in _MEDIA:
            seen[one.session] = seen.get(one.session, 0) + 1
    calls = [one for one in report.sessions if one.kind not in ("registration", "control")]
    lines = [_media_line(one, seen.get(one.id, 0)) for one in calls[:_MOST_CALLS]]
    if len(calls) > _MOST_CALLS:
        lines.append(f"{len(calls) - _MOST_CALLS} more calls are left out here.")
    return lines


def _media_line(session: Session, count: int) -> str:
    legs = "; ".join(_leg_line(leg) for leg in session.legs) or "no media leg was seen"
    said = f"{count} media message{'s' if count != 1 else ''} seen" if count else "no media message seen"
    return f"{session.id} ({session.kind}): {said}. {legs}."


def _leg_line(leg: Leg) -> str:
    if leg.tcp_client and not leg.tcp_server:
        return f"{leg.name}: {leg.tcp_client} tried to connect and was refused or not answered"
    if leg.tls_client and not leg.tls_version:
        return f"{leg.name}: {leg.tls_client} began a handshake that did not negotiate a version"
    protected = f", {leg.tls_version} with {leg.tls_client} as client" if leg.tls_client else ""
    unread = ", not decrypted" if leg.tls_client and not leg.decrypted else ""
    if leg.tcp_client:
        return f"{leg.name}: {leg.tcp_client} connected to {leg.tcp_server}{protected}{unread}"
    missing = "no TCP connection" if "TCP" in leg.transport.upper() else "no connection"
    return f"{leg.name}: {missing}{protected}{unread}"


def media_summary_html(report: Report) -> str:
    """The sentences as a list under the question that people come with."""
    lines = media_lines(report)
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    body = f"<ul>{items}</ul>" if items else "<p>No call was seen in what could be read.</p>"
    return f"<h3>Is there media?</h3>{body}"


def contexts_html(report: Report) -> str:
    """H.248 contexts over time; nothing where none is known."""
    found = [(one, state) for one in getattr(report, "contexts", ()) for state in one.states]
    if not found:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(one.gateway)} {escape(one.number)}</th><td>{state.time:.6f}</td>'
        f"<td>{escape(state.frame)}</td><td>{escape(state.change)}</td>"
        f"<td>{escape(', '.join(map(str, state.terminations)))}</td></tr>" for one, state in found[:_MOST])
    left = f"<p>{len(found) - _MOST} more changes are left out here.</p>" if len(found) > _MOST else ""
    return ('<h3>Contexts over time</h3><div class="scroll" tabindex="0" role="region" aria-label="contexts">'
            '<table class="list"><thead><tr><th scope="col">gateway, context</th><th scope="col">seconds</th>'
            '<th scope="col">frame</th><th scope="col">change</th><th scope="col">terminations</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div>{left}")


def findings_html(findings: Sequence[Finding], linked: Callable[[Sequence[int]], str]) -> str:
    """Findings with evidence and what to check next. `linked` gives frame numbers as links."""
    items = "".join(
        f'<li><span class="badge {"fail" if one.severity == "error" else "unsure"}">{escape(one.severity)}</span>'
        f" <b>{escape(one.title)}</b> <cite>{escape(one.clause)}</cite>"
        f"{' <em>provisional</em>' if one.provisional else ''}<br>{escape(one.explanation)} {linked(one.frames)}"
        f"{f'<br>Check next: {escape(one.next)}' if one.next else ''}</li>" for one in findings[:_MOST])
    left = f"<p>{len(findings) - _MOST} more findings are left out here.</p>" if len(findings) > _MOST else ""
    return f'<h3>Findings</h3><ul class="findings">{items}</ul>{left}'
