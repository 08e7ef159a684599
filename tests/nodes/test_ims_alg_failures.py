"""What goes wrong during and after call set-up at the IMS-ALG, and what must not be left behind (F1 to F12)."""

from __future__ import annotations

import pytest
from alg_stage import ALICE, BOB, CONTROL, GATEWAY, PRINT, PRIVATE, Stage, control, message

from workbench.nodes.ims_alg import Msrp
from workbench.protocols import sip
from workbench.protocols.h248 import message as h248


def contexts(stage):
    """Contexts that the gateway ever gave."""
    return {context for context, _ in stage.names}


def invited(stage, ue_offers=True, setup="active"):
    """An offer on its way; offerer and answerer."""
    offerer, answerer = (stage.ue, stage.peer) if ue_offers else (stage.peer, stage.ue)
    offerer.invites(BOB if ue_offers else ALICE, message(offerer.host, 5000, setup=setup))
    return offerer, answerer


ORDERS = {"plain": ({}, "passive", 3), "merge": ({"nat": True, "modifies_setup": True}, "active", 3),
          "aware": ({"msrp": Msrp.AWARE}, "passive", 4)}


@pytest.mark.parametrize(("code", "status"), [(510, 503), (515, 488), (445, 488), (501, 488), (500, 503)])
@pytest.mark.parametrize("kind", ORDERS)
@pytest.mark.parametrize("at", range(4))
def test_a_refused_order_refuses_the_offer(kind, at, code, status):
    """F1, at each order of the call flow: 488 for what the gateway can't do, 503 for what it can't do now; nothing
    stays reserved, and an answerer that has accepted gets ACK and BYE."""
    settings, answered, count = ORDERS[kind]
    if at >= count:
        return
    stage = Stage(**settings)
    stage.refuses = [None] * at + [code]
    offerer, answerer = invited(stage, ue_offers=False)
    if answerer.requests("INVITE"):
        answerer.answers(message(answerer.host, 6000, setup=answered))
    assert offerer.status() == status
    methods = [request.method for request in answerer.requests()]
    assert methods in ([], ["INVITE", "ACK", "BYE"])
    assert set(stage.released()) == contexts(stage)
    assert len(stage.alg._calls) == 0


@pytest.mark.parametrize("layer", ["tcp", "tls"])
@pytest.mark.parametrize("change", ["failed", "released"])
@pytest.mark.parametrize("side", ["access", "core"])
def test_a_bearer_that_ends_releases_the_session(layer, change, side):
    """F2 to F6, F9: BYE on both sides, once, and Subtract; what is told again changes nothing."""
    stage = Stage()
    offerer, answerer = invited(stage)
    answerer.answers(message(answerer.host, 6000, setup="passive"))
    offerer.acknowledges()
    (context,) = contexts(stage)
    stage.holds = True
    for _ in range(2):
        stage.notifies(context, layer, change, side)
    stage.grants()
    assert [party.requests("BYE") != [] for party in (offerer, answerer)] == [True, True]
    assert stage.log.count("UE BYE") == stage.log.count("peer BYE") == 1
    assert stage.released() == [context]


@pytest.mark.parametrize("ue_offers", [True, False])
def test_a_bearer_that_fails_before_the_answer_refuses_the_offer(ue_offers):
    """The gateway reports a failure while the answer is still awaited: 503, CANCEL onwards, nothing left."""
    stage = Stage(nat=True, modifies_setup=True)
    offerer, answerer = invited(stage, ue_offers)
    answerer.answers(status=180)
    (context,) = contexts(stage)
    stage.notifies(context, "tcp", "failed", "core" if (context, "core") in stage.names else "access")
    assert offerer.status() == 503
    assert answerer.requests()[-1].method == "CANCEL"
    assert stage.released() == [context]


def test_a_bearer_that_fails_while_the_gateway_is_asked_refuses_the_offer():
    """The same between two orders: the reply that comes then makes nothing of it."""
    stage = Stage()
    offerer, answerer = invited(stage)
    stage.holds = True
    answerer.answers(message(answerer.host, 6000, setup="passive"))
    (context,) = contexts(stage)
    stage.notifies(context, "tcp", "failed", "core")
    stage.grants()
    assert offerer.status() == 503
    assert [request.method for request in answerer.requests()] == ["INVITE", "ACK", "BYE"]
    assert stage.released() == [context]


def test_an_answerer_that_hangs_up_during_set_up_ends_it():
    """BYE behind a 2xx that was not passed on yet: 200, the offer is refused, all is released."""
    stage = Stage()
    offerer, answerer = invited(stage)
    stage.holds = True
    answerer.answers(message(answerer.host, 6000, setup="passive"))
    bye = answerer.asks("BYE")
    assert answerer.status(bye) == 200
    stage.grants()
    assert offerer.status() == 503
    assert set(stage.released()) == contexts(stage)


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_a_cancel_between_orders_leaves_nothing(cut):
    """CANCEL whatever the gateway is being asked: 487, and what it grants then is released."""
    stage = Stage()
    stage.holds = cut == 0
    invite = stage.ue.invites(BOB, message())
    if cut:
        stage.holds = True
        stage.peer.answers(message(stage.peer.host, 6000, setup="passive"))
    for _ in range(max(0, cut - 1)):
        stage.grants()
        stage.holds = True
    already = stage.ue.status(invite)
    stage.ue.cancels(invite)
    while stage._held:
        stage.grants()
    if already is None:
        assert stage.ue.status(invite) == 487
        assert set(stage.released()) == contexts(stage)
    assert stage.ue.final().method in ("CANCEL", "INVITE")


def test_without_an_ack_the_call_ends():
    """RFC 3261 §13.3.1.4: our 2xx is repeated, then given up: BYE on both sides, Subtract."""
    stage = Stage()
    _, answerer = invited(stage)
    answerer.answers(message(answerer.host, 6000, setup="passive"))
    stage.later(40.0)
    assert "UE BYE" in stage.log and "peer BYE" in stage.log
    assert answerer.requests()[-2].method == "ACK"
    assert len(stage.released()) == 1


def test_nobody_answers():
    """No final response to the INVITE: 408 to the offerer, Subtract."""
    stage = Stage()
    offerer, _ = invited(stage)
    stage.later(60.0)
    assert offerer.status() == 408
    assert len(stage.released()) == 1


@pytest.mark.parametrize(("event", "context", "subtracted"), [
    ("hangterm/thb", 99, True), ("hangterm/thb", None, False), ("g/cause", 99, False)])
def test_a_termination_that_hangs_is_released(event, context, subtracted):
    """F12: a heartbeat of what nobody knows: refused, and Subtract; of what is known, nothing; other events neither."""
    stage = Stage()
    offerer, answerer = invited(stage)
    answerer.answers(message(answerer.host, 6000, setup="passive"))
    offerer.acknowledges()
    (known,) = contexts(stage)
    name = stage.names[known, "access"] if context is None else "ip/1/access/7"
    stage.beats(context or known, name, event)
    assert stage.released() == ([context] if subtracted else [])


def test_a_first_offer_without_a_stream_is_refused():
    """Port 0 in the only m= line of a first offer: 488."""
    stage = Stage()
    stage.ue.invites(BOB, message(port=0))
    assert (stage.ue.status(), stage.orders) == (488, [])


def test_requests_outside_a_dialog():
    """What is not for us outside a call: 405 with Allow; BYE for nothing: 481."""
    stage = Stage()
    for method, status in (("OPTIONS", 405), ("BYE", 481)):
        fields = [("From", f"<{ALICE}>;tag=a"), ("To", f"<{BOB}>"), ("Call-ID", "x"), ("CSeq", f"1 {method}"),
                  ("Max-Forwards", "70")]
        request = stage.ue.sends(sip.Request(sip.Headers(tuple(fields)), method=method, uri=BOB))
        assert stage.ue.status(request) == status


def test_what_a_ue_behind_a_nat_says_of_itself_does_not_travel():
    """R-5.2-6: neither its c= nor its port reaches the other side, in offers, answers and refusals."""
    stage = Stage(nat=True)
    offerer, answerer = invited(stage)
    answerer.answers(message(answerer.host, 6000, setup="passive"))
    assert PRIVATE not in str(answerer.offer()[0].connection)
    assert answerer.offer()[1].port != 5000
    assert answerer.host not in str(offerer.answer()[0].connection)


def test_ended_calls_are_forgotten():
    """What is remembered of ended dialogs is bounded; nothing else stays of them."""
    stage = Stage()
    for _ in range(5):
        offerer, answerer = invited(stage)
        answerer.answers(message(answerer.host, 6000, setup="passive"))
        offerer.acknowledges()
        offerer.asks("BYE")
        stage.feed(answerer.proxy, answerer.endpoint, sip.encode(sip.response(answerer.requests()[-1], 200, "OK")))
        offerer.dialog = answerer.dialog = None
    assert len(stage.alg._calls) == 0
    assert len(stage.alg._calls._by_dialog) == 0
    assert len(stage.alg._calls._ended) <= 10


def test_calls_and_registrations_are_bounded():
    """What peers can make us hold has an end: 503 above it, and room again when a call is over."""
    stage = Stage()
    stage.alg._calls._most = 1
    invited(stage)
    before = len(stage.orders)
    invite = stage.ue.invites(BOB, message())
    assert (stage.ue.status(invite), len(stage.orders)) == (503, before)
    stage.peer.answers(status=486)
    again = stage.ue.invites(BOB, message())
    assert stage.ue.status(again) is None


def test_offers_without_a_body_or_with_an_endless_one_are_refused():
    """488 whatever the octets; the longest datagram is the longest offer."""
    stage = Stage()
    for body in ("", "v=0\r\n" + "a=x\r\n" * 10_000, message() * 300):
        invite = stage.ue.invites(BOB, body)
        assert stage.ue.status(invite) == 488
    assert stage.orders == []


@pytest.mark.parametrize("answer", [
    {"proto": "TCP/TLS/MSRP"}, {"proto": "TCP/TLS/MSRP", "more": ("a=key-mgmt:mikey AQQF",)},
    {"proto": "TCP/TLS/MSRP", "more": ("a=fingerprint:sha-256 00",)},
    {"proto": "TCP/TLS/MSRP", "more": ("a=fingerprint:md5 " + ":".join(["AB"] * 16),)},
    {"proto": "TCP/MSRP"}, {"proto": "TCP/MSRP", "more": (f"a=fingerprint:{PRINT}",)}])
def test_an_answer_that_takes_the_protection_away_ends_the_call(answer):
    """F10, F11: e2ae was applied and the UE answers without a usable fingerprint, with keys from elsewhere, or in the
    clear: no fallback, 502 to the core, ACK and BYE to the UE, nothing left."""
    stage = Stage(e2ae=True)
    stage.peer.invites(ALICE, message(stage.peer.host, 5000))
    assert stage.ue.offer()[1].attribute("3ge2ae") == "applied"
    stage.ue.answers(message(stage.ue.host, 6000, setup="passive", **answer))
    assert stage.peer.status() == 502
    assert [request.method for request in stage.ue.requests()] == ["INVITE", "ACK", "BYE"]
    assert set(stage.released()) == contexts(stage)


def comes_back(stage: Stage, method: str, held: tuple[int, ...] | int, *, meanwhile=lambda: None) -> None:
    """The gateway registers with contexts of its own; the audit of them gets these, or an error code, as its answer."""
    services = h248.Services(method=method, reason="900 Service Restored", version=2, profile="p/1")
    stage.holds = True
    stage.feed(CONTROL, GATEWAY, control(h248.Request(8000, (h248.Action(h248.NULL, (
        h248.Command(h248.Kind.SERVICE_CHANGE, ("ROOT",), (services,)),)),))))
    (audit,) = [one for one in stage._held if one.actions[0].commands[0].kind is h248.Kind.AUDIT_VALUE]
    assert audit.actions[0].context == h248.ALL
    stage._held.remove(audit)
    meanwhile()
    stage.grants()
    if isinstance(held, int):
        reply = h248.Reply(audit.id, error=h248.ErrorDescriptor(held, "no"))
    elif held:
        reply = h248.Reply(audit.id, tuple(h248.ActionReply(context, tuple(
            h248.CommandReply(h248.Kind.AUDIT_VALUE, (f"ip/1/{side}/{context}",)) for side in ("access", "core")))
            for context in held))
    else:
        reply = h248.Reply(audit.id, (h248.ActionReply(h248.ALL, error=h248.ErrorDescriptor(411, "no context")),))
    stage.feed(CONTROL, GATEWAY, control(reply))


@pytest.mark.parametrize("method", ["Disconnected", "Failover"])
def test_contexts_of_nobody_are_released(method):
    """A gateway comes with contexts that a controller of before has made: Subtract, each; a call's own stays."""
    stage = Stage()
    offerer, answerer = invited(stage)
    answerer.answers(message(answerer.host, 6000, setup="passive"))
    offerer.acknowledges()
    (known,) = contexts(stage)
    comes_back(stage, method, (7, known, 9))
    assert stage.released() == [7, 9]
    assert len(stage.alg._calls) == 1 and not offerer.requests("BYE")


def test_a_call_whose_context_is_gone_ends():
    """The gateway is back without it: BYE on both sides."""
    stage = Stage()
    offerer, answerer = invited(stage)
    answerer.answers(message(answerer.host, 6000, setup="passive"))
    offerer.acknowledges()
    comes_back(stage, "Disconnected", ())
    assert offerer.requests("BYE") and answerer.requests("BYE") and len(stage.alg._calls) == 0


def test_a_call_that_begins_during_the_audit_is_nobody_else_s():
    """The audit shows the context of a call that was set up meanwhile: it stays."""
    stage = Stage()
    made: list[int] = []

    def call() -> None:
        stage.holds = False
        offerer, answerer = invited(stage)
        answerer.answers(message(answerer.host, 6000, setup="passive"))
        offerer.acknowledges()
        made.extend(contexts(stage))

    comes_back(stage, "Disconnected", (3, 51), meanwhile=call)
    assert made == [51] and stage.released() == [3]


@pytest.mark.parametrize(("calls", "released"), [(0, [h248.ALL]), (1, [])])
def test_more_contexts_than_fit_into_a_reply(calls, released):
    """Error 533: without calls everything is released unseen; with calls nothing is, heartbeats will tell."""
    stage = Stage()
    if calls:
        invited(stage)
    comes_back(stage, "Disconnected", 533)
    assert stage.released() == released


def test_an_audit_that_is_refused_ends_nothing():
    """What the gateway holds is not known then."""
    stage = Stage()
    invited(stage)
    comes_back(stage, "Disconnected", 510)
    assert stage.released() == [] and len(stage.alg._calls) == 1
