"""What a user asks the KMS with, whether it has a pre-shared key there or a certificate (RFC 6043 §4.2.1, §4.2.3)."""

from __future__ import annotations

import msgspec

from workbench.protocols.mikey import coverage, wire
from workbench.protocols.mikey.keys import Direction
from workbench.protocols.mikey.messages import (
    Certificate,
    Header,
    Identity,
    Message,
    Payload,
    Rand,
    Sign,
    Ticket,
    TicketPolicy,
)
from workbench.protocols.mikey.registry import CertificateType, DataType, RandRole
from workbench.security.source import Source
from workbench.security.tickets import enveloped
from workbench.security.tickets.protecting import Protection, stamp_of
from workbench.security.tickets.terms import RAND_OCTETS, Certified, Credential, Shared, Suite


class Question(msgspec.Struct, frozen=True):
    """An INIT to the KMS, and the keys of its response."""

    octets: bytes
    keys: Protection


def question(what: TicketPolicy | Ticket, who: Identity, kms: Identity, credential: Credential, suite: Suite,
          source: Source, now: float) -> Question:
    """REQUEST_INIT for a ticket policy, RESOLVE_INIT for a ticket.

    Args:
        who: IDRi of a request, IDRr of a resolve.
        now: seconds since 1900.
    """
    requests = isinstance(what, TicketPolicy)
    csb_id, drawn = int.from_bytes(source.octets(4)), source.octets(RAND_OCTETS)
    rand = Rand(drawn, RandRole.INITIATOR if requests else RandRole.RESPONDER)
    rands = {"rand_i": drawn} if requests else {"rand_r": drawn}
    if isinstance(credential, Shared):
        kind = DataType.REQUEST_INIT_PSK if requests else DataType.RESOLVE_INIT_PSK
        chain: tuple[Payload, ...] = (stamp_of(now), rand, who, kms, what, credential.name)
        keys = Protection(suite.prf, credential.key, Direction.INIT, csb_id, **rands)
        message = Message(Header(kind, csb_id, suite.prf, verify=True), chain)
        return Question(keys.seal(message, suite.mac, who.data, kms.data), keys)
    kind = DataType.REQUEST_INIT_PK if requests else DataType.RESOLVE_INIT_PK
    key = source.octets(suite.key_octets)
    chain = (stamp_of(now), rand, who, *(Certificate(CertificateType.X_509_V3, one) for one in credential.chain), kms,
             what, enveloped.certificate_hash(suite.prf, credential.kms),
             enveloped.enveloped(credential.kms, key, source))
    message = Message(Header(kind, csb_id, suite.prf, verify=True), chain)
    keys = Protection(suite.prf, key, Direction.INIT, csb_id, **rands)
    return Question(_signed(message, credential, who.data, kms.data), keys)


def _signed(message: Message, credential: Certified, *bound: bytes) -> bytes:
    """A message with SIGN at its end, over itself and what belongs to it (RFC 6043 §5.5)."""
    def ended(sign: Sign) -> bytes:
        return wire.encode(Message(message.header, (*message.payloads, sign)))

    empty = Sign(credential.signature, bytes(enveloped.signature_octets(credential.key)))
    said = coverage.covered(ended(empty), *bound)
    return ended(enveloped.signed(credential.signature, message.header.prf, credential.key, said))
