"""Rules about connections that do not come about, or end, and about roles: broken by one capture, kept by another."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import Talk, sip, udp
from crafted_calls import ACCESS, CORE, PEER, UE, Crafted, found
from crafted_signalling import down, stream, up

from workbench.net.packets import ACK, RST, SYN
from workbench.net.values import Endpoint
from workbench.protocols.h248.packages import registry

WORDS = b"MSRP a1b2 SEND\r\n"


def agreed(access: str = "passive", core: str = "active") -> Crafted:
    return Crafted(access, core).agrees("access", ("setup:active",), ("setup:passive",)).agrees(
        "core", ("setup:active",), ("setup:passive",))


@pytest.mark.parametrize(("became", "rule"), [
    ("refused", "connection-refused"), ("silence", "syn-unanswered"), ("late", "syn-unanswered"), ("up", "")])
def test_a_gateway_that_reaches_nobody(tmp_path: Path, became: str, rule: str):
    """Its SYN is refused at once, or nothing comes; a RST long after that is clearing up; an answer is neither."""
    call = agreed()
    core = call.talk("core", by_gateway=True, isn=(5, 6))
    core.opens(at=1.1) if became == "up" else core.put(0, SYN, at=1.1)
    if became in ("refused", "late"):
        core.put(1, RST | ACK, at=1.11 if became == "refused" else 31.0)
    report = call.add(call.talk("access").opens(at=1.0), core).until(40.0).report(tmp_path)
    assert [finding.rule for one in ("connection-refused", "syn-unanswered") for finding in found(report, one)] == (
        [rule] if rule else [])
    if rule:
        assert str(PEER) in found(report, rule)[0].explanation and found(report, rule)[0].next


def test_a_second_connection_that_is_refused_is_no_failure(tmp_path: Path):
    """The first one is up: first come, first served."""
    call = agreed()
    second = call.talk("access", port=5001, isn=(77, 78)).put(0, SYN, at=3.0).put(1, RST | ACK)
    core = call.talk("core", by_gateway=True, isn=(5, 6)).opens(at=1.1)
    assert not found(call.add(call.talk("access").opens(at=1.0), core, second).report(tmp_path), "connection-refused")


@pytest.mark.parametrize(("until", "bye", "broken"), [(20.0, False, True), (20.0, True, False), (3.0, False, False)])
def test_a_call_that_goes_on_without_its_connection(tmp_path: Path, until: float, bye: bool, broken: bool):
    """Both legs are closed and nobody says BYE; not where somebody does, or the capture ends before that is due."""
    call = agreed()
    call.add(call.talk("access").opens(at=1.0).says(0, WORDS).closes(),
             call.talk("core", by_gateway=True, isn=(5, 6)).opens(at=1.0005).says(0, WORDS).closes())
    if bye:
        call.frames.append(udp(2.0, Endpoint(UE.host, 5060), Endpoint("198.51.100.5", 5060),
                               sip("BYE sip:b@home2.example SIP/2.0", "call-access", "BYE"), "Access"))
    findings = found(call.until(until).report(tmp_path), "call-without-bearer")
    assert len(findings) == broken
    if broken:
        assert "UE A ends the media connection (FIN)" in findings[0].explanation


@pytest.mark.parametrize(("access", "core", "broken"), [
    ("passive", "active", []), ("active", "active", ["ip/1/access/1"]), ("passive", "passive", ["ip/1/core/1"]),
    ("", "", [])])
def test_a_role_that_sdp_did_not_settle(tmp_path: Path, access: str, core: str, broken: list[str]):
    """UE A is active and Peer B passive, so the gateway waits for the one and opens to the other."""
    findings = found(agreed(access, core).report(tmp_path), "gateway-role")
    assert len(findings) == len(broken)
    assert all(name in finding.explanation for name, finding in zip(broken, findings, strict=True))


@pytest.mark.parametrize(("roles", "forwarded", "broken"), [
    (("", ""), "passive", True), (("", ""), "active", False), (("passive", "passive"), "passive", False)])
def test_setup_changed_in_front_of_a_relay(tmp_path: Path, roles: tuple[str, str], forwarded: str, broken: bool):
    """active goes on as passive, and the gateway has no role; with roles that is merge mode."""
    call = Crafted(*roles).agrees("access", ("setup:active",), ("setup:passive",))
    call.agrees("core", (f"setup:{forwarded}",), ("setup:passive",) if forwarded == "active" else ("setup:active",))
    findings = found(call.report(tmp_path), "setup-changed-by-relay")
    assert bool(findings) == broken
    if broken:
        assert any("the offer comes with a=setup:active from UE A and goes on with a=setup:passive" in one.explanation
                   for one in findings)


@pytest.mark.parametrize(("roles", "broken"), [(("", ""), True), (("passive", "active"), False)])
def test_a_relay_that_ends_tcp(tmp_path: Path, roles: tuple[str, str], broken: bool):
    """Two connections with numbers of their own where no role was given; with roles that is right."""
    call = agreed(*roles)
    call.add(call.talk("access").opens(at=1.0), call.talk("core", by_gateway=True, isn=(5, 6)).opens(at=1.1))
    assert bool(found(call.report(tmp_path), "relay-ends-tcp")) == broken


@pytest.mark.parametrize(("first", "broken"), [(0.5, True), (1.5, False)])
def test_a_gateway_that_does_not_wait(tmp_path: Path, first: float, broken: bool):
    """Its SYN leaves before UE A's came; in the clear as well as with TLS."""
    call = agreed()
    call.add(call.talk("access").opens(at=1.0), call.talk("core", by_gateway=True, isn=(5, 6)).opens(at=first))
    assert bool(found(call.report(tmp_path), "outgoing-before-incoming")) == broken


CHANGE = registry().wire_name("tcp-change")
FAILED = f"{CHANGE} {{ {registry().wire_name('tcp-change-type')} = {registry().wire_name('tcp-failed')} }}"


def configured(call: Crafted) -> Crafted:
    """Both terminations know their peer, and other calls of the gateway have connections on both sides."""
    for number, (side, end) in enumerate((("access", UE), ("core", PEER)), 90):
        told = f"Modify = ip/1/{side}/1 {{ Media {{ {stream(remote=f'{end.host} {end.port}')} }} }}"
        call.frames += [down(0.5, f"Transaction = {number} {{ Context = 7 {{ {told} }} }}"),
                        up(0.51, f"Reply = {number} {{ Context = 7 {{ Modify = ip/1/{side}/1 }} }}")]
    other = Endpoint("203.0.113.77", 7000)
    return call.add(Talk(other, Endpoint(ACCESS.host, 41000), "Access").opens(at=0.6),
                    Talk(Endpoint(CORE.host, 41002), other, "Core").opens(at=0.7))


@pytest.mark.parametrize(("watch", "told", "comes", "until", "broken"), [
    (CHANGE, False, False, 90.0, True), (CHANGE, False, False, 40.0, False), (CHANGE, True, False, 90.0, False),
    (CHANGE, False, True, 90.0, False), ("", False, False, 90.0, False)])
def test_a_gateway_that_never_gives_up(tmp_path: Path, watch: str, told: bool, comes: bool, until: float,
                                       broken: bool):
    """A minute without the connection, and no report although one was asked for; not where any of that is otherwise."""
    call = configured(Crafted(watch=watch))
    if told:
        call.notifies(30.0, "access", FAILED)
    if comes:
        call.add(call.talk("access").opens(at=1.0))
        call.add(call.talk("core", by_gateway=True, isn=(5, 6)).opens(at=1.1))
    findings = found(call.until(until).report(tmp_path), "gateway-waits")
    assert len(findings) == broken
    if broken:
        assert "IMS-AGW waits at ip/1/access/1 for a connection for 9" in findings[0].explanation
        assert findings[0].provisional and findings[0].next


@pytest.mark.parametrize(("role", "opens", "closes", "until", "broken"), [
    ("active", False, False, 20.0, True), ("active", True, False, 20.0, False), ("active", False, True, 20.0, False),
    ("active", False, False, 8.0, False), ("passive", False, False, 20.0, False)])
def test_a_gateway_that_opens_nothing(tmp_path: Path, role: str, opens: bool, closes: bool, until: float, broken: bool):
    """UE A is connected, and no SYN leaves towards Peer B; not where one does, UE A goes, or Peer B has to open."""
    call = configured(Crafted(core=role))
    access = call.talk("access").opens(at=1.0)
    call.add(access.closes() if closes else access)
    if opens:
        call.add(call.talk("core", by_gateway=True, isn=(5, 6)).put(0, SYN, at=1.1))
    findings = found(call.until(until).report(tmp_path), "gateway-waits")
    assert len(findings) == broken
    if broken:
        assert f"is TCP-active at ip/1/core/1 and knows its peer's address ({PEER})" in findings[0].explanation
