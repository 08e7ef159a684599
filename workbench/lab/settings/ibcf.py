"""Settings of an IBCF that runs alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from workbench.lab.recording import Plan, planned
from workbench.lab.settings.agw import PORTS, Coding, Transport
from workbench.lab.settings.file import File, registry_of
from workbench.net.values import Endpoint

if TYPE_CHECKING:
    from workbench.nodes.node import Node
    from workbench.security.source import Source


class IbcfFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of an IBCF.

    Args:
        name: of the node.
        control: its own H.248 endpoint; as in `AgwFile`.
        gateway: its TrGW's.
        coding, transport: of H.248; as in `AgwFile`.
        core, border: its SIP endpoints in its own network and towards the other one, over UDP.
        tcp, starts_tcp, patience: as in `AlgFile`.
        packages: a file that is laid over the package registry.
        routes: SIP domain to the next hop: in its own network or beyond the border, as the address says.
    """

    name: str = "ibcf"
    control: str = "127.0.0.1:2946"
    gateway: str = "127.0.0.1:2944"
    coding: Coding = "pretty"
    transport: Transport = "udp"
    core: str = "127.0.0.1:5060"
    border: str = "127.0.0.1:5080"
    tcp: Literal["aware", "stateless"] = "aware"
    starts_tcp: Literal["interlinkage", "signal"] = "interlinkage"
    patience: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    packages: str | None = None
    routes: dict[str, str] = {}


def ibcf(path: Path, source: Source, epoch: float) -> Node:
    """An IBCF as a file says; arguments and errors as of `agw`."""
    from workbench.nodes.ibcf import Ibcf
    from workbench.nodes.ims_alg import StartsTcp, Tcp
    from workbench.protocols.h248.packages import lay_over

    file = File.read(path)
    told = file.settings(IbcfFile)
    if registry_of(file, told.packages) is not None:
        lay_over(file.path.parent / str(told.packages))
    port = PORTS[told.coding]
    control = file.endpoint("control", told.control, port)
    core, border = file.endpoint("core", told.core, 5060), file.endpoint("border", told.border, 5060)
    return Ibcf(
        told.name, access=core, core=border, control=control,
        gateway=file.peer("gateway", told.gateway, port, control),
        routes={domain: _hop(file, domain, hop, core, border) for domain, hop in told.routes.items()},
        source=source, coding=told.coding, tcp=Tcp(told.tcp), starts_tcp=StartsTcp(told.starts_tcp),
        patience=told.patience, transport=told.transport, first_id=source.number(1, 0x7FFFFFFF), looks=True)


def _hop(file: File, domain: str, hop: str, *sides: Endpoint) -> Endpoint:
    """A next hop, which one of the two sides can reach. Raises SettingsError."""
    version = file.endpoint(f"routes.{domain}", hop, 5060).version
    side = next((one for one in sides if one.version == version), sides[0])
    return file.peer(f"routes.{domain}", hop, 5060, side)


def plan(path: Path) -> Plan:
    """What a capture says of the controller's surroundings. Raises SettingsError."""
    file = File.read(path)
    told = file.settings(IbcfFile)
    control = file.endpoint("control", told.control, PORTS[told.coding])
    core, border = file.endpoint("core", told.core, 5060), file.endpoint("border", told.border, 5060)
    others = [file.endpoint("gateway", told.gateway, PORTS[told.coding])]
    others += [file.endpoint(f"routes.{domain}", hop, 5060) for domain, hop in told.routes.items()]
    return planned(told.name, {str(core): "core", str(border): "border", str(control): "Ix"}, others)
