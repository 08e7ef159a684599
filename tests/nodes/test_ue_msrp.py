"""How a UE does MSRP: where it connects, which URIs are its own, and the tables of RFC 6714 as far as it goes."""

from __future__ import annotations

import pytest
from ue_stage import BOB, HOSTS, MEDIA, UE, Line, Pair, Peer, answer, offer, where

from workbench.errors import LocalProtocolError
from workbench.net.values import (
    AcceptStream,
    Endpoint,
    Listen,
    OpenStream,
    SendStream,
    Stream,
    StreamData,
    StreamOffered,
    StreamOpened,
)
from workbench.nodes.orders import Call, HangUp, SendText
from workbench.protocols import sdp, sip
from workbench.protocols.msrp import wire

MODELS = ("cema", "sessmatch", "plain")
ELSEWHERE = Endpoint("192.0.2.77", 7777)
CEMA = "a=msrp-cema\r\n"
# c=/m= are the gateway's (MEDIA), the path still names the peer's own address.
ANCHORED = "msrp://192.0.2.77:7777/bob;tcp"
RELAYED = "msrp://192.0.2.77:7777/relay;tcp msrp://198.51.100.99:5000/bob;tcp"


def without(body: str) -> str:
    return body.replace(CEMA, "")


def destination(line: Line) -> Endpoint:
    command = line.open.pop(0)
    assert isinstance(command, OpenStream)
    line.does_nothing()
    return command.stream.remote


# Settings

@pytest.mark.parametrize("settings", [{"msrp": "sess-match"}, {"offers": "both"}, {"answers": ""}, {"insists": "no"}])
def test_a_setting_that_is_none_is_refused(settings):
    """A misspelt setting is our own mistake, and is told at once."""
    with pytest.raises(LocalProtocolError):
        Line(**settings)


@pytest.mark.parametrize("model", MODELS)
def test_only_cema_says_so(model):
    """RFC 6714 §4.2: a=msrp-cema in the first offer, of an endpoint that does it."""
    invite = Line(msrp=model).asked(Call(BOB)).hears_request("INVITE")
    assert (sdp.decode(invite.body).media[0].attribute("msrp-cema") is not None) is (model == "cema")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("offered", [True, False])
def test_cema_is_answered_by_cema(model, offered):
    """RFC 6714 §4.3: in the answer where it was in the offer, and nobody else writes it."""
    line = Line(msrp=model)
    body = offer(path="msrp://198.51.100.1:30000/bob;tcp")
    line.calls(body if offered else without(body))
    line.hears_status(180)
    line.does(Listen)
    media = sdp.decode(line.hears_status(200).body).media[0]
    assert (media.attribute("msrp-cema") is not None) is (offered and model == "cema")


# Where it connects, as offerer

@pytest.mark.parametrize(("model", "body", "to"), [
    ("cema", answer(), MEDIA),                                      # O1, nothing changed
    ("cema", answer(path=ANCHORED), MEDIA),                         # O1, c=/m= changed
    ("cema", without(answer()), MEDIA),                             # O3
    ("cema", without(answer(path=ANCHORED)), MEDIA),                # O7
    ("sessmatch", without(answer(path=ANCHORED)), ELSEWHERE),
    ("plain", without(answer(path=ANCHORED)), ELSEWHERE),
    ("plain", without(answer(path=RELAYED)), ELSEWHERE),            # the leftmost URI is the next hop
    ("cema", answer(path=RELAYED), MEDIA),                          # O1 with a relay behind c=/m=
], ids=["O1", "O1 anchored", "O3", "O7", "sessmatch", "plain", "plain relayed", "O1 relayed"])
def test_an_active_offerer_connects_where_its_model_says(model, body, to):
    """RFC 6714 §4.2: c=/m=; RFC 4975 §8.1: the leftmost URI of the path, whatever c=/m= say."""
    line = Line(msrp=model)
    line.answers(line.asked(Call(BOB)).hears_request("INVITE"), 200, body)
    line.hears_request("ACK")
    assert destination(line) == to


def test_to_path_is_the_whole_path():
    """RFC 4975 §5.1: relays in the peer's path stand in To-Path, in order."""
    line = Line(msrp="plain")
    line.answers(line.asked(Call(BOB)).hears_request("INVITE"), 200, without(answer(path=RELAYED)))
    line.hears_request("ACK")
    (command,) = line.take()
    assert isinstance(command, OpenStream)
    line.sees(StreamOpened(command.stream))
    (sent,) = line.take()
    assert isinstance(sent, SendStream)
    assert f"To-Path: {RELAYED}\r\n".encode() in sent.data


@pytest.mark.parametrize(("model", "body"), [
    ("plain", without(answer(path="msrp://media.example:7777/bob;tcp"))),
    ("plain", without(answer(path="msrp://192.0.2.77/bob;tcp"))),
    ("sessmatch", without(answer(path="msrp://192.0.2.77/bob;tcp"))),
    ("cema", answer(port=9)),
], ids=["name", "no port", "no port, sessmatch", "discard"])
def test_nowhere_to_connect_to_ends_the_call(model, body):
    """A name, or no port (MSRP has no default, RFC 4975 §6): the call is released, and nothing is opened."""
    line = Line(msrp=model)
    line.answers(line.asked(Call(BOB)).hears_request("INVITE"), 200, body)
    line.hears_request("ACK")
    line.hears_request("BYE")
    line.does_nothing()


def test_plain_msrp_does_not_look_at_c():
    """RFC 4975 §8.1: a host name in c= matters to nobody who connects by the path."""
    line = Line(msrp="plain")
    body = without(answer()).replace("c=IN IP4 198.51.100.1", "c=IN IP4 media.example")
    line.answers(line.asked(Call(BOB)).hears_request("INVITE"), 200, body)
    line.hears_request("ACK")
    assert destination(line) == MEDIA


# The fallback: rows O4 and O6

@pytest.mark.parametrize(("offers", "body"), [
    ("actpass", without(answer("active", path=ANCHORED, port=30000))),
    ("active", without(answer(path=RELAYED))),
], ids=["O4", "O6"])
def test_cema_falls_back(offers, body):
    """RFC 6714 §4.2: the answer has no msrp-cema, c=/m= differ from the path: a new offer without it."""
    line = Line(offers=offers)
    line.asked(Call(BOB))
    if offers == "actpass":
        line.does(Listen)
    invite = line.hears_request("INVITE")
    line.dialog = sip.Dialog.of_callee(invite, line.answers(invite, 200, body))
    line.hears_request("ACK")
    again = line.hears_request("INVITE")
    line.does_nothing()
    assert line.dialog.matches(again)
    assert again.cseq.number == invite.cseq.number + 1
    first, second = (sdp.decode(one.body) for one in (invite, again))
    assert first.media[0].attribute("msrp-cema") is not None
    assert second.media[0].attribute("msrp-cema") is None
    assert second.media[0].attribute("path") == first.media[0].attribute("path")
    assert first.origin is not None and second.origin is not None
    assert int(second.origin.version) == int(first.origin.version) + 1
    line.answers(again, 200, without(answer(path=ANCHORED) if offers == "active" else answer("active", port=9)))
    assert line.hears_request("ACK").cseq.number == again.cseq.number
    if offers == "active":
        assert destination(line) == ELSEWHERE, "without CEMA the path says where to"
    else:
        line.does_nothing()


@pytest.mark.parametrize("status", [488, 500, 481])
def test_a_fallback_that_fails_ends_the_call(status):
    """Nothing was agreed: BYE, and the listener goes."""
    line = Line()
    line.answers(line.asked(Call(BOB)).hears_request("INVITE"), 200, without(answer(path=RELAYED)))
    line.hears_request("ACK")
    line.answers(line.hears_request("INVITE"), status)
    line.hears_request("ACK")
    bye = line.hears_request("BYE")
    line.answers(bye, 200)
    line.does_nothing()
    assert f"the new offer failed: {status}" in line.notes()


def test_a_ue_that_does_not_fall_back_goes_on():
    """`falls_back` off: the row is ignored, as an implementation without it would."""
    line = Line(offers="actpass", falls_back=False)
    line.asked(Call(BOB)).does(Listen)
    line.answers(line.hears_request("INVITE"), 200, without(answer("active", path=ANCHORED, port=30000)))
    line.hears_request("ACK")
    line.does_nothing()


# As answerer

@pytest.mark.parametrize("setup", ["active", "actpass"])
@pytest.mark.parametrize("model", MODELS)
def test_an_offer_whose_address_was_changed_is_refused_by_cema_only(model, setup):
    """Row A1 of RFC 6714 §4.3: no msrp-cema, and c=/m= differ from the path: 488. RFC 4975 does not look at c=/m=."""
    line = Line(msrp=model)
    line.calls(without(offer(setup, port=30000, path=ANCHORED)))
    if model == "cema":
        line.hears_status(488)
        line.does_nothing()
        assert line.ue.next_wakeup() is not None
    else:
        line.hears_status(180)
        line.does(Listen)
        line.hears_status(200)


@pytest.mark.parametrize(("body", "fits"), [
    (offer(port=9), True),
    (offer(port=9, path=ANCHORED), False),
    (offer("actpass", port=30000), True),
    (offer("actpass", port=30001), False),
], ids=["port 9", "port 9, another host", "equal", "another port"])
def test_port_9_is_no_address(body, fits):
    """RFC 6135 §4.2.1: an active offerer writes port 9; that its path has another is no sign of change."""
    line = Line()
    line.calls(without(body))
    line.hears_status(180 if fits else 488)


@pytest.mark.parametrize(("model", "body", "to"), [
    ("cema", offer("actpass", port=30000, path=ANCHORED), MEDIA),          # A4
    ("cema", without(offer("actpass", port=30000)), MEDIA),                # A2
    ("sessmatch", without(offer("actpass", port=30000, path=ANCHORED)), ELSEWHERE),
    ("plain", without(offer("actpass", port=30000, path=ANCHORED)), ELSEWHERE),
    ("plain", offer("actpass", port=30000, path=ANCHORED), ELSEWHERE),
], ids=["A4", "A2", "sessmatch", "plain", "plain, CEMA offered"])
def test_an_active_answerer_connects_where_its_model_says(model, body, to):
    """RFC 6714 §4.3, RFC 4975 §8.1."""
    line = Line(msrp=model, answers="active")
    line.calls(body)
    line.hears_status(180, 200)
    assert destination(line) == to


def test_cema_is_not_answered_to_a_relay_that_would_be_active():
    """Row A3 of RFC 6714 §4.3: the offerer has a relay and would be active: the answer has no msrp-cema."""
    line = Line()
    line.calls(offer("active", port=30000, path=RELAYED))
    line.hears_status(180)
    line.does(Listen)
    assert sdp.decode(line.hears_status(200).body).media[0].attribute("msrp-cema") is None


# Which URIs are its own

def answered_by(model: str, change: tuple[str, str]) -> int:
    """What a UE answers to a first SEND whose To-Path is its own URI with something changed."""
    line, here = Line(msrp=model).called()
    stream = Stream(here, MEDIA)
    line.sees(StreamOffered(stream)).does(AcceptStream).sees(StreamOpened(stream))
    path = next(sdp.decode(sip.decode(c.data).body).media[0].attribute("path") for c in reversed(line.all)
                if hasattr(c, "data") and b"SIP/2.0 200" in c.data)
    assert path is not None
    to = path.replace(*change)
    assert to != path or change == ("", "")
    line.sees(StreamData(stream, (
        f"MSRP t0Gh3Ue8Xi5P SEND\r\nTo-Path: {to}\r\nFrom-Path: msrp://198.51.100.1:30000/bob;tcp\r\n"
        "Message-ID: wb-0000-k1\r\n-------t0Gh3Ue8Xi5P$\r\n").encode()))
    (sent,) = [command for command in line.take() if isinstance(command, SendStream)]
    (framed,) = wire.Reader().receive_data(sent.data)
    assert isinstance(framed.message, wire.Response)
    return framed.message.status


@pytest.mark.parametrize("model", MODELS)
def test_another_host_in_to_path(model):
    """Table 4.B: RFC 4975 and RFC 6714 compare the whole URI (481), sessmatch the session-id only (200)."""
    assert answered_by(model, ("", "")) == 200
    assert answered_by(model, (UE.host, "192.0.2.1")) == (200 if model == "sessmatch" else 481)
    assert answered_by(model, (":2", ":1")) == (200 if model == "sessmatch" else 481)


@pytest.mark.parametrize("model", MODELS)
def test_another_session_id_in_to_path(model):
    """RFC 4975 §6.1: the session-id ties a connection to a session, for everybody, with case."""
    assert answered_by(model, (";tcp", "x;tcp")) == 481


# Back to back

@pytest.mark.parametrize("a", MODELS)
@pytest.mark.parametrize("b", MODELS)
@pytest.mark.parametrize(("offers", "answers", "opener"), [
    ("active", "passive", "A"), ("actpass", "passive", "A"), ("actpass", "active", "B")])
def test_without_a_gateway_every_pair_talks(a, b, offers, answers, opener):
    """Each pairing, each who-connects of RFC 6135: a message each way, the right side opens, an orderly end."""
    pair = Pair({"msrp": a, "offers": offers}, {"msrp": b, "answers": answers})
    pair.asks("A", Call("sip:b@one.example"), SendText("from A")).asks("B", SendText("from B")).until(5)
    assert (pair.heard("A"), pair.heard("B")) == (["from B"], ["from A"])
    assert [name for name, _ in pair.opened()] == [opener]
    pair.asks("B", HangUp()).until(60)
    assert pair.notes("A")[-1] == pair.notes("B")[-1] == "the media session is over"
    assert not any(segment.flags & 4 for segment in pair.segments()), "RST"


@pytest.mark.parametrize("a", MODELS)
@pytest.mark.parametrize("b", MODELS)
def test_every_pair_talks_over_tls(a, b):
    """The same with TLS end to end: fingerprints in the SDP, msrps in the path."""
    pair = Pair({"msrp": a, "media_security": True}, {"msrp": b, "media_security": True})
    pair.asks("A", Call("sip:b@one.example"), SendText("from A")).asks("B", SendText("from B")).until(5)
    assert (pair.heard("A"), pair.heard("B")) == (["from B"], ["from A"])


class Between(Pair):
    """Two UEs, and somebody who changes the SDP on its way from one of them, as a gateway's controller would."""

    def __init__(self, sender: str, change: tuple[str, str], **settings: dict[str, object]) -> None:
        self._sender, self._change = sender, change
        super().__init__(**settings)

    def _changed(self, name: str, data: bytes) -> bytes:
        message = sip.decode(data)
        if name != self._sender or not message.body:
            return data
        body = message.body.replace(self._change[0].encode(), self._change[1].encode())
        assert body != message.body
        if isinstance(message, sip.Request):
            return sip.encode(sip.Request(message.headers, body, method=message.method, uri=message.uri))
        return sip.encode(sip.Response(message.headers, body, status=message.status, reason=message.reason))


@pytest.mark.parametrize(("a", "b", "statuses"), [
    ("plain", "cema", [488]),             # A1
    ("sessmatch", "cema", [488]),
    ("plain", "plain", [180, 200]),       # c=/m= are not looked at
    ("cema", "plain", [180, 200]),
    ("cema", "cema", [180, 200]),         # A4
])
def test_an_anchored_offer(a, b, statuses):
    """c= changed on the way to B, the path left alone: who does CEMA refuses it from whom does not (A1)."""
    pair = Between("A", (f"c=IN IP4 {HOSTS['A']}", "c=IN IP4 192.0.2.1"), a={"msrp": a}, b={"msrp": b})
    pair.asks("A", Call("sip:b@one.example"), SendText("hello")).until(5)
    assert pair.statuses("INVITE") == statuses
    assert pair.heard("B") == ([] if statuses == [488] else ["hello"])


@pytest.mark.parametrize("b", ["plain", "sessmatch"])
@pytest.mark.parametrize("a", MODELS)
def test_a_path_that_was_changed_on_the_way(a, b):
    """Table 4.B: B names A as it was told to; who compares whole URIs answers 481, and B's person hears of it."""
    pair = Between("A", (f"msrp://{HOSTS['A']}", "msrp://192.0.2.1"), a={"msrp": a}, b={"msrp": b})
    pair.asks("A", Call("sip:b@one.example")).until(2)
    pair.asks("B", SendText("hello")).until(10)
    assert pair.heard("A") == (["hello"] if a == "sessmatch" else [])
    assert any("failed: 481" in note for note in pair.notes("B")) is (a != "sessmatch")
    over = "the media session is over: the peer does not know the MSRP session"
    assert (over in pair.notes("B")) is (a != "sessmatch")


def test_a_fallback_on_the_wire():
    """O4: B does plain MSRP, c= of its answer was changed: A offers again without msrp-cema, and they talk."""
    pair = Between("B", (f"c=IN IP4 {HOSTS['B']}", "c=IN IP4 192.0.2.1"),
                   a={"offers": "actpass"}, b={"msrp": "plain", "answers": "active"})
    pair.asks("A", Call("sip:b@one.example"), SendText("hello")).until(5)
    offers = [media.attribute("msrp-cema") is not None for media in pair.described()][::2]
    assert offers == [True, False]
    assert pair.heard("B") == ["hello"]
    assert [name for name, _ in pair.opened()] == ["B"]
    pair.asks("A", HangUp()).until(30)
    assert pair.statuses("BYE") == [200]


def test_the_peer_is_named_by_its_own_path():
    """From-Path and To-Path are the two paths of the SDP, and the response turns them round."""
    line, here = Line().called()
    stream = Stream(here, MEDIA)
    line.sees(StreamOffered(stream)).does(AcceptStream).sees(StreamOpened(stream))
    body = next(sip.decode(c.data).body for c in reversed(line.all) if hasattr(c, "data") and b"SIP/2.0 200" in c.data)
    path = sdp.decode(body).media[0].attribute("path") or ""
    assert where(body) == here
    peer = Peer(line, stream, path, active=True).reads()
    line.asked(SendText("hello"))
    peer.reads()
    assert peer.heard == [b"hello"]
