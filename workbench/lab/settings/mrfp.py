"""Settings of an MRFP that runs alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from workbench.lab.recording import Plan, planned
from workbench.lab.settings.agw import PORTS, Coding, Transport
from workbench.lab.settings.file import File, registry_of, several
from workbench.net.values import Endpoint

if TYPE_CHECKING:
    from workbench.nodes.node import Node
    from workbench.security.source import Source

_PRIVILEGED = 1024


class Floors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How floors are given (TS 23.333 §8.45); whose they are is said over H.248.

    Args:
        holders: of a floor at the same time, at most.
        queue: how many may wait for a floor.
        clients: of one conference, at most.
    """

    holders: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    queue: Annotated[int, msgspec.Meta(ge=0, le=1_024)] = 16
    clients: Annotated[int, msgspec.Meta(ge=1, le=4_096)] = 256


class MrfpFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of an MRFP.

    Args:
        name: of the node.
        control: its own H.248 endpoint; as for `workbench agw`.
        controller: its MRFC's, or several in the order in which they are tried.
        coding, transport: of H.248.
        realm: the IP realm of its media address.
        media: its media address, or several.
        ports: first and last local port for media.
        contexts: how many conferences there may be at one time.
        floors: how floors are given.
        packages: a file that is laid over the package registry.
    """

    name: str = "mrfp"
    control: str = "127.0.0.1:2944"
    controller: str | tuple[str, ...] = "127.0.0.1:2946"
    coding: Coding = "pretty"
    transport: Transport = "udp"
    realm: str = "media.example.net"
    media: str | tuple[str, ...] = "127.0.0.1"
    ports: tuple[int, int] = (40_000, 49_998)
    contexts: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    floors: Floors = Floors()
    packages: str | None = None


def mrfp(path: Path, source: Source, epoch: float, *, log_keys: bool = False) -> Node:
    """An MRFP as a file says; arguments and errors as of `agw`."""
    from workbench.nodes.gateway.settings import Limits
    from workbench.nodes.mrfp import Mrfp, Rules

    file = File.read(path)
    told = file.settings(MrfpFile)
    first, last = told.ports
    if not 0 < first <= last < 65_536:
        raise file.wrong("ports", f"{first} to {last}")
    port = PORTS[told.coding]
    control = file.endpoint("control", told.control, port)
    controllers = [file.peer("controller", one, port, control) for one in several(told.controller)]
    addresses = [file.address("media", one) for one in several(told.media)]
    if not controllers or not addresses:
        raise file.wrong("media" if controllers else "controller", "an MRFP needs at least one")
    return Mrfp(
        told.name, control=control, controller=controllers, address=addresses, realm=told.realm, source=source,
        log_keys=log_keys, limits=Limits(contexts=told.contexts),
        floors=Rules(told.floors.holders, told.floors.queue, told.floors.clients), ports=told.ports, coding=told.coding,
        transport=told.transport, first_id=source.number(1, 0x7FFFFFFF), epoch=epoch,
        registry=registry_of(file, told.packages))


def probes(path: Path) -> list[Endpoint]:
    """Media addresses, which the MRFP binds later only, with a port where it is a privileged one."""
    file = File.read(path)
    told = file.settings(MrfpFile)
    port = told.ports[0] if told.ports[0] < _PRIVILEGED else 0
    return [Endpoint(file.address("media", one), port) for one in several(told.media)]


def plan(path: Path) -> Plan:
    """What a capture says of the MRFP's surroundings. Raises SettingsError."""
    file = File.read(path)
    told = file.settings(MrfpFile)
    control = file.endpoint("control", told.control, PORTS[told.coding])
    wires = {file.address("media", one): told.realm.partition(".")[0] or told.realm for one in several(told.media)}
    controllers = [file.endpoint("controller", one, PORTS[told.coding]) for one in several(told.controller)]
    return planned(told.name, {**wires, str(control): "Mp"}, controllers)
