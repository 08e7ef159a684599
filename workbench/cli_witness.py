"""What `workbench analyze --witness tshark` adds: a second opinion on each capture, in text and in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli_words import say_line

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.witness.values import Opinion

Witness = Annotated[str | None, typer.Option(
    "--witness", metavar="tshark", show_default=False,
    help="Read the captures with tshark too, and list where it does not say the same.")]


def need_witness(witness: str | None) -> None:
    """Say what is missing before a long capture is read, not after it. Raises WorkbenchError."""
    if witness is None:
        return
    if witness != "tshark":
        raise typer.BadParameter(f"no witness {witness!r}; there is tshark", param_hint="--witness")
    from workbench.witness import tshark

    tshark.program()


def hear(witness: str | None, reports: Sequence[Report], keylog: Path | None) -> list[Opinion]:
    """What the witness says of each capture; nothing where none is asked. Raises WorkbenchError."""
    if witness is None:
        return []
    from workbench.witness import second_opinion

    return [second_opinion.second_opinion(report, keylog=keylog) for report in reports]


def with_opinions(documents: Sequence[dict[str, Any]], opinions: Sequence[Opinion]) -> list[dict[str, Any]]:
    """The JSON of each report, with the opinion on it as `witness` where there is one."""
    if not opinions:
        return list(documents)
    return [{**document, "witness": opinion.to_json()} for document, opinion in zip(documents, opinions, strict=True)]


def print_opinion(opinion: Opinion) -> None:
    """How much was compared of each protocol, then each disagreement, then what differs for a known reason."""
    from workbench.witness.words import opinion_lines

    for line, bad in opinion_lines(opinion):
        say_line(f"  {line}", "fail" if bad else "")
