"""The wires between the namespaces: what a host's kernel sends comes out at one end and is carried by us to another.

Each wire does to packets what its plan says (delay, jitter, loss, reordering, duplication), captures them in the order
in which their senders put them there, and knows when nothing is under way. ARP and neighbour discovery are not needed:
links carry no addresses but the plan's.
"""

from __future__ import annotations

import heapq
import socket
from collections.abc import Callable, Sequence

from workbench.errors import LocalProtocolError
from workbench.net.interface import Plan, Tap
from workbench.net.kernel.layout import Owners
from workbench.net.packets import destination_of
from workbench.net.virtual.wire import Impairments

_ETHERNET = 14
_TYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
_LARGEST = 65_536
_PACKETS_A_TURN = 256


class Wires:
    """All wires of a plan.

    Args:
        plan, owners: who stands where.
        seed: of the impairments.
        ends: the packet socket at the wire's end of each host's link; they do not block.
        links: Ethernet address of each host's link.
        taps: each is called once a packet that is put on a wire, before any loss.
        deliver: called with host, wire and packet when a packet has come through.
        max_in_flight: packets on all wires at one time; more are lost as in a full queue.
    """

    def __init__(self, plan: Plan, owners: Owners, seed: int, ends: dict[tuple[str, str], socket.socket],
                 links: dict[tuple[str, str], bytes], taps: Sequence[Tap],
                 deliver: Callable[[str, str, bytes], None], *, max_in_flight: int = 100_000) -> None:
        self._owners = owners
        self._wires = {wire.name: Impairments(wire, f"{seed}") for wire in plan.wires}
        self.ends = ends
        self._headers = {place: {version: mac + b"\x02wire\x00" + kind for version, kind in _TYPES.items()}
                         for place, mac in links.items()}
        self._taps = tuple(taps)
        self._deliver = deliver
        self._flying: list[tuple[float, int, str, str, bytes]] = []
        self._count = 0
        self._most = max_in_flight

    @property
    def next_arrival(self) -> float | None:
        """When the next packet comes through, on the run's clock."""
        return self._flying[0][0] if self._flying else None

    def sent(self, host: str, wire: str) -> list[bytes]:
        """IP packets that a host's kernel has put on a wire since we last looked."""
        found: list[bytes] = []
        end = self.ends[host, wire]
        while len(found) < _PACKETS_A_TURN:
            try:
                frame = end.recv(_LARGEST)
            except OSError:     # nothing more
                break
            if frame[12:_ETHERNET] in (b"\x08\x00", b"\x86\xdd"):
                found.append(frame[_ETHERNET:])
        return found

    def put(self, sender: str, wire: str, packet: bytes, why: str, now: float) -> None:
        """Put a packet on a wire. What goes to a group of hosts is not carried: our hosts have no use for it.

        Raises:
            LocalProtocolError: the sender has no foot there, or the wire is direct.
        """
        if (sender, wire) not in self.ends:
            raise LocalProtocolError(f"{sender} has no foot on {wire!r}, or it is direct")
        destination = destination_of(packet)
        if destination is None or destination.startswith(("ff", "224.")):
            return
        for tap in self._taps:
            tap(now, wire, packet, why)
        receiver = self._owners.receiver(sender, wire, destination)
        if receiver is None or len(self._flying) >= self._most:
            return
        for moment in self._wires[wire].arrivals(sender, receiver, now):
            self._count += 1
            heapq.heappush(self._flying, (moment, self._count, receiver, wire, packet))

    def bring(self, now: float) -> bool:
        """Hand over the packet that has come through first, if one has by `now`; whether there was one."""
        if not self._flying or self._flying[0][0] > now:
            return False
        _, _, receiver, wire, packet = heapq.heappop(self._flying)
        self._deliver(receiver, wire, packet)
        return True

    def inject(self, host: str, wire: str, packet: bytes) -> None:
        """Give a packet to a host's kernel; a full queue loses it."""
        header = self._headers[host, wire][packet[0] >> 4]
        try:
            self.ends[host, wire].send(header + packet)
        except OSError:     # ENOBUFS, or longer than the link takes: lost, as on any wire
            return
