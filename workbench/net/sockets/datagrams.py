"""UDP endpoints: datagrams come and go; what finds no room in the send buffer waits a while."""

from __future__ import annotations

import socket
from collections import deque

from workbench.errors import LocalProtocolError
from workbench.net.sockets.entries import Datagrams
from workbench.net.sockets.failures import FULL, WOULD_BLOCK
from workbench.net.sockets.loop import READ, WRITE
from workbench.net.sockets.making import endpoint, is_address
from workbench.net.sockets.places import Places
from workbench.net.values import DatagramFailed, DatagramReceived, Endpoint

_OCTETS = 65_535
# A turn of the loop takes at most so many from one socket, so that none keeps the others waiting.
_A_TURN = 64


class DatagramSide(Places):
    """What a network does about UDP."""

    def _bind(self, local: Endpoint) -> None:
        if local in self._bound:
            return
        made = self._bound_socket(local, socket.SOCK_DGRAM)
        bound = self._bound[local] = Datagrams(local, made, deque())
        self._watch(bound, READ)

    def _unbind(self, local: Endpoint) -> None:
        self._close(self._bound.pop(local, None))

    def _receive_datagrams(self, bound: Datagrams) -> int:
        """A turn of this socket; how many datagrams the node is told of."""
        for told in range(_A_TURN):
            if len(self._arrivals) >= self._limits.arrivals or bound.local not in self._bound:
                return told
            try:
                data, source = bound.socket.recvfrom(_OCTETS)
            except OSError as error:
                if error.errno in WOULD_BLOCK:
                    return told
                continue  # Windows tells of ICMP errors here, without saying whose datagram it was
            self._tell(DatagramReceived(bound.local, endpoint(source), data))
        return _A_TURN

    def _send_datagram(self, local: Endpoint, remote: Endpoint, data: bytes) -> None:
        bound = self._bound.get(local)
        if bound is None:
            raise LocalProtocolError(f"{local} is not bound")
        if bound.queue or not self._send_one(bound, remote, data):
            if len(bound.queue) < self._limits.datagrams:
                bound.queue.append((remote, data))
            self._watch(bound, READ | WRITE)

    def _send_one(self, bound: Datagrams, remote: Endpoint, data: bytes) -> bool:
        """Whether the datagram is out of our hands."""
        if not is_address(remote.host):
            self._tell(DatagramFailed(bound.local, remote, "no IP address"))
            return True
        try:
            bound.socket.sendto(data, (remote.host, remote.port))
        except OSError as error:
            if error.errno in FULL:
                return False
            self._tell(DatagramFailed(bound.local, remote, (error.strerror or str(error)).lower()))
        return True

    def _flush_datagrams(self, bound: Datagrams) -> None:
        while bound.queue and self._send_one(bound, *bound.queue[0]):
            bound.queue.popleft()
        if not bound.queue:
            self._watch(bound, READ)
