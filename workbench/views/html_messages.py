"""The messages of the HTML report: the ladder, its text form, and every message that it shows octet by octet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.analysis.explain import explain_message
from workbench.analysis.explain.fields import Field
from workbench.views.excerpt import Left
from workbench.views.html_sessions import cut
from workbench.views.ladder import Row, ladder_lanes, ladder_text
from workbench.views.ladder_picture import MOST_ROWS, draw, head_html
from workbench.views.octets import octets_html
from workbench.views.palette import escape

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

# Of one capture so many messages are explained field by field, each of so many octets at most, and on one page
# explanations take so many letters; the octets of the others are shown without fields.
MOST_EXPLAINED = 400
MOST_EXPLAINED_OCTETS = 16_384
MOST_LETTERS = 12_000_000
# A capture of more frames is not read again for the sake of one message.
MOST_REREAD = 50_000

_REREAD = ("TLS", "TCP", "SCTP", "ICMP")
_MOST_RAW = 2048
_MOST_TITLE = 400


class Explainer:
    """Explains the messages of one page: each meaning is told once, and the page stays one that a browser opens."""

    def __init__(self, most_letters: int = MOST_LETTERS) -> None:
        self._ids: dict[tuple[str, str, str, bool], str] = {}
        self._left = most_letters
        self._kept = most_letters // 2      # for evidence

    def fields(self, report: Report, message: Message, place: int, *, evidence: bool = False) -> str:
        """The message field by field, or why not and its octets.

        Args:
            report: of the capture.
            message: of the report.
            place: its row in the ladder.
            evidence: a finding rests on it.
        """
        if self._left <= 0 if evidence else place >= MOST_EXPLAINED or self._left <= self._kept:
            return _raw(message, "Not explained field by field: there are too many messages.")
        if report.packets > MOST_REREAD and (message.protocol in _REREAD or not message.octets):
            return _raw(message, "Not explained field by field: that needs the frames around it, and the capture is "
                                 f"too big to be read again. Try workbench show --frame {message.frames[-1]}.")
        if len(message.octets) > MOST_EXPLAINED_OCTETS:
            return _raw(message, "Not explained field by field: it is too long.")
        markup = octets_html(explain_message(report, message), style=False, script=False, meaning=self._refer,
                             heading=False)
        self._left -= len(markup)
        return markup

    def _refer(self, field: Field) -> str:
        """HTML that stands for the meaning of a field: a link to its entry."""
        if not field.meaning:
            return ""
        key = (field.label, field.meaning, field.clause, field.provisional)
        name = self._ids.setdefault(key, f"g{len(self._ids)}")
        return f'<a class="g" href="#{name}">{escape(field.clause) or "meaning"}</a>'

    def glossary(self) -> str:
        """All meanings, as a definition list."""
        entries = sorted(self._ids.items(), key=lambda item: (item[0][2], item[0][0]))
        body = "".join(
            f'<dt id="{name}">{escape(label)}</dt><dd><span>{escape(meaning)}</span> '
            f'<cite>{escape(clause)}</cite>{" <em>provisional</em>" if provisional else ""}</dd>'
            for (label, meaning, clause, provisional), name in entries)
        return f"<dl>{body}</dl>" if body else ""


def messages_html(number: int, report: Report, shown: Report, rows: Sequence[Row], left: Left, explainer: Explainer,
                  name: str) -> str:
    """Ladder and explanations.

    Args:
        number: of the section on its page; part of each message's address.
        report: the whole report.
        shown: what of it is shown.
        rows: of the ladder.
        left: what is left out.
        explainer: of the page.
        name: of the capture.
    """
    lanes = ladder_lanes(shown, rows)
    picture = draw(rows, lanes, link=lambda row: f"#s{number}m{row.message}", title=f"Message ladder of {name}",
                   style=False)
    evidence = {frame for finding in report.findings for frame in finding.frames}
    panels = "".join(_panel(number, report, row, explainer, place, not evidence.isdisjoint(row.frames))
                     for place, row in enumerate(rows[:MOST_ROWS]))
    missing = (f"<p>Left out here: {escape(left.said)}. The tables of <code>workbench analyze --parquet</code> hold "
               "them all.</p>" if left.said else "")
    return (f'<h3>Messages</h3>{missing}<p class="quiet keys">Arrow keys walk the ladder, Enter goes to the '
            "explanation of a message, and Escape back.</p>"
            f'<div class="stage"><div class="picture scroll">{head_html(lanes)}{picture}</div>'
            '<div class="panels"><p class="hint quiet">Choose a message to see what it says.</p>'
            f"{panels}</div></div>"
            f"<details><summary>The ladder as text</summary><pre tabindex=\"0\" role=\"region\" aria-label=\"ladder of "
            f'{escape(name)} as text">{_lines(ladder_text(shown))}</pre></details>')


def _panel(number: int, report: Report, row: Row, explainer: Explainer, place: int, evidence: bool) -> str:
    message = report.messages[row.message]
    facts = [f"{row.time:.6f} s", f"on {row.wire}", f"{message.source} → {message.destination}",
             f"frame{'s' if len(row.frames) > 1 else ''} {', '.join(map(str, row.frames[:12]))}"]
    marks = "".join((
        '<span class="badge good">encrypted on the wire, decrypted with the key log</span>' * row.protected,
        '<span class="badge unsure">sent again</span>' * row.repeated,
        f'<span class="badge fail">{escape(cut(row.error, _MOST_TITLE))}</span>' * bool(row.error)))
    comment = f'<p class="comment">{escape(cut(row.comment, _MOST_TITLE))}</p>' if row.comment else ""
    if row.repeated:
        body = '<p class="quiet">The same octets as before; explained at the first copy.</p>'
    else:
        body = explainer.fields(report, message, place, evidence=evidence)
    return (f'<article class="panel" id="s{number}m{row.message}" tabindex="-1">'
            f'<h4><span class="tag">{escape(row.protocol)}</span> {escape(cut(row.summary, _MOST_TITLE))}</h4>'
            f'<p class="quiet">{escape(cut(" · ".join(facts), _MOST_TITLE))}</p>{marks}{comment}{body}</article>')


def _raw(message: Message, why: str) -> str:
    """The first octets of a message without fields: as text where they are text, else as numbers."""
    octets = message.octets[:_MOST_RAW]
    left = len(message.octets) - len(octets)
    if not octets:
        return f'<p class="quiet">{why}</p>'
    shown = octets.hex(" ")
    if all((octet >= 0x20 and octet != 0x7F) or octet in b"\r\n\t" for octet in octets):
        shown = _lines(octets.decode("utf-8", "replace"))
    more = f"<p>{left:,} more octets are left out here.</p>" if left else ""
    return (f'<p class="quiet">{why}</p><pre class="raw" tabindex="0" role="region" aria-label="octets">{shown}</pre>'
            f"{more}")


def _lines(text: str) -> str:
    """Text of many lines, escaped line by line."""
    return "\n".join(map(escape, text.replace("\r\n", "\n").split("\n")))
