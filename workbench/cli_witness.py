"""What `workbench analyze --witness tshark` adds: a second opinion on each capture, in text and in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli_words import frames, say

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.witness.values import Disagreement, Opinion

Witness = Annotated[str | None, typer.Option(
    "--witness", metavar="tshark", show_default=False,
    help="Read the captures with tshark too, and list where it does not say the same.")]
_MOST_SHOWN = 20
_MOST_VALUES = 12
_MOST_SIGNS = 200


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
    disagreements, known = len(opinion.disagreements) + opinion.left_out, len(opinion.known) + opinion.known_left_out
    say(f"  second opinion of {opinion.witness}: {_count(disagreements, 'disagreement')}, "
        f"{_count(known, 'known difference')}")
    for one in opinion.summaries():
        both = f"{_count(one.messages, 'message')} on both sides; " if one.messages else ""
        say(f"    {one.protocol}: {both}"
            f"{_count(one.compared, 'field')} compared, {one.agreed} agree", "fail" if one.differing else "")
    for told in opinion.disagreements[:_MOST_SHOWN]:
        _disagreement(told)
    if disagreements > _MOST_SHOWN:
        say(f"    and {disagreements - _MOST_SHOWN} more; --json gives the first {len(opinion.disagreements)}")
    reasons: dict[str, list[Disagreement]] = {}
    for told in opinion.known:
        reasons.setdefault(told.known, []).append(told)
    for name, found in reasons.items():
        places = tuple(dict.fromkeys(one.frame for one in found))
        say(f"    known ({name}){frames(places)}: {found[0].reason}")
    for note in opinion.notes:
        say(f"    not compared: {note}")


def _disagreement(told: Disagreement) -> None:
    where = ", inside" if told.inside else ""
    say(f"    frame {told.frame} disagrees: {told.protocol} {told.field}{where}: "
        f"ours {_listed(told.ours)}; theirs {_listed(told.theirs)}", "fail")


def _listed(values: Sequence[str]) -> str:
    """The first values of a field, each of a length that fits a line."""
    shown = [value if len(value) <= _MOST_SIGNS else value[:_MOST_SIGNS] + "..." for value in values[:_MOST_VALUES]]
    more = f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
    return ", ".join(shown) + more if values else "nothing"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
