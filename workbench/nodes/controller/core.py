"""A controller (MGC) and nothing else: it takes one gateway into service and runs the procedures it is asked for.

For trying a gateway without an IMS around it. What it runs are generators over an `Engine`:

    def call(engine):
        given = yield from engine.reserve(h248.CHOOSE, point)
        ...

Source: H.248.1 §7.2.8, §11; TS 29.334 §5.17.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.errors import LocalProtocolError
from workbench.net.values import Asked, Command, Drop, Endpoint, Happening, Note, Woke
from workbench.nodes.controller.association import Association, Said, Stray, Transport
from workbench.nodes.controller.engine import Engine, Told
from workbench.nodes.procedure import Procedures, Steps, earliest
from workbench.protocols.h248.coding import Coding
from workbench.protocols.h248.supervision import Meaning

Procedure = Callable[[Engine], Steps]
_BEGINS = (Meaning.BEGUN, Meaning.BACK, Meaning.TAKEN_OVER)


class Controller:
    """A controller with one gateway. `Asked` with a procedure runs it.

    Args:
        name: of the node.
        control: its H.248 endpoint.
        gateway: whose messages are taken; None: the first gateway that registers.
        begin: run each time a gateway comes into service.
        hear: is told of the gateway's coming, going and indications.
        coding, transport, profiles, supervision: see `Association`.
    """

    def __init__(
        self,
        name: str,
        *,
        control: Endpoint,
        gateway: Endpoint | None = None,
        begin: Procedure | None = None,
        hear: Callable[[Told], None] | None = None,
        coding: Coding = "pretty",
        transport: Transport = "udp",
        profiles: Sequence[str] = (),
        supervision: float | None = None,
    ) -> None:
        self.name = name
        self._begin = begin
        self._hear = hear
        self._procedures = Procedures()
        self.engine = Engine(
            Association(
                control, gateway, coding=coding, transport=transport, profiles=profiles, supervision=supervision),
            self._procedures, self._told)

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening."""
        self.engine.at(now)
        match happened:
            case Woke():
                return self.engine.wake(now) + self._procedures.wake(now)
            case Asked(order=order) if callable(order):
                return self._run(order, now)
            case _ if self.engine.concerns(happened):
                return self.engine.handle(happened, now)
        return [Drop(happened, "nothing here is concerned")]

    def next_wakeup(self) -> float | None:
        """The first timer of H.248 or of a procedure."""
        return earliest([self.engine.next_wakeup(), self._procedures.next_wakeup()])

    def _run(self, procedure: Procedure, now: float) -> list[Command]:
        try:
            return self._procedures.start(procedure(self.engine), now)
        except LocalProtocolError as error:
            return [Note(f"a procedure can't run: {error}")]

    def _told(self, event: Told, now: float) -> list[Command]:
        if self._hear is not None:
            self._hear(event)
        if isinstance(event, Said):
            return [Note(f"the gateway says: {type(event.indication).__name__}")]
        if isinstance(event, Stray):
            return [Note(f"{event.termination} hangs in context {event.context}")]
        commands: list[Command] = [Note(f"{event.meaning} {event.reason}".rstrip())]
        if event.meaning is Meaning.TAKEN_OVER:
            commands += self._run(_learn, now)
        if event.meaning in _BEGINS and self._begin is not None:
            commands += self._run(self._begin, now)
        return commands


def _learn(engine: Engine) -> Steps:
    yield from engine.learn_contexts()
