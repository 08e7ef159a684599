"""Tags, lengths and contents of BER, octet by octet (X.690 §8.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import MalformedMessageError
from workbench.protocols.h248.binary import ber


def test_headers():
    """Class, form, number and length in each of their notations."""
    assert ber.header(b"\x30\x03\x02\x01\x05", 0, 5) == ber.Header(0, ber.UNIVERSAL, True, 16, 1, 2, 3)
    assert ber.header(b"\x82\x00", 0, 2) == ber.Header(0, ber.CONTEXT, False, 2, 1, 2, 0)
    assert ber.header(b"\xff\x81\x01\x81\x80", 0, 5) == ber.Header(0, ber.PRIVATE, True, 129, 3, 5, 128)
    assert ber.header(b"\xa1\x80\x00\x00", 0, 4).length is None
    assert ber.header(b"\x41\x84\x00\x00\x00\x07", 0, 6).length == 7


@pytest.mark.parametrize(
    ("octets", "offset", "what"),
    [
        ("", 0, "a TLV is missing"),
        ("30", 1, "in front of a length"),
        ("3f81", 2, "cut short in a tag"),
        ("3f8001", 1, "leading zero"),
        ("3fffffffff7f00", 1, "above 28 bits"),
        ("3082ff", 3, "cut short in a length"),
        ("30ff", 1, "reserved form"),
        ("0480", 1, "an indefinite length of no TLVs"),
    ],
)
def test_headers_that_are_none(octets, offset, what):
    """What is wrong, and at which octet."""
    data = bytes.fromhex(octets)
    with pytest.raises(MalformedMessageError, match=what) as refused:
        ber.header(data, 0, len(data))
    assert refused.value.offset == offset and refused.value.clause.startswith("X.690 §8.1")


def test_elements():
    """All TLVs with their places, those inside first; ends of contents belong to what they end."""
    octets = bytes.fromhex("30800201053002040004020001" + "0000")
    found = [(e.header.start, e.depth, e.header.content, e.stop, e.end) for e in ber.elements(octets)]
    assert found == [(2, 1, 4, 5, 5), (7, 2, 9, 9, 9), (5, 1, 7, 9, 9), (9, 1, 11, 13, 13), (0, 0, 2, 13, 15)]
    assert ber.Octets.of(octets).ends == {1: 13}


@pytest.mark.parametrize(
    ("octets", "offset", "what"),
    [
        ("300302010504", 6, "in front of a length"),
        ("30030201", 2, "contents of 3 octets where 2 are left"),
        ("3005020205", 2, "contents of 5 octets where 3 are left"),
        ("3003020305", 4, "contents of 3 octets where 1 are left"),
        ("3080020105", 5, "end of contents is missing"),
        ("308002010500", 6, "in front of a length"),
    ],
)
def test_elements_that_do_not_fit(octets, offset, what):
    """A TLV stays inside of the one around it."""
    with pytest.raises(MalformedMessageError, match=what) as refused:
        list(ber.elements(bytes.fromhex(octets)))
    assert refused.value.offset == offset


def test_depth_is_bounded():
    """A nest is given up at the octet where it becomes too deep, however it is written."""
    for layer in (b"\x30\x80", b"\xa0\x80"):
        with pytest.raises(MalformedMessageError, match="nested 64 deep") as refused:
            list(ber.elements(layer * 100_000))
        assert refused.value.offset == 2 * ber.MAX_DEPTH
    assert len(list(ber.elements(b"\x30\x80" * 64 + b"\0\0" * 64))) == 64


def test_pieces_of_strings():
    """A string in pieces, and in pieces of pieces, to a bounded depth (X.690 §8.7.3)."""
    octets = bytes.fromhex("0401612403040162040163")
    assert [octets[a:b] for a, b in ber.string_pieces(octets, 0, len(octets), 4)] == [b"a", b"b", b"c"]
    with pytest.raises(MalformedMessageError, match="of another type"):
        list(ber.string_pieces(b"\x16\x01a", 0, 3, 4))
    deep = b""
    for _ in range(20):
        deep = ber.tlv(0x24, deep)
    with pytest.raises(MalformedMessageError, match="in pieces"):
        list(ber.string_pieces(deep, 0, len(deep), 4))


@given(st.integers(-(2**63), 2**64))
def test_integers(number):
    """Integers have the fewest octets that hold their sign (X.690 §8.3.2)."""
    octets = ber.integer_contents(number)
    assert int.from_bytes(octets, "big", signed=True) == number
    assert len(octets) == 1 or octets[:2] not in (b"\x00\x00", b"\xff\xff")
    assert len(octets) == 1 or not (octets[0] == 0 and octets[1] < 0x80)
    assert len(octets) == 1 or not (octets[0] == 0xFF and octets[1] >= 0x80)


@given(st.integers(0, 2**24))
def test_lengths(length):
    """Lengths are read as they were written, in the fewest octets."""
    octets = b"\x04" + ber.length_octets(length)
    assert ber.header(octets, 0, len(octets)).length == length
    assert len(octets) == (2 if length < 128 else 3 if length < 256 else 4 if length < 65536 else 5) + (length >= 2**24)


@pytest.mark.parametrize(
    ("text", "octets"), [("1.2.840.113549", "2a864886f70d"), ("0.0.8.248", "00088178"), ("2.999.3", "883703")]
)
def test_object_identifiers(text, octets):
    """Numbers with dots, the first two in one (X.690 §8.19)."""
    assert ber.object_identifier_contents(text).hex() == octets
    assert ber.object_identifier(bytes.fromhex(octets)) == text
    with pytest.raises(ValueError, match="not whole"):
        ber.object_identifier(bytes.fromhex(octets) + b"\x81")
    for wrong in ("1", "3.1", "1.40", "1.x"):
        with pytest.raises(ValueError):
            ber.object_identifier_contents(wrong)


@given(st.binary(max_size=200))
def test_garbage(octets):
    """Whatever the octets are, they are TLVs or are refused at one of them."""
    try:
        list(ber.elements(octets))
    except MalformedMessageError as error:
        assert error.offset is not None and 0 <= error.offset <= len(octets) + 1
