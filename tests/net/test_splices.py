"""Splice on this host's network: the same with splice(2) and without, octet by octet, against real connections."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from random import Random

import pytest
from splice_stage import OF_OCTETS, Between

from workbench.errors import LocalProtocolError
from workbench.net.sockets import Limits, pipes
from workbench.net.values import (
    AbortStream,
    EndStream,
    Failure,
    Meter,
    PauseStream,
    SendStream,
    Splice,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFull,
    StreamWritable,
    Unsplice,
)

# By splice(2) with pipes to spare, with one pipe for all, and by copying.
WAYS = {"pipes": Limits(), "one pipe": Limits(pipes=1), "copies": Limits(pipes=0)}


@pytest.fixture(params=WAYS)
def between(request: pytest.FixtureRequest) -> Iterator[Between]:
    with Between(WAYS[request.param]) as made:
        yield made


def octets(number: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(number)


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def test_this_system_has_pipes():
    """On Linux the tests called "pipes" are of splice(2) indeed."""
    assert hasattr(os, "splice") == pipes.CAN_SPLICE


def test_octets_pass_both_ways_without_the_node(between: Between):
    """Both directions at once; the node hears nothing, and the meter counts every octet."""
    meter = Meter()
    between.do(Splice(between.a, between.b, meter))
    between.client.sendall(b"question")
    between.far.sendall(b"answer!")
    assert between.rest(between.far, 8) == b"question"
    assert between.rest(between.client, 7) == b"answer!"
    assert between.heard == []
    assert meter.read() == (8, 7)


def test_a_half_close_passes_when_the_node_says_so(between: Between):
    """FIN is told behind all octets; nothing follows from it by itself, and the other direction goes on."""
    sent = octets(3_000_000)
    between.do(Splice(between.a, between.b))
    position, got = 0, bytearray()
    while position < len(sent):
        try:
            position += between.client.send(sent[position:])
        except BlockingIOError:
            got += between.rest(between.far, 1000)
    between.client.shutdown(socket.SHUT_WR)
    while len(got) < len(sent):
        got += between.rest(between.far, min(65_536, len(sent) - len(got)))
    assert got == sent
    between.until(StreamEnded(between.a))
    with pytest.raises(BlockingIOError):
        between.far.recv(1)
    between.do(EndStream(between.b))
    assert between.rest(between.far) == b""
    between.far.sendall(b"still")
    assert between.rest(between.client, 5) == b"still"
    between.far.shutdown(socket.SHUT_WR)
    between.until(StreamClosed(between.b))
    between.do(EndStream(between.a))
    assert between.rest(between.client) == b""
    between.until(StreamClosed(between.a))
    assert between.heard == [StreamEnded(between.a), StreamEnded(between.b), StreamClosed(between.b),
                             StreamClosed(between.a)]


def test_a_far_side_that_does_not_read_holds_the_near_side_up(between: Between):
    """Back-pressure: the sender is stopped, what waits here is bounded, and nothing is lost or told."""
    sent = octets(6_000_000)
    between.do(Splice(between.a, between.b))
    poured = between.pour(between.client, sent)
    assert poured < 3_000_000
    assert sum(len(connection.queue) for connection in between.network._streams.values()) <= 1_048_576
    assert between.heard == []
    assert between.rest(between.far, poured) == sent[:poured]
    assert between.pour(between.client, sent[poured:]) > 0


def test_an_end_comes_behind_what_is_under_way(between: Between):
    """EndStream towards a peer that does not read yet: FIN follows the last octet; what comes later is thrown away."""
    sent = octets(2_000_000)
    meter = Meter()
    between.do(Splice(between.a, between.b, meter))
    poured = between.pour(between.client, sent)
    between.do(EndStream(between.b))
    carried = meter.read()[0]
    assert between.pour(between.client, octets(3_000_000, 2)) == 3_000_000
    between.client.shutdown(socket.SHUT_WR)
    between.until(StreamEnded(between.a))
    got = between.rest(between.far)
    assert got == sent[:carried]
    assert carried <= poured
    assert meter.read()[0] == carried


def test_a_pause_stops_the_copying(between: Between):
    """PauseStream holds one direction; after it nothing is missing. A pause from before the splice is over."""
    between.do(PauseStream(between.a), Splice(between.a, between.b))
    between.client.sendall(b"1")
    assert between.rest(between.far, 1) == b"1"
    between.do(PauseStream(between.a))
    between.client.sendall(b"2")
    between.far.sendall(b"3")
    assert between.rest(between.client, 1) == b"3"
    for _ in range(20):
        between.turn(0.001)
    with pytest.raises(BlockingIOError):
        between.far.recv(1)
    between.do(PauseStream(between.a, False))
    assert between.rest(between.far, 1) == b"2"


def test_octets_that_the_node_has_not_heard_of_go_across(between: Between):
    """What had arrived when the splice was ordered goes first, behind what the node itself has sent."""
    between.client.sendall(b"early ")
    between.do(SendStream(between.b, b"first "))
    while not between.network._arrivals:
        between.network._work(between.network.now + 1.0)
    meter = Meter()
    between.do(Splice(between.a, between.b, meter))
    between.client.sendall(b"late")
    assert between.rest(between.far, 16) == b"first early late"
    assert between.heard == []
    assert meter.read() == (10, 0)


def test_octets_that_are_under_way_come_before_what_the_node_sends(between: Between):
    """Unsplice while the far side is full: the pipe's octets, then the node's; later octets are the node's matter."""
    sent = octets(4_000_000)
    meter = Meter()
    between.do(Splice(between.a, between.b, meter))
    between.pour(between.client, sent)
    between.do(Unsplice(between.b))
    carried = meter.read()[0]
    between.do(SendStream(between.b, b"the node's"))
    got = between.rest(between.far, carried + 10)
    assert got == sent[:carried] + b"the node's"
    told = b"".join(heard.data for heard in between.heard if isinstance(heard, StreamData))
    assert told
    assert sent[carried:].startswith(told)


def test_a_full_queue_is_told_when_the_splice_ends():
    """Unsplice with more under way than the limit: StreamFull now, StreamWritable when it has drained."""
    with Between(Limits(send=1000)) as between:
        between.do(Splice(between.a, between.b))
        between.pour(between.client, octets(4_000_000))
        assert between.heard == []
        between.do(PauseStream(between.a), Unsplice(between.a))
        between.until(StreamFull(between.b))
        between.rest(between.far, 100_000)
        while StreamWritable(between.b) not in between.heard:
            between.rest(between.far, 1000)
        assert between.heard == [StreamFull(between.b), StreamWritable(between.b)]


def test_a_reset_is_told_behind_the_octets_before_it(between: Between):
    """RST of the near peer: what had arrived goes across, then StreamClosed; the far stream stays open."""
    between.do(Splice(between.a, between.b), PauseStream(between.a))
    between.client.sendall(b"last words")
    reset(between.client)
    between.do(PauseStream(between.a, False))
    between.until(StreamClosed(between.a, Failure.RESET))
    assert between.rest(between.far, 10) == b"last words"
    between.do(SendStream(between.b, b"goodbye"), EndStream(between.b))
    assert between.rest(between.far) == b"goodbye"
    between.far.sendall(b"heard")
    between.until(StreamData(between.b, b"heard"))


def test_a_reset_while_we_send_loses_nothing_that_came_before(between: Between):
    """The far peer resets while octets for it wait: its own last octets reach the other side, then it is told."""
    between.do(Splice(between.a, between.b), PauseStream(between.b))
    between.pour(between.client, octets(4_000_000))
    between.far.sendall(b"last words")
    reset(between.far)
    between.do(PauseStream(between.b, False))
    between.until(StreamClosed(between.b, Failure.RESET))
    assert between.rest(between.client, 10) == b"last words"
    assert between.heard[0] == StreamClosed(between.b, Failure.RESET)


def test_an_abort_ends_the_splice(between: Between):
    """AbortStream of one: its peer is reset, nothing is told, and the other is the node's again."""
    between.do(Splice(between.a, between.b))
    between.client.sendall(b"x" * 10)
    assert between.rest(between.far, 10) == b"x" * 10
    between.do(AbortStream(between.a))
    with pytest.raises(ConnectionResetError):
        between.rest(between.client)
    between.far.sendall(b"now yours")
    between.until(StreamData(between.b, b"now yours"))
    between.do(Unsplice(between.b), SendStream(between.b, b"mine"))
    assert between.rest(between.far, 4) == b"mine"


def test_urgent_octets_are_octets(between: Between):
    """TCP's urgent pointer neither stops a splice nor loses an octet (RFC 6093): splice(2) alone does not get past."""
    between.do(Splice(between.a, between.b))
    between.client.sendall(b"before")
    between.client.send(b"urgent", socket.MSG_OOB)
    between.client.sendall(b"after")
    assert between.rest(between.far, 17) == b"beforeurgentafter"


def test_orders_that_are_not_legal(between: Between):
    """With itself, twice, sending on it. For streams that are gone it is too late, which is no mistake."""
    with pytest.raises(LocalProtocolError, match="spliced with itself"):
        between.do(Splice(between.a, between.a))
    between.do(Splice(between.a, between.b))
    with pytest.raises(LocalProtocolError, match="spliced already"):
        between.do(Splice(between.b, between.a))
    with pytest.raises(LocalProtocolError, match="send while spliced"):
        between.do(SendStream(between.a, b"x"))
    gone = Stream(between.a.local, between.b.remote)
    between.do(Unsplice(gone), Unsplice(between.a), Unsplice(between.a), Splice(between.a, gone))
    between.client.sendall(b"to the node")
    between.until(StreamData(between.a, b"to the node"))


def test_one_direction_is_over_when_the_streams_are_joined(between: Between):
    """The near peer has ended and we have ended the far stream: the other direction is spliced all the same."""
    between.client.shutdown(socket.SHUT_WR)
    between.until(StreamEnded(between.a))
    between.do(EndStream(between.b), Splice(between.a, between.b))
    between.far.sendall(b"still here")
    between.far.shutdown(socket.SHUT_WR)
    assert between.rest(between.client, 10) == b"still here"
    between.until(StreamClosed(between.b))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("way", WAYS)
def test_any_order_of_things(way: str, seed: int):
    """Sends, reads, pauses, splices and their ends in random order: every octet arrives once, in order, is counted."""
    random = Random(seed)
    with Between(WAYS[way]) as between:
        Schedule(between, random).run()


class Schedule:
    """Random orders of things on one pair of streams, and what must come of them."""

    def __init__(self, between: Between, random: Random) -> None:
        self.between, self.random = between, random
        self.meter = Meter()
        self.spliced = False
        self.by_node = {between.a: 0, between.b: 0}
        self.others = {between.a: between.b, between.b: between.a}
        self.sides = [_Side(between.client, random.randbytes(random.randrange(2_000_000))),
                      _Side(between.far, random.randbytes(random.randrange(2_000_000)))]

    def run(self) -> None:
        verbs = [self.send] * 6 + [self.receive] * 5 + [self.turn] * 5 + [self.pause, self.join, self.join, self.part]
        for _ in range(400):
            self.random.choice(verbs)()
        for stream in self.others:
            self.between.do(PauseStream(stream, False))
        deadline = self.between.network.now + 20.0
        while not all(side.is_over for side in self.sides):
            assert self.between.network.now < deadline, self.between.heard
            for verb in (self.send, self.receive, self.turn):
                verb()
        one, other = self.sides
        assert one.got == other.sent
        assert other.got == one.sent
        assert self.meter.read() == (len(one.sent) - self.by_node[self.between.a],
                                     len(other.sent) - self.by_node[self.between.b])

    def send(self) -> None:
        self.random.choice(self.sides).send(self.random.randrange(1, 150_000))

    def receive(self) -> None:
        self.random.choice(self.sides).receive(self.random.randrange(1, 150_000))

    def turn(self) -> None:
        for happened in self.between.turn(0.001):
            match happened:
                case StreamData(stream, data):
                    assert not self.spliced
                    self.by_node[stream] += len(data)
                    self.between.do(SendStream(self.others[stream], data))
                case StreamEnded(stream):
                    self.between.do(EndStream(self.others[stream]))
                case StreamClosed(_, reason):
                    assert reason is None
                    self.spliced = False
                case _:
                    assert not (self.spliced and isinstance(happened, OF_OCTETS))

    def pause(self) -> None:
        self.between.do(PauseStream(self.random.choice(list(self.others)), self.random.random() < 0.5))

    def join(self) -> None:
        if not self.spliced and all(not side.is_over for side in self.sides):
            order = (self.between.a, self.between.b)
            self.between.do(Splice(*order, self.meter))
            self.spliced = True

    def part(self) -> None:
        self.between.do(Unsplice(self.random.choice(list(self.others))))
        self.spliced = False


class _Side:
    """A peer: what it has to send, and what it has got."""

    def __init__(self, peer: socket.socket, sent: bytes) -> None:
        self.peer, self.sent, self.got = peer, sent, bytearray()
        self._at, self._ended, self._heard_end = 0, False, False

    @property
    def is_over(self) -> bool:
        return self._ended and self._heard_end

    def send(self, most: int) -> None:
        if self._at < len(self.sent):
            try:
                self._at += self.peer.send(self.sent[self._at : self._at + most])
            except BlockingIOError:
                return
        if self._at == len(self.sent) and not self._ended:
            self.peer.shutdown(socket.SHUT_WR)
            self._ended = True

    def receive(self, most: int) -> None:
        if self._heard_end:
            return
        try:
            data = self.peer.recv(most)
        except BlockingIOError:
            return
        self._heard_end = not data
        self.got += data
