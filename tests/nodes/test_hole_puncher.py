"""A peer that opens without a gateway: what it asks, when it opens, and which connection it takes."""

from __future__ import annotations

from play import play

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Asked,
    Endpoint,
    Failure,
    Listen,
    OpenStream,
    RefuseStream,
    SendStream,
    Started,
    Stream,
    StreamClosed,
    StreamData,
    StreamFailed,
    StreamOffered,
    StreamOpened,
)
from workbench.nodes.hole_puncher import HolePuncher, Punch
from workbench.protocols import stun
from workbench.security.source import Source

LOCAL = Endpoint("10.0.0.10", 20_000)
SERVER = Endpoint("198.51.100.70", 3478)
SEEN = Endpoint("203.0.113.20", 30_000)
ELSEWHERE = Endpoint("203.0.113.20", 51_000)
OURS, THEIRS = "msrp://10.0.0.10:20000/aaaa;tcp", "msrp://10.9.0.20:30000/bbbb;tcp"
ASKING, OPENING, COMING = Stream(LOCAL, SERVER), Stream(LOCAL, SEEN), Stream(LOCAL, ELSEWHERE)
SEND = (b"MSRP tid12345 SEND\r\nTo-Path: " + OURS.encode() + b"\r\nFrom-Path: " + THEIRS.encode()
        + b"\r\nMessage-ID: m1\r\nByte-Range: 1-0/0\r\n-------tid12345$\r\n")


def puncher(active=True, **settings):
    source = Source(1, "peer")
    return HolePuncher("peer", local=LOCAL, server=SERVER, path=OURS, active=active, source=source, **settings)


def asked(text="", at=0.0):
    return Asked(Punch(SEEN, THEIRS, at, text))


def started(**settings):
    return play(puncher(**settings)).sees(Started()).does(Listen(LOCAL), OpenStream(ASKING))


def test_it_asks_from_the_port_that_it_will_use():
    """RFC 8489: the Binding request goes over TCP from that port, and the connection stays for the binding's sake."""
    acting = started().sees(StreamOpened(ASKING))
    (sent,) = acting.take()
    request = stun.decode(sent.data)
    assert (sent.stream, request.kind) == (ASKING, stun.Class.REQUEST)
    answer = stun.encode(stun.binding_success(request, ("203.0.113.10", 20_000)))
    acting.sees(StreamData(ASKING, answer)).does_nothing()
    acting.sees(StreamData(ASKING, b"no STUN at all")).does(lambda one: isinstance(one, AbortStream))


def test_it_opens_when_it_is_told_to():
    """Both sides agree on a moment; before it a SYN of the other side is neither accepted nor refused."""
    (started().sees(asked(at=5.0)).does_nothing()
        .sees(StreamOffered(COMING)).does_nothing()
        .later(4.9).does_nothing()
        .later(0.2).does(OpenStream(OPENING), AcceptStream(COMING)))


def test_a_syn_that_waits_becomes_a_simultaneous_open():
    """RFC 9293 §3.5: where the other SYN is here already, to open is to answer it with a SYN of our own."""
    started().sees(StreamOffered(OPENING)).does_nothing().sees(asked()).does(OpenStream(OPENING)).does_nothing()


def test_the_first_connection_is_the_one():
    """The active end speaks on the connection that is there first, and gives the others up."""
    acting = started().sees(asked("hello")).does(OpenStream(OPENING))
    acting.sees(StreamOffered(COMING)).does(AcceptStream(COMING))
    acting.sees(StreamOpened(COMING)).does(AbortStream(OPENING, ""))
    said = acting.take()
    assert {one.stream for one in said} == {COMING} and b"hello" in said[-1].data
    acting.sees(StreamOpened(OPENING)).does_nothing()


def test_the_passive_end_follows_the_active_one():
    """The passive end takes the connection on which the first request comes, and answers there."""
    (started(active=False).sees(asked()).does(OpenStream(OPENING))
        .sees(StreamOffered(COMING)).does(AcceptStream(COMING))
        .sees(StreamOpened(OPENING)).does_nothing()
        .sees(StreamOpened(COMING)).does_nothing()
        .sees(StreamData(COMING, SEND)).does(
            AbortStream(OPENING, ""), lambda one: isinstance(one, SendStream) and b"tid12345 200" in one.data))


def test_without_listener_it_only_opens():
    """Simultaneous open or nothing."""
    play(puncher(listens=False)).sees(Started()).does(OpenStream(ASKING))


def test_a_refused_attempt_is_over_and_the_listener_stays():
    """RST ends an attempt; with a listener the other side may still come."""
    (started().sees(asked()).does(OpenStream(OPENING))
        .sees(StreamFailed(OPENING, Failure.REFUSED)).does_nothing()
        .sees(StreamOffered(COMING)).does(AcceptStream(COMING)))


def test_considered_connections_are_bounded():
    """Whoever knocks again and again is refused; one that ended makes room."""
    acting = started(most=3).sees(asked()).does(OpenStream(OPENING))
    streams = [Stream(LOCAL, Endpoint("192.0.2.1", port)) for port in (1, 2, 3)]
    for stream in streams[:2]:
        acting.sees(StreamOffered(stream)).does(AcceptStream(stream))
    acting.sees(StreamOffered(streams[2])).does(RefuseStream(streams[2], ""))
    acting.sees(StreamClosed(streams[0])).sees(StreamOffered(streams[2])).does(AcceptStream(streams[2]))


def test_garbage_ends_the_connection_and_nothing_else():
    """What is no MSRP on the chosen connection resets it."""
    acting = started(active=False).sees(asked()).does(OpenStream(OPENING)).sees(StreamOpened(OPENING))
    acting.sees(StreamData(OPENING, b"\0\1\2\3 no MSRP\r\n\r\n"))
    assert isinstance(acting.take()[-1], AbortStream)
    acting.sees(StreamData(OPENING, SEND)).does_nothing()
