"""Where each field of a session description lies, for the explainer. Covers every octet and never raises.

The names are keys of the catalogue `sdp.toml`: a line is `sdp.<what it is>` or `sdp.attribute.<name>`, the value of an
attribute is `sdp.value.<name>`, or parts of it behind another dot.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from workbench.errors import MalformedMessageError
from workbench.protocols.layout import Span
from workbench.protocols.sdp.model import Connection, Line, Origin
from workbench.protocols.sdp.text import decode_media

_LINES = {
    "v": "sdp.version", "o": "sdp.origin", "s": "sdp.session_name", "i": "sdp.information", "u": "sdp.uri",
    "e": "sdp.email", "p": "sdp.phone", "c": "sdp.connection", "b": "sdp.bandwidth", "t": "sdp.time",
    "r": "sdp.repeat", "z": "sdp.zone", "k": "sdp.key", "m": "sdp.media",
}

# [blank lines] type "=" value line-end, on octets read as Latin-1, so that places are octets
_LINE = re.compile(r"([ \t]*(?:\r?\n[ \t]*)*)(?:([a-z])=([^\r\n\0]*))?(\r?\n|\Z)")
_WORD = re.compile(r"[^ ]+| +")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+")

# Attributes whose value is words that mean something each: the names of the words, the last one for all that follow.
_WORDS = {
    "fingerprint": ("hash", "octets"), "path": ("uri",), "accept-types": ("type",), "accept-wrapped-types": ("type",),
    "key-mgmt": ("protocol", "message"), "floorid": ("number", "label"), "floorctrl": ("role",),
    "bfcpver": ("version",),
    "rtpmap": ("format", "encoding"), "fmtp": ("format", "parameters"), "crypto": ("tag", "suite", "keys"),
    "t38faxudpecdepth": ("depth",), "tcap": ("number", "transport"), "pcfg": ("number", "configuration"),
    "acfg": ("number", "configuration"), "acap": ("number", "attribute"),
}


class _Cut:
    """Spans that are laid down one behind the other."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.spans: list[Span] = []

    def to(self, end: int, name: str, value: str = "", children: tuple[Span, ...] = ()) -> None:
        """A span from where the last one ended; nothing where it would be empty."""
        if end > self.at:
            self.spans.append(Span(name, self.at, end, value, children))
            self.at = end

    def words(self, end: int, name: Callable[[int], str], told: bool = False) -> None:
        """The words up to `end`, separated by blanks; `told`: their text is what the catalogue looks up."""
        number = 0
        for match in _WORD.finditer(self.text, self.at, end):
            if match[0].startswith(" "):
                self.to(match.end(), "sdp.space")
            else:
                self.to(match.end(), name(number), match[0] if told else "")
                number += 1


def spans(octets: bytes) -> tuple[Span, ...]:
    """The fields of a description, or of the several in an H.248 Local or Remote descriptor.

    Args:
        octets: the text, whole or partial.

    Returns:
        A span for each line with its parts inside; `sdp.undecoded` from the first line that can't be read to the end.

    Source: RFC 8866 §5 and §9.
    """
    text = octets.decode("latin-1")
    cut = _Cut(text, 0)
    while cut.at < len(text):
        match = _LINE.match(text, cut.at)
        if match is None or not match[0]:
            break
        if match[2] is None:
            cut.to(match.end(), "sdp.blank")
            continue
        try:
            line = Line(match[2], match[3])
            name = _check(line)
        except MalformedMessageError:
            break
        parts = _Cut(text, cut.at)
        parts.to(match.end(1), "sdp.blank")
        parts.to(match.start(2) + 1, "sdp.type", match[2])
        parts.to(match.start(2) + 2, "sdp.equals")
        _value(parts, line, match.end(3))
        parts.to(match.end(3), "sdp.value.*")
        parts.to(match.end(), "sdp.line_end", "CRLF" if match[4] == "\r\n" else "LF")
        cut.to(match.end(), name, "", tuple(parts.spans))
    cut.to(len(text), "sdp.undecoded")
    return tuple(cut.spans)


def _check(line: Line) -> str:
    """The name of a line's span.

    Raises:
        MalformedMessageError: its value can't be read.
    """
    match line.type:
        case "c":
            Connection.decode(line.value)
        case "o":
            Origin.decode(line.value)
        case "m":
            decode_media(line)
        case "a":
            if not _NAME.fullmatch(line.name):
                raise MalformedMessageError("an attribute without a name", clause="RFC 8866 §5.13")
            return f"sdp.attribute.{line.name.lower()}"
    return _LINES.get(line.type, f"sdp.line.{line.type}")


def _value(parts: _Cut, line: Line, end: int) -> None:
    match line.type:
        case "v":
            parts.to(end, "sdp.version.number")
        case "o":
            parts.words(end, _named("sdp.origin", (
                "username", "session_id", "version", "net_type", "addr_type", "address")))
        case "c":
            parts.words(end, _named("sdp.connection", ("net_type", "addr_type", "address")), told=True)
        case "t":
            parts.words(end, _named("sdp.time", ("start", "stop")))
        case "b":
            colon = parts.text.find(":", parts.at, end)
            if colon >= 0:
                parts.to(colon, "sdp.bandwidth.type", parts.text[parts.at:colon])
                parts.to(colon + 1, "sdp.colon")
            parts.to(end, "sdp.bandwidth.value")
        case "m":
            _media(parts, end)
        case "a":
            _attribute(parts, line, end)
        case _:
            parts.to(end, f"{_LINES.get(line.type, 'sdp.line')}.text")


def _media(parts: _Cut, end: int) -> None:
    number = 0
    for match in _WORD.finditer(parts.text, parts.at, end):
        if match[0].startswith(" "):
            parts.to(match.end(), "sdp.space")
            continue
        if number == 1 and "/" in match[0]:
            slash = match.start() + match[0].index("/")
            parts.to(slash, "sdp.media.port", parts.text[match.start():slash])
            parts.to(slash + 1, "sdp.slash")
            parts.to(match.end(), "sdp.media.port_count")
        else:
            name = ("media", "port", "proto", "format")[min(number, 3)]
            parts.to(match.end(), f"sdp.media.{name}", match[0])
        number += 1


def _attribute(parts: _Cut, line: Line, end: int) -> None:
    name = line.name.lower()
    parts.to(parts.at + len(line.name), "sdp.attribute_name")
    if parts.at == end:
        return
    parts.to(parts.at + 1, "sdp.colon")
    words = _WORDS.get(name)
    if words is not None:
        parts.words(end, _named(f"sdp.value.{name}", words), told=True)
        return
    content = parts.text[parts.at:end]
    parts.to(end - len(content.lstrip(" ")), "sdp.space")
    parts.to(end - len(content) + len(content.rstrip(" ")), f"sdp.value.{name}", content.strip(" "))
    parts.to(end, "sdp.space")


def _named(prefix: str, names: tuple[str, ...]) -> Callable[[int], str]:
    return lambda number: f"{prefix}.{names[min(number, len(names) - 1)]}"
