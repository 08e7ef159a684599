"""Session descriptions in the binary encoding: Local and Remote are groups of properties.

Each line of SDP is one property of Annex C with the line's tag and, as its value, the text behind the equals sign. Each
description is a group of its own; several groups are alternatives, and their order is kept, as that of the lines is.
A property that is no line of SDP becomes the attribute `h248item` of the description, which says it in the text
encoding, and is made of it again:

    a=h248item:ipdc/realm="access"

A sender that puts a whole text into one value is understood too. Binary has no line ends: here they are LF.

Source: H.248.1 §7.1.8, Annex C.11; H.248.15 (the h248item attribute).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from workbench.errors import LocalProtocolError, PeerError
from workbench.protocols.h248.binary.ber import tlv
from workbench.protocols.h248.binary.values import CHOOSE_VALUE
from workbench.protocols.h248.message import Form, Property, Quoted
from workbench.protocols.sdp import Line, SessionDescription, decode_groups

LETTERS = "vosiuepcbzkatrm"
"""SDP lines in the order of their tags, from 0xB001 on (H.248.1 Annex C.11)."""
TAGS = {letter: b"\0\0\xb0" + bytes((number,)) for number, letter in enumerate(LETTERS, 1)}
"""PkgdName of each line."""
_BY_TAG = {tag: letter.encode() for letter, tag in TAGS.items()}
_STARTS = frozenset(letter.encode() + b"=" for letter in LETTERS)
_NAMES = {f"annexc/0xB0{number:02X}": letter for number, letter in enumerate(LETTERS, 1)}
_NOT_SIGNIFICANT = "-"
_IA5_STRING = 0x16
_STRING_TAGS = (0x04, 0x0C, 0x13, 0x16, 0x1A)
_ITEM = "h248item:"

ReadParm = tuple[bytes, tuple[bytes, ...], Form | None]
Parm = tuple[bytes, Sequence[bytes], Form | None]


# --- reading ---------------------------------------------------------------------------------------------------------


def descriptions(
    groups: Sequence[Sequence[ReadParm]], read_property: Callable[[ReadParm], Property]
) -> tuple[SessionDescription, ...]:
    """The descriptions that groups of properties say."""
    found: list[SessionDescription] = []
    for group in groups:
        if not group:
            continue
        text = b"".join([_line(parm, read_property) for parm in group])
        try:
            found += decode_groups(text)
        except PeerError:
            found.append(_unread(text))
    return tuple(found)


def _line(parm: ReadParm, read_property: Callable[[ReadParm], Property]) -> bytes:
    name, values, _ = parm
    letter = _BY_TAG.get(name)
    if letter is None:
        return f"a={_ITEM}{_written_item(read_property(parm))}\n".encode()
    if len(values) == 1:
        return _text(letter, unwrapped(values[0]))
    if not values:
        return letter + b"=$\n"
    return b"".join([_text(letter, unwrapped(value)) for value in values])


def _text(letter: bytes, value: bytes) -> bytes:
    if b"\n" in value or b"\r" in value:
        return _whole_text(letter, value)
    return letter + b"=" + value + b"\n"


def _whole_text(letter: bytes, value: bytes) -> bytes:
    """Lines of a whole text in one value, with or without its first letter.

    What is no line that binary has becomes an attribute: so the text is the same when it is written and read again.
    """
    first, *rest = [line for line in value.replace(b"\r", b"\n").split(b"\n") if line] or [b""]
    lines = [first if first[:2] == letter + b"=" else letter + b"=" + first]
    lines += [line if line[:2] in _STARTS else b"a=" + line for line in rest]
    return b"\n".join(lines) + b"\n"


def unwrapped(octets: bytes) -> bytes:
    """The text in a value: the contents of the string it is wrapped in, or the bare octets."""
    if len(octets) < 2 or octets[0] not in _STRING_TAGS:
        return octets
    length, start = octets[1], 2
    if length & 0x80:
        start = 2 + (length & 0x7F)
        length = int.from_bytes(octets[2 : min(start, 6)], "big")
    return octets[start:] if length == len(octets) - start else octets


def _unread(text: bytes) -> SessionDescription:
    """Lines that break a rule of SDP: kept as they are, so that who executes the command can refuse it (449 or 474)."""
    lines = []
    for line in text.decode("utf-8", "surrogateescape").split("\n")[:-1]:
        kind, equals, value = line.partition("=")
        lines.append(Line(kind, value, "\n") if equals and len(kind) == 1 else Line("a", line, "\n"))
    return SessionDescription(tuple(lines), ())


def audited(properties: Sequence[Property]) -> tuple[SessionDescription, ...]:
    """What an audit asks of Local or Remote: lines without a value, `-` for what is not significant."""
    lines = [
        Line(_NAMES[item.name], _NOT_SIGNIFICANT, "\n")
        if item.name in _NAMES
        else Line("a", f"{_ITEM}{_written_item(item)}", "\n")
        for item in properties
    ]
    return (SessionDescription(tuple(lines), ()),)


# --- writing ---------------------------------------------------------------------------------------------------------


def groups_of(
    described: Sequence[SessionDescription], write_property: Callable[[Property], Parm], *, wrapped: bool
) -> list[list[Parm]]:
    """The groups of properties for descriptions.

    Raises:
        LocalProtocolError: a line of a kind that has no tag, or a text that its encoding can't say.
    """
    return [[_parm(line, one.encoding, write_property, wrapped) for line in lines_of(one)] for one in described]


def lines_of(described: SessionDescription) -> Iterator[tuple[str, str]]:
    """Letter and value of each line."""
    for line in described.lines:
        yield line.type, line.value
    for media in described.media:
        yield "m", media.line
        for line in media.lines:
            yield line.type, line.value


def _parm(line: tuple[str, str], encoding: str, write_property: Callable[[Property], Parm], wrapped: bool) -> Parm:
    letter, value = line
    if letter == "a" and value.startswith(_ITEM):
        item = _read_item(value[len(_ITEM) :])
        if item is not None:
            return write_property(item)
    tag = TAGS.get(letter)
    if tag is None:
        raise LocalProtocolError(f"a {letter}= line of SDP has no tag in H.248.1 Annex C: binary can't carry it")
    if value == CHOOSE_VALUE and wrapped:
        return tag, (), None
    try:
        octets = value.encode(encoding)
    except UnicodeEncodeError:
        octets = value.encode("utf-8", "surrogateescape")
    return tag, (tlv(_IA5_STRING, octets) if wrapped else octets,), None


def audited_names(described: Sequence[SessionDescription]) -> list[str]:
    """The items that an audit asks of Local or Remote."""
    names: list[str] = []
    for one in described:
        for letter, value in lines_of(one):
            item = _read_item(value[len(_ITEM) :]) if letter == "a" and value.startswith(_ITEM) else None
            if item is None and letter not in TAGS:
                raise LocalProtocolError(f"a {letter}= line of SDP has no tag in H.248.1 Annex C")
            names.append(item.name if item else f"annexc/0x{TAGS[letter][2:].hex().upper()}")
    return names


# --- the h248item attribute ------------------------------------------------------------------------------------------

_VALUE = r'"[^"\r\n]*"|[^"\[\]{},:<>=#\s]+'
_ITEM_TEXT = re.compile(
    rf"([A-Za-z0-9_*]+/[A-Za-z0-9_*]+)(?:(=|[<>#])([\[{{]?)((?:{_VALUE})(?:[,:](?:{_VALUE}))*)([\]}}]?))?"
)
_ITEM_VALUE = re.compile(_VALUE)
_RELATIONS = {">": Form.GREATER, "<": Form.LESS, "#": Form.DIFFERENT}


def _written_item(item: Property) -> str:
    values = [_written_value(value) for value in item.values]
    match item.form:
        case Form.NAME:
            return item.name
        case Form.ONE:
            return f"{item.name}={values[0]}"
        case Form.ANY_OF | Form.LIST:
            return f"{item.name}={item.form.value[0]}{','.join(values)}{item.form.value[1]}"
        case Form.RANGE:
            return f"{item.name}=[{values[0]}:{values[1]}]"
        case _:
            return f"{item.name}{item.form.value}{values[0]}"


def _written_value(value: str) -> str:
    quoted = isinstance(value, Quoted) or not re.fullmatch(_VALUE, value)
    if quoted and re.search(r'["\r\n\0]', value):
        return f"0x{value.encode().hex().upper()}"
    return f'"{value}"' if quoted else value


def _read_item(text: str) -> Property | None:
    """The property that an `h248item` says; None where it is written in no way that is known here."""
    found = _ITEM_TEXT.fullmatch(text)
    if found is None:
        return None
    name, mark, opening, body, closing = found.groups()
    if mark is None:
        return Property(name, (), Form.NAME)
    values = tuple(Quoted(value[1:-1]) if value[0] == '"' else value for value in _ITEM_VALUE.findall(body))
    if mark in _RELATIONS or not opening:
        form = _RELATIONS.get(mark, Form.ONE)
        return Property(name, values, form) if len(values) == 1 and not opening and not closing else None
    if opening + closing == "{}":
        return Property(name, values, Form.ANY_OF)
    if opening + closing != "[]":
        return None
    return Property(name, values, Form.RANGE if ":" in _ITEM_VALUE.sub("", body) else Form.LIST)
