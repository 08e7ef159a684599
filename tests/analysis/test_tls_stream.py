"""A probe reads TLS connections with a key log: live sessions of the library here, and recorded ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tls_sessions import Recorded, identity

from workbench.analysis.carried.tls_stream import KeyLog, RecordRead, TlsObserver
from workbench.protocols.layout import uncovered
from workbench.protocols.tls.layout import plaintext_spans
from workbench.protocols.tls.messages import AlertMessage, ChangeCipherSpec, Handshake

VECTORS = Path(__file__).parent.parent / "vectors" / "tls"
NAMES = sorted(path.stem for path in VECTORS.glob("*.json"))


def vector(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


def flights_of(name: str) -> list[tuple[int, bytes]]:
    return [(int(one[0]), bytes.fromhex(one[2:])) for one in vector(name)["flights"]]


def watch(keylog: str, flights: list[tuple[int, bytes]], size: int = 1 << 20) -> tuple[TlsObserver, list[RecordRead]]:
    observer = TlsObserver(KeyLog.parse(keylog))
    return observer, [
        record for direction, octets in flights for at in range(0, len(octets), size)
        for record in observer.feed(direction, octets[at : at + size])
    ]


def application(records: list[RecordRead], direction: int) -> bytes:
    return b"".join(one.plaintext or b"" for one in records if one.direction == direction and one.content_type == 23)


def names(records: list[RecordRead]) -> list[str]:
    found = []
    for record in records:
        for message in record.messages:
            match message:
                case Handshake(body=body):
                    found.append(f"{record.direction} {type(body).__name__}")
                case AlertMessage(description=description):
                    found.append(f"{record.direction} alert {description}")
                case ChangeCipherSpec():
                    found.append(f"{record.direction} ChangeCipherSpec")
    return found


def test_an_end_that_forgets_its_keys_is_read() -> None:
    """In a TLS 1.2 session that is up: a ClientHello in the clear, and the alerts about it, are what they are."""
    name = next(one for one in NAMES if vector(one)["version"] == "TLS 1.2")
    observer, records = watch("\n".join(vector(name)["keylog"]), flights_of(name))
    before = names(records)
    hello = flights_of(name)[0][1]
    anew = observer.feed(1, hello) + observer.feed(0, bytes.fromhex("15030300020246")) + observer.feed(
        1, bytes.fromhex("1503030002020a"))
    assert names(anew) == ["1 ClientHello", "0 alert 70", "1 alert 10"]
    assert not any(one.protected or one.problem for one in anew) and before[0] == "0 ClientHello"
    (other,) = observer.feed(1, bytes.fromhex("160303000401000001"))      # no whole ClientHello: taken for protected
    assert other.protected and other.problem


@pytest.mark.parametrize("name", NAMES)
def test_recorded_sessions_decrypt(name: str) -> None:
    """TLS 1.2 and 1.3 with retry, key update, PSK, early data, padding, fragments, CBC in both orders of MAC."""
    expected = vector(name)
    observer, records = watch("\n".join(expected["keylog"]), flights_of(name))
    assert observer.version_name == expected["version"]
    assert observer.cipher_suite_name == expected["cipher_suite"]
    assert observer.client_direction == 0
    assert [application(records, direction).decode() for direction in (0, 1)] == expected["application"]
    assert names(records) == expected["messages"]
    assert observer.undecrypted == 0
    assert [record.problem for record in records if record.problem] == []
    for record in records:
        if record.plaintext and record.content_type is not None:
            spans = plaintext_spans(record.plaintext, record.content_type, observer.version, observer.cipher_suite,
                                    inside=record.continued)
            assert uncovered(spans, 0, len(record.plaintext)) == []
            leaves = {leaf.name for span in spans for leaf in span.leaves()}
            assert not {leaf for leaf in leaves if leaf.endswith((".undecoded", ".octets"))}


@pytest.mark.parametrize("name", NAMES)
def test_portions_do_not_matter(name: str) -> None:
    keylog = "\n".join(vector(name)["keylog"])
    whole = watch(keylog, flights_of(name))[1]
    assert watch(keylog, flights_of(name), size=7)[1] == whole


@pytest.mark.parametrize("name", NAMES)
def test_without_a_key_log_nothing_protected_is_read(name: str) -> None:
    observer, records = watch("", flights_of(name))
    assert observer.decrypted == 0
    assert observer.undecrypted > 0
    for record in records:
        if record.protected:
            assert (record.plaintext, record.content_type, record.messages) == (None, None, ())
            assert record.problem == "no key for it"


@pytest.mark.parametrize(("version", "suite"), [
    ("1.3", "TLS_AES_128_GCM_SHA256"), ("1.3", "TLS_AES_256_GCM_SHA384"), ("1.3", "TLS_CHACHA20_POLY1305_SHA256"),
    ("1.3", "TLS_AES_128_CCM_SHA256"),
    ("1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"), ("1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("1.2", "ECDHE-ECDSA-CHACHA20-POLY1305"), ("1.2", "ECDHE-ECDSA-AES128-CCM"), ("1.2", "ECDHE-ECDSA-AES256-CCM"),
    ("1.2", "ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0"), ("1.2", "ECDHE-ECDSA-AES256-CCM8:@SECLEVEL=0"),
    ("1.2", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"), ("1.2", "ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0"),
])
def test_live_sessions_decrypt(version: str, suite: str) -> None:
    """Mutual certificates, big payloads both ways, orderly release."""
    session = Recorded(version, suite)
    up, down = b"MSRP " + bytes(range(256)) * 300, bytes(50_000)
    assert session.say(0, up) == up
    assert session.say(1, down) == down
    session.close(0)
    observer, records = watch(session.keylog, session.flights)
    assert observer.version_name == f"TLS {version}"
    assert (application(records, 0), application(records, 1)) == (up, down)
    assert observer.undecrypted == 0
    assert observer.certificates == ((identity("ue").certificate,), (identity("agw").certificate,))
    assert observer.client_direction == 0
    assert [name for name in names(records) if "alert" in name] == ["0 alert 0", "1 alert 0"]
    for direction in (0, 1):
        mine = [record for record in records if record.direction == direction]
        assert [record.start for record in mine] == [0, *(record.end for record in mine[:-1])]
        assert mine[-1].end == len(session.stream(direction))


def test_directions_may_be_fed_under_either_number() -> None:
    session = Recorded("1.3")
    session.say(0, b"hello")
    observer, records = watch(session.keylog, [(1 - direction, octets) for direction, octets in session.flights])
    assert observer.client_direction == 1
    assert application(records, 1) == b"hello"
    assert observer.certificates[0] == (identity("agw").certificate,)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_resumed_sessions_decrypt(version: str) -> None:
    first = Recorded(version, mutual=False)
    first.say(1, b"so that the client reads its tickets")
    first.close(0)
    second = Recorded(version, mutual=False, resume=first)
    second.say(0, b"again")
    observer, records = watch(second.keylog, second.flights)
    assert application(records, 0) == b"again"
    assert observer.undecrypted == 0
    assert observer.certificates == ((), ())  # none is sent in a resumed handshake


def test_a_handshake_refused_in_the_middle_shows_its_alert() -> None:
    """Two TLS clients: each gets a ClientHello where it wants a ServerHello (RFC 8446 §6.2)."""
    sessions = [Recorded("1.3"), Recorded("1.3")]
    hellos = [session.flights[0][1] for session in sessions]
    observer = TlsObserver()
    records = observer.feed(0, hellos[0]) + observer.feed(1, hellos[1])
    records += observer.feed(0, bytes.fromhex("1503010002020a")) + observer.feed(1, bytes.fromhex("1503010002020a"))
    assert names(records) == ["0 ClientHello", "1 ClientHello", "0 alert 10", "1 alert 10"]
    assert observer.client_direction == 0
    assert observer.version is None


def test_messages_over_several_records_say_where_they_began() -> None:
    _, records = watch("\n".join(vector("tls13_fragments")["keylog"]), flights_of("tls13_fragments"))
    carriers = [record for record in records if record.continued and record.messages]
    assert {record.direction for record in carriers} == {1}
    for record in carriers:
        parts = [one for one in records if one.direction == 1 and record.begun <= one.start <= record.start]
        assert [one.content_type for one in parts] == [22] * len(parts)
        message = record.messages[0]
        assert isinstance(message, Handshake)
        octets = b"".join(one.plaintext or b"" for one in parts)
        assert octets[: len(message.octets)].endswith((record.plaintext or b"")[: record.continued])
        assert message.octets in octets


def test_padding_is_counted_and_left_out() -> None:
    _, records = watch("\n".join(vector("tls13_padding")["keylog"]), flights_of("tls13_padding"))
    padded = [record for record in records if record.content_type == 23]
    assert [record.plaintext for record in padded] == [b"hello from the client\n", b"hello from the server\n"]
    assert all(record.padding > 20 for record in padded)


def test_one_changed_octet_is_not_taken_for_data() -> None:
    for version in ("1.2", "1.3"):
        session = Recorded(version)
        session.say(0, b"hello")
        changed = bytearray(session.flights[-1][1])
        changed[-1] ^= 1
        observer, records = watch(session.keylog, [*session.flights[:-1], (0, bytes(changed))])
        assert application(records, 0) == b""
        assert records[-1].problem == "does not decrypt with the key log"
        assert observer.undecrypted == 1


def test_a_key_log_with_only_application_secrets_reads_the_application() -> None:
    session = Recorded("1.3")
    session.say(0, b"hello")
    keylog = "\n".join(line for line in session.log if "HANDSHAKE" not in line)
    _, records = watch(keylog, session.flights)
    assert application(records, 0) == b"hello"


def test_a_capture_that_begins_in_the_middle_reads_nothing_and_says_so() -> None:
    session = Recorded("1.3")
    session.say(0, b"hello")
    observer, records = watch(session.keylog, session.flights[-1:])
    assert [record.problem for record in records] == ["no key for it"]
    assert observer.client_direction is None


def test_a_stream_that_is_not_tls_is_given_up() -> None:
    observer = TlsObserver()
    assert observer.feed(0, b"MSRP abcd SEND\r\n") == []
    error = observer.error(0)
    assert error is not None
    assert error.offset == 0
    assert observer.error(1) is None


def test_key_logs_are_read_as_written_and_never_shown() -> None:
    secret = "ab" * 48
    text = f"# comment\n\nCLIENT_RANDOM {'0C' * 32} {secret}\r\nnonsense\nRSA 0011 2233\nCLIENT_RANDOM 00 11\n"
    log = KeyLog.parse(text)
    assert len(log) == 1
    assert log.secret("CLIENT_RANDOM", b"\x0c" * 32) == bytes.fromhex(secret)
    assert log.secret("CLIENT_RANDOM", bytes(32)) is None
    assert repr(log) == "KeyLog(1 secrets)"
    assert len(log | KeyLog.parse(f"EXPORTER_SECRET {'00' * 32} {'11' * 32}")) == 2


def test_wrong_secrets_are_no_harm() -> None:
    session = Recorded("1.3")
    client_random = session.log[0].split()[1]
    for secret in ("00", "11" * 32, "22" * 48, "33" * 64):
        keylog = "\n".join(f"{label} {client_random} {secret}" for label in (
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
            "SERVER_TRAFFIC_SECRET_0", "CLIENT_RANDOM", "CLIENT_EARLY_TRAFFIC_SECRET"))
        observer, _ = watch(keylog, session.flights)
        assert observer.decrypted == 0


def mutated(name: str, at: int, value: int, drop: int) -> tuple[str, list[tuple[int, bytes]]]:
    flights = flights_of(name)
    which = at % len(flights)
    direction, octets = flights[which]
    changed = bytearray(octets)
    changed[(at // 7) % len(changed)] ^= value
    flights[which] = (direction, bytes(changed))
    del flights[drop : drop + 1]
    return "\n".join(vector(name)["keylog"]), flights


@given(st.builds(mutated, st.sampled_from(NAMES), st.integers(0, 20_000), st.integers(0, 255), st.integers(0, 30))
       | st.builds(lambda flights: ("", flights), st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=60)))))
@settings(max_examples=100, deadline=None)
def test_garbage_never_escapes(case: tuple[str, list[tuple[int, bytes]]]) -> None:
    keylog, flights = case
    _, records = watch(keylog, flights)
    for record in records:
        assert record.plaintext is not None or record.problem
