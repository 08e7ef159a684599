"""What `workbench analyze --witness tshark` adds: a second opinion on each capture, in text and in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli_words import say

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.witness.values import Disagreement, Opinion

Witness = Annotated[str | None, typer.Option(
    "--witness", metavar="tshark", show_default=False,
    help="Read the captures with tshark too, and list where it does not say the same.")]
_MOST_SHOWN = 20


def hear(witness: str | None, reports: Sequence[Report], keylog: Path | None) -> list[Opinion]:
    """What the witness says of each capture; nothing where none is asked. Raises WorkbenchError."""
    if witness is None:
        return []
    if witness != "tshark":
        raise typer.BadParameter(f"no witness {witness!r}; there is tshark", param_hint="--witness")
    from workbench.witness import second_opinion

    return [second_opinion.second_opinion(report, keylog=keylog) for report in reports]


def beside(documents: Sequence[dict[str, Any]], opinions: Sequence[Opinion]) -> list[dict[str, Any]]:
    """The JSON of each report, with the opinion on it as `witness` where there is one."""
    if not opinions:
        return list(documents)
    return [{**document, "witness": opinion.to_json()} for document, opinion in zip(documents, opinions, strict=True)]


def print_opinion(opinion: Opinion) -> None:
    """Agreement by protocol and field, then what differs, then what differs for a known reason."""
    total = sum(one.agreed for one in opinion.tallies)
    say(f"  {opinion.witness}: {total} values agree, {len(opinion.disagreements) + opinion.left_out} disagreements, "
        f"{len(opinion.known) + opinion.known_left_out} known differences")
    for one in opinion.tallies:
        more = "".join(f", {count} {what}" for count, what in ((one.differing, "differ"), (one.known, "known")) if count)
        say(f"    {one.protocol} {one.field}: {one.agreed}{more}", "fail" if one.differing else "")
    _print(opinion.disagreements, opinion.left_out, "disagrees")
    reasons: dict[str, list[Disagreement]] = {}
    for told in opinion.known:
        reasons.setdefault(told.known, []).append(told)
    for name, found in reasons.items():
        frames = list(dict.fromkeys(one.frame for one in found))
        shown = ", ".join(map(str, frames[:6])) + (", ..." if len(frames) > 6 else "")
        say(f"    known ({name}), frame{'s' if len(frames) > 1 else ''} {shown}: {found[0].reason}")
    for note in opinion.notes:
        say(f"    {note}")


def _print(found: Sequence[Disagreement], left_out: int, word: str) -> None:
    for one in found[:_MOST_SHOWN]:
        where = ", inside" if one.inside else ""
        say(f"    frame {one.frame} {word}: {one.protocol} {one.field}{where}: ours {', '.join(one.ours) or 'nothing'}; "
            f"theirs {', '.join(one.theirs) or 'nothing'}", "fail")
    more = max(0, len(found) - _MOST_SHOWN) + left_out
    if more:
        say(f"    and {more} more")
