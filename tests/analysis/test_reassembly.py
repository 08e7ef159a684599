"""TCP octets in order: however segments are cut, doubled, mixed or lost."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis import reassembly
from workbench.analysis.reassembly import HalfStream, Piece, Places

SAID = bytes(range(256)) * 4


def stream(isn: int = 1000) -> HalfStream:
    half = HalfStream()
    half.syn(isn)
    return half


def joined(pieces: list[Piece]) -> bytes:
    return b"".join(piece.octets for piece in pieces)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_segmentation_gives_the_same_octets(data: st.DataObject):
    """Overlapping, repeated and mixed-up segments that cover everything: the octets, once, in order; any ISN."""
    isn = data.draw(st.sampled_from([0, 1000, 2**32 - 1, 2**32 - 500, 2**31 - 1]))
    cuts = sorted({0, len(SAID), *data.draw(st.lists(st.integers(0, len(SAID)), max_size=20))})
    parts = list(pairwise(cuts))
    parts += data.draw(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1024)), max_size=10))
    parts = [(a, b) for a, b in data.draw(st.permutations(parts)) if a < b]
    half = stream(isn)
    found: list[Piece] = []
    for frame, (a, b) in enumerate(parts):
        found += half.add((isn + 1 + a) & 0xFFFFFFFF, SAID[a:b], frame)
    assert joined(found) == SAID
    assert [piece.start for piece in found] == [sum(len(p.octets) for p in found[:i]) for i in range(len(found))]
    assert half.changed == [] and half.missing == 0
    assert half.flush() == []


def test_a_hole_is_told_and_what_is_behind_it_kept():
    """Octets behind a hole come out at the end, with how many are missing in front of them."""
    half = stream()
    assert joined(half.add(1001, b"abc", 1)) == b"abc"
    assert half.add(1010, b"xyz", 2) == []
    assert half.add(1013, b"!", 3) == []
    assert half.flush() == [Piece(9, b"xyz", 2, 6), Piece(12, b"!", 3)]
    assert half.missing == 6


def test_a_hole_does_not_hold_back_without_limit(monkeypatch):
    """When too much is held behind a hole, the hole is given up."""
    monkeypatch.setattr(reassembly, "MOST_HELD_SEGMENTS", 4)
    half = stream()
    found = [piece for n in range(5) for piece in half.add(1101 + n, b"x", n)]
    assert joined(found) == b"xxxxx"
    assert found[0].missing == 100


def test_a_stream_seen_from_the_middle_starts_there():
    """Without a SYN the first segment is the beginning; older octets are left out."""
    half = HalfStream()
    assert half.add(5000, b"abc", 1) == [Piece(0, b"abc", 1)]
    assert half.add(4990, b"older", 2) == []
    assert half.add(5003, b"def", 3) == [Piece(3, b"def", 3)]


def test_a_keep_alive_and_a_retransmission_bring_nothing():
    """An octet from before, or the same segment again, is counted and not delivered."""
    half = stream()
    half.add(1001, b"abc", 1)
    assert half.add(1003, b"c", 2) == []
    assert half.add(1001, b"abcd", 3) == [Piece(3, b"d", 3)]
    assert half.repeated == 4


def test_a_retransmission_with_other_octets_is_noticed():
    """Two copies that differ: the first counts, the frame of the second is remembered."""
    half = stream()
    half.add(1001, b"abcdef", 1)
    assert half.add(1003, b"cXe", 2) == []
    assert half.changed == [2]


def test_places_tell_the_frames_of_a_message():
    """A message's frames are those that brought any of its octets."""
    places = Places()
    places.add(0, 10, (1,))
    places.add(10, 20, (2,))
    places.add(20, 30, (4, 3))
    assert places.frames(0, 10) == (1,)
    assert places.frames(5, 11) == (1, 2)
    assert places.frames(10, 25) == (2, 3, 4)
