"""Two readings of the same octets on one page: our fields and Wireshark's, where they stand for the same octets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from xml.etree import ElementTree

import msgspec

from workbench.analysis.explain.fields import Explained, Field, Layer
from workbench.errors import CaptureError
from workbench.views.octets import is_layout, is_text, said_by

_MOST_FIELDS = 20_000
_MOST_TEXT = 400
_MOST_PARTED = 4     # octets of a field whose bits are fields of Wireshark's
# Wireshark's fields that only repeat octets which other fields explain.
_REPEATING = ("tcp.payload", "tcp.segment_data", "udp.payload", "data.data")
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SEVERITY = {"4194304": "note", "6291456": "warning", "8388608": "error"}


class Theirs(msgspec.Struct, frozen=True):
    """One field of Wireshark's: where it stands in its octets, what is shown, and its bare value."""

    start: int
    end: int
    text: str
    value: str
    octets: bytes


class Line(msgspec.Struct, frozen=True):
    """What both say of some octets; one of the two may say nothing.

    Args:
        start, end: where the octets are.
        depth: of our field among its parents.
        ours, theirs: what is said; empty for nothing.
    """

    start: int
    end: int
    depth: int
    ours: str
    theirs: str


def protocols(packet: bytes) -> tuple[list[list[Theirs]], list[str]]:
    """The fields of each protocol in a `<packet>` of PDML, and what Wireshark's experts remark. Raises CaptureError."""
    try:
        tree = ElementTree.fromstring(_NO_XML.sub("", packet.decode("utf-8", "replace")))
        found = [list(_walk(one)) for one in tree.iter("proto") if one.get("name") not in ("geninfo", "frame")]
    except (ElementTree.ParseError, ValueError) as error:
        raise CaptureError(f"tshark's answer can't be read: {error}") from None
    return [one[:_MOST_FIELDS] for one in found if one], list(dict.fromkeys(_remarks(tree)))


def _walk(element: ElementTree.Element) -> Iterator[Theirs]:
    for one in element:
        if one.tag != "field" or one.get("hide") == "yes" or one.get("show", "").startswith("----------"):
            continue    # hidden, or the message once more as text
        size, start = int(one.get("size", 0)), int(one.get("pos", 0))
        octets = _octets(one.get("unmaskedvalue") or one.get("value") or "")
        line = not one.get("name") and len(one) > 0     # a whole line of text, whose parts follow
        if size and octets and not line and one.get("name") not in _REPEATING:
            shown = (one.get("show") or "").strip()
            text = (one.get("showname") or shown).strip()
            yield Theirs(start, start + size, text[:_MOST_TEXT], shown, octets)
        yield from _walk(one)


def _octets(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return b""


def _remarks(tree: ElementTree.Element) -> Iterator[str]:
    for one in tree.iter("field"):
        if one.get("name") == "_ws.expert":
            severity = next((_SEVERITY.get(part.get("show", ""), "") for part in one
                             if part.get("name") == "_ws.expert.severity"), "")
            if severity:
                yield f"{severity}: {one.get('showname', '')[:_MOST_TEXT]}"


def stands_in(one: Theirs, octets: bytes) -> bool:
    """A field may be one of these octets."""
    return one.end <= len(octets) and octets[one.start : one.end][: len(one.octets)] == one.octets


def placed(found: Sequence[Sequence[Theirs]], layers: Sequence[Explained | Layer]) -> list[list[Theirs]]:
    """The fields of each protocol by the octets that they are of: those of the frame, or of what stands behind it.

    PDML gives places, but not in which octets: those of the frame, of a message put together, or of what was decrypted.
    The octets of a field tell, and for short ones, which of our fields has the same place.
    """
    places: list[list[Theirs]] = [[] for _ in layers]
    spans = [{(field.start, field.end) for _, field in _fields(layer.fields, 0)} for layer in layers]
    for protocol in found:
        whole = next((at for at, layer in enumerate(layers)
                      if all(stands_in(one, layer.octets) for one in protocol)), -1)
        here = 0
        for one in protocol:
            may = [at for at, layer in enumerate(layers) if stands_in(one, layer.octets)] if whole < 0 else [whole]
            sure = [at for at in may if (one.start, one.end) in spans[at]] or may
            if sure:
                here = here if here in sure else sure[0]
                places[here].append(one)
    return places


def moved(fields: Iterable[Theirs], shift: int) -> list[Theirs]:
    """The fields as they are counted from `shift` on; none that stands before that."""
    return [msgspec.structs.replace(one, start=one.start - shift, end=one.end - shift)
            for one in fields if one.start >= shift]


def align(ours: Sequence[Field], octets: bytes, theirs: Sequence[Theirs]) -> tuple[Line, ...]:
    """Both readings line by line, in the order of the octets.

    A field of theirs stands beside the one of ours with the same octets; else beside one that lies within its octets
    and says the same, or one of a few octets that it is a part of. It has a line of its own where there is none. Blanks
    and punctuation are left out.
    """
    own = [(depth, field) for depth, field in _fields(ours, 0) if field.value or not is_layout(field, octets)]
    beside: dict[int, list[str]] = {}
    alone: list[Theirs] = []
    exact: dict[tuple[int, int], int] = {}
    for place, (_, field) in enumerate(own):
        exact[field.start, field.end] = place       # the innermost of those with the same octets
    for one in theirs:
        place = exact.get((one.start, one.end), _within(own, octets, one))
        if place < 0:
            alone.append(one)
        else:
            beside.setdefault(place, []).append(one.text)
    lines = [Line(field.start, field.end, depth, _said(field, octets), "; ".join(dict.fromkeys(beside.get(place, ()))))
             for place, (depth, field) in enumerate(own)]
    lines += [Line(one.start, one.end, 0, "", one.text) for one in alone]
    return tuple(sorted(lines, key=lambda line: (line.start, -line.end)))


def _fields(fields: Sequence[Field], depth: int) -> Iterator[tuple[int, Field]]:
    for field in fields:
        yield depth, field
        yield from _fields(field.children, depth + 1)


def _within(own: Sequence[tuple[int, Field]], octets: bytes, one: Theirs) -> int:
    for place, (_, field) in enumerate(own):
        if field.start >= one.end:
            break
        if field.children:
            continue
        if one.start <= field.start and field.end <= one.end and one.value and (
                one.value == octets[field.start : field.end].decode("utf-8", "replace") or one.value == field.value):
            return place
        if field.start <= one.start and one.end <= field.end <= field.start + _MOST_PARTED:
            return place
    return -1


def _said(field: Field, octets: bytes) -> str:
    said = said_by(field, octets) if not field.children or field.value or is_text(field, octets) else ""
    return (f"{field.label}: {said}" if said else field.label)[:_MOST_TEXT]
