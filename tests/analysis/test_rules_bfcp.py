"""Rules and readers of BFCP: captures that keep them, captures that break them, and octets that are broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import A, B, Packet, Talk, edited, sdp, sip, udp, write
from msgspec import structs

from workbench import scenarios
from workbench.analysis.analyzing import analyze
from workbench.analysis.files.twin import write_twin
from workbench.analysis.report import Report
from workbench.analysis.values import Finding
from workbench.net.packets import ACK, PSH
from workbench.net.values import Endpoint

ORIGINATING, TERMINATING = "e2ae-bfcp-originating", "e2ae-bfcp-terminating"
WAIT = "UE A lets a=setup decide who begins TLS, and is TCP-passive: both ends wait for a ClientHello"
CLASH = "UE A lets a=setup decide who begins TLS, and opens TCP: both ends send a ClientHello"
HELLO = bytes.fromhex("200b0000000010e1000100ea")
REQUEST = bytes.fromhex("20010004000010e1000200ea" "0504021f" "1008736c69646573" "08046000")


@pytest.fixture(scope="module", params=[ORIGINATING, TERMINATING])
def capture(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which everything is as it should be, with the TCP roles that are not the TLS roles."""
    id = request.param
    active = {"tcp_active": "peer" if id == ORIGINATING else "ue"}
    return scenarios.get(id).start(seed=3, out=tmp_path_factory.mktemp("run"), **active).finish().capture


def found(report: Report, rule: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.rule == rule]


def test_a_sound_capture_breaks_no_rule(capture: Path):
    """TCP and TLS have different clients, as BFCP wants it, and no rule speaks."""
    report = analyze(capture)
    assert report.findings == ()
    calls = [session for session in report.sessions if session.kind == "bfcp"]
    assert len(calls) == 3
    access = [leg for session in calls for leg in session.legs if leg.name == "access"]
    assert all(leg.tls_client and leg.tls_client != leg.tcp_client for leg in access)


@pytest.mark.parametrize(("id", "variant", "says"), [
    (ORIGINATING, WAIT, "nobody sends a ClientHello"), (TERMINATING, CLASH, "both send a ClientHello"),
])
def test_a_role_clash_is_found(tmp_path: Path, id: str, variant: str, says: str):
    """One end lets a=setup decide: where it is passive nobody begins, where it is active both do."""
    report = analyze(scenarios.get(id).start(seed=3, out=tmp_path, weakened=variant).finish().capture)
    told = found(report, "bfcp-tls-client")
    assert told and says in told[0].explanation
    assert all(finding.frames for finding in told)


def test_another_conference_than_sdp_told(capture: Path, tmp_path: Path):
    """a=confid is changed in every description: the messages that follow name another conference than it."""
    def changed(packets: list[Packet]) -> list[Packet]:
        return [structs.replace(one, octets=one.octets.replace(b"a=confid:4321", b"a=confid:4322")) for one in packets]

    told = found(analyze(edited(capture, tmp_path / "changed.pcapng", changed)), "bfcp-ids")
    assert told and "4321; the SDP told conference 4322" in told[0].explanation
    assert found(analyze(capture), "bfcp-ids") == []


def test_a_twin_has_bfcp_in_the_clear(capture: Path, tmp_path: Path):
    """The decrypted twin carries BFCP in TCP on the access wire, message by message as the original said it."""
    assert write_twin(capture, tmp_path / "twin.pcapng") == 3
    original, twin = analyze(capture), analyze(tmp_path / "twin.pcapng")

    def said(report: Report) -> list[tuple[str, bytes]]:
        return [(message.summary, message.octets) for message in report.messages
                if message.protocol == "BFCP" and message.wire == "Access"]

    assert said(twin) == said(original) and len(said(original)) > 20
    assert not any(message.protected for message in twin.messages if message.protocol == "BFCP")


@pytest.mark.parametrize("size", [1, 5, 12, 13, 29])
def test_however_a_stream_is_cut(size: int, tmp_path: Path):
    """Each message is told once, with the frames that carry it."""
    octets = HELLO + REQUEST
    talk = Talk().opens()
    for at in range(0, len(octets), size):
        talk.put(0, PSH | ACK, octets[at : at + size])
    report = analyze(write(tmp_path / "cut.pcapng", talk.frames))
    assert [m.summary for m in report.messages if m.protocol == "BFCP"] == [
        "Hello 1 of user 234", "FloorRequest 2 of user 234 (floor 543)"]
    assert b"".join(m.octets for m in report.messages if m.protocol == "BFCP") == octets


def test_what_is_broken_is_said(tmp_path: Path):
    """An attribute that does not fit, a version that TCP can't have, and a message that never ends."""
    broken = bytes.fromhex("20010001000010e1000200ea") + b"\x05\xff\x02\x1f"
    talk = Talk().opens().put(0, PSH | ACK, HELLO + broken).put(0, PSH | ACK, b"\x40" + HELLO[1:])
    talk.put(1, PSH | ACK, HELLO + REQUEST[:20])
    report = analyze(write(tmp_path / "broken.pcapng", talk.frames))
    told = [(m.summary, m.error) for m in report.messages if m.protocol == "BFCP" and m.error]
    assert [summary for summary, _ in told] == [
        "FloorRequest that does not decode", "not BFCP, 12 octets", "unfinished message, 20 octets"]
    assert "version 2 on a reliable transport" in told[1][1]


def test_odd_first_octets_are_bfcp_where_sdp_says_so(tmp_path: Path):
    """Reserved bits may be set (RFC 8855 §5.1): without SDP nobody knows what such a stream is, with it everybody."""
    odd = bytes([HELLO[0] | 0x0A]) + HELLO[1:]
    stream = Talk().opens(at=1.0).put(0, PSH | ACK, odd).frames
    offered = sip("INVITE sip:b@home2.example SIP/2.0", "1", "INVITE",
                  sdp(B.host, B.port, "TCP/BFCP", "setup:passive", "floorctrl:s-only"))
    signalled = [udp(0.0, Endpoint(A.host, 5060), Endpoint(B.host, 5060), offered), *stream]
    kinds = [{m.protocol for m in analyze(write(tmp_path / f"{name}.pcapng", frames)).messages} & {"BFCP", "unknown"}
             for name, frames in (("alone", stream), ("signalled", signalled))]
    assert kinds == [{"unknown"}, {"BFCP"}]
