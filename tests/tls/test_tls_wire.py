"""TLS records and handshake messages: framing, values, what is refused."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tls_sessions import Recorded, identity

from workbench.errors import MalformedMessageError
from workbench.protocols.tls import registry, wire
from workbench.protocols.tls.messages import (
    AlertMessage,
    Certificate,
    CertificateRequest,
    ChangeCipherSpec,
    ClientHello,
    ClientKeyExchange,
    NewSessionTicket,
    OtherHandshake,
    ServerHello,
    ServerHelloDone,
    ServerKeyExchange,
)
from workbench.protocols.tls.registry import ContentType, ExtensionType, HandshakeType
from workbench.protocols.tls.suites import CIPHER_SUITES

VECTORS = Path(__file__).parent.parent / "vectors" / "tls"
NAMES = sorted(path.stem for path in VECTORS.glob("*.json"))


def stream_of(name: str, direction: int) -> bytes:
    flights = json.loads((VECTORS / f"{name}.json").read_text())["flights"]
    return b"".join(bytes.fromhex(one.split()[1]) for one in flights if one.startswith(f"{direction} "))


def hellos(name: str) -> list[Any]:
    found = []
    for direction in (0, 1):
        record = wire.Records().receive_data(stream_of(name, direction))[0]
        found.append(wire.decode_handshake(wire.Messages().receive_data(record.fragment)[0]).body)
    return found


def clear_messages(octets: bytes) -> list[Any]:
    """The handshake messages in clear at the beginning of a TLS 1.2 direction."""
    messages, found = wire.Messages(), []
    for record in wire.Records().receive_data(octets):
        if record.type != ContentType.HANDSHAKE:
            break
        found += [wire.decode_handshake(one, 0x0303).body for one in messages.receive_data(record.fragment)]
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("direction", [0, 1])
def test_portions_do_not_matter(name: str, direction: int) -> None:
    octets = stream_of(name, direction)
    whole = wire.Records().receive_data(octets)
    assert [one.start for one in whole] == [0, *(one.end for one in whole[:-1])]
    assert whole[-1].end == len(octets)
    assert b"".join(one.header + one.fragment for one in whole) == octets
    for size in (1, 4, 5, 6, 1000):
        records = wire.Records()
        parts = [octets[at : at + size] for at in range(0, len(octets), size)]
        assert [one for part in parts for one in records.receive_data(part)] == whole
        assert records.held == 0


def test_a_cut_record_waits() -> None:
    octets = stream_of("tls12_psk_hint", 0)[: 5 + 107]
    for size in range(len(octets)):
        records = wire.Records()
        assert records.receive_data(octets[:size]) == []
        assert records.error is None


@pytest.mark.parametrize(("octets", "offset"), [
    (b"GET / HTTP/1.1\r\n", 0), (b"\x16\x02\x00\x00\x01\x00", 1), (b"\x16\x03\x03\xff\xff\x00", 3),
    (b"\x15\x03\x03\x00\x02\x02\x0aMSRP abcd", 7), (b"\x16\xfe\xff\x00\x00\x00", 1),
])
def test_what_is_no_record_ends_the_reading(octets: bytes, offset: int) -> None:
    records = wire.Records()
    records.receive_data(octets)
    assert records.error is not None
    assert records.error.offset == offset
    assert records.error.clause == "RFC 8446 §5.1"
    assert records.receive_data(b"\x15\x03\x03\x00\x02\x02\x0a") == []
    assert records.held == 0


def test_the_collision_alert_of_both_roles_is_read() -> None:
    """Two TLS clients: each answers the other's ClientHello with these seven octets."""
    (record,) = wire.Records().receive_data(bytes.fromhex("15 03 01 00 02 02 0a"))
    assert wire.decode_alert(record.fragment) == AlertMessage(2, 10)
    assert registry.alert_name(10) == "unexpected_message"


def test_a_client_hello() -> None:
    hello = hellos("tls12_dhe_rsa")[0]
    assert isinstance(hello, ClientHello)
    assert hello.version == 0x0303
    assert hello.server_name == "agw.example"
    assert 0x009E in hello.cipher_suites
    assert hello.compression_methods == (0,)
    assert {one.type for one in hello.extensions} >= {
        ExtensionType.SERVER_NAME, ExtensionType.SIGNATURE_ALGORITHMS,
        ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION, ExtensionType.STATUS_REQUEST,
        ExtensionType.EXTENDED_MASTER_SECRET, ExtensionType.ENCRYPT_THEN_MAC, ExtensionType.SESSION_TICKET,
    }
    modern = hellos("tls13_psk")[0]
    assert modern.supported_versions == (0x0304,)
    assert modern.server_name == ""
    assert modern.extensions[-1].type == ExtensionType.PRE_SHARED_KEY


def test_a_server_hello_and_a_wish_for_another_client_hello() -> None:
    hello = hellos("tls13_psk")[1]
    assert isinstance(hello, ServerHello)
    assert (hello.selected_version, hello.cipher_suite, hello.retry) == (0x0304, 0x1301, False)
    assert hellos("tls12_rsa_cbc")[1].selected_version == 0x0303
    assert hellos("tls13_hello_retry")[1].retry


def test_the_flights_of_tls_1_2() -> None:
    """Mutual certificates over ECDHE, messages split over records of 512 octets."""
    server = clear_messages(stream_of("tls12_fragments", 1))
    assert [type(one) for one in server] == [ServerHello, Certificate, ServerKeyExchange, CertificateRequest,
                                             ServerHelloDone, NewSessionTicket]
    assert server[1].context is None
    assert len(server[1].certificates) == 1
    assert 0x0403 in server[3].signature_schemes
    assert 64 in server[3].certificate_types
    client = clear_messages(stream_of("tls12_fragments", 0))
    assert [type(one).__name__ for one in client] == ["ClientHello", "Certificate", "ClientKeyExchange",
                                                      "CertificateVerify"]


def test_the_form_of_a_message_is_told_from_its_lengths_where_no_version_is_known() -> None:
    for octets in (stream_of("tls12_fragments", 1), stream_of("tls12_fragments", 0)):
        messages = wire.Messages()
        for record in wire.Records().receive_data(octets):
            if record.type != ContentType.HANDSHAKE:
                break
            for one in messages.receive_data(record.fragment):
                assert wire.decode_handshake(one) == wire.decode_handshake(one, 0x0303)


def test_psk_messages_of_the_worked_example() -> None:
    """ServerKeyExchange with a hint, ClientKeyExchange with an identity (RFC 4279 §2)."""
    hint = wire.decode_handshake(bytes.fromhex("0c000006 0004 6d726670"), 0x0303, 0x00A8)
    assert hint.body == ServerKeyExchange(b"\0\4mrfp", b"mrfp")
    identity_message = bytes.fromhex("10 00000d 000b 7469636b65742d63732d31")
    assert wire.decode_handshake(identity_message, 0x0303, 0x008C).body == ClientKeyExchange(
        b"\0\x0bticket-cs-1", b"ticket-cs-1")
    with pytest.raises(MalformedMessageError):
        wire.decode_handshake(identity_message[:-1] + b"12", 0x0303, 0x008C)


def test_certificates_come_out_as_they_were_given() -> None:
    session = Recorded("1.2")
    server = clear_messages(session.stream(1))
    (certificate,) = [one for one in server if isinstance(one, Certificate)]
    assert [entry.der for entry in certificate.certificates] == [identity("agw").certificate]
    assert any(isinstance(one, CertificateRequest) for one in server)


def test_every_cut_handshake_message_is_refused() -> None:
    messages = wire.Messages()
    for record in wire.Records().receive_data(stream_of("tls12_dhe_rsa", 1)):
        if record.type != ContentType.HANDSHAKE:
            break
        for octets in messages.receive_data(record.fragment):
            wire.decode_handshake(octets, 0x0303, 0x009E)
            for size in range(0, len(octets), 7):
                with pytest.raises(MalformedMessageError):
                    wire.decode_handshake(octets[:size], 0x0303, 0x009E)
            with pytest.raises(MalformedMessageError):
                wire.decode_handshake(octets + b"\0", 0x0303, 0x009E)


def test_unknown_numbers_stay_numbers() -> None:
    other = wire.decode_handshake(b"\x63\0\0\2ab")
    assert other.body == OtherHandshake(99, b"ab")
    assert registry.handshake_name(99) == "handshake message 99"
    assert registry.alert_name(200) == "alert 200"
    assert registry.extension_name(4660) == "extension 4660"
    assert registry.suite_text(0x1A1A) == "0x1A1A (GREASE)"
    assert registry.group_text(9999) == "9999"
    assert registry.suite_text(0xD001) == "0xD001 TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256"


def test_all_psk_suites_are_named() -> None:
    """The suites of RFC 4279, 5487, 5489 and 8442."""
    for number in (*range(0x8A, 0x96), *range(0xA8, 0xB0), 0xC035, 0xC036, 0xD001, 0xD002):
        assert "PSK" in CIPHER_SUITES[number]
    assert CIPHER_SUITES[0x008C] == "TLS_PSK_WITH_AES_128_CBC_SHA"


def test_alerts_and_change_cipher_spec() -> None:
    assert wire.decode_alert(b"\1\0") == AlertMessage(1, 0)
    assert wire.decode_change_cipher_spec(b"\1") == ChangeCipherSpec()
    for wrong in (b"", b"\1", b"\1\0\0"):
        with pytest.raises(MalformedMessageError):
            wire.decode_alert(wrong)
    for wrong in (b"", b"\0", b"\1\1"):
        with pytest.raises(MalformedMessageError):
            wire.decode_change_cipher_spec(wrong)


def test_a_message_that_claims_megabytes_is_refused() -> None:
    messages = wire.Messages()
    with pytest.raises(MalformedMessageError):
        messages.receive_data(b"\x0b\xff\xff\xff")
    assert messages.receive_data(b"\0" * 100) == []


@pytest.mark.parametrize(("octets", "verdict"), [
    (b"\x16\x03\x01\x00\x10", True), (b"\x16", True), (b"\x16\x03", True), (b"", False), (b"MSRP ", False),
    (b"\x16\x04\x01\x00\x10", False), (b"\x17\xfe\xfd\x00\x00", False), (b"\x16\x03\x03\xff\xff", False),
])
def test_streams_that_may_be_tls(octets: bytes, verdict: bool) -> None:
    assert wire.looks_like_tls(octets) is verdict


def mutated(name: str, direction: int, at: int, value: int, cut: int) -> bytes:
    octets = bytearray(stream_of(name, direction))
    octets[at % len(octets)] = value
    return bytes(octets[: len(octets) - cut])


@given(st.binary(max_size=300) | st.builds(
    mutated, st.sampled_from(NAMES), st.integers(0, 1), st.integers(0, 2000), st.integers(0, 255), st.integers(0, 50)))
@settings(max_examples=200, deadline=None)
def test_garbage_never_escapes(data: bytes) -> None:
    records, messages = wire.Records(), wire.Messages()
    for size in (3, 500):
        for record in records.receive_data(data[:size]) + records.receive_data(data[size:]):
            with contextlib.suppress(MalformedMessageError):
                for one in messages.receive_data(record.fragment):
                    for version in (None, 0x0303, 0x0304):
                        with contextlib.suppress(MalformedMessageError):
                            wire.decode_handshake(one, version)


@given(st.sampled_from(list(HandshakeType)), st.binary(max_size=200), st.sampled_from([None, 0x0303, 0x0304]),
       st.sampled_from([None, 0x009E, 0x00A8, 0xC02B, 0x00AA, 0x002F, 0xD001]))
@settings(max_examples=300, deadline=None)
def test_garbage_in_a_message_never_escapes(kind: int, body: bytes, version: int | None, suite: int | None) -> None:
    octets = bytes([kind]) + len(body).to_bytes(3) + body
    with contextlib.suppress(MalformedMessageError):
        assert wire.decode_handshake(octets, version, suite).octets == octets
