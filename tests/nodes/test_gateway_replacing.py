"""A new DTLS association replaces the one in place: what orders it, and what passes meanwhile (D4, RFC 7345 §4.5)."""

from __future__ import annotations

import pytest
from agw_stage import (
    AGW_PRINT,
    OTHER_IDENTITY,
    OTHER_PRINT,
    PEER,
    UE,
    UE_IDENTITY,
    UE_PRINT,
    local,
    modify,
    remote,
    stream,
)
from test_gateway_datagrams import (
    BACK,
    ESTABLISH,
    FAX,
    LATCH,
    TLS,
    UE_SOURCE,
    FaxPeer,
    Stage,
    arrives,
    dropped,
    legs,
)

from workbench.net.values import Drop, Endpoint, SendDatagram, Woke
from workbench.security import dtls

OURS, THEIRS = "a" * 24, "b" * 24
NEW_OURS, NEW_THEIRS = "c" * 24, "d" * 24
MOVED = Endpoint(UE.host, 7777)


def described(
    *, setup: str = "passive", ours: str = OURS, theirs: str = THEIRS, print_: str = UE_PRINT,
    where: Endpoint = UE_SOURCE, own: str = "SHA-256 $",
) -> tuple[str, str]:
    """Local and Remote of the access leg."""
    peer = "active" if setup == "passive" else "passive"
    ids = [(f"a=tls-id:{one}",) if one else () for one in (ours, theirs)]
    return (local(TLS, setup, f"a=fingerprint:{own}", *ids[0]),
            remote(TLS, peer, where, f"a=fingerprint:{print_}", *ids[1]))


class Fax:
    """An association that is up between a UE and the gateway."""

    def __init__(self, *signals: str, client: bool = True, **settings: object) -> None:
        self.stage = Stage(**settings)
        setup = "passive" if client else "active"
        self.near, self.far = legs(self.stage, described(setup=setup), *signals)
        self.ue = FaxPeer(self.stage, self.near, client=client).starts().reads()
        assert isinstance(self.ue.events[-1], dtls.Verified)
        self.ue.sends(FAX)
        self.passes()

    def orders(self, *signals: str, **changes: object) -> None:
        """Modify: the description with these changes."""
        near = self.near
        local_, remote_ = described(**{"own": AGW_PRINT, **changes})  # type: ignore[arg-type]
        local_ = local_.replace("c=IN IP4 $", f"c=IN IP4 {near.host}").replace("m=image $", f"m=image {near.port}")
        reply = self.stage.orders(modify("ip/1/access/1", stream(local_, remote_), *signals))
        assert "Error" not in str(reply)

    def again(self, *, client: bool = True, **settings: object) -> FaxPeer:
        """Another association of the UE's, as far as it gets."""
        return FaxPeer(self.stage, self.near, client=client, **settings).starts().reads()  # type: ignore[arg-type]

    def passes(self) -> None:
        """The fax is on the core leg."""
        self.stage.does(SendDatagram(self.far, PEER, FAX))

    def after(self, seconds: float) -> None:
        """Time passes."""
        until = self.stage.now + seconds
        kept = self.stage.open
        while (moment := self.stage.node.next_wakeup()) is not None and moment <= until:
            self.stage.now = max(self.stage.now, moment)
            self.stage.open = []
            kept += self.stage.sees(Woke()).open
        self.stage.now, self.stage.open = until, kept


KINDS = [{"theirs": NEW_THEIRS, "ours": NEW_OURS}, {"theirs": NEW_THEIRS}, {"ours": NEW_OURS}]


@pytest.mark.parametrize("changes", KINDS, ids=["both", "theirs", "ours"])
def test_another_tls_id_orders_a_new_association(changes):
    """The former one carries the fax both ways until the new one is up, then it is heard for a while, and closed."""
    fax = Fax()
    fax.orders(**changes)
    fax.ue.sends(FAX)
    fax.passes()
    arrives(fax.stage, fax.far, PEER, BACK)
    assert fax.ue.reads().heard == [BACK]
    new = fax.again()
    assert isinstance(new.events[-1], dtls.Verified)
    for one in (fax.ue, new, fax.ue):
        one.sends(FAX)
        fax.passes()
    arrives(fax.stage, fax.far, PEER, BACK)
    assert new.reads().heard == [BACK]
    fax.after(2.0)
    fax.ue.reads()
    assert isinstance(fax.ue.events[-1], dtls.PeerClosed)
    fax.ue.session = new.session
    new.sends(FAX)
    fax.passes()


def test_what_is_said_again_orders_nothing():
    """The same a=tls-id, fingerprint and role, in another mode or not: the association goes on, and no octet leaves."""
    fax = Fax()
    fax.orders()
    assert fax.stage.take() == []
    fax.ue.sends(FAX)
    fax.passes()


def test_another_fingerprint_orders_a_new_association():
    """R-6.2.10.4-13: the new association has to match the new fingerprint; until then the former one serves."""
    fax = Fax()
    fax.orders(print_=OTHER_PRINT)
    fax.ue.sends(FAX)
    fax.passes()
    new = fax.again(identity=OTHER_IDENTITY)
    assert isinstance(new.events[-1], dtls.Verified)
    new.sends(FAX)
    fax.passes()


def test_a_new_association_with_the_wrong_certificate_ends_all():
    """It has to be the certificate that the exchange announced; then the former one serves no longer either (D4)."""
    fax = Fax()
    fax.orders(print_=OTHER_PRINT)
    fax.again()
    assert fax.stage.notified() == ("ip/1/access/1", "tlsbsc/BNCChange", {"Type": "Fail"})
    fax.stage.take()
    fax.ue.sends(FAX)
    assert "DTLS is over" in dropped(fax.stage)


def test_the_other_role_orders_a_new_association():
    """RFC 8842 §3.1: the roles of DTLS change with a new association only."""
    fax = Fax()
    fax.orders(setup="active")
    new = fax.again(client=False)
    assert isinstance(new.events[-1], dtls.Verified)
    new.sends(FAX)
    fax.passes()


def test_establish_signal_makes_the_gateway_client_of_the_new_one():
    """The gateway was server and begins now; the order before does not make it client for ever."""
    fax = Fax()
    fax.orders(ESTABLISH, setup="active", ours=NEW_OURS, theirs=NEW_THEIRS)
    new = fax.again(client=False)
    assert isinstance(new.events[-1], dtls.Verified)
    fax.after(5.0)
    new.reads()
    fax.stage.take()
    fax.orders(ours=OURS, theirs=THEIRS)
    assert fax.stage.take() == []
    third = fax.again()
    assert isinstance(third.events[-1], dtls.Verified)


def test_a_client_hello_that_nobody_ordered_is_dropped():
    """RFC 8842 §3.1, RFC 6347 §4.2.8: without an exchange there is no new association, and the one in place goes on."""
    fax = Fax()
    stranger = fax.again()
    assert stranger.events == []
    assert all(isinstance(one, Drop) for one in fax.stage.take())
    fax.ue.sends(FAX)
    fax.passes()


def test_a_client_hello_before_the_order_is_repeated():
    """The answer may be slower than the UE: its ClientHello is dropped, and the next one is taken."""
    fax = Fax()
    early = fax.again()
    fax.stage.take()
    fax.orders(theirs=NEW_THEIRS, ours=NEW_OURS)
    fax.stage.now += 1.0
    early._does(early.session.wake(fax.stage.now))
    early.reads()
    assert isinstance(early.events[-1], dtls.Verified)


def test_a_new_port_with_a_new_tls_id():
    """The new association comes from the new port; the former one is heard, and served, at the old one meanwhile."""
    fax = Fax()
    fax.orders(theirs=NEW_THEIRS, ours=NEW_OURS, where=MOVED)
    fax.ue.sends(FAX)
    fax.passes()
    arrives(fax.stage, fax.far, PEER, BACK)
    assert fax.ue.reads().heard == [BACK]
    new = fax.again(where=MOVED)
    for one in (fax.ue, new):
        one.sends(FAX)
        fax.passes()
    arrives(fax.stage, fax.far, PEER, BACK)
    assert new.reads().heard == [BACK]


def test_a_new_port_with_the_same_tls_id():
    """RFC 8842 §4: the association is named, and goes on from the new address."""
    fax = Fax()
    fax.orders(where=MOVED)
    fax.ue.where = MOVED
    fax.ue.sends(FAX)
    fax.passes()
    arrives(fax.stage, fax.far, PEER, BACK)
    assert fax.ue.reads().heard == [BACK]


@pytest.mark.parametrize("latched", [False, True])
def test_the_peer_may_still_be_at_the_address_that_it_leaves(latched):
    """Remote is told before the peer knows: what still comes from there is heard, and ties the gateway to nothing."""
    signals = (LATCH,) if latched else ()
    fax = Fax(*signals)
    fax.orders(*signals, where=MOVED)
    fax.ue.sends(FAX)
    fax.passes()
    fax.ue.where = MOVED
    fax.ue.sends(FAX)
    fax.passes()
    arrives(fax.stage, fax.far, PEER, BACK)
    assert fax.ue.reads().heard == [BACK]
    fax.ue.where = UE_SOURCE
    fax.ue.sends(FAX)
    assert "which is the peer" in dropped(fax.stage)


def test_a_peer_that_does_not_move_after_all():
    """After a while its old address is as good as any other of its host that has the keys."""
    fax = Fax()
    fax.orders(where=MOVED)
    fax.after(3.0)
    fax.ue.sends(FAX)
    fax.passes()
    arrives(fax.stage, fax.far, PEER, BACK)
    assert fax.ue.reads().heard == [BACK]


def test_a_server_is_sure_when_it_has_heard_the_client():
    """Its last flight may be lost: until payload has come in the new association, the former one is spoken in."""
    fax = Fax()
    fax.orders(theirs=NEW_THEIRS, ours=NEW_OURS)
    new = fax.again()
    arrives(fax.stage, fax.far, PEER, BACK)
    assert fax.ue.reads().heard == [BACK]
    new.sends(FAX)
    fax.passes()
    arrives(fax.stage, fax.far, PEER, BACK)
    assert new.reads().heard == [BACK]


def test_a_new_host_without_tls_id():
    """RFC 7345 §4.5: where nothing names the association, another transport address means a new one."""
    fax = Fax.__new__(Fax)
    fax.stage = Stage()
    fax.near, fax.far = legs(fax.stage, described(ours="", theirs=""))
    fax.ue = FaxPeer(fax.stage, fax.near).starts().reads()
    moved = Endpoint("10.20.30.41", 6000)
    fax.orders(ours="", theirs="", where=moved)
    fax.ue.where = moved
    fax.ue.sends(FAX)
    assert "nothing of the DTLS association" in dropped(fax.stage)
    new = fax.again(where=moved, identity=UE_IDENTITY)
    new.sends(FAX)
    fax.passes()


def test_behind_a_nat_the_new_source_is_latched():
    """Latching is ordered again: the client of the new association is the peer, the former source is still heard."""
    fax = Fax(LATCH)
    fax.orders(LATCH, theirs=NEW_THEIRS, ours=NEW_OURS, where=Endpoint(UE.host, 6100))
    new = fax.again(where=MOVED)
    for one in (fax.ue, new):
        one.sends(FAX)
        fax.passes()
    other = FaxPeer(fax.stage, fax.near, where=Endpoint("198.18.0.66", 9))
    other.starts()
    assert "which is the peer" in dropped(fax.stage)


def test_the_former_association_may_be_closed_by_the_ue():
    """Nobody is told, and the new one is not touched by it."""
    fax = Fax()
    fax.orders(theirs=NEW_THEIRS, ours=NEW_OURS)
    new = fax.again()
    fax.ue._does(fax.ue.session.close())
    fax.ue.reads()
    assert fax.stage.take() == []
    new.sends(FAX)
    fax.passes()


def test_a_new_association_that_does_not_come_is_reported():
    """No ClientHello within the guard: the controller is told, and nothing is held any more."""
    fax = Fax(tls_guard=5.0)
    fax.orders(theirs=NEW_THEIRS, ours=NEW_OURS)
    fax.after(5.0)
    assert fax.stage.notified() == ("ip/1/access/1", "tlsbsc/BNCChange", {"Type": "Fail"})
    fax.ue.reads()
    assert isinstance(fax.ue.events[-1], dtls.PeerClosed)
    assert fax.stage.take() == []
    bearer = fax.stage.node._control.bearers[fax.near]
    assert bearer._former is None
    assert bearer._association is None


def test_however_many_are_ordered_there_are_two_at_most():
    """An order that finds one up and a former one ends the former; those that never came up leave nothing."""
    fax = Fax()
    bearer = fax.stage.node._control.bearers[fax.near]
    for number in range(10):
        fax.orders(theirs=f"{number:024d}", ours=NEW_OURS)
        fax.ue.reads()
        fax.ue.sends(FAX)
        fax.passes()
        if number % 2:
            fax.ue = fax.again()
            fax.ue.sends(FAX)
            fax.passes()
        assert bearer._former is not None
        assert bearer._former is not bearer._association
    fax.after(15.0)
    assert bearer._former is None


def test_without_overlap_the_former_is_gone_at_once():
    """What the weakened gateway does: close_notify with the order, and nothing passes until the new one is up."""
    fax = Fax(overlaps=False)
    fax.orders(theirs=NEW_THEIRS, ours=NEW_OURS)
    fax.ue.reads()
    assert isinstance(fax.ue.events[-1], dtls.PeerClosed)
    arrives(fax.stage, fax.far, PEER, BACK)
    assert "DTLS is not up" in dropped(fax.stage)


@pytest.mark.parametrize("value", ["short", "x" * 300, "no spaces are allowed here at all"])
def test_a_tls_id_that_is_none_is_refused(value):
    """449: 20 to 255 characters of its alphabet (RFC 8842 §4)."""
    stage = Stage()
    legs(stage, described())
    reply = stage.orders(modify("ip/1/access/1", stream(described(theirs=value)[1])))
    assert "449" in str(reply)
