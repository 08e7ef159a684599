"""SIP on the wire: one datagram's octets to a message and back (RFC 3261 §7, §18.3). Nothing here keeps state."""

from __future__ import annotations

import re
from functools import lru_cache
from sys import intern

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.sip.grammar import TOKEN, CSeq, NameAddress, Via, split
from workbench.protocols.sip.messages import Headers, Request, Response, canonical

MAX_OCTETS = 65_535
MAX_HEADERS = 256
MAX_HEADER_OCTETS = 16_384

# Request-Line = Method SP Request-URI SP SIP-Version CRLF      RFC 3261 §7.1
_REQUEST_LINE = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]+) ([^ ]+) (SIP/[0-9]+\.[0-9]+)", re.IGNORECASE)
# Status-Line = SIP-Version SP Status-Code SP Reason-Phrase CRLF      RFC 3261 §7.2
_STATUS_LINE = re.compile(r"(SIP/[0-9]+\.[0-9]+) ([0-9]{3})(?: (.*))?", re.IGNORECASE)

_CONTROL = re.compile("[\r\n\0]")

# One field only (RFC 3261 §7.3.1: all that are not lists); Via, From, To, Call-ID and CSeq are in every message.
_SINGLE = frozenset({
    "from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "expires", "min-expires",
    "mime-version", "organization", "priority", "reply-to", "retry-after", "server", "subject", "timestamp",
    "user-agent",
})
_NEEDED = ("Via", "From", "To", "Call-ID", "CSeq")

# The messages of a transaction have most of these in common.
_address, _via, _cseq = lru_cache(256)(NameAddress.decode), lru_cache(256)(Via.decode), lru_cache(256)(CSeq.decode)


def decode(
    octets: bytes, *, max_octets: int = MAX_OCTETS, max_headers: int = MAX_HEADERS,
    max_header_octets: int = MAX_HEADER_OCTETS,
) -> Request | Response:
    """Read the one message of a datagram.

    Args:
        octets: the datagram; line ends in front of the start line are skipped (RFC 3261 §7.5).
        max_octets: longer datagrams are refused.
        max_headers: messages with more header fields are refused.
        max_header_octets: start lines and header fields (with their folded lines) may be this long.

    Returns:
        The message. Octets behind Content-Length are left out (RFC 3261 §18.3).

    Raises:
        MalformedMessageError: start line or header that can't be read, a header of every message missing or of
            single messages repeated, CSeq with another method, fewer octets than Content-Length, text that is not
            UTF-8, or a size above the limits.

    Source: RFC 3261 §7, §8.1.1, §18.3.
    """
    if len(octets) > max_octets:
        raise MalformedMessageError(f"more than {max_octets} octets", clause="RFC 3261 §18.1.1", offset=max_octets)
    start = 0
    while octets.startswith(b"\r\n", start):
        start += 2
    line, at = _line(octets, start, max_header_octets)
    request = _REQUEST_LINE.fullmatch(line)
    status = None if request else _STATUS_LINE.fullmatch(line)
    if request is None and status is None:
        raise MalformedMessageError("neither a request line nor a status line", clause="RFC 3261 §7", offset=start)
    version = request[3] if request is not None else status[1] if status is not None else ""
    if version.upper() != "SIP/2.0":
        raise MalformedMessageError(
            f"version {version}", clause="RFC 3261 §7.1", offset=start + line.encode().index(version.encode()))
    if status is not None and not 100 <= int(status[2]) <= 699:
        raise MalformedMessageError(f"status code {status[2]}", clause="RFC 3261 §7.2", offset=start + 8)
    fields: list[tuple[str, str]] = []
    places: dict[str, int] = {}
    while True:
        if octets.startswith(b"\r\n", at):
            at += 2
            break
        if at >= len(octets):
            raise MalformedMessageError("no empty line behind the headers", clause="RFC 3261 §7", offset=at)
        if len(fields) >= max_headers:
            raise MalformedMessageError(f"more than {max_headers} header fields", clause="RFC 3261 §7.3", offset=at)
        field, after = _line(octets, at, max_header_octets, folds=True)
        name, colon, value = field.partition(":")
        name = name.rstrip(" \t")
        if not colon or not TOKEN.fullmatch(name):
            raise MalformedMessageError("a line that is not a header field", clause="RFC 3261 §7.3.1", offset=at)
        key = canonical(name)
        if key in _SINGLE and key in places:
            raise MalformedMessageError(f"a second {name}", clause="RFC 3261 §7.3.1", offset=at)
        places.setdefault(key, at)
        if "\r\n" in value:
            value = " ".join(part.strip(" \t") for part in value.split("\r\n"))
        # Messages of a dialog say the same again and again.
        fields.append((intern(name), intern(value.strip(" \t"))))
        at = after
    headers = Headers(tuple(fields))
    _check(headers, places, request[1] if request is not None else None, start)
    body = octets[at:]
    said = headers.get("Content-Length")
    if said is not None:
        where = places["content-length"]
        if not said.isascii() or not said.isdigit() or len(said) > 10:
            raise MalformedMessageError("Content-Length is not a number", clause="RFC 3261 §20.14", offset=where)
        if int(said) > len(body):
            raise MalformedMessageError(
                f"Content-Length {int(said)}, but {len(body)} octets", clause="RFC 3261 §18.3", offset=where)
        body = body[:int(said)]
    if request is not None:
        return Request(method=request[1], uri=request[2], headers=headers, body=body)
    assert status is not None
    return Response(status=int(status[2]), reason=status[3] or "", headers=headers, body=body)


def encode(message: Request | Response) -> bytes:
    """The octets of a message. Content-Length is written last, whatever the headers say of it.

    Raises:
        LocalProtocolError: a line end inside a header, the URI or the reason, or a name or method that is no token.

    Source: RFC 3261 §7.
    """
    if isinstance(message, Request):
        if not TOKEN.fullmatch(message.method) or not message.uri or " " in message.uri:
            raise LocalProtocolError("not a method and a URI")
        lines = [f"{message.method} {message.uri} SIP/2.0"]
    else:
        lines = [f"SIP/2.0 {message.status:03d} {message.reason}"]
    for name, value in message.headers:
        if canonical(name) == "content-length":
            continue
        if not TOKEN.fullmatch(name):
            raise LocalProtocolError(f"{name!r} is not a header name")
        lines.append(f"{name}: {value}")
    lines.append(f"Content-Length: {len(message.body)}")
    if any("\r" in line or "\n" in line for line in lines):
        raise LocalProtocolError("a line end inside a line")
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode() + message.body


# Method = token, then SP (RFC 3261 §25.1)
_METHOD = re.compile(rb"[A-Z0-9.!%*_+`'~-]{1,64} ")


def looks_like_sip(octets: bytes) -> bool:
    """Whether octets begin with a SIP start line: cheap, for telling protocols apart."""
    line = bytes(octets[:512]).lstrip(b"\r\n").split(b"\n", 1)[0].rstrip(b"\r").upper()
    return line.startswith(b"SIP/2.0 ") or (line.endswith(b" SIP/2.0") and _METHOD.match(line) is not None)


def _line(octets: bytes, at: int, most: int, *, folds: bool = False) -> tuple[str, int]:
    """The line that starts at `at` (with the lines folded into it) without its end, and where the next one starts."""
    end = at
    while True:
        end = octets.find(b"\r\n", end, at + most + 2)
        if end < 0:
            cut = len(octets) <= at + most
            raise MalformedMessageError(
                "a line without CRLF" if cut else f"a line longer than {most} octets",
                clause="RFC 3261 §7", offset=len(octets) if cut else at)
        if folds and octets[end + 2:end + 3] in (b" ", b"\t"):
            end += 2
            continue
        break
    try:
        text = octets[at:end].decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedMessageError(
            "text that is not UTF-8", clause="RFC 3261 §25.1", offset=at + error.start) from None
    bare = text if not folds else text.replace("\r\n", "  ")
    control = _CONTROL.search(bare)
    if control is not None:
        index = control.start()
        raise MalformedMessageError(
            "a control character in a line", clause="RFC 3261 §25.1", offset=at + len(bare[:index].encode()))
    return text, end + 2


def _check(headers: Headers, places: dict[str, int], method: str | None, start: int) -> None:
    """The headers that every message has, and that they can be read (RFC 3261 §8.1.1)."""
    for name in _NEEDED:
        if name.lower() not in places:
            raise MalformedMessageError(f"no {name}", clause="RFC 3261 §8.1.1", offset=start)
    reading = ""
    try:
        for reading in ("From", "To"):
            _address(headers.get(reading) or "")
        reading = "CSeq"
        cseq = _cseq(headers.get("CSeq") or "")
        reading = "Via"
        vias = headers.all("Via")
        if not vias:
            raise MalformedMessageError("empty Via", clause="RFC 3261 §20.42")
        for via in vias:
            _via(via)
        reading = "Call-ID"
        if not headers.get("Call-ID") or len(split(headers.get("Call-ID") or "", " ")) != 1:
            raise MalformedMessageError("Call-ID is not one word", clause="RFC 3261 §20.8")
    except MalformedMessageError as error:
        raise MalformedMessageError(
            f"{reading}: {error.what}", clause=error.clause, offset=places[reading.lower()]) from None
    if method is not None and cseq.method != method:
        raise MalformedMessageError(
            f"CSeq says {cseq.method}, the request line {method}", clause="RFC 3261 §8.1.1.5", offset=places["cseq"])
