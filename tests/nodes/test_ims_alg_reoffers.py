"""Re-offers at the IMS-ALG: what is new is ordered, nothing else; glare, refusals and crossings (A9, RFC 3261 §14)."""

from __future__ import annotations

import pytest
from alg_stage import ALICE, BOB, OWN, PEER, PRINT, UE, Stage, message

from workbench.net.values import Endpoint
from workbench.nodes.ims_alg import StartsTcp
from workbench.protocols import sdp, sip
from workbench.protocols.h248.message import Kind, Mode
from workbench.protocols.h248.packages import registry

BFCP = {"proto": "TCP/BFCP", "media": "application"}
EXISTING, NEW = ("a=connection:existing",), ("a=connection:new",)
HOLD = ("a=sendonly",)
ANOTHER = "msrp://203.0.113.10:5002/sC;tcp"
PATHS = {"ue": "msrp://203.0.113.10:5000/sA;tcp", "peer": "msrp://192.0.2.200:6000/sB;tcp"}


def running(*, ue_offers=True, setup=("active", "passive"), stream=None, **settings):
    """A call that runs; its stage, offerer and answerer. The log and the orders begin anew."""
    stage = Stage(**settings)
    offerer, answerer = (stage.ue, stage.peer) if ue_offers else (stage.peer, stage.ue)
    offerer.invites(BOB if ue_offers else ALICE, said(offerer, stage, setup[0], **(stream or {})))
    answerer.answers(said(answerer, stage, setup[1], **(stream or {})))
    offerer.acknowledges()
    assert answerer.requests("ACK")
    return stage, offerer, answerer


def said(party, stage, setup, *, port=None, path=None, **lines):
    """What a party says of its stream; the same each time unless told otherwise."""
    mine = "ue" if party is stage.ue else "peer"
    return message(party.host, port or (5000 if mine == "ue" else 6000), setup=setup,
                   path=PATHS[mine] if path is None else path, **lines)


def since(stage, action):
    """What is ordered while something is done."""
    count = len(stage.orders)
    action()
    return stage.orders[count:]


def renegotiate(stage, offerer, answerer, offer, answer):
    """A re-INVITE, its answer and the ACK; the re-INVITE."""
    request = offerer.asks("INVITE", offer)
    answerer.answers(answer)
    offerer.acknowledges()
    return request


@pytest.mark.parametrize("ue_offers", [True, False])
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("stream", [{}, {**BFCP, "more": EXISTING}], ids=["MSRP", "BFCP"])
def test_the_same_connection_takes_no_order(ue_offers, swapped, stream):
    """R-S6-3: a re-offer of either side that keeps the connection reaches the other, and the gateway hears nothing."""
    stage, offerer, answerer = running(ue_offers=ue_offers, stream={**stream, "more": ()})
    one, other = (answerer, offerer) if swapped else (offerer, answerer)
    before = other.offer()[1] if other.requests("INVITE") else None
    orders = since(stage, lambda: renegotiate(
        stage, one, other, said(one, stage, "actpass", **stream),
        said(other, stage, "active" if one is answerer else "passive", **stream)))
    assert orders == []
    assert one.status() == 200
    if before is not None:
        assert other.offer()[1].port == before.port
        assert other.offer()[1].attribute("path") == before.attribute("path")
    assert one.answer()[0].connection is not None and one.answer()[1].port not in (5000, 6000)
    assert len(other.requests("ACK")) >= 1


@pytest.mark.parametrize("swapped", [False, True])
def test_hold_changes_the_stream_mode(swapped):
    """Change Through-Connection on both terminations, and back; nothing else (R-5.2-5)."""
    stage, ue, peer = running()
    one, other = (peer, ue) if swapped else (ue, peer)
    near, far = ("core", "access") if swapped else ("access", "core")
    held = since(stage, lambda: renegotiate(
        stage, one, other, said(one, stage, "actpass", more=HOLD), said(other, stage, "active", more=("a=recvonly",))))
    assert [(order.kind, order.side, order.mode, order.proto) for order in held] == [
        (Kind.MODIFY, far, Mode.SEND_ONLY, ""), (Kind.MODIFY, near, Mode.RECEIVE_ONLY, "")]
    back = since(stage, lambda: renegotiate(
        stage, one, other, said(one, stage, "actpass"), said(other, stage, "active")))
    assert [(order.side, order.mode) for order in back] == [(far, Mode.SEND_RECEIVE), (near, Mode.SEND_RECEIVE)]


def test_another_address_is_configured():
    """A peer that moved, with the connection kept: Remote anew on its leg, nothing on the other."""
    stage, ue, peer = running(stream=BFCP)
    orders = since(stage, lambda: renegotiate(
        stage, ue, peer, said(ue, stage, "active", port=5600, more=EXISTING, **BFCP),
        said(peer, stage, "passive", more=EXISTING, **BFCP)))
    assert [(order.kind, order.side, order.remote, order.setup) for order in orders] == [
        (Kind.MODIFY, "access", Endpoint(UE.host, 5600), "passive")]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_description_that_changes_on_the_way_has_a_higher_version(swapped):
    """RFC 3264 §8: what a leg is told counts, not what came from the other leg; the same words keep their version."""
    stage, ue, peer = running(stream=BFCP)
    one, other = (peer, ue) if swapped else (ue, peer)
    words = (said(one, stage, "actpass", more=EXISTING, **BFCP), said(other, stage, "active", more=EXISTING, **BFCP))
    versions, ports = [], []
    for _ in range(2):
        renegotiate(stage, one, other, *words)
        told = (one.answer(), other.offer())
        versions.append([int(described.origin.version) for described, _ in told])
        ports.append([media.port for _, media in told])
    assert versions[0] == versions[1] and ports[0] == ports[1]
    renegotiate(stage, one, other, *(text.replace("existing", "new") for text in words))
    told = (one.answer(), other.offer())
    assert [int(described.origin.version) for described, _ in told] == [version + 1 for version in versions[1]]
    assert all(media.port != before for (_, media), before in zip(told, ports[1], strict=True))


NEWS = {"MSRP": ({"path": ANOTHER}, {}), "BFCP": ({"more": NEW, **BFCP}, {"more": NEW, **BFCP}),
        "BFCP, not said": (BFCP, BFCP)}


@pytest.mark.parametrize("case", NEWS)
def test_a_new_connection_is_reserved_anew(case):
    """A9 (b): a new path (MSRP), a=connection:new or nothing (RFC 4145 §5.1): roles from this exchange, new addresses
    at the gateway; the former stream is released when the new one is agreed, and not before."""
    offered, answered = NEWS[case]
    stage, ue, peer = running(stream=BFCP if case != "MSRP" else None)
    (former,) = {order.context for order in stage.orders if order.context < 1000}
    port = ue.answer()[1].port
    count = len(stage.orders)
    ue.asks("INVITE", said(ue, stage, "actpass", port=5002, **offered))
    assert stage.released() == []
    peer.answers(said(peer, stage, "active", **answered))
    orders = stage.orders[count:]
    assert [(order.kind, order.side, order.setup) for order in orders if order.proto] == [
        (Kind.ADD, "core", "actpass"), (Kind.MODIFY, "core", "passive"), (Kind.ADD, "access", "active")]
    assert orders[2].remote == Endpoint(UE.host, 5002)
    assert stage.released() == [former]
    assert ue.answer()[1].port != port
    ue.acknowledges()
    assert peer.requests("ACK")[-1].cseq.number == peer.requests("INVITE")[-1].cseq.number
    ue.asks("BYE")
    assert len(stage.released()) == 2


def test_a_new_connection_can_be_merged_and_started_by_order():
    """Re-offers follow the role matrix and starts_tcp like first offers."""
    stage, peer, ue = running(ue_offers=False, setup=("active", "active"), nat=True, modifies_setup=True)
    orders = since(stage, lambda: renegotiate(
        stage, peer, ue, said(peer, stage, "active", path="msrp://192.0.2.200:6002/sN;tcp"),
        said(ue, stage, "active")))
    assert {order.setup for order in orders if order.proto} == {"passive"}
    establish = registry().wire_name("tcp-establish")
    stage, ue, peer = running(starts_tcp=StartsTcp.SIGNAL)
    orders = since(stage, lambda: renegotiate(
        stage, ue, peer, said(ue, stage, "active", path=ANOTHER),
        said(peer, stage, "passive")))
    assert [order.side for order in orders if establish in order.signals] == ["core"]


def test_an_answer_may_ask_for_a_new_connection():
    """RFC 4145 §5.1: existing is offered, new answered: a=connection:new on both terminations."""
    stage, ue, peer = running(stream=BFCP)
    orders = since(stage, lambda: renegotiate(
        stage, ue, peer, said(ue, stage, "active", more=EXISTING, **BFCP),
        said(peer, stage, "passive", more=NEW, **BFCP)))
    assert [(order.kind, order.side, order.connection, order.setup) for order in orders] == [
        (Kind.MODIFY, "core", "new", "active"), (Kind.MODIFY, "access", "new", "passive")]
    assert ue.answer()[1].attribute("connection") == "new"


def test_with_changed_roles_each_side_goes_on_reading_its_own():
    """Row 5 in place: a re-offer of the same connection reads as the first one did on each leg."""
    stage, peer, ue = running(ue_offers=False, setup=("active", "active"), nat=True, modifies_setup=True)
    assert since(stage, lambda: renegotiate(
        stage, peer, ue, said(peer, stage, "active"), said(ue, stage, "active"))) == []
    assert ue.offer()[1].attribute("setup") == "passive"
    assert peer.answer()[1].attribute("setup") == "passive"


def test_holdconn_is_lifted_by_a_re_offer():
    """Row 10: no connection until a re-offer gives the roles."""
    stage, ue, peer = running(setup=("holdconn", "holdconn"), stream=BFCP)
    orders = since(stage, lambda: renegotiate(
        stage, ue, peer, said(ue, stage, "active", **BFCP), said(peer, stage, "passive", **BFCP)))
    assert [(order.side, order.setup, order.mode) for order in orders if order.proto][1:] == [
        ("core", "active", Mode.SEND_RECEIVE), ("access", "passive", Mode.SEND_RECEIVE)]


def test_a_stream_is_taken_out_and_put_in_again():
    """RFC 3264 §8.2: port 0 on both sides and Subtract; the session stays, and a later offer brings a stream back."""
    stage, ue, peer = running()
    gone = said(ue, stage, "active").replace("m=message 5000", "m=message 0")
    renegotiate(stage, ue, peer, gone, said(peer, stage, "passive").replace("m=message 6000", "m=message 0"))
    assert peer.offer()[1].port == 0 and ue.answer()[1].port == 0
    assert UE.host not in str(peer.offer()[0].connection) and PEER.host not in str(ue.answer()[0].connection)
    assert len(stage.released()) == 1
    assert "peer BYE" not in stage.log
    orders = since(stage, lambda: renegotiate(
        stage, peer, ue, said(peer, stage, "active"), said(ue, stage, "passive")))
    assert [(order.kind, order.side) for order in orders] == [
        (Kind.ADD, "access"), (Kind.MODIFY, "access"), (Kind.ADD, "core")]
    assert peer.status() == 200


def test_a_stream_that_the_answer_refuses_is_gone():
    """Port 0 in the answer to a first offer or to a re-offer: passed on, nothing stays reserved, the session does."""
    stage, ue, peer = running()
    renegotiate(stage, ue, peer, said(ue, stage, "active", path=ANOTHER),
                said(peer, stage, "passive").replace("m=message 6000", "m=message 0"))
    assert ue.answer()[1].port == 0 and PEER.host not in str(ue.answer()[0].connection)
    assert len(stage.released()) == 2
    first = Stage()
    first.ue.invites(BOB, said(first.ue, first, "active"))
    first.peer.answers(said(first.peer, first, "passive").replace("m=message 6000", "m=message 0"))
    assert (first.ue.status(), first.ue.answer()[1].port, len(first.released())) == (200, 0, 1)
    first.ue.acknowledges()
    first.ue.asks("BYE")
    assert first.peer.requests()[-1].method == "BYE"


@pytest.mark.parametrize("status", [488, 491, 486, 500])
@pytest.mark.parametrize("path", [None, ANOTHER])
def test_a_refused_re_offer_changes_nothing(status, path):
    """RFC 3261 §14.1: the refusal goes back; what was in place stays, what was reserved for the new one is released."""
    stage, ue, peer = running()
    (former,) = {order.context for order in stage.orders if order.context < 1000}
    count = len(stage.orders)
    request = ue.asks("INVITE", said(ue, stage, "active", path=path, more=HOLD))
    peer.answers(status=status)
    assert ue.status(request) == status
    assert former not in stage.released()
    assert all(order.context != former for order in stage.orders[count:])
    assert len(stage.released()) == (1 if path else 0)
    assert "peer BYE" not in stage.log and "UE BYE" not in stage.log
    # And the next one is carried out as if nothing had been.
    orders = since(stage, lambda: renegotiate(
        stage, peer, ue, said(peer, stage, "active"), said(ue, stage, "passive")))
    assert orders == []
    assert peer.status() == 200


def test_a_stream_beside_is_refused_and_the_first_one_goes_on():
    """RFC 3264 §6: the other side reads the second m= line with port 0 and nothing of its address, and so does who
    offered it; nothing is ordered."""
    stage, ue, peer = running()
    beside = "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 203.0.113.10\r\na=rtcp:4001\r\n"
    orders = since(stage, lambda: renegotiate(
        stage, ue, peer, said(ue, stage, "active") + beside,
        said(peer, stage, "passive") + "m=audio 0 RTP/AVP 8\r\n"))
    assert orders == [] and ue.status() == 200
    for body in (peer.requests("INVITE")[-1].body, ue.final().body):
        second = sdp.decode(body).media[1]
        assert (second.media, second.port, second.lines) == ("audio", 0, ())


@pytest.mark.parametrize("body", [
    "", "nonsense", message(proto="UDP/BFCP"), message() + "m=audio 4000 RTP/AVP 8\r\n" * 16,
    message(proto="TCP/TLS/MSRP", path=PATHS["ue"])])
def test_a_re_offer_that_cannot_be_is_refused(body):
    """Broken, another kind of media, too many streams, TLS on a connection that stays: 488, and the call goes on."""
    stage, ue, peer = running()
    count = len(stage.orders)
    request = ue.asks("INVITE", body)
    assert ue.status(request) == 488
    assert len(peer.requests("INVITE")) == 1 and stage.orders[count:] == []
    ue.asks("BYE")
    assert peer.requests()[-1].method == "BYE"


@pytest.mark.parametrize("status", [408, 481])
def test_a_re_offer_to_nobody_ends_the_call(status):
    """RFC 3261 §12.2.1.2: 408 or 481 to a re-INVITE: the dialog is gone: BYE on the other side as well, Subtract."""
    stage, ue, peer = running()
    request = ue.asks("INVITE", said(ue, stage, "active"))
    peer.answers(status=status)
    assert ue.status(request) == status
    assert ue.requests()[-1].method == "BYE"
    assert len(stage.released()) == 1


def test_an_answer_to_a_re_offer_that_cannot_be_ends_the_call():
    """The other side has accepted what this side never gets: the halves differ, so both get BYE; ACK goes first."""
    stage, ue, peer = running()
    request = ue.asks("INVITE", said(ue, stage, "active"))
    peer.answers(said(peer, stage, "passive", proto="TCP/TLS/MSRP"))
    assert ue.status(request) == 502
    assert [one.method for one in peer.requests()][-2:] == ["ACK", "BYE"]
    assert ue.requests()[-1].method == "BYE"
    assert len(stage.released()) == 1


# Glare and order

def test_offers_that_cross_are_both_told_so():
    """RFC 3261 §14.2: our own offer to the peer waits, and the peer's comes: 491; its own refusal of ours goes back."""
    stage, ue, peer = running()
    mine = ue.asks("INVITE", said(ue, stage, "active"))
    theirs = peer.asks("INVITE", said(peer, stage, "actpass"))
    assert peer.status(theirs) == 491
    assert len(ue.requests("INVITE")) == 0
    answer = peer.requests("INVITE")[-1]
    stage.feed(peer.proxy, peer.endpoint, sip.encode(sip.response(answer, 491, "Request Pending")))
    assert ue.status(mine) == 491
    again = renegotiate(stage, ue, peer, said(ue, stage, "active"), said(peer, stage, "passive"))
    assert ue.status(again) == 200


def test_a_second_offer_before_the_first_is_answered_waits():
    """RFC 3261 §14.2: 500 with Retry-After; the first one goes on."""
    stage, ue, peer = running()
    first = ue.asks("INVITE", said(ue, stage, "active"))
    second = ue.asks("INVITE", said(ue, stage, "active"))
    assert ue.status(second) == 500
    assert "Retry-After" in ue.final(second).headers
    peer.answers(said(peer, stage, "passive"))
    assert ue.status(first) == 200


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_a_request_behind_the_last_one_is_refused(method):
    """RFC 3261 §12.2.2: a CSeq that is not above the last one: 500, nothing is done."""
    stage, ue, peer = running()
    renegotiate(stage, ue, peer, said(ue, stage, "active"), said(peer, stage, "passive"))
    _, old = sip.Dialog(**{**{name: getattr(ue.dialog, name) for name in ue.dialog.__struct_fields__}, "cseq": 0}
                        ).request(method, contact="<sip:x@203.0.113.10:5060>" if method == "INVITE" else "")
    assert ue.status(ue.sends(old)) == 500
    assert "peer BYE" not in stage.log


@pytest.mark.parametrize("method", ["UPDATE", "INFO", "OPTIONS", "FOO"])
def test_other_methods_inside_a_call_are_refused_with_what_is_done(method):
    """RFC 3261 §8.2.1: 405 (501 for what nobody knows) with Allow; the call goes on."""
    stage, ue, _ = running()
    request = ue.asks(method)
    assert ue.status(request) == (501 if method == "FOO" else 405)
    assert ue.final(request).headers.get("Allow") == "INVITE, ACK, BYE, CANCEL"
    assert "peer BYE" not in stage.log


def test_a_bye_that_crosses_the_release_is_answered():
    """Both sides hang up at once: each BYE gets 200, not 481; after a while nobody remembers."""
    stage, ue, peer = running()
    ue.asks("BYE")
    crossed = peer.asks("BYE")
    assert peer.status(crossed) == 200
    assert len(stage.released()) == 1
    stage.later(40.0)
    assert peer.status(peer.asks("BYE")) == 481


# What goes on meanwhile

@pytest.mark.parametrize("path", [None, ANOTHER])
def test_a_bye_ends_an_offer_that_waits(path):
    """The peer hangs up instead of answering: 200 to it, the offer is refused, CANCEL and BYE, all is released."""
    stage, ue, peer = running()
    request = ue.asks("INVITE", said(ue, stage, "active", path=path))
    bye = peer.asks("BYE")
    assert peer.status(bye) == 200
    assert ue.status(request) == 503
    assert ue.requests()[-1].method == "BYE"
    contexts = {order.context for order in stage.orders if order.context < 1000}
    assert set(stage.released()) == contexts


def test_a_re_offer_that_is_cancelled_changes_nothing():
    """RFC 3261 §9.2: 200 to CANCEL, 487 to the re-INVITE, CANCEL onwards; the call goes on."""
    stage, ue, peer = running()
    request = ue.asks("INVITE", said(ue, stage, "active", path=ANOTHER))
    peer.answers(status=180)
    ue.cancels(request)
    assert ue.status(request) == 487
    (cancel,) = peer.requests("CANCEL")
    peer.answers()
    response = sip.response(peer.requests("INVITE")[-1], 487, "Request Terminated")
    stage.feed(peer.proxy, peer.endpoint, sip.encode(response))
    assert cancel.cseq.number == peer.requests("INVITE")[-1].cseq.number
    assert len(stage.released()) == 1
    assert ue.status(renegotiate(stage, ue, peer, said(ue, stage, "active"), said(peer, stage, "passive"))) == 200


def test_the_former_connection_may_end_while_it_is_replaced():
    """F9 with a re-offer under way: the old connection's end is what was asked for; the call goes on."""
    stage, ue, peer = running()
    (former,) = {order.context for order in stage.orders if order.context < 1000}
    request = ue.asks("INVITE", said(ue, stage, "active", path=ANOTHER))
    stage.notifies(former, "tcp", "released")
    assert "peer BYE" not in stage.log
    peer.answers(said(peer, stage, "passive"))
    assert ue.status(request) == 200
    assert stage.released() == [former]


def test_a_former_connection_that_ended_for_nothing_ends_the_call():
    """The re-offer is refused, and the connection in place was lost meanwhile: there is nothing to go on with."""
    stage, ue, peer = running()
    (former,) = {order.context for order in stage.orders if order.context < 1000}
    ue.asks("INVITE", said(ue, stage, "active", path=ANOTHER))
    stage.notifies(former, "tcp", "released")
    peer.answers(status=488)
    assert ue.requests()[-1].method == "BYE" and peer.requests()[-1].method == "BYE"
    assert former in stage.released()


def test_e2ae_is_renegotiated_like_the_rest():
    """A re-offer of an e2ae stream: the same keeps TLS and says the same; another fingerprint is a new connection."""
    tls = {"proto": "TCP/TLS/MSRP", "more": ("a=3ge2ae:requested", f"a=fingerprint:{PRINT}")}
    stage = Stage(e2ae=True)
    ue, peer = stage.ue, stage.peer
    ue.invites(BOB, said(ue, stage, "active", **tls))
    peer.answers(said(peer, stage, "passive"))
    ue.acknowledges()
    assert since(stage, lambda: renegotiate(
        stage, ue, peer, said(ue, stage, "active", **tls), said(peer, stage, "passive"))) == []
    for gone in ("3ge2ae", "fingerprint"):
        assert peer.offer()[1].attribute(gone) is None
    assert (peer.offer()[1].proto, ue.answer()[1].proto) == ("TCP/MSRP", "TCP/TLS/MSRP")
    assert ue.answer()[1].attribute("fingerprint") == OWN
    other = {**tls, "more": ("a=3ge2ae:requested", f"a=fingerprint:{PRINT.replace('AB', 'EF')}")}
    orders = since(stage, lambda: renegotiate(
        stage, ue, peer, said(ue, stage, "active", **other), said(peer, stage, "passive")))
    assert [order.proto for order in orders if order.kind is Kind.ADD] == ["TCP", "TCP/TLS"]


@pytest.mark.parametrize("path", [None, ANOTHER])
def test_a_cancel_behind_the_other_side_s_answer_comes_too_late(path):
    """What the peer has accepted is in force: 200 to CANCEL, the re-INVITE gets its 200, the call goes on."""
    stage, ue, peer = running()
    request = ue.asks("INVITE", said(ue, stage, "active", path=path, more=HOLD))
    stage.holds = True
    peer.answers(said(peer, stage, "passive", more=("a=recvonly",)))
    ue.cancels(request)
    while stage._held:
        stage.grants()
    assert ue.status(request) == 200
    assert "peer BYE" not in stage.log


@pytest.mark.parametrize("path", [None, ANOTHER])
@pytest.mark.parametrize("who", ["ue", "peer"])
def test_a_bye_between_orders_ends_it_all(path, who):
    """Either side hangs up while the gateway is asked: the re-INVITE is refused, nothing comes back to life."""
    stage, ue, peer = running()
    request = ue.asks("INVITE", said(ue, stage, "active", path=path, more=HOLD))
    stage.holds = True
    peer.answers(said(peer, stage, "passive", more=("a=recvonly",)))
    getattr(stage, who).asks("BYE")
    while stage._held:
        stage.grants()
        stage.holds = bool(stage._held)
    assert ue.status(request) == 503
    assert len(stage.alg._calls) == len(stage.alg._calls._by_dialog) == 0
    assert {context for context, _ in stage.names} == set(stage.released())


@pytest.mark.parametrize("how", ["offered", "refused", "refused at first"])
def test_an_e2ae_stream_that_goes_shows_the_core_nothing(how):
    """R-24.229-3 with port 0 too: no TLS and no security attribute towards the core, the UE's own words towards it."""
    tls = {"proto": "TCP/TLS/MSRP", "more": ("a=3ge2ae:requested", f"a=fingerprint:{PRINT}")}
    stage = Stage(e2ae=True)
    ue, peer = stage.ue, stage.peer
    refusal = said(peer, stage, "passive").replace("m=message 6000", "m=message 0")
    ue.invites(BOB, said(ue, stage, "active", **tls))
    peer.answers(refusal if how == "refused at first" else said(peer, stage, "passive"))
    ue.acknowledges()
    if how != "refused at first":
        offer = said(ue, stage, "active", **tls)
        renegotiate(
            stage, ue, peer, offer.replace("m=message 5000", "m=message 0") if how == "offered" else offer, refusal)
    offered = peer.offer()[1]
    assert (offered.proto, offered.port == 0) == ("TCP/MSRP", how == "offered")
    assert all(offered.attribute(gone) is None for gone in ("3ge2ae", "fingerprint"))
    assert (ue.answer()[1].proto, ue.answer()[1].port) == ("TCP/TLS/MSRP", 0)
    assert len(stage.released()) == 1
