"""TLS-PSK as the analyser reads it: names of keys, protection of each suite, each octet explained."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest
import tls_sessions
from capturing import write
from psk_sessions import STRANGE, TEK, WRONG, Recorded
from test_rules import offer_and_answer

from workbench.analysis.analyzing import analyze
from workbench.analysis.carried.record_protection import expand_label, prf
from workbench.analysis.carried.tls_stream import KeyLog, TlsObserver
from workbench.analysis.explain import coverage, explain_frame, explain_message
from workbench.analysis.report import Report
from workbench.protocols.tls import wire
from workbench.protocols.tls.messages import ClientHello

SUITES = {
    "PSK-AES128-GCM-SHA256": "TLS_PSK_WITH_AES_128_GCM_SHA256",
    "PSK-AES128-CBC-SHA256": "TLS_PSK_WITH_AES_128_CBC_SHA256", "PSK-AES128-CBC-SHA": "TLS_PSK_WITH_AES_128_CBC_SHA",
    "PSK-AES256-CBC-SHA384": "TLS_PSK_WITH_AES_256_CBC_SHA384",
    "ECDHE-PSK-CHACHA20-POLY1305": "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-PSK-AES128-CBC-SHA256": "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256",
    "DHE-PSK-AES128-GCM-SHA256": "TLS_DHE_PSK_WITH_AES_128_GCM_SHA256",
    "DHE-PSK-AES128-CBC-SHA": "TLS_DHE_PSK_WITH_AES_128_CBC_SHA",
}
LIVE = [*(("1.2", suite) for suite in SUITES), ("1.3", "")]
SAID = (b"MSRP a786hjs2 SEND\r\nTo-Path: msrps://192.0.2.2:40002/b;tcp\r\nFrom-Path: msrps://192.0.2.1:40001/a;tcp\r\n"
        b"Message-ID: 87652491\r\nByte-Range: 1-2/2\r\nContent-Type: text/plain\r\n\r\nhi\r\n-------a786hjs2$\r\n")


def observed(session: Recorded, keylog: str | None = None) -> tuple[TlsObserver, list[bytes]]:
    """The probe, and the application data that it could read."""
    observer = TlsObserver(KeyLog.parse(session.keylog if keylog is None else keylog))
    data = [record.plaintext for who, octets in session.flights for record in observer.feed(who, octets)
            if record.content_type == 23 and record.plaintext is not None]
    return observer, data


def captured(tmp_path: Path, session: Recorded, *, keys: bool = True) -> Report:
    """A call with this session on its connection."""
    frames = offer_and_answer("active", "passive") + session.talk().frames
    return analyze(write(tmp_path / "a.pcapng", frames, secrets=session.keylog if keys else ""))


@pytest.mark.parametrize(("version", "suite"), LIVE)
def test_a_session_is_read_with_its_key_log(version: str, suite: str):
    """GCM, ChaCha20 and CBC of all hashes, with and without Diffie-Hellman: payload comes out, both ways."""
    session = Recorded.keyed(version, suite, hint=b"mrfp").say(0, b"there").say(1, b"and back")
    observer, data = observed(session)
    assert data == [b"there", b"and back"]
    assert observer.undecrypted == 0
    assert observer.cipher_suite_name == SUITES.get(suite, observer.cipher_suite_name)
    assert observer.pre_shared.name == "ticket-cs-1"
    assert observer.pre_shared.hint == (b"mrfp" if version == "1.2" else b"")
    assert observed(session, "")[1] == []


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("keys", [True, False])
def test_a_leg_names_key_and_suite(tmp_path: Path, version: str, keys: bool):
    """With and without a key log: the name of the key is in the clear in both versions."""
    report = captured(tmp_path, Recorded.keyed(version).say(0, SAID).close(), keys=keys)
    (leg,) = report.sessions[0].legs
    assert (leg.tls_version, leg.psk_identity, leg.decrypted) == (f"TLS {version}", "ticket-cs-1", keys)
    assert leg.tls == f"TLS {version} {leg.cipher_suite}, PSK identity ticket-cs-1"
    assert leg.certificates == ()
    assert report.sessions[0].security == "e2e"
    assert report.payload(leg, "client") == (SAID if keys else b"")
    said = [message.summary for message in report.messages if message.protocol == "TLS"]
    named = "ClientKeyExchange, PSK identity ticket-cs-1" if version == "1.2" else (
        "ClientHello TLS 1.3, PSK identity ticket-cs-1")
    assert named in said


@pytest.mark.parametrize("offered", [WRONG, STRANGE], ids=["wrong key", "other identity"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_key_that_was_asked_for_in_vain_is_named(version: str, offered):
    """The name that the client gave stays with a handshake that failed."""
    assert observed(Recorded.keyed(version, offered=offered))[0].pre_shared.identity == offered.identity


def test_a_ticket_of_an_earlier_session_is_no_pre_shared_key():
    """Its age is not 0 (RFC 8446 §4.2.11): the session resumes one that had certificates."""
    observer = TlsObserver()
    first = tls_sessions.Recorded("1.3", mutual=False)
    first.say(1, b"with the tickets")
    again = tls_sessions.Recorded("1.3", resume=first)
    hello = wire.decode_handshake(next(iter(wire.Messages().receive_data(
        wire.Records().receive_data(again.stream(0))[0].fragment)))).body
    assert isinstance(hello, ClientHello) and len(hello.psk_offers) == 1
    for who, octets in again.flights:
        observer.feed(who, octets)
    assert observer.pre_shared.name == ""


@pytest.mark.parametrize(("version", "suite"), LIVE)
def test_each_octet_is_explained(tmp_path: Path, version: str, suite: str):
    """The frames of the whole connection, hint, identity and binder included."""
    report = captured(tmp_path, Recorded.keyed(version, suite, hint=b"mrfp").say(0, SAID).close())
    labels: set[str] = set()
    for number in range(1, report.packets + 1):
        explained = explain_frame(report, number)
        assert coverage(explained).unexplained == ()
        labels |= {leaf.label for part in (explained, *explained.layers) for leaf in part.leaves()}
    assert all(coverage(explain_message(report, message)).complete for message in report.messages)
    assert labels >= {"PSK identity", "PSK identity hint" if version == "1.2" else "Binder"}


# Vectors

PREMASTER = bytes.fromhex("0010") + bytes(16) + bytes.fromhex("0010") + TEK.key


def test_premaster_and_master_secret_of_the_worked_example():
    """TLS 1.2 without extended master secret (RFC 4279 §2, RFC 5246 §8.1), and the line of its key log."""
    master = prf("sha256", PREMASTER, b"master secret" + b"\xc0" * 32 + b"\x5e" * 32, 48)
    assert master.hex() == ("ada51bc2ac44555933b2659b98e1c2d59b123688836354109646e1d412133ee1"
                            "bd75e9282a2f2f2bda1a743d3d067a80")
    log = KeyLog.parse(f"CLIENT_RANDOM {'c0' * 32} {master.hex()}\n")
    assert log.secret("CLIENT_RANDOM", b"\xc0" * 32) == master


def test_who_has_the_key_can_read_a_session_with_plain_psk():
    """The key alone gives the master secret of a recorded handshake (RFC 7627 §4), so it needs no key log."""
    session = Recorded.keyed("1.2", "PSK-AES128-GCM-SHA256").say(0, b"not forward secret")
    (hello, client), (_, server) = (_clear(session.stream(who)) for who in (0, 1))
    handshake = hello + server + client
    master = prf("sha256", PREMASTER, b"extended master secret" + hashlib.sha256(handshake).digest(), 48)
    line = f"CLIENT_RANDOM {hello[6:38].hex()} {master.hex()}"
    assert session.lines == [line]
    assert observed(session, line)[1] == [b"not forward secret"]


def test_the_binder_of_the_worked_example_and_of_a_recorded_session():
    """TLS 1.3: early secret, binder key and finished key (RFC 8446 §4.2.11.2, §7.1); then a binder that was sent."""
    early = hmac.digest(bytes(32), TEK.key, "sha256")
    assert early.hex() == "86923e1ad9951865891334cb99aab673c028cac70e1cc32967e733c49a4c41da"
    info = b"\0\x20" + b"\x10tls13 ext binder" + b"\x20" + hashlib.sha256(b"").digest()
    binder_key = hmac.digest(early, info + b"\1", "sha256")
    assert binder_key.hex() == "daeb118d6390829ff6f5577e2c3db455e1fb590603c3cb2143748447085312cc"
    finished = expand_label("sha256", binder_key, b"finished", 32)
    assert finished.hex() == "5ecc72320fe7ad317f1b1fad99875eb945df74ff11a73eef3d578f266e72e6e1"
    (record, *_) = wire.Records().receive_data(Recorded.keyed("1.3").stream(0))
    hello = record.fragment
    # pre_shared_key is the last extension: the list of binders (2 + 1 + 32 octets) ends the message.
    truncated, binder = hello[:-35], hello[-32:]
    assert binder == hmac.digest(finished, hashlib.sha256(truncated).digest(), "sha256")


def _clear(octets: bytes) -> tuple[bytes, bytes]:
    """The first handshake message, and those behind it up to what is protected; a server's are one."""
    messages = wire.Messages()
    found: list[bytes] = []
    for record in wire.Records().receive_data(octets):
        if record.type != 22:
            break
        found += messages.receive_data(record.fragment)
    return (found[0], b"".join(found[1:])) if found[0][0] == 1 else (b"", b"".join(found))
