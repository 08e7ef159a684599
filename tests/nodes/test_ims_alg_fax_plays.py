"""What the IMS-ALG orders and writes for new offers inside a fax call, message by message (R-6.2.10.4-13, -15)."""

from __future__ import annotations

import pytest
from alg_stage import ALICE, BOB, OWN, PRINT, UE, Order, Stage, message

from workbench.net.values import Endpoint
from workbench.protocols import sdp
from workbench.protocols.h248.message import Kind, Mode
from workbench.protocols.h248.packages import registry

TLS = "UDP/TLS/UDPTL"
ID, OTHER_ID = "u" * 24, "v" * 24
OTHER_PRINT = "SHA-256 " + ":".join(["EF"] * 32)
ESTABLISH = registry().wire_name("tls-establish")


def ue(*, setup: str = "active", tls_id: str = ID, prints: tuple[str, ...] = (PRINT,), port: int = 5000,
       more: tuple[str, ...] = (), offers: bool = True) -> str:
    """What the UE says of its stream."""
    lines = [*(f"a=fingerprint:{one}" for one in prints), *([f"a=tls-id:{tls_id}"] if tls_id else []),
             *(["a=3ge2ae:requested"] if offers else []), "a=T38FaxVersion:0", *more]
    return message(UE.host, port, TLS, setup, more=tuple(lines), media="image").replace("image 5000 UDP/TLS/UDPTL *",
                                                                                      "image 5000 UDP/TLS/UDPTL t38")


def peer(stage: Stage, *, port: int = 6000, more: tuple[str, ...] = ()) -> str:
    """What the other end says of its."""
    return message(stage.peer.host, port, "udptl", None, more=("a=T38FaxVersion:0", *more), media="image")


class Fax:
    """A fax call that runs at the edge; the orders begin anew."""

    def __init__(self, *, ue_offers: bool = True, setup: str = "active", tls_id: str = ID, **settings: object) -> None:
        self.stage = stage = Stage(e2ae="udptl-dtls", **settings)
        self.first = ue(setup=setup, tls_id=tls_id, offers=ue_offers)
        if ue_offers:
            stage.ue.invites(BOB, self.first)
            stage.peer.answers(peer(stage))
            stage.ue.acknowledges()
            self.named = stage.ue.answer()[1].attribute("tls-id")
        else:
            stage.peer.invites(ALICE, peer(stage))
            stage.ue.answers(self.first)
            stage.peer.acknowledges()
            self.named = stage.ue.offer()[1].attribute("tls-id")
        self.added = {order.side: order for order in stage.orders}
        stage.orders.clear()

    def offers(self, body: str) -> list[Order]:
        """The UE makes this offer, the core answers as before; what is ordered."""
        self.stage.ue.asks("INVITE", body)
        self.stage.peer.answers(peer(self.stage))
        self.stage.ue.acknowledges()
        return self.stage.orders

    def answers(self, body: str) -> list[Order]:
        """The core makes an offer, the UE answers so; what is ordered."""
        self.stage.peer.asks("INVITE", peer(self.stage))
        self.stage.ue.answers(body)
        return self.stage.orders

    @property
    def told(self) -> sdp.Media:
        """The answer that the UE got last."""
        return self.stage.ue.answer()[1]


@pytest.mark.parametrize("setup", ["actpass", "active"])
def test_what_keeps_the_association_takes_no_order(setup):
    """Unchanged a=tls-id and fingerprint: the answer has the edge's own a=tls-id, fingerprint and role as before."""
    fax = Fax()
    assert fax.offers(ue(setup=setup)) == []
    assert fax.told.attribute("tls-id") == fax.named
    assert fax.told.attribute("setup") == "passive"
    assert [one.encode() for one in fax.told.fingerprints] == [OWN]


def test_attributes_of_t38_pass_and_nothing_is_ordered():
    """Another correction or datagram size is the terminals' business, whoever says it."""
    fax = Fax()
    assert fax.offers(ue(setup="actpass", more=("a=T38FaxUdpEC:t38UDPFEC", "a=T38FaxMaxDatagram:320"))) == []
    assert fax.stage.peer.offer()[1].attribute("T38FaxMaxDatagram") == "320"


def test_fingerprints_are_a_set_and_hash_names_have_no_case():
    """Order and case of the lines change nothing; one more line does (RFC 8842 §3.1, RFC 8122 §5)."""
    fax = Fax()
    two = (PRINT, OTHER_PRINT)
    assert [order.kind for order in fax.offers(ue(prints=two, setup="actpass"))] == [Kind.MODIFY]
    fax.stage.orders.clear()
    turned = tuple(one.replace("SHA", "sha") for one in reversed(two))
    assert fax.offers(ue(prints=turned, setup="actpass")) == []


@pytest.mark.parametrize(("ue_offers", "setup"), [(True, "active"), (False, "active"), (False, "passive")])
def test_offers_of_the_core_that_keep_it(ue_offers, setup):
    """The UE reads actpass and the a=tls-id that it knows; its answer has its own, and nothing is ordered (§5.5)."""
    fax = Fax(ue_offers=ue_offers, setup=setup)
    assert fax.answers(ue(setup=setup, offers=False)) == []
    offered = fax.stage.ue.offer()[1]
    assert (offered.attribute("setup"), offered.attribute("tls-id")) == ("actpass", fax.named)
    assert offered.attribute("3ge2ae") == "applied"
    back = fax.stage.peer.answer()[1]
    assert back.proto == "udptl"
    assert {"setup", "tls-id", "fingerprint", "3ge2ae"}.isdisjoint(line.name for line in back.lines)


@pytest.mark.parametrize("changes", [
    {"tls_id": OTHER_ID}, {"prints": (OTHER_PRINT,)}, {"tls_id": OTHER_ID, "port": 5002}, {"setup": "passive"},
], ids=["tls-id", "fingerprint", "port", "role"])
def test_another_association_is_one_order(changes):
    """One Modify of the access side, with all that the new association is known by, before the UE gets its answer."""
    fax = Fax()
    (order,) = fax.offers(ue(**{"setup": "actpass", **changes}))
    assert (order.kind, order.side) == (Kind.MODIFY, "access")
    assert order.tls_id not in (None, fax.named)
    assert order.tls_id == fax.told.attribute("tls-id")
    assert order.remote_tls_id == changes.get("tls_id", ID)
    assert order.remote == Endpoint(UE.host, changes.get("port", 5000))
    client = changes.get("setup") == "passive"
    assert (order.setup, fax.told.attribute("setup")) == (("active",) * 2 if client else ("passive",) * 2)
    assert (ESTABLISH in order.signals) == client
    log = fax.stage.log
    assert log.index("Modify access", len(log) - 5) < len(log) - 1 - log[::-1].index("UE 200")


@pytest.mark.parametrize(("setup", "role"), [("active", "passive"), ("passive", "active")])
def test_the_answerer_asks_for_another_one(setup, role):
    """Its a=tls-id is new: roles follow from this exchange, and the edge's own a=tls-id is the one that it offered."""
    fax = Fax(ue_offers=False)
    (order,) = fax.answers(ue(tls_id=OTHER_ID, setup=setup, offers=False))
    assert (order.side, order.setup, order.tls_id, order.remote_tls_id) == ("access", role, fax.named, OTHER_ID)
    assert (ESTABLISH in order.signals) == (role == "active")


def test_another_address_of_the_same_association():
    """With a=tls-id it is told and no more: Remote has the address, and the association is named as before."""
    fax = Fax()
    (order,) = fax.offers(ue(setup="actpass", port=5002))
    assert (order.remote, order.tls_id, order.remote_tls_id) == (Endpoint(UE.host, 5002), fax.named, ID)
    assert order.signals == ()


def test_without_tls_id_another_address_is_another_association():
    """RFC 7345 §4.5: the UE is told no a=tls-id either; on Iq the new one has a name that is new."""
    fax = Fax(tls_id="")
    before = fax.added["access"].tls_id
    assert fax.named is None
    assert fax.offers(ue(setup="actpass", tls_id="")) == []
    (order,) = fax.offers(ue(setup="actpass", tls_id="", port=5002))
    assert order.tls_id not in (None, before)
    assert fax.told.attribute("tls-id") is None


def test_hold_orders_modes_only():
    """a=sendonly of the UE: what comes from the core is not passed on, and nothing else is said (R-S6-3)."""
    fax = Fax()
    orders = fax.offers(ue(setup="actpass", more=("a=sendonly",)))
    assert {(order.kind, order.side, order.mode) for order in orders} == {
        (Kind.MODIFY, "access", Mode.RECEIVE_ONLY), (Kind.MODIFY, "core", Mode.SEND_ONLY)}
    assert not any(order.proto or order.remote or order.signals for order in orders)


@pytest.mark.parametrize("body", [
    message(UE.host, 5000, "udptl", None, media="image"), ue(setup="holdconn", tls_id=OTHER_ID),
], ids=["downgrade", "holdconn"])
def test_what_is_not_acceptable_is_refused(body):
    """A downgrade to clear UDPTL, and DTLS that is put off: 488, and all stays as it was."""
    fax = Fax()
    fax.stage.ue.asks("INVITE", body)
    assert fax.stage.ue.status() == 488
    assert fax.stage.orders == []
    assert fax.offers(ue(setup="actpass")) == []
    assert fax.told.attribute("tls-id") == fax.named


def test_an_offer_that_the_core_refuses_leaves_the_association():
    """The UE asked for another one in vain: nothing is ordered, and the next exchange goes on with the former names."""
    fax = Fax()
    fax.stage.ue.asks("INVITE", ue(setup="actpass", tls_id=OTHER_ID))
    fax.stage.peer.answers(status=488)
    assert fax.stage.ue.status() == 488
    assert fax.offers(ue(setup="actpass")) == []
    assert fax.told.attribute("tls-id") == fax.named


def test_an_answer_that_is_no_role_ends_the_call():
    """The UE has taken the offer and says nobody's role for the new association: both halves are released."""
    fax = Fax(ue_offers=False)
    orders = fax.answers(ue(tls_id=OTHER_ID, setup="actpass", offers=False))
    assert fax.stage.peer.status() == 502
    assert [order.kind for order in orders] == [Kind.SUBTRACT]


def test_a_fax_in_clear_that_is_to_be_protected_is_a_stream_of_its_own():
    """R-6.2.10.4-14: new terminations, DTLS on the access side, and the former ones are released."""
    stage = Stage(e2ae="udptl-dtls")
    clear = message(UE.host, 5000, "udptl", None, media="image")
    stage.ue.invites(BOB, clear)
    stage.peer.answers(peer(stage))
    stage.ue.acknowledges()
    stage.orders.clear()
    stage.ue.asks("INVITE", ue())
    stage.peer.answers(peer(stage))
    stage.ue.acknowledges()
    assert [(order.kind, order.proto) for order in stage.orders if order.kind is Kind.ADD] == [
        (Kind.ADD, "udptl"), (Kind.ADD, TLS)]
    assert stage.orders[-1].kind is Kind.SUBTRACT


def test_port_0_takes_the_fax_out():
    """The stream is removed on both sides and at the gateway (RFC 3264 §8.2)."""
    fax = Fax()
    fax.stage.ue.asks("INVITE", ue(setup="actpass").replace("image 5000", "image 0"))
    fax.stage.peer.answers(peer(fax.stage, port=0))
    fax.stage.ue.acknowledges()
    assert [order.kind for order in fax.stage.orders] == [Kind.SUBTRACT]
