"""Fragments on a kernel network's wires: cut and put together, and given up where that is wrong. Needs no privilege."""

from __future__ import annotations

import random

import pytest

from workbench.net import packets
from workbench.net.kernel.fragments import Fragments, cut
from workbench.net.values import Endpoint

ENDS = [(Endpoint("10.1.0.1", 4000), Endpoint("10.1.0.2", 5000)),
        (Endpoint("fd01::1", 4000), Endpoint("fd01::2", 5000))]
SEED = 5


def taken(fragments, pieces, now=0.0):
    return [fragments.take(piece, packets.decode_ip(piece), now) for piece in pieces]


def large(ends, octets, ident=7):
    packet = packets.encode_udp(*ends, random.Random(SEED).randbytes(octets), ident=ident)
    return cut(packet, packets.decode_ip(packet), ident), packet


@pytest.mark.parametrize("ends", ENDS, ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("octets", [1, 1473, 3000, 60_000])
def test_what_is_cut_is_put_together(ends, octets):
    """In whatever order fragments come, the whole has the same ports and octets, and a right checksum."""
    pieces, packet = large(ends, octets)
    assert all(len(piece) <= 1500 for piece in pieces)
    if len(pieces) == 1:
        assert pieces == [packet]
        return
    random.Random(SEED).shuffle(pieces)
    *none, (whole, originals) = taken(Fragments(), pieces)
    assert set(none) == {None}
    assert originals == pieces
    ip = packets.decode_ip(whole)
    udp = packets.decode_udp(ip)
    assert (udp.source, udp.destination, udp.data, udp.checksum_ok, ip.checksum_ok) == (
        *ends, packets.decode_udp(packets.decode_ip(packet)).data, True, True)
    assert not ip.is_fragment


def test_a_repeated_fragment_is_one():
    """A wire may duplicate; the packet is whole once."""
    pieces, _ = large(ENDS[0], 3000)
    fragments = Fragments()
    assert [found is not None for found in taken(fragments, [pieces[0], pieces[0], *pieces[1:]])].count(True) == 1


def test_fragments_that_overlap_are_given_up():
    """With other octets in the same place nobody can say which are right (RFC 5722 §4)."""
    pieces, _ = large(ENDS[0], 3000)
    other = pieces[1][:-1] + bytes([pieces[1][-1] ^ 1])
    assert taken(Fragments(), [*pieces[:2], other, pieces[2]]) == [None] * 4


@pytest.mark.parametrize("wrong", ["odd size", "too long", "behind the end", "two ends"])
def test_what_can_not_be_is_given_up(wrong):
    """A fragment that contradicts the others ends its packet, and nothing is kept of it."""
    pieces, packet = large(ENDS[0], 3000)

    def fragment(octets, offset, more):
        made = bytearray(packet[:20] + bytes(octets))
        made[2:8] = len(made).to_bytes(2, "big") + b"\0\7" + (offset // 8 | more << 13).to_bytes(2, "big")
        return bytes(made)

    bad = {"odd size": fragment(9, 0, True), "too long": fragment(64, 65_528, False),
           "behind the end": fragment(64, 32_000, True), "two ends": fragment(64, 32_000, False)}[wrong]
    fragments = Fragments()
    assert taken(fragments, [pieces[-1], bad]) == [None, None]
    assert fragments._waiting == {}


def test_what_waits_is_bounded_and_ends():
    """Of more packets than the limit the oldest are given up, and all after a minute (RFC 1122 §3.3.2)."""
    fragments = Fragments(most=4)
    begun = [large(ENDS[0], 3000, ident)[0] for ident in range(1, 11)]
    taken(fragments, [pieces[0] for pieces in begun])
    assert len(fragments._waiting) == 4
    assert taken(fragments, begun[0][1:])[-1] is None       # of a packet whose first fragment was given up
    assert taken(fragments, begun[9][1:], 59.0)[-1] is not None
    taken(fragments, begun[0][:1], 60.0)
    assert len(fragments._waiting) == 1


def test_garbage_is_taken_calmly():
    """Whatever the octets behind an IPv6 fragment header are, nothing is raised."""
    pieces, _ = large(ENDS[1], 3000)
    chance = random.Random(SEED)
    for _ in range(3000):
        packet = bytearray(chance.choice(pieces))
        for _ in range(chance.randrange(1, 4)):
            packet[chance.randrange(len(packet) if chance.random() < 0.1 else 56)] = chance.randrange(256)
        try:
            ip = packets.decode_ip(bytes(packet))
        except packets.MalformedMessageError:
            continue
        if ip.is_fragment:
            Fragments().take(bytes(packet), ip, 0.0)
