"""Offer/answer rules, each against its table in the specifications."""

from __future__ import annotations

import itertools

import pytest

from workbench.protocols import sdp
from workbench.protocols.sdp import BfcpClient, Setup, Side
from workbench.protocols.sdp.offer_answer import ANSWER_RULES, LATER_RULES, OFFER_RULES

PRINT = "a=fingerprint:SHA-256 " + ":".join(["AB"] * 32)
TLS_ID = "q7Vd2kLm9sXc4bRt8wYz"


def stream(line, *attributes):
    """An m= section."""
    text = "\r\n".join(("v=0", f"m={line}", *attributes)) + "\r\n"
    return sdp.decode(text.encode()).media[0]


def msrp(*attributes, line="message 5000 TCP/MSRP *", path="a=path:msrp://10.0.0.1:5000/s;tcp"):
    return stream(line, "a=accept-types:*", path, *attributes)


def bfcp(*attributes, floor="c-only"):
    return stream("application 5000 TCP/TLS/BFCP *", PRINT, f"a=floorctrl:{floor}", *attributes)


def names(violations):
    assert all(violation.clause and violation.what for violation in violations)
    return {violation.rule for violation in violations}


LEGAL = {
    ("active", "passive"), ("active", "holdconn"), ("passive", "active"), ("passive", "holdconn"),
    ("actpass", "active"), ("actpass", "passive"), ("actpass", "holdconn"), ("holdconn", "holdconn"),
}


@pytest.mark.parametrize(("offered", "answered"), list(itertools.product(Setup, Setup)))
def test_legal_answers(offered, answered):
    """The table of RFC 4145 §4.1, rule S1 in it."""
    legal = (offered.value, answered.value) in LEGAL
    assert not legal or answered is not Setup.ACTPASS
    assert (answered in sdp.legal_answers(offered)) == legal
    found = sdp.check_answer(bfcp(f"a=setup:{offered}"), bfcp(f"a=setup:{answered}", floor="s-only"))
    assert (not found) == legal


@pytest.mark.parametrize(("offered", "answered", "opener"), [
    ("active", "passive", Side.OFFERER), ("passive", "active", Side.ANSWERER), ("actpass", "active", Side.ANSWERER),
    ("actpass", "passive", Side.OFFERER), ("actpass", "holdconn", Side.NOBODY), ("active", "active", Side.BOTH),
    ("passive", "passive", Side.NOBODY), ("active", "holdconn", Side.NOBODY)])
def test_who_opens(offered, answered, opener):
    """The active side opens; illegal pairs show what they lead to."""
    assert sdp.tcp_roles(Setup(offered), Setup(answered)) is opener


def test_silence_means_that_the_offerer_opens():
    """Rule S2: setup absent in offer and answer."""
    settled = sdp.roles(stream("message 5000 TCP *"), stream("message 6000 TCP *"))
    assert (settled.offer, settled.answer, settled.tcp_opener) == (Setup.ACTIVE, Setup.PASSIVE, Side.OFFERER)


@pytest.mark.parametrize(("line", "offered", "answered", "client"), [
    ("message 5 TCP/TLS/MSRP *", "active", "passive", Side.OFFERER),
    ("message 5 TCP/TLS/MSRP *", "actpass", "active", Side.ANSWERER),
    ("application 5 TCP/TLS/BFCP *", "actpass", "active", Side.OFFERER),
    ("application 5 TCP/TLS/BFCP *", "active", "passive", Side.OFFERER),
    ("application 5 UDP/TLS/BFCP *", "actpass", "active", Side.ANSWERER),
    ("image 5 UDP/TLS/UDPTL t38", "actpass", "active", Side.ANSWERER),
    ("image 5 udptl t38", "actpass", "active", Side.NOBODY),
    ("message 5 TCP/MSRP *", "active", "passive", Side.NOBODY),
    ("message 5 TCP/TLS/MSRP *", "active", "active", Side.BOTH),
    ("message 5 TCP/TLS/MSRP *", "passive", "passive", Side.NOBODY)])
def test_who_is_tls_client(line, offered, answered, client):
    """The matrix: MSRP and DTLS follow a=setup, BFCP over TCP the offer/answer (rules S13 to S16)."""
    settled = sdp.roles(stream(line, f"a=setup:{offered}"), stream(line, f"a=setup:{answered}"))
    assert settled.tls_client is client


def test_the_other_reading_of_bfcp():
    """RFC 8856 §10 reads as if a=setup decided; both readings can be had."""
    assert sdp.tls_client("TCP/TLS/BFCP", Setup.ACTPASS, Setup.ACTIVE, BfcpClient.SETUP) is Side.ANSWERER


def test_existing_answered_new_is_a_new_connection():
    """Rule S3 (RFC 4145 §5.1); existing may not answer new."""
    existing, new = bfcp("a=connection:existing"), bfcp("a=connection:new", floor="s-only")
    assert not sdp.keeps_connection(existing, new) and not sdp.check_answer(existing, new)
    kept = bfcp("a=connection:existing", floor="s-only")
    assert sdp.keeps_connection(existing, kept)
    assert names(sdp.check_answer(bfcp("a=connection:new"), kept)) == {"connection-answer"}


def test_tls_id():
    """Rules S10 and S11, and a tls-id that only the answer has."""
    assert sdp.valid_tls_id(TLS_ID) and not sdp.valid_tls_id(TLS_ID[:19]) and not sdp.valid_tls_id("x" * 256)
    assert names(sdp.check_offer(bfcp(f"a=tls-id:{TLS_ID[:19]}"))) == {"tls-id-form"}
    before = bfcp(f"a=tls-id:{TLS_ID}", "a=connection:new")
    after = bfcp(f"a=tls-id:{TLS_ID[::-1]}", "a=connection:existing")
    assert names(sdp.check_later(before, after)) == {"existing-keeps-tls-id"}
    assert names(sdp.check_later(before, before)) == {"new-changes-tls-id"}
    assert names(sdp.check_answer(bfcp(), bfcp(f"a=tls-id:{TLS_ID}", floor="s-only"))) == {"tls-id-answer"}


def test_another_fingerprint_under_the_same_tls_id():
    """Rule S12: reported."""
    before = bfcp(f"a=tls-id:{TLS_ID}")
    after = before.with_attribute("fingerprint", "SHA-256 " + ":".join(["CD"] * 32))
    assert names(sdp.check_later(before, after)) == {"tls-id-keeps-fingerprint"}


def test_another_transport_is_no_answer():
    """The answer keeps the transport (RFC 3264 §6.1); udptl may be written either way."""
    assert names(sdp.check_answer(msrp("a=setup:active", line="message 5000 TCP/TLS/MSRP *"),
                                  msrp("a=setup:passive"))) == {"same-transport"}
    assert names(sdp.check_answer(msrp(), stream("application 5 TCP/MSRP *"))) == {"same-media"}
    assert not sdp.check_answer(stream("image 5 udptl t38"), stream("image 6 UDPTL t38"))


def test_a_refused_stream_is_a_legal_answer():
    """Port 0 refuses, whatever else is written; a stream offered with port 0 stays refused."""
    assert not sdp.check_answer(msrp("a=setup:active"), stream("message 0 TCP/MSRP *"))
    assert names(sdp.check_answer(stream("message 0 TCP/MSRP *"), msrp())) == {"rejected-stays-rejected"}
    assert names(sdp.check_answers([msrp()], [])) == {"answer-has-all-streams"}


def test_msrp_rules():
    """RFC 6135 and RFC 4975: no passive offer, no a=connection, no holdconn, path and accept-types."""
    assert not sdp.check_offer(msrp("a=setup:active"))
    assert names(sdp.check_offer(msrp("a=setup:passive"))) == {"msrp-offer-not-passive"}
    assert names(sdp.check_offer(msrp("a=connection:new"))) == {"msrp-no-connection"}
    assert names(sdp.check_offer(msrp("a=setup:holdconn"))) == {"msrp-no-holdconn"}
    assert sdp.setup_of_offer(msrp("a=setup:holdconn")) is Setup.ACTIVE
    assert names(sdp.check_offer(stream("message 5000 TCP/MSRP *"))) == {"msrp-path", "msrp-accept-types"}
    assert names(sdp.check_offer(msrp(path="a=path:http://10.0.0.1/"))) == {"msrp-path"}


def test_path_and_media_line():
    """Port and scheme agree with the m= line, except with CEMA, and with port 9 of an active side."""
    assert names(sdp.check_offer(msrp(line="message 6000 TCP/MSRP *"))) == {"msrp-path-port"}
    assert not sdp.check_offer(msrp("a=msrp-cema", line="message 6000 TCP/MSRP *"))
    assert not sdp.check_offer(msrp("a=setup:active", line="message 9 TCP/MSRP *"))
    assert names(sdp.check_offer(msrp(PRINT, line="message 5000 TCP/TLS/MSRP *"))) == {"msrp-path-scheme"}


def test_cema_only_answers_cema():
    """RFC 6714 §4.3: an answerer without msrp-cema in the offer leaves it out."""
    assert names(sdp.check_answer(msrp(), msrp("a=msrp-cema"))) == {"cema-answer"}


def test_protected_streams_have_fingerprints():
    """RFC 8122 §5: present, readable, not only MD5; key-mgmt stands in for them."""
    line = "application 5000 TCP/TLS/BFCP *"
    assert names(sdp.check_offer(stream(line))) == {"fingerprint-present"}
    assert not sdp.check_offer(stream(line, "a=key-mgmt:mikey AAAA"))
    assert names(sdp.check_offer(stream(line, "a=fingerprint:SHA-256 AB"))) == {"fingerprint-form"}
    md5 = "a=fingerprint:md5 " + ":".join(["00"] * 16)
    assert names(sdp.check_offer(stream(line, md5))) == {"fingerprint-strength"}


def test_dtls_rules():
    """RFC 8842 §5, RFC 7345 §4.1: setup is written, never holdconn, no a=connection."""
    line = "image 5004 UDP/TLS/UDPTL t38"
    assert not sdp.check_offer(stream(line, PRINT, "a=setup:actpass"))
    assert names(sdp.check_offer(stream(line, PRINT))) == {"dtls-setup-present"}
    assert names(sdp.check_offer(stream(line, PRINT, "a=setup:holdconn"))) == {"dtls-no-holdconn"}
    assert names(sdp.check_offer(stream(line, PRINT, "a=setup:active", "a=connection:new"))) == {"udptl-no-connection"}


def test_bfcp_and_t38_answers():
    """Floor control roles are complements; a T.38 version is not raised."""
    assert names(sdp.check_answer(bfcp(), bfcp())) == {"floorctrl-answer"}
    assert not sdp.check_answer(bfcp(floor="c-s"), bfcp(floor="s-only"))
    assert names(sdp.check_answer(stream("image 5 udptl t38", "a=T38FaxVersion:0"),
                                  stream("image 6 udptl t38", "a=T38FaxVersion:3"))) == {"t38-version-answer"}


def test_rules_have_names_of_their_own():
    """Names are stable keys; each rule names its clause."""
    for rules in (OFFER_RULES, ANSWER_RULES, LATER_RULES):
        assert len({rule.name for rule in rules}) == len(rules) and all(rule.clause for rule in rules)


def test_an_unknown_role_is_no_role():
    """A value that RFC 4145 does not know counts as absent and is reported."""
    odd = bfcp("a=setup:both")
    assert sdp.setup_of_offer(odd) is Setup.ACTIVE
    assert names(sdp.check_offer(odd)) == {"setup-is-a-role"}
    actpass = bfcp("a=setup:actpass", floor="s-only")
    assert "setup-answer-settles" in names(sdp.check_answer(bfcp("a=setup:actpass"), actpass))
