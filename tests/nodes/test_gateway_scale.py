"""Many contexts: an order costs the same beside few and beside many, and a context stays small.

The figures for 50,000 contexts are those of `benchmarks/gateway_memory.py`; here stands what needs no clock.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from types import FrameType

from agw_stage import EVENTS, MG, MGC, PEER, UE, UE_PRINT, A, C, Stage, gateway, local, plain, remote, stream

from workbench.net.values import (
    DatagramReceived,
    Endpoint,
    SendDatagram,
    Splice,
    Started,
    Stream,
    StreamClosed,
    StreamOffered,
    StreamOpened,
    Woke,
)
from workbench.nodes.gateway.settings import Limits

ACCESS_ADD = stream(
    local("TCP/TLS", "passive", "a=fingerprint:SHA-256 $"),
    remote("TCP/TLS", "active", UE, f"a=fingerprint:{UE_PRINT}"), realm=A)
CORE_ADD = stream(local("TCP", "active"), remote("TCP", "passive", PEER), realm=C)
HALF = 0.005


class Calls:
    """A gateway and calls on it: two Adds in one order, as on Iq; every one a hundredth of a second later."""

    def __init__(self) -> None:
        self.now = 0.0
        self.number = 0
        self.gateway = gateway(limits=Limits(contexts=5_000), ports=(10_000, 60_000), port_step=1)
        self.gateway.handle(Started(), 0.0)
        self._say("Reply = 1 { Context = - { ServiceChange = ROOT { Services { Version = 2 } } } }")

    def _say(self, body: str) -> None:
        octets = f"MEGACO/2 [192.0.2.10]:2944\n{body}".encode()
        commands = self.gateway.handle(DatagramReceived(MG, MGC, octets), self.now)
        assert not any(b"Error" in one.data for one in commands if isinstance(one, SendDatagram))
        self.gateway.next_wakeup()

    def order(self, actions: str) -> None:
        self.number += 1
        self._say(f"Transaction = {self.number} {{ {actions} }}")
        self.now += 2 * HALF

    def call(self) -> int:
        self.order(f"Context = $ {{ Add = ip/1/access/$ {{ {ACCESS_ADD}, {EVENTS.format(2 * self.number)} }}, "
                   f"Add = ip/1/core/$ {{ {CORE_ADD}, {EVENTS.format(2 * self.number + 1)} }} }}")
        return self.number

    def cycle(self) -> None:
        """A call set up, changed and released, and a wakeup."""
        self.call()
        number = self.gateway._control.contexts._last_context
        self.order(f"Context = {number} {{ Modify = * {{ {stream(mode='Inactive')} }} }}")
        self.order(f"Context = {number} {{ W-Subtract = * {{ Audit {{ }} }} }}")
        self.gateway.handle(Woke(), self.now)


def work(calls: Calls) -> int:
    """How many steps of Python's own machine a cycle takes."""
    count = 0

    def seen(frame: FrameType, what: str, argument: object) -> object:
        nonlocal count
        frame.f_trace_opcodes = True
        count += what == "opcode"
        return seen

    sys.settrace(seen)
    try:
        calls.cycle()
    finally:
        sys.settrace(None)
    return count


def test_an_order_costs_the_same_beside_many_contexts():
    """Nothing that an order or a wakeup does goes through all contexts, terminations, ports or connections."""
    few, many = Calls(), Calls()
    for _ in range(500):
        many.call()
    for calls in (few, many):
        for _ in range(3):
            calls.cycle()
    assert work(many) < 1.05 * work(few) + 200


def test_a_context_is_small():
    """Two terminations with SDP both ways, events and properties take less than 4 kB."""
    calls = Calls()
    for _ in range(50):
        calls.call()
    calls.now += 40.0
    calls.cycle()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(600):
            calls.call()
        calls.now += 40.0  # replies are not kept any longer
        calls.cycle()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown / 600 < 4_096


def test_released_calls_leave_nothing_behind():
    """Three hundred calls that came and went: no context, termination, port, bearer or timer of theirs is held."""
    calls = Calls()
    for _ in range(300):
        calls.cycle()
    control = calls.gateway._control
    assert (len(control.contexts), len(control.bearers), len(control.leaving)) == (0, 0, 0)
    assert not list(control.contexts.terminations())
    assert len(calls.gateway._out.agenda._heap) < 200
    assert not any(state & 1 for pool in control._addresses._by_host.values() for state in pool._state)


def test_a_connection_that_is_carried_below_adds_little():
    """Two spliced connections of a call take less than 2 kB; when they are over, half of that is given back."""
    stage = Stage(splices=True, limits=Limits(contexts=5_000))
    calls = [plain(stage) for _ in range(650)]

    def connects(number: int) -> list[Stream]:
        access, core = calls[number]
        streams = [Stream(access, Endpoint(UE.host, 10_000 + number)), Stream(core, PEER)]
        stage.sees(StreamOffered(streams[0])).take()
        for one in streams:
            stage.sees(StreamOpened(one))
        assert isinstance(stage.take()[0], Splice)
        stage.all.clear()
        return streams

    for number in range(50):
        connects(number)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        streams = [connects(number) for number in range(50, 650)]
        gc.collect()
        assert (tracemalloc.get_traced_memory()[0] - before) / 600 < 2_048
        for one in (one for pair in streams for one in pair):
            stage.sees(StreamClosed(one)).take()
            stage.all.clear()
        stage.later(120.0)
        gc.collect()
        assert (tracemalloc.get_traced_memory()[0] - before) / 600 < 1_024
    finally:
        tracemalloc.stop()
