"""The TCP machine alone: RFC 9293's states and rules, segment by segment."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError
from workbench.net.packets import ACK, FIN, RST, SYN, Tcp
from workbench.net.values import (
    Endpoint,
    Failure,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamFlushed,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
)
from workbench.net.virtual.settings import Settings
from workbench.net.virtual.states import State
from workbench.net.virtual.tcp import Event, TcpMachine, Transmit, refusal

A = Stream(Endpoint("10.0.0.1", 40000), Endpoint("10.0.0.2", 2855))
B = Stream(A.remote, A.local)
ISN_A, ISN_B = 0xFFFFFF00, 7_000        # A's numbers wrap within the first segments
AT_ONCE = Settings(ack_delay=0.0)


def segments(events: list[Event]) -> list[Tcp]:
    return [event.segment for event in events if isinstance(event, Transmit)]


def happenings(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Transmit)]


class Pair:
    """Two machines whose segments reach each other at once, in order, unless a test takes them away."""

    def __init__(self, a: Settings = AT_ONCE, b: Settings = AT_ONCE) -> None:
        self.a, self.b = TcpMachine(A, ISN_A, a), TcpMachine(B, ISN_B, b)
        self.heard: dict[str, list[Event]] = {"a": [], "b": []}
        self.log: list[tuple[str, Tcp]] = []

    def did(self, who: str, events: list[Event], now: float = 0.0) -> None:
        """Deliver what a machine sends, and what comes of it, until nothing is on its way."""
        waiting = [(who, event) for event in events]
        while waiting:
            who, event = waiting.pop(0)
            if not isinstance(event, Transmit):
                self.heard[who].append(event)
                continue
            self.log.append((who, event.segment))
            other, machine = ("b", self.b) if who == "a" else ("a", self.a)
            if machine.state is State.CLOSED and event.segment.flags & SYN:
                waiting += [(other, found) for found in machine.offer(event.segment, now)]
                waiting += [(other, found) for found in machine.accept(now)]
            else:
                waiting += [(other, found) for found in machine.receive(event.segment, now)]

    def open(self) -> Pair:
        self.did("a", self.a.open(0.0))
        assert (self.a.state, self.b.state) == (State.ESTABLISHED, State.ESTABLISHED)
        return self

    def octets(self, who: str) -> bytes:
        return b"".join(event.data for event in self.heard[who] if isinstance(event, StreamData))


def established(settings: Settings = AT_ONCE) -> tuple[TcpMachine, int, int]:
    """A's machine with an open connection, the peer's next sequence number, and ours."""
    machine = TcpMachine(A, ISN_A, settings)
    machine.open(0.0)
    machine.receive(peer(SYN | ACK, ISN_B, ISN_A + 1, window=60_000), 0.0)
    assert machine.state is State.ESTABLISHED
    return machine, ISN_B + 1, ISN_A + 1


def peer(flags: int, sequence: int, acknowledgment: int = 0, payload: bytes = b"", window: int = 60_000,
         options: bytes = b"\x02\x04\x05\xb4") -> Tcp:
    return Tcp(B.local, B.remote, sequence & 0xFFFFFFFF, acknowledgment & 0xFFFFFFFF, flags, window, payload,
               options if flags & SYN else b"")


# Opening.

def test_three_segments_open_a_connection():
    """SYN; SYN, ACK; ACK (RFC 9293 figure 6), with MSS and window scale in both SYNs."""
    pair = Pair().open()
    assert [(who, segment.flag_names) for who, segment in pair.log] == [("a", "SYN"), ("b", "SYN, ACK"), ("a", "ACK")]
    assert [(segment.mss, segment.window_scale) for _, segment in pair.log] == [(1460, 3), (1460, 3), (None, None)]
    assert pair.heard == {"a": [StreamOpened(A)], "b": [StreamOffered(B), StreamOpened(B)]}


def test_a_simultaneous_open_gives_one_connection():
    """Both SYNs cross; each side goes through SYN-RECEIVED (RFC 9293 figure 7)."""
    a, b = TcpMachine(A, ISN_A, AT_ONCE), TcpMachine(B, ISN_B, AT_ONCE)
    syn_a, syn_b = segments(a.open(0.0)), segments(b.open(0.0))
    both_a, both_b = a.receive(syn_b[0], 0.1), b.receive(syn_a[0], 0.1)
    assert (a.state, b.state) == (State.SYN_RECEIVED, State.SYN_RECEIVED)
    assert [segment.flag_names for segment in segments(both_a) + segments(both_b)] == ["SYN, ACK", "SYN, ACK"]
    last_a, last_b = a.receive(segments(both_b)[0], 0.2), b.receive(segments(both_a)[0], 0.2)
    assert happenings(last_a) == [StreamOpened(A)]
    assert happenings(last_b) == [StreamOpened(B)]
    b.send(b"x", 0.3)
    assert (a.state, b.state) == (State.ESTABLISHED, State.ESTABLISHED)


def test_opening_towards_a_held_syn_is_a_simultaneous_open():
    """A node that is offered a SYN may send its own SYN instead of accepting (LISTEN, active OPEN)."""
    machine = TcpMachine(A, ISN_A)
    assert machine.offer(peer(SYN, ISN_B), 0.0) == [StreamOffered(A)]
    assert [segment.flag_names for segment in segments(machine.open(0.1))] == ["SYN", "SYN, ACK"]
    assert happenings(machine.receive(peer(ACK, ISN_B + 1, ISN_A + 1), 0.2)) == [StreamOpened(A)]


def test_a_held_syn_is_not_answered_and_not_offered_twice():
    """Repetitions of the SYN are absorbed until the node accepts."""
    machine = TcpMachine(B, ISN_B)
    syn = Tcp(A.local, A.remote, 5, 0, SYN, 1000)
    assert machine.offer(syn, 0.0) == [StreamOffered(B)]
    assert machine.receive(syn, 1.0) == machine.receive(syn, 3.0) == []
    assert [segment.flag_names for segment in segments(machine.accept(3.5))] == ["SYN, ACK"]


def test_an_offer_without_answer_ends():
    """The machine gives the SYN up after `offer_limit`, and says so."""
    machine = TcpMachine(B, ISN_B, Settings(offer_limit=5.0))
    machine.offer(Tcp(A.local, A.remote, 5, 0, SYN, 1000), 1.0)
    assert machine.next_wakeup() == 6.0
    assert machine.wake(6.0) == [StreamFailed(B, Failure.TIMED_OUT)]
    assert machine.finished


def test_a_syn_is_repeated_with_backoff_and_given_up():
    """1 s, then twice as long each time (RFC 6298 2.1, 5.5)."""
    machine = TcpMachine(A, ISN_A, Settings(syn_retries=3))
    machine.open(0.0, "step 4")
    moments, last = [], []
    while (moment := machine.next_wakeup()) is not None:
        moments.append(moment)
        last = machine.wake(moment)
    assert moments == [1.0, 3.0, 7.0, 15.0]
    assert last == [StreamFailed(A, Failure.TIMED_OUT)]


def test_a_refused_syn_fails():
    """RST with the right acknowledgment ends SYN-SENT; any other RST is ignored (RFC 9293 §3.10.7.3)."""
    machine = TcpMachine(A, ISN_A)
    machine.open(0.0)
    assert machine.receive(peer(RST, 0), 0.1) == []
    assert machine.receive(peer(RST | ACK, 0, ISN_A + 77), 0.1) == []
    assert machine.receive(peer(RST | ACK, 0, ISN_A + 1), 0.1) == [StreamFailed(A, Failure.REFUSED)]


def test_an_old_syn_ack_is_answered_with_rst():
    """An acknowledgment of something never sent in SYN-SENT gets a RST with that number (figure 9)."""
    machine = TcpMachine(A, ISN_A)
    machine.open(0.0)
    (answer,) = segments(machine.receive(peer(SYN | ACK, 9, 99), 0.1))
    assert (answer.flag_names, answer.sequence) == ("RST", 99)
    assert machine.state is State.SYN_SENT


def test_a_lost_syn_ack_is_sent_again_when_the_syn_comes_again():
    """SYN-RECEIVED answers a repeated SYN with SYN, ACK."""
    machine = TcpMachine(B, ISN_B)
    syn = Tcp(A.local, A.remote, 5, 0, SYN, 1000)
    machine.offer(syn, 0.0)
    machine.accept(0.0)
    assert [segment.flag_names for segment in segments(machine.receive(syn, 0.5))] == ["SYN, ACK"]


def test_a_refused_offer_sends_rst():
    """RefuseStream is an abort in LISTEN: RST, ACK with the SYN acknowledged, and nothing is heard of it."""
    machine = TcpMachine(B, ISN_B)
    machine.offer(Tcp(A.local, A.remote, 5, 0, SYN, 1000), 0.0)
    (event,) = machine.abort(0.1, "not expected")
    assert isinstance(event, Transmit)
    assert (event.segment.flag_names, event.segment.acknowledgment, event.why) == ("RST, ACK", 6, "not expected")
    assert machine.finished


def test_refusals_follow_the_closed_state():
    """RFC 9293 §3.10.7.1: with ACK the RST takes its number, without it acknowledges, and RST is never answered."""
    assert refusal(peer(RST, 1)) is None
    answer = refusal(peer(ACK, 5, 1234))
    assert answer is not None
    assert (answer.flag_names, answer.sequence) == ("RST", 1234)
    answer = refusal(peer(SYN | FIN, 5, 0, b"abc"))
    assert answer is not None
    assert (answer.flag_names, answer.acknowledgment) == ("RST, ACK", 10)


# Octets.

@given(st.binary(max_size=9000), st.lists(st.integers(1, 3000), max_size=8))
@settings(max_examples=50, deadline=None)
def test_octets_arrive_as_they_were_sent(payload, sizes):
    """However writes cut a stream, the same octets come out, also where sequence numbers wrap."""
    pair, at = Pair().open(), 0
    for size in [*sizes, len(payload)]:
        pair.did("a", pair.a.send(payload[at : at + size], 1.0))
        at += size
    assert pair.octets("b") == payload


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_order_overlap_and_repetition_do_not_matter(data):
    """Segments of a stream in any order, overlapping, more than once: the octets come out once, in order."""
    payload = bytes(range(200)) * 3
    machine, theirs, ours = established()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(payload) - 1), max_size=12)))
    pieces = [(start, payload[start:end]) for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    pieces += [(start, payload[start : start + size]) for start, size in data.draw(
        st.lists(st.tuples(st.integers(0, 599), st.integers(1, 300)), max_size=8))]
    got = b""
    for start, piece in data.draw(st.permutations(pieces)):
        for event in machine.receive(peer(ACK, theirs + start, ours, piece), 1.0):
            got += event.data if isinstance(event, StreamData) else b""
    assert got == payload


def test_three_duplicate_acks_bring_a_fast_retransmission():
    """RFC 5681 §3.2: the missing segment leaves at once, without the timer."""
    machine, theirs, ours = established()
    sent = segments(machine.send(bytes(5 * 1460), 1.0, "step 9"))
    assert len(sent) == 5
    duplicate = peer(ACK, theirs, ours)
    assert segments(machine.receive(duplicate, 1.1)) == segments(machine.receive(duplicate, 1.1)) == []
    (event,) = machine.receive(duplicate, 1.1)
    assert isinstance(event, Transmit)
    assert event.segment.sequence == ours & 0xFFFFFFFF
    assert event.why == "fast retransmit: step 9"
    assert segments(machine.receive(peer(ACK, theirs, ours + 5 * 1460), 1.2)) == []
    assert machine.next_wakeup() is None


def test_the_retransmission_timer_backs_off_and_gives_up():
    """RFC 6298 (5.5): each repetition waits twice as long; then the stream is closed for its time-out."""
    machine, _, _ = established(Settings(retries=4, rto_min=0.2))
    machine.send(b"hello", 0.0, "step 2")
    gaps, before, last = [], 0.0, []
    while (moment := machine.next_wakeup()) is not None:
        gaps.append(round(moment - before, 3))
        before, last = moment, machine.wake(moment)
        if moment == 0.2:
            assert [event.why for event in last if isinstance(event, Transmit)] == ["retransmission: step 2"]
    assert gaps == [0.2, 0.4, 0.8, 1.6, 3.2]
    assert last == [StreamClosed(A, Failure.TIMED_OUT)]


def test_an_acknowledgment_waits_for_data_to_travel_with():
    """At most `ack_delay`, and not beyond the second segment (RFC 9293 §3.8.6.3)."""
    machine, theirs, ours = established(Settings(ack_delay=0.04))
    assert segments(machine.receive(peer(ACK, theirs, ours, b"a"), 1.0)) == []
    assert machine.next_wakeup() == pytest.approx(1.04)
    (answer,) = segments(machine.send(b"reply", 1.01))
    assert answer.acknowledgment == theirs + 1
    machine.receive(peer(ACK, theirs + 1, ours + 5, b"b"), 1.1)
    assert [segment.acknowledgment for segment in segments(machine.wake(1.15))] == [theirs + 2]
    machine.receive(peer(ACK, theirs + 2, ours + 5, b"c"), 1.2)
    assert [segment.acknowledgment for segment in segments(machine.receive(
        peer(ACK, theirs + 3, ours + 5, b"d"), 1.2))] == [theirs + 4]


def test_a_paused_stream_closes_its_window_and_opens_it_again():
    """PauseStream: what was announced is taken, no more; going on announces the window anew (RFC 9293 §3.8.6)."""
    pair = Pair(b=Settings(receive_limit=5000, ack_delay=0.0)).open()
    pair.did("b", pair.b.pause(True, 1.0))
    pair.did("a", pair.a.send(bytes(20_000), 1.0), 1.0)
    assert pair.octets("b") == b""
    assert pair.log[-1][1].window == 0
    moment, probes = 1.0, 0
    for _ in range(4):
        moment = pair.a.next_wakeup()
        assert moment is not None
        events = pair.a.wake(moment)
        probes += sum(1 for event in events if isinstance(event, Transmit) and event.why == "zero window probe")
        pair.did("a", events, moment)
    assert probes == 4
    assert len(pair.octets("b")) == 0
    pair.did("b", pair.b.pause(False, moment), moment)
    assert len(pair.octets("b")) == 20_000


def test_a_peer_that_ignores_the_window_gains_nothing():
    """What lies beyond the announced edge is cut off: memory stays bounded."""
    machine, theirs, ours = established(Settings(receive_limit=3000, ack_delay=0.0))
    machine.pause(True, 0.0)
    for number in range(40):
        machine.receive(peer(ACK, theirs + number * 1000, ours, bytes(1000)), 1.0)
    (data,) = happenings(machine.pause(False, 2.0))
    assert len(data.data) == 3000


def test_a_window_below_a_segment_is_not_filled_with_crumbs():
    """Sender's silly window avoidance (RFC 9293 §3.8.6.2.1): with octets on their way, small pieces wait."""
    machine, theirs, ours = established()
    machine.receive(peer(ACK, theirs, ours, window=3000), 0.5)
    sent = segments(machine.send(bytes(5000), 1.0))
    assert [len(segment.payload) for segment in sent] == [1460, 1460]


def test_a_send_queue_says_when_it_takes_more():
    """StreamWritable comes once a queue that was above the limit has drained to half."""
    machine, theirs, ours = established(Settings(send_limit=4000))
    machine.send(bytes(6000), 1.0)
    assert happenings(machine.receive(peer(ACK, theirs, ours + 2000), 1.1)) == []
    assert happenings(machine.receive(peer(ACK, theirs, ours + 4500), 1.2)) == [StreamWritable(A)]
    with pytest.raises(LocalProtocolError):
        machine.send(bytes(Settings().queue_limit), 1.3)


def test_a_send_queue_says_once_when_it_is_full():
    """StreamFull comes with the order that brings the queue above the limit; again only after StreamWritable."""
    machine, theirs, ours = established(Settings(send_limit=4000))
    assert happenings(machine.send(bytes(4000), 1.0)) == []
    assert happenings(machine.send(b"x", 1.0)) == [StreamFull(A)]
    assert happenings(machine.send(bytes(500), 1.0)) == []
    assert machine.queued == 4501
    assert happenings(machine.receive(peer(ACK, theirs, ours + 2501), 1.1)) == [StreamWritable(A)]
    assert happenings(machine.send(bytes(2000), 1.2)) == []
    assert happenings(machine.send(bytes(1), 1.2)) == [StreamFull(A)]


def test_a_queue_fills_before_the_connection_is_up():
    """Octets ordered behind the SYN count too; they leave when the peer has answered."""
    machine = TcpMachine(A, ISN_A, Settings(send_limit=4000))
    machine.open(0.0)
    assert happenings(machine.send(bytes(4001), 0.0)) == [StreamFull(A)]
    opened = machine.receive(peer(SYN | ACK, ISN_B, ISN_A + 1, window=60_000), 0.1)
    assert happenings(opened) == [StreamOpened(A)]
    assert happenings(machine.receive(peer(ACK, ISN_B + 1, ISN_A + 4002), 0.2)) == [StreamWritable(A)]


def test_a_lost_connection_is_not_writable_again():
    """After StreamFull may come the end instead of StreamWritable."""
    machine, theirs, ours = established(Settings(send_limit=4000))
    machine.send(bytes(5000), 1.0)
    assert happenings(machine.receive(peer(RST | ACK, theirs, ours), 1.1)) == [StreamClosed(A, Failure.RESET)]


def test_a_sender_that_obeys_is_bounded_by_its_reader():
    """Send until StreamFull, go on at StreamWritable: the queue stays at the limit, and every octet arrives."""
    limits = Settings(ack_delay=0.0, send_limit=20_000, receive_limit=30_000)
    pair = Pair(limits, limits).open()
    pair.did("b", pair.b.pause(True, 1.0))
    sent, full, moment = 0, False, 1.0
    told = len(pair.heard["a"])
    while sent < 400_000:
        while not full and sent < 400_000:
            pair.did("a", pair.a.send(sent.to_bytes(4) * 250, moment), moment)
            sent += 1000
            for event in pair.heard["a"][told:]:
                full = isinstance(event, StreamFull)
            told = len(pair.heard["a"])
            assert pair.a.queued <= 21_000
        assert sent - len(pair.octets("b")) <= 21_000 + 30_000
        moment += 60.0
        pair.did("b", pair.b.pause(False, moment), moment)
        for who, machine in (("a", pair.a), ("b", pair.b)):
            while (due := machine.next_wakeup()) is not None and due <= moment:
                pair.did(who, machine.wake(moment), moment)
        pair.did("b", pair.b.pause(True, moment), moment)
        full = False if any(isinstance(event, StreamWritable) for event in pair.heard["a"][told:]) else full
        told = len(pair.heard["a"])
    pair.did("b", pair.b.pause(False, moment), moment)
    assert pair.octets("b") == b"".join(start.to_bytes(4) * 250 for start in range(0, 400_000, 1000))


def test_comments_go_with_their_octets():
    """A frame's comment is that of the orders whose octets it holds."""
    machine, theirs, ours = established()
    machine.receive(peer(ACK, theirs, ours, window=10), 0.5)
    first = machine.send(b"0123456789", 1.0, "step 1")
    machine.send(b"abc", 1.0, "step 2")
    machine.send(b"def", 1.0, "step 3")
    machine.end(1.0, "step 4")
    rest = machine.receive(peer(ACK, theirs, ours + 10, window=2000), 1.1)
    assert [event.why for event in first if isinstance(event, Transmit)] == ["step 1"]
    assert [event.why for event in rest if isinstance(event, Transmit)] == ["step 2; step 3; step 4"]


# Closing.

def test_an_orderly_close_ends_in_time_wait_on_one_side():
    """Half-close: after our FIN the peer goes on sending; TIME-WAIT lasts 2 MSL (RFC 9293 figure 12)."""
    pair = Pair(a=Settings(msl=2.0, ack_delay=0.0)).open()
    pair.did("a", pair.a.end(1.0))
    assert (pair.a.state, pair.b.state) == (State.FIN_WAIT_2, State.CLOSE_WAIT)
    pair.did("b", pair.b.send(b"still here", 2.0))
    pair.did("b", pair.b.end(3.0), 3.0)
    assert (pair.a.state, pair.b.state) == (State.TIME_WAIT, State.CLOSED)
    assert pair.heard["a"] == [
        StreamOpened(A), StreamFlushed(A), StreamData(A, b"still here"), StreamEnded(A), StreamClosed(A)]
    assert pair.heard["b"] == [StreamOffered(B), StreamOpened(B), StreamEnded(B), StreamClosed(B)]
    assert pair.a.next_wakeup() == 7.0
    pair.a.wake(7.0)
    assert pair.a.finished


def test_a_simultaneous_close_passes_through_closing():
    """FINs cross: CLOSING, then TIME-WAIT, on both sides (RFC 9293 figure 13)."""
    pair = Pair().open()
    fin_a, fin_b = pair.a.end(1.0), pair.b.end(1.0)
    ack_a, ack_b = pair.a.receive(segments(fin_b)[0], 1.1), pair.b.receive(segments(fin_a)[0], 1.1)
    assert (pair.a.state, pair.b.state) == (State.CLOSING, State.CLOSING)
    assert happenings(pair.a.receive(segments(ack_b)[0], 1.2)) == [StreamClosed(A)]
    assert happenings(pair.b.receive(segments(ack_a)[0], 1.2)) == [StreamClosed(B)]
    assert (pair.a.state, pair.b.state) == (State.TIME_WAIT, State.TIME_WAIT)


def test_a_repeated_fin_restarts_time_wait():
    """Our last ACK was lost: it is sent again and 2 MSL begin anew."""
    machine, theirs, ours = established(Settings(msl=1.0))
    machine.end(0.0)
    fin = peer(FIN | ACK, theirs, ours + 1)
    machine.receive(fin, 1.0)
    assert machine.next_wakeup() == 3.0
    assert [segment.acknowledgment for segment in segments(machine.receive(fin, 2.5))] == [theirs + 1]
    assert machine.next_wakeup() == 4.5


def test_the_end_waits_behind_what_is_paused():
    """A paused node hears neither octets nor the peer's end before it goes on."""
    machine, theirs, ours = established()
    machine.pause(True, 0.0)
    assert happenings(machine.receive(peer(FIN | ACK, theirs, ours, b"last"), 1.0)) == []
    machine.end(2.0)
    assert happenings(machine.receive(peer(ACK, theirs + 5, ours + 1), 3.0)) == []
    assert not machine.finished
    assert happenings(machine.pause(False, 4.0)) == [StreamData(A, b"last"), StreamEnded(A), StreamClosed(A)]
    assert machine.finished


def test_an_abort_sends_rst_and_says_nothing():
    """AbortStream: RST with our next number, and no happening."""
    machine, theirs, ours = established()
    (event,) = machine.abort(1.0, "step 7")
    assert isinstance(event, Transmit)
    assert (event.segment.flags, event.segment.sequence, event.why) == (RST | ACK, ours & 0xFFFFFFFF, "step 7")
    assert machine.finished
    assert machine.receive(peer(ACK, theirs, ours), 1.1) == []


def test_orders_in_the_wrong_state_are_ours_to_mend():
    """Octets after the end, and octets before there is a connection."""
    machine, _, _ = established()
    machine.end(1.0)
    assert machine.end(1.0) == []
    with pytest.raises(LocalProtocolError):
        machine.send(b"late", 1.0)
    with pytest.raises(LocalProtocolError):
        TcpMachine(A, 1).send(b"early", 1.0)
    with pytest.raises(LocalProtocolError):
        TcpMachine(A, 1).accept(1.0)


# Attacks (RFC 5961) and garbage.

@pytest.mark.parametrize(("ahead", "expected"), [(0, "reset"), (1, "challenge"), (50_000, "challenge"),
                                                 (400_000, "nothing"), (-1, "nothing")])
def test_only_an_exact_rst_resets(ahead, expected):
    """RFC 5961 §3.2: exact: reset; elsewhere in the window: challenge ACK; outside: nothing."""
    machine, theirs, ours = established()
    events = machine.receive(peer(RST, theirs + ahead), 1.0)
    if expected == "reset":
        assert events == [StreamClosed(A, Failure.RESET)]
    elif expected == "challenge":
        assert [(segment.flag_names, segment.acknowledgment, segment.sequence) for segment in segments(events)] == [
            ("ACK", theirs, ours & 0xFFFFFFFF)]
    else:
        assert events == []
    assert (machine.state is State.CLOSED) == (expected == "reset")


def test_a_syn_on_an_open_connection_is_challenged():
    """RFC 5961 §4.2: whatever its number, a SYN gets an ACK and changes nothing."""
    machine, theirs, _ = established()
    for number in (theirs, theirs + 100, theirs - 50_000):
        assert [segment.flag_names for segment in segments(machine.receive(peer(SYN, number), 1.0))] == ["ACK"]
    assert machine.state is State.ESTABLISHED


def test_an_acknowledgment_of_what_was_never_sent_is_challenged():
    """RFC 5961 §5.2: such a segment's octets are not taken either."""
    machine, theirs, ours = established()
    events = machine.receive(peer(ACK, theirs, ours + 1000, b"injected"), 1.0)
    assert happenings(events) == []
    assert [segment.acknowledgment for segment in segments(events)] == [theirs]


def test_challenges_are_limited():
    """A flood of bad segments does not make us flood (RFC 5961 §7)."""
    machine, theirs, _ = established()
    answers = [segment for _ in range(200) for segment in segments(machine.receive(peer(RST, theirs + 9), 1.0))]
    assert 0 < len(answers) <= 20
    assert len(segments(machine.receive(peer(RST, theirs + 9), 2.5))) == 1


def test_keep_alive_finds_a_dead_peer():
    """RFC 9293 §3.8.4: probes below the window after idle time; no answer ends the stream."""
    machine, theirs, ours = established(Settings(keep_alive=10.0, keep_alive_probes=2))
    assert machine.next_wakeup() == 10.0
    (probe,) = segments(machine.wake(10.0))
    assert probe.sequence == (ours - 1) & 0xFFFFFFFF
    machine.receive(peer(ACK, theirs, ours), 10.1)
    assert machine.next_wakeup() == pytest.approx(20.1)
    for _ in range(2):
        machine.wake(machine.next_wakeup())
    assert machine.wake(machine.next_wakeup()) == [StreamClosed(A, Failure.TIMED_OUT)]


_near = st.integers(-70_000, 70_000)
_segment = st.tuples(st.integers(0, 255), _near, _near, st.binary(max_size=40), st.integers(0, 65535),
                     st.binary(max_size=12))


@given(st.sampled_from(["listen", "opening", "open", "ended", "paused", "closing"]), st.lists(_segment, max_size=25),
       st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_no_segment_raises(state, arrivals, random):
    """Whatever a peer sends in whatever state, and whenever timers fire, nothing raises and memory stays bounded."""
    machine = TcpMachine(A, ISN_A, Settings(receive_limit=4000, gaps_limit=8))
    if state == "listen":
        machine.offer(peer(SYN, ISN_B), 0.0)
    else:
        machine.open(0.0)
        if state != "opening":
            machine.receive(peer(SYN | ACK, ISN_B, ISN_A + 1), 0.0)
            machine.send(bytes(3000), 0.0)
        if state in ("ended", "closing"):
            machine.end(0.0)
        if state == "paused":
            machine.pause(True, 0.0)
        if state == "closing":
            machine.receive(peer(FIN | ACK, ISN_B + 1, ISN_A + 3002), 0.0)
    now, closed = 0.0, 0
    for flags, sequence, acknowledgment, payload, window, options in arrivals:
        segment = Tcp(B.local, B.remote, (ISN_B + sequence) & 0xFFFFFFFF, (ISN_A + acknowledgment) & 0xFFFFFFFF, flags,
                      window, payload, options)
        events = machine.receive(segment, now)
        wakeup = machine.next_wakeup()
        if wakeup is not None and random.random() < 0.3:
            now = max(now, wakeup)
            events += machine.wake(now)
        closed += sum(1 for event in events if isinstance(event, StreamClosed | StreamFailed))
        for sent in segments(events):
            assert 0 <= sent.window <= 65535
            assert 0 <= sent.sequence <= 0xFFFFFFFF
        assert machine._inbox_octets <= 4000
        assert machine._gaps.octets <= 65536
    assert closed <= 1


@given(st.integers(0, 2**32), st.floats(0, 0.3))
@settings(max_examples=60, deadline=None)
def test_two_machines_always_finish(seed, loss):
    """With any loss, both sides' octets arrive, both hear one close, and both machines end."""
    from random import Random

    random, payload = Random(seed), Random(seed).randbytes(9000)
    quick = Settings(retries=60, syn_retries=60, rto_max=2.0, msl=60.0)
    machines = {"a": TcpMachine(A, ISN_A, quick), "b": TcpMachine(B, ISN_B, quick)}
    heard: dict[str, list[Event]] = {"a": [], "b": []}
    wire: list[tuple[float, str, Tcp]] = []
    now = 0.0

    def did(who: str, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Transmit):
                if random.random() >= loss:
                    wire.append((now + random.uniform(0.001, 0.01), "b" if who == "a" else "a", event.segment))
                continue
            heard[who].append(event)
            if isinstance(event, StreamOpened):
                did(who, machines[who].send(payload, now))
                did(who, machines[who].end(now))

    did("a", machines["a"].open(now))
    for _ in range(20_000):
        timers = [(moment, who, None) for who, machine in machines.items()
                  if (moment := machine.next_wakeup()) is not None]
        if not timers and not wire:
            break
        coming = min([*wire, *timers], key=lambda item: item[0])
        now, who, segment = max(now, coming[0]), coming[1], coming[2]
        machine = machines[who]
        if segment is None:
            did(who, machine.wake(now))
            continue
        wire.remove(coming)
        if machine.state is State.CLOSED and segment.flags == SYN and not heard[who]:
            did(who, machine.offer(segment, now))
            did(who, machine.accept(now))
        elif machine.state is State.CLOSED:
            # The passive side is done; what comes late is a repetition that its host would refuse.
            answer = refusal(segment)
            if answer is not None:
                wire.append((now + 0.001, "b" if who == "a" else "a", answer))
        else:
            did(who, machine.receive(segment, now))
    for who in machines:
        assert b"".join(event.data for event in heard[who] if isinstance(event, StreamData)) == payload
        assert [event.reason for event in heard[who] if isinstance(event, StreamClosed)] == [None]
        assert machines[who].finished
