"""Two captures beside one another: what both show stands in one row, what only one shows stands alone."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import msgspec

from workbench.views.palette import colour_of, escape, plain, themed

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message


class BesideRow(msgspec.Struct, frozen=True):
    """A message of the first capture and its like in the second; None where one of them shows nothing like it."""

    left: Message | None
    right: Message | None

    @property
    def alike(self) -> bool:
        """Both captures show it."""
        return self.left is not None and self.right is not None


def beside_rows(
    left: Report, right: Report, *, since: float = 0.0, until: float = float("inf"),
    wires: Collection[str] = (), protocols: Collection[str] = (),
) -> list[BesideRow]:
    """The messages of two captures, aligned.

    Messages are alike when wire, protocol, sender, receiver and the words of their summaries are; numbers may differ.

    Args:
        since, until: seconds from the first frame of each capture.
        wires, protocols: names to keep; empty: all. Retransmissions are left out.
    """
    kept = [[message for message in report.messages if since <= message.time <= until and not message.repeated
             and (not wires or message.wire in wires) and (not protocols or message.protocol in protocols)]
            for report in (left, right)]
    one, two = kept
    rows: list[BesideRow] = []
    matcher = difflib.SequenceMatcher(None, [*map(_like, one)], [*map(_like, two)], autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            rows += [BesideRow(*pair) for pair in zip(one[a:b], two[c:d], strict=True)]
        else:
            rows += [BesideRow(message, None) for message in one[a:b]]
            rows += [BesideRow(None, message) for message in two[c:d]]
    return rows


def _like(message: Message) -> tuple[str, ...]:
    words = [word for word in message.summary.split() if not any(character.isdigit() for character in word)]
    return message.wire, message.protocol, message.source.node, message.destination.node, *words


def _said(message: Message | None) -> str:
    if message is None:
        return ""
    return (f"{message.time:.3f} {message.wire}, {message.source.node} to {message.destination.node}: "
            f"{message.summary}{' (inside TLS)' if message.protected else ''}")


def beside_text(reports: Mapping[str, Report], **chosen: object) -> str:
    """A line for each row: `=` both show it, `<` the first one only, `>` the second one only.

    Args:
        reports: two reports, by the names to show.
        chosen: as in `beside_rows`.
    """
    (one, left), (two, right) = reports.items()
    lines = [f"< {plain(one)}", f"> {plain(two)}", ""]
    for row in beside_rows(left, right, **chosen):  # type: ignore[arg-type]
        mark = "=" if row.alike else "<" if row.left is not None else ">"
        lines.append(f"{mark} {plain(_said(row.left or row.right))}")
    return "\n".join(lines) if len(lines) > 3 else "neither capture shows anything there"


BESIDE_STYLE = themed(".wb-beside") + """
.wb-beside{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;overflow:auto;
font:13px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-beside table{border-collapse:collapse;width:100%}
.wb-beside tr{background:var(--wb-paper)!important}
.wb-beside caption{text-align:left;color:var(--wb-quiet);padding:.3em 0}
.wb-beside th,.wb-beside td{text-align:left!important;vertical-align:top;padding:.25em .6em;width:50%;
overflow-wrap:anywhere;border-bottom:1px solid var(--wb-line)}
.wb-beside th{font-weight:600;background:var(--wb-panel)}
.wb-beside .who{color:var(--wb-quiet)}
.wb-beside .only{background:var(--wb-chosen);border-left:4px solid var(--wb-accent)}
"""


def beside_html(reports: Mapping[str, Report], *, style: bool = True, **chosen: object) -> str:
    """Two columns; what only one capture shows is marked, and said in words for those who can't see the mark.

    Args:
        reports, chosen: as in `beside_text`.
    """
    (one, left), (two, right) = reports.items()
    rows = beside_rows(left, right, **chosen)  # type: ignore[arg-type]
    if not rows:
        return "<p>Neither capture shows anything there.</p>"
    body = "".join(f"<tr>{_cell(row.left, row.alike)}{_cell(row.right, row.alike)}</tr>" for row in rows)
    return (f"{f'<style>{BESIDE_STYLE}</style>' if style else ''}"
            '<div class="wb-beside" tabindex="0" role="region" aria-label="two captures beside one another"><table>'
            "<caption>What both show stands in one row; what only one shows is marked</caption>"
            f'<thead><tr><th scope="col">{escape(one)}</th><th scope="col">{escape(two)}</th></tr></thead>'
            f"<tbody>{body}</tbody></table></div>")


def _cell(message: Message | None, alike: bool) -> str:
    if message is None:
        return "<td></td>"
    inside = " (inside TLS)" if message.protected else ""
    only = "" if alike else '<span class="who">only here: </span>'
    where = f"{message.time:.3f} s, {message.wire}, {message.source.node} to {message.destination.node}"
    return (f'<td{"" if alike else " class=only"}>{only}<span class="who">{escape(where)}</span><br>'
            f'<span style="color:var(--wb-{colour_of(message.protocol)})">{escape(message.protocol)}</span> '
            f"{escape(message.summary)}{inside}</td>")
