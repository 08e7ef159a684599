"""libre at one end of BFCP over UDP, our machines at the other: transactions, retransmission and acknowledgement.

The traffic is on loopback. Datagrams are lost on purpose: the first of every kind, both ways.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workbench.protocols.bfcp import wire
from workbench.protocols.bfcp.events import FloorRequestChanged, Left, Ready, RequestChanged, Transmit, TransmitTo
from workbench.protocols.bfcp.floors import Floor, Policy
from workbench.protocols.bfcp.machine import Chair, Participant, State
from workbench.protocols.bfcp.messages import UNRELIABLE, FloorStatus, Request, User
from workbench.protocols.bfcp.registry import Status, status_name
from workbench.protocols.bfcp.server import FloorControlServer

CONFERENCE, USER, FLOOR = 4321, 234, 543


class Wire:
    """A UDP socket on loopback that loses the first datagram of each kind, if it is to.

    Args:
        lossy: whether it does.
    """

    def __init__(self, lossy: bool) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.lost = 0
        self.lossy = lossy
        self._seen: set[tuple[str, int]] = set()

    def send(self, octets: bytes, port: int) -> None:
        if not self._loses("out", octets):
            self.socket.sendto(octets, ("127.0.0.1", port))

    def receive(self, seconds: float) -> tuple[bytes, int] | None:
        """The next datagram, or None when time is up."""
        self.socket.settimeout(max(0.001, seconds))
        try:
            octets, (_, port) = self.socket.recvfrom(65536)
        except TimeoutError:
            return None
        return None if self._loses("in", octets) else (octets, port)

    def _loses(self, way: str, octets: bytes) -> bool:
        kind = (way, wire.decode(octets).primitive)
        new = self.lossy and kind not in self._seen
        self._seen.add(kind)
        self.lost += new
        return new


@pytest.fixture(params=[False, True], ids=["whole", "lossy"])
def line(request: pytest.FixtureRequest) -> Iterator[Wire]:
    made = Wire(request.param)
    yield made
    made.socket.close()


def run(line: Wire, next_wakeup: Callable[[], float | None], wake: Callable[[float], None],
        take: Callable[[bytes, int, float], None], done: Callable[[], bool]) -> None:
    """Carry datagrams and time until it is done, or 20 seconds have passed."""
    end = time.monotonic() + 20
    while not done() and time.monotonic() < end:
        due = next_wakeup()
        got = line.receive(min(0.2, (due or end) - time.monotonic()))
        now = time.monotonic()
        if got is not None:
            take(*got, now)
        due = next_wakeup()
        if due is not None and due <= now:
            wake(now)
    assert done()


@contextlib.contextmanager
def started(program: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program, until the end of the block."""
    with subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_our_participant_gets_a_floor_from_libre(libre: Path, line: Wire) -> None:
    """Hello, FloorRequest, unasked Granted and its acknowledgement, FloorRelease, Goodbye: against libre's server."""
    with started(libre, "server") as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        ann = Participant(CONFERENCE, USER, version=UNRELIABLE)
        heard: list[object] = []

        def carry(events: list[object]) -> None:
            for event in events:
                if isinstance(event, Transmit):
                    line.send(event.octets, port)
                else:
                    heard.append(event)
            act(events)

        def act(events: list[object]) -> None:
            """Ask, give back, leave: each once, whatever is heard again."""
            now = time.monotonic()
            for event in events:
                match event:
                    case Ready():
                        carry(ann.send_floor_request(FLOOR, now)[1])
                    case RequestChanged(request=request) if request.status in steps:
                        steps.remove(request.status)
                        if request.status == Status.GRANTED:
                            carry(ann.send_floor_release(request.request, now)[1])
                        else:
                            carry(ann.send_goodbye(now))

        steps = [Status.GRANTED, Status.RELEASED]
        carry(ann.opened(time.monotonic()))
        run(line, ann.next_wakeup, lambda now: carry(ann.wake(now)),
            lambda octets, _, now: carry(ann.receive_data(octets, now)), lambda: ann.state is State.CLOSED)
    said = [status_name(event.request.status or 0) for event in heard if isinstance(event, RequestChanged)]
    # A lost answer comes again behind the news that the floor is granted; then Pending is not told any more.
    expected = ["Granted", "Released"] if line.lost else ["Pending", "Granted", "Released"]
    assert list(dict.fromkeys(said)) == expected
    assert isinstance(heard[0], Ready) and heard[0].primitives == tuple(range(1, 18)) and Left() in heard
    assert (line.lost > 5) == line.lossy


def test_libre_gets_a_floor_from_our_server(libre: Path, line: Wire) -> None:
    """libre asks, hears Pending, then Granted once the chair has decided, gives back and leaves."""
    fcs = FloorControlServer(CONFERENCE, [User(USER), User(1)], [Floor(FLOOR, Policy(chair=1))], version=UNRELIABLE)
    fcs.opened("chair")
    changed: list[FloorRequestChanged] = []
    ports: dict[str, int] = {}

    def carry(events: list[object]) -> None:
        """The chair grants what is pending; libre is the only one on the wire."""
        for event in events:
            if isinstance(event, TransmitTo):
                if event.peer == "libre":
                    line.send(event.octets, ports["libre"])
                else:
                    act(chair.receive_data(event.octets, time.monotonic()))
            elif isinstance(event, FloorRequestChanged):
                changed.append(event)
                if event.request.status == Status.PENDING:
                    grant = Request(event.request.request, (FloorStatus(FLOOR, Status.GRANTED),))
                    act(chair.send_chair_action(grant, time.monotonic())[1])

    def act(events: list[object]) -> None:
        for event in events:
            if isinstance(event, Transmit):
                carry(fcs.receive_data("chair", event.octets, time.monotonic()))

    chair = Chair(CONFERENCE, 1, version=UNRELIABLE)
    act(chair.opened(time.monotonic()))

    def take(octets: bytes, port: int, now: float) -> None:
        if "libre" not in ports:
            ports["libre"] = port
            fcs.opened("libre")
        carry(fcs.receive_data("libre", octets, now))

    with started(libre, "client", str(line.port)) as process:
        run(line, fcs.next_wakeup, lambda now: carry(fcs.wake(now)), take, lambda: process.poll() is not None)
        assert process.stdout is not None
        said = process.stdout.read().splitlines()
    assert said[0].startswith("HelloAck") and said[-1].startswith("GoodbyeAck")
    assert [event.request.status for event in changed] == [Status.PENDING, Status.GRANTED, Status.RELEASED]
    assert fcs.floors.requests == {} and (line.lost > 5) == line.lossy
