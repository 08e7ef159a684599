"""BFCP streams and fragments: portions do not matter, order does not matter, and what is held is bounded."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from bfcp_vectors import NAMES, OCTETS
from hypothesis import given
from hypothesis import strategies as st

from workbench.protocols.bfcp import wire
from workbench.protocols.bfcp.messages import UNRELIABLE, Message, floor_id
from workbench.protocols.bfcp.reassembly import Reassembly, StreamReader
from workbench.protocols.bfcp.registry import ErrorCode, Primitive
from workbench.protocols.bfcp.wire import RefusedMessageError

STREAM = [OCTETS[name] for name in NAMES if name.startswith("v1")]
LONG = Message(Primitive.FLOOR_QUERY, 1, 7, 2, tuple(floor_id(one) for one in range(40)), UNRELIABLE)


def taken(reader: StreamReader, data: bytes) -> list[Message]:
    reader.feed(data)
    return list(iter(reader.take, None))


@pytest.mark.parametrize("portion", [1, 3, 12, 13, 10_000])
def test_portions_do_not_matter(portion):
    """RFC 8855 §6.1: however a stream is cut, the same messages come out."""
    octets = b"".join(STREAM)
    reader = StreamReader()
    found = [one for at in range(0, len(octets), portion) for one in taken(reader, octets[at : at + portion])]
    assert found == [wire.decode(one) for one in STREAM]
    assert reader.held == 0


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("v1")])
def test_a_cut_message_waits(name):
    """No prefix of a message is taken for a message or for a violation."""
    for size in range(len(OCTETS[name])):
        assert taken(StreamReader(), OCTETS[name][:size]) == []


@pytest.mark.parametrize("octets", [b"\x40", b"MSRP", OCTETS["v2_hello"]])
def test_another_version_breaks_a_stream_at_its_first_octet(octets):
    """RFC 8855 §5.1 (rule B2): version 2 does not belong on a reliable transport."""
    reader = StreamReader()
    reader.feed(octets)
    with pytest.raises(RefusedMessageError) as caught:
        reader.take()
    assert caught.value.code == ErrorCode.UNSUPPORTED_VERSION
    assert (caught.value.header is None) == (len(octets) < 12)


def test_a_stream_holds_no_more_than_it_was_told():
    """A length above the limit is refused when it is read, not when it has been waited for."""
    reader = StreamReader(max_octets=64)
    assert taken(reader, OCTETS["v1_hello_ack"]) == [wire.decode(OCTETS["v1_hello_ack"])]
    reader.feed(bytes.fromhex("2001000e000010e1000200ea"))
    with pytest.raises(RefusedMessageError, match="message of 68 octets; 64 are taken"):
        reader.take()


def test_the_message_behind_a_broken_one_is_found():
    """The header tells where a message ends, so a wrong attribute does not lose the framing."""
    reader = StreamReader()
    reader.feed(bytes.fromhex("20010001000010e1000200ea 0500021f") + OCTETS["v1_hello"])
    with pytest.raises(RefusedMessageError):
        reader.take()
    assert reader.take() == wire.decode(OCTETS["v1_hello"])


@pytest.mark.parametrize("size", [20, 36, 60, 100])
def test_fragments_in_any_order_make_the_message(size):
    """RFC 8855 §6.2.3 (rule B18): out of order and repeated, the message comes once, with the last part."""
    datagrams = wire.encode_datagrams(LONG, size)
    assert all(len(one) <= size for one in datagrams) and len(datagrams) > 1
    for order in itertools.islice(itertools.permutations(datagrams), 0, 5000, 499):
        reassembly = Reassembly(10.0)
        found = [reassembly.receive(one, 0.0) for one in itertools.chain.from_iterable((one, one) for one in order)]
        whole = [one for one in found if one is not None]
        assert whole[0] == LONG and found.index(LONG) == 2 * len(order) - 2


def test_overlapping_fragments_fill_each_other():
    """Parts may be cut anew for a retransmission; what is there counts by octets, not by parts."""
    reassembly = Reassembly(10.0)
    assert reassembly.receive(wire.encode_datagrams(LONG, 36)[0], 0.0) is None
    rest = wire.encode_datagrams(LONG, 60)
    assert [reassembly.receive(one, 0.0) for one in rest][-1] == LONG


def test_a_fragment_of_another_length_is_refused():
    """RFC 8855 §6.2.3: all parts name the length of the whole."""
    reassembly = Reassembly(10.0)
    first, *_ = wire.encode_datagrams(LONG, 36)
    reassembly.receive(first, 0.0)
    odd = first[:2] + bytes((0, 39)) + first[4:]
    with pytest.raises(RefusedMessageError) as caught:
        reassembly.receive(odd, 0.0)
    assert caught.value.code == ErrorCode.INCORRECT_MESSAGE_LENGTH


def test_unfinished_messages_are_given_up_after_t2():
    """RFC 8855 §8.3.2: a partial message is held for T2."""
    reassembly = Reassembly(10.0)
    first, *rest = wire.encode_datagrams(LONG, 60)
    reassembly.receive(first, 1.0)
    assert reassembly.next_wakeup() == 11.0
    reassembly.wake(11.0)
    assert (reassembly.held, reassembly.next_wakeup()) == (0, None)
    assert [reassembly.receive(one, 12.0) for one in rest] == [None] * len(rest)


def test_what_is_held_is_bounded():
    """A peer that never finishes a message holds eight of them at most, and none above the limit."""
    reassembly = Reassembly(10.0, max_octets=400)
    for transaction in range(1000):
        one = Message(Primitive.FLOOR_QUERY, 1, transaction, 2, (floor_id(1),) * 90, UNRELIABLE)
        reassembly.receive(wire.encode_datagrams(one, 200)[0], 0.0)
        assert reassembly.held <= 8 * 400
    huge = Message(Primitive.FLOOR_QUERY, 1, 1, 2, (floor_id(1),) * 98, UNRELIABLE)
    with pytest.raises(RefusedMessageError, match="octets in fragments; 400 are taken"):
        reassembly.receive(wire.encode_datagrams(huge, 200)[0], 0.0)


def test_a_broken_attribute_across_fragments_is_refused_once():
    """The parts are well; the message that they make is not."""
    octets = bytearray(wire.encode(LONG))
    octets[12 + 4 * 20 + 1] = 0
    header = wire.decode_header(bytes(octets[:12]))
    import msgspec

    payload = bytes(octets[12:])
    parts = [msgspec.structs.replace(header, part=(at, len(payload[at : at + 60]))) for at in (0, 60, 120)]
    datagrams = [wire.encode_header(part) + payload[part.part[0] : sum(part.part)] for part in parts]
    reassembly = Reassembly(10.0)
    assert [reassembly.receive(one, 0.0) for one in datagrams[:2]] == [None, None]
    with pytest.raises(RefusedMessageError, match="FLOOR-ID of 0 octets at octet 93"):
        reassembly.receive(datagrams[2], 0.0)
    assert reassembly.held == 0


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_garbage_never_escapes(datagrams):
    """Whatever arrives in datagrams that look like fragments: the codec's own error or a message."""
    reassembly = Reassembly(10.0)
    reader = StreamReader(1000)
    for number, data in enumerate(datagrams):
        for octets in (data, bytes((0x48,)) + data):
            with contextlib.suppress(RefusedMessageError):
                reassembly.receive(octets, float(number))
        with contextlib.suppress(RefusedMessageError):
            reader.feed(b"\x20" + data)
            while reader.take():
                pass
