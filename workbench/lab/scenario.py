"""What a scenario is: a frozen value that names who is there, what is done when, and what must be seen.

Catalogue files hold such values and nothing else; running and judging them is `lab.run`'s work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.errors import ScenarioError
from workbench.lab.expect import Expectation
from workbench.lab.topology import Changes, Impairments, Topology
from workbench.nodes.orders import Order

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.lab.run import LiveRun, Run


class At(msgspec.Struct, frozen=True):
    """An order of the script: when (seconds since the start), to whom, what."""

    time: float
    node: str
    order: Order


def at(time: float, node: str, order: Order) -> At:
    """Say in a script that `node` is asked for `order` at `time`; it obeys when its earlier orders are done."""
    return At(time, node, order)


class Knob(msgspec.Struct, frozen=True):
    """One thing a user may change.

    Args:
        name: as in `--set NAME=VALUE`.
        meaning: one line for people.
        choices: each allowed value with the settings of nodes that it changes.
        default: one of the choices.
        implies: values that other knobs take with a choice of this one unless they are set too.
        conflicts: choices that can't work together with others, and why (shown to the user).
        adds: what else must be seen with a choice.
        drops: names of the scenario's expectations that a choice does not ask for.
        does: what else is done with a choice.
        shows: rules that the capture breaks with a choice, in place of the scenario's.
        seen_as: another scenario that the capture with a choice is on the wire, for a choice that makes it just that.
    """

    name: str
    meaning: str
    choices: Mapping[str, Changes]
    default: str
    implies: Mapping[str, Mapping[str, str]] = {}
    conflicts: Mapping[str, tuple[str, str, str]] = {}
    adds: Mapping[str, tuple[Expectation, ...]] = {}
    drops: Mapping[str, tuple[str, ...]] = {}
    does: Mapping[str, tuple[At, ...]] = {}
    shows: Mapping[str, tuple[str, ...]] = {}
    seen_as: Mapping[str, str] = {}

    @property
    def allowed(self) -> tuple[str, ...]:
        """The values that the knob takes."""
        return tuple(self.choices)


class Weakened(msgspec.Struct, frozen=True):
    """The control: a change that must break exactly the expectations it names.

    Args:
        name: a sentence.
        changes: settings of nodes that it replaces.
        breaks: names of the expectations that must fail.
        drops: names of those that it does not ask for: their answer is no matter of what was changed.
        knobs: where it is the control of a choice: what knobs are set to, unless they are set to something else.
        rules: ids of rules that the analyser finds broken in its capture, and not in the scenario's with these knobs.
        no_rule: why its capture breaks no rule, where it does not: it differs from the case, and nothing forbids it.
    """

    name: str
    changes: Changes
    breaks: tuple[str, ...]
    drops: tuple[str, ...] = ()
    knobs: Mapping[str, str] = {}
    rules: tuple[str, ...] = ()
    no_rule: str = ""


class Scenario(msgspec.Struct, frozen=True):
    """One case of the catalogue.

    Args:
        id: stable name, as in design and command line.
        title: one line.
        family: heading in the catalogue.
        clauses: where the case is specified.
        workplan: rows of the work item that it shows.
        teaching: three sentences on what there is to learn.
        topology: who is there.
        knobs: what a user may change.
        script: what is done when.
        expect: what must be seen, or never be seen, in the capture.
        weakened: controls.
        provisional: what of it rests on unverified knowledge, for people; empty if nothing does.
        shows: rules that its capture breaks, where the case is a failure.
        until: virtual seconds after which a run is stopped if it has not become quiet.
    """

    id: str
    title: str
    family: str
    clauses: tuple[str, ...]
    workplan: tuple[str, ...]
    teaching: str
    topology: Topology
    knobs: Mapping[str, Knob]
    script: tuple[At, ...]
    expect: tuple[Expectation, ...]
    weakened: tuple[Weakened, ...]
    provisional: str = ""
    shows: tuple[str, ...] = ()
    until: float = 240.0

    def settings(self, knobs: Mapping[str, str]) -> dict[str, str]:
        """All knobs with the values that a user's choice gives them.

        Raises:
            ScenarioError: an unknown knob or value, or two values that can't work together.
        """
        for name, value in knobs.items():
            if name not in self.knobs:
                known = ", ".join(f"{knob.name}={'|'.join(knob.allowed)}" for knob in self.knobs.values())
                raise ScenarioError(f"{self.id} has no knob {name!r}; it has {known}")
            if value not in self.knobs[name].choices:
                allowed = ", ".join(self.knobs[name].allowed)
                raise ScenarioError(f"{name}={value} is not allowed; {name} takes {allowed}")
        chosen = {name: knob.default for name, knob in self.knobs.items()}
        for name, value in knobs.items():
            chosen.update(self.knobs[name].implies.get(value, {}))
        chosen.update(knobs)
        for name, value in chosen.items():
            conflict = self.knobs[name].conflicts.get(value)
            if conflict is not None and chosen[conflict[0]] == conflict[1]:
                raise ScenarioError(f"{name}={value} can't work with {conflict[0]}={conflict[1]}: {conflict[2]}")
        return chosen

    def expected(self, knobs: Mapping[str, str], weakened: str | None = None) -> tuple[Expectation, ...]:
        """What must be seen with these settings: the scenario's own expectations, and what choices drop and add.

        Of a weakened run what its variant drops is not asked for either.

        Raises:
            ScenarioError: as of `settings`.
        """
        chosen = self.settings(knobs)
        dropped = {gone for name, value in chosen.items() for gone in self.knobs[name].drops.get(value, ())}
        if weakened is not None:
            dropped |= set(self.variant(weakened).drops)
        added = [one for name, value in chosen.items() for one in self.knobs[name].adds.get(value, ())]
        own = [one for one in self.expect if one.name not in dropped]
        return (*own, *(one for one in added if one.name not in dropped))

    def scripted(self, knobs: Mapping[str, str]) -> tuple[At, ...]:
        """What is done with these settings, in order of time. Raises ScenarioError as of `settings`."""
        chosen = self.settings(knobs)
        more = [line for name, value in chosen.items() for line in self.knobs[name].does.get(value, ())]
        return tuple(sorted((*self.script, *more), key=lambda line: line.time))

    def shown(self, knobs: Mapping[str, str]) -> tuple[str, ...]:
        """The rules that its capture breaks with these settings. Raises ScenarioError as of `settings`."""
        chosen = self.settings(knobs)
        told = [self.knobs[name].shows[value] for name, value in chosen.items() if value in self.knobs[name].shows]
        return tuple(dict.fromkeys(rule for rules in told for rule in rules)) if told else self.shows

    def recognised_as(self, knobs: Mapping[str, str]) -> str:
        """The scenario that its capture is on the wire with these settings. Raises ScenarioError as of `settings`."""
        told = [self.knobs[name].seen_as.get(value) for name, value in self.settings(knobs).items()]
        return next((id for id in told if id), self.id)

    def changed(self, knobs: Mapping[str, str], weakened: str | None = None) -> Topology:
        """The topology with the knobs' and the weakened variant's changes applied. Raises ScenarioError."""
        topology = self.topology
        for name, value in self.settings(knobs).items():
            topology = topology.changed(self.knobs[name].choices[value])
        if weakened is not None:
            topology = topology.changed(self.variant(weakened).changes)
        return topology

    def variant(self, name: str) -> Weakened:
        """The weakened variant of that name. Raises ScenarioError."""
        for weakened in self.weakened:
            if weakened.name == name:
                return weakened
        known = ", ".join(weakened.name for weakened in self.weakened)
        raise ScenarioError(f"{self.id} has no weakened variant {name!r}; it has {known}")

    def run(
        self,
        network: str = "virtual",
        seed: int = 1,
        out: Path | str | None = None,
        weakened: str | None = None,
        impair: Impairments | None = None,
        **knobs: str,
    ) -> Run:
        """Run it live from start to end and judge its capture.

        Args:
            network: `virtual`, or `kernel`: namespaces of this Linux.
            seed: what ports, tags, keys, losses and delays follow from.
            out: folder for the capture; if None, a temporary one that goes with the process.
            weakened: name of a weakened variant to run instead.
            impair: `loss`, `reorder`, `duplicate` (shares) and `jitter` (seconds) for every wire; or the name of a wire
                to such qualities of that one.
            knobs: see `knobs`.

        Raises:
            ScenarioError: unknown network, knob, value or variant.
            NetworkError: this machine has no kernel network.
        """
        return self.start(network, seed, out, weakened, impair, **knobs).finish()

    def start(
        self,
        network: str = "virtual",
        seed: int = 1,
        out: Path | str | None = None,
        weakened: str | None = None,
        impair: Impairments | None = None,
        **knobs: str,
    ) -> LiveRun:
        """A paused run, to be stepped; arguments and errors as of `run`."""
        from workbench.lab.run import LiveRun

        return LiveRun(self, network, seed, out, weakened, dict(impair or {}), {k: str(v) for k, v in knobs.items()})

    def __rich_repr__(self) -> Any:
        yield self.id
        yield self.title
