"""Runs what the tables name, once each, and holds every entry against the captures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from workbench import scenarios
from workbench.errors import NetworkError, ScenarioError
from workbench.workplan import elements
from workbench.workplan.reading import tables
from workbench.workplan.values import Entry, Proof, Row, Shown, Tables

if TYPE_CHECKING:
    from workbench.lab.run import Run
    from workbench.lab.scenario import Scenario

PASS = "pass"
FAIL = "fail"

SHOWN = "shown"
NOT_SHOWN = "not shown"
PARTLY = "partly shown"
OPEN = "open"

_Key = tuple[str, tuple[tuple[str, str], ...], str]


class Evidence(msgspec.Struct, frozen=True):
    """An entry with what came of its proofs.

    Args:
        status: `shown`, `partly shown` (something of it did not pass, or is not in the catalogue), `not shown`, or
            `open`: no proof is named, and the entry says why.
        missing: scenarios that are named and not in the catalogue.
    """

    entry: Entry
    status: str
    shown: tuple[Shown, ...]
    missing: tuple[str, ...] = ()

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The scenarios that were run for it."""
        return tuple(dict.fromkeys(one.scenario for one in self.shown))

    @property
    def reason(self) -> str:
        """Why it is not simply shown, empty where it is; of a row that is a table, what its entries came to."""
        if self.status == SHOWN and not (isinstance(self.entry, Row) and self.entry.table):
            return ""
        told = [self.entry.reason] if self.entry.reason else []
        told += [f"{id} is not in the catalogue" for id in self.missing]
        told += [f"{one.scenario}: {one.sentence}: {one.reason or one.verdict}"
                 for one in self.shown if one.verdict != PASS]
        return "; ".join(told)


class Plan(msgspec.Struct, frozen=True):
    """All tables with their evidence."""

    rows: tuple[Evidence, ...]
    requirements: tuple[Evidence, ...]
    gaps: tuple[Evidence, ...]
    network: str
    seed: int

    @property
    def held(self) -> bool:
        """No proof failed: what is not shown is so because the catalogue has nothing for it, or the entry says why."""
        everything = (*self.rows, *self.requirements, *self.gaps)
        return all(one.verdict == PASS for evidence in everything for one in evidence.shown)

    def to_json(self) -> dict[str, Any]:
        """As `workbench plan --json` prints it."""
        return {"held": self.held, "network": self.network, "seed": self.seed,
                **{name: [_entry(one) for one in getattr(self, name)] for name in ("rows", "requirements", "gaps")}}


def gather(
    out: Path | str | None = None, network: str = "virtual", seed: int = 1, *, only: Sequence[str] = (),
    named: Tables | None = None, advance: Callable[[str], None] = lambda _: None,
) -> Plan:
    """Run what the tables need and judge each entry.

    Args:
        out: folder for the captures; None: a temporary one that goes with the process.
        only: ids of entries; empty: all.
        named: other tables than the package's.
        advance: told the name of each run before it begins; see `runs_needed` for their number.

    Raises:
        ScenarioError: an id that no table has, or a network that this machine has not.
    """
    chosen = _chosen(named or tables(), only)
    done: dict[_Key, Run | str] = {}
    for scenario, proof in _needed(chosen):
        key = _key(scenario, proof)
        if key not in done:
            advance(scenario.id)
            done[key] = _run(scenario, proof, _folder(out, proof), network, seed)
    rows, requirements, gaps = (tuple(_judged(entry, done) for entry in entries) for entries in
                                (chosen.rows, chosen.requirements, chosen.gaps))
    own = {"requirements": requirements, "gaps": gaps}
    rows = tuple(_as_its_table(row, row.entry, own) if isinstance(row.entry, Row) else row for row in rows)
    return Plan(rows, requirements, gaps, network, seed)


def runs_needed(only: Sequence[str] = (), named: Tables | None = None) -> int:
    """How many runs `gather` makes with these arguments. Raises ScenarioError as it does."""
    return len({_key(*one) for one in _needed(_chosen(named or tables(), only))})


def _chosen(all_: Tables, only: Sequence[str]) -> Tables:
    known = [entry.id for entry in (*all_.rows, *all_.requirements, *all_.gaps)]
    for id in only:
        if id not in known:
            raise ScenarioError(f"no entry {id!r}; there are {', '.join(known)}")
    if not only:
        return all_
    return Tables(tuple(one for one in all_.rows if one.id in only),
                  tuple(one for one in all_.requirements if one.id in only),
                  tuple(one for one in all_.gaps if one.id in only))


def _needed(chosen: Tables) -> Iterator[tuple[Scenario, Proof]]:
    for entry in (*chosen.rows, *chosen.requirements, *chosen.gaps):
        for proof in entry.proofs:
            yield from ((scenario, proof) for scenario in _meant(proof.scenario))


def _meant(pattern: str) -> list[Scenario]:
    return [one for one in scenarios.all() if fnmatchcase(one.id, pattern)]


def _key(scenario: Scenario, proof: Proof) -> _Key:
    return scenario.id, tuple(sorted(scenario.settings(proof.knobs).items())), proof.control


def _folder(out: Path | str | None, proof: Proof) -> Path | None:
    if out is None:
        return None
    return Path(out).joinpath("-".join(f"{name}-{value}" for name, value in sorted(proof.knobs.items())))


def _run(scenario: Scenario, proof: Proof, out: Path | None, network: str, seed: int) -> Run | str:
    """The run, or why there is none."""
    try:
        return scenario.run(network, seed, out, proof.control or None, None, **proof.knobs)
    except NetworkError as error:
        return str(error)


def _judged(entry: Entry, done: dict[_Key, Run | str]) -> Evidence:
    shown: list[Shown] = []
    missing: list[str] = []
    for proof in entry.proofs:
        meant = _meant(proof.scenario)
        if not meant:
            missing.append(proof.scenario)
        for scenario in meant:
            shown += _told(scenario, proof, done[_key(scenario, proof)])
    return Evidence(entry, _status(shown, missing), tuple(shown), tuple(missing))


def _as_its_table(row: Evidence, entry: Row, tables: Mapping[str, Sequence[Evidence]]) -> Evidence:
    """A row that is a table of its own: what its entries came to. Other rows as they are."""
    if not entry.table:
        return row
    table = tables[entry.table]
    counts = Counter(one.status for one in table)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    whole = bool(table) and set(counts) <= {SHOWN, OPEN}
    return Evidence(msgspec.structs.replace(entry, reason=f"of its {len(table)} entries: {told or 'none chosen'}"),
                    SHOWN if whole else PARTLY if SHOWN in counts else OPEN, ())


def _status(shown: Sequence[Shown], missing: Sequence[str]) -> str:
    if not shown:
        return NOT_SHOWN if missing else OPEN
    passed = [one.verdict == PASS for one in shown]
    if all(passed) and not missing:
        return SHOWN
    return PARTLY if any(passed) else NOT_SHOWN


def _told(scenario: Scenario, proof: Proof, run: Run | str) -> Iterator[Shown]:
    def shown(sentence: str, verdict: str, frames: tuple[int, ...] = (), reason: str = "") -> Shown:
        capture = "" if isinstance(run, str) else str(run.capture)
        return Shown(scenario.id, dict(proof.knobs), proof.control, sentence, verdict, capture, frames, reason)

    if isinstance(run, str):
        yield shown("the scenario runs", "inconclusive", (), run)
        return
    judged = {one.name: one for one in run.verdicts}
    if proof.control:
        breaks = scenario.variant(proof.control).breaks
        frames = next((judged[name].frames for name in breaks if judged[name].frames), ())
        broke = ", ".join(run.broken) or "nothing"
        yield shown(f"without the rule ({proof.control}) this breaks: {', '.join(breaks)}",
                    PASS if run.as_declared else FAIL, frames, "" if run.as_declared else f"it broke {broke}")
        return
    for name in proof.sentences or (() if proof.elements or proof.absent else tuple(judged)):
        if name not in judged:
            yield shown(name, FAIL, (), "the scenario has no such expectation")
            continue
        yield shown(name, judged[name].verdict, judged[name].frames, judged[name].reason)
    for pattern in proof.elements:
        frames = elements.find(run.report, pattern)
        yield shown(f"H.248 has {elements.written(pattern)}", PASS if frames else FAIL, frames,
                    "" if frames else "no H.248 message has it")
    for pattern in proof.absent:
        frames = elements.find(run.report, pattern)
        yield shown(f"no H.248 message has {elements.written(pattern)}", FAIL if frames else PASS, frames,
                    "an H.248 message has it" if frames else "")


def _entry(one: Evidence) -> dict[str, Any]:
    own = {name: value for name, value in msgspec.to_builtins(one.entry).items() if name not in ("proofs", "reason")}
    return {**own, "status": one.status, "reason": one.reason, "scenarios": list(one.scenarios),
            "missing": list(one.missing), "evidence": [msgspec.to_builtins(shown) for shown in one.shown]}
