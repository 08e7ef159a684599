"""Every octet of a STUN message has a place, and says what the decoder says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.protocols import stun
from workbench.protocols.layout import uncovered
from workbench.protocols.stun.layout import UNDECODED, spans

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "stun" / "rfc5769.json").read_text(encoding="utf-8"))
OCTETS = {name: bytes.fromhex(VECTORS[name]["octets"]) for name in ("request", "ipv4", "ipv6")}


def said(octets):
    """Name and value of each leaf."""
    return [(leaf.name, leaf.value) for span in spans(octets) for leaf in span.leaves()]


@pytest.mark.parametrize("name", ["ipv4", "ipv6"])
def test_a_response_says_where_the_request_came_from(name):
    """RFC 5769 §2.2, §2.3: address and port are shown as they are, although they are hidden in the octets."""
    told = dict(said(OCTETS[name]))
    host, port = VECTORS[name]["address"]
    assert (told["stun.address.xor_host"], told["stun.address.xor_port"]) == (host, str(port))
    assert told["stun.type"] == "0x0101 Binding success response"
    assert told["stun.software"] == VECTORS[name]["software"]
    assert told["stun.fingerprint"].endswith(", matches")


def test_a_refusal_says_what_was_not_understood():
    """RFC 8489 §14.8, §14.9: number, reason, and each attribute by its type."""
    refusal = stun.encode(stun.error_response(stun.decode(OCTETS["request"]), 420, "Unknown Attribute"))
    told = said(refusal)
    assert ("stun.error.class", "4") in told and ("stun.error.number", "20") in told
    assert [value for name, value in told if name == "stun.unknown_type"] == ["0x0024", "0x0006", "0x0008"]


def test_a_changed_message_is_told_by_its_fingerprint():
    """RFC 8489 §14.7: a layout shows what a decoder refuses."""
    changed = OCTETS["ipv4"].replace(b"test vector", b"best vector")
    assert dict(said(changed))["stun.fingerprint"].endswith("does not match")


def test_messages_of_a_stream_stand_one_behind_the_other():
    """RFC 8489 §6.2.2: the length tells where the next one starts."""
    octets = OCTETS["request"] + OCTETS["ipv6"]
    assert [(span.name, span.end - span.start) for span in spans(octets)] == [("stun", 108), ("stun", 92)]


@pytest.mark.parametrize("name", OCTETS)
@pytest.mark.parametrize("change", [None, 0x40])
def test_every_octet_has_a_place(name, change):
    """Whole, cut anywhere or damaged anywhere: no octet is left out and none is claimed twice."""
    octets = OCTETS[name]
    for at in range(len(octets)):
        broken = octets[:at] if change is None else octets[:at] + bytes([octets[at] ^ change]) + octets[at + 1 :]
        assert uncovered(spans(broken), 0, len(broken)) == []


@given(st.binary(max_size=100))
def test_garbage_is_laid_out_too(data):
    """What does not decode is shown as such."""
    for octets in (data, OCTETS["ipv4"][:20] + data, OCTETS["ipv4"] + data):
        assert uncovered(spans(octets), 0, len(octets)) == []
    assert data[:1] < b"\x40" or spans(data)[0].name == UNDECODED
