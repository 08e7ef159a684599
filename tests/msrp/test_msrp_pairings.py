"""Which endpoints understand each other through which gateway, on the octets (TS 23.334 §5.19)."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from workbench.protocols.msrp import cema, wire
from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp.cema import Model, Place
from workbench.protocols.msrp.machine import Bound, RequestRefused, Session, Transmit
from workbench.protocols.msrp.messages import Header, Request
from workbench.protocols.msrp.rewriting import Back, Leg, Onward, between
from workbench.protocols.msrp.uri import Matching, Path

A = uris.decode_path("msrp://10.0.0.10:5000/sA;tcp")
B = uris.decode_path("msrp://192.0.2.50:6000/sB;tcp")
GATE_A, GATE_B = Place("198.51.100.1", 7000), Place("192.0.2.1", 8000)  # the gateway's address on the leg to A, to B
OURS_A, OURS_B = uris.decode_path("msrp://198.51.100.1:7000/lA;tcp"), uris.decode_path("msrp://192.0.2.1:8000/lB;tcp")


def moved(path: Path, to: Place) -> Path:
    """R-5.19.3-2: host and port of the topmost URI, the session id stays."""
    return (msgspec.structs.replace(path[0], host=to.host, port=to.port), *path[1:])


def session(local: Path, remote: Path, active: bool, **changes: Any) -> Session:
    count = itertools.count(1)
    name = "a" if active else "b"
    settings = {"accept_types": ["*"], "token": lambda size: f"{name}{next(count):0{size - 1}}"} | changes
    return Session(local, remote, active=active, **settings)


def first_status(one: Model, other: Model, gateway: str) -> int:
    """What A's first request is answered by B, when A has opened the connection through the gateway."""
    path_at_a, path_at_b = {
        "untouched": (B, A), "moved": (moved(B, GATE_A), moved(A, GATE_B)), "aware": (OURS_A, OURS_B),
    }[gateway]
    alice = session(A, path_at_a, True, matching=one.matching)
    bob = session(B, path_at_b, False, matching=other.matching)
    bob.opened(0.0)
    forward, backward = between(Leg(OURS_A, A), Leg(OURS_B, B))
    (hello,) = [event.octets for event in alice.opened(0.0) if isinstance(event, Transmit)]
    if gateway == "aware":
        hello = b"".join(event.octets for event in forward.receive_data(hello) if isinstance(event, Onward))
    (answer,) = [event.octets for event in bob.receive_data(hello, 0.0) if isinstance(event, Transmit)]
    if gateway == "aware":
        answer = b"".join(event.octets for event in backward.receive_data(answer) if isinstance(event, Onward))
    status = wire.decode(answer).status
    assert (Bound() in alice.receive_data(answer, 0.0)) is (status == 200)
    return status


@pytest.mark.parametrize(("one", "other", "gateway", "status"), [
    (Model.CEMA, Model.CEMA, "untouched", 200),           # B1
    (Model.SESSMATCH, Model.SESSMATCH, "moved", 200),     # B2
    (Model.PLAIN, Model.PLAIN, "aware", 200),             # B3
    (Model.PLAIN, Model.PLAIN, "moved", 481),             # B3 at a gateway that only moves the authority
    (Model.CEMA, Model.PLAIN, "aware", 200),              # B4
    (Model.CEMA, Model.PLAIN, "moved", 481),
    (Model.SESSMATCH, Model.PLAIN, "aware", 200),         # B5
    (Model.SESSMATCH, Model.PLAIN, "moved", 481),
    (Model.CEMA, Model.SESSMATCH, "aware", 200),          # B6
    (Model.SESSMATCH, Model.CEMA, "moved", 481),          # B6: a CEMA endpoint matches all of the URI
    (Model.SESSMATCH, Model.CEMA, "aware", 200),
])
def test_who_understands_whom(one: Model, other: Model, gateway: str, status: int) -> None:
    """R-5.19.1-4, R-5.19.3-3: strict matching fails where only the authority was changed, not behind a rewrite."""
    assert first_status(one, other, gateway) == status


@pytest.mark.parametrize(("model", "path", "reached"), [
    (Model.CEMA, B, True), (Model.PLAIN, B, False), (Model.SESSMATCH, B, False),
    (Model.PLAIN, moved(B, GATE_A), True), (Model.SESSMATCH, moved(B, GATE_A), True),
    (Model.CEMA, OURS_A, True), (Model.PLAIN, OURS_A, True), (Model.SESSMATCH, OURS_A, True),
])
def test_who_finds_the_gateway(model: Model, path: Path, reached: bool) -> None:
    """With a=path left alone only CEMA connects to the gateway; the others go to the far end's own address (B4)."""
    found = cema.destination(model, path, GATE_A, peer_cema=model is Model.CEMA)
    assert found is not None
    assert (Place(found.host, found.port) == GATE_A) is reached


def test_paths_with_relays_on_both_sides() -> None:
    """To-Path: our relays as we meet them, then the peer's path; From-Path begins with us (RFC 4976 §5.1)."""
    ours = uris.decode_path("msrps://r2.example.com:1/b;tcp msrps://r1.example.com:1/a;tcp msrps://10.0.0.10:5000/sA;tcp")
    theirs = uris.decode_path("msrps://r3.example.com:1/c;tcp msrps://192.0.2.50:6000/sB;tcp")
    (hello,) = session(ours, theirs, True).opened(0.0)
    request = wire.decode(hello.octets)
    assert request.to_path == (ours[1], ours[0], *theirs)
    assert request.from_path == ours[2:]


def test_what_has_come_through_relays_is_for_us_when_our_uri_is_all_that_is_left() -> None:
    """481 while a relay still stands in To-Path; the response goes one hop back, the report all the way."""
    ours = uris.decode_path("msrps://r1.example.com:1/a;tcp msrps://10.0.0.10:5000/sA;tcp")
    back = uris.decode_path("msrps://r1.example.com:1/a;tcp msrps://r3.example.com:1/c;tcp msrps://192.0.2.50:6000/sB;tcp")
    headers = (Header("Message-ID", "wb-0001"), Header("Success-Report", "yes"), Header("Content-Type", "a/b"))
    for to_path, status in ((ours[1:], 200), (ours, 481)):
        one = session(ours, back[1:], True)
        one.opened(0.0)
        events = one.receive_data(wire.encode(Request("abcd1234", "SEND", to_path, back, headers, b"x")), 0.0)
        response, *reports = [wire.decode(event.octets) for event in events if isinstance(event, Transmit)]
        assert (response.status, response.to_path, response.from_path) == (status, back[:1], to_path[:1])
        assert [(each.to_path, each.from_path) for each in reports] == ([(back, ours[1:])] if status == 200 else [])


def test_a_gateway_answers_481_and_keeps_the_session_for_those_who_match() -> None:
    forward, _ = between(Leg(OURS_A, A), Leg(OURS_B, B))
    wrong = Request("wrong123", "SEND", B, A, (Header("Message-ID", "wb-0001"),))
    right = msgspec.structs.replace(wrong, transaction="right123", to_path=OURS_A)
    onward, back, told = forward.receive_data(wire.encode(wrong) + wire.encode(right))
    assert isinstance(onward, Onward)
    assert wire.decode(onward.octets) == msgspec.structs.replace(right, to_path=B, from_path=OURS_B)
    assert isinstance(back, Back)
    assert wire.decode(back.octets).status == 481
    assert isinstance(told, RequestRefused)
    assert "msrp://198.51.100.1:7000/lA;tcp" in told.reason


def test_a_gateway_that_is_told_to_match_session_ids_takes_a_moved_authority() -> None:
    moved_path = moved(OURS_A, Place("203.0.113.9", 1))
    octets = wire.encode(Request("abcd1234", "SEND", moved_path, A, (Header("Message-ID", "wb-0001"),)))
    for matching, kind in ((Matching.SESSION_ID, Onward), (Matching.EXACT, Back)):
        forward, _ = between(Leg(OURS_A, A, matching), Leg(OURS_B, B))
        assert isinstance(forward.receive_data(octets)[0], kind)
