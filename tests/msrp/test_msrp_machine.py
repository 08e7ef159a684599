"""One end of an MSRP session against another, and against a peer that breaks rules (RFC 4975 §5.4, §7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError
from workbench.protocols.msrp import machine, wire
from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp.machine import (
    Bindings,
    Bound,
    Delivered,
    Event,
    MessageDropped,
    MessageFailed,
    MessageReceived,
    PeerViolation,
    RequestRefused,
    Session,
    State,
    Transmit,
)
from workbench.protocols.msrp.messages import Flag, Header, Message, Request, Response
from workbench.protocols.msrp.uri import Matching

A = "msrps://198.51.100.10:28550/uA3n7QwZ0kRb5YtH;tcp"
B = "msrps://203.0.113.20:28551/mP8vC2xLs6GdJ1eN;tcp"


def counter(prefix: str) -> Callable[[int], str]:
    count = 0

    def token(size: int) -> str:
        nonlocal count
        count += 1
        return f"{prefix}{count:0{size - len(prefix)}}"

    return token


def session(active: bool = False, **changes: Any) -> Session:
    local, remote, name = (A, B, "a") if active else (B, A, "b")
    settings: dict[str, Any] = {"accept_types": ["text/plain", "message/cpim"], "token": counter(name)} | changes
    return Session(local, remote, active=active, **settings)


def opened(active: bool = False, **changes: Any) -> Session:
    made = session(active, **changes)
    made.opened(0.0)
    return made


def sent(events: list[Event]) -> list[Message]:
    return [wire.decode(event.octets) for event in events if isinstance(event, Transmit)]


def told(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Transmit)]


def converse(one: Session, other: Session, events: list[Event], now: float = 0.0) -> list[tuple[str, Event]]:
    """Carry octets until both are silent; what each end told its user, by the name of the end."""
    log = [("one", event) for event in told(events)]
    queue = [(other, event.octets) for event in events if isinstance(event, Transmit)]
    for _ in range(10_000):
        if not queue:
            return log
        receiver, octets = queue.pop(0)
        events = receiver.receive_data(octets, now)
        log += [("one" if receiver is one else "other", event) for event in told(events)]
        sender = one if receiver is other else other
        queue += [(sender, event.octets) for event in events if isinstance(event, Transmit)]
    raise AssertionError("they never stop")


def joined(**changes: Any) -> tuple[Session, Session]:
    one, other = session(True, **changes), session(False, **changes)
    other.opened(0.0)
    log = converse(one, other, one.opened(0.0))
    assert log == [("other", Bound()), ("one", Bound())]
    return one, other


def send(body: bytes | None, *headers: str, to: str = B, source: str = A, transaction: str = "peer0001",
         flag: Flag = Flag.COMPLETE, method: str = "SEND", message_id: str = "wb-0001") -> bytes:
    parsed = tuple(Header(*header.split(": ")) for header in headers)
    parsed = (Header("Message-ID", message_id), *parsed)
    if body is not None and not any(header.name == "Content-Type" for header in parsed):
        parsed += (Header("Content-Type", "text/plain"),)
    return wire.encode(Request(transaction, method, uris.decode_path(to), uris.decode_path(source), parsed, body, flag))


def test_the_active_end_sends_at_once_and_both_learn_that_they_are_bound() -> None:
    """M18: a SEND without body is the first thing on a new connection."""
    one = session(True)
    first = sent(one.opened(0.0))
    assert [(message.method, message.body) for message in first] == [("SEND", None)]
    joined()


@pytest.mark.parametrize("chunk", [1, 20, 46, 2048])
def test_a_message_arrives_whole_and_is_reported(chunk: int) -> None:
    one, other = joined(chunk_octets=chunk)
    body = b"Conference floor opens at 10:00; bring slides."
    message_id, events = one.send(body, "text/plain", 0.0)
    assert converse(one, other, events) == [
        ("other", MessageReceived(message_id, "text/plain", body)), ("one", Delivered(message_id)),
    ]
    message_id, events = other.send(b"thanks", "text/plain", 0.0)
    assert converse(other, one, events) == [
        ("other", MessageReceived(message_id, "text/plain", b"thanks")), ("one", Delivered(message_id)),
    ]
    assert one.next_wakeup() is None
    assert other.next_wakeup() is None


def test_chunks_are_as_in_the_worked_example() -> None:
    one, _ = joined(chunk_octets=20)
    _, events = one.send(b"Conference floor opens at 10:00", "text/plain", 0.0)
    chunks = sent(events)
    assert [(chunk.get("Byte-Range"), chunk.flag, chunk.body) for chunk in chunks] == [
        ("1-*/31", Flag.MORE, b"Conference floor ope"), ("21-31/31", Flag.COMPLETE, b"ns at 10:00"),
    ]
    assert len({chunk.transaction for chunk in chunks}) == 2
    assert {chunk.get("Message-ID") for chunk in chunks} == {chunks[0].get("Message-ID")}


def test_a_chunk_above_2048_octets_leaves_its_end_open() -> None:
    """M7: such a chunk has to be interruptible."""
    one, other = joined(chunk_octets=5000)
    _, events = one.send(bytes(5000), "text/plain", 0.0)
    assert [chunk.get("Byte-Range") for chunk in sent(events)] == ["1-*/5000"]
    events = other.receive_data(send(bytes(5000), "Byte-Range: 1-5000/5000"), 0.0)
    assert [response.status for response in sent(events)] == [400]


def test_a_long_message_leaves_as_responses_come() -> None:
    """No more than a window of chunks is unanswered, and the whole message gets through."""
    one, other = joined(chunk_octets=100, window=4)
    body = bytes(range(256)) * 20
    message_id, events = one.send(body, "text/plain", 0.0)
    assert len(sent(events)) == 4
    assert converse(one, other, events) == [
        ("other", MessageReceived(message_id, "text/plain", body)), ("one", Delivered(message_id)),
    ]


def test_several_messages_and_an_empty_one() -> None:
    one, other = joined(chunk_octets=3, window=2)
    queued: list[Event] = []
    for body in (b"first message", b"", b"second"):
        queued += one.send(body, "text/plain", 0.0)[1]
    log = converse(one, other, queued)
    assert [event.body for _, event in log if isinstance(event, MessageReceived)] == [b"first message", b"", b"second"]
    assert len([event for _, event in log if isinstance(event, Delivered)]) == 3


def test_a_passive_end_keeps_its_message_until_it_is_bound() -> None:
    one, other = session(True), session(False)
    other.opened(0.0)
    message_id, events = other.send(b"early", "text/plain", 0.0)
    assert events == []
    log = converse(one, other, one.opened(0.0))
    assert ("one", MessageReceived(message_id, "text/plain", b"early")) in log
    assert ("other", Delivered(message_id)) in log


def test_chunks_in_any_order_make_the_message() -> None:
    """M5."""
    other = opened()
    events: list[Event] = []
    for start, end, flag in ((5, 8, Flag.COMPLETE), (1, 2, Flag.MORE), (3, 4, Flag.MORE)):
        events += other.receive_data(
            send(b"abcdefgh"[start - 1 : end], f"Byte-Range: {start}-{end}/8", flag=flag), 0.0)
    assert told(events) == [Bound(), MessageReceived("wb-0001", "text/plain", b"abcdefgh")]


def test_where_chunks_overlap_the_later_octets_win() -> None:
    """M6."""
    other = opened()
    events = other.receive_data(send(b"abcdef", "Byte-Range: 1-*/8", flag=Flag.MORE), 0.0)
    events += other.receive_data(send(b"XYGH", "Byte-Range: 5-8/8"), 0.0)
    assert told(events)[-1] == MessageReceived("wb-0001", "text/plain", b"abcdXYGH")


@pytest.mark.parametrize(("header", "statuses"), [
    ("Failure-Report: yes", [200]), ("Failure-Report: no", []), ("Failure-Report: partial", []),  # M8, M9
])
def test_failure_report_decides_about_responses(header: str, statuses: list[int]) -> None:
    events = opened().receive_data(send(b"hi", "Byte-Range: 1-2/2", header), 0.0)
    assert [message.status for message in sent(events)] == statuses
    assert told(events)[-1] == MessageReceived("wb-0001", "text/plain", b"hi")


@pytest.mark.parametrize(("header", "statuses"), [
    ("Failure-Report: yes", [415]), ("Failure-Report: no", []), ("Failure-Report: partial", [415]),
])
def test_failure_report_decides_about_errors(header: str, statuses: list[int]) -> None:
    events = opened().receive_data(send(b"hi", header, "Content-Type: image/png"), 0.0)
    assert [message.status for message in sent(events)] == statuses
    assert any(isinstance(event, RequestRefused) for event in events)


def test_a_report_is_never_answered() -> None:
    """M10: not even a wrong one."""
    for request in (
        send(None, "Byte-Range: 1-2/2", "Status: 000 200 OK", method="REPORT"),
        send(None, "Status: nonsense", method="REPORT"), send(None, method="REPORT", to=B.replace("mP8", "MP8")),
        send(None, "Byte-Range: 5-1/2", "Status: 000 200", method="REPORT"),
    ):
        assert sent(opened().receive_data(request, 0.0)) == []


def test_a_session_id_in_other_case_is_no_session_of_ours() -> None:
    """M11, with the octets of the worked example."""
    other = opened()
    octets = send(b"hi", "Byte-Range: 1-2/2", to=B.replace("mP8", "MP8"))
    events = other.receive_data(octets, 0.0)
    assert [message.status for message in sent(events)] == [481]
    assert str(sent(events)[0].from_path[0]) == B.replace("mP8", "MP8")
    assert other.state is State.UNBOUND


def test_a_host_in_other_case_is_ours() -> None:
    """M12."""
    other = Session("msrp://UE.example:9/x1;tcp", A, active=False, accept_types=["*"], token=counter("b"))
    other.opened(0.0)
    events = other.receive_data(send(b"hi", to="msrp://ue.EXAMPLE:9/x1;tcp"), 0.0)
    assert [message.status for message in sent(events)] == [200]


def test_matching_by_session_id_takes_a_rewritten_authority() -> None:
    octets = send(b"hi", to=B.replace("203.0.113.20:28551", "192.0.2.1:40002"))
    assert [message.status for message in sent(opened().receive_data(octets, 0.0))] == [481]
    matching = opened(matching=Matching.SESSION_ID)
    assert [message.status for message in sent(matching.receive_data(octets, 0.0))] == [200]


def test_a_second_connection_can_not_take_a_bound_session() -> None:
    """M13."""
    bindings = Bindings()
    first, second = opened(bindings=bindings), opened(bindings=bindings)
    assert [message.status for message in sent(first.receive_data(send(None), 0.0))] == [200]
    assert [message.status for message in sent(second.receive_data(send(None), 0.0))] == [506]
    first.ended(1.0)
    assert [message.status for message in sent(second.receive_data(send(None), 0.0))] == [200]


def test_unknown_methods_are_refused_along_the_whole_path() -> None:
    """M14; a response to SEND goes one hop back, any other to the end."""
    path = f"{A} msrps://relay.example:2855/r1;tcp"
    events = opened().receive_data(send(None, method="FOO", source=path), 0.0)
    assert [(message.status, len(message.to_path)) for message in sent(events)] == [(501, 2)]
    events = opened().receive_data(send(None, source=path), 0.0)
    assert [(message.status, len(message.to_path)) for message in sent(events)] == [(200, 1)]


def test_types_outside_accept_types_are_refused() -> None:
    """M15."""
    for kind, status in (("image/png", 415), ("TEXT/Plain; charset=utf-8", 200), ("message/cpim", 200), ("", 415)):
        events = opened().receive_data(send(b"hi", f"Content-Type: {kind}"), 0.0)
        assert [message.status for message in sent(events)] == [status]
    for accept in (["*"], ["image/*"]):
        events = opened(accept_types=accept).receive_data(send(b"hi", "Content-Type: image/png"), 0.0)
        assert [message.status for message in sent(events)] == [200]


def test_a_message_given_up_is_dropped_without_report() -> None:
    """M16."""
    other = opened()
    events = other.receive_data(send(b"abc", "Byte-Range: 1-*/9", "Success-Report: yes", flag=Flag.MORE), 0.0)
    events += other.receive_data(
        send(b"de", "Byte-Range: 4-*/9", "Success-Report: yes", flag=Flag.ABORTED, transaction="peer0002"), 0.0)
    assert told(events) == [Bound(), MessageDropped("wb-0001")]
    assert [type(message) for message in sent(events)] == [Response, Response]


def test_a_response_that_does_not_come_is_a_failure_after_30_seconds() -> None:
    """M17."""
    one, _ = joined()
    message_id, _ = one.send(b"hi", "text/plain", 10.0)
    assert one.next_wakeup() == 40.0
    assert one.wake(39.9) == []
    assert one.wake(40.0) == [MessageFailed(message_id, 408, "no response within 30 s")]
    assert one.next_wakeup() is None


def test_with_partial_or_no_failure_report_nothing_is_waited_for() -> None:
    for kind in ("partial", "no"):
        one, other = joined()
        message_id, events = one.send(b"hi", "text/plain", 0.0, success_report=False, failure_report=kind)
        assert one.next_wakeup() is None
        assert converse(one, other, events) == [("other", MessageReceived(message_id, "text/plain", b"hi"))]
    one, other = joined()
    message_id, events = one.send(b"hi", "image/png", 0.0, failure_report="partial")
    assert ("one", MessageFailed(message_id, 415, "Media Type Not Supported")) in converse(one, other, events)


def test_413_stops_a_message_in_the_middle() -> None:
    """M26: the message is ended with `#` and no further chunk leaves."""
    one, _ = joined(chunk_octets=10, window=1)
    message_id, events = one.send(bytes(100), "text/plain", 0.0)
    (first,) = sent(events)
    stop = wire.encode(Response(first.transaction, 413, "enough", first.from_path, first.to_path))
    events = one.receive_data(stop, 1.0)
    (last,) = sent(events)
    assert (last.flag, last.body, last.get("Message-ID")) == (Flag.ABORTED, b"", message_id)
    assert told(events) == [MessageFailed(message_id, 413, "enough")]
    assert one.send(b"next", "text/plain", 2.0)[1] != []


def test_a_message_above_max_size_is_stopped_at_both_ends() -> None:
    one, other = joined(chunk_octets=100, max_octets=1000, window=3)
    message_id, events = one.send(bytes(1001), "text/plain", 0.0)
    log = converse(one, other, events)
    assert ("one", MessageFailed(message_id, 413, "Stop Sending Message")) in log
    assert not any(isinstance(event, MessageReceived) for _, event in log)


def test_an_overlong_chunk_is_stopped_while_it_arrives() -> None:
    other = opened(max_octets=1000)
    octets = send(bytes(3000), "Byte-Range: 1-*/*")
    early = other.receive_data(octets[:2000], 0.0)
    assert [message.status for message in sent(early)] == [413]
    late = other.receive_data(octets[2000:], 0.0)
    assert sent(late) == []
    assert [event.status for event in told(late)] == [413]
    assert [message.status for message in sent(other.receive_data(send(b"x"), 0.0))] == [200]


@pytest.mark.parametrize("status", [481, 506])
def test_481_and_506_end_the_session(status: int) -> None:
    one, _ = joined()
    message_id, events = one.send(b"hi", "text/plain", 0.0)
    (request,) = sent(events)
    events = one.receive_data(wire.encode(Response(request.transaction, status, "gone", request.from_path,
                                                   request.to_path)), 1.0)
    assert events == [MessageFailed(message_id, status, "gone")]
    assert one.state is State.FAILED
    with pytest.raises(LocalProtocolError):
        one.send(b"x", "text/plain", 2.0)
    assert one.receive_data(send(b"x", to=A, source=B), 2.0) == []


def test_a_connection_that_ends_in_a_chunk_fails_what_is_unfinished() -> None:
    """M29."""
    one, other = joined()
    message_id, events = one.send(b"hello", "text/plain", 0.0)
    octets = b"".join(event.octets for event in events if isinstance(event, Transmit))
    assert told(other.receive_data(octets[:-10], 0.0)) == []
    assert one.ended(1.0) == [MessageFailed(message_id, 0, "the connection ended")]
    assert other.ended(1.0) == []
    assert one.state is State.CLOSED
    assert one.ended(2.0) == []
    other = opened()
    other.receive_data(send(b"abc", "Byte-Range: 1-*/9", flag=Flag.MORE), 0.0)
    assert other.ended(1.0) == [MessageDropped("wb-0001")]


@pytest.mark.parametrize(("headers", "body", "status"), [
    (["Byte-Range: 0-2/2"], b"ab", 400), (["Byte-Range: 3-1/3"], b"", 400), (["Byte-Range: 1-4/2"], b"abcd", 400),
    (["Byte-Range: 1-3/3"], b"ab", 200), (["Byte-Range: 1-*/1"], b"ab", 200),  # the payload tells (§7.3.1)
    (["Byte-Range: 1-*/18446744073709551616"], b"ab", 400), (["Byte-Range: 9000000000-*/*"], b"ab", 413),
    (["Byte-Range: 1-*/99999999"], b"ab", 413), ([], b"ab", 200),
])
def test_hostile_byte_ranges(headers: list[str], body: bytes, status: int) -> None:
    events = opened().receive_data(send(body, *headers), 0.0)
    assert [message.status for message in sent(events)] == [status]


def test_two_lengths_for_one_message_are_refused() -> None:
    other = opened()
    other.receive_data(send(b"cd", "Byte-Range: 3-4/*"), 0.0)
    events = other.receive_data(send(b"f", "Byte-Range: 6-6/*", transaction="peer0002"), 0.0)
    assert [message.status for message in sent(events)] == [400]


def test_unfinished_messages_are_bounded() -> None:
    other = opened(max_messages=3)
    statuses = [
        message.status for number in range(5) for message in sent(other.receive_data(
            send(b"a", "Byte-Range: 1-*/9", flag=Flag.MORE, message_id=f"wb-000{number}"), 0.0))
    ]
    assert statuses == [200, 200, 200, 413, 413]
    one, _ = joined(max_messages=2, window=1)
    one.send(b"a", "text/plain", 0.0)
    one.send(b"b", "text/plain", 0.0)
    with pytest.raises(LocalProtocolError):
        one.send(b"c", "text/plain", 0.0)


def test_a_peer_that_never_reports_does_not_stop_us() -> None:
    one, _ = joined(max_messages=4)
    for number in range(600):
        _, events = one.send(b"hi", "text/plain", float(number))
        (request,) = sent(events)
        one.receive_data(wire.encode(Response(request.transaction, 200, "OK", request.from_path, request.to_path)), 0.0)
    assert len(one._outgoing) <= 257
    assert one.next_wakeup() is None


def test_a_message_with_wrong_headers_is_refused_and_the_session_goes_on() -> None:
    """M2."""
    other = opened()
    wrong = f"MSRP peer0001 SEND\r\nFrom-Path: {A}\r\nTo-Path: {B}\r\n-------peer0001$\r\n".encode()
    events = other.receive_data(wrong + send(b"hi"), 0.0)
    assert [message.status for message in sent(events)] == [400, 200]
    hopeless = b"MSRP peer0001 SEND\r\nTo-Path: nowhere\r\n-------peer0001$\r\n"
    assert sent(other.receive_data(hopeless, 0.0)) == []


def test_lost_framing_ends_the_session() -> None:
    """M1."""
    other = opened()
    other.receive_data(send(None), 0.0)
    events = other.receive_data(b"MSRP abc SEND\r\n", 0.0)
    assert isinstance(events[-1], PeerViolation)
    assert other.state is State.FAILED
    assert other.receive_data(send(b"x"), 0.0) == []


def test_a_transaction_id_that_stands_in_the_body_is_not_taken() -> None:
    tokens = iter(["hello0000001", "hello0000002", "msgid0000001", "inthebody001", "notinbody001"])
    one = Session(A, B, active=True, accept_types=["*"], token=lambda size: next(tokens))
    one.opened(0.0)
    _, events = one.send(b"\r\n-------inthebody001$\r\n", "text/plain", 0.0)
    assert sent(events)[0].transaction == "notinbody001"


def test_a_failure_report_fails_the_message() -> None:
    one, _ = joined()
    message_id, _ = one.send(b"hi", "text/plain", 0.0)
    report = send(None, "Byte-Range: 1-2/2", "Status: 000 408 late", method="REPORT", to=A, source=B,
                  message_id=message_id)
    assert told(one.receive_data(report, 1.0)) == [MessageFailed(message_id, 408, "late")]


def test_reports_on_parts_count_when_they_make_the_whole() -> None:
    one, _ = joined()
    message_id, _ = one.send(b"abcdef", "text/plain", 0.0)
    for span, expected in (("4-6/6", []), ("1-3/6", [Delivered(message_id)]), ("1-6/6", [])):
        report = send(None, f"Byte-Range: {span}", "Status: 000 200 OK", method="REPORT", to=A, source=B,
                      message_id=message_id)
        assert told(one.receive_data(report, 1.0)) == expected


def test_order_of_calls() -> None:
    with pytest.raises(LocalProtocolError):
        session().send(b"x", "text/plain", 0.0)
    one = opened()
    with pytest.raises(LocalProtocolError):
        one.opened(0.0)
    with pytest.raises(LocalProtocolError):
        one.send(b"x", "text/plain", 0.0, failure_report="maybe")
    assert session().receive_data(b"x", 0.0) == []


@pytest.mark.parametrize("size", [1, 5, 50, 10_000])
def test_portions_do_not_matter(size: int) -> None:
    octets = send(None) + send(b"hello", "Success-Report: yes", transaction="peer0002")
    whole = opened().receive_data(octets, 0.0)
    other = opened()
    assert [e for at in range(0, len(octets), size) for e in other.receive_data(octets[at : at + size], 0.0)] == whole


@given(st.lists(st.one_of(
    st.binary(max_size=60),
    st.builds(send, st.none() | st.binary(max_size=30), st.sampled_from([
        "Byte-Range: 1-*/*", "Byte-Range: 5-9/9", "Byte-Range: 1-0/0", "Byte-Range: x", "Success-Report: yes",
        "Failure-Report: no", "Status: 000 200", "Status: 001 999 x", "Content-Type: a/b",
    ]), to=st.sampled_from([A, B]), flag=st.sampled_from(list(Flag)),
        method=st.sampled_from(["SEND", "REPORT", "AUTH"])),
    st.builds(lambda status, tid: wire.encode(Response(tid, status, "", uris.decode_path(B), uris.decode_path(A))),
              st.integers(0, 999), st.sampled_from(["b00000000002", "b00000000003", "xxxx"])),
), max_size=12), st.integers(1, 400))
@settings(max_examples=200, deadline=None)
def test_garbage_never_escapes(parts: list[bytes], size: int) -> None:
    other = opened()
    other.receive_data(send(None), 0.0)
    other.send(b"something", "text/plain", 0.0)
    data = b"".join(parts)
    for at in range(0, len(data), size):
        for event in other.receive_data(data[at : at + size], 1.0):
            assert isinstance(event, machine.Event)
    other.wake(100.0)
    other.ended(100.0)
