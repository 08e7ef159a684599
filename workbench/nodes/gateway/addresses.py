"""Realms, local addresses and ports, and the names of terminations.

Source: TS 23.334 §5.2, §5.3 (IP realms); TS 29.334 §5.6 (TerminationID); H.248.41 (ipdc/realm).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from workbench.net.values import Endpoint
from workbench.nodes.gateway.names import Names, TextNames
from workbench.nodes.gateway.settings import Refused
from workbench.nodes.gateway.vocabulary import REALM
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.message import Form
from workbench.protocols.sdp import CHOOSE

TEXT_NAMES = "ip/{group=1}/{interface}/{number}"
_USED, _QUEUED = 1, 2


def interface_of(realm: str) -> str:
    """The interface group that a realm's terminations are named after: the first label of its name."""
    return realm.partition(".")[0].lower()


class Ports:
    """The ports of one address. Giving and taking back takes the same time however many are in use.

    A port is asked for by turns (`turn`); where that one is in use, those never given come first, then those that
    came back, oldest first.
    """

    def __init__(self, host: str, first: int, last: int, step: int) -> None:
        self.host = host
        self.version = Endpoint(host, 0).version
        self._first = first
        self._last = last
        self._step = step
        self._fresh = first
        self._back: deque[int] = deque()
        self._state = bytearray(last - first + 1)

    def take(self, turn: int) -> int | None:
        """The port whose turn it is, or another free one, or None."""
        if self.claim(turn):
            return turn
        while self._fresh <= self._last:
            port, self._fresh = self._fresh, self._fresh + self._step
            if self.claim(port):
                return port
        while self._back:
            port = self._back.popleft()
            self._state[port - self._first] &= ~_QUEUED
            if self.claim(port):
                return port
        return None

    def claim(self, port: int) -> bool:
        """That port, if it is one of these and free."""
        at = port - self._first
        if not self._first <= port <= self._last or self._state[at] & _USED:
            return False
        self._state[at] |= _USED
        return True

    def give_back(self, port: int) -> None:
        """The port may be given to others."""
        at = port - self._first
        state = self._state[at]
        self._state[at] = state & ~_USED
        # Ports between the steps are had by name only, and those not reached yet come up by themselves.
        if state == _USED and at % self._step == 0 and port < self._fresh:
            self._state[at] |= _QUEUED
            self._back.append(port)


class Addresses:
    """Where a gateway can be reached.

    Args:
        realms: realm, or the first label of its name, to the gateway's address there, or to several.
        ports: first and last local port for media at each address.
        step: distance of the ports that are given.
        names: how terminations are named.
    """

    def __init__(
        self,
        realms: Mapping[str, str | Sequence[str]],
        ports: tuple[int, int],
        step: int = 2,
        *,
        names: Names | None = None,
    ) -> None:
        lists = {realm: (hosts,) if isinstance(hosts, str) else tuple(hosts) for realm, hosts in realms.items()}
        self._by_host = {host: Ports(host, *ports, step) for hosts in lists.values() for host in hosts}
        self._pools = {realm: tuple(self._by_host[host] for host in hosts) for realm, hosts in lists.items()}
        self._names = names or TextNames(TEXT_NAMES)
        self._interfaces = frozenset(interface_of(realm) for realm in self._pools)
        self._ports = ports
        self._step = step
        self._turn = ports[0]
        self._down: set[str] = set()

    @property
    def realms(self) -> tuple[str, ...]:
        """Names of the realms that are available."""
        return tuple(realm for realm in self._pools if realm not in self._down)

    def available(self, realm: str, there: bool) -> bool:
        """A realm came or went; whether that is news."""
        if realm not in self._pools or (realm not in self._down) is there:
            return False
        (self._down.discard if there else self._down.add)(realm)
        return True

    def versions(self, realm: str) -> frozenset[int]:
        """Of IP in that realm: 4, 6 or both."""
        return frozenset(pool.version for pool in self._pools[realm])

    def give_back(self, *locals_: Endpoint) -> None:
        """These endpoints may be given to others."""
        for local in locals_:
            pool = self._by_host.get(local.host)
            if pool is not None:
                pool.give_back(local.port)

    def prefix(self, name: str, exists: bool) -> str:
        """What stands before the number in the name of a new termination; empty where the gateway may choose."""
        return self._names.prefix(name, exists, self._interfaces)

    def name(self, prefix: str, realm: str, number: int) -> str:
        """The TerminationID of a new termination."""
        return self._names.name(prefix, interface_of(realm), number)

    def interface(self, name: str) -> str:
        """What stands before the number in the name of a termination, as `prefix` gives it."""
        return self._names.before(name)

    def realm(self, item: h248.Property | None, prefix: str) -> str:
        """The realm that addresses come from: `ipdc/realm`, or else that of the interface in the TerminationID."""
        interface = self._names.interface(prefix)
        if item is not None and item.form is Form.DIFFERENT:
            return self._first(realm for realm in self.realms if realm.lower() != item.value.lower())
        if item is not None and item.form in (Form.ANY_OF, Form.LIST):
            known = [found for value in item.values if (found := self._find(value.lower())) is not None]
            return self._first(realm for realm in known if realm in self.realms)
        if item is not None and item.value == CHOOSE:
            return self._find(interface) or self._first(iter(self.realms))
        wanted = (item.value if item is not None else interface).lower()
        if not wanted:
            raise Refused(472, REALM)
        found = self._find(wanted)
        if found is None or (item is not None and item.form is not Form.ONE):
            raise Refused(449, f"{REALM} = {wanted}")
        return found

    @staticmethod
    def _first(realms: Iterable[str]) -> str:
        for realm in realms:
            return realm
        raise Refused(449, f"{REALM}: nothing to choose from")

    def _find(self, wanted: str) -> str | None:
        for known in self._pools:
            if wanted == known.lower():
                return known
        for known in self._pools:
            if known.lower() == interface_of(wanted) or wanted == interface_of(known):
                return known
        return None

    def endpoint(self, asked: Endpoint, realm: str, version: int) -> Endpoint:
        """A local endpoint of a realm: the one asked for, or with an empty host or port 0 the next free one."""
        if realm in self._down:
            raise Refused(510, f"realm {realm} is not available")
        pools = [pool for pool in self._pools[realm] if asked.host in ("", pool.host) and pool.version == version]
        if not pools:
            raise Refused(449, f"c= {asked.host}")
        turn = self._turn
        if not asked.port:
            self._turn = turn + self._step if turn + self._step <= self._ports[1] else self._ports[0]
        for pool in pools:
            port = pool.take(turn) if not asked.port else asked.port if pool.claim(asked.port) else None
            if port is not None:
                return Endpoint(pool.host, port)
        where = Endpoint(pools[0].host, asked.port)
        raise Refused(510, f"{where} is in use" if asked.port else f"no free port at {pools[0].host}")
