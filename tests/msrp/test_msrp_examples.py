"""Every stored message, cut at every octet, through the reader, a session and a rewriter (RFC 4975 §4, §5.1, §11)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path as File

import pytest

from workbench.protocols.msrp import machine, rewriting, wire
from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp.machine import Delivered, MessageReceived, Session, Transmit
from workbench.protocols.msrp.messages import Message, Method, Request, Response
from workbench.protocols.msrp.rewriting import Leg, Onward, between

VECTORS = File(__file__).parent.parent / "vectors" / "msrp"
NAMES = sorted(path.stem for path in VECTORS.glob("*.hex"))
PEER_Y = uris.decode_path("msrp://relay.example.com:2855/r;tcp msrp://192.0.2.50:6000/sB;tcp")
OURS_Y = uris.decode_path("msrp://192.0.2.1:8000/lB;tcp")


def octets_of(name: str) -> bytes:
    return bytes.fromhex((VECTORS / f"{name}.hex").read_text())


def message_of(name: str) -> Message:
    return wire.decode(octets_of(name))


def feeds(octets: bytes) -> Iterator[list[bytes]]:
    """In two pieces, cut at each octet; octet by octet; whole."""
    for at in range(1, len(octets)):
        yield [octets[:at], octets[at:]]
    yield [octets[at : at + 1] for at in range(len(octets))]
    yield [octets]


def session_for(message: Message, active: bool = False) -> Session:
    """One that the message is for."""
    count = itertools.count(1)
    made = Session(message.to_path[-1:], message.from_path, active=active, accept_types=["*"],
                   token=lambda size: f"s{next(count):0{size - 1}}")
    made.opened(0.0)
    return made


@pytest.mark.parametrize("name", NAMES)
def test_every_message_names_its_origin(name: str) -> None:
    origin = json.loads((VECTORS / f"{name}.json").read_text())["origin"]
    assert "written from general knowledge" in origin or "made for this project" in origin


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_finds_each_message_however_it_is_cut(name: str) -> None:
    """M30: also where a cut lies inside the end-line."""
    octets = octets_of(name)
    for parts in feeds(octets):
        reader = wire.Reader()
        (found,) = [one for part in parts for one in reader.receive_data(part)]
        assert (found.start, found.end, found.octets, found.error) == (0, len(octets), octets, None)
        assert found.message == wire.decode(octets)
        assert reader.held == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_session_does_the_same_however_a_message_is_cut(name: str) -> None:
    octets = octets_of(name)
    whole = session_for(wire.decode(octets)).receive_data(octets, 0.0)
    for parts in feeds(octets):
        one = session_for(wire.decode(octets))
        assert [event for part in parts for event in one.receive_data(part, 0.0)] == whole
        assert one.state is not machine.State.FAILED


@pytest.mark.parametrize("name", NAMES)
def test_a_rewriter_changes_the_paths_however_a_message_is_cut(name: str) -> None:
    """The expected octets come from the codec: the same message with the other leg's paths (R-5.19.5-1, -2, -4)."""
    octets = octets_of(name)
    message = wire.decode(octets)
    response = isinstance(message, Response)
    to_path = PEER_Y[:1] if response else PEER_Y
    fields = {each: getattr(message, each) for each in message.__struct_fields__}
    expected = wire.encode(type(message)(**fields | {"to_path": to_path, "from_path": OURS_Y}))
    for parts in feeds(octets):
        forward, _ = between(Leg(message.to_path, message.from_path), Leg(OURS_Y, PEER_Y))
        events = [event for part in parts for event in forward.receive_data(part)]
        assert {type(event) for event in events} == {Onward}
        assert b"".join(event.octets for event in events if isinstance(event, Onward)) == expected
        assert forward.held == 0


@pytest.mark.parametrize("names", [
    ["rfc4975_4_send"], ["rfc4975_5_1_chunk_first", "rfc4975_5_1_chunk_last"], ["rfc4975_11_1_alice"],
    ["rfc4975_11_1_bob"], ["rfc4975_11_2_xhtml"], ["rfc4975_11_4_chunk_first", "rfc4975_11_4_chunk_last"],
    ["rfc4975_11_5_system"], ["rfc4975_11_6_send"], ["chunk_first", "chunk_last"],
])
def test_the_examples_arrive_as_messages(names: list[str]) -> None:
    """The payload says how long a chunk is (RFC 4975 §7.3.1): in the RFC's examples ranges count a CRLF behind it."""
    messages = [message_of(name) for name in names]
    one = session_for(messages[0])
    events = [event for name in names for event in one.receive_data(octets_of(name), 0.0)]
    bodies = [message.body or b"" for message in messages if isinstance(message, Request)]
    assert [event.body for event in events if isinstance(event, MessageReceived)] == [b"".join(bodies)]


@pytest.mark.parametrize(("request_name", "response_name"), [
    ("rfc4975_4_send", "rfc4975_4_response"), ("rfc4975_11_1_alice", "rfc4975_11_1_alice_response"),
    ("rfc4975_11_1_bob", "rfc4975_11_1_bob_response"), ("chunk_first", "chunk_first_response"),
])
def test_the_responses_are_octet_by_octet_those_of_the_examples(request_name: str, response_name: str) -> None:
    events = session_for(message_of(request_name)).receive_data(octets_of(request_name), 0.0)
    assert [event.octets for event in events if isinstance(event, Transmit)] == [octets_of(response_name)]


def test_the_system_message_is_not_answered_and_the_html_is_reported() -> None:
    """RFC 4975 §11.5, §11.6: Failure-Report no; Success-Report yes."""
    system = session_for(message_of("rfc4975_11_5_system")).receive_data(octets_of("rfc4975_11_5_system"), 0.0)
    assert not [event for event in system if isinstance(event, Transmit)]
    events = session_for(message_of("rfc4975_11_6_send")).receive_data(octets_of("rfc4975_11_6_send"), 0.0)
    (report,) = [wire.decode(event.octets) for event in events if isinstance(event, Transmit)]
    printed = message_of("rfc4975_11_6_report")
    assert isinstance(report, Request)
    assert (report.method, report.to_path, report.from_path) == (Method.REPORT, printed.to_path, printed.from_path)
    assert (report.get("Message-ID"), report.get("Status")) == (printed.get("Message-ID"), printed.get("Status"))


def test_a_conversation_through_a_gateway_with_other_paths_on_either_leg() -> None:
    """Two strict endpoints, each of which knows the gateway's URI only, talk through a pair of rewriters (B3)."""
    alice_uri, bob_uri = uris.decode_path("msrps://10.0.0.10:5000/sA;tcp"), uris.decode_path("msrp://192.0.2.50:6/sB;tcp")
    leg_a = Leg(uris.decode_path("msrps://198.51.100.1:7000/lA;tcp"), alice_uri)
    leg_b = Leg(OURS_Y, bob_uri)
    count = itertools.count(1)
    made = {"accept_types": ["text/plain"], "token": lambda size: f"c{next(count):0{size - 1}}", "chunk_octets": 1000}
    alice = Session(alice_uri, leg_a.local, active=True, **made)
    bob = Session(bob_uri, leg_b.local, active=False, **made)
    from_a, from_b = between(leg_a, leg_b)
    to_bob, news = [*alice.opened(0.0)], []
    bob.opened(0.0)
    body = b"\r\n-------c00000000003$\r\n" * 200
    to_bob += alice.send(body, "text/plain", 0.0)[1]
    to_alice: list[machine.Event] = []
    while to_bob or to_alice:
        to_bob, to_alice = (
            carried(to_alice, from_b, alice, news), carried(to_bob, from_a, bob, news))
    assert [event.body for event in news if isinstance(event, MessageReceived)] == [body]
    assert [type(event) for event in news if isinstance(event, Delivered)] == [Delivered]


def carried(sent: list[machine.Event], way: rewriting.Rewriter, to: Session, news: list[object]) -> list[machine.Event]:
    """What the receiver says to what was sent, through the gateway."""
    said: list[machine.Event] = []
    for event in sent:
        for passed in way.receive_data(event.octets) if isinstance(event, Transmit) else []:
            assert isinstance(passed, Onward)
            said += to.receive_data(passed.octets, 0.0)
    news += said
    return [event for event in said if isinstance(event, Transmit)]
