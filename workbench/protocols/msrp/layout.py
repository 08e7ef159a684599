"""Where each field of an MSRP message lies (RFC 4975 §9). Never raises: what does not decode is shown as such."""

from __future__ import annotations

import re

from workbench.protocols.layout import Span
from workbench.protocols.msrp import wire

UNDECODED = "msrp.undecoded"
"""The name of octets that no rule fits."""

_IDENT = wire.IDENT.encode()
_START = re.compile(rb"(MSRP)( )(" + _IDENT + rb")( )(?:([A-Z]+)|([0-9]{3})(?:( )([^\r\n]*))?)(\r\n)")
_HEADER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(:[ \t]*)([^\r\n]*)(\r\n)")
_URI = re.compile(
    rb"(msrps?)(://)(?:([^@/;\[\]: ]*)(@))?(\[[0-9A-Fa-f:.]+\]|[^:/;@ ]+)(?:(:)([0-9]{1,5}))?(?:(/)([^; ]+))?"
    rb"(;)([A-Za-z0-9]+)((?:;[^; ]+)*)",
    re.IGNORECASE,
)
_RANGE = re.compile(rb"([0-9]+)(-)([0-9]+|\*)(/)([0-9]+|\*)")
_STATUS = re.compile(rb"([0-9]{3})( )([0-9]{3})(?:( )(.*))?")

HEADERS = (
    "To-Path", "From-Path", "Message-ID", "Success-Report", "Failure-Report", "Byte-Range", "Status", "Content-Type",
    "Content-ID", "Content-Description", "Content-Disposition", "Expires", "Min-Expires", "Max-Expires", "Use-Path",
    "WWW-Authenticate", "Authorization", "Authentication-Info", "Use-Nickname",
)
"""Headers with an entry of their own in the catalogue; others are `msrp.header.other`."""
_CANONICAL = {name.lower().encode(): name for name in HEADERS}

_FLAGS = {b"$": "$ the message is complete", b"+": "+ more chunks follow", b"#": "# the message is given up"}


def spans(octets: bytes) -> tuple[Span, ...]:
    """Lay out messages that stand one behind the other; the last may be cut short.

    Source: RFC 4975 §9.
    """
    found: list[Span] = []
    at = 0
    while at < len(octets):
        message = _message(octets, at)
        found.append(message)
        at = message.end
    return tuple(found)


def _message(octets: bytes, start: int) -> Span:
    match = _START.match(octets, start)
    if match is None:
        return Span(UNDECODED, start, len(octets))
    transaction, what = match[3], (match[5] or match[6]).decode()
    last = re.compile(rb"(-------)(" + re.escape(transaction) + rb")([$+#])(\r\n)")
    parts = [_start_line(match)]
    at = match.end()
    closing: re.Match[bytes] | None = None
    while at < len(octets):
        if (closing := last.match(octets, at)) is not None:
            break
        if octets.startswith(b"\r\n", at):
            closing = _body(octets, at, last, parts)
            break
        header = _HEADER.match(octets, at)
        if header is None:
            parts.append(Span(UNDECODED, at, len(octets)))
            break
        parts.append(_header(header))
        at = header.end()
    if closing is not None:
        parts.append(_end_line(closing))
    return Span("msrp.message", start, parts[-1].end, f"{what} {transaction.decode()}", tuple(parts))


def _start_line(match: re.Match[bytes]) -> Span:
    names = ("msrp.protocol", "msrp.separator", "msrp.transaction", "msrp.separator", "msrp.method", "msrp.status",
             "msrp.separator", "msrp.comment", "msrp.line_end")
    return Span("msrp.start_line", match.start(), match.end(), "", _groups(match, names))


def _body(octets: bytes, at: int, last: re.Pattern[bytes], parts: list[Span]) -> re.Match[bytes] | None:
    """The blank line, the body and the CRLF that closes it; where the end-line is missing, the body goes to the end."""
    start = at + 2
    parts.append(Span("msrp.blank_line", at, start))
    closing = last.match(octets, start)  # a body of no octets may lack its CRLF
    if closing is None:
        found = re.compile(rb"\r\n" + last.pattern).search(octets, start)
        end = found.start() if found is not None else len(octets)
        if start < end:
            parts.append(Span("msrp.body", start, end, f"{end - start} octet" + ("s" if end - start != 1 else "")))
        if found is not None:
            parts.append(Span("msrp.body_end", end, end + 2))
            closing = last.match(octets, end + 2)
    return closing


def _end_line(match: re.Match[bytes]) -> Span:
    flag = _FLAGS[match[3]]
    children = (
        Span("msrp.end_line.hyphens", *match.span(1)), Span("msrp.transaction", *match.span(2)),
        Span("msrp.end_line.flag", *match.span(3), flag), Span("msrp.line_end", *match.span(4)),
    )
    return Span("msrp.end_line", match.start(), match.end(), flag, children)


def _header(match: re.Match[bytes]) -> Span:
    name = _CANONICAL.get(match[1].lower(), "other")
    value = _value(name, match[3], match.start(3))
    children = (
        Span("msrp.header.name", *match.span(1)), Span("msrp.separator", *match.span(2)), *value,
        Span("msrp.line_end", *match.span(4)),
    )
    text = match[3].decode("utf-8", "backslashreplace")
    return Span(f"msrp.header.{name}", match.start(), match.end(), text, children)


def _value(name: str, octets: bytes, at: int) -> tuple[Span, ...]:
    if not octets:
        return ()
    match name:
        case "To-Path" | "From-Path" | "Use-Path":
            return _path(octets, at)
        case "Byte-Range" if (found := _RANGE.fullmatch(octets)) is not None:
            names = ("msrp.byte_range.start", "msrp.separator", "msrp.byte_range.end", "msrp.separator",
                     "msrp.byte_range.total")
            return _moved(_groups(found, names), at)
        case "Status" if (found := _STATUS.fullmatch(octets)) is not None:
            names = ("msrp.report.namespace", "msrp.separator", "msrp.report.code", "msrp.separator", "msrp.comment")
            return _moved(_groups(found, names), at)
    return (Span("msrp.header.value", at, at + len(octets)),)


def _path(octets: bytes, at: int) -> tuple[Span, ...]:
    names = ("msrp.uri.scheme", "msrp.separator", "msrp.uri.userinfo", "msrp.separator", "msrp.uri.host",
             "msrp.separator", "msrp.uri.port", "msrp.separator", "msrp.uri.session_id", "msrp.separator",
             "msrp.uri.transport", "msrp.uri.parameters")
    found: list[Span] = []
    start = 0
    while start < len(octets):
        end = octets.find(b" ", start)
        end = len(octets) if end < 0 else end
        if end > start:
            match = _URI.fullmatch(octets, start, end)
            parts = () if match is None else _moved(_groups(match, names), at)
            name = UNDECODED if match is None else "msrp.uri"
            found.append(Span(name, at + start, at + end, octets[start:end].decode("utf-8", "backslashreplace"), parts))
        if end < len(octets):
            found.append(Span("msrp.separator", at + end, at + end + 1))
        start = end + 1
    return tuple(found)


def _groups(match: re.Match[bytes], names: tuple[str, ...]) -> tuple[Span, ...]:
    """A span for each group of a pattern whose groups follow each other without gaps."""
    found = ((name, *match.span(index)) for index, name in enumerate(names, 1))
    return tuple(Span(name, start, end) for name, start, end in found if start < end)


def _moved(spans: tuple[Span, ...], by: int) -> tuple[Span, ...]:
    return tuple(span.moved(by) for span in spans)
