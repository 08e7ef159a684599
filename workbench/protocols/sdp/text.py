"""SDP text: octets to values and back (RFC 8866 §5, §9). Nothing is lost: line endings and unknown lines stay."""

from __future__ import annotations

import re

from workbench.errors import MalformedMessageError
from workbench.protocols.sdp.model import CHOOSE, Line, Media, SessionDescription

_LINE = re.compile(r"([^\r\n]*)(\r\n|\n|\r|\Z)")
_MEDIA = re.compile(r"(\S+) +(\$|\d+)(?:/(\d+))? +(\S+)((?: +\S+)*) *")

MOST_OCTETS = 65_536
MOST_MEDIA = 256

_CLAUSE = "RFC 8866 §5"


def decode(octets: bytes) -> SessionDescription:
    """Read one session description.

    Args:
        octets: UTF-8 text; octets that are not are kept (surrogate escapes).

    Raises:
        MalformedMessageError: no `x=` line, a bad m= line, or too long; the offset is in octets.
    """
    groups = decode_groups(octets)
    if len(groups) > 1:
        raise MalformedMessageError(f"{len(groups)} descriptions where one belongs", clause=_CLAUSE, offset=0)
    return groups[0] if groups else SessionDescription()


def decode_groups(octets: bytes) -> tuple[SessionDescription, ...]:
    """Read the alternatives of an H.248 Local or Remote descriptor: each `v=` line begins one (H.248.1 §7.1.8).

    Raises:
        MalformedMessageError: as of `decode`.
    """
    if len(octets) > MOST_OCTETS:
        raise MalformedMessageError(f"SDP of over {MOST_OCTETS} octets", clause=_CLAUSE, offset=MOST_OCTETS)
    groups: list[SessionDescription] = []
    session: list[Line] = []
    media: list[tuple[Media, list[Line]]] = []

    def finish() -> None:
        if session or media:
            finished = tuple(
                Media(m.media, m.port, m.proto, m.formats, tuple(below), m.port_count, m.ending) for m, below in media)
            groups.append(SessionDescription(tuple(session), finished))
            session.clear()
            media.clear()

    for offset, line in _lines(octets):
        if line.kind == "v":
            finish()
        if line.kind == "m":
            if len(media) >= MOST_MEDIA:
                raise MalformedMessageError(f"over {MOST_MEDIA} m= lines", clause=_CLAUSE, offset=offset)
            media.append((_media(line, offset), []))
        elif media:
            media[-1][1].append(line)
        else:
            session.append(line)
    finish()
    return tuple(groups)


def encode(described: SessionDescription) -> bytes:
    """The description's text, the same octets that `decode` read it from."""
    parts: list[str] = [f"{line.kind}={line.value}{line.ending}" for line in described.lines]
    for media in described.media:
        parts += [f"{line.kind}={line.value}{line.ending}" for line in (media.line, *media.lines)]
    return "".join(parts).encode("utf-8", "surrogateescape")


def _lines(octets: bytes) -> list[tuple[int, Line]]:
    text = octets.decode("utf-8", "surrogateescape")
    found: list[tuple[int, Line]] = []
    at = offset = 0
    while at < len(text):
        match = _LINE.match(text, at)
        assert match is not None
        body, ending = match[1], match[2]
        if body:
            if len(body) < 2 or body[1] != "=" or not body[0].isalpha() or not body[0].isascii():
                raise MalformedMessageError("not a letter, equals sign and value", clause=_CLAUSE, offset=offset)
            found.append((offset, Line(body[0], body[2:], ending)))
        elif found:
            # A blank line belongs to the ending of the line above it, so that nothing is lost.
            where, last = found[-1]
            found[-1] = (where, Line(last.kind, last.value, last.ending + ending))
        else:
            raise MalformedMessageError("a blank line at the start", clause=_CLAUSE, offset=offset)
        offset += len(match[0].encode("utf-8", "surrogateescape"))
        at = match.end()
    return found


def _media(line: Line, offset: int) -> Media:
    match = _MEDIA.fullmatch(line.value)
    if match is None:
        raise MalformedMessageError("m= is not media, port, proto and formats", clause="RFC 8866 §5.14", offset=offset)
    port = None if match[2] == CHOOSE else _number(match[2], offset)
    count = None if match[3] is None else _number(match[3], offset)
    media = Media(match[1], port, match[4], tuple(match[5].split()), (), count, line.ending)
    if media.line.value != line.value:
        raise MalformedMessageError("blanks or zeros too many in an m= line", clause="RFC 8866 §5.14", offset=offset)
    return media


def _number(text: str, offset: int) -> int:
    number = int(text) if len(text) <= 5 else 65_536
    if number > 65_535:
        raise MalformedMessageError(f"port {text[:12]}", clause="RFC 8866 §5.14", offset=offset)
    return number
