"""RTP in captures: where SDP or H.248 announced it, until a re-INVITE announces a fax there; never by its content."""

from __future__ import annotations

import pytest
from test_udptl import RTP, media, offer, ordered, packet, report, told

from workbench.analysis.explain import coverage, explain_frame
from workbench.protocols.rtp.messages import RtpPacket

SOUND = offer("RTP/AVP", media="audio", form="8 0")
RTCP = bytes.fromhex("80c80006") + bytes(24)


def test_what_was_announced_is_rtp(tmp_path):
    """In both directions; the value is the packet, and every octet is explained."""
    made = report(tmp_path, RTP, before=(SOUND,), back=(RTP,))
    assert told(made) == [("RTP", "RTP 1 PCMA, 160 octets")] * 2
    one = media(made)[0]
    assert isinstance(one.value, RtpPacket) and not one.repeated
    assert not coverage(explain_frame(made, one.frames[0])).unexplained


def test_a_gateway_that_is_only_told_udp_leaves_it_as_sip_said(tmp_path):
    """On Iq the bearer is `m=- udp`: that neither announces RTP nor takes it back."""
    assert told(report(tmp_path, RTP, before=(SOUND, ordered("udp", "-", "-")))) == [("RTP", "RTP 1 PCMA, 160 octets")]
    assert media(report(tmp_path, RTP, before=(ordered("udp", "-", "-"),)))[0].protocol == "unknown"


def test_sdp_names_dynamic_payload_types(tmp_path):
    """a=rtpmap says what 96 is; without it the number stands."""
    named = SOUND.replace(b"a=T38FaxVersion:0", b"a=rtpmap:96 AMR/8000")
    octets = bytes([0x80, 96]) + RTP[2:]
    assert told(report(tmp_path, octets, before=(named,))) == [("RTP", "RTP 1 AMR, 160 octets")]
    assert told(report(tmp_path, octets, before=(SOUND,))) == [("RTP", "RTP 1 payload type 96, 160 octets")]


@pytest.mark.parametrize("before", [(), (offer(),), (offer("RTP/SAVP", media="audio", form="8"),)])
def test_what_was_not_announced_is_none(tmp_path, before):
    """Nothing said, a fax, or SRTP, whose payload nobody can read here: the octets are not taken for RTP."""
    assert media(report(tmp_path, RTP, before=before))[0].protocol == "unknown"


def test_the_last_description_of_a_place_counts(tmp_path):
    """Sound, then a fax at the same port (re-INVITE), then sound once more."""
    again = report(tmp_path, packet(0), before=(SOUND, offer()))
    assert told(again) == [("UDPTL", "UDPTL 0 ced")]
    back = report(tmp_path, packet(0), RTP, before=(SOUND, offer(), SOUND))
    assert [one.protocol for one in media(back)] == ["unknown", "RTP"]


def test_rtcp_is_recognised_on_its_port_and_on_the_next(tmp_path):
    """RFC 5761 §4 and RFC 3550 §11; it is not read. Elsewhere it is nothing."""
    assert told(report(tmp_path, RTCP, before=(SOUND,))) == [("RTP", "RTCP SR, 28 octets, not read")]
    assert told(report(tmp_path, RTCP))[0][0] == "unknown"


@pytest.mark.parametrize("octets", [RTP[:11], b"\x90" + RTP[1:13], b"\xa0" + RTP[1:], b"\x40" + RTP[1:]])
def test_broken_rtp_says_so(tmp_path, octets):
    """Too short and another version are none of it; an extension or padding that is not there has its reason."""
    one = media(report(tmp_path, octets, before=(SOUND,)))[0]
    assert one.protocol == "unknown" if octets[0] >> 6 != 2 or len(octets) < 12 else one.error
