"""Long messages: what a file holds, how it leaves in chunks, and what the other end keeps of it."""

from __future__ import annotations

import hashlib
import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ue_stage import Line, Pair, Peer, answer, talking

from workbench.net.values import SendStream, StreamData, StreamOpened
from workbench.nodes.orders import Call, HangUp, SendFile, SendText
from workbench.nodes.ue import settings as ue_settings
from workbench.nodes.ue.content import Content
from workbench.protocols import sdp
from workbench.protocols.msrp import machine as msrp
from workbench.protocols.msrp import wire

CALL_B = Call("sip:b@one.example")
END_LINE = re.compile(rb"\r\n-------([A-Za-z0-9]{12})[$+#]\r\n")


# The content

@given(st.integers(0, 20_000), st.integers(0, 20_000), st.integers(0, 20_000))
def test_a_slice_is_a_slice(size, start, stop):
    """Made where it is needed, it is the same as if it had been there as a whole."""
    content = Content(size, b"seed")
    whole = content[0:size]
    assert len(content) == len(whole) == size
    assert content[start:stop] == whole[start:stop]


def test_it_holds_lines_like_end_lines():
    """One in each 4096 octets, of transactions that do not exist, with each of the three flags."""
    content = Content(40_960, b"seed")
    found = END_LINE.findall(content[0:40_960])
    assert len(found) >= 9
    assert len(set(found)) == len(found)
    places = {match.start() % 4096 for match in END_LINE.finditer(content[0:40_960])}
    assert len(places) == len(found), "at another place in each block"
    assert {line[-3:-2] for line in re.findall(rb"\r\n-------[A-Za-z0-9]{12}[$+#]\r\n", content[0:40_960])} == {
        b"$", b"+", b"#"}


def test_text_is_lines_of_letters_and_digits():
    """Nothing else is in it, and a slice is a slice as well."""
    content = Content(40_960, b"seed", text=True)
    whole = content[0:40_960]
    assert re.fullmatch(rb"(?:[A-Za-z0-9]{62}\r\n){640}", whole)
    assert content[4000:9000] == whole[4000:9000]


def test_it_follows_from_its_seed():
    """Equal seeds give equal octets, others give others."""
    assert Content(5000, b"a")[0:5000] == Content(5000, b"a")[0:5000] != Content(5000, b"b")[0:5000]


# Sending

def test_a_file_leaves_in_chunks_within_the_window():
    """No more chunks leave than the window allows until answers come; the whole arrives (RFC 4975 §7.1.1)."""
    line, peer = talking()
    line.asked(SendFile(100_000))
    sent = b"".join(command.data for command in line.open if isinstance(command, SendStream))
    assert len(sent) < 17 * 2_600, "the window"
    peer.reads()
    (event,) = [event for event in peer.events if isinstance(event, msrp.MessageReceived)]
    assert len(event.body) == 100_000
    assert END_LINE.search(event.body)
    assert event.content_type == "application/octet-stream"


def test_a_file_is_not_held():
    """Sending 64 MB to a peer that takes them needs a few chunks of memory, not 64 MB."""
    line, stream = Line(chunk=65_536).calling()
    line.sees(StreamOpened(stream))
    line.take()
    line.all.clear()
    reader, size = wire.Reader(1 << 20), 64 << 20
    tracemalloc.start()
    line.asked(SendFile(size))
    arrived = 0
    while line.open:
        (command, *line.open) = line.open
        assert isinstance(command, SendStream)
        for framed in reader.receive_data(command.data):
            request = framed.message
            assert isinstance(request, wire.Request)
            arrived += len(request.body or b"")
            response = wire.encode(wire.Response(
                request.transaction, 200, "OK", request.from_path[:1], request.to_path[:1]))
            kept, line.open = line.open, []
            line.sees(StreamData(stream, response))
            line.open = kept + line.open
            line.all.clear()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert arrived == size
    assert peak < 8 << 20


def test_a_file_that_the_peer_does_not_take_is_not_sent():
    """RFC 4975 §8.6: a=max-size of the peer; nothing leaves, and the person hears why."""
    line, stream = Line().calling(answer("passive", "TCP/MSRP", 30000, "a=max-size:5000"))
    line.sees(StreamOpened(stream)).does(SendStream)
    line.asked(SendFile(5001)).does_nothing()
    assert any("takes 5000 octets at most" in note for note in line.notes())
    line.asked(SendFile(5000))
    assert line.open


@pytest.mark.parametrize("value", ["", "many", "-5", "9" * 40])
def test_a_max_size_that_is_none_limits_nothing(value):
    """What is not a number says nothing."""
    line, stream = Line().calling(answer("passive", "TCP/MSRP", 30000, f"a=max-size:{value}"))
    line.sees(StreamOpened(stream)).does(SendStream)
    line.asked(SendFile(5001))
    assert line.open


# Receiving

@pytest.mark.parametrize(("octets", "chunk"), [(1, 2048), (2048, 2048), (100_000, 2048), (300_000, 9000)])
def test_a_file_arrives_whole(octets, chunk):
    """On a wire that loses and reorders: the same octets, told by their number and hash, and reported as delivered."""
    pair = Pair({"chunk": chunk}, loss=0.02, jitter=0.002).asks("A", CALL_B, SendFile(octets), HangUp()).until(120)
    (heard,) = pair.heard("B")
    assert heard.startswith(f"{octets} octets of application/octet-stream, SHA-256 ")
    assert any(note.endswith("has arrived") for note in pair.notes("A"))


def test_over_tls_too():
    """The same through TLS, both ways at once."""
    pair = Pair({"media_security": True}, {"media_security": True})
    pair.asks("A", CALL_B, SendFile(50_000, "image/png")).asks("B", SendFile(60_000))
    pair.until(60)
    assert [heard.split(" SHA")[0] for heard in pair.heard("A")] == ["60000 octets of application/octet-stream,"]
    assert pair.heard("B") == [], "image/png is not among the accepted types"
    assert any("failed: 415" in note for note in pair.notes("A"))


def test_what_is_heard_is_told_in_few_words():
    """A long text is told like a file: the trace of a run does not grow with what a peer says."""
    pair = Pair().asks("A", CALL_B, SendText("short"), SendText("long" * 5_000)).until(20)
    short, long = pair.heard("B")
    assert short == "short"
    assert long == f"20000 octets of text/plain, SHA-256 {hashlib.sha256(b'long' * 5_000).hexdigest()}"


def test_the_longest_message_is_said_and_kept():
    """a=max-size says what is taken; a peer that sends more gets 413 and stops, and nothing of it is kept."""
    line, peer = talking()
    media = sdp.decode(line.invite.body).media[0]
    assert media.attribute("max-size") == str(ue_settings.MOST_OCTETS)
    _, events = peer.msrp.send(bytes(ue_settings.MOST_OCTETS + 1), "application/octet-stream", line.now)
    peer.tell(events)
    peer.reads()
    (failed,) = [event for event in peer.events if isinstance(event, msrp.MessageFailed)]
    assert failed.status == 413
    assert not any(note.startswith("heard") for note in line.notes())


def test_unfinished_messages_are_bounded():
    """A peer that begins message after message and ends none: refused from the ninth on (413)."""
    line, peer = talking()
    path = sdp.decode(line.invite.body).media[0].attribute("path") or ""
    statuses = []
    for number in range(20):
        line.sees(_chunk(peer, path, number))
        (command,) = line.take()
        assert isinstance(command, SendStream)
        (framed,) = wire.Reader(1 << 20).receive_data(command.data)
        assert isinstance(framed.message, wire.Response)
        statuses.append(framed.message.status)
    assert statuses == [200] * 8 + [413] * 12


def _chunk(peer: Peer, path: str, number: int) -> StreamData:
    return StreamData(peer.stream, (
        f"MSRP trans{number:07} SEND\r\nTo-Path: {path}\r\nFrom-Path: msrp://198.51.100.1:30000/bob;tcp\r\n"
        f"Message-ID: message{number}\r\nByte-Range: 1-*/4000000\r\nContent-Type: text/plain\r\n\r\n"
        f"x\r\n-------trans{number:07}+\r\n").encode())
