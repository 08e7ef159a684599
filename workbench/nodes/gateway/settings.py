"""What a gateway is told and how it is set up, as values."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from workbench.net.values import Command, Endpoint
from workbench.nodes import floor_control
from workbench.nodes.gateway.agenda import Agenda
from workbench.protocols.h248.message import Kind, Mode, TopologyDirection
from workbench.protocols.msrp.uri import Path
from workbench.protocols.sdp import BfcpStream, Fingerprint
from workbench.security.cookies import Cookies
from workbench.security.identities import Identity
from workbench.security.psk import PreSharedKey

if TYPE_CHECKING:
    from workbench.nodes.gateway.connection import Connection
    from workbench.nodes.gateway.hosting import Host


class Role(enum.StrEnum):
    """Who opens TCP at a stream endpoint, seen from the gateway: `a=setup` in Local (RFC 4145 §4)."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    HOLDCONN = "holdconn"
    """No connection until another role is given."""
    NONE = "none"
    """No role was given: stateless handling; see `Stateless`."""


class Interlinkage(enum.StrEnum):
    """When an endpoint that is to open TCP does so without an establish signal."""

    ON_OFFER = "on offer"
    """When a connection comes in at the other endpoint: incoming triggers outgoing (H.248.89 §8)."""
    EAGER = "eager"
    """As soon as the peer's address is known. Wrong on Iq; for showing what then goes wrong."""
    ON_SIGNAL = "on signal"
    """Never without a signal: no interlinkage (R-5.16.2.2-5)."""


class Stateless(enum.StrEnum):
    """How a stream without roles is carried (TS 23.334 §5.16.1)."""

    RELAY = "relay"
    """Packets are passed on with other addresses and nothing else changed; the gateway is no end of the connection."""
    PROXY = "proxy"
    """Two connections; the outgoing one follows the incoming SYN. An emulation for networks without packets."""


class Merge(enum.StrEnum):
    """How two connections that came in are joined (TS 23.334 §5.16.2.3; which of them is meant is not known)."""

    PROXY = "proxy"
    """Each keeps its own sequence numbers and windows; octets are copied."""
    TRANSLATION = "translation"
    """Both handshakes are answered; then packets are passed on, their sequence numbers shifted."""


def is_datagrams(proto: str) -> bool:
    """Whether a transport (m= proto) is one of UDP."""
    return proto.lower().startswith("udp")


class Gate(msgspec.Struct, frozen=True, gc=False):
    """Whose packets are let in (package gm, H.248.43); an empty gate filters nothing.

    Args:
        network: `gm/sam`: the address or network that the source has to be in; empty: the address in Remote.
        by_address: `gm/saf`: the source address is checked.
        by_port: `gm/spf`: the source port is checked.
        ports: `gm/spr`: first and last port that the source may have; None: the port in Remote.
    """

    network: str = ""
    by_address: bool = False
    by_port: bool = False
    ports: tuple[int, int] | None = None

    def refusal(self, source: Endpoint, remote: Endpoint | None) -> str:
        """Why a packet of that source is not let in; empty if it is."""
        if self.by_address and self.network and not _inside(source.host, self.network):
            return f"{source.host} is not in {self.network} (gm/sam)"
        if self.by_address and not self.network and remote is not None and source.host != remote.host:
            return f"{source.host} is not {remote.host} (gm/saf)"
        first, last = self.ports or ((remote.port, remote.port) if remote is not None else (0, 65_535))
        if self.by_port and not first <= source.port <= last:
            return f"port {source.port} is not in {first} to {last} (gm/spf)"
        return ""


def _inside(host: str, network: str) -> bool:
    return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)


class Setting(msgspec.Struct, frozen=True, gc=False):
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
        gate: which sources are let in; None: as Remote says.
        path, remote_path: `a=path` in Local and in Remote: advertised to the peer, and by the peer.
        floor: conference, user and floors in Local of a BFCP endpoint that ends here; None: not said.
        floor_control: what floors the conference has, and how they are given; None: not told over H.248.
        chairs: the floors that the user of the endpoint decides on.
        tls_id, remote_tls_id: `a=tls-id` there: which DTLS association is meant; empty: not told.
        keyed: TLS that ends here is by pre-shared key, not by certificate (TS 23.333 §6.2.19).
        pre_shared_key: that key; None while the controller has not said, then TLS waits for it.
    """

    proto: str
    tls: bool
    local: Endpoint
    role: Role
    remote: Endpoint | None = None
    remote_fingerprints: tuple[Fingerprint, ...] | None = None
    mode: Mode = Mode.INACTIVE
    latch: bool = False
    gate: Gate | None = None
    path: Path | None = None
    remote_path: Path | None = None
    tls_id: str = ""
    remote_tls_id: str = ""
    keyed: bool = False
    pre_shared_key: PreSharedKey | None = None
    floor: BfcpStream | None = None
    floor_control: floor_control.Configuration | None = None
    chairs: tuple[int, ...] = ()

    def refusal(self, source: Endpoint) -> str:
        """Why nothing is taken from that source; empty if it is (R-5.4-4, R-5.4-6)."""
        if not self.latch and self.remote is not None and self.remote.host != source.host:
            return f"not from {self.remote.host}, and latching was not asked for"
        return self.gate.refusal(source, self.remote) if self.gate is not None else ""

    @property
    def datagrams(self) -> bool:
        """The bearer is of UDP, such as `udptl` or `UDP/TLS/UDPTL`."""
        return is_datagrams(self.proto)

    @property
    def names_msrp(self) -> bool:
        """The bearer type indication names the application: `TCP/MSRP` or `TCP/TLS/MSRP` (R-5.19.4-2)."""
        return self.proto.lower().endswith("/msrp")

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
        stateless: see `Stateless`.
        merge: see `Merge`.
        wires: the gateway's media addresses, and which wire each is on; what is not named here has no packets.
        hold_incoming: an incoming connection is answered only when the outgoing one is up (delayed establishment,
            second reading); otherwise at once.
        renews_tls: an establish signal for TLS begins a new session although one is up; for showing what goes wrong.
        close_tls: close_notify goes out before FIN; False for showing what then goes wrong.
        release_linked: the end of TLS or TCP at one endpoint releases the other one; False likewise.
        listens: connections are let in; False: its ports are closed, for showing what then goes wrong.
        takes_clear: what is no TLS is taken for payload where TLS should begin; for showing what then goes wrong.
        tampers_after: one octet of payload is changed once so many have come in at an endpoint; likewise; 0: never.
        presents: what its TLS shows, where that is not the certificate it tells of; likewise.
        tls_versions: offered and accepted.
        psk_versions, psk_suites: the same with a pre-shared key; the suites of TLS 1.2 in OpenSSL's words, empty: those
            that `security.psk` names.
        log_keys: session keys go to the capture.
        tcp_guard: an endpoint that should be up and is not, fails after this time.
        tls_guard: the same for the TLS handshake and the check of the fingerprint.
        overlaps: a DTLS association that is replaced serves until the new one does; False for showing what goes wrong.
        overlap: how long it is heard once the new one is up (RFC 7345 §4.5 and §5.3 say no figure).
        drain: how long the peer may take to receive what is queued for it and our FIN behind it before RST.
        linger: how long to wait for the peer's FIN once it has acknowledged ours, before RST.
        held: payload that waits for the other endpoint before reading stops.
        regulation: percentage of the events with RegulatedNotify that is notified.
        splices: the network copies the octets of a plain stream of two ends by itself; for networks that can.
        relays: the same for the packets of a stateless relay whose peers are both known.
        converts: the same for datagrams, DTLS or clear, whose peers are both known.
    """

    verify_fingerprints: bool = True
    interlinkage: Interlinkage = Interlinkage.ON_OFFER
    stateless: Stateless = Stateless.PROXY
    merge: Merge = Merge.PROXY
    wires: Mapping[str, str] = {}
    hold_incoming: bool = False
    close_tls: bool = True
    renews_tls: bool = False
    release_linked: bool = True
    listens: bool = True
    takes_clear: bool = False
    tampers_after: int = 0
    presents: Identity | None = None
    tls_versions: tuple[str, ...] = ("1.2", "1.3")
    psk_versions: tuple[str, ...] = ("1.2",)
    psk_suites: str = ""
    log_keys: bool = False
    tcp_guard: float = 30.0
    tls_guard: float = 10.0
    overlaps: bool = True
    overlap: float = 2.0
    drain: float = 60.0
    linger: float = 5.0
    held: int = 65_536
    regulation: int = 100
    splices: bool = False
    relays: bool = False
    converts: bool = False


class Limits(msgspec.Struct, frozen=True):
    """What a controller can make the gateway hold.

    Args:
        terminations: of all contexts together.
        terminations_per_context: None: as the profile says.
        buffered_events: that wait in one termination's event buffer.
        digit_maps: kept for one termination.
    """

    contexts: int = 10_000
    terminations: int = 200_000
    terminations_per_context: int | None = None
    streams_per_termination: int = 8
    events_per_termination: int = 32
    signals_per_termination: int = 32
    buffered_events: int = 32
    digit_maps: int = 8


class Profile(msgspec.Struct, frozen=True):
    """What a kind of gateway knows: data that tells IMS-AGW, TrGW and MRFP apart (`gateway/profiles/*.toml`).

    Args:
        name: `name/version` for ServiceChange. The names of Iq, Ix and Mp are not known for certain: configuration.
        packages: name to version: what is announced and accepted.
        transports: m= protos that it can do, in lower case, and whether TLS ends here.
        events: events that it can detect, in lower case; those of a package not named here are refused (512).
        signals: signals that it can apply, in lower case (otherwise 513), and how long a TimeOut one lasts by default.
        properties: properties that it carries out, in lower case.
        kept: properties that are kept and told in audits, and nothing else is done about them.
        statistics: that it counts, and whether they can be had for a single stream.
        required: event or signal, in lower case, to the parameters that it can't do without.
        commands: each command that is known, and the descriptors that it may carry.
        topology: directions that the Topology descriptor may ask for.
        embedded: Events may carry embedded Signals and Events.
        event_buffer: EventBufferControl LockStep is known.
        service_states: Modify may set ServiceStates.
        text_names, binary_names: how terminations are named; see `names`.
        terminations_per_context: limit, unless `Limits` says otherwise.
        reported: bearer changes (`established`, `released`, `failed`) that a BNCChange event without a Type of its
            own reports. Stage 2 asks for failures only.
    """

    name: str
    packages: Mapping[str, int]
    transports: Mapping[str, bool]
    events: frozenset[str]
    signals: Mapping[str, float]
    properties: frozenset[str]
    kept: frozenset[str]
    statistics: Mapping[str, bool]
    required: Mapping[str, tuple[str, ...]]
    commands: Mapping[Kind, frozenset[str]]
    text_names: str
    binary_names: str
    topology: frozenset[TopologyDirection] = frozenset(TopologyDirection)
    embedded: bool = False
    event_buffer: bool = False
    service_states: bool = False
    terminations_per_context: int = 2
    reported: frozenset[str] = frozenset({"failed"})

    @property
    def descriptors(self) -> frozenset[str]:
        """All descriptors that the profile knows, whatever the command."""
        return frozenset().union(*self.commands.values())


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
    SOURCE = "from another address than Remote says"
    FLOOR = "a decision on a floor request"


class Observed(msgspec.Struct, frozen=True):
    """Something that a termination has detected, before it is known whether anybody asked for it."""

    context: int
    termination: str
    stream: int
    change: Change
    source: Endpoint | None = None
    decided: floor_control.Decided | None = None


class Outbox:
    """Where everything that leaves is collected while one happening is worked on, and who wants to be woken.

    `over` are bearers whose connection has ended, `heard` those whose payload somebody
    watches, and whether it came in or went out.
    """

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.observed: list[Observed] = []
        self.over: list[Connection] = []
        self.heard: list[tuple[Connection, bool]] = []
        self.agenda = Agenda()

    def order(self, *commands: Command) -> None:
        """Carry these out, in this order."""
        self.commands += commands

    def taken(self) -> list[Command]:
        """All commands since the last time."""
        commands, self.commands = self.commands, []
        return commands


class Means:
    """What all stream endpoints of a gateway share.

    Args:
        policy: choices and limits.
        identity: certificate and key for TLS.
        out: where commands and observations go.
        isn: gives initial sequence numbers, for handshakes that the gateway answers packet by packet; the secret of
            its DTLS cookies comes from there, too.
        host: the application that connections end at; None where they are joined with each other.
    """

    __slots__ = ("_cookies", "host", "identity", "isn", "out", "policy")

    def __init__(
        self, policy: Policy, identity: Identity, out: Outbox, isn: Callable[[], int] = lambda: 0,
        host: Host | None = None,
    ) -> None:
        self.host = host
        self.policy = policy
        self.identity = identity
        self.out = out
        self.isn = isn
        self._cookies: Cookies | None = None

    @property
    def cookies(self) -> Cookies:
        """Of DTLS servers: one secret for all endpoints, made when it is first needed."""
        if self._cookies is None:
            self._cookies = Cookies(b"".join(self.isn().to_bytes(4) for _ in range(8)))
        return self._cookies
