"""MSRP on the wire (RFC 4975 §7, §9): octets to values and back, and where in a stream a message ends."""

from __future__ import annotations

import re

import msgspec

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp.messages import (
    Broken,
    ByteRange,
    Flag,
    Header,
    Headers,
    Message,
    Request,
    Response,
    Status,
)

LINE_OCTETS = 8192
"""The longest start line or header line that is read."""
HEADER_COUNT = 128
"""The most headers that are read in one message."""

HYPHENS = b"-------"
"""What an end-line begins with, before the transaction id."""
FLAGS = (b"$", b"+", b"#")
"""What ends it, before its CRLF."""
_GRAMMAR = "RFC 4975 §9"

# ident = ALPHANUM 3*31ident-char          ident-char = ALPHANUM / "." / "-" / "+" / "%" / "="
IDENT = r"[A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}"
"""Pattern of transaction ids and Message-IDs."""
IDENT_PATTERN = re.compile(IDENT)
"""The same, compiled."""
# req-start  = pMSRP SP transact-id SP method CRLF
# resp-start = pMSRP SP transact-id SP status-code [SP comment] CRLF
_START = re.compile(rf"MSRP ({IDENT}) (?:([A-Z]+)|([0-9]{{3}})(?: (.*))?)", re.DOTALL)
# header = hname ":" SP hval CRLF
_HEADER = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*)", re.DOTALL)
# range-start "-" range-end "/" total
_RANGE = re.compile(r"([0-9]{1,20})-([0-9]{1,20}|\*)/([0-9]{1,20}|\*)")
_STATUS = re.compile(r"([0-9]{3}) ([0-9]{3})(?: (.*))?", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Framed(msgspec.Struct, frozen=True):
    """A message and where it stood.

    Args:
        start, end: octets counted from the beginning of the stream; `end` is one past the last.
        message: Broken where the end is known and the inside is wrong; None where the end can't be found.
        octets: the message as it came (without the part of a body that was above the limit).
        error: what is wrong with it; None for a Request or Response. Its offset counts from `start`.
    """

    start: int
    end: int
    message: Message | Broken | None
    octets: bytes
    error: MalformedMessageError | None = None


class Reader:
    """Cuts a stream into messages. Time is linear in the octets, however they are portioned.

    Args:
        max_octets: the longest body that is kept. The end of a longer one is still found, its octets are dropped.
    """

    def __init__(self, max_octets: int = 1 << 20) -> None:
        self.broken = False
        self._max_octets = max_octets
        self._buffer = bytearray()
        self._offset = 0  # of the buffer's first octet in the stream
        self._begin()

    @property
    def held(self) -> int:
        """Octets of an unfinished message that are kept."""
        return len(self._buffer)

    @property
    def overflowing(self) -> Broken | None:
        """The message now arriving whose body is above the limit, without its body; None mostly."""
        if not self._dropped or self._head is None:
            return None
        return Broken(self._head[0], self._head[1], tuple(self._headers), None, Flag.MORE)

    def receive_data(self, data: bytes) -> list[Framed]:
        """Take octets in any portions; return the messages that they complete, oldest first.

        Where the framing itself is lost the last one has no message, and all later octets are ignored (`broken`).
        """
        if self.broken:
            return []
        self._buffer += data
        found: list[Framed] = []
        try:
            while (framed := self._take()) is not None:
                found.append(framed)
        except MalformedMessageError as error:
            self.broken = True
            octets = bytes(self._buffer)
            end = self._offset + self._dropped + len(octets)
            found.append(Framed(self._offset, end, None, octets, error))
            self._buffer.clear()
        return found

    def _begin(self) -> None:
        self._head: tuple[str, str, str] | None = None  # transaction, method or status, comment
        self._headers: list[Header] = []
        self._fault: MalformedMessageError | None = None
        self._line = 0        # where the line being read starts
        self._scanned = 0     # no end of line, or of body, begins before here
        self._body: int | None = None
        self._dropped = 0

    def _take(self) -> Framed | None:
        while self._body is None:
            at = self._buffer.find(b"\r\n", self._scanned)
            if at < 0:
                self._scanned = max(self._line, len(self._buffer) - 1)
                if len(self._buffer) - self._line > LINE_OCTETS:
                    raise MalformedMessageError("endless line", clause=_GRAMMAR, offset=self._line)
                self._check_beginning()
                return None
            flag = self._read_line(at)
            self._line = at + 2
            # A body of no octets may lack its own CRLF; then that of the blank line stands before the end-line.
            self._scanned = at + 2 if self._body is None else at
            if flag is not None:
                return self._finish(at + 2, None, flag)
        return self._take_body()

    def _check_beginning(self) -> None:
        """A stream that does not begin with `MSRP ` is not worth waiting for."""
        if self._head is None and not b"MSRP ".startswith(self._buffer[:5]):
            raise MalformedMessageError("not an MSRP start line", clause=_GRAMMAR, offset=0)

    def _read_line(self, end: int) -> Flag | None:
        """Take one line; the flag if it is the end-line."""
        line = bytes(self._buffer[self._line : end])
        if len(line) > LINE_OCTETS:
            raise MalformedMessageError("line too long", clause=_GRAMMAR, offset=self._line)
        if self._head is None:
            self._head = decode_start(line)
            self._mark = HYPHENS + self._head[0].encode()
            return None
        if line.startswith(self._mark) and line[len(self._mark) :] in FLAGS:
            return Flag(line[-1:].decode())
        if not line:
            self._body = end + 2
            return None
        if len(self._headers) >= HEADER_COUNT:
            raise MalformedMessageError(f"more than {HEADER_COUNT} headers", clause=_GRAMMAR, offset=self._line)
        try:
            self._headers.append(_decode_header(line, self._line))
        except MalformedMessageError as error:
            self._fault = self._fault or error
        return None

    def _take_body(self) -> Framed | None:
        assert self._body is not None
        mark = b"\r\n" + self._mark
        tail = len(mark) + 3
        at = self._scanned
        while (at := self._buffer.find(mark, at)) >= 0:
            rest = bytes(self._buffer[at + len(mark) : at + tail])
            if len(rest) < 3 and not may_become_end(rest):
                at += 2
                continue
            if len(rest) < 3:
                self._scanned = at
                break
            if rest[1:] == b"\r\n" and rest[:1] in FLAGS:
                body = bytes(self._buffer[self._body : max(at, self._body)])
                return self._finish(at + tail, body, Flag(rest[:1].decode()))
            at += 2
        else:
            self._scanned = max(self._body - 2, len(self._buffer) - len(mark) + 1)
        self._drop_surplus()
        return None

    def _drop_surplus(self) -> None:
        """Forget what lies above the limit and can't be part of the end-line."""
        assert self._body is not None
        if self._scanned - self._body > self._max_octets:
            surplus = self._scanned - self._body - self._max_octets
            del self._buffer[self._body + self._max_octets : self._scanned]
            self._scanned -= surplus
            self._dropped += surplus

    def _finish(self, end: int, body: bytes | None, flag: Flag) -> Framed:
        assert self._head is not None
        octets = bytes(self._buffer[:end])
        del self._buffer[:end]
        start, self._offset = self._offset, self._offset + end + self._dropped
        transaction, what, comment = self._head
        headers = tuple(self._headers)
        fault = self._fault
        if self._dropped or (body is not None and len(body) > self._max_octets):
            fault = MalformedMessageError(
                f"body of more than {self._max_octets} octets", clause="RFC 4975 §10.5", offset=self._body
            )
        message: Message | Broken = Broken(transaction, what, headers, body, flag)
        if fault is None:
            try:
                message = _build(transaction, what, comment, headers, body, flag)
            except MalformedMessageError as error:
                fault = error
        self._begin()
        return Framed(start, self._offset, message, octets, fault)


def decode(octets: bytes) -> Message:
    """Read exactly one message.

    Raises:
        MalformedMessageError: it is not one, not whole, or something stands behind it.

    Source: RFC 4975 §9.
    """
    reader = Reader(max_octets=len(octets))
    found = reader.receive_data(octets)
    if not found:
        raise MalformedMessageError("message cut short", clause=_GRAMMAR, offset=len(octets))
    first = found[0]
    if first.error is not None:
        raise first.error
    if first.end != len(octets):
        raise MalformedMessageError("octets behind the end-line", clause=_GRAMMAR, offset=first.end)
    assert isinstance(first.message, Request | Response)
    return first.message


def encode(message: Message) -> bytes:
    """Write one message.

    Raises:
        LocalProtocolError: it would not be MSRP: a transaction id that is not one or stands in the body as end-line,
            a line break in a header, a body without Content-Type in last place.

    Source: RFC 4975 §9.
    """
    if IDENT_PATTERN.fullmatch(message.transaction) is None:
        raise LocalProtocolError(f"not a transaction id: {message.transaction!r}")
    if not message.to_path or not message.from_path:
        raise LocalProtocolError("To-Path and From-Path each need a URI")
    if isinstance(message, Response):
        what, body, flag = f"{message.status:03}", None, Flag.COMPLETE
        what += f" {message.comment}" if message.comment else ""
    else:
        what, body, flag = message.method, message.body, message.flag
        if re.fullmatch("[A-Z]+", what) is None:
            raise LocalProtocolError(f"not a method: {what!r}")
    lines = [
        f"MSRP {message.transaction} {what}",
        f"To-Path: {uris.encode_path(message.to_path)}",
        f"From-Path: {uris.encode_path(message.from_path)}",
        *(f"{header.name}: {header.value}" for header in message.headers),
    ]
    if any(_CONTROL.search(line) for line in lines):
        raise LocalProtocolError("control characters in a line")
    end_line = HYPHENS + message.transaction.encode()
    octets = "\r\n".join(lines).encode() + b"\r\n"
    if body is not None:
        if not message.headers or message.headers[-1].name.lower() != "content-type":
            raise LocalProtocolError("a body needs Content-Type, as the last header")
        if b"\r\n" + end_line in b"\r\n" + body:
            raise LocalProtocolError("the transaction id stands in the body as an end-line")
        octets += b"\r\n" + body + b"\r\n"
    return octets + end_line + flag.encode() + b"\r\n"


def decode_byte_range(text: str) -> ByteRange:
    """Read a Byte-Range value.

    Raises:
        MalformedMessageError: not a range, or one that contradicts itself.

    Source: RFC 4975 §7.1.1, §9.
    """
    clause = "RFC 4975 §7.1.1"
    match = _RANGE.fullmatch(text)
    if match is None:
        raise MalformedMessageError("not a byte range", clause=clause)
    start = int(match[1])
    end = None if match[2] == "*" else int(match[2])
    total = None if match[3] == "*" else int(match[3])
    if start < 1:
        raise MalformedMessageError("byte range starts at 0; the first octet is 1", clause=clause)
    if max(start, end or 0, total or 0) >= 1 << 63:
        raise MalformedMessageError("byte range beyond 2^63", clause=clause)
    if end is not None and end < start - 1:  # 1-0/0: a body of no octets
        raise MalformedMessageError(f"byte range ends at {end}, before it starts", clause=clause)
    if end is not None and total is not None and end > total:
        raise MalformedMessageError(f"byte range ends at {end} of {total}", clause=clause)
    return ByteRange(start, end, total)


def decode_status(text: str) -> Status:
    """Read a Status value (RFC 4975 §7.1.2).

    Raises:
        MalformedMessageError: not a namespace and a code of three digits each.
    """
    match = _STATUS.fullmatch(text)
    if match is None:
        raise MalformedMessageError("not a status", clause="RFC 4975 §7.1.2")
    return Status(int(match[1]), int(match[2]), match[3] or "")


def may_become_end(rest: bytes) -> bool:
    """Whether what stands behind the transaction id can still grow into flag and CRLF."""
    return not rest or (rest[:1] in FLAGS and rest[1:] in (b"", b"\r"))


def _text(line: bytes, at: int) -> str:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise MalformedMessageError("not UTF-8", clause=_GRAMMAR, offset=at + error.start) from None
    control = _CONTROL.search(text)
    if control is not None:
        where = at + len(text[: control.start()].encode())
        raise MalformedMessageError(f"control character {ord(control[0])}", clause=_GRAMMAR, offset=where)
    return text


def decode_start(line: bytes) -> tuple[str, str, str]:
    """Read a start line without its CRLF: transaction id, method or status code, comment.

    Raises:
        MalformedMessageError: it is not one.

    Source: RFC 4975 §9.
    """
    match = _START.fullmatch(_text(line, 0))
    if match is None:
        raise MalformedMessageError("not an MSRP start line", clause=_GRAMMAR, offset=0)
    return match[1], match[2] or match[3], match[4] or ""


def _decode_header(line: bytes, at: int) -> Header:
    match = _HEADER.fullmatch(_text(line, at))
    if match is None:
        raise MalformedMessageError("not a header", clause=_GRAMMAR, offset=at)
    return Header(match[1], match[2])


def _build(
    transaction: str, what: str, comment: str, headers: Headers, body: bytes | None, flag: Flag
) -> Message:
    for index, name in enumerate(("to-path", "from-path")):
        if len(headers) <= index or headers[index].name.lower() != name:
            place = "first" if index == 0 else "second"
            raise MalformedMessageError(f"{name.title()} is not the {place} header", clause="RFC 4975 §7.1")
    to_path = uris.decode_path(headers[0].value)
    from_path = uris.decode_path(headers[1].value)
    rest = headers[2:]
    if what.isdigit():
        if body is not None:
            raise MalformedMessageError("a response with a body", clause=_GRAMMAR)
        if flag is not Flag.COMPLETE:
            raise MalformedMessageError(f"a response that ends with {flag}", clause=_GRAMMAR)
        return Response(transaction, int(what), comment, to_path, from_path, rest)
    if body is not None and (not rest or rest[-1].name.lower() != "content-type"):
        raise MalformedMessageError("a body without Content-Type as the last header", clause=_GRAMMAR)
    return Request(transaction, what, to_path, from_path, rest, body, flag)
