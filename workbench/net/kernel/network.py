"""The network of this kernel: nodes' commands on real sockets in namespaces, over wires of our own.

Time is the wall clock's, less the time in which nodes compute (see `clock`) and the time that nobody needs: when no
packet is under way, no octet waits for its acknowledgment and all sockets have been silent for a moment, the run's
clock goes on to the next moment at which anything is due. So a guard timer of 30 s does not take 30 s, and a run ends
soon after nothing is left to happen.

A plan with a direct wire is another matter: what passes there nobody sees, so time is simply the wall clock's.
"""

from __future__ import annotations

import selectors
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress

from workbench.errors import LocalProtocolError, PeerError
from workbench.net import packets
from workbench.net.arrivals import Arrivals
from workbench.net.interface import Arrival, Capabilities, Host, Plan, Tap
from workbench.net.kernel.clock import RunClock
from workbench.net.kernel.flows import Flows
from workbench.net.kernel.fragments import cut
from workbench.net.kernel.host import KernelHost
from workbench.net.kernel.layout import Owners
from workbench.net.kernel.namespaces import Namespaces
from workbench.net.kernel.reasons import Reasons
from workbench.net.kernel.relays import RELAYED, Relays, why_not
from workbench.net.kernel.translation import translate
from workbench.net.kernel.wires import Wires
from workbench.net.values import (
    Command,
    Drop,
    LogKeys,
    Note,
    Relay,
    SendPacket,
    UnbindDatagrams,
    UnclaimPackets,
    Unrelay,
)

_CHANGES_RELAYS = (Relay, Unrelay, UnclaimPackets, UnbindDatagrams)
_READ = selectors.EVENT_READ
_ETHERNET = 14
_LARGEST = 65_536 + _ETHERNET
_FRAMES_A_TURN = 256
# Nothing has happened for so long (seconds): the kernel, which answers within the call that gives it a packet, has
# nothing left to say. More than enough for a softirq that was put off.
_QUIET = 0.05
# Selectors count in milliseconds: a shorter wait would take that long, so it is passed over.
_TICK = 0.001
# A look at direct wires lasts no longer, so that signals are heard (seconds).
_LONGEST = 0.5
# A segment that nobody answers is repeated after 1 s at first (RFC 6298 §2.1).
_PATIENCE = 1.3


class KernelNetwork:
    """Implements `net.interface.Network` with one namespace of this kernel a host.

    Args:
        plan: hosts and wires.
        seed: of the wires' impairments. The kernel's own choices (sequence numbers) are its own.
        taps: each is called once a packet that is put on a wire, in the order of sending, before any loss.
        taps_direct: direct wires are captured too; that costs their speed, and the kernel may lose packets of it.

    Raises:
        NetworkError: this machine does not allow namespaces; `namespaces.why_not` tells without trying to run.
        ScenarioError: the plan contradicts itself.
    """

    def __init__(self, plan: Plan, seed: int, taps: Sequence[Tap] = (), *, taps_direct: bool = False) -> None:
        owners = Owners(plan, tapped=taps_direct)
        spaces = owners.namespaces()
        self._namespaces = Namespaces(spaces)
        self.capabilities = Capabilities(
            holds_syn=not owners.direct, packets=not owners.direct, splice=True,
            relay=bool(spaces) and not why_not(lambda script: self._namespaces.nft(spaces[0].host, script)),
            translates=shutil.which("nft") is not None)
        self._arrivals = Arrivals()
        links = {(space.host, link.wire): link.address for space in spaces for link in space.links if link.end}
        ends = self._namespaces.ends
        self._taps = tuple(taps)
        self._heard = {place: ends[place] for place in ends if place[1] in owners.direct}
        self._is_direct = bool(owners.direct)
        self._wires = Wires(plan, owners, seed, {place: ends[place] for place in ends if place in links}, links, taps,
                            self._deliver)
        self._flows = Flows(_PATIENCE)
        self._reasons = {host.name: Reasons() for host in plan.hosts}
        self._links = {host.name: tuple(dict.fromkeys(
            foot.wire for foot in host.feet if foot.wire not in owners.direct)) for host in plan.hosts}
        self._hosts: dict[str, KernelHost] = {}
        self._selector = selectors.DefaultSelector()
        for host in plan.hosts:
            self._add(host, owners)
        for place, end in ends.items():
            end.setblocking(False)
            self._selector.register(end, _READ, place)
        self._changed: set[str] = set()     # hosts whose relays the kernel has not been told of
        self._clock = RunClock()
        self._stirred = time.monotonic()
        self._closed = False
        self._cut = 0
        self._translate(plan, owners)

    def _translate(self, plan: Plan, owners: Owners) -> None:
        """Make NATs of the hosts that the plan wants as such."""
        try:
            for host in plan.hosts:
                if host.translates is not None:
                    translate(host, owners.links(host.name), self._namespaces)
        except BaseException:
            self.close()
            raise

    def _add(self, added: Host, owners: Owners) -> None:
        name = added.name
        relays = Relays(lambda script: self._namespaces.nft(name, script), list(owners.links(name).values()),
                        lambda local, remote: owners.way(name, local, remote))
        host = self._hosts[name] = KernelHost(
            name, {foot.address: foot.wire in owners.direct for foot in added.feet}, self._namespaces,
            lambda: self.now, self._arrivals,
            lambda wire, packet: self._wires.inject(name, wire, packet),
            lambda order: self._send(name, order), relays)
        self._selector.register(host, _READ, host)

    @property
    def now(self) -> float:
        """Seconds since the run's start, idle time that was passed over included."""
        return self._clock.now

    @property
    def keeper(self) -> int:
        """Process id of what holds the namespaces: `nsenter --net=/proc/PID/fd/N` leads into them."""
        return self._namespaces.keeper

    def carry(self, sender: str, command: Command, now: float) -> None:
        """Carry out one command of the node on host `sender`.

        Raises:
            LocalProtocolError: an impossible one, or one that this network does not have.
            NetworkError: the kernel does not give us an endpoint.
        """
        host = self._hosts.get(sender)
        if host is None:
            raise LocalProtocolError(f"no host is called {sender}")
        if isinstance(command, Drop | Note | LogKeys):
            return
        if isinstance(command, Relay) and not self.capabilities.relay:
            raise LocalProtocolError("this network does not relay here: no nft, or a kernel without what it needs")
        self._stirred = time.monotonic()
        if isinstance(command, SendPacket):
            self._send(sender, command)
            return
        self._reasons[sender].note(command)
        host.carry(sender, command, now)
        if isinstance(command, _CHANGES_RELAYS):
            self._changed.add(sender)
        self._collect(sender)

    def wait(self, deadline: float) -> Arrival | None:
        """The next happening at or before `deadline`, or None: the deadline came, or nothing is due ever."""
        while self._changed:
            self._hosts[self._changed.pop()].relays.flush()
            self._stirred = time.monotonic()
        while not self._arrivals:
            self._turn(deadline, 0.0)
            if self._arrivals or self.now >= deadline:
                break
            if self._is_direct:
                self._turn(deadline, _LONGEST)
                continue
            if self._is_quiet():
                if deadline != float("inf"):
                    self._clock.set(deadline)
                break
            self._turn(deadline, _QUIET)
        return self._arrivals.take()

    def close(self) -> None:
        """Give back sockets and namespaces."""
        if self._closed:
            return
        self._closed = True
        for host in self._hosts.values():
            host.close()
        for end in self._namespaces.ends.values():
            end.close()
        self._selector.close()
        self._namespaces.close()

    # The loop's turn

    def _turn(self, deadline: float, seconds: float) -> None:
        """Let whatever comes within this time happen, one packet after the other."""
        self._look(deadline, seconds)
        while not self._arrivals and self._wires.bring(self.now):
            self._look(deadline, 0.0)

    def _look(self, deadline: float, seconds: float) -> None:
        """Hear what sockets tell and what kernels have put on their wires, until something is due."""
        arrival = self._wires.next_arrival
        due = deadline if arrival is None else min(deadline, arrival)
        seconds = min(seconds, max(0.0, due - self.now))
        is_short = 0.0 < seconds < _TICK
        if seconds and not is_short:
            self._clock.go(due)
        ready = self._selector.select(0.0 if is_short else seconds)
        self._clock.stop()
        if is_short and not ready:
            self._clock.set(self.now + seconds)
        for key, _ in ready:
            self._stirred = time.monotonic()
            if isinstance(key.data, KernelHost):
                key.data.turn()
            elif key.data in self._heard:
                self._hear(*key.data)
            else:
                self._collect_from(*key.data)

    def _is_quiet(self) -> bool:
        moment = time.monotonic()
        return (self._wires.next_arrival is None and moment - self._stirred > _QUIET
                and not self._flows.waits(moment))

    def _collect(self, host: str) -> None:
        """Take what a host has just put on its wires: its order is then the order of what caused it."""
        for wire in self._links[host]:
            self._collect_from(host, wire)

    def _collect_from(self, host: str, wire: str) -> None:
        for packet in self._wires.sent(host, wire):
            self._put(host, wire, packet, None)

    def _hear(self, host: str, wire: str) -> None:
        """Capture what passes on a direct wire."""
        end = self._heard[host, wire]
        for _ in range(_FRAMES_A_TURN):
            try:
                frame = end.recv(_LARGEST)
            except OSError:     # nothing more
                return
            for tap in self._taps:
                tap(self.now, wire, frame[_ETHERNET:], "")

    def _send(self, host: str, command: SendPacket) -> None:
        """A node's packet: in fragments, if it is longer than the link takes."""
        parts = [command.packet]
        with suppress(PeerError):       # or no packet at all
            self._cut += 1
            parts = cut(command.packet, packets.decode_ip(command.packet), self._cut)
        for part in parts:
            self._put(host, command.wire, part, command.why)

    def _put(self, host: str, wire: str, packet: bytes, why: str | None) -> None:
        """Put a packet on a wire. `why` None: from the kernel, which does not say."""
        found = ""
        try:
            ip = packets.decode_ip(packet)
            if why is None and self._hosts[host].relays.passed(ip):
                why = RELAYED
            if ip.protocol == packets.TCP:
                segment = packets.decode_tcp(ip)
                self._flows.saw(segment, time.monotonic())
                found = self._reasons[host].of_segment(segment) if why is None else ""
            elif ip.protocol == packets.UDP and why is None:
                found = self._reasons[host].of_datagram(packets.decode_udp(ip))
        except PeerError:   # a fragment, or what an attacker made
            pass
        self._wires.put(host, wire, packet, why if why is not None else found, self.now)

    def _deliver(self, host: str, wire: str, packet: bytes) -> None:
        self._stirred = time.monotonic()
        self._hosts[host].receive(wire, packet)
        self._collect(host)
