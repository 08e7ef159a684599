"""A UE that asks a STUN server over TCP, from its media port, which address the outside sees (RFC 8489)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ue_stage import BOB, STUN, Line, Pair, answer, offer

from workbench.net.values import (
    AbortStream,
    EndStream,
    Failure,
    Listen,
    OpenStream,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamOpened,
)
from workbench.nodes.nat import Behaviour
from workbench.nodes.orders import Call, HangUp, ReOffer, SendText
from workbench.nodes.ue.discovery import LINGER_SECONDS, PATIENCE_SECONDS
from workbench.protocols import sdp, sip, stun

MAPPED = ("198.51.100.77", 41000)


def asking(**more: object) -> tuple[Line, Stream, stun.Message]:
    """Alice has been asked to call and asks the STUN server first: its connection, and her request."""
    line = Line(discovers=STUN, **more)
    line.asked(Call(BOB))
    return (line, *asked(line))


def asked(line: Line) -> tuple[Stream, stun.Message]:
    opened = line.open.pop(0)
    assert isinstance(opened, OpenStream)
    assert opened.stream.remote == STUN
    line.does_nothing()
    line.sees(StreamOpened(opened.stream))
    sent = line.open.pop(0)
    assert isinstance(sent, SendStream)
    line.does_nothing()
    return opened.stream, stun.decode(sent.data)


def acknowledged(line: Line, response: sip.Response) -> None:
    """Bob's dialog after Alice's answer to his first INVITE, and his ACK."""
    line.dialog = sip.Dialog(
        response.call_id, response.headers.get("From") or "", response.headers.get("To") or "",
        response.contact_uri or "", cseq=1, invite_cseq=1)
    line.says(line.dialog.ack())


def told(line: Line, stream: Stream, request: stun.Message) -> None:
    line.sees(StreamData(stream, stun.encode(stun.binding_success(request, MAPPED))))


@pytest.mark.parametrize("setup", ["active", "actpass"])
def test_the_mapped_address_is_what_sdp_says(setup):
    """c=, m= and the path have the mapped address; an active side still writes port 9 (RFC 6135 §4.2.1)."""
    line, stream, request = asking(offers=setup)
    told(line, stream, request)
    if setup == "actpass":
        line.does(Listen(stream.local))
    body = line.hears_request("INVITE").body
    media = sdp.decode(body).media[0]
    connection = sdp.decode(body).connection
    assert connection is not None
    assert connection.address == MAPPED[0]
    assert media.port == (9 if setup == "active" else MAPPED[1])
    assert f"msrp://{MAPPED[0]}:{MAPPED[1]}/" in (media.attribute("path") or "")


def test_one_port_for_all():
    """The connection to the server, the listener and the connection to the peer have the same local port."""
    line, stream, request = asking(offers="active")
    told(line, stream, request)
    line.answers(line.hears_request("INVITE"), 200, answer())
    line.hears_request("ACK")
    opened = line.open.pop(0)
    assert isinstance(opened, OpenStream)
    assert opened.stream.local == stream.local
    assert opened.stream.remote != STUN


def test_the_connection_stays_until_the_call_ends():
    """It keeps the NAT's binding; with the call it goes, and if the server doesn't close, by RST."""
    line, stream, request = asking()
    told(line, stream, request)
    line.answers(line.hears_request("INVITE"), 486)
    line.hears_request("ACK")
    line.does(EndStream(stream)).does_nothing()
    line.later(LINGER_SECONDS - 0.1)
    assert not line.take()
    line.later(0.2).does(AbortStream(stream))
    line.later(60).does_nothing()
    assert line.ue.next_wakeup() is None


def test_an_answer_too():
    """Who is called asks before answering; the caller hears 180 meanwhile."""
    line = Line(discovers=STUN)
    line.calls(offer())
    line.hears_status(180)
    stream, request = asked(line)
    told(line, stream, request)
    line.does(Listen(stream.local))
    media = sdp.decode(line.hears_status(200).body).media[0]
    assert media.port == MAPPED[1]


@pytest.mark.parametrize("how", ["refused", "silence", "reset", "fin", "error", "nonsense", "no address", "no answer"])
def test_without_an_answer_its_own_address_is_written(how):
    """Whatever goes wrong is told, and the call is made with what is known."""
    line = Line(discovers=STUN)
    line.asked(Call(BOB))
    opened = line.open.pop(0)
    assert isinstance(opened, OpenStream)
    stream = opened.stream
    if how == "refused":
        line.sees(StreamFailed(stream, Failure.REFUSED))
    elif how == "no answer":
        line.later(PATIENCE_SECONDS + 0.1).does(AbortStream)
    else:
        line.sees(StreamOpened(stream))
        (sent,) = line.take()
        assert isinstance(sent, SendStream)
        request = stun.decode(sent.data)
        if how == "silence":
            line.later(PATIENCE_SECONDS - 0.1).does_nothing().later(0.2).does(AbortStream)
        elif how == "reset":
            line.sees(StreamClosed(stream, Failure.RESET))
        elif how == "fin":
            line.sees(StreamEnded(stream)).does(EndStream)
        else:
            octets = {
                "error": stun.encode(stun.error_response(request, 400, "Bad Request")), "nonsense": b"HTTP/1.1 200\r\n",
                "no address": stun.encode(stun.Message(stun.Class.SUCCESS, request.transaction))}[how]
            line.sees(StreamData(stream, octets)).does(AbortStream)
    media = sdp.decode(line.hears_request("INVITE").body).media[0]
    assert f"msrp://203.0.113.10:{stream.local.port}/" in (media.attribute("path") or "")
    assert any(note.startswith("no mapped address: ") for note in line.notes())


def test_an_answer_to_another_question_is_not_taken():
    """RFC 8489 §6.3.3: a response whose transaction is not ours is nothing."""
    line, stream, request = asking()
    stranger = stun.binding_request(bytes(12))
    line.sees(StreamData(stream, stun.encode(stun.binding_success(stranger, ("192.0.2.66", 1))))).does_nothing()
    told(line, stream, request)
    assert f"msrp://{MAPPED[0]}".encode() in line.hears_request("INVITE").body


def test_a_new_port_is_asked_for_anew():
    """A new offer with a new port asks from that port; the former connection goes with its session."""
    line, stream, request = asking()
    told(line, stream, request)
    invite = line.hears_request("INVITE")
    line.dialog = sip.Dialog.of_callee(invite, line.answers(invite, 200, answer()))
    line.hears_request("ACK")
    opened = line.open.pop(0)
    assert isinstance(opened, OpenStream)
    line.sees(StreamOpened(opened.stream)).take()
    line.asked(ReOffer("new"))
    second, request = asked(line)
    assert second.local.port != stream.local.port
    line.sees(StreamData(second, stun.encode(stun.binding_success(request, ("198.51.100.77", 42000)))))
    re_invite = line.hears_request("INVITE")
    assert b"msrp://198.51.100.77:42000/" in re_invite.body
    line.answers(re_invite, 200, answer(path="msrp://198.51.100.1:31000/other;tcp"))
    line.hears_request("ACK")
    assert EndStream(stream) in [EndStream(c.stream) for c in line.take() if isinstance(c, EndStream)]


def test_a_second_offer_while_the_first_waits_for_stun():
    """RFC 3261 §14.2: 500 with Retry-After to an INVITE that comes before an earlier one is answered."""
    line = Line(discovers=STUN)
    line.calls(offer())
    line.hears_status(180)
    stream, request = asked(line)
    told(line, stream, request)
    line.does(Listen)
    response = line.hears_status(200)
    acknowledged(line, response)
    moved = offer(path="msrp://198.51.100.1:31000/other;tcp").encode()
    line.dialog, first = line.dialog.request("INVITE", contact="<sip:bob@192.0.2.9>", body=moved)
    line.says(first)
    second, request = asked(line)
    line.dialog, later = line.dialog.request("INVITE", contact="<sip:bob@192.0.2.9>", body=moved)
    line.says(later)
    assert line.hears_status(500).headers.get("Retry-After") == "5"
    told(line, second, request)
    line.does(Listen)
    line.hears_status(200)


def test_bye_while_stun_is_asked():
    """The call ends meanwhile: the INVITE in the dialog gets 487, and the question is dropped."""
    line = Line(discovers=STUN)
    line.calls(offer())
    line.hears_status(180)
    told(line, *asked(line))
    line.does(Listen)
    acknowledged(line, line.hears_status(200))
    line.dialog, moved = line.dialog.request(
        "INVITE", contact="<sip:bob@192.0.2.9>", body=offer(path="msrp://198.51.100.1:31000/o;tcp").encode())
    line.says(moved)
    second, _ = asked(line)
    line.within("BYE")
    statuses = [sip.decode(c.data).status for c in line.open if hasattr(c, "remote") and hasattr(c, "data")]  # type: ignore[union-attr]
    assert statuses == [200, 487]
    assert AbortStream(second) in [AbortStream(c.stream) for c in line.take() if isinstance(c, AbortStream)]
    line.later(100)
    line.take()
    assert line.ue.next_wakeup() is None


@given(st.lists(st.binary(max_size=60), max_size=5), st.booleans())
@settings(max_examples=100, deadline=None)
def test_garbage_of_a_server_never_escapes(portions, begins):
    """Whatever the server says: no exception, and the INVITE leaves when the question is over."""
    line, stream, request = asking()
    octets = stun.encode(stun.binding_success(request, MAPPED))
    for portion in ([octets[:19]] if begins else []) + portions:
        line.sees(StreamData(stream, portion)).take()
    line.later(PATIENCE_SECONDS + 1)
    line.take()
    assert any(b"INVITE" in c.data for c in line.all if hasattr(c, "data"))


@pytest.mark.parametrize("discovers", [STUN, None])
@pytest.mark.parametrize("filtering", list(Behaviour))
def test_behind_a_nat(filtering, discovers):
    """A passive UE is reached at its mapped address if its NAT lets anybody in, and never at its own one."""
    pair = Pair({"discovers": discovers, "offers": "actpass"}, {"answers": "active"}, behind=filtering)
    pair.asks("A", Call("sip:b@one.example"), SendText("hello")).until(30)
    reached = discovers is not None and filtering is Behaviour.ENDPOINT_INDEPENDENT
    assert pair.heard("B") == (["hello"] if reached else [])


@pytest.mark.parametrize("answers", ["active", "passive"])
def test_on_the_wire(answers):
    """Without a NAT the mapped address is its own: the call is as without STUN, and all connections end with FIN."""
    pair = Pair({"discovers": STUN, "offers": "actpass"}, {"discovers": STUN, "answers": answers})
    pair.asks("A", Call("sip:b@one.example"), SendText("hello")).until(5)
    pair.asks("A", ReOffer("new"), SendText("again")).until(10)
    assert pair.heard("B") == ["hello", "again"]
    pair.asks("A", HangUp()).until(60)
    to_server = {segment.source for segment in pair.segments() if segment.destination == STUN}
    assert len(to_server) == 4
    assert not any(segment.flags & 4 for segment in pair.segments()), "RST"
    assert pair.nodes["A"].next_wakeup() is pair.nodes["B"].next_wakeup() is None
