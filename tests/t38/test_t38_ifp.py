"""IFP packets in aligned PER: every value, both layouts, every cut, and garbage (T.38 annex A)."""

from __future__ import annotations

import contextlib

import pytest
from counting import work
from hypothesis import given
from hypothesis import strategies as st
from t38_vectors import IFP, IFP_0

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.t38 import ifp
from workbench.protocols.t38.messages import (
    DATA_NAMES,
    FIELD_NAMES,
    INDICATOR_NAMES,
    DataType,
    Field,
    FieldType,
    IfpPacket,
    Indicator,
    data,
    indication,
)

VECTORS = [(name, 3, *pair) for name, pair in IFP.items()] + [(name, 0, *pair) for name, pair in IFP_0.items()]


@st.composite
def packets(draw, version: int = 3):
    """Any IFP packet of a version."""
    last = {0: (15, 8, 7)}.get(version, (22, 14, 11))
    kinds = st.integers(0, last[2])
    fields = st.one_of(st.none(), st.lists(st.builds(
        Field, kinds, st.one_of(st.none(), st.binary(min_size=1, max_size=40))), max_size=6).map(tuple))
    if draw(st.booleans()):
        return IfpPacket(indicator=draw(st.integers(0, last[0])), fields=draw(fields))
    return IfpPacket(data=draw(st.integers(0, last[1])), fields=draw(fields))


@pytest.mark.parametrize(("name", "version", "octets", "packet"), VECTORS, ids=lambda value: str(value)[:20])
def test_worked_packets(name, version, octets, packet):
    """Octets put together by hand from the module, and what they say."""
    assert ifp.decode(bytes.fromhex(octets), version) == packet
    assert ifp.encode(packet, version) == bytes.fromhex(octets)


@pytest.mark.parametrize("indicator", Indicator)
def test_every_indicator(indicator):
    """Root values are shifted by one, extension values are 13 bits of zeros but for bit 13 and a 6-bit index."""
    octets = bytes((indicator << 1,)) if indicator < 16 else (0x2000 | (indicator - 16) << 6).to_bytes(2, "big")
    assert ifp.encode(indication(indicator)) == octets
    assert ifp.decode(octets) == indication(indicator)
    assert str(indication(indicator)) == INDICATOR_NAMES[indicator]


@pytest.mark.parametrize("kind", DataType)
def test_every_data_type(kind):
    head = bytes((0xC0 | kind << 1,)) if kind < 9 else (0xE000 | (kind - 9) << 6).to_bytes(2, "big")
    assert ifp.encode(data(kind)) == head + b"\0"
    assert ifp.decode(head + b"\0") == data(kind) and str(data(kind)) == DATA_NAMES[kind]


@pytest.mark.parametrize("kind", FieldType)
def test_every_field_type(kind):
    """With data one octet (0x80 | type << 3) or two, without data the same without the first bit."""
    packet, bare = data(0, Field(kind, b"\xaa")), data(0, Field(kind))
    head = bytes((0x80 | kind << 3,)) if kind < 8 else (0xC000 | (kind - 8) << 7).to_bytes(2, "big")
    assert ifp.encode(packet) == b"\xc0\x01" + head + b"\0\0\xaa"
    assert ifp.decode(ifp.encode(packet)) == packet and ifp.decode(ifp.encode(bare)) == bare
    assert str(packet) == f"v21 {FIELD_NAMES[kind]}"


@given(packets())
def test_what_is_written_is_read_again(packet):
    for version in (2, 3):
        assert ifp.decode(ifp.encode(packet, version), version) == packet


@given(packets(0))
def test_version_0_travels_too(packet):
    """And version 1 has the same values in the other layout."""
    assert ifp.decode(ifp.encode(packet, 0), 0) == packet
    assert ifp.decode(ifp.encode(packet, 1), 1) == packet


@given(packets())
def test_no_cut_is_a_packet(packet):
    """A packet cut anywhere is refused, but where what is left out is only padding."""
    octets = ifp.encode(packet)
    for size in range(len(octets)):
        with pytest.raises(MalformedMessageError):
            ifp.decode(octets[:size])
    with pytest.raises(MalformedMessageError, match="1 octets behind the end"):
        ifp.decode(octets + b"\0")
    assert ifp.decode(octets + b"\0\0", rebuilt=True) == packet


@given(st.binary(max_size=60), st.sampled_from((0, 1, 3)), st.booleans())
def test_garbage_never_escapes(octets, version, wide):
    """Whatever arrives: a packet, or the codec's own error; what was read is written again without its padding."""
    with contextlib.suppress(MalformedMessageError):
        packet = ifp.decode(octets, version, wide=wide)
        assert ifp.decode(ifp.encode(packet, version, wide=wide), version, wide=wide) == packet
    ifp.version_of(octets)


@pytest.mark.parametrize(("octets", "what"), [
    ("d2 00", "value 9 of 9"), ("c0 c1 00", "a fragmented length"), ("30 00", "an extension value above 63"),
    ("c0 01 80 0004 ffc8", "5 octets where 2 are left"), ("c0 8fff", "4095 fields; 1024 are read"), ("", "cut short")])
def test_what_is_wrong_is_said_with_its_place(octets, what):
    with pytest.raises(MalformedMessageError, match=what) as caught:
        ifp.decode(bytes.fromhex(octets))
    assert caught.value.clause.startswith(("X.691", "T.38")) and caught.value.offset is not None


def test_padding_bits_are_anything():
    """X.691: they are ignored (rule T13)."""
    assert ifp.decode(b"\x03") == ifp.decode(b"\x02")


def test_extension_field_types_of_a_common_library():
    """One library writes eight bits in place of seven: the same for cm-message, another place for the others."""
    jm = data(DataType.V8, Field(FieldType.JM_MESSAGE, b"\x11"))
    octets = bytes.fromhex("e000 01 c040 0000 11")
    assert ifp.encode(jm, wide=True) == octets and ifp.decode(octets, wide=True) == jm
    cm = data(DataType.V8, Field(FieldType.CM_MESSAGE, b"\x11"))
    assert ifp.encode(cm, wide=True) == ifp.encode(cm)
    assert ifp.decode(bytes.fromhex("c00180000155aa"), wide=True).fields == (Field(0, b"\x55\xaa"),)


def test_the_version_shows_in_the_packet():
    """Where nobody said which version is used, a packet with data tells."""
    assert ifp.version_of(bytes.fromhex("c002800002ffc8f520")) == 3
    assert ifp.version_of(bytes.fromhex("c002800002ffc8f540")) == 0
    assert ifp.version_of(b"\x02") == 3 and ifp.version_of(b"\xff\xff") is None


@pytest.mark.parametrize(("packet", "version"), [
    (IfpPacket(), 3), (IfpPacket(indicator=1, data=1), 3), (data(0, Field(8, b"x")), 0), (data(0, Field(-1)), 3),
    (data(0, Field(0, b"")), 3), (data(0, Field(0, bytes(65536))), 3),
    (indication(80), 3), (indication(-1), 3), (indication(1), 4), (data(0, *(Field(0),) * 16384), 3)])
def test_we_do_not_build_what_no_receiver_reads(packet, version):
    with pytest.raises(LocalProtocolError):
        ifp.encode(packet, version)


def test_unknown_extension_values_stay_numbers():
    packet = data(9 + 40, Field(8 + 50, b"x"))
    assert ifp.decode(ifp.encode(packet)) == packet
    assert str(packet) == "data type 49 field 58"
    assert str(indication(60)) == "indicator 60"


def test_work_is_bounded_by_octets():
    """A thousand fields are the most that are read, whatever the count says."""
    octets = b"\xc0\x84\x00" + bytes(640)
    assert work(lambda: ifp.decode(octets))[0] < 20_000
