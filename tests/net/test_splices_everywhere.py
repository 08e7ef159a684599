"""Splice on the virtual network and on this host's: of the same orders the node and both peers hear the same."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from workbench.net.interface import Foot, Host, Network, Plan, Wire
from workbench.net.sockets import SocketNetwork, free_port
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Command,
    Endpoint,
    EndStream,
    Happening,
    Listen,
    Meter,
    OpenStream,
    PauseStream,
    SendStream,
    Splice,
    Stream,
    StreamData,
    StreamFlushed,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
    Unsplice,
)
from workbench.net.virtual import VirtualNetwork

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 on loopback")

HOSTS = {"client": "127.0.0.1", "node": "127.0.0.2", "far": "127.0.0.3"}
PATIENCE = 10.0


class Places:
    """Three hosts' endpoints and streams, by name."""

    def __init__(self) -> None:
        end = {name: Endpoint(host, free_port(host, stream=True)) for name, host in HOSTS.items()}
        near = Endpoint(HOSTS["node"], free_port(HOSTS["node"], stream=True))
        self.near, self.far_end = near, end["far"]
        self.client, self.a = Stream(end["client"], near), Stream(near, end["client"])
        self.b, self.far = Stream(end["node"], end["far"]), Stream(end["far"], end["node"])


class Virtual:
    """The three hosts on the virtual network."""

    def __init__(self, places: Places) -> None:
        self.network: Network = VirtualNetwork(
            Plan(tuple(Host(name, (Foot("w", host),)) for name, host in HOSTS.items()), (Wire("w"),)), 1)
        self.heard: dict[str, list[Happening]] = {name: [] for name in HOSTS}
        self.now = 0.0

    def do(self, host: str, *commands: Command) -> None:
        for command in commands:
            self.network.carry(host, command, self.now)

    def settle(self) -> None:
        """Everything that happens within the next second."""
        until = self.now + 1.0
        while (arrival := self.network.wait(until)) is not None:
            self.now = arrival.time
            self.heard[arrival.node].append(arrival.happened)
        self.now = until

    def close(self) -> None:
        self.network.close()


class Real:
    """The three hosts on loopback."""

    def __init__(self, places: Places) -> None:
        self.networks = {name: SocketNetwork(name) for name in HOSTS}
        self.heard: dict[str, list[Happening]] = {name: [] for name in HOSTS}

    def do(self, host: str, *commands: Command) -> None:
        for command in commands:
            self.networks[host].carry(host, command, 0.0)

    def settle(self, expected: dict[str, list[Happening]]) -> None:
        """Until as much is heard as is expected."""
        deadline = time.monotonic() + PATIENCE
        while told(self.heard) != expected:
            assert time.monotonic() < deadline, (told(self.heard), expected)
            self._turn()
        self._turn()    # and nothing else

    def until(self, expected: dict[str, Happening]) -> None:
        """Until each host has heard this."""
        deadline = time.monotonic() + PATIENCE
        while any(happened not in self.heard[host] for host, happened in expected.items()):
            assert time.monotonic() < deadline, (self.heard, expected)
            self._turn()

    def _turn(self) -> None:
        for name, network in self.networks.items():
            while (arrival := network.wait(network.now + 0.002)) is not None:
                self.heard[name].append(arrival.happened)

    def close(self) -> None:
        for network in self.networks.values():
            network.close()


def told(heard: dict[str, list[Happening]]) -> dict[str, list[Happening]]:
    """What was heard, octets that follow each other put together. That a FIN was acknowledged no socket tells."""
    found: dict[str, list[Happening]] = {}
    for host, happenings in heard.items():
        found[host] = []
        for happened in happenings:
            last = found[host][-1] if found[host] else None
            if isinstance(happened, StreamData) and isinstance(last, StreamData) and last.stream == happened.stream:
                found[host][-1] = StreamData(last.stream, last.data + happened.data)
            elif not isinstance(happened, StreamFlushed):
                found[host].append(happened)
    return found


@contextmanager
def both(places: Places) -> Iterator[tuple[Virtual, Real]]:
    virtual, real = Virtual(places), Real(places)
    try:
        yield virtual, real
    finally:
        virtual.close()
        real.close()


def play(places: Places, steps: list[list[tuple[str, Command]]]) -> tuple[dict[str, list[Happening]], list[Meter]]:
    """The steps on both networks; what was heard after each is the same. Gives that, and the meters of both."""
    p = places
    opening: list[tuple[list[tuple[str, Command]], dict[str, Happening]]] = [
        ([("node", Listen(p.near)), ("far", Listen(p.far_end)), ("client", OpenStream(p.client))],
         {"node": StreamOffered(p.a)}),
        ([("node", AcceptStream(p.a)), ("node", OpenStream(p.b))], {"far": StreamOffered(p.far)}),
        ([("far", AcceptStream(p.far))],
         {"client": StreamOpened(p.client), "node": StreamOpened(p.b), "far": StreamOpened(p.far)})]
    meters = [Meter(), Meter()]
    with both(places) as (virtual, real):
        for step, expected in opening:      # how offers and openings interleave is each network's own
            for host, command in step:
                virtual.do(host, command)
                real.do(host, command)
            virtual.settle()
            real.until(expected)
        for heard in (virtual.heard, real.heard):
            assert StreamOpened(p.a) in heard["node"]
            for host in heard:
                heard[host].clear()
        for step in steps:
            for host, command in step:
                virtual.do(host, metered(command, meters[0]))
                real.do(host, metered(command, meters[1]))
            virtual.settle()
            real.settle(told(virtual.heard))
        return told(real.heard), meters


def metered(command: Command, meter: Meter) -> Command:
    return Splice(command.a, command.b, meter) if isinstance(command, Splice) else command


@pytest.fixture
def places() -> Places:
    return Places()


BIG = bytes(range(256)) * 400


def scripts(p: Places) -> dict[str, list[list[tuple[str, Command]]]]:
    """What is done, by what it is about."""
    join = [("node", Splice(p.a, p.b))]
    return {
        "octets and half-closes": [
            join, [("client", SendStream(p.client, BIG)), ("far", SendStream(p.far, b"hello"))],
            [("client", EndStream(p.client))], [("node", EndStream(p.b))], [("far", SendStream(p.far, BIG))],
            [("far", EndStream(p.far))], [("node", EndStream(p.a))]],
        "a reset by the client": [
            join, [("client", SendStream(p.client, b"last words"))], [("client", AbortStream(p.client))],
            [("far", SendStream(p.far, b"to the node"))], [("node", SendStream(p.b, b"from the node"))],
            [("node", EndStream(p.b)), ("far", EndStream(p.far))]],
        "a reset by the far end": [
            join, [("far", SendStream(p.far, b"last words"))], [("far", AbortStream(p.far))],
            [("client", SendStream(p.client, b"to the node"))], [("node", AbortStream(p.a))]],
        "an abort by the node": [
            join, [("client", SendStream(p.client, BIG))], [("node", AbortStream(p.a))],
            [("far", SendStream(p.far, b"to the node"))], [("node", Unsplice(p.b)), ("node", AbortStream(p.b))]],
        "an end to the splice": [
            join, [("client", SendStream(p.client, b"spliced"))],
            [("node", Unsplice(p.b)), ("node", SendStream(p.b, b" sent")), ("node", SendStream(p.a, b"too"))],
            [("client", SendStream(p.client, b"for the node")), ("far", SendStream(p.far, b"and this"))],
            join, [("client", SendStream(p.client, b" spliced again"))]],
        "pauses": [
            [("node", PauseStream(p.a))], [("client", SendStream(p.client, b"held "))], join,
            [("node", PauseStream(p.a))],
            [("client", SendStream(p.client, b"and held again")), ("client", EndStream(p.client))],
            [("far", SendStream(p.far, b"goes on"))], [("node", PauseStream(p.a, False))]],
        "an end that the node orders": [
            join, [("client", SendStream(p.client, b"in time"))], [("node", EndStream(p.b))],
            [("client", SendStream(p.client, b"too late"))], [("client", EndStream(p.client))],
            [("far", SendStream(p.far, b"goes on"))], [("far", EndStream(p.far))], [("node", EndStream(p.a))]],
        "one direction was over before": [
            [("far", EndStream(p.far))], [("node", EndStream(p.a))], join,
            [("client", SendStream(p.client, BIG))], [("client", EndStream(p.client))], [("node", EndStream(p.b))]],
        "too late": [
            [("client", AbortStream(p.client))], join, [("far", SendStream(p.far, b"for the node"))]],
    }


@pytest.mark.parametrize("about", scripts(Places()) if sys.platform == "linux" else [])
def test_both_networks_tell_the_same(places: Places, about: str):
    """Step by step: the node and both peers hear the same in the same order, and the meters agree."""
    heard, meters = play(places, scripts(places)[about])
    assert not [each for each in heard["node"] if isinstance(each, StreamFull | StreamWritable)]
    assert meters[0].read() == meters[1].read()
    assert any(heard.values())
