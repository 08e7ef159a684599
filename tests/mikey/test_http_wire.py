"""HTTP/1.1 as MIKEY needs it: messages both ways, streams in any portions, what does not decode, every octet named."""

from __future__ import annotations

import random

import pytest

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.http import layout, wire
from workbench.protocols.http.messages import MIKEY, Request, Response, answer, post
from workbench.protocols.layout import uncovered

ASKED = b"POST /keys HTTP/1.1\r\nHost: kms\r\nContent-Type: application/mikey\r\nContent-Length: 3\r\n\r\n\x01\x0b\x05"
TOLD = b"HTTP/1.1 200 OK\r\nContent-Type: application/mikey\r\nContent-Length: 2\r\n\r\n\x01\x0d"
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


def test_a_request_and_its_responses_are_written_and_read() -> None:
    """Octet by octet, both ways."""
    for octets, value in ((ASKED, post("/keys", "kms", b"\x01\x0b\x05")), (TOLD, answer(200, "OK", b"\x01\x0d")),
                          (REFUSED, answer(403, "Forbidden"))):
        assert wire.encode(value) == octets and wire.decode(octets) == value
    found = wire.decode(ASKED.replace(b"application/mikey", b"Application/MIKEY; x=1"))
    assert isinstance(found, Request) and (found.method, found.target, found.content_type) == ("POST", "/keys", MIKEY)
    assert isinstance(wire.decode(b"HTTP/1.1 204\r\n\r\n"), Response)


@pytest.mark.parametrize("portion", [1, 2, 7, 64, 1000])
def test_a_stream_is_cut_into_the_same_messages_in_any_portions(portion: int) -> None:
    """Nothing is left over, and only what is unfinished is held."""
    inbox, found = wire.Inbox(), []
    stream = ASKED + TOLD + REFUSED
    for at in range(0, len(stream), portion):
        found += inbox.receive_data(stream[at : at + portion])
    assert found == [wire.decode(one) for one in (ASKED, TOLD, REFUSED)]
    assert (inbox.held, inbox.error) == (0, None)


@pytest.mark.parametrize(("octets", "what"), [
    (b"POST /\r\n\r\n", "no start line"), (b"POST / HTTP/1.1\r\nno field\r\n\r\n", "no header field"),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer coding"),
    (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "no single Content-Length"),
    (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "no single Content-Length"),
    (b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", "no single Content-Length"),
    (ASKED + b"x", "octets behind"), (ASKED[:-1], "cut short"), (b"", "cut short"),
    (b"POST / HTTP/1.1\r\n" + b"a: b\r\n" * 4000, "octets of header")])
def test_what_is_wrong_is_said(octets: bytes, what: str) -> None:
    """With its clause; an inbox keeps the reason, reads no more and holds nothing."""
    with pytest.raises(MalformedMessageError, match=what) as caught:
        wire.decode(octets)
    assert caught.value.clause.startswith("RFC 9112")
    inbox = wire.Inbox()
    inbox.receive_data(octets)
    assert inbox.held <= wire.HEAD_OCTETS
    if inbox.error is not None:
        assert inbox.receive_data(ASKED) == [] and inbox.held == 0


def test_a_message_that_would_not_be_one_is_not_written() -> None:
    """A line end in a field, or another length than the body's."""
    for message in (post("/a\r\nb", "kms", b""), Response(status=200, body=b"x")):
        with pytest.raises(LocalProtocolError):
            wire.encode(message)


def test_changed_messages_raise_only_the_codecs_error_and_every_octet_has_a_place() -> None:
    """Octets set, left out and doubled; what decodes says the same when it is written again."""
    chance = random.Random(1)
    for _ in range(2000):
        octets = bytearray(chance.choice((ASKED, TOLD, REFUSED, ASKED + TOLD)))
        for _ in range(chance.randint(0, 3)):
            at = chance.randrange(len(octets))
            octets[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 2))
        assert not uncovered(layout.spans(bytes(octets)), 0, len(octets))
        try:
            wire.decode(bytes(octets))
        except MalformedMessageError as error:
            assert error.clause
