"""Both ends of UDPTL (T.38 §9): a sender that adds redundancy or FEC, a receiver that makes losses good.

Sequence numbers are 16 bits and wrap; inside they are counted on, so that order is plain order.
"""

from __future__ import annotations

import enum
from collections import deque

from workbench.errors import IncompatiblePeerError, LocalProtocolError, PeerError
from workbench.protocols.t38 import udptl
from workbench.protocols.t38.events import Event, IfpReceived, Lost, PacketDropped, Repeated, Way
from workbench.protocols.t38.messages import Fec, UdptlPacket

__all__ = ["Correction", "Receiver", "Sender"]

HOLD_SECONDS = 0.5
"""How long a gap holds up what came behind it, unless told otherwise."""
_RING = 1 << 16


class Correction(enum.Enum):
    """What a sender adds (a=T38FaxUdpEC)."""

    NONE = "t38UDPNoEC"
    REDUNDANCY = "t38UDPRedundancy"
    FEC = "t38UDPFEC"


class Sender:
    """The sending end.

    Args:
        correction: what the peer's a=T38FaxUdpEC asks for.
        depth: how many former packets are repeated in each one.
        span: of FEC: how many packets an entry is made of.
        entries: of FEC: how many entries a packet has, so that many packets lost in a row can be rebuilt.
        max_datagram: the peer's a=T38FaxMaxDatagram: what does not fit is left out, oldest first.
        first: the first sequence number.
    """

    def __init__(
        self, correction: Correction = Correction.REDUNDANCY, *, depth: int = 2, span: int = 3, entries: int = 3,
        max_datagram: int = 400, first: int = 0,
    ) -> None:
        if not (0 <= depth <= udptl.MOST_ENTRIES and 1 <= span < 128 and 1 <= entries < 128):
            raise LocalProtocolError(f"UDPTL with depth {depth}, span {span} and {entries} entries")
        self.correction = correction
        self.sequence = first % _RING
        """The sequence number of the next packet."""
        self._depth = depth
        self._span = span
        self._entries = entries
        self._max_datagram = max_datagram
        kept = {Correction.NONE: 0, Correction.REDUNDANCY: depth, Correction.FEC: span * entries}[correction]
        self._former: deque[bytes] = deque(maxlen=kept)

    def send(self, ifp: bytes) -> bytes:
        """The UDPTL packet for the next IFP packet.

        Raises:
            LocalProtocolError: it has no octets, or alone more than the peer takes.
        """
        secondary, fec = self._redundancy(ifp), self._fec(ifp)
        octets = udptl.encode(UdptlPacket(self.sequence, ifp, secondary, fec))
        if len(octets) > self._max_datagram:
            raise LocalProtocolError(f"a UDPTL packet of {len(octets)} octets; {self._max_datagram} are taken")
        self._former.append(ifp)
        self.sequence = (self.sequence + 1) % _RING
        return octets

    def _redundancy(self, ifp: bytes) -> tuple[bytes, ...]:
        if self.correction is not Correction.REDUNDANCY:
            return ()
        entries = list(reversed(self._former))
        while entries and udptl.size_with(len(ifp), entries, fec=False) > self._max_datagram:
            entries.pop()
        return tuple(entries)

    def _fec(self, ifp: bytes) -> Fec | None:
        """As many entries as there are packets for, and room in the datagram; none at the start of a call."""
        if self.correction is not Correction.FEC:
            return None
        former = list(self._former)
        for count in range(min(self._entries, len(former) // self._span), 0, -1):
            used = former[-self._span * count :]
            entries = [udptl.xor(used[entry::count]) for entry in range(count)]
            if udptl.size_with(len(ifp), entries, fec=True) <= self._max_datagram:
                return Fec(self._span, tuple(entries))
        return None


class Receiver:
    """The receiving end: IFP packets in order, each once.

    Args:
        patience: how many packets may come behind a gap before it is given up. Redundancy needs none; FEC repairs a
            gap with later packets, so that many are waited for as its entries reach back.
        hold: seconds after which a gap is given up, however few packets came behind it.
        max_jump: a packet further away than this is taken for somebody else's, unless the next one follows it.
        max_reach: the most packets that FEC may reach back; FEC that wants more is not used.
    """

    def __init__(
        self, *, patience: int = 0, hold: float = HOLD_SECONDS, max_jump: int = 500, max_reach: int = 64,
    ) -> None:
        self._patience = patience
        self._hold = hold
        self._max_jump = max_jump
        self._max_reach = max_reach
        self._next: int | None = None     # the number that is told next; None: nothing has come
        self._newest = -1
        self._waiting: dict[int, tuple[bytes, Way]] = {}
        self._known: dict[int, bytes] = {}     # what FEC can be solved with
        self._equations: deque[tuple[int, Fec]] = deque(maxlen=8)
        self._stray: int | None = None
        self._since: float | None = None

    @property
    def held(self) -> int:
        """IFP packets that are kept: waiting behind a gap, or for FEC."""
        return len(self._waiting) + len(self._known)

    def receive_data(self, datagram: bytes, now: float) -> list[Event]:
        """Take one datagram; return what it brings, in order. Nothing is raised for what a peer sent."""
        try:
            packet = udptl.decode(datagram)
            number = self._number(packet)
        except PeerError as error:
            return [PacketDropped(error)]
        if self._next is None:
            # A call starts at 0; who joins later starts where the first packet reaches back to.
            self._next = 0 if number <= 16 else number - len(packet.secondary)
        elif number < self._next:
            return [Repeated(packet.sequence)]
        assert self._next is not None
        first = self._next
        events: list[Event] = [Repeated(packet.sequence)] if number in self._waiting else []
        self._newest = max(self._newest, number)
        self._take(number, packet)
        events += self._tell()
        while self._waiting and self._newest - self._next >= self._reach():
            events += self._give_up()
        if not self._waiting:
            self._since = None
        elif self._since is None or self._next > first:
            self._since = now       # another gap
        return events

    def next_wakeup(self) -> float | None:
        """When a gap is given up; None: there is none."""
        return None if self._since is None else self._since + self._hold

    def wake(self, now: float) -> list[Event]:
        """Give up gaps that have been there for too long."""
        due = self.next_wakeup()
        return self.flush() if due is not None and due <= now else []

    def flush(self) -> list[Event]:
        """Give up all gaps: nothing more will come."""
        events: list[Event] = []
        while self._waiting:
            events += self._give_up()
        self._since = None
        return events

    # Inside

    def _number(self, packet: UdptlPacket) -> int:
        """The sequence number, counted on from what came before.

        Raises:
            IncompatiblePeerError: it is too far away, and does not follow another such one.
        """
        if self._next is None:
            return packet.sequence
        ahead = (packet.sequence - self._next) % _RING
        if ahead >= _RING - self._max_jump:
            return self._next + ahead - _RING
        if ahead <= self._max_jump:
            self._stray = None
            return self._next + ahead
        expected, self._stray = self._stray, (packet.sequence + 1) % _RING
        if packet.sequence != expected:
            raise IncompatiblePeerError(f"sequence number {packet.sequence} after {(self._next - 1) % _RING}",
                                        clause="T.38 §9")
        # Two in a row: the sender has started anew.
        self._waiting.clear()
        self._equations.clear()
        self._known.clear()
        self._next += ahead
        return self._next

    def _take(self, number: int, packet: UdptlPacket) -> None:
        assert self._next is not None
        if self._skips_zero(number, packet):
            self._next += 1
        self._add(number, packet.primary, Way.PRIMARY)
        for back, octets in enumerate(packet.secondary, 1):
            if octets:
                self._add(number - back, octets, Way.REDUNDANCY)
        if packet.fec is not None and 0 < packet.fec.span * len(packet.fec.entries) <= self._max_reach:
            self._equations.append((number, packet.fec))
        if self._equations:
            self._solve()
        if len(self._known) > 4 * self._max_reach:
            oldest = self._newest - 2 * self._max_reach
            self._known = {one: octets for one, octets in self._known.items() if one >= oldest}

    def _skips_zero(self, number: int, packet: UdptlPacket) -> bool:
        """Some senders go from FFFF to 0001: its first secondary is then what FFFF was (deployed)."""
        last = self._known.get(number - 2)
        wrapped = self._next == number - 1 and number % _RING == 1
        return wrapped and bool(packet.secondary) and last == packet.secondary[0]

    def _add(self, number: int, octets: bytes, way: Way) -> None:
        assert self._next is not None
        # What was sent is better than what was rebuilt, which may have zeros behind it.
        if number not in self._known or way is Way.PRIMARY:
            self._known[number] = octets
        if number >= self._next and (number not in self._waiting or way is Way.PRIMARY):
            self._waiting[number] = (octets, way)

    def _solve(self) -> None:
        """Rebuild what an entry lacks only one packet for, until nothing more comes of it."""
        assert self._next is not None
        progress = True
        while progress:
            progress = False
            for number, fec in self._equations:
                for entry, total in enumerate(fec.entries):
                    members = fec.members(number, entry)
                    missing = [one for one in members if one not in self._known]
                    if len(missing) == 1 and missing[0] >= self._next:
                        rest = [self._known[one] for one in members if one != missing[0]]
                        rebuilt = udptl.xor([total, *rest])[: len(total)]
                        if rebuilt:
                            self._add(missing[0], rebuilt, Way.FEC)
                            progress = True

    def _reach(self) -> int:
        """How many packets are waited for behind a gap: as many as the FEC of the newest packets reaches back."""
        return max([self._patience, *(fec.span * len(fec.entries) for _, fec in self._equations)]) + 1

    def _tell(self) -> list[Event]:
        assert self._next is not None
        events: list[Event] = []
        while (found := self._waiting.pop(self._next, None)) is not None:
            events.append(IfpReceived(self._next % _RING, *found))
            self._next += 1
        return events

    def _give_up(self) -> list[Event]:
        """The gap before what waits is lost."""
        assert self._next is not None
        first = min(self._waiting)
        lost = Lost(self._next % _RING, first - self._next)
        self._next = first
        return [lost, *self._tell()]
