"""Settings files of nodes that run alone: TOML in, a node out. Whatever is wrong is said with its key and its line.

Every key has a default on loopback, so that an empty file is a node that nobody else can reach.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from workbench.errors import SettingsError, WorkbenchError
from workbench.net.values import Endpoint

if TYPE_CHECKING:
    from workbench.nodes.node import Node
    from workbench.protocols.h248.packages import Registry
    from workbench.security.source import Source

Coding = Literal["pretty", "compact", "binary"]
Transport = Literal["udp", "tcp"]

_MOST_OCTETS = 1_048_576
_LONGEST_DELAY = 600
_REALMS = ("access.example.net", "core.example.net")
_PORTS = {"pretty": 2944, "compact": 2944, "binary": 2945}


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
    realms: dict[str, str | tuple[str, ...]] = msgspec.field(
        default_factory=lambda: dict.fromkeys(_REALMS, "127.0.0.1"))


class AlgFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of an IMS-ALG.

    Args:
        name: of the node.
        control: its own H.248 endpoint; as in `AgwFile`.
        gateway: its IMS-AGW's.
        coding, transport: of H.248; as in `AgwFile`.
        access, core: its SIP endpoints towards UEs and towards the core, over UDP.
        tcp, modifies_setup, narrows, starts_tcp, msrp, plain_answer, guards_e2e: as in `topology.Alg`.
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
    packages: str | None = None
    routes: dict[str, str] = {}


_S = TypeVar("_S", AgwFile, AlgFile)


class File(msgspec.Struct, frozen=True):
    """A settings file, kept for the lines that errors name."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> File:
        """Read it. Raises SettingsError: it can't be read."""
        try:
            if path.stat().st_size > _MOST_OCTETS:
                raise SettingsError(f"{path}: over {_MOST_OCTETS} octets is no settings file")
            return cls(path, path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror or error}") from None
        except UnicodeDecodeError as error:
            raise SettingsError(f"{path}: not UTF-8 at octet {error.start}") from None

    def settings(self, kind: type[_S]) -> _S:
        """What it says. Raises SettingsError with key and line."""
        try:
            table = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{self.path}: {error}") from None
        try:
            return msgspec.convert(table, kind)
        except msgspec.ValidationError as error:
            raise self._invalid(str(error)) from None

    def endpoint(self, key: str, given: str, port: int | None = None) -> Endpoint:
        """`address:port`, or `address` where there is a default port. Raises SettingsError."""
        found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:]+)|([^\[\]]*:[^\[\]]*:[^\[\]]*))(?::(\d{1,5}))?", given.strip())
        if found is None:
            raise self.wrong(key, f"{given!r} is not address:port, with an IPv6 address in brackets")
        number = int(found[4]) if found[4] is not None else port
        if number is None or not 0 < number < 65_536:
            raise self.wrong(key, f"{given!r} has no port" if number is None else f"port {number}")
        return Endpoint(self.address(key, found[1] or found[2] or found[3]), number)

    def address(self, key: str, given: str) -> str:
        """An address that peers can be told. Raises SettingsError."""
        try:
            address = ipaddress.ip_address(given.strip().strip("[]"))
        except ValueError:
            raise self.wrong(key, f"{given!r} is not an IPv4 or IPv6 address") from None
        if address.is_unspecified or address.is_multicast:
            raise self.wrong(key, f"{given} is not the address of one host, which peers have to be told")
        return str(address)

    def wrong(self, key: str, what: str) -> SettingsError:
        """What to raise for a value that can't be used."""
        line = self._line(key)
        where = "" if line is None else f", line {line}"
        return SettingsError(f"{self.path}{where}: {key}: {what}")

    def _invalid(self, said: str) -> SettingsError:
        """msgspec's words with our place: "Expected `int`, got `str` - at `$.ports[0]`"."""
        what, _, place = said.partition(" - at `$")
        what = what[:1].lower() + what[1:].replace("`", "")
        path = place.rstrip("`").strip(".")
        unknown = re.fullmatch(r"object contains unknown field (.+)", what)
        if unknown is not None:
            return self.wrong(f"{path}.{unknown[1]}".strip("."), "no such setting")
        if path.startswith(("realms", "routes")) and path.endswith("[...]"):
            return self.wrong(path.removesuffix("[...]"), f"{what} for one of its values")
        return self.wrong(path or "the file", what)

    def _line(self, key: str) -> int | None:
        """Where a key is set: the first line that begins with its last part, or with its table."""
        last = re.sub(r"\[.*\]$", "", key).rpartition(".")[2] if not key.startswith(("realms.", "routes.")) else (
            key.partition(".")[2])
        name = re.escape(last)
        pattern = re.compile(rf"""\s*(?:(?:[\w-]+\s*\.\s*)*["']?{name}["']?\s*=|\[\s*["']?{name}["']?\s*\])""")
        return next((number for number, line in enumerate(self.text.splitlines(), 1) if pattern.match(line)), None)


def agw(path: Path, source: Source, epoch: float) -> Node:
    """An IMS-AGW as a file says.

    Args:
        source: where its key comes from.
        epoch: Unix seconds at which the network's clock is 0.

    Raises:
        SettingsError: with key and line.
    """
    from workbench.nodes.gateway.settings import Limits
    from workbench.nodes.ims_agw import ImsAgw
    from workbench.security.identities import Identity

    file = File.read(path)
    told = file.settings(AgwFile)
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
    port = _PORTS[told.coding]
    controllers = [file.endpoint("controller", one, port) for one in _several(told.controller)]
    if not controllers:
        raise file.wrong("controller", "a gateway needs at least one")
    registry = _registry(file, told.packages)
    return ImsAgw(
        told.name,
        control=file.endpoint("control", told.control, port),
        controller=controllers,
        addresses={
            realm: [file.address(f"realms.{realm}", address) for address in _several(addresses)]
            for realm, addresses in told.realms.items()},
        transport=told.transport, version=told.version, waiting_delay=told.waiting_delay,
        # Whoever remembers requests of a process before this one must not take ours for them.
        first_id=source.number(1, 0x7FFFFFFF),
        source=source, identity=Identity.self_signed(told.name, source), tls_versions=told.tls_versions,
        limits=Limits(contexts=told.contexts), ports=told.ports, port_step=told.port_step, profile=told.profile,
        profile_file=_profile(file, told.profile_file, registry), coding=told.coding, epoch=epoch, registry=registry)


def alg(path: Path, source: Source, epoch: float) -> Node:
    """An IMS-ALG as a file says; arguments and errors as of `agw`."""
    from workbench.nodes.ims_alg import ImsAlg, Msrp, PlainAnswer, StartsTcp, Tcp
    from workbench.protocols.h248.packages import lay_over

    file = File.read(path)
    told = file.settings(AlgFile)
    if _registry(file, told.packages) is not None:
        lay_over(file.path.parent / str(told.packages))
    port = _PORTS[told.coding]
    return ImsAlg(
        told.name,
        access=file.endpoint("access", told.access, 5060),
        core=file.endpoint("core", told.core, 5060),
        control=file.endpoint("control", told.control, port),
        gateway=file.endpoint("gateway", told.gateway, port),
        routes={domain: file.endpoint(f"routes.{domain}", hop, 5060) for domain, hop in told.routes.items()},
        source=source, coding=told.coding, tcp=Tcp(told.tcp),
        modifies_setup=told.modifies_setup, narrows=told.narrows, starts_tcp=StartsTcp(told.starts_tcp),
        msrp=Msrp(told.msrp), plain_answer=PlainAnswer(told.plain_answer), guards_e2e=told.guards_e2e,
        transport=told.transport, first_id=source.number(1, 0x7FFFFFFF))


def _several(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else given


def _profile(file: File, given: str | None, registry: Registry | None) -> Path | None:
    """The profile's file, once it is known to be right."""
    from workbench.nodes.ims_agw import iq_profile
    from workbench.protocols.h248.packages import Registry

    if given is None:
        return None
    path = file.path.parent / given
    try:
        iq_profile(registry or Registry.load(), override=path)
    except WorkbenchError as error:
        raise file.wrong("profile_file", str(error)) from None
    return path


def _registry(file: File, packages: str | None) -> Registry | None:
    from workbench.protocols.h248.packages import Registry

    if packages is None:
        return None
    try:
        return Registry.load(file.path.parent / packages)
    except WorkbenchError as error:
        raise file.wrong("packages", str(error)) from None
