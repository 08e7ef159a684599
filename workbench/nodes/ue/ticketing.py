"""TLS of a UE by the key of a MIKEY ticket: the KMS is asked, and a=key-mgmt carries what comes of it.

Source: TS 33.328 §5.4.3, TS 23.333 §6.2.19 (the TEK is the pre-shared key), RFC 6043 §4, RFC 4567 §3, §4.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import msgspec

from workbench.errors import PeerError
from workbench.net.values import (
    AbortStream,
    Command,
    Endpoint,
    EndStream,
    Happening,
    Note,
    OpenStream,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamOpened,
)
from workbench.nodes.procedure import Await, Topic
from workbench.nodes.stream_endpoint import StreamEndpoint
from workbench.nodes.ue.keyed import Keyed
from workbench.protocols import sdp
from workbench.protocols.http import messages as http
from workbench.protocols.http import wire
from workbench.protocols.mikey.messages import Identity
from workbench.protocols.mikey.registry import Flag, IdRole, IdType
from workbench.protocols.mikey.times import UNIX_EPOCH
from workbench.protocols.mikey.wire import encode_base64
from workbench.security import tickets as mikey
from workbench.security.psk import PreSharedKey
from workbench.security.tickets.terms import STRONG, USUAL

if TYPE_CHECKING:
    from workbench.nodes.ue.call import Bearer
    from workbench.nodes.ue.describing import Peer
    from workbench.nodes.ue.phone import Phone

MODE_3 = USUAL & ~Flag.D | Flag.L
"""Flags of a ticket that the UE makes."""
PATIENCE_SECONDS = 20.0
"""How long the KMS may take."""
_MEDIA: Topic = ("media",)
_KMS = "RFC 6043 §4.2: MIKEY over HTTP to the KMS"


class Tickets(msgspec.Struct, frozen=True):
    """How a UE uses tickets.

    Args:
        kms: HTTP endpoint of its KMS.
        credential: its key there (Ks_NAF) with the key's name, or its certificate.
        epoch: Unix seconds at which the node's time is 0.
        identity: its KMS user identity; empty: its SIP URI.
        groups: identities of groups that it answers for.
        kms_identity: IDRkms, an NAI.
        flags: of tickets that it asks for or makes.
        forks: keys are forked too (flag I).
        ticket_key: it makes tickets itself under this key (mode 3); None: the KMS makes them.
        holds: seconds for which a ticket is asked.
        target: where requests are posted to. Provisional.
        versions: of TLS.
        ahead: seconds by which its clock is.
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

    def own(self, uri: str, role: IdRole) -> Identity:
        """The UE's identity."""
        return Identity(IdType.URI, (self.identity or uri).encode(), role)

    @property
    def center(self) -> Identity:
        """IDRkms."""
        return Identity(IdType.NAI, self.kms_identity.encode(), IdRole.KMS)

    def wanted(self, responder: Identity, now: float) -> mikey.Wanted:
        """The ticket for a call; `now`: seconds since 1900. Who asks by certificate asks for 256 bits throughout."""
        suite = STRONG if isinstance(self.credential, mikey.Certified) else mikey.Suite()
        flags = self.flags | (Flag.I if self.forks else 0)
        return mikey.Wanted((responder,), now - 60, now + self.holds, flags, suite.key_octets, suite)


class Question:
    """One request to the KMS, on a connection of its own."""

    def __init__(self, stream: Stream, octets: bytes) -> None:
        self.stream = stream
        self.answer = b""
        self.failed = ""
        self._octets = octets
        self._inbox = wire.Inbox()

    @property
    def over(self) -> bool:
        """It is answered, or won't be."""
        return bool(self.answer or self.failed)

    def handle(self, happened: Happening) -> list[Command]:
        """Answer a happening on its connection."""
        match happened:
            case StreamOpened():
                return [SendStream(self.stream, self._octets, _KMS)]
            case StreamData(data=data):
                return self._heard(data)
            case StreamEnded() | StreamFailed() | StreamClosed() if not self.over:
                self.failed = "the KMS ended the connection, or there was none"
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


Asked = Generator[Command | Await, object, bytes]
Agreed = Generator[Command | Await, object, str]
"""Steps, and in the end why there is no key, or nothing."""


def _ask(phone: Phone, tickets: Tickets, octets: bytes) -> Asked:
    """Ask the KMS; empty: no answer."""
    stream = Stream(Endpoint(phone.settings.local.host, phone.free_port()), tickets.kms)
    request = http.post(tickets.target, str(tickets.kms), octets)
    question = phone.question = Question(stream, wire.encode(request))
    yield OpenStream(stream, _KMS)
    deadline = phone.now + PATIENCE_SECONDS
    while not question.over and phone.now < deadline:
        yield Await((_MEDIA,), deadline - phone.now)
    if not question.over:
        question.failed = "no answer"
        yield AbortStream(stream, "the KMS takes too long")
    return question.answer


def offer(phone: Phone, bearer: Bearer, to: str) -> Agreed:
    """Get a ticket, or make one, and let the offer carry it."""
    tickets = phone.settings.tickets
    if tickets is None or not bearer.protected or bearer.datagrams:
        return ""
    caller = mikey.Initiator(tickets.own(phone.settings.uri, IdRole.INITIATOR), tickets.center, tickets.credential,
                             phone.source)
    called = Identity(IdType.URI, to.encode(), IdRole.RESPONDER)
    now = _since_1900(phone, tickets)
    wanted = tickets.wanted(called, now)
    if tickets.ticket_key is not None:
        caller.make(wanted, tickets.ticket_key, now)
    else:
        answer = yield from _ask(phone, tickets, caller.request(wanted, now))
        found = caller.receive_response(answer, _since_1900(phone, tickets)) if answer else None
        if not isinstance(found, mikey.Granted):
            return f"no ticket: {found or 'the KMS did not answer'}"
    bearer.initiator = caller
    said = caller.transfer(called, _since_1900(phone, tickets))
    bearer.keyed = Keyed(f"mikey {encode_base64(said)}", None, tickets.versions)
    return ""


def answered(phone: Phone, bearer: Bearer, theirs: Peer) -> Agreed:
    """The answer's TRANSFER_RESP gives the key; without it there is no call (RFC 4567 §4, RFC 6043 §4.2.2)."""
    tickets, caller = phone.settings.tickets, bearer.initiator
    if tickets is None or caller is None or bearer.keyed is None:
        return ""
    octets = _carried(theirs)
    bearer.initiator = None
    found = caller.receive_answer(octets, _since_1900(phone, tickets)) if octets else caller.unanswered()
    if isinstance(found, mikey.Refused):
        return f"the answer's ticket: {found}"
    key = _key(found)
    bearer.keyed = msgspec.structs.replace(bearer.keyed, key=key)
    if isinstance(bearer.media, StreamEndpoint):
        yield from bearer.media.provide(key, phone.now)
    yield Note(f"the ticket's key is there: {key.identity.decode()}")
    return ""


def answer(phone: Phone, bearer: Bearer, offered: Peer) -> Agreed:
    """Have the offer's ticket resolved, and let the answer carry TRANSFER_RESP."""
    tickets = phone.settings.tickets
    if tickets is None or not offered.keyed or not bearer.protected:
        return ""
    groups = [Identity(IdType.URI, one.encode(), IdRole.RESPONDER) for one in tickets.groups]
    called = mikey.Responder(tickets.own(phone.settings.uri, IdRole.RESPONDER), tickets.center, tickets.credential,
                             phone.source, replays=phone.replays, groups=groups)
    found: object = called.receive_offer(_carried(offered), _since_1900(phone, tickets))
    if isinstance(found, mikey.Resolve):
        resolved = yield from _ask(phone, tickets, found.octets)
        now = _since_1900(phone, tickets)
        found = called.receive_resolved(resolved, now) if resolved else called.timed_out()
    if not isinstance(found, mikey.Keyed):
        return f"the offer's ticket: {found}"
    bearer.keyed = Keyed(f"mikey {encode_base64(found.answer)}" if found.answer else "", _key(found), tickets.versions)
    return ""


def _key(found: mikey.Keyed) -> PreSharedKey:
    return PreSharedKey(mikey.psk_identity(found.csb_id, found.session), found.tek)


def _carried(peer: Peer) -> bytes:
    """The MIKEY message of a=key-mgmt; empty where there is none that reads."""
    value = peer.media.attribute("key-mgmt")
    try:
        said = None if value is None else sdp.KeyManagement.decode(value)
    except PeerError:
        return b""
    return said.message if said is not None and said.protocol == "mikey" else b""


def _since_1900(phone: Phone, tickets: Tickets) -> float:
    return tickets.epoch + UNIX_EPOCH + phone.now + tickets.ahead
