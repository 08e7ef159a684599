"""TLS messages as frozen values (RFC 5246 §7.4, RFC 8446 §4). Fields that only spans need are left out."""

from __future__ import annotations

import hashlib

import msgspec

from workbench.protocols.tls.registry import ExtensionType

# SHA-256("HelloRetryRequest"): the random by which a HelloRetryRequest differs from a ServerHello (RFC 8446 §4.1.3).
RETRY_RANDOM = hashlib.sha256(b"HelloRetryRequest").digest()
"""The random of a HelloRetryRequest."""


class Extension(msgspec.Struct, frozen=True):
    """An extension: its number and the octets of its value."""

    type: int
    octets: bytes


Extensions = tuple[Extension, ...]


class PskOffer(msgspec.Struct, frozen=True):
    """A pre-shared key that a client of TLS 1.3 offers, by name (RFC 8446 §4.2.11).

    Args:
        identity: of a key that both ends were given, or the ticket of an earlier session.
        age: the obfuscated age of a ticket; 0 for a key that both ends were given.
    """

    identity: bytes
    age: int

    @property
    def external(self) -> bool:
        """Both ends were given the key: it is none of an earlier session."""
        return self.age == 0


class ClientHello(msgspec.Struct, frozen=True):
    """What the TLS client offers (RFC 8446 §4.1.2). `version` is the field of that name, 0x0303 also in TLS 1.3.

    `cookie`: what a HelloVerifyRequest brought, empty before it; None in TLS (RFC 6347 §4.2.1).
    """

    version: int
    random: bytes
    session_id: bytes
    cipher_suites: tuple[int, ...]
    compression_methods: tuple[int, ...]
    extensions: Extensions = ()
    cookie: bytes | None = None

    @property
    def supported_versions(self) -> tuple[int, ...]:
        """The versions offered, best first; the version field where there is no supported_versions extension."""
        value = extension(self.extensions, ExtensionType.SUPPORTED_VERSIONS)
        if value is None:
            return (self.version,)
        return tuple(int.from_bytes(value[at : at + 2]) for at in range(1, len(value) - 1, 2))

    @property
    def server_name(self) -> str:
        """The host name asked for, or "" (RFC 6066 §3)."""
        value = extension(self.extensions, ExtensionType.SERVER_NAME)
        if value is None or len(value) < 5 or value[2] != 0:
            return ""
        return value[5 : 5 + int.from_bytes(value[3:5])].decode("ascii", "replace")

    @property
    def psk_offers(self) -> tuple[PskOffer, ...]:
        """The pre-shared keys of TLS 1.3 that are offered, in order; what does not decode offers none."""
        value = extension(self.extensions, ExtensionType.PRE_SHARED_KEY) or b""
        found: list[PskOffer] = []
        at, end = 2, 2 + int.from_bytes(value[:2])
        while at + 6 < end <= len(value):
            behind = at + 2 + int.from_bytes(value[at : at + 2])
            found.append(PskOffer(value[at + 2 : behind], int.from_bytes(value[behind : behind + 4])))
            at = behind + 4
        return tuple(found)


class ServerHello(msgspec.Struct, frozen=True):
    """What the TLS server chose (RFC 8446 §4.1.3), or its wish for another ClientHello (`retry`)."""

    version: int
    random: bytes
    session_id: bytes
    cipher_suite: int
    compression_method: int
    extensions: Extensions = ()

    @property
    def retry(self) -> bool:
        """It is a HelloRetryRequest (RFC 8446 §4.1.4)."""
        return self.random == RETRY_RANDOM

    @property
    def selected_version(self) -> int:
        """The version agreed on: 0x0304 where supported_versions says so, else the version field."""
        value = extension(self.extensions, ExtensionType.SUPPORTED_VERSIONS)
        return self.version if value is None or len(value) != 2 else int.from_bytes(value)

    @property
    def selected_psk(self) -> int | None:
        """Which of the client's pre-shared keys is used, counted from 0; None: none (RFC 8446 §4.2.11)."""
        value = extension(self.extensions, ExtensionType.PRE_SHARED_KEY)
        return None if value is None or len(value) != 2 else int.from_bytes(value)


class HelloVerifyRequest(msgspec.Struct, frozen=True):
    """The DTLS server wants to see a cookie from the client's address before it keeps anything (RFC 6347 §4.2.1)."""

    version: int
    cookie: bytes


class EncryptedExtensions(msgspec.Struct, frozen=True):
    """What else the server answers, protected (RFC 8446 §4.3.1)."""

    extensions: Extensions


class CertificateEntry(msgspec.Struct, frozen=True):
    """One certificate, DER, with its extensions (TLS 1.3 only)."""

    der: bytes
    extensions: Extensions = ()


class Certificate(msgspec.Struct, frozen=True):
    """The sender's own certificate first (RFC 5246 §7.4.2, RFC 8446 §4.4.2). `context` is None in TLS 1.2."""

    certificates: tuple[CertificateEntry, ...]
    context: bytes | None = None


class ServerKeyExchange(msgspec.Struct, frozen=True):
    """The server's share of a TLS 1.2 key exchange (RFC 5246 §7.4.3, RFC 8422 §5.4), not taken apart.

    `psk_hint`: which identity it would like to see; None where the suite has no pre-shared key (RFC 4279 §2).
    """

    octets: bytes
    psk_hint: bytes | None = None


class CertificateRequest(msgspec.Struct, frozen=True):
    """The server wants a certificate (RFC 5246 §7.4.4, RFC 8446 §4.3.2). `context` is None in TLS 1.2."""

    signature_schemes: tuple[int, ...]
    authorities: tuple[bytes, ...] = ()
    certificate_types: tuple[int, ...] = ()
    context: bytes | None = None
    extensions: Extensions = ()


class ServerHelloDone(msgspec.Struct, frozen=True):
    """The server's first flight ends (RFC 5246 §7.4.5)."""


class CertificateVerify(msgspec.Struct, frozen=True):
    """A signature that proves who holds the certificate's key (RFC 5246 §7.4.8, RFC 8446 §4.4.3)."""

    scheme: int
    signature: bytes


class ClientKeyExchange(msgspec.Struct, frozen=True):
    """The client's share of a TLS 1.2 key exchange (RFC 5246 §7.4.7), not taken apart.

    `psk_identity`: the name of its pre-shared key; None where the suite has none (RFC 4279 §2).
    """

    octets: bytes
    psk_identity: bytes | None = None


class Finished(msgspec.Struct, frozen=True):
    """A MAC over the handshake (RFC 5246 §7.4.9, RFC 8446 §4.4.4)."""

    verify_data: bytes


class NewSessionTicket(msgspec.Struct, frozen=True):
    """A ticket to resume with (RFC 5077 §3.3, RFC 8446 §4.6.1). `age_add` and `nonce` are None in TLS 1.2."""

    lifetime: int
    ticket: bytes
    age_add: int | None = None
    nonce: bytes | None = None
    extensions: Extensions = ()


class KeyUpdate(msgspec.Struct, frozen=True):
    """The sender's next record uses new keys; `requested`: the receiver is to do the same (RFC 8446 §4.6.3)."""

    requested: bool


class OtherHandshake(msgspec.Struct, frozen=True):
    """A handshake message that is not taken apart: its number and its octets without the header."""

    type: int
    octets: bytes


class AlertMessage(msgspec.Struct, frozen=True):
    """An alert: 1 warning or 2 fatal, and what it says (RFC 8446 §6)."""

    level: int
    description: int


class ChangeCipherSpec(msgspec.Struct, frozen=True):
    """The sender protects what follows (RFC 5246 §7.1); in TLS 1.3 a dummy for middleboxes (RFC 8446 App. D.4)."""


HandshakeBody = (
    ClientHello | ServerHello | EncryptedExtensions | Certificate | ServerKeyExchange | CertificateRequest
    | ServerHelloDone | CertificateVerify | ClientKeyExchange | Finished | NewSessionTicket | KeyUpdate
    | HelloVerifyRequest | OtherHandshake
)


class Handshake(msgspec.Struct, frozen=True):
    """A handshake message: number, meaning, and all its octets with the header."""

    type: int
    body: HandshakeBody
    octets: bytes


def extension(extensions: Extensions, number: int) -> bytes | None:
    """The value of an extension, or None where it is absent."""
    return next((one.octets for one in extensions if one.type == number), None)
