"""Each octet of a TLS record or handshake message has its place, and each place its entry in the catalogue."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tls_sessions import Recorded, identity

import workbench.analysis.explain
from workbench.protocols.layout import Span, uncovered
from workbench.protocols.tls import layout, wire
from workbench.protocols.tls.extensions import _GRAMMARS
from workbench.protocols.tls.registry import ExtensionType, HandshakeType, extension_name
from workbench.security.fingerprints import fingerprint_of

VECTORS = Path(__file__).parent.parent / "vectors" / "tls"
NAMES = sorted(path.stem for path in VECTORS.glob("*.json"))
CATALOGUE = Path(next(iter(workbench.analysis.explain.__path__))) / "catalogue" / "tls.toml"


def stream_of(name: str, direction: int) -> bytes:
    flights = json.loads((VECTORS / f"{name}.json").read_text())["flights"]
    return b"".join(bytes.fromhex(one.split()[1]) for one in flights if one.startswith(f"{direction} "))


def every(spans: Iterable[Span]) -> Iterator[Span]:
    for span in spans:
        yield span
        yield from every(span.children)


def check(spans: tuple[Span, ...], octets: bytes) -> tuple[Span, ...]:
    assert uncovered(spans, 0, len(octets)) == []
    for span in every(spans):
        assert span.start < span.end
        if span.children:
            assert (span.children[0].start, span.children[-1].end) == (span.start, span.end)
            for one, other in zip(span.children, span.children[1:], strict=False):
                assert one.end == other.start
    return spans


def find(spans: tuple[Span, ...], name: str) -> list[str]:
    return [span.value for span in every(spans) if span.name == name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("direction", [0, 1])
def test_recorded_streams_are_laid_out_completely(name: str, direction: int) -> None:
    octets = stream_of(name, direction)
    spans = check(layout.spans(octets), octets)
    assert {span.name for span in spans} == {"tls.record"}
    assert find(spans, layout.UNDECODED) == []
    assert find(spans, "tls.extension.unknown") == []
    for size in range(0, len(octets), 13):
        check(layout.spans(octets[:size]), octets[:size])


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_what_the_library_sends_is_explained(version: str) -> None:
    """Everything in clear, by name, also of the newest library on this machine."""
    session = Recorded(version, server_name="agw.example")
    for direction in (0, 1):
        spans = check(layout.spans(session.stream(direction)), session.stream(direction))
        for name in (layout.UNDECODED, "tls.extension.octets", "tls.extension.unknown", "tls.handshake.octets",
                     "tls.x509.octets", "tls.server_key_exchange.octets", "tls.client_key_exchange.octets"):
            assert find(spans, name) == []


def test_a_tls_1_2_server_flight_says_what_it_is() -> None:
    session = Recorded("1.2", "ECDHE-ECDSA-AES128-GCM-SHA256")
    spans = layout.spans(session.stream(1))
    assert find(spans, "tls.handshake")[:5] == [
        "ServerHello", "Certificate", "ServerKeyExchange", "CertificateRequest", "ServerHelloDone"]
    assert find(spans, "tls.server_hello.cipher_suite") == ["0xC02B TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]
    announced = ":".join(f"{octet:02X}" for octet in fingerprint_of(identity("agw").certificate).value)
    assert find(spans, "tls.certificate.der") == [f"SHA-256 fingerprint {announced}"]
    assert find(spans, "tls.x509.subject") == ["CN=agw"]
    assert find(spans, "tls.x509.public_key") == ["id-ecPublicKey secp256r1"]
    assert find(spans, "tls.x509.validity") == ["2025-01-01 00:00:00 UTC to 2035-01-01 00:00:00 UTC"]
    assert find(spans, "tls.server_key_exchange.scheme") == ["0x0403 ecdsa_secp256r1_sha256"]
    # The Finished behind the ChangeCipherSpec: 8 octets of nonce, 16 of message, 16 of tag.
    sealed = [span for span in every(spans) if span.name in ("tls.record.nonce", "tls.record.protected",
                                                             "tls.record.tag")]
    assert [span.end - span.start for span in sealed[:3]] == [8, 16, 16]


def test_protection_begun_before_the_run_is_known_when_told() -> None:
    octets = bytes.fromhex("1503030002 0228".replace(" ", ""))
    assert find(layout.spans(octets), "tls.alert.description") == ["40 handshake_failure"]
    sealed = bytes.fromhex("150303001a") + bytes(26)
    assert find(layout.spans(sealed), "tls.record.protected") == ["26 octets"]
    spans = layout.spans(sealed, protected=True, version=0x0303, suite=0xC02B)
    assert find(spans, "tls.record.protected") == ["2 octets"]
    spans = layout.spans(bytes.fromhex("1703030013") + bytes(19), version=0x0304, suite=0x1301)
    assert find(spans, "tls.record.protected") == ["3 octets"]


def test_a_message_split_over_records_is_shown_in_its_parts() -> None:
    octets = stream_of("tls12_fragments", 1)
    spans = layout.spans(octets)
    assert "Certificate" in find(spans, "tls.handshake")
    assert len(find(spans, "tls.handshake.fragment")) >= 3
    first = wire.Records().receive_data(octets)[0]
    run = octets[: first.end]
    assert check(layout.spans(run), run)


def test_decrypted_handshake_messages_are_laid_out_alone() -> None:
    messages = wire.Messages()
    octets = b""
    for record in wire.Records().receive_data(stream_of("tls12_dhe_rsa", 1)):
        if record.type == 22 and not octets.endswith(b"\x0e\0\0\0"):
            octets += b"".join(messages.receive_data(record.fragment))
    spans = check(layout.handshake_spans(octets, 0x0303, 0x009E), octets)
    assert [span.value for span in spans] == ["ServerHello", "Certificate", "ServerKeyExchange", "ServerHelloDone"]
    cut = octets[20:]
    assert check(layout.handshake_spans(cut, 0x0303, 0x009E, inside=len(cut)), cut)[0].name == "tls.handshake.fragment"
    assert layout.plaintext_spans(b"\1\0", 21)[0].value == "close_notify"
    assert layout.plaintext_spans(b"MSRP", 23)[0].name == "tls.plaintext"
    assert layout.plaintext_spans(b"\1", 20)[0].name == "tls.change_cipher_spec"
    assert layout.plaintext_spans(b"", 23) == ()


def extension_octets(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2) + len(value).to_bytes(2) + value


def client_hello(*extensions: bytes) -> bytes:
    joined = b"".join(extensions)
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + len(joined).to_bytes(2) + joined
    return bytes([HandshakeType.CLIENT_HELLO]) + len(body).to_bytes(3) + body


@pytest.mark.parametrize(("kind", "value", "name", "said"), [
    (ExtensionType.RECORD_SIZE_LIMIT, b"\x40\0", "tls.extension.record_size_limit.limit", ["16384 octets"]),
    (ExtensionType.MAX_FRAGMENT_LENGTH, b"\1", "tls.extension.max_fragment_length.code", ["1 512 octets"]),
    (ExtensionType.COOKIE, b"\0\3abc", "tls.extension.cookie.cookie", [""]),
    (ExtensionType.RENEGOTIATION_INFO, b"\0", "tls.extension.renegotiation_info.connection.length", ["0"]),
    (ExtensionType.CERTIFICATE_AUTHORITIES, b"\0\4\0\2\x30\0", "tls.extension.certificate_authorities.name", [""]),
    (ExtensionType.SIGNATURE_ALGORITHMS_CERT, b"\0\2\4\3", "tls.extension.signature_algorithms_cert.scheme",
     ["0x0403 ecdsa_secp256r1_sha256"]),
    (ExtensionType.EC_POINT_FORMATS, b"\1\0", "tls.extension.ec_point_formats.format", ["0 uncompressed"]),
    (ExtensionType.COMPRESS_CERTIFICATE, b"\2\0\2", "tls.extension.compress_certificate.algorithm", ["2 brotli"]),
    (ExtensionType.PADDING, bytes(7), "tls.extension.padding.zeros", ["7 octets"]),
    (ExtensionType.SESSION_TICKET, b"abc", "tls.extension.session_ticket.ticket", ["3 octets"]),
    (ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION, b"\0\3\2h2", "tls.extension.alpn.protocol", ["h2"]),
    (ExtensionType.STATUS_REQUEST, b"\1\0\0\0\0", "tls.extension.status_request.kind", ["1 ocsp"]),
    (ExtensionType.EARLY_DATA, b"", "tls.extension.early_data", ["early_data"]),
    (ExtensionType.POST_HANDSHAKE_AUTH, b"", "tls.extension.post_handshake_auth", ["post_handshake_auth"]),
    (0x1A1A, b"x", "tls.extension.unknown", ["extension 6682"]),
])
def test_extensions_say_what_they_are(kind: int, value: bytes, name: str, said: list[str]) -> None:
    octets = client_hello(extension_octets(kind, value))
    spans = check(layout.handshake_spans(octets), octets)
    assert find(spans, name) == said
    assert find(spans, layout.UNDECODED) == []


def test_a_broken_extension_does_not_hide_its_neighbours() -> None:
    octets = client_hello(extension_octets(ExtensionType.KEY_SHARE, b"\0\x99\0"),
                          extension_octets(ExtensionType.SUPPORTED_VERSIONS, b"\2\3\4"))
    spans = check(layout.handshake_spans(octets), octets)
    assert len(find(spans, layout.UNDECODED)) == 1
    assert find(spans, "tls.extension.supported_versions.version") == ["0x0304 TLS 1.3"]


def test_a_certificate_that_is_not_der_is_one_leaf_with_its_fingerprint() -> None:
    for der in (b"\x30\x03\x02\x01", b"\x30" * 300, b"\x30\x80" * 100, b"x", identity("ue").certificate + b"\0"):
        entry = len(der).to_bytes(3) + der
        body = len(entry).to_bytes(3) + entry
        octets = b"\x0b" + len(body).to_bytes(3) + body
        spans = check(layout.handshake_spans(octets, 0x0303), octets)
        assert len(find(spans, "tls.x509.octets")) == 1
        assert find(spans, "tls.certificate.der")[0].startswith("SHA-256 fingerprint ")


def test_every_name_has_its_entry() -> None:
    entries = tomllib.loads(CATALOGUE.read_text())
    found = {span.name for name in NAMES for direction in (0, 1)
             for span in every(layout.spans(stream_of(name, direction)))}
    for kind in {*_GRAMMARS, *ExtensionType, 0x1A1A}:
        found.add("tls.extension." + (extension_name(kind) if kind in list(ExtensionType) else "unknown"))
    written = Path(layout.__file__).parent
    for file in ("layout.py", "datagram_layout.py", "grammar.py", "x509.py", "../cursor.py"):
        for word in (written / file).read_text().split('"'):
            if word.startswith("tls.") and " " not in word:
                found.add(word)
    assert found - set(entries) == set()
    for name, entry in entries.items():
        assert entry["label"], name
        assert entry["meaning"].endswith("."), name
        assert "RFC " in entry["clause"], name


def mutated(name: str, direction: int, at: int, value: int, cut: int) -> bytes:
    octets = bytearray(stream_of(name, direction))
    octets[at % len(octets)] = value
    return bytes(octets[: len(octets) - cut])


GARBAGE = st.binary(max_size=200) | st.builds(
    mutated, st.sampled_from(NAMES), st.integers(0, 1), st.integers(0, 2000), st.integers(0, 255), st.integers(0, 50))


@given(GARBAGE, st.sampled_from([None, 0x0303, 0x0304]), st.sampled_from([None, 0x1301, 0xC02B]), st.booleans())
@settings(max_examples=200, deadline=None)
def test_garbage_is_covered_too(octets: bytes, version: int | None, suite: int | None, protected: bool) -> None:
    check(layout.spans(octets, protected=protected, version=version, suite=suite), octets)
    check(layout.handshake_spans(octets, version, suite, inside=len(octets) % 3), octets)
    for kind in range(20, 26):
        check(layout.plaintext_spans(octets, kind, version, suite), octets)
