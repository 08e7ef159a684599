"""Direct wires: a link of the kernel's between two hosts, with nothing of ours in between."""

from __future__ import annotations

import pytest
from kernel_stage import BACK, LIMIT, STREAM, A, B, Stage, needs_namespaces

from workbench.errors import LocalProtocolError, ScenarioError
from workbench.net import packets
from workbench.net.interface import Foot, Host, Plan, Wire
from workbench.net.kernel.layout import Owners
from workbench.net.kernel.network import KernelNetwork
from workbench.net.values import (
    AcceptStream,
    BindDatagrams,
    ClaimPackets,
    DatagramReceived,
    Endpoint,
    Listen,
    OpenStream,
    SendDatagram,
    SendPacket,
    SendStream,
    Stream,
    StreamData,
    StreamOffered,
    StreamOpened,
)

FEET = (Host("a", (Foot("line", A.host), Foot("line", "fd01::1"))), Host("b", (Foot("line", B.host),
                                                                             Foot("line", "fd01::2"))))
DIRECT = Plan(FEET, (Wire("line", direct=True),))


class Straight(Stage):
    """Two hosts with a direct wire. Time is real there: what is waited for comes, or the test hangs and is given up."""

    def __init__(self, *, captured: bool = False) -> None:
        self.packets = []
        self.network = KernelNetwork(DIRECT, 1, [lambda *packet: self.packets.append(packet)], taps_direct=captured)


@needs_namespaces
@pytest.mark.parametrize("hosts", [(A.host, B.host), ("fd01::1", "fd01::2")], ids=["IPv4", "IPv6"])
def test_octets_and_datagrams(hosts):
    """Both IP versions, UDP and TCP; a SYN is offered when the kernel has answered it."""
    here, there = Endpoint(hosts[0], 4000), Endpoint(hosts[1], 5000)
    stream, back = Stream(here, there), Stream(there, here)
    with Straight() as stage:
        assert not stage.network.capabilities.holds_syn
        stage.do("b", BindDatagrams(there), Listen(there))
        stage.do("a", BindDatagrams(here), SendDatagram(here, there, bytes(9000)))
        assert stage.until(DatagramReceived) == DatagramReceived(there, here, bytes(9000))
        stage.do("a", OpenStream(stream))
        assert stage.until(StreamOffered) == StreamOffered(back)
        stage.do("b", AcceptStream(back))
        stage.until(StreamOpened, "b")
        stage.do("b", SendStream(back, b"hello"))
        assert stage.until(StreamData) == StreamData(stream, b"hello")
        assert stage.packets == []


@needs_namespaces
def test_a_direct_wire_is_captured_where_asked():
    """What the two hosts exchange is heard once, without a comment."""
    with Straight(captured=True) as stage:
        stage.do("b", Listen(B))
        stage.do("a", OpenStream(STREAM))
        stage.until(StreamOffered)
        stage.do("b", AcceptStream(BACK))
        stage.until(StreamOpened, "b")
        stage.do("a", SendStream(STREAM, b"once"))
        stage.until(StreamData)
        while not any(segment.payload for segment in stage.segments):
            stage.network.wait(stage.network.now + 0.01)
        assert [segment.payload for segment in stage.segments if segment.payload] == [b"once"]
        assert [segment.flag_names for segment in stage.segments][:3] == ["SYN", "SYN, ACK", "ACK"]
        assert {(wire, comment) for _, wire, _, comment in stage.packets} == {("line", "")}


@needs_namespaces
def test_nothing_can_be_claimed_there():
    """A claim, or a packet of one's own making, needs somebody on the wire; it is refused rather than ignored."""
    with Straight() as stage:
        with pytest.raises(LocalProtocolError, match="on a direct wire"):
            stage.do("b", ClaimPackets(B))
        with pytest.raises(LocalProtocolError, match="or it is direct"):
            stage.do("b", SendPacket("line", packets.encode_udp(B, A, b"x")))


@needs_namespaces
def test_time_is_the_wall_clocks():
    """A deadline comes when it comes: nobody knows whether something is under way."""
    with Straight() as stage:
        assert stage.network.wait(0.02) is None
        assert 0.02 <= stage.network.now < LIMIT


@needs_namespaces
def test_direct_and_other_wires_in_one_plan():
    """A host may stand on both kinds; each does as it says."""
    plan = Plan((*FEET, Host("c", (Foot("far", "10.2.0.3"),)), Host("d", (Foot("far", "10.2.0.4"), Foot(
        "other", "10.3.0.4"))), Host("e", (Foot("other", "10.3.0.5"),))),
        (Wire("line", direct=True), Wire("far"), Wire("other", direct=True)))
    with Stage(plan) as stage:
        for here, there, owner, sender in (
                (A, B, "b", "a"), (Endpoint("10.2.0.3", 7), Endpoint("10.2.0.4", 7), "d", "c"),
                (Endpoint("10.3.0.4", 7), Endpoint("10.3.0.5", 7), "e", "d")):
            stage.do(owner, BindDatagrams(there))
            stage.do(sender, BindDatagrams(here), SendDatagram(here, there, b"x"))
            assert stage.until(DatagramReceived) == DatagramReceived(there, here, b"x")
        assert [wire for _, wire, _, _ in stage.packets] == ["far"]


@pytest.mark.parametrize(("plan", "said"), [
    (Plan(FEET[:1], (Wire("line", direct=True),)), "between two hosts; it has 1"),
    (Plan((*FEET, Host("c", (Foot("line", "10.1.0.3"),))), (Wire("line", direct=True),)), "it has 3"),
    (Plan(FEET, (Wire("line", direct=True, loss=0.1),)), "nothing stands there that could impair"),
])
def test_what_a_direct_wire_can_not_be(plan, said):
    """It has two ends, and does nothing to packets."""
    with pytest.raises(ScenarioError, match=said):
        Owners(plan)
