"""What a gateway is told and how it is set up, as values."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from workbench.net.values import Command, Endpoint
from workbench.nodes.gateway.agenda import Agenda
from workbench.protocols.h248.message import Mode
from workbench.protocols.sdp import Fingerprint


class Role(enum.StrEnum):
    """Who opens TCP at a stream endpoint, seen from the gateway: `a=setup` in Local (RFC 4145 §4)."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    NONE = "none"
    """No role was given: stateless handling, carried out as a proxy that follows the first SYN."""


class Interlinkage(enum.StrEnum):
    """When an endpoint that is to open TCP does so without an establish signal."""

    ON_OFFER = "on offer"
    """When a connection comes in at the other endpoint: incoming triggers outgoing (H.248.89 §8)."""
    EAGER = "eager"
    """As soon as the peer's address is known. Wrong on Iq; for showing what then goes wrong."""


class Setting(msgspec.Struct, frozen=True):
    """All that a controller has said of one stream endpoint.

    Args:
        proto: of the m= line, as written: the bearer type indication.
        tls: TLS ends here.
        local: where the endpoint receives; given by the gateway.
        role: see `Role`.
        remote: where the peer is; None while Remote has not said.
        remote_fingerprints: of the peer's certificate; None while Remote has not said.
        mode: which payload passes, seen from the termination towards the outside.
        latch: the source of the first accepted connection is the peer, whatever Remote says (H.248.37).
    """

    proto: str
    tls: bool
    local: Endpoint
    role: Role
    remote: Endpoint | None = None
    remote_fingerprints: tuple[Fingerprint, ...] | None = None
    mode: Mode = Mode.INACTIVE
    latch: bool = False

    @property
    def receives(self) -> bool:
        """Payload from the outside is let in."""
        return self.mode in (Mode.RECEIVE_ONLY, Mode.SEND_RECEIVE)

    @property
    def sends(self) -> bool:
        """Payload is let out."""
        return self.mode in (Mode.SEND_ONLY, Mode.SEND_RECEIVE)


class Policy(msgspec.Struct, frozen=True):
    """Choices and limits of a gateway; times in seconds, sizes in octets.

    Args:
        verify_fingerprints: False accepts any certificate; for showing what then goes wrong.
        interlinkage: see `Interlinkage`.
        hold_incoming: an incoming connection is answered only when the outgoing one is up (delayed establishment,
            second reading); otherwise at once.
        close_tls: close_notify goes out before FIN; False for showing what then goes wrong.
        release_linked: the end of TLS or TCP at one endpoint releases the other one; False likewise.
        tls_versions: offered and accepted.
        log_keys: session keys go to the capture.
        tcp_guard: an endpoint that should be up and is not, fails after this time.
        tls_guard: the same for the TLS handshake and the check of the fingerprint.
        drain: how long the peer may take to receive what is queued for it and our FIN behind it before RST.
        linger: how long to wait for the peer's FIN once it has acknowledged ours, before RST.
        held: payload that waits for the other endpoint before reading stops.
    """

    verify_fingerprints: bool = True
    interlinkage: Interlinkage = Interlinkage.ON_OFFER
    hold_incoming: bool = False
    close_tls: bool = True
    release_linked: bool = True
    tls_versions: tuple[str, ...] = ("1.2", "1.3")
    log_keys: bool = False
    tcp_guard: float = 30.0
    tls_guard: float = 10.0
    drain: float = 60.0
    linger: float = 5.0
    held: int = 65_536


class Limits(msgspec.Struct, frozen=True):
    """What a controller can make the gateway hold."""

    contexts: int = 10_000
    terminations_per_context: int = 2
    streams_per_termination: int = 8
    events_per_termination: int = 32


class Profile(msgspec.Struct, frozen=True):
    """What a kind of gateway knows: data that tells IMS-AGW, TrGW and MRFP apart.

    Args:
        name: `name/version` for ServiceChange. The names of Iq, Ix and Mp are not known for certain: configuration.
        packages: name to version: what is announced and accepted.
        transports: m= protos that it can do, in lower case, and whether TLS ends here.
        events: events that it can detect, in lower case.
        signals: signals that it can apply, in lower case.
        reported: bearer changes (`established`, `released`, `failed`) that a BNCChange event without a Type of its
            own reports. Stage 2 asks for failures only.
    """

    name: str
    packages: Mapping[str, int]
    transports: Mapping[str, bool]
    events: frozenset[str]
    signals: frozenset[str]
    reported: frozenset[str] = frozenset({"failed"})


class Refused(Exception):
    """A command can't be carried out: the error code of H.248.8 and a text. Never leaves the gateway's control."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text


class Change(enum.StrEnum):
    """What a bearer has to tell its controller."""

    TCP_ESTABLISHED = "TCP established"
    TCP_FAILED = "TCP failed"
    TLS_ESTABLISHED = "TLS established"
    TLS_FAILED = "TLS failed"
    RELEASED = "released in order"
    LOST = "lost"


class Observed(msgspec.Struct, frozen=True):
    """An event that a termination has detected, before it is known whether anybody asked for it."""

    context: int
    termination: str
    stream: int
    change: Change


class Outbox:
    """Where everything that leaves is collected while one happening is worked on, and who wants to be woken."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.observed: list[Observed] = []
        self.agenda = Agenda()

    def order(self, *commands: Command) -> None:
        """Carry these out, in this order."""
        self.commands += commands

    def taken(self) -> list[Command]:
        """All commands since the last time."""
        commands, self.commands = self.commands, []
        return commands
