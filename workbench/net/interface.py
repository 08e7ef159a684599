"""What every network offers, and the topology value that every network is built from.

A wire is a segment: everything put on it reaches the foot that owns the destination address, or the
sender's next hop. Wires are what a capture names its interfaces after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from workbench.net.values import Command, Happening


class Wire(msgspec.Struct, frozen=True):
    """A segment that can be captured, and what it does to packets (all probabilities 0..1, times in seconds).

    Args:
        name: shown in captures, such as `UE A access` or `Iq`.
        delay: one-way time.
        jitter: added delay, uniform in 0..jitter.
        loss: share of packets that vanish. A lost packet is captured where it was sent (the tap is at the sender).
        reorder: share of packets that are held back long enough for later ones to overtake.
        duplicate: share of packets that arrive twice.
        direct: on a kernel network a link of the kernel's between its two hosts, at its speed: nothing of ours stands
            in between, so no delay and no impairment, no SYN held and no packet claimed. Other networks carry it as
            any wire.
    """

    name: str
    delay: float = 0.005
    jitter: float = 0.0
    loss: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    direct: bool = False


class Foot(msgspec.Struct, frozen=True):
    """A host's address on a wire. `next_hop` is where packets go whose destination has no foot on any own wire."""

    wire: str
    address: str
    next_hop: str | None = None


class Translation(msgspec.Struct, frozen=True):
    """A host is a NAT by what its network has of its own (a kernel's), without a node.

    Args:
        inside, outside: wires that it stands on.
        random_ports: each session gets an outside port by chance; otherwise inside ports are kept where they can be.
    """

    inside: str
    outside: str
    random_ports: bool = False


class Host(msgspec.Struct, frozen=True):
    """A machine with one or more feet; a node of the same name lives on it, unless the network makes it a NAT."""

    name: str
    feet: tuple[Foot, ...]
    translates: Translation | None = None


class Plan(msgspec.Struct, frozen=True):
    """Hosts and wires: all a network needs to know of a scenario."""

    hosts: tuple[Host, ...]
    wires: tuple[Wire, ...]


class Capabilities(msgspec.Struct, frozen=True):
    """What a network can do, so that a node is told rather than deceived.

    Args:
        holds_syn: a SYN waits for the node's answer.
        packets: it has `ClaimPackets` and `SendPacket`.
        splice: it has `Splice`: octets of two streams are copied below the node.
        relay: it has `Relay`: packets of two endpoints are passed on below the node.
        translates: it has NATs of its own (`Host.translates`).
        convert: it has `Convert`: datagrams of two endpoints are changed and passed on without a happening for each.
    """

    holds_syn: bool
    packets: bool
    splice: bool
    relay: bool = False
    translates: bool = False
    convert: bool = False


class Arrival(msgspec.Struct, frozen=True):
    """A happening, whose it is, and when (seconds since the run's start)."""

    node: str
    happened: Happening
    time: float


# A tap hears every packet that is put on a wire: seconds since the run's start, wire, IP packet, frame comment.
Tap = Callable[[float, str, bytes, str], None]


class Network(Protocol):
    """Carries commands and delivers happenings. The lab's loop is its only user."""

    capabilities: Capabilities

    def carry(self, sender: str, command: Command, now: float) -> None:
        """Carry out one command of the node on host `sender`. Raises LocalProtocolError for an impossible one."""

    def wait(self, deadline: float) -> Arrival | None:
        """The next happening at or before `deadline` (seconds since the run's start), or None: the deadline came."""

    def close(self) -> None:
        """Give back whatever the network holds outside this process."""


class LocalNetwork(Network, Protocol):
    """This host's network for one node: time is the wall clock's, and a wait can be ended."""

    @property
    def now(self) -> float:
        """Seconds since it was made."""

    def interrupt(self) -> None:
        """End a `wait` that is under way; from a signal handler or another thread."""
