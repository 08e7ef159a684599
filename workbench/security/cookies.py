"""Cookies of a DTLS server: nothing is kept for a client before it has shown that it hears us (RFC 6347 §4.2.1)."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.tls import datagrams
from workbench.protocols.tls.datagrams import Fragment, Record
from workbench.protocols.tls.registry import ContentType, HandshakeType

_DTLS_1_0 = 0xFEFF
_VERSION_AND_RANDOM = 2 + 32


class Hello(msgspec.Struct, frozen=True):
    """A ClientHello in one record.

    Args:
        record: that carries it.
        fragment: with the whole message.
        cookie: what it brings, empty at first.
        parameters: all the rest of its body, which stays the same when the cookie is there.
    """

    record: Record
    fragment: Fragment
    cookie: bytes
    parameters: tuple[bytes, bytes]

    def without_cookie(self) -> Record:
        """The ClientHello that must have come before: number 0, and no cookie."""
        body = self.parameters[0] + b"\0" + self.parameters[1]
        octets = Fragment(HandshakeType.CLIENT_HELLO, len(body), 0, 0, body).encode()
        return Record(0, datagrams.HEADER_OCTETS + len(octets), self.record.type, _DTLS_1_0, 0, 0, octets)


def client_hello(records: Sequence[Record]) -> Hello | None:
    """The ClientHello that a datagram begins with; None where it begins with anything else, or it is in pieces."""
    record = records[0]
    if record.type != ContentType.HANDSHAKE or record.epoch != 0:
        return None
    try:
        first, *others = datagrams.fragments(record.fragment)
    except (MalformedMessageError, ValueError):
        return None
    if others or first.type != HandshakeType.CLIENT_HELLO or not first.whole:
        return None
    body = first.octets
    at = _VERSION_AND_RANDOM
    session_end = at + 1 + int.from_bytes(body[at : at + 1])
    cookie_end = session_end + 1 + int.from_bytes(body[session_end : session_end + 1])
    if cookie_end >= len(body):
        return None
    return Hello(record, first, body[session_end + 1 : cookie_end], (body[:session_end], body[cookie_end:]))


class Cookies:
    """Makes and checks cookies for any number of clients; keeps the secret and nothing else.

    Args:
        secret: unknown to everybody else; 16 octets or more.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def cookie(self, hello: Hello, source: str) -> bytes:
        """The cookie for a client at this address and port, with these parameters."""
        before, behind = hello.parameters
        told = b"".join(len(part).to_bytes(4) + part for part in (source.encode(), before, behind))
        return hmac.digest(self._secret, told, "sha256")

    def admits(self, hello: Hello, source: str) -> bool:
        """Whether the cookie is ours, for this client, in its second ClientHello."""
        return hello.fragment.message_seq == 1 and hmac.compare_digest(hello.cookie, self.cookie(hello, source))

    def answer(self, hello: Hello, source: str) -> bytes:
        """The HelloVerifyRequest: with the record number of what it answers, and the version of DTLS 1.0."""
        cookie = self.cookie(hello, source)
        body = _DTLS_1_0.to_bytes(2) + bytes([len(cookie)]) + cookie
        octets = Fragment(HandshakeType.HELLO_VERIFY_REQUEST, len(body), 0, 0, body).encode()
        sequence = hello.record.sequence
        return datagrams.header(ContentType.HANDSHAKE, _DTLS_1_0, 0, sequence, len(octets)) + octets

    def __repr__(self) -> str:
        return "Cookies(...)"
