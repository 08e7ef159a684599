"""Nodes of a conference as values: the MRFC that is called, and the MRFP that it orders over Mp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from workbench.net.interface import Foot, Host
from workbench.net.values import Endpoint
from workbench.nodes.conference import Conference

if TYPE_CHECKING:
    from workbench.nodes.mrfc.keying import Agreed
    from workbench.nodes.node import Node
    from workbench.nodes.tickets import Tickets
    from workbench.nodes.ue.keyed import Keyed
    from workbench.security.source import Source


class Mrfc(msgspec.Struct, frozen=True):
    """An MRFC.

    Args:
        sip, sip_wire: its SIP endpoint.
        control, control_wire: its H.248 endpoint; `mrfp` is the MRFP's.
        conferences: SIP URIs that can be called.
        answers: a=setup in its answers.
        orders: a=setup that the MRFP is told; empty: the answer's. Another one weakens.
        starts_tcp: the MRFP opens connections when they are `reserved`, or when the call is `answered`, which weakens.
        reports: it asks for failure reports; False weakens.
        keys: values of a=key-mgmt that it takes, and what each leads to.
        keys_at: when the MRFP gets a key: as soon as it is `reserved`, or when the call is `answered`; `never`
            weakens.
        tickets: how it has tickets resolved, and gets or makes them for its own calls, by the run's clock; None: it
            has no KMS, and calls without TLS.
        routes: SIP domains, and where its calls to people in them go to.
        lets_go: the termination of a call that came to nothing is released; False weakens.
        floors: conferences with floors, by URI.
        tells_floors, confirms: the MRFP is told over H.248 which floors there are, and grants that it reports are
            confirmed; False weakens.
        begins_tls: the MRFP is told to be TLS client with BFCP, too, which weakens.
        coding: of H.248: text with long (`pretty`) or short (`compact`) tokens, or `binary`.
    """

    name: str
    sip: Endpoint
    sip_wire: str
    control: Endpoint
    control_wire: str
    mrfp: Endpoint
    conferences: tuple[str, ...]
    answers: Literal["active", "passive"] = "active"
    orders: Literal["", "active", "passive"] = ""
    starts_tcp: Literal["reserved", "answered"] = "reserved"
    reports: bool = True
    keys: tuple[tuple[str, Agreed], ...] = ()
    keys_at: Literal["reserved", "answered", "never"] = "reserved"
    tickets: Tickets | None = None
    routes: dict[str, Endpoint] = {}
    lets_go: bool = True
    floors: dict[str, Conference] = {}
    tells_floors: bool = True
    confirms: bool = True
    begins_tls: bool = False
    coding: Literal["pretty", "compact", "binary"] = "pretty"


class Mrfp(msgspec.Struct, frozen=True):
    """An MRFP.

    Args:
        control, control_wire: its H.248 endpoint; `controller` is its MRFC's.
        media, media_wire: its media address.
        distributes: what one participant says is sent to the others; False weakens.
        holders: of a floor, at most, where H.248 does not say.
        waits_for_media: who gets a floor hears so behind Confirm Media Update; False weakens.
        passes_floors_on: a floor whose holder is gone goes to the next; False weakens.
        guard, tls_guard: seconds after which a connection, or TLS on it, that should be up is given up.
        listens: connections are let in; False: its ports are closed.
        coding: of H.248, as its MRFC's.
    """

    name: str
    control: Endpoint
    control_wire: str
    controller: Endpoint
    media: str
    media_wire: str
    distributes: bool = True
    holders: int = 1
    waits_for_media: bool = True
    passes_floors_on: bool = True
    guard: float = 30.0
    tls_guard: float = 10.0
    listens: bool = True
    coding: Literal["pretty", "compact", "binary"] = "pretty"


def keyed(says: str, identity: bytes, key: bytes) -> Keyed:
    """A UE's setting `keyed`: value of a=key-mgmt, name of the key in TLS, key."""
    from workbench.nodes.ue.keyed import Keyed
    from workbench.security.psk import PreSharedKey

    return Keyed(says, PreSharedKey(identity, key))


def agreed(offered: str, answered: str, identity: bytes, key: bytes) -> tuple[str, Agreed]:
    """One of an MRFC's `keys`: values of a=key-mgmt in offer and answer, name of the key in TLS, key."""
    from workbench.nodes.mrfc.keying import Agreed
    from workbench.security.psk import PreSharedKey

    return offered, Agreed(answered, PreSharedKey(identity, key))


def host(node: Mrfc | Mrfp) -> Host:
    """Its feet on wires."""
    if isinstance(node, Mrfc):
        return Host(node.name, (Foot(node.sip_wire, node.sip.host), Foot(node.control_wire, node.control.host)))
    return Host(node.name, (Foot(node.media_wire, node.media), Foot(node.control_wire, node.control.host)))


def made(node: Mrfc | Mrfp, source: Source, epoch: float) -> Node:
    """The node itself."""
    from workbench.nodes import mrfc, mrfp
    from workbench.protocols.sdp import Setup

    if isinstance(node, Mrfp):
        return mrfp.Mrfp(
            node.name, control=node.control, controller=node.controller, address=node.media, source=source,
            tcp_guard=node.guard, tls_guard=node.tls_guard, distributes=node.distributes, listens=node.listens,
            floors=mrfp.Rules(
                holders=node.holders, passes_on=node.passes_floors_on, waits=node.waits_for_media), log_keys=True,
            coding=node.coding, epoch=epoch)
    settings = mrfc.Settings(
        node.conferences, answers=Setup(node.answers), orders=Setup(node.orders) if node.orders else None,
        starts_tcp=mrfc.StartsTcp(node.starts_tcp), reports=node.reports, keys_at=mrfc.KeysAt(node.keys_at),
        floors=node.floors, tells_floors=node.tells_floors, confirms=node.confirms,
        begins_tls=node.begins_tls, routes=node.routes, lets_go=node.lets_go)
    return mrfc.Mrfc(
        node.name, local=node.sip, control=node.control, mrfp=node.mrfp, settings=settings, source=source,
        keys=node.keys, coding=node.coding,
        tickets=None if node.tickets is None else msgspec.structs.replace(node.tickets, epoch=epoch))
