"""The UE on the telephone: registering, calling, being called, and every way in which that goes wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ue_stage import ALICE, BOB, IDENTITY, MEDIA, PRINT, PROXY, UE, Line, answer, offer, talking

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Command,
    Drop,
    Endpoint,
    EndStream,
    Failure,
    Listen,
    Note,
    OpenStream,
    RefuseStream,
    SendDatagram,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamOffered,
    StreamOpened,
    Unlisten,
)
from workbench.nodes.orders import Call, CloseMedia, ConnectAgain, HangUp, Register, ReOffer, SendFile, SendText
from workbench.nodes.ue import PATIENCE_SECONDS
from workbench.protocols import sdp, sip

# Registration

def challenge(line: Line, register: sip.Request) -> None:
    line.answers(register, 401, extra=[
        ("WWW-Authenticate", 'Digest realm="home1.example", nonce="abc", algorithm=AKAv1-MD5, qop="auth"'),
        ("Security-Server", "msrp-tls;mediasec")])


def test_a_ue_registers_with_media_plane_security():
    """TS 24.229 §5.1.1.2, RFC 3329: Security-Client; 401; the P-CSCF's list comes back in Security-Verify."""
    line = Line(registers=True, media_security=True)
    first = line.asked(Register()).hears_request("REGISTER")
    assert "mediasec" in (first.headers.get("Security-Client") or "")
    challenge(line, first)
    second = line.hears_request("REGISTER")
    assert second.headers.get("Security-Verify") == "msrp-tls;mediasec"
    assert second.cseq.number == first.cseq.number + 1
    line.answers(second, 200)
    line.does_nothing()
    line.asked(Call(BOB)).hears_request("INVITE")


@pytest.mark.parametrize("media_security", [True, False])
def test_security_is_offered_by_a_ue_that_has_it(media_security):
    """A UE without media plane security asks for none."""
    line = Line(registers=True, media_security=media_security)
    first = line.asked(Register()).hears_request("REGISTER")
    assert (first.headers.get("Security-Client") is not None) is media_security


@pytest.mark.parametrize("status", [403, 404, 500, 401])
def test_a_refused_registration_ends_there(status):
    """Whatever the refusal: it is told, and a call is not even tried."""
    line = Line(registers=True)
    first = line.asked(Register()).hears_request("REGISTER")
    if status == 401:  # twice: the password is wrong
        challenge(line, first)
        first = line.hears_request("REGISTER")
    line.answers(first, status)
    line.does_nothing()
    line.asked(Call(BOB)).does_nothing().asked(HangUp()).does_nothing()
    assert f"not registered: {status}" in line.notes()
    assert f"{BOB} is not called: not registered" in line.notes()


def test_a_challenge_that_cant_be_answered_ends_registration():
    """401 without a challenge: told, not raised."""
    line = Line(registers=True)
    line.answers(line.asked(Register()).hears_request("REGISTER"), 401)
    line.does_nothing()
    assert any("not registered" in note for note in line.notes())


def test_a_registrar_that_is_silent_is_given_up():
    """Timer F: REGISTER is repeated, and after 32 s it has failed."""
    line = Line(registers=True)
    line.asked(Register()).hears_request("REGISTER")
    for _ in range(80):
        line.later(0.5)
        line.take()
    assert "not registered: no answer" in line.notes()


# Calling

def test_a_call_from_offer_to_bye():
    """INVITE, 200, ACK, the connection, and BYE; then close of the media."""
    line, stream = Line().calling()
    ours = sdp.decode(line.invite.body).media[0]
    assert (ours.proto, ours.port, ours.attribute("setup")) == ("TCP/MSRP", 9, "active")
    assert f":{stream.local.port}/" in (ours.attribute("path") or "")
    line.sees(StreamOpened(stream)).does(SendStream)
    line.asked(HangUp())
    bye = line.hears_request("BYE")
    assert line.dialog is not None
    assert line.dialog.matches(bye)
    line.does_nothing()
    line.answers(bye, 200)
    line.does(EndStream(stream)).does_nothing()
    line.sees(StreamEnded(stream)).does_nothing().sees(StreamClosed(stream)).does_nothing()
    line.later(100).does_nothing()
    assert line.ue.next_wakeup() is None


def test_an_offer_with_security_says_so():
    """`requested`, TLS in the transport, the fingerprint of the announced certificate (TS 24.229 §6.1)."""
    line = Line(media_security=True)
    invite = line.asked(Call(BOB)).hears_request("INVITE")
    media = sdp.decode(invite.body).media[0]
    assert (media.proto, media.attribute("3ge2ae")) == ("TCP/TLS/MSRP", "requested")
    assert media.fingerprints == (IDENTITY.fingerprint(),)
    assert (media.attribute("path") or "").startswith("msrps://")


@pytest.mark.parametrize("status", [404, 486, 488, 503, 603])
def test_a_refused_call_leaves_nothing(status):
    """The refusal is told; the listener of an actpass offer goes; the next call can be made."""
    line = Line(offers="actpass")
    line.asked(Call(BOB)).does(Listen)
    invite = line.hears_request("INVITE")
    line.answers(invite, status)
    line.hears_request("ACK")
    line.does(Unlisten)
    line.asked(SendText("hello?")).does_nothing().asked(HangUp()).does_nothing()
    assert f"the call failed: {status}" in line.notes()
    line.asked(Call(BOB)).does(Listen).hears_request("INVITE")


def test_nobody_answers():
    """Timer B: 32 s of silence end the attempt."""
    line = Line()
    line.asked(Call(BOB)).hears_request("INVITE")
    for _ in range(80):
        line.later(0.5)
        line.take()
    assert "the call failed: no answer" in line.notes()


@pytest.mark.parametrize(("body", "why"), [
    ("", "empty description"),
    ("v=0\r\nrubbish\r\n", ""),
    (answer().replace("m=message", "m=audio").replace("TCP/MSRP *", "RTP/AVP 0"), "not MSRP"),
    (answer(port=0), "port 0"),
    (answer(proto="TCP/TLS/MSRP"), "TCP/TLS/MSRP"),
    (answer(setup="active"), "active"),
    (answer(path="nothing"), "path"),
    (answer().replace("c=IN IP4 198.51.100.1", "c=IN IP4 media.example"), "no IP address"),
    (answer().replace("c=IN IP4 198.51.100.1\r\n", ""), ""),
    (answer() + "m=message 5 TCP/MSRP *\r\n", "2 m= lines"),
], ids=[
    "none", "rubbish", "audio", "refused stream", "other transport", "both active", "no path", "name", "no c=", "two"])
def test_an_answer_that_cant_be_used_ends_the_call(body, why):
    """The 2xx is acknowledged, since the dialog is there; then BYE, and no connection is opened."""
    line = Line()
    line.answers(line.asked(Call(BOB)).hears_request("INVITE"), 200, body)
    line.hears_request("ACK")
    bye = line.hears_request("BYE")
    line.does_nothing()
    line.answers(bye, 200)
    line.does_nothing()
    (note,) = [note for note in line.notes() if "can't be used" in note]
    assert why in note


def test_an_answer_with_tls_needs_a_fingerprint():
    """RFC 8122 §5: without it nobody's certificate could be checked."""
    line = Line(media_security=True)
    line.answers(line.asked(Call(BOB)).hears_request("INVITE"), 200, answer(proto="TCP/TLS/MSRP"))
    line.hears_request("ACK")
    line.hears_request("BYE")
    line.does_nothing()


def test_a_fingerprint_at_session_level_counts():
    """RFC 8122 §5: an attribute at session level holds for each stream without one of its own."""
    line = Line(media_security=True)
    body = answer(proto="TCP/TLS/MSRP").replace("t=0 0\r\n", f"t=0 0\r\na=fingerprint:{PRINT}\r\n")
    line.answers(line.asked(Call(BOB)).hears_request("INVITE"), 200, body)
    line.hears_request("ACK")
    line.does(OpenStream)


def test_a_second_call_is_not_made():
    """One call at a time: an order for another is told and dropped, and the first goes on."""
    line, stream = Line().calling()
    line.asked(Call("sip:carol@home2.example")).does_nothing()
    assert "sip:carol@home2.example is not called: one call at a time" in line.notes()
    line.sees(StreamOpened(stream)).does(SendStream)


def test_a_refused_connection_ends_the_session_and_bye_the_call():
    """The peer's address does not answer: saying something is not possible, hanging up is."""
    line, stream = Line().calling()
    line.sees(StreamFailed(stream, Failure.REFUSED)).does_nothing()
    line.asked(SendText("hello?")).does_nothing()
    assert any("nobody to say" in note for note in line.notes())
    line.asked(HangUp()).hears_request("BYE")


# Being called

def test_a_call_is_answered():
    """180, 200 with the complement of a=setup and our own path; messages pass when the caller connects."""
    line, here = Line().called()
    assert here.host == UE.host
    stream = Stream(here, MEDIA)
    line.sees(StreamOffered(stream)).does(AcceptStream(stream)).sees(StreamOpened(stream)).does_nothing()
    assert "messages can be sent" in line.notes()


@pytest.mark.parametrize(("offered", "answers", "answered"), [
    ("active", "active", "passive"), ("passive", "passive", "active"), ("actpass", "passive", "passive"),
    ("actpass", "active", "active")])
def test_the_answer_complements_the_offer(offered, answers, answered):
    """RFC 4145 §4.1; `actpass` leaves the choice to us."""
    line = Line(answers=answers)
    line.calls(offer(offered, port=30000))
    line.hears_status(180)
    if answered == "passive":
        line.does(Listen)
    response = line.hears_status(200)
    assert sdp.decode(response.body).media[0].attribute("setup") == answered
    if answered == "active":
        line.does(lambda c: isinstance(c, OpenStream) and c.stream.remote == MEDIA)
    line.does_nothing()


@pytest.mark.parametrize("cema", [True, False])
def test_cema_is_answered_only_where_it_was_offered(cema):
    """RFC 6714 §4.3."""
    line = Line()
    line.calls(offer() if cema else offer().replace("a=msrp-cema\r\n", ""))
    line.hears_status(180)
    line.does(Listen)
    media = sdp.decode(line.hears_status(200).body).media[0]
    assert (media.attribute("msrp-cema") is not None) is cema


@pytest.mark.parametrize("body", [
    "", "nonsense", offer().replace("TCP/MSRP", "RTP/AVP"), offer(proto="TCP/TLS/MSRP"), offer(proto="TCP/BFCP"),
    offer(port=0), offer(path="http://198.51.100.1/"), offer() + "m=audio 4000 RTP/AVP 0\r\n",
    offer("passive", port=30000).replace("IP4 198.51.100.1", "IP4 media.example"),
], ids=["none", "nonsense", "RTP", "TLS", "BFCP", "port 0", "path", "two streams", "name"])
def test_what_cant_be_done_is_refused(body):
    """488 at once, without ringing; the UE is free afterwards."""
    line = Line()
    line.calls(body)
    line.hears_status(488)
    line.does_nothing()
    line.asked(Call(BOB)).hears_request("INVITE")


def test_tls_without_a_fingerprint_is_refused():
    """RFC 8122 §5."""
    line = Line(media_security=True)
    line.calls(offer(proto="TCP/TLS/MSRP", path="msrps://198.51.100.1:30000/bob;tcp"))
    line.hears_status(488)
    line.does_nothing()


def test_a_required_extension_is_refused():
    """420 names what is not there (RFC 3261 §8.2.2.3)."""
    line = Line()
    line.calls(offer(), extra=[("Require", "100rel, precondition")])
    response = line.hears_status(420)
    assert response.headers.all("Unsupported") == ("100rel", "precondition")
    line.does_nothing()


def test_a_busy_ue_says_so():
    """486 while a call is there, until its BYE, whatever became of its media."""
    line, here = Line().called()
    line.says(sip.invite(ALICE, caller="sip:carol@home2.example", contact="<sip:carol@192.0.2.9>", token=line.token,
                         body=offer().encode()))
    line.hears_status(486)
    stream = Stream(here, MEDIA)
    line.sees(StreamOffered(stream)).does(AcceptStream).sees(StreamOpened(stream))
    line.sees(StreamClosed(stream, Failure.RESET)).does(Unlisten)
    line.says(sip.invite(ALICE, caller="sip:carol@home2.example", contact="<sip:carol@192.0.2.9>", token=line.token,
                         body=offer().encode()))
    line.hears_status(486)
    line.within("BYE").hears_status(200)
    line.calls(offer())
    line.take()


def test_an_answer_without_ack_is_given_up():
    """RFC 3261 §13.3.1.4: 200 is repeated for 32 s; then BYE, and the listener goes."""
    line = Line()
    line.calls(offer())
    line.hears_status(180)
    line.does(Listen)
    line.hears_status(200)
    methods: list[str] = []
    while line.now < 80:
        line.later(0.25)
        for command in line.take():
            if isinstance(command, SendDatagram):
                message = sip.decode(command.data)
                methods.append(message.method if isinstance(message, sip.Request) else str(message.status))
            else:
                assert isinstance(command, Unlisten)
                methods.append("Unlisten")
    assert methods.count("200") >= 8
    assert methods.index("BYE") > methods.index("200")
    assert methods[-1] == "Unlisten"


# CANCEL

def cancel_of(invite: sip.Request) -> sip.Request:
    headers = invite.headers.with_("CSeq", f"{invite.cseq.number} CANCEL").without("Content-Type")
    return sip.Request(headers, b"", method="CANCEL", uri=invite.uri)


def test_cancel_ends_a_call_that_rings():
    """200 to the CANCEL, 487 to the INVITE (RFC 3261 §9.2); the next call rings again."""
    line = Line(rings=5.0)
    invite = line.calls(offer())
    line.hears_status(180)
    line.later(1.0).does_nothing()
    line.says(cancel_of(invite), "invite1")
    to_cancel = line.hears_status(200)
    to_invite = line.hears_status(487)
    assert (to_cancel.cseq.method, to_invite.cseq.method) == ("CANCEL", "INVITE")
    line.does_nothing()
    line.says(sip.Request(sip.Headers(tuple(
        ("CSeq", "1 ACK") if name == "CSeq" else ("To", to_invite.headers.get("To") or "") if name == "To"
        else (name, value) for name, value in invite.headers.fields)), b"", method="ACK", uri=invite.uri), "invite1")
    line.later(60).does_nothing()
    line.says(sip.invite(ALICE, caller=BOB, contact="<sip:bob@192.0.2.9>", token=line.token, body=offer().encode()))
    line.hears_status(180)
    line.later(5.1)
    line.does(Listen).hears_status(200)


def test_cancel_after_the_answer_changes_nothing():
    """200 to the CANCEL, and the call goes on (RFC 3261 §9.2)."""
    line = Line()
    invite = line.calls(offer())
    line.hears_status(180)
    line.does(Listen)
    response = line.hears_status(200)
    line.says(cancel_of(invite), "invite1")
    assert line.hears_status(200).cseq.method == "CANCEL"
    line.does_nothing()
    line.dialog = sip.Dialog.of_caller(invite, response)
    line.within("BYE").hears_status(200)


def test_cancel_of_nothing_is_refused():
    """481: there is no such INVITE."""
    line = Line()
    line.says(cancel_of(sip.invite(ALICE, caller=BOB, contact="<sip:bob@192.0.2.9>", token=line.token, body=b"")))
    line.hears_status(481)
    line.does_nothing()


def test_a_ringing_ue_is_busy_and_can_decline():
    """A second caller gets 486; the person who hangs up instead of answering declines with 603."""
    line = Line(rings=5.0)
    line.calls(offer())
    line.hears_status(180)
    line.says(sip.invite(ALICE, caller="sip:carol@home2.example", contact="<sip:carol@192.0.2.9>", token=line.token,
                         body=offer().encode()))
    line.hears_status(486)
    line.asked(HangUp())
    line.hears_status(603)
    line.does_nothing()


# Inside the dialog

def test_bye_of_the_peer_releases():
    """200, close of the media, and a second BYE finds no call."""
    line, here = Line().called()
    stream = Stream(here, MEDIA)
    line.sees(StreamOffered(stream)).does(AcceptStream).sees(StreamOpened(stream))
    line.within("BYE").hears_status(200)
    line.does(Unlisten, EndStream(stream)).does_nothing()
    line.sees(StreamEnded(stream)).does_nothing().sees(StreamClosed(stream)).does_nothing()
    line.within("BYE").hears_status(481)
    line.asked(SendText("hello?")).does_nothing().asked(HangUp()).does_nothing()


def test_bye_that_crosses_ours_is_answered():
    """Both hang up: each BYE gets 200, the media is closed once."""
    line, stream = Line().calling()
    line.sees(StreamOpened(stream)).does(SendStream)
    line.asked(HangUp())
    bye = line.hears_request("BYE")
    line.within("BYE").hears_status(200)
    line.does_nothing()
    line.answers(bye, 200)
    line.does(EndStream(stream)).does_nothing()


def test_bye_without_an_answer_is_given_up():
    """Timer F: the peer is gone, the call and its media end all the same."""
    line, stream = Line().calling()
    line.sees(StreamOpened(stream)).does(SendStream)
    line.asked(HangUp())
    line.hears_request("BYE")
    done: list[Command] = []
    for _ in range(100):
        line.later(0.5)
        done += line.take()
    assert sum(isinstance(c, EndStream) for c in done) == 1
    assert sum(isinstance(c, AbortStream) for c in done) == 1, "the peer's FIN never came"


def test_bye_before_the_connection_is_up():
    """The call ends while TCP is being opened: RST, and nothing more is sent on it."""
    line, stream = Line().calling()
    line.within("BYE").hears_status(200)
    line.does(AbortStream(stream)).does_nothing()


def test_bye_of_a_stranger_is_refused():
    """Right Call-ID, wrong tag: 481 (RFC 3261 §12.2.2)."""
    line, _ = Line().called()
    assert line.dialog is not None
    _, bye = line.dialog.request("BYE")
    headers = bye.headers.with_("From", "<sip:bob@home2.example>;tag=somebodyelse")
    line.says(sip.Request(headers, b"", method="BYE", uri=bye.uri)).hears_status(481)
    line.within("BYE").hears_status(200)


def test_an_old_request_is_refused():
    """A CSeq that does not rise: 500 (RFC 3261 §12.2.2); the call goes on."""
    line, _ = Line().called()
    line.within("INFO", 10).hears_status(405)
    line.within("BYE", 5).hears_status(500)
    line.within("BYE", 11).hears_status(200)


@pytest.mark.parametrize(("method", "status"), [
    ("INVITE", 200), ("INFO", 405), ("OPTIONS", 405), ("UPDATE", 405), ("REFER", 405), ("FROBNICATE", 501)])
@pytest.mark.parametrize("inside", [True, False])
def test_unknown_requests_are_answered(method, status, inside):
    """405 to what is known and not done, 501 to the rest, and Allow says what is done. A re-INVITE is done."""
    line, _ = Line().called()
    if inside:
        line.within(method)
    else:
        status = 486 if method == "INVITE" else status
        request = sip.invite(ALICE, caller=BOB, contact="<sip:bob@192.0.2.9>", token=line.token, body=offer().encode())
        line.says(sip.Request(request.headers.with_("CSeq", f"1 {method}"), request.body, method=method, uri=ALICE))
    response = line.hears_status(status)
    line.does_nothing()
    if status in (405, 501):
        assert response.headers.get("Allow") == "INVITE, ACK, BYE, CANCEL"
    line.within("BYE").hears_status(200)


# What the person says

def test_hanging_up_waits_for_what_is_to_be_heard():
    """HangUp after one message: BYE leaves when it has come."""
    line, peer = talking()
    line.asked(SendText("one"))
    peer.reads()
    assert peer.heard == [b"one"]
    line.asked(HangUp(after_heard=1)).does_nothing()
    _, events = peer.msrp.send(b"two", "text/plain", line.now)
    peer.tell(events)
    peer.reads()
    line.hears_request("BYE")
    assert "heard: two" in line.notes()


def test_orders_go_on_when_no_report_comes():
    """A peer that never reports does not keep the person on the line for ever (RFC 4975 §7.1.2)."""
    line, peer = talking()
    peer.reports = False
    line.asked(SendText("one"))
    peer.reads()
    line.asked(HangUp()).later(PATIENCE_SECONDS - 1).does_nothing()
    line.later(1.1)
    line.hears_request("BYE")
    assert any("no report" in note for note in line.notes())


def test_orders_go_on_when_no_response_comes():
    """A message without a response has failed after 30 s (RFC 4975 §7.1.1)."""
    line, _ = talking()
    line.asked(SendText("one")).does(SendStream)
    line.asked(HangUp()).later(29).does_nothing().later(1.1)
    line.hears_request("BYE")
    assert any("failed: 408" in note for note in line.notes())


def test_a_peer_that_never_connects_is_given_up():
    """We listen and nobody comes: what was to be said is dropped with a note, and the call can be ended."""
    line, _ = Line().called()
    line.asked(SendText("hello?")).asked(HangUp()).does_nothing()
    line.later(PATIENCE_SECONDS + 0.1)
    line.hears_request("BYE")
    assert any("no session came up" in note for note in line.notes())


def test_text_waits_for_a_call():
    """Who is called later speaks later."""
    line = Line()
    line.asked(SendText("first")).does_nothing()
    line, here = line.called()
    stream = Stream(here, MEDIA)
    line.sees(StreamOffered(stream)).does(AcceptStream).sees(StreamOpened(stream)).does_nothing()


def test_a_former_connection_still_closes():
    """The next call is there already when the last one's connection ends: each is answered for itself."""
    line, here = Line().called()
    first = Stream(here, MEDIA)
    line.sees(StreamOffered(first)).does(AcceptStream).sees(StreamOpened(first))
    line.within("BYE").hears_status(200)
    line.does(Unlisten, EndStream(first))
    line.says(sip.invite(ALICE, caller=BOB, contact="<sip:bob@192.0.2.9>", token=line.token, body=offer().encode()))
    line.hears_status(180)
    line.does(Listen)
    line.hears_status(200)
    line.sees(StreamEnded(first)).does_nothing().sees(StreamClosed(first)).does_nothing()
    line.sees(StreamOffered(first)).does(Drop)


# Garbage

def test_what_concerns_nobody_is_dropped():
    """A connection that is not ours, with its reason in the trace."""
    line = Line()
    stream = Stream(Endpoint(UE.host, 4711), MEDIA)
    for happened in (StreamOffered(stream), StreamData(stream, b"x"), StreamEnded(stream)):
        line.sees(happened).does(Drop(happened, "nothing here is concerned"))


def messages() -> list[bytes]:
    """One of each message that a UE may get."""
    line = Line()
    invite = sip.invite(ALICE, caller=BOB, contact=f"<sip:bob@{PROXY}>", token=line.token, body=offer().encode())
    ours = Line().asked(Call(BOB)).open[0]
    assert isinstance(ours, SendDatagram)
    called = sip.decode(ours.data)
    assert isinstance(called, sip.Request)
    accepted = sip.response(called, 200, "OK", "t", contact=f"<sip:bob@{PROXY}>", body=answer().encode())
    via = ("Via", f"SIP/2.0/UDP {PROXY};branch=z9hG4bKx;rport")
    sent = [sip.Request(sip.Headers((via, *request.headers.fields)), request.body, method=request.method,
                        uri=request.uri) for request in (invite, cancel_of(invite))]
    return [sip.encode(one) for one in (*sent, accepted)]


MESSAGES = messages()


@given(st.one_of(
    st.binary(max_size=300),
    st.builds(lambda message, at, put: message[: at % len(message)] + put + message[at % len(message) + len(put):],
              st.sampled_from(MESSAGES), st.integers(0, 2000), st.binary(min_size=1, max_size=6)),
    st.builds(lambda message, at: message[: at % len(message)], st.sampled_from(MESSAGES), st.integers(0, 2000)),
    st.builds(lambda message, i: b"\r\n".join(part for n, part in enumerate(message.split(b"\r\n")) if n != i),
              st.sampled_from(MESSAGES), st.integers(0, 30)),
))
@settings(max_examples=200, deadline=None)
def test_garbage_on_sip_never_escapes(data):
    """Spoilt requests and responses, at rest and while calling: answered or dropped, never raised."""
    line = Line()
    line.asked(Call(BOB))
    line.take()
    line.octets(data).take()
    idle = Line()
    idle.octets(data).take()
    for one in (line, idle):
        for _ in range(90):
            one.later(1.0)
            one.take()


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5), st.booleans())
@settings(max_examples=100, deadline=None)
def test_garbage_on_the_media_port_never_escapes(portions, secure):
    """Whatever comes in on the connection, the UE can still hang up."""
    line = Line(media_security=secure)
    protected = offer(proto="TCP/TLS/MSRP", path="msrps://198.51.100.1:30000/bob;tcp") + f"a=fingerprint:{PRINT}\r\n"
    line, here = line.called(protected if secure else offer())
    stream = Stream(here, MEDIA)
    line.sees(StreamOffered(stream)).does(AcceptStream).sees(StreamOpened(stream)).take()
    for portion in portions:
        line.sees(StreamData(stream, portion)).take()
    line.asked(HangUp())
    assert any(isinstance(c, SendDatagram) and sip.decode(c.data).method == "BYE" for c in line.take())
    assert not any(isinstance(c, Note) and c.text.startswith("heard") for c in line.all)



# Any order

class Wire:
    """What a network would do with a UE's commands: only what can happen next does, and TCP's rules are held."""

    def __init__(self, secure: bool, slow: bool) -> None:
        seconds = 1.0 if slow else 0.0
        self.line = Line(media_security=secure, rings=3.0, offers="actpass" if secure else "active",
                         accepts_after=seconds, connects_after=seconds)
        self.secure = secure
        self.listening: set[Endpoint] = set()
        self.streams: dict[Stream, str] = {}
        self.waiting: list[sip.Request] = []
        self.ended: set[Stream] = set()
        self.number = 0

    def step(self, what: str, value: int) -> None:
        line = self.line
        stream = next((s for n, s in enumerate(self.streams) if n == value % len(self.streams)), None) if (
            self.streams) else None
        state = self.streams.get(stream) if stream is not None else None
        match what:
            case "ask":
                line.asked(ORDERS[value % len(ORDERS)])
            case "invite":
                proto = "TCP/TLS/MSRP" if self.secure else "TCP/MSRP"
                body = offer(["active", "passive", "actpass"][value % 3], proto, 30000, *(
                    [f"a=fingerprint:{PRINT}"] if self.secure else []))
                invite = line.calls(body)
                line.invite = invite
            case "cancel" if hasattr(line, "invite"):
                line.says(cancel_of(line.invite), "invite1")
            case "within" if line.dialog is not None:
                line.within(["BYE", "INFO"][value % 2])
            case "again" if line.dialog is not None:
                line.dialog, request = line.dialog.request(
                    "INVITE", contact=f"<sip:bob@{PROXY}>", body=self.new_offer(value).encode())
                line.says(request)
            case "ack" if line.dialog is not None:
                line.says(line.dialog.ack(self.new_offer(value).encode() if value % 2 else b""))
            case "answer" if self.waiting:
                request = self.waiting.pop(0)
                proto = "TCP/TLS/MSRP" if self.secure else "TCP/MSRP"
                body = answer(["passive", "active"][value % 2], proto, 30000, *(
                    [f"a=fingerprint:{PRINT}"] if self.secure else []))
                status = ([200, 200, 491, 500, 180] if request.to_tag else [200, 200, 200, 180, 486])[value % 5]
                response = line.answers(request, status, body if request.method == "INVITE" else "")
                if request.method == "INVITE" and status == 200 and not request.to_tag:
                    line.dialog = sip.Dialog.of_callee(request, response)
            case "offered" if self.listening:
                self.number += 1
                offered = Stream(min(self.listening), Endpoint(MEDIA.host, 30000 + self.number))
                self.streams[offered] = "offered"
                line.sees(StreamOffered(offered))
            case "opened" if stream is not None and state == "opening":
                self.streams[stream] = "open"
                line.sees(StreamOpened(stream))
            case "failed" if stream is not None and state == "opening":
                del self.streams[stream]
                line.sees(StreamFailed(stream, Failure.REFUSED))
            case "data" if stream is not None and state == "open":
                line.sees(StreamData(stream, [b"MSRP abcdefgh SEND\r\n", b"\x16\x03\x01", b"x"][value % 3]))
            case "ended" if stream is not None and state == "open":
                self.streams[stream] = "half"
                line.sees(StreamEnded(stream))
            case "closed" if stream is not None and state in ("open", "half"):
                del self.streams[stream]
                line.sees(StreamClosed(stream, Failure.RESET))
            case "time":
                until = line.now + [0.3, 5.0, 40.0][value % 3]
                while (moment := line.ue.next_wakeup()) is not None and moment <= until:
                    line.later(max(moment - line.now, 0.0))
                    self.obey()
                line.now = until
        self.obey()

    def new_offer(self, value: int) -> str:
        """A description inside the call: none, the same end, other ends, on hold, taken away, or hostile."""
        proto = "TCP/TLS/MSRP" if self.secure else "TCP/MSRP"
        more = [f"a=fingerprint:{PRINT}"] if self.secure else []
        setup = ["active", "passive", "actpass"][value % 3]
        path = f"msrp://198.51.100.1:30000/{['bob', 'other', 'third'][value % 3]};tcp"
        return [
            "", offer(setup, proto, 30000, *more), offer(setup, proto, 30000, *more, path=path),
            offer(setup, proto, 30000, *more, "a=sendonly"), offer(setup, proto, 0, *more), "nonsense",
            offer("passive", proto, 30000, *more, path=path)][value % 7]

    def obey(self) -> None:
        for command in self.line.take():
            match command:
                case SendDatagram(data=data):
                    message = sip.decode(data)
                    if isinstance(message, sip.Request) and message.method != "ACK":
                        self.waiting.append(message)
                    elif isinstance(message, sip.Response) and message.status == 200 and message.method == "INVITE":
                        invite = getattr(self.line, "invite", None)
                        if invite is not None and message.call_id == invite.call_id and message.cseq == invite.cseq:
                            self.line.dialog = sip.Dialog.of_caller(invite, message)
                case Listen(local=local):
                    self.listening.add(local)
                case Unlisten(local=local):
                    self.listening.remove(local)
                case OpenStream(stream=stream):
                    assert stream not in self.streams
                    self.streams[stream] = "opening"
                case AcceptStream(stream=stream):
                    assert self.streams[stream] == "offered"
                    self.streams[stream] = "opening"
                case RefuseStream(stream=stream):
                    assert self.streams.pop(stream) == "offered"
                case SendStream(stream=stream):
                    assert stream not in self.ended, "octets behind FIN"
                    assert self.streams.get(stream) in ("open", "half", None)
                case EndStream(stream=stream):
                    assert stream not in self.ended
                    self.ended.add(stream)
                case AbortStream(stream=stream):
                    assert stream in self.streams
                    del self.streams[stream]


# Those that lead deeper into a call come more often.
STEPS = [
    "ask", "ask", "invite", "answer", "answer", "offered", "opened", "opened", "data", "within", "cancel", "failed",
    "ended", "closed", "time", "again", "again", "ack",
]

ORDERS = [
    Call(BOB), SendText("text"), HangUp(), HangUp(1), Register(), Call(BOB), SendFile(5000), ReOffer(), ReOffer("new"),
    ReOffer("new", setup="actpass"), ReOffer(hold=True), CloseMedia(), CloseMedia("reset"),
]


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 30)), max_size=40), st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_order_of_events_is_survived(steps, secure, slow):
    """Orders, signalling, connections and time cross in every way: nothing is raised, no octet follows FIN."""
    wire = Wire(secure, slow)
    for what, value in steps:
        wire.step(what, value)
    wire.step("time", 2)
    wire.step("ask", 2)
    for _ in range(8):
        wire.step("time", 2)
    wire.step("within", 0)
    for _ in range(4):
        wire.step("time", 2)
    assert len(wire.listening) <= 1
    assert wire.ended.isdisjoint(wire.streams), "a connection that the peer never closes is not kept"


def test_a_slow_client_opens_its_connection_later():
    """`connects_after`: the call is there at once, the SYN leaves when the time is over, unless the call has ended."""
    for ended in (False, True):
        line = Line(connects_after=2.0).asked(Call(BOB))
        line.invite = line.hears_request("INVITE")
        response = line.answers(line.invite, 200, answer())
        line.dialog = sip.Dialog.of_callee(line.invite, response)
        line.hears_request("ACK")
        line.later(1.9).does_nothing()
        if ended:
            line.within("BYE").hears_status(200)
            line.later(0.2).does_nothing()
        else:
            line.later(0.2).does(OpenStream)


def test_a_second_connection_can_be_tried():
    """ConnectAgain goes to the same address from another port; whatever becomes of it, the session goes on."""
    line, peer = talking()
    line.asked(ConnectAgain())
    second = line.open.pop(0)
    assert isinstance(second, OpenStream)
    assert second.stream.remote == MEDIA
    line.sees(StreamFailed(second.stream, Failure.REFUSED)).does(Drop)
    line.asked(SendText("one"))
    peer.reads()
    assert peer.heard == [b"one"]


def test_without_a_first_connection_there_is_no_second_one():
    """Before a call there is nowhere to go."""
    line = Line().asked(ConnectAgain()).does_nothing()
    assert any("no second connection" in note for note in line.notes())
