"""The work item's tables: whole, true to the catalogue, and shown by what captures say."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import pytest

from workbench import scenarios
from workbench.errors import LocalProtocolError, ScenarioError
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import text
from workbench.workplan import Evidence, Gap, Plan, Proof, Requirement, Row, Tables, elements, gather, tables
from workbench.workplan.evidence import NOT_SHOWN, OPEN, PARTLY, SHOWN

ROWS = [*(f"C{n}" for n in range(1, 17)), *(f"S{n}" for n in range(3, 7)), *(f"N{n}" for n in range(1, 21)),
        *(f"D{n}" for n in range(1, 4))]

ENTRIES: list[Row | Requirement | Gap] = [*tables().rows, *tables().requirements, *tables().gaps]
PROOFS = [pytest.param(proof, id=f"{entry.id}-{proof.scenario}") for entry in ENTRIES for proof in entry.proofs]

# The design's catalogue: a proof may name a case that is not there yet, and none that never will be.
DESIGNED = (Path(__file__).parents[2] / "tests" / "vectors" / "workplan" / "catalogue.txt").read_text().split()


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return gather(tmp_path_factory.mktemp("plan"))


def test_the_rows_are_those_of_the_work_plan() -> None:
    """Every row of the study, the normative work and CT1 is there once, in order."""
    assert [row.id for row in tables().rows] == ROWS


def test_ids_are_unique() -> None:
    ids = [entry.id for entry in ENTRIES]
    assert len(ids) == len(set(ids))


def test_scenarios_name_rows_that_exist() -> None:
    """What a scenario says it shows is a row, and that row runs it."""
    rows = {row.id: row for row in tables().rows}
    for scenario in scenarios.all():
        for id in scenario.workplan:
            assert id in rows, f"{scenario.id} names {id}"


@pytest.mark.parametrize("proof", PROOFS)
def test_proofs_name_what_the_catalogue_has(proof: Proof) -> None:
    """Scenario, knobs, control and sentences of a proof exist; a case that is not there yet is one of the design."""
    meant = [one for one in scenarios.all() if fnmatchcase(one.id, proof.scenario)]
    assert meant or any(fnmatchcase(id, proof.scenario) for id in DESIGNED)
    for scenario in meant:
        names = {one.name for one in scenario.expected(proof.knobs)}
        assert set(proof.sentences) <= names
        assert not proof.control or scenario.variant(proof.control)
    for pattern in (*proof.elements, *proof.absent):
        assert "{" not in elements.written(pattern)


def test_every_entry_has_evidence_or_says_why_not(plan: Plan) -> None:
    """Each shown entry has a verdict on frames of a capture that is there; each other one says why."""
    for one in (*plan.rows, *plan.requirements, *plan.gaps):
        if one.status == SHOWN and not getattr(one.entry, "table", ""):
            assert one.shown
            assert all(shown.verdict == "pass" and Path(shown.capture).is_file() for shown in one.shown)
            assert any(shown.frames for shown in one.shown)
        elif one.status != SHOWN:
            assert one.reason, one.entry.id


def test_nothing_that_was_run_fails(plan: Plan) -> None:
    """Whatever is not shown lacks its scenario; no sentence or element of a run failed."""
    failed = [(one.entry.id, shown.scenario, shown.sentence, shown.reason)
              for one in (*plan.rows, *plan.requirements, *plan.gaps) for shown in one.shown if shown.verdict != "pass"]
    assert not failed
    assert plan.held


def test_a_row_that_is_a_table_counts_it(plan: Plan) -> None:
    gaps = next(one for one in plan.rows if one.entry.id == "C15")
    assert gaps.status == (SHOWN if {one.status for one in plan.gaps} <= {SHOWN, OPEN} else PARTLY)


def test_json_holds_every_entry_once(plan: Plan) -> None:
    document = msgspec.json.decode(msgspec.json.encode(plan.to_json()))
    assert [row["id"] for row in document["rows"]] == ROWS
    entries = [entry for table in ("rows", "requirements", "gaps") for entry in document[table]]
    assert len(entries) == len(ENTRIES)
    assert all(entry["evidence"] or entry["reason"] for entry in entries)


# What must fail

def row(**settings: object) -> Tables:
    proof = Proof("tcp-aware-a-active", **settings)  # type: ignore[arg-type]
    return Tables((Row(id="X1", part="study", subject="x", proofs=(proof,)),), (), ())


def only(named: Tables) -> tuple[Plan, Evidence]:
    found = gather(named=named)
    return found, found.rows[0]


def test_an_element_that_no_message_has_shows_nothing() -> None:
    found, one = only(row(elements=("property nowhere/atall",)))
    assert (one.status, found.held) == (NOT_SHOWN, False)
    assert "no H.248 message has it" in one.reason


def test_an_element_that_must_not_be_there_and_is() -> None:
    found, one = only(row(absent=("command Add",)))
    assert (one.status, found.held) == (NOT_SHOWN, False)
    assert one.shown[0].frames


def test_a_sentence_that_the_scenario_has_not() -> None:
    assert only(row(sentences=("the moon is made of cheese",)))[1].status == NOT_SHOWN


def test_a_control_shows_by_breaking() -> None:
    """A weakened run counts as shown because it breaks what it names."""
    control = scenarios.get("tcp-aware-a-active").weakened[0].name
    found, one = only(row(control=control))
    assert found.held
    assert one.shown[0].sentence.startswith("without the rule")


def test_half_of_it_is_partly_shown() -> None:
    assert only(row(elements=("command Add", "property nowhere/atall")))[1].status == PARTLY


def test_a_scenario_that_is_not_there_is_named() -> None:
    found, one = only(Tables((Row(id="X1", part="study", subject="x", proofs=(Proof("no-such-*"),)),), (), ()))
    assert (one.status, one.reason, found.held) == (NOT_SHOWN, "no-such-* is not in the catalogue", True)


def test_an_unknown_entry_is_refused() -> None:
    with pytest.raises(ScenarioError, match="no entry 'Z9'"):
        gather(only=["Z9"])


# Elements

MESSAGE = b"""MEGACO/3 [192.0.2.10]:2944
Transaction=1{Context=${Add=${Media{Stream=1{LocalControl{Mode=SendReceive,ipdc/realm="access"},
Local{
v=0
c=IN IP4 $
m=- $ TCP/TLS -
a=setup:passive
a=fingerprint:SHA-256 $
}}},Events=7{g/cause},Signals{ipnapt/latch}}}}
"""


def test_elements_of_a_message() -> None:
    """Commands, properties, events, signals and each line of SDP are named, and nothing twice over."""
    assert sorted(elements.of(text.decode(MESSAGE))) == sorted([
        "command Add", "mode SendReceive", "property ipdc/realm", "event g/cause", "signal ipnapt/latch",
        "local m=- TCP/TLS", "local c=$ (asked)", "local a=setup:passive", "local a=fingerprint:SHA-256 $"])


def test_what_is_no_message_has_no_elements() -> None:
    assert list(elements.of(None)) == []
    assert list(elements.of(h248.named("x"))) == []


def test_roles_stand_for_names_of_the_registry() -> None:
    assert elements.written("event {tcp-change} {tcp-failed}") == "event tcpbcc/BNCChange Fail"
    with pytest.raises(LocalProtocolError):
        elements.written("event {no-such-role}")
