"""Stateless TCP handling: packets between two hosts pass an IMS-AGW that is no end of their connection."""

from __future__ import annotations

import packet_stage
import pytest
from agw_stage import ACCESS, EVENTS, PEER, UE, A, C, Peer, Stage, add, given, local, modify, remote, stream
from gateway_stage import Full
from packet_stage import Bench

from workbench.net import packets
from workbench.net.values import (
    AbortStream,
    ClaimPackets,
    Endpoint,
    Failure,
    Listen,
    Note,
    OpenStream,
    PacketArrived,
    SendDatagram,
    SendPacket,
    Stream,
    UnclaimPackets,
)

UE_SOURCE = Endpoint(UE.host, 5555)
LATCH = "Signals { ipnapt/latch { Stream = 1, napt = LATCH } }"
SPOILT = {"loss": 0.03, "reorder": 0.05, "duplicate": 0.05, "jitter": 0.002}


@pytest.fixture(autouse=True, params=[False, True], ids=["through", "below"])
def relays_below(request, monkeypatch):
    """Everything holds as well where the network is ordered to relay by itself."""
    monkeypatch.setattr(packet_stage, "RELAYS_BELOW", [request.param])


def without_roles(
    bench: Bench, *signals: str, ue: Endpoint = UE, mode: str = "SendReceive"
) -> tuple[Endpoint, Endpoint]:
    """A1: both endpoints "TCP" and no a=setup; their addresses."""
    inside = given(bench.orders(add(
        "access", stream(local("TCP", None), remote("TCP", None, ue), realm=A, mode=mode), EVENTS.format(1), *signals)))
    outside = given(bench.orders(add(
        "core", stream(local("TCP", None), remote("TCP", None, PEER), realm=C), EVENTS.format(2), context=1)))
    bench.listens("Peer", PEER)
    return inside, outside


def talks(bench: Bench, size: int = 30_000) -> None:
    """Both hosts say something long, and the UE closes."""
    words = [bytes(at % 251 for at in range(start, start + size)) for start in (0, 7)]
    bench.until(lambda: bench.ends["UE"].last.up and bench.ends["Peer"].last.up)
    bench.sends("UE", words[0])
    bench.sends("Peer", words[1])
    bench.until(lambda: len(bench.ends["Peer"].last.data) == size and len(bench.ends["UE"].last.data) == size)
    assert [bench.ends[name].last.data for name in ("Peer", "UE")] == words
    bench.closes("UE")
    bench.until(lambda: bench.ends["Peer"].last.closed and bench.ends["UE"].last.closed)
    assert bench.ends["UE"].last.reason is None
    assert bench.ends["Peer"].last.reason is None


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("spoilt", [False, True])
def test_packets_pass_with_other_addresses_and_nothing_else(spoilt, seed):
    """R-5.16.1-3: each segment that the gateway sends is one that it was sent; only addresses, ports, TTL differ."""
    bench = Bench(seed=seed, spoilt=SPOILT if spoilt else None)
    inside, outside = without_roles(bench)
    bench.opens("UE", UE_SOURCE, inside)
    talks(bench)
    came = {"access": "core", "core": "access"}
    sent: dict[str, list[object]] = {"access": [], "core": []}
    for segment in bench.segments:
        if not segment.by_gateway:
            sent[came[segment.wire]].append(segment.own)
            continue
        assert segment.own in sent[segment.wire]
        assert segment.tcp.checksum_ok
        assert segment.ip.checksum_ok
        assert segment.ip.ttl == 63
        ends = (segment.tcp.source, segment.tcp.destination)
        assert ends == ((outside, PEER) if segment.wire == "core" else (inside, UE_SOURCE))


def test_the_handshake_is_end_to_end():
    """R-5.16.1-3: SYN, SYN-ACK and ACK cross; with sequence numbers of the hosts, not of a third party."""
    bench = Bench()
    inside, _ = without_roles(bench)
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["Peer"].last.up)
    flags = [(one.wire, one.tcp.flag_names) for one in bench.segments]
    assert flags == [("access", "SYN"), ("core", "SYN"), ("core", "SYN, ACK"), ("access", "SYN, ACK"),
                     ("access", "ACK"), ("core", "ACK")]
    first = bench.segments
    assert first[1].tcp.sequence == first[0].tcp.sequence
    assert first[3].tcp.sequence == first[2].tcp.sequence
    assert first[1].tcp.options == first[0].tcp.options


def test_nothing_is_originated_and_nothing_is_reported():
    """R-5.16.1-4: a peer that refuses has its RST passed on; the controller hears nothing; there is no timer."""
    bench = Bench()
    inside = given(bench.orders(add(
        "access", stream(local("TCP", None), remote("TCP", None, UE), realm=A), EVENTS.format(1))))
    bench.orders(add("core", stream(local("TCP", None), remote("TCP", None, PEER), realm=C), context=1))
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["UE"].last.closed)
    assert bench.ends["UE"].last.reason is Failure.REFUSED
    bench.passes(100.0)
    assert bench.notified() == []
    assert not {type(command) for command in bench.ordered} & {Listen, OpenStream, AbortStream}
    assert sum(isinstance(command, ClaimPackets) for command in bench.ordered) == 2
    assert len([one for one in bench.segments if one.by_gateway]) == 2


def test_a_closed_gate_drops_and_says_why():
    """R-5.2-5: with the gate closed nothing passes; when it opens, TCP's own repetition brings the connection up."""
    bench = Bench()
    inside, _ = without_roles(bench, mode="Inactive")
    bench.opens("UE", UE_SOURCE, inside)
    bench.passes(0.5)
    assert bench.dropped == ["Inactive at ip/1/access/1"]
    bench.orders(modify("ip/1/access/1", stream()))
    talks(bench)


def test_latching_takes_the_source_of_the_first_syn():
    """R-5.4-2: behind a NAT the signalled address is not the source; what comes from elsewhere later is dropped."""
    bench = Bench()
    inside, _ = without_roles(bench, LATCH, ue=Endpoint("192.168.1.5", 9))
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["Peer"].last.up)
    bench.opens("UE", Endpoint("10.20.30.99", 6666), inside)
    bench.passes(0.5)
    assert bench.dropped == [f"latched on {UE.host}"]
    assert len(bench.ends["Peer"].connections) == 1


def test_a_latched_source_is_reported_where_that_is_asked_for():
    """adr/rsac: the peer is not where Remote says; once, however many connections it opens from there."""
    bench = Bench()
    inside, _ = without_roles(bench, LATCH, ue=Endpoint("192.168.1.5", 9))
    bench.orders(modify("ip/1/access/1", "Events = 7 { adr/rsac { Stream = 1 } }"))
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["Peer"].last.up)
    bench.passes(1.0)
    assert bench.notified() == [("ip/1/access/1", "adr/rsac", {"nrsa": f"[{UE.host}]", "nrsp": "5555"})]


def test_three_ends_are_no_relay():
    """A relay has two ends: with a third one the gateway is an end of every connection, and says so."""
    stage = Full(wires={ACCESS: "access"})
    places = []
    for number in range(3):
        places.append(given(stage.orders(add(
            "access", stream(local("TCP", None), remote("TCP", None, Endpoint(UE.host, 5000 + number)), realm=A),
            context="$" if number == 0 else 1))))
        claims = [command for command in stage.all if isinstance(command, ClaimPackets)]
        assert len(claims) == min(number + 1, 2)
    assert {command.local for command in stage.all if isinstance(command, UnclaimPackets)} == set(places[:2])
    assert {command.local for command in stage.all if isinstance(command, Listen)} == set(places)
    Peer(stage, Stream(places[0], UE_SOURCE)).connects()
    assert [command.stream.local for command in stage.take() if isinstance(command, OpenStream)] == places[1:]
    assert any(isinstance(command, Note) and "more than two ends: a proxy" in command.text for command in stage.all)


def test_a_latch_ordered_again_learns_anew():
    """R-5.4-2: told to latch once more, the gateway takes the next source."""
    bench = Bench()
    inside, _ = without_roles(bench, LATCH)
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["Peer"].last.up)
    bench.orders(modify("ip/1/access/1", LATCH))
    bench.opens("UE", Endpoint("10.20.30.99", 6666), inside)
    bench.until(lambda: bench.ends["UE"].last.up)


def test_another_source_is_dropped_without_latching():
    """R-5.4-6: not the signalled host; no answer, since nothing is originated."""
    bench = Bench()
    inside, _ = without_roles(bench)
    bench.opens("UE", Endpoint("10.20.30.99", 6666), inside)
    bench.passes(0.5)
    assert bench.dropped == [f"not from {UE.host}, and latching was not asked for"]
    assert not any(one.by_gateway for one in bench.segments)


def test_one_connection_after_another_passes():
    """Three connections, each from a new port, through one pair; what is kept does not grow."""
    bench = Bench()
    inside, outside = without_roles(bench)
    for port in (5555, 5556, 5557):
        bench.opens("UE", Endpoint(UE.host, port), inside)
        talks(bench, 2_000)
        bench.passes(0.1)
    opened = [one.tcp.source for one in bench.segments if one.wire == "access" and one.tcp.flags == packets.SYN]
    assert [one.port for one in opened] == [5555, 5556, 5557]
    # The source port towards the peer is the gateway's, so the peer sees its connection taken up again.
    assert {one.tcp.source for one in bench.segments if one.wire == "core" and one.by_gateway} == {outside}


def test_the_core_side_may_open():
    """R-5.16.1-5: the direction is what the peers negotiated; a=setup is not known to the gateway."""
    bench = Bench()
    _, outside = without_roles(bench)
    bench.listens("UE", UE)
    bench.opens("Peer", Endpoint(PEER.host, 6000), outside)
    talks(bench)
    assert not bench.dropped


def test_simultaneous_open_passes():
    """Both SYNs cross in the gateway: one connection (RFC 9293 §3.5)."""
    bench = Bench()
    inside, outside = without_roles(bench, ue=UE_SOURCE)
    bench.opens("UE", UE_SOURCE, inside)
    bench.opens("Peer", PEER, outside)
    talks(bench)
    assert [one.tcp.flag_names for one in bench.segments][:4] == ["SYN", "SYN", "SYN", "SYN"]


def test_an_icmp_error_is_passed_on_in_the_sender_s_terms():
    """RFC 5508 §4.2: the UE reads of its own packet to the gateway, not of one that it never sent."""
    bench = Bench()
    inside, _ = without_roles(bench)
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["Peer"].last.up)
    onward = next(one for one in reversed(bench.segments) if one.by_gateway and one.wire == "core")
    error = packets.encode_unreachable(onward.packet, onward.ip, PEER.host, packets.Unreachable.HOST)
    bench.carry("Peer", SendPacket("core", error))
    bench.passes(0.1)
    _, wire, packet, _ = bench.tapped[-1]
    ip = packets.decode_ip(packet)
    assert (wire, ip.source, ip.destination) == ("access", ACCESS, UE.host)
    icmp = packets.decode_icmp(ip)
    assert icmp.checksum_ok
    _, source, destination, octets = packets.decode_quoted(icmp)
    assert (source, destination) == (UE_SOURCE, inside)
    assert int.from_bytes(octets[4:8], "big") == onward.tcp.sequence
    elsewhere = packets.rewrite_error(error, quoted_destination=Endpoint("203.0.113.99", 1))
    bench.carry("Peer", SendPacket("core", elsewhere))
    bench.passes(0.1)
    assert bench.dropped == ["nothing was sent to 203.0.113.99:1"]


def test_what_is_no_tcp_is_dropped():
    """A claimed address takes TCP and ICMP errors only; a damaged segment goes nowhere and latches nobody."""
    bench = Bench()
    inside, _ = without_roles(bench, LATCH)
    bench.carry("UE", SendDatagram(UE, inside, b"hello"))
    syn = packets.encode_tcp(packets.Tcp(UE_SOURCE, inside, 1, 0, packets.SYN, 1000))
    bench.carry("UE", SendPacket("access", syn[:-1] + b"\x01"))
    last = packets.rewrite(syn, ttl=1)
    bench.carry("UE", SendPacket("access", last))
    bench.passes(0.1)
    assert [reason.partition(" at octet")[0] for reason in bench.dropped] == [
        "neither TCP nor an ICMP error", "wrong TCP checksum", "time to live is over"]


def test_payload_is_counted():
    """Package nt counts what was passed on, repetitions included."""
    bench = Bench()
    inside, _ = without_roles(bench)
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["Peer"].last.up)
    bench.sends("UE", b"x" * 700)
    bench.passes(0.2)
    reply = bench.orders("Context = 1 { Subtract = ip/1/access/1 { Audit { Statistics } } }")
    shown = str(reply)
    assert "'700'" in shown


def test_a_released_relay_gives_its_claim_back():
    """After Subtract the address is the host's again: a SYN is answered with RST."""
    bench = Bench()
    inside, outside = without_roles(bench)
    bench.orders("Context = 1 { W-Subtract = * { Audit { } } }")
    given_back = [command.local for command in bench.ordered if isinstance(command, UnclaimPackets)]
    assert sorted(given_back) == sorted([inside, outside])
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["UE"].last.closed)
    assert bench.ends["UE"].last.reason is Failure.REFUSED


@pytest.mark.parametrize("name", ["*", "ip/1/access/1", "ip/1/core/2"])
def test_the_end_of_a_connection_passes_behind_the_release(name):
    """BYE comes before FIN: behind Subtract no payload passes, but FINs do; then the address is the host's again."""
    bench = Bench()
    inside, _ = without_roles(bench)
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["Peer"].last.up)
    bench.orders(f"Context = 1 {{ W-Subtract = {name} {{ Audit {{ }} }} }}")
    bench.closes("UE")
    bench.until(lambda: bench.ends["Peer"].last.closed and bench.ends["UE"].last.closed)
    assert [end.last.reason for end in bench.ends.values()] == [None, None]
    bench.passes(5.0)
    assert not any(one.tcp.flags & packets.RST for one in bench.segments)
    assert bench.agw._control.leaving == {}
    bench.opens("UE", Endpoint(UE.host, 5556), inside)
    bench.until(lambda: bench.ends["UE"].last.closed if name != "ip/1/core/2" else bool(bench.dropped))


def test_payload_behind_the_release_is_dropped():
    """What is said after Subtract reaches nobody; when `linger` is over the host answers with RST."""
    bench = Bench()
    inside, _ = without_roles(bench)
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["Peer"].last.up)
    bench.orders("Context = 1 { W-Subtract = * { Audit { } } }")
    bench.sends("UE", b"too late")
    bench.passes(3.0)
    assert set(bench.dropped) == {"the relay is released"}
    bench.until(lambda: bench.ends["UE"].last.closed)
    assert bench.ends["UE"].last.reason is Failure.RESET
    assert bench.ends["Peer"].last.data == b""


def test_a_role_given_later_ends_the_relay():
    """Modify with a=setup makes the stream state-aware: claims are given back, and the gateway is an end again."""
    bench = Bench()
    inside, outside = without_roles(bench)
    bench.orders(modify("ip/1/access/1", stream(
        local("TCP", "passive", host=inside.host, port=inside.port), remote("TCP", "active", UE))))
    bench.orders(modify("ip/1/core/2", stream(
        local("TCP", "active", host=outside.host, port=outside.port), remote("TCP", "passive", PEER))))
    bench.opens("UE", UE_SOURCE, inside)
    talks(bench)
    syns = [one.tcp.sequence for one in bench.segments if one.tcp.flags == packets.SYN]
    assert len(set(syns)) == 2


@pytest.mark.parametrize(("settings", "note"), [
    ({"wires": {}}, "this network gives no packets"), ({"stateless": "proxy"}, ""),
])  # fmt: skip
def test_without_packets_a_proxy_stands_in(settings, note):
    """R-5.16.1-7: on a network without packets two connections, and a note that says so."""
    bench = Bench(**settings)
    inside, _ = without_roles(bench)
    bench.opens("UE", UE_SOURCE, inside)
    talks(bench)
    syns = [one.tcp.sequence for one in bench.segments if one.tcp.flags == packets.SYN]
    assert len(set(syns)) == 2
    notes = [command.text for command in bench.ordered if isinstance(command, Note) and "emulates" in command.text]
    assert [note in one for one in notes] == ([True] if note else [])


def test_an_establish_signal_makes_a_stream_state_aware():
    """A controller that orders a connection wants a gateway that is an end of it: no relay then."""
    bench = Bench()
    inside, outside = without_roles(bench)
    bench.orders("Context = 1 { Modify = ip/1/core/2 { Signals { tcpbcc/EstBNC { Stream = 1 } } } }")
    bench.until(lambda: bench.ends["Peer"].last.up)
    assert Stream(PEER, outside) in bench.ends["Peer"].connections
    bench.opens("UE", UE_SOURCE, inside)
    talks(bench)




V6 = {A: "2001:db8::1", C: "2001:db8:1::1"}
UE6, PEER6 = Endpoint("2001:db8:a::5", 5555), Endpoint("2001:db8:b::7", 7394)


@pytest.mark.parametrize(("role", "other"), [(None, None), ("passive", "active")], ids=["relay", "merge"])
def test_ipv6_is_no_different(role, other):
    """Addresses, checksums and the least MSS (1,220) are those of IPv6."""
    stage = Stage(wires={V6[A]: "access", V6[C]: "core"}, addresses=V6, merge="translation")
    inside = given(stage.orders(add("access", stream(
        local("TCP", role, host=V6[A]), remote("TCP", other, UE6), realm=A))))
    outside = given(stage.orders(add("core", stream(
        local("TCP", role, host=V6[C]), remote("TCP", other, PEER6), realm=C), context=1)))
    syn = packets.Tcp(UE6, inside, 77, 0, packets.SYN, 1000, b"", b"\x02\x04\x05\xa0")
    stage.sees(PacketArrived("access", packets.encode_tcp(syn)))
    sent = stage.open.pop(0)
    assert isinstance(sent, SendPacket)
    ip = packets.decode_ip(sent.packet)
    tcp = packets.decode_tcp(ip)
    assert tcp.checksum_ok
    if role is None:
        assert (sent.wire, tcp.source, tcp.destination, tcp.sequence) == ("core", outside, PEER6, 77)
    else:
        assert (sent.wire, tcp.source, tcp.destination) == ("access", inside, UE6)
        assert (tcp.flags, tcp.acknowledgment, tcp.window, tcp.mss) == (packets.SYN | packets.ACK, 78, 0, 1220)
    stage.does_nothing()
