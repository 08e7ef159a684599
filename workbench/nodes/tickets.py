"""MIKEY tickets at a node: how it uses them, what it asks the KMS, and what a=key-mgmt carries of them.

Source: TS 33.328 §5.4.3, TS 23.333 §6.2.19 (the TEK is the pre-shared key), RFC 6043 §4, RFC 4567 §3.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from workbench.errors import PeerError
from workbench.net.values import (
    AbortStream,
    Command,
    Endpoint,
    EndStream,
    Happening,
    OpenStream,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamOpened,
)
from workbench.protocols import sdp
from workbench.protocols.http import messages as http
from workbench.protocols.http import wire
from workbench.protocols.mikey.messages import Identity
from workbench.protocols.mikey.registry import Flag, IdRole, IdType
from workbench.protocols.mikey.times import UNIX_EPOCH
from workbench.protocols.mikey.wire import encode_base64
from workbench.security import tickets as mikey
from workbench.security.psk import PreSharedKey
from workbench.security.source import Source
from workbench.security.tickets.terms import STRONG, USUAL

MODE_3 = USUAL & ~Flag.D | Flag.L
"""Flags of a ticket that the caller makes itself."""
PATIENCE_SECONDS = 20.0
"""How long the KMS may take."""
_KMS = "RFC 6043 §4.2: MIKEY over HTTP to the KMS"


class Tickets(msgspec.Struct, frozen=True):
    """How a node uses tickets.

    Args:
        kms: HTTP endpoint of its KMS.
        credential: its key there (a UE's is Ks_NAF, an MRFC's is provisioned) with the key's name, or its certificate.
        epoch: Unix seconds at which the node's time is 0.
        identity: its KMS user identity; empty: the SIP URI that it calls from, or is called at.
        groups: identities of groups that it answers for.
        kms_identity: IDRkms, an NAI.
        flags: of tickets that it asks for or makes.
        forks: keys are forked too (flag I).
        ticket_key: it makes tickets itself under this key (mode 3); None: the KMS makes them.
        holds: seconds for which a ticket is asked.
        target: where requests are posted to. Provisional.
        versions: of TLS.
        ahead: seconds by which its clock is.
        before: values of a=key-mgmt of other protocols, which a UE's offers prefer to MIKEY.
    """

    kms: Endpoint
    credential: mikey.Credential
    epoch: float = 0.0
    identity: str = ""
    groups: tuple[str, ...] = ()
    kms_identity: str = "kms@ims.example"
    flags: int = USUAL
    forks: bool = False
    ticket_key: mikey.Shared | None = None
    holds: float = 3600.0
    target: str = "/keymanagement"
    versions: tuple[str, ...] = ("1.2",)
    ahead: float = 0.0
    before: tuple[str, ...] = ()

    def own(self, uri: str, role: IdRole) -> Identity:
        """Its identity."""
        return Identity(IdType.URI, (self.identity or uri).encode(), role)

    @property
    def center(self) -> Identity:
        """IDRkms."""
        return Identity(IdType.NAI, self.kms_identity.encode(), IdRole.KMS)

    def since_1900(self, now: float) -> float:
        """Its clock, as MIKEY counts (NTP), at a time of the node."""
        return self.epoch + UNIX_EPOCH + now + self.ahead

    def caller(self, uri: str, source: Source) -> mikey.Initiator:
        """The initiator of one call from that URI."""
        return mikey.Initiator(self.own(uri, IdRole.INITIATOR), self.center, self.credential, source)

    def wanted(self, called: Identity, now: float) -> mikey.Wanted:
        """The ticket for a call; `now` as of `since_1900`. Who asks by certificate asks for 256 bits throughout."""
        suite = STRONG if isinstance(self.credential, mikey.Certified) else mikey.Suite()
        flags = self.flags | (Flag.I if self.forks else 0)
        return mikey.Wanted((called,), now - 60, now + self.holds, flags, suite.key_octets, suite)

    def called(self, uri: str, source: Source, replays: mikey.Replays) -> mikey.Responder:
        """The responder of one call to that URI."""
        groups = [responder(one) for one in self.groups]
        return mikey.Responder(self.own(uri, IdRole.RESPONDER), self.center, self.credential, source, replays=replays,
                               groups=groups)


class Question:
    """One request to the KMS, on a connection of its own.

    Args:
        local: where the connection is opened from.
        octets: the MIKEY message.
    """

    def __init__(self, local: Endpoint, tickets: Tickets, octets: bytes) -> None:
        self.stream = Stream(local, tickets.kms)
        self.answer = b""
        self.failed = ""
        self._octets = wire.encode(http.post(tickets.target, str(tickets.kms), octets))
        self._inbox = wire.Inbox()

    @property
    def over(self) -> bool:
        """It is answered, or won't be."""
        return bool(self.answer or self.failed)

    def open(self) -> Command:
        """The first command."""
        return OpenStream(self.stream, _KMS)

    def give_up(self) -> Command:
        """It takes too long."""
        self.failed = "no answer"
        return AbortStream(self.stream, "the KMS takes too long")

    def handle(self, happened: Happening) -> list[Command]:
        """Answer a happening on its connection."""
        match happened:
            case StreamOpened():
                return [SendStream(self.stream, self._octets, _KMS)]
            case StreamData(data=data):
                return self._heard(data)
            case StreamEnded() | StreamFailed() | StreamClosed() if not self.over:
                self.failed = "the KMS ended the connection, or there was none"
                return [EndStream(self.stream, self.failed)] if isinstance(happened, StreamEnded) else []
        return []

    def _heard(self, data: bytes) -> list[Command]:
        for answer in self._inbox.receive_data(data):
            if isinstance(answer, http.Response) and answer.status == 200 and answer.content_type == http.MIKEY:
                self.answer = answer.body
            else:
                self.failed = "the KMS answered with no MIKEY"
        if self._inbox.error is not None:
            self.failed = str(self._inbox.error)
            return [AbortStream(self.stream, self.failed)]
        return [EndStream(self.stream, "the KMS has answered")] if self.over else []


def responder(uri: str) -> Identity:
    """Who is called, as IDRr."""
    return Identity(IdType.URI, uri.encode(), IdRole.RESPONDER)


def key_of(found: mikey.Keyed) -> PreSharedKey:
    """The TEK of the crypto session as the key of TLS."""
    return PreSharedKey(mikey.psk_identity(found.csb_id, found.session), found.tek)


def said(octets: bytes) -> str:
    """A MIKEY message as the value of a=key-mgmt; empty where there is none."""
    return f"mikey {encode_base64(octets)}" if octets else ""


def carried(values: Sequence[str]) -> bytes:
    """The MIKEY message in values of a=key-mgmt: the first one's for MIKEY; empty where there is none that reads."""
    value = next((one for one in values if sdp.protocol_of(one) == sdp.MIKEY), None)
    try:
        return b"" if value is None else sdp.KeyManagement.decode(value).message
    except PeerError:
        return b""
