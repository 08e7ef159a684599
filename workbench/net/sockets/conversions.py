"""UDP endpoints that are joined: a datagram of the right source leaves at the other one, changed, in the same turn.

What leaves in one turn leaves in few system calls where Linux cuts a burst into datagrams of one size (udp(7),
UDP_SEGMENT): on the wire and for the receiver they are what they would be one by one. A capture on this host may show
such a burst as it was before it was cut.
"""

from __future__ import annotations

import itertools
import socket
import struct
import sys

from workbench.net.sockets.datagrams import DatagramSide
from workbench.net.sockets.entries import Datagrams, Way
from workbench.net.sockets.failures import FULL, WOULD_BLOCK
from workbench.net.sockets.making import endpoint, is_address
from workbench.net.values import Convert, DatagramReceived, Endpoint, Meter, Stream

_OCTETS = 65_535
# A turn of the loop takes at most so many from one socket, so that none keeps the others waiting; no burst is larger.
_A_TURN = 64
_BURST = range(8, _A_TURN + 1)
# And when so many of them were for the node, it is the others' turn.
_MOST_TOLD = 16
_BURST_OCTETS = 60_000
_SOL_UDP, _UDP_SEGMENT = 17, 103
_SIZE = struct.Struct("=H")


class ConvertingSide(DatagramSide):
    """What a network does about endpoints that are joined."""

    def _convert(self, order: Convert) -> None:
        a, b = self._bound.get(order.a.local), self._bound.get(order.b.local)
        if a is None or b is None or a is b or a.onward is not None or b.onward is not None:
            return
        if not (is_address(order.a.remote.host) and is_address(order.b.remote.host)):
            return
        meter = order.meter or Meter()
        bursts = _cuts(a.socket) and _cuts(b.socket)
        a.onward = Way(order.a, b, order.b.remote, order.forth, lambda octets: meter.count(forth=octets), bursts)
        b.onward = Way(order.b, a, order.a.remote, order.back, lambda octets: meter.count(back=octets), bursts)

    def _unconvert(self, stream: Stream) -> None:
        bound = self._bound.get(stream.local)
        if bound is not None:
            _part(bound)

    def _unbind(self, local: Endpoint) -> None:
        bound = self._bound.get(local)
        if bound is not None:
            _part(bound)
        super()._unbind(local)

    def _receive_datagrams(self, bound: Datagrams) -> int:
        if bound.onward is None:
            return super()._receive_datagrams(bound)
        return self._pass_on(bound, bound.onward) if len(self._arrivals) < self._limits.arrivals else 0

    def _pass_on(self, bound: Datagrams, way: Way) -> int:
        """A turn of a joined endpoint; how many datagrams the node is told of."""
        receive, change = bound.socket.recvfrom, way.change
        leaving: list[bytes] = []
        told = 0
        came = 0
        for _ in range(_A_TURN):
            try:
                data, source = receive(_OCTETS)
            except OSError as error:
                if error.errno in WOULD_BLOCK:
                    break
                continue
            changed = change(data) if source == way.source or _is_of(way, source) else None
            if changed is None:
                self._tell(DatagramReceived(bound.local, endpoint(source), data))
                told += 1
                if told >= _MOST_TOLD:
                    break
            else:
                came += len(data)
                leaving.append(changed)
        way.count(min(came, sum(map(len, leaving))))
        if way.bursts and len(leaving) in _BURST:
            for _, run in itertools.groupby(leaving, len):
                self._send_run(way, list(run))
        else:
            self._send_each(way, leaving)
        return told

    def _send_run(self, way: Way, run: list[bytes]) -> None:
        """Send datagrams of one size."""
        size = len(run[0])
        if len(run) in _BURST and 0 < size * len(run) <= _BURST_OCTETS and not way.far.queue:
            try:
                way.far.socket.sendmsg(run, [(_SOL_UDP, _UDP_SEGMENT, _SIZE.pack(size))], 0, way.target)
                return
            except OSError as error:
                way.bursts = error.errno in FULL     # else they are longer than the way's MTU, say
        self._send_each(way, run)

    def _send_each(self, way: Way, leaving: list[bytes]) -> None:
        send, target = way.far.socket.sendto, way.target
        for data in leaving:
            if not way.far.queue:
                try:
                    send(data, target)
                    continue
                except OSError:  # no room, or no place that can be sent to: as with any other
                    pass
            self._send_datagram(way.far.local, way.to, data)


def _part(bound: Datagrams) -> None:
    way, bound.onward = bound.onward, None
    if way is not None:
        way.far.onward = None


def _is_of(way: Way, source: tuple[str, int] | tuple[str, int, int, int]) -> bool:
    """Whether a source is the one that is joined; it is known by its looks from then on."""
    if endpoint(source) != way.stream.remote:
        return False
    way.source = source
    return True


def _cuts(sock: socket.socket) -> bool:
    """Whether this system cuts bursts. One that doesn't know the word would send all as one datagram."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        sock.getsockopt(_SOL_UDP, _UDP_SEGMENT)
    except OSError:
        return False
    return True
