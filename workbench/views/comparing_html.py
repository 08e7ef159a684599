"""Two captures side by side as one self-contained HTML page: a table of each track, differences only unless all is
asked for. Nothing is fetched and no script runs; every sign has its word beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.aligning import CHANGED, LEFT, RIGHT, SAME
from workbench.views.comparing import told
from workbench.views.palette import escape, themed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.analysis.aligning import Comparison, Pair, Row
    from workbench.analysis.steps import Step

MOST_TRACKS = 200
"""Tracks that one page shows."""
MOST_ROWS = 400
"""Rows of one track that a page shows."""
_MOST_TEXT = 400
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_KINDS = ((CHANGED, "changed"), (LEFT, "only left"), (RIGHT, "only right"), (SAME, "same"))
_SIGNS = {SAME: "=", CHANGED: "~", LEFT: "<", RIGHT: ">"}
_CLASSES = {SAME: "same", CHANGED: "changed", LEFT: "left", RIGHT: "right"}

_STYLE = themed(".wb-page") + """
*{box-sizing:border-box}
.wb-page{margin:0;background:var(--wb-paper);color:var(--wb-ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-page header,.wb-page main{max-width:100rem;margin:0 auto;padding:0 clamp(1rem,3vw,3rem)}
.wb-page header{padding-top:2rem}
.wb-page h1{font-size:1.6rem;margin:0}
.wb-page h2{font-size:1.15rem;margin:2rem 0 .4rem;overflow-wrap:anywhere}
.wb-page p,.wb-page dd{overflow-wrap:anywhere}
.wb-page a{color:var(--wb-accent)}
.wb-page :focus-visible{outline:2px solid var(--wb-accent);outline-offset:2px}
.wb-page .quiet{color:var(--wb-quiet)}
.wb-page .skip{position:absolute;left:-99rem}
.wb-page .skip:focus{left:1rem;top:1rem;background:var(--wb-paper);padding:.5rem}
.wb-page dl{display:grid;grid-template-columns:auto 1fr;gap:0 1em}
.wb-page dt{font-weight:600}
.wb-page dd{margin:0}
.wb-page .scroll{overflow:auto}
.wb-page table{border-collapse:collapse;width:100%;min-width:44rem;table-layout:fixed}
.wb-page caption{text-align:left;color:var(--wb-quiet);padding:.3em 0}
.wb-page td,.wb-page th{text-align:left;vertical-align:top;padding:.3em .7em .3em 0;overflow-wrap:anywhere;
border-bottom:1px solid var(--wb-line)}
.wb-page th.what{width:9em}
.wb-page .what b{font:600 1em ui-monospace,Menlo,Consolas,monospace;margin-right:.4em}
.wb-page .changed .what{color:var(--wb-unsure)}
.wb-page .left .what{color:var(--wb-bad)}
.wb-page .right .what{color:var(--wb-good)}
.wb-page .at{color:var(--wb-quiet);font-variant-numeric:tabular-nums;display:block;font-size:.85em}
.wb-page .lines td{padding-top:0}
.wb-page .lines ul{list-style:none;margin:0;padding:.4em .8em;background:var(--wb-panel);
border:1px solid var(--wb-line);border-radius:6px;font:12.5px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace}
.wb-page del,.wb-page ins{text-decoration:none}
.wb-page del{color:var(--wb-bad)}
.wb-page ins{color:var(--wb-good)}
@media print{.wb-page .skip,.wb-page nav{display:none}}
"""

BESIDE_STYLE = _STYLE[_STYLE.index(".wb-page .scroll"):_STYLE.index("@media print")].replace(".wb-page", ".versus")


def comparison_html(comparison: Comparison, *, everything: bool = False) -> str:
    """The page.

    Args:
        everything: show what is the same too.
    """
    shown = [pair for pair in comparison.pairs if everything or pair.differences]
    pairs = list(enumerate(shown[:MOST_TRACKS], start=1))
    left_out = len(shown) - len(pairs)
    quiet = len(comparison.pairs) - len(shown)
    tables = "".join(_section(f"t{number}", pair, everything=everything) for number, pair in pairs)
    contents = "".join(f'<li><a href="#t{number}">{_cut(pair.name)}</a> <span class="quiet">{_counted(pair.rows)}'
                       "</span></li>" for number, pair in pairs)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>Two captures side by side</title><style>{_STYLE}</style></head>"
        '<body class="wb-page"><a class="skip" href="#tracks">Skip to the tracks</a>'
        "<header><h1>Two captures side by side</h1>"
        f"<dl><dt>left</dt><dd>{_cut(comparison.left)}</dd><dt>right</dt><dd>{_cut(comparison.right)}</dd></dl>"
        f"<p>{escape(told(comparison))}.</p>"
        '<p class="quiet">Addresses, ports, tags and other values that each run has of its own count for nothing. '
        f"{_legend()}</p></header><main id=\"tracks\">"
        f"{f'<nav aria-label=tracks><ul>{contents}</ul></nav>' if contents else ''}"
        f"{tables}"
        f"{f'<p>{left_out} more tracks with differences are left out here.</p>' if left_out else ''}"
        f"{f'<p>{quiet} tracks without a difference are not shown.</p>' if quiet else ''}"
        "</main></body></html>")


def beside_html(number: int, comparison: Comparison) -> str:
    """The comparison as a section of a larger page that has `BESIDE_STYLE`: its differences, track by track."""
    pairs = [pair for pair in comparison.pairs if pair.differences]
    tables = "".join(_section(f"v{number}t{at}", pair, everything=False)
                     for at, pair in enumerate(pairs[:MOST_TRACKS], start=1))
    left_out = len(pairs) - MOST_TRACKS
    return (f'<section id="v{number}" class="versus" aria-labelledby="v{number}h">'
            f'<h2 id="v{number}h">{_cut(comparison.left)} beside {_cut(comparison.right)}</h2>'
            f'<p>{escape(told(comparison))}.</p><p class="quiet">{_legend()}</p>{tables}'
            f"{f'<p>{left_out} more tracks with differences are left out here.</p>' if left_out > 0 else ''}</section>")


def _legend() -> str:
    return "; ".join(f"{escape(_SIGNS[kind])} {said}" for kind, said in _KINDS) + "."


def _counted(rows: Sequence[Row]) -> str:
    """`2 changed, 1 only left, 30 same`."""
    counts = [(sum(row.kind == kind for row in rows), said) for kind, said in _KINDS]
    return ", ".join(f"{count} {said}" for count, said in counts if count)


def _section(mark: str, pair: Pair, *, everything: bool) -> str:
    rows = pair.rows if everything else pair.differences
    notes = [f"{side}: {track.left_out} later messages were not compared"
             for side, track in (("left", pair.left), ("right", pair.right)) if track is not None and track.left_out]
    if len(rows) > MOST_ROWS:
        notes.append(f"{len(rows) - MOST_ROWS} more rows are left out here")
    return (f'<section id="{mark}" aria-labelledby="{mark}h"><h2 id="{mark}h">{_cut(pair.name)}</h2>'
            f'<div class="scroll" tabindex="0" role="region" aria-label="table of track {mark}"><table>'
            f"<caption>{_counted(pair.rows)}</caption>"
            '<thead><tr><th scope="col" class="what">difference</th><th scope="col">left</th>'
            '<th scope="col">right</th></tr></thead>'
            f"<tbody>{''.join(map(_row, rows[:MOST_ROWS]))}</tbody></table></div>"
            f"{''.join(f'<p>{note}.</p>' for note in notes)}</section>")


def _row(row: Row) -> str:
    kind = _CLASSES[row.kind]
    said = (f'<tr class="{kind}"><td class="what"><b aria-hidden="true">{escape(_SIGNS[row.kind])}</b>{row.kind}</td>'
            f"<td>{_side(row.left)}</td><td>{_side(row.right)}</td></tr>")
    if not row.changes:
        return said
    lines = "".join(f"<li>{_change(line)}</li>" for line in row.changes)
    return f'{said}<tr class="lines"><td></td><td colspan="2"><ul>{lines}</ul></td></tr>'


def _change(line: str) -> str:
    if line.startswith("- "):
        return f"<del>{_cut(line)}</del>"
    return f"<ins>{_cut(line)}</ins>" if line.startswith("+ ") else _cut(line)


def _side(step: Step | None) -> str:
    """What a step says, how often, and where it is."""
    if step is None:
        return '<span class="quiet">nothing</span>'
    many = f" ×{step.count}" if step.count > 1 else ""
    # What no single message says has a frame that shows it, and no time.
    when = f", {step.time:.6f} s" if step.time or step.frame == 1 else ""
    where = f'<span class="at">frame {step.frame}{when}</span>' if step.frame else ""
    return f"{_cut(step.told)}{many}{where}"


def _cut(text: str) -> str:
    return escape(text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT - 1]}…")
