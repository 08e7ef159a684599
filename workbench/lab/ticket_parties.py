"""Three parties of MIKEY-TICKET with keys from configuration, for pages: a KMS, UE A, and the MRFC of a conference.

UE A and the MRFC each share a key with the KMS, and nothing with each other (RFC 6043 §4; UE A's would come from GBA).
"""

from __future__ import annotations

from workbench.protocols.mikey.messages import Identity
from workbench.protocols.mikey.registry import IdRole, IdType
from workbench.security.source import Source
from workbench.security.tickets import Initiator, Kms, Replays, Responder, Shared, User, Wanted
from workbench.security.tickets.terms import USUAL

NOW = 0xD7359440
"""Seconds since 1900, as MIKEY counts (NTP)."""
A_DAY = 86_400


def identity(uri: str, role: IdRole = IdRole.RESPONDER) -> Identity:
    """An identity as a SIP URI."""
    return Identity(IdType.URI, uri.encode(), role)


KMS_ID = Identity(IdType.NAI, b"kms@ims.example", IdRole.KMS)
ALICE = identity("sip:ue-a@ims.example", IdRole.INITIATOR)
CONF = identity("sip:conf-1@ims.example")


def _shared(name: str, key: bytes) -> Shared:
    return Shared(Identity(IdType.BYTE_STRING, name.encode(), IdRole.PSK), key)


_OF_ALICE, _OF_MRFC = _shared("alice@bsf.ims.example", bytes(range(32))), _shared("mrfc-1", bytes(range(64, 80)))


def service(seed: int = 1) -> Kms:
    """The KMS, which knows both."""
    users = [User(_OF_ALICE, (ALICE.data,)), User(_OF_MRFC, (CONF.data,))]
    return Kms(KMS_ID, users, _shared("tpk-1", bytes(range(16))), Source(seed, "kms"))


def alice(seed: int = 1) -> Initiator:
    """UE A."""
    return Initiator(ALICE, KMS_ID, _OF_ALICE, Source(seed, "alice"))


def mrfc(seed: int = 1, who: Identity = CONF, replays: Replays | None = None) -> Responder:
    """The MRFC, or somebody else who has its key with the KMS; `replays`: what it has accepted before."""
    return Responder(who, KMS_ID, _OF_MRFC, Source(seed, "mrfc"), replays=Replays() if replays is None else replays)


def wish(flags: int = USUAL) -> Wanted:
    """A ticket for the conference, for a day."""
    return Wanted((CONF,), NOW, NOW + A_DAY, flags)
