"""New offers inside a call: ours and the peer's, kept and replaced connections, hold, glare, and what fails."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ue_stage import BOB, IDENTITY, MEDIA, Line, Pair, Peer, answer, offer, talking

from workbench.net.values import (
    AbortStream,
    AcceptStream,
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
    StreamOffered,
    StreamOpened,
    Unlisten,
)
from workbench.nodes.orders import Call, HangUp, ReOffer, SendFile, SendText
from workbench.nodes.ue import PATIENCE_SECONDS
from workbench.protocols import sdp, sip

OTHER = "msrp://198.51.100.1:31000/other;tcp"
MOVED = offer("active", port=9, path=OTHER)
"""Bob's new offer with a new path: another connection."""


def stream_of(body: bytes) -> sdp.Media:
    return sdp.decode(body).media[0]


def version(body: bytes) -> int:
    origin = sdp.decode(body).origin
    assert origin is not None
    return int(origin.version)


class InCall:
    """Alice was called by Bob and is passive, or has called him and is active; the connection is up."""

    def __init__(self, *, passive: bool, **more: object) -> None:
        self.passive = passive
        if passive:
            self.line, here = Line(**more).called()
            self.stream = Stream(here, MEDIA)
            self.line.sees(StreamOffered(self.stream)).does(AcceptStream)
        else:
            self.line, self.stream = Line(**more).calling()
        first = next(sip.decode(c.data) for c in reversed(self.line.all) if hasattr(c, "data") and b"v=0" in c.data)
        self.described = first.body
        self.path = stream_of(first.body).attribute("path") or ""
        self.line.sees(StreamOpened(self.stream))
        self.line.take()

    def re_invites(self, body: str, branch: str = "") -> Line:
        """Bob sends an INVITE inside the dialog."""
        assert self.line.dialog is not None
        self.line.dialog, request = self.line.dialog.request(
            "INVITE", contact="<sip:bob@198.51.100.5>", body=body.encode())
        return self.line.says(request, branch)

    def acknowledges(self) -> None:
        assert self.line.dialog is not None
        self.line.says(self.line.dialog.ack())

    @property
    def agreed(self) -> str:
        """Bob's description that is in place, as he would repeat it in an offer that keeps the connection."""
        return offer("active") if self.passive else offer("actpass", port=30000)


SIDES = pytest.mark.parametrize("passive", [True, False], ids=["passive", "active"])


# Bob's offers

@SIDES
@pytest.mark.parametrize("more", ["", "a=connection:existing\r\n", "a=connection:new\r\n"])
def test_the_same_ends_keep_the_connection(passive, more):
    """RFC 6135 §4.3: path and port as before: nothing happens on the connection, whatever a=connection says."""
    call = InCall(passive=passive)
    call.re_invites(call.agreed + more)
    body = call.line.hears_status(200).body
    call.line.does_nothing()
    assert stream_of(body).attribute("path") == call.path
    assert stream_of(body).attribute("setup") == ("passive" if passive else "active")
    assert stream_of(body).attribute("connection") == ("existing" if more else None)
    assert version(body) == version(call.described) + bool(more), "one more only where something has changed"
    call.acknowledges()
    call.line.later(40).does_nothing()


@SIDES
@pytest.mark.parametrize("what", [
    ("bob;tcp", "bob2;tcp"), ("c=IN IP4 198.51.100.1", "c=IN IP4 198.51.100.2"), ("m=message", "m=message")])
def test_another_end_gets_another_connection(passive, what):
    """A new path, or a new address: a new port and session-id of ours, the old connection is closed."""
    call = InCall(passive=passive)
    body = call.agreed.replace(*what)
    if what[0] == what[1]:
        body = offer("active", port=31000, path=OTHER)
    call.re_invites(body + "a=connection:new\r\n")
    call.line.does(Listen)
    response = call.line.hears_status(200)
    ours = stream_of(response.body)
    assert ours.attribute("path") != call.path
    assert ours.port not in (9, call.stream.local.port)
    assert ours.attribute("connection") == "new"
    assert version(response.body) == version(call.described) + 1
    told = call.line.take()
    assert EndStream(call.stream, told[-1].why) == told[-1]
    assert [type(c) for c in told] == ([Unlisten, EndStream] if passive else [EndStream])
    assert ours.port is not None
    new = Stream(msgspec.structs.replace(call.stream.local, port=ours.port), MEDIA)
    call.line.sees(StreamOffered(new)).does(AcceptStream).sees(StreamOpened(new)).does_nothing()
    call.line.sees(StreamEnded(call.stream)).does_nothing().sees(StreamClosed(call.stream)).does_nothing()
    own = stream_of(body.encode()).attribute("path") or ""
    peer = Peer(call.line, new, ours.attribute("path") or "", active=True, own=own).reads()
    call.line.asked(SendText("on the new one"))
    peer.reads()
    assert peer.heard == [b"on the new one"]


def test_roles_come_from_the_new_exchange():
    """Bob offers passive with a new path: Alice, who was passive, opens the new connection."""
    call = InCall(passive=True)
    call.re_invites(offer("passive", port=31000, path=OTHER))
    response = call.line.hears_status(200)
    assert stream_of(response.body).attribute("setup") == "active"
    call.line.does(Unlisten, EndStream(call.stream), OpenStream)


@pytest.mark.parametrize("how", ["reset", "fin", "refused"])
def test_a_lost_connection_is_made_anew(how):
    """RFC 4975 §5.4: a session whose connection is gone comes back with a new exchange, even with the same path."""
    call = InCall(passive=False)
    if how == "fin":
        call.line.sees(StreamEnded(call.stream)).does(EndStream).sees(StreamClosed(call.stream))
    else:
        call.line.sees(StreamClosed(call.stream, Failure.RESET))
    call.re_invites(offer("passive", port=30000))
    ours = stream_of(call.line.hears_status(200).body)
    assert ours.attribute("path") != call.path
    call.line.does(OpenStream)
    assert any("the media session is over" in note for note in call.line.notes())


@SIDES
def test_a_stream_beside_is_refused_by_itself(passive):
    """RFC 3264 §6: the second m= line is answered with port 0, the first one goes on, and later offers repeat both."""
    call = InCall(passive=passive)
    call.re_invites(call.agreed + "m=audio 4000 RTP/AVP 0\r\n")
    told = sdp.decode(call.line.hears_status(200).body).media
    assert [(one.media, one.rejected) for one in told] == [("message", False), ("audio", True)]
    call.acknowledges()
    call.line.does_nothing().asked(ReOffer())
    invite = call.line.hears_request("INVITE")
    assert [(one.media, one.rejected) for one in sdp.decode(invite.body).media] == [
        ("message", False), ("audio", True)]


@SIDES
@pytest.mark.parametrize("body", [
    "nonsense", "v=0\r\n", offer(port=70000), offer(path="http://x/"), offer(proto="TCP/BFCP"),
    offer(proto="TCP/TLS/MSRP"), offer() + "m=audio 1 RTP/AVP 0\r\n" * 16, offer("passive", path="msrp://name/x;tcp"),
    offer("passive", port=31000, path="msrp://192.0.2.9:31000/x;tcp").replace("a=msrp-cema\r\n", ""),
    offer().replace("c=IN IP4 198.51.100.1\r\n", ""), offer("passive", port=31000).replace("IP4 198.51", "IP4 x.198"),
], ids=["nonsense", "no stream", "port", "path", "BFCP", "TLS", "seventeen", "no port", "A1", "no c=", "name"])
def test_an_offer_that_cant_be_taken_changes_nothing(passive, body):
    """RFC 3261 §14.2: 488, and the session is as it was: messages still pass, and BYE still ends it."""
    call = InCall(passive=passive)
    call.re_invites(body).hears_status(488)
    call.line.does_nothing()
    peer = Peer(call.line, call.stream, call.path, active=passive).reads()
    call.line.asked(SendText("still here"))
    peer.reads()
    assert peer.heard == [b"still here"]
    call.line.within("BYE").hears_status(200)


@given(st.builds(
    lambda base, at, put: base[: at % len(base)] + put + base[at % len(base) + len(put):],
    st.sampled_from([offer().encode(), MOVED.encode(), offer("actpass", "TCP/TLS/MSRP", 30000).encode()]),
    st.integers(0, 400), st.binary(min_size=1, max_size=8)), st.booleans())
@settings(max_examples=150, deadline=None)
def test_hostile_sdp_in_a_re_invite(body, passive):
    """Whatever SDP comes: one final response, nothing raised, and the call can be ended."""
    call = InCall(passive=passive)
    assert call.line.dialog is not None
    call.line.dialog, request = call.line.dialog.request("INVITE", contact="<sip:bob@198.51.100.5>", body=body)
    call.line.says(request)
    answers = [sip.decode(c.data) for c in call.line.take() if hasattr(c, "remote") and hasattr(c, "data")]
    assert [one.status for one in answers if isinstance(one, sip.Response)] in ([200], [488])
    call.line.within("BYE")
    assert b"SIP/2.0 200" in call.line.open[0].data  # type: ignore[union-attr]


def test_many_new_offers_hold_little():
    """Each makes another media session, and none ever connects: former ones are forgotten, the listeners too."""
    call = InCall(passive=True)
    listening: set[object] = {call.stream.local}
    for number in range(40):
        call.re_invites(offer("active", path=f"msrp://198.51.100.1:31000/n{number};tcp"))
        for command in call.line.take():
            if isinstance(command, Listen):
                listening.add(command.local)
            elif isinstance(command, Unlisten):
                listening.remove(command.local)
        call.acknowledges()
        assert len(listening) == 1


def test_offers_that_leave_connections_behind_are_bounded():
    """A peer that connects each time and never closes: from the eighth on 500 with Retry-After, until some are gone."""
    call = InCall(passive=True)
    statuses: list[int] = []
    for number in range(12):
        call.re_invites(offer("active", path=f"msrp://198.51.100.1:31000/n{number};tcp"))
        (status,) = [sip.decode(c.data).status for c in call.line.open  # type: ignore[union-attr]
                     if hasattr(c, "data") and c.data.startswith(b"SIP/2.0")]
        statuses.append(status)
        here = next((c.local for c in call.line.take() if isinstance(c, Listen)), None)
        call.acknowledges()
        if here is not None:
            new = Stream(here, MEDIA)
            call.line.sees(StreamOffered(new)).does(AcceptStream).sees(StreamOpened(new)).does_nothing()
    assert statuses == [200] * 7 + [500] * 5
    call.line.later(60)
    call.line.take()
    call.re_invites(MOVED)
    assert any(b"SIP/2.0 200" in c.data for c in call.line.take() if hasattr(c, "data"))


def test_a_stream_that_is_taken_away():
    """RFC 3264 §8.2: port 0 is answered with port 0; the connection goes, the call stays until BYE."""
    call = InCall(passive=True)
    call.re_invites(offer(port=0))
    media = stream_of(call.line.hears_status(200).body)
    assert media.rejected
    call.line.does(Unlisten, EndStream(call.stream)).does_nothing()
    call.line.sees(StreamEnded(call.stream)).does_nothing().sees(StreamClosed(call.stream)).does_nothing()
    call.acknowledges()
    call.line.asked(SendText("hello?")).does_nothing()
    call.re_invites(offer("active"))
    call.line.does(Listen)
    assert not stream_of(call.line.hears_status(200).body).rejected
    call.line.within("BYE").hears_status(200)


def test_a_re_invite_without_ack_ends_the_call():
    """RFC 3261 §13.3.1.4 holds for every 2xx to INVITE: BYE after 32 s."""
    call = InCall(passive=True)
    call.re_invites(call.agreed).hears_status(200)
    call.line.later(40)
    methods = [sip.decode(c.data) for c in call.line.take() if hasattr(c, "data") and b"SIP/2.0" in c.data]
    assert any(isinstance(one, sip.Request) and one.method == "BYE" for one in methods)


def test_the_peers_contact_is_the_new_target():
    """RFC 3261 §12.2.2: a re-INVITE refreshes the target, so that our BYE goes there."""
    call = InCall(passive=True)
    assert call.line.dialog is not None
    call.line.dialog, request = call.line.dialog.request(
        "INVITE", contact="<sip:bob@192.0.2.200>", body=call.agreed.encode())
    call.line.says(request).hears_status(200)
    call.acknowledges()
    assert call.line.asked(HangUp()).hears_request("BYE").uri == "sip:bob@192.0.2.200"


# Bob leaves the offer to us

def asked_for_offer(*, passive: bool) -> tuple[InCall, sdp.Media]:
    call = InCall(passive=passive)
    call.re_invites("")
    response = call.line.hears_status(200)
    call.line.does_nothing()
    return call, stream_of(response.body)


def answered_in_ack(call: InCall, body: str) -> Line:
    assert call.line.dialog is not None
    return call.line.says(call.line.dialog.ack(body.encode()))


@SIDES
def test_an_invite_without_offer_gets_ours(passive):
    """RFC 3261 §14.2: the 2xx has our offer, to keep the connection; the answer in the ACK settles it."""
    call, ours = asked_for_offer(passive=passive)
    assert ours.attribute("path") == call.path
    assert ours.attribute("setup") == ("actpass" if passive else "active")
    assert ours.attribute("connection") == "existing"
    answered_in_ack(call, answer("active", port=9) if passive else answer()).does_nothing()
    call.line.later(40).does_nothing()
    call.line.within("BYE").hears_status(200)


def test_the_answer_in_the_ack_may_name_another_end():
    """As in a 200: another connection."""
    call, _ = asked_for_offer(passive=False)
    answered_in_ack(call, answer(path=OTHER))
    ended, opened = call.line.take()
    assert isinstance(ended, EndStream)
    assert isinstance(opened, OpenStream)


@pytest.mark.parametrize("body", ["", "nonsense", answer("actpass"), answer(path="nothing")])
def test_an_ack_without_a_usable_answer_ends_the_call(body):
    """There is an offer without an answer, so there is no agreement: BYE."""
    call, _ = asked_for_offer(passive=False)
    answered_in_ack(call, body)
    call.line.hears_request("BYE")


def test_an_offer_that_gets_no_ack_ends_the_call():
    """RFC 3261 §13.3.1.4: BYE; and the next call is a call like any other."""
    call, _ = asked_for_offer(passive=True)
    call.line.waits(40)
    bye = call.line.hears_request("BYE")
    call.line.answers(bye, 200)
    call.line.does(Unlisten, EndStream(call.stream)).does_nothing()
    call.line.calls(offer())
    call.line.hears_status(180)


def test_bye_instead_of_the_ack():
    """The peer hangs up while our offer waits for its answer: all is over, and a late ACK starts nothing."""
    call, _ = asked_for_offer(passive=True)
    dialog = call.line.dialog
    assert dialog is not None
    call.line.within("BYE").hears_status(200)
    call.line.does(Unlisten, EndStream(call.stream))
    call.line.says(dialog.ack(answer().encode())).does_nothing()


def test_no_second_offer_before_the_ack():
    """RFC 3261 §14.2: 500 with Retry-After while the first one is not settled."""
    call, _ = asked_for_offer(passive=True)
    call.re_invites(call.agreed)
    assert call.line.hears_status(500).headers.get("Retry-After") == "5"


def test_a_lost_connection_is_offered_anew():
    """There is nothing to keep, so our offer has a new port and path, and a=connection:new."""
    call = InCall(passive=True)
    call.line.sees(StreamClosed(call.stream, Failure.RESET)).does(Unlisten)
    call.re_invites("")
    ours = stream_of(call.line.hears_status(200).body)
    assert ours.attribute("path") != call.path
    assert ours.attribute("connection") == "new"
    answered_in_ack(call, answer())
    call.line.does(OpenStream)


# Our offers

@SIDES
def test_our_offer_keeps_the_connection(passive):
    """Same port and path, a=connection:existing; a passive side offers actpass (RFC 6135 §4.2.1). CSeq goes up."""
    call = InCall(passive=passive)
    re_invite = call.line.asked(ReOffer()).hears_request("INVITE")
    call.line.does_nothing()
    ours = stream_of(re_invite.body)
    assert ours.attribute("path") == call.path
    assert ours.attribute("connection") == "existing"
    assert ours.attribute("setup") == ("actpass" if passive else "active")
    assert ours.port == (call.stream.local.port if passive else 9)
    assert re_invite.cseq.number == (1 if passive else 2)
    assert version(re_invite.body) == version(call.described) + 1
    call.line.answers(re_invite, 200, answer("active", port=9) if passive else answer())
    assert call.line.hears_request("ACK").cseq.number == re_invite.cseq.number
    call.line.does_nothing()
    again = call.line.asked(ReOffer()).hears_request("INVITE")
    assert again.cseq.number == re_invite.cseq.number + 1
    assert version(again.body) == version(re_invite.body), "RFC 3264 §8: nothing has changed"


@SIDES
@pytest.mark.parametrize("setup", [None, "active", "actpass", "holdconn"])
def test_our_offer_of_a_new_connection(passive, setup):
    """A new port and a new session-id; the old connection goes when the answer is there, not before."""
    call = InCall(passive=passive)
    call.line.asked(ReOffer("new", setup=setup))
    if setup in ("actpass", "holdconn"):
        call.line.does(Listen)
    re_invite = call.line.hears_request("INVITE")
    call.line.does_nothing()
    ours = stream_of(re_invite.body)
    assert ours.attribute("path") != call.path
    assert ours.attribute("connection") == "new"
    assert ours.attribute("setup") == (setup or "active")
    call.line.answers(re_invite, 200, answer(path=OTHER, port=31000))
    call.line.hears_request("ACK")
    told = call.line.take()
    assert [type(c) for c in told if not isinstance(c, Unlisten)] == [EndStream, OpenStream]
    opened = told[-1]
    assert isinstance(opened, OpenStream)
    assert opened.stream.remote.port == 31000
    assert opened.stream.local.port != call.stream.local.port


@SIDES
@pytest.mark.parametrize("status", [400, 488, 500, 503, 606])
@pytest.mark.parametrize("order", [ReOffer(), ReOffer("new", setup="actpass"), ReOffer(hold=True)])
def test_a_refused_offer_leaves_the_session(passive, status, order):
    """RFC 3261 §14.1: as it was; what was made for the offer goes; messages still pass."""
    call = InCall(passive=passive)
    call.line.asked(order)
    if order.connection == "new":
        call.line.does(Listen)
    call.line.answers(call.line.hears_request("INVITE"), status)
    call.line.hears_request("ACK")
    if order.connection == "new":
        call.line.does(Unlisten)
    call.line.does_nothing()
    peer = Peer(call.line, call.stream, call.path, active=passive).reads()
    call.line.asked(SendText("still here"))
    peer.reads()
    assert peer.heard == [b"still here"]
    assert any(f"the new offer failed: {status}" in note for note in call.line.notes())


@pytest.mark.parametrize("status", [408, 481])
def test_a_dialog_that_is_gone_ends_the_call(status):
    """RFC 3261 §12.2.1.2: 481 and 408 say that there is no dialog any more."""
    call = InCall(passive=False)
    call.line.answers(call.line.asked(ReOffer()).hears_request("INVITE"), status)
    call.line.hears_request("ACK")
    call.line.answers(call.line.hears_request("BYE"), 481)
    call.line.does(EndStream(call.stream))


@pytest.mark.parametrize("body", ["", answer(path="nothing"), answer("actpass"), answer("active", port=9)])
def test_an_answer_that_cant_be_used_ends_the_call(body):
    """The peer believes in an agreement that there is not: ACK, BYE."""
    call = InCall(passive=False)
    call.line.answers(call.line.asked(ReOffer()).hears_request("INVITE"), 200, body)
    call.line.hears_request("ACK")
    call.line.hears_request("BYE")


def test_the_target_is_refreshed_by_the_answer():
    """RFC 3261 §12.2.1.2: the Contact of the 2xx is where the next request goes."""
    call = InCall(passive=False)
    re_invite = call.line.asked(ReOffer()).hears_request("INVITE")
    moved = sip.response(re_invite, 200, "OK", contact="<sip:bob@192.0.2.201>", body=answer().encode())
    call.line.says(moved)
    assert call.line.hears_request("ACK").uri == "sip:bob@192.0.2.201"
    assert call.line.asked(HangUp()).hears_request("BYE").uri == "sip:bob@192.0.2.201"


@pytest.mark.parametrize("port", [9, 30000])
def test_port_9_is_no_other_address(port):
    """A side that was passive may call itself active in a later description, with port 9: it is the same end."""
    call = InCall(passive=False)
    call.re_invites(offer("active" if port == 9 else "actpass", port=port))
    assert call.path == stream_of(call.line.hears_status(200).body).attribute("path")
    call.line.does_nothing()


def test_our_offer_answered_with_another_path():
    """We offer to keep, Bob moves: a connection of its own, from another port since the former is still closing."""
    call = InCall(passive=False)
    call.line.answers(call.line.asked(ReOffer()).hears_request("INVITE"), 200, answer(path=OTHER))
    call.line.hears_request("ACK")
    ended, opened = call.line.take()
    assert isinstance(ended, EndStream)
    assert isinstance(opened, OpenStream)
    assert opened.stream.remote == call.stream.remote
    assert opened.stream.local.port != call.stream.local.port


def test_our_offer_answered_with_port_0():
    """RFC 3264 §6: the stream is refused, so it is gone, and so is its connection."""
    call = InCall(passive=False)
    call.line.answers(call.line.asked(ReOffer()).hears_request("INVITE"), 200, answer(port=0))
    call.line.hears_request("ACK")
    call.line.does(EndStream(call.stream)).does_nothing()
    call.line.within("BYE").hears_status(200)


def test_no_offer_without_a_call():
    """An order that can't be carried out is told, and the next one is taken up."""
    line = Line()
    line.asked(ReOffer()).does_nothing().later(PATIENCE_SECONDS + 1).does_nothing()
    line.asked(Call(BOB)).hears_request("INVITE")
    assert "no new offer is made: there is no call" in line.notes()


def test_bye_overtakes_our_offer():
    """The peer hangs up while our re-INVITE is out: everything goes, and its late answer starts nothing."""
    call = InCall(passive=False)
    re_invite = call.line.asked(ReOffer("new", setup="actpass")).does(Listen).hears_request("INVITE")  # type: ignore[attr-defined]
    call.line.within("BYE").hears_status(200)
    call.line.take()
    call.line.answers(re_invite, 487)
    call.line.hears_request("ACK")
    call.line.does_nothing()


# Glare

@SIDES
def test_both_offer_at_once(passive):
    """RFC 3261 §14.1, §14.2: 491 both ways; the owner of the Call-ID waits 2.1 to 4 s, the other one 0 to 2 s."""
    call = InCall(passive=passive)
    re_invite = call.line.asked(ReOffer()).hears_request("INVITE")
    call.re_invites(call.agreed).hears_status(491)
    call.line.answers(re_invite, 491)
    call.line.hears_request("ACK")
    low, high = (0.0, 2.0) if passive else (2.1, 4.0)
    call.line.waits(max(low - 0.05, 0)).does_nothing()
    call.line.waits(high - low + 0.1)
    again = call.line.hears_request("INVITE")
    assert again.cseq.number == re_invite.cseq.number + 1
    call.line.answers(again, 200, answer("active", port=9) if passive else answer())
    call.line.hears_request("ACK")
    call.line.does_nothing()


def test_glare_without_end_is_given_up():
    """A peer that says 491 for ever: told, and the session is as it was."""
    call = InCall(passive=True)
    call.line.asked(ReOffer())
    count = 0
    while call.line.open:
        invite = call.line.hears_request("INVITE")
        call.line.answers(invite, 491)
        call.line.hears_request("ACK")
        count += 1
        call.line.waits(2.1)
    assert count == 8
    assert any("the new offer failed: 491" in note for note in call.line.notes())


def test_the_peers_offer_is_taken_between_two_tries():
    """While we wait after 491, Bob's own offer comes through; ours is then made of what is in place."""
    call = InCall(passive=False)
    call.line.answers(call.line.asked(ReOffer()).hears_request("INVITE"), 491)
    call.line.hears_request("ACK")
    call.re_invites(offer("active", path=OTHER)).does(Listen)
    moved = stream_of(call.line.hears_status(200).body)
    call.line.does(EndStream)
    call.acknowledges()
    call.line.later(4.1)
    again = next(one for c in call.line.take() if hasattr(c, "data") and isinstance(
        one := sip.decode(c.data), sip.Request) and one.method == "INVITE")
    assert stream_of(again.body).attribute("path") == moved.attribute("path")


# Hold

@SIDES
@pytest.mark.parametrize(("offered", "answered"), [
    ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive"), ("sendrecv", None)])
@pytest.mark.parametrize("level", ["media", "session"])
def test_the_direction_is_answered(passive, offered, answered, level):
    """RFC 3264 §6.1; at session level it holds for the stream (RFC 8866 §6.7)."""
    call = InCall(passive=passive)
    line = f"a={offered}\r\n"
    body = call.agreed + line if level == "media" else call.agreed.replace("t=0 0\r\n", f"t=0 0\r\n{line}")
    call.re_invites(body)
    media = stream_of(call.line.hears_status(200).body)
    said = [one for one in ("sendonly", "recvonly", "inactive", "sendrecv") if media.attribute(one) is not None]
    assert said == ([answered] if answered else [])


def test_on_hold_no_content_is_sent():
    """a=sendonly of Bob: what Alice has to say waits; a SEND of Bob's is answered and reported on (RFC 4975 §8)."""
    line, peer = talking()
    call_body = offer("actpass", port=30000)
    assert line.dialog is not None
    line.dialog, request = line.dialog.request("INVITE", contact="<sip:bob@192.0.2.9>", body=(
        call_body + "a=sendonly\r\n").encode())
    line.says(request).hears_status(200)
    line.says(line.dialog.ack())
    line.asked(SendText("later")).does_nothing()
    _, events = peer.msrp.send(b"listen", "text/plain", line.now)
    peer.tell(events)
    peer.reads()
    assert "heard: listen" in line.notes()
    assert any(type(event).__name__ == "Delivered" for event in peer.events), "the REPORT flows"
    line.dialog, request = line.dialog.request("INVITE", contact="<sip:bob@192.0.2.9>", body=call_body.encode())
    line.says(request).hears_status(200)
    peer.reads()
    assert peer.heard == [b"later"]


def test_a_person_does_not_wait_for_ever_on_hold():
    """What could not be said in time is dropped with a note, and is not said when the hold ends."""
    line, peer = talking()
    body = offer("actpass", port=30000)
    for more in ("a=sendonly\r\n", ""):
        assert line.dialog is not None
        line.dialog, request = line.dialog.request(
            "INVITE", contact="<sip:bob@192.0.2.9>", body=(body + more).encode())
        line.says(request).hears_status(200)
        line.says(line.dialog.ack())
        if more:
            line.asked(SendText("too late")).later(PATIENCE_SECONDS + 1).does_nothing()
    peer.reads()
    assert peer.heard == []
    assert "nobody to say 'too late' to: on hold" in line.notes()


def test_hold_stops_a_file_between_two_chunks():
    """What is on its way is not cut off; no further chunk leaves until the hold is over, then the file is whole."""
    pair = Pair({"chunk": 2048}, delay=0.05).asks("A", Call("sip:b@one.example")).until(2)
    pair.asks("A", SendFile(400_000)).until(2.3)
    pair.asks("B", ReOffer(hold=True)).until(3.5)
    held = len(pair.segments())
    pair.until(20)
    assert len(pair.segments()) == held, "nothing leaves while it is held"
    assert pair.heard("B") == []
    pair.asks("B", ReOffer()).until(60)
    assert [text.split(" ")[0] for text in pair.heard("B")] == ["400000"]


def test_our_hold_stays_when_the_peer_offers():
    """We hold; Bob's new offer of sendrecv is answered with sendonly, until we end the hold."""
    call = InCall(passive=True)
    re_invite = call.line.asked(ReOffer(hold=True)).hears_request("INVITE")
    assert stream_of(re_invite.body).attribute("sendonly") is not None
    call.line.answers(re_invite, 200, answer("active", "TCP/MSRP", 9, "a=recvonly"))
    call.line.hears_request("ACK")
    call.re_invites(call.agreed)
    assert stream_of(call.line.hears_status(200).body).attribute("sendonly") is not None
    call.acknowledges()
    re_invite = call.line.asked(ReOffer()).hears_request("INVITE")
    assert stream_of(re_invite.body).attribute("sendonly") is None


def test_a_peer_that_does_not_respect_hold_can_still_be_told():
    """The answer to our hold says sendrecv, which is no legal answer: we may send, as sendonly says."""
    line, peer = talking()
    re_invite = line.asked(ReOffer(hold=True)).hears_request("INVITE")
    line.answers(re_invite, 200, answer())
    line.hears_request("ACK")
    line.asked(SendText("music"))
    peer.reads()
    assert peer.heard == [b"music"]


# TLS

def test_another_certificate_is_another_end():
    """A changed fingerprint with the same path: the connection can't be the one to that end (RFC 8122 §6)."""
    print_ = IDENTITY.fingerprint().encode()
    body = offer(proto="TCP/TLS/MSRP", path="msrps://198.51.100.1:30000/bob;tcp") + f"a=fingerprint:{print_}\r\n"
    line, here = Line(media_security=True).called(body)
    assert line.dialog is not None
    stream = Stream(here, MEDIA)
    line.sees(StreamOffered(stream)).does(AcceptStream)
    line.dialog, request = line.dialog.request("INVITE", contact="<sip:bob@192.0.2.9>", body=body.encode())
    line.says(request).hears_status(200)
    line.does_nothing()
    changed = body.replace(print_, "SHA-256 " + ":".join(["AB"] * 32))
    line.dialog, request = line.dialog.request("INVITE", contact="<sip:bob@192.0.2.9>", body=changed.encode())
    line.says(request).does(Listen)
    line.hears_status(200)
    line.does(Unlisten, AbortStream(stream))


# On the wire

@pytest.mark.parametrize("who", ["A", "B"])
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("setup", [None, "active", "actpass"])
def test_a_new_connection_on_the_wire(who, secure, setup):
    """Either side makes the offer: two connections one after the other, both ended by FIN, messages on both."""
    more = {"media_security": secure}
    pair = Pair(more, more)
    pair.asks("A", Call("sip:b@one.example"), SendText("one")).until(2)
    pair.asks(who, ReOffer("new", setup=setup)).until(4)
    pair.asks("A", SendText("two")).asks("B", SendText("three")).until(6)
    pair.asks("A", HangUp()).until(60)
    assert pair.heard("B") == ["one", "two"]
    assert pair.heard("A") == ["three"]
    assert len(pair.opened()) == 2
    assert not any(segment.flags & 4 for segment in pair.segments()), "RST"


@pytest.mark.parametrize("seed", range(6))
def test_glare_on_the_wire(seed):
    """Both offer in the same moment, on a wire that loses and reorders: both come through, one after the other."""
    pair = Pair(seed=seed, loss=0.05 * (seed % 2), delay=0.02)
    pair.asks("A", Call("sip:b@one.example")).until(10)
    pair.asks("A", ReOffer("new")).asks("B", ReOffer("new")).until(60)
    pair.asks("A", SendText("after")).asks("B", SendText("all")).until(80)
    assert (pair.heard("A"), pair.heard("B")) == (["all"], ["after"])
    assert pair.statuses("INVITE").count(491) == 2


def test_messages_that_the_old_connection_held_are_told():
    """A message that was not confirmed when its connection was replaced has failed, and the person hears so."""
    line, peer = talking()
    peer.reports = False
    line.asked(SendText("one")).does(SendStream)
    old = peer.stream
    assert line.dialog is not None
    line.dialog, request = line.dialog.request("INVITE", contact="<sip:bob@192.0.2.9>", body=MOVED.encode())
    line.says(request)
    line.take()
    line.sees(StreamEnded(old)).does_nothing().sees(StreamClosed(old)).does_nothing()
    assert any("failed: 0 the connection ended" in note for note in line.notes())


def test_late_octets_of_the_old_connection_are_not_heard():
    """What arrives on a replaced connection belongs to nobody."""
    line, peer = talking()
    assert line.dialog is not None
    _, events = peer.msrp.send(b"too late", "text/plain", line.now)
    line.dialog, request = line.dialog.request("INVITE", contact="<sip:bob@192.0.2.9>", body=MOVED.encode())
    line.says(request)
    line.take()
    for event in events:
        line.sees(StreamData(peer.stream, event.octets)).take()  # type: ignore[union-attr]
    assert not any("too late" in note for note in line.notes())


def test_a_new_connection_that_is_refused():
    """The new address does not answer: the session is over, the call can still be ended."""
    call = InCall(passive=False)
    re_invite = call.line.asked(ReOffer("new")).hears_request("INVITE")
    call.line.answers(re_invite, 200, answer(path=OTHER, port=31000))
    call.line.hears_request("ACK")
    opened = call.line.take()[-1]
    assert isinstance(opened, OpenStream)
    call.line.sees(StreamFailed(opened.stream, Failure.REFUSED)).does_nothing()
    assert "the media session is over: refused" in call.line.notes()
    call.line.asked(HangUp()).hears_request("BYE")
