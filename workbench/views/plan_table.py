"""The work plan as a table: rows, requirements or H.248 gaps, with status and evidence, the ones that are asked for.

It draws what `workbench plan --json` prints (`Plan.to_json()`), so that it needs nothing of the room that makes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.views.palette import escape, plain, themed

TABLES = ("rows", "requirements", "gaps")

_COLUMNS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "rows": (("id", "row"), ("status", "status"), ("subject", "subject"), ("spec", "spec"), ("meeting", "meeting"),
             ("cr", "CR"), ("scenarios", "shown by")),
    "requirements": (("id", "requirement"), ("status", "status"), ("form", "form"), ("subject", "subject"),
                     ("clause", "clause"), ("scenarios", "shown by")),
    "gaps": (("id", "element"), ("status", "status"), ("subject", "3GPP asks for"), ("interface", "on"),
             ("met_by", "H.248 has"), ("element", "as"), ("scenarios", "shown by")),
}
_SIGNS = {"shown": "+", "partly shown": "~", "not shown": "-", "open": "o"}
_MOST_FRAMES = 6


def plan_entries(
    document: Mapping[str, Any], table: str = "rows", text: str = "", **wanted: str,
) -> list[dict[str, Any]]:
    """The entries of one table that are asked for.

    Args:
        document: what `Plan.to_json()` gives.
        table: one of `TABLES`.
        text: words that must stand somewhere in the entry, in letters of either case.
        wanted: fields and the value that each must have, `status="shown"`, `met_by="gap"`; empty asks for nothing. Of
            `interface`, which names several, one must be it.
    """
    words = text.lower().split()
    return [entry for entry in document[table]
            if all(not value or value == entry.get(name) or (name == "interface" and value in entry[name].split())
                   for name, value in wanted.items())
            and all(word in _all_text(entry) for word in words)]


def _all_text(entry: Mapping[str, Any]) -> str:
    evidence = " ".join(f"{one['scenario']} {one['sentence']}" for one in entry["evidence"])
    own = " ".join(str(value) for name, value in entry.items() if name != "evidence")
    return f"{own} {evidence}".lower()


def plan_text(document: Mapping[str, Any], table: str = "rows", text: str = "", **wanted: str) -> str:
    """The table as lines; see `plan_entries`."""
    entries = plan_entries(document, table, text, **wanted)
    lines = [_counted(entries, document[table])]
    for entry in entries:
        lines.append(f"{_SIGNS[entry['status']]} {entry['id']:<6} {entry['status']:<12} {plain(entry['subject'])}")
        met = ": ".join(filter(None, (entry.get("met_by", ""), entry.get("element", ""))))
        lines += [f"{'':22}{plain(said)}" for said in (met, entry["reason"], ", ".join(entry["scenarios"])) if said]
    return "\n".join(lines)


def plan_html(document: Mapping[str, Any], table: str = "rows", text: str = "", **wanted: str) -> str:
    """The table as HTML, the evidence of each entry folded under it; see `plan_entries`."""
    entries = plan_entries(document, table, text, **wanted)
    columns = _COLUMNS[table]
    head = "".join(f'<th scope="col">{escape(title)}</th>' for _, title in columns)
    body = "".join(_row(entry, columns) for entry in entries)
    return (f'<style>{PLAN_STYLE}</style><div class="wb-plan" tabindex="0" role="region" aria-label="work plan">'
            f"<table><caption>{escape(_counted(entries, document[table]))}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")


def _counted(entries: Sequence[Mapping[str, Any]], all_: Sequence[Any]) -> str:
    by_status = {status: sum(entry["status"] == status for entry in entries) for status in _SIGNS}
    told = ", ".join(f"{count} {status}" for status, count in by_status.items() if count)
    return f"{len(entries)} of {len(all_)} entries" + (f": {told}" if told else "")


def _row(entry: Mapping[str, Any], columns: Sequence[tuple[str, str]]) -> str:
    cells = "".join(_cell(entry, name) for name, _ in columns)
    return f'<tr>{cells}</tr><tr class="more"><td></td><td colspan="{len(columns) - 1}">{_evidence(entry)}</td></tr>'


def _cell(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name, "")
    if name == "id":
        return f'<th scope="row">{escape(value)}</th>'
    if name == "status":
        return f'<td class="{value.replace(" ", "-")}">{escape(f"{_SIGNS[value]} {value}")}</td>'
    if name == "subject" and entry.get("provisional"):
        return f"<td>{escape(value)} <em>(provisional)</em></td>"
    return f"<td>{escape(', '.join(value) if isinstance(value, list) else value)}</td>"


def _evidence(entry: Mapping[str, Any]) -> str:
    said = "".join(f"<p>{escape(entry[name])}</p>" for name in ("reason", "note", "state") if entry.get(name))
    if not entry["evidence"]:
        return said
    lines = "".join(f"<li>{escape(_sentence(one))}</li>" for one in entry["evidence"])
    return f"{said}<details><summary>{len(entry['evidence'])} things seen</summary><ul>{lines}</ul></details>"


def _sentence(one: Mapping[str, Any]) -> str:
    knobs = "".join(f" {name}={value}" for name, value in one["knobs"].items())
    frames = ", ".join(map(str, one["frames"][:_MOST_FRAMES])) + (", ..." if len(one["frames"]) > _MOST_FRAMES else "")
    return f"{one['verdict']}: {one['scenario']}{knobs}: {one['sentence']}" + (f" (frames {frames})" if frames else "")


PLAN_STYLE = themed(".wb-plan") + """
.wb-plan{background:var(--wb-paper);color:var(--wb-ink);border-radius:4px;overflow:auto;max-height:42em;
font:14px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-plan table{border-collapse:collapse}
.wb-plan caption{text-align:left;padding:.3em .6em;font-weight:600}
.wb-plan th,.wb-plan td{text-align:left!important;vertical-align:top;padding:.25em .6em}
.wb-plan tbody tr:not(.more)>*{border-top:1px solid var(--wb-line)}
.wb-plan .more td{padding-top:0;color:var(--wb-quiet)}
.wb-plan .more p{margin:.1em 0}
.wb-plan .shown{color:var(--wb-good);font-weight:600;white-space:nowrap}
.wb-plan .partly-shown,.wb-plan .open{color:var(--wb-unsure);font-weight:600;white-space:nowrap}
.wb-plan .not-shown{color:var(--wb-bad);font-weight:600;white-space:nowrap}
"""
