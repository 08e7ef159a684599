"""One frame as two witnesses read it, as text and as HTML. Text of the capture, and Wireshark's, is escaped."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.views.palette import escape, plain, themed
from workbench.views.widgets.pictures import Picture

if TYPE_CHECKING:
    from workbench.witness.beside import Beside, Part, Value

_WIDTH = 52
_DIGITS = 6
_MOST_LINES = 400


def beside_text(both: Beside) -> str:
    """Octets, our words, Wireshark's words; then the fields that are compared."""
    other = both.witness or "no other witness"
    lines = [plain(both.title), f"ours | {other}"]
    if both.missing:
        lines.append(plain(both.missing))
    for part in both.parts:
        lines += ["", plain(part.title) + (" (given to it in the clear)" if part.apart else "")]
        lines += _rows(part)
    if both.values:
        differing = len(both.differing)
        lines += ["", f"{len(both.values)} fields compared, {len(both.values) - differing} the same"]
        lines += [plain(_value(one)) for one in both.values]
    lines += [f"Wireshark remarks: {plain(one)}" for one in both.remarks]
    return "\n".join(lines)


def _rows(part: Part) -> Iterator[str]:
    for line in part.lines[:_MOST_LINES]:
        ours = textwrap.wrap(plain(line.ours), _WIDTH - 2 * min(line.depth, 8)) or [""]
        theirs = textwrap.wrap(plain(line.theirs), _WIDTH) or [""]
        for at in range(max(len(ours), len(theirs))):
            left = "  " * min(line.depth, 8) + (ours[at] if at < len(ours) else "")
            right = theirs[at] if at < len(theirs) else ""
            place = f"{line.start:5}" if at == 0 else " " * 5
            yield f"{place}  {left:<{_WIDTH}} | {right}".rstrip()
    if len(part.lines) > _MOST_LINES:
        yield f"       and {len(part.lines) - _MOST_LINES} more"


def _value(one: Value) -> str:
    if one.same:
        return f"  same     {one.protocol} {one.field}: {_told(one.ours)}"
    return f"  DIFFERS  {one.protocol} {one.field}: ours {_told(one.ours)}; theirs {_told(one.theirs)}"


def _told(values: tuple[str, ...]) -> str:
    few = ", ".join(value if len(value) < 120 else value[:120] + "..." for value in values[:8])
    return f"{few or 'nothing'}{f' and {len(values) - 8} more' if len(values) > 8 else ''}"


STYLE = themed(".wb-witness") + """
.wb-witness{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;padding:.4em .6em;
font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-witness h4{font-size:14px;margin:.8em 0 .3em}
.wb-witness table{border-collapse:collapse;width:100%;table-layout:fixed;color:var(--wb-ink);margin:.2em 0}
.wb-witness th,.wb-witness td{text-align:left;vertical-align:top;padding:.15em .6em;border-top:1px solid var(--wb-line);
overflow-wrap:anywhere;background:var(--wb-paper)}
.wb-witness th.n{width:3.5em}.wb-witness th.x{width:13em}
.wb-witness td.n,.wb-witness td.x{font:12.5px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace;color:var(--wb-quiet)}
.wb-witness .same{color:var(--wb-good)}.wb-witness .differs{color:var(--wb-bad);font-weight:600}
.wb-witness .told{color:var(--wb-unsure)}
.wb-witness .scroll{max-height:34em;overflow:auto;border:1px solid var(--wb-line);border-radius:6px}
"""


def beside_html(both: Beside) -> str:
    """Tables of three columns: octets, our words, Wireshark's words."""
    other = both.witness or "no other witness"
    parts = [f"<style>{STYLE}</style><div class='wb-witness'><h4>{escape(both.title)}</h4>"]
    if both.missing:
        parts.append(f"<p class='told' role='status'>{escape(both.missing)}</p>")
    for number, part in enumerate(both.parts):
        clear = " (given to it in the clear)" if part.apart else ""
        title = f"{'The frame' if number == 0 else part.title}{clear}"
        parts.append(f"<h4>{escape(title)}</h4><div class='scroll' tabindex='0' role='region' "
                     f"aria-label='{escape(title)}'><table><thead><tr><th class='n' scope='col'>at</th>"
                     f"<th class='x' scope='col'>octets</th><th scope='col'>ours</th><th scope='col'>{escape(other)}"
                     f"</th></tr></thead><tbody>{''.join(_html_rows(part))}</tbody></table></div>")
    if both.values:
        same = len(both.values) - len(both.differing)
        parts.append(f"<h4>{len(both.values)} fields compared, {same} the same</h4>"
                     "<div class='scroll' tabindex='0' role='region' aria-label='fields compared'><table><thead><tr>"
                     "<th scope='col'>field</th><th scope='col'>verdict</th><th scope='col'>ours</th>"
                     f"<th scope='col'>theirs</th></tr></thead><tbody>{''.join(map(_html_value, both.values))}"
                     "</tbody></table></div>")
    parts += [f"<p class='told'>Wireshark remarks: {escape(one)}</p>" for one in both.remarks]
    return Picture("".join(parts) + "</div>", "")._repr_html_()


def _html_rows(part: Part) -> Iterator[str]:
    for line in part.lines[:_MOST_LINES]:
        shown = part.octets[line.start : min(line.end, line.start + _DIGITS)].hex(" ")
        more = " …" if line.end - line.start > _DIGITS else ""
        yield (f"<tr><td class='n'>{line.start}</td><td class='x'>{shown}{more}</td>"
               f"<td style='padding-left:{0.6 + 0.8 * min(line.depth, 8):.1f}em'>{escape(line.ours)}</td>"
               f"<td>{escape(line.theirs)}</td></tr>")
    if len(part.lines) > _MOST_LINES:
        yield f"<tr><td></td><td></td><td>and {len(part.lines) - _MOST_LINES} more</td><td></td></tr>"


def _html_value(one: Value) -> str:
    verdict = "same" if one.same else "differs"
    return (f"<tr><td>{escape(one.protocol)} {escape(one.field)}</td><td class='{verdict}'>{verdict}</td>"
            f"<td>{escape(_told(one.ours))}</td><td>{escape(_told(one.theirs))}</td></tr>")
