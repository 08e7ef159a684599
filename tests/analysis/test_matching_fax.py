"""Faxes are recognised as the scenario that they are, and what went wrong in them is said."""

from __future__ import annotations

import pytest

from workbench import scenarios
from workbench.analysis.marks import fax

FAXES = [scenario for scenario in scenarios.all() if scenario.family == "e2ae DTLS"]
SOUND = ("t38-dtls-terminating", "t38-dtls-originating")
# What such a variant changes is allowed: a choice of UE A's that a knob has, or what only expectations look for.
NOTHING_TO_SAY = ("UE A wants to be DTLS server", "UE A only waits, as DTLS server")
WEAKENED = [(id, weak.name) for id in SOUND for weak in scenarios.get(id).weakened]


@pytest.mark.parametrize("scenario", FAXES, ids=lambda one: one.id)
def test_a_fax_is_recognised_as_itself(scenario, tmp_path):
    """Every mark is found, with one id and no other."""
    found = scenario.run(seed=2, out=tmp_path).report.scenario
    assert found is not None and (found.id, found.score, found.also) == (scenario.id, 1.0, ())


@pytest.mark.parametrize("id", SOUND)
@pytest.mark.parametrize("knobs", [
    {"nat": "behind"}, {"setup": "passive"}, {"ip": "6-4"}, {"recovery": "fec"}], ids=str)
def test_so_it_is_with_other_settings(id, knobs, tmp_path):
    """Behind a NAT each message is there twice; that is no second offer."""
    found = scenarios.get(id).run(seed=2, out=tmp_path, **knobs).report.scenario
    assert found is not None and (found.id, found.score) == (id, 1.0)


@pytest.mark.parametrize("knobs", [{"fault": value} for value in ("none", "silence", "stalls", "clear")], ids=str)
def test_each_failure_is_one(knobs, tmp_path):
    """Whatever keeps DTLS from coming up."""
    found = scenarios.get(fax.FAILURE).run(seed=2, out=tmp_path, **knobs).report.scenario
    assert found is not None and (found.id, found.score) == (fax.FAILURE, 1.0)


@pytest.mark.parametrize(("id", "weakened"), WEAKENED, ids=str)
def test_a_weakened_fax_is_not_taken_for_a_sound_one(id, weakened, tmp_path):
    """It deviates, or is recognised as a failure or as nothing, or a rule is broken; else there is nothing to say."""
    report = scenarios.get(id).run(seed=1, out=tmp_path, weakened=weakened).report
    found = report.scenario
    told = found is None or found.id != id or found.score < 1.0 or bool(report.findings)
    assert told is (weakened not in NOTHING_TO_SAY)


def test_a_call_of_floors_behind_a_nat_is_no_renegotiation(tmp_path):
    """The offer that a NAT passes on is the same offer."""
    found = scenarios.get("e2ae-bfcp-originating").run(seed=1, out=tmp_path, nat="behind").report.scenario
    assert found is not None and found.id == "e2ae-bfcp-originating"
