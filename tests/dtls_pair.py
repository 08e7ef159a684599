"""Two DTLS sessions and a wire between them, in virtual time, that may lose, repeat and turn round datagrams."""

from __future__ import annotations

import random
from collections.abc import Callable

from workbench.security.dtls import Cookies, DtlsSession, Event, KeyLine, Transmit
from workbench.security.identities import Identity
from workbench.security.source import Source

UE = Identity.self_signed("ue-a.example.net", Source(1, "ue"))
AGW = Identity.self_signed("agw.example.net", Source(1, "agw"))
STRANGER = Identity.self_signed("stranger.example.net", Source(1, "stranger"))

Wire = Callable[[bytes], list[tuple[float, bytes]]]
"""What becomes of a datagram: copies of it, each with its delay in seconds."""


def perfect(datagram: bytes) -> list[tuple[float, bytes]]:
    """All arrive, in order."""
    return [(0.01, datagram)]


def lossy(seed: int, loss: float = 0.1, again: float = 0.05) -> Wire:
    """Loses and repeats some of them, and takes a different time for each."""
    chance = random.Random(seed)

    def carry(datagram: bytes) -> list[tuple[float, bytes]]:
        copies = 0 if chance.random() < loss else 2 if chance.random() < again else 1
        return [(chance.uniform(0.005, 0.08), datagram) for _ in range(copies)]

    return carry


class Pair:
    """A client and a server; what each reports without its octets, and what each has sent.

    `frames`: what a probe sees beside the sender: time, whether the client has sent it, and the datagram.
    """

    def __init__(self, client: DtlsSession, server: DtlsSession, wire: Wire = perfect) -> None:
        self.client, self.server, self.wire = client, server, wire
        self.now = 0.0
        self.heard: dict[DtlsSession, list[Event]] = {client: [], server: []}
        self.sent: dict[DtlsSession, list[bytes]] = {client: [], server: []}
        self.frames: list[tuple[float, bool, bytes]] = []
        self._coming: list[tuple[float, int, DtlsSession, bytes]] = []
        self._count = 0

    def shaken(self, until: float = 400.0) -> Pair:
        """Both start, and the wire is played until nothing happens any more."""
        self.does(self.server, self.server.start(self.now))
        return self.does(self.client, self.client.start(self.now)).plays(until)

    def does(self, who: DtlsSession, events: list[Event]) -> Pair:
        """Put what a session answers on the wire."""
        for event in events:
            if not isinstance(event, Transmit):
                self.heard[who].append(event)
                continue
            self.sent[who].append(event.octets)
            other = self.server if who is self.client else self.client
            copies = self.wire(event.octets)
            self.frames += [(self.now, who is self.client, event.octets)] * max(1, len(copies))
            for delay, octets in copies:
                self._count += 1
                self._coming.append((self.now + delay, self._count, other, octets))
        return self

    def plays(self, until: float = 400.0) -> Pair:
        """Time goes on from happening to happening."""
        while True:
            self._coming.sort(key=lambda one: one[:2])
            due = [at for at in (self.client.next_wakeup(), self.server.next_wakeup()) if at is not None]
            due += [self._coming[0][0]] if self._coming else []
            if not due or min(due) > until:
                return self
            self.now = max(self.now, min(due))
            if self._coming and self._coming[0][0] <= self.now:
                _, _, who, octets = self._coming.pop(0)
                self.does(who, who.receive_datagram(octets, self.now, "192.0.2.7:4000"))
                continue
            for who in (self.client, self.server):
                self.does(who, who.wake(self.now))

    @property
    def keylog(self) -> str:
        """The key log of both."""
        return "\n".join(event.line for heard in self.heard.values() for event in heard if isinstance(event, KeyLine))

    def kinds(self, who: DtlsSession) -> list[type]:
        """What a session has reported."""
        return [type(event) for event in self.heard[who]]


def client(**settings: object) -> DtlsSession:
    settings.setdefault("announced", [AGW.fingerprint()])
    return DtlsSession(settings.pop("identity", UE), True, **settings)  # type: ignore[arg-type]


def server(**settings: object) -> DtlsSession:
    settings.setdefault("announced", [UE.fingerprint()])
    settings.setdefault("cookies", Cookies(b"secret of tests."))
    return DtlsSession(settings.pop("identity", AGW), False, **settings)  # type: ignore[arg-type]
