"""The media half of a UE: TCP, then TLS, then the fingerprint, and only then MSRP; and how it ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msrp_stage import (
    HELLO,
    HERE,
    OTHER_IDENTITY,
    OURS,
    STRANGER,
    STREAM,
    THEIRS,
    THERE,
    Stage,
)

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Drop,
    EndStream,
    Failure,
    Listen,
    OpenStream,
    RefuseStream,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
    Unlisten,
)
from workbench.nodes.msrp_endpoint import (
    LINGER_SECONDS,
    Down,
    Heard,
    NotTold,
    Told,
    Up,
)
from workbench.protocols.msrp import machine as msrp
from workbench.security import tls
from workbench.security.source import Source

EVERY = [
    pytest.param({"secure": False, "opens": False}, id="plain, passive"),
    pytest.param({"secure": False, "opens": True}, id="plain, active"),
    pytest.param({"secure": True, "opens": False, "version": "1.2"}, id="TLS 1.2, passive"),
    pytest.param({"secure": True, "opens": True, "version": "1.2"}, id="TLS 1.2, active"),
    pytest.param({"secure": True, "opens": False}, id="TLS 1.3, passive"),
    pytest.param({"secure": True, "opens": True}, id="TLS 1.3, active"),
]
SECURE = EVERY[2:]
PLAIN = EVERY[:2]


# Coming up

@pytest.mark.parametrize("setting", EVERY)
def test_messages_pass_both_ways(setting):
    """What one end says the other hears, and reports are told."""
    stage = Stage(**setting).up()
    first = stage.says("one")
    stage.hears("two")
    assert stage.news == [Told(first), Heard("text/plain", b"two")]
    assert [e.body for e in stage.events if isinstance(e, msrp.MessageReceived)] == [b"one"]
    assert any(isinstance(e, msrp.Delivered) for e in stage.events)
    assert stage.order == []


@pytest.mark.parametrize("setting", SECURE)
def test_the_tcp_client_is_the_tls_client(setting):
    """RFC 4975 §14.4, RFC 8122 §4: whoever opened the connection sends the ClientHello."""
    stage = Stage(**setting)
    stage.opens = setting["opens"]
    if stage.opens:
        stage.ordered(stage.media.connect(THERE)).does(OpenStream)
        stage.sees(StreamOpened(STREAM)).does(lambda c: isinstance(c, SendStream) and (c.data[0], c.data[5]) == (22, 1))
    else:
        stage.ordered(stage.media.listen()).does(Listen(HERE))
        stage.sees(StreamOffered(STREAM)).does(AcceptStream).sees(StreamOpened(STREAM)).does_nothing()


@pytest.mark.parametrize("setting", SECURE)
def test_nothing_is_handed_up_before_the_fingerprint_is_known(setting):
    """The handshake completes and payload arrives; it waits until the SDP has said whose certificate it must be."""
    stage = Stage(**setting).connected()
    assert stage.tls is not None
    assert stage.tls.state is tls.State.UP
    stage.msrp = msrp.Session(THEIRS, OURS, active=True, accept_types=("text/plain",), token=Source(2, "peer").token)
    stage.spoken(stage.msrp.opened(0.0)).hears("early")
    assert stage.news == []
    assert not stage.media.up
    stage.ordered(stage.media.agree(stage.prints, 0.0)).settled()
    assert stage.news == [Up(), Heard("text/plain", b"early")]


@pytest.mark.parametrize("when", ["before the connection", "after the handshake"])
@pytest.mark.parametrize("setting", SECURE)
def test_another_certificate_ends_it(setting, when):
    """RFC 8122 §6.2: a certificate that does not match is refused; nothing was handed up; FIN follows the alert."""
    stage = Stage(**setting, identity=OTHER_IDENTITY)
    if when == "before the connection":
        stage.ordered(stage.media.agree(stage.prints, 0.0)).does_nothing()
        stage.connected()
    else:
        stage.connected().ordered(stage.media.agree(stage.prints, 0.0)).settled()
    (down,) = stage.news
    assert isinstance(down, Down)
    assert "fingerprint" in down.reason
    assert not stage.media.up
    assert stage.order.count("end") == 1
    assert any(isinstance(e, tls.Failed) and e.alert == 42 and not e.ours for e in stage.events)


@pytest.mark.parametrize("setting", PLAIN)
def test_early_octets_without_tls_are_held_until_the_answer(setting):
    """A peer that speaks before we know its path is heard once the answer is there."""
    stage = Stage(**setting).connected()
    stage.msrp = msrp.Session(THEIRS, OURS, active=True, accept_types=("text/plain",), token=Source(2, "peer").token)
    stage.spoken(stage.msrp.opened(0.0)).hears("early")
    assert stage.news == []
    stage.ordered(stage.media.agree([], 0.0)).settled()
    assert stage.news == [Up(), Heard("text/plain", b"early")]


def test_early_octets_are_bounded():
    """More than is reasonable before the answer: the connection is reset, and the next one may come."""
    stage = Stage(secure=False).connected()
    for _ in range(64):
        stage.sees(StreamData(STREAM, bytes(1024))).does_nothing()
    stage.sees(StreamData(STREAM, b"x")).does(AbortStream(STREAM))
    assert stage.news == []
    stage.sees(StreamOffered(STREAM)).does(AcceptStream(STREAM))


def test_early_payload_behind_tls_is_bounded():
    """Held payload of an unchecked peer has a limit too; beyond it the connection goes, and nothing was handed up."""
    stage = Stage(secure=True).connected()
    assert stage.tls is not None
    sent = 0
    while not stage.order:
        sent += 65_536
        assert sent < 4 << 20
        stage.secured(stage.tls.send(bytes(65_536))).settled()
    assert stage.order == ["abort"]
    assert stage.news == []


@pytest.mark.parametrize("setting", [EVERY[0], EVERY[4]])
@pytest.mark.parametrize("how", ["reset", "ends", "garbage"])
def test_an_early_connection_that_goes_ends_nothing(how, setting):
    """Before the answer nobody knows whose connection it is; the peer's own may still come."""
    stage = Stage(**setting)
    stage.ordered(stage.media.listen()).does(Listen(HERE))
    early = Stream(HERE, STRANGER)
    stage.sees(StreamOffered(early)).does(AcceptStream(early)).sees(StreamOpened(early)).does_nothing()
    if how == "reset":
        stage.sees(StreamClosed(early, Failure.RESET)).does_nothing()
    elif how == "ends":
        stage.sees(StreamEnded(early)).does(AbortStream(early))
    else:
        stage.sees(StreamData(early, b"\x16\x03\x01\xff\xff" + bytes(70_000))).take()
    assert stage.news == []
    stage.sees(StreamOffered(STREAM)).does(AcceptStream(STREAM)).sees(StreamOpened(STREAM))
    if stage.tls is not None:
        stage.secured(stage.tls.start()).settled()
    stage.ordered(stage.media.agree(stage.prints, 0.0)).settled()
    stage.spoken(stage.msrp.opened(0.0)).hears("at last")
    assert stage.news == [Up(), Heard("text/plain", b"at last")]


# One connection

@pytest.mark.parametrize("setting", [EVERY[0], EVERY[4]])
def test_a_second_connection_is_refused(setting):
    """The first connection stays; whoever else comes gets RST."""
    stage = Stage(**setting).up()
    second = Stream(HERE, STRANGER)
    stage.sees(StreamOffered(second)).does(RefuseStream(second), Drop)
    stage.hears("still here")
    assert stage.news == [Heard("text/plain", b"still here")]


def test_a_connection_that_never_came_up_leaves_the_place_free():
    """A SYN without the ACK behind it does not keep the peer out."""
    stage = Stage(secure=False)
    stage.ordered(stage.media.listen()).does(Listen(HERE))
    other = Stream(HERE, STRANGER)
    stage.sees(StreamOffered(other)).does(AcceptStream(other))
    stage.sees(StreamFailed(other, Failure.RESET)).does_nothing()
    assert stage.news == []
    stage.sees(StreamOffered(STREAM)).does(AcceptStream(STREAM))


def test_settled_on_active_the_listener_and_an_early_connection_go():
    """Offered actpass and listened; the answer says passive, so we open, and what came before is not the peer's."""
    stage = Stage(secure=False)
    stage.ordered(stage.media.listen()).does(Listen(HERE))
    early = Stream(HERE, STRANGER)
    stage.sees(StreamOffered(early)).does(AcceptStream(early)).sees(StreamOpened(early))
    stage.sees(StreamData(early, HELLO)).does_nothing()
    stage.ordered(stage.media.connect(THERE)).does(Unlisten(HERE), AbortStream(early), OpenStream(STREAM))
    stage.ordered(stage.media.agree([], 0.0)).does_nothing()
    assert stage.news == []
    stage.sees(StreamOpened(STREAM)).does(lambda c: isinstance(c, SendStream) and c.stream == STREAM)
    assert stage.news == [Up()]


def test_a_refused_connection_is_told():
    """Nobody listens at the peer's address."""
    stage = Stage(secure=False, opens=True)
    stage.ordered(stage.media.connect(THERE)).does(OpenStream(STREAM))
    stage.sees(StreamFailed(STREAM, Failure.REFUSED)).does_nothing()
    assert stage.news == [Down("refused")]
    stage.ordered(stage.media.close(0.0)).does_nothing()
    assert stage.media.finished


# The end

@pytest.mark.parametrize("setting", SECURE)
def test_close_notify_leaves_before_fin(setting):
    """RFC 8446 §6.1, RFC 5246 §7.2.1; the peer's answer ends it without a complaint."""
    stage = Stage(**setting).up()
    commands = stage.media.close(0.0)
    assert [type(c) for c in commands if not isinstance(c, Unlisten)] == [SendStream, EndStream]
    stage.ordered(commands).settled()
    assert any(isinstance(e, tls.PeerClosed) for e in stage.events)
    assert stage.tls is not None
    stage.secured(stage.tls.close()).settled()
    stage.sees(StreamEnded(STREAM)).does_nothing().sees(StreamClosed(STREAM)).does_nothing()
    assert stage.news == [Down("")]
    assert stage.media.finished
    stage.ordered(stage.media.close(0.0)).does_nothing()


@pytest.mark.parametrize("setting", SECURE)
def test_the_peers_close_notify_is_answered(setting):
    """The peer releases: close_notify and FIN of ours follow, then silence."""
    stage = Stage(**setting).up()
    assert stage.tls is not None
    stage.secured(stage.tls.close()).settled()
    assert stage.order.count("end") == 1
    assert any(isinstance(e, tls.PeerClosed) for e in stage.events)
    assert not stage.media.up
    stage.sees(StreamEnded(STREAM)).does_nothing().sees(StreamClosed(STREAM)).does_nothing()
    assert stage.news == [Down("")]


@pytest.mark.parametrize("setting", SECURE)
def test_fin_without_close_notify_is_reported(setting):
    """A truncation can't be told from an end: the session is over with a reason (RFC 8446 §6.1)."""
    stage = Stage(**setting).up()
    stage.sees(StreamEnded(STREAM)).settled()
    assert stage.news == [Down("the connection ended without close_notify")]
    assert stage.order.count("end") == 1


@pytest.mark.parametrize("setting", SECURE)
def test_fin_in_the_handshake_is_reported(setting):
    """The peer gives up before TLS is there."""
    stage = Stage(**setting)
    stage.ordered(stage.media.agree(stage.prints, 0.0))
    if setting["opens"]:
        stage.ordered(stage.media.connect(THERE)).does(OpenStream)
    else:
        stage.ordered(stage.media.listen()).does(Listen)
        stage.sees(StreamOffered(STREAM)).does(AcceptStream)
    stage.sees(StreamOpened(STREAM)).settled()
    stage.sees(StreamEnded(STREAM)).settled()
    assert stage.news == [Down("the connection ended during the handshake")]
    assert stage.order.count("end") == 1


@pytest.mark.parametrize("setting", PLAIN)
def test_without_tls_fin_is_an_orderly_end(setting):
    """The peer has nothing more to say: our half is closed too."""
    stage = Stage(**setting).up()
    stage.sees(StreamEnded(STREAM)).settled()
    assert stage.order[-1] == "end"
    stage.sees(StreamClosed(STREAM))
    assert stage.news == [Down("")]


@pytest.mark.parametrize("setting", EVERY)
def test_reset_is_reported_with_what_it_cost(setting):
    """RST: messages that nobody confirmed have failed (RFC 4975 §5.4)."""
    stage = Stage(**setting).up()
    message_id, commands = stage.media.send(b"lost", "text/plain", 0.0)
    stage.ordered(commands).take()
    stage.sees(StreamClosed(STREAM, Failure.RESET)).settled()
    assert stage.news == [NotTold(message_id, 0, "the connection ended"), Down("reset")]
    assert stage.media.finished
    assert stage.media.next_wakeup() is None


@pytest.mark.parametrize("setting", EVERY)
def test_what_arrives_behind_our_fin_is_not_answered(setting):
    """A message that crosses our FIN can't be answered any more: nothing leaves, nothing breaks."""
    stage = Stage(**setting).up()
    _, events = stage.msrp.send(b"crossing", "text/plain", 0.0)
    stage.ordered(stage.media.close(0.0)).take()
    stage.order.append("end")
    for event in events:
        if isinstance(event, msrp.Transmit):
            if stage.tls is None:
                stage.sees(StreamData(STREAM, event.octets)).does_nothing()
            else:
                stage.secured(stage.tls.send(event.octets)).settled()
    stage.sees(StreamData(STREAM, b"\x17\x03\x03\x00\x05wrong" * 9)).does_nothing()
    assert not stage.media.up


@pytest.mark.parametrize("setting", EVERY)
def test_a_peer_that_does_not_close_is_reset(setting):
    """After our FIN the peer has a limited time for its own."""
    stage = Stage(**setting).up()
    stage.ordered(stage.media.close(0.0)).take()
    stage.later(LINGER_SECONDS - 0.1).does_nothing().later(0.2).does(AbortStream(STREAM))
    assert stage.news == [Down("")]
    assert stage.media.finished
    stage.later(100).does_nothing()


@pytest.mark.parametrize("opens", [True, False])
def test_released_before_tcp_is_up(opens):
    """A call that ends while the connection is being opened leaves nothing behind."""
    stage = Stage(secure=True, opens=opens)
    if opens:
        stage.ordered(stage.media.connect(THERE)).does(OpenStream)
        stage.ordered(stage.media.close(0.0)).does(AbortStream(STREAM))
    else:
        stage.ordered(stage.media.listen()).does(Listen)
        stage.sees(StreamOffered(STREAM)).does(AcceptStream)
        stage.ordered(stage.media.close(0.0)).does(Unlisten(HERE), AbortStream(STREAM))
        stage.sees(StreamOffered(Stream(HERE, STRANGER))).does(RefuseStream, Drop)
    assert stage.media.finished


def test_released_before_anybody_came():
    """A listener without a connection is just taken away."""
    stage = Stage(secure=True)
    stage.ordered(stage.media.listen()).does(Listen)
    stage.ordered(stage.media.close(0.0)).does(Unlisten(HERE))
    assert stage.media.finished
    assert stage.news == []


# MSRP

@pytest.mark.parametrize("setting", EVERY)
def test_a_violation_aborts(setting):
    """A stream that can't be cut into messages is of no more use: RST, and the reason."""
    stage = Stage(**setting).up()
    if stage.tls is None:
        stage.sees(StreamData(STREAM, b"GET / HTTP/1.1\r\n\r\n"))
    else:
        stage.secured(stage.tls.send(b"GET / HTTP/1.1\r\n\r\n"))
    stage.settled()
    (down,) = stage.news
    assert isinstance(down, Down)
    assert "RFC 4975" in down.reason
    assert stage.order[0] == "abort"
    stage.ordered(stage.media.close(0.0)).does_nothing()


@pytest.mark.parametrize("setting", EVERY)
def test_a_session_that_the_peer_does_not_know_ends(setting):
    """481 to what we say: the session is over, and asking for more is never tried (RFC 4975 §7.1)."""
    stage = Stage(**setting).up()
    stage.msrp = msrp.Session(
        THEIRS.replace("/theirs", "/another"), OURS, active=False, accept_types=("text/plain",),
        token=Source(3, "peer").token)
    stage.msrp.opened(0.0)
    message_id = stage.says("anybody?")
    assert stage.news == [NotTold(message_id, 481, "No Such Session"),
                          Down("the peer does not know the MSRP session")]
    assert stage.order.count("end") == 1
    assert not stage.media.up


@pytest.mark.parametrize("setting", EVERY)
def test_a_message_without_response_fails(setting):
    """RFC 4975 §7.1.1: 30 s without a response, and the message has failed."""
    stage = Stage(**setting).up()
    message_id, commands = stage.media.send(b"hello?", "text/plain", stage.now)
    stage.ordered(commands).take()
    stage.later(29).does_nothing()
    assert stage.news == []
    stage.later(2).does_nothing()
    assert stage.news == [NotTold(message_id, 408, "no response within 30 s")]


def test_a_full_queue_is_no_news():
    """What is unanswered is bounded by MSRP's window, so a full send queue needs nothing done."""
    stage = Stage(secure=False).up()
    stage.sees(StreamFull(STREAM)).does_nothing().sees(StreamWritable(STREAM)).does_nothing()


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=6), st.sampled_from([
    {"secure": False}, {"secure": True}, {"secure": True, "opens": True}]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_garbage_never_escapes(portions, setting, agreed):
    """Whatever arrives on the media port, nothing is raised, and nothing is handed up from an unchecked peer."""
    stage = Stage(**setting)
    if agreed:
        stage.ordered(stage.media.agree(stage.prints, 0.0))
    if stage.opens:
        stage.ordered(stage.media.connect(THERE))
    else:
        stage.ordered(stage.media.listen())
        stage.take()
        stage.sees(StreamOffered(STREAM))
    stage.take()
    stage.sees(StreamOpened(STREAM)).take()
    for happened in (*(StreamData(STREAM, one) for one in portions), StreamEnded(STREAM), StreamClosed(STREAM)):
        if stage.media.concerns(happened):
            stage.sees(happened).take()
    if setting["secure"]:
        assert not any(isinstance(one, Heard | Up) for one in stage.news)


# Both ends at once, pauses, and resets on purpose

@pytest.mark.parametrize("setting", EVERY)
def test_both_close_at_once(setting):
    """Our FIN is out when the peer's comes: nothing more is sent, and the end is an orderly one."""
    stage = Stage(**setting).up()
    stage.ordered(stage.media.close(0.0))
    (*_, last) = stage.take()
    assert isinstance(last, EndStream)
    if stage.tls is not None:
        for event in stage.tls.close():
            if isinstance(event, tls.Transmit):
                stage.sees(StreamData(STREAM, event.octets)).does_nothing()
    stage.sees(StreamEnded(STREAM)).does_nothing().sees(StreamClosed(STREAM)).does_nothing()
    assert stage.news == [Down("")]
    assert stage.media.finished


@pytest.mark.parametrize("setting", EVERY)
def test_a_reset_on_purpose(setting):
    """RST, the listener goes, and what was not confirmed has failed; a close behind it does nothing."""
    stage = Stage(**setting).up()
    message_id, commands = stage.media.send(b"lost", "text/plain", 0.0)
    stage.ordered(commands).take()
    stage.ordered(stage.media.reset(0.0))
    assert [type(command) for command in stage.take() if not isinstance(command, Unlisten)] == [AbortStream]
    assert stage.news == [NotTold(message_id, 0, "the connection ended"), Down("the connection is reset on purpose")]
    stage.ordered(stage.media.close(0.0)).does_nothing()
    assert stage.media.finished
    assert not stage.media.alive


@pytest.mark.parametrize("setting", EVERY)
def test_a_pause_lets_responses_and_reports_through(setting):
    """RFC 4975 §8: a direction restricts SENDs with content; what the peer sends is answered and reported on."""
    stage = Stage(**setting).up()
    stage.ordered(stage.media.pause(True, 0.0)).does_nothing()
    message_id, commands = stage.media.send(b"later", "text/plain", 0.0)
    stage.ordered(commands).does_nothing()
    stage.hears("now")
    assert stage.news == [Heard("text/plain", b"now")]
    assert any(isinstance(event, msrp.Delivered) for event in stage.events)
    stage.ordered(stage.media.pause(False, 0.0)).settled()
    assert stage.news == [Told(message_id)]


@pytest.mark.parametrize("setting", EVERY)
def test_a_pause_before_the_session_is_up_holds(setting):
    """Held from the start: the active side's first SEND has no body and leaves, content does not."""
    stage = Stage(**setting)
    stage.ordered(stage.media.pause(True, 0.0)).does_nothing()
    stage.up()
    message_id, commands = stage.media.send(b"later", "text/plain", 0.0)
    stage.ordered(commands).does_nothing()
    stage.ordered(stage.media.pause(False, 0.0)).settled()
    assert stage.news == [Told(message_id)]
