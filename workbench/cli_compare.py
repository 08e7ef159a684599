"""`workbench compare`, and `analyze --against`: two captures side by side, or one beside a scenario's reference run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli_words import BROKEN, HELD, Json, KeyLog, print_json, say, settings
from workbench.errors import CaptureError

if TYPE_CHECKING:
    from workbench.analysis.aligning import Comparison
    from workbench.analysis.report import Report

Against = Annotated[str | None, typer.Option(
    "--against", metavar="ID", show_default=False, help="Show it beside a run of this scenario, made now.")]
With = Annotated[list[str] | None, typer.Option(
    "--with", metavar="KNOB=VALUE", show_default=False, help="Turn a knob of that scenario; may be repeated.")]


def compare(
    left: Annotated[Path, typer.Argument(help="A pcapng or pcap file: before, or without.", show_default=False)],
    right: Annotated[Path, typer.Argument(help="The other one: after, or with.", show_default=False)],
    everything: Annotated[bool, typer.Option("--all", help="Show what is the same too.")] = False,
    keylog: KeyLog = None,
    json: Json = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the comparison as an HTML page.")] = None,
) -> None:
    """Hold two captures against each other, message by message: what changed, is missing or new.

    Addresses, ports, tags and other values that each run has of its own count for nothing. Exit status 1 says that
    there is a difference.
    """
    from workbench.analysis.aligning import compare as held
    from workbench.analysis.analyzing import analyze

    reports = [analyze(path, keylog) for path in (left, right)]
    for report in reports:
        if not report.packets:
            raise CaptureError("; ".join(report.notes))
    comparison = held(*reports)
    if html is not None:
        _write_html(html, comparison, everything=everything)
    if json:
        print_json(document(comparison, everything=everything))
    else:
        _print(comparison, everything=everything)
        if html is not None:
            say(f"page: {html}")
    raise typer.Exit(HELD if comparison.same else BROKEN)


def beside(reports: Sequence[Report], against: str | None, knobs: Sequence[str] | None) -> list[Comparison]:
    """Each report beside a run of the scenario; nothing where none is asked for. Raises ScenarioError."""
    if against is None:
        return []
    from workbench import scenarios
    from workbench.analysis.aligning import compare as held

    scenario = scenarios.get(against)
    chosen = settings("--with", "KNOB", knobs or ())
    scenario.settings(chosen)
    reference = scenario.run("virtual", 1, None, None, None, **chosen).report
    reference.capture = f"{against}{''.join(f' {name}={value}' for name, value in chosen.items())}, run now"
    return [held(report, reference) for report in reports]


def print_beside(comparison: Comparison) -> None:
    """The differences, under the report they belong to."""
    say("")
    _print(comparison, everything=False)


def _write_html(path: Path, comparison: Comparison, *, everything: bool) -> None:
    from workbench.views.comparing_html import comparison_html

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(comparison_html(comparison, everything=everything), encoding="utf-8")


def _print(comparison: Comparison, *, everything: bool) -> None:
    from workbench.views.comparing import comparison_text

    width = min(shutil.get_terminal_size((120, 24)).columns, 240)
    for line in comparison_text(comparison, everything=everything, width=width).split("\n"):
        say(line)


def document(comparison: Comparison, *, everything: bool) -> dict[str, Any]:
    """The comparison as values of JSON."""
    import msgspec

    first = comparison.first
    return {
        "left": comparison.left, "right": comparison.right, "same": comparison.same,
        "agreement": round(comparison.agreement, 4),
        "first": None if first is None else {"track": first[0].name, **msgspec.to_builtins(first[1])},
        "tracks": [{"name": pair.name, "steps": [len(track.steps) if track is not None else 0
                                                 for track in (pair.left, pair.right)],
                    "rows": msgspec.to_builtins(pair.rows if everything else pair.differences)}
                   for pair in comparison.pairs if everything or pair.differences]}
