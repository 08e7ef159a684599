"""Faxes through a DTLS gateway: the UE's side is DTLS 1.2, the core's side UDP. Every packet is compared.

Records are made before time is taken and read after it, so that the ends do as little as they can beside sending and
receiving.
"""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from typing import Any

from load.client import Client
from workbench.protocols.t38.machine import Correction, Sender
from workbench.security.dtls import Data, DtlsSession, Event, Failed, State, Transmit

_PATIENCE = 10.0
_QUIET_MS = 1_000
_LONGEST = 2_048
# What a receiving end may have waiting: more than any window.
_QUEUE = 4_194_304
IFP_OCTETS = 43
"""A field of 40 octets of an image, as V.17 gives them every 20 ms, in an IFP packet."""
DEPTH = 3


def packets(count: int, sender: Sender) -> list[bytes]:
    """So many UDPTL packets: IFP packets that differ, each with the three before it as redundancy."""
    return [sender.send(number.to_bytes(4) + bytes(range(4, IFP_OCTETS))) for number in range(count)]


class Fax:
    """A UE's socket and association, and where its packets come from in the core.

    Args:
        client: who the UE is.
        host: its address.
        access: where the gateway is.
        core: the far end, which may be that of many.
    """

    def __init__(self, client: Client, host: str, access: tuple[str, int], core: socket.socket) -> None:
        self.session = DtlsSession(client.identity, True, verify=False)
        self.core = core
        self.far: tuple[str, int] | None = None
        self._sender = Sender(Correction.REDUNDANCY, depth=DEPTH)
        self.ue = bound(host)
        self.ue.connect(access)
        self._does(self.session.start(time.monotonic()))
        until = time.monotonic() + _PATIENCE
        while self.session.state is not State.UP:
            if time.monotonic() > until:
                raise SystemExit(f"no DTLS with {access}: {self.session}")
            self._turn()
        self._find()

    def up(self, count: int, window: int) -> tuple[float, int]:
        """Seconds, and packets that did not arrive."""
        sent = packets(count, self._sender)
        records = [self._sealed(one) for one in sent]
        seconds, arrived = _carry(self.ue.send, records, self.core, window)
        return seconds, _missing(sent, arrived)

    def down(self, count: int, window: int) -> tuple[float, int]:
        """Likewise."""
        sent, far = packets(count, self._sender), self.far
        assert far is not None
        seconds, arrived = _carry(lambda octets: self.core.sendto(octets, far), sent, self.ue, window)
        return seconds, _missing(sent, [octets for one in arrived for octets in self._opened(one)])

    def say(self, count: int) -> None:
        """Send so many packets from the UE, and wait for none of them."""
        for packet in packets(count, self._sender):
            with suppress(BlockingIOError):
                self.ue.send(self._sealed(packet))

    def heard(self) -> int:
        """How many packets have come at the core and were not counted before."""
        came = 0
        with suppress(BlockingIOError):
            while self.core.recv(_LONGEST):
                came += 1
        return came

    def close(self) -> None:
        """Give back the UE's socket."""
        self.ue.close()

    def _find(self) -> None:
        """Where the core sees this fax come from."""
        (packet,) = packets(1, self._sender)
        while self.far is None:
            self.ue.send(self._sealed(packet))
            if select.select([self.core], [], [], 1.0)[0]:
                octets, self.far = self.core.recvfrom(_LONGEST)
                if octets != packet:
                    raise SystemExit("something else has come at the core")

    def _sealed(self, packet: bytes) -> bytes:
        (event,) = self.session.send(packet)
        assert isinstance(event, Transmit)
        return event.octets

    def _opened(self, record: bytes) -> list[bytes]:
        events = self.session.receive_datagram(record, time.monotonic())
        return [event.octets for event in events if isinstance(event, Data)]

    def _turn(self) -> None:
        if select.select([self.ue], [], [], 0.05)[0]:
            self._does(self.session.receive_datagram(self.ue.recv(_LONGEST), time.monotonic()))
        self._does(self.session.wake(time.monotonic()))

    def _does(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Transmit):
                self.ue.send(event.octets)
            elif isinstance(event, Failed):
                raise SystemExit(f"DTLS has failed: {event.reason}")


def _carry(send: Any, octets: list[bytes], receiver: socket.socket, window: int) -> tuple[float, list[bytes]]:
    """Send all of these, some at most under way; the seconds that takes, and what has arrived.

    A packet is given up when nothing comes any more; the wait for that is nobody's time.
    """
    arrived: list[bytes] = []
    receive, came = receiver.recv, arrived.append
    sent, lost, count = 0, 0, len(octets)
    waiting = select.poll()
    waiting.register(receiver, select.POLLIN)
    began = time.perf_counter()
    while len(arrived) + lost < count:
        until = min(count, len(arrived) + lost + window)
        while sent < until:
            send(octets[sent])
            sent += 1
        if not waiting.poll(_QUIET_MS):
            lost = sent - len(arrived)
            began += _QUIET_MS / 1000
            continue
        try:
            while True:
                came(receive(_LONGEST))
        except BlockingIOError:
            pass
    return time.perf_counter() - began, arrived


def _missing(sent: list[bytes], arrived: list[bytes]) -> int:
    if not set(arrived) <= set(sent):
        raise SystemExit("something has come that was not sent")
    return len(sent) - len(arrived)


def bound(host: str) -> socket.socket:
    """A UDP socket at a port of the system's choice."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _QUEUE)
    made.bind((host, 0))
    made.setblocking(False)
    return made
