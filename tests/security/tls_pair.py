"""Two TLS sessions that talk to each other."""

from __future__ import annotations

from workbench.security.identities import Identity
from workbench.security.source import Source
from workbench.security.tls import Event, TlsSession, Transmit

UE = Identity.self_signed("ue-a.example.net", Source(1, "ue"))
AGW = Identity.self_signed("agw.example.net", Source(1, "agw"))
STRANGER = Identity.self_signed("stranger.example.net", Source(1, "stranger"))
VERSIONS = ["1.2", "1.3"]


class Pair:
    """A client and a server over a perfect transport; what each reports, without its octets."""

    def __init__(self, client: TlsSession, server: TlsSession) -> None:
        self.client, self.server = client, server
        self.heard: dict[TlsSession, list[Event]] = {client: [], server: []}
        self.octets: dict[TlsSession, bytes] = {client: b"", server: b""}

    def shaken(self) -> Pair:
        self.does(self.server, self.server.start())
        return self.does(self.client, self.client.start())

    def does(self, who: TlsSession, events: list[Event]) -> Pair:
        queue = [(who, event) for event in events]
        while queue:
            sender, event = queue.pop(0)
            if isinstance(event, Transmit):
                other = self.server if sender is self.client else self.client
                self.octets[sender] += event.octets
                queue += [(other, answer) for answer in other.receive_data(event.octets)]
            else:
                self.heard[sender].append(event)
        return self

    def kinds(self, who: TlsSession) -> list[type]:
        return [type(event) for event in self.heard[who]]


def client(version: str = "1.3", **settings: object) -> TlsSession:
    settings.setdefault("announced", [AGW.fingerprint()])
    return TlsSession(settings.pop("identity", UE), True, versions=[version], **settings)  # type: ignore[arg-type]


def server(**settings: object) -> TlsSession:
    settings.setdefault("announced", [UE.fingerprint()])
    return TlsSession(settings.pop("identity", AGW), False, **settings)  # type: ignore[arg-type]
