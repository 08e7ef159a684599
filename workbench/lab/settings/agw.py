"""Settings of an IMS-AGW that runs alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from workbench.errors import WorkbenchError
from workbench.lab.recording import Plan, planned
from workbench.lab.settings.file import File, registry_of, several
from workbench.net.values import Endpoint

if TYPE_CHECKING:
    from workbench.nodes.node import Node
    from workbench.protocols.h248.packages import Registry
    from workbench.security.source import Source

Coding = Literal["pretty", "compact", "binary"]
Transport = Literal["udp", "tcp"]
PORTS = {"pretty": 2944, "compact": 2944, "binary": 2945}
"""Registered ports of H.248: text and binary."""

_LONGEST_DELAY = 600
_PRIVILEGED = 1024
_REALMS = ("access.example.net", "core.example.net")
_BORDER_REALMS = ("core.example.net", "border.example.net")


class AgwFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of an IMS-AGW.

    Args:
        name: of the node, also the common name of its certificate.
        control: its own H.248 endpoint, `address` or `address:port` (an IPv6 address in brackets); the port is 2944
            for text and 2945 for binary where none is given.
        controller: its IMS-ALG's, or several in the order in which they are tried.
        coding: of H.248: text with long (`pretty`) or short (`compact`) tokens, or `binary`.
        transport: of H.248: `udp`, or `tcp`: the gateway opens the connection.
        version: newest protocol version, 1 to 3.
        waiting_delay: at most so many seconds pass before the first registration (restart avalanche).
        profile: `name/version` for ServiceChange; the registry's by default.
        profile_file: a file that is laid over what an IMS-AGW knows (`nodes/gateway/profiles/iq.toml`).
        ports: first and last local port for media at each address.
        port_step: distance of the ports that are given.
        contexts: how many there may be at one time.
        tls_versions: `1.2`, `1.3` or both.
        packages: a file that is laid over the package registry.
        splices: where the system can, it carries payload by itself (plain octets, datagrams), past the node.
        realms: IP realm to the gateway's own address there, or several.
    """

    name: str = "agw"
    control: str = "127.0.0.1:2944"
    controller: str | tuple[str, ...] = "127.0.0.1:2946"
    coding: Coding = "pretty"
    transport: Transport = "udp"
    version: int = 2
    waiting_delay: float = 0.0
    profile: str | None = None
    profile_file: str | None = None
    ports: tuple[int, int] = (40_000, 49_998)
    port_step: int = 2
    contexts: int = 10_000
    tls_versions: tuple[Literal["1.2", "1.3"], ...] = ("1.2", "1.3")
    packages: str | None = None
    splices: bool = True
    realms: dict[str, str | tuple[str, ...]] = msgspec.field(
        default_factory=lambda: dict.fromkeys(_REALMS, "127.0.0.1"))


class TrgwFile(AgwFile, frozen=True, forbid_unknown_fields=True):
    """Settings of a TrGW: those of an IMS-AGW, with its own network and the border as realms."""

    name: str = "trgw"
    realms: dict[str, str | tuple[str, ...]] = msgspec.field(
        default_factory=lambda: dict.fromkeys(_BORDER_REALMS, "127.0.0.1"))


def agw(path: Path, source: Source, epoch: float, *, splices: bool = False, log_keys: bool = False,
        form: type[AgwFile] = AgwFile) -> Node:
    """An IMS-AGW as a file says, or a TrGW.

    Args:
        form: of the file, which says what is made.
        source: where its key comes from.
        epoch: Unix seconds at which the network's clock is 0.
        splices: the network can carry payload by itself; it does so unless the file says otherwise.
        log_keys: TLS keys go to the capture.

    Raises:
        SettingsError: with key and line.
    """
    from workbench.nodes.gateway.settings import Limits
    from workbench.nodes.ims_agw import ImsAgw
    from workbench.nodes.trgw import TrGw
    from workbench.security.identities import Identity

    file = File.read(path)
    told = file.settings(form)
    first, last = told.ports
    if not 0 < first <= last < 65_536:
        raise file.wrong("ports", f"{first} to {last}")
    if told.port_step < 1:
        raise file.wrong("port_step", f"{told.port_step}")
    if not told.realms:
        raise file.wrong("realms", "a gateway needs at least one")
    if not told.tls_versions:
        raise file.wrong("tls_versions", "a gateway needs at least one")
    if told.contexts < 1:
        raise file.wrong("contexts", f"{told.contexts}")
    if told.profile is not None and re.fullmatch(r"[A-Za-z][\w.-]*/[1-9][0-9]?", told.profile) is None:
        raise file.wrong("profile", f"{told.profile!r} is not name/version, such as profilename/1")
    if not 1 <= told.version <= 3:
        raise file.wrong("version", f"{told.version}; there are 1, 2 and 3")
    if not 0 <= told.waiting_delay <= _LONGEST_DELAY:
        raise file.wrong("waiting_delay", f"{told.waiting_delay:g}; from 0 to {_LONGEST_DELAY}")
    port = PORTS[told.coding]
    control = file.endpoint("control", told.control, port)
    controllers = [file.peer("controller", one, port, control) for one in several(told.controller)]
    if not controllers:
        raise file.wrong("controller", "a gateway needs at least one")
    registry = registry_of(file, told.packages)
    return (TrGw if form is TrgwFile else ImsAgw)(
        told.name,
        control=control,
        controller=controllers,
        addresses={
            realm: [file.address(f"realms.{realm}", address) for address in several(addresses)]
            for realm, addresses in told.realms.items()},
        transport=told.transport, version=told.version, waiting_delay=told.waiting_delay,
        # Whoever remembers requests of a process before this one must not take ours for them.
        first_id=source.number(1, 0x7FFFFFFF),
        source=source, identity=Identity.self_signed(told.name, source), tls_versions=told.tls_versions,
        limits=Limits(contexts=told.contexts), ports=told.ports, port_step=told.port_step, profile=told.profile,
        profile_file=_profile(file, told.profile_file, registry, "ix" if form is TrgwFile else "iq"),
        coding=told.coding, epoch=epoch, registry=registry,
        splices=splices and told.splices, converts=splices and told.splices, log_keys=log_keys)


def probes(path: Path, form: type[AgwFile] = AgwFile) -> list[Endpoint]:
    """Media addresses, which the gateway binds later only, with a port where it is a privileged one."""
    file = File.read(path)
    told = file.settings(form)
    port = told.ports[0] if told.ports[0] < _PRIVILEGED else 0
    return [Endpoint(file.address(f"realms.{realm}", address), port)
            for realm, addresses in told.realms.items() for address in several(addresses)]


def plan(path: Path, form: type[AgwFile] = AgwFile) -> Plan:
    """What a capture says of the gateway's surroundings. Raises SettingsError."""
    file = File.read(path)
    told = file.settings(form)
    control = file.endpoint("control", told.control, PORTS[told.coding])
    wires: dict[str, str] = {}
    for realm, addresses in told.realms.items():
        wires |= {file.address(f"realms.{realm}", one): realm.partition(".")[0] or realm for one in several(addresses)}
    controllers = [file.endpoint("controller", one, PORTS[told.coding]) for one in several(told.controller)]
    return planned(told.name, {**wires, str(control): "Ix" if form is TrgwFile else "Iq"}, controllers)


def _profile(file: File, given: str | None, registry: Registry | None, interface: str) -> Path | None:
    """The profile's file, once it is known to be right."""
    from workbench.nodes.gateway import profiles
    from workbench.protocols.h248.packages import Registry

    if given is None:
        return None
    path = file.path.parent / given
    try:
        profiles.load(interface, registry or Registry.load(), path)
    except WorkbenchError as error:
        raise file.wrong("profile_file", str(error)) from None
    return path
