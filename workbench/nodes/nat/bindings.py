"""What a NAT remembers: bindings, the sessions in them, and when each of them ends.

A binding ties an inside endpoint to an outside port for as long as one of its sessions lives. A session is what is
known of one remote endpoint. The inside makes bindings and keeps them alive; the outside can do neither.

Source: RFC 4787 §4 and §5, RFC 5382 §4 and §5, RFC 7857.
"""

from __future__ import annotations

import heapq

import msgspec

from workbench.net.packets import TCP, UDP
from workbench.net.values import Endpoint
from workbench.nodes.nat.behaviour import Behaviour, Lifetimes
from workbench.nodes.nat.ports import Ports
from workbench.nodes.nat.tracking import Mark, Phase, Way, follow, lasts


class Session(msgspec.Struct, eq=False):
    """What passed between a binding and one remote endpoint.

    Args:
        by_inside: the inside has sent to the remote side. Only such a session opens the filter and keeps the binding.
        expires: when it is forgotten unless the inside sends again.
    """

    binding: Binding
    remote: Endpoint
    expires: float
    by_inside: bool
    phase: Phase = Phase.NEW
    queued: float = 0.0


class Binding(msgspec.Struct, eq=False):
    """An inside endpoint and its outside port (RFC 4787 §4: a mapping), with its sessions by remote endpoint."""

    protocol: int
    inside: Endpoint
    port: int
    key: tuple[str, int]
    sessions: dict[Endpoint, Session] = {}


class Bindings:
    """All that a NAT remembers.

    Args:
        most: sessions at a time, and so bindings.
        most_strangers: of these, ones that the outside has begun and the inside has not answered.
    """

    def __init__(self, mapping: Behaviour, filtering: Behaviour, ports: Ports, lifetimes: Lifetimes, *,
                 most: int, most_strangers: int = 256) -> None:
        self._mapping = mapping
        self._filtering = filtering
        self._ports = ports
        self._lifetimes = lifetimes
        self._most = most
        self._most_strangers = most_strangers
        self._strangers = 0
        self._by_inside: dict[tuple[int, Endpoint, tuple[str, int]], Binding] = {}
        self._by_port: dict[tuple[int, int], list[Binding]] = {}
        self._sessions: dict[tuple[int, Endpoint, Endpoint], Session] = {}
        self._queue: list[tuple[float, int, Session]] = []
        self._count = 0

    def __len__(self) -> int:
        """Sessions that are remembered."""
        return len(self._sessions)

    def outgoing(self, protocol: int, inside: Endpoint, remote: Endpoint, mark: Mark, now: float) -> Binding | None:
        """The binding that a packet from inside leaves through, a new one if need be; None: no room, or no port.

        A connection that the outside has begun goes on through the binding that it came in by, whatever the mapping
        behaviour would give a new one (RFC 5382 REQ-2: connections from outside, where the filter permits them).
        """
        self._expire(now)
        session = self._sessions.get((protocol, inside, remote))
        if session is None:
            if mark is Mark.RST or len(self._sessions) >= self._most:
                return None
            binding = self._bind(protocol, inside, remote)
            if binding is None:
                return None
            session = self._remember(binding, remote, by_inside=True)
        if not session.by_inside:
            session.by_inside = True
            self._strangers -= 1
        self._track(session, "out", mark, now)
        return session.binding

    def incoming(self, protocol: int, port: int, remote: Endpoint, mark: Mark, now: float) -> Binding | str:
        """The binding that a packet from outside comes in through, or why there is none."""
        self._expire(now)
        bindings = self._by_port.get((protocol, port))
        if not bindings:
            return f"no binding for port {port}"
        known = next((one.sessions[remote] for one in reversed(bindings) if remote in one.sessions), None)
        if known is not None:
            # What a stranger began under an earlier packet's permission still needs one now.
            if known.by_inside or self._admits(known.binding, remote):
                self._track(known, "in", mark, now)
                return known.binding
            return self._closed_to(remote)
        binding = next((one for one in reversed(bindings) if self._admits(one, remote)), None)
        if binding is None:
            return self._closed_to(remote)
        other = self._sessions.get((protocol, binding.inside, remote))
        if other is not None:
            # The inside reaches this remote endpoint through another port, and its answers will leave there.
            return binding if mark is not Mark.SYN else (
                f"{binding.inside} has a connection with {remote} through port {other.binding.port}")
        if len(self._sessions) >= self._most or self._strangers >= self._most_strangers:
            return f"{self._strangers} strangers have not been answered yet"
        session = self._remember(binding, remote, by_inside=False)
        self._track(session, "in", mark, now)
        return binding

    def quoted(self, protocol: int, port: int, remote: Endpoint, now: float) -> Binding | None:
        """The binding through which the packet left that an ICMP error from outside quotes (RFC 5508 REQ-4)."""
        self._expire(now)
        bindings = self._by_port.get((protocol, port), [])
        return next((one for one in reversed(bindings) if remote in one.sessions), None)

    def answered(self, protocol: int, inside: Endpoint, remote: Endpoint, now: float) -> Binding | None:
        """The binding through which the packet came that an ICMP error from inside quotes (RFC 5508 REQ-5)."""
        self._expire(now)
        session = self._sessions.get((protocol, inside, remote))
        return session.binding if session is not None else None

    def _admits(self, binding: Binding, remote: Endpoint) -> bool:
        """RFC 4787 §5: whom the inside has sent to through this binding decides who may send to it."""
        wanted = self._filtering.key(remote)
        return any(one.by_inside and self._filtering.key(one.remote) == wanted for one in binding.sessions.values())

    def _closed_to(self, remote: Endpoint) -> str:
        return f"{remote} was never sent to ({self._filtering} filtering)"

    def _bind(self, protocol: int, inside: Endpoint, remote: Endpoint) -> Binding | None:
        key = self._mapping.key(remote)
        binding = self._by_inside.get((protocol, inside, key))
        if binding is not None:
            return binding
        port = self._ports.find(protocol, inside.port, lambda port: (protocol, port) in self._by_port)
        if port is None:
            return None
        binding = Binding(protocol, inside, port, key)
        self._by_inside[protocol, inside, key] = binding
        self._by_port.setdefault((protocol, port), []).append(binding)
        return binding

    def _remember(self, binding: Binding, remote: Endpoint, *, by_inside: bool) -> Session:
        session = Session(binding, remote, 0.0, by_inside)
        binding.sessions[remote] = session
        self._sessions[binding.protocol, binding.inside, remote] = session
        self._strangers += not by_inside
        return session

    def _track(self, session: Session, way: Way, mark: Mark, now: float) -> None:
        """Follow TCP and set the timer: packets from inside refresh it, those from outside can only shorten it.

        RFC 4787 REQ-6; RFC 7857 §7 (no inbound refresh) and §7.1 (an RST from inside refreshes nothing either).
        """
        before = session.phase
        if session.binding.protocol == TCP:
            session.phase = follow(before, way, mark)
        until = now + self._seconds(session)
        is_new = session.expires == 0.0
        if is_new or (way == "out" and mark is not Mark.RST):
            session.expires = until
        elif session.phase is not before:
            session.expires = min(session.expires, until)
        if is_new or session.expires < session.queued:
            session.queued = session.expires
            self._count += 1
            heapq.heappush(self._queue, (session.expires, self._count, session))

    def _seconds(self, session: Session) -> float:
        match session.binding.protocol:
            case protocol if protocol == TCP:
                return self._lifetimes.tcp if lasts(session.phase) else self._lifetimes.transitory
            case protocol if protocol == UDP:
                return self._lifetimes.udp
        return self._lifetimes.icmp

    def _expire(self, now: float) -> None:
        """Forget what is over. An entry of the queue whose session was refreshed since goes in again."""
        while self._queue and self._queue[0][0] <= now:
            due, count, session = heapq.heappop(self._queue)
            if session.queued != due:
                continue
            if session.expires > now:
                session.queued = session.expires
                heapq.heappush(self._queue, (session.expires, count, session))
            else:
                self._forget(session)

    def _forget(self, session: Session) -> None:
        binding = session.binding
        self._drop(session)
        if any(one.by_inside for one in binding.sessions.values()):
            return
        for stranger in list(binding.sessions.values()):
            self._drop(stranger)
        if self._by_inside.get((binding.protocol, binding.inside, binding.key)) is binding:
            del self._by_inside[binding.protocol, binding.inside, binding.key]
            bindings = self._by_port[binding.protocol, binding.port]
            bindings.remove(binding)
            if not bindings:
                del self._by_port[binding.protocol, binding.port]

    def _drop(self, session: Session) -> None:
        binding = session.binding
        del binding.sessions[session.remote]
        del self._sessions[binding.protocol, binding.inside, session.remote]
        self._strangers -= not session.by_inside
        session.queued = -1.0      # what the queue still has of it is stale
