"""The discrete-event network: hosts' stacks and wires in virtual time, the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from workbench.errors import LocalProtocolError, ScenarioError
from workbench.net.arrivals import Arrivals
from workbench.net.interface import Arrival, Capabilities, Foot, Host, Plan, Tap
from workbench.net.packets import destination_of, pack_address
from workbench.net.values import Command, Prefer, Splice
from workbench.net.virtual.clock import Clock
from workbench.net.virtual.host import Outcome, Put, Stack
from workbench.net.virtual.settings import DEFAULT, Settings
from workbench.net.virtual.wire import Impairments

_INSIDE = ""     # the "wire" of a packet from a host to itself: no tap, no delay


class VirtualNetwork:
    """Implements `net.interface.Network` with nothing outside this process.

    Args:
        plan: hosts and wires. A host may have several feet on one wire.
        seed: of everything random: impairments, initial sequence numbers.
        taps: each is called once a packet that is put on a wire, at the sender, before any loss.
        settings: limits and timers of every host's TCP.
        max_in_flight: packets on all wires at one time; more are lost as in a full queue.

    Raises:
        ScenarioError: the plan names a wire that it does not have, or gives an address twice on one wire.

    Wires have no MTU: TCP keeps to its MSS, a datagram is one packet up to 65,507 octets.
    """

    def __init__(self, plan: Plan, seed: int, taps: Sequence[Tap] = (), *, settings: Settings = DEFAULT,
                 max_in_flight: int = 100_000) -> None:
        self.capabilities = Capabilities(holds_syn=True, packets=True, splice=True, relay=True)
        self._taps = tuple(taps)
        self._clock = Clock()
        self._arrivals = Arrivals()
        self._max_in_flight = max_in_flight
        self._wires = {wire.name: Impairments(wire, f"{seed}") for wire in plan.wires}
        self._owners: dict[tuple[str, str], str] = {}     # (wire, address) -> host
        self._standing: set[tuple[str, str]] = set()      # (host, wire): where it has a foot
        self._hosts: dict[str, Host] = {}
        self._stacks: dict[str, Stack] = {}
        self._alarms: dict[str, float] = {}
        self._routes: dict[tuple[str, str, str], str | None] = {}
        for host in plan.hosts:
            self._add(host, seed, settings)

    def _add(self, host: Host, seed: int, settings: Settings) -> None:
        if host.name in self._hosts:
            raise ScenarioError(f"two hosts are called {host.name}")
        self._hosts[host.name] = host
        for foot in host.feet:
            pack_address(foot.address)
            if foot.wire not in self._wires:
                raise ScenarioError(f"{host.name} has a foot on {foot.wire!r}, which is no wire of the plan")
            if (foot.wire, foot.address) in self._owners:
                raise ScenarioError(f"{foot.address} is there twice on {foot.wire!r}")
            self._owners[foot.wire, foot.address] = host.name
            self._standing.add((host.name, foot.wire))
        name = host.name
        self._stacks[name] = Stack(frozenset(foot.address for foot in host.feet),
                                   lambda source, destination: self._route(name, source, destination),
                                   Random(f"{seed}:{name}"), settings)

    @property
    def now(self) -> float:
        """Seconds since the run's start."""
        return self._clock.now

    def carry(self, sender: str, command: Command, now: float) -> None:
        """Carry out one command of the node on host `sender`. Raises LocalProtocolError for an impossible one."""
        stack = self._stacks.get(sender)
        if stack is None:
            raise LocalProtocolError(f"no host is called {sender}")
        self._clock.set(now)
        match command:
            case Splice(a, b):
                untold = self._arrivals.withdraw(sender, a), self._arrivals.withdraw(sender, b)
                self._settle(sender, stack.splice(command, untold, self._clock.now))
            case Prefer(local):
                self._arrivals.prefer(sender, local)
            case _:
                self._settle(sender, stack.carry(command, self._clock.now))

    def wait(self, deadline: float) -> Arrival | None:
        """The next happening at or before `deadline`, or None: the deadline came, or nothing is due ever."""
        while not self._arrivals:
            if not self._clock.advance(deadline):
                if deadline != float("inf"):
                    self._clock.set(deadline)
                return None
        return self._arrivals.take()

    def close(self) -> None:
        """Nothing is held outside this process."""

    # Packets.

    def _settle(self, name: str, outcomes: list[Outcome]) -> None:
        """Put packets on wires, queue happenings, and set the host's alarm."""
        now = self._clock.now
        for outcome in outcomes:
            if isinstance(outcome, Put):
                self._put(name, outcome, now)
            else:
                self._arrivals.add(Arrival(name, outcome, now))
        wakeup = self._stacks[name].next_wakeup()
        if wakeup is not None and wakeup < self._alarms.get(name, float("inf")):
            self._alarms[name] = wakeup
            self._clock.at(wakeup, lambda: self._wake(name, wakeup))

    def _wake(self, name: str, set_for: float) -> None:
        if self._alarms.get(name) != set_for:
            return
        del self._alarms[name]
        self._settle(name, self._stacks[name].wake(self._clock.now))

    def _put(self, sender: str, put: Put, now: float) -> None:
        packet = put.packet
        if put.wire == _INSIDE:
            self._clock.at(now, lambda: self._deliver(sender, _INSIDE, packet))
            return
        wire = self._wires.get(put.wire)
        if wire is None or (sender, put.wire) not in self._standing:
            raise LocalProtocolError(f"{sender} has no foot on {put.wire!r}")
        for tap in self._taps:
            tap(now, put.wire, packet, put.why)
        receiver = self._receiver(sender, put.wire, packet)
        if receiver is None or len(self._clock) > self._max_in_flight:
            return
        for moment in wire.arrivals(sender, receiver, now):
            self._clock.at(moment, lambda: self._deliver(receiver, put.wire, packet))

    def _deliver(self, receiver: str, wire: str, packet: bytes) -> None:
        self._settle(receiver, self._stacks[receiver].receive(wire, packet, self._clock.now))

    def _receiver(self, sender: str, wire: str, packet: bytes) -> str | None:
        """Who hears a packet: the owner of its destination on this wire, or the sender's next hop there."""
        destination = destination_of(packet)
        if destination is None:
            return None
        owner = self._owners.get((wire, destination))
        if owner is not None:
            return owner
        for foot in self._feet(sender, destination):
            if foot.wire == wire and foot.next_hop is not None:
                return self._owners.get((wire, foot.next_hop))
        return None

    def _feet(self, name: str, destination: str) -> list[Foot]:
        version6 = ":" in destination
        return [foot for foot in self._hosts[name].feet if (":" in foot.address) == version6]

    def _route(self, name: str, source: str, destination: str) -> str | None:
        """The wire on which a packet leaves: the destination's, or a next hop's; the source's own foot first."""
        key = (name, source, destination)
        if key not in self._routes:
            if len(self._routes) > 65536:
                self._routes.clear()
            self._routes[key] = self._find_route(*key)
        return self._routes[key]

    def _find_route(self, name: str, source: str, destination: str) -> str | None:
        feet = sorted(self._feet(name, destination), key=lambda foot: foot.address != source)
        if any(foot.address == destination for foot in feet):
            return _INSIDE
        for foot in feet:
            if (foot.wire, destination) in self._owners:
                return foot.wire
        return next((foot.wire for foot in feet if foot.next_hop is not None), None)
