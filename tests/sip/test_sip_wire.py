"""SIP on the wire: octets to messages and back, and what is refused."""

from __future__ import annotations

import pytest
import sipmessage
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_vectors import COMPACT, INVITE, SDP, conversation

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols import sip


def test_a_request_as_values():
    """Lists, quoted names, folded lines and parameters are understood."""
    request = sip.decode(INVITE)
    assert isinstance(request, sip.Request)
    assert (request.method, request.uri, request.body) == ("INVITE", "sip:bob@home.example", SDP)
    assert (request.from_tag, request.to_tag, request.call_id) == ("a1", "", "c1@10.0.0.10")
    assert request.cseq == (1, "INVITE")
    assert [via.sent_by for via in request.vias] == ["10.0.0.10:5060", "[2001:db8::1]:5062"]
    assert request.via.branch == "z9hG4bKabc" and request.via.parameter("rport") == ""
    assert request.headers.all("route") == ("<sip:p.example;lr>", "<sip:s.example;lr>")
    assert request.headers.get("subject") == "folded over two lines"
    assert request.contact_uri == "sip:alice@10.0.0.10:5060;transport=udp"
    name = sip.NameAddress.decode(request.headers.get("From"))
    assert name.display == '"Alice, \\"A\\" <home>"' and name.uri == "sip:alice@home.example"


def test_compact_forms_and_line_ends_in_front():
    """One-letter names mean the long ones; CRLF in front of a start line is skipped (RFC 3261 §7.5)."""
    response = sip.decode(COMPACT)
    assert isinstance(response, sip.Response)
    assert (response.status, response.method, response.to_tag) == (200, "INVITE", "2")
    assert response.headers.get("Content-Length") == "0" and response.headers.get("SUPPORTED") == "100rel"
    assert "m" in response.headers and response.headers.get("Contact") == "<sip:b@192.0.2.9>"


@pytest.mark.parametrize("octets", conversation())
def test_what_we_write_is_read_again(octets):
    """Encoding what was decoded gives the same octets, and another SIP library reads the same message."""
    message = sip.decode(octets)
    assert sip.encode(message) == octets
    other = sipmessage.Message.parse(octets)
    assert type(other).__name__ == type(message).__name__
    assert other.cseq.sequence == message.cseq.number and other.call_id == message.call_id
    assert other.from_address.parameters["tag"] == message.from_tag
    assert other.via[0].host == message.via.host and other.body == message.body


def broken(old: bytes, new: bytes) -> bytes:
    assert old in INVITE
    return INVITE.replace(old, new, 1)


@pytest.mark.parametrize(("octets", "at", "clause"), [
    (b"", b"", "§7"),
    (b"hello\r\n\r\n", b"hello", "§7"),
    (INVITE[:60], None, "§7"),
    (INVITE[:-1], b"Content-Length", "§18.3"),
    (broken(b"SIP/2.0\r\n", b"SIP/3.0\r\n"), b"SIP/3.0", "§7.1"),
    (broken(b"CSeq: 1 INVITE", b"CSeq: 1 BYE"), b"CSeq", "§8.1.1.5"),
    (broken(b"CSeq: 1 INVITE\r\n", b""), b"INVITE", "§8.1.1"),
    (broken(b"CSeq: 1", b"CSeq: 99999999999"), b"CSeq", "§8.1.1.5"),
    (broken(b"Subject: ", b"To: "), b"To: folded", "§7.3.1"),
    (broken(b"Subject", b"Sub ject"), b"Sub ject", "§7.3.1"),
    (broken(b"Subject: folded", b"Subject: \xff\xfe"), b"\xff", "§25.1"),
    (broken(b"workbench", b"a\0b"), b"\0", "§25.1"),
    (broken(b"workbench", b"a\nb"), b"\nb", "§25.1"),
    (broken(b"Via: SIP", b"Via: HTTP"), b"Via", "§20.42"),
    (broken(b"To: sip:bob@home.example", b"To: <sip:bob"), b"To: <", "§20.10"),
    (broken(b"Content-Length: ", b"Content-Length: -"), b"Content-Length", "§20.14"),
    (broken(b"Call-ID: c1@10.0.0.10", b"Call-ID: "), b"Call-ID", "§20.8"),
])
def test_broken_messages_name_octet_and_clause(octets, at, clause):
    """What can't be read is refused with the place and the clause."""
    with pytest.raises(MalformedMessageError) as caught:
        sip.decode(octets)
    assert caught.value.offset == (len(octets) if at is None else octets.index(at))
    assert caught.value.clause == f"RFC 3261 {clause}"


def test_octets_behind_content_length_are_left_out():
    """A datagram may be longer than its message (RFC 3261 §18.3); without Content-Length all is body."""
    assert sip.decode(INVITE + b"more").body == SDP
    bare = INVITE[:INVITE.index(b"Content-Length")] + b"\r\n" + SDP + b"more"
    assert sip.decode(bare).body == SDP + b"more"


def test_limits():
    """Octets, header fields and the size of one field are bounded."""
    many = broken(b"Max-Forwards", b"X: y\r\n" * 300 + b"Max-Forwards")
    with pytest.raises(MalformedMessageError, match="header fields"):
        sip.decode(many)
    with pytest.raises(MalformedMessageError, match="line longer"):
        sip.decode(broken(b"workbench", b"x" * 20_000))
    with pytest.raises(MalformedMessageError, match="line longer"):
        sip.decode(broken(b"workbench", b"x\r\n " * 8_000))
    with pytest.raises(MalformedMessageError, match="octets"):
        sip.decode(INVITE + b"x" * 70_000)


def test_no_line_is_smuggled_into_a_header():
    """A value of ours can't start a header of its own."""
    request = sip.decode(INVITE)
    with pytest.raises(LocalProtocolError):
        sip.encode(request.with_headers(request.headers.with_("Subject", "x\r\nTo: <sip:mallory@x.example>")))
    with pytest.raises(LocalProtocolError):
        sip.encode(sip.Request(request.headers, method="A B", uri="sip:a@b"))


def test_headers_are_edited_in_place():
    """Replacing keeps the place, removing takes all fields of the name."""
    headers = sip.Headers.of(("A", "1"), ("Via", "x"), ("B", "2"), ("v", "y"))
    assert headers.with_("via", "z").fields == (("A", "1"), ("via", "z"), ("B", "2"))
    assert headers.without("VIA").fields == (("A", "1"), ("B", "2"))
    assert headers.added("C", "3").get("c") == "3" and headers.lines("Via") == ("x", "y")


@pytest.mark.parametrize(("text", "host", "key"), [
    ("sip:Alice@Home.Example;user=phone", "home.example", "sip:Alice@home.example"),
    ("<sip:alice@[2001:DB8::1]:5060>;tag=1", "2001:db8::1", "sip:alice@[2001:db8::1]"),
    ("sip:10.0.0.1:5070", "10.0.0.1", "sip:@10.0.0.1:5070"), ("tel:+1234", "", "tel:+1234"),
    ("rubbish", "", "rubbish")])
def test_uris(text, host, key):
    """Host and key of a URI; text that is none is not an error."""
    assert sip.host_of(text) == host and sip.uri_key(text) == key


PIECES = st.one_of(st.binary(max_size=30), st.sampled_from(
    [*INVITE.split(b"\r\n"), *COMPACT.split(b"\r\n"), b"", b" ", b'"', b"<", b";self=1", b"Via: SIP/2.0/UDP x;;"]))


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=14))
def test_garbage_raises_nothing_else(parts):
    """Whatever the octets, they decode or are malformed at one of them; a machine only reports."""
    octets = b"\r\n".join(parts) + b"\r\n\r\n"
    alice = sip.Transactions("10.0.0.10:5060", lambda size: "x" * size)
    alice.receive_data(octets, ("192.0.2.1", 5060), 0.0)
    try:
        message = sip.decode(octets)
    except MalformedMessageError as error:
        assert error.clause and error.offset is not None and 0 <= error.offset <= len(octets)
        return
    assert sip.decode(sip.encode(message)).headers.get("CSeq") == message.headers.get("CSeq")
    _ = message.vias, message.contact_uri, message.to_tag


@settings(max_examples=300)
@given(st.integers(0, len(INVITE)), st.binary(max_size=6), st.integers(0, 8))
def test_a_damaged_message_raises_nothing_else(at, new, taken):
    """Any few octets of a valid message may be replaced."""
    octets = INVITE[:at] + new + INVITE[at + taken:]
    try:
        sip.decode(octets)
    except MalformedMessageError as error:
        assert error.offset is not None and 0 <= error.offset <= len(octets)
