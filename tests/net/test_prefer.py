"""Prefer: what arrives at one endpoint is told before what waits elsewhere, by the order of arrivals."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from workbench.net.arrivals import Arrivals
from workbench.net.interface import Arrival
from workbench.net.sockets import SocketNetwork, free_port, loop
from workbench.net.values import (
    AcceptStream,
    BindDatagrams,
    DatagramReceived,
    Endpoint,
    Happening,
    Listen,
    Prefer,
    Stream,
    StreamData,
    StreamOffered,
    StreamOpened,
    UnbindDatagrams,
)

HOST = "127.0.0.1"


class Node:
    """Two bound endpoints, media and control, and a peer that sends to both."""

    def __init__(self) -> None:
        self.network = SocketNetwork("node")
        self.media, self.control = Endpoint(HOST, free_port()), Endpoint(HOST, free_port())
        for local in (self.media, self.control):
            self.network.carry("node", BindDatagrams(local), 0.0)
        self.peer = socket.socket(type=socket.SOCK_DGRAM)
        self.peer.bind((HOST, 0))

    def send(self, to: Endpoint, *data: bytes) -> None:
        for each in data:
            self.peer.sendto(each, (to.host, to.port))

    def hear(self, number: int) -> list[Happening]:
        found: list[Happening] = []
        until = self.network.now + 10.0
        while len(found) < number and self.network.now < until:
            arrival = self.network.wait(self.network.now + 0.1)
            found += [] if arrival is None else [arrival.happened]
        return found

    def places(self, number: int) -> list[str]:
        return ["control" if heard.local == self.control else "media" for heard in self.hear(number)
                if isinstance(heard, DatagramReceived)]


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    monkeypatch.setattr(loop, "_LOOK_EVERY", 0.0)      # at every wait, whatever the clock says
    made = Node()
    yield made
    made.network.close()
    made.peer.close()


def test_control_comes_before_media_that_was_there_first(node: Node):
    """Without Prefer the order is that of arrival; with it control comes first."""
    node.send(node.media, b"1", b"2")
    node.send(node.control, b"order")
    assert node.places(3) == ["media", "media", "control"]
    node.network.carry("node", Prefer(node.control), 0.0)
    node.send(node.media, b"1", b"2")
    node.send(node.control, b"order")
    assert node.places(3) == ["control", "media", "media"]


def test_control_is_looked_for_while_media_is_handed_out(node: Node):
    """What a turn has brought is not handed out to its end before control is heard."""
    node.network.carry("node", Prefer(node.control), 0.0)
    node.send(node.media, *[b"media"] * 40)
    assert node.places(3) == ["media"] * 3
    node.send(node.control, b"order")
    assert node.places(2) == ["control", "media"]


def test_the_clock_says_when_it_is_looked_for(node: Node, monkeypatch: pytest.MonkeyPatch):
    """Between two looks lies other work of some time, so that looking costs little."""
    monkeypatch.setattr(loop, "_LOOK_EVERY", 3600.0)
    node.network.carry("node", Prefer(node.control), 0.0)
    node.hear(0)
    node.network.wait(0.0)
    node.send(node.media, *[b"media"] * 3)
    node.hear(1)
    node.send(node.control, b"order")
    assert node.places(3) == ["media", "media", "control"]


def test_a_flood_of_control_does_not_keep_media_away(node: Node):
    """A peer that always has one more order: media is heard all the same."""
    node.network.carry("node", Prefer(node.control), 0.0)
    node.send(node.media, b"media")
    node.send(node.control, *[b"order"] * 100)
    heard: list[str] = []
    while heard[-1:] != ["media"] and len(heard) < 1000:
        heard += node.places(1)
        node.send(node.control, b"another")
    assert 1 < len(heard) < 1000


def test_what_waits_already_and_what_is_bound_later_count_too(node: Node):
    """Prefer after media has arrived, and a preferred endpoint that is bound again."""
    node.network.carry("node", UnbindDatagrams(node.control), 0.0)
    node.network.carry("node", Prefer(node.control), 0.0)
    node.network.carry("node", BindDatagrams(node.control), 0.0)
    node.send(node.media, b"1")
    node.send(node.control, b"order")
    assert node.places(2) == ["control", "media"]


def test_streams_are_preferred_by_their_local_endpoint(node: Node):
    """A listener and its streams: offered, and its octets told, before datagrams that were there first."""
    local = Endpoint(HOST, free_port(stream=True))
    node.network.carry("node", Listen(local), 0.0)
    node.network.carry("node", Prefer(local), 0.0)
    with socket.create_connection((HOST, local.port)) as peer:
        stream = Stream(local, Endpoint(*peer.getsockname()))
        assert node.hear(1) == [StreamOffered(stream)]
        node.network.carry("node", AcceptStream(stream), 0.0)
        assert node.hear(1) == [StreamOpened(stream)]
        node.send(node.media, b"media")
        peer.sendall(b"order")
        assert node.hear(1) == [StreamData(stream, b"order")]
        assert node.places(1) == ["media"]


def test_arrivals_keep_their_order_within_each_queue():
    """First all of the preferred endpoint in order, then the others in order; another node's are not meant."""
    control, media = Endpoint(HOST, 1), Endpoint(HOST, 2)
    arrivals = Arrivals()
    heard = [Arrival(node, DatagramReceived(local, media, data), 0.0) for node, local, data in (
        ("a", media, b"1"), ("a", control, b"2"), ("b", control, b"3"), ("a", media, b"4"), ("a", control, b"5"))]
    for arrival in heard[:3]:
        arrivals.add(arrival)
    arrivals.prefer("a", control)
    for arrival in heard[3:]:
        arrivals.add(arrival)
    assert len(arrivals) == 5
    assert [arrivals.take() for _ in range(6)] == [heard[1], heard[4], heard[0], heard[2], heard[3], None]
