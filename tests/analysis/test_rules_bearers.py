"""Rules about TCP bearers, NATs and roles: a capture that breaks each is found, one that keeps it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import Talk, sip, udp
from crafted_calls import ACCESS, CORE, PEER, UE, Crafted, found

from workbench.analysis.report import Report
from workbench.net.packets import ACK, RST, SYN
from workbench.net.values import Endpoint

WORDS = b"MSRP a1b2 SEND\r\n"


def sound(**settings: object) -> Crafted:
    """A comes in, the gateway goes out, words pass, A closes, the context is released."""
    call = Crafted(**settings)  # type: ignore[arg-type]
    call.agrees("access", ("setup:active",), ("setup:passive",)).agrees("core", ("setup:active",), ("setup:passive",))
    access = call.talk("access").opens(at=1.0).says(0, WORDS).closes()
    core = call.talk("core", by_gateway=True, isn=(5000, 6000)).opens(at=1.0005).says(0, WORDS).closes()
    return call.add(access, core)


def rules(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


def test_a_sound_call_breaks_no_rule(tmp_path: Path):
    """The call that the others are variations of."""
    report = sound(watch="g/cause").notifies(1.5, "access", "g/cause { Generalcause = NR }").subtracts(9.0).report(
        tmp_path)
    assert rules(report) == set()
    (call,) = [session for session in report.sessions if session.kind == "msrp"]
    assert [leg.name for leg in call.legs] == ["access", "core"] and call.handling == "proxy"


# Both ends active.

def both_open(*, core_answered: bool, access_answered: bool = True, later: float = 0.0) -> Crafted:
    call = Crafted("passive", "active").agrees("access", ("setup:active",), ("setup:active",))
    access, core = call.talk("access"), call.talk("core", isn=(70, 80), port=6001)
    for talk, answered, at in ((access, access_answered, 1.0), (core, core_answered, 1.1 + later)):
        talk.opens(at=at) if answered else talk.put(0, SYN, at=at).put(1, RST | ACK)
    return call.add(access, core)


def test_both_ends_open_and_nobody_merges(tmp_path: Path):
    """Peer B's SYN is refused while UE A's connection waits for its other half; who and why is said."""
    (finding,) = found(both_open(core_answered=False).report(tmp_path), "both-active")
    assert "UE A (203.0.113.10:5000) and Peer B (192.0.2.200:6001) both open" in finding.explanation
    assert "that of 192.0.2.200:6001 is refused" in finding.explanation and len(finding.frames) >= 3


def test_both_ends_open_and_are_merged(tmp_path: Path):
    """Both SYNs are answered; and an attempt long after the first one is over is another story."""
    assert not found(both_open(core_answered=True).report(tmp_path), "both-active")
    assert not found(both_open(core_answered=False, later=60.0).report(tmp_path), "both-active")


def test_one_end_that_opens_is_no_collision(tmp_path: Path):
    """The gateway's own SYN on the other leg is refused: that is another failure."""
    call = Crafted().agrees("access", ("setup:active",), ("setup:passive",))
    core = call.talk("core", by_gateway=True).put(0, SYN, at=1.1).put(1, RST | ACK)
    call.add(call.talk("access", isn=(7, 8)).opens(at=1.0), core)
    assert not found(call.report(tmp_path), "both-active")


# SYN into a NAT.

INSIDE = Endpoint("10.0.0.10", 5060)


def behind_nat(call: Crafted) -> Crafted:
    """UE A's SIP passes a NAT whose outside is its address on the access wire."""
    words = sip("OPTIONS sip:b@home2.example SIP/2.0", "c9", "OPTIONS")
    alg = Endpoint("198.51.100.5", 5060)
    call.frames += [udp(0.01, INSIDE, alg, words, "Home"), udp(0.02, Endpoint(UE.host, 5060), alg, words, "Access")]
    return call


@pytest.mark.parametrize(("target", "refused"), [(UE, False), (UE, True), (Endpoint("10.0.0.10", 5000), False)])
def test_a_syn_into_a_closed_nat(tmp_path: Path, target: Endpoint, refused: bool):
    """The gateway opens to the NAT's outside, or to the address behind it: unanswered or refused, and never inside."""
    call = behind_nat(Crafted("active", "passive"))
    talk = call.talk("access", by_gateway=True, server=target).put(0, SYN, at=1.0)
    talk.next[0] -= 1
    talk.put(0, SYN, at=2.0)
    if refused:
        talk.put(1, RST | ACK)
    (finding,) = found(call.add(talk).until(3.0).report(tmp_path), "syn-into-nat")
    assert f"sends a SYN to {target}" in finding.explanation
    assert ("it is refused" if refused else "nobody answers") in finding.explanation
    assert len(finding.frames) == 2 + refused


def test_a_syn_that_the_nat_lets_through(tmp_path: Path):
    """It appears inside; or it is answered; or no NAT is there; or the capture ends just then."""
    for inside, answered, nat, until in ((True, False, True, 3.0), (False, True, True, 3.0), (False, False, False, 3.0),
                                         (False, False, True, 1.1)):
        call = Crafted("active", "passive")
        if nat:
            behind_nat(call)
        talk = call.talk("access", by_gateway=True)
        talk.opens(at=1.0) if answered else talk.put(0, SYN, at=1.0)
        if inside:
            call.add(Talk(ACCESS, Endpoint("10.0.0.10", 5000), "Home").put(0, SYN, at=1.01))
        assert not found(call.add(talk).until(until).report(tmp_path), "syn-into-nat")


# Roles.

@pytest.mark.parametrize(("access", "core", "broken"), [
    ("passive", "passive", True), ("active", "passive", True), ("passive", "active", False), ("", "", False)])
def test_an_outgoing_syn_where_the_gateway_has_to_wait(tmp_path: Path, access: str, core: str, broken: bool):
    """With a=setup:passive in Local the gateway sends no SYN; both passive is merge mode, and it is named."""
    call = Crafted(access, core)
    call.add(call.talk("access").opens(at=1.0), call.talk("core", by_gateway=True, isn=(5, 6)).opens(at=1.1))
    findings = found(call.report(tmp_path), "outgoing-although-passive")
    assert len(findings) == broken
    if broken:
        assert ("merge mode" in findings[0].explanation) == (access == "passive")


@pytest.mark.parametrize(("answered", "broken"), [("active", False), ("passive", True)])
def test_an_answer_is_held_against_the_offer_on_its_own_leg(tmp_path: Path, answered: str, broken: bool):
    """The IMS-ALG keeps the Call-ID and changes active to passive: each answer is for the offer that its leg saw."""
    from crafted_calls import sdp

    party, alg, far = Endpoint(UE.host, 5060), Endpoint("198.51.100.5", 5060), Endpoint("192.0.2.130", 5060)
    peer = Endpoint(PEER.host, 5060)
    call = Crafted("passive", "passive")
    for number, (source, to, start, end, setup) in enumerate((
            (party, alg, "INVITE sip:b@home2.example SIP/2.0", UE, "active"),
            (far, peer, "INVITE sip:b@home2.example SIP/2.0", CORE, "passive"),
            (peer, far, "SIP/2.0 200 OK", PEER, answered),
            (alg, party, "SIP/2.0 200 OK", ACCESS, "passive"))):
        call.frames.append(udp(0.3 + number / 10, source, to,
                               sip(start, "one", "INVITE", sdp(end, f"setup:{setup}")), "any"))
    findings = found(call.report(tmp_path), "setup-answer")
    assert len(findings) == broken
    if broken:
        assert "the offer that Peer B got from IMS-ALG says a=setup:passive" in findings[0].explanation


# e2e TLS.

@pytest.mark.parametrize(("forwarded", "prints", "proto", "broken"), [
    ("passive", ("AA:BB", "AA:BB"), "TCP/TLS/MSRP", True), ("active", ("AA:BB", "AA:BB"), "TCP/TLS/MSRP", False),
    ("passive", ("AA:BB", "CC:DD"), "TCP/TLS/MSRP", False), ("passive", ("AA:BB", "AA:BB"), "TCP/MSRP", False)])
def test_setup_changed_on_a_stream_with_end_to_end_tls(tmp_path: Path, forwarded: str, prints: tuple[str, str],
                                                       proto: str, broken: bool):
    """The fingerprint goes on as it is, and a=setup does not; with the middle's own one TLS is not end to end."""
    call = Crafted("passive", "passive")
    call.agrees("access", ("setup:active", f"fingerprint:SHA-256 {prints[0]}"), ("setup:passive",), proto=proto)
    call.agrees("core", (f"setup:{forwarded}", f"fingerprint:SHA-256 {prints[1]}"),
                ("setup:active" if forwarded == "passive" else "setup:passive",), proto=proto, at=0.35)
    access = call.talk("access").opens(at=1.0)
    findings = found(call.add(access).report(tmp_path), "setup-modified-on-e2e-tls")
    assert len(findings) == broken
    if broken:
        assert "a=setup:active on Access and a=setup:passive on Core" in findings[0].explanation


# Before both legs are up.

def early_data(*, at: float, merging: bool = False) -> Crafted:
    """UE A's words are acknowledged at 1.003; the core leg begins at `at`."""
    call = Crafted("passive", "passive" if merging else "active")
    access = call.talk("access").opens(at=1.0).says(0, WORDS).put(1, ACK)
    core = call.talk("core", by_gateway=not merging, isn=(5, 6)).opens(at=at).says(0, WORDS)
    return call.add(access, core)


def test_payload_acknowledged_before_the_other_leg_is_up(tmp_path: Path):
    """A note with the octets; none where the other leg came first, and none in merge mode, which has to keep them."""
    (finding,) = found(early_data(at=3.0).report(tmp_path), "payload-before-both-up")
    assert f"acknowledges {len(WORDS)} octets of UE A" in finding.explanation and finding.severity == "note"
    assert not found(early_data(at=0.5).report(tmp_path), "payload-before-both-up")
    assert not found(early_data(at=3.0, merging=True).report(tmp_path), "payload-before-both-up")


@pytest.mark.parametrize(("status", "at", "broken"), [("200 OK", 3.0, True), ("200 OK", 0.5, False),
                                                      ("481 No session", 3.0, False)])
def test_an_msrp_response_before_the_other_leg_is_up(tmp_path: Path, status: str, at: float, broken: bool):
    """The gateway says 200 though nobody is there; its own refusal is allowed."""
    from crafted_calls import answer, send

    own, far = f"msrp://{ACCESS};tcp", f"msrp://{UE}/a;tcp"
    call = Crafted()
    access = call.talk("access").opens(at=1.0).says(0, send("a1b2", f"msrp://{ACCESS}/x;tcp", far))
    access.says(1, answer("a1b2", status, far, own))
    call.add(access, call.talk("core", by_gateway=True, isn=(5, 6)).opens(at=at))
    findings = found(call.report(tmp_path), "response-before-both-up")
    assert len(findings) == broken
    if broken:
        assert "sends 200 OK a1b2 on one leg" in findings[0].explanation


# Reports that were asked for.

@pytest.mark.parametrize(("watch", "told", "gone", "until", "broken"), [
    ("g/cause", "", 30.0, 40.0, True), ("g/cause", "g/cause { Generalcause = NR }", 30.0, 40.0, False),
    ("g/cause", "tcpbcc/BNCChange { Type = Rel }", 30.0, 40.0, False), ("", "", 30.0, 40.0, False),
    ("g/cause", "", 2.0, 40.0, False), ("g/cause", "", 0.0, 3.0, False),
    ("tcpbcc/BNCChange { Type = Rel }", "", 30.0, 40.0, True), ("tcpbcc/BNCChange", "", 30.0, 40.0, False)])
def test_a_released_bearer_that_nobody_reports(tmp_path: Path, watch: str, told: str, gone: float, until: float,
                                               broken: bool):
    """The peer's FIN, the event armed, no Notify; not where the context goes at once or the capture ends."""
    call = sound(watch=watch)
    if told:
        call.notifies(1.5, "access", told)
    if gone:
        call.subtracts(gone)
    findings = found(call.until(until).report(tmp_path), "release-not-reported")
    assert len(findings) == broken
    if broken:
        assert "ip/1/access/1" in findings[0].explanation


@pytest.mark.parametrize(("watch", "told", "answered", "broken"), [
    ("tcpbcc/BNCChange", "", False, True), ("tcpbcc/BNCChange { Type = Fail }", "", False, True),
    ("tcpbcc/BNCChange { Type = Rel }", "", False, False), ("g/cause", "", False, False),
    ("tcpbcc/BNCChange", "tcpbcc/BNCChange { Type = Fail }", False, False), ("tcpbcc/BNCChange", "", True, False)])
def test_a_tcp_failure_that_nobody_reports(tmp_path: Path, watch: str, told: str, answered: bool, broken: bool):
    """The gateway's SYN is refused, the event armed, no Notify."""
    call = Crafted(watch=watch)
    core = call.talk("core", by_gateway=True, isn=(5, 6))
    core.opens(at=1.1) if answered else core.put(0, SYN, at=1.1).put(1, RST | ACK)
    call.add(call.talk("access").opens(at=1.0), core)
    if told:
        call.notifies(1.5, "core", told)
    findings = found(call.until(20.0).report(tmp_path), "tcp-failure-not-reported")
    assert len(findings) == broken
    if broken:
        assert "is refused" in findings[0].explanation
