"""DTLS records and handshake fragments: values, layout, and nothing but own errors for what is neither."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_tls_layout import check, find

from workbench.errors import MalformedMessageError
from workbench.protocols.tls import datagram_layout, datagrams, wire
from workbench.protocols.tls.datagrams import Assembler, Fragment
from workbench.protocols.tls.messages import ClientHello, HelloVerifyRequest

# The cookie exchange as a live server answered it (OpenSSL 3.0, DTLS 1.2).
HELLO = bytes.fromhex(
    "16feff000000000000000000480100003c000000000000003cfefd" + "c0" * 32
    + "00000002c02f01000010000a000400020017000d000400020401")
VERIFY = bytes.fromhex(
    "16feff00000000000000000023030000170000000000000017feff14cba5963adefc1d0d7c8abd0a9dd13c7189aa0c61")
AGAIN = bytes.fromhex(
    "16feff0000000000000001005c010000500001000000000050fefd" + "c0" * 32
    + "0014cba5963adefc1d0d7c8abd0a9dd13c7189aa0c610002c02f01000010000a000400020017000d000400020401")


def test_the_cookie_exchange_is_read():
    """RFC 6347 §4.2.1: record numbers, message numbers, the cookie and where it comes back."""
    read = []
    for datagram in (HELLO, VERIFY, AGAIN):
        (record,), error = datagrams.split(datagram)
        assert error is None
        assert record.octets == datagram
        (fragment,) = datagrams.fragments(record.fragment)
        assert fragment.encode() == record.fragment
        read.append((record.sequence, fragment.message_seq, wire.decode_handshake(fragment.message).body))
    assert [one[:2] for one in read] == [(0, 0), (0, 0), (1, 1)]
    first, verify, second = (one[2] for one in read)
    assert isinstance(first, ClientHello)
    assert isinstance(second, ClientHello)
    assert isinstance(verify, HelloVerifyRequest)
    assert (first.cookie, second.cookie) == (b"", verify.cookie)
    assert len(verify.cookie) == 20


@pytest.mark.parametrize("datagram", [HELLO, VERIFY, AGAIN])
def test_each_octet_of_the_cookie_exchange_has_its_place(datagram):
    """Record header, fragment header and body, down to the last field."""
    spans = check(datagram_layout.spans(datagram), datagram)
    assert find(spans, "tls.undecoded") == []
    assert find(spans, "tls.record.epoch") == ["0"]
    assert len(find(spans, "tls.handshake.message_seq")) == 1


def test_protected_records_and_several_in_a_datagram_are_laid_out():
    """An explicit nonce, what is protected and the tag, where the suite is known (RFC 5288 §3)."""
    datagram = HELLO + datagrams.header(23, 0xFEFD, 1, 7, 40) + bytes(40)
    spans = check(datagram_layout.spans(datagram, suite=0xC02C), datagram)
    assert find(spans, "tls.record.sequence") == ["0", "7"]
    assert find(spans, "tls.record.protected") == ["16 octets"]
    assert [span.value for span in spans] == ["handshake", "application_data"]


@pytest.mark.parametrize(("datagram", "what"), [
    (b"\x16\xfe", "record header cut short at octet 0"),
    (HELLO[:-1], "record cut short at octet 0"),
    (b"\x19" + HELLO[1:], "content type 25 at octet 0"),
    (b"\x16\x03\x03" + HELLO[3:], "record version 0x0303 at octet 1"),
    (HELLO[:11] + b"\xff\xff" + HELLO[13:], "record of 65535 octets at octet 11"),
    (HELLO + b"\0", "record header cut short at octet 85"),
])  # fmt: skip
def test_what_is_no_record_is_told_with_its_place(datagram, what):
    """The records before it are read all the same (RFC 6347 §4.1.1)."""
    found, error = datagrams.split(datagram)
    assert str(error) == f"{what} [RFC 6347 §4.1]"
    assert len(found) == (len(datagram) > 85)
    assert datagrams.looks_like_dtls(datagram) == bool(found)


@pytest.mark.parametrize("octets", [
    b"\1", Fragment(1, 10, 0, 8, b"abc").encode(), Fragment(1, 3, 0, 0, b"abc").encode()[:-1],
    Fragment(1, 1 << 20, 0, 0, b"").encode(),
])  # fmt: skip
def test_fragments_that_can_not_be_are_refused(octets):
    """Cut short, beyond their message, or of a message without bounds (RFC 6347 §4.2.2)."""
    with pytest.raises(MalformedMessageError):
        datagrams.fragments(octets)


@given(st.binary(min_size=1, max_size=300), st.lists(st.integers(0, 299), max_size=12), st.integers(0, 2**32))
def test_fragments_are_put_together_in_any_order(body, cuts, seed):
    """L8: overlapping, repeated and reordered ones, too (RFC 6347 §4.2.3)."""
    chance = random.Random(seed)
    edges = sorted({0, len(body), *(cut % len(body) for cut in cuts)})
    parts = [Fragment(11, len(body), 3, start, body[start : end + chance.randrange(4)])
             for start, end in itertools.pairwise(edges)]
    parts += [one for one in parts if chance.random() < 0.3]
    chance.shuffle(parts)
    assembler = Assembler()
    made = [message for part in parts if (message := assembler.add(part)) is not None]
    assert made[0] == bytes([11]) + len(body).to_bytes(3) + body


def test_what_an_assembler_holds_is_bounded():
    """Only so many messages are open, and each in only so many pieces."""
    assembler = Assembler()
    for number in range(1000):
        assembler.add(Fragment(11, 200_000, number, 0, bytes(1000)))
    for offset in range(2, 200_000, 100):
        assembler.add(Fragment(11, 200_000, 1000, offset, bytes(50)))
    assert assembler.held <= 7 * 1000 + 64 * 50


@given(st.binary(max_size=200) | st.builds(
    lambda which, at, value, cut: (HELLO + VERIFY + AGAIN)[85 * which:][:at] + bytes([value]) + AGAIN[at:200 - cut],
    st.integers(0, 1), st.integers(0, 100), st.integers(0, 255), st.integers(0, 120)))
def test_garbage_is_laid_out_completely(datagram):
    """Whatever comes, each octet has its place, and nothing but our own error is raised."""
    check(datagram_layout.spans(datagram), datagram)
    for record in datagrams.split(datagram)[0]:
        check(datagram_layout.content_spans(record.fragment, record.type), record.fragment)
        try:
            datagrams.fragments(record.fragment)
        except MalformedMessageError as error:
            assert error.clause == "RFC 6347 §4.2.2"
