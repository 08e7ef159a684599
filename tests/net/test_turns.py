"""Who has a turn when many sockets have something to say: no kind keeps another one waiting."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from workbench.net.sockets import SocketNetwork, free_port
from workbench.net.sockets.loop import _DATAGRAMS_A_TURN
from workbench.net.values import (
    AcceptStream,
    BindDatagrams,
    DatagramReceived,
    Endpoint,
    Happening,
    Listen,
    Prefer,
    StreamData,
    StreamOffered,
    StreamOpened,
)

# Nobody else of this machine is there.
HOST = f"127.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250}.3"


@pytest.fixture
def network() -> Iterator[SocketNetwork]:
    made = SocketNetwork("node")
    yield made
    made.close()


def flooded(network: SocketNetwork, sockets: int, each: int) -> list[Endpoint]:
    """Endpoints at which so many datagrams wait."""
    made = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(sockets):
            # Bound at once: a port that is only free may be given twice.
            local = Endpoint(HOST, free_port(HOST))
            network.carry("node", BindDatagrams(local), 0.0)
            made.append(local)
            for number in range(each):
                sender.sendto(bytes([number]), (local.host, local.port))
    return made


def heard(network: SocketNetwork) -> Happening:
    """What the node is told of next."""
    while (arrival := network.wait(network.now + 10.0)) is None:
        pass
    return arrival.happened


def test_a_flood_of_datagrams_does_not_stop_streams(network: SocketNetwork):
    """Datagrams wait at a hundred endpoints, as in a flood; a stream is told of after a bounded number of them."""
    listening = Endpoint(HOST, free_port(HOST, stream=True))
    network.carry("node", Listen(listening), 0.0)
    with socket.create_connection((HOST, listening.port)) as peer:
        offered = heard(network)
        assert isinstance(offered, StreamOffered)
        network.carry("node", AcceptStream(offered.stream), 0.0)
        assert isinstance(heard(network), StreamOpened)
        flooded(network, 100, 10)
        peer.sendall(b"payload")
        before = 0
        while not isinstance(happened := heard(network), StreamData):
            assert isinstance(happened, DatagramReceived)
            before += 1
        assert before <= 2 * _DATAGRAMS_A_TURN


def test_all_endpoints_have_their_turn(network: SocketNetwork):
    """However many datagrams wait at each, every endpoint is told of, and none of them is forgotten."""
    endpoints = flooded(network, 50, 100)
    told = [heard(network).local for _ in range(50 * 100)]
    assert max(told.index(local) for local in endpoints) <= 50 * 64
    assert {told.count(local) for local in endpoints} == {100}


def test_what_is_preferred_does_not_wait_for_its_turn(network: SocketNetwork):
    """Control beside a flood: told of at the next look, whatever others have left of the turn."""
    control = Endpoint(HOST, free_port(HOST))
    network.carry("node", BindDatagrams(control), 0.0)
    network.carry("node", Prefer(control), 0.0)
    flooded(network, 100, 10)
    told: list[Endpoint] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        while control not in told:
            if len(told) == 10:
                sender.sendto(b"order", (control.host, control.port))
            told.append(heard(network).local)
    assert len(told) < 500
