"""SIP on the wire (RFC 3261 §7, §25): octets to values and back. Nothing here keeps state."""

from __future__ import annotations

import re

from workbench.errors import MalformedMessageError
from workbench.protocols.sip.messages import Headers, Message, Request, Response

MOST_OCTETS = 65_535
MOST_HEADERS = 512

# Request-Line  =  Method SP Request-URI SP SIP-Version;  Status-Line  =  SIP-Version SP Status-Code SP Reason-Phrase
_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
_REQUEST = re.compile(rf"({_TOKEN}) (\S+) SIP/(\d+\.\d+)", re.IGNORECASE)
_STATUS = re.compile(r"SIP/(\d+\.\d+) (\d{3}) ?(.*)", re.IGNORECASE | re.DOTALL)
_HEADER = re.compile(rf"({_TOKEN})[ \t]*:[ \t]*(.*)", re.DOTALL)

_CLAUSE = "RFC 3261 §7"


def decode(octets: bytes) -> Message:
    """Read one message from one datagram.

    Octets behind the body that Content-Length gives are left out (RFC 3261 §18.3).

    Raises:
        MalformedMessageError: no start line, no header, no end of headers, or a body shorter than Content-Length.
    """
    if len(octets) > MOST_OCTETS:
        raise MalformedMessageError(f"over {MOST_OCTETS} octets", clause=_CLAUSE, offset=MOST_OCTETS)
    lines, at = _head(octets)
    start_offset, start = lines[0]
    fields = Headers(tuple(_field(offset, line) for offset, line in lines[1:]))
    body = _body(fields, octets, at)
    if (status := _STATUS.fullmatch(start)) is not None:
        _version(status[1], start_offset)
        return Response(fields, body, status=int(status[2]), reason=status[3])
    if (request := _REQUEST.fullmatch(start)) is not None:
        _version(request[3], start_offset)
        return Request(fields, body, method=request[1], uri=request[2])
    raise MalformedMessageError("neither request nor status line", clause="RFC 3261 §7.1, §7.2", offset=start_offset)


def encode(message: Message) -> bytes:
    """The message's octets, with a Content-Length that is right."""
    if isinstance(message, Request):
        start = f"{message.method} {message.uri} SIP/2.0"
    else:
        start = f"SIP/2.0 {message.status} {message.reason}"
    fields = message.headers.with_("Content-Length", str(len(message.body)))
    head = "".join(f"{line}\r\n" for line in (start, *(f"{name}: {value}" for name, value in fields.fields), ""))
    return head.encode("utf-8", "surrogateescape") + message.body


def looks_like_sip(octets: bytes) -> bool:
    """Whether octets begin like a SIP message: cheap, for telling protocols apart."""
    line = bytes(octets[:300]).split(b"\r\n", 1)[0].split(b"\n", 1)[0]
    return line[:8].upper() == b"SIP/2.0 " or line.upper().endswith(b" SIP/2.0")


def _head(octets: bytes) -> tuple[list[tuple[int, str]], int]:
    """The unfolded lines of the head with their offsets, and where the body starts."""
    lines: list[tuple[int, str]] = []
    at = 0
    while octets[at : at + 2] == b"\r\n":  # RFC 3261 §7.5: CRLF in front of the start line is ignored
        at += 2
    while True:
        end = octets.find(b"\n", at)
        if end < 0:
            raise MalformedMessageError("the headers do not end", clause=_CLAUSE, offset=len(octets))
        raw = octets[at:end].removesuffix(b"\r")
        if not raw:
            break
        text = raw.decode("utf-8", "surrogateescape")
        if text[0] in " \t":
            if len(lines) < 2:
                raise MalformedMessageError("a folded line with nothing to fold", clause="RFC 3261 §7.3.1", offset=at)
            offset, before = lines[-1]
            lines[-1] = (offset, f"{before} {text.strip()}")
        else:
            lines.append((at, text))
        if len(lines) > MOST_HEADERS:
            raise MalformedMessageError(f"over {MOST_HEADERS} headers", clause=_CLAUSE, offset=at)
        at = end + 1
    if not lines:
        raise MalformedMessageError("no start line", clause=_CLAUSE, offset=0)
    return lines, end + 1


def _field(offset: int, line: str) -> tuple[str, str]:
    match = _HEADER.fullmatch(line)
    if match is None:
        raise MalformedMessageError("not a header: name, colon, value", clause="RFC 3261 §7.3.1", offset=offset)
    return match[1], match[2].rstrip(" \t")


def _body(fields: Headers, octets: bytes, at: int) -> bytes:
    length = fields.get("Content-Length")
    if length is None:
        return octets[at:]  # RFC 3261 §18.3: over UDP the body reaches to the end of the datagram
    if not length.isascii() or not length.isdecimal() or len(length) > 9:
        raise MalformedMessageError(f"Content-Length {length[:20]!r}", clause="RFC 3261 §20.14", offset=at)
    if int(length) > len(octets) - at:
        raise MalformedMessageError(
            f"body of {len(octets) - at} octets where Content-Length says {int(length)}", clause="RFC 3261 §18.3",
            offset=len(octets))
    return octets[at : at + int(length)]


def _version(text: str, offset: int) -> None:
    if text != "2.0":
        raise MalformedMessageError(f"SIP version {text[:10]}", clause="RFC 3261 §7.1", offset=offset)
