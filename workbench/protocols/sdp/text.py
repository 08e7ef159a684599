"""SDP text to values and back, without loss (RFC 8866 §5, §9). Nothing here keeps state."""

from __future__ import annotations

import re
from collections.abc import Callable
from sys import intern

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.sdp.model import CHOOSE, Connection, Line, Media, Origin, SessionDescription

MAX_OCTETS = 65_536
MAX_LINES = 2_048

_CONTROL = re.compile(r"[\0\r]")
_BLANK = ("", " ", "\t")
_SESSION_ONLY = frozenset("vost")

# token = 1*(token-char)      RFC 8866 §9; `-` alone and `$` are what H.248 writes
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+")
_ATTRIBUTE = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+(?::|\Z)")
_PROTO = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+(?:/[A-Za-z0-9!#$%&'*+.^_`{|}~-]+)*")
_PORT = re.compile(r"(\$|[0-9]{1,10})(?:/([0-9]{1,5}))?")


def decode(octets: bytes, *, max_octets: int = MAX_OCTETS, max_lines: int = MAX_LINES) -> SessionDescription:
    """Read one session description, as SIP carries it. Lines may end with CRLF or LF (RFC 8866 §5).

    Args:
        octets: the whole description.
        max_octets: longer ones are refused.
        max_lines: ones with more lines are refused.

    Raises:
        MalformedMessageError: a line that is not `type=value`, an m=, c= or o= line that can't be read, an attribute
            without a name, control characters, more than one `v=` line, or a size above the limits.

    Source: RFC 8866 §5.
    """
    groups = decode_groups(octets, max_octets=max_octets, max_lines=max_lines, blanks=False)
    if len(groups) != 1:
        at = sum(len(encode(group)) for group in groups[:1])
        raise MalformedMessageError(
            "empty description" if not groups else "a second v= line", clause="RFC 8866 §5", offset=at)
    return groups[0]


def decode_groups(
    octets: bytes, *, max_octets: int = MAX_OCTETS, max_lines: int = MAX_LINES, blanks: bool = True,
) -> tuple[SessionDescription, ...]:
    """Read the descriptions of an H.248 Local or Remote descriptor: alternatives, each from its `v=` line on.

    Args:
        octets: the text between the braces.
        blanks: lines may be indented and empty lines may stand between them, as in a braced text.

    Returns:
        The alternatives in order; none for blank text.

    Raises:
        MalformedMessageError: as for `decode`.

    Source: H.248.1 §7.1.8, RFC 8866 §5.
    """
    if len(octets) > max_octets:
        raise MalformedMessageError(f"more than {max_octets} octets of SDP", clause="RFC 8866 §5", offset=max_octets)
    try:
        text = octets.decode("utf-8")
        encoding = "utf-8"
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
        encoding = "latin-1"  # a=charset may say so; byte strings are allowed wherever text is free (RFC 8866 §9)
    try:
        return _groups(text, encoding, max_lines, blanks)
    except _NotSdp as wrong:
        raise MalformedMessageError(
            wrong.what, clause=wrong.clause, offset=len(text[: wrong.at].encode(encoding))) from None


def encode(described: SessionDescription) -> bytes:
    """The text of a description, exactly as it was read where it was not changed.

    Raises:
        LocalProtocolError: a value has a line end in it, or a letter that the description's encoding lacks.
    """
    parts: list[str] = [_written(line) for line in described.lines]
    for media in described.media:
        parts.append(_written(Line("m", media.line, media.end, media.lead)))
        parts += [_written(line) for line in media.lines]
    # A last line may lack its end; it gets one when an edit has put another line behind it.
    end = "\r\n" if any(part.endswith("\r\n") for part in parts) else "\n"
    parts[:-1] = [part if part.endswith(("\n", "\r")) else part + end for part in parts[:-1]]
    try:
        return "".join((*parts, described.tail)).encode(described.encoding)
    except UnicodeEncodeError as error:
        raise LocalProtocolError(f"SDP in {described.encoding} can't say {error.object[error.start]!r}") from None


class _NotSdp(Exception):
    """What is wrong, and at which character."""

    def __init__(self, what: str, clause: str, at: int) -> None:
        super().__init__(what, clause, at)
        self.what = what
        self.clause = clause
        self.at = at


def _groups(text: str, encoding: str, max_lines: int, blanks: bool) -> tuple[SessionDescription, ...]:
    groups: list[_Group] = []
    lead = ""
    at = count = 0
    size = len(text)
    for raw in text.split("\n"):
        after = at + len(raw) + 1
        if after > size:  # the last line may lack its end
            if not raw:
                break
            body, end = raw, ""
        elif raw[-1:] == "\r":
            body, end = raw[:-1], "\r\n"
        else:
            body, end = raw, "\n"
        if blanks and body[:1] in _BLANK:
            body = body.lstrip(" \t")
            if not body:
                lead += raw + end[-1:]
                at = after
                continue
            indent = raw[: len(raw) - len(raw.lstrip(" \t"))]
            lead += indent
            at += len(indent)
        count += 1
        if count > max_lines:
            raise _NotSdp(f"more than {max_lines} lines of SDP", "RFC 8866 §5", after - 1 - len(raw))
        bad = _CONTROL.search(body)
        if bad:
            raise _NotSdp("NUL in a line" if bad[0] == "\0" else "CR in a line", "RFC 8866 §9", at + bad.start())
        kind = body[0] if body[1:2] == "=" else ""
        if not "a" <= kind <= "z":
            raise _NotSdp("a line that is not type=value", "RFC 8866 §5", at)
        if kind == "v" or not groups:
            group = _Group(encoding)
            groups.append(group)
        if kind == "m":
            group.take_media(body[2:], end, lead, at)
        else:       # one says what the other has said: that is held once
            group.take(kind, intern(body[2:]), end, lead, at)
        lead = ""
        at = after
    if groups:
        groups[-1].tail = lead
    elif lead and not blanks:
        raise _NotSdp("empty description", "RFC 8866 §5", 0)
    return tuple([group.finished() for group in groups])


class _Group:
    """A description that is being read."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self.session: list[Line] = []
        self.lines = self.session
        self.media: list[tuple[_Words, str, str, list[Line]]] = []
        self.tail = ""

    def take_media(self, value: str, end: str, lead: str, at: int) -> None:
        """An m= line; what follows belongs to it."""
        self.lines = []
        self.media.append((_media_words(value, at), end, lead, self.lines))

    def take(self, kind: str, value: str, end: str, lead: str, at: int) -> None:
        """Any other line."""
        if kind == "a":
            if not _ATTRIBUTE.match(value):
                raise _NotSdp("an attribute without a name", "RFC 8866 §5.13", at + 2)
        elif kind in _SESSION_ONLY:
            if self.media:
                raise _NotSdp(f"{kind}= behind an m= line", "RFC 8866 §5", at)
            if kind == "o":
                _checked(Origin.decode, value, at)
        elif kind == "c":
            _checked(Connection.decode, value, at)
        self.lines.append(Line(kind, value, end, lead))

    def finished(self) -> SessionDescription:
        media = tuple([_media(words, end, lead, tuple(lines)) for words, end, lead, lines in self.media])
        return SessionDescription(tuple(self.session), media, self.tail, self.encoding)


def _checked(decode: Callable[[str], object], value: str, at: int) -> None:
    try:
        decode(value)
    except MalformedMessageError as error:
        raise _NotSdp(error.what, error.clause, at + 2) from None


def decode_media(line: Line) -> Media:
    """Read an m= line: `<media> <port>[/<count>] <proto> <fmt> ...`.

    Raises:
        MalformedMessageError: a word is missing or is not what it has to be, or the port is above 65535.

    Source: RFC 8866 §5.14; `$` for the port and `-` for media and format: H.248.1 §7.1.8.
    """
    try:
        return _media(_media_words(line.value, 0), line.end, line.lead, ())
    except _NotSdp as wrong:
        raise MalformedMessageError(wrong.what, clause=wrong.clause, offset=wrong.at) from None


_Words = tuple[str, int | None, int, str, tuple[str, ...], str]
"""Of an m= line: media, port, count of ports, protocol, formats, and the line where it is not written the plain way."""


def _media_words(value: str, at: int) -> _Words:
    words = value.split()
    port = _PORT.fullmatch(words[1]) if len(words) > 1 else None
    if (len(words) < 3 or port is None or not _TOKEN.fullmatch(words[0]) or not _PROTO.fullmatch(words[2])
            or not value.isprintable()):
        raise _NotSdp("m= is not media, port, protocol and format", "RFC 8866 §5.14", at + 2)
    digits, count = port.groups()
    number = None if digits == CHOOSE else int(digits)
    if number is not None and number > 65_535:
        raise _NotSdp(f"port {number}", "RFC 8866 §5.14", at + 2 + value.index(digits, len(words[0])))
    plain = " ".join(words) == value and (number is None or str(number) == digits)
    if count is not None and (count[0] == "0" or count == "1"):
        plain = False
    return words[0], number, int(count or 1), words[2], tuple(words[3:]), "" if plain else value


def _media(words: _Words, end: str, lead: str, lines: tuple[Line, ...]) -> Media:
    media, port, count, proto, formats, written = words
    return Media(
        lines=lines, media=media, port=port, port_count=count, proto=proto, formats=formats, end=end, lead=lead,
        written=written)


def _written(line: Line) -> str:
    if "\n" in line.value or "\r" in line.value or "\0" in line.value:
        raise LocalProtocolError(f"a line end inside a {line.type}= line")
    return str(line)
