"""What a session does with OpenSSL: shared contexts, few calls, alerts that the library does not tell."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest
from counting import work
from tls_pair import STRANGER, UE, VERSIONS, Pair, client, server

from workbench.security import openssl
from workbench.security.identities import Identity
from workbench.security.source import Source
from workbench.security.tls import Data, Event, Failed, State, TlsSession, Transmit

SUITES = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]


def counted(events: list[Event], ask: Callable[..., list[Event]], *arguments: object) -> int:
    """The calls that it takes; what the session reports is added to `events`."""
    return work(lambda: events.extend(ask(*arguments)))[0]


def up(version: str = "1.3") -> Pair:
    return Pair(client(version), server()).shaken()


def test_sessions_of_one_end_share_a_context():
    """Certificate and key are loaded once for all sessions with the same identity, versions and suites."""
    openssl.context.cache_clear()
    for _ in range(5):
        up("1.3")
        up("1.2")
    assert openssl.context.cache_info().misses == 3  # the server's, and one for each version of the client


def test_contexts_are_bounded():
    """However many identities come and go, a fixed number of contexts is kept."""
    most = openssl.context.cache_info().maxsize
    assert most is not None
    for number in range(most + 5):
        TlsSession(Identity.self_signed("one of many", Source(number, "one")), True)
    assert openssl.context.cache_info().currsize == most


def test_sessions_that_share_a_context_are_judged_apart():
    """A stranger is refused and the next one is let in, with the same context of the server's."""
    for identity, state in ((UE, State.UP), (STRANGER, State.FAILED), (UE, State.UP)):
        pair = Pair(client(identity=identity), server()).shaken()
        assert pair.server.state is state


def test_a_session_is_gone_when_nobody_holds_it():
    """Nothing in a session refers to itself: its memory does not wait for Python to look for cycles."""
    gc.collect()
    gc.disable()
    try:
        pair = up()
        gone = [weakref.ref(pair.client), weakref.ref(pair.server)]
        del pair
        assert [one() for one in gone] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", [1, 16_384, 16_385, 100_000, 2_500_000])
def test_one_portion_in_is_one_portion_out(version, size):
    """A `send` is one Transmit; all records that came in together are one Data, whatever its size."""
    pair = up(version)
    payload = bytes(range(256)) * (size // 256 + 1)
    sent = pair.client.send(payload[:size])
    assert [type(event) for event in sent] == [Transmit]
    assert pair.server.receive_data(sent[0].octets) == [Data(payload[:size])]  # type: ignore[union-attr]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("cut", [1, 4, 5, 6, 16_000, 16_407, 20_000])
def test_a_record_that_is_cut_waits_in_the_library(version, cut):
    """What is complete comes out at once, the rest of a record when it is there, and nothing is lost."""
    pair = up(version)
    payload = bytes(range(256)) * 300
    octets = b"".join(event.octets for event in pair.client.send(payload) if isinstance(event, Transmit))
    come = [*pair.server.receive_data(octets[:cut]), *pair.server.receive_data(octets[cut:])]
    assert all(isinstance(event, Data) for event in come)
    assert b"".join(event.octets for event in come) == payload  # type: ignore[union-attr]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_cost_is_that_of_records_and_not_of_octets(version):
    """Work grows by two calls at most for a record of 16,384 octets, sent and received."""
    pair = up(version)
    sending, receiving = [], []
    for records in (1, 64):
        events: list[Event] = []
        sending.append(counted(events, pair.client.send, bytes(records * 16_384)))
        receiving.append(work(pair.server.receive_data, events[0].octets)[0])  # type: ignore[union-attr]
    assert sending[1] - sending[0] <= 2 * 63
    assert receiving[1] - receiving[0] <= 2 * 63


def test_a_handshake_asks_for_little():
    """The calls of a server's session from making to verified stay what they are."""
    up()
    for version in VERSIONS:
        ue, agw, events = client(version), server(), list[Event]()
        calls = counted(events, agw.start)
        events = ue.start()
        while events:
            answers: list[Event] = []
            calls += sum(
                counted(answers, agw.receive_data, event.octets) for event in events if isinstance(event, Transmit))
            events = [event for answer in answers if isinstance(answer, Transmit)
                      for event in ue.receive_data(answer.octets)]
        assert agw.state is State.UP
        assert calls < 200


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("before", [0, 3, 40_000])
def test_the_alert_that_openssl_sends_is_known_although_it_is_protected(version, suite, before, monkeypatch):
    """A changed octet on a running session: bad_record_mac, the same number at both ends (RFC 8446 §5.2)."""
    monkeypatch.setattr("workbench.security.tls._SUITES_12", suite.encode())
    pair = up(version)
    pair.does(pair.server, pair.server.send(bytes(before)) if before else [])
    octets = bytearray(pair.client.send(b"payload")[0].octets)  # type: ignore[union-attr]
    octets[-1] ^= 1
    events = pair.server.receive_data(bytes(octets))
    assert events[-1].alert == 20 and events[-1].ours  # type: ignore[union-attr]
    pair.does(pair.server, events)
    assert pair.heard[pair.client][-1] == Failed("the peer sent the fatal alert bad_record_mac", 20, False)


def test_what_was_right_comes_out_before_a_failure():
    """Records that were complete and right are delivered, then the session fails."""
    pair = up()
    first = pair.client.send(b"right")[0].octets  # type: ignore[union-attr]
    second = bytearray(pair.client.send(b"wrong")[0].octets)  # type: ignore[union-attr]
    second[-1] ^= 1
    events = pair.server.receive_data(first + bytes(second))
    assert events[0] == Data(b"right")
    assert isinstance(events[-1], Failed)


def test_buffers_are_reused():
    """Sessions one after the other use one buffer between them."""
    pairs = [up() for _ in range(4)]
    for pair in pairs:
        pair.does(pair.client, pair.client.send(bytes(200_000)))
    assert len(openssl._rooms) == 1
    assert len(openssl._rooms[0]) < 2 * openssl._AT_ONCE
