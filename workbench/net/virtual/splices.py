"""Streams of one host that are joined: octets go from one to the other without the node."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from workbench.errors import LocalProtocolError
from workbench.net.values import (
    Command,
    EndStream,
    Meter,
    PauseStream,
    SendStream,
    Splice,
    Stream,
    StreamData,
    StreamFull,
    StreamWritable,
)
from workbench.net.virtual.states import State
from workbench.net.virtual.tcp import Event, TcpMachine

_NOT_OPEN = frozenset((State.LISTEN, State.SYN_SENT, State.SYN_RECEIVED))

# Takes what a machine says.
Did = Callable[[TcpMachine, list[Event], float], None]


class _Half(msgspec.Struct, eq=False):
    """One direction: from `near` to `far`. `held`: the node paused it; `blocked`: `far` takes no more for now."""

    near: TcpMachine
    far: TcpMachine
    count: Callable[[int], None]
    held: bool = False
    blocked: bool = False


class Splices:
    """The splices of one host.

    Args:
        streams: its connections.
        did: takes what a machine says.
        limit: octets in a send queue above which nothing more is taken for it.
    """

    def __init__(self, streams: Mapping[Stream, TcpMachine], did: Did, limit: int) -> None:
        self._streams = streams
        self._did = did
        self._limit = limit
        self._halves: dict[Stream, _Half] = {}

    def __bool__(self) -> bool:
        return bool(self._halves)

    def join(self, splice: Splice, untold: tuple[bytes, bytes], now: float) -> None:
        """Join two streams; `untold` are the octets of each that its node has not been told of."""
        self._check(splice)
        meter = splice.meter or Meter()
        a, b = (self._open(stream) for stream in (splice.a, splice.b))
        forth, back = (lambda octets: meter.count(forth=octets)), (lambda octets: meter.count(back=octets))
        if b is not None:
            self._carry(b, untold[0], forth, now)
        if a is not None:
            self._carry(a, untold[1], back, now)
        if a is not None and b is not None:
            halves = self._halves[splice.a], self._halves[splice.b] = _Half(a, b, forth), _Half(b, a, back)
            for half in halves:
                half.blocked = half.far.queued > self._limit
                self._settle(half, now)

    def part(self, stream: Stream, now: float) -> list[StreamFull]:
        """End a splice, if there is one; which queues are full."""
        half = self._halves.pop(stream, None)
        if half is None:
            return []
        for each in (half, self._halves.pop(half.far.stream)):
            each.blocked = False
            self._settle(each, now)
        return [*half.near.tell_if_full(), *half.far.tell_if_full()]

    def takes(self, command: Command, now: float) -> bool:
        """Whether an order for a stream is a matter of its splice, and not of the stream itself."""
        match command:
            case SendStream(stream) if stream in self._halves:
                raise LocalProtocolError(f"send while spliced: {stream}")
            case PauseStream(stream, paused) if stream in self._halves:
                self._halves[stream].held = paused
                self._settle(self._halves[stream], now)
                return True
            case EndStream(stream) if stream in self._halves:
                self._unblock(self._halves[stream].far.stream, now)
        return False

    def hears(self, stream: Stream, event: Event, now: float) -> bool:
        """Whether what a stream says is a matter of its splice, and not of the node."""
        half = self._halves.get(stream)
        match event:
            case StreamData(_, data) if half is not None:
                self._carry(half.far, data, half.count, now)
                half.blocked = half.far.sends and half.far.queued > self._limit
                self._settle(half, now)
            case StreamWritable() if half is not None:
                self._unblock(half.far.stream, now)
            case StreamFull() if half is not None:
                pass
            case _:
                return False
        return True

    def _check(self, splice: Splice) -> None:
        if splice.a == splice.b:
            raise LocalProtocolError(f"spliced with itself: {splice.a}")
        for stream in (splice.a, splice.b):
            machine = self._streams.get(stream)
            if stream in self._halves:
                raise LocalProtocolError(f"spliced already: {stream}")
            if machine is not None and machine.state in _NOT_OPEN:
                raise LocalProtocolError(f"splice while {machine.state}: {stream}")

    def _open(self, stream: Stream) -> TcpMachine | None:
        machine = self._streams.get(stream)
        return None if machine is None or machine.told_close else machine

    def _carry(self, far: TcpMachine, octets: bytes, count: Callable[[int], None], now: float) -> None:
        if octets and far.sends:
            count(len(octets))
            self._did(far, far.send(octets, now, "spliced"), now)

    def _unblock(self, near: Stream, now: float) -> None:
        half = self._halves[near]
        half.blocked = False
        self._settle(half, now)

    def _settle(self, half: _Half, now: float) -> None:
        """Have the stream hand over its octets, or keep them."""
        paused = half.held or half.blocked
        if paused != half.near.paused:
            self._did(half.near, half.near.pause(paused, now), now)
