"""Stage-2 information elements of Iq as values: what a controller says of one stream of a termination, and of ROOT.

Which descriptor carries which element stands in `iq`, once. One element is not here, since no readable specification
gives its form: Interlinkage (a gateway's default rule for state-aware TCP stands in for it); of Pre-Shared Key and of
floor control the package registry says which stand-in is written for it.

Source: TS 23.334 §8.2 to §8.5, §8.10 ff. (elements of the procedures).
"""

from __future__ import annotations

import enum

import msgspec

from workbench.net.values import Endpoint
from workbench.nodes.floor_control import Configuration
from workbench.protocols.h248.message import ContextProperties, Mode
from workbench.protocols.sdp import BfcpStream, Fingerprint
from workbench.security.psk import PreSharedKey

HEARTBEAT_SECONDS = 600


class Latching(enum.StrEnum):
    """Latching requirement (H.248.37): the gateway learns where the peer sends from."""

    OFF = "OFF"
    LATCH = "LATCH"
    RELATCH = "RELATCH"


class Policing(msgspec.Struct, frozen=True):
    """Rate limits (H.248.53): octets a second and octets; None is not said."""

    sustained: int | None = None
    peak: int | None = None
    burst: int | None = None


class SourceFilter(msgspec.Struct, frozen=True):
    """Which incoming packets pass (H.248.43).

    Args:
        address: filter by source address; `mask` is one with a mask, "" stands for the address in Remote.
        port: filter by source port; `ports` is a port or a range, "" stands for the port in Remote.
    """

    address: bool = False
    mask: str = ""
    port: bool = False
    ports: str = ""


class Inactivity(msgspec.Struct, frozen=True):
    """Media inactivity detection (H.248.40): after how many seconds, in which direction (`IN`, `OUT`, `BOTH`)."""

    seconds: int
    direction: str = "BOTH"


class ConnectionPoint(msgspec.Struct, frozen=True):
    """What the controller wants of one stream of a termination (TS 23.334 §8.2 to §8.4).

    Args:
        interface: group in the TerminationID, `access` or `core`; "" leaves the name to the gateway (binary encoding,
            where the realm alone says which side it is).
        realm: IP realm indication; "" does not say.
        media, transport, format: of the m= line: the bearer type indication, such as `message`, `TCP/TLS`, `*`.
        setup: the role the gateway takes (TCP session set-up direction); None in stateless handling.
        renew: a new connection on renegotiation (`a=connection:new`); None does not say.
        local: the gateway's address; None asks for one (Local Connection Address Request).
        version: of IP that the address asked for has to be, 4 or 6.
        ask_fingerprint: Local certificate fingerprint Request.
        fingerprint: the gateway's own, sent again once it is known (Local replaces the former one).
        remote: Remote Connection Address; None while it is not known.
        remote_setup: the peer's role.
        remote_fingerprints: Remote certificate fingerprint.
        tls_id, remote_tls_id: what names a DTLS association on both sides (RFC 8842 §4); "" is not said.
        mode: stream mode (Change Through-Connection).
        dscp: Differentiated Services Code Point.
        policing, source_filter: traffic policing and filtering.
        rtcp: an RTCP port is reserved as well; None does not say.
        latching: Latching requirement.
        establish_tcp: Establish TCP connection: the gateway is TCP client and starts now.
        establish_tls: Establish (D)TLS session: the gateway is (D)TLS client.
        watch_tcp: Notify TCP connection establishment Failure Event.
        watch_tls: Notify (D)TLS session establishment Failure Event.
        watch_bearer: Notify Released Bearer.
        watch_inactivity: Notify media inactivity.
        watch_source: Notify remote source address change.
        heartbeat: Notify termination heartbeat: seconds of silence about the termination; 0 does not ask.
        path: MSRP path (local): what the gateway is on this leg; "" where it does not interwork MSRP.
        remote_path: MSRP path (remote): what the peer of this leg said of itself, complete.
        floor: conference, user and floors, where the gateway is floor control server (Mp); None: no floors.
        floor_control: Configure Conference For Floor Control (Mp); None: not told.
        chairs: Designate Floor Chair: the floors that the user decides on (Mp).
        watch_floors: Report Floor Request Decision is asked for (Mp).
        pre_shared_key: Pre-Shared Key of TLS that ends here (Mp); None: by certificate.
        psk_name: its name, where the key itself follows later.
        stream: its number.
    """

    interface: str
    realm: str
    media: str
    transport: str
    format: str = "*"
    setup: str | None = None
    renew: bool | None = None
    local: Endpoint | None = None
    version: int = 4
    ask_fingerprint: bool = False
    fingerprint: str = ""
    remote: Endpoint | None = None
    remote_setup: str | None = None
    remote_fingerprints: tuple[Fingerprint, ...] = ()
    tls_id: str = ""
    remote_tls_id: str = ""
    mode: Mode = Mode.INACTIVE
    dscp: int | None = None
    policing: Policing | None = None
    source_filter: SourceFilter | None = None
    rtcp: bool | None = None
    latching: Latching = Latching.OFF
    establish_tcp: bool = False
    establish_tls: bool = False
    watch_tcp: bool = True
    watch_tls: bool = False
    watch_bearer: bool = True
    watch_inactivity: Inactivity | None = None
    watch_source: bool = False
    heartbeat: int = HEARTBEAT_SECONDS
    path: str = ""
    remote_path: str = ""
    floor: BfcpStream | None = None
    floor_control: Configuration | None = None
    chairs: tuple[int, ...] = ()
    watch_floors: bool = False
    pre_shared_key: PreSharedKey | None = None
    psk_name: bytes = b""
    stream: int = 1


class Priority(msgspec.Struct, frozen=True):
    """Emergency call indicator and priority information of a call: attributes of its context."""

    emergency: bool = False
    level: int | None = None

    @property
    def attributes(self) -> ContextProperties | None:
        """As attributes of the context; None for a call like any other."""
        if not self.emergency and self.level is None:
            return None
        return ContextProperties(priority=self.level, emergency=self.emergency or None)


class GatewayWatch(msgspec.Struct, frozen=True):
    """What the controller wants to hear of the gateway as a whole.

    Three stage-2 procedures share one Events descriptor at ROOT, and a new one replaces the former: so one value.

    Args:
        inactivity: Inactivity timeout activate: seconds without a message of the controller's (UDP only).
        realms: Realm availability activate.
        congestion: MG resource congestion handling activate.
        overload: MG overload control (H.248.11).
    """

    inactivity: float | None = None
    realms: bool = False
    congestion: bool = False
    overload: bool = False
