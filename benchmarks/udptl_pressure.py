"""Both ends of faxes through a DTLS gateway, in a process of its own: told and telling by lines of JSON.

The UE's side is DTLS 1.2, the core's side UDP. Records are made before the time is taken and read after it, so that
this process does as little beside sending and receiving as it can. A first line says where the core's side is. Then,
for each job on standard input, one line with the seconds that it took, the processor seconds that went into it here,
and how many packets did not arrive.

    open    a DTLS association with this access side, and a packet through it
    up      UDPTL packets from the UE to the core, `window` at most under way
    down    from the core to the UE
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
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
    """A UE's socket and association, and where its packets come from in the core."""

    def __init__(self, client: Client, host: str, access: tuple[str, int], core: socket.socket) -> None:
        self.session = DtlsSession(client.identity, True, verify=False)
        self.core = core
        self.far: tuple[str, int] | None = None
        self._sender = Sender(Correction.REDUNDANCY, depth=DEPTH)
        self.ue = _bound(host)
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
    """Send all of these, some at most under way; the seconds that takes, and what has arrived."""
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


def _bound(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _QUEUE)
    made.bind((host, 0))
    made.setblocking(False)
    return made


class Ends:
    """All the faxes, by where their UEs connect to."""

    def __init__(self, host: str) -> None:
        self._host, self._client = host, Client()
        self._core = _bound(host)
        self._faxes: dict[tuple[str, int], Fax] = {}
        self.port = int(self._core.getsockname()[1])

    def run(self, job: dict[str, Any]) -> tuple[float, int]:
        """Do a job; seconds, and packets that did not arrive."""
        access = (job["access"][0], job["access"][1])
        if job["what"] == "open":
            self._faxes[access] = Fax(self._client, self._host, access, self._core)
            return 0.0, 0
        fax = self._faxes[access]
        return (fax.up if job["what"] == "up" else fax.down)(job["count"], job["window"])


def main() -> None:
    """Do what standard input says."""
    ends = Ends(sys.argv[1])
    print(json.dumps({"port": ends.port}), flush=True)
    for line in sys.stdin:
        used = time.process_time()
        seconds, lost = ends.run(json.loads(line))
        print(json.dumps({"seconds": seconds, "processor": time.process_time() - used, "lost": lost}), flush=True)


if __name__ == "__main__":
    main()
