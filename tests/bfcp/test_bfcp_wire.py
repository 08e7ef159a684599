"""BFCP on the wire: the stored messages, every cut, and whatever else a peer may send (RFC 8855 §5)."""

from __future__ import annotations

import contextlib

import pytest
from bfcp_vectors import NAMES, OCTETS, SAID
from bfcp_words import to_json
from counting import work
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError
from workbench.protocols.bfcp import grammar, wire
from workbench.protocols.bfcp.messages import (
    UNRELIABLE,
    Attribute,
    Failure,
    FloorStatus,
    Group,
    Message,
    Request,
    RequestStatus,
    User,
    floor_id,
    request_information,
    texts,
    unknown_attributes,
    walk,
)
from workbench.protocols.bfcp.registry import (
    FORMATS,
    PRIMITIVE_NAMES,
    ErrorCode,
    Kind,
    Priority,
    Status,
    attribute_name,
    primitive_name,
    priority_of,
    status_name,
)
from workbench.protocols.bfcp.wire import RefusedMessageError

HEADER = "2001 {:04x} 000010e1 0002 00ea"


def message(attributes: str, version: int = 1) -> bytes:
    """A FloorRequest with these attributes, in hexadecimal."""
    octets = bytes.fromhex(attributes)
    head = bytes.fromhex(HEADER.format(len(octets) // 4))
    return bytes((head[0] & 0x1F | version << 5,)) + head[1:] + octets


def refused(octets: bytes) -> RefusedMessageError:
    with pytest.raises(RefusedMessageError) as caught:
        wire.decode(octets)
    return caught.value


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_message_says_what_its_origin_says(name):
    """Octets made elsewhere decode to the values that were put in there, and encode to the same octets again."""
    found = wire.decode(OCTETS[name])
    assert to_json(found) == SAID[name]["message"]
    assert len(OCTETS[name]) == SAID[name]["octets"] and "libre 1.1.0" in SAID[name]["origin"]
    assert wire.encode(found) == OCTETS[name]
    grammar.check(found)


def test_every_primitive_and_attribute_is_among_the_stored_messages():
    """RFC 8855 tables 1 and 2: nothing is left out."""
    found = [wire.decode(octets) for octets in OCTETS.values()]
    assert {one.primitive for one in found} == set(PRIMITIVE_NAMES)
    kinds = {one.kind for each in found for one in walk(each.attributes)}
    assert kinds == set(FORMATS) == set(wire.SUPPORTED_ATTRIBUTES)


@pytest.mark.parametrize("name", NAMES)
def test_no_cut_is_a_message(name):
    """A message cut anywhere is refused with what is wrong and where (a datagram holds exactly one)."""
    octets = OCTETS[name]
    for size in range(len(octets)):
        error = refused(octets[:size])
        assert error.clause.startswith("RFC 8855") and error.offset is not None
        assert error.header is None or error.code == ErrorCode.INCORRECT_MESSAGE_LENGTH
    assert refused(octets + bytes(4)).code == ErrorCode.INCORRECT_MESSAGE_LENGTH


@given(st.sampled_from(NAMES), st.data())
def test_a_mutation_is_refused_or_read_again(name, data):
    """Any octet changed: the codec's own error, or a message that encodes to octets of the same meaning."""
    octets = bytearray(OCTETS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RefusedMessageError):
        found = wire.decode(bytes(octets))
        again = wire.encode(found)
        assert len(again) == len(octets) and wire.decode(again) == found


@given(st.binary(max_size=400))
def test_garbage_never_escapes(data):
    """Whatever is in a datagram: a message, a fragment, or the codec's own error."""
    with contextlib.suppress(RefusedMessageError):
        wire.decode_datagram(data)
    with contextlib.suppress(RefusedMessageError):
        grammar.check(wire.decode(message(data[: len(data) // 4 * 4].hex())))


@pytest.mark.parametrize("shape", ["1f04", "0504", "50020000", "1fff0001"])
def test_work_is_linear_in_octets(shape):
    """Twice the octets never cost more than twice and a half the work, whatever attributes are in them."""
    def cost(words: int) -> int:
        octets = message((shape * 40_000)[: 8 * words])

        def read() -> None:
            with contextlib.suppress(RefusedMessageError):
                wire.decode(octets)

        return work(read)[0]

    assert cost(8000) <= 2.5 * cost(4000) + 50


def test_groups_do_not_nest_without_end():
    """RFC 8855 §5.2: no group holds a group of its own kind; one that does is refused, not followed."""
    octets = b""
    for _ in range(60):
        octets = bytes((0x1F, len(octets) + 4, 0, 1)) + octets
    assert "groups inside one another" in str(refused(message(octets.hex())))


@pytest.mark.parametrize(("attributes", "what", "offset"), [
    ("0504021f 0500021f", "FLOOR-ID of 0 octets", 17),
    ("0501021f", "FLOOR-ID of 1 octets", 13),
    ("0508021f", "FLOOR-ID of 8 octets where 4 are left", 13),
    ("0503021f", "FLOOR-ID with 1 octets of value, not 2", 13),
    ("0506021f 00000000", "FLOOR-ID with 4 octets of value, not 2", 13),
    ("0d02 0000", "ERROR-CODE without its number", 13),
    ("1f02 0000", "FLOOR-REQUEST-INFORMATION without its number", 13),
    ("1f08 0001 0508021f", "FLOOR-ID of 8 octets where 4 are left", 17),
    ("1103 ff00", "PARTICIPANT-PROVIDED-INFO is not UTF-8", 14),
])
def test_a_wrong_attribute_is_named_with_its_place(attributes, what, offset):
    """RFC 8855 §5.2: lengths within the message, formats as in table 2."""
    error = refused(message(attributes))
    assert (error.what, error.offset, error.code) == (what, offset, ErrorCode.UNABLE_TO_PARSE)
    assert error.header is not None and error.header.user == 0xEA


@pytest.mark.parametrize("version", [0, 3, 7])
def test_another_version_is_refused_with_its_code(version):
    """RFC 8855 §13.8: Error 12 names the version; the header says whom to answer."""
    error = refused(message("0504021f", version))
    assert (error.code, error.offset) == (ErrorCode.UNSUPPORTED_VERSION, 0)
    assert error.header is not None and error.header.transaction == 2


def test_padding_and_reserved_bits_are_ignored():
    """RFC 8855 §5.1, §5.2 (rules B1, B4): R and F of version 1, Res, padding, reserved bits of PRIORITY."""
    plain = wire.decode(message("0504021f 1105414243000000 08046000"))
    odd = wire.decode(bytes((0x3F,)) + message("0504021f 1105414243ffffff 0804 7fff")[1:])
    assert odd == plain and not odd.responder


def test_an_unknown_attribute_keeps_its_octets():
    """RFC 8855 §5.2 (rule B6): it is ignored where M is not set, and nothing of it is lost."""
    octets = message("0504021f 50071122334455 00")
    found = wire.decode(octets)
    assert found.attributes[1] == Attribute(40, bytes.fromhex("1122334455"))
    assert (wire.encode(found), found.unknown_mandatory) == (octets, ())
    grammar.check(found)


def test_unknown_mandatory_attributes_are_named():
    """RFC 8855 §5.2.6 (rule B7): attributes 40 and 41 with M give Error 4 with details 50 52, inside groups too."""
    found = wire.decode(message("0504021f 51021122 1f10 0001 2308021f 53041122 51021122"))
    assert found.unknown_mandatory == (40, 41)
    with pytest.raises(RefusedMessageError, match="mandatory attribute 40, attribute 41") as caught:
        grammar.check(found)
    assert caught.value.code == ErrorCode.UNKNOWN_MANDATORY_ATTRIBUTE
    assert unknown_attributes(found.unknown_mandatory).value == Failure(4, bytes.fromhex("5052"))
    assert Failure(4, bytes.fromhex("5153")).attributes == (40, 41)


def test_an_unknown_primitive_comes_through_and_is_refused():
    """RFC 8855 §13.8: Error 3. The number stays."""
    found = wire.decode(b"\x20\x28" + message("0504021f")[2:])
    assert found.primitive == 40
    with pytest.raises(RefusedMessageError, match="primitive 40") as caught:
        grammar.check(found)
    assert caught.value.code == ErrorCode.UNKNOWN_PRIMITIVE


@pytest.mark.parametrize("primitive", grammar.NEEDED)
def test_what_a_message_needs_has_to_be_there(primitive):
    """RFC 8855 §5.3 (rule B9): each primitive without its attributes is refused if it needs any."""
    bare = Message(primitive, 1, 1, 1)
    if not grammar.NEEDED[primitive]:
        grammar.check(bare)
        return
    with pytest.raises(RefusedMessageError, match=f"{primitive_name(primitive)} without") as caught:
        grammar.check(bare)
    assert caught.value.clause == f"RFC 8855 §5.3.{int(primitive)}"


def test_a_request_has_a_status_for_its_floors():
    """RFC 8855 §5.2.15: FLOOR-REQUEST-INFORMATION has at least one FLOOR-REQUEST-STATUS."""
    bare = Message(4, 1, 1, 1, (Attribute(Kind.FLOOR_REQUEST_INFORMATION, Group(1)),))
    with pytest.raises(RefusedMessageError, match="FLOOR-REQUEST-INFORMATION without FLOOR-REQUEST-STATUS"):
        grammar.check(bare)


def test_priorities_above_the_highest_are_the_highest():
    """RFC 8855 §5.2.4 (rule B8): 5 to 7 are read as 4; the number itself stays."""
    assert [priority_of(code) for code in range(8)] == [0, 1, 2, 3, 4, 4, 4, 4]
    found = wire.decode(message("0504021f 0804e000"))
    assert found.number(Kind.PRIORITY) == 7


def test_a_length_that_counts_padding_does_not_swallow_the_next_attribute():
    """RFC 8855 §5.2 (rule B5): the length says where the value ends, padding where the next attribute begins."""
    found = wire.decode(message("1108414200000000 0504021f"))
    assert found.floors == (543,) and found.text(Kind.PARTICIPANT_PROVIDED_INFO) == "AB\0\0\0\0"


REQUEST = Request(
    1, (FloorStatus(543, Status.ACCEPTED, 3, "busy"), FloorStatus(544)), Status.ACCEPTED, 3, "third",
    User(235, "Yann", "sip:yann@ims.example"), User(234, "Zoë"), Priority.HIGH, "slides")


def test_a_request_travels():
    """RFC 8855 §5.2.15: all that FLOOR-REQUEST-INFORMATION can tell comes back."""
    octets = wire.encode(Message(4, 1, 1, 1, (request_information(REQUEST),)))
    assert wire.decode(octets).requests == (REQUEST,)


@given(st.text(), st.text(), st.text(), st.text(), st.integers(0, 20))
def test_whatever_people_are_called_a_request_fits(name, uri, info, provided, floors):
    """RFC 8855 §5.2: 255 octets hold it; texts are cut between characters, numbers and states always stay."""
    asked = Request(
        1, tuple(FloorStatus(floor, Status.PENDING) for floor in range(floors)), Status.PENDING, 0, info,
        User(2, name, uri), User(3, name, uri), Priority.LOW, provided)
    (back,) = wire.decode(wire.encode(Message(4, 1, 1, 1, (request_information(asked),)))).requests
    assert (back.floors, back.status, back.priority) == (asked.floors, asked.status, asked.priority)
    assert info.encode("utf-8", "replace").decode().startswith(back.info)


def test_text_is_cut_between_characters():
    (one,) = texts(Kind.STATUS_INFO, "ää", 3)
    assert one.value == "ä"
    assert texts(Kind.STATUS_INFO, "ä", 1) == () == texts(Kind.STATUS_INFO, "")


@pytest.mark.parametrize("broken", [
    Message(300, 1, 1, 1), Message(1, 1 << 32, 1, 1), Message(1, 1, -1, 1), Message(1, 1, 1, 1, version=3),
    Message(4, 1, 1, 1, responder=True), Message(1, 1, 1, 1, (Attribute(200, b""),)),
    Message(1, 1, 1, 1, (Attribute(Kind.FLOOR_ID, 1 << 16),)), Message(1, 1, 1, 1, (Attribute(Kind.FLOOR_ID, "x"),)),
    Message(1, 1, 1, 1, (Attribute(Kind.STATUS_INFO, "x" * 254),)), Message(1, 1, 1, 1, (Attribute(40, "x"),)),
    Message(1, 1, 1, 1, (Attribute(Kind.STATUS_INFO, "\ud800"),)),
    Message(1, 1, 1, 1, (Attribute(Kind.REQUEST_STATUS, RequestStatus(1, 256)),)),
    Message(1, 1, 1, 1, (Attribute(Kind.PRIORITY, 8),)),
    Message(1, 1, 1, 1, (Attribute(Kind.SUPPORTED_ATTRIBUTES, (128,)),)),
    Message(1, 1, 1, 1, (Attribute(40, bytes(250)),) * 1100),
])
def test_we_do_not_build_what_no_receiver_reads(broken):
    """A number without room in its field, a value of another format, more octets than the lengths can say."""
    with pytest.raises(LocalProtocolError):
        wire.encode(broken)


def test_the_worked_fragments():
    """RFC 8855 §6.2.3: Payload Length is the whole message's, offset and length count words."""
    whole = wire.decode(OCTETS["v2_status_unasked"])
    datagrams = [bytes.fromhex(one) for one in (
        "48040005000010e1004d00ea 0000 0004 1f140001250800010b0403002308021f",
        "48040005000010e1004d00ea 0004 0001 0a040300")]
    assert wire.encode_datagrams(whole, 32) == [OCTETS["v2_status_unasked"]]
    first, second = (wire.decode_datagram(one) for one in datagrams)
    assert isinstance(first, wire.Fragment) and (first.offset, len(first.payload)) == (0, 16)
    assert isinstance(second, wire.Fragment) and (second.offset, len(second.payload)) == (16, 4)
    assert wire.decode_payload(first.header, first.payload + second.payload) == whole
    assert [wire.encode_header(one.header) + one.payload for one in (first, second)] == datagrams


@pytest.mark.parametrize(("part", "code"), [
    ("0004 0002 0a0403000a040300", ErrorCode.INCORRECT_MESSAGE_LENGTH),   # ends behind the message (rule B17)
    ("0004 0002 0a040300", ErrorCode.INCORRECT_MESSAGE_LENGTH),           # shorter than it says
    ("0004", ErrorCode.INCORRECT_MESSAGE_LENGTH),                         # header cut short
])
def test_a_fragment_stays_within_its_message(part, code):
    """RFC 8855 §6.2.3: a fragment that reaches beyond Payload Length is refused."""
    with pytest.raises(RefusedMessageError) as caught:
        wire.decode_datagram(bytes.fromhex("48040005000010e1004e00ea" + part))
    assert caught.value.code == code


def test_a_fragment_alone_is_no_message():
    assert refused(bytes.fromhex("48040005000010e1004e00ea000400010a040300")).clause == "RFC 8855 §6.2.3"


def test_version_1_has_no_fragments():
    """RFC 8855 §5.1: F belongs to version 2; nor do we cut into less than a word."""
    whole = wire.decode(OCTETS["v1_floor_request"])
    with pytest.raises(LocalProtocolError):
        wire.encode_datagrams(whole, 30)
    with pytest.raises(LocalProtocolError):
        wire.encode_datagrams(Message(1, 1, 1, 1, (floor_id(1),) * 9, UNRELIABLE), 19)


def test_codes_have_names():
    """People read names; numbers without a specification stay numbers."""
    assert [primitive_name(code) for code in (4, 14, 99)] == [
        "FloorRequestStatus", "FloorRequestStatusAck", "primitive 99"]
    assert [attribute_name(kind) for kind in (2, 99)] == ["FLOOR-ID", "attribute 99"]
    assert [status_name(code) for code in (1, 7, 0, 8)] == ["Pending", "Revoked", "status 0", "status 8"]
