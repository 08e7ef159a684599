"""A re-offer inside a call: held against what is in place; only what is new is ordered.

| The re-offer | The gateway gets |
|---|---|
| the same connection, another address of a peer | Configure AGW Connection Point |
| the same connection, another direction (hold) | Change Through-Connection |
| the same connection, nothing else that concerns it | nothing |
| a new connection, or a stream of another kind | a stream reserved anew; the former one is released once the new one \
is agreed |
| a new DTLS association of a fax | Configure AGW Connection Point of its leg, with what the new one is known by |
| no stream any more (port 0) | Release AGW Termination |
| one that is refused | nothing: all stays as it was |

Whether a connection is new is said by `a=connection` on both sides (RFC 4145 §5.1). With MSRP that attribute has no
meaning (RFC 6135 §4.3): there a new a=path of either side asks for one (RFC 4975 §8.1). 3GPP's examples write
`a=connection` with MSRP as well; where path and port change together with it, both readings agree. Of a fax it is its
DTLS association that goes on or not: see `associations`.

Source: RFC 3264 §8, RFC 3261 §14; TS 23.334 §6.2.1; scenario A9 and rules R-S6-1 to R-S6-5 of the stage-2 digest.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import msgspec

from workbench.errors import PeerError
from workbench.net.values import Command
from workbench.nodes.controller.elements import Latching
from workbench.nodes.ims_alg import associations, judging, msrp_paths, releasing, rewriting, roles
from workbench.nodes.ims_alg.calls import ACCESS, Anchor, Call, End, Exchange, Leg, Rejected, Said, Treatment
from workbench.nodes.ims_alg.edge import Edge
from workbench.nodes.ims_alg.exchange import Establishment, acknowledged, answered, asked, started
from workbench.nodes.ims_alg.orders import through
from workbench.nodes.ims_alg.roles import Served, Situation
from workbench.nodes.ims_alg.settings import Msrp
from workbench.nodes.procedure import Await, Steps
from workbench.protocols import sdp, sip

Wait = Generator[Command | Await, Any, None]
_CLAUSE = "[RFC 3264 §8]"
_NAMES_OF_TLS: tuple[Callable[[sdp.Media], Any], ...] = (
    lambda media: media.fingerprints, lambda media: media.attribute("tls-id"))


def reoffered(edge: Edge, call: Call, leg: Leg, key: str, invite: sip.Request) -> Steps:
    """A re-INVITE: refused where another offer is on its way, else carried to the other side."""
    if call.exchange is not None:
        yield from _too_early(edge, call.exchange, leg, key, invite)
        return
    call.exchange = Exchange(leg, f"{leg.side}/{key}")
    former = call.anchor
    try:
        offer = judging.said(invite.body, beside=True)
        yield from _carried(edge, call, leg, key, invite, offer)
    except Rejected as rejected:
        yield from edge.sip.reject(leg.side, key, invite, "", rejected)
        yield from _stays(edge, call, leg, rejected)
        return
    if call.anchor is not former:
        # Beside this procedure: the ACK may come before the gateway's reply.
        yield from edge.procedures.start(edge.iq.release(former), edge.sip.now)
    if (yield from acknowledged(edge, call, key)) and call.anchor is not None and call.anchor is not former:
        yield from started(edge, call, call.anchor)


def _too_early(edge: Edge, exchange: Exchange, leg: Leg, key: str, invite: sip.Request) -> Steps:
    """RFC 3261 §14.2: 491 where our own offer to this side waits for its answer, 500 where its former one does."""
    if exchange.offerer is leg:
        yield from edge.sip.refuse(
            leg.side, key, invite, 500, "the former offer waits for its answer [RFC 3261 §14.2]",
            [("Retry-After", "5")])
    else:
        yield from edge.sip.refuse(leg.side, key, invite, 491, "an offer to this side is on its way [RFC 3261 §14.2]")


def _stays(edge: Edge, call: Call, leg: Leg, rejected: Rejected) -> Steps:
    """A refused re-offer leaves everything as it was; unless the answerer accepted it already, or has lost the call."""
    call.exchange = None
    coming, call.coming = call.coming, None
    yield from edge.iq.release(coming)
    gone = rejected.status in (408, 481)                            # RFC 3261 §12.2.1.2
    if gone or call.other(leg).owes_ack or (call.anchor is not None and call.anchor.lost):
        yield from releasing.over(edge, call, f"the call can't go on: {rejected.why}", rejected.why)


def _carried(edge: Edge, call: Call, leg: Leg, key: str, invite: sip.Request, offer: Said) -> Wait:
    """The offer goes on, and its answer back. Raises Rejected."""
    answerer = call.other(leg)
    if offer.media.rejected:
        yield from _taken_out(edge, call, answerer, key, invite, offer)
    elif call.anchor is None or _is_another(call, call.anchor, leg, offer):
        yield from _established(edge, call, answerer, key, invite, offer)
    else:
        yield from _kept(edge, call, call.anchor, answerer, key, invite, offer)


def _established(edge: Edge, call: Call, answerer: Leg, key: str, invite: sip.Request, offer: Said) -> Wait:
    """A genuinely new connection: as in a new call, with new addresses; what is in place is not touched."""
    establishment = Establishment(edge, call, answerer, invite, key, "", offer)
    call.coming = establishment.anchor
    row = yield from establishment.run()
    call.coming, call.anchor = None, establishment.anchor if row is not None else None


def _taken_out(edge: Edge, call: Call, answerer: Leg, key: str, invite: sip.Request, offer: Said) -> Wait:
    """Port 0: the stream is removed on the other side, then at the gateway (RFC 3264 §8.2)."""
    body = _removed(edge, call, answerer, offer)
    response = yield from asked(edge, call, answerer, invite, key, "", body, f"the stream is taken out {_CLAUSE}")
    answer = judging.said(response.body, beside=True)
    if not answer.media.rejected:
        raise Rejected(502, "a port answers port 0 [RFC 3264 §6]")
    call.anchor = None
    back = _removed(edge, call, call.other(answerer), answer)
    yield from answered(edge, call, invite, key, "", back, f"the stream is out {_CLAUSE}")


def _kept(
    edge: Edge, call: Call, anchor: Anchor, answerer: Leg, key: str, invite: sip.Request, offer: Said,
) -> Wait:
    """The connection stays: addresses and directions may change. An answer may still ask for a new one (RFC 4145)."""
    near, far = anchor.ends[call.other(answerer).side], anchor.ends[answerer.side]
    _check_same(near, offer)
    judging.check_role(offer)
    if anchor.datagrams and anchor.tls_id and not edge.settings.keeps_tls:
        anchor.tls_id = associations.new_tls_id(edge)
    forwarded = _sent_on(edge, anchor, far, offer, is_offer=True)
    response = yield from asked(
        edge, call, answerer, invite, key, "", forwarded, f"re-offer of the same connection {_CLAUSE}")
    answer = judging.said(response.body, beside=True)
    if answer.media.rejected:
        call.anchor = None
        back = _removed(edge, call, call.other(answerer), answer)
        yield from answered(edge, call, invite, key, "", back, f"the stream was refused {_CLAUSE}")
        return
    judging.check_answer(forwarded.effective(forwarded.media[0]), answer, anchor.treatment)
    _check_same(far, answer)
    if anchor.datagrams:
        yield from _associated(edge, anchor, near, far, offer, answer)
    elif _asks_for_another(anchor, answerer, answer):
        yield from _renewed(edge, anchor, near, far, offer, answer)
    else:
        yield from _updated(edge, anchor, far, answer, offer)
        yield from _updated(edge, anchor, near, offer, answer)
        if anchor.treatment is Treatment.E2AE and not edge.settings.keeps_tls:
            anchor.answerer = far.side
            yield from edge.iq.start_tls_again(
                anchor, anchor.ends[ACCESS], "Establish TLS session, as if a re-offer said anew who begins")
    accepted = _sent_on(edge, anchor, near, answer, is_offer=False)
    yield from answered(edge, call, invite, key, "", accepted, f"answer to the re-offer {_CLAUSE}")


def _associated(edge: Edge, anchor: Anchor, near: End, far: End, offer: Said, answer: Said) -> Wait:
    """A fax: its DTLS association goes on, or the gateway is told of a new one; and what else is new."""
    ue = anchor.ends[ACCESS]
    said = offer if near is ue else answer
    renews = (edge.settings.renews_dtls and associations.asks_for_another(anchor, ACCESS, said)) or (
        associations.protects(anchor, ACCESS) and not edge.settings.keeps_tls)
    for end, peer, other in ((far, answer, offer), (near, offer, answer)):
        if end is ue and renews:
            row = associations.anew(edge, anchor, offer, answer, ue_offers=near is ue)
            edge.iq.settle(anchor, ue, row.offerer_leg if near is ue else row.answerer_leg, peer)
            ue.point = msgspec.structs.replace(
                ue.point, mode=through(anchor, peer, other), latching=edge.iq.latching(anchor, ACCESS))
            yield from edge.iq.configure(
                anchor, ue, f"Configure AGW Connection Point {ue.name}: a new DTLS association [RFC 8842 §3.1]")
        else:
            yield from _updated(edge, anchor, end, peer, other)


def _updated(edge: Edge, anchor: Anchor, end: End, peer: Said, other: Said) -> Wait:
    """What is new for one termination, and nothing else."""
    mode = through(anchor, peer, other)
    moved = peer.address != end.point.remote
    end.peer = peer
    if moved:
        latching = edge.iq.latching(anchor, end.side) if anchor.datagrams else Latching.OFF
        end.point = msgspec.structs.replace(end.point, remote=peer.address, mode=mode, latching=latching)
        yield from edge.iq.configure(
            anchor, end, f"Configure AGW Connection Point {end.name}: another address {_CLAUSE}")
    elif mode is not end.point.mode:
        yield from edge.iq.change_through_connection(
            end, mode, f"Change Through-Connection {end.name} [TS 23.334 §6.2.11]")


def _renewed(edge: Edge, anchor: Anchor, near: End, far: End, offer: Said, answer: Said) -> Wait:
    """Existing was offered and new answered (RFC 4145 §5.1): a new connection between the same addresses."""
    row = anchor.row
    if row is None or row.changed_for is None:
        asked_for = Situation(sdp.written_setup(offer.media), Served.OFFERER)
        row = roles.settled(asked_for, sdp.written_setup(answer.media))
    if row is None:
        raise Rejected(502, "the answer is not legal: a=setup [RFC 4145 §4.1]")
    anchor.row, anchor.answerer = row, far.side
    for end, peer, other, role in ((far, answer, offer, row.answerer_leg), (near, offer, answer, row.offerer_leg)):
        edge.iq.settle(anchor, end, role, peer)
        end.point = msgspec.structs.replace(end.point, renew=True, mode=through(anchor, peer, other))
        yield from edge.iq.configure(
            anchor, end, f"Configure AGW Connection Point {end.name}: a new connection [RFC 4145 §5.1]")


def _asks_for_another(anchor: Anchor, leg: Leg, said: Said) -> bool:
    """Whether a description asks for another connection than the one in place."""
    if anchor.datagrams:
        return False                                                # it has no connection
    before = anchor.ends[leg.side].peer
    assert before is not None
    protected = anchor.treatment is Treatment.E2AE and leg.side == ACCESS
    if protected and any(one(before.media) != one(said.media) for one in _NAMES_OF_TLS):
        return True                                                 # R-S6-4
    if sdp.is_msrp(said.media):
        return before.media.attribute("path") != said.media.attribute("path")
    return sdp.reuse_of(said.media) is sdp.Reuse.NEW


def _is_another(call: Call, anchor: Anchor, leg: Leg, offer: Said) -> bool:
    """Whether an offer asks for a stream of its own in place of the one that is there."""
    return anchor.lost or _changes_kind(anchor, leg, offer) or _falls_back(call, anchor, offer) or _asks_for_another(
        anchor, leg, offer)


def _changes_kind(anchor: Anchor, leg: Leg, offer: Said) -> bool:
    """Other media, or another application over them: a stream of its own, protected or not (R-6.2.10.4-14).

    A fax in clear that is to be protected is one, too; the other way round is a downgrade and none.
    """
    before = anchor.ends[leg.side].peer
    assert before is not None
    if _kind(before.media) != _kind(offer.media):
        return True
    return anchor.datagrams and judging.secured(offer.media) and not judging.secured(before.media)


def _kind(media: sdp.Media) -> tuple[str, str | None]:
    transport = sdp.transport_of(media.proto)
    return media.media, None if transport is None else transport.application


def _falls_back(call: Call, anchor: Anchor, offer: Said) -> bool:
    """The new offer of RFC 6714 §4.2, without the a=msrp-cema that was not answered: nothing of before can serve it."""
    without = sdp.is_msrp(offer.media) and offer.media.attribute(msrp_paths.CEMA) is None
    return call.plain_end and without and anchor.mode is not Msrp.AWARE


def _check_same(end: End, said: Said) -> None:
    """The transport of a connection that stays can't change."""
    assert end.peer is not None
    if end.peer.media.proto.casefold() != said.media.proto.casefold():
        raise Rejected(488, f"{said.media.proto} on a connection of {end.peer.media.proto}")


def _sent_on(edge: Edge, anchor: Anchor, end: End, said: Said, *, is_offer: bool) -> sdp.SessionDescription:
    """As for a new connection; where a=setup was changed, each peer goes on reading the gateway's role on its leg."""
    setup = sdp.written_setup(said.media)
    if anchor.datagrams:
        setup = associations.setup_in_place(anchor, end.side, is_offer=is_offer)
    elif setup is not None and anchor.row is not None and anchor.row.changed_for is not None:
        setup = sdp.Setup(end.point.setup or setup)
    return rewriting.sent_on(anchor, end, said, setup, is_offer=is_offer, strips=edge.settings.strips)


def _removed(edge: Edge, call: Call, leg: Leg, said: Said) -> sdp.SessionDescription:
    host = edge.sip.locals[leg.side].host
    return rewriting.removed(call.treatment, leg.side, said, host, strips=edge.settings.strips)


def dialog_after(leg: Leg, request: sip.Request) -> PeerError | None:
    """Take a request of a dialog: what is wrong with its CSeq, or None (RFC 3261 §12.2.2)."""
    assert leg.dialog is not None
    try:
        leg.dialog = leg.dialog.received(request)
    except PeerError as error:
        return error
    return None
