"""STUN in captures: over UDP and TCP, in any portions, named in one line and explained field by field."""

from __future__ import annotations

import pytest
from capturing import A, B, Talk, udp, write
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.analyzing import analyze
from workbench.analysis.carried.tls_stream import KeyLog
from workbench.analysis.dissect import Dissector
from workbench.analysis.explain import coverage, explain_frame
from workbench.analysis.pcapng import RAW, Packet
from workbench.lab import reachability
from workbench.protocols import stun

REQUEST = stun.binding_request(bytes(range(12)), software="test")
ANSWER = stun.binding_success(REQUEST, ("203.0.113.10", 20_000))
REFUSAL = stun.error_response(REQUEST, 420, "Unknown Attribute")
SAID = ["Binding request", "Binding success response (203.0.113.10:20000)",
        "Binding error response (420 Unknown Attribute)"]


def told(report):
    return [(message.protocol, message.summary) for message in report.messages if message.protocol != "TCP"]


def test_datagrams_are_told_in_one_line(tmp_path):
    """RFC 8489: request, success response with the address that it tells, error response with its number."""
    frames = [udp(0.0, A, B, stun.encode(REQUEST)), udp(0.1, B, A, stun.encode(ANSWER)),
              udp(0.2, B, A, stun.encode(REFUSAL)), udp(5.0, A, B, stun.encode(REQUEST))]
    report = analyze(write(tmp_path / "a.pcapng", frames))
    assert told(report) == [("STUN", line) for line in (*SAID, SAID[0])]
    assert [message.repeated for message in report.messages] == [False, False, False, True]


@pytest.mark.parametrize("portion", [1, 7, 20, 33, 500])
def test_streams_are_told_in_one_line_a_message(tmp_path, portion):
    """RFC 8489 §6.2.2: however TCP cuts them, and several on one connection."""
    octets = b"".join(stun.encode(one) for one in (ANSWER, REFUSAL, ANSWER))
    talk = Talk().opens().says(0, stun.encode(REQUEST))
    for at in range(0, len(octets), portion):
        talk.says(1, octets[at : at + portion])
    report = analyze(write(tmp_path / "a.pcapng", talk.closes().frames))
    assert told(report) == [("STUN", line) for line in (SAID[0], SAID[1], SAID[2], SAID[1])]
    answer = next(message for message in report.messages if message.summary == SAID[1])
    first = 5               # three segments open the connection, the fourth is the request
    assert answer.frames == tuple(range(first, first + -(-len(stun.encode(ANSWER)) // portion)))


def test_what_is_behind_the_stun_is_kept_as_unknown(tmp_path):
    """Octets that are no STUN do not vanish, nor does a message that the connection's end cut."""
    whole = stun.encode(ANSWER)
    talk = Talk().opens().says(0, stun.encode(REQUEST)).says(1, whole + b"x" * 40).says(0, whole[:-3]).closes()
    report = analyze(write(tmp_path / "a.pcapng", talk.frames))
    assert told(report) == [("STUN", SAID[0]), ("STUN", SAID[1]), ("unknown", "TCP, 40 octets"),
                            ("unknown", f"TCP, {len(whole) - 3} octets")]


def test_a_broken_message_says_what_is_wrong(tmp_path):
    """A length that contradicts an attribute is an error of that message, with its clause."""
    octets = bytearray(stun.encode(ANSWER))
    octets[23] = 99
    report = analyze(write(tmp_path / "a.pcapng", [udp(0.0, B, A, bytes(octets))]))
    assert report.messages[0].error.endswith("[RFC 8489 §14]")


def test_every_octet_of_a_live_call_is_explained(tmp_path):
    """STUN of a run is decoded on both sides of the NAT, and its frames are explained without a hole."""
    report = reachability.call(reachability.PAIRS[0], reachability.PAIRS[0], mechanism="direct", out=tmp_path).report
    messages = report.select("STUN")
    assert len(messages) == 8
    assert {message.wire for message in messages} == {"UE A home", "UE B home", "Internet"}
    for message in messages:
        found = coverage(explain_frame(report, message.frames[0]))
        assert found.explained_octets == found.octets


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.binary(min_size=1, max_size=60)), max_size=6), st.booleans())
def test_garbage_never_escapes(said, lossy):
    """Whatever follows a STUN message on its connection, also with a hole in it."""
    talk = Talk().opens().says(0, stun.encode(REQUEST)[:30])
    for who, octets in said:
        talk.says(who, octets)
    talk.closes()
    if lossy:
        del talk.frames[4:5]
    dissector = Dissector(KeyLog())
    for number, (_, _, octets) in enumerate(talk.frames, 1):
        dissector.take(Packet(number, number, "wire", RAW, octets, len(octets)))
    dissector.finish()
    assert dissector.drafts
