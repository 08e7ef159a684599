"""Every scenario, plain, weakened, with every knob turned, and over bad wires."""

from __future__ import annotations

import pytest
from portions import one_in, one_in_three
from scenario_knobs import settings_of, turned

from workbench import scenarios
from workbench.analysis.rules import RULES
from workbench.errors import ScenarioError
from workbench.lab.expect import Eventually, Holds, InOrder, Never

ALL = scenarios.all()
IDS = [scenario.id for scenario in ALL]

PROTECTED = [scenario for scenario in ALL if scenario.family == "e2ae TLS"]

# Who is faster is what these are about, and bad wires may decide it otherwise.
RACES = {"UE B has finished its handshake before the gateway hears of its fingerprint",
         # UE A's FIN may come before a Subtract that is sent again.
         "what the IMS-ALG has ordered itself is not reported to it",
         # Of two TLS clients the one that hears the other's ClientHello first ends it, and may come before its own.
         # A SYN that is lost comes again behind the answer.
         "the MRFP's SYN to each UE is sent before the answer",
         "each UE sends a ClientHello, and gets the other's", "each UE ends it with a fatal unexpected_message"}

REFUSING = [scenario for scenario in PROTECTED
            if any(weak.name.endswith("A presents another certificate") or weak.name.endswith(
                "B presents another certificate") for weak in scenario.weakened)]

BAD_WIRES = {"loss": 0.05, "reorder": 0.05}
# A fax has hundreds of packets; test_fax_loss.py adds a hundred seeds with loss on the DTLS wire.
SEEDS = {"e2ae TLS": 200, "e2ae DTLS": 30}
MOST_SEEDS = 100
SEEDS_A_TEST = {"e2ae DTLS": 3}
MOST_SEEDS_A_TEST = 5
# The first portion runs each time, all of them with the long tests.
AT_ONCE = 1


def portions():
    """Seeds of a scenario by a few."""
    for scenario in ALL:
        step = SEEDS_A_TEST.get(scenario.family, MOST_SEEDS_A_TEST)
        for number, start in enumerate(range(1, SEEDS.get(scenario.family, MOST_SEEDS) + 1, step)):
            yield pytest.param((scenario, start), id=f"{scenario.id} {start}",
                               marks=() if number < AT_ONCE else pytest.mark.long)

# What no setting of a node breaks; `tests/lab/test_seen*.py` and test_fax_loss.py show that these checks can fail.
UNBROKEN = {
    "every H.248 request is answered without error", "both terminations are subtracted",
    "all terminations are subtracted",
    "no MSRP response reaches UE A before both connections are there",
    "UE B's connection comes from its NAT, not from the address in its SDP, and is taken",
    "UE A's connection comes from its NAT, not from the address in its SDP, and is taken",
    "both UEs' connections come from their NATs, and are taken",
    "UE B's second connection is refused",
    "the report follows what UE A did, and the IMS-ALG releases the terminations",
    "UE A's new offer and UE B's answer pass with a=connection as they are",
    "no connection is opened or closed for the new offer",
    "the gateway is told nothing but addresses and stream modes",
    "messages name the session-ids that SDP told, on both legs",
    "the session ends in order on both sides",
    "what the terminals say of T.38 passes as it is",
    "UE A gets the gateway's fingerprint as the gateway gave it",
    "the gateway is told the fingerprint that UE A announces",
    "what UE A's terminal says leaves the gateway whole and in order",
    "the call begins with RTP/AVP, and of it the gateway is told nothing but UDP",
}


def named(scenario, chosen):
    return pytest.param((scenario, chosen),
                        id=" ".join((scenario.id, *(f"{name}={value}" for name, value in chosen.items()))))


# Each choice alone each time, and one in nine of any two together; the others, and none, with the long tests.
SETTINGS = [named(scenario, chosen) for scenario in ALL for chosen in settings_of(scenario)]
COMBINATIONS = [
    *(case for case in SETTINGS if turned(*case.values[0]) == 1),
    *one_in(9, (case for case in SETTINGS if turned(*case.values[0]) == 2)),
    *(pytest.param(*case.values, id=case.id, marks=pytest.mark.long)
      for case in SETTINGS if turned(*case.values[0]) not in (1, 2))]


def found(run):
    """The rules that its capture breaks."""
    return {finding.rule for finding in run.report.findings}


def sequence(run):
    """What was said, by whom, to whom, in which order."""
    return [(m.protocol, m.wire, m.source, m.destination, m.summary) for m in run.report.messages]


@pytest.mark.parametrize("scenario", ALL, ids=IDS)
def test_a_scenario_passes(scenario, tmp_path):
    """Every expectation holds in the capture, and each is borne out by frames."""
    run = scenario.run(seed=1, out=tmp_path)
    assert [(v.name, v.reason) for v in run.verdicts if v.verdict != "pass"] == []
    assert all(verdict.frames for verdict in run.verdicts)
    assert run.passed
    assert found(run) == set(scenario.shows)
    shown = run.report.scenario
    assert shown is not None and (shown.score == 1.0 or scenario.shows)
    assert (shown.id, shown.also) == (scenario.id, ())


@pytest.mark.parametrize("case", [(s, name, value) for s in ALL for name, knob in s.knobs.items()
                                  for value in knob.shows], ids=lambda case: f"{case[0].id} {case[1]}={case[2]}")
def test_a_choice_shows_the_rules_that_it_names(case, tmp_path):
    """What goes wrong with a choice of a knob is what the analyser finds, and nothing else."""
    scenario, name, value = case
    run = scenario.run(seed=1, out=tmp_path, **{name: value})
    assert found(run) == set(scenario.shown({name: value}))


@pytest.mark.parametrize("variant", [(s, w) for s in ALL for w in s.weakened], ids=lambda v: f"{v[0].id}: {v[1].name}")
def test_a_weakened_variant_breaks_what_it_names(variant, tmp_path):
    """The control: with the change, exactly the named expectations fail, and the rules that it names are broken.

    Without it they are kept: that is what the tests of choices say. A control with a reason for it breaks no rule.
    """
    scenario, weakened = variant
    run = scenario.run(seed=1, out=tmp_path, weakened=weakened.name)
    assert sorted(run.broken) == sorted(weakened.breaks)
    assert not run.passed
    assert run.as_declared
    assert all(finding.frames and finding.explanation and finding.next for finding in run.report.findings)
    assert bool(weakened.rules) != bool(weakened.no_rule), "it says neither what it breaks nor why nothing"
    new = found(run) - set(scenario.shown(weakened.knobs))
    assert set(weakened.rules) <= new
    assert weakened.rules or not new, "it breaks rules although nothing forbids it"


def test_controls_name_rules_that_there_are():
    """A rule that is renamed is renamed here too."""
    known = {rule.id for rule in RULES}
    assert {rule for scenario in ALL for weak in scenario.weakened for rule in weak.rules} <= known


@pytest.mark.parametrize("case", COMBINATIONS)
def test_every_combination_of_knobs_holds(case, tmp_path):
    """Whatever a user sets, the verdicts hold.

    With one choice the capture is recognised as its scenario, and breaks no rule but those that it shows.
    """
    scenario, chosen = case
    run = scenario.run(seed=2, out=tmp_path, **chosen)
    assert [(v.name, v.reason) for v in run.verdicts if v.verdict != "pass"] == []
    if turned(scenario, chosen) > 1:
        return
    assert found(run) == set(scenario.shown(chosen))
    shown = run.report.scenario
    if scenario.recognised_as(chosen) == scenario.id:
        assert shown is not None and (shown.id, shown.also) == (scenario.id, ())


@pytest.mark.parametrize("case", [(s, name, value) for s in ALL for name, knob in s.knobs.items()
                                  for value in knob.seen_as], ids=lambda case: f"{case[0].id} {case[1]}={case[2]}")
def test_a_choice_that_makes_it_another_scenario(case, tmp_path):
    """What such a choice leaves on the wire is that scenario with every mark: packets can't tell who meant which."""
    scenario, name, value = case
    run = scenario.run(seed=1, out=tmp_path, **{name: value})
    shown = run.report.scenario
    assert shown is not None
    assert (shown.id, shown.also, shown.score) == (scenario.recognised_as({name: value}), (), 1.0)


@pytest.mark.parametrize("scenario", ALL, ids=IDS)
def test_a_knob_turned_alone_holds(scenario, tmp_path):
    """`--set KNOB=VALUE` with one knob never ends in a conflict: a choice implies what it needs."""
    for knob in scenario.knobs.values():
        for value in knob.allowed:
            assert scenario.settings({knob.name: value})[knob.name] == value


@pytest.mark.parametrize("scenario", one_in_three(ALL), ids=IDS)
def test_one_seed_gives_one_message_sequence(scenario, tmp_path):
    """Two runs of one seed say the same; another seed has other ports and tags."""
    first = sequence(scenario.run(seed=7, out=tmp_path / "a"))
    again = sequence(scenario.run(seed=7, out=tmp_path / "b"))
    other = sequence(scenario.run(seed=8, out=tmp_path / "c"))
    assert first == again
    assert [said[:2] for said in first] == [said[:2] for said in other]
    assert first != other


@pytest.mark.parametrize("portion", list(portions()))
def test_bad_wires_change_nothing(portion, tmp_path):
    """5 % loss and reordering on every wire: retransmission and ordering bring everything through."""
    scenario, start = portion
    for seed in range(start, start + SEEDS_A_TEST.get(scenario.family, MOST_SEEDS_A_TEST)):
        run = scenario.run(seed=seed, out=tmp_path, impair=BAD_WIRES)
        broken = [(seed, v.name, v.reason) for v in run.verdicts if v.verdict != "pass" and v.name not in RACES]
        assert broken == []


FAILURES = [(scenario, name, value) for scenario in PROTECTED for name, knob in scenario.knobs.items()
            if name in ("wrong", "side", "fails", "how", "offer") for value in knob.allowed if value != knob.default]


@pytest.mark.parametrize("start", [1, pytest.param(3, marks=pytest.mark.long), pytest.param(5, marks=pytest.mark.long)])
@pytest.mark.parametrize("case", FAILURES, ids=lambda case: f"{case[0].id} {case[1]}={case[2]}")
def test_bad_wires_change_nothing_with_a_choice(case, start, tmp_path):
    """The same where something fails, ends or is negotiated anew: nothing hangs, and who has to hear of it does."""
    scenario, name, value = case
    for seed in (start, start + 1):
        run = scenario.run(seed=seed, out=tmp_path, impair=BAD_WIRES, **{name: value})
        broken = [(seed, v.name, v.reason) for v in run.verdicts if v.verdict != "pass" and v.name not in RACES]
        assert broken == []


@pytest.mark.parametrize("scenario", ALL, ids=IDS)
def test_names_of_variants_and_expectations_fit(scenario):
    """A weakened variant names expectations that exist; names are unique; every knob's changes apply."""
    names = [expectation.name for expectation in scenario.expect]
    assert len(set(names)) == len(names)
    added = {one.name for knob in scenario.knobs.values() for more in knob.adds.values() for one in more}
    for chosen in settings_of(scenario):
        expected = [expectation.name for expectation in scenario.expected(chosen)]
        assert expected and len(set(expected)) == len(expected)
    for knob in scenario.knobs.values():
        assert {name for gone in knob.drops.values() for name in gone} <= {*names, *added}
        assert {*knob.adds, *knob.drops, *knob.does, *knob.implies} <= set(knob.choices)
    for weakened in scenario.weakened:
        assert weakened.breaks
        assert set(weakened.breaks) <= {one.name for one in scenario.expected(weakened.knobs)}
        assert set(weakened.drops) <= {*names, *added} - set(weakened.breaks)
        scenario.topology.changed(weakened.changes)
    for knob in scenario.knobs.values():
        assert knob.default in knob.choices
    assert all(isinstance(e, Eventually | Never | Holds | InOrder) for e in scenario.expect)


@pytest.mark.parametrize("scenario", [one for one in ALL if one not in PROTECTED], ids=lambda one: one.id)
def test_the_controls_break_every_expectation(scenario):
    """Each expectation is broken by a weakened variant, if any setting of a node can break it."""
    broken = {name for weakened in scenario.weakened for name in weakened.breaks}
    left = {expectation.name for expectation in scenario.expect} - broken
    assert left <= UNBROKEN


def test_an_unknown_knob_says_which_there_are():
    """A wrong setting is refused with what would be right."""
    scenario = scenarios.get("e2ae-msrp-originating")
    with pytest.raises(ScenarioError, match="it has tcp_active="):
        scenario.settings({"colour": "red"})
    with pytest.raises(ScenarioError, match=r"tls takes 1\.3, 1\.2"):
        scenario.settings({"tls": "1.1"})
    with pytest.raises(ScenarioError, match="TCP-active"):
        scenario.settings({"nat": "behind", "tcp_active": "peer"})
    with pytest.raises(ScenarioError, match="there are tcp-stateless-relay"):
        scenarios.get("nothing")
    with pytest.raises(ScenarioError, match="no weakened variant"):
        scenario.run(weakened="nothing")
    with pytest.raises(ScenarioError, match="network"):
        scenario.run(network="carrier pigeon")


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("scenario", REFUSING, ids=lambda one: one.id)
def test_a_ue_with_another_certificate_is_refused(scenario, tls, tmp_path):
    """The gateway answers with bad_certificate, and no octet of the UE's payload is on the core wire."""
    (variant,) = [w.name for w in scenario.weakened if w.name.endswith("presents another certificate")
                  and "gateway" not in w.name]
    run = scenario.run(seed=1, out=tmp_path, weakened=variant, tls=tls)
    alerts = [m for m in run.report.messages if m.protocol == "TLS" and m.source.node == "IMS-AGW"
              and "bad_certificate" in m.summary]
    assert len(alerts) == 1
    ue = run.scenario.topology.nodes[0]
    call = next(session for session in run.report.sessions if session.kind in ("msrp", "bfcp"))
    core = next((leg for leg in call.legs if leg.name == "core"), None)
    if core is not None and core.tcp_client:
        assert run.report.payload(core, sender="IMS-AGW") == b""
    said = next(line.order.text if hasattr(line.order, "text") else line.order.info for line in scenario.script
                if line.node == ue.name and (hasattr(line.order, "text") or hasattr(line.order, "info")))
    shown = scenario.run(seed=1, out=tmp_path / "plain", tls=tls).report
    assert any(m.wire == "Core" and said.encode() in m.octets for m in shown.messages)
    assert not any(m.wire == "Core" and said.encode() in m.octets for m in run.report.messages)
