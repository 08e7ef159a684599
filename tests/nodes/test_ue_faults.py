"""What a UE does wrong on purpose (closed ports, late and missing SYNs), and how it takes the loss of a connection."""

from __future__ import annotations

import pytest
from ue_stage import BOB, MEDIA, Line, Pair, Peer, answer, offer, talking

from workbench.net.packets import FIN, RST, SYN
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Endpoint,
    EndStream,
    Failure,
    Listen,
    OpenStream,
    RefuseStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamOffered,
    StreamOpened,
    Unlisten,
)
from workbench.nodes.orders import Call, CloseMedia, HangUp, SendText
from workbench.nodes.ue import PATIENCE_SECONDS
from workbench.protocols import sdp, sip

CALL_B = Call("sip:b@one.example")


def setup_of(body: bytes) -> str | None:
    return sdp.decode(body).media[0].attribute("setup")


# insists

@pytest.mark.parametrize("insists", ["active", "passive", "actpass", "holdconn"])
def test_an_offer_that_insists(insists):
    """The value is written whatever RFC 6135 §4.2 says of it; the UE listens unless it says `active`."""
    line = Line(insists=insists)
    line.asked(Call(BOB))
    if insists != "active":
        line.does(Listen)
    assert setup_of(line.hears_request("INVITE").body) == insists
    line.does_nothing()


@pytest.mark.parametrize(("insists", "offered", "opens"), [
    ("active", "active", True), ("passive", "passive", False), ("active", "actpass", True),
    ("passive", "active", False), ("holdconn", "active", False)])
def test_an_answer_that_insists(insists, offered, opens):
    """The same in an answer, legal or not, and the UE acts on it: both active, or both passive, is possible."""
    line = Line(insists=insists)
    line.calls(offer(offered, port=30000))
    line.hears_status(180)
    if not opens:
        line.does(Listen)
    assert setup_of(line.hears_status(200).body) == insists
    assert isinstance(line.open[0], OpenStream) if opens else not line.open


@pytest.mark.parametrize("answered", ["active", "passive", "actpass"])
def test_who_insists_does_not_complain(answered):
    """An answer that is not legal ends the call of others; who insists takes it, and does what it insists on."""
    line = Line(insists="active")
    line.answers(line.asked(Call(BOB)).hears_request("INVITE"), 200, answer(answered))
    line.hears_request("ACK")
    line.does(OpenStream).does_nothing()


@pytest.mark.parametrize("offered", ["holdconn", "nonsense", None])
def test_no_role_counts_as_active(offered):
    """RFC 6135 §4.2: holdconn is as if a=setup were absent, and the offerer is active then (RFC 4975 §5.4)."""
    line = Line()
    line.calls(offer(port=30000).replace("a=setup:active\r\n", f"a=setup:{offered}\r\n" if offered else ""))
    line.hears_status(180)
    line.does(Listen)
    assert setup_of(line.hears_status(200).body) == "passive"


# listens, accepts_after, connects

def test_a_closed_port():
    """F2: B is passive and its port is closed: RST answers the SYN, A's person hears of it, and the call can end."""
    pair = Pair({}, {"listens": False}).asks("A", CALL_B, SendText("hello?"), HangUp()).until(30)
    flags = [segment.flags & (SYN | RST) for segment in pair.segments()]
    assert flags == [SYN, RST]
    assert "the media session is over: refused" in pair.notes("A")
    assert pair.statuses("BYE") == [200]


def test_a_late_answer_to_syn():
    """A4: the SYN waits, and is repeated, for two seconds; then messages pass."""
    pair = Pair({}, {"accepts_after": 2.0}).asks("A", CALL_B, SendText("hello")).until(1.9)
    assert all(segment.flags & 63 == SYN for segment in pair.segments())
    assert len(pair.segments()) > 1, "repeated"
    pair.until(5)
    assert pair.heard("B") == ["hello"]


def test_a_call_that_ends_before_the_syn_is_answered():
    """The SYN that waits is refused."""
    line, here = Line(accepts_after=5.0).called()
    stream = Stream(here, MEDIA)
    line.sees(StreamOffered(stream)).does_nothing()
    line.within("BYE").hears_status(200)
    line.does(Unlisten, RefuseStream(stream)).does_nothing()
    line.later(60).does_nothing()


def test_a_syn_that_is_withdrawn_before_it_is_answered():
    """The next one is answered after its own delay."""
    line, here = Line(accepts_after=5.0).called()
    stream = Stream(here, MEDIA)
    line.sees(StreamOffered(stream)).later(3).does_nothing()
    line.sees(StreamFailed(stream, Failure.RESET)).later(3).does_nothing()
    line.sees(StreamOffered(stream)).later(4.9).does_nothing().later(0.2).does(AcceptStream(stream))


def test_nobody_opens():
    """F3, F4: an active side that never sends a SYN: no segment at all; who waits gives up."""
    pair = Pair({"connects": False}).asks("A", CALL_B).asks("B", SendText("hello?"), HangUp())
    pair.until(PATIENCE_SECONDS + 10)
    assert pair.segments() == []
    assert any("no session came up" in note for note in pair.notes("B"))
    assert pair.statuses("BYE") == [200]
    pair.until(PATIENCE_SECONDS + 100)
    assert pair.nodes["A"].next_wakeup() is pair.nodes["B"].next_wakeup() is None


# CloseMedia

@pytest.mark.parametrize("who", ["A", "B"])
@pytest.mark.parametrize("secure", [False, True])
def test_fin_without_bye(who, secure):
    """The other end answers FIN with FIN, tells its person, and the call stays until BYE."""
    more = {"media_security": secure}
    pair = Pair(more, more).asks("A", CALL_B, SendText("one")).until(3)
    pair.asks(who, CloseMedia()).until(10)
    assert [pair.notes(name)[-1] for name in "AB"] == ["the media session is over"] * 2
    ends = [segment for segment in pair.segments() if segment.flags & (FIN | RST)]
    assert [bool(segment.flags & RST) for segment in ends] == [False, False]
    assert {segment.source.host for segment in ends} == {"203.0.113.10", "203.0.113.20"}
    assert pair.statuses("BYE") == []
    pair.asks("B" if who == "A" else "A", SendText("two"), HangUp()).until(40)
    assert pair.statuses("BYE") == [200]
    assert pair.heard("B") == ["one"]


@pytest.mark.parametrize("who", ["A", "B"])
@pytest.mark.parametrize("secure", [False, True])
def test_rst_without_bye(who, secure):
    """One RST; the other end tells its person why the session is over."""
    more = {"media_security": secure}
    pair = Pair(more, more).asks("A", CALL_B, SendText("one")).until(3)
    pair.asks(who, CloseMedia("reset")).until(10)
    ends = [segment.flags & (FIN | RST) for segment in pair.segments() if segment.flags & (FIN | RST)]
    assert ends == [RST]
    other = "B" if who == "A" else "A"
    assert pair.notes(other)[-1] == "the media session is over: reset"
    assert pair.notes(who)[-1] == "the media session is over: the connection is reset on purpose"
    pair.asks(other, HangUp()).until(40)
    assert pair.statuses("BYE") == [200]


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("order", [CloseMedia(), HangUp()])
def test_both_close_at_once(secure, order):
    """FINs, or BYEs, cross: each side ends in order, without RST, and nothing is left running."""
    more = {"media_security": secure}
    pair = Pair(more, more, delay=0.1).asks("A", CALL_B, SendText("one")).until(5)
    pair.asks("A", order).asks("B", order).until(60)
    assert not any(segment.flags & RST for segment in pair.segments())
    assert [pair.notes(name)[-1] for name in "AB"] == ["the media session is over"] * 2
    if isinstance(order, CloseMedia):
        pair.asks("A", HangUp()).until(120)
    assert pair.nodes["A"].next_wakeup() is pair.nodes["B"].next_wakeup() is None


def test_what_is_lost_with_the_connection_is_told():
    """RST before the report: the message has failed for all the person knows (RFC 4975 §5.4), and hears why."""
    line, peer = talking()
    peer.reports = False
    line.asked(SendText("lost"))
    line.take()
    line.sees(StreamClosed(peer.stream, Failure.RESET))
    notes = line.notes()
    assert any("failed: 0 the connection ended" in note for note in notes)
    assert "the media session is over: reset" in notes


def test_closing_what_is_not_there():
    """No call, a call without connection, and a session that is over: told, and the next order is taken up."""
    line = Line()
    line.asked(CloseMedia()).later(PATIENCE_SECONDS + 1).does_nothing()
    line, stream = line.calling()
    line.sees(StreamFailed(stream, Failure.REFUSED))
    line.asked(CloseMedia("reset")).does_nothing()
    assert line.notes().count("no connection to close") == 2
    line.asked(HangUp()).hears_request("BYE")


def test_fin_of_the_peer_in_the_middle_of_a_message():
    """RFC 4975 §5.4: what has not arrived whole is not heard; FIN is answered with FIN."""
    line, peer = talking()
    _, events = peer.msrp.send(b"x" * 100, "text/plain", line.now)
    line.sees(StreamData(peer.stream, events[0].octets[:120]))  # type: ignore[union-attr]
    line.sees(StreamEnded(peer.stream)).does(EndStream(peer.stream))
    line.sees(StreamClosed(peer.stream)).does_nothing()
    assert not any(note.startswith("heard") for note in line.notes())
    assert line.notes()[-1] == "the media session is over"


def test_bye_behind_a_lost_connection():
    """As in a release that a gateway has told its controller: FIN, then BYE from the other side: answered with 200."""
    line, here = Line().called()
    stream = Stream(here, Endpoint("198.51.100.1", 40000))
    line.sees(StreamOffered(stream)).does(AcceptStream).sees(StreamOpened(stream))
    line.sees(StreamEnded(stream)).does(Unlisten, EndStream(stream)).sees(StreamClosed(stream))
    line.within("BYE").hears_status(200)
    line.does_nothing()
    line.later(60).does_nothing()


def test_a_lost_connection_and_no_fin_of_ours():
    """An RST is not answered at all."""
    line, here = Line().called()
    stream = Stream(here, MEDIA)
    line.sees(StreamOffered(stream)).does(AcceptStream).sees(StreamOpened(stream))
    line.sees(StreamClosed(stream, Failure.RESET)).does(Unlisten).does_nothing()
    assert not any(isinstance(command, AbortStream | EndStream) for command in line.all)


def test_answers_to_fin_go_on_with_many_calls():
    """Call after call with connections closed in every way: nothing piles up in the node."""
    pair = Pair()
    for number in range(12):
        pair.asks("A", CALL_B, SendText(f"{number}")).until(pair.now + 3)
        pair.asks("AB"[number % 2], CloseMedia("fin" if number % 3 else "reset")).until(pair.now + 2)
        pair.asks("BA"[number % 2], HangUp()).until(pair.now + 40)
    assert pair.heard("B") == [str(number) for number in range(12)]
    assert pair.statuses("BYE") == [200] * 12
    assert pair.nodes["A"].next_wakeup() is pair.nodes["B"].next_wakeup() is None


def test_connections_that_never_close_are_bounded():
    """Caller after caller hangs up and keeps the connection open: the oldest are reset, nothing piles up."""
    line = Line()
    streams: list[Stream] = []
    for number in range(14):
        invite = sip.invite("sip:alice@home1.example", caller=BOB, contact="<sip:bob@192.0.2.9>", token=line.token,
                            body=offer().encode())
        line.says(invite, f"invite{number}")
        reset = [command for command in line.open if isinstance(command, AbortStream)]
        assert reset == ([] if number < 9 else [AbortStream(streams[number - 9], reset[0].why)])
        line.open = [command for command in line.open if not isinstance(command, AbortStream)]
        line.hears_status(180)
        listen = line.open.pop(0)
        assert isinstance(listen, Listen)
        response = line.hears_status(200)
        streams.append(Stream(listen.local, MEDIA))
        line.sees(StreamOffered(streams[-1])).does(AcceptStream).sees(StreamOpened(streams[-1])).does_nothing()
        line.dialog = sip.Dialog.of_caller(invite, response)
        line.says(line.dialog.ack()).within("BYE").hears_status(200)
        line.does(Unlisten, EndStream(streams[-1])).does_nothing()


def test_the_far_end_hears_of_tls_that_ends_without_close_notify():
    """RFC 8446 §6.1: with TLS, FIN without close_notify before it is told as what it may be."""
    pair = Pair({"media_security": True}, {"media_security": True}).asks("A", CALL_B, SendText("one")).until(3)
    pair.asks("A", CloseMedia("cut")).until(20)
    assert "the media session is over: the connection ended without close_notify" in pair.notes("B")


def test_a_peer_whose_connection_breaks_can_be_called_again():
    """After reset and BYE the same two talk again, on a new port and path."""
    line, peer = talking()
    line.sees(StreamClosed(peer.stream, Failure.RESET))
    line.answers(line.asked(HangUp()).hears_request("BYE"), 200)
    line, stream = line.calling()
    assert stream.local.port != peer.stream.local.port
    line.sees(StreamOpened(stream))
    line.take()
    path = sdp.decode(line.invite.body).media[0].attribute("path") or ""
    again = Peer(line, stream, path, active=False).reads()
    line.asked(SendText("again"))
    again.reads()
    assert again.heard == [b"again"]
    assert isinstance(line.invite, sip.Request)
