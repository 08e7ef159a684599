"""The controller's end of control associations: which gateways are registered, and whether they are still there.

A pure machine around `machine.Transactions`, one for each gateway. What a ServiceChange or a loss means for a gateway
is said by `TRANSITIONS` alone.

    UNKNOWN      never registered, or taken off the books; its requests get error 505
    REGISTERED   obeys this controller
    LEAVING      has announced Graceful: no new contexts there
    HANDING_OFF  was ordered to another controller and has not left yet
    LOST         does not answer, or its connection broke; its contexts may still exist
    GONE         went out of service, or to the other controller; its requests get error 505

Source: H.248.1 §7.2.8, §11.3 to §11.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from workbench.errors import LocalProtocolError, PeerError
from workbench.protocols.h248 import machine, service_change
from workbench.protocols.h248.coding import codec_of
from workbench.protocols.h248.machine import Address, Result, Transactions, Transmit
from workbench.protocols.h248.message import (
    NULL,
    ROOT,
    Action,
    Audit,
    Command,
    ErrorDescriptor,
    Kind,
    Method,
    Reply,
    Services,
)
from workbench.protocols.h248.service_change import Profile
from workbench.protocols.h248.transport import DEFAULT_PORTS, address_of, mid_of


class State(StrEnum):
    """Where a gateway stands with this controller."""

    UNKNOWN = "unknown"
    REGISTERED = "registered"
    LEAVING = "leaving"
    HANDING_OFF = "handing off"
    LOST = "lost"
    GONE = "gone"


class Stimulus(StrEnum):
    """What moves it."""

    RESTART = "ServiceChange Restart"
    CHANGED = "ServiceChange Restart with reason 916 or 917"
    CANCELLED = "ServiceChange Restart with reason 918"
    DISCONNECTED = "ServiceChange Disconnected"
    FAILOVER = "ServiceChange Failover"
    HAND_OFF = "ServiceChange HandOff"
    GRACEFUL = "ServiceChange Graceful"
    FORCED = "ServiceChange Forced"
    ORDERED_AWAY = "we order HandOff"
    WENT = "the gateway takes the order"
    REFUSED_TO_GO = "the gateway refuses the order"
    LOST = "no answer, or the connection broke"
    FOUND = "a gateway that we asked obeys us already"


class Meaning(StrEnum):
    """What it means for what is known of the gateway's contexts."""

    BEGUN = "a new gateway, or one that begins anew: it has no contexts"
    BACK = "the gateway is back with its contexts: audit them"
    TAKEN_OVER = "the gateway comes with contexts unknown here: audit them"
    CHANGED = "the gateway has other packages or capabilities than before"
    LEAVING = "the gateway goes out of service after a delay"
    STAYS = "the gateway stays in service after all"
    LEFT = "the gateway went out of service: its contexts are over"
    HANDED_OFF = "the gateway went to another controller with its contexts"
    LOST = "the gateway does not answer; its contexts may still exist"
    NOTHING = "nothing changes"


_S, _X, _M = State, Stimulus, Meaning


def _registrations() -> dict[tuple[State, Stimulus], tuple[State, Meaning]]:
    """A gateway may register whatever was known of it."""
    meanings = {
        _X.RESTART: _M.BEGUN, _X.DISCONNECTED: _M.BACK, _X.FAILOVER: _M.TAKEN_OVER, _X.HAND_OFF: _M.TAKEN_OVER}
    return {(state, stimulus): (_S.REGISTERED, meaning) for state in State for stimulus, meaning in meanings.items()}


TRANSITIONS: Mapping[tuple[State, Stimulus], tuple[State, Meaning]] = {
    **_registrations(),

    (_S.UNKNOWN, _X.FOUND): (_S.REGISTERED, _M.TAKEN_OVER),

    (_S.REGISTERED, _X.CHANGED): (_S.REGISTERED, _M.CHANGED),
    (_S.REGISTERED, _X.CANCELLED): (_S.REGISTERED, _M.NOTHING),
    (_S.REGISTERED, _X.GRACEFUL): (_S.LEAVING, _M.LEAVING),
    (_S.REGISTERED, _X.FORCED): (_S.GONE, _M.LEFT),
    (_S.REGISTERED, _X.ORDERED_AWAY): (_S.HANDING_OFF, _M.NOTHING),
    (_S.REGISTERED, _X.LOST): (_S.LOST, _M.LOST),

    (_S.LEAVING, _X.CHANGED): (_S.LEAVING, _M.CHANGED),
    (_S.LEAVING, _X.CANCELLED): (_S.REGISTERED, _M.STAYS),
    (_S.LEAVING, _X.GRACEFUL): (_S.LEAVING, _M.LEAVING),
    (_S.LEAVING, _X.FORCED): (_S.GONE, _M.LEFT),
    (_S.LEAVING, _X.LOST): (_S.LOST, _M.LOST),

    (_S.HANDING_OFF, _X.WENT): (_S.GONE, _M.HANDED_OFF),
    (_S.HANDING_OFF, _X.REFUSED_TO_GO): (_S.REGISTERED, _M.NOTHING),
    (_S.HANDING_OFF, _X.FORCED): (_S.GONE, _M.LEFT),
    (_S.HANDING_OFF, _X.LOST): (_S.LOST, _M.LOST),
}
"""State and stimulus to the next state and the meaning. Where a pair is missing nothing happens, and a ServiceChange is
refused."""

_METHODS = {
    Method.RESTART: _X.RESTART, Method.DISCONNECTED: _X.DISCONNECTED, Method.FAILOVER: _X.FAILOVER,
    Method.HAND_OFF: _X.HAND_OFF, Method.GRACEFUL: _X.GRACEFUL, Method.FORCED: _X.FORCED}
_REGISTRATIONS = frozenset((_X.RESTART, _X.DISCONNECTED, _X.FAILOVER, _X.HAND_OFF))
_NO_MORE = frozenset((_M.BEGUN, _M.TAKEN_OVER, _M.LEFT, _M.HANDED_OFF))
_HERE = frozenset((_S.REGISTERED, _S.LEAVING, _S.HANDING_OFF))


class Gateway(msgspec.Struct, frozen=True):
    """A gateway as it registered.

    Args:
        mid: by which it is known from then on.
        address: where requests for it go.
        version: of the protocol, agreed.
        profile: agreed, if it named one.
    """

    mid: str
    address: Address
    version: int = 2
    profile: Profile | None = None


class Changed(msgspec.Struct, frozen=True):
    """Something happened to a gateway as a whole.

    Args:
        delay: with `Meaning.LEAVING`, the seconds until it leaves.
        reason: of the ServiceChange, or why the gateway is lost.
    """

    meaning: Meaning
    gateway: Gateway
    reason: str = ""
    delay: int = 0


class Heard(msgspec.Struct, frozen=True):
    """An event of the transactions with a gateway: a request of its own, or the reply to one of ours."""

    gateway: Gateway
    event: machine.Event


Event = Transmit | Changed | Heard

_NOT_REGISTERED = ErrorDescriptor(505, "Transaction Request Received before a ServiceChange Reply has been received")
_SUPERVISION = Action(NULL, (Command(Kind.AUDIT_VALUE, (ROOT,), (Audit(),)),))


class _Peer(msgspec.Struct):
    """What is known of a gateway.

    Args:
        heard: when the last message came.
        audit: id of the supervising AuditValue that waits; `order` likewise of a HandOff.
    """

    gateway: Gateway
    transactions: Transactions
    state: State = State.UNKNOWN
    heard: float = 0.0
    audit: int | None = None
    order: int | None = None


class Supervision:
    """The controller's end.

    Args:
        mid: the controller's message identifier.
        profiles: `name/version` that are accepted, newest version of each; empty: any, and none at all.
        versions: oldest and newest protocol version that is spoken.
        audit_interval: a gateway that was silent for so many seconds is asked with an empty AuditValue on ROOT; None:
            never.
        address: ServiceChangeAddress in replies: where gateways are to send from then on.
        mgc_id: new gateways are sent to this controller instead (MgcIdToTry); may be set at any time.
        stamp: makes the time stamp of replies.
        max_gateways: most gateways that anything is known of.
        first_id: id of the first request to each gateway.
        settings: further arguments of `Transactions`.
    """

    def __init__(
        self,
        mid: str,
        *,
        profiles: Sequence[str] = (),
        versions: tuple[int, int] = (1, 2),
        audit_interval: float | None = None,
        address: str | None = None,
        mgc_id: str | None = None,
        stamp: Callable[[float], str] | None = None,
        max_gateways: int = 1_000,
        first_id: int = 1,
        **settings: Any,
    ) -> None:
        self.mid = mid
        self.mgc_id = mgc_id
        self.audit_interval = audit_interval
        self._profiles = {known.name.lower(): known for one in profiles if (known := Profile.of(one)) is not None}
        if len(self._profiles) != len(profiles):
            raise LocalProtocolError("profiles are named `name/version`, each name once")
        self._oldest, self._newest = versions
        self._address = address
        self._stamp = stamp
        self._max_gateways = max_gateways
        self._first_id = first_id
        self._settings = settings
        self._codec = codec_of(settings.get("coding", "pretty"))
        self._peers: dict[str, _Peer] = {}           # by message identifier
        self._sources: dict[Address, _Peer] = {}     # by where their messages come from

    # --- what the node asks for ---

    def request(self, mid: str, actions: Iterable[Action], now: float) -> tuple[int, list[Event]]:
        """Send a request to a registered gateway.

        Raises:
            LocalProtocolError: it is not registered, or as `Transactions.request`.
        """
        peer = self._registered(mid)
        number, events = peer.transactions.request(actions, now)
        return number, self._sent(peer, events)

    def reply(self, mid: str, number: int, result: Result, now: float) -> list[Event]:
        """Answer a request of a gateway's that was reported.

        Raises:
            LocalProtocolError: as `Transactions.reply`.
        """
        peer = self._known(mid)
        return self._sent(peer, peer.transactions.reply(number, result, now))

    def hand_off(self, mid: str, mgc_id: str, now: float) -> list[Event]:
        """Order a gateway to another controller; contexts stay.

        Raises:
            LocalProtocolError: it is not registered, or is leaving already.
        """
        peer = self._registered(mid)
        if (peer.state, Stimulus.ORDERED_AWAY) not in TRANSITIONS:
            raise LocalProtocolError(f"HandOff while {mid} is {peer.state}")
        services = service_change.order(Method.HAND_OFF, service_change.DIRECTED, mgc_id=mgc_id)
        peer.order, events = peer.transactions.request((service_change.action(services),), now)
        return [*self._step(peer, Stimulus.ORDERED_AWAY), *self._sent(
            peer, events, f"ServiceChange HandOff to {mgc_id} [H.248.1 §11.5]")]

    def restart(self, mid: str, now: float) -> list[Event]:
        """Order a gateway to begin anew; it will register again.

        Raises:
            LocalProtocolError: it is not registered.
        """
        peer = self._registered(mid)
        services = service_change.order(Method.RESTART, service_change.DIRECTED)
        _, events = peer.transactions.request((service_change.action(services),), now)
        return self._sent(peer, events, "ServiceChange Restart on ROOT [H.248.1 §7.2.8]")

    def state(self, mid: str) -> State:
        """Where this gateway stands."""
        peer = self._peers.get(mid.lower())
        return State.UNKNOWN if peer is None else peer.state

    @property
    def gateways(self) -> tuple[Gateway, ...]:
        """Those that obey this controller."""
        return tuple(peer.gateway for peer in self._peers.values() if peer.state in _HERE)

    def transactions(self, mid: str) -> Transactions:
        """With this gateway, for settings.

        Raises:
            LocalProtocolError: nothing is known of it.
        """
        return self._known(mid).transactions

    def look_for(self, address: Address, now: float) -> list[Event]:
        """Ask whether a gateway is there that obeyed us before we were started, and still does.

        One that obeys nobody refuses (505), and registers by itself. (H.248.1 §11.5 leaves open how a controller
        that has lost its state finds its gateways; over TCP the broken connection brings them back.)
        """
        if address in self._sources or len(self._peers) >= self._max_gateways:
            return []
        mid = mid_of(*address)
        # In the oldest version: every gateway reads it, and the reply says which one was agreed on.
        transactions = Transactions(self.mid, version=self._oldest, first_id=self._first_id, **self._settings)
        peer = self._peers[mid.lower()] = self._sources[address] = _Peer(Gateway(mid, address), transactions, heard=now)
        peer.audit, sent = transactions.request((_SUPERVISION,), now)
        return self._sent(peer, sent, "is there a gateway that obeys us already? [H.248.1 §11.5]")

    # --- what the network tells ---

    def receive_data(self, data: bytes, source: Address, now: float) -> list[Event]:
        """Take one message. Over a connection, `source` is the far end of it."""
        peer = self._sources.get(source)
        if peer is None:
            peer = self._newcomer(data, source, now)
            if peer is None:
                return []
        peer.heard = now
        if peer.state is State.UNKNOWN and peer.audit is not None:
            self._learn_version(peer, data)
        return self._heard(peer, peer.transactions.receive_data(data, now, source), source, now)

    def disconnected(self, source: Address, why: str) -> list[Event]:
        """The connection from there is closed."""
        peer = self._sources.pop(source, None)
        if peer is None or peer.gateway.address != source:
            return []
        return self._step(peer, Stimulus.LOST, why)

    def next_wakeup(self) -> float | None:
        """When `wake` has something to do, or None."""
        times = [peer.transactions.next_wakeup() for peer in self._peers.values()]
        times += [self._audit_at(peer) for peer in self._peers.values()]
        return min((time for time in times if time is not None), default=None)

    def wake(self, now: float) -> list[Event]:
        """Repeat what is due, and ask gateways that were silent."""
        events: list[Event] = []
        for peer in list(self._peers.values()):
            events += self._heard(peer, peer.transactions.wake(now), peer.gateway.address, now)
            due = self._audit_at(peer)
            if due is not None and due <= now:
                peer.audit, sent = peer.transactions.request((_SUPERVISION,), now)
                events += self._sent(peer, sent, "is the gateway still there? [TS 29.334 §5.12]")
        return events

    # --- messages ---

    def _heard(self, peer: _Peer, events: Sequence[machine.Event], source: Address, now: float) -> list[Event]:
        heard: list[Event] = []
        for event in events:
            match event:
                case Transmit():
                    heard += self._sent(peer, [event])
                case machine.RequestReceived():
                    heard += self._requested(peer, event, source, now)
                case machine.ReplyReceived(id=number, reply=reply) if number == peer.audit:
                    peer.audit = None
                    heard += [] if _refused(reply) else self._step(peer, Stimulus.FOUND)
                case machine.ReplyReceived(id=number, reply=reply) if number == peer.order:
                    peer.order = None
                    error = service_change.error_of(reply)
                    heard += self._step(
                        peer, Stimulus.WENT if error is None else Stimulus.REFUSED_TO_GO,
                        "" if error is None else f"{error.code} {error.text or ''}")
                case machine.TimedOut(id=number, why=why):
                    if number not in (peer.audit, peer.order):
                        heard.append(Heard(peer.gateway, event))
                    peer.audit = None if number == peer.audit else peer.audit
                    peer.order = None if number == peer.order else peer.order
                    heard += [] if why else self._step(peer, Stimulus.LOST, "no answer")
                case _:
                    heard.append(Heard(peer.gateway, event))
        return heard

    def _requested(
        self, peer: _Peer, event: machine.RequestReceived, source: Address, now: float
    ) -> list[Event]:
        services = service_change.on_root(event.actions)
        if services is not None:
            return self._service_change(peer, event, services, source, now)
        if peer.state not in _HERE:
            return self._sent(peer, peer.transactions.reply(event.id, _NOT_REGISTERED, now), "505: not registered")
        return [Heard(peer.gateway, event)]

    def _service_change(
        self, peer: _Peer, event: machine.RequestReceived, services: Services, source: Address, now: float
    ) -> list[Event]:
        stimulus = _stimulus(services)
        found = None if stimulus is None else TRANSITIONS.get((peer.state, stimulus))
        result: Services | ErrorDescriptor | None
        if stimulus is None:
            wrong = "Method" if services.method is None else f"ServiceChange {services.method}"
            result = ErrorDescriptor(472 if services.method is None else 501, wrong)
        elif found is None:
            result = _NOT_REGISTERED
        elif stimulus in _REGISTRATIONS:
            result = self._registration(peer, event, services, source, now)
        else:
            result = Services()
        accepted = not isinstance(result, ErrorDescriptor) and (result.mgc_id is None)
        shown = None if result == Services() else result
        answer = peer.transactions.reply(event.id, service_change.answer(shown), now)
        why = f"reply to ServiceChange {services.method or ''}"
        events = self._sent(peer, answer, why if accepted else f"{why}: not taken")
        if stimulus is None or not accepted:
            return events
        events += self._step(peer, stimulus, services.reason or "", services.delay or 0)
        if stimulus is Stimulus.DISCONNECTED and self._settings.get("reliable"):
            # What was under way when the connection broke (Annex D.2).
            events += self._sent(peer, peer.transactions.reconnected(now))
        return events

    def _registration(
        self, peer: _Peer, event: machine.RequestReceived, services: Services, source: Address, now: float
    ) -> Services | ErrorDescriptor:
        """What to answer a gateway that registers; what was agreed on is kept."""
        if self.mgc_id is not None:
            return Services(mgc_id=self.mgc_id)
        version = min(services.version or event.version, self._newest)
        if version < self._oldest:
            return ErrorDescriptor(406, f"versions {self._oldest} to {self._newest} are spoken here")
        profile = self._profile(services)
        if isinstance(profile, ErrorDescriptor):
            return profile
        address = self._address_of(services, source)
        if address is None:
            return ErrorDescriptor(449, f"ServiceChangeAddress {services.address}")
        peer.transactions.version = version
        self._sources = {known: one for known, one in self._sources.items() if one is not peer}
        self._peers.pop(peer.gateway.mid.lower(), None)
        self._peers[event.mid.lower()] = peer
        peer.gateway = Gateway(event.mid, address, version, profile)
        self._sources[source] = self._sources[address] = peer
        return Services(
            version=version, profile=None if profile is None else str(profile), address=self._address,
            time=None if self._stamp is None else self._stamp(now))

    def _profile(self, services: Services) -> Profile | ErrorDescriptor | None:
        if services.profile is None:
            return None
        offered = Profile.of(services.profile)
        known = None if offered is None else self._profiles.get(offered.name.lower())
        if offered is None or (self._profiles and known is None):
            return ErrorDescriptor(459, f"profile {services.profile}")
        return Profile(offered.name, offered.version if known is None else min(offered.version, known.version))

    def _address_of(self, services: Services, source: Address) -> Address | None:
        """Where the gateway wants to be addressed: where it speaks from, unless it says otherwise."""
        if services.address is None or self._settings.get("reliable"):
            return source
        if services.address.isdecimal():
            port = int(services.address)
            return (source[0], port) if 0 < port < 65_536 else None
        return address_of(services.address, DEFAULT_PORTS[self._codec.coding])

    def _sent(self, peer: _Peer, events: Iterable[machine.Event], why: str = "") -> list[Event]:
        sent: list[Event] = []
        for event in events:
            if isinstance(event, Transmit):
                sent.append(Transmit(event.octets, event.to or peer.gateway.address, why or event.why))
            else:
                sent.append(Heard(peer.gateway, event))
        return sent

    # --- gateways ---

    def _learn_version(self, peer: _Peer, data: bytes) -> None:
        """Of a gateway that we look for: the version, and the name, that its messages have."""
        try:
            message = self._codec.decode(data)
        except PeerError:
            return
        version = min(max(message.version, self._oldest), self._newest)
        peer.transactions.version = version
        self._peers.pop(peer.gateway.mid.lower(), None)
        self._peers[message.mid.lower()] = peer
        peer.gateway = Gateway(message.mid, peer.gateway.address, version)

    def _step(self, peer: _Peer, stimulus: Stimulus, reason: str = "", delay: int = 0) -> list[Event]:
        found = TRANSITIONS.get((peer.state, stimulus))
        if found is None:
            return []
        peer.state, meaning = found
        if meaning is Meaning.NOTHING:
            return []
        events: list[Event] = [Changed(meaning, peer.gateway, reason, delay)]
        return events + (self._given_up(peer) if meaning in _NO_MORE else [])

    def _given_up(self, peer: _Peer) -> list[Event]:
        """Nothing more is expected from a gateway: requests of the node's that wait are told so."""
        own, peer.audit, peer.order = (peer.audit, peer.order), None, None
        return [Heard(peer.gateway, event) for event in peer.transactions.give_up_all() if event.id not in own]

    def _newcomer(self, data: bytes, source: Address, now: float) -> _Peer | None:
        """The gateway that speaks from an address that is not known: one that moved, or a new one; None: no gateway."""
        try:
            message = self._codec.decode(data)
        except PeerError:
            return None
        peer = self._peers.get(message.mid.lower())
        if peer is None:
            if len(self._peers) >= self._max_gateways and not self._forget_one():
                return None
            transactions = Transactions(
                self.mid, version=min(max(message.version, self._oldest), self._newest), first_id=self._first_id,
                **self._settings)
            peer = self._peers[message.mid.lower()] = _Peer(Gateway(message.mid, source), transactions)
        elif peer.state not in _HERE:
            self._sources = {known: one for known, one in self._sources.items() if one is not peer}
        if sum(one is peer for one in self._sources.values()) >= 4:
            return None
        self._sources[source] = peer
        return peer

    def _forget_one(self) -> bool:
        """Make room by forgetting the gateway that is not here and was heard longest ago."""
        away = [(peer.heard, mid) for mid, peer in self._peers.items() if peer.state not in _HERE]
        if not away:
            return False
        gone = self._peers.pop(min(away)[1])
        self._sources = {source: peer for source, peer in self._sources.items() if peer is not gone}
        return True

    def _audit_at(self, peer: _Peer) -> float | None:
        if self.audit_interval is None or peer.state not in _HERE or peer.audit is not None:
            return None
        return peer.heard + self.audit_interval

    def _known(self, mid: str) -> _Peer:
        peer = self._peers.get(mid.lower())
        if peer is None:
            raise LocalProtocolError(f"nothing is known of a gateway {mid}")
        return peer

    def _registered(self, mid: str) -> _Peer:
        peer = self._known(mid)
        if peer.state not in _HERE:
            raise LocalProtocolError(f"{mid} is {peer.state}")
        return peer


def _refused(reply: Reply) -> bool:
    errors = (action.error or next((one.error for one in action.commands), None) for action in reply.actions)
    return reply.error is not None or any(error is not None for error in errors)


def _stimulus(services: Services) -> Stimulus | None:
    if services.method == Method.RESTART and service_change.reason_code(services) == 918:
        return Stimulus.CANCELLED
    if services.method == Method.RESTART and service_change.only_reports(services):
        return Stimulus.CHANGED
    return next((stimulus for method, stimulus in _METHODS.items() if method == services.method), None)
