"""Floods of ClientHellos against DTLS endpoints, from ever new ports of some addresses.

    bare        without a cookie: each gets a HelloVerifyRequest
    returned    the cookie is brought back, and nothing follows: the gateway has begun a session for it
    pieces      cut into fragments, each in a datagram of its own

Source: RFC 6347 §4.2.1 (denial-of-service countermeasures).
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal, Self

from load.client import Client
from workbench.net.values import Endpoint
from workbench.protocols.tls import datagrams
from workbench.protocols.tls.datagrams import Fragment
from workbench.security.dtls import DtlsSession, Transmit

_A_STEP = 50
Manner = Literal["bare", "returned", "pieces"]


class Hellos:
    """Such a flood; see `load.attacks.Attack`.

    Args:
        endpoints: where they go, in turn.
        count: how many in all.
        source: the first address that they come from.
        manner: see above.
        hosts: how many addresses, one after the other.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], count: int, source: str, manner: Manner = "bare", hosts: int = 1
    ) -> None:
        self.opened = 0
        self.answered = 0
        self._endpoints = endpoints
        self._count = count
        self._first = int.from_bytes(socket.inet_aton(source))
        self._hosts = hosts
        self._manner = manner
        self._identity = Client("flood").identity
        self._hello = self._begun()[1]
        self._waiting: list[tuple[socket.socket, DtlsSession | None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def all_opened(self) -> bool:
        """As many as were asked for have left."""
        return self.opened >= self._count

    def step(self) -> bool:
        """Look at the answers to the last ones, and send some more; whether that was all."""
        self._look()
        for _ in range(min(_A_STEP, self._count - self.opened)):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.setblocking(False)
            made.bind((socket.inet_ntoa((self._first + self.opened % self._hosts).to_bytes(4)), 0))
            to = self._endpoints[self.opened % len(self._endpoints)]
            made.connect((to.host, to.port))
            session, hello = self._begun() if self._manner == "returned" else (None, self._hello)
            with suppress(OSError):
                for octets in _pieces(hello) if self._manner == "pieces" else [hello]:
                    made.send(octets)
            self.opened += 1
            self._waiting.append((made, session))
        return self.all_opened and not self._waiting

    def close(self) -> None:
        """Let it be over."""
        for made, _ in self._waiting:
            made.close()
        self._waiting.clear()

    def _begun(self) -> tuple[DtlsSession, bytes]:
        session = DtlsSession(self._identity, True, verify=False)
        return session, next(event.octets for event in session.start(0.0) if isinstance(event, Transmit))

    def _look(self) -> None:
        for made, session in self._waiting:
            with suppress(OSError), made:
                answer = made.recv(2048)
                self.answered += 1
                # A late answer may be for one that had this port before.
                for event in session.receive_datagram(answer, 0.0) if session is not None else ():
                    if isinstance(event, Transmit):
                        made.send(event.octets)
        self._waiting.clear()


def _pieces(hello: bytes) -> list[bytes]:
    """The message in three fragments."""
    (record,), _ = datagrams.split(hello)
    (whole,) = datagrams.fragments(record.fragment)
    third = len(whole.octets) // 3
    cuts = (0, third, 2 * third, len(whole.octets))
    made = []
    for number, (start, end) in enumerate(itertools.pairwise(cuts)):
        octets = Fragment(whole.type, whole.length, whole.message_seq, start, whole.octets[start:end]).encode()
        made.append(datagrams.header(record.type, record.version, 0, number, len(octets)) + octets)
    return made
