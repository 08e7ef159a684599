"""The STUN server: Binding requests over UDP and TCP, and what it makes of everything else (RFC 8489 §6.3)."""

from __future__ import annotations

import pytest
from play import play

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
    DatagramReceived,
    Drop,
    Endpoint,
    EndStream,
    Listen,
    RefuseStream,
    SendDatagram,
    SendStream,
    Started,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamOffered,
)
from workbench.nodes.stun_server import StunServer
from workbench.protocols import stun

HERE = Endpoint("198.51.100.70", 3478)
THERE = Endpoint("203.0.113.10", 40_000)
STREAM = Stream(HERE, THERE)
REQUEST = stun.encode(stun.binding_request(bytes(12)))


def started(**settings):
    return play(StunServer("stun", address=HERE, **settings)).sees(Started()).does(BindDatagrams(HERE), Listen(HERE))


def tells(octets, address=THERE):
    """Whether octets are a success response that tells this address."""
    message = stun.decode(octets)
    return (message.kind is stun.Class.SUCCESS and message.transaction == bytes(12)
            and stun.mapped_address(message) == (address.host, address.port))


def test_a_datagram_is_answered_with_where_it_came_from():
    """RFC 8489 §6.3.1.1: XOR-MAPPED-ADDRESS is the source of the request, and the response goes there."""
    started().sees(DatagramReceived(HERE, THERE, REQUEST)).does(
        lambda sent: isinstance(sent, SendDatagram) and (sent.local, sent.remote) == (HERE, THERE) and tells(sent.data))


@pytest.mark.parametrize("cut", range(1, len(REQUEST)))
def test_a_stream_is_answered_when_the_request_is_whole(cut):
    """RFC 8489 §6.2.2: over TCP a request may come in pieces; the connection stays until the client ends it."""
    (started().sees(StreamOffered(STREAM)).does(AcceptStream(STREAM))
        .sees(StreamData(STREAM, REQUEST[:cut])).does_nothing()
        .sees(StreamData(STREAM, REQUEST[cut:])).does(lambda sent: isinstance(sent, SendStream) and tells(sent.data))
        .sees(StreamEnded(STREAM)).does(EndStream(STREAM))
        .sees(StreamClosed(STREAM)).does_nothing())


def test_several_requests_on_one_connection():
    """RFC 8489 §6.2.2: a client may ask again on the connection that it has."""
    acting = started().sees(StreamOffered(STREAM)).does(AcceptStream(STREAM))
    acting.sees(StreamData(STREAM, REQUEST * 3)).does(SendStream, SendStream, SendStream).does_nothing()


def test_what_is_not_understood_is_refused_by_name():
    """RFC 8489 §6.3.1: an unknown attribute that has to be understood is answered with 420, another method with 400."""
    request = stun.Message(stun.Class.REQUEST, bytes(12), (stun.Attribute(0x0024, b"\0\0\0\1"),))
    for octets, code in ((stun.encode(request), 420), (stun.encode(stun.Message(
            stun.Class.REQUEST, bytes(12), (), 3)), 400)):
        (sent,) = started().sees(DatagramReceived(HERE, THERE, octets)).take()
        assert stun.error_code(stun.decode(sent.data))[0] == code


@pytest.mark.parametrize("octets", [b"", b"hello", stun.encode(stun.Message(stun.Class.INDICATION, bytes(12))),
                                    stun.encode(stun.binding_success(stun.binding_request(bytes(12)), ("::1", 1)))])
def test_what_is_no_request_gets_no_answer(octets):
    """RFC 8489 §6.3.2, §6.3.3: indications and responses are not answered, other octets are dropped."""
    started().sees(DatagramReceived(HERE, THERE, octets)).does(Drop).does_nothing()


def test_a_stream_that_is_no_stun_is_reset():
    """Framing is lost with the first octet that can't be STUN; nothing more of that connection is kept."""
    (started().sees(StreamOffered(STREAM)).does(AcceptStream(STREAM))
        .sees(StreamData(STREAM, b"MSRP abcd SEND\r\n")).does(AbortStream(STREAM, "")).does_nothing()
        .sees(StreamData(STREAM, REQUEST)).does_nothing())


def test_connections_are_bounded():
    """One more than it may hold is refused; one that ended makes room."""
    acting = started(most=2)
    streams = [Stream(HERE, Endpoint(THERE.host, port)) for port in (1, 2, 3)]
    for stream in streams[:2]:
        acting.sees(StreamOffered(stream)).does(AcceptStream(stream))
    acting.sees(StreamOffered(streams[2])).does(RefuseStream(streams[2], ""))
    acting.sees(StreamClosed(streams[0])).sees(StreamOffered(streams[2])).does(AcceptStream(streams[2]))
