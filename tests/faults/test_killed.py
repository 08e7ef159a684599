"""A gateway or its controller is killed under load and started again: what is gone, what goes on, what is cleaned."""

from __future__ import annotations

import threading
from pathlib import Path

import load
import pytest
from programs import missing

from workbench.lab.alone import Alone
from workbench.net.sockets import SocketNetwork
from workbench.nodes.controller.core import Controller
from workbench.nodes.controller.elements import ConnectionPoint
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.supervision import Changed, Meaning

MEGABYTE = 1_000_000
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def linux() -> None:
    if not Path("/proc/net/tcp").exists():
        missing("/proc/net/tcp", "Linux shows there which sockets are left")


def carrying(streams: load.Streams, octets: int) -> bool:
    """Whether so many octets more come through; all that come are compared."""
    before = streams.arrived()
    return streams.run(lambda: streams.arrived() >= before + octets, PATIENCE)


def test_a_gateway_is_killed_and_started_again():
    """Peers hear of it at once, the new process registers with Restart and has no contexts, new calls work."""
    with load.agw() as agw, load.Streams(agw.host, load.Client()) as streams:
        contexts = [one for kind in (load.Kind.TLS, load.Kind.PLAIN)
                    for one in agw.controller.set_up(20, kind, core=streams.core, client=streams.client)]
        streams.open(contexts, octets=None)
        assert streams.run(streams.joined, PATIENCE) and carrying(streams, 20 * MEGABYTE) and not streams.troubles()
        streams.ending = True
        agw.kill()
        assert streams.run(streams.over, PATIENCE)
        assert all("is wrong" not in trouble for trouble in streams.troubles())
        streams.close()
        assert load.left_at(agw.host, but=agw.controller_at.port) == []

        agw.controller.registered.clear()
        agw.start()
        agw.wait_registered()
        assert agw.controller.methods == ["Restart", "Restart"]
        assert agw.controller.audit() == {}
        with load.Streams(agw.host, streams.client) as again:
            again.open(agw.controller.set_up(20, load.Kind.TLS, core=again.core, client=again.client), octets=MEGABYTE)
            assert again.run(again.done, PATIENCE) and not again.troubles()
        assert agw.stop() == 0
    assert load.left_at(agw.host) == []


class Node:
    """A node alone in this process, in a thread of its own."""

    def __init__(self, node) -> None:
        self._network = SocketNetwork(node.name)
        self._alone = Alone(node, self._network)
        self._thread = threading.Thread(target=self._alone.run, args=(lambda: self._network.now,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._alone.stop()
        self._network.interrupt()
        self._thread.join(PATIENCE)
        self._network.close()


def test_the_controller_knows_what_a_killed_gateway_has_lost(tmp_path: Path):
    """Our controller hears Restart of the new process: contexts of before are off its books, new ones are given."""
    agw = load.Agw(tmp_path, load.own_address())
    meanings: list[Meaning] = []
    given: list[int] = []
    reserved = threading.Semaphore(0)
    point = ConnectionPoint("access", "access.example.net", "message", "TCP", setup="passive")

    def begin(engine):
        for _ in range(5):
            given.append((yield from engine.reserve(h248.CHOOSE, point)).context)
        reserved.release()

    controller = Controller(
        "mgc", control=agw.controller_at, gateway=agw.control, begin=begin, coding="compact",
        hear=lambda event: meanings.append(event.meaning) if isinstance(event, Changed) else None)
    node = Node(controller)
    try:
        agw.start()
        assert reserved.acquire(timeout=PATIENCE)
        agw.kill()
        agw.start()
        assert reserved.acquire(timeout=PATIENCE)
        assert meanings == [Meaning.BEGUN, Meaning.BEGUN]
        assert len(given) == 10 and len(controller.engine.association.book) == len(set(given[5:])) == 5
    finally:
        agw.kill()
        node.close()


def alg_settings(agw: load.Agw) -> dict[str, object]:
    return {"control": str(agw.controller_at), "gateway": str(agw.control), "coding": "compact",
            "access": f"{agw.host}:5060", "core": f"{agw.host}:5080"}


def test_a_controller_is_killed_and_another_cleans_up(tmp_path: Path):
    """Media goes on without a controller. The next one, an IMS-ALG without calls, asks whether the gateway obeys it
    already, audits its contexts and subtracts them all."""
    host = load.own_address()
    agw = load.Agw(tmp_path, host)
    alg = load.Process("alg", tmp_path, alg_settings(agw))
    with load.Streams(host, load.Client()) as streams:
        with load.ordering(agw.controller_at, agw.control, 20, load.Kind.TLS, streams.core) as first:
            agw.start()
            streams.open(load.contexts_of(first), octets=None)
            assert streams.run(streams.joined, PATIENCE) and not streams.troubles()
        # Its controller is dead now.
        assert carrying(streams, 20 * MEGABYTE) and not streams.troubles()
        try:
            streams.ending = True
            alg.start()
            assert streams.run(streams.over, PATIENCE), alg.said()
            assert alg.said(100_000).count("belongs to no call") == 20
            assert all("is wrong" not in trouble for trouble in streams.troubles())
            assert alg.stop() == agw.stop() == 0
        finally:
            alg.kill()
            agw.kill()
    assert load.left_at(host) == []


