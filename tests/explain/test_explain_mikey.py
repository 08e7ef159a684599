"""MIKEY explained: every field has words, and the base64 of a=key-mgmt is a layer behind the frame."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import A, B, Talk, sdp, sip, udp, write
from http_words import request_exchange
from mikey_words import FORKING, PAYLOADS, PUBLIC, RUN, stored

from workbench.analysis.analyzing import analyze
from workbench.analysis.explain import coverage, explain_frame, explain_message
from workbench.analysis.explain.octets import explain_octets
from workbench.net.values import Endpoint
from workbench.protocols.http import wire as http
from workbench.protocols.http.messages import answer, post
from workbench.protocols.mikey import messages as m
from workbench.protocols.mikey import wire

ENDS = Endpoint(A.host, 5060), Endpoint(B.host, 5060)


def invite(*attributes: str) -> bytes:
    said = sdp(A.host, A.port, "TCP/TLS/MSRP", "setup:active", *attributes)
    return sip("INVITE sip:b@home2.example SIP/2.0", "c1", "INVITE", said)


def key_mgmt(name: str) -> str:
    return f"key-mgmt:mikey {wire.encode_base64(stored(name))}"


@pytest.mark.parametrize("name", [*RUN, *FORKING, *PUBLIC])
def test_every_octet_of_a_stored_message_has_words(name: str) -> None:
    """Headers, payloads, the ticket and what is in it; certificates, envelope and signature."""
    assert coverage(explain_octets("MIKEY", stored(name))).unexplained == ()


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda one: type(one).__name__)
def test_every_kind_of_payload_has_words(payload: m.Payload) -> None:
    """Also those that no ticket uses, and what is unknown; ticket data that do not decode are said not to."""
    octets = wire.encode(m.Message(m.Header(4, 1, sessions=(m.SrtpSession(0, 1),), map_type=0, count=1), (payload,)))
    opaque = isinstance(payload, m.Ticket) and payload.data
    assert coverage(explain_octets("MIKEY", octets)).complete != bool(opaque)


def test_a_transfer_in_an_offer_is_a_layer_of_its_frame(tmp_path: Path) -> None:
    """Whole in a datagram: 339 octets out of base64, all with words, with its name in the title."""
    report = analyze(write(tmp_path / "a.pcapng", [udp(0.0, *ENDS, invite(key_mgmt("transfer-init")), "SIP")]))
    explained = explain_frame(report, 1)
    (layer,) = explained.layers
    assert layer.title == "MIKEY TRANSFER_INIT of a=key-mgmt, 339 octets out of base64"
    assert (layer.octets, layer.frames, layer.protected) == (stored("transfer-init"), (1,), False)
    assert coverage(explained).complete


def test_a_transfer_that_lies_in_several_segments_is_told_with_the_whole_message(tmp_path: Path) -> None:
    """Each frame shows its part, and the message once."""
    octets = invite(key_mgmt("forking-transfer-init"), key_mgmt("forking-transfer-init"))
    talk = Talk(*ENDS).opens().says(0, octets[:500]).says(0, octets[500:])
    report = analyze(write(tmp_path / "a.pcapng", talk.frames))
    for number in range(1, report.packets + 1):
        explained = explain_frame(report, number)
        assert coverage(explained).complete
        assert len([one for one in explained.layers if one.protocol == "MIKEY"]) == (number >= 4)


@pytest.mark.parametrize("value", ["mikey AAAA=A", "mikey", "mikey ", "other AAAA", "mikey !"])
def test_what_is_no_mikey_is_left_as_it_stands(tmp_path: Path, value: str) -> None:
    """No layer, no error."""
    report = analyze(write(tmp_path / "a.pcapng", [udp(0.0, *ENDS, invite(f"key-mgmt:{value}"), "SIP")]))
    assert explain_frame(report, 1).layers == ()


def test_a_broken_message_is_a_layer_that_says_where_it_breaks(tmp_path: Path) -> None:
    """Version 2: the octets are there, and nothing is claimed of them."""
    broken = wire.encode_base64(b"\x02" + stored("transfer-init")[1:])
    report = analyze(write(tmp_path / "a.pcapng", [udp(0.0, *ENDS, invite(f"key-mgmt:mikey {broken}"), "SIP")]))
    (layer,) = explain_frame(report, 1).layers
    assert not coverage(layer).complete and layer.fields[0].name == "mikey.header"


@pytest.mark.parametrize("portion", [0, 100])
def test_an_exchange_with_a_kms_over_http_is_read_and_every_octet_has_words(tmp_path: Path, portion: int) -> None:
    """Request and response by name, MIKEY field by field in their bodies; in one segment each, and in many."""
    report = analyze(write(tmp_path / "a.pcapng", request_exchange(portion).closes().frames))
    assert [one.summary for one in report.messages_of("HTTP")] == [
        "POST /keys: MIKEY REQUEST_INIT_PSK", "200 OK: MIKEY REQUEST_RESP"]
    assert report.sessions == () and report.findings == () and not report.unread
    for number in range(1, report.packets + 1):
        assert coverage(explain_frame(report, number)).unexplained == ()
    names = {leaf.name for message in report.messages_of("HTTP") for leaf in explain_message(report, message).leaves()}
    assert {"mikey.ticket.flags", "mikey.kemac.data", "http.method", "http.status"} <= names


def test_other_http_is_left_as_octets(tmp_path: Path) -> None:
    """Only what says that it carries MIKEY is read."""
    talk = Talk().opens().says(0, b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx").closes()
    report = analyze(write(tmp_path / "a.pcapng", talk.frames))
    assert not list(report.messages_of("HTTP")) and len(list(report.messages_of("unknown"))) == 1


def test_a_response_without_body_belongs_to_its_exchange(tmp_path: Path) -> None:
    """403 has no Content-Type: it is HTTP since what it answers is."""
    asked = http.encode(post("/keys", "kms", stored("request-init-psk")))
    talk = Talk().opens().says(0, asked).says(1, http.encode(answer(403, "Forbidden"))).closes()
    report = analyze(write(tmp_path / "a.pcapng", talk.frames))
    assert [one.summary for one in report.messages_of("HTTP")][1] == "403 Forbidden"
    assert all(coverage(explain_frame(report, number)).complete for number in range(1, report.packets + 1))
