"""Settings of an IMS-ALG that runs alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from workbench.lab.recording import Plan, planned
from workbench.lab.settings.agw import PORTS, Coding, Transport
from workbench.lab.settings.file import File, registry_of

if TYPE_CHECKING:
    from workbench.nodes.node import Node
    from workbench.security.source import Source


class AlgFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of an IMS-ALG.

    Args:
        name: of the node.
        control: its own H.248 endpoint; as in `AgwFile`.
        gateway: its IMS-AGW's.
        coding, transport: of H.248; as in `AgwFile`.
        access, core: its SIP endpoints towards UEs and towards the core, over UDP.
        tcp, modifies_setup, narrows, starts_tcp, msrp, plain_answer, guards_e2e, bfcp_tls, patience: as in
            `topology.Alg`.
        packages: a file that is laid over the package registry.
        routes: SIP domain to the next hop beyond the core.
    """

    name: str = "alg"
    control: str = "127.0.0.1:2946"
    gateway: str = "127.0.0.1:2944"
    coding: Coding = "pretty"
    transport: Transport = "udp"
    access: str = "127.0.0.1:5060"
    core: str = "127.0.0.1:5080"
    tcp: Literal["aware", "stateless"] = "aware"
    modifies_setup: bool = False
    narrows: bool = False
    starts_tcp: Literal["interlinkage", "signal"] = "interlinkage"
    msrp: Literal["cema", "sessmatch", "aware"] = "cema"
    plain_answer: Literal["reconfigure", "forward"] = "reconfigure"
    guards_e2e: bool = True
    bfcp_tls: Literal["offerer", "setup"] = "offerer"
    patience: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    packages: str | None = None
    routes: dict[str, str] = {}


def alg(path: Path, source: Source, epoch: float) -> Node:
    """An IMS-ALG as a file says; arguments and errors as of `agw`."""
    from workbench.nodes.ims_alg import ImsAlg, Msrp, PlainAnswer, StartsTcp, Tcp
    from workbench.protocols.h248.packages import lay_over
    from workbench.protocols.sdp import BfcpClient

    file = File.read(path)
    told = file.settings(AlgFile)
    if registry_of(file, told.packages) is not None:
        lay_over(file.path.parent / str(told.packages))
    port = PORTS[told.coding]
    control = file.endpoint("control", told.control, port)
    core = file.endpoint("core", told.core, 5060)
    return ImsAlg(
        told.name,
        access=file.endpoint("access", told.access, 5060),
        core=core,
        control=control,
        gateway=file.peer("gateway", told.gateway, port, control),
        routes={domain: file.peer(f"routes.{domain}", hop, 5060, core) for domain, hop in told.routes.items()},
        source=source, coding=told.coding, tcp=Tcp(told.tcp),
        modifies_setup=told.modifies_setup, narrows=told.narrows, starts_tcp=StartsTcp(told.starts_tcp),
        msrp=Msrp(told.msrp), plain_answer=PlainAnswer(told.plain_answer), guards_e2e=told.guards_e2e,
        bfcp_tls=BfcpClient(told.bfcp_tls), patience=told.patience,
        transport=told.transport, first_id=source.number(1, 0x7FFFFFFF), looks=True)


def plan(path: Path) -> Plan:
    """What a capture says of the controller's surroundings. Raises SettingsError."""
    file = File.read(path)
    told = file.settings(AlgFile)
    control = file.endpoint("control", told.control, PORTS[told.coding])
    access, core = file.endpoint("access", told.access, 5060), file.endpoint("core", told.core, 5060)
    others = [file.endpoint("gateway", told.gateway, PORTS[told.coding])]
    others += [file.endpoint(f"routes.{domain}", hop, 5060) for domain, hop in told.routes.items()]
    return planned(told.name, {str(access): "access", str(core): "core", str(control): "Iq"}, others)
