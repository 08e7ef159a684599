"""One host of the kernel network: its sockets, the SYNs that it holds, and the packets that its node claims.

A SYN is held on the wire in front of the host: its kernel hears of it when the node has accepted. So the kernel's own
TCP answers when the node says, as RFC 9293 has it, and may even meet it half-way (simultaneous open).
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from workbench.errors import LocalProtocolError, PeerError
from workbench.net import packets
from workbench.net.arrivals import Arrivals
from workbench.net.kernel.claims import Claims
from workbench.net.kernel.fragments import Fragments
from workbench.net.kernel.namespaces import Namespaces
from workbench.net.kernel.relays import Relays
from workbench.net.packets import RST, SYN, Ip, Tcp
from workbench.net.sockets import Connection, Datagrams, SocketNetwork
from workbench.net.values import (
    AbortStream,
    ClaimPackets,
    Command,
    DatagramFailed,
    Endpoint,
    Failure,
    PacketArrived,
    RefuseStream,
    Relay,
    SendPacket,
    Stream,
    StreamFailed,
    StreamFlushed,
    StreamOffered,
    UnbindDatagrams,
    UnclaimPackets,
    Unrelay,
)
from workbench.net.virtual.tcp import refusal

_IP_RECVERR = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}
_MSG_ERRQUEUE = 0x2000
_FIN_WAIT_2 = 5     # tcpi_state of linux/tcp.h
_CLOSED = 7
# ICMP type and code as `sock_extended_err` gives them (ip(7)), in the words of the virtual network.
_UNREACHABLE = {
    (3, 0): "network unreachable", (3, 1): "host unreachable", (3, 2): "protocol unreachable",
    (3, 3): "port unreachable", (1, 0): "no route", (1, 1): "prohibited", (1, 3): "address unreachable",
    (1, 4): "port unreachable",
}


class KernelHost(SocketNetwork):
    """A host's sockets. It shares its network's clock and list of arrivals.

    Args:
        name: of the host and its node.
        addresses: its own, and whether the wire of each is direct.
        namespaces: where its sockets are made.
        clock: seconds since the run's start.
        arrivals: where what happens waits for the nodes.
        inject: gives a packet from a wire to the host's kernel.
        put: puts a packet on a wire in the host's name, with a comment.
        relays: which the kernel has for it.
    """

    _shares_ports = True

    def __init__(self, name: str, addresses: dict[str, bool], namespaces: Namespaces, clock: Callable[[], float],
                 arrivals: Arrivals, inject: Callable[[str, bytes], None],
                 put: Callable[[SendPacket], None], relays: Relays) -> None:
        super().__init__(name, arrivals=arrivals)
        self._addresses = addresses
        self._namespaces = namespaces
        self._clock = clock
        self._inject = inject
        self._put = put
        self._claims = Claims()
        self._fragments = Fragments()
        self.relays = relays
        self._held: dict[Stream, tuple[str, bytes, Tcp]] = {}      # SYNs that wait for the node's answer
        self._admitted: set[Stream] = set()         # accepted by the node, handshake under way
        self._flushed: set[Stream] = set()

    @property
    def now(self) -> float:
        """Seconds since the run's start."""
        return self._clock()

    def fileno(self) -> int:
        """Readable when a socket of ours has something to tell: selectors can be nested (epoll(7))."""
        return self._selector.fileno()

    def turn(self) -> None:
        """Hear what the sockets have to tell."""
        self._turn(0.0)

    def carry(self, sender: str, command: Command, now: float) -> None:
        """Carry out one command; packets themselves are the network's matter."""
        match command:
            case ClaimPackets(local):
                self._claims.add(None if local is None else self._on_our_wire(local))
            case UnclaimPackets(local):
                self._claims.remove(local)
                self.relays.remove_at(local)
            case UnbindDatagrams(local):
                self.relays.remove_at(local, ("UDP",))
                super().carry(sender, command, now)
            case Relay(a, b):
                self._own(a.local)
                self._own(b.local)
                self.relays.add(command)
            case Unrelay(a, protocol):
                self.relays.remove(a, protocol)
            case RefuseStream(stream, why) | AbortStream(stream, why) if stream in self._held:
                self._refuse(stream, why)
            case _:
                super().carry(sender, command, now)

    def receive(self, wire: str, packet: bytes) -> None:
        """Take a packet from a wire: for the node, or for the kernel."""
        try:
            ip = packets.decode_ip(packet)
        except PeerError:
            self._pass_garbage(wire, packet)
            return
        parts = [packet]
        if ip.is_fragment and (self._claims.any or self.relays.any):    # of a later fragment nobody can say whose it is
            found = self._fragments.take(packet, ip, self.now)
            if found is None:
                return
            packet, parts = found
            ip = packets.decode_ip(packet)
        if self.relays.cover(ip):
            if len(parts) > 1:
                self._put(self.relays.pass_on(packet, ip))
            else:
                self._inject(wire, packet)
            return
        if self._claims.cover(ip):
            self._tell(PacketArrived(wire, packet))
            return
        segment = _segment(ip)
        if segment is not None and self._keeps(wire, packet, segment):
            return
        for part in parts:
            self._inject(wire, part)
        if segment is not None:
            self._look(Stream(segment.destination, segment.source), bool(segment.flags & RST))

    def _pass_garbage(self, wire: str, packet: bytes) -> None:
        if self._claims.all:
            self._tell(PacketArrived(wire, packet))
        else:
            self._inject(wire, packet)

    # SYNs

    def _keeps(self, wire: str, packet: bytes, segment: Tcp) -> bool:
        """Hold a SYN that reached our listener; whether the kernel is not to see this segment."""
        stream = Stream(segment.destination, segment.source)
        if segment.flags & RST:
            was_held = self._held.pop(stream, None) is not None
            if was_held or stream in self._admitted:
                self._admitted.discard(stream)
                self._tell(StreamFailed(stream, Failure.RESET))
            return was_held
        is_syn = segment.flags & (SYN | packets.ACK) == SYN
        if not is_syn or stream.local not in self._listening or stream in self._streams or stream in self._admitted:
            return False
        if stream not in self._held and len(self._held) < self._limits.offers:
            self._held[stream] = wire, packet, segment
            self._tell(StreamOffered(stream))
        return True

    def _accept(self, stream: Stream) -> None:
        held = self._held.pop(stream, None)
        if held is None:
            super()._accept(stream)
            return
        self._admitted.add(stream)
        self._inject(held[0], held[1])

    def _taken(self, stream: Stream, made: socket.socket) -> None:
        if self._addresses[stream.local.host]:      # direct: the kernel has answered before we could hold it
            super()._taken(stream, made)
            return
        if stream not in self._admitted:    # given up by the node during the handshake
            _reset(made)
            return
        self._admitted.discard(stream)
        connection = self._streams[stream] = Connection(stream, made)
        self._established(connection)

    def _open(self, stream: Stream) -> None:
        self._own(stream.local)
        held = self._held.pop(stream, None)
        if stream in self._admitted:
            self._tell(StreamFailed(stream, Failure.IN_USE))
            return
        super()._open(stream)
        if held is not None:
            self._inject(held[0], held[1])

    def _abort(self, stream: Stream) -> None:
        self._admitted.discard(stream)
        super()._abort(stream)

    def _refuse(self, stream: Stream, why: str = "") -> None:
        """Answer a SYN that the kernel has not heard of as the kernel would."""
        wire, _, syn = self._held.pop(stream)
        answer = refusal(syn)
        if answer is not None:
            self._put(SendPacket(wire, packets.encode_tcp(answer), why))

    def _unlisten(self, local: Endpoint) -> None:
        for stream in [stream for stream in self._held if stream.local == local]:
            self._refuse(stream)
        super()._unlisten(local)

    # What only packets show

    def _look(self, stream: Stream, was_reset: bool) -> None:
        """Has the kernel moved on in a way that it tells nobody about?"""
        connection = self._streams.get(stream)
        if connection is None:
            return
        state = connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        if state == _FIN_WAIT_2 and not connection.heard_end and stream not in self._flushed:
            self._flushed.add(stream)
            self._tell(StreamFlushed(stream))
        elif state == _CLOSED and was_reset and (connection.paused or connection.heard_end):
            self._broken(connection, OSError(errno.ECONNRESET, "reset"))

    def _forget(self, connection: Connection) -> None:
        self._flushed.discard(connection.stream)
        super()._forget(connection)

    # Datagrams

    def _receive_datagrams(self, bound: Datagrams) -> int:
        self._hear_errors(bound)
        return super()._receive_datagrams(bound)

    def _send_one(self, bound: Datagrams, remote: Endpoint, data: bytes) -> bool:
        self._hear_errors(bound)    # or the first of them would be told instead of sending
        return super()._send_one(bound, remote, data)

    def _hear_errors(self, bound: Datagrams) -> None:
        """ICMP errors about what was sent from here (ip(7), IP_RECVERR)."""
        while True:
            try:
                _, more, _, source = bound.socket.recvmsg(1, 512, _MSG_ERRQUEUE)
            except OSError:     # nothing more
                return
            for level, kind, octets in more:
                if (level, kind) == _IP_RECVERR[bound.local.version]:
                    _, _, type_, code = struct.unpack_from("=IBBB", octets)
                    reason = _UNREACHABLE.get((type_, code), "unreachable")
                    self._tell(DatagramFailed(bound.local, Endpoint(source[0], source[1]), reason))

    # Sockets

    def _own(self, local: Endpoint) -> Endpoint:
        if local.host not in self._addresses:
            raise LocalProtocolError(f"{local.host} is not an address of this host")
        return local

    def _on_our_wire(self, local: Endpoint) -> Endpoint:
        self._own(local)
        if self._addresses[local.host]:
            raise LocalProtocolError(f"{local.host} is on a direct wire: nothing stands there that could claim packets")
        return local

    def _make(self, local: Endpoint, kind: socket.SocketKind) -> socket.socket:
        version6 = local.version == 6
        made = self._namespaces.socket(self._node, socket.AF_INET6 if version6 else socket.AF_INET, kind)
        made.setblocking(False)
        if version6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        else:
            made.setsockopt(*_IP_RECVERR[local.version], 1)
        return made


def _segment(ip: Ip) -> Tcp | None:
    try:
        return packets.decode_tcp(ip) if ip.protocol == packets.TCP and not ip.is_fragment else None
    except PeerError:
        return None


def _reset(made: socket.socket) -> None:
    with suppress(OSError):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    made.close()
