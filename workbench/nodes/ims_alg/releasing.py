"""How calls end: by BYE, by CANCEL, because a bearer failed or is gone, because they could not be set up.

Source: RFC 3261 §9, §15; TS 23.334 §8.5; failures F1 to F12 of the stage-2 digest.
"""

from __future__ import annotations

from workbench.nodes.ims_alg.calls import Call, Leg, Rejected
from workbench.nodes.ims_alg.edge import Edge
from workbench.nodes.procedure import Steps
from workbench.protocols import sip


def released(edge: Edge, call: Call, leg: Leg, key: str, bye: sip.Request) -> Steps:
    """BYE from one side: answer it, tell the other side, release the gateway's terminations."""
    yield from edge.sip.reply(leg.side, key, sip.response(bye, 200, "OK"), "the call is released")
    edge.calls.end(leg, edge.sip.now)
    yield from over(edge, call, "the call is released: BYE onwards [RFC 3261 §15]", "the call was released")


def lost(edge: Edge, call: Call) -> Steps:
    """F2 to F9: the gateway reported a failure or a released bearer; the session ends on both sides."""
    yield from over(
        edge, call, "the bearer is gone: the session is released", "the gateway reports that the bearer is gone")


def over(edge: Edge, call: Call, why: str, because: str) -> Steps:
    """The call ends: each half that has a dialog gets BYE, an offer that waits is refused, nothing stays reserved."""
    if call.over:
        return
    call.over = True
    yield from withdraw(edge, call, Rejected(503, because))
    for leg in call.legs:
        yield from edge.sip.bye(leg, why)
    edge.calls.remove(call)
    for anchor in (call.anchor, call.coming):
        yield from edge.iq.release(anchor)


def withdraw(edge: Edge, call: Call, rejected: Rejected) -> Steps:
    """The offer is not to be answered any more: whoever waits for the answer is woken."""
    exchange = call.exchange
    if exchange is not None and not exchange.answered and exchange.withdrawn is None:
        exchange.withdrawn = rejected
        yield from edge.procedures.post(("exchange", exchange.key), None, edge.sip.now)


def cancelled(edge: Edge, side: str, key: str, request: sip.Request) -> Steps:
    """CANCEL: 200 for itself, 487 for its INVITE if that has no final response yet (RFC 3261 §9.2)."""
    invite = edge.sip.matching_invite(side, request)
    if invite is None:
        yield from edge.sip.refuse(side, key, request, 481, "nothing to cancel")
        return
    response = sip.response(request, 200, "OK", edge.sip.token(10))
    yield from edge.sip.reply(side, key, response, "CANCEL is taken")
    for call in edge.calls:
        exchange = call.exchange
        if exchange is None or exchange.key != f"{side}/{invite}":
            continue
        # A re-offer that the other side has accepted is in force there: it gets its answer as if nothing had come.
        if exchange.offerer.dialog is None or not call.other(exchange.offerer).owes_ack:
            yield from withdraw(edge, call, Rejected(487, "the caller gave up"))
