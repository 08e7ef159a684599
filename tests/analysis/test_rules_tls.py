"""Rules on how TLS fails and ends: captures that break them, captures that keep them."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import A, B, Packet, Talk, edited, udp, write
from test_rules import offer_and_answer

from workbench import scenarios
from workbench.analysis.analyzing import analyze
from workbench.analysis.files.twin import write_twin
from workbench.analysis.report import Report
from workbench.analysis.values import Finding

ENDS, FAILS, DIFFERS = "e2ae-tls-release", "e2ae-handshake-timeout", "e2ae-fingerprint-mismatch"


def run(tmp_path: Path, id: str, **knobs: str) -> Report:
    return scenarios.get(id).run(seed=3, out=tmp_path, **knobs).report


def found(report: Report, rule: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.rule == rule]


@pytest.mark.parametrize(("knobs", "words"), [
    ({"fails": "version"}, "UE A offers TLS 1.2; IMS-AGW does none of it"),
    ({"fails": "suite"}, "UE A offers cipher suites TLS_RSA_WITH_AES_128_CBC_SHA; IMS-AGW"),
    ({"fails": "version", "tls_client": "gateway"}, "IMS-AGW offers TLS 1.3; UE A does none of it"),
])
def test_what_was_offered_in_vain_is_named(tmp_path: Path, knobs: dict[str, str], words: str):
    """From the ClientHello to the alert: versions or suites, whoever the client is."""
    (finding,) = found(run(tmp_path, FAILS, **knobs), "tls-nothing-in-common")
    assert words in finding.explanation and len(finding.frames) == 2


def test_a_client_hello_into_a_session_that_is_up_is_another_story(tmp_path: Path):
    """It comes out of turn and in the clear; that versions differ is not what is wrong with it."""
    again = scenarios.get("e2ae-bfcp-renegotiation")
    anew = again.run(seed=3, out=tmp_path, tls="1.2", weakened=again.weakened[0].name)
    assert anew.as_declared and len(found(anew.report, "tls-alert")) == 2
    assert not found(anew.report, "tls-nothing-in-common")


@pytest.mark.parametrize(("id", "knobs", "words"), [
    (ENDS, {"how": "alert"}, "UE A ends TLS with internal_error: the sender has a fault of its own"),
    (ENDS, {"how": "clear"}, "IMS-AGW ends TLS with unexpected_message: what came is no TLS"),
    (DIFFERS, {}, "IMS-AGW ends TLS with bad_certificate: the certificate is not the one"),
    (DIFFERS, {"wrong": "none"}, "IMS-AGW ends TLS with certificate_required: the client presents no certificate"),
    (FAILS, {"fails": "garbage"}, "IMS-AGW ends TLS with unexpected_message: what came is no TLS"),
])
def test_an_alert_is_told_with_its_cause(tmp_path: Path, id: str, knobs: dict[str, str], words: str):
    """Who gives up, with which alert, and what that means with e2ae."""
    (finding,) = found(run(tmp_path, id, **knobs), "tls-alert")
    assert words in finding.explanation


@pytest.mark.parametrize(("how", "words"), [
    ("cut", "UE A closes TCP on the access leg without close_notify"), ("reset", "UE A resets TCP on the access leg")])
def test_a_session_that_is_cut_off_is_told(tmp_path: Path, how: str, words: str):
    """FIN or RST without close_notify before it (RFC 8446 §6.1)."""
    (finding,) = found(run(tmp_path, ENDS, how=how), "no-close-notify")
    assert words in finding.explanation


@pytest.mark.parametrize(("id", "knobs", "words"), [
    (ENDS, {"how": "clear"}, "UE A sends octets that are no TLS record on the access leg"),
    (FAILS, {"fails": "clear"}, "UE A sends BFCP in the clear on the access leg"),
    (FAILS, {"fails": "clear", "tls_client": "gateway"}, "UE A sends octets that are no TLS record"),
    (FAILS, {"fails": "garbage"}, "UE A sends unknown in the clear"),
])
def test_what_is_no_tls_on_a_tls_leg_is_told(tmp_path: Path, id: str, knobs: dict[str, str], words: str):
    """In place of a ClientHello, in answer to one, and in the middle of a session."""
    (finding,) = found(run(tmp_path, id, **knobs), "clear-on-tls-leg")
    assert words in finding.explanation


def test_an_alert_in_answer_to_clear_text_is_read_as_tls(tmp_path: Path):
    """One direction of a connection is BFCP, the other a TLS record; the twin has the clear one alone."""
    report = run(tmp_path, FAILS, fails="clear")
    said = [(m.source.node, m.protocol) for m in report.messages
            if m.wire == "Access" and m.protocol in ("BFCP", "TLS")]
    assert said[0] == ("UE A", "BFCP") and ("IMS-AGW", "TLS") in said
    write_twin(report, tmp_path / "twin.pcapng")
    assert analyze(tmp_path / "twin.pcapng").packets > 0


@pytest.mark.parametrize("knobs", [{"fails": "version"}, {"fails": "stalls"}, {"fails": "nobody"}],
                         ids=lambda knobs: knobs["fails"])
def test_a_failure_that_nobody_was_told_of(tmp_path: Path, knobs: dict[str, str]):
    """Without the gateway's Notify, and with a controller that goes on: the event was armed, and nothing came."""
    made = scenarios.get(FAILS).run(seed=3, out=tmp_path, **knobs)
    assert found(made.report, "tls-failure-not-reported") == []

    def silent(packets: list[Packet]) -> list[Packet]:
        kept = [p for p in packets if b"Notify" not in p.octets and b"Subtract" not in p.octets]
        last, octets = packets[-1], udp(0, A, B, b"\r\n")[2]
        return [*kept, Packet(0, last.time_ns + 10**10, last.wire, last.link, octets, len(octets))]

    (finding,) = found(analyze(edited(made.capture, tmp_path / "a.pcapng", silent)), "tls-failure-not-reported")
    assert "no Notify tells of it" in finding.explanation


@pytest.mark.parametrize(("version", "suite", "words"), [
    (b"\x03\x03", b"\x00\x05", "TLS_RSA_WITH_RC4_128_SHA"), (b"\x03\x01", b"", "TLS 1.0"), (b"\x03\x03", b"", "")])
def test_a_weak_server_hello(tmp_path: Path, version: bytes, suite: bytes, words: str):
    """The ServerHello of TLS 1.2 as it was sent keeps the rule; with RC4 or TLS 1.0 in it the leg is told."""
    said = {message.summary.split()[0]: message.octets for message in run(tmp_path, "e2ae-msrp-originating",
            tls="1.2").messages if message.summary.startswith(("ClientHello", "ServerHello"))}
    hello = said["ServerHello"]
    at = 38 + 1 + hello[38]                 # behind header, version, random and session id
    weak = hello[:4] + version + hello[6:at] + (suite or hello[at : at + 2]) + hello[at + 2 :]
    talk = Talk().opens(at=1.0)
    for direction, octets in enumerate((said["ClientHello"], weak)):
        talk.says(direction, b"\x16\x03\x03" + len(octets).to_bytes(2, "big") + octets)
    told = found(analyze(write(tmp_path / "a.pcapng", offer_and_answer("active", "passive") + talk.frames)), "weak-tls")
    assert [words in finding.explanation for finding in told] == [True] * bool(words)
