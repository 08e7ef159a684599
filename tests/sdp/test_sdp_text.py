"""Session descriptions: text to values and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sdp_vectors import BFCP, LINES, LOCAL, OFFER, PRINT, T38

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols import sdp

VECTORS = (OFFER, BFCP, T38, OFFER.rstrip(b"\r\n"), OFFER.replace(b"m=message 5000", b"m=message  05000"))


@pytest.mark.parametrize("octets", VECTORS)
def test_nothing_is_lost(octets):
    """Decoding and encoding give the same octets, whatever the line ends and blanks."""
    assert sdp.encode(sdp.decode(octets)) == octets


def test_an_offer_as_values():
    """The parts that e2ae looks at can be asked for by name."""
    described = sdp.decode(OFFER)
    (media,) = described.media
    assert (media.media, media.port, media.proto, media.formats) == ("message", 5000, "TCP/TLS/MSRP", ("*",))
    assert described.connection_of(media) == sdp.Connection("IN", "IP4", "10.0.0.10")
    assert media.e2ae is sdp.E2ae.REQUESTED
    assert media.attribute("msrp-cema") == "" and media.attribute("tls-id") is None
    assert media.fingerprints == (sdp.Fingerprint("SHA-256", b"\xab" * 32),)
    assert media.attribute("path") == "msrps://10.0.0.10:5000/sA;tcp"


def test_edits_give_new_values_and_change_nothing_else():
    """An IMS-ALG's rewriting of an offer: address, port, transport, security attributes."""
    described = sdp.decode(OFFER)
    media = described.media[0].with_port(8000).with_proto("TCP/MSRP")
    for name in ("3ge2ae", "fingerprint"):
        media = media.without_attribute(name)
    forwarded = described.with_connection("192.0.2.1").with_media(0, media)
    assert sdp.encode(forwarded) == (
        b"v=0\r\no=- 7 7 IN IP4 10.0.0.10\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=message 8000 TCP/MSRP *\r\n"
        b"a=setup:active\r\na=accept-types:text/plain\r\na=path:msrps://10.0.0.10:5000/sA;tcp\r\na=msrp-cema\r\n")
    assert sdp.encode(described) == OFFER
    marked = media.with_attribute("setup", "passive").with_attribute("3ge2ae", "applied")
    back = sdp.encode(forwarded.with_media(0, marked))
    assert b"a=setup:passive\r\na=accept-types" in back and back.endswith(b"a=3ge2ae:applied\r\n")


def test_a_new_connection_line_stands_where_the_order_wants_it():
    """c= comes behind s= and in front of t=, or right behind m= (RFC 8866 §5)."""
    described = sdp.decode(BFCP)
    assert b"s=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0" in sdp.encode(described.with_connection("192.0.2.9"))
    assert b"BFCP *\r\nc=IN IP4 192.0.2.9\r\na=setup" in sdp.encode(described.with_media(
        0, described.media[0].without_connection().with_connection("192.0.2.9")))


def test_an_attribute_behind_a_last_line_without_end():
    """A line end is supplied where the text had none and another line follows."""
    described = sdp.decode(OFFER.rstrip(b"\r\n"))
    added = sdp.encode(described.with_media(0, described.media[0].with_attribute("label", "1")))
    assert sdp.decode(added).media[0].attribute("label") == "1"
    assert sdp.decode(added).media[0].fingerprints


def test_h248_text_with_choose():
    """Local of H.248: partial, indented, `$` for address, port and fingerprint."""
    (described,) = sdp.decode_groups(LOCAL)
    (media,) = described.media
    assert media.port is None and described.connection_of(media).address == sdp.CHOOSE
    assert sdp.fingerprint_choice(media.attribute("fingerprint")) == "SHA-256"
    assert media.fingerprints == ()
    assert sdp.encode(described) == LOCAL
    with pytest.raises(MalformedMessageError):
        sdp.decode(LOCAL)


@pytest.mark.parametrize(("value", "hash_name"), [
    ("SHA-256 $", "SHA-256"), ("sha-1 $", "sha-1"), ("$", "SHA-256"), ("$ $", "SHA-256"), (PRINT, None)])
def test_ways_to_ask_for_a_fingerprint(value, hash_name):
    """All three forms of CHOOSE in a=fingerprint are understood."""
    assert sdp.fingerprint_choice(value) == hash_name


def test_several_groups():
    """Each v= line starts an alternative; nothing is lost between them."""
    octets = b"v=0\nm=message $ TCP *\nv=0\nm=- $ TCP/TLS -\n\nv=0\nm=image $ udptl t38\n"
    groups = sdp.decode_groups(octets)
    assert [group.media[0].proto for group in groups] == ["TCP", "TCP/TLS", "udptl"]
    assert b"".join(sdp.encode(group) for group in groups) == octets
    assert sdp.decode_groups(b"  \n ") == ()


@pytest.mark.parametrize(("proto", "carrier", "security", "application"), [
    ("TCP", "tcp", None, None), ("TCP/TLS", "tcp", "tls", None), ("TCP/MSRP", "tcp", None, "msrp"),
    ("TCP/TLS/MSRP", "tcp", "tls", "msrp"), ("TCP/BFCP", "tcp", None, "bfcp"), ("TCP/TLS/BFCP", "tcp", "tls", "bfcp"),
    ("UDP/TLS/BFCP", "udp", "dtls", "bfcp"), ("udptl", "udp", None, "udptl"), ("UDPTL", "udp", None, "udptl"),
    ("UDP/TLS/UDPTL", "udp", "dtls", "udptl"), ("udp", "udp", None, None), ("UDP", "udp", None, None),
    ("UDP/DTLS", "udp", "dtls", None), ("UDP/TLS/RTP/SAVPF", "udp", "dtls", "rtp")])
def test_layers_of_a_transport(proto, carrier, security, application):
    """The protocol word names carrier, security and application, in whatever case it is written."""
    layers = sdp.transport_of(proto)
    assert (layers.carrier, layers.security, layers.application) == (carrier, security, application)


def test_t38_names_are_compared_without_case():
    """Equipment writes T.38 attributes in many ways; others are compared with case."""
    media = sdp.decode(T38).media[0]
    assert media.attribute("T38FaxUdpEC") == "t38UDPRedundancy"
    assert media.attribute("Setup") is None


def test_only_two_values_of_3ge2ae_mean_something():
    """Other values are ignored (rule S26, TS 24.229 §7.5.2)."""
    media = sdp.decode(OFFER).media[0]
    assert media.with_attribute("3ge2ae", "applied").e2ae is sdp.E2ae.APPLIED
    assert media.with_attribute("3ge2ae", "wanted").e2ae is None
    assert media.with_attribute("3ge2ae").e2ae is None


def test_fingerprint_levels():
    """Media level replaces session level (RFC 8122 §5)."""
    described = sdp.decode(OFFER).with_attribute("fingerprint", "SHA-1 " + ":".join(["00"] * 20))
    assert described.fingerprints_of(described.media[0])[0].hash_name == "SHA-256"
    bare = described.media[0].without_attribute("fingerprint")
    assert described.fingerprints_of(bare)[0].hash_name == "SHA-1"
    assert described.effective(bare).attribute("fingerprint").startswith("SHA-1")


@pytest.mark.parametrize("text", [
    "SHA-256", "SHA-256 AB", "SHA-256 " + ":".join(["AB"] * 31), "SHA-256 AB;CD", "AB:CD", "sha-1 GG:00", ""])
def test_a_broken_fingerprint(text):
    """Not a hash name and the right number of pairs: malformed."""
    with pytest.raises(MalformedMessageError, match="RFC 8122"):
        sdp.Fingerprint.decode(text)


@pytest.mark.parametrize(("octets", "offset"), [
    (b"", 0), (b"\r\n", 0), (b"v=0\r\nhello\r\n", 5), (b"v=0\r\n=x\r\n", 5), (b"v=0\r\nm=message 70000 TCP *\r\n", 15),
    (b"v=0\r\nm=message x TCP *\r\n", 7), (b"v=0\r\nm=message 9\r\n", 7), (b"v=0\r\nc=IN IP4\r\n", 7),
    (b"v=0\r\no=- 1\r\n", 7), (b"v=0\r\na=:x\r\n", 7), (b"v=0\r\ns=a\0b\r\n", 8), (b"v=0\r\ns=a\rb\r\n", 8),
    (b"v=0\r\nv=0\r\n", 5), (b"v=0\r\nm=message 9 TCP *\r\ns=x\r\n", 24)])
def test_broken_text_names_its_octet(octets, offset):
    """A malformed line is reported with the octet that is to blame."""
    with pytest.raises(MalformedMessageError) as caught:
        sdp.decode(octets)
    assert caught.value.offset == offset and caught.value.clause


def test_limits():
    """Size and number of lines are bounded."""
    with pytest.raises(MalformedMessageError, match="octets of SDP"):
        sdp.decode(b"v=0\r\n" + b"a=x\r\n" * 20_000)
    with pytest.raises(MalformedMessageError, match="lines of SDP"):
        sdp.decode(b"v=0\r\n" + b"a=x\r\n" * 3_000)


def test_octets_that_are_not_utf8_are_kept():
    """Another character set is read as Latin-1 and written back as it was."""
    octets = b"v=0\r\ns=caf\xe9\r\nt=0 0\r\na=charset:ISO-8859-1\r\n"
    described = sdp.decode(octets)
    assert described.value("s") == "café" and sdp.encode(described) == octets
    with pytest.raises(LocalProtocolError):
        sdp.encode(described.with_attribute("label", "€"))


def test_a_line_end_is_never_written_into_a_line():
    """A value of ours can't start a line of its own."""
    with pytest.raises(LocalProtocolError):
        sdp.encode(sdp.decode(OFFER).with_attribute("label", "1\r\na=setup:passive"))


@settings(max_examples=300)
@given(st.lists(LINES, max_size=12), st.sampled_from([b"\r\n", b"\n", b"\n  "]))
def test_garbage_raises_nothing_else(lines, end):
    """Whatever the octets, they decode without loss or are malformed; an octet inside them is named."""
    octets = end.join(lines)
    try:
        groups = sdp.decode_groups(octets)
    except MalformedMessageError as error:
        assert error.clause and error.offset is not None and 0 <= error.offset <= len(octets)
        return
    if groups:
        assert b"".join(sdp.encode(group) for group in groups) == octets
        for group in groups:
            for media in group.media:
                _ = group.connection_of(media), media.e2ae, media.fingerprints, group.effective(media)
                sdp.check_offer(media)
                sdp.check_answer(media, media)


@pytest.mark.parametrize(("session", "media", "sends", "receives"), [
    ("", "", True, True), ("", "sendonly", True, False), ("recvonly", "", False, True),
    ("inactive", "sendrecv", True, True), ("sendonly", "x-sendonly", True, False), ("", "inactive", False, False)])
def test_a_direction_holds_at_both_levels(session, media, sends, receives):
    """RFC 8866 §6.7: the stream's own, else the session's, else sendrecv."""
    lines = ["v=0", f"a={session or 'x'}", "m=message 9 TCP/MSRP *", f"a={media or 'x'}"]
    described = sdp.decode("\n".join(lines).encode() + b"\n")
    direction = described.direction_of(described.media[0])
    assert (direction.sends, direction.receives) == (sends, receives)
