"""Rules about MSRP paths and connections: a capture that breaks each is found, one that keeps it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import Talk
from crafted_calls import ACCESS, CORE, PEER, UE, Crafted, answer, found, send

from workbench.net.packets import SYN
from workbench.net.values import Endpoint

PATH_A, PATH_B = f"msrp://{UE}/sa;tcp", f"msrp://{PEER}/sb;tcp"
OF_ACCESS, OF_CORE = f"msrp://{ACCESS}/la;tcp", f"msrp://{CORE}/lb;tcp"


def call_with(given_to_a: str, given_to_b: str, *, to_on_access: str, to_on_core: str, response: str) -> Crafted:
    """UE A sends with one To-Path on its leg, and the gateway with another one on the core leg; Peer B responds."""
    call = Crafted()
    call.agrees("access", ("setup:active", f"path:{PATH_A}"), ("setup:passive", f"path:{given_to_a}"))
    call.agrees("core", ("setup:active", f"path:{given_to_b}"), ("setup:passive", f"path:{PATH_B}"), at=0.35)
    access = call.talk("access").opens(at=1.0).says(0, send("a1b2", to_on_access, PATH_A))
    core = call.talk("core", by_gateway=True, isn=(5, 6)).opens(at=1.0002).put(0, 0x18, send(
        "a1b2", to_on_core, given_to_b), at=1.01)
    if response:
        core.put(1, 0x18, answer("a1b2", response, given_to_b, to_on_core), at=1.02)
        access.put(1, 0x18, answer("a1b2", response, PATH_A, to_on_access), at=1.03)
    return call.add(access, core)


def test_paths_as_they_were_given_out(tmp_path: Path):
    """CEMA: the far end's path on both legs; aware: each leg's own; sessmatch: another authority, and 200."""
    for given_to_a, given_to_b, on_access, on_core in (
            (PATH_B, PATH_A, PATH_B, PATH_B), (OF_ACCESS, OF_CORE, OF_ACCESS, PATH_B),
            (f"msrp://{ACCESS}/sb;tcp", f"msrp://{CORE}/sa;tcp", f"msrp://{ACCESS}/sb;tcp", f"msrp://{ACCESS}/sb;tcp"),
            (f"msrp://192.0.2.77:2855;tcp {PATH_B}", PATH_A, f"msrp://192.0.2.77:2855;tcp {PATH_B}", PATH_B)):
        report = call_with(given_to_a, given_to_b, to_on_access=on_access, to_on_core=on_core,
                           response="200 OK").report(tmp_path)
        assert not found(report, "path-mismatch") and not found(report, "path-instead-of-connection")


def test_another_authority_that_the_receiver_does_not_take(tmp_path: Path):
    """sessmatch on one side only: Peer B compares all of the URI and answers 481, told once, on the core leg."""
    wrong = f"msrp://{ACCESS}/sb;tcp"
    report = call_with(wrong, f"msrp://{CORE}/sa;tcp", to_on_access=wrong, to_on_core=wrong,
                       response="481 Session-does-not-exist").report(tmp_path)
    (finding,) = found(report, "path-mismatch")
    assert "on the core leg" in finding.explanation and "Peer B answers 481" in finding.explanation
    assert "only the session-id is the same" in finding.explanation
    carried = [message.summary for message in report.messages if set(message.frames) & set(finding.frames)]
    assert len(finding.frames) == 3 and any(summary.startswith("481") for summary in carried)


@pytest.mark.parametrize(("response", "broken"), [("481 No", True), ("", True), ("200 OK", False)])
def test_a_session_that_nobody_gave_out(tmp_path: Path, response: str, broken: bool):
    """Another session-id: refused or unanswered; whoever answers 200 knows better than the SDP that we saw."""
    other = f"msrp://{PEER}/zz;tcp"
    report = call_with(PATH_B, PATH_A, to_on_access=other, to_on_core=other, response=response).report(tmp_path)
    findings = found(report, "path-mismatch")
    assert bool(findings) == broken
    if broken:
        assert "this is not its session" in findings[-1].explanation


def test_a_481_although_the_path_is_right_is_not_blamed_on_the_path(tmp_path: Path):
    """The session is over, say: the paths agree, so this rule is silent."""
    report = call_with(PATH_B, PATH_A, to_on_access=PATH_B, to_on_core=PATH_B, response="481 Gone").report(tmp_path)
    assert not found(report, "path-mismatch")


@pytest.mark.parametrize(("target", "broken"), [(UE, True), (CORE, False)])
def test_a_connection_to_the_path_instead_of_the_gateway(tmp_path: Path, target: Endpoint, broken: bool):
    """Peer B gets A's path and the gateway's c= and m=, and opens to the first: past the gateway."""
    call = Crafted("active", "passive")
    call.agrees("access", ("setup:passive", "msrp-cema", f"path:{PATH_A}"), ("setup:active", f"path:{PATH_B}"))
    call.agrees("core", ("setup:passive", "msrp-cema", f"path:{PATH_A}"), ("setup:active", f"path:{PATH_B}"))
    talk = Talk(Endpoint(PEER.host, 6001), target, "Core").put(0, SYN, at=1.0)
    findings = found(call.add(talk).report(tmp_path), "path-instead-of-connection")
    assert len(findings) == broken
    if broken:
        assert f"Peer B (192.0.2.200:6001) opens its connection to {UE}" in findings[0].explanation
        assert f"c= and m= name {CORE}" in findings[0].explanation


def test_an_msrp_relay_in_the_path_is_no_gateway(tmp_path: Path):
    """Where c= and m= are the peer's own, plain RFC 4975 connects to the path: a relay."""
    call = Crafted("", "")
    relay = Endpoint("192.0.2.77", 2855)
    call.agrees("core", ("setup:active", f"path:{PATH_A}"), ("setup:passive", f"path:msrp://{relay};tcp {PATH_B}"))
    talk = Talk(Endpoint(CORE.host, 40002), relay, "Core").put(0, SYN, at=1.0)
    assert not found(call.add(talk).report(tmp_path), "path-instead-of-connection")


@pytest.mark.parametrize(("path", "cema", "comes", "until", "broken"), [
    (PATH_A, False, False, 20.0, True), (PATH_A, True, False, 20.0, False), (PATH_A, False, True, 20.0, False),
    (OF_CORE, False, False, 20.0, False), (PATH_A, False, False, 2.0, False)])
def test_an_end_without_cema_whose_connection_never_comes(tmp_path: Path, path: str, cema: bool, comes: bool,
                                                          until: float, broken: bool):
    """Peer B is to open, has no a=msrp-cema and got A's own path. Not where one of these is otherwise."""
    call = Crafted("active", "passive")
    call.agrees("core", ("setup:passive", "msrp-cema", f"path:{path}"),
                ("setup:active", f"path:{PATH_B}", *(("msrp-cema",) if cema else ())))
    if comes:
        call.add(call.talk("core").opens(at=1.0))
    findings = found(call.until(until).report(tmp_path), "path-instead-of-connection")
    assert len(findings) == broken
    if broken:
        assert f"so it goes where the a=path of the offer says: to {UE}" in findings[0].explanation
