"""Realms, local addresses and ports, and the names of terminations.

Source: TS 23.334 §5.2, §5.3 (IP realms); TS 29.334 §5.6 (TerminationID); H.248.41 (ipdc/realm).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workbench.net.values import Endpoint
from workbench.nodes.gateway.settings import Refused
from workbench.nodes.gateway.vocabulary import REALM
from workbench.protocols.h248 import message as h248
from workbench.protocols.sdp import CHOOSE


def interface_of(realm: str) -> str:
    """The interface group that a realm's terminations are named after: the first label of its name."""
    return realm.partition(".")[0].lower()


class Addresses:
    """Where a gateway can be reached.

    Args:
        realms: realm, or the first label of its name, to the gateway's address there.
        ports: first and last local port for media; every second one is used.
        free: whether a local endpoint is not in use by a connection that still ends.
    """

    def __init__(self, realms: Mapping[str, str], ports: tuple[int, int], free: Callable[[Endpoint], bool]) -> None:
        self._realms = dict(realms)
        self._ports = ports
        self._next_port = ports[0]
        self._free = free
        self._used: set[Endpoint] = set()

    @property
    def realms(self) -> tuple[str, ...]:
        """Names of the realms that there are."""
        return tuple(self._realms)

    def version(self, realm: str) -> int:
        """Of IP in that realm: 4 or 6."""
        return Endpoint(self._realms[realm], 0).version

    def give_back(self, *locals_: Endpoint) -> None:
        """These endpoints may be given to others."""
        self._used.difference_update(locals_)

    def prefix(self, name: str, exists: bool) -> str:
        """What stands before the number in the name of a new termination; empty where the gateway may choose."""
        if name.upper() == h248.ROOT or "*" in name:
            raise Refused(410, name)
        if name == CHOOSE:
            return ""
        parts = name.lower().split("/")
        if "$" not in parts:
            raise Refused(433 if exists else 430, name)
        known = [part for part in parts if part != "$"]
        if len(parts) > 4 or parts[-1] != "$" or "$" in parts[: len(known)] or known[:1] not in ([], ["ip"]):
            raise Refused(430, name)
        if len(known) < 3:
            return ""
        if known[2] not in {interface_of(realm) for realm in self._realms}:
            raise Refused(430, name)
        return "/".join(known)

    def realm(self, item: h248.Property | None, prefix: str) -> str:
        """The realm that addresses come from: `ipdc/realm`, or else that of the interface in the TerminationID."""
        wanted = (item.value if item is not None else prefix.rpartition("/")[2]).lower()
        if not wanted:
            raise Refused(472, REALM)
        for known in self._realms:
            if wanted == known.lower():
                return known
        for known in self._realms:
            if known.lower() == interface_of(wanted) or wanted == interface_of(known):
                return known
        raise Refused(449, f"{REALM} = {wanted}")

    def endpoint(self, asked: Endpoint, realm: str) -> Endpoint:
        """A local endpoint of a realm: the one asked for, or with an empty host or port 0 the next free one."""
        address = self._realms[realm]
        if asked.host not in ("", address):
            raise Refused(449, f"c= {asked.host}")
        if asked.port:
            where = Endpoint(address, asked.port)
            if where in self._used or not self._free(where):
                raise Refused(510, f"{where} is in use")
            self._used.add(where)
            return where
        first, last = self._ports
        for _ in range(0, last - first + 1, 2):
            where = Endpoint(address, self._next_port)
            self._next_port = self._next_port + 2 if self._next_port + 2 <= last else first
            if where not in self._used and self._free(where):
                self._used.add(where)
                return where
        raise Refused(510, f"no free port at {address}")
