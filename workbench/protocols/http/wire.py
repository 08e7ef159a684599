"""HTTP/1.1 on the wire: octets to values and back, and a stream cut into messages (RFC 9112).

A body is as long as Content-Length says; transfer codings are refused: nobody needs them for a few hundred octets.
"""

from __future__ import annotations

import re

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.http.messages import Message, Request, Response

HEAD_OCTETS = 16_384
"""The longest start line and header fields that are taken."""
BODY_OCTETS = 1 << 18
"""The longest body that is taken: a MIKEY message has less than half of it."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# RFC 9112 §3 and §4: method SP request-target SP HTTP-version; HTTP-version SP status-code SP [reason-phrase]
_REQUEST_LINE = re.compile(rf"({_TOKEN}) ([!-~]+) (HTTP/[0-9]\.[0-9])")
_STATUS_LINE = re.compile(r"(HTTP/[0-9]\.[0-9]) ([1-9][0-9]{2})(?: ([\t -~\x80-\xff]*))?")
_FIELD = re.compile(rf"({_TOKEN}):([\t -~\x80-\xff]*)")
_BEGINS = re.compile(rb"(?:POST|GET|PUT|HEAD|DELETE|OPTIONS) [/*][^\r\n]* HTTP/1\.[01]\r?\n"
                     rb"|HTTP/1\.[01] [1-9][0-9]{2}[ \r]")
_LENGTH = re.compile(r"[0-9]{1,9}")


def looks_like_http(octets: bytes) -> bool:
    """Whether octets begin with a start line of HTTP/1."""
    return _BEGINS.match(octets) is not None


def decode(octets: bytes) -> Message:
    """Read exactly one message.

    Raises:
        MalformedMessageError: the octets are not one whole message.

    Source: RFC 9112 §2.
    """
    size = size_of(octets)
    if size is None or size > len(octets):
        raise MalformedMessageError("message cut short", clause="RFC 9112 §6.3", offset=len(octets))
    if size != len(octets):
        raise MalformedMessageError("octets behind the message", clause="RFC 9112 §6.3", offset=size)
    end = octets.index(b"\r\n\r\n")
    start, headers = _head(octets[:end])
    return _message(start, headers, octets[end + 4 :])


def size_of(octets: bytes | bytearray) -> int | None:
    """Octets of the message that a stream begins with, all here or not; None: its header is not whole yet.

    Raises:
        MalformedMessageError: no message begins here, or one above the limits.
    """
    end = octets.find(b"\r\n\r\n", 0, HEAD_OCTETS)
    if end < 0:
        if len(octets) >= HEAD_OCTETS:
            raise MalformedMessageError(f"more than {HEAD_OCTETS} octets of header", clause="RFC 9112 §5", offset=0)
        return None
    return end + 4 + _body_size(_head(bytes(octets[:end]))[1], end)


def encode(message: Message) -> bytes:
    """Write a message; Content-Length has to be among its header fields where it has a body.

    Raises:
        LocalProtocolError: a field with a line end in it, or another length than the body's.
    """
    match message:
        case Request():
            start = f"{message.method} {message.target} {message.version}"
        case Response():
            start = f"{message.version} {message.status} {message.reason}"
    lines = [start, *(f"{name}: {value}" for name, value in message.headers)]
    length = message.header("Content-Length")
    if any("\r" in line or "\n" in line for line in lines):
        raise LocalProtocolError("a line end in a header field (RFC 9110 §5.5)")
    if int(length or 0) != len(message.body):
        raise LocalProtocolError(f"Content-Length {length} for {len(message.body)} octets (RFC 9110 §8.6)")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + message.body


class Cutter:
    """Cuts one direction of a stream into octets of whole messages. Holds at most one that is not whole.

    Attributes:
        error: why nothing more is read; None while all is well.
    """

    def __init__(self) -> None:
        self.error: MalformedMessageError | None = None
        self._held = bytearray()
        self._size: int | None = None       # of the first message, once its header is here

    @property
    def held(self) -> int:
        """Octets of an unfinished message."""
        return len(self._held)

    def receive_data(self, data: bytes) -> list[bytes]:
        """Take octets in any portions; return the messages that they complete, oldest first. Never raises."""
        if self.error is not None:
            return []
        self._held += data
        found: list[bytes] = []
        try:
            while self._held and self._is_whole(len(data)):
                found.append(bytes(self._held[: self._size]))
                del self._held[: self._size]
                self._size, data = None, bytes(self._held)
        except MalformedMessageError as error:
            self.error = error
            self._held.clear()
        return found

    def _is_whole(self, new: int) -> bool:
        """The first message is here to its end. Its header is read once, when its last octet has come."""
        if self._size is None:
            seen = max(0, len(self._held) - new - 3)
            if self._held.find(b"\r\n\r\n", seen) < 0 and len(self._held) < HEAD_OCTETS:
                return False
            self._size = size_of(self._held)
        return self._size is not None and len(self._held) >= self._size


class Inbox:
    """Cuts one direction of a stream into messages. Holds at most one that is not whole."""

    def __init__(self) -> None:
        self._cutter = Cutter()

    @property
    def error(self) -> MalformedMessageError | None:
        """Why nothing more is read; None while all is well."""
        return self._cutter.error

    @property
    def held(self) -> int:
        """Octets of an unfinished message."""
        return self._cutter.held

    def receive_data(self, data: bytes) -> list[Message]:
        """Take octets in any portions; return the messages that they complete, oldest first. Never raises."""
        return [decode(octets) for octets in self._cutter.receive_data(data)]


def _head(octets: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
    start, *lines = octets.decode("latin-1").split("\r\n")
    headers: list[tuple[str, str]] = []
    at = len(start) + 2
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise MalformedMessageError("a line that is no header field", clause="RFC 9112 §5", offset=at)
        headers.append((field[1], field[2].strip(" \t")))
        at += len(line) + 2
    if not (_REQUEST_LINE.fullmatch(start) or _STATUS_LINE.fullmatch(start)):
        raise MalformedMessageError("no start line", clause="RFC 9112 §3, §4", offset=0)
    return start, tuple(headers)


def _body_size(headers: tuple[tuple[str, str], ...], end: int) -> int:
    lengths = {value for name, value in headers if name.lower() == "content-length"}
    if any(name.lower() == "transfer-encoding" for name, _ in headers):
        raise MalformedMessageError("a transfer coding, and only Content-Length is read", clause="RFC 9112 §6.1",
                                    offset=0)
    if not lengths:
        return 0
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length) or int(length) > BODY_OCTETS:
        raise MalformedMessageError("no single Content-Length within limits", clause="RFC 9112 §6.3", offset=end)
    return int(length)


def _message(start: str, headers: tuple[tuple[str, str], ...], body: bytes) -> Message:
    request = _REQUEST_LINE.fullmatch(start)
    if request is not None:
        return Request(method=request[1], target=request[2], version=request[3], headers=headers, body=body)
    status = _STATUS_LINE.fullmatch(start)
    assert status is not None
    return Response(status=int(status[2]), reason=status[3] or "", version=status[1], headers=headers, body=body)
