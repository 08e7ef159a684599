"""The gateway's end of a control association: which controller it obeys, and how it gets there (H.248.1 §11).

A pure machine around `machine.Transactions`: one for each controller, since ids and remembered replies belong to a pair
of a gateway and a controller. What happens next is said by the table in `association_table` alone.

Source: H.248.1 §7.2.8, §11.2 (cold start), §11.4 (failure of a gateway), §11.5 (failure of a controller, handoff).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from workbench.errors import LocalProtocolError, PeerError, UnexpectedMessageError
from workbench.protocols.h248 import machine, service_change
from workbench.protocols.h248.association_table import (
    TRANSITIONS,
    Connect,
    ControlLost,
    Disconnect,
    Effect,
    Event,
    HandOffFailed,
    OutOfService,
    Registered,
    RegistrationRefused,
    State,
    Stimulus,
)
from workbench.protocols.h248.coding import codec_of
from workbench.protocols.h248.machine import Address, Result, Transactions, Transmit
from workbench.protocols.h248.message import Action, ErrorDescriptor, Message, Method, Reply, Request, Services
from workbench.protocols.h248.transport import DEFAULT_PORTS, address_of

__all__ = [
    "TRANSITIONS",
    "Association",
    "Connect",
    "ControlLost",
    "Disconnect",
    "Effect",
    "Event",
    "HandOffFailed",
    "OutOfService",
    "Registered",
    "RegistrationRefused",
    "State",
    "Stimulus",
]

_NOT_REGISTERED = ErrorDescriptor(505, "request before the reply to ServiceChange")
_OTHER_CONTROLLER = ErrorDescriptor(504, "this gateway has another controller")
_NO_SERVICE = ErrorDescriptor(503, "this gateway is out of service")
_MOST_REDIRECTIONS = 5
_MOST_FOREIGN_OCTETS = 8_192
_CLAUSE = "H.248.1 §7.2.8"


class _Peer(msgspec.Struct):
    """A controller that was spoken to.

    Args:
        addresses: where it is: as provisioned or named, then where it asked to be addressed.
        registration: id of the ServiceChange that waits for its reply.
        version: that the next ServiceChange offers.
    """

    controller: Address
    transactions: Transactions
    addresses: list[Address]
    version: int
    connected: bool = False
    registration: int | None = None
    method: tuple[str, str] = (Method.RESTART, service_change.COLD_BOOT)


class Association:
    """The gateway's end.

    Args:
        mid: the gateway's message identifier.
        controllers: in the order in which they are tried.
        profile: `name/version` to register with; `other_profiles` are accepted from the controller as well.
        version: the newest protocol version to agree on.
        reliable: TCP or SCTP: a connection has to stand before a controller can be spoken to.
        address: ServiceChangeAddress of the registration, if the gateway wants to be addressed elsewhere.
        stamp: makes the time stamp of the registration; without it there is none.
        waiting_delay: maximum waiting delay (MWD) before the first registration, in seconds.
        pause: after all controllers were tried, and before a lost one is tried again, in seconds.
        jitter: gives numbers from 0 to 1: which part of the waiting delay passes, and more; also for `Transactions`.
        names: addresses of domain names that a controller may be called by.
        first_id: id of the first request.
        settings: further arguments of `Transactions`.

    Source: H.248.1 §11.
    """

    def __init__(
        self,
        mid: str,
        controllers: Sequence[Address],
        *,
        profile: str | None = None,
        other_profiles: Sequence[str] = (),
        version: int = 2,
        reliable: bool = False,
        address: str | None = None,
        stamp: Callable[[float], str] | None = None,
        waiting_delay: float = 0.0,
        pause: float = 5.0,
        jitter: Callable[[], float] = lambda: 1.0,
        names: Mapping[str, Address] | None = None,
        first_id: int = 1,
        **settings: Any,
    ) -> None:
        if not controllers:
            raise LocalProtocolError("a gateway needs at least one controller")
        self.mid = mid
        self.state = State.IDLE
        self._controllers = tuple(controllers)
        self._profile = profile
        self._profiles = {one.lower() for one in (*other_profiles, *([profile] if profile else []))}
        self._version = version
        self._reliable = reliable
        self._address = address
        self._stamp = stamp
        self._waiting_delay = waiting_delay
        self._pause = pause
        self._jitter = jitter
        self._names = dict(names or {})
        self._settings = {"jitter": jitter, "reliable": reliable, **settings}
        self._codec = codec_of(settings.get("coding", "pretty"))
        self._next_id = first_id
        self._peers: dict[Address, _Peer] = {}
        self._obeyed: _Peer | None = None      # who controls us
        self._wooed: _Peer | None = None       # who is asked to
        self._method = (str(Method.RESTART), service_change.COLD_BOOT)
        self._last: Address | None = None      # who controlled us before control was lost
        self._asking: dict[int, _Peer] = {}    # whose requests the node works on, if control is lost meanwhile
        self._round: deque[Address] = deque()  # who is tried next
        self._redirections = 0
        self._due: float | None = None
        self._delay = 0
        self._now = 0.0
        self._named: Address | None = None     # by MgcIdToTry
        self._why = ""

    # --- what the node asks for ---

    def start(self, now: float, method: str = Method.RESTART, reason: str = service_change.COLD_BOOT) -> list[Event]:
        """Come into service."""
        self._method = (method, reason)
        return self._step(Stimulus.START, now)

    def request(self, actions: Iterable[Action], now: float) -> tuple[int, list[Event]]:
        """Send a request to the controller that is obeyed.

        Raises:
            LocalProtocolError: there is none, or as `Transactions.request`.
        """
        if self.state is State.OUT_OF_SERVICE:
            raise LocalProtocolError("this gateway is out of service")
        peer = self._controlling()
        number, events = peer.transactions.request(actions, now)
        return number, self._sent(peer, events)

    def reply(self, number: int, result: Result, now: float) -> list[Event]:
        """Answer a request of the controller's that was reported.

        Raises:
            LocalProtocolError: as `Transactions.reply`.
        """
        peer = self._asking.get(number) or self._controlling()
        events = peer.transactions.reply(number, result, now)
        self._asking.pop(number, None)
        return self._sent(peer, events)

    def hand_off(self, mgc_id: str, now: float) -> list[Event]:
        """The controller has ordered HandOff to this one (MgcIdToTry); its order is answered already.

        Raises:
            LocalProtocolError: nobody can be reached under that identifier.
        """
        self._named = self._address_of(mgc_id)
        if self._named is None:
            raise LocalProtocolError(f"no address is known for {mgc_id}")
        return self._step(Stimulus.HAND_OFF, now)

    def restart(self, now: float, reason: str = service_change.DIRECTED) -> list[Event]:
        """The controller has ordered Restart, or the gateway lost its contexts: register anew."""
        self._method = (Method.RESTART, reason)
        return self._step(Stimulus.RESTART, now)

    def leave(self, delay: int, now: float) -> list[Event]:
        """Announce that the gateway goes out of service after so many seconds (Graceful)."""
        self._delay = delay
        return self._step(Stimulus.GRACEFUL, now)

    def stay(self, now: float) -> list[Event]:
        """Take that announcement back (reason 918)."""
        return self._step(Stimulus.CANCEL, now)

    def leave_now(self, now: float) -> list[Event]:
        """Go out of service at once (Forced)."""
        return self._step(Stimulus.FORCED, now)

    def lost(self, why: str, now: float) -> list[Event]:
        """The node found out by itself that the controller is gone."""
        self._why = why
        return self._step(Stimulus.LOST, now)

    def reaches(self, mgc_id: str) -> bool:
        """Whether an address is known for this controller (MgcIdToTry)."""
        return self._address_of(mgc_id) is not None

    @property
    def obeys(self) -> bool:
        """Whether a controller has taken the gateway and it is in service."""
        return self._obeyed is not None and self.state is not State.OUT_OF_SERVICE

    @property
    def controller(self) -> Address | None:
        """Who is obeyed."""
        return None if self._obeyed is None else self._obeyed.controller

    @property
    def transactions(self) -> Transactions | None:
        """With the controller that is obeyed, for its settings."""
        return None if self._obeyed is None else self._obeyed.transactions

    # --- what the network tells ---

    def connected(self, controller: Address, now: float) -> list[Event]:
        """The connection to this controller stands."""
        peer = self._peers.get(controller)
        if peer is None:
            return []
        peer.connected = True
        return self._step(Stimulus.CONNECTED, now) if peer is self._wooed else []

    def disconnected(self, controller: Address, why: str, now: float) -> list[Event]:
        """The connection to this controller broke, or could not be opened."""
        peer = self._peers.get(controller)
        if peer is None:
            return []
        peer.connected = False
        self._why = why
        if peer is self._wooed or (peer is self._obeyed and self._wooed is None):
            return self._step(Stimulus.LOST, now)
        return []

    def receive_data(self, data: bytes, source: Address, now: float) -> list[Event]:
        """Take one message."""
        peer = self._peer_at(source)
        if peer is None:
            return self._foreign(data, source)
        return self._heard(peer, peer.transactions.receive_data(data, now, source), now)

    def knows(self, source: Address) -> bool:
        """Whether messages from there are a controller's that is obeyed, or was asked or obeyed before."""
        return self._peer_at(source) is not None

    def hears(self, source: Address) -> bool:
        """Whether messages from there are those of the controller that is obeyed."""
        return self._obeyed is not None and source in self._obeyed.addresses

    def next_wakeup(self) -> float | None:
        """When `wake` has something to do, or None."""
        first = self._due
        for peer in self._peers.values():  # asked for after all that happens, so without a list
            time = peer.transactions.next_wakeup()
            if time is not None and (first is None or time < first):
                first = time
        return first

    def wake(self, now: float) -> list[Event]:
        """Repeat what is due, and go on after a pause."""
        events: list[Event] = []
        for peer in list(self._peers.values()):
            events += self._heard(peer, peer.transactions.wake(now), now)
        if self._due is not None and self._due <= now:
            self._due = None
            events += self._step(Stimulus.TIME, now)
        return events

    # --- messages ---

    def _heard(self, peer: _Peer, events: Sequence[machine.Event], now: float) -> list[Event]:
        heard: list[Event] = []
        for event in events:
            match event:
                case Transmit():
                    heard += self._sent(peer, [event])
                case machine.RequestReceived(id=number):
                    early = self._too_early(peer)
                    if early is None:
                        self._asking[number] = peer
                        heard.append(event)
                    else:
                        heard += self._sent(peer, peer.transactions.reply(number, early, now), early.text or "")
                case machine.ReplyReceived(id=number, reply=reply) if number == peer.registration:
                    peer.registration = None
                    heard += self._answered(peer, reply, now)
                case machine.TimedOut(id=number, why=why):
                    if number == peer.registration:
                        peer.registration = None
                        heard += self._silent(peer, "no answer to ServiceChange", now)
                    else:
                        heard.append(event)
                        alive = why or peer is not self._obeyed
                        heard += [] if alive else self._silent(peer, "no answer", now)
                case machine.MessageRefused(error=error):
                    heard.append(event)
                    heard += self._message_refused(peer, error, now)
                case machine.ReplyReceived() if peer is not self._obeyed:
                    pass  # to a farewell or to a request of a time that is over
                case machine.ReplyReceived(reply=Reply(error=ErrorDescriptor(code=505))):
                    heard.append(event)
                    heard += self._silent(peer, "505: the controller does not know this gateway", now)
                case _:
                    heard.append(event)
        return heard

    def _too_early(self, peer: _Peer) -> ErrorDescriptor | None:
        """Why a request of this controller's is not for the node."""
        if self.state is State.OUT_OF_SERVICE:
            return _NO_SERVICE
        if peer is self._obeyed:
            return None
        return _NOT_REGISTERED if self._obeyed is None or peer is self._wooed else _OTHER_CONTROLLER

    def _answered(self, peer: _Peer, reply: Reply, now: float) -> list[Event]:
        """The reply to our ServiceChange."""
        if peer is not self._wooed:
            return []
        error = service_change.error_of(reply)
        if error is None:
            return self._accepted(peer, service_change.of_reply(reply) or Services(), now)
        if error.code == 406 and peer.version > 1:
            return self._step(Stimulus.OLDER_VERSION, now)
        return self._refused(peer, error, now)

    def _accepted(self, peer: _Peer, services: Services, now: float) -> list[Event]:
        events: list[Event] = []
        if services.mgc_id is not None and services.address is not None:
            events.append(_violation("MgcIdToTry and ServiceChangeAddress in one reply"))
        if services.mgc_id is not None:
            return [*events, *self._redirected(peer, services.mgc_id, now)]
        version = services.version or peer.version
        if not 0 < version <= peer.version:
            wrong = ErrorDescriptor(406, f"version {version} where {peer.version} was offered")
            return [_violation(f"protocol version {version} where {peer.version} was offered"),
                    *self._refused(peer, wrong, now)]
        if services.profile is not None and services.profile.lower() not in self._profiles:
            wrong = ErrorDescriptor(459, f"profile {services.profile} is not known here")
            return [*events, *self._refused(peer, wrong, now)]
        if services.address is not None and services.mgc_id is None:
            events += self._move(peer, services.address)
        peer.transactions.version = version
        profile = services.profile or self._profile
        return [*events, *self._step(Stimulus.ACCEPTED, now),
                Registered(peer.controller, peer.method[0], version, profile, services.time)]

    def _redirected(self, peer: _Peer, mgc_id: str, now: float) -> list[Event]:
        named = self._address_of(mgc_id)
        self._redirections += 1
        if named is None or self._redirections > _MOST_REDIRECTIONS:
            why = f"no address is known for {mgc_id}" if named is None else "sent from one to another without end"
            return self._refused(peer, ErrorDescriptor(500, why), now)
        self._named = named
        return self._step(Stimulus.REDIRECTED, now)

    def _refused(self, peer: _Peer, error: ErrorDescriptor, now: float) -> list[Event]:
        self._why = f"{error.code} {error.text or ''}".strip()
        return [RegistrationRefused(peer.controller, error), *self._step(Stimulus.REFUSED, now)]

    def _message_refused(self, peer: _Peer, error: ErrorDescriptor, now: float) -> list[Event]:
        """A whole message was refused: while we register, it can only be our ServiceChange (406: its version)."""
        if peer is not self._wooed or peer.registration is None:
            return []
        peer.transactions.give_up(peer.registration)
        peer.registration = None
        if error.code == 406 and peer.version > 1:
            return self._step(Stimulus.OLDER_VERSION, now)
        return self._refused(peer, error, now)

    def _silent(self, peer: _Peer, why: str, now: float) -> list[Event]:
        concerned = peer is self._wooed or (peer is self._obeyed and self._wooed is None)
        self._why = why
        return self._step(Stimulus.LOST, now) if concerned else []

    def _sent(self, peer: _Peer, events: Iterable[machine.Event], why: str = "") -> list[Event]:
        """Where these go: an answer to where the request came from, everything else to the controller's address."""
        return [Transmit(event.octets, event.to or peer.addresses[-1], why or event.why)
                if isinstance(event, Transmit) else event for event in events]

    def _foreign(self, data: bytes, source: Address) -> list[Event]:
        """Somebody else's message: nothing is done, and a request is told so (error 504)."""
        events: list[Event] = [_violation(f"{source[0]}:{source[1]} is not the controller")]
        if len(data) > _MOST_FOREIGN_OCTETS:
            return events
        try:
            message = self._codec.decode(data)
        except PeerError:
            return events
        replies = tuple(Reply(one.id, error=_OTHER_CONTROLLER) for one in message.body if isinstance(one, Request))
        if replies:
            refusal = self._codec.encode(Message(min(message.version, self._version), self.mid, replies[:10]))
            events.append(Transmit(refusal, source, "another controller is refused (504) [H.248.8]"))
        return events

    # --- transitions ---

    def _step(self, stimulus: Stimulus, now: float) -> list[Event]:
        found = TRANSITIONS.get((self.state, stimulus))
        if found is None:
            return []
        former, self._now = self.state, now
        self.state, effect = found
        return self._effects[effect](self, former)

    def _begin(self, former: State) -> list[Event]:
        self._wooed = self._obeyed = self._last = None
        self._round = deque(self._controllers)
        self._redirections = 0
        return self._wait(self._waiting_delay)

    def _connect(self, former: State) -> list[Event]:
        return self._woo(self._round.popleft(), self._method_for)

    def _register(self, former: State) -> list[Event]:
        peer = self._asked()
        method, reason = peer.method
        peer.transactions.version = peer.version
        services = service_change.order(
            method, reason, version=peer.version, profile=self._profile, address=self._address,
            time=None if self._stamp is None else self._stamp(self._now))
        peer.registration, events = peer.transactions.request((service_change.action(services),), self._now)
        return self._sent(
            peer, events, f"ServiceChange {method}: the gateway comes into service [H.248.1 §7.2.8]")

    def _register_older(self, former: State) -> list[Event]:
        self._asked().version -= 1
        return self._register(former)

    def _obey(self, former: State) -> list[Event]:
        before, self._obeyed, self._wooed = self._obeyed, self._asked(), None
        self._last = self._obeyed.controller
        self._redirections = 0
        events: list[Event] = []
        for peer in self._peers.values():
            if peer is not self._obeyed:
                events += peer.transactions.give_up_all()
        if self._reliable:  # what was under way when the connection broke (Annex D.2)
            events += self._sent(self._obeyed, self._obeyed.transactions.reconnected(self._now))
        if before is None or before is self._obeyed or not self._reliable:
            return events
        before.connected = False
        return [*events, Disconnect(before.controller, orderly=True)]

    def _redirect(self, former: State) -> list[Event]:
        left = self._asked()
        closed = self._let_go(left, orderly=True)
        return [*closed, *self._woo(self._target(), lambda _: left.method)]

    def _next(self, former: State) -> list[Event]:
        closed = self._let_go(self._asked())
        if self._round:
            return [*closed, *self._wait(0.0)]
        self._redirections = 0
        self._new_round()
        return [*closed, *self._rest()]

    def _recover(self, former: State) -> list[Event]:
        lost = self._controlling()
        self._method = (Method.FAILOVER, service_change.MGC_FAILURE)
        closed = self._let_go(lost)
        self._obeyed = None
        self._new_round()
        waiting = [] if self._reliable else lost.transactions.give_up_all()
        return [ControlLost(lost.controller, self._why), *waiting, *closed, *self._rest()]

    def _go_over(self, former: State) -> list[Event]:
        return self._woo(self._target(), lambda _: (Method.HAND_OFF, service_change.DIRECTED))

    def _return(self, former: State) -> list[Event]:
        failed, back = self._asked(), self._controlling()
        closed = self._let_go(failed)
        self._obeyed = None
        self._round = deque(one for one in self._controllers if one != back.controller)
        self._method = (Method.FAILOVER, service_change.MGC_FAILURE)
        return [HandOffFailed(failed.controller, self._why), *closed, *self._woo(back.controller, self._method_for)]

    def _restart(self, former: State) -> list[Event]:
        self._wooed, self._obeyed = self._controlling(), None
        self._wooed.method = self._method
        self._last = None
        self._due = None
        self._round = deque(one for one in self._controllers if one != self._wooed.controller)
        return self._register(former)

    def _announce(self, former: State) -> list[Event]:
        self._due = self._now + self._delay
        return self._told(
            service_change.order(Method.GRACEFUL, service_change.OUT_OF_SERVICE, delay=self._delay),
            "the gateway leaves after a delay")

    def _stay(self, former: State) -> list[Event]:
        self._due = None
        return self._told(
            service_change.order(Method.RESTART, service_change.CANCEL_GRACEFUL), "the gateway stays")

    def _leave(self, former: State) -> list[Event]:
        self._due = None
        told = self._told(
            service_change.order(Method.FORCED, service_change.OUT_OF_SERVICE), "the gateway goes out of service")
        self._wooed = None
        return [*told, OutOfService("Forced" if former is not State.LEAVING else "the delay is over")]

    def _end(self, former: State) -> list[Event]:
        self._due = None
        gone = self._wooed or self._obeyed
        self._wooed = self._obeyed = None
        return [*([] if gone is None else self._let_go(gone)), OutOfService(self._why or "Forced")]

    _effects: Mapping[Effect, Callable[[Association, State], list[Event]]] = {
        Effect.BEGIN: _begin,
        Effect.CONNECT: _connect,
        Effect.REGISTER: _register,
        Effect.REGISTER_OLDER: _register_older,
        Effect.OBEY: _obey,
        Effect.REDIRECT: _redirect,
        Effect.NEXT: _next,
        Effect.RECOVER: _recover,
        Effect.HAND_OFF: _go_over,
        Effect.RETURN: _return,
        Effect.RESTART: _restart,
        Effect.ANNOUNCE: _announce,
        Effect.STAY: _stay,
        Effect.LEAVE: _leave,
        Effect.END: _end,
    }

    # --- what the effects share ---

    def _wait(self, longest: float) -> list[Event]:
        return self._after(longest * self._jitter() if longest else 0.0)

    def _rest(self) -> list[Event]:
        """A pause, a random part of its second half left out, before the controllers are tried again."""
        return self._after(self._pause * (0.5 + 0.5 * self._jitter()))

    def _after(self, wait: float) -> list[Event]:
        if wait > 0.0:
            self._due = self._now + wait
            return []
        return self._step(Stimulus.TIME, self._now)

    def _new_round(self) -> None:
        others = [one for one in self._controllers if one != self._last]
        self._round = deque(others if self._last is None else [self._last, *others])

    def _method_for(self, controller: Address) -> tuple[str, str]:
        """Disconnected where the contexts are known already, Failover elsewhere; Restart where there are none yet."""
        return (Method.DISCONNECTED, service_change.RESTORED) if controller == self._last else self._method

    def _woo(self, controller: Address, method: Callable[[Address], tuple[str, str]]) -> list[Event]:
        peer = self._wooed = self._peer(controller)
        peer.method = method(controller)
        peer.version = self._version
        if self._reliable and not peer.connected:
            return [Connect(controller)]
        return self._step(Stimulus.CONNECTED, self._now)

    def _let_go(self, peer: _Peer, *, orderly: bool = False) -> list[Event]:
        """Ask this controller for nothing any more."""
        if peer.registration is not None:
            peer.transactions.give_up(peer.registration)
            peer.registration = None
        self._wooed = None if peer is self._wooed else self._wooed
        if not (self._reliable and peer.connected):
            return []
        peer.connected = False
        return [Disconnect(peer.controller, orderly)]

    def _told(self, services: Services, why: str) -> list[Event]:
        peer = self._controlling()
        _, events = peer.transactions.request((service_change.action(services),), self._now)
        return self._sent(peer, events, f"ServiceChange {services.method}: {why} [{_CLAUSE}]")

    def _peer(self, controller: Address) -> _Peer:
        """What is known of this controller; those that nothing holds any more are forgotten."""
        peer = self._peers.get(controller)
        if peer is None:
            kept = (self._obeyed, self._wooed)
            self._peers = {address: one for address, one in self._peers.items()
                           if one in kept or address in self._controllers}
            self._next_id = max((self._next_id, *(one.transactions.next_id for one in self._peers.values())))
            transactions = Transactions(self.mid, version=self._version, first_id=self._next_id, **self._settings)
            peer = self._peers[controller] = _Peer(controller, transactions, [controller], self._version)
        return peer

    def _peer_at(self, source: Address) -> _Peer | None:
        for peer in (self._obeyed, self._wooed, *self._peers.values()):
            if peer is not None and source in peer.addresses:
                return peer
        return None

    def _move(self, peer: _Peer, address: str) -> list[Event]:
        """Where the controller wants to be addressed from now on: a port, or another message identifier."""
        moved = (peer.controller[0], int(address)) if address.isdecimal() else self._address_of(address)
        if moved is None or not 0 < moved[1] < 65_536:
            return [_violation(f"ServiceChangeAddress {address}, for which no address is known")]
        if not self._reliable:
            peer.addresses = [peer.controller, moved]
        return []

    def _address_of(self, mid: str) -> Address | None:
        found = address_of(mid, DEFAULT_PORTS[self._codec.coding])
        if found is None or mid.startswith("["):
            return found
        return self._names.get(found[0].lower())

    def _controlling(self) -> _Peer:
        if self._obeyed is None:
            raise LocalProtocolError("no controller has taken this gateway")
        return self._obeyed

    def _asked(self) -> _Peer:
        if self._wooed is None:
            raise LocalProtocolError("no controller is being asked")
        return self._wooed

    def _target(self) -> Address:
        if self._named is None:
            raise LocalProtocolError("no controller was named")
        return self._named


def _violation(what: str) -> machine.PeerViolation:
    return machine.PeerViolation(UnexpectedMessageError(what, clause=_CLAUSE))
