"""Every octet of a description has a name, and every name a meaning."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sdp_vectors import BFCP, LINES, LOCAL, OFFER, T38

from workbench.analysis.explain.meanings import catalogue
from workbench.protocols.layout import Span, uncovered
from workbench.protocols.sdp.layout import spans

VECTORS = (OFFER, BFCP, T38, LOCAL, b"v=0\nm=message $ TCP *\nv=0\nm=- $ TCP/TLS -\n")


def walk(found: tuple[Span, ...]):
    for span in found:
        yield span
        yield from walk(span.children)


@pytest.mark.parametrize("octets", VECTORS)
def test_every_octet_is_named_and_every_name_has_a_meaning(octets):
    """Nothing is undecoded, nothing is missing, and no name falls back to a family."""
    found = spans(octets)
    assert uncovered(found, 0, len(octets)) == []
    meanings = catalogue()
    for span in walk(found):
        entry = meanings.find(span.name)
        assert entry is not None and not entry.family, span.name


def test_parts_of_the_lines_that_matter():
    """m=, c=, fingerprint, setup, path and 3ge2ae are taken apart."""
    said = {span.name: OFFER[span.start:span.end] for span in walk(spans(OFFER))}
    assert said["sdp.media.port"] == b"5000" and said["sdp.media.proto"] == b"TCP/TLS/MSRP"
    assert said["sdp.connection.address"] == b"10.0.0.10"
    assert said["sdp.value.fingerprint.hash"] == b"SHA-256" and len(said["sdp.value.fingerprint.octets"]) == 95
    assert said["sdp.value.setup"] == b"active" and said["sdp.value.3ge2ae"] == b"requested"
    assert said["sdp.value.path.uri"] == b"msrps://10.0.0.10:5000/sA;tcp"


def test_the_rest_of_broken_text_is_undecoded():
    """What can be read is named, what can't is one span up to the end."""
    octets = b"v=0\r\nhello\r\na=setup:active\r\n"
    assert [span.name for span in spans(octets)] == ["sdp.version", "sdp.undecoded"]


@settings(max_examples=300)
@given(st.lists(LINES, max_size=10), st.sampled_from([b"\r\n", b"\n", b"\r", b" "]))
def test_garbage_is_covered_too(lines, end):
    """No octets raise, and all are covered."""
    octets = end.join(lines)
    assert uncovered(spans(octets), 0, len(octets)) == []
