"""STUN against the published vectors of RFC 5769, and whatever else a peer may send."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError, MalformedMessageError, PeerError
from workbench.protocols import stun

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "stun" / "rfc5769.json").read_text(encoding="utf-8"))
OCTETS = {name: bytes.fromhex(VECTORS[name]["octets"]) for name in ("request", "ipv4", "ipv6")}
RESPONSES = ("ipv4", "ipv6")
ID = bytes(range(12))


@pytest.mark.parametrize("name", RESPONSES)
def test_published_responses_tell_the_published_address(name):
    """RFC 5769 §2.2 and §2.3: XOR-MAPPED-ADDRESS and SOFTWARE decode to what the RFC says."""
    message = stun.decode(OCTETS[name])
    assert (message.kind, message.method) == (stun.Class.SUCCESS, stun.BINDING)
    assert stun.mapped_address(message) == tuple(VECTORS[name]["address"])
    assert message.attribute(stun.Kind.SOFTWARE) == VECTORS[name]["software"].encode()


@pytest.mark.parametrize("name", RESPONSES)
def test_our_address_attribute_has_the_published_octets(name):
    """RFC 8489 §14.2: our own XOR-MAPPED-ADDRESS of the published address is the one in the vector."""
    message = stun.decode(OCTETS[name])
    ours = stun.xor_mapped(tuple(VECTORS[name]["address"]), message.transaction)
    assert ours == next(one for one in message.attributes if one.kind == stun.Kind.XOR_MAPPED_ADDRESS)


@pytest.mark.parametrize("name", OCTETS)
def test_what_was_decoded_encodes_to_the_same_octets_but_for_padding(name):
    """Attributes that nobody here knows come through; RFC 8489 §14: padding is anything, ours is zeros."""
    again = stun.encode(stun.decode(OCTETS[name]))
    assert len(again) == len(OCTETS[name])
    differ = {octet for octet, other in zip(OCTETS[name], again, strict=True) if octet != other}
    assert differ <= {0x20}


def test_attributes_that_have_to_be_understood_are_named():
    """RFC 8489 §6.3.1: PRIORITY, USERNAME and MESSAGE-INTEGRITY of the sample request are answered with 420."""
    request = stun.decode(OCTETS["request"])
    assert list(request.unknown) == VECTORS["request"]["unknown"]
    answer = stun.decode(stun.encode(stun.error_response(request, 420, "Unknown Attribute")))
    assert (answer.kind, stun.error_code(answer)) == (stun.Class.ERROR, (420, "Unknown Attribute"))
    assert answer.attribute(stun.Kind.UNKNOWN_ATTRIBUTES) == bytes.fromhex("002400060008")


@pytest.mark.parametrize("address", [("203.0.113.10", 65_535), ("2001:db8::1", 1)])
def test_request_and_success_travel(address):
    """A Binding request is answered with the address that it came from."""
    request = stun.decode(stun.encode(stun.binding_request(ID, software="workbench"), fingerprint=True))
    assert (request.kind, request.transaction, request.unknown) == (stun.Class.REQUEST, ID, ())
    response = stun.decode(stun.encode(stun.binding_success(request, address)))
    assert (response.kind, response.transaction) == (stun.Class.SUCCESS, ID)
    assert stun.mapped_address(response) == address


def test_a_server_of_before_rfc_5389_is_understood():
    """RFC 8489 §14.1: MAPPED-ADDRESS is taken where XOR-MAPPED-ADDRESS is missing, and only there."""
    old, new = stun.mapped(("10.0.0.1", 1)), stun.xor_mapped(("203.0.113.1", 2), ID)
    assert stun.mapped_address(stun.Message(stun.Class.SUCCESS, ID, (old,))) == ("10.0.0.1", 1)
    assert stun.mapped_address(stun.Message(stun.Class.SUCCESS, ID, (old, new))) == ("203.0.113.1", 2)


@pytest.mark.parametrize("kind", stun.Class)
@pytest.mark.parametrize("method", [1, 3, 0x7F, 0x80, 0xABC, 0xFFF])
def test_class_and_method_share_the_type_field(kind, method):
    """RFC 8489 §5, figure 3: the two bits of the class stand between those of the method."""
    octets = stun.encode(stun.Message(kind, ID, (), method))
    assert octets[0] < 0x40
    message = stun.decode(octets)
    assert (message.kind, message.method) == (kind, method)


@pytest.mark.parametrize("octets", [
    stun.encode(stun.Message(stun.Class.SUCCESS, ID)),
    stun.encode(stun.Message(stun.Class.SUCCESS, ID, (stun.Attribute(0x20, b"\0\1\0\0\0\0\0"),))),
    stun.encode(stun.Message(stun.Class.SUCCESS, ID, (stun.Attribute(0x20, b"\0\3\0\0\0\0\0\0"),))),
])
def test_a_response_without_a_readable_address_is_refused(octets):
    """None, one cut short, and one of an unknown family."""
    with pytest.raises(MalformedMessageError):
        stun.mapped_address(stun.decode(octets))


@pytest.mark.parametrize("at", range(len(OCTETS["ipv4"])))
def test_a_changed_octet_is_seen(at):
    """RFC 8489 §14.7: FINGERPRINT covers all before it, and the header tells STUN from other traffic."""
    damaged = bytearray(OCTETS["ipv4"])
    damaged[at] ^= 0x40
    if at in (72, 73):      # the type of FINGERPRINT itself: then there is none to check
        assert stun.decode(bytes(damaged)).attribute(stun.Kind.FINGERPRINT) is None
        return
    with pytest.raises(MalformedMessageError):
        stun.decode(bytes(damaged))


@pytest.mark.parametrize("size", range(len(OCTETS["ipv6"])))
def test_a_cut_message_is_no_message(size):
    """A datagram cut anywhere is refused; a stream cut anywhere waits."""
    with pytest.raises(MalformedMessageError):
        stun.decode(OCTETS["ipv6"][:size])
    assert stun.Incoming().receive_data(OCTETS["ipv6"][:size]) == []


@pytest.mark.parametrize("portion", [1, 3, 20, 500])
def test_portions_do_not_matter(portion):
    """RFC 8489 §6.2.2: however a stream is cut, the same messages come out."""
    stream = OCTETS["ipv4"] + OCTETS["ipv6"] + OCTETS["request"]
    incoming = stun.Incoming()
    events = [event for at in range(0, len(stream), portion)
              for event in incoming.receive_data(stream[at : at + portion])]
    assert events == [stun.Received(stun.decode(OCTETS[name])) for name in ("ipv4", "ipv6", "request")]


def test_a_stream_breaks_once():
    """What is no STUN, or too long, ends a stream with one event; nothing behind it is held."""
    for octets in (b"MSRP a786hjs2 SEND\r\n", bytes.fromhex("0001fffc2112a442")):
        incoming = stun.Incoming()
        (event,) = incoming.receive_data(octets)
        assert isinstance(event, stun.PeerViolation)
        assert incoming.receive_data(OCTETS["ipv4"]) == []


def test_a_message_before_the_broken_one_is_not_lost():
    """Events come in order, the violation last."""
    events = stun.Incoming().receive_data(OCTETS["ipv4"] + b"GET /")
    assert [type(event) for event in events] == [stun.Received, stun.PeerViolation]


@given(st.binary(max_size=200))
def test_garbage_never_escapes(data):
    """Whatever arrives, decoding raises a PeerError or gives a message; a stream gives events."""
    stun.Incoming().receive_data(data)
    stun.Incoming().receive_data(OCTETS["ipv4"][:24] + data)
    with contextlib.suppress(PeerError):
        stun.mapped_address(stun.decode(data))


def test_we_do_not_build_what_no_receiver_reads():
    """A transaction id of another size, a method beyond 12 bits, a host name."""
    for broken in (stun.Message(stun.Class.REQUEST, b"short"), stun.Message(stun.Class.REQUEST, ID, (), 1 << 12)):
        with pytest.raises(LocalProtocolError):
            stun.encode(broken)
    with pytest.raises(LocalProtocolError):
        stun.mapped(("example.net", 1))
