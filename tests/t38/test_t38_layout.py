"""Every octet of a UDPTL packet has a place, and says what the decoder says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from t38_vectors import IFP, IFP_0, UDPTL

from workbench.analysis.explain import catalogue, explain_octets
from workbench.protocols.layout import uncovered
from workbench.protocols.t38.layout import UNDECODED, ifp_spans, spans
from workbench.protocols.t38.machine import Sender
from workbench.protocols.t38.recorded import NAMES, load

WORDS = catalogue()


def said(octets, version=None):
    """Name and value of each leaf."""
    return [(leaf.name, leaf.value) for span in spans(octets, version) for leaf in span.leaves()]


def names(span):
    yield span.name
    for child in span.children:
        yield from names(child)


def explained(found) -> None:
    for span in found:
        for one in names(span):
            entry = WORDS.find(one)
            assert one != UNDECODED and entry is not None and not entry.family and entry.clause


@pytest.mark.parametrize("name", UDPTL)
def test_worked_packets_are_laid_out_whole(name):
    """Whole: every field with its words in the catalogue. Cut or changed anywhere: no octet is left out."""
    octets = bytes.fromhex(UDPTL[name][0])
    explained(spans(octets))
    for at in range(len(octets)):
        for wrong in (octets[:at], octets[:at] + bytes([octets[at] ^ 0x81]) + octets[at + 1 :]):
            assert uncovered(spans(wrong), 0, len(wrong)) == []


@pytest.mark.parametrize(("octets", "version"), [(pair[0], 3) for pair in IFP.values()] + [
    (pair[0], 0) for pair in IFP_0.values()])
def test_ifp_packets_are_laid_out_whole(octets, version):
    found = ifp_spans(bytes.fromhex(octets), version)
    explained(found)
    assert uncovered(found, 0, len(bytes.fromhex(octets))) == []


def test_data_reads_as_the_specification_writes_it():
    told = said(bytes.fromhex(UDPTL["end"][0]))
    assert told == [
        ("t38.udptl.sequence", "4"), ("t38.udptl.length", "7"), ("t38.ifp.type", "data v21, with fields"),
        ("t38.ifp.field_count", "2"), ("t38.ifp.field_type", "hdlc-data"),
        ("t38.ifp.field_length", "0: 1 octet"),
        ("t38.ifp.hdlc_data", "1 octet"), ("t38.ifp.field_type", "hdlc-fcs-OK-sig-end"),
        ("t38.udptl.recovery", "secondary packets"), ("t38.udptl.count", "2"), ("t38.udptl.length", "10"),
        ("t38.ifp.type", "data v21, with fields"), ("t38.ifp.field_count", "1"), ("t38.ifp.field_type", "hdlc-data"),
        ("t38.ifp.field_length", "4: 5 octets"), ("t38.t30.address", ""), ("t38.t30.control", "the last frame"),
        ("t38.t30.control_field", "DIS what the called terminal can do"), ("t38.t30.content", ""),
        ("t38.udptl.length", "1"), ("t38.ifp.type", "indicator v21-preamble")]


def test_fields_without_octets_share_theirs():
    told = [(leaf.value, leaf.end - leaf.start) for span in ifp_spans(bytes.fromhex("c0021040"))
            for leaf in span.leaves()]
    assert told[-1] == ("hdlc-fcs-OK, hdlc-sig-end", 2)
    (span,) = ifp_spans(bytes.fromhex("c00221"), 0)
    assert span.children[-1].value == "hdlc-fcs-OK, hdlc-sig-end" and span.children[-1].end == 3


def test_the_explainer_explains_a_packet():
    """Without a capture: label and clause of each field."""
    (packet,) = explain_octets("UDPTL", bytes.fromhex(UDPTL["data"][0])).fields
    assert (packet.label, packet.clause) == ("UDPTL packet", "T.38 §9")
    assert packet.children[2].children[0].label == "IFP packet"


@pytest.mark.parametrize("octets", [
    "0000 8001 02 00 8000", "0000 01 02 80 8001 02 00", "0000 01 02 80 02 0002 8001 01 55"])
def test_lengths_that_are_longer_than_they_need_be(octets):
    """X.691 §11.9: two octets for a small length are odd, and are read."""
    octets = bytes.fromhex(octets)
    explained(spans(octets))
    assert uncovered(spans(octets), 0, len(octets)) == []


def test_fec_says_what_its_entries_are_made_of():
    told = said(bytes.fromhex(UDPTL["fec"][0]))
    assert [value for name, value in told if name == "t38.udptl.fec_entry"] == ["XOR of 10, 12", "XOR of 11, 13"]


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_call_is_explained_octet_by_octet(name):
    """Every packet of a real fax, with redundancy, in its version: nothing undecoded, each field with its words."""
    call = load(name)
    for end in ("caller", "called"):
        sender = Sender(max_datagram=1400)
        for one in call.of(end):
            octets = sender.send(one.octets)
            found = spans(octets, call.version)
            explained(found)
            assert uncovered(found, 0, len(octets)) == []


@given(st.binary(max_size=80))
def test_garbage_is_laid_out_too(data):
    """What does not decode is shown as such."""
    for octets in (data, b"\0\0\1\2\0\0" + data, b"\0\1" + data):
        assert uncovered(spans(octets), 0, len(octets)) == []
        assert uncovered(ifp_spans(octets, 0), 0, len(octets)) == []
