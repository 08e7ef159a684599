"""Tags, lengths and contents of BER: what every octet of a TLV is for (X.690 §8.1).

A TLV is an identifier (class, primitive or constructed, number), a length (short, long, or indefinite with an end of
contents mark), and contents. Everything here is given a place in octets and says where it ends; nothing is copied.

Source: X.690 §8.1 (the form of a TLV), §8.3 to §8.23 (contents of each type).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from workbench.errors import MalformedMessageError

UNIVERSAL, APPLICATION, CONTEXT, PRIVATE = range(4)
CONSTRUCTED = 0x20
MAX_DEPTH = 64
"""How deep TLVs may lie in each other. No message of H.248 needs more than about forty."""
MAX_STRING_DEPTH = 8
"""How deep a string may be cut into pieces of pieces (X.690 §8.7.3)."""

_LONG_TAG = 0x1F
_INDEFINITE = 0x80


class Header(NamedTuple):
    """Identifier and length of a TLV, with their places.

    Args:
        start: of the identifier octets.
        tag_class: `UNIVERSAL`, `APPLICATION`, `CONTEXT` or `PRIVATE`.
        constructed: the contents are TLVs.
        number: of the tag.
        length_at: where the length octets begin, behind the identifier octets.
        content: where the contents begin, behind the length octets.
        length: of the contents; None for the indefinite form.
    """

    start: int
    tag_class: int
    constructed: bool
    number: int
    length_at: int
    content: int
    length: int | None


class Element(NamedTuple):
    """A TLV as a whole: its header, how deep it lies, and where it ends.

    Args:
        depth: 0 for the outermost.
        stop: end of the contents.
        end: end of the TLV; two octets behind `stop` where an end of contents mark follows.
    """

    header: Header
    depth: int
    stop: int
    end: int


class IndefiniteLength(Exception):
    """A length is indefinite, and the octets come without the ends of such TLVs (`Octets`)."""


class Octets(bytes):
    """Octets that know where their TLVs of indefinite length end: by the place of the length octet."""

    ends: dict[int, int]

    @classmethod
    def of(cls, octets: bytes, *, max_depth: int = MAX_DEPTH) -> Octets:
        """Find the ends, all the way down.

        Raises:
            MalformedMessageError: a TLV that does not fit into the one around it, a missing end, too deep a nest.
        """
        known = cls(octets)
        known.ends = _ends(octets, max_depth)
        return known


def header(octets: bytes, at: int, end: int) -> Header:
    """Read the identifier and length octets at `at`.

    Args:
        octets: the whole message.
        at: where the TLV starts.
        end: where what is around it ends.

    Raises:
        MalformedMessageError: the octets end inside the header, or a number or length is written as no BER may.

    Source: X.690 §8.1.2, §8.1.3.
    """
    if at >= end:
        raise MalformedMessageError("a TLV is missing", clause="X.690 §8.1", offset=at)
    first = octets[at]
    number = first & _LONG_TAG
    here = at + 1
    if number == _LONG_TAG:
        number, here = _long_number(octets, here, end)
    if here >= end:
        raise MalformedMessageError("cut short in front of a length", clause="X.690 §8.1.3", offset=here)
    length: int | None = octets[here]
    content = here + 1
    if length is not None and length & 0x80:
        length, content = _long_length(octets, here, end)
    constructed = bool(first & CONSTRUCTED)
    if length is None and not constructed:
        raise MalformedMessageError("an indefinite length of no TLVs", clause="X.690 §8.1.3.2", offset=here)
    return Header(at, first >> 6, constructed, number, here, content, length)


def _long_number(octets: bytes, at: int, end: int) -> tuple[int, int]:
    """A tag number above 30: seven bits an octet, the top bit says that more follow (X.690 §8.1.2.4)."""
    number = 0
    for place in range(at, min(at + 4, end)):
        if place == at and octets[place] == 0x80:
            raise MalformedMessageError("a tag number with a leading zero", clause="X.690 §8.1.2.4.2", offset=place)
        number = number << 7 | octets[place] & 0x7F
        if octets[place] < 0x80:
            return number, place + 1
    if end < at + 4:
        raise MalformedMessageError("cut short in a tag", clause="X.690 §8.1.2.4", offset=end)
    raise MalformedMessageError("a tag number above 28 bits", clause="X.690 §8.1.2.4", offset=at)


def _long_length(octets: bytes, at: int, end: int) -> tuple[int | None, int]:
    """A length in the long or the indefinite form, and where the contents begin (X.690 §8.1.3.5, §8.1.3.6)."""
    count = octets[at] & 0x7F
    if count == 0:
        return None, at + 1
    if count == 0x7F:
        raise MalformedMessageError("a length of the reserved form 0xFF", clause="X.690 §8.1.3.5", offset=at)
    content = at + 1 + count
    if content > end:
        raise MalformedMessageError("cut short in a length", clause="X.690 §8.1.3.5", offset=end)
    return int.from_bytes(octets[at + 1 : content], "big"), content


def extent(octets: bytes, at: int, end: int) -> tuple[int, int, int]:
    """The contents behind the length octets at `at`: their start, their stop, and the end of the TLV.

    Args:
        octets: the message; `Octets` where a length may be indefinite.
        at: of the first length octet.
        end: where what is around the TLV ends.

    Raises:
        MalformedMessageError: the contents go beyond `end`.
        IndefiniteLength: the length is indefinite and nobody has looked for its end yet.
    """
    if at >= end:
        raise MalformedMessageError("cut short in front of a length", clause="X.690 §8.1.3", offset=end)
    length: int | None = octets[at]
    content = at + 1
    if length is not None and length & 0x80:
        length, content = _long_length(octets, at, end)
    if length is None:
        ends = getattr(octets, "ends", None)
        if ends is None:
            raise IndefiniteLength
        if at not in ends:
            raise MalformedMessageError("an indefinite length of no TLVs", clause="X.690 §8.1.3.2", offset=at)
        stop = ends[at]
        after = stop + 2
    else:
        stop = after = content + length
    if after > end:
        raise beyond(content, stop, end)
    return content, stop, after


def beyond(content: int, stop: int, end: int) -> MalformedMessageError:
    """Contents that are longer than what is around them."""
    return MalformedMessageError(
        f"contents of {stop - content} octets where {max(end - content, 0)} are left",
        clause="X.690 §8.1.3",
        offset=content,
    )


def elements(octets: bytes, *, start: int = 0, max_depth: int = MAX_DEPTH) -> Iterator[Element]:
    """All TLVs, children in front of what holds them, with no type known: what any reader of BER can see.

    The contents of a primitive TLV are not looked into, whatever a specification may say is inside.

    Raises:
        MalformedMessageError: a TLV that does not fit into the one around it, a missing end, too deep a nest.
    """
    end = len(octets)
    opened: list[tuple[Header, int]] = []  # what we are inside of, with its end (of the message for an unknown one)
    at = start
    while at < end or opened:
        if opened:
            around, limit = opened[-1]
            closes = around.length is None and octets[at : at + 2] == b"\0\0" and at + 2 <= limit
            if closes or (around.length is not None and at == limit):
                opened.pop()
                after = at + 2 if closes else at
                yield Element(around, len(opened), at, after)
                at = after
                continue
            if at >= limit:
                raise MalformedMessageError("the end of contents is missing", clause="X.690 §8.1.5", offset=at)
        else:
            limit = end
        found = header(octets, at, limit)
        if found.length is not None and found.content + found.length > limit:
            raise beyond(found.content, found.content + found.length, limit)
        if not found.constructed:
            at = found.content + (found.length or 0)
            yield Element(found, len(opened), at, at)
            continue
        if len(opened) >= max_depth:
            raise MalformedMessageError(f"TLVs nested {max_depth} deep", clause="X.690 §8.1", offset=at)
        opened.append((found, limit if found.length is None else found.content + found.length))
        at = found.content


def _ends(octets: bytes, max_depth: int) -> dict[int, int]:
    """Where TLVs of indefinite length end, by the place of the length octet: `elements` for this one question."""
    ends: dict[int, int] = {}
    opened: list[tuple[int, int]] = []
    at, limit, length_at = 0, len(octets), -1  # of the level that is open: its end, or the place of its 0x80
    while at < limit or opened:
        if length_at >= 0 and octets[at : at + 2] == b"\0\0" and at + 2 <= limit:
            ends[length_at] = at
            at += 2
            limit, length_at = opened.pop()
        elif at < limit:
            found = octets[at]
            length = octets[at + 1] if at + 1 < limit else 0x80
            content = at + 2
            if length & 0x80 or found & _LONG_TAG == _LONG_TAG:
                _, _, _, _, place, content, size = header(octets, at, limit)
            else:
                place, size = at + 1, length
            if size is not None and content + size > limit:
                raise beyond(content, content + size, limit)
            if not found & CONSTRUCTED:
                at = content + (size or 0)
                continue
            if len(opened) >= max_depth:
                raise MalformedMessageError(f"TLVs nested {max_depth} deep", clause="X.690 §8.1", offset=at)
            opened.append((limit, length_at))
            at = content
            if size is None:
                length_at = place
            else:
                limit, length_at = content + size, -1
        elif length_at >= 0:
            raise MalformedMessageError("the end of contents is missing", clause="X.690 §8.1.5", offset=at)
        else:
            limit, length_at = opened.pop()
    return ends


def string_pieces(octets: bytes, at: int, end: int, universal: int, depth: int = 0) -> Iterator[tuple[int, int]]:
    """The pieces of a string in the constructed form: where the contents of each start and stop (X.690 §8.7.3).

    Args:
        octets: the message.
        at, end: the contents of the constructed string.
        universal: the tag number that each piece has to have.

    Raises:
        MalformedMessageError: a piece of another type, or pieces of pieces too deep.
    """
    if depth >= MAX_STRING_DEPTH:
        raise MalformedMessageError(f"a string in pieces, {depth} deep", clause="X.690 §8.7.3", offset=at)
    while at < end:
        tag = octets[at]
        if tag & ~CONSTRUCTED != universal:
            raise MalformedMessageError("a piece of a string of another type", clause="X.690 §8.7.3", offset=at)
        content, stop, after = extent(octets, at + 1, end)
        if tag & CONSTRUCTED:
            yield from string_pieces(octets, content, stop, universal, depth + 1)
        else:
            yield content, stop
        at = after


# --- writing ---------------------------------------------------------------------------------------------------------


def length_octets(length: int) -> bytes:
    """A length in the shortest definite form (X.690 §8.1.3.3)."""
    if length < 0x80:
        return bytes((length,))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def tlv(tag: int, contents: bytes) -> bytes:
    """A TLV with a definite length; `tag` is its one identifier octet."""
    return bytes((tag,)) + length_octets(len(contents)) + contents


def integer_contents(number: int) -> bytes:
    """The shortest contents of an INTEGER or ENUMERATED (X.690 §8.3)."""
    return number.to_bytes((number if number >= 0 else ~number).bit_length() // 8 + 1, "big", signed=True)


def object_identifier(octets: bytes) -> str:
    """The contents of an OBJECT IDENTIFIER as numbers with dots (X.690 §8.19).

    Raises:
        ValueError: no contents, or ones that end inside a number.
    """
    if not octets or octets[-1] & 0x80:
        raise ValueError("an object identifier that is not whole")
    numbers: list[int] = []
    number = 0
    for octet in octets:
        number = number << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, numbers[0] - 40 * first, *numbers[1:]))


def object_identifier_contents(text: str) -> bytes:
    """Numbers with dots as the contents of an OBJECT IDENTIFIER.

    Raises:
        ValueError: fewer than two numbers, or a first pair that no tree has.
    """
    arcs = [int(arc) for arc in text.split(".")]
    if len(arcs) < 2 or arcs[0] > 2 or (arcs[0] < 2 and arcs[1] > 39) or min(arcs) < 0:
        raise ValueError(f"{text!r} is no object identifier")
    written = bytearray()
    for number in (40 * arcs[0] + arcs[1], *arcs[2:]):
        seven = [number & 0x7F]
        while number := number >> 7:
            seven.append(number & 0x7F | 0x80)
        written += bytes(reversed(seven))
    return bytes(written)
