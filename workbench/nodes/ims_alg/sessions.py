"""A new INVITE: which UE this edge serves, where the call goes on, and the undoing where it can't.

Source: TS 24.229 §5.2.6, §6.7.2; TS 23.334 §6.2.1.
"""

from __future__ import annotations

from workbench.nodes.ims_alg import judging, releasing
from workbench.nodes.ims_alg.calls import ACCESS, CORE, Call, Exchange, Leg, Rejected
from workbench.nodes.ims_alg.edge import Edge
from workbench.nodes.ims_alg.exchange import Establishment, acknowledged, started
from workbench.nodes.procedure import Steps
from workbench.protocols import sip


def invited(edge: Edge, side: str, key: str, invite: sip.Request, source: sip.Address) -> Steps:
    """Set up a call between the access side and the core."""
    tag = edge.source.token(10)
    call: Call | None = None
    try:
        offer = judging.said(invite.body)
        if offer.media.rejected:
            raise Rejected(488, "the only stream has port 0")
        if not edge.iq.engine.in_service:
            raise Rejected(503, "the gateway has not registered")
        found, uri = _call(edge, side, invite, source)
        edge.calls.add(found)
        call = found
        answerer = call.core if side == ACCESS else call.access
        call.exchange = Exchange(call.other(answerer), f"{side}/{key}")
        establishment = Establishment(edge, call, answerer, invite, key, tag, offer, uri)
        call.coming = establishment.anchor
        row = yield from establishment.run()
    except Rejected as rejected:
        yield from edge.sip.reject(side, key, invite, tag, rejected)
        if call is not None:
            yield from releasing.over(edge, call, "the call could not be completed", rejected.why)
            yield from edge.iq.release(call.coming)
        return
    call.coming, call.anchor = None, establishment.anchor if row is not None else None
    if (yield from acknowledged(edge, call, key)) and call.anchor is not None:
        yield from started(edge, call, call.anchor)


def _call(edge: Edge, side: str, invite: sip.Request, source: sip.Address) -> tuple[Call, str | None]:
    """The call's two halves, and the Request-URI onwards where it changes. Raises Rejected."""
    if edge.settings.border:
        there = CORE if side == ACCESS else ACCESS
        halves = {side: Leg(side, source), there: Leg(there, edge.route(invite.uri))}
        return Call(halves[ACCESS], halves[CORE]), None
    if side == ACCESS:
        served = sip.uri_key(sip.address_uri(invite.headers.get("From") or ""))
        return Call(Leg(ACCESS, source), Leg(CORE, edge.route(invite.uri)), served), None
    served = sip.uri_key(invite.uri)
    registration = edge.registrations.get(served)
    if registration is None:
        raise Rejected(404, "no such UE is registered")
    return Call(Leg(ACCESS, registration.flow), Leg(CORE, source), served), registration.contact
