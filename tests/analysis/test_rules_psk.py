"""Rules on TLS with pre-shared keys: captures that break them, captures that keep them."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import A, B, sdp, sip, udp, write
from psk_sessions import STRANGE, TEK, WRONG, Recorded
from test_rules import found

from workbench import scenarios
from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.cli import main
from workbench.net.values import Endpoint
from workbench.security.identities import Identity
from workbench.security.psk import KeyRing, PskSession
from workbench.security.source import Source
from workbench.security.tls import TlsSession

KEYED, SHOWN = "key-mgmt:mikey AAAA", f"fingerprint:SHA-256 {':'.join(['AB'] * 32)}"
_KEY = TEK.key.hex().upper()
PSK_RULES = ("psk-identity-unknown", "psk-wrong-key", "psk-or-certificate")
UE, PEER = (Identity.self_signed(name, Source(1, name)) for name in ("ue", "peer"))
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


def call(tmp_path: Path, session: Recorded, *, offer: tuple[str, ...] = (KEYED,), answer: tuple[str, ...] = (KEYED,),
         keys: bool = True) -> Report:
    """A call whose SDP says that, with this session on its connection."""
    one, other = Endpoint(A.host, 5060), Endpoint(B.host, 5060)
    invite = sip("INVITE sip:b@home2.example SIP/2.0", "c1", "INVITE",
                 sdp(A.host, A.port, "TCP/TLS/MSRP", "setup:active", *offer))
    ok = sip("SIP/2.0 200 OK", "c1", "INVITE", sdp(B.host, B.port, "TCP/TLS/MSRP", "setup:passive", *answer))
    frames = [udp(0.0, one, other, invite, "SIP"), udp(0.1, other, one, ok, "SIP"), *session.talk().frames]
    return analyze(write(tmp_path / "a.pcapng", frames, secrets=session.keylog if keys else ""))


def told(report: Report) -> list[str]:
    """Which rules on keys are broken."""
    return [finding.rule for finding in report.findings if finding.rule in PSK_RULES]


@VERSIONS
@pytest.mark.parametrize("keys", [True, False])
def test_a_session_with_the_right_key_keeps_all_rules(tmp_path: Path, version: str, keys: bool):
    """No rule on TLS takes the lack of certificates for a fault, with or without a key log."""
    report = call(tmp_path, Recorded.keyed(version, hint=b"mrfp").close(), keys=keys)
    tls = [one.rule for one in report.findings if any(word in one.rule for word in (
        "tls", "psk", "certificate", "fingerprint", "handshake", "security", "close-notify"))]
    assert tls == []


@VERSIONS
@pytest.mark.parametrize("keys", [True, False])
def test_a_name_that_the_server_does_not_know(tmp_path: Path, version: str, keys: bool):
    """S17, X14: the finding names it, with the frames of the name and of the alert."""
    report = call(tmp_path, Recorded.keyed(version, offered=STRANGE), keys=keys)
    assert told(report) == ["psk-identity-unknown"]
    (finding,) = found(report, "psk-identity-unknown")
    assert "names the pre-shared key 'ticket-cs-2' on the end to end leg" in finding.explanation
    assert len(finding.frames) == 2
    (alert,) = found(report, "tls-alert")
    assert "unknown_psk_identity: it knows no pre-shared key" in alert.explanation


@VERSIONS
@pytest.mark.parametrize("keys", [True, False])
def test_a_key_of_wrong_value(tmp_path: Path, version: str, keys: bool):
    """S18: bad_record_mac for the Finished, decrypt_error for the binder."""
    report = call(tmp_path, Recorded.keyed(version, offered=WRONG), keys=keys)
    assert told(report) == ["psk-wrong-key"]
    (finding,) = found(report, "psk-wrong-key")
    assert ("its Finished" if version == "1.2" else "binder") in finding.explanation
    assert len(finding.frames) == 2


def test_a_name_that_is_known_among_others_is_no_fault(tmp_path: Path):
    """A server with many keys."""
    assert told(call(tmp_path, Recorded.keyed("1.2", offered=STRANGE, known=KeyRing((TEK, STRANGE))).close())) == []


def test_a_server_of_tls_1_3_that_goes_on_to_look_for_a_certificate(tmp_path: Path):
    """OpenSSL's own alert for an unknown name is handshake_failure: told with both causes, and by no other rule."""
    session = Recorded.keyed("1.3", offered=STRANGE)
    session.flights[-1] = (1, session.flights[-1][1][:-1] + b"\x28")
    report = call(tmp_path, session)
    assert told(report) == ["psk-identity-unknown"]
    assert "or wants to show a certificate" in found(report, "psk-identity-unknown")[0].explanation
    assert found(report, "tls-nothing-in-common") == []


def by_certificate(version: str, client: bool) -> TlsSession:
    """An end that has a certificate, and knows its peer's if that has one."""
    own, other = (UE, PEER) if client else (PEER, UE)
    return TlsSession(own, client, versions=[version], announced=[other.fingerprint()], log_keys=client)


def test_a_server_that_shows_a_certificate_instead(tmp_path: Path):
    """TLS 1.3: it goes on without the key, and the client refuses."""
    session = Recorded(PskSession(TEK, True, versions=["1.3"], log_keys=True), by_certificate("1.3", False))
    (finding,) = found(call(tmp_path, session), "psk-or-certificate")
    assert "goes on without it and shows a certificate" in finding.explanation


def test_a_server_that_has_certificates_alone(tmp_path: Path):
    """TLS 1.2: nothing but suites with a key is offered to it."""
    session = Recorded(PskSession(TEK, True), by_certificate("1.2", False))
    (finding,) = found(call(tmp_path, session), "psk-or-certificate")
    assert "offers suites with a pre-shared key alone" in finding.explanation


@pytest.mark.parametrize(("said", "broken"), [((KEYED,), True), ((SHOWN,), False)])
def test_a_client_that_has_certificates_alone(tmp_path: Path, said: tuple[str, ...], broken: bool):
    """It is a fault of this kind where SDP promises a key; otherwise the suites just do not fit."""
    report = call(tmp_path, Recorded(by_certificate("1.2", True), PskSession(TEK, False)), offer=said, answer=said)
    assert bool(found(report, "psk-or-certificate")) == broken
    assert found(report, "tls-nothing-in-common")


@VERSIONS
@pytest.mark.parametrize(("said", "broken"), [((SHOWN,), True), ((KEYED,), False), ((SHOWN, KEYED), False)])
def test_a_key_where_a_certificate_was_announced(tmp_path: Path, version: str, said: tuple[str, ...], broken: bool):
    """The fingerprint was never held against anything; with both in SDP the key may take its place."""
    report = call(tmp_path, Recorded.keyed(version).close(), offer=said, answer=said)
    assert bool(found(report, "psk-or-certificate")) == broken


@VERSIONS
def test_ends_with_certificates_keep_the_rules(tmp_path: Path, version: str):
    """A session by certificates is none of these rules' business, even if it fails."""
    for server in (by_certificate(version, False), TlsSession(PEER, False, versions=[version], announced=[])):
        session = Recorded(by_certificate(version, True), server)
        assert told(call(tmp_path, session, offer=(SHOWN,), answer=(SHOWN,))) == []


def test_an_answer_that_takes_the_key_keeps_the_security(tmp_path: Path):
    """Offered both, answered with a=key-mgmt alone: nothing was dropped."""
    report = call(tmp_path, Recorded.keyed().close(), offer=(SHOWN, KEYED), answer=(KEYED,))
    assert found(report, "answer-drops-security") == []


def test_a_key_over_h248_is_told_wherever_a_report_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """X28: text, JSON and page name the frame and who can read what, and so does what shows that frame.

    The key itself is in none of them but the frame's own octets.
    """
    run = scenarios.get("mp-msrp-dial-in").run(seed=1, out=tmp_path, keys="configured")
    (finding,) = found(run.report, "key-readable")
    (frame,) = finding.frames
    assert finding.severity == "note" and "'cs1' that MRFP gets over H.248" in finding.explanation
    assert finding.explanation in str(run.report.to_json()["findings"])
    page = tmp_path / "report.html"
    said = _said(capsys, "analyze", run.capture, "--html", page)
    assert f"frame {frame})" in said and "workbench anonymize" in said and _KEY not in said.upper()
    assert "whoever has this capture" in page.read_text()
    assert "whoever has this capture" in _said(capsys, "show", run.capture, "--frame", frame)
    assert "whoever has this capture" not in _said(capsys, "show", run.capture, "--frame", frame + 1)


def _said(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Both outputs of a command."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr("sys.argv", ["workbench", *map(str, words)])
        main()
    return "".join(capsys.readouterr())


def test_a_key_in_sdp_is_told_once(tmp_path: Path):
    """RFC 4568: a=crypto with its key; without a key, or over TLS by certificate, there is nothing to tell."""
    one, other = Endpoint(A.host, 5060), Endpoint(B.host, 5060)
    crypto = "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    for line, count in ((crypto, 1), ("crypto:1 AES_CM_128_HMAC_SHA1_80 inline", 0), (SHOWN, 0)):
        invite = sip("INVITE sip:b@home2.example SIP/2.0", "c1", "INVITE", sdp(A.host, A.port, "RTP/SAVP", line))
        frames = [udp(0.0, one, other, invite, "SIP"), udp(0.5, one, other, invite, "SIP")]
        told = found(analyze(write(tmp_path / "a.pcapng", frames)), "key-readable")
        assert [(finding.frames, "WVNf" in finding.explanation) for finding in told] == [((1, 2), False)] * count
