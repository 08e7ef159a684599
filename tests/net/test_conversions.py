"""Convert on this host's network: datagrams of two endpoints are changed and passed on, and what else comes is told."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from workbench.net.sockets import SocketNetwork, conversions, free_port
from workbench.net.values import (
    BindDatagrams,
    Command,
    Convert,
    DatagramReceived,
    Endpoint,
    Meter,
    SendDatagram,
    Stream,
    UnbindDatagrams,
    Unconvert,
)

HOST = "127.0.0.1"


def shifted(data: bytes) -> bytes | None:
    """Each octet one more and a zero in front; what begins with 255 can't be changed."""
    return None if data[:1] == b"\xff" else b"\0" + bytes(octet + 1 & 255 for octet in data)


def back(data: bytes) -> bytes | None:
    """The other way."""
    return bytes(octet - 1 & 255 for octet in data[1:]) if data[:1] == b"\0" else None


class Between:
    """A network with two endpoints, and a peer at each."""

    def __init__(self) -> None:
        self.network = SocketNetwork("node")
        self.a, self.b = Endpoint(HOST, free_port()), Endpoint(HOST, free_port())
        self.peers = {local: self._peer() for local in (self.a, self.b)}
        self.strangers = [self._peer()]
        self.meter = Meter()
        self.do(BindDatagrams(self.a), BindDatagrams(self.b))

    @property
    def order(self) -> Convert:
        return Convert(self.stream(self.a), self.stream(self.b), shifted, back, self.meter)

    def stream(self, local: Endpoint) -> Stream:
        return Stream(local, where(self.peers[local]))

    def do(self, *commands: Command) -> None:
        for command in commands:
            self.network.carry("node", command, self.network.now)

    def told(self, count: int = 1) -> list[bytes]:
        """What the node is told of: so many datagrams, and no more."""
        found: list[bytes] = []
        while len(found) < count:
            arrival = self.network.wait(self.network.now + 10)
            if arrival is not None:
                assert isinstance(arrival.happened, DatagramReceived)
                found.append(arrival.happened.data)
        assert self.network.wait(self.network.now) is None
        return found

    def passed(self, to: Endpoint, count: int = 1) -> list[bytes]:
        """What a peer hears: so many datagrams, nothing of them told to the node."""
        found: list[bytes] = []
        self.peers[to].setblocking(False)
        while len(found) < count:
            assert self.network.wait(self.network.now + 0.05) is None
            try:
                while True:
                    found.append(self.peers[to].recv(65_535))
            except BlockingIOError:
                pass
        return found

    def _peer(self) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((HOST, 0))
        made.settimeout(10)
        return made

    def close(self) -> None:
        self.network.close()
        for one in (*self.peers.values(), *self.strangers):
            one.close()


def where(peer: socket.socket) -> Endpoint:
    return Endpoint(*peer.getsockname())


@pytest.fixture
def between() -> Iterator[Between]:
    made = Between()
    yield made
    made.close()


def says(between: Between, at: Endpoint, data: bytes, peer: socket.socket | None = None) -> None:
    (peer or between.peers[at]).sendto(data, (at.host, at.port))


def test_datagrams_are_changed_and_pass_both_ways(between: Between):
    """The node hears of nothing, and octets of payload are counted without what the change adds."""
    between.do(between.order)
    says(between, between.a, b"\x01\x02")
    assert between.passed(between.b) == [b"\0\x02\x03"]
    says(between, between.b, b"\0abc")
    assert between.passed(between.a) == [b"`ab"]
    assert between.meter.read() == (2, 3)


def test_what_cant_be_changed_and_what_others_send_is_told(between: Between):
    """Only the peer's datagrams pass, and those of them that the change takes."""
    between.do(between.order)
    says(between, between.a, b"\xff first")
    assert between.told() == [b"\xff first"]
    says(between, between.a, b"a stranger's", between.strangers[0])
    assert between.told() == [b"a stranger's"]
    says(between, between.b, b"no zero")
    assert between.told() == [b"no zero"]
    assert between.meter.read() == (0, 0)


@pytest.mark.parametrize("bursts", [True, False])
def test_a_burst_arrives_datagram_by_datagram(between: Between, monkeypatch: pytest.MonkeyPatch, bursts: bool):
    """Many of one size, some of others among them: each arrives by itself and in order, however they were sent."""
    if not bursts:
        monkeypatch.setattr(conversions, "_cuts", lambda sock: False)
    between.do(between.order)
    said = [bytes([number]) * (40 if number % 25 else 7) for number in range(60)]
    for data in said:
        says(between, between.a, data)
    assert between.passed(between.b, len(said)) == [shifted(data) for data in said]
    assert between.meter.read() == (sum(map(len, said)), 0)


def test_a_burst_that_the_system_does_not_take_leaves_one_by_one(between: Between, monkeypatch: pytest.MonkeyPatch):
    """Such as one of datagrams that are longer than the MTU: nothing is lost, and it is not tried again."""
    monkeypatch.setattr(conversions, "_UDP_SEGMENT", 9_999)
    monkeypatch.setattr(conversions, "_cuts", lambda sock: True)
    between.do(between.order)
    for _ in range(2):
        for number in range(20):
            says(between, between.a, bytes([number]) * 30)
        assert between.passed(between.b, 20) == [shifted(bytes([number]) * 30) for number in range(20)]


def test_it_ends_by_order(between: Between):
    """By either side; an order for what has ended does nothing."""
    between.do(between.order, Unconvert(between.stream(between.b)), Unconvert(between.stream(between.a)))
    says(between, between.a, b"x")
    assert between.told() == [b"x"]


def test_it_ends_with_either_endpoint(between: Between):
    """What comes at the other one is told again; the endpoint can be bound and joined anew."""
    between.do(between.order, UnbindDatagrams(between.b))
    says(between, between.a, b"x")
    assert between.told() == [b"x"]
    between.do(between.order)                       # too late: b is not bound
    says(between, between.a, b"y")
    assert between.told() == [b"y"]
    between.do(BindDatagrams(between.b), between.order)
    says(between, between.a, b"z")
    assert between.passed(between.b) == [b"\0{"]


def test_one_that_is_joined_is_not_joined_again(between: Between):
    """The first order stands."""
    between.do(between.order, Convert(between.stream(between.b), between.stream(between.a), bytes, bytes))
    says(between, between.a, b"a")
    assert between.passed(between.b) == [b"\0b"]


def test_a_name_is_never_looked_up(between: Between):
    """Remote may be anything that a controller writes: what is no address joins nothing."""
    between.do(Convert(Stream(between.a, Endpoint("localhost", 9)), between.stream(between.b), bytes, bytes))
    says(between, between.b, b"q")
    assert between.told() == [b"q"]


def test_the_node_may_send_all_the_same(between: Between):
    """A last datagram of the node's own leaves a joined endpoint as ever."""
    between.do(between.order, SendDatagram(between.a, where(between.peers[between.a]), b"close_notify"))
    assert between.passed(between.a) == [b"close_notify"]


def test_a_flood_at_others_does_not_stop_those_that_are_joined(between: Between):
    """A hundred endpoints with ten datagrams each: what is joined has its turn every time, and all of them are told."""
    between.do(between.order)
    others = []
    for _ in range(100):
        others.append(local := Endpoint(HOST, free_port()))
        between.do(BindDatagrams(local))
        for number in range(10):
            says(between, local, bytes([number]), between.strangers[0])
    for _ in range(30):
        says(between, between.a, b"x")
    between.peers[between.b].setblocking(False)
    told, ahead, came = [], 0, 0
    while len(told) < 1000:
        arrival = between.network.wait(between.network.now + 10)
        if arrival is not None:
            told.append(arrival.happened.local)
        while came < 30:
            try:
                between.peers[between.b].recv(10)
            except BlockingIOError:
                break
            came, ahead = came + 1, len(told)
    assert came == 30
    assert ahead <= 150
    assert {local: told.count(local) for local in others} == dict.fromkeys(others, 10)
    assert len(set(told[:700])) > 60, "each of them has its turn"
