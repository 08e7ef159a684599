"""Where each field of HTTP messages lies, for the explainer. Covers every octet and never raises.

Names are keys of the catalogue `http.toml`. A body of MIKEY is one leaf, `http.body.mikey`.
"""

from __future__ import annotations

import re

from workbench.errors import MalformedMessageError
from workbench.protocols.http import wire
from workbench.protocols.http.messages import MIKEY
from workbench.protocols.layout import Span

UNDECODED = "http.undecoded"
_STARTS = (
    (re.compile(rb"([^ \r\n]+)( )([^ \r\n]+)( )(HTTP/[0-9.]+)(\r\n)"),
     ("http.method", "http.space", "http.target", "http.space", "http.version", "http.line_end")),
    (re.compile(rb"(HTTP/[0-9.]+)( )([0-9]{3})( ?)([^\r\n]*)(\r\n)"),
     ("http.version", "http.space", "http.status", "http.space", "http.reason", "http.line_end")),
)
_FIELD = re.compile(rb"([^:\r\n]+)(:)([ \t]*)((?:[^\r\n]*[^\r\n \t])?)([ \t]*)(\r\n)")
_PARTS = ("http.header_name", "http.colon", "http.blank", "http.header_value", "http.blank", "http.line_end")


def spans(octets: bytes) -> tuple[Span, ...]:
    """Lay out a run of messages of one direction, the last one whole or cut."""
    found: list[Span] = []
    at = 0
    while at < len(octets):
        try:
            size = wire.size_of(octets[at : at + wire.HEAD_OCTETS + wire.BODY_OCTETS])
        except MalformedMessageError:
            size = 0
        if not size:
            found.append(Span(UNDECODED, at, len(octets)))
            break
        end = min(len(octets), at + size)
        found.append(_message(octets, at, end))
        at = end
    return tuple(found)


def _message(octets: bytes, at: int, end: int) -> Span:
    start = at
    head = octets.index(b"\r\n\r\n", at) + 2
    parts: list[Span] = []
    line = octets.index(b"\r\n", at) + 2
    for pattern, names in _STARTS:
        match = pattern.fullmatch(octets, at, line)
        if match is not None:
            parts.append(_line("http.start", match, names))
            at = line
            break
    mikey = False
    while at < head and (match := _FIELD.match(octets, at, head)) is not None:
        name = match[1].decode("latin-1").lower()
        mikey |= name == "content-type" and match[4].decode("latin-1").lower().partition(";")[0].strip() == MIKEY
        parts.append(_line(f"http.header.{name}", match, _PARTS))
        at = match.end()
    if at < head:
        parts.append(Span(UNDECODED, at, head))
    parts.append(Span("http.blank_line", head, head + 2))
    if end > head + 2:
        parts.append(Span("http.body.mikey" if mikey else "http.body", head + 2, end, f"{end - head - 2} octets"))
    told = octets[start:line].decode("latin-1").strip()
    return Span("http", start, end, told, tuple(parts))


def _line(name: str, match: re.Match[bytes], names: tuple[str, ...]) -> Span:
    children = tuple(Span(one, match.start(group), match.end(group), match[group].decode("latin-1").strip("\r\n"))
                     for group, one in enumerate(names, 1) if match.end(group) > match.start(group))
    return Span(name, match.start(), match.end(), "", children)
