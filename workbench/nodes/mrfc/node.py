"""The node: what arrives goes to SIP or to H.248, and starts or wakes procedures.

Source: TS 23.333 §5.20, §6.2.20; RFC 3261.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.errors import PeerError
from workbench.net.values import (
    Asked,
    BindDatagrams,
    Command,
    DatagramReceived,
    Drop,
    Endpoint,
    Happening,
    Note,
    Started,
    Woke,
)
from workbench.nodes.controller import recovering
from workbench.nodes.controller.association import Association, Said, Stray, Transport
from workbench.nodes.controller.engine import Engine, Told
from workbench.nodes.controller.indications import FloorDecided, ServiceChanged, ends_bearer
from workbench.nodes.mrfc.conferences import Conferences
from workbench.nodes.mrfc.inviting import Inviting
from workbench.nodes.mrfc.joining import Joining
from workbench.nodes.mrfc.keying import Agreed, Configured
from workbench.nodes.mrfc.settings import Settings
from workbench.nodes.mrfc.signalling import Signalling
from workbench.nodes.mrfc.ticketing import Questions, Ticketed
from workbench.nodes.orders import CallOut
from workbench.nodes.procedure import Procedures, Steps, earliest
from workbench.nodes.tickets import Tickets
from workbench.protocols import sip
from workbench.protocols.h248.coding import Coding
from workbench.protocols.h248.supervision import Changed, Meaning
from workbench.security.source import Source

_ANEW = (Meaning.BEGUN, Meaning.LEFT, Meaning.HANDED_OFF)


class Mrfc:
    """An MRFC with one MRFP.

    Args:
        name: of the node.
        local: its SIP endpoint.
        control, mrfp: H.248 endpoints of this controller and of its MRFP.
        settings: see there.
        keys: exchanges of a=key-mgmt that are known beforehand.
        tickets: how tickets are resolved at the KMS, and got or made for calls of the conference; None: TLS is refused
            unless `keys` know of it, and calls of the conference have none.
        source: where tags, session-ids and numbers come from.
        coding, transport, first_id, looks: of H.248, as for an IMS-ALG.
    """

    def __init__(
        self,
        name: str,
        *,
        local: Endpoint,
        control: Endpoint,
        mrfp: Endpoint,
        settings: Settings,
        source: Source,
        keys: Iterable[tuple[str, Agreed]] = (),
        tickets: Tickets | None = None,
        coding: Coding = "pretty",
        transport: Transport = "udp",
        first_id: int = 1001,
        looks: bool = False,
    ) -> None:
        self.name = name
        self._mrfp = mrfp
        self._procedures = Procedures()
        self._conferences = Conferences(settings.conferences)
        self._sip = Signalling(local, source, self._procedures, self._obey)
        self._engine = Engine(
            Association(control, mrfp, coding=coding, transport=transport, first_id=first_id, looks=looks),
            self._procedures, self._told)
        self._questions = Questions(local.host, source, self._procedures)
        ticketed = None if tickets is None else Ticketed(tickets, self._questions, source)
        # In binary, names of terminations are octets of the gateway's own choice.
        self._joining = Joining(
            settings, self._conferences, self._sip, self._engine, self._procedures, source, Configured(keys, ticketed),
            named=coding != "binary")
        self._inviting = Inviting(self._joining, source)

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening."""
        self._sip.now = self._questions.now = now
        self._engine.at(now)
        match happened:
            case Started():
                return [BindDatagrams(self._sip.local), *self._engine.handle(happened, now)]
            case _ if self._engine.concerns(happened):
                return self._engine.handle(happened, now)
            case Asked(order=CallOut() as order):
                return self._procedures.start(self._inviting.call(order), now)
            case _ if self._questions.concerns(happened):
                return self._questions.handle(happened)
            case DatagramReceived(local=local, remote=remote, data=data) if local == self._sip.local:
                return self._sip.receive(data, remote)
            case Woke():
                return self._engine.wake(now) + self._sip.wake() + self._procedures.wake(now)
        return [Drop(happened, "nothing here is concerned")]

    def next_wakeup(self) -> float | None:
        """The first timer of SIP, H.248 or a procedure."""
        return earliest([self._engine.next_wakeup(), self._procedures.next_wakeup(), self._sip.next_wakeup()])

    def figures(self) -> dict[str, dict[str, float]]:
        """Figures by name, for those who run it."""
        return {"participants": {"": len(self._conferences)}, "registered": {"": int(self._engine.in_service)},
                **{name: {"": total} for name, total in self._engine.association.totals.items()}}

    def lacks(self) -> str:
        """What the controller waits for, and what to check; empty: nothing."""
        if self._engine.in_service:
            return ""
        return (f"no MRFP has registered yet, so calls are refused. Check that {self._mrfp} runs, and has "
                f"{self._engine.association.control} as its controller, with the same coding and transport")

    def _obey(self, key: str, request: sip.Request, source: sip.Address) -> Steps:
        if request.method == "CANCEL":
            yield from self._joining.cancelled(key, request)
        elif request.to_tag:
            yield from self._inside(key, request)
        elif request.method == "INVITE":
            yield from self._joining.invited(key, request, source)
        elif request.method == "BYE":
            yield from self._sip.refuse(key, request, 481, "no such call")
        else:
            yield from self._sip.not_done(key, request)

    def _inside(self, key: str, request: sip.Request) -> Steps:
        """A request inside a dialog (RFC 3261 §12.2.2)."""
        found = self._conferences.of_dialog(request)
        if found is None:
            yield from self._sip.refuse(key, request, 481, "no such call")
            return
        room, who = found
        assert who.dialog is not None
        try:
            who.dialog = who.dialog.received(request)
        except PeerError as error:
            yield from self._sip.refuse(key, request, 500, str(error))
            return
        if request.method == "BYE":
            yield from self._joining.left(room, who, key, request)
        elif request.method == "INVITE":
            yield from self._sip.refuse(key, request, 488, "a conference's stream is not changed here")
        else:
            yield from self._sip.not_done(key, request)

    def _told(self, event: Told, now: float) -> list[Command]:
        """What the MRFP says unasked: a connection that failed or is gone ends its leg."""
        match event:
            case Changed(meaning=Meaning.BACK | Meaning.TAKEN_OVER as meaning):
                return [Note(meaning), *self._procedures.start(self._recover(), now), *self._waited(now)]
            case Changed(meaning=meaning, reason=reason):
                commands: list[Command] = [Note(f"{meaning} {reason}".rstrip())]
                forgotten = self._procedures.start(self._joining.forget(), now) if meaning in _ANEW else []
                return [*commands, *forgotten, *self._waited(now)]
            case Said(indication=indication) if ends_bearer(indication):
                at = indication if isinstance(indication, ServiceChanged) else indication.at
                return [command for room, who in self._conferences.at(at.context, at.termination)
                        for command in self._procedures.start(self._joining.over(
                            room, who, "the MRFP reports that the connection failed or is gone"), now)]
            case Said(indication=FloorDecided(at=at, stream=stream, decided=decided)) if decided is not None:
                return self._procedures.start(self._joining.decided(at, stream, decided), now)
            case Stray(context=context, termination=termination):
                return self._procedures.start(self._joining.let_go(context, termination), now)
        return []

    def _waited(self, now: float) -> list[Command]:
        """Calls that waited until there is an MRFP."""
        orders = self._inviting.waiting() if self._engine.in_service else []
        return [command for order in orders for command in self._procedures.start(self._inviting.call(order), now)]

    def _recover(self) -> Steps:
        """What the MRFP has brought is compared with the conferences: what either has alone is given up."""
        gone = yield from recovering.recovered(
            self._engine, self._conferences.contexts, lambda: not len(self._conferences))
        for context in sorted(gone):
            yield from self._joining.forget(context)
