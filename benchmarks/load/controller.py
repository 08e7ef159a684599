"""A controller of its own for a gateway under load: short H.248 text over UDP, many transactions outstanding.

Its orders are those of our IMS-ALG (`nodes.controller.iq`); what else a call needs, SIP and its waits, is not here.
It runs in a thread, so that Notify and ServiceChange are answered while a benchmark works on its streams.

Source: TS 29.334 §5.17.2, H.248.1 §8, Annex D.1.
"""

from __future__ import annotations

import enum
import selectors
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from load.client import Client
from workbench.net.values import Endpoint
from workbench.nodes.controller import iq, readings
from workbench.nodes.controller.elements import ConnectionPoint, Latching
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import text
from workbench.protocols.h248.transport import mid_of

PATIENCE = 60.0
_REPEAT = 0.5
_GIVE_UP = 20.0
# "The transaction refers to an unknown ContextID" (H.248.8): also where there is none at all.
_NO_CONTEXT = 411
_OPEN = h248.Mode.SEND_RECEIVE
_ANY_PORT = 9  # a client that opens TCP has no port of its own in SDP (RFC 4145 §4.1)

Steps = Generator[h248.Action, h248.Reply, Any]


class Kind(enum.StrEnum):
    """What a context joins; the UE opens on the access side, and the gateway then on the core side.

    A fax has no connections: the UE is DTLS client, from any port of its address.
    """

    PLAIN = "TCP to TCP"
    TLS = "TCP/TLS to TCP"
    STATELESS = "TCP without roles"
    FAX = "UDPTL in DTLS to UDPTL"
    FAX_BEHIND_NAT = "the same, and the gateway latches"


class Context(msgspec.Struct, frozen=True):
    """A context that was set up.

    Args:
        id: ContextID.
        kind: see `Kind`.
        access: where the UE connects.
        core: where the gateway will connect from on the core side.
        fingerprint: of the gateway's certificate as announced; empty without TLS.
        terminations: TerminationIDs, access and core.
    """

    id: int
    kind: Kind
    access: Endpoint
    core: Endpoint
    fingerprint: str
    terminations: tuple[str, str]


class Refused(Exception):
    """The gateway did not do as told."""


class _Outstanding(msgspec.Struct):
    """A transaction that waits for its reply, and the procedure that waits with it."""

    octets: bytes
    steps: Steps
    sent: float
    first: float


class _Batch:
    """Procedures that are run together, and what came of each, in their order."""

    def __init__(self, procedures: Iterable[Steps]) -> None:
        self.waiting = deque(enumerate(procedures))
        self.places: dict[int, int] = {}
        self.results: list[Any] = [None] * len(self.waiting)
        self.left = len(self.waiting)
        self.failed: str | None = None
        self.over = threading.Event()
        if not self.left:
            self.over.set()

    def finish(self, steps: Steps, result: Any) -> None:
        self.results[self.places.pop(id(steps))] = result
        self.left -= 1
        if not self.left:
            self.over.set()

    def fail(self, why: str) -> None:
        self.failed = self.failed or why
        self.over.set()


class Controller:
    """Takes one gateway into service and orders contexts.

    Args:
        control: its own H.248 endpoint.
        gateway: the gateway's.
        outstanding: how many transactions may wait for their replies at one time.
    """

    def __init__(self, control: Endpoint, gateway: Endpoint, *, outstanding: int = 32) -> None:
        self.outstanding = outstanding
        self.registered = threading.Event()
        self.methods: list[str] = []
        """Methods of the ServiceChanges of ROOT that the gateway sent, in their order."""
        self.notified: Counter[str] = Counter()
        """Events that the gateway notified, by name."""
        self.transactions = 0
        self.repeated = 0
        self._gateway = (gateway.host, gateway.port)
        self._mid = mid_of(control.host, control.port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_194_304)
        self._socket.bind((control.host, control.port))
        self._woken, self._wakes = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for one in (self._socket, self._woken):
            self._selector.register(one, selectors.EVENT_READ)
        self._next_id = 1 + time.time_ns() // 1000 % 1_000_000_000
        self._request_id = 1
        self._pending: dict[int, _Outstanding] = {}
        self._batch = _Batch(())
        self._heard: deque[int] = deque(maxlen=4096)
        self._stopped = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and give back the socket."""
        self._stopped = True
        self._wakes.send(b".")
        self._thread.join(PATIENCE)
        self._selector.close()
        for one in (self._socket, self._woken, self._wakes):
            one.close()

    # Orders

    def set_up(
        self, count: int, kind: Kind, *, core: Endpoint, client: Client | None = None, client_host: str = "127.0.0.1",
        together: bool = False,
    ) -> list[Context]:
        """Set up contexts.

        Args:
            core: where the gateway connects to on the core side.
            client: whose fingerprint is announced, with TLS.
            client_host: where the UEs are; others are not let in.
            together: both terminations in one transaction instead of the IMS-ALG's three.

        Raises:
            Refused: the gateway refused one, or does not answer.
        """
        return self.run(self._call(kind, core, client, client_host, together) for _ in range(count))

    def subtract(self, contexts: Iterable[Context]) -> None:
        """Release these contexts, each with one transaction. Raises Refused."""
        self.run(self._release(one.id) for one in contexts)

    def audit(self, contexts: Sequence[Context] | None = None) -> dict[int, set[str]]:
        """Which terminations are in which contexts: all in one transaction, or these one by one. Raises Refused."""
        actions = [iq.contexts()] if contexts is None else [iq.audit_value(one.id, "*") for one in contexts]
        found: dict[int, set[str]] = {}
        for reply in self.run(self._order(action) for action in actions):
            read = readings.audited(reply)
            if isinstance(read, readings.Refused) and read.code != _NO_CONTEXT:
                raise Refused(f"{read.code} {read.text} ({read.level})")
            for audited in () if isinstance(read, readings.Refused) else read:
                found.setdefault(audited.context, set()).add(audited.termination)
        return found

    def order(self, action: h248.Action) -> h248.Reply:
        """One transaction, its reply as it is. Raises Refused: there is none."""
        (reply,) = self.run([self._order(action)])
        assert isinstance(reply, h248.Reply)
        return reply

    def run(self, procedures: Iterable[Steps]) -> list[Any]:
        """Run procedures, `outstanding` at a time: generators that yield actions and get replies. Raises Refused."""
        self._batch = batch = _Batch(procedures)
        self._wakes.send(b".")
        if not batch.over.wait(PATIENCE + 0.02 * len(batch.results)):
            raise Refused(f"{batch.left} of {len(batch.results)} procedures are not through")
        if batch.failed is not None:
            raise Refused(batch.failed)
        return batch.results

    def wait_registered(self, seconds: float = PATIENCE) -> bool:
        """Wait until the gateway has registered."""
        return self.registered.wait(seconds)

    # Procedures

    def _call(
        self, kind: Kind, behind: Endpoint, client: Client | None, client_host: str, together: bool
    ) -> Steps:
        access, core = _points(kind, behind, client, client_host)
        if together:
            inner, outer = _read(readings.all_reserved, (yield iq.together(
                iq.reserve(h248.CHOOSE, access, request_id=self._next_request()),
                iq.reserve(h248.CHOOSE, core, request_id=self._next_request()))))
        else:
            bare = msgspec.structs.replace(core, remote=None, remote_setup=None, mode=h248.Mode.INACTIVE)
            outer = _read(readings.reserved, (yield iq.reserve(
                h248.CHOOSE, bare, request_id=self._next_request())))
            known = msgspec.structs.replace(core, local=outer.local)
            _read(readings.done, (yield iq.configure(
                outer.context, outer.termination, known, request_id=self._next_request())))
            inner = _read(readings.reserved, (yield iq.reserve(
                outer.context, access, request_id=self._next_request())))
        return Context(inner.context, kind, inner.local, outer.local, inner.fingerprint,
                       (inner.termination, outer.termination))

    def _release(self, context: int) -> Steps:
        _read(readings.done, (yield iq.release(context)))

    def _order(self, action: h248.Action) -> Steps:
        return (yield action)

    def _next_request(self) -> int:
        self._request_id += 1
        return self._request_id

    # The thread

    def _serve(self) -> None:
        try:
            while not self._stopped:
                self._fill()
                for key, _ in self._selector.select(_REPEAT / 2):
                    if key.fileobj is self._woken:
                        self._woken.recv(4096)
                self._receive()
                self._repeat(time.monotonic())
        except BaseException as error:
            self._batch.fail(f"{type(error).__name__}: {error}")
            raise

    def _fill(self) -> None:
        batch = self._batch
        while batch.waiting and len(self._pending) < self.outstanding:
            place, steps = batch.waiting.popleft()
            batch.places[id(steps)] = place
            self._advance(steps, None)

    def _advance(self, steps: Steps, reply: h248.Reply | None) -> None:
        try:
            action = next(steps) if reply is None else steps.send(reply)
        except StopIteration as over:
            self._batch.finish(steps, over.value)
        except Refused as error:
            self._batch.fail(str(error))
        else:
            self._next_id += 1
            octets = self._encode(h248.Request(self._next_id, (action,)))
            now = time.monotonic()
            self._pending[self._next_id] = _Outstanding(octets, steps, now, now)
            self._send(octets)

    def _encode(self, transaction: h248.Request | h248.Reply) -> bytes:
        return text.encode(h248.Message(2, self._mid, (transaction,)), style="compact")

    def _send(self, octets: bytes) -> None:
        with suppress(OSError):  # as if lost: it is repeated
            self._socket.sendto(octets, self._gateway)

    def _receive(self) -> None:
        while True:
            try:
                octets = self._socket.recv(65_535)
            except BlockingIOError:
                return
            except OSError:
                continue  # the gateway's port is closed at the moment
            for transaction in text.decode(octets).body:
                match transaction:
                    case h248.Reply(id=number):
                        waited = self._pending.pop(number, None)
                        if waited is not None:
                            self.transactions += 1
                            self._advance(waited.steps, transaction)
                    case h248.Request():
                        self._answer(transaction)
            self._fill()

    def _repeat(self, now: float) -> None:
        for waits in list(self._pending.values()):
            if now - waits.first > _GIVE_UP:
                self._pending.clear()
                self._batch.fail("the gateway does not answer")
                return
            if now - waits.sent > _REPEAT:
                waits.sent = now
                self.repeated += 1
                self._send(waits.octets)

    def _answer(self, request: h248.Request) -> None:
        """A request of the gateway's; a repeated one is answered again and not counted."""
        fresh = request.id not in self._heard
        self._heard.append(request.id)
        replies = tuple(
            h248.ActionReply(action.context, tuple(self._obey(one, fresh) for one in action.commands))
            for action in request.actions)
        self._send(self._encode(h248.Reply(request.id, replies)))
        if any(one.kind is h248.Kind.SERVICE_CHANGE and one.terminations == (h248.ROOT,)
               for action in request.actions for one in action.commands):
            self.registered.set()

    def _obey(self, command: h248.Command, fresh: bool) -> h248.CommandReply:
        descriptors: tuple[h248.Descriptor, ...] = ()
        services, observed = command.descriptor(h248.Services), command.descriptor(h248.ObservedEvents)
        if services is not None and command.terminations == (h248.ROOT,):
            if services.profile is not None:
                descriptors = (h248.Services(version=services.version, profile=services.profile),)
            if fresh:
                self.methods.append(services.method or "")
        if observed is not None and fresh:
            self.notified.update(event.name for event in observed.events)
        return h248.CommandReply(command.kind, command.terminations, descriptors)


def _points(
    kind: Kind, behind: Endpoint, client: Client | None, client_host: str
) -> tuple[ConnectionPoint, ConnectionPoint]:
    """Access, which the UE opens, and core, which the gateway then opens: all that is known of both."""
    if kind in (Kind.FAX, Kind.FAX_BEHIND_NAT):
        return _fax_points(kind, behind, client, client_host)
    roles = kind is not Kind.STATELESS
    tls = kind is Kind.TLS
    if tls and client is None:
        raise ValueError("TLS needs a client whose fingerprint is announced")
    access = ConnectionPoint(
        "access", "access.example.net", "message", "TCP/TLS" if tls else "TCP", setup="passive" if roles else None,
        mode=_OPEN, remote=Endpoint(client_host, _ANY_PORT), remote_setup="active" if roles else None,
        ask_fingerprint=tls, remote_fingerprints=(client.fingerprint,) if tls and client is not None else (),
        watch_tls=tls, watch_tcp=roles, watch_bearer=roles)
    core = ConnectionPoint(
        "core", "core.example.net", "message", "TCP", setup="active" if roles else None, mode=_OPEN,
        remote=behind, remote_setup="passive" if roles else None, watch_tcp=roles, watch_bearer=roles)
    return access, core


def _fax_points(
    kind: Kind, behind: Endpoint, client: Client | None, client_host: str
) -> tuple[ConnectionPoint, ConnectionPoint]:
    if client is None:
        raise ValueError("DTLS needs a client whose fingerprint is announced")
    access = ConnectionPoint(
        "access", "access.example.net", "image", "UDP/TLS/UDPTL", "t38", setup="passive", mode=_OPEN,
        remote=Endpoint(client_host, _ANY_PORT), remote_setup="active", ask_fingerprint=True,
        remote_fingerprints=(client.fingerprint,), watch_tls=True, watch_tcp=False,
        latching=Latching.LATCH if kind is Kind.FAX_BEHIND_NAT else Latching.OFF)
    core = ConnectionPoint(
        "core", "core.example.net", "image", "udptl", "t38", mode=_OPEN, remote=behind, watch_tcp=False)
    return access, core


def _read(reading: Callable[[h248.Reply], Any], reply: h248.Reply) -> Any:
    """What a reply says. Raises Refused."""
    read = reading(reply)
    if isinstance(read, readings.Refused):
        raise Refused(f"{read.code} {read.text} ({read.level})")
    return read
