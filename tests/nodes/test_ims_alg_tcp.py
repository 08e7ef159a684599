"""TCP set-up direction at the IMS-ALG: what leaves over SIP and over Iq in each row of the role matrix."""

from __future__ import annotations

import pytest
from alg_stage import ALICE, BOB, GRANTED, PEER, PRIVATE, UE, Stage, message

from workbench.net.values import Endpoint
from workbench.nodes.ims_alg import StartsTcp, Tcp
from workbench.protocols.h248.message import Kind, Mode
from workbench.protocols.h248.packages import registry

LATCH = "ipnapt/latch"
BFCP = {"proto": "TCP/BFCP", "media": "application"}
TLS = {"proto": "TCP/TLS/MSRP", "more": ("a=fingerprint:SHA-256 " + ":".join(["AB"] * 32),)}


def call(stage, offered, answered, *, ue_offers=True, answer_host=None, **lines):
    """An offer and its answer; offerer and answerer."""
    offerer, answerer = (stage.ue, stage.peer) if ue_offers else (stage.peer, stage.ue)
    offerer.invites(BOB if ue_offers else ALICE, message(offerer.host, 5000, setup=offered, **lines))
    if answerer.requests("INVITE"):
        answerer.answers(message(answer_host or answerer.host, 6000, setup=answered, **lines))
    return offerer, answerer


def ends(stage):
    """What each termination was told last: side to order with a Local."""
    return {order.side: order for order in stage.orders if order.proto}


UNCHANGED = [(1, "active", "passive", "passive", "active"), (2, "passive", "active", "active", "passive"),
             (3, "actpass", "active", "active", "passive"), (4, "actpass", "passive", "passive", "active"),
             (9, None, None, "passive", "active")]


@pytest.mark.parametrize("ue_offers", [True, False], ids=["originating", "terminating"])
@pytest.mark.parametrize("case", UNCHANGED, ids=[f"row {case[0]}" for case in UNCHANGED])
@pytest.mark.parametrize("nat", [False, True], ids=["reachable", "behind a NAT"])
def test_the_direction_is_not_changed(case, ue_offers, nat):
    """§5.16.2.2: a=setup goes through as it came, each leg gets the complement; NAT alone changes nothing."""
    _, offered, answered, offerer_leg, answerer_leg = case
    stage = Stage(nat=nat)
    offerer, answerer = call(stage, offered, answered, ue_offers=ue_offers)
    assert answerer.offer()[1].attribute("setup") == offered
    assert (offerer.status(), offerer.answer()[1].attribute("setup")) == (200, answered)
    near, far = ("access", "core") if ue_offers else ("core", "access")
    told = ends(stage)
    assert (told[near].setup, told[far].setup) == (offerer_leg, answerer_leg)
    assert (told[near].remote_setup, told[far].remote_setup) == (answerer_leg, offerer_leg)
    assert {order.mode for order in told.values()} == {Mode.SEND_RECEIVE}
    assert [(order.kind, order.side) for order in stage.orders] == [
        (Kind.ADD, far), (Kind.MODIFY, far), (Kind.ADD, near)]
    assert stage.orders[0].setup == (offered or "active")
    assert any(LATCH in order.signals for order in stage.orders if order.side == "access") == nat
    assert all(LATCH not in order.signals for order in stage.orders if order.side == "core")


CHANGED = [
    # row, served UE offers, narrows, offer in, offer out, answer in, answer out, near leg, far leg
    (5, False, False, "active", "passive", "active", "passive", "passive", "passive"),
    (6, False, False, "actpass", "passive", "active", "active", "active", "passive"),
    (7, True, True, "actpass", "active", "passive", "passive", "passive", "active"),
    (8, True, False, "actpass", "actpass", "active", "passive", "passive", "passive"),
]


@pytest.mark.parametrize("case", CHANGED, ids=[f"row {case[0]}" for case in CHANGED])
@pytest.mark.parametrize("stream", [{}, BFCP], ids=["MSRP", "BFCP"])
def test_the_direction_is_changed_for_a_ue_behind_a_nat(case, stream):
    """§5.16.2.3: the served UE opens, whatever the other side does; with MSRP and with any TCP stream."""
    _, ue_offers, narrows, offered, onwards, answered, returned, near_role, far_role = case
    stage = Stage(nat=True, modifies_setup=True, narrows=narrows)
    offerer, answerer = call(stage, offered, answered, ue_offers=ue_offers, **stream)
    assert answerer.offer()[1].attribute("setup") == onwards
    assert offerer.answer()[1].attribute("setup") == returned
    near, far = ("access", "core") if ue_offers else ("core", "access")
    assert (ends(stage)[near].setup, ends(stage)[far].setup) == (near_role, far_role)
    ue_told = (offerer.answer() if ue_offers else answerer.offer())[1].attribute("setup")
    assert ue_told in ("passive", "actpass") or ue_offers
    assert ends(stage)["access"].setup == "passive"


@pytest.mark.parametrize("settings", [{}, {"modifies_setup": True}])
@pytest.mark.parametrize("nat", [False, True])
@pytest.mark.parametrize("case", CHANGED, ids=[f"row {case[0]}" for case in CHANGED])
def test_it_takes_permission_and_a_nat(case, nat, settings):
    """5.16.2.3 is a choice: without it, and for a UE that can be reached, nothing is changed."""
    if nat and settings:
        return
    _, ue_offers, _, offered, *_ = case
    stage = Stage(nat=nat, **settings)
    _, answerer = call(stage, offered, "passive", ue_offers=ue_offers)
    assert answerer.offer()[1].attribute("setup") == offered


def test_merge_at_the_terminating_side_has_the_order_of_the_call_flow():
    """§6.2.18.4: T_acc passive; T_core reserved and configured, passive; only then the offer; Configure; answer."""
    stage = Stage(nat=True, modifies_setup=True)
    call(stage, "active", "active", ue_offers=False)
    stage.log = [line for line in stage.log if line not in ("peer 100", "UE 100")]
    assert stage.log == ["Add access", "Add core", "UE INVITE", "Modify access", "peer 200"]
    first, core, configured = stage.orders
    assert (first.proto, first.setup, first.remote, first.signals) == ("TCP", "passive", None, (LATCH,))
    assert first.mode is Mode.INACTIVE
    assert (core.context, core.setup, core.remote, core.remote_setup) == (
        configured.context, "passive", Endpoint(PEER.host, 5000), "active")
    assert core.mode is Mode.SEND_RECEIVE
    # The UE's address is informative: it is where the latch says (step 10).
    assert (configured.setup, configured.remote, configured.mode) == (
        "passive", Endpoint(PRIVATE, 6000), Mode.SEND_RECEIVE)
    # Merge: no order to open anything.
    assert all(registry().wire_name("tcp-establish") not in order.signals for order in stage.orders)


def test_merge_at_the_originating_side_is_settled_by_the_answer():
    """Row 8: T_core takes part as actpass, and becomes passive with the answer."""
    stage = Stage(nat=True, modifies_setup=True)
    call(stage, "actpass", "active")
    assert [(order.side, order.setup) for order in stage.orders] == [
        ("core", "actpass"), ("core", "passive"), ("access", "passive")]


@pytest.mark.parametrize("answered", ["passive", None])
@pytest.mark.parametrize("offered", ["active", "actpass"])
def test_a_ue_that_waits_though_it_may_not_is_rejected(offered, answered):
    """R-5.16.2.3-12: behind its NAT nobody can reach it: 488 to the core, ACK and BYE to the UE, nothing left."""
    stage = Stage(nat=True, modifies_setup=True)
    call(stage, offered, answered, ue_offers=False)
    assert stage.peer.status() == 488
    assert "Warning" in stage.peer.final().headers
    assert [request.method for request in stage.ue.requests()] == ["INVITE", "ACK", "BYE"]
    assert stage.released() == [stage.orders[1].context]


@pytest.mark.parametrize(("offered", "row"), [("active", 1), ("actpass", 4)])
def test_a_ue_that_waits_and_can_be_reached_is_reached(offered, row):
    """R-5.16.2.3-12: its SDP names where its packets come from: back to §5.16.2.2, the gateway opens towards it."""
    stage = Stage(nat=True, modifies_setup=True)
    call(stage, offered, "passive", ue_offers=False, answer_host=UE.host)
    assert stage.peer.status() == 200
    assert stage.peer.answer()[1].attribute("setup") == "passive"
    told = ends(stage)
    assert (told["access"].setup, told["access"].remote_setup) == ("active", "passive")
    assert (told["core"].setup, told["core"].mode) == ("passive", Mode.SEND_RECEIVE)


@pytest.mark.parametrize("ue_offers", [True, False])
def test_holdconn_makes_no_connection(ue_offers):
    """Row 10, shown with BFCP: holdconn goes through, and to the gateway; the gates stay closed."""
    stage = Stage()
    offerer, answerer = call(stage, "holdconn", "holdconn", ue_offers=ue_offers, **BFCP)
    assert answerer.offer()[1].attribute("setup") == "holdconn"
    assert offerer.answer()[1].attribute("setup") == "holdconn"
    assert all(order.setup == "holdconn" and order.mode is Mode.INACTIVE for order in stage.orders)


def test_holdconn_counts_as_absent_with_msrp():
    """RFC 6135 §4.2: it stays in the text and means nothing: row 9."""
    stage = Stage()
    offerer, answerer = call(stage, "holdconn", None)
    assert answerer.offer()[1].attribute("setup") == "holdconn"
    assert (ends(stage)["access"].setup, ends(stage)["core"].setup) == ("passive", "active")
    assert offerer.status() == 200


@pytest.mark.parametrize("stream", [BFCP, {"proto": "TCP", "media": "application"}])
def test_any_tcp_stream_is_plain_tcp_for_the_gateway(stream):
    """An application that nobody here knows: anchored, told as TCP, its attributes untouched."""
    stage = Stage()
    _, answerer = call(stage, "active", "passive", more=("a=floorctrl:c-only", "a=confid:7"), **stream)
    described, media = answerer.offer()
    assert media.attribute("confid") == "7"
    assert described.connection_of(media).address == GRANTED["core"]
    assert {order.proto for order in stage.orders} == {"TCP"}
    assert {order.media for order in stage.orders} == {"application"}


@pytest.mark.parametrize("proto", ["UDP/BFCP", "RTP/AVP", "TCP/DTLS/BFCP", "what/ever"])
def test_what_is_no_tcp_stream_is_refused(proto):
    """Datagram media and words that nobody knows: 488 before anything is ordered."""
    stage = Stage()
    call(stage, "active", "passive", proto=proto, media="application")
    assert (stage.ue.status(), stage.orders) == (488, [])


# Stateless

@pytest.mark.parametrize("ue_offers", [True, False])
@pytest.mark.parametrize("case", [*UNCHANGED, (10, "holdconn", "holdconn", None, None)])
def test_stateless_handling_gives_no_role(case, ue_offers):
    """§5.16.1: "TCP" on both terminations, no role, nothing to report; a=setup and a=connection go through."""
    _, offered, answered, *_ = case
    stage = Stage(tcp=Tcp.STATELESS, nat=True, modifies_setup=True)
    offerer, answerer = call(stage, offered, answered, ue_offers=ue_offers, more=("a=connection:new",), **BFCP)
    for described, setup in ((answerer.offer(), offered), (offerer.answer(), answered)):
        assert described[1].attribute("setup") == setup
        assert described[1].attribute("connection") == "new"
    for order in stage.orders:
        assert (order.proto, order.setup, order.remote_setup) == ("TCP", None, None)
        assert order.events == ("hangterm/thb",)
    assert {order.mode for order in ends(stage).values()} == {Mode.SEND_RECEIVE}
    assert LATCH in next(order for order in stage.orders if order.side == "access").signals


# Who starts

def test_an_order_starts_tcp_after_offer_and_answer():
    """R-5.16.2.2-5: Establish TCP connection at the active leg, once the offerer has acknowledged the answer."""
    establish = registry().wire_name("tcp-establish")
    for offered, answered, opens in (("active", "passive", "core"), ("actpass", "active", "access")):
        stage = Stage(starts_tcp=StartsTcp.SIGNAL)
        offerer, _ = call(stage, offered, answered)
        assert all(establish not in order.signals for order in stage.orders)
        count = len(stage.orders)
        offerer.acknowledges()
        assert [(order.side, order.signals) for order in stage.orders[count:]] == [(opens, (establish,))]


def test_tcp_that_cannot_be_started_ends_the_call():
    """The gateway refuses the order to open: BYE on both sides, Subtract; never a call that hangs."""
    stage = Stage(starts_tcp=StartsTcp.SIGNAL)
    offerer, answerer = call(stage, "active", "passive")
    stage.refuses = [501]
    offerer.acknowledges()
    assert [party.requests()[-1].method for party in (offerer, answerer)] == ["BYE", "BYE"]
    assert stage.released() == [stage.orders[1].context]


def test_no_order_starts_tcp_in_merge_mode_or_with_interlinkage():
    """R-5.16.2.3-10, R-5.16.2.2-4: both come in, or one makes the other: nothing is ordered."""
    establish = registry().wire_name("tcp-establish")
    for settings, offered, answered, ue_offers in (
            ({"starts_tcp": StartsTcp.SIGNAL, "modifies_setup": True, "nat": True}, "active", "active", False),
            ({}, "active", "passive", True)):
        stage = Stage(**settings)
        offerer, _ = call(stage, offered, answered, ue_offers=ue_offers)
        offerer.acknowledges()
        assert all(establish not in order.signals for order in stage.orders)


# NAT detection and guards

def test_a_nat_is_seen_in_the_registration_or_in_the_offer():
    """The flow of the registration against Contact, c= against the SIP source; each suffices."""
    for nat, host, seen in ((True, UE.host, True), (False, PRIVATE, True), (False, UE.host, False)):
        stage = Stage(nat=nat, modifies_setup=True, narrows=True)
        stage.ue.invites(BOB, message(host, setup="actpass"))
        assert (stage.peer.offer()[1].attribute("setup") == "active") == seen


def e2e_attributes(media):
    """What belongs to end-to-end TLS, as it is written."""
    return [line.value for line in media.lines if line.type == "a"]


@pytest.mark.parametrize("ue_offers", [True, False])
def test_end_to_end_tls_goes_through_untouched(ue_offers):
    """R-6.2.10A-1 to -4: attributes and transport unmodified, gateway told plain TCP without media, no TLS."""
    stage = Stage(modifies_setup=True, e2ae=True)
    offerer, answerer = call(stage, "active", "passive", ue_offers=ue_offers, proto=TLS["proto"],
                             more=(*TLS["more"], "a=key-mgmt:mikey AQQF", "a=tls-id:abcdefghij0123456789",
                                   "a=acap:1 setup:active"))
    for party, described in ((offerer, answerer.offer()), (answerer, offerer.answer())):
        sent = message(party.host, 5000 if party is offerer else 6000, proto=TLS["proto"],
                       setup="active" if party is offerer else "passive",
                       more=(*TLS["more"], "a=key-mgmt:mikey AQQF", "a=tls-id:abcdefghij0123456789",
                             "a=acap:1 setup:active"))
        assert described[1].proto == TLS["proto"]
        assert e2e_attributes(described[1]) == [line[2:] for line in sent.split("\r\n") if line.startswith("a=")]
    assert {(order.media, order.proto) for order in stage.orders} == {("-", "TCP")}
    assert all(order.path is None and order.remote_path is None for order in stage.orders)


GUARDED = [
    # served UE offers, offered, answered (the UE would have to be reached), certain before the answer
    (True, "passive", "active", True), (True, "actpass", "active", False), (False, "active", "passive", True),
    (False, "actpass", "passive", False), (False, None, None, True)]


@pytest.mark.parametrize("case", GUARDED)
@pytest.mark.parametrize("modifies", [False, True])
def test_end_to_end_tls_towards_a_ue_behind_a_nat_is_rejected(case, modifies):
    """R-5.16.2.3-14, §6.1: a=setup is not changed, so what can't work is refused: 488 with Warning, nothing left."""
    ue_offers, offered, answered, certain = case
    stage = Stage(nat=True, modifies_setup=modifies)
    offerer, answerer = call(stage, offered, answered, ue_offers=ue_offers, **TLS)
    assert offerer.status() == 488
    assert offerer.final().headers.get("Warning").startswith(f'399 {offerer.proxy} "end-to-end TLS')
    assert (answerer.requests() == [] and stage.orders == []) == certain
    assert certain or answerer.offer()[1].attribute("setup") == offered
    assert len(stage.released()) == (0 if certain else 1)


@pytest.mark.parametrize(("ue_offers", "offered", "answered"), [
    (True, "active", "passive"), (True, "actpass", "passive"), (False, "passive", "active"),
    (False, "actpass", "active")])
def test_end_to_end_tls_from_a_ue_behind_a_nat_works(ue_offers, offered, answered):
    """One UE behind a NAT that is TCP-active: nothing to modify, nothing to refuse."""
    stage = Stage(nat=True, modifies_setup=True)
    offerer, answerer = call(stage, offered, answered, ue_offers=ue_offers, **TLS)
    assert (answerer.offer()[1].attribute("setup"), offerer.status()) == (offered, 200)


def test_without_the_guard_end_to_end_tls_is_merged():
    """guards_e2e=False: what the guard is for: both TLS clients are told to open (§6.2)."""
    stage = Stage(nat=True, modifies_setup=True, guards_e2e=False)
    offerer, answerer = call(stage, "active", "active", ue_offers=False, **TLS)
    assert answerer.offer()[1].attribute("setup") == "passive"
    assert {order.setup for order in stage.orders} == {"passive"}
    assert offerer.status() == 200


@pytest.mark.parametrize("ue_offers", [True, False])
def test_a_ue_that_has_asked_how_it_is_seen_can_be_reached(ue_offers):
    """Its Contact is private, its SDP names where its packets come from (STUN): end-to-end TLS is not refused."""
    stage = Stage(nat=True)
    stage.ue.host = UE.host
    offerer, answerer = call(stage, "actpass", "active" if ue_offers else "passive", ue_offers=ue_offers, **TLS)
    assert (offerer.status(), answerer.offer()[1].attribute("setup")) == (200, "actpass")
    assert ends(stage)["access"].setup == "active"
