"""`workbench plan`: the work item's rows, requirements and H.248 gaps, each with its evidence from runs made now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli_words import BROKEN, HELD, Json, frames, print_json, progress, say, say_line

if TYPE_CHECKING:
    from workbench.workplan import Evidence, Plan

_HEADINGS = {"study": "Completed in the study", "open": "Open in the study", "normative": "Normative work",
             "CT1": "Dependencies on CT1"}
_COLOURED = {"shown": "pass", "not shown": "inconclusive", "partly shown": "inconclusive", "open": "inconclusive"}


def plan(
    entries: Annotated[list[str] | None, typer.Argument(
        metavar="ENTRY...", help="Rows, requirements or gaps, as `N8`; nothing: all.", show_default=False)] = None,
    requirements: Annotated[bool, typer.Option("--requirements", help="The requirements for TS 33.328.")] = False,
    gaps: Annotated[bool, typer.Option("--gaps", help="What 3GPP asks of H.248, and what there is for it.")] = False,
    evidence: Annotated[bool, typer.Option("--evidence", help="Every sentence with its frames.")] = False,
    network: Annotated[str, typer.Option(help="What carries the packets: virtual, or kernel (Linux).")] = "virtual",
    seed: Annotated[int, typer.Option(help="What ports, tags, keys, losses and delays follow from.")] = 1,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where captures go.")] = Path("out/plan"),
    json: Json = False,
) -> None:
    """The work plan of eMediasec, row by row: what shows it, in which frames of which capture.

    Runs what the rows name, once each, and judges the captures. Exit status 1 says that something of it failed.
    """
    from workbench import workplan

    with progress(workplan.runs_needed(entries or ()), quiet=json) as advance:
        found = workplan.gather(out, network, seed, only=entries or (), advance=advance)
    if json:
        print_json(found.to_json())
    else:
        _print(found, requirements=requirements, gaps=gaps, evidence=evidence or bool(entries), chosen=bool(entries))
    raise typer.Exit(HELD if found.held else BROKEN)


def _print(found: Plan, *, requirements: bool, gaps: bool, evidence: bool, chosen: bool) -> None:
    if chosen or not (requirements or gaps):
        part = ""
        for row in found.rows:
            heading = getattr(row.entry, "part", "")
            if heading != part:
                part = heading
                say(_HEADINGS.get(part, part))
            _print_entry(row, evidence=evidence)
    if requirements or (chosen and found.requirements):
        say("Security requirements for TS 33.328 (C16)")
        for one in found.requirements:
            _print_entry(one, evidence=evidence)
    if gaps or (chosen and found.gaps):
        say("3GPP requirements and what H.248 has for them (C15)")
        for one in found.gaps:
            _print_entry(one, evidence=evidence)
    say("")
    everything = (*found.rows, *found.requirements, *found.gaps)
    shown = sum(one.status == "shown" for one in everything)
    say(f"{shown} of {len(everything)} shown; captures in the folder of --out")


def _print_entry(one: Evidence, *, evidence: bool) -> None:
    entry = one.entry
    met = ": ".join(filter(None, (getattr(entry, "met_by", ""), getattr(entry, "element", ""))))
    provisional = " (provisional)" if getattr(entry, "provisional", False) else ""
    say_line(f"  {entry.id:<6} {one.status:<12} {entry.subject}{provisional}", _COLOURED[one.status])
    if met:
        say_line(f"{'':22}{met}")
    if one.reason:
        say_line(f"{'':22}{one.reason}")
    if not evidence:
        if one.scenarios:
            say_line(f"{'':22}{', '.join(one.scenarios)}")
        return
    for shown in one.shown:
        knobs = "".join(f" {name}={value}" for name, value in shown.knobs.items())
        say_line(f"{'':8}{shown.verdict:<13}{shown.scenario}{knobs}: {shown.sentence}{frames(shown.frames)}",
                 shown.verdict)
