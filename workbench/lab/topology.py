"""Who is there, as values: what a node is set up with, on which wires, behind which NAT.

`Topology.changed` is how knobs and weakened variants act: they replace settings, nothing else.
`build` makes the plan for a network and the nodes that live on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from workbench.errors import ScenarioError
from workbench.lab import topology_kms, topology_mp
from workbench.lab.topology_kms import Kms
from workbench.lab.topology_mp import Mrfc, Mrfp
from workbench.net.interface import Foot, Host, Plan, Translation, Wire
from workbench.net.values import Endpoint
from workbench.nodes.conference import Conference
from workbench.nodes.fax_terminal import FaxTerminal
from workbench.nodes.nat import TCP_SECONDS, TRANSITORY_SECONDS, UDP_SECONDS, Behaviour
from workbench.nodes.ue.faults import Faults

if TYPE_CHECKING:
    from workbench.nodes.ims_agw import Interlinkage
    from workbench.nodes.interceptor import Interceptor
    from workbench.nodes.nat import Nat
    from workbench.nodes.node import Node
    from workbench.nodes.tickets import Tickets
    from workbench.nodes.ue.keyed import Keyed
    from workbench.security.identities import Identity
    from workbench.security.source import Source

_S = TypeVar("_S", bound=msgspec.Struct)
Changes = Mapping[str, Mapping[str, Any]]
Impairments = Mapping[str, "float | Mapping[str, float]"]
"""Qualities for every wire (`loss`, `reorder`, `duplicate`, `jitter`, `delay`), or a wire's name and its own."""


class Behind(msgspec.Struct, frozen=True):
    """The NAT that a UE sits behind, with the UE's address in there.

    Args:
        mapping, filtering: RFC 4787 §4.1 and §5.
        preserves_ports: it keeps an inside port outside where that is free.
        overloads: it gives a taken port out again, to another inside host.
        hairpins: two UEs behind it reach each other by their outside endpoints.
        unsolicited: what a SYN that it does not let in gets: nothing, RST at once, or ICMP after six seconds.
        udp_seconds, tcp_seconds, transitory_seconds: how long a binding lives unused.
        by: our NAT (`node`, on every network), or the one that a kernel network's Linux has (`kernel`). Linux filters
            by address and port, drops what is unsolicited, does not hairpin, and maps in one of two ways: as if
            endpoint-independent, ports preserved; or by address and port, no port preserved. Lifetimes are its own.
    """

    name: str
    wire: str
    address: str
    inside: str
    mapping: Behaviour = Behaviour.ENDPOINT_INDEPENDENT
    filtering: Behaviour = Behaviour.ADDRESS_AND_PORT_DEPENDENT
    preserves_ports: bool = True
    overloads: bool = False
    hairpins: bool = False
    unsolicited: Literal["drop", "reset", "icmp"] = "drop"
    udp_seconds: float = UDP_SECONDS
    tcp_seconds: float = TCP_SECONDS
    transitory_seconds: float = TRANSITORY_SECONDS
    by: Literal["node", "kernel"] = "node"

    def translation(self, outside: str) -> Translation | None:
        """What a network has to do for it, on that outside wire; None: it is a node of ours.

        Raises:
            ScenarioError: Linux has no such NAT.
        """
        if self.by == "node":
            return None
        strict = not self.preserves_ports
        mapping = Behaviour.ADDRESS_AND_PORT_DEPENDENT if strict else Behaviour.ENDPOINT_INDEPENDENT
        wanted = (self.mapping, self.filtering, self.overloads, self.hairpins, self.unsolicited)
        if wanted != (mapping, Behaviour.ADDRESS_AND_PORT_DEPENDENT, False, False, "drop"):
            raise ScenarioError(
                f"{self.name} can't be by=\"kernel\": Linux filters by address and port, drops what is unsolicited, "
                "does not hairpin, and maps endpoint-independent, ports preserved, or by address and port without")
        return Translation(self.wire, outside, random_ports=strict)


class Taken(msgspec.Struct, frozen=True):
    """The man in the middle that a UE takes for its P-CSCF, with the UE's address on his wire (`nodes.interceptor`).

    He stands where a NAT would: the UE's own address becomes his on the outside. The UE's `proxy` is his inside.

    Args:
        forges: he puts the fingerprint of his own certificate into SDP; False: he leaves fingerprints alone.
        proxy: the P-CSCF.
    """

    name: str
    wire: str
    address: str
    inside: str
    proxy: Endpoint
    forges: bool = False

    def translation(self, outside: str) -> None:
        """No network can do this for him."""


class Ue(msgspec.Struct, frozen=True):
    """A UE, or a peer beyond the core that speaks the same protocols.

    Args:
        name: of the node; changes and scripts use it.
        uri: its public SIP identity.
        wire, address: where it is attached; behind a NAT this becomes the NAT's outside.
        proxy: where it sends SIP to.
        registers: it registers first (a UE); a core peer does not.
        media_security: it asks for and accepts e2ae security (3GPP TS 33.328).
        offers, answers: `a=setup` in its offers, and in its answers to `actpass`.
        tls_versions: what it speaks.
        presents: `announced`, `another` certificate than the one its SDP announces, or `nothing`.
        behind: the NAT it sits behind, or the man in the middle.
        chunk: octets in a SEND before it is cut.
        msrp: `cema` (RFC 6714: connects to c=/m=), `sessmatch` (compares the session-id only, connects to its
            path URI's host and port) or `plain` (RFC 4975: compares all, connects to the leftmost path URI).
        falls_back: a CEMA offerer makes the new offer without msrp-cema where RFC 6714 §4.2 asks for it.
        insists: writes this `a=setup`, whether it is legal or not; empty: what is legal.
        listens: False: a passive side whose port is closed.
        accepts_after: seconds that a passive side takes to answer a SYN.
        connects: False: an active side that never opens the connection.
        connects_after: seconds that an active side takes to open the connection.
        discovers: the STUN server that it asks over TCP for its mapped address; None: it writes its own.
        media: `msrp`, `bfcp` (floor control), `t38` (fax), or `audio` (sound, which may turn into fax).
        tls_role: who is TLS client with BFCP: the `offerer` (RFC 8856 §8), or as `setup` says (its §10 by itself).
        conference: it is the floor control server of this conference, and takes a call from each person of it.
        fax: its fax terminal, with `t38`: correction, depth of redundancy, version.
        faults: what it does wrong with media plane security.
        names_tls: its offers of TLS have a=tls-id, as those of DTLS do.
        secures: its offers ask for security up to its access edge (`e2ae`), or up to the other UE (`e2e`).
        opens_too: with end-to-end TLS it opens TCP although it is passive, as TR 29.828 Annex D has it: `silent`, or
            `indicated` at registration.
        keyed: its TLS is by pre-shared key, and its SDP has a=key-mgmt in place of a fingerprint; None: by certificate.
        tickets: the same, by the keys of MIKEY tickets, whose epoch is the run's.
        asks_kms_with: the kind of certificate that it has for its KMS in place of a shared key; empty: it has none.
    """

    name: str
    uri: str
    wire: str
    address: str
    proxy: Endpoint
    registers: bool = True
    media_security: bool = True
    offers: str = "active"
    answers: str = "passive"
    tls_versions: tuple[str, ...] = ("1.2", "1.3")
    presents: str = "announced"
    behind: Behind | Taken | None = None
    chunk: int = 2048
    msrp: Literal["cema", "sessmatch", "plain"] = "cema"
    falls_back: bool = True
    insists: str = ""
    listens: bool = True
    accepts_after: float = 0.0
    connects: bool = True
    connects_after: float = 0.0
    discovers: Endpoint | None = None
    media: Literal["msrp", "bfcp", "t38", "audio"] = "msrp"
    tls_role: Literal["offerer", "setup"] = "offerer"
    conference: Conference | None = None
    fax: FaxTerminal = FaxTerminal()
    faults: Faults = Faults()
    names_tls: bool = False
    secures: Literal["e2ae", "e2e"] = "e2ae"
    opens_too: Literal["no", "silent", "indicated"] = "no"
    keyed: Keyed | None = None
    tickets: Tickets | None = None
    asks_kms_with: Literal["", "valid", "expired", "stranger", "another"] = ""


class Alg(msgspec.Struct, frozen=True):
    """An IMS-ALG (P-CSCF).

    Args:
        access, core, control: its SIP endpoints towards UEs and core, and its H.248 endpoint.
        gateway: the IMS-AGW's H.248 endpoint.
        routes: SIP domains beyond the core, and where their traffic goes.
        tcp: `aware` (the gateway gets TCP roles) or `stateless` (it gets none: TS 23.334 §5.16.1).
        modifies_setup: it may change `a=setup` where the served UE is behind a NAT (TS 23.334 §5.16.2.3).
        narrows: with it, `actpass` of a served UE behind a NAT is forwarded as `active` (row 7 of the role matrix);
            False: as it is, and an `active` answer leads to merge mode (row 8).
        starts_tcp: what makes the gateway open a connection: `interlinkage`, or a `signal` after the answer.
        msrp: `cema` (path untouched), `sessmatch` (host and port of the path's first URI become the gateway's), or
            `aware` (the gateway rewrites MSRP): TS 23.334 §5.19.
        plain_answer: `a=msrp-cema` was offered and not answered: `reconfigure` makes the gateway application-aware,
            `forward` hands the answer on, so that the offerer falls back (RFC 6714 §4.2).
        guards_e2e: no `a=setup` of a stream with end-to-end TLS is changed; False weakens.
        bfcp_tls: who is TLS client with BFCP, as for a UE.
        keeps_tls: a re-offer that keeps the connection leaves TLS alone; False weakens.
        renews_dtls: another a=tls-id of the UE makes a new DTLS association of a fax; False weakens.
        patience: seconds that a call whose bearer is gone waits for a new offer before it is released.
        end_to_end: what becomes of a stream with end-to-end TLS: it goes `through`; it is taken for `e2ae` (weakens);
            the gateway ends TLS on both sides (`b2bua`).
        annex_d: it makes use of UEs that open TCP although they are passive (TR 29.828 Annex D).
        refuses_downgrade: an answer without TLS, or without a fingerprint, to an offer with TLS is refused; False
            weakens.
        strips: security attributes are taken out of SDP for the core (R-24.229-3); False weakens.
        coding: of H.248: text with long (`pretty`) or short (`compact`) tokens, or `binary`.
        bids_down: a fault: the first a=key-mgmt of an offer is taken out (`drops`), or the last one comes first
            (`reorders`).
    """

    name: str
    access: Endpoint
    access_wire: str
    core: Endpoint
    core_wire: str
    control: Endpoint
    control_wire: str
    gateway: Endpoint
    routes: Mapping[str, Endpoint]
    strips: bool = True
    tcp: Literal["aware", "stateless"] = "aware"
    modifies_setup: bool = False
    narrows: bool = False
    starts_tcp: Literal["interlinkage", "signal"] = "interlinkage"
    msrp: Literal["cema", "sessmatch", "aware"] = "cema"
    plain_answer: Literal["reconfigure", "forward"] = "reconfigure"
    guards_e2e: bool = True
    bfcp_tls: Literal["offerer", "setup"] = "offerer"
    keeps_tls: bool = True
    renews_dtls: bool = True
    refuses_downgrade: bool = True
    patience: float = 0.0
    end_to_end: Literal["through", "e2ae", "b2bua"] = "through"
    annex_d: bool = False
    coding: Literal["pretty", "compact", "binary"] = "pretty"
    bids_down: Literal["", "drops", "reorders"] = ""


class Agw(msgspec.Struct, frozen=True):
    """An IMS-AGW.

    Args:
        control, controller: its H.248 endpoint and its IMS-ALG's.
        access, core: its media addresses.
        tls_versions: what it speaks.
        verifies: it checks certificates against announced fingerprints; False weakens.
        waits: an outgoing connection waits for the incoming one (interlinkage); False weakens.
        closes_tls: it sends close_notify before it closes TCP; False weakens.
        renews_tls: an establish signal for TLS begins a new session although one is up; True weakens.
        overlaps: a DTLS association that is replaced serves until the new one does; False weakens.
        links_release: the end of one of its connections ends the other; False weakens.
        takes_clear: what is no TLS is taken for payload where TLS should begin; True weakens.
        tampers_after: it changes an octet once so many have come in at an endpoint; 0: it never does.
        presents: `announced`, or `another` certificate than the one it tells of over Iq.
        stateless: a stream without roles: `relay` passes packets on with their sequence numbers untouched, `proxy` has
            two connections of which the second follows the first SYN.
        merge: a stream with two passive ends: joined by `proxy`, or by `translation` of sequence numbers.
        holds_incoming: an incoming SYN is answered when the outgoing leg is up (delayed establishment, second reading).
        guard: seconds after which a leg that should be up is given up (F3, F4).
        tls_guard: seconds after which a TLS handshake is given up (F5).
        interlinks: an incoming connection opens the outgoing one; False: only the establish signal does.
        coding: of H.248, as its IMS-ALG's.
    """

    name: str
    control: Endpoint
    control_wire: str
    controller: Endpoint
    access: str
    access_wire: str
    core: str
    core_wire: str
    tls_versions: tuple[str, ...] = ("1.2", "1.3")
    verifies: bool = True
    waits: bool = True
    closes_tls: bool = True
    renews_tls: bool = False
    overlaps: bool = True
    links_release: bool = True
    takes_clear: bool = False
    tampers_after: int = 0
    presents: str = "announced"
    stateless: Literal["relay", "proxy"] = "relay"
    merge: Literal["proxy", "translation"] = "proxy"
    holds_incoming: bool = False
    guard: float = 30.0
    tls_guard: float = 10.0
    interlinks: bool = True
    coding: Literal["pretty", "compact", "binary"] = "pretty"


class Ibcf(Alg, frozen=True):
    """An IBCF: settings as of an IMS-ALG, with its own network in place of the access.

    Args:
        alters: a fault: an SDP attribute of which it changes the last letter.
    """

    alters: str = ""


class Trgw(Agw, frozen=True):
    """A TrGW: settings as of an IMS-AGW; `access` is its address in its own network, `core` that at the border."""


class Stun(msgspec.Struct, frozen=True):
    """A STUN server on a public wire: it tells who asks, over UDP or TCP, the address that it sees (RFC 8489)."""

    name: str
    wire: str
    address: Endpoint


class Puncher(msgspec.Struct, frozen=True):
    """A peer that makes a TCP connection without signalling or gateway (`nodes.hole_puncher`).

    Args:
        wire, address: where it is attached; behind a NAT this becomes the NAT's outside.
        port: of its connections.
        discovers: the STUN server that it asks.
        path: its MSRP path.
        active: it sends the first MSRP request.
        listens: False: simultaneous open or nothing.
    """

    name: str
    wire: str
    address: str
    port: int
    discovers: Endpoint
    path: str
    active: bool
    listens: bool = True
    behind: Behind | None = None


Setup = Ue | Alg | Agw | Stun | Puncher | Mrfc | Mrfp | Kms


class Topology(msgspec.Struct, frozen=True):
    """All nodes and wires of a scenario."""

    wires: tuple[Wire, ...]
    nodes: tuple[Setup, ...]

    def changed(self, changes: Changes) -> Topology:
        """With other settings for the nodes named; a mapping changes parts of a setting that is a value with fields.

        Raises:
            ScenarioError: an unknown node or setting.
        """
        nodes = list(self.nodes)
        for name, settings in changes.items():
            index = next((i for i, node in enumerate(nodes) if node.name == name), None)
            if index is None:
                raise ScenarioError(f"no node {name!r} in this topology")
            nodes[index] = _changed(nodes[index], settings, name)
        return Topology(self.wires, tuple(nodes))

    def impaired(self, impairments: Impairments) -> Topology:
        """With wires of these qualities. Raises ScenarioError: there is no wire of that name."""
        each = {name: value for name, value in impairments.items() if not isinstance(value, Mapping)}
        own = {name: value for name, value in impairments.items() if isinstance(value, Mapping)}
        unknown = set(own) - {wire.name for wire in self.wires}
        if unknown:
            raise ScenarioError(f"no wire {', '.join(sorted(unknown))} in this topology; there are "
                                f"{', '.join(wire.name for wire in self.wires)}")
        return Topology(tuple(msgspec.structs.replace(wire, **{**each, **own.get(wire.name, {})})
                              for wire in self.wires), self.nodes)

    def translated(self, by: Literal["node", "kernel"]) -> Topology:
        """With every NAT as a node of ours, or as the kernel network's own (see `Behind`)."""
        return Topology(self.wires, tuple(
            msgspec.structs.replace(node, behind=msgspec.structs.replace(node.behind, by=by))
            if isinstance(node, Ue | Puncher) and isinstance(node.behind, Behind) else node for node in self.nodes))

    def plan(self) -> Plan:
        """Hosts and wires for a network. Raises ScenarioError: a NAT is wanted that no kernel has."""
        hosts: list[Host] = []
        wires = list(self.wires)
        for node in self.nodes:
            match node:
                case Ue(behind=None) | Puncher(behind=None):
                    hosts.append(Host(node.name, (Foot(node.wire, node.address),)))
                case Ue(behind=nat) | Puncher(behind=nat) if nat is not None:
                    like = next((w for w in self.wires if w.name == node.wire), Wire(node.wire))
                    wires.insert(0, msgspec.structs.replace(like, name=nat.wire))
                    hosts.append(Host(node.name, (Foot(nat.wire, nat.address, next_hop=nat.inside),)))
                    hosts.append(Host(nat.name, (Foot(nat.wire, nat.inside), Foot(node.wire, node.address)),
                                      nat.translation(node.wire)))
                case Alg():
                    hosts.append(Host(node.name, (
                        Foot(node.access_wire, node.access.host), Foot(node.control_wire, node.control.host),
                        Foot(node.core_wire, node.core.host))))
                case Kms():
                    hosts.append(topology_kms.host(node))
                case Mrfc() | Mrfp():
                    hosts.append(topology_mp.host(node))
                case Stun():
                    hosts.append(Host(node.name, (Foot(node.wire, node.address.host),)))
                case Agw():
                    hosts.append(Host(node.name, (
                        Foot(node.access_wire, node.access), Foot(node.control_wire, node.control.host),
                        Foot(node.core_wire, node.core))))
        return Plan(tuple(hosts), tuple(wires))

    def names(self) -> dict[str, str]:
        """Address to node name, for the capture's name resolution block."""
        return {foot.address: host.name for host in self.plan().hosts for foot in host.feet}


def _changed(value: _S, settings: Mapping[str, Any], name: str) -> _S:
    """A node, or a setting of it, with other settings; `name` is for errors."""
    unknown = set(settings) - set(value.__struct_fields__)
    if unknown:
        raise ScenarioError(f"{name} has no setting {', '.join(sorted(unknown))}")
    made = dict(settings)
    for key, given in settings.items():
        former = getattr(value, key)
        if isinstance(given, Mapping) and isinstance(former, msgspec.Struct):
            made[key] = _changed(former, given, f"{name}: {key}")
    return msgspec.structs.replace(value, **made)


def build(topology: Topology, seed: int, epoch: float, *, packets: bool = True, splices: bool = False,
          relays: bool = False) -> dict[str, Node]:
    """The nodes of a topology, each with its own seeded source.

    Args:
        epoch: the run's start in Unix seconds.
        packets: the network has them (`Capabilities.packets`); without them a gateway emulates what it can't do.
        splices, relays: a gateway lets the network pass on plain octets, and packets, below it.
    """
    from workbench.nodes.hole_puncher import HolePuncher
    from workbench.nodes.ibcf import Ibcf as IbcfNode
    from workbench.nodes.ims_agw import ImsAgw, Merge, Stateless
    from workbench.nodes.ims_alg import BidsDown, EndToEnd, ImsAlg, Msrp, PlainAnswer, StartsTcp, Tcp
    from workbench.nodes.stun_server import StunServer
    from workbench.nodes.trgw import TrGw
    from workbench.nodes.ue import UserEquipment
    from workbench.protocols.sdp import BfcpClient
    from workbench.security.identities import Identity
    from workbench.security.source import Source

    nodes: dict[str, Node] = {}
    for node in topology.nodes:
        source = Source(seed, node.name)
        if isinstance(node, Ue | Puncher) and isinstance(node.behind, Behind) and node.behind.by == "node":
            nodes[node.behind.name] = _nat(node.behind, node.wire, node.address, seed)
        elif isinstance(node, Ue) and isinstance(node.behind, Taken):
            nodes[node.behind.name] = _interceptor(node.behind, node.address, seed)
        match node:
            case Ue():
                identity = Identity.self_signed(node.uri, source)
                nodes[node.name] = UserEquipment(
                    node.name, uri=node.uri, address=node.behind.address if node.behind else node.address,
                    proxy=node.proxy, source=source, identity=identity,
                    presents=_presented(node.presents, node.uri, identity, source),
                    registers=node.registers, media_security=node.media_security, offers=node.offers,
                    answers=node.answers, tls_versions=node.tls_versions, chunk=node.chunk, msrp=node.msrp,
                    falls_back=node.falls_back, insists=node.insists, listens=node.listens,
                    accepts_after=node.accepts_after, connects=node.connects,
                    connects_after=node.connects_after, discovers=node.discovers, media=node.media,
                    tls_role=node.tls_role, conference=node.conference, fax=node.fax, faults=node.faults,
                    names_tls=node.names_tls, secures=node.secures, opens_too=node.opens_too,
                    keyed=node.keyed, tickets=topology_kms.tickets(node, epoch))
            case Alg():
                nodes[node.name] = (IbcfNode if isinstance(node, Ibcf) else ImsAlg)(
                    node.name, access=node.access, core=node.core, control=node.control, gateway=node.gateway,
                    routes=node.routes, source=source, strips=node.strips,
                    coding=node.coding, tcp=Tcp(node.tcp), modifies_setup=node.modifies_setup, narrows=node.narrows,
                    starts_tcp=StartsTcp(node.starts_tcp), msrp=Msrp(node.msrp),
                    plain_answer=PlainAnswer(node.plain_answer), guards_e2e=node.guards_e2e,
                    bfcp_tls=BfcpClient(node.bfcp_tls), keeps_tls=node.keeps_tls, renews_dtls=node.renews_dtls,
                    refuses_downgrade=node.refuses_downgrade, patience=node.patience,
                    end_to_end=EndToEnd(node.end_to_end), annex_d=node.annex_d,
                    alters=node.alters if isinstance(node, Ibcf) else "", bids_down=BidsDown(node.bids_down))
            case Kms():
                nodes[node.name] = topology_kms.made(node, source, epoch)
            case Mrfc() | Mrfp():
                nodes[node.name] = topology_mp.made(node, source, epoch)
            case Stun():
                nodes[node.name] = StunServer(node.name, address=node.address)
            case Puncher():
                host = node.behind.address if node.behind is not None else node.address
                nodes[node.name] = HolePuncher(
                    node.name, local=Endpoint(host, node.port), server=node.discovers, path=node.path,
                    active=node.active, listens=node.listens, source=source)
            case Agw():
                identity = Identity.self_signed(node.name, source)
                shown = _presented(node.presents, node.name, identity, source)
                sides = ("core", "border") if isinstance(node, Trgw) else ("access", "core")
                nodes[node.name] = (TrGw if isinstance(node, Trgw) else ImsAgw)(
                    node.name, control=node.control, controller=node.controller,
                    addresses={f"{side}.example.net": host for side, host in zip(
                        sides, (node.access, node.core), strict=True)}, source=source,
                    identity=identity, tls_versions=node.tls_versions, release_linked=node.links_release,
                    takes_clear=node.takes_clear, tampers_after=node.tampers_after,
                    presents=None if shown is identity else shown,
                    verify_fingerprints=node.verifies,
                    interlinkage=_interlinkage(node), stateless=Stateless(node.stateless), merge=Merge(node.merge),
                    wires={node.access: node.access_wire, node.core: node.core_wire} if packets else {},
                    hold_incoming=node.holds_incoming, tcp_guard=node.guard, tls_guard=node.tls_guard,
                    splices=splices, relays=relays,
                    close_tls=node.closes_tls, renews_tls=node.renews_tls, overlaps=node.overlaps, log_keys=True,
                    epoch=epoch, coding=node.coding)
    return nodes


def _nat(nat: Behind, wire: str, address: str, seed: int) -> Nat:
    from workbench.nodes.nat import Nat, Unsolicited
    from workbench.security.source import Source

    return Nat(
        nat.name, inside_wire=nat.wire, inside=nat.inside, outside_wire=wire, outside=address,
        mapping=nat.mapping, filtering=nat.filtering, source=Source(seed, nat.name),
        preserves_ports=nat.preserves_ports, overloads=nat.overloads, hairpins=nat.hairpins,
        unsolicited=Unsolicited(nat.unsolicited), udp_seconds=nat.udp_seconds,
        tcp_seconds=nat.tcp_seconds, transitory_seconds=nat.transitory_seconds)


def _interceptor(taken: Taken, address: str, seed: int) -> Interceptor:
    from workbench.nodes.interceptor import Interceptor
    from workbench.security.identities import Identity
    from workbench.security.source import Source

    port = taken.proxy.port
    return Interceptor(
        taken.name, inside=Endpoint(taken.inside, port), outside=Endpoint(address, port), proxy=taken.proxy,
        identity=Identity.self_signed(taken.name, Source(seed, taken.name)), forges=taken.forges, log_keys=True)


def _presented(presents: str, name: str, identity: Identity, source: Source) -> Identity | None:
    """The certificate that TLS shows, where SDP announces `identity`."""
    from workbench.security.identities import Identity

    if presents == "nothing":
        return None
    return identity if presents == "announced" else Identity.self_signed(name, source)


def _interlinkage(node: Agw) -> Interlinkage:
    from workbench.nodes.ims_agw import Interlinkage

    if not node.waits:
        return Interlinkage.EAGER
    return Interlinkage.ON_OFFER if node.interlinks else Interlinkage.ON_SIGNAL
