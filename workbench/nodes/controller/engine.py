"""Procedures of Iq that run: each is a generator that orders, waits for the reply, and gives back what it says.

A node that controls a gateway (an IMS-ALG, or `core.Controller`) owns one engine and writes its call flows with
`yield from engine.reserve(...)`.

Source: TS 23.334 §8 (procedures), TS 29.334 §5.17; style of procedures: `nodes.procedure`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from workbench.errors import LocalProtocolError
from workbench.net.values import Command, Happening, Note
from workbench.nodes.controller import association, iq, readings
from workbench.nodes.controller.association import Association
from workbench.nodes.controller.elements import ConnectionPoint, GatewayWatch, Priority
from workbench.nodes.controller.readings import Audited, Done, Refused, Reserved, Unanswered
from workbench.nodes.procedure import Await, Procedures, earliest
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.supervision import Changed

Told = Changed | association.Said | association.Stray
_CLAUSE = "[TS 23.334 §8]"
_TRIES = 20
_AGAIN = 0.5


class Engine:
    """Orders to one gateway, and what it says unasked.

    Args:
        control: the association.
        procedures: the node's; replies wake those that wait for them.
        told: hears of the gateway's coming and going and of its indications; what it commands is carried.
    """

    def __init__(
        self, control: Association, procedures: Procedures, told: Callable[[Told, float], list[Command]]
    ) -> None:
        self.association = control
        self._procedures = procedures
        self._told = told
        self._request_id = 2000
        self._now = 0.0

    @property
    def in_service(self) -> bool:
        """A gateway has registered."""
        return self.association.in_service

    # For the node

    def concerns(self, happened: Happening) -> bool:
        """Whether this is for the control association."""
        return self.association.concerns(happened)

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Take a happening of the control association."""
        self._now = now
        return self._did(self.association.handle(happened, now), now)

    def next_wakeup(self) -> float | None:
        """The first timer of H.248."""
        return earliest([self.association.next_wakeup()])

    def wake(self, now: float) -> list[Command]:
        """Let H.248's timers run."""
        self._now = now
        return self._did(self.association.wake(now), now)

    def at(self, now: float) -> None:
        """What time it is; for procedures that something else than the association has woken."""
        self._now = now

    def next_request_id(self) -> int:
        """An id for an Events descriptor that no other had."""
        self._request_id += 1
        return self._request_id

    # Procedures: bearers

    def reserve(
        self, context: int, *points: ConnectionPoint, why: str = "", priority: Priority | None = None
    ) -> Generator[Command | Await, Any, Reserved | Refused | Unanswered]:
        """Reserve AGW Connection Point; with a remote address Reserve and Configure.

        Raises:
            PeerError: the reply has neither an error nor what was asked for.
        """
        action = iq.reserve(context, *points, request_id=self.next_request_id(), priority=priority)
        reply = yield from self.order(action, why=why or f"Reserve AGW Connection Point {_CLAUSE}")
        return reply if isinstance(reply, Unanswered) else readings.reserved(reply)

    def configure(
        self, reserved: Reserved, *points: ConnectionPoint, why: str = "", watch: bool = True
    ) -> Generator[Command | Await, Any, Done | Refused | Unanswered]:
        """Configure AGW Connection Point; with `watch` the Events descriptor is replaced. Raises PeerError."""
        request_id = self.next_request_id() if watch else None
        action = iq.configure(reserved.context, reserved.termination, *points, request_id=request_id)
        return (yield from self._do(action, why or f"Configure AGW Connection Point {_CLAUSE}"))

    def change_through_connection(
        self, reserved: Reserved, mode: h248.Mode, *, why: str = ""
    ) -> Generator[Command | Await, Any, Done | Refused | Unanswered]:
        """Change Through-Connection of every stream of a termination. Raises PeerError."""
        numbers = [stream.number for stream in reserved.streams]
        action = iq.change_through_connection(reserved.context, reserved.termination, mode, numbers)
        return (yield from self._do(action, why or f"Change Through-Connection {_CLAUSE}"))

    def change_flow(
        self, context: int, *triples: h248.Topology, why: str = ""
    ) -> Generator[Command | Await, Any, Done | Refused | Unanswered]:
        """Change flow direction. Raises PeerError."""
        return (yield from self._do(iq.change_flow(context, *triples), why or f"Change flow direction {_CLAUSE}"))

    def start_tcp(
        self, reserved: Reserved, *points: ConnectionPoint, why: str = ""
    ) -> Generator[Command | Await, Any, Done | Refused | Unanswered]:
        """Start TCP connection establishment. Raises PeerError."""
        action = iq.start_tcp(reserved.context, reserved.termination, *points, request_id=self.next_request_id())
        return (yield from self._do(action, why or f"Start TCP connection establishment {_CLAUSE}"))

    def start_tls(
        self, reserved: Reserved, *points: ConnectionPoint, why: str = ""
    ) -> Generator[Command | Await, Any, Done | Refused | Unanswered]:
        """Start (D)TLS session establishment. Raises PeerError."""
        action = iq.start_tls(reserved.context, reserved.termination, *points, request_id=self.next_request_id())
        return (yield from self._do(action, why or f"Start (D)TLS session establishment {_CLAUSE}"))

    def confirm_media_update(
        self, context: int, termination: str, request: int, stream: int = 1
    ) -> Generator[Command | Await, Any, Done | Refused | Unanswered]:
        """Confirm Media Update for the decision on a floor request. Raises PeerError."""
        action = iq.confirm_media_update(context, termination, request, stream)
        return (yield from self._do(action, f"Confirm Media Update: floor request {request} [TS 23.333 §8.49]"))

    def release(self, context: int, *, why: str = "") -> Generator[Command | Await, Any, Done | Refused | Unanswered]:
        """Release AGW Termination: the whole context. Raises PeerError."""
        return (yield from self._do(iq.release(context), why or "Release AGW Termination, all of it [TS 23.334 §8.5]"))

    def release_termination(
        self, context: int, termination: str, *, statistics: bool = False, why: str = ""
    ) -> Generator[Command | Await, Any, Done | Refused | Unanswered]:
        """Release AGW Termination: one of them. Raises PeerError."""
        action = iq.release_termination(context, termination, statistics=statistics)
        return (yield from self._do(action, why or "Release AGW Termination [TS 23.334 §8.5]"))

    # Procedures: the gateway

    def audit_value(
        self, context: int, termination: str, *items: str | h248.AuditItem, why: str = ""
    ) -> Generator[Command | Await, Any, tuple[Audited, ...] | Refused | Unanswered]:
        """Audit Value."""
        reply = yield from self.order(iq.audit_value(context, termination, *items), why=why or "Audit Value")
        return reply if isinstance(reply, Unanswered) else readings.audited(reply)

    def audit_capability(
        self, context: int, termination: str, *items: str | h248.AuditItem, why: str = ""
    ) -> Generator[Command | Await, Any, tuple[Audited, ...] | Refused | Unanswered]:
        """Audit Capability."""
        reply = yield from self.order(iq.audit_capability(context, termination, *items), why=why or "Audit Capability")
        return reply if isinstance(reply, Unanswered) else readings.audited(reply)

    def available_realms(self) -> Generator[Command | Await, Any, tuple[str, ...] | Refused | Unanswered]:
        """Audit Value of the realms."""
        reply = yield from self.order(iq.available_realms(), why="which realms are available? [H.248.41]")
        return reply if isinstance(reply, Unanswered) else readings.realms(reply)

    def watch_gateway(self, watch: GatewayWatch) -> Generator[Command | Await, Any, Done | Refused | Unanswered]:
        """Realm availability, congestion handling and inactivity timeout: activate. Raises PeerError."""
        return (yield from self._do(
            iq.watch_gateway(watch, self.next_request_id()), "what the gateway shall tell of itself [TS 23.334 §8]"))

    def learn_contexts(self) -> Generator[Command | Await, Any, bool]:
        """Ask a gateway that comes with contexts of its own which they are; whether it answered (H.248.1 §11.5)."""
        reply = yield from self.order(iq.contexts(), why="which contexts does the gateway bring? [H.248.1 §11.5]")
        known = isinstance(reply, h248.Reply)
        self.association.book.complete = self.association.book.complete or known
        return known

    def hand_off(self, mgc_id: str) -> list[Command]:
        """Order the gateway to another controller; `told` hears when it has gone. Raises LocalProtocolError."""
        return self._did(self.association.hand_off(mgc_id, self._now), self._now)

    def restart(self) -> list[Command]:
        """Order the gateway to begin anew; `told` hears when it has. Raises LocalProtocolError."""
        return self._did(self.association.restart(self._now), self._now)

    def order(
        self, *actions: h248.Action, why: str = ""
    ) -> Generator[Command | Await, Any, h248.Reply | Unanswered]:
        """One transaction request and its reply.

        A gateway whose registration we have taken refuses orders until our reply gets through to it (error 505, nothing
        was done): it is asked again.
        """
        reply: h248.Reply | None = None
        for _ in range(_TRIES):
            try:
                number, events = self.association.request(actions, self._now, why)
            except LocalProtocolError as error:
                return Unanswered(str(error))
            yield from self._did(events, self._now)
            reply = yield Await((("h248", number),))
            if reply is None or reply.error is None or reply.error.code != 505:
                break
            yield Await((("h248", number),), _AGAIN)
        return Unanswered() if reply is None else reply

    def _do(self, action: h248.Action, why: str) -> Generator[Command | Await, Any, Done | Refused | Unanswered]:
        reply = yield from self.order(action, why=why)
        return reply if isinstance(reply, Unanswered) else readings.done(reply)

    def _did(self, events: Sequence[association.Event], now: float) -> list[Command]:
        commands: list[Command] = []
        for event in events:
            match event:
                case association.Carry(command=command):
                    commands.append(command)
                case association.Answered(id=number, reply=reply):
                    commands += self._procedures.post(("h248", number), reply, now)
                case association.Lost(id=number):
                    commands += self._procedures.post(("h248", number), None, now)
                case association.Remark(text=text):
                    commands.append(Note(text))
                case _:
                    commands += self._told(event, now)
        return commands
