"""A middlebox that changes the paths and nothing else: any cut, any body, constant memory (TS 23.334 §5.19.5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as File

import pytest
from counting import work
from hypothesis import given, settings
from hypothesis import strategies as st
from msrp import agreement
from msrp.agreement import OURS_X, OURS_Y, PEER_X, PEER_Y, back, onward, rewriter, told

from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp import wire
from workbench.protocols.msrp.machine import PeerViolation, RequestRefused
from workbench.protocols.msrp.messages import Flag, Header, Request, Response
from workbench.protocols.msrp.rewriting import (
    INSERTED_OCTETS,
    Event,
    Leg,
    Onward,
    ResponseDiscarded,
    Rewriter,
    between,
)
from workbench.protocols.msrp.uri import Matching, Path

VECTORS = File(__file__).parent.parent / "vectors" / "msrp"
NAMES = sorted(path.stem for path in VECTORS.glob("*.hex"))

RELAYED = uris.decode_path("msrp://relay.example.com:2855/rel4y;tcp msrp://192.0.2.50:6000/sB;tcp")


def octets_of(name: str) -> bytes:
    return bytes.fromhex((VECTORS / f"{name}.hex").read_text())


def fed(to: Rewriter, parts: Iterator[bytes]) -> list[Event]:
    return [event for part in parts for event in to.receive_data(part)]


def by(octets: bytes, size: int) -> Iterator[bytes]:
    return (octets[at : at + size] for at in range(0, len(octets), size))


def send(body: bytes | None = b"hi", transaction: str = "t1Kq8Zp4Vx2L", to_path: Path = OURS_X, method: str = "SEND",
         headers: tuple[Header, ...] = (), flag: Flag = Flag.COMPLETE, from_path: Path = PEER_X) -> bytes:
    headers = (Header("Message-ID", "wb-0001"), *headers)
    if body is not None:
        headers += (Header("Content-Type", "text/plain"),)
    return wire.encode(Request(transaction, method, to_path, from_path, headers, body, flag))


def with_paths(octets: bytes, to_path: Path, from_path: Path) -> bytes:
    """What a message is with these paths, made by the codec: a second opinion."""
    message = wire.decode(octets)
    changes = {"to_path": to_path, "from_path": from_path}
    fields = {name: getattr(message, name) for name in message.__struct_fields__} | changes
    return wire.encode(type(message)(**fields))


REQUESTS = {
    "SEND": send(), "without body": send(None), "a body of no octets": send(b""), "more follow": send(flag=Flag.MORE),
    "given up": send(flag=Flag.ABORTED), "REPORT": send(None, method="REPORT"), "AUTH": send(None, method="AUTH"),
    "NICKNAME": send(None, method="NICKNAME", headers=(Header("Use-Nickname", '"Al"'),)),
    "a method of tomorrow": send(b"?", method="FOO", headers=(Header("X-New", "1"),)),
    "another end-line in the body": send(b"x\r\n-------other123$\r\n-------t1Kq8Zp4Vx2$\r\ny"),
    "hyphens": send(b"-" * 100 + b"\r\n-------" * 9 + b"\r"),
    "its own end-line without flag": send(b"\r\n-------t1Kq8Zp4Vx2"),
    "200": wire.encode(Response("t1Kq8Zp4Vx2L", 200, "OK", OURS_X, PEER_X)),
    "401": wire.encode(Response("t1Kq8Zp4Vx2L", 401, "", OURS_X, PEER_X, (Header("WWW-Authenticate", "Digest"),))),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_paths_change_and_nothing_else_however_the_stream_is_cut(name: str) -> None:
    """R-5.19.5-1 and -2, in one piece, cut at every octet, octet by octet, and between two others."""
    octets = REQUESTS[name]
    expected = with_paths(octets, PEER_Y, OURS_Y)
    assert rewriter().receive_data(octets) == [Onward(expected)]
    for at in range(1, len(octets)):
        both = rewriter()
        events = both.receive_data(octets[:at]) + both.receive_data(octets[at:])
        assert onward(events) == expected
        assert both.held == 0
        assert not told(events)
    assert onward(fed(rewriter(), by(octets, 1))) == expected
    for size in (1, 2, 3, 7, 50, 1000):
        one = rewriter()
        assert onward(fed(one, by(octets * 3, size))) == expected * 3
        assert one.between_messages
        assert one.ended() == []


@pytest.mark.parametrize("body", [
    b"x\r\n-------t1Kq8Zp4Vx2L*\r\n", b"x\r\n-------t1Kq8Zp4Vx2L$ \r\n", b"x\r\n-------t1Kq8Zp4Vx2L$\r\r\n",
    b"x\r\n-------t1Kq8Zp4Vx2L$y", b"x\r\n-------t1Kq8Zp4Vx2L$\r", b"x\r\n------t1Kq8Zp4Vx2L$\r\n",
    b"x\r\n-------t1Kq8Zp4Vx2LX$\r\n", b"\r\n\r\n", b"\0\xff\r", b"\r\r\n\r", b"x\r\n-------t1Kq8Zp4Vx2L",
    b"x-------t1Kq8Zp4Vx2L$\r\n", b"x\n-------t1Kq8Zp4Vx2L$\r\ny",
])
def test_look_alikes_stay_in_the_body(body: bytes) -> None:
    """Only hyphens, the own transaction id, a flag and CRLF behind a CRLF end a message (R-5.19.5-6, M3, M4)."""
    head, _, _ = send(b"").partition(b"\r\n\r\n")
    octets = head + b"\r\n\r\n" + body + b"\r\n-------t1Kq8Zp4Vx2L+\r\n"
    expected = octets.replace(str(OURS_X[0]).encode(), str(PEER_Y[0]).encode())
    expected = expected.replace(str(PEER_X[0]).encode(), str(OURS_Y[0]).encode())
    for at in range(len(octets) + 1):
        one = rewriter()
        assert onward(one.receive_data(octets[:at]) + one.receive_data(octets[at:])) == expected
        assert one.between_messages
    assert onward(fed(rewriter(), by(octets + REQUESTS["200"], 1))) == expected + with_paths(
        REQUESTS["200"], PEER_Y, OURS_Y)


def test_names_of_headers_and_their_blanks_stay_as_written() -> None:
    octets = send().replace(b"To-Path: ", b"to-path:\t").replace(b"From-Path: ", b"FROM-PATH:")
    expected = with_paths(send(), PEER_Y, OURS_Y).replace(b"To-Path: ", b"to-path:\t").replace(
        b"From-Path: ", b"FROM-PATH:")
    assert onward(rewriter().receive_data(octets)) == expected


def test_a_relay_of_the_peer_gets_the_whole_list_and_of_a_response_to_send_the_first() -> None:
    """R-5.19.5-4; RFC 4975 §7.2: a response to SEND goes one hop, to another method all the way."""
    forward, backward = between(Leg(OURS_X, PEER_X), Leg(OURS_Y, RELAYED))
    assert onward(forward.receive_data(send())) == with_paths(send(), RELAYED, OURS_Y)
    answer = wire.encode(Response("t1Kq8Zp4Vx2L", 200, "OK", OURS_X, PEER_X))
    assert onward(forward.receive_data(answer)) == with_paths(answer, RELAYED[:1], OURS_Y)
    asked = send(None, "nick1234", OURS_Y, "NICKNAME", from_path=RELAYED)
    assert onward(backward.receive_data(asked)) == with_paths(asked, PEER_X, OURS_X)
    answer = wire.encode(Response("nick1234", 200, "OK", OURS_X, PEER_X))
    assert onward(forward.receive_data(answer)) == with_paths(answer, RELAYED, OURS_Y)
    assert onward(forward.receive_data(answer)) == with_paths(answer, RELAYED[:1], OURS_Y)  # asked once


def test_a_path_of_ours_with_relays_is_named_by_what_they_left_of_it() -> None:
    """Our own relay has taken its URI out of To-Path before a request is here (RFC 4976 §5.1)."""
    ours = (uris.decode("msrps://relay.example.com:2855/ours;tcp"), *OURS_X)
    one = rewriter(local=ours)
    assert onward(one.receive_data(send())) == with_paths(send(), PEER_Y, OURS_Y)
    assert onward(one.receive_data(send(to_path=ours))) == with_paths(send(), PEER_Y, OURS_Y)
    for to_path, right in ((ours[:1], True), (ours, True), (ours[1:], False)):
        answer = wire.encode(Response("t1Kq8Zp4Vx2L", 200, "OK", to_path, PEER_X))
        assert bool(onward(one.receive_data(answer))) is right


WRONG = uris.decode_path("msrps://203.0.113.20:28551/MP8VC2xLs6GdJ1eN;tcp")


def test_a_request_for_another_session_is_answered_481_and_swallowed() -> None:
    """R-5.19.5-3, with the octets of spec/msrp.md §10.2: the session id differs in case (M11)."""
    octets = octets_of("session_id_case")
    for size in (1, 2, 9, len(octets)):
        one = rewriter()
        events = fed(one, by(octets + send(), size))
        assert onward(events) == with_paths(send(), PEER_Y, OURS_Y)
        response = wire.decode(back(events))
        assert isinstance(response, Response)
        expected = wire.decode(octets_of("session_id_case_response"))
        assert (response.transaction, response.status, response.to_path, response.from_path) == (
            expected.transaction, 481, expected.to_path, expected.from_path)
        assert [(one.method, one.status) for one in told(events)] == [("SEND", 481)]


@pytest.mark.parametrize(("octets", "statuses"), [
    (send(to_path=WRONG, headers=(Header("Failure-Report", "no"),)), []),
    (send(to_path=WRONG, headers=(Header("Failure-Report", "NO"),)), []),
    (send(to_path=WRONG, headers=(Header("Failure-Report", "partial"),)), [481]),
    (send(None, to_path=WRONG, method="REPORT"), []),
    (send(None, to_path=WRONG, method="NICKNAME"), [481]),
    (send(to_path=(*OURS_X, *OURS_X)), [481]),
    (send().replace(b"To-Path", b"Tx-Path"), [400]),
    (send().replace(b"To-Path: ", b"To-Path: sip:"), [400]),
    (send().replace(b"To-Path: msrps", b"To-Path: \xff"), [400]),
    (send().replace(b"From-Path: ", b"From-Path: sip:"), []),  # nobody to tell
    (send(None, headers=(Header("To-Path", str(OURS_X[0])),)), [400]),
    (b"\r\n".join([b"MSRP abcd SEND", f"From-Path: {PEER_X[0]}".encode(), f"To-Path: {OURS_X[0]}".encode(),
                   b"-------abcd$", b""]), [400]),  # M2
    (b"MSRP abcd SEND\r\n-------abcd$\r\n", []),
])
def test_what_is_refused_is_answered_where_an_answer_is_allowed(octets: bytes, statuses: list[int]) -> None:
    """Never to a REPORT, never where Failure-Report says `no`, never without an address (RFC 4975 §7.1.2, §7.2)."""
    for size in (1, len(octets)):
        one = rewriter()
        events = fed(one, by(octets, size))
        assert onward(events) == b""
        found = wire.Reader().receive_data(back(events))
        assert [framed.message.status for framed in found] == statuses
        assert len(told(events)) == 1
        assert onward(one.receive_data(send())) == with_paths(send(), PEER_Y, OURS_Y)  # and the stream goes on


def test_a_refusal_of_nickname_goes_all_the_way_back() -> None:
    away = (uris.decode("msrp://relay.example.com:2855/x;tcp"), *PEER_X)
    for method, to_path in (("NICKNAME", away), ("SEND", away[:1])):
        events = rewriter().receive_data(send(None, to_path=WRONG, method=method, from_path=away))
        assert wire.decode(back(events)).to_path == to_path


def test_a_response_that_is_not_ours_is_not_passed_on_and_not_answered() -> None:
    """It could end a transaction of the far end's that it knows nothing of."""
    for octets in (
        wire.encode(Response("t1Kq8Zp4Vx2L", 200, "OK", WRONG, PEER_X)),
        wire.encode(Response("t1Kq8Zp4Vx2L", 200, "OK", OURS_X, PEER_X)).replace(b"To-Path", b"Tx-Path"),
    ):
        (event,) = rewriter().receive_data(octets)
        assert isinstance(event, ResponseDiscarded)
        assert (event.transaction, event.status) == ("t1Kq8Zp4Vx2L", 200)


def test_sessmatch_looks_at_the_session_id_only() -> None:
    """What a sessmatch peer writes in To-Path still passes where its leg is matched that way (R-5.19.3-1)."""
    elsewhere = uris.decode_path("msrp://10.9.9.9:1234/mP8vC2xLs6GdJ1eN;tcp")
    assert onward(rewriter(matching=Matching.SESSION_ID).receive_data(send(to_path=elsewhere)))
    assert not onward(rewriter().receive_data(send(to_path=elsewhere)))
    assert not onward(rewriter(matching=Matching.SESSION_ID).receive_data(send(to_path=WRONG)))


def test_a_refusal_waits_until_the_message_on_its_way_there_is_whole() -> None:
    """A response of the middlebox never stands inside a message that the other direction passes to the same peer."""
    forward, backward = between(Leg(OURS_X, PEER_X), Leg(OURS_Y, PEER_Y))
    long = send(b"y" * 500, to_path=OURS_Y, from_path=PEER_Y)
    to_x = onward(backward.receive_data(long[:300]))
    assert not backward.between_messages
    events = forward.receive_data(send(to_path=WRONG) + send(to_path=WRONG, transaction="second12"))
    assert back(events) == b""
    assert [event.status for event in told(events)] == [481, 481]
    to_x += onward(backward.receive_data(long[300:] + long))
    first, *refusals, second = wire.Reader().receive_data(to_x)
    assert first.message == second.message == wire.decode(with_paths(long, PEER_X, OURS_X))
    assert [framed.message.status for framed in refusals] == [481, 481]
    events = forward.receive_data(send(to_path=WRONG))
    assert wire.decode(back(events)).status == 481  # between two messages: at once


def test_refusals_that_wait_are_bounded() -> None:
    forward, backward = between(Leg(OURS_X, PEER_X), Leg(OURS_Y, PEER_Y))
    backward.receive_data(send(b"y" * 500, to_path=OURS_Y, from_path=PEER_Y)[:300])
    for _ in range(2000):
        forward.receive_data(send(to_path=WRONG))
        assert backward.held <= INSERTED_OCTETS + 100


@pytest.mark.parametrize("octets", [
    b"GET / HTTP/1.1\r\n", b"MSRP abc SEND\r\n", b"MSRPS", b"\r\n", b"MSRP abcd  SEND\r\n", b"MSRP ab\xffcd SEND\r\n",
    b"MSRP abcd SEND\r\n" + b"X: y\r\n" * 10_000, b"MSRP " + b"a" * 20_000, b"MSRP abcd 200 " + b"a" * 20_000 + b"\r\n",
])
def test_lost_framing_is_reported_and_what_came_before_it_has_left(octets: bytes) -> None:
    good = REQUESTS["SEND"]
    for size in (1, 100, 40_000):
        one = rewriter()
        events = fed(one, by(good + octets, size))
        assert onward(events) == with_paths(good, PEER_Y, OURS_Y)
        assert isinstance(events[-1], PeerViolation)
        assert events[-1].error.clause == "RFC 4975 §9"
        assert events[-1].error.offset is not None
        assert events[-1].error.offset >= len(good)
        assert one.broken
        assert one.held == 0
        assert one.receive_data(good) == one.ended() == []


def test_a_head_is_bounded_and_a_long_one_below_the_bound_passes() -> None:
    """The limit does not depend on how the stream is cut."""
    def padded(size: int) -> bytes:
        short = send(None)
        return short.replace(b"Message-ID", b"X: " + b"x" * (size - len(short) + 22 - 5) + b"\r\nMessage-ID")

    for size, right in ((1000, True), (1001, False)):
        octets = padded(size)
        assert len(octets) - len(b"-------t1Kq8Zp4Vx2L$\r\n") == size
        for cut in (1, 10, 5000):
            events = fed(rewriter(max_header_octets=1000), by(octets, cut))
            assert bool(onward(events)) is right
            assert (told(events) == []) is right


def test_a_connection_that_ends_inside_a_message_says_so_and_what_was_held_leaves() -> None:
    """M29. The far end gets every octet of a body that came."""
    octets = send(b"x" * 100)
    end = octets.index(b"\r\n-------")
    for cut in (end + 5, end - 1, end + 20):
        one = rewriter()
        events = one.receive_data(octets[:cut]) + one.ended()
        assert onward(events).endswith(octets[end - 50 : cut])
        assert isinstance(events[-1], PeerViolation)
        assert events[-1].error.offset == cut
    one = rewriter()
    (event,) = one.receive_data(octets[:40]) + one.ended()
    assert isinstance(event, PeerViolation)
    one = rewriter()
    events = one.receive_data(send(b"x" * 100, to_path=WRONG)[:cut]) + one.ended()
    assert onward(events) == b""
    assert [type(event) for event in told(events)] == [RequestRefused, PeerViolation]


def test_work_is_linear_in_the_octets() -> None:
    """Look-alikes in small portions: nothing is scanned again when the next portion comes."""
    def calls(times: int) -> int:
        octets = send(b"\r\n-------t1Kq8Zp4Vx2" * times)
        return work(lambda: fed(rewriter(), by(octets, 2)))[0]

    assert calls(2000) < 2.2 * calls(1000)


@pytest.mark.parametrize("wrong", [False, True])
def test_a_body_of_any_size_is_never_held(wrong: bool) -> None:
    """256 MB in segments of 64 kB, passed or swallowed: no more than a partial end-line is kept."""
    head, _, tail = send(b"", to_path=WRONG if wrong else OURS_X).rpartition(b"\r\n-------")
    segment = (b"x" * 50 + b"\r\n-------t1Kq8Zp4Vx2K$\r\n-------") * 780 + b"\r\n-------t1Kq8Zp4V"
    one = rewriter()
    one.receive_data(head)
    passed = 0
    rounds = (256 << 20) // len(segment)
    for _ in range(rounds):
        passed += sum(len(event.octets) for event in one.receive_data(segment) if isinstance(event, Onward))
        assert one.held <= 64
    blank = len(b"\r\n")  # before the body
    assert passed == (0 if wrong else blank + rounds * len(segment) - one.held)
    events = one.receive_data(b"\r\n-------" + tail + send())
    assert onward(events).endswith(with_paths(send(), PEER_Y, OURS_Y))
    assert one.held == 0


IDENTS = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}\Z")


@given(st.lists(st.tuples(IDENTS, st.one_of(st.none(), st.binary(max_size=80)), st.sampled_from(list(Flag)),
                          st.sampled_from(["SEND", "REPORT", "FOO"])), max_size=5), st.lists(st.integers(1, 90)))
@settings(max_examples=200, deadline=None)
def test_any_messages_in_any_portions_come_out_with_the_other_paths(
    messages: list[tuple[str, bytes | None, Flag, str]], cuts: list[int]
) -> None:
    messages = [one for one in messages if f"\r\n-------{one[0]}".encode() not in b"\r\n" + (one[1] or b"")]
    octets = b"".join(send(body, name, flag=flag, method=method) for name, body, flag, method in messages)
    expected = b"".join(send(body, name, PEER_Y, method, flag=flag, from_path=OURS_Y)
                        for name, body, flag, method in messages)
    one, at, events = rewriter(), 0, []
    for cut in [*cuts, len(octets)]:
        events += one.receive_data(octets[at : at + cut])
        at += cut
    assert onward(events) == expected
    assert told(events) == []


PIECES = st.lists(st.one_of(st.sampled_from([
    b"MSRP abcd1234 SEND\r\n", b"MSRP abcd1234 200 OK\r\n", f"To-Path: {OURS_X[0]}\r\n".encode(),
    f"From-Path: {PEER_X[0]}\r\n".encode(), b"\r\n", b"-------abcd1234$\r\n", b"\r\n-------abcd1234",
    b"Content-Type: a/b\r\n", b"+\r\n", b"\r", b"Failure-Report: no\r\n", send(), send(to_path=WRONG),
]), st.binary(max_size=20)), max_size=30)


@given(PIECES, st.integers(1, 50))
@settings(max_examples=400, deadline=None)
def test_garbage_never_escapes_and_portions_do_not_matter(parts: list[bytes], size: int) -> None:
    """Whatever comes, the octets that leave, what is refused and where it breaks depend on the octets alone."""
    agreement.in_any_portions(b"".join(parts), size)


@given(PIECES)
@settings(max_examples=400, deadline=None)
def test_a_rewriter_and_a_reader_see_the_same_messages(parts: list[bytes]) -> None:
    """Two ways to find the end of a message agree on any octets: in number, in where it breaks, in what waits."""
    agreement.with_a_reader(b"".join(parts))
