"""A KMS as a value, and the keys that UEs share with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from workbench.lab import certificates
from workbench.net.interface import Foot, Host
from workbench.net.values import Endpoint
from workbench.nodes.tickets import Tickets
from workbench.protocols.mikey.messages import Identity
from workbench.protocols.mikey.registry import IdRole, IdType
from workbench.security.tickets import Kms as Center
from workbench.security.tickets import Shared, User

if TYPE_CHECKING:
    from workbench.lab.topology import Ue
    from workbench.nodes.node import Node
    from workbench.security.source import Source


class KmsUser(msgspec.Struct, frozen=True):
    """Somebody who shares a key with the KMS.

    Args:
        uri: KMS user identity.
        shared: its key (`shared`).
        ticket_key: a key under which it makes tickets itself (mode 3).
        groups: identities of groups that it answers for.

    It may ask by a certificate for its `uri`, too, where the KMS has one.
    """

    uri: str
    shared: Shared
    ticket_key: Shared | None = None
    groups: tuple[str, ...] = ()


class Kms(msgspec.Struct, frozen=True):
    """A KMS.

    Args:
        feet: wire and HTTP endpoint of each of its sides.
        users: who may ask.
        identity: IDRkms.
        certified: it has a certificate, and users may ask by theirs (`certificates`).
        resolves: False: who asks it to resolve a ticket gets no answer.
    """

    name: str
    feet: tuple[tuple[str, Endpoint], ...]
    users: tuple[KmsUser, ...]
    identity: str = "kms@ims.example"
    certified: bool = False
    resolves: bool = True


def shared(name: str, key: bytes) -> Shared:
    """A key and its name (IDRpsk)."""
    return Shared(Identity(IdType.BYTE_STRING, name.encode(), IdRole.PSK), key)


def host(node: Kms) -> Host:
    """Its feet on wires."""
    return Host(node.name, tuple(Foot(wire, place.host) for wire, place in node.feet))


def made(node: Kms, source: Source, epoch: float) -> Node:
    """The node itself."""
    from workbench.nodes.kms import KeyManagementService

    users = [User(one.shared, tuple(uri.encode() for uri in (one.uri, *one.groups)), one.ticket_key,
                  certificates=()) for one in node.users]
    center = Center(Identity(IdType.NAI, node.identity.encode(), IdRole.KMS), users,
                    shared("tpk-1", source.octets(32)), source,
                    authority=certificates.authority() if node.certified else None)
    first, *also = (place for _, place in node.feet)
    return KeyManagementService(node.name, address=first, also=tuple(also), kms=center, epoch=epoch,
                                resolves=node.resolves)


def tickets(node: Ue, epoch: float) -> Tickets | None:
    """A UE's use of tickets, with the clock of a run, and with its certificate where it asks by one."""
    if node.tickets is None:
        return None
    told = msgspec.structs.replace(node.tickets, epoch=epoch)
    if not node.asks_kms_with:
        return told
    return msgspec.structs.replace(told, credential=certificates.certified(node.name, node.uri, node.asks_kms_with))
