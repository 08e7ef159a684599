"""Each rule: a capture that breaks it is found, one that keeps it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from capturing import A, B, Packet, Talk, edited, sdp, sip, udp, write

from workbench import scenarios
from workbench.analysis.analyzing import analyze
from workbench.analysis.calls.certificates import held_against
from workbench.analysis.files.twin import write_twin
from workbench.analysis.flows import payload_of
from workbench.analysis.report import Report
from workbench.analysis.rules import RULES
from workbench.analysis.values import Finding
from workbench.net.packets import FIN, TCP, UDP, decode_tcp, decode_udp
from workbench.net.values import Endpoint

ID = "e2ae-msrp-originating"


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which everything is as it should be."""
    return scenarios.get(ID).start(seed=3, out=tmp_path_factory.mktemp("run")).finish().capture


def found(report: Report, rule: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.rule == rule]


def test_a_sound_capture_breaks_no_rule(capture: Path):
    """None of the rules speaks."""
    assert analyze(capture).findings == ()


def test_rules_say_where_they_stand():
    """Ids are unique; each rule has a clause, a severity, a title that is a sentence, and what to check next."""
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.clause and rule.severity in ("error", "warning", "note") and rule.title[0].isupper()
        assert rule.next.endswith("."), rule.id


@pytest.mark.parametrize(("variant", "rules"), [
    ("the IMS-ALG leaves security attributes in the offer", {"e2ae-direction", "security-reaches-core"}),
    ("the gateway does not wait for the incoming connection", {"outgoing-before-incoming"}),
    ("a gateway that checks nothing meets another certificate", {"fingerprint-mismatch", "mismatch-accepted"}),
    ("the gateway closes TCP without close_notify", {"no-close-notify"}),
    ("UE A presents another certificate", {"fingerprint-mismatch", "tls-alert"}),
])
def test_each_weakened_run_is_reported_with_its_rule(tmp_path: Path, variant: str, rules: set[str]):
    """What a weakened node does wrong is what the analyser finds, with frames."""
    report = analyze(scenarios.get(ID).start(seed=3, out=tmp_path, weakened=variant).finish().capture)
    assert {finding.rule for finding in report.findings} == rules
    assert all(finding.frames and finding.explanation for finding in report.findings)


def changed(capture: Path, path: Path, change: Callable[[list[Packet]], list[Packet]]) -> Report:
    return analyze(edited(capture, path / "changed.pcapng", change))


def test_an_order_without_reply(capture: Path, tmp_path: Path):
    """The gateway's replies are taken away: the order is unanswered, with its id and what to check next."""
    def without_replies(packets: list[Packet]) -> list[Packet]:
        return [p for p in packets if b"Reply = 1002" not in p.octets]

    report = changed(capture, tmp_path, without_replies)
    (finding,) = found(report, "order-unanswered")
    assert "1002" in finding.explanation and "IMS-AGW never answers" in finding.explanation
    advice = next(rule.next for rule in RULES if rule.id == "order-unanswered")
    assert advice and finding.next == advice
    assert advice in [one["next"] for one in report.to_json()["findings"]]


def test_an_order_to_a_gateway_that_is_not_there_yet(capture: Path, tmp_path: Path):
    """A controller asks before its gateway has been started: nobody breaks a rule by not answering. Later, one does."""
    question = b"MEGACO/2 [192.0.2.10]:2944\nTransaction = 77 { Context = - { AuditValue = ROOT { Audit { } } } }"
    asked = udp(0, Endpoint("192.0.2.10", 2944), Endpoint("192.0.2.20", 2944), question)[2]

    def at(index: int) -> Callable[[list[Packet]], list[Packet]]:
        def insert(packets: list[Packet]) -> list[Packet]:
            near = packets[index]
            return [*packets[:index], Packet(near.number, near.time_ns - 1, "Iq", near.link, asked, len(asked)),
                    *packets[index:]]
        return insert

    assert found(changed(capture, tmp_path, at(0)), "order-unanswered") == []
    (finding,) = found(changed(capture, tmp_path, at(20)), "order-unanswered")
    assert "transaction 77" in finding.explanation


def test_a_core_leg_left_open(capture: Path, tmp_path: Path):
    """No FIN on the core although TLS is over, and the capture goes on."""
    def without_fin(packets: list[Packet]) -> list[Packet]:
        last = packets[-1]
        later = Packet(last.number + 1, last.time_ns + 10**10, last.wire, last.link, udp(0, A, B, b"\r\n")[2], 30)
        return [p for p in packets if p.wire != "Core" or not _is(p, FIN)] + [later]

    assert len(found(changed(capture, tmp_path, without_fin), "core-left-open")) == 1


def test_data_on_the_core_before_the_check(capture: Path, tmp_path: Path):
    """The core's frames come first: application data is forwarded before the handshake has finished."""
    def core_first(packets: list[Packet]) -> list[Packet]:
        tcp = [p for p in packets if _is(p, 0)]
        access, core = ([p for p in tcp if p.wire == wire] for wire in ("UE A access", "Core"))
        return [p for p in packets if p not in tcp] + core + access

    report = changed(capture, tmp_path, core_first)
    assert len(found(report, "core-before-check")) == 1


def test_clear_text_on_a_leg_that_was_agreed_as_tls(capture: Path, tmp_path: Path):
    """The decrypted twin is such a capture: SDP says TCP/TLS/MSRP, and MSRP is in the clear."""
    write_twin(analyze(capture), tmp_path / "twin.pcapng")
    (finding,) = found(analyze(tmp_path / "twin.pcapng"), "clear-on-tls-leg")
    assert "UE A sends MSRP in the clear on the access leg" in finding.explanation


def offer_and_answer(offered: str, taken: str, proto: str = "TCP/TLS/MSRP") -> list:
    invite = sip("INVITE sip:b@home2.example SIP/2.0", "c1", "INVITE", sdp(A.host, A.port, proto, f"setup:{offered}"))
    ok = sip("SIP/2.0 200 OK", "c1", "INVITE", sdp(B.host, B.port, proto, f"setup:{taken}"))
    one, other = Endpoint(A.host, 5060), Endpoint(B.host, 5060)
    return [udp(0.0, one, other, invite, "SIP"), udp(0.1, other, one, ok, "SIP")]


@pytest.mark.parametrize(("offered", "taken", "broken"), [
    ("active", "active", True), ("passive", "passive", True), ("active", "passive", False),
    ("passive", "active", False), ("actpass", "active", False), ("actpass", "actpass", True)])
def test_an_answer_that_the_offer_does_not_allow(tmp_path: Path, offered: str, taken: str, broken: bool):
    """The table of RFC 4145 §4.1."""
    report = analyze(write(tmp_path / "a.pcapng", offer_and_answer(offered, taken)))
    assert bool(found(report, "setup-answer")) == broken


def test_a_tcp_client_that_is_not_tls_client(capture: Path, tmp_path: Path):
    """The side that accepted TCP sends the ClientHello."""
    hellos = {m.summary.split()[0]: m.octets for m in analyze(capture).messages
              if m.protocol == "TLS" and m.summary.startswith(("ClientHello", "ServerHello"))}
    records = {name: b"\x16\x03\x03" + len(octets).to_bytes(2, "big") + octets for name, octets in hellos.items()}
    for server_first in (True, False):
        talk = Talk().opens(at=1.0)
        talk.says(int(server_first), records["ClientHello"]).says(int(not server_first), records["ServerHello"])
        report = analyze(write(tmp_path / "a.pcapng", offer_and_answer("active", "passive") + talk.frames))
        assert bool(found(report, "tls-roles-against-setup")) == server_first


def test_a_certificate_is_held_against_what_was_announced():
    """Any announced hash that can be computed and fits; case and hash name as written; nothing announced: unknown."""
    der = b"not looked into"
    right = held_against("UE A", der, ()).seen
    assert held_against("UE A", der, (right.lower(),)).matches is True
    assert held_against("UE A", der, ("SHA-256 " + "00:" * 31 + "00", right)).matches is True
    assert held_against("UE A", der, ("SHA-256 " + "00:" * 31 + "00",)).matches is False
    assert held_against("UE A", der, ()).matches is None
    assert held_against("UE A", der, ("MD2 00:00", "nonsense")).matches is None


def _is(packet: Packet, flag: int) -> bool:
    ip = payload_of(packet)
    if ip is None or ip.protocol != TCP:
        assert ip is None or ip.protocol != UDP or decode_udp(ip)
        return False
    return not flag or bool(decode_tcp(ip).flags & flag)
