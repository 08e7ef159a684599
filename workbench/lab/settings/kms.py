"""Settings of a KMS that runs alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from workbench.lab.recording import Plan, planned
from workbench.lab.settings.file import File

if TYPE_CHECKING:
    from workbench.nodes.node import Node
    from workbench.security.source import Source
    from workbench.security.tickets import Authority, Shared, User

_MOST_OCTETS = 1_048_576
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class UserFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who shares a key with the KMS, asks it by certificate, or both.

    Args:
        key: in hexadecimal, 16 octets or more: Ks_NAF of a UE, or any key of a network node; without it the user has to
            ask by certificate.
        certified: it may ask by certificate. Its subjectAltName has to have one of `identities`.
        certificate: a file with that certificate and those above it, PEM, for who does not send it; needs no
            `certified`.
        identities: URIs that this user may speak for: its own, and groups that it answers for.
        ticket_key: in hexadecimal; a key under which it makes or opens tickets itself (modes 2 and 3).
        ticket_key_name: what tickets call that key.
        may_call: URIs for which it gets tickets; without it everybody.
    """

    identities: Annotated[tuple[Words, ...], msgspec.Meta(min_length=1)]
    key: str | None = None
    certified: bool = False
    certificate: str | None = None
    ticket_key: str | None = None
    ticket_key_name: str | None = None
    may_call: tuple[Words, ...] | None = None

    def __repr__(self) -> str:
        return f"UserFile(identities={self.identities})"


class KmsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a KMS.

    Args:
        name: of the node.
        listen: its HTTP endpoint, TCP.
        target: where requests are posted to. Provisional.
        identity: its IDRkms, an NAI.
        ticket_key: in hexadecimal, under which it makes tickets; without it one of its own for as long as it runs.
        ticket_key_name: what tickets call it.
        skew: seconds by which clocks may differ.
        longest: seconds for which a ticket is granted.
        certificate: a file with its own certificate, PEM; RSA. Without it nobody can ask by certificate.
        certificate_key: a file with the key of that, PEM, not encrypted.
        anchors: files with certificates of those who may certify users, PEM.
        users: name of each user's key (IDRpsk, B-TID of a UE) to the user; any name of a user without a key.
    """

    users: dict[str, UserFile]
    name: str = "kms"
    listen: str = "127.0.0.50:8080"
    target: str = "/keymanagement"
    identity: Words = "kms@ims.example"
    ticket_key: str | None = None
    ticket_key_name: Words = "tpk-1"
    skew: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 300.0
    longest: Annotated[float, msgspec.Meta(ge=1, le=1e9)] = 2_592_000.0
    certificate: str | None = None
    certificate_key: str | None = None
    anchors: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"KmsFile({self.name!r}, {len(self.users)} users)"


def kms(path: Path, source: Source, epoch: float) -> Node:
    """A KMS as a file says; arguments and errors as of `agw`."""
    from workbench.nodes.kms import KeyManagementService, Transport
    from workbench.protocols.mikey.messages import Identity
    from workbench.protocols.mikey.registry import IdRole, IdType
    from workbench.security.tickets import Kms, Replays

    file = File.read(path)
    told = file.settings(KmsFile)
    own = shared(file, "ticket_key", told.ticket_key_name, told.ticket_key or source.octets(32).hex())
    center = Kms(Identity(IdType.NAI, told.identity.encode(), IdRole.KMS),
                 [_user(file, name, user) for name, user in told.users.items()], own, source,
                 replays=Replays(told.skew), longest=told.longest, authority=_authority(file, told))
    return KeyManagementService(told.name, address=file.endpoint("listen", told.listen), kms=center, epoch=epoch,
                                transport=Transport(target=told.target))


def _user(file: File, name: str, told: UserFile) -> User:
    from workbench.security.tickets import User

    key = None if told.key is None else shared(file, "key", name, told.key)
    chain: tuple[bytes, ...] | None = () if told.certified else None
    if told.certificate is not None:
        chain = _certificates(file, "certificate", told.certificate, quoted=told.certificate)
    if key is None and chain is None:
        head = next((one for one in (f"[users.{name}]", f'[users."{name}"]') if one in file.text), None)
        raise file.wrong("users", f"{name!r} has no key, and may not ask by certificate (certified = true)", head)
    tpk = None
    if told.ticket_key is not None:
        tpk = shared(file, "ticket_key", told.ticket_key_name or f"tpk {name}", told.ticket_key)
    may = None if told.may_call is None else tuple(uri.encode() for uri in told.may_call)
    return User(key, tuple(uri.encode() for uri in told.identities), tpk, may, chain)


def _authority(file: File, told: KmsFile) -> Authority | None:
    """The KMS's own certificate and whom it trusts; None: it has none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from workbench.security.tickets import Authority
    from workbench.security.tickets.certificates import public_key

    if told.certificate is None or told.certificate_key is None:
        missing = "certificate" if told.certificate is None else "certificate_key"
        if any(user.certified or user.certificate for user in told.users.values()):
            raise file.wrong(missing, "has to be set for users who ask by certificate")
        if told.certificate is not None or told.certificate_key is not None:
            raise file.wrong(missing, "has to be set too: a certificate goes with its key")
        return None
    if not told.anchors:
        raise file.wrong("anchors", "has to name who certifies users; with none every certificate is refused")
    own = _certificates(file, "certificate", told.certificate)[0]
    try:
        key = form.load_pem_private_key(_octets(file, "certificate_key", told.certificate_key), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        what = f"{told.certificate_key} is no private key in PEM without a password"
        raise file.wrong("certificate_key", what) from None
    try:
        fits = isinstance(key, RSAPrivateKey) and key.public_key() == public_key(own)
    except ValueError:
        fits = False
    if not fits:
        raise file.wrong("certificate_key", f"{told.certificate_key} is not the RSA key of {told.certificate}")
    anchors = tuple(one for name in told.anchors for one in _certificates(file, "anchors", name))
    return Authority(own, key.private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption()), anchors)


def _certificates(file: File, key: str, name: str, quoted: str | None = None) -> tuple[bytes, ...]:
    """The certificates of a PEM file in DER, one or more. Raises SettingsError; `quoted`: see `File.wrong`."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        return tuple(one.public_bytes(Encoding.DER) for one in
                     x509.load_pem_x509_certificates(_octets(file, key, name, quoted)))
    except ValueError:
        raise file.wrong(key, f"{name} has no certificate in PEM that decodes", quoted) from None


def _octets(file: File, key: str, name: str, quoted: str | None = None) -> bytes:
    """A file beside the settings. Raises SettingsError."""
    path = file.path.parent / name
    try:
        if path.stat().st_size > _MOST_OCTETS:
            raise file.wrong(key, f"{name} has over {_MOST_OCTETS} octets", quoted)
        return path.read_bytes()
    except OSError as error:
        raise file.wrong(key, f"{name}: {error.strerror or error}", quoted) from None


def shared(file: File, key: str, name: str, digits: str) -> Shared:
    """A key of the file. Errors never quote it."""
    from workbench.protocols.mikey.messages import Identity
    from workbench.protocols.mikey.registry import IdRole, IdType
    from workbench.security.tickets import Shared

    try:
        octets = bytes.fromhex(digits)
    except ValueError:
        raise file.wrong(key, f"the key of {name!r} is not hexadecimal") from None
    if not 16 <= len(octets) <= 256:
        raise file.wrong(key, f"the key of {name!r} has {len(octets)} octets, not 16 to 256")
    return Shared(Identity(IdType.BYTE_STRING, name.encode(), IdRole.PSK), octets)


def plan(path: Path) -> Plan:
    """What a capture says of the KMS's surroundings. Raises SettingsError."""
    file = File.read(path)
    told = file.settings(KmsFile)
    return planned(told.name, {str(file.endpoint("listen", told.listen)): "KMS"}, [])
