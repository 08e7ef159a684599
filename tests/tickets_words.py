"""Parties of MIKEY-TICKET with the inputs of the stored runs; chance comes from a list."""

from __future__ import annotations

from workbench.lab import certificates
from workbench.protocols.mikey import keys
from workbench.protocols.mikey.messages import Identity
from workbench.protocols.mikey.registry import Flag, IdRole, IdType
from workbench.security.source import Source
from workbench.security.tickets import Credential, Initiator, Kms, Replays, Responder, Shared, User, Wanted
from workbench.security.tickets.terms import STRONG, USUAL

START, END, ASKED = 0xD7359440, 0xD736E5C0, 0xD7359440
SIGNED = 0xEBE61680
"""When the stored run with certificates begins: 2025-06-01 00:00 UTC."""
FORKED = USUAL | Flag.I
MODE_3 = USUAL & ~Flag.D | Flag.L
MODE_2 = USUAL & ~Flag.E
MODE_4 = MODE_3 & ~Flag.E


class Told(Source):
    """Chance that was written down beforehand."""

    def __init__(self, *octets: bytes) -> None:
        super().__init__(1, "told")
        self._told = list(octets)

    def octets(self, size: int) -> bytes:
        """The next of the list; behind its end as of any source."""
        if self._told:
            assert len(self._told[0]) == size
            return self._told.pop(0)
        return super().octets(size)


def uri(text: str, role: IdRole) -> Identity:
    """An identity as a SIP URI."""
    return Identity(IdType.URI, text.encode(), role)


def named(name: str, key: bytes) -> Shared:
    """A key with a byte string for a name."""
    return Shared(Identity(IdType.BYTE_STRING, name.encode(), IdRole.PSK), key)


KMS_ID = Identity(IdType.NAI, b"kms@ims.example", IdRole.KMS)
A = uri("sip:ue-a@ims.example", IdRole.INITIATOR)
CONF, B, B2, B3 = (uri(f"sip:{who}@ims.example", IdRole.RESPONDER) for who in ("conf-1", "ue-b", "ue-b2", "ue-b3"))
KS_NAF = keys.bootstrapped(bytes(range(0x10, 0x20)), bytes(range(0x20, 0x30)), bytes(range(0xA0, 0xB0)),
                           "ue-a@ims.example", b"kms.ims.example\x01\x00\x00\x00\x06")
UE_A = named("oKGio6SlpqeoqaqrrK2urw==@bsf.ims.example", KS_NAF)
MRFC = named("mrfc-1", bytes(range(0xB0, 0xC0)))
UE_B2, UE_B3 = named("ue-b2", b"\x02" * 16), named("ue-b3", b"\x03" * 16)
TPK = named("tpk-1", b"\x7f" * 16)
TPK_A, TPK_MRFC = named("tpk-a", b"\x0a" * 16), named("tpk-mrfc", b"\x0c" * 16)


def times(octet: int, count: int = 16) -> bytes:
    """One octet again and again."""
    return bytes((octet,)) * count


BY_CERTIFICATE = {"UE A": certificates.certified("UE A", A.text), "UE B": certificates.certified("UE B", CONF.text)}
"""UE-A's certificate, and in place of UE B's one of the MRFC."""


def initiator(*chance: bytes, shared: Credential | None = UE_A) -> Initiator:
    """UE-A."""
    return Initiator(A, KMS_ID, shared, Told(*chance))


def kms(*chance: bytes, longest: float = 30 * 86_400.0) -> Kms:
    """The KMS, with UE-A, the MRFC and two devices of the group ue-b."""
    users = [User(UE_A, (A.data,), TPK_A), User(MRFC, (CONF.data,), TPK_MRFC), User(UE_B2, (B2.data, B.data)),
             User(UE_B3, (B3.data, B.data))]
    return Kms(KMS_ID, users, TPK, Told(*chance), longest=longest)


def certifying(*chance: bytes) -> Kms:
    """The KMS, with UE-A and the MRFC, who have certificates only."""
    users = [User(None, (A.data,), certificates=()), User(None, (CONF.data,), certificates=())]
    return Kms(KMS_ID, users, TPK, Told(*chance), authority=certificates.authority())


def responder(*chance: bytes, identity: Identity = CONF, shared: Credential | None = MRFC,
              replays: Replays | None = None) -> Responder:
    """The MRFC, or a device of the group ue-b."""
    return Responder(identity, KMS_ID, shared, Told(*chance), replays=Replays() if replays is None else replays,
                     groups=() if identity == CONF else (B,), tpks={one.name.data: one for one in (TPK_MRFC, TPK_A)})


def wanted(flags: int = USUAL, to: Identity = CONF) -> Wanted:
    """A ticket for a day."""
    return Wanted((to,), START, END, flags)


def strong(flags: int = USUAL) -> Wanted:
    """The ticket for the conference with algorithms of 256 bits, for a day."""
    return Wanted((CONF,), SIGNED, SIGNED + 86_400, flags, STRONG.key_octets, STRONG)
