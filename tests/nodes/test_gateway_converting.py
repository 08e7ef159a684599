"""Datagram endpoints that the network joins for a gateway: when, how payload is changed then, and when that ends."""

from __future__ import annotations

import pytest
from agw_stage import OTHER_IDENTITY, OTHER_PRINT, PEER, UE, modify, stream
from test_gateway_datagrams import BACK, FAX, LATCH, UE_SOURCE, FaxPeer, Stage, arrives, clear, legs, secured

from workbench.net.values import Convert, Drop, Endpoint, SendDatagram, Stream, Unconvert, Woke
from workbench.protocols.h248 import message as h248
from workbench.security import dtls


class Joining(Stage):
    """A stage whose network can convert."""

    def __init__(self) -> None:
        super().__init__(converts=True)
        self._ignoring += (Convert, Unconvert)

    @property
    def joints(self) -> list[Convert | Unconvert]:
        """What was ordered of the network so far, in order."""
        return [command for command in self.all if isinstance(command, Convert | Unconvert)]

    def joined(self) -> Convert:
        """The endpoints are joined, once."""
        (joint,) = self.joints
        assert isinstance(joint, Convert)
        return joint

    def parted(self) -> None:
        """They were joined before, and are not any more."""
        convert, unconvert = self.joints
        assert isinstance(convert, Convert)
        assert unconvert == Unconvert(convert.a)


def up(stage: Joining, *signals: str, client: bool = True) -> tuple[FaxPeer, Endpoint, Endpoint]:
    near, far = legs(stage, secured("passive" if client else "active", "active" if client else "passive"), *signals)
    return FaxPeer(stage, near, client=client).starts().reads(), near, far


@pytest.mark.parametrize("client", [True, False], ids=["gateway is server", "gateway is client"])
def test_they_are_joined_when_dtls_has_been_verified(client):
    """Not before; from then on the network opens records of the UE and seals packets of the core."""
    stage = Joining()
    ue, near, far = up(stage, client=client)
    joint = stage.joined()
    assert {joint.a, joint.b} == {Stream(near, UE_SOURCE), Stream(far, PEER)}
    opens, seals = (joint.forth, joint.back) if joint.a.local == near else (joint.back, joint.forth)
    (record,) = [event.octets for event in ue.session.send(FAX) if isinstance(event, dtls.Transmit)]
    assert opens(record) == FAX
    sealed = seals(BACK)
    assert sealed is not None
    assert ue.session.receive_datagram(sealed, 0.0) == [dtls.Data(BACK)]


def test_what_is_no_payload_is_left_to_the_node():
    """In clear, garbled, replayed, of the handshake, close_notify; too long to be sealed, or nothing at all."""
    stage = Joining()
    ue, _, _ = up(stage)
    joint = stage.joined()
    opens, seals = (joint.forth, joint.back) if joint.a.remote == UE_SOURCE else (joint.back, joint.forth)
    (record,) = [event.octets for event in ue.session.send(FAX) if isinstance(event, dtls.Transmit)]
    assert opens(record + record) is None          # two records: receive_datagram reads both
    assert opens(record) == FAX
    (other,) = [event.octets for event in ue.session.send(FAX) if isinstance(event, dtls.Transmit)]
    wrong = [FAX, BACK, b"", record, *(other[:at] for at in range(len(other))),
             *(other[:at] + bytes([other[at] ^ 1]) + other[at + 1 :] for at in range(len(other)))]
    assert [opens(data) for data in wrong] == [None] * len(wrong)
    assert opens(other) == FAX
    assert seals(b"") is seals(bytes(16_385)) is None
    (end,) = [event.octets for event in ue.session.close() if isinstance(event, dtls.Transmit)]
    assert opens(end) is None


def test_an_end_by_the_peer_parts_them():
    """close_notify comes to the node; nothing is passed on behind it, and the controller is told."""
    stage = Joining()
    ue, near, _ = up(stage)
    stage.joined()
    (end,) = [event.octets for event in ue.session.close() if isinstance(event, dtls.Transmit)]
    arrives(stage, near, UE_SOURCE, end)
    stage.parted()


@pytest.mark.parametrize("order", [
    modify("ip/1/access/1", "Media { Stream = 1 { LocalControl { Mode = ReceiveOnly } } }"),
    modify("ip/1/core/2", "Media { Stream = 1 { LocalControl { Mode = Inactive } } }"),
    modify("ip/1/access/1", stream(secured("passive", "active", OTHER_PRINT)[1])),
    modify("ip/1/access/1", "Events = 7 { adid/ipstop { Stream = 1, dt = 5, dir = BOTH } }"),
    modify("ip/1/core/2", "Events = 8 { adid/ipstop { Stream = 1, dt = 5, dir = BOTH } }"),
    modify("ip/1/access/1", LATCH),
    "Context = 1 { Subtract = ip/1/core/2 }",
    "Context = 1 { Subtract = ip/1/access/1 }",
    "Context = 1 { Topology { ip/1/access/1, ip/1/core/2, OneWay } }",
    "Context = $ { Move = ip/1/core/2 }",
], ids=["mode", "mode of the other", "another fingerprint", "watched", "the other watched", "latch", "subtract",
        "subtract the other", "topology", "move"])
def test_orders_part_them(order):
    """Whatever means that payload does not simply pass any more, both ways and nowhere else."""
    stage = Joining()
    up(stage)
    stage.joined()
    stage.orders(order)
    stage.parted()


def test_they_are_joined_again_when_the_reason_is_gone():
    """Held and resumed: another conversion, of the same association."""
    stage = Joining()
    up(stage)
    stage.joined()
    hold = "Media {{ Stream = 1 {{ LocalControl {{ Mode = {} }} }} }}"
    stage.orders(modify("ip/1/access/1", hold.format("Inactive")))
    stage.orders(modify("ip/1/access/1", hold.format("SendReceive")))
    assert [type(one) for one in stage.joints] == [Convert, Unconvert, Convert]


def test_while_an_association_is_replaced_datagrams_come_to_the_node():
    """Two associations at one endpoint are for the gateway to tell apart; joined again when the former one is gone."""
    stage = Joining()
    _, near, _ = up(stage)
    stage.joined()
    stage.orders(modify("ip/1/access/1", stream(secured("passive", "active", OTHER_PRINT)[1])))
    again = FaxPeer(stage, near, identity=OTHER_IDENTITY, where=Endpoint(UE.host, 5556)).starts().reads()
    assert isinstance(again.events[-1], dtls.Verified)
    stage.parted()
    moment = stage.node.next_wakeup()
    assert moment is not None
    stage.take()
    stage.now = moment
    stage.sees(Woke())
    joint = stage.joints[-1]
    assert isinstance(joint, Convert)
    assert Stream(near, again.where) in (joint.a, joint.b)


def test_an_order_that_changes_nothing_leaves_them_joined():
    """The same fingerprint once more."""
    stage = Joining()
    up(stage)
    stage.joined()
    stage.orders(modify("ip/1/access/1", stream(secured("passive", "active")[1])))
    stage.joined()


def test_a_peer_that_moves_is_followed():
    """Latching again, then a record from another port: joined with that one, and counted on."""
    stage = Joining()
    ue, near, far = up(stage, LATCH)
    stage.joined()
    stage.orders(modify("ip/1/access/1", LATCH))
    ue.where = Endpoint(UE.host, 7777)
    ue.sends(FAX)
    *_, last = stage.joints
    assert isinstance(last, Convert)
    assert Stream(near, ue.where) in (last.a, last.b)
    assert SendDatagram in [type(one) for one in stage.open if getattr(one, "local", None) == far]


def test_clear_ends_are_joined_too():
    """Then datagrams pass as they are; with latching, from the first source on."""
    stage = Joining()
    near, far = clear(stage, LATCH)
    assert stage.joints == []
    nat = Endpoint("198.51.100.99", 6666)
    arrives(stage, near, nat, FAX)
    (joint,) = stage.joints
    assert isinstance(joint, Convert)
    assert {joint.a, joint.b} == {Stream(near, nat), Stream(far, PEER)}
    assert joint.forth(FAX) == joint.back(FAX) == FAX


def test_statistics_count_what_the_network_has_carried():
    """On the meter, and what came before it, through the node."""
    stage = Joining()
    up(stage)
    joint = stage.joined()
    assert joint.meter is not None
    ahead = joint.a.remote == UE_SOURCE
    joint.meter.count(*((100, 50) if ahead else (50, 100)))
    stage.orders(modify("ip/1/access/1", "Media { Stream = 1 { LocalControl { Mode = Inactive } } }"))
    reply = stage.orders("Context = 1 { Subtract = ip/1/access/1 { Audit { Statistics } } }")
    counted = reply.actions[0].commands[0].descriptor(h248.Statistics)
    assert counted is not None
    found = {one.name: one.value for one in counted.items}
    assert (found["nt/or"], found["nt/os"]) == ("100", "50")


def test_a_stranger_is_dropped_all_the_same():
    """The network tells of it, and the gateway says why it drops it."""
    stage = Joining()
    _, near, _ = up(stage)
    stage.joined()
    arrives(stage, near, Endpoint("198.18.0.66", 9), FAX)
    assert [type(one) for one in stage.take()] == [Drop]


def test_nothing_is_joined_before_the_fingerprint_is_known():
    """The handshake alone proves nothing."""
    stage = Joining()
    near, _ = legs(stage, secured("passive", "active", None))
    FaxPeer(stage, near).starts().reads()
    assert stage.joints == []
    stage.orders(modify("ip/1/access/1", stream(secured("passive", "active")[1])))
    stage.joined()


def test_without_leave_of_the_network_nothing_is_joined():
    """As on networks that have no conversion."""
    stage = Stage()
    near, _ = legs(stage, secured("passive", "active"))
    FaxPeer(stage, near).starts().reads()
    assert not any(isinstance(command, Convert) for command in stage.all)
