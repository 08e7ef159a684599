"""A stateless relay whose peers are known is the network's work; what is not between these two is the gateway's."""

from __future__ import annotations

import pytest
from agw_stage import EVENTS, PEER, UE, A, C, add, given, local, modify, remote, stream
from packet_stage import STRANGER, Bench

from workbench.net.values import Command, Endpoint, PacketArrived, Relay, SendPacket, Stream, Unrelay

UE_SOURCE = Endpoint(UE.host, 5555)
LATCH = "Signals { ipnapt/latch { Stream = 1, napt = LATCH } }"


class Call:
    """A stream without roles between ip/1/access/1 and ip/1/core/2, and a connection of the UE's through it."""

    def __init__(self, *signals: str, **settings: object) -> None:
        self.bench = bench = Bench(**{"relays": True, **settings})  # type: ignore[arg-type]
        self.inside = given(bench.orders(add(
            "access", stream(local("TCP", None), remote("TCP", None, UE), realm=A), EVENTS.format(1), *signals)))
        self.outside = given(bench.orders(add(
            "core", stream(local("TCP", None), remote("TCP", None, PEER), realm=C), EVENTS.format(2), context=1)))
        bench.listens("Peer", PEER)
        self.connects(UE_SOURCE)

    def connects(self, source: Endpoint) -> None:
        self.bench.opens("UE", source, self.inside)
        self.bench.until(lambda: self.bench.ends["UE"].last.up and self.bench.ends["Peer"].last.up)

    @property
    def joints(self) -> list[Command]:
        return [command for command in self.bench.ordered if isinstance(command, Relay | Unrelay)]

    @property
    def here(self) -> Stream:
        return Stream(self.inside, UE_SOURCE)

    def heard_by_gateway(self) -> int:
        """Packets that the gateway sent on itself."""
        return sum(isinstance(command, SendPacket) for command in self.bench.ordered)

    def octets(self, name: str = "ip/1/access/1") -> str:
        reply = self.bench.orders(f"Context = 1 {{ AuditValue = {name} {{ Audit {{ Statistics }} }} }}")
        return str(reply)


def test_the_first_syn_passes_through_and_the_rest_below():
    """With both peers known the network relays: of a whole connection the gateway sees its SYN only."""
    call = Call()
    (relay,) = call.joints
    assert isinstance(relay, Relay)
    assert {relay.a, relay.b} == {call.here, Stream(call.outside, PEER)}
    assert relay.protocol == "TCP"
    call.bench.sends("UE", bytes(30_000))
    call.bench.until(lambda: len(call.bench.ends["Peer"].last.data) == 30_000)
    assert call.heard_by_gateway() == 1


def test_what_the_network_relays_is_counted():
    """nt/or and nt/os hold what passed below, and after a relay of the past what passed then."""
    call = Call()
    call.bench.sends("UE", bytes(700))
    call.bench.until(lambda: len(call.bench.ends["Peer"].last.data) == 700)
    assert "name='nt/os', values=('0',)" in call.octets()
    assert "name='nt/or', values=('700',)" in call.octets()
    call.connects(Endpoint(UE.host, 5556))
    call.bench.sends("UE", bytes(55))
    call.bench.until(lambda: len(call.bench.ends["Peer"].last.data) == 55)
    assert "name='nt/or', values=('755',)" in call.octets()
    assert "name='nt/os', values=('755',)" in call.octets("ip/1/core/2")


def test_another_connection_takes_the_relay_over():
    """A SYN from another port of the peer's comes to the gateway; the former relay ends, and the new one is ordered."""
    call = Call()
    call.connects(Endpoint(UE.host, 5556))
    first, end, second = call.joints
    assert isinstance(first, Relay)
    assert end == Unrelay(first.a, "TCP")
    assert isinstance(second, Relay)
    assert Stream(call.inside, Endpoint(UE.host, 5556)) in (second.a, second.b)


def test_a_stranger_is_still_refused_by_the_gateway():
    """Packets of other sources come to the gateway, which drops them; the relay stays."""
    call = Call()
    call.bench.opens("UE", Endpoint(STRANGER, 6666), call.inside)
    call.bench.passes(0.5)
    assert call.bench.dropped == [f"not from {UE.host}, and latching was not asked for"]
    assert len(call.joints) == 1


@pytest.mark.parametrize("mode", ["Inactive", "ReceiveOnly", "SendOnly"])
@pytest.mark.parametrize("name", ["ip/1/access/1", "ip/1/core/2"])
def test_a_closed_gate_ends_the_relay(name, mode):
    """Nothing passes against the mode: the relay is taken back with the order, and ordered again when it may."""
    call = Call()
    call.bench.orders(modify(name, stream(mode=mode)))
    assert [type(one) for one in call.joints] == [Relay, Unrelay]
    call.bench.orders(modify(name, stream()))
    assert [type(one) for one in call.joints] == [Relay, Unrelay, Relay]
    call.bench.sends("UE", b"on")
    call.bench.until(lambda: call.bench.ends["Peer"].last.data == b"on")


def test_topology_ends_the_relay():
    """Isolate: nobody hears anybody; the gateway drops what comes, and says why."""
    call = Call()
    call.bench.orders("Context = 1 { Topology { ip/1/access/1, ip/1/core/2, Isolate } }")
    call.bench.sends("UE", b"off")
    call.bench.passes(0.3)
    assert call.bench.ends["Peer"].last.data == b""
    assert set(call.bench.dropped) == {"Topology: ip/1/core/2 does not hear ip/1/access/1"}
    call.bench.orders("Context = 1 { Topology { ip/1/access/1, ip/1/core/2, Bothway } }")
    call.bench.until(lambda: call.bench.ends["Peer"].last.data == b"off")
    assert [type(one) for one in call.joints] == [Relay, Unrelay, Relay]


def test_a_filter_that_lets_the_peer_out_ends_the_relay():
    """gm/saf and a Remote elsewhere: what comes from the former peer comes to the gateway, which drops it."""
    call = Call()
    elsewhere = Endpoint("10.20.30.41", UE.port)
    call.bench.orders(modify("ip/1/access/1", stream(remote("TCP", None, elsewhere))))
    assert [type(one) for one in call.joints] == [Relay, Unrelay]
    call.bench.sends("UE", b"off")
    call.bench.passes(0.3)
    assert call.bench.ends["Peer"].last.data == b""


def test_a_new_latch_ends_the_relay():
    """The next SYN says where the peer is, whoever sends it: it has to come to the gateway."""
    call = Call(LATCH)
    call.bench.orders(modify("ip/1/access/1", LATCH))
    assert [type(one) for one in call.joints] == [Relay, Unrelay]
    call.bench.opens("UE", Endpoint(STRANGER, 6666), call.inside)
    call.bench.until(lambda: call.bench.ends["UE"].last.up)
    assert isinstance(call.joints[-1], Relay)


def test_inactivity_is_watched_packet_by_packet():
    """A context in which adid/ipstop is armed is not handed down."""
    from gateway_stage import FULL

    call = Call(profile_file=FULL)
    call.bench.orders(modify("ip/1/core/2", "Events = 1 { adid/ipstop { dt = 10 } }"))
    assert [type(one) for one in call.joints] == [Relay, Unrelay]


def test_subtract_ends_the_relay_first():
    """Behind the release the peers' own ends pass, through the gateway; payload does not."""
    call = Call()
    call.bench.orders("Context = 1 { W-Subtract = * { Audit { } } }")
    assert [type(one) for one in call.joints] == [Relay, Unrelay]
    call.bench.closes("UE")
    call.bench.until(lambda: call.bench.ends["Peer"].last.closed and call.bench.ends["UE"].last.closed)
    call.bench.passes(10.0)
    assert call.bench.agw._control.leaving == {}


def test_a_third_termination_ends_the_relay():
    """Three ends are no relay: it is taken back before the claims are."""
    from gateway_stage import FULL

    call = Call(profile_file=FULL)
    call.bench.orders(add("access", stream(local("TCP", None), remote("TCP", None, PEER), realm=A), context=1))
    assert [type(one) for one in call.joints] == [Relay, Unrelay]


def test_a_packet_that_was_on_its_way_is_passed_on():
    """One that was told to the gateway although the relay stands is not lost, and counted once."""
    call = Call()
    syn = next(packet for _, wire, packet, _ in call.bench.tapped if wire == "access")
    before = call.heard_by_gateway()
    call.bench.carry("IMS-AGW", *call.bench.agw.handle(PacketArrived("access", syn), call.bench.now))
    assert call.heard_by_gateway() == before + 1
    assert len(call.joints) == 1
