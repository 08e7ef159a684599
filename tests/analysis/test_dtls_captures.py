"""DTLS in captures: handshakes told message by message with their flights, decrypted, explained, and as a twin."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import A, B, udp, write
from dtls_pair import STRANGER, Pair, client, lossy, perfect, server
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.analyzing import analyze
from workbench.analysis.carried.dtls_stream import DtlsObserver
from workbench.analysis.carried.tls_stream import KeyLog
from workbench.analysis.carried.udptl import BY_CONTENT
from workbench.analysis.dissect import Dissector
from workbench.analysis.explain import coverage, explain_frame, explain_message
from workbench.analysis.files.twin import write_twin
from workbench.analysis.pcapng import RAW, Packet
from workbench.analysis.report import Report
from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.messages import Indicator, UdptlPacket, indication

CED, PREAMBLE = (ifp.encode(indication(one)) for one in (Indicator.CED, Indicator.V21_PREAMBLE))
PAGE = [udptl.encode(UdptlPacket(0, CED)), udptl.encode(UdptlPacket(1, PREAMBLE, (CED,)))]
HANDSHAKE = [
    "A ClientHello DTLS 1.2, flight 1", "B HelloVerifyRequest, flight 2", "A ClientHello DTLS 1.2, flight 3",
    "B ServerHello DTLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, flight 4", "B Certificate, flight 4",
    "B ServerKeyExchange, flight 4", "B CertificateRequest, flight 4", "B ServerHelloDone, flight 4",
    "A Certificate, flight 5", "A ClientKeyExchange, flight 5", "A CertificateVerify, flight 5",
    "A ChangeCipherSpec, flight 5", "A Finished, flight 5", "B ChangeCipherSpec, flight 6", "B Finished, flight 6",
]

SAID = [f"A UDPTL {words}{BY_CONTENT}" for words in ("0 ced", "1 v21-preamble, 1 repeated")]


def fax(**ends: object) -> Pair:
    """A call that brings two UDPTL packets from the client to the server, and is closed."""
    pair = Pair(client(log_keys=True, **ends), server(**ends)).shaken()
    for packet in PAGE:
        pair.does(pair.client, pair.client.send(packet))
    return pair.plays().does(pair.client, pair.client.close()).plays()


def captured(path: Path, pair: Pair, *, keys: bool = True) -> Report:
    """What the analyser makes of what a probe has seen of a pair."""
    frames = [udp(at, *((A, B) if ours else (B, A)), octets) for at, ours, octets in pair.frames]
    file = write(path / "dtls.pcapng", frames)
    log = path / "keys.log"
    log.write_text(pair.keylog if keys else "")
    return analyze(file, log)


def told(report: Report) -> list[str]:
    """Who says what; fingerprints left out."""
    found = []
    for message in report.messages:
        name, _, rest = message.summary.partition(" SHA-256")
        flight = rest[rest.find(","):] if rest else ""
        found.append(f"{'A' if message.source.port == A.port else 'B'} {name}{flight}")
    return found


@pytest.mark.parametrize("mtu", [300, 1200])
def test_a_handshake_is_told_message_by_message_with_its_flights(tmp_path, mtu):
    """RFC 6347 §4.2.4: six flights, whether messages come whole or in fragments; then UDPTL, and close_notify."""
    report = captured(tmp_path, fax(mtu=mtu))
    assert told(report) == [
        *HANDSHAKE, *SAID, "A Alert warning close_notify"]
    assert [m.protocol for m in report.messages] == ["DTLS"] * 15 + ["UDPTL"] * 2 + ["DTLS"]
    assert [m.protected for m in report.messages] == [
        m.summary.startswith(("Fin", "UDPTL", "Alert")) for m in report.messages]
    assert not any(m.repeated or m.error for m in report.messages)
    (flow,) = report.dtls
    assert (flow.protocol, flow.observer.version_name, flow.observer.client_direction) == ("DTLS/UDPTL", "DTLS 1.2", 0)
    assert sorted({frame for m in report.messages for frame in m.frames}) == list(range(1, report.packets + 1))


def test_without_a_key_log_the_handshake_is_told_all_the_same(tmp_path):
    """What is protected says so, and is not guessed at."""
    report = captured(tmp_path, fax(), keys=False)
    assert told(report)[:12] == HANDSHAKE[:12]
    assert told(report)[12] == "A Handshake (48 octets, not readable: no key), flight 5"
    assert told(report)[15:] == [
        *(f"A Application Data ({len(packet) + 24} octets, not readable: no key)" for packet in PAGE),
        "A Alert (26 octets, not readable: no key)"]
    assert report.dtls[0].observer.decrypted == 0


def test_a_flight_that_is_sent_again_is_marked(tmp_path):
    """New record numbers, the same messages: flight 4 comes again since the first one was lost (RFC 6347 §4.2.4)."""
    count = 0

    def carry(datagram: bytes) -> list[tuple[float, bytes]]:
        nonlocal count
        count += 1
        return [] if count == 4 else perfect(datagram)

    pair = Pair(client(log_keys=True), server(), carry).shaken()
    pair.does(pair.client, pair.client.send(PAGE[0])).plays()
    report = captured(tmp_path, pair)
    again = [m for m in report.messages if m.repeated]
    assert again
    assert all(m.summary.endswith(("flight 3 again", "flight 4 again")) for m in again)
    assert {m.summary.split(",")[0].split()[0] for m in again} >= {
        "ServerHello", "Certificate", "ServerKeyExchange", "CertificateRequest", "ServerHelloDone"}
    assert told(report)[-1] == SAID[0]


def test_a_replayed_record_is_marked_and_not_taken_for_payload(tmp_path):
    """RFC 6347 §4.1.2.6: a receiver drops it."""
    pair = fax()
    pair.frames.append(next(one for one in pair.frames if one[2][0] == 23))
    report = captured(tmp_path, pair)
    assert told(report)[-1] == f"A Application Data ({len(PAGE[0])} octets, replayed)"
    assert report.messages[-1].repeated
    assert len(report.dtls[0].pieces) == 2


@pytest.mark.parametrize("seed", range(10))
def test_loss_does_not_confuse_the_reading(tmp_path, seed):
    """Whatever is lost, doubled or late: each message once unmarked, repeated ones marked, all that is sent read."""
    pair = Pair(client(log_keys=True, mtu=300), server(mtu=300), lossy(seed, 0.2)).shaken()
    for packet in PAGE:
        pair.does(pair.client, pair.client.send(packet))
    report = captured(tmp_path, pair.plays())
    fresh = [one for one, m in zip(told(report), report.messages, strict=True)
             if not m.repeated and m.protocol == "DTLS"]
    assert sorted(fresh) == sorted(HANDSHAKE)
    assert [octets for _, _, octets in report.dtls[0].pieces] == PAGE


def test_a_second_association_on_the_same_ports_is_told_apart(tmp_path):
    """RFC 8842 §4: a new ClientHello behind a complete handshake begins another one, with keys of its own."""
    first, second = fax(), fax()
    end = first.frames[-1][0] + 1.0
    first.frames += [(end + at, ours, octets) for at, ours, octets in second.frames]
    first.heard = {**first.heard, **second.heard}
    report = captured(tmp_path, first)
    assert told(report) == 2 * [
        *HANDSHAKE, *SAID, "A Alert warning close_notify"]
    assert len(report.dtls) == 2


@pytest.mark.parametrize("mtu", [300, 1200])
def test_each_octet_of_each_frame_is_explained(tmp_path, mtu):
    """Headers, fragments, protected records and the plaintext behind them, down to the last field."""
    report = captured(tmp_path, fax(mtu=mtu))
    for number in range(1, report.packets + 1):
        assert coverage(explain_frame(report, number)).unexplained == (), number
    for message in report.messages:
        assert coverage(explain_message(report, message)).unexplained == (), message.summary


def test_a_fatal_alert_is_found(tmp_path):
    """A certificate that was not announced: the rule about fatal alerts speaks of DTLS, too."""
    report = captured(tmp_path, Pair(client(identity=STRANGER), server()).shaken())
    assert told(report)[-1] == "B Alert fatal bad_certificate"
    assert next(f.explanation for f in report.findings if f.rule == "tls-alert").startswith(
        "192.0.2.2 ends DTLS with bad_certificate")


def test_the_twin_carries_the_payload_in_clear_udp(tmp_path):
    """One datagram for each payload, at the same time, between the same ports; nothing else of the association."""
    report = captured(tmp_path, fax())
    assert write_twin(report, tmp_path / "twin.pcapng") == 1
    twin = analyze(tmp_path / "twin.pcapng")
    assert [m.summary for m in twin.messages] == [m.summary for m in report.messages if m.protocol == "UDPTL"]
    assert [(m.octets, m.source.port, m.destination.port) for m in twin.messages] == [
        (packet, A.port, B.port) for packet in PAGE]
    assert write_twin(captured(tmp_path, fax(), keys=False), tmp_path / "other.pcapng") == 0


def test_memory_of_a_reader_is_bounded():
    """A flood of hellos, fragments that never become whole, and numbers without end."""
    observer = DtlsObserver()
    pair = fax(mtu=300)
    for number in range(3000):
        for _, ours, octets in pair.frames[:4]:
            changed = octets[:8] + number.to_bytes(3) + octets[11:17] + number.to_bytes(2) + octets[19:]
            observer.feed(int(ours), changed, number)
    for side in observer._sides:
        assert len(side.numbers._held) <= 1024
        assert len(side.pieces._held) <= 1024
        assert len(side.frames._held) <= 1024
        assert side.assembler.held < 10_000


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 30), st.integers(0, 1300), st.binary(max_size=40), st.integers(0, 40))
def test_garbage_is_told_and_raises_nothing(which, at, data, cut):
    """A datagram with octets changed, cut or added: drafts, and no exception."""
    pair = _FAX
    dissector = Dissector(KeyLog.parse(pair.keylog))
    for number, (time, ours, octets) in enumerate(pair.frames, 1):
        changed = octets
        if number - 1 == which % len(pair.frames):
            changed = octets[: at % len(octets)] + data + octets[at % len(octets) + cut :]
        frame = udp(time, *((A, B) if ours else (B, A)), changed)
        dissector.take(Packet(number, int(frame[0] * 1e9), "wire", RAW, frame[2], len(frame[2])))
    dissector.finish()


_FAX = fax(mtu=300)
