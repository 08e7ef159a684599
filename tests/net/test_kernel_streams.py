"""TCP on the kernel network: the kernel's own connections do what a node orders, when it orders it."""

from __future__ import annotations

import pytest
from kernel_stage import BACK, LIMIT, STREAM, A, B, Stage, needs_namespaces

from workbench.errors import LocalProtocolError, NetworkError
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Endpoint,
    EndStream,
    Failure,
    Listen,
    OpenStream,
    PauseStream,
    RefuseStream,
    SendStream,
    Splice,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamFlushed,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
    Unlisten,
)

pytestmark = needs_namespaces


def test_a_syn_waits_for_the_node():
    """Nothing answers a SYN before `AcceptStream`, however often it is repeated."""
    with Stage() as stage:
        stage.do("b", Listen(B))
        stage.do("a", OpenStream(STREAM))
        assert stage.heard() == [StreamOffered(BACK)]
        assert set(stage.flags()) == {"a: SYN"}
        stage.do("b", AcceptStream(BACK))
        assert stage.flags()[-1] == "b: SYN, ACK"
        assert {stage.until(StreamOpened).stream for _ in range(2)} == {STREAM, BACK}


def test_a_refused_syn_gets_rst():
    """`RefuseStream` and `Unlisten` answer an offered SYN with RST; so does a port where nobody listens."""
    refused = StreamFailed(STREAM, Failure.REFUSED)
    with Stage() as stage:
        stage.do("a", OpenStream(STREAM))
        assert stage.until(StreamFailed) == refused
        for order in (RefuseStream(BACK), Unlisten(B)):
            stage.do("b", Listen(B))
            stage.do("a", OpenStream(STREAM))
            stage.until(StreamOffered)
            stage.do("b", order)
            assert stage.until(StreamFailed) == refused
        assert stage.flags() == ["a: SYN", "b: RST, ACK"] * 3


def test_two_open_at_once():
    """Both send a SYN before they have the other's: one connection, no listener (RFC 9293 §3.5, figure 7)."""
    with Stage() as stage:
        stage.do("a", OpenStream(STREAM))
        stage.do("b", OpenStream(BACK))
        assert {stage.until(StreamOpened).stream for _ in range(2)} == {STREAM, BACK}
        assert stage.flags() == ["a: SYN", "b: SYN", "b: SYN, ACK", "a: SYN, ACK"] or stage.flags() == [
            "a: SYN", "b: SYN", "a: SYN, ACK", "b: SYN, ACK"]


def test_an_offered_syn_can_be_met():
    """A node may answer an offered SYN with one of its own, from the port where it goes on listening."""
    with Stage() as stage:
        stage.do("b", Listen(B))
        stage.do("a", OpenStream(STREAM))
        stage.until(StreamOffered)
        stage.do("b", OpenStream(BACK))
        assert {stage.until(StreamOpened).stream for _ in range(2)} == {STREAM, BACK}
        again = Stream(Endpoint(A.host, 4001), B)
        stage.do("a", OpenStream(again))
        assert stage.until(StreamOffered) == StreamOffered(Stream(B, again.local))


def test_octets_and_half_close():
    """Octets arrive in order; one side may end while the other goes on, and hears that its FIN was acknowledged."""
    with Stage() as stage:
        stage.connect()
        stage.do("a", SendStream(STREAM, b"question"), EndStream(STREAM))
        assert stage.until(StreamData) == StreamData(BACK, b"question")
        heard = [type(stage.until((StreamEnded, StreamFlushed))) for _ in range(2)]     # type: ignore[arg-type]
        assert set(heard) == {StreamEnded, StreamFlushed}
        stage.do("b", SendStream(BACK, b"answer"), EndStream(BACK))
        assert stage.until(StreamData) == StreamData(STREAM, b"answer")
        assert {happened for happened in stage.heard() if isinstance(happened, StreamClosed)} <= {
            StreamClosed(STREAM), StreamClosed(BACK)}
        # An acknowledgment that is repeated once b has closed gets RST (RFC 9293 §3.10.7.1): no message.
        assert [flags for flags in stage.flags() if flags != "b: RST"][-1] == "b: FIN, ACK"


@pytest.mark.parametrize("paused", [False, True])
def test_an_abort_is_a_reset(paused):
    """`AbortStream` sends RST; the peer hears of it even while it reads nothing."""
    with Stage() as stage:
        stage.connect()
        stage.do("b", PauseStream(BACK, paused))
        stage.do("a", AbortStream(STREAM))
        assert stage.until(StreamClosed) == StreamClosed(BACK, Failure.RESET)
        assert stage.flags()[-1].startswith("a: RST")
        assert stage.heard() == []


def test_a_reader_that_pauses_holds_its_writer():
    """What is not read closes the window: the writer is told to stop, and to go on when there is room again."""
    with Stage() as stage:
        stage.connect()
        stage.do("b", PauseStream(BACK))
        sent = 0
        while not any(isinstance(happened, StreamFull) for happened in stage.heard()):
            stage.do("a", SendStream(STREAM, bytes(1 << 20)))
            sent += 1 << 20
            assert sent < 1 << 26
        stage.do("b", PauseStream(BACK, False))
        received = 0
        writable = False
        while (arrival := stage.network.wait(stage.network.now + LIMIT)) is not None:
            received += len(arrival.happened.data) if isinstance(arrival.happened, StreamData) else 0
            writable |= arrival.happened == StreamWritable(STREAM)
        assert writable
        assert received == sent


def test_a_comment_travels_with_its_octets():
    """The frame that carries an order's octets has its comment, and SYN and FIN have theirs."""
    with Stage() as stage:
        stage.do("b", Listen(B))
        stage.do("a", OpenStream(STREAM, "step 1"))
        stage.until(StreamOffered)
        stage.do("b", AcceptStream(BACK, "step 2"))
        stage.until(StreamOpened, "a")
        stage.do("a", SendStream(STREAM, b"x", "step 3"), EndStream(STREAM, "step 4"))
        stage.until(StreamEnded)
        stage.do("b", AbortStream(BACK, "step 5"))
        comments = [comment for _, _, _, comment in stage.packets if comment]
        assert comments == ["step 1", "step 2", "step 3", "step 4", "step 5"]


def test_ipv6_is_an_address_like_another():
    """The same over IPv6, without a packet that the plan's hosts did not send each other."""
    stream = Stream(Endpoint("fd01::1", 4000), Endpoint("fd01::2", 5000))
    back = Stream(stream.remote, stream.local)
    with Stage() as stage:
        stage.do("b", Listen(stream.remote))
        stage.do("a", OpenStream(stream))
        stage.until(StreamOffered)
        stage.do("b", AcceptStream(back))
        stage.until(StreamOpened, "a")
        stage.do("a", SendStream(stream, b"hello"))
        assert stage.until(StreamData) == StreamData(back, b"hello")
        assert len(stage.segments) == len(stage.packets)


def test_what_it_does_not_have_it_says():
    """No foreign address; and a port that is taken is an error for people."""
    with Stage() as stage:
        with pytest.raises(LocalProtocolError, match="spliced with itself"):
            stage.do("a", Splice(STREAM, STREAM))
        with pytest.raises(LocalProtocolError, match="no host is called c"):
            stage.do("c", Listen(A))
        with pytest.raises((LocalProtocolError, NetworkError), match="not an address of this host"):
            stage.do("a", Listen(B))
        with pytest.raises(LocalProtocolError, match="not an address of this host"):
            stage.do("a", OpenStream(BACK))
