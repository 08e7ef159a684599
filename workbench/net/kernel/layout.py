"""A plan as namespaces: which links a host has, their addresses and routes, as lines for `ip -batch`.

Routes follow the rule that every network has (`net.interface.Foot`): the wire that the destination has a foot on,
the source's own foot first, else the next hop's. A host with several feet has one routing table a foot, chosen by the
source address.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from workbench.errors import ScenarioError
from workbench.net.interface import Foot, Host, Plan, Wire
from workbench.net.packets import pack_address

_FIRST_TABLE = 100
# Segments are acknowledged at once, and repeated after 1 s at the earliest (RFC 6298 §2.4; Linux by itself: 0.2 s), so
# that a machine that is busy for a moment does not make its kernel send everything twice.
_TCP = "quickack 1 rto_min 1s"


class Link(msgspec.Struct, frozen=True):
    """A host's side of a wire: a veth whose other end stays where the wires are, or is another host's.

    Args:
        name: in the host's namespace.
        end: name of the wire's end, unique in the namespace of the wires; empty: the wire is direct.
        wire: of the plan.
        address: Ethernet address of the host's side; a direct wire has the same one on both, since nobody asks for it.
        peer: number of the other host of a direct wire, and the name of its link; for one of the two only.
        tapped: a direct wire that is captured here.
    """

    name: str
    end: str
    wire: str
    address: bytes
    peer: tuple[int, str] | None = None
    tapped: bool = False


class Namespace(msgspec.Struct, frozen=True):
    """What is set up for one host: its links and what `ip -batch` is given, IPv6's rules apart (`ip -6 -batch`)."""

    host: str
    links: tuple[Link, ...]
    batch: str
    batch6: str


class Owners:
    """Who has which address on which wire.

    Args:
        tapped: direct wires are captured too.

    Raises:
        ScenarioError: the plan names a wire that it does not have, gives an address twice on one wire, has two
            hosts of one name, or a direct wire that is not between two hosts or is to impair.
    """

    def __init__(self, plan: Plan, *, tapped: bool = False) -> None:
        self._tapped = tapped
        wires = {wire.name for wire in plan.wires}
        self.direct = frozenset(wire.name for wire in plan.wires if wire.direct)
        self.hosts: dict[str, Host] = {}
        self.of: dict[tuple[str, str], str] = {}
        for host in plan.hosts:
            if host.name in self.hosts:
                raise ScenarioError(f"two hosts are called {host.name}")
            self.hosts[host.name] = host
            for foot in host.feet:
                pack_address(foot.address)
                if foot.wire not in wires:
                    raise ScenarioError(f"{host.name} has a foot on {foot.wire!r}, which is no wire of the plan")
                if (foot.wire, foot.address) in self.of:
                    raise ScenarioError(f"{foot.address} is there twice on {foot.wire!r}")
                self.of[foot.wire, foot.address] = host.name
        for wire in plan.wires:
            if wire.direct:
                self._check(wire)

    def _check(self, wire: Wire) -> None:
        """A direct wire is a link of the kernel's."""
        hosts = {owner for (name, _), owner in self.of.items() if name == wire.name}
        if len(hosts) != 2:
            raise ScenarioError(f"{wire.name!r} is direct, so it is between two hosts; it has {len(hosts)}")
        if wire.jitter or wire.loss or wire.reorder or wire.duplicate:
            raise ScenarioError(f"{wire.name!r} is direct: nothing stands there that could impair packets")

    def receiver(self, sender: str, wire: str, destination: str) -> str | None:
        """Who hears a packet on this wire: the owner of its destination, or the sender's next hop there."""
        owner = self.of.get((wire, destination))
        if owner is not None:
            return owner
        for foot in _feet(self.hosts[sender], destination):
            if foot.wire == wire and foot.next_hop is not None:
                return self.of.get((wire, foot.next_hop))
        return None

    def links(self, host: str) -> dict[str, str]:
        """The names of a host's links, by wire."""
        return {foot.wire: f"wb{index}" for index, foot in enumerate(
            {foot.wire: foot for foot in self.hosts[host].feet}.values())}

    def way(self, host: str, source: str, destination: str) -> tuple[str, str] | None:
        """The link and the wire on which a packet leaves a host; None: nothing leads there."""
        feet = sorted(_feet(self.hosts[host], destination), key=lambda foot: foot.address != source)
        wire = next((foot.wire for foot in feet if (foot.wire, destination) in self.of), None)
        if wire is None:
            wire = next((foot.wire for foot in feet if foot.next_hop is not None), None)
        return None if wire is None else (self.links(host)[wire], wire)

    def namespaces(self) -> tuple[Namespace, ...]:
        """One namespace a host, in the plan's order."""
        return tuple(self._namespace(number, host) for number, host in enumerate(self.hosts.values()))

    def _links(self, number: int, host: Host) -> Iterator[Link]:
        for index, (wire, name) in enumerate(self.links(host.name).items()):
            if wire not in self.direct:
                address = bytes((2, 0x77, 0x62, number >> 8, number & 255, index))
                yield Link(name, f"w{number}-{index}", wire, address)
                continue
            other = next(owner for (its, _), owner in self.of.items() if its == wire and owner != host.name)
            place = list(self.hosts).index(other)
            address = bytes((2, 0x77, 0x62, 0xFF, min(number, place) & 255, max(number, place) & 255))
            first = number < place
            peer = (place, self.links(other)[wire]) if first else None
            yield Link(name, "", wire, address, peer, first and self._tapped)

    def _namespace(self, number: int, host: Host) -> Namespace:
        links = tuple(self._links(number, host))
        names = {link.wire: link.name for link in links}
        lines = ["link set lo up"]
        for link in links:
            mac = link.address.hex(":")
            lines.append(f"link set {link.name} address {mac} arp off multicast off addrgenmode none")
            lines.append(f"link set {link.name} up")
        rules: dict[int, list[str]] = {4: [], 6: []}
        for foot in host.feet:
            version6 = ":" in foot.address
            size, extra = (128, " nodad noprefixroute") if version6 else (32, "")
            lines.append(f"addr add {foot.address}/{size} dev {names[foot.wire]}{extra}")
        for version in (4, 6):
            feet = [foot for foot in host.feet if (":" in foot.address) == (version == 6)]
            for table, foot in enumerate(feet, _FIRST_TABLE):
                lines += [f"{route} table {table}" for route in self._routes(feet, foot, names)]
                rules[version].append(f"rule add from {foot.address} lookup {table}")
            if feet:
                lines += self._routes(feet, feet[0], names)
        batch = "\n".join([*lines, *rules[4]]) + "\n"
        return Namespace(host.name, links, batch, "".join(f"{line}\n" for line in rules[6]))

    def _routes(self, feet: list[Foot], source: Foot, names: dict[str, str]) -> list[str]:
        """The routes of packets from `source`; all feet are of one IP version."""
        own = {foot.address for foot in feet}
        ordered = sorted(feet, key=lambda foot: foot is not source)
        version6 = ":" in source.address
        routes: dict[str, str] = {}
        for foot in ordered:
            for wire, address in self.of:
                if wire == foot.wire and address not in own and (":" in address) == version6:
                    routes.setdefault(address, names[wire])
        lines = [
            f"route add {address}/{128 if version6 else 32} dev {name} src {source.address} {_TCP}"
            for address, name in routes.items()]
        onward = next((foot for foot in ordered if foot.next_hop is not None), None)
        if onward is not None:
            everything = "::/0" if version6 else "0.0.0.0/0"
            lines.append(f"route add {everything} dev {names[onward.wire]} src {source.address} {_TCP}")
        return lines


def _feet(host: Host, destination: str) -> list[Foot]:
    version6 = ":" in destination
    return [foot for foot in host.feet if (":" in foot.address) == version6]
