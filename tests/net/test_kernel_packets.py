"""Datagrams, claimed packets and wires on the kernel network, and time."""

from __future__ import annotations

import msgspec
import pytest
from kernel_stage import PAIR, STREAM, A, B, Stage, needs_namespaces

from workbench.errors import LocalProtocolError, ScenarioError
from workbench.net import packets
from workbench.net.interface import Foot, Host, Plan, Wire
from workbench.net.packets import SYN, Tcp, Udp, encode_tcp, encode_udp
from workbench.net.values import (
    BindDatagrams,
    ClaimPackets,
    DatagramFailed,
    DatagramReceived,
    Endpoint,
    Failure,
    Listen,
    OpenStream,
    PacketArrived,
    SendDatagram,
    SendPacket,
    StreamFailed,
    StreamOffered,
    UnbindDatagrams,
    UnclaimPackets,
)

pytestmark = needs_namespaces


def test_datagrams_arrive_or_are_reported():
    """A datagram reaches a bound endpoint; elsewhere ICMP answers, and its sender is told in the network's words."""
    with Stage() as stage:
        stage.do("a", BindDatagrams(A))
        stage.do("b", BindDatagrams(B))
        stage.do("a", SendDatagram(A, B, b"one", "step 1"))
        assert stage.until(DatagramReceived) == DatagramReceived(B, A, b"one")
        stage.do("b", UnbindDatagrams(B))
        stage.do("a", SendDatagram(A, B, b"two", "step 2"))
        assert stage.heard() == [DatagramFailed(A, B, "port unreachable")]
        stage.do("b", BindDatagrams(B))
        stage.do("a", SendDatagram(A, B, b"three"))
        assert stage.heard() == [DatagramReceived(B, A, b"three")]
        assert [comment for _, _, _, comment in stage.packets] == ["step 1", "step 2", "", ""]


def test_a_claimed_endpoint_is_the_nodes():
    """The node gets whole packets and the kernel does not answer; without the claim it does."""
    with Stage() as stage:
        stage.do("b", ClaimPackets(B))
        stage.do("a", OpenStream(STREAM))
        arrived = stage.until(PacketArrived)
        assert arrived == PacketArrived("line", stage.packets[0][2])
        assert set(stage.flags()) == {"a: SYN"}
        stage.do("b", UnclaimPackets(B))
        assert stage.heard() == [StreamFailed(STREAM, Failure.REFUSED)]     # the SYN again, and the kernel's RST


@pytest.mark.parametrize("claim", [B, None], ids=["a port", "all"])
def test_claimed_packets_are_whole(claim):
    """A later fragment has no ports: the node gets the packet that the fragments make, and may send it on."""
    data = bytes(range(256)) * 100
    with Stage() as stage:
        stage.do("b", ClaimPackets(claim))
        stage.do("a", BindDatagrams(A), SendDatagram(A, B, data))
        assert len(stage.packets) > 1
        packet = stage.until(PacketArrived).packet
        assert packets.decode_udp(packets.decode_ip(packet)) == Udp(A, B, data)
        stage.do("b", SendPacket("line", packets.rewrite(packet, source=B, destination=A)))
        assert stage.until(DatagramReceived) == DatagramReceived(A, B, data)
        assert max(len(packet) for _, _, packet, _ in stage.packets) <= 1500


def test_fragments_beside_a_claim_are_the_kernels():
    """What is for another port is put together and taken by the host's UDP."""
    other = Endpoint(B.host, 5001)
    with Stage() as stage:
        stage.do("b", ClaimPackets(B), BindDatagrams(other))
        stage.do("a", BindDatagrams(A), SendDatagram(A, other, bytes(9000)))
        assert stage.heard() == [DatagramReceived(other, A, bytes(9000))]


def test_a_host_may_claim_all():
    """A host that claims everything gets what is addressed elsewhere, and errors about what it sent."""
    plan = Plan((Host("a", (Foot("line", "10.1.0.1", next_hop="10.1.0.2"),)), PAIR.hosts[1]), PAIR.wires)
    with Stage(plan) as stage:
        stage.do("b", ClaimPackets())
        stage.do("a", BindDatagrams(A))
        stage.do("a", SendDatagram(A, Endpoint("192.0.2.1", 9), b"far"))
        assert packets.destination_of(stage.until(PacketArrived).packet) == "192.0.2.1"


def test_a_packet_of_ones_own_making():
    """`SendPacket` puts it on the wire as it is; the kernel at the other side takes it for a peer's."""
    syn = encode_tcp(Tcp(Endpoint("10.1.0.1", 4999), B, 1000, 0, SYN, 65535))
    with Stage() as stage:
        stage.do("b", Listen(B))
        stage.do("a", SendPacket("line", syn, "step 1"))
        assert stage.until(StreamOffered).stream.remote == Endpoint("10.1.0.1", 4999)
        assert stage.packets[0][2:] == (syn, "step 1")
        with pytest.raises(LocalProtocolError, match="a has no foot on 'elsewhere'"):
            stage.do("a", SendPacket("elsewhere", syn))


def test_garbage_is_nobodys():
    """What is no packet, or a damaged one, harms nobody."""
    udp = bytearray(encode_udp(A, B, b"x"))
    with Stage() as stage:
        stage.do("b", BindDatagrams(B), ClaimPackets(Endpoint(B.host, 1)))
        for packet in (b"", b"\x45", bytes(40), bytes(udp[:20]), bytes(udp[:-1]) + b"y"):
            stage.do("a", SendPacket("line", packet))
        assert stage.heard() == []


def test_a_wire_takes_its_time():
    """A datagram arrives when the wire says, to the microsecond: how late we look does not matter."""
    plan = Plan(PAIR.hosts, (Wire("line", delay=0.25),))
    with Stage(plan) as stage:
        stage.do("b", BindDatagrams(B))
        stage.do("a", BindDatagrams(A), SendDatagram(A, B, b"x"))
        arrival = stage.network.wait(10.0)
        assert arrival is not None
        assert round(arrival.time, 6) == 0.25


def test_a_wire_that_loses_everything():
    """Impairments are the plan's; what is lost was captured where it was sent."""
    plan = Plan(PAIR.hosts, (msgspec.structs.replace(PAIR.wires[0], loss=1.0),))
    with Stage(plan) as stage:
        stage.do("b", BindDatagrams(B))
        stage.do("a", BindDatagrams(A), SendDatagram(A, B, b"x"))
        assert stage.heard() == []
        assert len(stage.packets) == 1


def test_idle_time_is_passed_over():
    """With nothing left to happen the deadline comes at once, and the clock shows it."""
    with Stage() as stage:
        assert stage.network.wait(3600.0) is None
        assert stage.network.now == 3600.0
        assert stage.network.wait(float("inf")) is None


@pytest.mark.parametrize(("plan", "said"), [
    (Plan((*PAIR.hosts, PAIR.hosts[0]), PAIR.wires), "two hosts are called a"),
    (Plan((Host("a", (Foot("line", "10.1.0.1"),)), Host("b", (Foot("line", "10.1.0.1"),))), PAIR.wires), "is there tw"),
    (Plan((Host("a", (Foot("wire", "10.1.0.1"),)),), PAIR.wires), "'wire', which is no wire of the plan"),
])
def test_a_plan_that_contradicts_itself(plan, said):
    """It is refused before anything is set up."""
    with pytest.raises(ScenarioError, match=said):
        Stage(plan)


def test_a_host_with_many_feet_answers_from_the_right_one():
    """Packets leave on the wire of their destination; with equal choice on that of their source."""
    plan = Plan(
        (Host("a", (Foot("left", "10.1.0.1"), Foot("right", "10.2.0.1"))),
         Host("b", (Foot("left", "10.1.0.2"), Foot("right", "10.2.0.2")))),
        (Wire("left"), Wire("right")))
    with Stage(plan) as stage:
        for net in ("10.1.0.", "10.2.0."):
            here, there = Endpoint(f"{net}1", 7), Endpoint(f"{net}2", 7)
            stage.do("b", BindDatagrams(there))
            stage.do("a", BindDatagrams(here), SendDatagram(here, there, b"x"))
            stage.until(DatagramReceived)
        assert [wire for _, wire, _, _ in stage.packets] == ["left", "right"]
