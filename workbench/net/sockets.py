"""This host's own network for one node: its commands on real UDP and TCP sockets, one selector for all of them.

What a real stack can't do is not pretended (`capabilities`): the kernel has answered a SYN before we hear of it, so
`RefuseStream` is a reset after the fact; nobody tells when the peer has acknowledged our FIN, so `StreamFlushed` never
comes; there are no packets and no splices. Nothing here is special to one operating system.

Source: RFC 9293 §3.9.1 (user/TCP interface), RFC 8085 §5 (UDP and the socket interface).
"""

from __future__ import annotations

import errno
import ipaddress
import os
import selectors
import socket
import struct
import time
from collections import Counter, deque
from contextlib import suppress
from functools import lru_cache

import msgspec

from workbench.errors import LocalProtocolError, NetworkError
from workbench.net.interface import Arrival, Capabilities
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
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
    PauseStream,
    Prefer,
    RefuseStream,
    SendDatagram,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
    UnbindDatagrams,
    Unlisten,
)

_READ = selectors.EVENT_READ
_WRITE = selectors.EVENT_WRITE
_DATAGRAM_OCTETS = 65_535
_PIECE = 65_536
# A turn of the loop takes at most this much from one socket, so that none keeps the others waiting.
_DATAGRAMS_A_TURN = 64
_ACCEPTS_A_TURN = 32
_BACKLOG = 128
# A listener that found no free descriptor is left alone for so long; its peers wait in the kernel's queue.
_PAUSE = 0.2
# Signals are looked at between waits; where none interrupts the wait (Windows) this is how late.
_LONGEST_WAIT = 0.5
_RESET_ON_CLOSE = struct.pack("ii", 1, 0) if os.name != "nt" else struct.pack("HH", 1, 0)


def _numbers(*names: str) -> frozenset[int]:
    """These errors, in the numbers of this system and of Winsock."""
    every = (getattr(errno, prefix + name, None) for name in names for prefix in ("E", "WSAE"))
    return frozenset(number for number in every if number is not None)


_WOULD_BLOCK = _numbers("AGAIN", "WOULDBLOCK", "INPROGRESS", "INTR")
# A connection that ended while it waited to be accepted.
_FAILED_WAITING = _numbers("CONNABORTED", "CONNRESET", "PROTO")
_FULL = _WOULD_BLOCK | _numbers("NOBUFS")
_FAILURES = (
    (_numbers("CONNREFUSED"), Failure.REFUSED),
    (_numbers("CONNRESET", "CONNABORTED", "PIPE"), Failure.RESET),
    (_numbers("TIMEDOUT"), Failure.TIMED_OUT),
    (_numbers("ADDRINUSE", "ADDRNOTAVAIL", "ISCONN", "ALREADY"), Failure.IN_USE),
    (_numbers("NETUNREACH", "HOSTUNREACH", "NETDOWN", "HOSTDOWN", "ACCES", "PERM"), Failure.UNREACHABLE),
)


class Limits(msgspec.Struct, frozen=True):
    """What may pile up here. Sizes in octets.

    Args:
        send: above it `StreamFull` is told, and `StreamWritable` when a stream's send queue has drained to half of it.
        queue: a send queue never grows above it; an order that would is a LocalProtocolError.
        streams: open, opening or offered at one time; a further one is refused.
        offers: connections that wait for the node's answer; a further one is reset once the node has heard of them all.
        datagrams: that wait for room in one socket's send buffer; further ones are lost, as in a full queue.
        arrivals: happenings that wait for the node; beyond it nothing is read from any socket.
    """

    send: int = 262_144
    queue: int = 16_777_216
    streams: int = 4096
    offers: int = 128
    datagrams: int = 1024
    arrivals: int = 4096


class Datagrams(msgspec.Struct, eq=False):
    """A bound UDP endpoint."""

    local: Endpoint
    socket: socket.socket
    queue: deque[tuple[Endpoint, bytes]]


class _Listener(msgspec.Struct, eq=False):
    """An endpoint where connections are taken."""

    local: Endpoint
    socket: socket.socket


class Connection(msgspec.Struct, eq=False):
    """A stream: opening, offered, or open."""

    stream: Stream
    socket: socket.socket
    opening: bool = False
    offered: bool = False
    paused: bool = False
    crowded: bool = False
    ending: bool = False
    ended: bool = False
    heard_end: bool = False
    queue: bytearray = msgspec.field(default_factory=bytearray)


_Entry = Datagrams | _Listener | Connection


class SocketNetwork:
    """Implements `net.interface.Network` for one node on this host's addresses.

    Args:
        node: name of the node; happenings are addressed to it.
        limits: see `Limits`.
    """

    # A port that listens can be bound again for a connection of ours.
    _shares_ports = False

    def __init__(self, node: str, limits: Limits | None = None) -> None:
        self.capabilities = Capabilities(holds_syn=False, packets=False, splice=False)
        self._node = node
        self._limits = limits or Limits()
        self._began = time.monotonic()
        self._arrivals: deque[Arrival] = deque()
        self._selector = selectors.DefaultSelector()
        self._watched: dict[socket.socket, int] = {}
        self._bound: dict[Endpoint, Datagrams] = {}
        self._listening: dict[Endpoint, _Listener] = {}
        self._streams: dict[Stream, Connection] = {}
        self._offers = 0
        self._resting: list[tuple[float, _Listener]] = []
        self._interrupted, self._interrupts = _pair()
        self._selector.register(self._interrupted, _READ, None)

    @property
    def now(self) -> float:
        """Seconds since this network was made, on a clock that only goes forward."""
        return time.monotonic() - self._began

    def interrupt(self) -> None:
        """End a `wait` that is under way; may be called from a signal handler or another thread."""
        with suppress(OSError):
            self._interrupts.send(b".")

    # Commands

    def carry(self, sender: str, command: Command, now: float) -> None:
        """Carry out one command.

        An order for a stream that has ended is too late rather than wrong, and does nothing.

        Raises:
            NetworkError: this host does not give us an address or port.
            LocalProtocolError: an order that this network can't carry, or one that is not legal for the stream.
        """
        match command:
            case SendDatagram(local, remote, data):
                self._send_datagram(local, remote, data)
            case SendStream(stream, data):
                self._send(stream, data)
            case OpenStream(stream):
                self._open(stream)
            case AcceptStream(stream):
                self._accept(stream)
            case RefuseStream(stream) | AbortStream(stream):
                self._abort(stream)
            case EndStream(stream):
                self._end(stream)
            case PauseStream(stream, paused):
                self._pause(stream, paused)
            case BindDatagrams(local):
                self._bind(local)
            case UnbindDatagrams(local):
                self._close(self._bound.pop(local, None))
            case Listen(local):
                self._listen(local)
            case Unlisten(local):
                self._unlisten(local)
            case Prefer() | Drop() | Note() | LogKeys():
                pass
            case _:
                raise LocalProtocolError(f"this host's network does not carry {type(command).__name__}")

    def wait(self, deadline: float) -> Arrival | None:
        """The next happening, or None: the deadline came first, or `interrupt` was called, or a moment has passed."""
        if not self._arrivals:
            self._turn(max(0.0, min(deadline - self.now, _LONGEST_WAIT)))
        return self._arrivals.popleft() if self._arrivals else None

    def close(self) -> None:
        """Give back every socket; streams that are still open are reset."""
        for connection in list(self._streams.values()):
            self._abort(connection.stream)
        entries: list[_Entry] = [*self._bound.values(), *self._listening.values()]
        for entry in entries:
            self._close(entry)
        self._bound.clear()
        self._listening.clear()
        self._selector.close()
        self._interrupted.close()
        self._interrupts.close()

    def figures(self) -> dict[str, dict[str, float]]:
        """How many sockets do what now."""
        states = Counter("open" if state == "ended" else state for state in map(_state, self._streams.values()))
        return {"sockets": {
            "opening": states["opening"], "offered": states["offered"], "open": states["open"],
            "listening": len(self._listening), "datagrams": len(self._bound)}}

    # The loop's turn

    def _turn(self, seconds: float) -> None:
        if self._resting:
            seconds = min(seconds, self._wake_listeners())
        for key, mask in self._selector.select(seconds):
            match key.data:
                case None:
                    with suppress(OSError):
                        self._interrupted.recv(4096)
                case Datagrams() as bound:
                    if mask & _WRITE:
                        self._flush_datagrams(bound)
                    if mask & _READ:
                        self._receive_datagrams(bound)
                case _Listener() as listener:
                    self._take_offers(listener)
                case Connection() as connection:
                    self._progress(connection, mask)

    def _wake_listeners(self) -> float:
        """Listen again where the pause is over; how long the next one lasts."""
        now = self.now
        for until, listener in self._resting:
            if until <= now and self._listening.get(listener.local) is listener:
                self._watch(listener, _READ)
        self._resting = [(until, listener) for until, listener in self._resting if until > now]
        return min((until - now for until, _ in self._resting), default=_LONGEST_WAIT)

    def _tell(self, happened: Happening) -> None:
        self._arrivals.append(Arrival(self._node, happened, self.now))

    def _watch(self, entry: _Entry, mask: int) -> None:
        """Be told of these events at this entry's socket; 0: of none."""
        before = self._watched.get(entry.socket, 0)
        if mask == before:
            return
        if not before:
            self._selector.register(entry.socket, mask, entry)
        elif not mask:
            self._selector.unregister(entry.socket)
        else:
            self._selector.modify(entry.socket, mask, entry)
        if mask:
            self._watched[entry.socket] = mask
        else:
            self._watched.pop(entry.socket, None)

    def _close(self, entry: _Entry | None) -> None:
        if entry is not None:
            self._watch(entry, 0)
            entry.socket.close()

    # Sockets

    def _make(self, local: Endpoint, kind: socket.SocketKind) -> socket.socket:
        """A socket that can be bound to `local`. Raises OSError."""
        return _socket(local, kind)

    def _bound_socket(self, local: Endpoint, kind: socket.SocketKind) -> socket.socket:
        """A socket at this endpoint, listening if it is TCP. Raises NetworkError."""
        protocol = "TCP" if kind == socket.SOCK_STREAM else "UDP"
        try:
            made = self._make(local, kind)
        except OSError as error:
            raise _refused(local, protocol, error) from None
        try:
            made.bind((local.host, local.port))
            if kind == socket.SOCK_STREAM:
                made.listen(_BACKLOG)
        except (OSError, OverflowError) as error:
            made.close()
            raise _refused(local, protocol, error) from None
        return made

    # Datagrams

    def _bind(self, local: Endpoint) -> None:
        if local in self._bound:
            return
        made = self._bound_socket(local, socket.SOCK_DGRAM)
        bound = self._bound[local] = Datagrams(local, made, deque())
        self._watch(bound, _READ)

    def _receive_datagrams(self, bound: Datagrams) -> None:
        for _ in range(_DATAGRAMS_A_TURN):
            if len(self._arrivals) >= self._limits.arrivals or bound.local not in self._bound:
                return
            try:
                data, source = bound.socket.recvfrom(_DATAGRAM_OCTETS)
            except OSError as error:
                if error.errno in _WOULD_BLOCK:
                    return
                continue  # Windows tells of ICMP errors here, without saying whose datagram it was
            self._tell(DatagramReceived(bound.local, _endpoint(source), data))

    def _send_datagram(self, local: Endpoint, remote: Endpoint, data: bytes) -> None:
        bound = self._bound.get(local)
        if bound is None:
            raise LocalProtocolError(f"{local} is not bound")
        if bound.queue or not self._send_one(bound, remote, data):
            if len(bound.queue) < self._limits.datagrams:
                bound.queue.append((remote, data))
            self._watch(bound, _READ | _WRITE)

    def _send_one(self, bound: Datagrams, remote: Endpoint, data: bytes) -> bool:
        """Whether the datagram is out of our hands."""
        if not _is_address(remote.host):
            self._tell(DatagramFailed(bound.local, remote, "no IP address"))
            return True
        try:
            bound.socket.sendto(data, (remote.host, remote.port))
        except OSError as error:
            if error.errno in _FULL:
                return False
            self._tell(DatagramFailed(bound.local, remote, (error.strerror or str(error)).lower()))
        return True

    def _flush_datagrams(self, bound: Datagrams) -> None:
        while bound.queue and self._send_one(bound, *bound.queue[0]):
            bound.queue.popleft()
        if not bound.queue:
            self._watch(bound, _READ)

    # Listening

    def _listen(self, local: Endpoint) -> None:
        if local in self._listening:
            return
        made = self._bound_socket(local, socket.SOCK_STREAM)
        listener = self._listening[local] = _Listener(local, made)
        self._watch(listener, _READ)

    def _unlisten(self, local: Endpoint) -> None:
        self._close(self._listening.pop(local, None))
        for connection in list(self._streams.values()):
            if connection.offered and connection.stream.local == local:
                self._abort(connection.stream)

    def _take_offers(self, listener: _Listener) -> None:
        for _ in range(_ACCEPTS_A_TURN):
            if self._offers >= self._limits.offers and self._arrivals:
                return  # the node has not heard of all of them yet: the others wait in the kernel's queue
            try:
                made, source = listener.socket.accept()
            except OSError as error:
                if error.errno not in _WOULD_BLOCK | _FAILED_WAITING:  # no descriptor is left, or no memory
                    self._watch(listener, 0)
                    self._resting.append((self.now + _PAUSE, listener))
                return
            made.setblocking(False)
            stream = Stream(listener.local, _endpoint(source))
            crowded = len(self._streams) >= self._limits.streams or self._offers >= self._limits.offers
            if crowded or stream in self._streams:
                _reset(made)
                continue
            self._taken(stream, made)

    def _taken(self, stream: Stream, made: socket.socket) -> None:
        """The kernel has established a connection with a listener of ours: offer it."""
        self._streams[stream] = Connection(stream, made, offered=True)
        self._offers += 1
        self._tell(StreamOffered(stream))

    def _accept(self, stream: Stream) -> None:
        connection = self._streams.get(stream)
        if connection is None or not connection.offered:
            return
        connection.offered = False
        self._offers -= 1
        self._established(connection)

    # Opening

    def _open(self, stream: Stream) -> None:
        if stream in self._streams or len(self._streams) >= self._limits.streams:
            self._tell(StreamFailed(stream, Failure.IN_USE))
            return
        if not _is_address(stream.remote.host):
            self._tell(StreamFailed(stream, Failure.UNREACHABLE))
            return
        try:
            made = self._make(stream.local, socket.SOCK_STREAM)
        except OSError:  # no descriptor is left
            self._tell(StreamFailed(stream, Failure.IN_USE))
            return
        # A port that listens can't be bound again; it listens again once our connection has its socket.
        listener = None if self._shares_ports else self._listening.pop(stream.local, None)
        if listener is not None:
            self._take_offers(listener)
            self._close(listener)
        try:
            made.bind((stream.local.host, stream.local.port))
            error = made.connect_ex((stream.remote.host, stream.remote.port))
        except (OSError, OverflowError) as failed:
            error = getattr(failed, "errno", None) or errno.EADDRNOTAVAIL
        if listener is not None:
            with suppress(NetworkError):
                self._listen(listener.local)
        if error and error not in _WOULD_BLOCK:
            made.close()
            self._tell(StreamFailed(stream, _failure(error, opening=True)))
            return
        connection = self._streams[stream] = Connection(stream, made, opening=True)
        self._watch(connection, _WRITE)

    def _opened(self, connection: Connection) -> None:
        error = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error in _WOULD_BLOCK:
            return
        connection.opening = False
        if error:
            self._forget(connection)
            self._tell(StreamFailed(connection.stream, _failure(error, opening=True)))
        else:
            self._established(connection)

    def _established(self, connection: Connection) -> None:
        with suppress(OSError):
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tell(StreamOpened(connection.stream))
        self._watch_stream(connection)

    # Open streams

    def _watch_stream(self, connection: Connection) -> None:
        reads = _READ if not connection.paused and not connection.heard_end else 0
        writes = _WRITE if connection.queue else 0
        self._watch(connection, reads | writes)

    def _progress(self, connection: Connection, mask: int) -> None:
        if connection.opening:
            self._opened(connection)
            return
        if mask & _WRITE:
            self._write(connection)
        if mask & _READ and self._streams.get(connection.stream) is connection:
            self._read(connection)

    def _read(self, connection: Connection) -> None:
        if connection.paused or connection.heard_end or len(self._arrivals) >= self._limits.arrivals:
            return
        try:
            data = connection.socket.recv(_PIECE)
        except OSError as error:
            if error.errno not in _WOULD_BLOCK:
                self._broken(connection, error)
            return
        if data:
            self._tell(StreamData(connection.stream, data))
            return
        connection.heard_end = True
        self._tell(StreamEnded(connection.stream))
        self._watch_stream(connection)
        self._close_if_over(connection)

    def _send(self, stream: Stream, data: bytes) -> None:
        connection = self._streams.get(stream)
        if connection is None:
            return
        if connection.opening or connection.offered or connection.ending:
            raise LocalProtocolError(f"send while {_state(connection)}: {stream}")
        if len(connection.queue) + len(data) > self._limits.queue:
            raise LocalProtocolError(f"more than {self._limits.queue} octets queued: {stream}")
        waited = bool(connection.queue)
        connection.queue += data
        if not waited:
            self._write(connection)
        alive = self._streams.get(stream) is connection
        if alive and not connection.crowded and len(connection.queue) > self._limits.send:
            connection.crowded = True
            self._tell(StreamFull(stream))

    def _write(self, connection: Connection) -> None:
        while connection.queue:
            try:
                sent = connection.socket.send(connection.queue[:_PIECE])
            except OSError as error:
                if error.errno not in _WOULD_BLOCK:
                    self._broken(connection, error)
                    return
                break
            del connection.queue[:sent]
        if connection.crowded and len(connection.queue) <= self._limits.send // 2:
            connection.crowded = False
            self._tell(StreamWritable(connection.stream))
        if connection.ending and not connection.ended and not connection.queue:
            self._shut(connection)
        if self._streams.get(connection.stream) is connection:
            self._watch_stream(connection)

    def _end(self, stream: Stream) -> None:
        connection = self._streams.get(stream)
        if connection is None or connection.ending:
            return
        if connection.opening or connection.offered:
            raise LocalProtocolError(f"end while {_state(connection)}: {stream}")
        connection.ending = True
        if not connection.queue:
            self._shut(connection)

    def _shut(self, connection: Connection) -> None:
        connection.ended = True
        try:
            connection.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._broken(connection, error)
            return
        self._close_if_over(connection)

    def _close_if_over(self, connection: Connection) -> None:
        if connection.ended and connection.heard_end:
            self._forget(connection)
            self._tell(StreamClosed(connection.stream))

    def _pause(self, stream: Stream, paused: bool) -> None:
        connection = self._streams.get(stream)
        if connection is not None:
            connection.paused = paused
            if not connection.opening and not connection.offered:
                self._watch_stream(connection)

    def _abort(self, stream: Stream) -> None:
        connection = self._streams.get(stream)
        if connection is not None:
            _linger(connection.socket)
            self._forget(connection)

    def _broken(self, connection: Connection, error: OSError) -> None:
        self._forget(connection)
        self._tell(StreamClosed(connection.stream, _failure(error.errno or 0, opening=False)))

    def _forget(self, connection: Connection) -> None:
        self._offers -= connection.offered
        connection.offered = False
        del self._streams[connection.stream]
        self._close(connection)


def free_port(host: str = "127.0.0.1", *, stream: bool = False) -> int:
    """A port that nobody has at this moment (TCP with `stream`, else UDP)."""
    local = Endpoint(host, 0)
    with _socket(local, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def probe(local: Endpoint) -> None:
    """Whether this host would give us this endpoint (port 0: this address). Raises NetworkError."""
    try:
        with _socket(local, socket.SOCK_DGRAM) as made:
            made.bind((local.host, local.port))
    except (OSError, OverflowError) as error:
        raise _refused(local, "UDP", error) from None


def _socket(local: Endpoint, kind: socket.SocketKind) -> socket.socket:
    version = local.version
    made = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, kind)
    made.setblocking(False)
    if version == 6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if os.name == "nt":
        made.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE", 0), 1)
    elif kind == socket.SOCK_STREAM:
        # Connections of before in TIME-WAIT do not keep the port (on Windows the option means something else).
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


@lru_cache(maxsize=4096)
def _is_address(host: str) -> bool:
    """Whether this is an address. A name is never looked up here: that may take long, and asks strangers."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _pair() -> tuple[socket.socket, socket.socket]:
    receives, sends = socket.socketpair()
    receives.setblocking(False)
    sends.setblocking(False)
    return receives, sends


def _endpoint(address: tuple[str, int] | tuple[str, int, int, int]) -> Endpoint:
    """An address of the socket interface in the form that nodes compare."""
    host = address[0]
    if ":" in host:
        host = str(ipaddress.ip_address(host.partition("%")[0]))
    return Endpoint(host, address[1])


def _linger(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


def _reset(sock: socket.socket) -> None:
    _linger(sock)
    sock.close()


def _state(connection: Connection) -> str:
    return "opening" if connection.opening else "offered" if connection.offered else "ended"


def _failure(number: int, *, opening: bool) -> Failure:
    for numbers, failure in _FAILURES:
        if number in numbers:
            return Failure.REFUSED if opening and failure is Failure.RESET else failure
    return Failure.UNREACHABLE if opening else Failure.RESET


def _refused(local: Endpoint, protocol: str, error: Exception) -> NetworkError:
    """Why an endpoint can't be had, for people."""
    number = getattr(error, "errno", None)
    where = f"{protocol} {local}"
    if number in _numbers("ADDRINUSE"):
        return NetworkError(f"{where} is in use by another program")
    if number in _numbers("ADDRNOTAVAIL"):
        return NetworkError(f"{local.host} is not an address of this host ({where})")
    if number in _numbers("ACCES", "PERM"):
        needs = ": ports below 1024 need privileges" if local.port < 1024 else ""
        return NetworkError(f"{where} is not allowed to us{needs}")
    return NetworkError(f"{where} can't be had: {getattr(error, 'strerror', None) or error}")
