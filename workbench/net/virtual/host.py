"""A host's stack: orders and packets in, packets and happenings out. It knows no clock and no other host.

`Stack` serves the virtual network's hosts, and equally a TUN device.

Source: RFC 1122 (hosts), RFC 768 (UDP), RFC 792 and RFC 4443 (ICMP), RFC 9293 (TCP, in tcp.py).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

import msgspec

from workbench.errors import LocalProtocolError, PeerError
from workbench.net import packets
from workbench.net.packets import Ip, Tcp
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
    ClaimPackets,
    Command,
    DatagramFailed,
    DatagramReceived,
    Drop,
    Endpoint,
    EndStream,
    Failure,
    Happening,
    Listen,
    LogKeys,
    Note,
    OpenStream,
    PacketArrived,
    PauseStream,
    Prefer,
    RefuseStream,
    Relay,
    SendDatagram,
    SendPacket,
    SendStream,
    Splice,
    Stream,
    StreamClosed,
    StreamFailed,
    UnbindDatagrams,
    UnclaimPackets,
    Unlisten,
    Unrelay,
    Unsplice,
)
from workbench.net.virtual.relays import Onward, Relays
from workbench.net.virtual.settings import DEFAULT, Settings
from workbench.net.virtual.splices import Splices
from workbench.net.virtual.states import State
from workbench.net.virtual.tcp import Event as TcpEvent
from workbench.net.virtual.tcp import TcpMachine, Transmit, refusal

_UNREACHABLE_NAMES = {0: "network unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable"}
_UNREACHABLE_NAMES_V6 = {0: "no route", 1: "prohibited", 3: "address unreachable", 4: "port unreachable"}


class Put(msgspec.Struct, frozen=True):
    """A packet leaves the host through its foot on `wire`, with a comment for its frame."""

    wire: str
    packet: bytes
    why: str = ""


Outcome = Put | Happening


class Stack:
    """IP, UDP, ICMP and TCP of one host.

    Args:
        addresses: the host's own.
        route: names the wire on which a packet from one address to another leaves; None: no route.
        random: source of initial sequence numbers.
        settings: limits and timers of TCP.
        max_streams: connections in any state, TIME-WAIT included; a SYN above it is not answered.
        backlog: offered SYNs that wait for the node's answer; a SYN above it is not answered.
    """

    def __init__(self, addresses: frozenset[str], route: Callable[[str, str], str | None], random: Random,
                 settings: Settings = DEFAULT, *, max_streams: int = 4096, backlog: int = 128) -> None:
        self.addresses = addresses
        self._route = route
        self._random = random
        self._settings = settings
        self._max_streams = max_streams
        self._backlog = backlog
        self._ident = random.getrandbits(16)
        self._bound: set[Endpoint] = set()
        self._listening: set[Endpoint] = set()
        self._claimed: set[Endpoint] = set()
        self._claims_all = False
        self._relays = Relays()
        self._streams: dict[Stream, TcpMachine] = {}
        self._splices = Splices(self._streams, self._did, settings.send_limit)
        self._timers: list[tuple[float, int, Stream]] = []
        self._armed: dict[Stream, float] = {}
        self._count = 0
        self._out: list[Outcome] = []

    # Orders.

    def carry(self, command: Command, now: float) -> list[Outcome]:
        """Carry out one command.

        A command for a stream that has ended is too late rather than wrong, and does nothing: the happening
        that says so has been given.

        Raises:
            LocalProtocolError: an address or wire that is not ours, or an order that TCP does not know in this state.
        """
        if self._splices and self._splices.takes(command, now):
            return self._take()
        match command:
            case SendStream(stream, data, why):
                self._order(stream, lambda machine: machine.send(data, now, why), now)
            case SendDatagram(local, remote, data, why):
                self._send_datagram(local, remote, data, why)
            case SendPacket(wire, packet, why):
                self._out.append(Put(wire, packet, why))
            case OpenStream(stream, why):
                self._open(stream, why, now)
            case AcceptStream(stream, why):
                self._answer(stream, lambda machine: machine.accept(now, why), now)
            case RefuseStream(stream, why):
                self._answer(stream, lambda machine: machine.abort(now, why), now)
            case EndStream(stream, why):
                self._order(stream, lambda machine: machine.end(now, why), now)
            case AbortStream(stream, why):
                self._order(stream, lambda machine: machine.abort(now, why), now)
            case PauseStream(stream, paused):
                self._order(stream, lambda machine: machine.pause(paused, now), now)
            case Splice():
                return self.splice(command, (b"", b""), now)
            case Unsplice(stream):
                self._out += self._splices.part(stream, now)
            case BindDatagrams(local):
                self._bound.add(self._own(local))
            case UnbindDatagrams(local):
                self._bound.discard(local)
                self._relays.part_all(local, "UDP")
            case Relay(a, b):
                self._own(a.local)
                self._own(b.local)
                self._relays.join(command)
            case Unrelay(side, protocol):
                self._relays.part(side, protocol)
            case Listen(local):
                self._listening.add(self._own(local))
            case Unlisten(local):
                self._unlisten(local, now)
            case ClaimPackets(None):
                self._claims_all = True
            case ClaimPackets(local) if local is not None:
                if local.host not in self.addresses:
                    raise LocalProtocolError(f"{local.host} is not an address of this host")
                self._claimed.add(local)
            case UnclaimPackets(None):
                self._claims_all = False
            case UnclaimPackets(local) if local is not None:
                self._claimed.discard(local)
                self._relays.part_all(local, "UDP", "TCP")
            case Prefer() | Drop() | Note() | LogKeys():
                pass
            case _:
                raise LocalProtocolError(f"no network carries {type(command).__name__}")
        return self._take()

    def _own(self, local: Endpoint) -> Endpoint:
        if local.host not in self.addresses:
            raise LocalProtocolError(f"{local.host} is not an address of this host")
        if not 0 < local.port < 65536:
            raise LocalProtocolError(f"port {local.port}")
        return local

    def _order(self, stream: Stream, order: Callable[[TcpMachine], list[TcpEvent]], now: float) -> None:
        machine = self._streams.get(stream)
        if machine is not None and not machine.finished:
            self._did(machine, order(machine), now)

    def _answer(self, stream: Stream, order: Callable[[TcpMachine], list[TcpEvent]], now: float) -> None:
        machine = self._streams.get(stream)
        if machine is not None and machine.state is State.LISTEN:
            self._did(machine, order(machine), now)

    def _open(self, stream: Stream, why: str, now: float) -> None:
        self._own(stream.local)
        if self._route(stream.local.host, stream.remote.host) is None:
            self._out.append(StreamFailed(stream, Failure.UNREACHABLE))
            return
        machine = self._streams.get(stream)
        isn = self._random.getrandbits(32)
        if machine is not None and machine.state is State.TIME_WAIT:
            # The old connection's segments can't be mistaken for the new one's (RFC 9293 §3.6.1).
            isn = machine.next_sequence + 1_000_000 & 0xFFFFFFFF
            self._forget(stream)
            machine = None
        if machine is None and len(self._streams) < self._max_streams:
            machine = self._streams[stream] = TcpMachine(stream, isn, self._settings)
        elif machine is None or machine.state is not State.LISTEN:
            self._out.append(StreamFailed(stream, Failure.IN_USE))
            return
        self._did(machine, machine.open(now, why), now)

    def _unlisten(self, local: Endpoint, now: float) -> None:
        self._listening.discard(local)
        for machine in list(self._streams.values()):
            if machine.stream.local == local and machine.state is State.LISTEN:
                self._did(machine, machine.abort(now), now)

    def _send_datagram(self, local: Endpoint, remote: Endpoint, data: bytes, why: str) -> None:
        self._own(local)
        if len(data) > 65507:
            raise LocalProtocolError(f"a datagram of {len(data)} octets")
        wire = self._route(local.host, remote.host)
        if wire is None:
            self._out.append(DatagramFailed(local, remote, "no route"))
            return
        self._out.append(Put(wire, packets.encode_udp(local, remote, data, ident=self._next_ident()), why))

    def splice(self, command: Splice, untold: tuple[bytes, bytes], now: float) -> list[Outcome]:
        """Join two streams; `untold` are the octets of each that the node has not been told of."""
        self._splices.join(command, untold, now)
        return self._take()

    # Arrivals and time.

    def receive(self, wire: str, packet: bytes, now: float) -> list[Outcome]:
        """Take a packet from a wire. What does not decode, is damaged or is not for us is dropped silently."""
        if self._claims_all:
            return [PacketArrived(wire, packet)]
        try:
            ip = packets.decode_ip(packet)
            if ip.destination not in self.addresses or not ip.checksum_ok or ip.is_fragment:
                return []
            if self._relays and (onward := self._relays.onward(ip, packet)) is not None:
                return self._send_onward(onward)
            if self._claimed and self._is_claimed(ip):
                return [PacketArrived(wire, packet)]
            if ip.protocol == packets.TCP:
                self._on_tcp(packets.decode_tcp(ip), now)
            elif ip.protocol == packets.UDP:
                self._on_udp(packet, ip)
            elif ip.protocol in (packets.ICMP, packets.ICMP_V6):
                self._on_icmp(ip, now)
            else:
                self._unreachable(packet, ip, packets.Unreachable.PROTOCOL)
        except PeerError:
            return self._take()
        return self._take()

    def _send_onward(self, onward: Onward) -> list[Outcome]:
        wire = self._route(onward.source.host, onward.destination.host)
        return [] if wire is None else [Put(wire, onward.packet, "relayed")]

    def _is_claimed(self, ip: Ip) -> bool:
        if Endpoint(ip.destination, 0) in self._claimed:
            return True
        ends = packets.endpoints(ip)
        if ends is not None:
            return ip.protocol in (packets.TCP, packets.UDP) and ends[1] in self._claimed
        if ip.protocol not in (packets.ICMP, packets.ICMP_V6):
            return False
        icmp = packets.decode_icmp(ip)
        return icmp.is_error and packets.decode_quoted(icmp)[1] in self._claimed

    def next_wakeup(self) -> float | None:
        """The next moment at which `wake` has something to do."""
        while self._timers and self._armed.get(self._timers[0][2]) != self._timers[0][0]:
            heapq.heappop(self._timers)     # set anew or forgotten since
        return self._timers[0][0] if self._timers else None

    def wake(self, now: float) -> list[Outcome]:
        """Let the connections whose timers are due act."""
        while (due := self.next_wakeup()) is not None and due <= now:
            _, _, stream = heapq.heappop(self._timers)
            del self._armed[stream]
            machine = self._streams[stream]
            self._did(machine, machine.wake(now), now)
        return self._take()

    def _on_udp(self, packet: bytes, ip: Ip) -> None:
        udp = packets.decode_udp(ip)
        if not udp.checksum_ok:
            return
        if udp.destination in self._bound:
            self._out.append(DatagramReceived(udp.destination, udp.source, udp.data))
        else:
            self._unreachable(packet, ip, packets.Unreachable.PORT)

    def _on_icmp(self, ip: Ip, now: float) -> None:
        icmp = packets.decode_icmp(ip)
        if not icmp.checksum_ok or icmp.version != (4 if ip.protocol == packets.ICMP else 6):
            return
        if icmp.is_echo_request:
            wire = self._route(ip.destination, ip.source)
            if wire is not None:
                self._out.append(Put(wire, packets.encode_icmp(
                    ip.destination, ip.source, 0 if ip.version == 4 else 129, 0, icmp.rest, icmp.body,
                    ident=self._next_ident()), "echo reply"))
        elif icmp.type == (3 if ip.version == 4 else 1):
            names = _UNREACHABLE_NAMES if ip.version == 4 else _UNREACHABLE_NAMES_V6
            protocol, source, destination, transport = packets.decode_quoted(icmp)
            if protocol == packets.UDP and source in self._bound:
                self._out.append(DatagramFailed(source, destination, names.get(icmp.code, "unreachable")))
            elif protocol == packets.TCP:
                machine = self._streams.get(Stream(source, destination))
                if machine is not None:
                    self._did(machine, machine.unreachable(int.from_bytes(transport[4:8], "big"), now), now)

    def _unreachable(self, packet: bytes, ip: Ip, code: packets.Unreachable) -> None:
        wire = self._route(ip.destination, ip.source)
        if wire is not None:
            error = packets.encode_unreachable(packet, ip, ip.destination, code, ident=self._next_ident())
            self._out.append(Put(wire, error, f"{code.name.lower()} unreachable"))

    def _on_tcp(self, segment: Tcp, now: float) -> None:
        if not segment.checksum_ok:
            return
        stream = Stream(segment.destination, segment.source)
        machine = self._streams.get(stream)
        is_syn = segment.flags & (packets.SYN | packets.ACK | packets.RST) == packets.SYN
        if machine is not None and is_syn and machine.reopens(segment):
            self._forget(stream)
            machine = None
        if machine is not None:
            self._did(machine, machine.receive(segment, now), now)
        elif is_syn and segment.destination in self._listening:
            offered = sum(1 for other in self._streams.values() if other.state is State.LISTEN)
            if len(self._streams) < self._max_streams and offered < self._backlog:
                machine = self._streams[stream] = TcpMachine(stream, self._random.getrandbits(32), self._settings)
                self._did(machine, machine.offer(segment, now), now)
        else:
            answer = refusal(segment)
            if answer is not None:
                self._put_segment(answer, "no connection here" if not is_syn else "nobody listens here")

    # What machines say.

    def _did(self, machine: TcpMachine, events: list[TcpEvent], now: float) -> None:
        stream = machine.stream
        for event in events:
            if isinstance(event, Transmit):
                self._put_segment(event.segment, event.why)
            elif not self._splices or not self._splices.hears(stream, event, now):
                self._out.append(event)
                if isinstance(event, StreamClosed):
                    self._out += self._splices.part(stream, now)
        if machine.finished:
            self._out += self._splices.part(stream, now)
            self._forget(stream)
            return
        # Timers mostly move later; the entry that is there then wakes the machine early, and it is set anew.
        wakeup = machine.next_wakeup()
        if wakeup is not None and wakeup < self._armed.get(stream, wakeup + 1.0):
            self._count += 1
            self._armed[stream] = wakeup
            heapq.heappush(self._timers, (wakeup, self._count, stream))

    def _put_segment(self, segment: Tcp, why: str) -> None:
        wire = self._route(segment.source.host, segment.destination.host)
        if wire is not None:
            self._out.append(Put(wire, packets.encode_tcp(segment, ident=self._next_ident()), why))

    def _forget(self, stream: Stream) -> None:
        self._streams.pop(stream, None)
        self._armed.pop(stream, None)

    def _next_ident(self) -> int:
        self._ident = self._ident + 1 & 0xFFFF
        return self._ident

    def _take(self) -> list[Outcome]:
        out, self._out = self._out, []
        return out
