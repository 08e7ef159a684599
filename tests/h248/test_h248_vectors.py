"""Messages of the Iq interface, in long and short tokens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbench.errors import MalformedMessageError
from workbench.protocols.h248 import message as m
from workbench.protocols.h248 import text
from workbench.protocols.h248.tokens import TOKENS

VECTORS = Path(__file__).parent.parent / "vectors" / "h248"
NAMES = sorted(path.name.removesuffix(".txt") for path in VECTORS.glob("*.txt") if ".short." not in path.name)
LAID_OUT_OTHERWISE = {
    "07-configure-request",
    "17-e2e-tcp-only",
    "18-dtls-t38",
    "25-empty-audit",
    "26-inactivity-and-realms",
    "29-reply-wants-ack",
}
"""Vectors that put more, or less, on one line than our encoder does."""


def long_of(name: str) -> bytes:
    return (VECTORS / f"{name}.txt").read_bytes()


def short_of(name: str) -> bytes:
    return (VECTORS / f"{name}.short.txt").read_bytes()


def test_there_are_vectors():
    """All thirty messages are there in both lengths of tokens."""
    assert len(NAMES) == 30


@pytest.mark.parametrize("name", NAMES)
def test_both_lengths_of_tokens_say_the_same(name):
    """Long and short text decode to one tree, and encode back to it (H.248.1 Annex B.2)."""
    tree = text.decode(long_of(name))
    assert text.decode(short_of(name)) == tree
    assert text.encode(tree, "compact") == short_of(name)
    assert text.decode(text.encode(tree, "pretty")) == tree


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LAID_OUT_OTHERWISE])
def test_pretty_text_is_laid_out_like_the_vectors(name):
    """Two blanks a level, long tokens, session descriptions at the first column."""
    assert text.encode(text.decode(long_of(name)), "pretty") == long_of(name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("octets_of", [long_of, short_of])
def test_a_cut_message_is_refused(name, octets_of):
    """No prefix of a message is taken for a whole one, except where only the final line end is missing."""
    octets = octets_of(name)
    for size in range(len(octets.rstrip())):
        with pytest.raises(MalformedMessageError) as refused:
            text.decode(octets[:size])
        assert refused.value.offset is not None and 0 <= refused.value.offset <= size
        assert refused.value.clause.startswith(("H.248.1", "RFC 8866"))


@pytest.mark.parametrize("name", NAMES)
def test_case_of_tokens_does_not_matter(name):
    """Tokens in small letters are the same tokens (H.248.1 Annex B.1)."""
    tree = text.decode(long_of(name))
    found = {token.text for token in text.tokens(long_of(name))} & set(TOKENS) - {"MEGACO", "ROOT"}
    pattern = re.compile(
        rb"\b(?:" + b"|".join(word.encode() for word in sorted(found, key=len)) + rb")(?= [={]|,|\n| })"
    )
    lowered = pattern.sub(lambda word: word[0].lower(), long_of(name))
    assert lowered != long_of(name) or not found
    assert text.decode(lowered) == tree


def test_reserve_request():
    """TS 29.334 Reserve AGW Connection Point: what the tree of a whole request looks like."""
    (request,) = text.decode(long_of("03-reserve-request")).body
    assert isinstance(request, m.Request) and request.id == 1001
    (action,) = request.actions
    assert action.context == m.CHOOSE
    (add,) = action.commands
    assert (add.kind, add.terminations) == (m.Kind.ADD, ("ip/1/access/$",))
    media = add.descriptor(m.Media)
    stream = media.stream(1)
    assert stream.local_control.mode is m.Mode.INACTIVE
    assert stream.local_control.property("IPDC/Realm").value == "access.example.net"
    assert isinstance(stream.local_control.property("ipdc/realm").value, m.Quoted)
    assert stream.local_control.property("ds/dscp") == m.Property("ds/dscp", ("2E",))
    (described,) = stream.local
    assert described.media[0].port is None
    assert described.media[0].attribute("fingerprint") == "SHA-256 $"
    assert stream.remote is None
    events = add.descriptor(m.Events)
    assert events.request_id == 2001
    assert [event.name for event in events.events][:2] == ["g/cause", "hangterm/thb"]
    assert events.events[1].parameter("timerx").value == "600"
    assert events.events[2].stream == 1


def test_notification():
    """An observed event has its time, its stream and its parameters."""
    (request,) = text.decode(long_of("10-notify-tls-failed")).body
    observed = request.actions[0].commands[0].descriptor(m.ObservedEvents)
    (event,) = observed.events
    assert (observed.request_id, event.time, event.stream) == (2003, "20260301T10153250", 1)
    assert event.parameter("Type").value == "Fail"


def test_wildcards_and_errors():
    """W- is a flag, * a termination, and an error of an action or a command stands where it was."""
    (request,) = text.decode(long_of("20-release-context")).body
    (subtract,) = request.actions[0].commands
    assert subtract.wildcard_response and subtract.terminations == ("*",)
    assert subtract.descriptors == (m.Audit(),)
    (reply,) = text.decode(long_of("23-heartbeat-unknown-context")).body
    assert reply.actions[0].error == m.ErrorDescriptor(411, "unknown ContextID")
    (reply,) = text.decode(long_of("24-modify-refused")).body
    assert reply.actions[0].commands[0].error == m.ErrorDescriptor(449, "a=setup:holdconn")


def test_acknowledgements_have_ranges():
    """A single id is a range of one (H.248.1 §8.2.4)."""
    assert text.decode(long_of("30-acknowledgement")).body == (m.Ack(((1003, 1003), (1101, 1103))),)
