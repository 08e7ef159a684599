"""How a UE behaves: everything about it that a scenario may choose."""

from __future__ import annotations

import enum

import msgspec

from workbench.net.values import Endpoint
from workbench.nodes.conference import Conference
from workbench.nodes.fax_terminal import FaxTerminal
from workbench.nodes.tickets import Tickets
from workbench.nodes.ue.faults import Faults
from workbench.nodes.ue.keyed import Keyed
from workbench.protocols import sdp
from workbench.protocols.msrp.cema import Model
from workbench.security.identities import Identity

ACCEPTED_TYPES = ("text/plain", "application/octet-stream")
MOST_OCTETS = 4 << 20
"""The longest message that is taken, told as a=max-size (RFC 4975 §8.6)."""
MOST_UNFINISHED = 8
"""The most messages of the peer that are held unfinished."""


class Media(enum.StrEnum):
    """What its media sessions are for."""

    MSRP = "msrp"
    BFCP = "bfcp"
    T38 = "t38"
    AUDIO = "audio"
    """A call begins with sound, and may turn into T.38."""

    @property
    def mechanism(self) -> str:
        """The media plane security that goes with it (TS 24.229 §7.2A.7)."""
        return "udptl-dtls" if self in (Media.T38, Media.AUDIO) else f"{self}-tls"


class Secures(enum.StrEnum):
    """Between whom its calls are protected (TS 33.328 §4.1): UE and access edge, or UE and UE."""

    E2AE = "e2ae"
    E2E = "e2e"


class OpensToo(enum.StrEnum):
    """Whether it opens TCP although it is passive, and then waits for a ClientHello (TR 29.828 Annex D)."""

    NO = "no"
    SILENT = "silent"
    """It does, and nobody knows."""
    INDICATED = "indicated"
    """It says so at registration, with a media feature tag."""


class Settings(msgspec.Struct, frozen=True):
    """The arguments of `UserEquipment`, as values; their meaning stands there."""

    @property
    def kinds(self) -> tuple[Media, ...]:
        """What an offer inside a call may be: what our calls are for, and with sound a fax as well."""
        return (Media.AUDIO, Media.T38) if self.media is Media.AUDIO and self.fax.taken else (self.media,)

    uri: str
    local: Endpoint
    proxy: Endpoint
    identity: Identity
    presents: Identity | None
    registers: bool
    media_security: bool
    offers: sdp.Setup
    answers: sdp.Setup
    tls_versions: tuple[str, ...]
    chunk: int
    rings: float
    msrp: Model
    falls_back: bool
    insists: sdp.Setup | None
    listens: bool
    accepts_after: float
    connects: bool
    connects_after: float
    discovers: Endpoint | None
    media: Media = Media.MSRP
    tls_role: sdp.BfcpClient = sdp.BfcpClient.OFFERER
    conference: Conference | None = None
    fax: FaxTerminal = FaxTerminal()
    faults: Faults = Faults()
    names_tls: bool = False
    keyed: Keyed | None = None
    tickets: Tickets | None = None
    secures: Secures = Secures.E2AE
    opens_too: OpensToo = OpensToo.NO
