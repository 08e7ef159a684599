"""TPKT framing of H.248 over TCP: cuts, faults and bounds, octet by octet."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.h248.transport import Tpkt, address_of, mid_of

MESSAGE = b"MEGACO/2 [192.0.2.10]:2944 Pending = 1 { }"


def test_a_frame_has_its_own_length_in_front():
    """Version 3, a reserved 0, and the length with the four octets of the header (RFC 1006 §6)."""
    assert Tpkt.frame(b"!/2 x P=1{}") == bytes.fromhex("0300000f") + b"!/2 x P=1{}"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.data())
def test_portions_do_not_matter(messages, data):
    """However the stream is cut, the same messages come out, in order and whole."""
    octets = b"".join(map(Tpkt.frame, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=8)))
    tpkt, seen = Tpkt(), []
    for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True):
        seen += tpkt.receive_data(octets[start:end])
    assert seen == messages and tpkt.broken is None


@pytest.mark.parametrize(("octets", "offset", "what"), [
    (b"MEGACO/2 x", 0, "TPKT version 77"), (bytes.fromhex("0300000400"), 2, "TPKT of 4 octets"),
    (bytes.fromhex("03000000"), 2, "TPKT of 0 octets"), (bytes.fromhex("0300ffff"), 2, "TPKT of 65535 octets"),
])
def test_a_fault_is_named_with_its_place(octets, offset, what):
    """Offsets count from the connection's first octet; what was complete before the fault is not lost."""
    with pytest.raises(MalformedMessageError, match=what) as caught:
        Tpkt(max_octets=1000).receive_data(octets)
    assert caught.value.offset == offset
    tpkt = Tpkt(max_octets=1000)
    assert tpkt.receive_data(Tpkt.frame(MESSAGE) + octets) == [MESSAGE]
    assert tpkt.broken is not None and tpkt.broken.offset == offset + len(MESSAGE) + 4
    with pytest.raises(MalformedMessageError):
        tpkt.receive_data(Tpkt.frame(MESSAGE))


def test_the_longest_message():
    """65,531 octets fit; one more is our own mistake, and so is none."""
    longest = b"x" * 65_531
    assert Tpkt().receive_data(Tpkt.frame(longest)) == [longest]
    for wrong in (b"", longest + b"x"):
        with pytest.raises(LocalProtocolError):
            Tpkt.frame(wrong)


@pytest.mark.parametrize(("mid", "address"), [
    ("[192.0.2.10]:2945", ("192.0.2.10", 2945)), ("[192.0.2.10]", ("192.0.2.10", 2944)),
    ("[2001:DB8:0::1]:5000", ("2001:db8::1", 5000)), ("<mgc.example.net>:2944", ("mgc.example.net", 2944)),
    ("[999.0.2.10]:2944", None), ("[192.0.2.10]:99999", None), ("[192.0.2.10]:0", None), ("MTP{0102}", None),
    ("mgc/1", None), ("", None), ("[::1", None),
])
def test_addresses_of_message_identifiers(mid, address):
    """Where a message identifier says that its owner is, in canonical form."""
    assert address_of(mid) == address
    if address is not None and "<" not in mid:
        assert address_of(mid_of(*address)) == address
