"""One self-contained HTML page of runs or captures: what was not read, findings, sessions, and every message explained.

No script, font or picture is fetched. Without JavaScript everything is there to read and links lead from the ladder to
the explanations; with it, a click shows the explanation next to the ladder.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.views.comparing_html import BESIDE_STYLE, beside_html
from workbench.views.excerpt import excerpt
from workbench.views.html_joined import joined_html
from workbench.views.html_media import media_html
from workbench.views.html_messages import Explainer, messages_html
from workbench.views.html_sessions import contexts_html, sessions_html
from workbench.views.html_style import PAGE_SCRIPT, PAGE_STYLE
from workbench.views.html_told import blind_spots_html, findings_html, media_summary_html
from workbench.views.ladder import ladder_rows
from workbench.views.palette import escape

if TYPE_CHECKING:
    from workbench.analysis.aligning import Comparison
    from workbench.analysis.report import Report
    from workbench.analysis.values import Finding

# Captures that one page holds.
MOST_SECTIONS = 50

_MOST_DEVIATIONS = 100
_MOST_FRAMES = 12
# The page's own script is the only one that a browser lets run, and there is nobody to ask or to tell anything.
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(PAGE_SCRIPT.encode()).digest()).decode()
_POLICY = (f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{_SCRIPT_HASH}'; img-src data:; "
           "base-uri 'none'; form-action 'none'")

Linked = Callable[[Sequence[int]], str]


def report_html(shown: Sequence[Any], title: str = "eMediasec workbench", *,
                beside: Sequence[Comparison] = ()) -> str:
    """The page.

    Args:
        shown: runs (with their verdicts) or reports, in order.
        title: of the page.
        beside: comparisons, shown behind them.
    """
    explainer = Explainer()
    told = list(enumerate(shown, start=1))[:MOST_SECTIONS]
    sections = [_section(number, one, explainer) for number, one in told]
    if len(shown) > len(told):
        sections.append(f"<p>{len(shown) - len(told):,} more captures are left out here: a page holds {MOST_SECTIONS}. "
                        "Write a page of their own for those that matter.</p>")
    summary = "".join(_summary(number, one) for number, one in told)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{PAGE_STYLE}{BESIDE_STYLE if beside else ''}</style></head>"
        '<body class="wb-page"><a class="skip" href="#s1">Skip to the first scenario</a>'
        f"<header><h1>{escape(title)}</h1>"
        "<p>Everything here was read back from the captured octets. Choose a message in a ladder to have it explained "
        f"field by field.</p></header><main><nav aria-label=\"contents\"><ul>{summary}</ul></nav>"
        f"{''.join(sections)}{''.join(beside_html(number, one) for number, one in enumerate(beside, start=1))}"
        '<section id="meanings" class="meanings" aria-labelledby="meant"><h2 id="meant">Meanings</h2><p>What the '
        "fields above are for, and where that is specified. Entries marked provisional rest on knowledge that could "
        f"not be checked against the text of the specification.</p>{explainer.glossary()}</section></main>"
        f"<script>{PAGE_SCRIPT}</script></body></html>")


def _report(one: Any) -> Report:
    """A run's report, or the report itself."""
    report: Report = getattr(one, "report", one)
    return report


def _summary(number: int, one: Any) -> str:
    scenario = getattr(one, "scenario", None)
    verdicts = getattr(one, "verdicts", None)
    report = _report(one)
    if verdicts is None:
        return (f'<li><a href="#s{number}">{escape(_name(one))}</a> '
                f'<span class="quiet">{len(report.messages)} messages, {_findings_said(report.findings)}</span></li>')
    held = sum(verdict.verdict == "pass" for verdict in verdicts)
    mark = "pass" if held == len(verdicts) else "fail"
    return (f'<li><a href="#s{number}">{escape(scenario.id if scenario else _name(one))}</a> '
            f'<span class="badge {mark}">{held} of {len(verdicts)} hold</span></li>')


def _findings_said(findings: Sequence[Finding]) -> str:
    return "no finding" if not findings else f"{len(findings)} finding{'s' if len(findings) > 1 else ''}"


def _name(one: Any) -> str:
    return Path(str(_report(one).capture)).name


def _section(number: int, one: Any, explainer: Explainer) -> str:
    report = _report(one)
    shown, left = excerpt(report)
    rows = ladder_rows(shown)
    targets = {frame: row.message for row in rows for frame in reversed(row.frames)}

    def linked(frames: Sequence[int]) -> str:
        return _frames(frames, number, targets)

    verdicts = getattr(one, "verdicts", None)
    return "".join((
        f'<section class="scenario" id="s{number}" aria-labelledby="s{number}h">',
        _head(number, one),
        blind_spots_html(report),
        _verdicts(verdicts, linked) if verdicts is not None else "",
        media_summary_html(report, shown.sessions, left.sessions),
        findings_html(report.findings, linked),
        _match(report) if verdicts is None else "",
        sessions_html(shown, left.sessions, linked),
        joined_html(report, linked),
        contexts_html(report, linked),
        media_html(shown),
        messages_html(number, report, shown, rows, left, explainer, _name(one)),
        "</section>"))


def _head(number: int, one: Any) -> str:
    """What is shown: a run of a scenario, or a capture."""
    report = _report(one)
    counts = (f'<p class="quiet">Capture {escape(_name(one))}: {report.packets} frames, '
              f"{len(report.messages)} messages.</p>")
    scenario = getattr(one, "scenario", None) if hasattr(one, "verdicts") else None
    if scenario is None:
        return f'<h2 id="s{number}h">{escape(_name(one))}</h2>{counts}'
    knobs = ", ".join(f"{escape(name)} = {escape(value)}" for name, value in one.knobs.items())
    weakened = f' <span class="badge unsure">weakened: {escape(one.weakened)}</span>' if one.weakened else ""
    provisional = f'<p class="quiet">Provisional: {escape(scenario.provisional)}.</p>' if scenario.provisional else ""
    return (f'<h2 id="s{number}h">{escape(scenario.title)}{weakened}</h2><p class="quiet"><code>{escape(scenario.id)}'
            f"</code> · seed {escape(one.seed)} · {knobs} · {escape(', '.join(scenario.clauses))}</p>"
            f'<p class="lead">{escape(scenario.teaching)}</p>{provisional}{counts}')


def _match(report: Report) -> str:
    """Which scenario of the catalogue a capture shows."""
    if report.scenario is None:
        return ""
    told = report.scenario.deviations
    deviations = "".join(f"<li>{escape(text)}</li>" for text in told[:_MOST_DEVIATIONS])
    more = f"<p>{len(told) - _MOST_DEVIATIONS} more deviations are left out here.</p>" * (len(told) > _MOST_DEVIATIONS)
    also = "".join(f", or <code>{escape(id)}</code>" for id in report.scenario.also)
    return (f"<p>Looks like <code>{escape(report.scenario.id)}</code>{also} ({report.scenario.score:.0%}).</p>"
            f"{f'<ul>{deviations}</ul>' if deviations else ''}{more}")


def _verdicts(verdicts: Sequence[Any], linked: Linked) -> str:
    rows = "".join(
        f'<tr><td><span class="badge {_kind(verdict.verdict)}">{escape(verdict.verdict)}</span></td>'
        f"<td>{escape(verdict.name)}"
        f"{f'<br><span class=quiet>{escape(verdict.reason)}</span>' if verdict.reason else ''}"
        f"</td><td>{linked(verdict.frames)}</td></tr>" for verdict in verdicts)
    return ('<h3>Expectations</h3><div class="scroll" tabindex="0" role="region" aria-label="expectations">'
            '<table class="list"><thead><tr><th scope="col">verdict</th>'
            '<th scope="col">expectation</th><th scope="col">frames</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div>")


def _kind(verdict: str) -> str:
    return verdict if verdict in ("pass", "fail") else "unsure"


def _frames(frames: Sequence[int], number: int, targets: dict[int, int]) -> str:
    said = [
        f'<a href="#s{number}m{targets[frame]}">{frame}</a>' if frame in targets else str(frame)
        for frame in dict.fromkeys(frames[:_MOST_FRAMES])
    ]
    return ", ".join(said) + (" …" if len(frames) > _MOST_FRAMES else "")
