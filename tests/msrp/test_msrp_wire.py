"""MSRP octets: framing over any cut, values there and back, what is refused."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import msgspec
import pytest
from counting import work
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp import wire
from workbench.protocols.msrp.messages import Broken, ByteRange, Flag, Header, Request, Response

VECTORS = Path(__file__).parent.parent / "vectors" / "msrp"
NAMES = sorted(path.stem for path in VECTORS.glob("*.hex"))
A = uris.decode("msrps://198.51.100.10:28550/uA3n7QwZ0kRb5YtH;tcp")
B = uris.decode("msrps://203.0.113.20:28551/mP8vC2xLs6GdJ1eN;tcp")


def octets_of(name: str) -> bytes:
    return bytes.fromhex((VECTORS / f"{name}.hex").read_text())


def send(body: bytes | None, transaction: str = "t1Kq8Zp4Vx2L", flag: Flag = Flag.COMPLETE) -> Request:
    headers = (Header("Message-ID", "wb-0001"),)
    if body is not None:
        headers += (Header("Content-Type", "text/plain"),)
    return Request(transaction, "SEND", (B,), (A,), headers, body, flag)


@pytest.mark.parametrize("name", NAMES)
def test_worked_examples_decode_and_encode_to_the_same_octets(name: str) -> None:
    expected = json.loads((VECTORS / f"{name}.json").read_text())
    octets = octets_of(name)
    message = wire.decode(octets)
    assert len(octets) == expected["octets"]
    assert type(message).__name__ == expected["kind"]
    found = msgspec.to_builtins(message)
    if expected["message"].get("body") is not None:
        found["body"] = message.body.decode()
    assert json.loads(json.dumps(found)) == expected["message"]
    assert wire.encode(message) == octets


@pytest.mark.parametrize("name", NAMES)
def test_portions_do_not_matter(name: str) -> None:
    """However a stream is cut, also inside the end-line (M30), the same messages come out at the same places."""
    octets = octets_of(name)
    whole = wire.Reader().receive_data(octets)
    assert [(one.start, one.end, one.error) for one in whole] == [(0, len(octets), None)]
    for size in (1, 2, 3, 7, 64):
        reader = wire.Reader()
        parts = [octets[at : at + size] for at in range(0, len(octets), size)]
        assert [one for part in parts for one in reader.receive_data(part)] == whole
    reader = wire.Reader()
    assert reader.receive_data(octets + octets[:5]) == whole
    again = reader.receive_data(octets[5:])
    assert [(one.start, one.end, one.message) for one in again] == [(len(octets), 2 * len(octets), whole[0].message)]


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_message_waits(name: str) -> None:
    """No prefix of a message is taken for a message or for a violation."""
    octets = octets_of(name)
    for size in range(len(octets)):
        assert wire.Reader().receive_data(octets[:size]) == []
        with pytest.raises(MalformedMessageError):
            wire.decode(octets[:size])


def test_end_line_look_alikes_stay_in_the_body() -> None:
    """Another transaction's end-line, or one's own without flag, is an ordinary part of a body (M3, M4)."""
    for body in (
        b"-------other123$", b"x\r\n-------other123$\r\ny", b"x\r\n-------t1Kq8Zp4Vx2LX$\r\n",
        b"x\r\n-------t1Kq8Zp4Vx2L*\r\n", b"x\r\n-------t1Kq8Zp4Vx2L$\r", b"x\r\n-------t1Kq8Zp4Vx2L$ \r\n",
        b"x\r\n------t1Kq8Zp4Vx2L$\r\n", b"\r\n\r\n", b"\r\n-------t1Kq8Zp4Vx2L", b"\0\xff\r", b"-------t1Kq8Zp4Vx2L$",
    ):
        octets = b"\r\n".join([
            b"MSRP t1Kq8Zp4Vx2L SEND", f"To-Path: {B}".encode(), f"From-Path: {A}".encode(),
            b"Content-Type: a/b", b"", body, b"-------t1Kq8Zp4Vx2L$", b"",
        ])
        if body.startswith(b"-------t1Kq8Zp4Vx2L$"):
            body = b""  # behind the blank line that is an end-line, whatever comes next
            octets = octets[: octets.index(b"-------") + 22]
        for size in (1, 3, len(octets)):
            reader = wire.Reader()
            found = [one for at in range(0, len(octets), size) for one in reader.receive_data(octets[at : at + size])]
            assert [one.message.body for one in found] == [body]
            assert found[0].end == len(octets)


def test_a_body_of_no_octets_is_not_no_body() -> None:
    assert wire.decode(wire.encode(send(b""))).body == b""
    assert wire.decode(wire.encode(send(None))).body is None


@given(st.binary(max_size=200), st.sampled_from(list(Flag)), st.lists(st.integers(1, 60), max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_body_comes_back(body: bytes, flag: Flag, cuts: list[int]) -> None:
    message = send(body, flag=flag)
    octets = wire.encode(message)
    reader, found, at = wire.Reader(), [], 0
    for cut in [*cuts, len(octets)]:
        found += reader.receive_data(octets[at : at + cut])
        at += cut
    assert [one.message for one in found] == [message]
    assert found[0].octets == octets


@pytest.mark.parametrize(("octets", "clause"), [
    (b"MSRP abc SEND\r\n", "RFC 4975 §9"),  # M1: an id of three octets
    (b"MSRP " + b"a" * 33 + b" SEND\r\n", "RFC 4975 §9"),
    (b"msrp abcd SEND\r\n", "RFC 4975 §9"), (b"MSRP abcd  SEND\r\n", "RFC 4975 §9"),
    (b"MSRP abcd send\r\n", "RFC 4975 §9"), (b"MSRP abcd 20 OK\r\n", "RFC 4975 §9"),
    (b"GET / HTTP/1.1\r\n", "RFC 4975 §9"),
    (b"\r\n", "RFC 4975 §9"), (b"MSRP abcd SEND\nTo-Path: x\n" + b"x" * 9000, "RFC 4975 §9"),
])
def test_a_stream_that_is_not_msrp_is_given_up(octets: bytes, clause: str) -> None:
    reader = wire.Reader()
    found = reader.receive_data(octets)
    assert reader.broken
    assert found[-1].message is None
    assert found[-1].error is not None
    assert found[-1].error.clause == clause
    assert reader.receive_data(octets_of("report")) == []
    assert reader.held == 0


def lines(*parts: str) -> bytes:
    return "\r\n".join(["MSRP abcd1234 SEND", *parts, "-------abcd1234$", ""]).encode()


@pytest.mark.parametrize("parts", [
    (f"From-Path: {A}", f"To-Path: {B}"),  # M2
    (f"To-Path: {B}", "Message-ID: abcd", f"From-Path: {A}"),
    (f"To-Path: {B}",), (),
    ("To-Path: sip:a@b", f"From-Path: {A}"), ("To-Path: ", f"From-Path: {A}"),
    (f"To-Path: {B}  {B}", f"From-Path: {A}"),
    (f"To-Path: {B}", f"From-Path: {A}", "no colon"),
    (f"To-Path: {B}", f"From-Path: {A}", "X: a\x01b"),
    (f"To-Path: {B}", f"From-Path: {A}", "Content-Type: a/b", "X: y", "", "body"),
    (f"To-Path: {B}", f"From-Path: {A}", "", "body"),
])
def test_a_message_with_both_ends_and_wrong_headers_is_framed_still(parts: tuple[str, ...]) -> None:
    """The next message is found; the wrong one says what is wrong."""
    reader = wire.Reader()
    wrong, good = reader.receive_data(lines(*parts) + octets_of("report"))
    assert isinstance(wrong.message, Broken)
    assert wrong.error is not None
    assert wrong.message.transaction == "abcd1234"
    assert isinstance(good.message, Request)
    assert good.start == wrong.end == len(lines(*parts))
    with pytest.raises(MalformedMessageError):
        wire.decode(lines(*parts))


def test_octets_that_are_not_utf8_in_a_header_are_refused_with_their_place() -> None:
    octets = lines(f"To-Path: {B}", f"From-Path: {A}").replace(b"To-Path", b"To\xffPath")
    found = wire.Reader().receive_data(octets)
    assert isinstance(found[0].message, Broken)
    assert found[0].error is not None
    assert found[0].error.offset == octets.index(b"\xff")


def test_endless_lines_headers_and_bodies_are_bounded() -> None:
    """A peer that never comes to an end makes us hold no more than the limits."""
    reader = wire.Reader()
    for _ in range(10):
        reader.receive_data(b"MSRP " + b"a" * 4000)
    assert reader.broken
    reader = wire.Reader()
    reader.receive_data(b"MSRP abcd SEND\r\n" + b"X: y\r\n" * 10_000)
    assert reader.broken
    reader = wire.Reader(max_octets=1000)
    head = lines(f"To-Path: {B}", f"From-Path: {A}", "Content-Type: a/b", "", "").partition(b"-------")[0][:-2]
    assert reader.receive_data(head) == []
    for _ in range(1000):
        assert reader.receive_data(b"x" * 1000) == []
        assert reader.held < 3000
    assert reader.overflowing is not None
    assert reader.overflowing.transaction == "abcd1234"
    closing = b"\r\n-------abcd1234$\r\n"
    found = reader.receive_data(closing + octets_of("report"))
    assert isinstance(found[0].message, Broken)
    assert found[0].end == len(head) + 1_000_000 + len(closing)
    assert isinstance(found[1].message, Request)
    assert found[1].start == found[0].end


def test_work_is_linear_in_the_octets() -> None:
    """Nothing is scanned again when the next segment comes: the search goes on where it stood, but for an end-line."""
    end_line = len("\r\n-------t1Kq8Zp4Vx2L$\r\n")

    def read(times: int) -> None:
        message = send(b"\r\n-------t1Kq8Zp4Vx2" * times)
        octets, reader = wire.encode(message), wire.Reader()
        *parts, last = [octets[at : at + 2] for at in range(0, len(octets), 2)]
        for part in parts:
            assert reader.receive_data(part) == []
            assert reader._scanned >= reader.held - end_line
        assert [one.message for one in reader.receive_data(last)] == [message]

    assert work(read, 2_000)[0] < 2.2 * work(read, 1_000)[0]


@pytest.mark.parametrize(("text", "value"), [
    ("1-20/46", ByteRange(1, 20, 46)), ("1-*/46", ByteRange(1, None, 46)), ("1-*/*", ByteRange(1, None, None)),
    ("1-0/0", ByteRange(1, 0, 0)), ("21-46/*", ByteRange(21, 46, None)),
])
def test_byte_ranges(text: str, value: ByteRange) -> None:
    assert wire.decode_byte_range(text) == value
    assert str(value) == text


@pytest.mark.parametrize("text", [
    "", "0-1/1", "5-3/9", "1-5/4", "1-5", "a-b/c", "1-18446744073709551616/*", "-1-5/6",
    "1 - 5/6", "99999999999999999999-*/*",
    "9223372036854775808-*/*",
])
def test_wrong_byte_ranges(text: str) -> None:
    with pytest.raises(MalformedMessageError):
        wire.decode_byte_range(text)


def test_status() -> None:
    assert str(wire.decode_status("000 200 OK")) == "000 200 OK"
    assert str(wire.decode_status("000 413")) == "000 413"
    for wrong in ("200 OK", "", "0 200", "000 2000"):
        with pytest.raises(MalformedMessageError):
            wire.decode_status(wrong)


def test_what_would_not_be_msrp_is_not_encoded() -> None:
    good = send(b"x")
    for wrong in (
        msgspec.structs.replace(good, transaction="abc"), msgspec.structs.replace(good, method="send"),
        msgspec.structs.replace(good, to_path=()), msgspec.structs.replace(good, headers=()),
        msgspec.structs.replace(good, headers=(Header("X", "a\r\nb"), *good.headers)),
        send(b"x\r\n-------t1Kq8Zp4Vx2L$\r\n"), send(b"-------t1Kq8Zp4Vx2L$\r\n"),
        Response("abcd", 200, "O\nK", (A,), (B,)),
    ):
        with pytest.raises(LocalProtocolError):
            wire.encode(wrong)


@given(st.binary(max_size=400), st.integers(1, 50))
@settings(max_examples=200, deadline=None)
def test_garbage_never_escapes(data: bytes, size: int) -> None:
    reader = wire.Reader(max_octets=64)
    for at in range(0, len(data), size):
        reader.receive_data(data[at : at + size])


@given(st.lists(st.one_of(st.sampled_from([
    b"MSRP abcd1234 SEND\r\n", b"MSRP abcd1234 200 OK\r\n", f"To-Path: {B}\r\n".encode(),
    f"From-Path: {A}\r\n".encode(), b"\r\n", b"-------abcd1234$\r\n",
    b"-------abcd1234", b"Content-Type: a/b\r\n", b"Byte-Range: 1-5/5\r\n", b"+\r\n",
]), st.binary(max_size=20)), max_size=30), st.integers(1, 50))
@settings(max_examples=300, deadline=None)
def test_almost_messages_never_escape_and_framing_does_not_depend_on_portions(parts: list[bytes], size: int) -> None:
    data = b"".join(parts)
    whole = wire.Reader(max_octets=100).receive_data(data)
    reader = wire.Reader(max_octets=100)
    found = [one for at in range(0, len(data), size) for one in reader.receive_data(data[at : at + size])]
    kept = [(one.start, one.end, type(one.message)) for one in whole if one.message is not None]
    assert [(one.start, one.end, type(one.message)) for one in found if one.message is not None] == kept
    with contextlib.suppress(MalformedMessageError):
        wire.decode(data)
