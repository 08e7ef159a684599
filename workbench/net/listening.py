"""Real packets of some endpoints of this host, by a packet socket (Linux, CAP_NET_RAW): seen, never taken.

The kernel hands over what has one of our addresses (a BPF filter); whether it is of our endpoints is looked at here.

Source: packet(7), Linux Documentation/networking/filter.rst.
"""

from __future__ import annotations

import ctypes
import ipaddress
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from workbench.errors import MalformedMessageError, NetworkError
from workbench.net import packets
from workbench.net.values import Endpoint

_ETH_P_ALL = 3
_PACKET_OUTGOING = 4
_ARPHRD_LOOPBACK = 772
_SOL_PACKET, _PACKET_STATISTICS, _PACKET_AUXDATA = 263, 6, 8
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35
_CSUM_NOT_READY = 8
_AUXDATA = struct.Struct("@IIIHHHH")
_MOST_OCTETS = 262_144
_BUFFER = 32 << 20
_PACKETS_A_TURN = 256
# Jumps of classic BPF reach 255 instructions.
_MOST_ADDRESSES = 24
_MOST_ENDPOINTS = 65_536


class Seen(msgspec.Struct, frozen=True):
    """A packet: which endpoint of ours it is about, its octets, and when the kernel saw it (nanoseconds, Unix)."""

    at: Endpoint
    octets: bytes
    time_ns: int


def possible() -> str:
    """Why real packets can't be seen here; empty: they can."""
    if not sys.platform.startswith("linux"):
        return "real packets are seen on Linux only"
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0).close()
    except OSError:
        return "real packets need CAP_NET_RAW"
    return ""


class Listening:
    """A packet socket for the endpoints of one node.

    Args:
        addresses: the node's own; packets without one of them never reach us.

    Raises:
        NetworkError: there is no such socket here, or we may not have it.
    """

    def __init__(self, addresses: Iterable[str]) -> None:
        if not sys.platform.startswith("linux"):
            raise NetworkError("real packets are seen on Linux only")
        self._own: dict[Endpoint, None] = {}
        self._buffer = memoryview(bytearray(_MOST_OCTETS))
        self._dropped = 0
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        except OSError as error:
            raise NetworkError(f"real packets can't be seen: {error.strerror}") from None
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), _BUFFER)
        except OSError:  # without CAP_NET_ADMIN: as much as everybody may have
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._filter(sorted(set(addresses)))
        self._socket.setblocking(False)

    def own(self, endpoint: Endpoint) -> None:
        """Packets of this endpoint count from now on. The oldest are forgotten when there are too many."""
        self._own.pop(endpoint, None)
        self._own[endpoint] = None
        if len(self._own) > _MOST_ENDPOINTS:
            self._own.pop(next(iter(self._own)))

    def wait(self, seconds: float) -> Iterator[Seen]:
        """Packets of our endpoints, as soon as there are some, or nothing after so many seconds."""
        if select.select([self._socket], [], [], seconds)[0]:
            yield from self.packets()

    def wait_for(self, other: int) -> None:
        """Wait until there are packets, or this file can be read too."""
        select.select([self._socket.fileno(), other], [], [])

    def packets(self, learn: Callable[[], None] | None = None) -> Iterator[Seen]:
        """Packets of our endpoints that are there by now.

        Args:
            learn: is called before a packet is taken for somebody else's, to tell endpoints that are ours.
        """
        for _ in range(_PACKETS_A_TURN):
            try:
                size, ancillary, _, source = self._socket.recvmsg_into([self._buffer], 256)
            except OSError:
                return
            if source[2] == _PACKET_OUTGOING and source[3] == _ARPHRD_LOOPBACK:
                continue  # on loopback every packet is seen twice
            octets = self._buffer[:size].tobytes()
            at = self._at(octets)
            if at is None and learn is not None:
                learn()
                at = self._at(octets)
            if at is not None:
                yield _seen(at, octets, ancillary)

    def dropped(self) -> int:
        """Packets that the kernel has lost because nobody fetched them in time."""
        _, lost = struct.unpack("@II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self._dropped += lost  # reading sets it back
        return self._dropped

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def _at(self, octets: bytes) -> Endpoint | None:
        """The endpoint of ours that a packet is about; an ICMP error is about the packet that it quotes."""
        try:
            ip = packets.decode_ip(octets)
            ends = packets.endpoints(ip)
            if ends is None and ip.protocol in (packets.ICMP, packets.ICMP_V6):
                _, source, destination, _ = packets.decode_quoted(packets.decode_icmp(ip))
                ends = (source, destination)
        except MalformedMessageError:
            return None
        return next((end for end in ends or () if end in self._own), None)

    def _filter(self, addresses: list[str]) -> None:
        if not 0 < len(addresses) <= _MOST_ADDRESSES:
            return
        program = b"".join(struct.pack("@HBBI", *one) for one in bpf_program(addresses))
        array = ctypes.create_string_buffer(program, len(program))
        self._socket.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program) // 8, ctypes.addressof(array)))


def _seen(at: Endpoint, octets: bytes, ancillary: list[tuple[int, int, bytes]]) -> Seen:
    time_ns = 0
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack_from("@qq", value)
            time_ns = seconds * 10**9 + nanoseconds
        elif (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA) and _AUXDATA.unpack_from(value)[0] & _CSUM_NOT_READY:
            octets = _summed(octets)
    return Seen(at, octets, time_ns or time.time_ns())


def _summed(octets: bytes) -> bytes:
    """With the checksum that the kernel leaves to the network card, which a packet on loopback never meets."""
    ip = packets.decode_ip(octets)
    place = {packets.TCP: 16, packets.UDP: 6}.get(ip.protocol)
    if place is None or ip.is_fragment or len(ip.payload) < place + 2:
        return octets
    made = bytearray(octets)
    made[ip.header_octets + place : ip.header_octets + place + 2] = packets.transport_checksum(ip, place)
    return bytes(made)


_Instruction = tuple[int, int, int, int]
_LOAD_WORD, _LOAD_OCTET, _MASK, _EQUAL, _GIVE = 0x20, 0x30, 0x54, 0x15, 0x06


def bpf_program(addresses: Sequence[str]) -> list[_Instruction]:
    """Classic BPF: keep IP packets from or to one of these addresses."""
    parsed = [ipaddress.ip_address(one) for one in addresses]
    v4 = [int(one) for one in parsed if one.version == 4]
    # Of IPv6 the last four octets are enough here; endpoints are compared as a whole later.
    v6 = [int(one) & 0xFFFFFFFF for one in parsed if one.version == 6]
    return [(_LOAD_OCTET, 0, 0, 0), (_MASK, 0, 0, 0xF0),
            *_version(0x40, (12, 16), v4), *_version(0x60, (20, 36), v6), (_GIVE, 0, 0, 0)]


def _version(mark: int, places: Sequence[int], words: Sequence[int]) -> list[_Instruction]:
    """Instructions for one IP version: keep if one of `places` holds one of `words`."""
    body: list[_Instruction] = []
    size = len(places) * (1 + len(words)) + 2
    for place in places:
        body.append((_LOAD_WORD, 0, 0, place))
        body += [(_EQUAL, size - 2 - len(body) - number, 0, word) for number, word in enumerate(words)]
    return [(_EQUAL, 0, size, mark), *body, (_GIVE, 0, 0, 0), (_GIVE, 0, 0, 0xFFFFFFFF)]
