"""TCP merge by translation: both peers open towards the gateway; it answers both, and then passes segments on.

    SYN                  answered with a number of our own and a window of 0: the peer sends nothing yet. A SYN that
                         comes before it is known that both ends are passive waits for that (one at most)
    SYN again            answered again; so it is when the handshake does not end (1 s, 2 s, 4 s ...)
    data, FIN, probes    before the join: not acknowledged, answered with where we stand. The peer sends them again
    both are up          joined: each is told the other's window; from here on segments pass, shifted (`translation`)
    FIN                  passes as any segment; told to the controller at the end where the first one came in
    both FINs are acked  segments pass for `linger` seconds more, so that the last acknowledgment can be repeated
    RST in the window    ends this connection, and is mirrored with the number that the other peer expects
    another SYN          from another port: refused, the first one wins; an old one of the same connection: dropped
    order to end         payload passes no more, and the peers have `linger` seconds to end by themselves; then RST:
                         octets of our own, which a FIN would be, could not be sent again
    guard                RST

A connection that is to be new (`a=connection:new`) at one end leaves the other one where it stands: counting begins
anew there at the first octet that was not passed on.

Source: TS 23.334 §5.16.2.3; RFC 9293 §3.10 (what is answered, and how); RFC 5961 §3 (which RST counts).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from workbench.net import packets
from workbench.net.packets import ACK, FIN, RST, SYN, Tcp
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Command,
    Drop,
    EndStream,
    Failure,
    Note,
    RefuseStream,
    SendPacket,
    Stream,
    StreamOffered,
)
from workbench.nodes.gateway import establishing, translation
from workbench.nodes.gateway.settings import Change, Role
from workbench.nodes.gateway.states import State
from workbench.nodes.gateway.translation import Numbers, distance, plus

if TYPE_CHECKING:
    from workbench.nodes.gateway.bearer import Bearer
    from workbench.nodes.gateway.claimed import Packet

CLAUSE = "TS 23.334 §5.16.2.3"
_FIRST_WAIT = 1.0
_NOTHING = Numbers(0, 0)


class Leg:
    """One end of a merged pair.

    Args:
        bearer: the endpoint.

    `numbers` are where counting begins, `sent` is behind the last octet that the peer has sent, `acked` behind the last
    one that the other peer has acknowledged, both in this peer's numbers; `fin` is behind its FIN. `mss`, `sack` and
    `window` are what the peer said.
    """

    __slots__ = ("_bearer", "_held", "_mate", "_wait", "acked", "fin", "mss", "numbers", "sack", "sent", "window")

    watches = True

    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer
        self._held: Packet | None = None
        self._mate: Leg | None = None
        self._wait = _FIRST_WAIT
        self._begin(0, _NOTHING)
        self.mss = 0
        self.sack = False
        self.window = 0

    def _begin(self, next_: int, numbers: Numbers) -> None:
        self.numbers = numbers
        self.sent = self.acked = next_
        self.fin: int | None = None

    # What comes

    def receive(self, packet: Packet, now: float) -> None:
        """A segment of a peer's, or an ICMP error about one of ours."""
        bearer, segment = self._bearer, packet.segment
        if segment is None:
            self._error(packet)
            return
        stream = Stream(packet.local, packet.remote)
        if stream == bearer.stream and bearer.state in (State.ACCEPTED, State.UP):
            if bearer.state is State.ACCEPTED:
                self._handshake(packet, segment, now)
            elif self.joined:
                self._pass(packet, segment, now)
            else:
                self._wait_for_other(packet, segment, now)
        elif packet.begins:
            self._offered(packet, segment, stream, now)
        else:
            bearer.order(Drop(packet.happened, "no connection of this endpoint"))

    def consider(self, now: float) -> None:
        """It may be known by now that the SYN that waits is one of a merged pair's."""
        if self._held is not None and self._ready:
            held, self._held = self._held, None
            self.receive(held, now)

    def part(self, now: float) -> bool:
        """As a stream is released."""
        return False

    def relatch(self) -> None:
        """Whose connection it is, stays."""

    def wake(self, now: float) -> None:
        """The handshake has not ended: SYN-ACK again."""
        if self._bearer.state is State.ACCEPTED:
            self._answer("SYN-ACK again")
            self._wait *= 2
            self._bearer.arm("again", now + self._wait)

    # What the endpoint orders

    def carry(self, command: Command) -> bool:
        """Do it in packets."""
        bearer = self._bearer
        match command:
            case AcceptStream(why=why):
                self._answer(why)
            case RefuseStream(stream=stream, why=why) | AbortStream(stream=stream, why=why) if stream == bearer.stream:
                self._reset(why)
            case EndStream(why=why):
                if not self.joined:  # otherwise the peers, or `linger`
                    self._reset(why)
                    bearer.over()
            case Drop() | Note() | SendPacket():
                return False
        return True

    # Before the join

    @property
    def _far(self) -> Leg | None:
        """The other end; behind Subtract too, as long as the last segments pass."""
        partner = self._bearer.partner
        if partner is None:
            return self._mate
        return partner.carriage if isinstance(partner.carriage, Leg) else None

    @property
    def _ready(self) -> bool:
        far = self._far
        return (
            far is not None and self._bearer.setting.role is Role.PASSIVE
            and far._bearer.setting.role is Role.PASSIVE)

    @property
    def joined(self) -> bool:
        """Both connections are up."""
        far = self._far
        return far is not None and self._bearer.state is State.UP and far._bearer.state is State.UP

    @property
    def finished(self) -> bool:
        """Both peers have ended, and both know it of each other."""
        far = self._far
        return far is not None and (self.acked, far.acked) == (self.fin, far.fin)

    def _offered(self, packet: Packet, segment: Tcp, stream: Stream, now: float) -> None:
        bearer, far = self._bearer, self._far
        mss = segment.mss or translation.SAFE_MSS[packet.ip.version]
        refusal = establishing.refusal(bearer, stream)
        if not refusal and mss < translation.SAFE_MSS[packet.ip.version]:
            refusal = f"segments of {mss} octets are less than every host takes"
        if refusal:
            reset = Tcp(stream.local, stream.remote, 0, plus(segment.sequence, segment.length), RST | ACK, 0)
            self._put(reset, f"{refusal} [TS 23.334 §5.4]")
            bearer.order(Drop(packet.happened, refusal))
            return
        if far is None or not self._ready:
            self._held = packet
            bearer.order(Note(f"{bearer.termination}: the SYN waits until the roles of both ends are known"))
            return
        self._begin(plus(segment.sequence, 1), Numbers(segment.sequence, bearer.means.isn()))
        self.mss, self.window = mss, segment.window
        self.sack = segment.option(4) is not None
        self._wait = _FIRST_WAIT
        bearer.offered(StreamOffered(stream), now)
        bearer.arm("again", now + self._wait)

    def _answer(self, why: str) -> None:
        """SYN-ACK. What it offers is explained in `translation`."""
        stream, far = self._bearer.stream, self._far
        assert stream is not None
        known = far is not None and far._bearer.state in (State.ACCEPTED, State.UP)
        mss = far.mss if far is not None and known else translation.SAFE_MSS[stream.local.version]
        options = b"\x02\x04" + mss.to_bytes(2, "big") + (b"\x01\x01\x04\x02" if self.sack else b"")
        numbers = self.numbers
        self._put(
            Tcp(stream.local, stream.remote, numbers.ours, plus(numbers.theirs, 1), SYN | ACK, 0, b"", options), why)

    def _handshake(self, packet: Packet, segment: Tcp, now: float) -> None:
        """SYN-ACK was sent: its acknowledgment completes the connection."""
        bearer, numbers = self._bearer, self.numbers
        if segment.flags & RST:
            if segment.sequence == plus(numbers.theirs, 1):
                bearer.failed(Failure.RESET, now)
            else:
                bearer.order(Drop(packet.happened, "an RST beside the window"))
        elif segment.flags & SYN:
            if segment.sequence == numbers.theirs:
                self._answer("SYN again: SYN-ACK again")
            else:
                bearer.order(Drop(packet.happened, "another SYN during the handshake"))
        elif segment.flags & ACK and segment.acknowledgment == plus(numbers.ours, 1):
            self.window = segment.window
            bearer.disarm("again")
            bearer.opened(now)
            far = self._far
            if self.joined and far is not None:
                self._mate, far._mate = far, self
                self._open_window(far)
                far._open_window(self)
            if segment.length:
                self.receive(packet, now)
        else:
            bearer.order(Drop(packet.happened, "not the acknowledgment of our SYN"))

    def _open_window(self, far: Leg) -> None:
        where = far._bearer.termination
        self._say(far.window, f"joined with {where}: from here on sequence numbers are translated [{CLAUSE}]")

    def _wait_for_other(self, packet: Packet, segment: Tcp, now: float) -> None:
        """Up, and the other one is not: nothing is acknowledged, so nothing is lost."""
        bearer, next_ = self._bearer, plus(self.numbers.theirs, 1)
        if segment.flags & RST:
            if segment.sequence == next_:
                bearer.closed(Failure.RESET, now)
            else:
                bearer.order(Drop(packet.happened, "an RST beside the window"))
            return
        if not segment.length and segment.sequence == next_:
            self.window = segment.window
            return
        self._say(0, f"not before the other end is up [{CLAUSE}]")
        bearer.order(Drop(packet.happened, "the other end is not up yet: not acknowledged"))

    # Joined

    def _pass(self, packet: Packet, segment: Tcp, now: float) -> None:
        far = self._far
        assert far is not None
        bearer, other = self._bearer, far._bearer
        why = self._obstacle(segment, far)
        if why:
            bearer.order(Drop(packet.happened, why))
            return
        if segment.flags & RST and 0 <= distance(self.acked, segment.sequence) <= far.window:
            self.sent = segment.sequence
            bearer.closed(Failure.RESET, now)
            return
        finished = self.finished
        self._note(segment, far)
        shifted = translation.translate(segment, self.numbers, far.numbers, sack=far.sack)
        assert other.stream is not None
        ends = msgspec.structs.replace(shifted, source=other.stream.local, destination=other.stream.remote)
        far._put(ends, f"passed on from {bearer.termination}, sequence numbers translated [{CLAUSE}]",
                 ident=packet.ip.ident, ttl=packet.ip.ttl - 1)
        if segment.flags & FIN and self.fin is None:
            self.fin = plus(segment.sequence, segment.length)
            if far.fin is None:
                bearer.observe(Change.RELEASED)
        if self.finished and not finished:
            for one in (bearer, other):
                one.leaving = True
                one.arm("linger", now + one.means.policy.linger)

    def _obstacle(self, segment: Tcp, far: Leg) -> str:
        near, other = self._bearer.setting, far._bearer.setting
        if segment.flags & SYN and segment.sequence == self.numbers.theirs:
            return "an old SYN"
        if segment.payload and (self._bearer.leaving or far._bearer.leaving):
            return "the connection is being released"
        if segment.payload and not near.receives:
            return f"{near.mode} at {self._bearer.termination}"
        if segment.payload and not other.sends:
            return f"{other.mode} at {far._bearer.termination}"
        return ""

    def _note(self, segment: Tcp, far: Leg) -> None:
        """How far the two peers are."""
        self.window = segment.window
        end = plus(segment.sequence, segment.length)
        if distance(self.sent, end) > 0:
            self.sent = end
        if segment.flags & ACK:
            acked = translation.acknowledgment(segment.acknowledgment, self.numbers, far.numbers)
            if distance(far.acked, acked) > 0:
                far.acked = acked
        if segment.payload:
            self._bearer.count(len(segment.payload), incoming=True)
            far._bearer.count(len(segment.payload), incoming=False)

    def _error(self, packet: Packet) -> None:
        """ICMP about a segment that was passed on: for its sender, with its numbers (RFC 5508 §4.2)."""
        far, bearer = self._far, self._bearer
        stream = far._bearer.stream if far is not None else None
        own = bearer.stream
        if far is None or stream is None or own is None or not self.joined or packet.remote != own.remote:
            bearer.order(Drop(packet.happened, "an ICMP error about nothing that was passed on"))
            return
        quoted = int.from_bytes(packet.quoted[4:8], "big")
        octets = packets.rewrite_error(
            packet.happened.packet, source=stream.local.host, destination=stream.remote.host,
            quoted_source=stream.remote, quoted_destination=stream.local,
            quoted_sequence=plus(quoted, far.numbers.theirs - self.numbers.ours), ttl=packet.ip.ttl - 1)
        far._send(octets, f"ICMP error at {bearer.termination} is passed on [{CLAUSE}]")

    # Ending, and what leaves

    def _reset(self, why: str) -> None:
        """RST with the number that the peer expects. What the other peer counts from is where it stands now."""
        bearer, far, stream = self._bearer, self._far, self._bearer.stream
        if stream is None or (bearer.leaving and self.finished):
            return
        next_ = plus(self.numbers.ours, 1)
        if far is not None and bearer.state is State.UP and far.numbers is not _NOTHING:
            next_ = translation.sequence(far.sent, far.numbers, self.numbers)
            far.rebase(self)
        self._put(Tcp(stream.local, stream.remote, next_, self.acked, RST | ACK, 0), why)
        self._begin(0, _NOTHING)

    def rebase(self, far: Leg) -> None:
        """The other connection is given up: this one counts on from what was passed on of both."""
        if self.numbers is _NOTHING or far.numbers is _NOTHING or self._bearer.state is not State.UP:
            return
        ours = plus(translation.sequence(far.sent, far.numbers, self.numbers), -1)
        self._begin(self.acked, Numbers(plus(self.acked, -1), ours))

    def _say(self, window: int, why: str) -> None:
        """Where we stand, and how much the peer may send."""
        stream = self._bearer.stream
        if stream is not None:
            numbers = self.numbers
            next_, heard = plus(numbers.ours, 1), plus(numbers.theirs, 1)
            self._put(Tcp(stream.local, stream.remote, next_, heard, ACK, window), why)

    def _put(self, segment: Tcp, why: str, *, ident: int = 0, ttl: int = 64) -> None:
        self._send(packets.encode_tcp(segment, ident=ident, ttl=ttl), why)

    def _send(self, octets: bytes, why: str) -> None:
        bearer = self._bearer
        bearer.order(SendPacket(bearer.means.policy.wires[bearer.setting.local.host], octets, why))
