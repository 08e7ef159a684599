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
    from workbench.security.tickets import Shared, User

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class UserFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who shares a key with the KMS.

    Args:
        key: in hexadecimal, 16 octets or more: Ks_NAF of a UE, or any key of a network node.
        identities: URIs that this user may speak for: its own, and groups that it answers for.
        ticket_key: in hexadecimal; a key under which it makes or opens tickets itself (modes 2 and 3).
        ticket_key_name: what tickets call that key.
        may_call: URIs for which it gets tickets; without it everybody.
    """

    key: str
    identities: Annotated[tuple[Words, ...], msgspec.Meta(min_length=1)]
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
        users: name of each user's key (IDRpsk, B-TID of a UE) to the user.
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
    own = _shared(file, "ticket_key", told.ticket_key_name, told.ticket_key or source.octets(32).hex())
    center = Kms(Identity(IdType.NAI, told.identity.encode(), IdRole.KMS),
                 [_user(file, name, user) for name, user in told.users.items()], own, source,
                 replays=Replays(told.skew), longest=told.longest)
    return KeyManagementService(told.name, address=file.endpoint("listen", told.listen), kms=center, epoch=epoch,
                                transport=Transport(target=told.target))


def _user(file: File, name: str, told: UserFile) -> User:
    from workbench.security.tickets import User

    key = _shared(file, "key", name, told.key)
    tpk = None
    if told.ticket_key is not None:
        tpk = _shared(file, "ticket_key", told.ticket_key_name or f"tpk {name}", told.ticket_key)
    may = None if told.may_call is None else tuple(uri.encode() for uri in told.may_call)
    return User(key, tuple(uri.encode() for uri in told.identities), tpk, may)


def _shared(file: File, key: str, name: str, digits: str) -> Shared:
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
