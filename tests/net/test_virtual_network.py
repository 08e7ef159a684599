"""The virtual network: the same for the same seed, honest wires, stacks that answer as hosts do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError, ScenarioError
from workbench.net import packets
from workbench.net.interface import Arrival, Foot, Host, Network, Plan, Wire
from workbench.net.packets import Tcp
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
    ClaimPackets,
    Command,
    DatagramFailed,
    DatagramReceived,
    Drop,
    Endpoint,
    EndStream,
    Failure,
    Happening,
    Listen,
    LogKeys,
    Meter,
    Note,
    OpenStream,
    PacketArrived,
    PauseStream,
    RefuseStream,
    Relay,
    SendDatagram,
    SendPacket,
    SendStream,
    Splice,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamFlushed,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
    UnbindDatagrams,
    UnclaimPackets,
    Unlisten,
    Unrelay,
)
from workbench.net.virtual import Settings, VirtualNetwork

A, B = Endpoint("10.0.0.1", 5000), Endpoint("10.0.0.2", 2855)
A6, B6 = Endpoint("2001:db8::1", 5000), Endpoint("2001:db8::2", 2855)


class Bench:
    """A network with its packets on record, and what every node heard."""

    def __init__(self, plan: Plan, seed: int = 1, tcp: Settings | None = None) -> None:
        self.taps: list[tuple[float, str, bytes, str]] = []
        self.net = VirtualNetwork(plan, seed, [lambda *packet: self.taps.append(packet)],
                                  settings=tcp or Settings(retries=60, syn_retries=30))
        self.heard: dict[str, list[Happening]] = {host.name: [] for host in plan.hosts}
        self.now = 0.0

    def do(self, node: str, *commands: Command) -> None:
        for command in commands:
            self.net.carry(node, command, self.now)

    def run(self, until: float = 1e4, answer: Callable[[Arrival], list[Command]] = lambda arrival: []) -> None:
        """Go on until nothing happens before `until`; `answer` gives a node's commands."""
        while (arrival := self.net.wait(until)) is not None:
            self.now = arrival.time
            self.heard[arrival.node].append(arrival.happened)
            self.do(arrival.node, *answer(arrival))
        self.now = until

    def octets(self, node: str, stream: Stream | None = None) -> bytes:
        return b"".join(heard.data for heard in self.heard[node] if isinstance(heard, StreamData)
                        and stream in (None, heard.stream))

    def tcp(self) -> list[tuple[float, Tcp, str]]:
        found = []
        for time, _, packet, why in self.taps:
            ip = packets.decode_ip(packet)
            assert ip.checksum_ok
            if ip.protocol == packets.TCP:
                found.append((time, packets.decode_tcp(ip), why))
                assert found[-1][1].checksum_ok
        return found


def two_hosts(**wire: float) -> Plan:
    return Plan((Host("a", (Foot("w", A.host), Foot("w", A6.host))),
                 Host("b", (Foot("w", B.host), Foot("w", B6.host)))), (Wire("w", **wire),))


def talk(bench: Bench, payload: bytes, a: Endpoint = A, b: Endpoint = B) -> None:
    """A opens to B; both send `payload` and end."""
    def answer(arrival: Arrival) -> list[Command]:
        match arrival.happened:
            case StreamOffered(stream):
                return [AcceptStream(stream, "step 2")]
            case StreamOpened(stream):
                return [SendStream(stream, payload, "step 3"), EndStream(stream, "step 4")]
        return []

    bench.do("b", Listen(b))
    bench.do("a", OpenStream(Stream(a, b), "step 1"))
    bench.run(answer=answer)


# The wire.

@pytest.mark.parametrize(("a", "b"), [(A, B), (A6, B6)])
def test_a_clean_wire_carries_a_stream(a, b):
    """Handshake, octets both ways, orderly close; every packet whole and with right checksums, IPv4 and IPv6."""
    bench = Bench(two_hosts())
    talk(bench, bytes(range(256)) * 40, a, b)
    assert bench.octets("a") == bench.octets("b") == bytes(range(256)) * 40
    assert bench.heard["a"][-1] == StreamClosed(Stream(a, b))
    assert bench.heard["b"][-1] == StreamClosed(Stream(b, a))
    assert [why for _, _, why in bench.tcp()][:2] == ["step 1", "step 2"]
    assert not any("retransmission" in why for _, _, why in bench.tcp())


def test_one_seed_gives_one_run():
    """The same seed gives the same packets at the same moments; another seed gives others."""
    plan = two_hosts(loss=0.1, reorder=0.1, duplicate=0.1, jitter=0.01)

    def packets_of(seed: int) -> list[tuple[float, str, bytes, str]]:
        bench = Bench(plan, seed)
        talk(bench, bytes(20_000))
        return bench.taps

    assert packets_of(7) == packets_of(7)
    assert packets_of(7) != packets_of(8)


@pytest.mark.parametrize("seed", range(40))
def test_harsh_wires_lose_no_octet(seed):
    """Loss, reordering, duplicates and jitter change the moments only (RFC 9293)."""
    bench = Bench(two_hosts(loss=0.1, reorder=0.1, duplicate=0.1, jitter=0.02), seed)
    payload = bytes(seed + number & 0xFF for number in range(15_000))
    talk(bench, payload)
    assert bench.octets("a") == bench.octets("b") == payload
    for heard in bench.heard.values():
        assert [end.reason for end in heard if isinstance(end, StreamClosed)] == [None]


def test_a_lost_packet_is_captured_where_it_was_sent():
    """The tap is at the sender; what nobody answers is sent again, and its comment says so."""
    bench = Bench(two_hosts(loss=1.0), tcp=Settings(syn_retries=2))
    bench.do("a", OpenStream(Stream(A, B), "step 1"))
    bench.run()
    assert [why for _, _, why in bench.tcp()] == ["step 1", "retransmission: step 1", "retransmission: step 1"]
    assert [time for time, _, _ in bench.tcp()] == [0.0, 1.0, 3.0]
    assert bench.heard == {"a": [StreamFailed(Stream(A, B), Failure.TIMED_OUT)], "b": []}


def test_delay_and_jitter_keep_the_order():
    """Only `reorder` lets a packet overtake another."""
    for wire, in_order in ((two_hosts(delay=0.01, jitter=0.05), True), (two_hosts(delay=0.01, reorder=0.3), False)):
        bench = Bench(wire)
        bench.do("b", BindDatagrams(B))
        for number in range(50):
            bench.now = number / 1000
            bench.do("a", SendDatagram(A, B, bytes([number])))
        bench.run()
        numbers = [heard.data[0] for heard in bench.heard["b"]]
        assert sorted(numbers) == list(range(50))
        assert (numbers == sorted(numbers)) == in_order


def test_a_duplicate_arrives_twice_and_is_captured_once():
    """A tap counts what was sent."""
    bench = Bench(two_hosts(duplicate=1.0))
    bench.do("b", BindDatagrams(B))
    bench.do("a", SendDatagram(A, B, b"x"))
    bench.run()
    assert len(bench.taps) == 1
    assert bench.heard["b"] == [DatagramReceived(B, A, b"x")] * 2


def test_time_is_virtual():
    """`wait` returns at the deadline if nothing comes, and a happening has the moment of its packet's arrival."""
    bench = Bench(two_hosts(delay=0.25))
    assert bench.net.wait(3.0) is None
    assert bench.net.now == 3.0
    bench.do("b", BindDatagrams(B))
    bench.now = 3.0
    bench.do("a", SendDatagram(A, B, b"x"))
    assert bench.net.wait(float("inf")) == Arrival("b", DatagramReceived(B, A, b"x"), 3.25)
    assert bench.net.wait(float("inf")) is None
    assert bench.net.now == 3.25


# Datagrams and ICMP.

@pytest.mark.parametrize(("a", "b"), [(A, B), (A6, B6)])
def test_a_port_without_owner_is_reported(a, b):
    """ICMP port unreachable comes back and reaches the sender's node (RFC 1122 §3.2.2.1, RFC 4443 §3.1)."""
    bench = Bench(two_hosts())
    bench.do("a", BindDatagrams(a), SendDatagram(a, b, b"anybody?", "step 1"))
    bench.run()
    assert bench.heard == {"a": [DatagramFailed(a, b, "port unreachable")], "b": []}
    assert [why for *_, why in bench.taps] == ["step 1", "port unreachable"]
    bench.do("b", BindDatagrams(b), UnbindDatagrams(b))
    bench.do("a", SendDatagram(a, b, b"again"))
    bench.run(2e4)
    assert len(bench.heard["a"]) == 2


@pytest.mark.parametrize(("a", "b", "request_type", "reply_type"), [(A, B, 8, 0), (A6, B6, 128, 129)])
def test_an_echo_is_replied_to(a, b, request_type, reply_type):
    """Ping works, with identifier, sequence number and data returned (RFC 792)."""
    bench = Bench(two_hosts())
    bench.do("a", SendPacket("w", packets.encode_icmp(a.host, b.host, request_type, 0, b"\1\2\0\3", b"data")))
    bench.run()
    icmp = packets.decode_icmp(packets.decode_ip(bench.taps[1][2]))
    assert (icmp.type, icmp.rest, icmp.body, icmp.checksum_ok) == (reply_type, b"\1\2\0\3", b"data", True)


def test_no_route_is_told_at_once():
    """An address on no own wire, without next hop."""
    far = Endpoint("192.0.2.1", 1)
    bench = Bench(two_hosts())
    bench.do("a", SendDatagram(A, far, b"x"), OpenStream(Stream(A, far)))
    bench.run()
    assert bench.heard["a"] == [DatagramFailed(A, far, "no route"), StreamFailed(Stream(A, far), Failure.UNREACHABLE)]
    assert bench.taps == []


def test_a_relay_copies_datagrams_both_ways():
    """Relay: the host does it; strangers' datagrams still come to the node."""
    left, right = Endpoint("10.0.0.2", 10), Endpoint("10.0.1.2", 20)
    far = Endpoint("10.0.1.9", 30)
    plan = Plan((Host("a", (Foot("w", A.host),)), Host("b", (Foot("w", left.host), Foot("v", right.host))),
                 Host("c", (Foot("v", far.host),))), (Wire("w"), Wire("v")))
    bench = Bench(plan)
    bench.do("a", BindDatagrams(A))
    bench.do("c", BindDatagrams(far))
    bench.do("b", BindDatagrams(left), BindDatagrams(right), Relay(Stream(left, A), Stream(right, far)))
    bench.do("a", SendDatagram(A, left, b"there"), SendDatagram(Endpoint(A.host, 77), left, b"stranger"))
    bench.do("c", SendDatagram(far, right, b"back"))
    bench.run()
    assert bench.heard == {"a": [DatagramReceived(A, left, b"back")], "c": [DatagramReceived(far, right, b"there")],
                           "b": [DatagramReceived(left, Endpoint(A.host, 77), b"stranger")]}


@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_a_relay_changes_addresses_ports_and_a_hop_only(protocol):
    """At claimed endpoints: payload and the rest of the header stay, octets are counted, strangers come to the node."""
    left, right, far = Endpoint("10.0.0.2", 10), Endpoint("10.0.1.2", 20), Endpoint("10.0.1.9", 30)
    plan = Plan((Host("a", (Foot("w", A.host),)), Host("b", (Foot("w", left.host), Foot("v", right.host))),
                 Host("c", (Foot("v", far.host),))), (Wire("w"), Wire("v")))
    bench, meter = Bench(plan), Meter()
    there, back = Stream(left, A), Stream(right, far)

    def packet(source: Endpoint, destination: Endpoint, ttl: int = 64) -> bytes:
        if protocol == "UDP":
            made = packets.encode_udp(source, destination, b"payload", ident=7)
        else:
            segment = Tcp(source, destination, 5, 6, packets.ACK, 1000, b"payload", b"\2\4\5\xb4")
            made = packets.encode_tcp(segment, ident=7)
        return packets.rewrite(made, ttl=ttl)

    bench.do("a", ClaimPackets(A))
    bench.do("c", ClaimPackets(far))
    bench.do("b", ClaimPackets(left), ClaimPackets(right), Relay(there, back, protocol, meter))
    with pytest.raises(LocalProtocolError, match="relayed already"):
        bench.do("b", Relay(there, Stream(right, A), protocol))
    stranger = packet(Endpoint(A.host, 77), left)
    bench.do("a", SendPacket("w", packet(A, left)), SendPacket("w", stranger))
    bench.do("c", SendPacket("v", packet(far, right, 9)))
    bench.run(1.0)
    assert bench.heard == {"a": [PacketArrived("w", packet(left, A, 8))], "b": [PacketArrived("w", stranger)],
                           "c": [PacketArrived("v", packet(right, far, 63))]}
    assert meter.read() == (7, 7)
    bench.do("b", Unrelay(back, protocol))
    bench.do("a", SendPacket("w", packet(A, left)))
    bench.run(2.0)
    assert bench.heard["b"][1:] == [PacketArrived("w", packet(A, left))]
    bench.do("b", Relay(there, back, protocol), UnclaimPackets(right))
    bench.do("a", SendPacket("w", packet(A, left)))
    bench.run(3.0)
    assert len(bench.heard["b"]) == 3
    assert meter.read() == (7, 7)


def test_a_meter_goes_on_from_where_it_stands():
    """Counted here, fetched from elsewhere, and counted again: one sum."""
    meter = Meter()
    meter.count(1, 2)
    meter.follow(lambda: (10, 20))
    assert meter.read() == (11, 22)
    meter.follow(None)
    meter.count(forth=100)
    assert meter.read() == (111, 22)


def test_a_host_reaches_itself_without_a_wire():
    """Both ends of a call on one gateway: nothing is captured, everything arrives."""
    bench = Bench(two_hosts())
    bench.do("a", BindDatagrams(A), SendDatagram(Endpoint(A.host, 9), A, b"x"))
    bench.run()
    assert bench.heard["a"] == [DatagramReceived(A, Endpoint(A.host, 9), b"x")]
    assert bench.taps == []


# Streams as nodes order them.

def test_a_port_without_listener_refuses():
    """RST answers the SYN (RFC 9293 §3.10.7.1)."""
    bench = Bench(two_hosts())
    bench.do("a", OpenStream(Stream(A, B)))
    bench.run()
    assert bench.heard["a"] == [StreamFailed(Stream(A, B), Failure.REFUSED)]
    assert [segment.flag_names for _, segment, _ in bench.tcp()] == ["SYN", "RST, ACK"]


def test_a_syn_is_held_until_the_node_answers():
    """Delayed establishment: repetitions are absorbed, one offer is heard, and the SYN, ACK leaves on AcceptStream."""
    bench = Bench(two_hosts())
    bench.do("b", Listen(B))
    bench.do("a", OpenStream(Stream(A, B)))
    bench.run(5.0)
    assert bench.heard == {"a": [], "b": [StreamOffered(Stream(B, A))]}
    assert [segment.flag_names for _, segment, _ in bench.tcp()] == ["SYN"] * 3
    bench.do("b", AcceptStream(Stream(B, A), "the other side is up"))
    bench.run(6.0)
    assert bench.heard["a"] == [StreamOpened(Stream(A, B))]
    assert ("SYN, ACK", "the other side is up") in [(segment.flag_names, why) for _, segment, why in bench.tcp()]


@pytest.mark.parametrize("refuse", [RefuseStream(Stream(B, A)), Unlisten(B), AbortStream(Stream(B, A))])
def test_a_held_syn_can_be_refused(refuse):
    """RefuseStream, and Unlisten for all that wait, answer with RST."""
    bench = Bench(two_hosts())
    bench.do("b", Listen(B))
    bench.do("a", OpenStream(Stream(A, B)))
    bench.run(0.5)
    bench.do("b", refuse)
    bench.run(0.9)
    assert bench.heard["a"] == [StreamFailed(Stream(A, B), Failure.REFUSED)]


def test_an_offer_that_nobody_answers_is_dropped():
    """The node is told, and a late answer does nothing."""
    bench = Bench(two_hosts(), tcp=Settings(offer_limit=2.0, syn_retries=0))
    bench.do("b", Listen(B))
    bench.do("a", OpenStream(Stream(A, B)))
    bench.run(10.0)
    assert bench.heard["b"] == [StreamOffered(Stream(B, A)), StreamFailed(Stream(B, A), Failure.TIMED_OUT)]
    bench.do("b", AcceptStream(Stream(B, A)), SendStream(Stream(B, A), b"x"), EndStream(Stream(B, A)))
    assert len(bench.taps) == 1


def test_both_may_open_at_the_same_time():
    """Simultaneous open: one connection, both hear StreamOpened, nobody is offered anything."""
    bench = Bench(two_hosts())
    bench.do("a", OpenStream(Stream(A, B)))
    bench.do("b", OpenStream(Stream(B, A)))
    bench.run(3.0)
    assert bench.heard == {"a": [StreamOpened(Stream(A, B))], "b": [StreamOpened(Stream(B, A))]}


@pytest.mark.parametrize("seed", range(20))
def test_simultaneous_open_survives_harsh_wires(seed):
    """With loss and reordering it is still one connection."""
    bench = Bench(two_hosts(loss=0.2, reorder=0.2, duplicate=0.2), seed)
    bench.do("a", OpenStream(Stream(A, B)))
    bench.do("b", OpenStream(Stream(B, A)))
    bench.run(300.0, lambda arrival: [SendStream(arrival.happened.stream, b"hello")]
              if isinstance(arrival.happened, StreamOpened) else [])
    assert bench.octets("a") == bench.octets("b") == b"hello"


def test_half_close_leaves_the_other_direction_open():
    """EndStream is heard as StreamEnded, and octets still flow back."""
    bench = Bench(two_hosts())
    bench.do("b", Listen(B))
    bench.do("a", OpenStream(Stream(A, B)))
    bench.run(1.0, lambda arrival: [AcceptStream(Stream(B, A))] if isinstance(arrival.happened, StreamOffered) else [])
    bench.do("a", EndStream(Stream(A, B)))
    bench.run(2.0)
    bench.do("b", SendStream(Stream(B, A), b"more"), EndStream(Stream(B, A)))
    bench.run(3.0)
    stream = Stream(A, B)
    assert bench.heard["a"] == [StreamOpened(stream), StreamFlushed(stream), StreamData(stream, b"more"),
                                StreamEnded(stream), StreamClosed(stream)]
    assert bench.heard["b"][2:] == [StreamEnded(Stream(B, A)), StreamClosed(Stream(B, A))]


def test_an_abort_resets_the_other_side():
    """AbortStream: the peer hears a reset, the node itself nothing."""
    bench = Bench(two_hosts())
    bench.do("b", Listen(B))
    bench.do("a", OpenStream(Stream(A, B)))
    bench.run(1.0, lambda arrival: [AcceptStream(Stream(B, A))] if isinstance(arrival.happened, StreamOffered) else [])
    bench.do("b", AbortStream(Stream(B, A), "TLS failed"))
    bench.run(2.0)
    assert bench.heard["a"][-1] == StreamClosed(Stream(A, B), Failure.RESET)
    assert bench.heard["b"][-1] == StreamOpened(Stream(B, A))
    assert bench.tcp()[-1][2] == "TLS failed"


def test_a_stream_that_is_there_is_in_use():
    """At most one connection between two endpoints."""
    bench = Bench(two_hosts())
    bench.do("a", OpenStream(Stream(A, B)), OpenStream(Stream(A, B)))
    bench.run(0.001)
    assert bench.heard["a"] == [StreamFailed(Stream(A, B), Failure.IN_USE)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("opener", "listener"), [(A, B), (B, A)])
def test_ports_can_be_used_again_from_time_wait(opener, listener, seed):
    """Either side may open anew between the same endpoints while one of them is in TIME-WAIT (RFC 9293 §3.6.1)."""
    bench = Bench(two_hosts(), seed)
    talk_briefly(bench, A, B, until=1.0)
    assert bench.heard["a"][-1] == StreamClosed(Stream(A, B))
    talk_briefly(bench, opener, listener, until=2.0)
    for name in "ab":
        assert sum(1 for heard in bench.heard[name] if isinstance(heard, StreamOpened)) == 2
        assert [heard.reason for heard in bench.heard[name] if isinstance(heard, StreamClosed)] == [None, None]


def talk_briefly(bench: Bench, opener: Endpoint, listener: Endpoint, until: float) -> None:
    """Open and end in both directions."""
    def answer(arrival: Arrival) -> list[Command]:
        match arrival.happened:
            case StreamOffered(stream):
                return [AcceptStream(stream)]
            case StreamOpened(stream):
                return [EndStream(stream)]
        return []

    names = {A: "a", B: "b"}
    bench.do(names[listener], Listen(listener))
    bench.do(names[opener], OpenStream(Stream(opener, listener)))
    bench.run(until, answer)


def test_a_paused_node_hears_nothing_and_loses_nothing():
    """PauseStream: the sender is stopped by the window; going on brings all of it."""
    bench = Bench(two_hosts(), tcp=Settings(receive_limit=10_000))
    bench.do("b", Listen(B))
    bench.do("a", OpenStream(Stream(A, B)))

    def answer(arrival: Arrival) -> list[Command]:
        match arrival.happened:
            case StreamOffered(stream):
                return [AcceptStream(stream)]
            case StreamOpened(stream) if arrival.node == "a":
                return [SendStream(stream, bytes(50_000)), EndStream(stream)]
            case StreamOpened(stream):
                return [PauseStream(stream)]
        return []

    bench.run(20.0, answer)
    assert bench.octets("b") == b""
    assert "zero window probe" in [why for _, _, why in bench.tcp()]
    bench.do("b", PauseStream(Stream(B, A), False))
    bench.run(40.0)
    assert bench.octets("b") == bytes(50_000)


# What is handed down, and packets.

@pytest.mark.parametrize("seed", range(8))
def test_spliced_streams_are_one(seed):
    """Splice: octets pass both ways without the node, whatever the wires do; it hears and decides of ends."""
    left, right, far = Endpoint("10.0.0.2", 2855), Endpoint("10.0.1.2", 6000), Endpoint("10.0.1.9", 30)
    plan = Plan((Host("a", (Foot("w", A.host),)), Host("b", (Foot("w", left.host), Foot("v", right.host))),
                 Host("c", (Foot("v", far.host),))), (Wire("w", loss=0.05), Wire("v", loss=0.05, delay=0.02)))
    bench = Bench(plan, seed, Settings(receive_limit=8000, send_limit=4000, retries=60, syn_retries=30))
    bench.do("b", Listen(left))
    bench.do("c", Listen(far))
    bench.do("a", OpenStream(Stream(A, left)))
    out = Stream(right, far)
    payload, meter = bytes(range(251)) * 200, Meter()

    def answer(arrival: Arrival) -> list[Command]:
        match arrival.node, arrival.happened:
            case "b", StreamOffered():
                return [OpenStream(out)]
            case "b", StreamOpened(stream) if stream == out:
                return [AcceptStream(Stream(left, A))]
            case "b", StreamOpened(stream):
                return [Splice(stream, out, meter)]
            case "b", StreamEnded(stream):
                return [EndStream(out if stream != out else Stream(left, A))]
            case "c", StreamOffered(stream):
                return [AcceptStream(stream)]
            case "a" | "c", StreamOpened(stream):
                return [SendStream(stream, payload), EndStream(stream)]
        return []

    bench.run(answer=answer)
    assert bench.octets("a") == bench.octets("c") == payload
    assert meter.read() == (len(payload), len(payload))
    closed = [heard for heard in bench.heard["b"] if isinstance(heard, StreamClosed)]
    spliced = bench.heard["b"][:bench.heard["b"].index(closed[0])]
    assert not [heard for heard in spliced if isinstance(heard, StreamData | StreamFull | StreamWritable)]
    assert sorted(closed, key=str) == sorted([StreamClosed(Stream(left, A)), StreamClosed(out)], key=str)


def nat_plan() -> Plan:
    return Plan((Host("a", (Foot("home", "192.168.1.2", "192.168.1.1"),)),
                 Host("nat", (Foot("home", "192.168.1.1"), Foot("access", "203.0.113.5"))),
                 Host("b", (Foot("access", "203.0.113.80"),))), (Wire("home"), Wire("access")))


def test_a_host_that_claims_all_packets_can_be_a_nat():
    """Packets for elsewhere reach the next hop; rewritten and sent on, they make a connection through it."""
    inside, outside = Endpoint("192.168.1.2", 5000), Endpoint("203.0.113.5", 61000)
    server = Endpoint("203.0.113.80", 80)
    bench = Bench(nat_plan())
    bench.do("nat", ClaimPackets())
    bench.do("b", Listen(server))
    bench.do("a", OpenStream(Stream(inside, server)))

    def answer(arrival: Arrival) -> list[Command]:
        match arrival.happened:
            case PacketArrived("home", packet):
                return [SendPacket("access", packets.rewrite(packet, source=outside, ttl=63))]
            case PacketArrived(_, packet):
                return [SendPacket("home", packets.rewrite(packet, destination=inside, ttl=63))]
            case StreamOffered(stream):
                return [AcceptStream(stream)]
            case StreamOpened(stream) if arrival.node == "a":
                return [SendStream(stream, b"through"), EndStream(stream)]
            case StreamEnded(stream) if arrival.node == "b":
                return [EndStream(stream)]
        return []

    bench.run(answer=answer)
    assert bench.heard["b"][0] == StreamOffered(Stream(server, outside))
    assert bench.octets("b") == b"through"
    assert bench.heard["a"][-1] == StreamClosed(Stream(inside, server))
    assert {wire for _, wire, _, _ in bench.taps} == {"home", "access"}
    assert len(bench.tcp()) == len(bench.taps)


def test_one_endpoint_can_be_claimed():
    """ClaimPackets with an endpoint: its packets come whole, the host keeps the others."""
    bench = Bench(two_hosts())
    bench.do("b", ClaimPackets(B), BindDatagrams(Endpoint(B.host, 9)))
    bench.do("a", SendDatagram(A, B, b"claimed"), SendDatagram(A, Endpoint(B.host, 9), b"not"))
    bench.run()
    assert bench.heard["b"] == [PacketArrived("w", bench.taps[0][2]), DatagramReceived(Endpoint(B.host, 9), A, b"not")]


def test_a_claim_is_given_back():
    """UnclaimPackets: the host's own UDP and TCP answer again."""
    bench = Bench(two_hosts())
    bench.do("b", ClaimPackets(B), ClaimPackets(), BindDatagrams(B), UnclaimPackets(B), UnclaimPackets())
    bench.do("a", SendDatagram(A, B, b"yours again"))
    bench.run()
    assert bench.heard["b"] == [DatagramReceived(B, A, b"yours again")]


def test_an_icmp_error_reaches_who_has_claimed_what_it_is_about():
    """What it quotes was sent from a claimed endpoint: whole, as a packet; about others it is the host's."""
    bench = Bench(two_hosts())
    bench.do("b", ClaimPackets(B))
    for source in (B, Endpoint(B.host, 9)):
        sent = packets.encode_tcp(packets.Tcp(source, A, 1, 0, packets.SYN, 100))
        error = packets.encode_unreachable(sent, packets.decode_ip(sent), A.host)
        bench.do("a", SendPacket("w", error))
    bench.run()
    assert bench.heard["b"] == [PacketArrived("w", bench.taps[0][2])]


def test_damaged_packets_are_not_delivered():
    """A wrong checksum, a cut packet and noise vanish at the receiver; the tap saw them."""
    bench = Bench(two_hosts())
    bench.do("b", BindDatagrams(B), Listen(B))
    good = packets.encode_udp(A, B, b"data")
    short = packets.encode_ip(A.host, B.host, 6, b"short")
    for packet in (good[:-1] + b"?", good[:25], b"", b"\xff" * 40, short, good):
        bench.do("a", SendPacket("w", packet))
    bench.run()
    assert bench.heard["b"] == [DatagramReceived(B, A, b"data")]
    assert len([tap for tap in bench.taps if tap[3] == ""]) >= 6


@given(st.lists(st.binary(max_size=80), max_size=20), st.booleans())
@settings(max_examples=100, deadline=None)
def test_noise_on_the_wire_breaks_nothing(frames, shaped):
    """Whatever octets an attacker puts on the wire, no stack raises and an open stream goes on."""
    bench = Bench(two_hosts())
    bench.do("b", Listen(B), BindDatagrams(B))
    bench.do("a", OpenStream(Stream(A, B)))
    bench.run(1.0, lambda arrival: [AcceptStream(Stream(B, A))] if isinstance(arrival.happened, StreamOffered) else [])
    for frame in frames:
        protocol = frame[0] % 20 if frame else 6
        packet = packets.encode_ip("10.0.0.77", B.host, protocol, frame[1:]) if shaped else frame
        bench.do("a", SendPacket("w", packet))
    bench.do("a", SendStream(Stream(A, B), b"still here"))
    bench.run(9.0)
    assert bench.octets("b") == b"still here"


# Mistakes.

def test_impossible_orders_are_ours_to_mend():
    """A foreign address, a strange port, a wire without foot, too much for a datagram, an unknown host."""
    net: Network = VirtualNetwork(two_hosts(), 1)
    for sender, command in (("a", BindDatagrams(B)), ("a", Listen(Endpoint(A.host, 0))),
                            ("a", OpenStream(Stream(B, A))),
                            ("a", SendPacket("elsewhere", b"")), ("a", SendDatagram(A, B, bytes(65_508))),
                            ("a", ClaimPackets(B)), ("a", Splice(Stream(A, B), Stream(A, B))), ("x", Listen(A))):
        with pytest.raises(LocalProtocolError):
            net.carry(sender, command, 0.0)
    for harmless in (Drop(None, "no"), Note("state"), LogKeys("x")):
        net.carry("a", harmless, 0.0)
    net.close()


@pytest.mark.parametrize("plan", [
    Plan((Host("a", (Foot("nowhere", A.host),)),), (Wire("w"),)),
    Plan((Host("a", (Foot("w", A.host),)), Host("b", (Foot("w", A.host),))), (Wire("w"),)),
    Plan((Host("a", ()), Host("a", ())), ()),
])
def test_a_wrong_plan_is_refused(plan):
    """A foot on no wire, an address twice on one wire, a name twice."""
    with pytest.raises(ScenarioError):
        VirtualNetwork(plan, 1)
