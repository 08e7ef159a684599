from __future__ import annotations

import re

import pytest
from dtls_pair import AGW, STRANGER, UE, Pair, client, lossy, perfect, server
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError
from workbench.protocols.tls import datagrams
from workbench.security.dtls import (
    Data,
    DtlsSession,
    Established,
    Failed,
    KeyLine,
    PeerClosed,
    State,
    Transmit,
    Verified,
)
from workbench.security.flights import Flights


def first(events: list) -> bytes:
    """The octets of the first datagram that a session answers with."""
    return next(event.octets for event in events if isinstance(event, Transmit))


def test_payload_passes_both_ways_and_closes_in_order():
    """Both ends verify each other, each payload is one datagram and comes out as it went in."""
    pair = Pair(client(), server()).shaken()
    assert pair.kinds(pair.client) == pair.kinds(pair.server) == [Established, Verified]
    before = len(pair.sent[pair.client])
    for payload in (b"one", b"two" * 300):
        pair.does(pair.client, pair.client.send(payload))
    pair.does(pair.server, pair.server.send(b"hi")).plays()
    assert len(pair.sent[pair.client]) == before + 2
    assert pair.heard[pair.server][2:] == [Data(b"one"), Data(b"two" * 300)]
    assert pair.heard[pair.client][2:] == [Data(b"hi")]
    pair.does(pair.client, pair.client.close()).plays().does(pair.server, pair.server.close()).plays()
    assert pair.heard[pair.server][-1] == pair.heard[pair.client][-1] == PeerClosed()
    assert (pair.client.state, pair.server.state) == (State.CLOSED, State.CLOSED)
    assert pair.client.dropped == pair.server.dropped == pair.client.repeated == pair.server.repeated == 0


def test_established_names_what_was_negotiated():
    """Version, suite and the peer's certificate; both roles demand one (RFC 8122 §6.2)."""
    pair = Pair(client(), server()).shaken()
    for who, certificate in ((pair.client, AGW.certificate), (pair.server, UE.certificate)):
        established = pair.heard[who][0]
        assert isinstance(established, Established)
        assert (established.version, established.peer_certificate) == ("DTLS 1.2", certificate)
        assert "GCM" in established.suite


@pytest.mark.parametrize("mtu", [256, 576, 1200])
def test_flights_are_split_into_datagrams_of_the_mtu(mtu):
    """L10: no datagram of a handshake is longer than the MTU, and each holds whole records only."""
    pair = Pair(client(mtu=mtu), server(mtu=mtu)).shaken()
    assert pair.client.state is pair.server.state is State.UP
    sent = [one for who in pair.sent for one in pair.sent[who]]
    assert max(map(len, sent)) <= mtu
    assert all(datagrams.split(one)[1] is None for one in sent)
    flight = b"".join(pair.sent[pair.server][1:-1])
    assert len(pair.sent[pair.server][1:-1]) <= 1 + 2 * len(flight) // mtu


@pytest.mark.parametrize("seed", range(100))
def test_a_handshake_survives_loss(seed):
    """100 seeds with 10 % loss, repeated and reordered datagrams: both ends come up, in virtual time."""
    pair = Pair(client(mtu=400), server(mtu=400), lossy(seed)).shaken()
    pair.wire = perfect
    pair.does(pair.client, pair.client.send(b"page")).does(pair.server, pair.server.send(b"confirmed")).plays()
    assert pair.heard[pair.server][-1] == Data(b"page")
    assert pair.heard[pair.client][-1] == Data(b"confirmed")


@pytest.mark.parametrize("lost", range(6))
def test_any_one_datagram_of_a_handshake_may_be_lost(lost):
    """S22: whichever it is, the flight is repeated after a second (RFC 6347 §4.2.4)."""
    count = 0

    def carry(datagram: bytes) -> list[tuple[float, bytes]]:
        nonlocal count
        count += 1
        return [] if count == lost + 1 else perfect(datagram)

    pair = Pair(client(), server(), carry).shaken()
    pair.does(pair.client, pair.client.send(b"page")).does(pair.server, pair.server.send(b"confirmed")).plays()
    assert pair.heard[pair.server][-1] == Data(b"page")
    assert pair.heard[pair.client][-1] == Data(b"confirmed")
    assert 1.0 < pair.now < 1.2


def test_an_unanswered_flight_is_repeated_ever_more_slowly_and_given_up():
    """L3: after 1, 2, 4 ... seconds, at most 60; then the session fails."""
    session = client(most_repeats=8)
    session.start(0.0)
    at = []
    while (due := session.next_wakeup()) is not None:
        assert session.wake(due - 0.001) == []
        events = session.wake(due)
        at.append(due)
    assert at == [1.0, 3.0, 7.0, 15.0, 31.0, 63.0, 123.0, 183.0, 243.0]
    assert events == [Failed("no answer to a flight that was sent 9 times", None, True)]
    assert session.wake(1e9) == []


def test_a_repeated_flight_has_new_record_numbers_and_the_same_messages():
    """L4: RFC 6347 §4.2.4, for records in clear and for the protected Finished."""
    quiet = Pair(client(), server(), lambda datagram: []).shaken(until=0.0)
    pair = Pair(client(), server()).shaken(until=0.035)
    pair.wire = quiet.wire
    pair.plays(until=2.9)
    records = [datagrams.split(one)[0] for one in pair.sent[pair.client]]
    flights = [one for one in records if one[0].sequence >= 2]
    assert len(flights) == 2
    assert [r.type for r in flights[0]] == [r.type for r in flights[1]] == [22, 22, 22, 20, 22]
    in_clear = [r for flight in flights for r in flight if r.epoch == 0]
    assert [r.sequence for r in in_clear] == list(range(2, 10))
    assert [r.sequence for flight in flights for r in flight if r.epoch] == [0, 1]
    assert [r.fragment for r in in_clear[:4]] == [r.fragment for r in in_clear[4:]]


def test_what_the_library_repeats_by_its_own_clock_does_not_leave():
    """The caller's clock rules: the same messages from the library once more, in new records, are left out."""
    pair = Pair(client(), server()).shaken()
    flight = pair.sent[pair.client][2]
    again = b"".join(one.numbered(one.sequence + 5).octets for one in datagrams.split(flight)[0])
    flights = Flights(1200, lambda: None)
    assert flights.take(flight)[1]
    assert flights.take(again) == ([], False)
    assert len(flights.repeat()) == 1


def test_the_cookie_comes_before_everything():
    """L1, L2, RFC 6347 §4.2.1: the record number of what is answered, message numbers 0 and 1."""
    pair = Pair(client(), server()).shaken()
    verify, hello = datagrams.split(pair.sent[pair.server][0])[0], datagrams.split(pair.sent[pair.server][1])[0]
    assert datagrams.fragments(verify[0].fragment)[0].type == 3
    assert (verify[0].version, verify[0].sequence) == (0xFEFF, 0)
    assert datagrams.fragments(hello[0].fragment)[0].message_seq == 1
    assert hello[0].sequence == 1


def test_a_flood_of_hellos_holds_nothing():
    """S21: 1000 sources without a cookie, and none leaves anything behind but an answer."""
    listening = server()
    listening.start(0.0)
    hello = first(client().start(0.0))
    answers = {first(listening.receive_datagram(hello, 0.0, f"192.0.2.{n % 250}:{n}")) for n in range(1000)}
    assert len(answers) == 1000
    assert max(map(len, answers)) < len(hello)
    assert listening._engine is None
    assert listening.next_wakeup() is None


def test_a_cookie_is_good_for_its_own_client_only():
    """A ClientHello with a cookie from elsewhere is answered with another cookie (RFC 6347 §4.2.1)."""
    listening, one = server(), client()
    listening.start(0.0)
    verify = first(listening.receive_datagram(first(one.start(0.0)), 0.0, "192.0.2.1:1"))
    with_cookie = first(one.receive_datagram(verify, 0.0))
    refused = first(listening.receive_datagram(with_cookie, 0.0, "192.0.2.2:1"))
    assert datagrams.fragments(datagrams.split(refused)[0][0].fragment)[0].type == 3
    assert listening._engine is None
    assert listening.receive_datagram(with_cookie, 0.0, "192.0.2.1:1")
    assert listening._engine is not None


def test_a_server_without_cookies_answers_at_once():
    """The exchange may be left out (RFC 6347 §4.2.1)."""
    pair = Pair(client(), server(cookies=None)).shaken()
    assert pair.client.state is pair.server.state is State.UP
    assert len(pair.sent[pair.client]) == 2


@pytest.mark.parametrize("judge", ["client", "server"])
def test_another_certificate_is_refused_in_the_handshake(judge):
    """S9: fatal bad_certificate, and the other end reads it (RFC 8122 §6.2)."""
    wrong = {"identity": STRANGER}
    pair = Pair(client(**({} if judge == "client" else wrong)), server(**(wrong if judge == "client" else {})))
    pair.shaken()
    who, other = (pair.client, pair.server) if judge == "client" else (pair.server, pair.client)
    failed = pair.heard[who][-1]
    assert isinstance(failed, Failed)
    assert (failed.alert, failed.ours) == (42, True)
    assert "fingerprint" in failed.reason
    assert pair.heard[other][-1] == Failed("the peer sent the fatal alert bad_certificate", 42, False)
    assert who.next_wakeup() is other.next_wakeup() is None


def test_a_client_without_a_certificate_is_refused():
    """S8: the server aborts (RFC 8122 §6.2)."""
    pair = Pair(client(identity=None), server()).shaken()
    assert pair.heard[pair.server][-1] == Failed("peer did not return a certificate", 40, True)


def test_payload_before_the_fingerprint_is_held_and_then_released():
    """S24: nothing is handed up until the fingerprint is announced, then all of it in order."""
    pair = Pair(client(), server(announced=None)).shaken()
    pair.does(pair.client, pair.client.send(b"one")).does(pair.client, pair.client.send(b"two")).plays()
    assert pair.kinds(pair.server) == [Established]
    assert pair.server.held == 6
    with pytest.raises(LocalProtocolError):
        pair.server.send(b"early")
    pair.does(pair.server, pair.server.announce([UE.fingerprint()]))
    assert pair.heard[pair.server][1:] == [Verified(), Data(b"one"), Data(b"two")]


def test_what_is_held_has_a_limit():
    """Datagrams beyond `max_held` are lost, and counted."""
    pair = Pair(client(), server(announced=None, max_held=10)).shaken()
    for payload in (b"12345678", b"901", b"9"):
        pair.does(pair.client, pair.client.send(payload))
    pair.plays()
    assert (pair.server.held, pair.server.dropped) == (9, 1)


@pytest.mark.parametrize("late", ["client", "server"])
@pytest.mark.parametrize("seed", [None, 3, 9])
def test_a_late_fingerprint_that_does_not_match_ends_with_bad_certificate(late, seed):
    """The peer reads a protected fatal alert 42 although the handshake was complete; what was held is gone."""
    pair = Pair(client(**({"announced": None} if late == "client" else {})),
                server(**({"announced": None} if late == "server" else {})),
                perfect if seed is None else lossy(seed)).shaken()
    pair.wire = perfect
    judge, other = (pair.client, pair.server) if late == "client" else (pair.server, pair.client)
    pair.does(other, other.send(b"secret")).plays()
    pair.does(judge, judge.announce([STRANGER.fingerprint()])).plays()
    assert pair.heard[judge][-1].alert == 42  # type: ignore[union-attr]
    assert pair.heard[other][-1] == Failed("the peer sent the fatal alert bad_certificate", 42, False)
    assert Data not in pair.kinds(judge)
    assert judge.receive_datagram(b"more", pair.now) == []


def test_a_changed_fingerprint_on_a_running_session_ends_it():
    """S12: after payload in both directions the alert still is the next valid record."""
    pair = Pair(client(), server()).shaken()
    for _ in range(5):
        pair.does(pair.client, pair.client.send(b"a")).does(pair.server, pair.server.send(b"b")).plays()
    pair.does(pair.server, pair.server.announce([UE.fingerprint()]))
    assert pair.server.state is State.UP
    pair.does(pair.server, pair.server.announce([STRANGER.fingerprint()])).plays()
    assert pair.heard[pair.client][-1] == Failed("the peer sent the fatal alert bad_certificate", 42, False)


def test_an_unverified_session_accepts_anyone():
    """The weakened variant: whatever certificate comes is taken."""
    pair = Pair(client(identity=STRANGER), server(verify=False)).shaken()
    assert pair.kinds(pair.server) == [Established, Verified]


def test_two_clients_collide():
    """S16: the 15 octets of unexpected_message, epoch 0, record 1."""
    one, other = client(), client()
    hello = first(one.start(0.0))
    other.start(0.0)
    assert other.receive_datagram(hello, 0.0) == [
        Transmit(bytes.fromhex("15feff0000000000000001000202 0a".replace(" ", ""))),
        Failed("unexpected message", 10, True),
    ]


def test_a_replayed_or_changed_datagram_is_dropped_and_counted():
    """S23, L6: no event, and the session goes on (RFC 6347 §4.1.2.6, §4.1.2.7)."""
    pair = Pair(client(), server()).shaken()
    datagram = first(pair.client.send(b"once"))
    assert pair.server.receive_datagram(datagram, pair.now) == [Data(b"once")]
    before = pair.server.dropped
    assert pair.server.receive_datagram(datagram, pair.now) == []
    other = bytearray(first(pair.client.send(b"changed")))
    other[-1] ^= 1
    assert pair.server.receive_datagram(bytes(other), pair.now) == []
    assert pair.server.receive_datagram(b"clear UDPTL", pair.now) == []
    assert pair.server.dropped == before + 3
    assert pair.server.receive_datagram(first(pair.client.send(b"on")), pair.now) == [Data(b"on")]


def test_payload_that_overtakes_the_finished_waits_for_it():
    """Records of epoch 1 that come before the handshake is complete are read when it is."""
    pair = Pair(client(), server()).shaken(until=0.0)
    while pair.server.state is not State.UP:
        pair.plays(until=pair.now + 0.01)
    flight = pair.sent[pair.server][-1]
    early = first(pair.server.send(b"early"))
    fresh = pair.client.receive_datagram(early, pair.now)
    assert fresh == []
    events = pair.client.receive_datagram(flight, pair.now)
    assert [type(event) for event in events] == [Established, Verified, Data]


def test_several_records_of_one_datagram_are_several_payloads():
    """RFC 6347 §4.1.1 allows it."""
    pair = Pair(client(), server()).shaken()
    joined = first(pair.client.send(b"one")) + first(pair.client.send(b"two"))
    assert pair.server.receive_datagram(joined, pair.now) == [Data(b"one"), Data(b"two")]


def test_a_lost_close_is_no_failure():
    """close_notify is sent once; the end of the transport behind it is in order."""
    pair = Pair(client(), server()).shaken()
    pair.client.close()
    assert pair.client.transport_ended() == []
    assert pair.server.transport_ended() == [Failed("the transport ended without close_notify", None, True)]
    waiting = server()
    waiting.start(0.0)
    assert waiting.transport_ended() == [Failed("the transport ended during the handshake", None, True)]


def test_key_lines_only_where_asked():
    """One line, in the form of RFC 9850; never in a repr."""
    pair = Pair(client(log_keys=True), server()).shaken()
    lines = [event for event in pair.heard[pair.client] if isinstance(event, KeyLine)]
    assert len(lines) == 1
    assert re.fullmatch(r"CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}", lines[0].line)
    assert KeyLine not in pair.kinds(pair.server)
    assert repr(lines[0]) == "KeyLine(...)"


def test_orders_out_of_turn_are_our_bug():
    """Payload before the session is up, too much of it, and an MTU that can't be are refused with nothing sent."""
    session = client()
    with pytest.raises(LocalProtocolError):
        session.send(b"early")
    session.start(0.0)
    with pytest.raises(LocalProtocolError):
        session.start(0.0)
    assert session.close() == []
    assert session.next_wakeup() is None
    with pytest.raises(LocalProtocolError):
        DtlsSession(UE, True, mtu=100)
    pair = Pair(client(), server()).shaken()
    with pytest.raises(LocalProtocolError):
        pair.client.send(bytes(16_385))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 40))
def test_garbage_never_escapes(data, prefix):
    """Whatever comes as DTLS, a session answers with events and raises nothing."""
    hello = first(client().start(0.0))
    for session in (server(), server(cookies=None), client()):
        session.start(0.0)
        session.receive_datagram(data, 0.0)
        session.receive_datagram(hello[:prefix] + data, 0.5)
        session.wake(1.0)
        session.transport_ended()


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 6), st.integers(0, 1400), st.integers(0, 255), st.booleans())
def test_a_changed_or_cut_datagram_never_yields_payload_of_a_stranger(which, at, flip, cut):
    """One datagram of the handshake arrives changed or cut: both ends come up, or fail, or never began."""
    count = 0

    def carry(datagram: bytes) -> list[tuple[float, bytes]]:
        nonlocal count
        count += 1
        if count != which + 1:
            return perfect(datagram)
        place = at % len(datagram)
        changed = datagram[:place] + (b"" if cut else bytes([datagram[place] ^ flip]) + datagram[place + 1 :])
        return [(0.01, changed)]

    pair = Pair(client(), server(), carry).shaken()
    assert pair.client.state in (State.UP, State.FAILED)
    assert pair.server.state in (State.UP, State.FAILED) or pair.server._engine is None
    assert Data not in pair.kinds(pair.server)
