"""Every octet of a message has a name, and every name a meaning."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_vectors import COMPACT, INVITE, SDP, conversation

from workbench.analysis.explain.meanings import catalogue
from workbench.protocols.layout import Span, uncovered
from workbench.protocols.sip.layout import spans

# RFC 3261 §20
HEADERS = (
    "Accept", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Authentication-Info",
    "Authorization", "Call-ID", "Call-Info", "Contact", "Content-Disposition", "Content-Encoding",
    "Content-Language", "Content-Length", "Content-Type", "CSeq", "Date", "Error-Info", "Expires", "From",
    "In-Reply-To", "Max-Forwards", "Min-Expires", "MIME-Version", "Organization", "Priority",
    "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "Record-Route", "Reply-To", "Require",
    "Retry-After", "Route", "Server", "Subject", "Supported", "Timestamp", "To", "Unsupported", "User-Agent",
    "Via", "Warning", "WWW-Authenticate",
)


def walk(found: tuple[Span, ...]):
    for span in found:
        yield span
        yield from walk(span.children)


@pytest.mark.parametrize("octets", [*conversation(), INVITE, COMPACT, INVITE + b"more"])
def test_every_octet_is_named_and_every_name_has_a_meaning(octets):
    """Nothing is undecoded, nothing is missing, and no name falls back to a family."""
    found = spans(octets)
    assert uncovered(found, 0, len(octets)) == []
    meanings = catalogue()
    for span in walk(found):
        entry = meanings.find(span.name)
        assert entry is not None and not entry.family, span.name
        assert span.name != "sip.undecoded"


@pytest.mark.parametrize("name", HEADERS)
def test_each_header_of_rfc_3261_has_an_entry(name):
    """Also those that our flows do not use."""
    entry = catalogue().find(f"sip.header.{name.lower()}")
    assert entry is not None and not entry.family and entry.label == name and "RFC 3261 §20" in entry.clause


def test_parts_of_the_headers_that_matter():
    """Via, addresses, CSeq and the security agreement are taken apart."""
    register = conversation()[2]
    said = {span.name: register[span.start:span.end] for span in walk(spans(register))}
    assert said["sip.via.sent_by"] == b"10.0.0.10:5060" and said["sip.parameter.branch"].startswith(b"branch=z9hG4bK")
    assert said["sip.parameter.rport"] == b"rport" and said["sip.parameter.mediasec"] == b"mediasec"
    assert said["sip.cseq.number"] == b"2" and said["sip.cseq.method"] == b"REGISTER"
    assert said["sip.security.mechanism"] == b"sdes-srtp" and said["sip.auth.algorithm"] == b"algorithm=AKAv1-MD5"
    (body,) = [span for span in spans(INVITE) if span.name == "sip.body"]
    assert INVITE[body.start:body.end] == SDP and body.children == ()


def test_the_rest_of_a_broken_message_is_undecoded():
    """What can be read is named, what can't is one span up to the end."""
    octets = b"BYE sip:a@b SIP/2.0\r\nno colon\r\n\r\n"
    assert [span.name for span in spans(octets)] == ["sip.request_line", "sip.undecoded"]


@settings(max_examples=300)
@given(st.integers(0, len(INVITE)), st.binary(max_size=12), st.integers(0, 30))
def test_damage_is_covered_too(at, new, taken):
    """No octets raise, and all are covered."""
    octets = INVITE[:at] + new + INVITE[at + taken:]
    assert uncovered(spans(octets), 0, len(octets)) == []


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_garbage_is_covered_too(octets):
    """No octets raise, and all are covered."""
    assert uncovered(spans(octets), 0, len(octets)) == []
