"""Two hosts, or more, on a kernel network, and what happens to them. For tests that need namespaces."""

from __future__ import annotations

from types import TracebackType

import pytest

from workbench.net import packets
from workbench.net.interface import Foot, Host, Plan, Wire
from workbench.net.kernel.namespaces import why_not
from workbench.net.kernel.network import KernelNetwork
from workbench.net.packets import Tcp
from workbench.net.values import (
    AcceptStream,
    Command,
    Endpoint,
    Happening,
    Listen,
    OpenStream,
    Stream,
    StreamOffered,
    StreamOpened,
)

needs_namespaces = pytest.mark.skipif(bool(why_not()), reason=f"no kernel network here: {why_not()}")

PAIR = Plan((Host("a", (Foot("line", "10.1.0.1"), Foot("line", "fd01::1"))),
             Host("b", (Foot("line", "10.1.0.2"), Foot("line", "fd01::2")))), (Wire("line", delay=0.001),))
A, B = Endpoint("10.1.0.1", 4000), Endpoint("10.1.0.2", 5000)
STREAM, BACK = Stream(A, B), Stream(B, A)
# No test waits for a clock: this is where one gives up that would hang (seconds of the run's time).
LIMIT = 600.0


class Stage:
    """A kernel network with what its wires have carried (`packets`) and what its nodes have heard."""

    def __init__(self, plan: Plan = PAIR) -> None:
        self.packets: list[tuple[float, str, bytes, str]] = []
        self.network = KernelNetwork(plan, 1, [lambda *packet: self.packets.append(packet)])

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.network.close()

    def do(self, host: str, *commands: Command) -> None:
        for command in commands:
            self.network.carry(host, command, self.network.now)

    def heard(self) -> list[Happening]:
        """All that happens until nothing is left to happen."""
        found = []
        while (arrival := self.network.wait(self.network.now + LIMIT)) is not None:
            found.append(arrival.happened)
        return found

    def until(self, kind: type, host: str = "") -> Happening:
        """The next happening of this kind; what comes before it is passed over."""
        while (arrival := self.network.wait(self.network.now + LIMIT)) is not None:
            if isinstance(arrival.happened, kind) and host in ("", arrival.node):
                return arrival.happened
        raise AssertionError(f"no {kind.__name__} came")

    def connect(self) -> None:
        """A stream from a to b, open at both ends."""
        self.do("b", Listen(B))
        self.do("a", OpenStream(STREAM))
        self.until(StreamOffered)
        self.do("b", AcceptStream(BACK))
        opened = {self.until(StreamOpened).stream for _ in range(2)}
        assert opened == {STREAM, BACK}

    @property
    def segments(self) -> list[Tcp]:
        """The TCP segments of all wires, in their order."""
        found = []
        for _, _, packet, _ in self.packets:
            ip = packets.decode_ip(packet)
            if ip.protocol == packets.TCP:
                found.append(packets.decode_tcp(ip))
        return found

    def flags(self) -> list[str]:
        """Who sent segments with which flags, those apart that only acknowledge."""
        return [f"{'ab'[segment.source.host in ('10.1.0.2', 'fd01::2')]}: {segment.flag_names}"
                for segment in self.segments if segment.length or segment.flags & packets.RST]
