"""SDP text to values and back, without loss (RFC 8866 §5, §9). Nothing here keeps state."""

from __future__ import annotations

import re

import msgspec

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.sdp.model import CHOOSE, Connection, Line, Media, Origin, SessionDescription

MAX_OCTETS = 65_536
MAX_LINES = 2_048

_LINE = re.compile(rb"\r?\n")
_CONTROL = re.compile(rb"[\0\r]")

# token = 1*(token-char)      RFC 8866 §9; `-` alone and `$` are what H.248 writes
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+")
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
        octets.decode("utf-8")
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = "latin-1"  # a=charset may say so; byte strings are allowed wherever text is free (RFC 8866 §9)
    groups: list[_Group] = []
    lead = ""
    at = count = 0
    while at < len(octets):
        found = _LINE.search(octets, at)
        stop, after = (found.start(), found.end()) if found else (len(octets), len(octets))
        text = octets[at:stop].decode(encoding)
        body = text.lstrip(" \t") if blanks else text
        if blanks and not body:
            lead += text + octets[stop:after].decode("ascii")
            at = after
            continue
        count += 1
        if count > max_lines:
            raise MalformedMessageError(f"more than {max_lines} lines of SDP", clause="RFC 8866 §5", offset=at)
        bad = _CONTROL.search(octets, at, stop)
        if bad:
            raise MalformedMessageError(
                "NUL in a line" if bad[0] == b"\0" else "CR in a line", clause="RFC 8866 §9", offset=bad.start())
        indent = len(text) - len(body)
        line = _line(body, octets[stop:after].decode("ascii"), lead + text[:indent], at + indent)
        lead = ""
        if line.type == "v" or not groups:
            groups.append(_Group(encoding))
        groups[-1].take(line, at + indent)
        at = after
    if groups:
        groups[-1].tail = lead
    elif lead and not blanks:
        raise MalformedMessageError("empty description", clause="RFC 8866 §5", offset=0)
    return tuple(group.finished() for group in groups)


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
    parts[:-1] = [part if part.endswith("\n") else part + end for part in parts[:-1]]
    try:
        return "".join((*parts, described.tail)).encode(described.encoding)
    except UnicodeEncodeError as error:
        raise LocalProtocolError(f"SDP in {described.encoding} can't say {error.object[error.start]!r}") from None


class _Group:
    """A description that is being read."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self.session: list[Line] = []
        self.media: list[tuple[Media, list[Line]]] = []
        self.tail = ""

    def take(self, line: Line, at: int) -> None:
        if line.type == "m":
            self.media.append((decode_media(line, at), []))
            return
        if line.type in "vost" and self.media:
            raise MalformedMessageError(f"{line.type}= behind an m= line", clause="RFC 8866 §5", offset=at)
        if line.type == "a" and not _TOKEN.fullmatch(line.name):
            raise MalformedMessageError("an attribute without a name", clause="RFC 8866 §5.13", offset=at + 2)
        try:
            if line.type == "c":
                Connection.decode(line.value)
            elif line.type == "o":
                Origin.decode(line.value)
        except MalformedMessageError as error:
            raise MalformedMessageError(error.what, clause=error.clause, offset=at + 2) from None
        (self.media[-1][1] if self.media else self.session).append(line)

    def finished(self) -> SessionDescription:
        media = tuple(msgspec.structs.replace(m, lines=tuple(lines)) for m, lines in self.media)
        return SessionDescription(tuple(self.session), media, self.tail, self.encoding)


def decode_media(line: Line, at: int = 0) -> Media:
    """Read an m= line: `<media> <port>[/<count>] <proto> <fmt> ...`.

    Args:
        line: the line, its type `m`.
        at: where it starts, for the error.

    Raises:
        MalformedMessageError: a word is missing or is not what it has to be, or the port is above 65535.

    Source: RFC 8866 §5.14; `$` for the port and `-` for media and format: H.248.1 §7.1.8.
    """
    words = line.value.split()
    port = _PORT.fullmatch(words[1]) if len(words) > 1 else None
    if (len(words) < 3 or port is None or not _TOKEN.fullmatch(words[0]) or not _PROTO.fullmatch(words[2])
            or not line.value.isprintable()):
        raise MalformedMessageError(
            "m= is not media, port, protocol and format", clause="RFC 8866 §5.14", offset=at + 2)
    number = None if port[1] == CHOOSE else int(port[1])
    if number is not None and number > 65_535:
        raise MalformedMessageError(
            f"port {number}", clause="RFC 8866 §5.14", offset=at + 2 + line.value.index(port[1], len(words[0])))
    media = Media(
        lines=(), media=words[0], port=number, port_count=int(port[2] or 1), proto=words[2], formats=tuple(words[3:]),
        end=line.end, lead=line.lead)
    return media if media.line == line.value else msgspec.structs.replace(media, written=line.value)


def _line(text: str, end: str, lead: str, at: int) -> Line:
    if len(text) < 2 or text[1] != "=" or not ("a" <= text[0] <= "z"):
        raise MalformedMessageError("a line that is not type=value", clause="RFC 8866 §5", offset=at)
    return Line(text[0], text[2:], end, lead)


def _written(line: Line) -> str:
    if "\n" in line.value or "\r" in line.value or "\0" in line.value:
        raise LocalProtocolError(f"a line end inside a {line.type}= line")
    return str(line)
