"""The node: what arrives goes to SIP or to H.248, and starts or wakes procedures.

Source: TS 23.334 §5.11, §5.16, §5.19; TS 24.229 §5.2, §6.7.2; RFC 3261.
"""

from __future__ import annotations

from collections.abc import Mapping

from workbench.net.values import (
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
from workbench.nodes.controller.indications import ServiceChanged, ends_bearer
from workbench.nodes.ims_alg import releasing, sessions
from workbench.nodes.ims_alg.calls import ACCESS, CORE, Call, Calls, Registration, Rejected
from workbench.nodes.ims_alg.edge import Edge
from workbench.nodes.ims_alg.judging import MECHANISMS
from workbench.nodes.ims_alg.orders import IX_SIDES, Orders
from workbench.nodes.ims_alg.reoffers import dialog_after, reoffered
from workbench.nodes.ims_alg.settings import BidsDown, EndToEnd, Msrp, PlainAnswer, Settings, StartsTcp, Tcp
from workbench.nodes.ims_alg.signalling import Signalling
from workbench.nodes.procedure import Await, Procedures, Steps, earliest
from workbench.protocols import sdp, sip
from workbench.protocols.h248.coding import Coding
from workbench.protocols.h248.supervision import Changed, Meaning
from workbench.security.source import Source

_MOST_REGISTRATIONS = 10_000


class ImsAlg:
    """A P-CSCF with IMS-ALG function and one IMS-AGW.

    Args:
        access, core: SIP endpoints towards UEs and towards the core.
        control, gateway: H.248 endpoints of this controller and of its gateway.
        routes: SIP domain to the next hop beyond the core.
        strips, tcp, modifies_setup, narrows, starts_tcp, msrp, plain_answer, guards_e2e, refuses_downgrade,
            patience, end_to_end, annex_d, border, alters, bids_down: see `Settings`.
        coding: of H.248: text with long (`pretty`) or short (`compact`) tokens, or `binary`.
        transport: of H.248: `udp`, or `tcp`, where the gateway opens the connection.
        first_id: id of the first H.248 request; after a restart within LONG-TIMER it has to be another one.
        looks: it was started again, perhaps: it asks whether the gateway obeys it already, and has contexts of nobody.
    """

    def __init__(
        self,
        name: str,
        *,
        access: Endpoint,
        core: Endpoint,
        control: Endpoint,
        gateway: Endpoint,
        routes: Mapping[str, Endpoint],
        source: Source,
        strips: bool = True,
        tcp: Tcp = Tcp.AWARE,
        modifies_setup: bool = False,
        narrows: bool = False,
        starts_tcp: StartsTcp = StartsTcp.INTERLINKAGE,
        msrp: Msrp = Msrp.CEMA,
        plain_answer: PlainAnswer = PlainAnswer.RECONFIGURE,
        guards_e2e: bool = True,
        bfcp_tls: sdp.BfcpClient = sdp.BfcpClient.OFFERER,
        keeps_tls: bool = True,
        renews_dtls: bool = True,
        refuses_downgrade: bool = True,
        patience: float = 0.0,
        end_to_end: EndToEnd = EndToEnd.THROUGH,
        annex_d: bool = False,
        border: bool = False,
        alters: str = "",
        bids_down: BidsDown = BidsDown.NO,
        coding: Coding = "pretty",
        transport: Transport = "udp",
        first_id: int = 1001,
        looks: bool = False,
    ) -> None:
        self.name = name
        self._gateway = gateway
        self._procedures = Procedures()
        self._calls = Calls()
        locals_ = {ACCESS: access, CORE: core}
        self._sip = Signalling(locals_, source, self._procedures, self._calls, self._obey)
        self._engine = Engine(
            Association(control, gateway, coding=coding, transport=transport, first_id=first_id, looks=looks),
            self._procedures, self._told)
        # In binary, names of terminations are octets of the gateway's own choice; the realm says which side it is.
        orders = Orders(
            self._engine, {side: local.version for side, local in locals_.items()}, named=coding != "binary",
            bfcp_tls=bfcp_tls, sides=IX_SIDES if border else None)
        settings = Settings(
            strips, tcp, modifies_setup, narrows, starts_tcp, msrp, plain_answer, guards_e2e,
            bfcp_tls, keeps_tls, renews_dtls, refuses_downgrade, patience, end_to_end, annex_d, border, alters,
            bids_down)
        self._edge = Edge(settings, source, self._procedures, self._calls, self._sip, orders, routes)
        self._registrar = sip.registration.Registrar(
            realm="home.example", mechanisms=MECHANISMS, token=source.token,
            password=lambda uri: f"secret of {uri}")

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening."""
        self._sip.now = now
        self._engine.at(now)
        match happened:
            case Started():
                bound: list[Command] = [BindDatagrams(local) for local in self._sip.locals.values()]
                return bound + self._engine.handle(happened, now)
            case _ if self._engine.concerns(happened):
                return self._engine.handle(happened, now)
            case DatagramReceived(local=local, remote=remote, data=data):
                side = self._sip.side_of(local)
                if side is not None:
                    return self._sip.receive(side, data, remote)
            case Woke():
                return self._engine.wake(now) + self._sip.wake() + self._procedures.wake(now)
        return [Drop(happened, "nothing here is concerned")]

    def next_wakeup(self) -> float | None:
        """The first timer of SIP, H.248 or a procedure."""
        return earliest([self._engine.next_wakeup(), self._procedures.next_wakeup(), self._sip.next_wakeup()])

    def figures(self) -> dict[str, dict[str, float]]:
        """Figures by name, for those who run it."""
        return {"calls": {"": len(self._calls)}, "registrations": {"": len(self._edge.registrations)},
                "registered": {"": int(self._engine.in_service)},
                **{name: {"": total} for name, total in self._engine.association.totals.items()}}

    def lacks(self) -> str:
        """What the controller waits for, and what to check; empty: nothing."""
        if self._engine.in_service:
            return ""
        return (f"no gateway has registered yet, so calls are refused. Check that {self._gateway} runs, and has "
                f"{self._engine.association.control} as its controller, with the same coding and transport")

    # What SIP asks for

    def _obey(self, side: str, key: str, request: sip.Request, source: sip.Address) -> Steps:
        if request.method == "REGISTER" and side == ACCESS and not self._edge.settings.border:
            yield from self._register(key, request, source)
        elif request.method == "CANCEL":
            yield from releasing.cancelled(self._edge, side, key, request)
        elif request.to_tag:
            yield from self._inside(side, key, request)
        elif request.method == "INVITE":
            yield from sessions.invited(self._edge, side, key, request, source)
        elif request.method == "BYE":
            yield from self._sip.refuse(side, key, request, 481, "no such call")
        else:
            yield from self._sip.not_done(side, key, request)

    def _inside(self, side: str, key: str, request: sip.Request) -> Steps:
        """A request inside a dialog (RFC 3261 §12.2.2)."""
        found = self._calls.find(side, request)
        if found is None:
            # BYE that crossed ours, or that was sent again behind its answer.
            crossed = request.method == "BYE" and self._calls.has_ended(side, request, self._sip.now)
            if crossed:
                yield from self._sip.reply(side, key, sip.response(request, 200, "OK"), "the call is over already")
            else:
                yield from self._sip.refuse(side, key, request, 481, "no such call")
            return
        call, leg = found
        wrong = dialog_after(leg, request)
        if wrong is not None:
            yield from self._sip.refuse(side, key, request, 500, str(wrong))
        elif request.method == "BYE":
            yield from releasing.released(self._edge, call, leg, key, request)
        elif request.method == "INVITE":
            yield from reoffered(self._edge, call, leg, key, request)
        else:
            yield from self._sip.not_done(side, key, request)

    def _register(self, key: str, request: sip.Request, source: sip.Address) -> Steps:
        """REGISTER: challenge with what the network can do, then accept what both sides can (RFC 3329, `mediasec`)."""
        response, accepted = self._registrar.answer(request)
        registrations = self._edge.registrations
        if accepted is not None and accepted.expires == 0:
            registrations.pop(sip.uri_key(accepted.uri), None)
        elif accepted is not None and len(registrations) >= _MOST_REGISTRATIONS and (
                sip.uri_key(accepted.uri) not in registrations):
            yield from self._sip.refuse(ACCESS, key, request, 503, f"{_MOST_REGISTRATIONS} UEs are registered")
            return
        elif accepted is not None:
            registrations[sip.uri_key(accepted.uri)] = Registration(
                accepted.uri, accepted.contact, source, accepted.mechanisms,
                sip.registration.opens_too(request))
        yield from self._sip.reply(ACCESS, key, response, "registration [TS 24.229 §5.2.2, RFC 3329]")

    # What the gateway tells

    def _told(self, event: Told, now: float) -> list[Command]:
        """What the gateway says unasked: bearers that failed or are gone end their call; so does the gateway's end."""
        match event:
            case Changed(meaning=Meaning.BEGUN | Meaning.LEFT | Meaning.HANDED_OFF as meaning):
                # Contexts of before are gone; a call that still has one can't go on.
                return [Note(meaning), *self._lost(None)]
            case Changed(meaning=Meaning.BACK | Meaning.TAKEN_OVER as meaning):
                return [Note(meaning), *self._procedures.start(self._recover(), now)]
            case Changed(meaning=meaning, reason=reason):
                return [Note(f"{meaning} {reason}".rstrip())]
            case Said(indication=indication) if ends_bearer(indication):
                return self._lost(indication.context if isinstance(indication, ServiceChanged)
                                  else indication.at.context)
            case Stray(context=context, termination=termination):
                return self._procedures.start(self._edge.iq.release_stray(context, termination), now)
        return []

    def _recover(self) -> Steps:
        """What the gateway has brought is compared with the calls: what either has alone is given up."""
        gone = yield from recovering.recovered(self._engine, self._contexts, lambda: not len(self._calls))
        for context in sorted(gone):
            yield from self._lost(context)

    def _contexts(self) -> set[int]:
        return {anchor.context for call in self._calls for anchor in (call.anchor, call.coming)
                if anchor is not None and anchor.context is not None}

    def _lost(self, context: int | None) -> list[Command]:
        """A context is gone, or with None all are: its call ends, unless the stream is being replaced."""
        commands: list[Command] = []
        for call in self._calls:
            for anchor in (call.anchor, call.coming):
                if anchor is None or anchor.context is None or context not in (None, anchor.context):
                    continue
                anchor.lost = True
                if anchor is call.coming or call.coming is None:
                    commands += self._procedures.start(self._bearer_lost(call, anchor is call.anchor), self._sip.now)
        return commands

    def _bearer_lost(self, call: Call, in_place: bool) -> Steps:
        """A stream in place ends its call; of one that is being set up, the offer is refused."""
        if in_place:
            yield from self._waited(call)
        else:
            yield from releasing.withdraw(
                self._edge, call, Rejected(503, "the gateway reports that the bearer failed"))

    def _waited(self, call: Call) -> Steps:
        """Release the call, unless somebody makes a new connection in time (RFC 4145 §5: by a new offer)."""
        gone, patience = call.anchor, self._edge.settings.patience
        if patience:
            yield Note(f"the bearer is gone; a new offer may come within {patience:g} s")
            yield Await((("never",),), patience)
            if call.anchor is not gone or call.exchange is not None:
                return      # an offer that is under way decides it: if it fails, the call ends
        yield from releasing.lost(self._edge, call)
