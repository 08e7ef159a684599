"""Octets of a TCP direction: in order, each once, whatever the wire did to the segments."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.carried.tls_stream import KeyLog
from workbench.analysis.explain.connection import connect, protocol_of
from workbench.analysis.explain.octets import fields_between
from workbench.analysis.explain.streams import Segment, put_together
from workbench.net.packets import ACK, SYN, Tcp
from workbench.net.values import Endpoint
from workbench.protocols.layout import Span

OCTETS = bytes(range(256))
A, B = Endpoint("192.0.2.1", 1000), Endpoint("192.0.2.2", 2855)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.lists(st.integers(1, 255), max_size=8, unique=True),
    st.randoms(use_true_random=False), st.lists(st.integers(0, 7), max_size=4),
)
def test_order_and_repetition_do_not_matter(initial: int, cuts: list[int], order: Random, again: list[int]) -> None:
    """Segments in any order, some sent twice, around the wrap of sequence numbers: the same octets and places."""
    edges = [0, *sorted(cuts), len(OCTETS)]
    parts = [(start, OCTETS[start:end]) for start, end in pairwise(edges)]
    parts += [parts[index % len(parts)] for index in again]
    order.shuffle(parts)
    segments = [Segment(1, initial, True, b"")]
    segments += [Segment(number, (initial + 1 + start) % 2**32, False, part)
                 for number, (start, part) in enumerate(parts, start=2)]
    found = put_together(segments, 1)
    assert found.octets == OCTETS
    for number, (start, part) in enumerate(parts, start=2):
        assert found.places[number] == (start, start + len(part))


def test_a_gap_ends_the_octets() -> None:
    """What stands behind a missing segment has no place: nothing is guessed."""
    found = put_together([Segment(1, 9, True, b""), Segment(2, 10, False, b"abc"), Segment(3, 20, False, b"xyz")], 2)
    assert (found.octets, found.places) == (b"abc", {2: (0, 3)})


def test_a_capture_that_starts_late() -> None:
    """Without a SYN the first octet captured is the first octet of the direction."""
    found = put_together([Segment(5, 103, False, b"def"), Segment(6, 100, False, b"abc")], 5)
    assert found.octets == b"abcdef"
    assert found.frames(0, 6) == (6, 5)
    assert found.frames(4, 5) == (5,)


def segment(source: Endpoint, sequence: int, flags: int, payload: bytes = b"") -> Tcp:
    return Tcp(source, B if source == A else A, sequence, 0, flags, 1000, payload)


def test_the_same_ports_again_are_another_connection() -> None:
    """A SYN with a new sequence number starts a connection of its own; each frame is explained in its own."""
    segments = [
        (1, segment(A, 100, SYN)), (2, segment(B, 500, SYN | ACK)), (3, segment(A, 101, ACK, b"MSRP one")),
        (4, segment(A, 900, SYN)), (5, segment(B, 700, SYN | ACK)), (6, segment(A, 901, ACK, b"MSRP two")),
    ]
    assert connect(segments, 3, KeyLog()).sides[0].direction.octets == b"MSRP one"
    assert connect(segments, 6, KeyLog()).sides[0].direction.octets == b"MSRP two"


def test_protocols_are_told_by_their_octets() -> None:
    """The first octets decide, never a port."""
    assert protocol_of(b"INVITE sip:a@b SIP/2.0\r\n") == "SIP"
    assert protocol_of(b"SIP/2.0 200 OK\r\n") == "SIP"
    assert protocol_of(b"MEGACO/2 [192.0.2.1]:2944\n") == "H.248"
    assert protocol_of(b"!/1 [192.0.2.1]\n") == "H.248"
    assert protocol_of(b"MSRP a786hjs2 SEND\r\n") == "MSRP"
    assert protocol_of(b"\x16\x03\x01\x00\x05hello") == "TLS"
    assert protocol_of(b"") == protocol_of(b"\x00\x01\x02") == ""


def test_a_field_over_the_edge_says_which_part_it_is() -> None:
    """A frame that holds octets 3 to 6 of a message shows the fields cut there, moved to their place in the frame."""
    spans = (Span("m", 0, 8, "", (Span("a", 0, 5, "five"), Span("b", 5, 8, "three"))),)
    (whole,) = fields_between(spans, 3, 7, 40)
    assert (whole.start, whole.end, whole.part) == (43, 47, (3, 7, 8))
    first, second = whole.children
    assert (first.start, first.end, first.part) == (43, 45, (3, 5, 5))
    assert (second.start, second.end, second.part) == (45, 47, (0, 2, 3))
