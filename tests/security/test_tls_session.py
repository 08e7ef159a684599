from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tls_pair import STRANGER, UE, VERSIONS, Pair, client, server

from workbench.errors import LocalProtocolError
from workbench.security.tls import (
    Data,
    Established,
    Failed,
    KeyLine,
    PeerClosed,
    State,
    TlsSession,
    Transmit,
    Verified,
)


@pytest.mark.parametrize("version", VERSIONS)
def test_payload_passes_both_ways_and_closes_in_order(version):
    """Both ends verify each other, exchange payload, and each sees the other's close_notify."""
    pair = Pair(client(version), server()).shaken()
    assert pair.kinds(pair.client) == pair.kinds(pair.server) == [Established, Verified]
    pair.does(pair.client, pair.client.send(b"x" * 100_000)).does(pair.server, pair.server.send(b"hi"))
    assert b"".join(e.octets for e in pair.heard[pair.server] if isinstance(e, Data)) == b"x" * 100_000
    assert pair.heard[pair.client][2:] == [Data(b"hi")]
    pair.does(pair.client, pair.client.close()).does(pair.server, pair.server.close())
    assert pair.heard[pair.server][-1] == pair.heard[pair.client][-1] == PeerClosed()
    assert (pair.client.state, pair.server.state) == (State.CLOSED, State.CLOSED)


@pytest.mark.parametrize("version", VERSIONS)
def test_established_names_what_was_negotiated(version):
    """The event carries version, suite and the peer's certificate."""
    pair = Pair(client(version), server()).shaken()
    established = pair.heard[pair.server][0]
    assert isinstance(established, Established)
    assert (established.version, established.peer_certificate) == (version, UE.certificate)
    assert "GCM" in established.suite or "CHACHA20" in established.suite


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_expects_another_certificate_sends_bad_certificate(version):
    """S9: the handshake ends with fatal alert 42 and no payload is delivered (RFC 8122 §6.2)."""
    pair = Pair(client(version, identity=STRANGER), server()).shaken()
    failed = pair.heard[pair.server][-1]
    assert isinstance(failed, Failed)
    assert (failed.alert, failed.ours) == (42, True)
    assert pair.heard[pair.client][-1] == Failed("the peer sent the fatal alert bad_certificate", 42, False)
    assert Data not in pair.kinds(pair.server)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_that_expects_another_certificate_sends_bad_certificate(version):
    """The same the other way round; in clear, since no keys are agreed yet."""
    pair = Pair(client(version), server(identity=STRANGER)).shaken()
    assert pair.octets[pair.client].endswith(bytes.fromhex("1503030002022a"))
    assert pair.heard[pair.client][-1].alert == 42  # type: ignore[union-attr]


@pytest.mark.parametrize(("version", "alert"), [("1.2", 40), ("1.3", 116)])
def test_a_client_without_a_certificate_is_refused(version, alert):
    """S8: the server aborts (RFC 8122 §6.2)."""
    pair = Pair(client(version, identity=None), server()).shaken()
    assert pair.heard[pair.server][-1] == Failed("peer did not return a certificate", alert, True)


@pytest.mark.parametrize("version", VERSIONS)
def test_payload_before_the_fingerprint_is_held_and_then_released(version):
    """S24: nothing is handed up until the fingerprint is announced, then all of it in order."""
    pair = Pair(client(version), server(announced=None)).shaken()
    pair.does(pair.client, pair.client.send(b"one")).does(pair.client, pair.client.send(b"two"))
    assert pair.kinds(pair.server) == [Established]
    assert pair.server.held == 6
    pair.does(pair.server, pair.server.announce([UE.fingerprint()]))
    assert pair.heard[pair.server][1:] == [Verified(), Data(b"one"), Data(b"two")]
    pair.does(pair.server, pair.server.send(b"three"))
    assert pair.heard[pair.client][-1] == Data(b"three")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("late", ["client", "server"])
def test_a_late_fingerprint_that_does_not_match_ends_with_bad_certificate(version, late):
    """The peer reads a protected fatal alert 42 although our handshake was complete; what was held is gone."""
    if late == "server":
        pair = Pair(client(version), server(announced=None)).shaken()
        judge, other = pair.server, pair.client
    else:
        pair = Pair(client(version, announced=None), server()).shaken()
        judge, other = pair.client, pair.server
    pair.does(other, other.send(b"secret"))
    pair.does(judge, judge.announce([STRANGER.fingerprint()]))
    assert pair.heard[other][-1] == Failed("the peer sent the fatal alert bad_certificate", 42, False)
    assert pair.heard[judge][-1].alert == 42  # type: ignore[union-attr]
    assert Data not in pair.kinds(judge)
    assert judge.state is State.FAILED
    assert judge.receive_data(b"more") == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"])
def test_a_changed_fingerprint_on_a_running_session_ends_it(version, suite, monkeypatch):
    """S12: after payload in both directions the alert still is the next valid record."""
    monkeypatch.setattr("workbench.security.tls._SUITES_12", suite.encode())
    pair = Pair(client(version), server()).shaken()
    pair.does(pair.client, pair.client.send(b"a" * 40_000)).does(pair.server, pair.server.send(b"b" * 40_000))
    pair.does(pair.server, pair.server.announce([UE.fingerprint()]))
    assert pair.server.state is State.UP
    pair.does(pair.server, pair.server.announce([STRANGER.fingerprint()]))
    assert pair.heard[pair.client][-1] == Failed("the peer sent the fatal alert bad_certificate", 42, False)


@pytest.mark.parametrize("version", VERSIONS)
def test_close_notify_while_held_comes_after_the_payload(version):
    """Order is kept across the wait for the fingerprint."""
    pair = Pair(client(version), server(announced=None)).shaken()
    pair.does(pair.client, pair.client.send(b"bye")).does(pair.client, pair.client.close())
    assert pair.kinds(pair.server) == [Established]
    pair.does(pair.server, pair.server.announce([UE.fingerprint()]))
    assert pair.heard[pair.server][1:] == [Verified(), Data(b"bye"), PeerClosed()]


def test_what_is_held_has_a_limit():
    """More octets than `max_held` before the fingerprint end the session."""
    pair = Pair(client(), server(announced=None, max_held=10)).shaken()
    pair.does(pair.client, pair.client.send(b"12345678901"))
    assert pair.kinds(pair.server) == [Established, Failed]


def test_an_unverified_session_accepts_anyone():
    """The weakened variant: whatever certificate comes is taken."""
    pair = Pair(client(identity=STRANGER), server(verify=False)).shaken()
    assert pair.kinds(pair.server) == [Established, Verified]


def test_two_clients_collide():
    """S14: the 7 octets of unexpected_message, before anything was negotiated."""
    first, second = client("1.2"), client("1.2")
    hello = first.start()[0]
    second.start()
    assert isinstance(hello, Transmit)
    assert second.receive_data(hello.octets) == [
        Transmit(bytes.fromhex("1503010002020a")), Failed("unexpected message", 10, True),
    ]  # fmt: skip


def test_no_version_in_common():
    """protocol_version (70) is the server's answer."""
    pair = Pair(client("1.2"), server(versions=["1.3"])).shaken()
    assert pair.heard[pair.client][-1] == Failed("the peer sent the fatal alert protocol_version", 70, False)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_end_without_close_notify_is_a_truncation(version):
    """S19: RFC 5246 §7.2.1, RFC 8446 §6.1; our own direction is closed in order all the same."""
    pair = Pair(client(version), server()).shaken()
    notify, failed = pair.server.transport_ended()
    assert failed == Failed("the connection ended without close_notify", None, True)
    assert isinstance(notify, Transmit) and pair.client.receive_data(notify.octets) == [PeerClosed()]
    late = Pair(client(version), server()).shaken()
    late.does(late.client, late.client.close())
    assert late.server.transport_ended() == []


def test_an_end_during_the_handshake():
    """A transport that ends early is reported as such."""
    session = server()
    session.start()
    assert session.transport_ended() == [Failed("the connection ended during the handshake", None, True)]


@pytest.mark.parametrize("version", VERSIONS)
def test_portions_do_not_matter(version):
    """Octet by octet the same events come out."""
    one, other = client(version), server()
    other.start()
    octets = {one: b"", other: b""}
    seen: list[type] = []
    octets[other] = b"".join(e.octets for e in one.start() if isinstance(e, Transmit))
    while octets[one] or octets[other]:
        for who, peer in ((other, one), (one, other)):
            taken, octets[who] = octets[who][:1], octets[who][1:]
            for event in who.receive_data(taken):
                if isinstance(event, Transmit):
                    octets[peer] += event.octets
                elif who is other:
                    seen.append(type(event))
    assert seen == [Established, Verified]
    assert one.state is State.UP


@pytest.mark.parametrize(("version", "labels"), [
    ("1.2", {"CLIENT_RANDOM"}),
    ("1.3", {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
             "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET"}),
])  # fmt: skip
def test_key_lines_only_where_asked(version, labels):
    """Each label once, in the form of RFC 9850, and no line without `log_keys`; never in a repr."""
    pair = Pair(client(version, log_keys=True), server()).shaken()
    lines = [event for event in pair.heard[pair.client] if isinstance(event, KeyLine)]
    assert sorted(event.line.split(" ")[0] for event in lines) == sorted(labels)
    assert all(re.fullmatch(r"[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{64,96}", event.line) for event in lines)
    assert KeyLine not in pair.kinds(pair.server)
    assert {repr(event) for event in lines} == {"KeyLine(...)"}


def test_orders_out_of_turn_are_our_bug():
    """Payload before the session is up is refused with nothing sent."""
    session = client()
    with pytest.raises(LocalProtocolError):
        session.send(b"early")
    session.start()
    with pytest.raises(LocalProtocolError):
        session.start()
    with pytest.raises(LocalProtocolError):
        TlsSession(UE, True, versions=["1.1"])
    assert session.close() == []


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_garbage_never_escapes(data):
    """Whatever comes as TLS, a session answers with events and raises nothing."""
    for session in (server(), client()):
        session.start()
        session.receive_data(data)
        session.receive_data(data)
        session.transport_ended()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4000), st.integers(1, 255), st.sampled_from(VERSIONS))
def test_a_changed_octet_never_yields_payload_of_a_stranger(at, flip, version):
    """One changed octet on the way to the server: it ends with a failure or waits, and raises nothing."""
    one, other = client(version), server()
    other.start()
    count = 0
    queue = list(one.start())
    while queue:
        event = queue.pop(0)
        if isinstance(event, Transmit):
            octets = bytearray(event.octets)
            if count <= at < count + len(octets):
                octets[at - count] ^= flip
            count += len(octets)
            for answer in other.receive_data(bytes(octets)):
                assert not isinstance(answer, Data)
                if isinstance(answer, Transmit):
                    queue += one.receive_data(answer.octets)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("ours", ["client", "server"])
def test_a_session_that_is_up_is_given_up_with_any_alert(version, ours):
    """The other end hears the alert of our choice, and nothing is sent behind it."""
    pair = Pair(client(version), server()).shaken()
    who, other = (pair.client, pair.server) if ours == "client" else (pair.server, pair.client)
    pair.does(who, who.send(b"before")).does(who, who.abort(80, "a fault of our own"))
    assert pair.heard[who][-1] == Failed("a fault of our own", 80, True)
    assert pair.heard[other][-1] == Failed("the peer sent the fatal alert internal_error", 80, False)
    with pytest.raises(LocalProtocolError):
        who.abort(80, "again")


@pytest.mark.parametrize(
    "octets", [b"MSRP abcd SEND\r\nTo-Path: msrp://a:1/x;tcp\r\n", b"\x20\x0b\x00\x00" * 3, b"\xff" * 64])
@pytest.mark.parametrize("ours", ["client", "server"])
def test_what_is_no_tls_is_answered_with_unexpected_message(octets, ours):
    """RFC 8446 §5.1: the alert goes out in the clear, since there are no keys; nothing is taken for payload."""
    session = client() if ours == "client" else server()
    session.start()
    events = session.receive_data(octets)
    assert events[0] == Transmit(bytes.fromhex("1503030002020a"))
    assert isinstance(events[-1], Failed) and (events[-1].alert, events[-1].ours) == (10, True)
    assert session.state is State.FAILED


def test_no_cipher_suite_in_common_is_a_handshake_failure():
    """A client that knows other suites of TLS 1.2 is refused with alert 40."""
    pair = Pair(client("1.2", suites="AES128-SHA"), server()).shaken()
    assert pair.heard[pair.server][-1].alert == 40
