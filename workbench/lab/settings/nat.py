"""Settings of a NAT that runs alone, between the hosts of an inside prefix and the rest."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from workbench.lab.recording import Plan
from workbench.lab.settings.file import File
from workbench.nodes.nat import TCP_SECONDS, TRANSITORY_SECONDS, UDP_SECONDS, Behaviour

if TYPE_CHECKING:
    from workbench.net.tun import Device
    from workbench.nodes.nat import Nat
    from workbench.security.source import Source

INSIDE, OUTSIDE = "inside", "outside"
_LONGEST = 86_400.0 * 30
_MOST_SESSIONS = 1_000_000


class NatFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a NAT.

    Args:
        name: of the node.
        inside: the prefix whose hosts are translated.
        outside: the address that they have outside. It is the NAT's own: no interface of this host may have it.
        device: the TUN device that is made for it.
        mtu: of that device.
        mapping, filtering, preserves_ports, overloads, hairpins, unsolicited, udp_seconds, tcp_seconds,
            transitory_seconds: as in `topology.Behind`.
        sessions: at one time; a packet that needs one more is dropped.
    """

    inside: str
    outside: str
    name: str = "nat"
    device: str = "workbench-nat"
    mtu: int = 1500
    mapping: Behaviour = Behaviour.ENDPOINT_INDEPENDENT
    filtering: Behaviour = Behaviour.ADDRESS_AND_PORT_DEPENDENT
    preserves_ports: bool = True
    overloads: bool = False
    hairpins: bool = False
    unsolicited: Literal["drop", "reset", "icmp"] = "drop"
    udp_seconds: float = UDP_SECONDS
    tcp_seconds: float = TCP_SECONDS
    transitory_seconds: float = TRANSITORY_SECONDS
    sessions: int = 4096


def nat(path: Path, source: Source, epoch: float) -> Nat:
    """A NAT as a file says; arguments and errors as of `agw`."""
    from workbench.nodes.nat import Nat, Unsolicited

    file = File.read(path)
    told = file.settings(NatFile)
    inside, outside = _places(file, told)
    for key in ("udp_seconds", "tcp_seconds", "transitory_seconds"):
        if not 0 < getattr(told, key) <= _LONGEST:
            raise file.wrong(key, f"{getattr(told, key):g}; more than 0, at most {_LONGEST:g} seconds")
    if not 1 <= told.sessions <= _MOST_SESSIONS:
        raise file.wrong("sessions", f"{told.sessions}; from 1 to {_MOST_SESSIONS}")
    return Nat(
        told.name, inside_wire=INSIDE, inside=str(next(inside.hosts())), outside_wire=OUTSIDE, outside=outside,
        mapping=told.mapping, filtering=told.filtering, source=source, preserves_ports=told.preserves_ports,
        overloads=told.overloads, hairpins=told.hairpins, unsolicited=Unsolicited(told.unsolicited),
        udp_seconds=told.udp_seconds, tcp_seconds=told.tcp_seconds, transitory_seconds=told.transitory_seconds,
        most=told.sessions)


def device(path: Path) -> Device:
    """The TUN device that the NAT of a file needs. Raises SettingsError."""
    from workbench.net.tun import Device

    file = File.read(path)
    told = file.settings(NatFile)
    inside, outside = _places(file, told)
    # What the kernel takes for a name (IFNAMSIZ), without what it would expand.
    if re.fullmatch(r"[A-Za-z][\w.-]{0,14}", told.device) is None:
        raise file.wrong("device", f"{told.device!r}: a letter, then letters, digits, '-', '_' or '.', 15 in all")
    if not 1280 <= told.mtu <= 65_535:
        raise file.wrong("mtu", f"{told.mtu}; from 1280 to 65535 octets")
    return Device(told.device, str(inside), outside, inside_wire=INSIDE, outside_wire=OUTSIDE, mtu=told.mtu)


def plan(path: Path) -> Plan:
    """What a capture says of the NAT's surroundings. Raises SettingsError."""
    file = File.read(path)
    told = file.settings(NatFile)
    _, outside = _places(file, told)
    return Plan({INSIDE: INSIDE, OUTSIDE: OUTSIDE}, {outside: told.name}, raw=True)


def _places(file: File, told: NatFile) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str]:
    try:
        inside = ipaddress.ip_network(told.inside)
    except ValueError as error:
        raise file.wrong("inside", f"{told.inside!r} is not a prefix such as 10.0.0.0/24 ({error})") from None
    if inside.num_addresses < 2 or inside.is_multicast:
        raise file.wrong("inside", f"{inside} is not a prefix with hosts")
    outside = file.address("outside", told.outside)
    if ipaddress.ip_address(outside) in inside:
        raise file.wrong("outside", f"{outside} lies in the inside prefix {inside}")
    if ipaddress.ip_address(outside).version != inside.version:
        raise file.wrong("outside", f"{outside} and {inside} are of different IP versions")
    return inside, outside
