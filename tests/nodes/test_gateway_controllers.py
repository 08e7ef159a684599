"""One gateway and three controllers on the virtual network: UDP that loses 20 %, and TCP."""

from __future__ import annotations

import pytest
from agw_stage import AGW_IDENTITY

from workbench.net.interface import Foot, Host, Plan, Wire
from workbench.net.values import AbortStream, Asked, Endpoint, Failure, Started, Stream, StreamClosed, Woke
from workbench.net.virtual import VirtualNetwork
from workbench.nodes.controller.association import Said
from workbench.nodes.controller.core import Controller
from workbench.nodes.controller.elements import ConnectionPoint
from workbench.nodes.controller.readings import Reserved
from workbench.nodes.ims_agw import ImsAgw
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.supervision import Meaning
from workbench.security.source import Source

AGW = Endpoint("192.0.2.20", 2944)
ALGS = [Endpoint(f"192.0.2.1{number}", 2944) for number in range(3)]
EACH = [(transport, coding) for transport in ("udp", "tcp") for coding in ("compact", "binary")]


class Site:
    """The gateway, its controllers, and the loop between them. A controller that is dead hears and does nothing."""

    def __init__(self, transport, coding, loss=0.2):
        hosts = [Host("AGW", (Foot("Iq", AGW.host),))]
        hosts += [Host(f"ALG{n}", (Foot("Iq", alg.host),)) for n, alg in enumerate(ALGS)]
        wire = Wire("Iq", loss=loss if transport == "udp" else 0.02, duplicate=0.1, jitter=0.05)
        self.net = VirtualNetwork(Plan(tuple(hosts), (wire,)), seed=7)
        self.coding = coding
        self.told = {f"ALG{n}": [] for n in range(3)}
        self.dead = set()
        self.now = 0.0
        self.nodes = {f"ALG{n}": Controller(
            f"ALG{n}", control=alg, coding=coding, transport=transport, supervision=20.0,
            hear=self.told[f"ALG{n}"].append) for n, alg in enumerate(ALGS)}
        self.nodes["AGW"] = ImsAgw(
            "AGW", control=AGW, controller=ALGS[:2], coding=coding, transport=transport, source=Source(3, "agw"),
            identity=AGW_IDENTITY, addresses={"access.example.net": AGW.host})
        for name, node in self.nodes.items():
            self._carry(name, node.handle(Started(), 0.0))

    def _carry(self, name, commands):
        for command in commands:
            if name not in self.dead:
                self.net.carry(name, command, self.now)

    def asks(self, name, order):
        self._carry(name, self.nodes[name].handle(Asked(order), self.now))

    def until(self, done, seconds=150.0):
        limit = self.now + seconds
        while not done():
            wakeups = {name: at for name, node in self.nodes.items()
                       if name not in self.dead and (at := node.next_wakeup()) is not None}
            name = min(wakeups, key=wakeups.get, default=None)
            deadline = limit if name is None else max(min(limit, wakeups[name]), self.now)
            arrival = self.net.wait(deadline)
            if arrival is not None:
                self.now = arrival.time
                if arrival.node not in self.dead:
                    self._carry(arrival.node, self.nodes[arrival.node].handle(arrival.happened, self.now))
                continue
            self.now = deadline
            assert deadline < limit, "it never happens"
            self._carry(name, self.nodes[name].handle(Woke(), self.now))
        return self

    def meanings(self, name):
        return [event.meaning for event in self.told[name] if not isinstance(event, Said)]

    def comes(self, name, meaning):
        """Wait until the gateway comes to this controller in this way, which then knows its contexts."""
        return self.until(lambda: self.meanings(name)[-1:] == [meaning])

    def reserves(self, name):
        """A context is made by this controller."""
        point = ConnectionPoint(
            "" if self.coding == "binary" else "access", "access.example.net", "message", "TCP", setup="passive",
            watch_tcp=self.coding != "binary")

        given = []

        def procedure(engine):
            given.append((yield from engine.reserve(h248.CHOOSE, point)))

        self.asks(name, procedure)
        self.until(lambda: bool(given))
        assert isinstance(given[0], Reserved), given
        return self

    def contexts(self, name):
        return len(self.nodes[name].engine.association.book)


@pytest.mark.parametrize(("transport", "coding"), EACH)
def test_a_gateway_goes_through_many_hands(transport, coding):
    """Registration, failover when the controller dies, handoff to a third one, and back after a loss: contexts stay."""
    site = Site(transport, coding).comes("ALG0", Meaning.BEGUN).reserves("ALG0").reserves("ALG0")
    assert site.contexts("ALG0") == 2

    site.dead.add("ALG0")
    if transport == "tcp":
        site.net.carry("ALG0", AbortStream(Stream(ALGS[0], AGW)), site.now)
    else:  # the gateway has no reason to speak; somebody there finds out
        site._carry("AGW", site.nodes["AGW"].control_lost("no answer", site.now))
    site.comes("ALG1", Meaning.TAKEN_OVER).until(lambda: site.contexts("ALG1") == 2)

    site.asks("ALG1", lambda engine: (command for command in engine.hand_off(f"[{ALGS[2].host}]:2944")))
    site.comes("ALG2", Meaning.TAKEN_OVER).until(lambda: site.contexts("ALG2") == 2)
    site.until(lambda: site.meanings("ALG1")[-1] is Meaning.HANDED_OFF)

    if transport == "tcp":
        site.net.carry("AGW", AbortStream(Stream(AGW, ALGS[2])), site.now)
        site._carry("AGW", site.nodes["AGW"].handle(StreamClosed(Stream(AGW, ALGS[2]), Failure.RESET), site.now))
        site.comes("ALG2", Meaning.BACK)
    site.reserves("ALG2").asks("ALG2", lambda engine: engine.release(1))
    site.until(lambda: site.contexts("ALG2") == 2)
    site._carry("AGW", site.nodes["AGW"].leave(site.now, 10))
    site.comes("ALG2", Meaning.LEAVING).comes("ALG2", Meaning.LEFT)
