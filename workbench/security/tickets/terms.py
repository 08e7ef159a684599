"""What parties of MIKEY-TICKET ask for, hold and report. Keys show in no repr."""

from __future__ import annotations

import msgspec

from workbench.protocols.mikey import times
from workbench.protocols.mikey.messages import Identity, Kemac, KeyData, Payload, Spi, Ticket, TicketPolicy, Timestamp
from workbench.protocols.mikey.registry import (
    MAC_OCTETS,
    Encryption,
    Error,
    Flag,
    KeyType,
    Mac,
    Prf,
    Signature,
    TimestampRole,
    TimestampType,
)
from workbench.protocols.mikey.wire import encode_keys
from workbench.security.kemac import KEY_OCTETS

TLS_PROTOCOL = 241
"""Security protocol of a TLS crypto session. Provisional, of the private range; TS 33.328 Annex H.3 has the number."""
RAND_OCTETS = 16
USUAL = Flag.D | Flag.E | Flag.F | Flag.G | Flag.H | Flag.N | Flag.O
"""Flags of a ticket of mode 1 without forking."""
MPK_SPI, TGK_SPI, MPKR_SPI = b"\x01", b"\x02", b"\x03"
"""Names of the keys of a ticket; a local choice."""


def psk_identity(csb_id: int, session: int) -> bytes:
    """The TLS psk_identity of a crypto session's TEK. Provisional: TS 33.328 says it where nobody may read it."""
    return f"mikey-{csb_id:08x}-{session}".encode()


class Suite(msgspec.Struct, frozen=True):
    """Algorithms of one message; those of 128 and of 256 bits do not mix (RFC 6043 §12.1)."""

    prf: int = Prf.MIKEY_1
    encryption: int = Encryption.AES_CM_128
    mac: int = Mac.HMAC_SHA_1_160

    @property
    def mac_octets(self) -> int:
        """Size of the MAC and of its key."""
        return MAC_OCTETS[self.mac]

    @property
    def key_octets(self) -> int:
        """Size of the encryption key."""
        return KEY_OCTETS[Encryption(self.encryption)]


STRONG = Suite(Prf.HMAC_SHA_256, Encryption.AES_CM_256, Mac.HMAC_SHA_256_256)
"""The algorithms of 256 bits; who asks by certificate has them unless told otherwise."""


def suite_of(prf: int, mac: int | None = None) -> Suite:
    """The suite that a message's PRF and MAC belong to; without a MAC (it is signed) the PRF alone says it."""
    wide = mac == Mac.HMAC_SHA_256_256 if mac is not None else prf == Prf.HMAC_SHA_256
    return Suite(prf, STRONG.encryption if wide else Encryption.AES_CM_128,
                 mac if mac is not None else STRONG.mac if wide else Mac.HMAC_SHA_1_160)


class Shared(msgspec.Struct, frozen=True):
    """A key that two parties share, and its name (IDRpsk)."""

    name: Identity
    key: bytes

    def __repr__(self) -> str:
        return f"Shared({self.name.text!r}, {8 * len(self.key)} bits)"


class Certified(msgspec.Struct, frozen=True):
    """A certificate to ask the KMS with, in place of a shared key (RFC 6043 §4.2.1.3, §4.2.3.3).

    Args:
        chain: certificates in DER, the own one first, each certified by the next; empty: the KMS has them stored.
        key: the private key of the first one, RSA, PKCS #8 in DER.
        kms: the KMS's certificate in DER; the envelope is made for it.
        signature: a `Signature`.
    """

    chain: tuple[bytes, ...]
    key: bytes
    kms: bytes
    signature: int = Signature.PKCS1

    def __repr__(self) -> str:
        return f"Certified({len(self.chain)} certificates)"


Credential = Shared | Certified
"""What a user proves to the KMS who it is with."""


class Wanted(msgspec.Struct, frozen=True):
    """What a ticket shall allow.

    Args:
        responders: IDRr, who may be called with it.
        start, end: seconds since 1900.
        flags: see `Flag`.
        key_octets: of the TGK.
    """

    responders: tuple[Identity, ...]
    start: float
    end: float
    flags: int = USUAL
    key_octets: int = 16
    suite: Suite = Suite()

    def policy(self, initiator: Identity, kms: Identity, *, asked: bool) -> TicketPolicy:
        """As TP (`asked`, with the kind of key that is wanted) or as it is granted (RFC 6043 §6.10)."""
        made: list[Payload] = [kms, initiator]
        made += [Timestamp(TimestampType.NTP_UTC_32, times.stamp(TimestampType.NTP_UTC_32, at), role)
                 for role, at in ((TimestampRole.START, self.start), (TimestampRole.END, self.end))]
        if asked:
            key = KeyData(KeyType.TGK, bytes(self.key_octets), None, Spi(b""))
            made.append(Kemac(Encryption.NULL, encode_keys([key])))
        return TicketPolicy(self.flags, (*made, *self.responders), prf=self.suite.prf)


class Granted(msgspec.Struct, frozen=True):
    """A ticket and the keys that its initiator holds. `mpkr` is there with forking (I)."""

    ticket: Ticket
    mpki: bytes
    keys: tuple[KeyData, ...]
    mpkr: bytes = b""

    def __repr__(self) -> str:
        return f"Granted({self.ticket.policy!r})"


class Keyed(msgspec.Struct, frozen=True):
    """Both ends have the same key for a crypto session.

    Args:
        tek: the key; for TLS it is the pre-shared key (TS 23.333 §6.2.19).
        peer: identity of the other end.
        answer: TRANSFER_RESP to be sent; empty at the initiator, and without flag F.
    """

    tek: bytes
    csb_id: int
    session: int
    peer: Identity | None
    answer: bytes = b""

    def __repr__(self) -> str:
        who = self.peer.text if self.peer else "nobody named"
        return f"Keyed({psk_identity(self.csb_id, self.session)!r}, {who!r}, {8 * len(self.tek)} bits)"


class Refused(msgspec.Struct, frozen=True):
    """A message is not taken.

    Args:
        error: number of ERR.
        octets: the Error message that may be sent; empty where none is due.
    """

    what: str
    clause: str
    error: Error
    octets: bytes = b""

    def __str__(self) -> str:
        return f"{self.what} [{self.clause}]"
