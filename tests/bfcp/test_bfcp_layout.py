"""Every octet of a BFCP message has a place, and says what the decoder says."""

from __future__ import annotations

import pytest
from bfcp_vectors import NAMES, OCTETS, SAID
from hypothesis import given
from hypothesis import strategies as st

from workbench.analysis.explain import catalogue, explain_octets
from workbench.protocols.bfcp.layout import UNDECODED, spans
from workbench.protocols.layout import uncovered


def said(octets):
    """Name and value of each leaf."""
    return [(leaf.name, leaf.value) for span in spans(octets) for leaf in span.leaves()]


@pytest.mark.parametrize("name", NAMES)
def test_every_octet_has_a_place(name):
    """Whole, cut anywhere or changed anywhere: no octet is left out and none is claimed twice."""
    octets = OCTETS[name]
    for at in range(len(octets) + 1):
        assert uncovered(spans(octets[:at]), 0, at) == []
    for at in range(len(octets)):
        for change in (0x01, 0x80, 0xFF):
            broken = octets[:at] + bytes([octets[at] ^ change]) + octets[at + 1 :]
            assert uncovered(spans(broken), 0, len(broken)) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_message_leaves_nothing_undecoded(name):
    """And each name has its label, meaning and clause in the catalogue."""
    words = catalogue()

    def names(span):
        yield span.name
        for child in span.children:
            yield from names(child)

    for span in spans(OCTETS[name]):
        assert span.value == SAID[name]["message"]["primitive"]
        for one in names(span):
            entry = words.find(one)
            assert one != UNDECODED and entry is not None and not entry.family and entry.clause.startswith("RFC 8855")


def test_the_explainer_explains_a_message():
    """Without a capture: label, value and clause of each field."""
    layer = explain_octets("BFCP", OCTETS["by_hand_pending"])
    (message,) = layer.fields
    status = message.children[-1].children[-1].children[-1].children[-2]
    assert (status.label, status.value, status.clause) == ("Request status", "1 Pending", "RFC 8855 §5.2.5")


def test_a_floor_status_reads_as_the_specification_writes_it():
    """The worked example with names: numbers with their names, text as text, padding as padding."""
    told = said(OCTETS["by_hand_floor_status"])
    assert told[:6] == [
        ("bfcp.flags", "version 1"), ("bfcp.primitive", "8 FloorStatus"),
        ("bfcp.payload_length", "15 words, 60 octets"), ("bfcp.conference_id", "4321"),
        ("bfcp.transaction_id", "0"), ("bfcp.user_id", "234")]
    for pair in (("bfcp.request_status", "3 Granted"), ("bfcp.queue_position", "0"),
                 ("bfcp.user_display_name", "Zoë"), ("bfcp.user_uri", "sip:zoe@ims.example"),
                 ("bfcp.attribute.type", "17 FLOOR-REQUEST-STATUS, M=1")):
        assert pair in told


def test_an_error_names_the_attributes():
    told = said(OCTETS["v2_error"])
    assert told[0] == ("bfcp.flags", "version 2 R")
    assert ("bfcp.error_code", "4 Unknown mandatory attribute") in told
    assert [value for name, value in told if name == "bfcp.unknown_attribute"] == ["40 attribute 40", "41 attribute 41"]


def test_a_fragment_says_which_part_it_is():
    """RFC 8855 §6.2.3: its attributes are those of the whole message, so its payload stays one field."""
    told = said(bytes.fromhex("48040005000010e1004e00ea000400010a040300"))
    assert told[0] == ("bfcp.flags", "version 2 F")
    assert told[-3:] == [("bfcp.fragment_offset", "4 words, 16 octets"), ("bfcp.fragment_length", "1 words, 4 octets"),
                         ("bfcp.fragment", "")]


def test_messages_of_a_stream_stand_one_behind_the_other():
    octets = OCTETS["v1_hello"] + OCTETS["v1_floor_request"]
    assert [span.value for span in spans(octets)] == ["Hello", "FloorRequest"]


@given(st.binary(max_size=120))
def test_garbage_is_laid_out_too(data):
    """What does not decode is shown as such."""
    for octets in (data, OCTETS["v1_hello"] + data, OCTETS["v1_floor_request"][:12] + data):
        assert uncovered(spans(octets), 0, len(octets)) == []
