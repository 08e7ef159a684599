"""TCP merge by translation: the arithmetic for itself, and two hosts that both open towards an IMS-AGW."""

from __future__ import annotations

import pytest
from agw_stage import EVENTS, PEER, UE, UE_PRINT, A, C, add, given, local, modify, remote, stream
from hypothesis import given as having
from hypothesis import strategies as st
from packet_stage import Bench

from workbench.net import packets
from workbench.net.packets import ACK, RST, SYN, Tcp
from workbench.net.values import AbortStream, Endpoint, Failure, Listen, Note, OpenStream, SendPacket
from workbench.nodes.gateway import translation
from workbench.nodes.gateway.translation import MODULUS, Numbers

UE_SOURCE = Endpoint(UE.host, 5555)
PEER_SOURCE = Endpoint(PEER.host, 6000)
SPOILT = {"loss": 0.03, "reorder": 0.05, "duplicate": 0.05, "jitter": 0.002}

NUMBER = st.integers(0, MODULUS - 1)
EDGES = st.one_of(NUMBER, st.sampled_from([0, 1, MODULUS - 1, MODULUS // 2, MODULUS // 2 - 1]))
NUMBERS = st.builds(Numbers, EDGES, EDGES)


# The arithmetic

@having(NUMBERS, NUMBERS, EDGES)
def test_octet_n_stays_octet_n(near, far, count):
    """Octet n of one peer is octet n for the other, wherever the numbers begin and wrap around."""
    shifted = translation.sequence((near.theirs + count) % MODULUS, near, far)
    assert (shifted - far.ours) % MODULUS == count


@having(NUMBERS, NUMBERS, EDGES)
def test_what_is_acknowledged_is_what_was_sent(near, far, number):
    """An acknowledgment of a translated number comes back as one of the number itself, in both directions."""
    assert translation.acknowledgment(translation.sequence(number, near, far), far, near) == number
    assert translation.acknowledgment(translation.sequence(number, far, near), near, far) == number


@having(NUMBERS, NUMBERS, EDGES, st.integers(0, 65_535))
def test_distances_are_kept(near, far, number, size):
    """The end of a segment is as far from its beginning as before, across 2^32 too."""
    end = translation.plus(number, size)
    assert translation.distance(
        translation.sequence(number, near, far), translation.sequence(end, near, far)) == size
    assert translation.distance(end, number) == -size


@having(NUMBERS, NUMBERS, EDGES, EDGES, st.integers(0, 255), st.binary(max_size=20), st.lists(EDGES, max_size=8))
def test_a_segment_is_changed_in_its_numbers_only(near, far, sequence, acknowledgment, flags, payload, edges):
    """Flags, window, urgent pointer and payload stay; the edges of SACK blocks move as acknowledgments do."""
    edges = edges[: len(edges) // 2 * 2]
    block = b"\x01\x01\x05" + bytes([2 + 4 * len(edges)]) + b"".join(one.to_bytes(4, "big") for one in edges)
    segment = Tcp(UE, PEER, sequence, acknowledgment, flags | ACK, 1234, payload, block if edges else b"", 7)
    shifted = translation.translate(segment, near, far, sack=True)
    assert (shifted.flags, shifted.window, shifted.payload, shifted.urgent) == (flags | ACK, 1234, payload, 7)
    assert shifted.sequence == translation.sequence(sequence, near, far)
    assert shifted.acknowledgment == translation.acknowledgment(acknowledgment, near, far)
    if edges:
        moved = shifted.option(5)
        assert moved is not None
        assert [int.from_bytes(moved[at : at + 4], "big") for at in range(0, len(moved), 4)] == [
            translation.acknowledgment(one, near, far) for one in edges]
    back = translation.translate(shifted, Numbers(far.ours, far.theirs), Numbers(near.ours, near.theirs), sack=True)
    assert back == segment


@having(st.binary(max_size=40))
def test_options_keep_their_size(options):
    """Whatever stands there, the header stays as long as it was; without SACK nothing is left but no-operations."""
    segment = Tcp(UE, PEER, 1, 2, ACK, 3, b"", options)
    for sack in (False, True):
        shown = translation.translate(segment, Numbers(1, 2), Numbers(3, 4), sack=sack).options
        assert len(shown) == len(options)
    assert set(translation.translate(segment, Numbers(1, 2), Numbers(3, 4), sack=False).options) <= {1}


# On the wire

def merged(
    bench: Bench, *signals: str, ue: Endpoint = UE, mode: str = "SendReceive", peer: Endpoint = PEER
) -> tuple[Endpoint, Endpoint]:
    """A5: both endpoints passive; their addresses."""
    inside = given(bench.orders(add(
        "access", stream(local("TCP", "passive"), remote("TCP", "active", ue), realm=A, mode=mode), EVENTS.format(1),
        *signals)))
    outside = given(bench.orders(add(
        "core", stream(local("TCP", "passive"), remote("TCP", "active", peer), realm=C), EVENTS.format(2), context=1)))
    return inside, outside


def joins(bench: Bench) -> tuple[Endpoint, Endpoint]:
    """Both peers have opened, and both are up."""
    inside, outside = merged(bench)
    bench.opens("UE", UE_SOURCE, inside)
    bench.opens("Peer", PEER_SOURCE, outside)
    bench.until(lambda: all(end.last.up for end in bench.ends.values()))
    bench.passes(0.1)
    return inside, outside


def talks(bench: Bench, size: int = 30_000) -> None:
    words = [bytes(at % 251 for at in range(start, start + size)) for start in (0, 7)]
    bench.sends("UE", words[0])
    bench.sends("Peer", words[1])
    bench.until(lambda: len(bench.ends["Peer"].last.data) >= size and len(bench.ends["UE"].last.data) >= size)
    assert [bench.ends[name].last.data for name in ("Peer", "UE")] == words


def ends(bench: Bench, *names: str) -> None:
    for name in names:
        bench.closes(name)
    bench.until(lambda: all(end.last.closed for end in bench.ends.values()))
    assert [end.last.reason for end in bench.ends.values()] == [None, None]


def offsets(bench: Bench) -> dict[str, set[int]]:
    """How far sequence numbers are shifted towards each wire: each payload that leaves, against the same that came."""
    came: dict[bytes, tuple[str, int]] = {}
    shifts: dict[str, set[int]] = {"access": set(), "core": set()}
    for one in bench.segments:
        if len(one.tcp.payload) < 100:
            continue
        if not one.by_gateway:
            came[one.tcp.payload] = (one.wire, one.tcp.sequence)
        else:
            wire, sequence = came[one.tcp.payload]
            assert wire != one.wire
            shifts[one.wire].add((one.tcp.sequence - sequence) % MODULUS)
    return shifts


@pytest.mark.parametrize("seed", range(1, 7))
@pytest.mark.parametrize("spoilt", [False, True])
def test_one_shift_for_each_direction(spoilt, seed):
    """Every octet passes shifted by the same number, however segments are lost, repeated or overtaken."""
    bench = Bench(seed=seed, spoilt=SPOILT if spoilt else None, merge="translation")
    joins(bench)
    talks(bench)
    ends(bench, "UE")
    isn = {one.wire: one.tcp for one in bench.segments if one.by_gateway and one.tcp.flags == SYN | ACK}
    first = {one.wire: one.tcp.sequence for one in bench.segments if not one.by_gateway and one.tcp.flags == SYN}
    assert offsets(bench) == {
        "core": {(isn["core"].sequence - first["access"]) % MODULUS},
        "access": {(isn["access"].sequence - first["core"]) % MODULUS}}
    assert all(one.tcp.checksum_ok and one.ip.checksum_ok for one in bench.segments)
    assert not any(one.tcp.flags & RST for one in bench.segments)


@pytest.mark.parametrize("ours", [MODULUS - 1, MODULUS - 3, MODULUS - 15_000, 0])
def test_numbers_wrap_around_on_the_wire(ours):
    """Our numbers pass 2^32 on both legs while payload, acknowledgments and FINs do: nothing is lost."""
    bench = Bench(merge="translation", spoilt=SPOILT)
    bench.agw._control._means.isn = lambda: ours
    joins(bench)
    talks(bench)
    ends(bench, "UE", "Peer")
    assert not any(one.tcp.flags & RST for one in bench.segments)


@pytest.mark.parametrize("order", [("UE", "Peer"), ("Peer", "UE")])
def test_either_peer_may_come_first(order):
    """R-5.16.2.3-8: each handshake is completed at once, with a window of 0 until the other one is."""
    bench = Bench(merge="translation")
    inside, outside = merged(bench)
    where = {"UE": (UE_SOURCE, inside), "Peer": (PEER_SOURCE, outside)}
    for name in order:
        bench.opens(name, *where[name])
        bench.until(lambda name=name: bench.ends[name].last.up)
        bench.passes(0.5)
    talks(bench)
    ends(bench, *order)
    answers = [one.tcp for one in bench.segments if one.tcp.flags == SYN | ACK]
    assert [one.window for one in answers] == [0, 0]
    assert [one.mss for one in answers] == [536, 1460]
    assert [one.window_scale for one in answers] == [None, None]
    assert not any(isinstance(command, OpenStream | Listen) for command in bench.ordered)


def test_what_the_first_peer_says_early_is_not_lost():
    """R-5.16.2.3-9: it is not acknowledged before the join, so the peer keeps it, and sends it then."""
    bench = Bench(merge="translation")
    inside, outside = merged(bench)
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["UE"].last.up)
    bench.sends("UE", b"early words" * 500)
    bench.passes(20.0)
    first = next(one.tcp for one in bench.segments if one.tcp.flags == SYN)
    acked = {one.tcp.acknowledgment for one in bench.segments if one.by_gateway}
    assert acked == {(first.sequence + 1) % MODULUS}
    bench.opens("Peer", PEER_SOURCE, outside)
    bench.until(lambda: bench.ends["Peer"].last.data == b"early words" * 500)
    ends(bench, "Peer")


def test_an_early_fin_waits_too():
    """The first peer speaks and ends before the second one comes: the second one hears both."""
    bench = Bench(merge="translation")
    inside, outside = merged(bench)
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["UE"].last.up)
    bench.sends("UE", b"all there is")
    bench.closes("UE")
    bench.passes(5.0)
    bench.opens("Peer", PEER_SOURCE, outside)
    bench.until(lambda: all(end.last.closed for end in bench.ends.values()))
    assert bench.ends["Peer"].last.data == b"all there is"


@pytest.mark.parametrize("names", [("UE",), ("Peer",), ("UE", "Peer")])
def test_the_end_is_reported_once_and_leaves_nothing(names):
    """Half-close and simultaneous close pass as segments; the controller hears of the first FIN; no timer is left."""
    bench = Bench(merge="translation")
    joins(bench)
    talks(bench)
    ends(bench, *names)
    bench.passes(20.0)
    released = [one for one in bench.notified() if one[1] == "g/cause"]
    assert len(released) == 1
    assert released[0][2] == {"Generalcause": "NR"}
    assert released[0][0] == ("ip/1/core/2" if names == ("Peer",) else "ip/1/access/1")
    assert not any(one.tcp.flags & RST for one in bench.segments)
    bench.orders("Context = 1 { W-Subtract = * { Audit { } } }")
    bench.passes(20.0)
    assert not any(one.tcp.flags & RST for one in bench.segments)
    assert bench.agw._control.leaving == {}


def test_a_subtract_right_behind_the_last_fin_disturbs_nothing():
    """The last acknowledgment may have to be repeated: the claim stays until `linger` is over, the port with it."""
    bench = Bench(merge="translation")
    joins(bench)
    ends(bench, "UE")
    bench.orders("Context = 1 { W-Subtract = * { Audit { } } }")
    bench.passes(20.0)
    assert not any(one.tcp.flags & RST for one in bench.segments)
    assert bench.agw._control.leaving == {}
    assert bench.agw.next_wakeup() is None


@pytest.mark.parametrize("name", ["UE", "Peer"])
def test_a_reset_is_mirrored(name):
    """F9: RST with the number that the other peer expects, so it is believed; reported as lost, once."""
    bench = Bench(merge="translation")
    joins(bench)
    talks(bench, 3_000)
    bench.passes(0.5)
    other = "Peer" if name == "UE" else "UE"
    connection = next(iter(bench.ends[name].connections))
    bench.carry(name, AbortStream(connection))
    bench.until(lambda: bench.ends[other].last.closed, 1.0)
    assert bench.ends[other].last.reason is Failure.RESET
    bench.passes(1.0)
    lost = [one for one in bench.notified() if one[1] == "g/cause"]
    assert lost == [("ip/1/access/1" if name == "UE" else "ip/1/core/2", "g/cause", {"Generalcause": "FT"})]
    assert sum(bool(one.tcp.flags & RST) for one in bench.segments) == 2


def test_a_blind_reset_ends_nothing():
    """RFC 5961 §3: an RST beside the window is passed on for the peer to judge, and the gateway goes on."""
    bench = Bench(merge="translation")
    inside, _ = joins(bench)
    first = next(one.tcp for one in bench.segments if one.tcp.flags == SYN)
    forged = Tcp(UE_SOURCE, inside, (first.sequence + 1_000_000) % MODULUS, 0, RST, 0)
    bench.carry("UE", SendPacket("access", packets.encode_tcp(forged)))
    bench.passes(0.5)
    talks(bench)


SUBTRACT = "Context = 1 {{ W-Subtract = {} {{ Audit {{ }} }} }}"


@pytest.mark.parametrize("name", ["*", "ip/1/access/1", "ip/1/core/2"])
def test_the_order_to_end_resets_both(name):
    """Subtract of a running pair: payload passes no more; peers that do not end get RST that both believe."""
    bench = Bench(merge="translation")
    joins(bench)
    talks(bench, 3_000)
    bench.passes(0.5)
    bench.orders(SUBTRACT.format(name))
    bench.sends("UE", b"too late")
    bench.passes(1.0)
    assert set(bench.dropped) == {"the connection is being released"}
    assert not any(end.last.closed for end in bench.ends.values())
    bench.passes(5.0)
    assert [end.last.reason for end in bench.ends.values()] == [Failure.RESET, Failure.RESET]
    assert bench.agw._control.leaving == {}


@pytest.mark.parametrize("names", [("UE",), ("Peer",), ("UE", "Peer")])
def test_peers_that_end_behind_the_order_do_so_in_order(names):
    """BYE comes before FIN: the peers' own FINs pass behind Subtract, and no RST is seen."""
    bench = Bench(merge="translation")
    joins(bench)
    talks(bench, 3_000)
    bench.passes(0.5)
    bench.orders(SUBTRACT.format("*"))
    ends(bench, *names)
    bench.passes(20.0)
    assert not any(one.tcp.flags & RST for one in bench.segments)
    assert bench.agw._control.leaving == {}


def test_one_peer_only_is_given_up():
    """F4, R-5.16.2.3-11: after the guard time the missing leg is reported, and the other one gets RST."""
    bench = Bench(merge="translation", tcp_guard=10.0)
    _, outside = merged(bench)
    bench.opens("Peer", PEER_SOURCE, outside)
    bench.until(lambda: bench.ends["Peer"].last.up)
    bench.passes(11.0)
    assert bench.notified() == [("ip/1/access/1", "tcpbcc/BNCChange", {"Type": "Fail"})]
    assert bench.ends["Peer"].last.reason is Failure.RESET


def test_a_lost_handshake_is_repeated():
    """The gateway's SYN-ACK is sent again by itself until its acknowledgment comes, and no longer."""
    bench = Bench(merge="translation")
    inside, _ = merged(bench)
    syn = Tcp(UE_SOURCE, inside, 77, 0, SYN, 1000, b"", b"\x02\x04\x05\xb4")
    bench.carry("UE", SendPacket("access", packets.encode_tcp(syn)))
    bench.ends["UE"].handle = lambda happened: []  # type: ignore[method-assign,assignment]
    bench.passes(0.9)
    answers = [one.tcp for one in bench.segments if one.by_gateway and one.tcp.flags == SYN | ACK]
    assert len(answers) == 1
    assert answers[0].acknowledgment == 78


@pytest.mark.parametrize("again", [0, 1])
def test_another_syn_is_refused(again):
    """R-5.4-7: the first connection wins, before the join and behind it."""
    bench = Bench(merge="translation")
    inside, outside = merged(bench)
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["UE"].last.up)
    if again:
        bench.opens("Peer", PEER_SOURCE, outside)
        bench.until(lambda: bench.ends["Peer"].last.up)
    second = bench.opens("UE", Endpoint(UE.host, 5556), inside)
    bench.until(lambda: bench.ends["UE"].connections[second].closed)
    assert bench.ends["UE"].connections[second].reason is Failure.REFUSED
    assert bench.dropped == ["a connection is in place, the first one wins"]
    del bench.ends["UE"].connections[second]
    if not again:
        bench.opens("Peer", PEER_SOURCE, outside)
        bench.until(lambda: bench.ends["Peer"].last.up)
    talks(bench)


@pytest.mark.parametrize("latch", [False, True])
def test_the_source_counts(latch):
    """R-5.4-4, R-5.4-6: another source than signalled is taken with latching, and refused without."""
    bench = Bench(merge="translation")
    signals = ["Signals { ipnapt/latch { Stream = 1, napt = LATCH } }"] if latch else []
    inside, outside = merged(bench, *signals, ue=Endpoint("192.168.7.7", 9))
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["UE"].last.up or bench.ends["UE"].last.closed)
    assert bench.ends["UE"].last.up is latch
    if latch:
        bench.opens("Peer", PEER_SOURCE, outside)
        bench.until(lambda: bench.ends["Peer"].last.up)
        talks(bench)


def test_a_syn_before_the_roles_are_known_waits():
    """A6: the core peer's SYN comes while its leg is still actpass; it is answered when both are passive."""
    bench = Bench(merge="translation")
    outside = given(bench.orders(add("core", stream(local("TCP", "actpass"), realm=C), EVENTS.format(1))))
    bench.opens("Peer", PEER_SOURCE, outside)
    bench.passes(0.4)
    assert not any(one.by_gateway for one in bench.segments)
    bench.orders(modify("ip/1/core/1", stream(
        local("TCP", "passive", host=outside.host, port=outside.port), remote("TCP", "active", PEER))))
    inside = given(bench.orders(add("access", stream(
        local("TCP", "passive"), remote("TCP", "active", UE), realm=A), EVENTS.format(2), context=1)))
    bench.until(lambda: bench.ends["Peer"].last.up, 0.2)
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["UE"].last.up)
    talks(bench)


def test_a_pair_that_is_not_merged_is_a_proxy():
    """The other endpoint turns out to be active: claims are given back, and incoming triggers outgoing."""
    bench = Bench(merge="translation")
    inside = given(bench.orders(add(
        "access", stream(local("TCP", "passive"), remote("TCP", "active", UE), realm=A), EVENTS.format(1))))
    bench.orders(add("core", stream(local("TCP", "active"), remote("TCP", "passive", PEER), realm=C), context=1))
    bench.listens("Peer", PEER)
    bench.opens("UE", UE_SOURCE, inside)
    bench.until(lambda: bench.ends["Peer"].last.up and bench.ends["UE"].last.up)
    talks(bench)


@pytest.mark.parametrize("settings", [{"wires": {}}, {}])
def test_where_translation_is_not_possible_a_proxy_merges(settings):
    """No packets, or TLS at one end: two connections, and a note that says why."""
    bench = Bench(merge="translation", **settings)
    proto, prints = ("TCP", ()) if settings else ("TCP/TLS", (f"a=fingerprint:{UE_PRINT}",))
    inside = given(bench.orders(add("access", stream(
        local(proto, "passive"), remote(proto, "active", UE, *prints), realm=A), EVENTS.format(1))))
    outside = given(bench.orders(add(
        "core", stream(local("TCP", "passive"), remote("TCP", "active", PEER), realm=C), context=1)))
    bench.opens("UE", UE_SOURCE, inside)
    bench.opens("Peer", PEER_SOURCE, outside)
    bench.until(lambda: all(end.last.up for end in bench.ends.values()))
    notes = [command.text for command in bench.ordered if isinstance(command, Note) and "by proxy" in command.text]
    assert len(notes) == 2
    assert ("no packets" in notes[0]) is bool(settings)


def test_a_closed_gate_holds_payload_and_nothing_else():
    """R-5.2-5: payload is dropped at a closed gate and comes again by TCP when it opens; acknowledgments pass."""
    bench = Bench(merge="translation")
    inside, outside = merged(bench, mode="SendOnly")
    bench.opens("UE", UE_SOURCE, inside)
    bench.opens("Peer", PEER_SOURCE, outside)
    bench.until(lambda: all(end.last.up for end in bench.ends.values()))
    bench.sends("UE", b"up")
    bench.sends("Peer", b"down")
    bench.until(lambda: bench.ends["UE"].last.data == b"down")
    assert bench.ends["Peer"].last.data == b""
    assert set(bench.dropped) == {"SendOnly at ip/1/access/1"}
    bench.orders(modify("ip/1/access/1", stream()))
    bench.until(lambda: bench.ends["Peer"].last.data == b"up")


def test_an_icmp_error_has_the_sender_s_numbers():
    """RFC 5508 §4.2: what is quoted is the packet that the peer sent, sequence number included."""
    bench = Bench(merge="translation")
    inside, _ = joins(bench)
    bench.sends("UE", b"y" * 200)
    bench.passes(0.2)
    sent = next(one for one in bench.segments if not one.by_gateway and one.tcp.payload == b"y" * 200)
    onward = next(one for one in bench.segments if one.by_gateway and one.tcp.payload == b"y" * 200)
    error = packets.encode_unreachable(onward.packet, onward.ip, PEER.host, packets.Unreachable.HOST)
    bench.carry("Peer", SendPacket("core", error))
    bench.passes(0.1)
    _, wire, packet, _ = bench.tapped[-1]
    assert wire == "access"
    _, source, destination, octets = packets.decode_quoted(packets.decode_icmp(packets.decode_ip(packet)))
    assert (source, destination) == (UE_SOURCE, inside)
    assert int.from_bytes(octets[4:8], "big") == sent.tcp.sequence


def test_a_new_connection_at_one_end_leaves_the_other():
    """R-S6-4: with a=connection:new at the access the UE connects anew; the core peer's connection counts on."""
    bench = Bench(merge="translation")
    inside, _ = joins(bench)
    talks(bench, 3_000)
    bench.passes(0.5)
    bench.orders(modify("ip/1/access/1", stream(
        local("TCP", "passive", "a=connection:new", host=inside.host, port=inside.port),
        remote("TCP", "active", UE, "a=connection:new"))))
    bench.until(lambda: bench.ends["UE"].last.closed)
    bench.opens("UE", Endpoint(UE.host, 5556), inside)
    bench.until(lambda: bench.ends["UE"].last.up)
    before = len(bench.ends["Peer"].last.data)
    bench.sends("UE", b"once more" * 300)
    bench.sends("Peer", b"and back" * 300)
    bench.until(lambda: len(bench.ends["UE"].last.data) == 2_400)
    bench.until(lambda: len(bench.ends["Peer"].last.data) == before + 2_700)
    assert bench.ends["Peer"].last.data[before:] == b"once more" * 300
    ends(bench, "Peer")


def test_new_connections_at_both_ends_begin_anew():
    """A9: both peers are told to connect again; their new connections are joined, and nothing of the old is left."""
    bench = Bench(merge="translation")
    inside, outside = joins(bench)
    talks(bench, 3_000)
    for name, where, far in (("ip/1/access/1", inside, UE), ("ip/1/core/2", outside, PEER)):
        bench.orders(modify(name, stream(
            local("TCP", "passive", "a=connection:new", host=where.host, port=where.port),
            remote("TCP", "active", far, "a=connection:new"))))
    bench.until(lambda: all(end.last.closed for end in bench.ends.values()))
    bench.opens("UE", Endpoint(UE.host, 5556), inside)
    bench.opens("Peer", Endpoint(PEER.host, 6001), outside)
    bench.until(lambda: all(end.last.up for end in bench.ends.values()))
    talks(bench, 5_000)
    ends(bench, "UE")
