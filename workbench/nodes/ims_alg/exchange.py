"""One offer and its answer through the edge, and the connection that they set up through the gateway.

Reads like the numbered steps of TS 23.334: reserve towards the answerer, offer, answer, configure there, reserve and
configure towards the offerer, answer. In merge mode at the terminating side (§6.2.18.4) the offerer's side comes before
the offer. A first INVITE and a re-offer that asks for a new connection are the same here.

Source: TS 23.334 §6.2.10.3, §6.2.10A, §6.2.18.2 to §6.2.18.4; section 7.3 of the stage-2 digest.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import msgspec

from workbench.net.values import Command, Note
from workbench.nodes.ims_alg import associations, dtls_roles, judging, msrp_paths, releasing, rewriting, roles
from workbench.nodes.ims_alg.calls import ACCESS, Anchor, Call, End, Leg, Rejected, Said, Treatment
from workbench.nodes.ims_alg.edge import Edge
from workbench.nodes.ims_alg.orders import OPEN, is_bfcp, protected, through
from workbench.nodes.ims_alg.roles import Row, Served, Situation
from workbench.nodes.ims_alg.settings import BidsDown, Msrp, StartsTcp, Tcp
from workbench.nodes.procedure import Await, Steps
from workbench.protocols import sdp, sip
from workbench.protocols.h248.message import Mode

_LATE_SECONDS = 180.0

Wait = Generator[Command | Await, Any, None]


class Establishment:
    """An exchange that sets up a connection.

    Args:
        call: with its `exchange`.
        answerer: who gets the offer onwards; `uri` is the Request-URI there, None: as received.
        invite, key, tag: the offerer's INVITE, its transaction, and our To tag.
    """

    def __init__(
        self, edge: Edge, call: Call, answerer: Leg, invite: sip.Request, key: str, tag: str, offer: Said,
        uri: str | None = None,
    ) -> None:
        self._edge, self._call, self._offer = edge, call, offer
        self._offerer, self._answerer = call.other(answerer), answerer
        self._invite, self._key, self._tag, self._uri = invite, key, tag, uri
        settings = edge.settings
        self._point = f"{edge.iq.sides.gateway} Connection Point"
        self.situation, self.anchor = self._decide()
        self._guarded = settings.guards_e2e and self.anchor.treatment is Treatment.E2E
        self._prepared = roles.prepared(self.situation)
        self._steps = _steps(self.situation, self.anchor, offer.media, merged=self._prepared is not None)

    def _decide(self) -> tuple[Situation, Anchor]:
        """Treatment, NAT, MSRP mode and TCP handling of the offered stream. Raises Rejected."""
        settings, media = self._edge.settings, self._offer.media
        registration = self._edge.registrations.get(self._call.served)
        served = Served.OFFERER if self._offerer.side == ACCESS else Served.ANSWERER
        treatment = (judging.from_ue if served is Served.OFFERER else judging.from_core)(media, registration)
        if treatment is Treatment.E2E:
            treatment = judging.end_to_end(settings, media, registration, served)
            judging.check_border(settings, media)
        nat = not settings.border and judging.behind_nat(
            registration, self._call.access, self._offer if served is Served.OFFERER else None)
        mode = msrp_paths.mode_of(settings, treatment, media, plain_end=self._call.plain_end)
        # TLS that ends here, and MSRP that is rewritten, need a connection of its own on each leg (R-5.16.1-6).
        fax, sound = dtls_roles.is_fax(media), dtls_roles.is_sound(media)
        aware = not (fax or sound) and (settings.tcp is Tcp.AWARE or treatment.protects(ACCESS) or mode is Msrp.AWARE)
        situation = Situation(
            sdp.written_setup(media), served, nat, settings.modifies_setup, aware,
            treatment is Treatment.E2E and settings.guards_e2e, settings.narrows,
            settings.annex_d and registration is not None and registration.opens_too)
        # Of DTLS always; of TLS where the UE has named its own.
        named = treatment is Treatment.E2AE and (fax or media.attribute("tls-id") is not None)
        return situation, Anchor(
            treatment, mode, aware, nat, {}, answerer=self._answerer.side, datagrams=fax or sound, opaque=sound,
            tls_id=associations.new_tls_id(self._edge) if named else "",
            tells_tls_id=served is Served.ANSWERER or media.attribute("tls-id") is not None)

    def run(self) -> Generator[Command | Await, Any, Row | None]:
        """Carry it out. Gives the row of the role matrix; None where the answerer refused the stream (port 0).

        Raises:
            Rejected: it can't be; what was reserved is still the anchor's.
        """
        judging.check_offer(self.situation, self._offer, self._call.access, guarded=self._guarded)
        far, near = yield from self._make_ready()
        answer = yield from self._ask(far)
        self._call.treatment = self.anchor.treatment
        if answer.media.rejected:
            yield from self._refused(answer)
            return None
        row = self._settle(answer, far)
        yield from self._configure_far(far, row, answer)
        yield from self._complete_near(near, row, answer)
        back = self._sent_on(near, answer, row.returned, is_offer=False)
        yield from self._answer(back, f"{self._steps.answer}: {_answer(self.anchor, near)} {self._steps.clause}")
        return row

    # Steps

    def _make_ready(self) -> Generator[Command | Await, Any, tuple[End, End]]:
        """Before the offer goes on: the answerer's termination, and in a certain merge the offerer's."""
        merged = None if self._prepared is None else self._prepared.answerer_leg
        offer, role = self._offer.media, merged or self._forwarded() or sdp.Setup.ACTIVE
        far = self._edge.iq.first(self.anchor, self._answerer.side, offer, role)
        yield from self._order(self._edge.iq.reserve(
            self.anchor, far, f"{self._steps.reserve}: Reserve {self._point} {far.name} {self._steps.clause}"))
        self._name(far)
        near = self._edge.iq.first(self.anchor, self._offerer.side, offer, None)
        if self._prepared is not None:
            yield from self._reserve_near(near, self._prepared.offerer_leg, OPEN)
        return far, near

    def _forwarded(self) -> sdp.Setup | None:
        if self.anchor.datagrams:
            return dtls_roles.forwarded(self.situation, protected=self.anchor.treatment is Treatment.E2AE)
        return roles.forwarded(self.situation)

    def _ask(self, far: End) -> Generator[Command | Await, Any, Said]:
        """The offer goes on; its answer, as far as it can be used at all."""
        offer = self._sent_on(far, self._offer, self._forwarded(), is_offer=True)
        response = yield from asked(
            self._edge, self._call, self._answerer, self._invite, self._key, self._tag, offer,
            f"{self._steps.offer}: {_offer(self.anchor, far)} {self._steps.clause}", self._uri)
        answer = judging.said(response.body, beside=True)
        forwarded = offer.effective(offer.media[0])
        if self._edge.settings.refuses_downgrade or self.anchor.treatment is not Treatment.E2AE:
            judging.check_answer(forwarded, answer, self.anchor.treatment)
        elif judging.secured(forwarded) and not judging.secured(answer.media):
            self.anchor.treatment = Treatment.PLAIN
            far.point = msgspec.structs.replace(far.point, fingerprint="", watch_tls=False)
        return answer

    def _configure_far(self, far: End, row: Row, answer: Said) -> Wait:
        self._edge.iq.settle(self.anchor, far, row.answerer_leg, answer)
        far.point = msgspec.structs.replace(far.point, mode=through(self.anchor, answer, self._offer))
        yield from self._order(self._edge.iq.configure(
            self.anchor, far, f"{self._steps.configure}: Configure {self._point} {far.name} "
                              f"{self._steps.clause}"))

    def _complete_near(self, near: End, row: Row, answer: Said) -> Wait:
        """The offerer's termination as the answer has it: reserved now, or what is new since it was prepared."""
        mode = through(self.anchor, self._offer, answer)
        if self._prepared is None:
            yield from self._reserve_near(near, row.offerer_leg, mode)
        else:
            self._edge.iq.settle(self.anchor, near, row.offerer_leg, self._offer)
            if near.point.mode is not mode:
                yield from self._order(self._edge.iq.change_through_connection(
                    near, mode, f"Change Through-Connection {near.name} [TS 23.334 §6.2.11]"))
        self._name(near)
        yield from self._order(self._edge.iq.advertise(
            self.anchor, near, f"{self._steps.second}: MSRP path of {near.name} [TS 23.334 §5.19.4]"))

    def _reserve_near(self, near: End, role: sdp.Setup | None, mode: Mode) -> Wait:
        self._edge.iq.settle(self.anchor, near, role, self._offer)
        near.point = msgspec.structs.replace(near.point, mode=mode)
        yield from self._order(self._edge.iq.reserve(
            self.anchor, near, f"{self._steps.second}: Reserve and Configure {self._point} {near.name} "
                               f"{self._steps.clause}"))

    def _settle(self, answer: Said, far: End) -> Row:
        """What the answer leads to: the row of the role matrix, and whether the gateway interworks MSRP after all."""
        row = judging.row_of(self.situation, self._offer, answer, self._call.access, guarded=self._guarded)
        self.anchor.row = row
        offer, mode = self._offer.media, self.anchor.mode
        refused = msrp_paths.cema_refused(mode, offer, answer.media)
        self._call.plain_end = self._call.plain_end if refused is None else refused
        if msrp_paths.turns_aware(self._edge.settings, mode, offer, answer.media):
            # The answerer was given the offerer's own path: that is what its requests will name.
            self.anchor.mode, self.anchor.state_aware = Msrp.AWARE, True
            far.path = offer.attribute("path") or ""
        return row

    def _name(self, end: End) -> None:
        """The gateway's own URI on a leg, in application-aware interworking."""
        if self.anchor.mode is Msrp.AWARE and not end.path:
            secure = protected(self.anchor, end.side, self._offer.media)
            end.path = msrp_paths.own_path(end.local, self._edge.source.token(16), secure=secure)

    def _sent_on(
        self, end: End, said: Said, setup: sdp.Setup | None, *, is_offer: bool,
    ) -> sdp.SessionDescription:
        settings = self._edge.settings
        described = rewriting.sent_on(self.anchor, end, said, setup, is_offer=is_offer, strips=settings.strips)
        if is_offer and settings.bids_down is not BidsDown.NO:
            described = rewriting.bid_down(described, settings.bids_down)
        return rewriting.altered(described, settings.alters) if settings.alters else described

    def _order(self, order: Wait) -> Wait:
        """An order to the gateway; afterwards the offer may have been withdrawn."""
        yield from order
        _check(self._call)

    def _refused(self, answer: Said) -> Steps:
        """The answerer refused the stream (port 0): so does our answer; nothing stays reserved."""
        yield from self._edge.iq.release(self.anchor)
        side = self._offerer.side
        back = rewriting.removed(
            self.anchor.treatment, side, answer, self._edge.sip.locals[side].host, strips=self._edge.settings.strips)
        yield from self._answer(back, "the stream was refused [RFC 3264 §6]")

    def _answer(self, description: sdp.SessionDescription, why: str) -> Steps:
        yield from answered(
            self._edge, self._call, self._invite, self._key, self._tag, description, why)


# SIP's part, which other exchanges have as well

def asked(
    edge: Edge, call: Call, answerer: Leg, invite: sip.Request, key: str, tag: str,
    description: sdp.SessionDescription, why: str, uri: str | None = None,
) -> Generator[Command | Await, Any, sip.Response]:
    """Hand an offer on and wait for its 2xx; provisional answers go back.

    Raises:
        Rejected: it was refused, nobody answered, or the offer was withdrawn (then it is cancelled onwards).
    """
    exchange, offerer = call.exchange, call.other(answerer)
    assert exchange is not None
    _check(call)
    request, onward = yield from edge.sip.invite(answerer, invite, _told(answerer, description), why, uri)
    while True:
        response = yield Await((("sip", onward), ("exchange", exchange.key)))
        if exchange.withdrawn is not None:
            steps = _abandoned(edge, call, answerer, request, onward, response)
            yield from edge.procedures.start(steps, edge.sip.now)
            raise exchange.withdrawn
        if not isinstance(response, sip.Response):
            raise Rejected(408, "nobody answered")
        if response.status >= 300:
            raise Rejected(response.status, "the other end refused", reason=response.reason,
                           warning=response.headers.get("Warning") or "")
        if response.status >= 200:
            edge.sip.agreed(call, answerer, request, response)
            return response
        if response.status > 100:
            ringing = sip.response(
                invite, response.status, response.reason, tag, contact=edge.sip.contact(offerer.side))
            yield from edge.sip.reply(offerer.side, key, ringing, "provisional response passed on")


def answered(
    edge: Edge, call: Call, invite: sip.Request, key: str, tag: str, description: sdp.SessionDescription, why: str,
) -> Steps:
    """The answer goes back to the offerer. Raises Rejected: the offer was withdrawn meanwhile."""
    _check(call)
    exchange = call.exchange
    assert exchange is not None
    offerer = exchange.offerer
    body = _told(offerer, description)
    accepted = sip.response(invite, 200, "OK", tag, contact=edge.sip.contact(offerer.side), body=body)
    if offerer.dialog is None:
        edge.calls.begin(call, offerer, sip.Dialog.of_callee(invite, accepted))
    exchange.answered = True
    yield from edge.sip.reply(offerer.side, key, accepted, why)


def _told(leg: Leg, description: sdp.SessionDescription) -> bytes:
    """The description as it goes out on a leg."""
    leg.told = rewriting.versioned(leg.told, description)
    return sdp.encode(leg.told)


def acknowledged(edge: Edge, call: Call, key: str) -> Generator[Command | Await, Any, bool]:
    """The offerer's ACK is followed by ours to the answerer; without one the call is over (RFC 3261 §13.3.1)."""
    exchange = call.exchange
    assert exchange is not None
    came = yield Await((("ack", key),))
    call.exchange = None
    if call.over:
        return False
    yield from edge.sip.ack(call.other(exchange.offerer), "ACK passed on")
    if came is None:
        yield from releasing.over(edge, call, "no ACK came: BYE", "no ACK came")
    return came is not None


def started(edge: Edge, call: Call, anchor: Anchor) -> Steps:
    """Establish TCP connection where an order has to: once both peers have offer and answer (R-5.16.2.2-5)."""
    if edge.settings.starts_tcp is not StartsTcp.SIGNAL or not anchor.state_aware or call.anchor is not anchor:
        return
    try:
        for end in anchor.ends.values():
            if end.point.setup is sdp.Setup.ACTIVE:
                yield from edge.iq.start_tcp(
                    anchor, end, f"Establish TCP connection at {end.name} [TS 23.334 §5.16.2.2]")
    except Rejected as rejected:
        yield Note(f"TCP can't be started: {rejected.why}")
        yield from releasing.over(edge, call, "TCP could not be started: the session is released", rejected.why)


def _abandoned(edge: Edge, call: Call, leg: Leg, request: sip.Request, key: str, response: Any) -> Steps:
    """CANCEL an INVITE of ours, as soon as it may be (RFC 3261 §9.1); a faster 2xx is ended with BYE."""
    sent = False
    while True:
        sent = sent or (yield from edge.sip.cancel(leg, key))
        if isinstance(response, sip.Response) and 200 <= response.status < 300:
            edge.sip.agreed(call, leg, request, response)
            yield from edge.sip.bye(leg, "the answer came too late: BYE")
            # Inside a call the two halves don't agree any more.
            yield from releasing.over(edge, call, "the halves of the call differ: BYE", "the answer came too late")
            return
        if isinstance(response, sip.Response) and response.status >= 300:
            return
        response = yield Await((("sip", key),), _LATE_SECONDS)
        if response is None:
            return


def _check(call: Call) -> None:
    if call.exchange is not None and call.exchange.withdrawn is not None:
        raise call.exchange.withdrawn


# What the steps are called

class _Steps(msgspec.Struct, frozen=True):
    """Numbers of the steps in the call flow, and its clause."""

    clause: str
    reserve: str = "steps 2-4"
    offer: str = "steps 5-6"
    configure: str = "steps 8-10"
    second: str = "steps 11-13"
    answer: str = "steps 14-15"


def _steps(situation: Situation, anchor: Anchor, media: sdp.Media, *, merged: bool) -> _Steps:
    served_offers = situation.served is Served.OFFERER
    if merged:
        return _Steps("[TS 23.334 §6.2.18.4]", offer="step 8", configure="steps 10-12", second="steps 5-7",
                      answer="step 13")
    match anchor.treatment:
        case Treatment.E2AE:
            bfcp = is_bfcp(media)
            clause = "6.2.10.4" if anchor.datagrams else f"6.2.10.3.{2 if bfcp else 1}.{1 if served_offers else 2}.1"
        case Treatment.E2E | Treatment.B2BUA:
            clause = "6.2.10A"
        case Treatment.PLAIN:
            clause = "6.2.18.2" if not anchor.state_aware else "6.2.18.4" if situation.changes else "6.2.18.3"
            clause = "5.2" if anchor.datagrams else clause
    return _Steps(f"[TS 23.334 §{clause}]", answer="steps 14-15" if served_offers else "step 14")


def _offer(anchor: Anchor, far: End) -> str:
    if anchor.treatment is Treatment.B2BUA:
        return "offer with the gateway's address and fingerprint"
    if anchor.treatment is not Treatment.E2AE:
        return "offer with the gateway's address"
    return "offer with e2ae applied" if far.side == ACCESS else "offer without security"


def _answer(anchor: Anchor, near: End) -> str:
    if anchor.treatment is Treatment.B2BUA:
        return "answer with the gateway's address and fingerprint"
    if anchor.treatment is not Treatment.E2AE:
        return "answer with the gateway's address"
    return "answer with the gateway's fingerprint" if near.side == ACCESS else "answer without security"
