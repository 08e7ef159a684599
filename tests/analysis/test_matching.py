"""Each scenario of the catalogue is recognised from its capture as itself and as no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from counting import work
from crafted_calls import PEER, UE, Crafted, send

from workbench import scenarios
from workbench.analysis.analyzing import analyze
from workbench.analysis.marks.bearers import SCENARIOS

OURS = [scenario.id for scenario in scenarios.all() if scenario.id in SCENARIOS]


@pytest.mark.parametrize("id", OURS)
def test_a_scenario_is_recognised_as_itself(tmp_path: Path, id: str):
    """Every mark is found, with one id and no other. It breaks no rule but those that the case is about."""
    scenario = scenarios.get(id)
    report = analyze(scenario.start(seed=2, out=tmp_path).finish().capture)
    match = report.scenario
    assert match is not None and match.score == 1.0 and match.deviations == ()
    assert (match.id, match.also) == (id, ())
    assert {finding.rule for finding in report.findings} == set(scenario.shows)


ENDS = [("e2ae-fingerprint-mismatch", "wrong", ("another", "none", "gateway", "bare", "downgrade")),
        ("e2ae-fingerprint-mismatch", "tcp_active", ("ue", "peer")),
        ("e2ae-fingerprint-mismatch", "side", ("terminating",)),
        ("e2ae-handshake-timeout", "fails", ("nobody", "stalls", "version", "suite", "clear", "garbage")),
        ("e2ae-tls-release", "how", ("ue", "notify", "cut", "reset", "alert", "clear", "core", "core-reset")),
        ("e2ae-early-clienthello", "tls", ("1.3", "1.2")), ("e2ae-both-behind-nat", "tls", ("1.3", "1.2"))]


@pytest.mark.parametrize(("id", "knob", "value"), [(id, knob, value) for id, knob, all in ENDS for value in all])
def test_a_failure_is_told_apart_from_a_sound_call(tmp_path: Path, id: str, knob: str, value: str):
    """Whatever fails or ends by itself under e2ae is recognised as what it is, with every mark, and as nothing else."""
    match = scenarios.get(id).run(seed=2, out=tmp_path, **{knob: value}).report.scenario
    assert match is not None and (match.id, match.score, match.also) == (id, 1.0, ())


MIDDLE = "e2ae-man-in-the-middle"


def test_a_man_in_the_middle_is_no_wrong_certificate_alone(tmp_path: Path):
    """SDP that names the gateway went on with his address: seen from two wires, with every mark."""
    match = scenarios.get(MIDDLE).run(seed=2, out=tmp_path).report.scenario
    assert match is not None and (match.id, match.score, match.also) == (MIDDLE, 1.0, ())


def test_without_him_it_is_another_scenario(tmp_path: Path):
    """The control: the UE finds the real P-CSCF."""
    match = scenarios.get(MIDDLE).run(seed=2, out=tmp_path, weakened="UE A finds the real P-CSCF").report.scenario
    assert match is not None and match.id != MIDDLE


def test_what_an_end_does_not_say_can_not_be_told(tmp_path: Path):
    """Behind an MSRP-aware gateway SDP and MSRP of a sessmatch end are those of a plain one, octet for octet.

    The name of its software in SIP is all that differs; without it the call is one between plain ends.
    """
    said = [[message.octets for message in scenarios.get(id).run(seed=2, out=tmp_path / id).report.messages]
            for id in ("msrp-aware-plain", "msrp-aware-sessmatch-plain")]
    plain, sessmatch = said
    unlike = [(one, other) for one, other in zip(plain, sessmatch, strict=True) if one != other]
    assert unlike
    assert all(one == other.replace(b"User-Agent: workbench-ue (MSRP sessmatch)\r\n", b"") for one, other in unlike)


@pytest.mark.parametrize(("knobs", "id"), [
    ({"how": "order"}, "e2ae-msrp-originating"), ({"how": "verification"}, "e2ae-fingerprint-mismatch")])
def test_a_release_that_leaves_no_trace_of_its_own(tmp_path: Path, knobs: dict[str, str], id: str):
    """What the controller orders is how sound calls end; a certificate that does not fit is a case of its own."""
    match = scenarios.get("e2ae-tls-release").run(seed=2, out=tmp_path, **knobs).report.scenario
    assert match is not None and match.id == id


def test_a_call_whose_path_was_changed_is_one_of_msrp(tmp_path: Path):
    """UE B answers 481 and the connection ends: sessmatch that went wrong, and not a case of TCP release."""
    run = scenarios.get("msrp-aware-plain").run(out=tmp_path, weakened="the IMS-ALG rewrites host and port only")
    match = analyze(run.capture).scenario
    assert match is not None and match.id == "msrp-sessmatch"
    assert "a message was answered with 481" in match.deviations


def test_every_scenario_of_the_two_families_has_marks():
    """None is left out, whatever the catalogue holds."""
    wanted = {scenario.id for scenario in scenarios.all() if scenario.family in ("TCP bearer", "MSRP interworking")}
    assert wanted <= set(SCENARIOS)


def test_a_call_that_shows_nothing_matches_nothing(tmp_path: Path):
    """Two terminations and no more are under two marks in five."""
    report = Crafted("active", "active").report(tmp_path)
    assert report.scenario is None or report.scenario.score < 0.5


@pytest.mark.parametrize("wrong", [False, True], ids=["right paths", "wrong paths"])
def test_work_grows_with_the_messages_and_no_faster(tmp_path: Path, wrong: bool):
    """Rules and matching of a call with four times as many messages take about four times the calls."""
    from workbench.analysis.matching import match
    from workbench.analysis.rules import check

    def judged(count: int) -> int:
        call = Crafted()
        call.agrees("access", ("setup:active", f"path:msrp://{UE}/a;tcp"),
                    ("setup:passive", f"path:msrp://{PEER}/b;tcp"))
        access = call.talk("access").opens(at=1.0)
        core = call.talk("core", by_gateway=True, isn=(5, 6)).opens(at=1.0002)
        for number in range(count):
            for talk in (access, core):
                talk.put(0, 0x18, send(f"t{number:06}", f"msrp://{PEER}/{number if wrong else 'b'};tcp",
                                       f"msrp://{UE}/a;tcp"), at=2.0 + number / 1000)
        report = call.add(access, core).report(tmp_path)
        return work(lambda: (check(report), match(report)))[0]

    few, many = judged(200), judged(800)
    assert many < 5 * few
