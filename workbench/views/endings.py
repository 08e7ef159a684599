"""How the connections of a call end: who closes what in which order on each wire, and what the controller is told.

Source: TS 23.334 §6.2.10.3 and §8.5, RFC 8446 §6.1 (close_notify), H.248.1 E.1 (g/cause).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from workbench.views.palette import escape, plain, themed

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message, Session

TOLD = "the controller is told"
DOES = "BYE and orders"
_NOTIFY = re.compile(r"Notify (\S+) (.*?) in \S+ \[\d+\]$")
_CAUSES = {"NR": "normal release", "UR": "unavailable resources", "FT": "temporary failure", "FP": "permanent failure",
           "IW": "interworking error", "UN": "unsupported"}


class EndStep(msgspec.Struct, frozen=True):
    """One thing that belongs to the end: when, who, what in words, and the frame that completes it."""

    time: float
    who: str
    what: str
    frame: int


class Ending(msgspec.Struct, frozen=True):
    """The end of one call.

    Args:
        session: its id.
        places: what happens where, in order of time: for each leg (by its name), then `TOLD` and `DOES`.
    """

    session: str
    places: dict[str, tuple[EndStep, ...]]

    @property
    def first(self) -> EndStep | None:
        """What begins it; None where nothing ends."""
        steps = [step for found in self.places.values() for step in found]
        return min(steps, key=lambda step: (step.time, step.frame), default=None)

    @property
    def told(self) -> tuple[EndStep, ...]:
        """What the controller is told."""
        return self.places[TOLD]

    @property
    def done(self) -> tuple[EndStep, ...]:
        """Who ends the dialogs, and the controller's orders to subtract."""
        return self.places[DOES]

    def said(self, place: str) -> str:
        """A place in one line: what one node does at a time stands together."""
        parts: list[tuple[float, str, list[str]]] = []
        for step in self.places.get(place, ()):
            if parts and parts[-1][:2] == (step.time, step.who):
                parts[-1][2].append(step.what)
            else:
                parts.append((step.time, step.who, [step.what]))
        return "; ".join(f"{time:.3f} {who}: {', '.join(whats)}" for time, who, whats in parts)


def endings(report: Report) -> list[Ending]:
    """An ending for each call that has a media connection."""
    return [_ending(report, session) for session in report.sessions if session.legs]


def _ending(report: Report, session: Session) -> Ending:
    places: dict[str, list[EndStep]] = {**{leg.name: [] for leg in session.legs}, TOLD: [], DOES: []}
    seen: set[tuple[object, ...]] = set()
    leg_on = {leg.wire: leg.name for leg in session.legs}
    leg_of = {leg.termination: leg.name for leg in session.legs if leg.termination}
    for message in report.messages:
        if message.session != session.id or message.repeated or message.error:
            continue
        place, what = _read(message, leg_on, leg_of)
        # A connection is reset once, however many segments say so.
        key = (place, message.source, message.destination, what)
        if what and (place in (TOLD, DOES) or key not in seen):
            seen.add(key)
            places[place].append(EndStep(message.time, message.source.node, what, message.frames[-1]))
    return Ending(session.id, {place: tuple(found) for place, found in places.items()})


def _read(message: Message, leg_on: dict[str, str], leg_of: dict[str, str]) -> tuple[str, str]:
    """Place and words of a message that belongs to an end; no words for any other."""
    summary = message.summary
    match message.protocol:
        case "TLS" | "DTLS" if summary.startswith("Alert ") and message.wire in leg_on:
            return leg_on[message.wire], summary.removeprefix("Alert ").removeprefix("warning ")
        case "TCP" if summary.startswith(("FIN", "RST")) and message.wire in leg_on:
            return leg_on[message.wire], summary.split(",")[0].split()[0]
        case "H.248" if (found := _NOTIFY.match(summary)) is not None:
            return TOLD, f"{leg_of.get(found[1], found[1])} {_cause(found[2])}"
        case "H.248" if summary.startswith("Subtract"):
            return DOES, "Subtract"
        case "SIP" if summary.startswith("BYE "):
            return DOES, f"BYE to {message.destination.node}"
    return "", ""


def _cause(event: str) -> str:
    name, _, value = event.partition(" ")
    return f"{event} ({_CAUSES[value]})" if name == "g/cause" and value in _CAUSES else event


def endings_text(reports: Mapping[str, Report]) -> str:
    """A block of lines for each call; `reports` by the names to show."""
    blocks = []
    for name, report in reports.items():
        for ending in endings(report):
            wide = max(map(len, ending.places))
            lines = [f"  {place:<{wide}}  {ending.said(place) or '-'}" for place in ending.places]
            blocks.append("\n".join(plain(line) for line in (name, *lines)))
    return "\n".join(blocks) or "no call with a media connection"


ENDINGS_STYLE = themed(".wb-endings") + """
.wb-endings{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;overflow:auto;
font:13px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-endings table{border-collapse:collapse}
.wb-endings tr{background:var(--wb-paper)!important}
.wb-endings caption{text-align:left;color:var(--wb-quiet);padding:.3em 0}
.wb-endings th,.wb-endings td{text-align:left!important;vertical-align:top;padding:.35em .7em;
border-bottom:1px solid var(--wb-line)}
.wb-endings th{font-weight:600;background:var(--wb-panel)}
.wb-endings .when{color:var(--wb-quiet);font-variant-numeric:tabular-nums}
.wb-endings .first{background:var(--wb-chosen);box-shadow:-3px 0 0 var(--wb-accent)}
"""


def endings_html(reports: Mapping[str, Report], *, style: bool = True) -> str:
    """A row for each call, a column for each place; what begins the end is marked, in words too."""
    found = [(name, ending) for name, report in reports.items() for ending in endings(report)]
    if not found:
        return "<p>No call with a media connection.</p>"
    columns = list(dict.fromkeys(place for _, ending in found for place in ending.places))
    columns.sort(key=(TOLD, DOES).__contains__)
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in ("what ends it", *columns))
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(_cell(ending, column) for column in columns)}</tr>'
        for name, ending in found)
    return (f"{f'<style>{ENDINGS_STYLE}</style>' if style else ''}"
            '<div class="wb-endings" tabindex="0" role="region" aria-label="how connections end"><table>'
            "<caption>How it ends on each wire, in seconds since the first frame, and who hears of it</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")


def _cell(ending: Ending, place: str) -> str:
    lines = []
    for step in ending.places.get(place, ()):
        first = step == ending.first
        lines.append(f'<div{" class=first" if first else ""}><span class="when">{step.time:.3f}</span> '
                     f"{escape(step.who)}: {escape(step.what)}{' (first)' if first else ''}</div>")
    return f"<td>{''.join(lines)}</td>"
