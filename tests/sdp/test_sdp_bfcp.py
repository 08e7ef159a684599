"""BFCP in SDP: attributes, floor control roles, versions, and who is TLS client as renegotiation goes on (RFC 8856)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sdp_vectors import BFCP

from workbench.errors import MalformedMessageError
from workbench.protocols import sdp
from workbench.protocols.sdp import BfcpClient, BfcpStream, FloorControl, FloorStreams, Party, Setup
from workbench.protocols.sdp.bfcp import FLOOR_CONTROL_ANSWERS

PRINT = "a=fingerprint:SHA-256 " + ":".join(["AB"] * 32)
OTHER_PRINT = PRINT.replace("AB", "CD")
CLIENT, SERVER, BOTH = FloorControl.CLIENT, FloorControl.SERVER, FloorControl.BOTH


def stream(*attributes, proto="TCP/TLS/BFCP", port=5000):
    """A BFCP stream."""
    text = "\r\n".join(("v=0", f"m=application {port} {proto} *", *attributes)) + "\r\n"
    return sdp.decode(text.encode()).media[0]


def names(violations):
    assert all(violation.clause and violation.what for violation in violations)
    return {violation.rule for violation in violations}


def test_what_a_stream_says():
    """RFC 8856 §5: the attributes of the stored description."""
    said = BfcpStream.of(sdp.decode(BFCP).media[0])
    assert said == BfcpStream((CLIENT,), 4321, 234, (FloorStreams(543, ("10",)),), (1,))


def test_what_is_written_is_read_again():
    """Every attribute, several floors; what stood there before is replaced, other lines stay."""
    said = BfcpStream((SERVER,), 4294967295, 65535, (FloorStreams(1, ("10", "11")), FloorStreams(2)), (1, 2))
    media = said.written(stream(PRINT, "a=floorctrl:c-only", "a=floorid:9 mstrm:1", "a=setup:passive"))
    assert BfcpStream.of(media) == said
    assert [line.value for line in media.lines[:2]] == [PRINT[2:], "setup:passive"]
    assert media.attributes("floorid") == ("1 mstrm:10 11", "2")


@pytest.mark.parametrize(("proto", "version"), [
    ("TCP/BFCP", 1), ("TCP/TLS/BFCP", 1), ("TCP/WS/BFCP", 1), ("TCP/WSS/BFCP", 1), ("UDP/BFCP", 2), ("UDP/TLS/BFCP", 2),
    ("TCP/DTLS/BFCP", 2)])
def test_the_version_follows_the_transport(proto, version):
    """RFC 8856 §5.5: where a=bfcpver is absent; where it is there, it has to include that version."""
    assert BfcpStream.of(stream(proto=proto)).versions == (version,)
    setup = ("a=setup:actpass", PRINT)
    assert not sdp.check_offer(stream(f"a=bfcpver:{version}", *setup, proto=proto))
    assert "bfcpver-transport" in names(sdp.check_offer(stream(f"a=bfcpver:{3 - version}", *setup, proto=proto)))


def test_rfc_4583_wrote_m_stream():
    assert FloorStreams.decode("543 m-stream:10") == FloorStreams.decode("543 mstrm:10") == FloorStreams(543, ("10",))
    assert FloorStreams(543, ("10",)).encode() == "543 mstrm:10"


@pytest.mark.parametrize("attribute", [
    "confid:x", "confid:4294967296", "confid:-1", "confid:", "userid:65536", "userid:1 2", "floorid:", "floorid:65536",
    "floorid:5 mstrm:", "floorid:5 streams:1", "floorctrl:c-only x", "floorctrl:server", "bfcpver:", "bfcpver:one",
    "bfcpver:1,2"])
def test_what_can_not_be_read_is_said(attribute):
    """RFC 8856 §5: as an error with its clause, and as a violation of an offer."""
    media = stream(PRINT, f"a={attribute}")
    with pytest.raises(MalformedMessageError) as caught:
        BfcpStream.of(media)
    assert caught.value.clause.startswith("RFC 8856 §5")
    assert "bfcp-attributes" in names(sdp.check_offer(media))


@given(st.text(max_size=30), st.sampled_from(["confid", "userid", "floorid", "floorctrl", "bfcpver"]))
def test_garbage_is_refused_with_the_one_error(text, name):
    """Whatever stands behind the colon, offers are checked and answers are too."""
    media = stream(PRINT).and_attribute(name, text)
    sdp.check_offer(media)
    sdp.check_answer(media, media)
    try:
        BfcpStream.of(media)
    except MalformedMessageError as error:
        assert error.clause


@pytest.mark.parametrize(("offered", "answered"), list(itertools.product(
    [None, "c-only", "s-only", "c-s", "c-only s-only"], [None, "c-only", "s-only", "c-s", "c-only s-only"])))
def test_floor_control_roles(offered, answered):
    """RFC 8856 §5.1 (rule B25): the answer has one role, the complement of an offered one; c-s is understood."""
    offer = stream(PRINT, *([f"a=floorctrl:{offered}"] if offered else []))
    answer = stream(PRINT, *([f"a=floorctrl:{answered}"] if answered else []))
    said = (offered or "c-only").split()
    legal = (answered or "s-only") in {other for one in said for other in FLOOR_CONTROL_ANSWERS[FloorControl(one)]}
    assert ("floorctrl-answer" not in names(sdp.check_answer(offer, answer))) == legal
    if legal:
        mine, theirs = sdp.floor_control(offer, answer)
        assert theirs == (answered or "s-only")
        assert {mine, theirs} in ({CLIENT, SERVER}, {BOTH})


def test_an_answer_speaks_no_version_that_was_not_offered():
    """RFC 8856 §5.5, §10.2 (rule B29)."""
    offer, answer = stream(PRINT, "a=bfcpver:1 3"), stream(PRINT, "a=bfcpver:1 2", "a=floorctrl:s-only")
    assert sdp.common_versions(offer, answer) == (1,)
    assert names(sdp.check_answer(offer, answer)) == {"bfcpver-answer"}
    assert not sdp.check_answer(offer, stream(PRINT, "a=bfcpver:1", "a=floorctrl:s-only"))


def test_a_floor_controls_streams_that_are_there():
    """RFC 8856 §5.4: mstrm names an a=label of the same description."""
    described = sdp.decode(
        b"v=0\r\nm=application 9 TCP/BFCP *\r\na=floorid:1 mstrm:10 11\r\nm=video 5 RTP/AVP 31\r\na=label:10\r\n")
    (found,) = sdp.check_labels(described)
    assert (found.rule, "label 11" in found.what) == ("floorid-label", True)


# Who is TLS client: the offerer of the exchange that made the connection, or the side of a=setup:active

ACTIVE, PASSIVE, ACTPASS = Setup.ACTIVE, Setup.PASSIVE, Setup.ACTPASS


def pair(offered, answered, *, proto="TCP/TLS/BFCP", reuse="new", ids=("o" * 20, "a" * 20), prints=(PRINT, PRINT)):
    offer = stream(f"a=setup:{offered}", f"a=connection:{reuse}", f"a=tls-id:{ids[0]}", prints[0], proto=proto)
    answer = stream(f"a=setup:{answered}", f"a=connection:{reuse}", f"a=tls-id:{ids[1]}", prints[1], proto=proto)
    return offer, answer


@pytest.mark.parametrize(("mine", "theirs", "offered", "answered", "clients"), [
    (BfcpClient.OFFERER, BfcpClient.OFFERER, ACTPASS, ACTIVE, 1),
    (BfcpClient.OFFERER, BfcpClient.OFFERER, ACTIVE, PASSIVE, 1),
    (BfcpClient.SETUP, BfcpClient.SETUP, ACTPASS, ACTIVE, 1),
    (BfcpClient.SETUP, BfcpClient.SETUP, ACTIVE, PASSIVE, 1),
    (BfcpClient.OFFERER, BfcpClient.SETUP, ACTIVE, PASSIVE, 1),
    (BfcpClient.OFFERER, BfcpClient.SETUP, ACTPASS, ACTIVE, 2),
    (BfcpClient.SETUP, BfcpClient.OFFERER, ACTPASS, ACTIVE, 0),
    (BfcpClient.SETUP, BfcpClient.OFFERER, ACTIVE, PASSIVE, 1),
])
def test_both_readings_of_the_tls_role(mine, theirs, offered, answered, clients):
    """RFC 8856 §8 against its §10: who reads alike agrees; others clash or wait where the answerer is active."""
    offer, answer = pair(offered, answered)
    offerer = sdp.roles(offer, answer, mine).tls_client is sdp.Side.OFFERER
    answerer = sdp.roles(offer, answer, theirs).tls_client is sdp.Side.ANSWERER
    assert offerer + answerer == clients


def test_renegotiation_leaves_the_roles_alone():
    """RFC 8856 §8 (rules B24, S27): the former answerer offers, with other a=setup, and the client stays."""
    first = pair(ACTIVE, PASSIVE)
    client = sdp.tls_clients_after(frozenset(), Party.LOCAL, *first, before=None)
    assert client == {Party.LOCAL}
    again = pair(ACTIVE, PASSIVE, reuse="existing", ids=("a" * 20, "o" * 20))
    before = (first[1], first[0])
    for reading in BfcpClient:
        assert sdp.tls_clients_after(client, Party.REMOTE, *again, before=before, bfcp=reading) == client


def test_a_new_connection_has_the_new_offerer_as_client():
    """RFC 8856 §8: connection:new makes a new TLS connection, and its offerer is client; by a=setup it may not be."""
    first = pair(ACTIVE, PASSIVE)
    again = pair(PASSIVE, ACTIVE, ids=("x" * 20, "y" * 20))
    before = (first[1], first[0])
    assert sdp.tls_clients_after(frozenset({Party.LOCAL}), Party.REMOTE, *again, before=before) == {Party.REMOTE}
    assert sdp.tls_clients_after(
        frozenset({Party.LOCAL}), Party.REMOTE, *again, before=before, bfcp=BfcpClient.SETUP) == {Party.LOCAL}


def test_a_new_answer_to_an_existing_offer_renews():
    """RFC 4145 §5.1 (rule S3)."""
    offer, _ = pair(ACTIVE, PASSIVE, reuse="existing")
    _, answer = pair(ACTIVE, PASSIVE)
    assert sdp.renews_tls(offer, answer, (offer, answer))


def test_dtls_is_renewed_by_another_tls_id():
    """RFC 8842 §4 (rules D8, D12): the same pair of values keeps it; one other value makes another association."""
    first = pair(ACTPASS, ACTIVE, proto="UDP/TLS/BFCP")
    assert not sdp.renews_tls(*first, before=first)
    for ids in (("x" * 20, "a" * 20), ("o" * 20, "x" * 20)):
        later = pair(ACTPASS, ACTIVE, proto="UDP/TLS/BFCP", ids=ids)
        assert sdp.renews_tls(*later, before=first)
        assert sdp.tls_clients_after(
            frozenset({Party.LOCAL}), Party.LOCAL, *later, before=first) == {Party.REMOTE}


def test_dtls_without_tls_id_is_renewed_by_what_it_is_known_by():
    """RFC 8842 §3.1 (rules I4, D8): address and fingerprints; actpass in a later offer changes nothing."""
    def plain(*attributes, port=5000):
        return stream("a=setup:actpass", *attributes, proto="UDP/TLS/UDPTL", port=port)

    before = (plain(PRINT), plain(PRINT))
    assert not sdp.renews_tls(plain(PRINT), plain(PRINT), before)
    assert sdp.renews_tls(plain(OTHER_PRINT), plain(PRINT), before)
    assert sdp.renews_tls(plain(PRINT), plain(PRINT, port=5002), before)
    assert sdp.renews_tls(plain(PRINT, "c=IN IP4 192.0.2.9"), plain(PRINT), before)
