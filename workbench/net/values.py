"""What a node hears (happenings) and what it orders (commands). Nodes and networks meet in these values only.

A stream has no number: it is named by its two endpoints as its host sees them (`Stream`), which is what a
capture shows too. Octets, times and addresses are the only things a node learns of the world.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Literal

import msgspec


class Endpoint(msgspec.Struct, frozen=True, order=True):
    """A transport address: an IPv4 or IPv6 address in its canonical text form, and a port."""

    host: str
    port: int

    @property
    def version(self) -> int:
        """4 or 6. (In its canonical text only an IPv6 address has colons.)"""
        return 6 if ":" in self.host else 4

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Stream(msgspec.Struct, frozen=True, order=True):
    """A TCP connection, named as its host sees it. At most one is open between two endpoints at a time."""

    local: Endpoint
    remote: Endpoint

    def __str__(self) -> str:
        return f"{self.local} - {self.remote}"


class Failure(enum.StrEnum):
    """Why a stream did not open, or ended other than by both sides' FIN."""

    REFUSED = "refused"          # RST answered our SYN
    RESET = "reset"              # RST on an open connection
    TIMED_OUT = "timed out"      # retransmissions were given up
    UNREACHABLE = "unreachable"  # ICMP said so, or there is no route
    IN_USE = "in use"            # we already have a stream or listener there


# Happenings: what a network tells a node.

class Started(msgspec.Struct, frozen=True):
    """The node's first happening: the network is up and time runs."""


class Asked(msgspec.Struct, frozen=True):
    """A person (the scenario's script) asks the node to do something, such as `Call` or `HangUp`."""

    order: Any


class Woke(msgspec.Struct, frozen=True):
    """The moment named by `next_wakeup` has come."""


class DatagramReceived(msgspec.Struct, frozen=True):
    """A UDP datagram reached a bound endpoint."""

    local: Endpoint
    remote: Endpoint
    data: bytes


class DatagramFailed(msgspec.Struct, frozen=True):
    """ICMP said that a datagram sent from `local` to `remote` did not arrive."""

    local: Endpoint
    remote: Endpoint
    reason: str


class StreamOffered(msgspec.Struct, frozen=True):
    """A SYN for an endpoint we listen on. Nothing is answered until `AcceptStream` or `RefuseStream`."""

    stream: Stream


class StreamOpened(msgspec.Struct, frozen=True):
    """A stream is established: ours (`OpenStream`), theirs (`AcceptStream`), or both (simultaneous open)."""

    stream: Stream


class StreamFailed(msgspec.Struct, frozen=True):
    """A stream that we opened or accepted was not established."""

    stream: Stream
    reason: Failure


class StreamData(msgspec.Struct, frozen=True):
    """The next octets of a stream, in order."""

    stream: Stream
    data: bytes


class StreamFull(msgspec.Struct, frozen=True):
    """A stream's send queue is above the network's limit: send no more until `StreamWritable` (back-pressure)."""

    stream: Stream


class StreamWritable(msgspec.Struct, frozen=True):
    """A stream whose send queue was above the network's limit takes octets again (back-pressure ends)."""

    stream: Stream


class StreamFlushed(msgspec.Struct, frozen=True):
    """The peer has acknowledged all that we sent and the FIN behind it; its own FIN is still to come."""

    stream: Stream


class StreamEnded(msgspec.Struct, frozen=True):
    """The peer's FIN arrived behind all its octets; our direction is still open (half-close)."""

    stream: Stream


class StreamClosed(msgspec.Struct, frozen=True):
    """Nothing more happens on this stream. `reason` is None after an orderly close of both directions."""

    stream: Stream
    reason: Failure | None = None


class PacketArrived(msgspec.Struct, frozen=True):
    """A whole IP packet for an endpoint or foot that the node claimed; `wire` is the wire it came from."""

    wire: str
    packet: bytes


Happening = (
    Started | Asked | Woke | DatagramReceived | DatagramFailed | StreamOffered | StreamOpened | StreamFailed
    | StreamData | StreamFull | StreamWritable | StreamFlushed | StreamEnded | StreamClosed | PacketArrived
)


# Commands: what a node orders. `why` is one line for the frame comment: scenario step and clause.

class BindDatagrams(msgspec.Struct, frozen=True):
    """Receive UDP datagrams at this endpoint from now on."""

    local: Endpoint


class UnbindDatagrams(msgspec.Struct, frozen=True):
    """Receive no more datagrams there; a later one is answered with ICMP port unreachable."""

    local: Endpoint


class SendDatagram(msgspec.Struct, frozen=True):
    """Send one UDP datagram."""

    local: Endpoint
    remote: Endpoint
    data: bytes
    why: str = ""


class Listen(msgspec.Struct, frozen=True):
    """Have SYNs to this endpoint offered to us instead of answered with RST."""

    local: Endpoint


class Unlisten(msgspec.Struct, frozen=True):
    """Answer SYNs to this endpoint with RST again. Streams that are open stay open."""

    local: Endpoint


class AcceptStream(msgspec.Struct, frozen=True):
    """Answer an offered SYN with SYN-ACK."""

    stream: Stream
    why: str = ""


class RefuseStream(msgspec.Struct, frozen=True):
    """Answer an offered SYN with RST."""

    stream: Stream
    why: str = ""


class OpenStream(msgspec.Struct, frozen=True):
    """Send a SYN from `stream.local` to `stream.remote`."""

    stream: Stream
    why: str = ""


class SendStream(msgspec.Struct, frozen=True):
    """Queue octets on a stream; they leave as window and congestion allow."""

    stream: Stream
    data: bytes
    why: str = ""


class PauseStream(msgspec.Struct, frozen=True):
    """Read no more octets for now; the receive window closes as they pile up. `paused=False` goes on."""

    stream: Stream
    paused: bool = True


class EndStream(msgspec.Struct, frozen=True):
    """Send FIN behind all queued octets; keep receiving (half-close)."""

    stream: Stream
    why: str = ""


class AbortStream(msgspec.Struct, frozen=True):
    """Send RST now and forget the stream. No happening follows."""

    stream: Stream
    why: str = ""


class ClaimPackets(msgspec.Struct, frozen=True):
    """Get whole IP packets for `local` (port 0: every port) as `PacketArrived` instead of the host's UDP and TCP.

    So do ICMP errors about packets that were sent from there. `local=None` claims all that reaches the host on any of
    its feet, also packets addressed elsewhere (a NAT).
    """

    local: Endpoint | None = None


class UnclaimPackets(msgspec.Struct, frozen=True):
    """Give a claim back: UDP and TCP for `local` are the host's again."""

    local: Endpoint | None = None


class SendPacket(msgspec.Struct, frozen=True):
    """Put one complete IP packet on a wire that the host has a foot on."""

    wire: str
    packet: bytes
    why: str = ""


class Meter:
    """Octets that a network has carried for a node. The node makes it and reads it; the network turns it.

    One meter may serve one splice or relay after the other; it goes on from where it stands.
    """

    __slots__ = ("_back", "_fetch", "_forth")

    def __init__(self) -> None:
        self._forth = self._back = 0
        self._fetch: Callable[[], tuple[int, int]] | None = None

    def read(self) -> tuple[int, int]:
        """Octets carried from `a` to `b`, and from `b` to `a`."""
        forth, back = self._fetch() if self._fetch is not None else (0, 0)
        return self._forth + forth, self._back + back

    def count(self, forth: int = 0, back: int = 0) -> None:
        """The network has carried so much more."""
        self._forth += forth
        self._back += back

    def follow(self, fetch: Callable[[], tuple[int, int]] | None) -> None:
        """Have figures that are kept elsewhere fetched at each `read`; None: take the last of them and keep that."""
        self._forth, self._back = self.read()
        self._fetch = fetch

    def __repr__(self) -> str:
        return "Meter()"


class Splice(msgspec.Struct, frozen=True):
    """Join two open streams: from now on the network copies octets both ways itself, with its own back-pressure.

    The node hears no `StreamData`, `StreamFull` and `StreamWritable` of them any more. Octets that arrived before and
    that it has not been told of go across as well; what it queued on either stream goes first. A pause that it ordered
    before is over; one that it orders later stops the copying from that stream.

    Ends are told and decided as without a splice: `StreamEnded` and `StreamClosed` come when every octet before them
    is in the other stream's queue, and nothing follows from them by itself. (A reset may take along octets that had
    not been read.) `EndStream` sends FIN behind what is under way towards that stream; what arrives for it later is
    thrown away. `SendStream` is not legal. The splice ends with either stream, or by `Unsplice`.

    Of streams one of which has ended it joins nothing, but octets that the node has not been told of go across.

    Args:
        meter: counts the octets that are taken from one stream for the other, also while they are under way.
    """

    a: Stream
    b: Stream
    meter: Meter | None = None


class Unsplice(msgspec.Struct, frozen=True):
    """End the splice of which `a` is either stream: octets come to the node again.

    What is under way still reaches the other side, before anything that the node sends there. If much of it waits
    there, `StreamFull` says so. Does nothing where there is no splice: it has ended before.
    """

    a: Stream


class Relay(msgspec.Struct, frozen=True):
    """Join two endpoints packet by packet: what reaches `a.local` from `a.remote` leaves `b.local` for `b.remote`,
    and the other way. Addresses, ports and checksums are changed, a hop is counted, and nothing else is done.

    Both are of one IP version; they need not be bound. Where they are claimed (`ClaimPackets`) or bound, what comes
    from other sources still comes to the node; so do ICMP errors at claimed endpoints. The relay ends with the claim or
    the binding of either endpoint.

    Args:
        protocol: "UDP" or "TCP".
        meter: counts octets of payload. A network that can count whole packets only takes off headers without options.
    """

    a: Stream
    b: Stream
    protocol: Literal["UDP", "TCP"] = "UDP"
    meter: Meter | None = None


class Unrelay(msgspec.Struct, frozen=True):
    """End the relay of which `a` is either side. Does nothing where there is none."""

    a: Stream
    protocol: Literal["UDP", "TCP"] = "UDP"


class Convert(msgspec.Struct, frozen=True):
    """Join two bound endpoints datagram by datagram: what reaches `a.local` from `a.remote` is changed and leaves
    `b.local` for `b.remote`, and the other way.

    What comes from other sources, and what can't be changed, comes to the node as ever. It ends with the binding of
    either endpoint; where one of them is not bound, or a joined one already, it does nothing.

    Args:
        forth, back: give what leaves instead of a datagram, from `a` to `b` and from `b` to `a`; None: the node has to
            see to it. They ask nobody and order nothing.
        meter: counts octets of payload, which is the shorter one of what came and what left: protection adds some.
    """

    a: Stream
    b: Stream
    forth: Callable[[bytes], bytes | None]
    back: Callable[[bytes], bytes | None]
    meter: Meter | None = None


class Unconvert(msgspec.Struct, frozen=True):
    """End the conversion of which `a` is either side. Does nothing where there is none."""

    a: Stream


class Prefer(msgspec.Struct, frozen=True):
    """What arrives at this endpoint is told before other arrivals that wait, and is looked for more often.

    That is for datagrams, and for streams whose `local` it is: control is not starved by media. It stays.
    """

    local: Endpoint


class Drop(msgspec.Struct, frozen=True):
    """A happening was refused. Nothing leaves; the trace says why."""

    what: Any
    reason: str


class Note(msgspec.Struct, frozen=True):
    """A remark for the trace, such as the state a node has reached. Never judged."""

    text: str


class LogKeys(msgspec.Struct, frozen=True):
    """One line in key log form (RFC 9850) for the capture's secrets block."""

    line: str

    def __repr__(self) -> str:
        return "LogKeys(...)"


Command = (
    BindDatagrams | UnbindDatagrams | SendDatagram | Listen | Unlisten | AcceptStream | RefuseStream | OpenStream
    | SendStream | PauseStream | EndStream | AbortStream | ClaimPackets | UnclaimPackets | SendPacket | Splice
    | Unsplice | Relay | Unrelay | Convert | Unconvert | Prefer | Drop | Note | LogKeys
)
