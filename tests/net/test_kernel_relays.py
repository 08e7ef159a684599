"""`Relay` on the kernel network: nftables rules pass packets on, and change addresses, ports and checksums only."""

from __future__ import annotations

import pytest
from kernel_stage import Stage, needs_namespaces
from programs import need

from workbench.errors import LocalProtocolError, NetworkError
from workbench.net import packets
from workbench.net.interface import Foot, Host, Plan, Translation, Wire
from workbench.net.kernel.relays import Relays
from workbench.net.values import (
    AcceptStream,
    BindDatagrams,
    ClaimPackets,
    DatagramReceived,
    Endpoint,
    EndStream,
    Listen,
    Meter,
    OpenStream,
    PacketArrived,
    Relay,
    SendDatagram,
    SendPacket,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamOffered,
    StreamOpened,
    UnbindDatagrams,
    UnclaimPackets,
    Unrelay,
)

pytestmark = needs_namespaces



def way(local, remote):
    """Of a host with two links."""
    return ("wb0", "left") if local == "10.1.0.9" else ("wb1", "right")


class Between(Stage):
    """Hosts a and b on two wires, and r between them, which relays from its left endpoint to its right one."""

    def __init__(self, version: int, protocol: str) -> None:
        need("nft", "nftables")
        left, right = ("10.1.0.", "10.2.0.") if version == 4 else ("fd01::", "fd02::")
        self.a, self.b = Endpoint(f"{left}1", 5000), Endpoint(f"{right}2", 8000)
        self.left, self.right = Endpoint(f"{left}9", 6001), Endpoint(f"{right}9", 7001)
        super().__init__(Plan((
            Host("a", (Foot("left", self.a.host),)), Host("b", (Foot("right", self.b.host),)),
            Host("r", (Foot("left", self.left.host), Foot("right", self.right.host)))), (Wire("left"), Wire("right"))))
        assert self.network.capabilities.relay
        self.meter = Meter()
        self.near, self.far = Stream(self.left, self.a), Stream(self.right, self.b)
        self.do("r", ClaimPackets(self.left), ClaimPackets(self.right),
                Relay(self.near, self.far, protocol, self.meter))

    def bind(self) -> None:
        self.do("a", BindDatagrams(self.a))
        self.do("b", BindDatagrams(self.b))

    def send(self, octets: bytes) -> None:
        """From a to r's left endpoint."""
        self.do("a", SendDatagram(self.a, self.left, octets))

    def on(self, wire: str) -> list[packets.Ip]:
        return [packets.decode_ip(packet) for _, its, packet, _ in self.packets if its == wire]


@pytest.mark.parametrize("version", [4, 6])
def test_datagrams_pass_both_ways(version):
    """Of any size, in fragments too, with right checksums; the meter counts payload, and the node hears nothing."""
    with Between(version, "UDP") as stage:
        stage.bind()
        for size in (0, 1, 1400, 3000, 60_000):
            stage.send(bytes(size))
            assert stage.until(DatagramReceived) == DatagramReceived(stage.b, stage.right, bytes(size))
        stage.do("b", SendDatagram(stage.b, stage.right, b"back"))
        assert stage.heard() == [DatagramReceived(stage.a, stage.left, b"back")]
        assert stage.meter.read() == (64_401, 4)
        whole = [ip for ip in stage.on("right") if not ip.is_fragment]
        assert all(packets.decode_udp(ip).checksum_ok and ip.checksum_ok for ip in whole)


@pytest.mark.parametrize("version", [4, 6])
def test_segments_pass_as_they_are(version):
    """Sequence numbers, acknowledgments, flags, windows, options and payload are the peers' own (TS 23.334 §5.16.1)."""
    with Between(version, "TCP") as stage:
        line, back = Stream(stage.a, stage.left), Stream(stage.b, stage.right)
        stage.do("b", Listen(stage.b))
        stage.do("a", OpenStream(line))
        assert stage.until(StreamOffered) == StreamOffered(back)
        stage.do("b", AcceptStream(back))
        stage.until(StreamOpened, "a")
        stage.do("a", SendStream(line, bytes(5000)), EndStream(line))
        stage.until(StreamEnded)
        stage.do("b", SendStream(back, b"bye"), EndStream(back))
        heard = stage.heard()
        assert StreamData(line, b"bye") in heard and StreamClosed(line) in heard
        assert stage.meter.read() == (5000, 3)
        left, right = ([packets.decode_tcp(ip) for ip in stage.on(wire)] for wire in ("left", "right"))
        assert sorted(map(untouched, left)) == sorted(map(untouched, right))
        assert all(segment.checksum_ok for segment in left + right)
        assert any(segment.mss for segment in right)
        assert {ip.ttl for ip in stage.on("left") + stage.on("right")} == {64, 63}


def untouched(segment):
    """All of a segment but its addresses."""
    return (segment.sequence, segment.acknowledgment, segment.flags, segment.window, segment.payload, segment.options,
            segment.urgent)


def test_a_connection_that_nobody_saw_begin_passes():
    """Nothing is tracked: a segment of the middle, a RST and one outside every window pass."""
    with Between(4, "TCP") as stage:
        stage.do("b", ClaimPackets(stage.b))
        for flags, sequence in ((packets.ACK, 1), (packets.ACK, 0x80000000), (packets.RST, 7), (packets.SYN, 9)):
            segment = packets.Tcp(stage.a, stage.left, sequence, 5, flags, 100, b"x" if flags == packets.ACK else b"")
            stage.do("a", SendPacket("left", packets.encode_tcp(segment)))
            passed = packets.decode_tcp(packets.decode_ip(stage.until(PacketArrived, "b").packet))
            assert (passed.sequence, passed.flags, passed.source) == (sequence, flags, stage.right)


def test_others_come_to_the_node():
    """The claim stays: what comes from another source, and an ICMP error about what was passed on, is for the node."""
    with Between(4, "UDP") as stage:
        other = Endpoint(stage.a.host, 5001)
        stage.do("a", BindDatagrams(other), SendDatagram(other, stage.left, b"who?"))
        assert packets.endpoints(packets.decode_ip(stage.until(PacketArrived, "r").packet)) == (other, stage.left)
        stage.do("a", BindDatagrams(stage.a))
        stage.send(b"to a closed port")
        error = packets.decode_ip(stage.until(PacketArrived, "r").packet)
        assert (error.protocol, error.source) == (packets.ICMP, stage.b.host)


@pytest.mark.parametrize("ends", ["unrelay", "other side", "unclaim"])
def test_a_relay_ends(ends):
    """At once, whatever passed before; the meter keeps its figures, and a claimed endpoint is the node's again."""
    with Between(4, "UDP") as stage:
        stage.bind()
        stage.send(b"one")
        stage.until(DatagramReceived, "b")
        stage.do("r", {"unrelay": Unrelay(stage.near), "other side": Unrelay(stage.far),
                       "unclaim": UnclaimPackets(stage.right)}[ends])
        stage.send(b"two")
        assert isinstance(stage.until(PacketArrived, "r"), PacketArrived)
        assert stage.meter.read() == (3, 0)
        stage.do("r", Relay(stage.near, stage.far, "UDP", stage.meter))
        stage.send(b"three")
        assert stage.until(DatagramReceived, "b").data == b"three"
        assert stage.meter.read() == (8, 0)


def test_a_relay_of_bound_endpoints_ends_with_them():
    """Endpoints need no claim; what is unbound is relayed no more."""
    with Between(4, "UDP") as stage:
        stage.bind()
        stage.do("r", UnclaimPackets(stage.left), UnclaimPackets(stage.right), BindDatagrams(stage.left),
                 BindDatagrams(stage.right), Relay(stage.near, stage.far))
        stage.send(b"one")
        assert stage.until(DatagramReceived) == DatagramReceived(stage.b, stage.right, b"one")
        stage.do("r", UnbindDatagrams(stage.right))
        stage.send(b"two")
        assert stage.until(DatagramReceived) == DatagramReceived(stage.left, stage.a, b"two")


def test_a_relay_takes_the_place_of_another():
    """An endpoint and its peer are in one relay: a new one ends those that either side had."""
    with Between(4, "UDP") as stage:
        stage.bind()
        elsewhere = Endpoint(stage.b.host, 8001)
        stage.do("b", BindDatagrams(elsewhere))
        stage.do("r", Relay(stage.near, Stream(stage.right, elsewhere)))
        stage.send(b"x")
        assert stage.until(DatagramReceived).local == elsewhere


def test_a_datagram_without_checksum_stays_without():
    """Over IPv4 a sender may compute none (RFC 768): 0 is not a checksum that could be adjusted."""
    with Between(4, "UDP") as stage:
        stage.bind()
        packet = bytearray(packets.encode_udp(stage.a, stage.left, b"bare"))
        packet[26:28] = b"\0\0"
        stage.do("a", SendPacket("left", bytes(packet)))
        assert stage.until(DatagramReceived).data == b"bare"
        assert stage.on("right")[0].payload[6:8] == b"\0\0"


def test_what_can_not_be_relayed():
    """Two IP versions, one endpoint twice, and an address of another host are refused."""
    with Between(4, "UDP") as stage:
        v6 = Stream(Endpoint("fd01::9", 1), Endpoint("fd01::1", 2))
        for a, b, said in ((stage.near, v6, "not an address of this host"),
                           (stage.near, Stream(stage.right, v6.remote), "within one IP version"),
                           (stage.near, Stream(stage.left, stage.b), "to itself")):
            with pytest.raises(LocalProtocolError, match=said):
                stage.do("r", Relay(a, b))


def test_a_machine_without_nft_says_so(monkeypatch):
    """The network's capabilities tell it; an order all the same is refused, and so is a NAT of the kernel's."""
    monkeypatch.setattr("shutil.which", lambda name: None if name == "nft" else f"/usr/sbin/{name}")
    monkeypatch.setattr("workbench.net.kernel.relays._tried", [])
    plan = Plan((Host("a", (Foot("left", "10.1.0.1"),)), Host("b", (Foot("left", "10.1.0.2"),))), (Wire("left"),))
    with Stage(plan) as stage:
        assert not stage.network.capabilities.relay and not stage.network.capabilities.translates
        with pytest.raises(LocalProtocolError, match="does not relay here: no nft"):
            stage.do("a", Relay(Stream(Endpoint("10.1.0.1", 1), Endpoint("10.1.0.2", 1)),
                                Stream(Endpoint("10.1.0.1", 2), Endpoint("10.1.0.2", 2))))
    home = Plan((Host("a", (Foot("left", "10.1.0.1"), Foot("right", "10.2.0.1")), Translation("left", "right")),),
                (Wire("left"), Wire("right")))
    with pytest.raises(NetworkError, match="apt-get install nftables"):
        Stage(home)


def test_nothing_else_is_forwarded():
    """A host that relays is no router: a packet for a host beyond it is dropped."""
    with Between(4, "UDP") as stage:
        stage.bind()
        stage.send(b"x")
        stage.until(DatagramReceived)
        before = len(stage.on("right"))
        stray = packets.encode_udp(stage.a, stage.b, b"through")
        stage.network._hosts["r"]._inject("left", stray)
        assert stage.heard() == []
        assert len(stage.on("right")) == before


def test_changes_are_told_at_once():
    """However many relays begin or end at a moment, nft is started once for every 64 kB of changes."""
    scripts: list[str] = []

    def run(script: str) -> str:
        scripts.append(script)
        return ""

    relays = Relays(run, ["wb0", "wb1"], way)
    for number in range(1, 1001):
        relays.add(Relay(Stream(Endpoint("10.1.0.9", number), Endpoint("10.1.0.1", 5000)),
                         Stream(Endpoint("10.2.0.9", number), Endpoint("10.2.0.2", 8000))))
    assert scripts == []
    relays.flush()
    assert len(scripts) < sum(map(len, scripts)) / 60_000 + 1
    assert sum(script.count("add chain") for script in scripts) == 2000
    relays.remove_at(Endpoint("10.1.0.9", 0))
    relays.flush()
    assert sum(script.count("delete chain") for script in scripts) == 2000
    assert not relays._pairs


def test_relays_are_bounded():
    """One more than the limit is refused."""
    relays = Relays(lambda script: "", ["wb0", "wb1"], way, most=1)
    relays.add(Relay(Stream(Endpoint("10.1.0.9", 1), Endpoint("10.1.0.1", 1)), Stream(Endpoint("10.1.0.9", 2), Endpoint(
        "10.1.0.1", 2))))
    with pytest.raises(LocalProtocolError, match="more than 1 relays"):
        relays.add(Relay(Stream(Endpoint("10.1.0.9", 3), Endpoint("10.1.0.1", 1)), Stream(
            Endpoint("10.1.0.9", 4), Endpoint("10.1.0.1", 2))))
