"""a=path, a=msrp-cema and bearer types in each MSRP mode of the IMS-ALG (TS 23.334 §5.19)."""

from __future__ import annotations

import pytest
from alg_stage import ALICE, BOB, GRANTED, OWN, PRINT, Stage, message

from workbench.nodes.ims_alg import Msrp, PlainAnswer, Tcp
from workbench.protocols.h248.message import Kind
from workbench.protocols.msrp import uri

P_A = "msrp://203.0.113.10:5000/sA;tcp"
P_B = "msrp://192.0.2.200:6000/sB;tcp"
RELAYS = "msrp://relay.example:2855/r7;tcp "


def call(stage, *, ue_offers=True, path_a=P_A, path_b=P_B, cema=(True, True), setup=("active", "passive"), **lines):
    """An offer with path A and its answer with path B; offerer and answerer."""
    offerer, answerer = (stage.ue, stage.peer) if ue_offers else (stage.peer, stage.ue)
    offerer.invites(BOB if ue_offers else ALICE, message(
        offerer.host, 5000, setup=setup[0], path=path_a, cema=cema[0], **lines))
    if answerer.requests("INVITE"):
        answerer.answers(message(answerer.host, 6000, setup=setup[1], path=path_b, cema=cema[1], **lines))
    return offerer, answerer


def where(described):
    """Address and port of a description's stream."""
    return f"{described[0].connection_of(described[1]).address}:{described[1].port}"


@pytest.mark.parametrize("ue_offers", [True, False])
def test_cema_leaves_the_path_alone(ue_offers):
    """R-5.19.2-2, -3: TCP on Iq, no path there; a=path and a=msrp-cema untouched, c= and m= the gateway's."""
    stage = Stage()
    offerer, answerer = call(stage, ue_offers=ue_offers)
    for described, path in ((answerer.offer(), P_A), (offerer.answer(), P_B)):
        assert described[1].attribute("path") == path
        assert described[1].attribute("msrp-cema") is not None
        assert where(described).split(":")[0] in GRANTED.values()
    assert {order.proto for order in stage.orders} == {"TCP"}
    assert all(order.path is order.remote_path is None for order in stage.orders)


@pytest.mark.parametrize("relays", ["", RELAYS])
@pytest.mark.parametrize("ue_offers", [True, False])
def test_sessmatch_moves_the_first_uri(ue_offers, relays):
    """R-5.19.3-2: host and port of the topmost URI become the gateway's of that leg; the session-id stays."""
    stage = Stage(msrp=Msrp.SESSMATCH)
    offerer, answerer = call(stage, ue_offers=ue_offers, cema=(False, False), path_a=relays + P_A)
    for described, session in ((answerer.offer(), "r7" if relays else "sA"), (offerer.answer(), "sB")):
        first, *rest = uri.decode_path(described[1].attribute("path"))
        assert (f"{first.host}:{first.port}", first.session_id) == (where(described), session)
        assert uri.encode_path(rest) == (P_A if relays and session == "r7" else "")
    assert {order.proto for order in stage.orders} == {"TCP"}
    assert all(order.path is order.remote_path is None for order in stage.orders)


@pytest.mark.parametrize("relays", ["", RELAYS])
@pytest.mark.parametrize("ue_offers", [True, False])
@pytest.mark.parametrize("cema", [(True, True), (False, False)])
def test_aware_gives_each_leg_the_gateways_own_uri(ue_offers, relays, cema):
    """R-5.19.4-1, -2, -5.19.5-4: TCP/MSRP; each peer reads the gateway's URI of its leg, and so does the gateway
    (Local), with the complete list that the peer gave (Remote). a=msrp-cema is not copied (RFC 6714 §6)."""
    stage = Stage(msrp=Msrp.AWARE)
    offerer, answerer = call(stage, ue_offers=ue_offers, cema=cema, path_a=relays + P_A)
    near, far = ("access", "core") if ue_offers else ("core", "access")
    told = {order.side: order for order in stage.orders}
    seen = {}
    for described, side in ((answerer.offer(), far), (offerer.answer(), near)):
        (own,) = uri.decode_path(described[1].attribute("path"))
        assert (f"{own.host}:{own.port}", own.scheme) == (where(described), "msrp")
        assert len(own.session_id) >= 11                               # at least 64 random bits
        assert described[1].attribute("msrp-cema") is None
        assert told[side].path == str(own)
        seen[side] = own.session_id
    assert seen[near] != seen[far]
    assert (told[near].remote_path, told[far].remote_path) == (relays + P_A, P_B)
    assert {order.proto for order in stage.orders} == {"TCP/MSRP"}
    # The path of the offerer's leg is known with its address, so it takes one more order, before the answer leaves.
    assert [(order.kind, order.side) for order in stage.orders] == [
        (Kind.ADD, far), (Kind.MODIFY, far), (Kind.ADD, near), (Kind.MODIFY, near)]
    assert stage.log[-1].endswith("200") and stage.log[-2] == f"Modify {near}"


@pytest.mark.parametrize("ue_offers", [True, False])
@pytest.mark.parametrize("mode", list(Msrp))
def test_with_e2ae_the_scheme_follows_the_leg(mode, ue_offers):
    """R-5.19.5-5: msrps towards the UE, msrp towards the core, where the path is the gateway's; TLS words on Iq."""
    stage = Stage(e2ae=True, msrp=mode)
    tls = {"proto": "TCP/TLS/MSRP", "more": ("a=3ge2ae:requested", f"a=fingerprint:{PRINT}")}
    scheme_a, scheme_b = ("msrps", "msrp") if ue_offers else ("msrp", "msrps")
    offerer, answerer = (stage.ue, stage.peer) if ue_offers else (stage.peer, stage.ue)
    path_a = P_A.replace("msrp:", f"{scheme_a}:")
    path_b = P_B.replace("msrp:", f"{scheme_b}:")
    offerer.invites(BOB if ue_offers else ALICE, message(
        offerer.host, 5000, path=path_a, **(tls if ue_offers else {})))
    answerer.answers(message(
        answerer.host, 6000, setup="passive", path=path_b,
        **({} if ue_offers else {"proto": "TCP/TLS/MSRP", "more": (f"a=fingerprint:{PRINT}",)})))
    assert offerer.status() == 200
    scheme = {"UE": (offerer.answer() if ue_offers else answerer.offer())[1].attribute("path").partition(":")[0],
              "core": (answerer.offer() if ue_offers else offerer.answer())[1].attribute("path").partition(":")[0]}
    untouched = {"UE": scheme_b if ue_offers else scheme_a, "core": scheme_a if ue_offers else scheme_b}
    assert scheme == (untouched if mode is Msrp.CEMA else {"UE": "msrps", "core": "msrp"})
    access = next(order for order in stage.orders if order.side == "access")
    core = next(order for order in stage.orders if order.side == "core")
    aware = mode is Msrp.AWARE
    assert (access.proto, core.proto) == (("TCP/TLS/MSRP", "TCP/MSRP") if aware else ("TCP/TLS", "TCP"))
    if aware:
        paths = {order.side: order.path for order in stage.orders if order.path}
        assert (paths["access"].partition(":")[0], paths["core"].partition(":")[0]) == ("msrps", "msrp")
    towards_ue = (offerer.answer() if ue_offers else answerer.offer())[1]
    assert towards_ue.attribute("fingerprint") == OWN
    assert towards_ue.attribute("3ge2ae") == (None if ue_offers else "applied")


@pytest.mark.parametrize("mode", list(Msrp))
def test_end_to_end_tls_keeps_its_path(mode):
    """R-6.2.10A-6: whatever the mode, a path inside end-to-end TLS can't be rewritten, so it is not touched."""
    stage = Stage(msrp=mode, tcp=Tcp.STATELESS)
    tls = {"proto": "TCP/TLS/MSRP", "more": (f"a=fingerprint:{PRINT}",)}
    offerer, answerer = call(stage, **tls)
    assert (answerer.offer()[1].attribute("path"), offerer.answer()[1].attribute("path")) == (P_A, P_B)
    assert answerer.offer()[1].attribute("msrp-cema") is not None
    assert {(order.media, order.proto) for order in stage.orders} == {("-", "TCP")}


def test_rewriting_takes_state_awareness():
    """R-5.16.1-6: an aware MSRP stream has TCP roles even where streams are handled statelessly."""
    stage = Stage(msrp=Msrp.AWARE, tcp=Tcp.STATELESS)
    call(stage)
    assert {order.side: order.setup for order in stage.orders if order.proto} == {"core": "active", "access": "passive"}


@pytest.mark.parametrize("ue_offers", [True, False])
def test_a_plain_answer_makes_the_gateway_aware(ue_offers):
    """B7, reconfigure: the answerer waits and knows the offerer's own path, so that is the gateway's path there; the
    offerer reads the gateway's URI, c= and m= agree with it, and a=msrp-cema is gone (RFC 6714 table O3)."""
    stage = Stage()
    offerer, answerer = call(stage, ue_offers=ue_offers, cema=(True, False))
    near, far = ("access", "core") if ue_offers else ("core", "access")
    assert answerer.offer()[1].attribute("path") == P_A
    described = offerer.answer()
    (own,) = uri.decode_path(described[1].attribute("path"))
    assert f"{own.host}:{own.port}" == where(described)
    assert described[1].attribute("msrp-cema") is None
    first, *later = stage.orders
    assert (first.side, first.proto) == (far, "TCP")
    assert {order.proto for order in later} == {"TCP/MSRP"}
    told = {order.side: order for order in stage.orders}
    assert (told[far].path, told[far].remote_path) == (P_A, P_B)
    assert (told[near].path, told[near].remote_path) == (str(own), P_A)


@pytest.mark.parametrize(("plain_answer", "setup"), [
    (PlainAnswer.FORWARD, ("active", "passive")), (PlainAnswer.RECONFIGURE, ("actpass", "active"))])
def test_a_plain_answer_is_handed_on(plain_answer, setup):
    """B7, forward; and where the plain end would open past the gateway, which reconfiguring can't help."""
    stage = Stage(plain_answer=plain_answer)
    offerer, _ = call(stage, cema=(True, False), setup=setup)
    assert offerer.answer()[1].attribute("path") == P_B
    assert {order.proto for order in stage.orders} == {"TCP"}


@pytest.mark.parametrize("way", ["re-INVITE", "new INVITE"])
def test_the_offer_of_the_fallback_passes(way):
    """RFC 6714 §4.2: the offerer's new offer without a=msrp-cema. Inside the call it is known that only interworking
    can serve it (R-5.19.4): aware; the stream of before is released. A new INVITE is a call like any other."""
    stage = Stage(plain_answer=PlainAnswer.FORWARD)
    offerer, answerer = call(stage, cema=(True, False))
    offerer.acknowledges()
    before = stage.orders[1].context
    if way == "new INVITE":
        offerer.asks("BYE")
        offerer.dialog = answerer.dialog = None
        offerer.invites(BOB, message(offerer.host, 5002, path=P_A, cema=False))
    else:
        offerer.asks("INVITE", message(offerer.host, 5000, path=P_A, cema=False))
    offered = answerer.offer()
    answerer.answers(message(answerer.host, 6000, setup="passive", path=P_B, cema=False))
    assert offerer.status() == 200
    aware = way == "re-INVITE"
    assert (offered[1].attribute("path") != P_A) == aware
    assert (where(offered) in offered[1].attribute("path")) == aware
    assert before in stage.released()
    assert {order.proto for order in stage.orders if order.context not in (before, 4294967294) and order.proto} == {
        "TCP/MSRP" if aware else "TCP"}


def test_a_path_that_is_none_is_refused():
    """Whatever the mode: 488 before anything is ordered."""
    for mode in Msrp:
        stage = Stage(msrp=mode)
        stage.ue.invites(BOB, message(path="https://x/y"))
        assert (stage.ue.status(), stage.orders) == (488, [])


def test_a_prepared_leg_turns_aware_as_well():
    """B7 where the core side was made ready for merge mode, and the UE, reachable after all, waits and is plain."""
    stage = Stage(nat=True, modifies_setup=True)
    stage.peer.invites(ALICE, message(stage.peer.host, 5000, path=P_B))
    stage.ue.answers(message("203.0.113.10", 6000, setup="passive", path=P_A, cema=False))
    told = {order.side: order for order in stage.orders}
    assert (told["access"].path, told["access"].remote_path, told["access"].proto) == (P_B, P_A, "TCP/MSRP")
    assert told["core"].path == stage.peer.answer()[1].attribute("path")
    assert (told["core"].remote_path, told["core"].proto, told["core"].setup) == (P_B, "TCP/MSRP", "passive")


def test_a_gateway_that_was_made_aware_stays_so():
    """After a reconfiguration a re-offer of the same session, with a=msrp-cema or without, keeps the connection; one of
    another session without it gets an aware stream from the start, since the far end is known to be plain."""
    stage = Stage()
    offerer, answerer = call(stage, cema=(True, False))
    offerer.acknowledges()
    count = len(stage.orders)
    for cema in (False, True):
        offerer.asks("INVITE", message(offerer.host, 5000, path=P_A, cema=cema))
        assert answerer.offer()[1].attribute("path") == P_A
        assert answerer.offer()[1].attribute("msrp-cema") is None
        answerer.answers(message(answerer.host, 6000, setup="passive", path=P_B, cema=False))
        offerer.acknowledges()
    assert stage.orders[count:] == []
    offerer.asks("INVITE", message(offerer.host, 5002, path="msrp://203.0.113.10:5002/sC;tcp", cema=False))
    assert answerer.offer()[1].attribute("path") not in (P_A, "msrp://203.0.113.10:5002/sC;tcp")
    assert stage.orders[count].proto == "TCP/MSRP"
