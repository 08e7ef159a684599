"""A proxy between two hosts of a kernel network: the octets of two streams are copied below its node."""

from __future__ import annotations

import random

import pytest
from kernel_stage import Stage, needs_namespaces

from workbench.net.interface import Arrival, Foot, Host, Plan, Wire
from workbench.net.values import (
    AcceptStream,
    Endpoint,
    EndStream,
    Listen,
    Meter,
    OpenStream,
    SendStream,
    Splice,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamOffered,
    StreamOpened,
)

pytestmark = needs_namespaces

A, LEFT = Endpoint("10.1.0.1", 5000), Endpoint("10.1.0.9", 6001)
RIGHT, B = Endpoint("10.2.0.9", 7001), Endpoint("10.2.0.2", 8000)
OTHER = {Stream(LEFT, A): Stream(RIGHT, B), Stream(RIGHT, B): Stream(LEFT, A)}
SEED = 3


class Proxied(Stage):
    """a opens to r, which opens to b; both send, and end when the other has."""

    def __init__(self, *, direct: bool) -> None:
        super().__init__(Plan(
            (Host("a", (Foot("left", A.host),)), Host("b", (Foot("right", B.host),)),
             Host("r", (Foot("left", LEFT.host), Foot("right", RIGHT.host)))),
            (Wire("left", direct=direct), Wire("right", direct=direct))))
        self.heard_by: dict[str, bytearray] = {"a": bytearray(), "b": bytearray()}
        self.meter, self.opened, self.closed = Meter(), 0, 0
        self.early = bytearray()        # what a says before the splice, passed on by r itself
        self.question, self.answer = (random.Random(SEED + n).randbytes(1_000_000 // (n + 1)) for n in range(2))

    def run(self) -> None:
        self.do("r", Listen(LEFT))
        self.do("b", Listen(B))
        self.do("a", OpenStream(Stream(A, LEFT)))
        while self.closed < 4:
            arrival = self.network.wait(self.network.now + 60.0)
            assert arrival is not None
            self.answer_to(arrival)

    def answer_to(self, arrival: Arrival) -> None:
        match arrival.node, arrival.happened:
            case "r", StreamOffered(stream):
                self.do("r", AcceptStream(stream), OpenStream(OTHER[stream]))
            case "b", StreamOffered(stream):
                self.do("b", AcceptStream(stream))
            case "r", StreamOpened(stream):
                self.opened += 1
                if self.opened == 2:
                    self.do("r", SendStream(Stream(RIGHT, B), bytes(self.early)),
                            Splice(Stream(LEFT, A), Stream(RIGHT, B), self.meter))
            case "r", StreamData(_, data):
                assert self.opened < 2
                self.early += data
            case "a", StreamOpened(stream):
                self.do("a", SendStream(stream, self.question), EndStream(stream))
            case "r", StreamEnded(stream):
                self.do("r", EndStream(OTHER[stream]))
            case "b", StreamEnded(stream):
                self.do("b", SendStream(stream, self.answer), EndStream(stream))
            case ("a" | "b") as node, StreamData(_, data):
                self.heard_by[node] += data
            case _, StreamClosed(_, reason):
                assert reason is None
                self.closed += 1


@pytest.mark.parametrize("direct", [False, True], ids=["wires", "direct wires"])
def test_every_octet_passes_both_ways(direct):
    """On wires of ours and on the kernel's: all octets in order, both ends, and a meter that counts them."""
    with Proxied(direct=direct) as stage:
        stage.run()
        assert stage.heard_by == {"a": stage.answer, "b": stage.question}
        assert stage.meter.read() == (len(stage.question) - len(stage.early), len(stage.answer))
