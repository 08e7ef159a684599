"""Every octet of a message has a name, and every name a meaning."""

from __future__ import annotations

from pathlib import Path

import pytest
from h248.trees import messages
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.analysis.explain import catalogue
from workbench.protocols.h248 import text
from workbench.protocols.h248.layout import spans
from workbench.protocols.h248.packages import registry
from workbench.protocols.h248.tokens import TOKENS
from workbench.protocols.layout import Span, uncovered

VECTORS = Path(__file__).parent.parent / "vectors" / "h248"
PATHS = sorted(VECTORS.glob("*.txt"))


def every(found: tuple[Span, ...]) -> list[Span]:
    return [span for one in found for span in (one, *every(one.children))]


def check(found: tuple[Span, ...], start: int, end: int) -> None:
    """In order, without gaps, at every level."""
    at = start
    for span in found:
        assert span.start == at and span.end > at
        at = span.end
        if span.children:
            check(span.children, span.start, span.end)
    assert at == end


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_vectors_are_covered_and_explained(path):
    """All octets of the vectors have a name of their own in the catalogue; nothing is left undecoded."""
    octets = path.read_bytes()
    found = spans(octets)
    check(found, 0, len(octets))
    assert uncovered(found, 0, len(octets)) == []
    own = set(catalogue().names)
    assert {span.name for span in every(found)} <= own - {"h248.undecoded", "h248.word"}


def test_every_token_has_a_meaning():
    """The catalogue knows each word of the token table, and each mode and method."""
    own = set(catalogue().names)
    assert {f"h248.token.{long}" for long in TOKENS} <= own


def test_provisional_items_are_shown_as_such():
    """What the registry does not know for certain is provisional in the catalogue too."""
    for package in registry().packages:
        for item in package.items:
            name = f"h248.{item.kind}.{registry().role(item.wire_name) or item.wire_name}"
            entry = catalogue().find(name)
            assert entry is not None
            if name in catalogue().names and item.tag.provisional:
                assert entry.provisional, name


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(messages, st.sampled_from(["pretty", "compact"]), st.data())
def test_random_messages_are_covered(tree, style, data):
    """Whole or cut anywhere, a message is covered at every level."""
    octets = text.encode(tree, style)
    found = spans(octets)
    check(found, 0, len(octets))
    assert not any(span.name == "h248.undecoded" for span in every(found))
    size = data.draw(st.integers(1, len(octets)))
    check(spans(octets[:size]), 0, size)


@given(st.binary(max_size=200))
def test_garbage_never_escapes(data):
    """Nothing raises; what does not decode is one span to the end."""
    check(spans(data), 0, len(data))
    check(spans(b"MEGACO/2 [192.0.2.1] T=1{C=1{" + data), 0, 29 + len(data))


def leaf(octets: bytes, words: bytes) -> Span:
    at = octets.index(words)
    return next(span for one in spans(octets) for span in one.leaves() if span.start == at)


def test_names_depend_on_the_place():
    """The same letters are a token in one place and a name in another."""
    octets = (
        b"MEGACO/2 [192.0.2.10]:2944\nT=7{C=${O-W-MF=M{"
        b"E=9{g/cause{Generalcause=FT},hangterm/thb{timerx=0}},M{O{MO=IN}}}}}"
    )
    assert leaf(octets, b"T=7").name == "h248.token.Transaction"
    assert leaf(octets, b"7{").name == "h248.transaction_id"
    assert leaf(octets, b"${").value == "CHOOSE, the gateway makes one"
    assert leaf(octets, b"O-").name == "h248.prefix.O"
    assert leaf(octets, b"W-").name == "h248.prefix.W"
    assert leaf(octets, b"MF").name == "h248.token.Modify"
    assert leaf(octets, b"M{E").name == "h248.termination"
    assert leaf(octets, b"M{O").name == "h248.token.Media"
    assert leaf(octets, b"g/cause").name == "h248.event.g/cause"
    assert leaf(octets, b"FT").value == "FT (temporary failure)"
    assert leaf(octets, b"IN}").name == "h248.mode.Inactive"


def test_session_descriptions_are_one_leaf():
    """What stands between the blanks inside Local is left to the SDP room."""
    octets = (VECTORS / "07-configure-request.txt").read_bytes()
    bodies = [span for one in spans(octets) for span in one.leaves() if span.name == "h248.sdp"]
    assert [octets[span.start : span.start + 4] for span in bodies] == [b"v=0\n", b"v=0\n"]
    assert octets[bodies[0].end - 2 : bodies[0].end] == b"08"


def test_a_broken_message_is_explained_up_to_the_break():
    """From the first token that does not fit, one span."""
    octets = b"MEGACO/2 [192.0.2.10]:2944\nTransaction = 1 { Context = 1 { Multiply = a } }"
    *_, last = every(spans(octets))
    assert last == Span("h248.undecoded", octets.index(b"Multiply"), len(octets))
