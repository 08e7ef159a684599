"""From the tables of `schema` to functions that read BER: one closure a type, compiled once.

A reader takes the octets and the bounds of a TLV's contents, and gives the value. What the value is, `Building` says:
a function a type that gets the components in their order (None for one that is not there), a function an alternative,
a table of words an enumeration. So tags, order, limits and extension markers stand in the tables only.

Components have to come in their order, at most once. Behind an extension marker, what is not known is skipped: it is
not in the tree, and so not in what is encoded from it.

Source: H.248.1 Annex A, X.690 §8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, NoReturn

from workbench.errors import MalformedMessageError
from workbench.protocols.h248.binary.ber import (
    CONTEXT,
    beyond,
    extent,
    header,
    object_identifier,
    string_pieces,
)
from workbench.protocols.h248.binary.schema import MODULE, Shape, Type

CLAUSE = "H.248.1 Annex A"

Reader = Callable[[bytes, int, int], object]
"""Octets, where the contents start, where they stop: the value."""
_STRINGS = (Shape.OCTET_STRING, Shape.IA5_STRING, Shape.BIT_STRING)
_UNSIGNED_32 = 0xFFFFFFFF
MAX_EMBEDDED = 4
"""How often a type may lie in itself. Embedding once is all that the text encoding can say (embedSig)."""


class Building(NamedTuple):
    """What readers make of what they read.

    Args:
        sequences: by type: from the components of a SEQUENCE. A SEQUENCE without one becomes a tuple of them.
        alternatives: by `Type.alternative`: from the value of an alternative. Without one the value stays as it is.
        words: by type: from the numbers of an ENUMERATED. Without one they become the words of the module.
        around: by type: what is put around a reader, such as a memory of what was read before.

    Functions raise ValueError for what they can't take; it is reported with the place of the value.
    """

    sequences: Mapping[str, Callable[..., object]]
    alternatives: Mapping[str, Callable[..., object]]
    words: Mapping[str, Mapping[int, object]]
    around: Mapping[str, Callable[[Reader], Reader]]


class Readers:
    """Readers of all types, compiled as they are asked for."""

    def __init__(self, building: Building) -> None:
        self._building = building
        self._contents: dict[str, Reader] = {}
        self._begun: set[str] = set()

    def contents(self, name: str) -> Reader:
        """The reader for the contents of a type; for a CHOICE, of the one TLV that stands for it."""
        reader = self._contents.get(name)
        if reader is None:
            if name in self._begun:  # a regulated event may embed events, which may be regulated
                return self._again(name)
            self._begun.add(name)
            reader = self._compiled(MODULE[name])
            around = self._building.around.get(name)
            self._contents[name] = reader = around(reader) if around else reader
        return reader

    def _again(self, name: str) -> Reader:
        """The reader of a type inside of itself, to a bounded depth."""
        depth = 0

        def read(octets: bytes, start: int, stop: int) -> object:
            nonlocal depth
            if depth >= MAX_EMBEDDED:
                raise MalformedMessageError(
                    f"{name} nested {MAX_EMBEDDED} deep", clause=f"{CLAUSE} {name}", offset=start
                )
            depth += 1
            try:
                return self._contents[name](octets, start, stop)
            finally:
                depth -= 1

        return read

    def _compiled(self, found: Type) -> Reader:
        match found.shape:
            case Shape.SEQUENCE:
                return _sequence(found, self._component_table(found), self._building.sequences.get(found.name))
            case Shape.SEQUENCE_OF:
                return _sequence_of(MODULE[found.of], self._element_table(found.of))
            case Shape.CHOICE:
                return _choice(found, self._element_table(found.name))
            case Shape.ENUMERATED:
                return _enumerated(found, self._building.words.get(found.name, found.words))
            case _:
                return _LEAVES[found.shape](found)

    def _component_table(self, found: Type) -> list[tuple[int, Reader] | None]:
        """By identifier octet: which component it is, and how to read it."""
        table: list[tuple[int, Reader] | None] = [None] * 256
        for component in found.components:
            inner = MODULE[component.type]
            reader = self.contents(component.type)
            if inner.shape.constructed:
                table[0xA0 | component.number] = component.number, reader
            else:
                table[0x80 | component.number] = component.number, reader
                if inner.shape in _STRINGS:
                    table[0xA0 | component.number] = component.number, _in_pieces(inner, reader)
        return table

    def _element_table(self, name: str) -> list[Reader | None]:
        """By identifier octet: how to read a TLV that stands for the type without a tag of a component."""
        table: list[Reader | None] = [None] * 256
        found = MODULE[name]
        universal = found.shape.universal
        if universal is not None:
            reader = self.contents(name)
            table[universal | 0x20 if found.shape.constructed else universal] = reader
            if found.shape in _STRINGS:
                table[universal | 0x20] = _in_pieces(found, reader)
            return table
        for component in found.components:
            inner = MODULE[component.type]
            make = self._building.alternatives.get(f"{name}.{component.name}")
            reader = _made(self.contents(component.type), make, f"{CLAUSE} {name}")
            table[(0xA0 if inner.shape.constructed else 0x80) | component.number] = reader
            if inner.shape in _STRINGS:
                table[0xA0 | component.number] = _made(
                    _in_pieces(inner, self.contents(component.type)), make, f"{CLAUSE} {name}"
                )
        return table


def _made(reader: Reader, make: Callable[..., object] | None, clause: str) -> Reader:
    """The reader, and then what is made of its value."""
    if make is None:
        return reader

    def read(octets: bytes, start: int, stop: int) -> object:
        value = reader(octets, start, stop)
        try:
            return make(value)
        except ValueError as wrong:
            raise MalformedMessageError(f"{wrong}", clause=clause, offset=start) from None

    return read


# --- constructed types -----------------------------------------------------------------------------------------------


def _sequence(found: Type, table: list[tuple[int, Reader] | None], build: Callable[..., object] | None) -> Reader:
    clause = f"{CLAUSE} {found.name}"
    blank: list[object] = [None] * len(found.components)
    needed = [component.number for component in found.components if not component.optional]

    def read(octets: bytes, start: int, stop: int) -> object:
        values = blank[:]
        at = start
        last = -1
        while at < stop:
            entry = table[octets[at]]
            if entry is None:
                at = _unknown(found, octets, at, stop)
                continue
            number, reader = entry
            if number <= last:
                _repeated(found, number, last, at)
            last = number
            length = octets[at + 1]
            if length < 0x80:
                content = at + 2
                at = end = content + length
                if end > stop:
                    raise beyond(content, end, stop)
            elif length == 0x81:
                content = at + 3
                at = end = content + octets[at + 2]
                if end > stop:
                    raise beyond(content, end, stop)
            else:
                content, end, at = extent(octets, at + 1, stop)
            values[number] = reader(octets, content, end)
        for number in needed:
            if values[number] is None:
                _missing(found, number, start, stop)
        if build is None:
            return tuple(values)
        try:
            return build(*values)
        except ValueError as wrong:
            raise MalformedMessageError(f"{wrong}", clause=clause, offset=start) from None

    return read


def _sequence_of(element: Type, table: list[Reader | None]) -> Reader:
    extensible = element.shape is Shape.CHOICE and element.extensible

    def read(octets: bytes, start: int, stop: int) -> object:
        values: list[object] = []
        at = start
        while at < stop:
            reader = table[octets[at]]
            if reader is None:
                at = _unknown_element(element, extensible, octets, at, stop)
                continue
            length = octets[at + 1]
            if length < 0x80:
                content = at + 2
                at = end = content + length
                if end > stop:
                    raise beyond(content, end, stop)
            elif length == 0x81:
                content = at + 3
                at = end = content + octets[at + 2]
                if end > stop:
                    raise beyond(content, end, stop)
            else:
                content, end, at = extent(octets, at + 1, stop)
            values.append(reader(octets, content, end))
        return tuple(values)

    return read


def _choice(found: Type, table: list[Reader | None]) -> Reader:
    clause = f"{CLAUSE} {found.name}"

    def read(octets: bytes, start: int, stop: int) -> object:
        if start >= stop:
            raise MalformedMessageError(f"{found.name} is empty", clause=clause, offset=start)
        reader = table[octets[start]]
        if reader is None:
            _unknown_element(found, False, octets, start, stop)
        content, end, after = extent(octets, start + 1, stop)
        if after != stop:
            raise MalformedMessageError(f"more than one {found.name}", clause=clause, offset=after)
        assert reader is not None  # _unknown_element raises when the type may not be extended
        return reader(octets, content, end)

    return read


def _in_pieces(found: Type, reader: Reader) -> Reader:
    """A string in the constructed form: its pieces are put together first."""
    universal = found.shape.universal or 0
    bits = found.shape is Shape.BIT_STRING

    def read(octets: bytes, start: int, stop: int) -> object:
        pieces = [bytes(octets[at:end]) for at, end in string_pieces(octets, start, stop, universal)]
        whole = b"".join(pieces)
        if bits and pieces:
            if any(piece[:1] != b"\0" for piece in pieces[:-1]):
                raise MalformedMessageError("unused bits inside a bit string", clause="X.690 §8.6.4", offset=start)
            whole = pieces[-1][:1] + b"".join(piece[1:] for piece in pieces)
        try:
            return reader(whole, 0, len(whole))
        except MalformedMessageError as error:
            raise MalformedMessageError(error.what, clause=error.clause, offset=start) from None

    return read


def _unknown(found: Type, octets: bytes, at: int, stop: int) -> int:
    """Where what is not known ends, if the type may be extended there."""
    tag = header(octets, at, stop)
    component = found.component(tag.number) if tag.tag_class == CONTEXT else None
    if component is None and found.extensible:
        return extent(octets, tag.length_at, stop)[2]
    what = _identifier(octets, at, stop)
    if component is not None:
        what = f"{component.name} in the {'constructed' if tag.constructed else 'primitive'} form"
    raise MalformedMessageError(f"{what} in {found.name}", clause=f"{CLAUSE} {found.name}", offset=at)


def _unknown_element(element: Type, extensible: bool, octets: bytes, at: int, stop: int) -> int:
    tag = header(octets, at, stop)
    component = element.component(tag.number) if tag.tag_class == CONTEXT else None
    if extensible and component is None and tag.tag_class == CONTEXT:
        return extent(octets, tag.length_at, stop)[2]
    raise MalformedMessageError(
        f"{_identifier(octets, at, stop)} instead of {element.name}", clause=f"{CLAUSE} {element.name}", offset=at
    )


def _identifier(octets: bytes, at: int, stop: int) -> str:
    """An identifier for people: `tag [7]`, `tag INTEGER`."""
    tag = header(octets, at, stop)
    if tag.tag_class == CONTEXT:
        return f"tag [{tag.number}]"
    if tag.tag_class:
        return f"tag [{('', 'APPLICATION', '', 'PRIVATE')[tag.tag_class]} {tag.number}]"
    names = [shape.value for shape in Shape if shape.universal == tag.number]
    return f"tag {names[0] if names else f'[UNIVERSAL {tag.number}]'}"


def _repeated(found: Type, number: int, last: int, at: int) -> NoReturn:
    this, before = found.components[number].name, found.components[last].name
    what = f"{this} twice" if number == last else f"{this} behind {before}"
    raise MalformedMessageError(what, clause=f"{CLAUSE} {found.name}", offset=at)


def _missing(found: Type, number: int, start: int, stop: int) -> NoReturn:
    raise MalformedMessageError(
        f"{found.components[number].name} is missing", clause=f"{CLAUSE} {found.name}", offset=stop
    )


# --- leaves ----------------------------------------------------------------------------------------------------------


def _integer(found: Type) -> Reader:
    low = -(2**63) if found.low is None else found.low
    high = 2**63 - 1 if found.high is None else found.high
    unsigned = high == _UNSIGNED_32

    def read(octets: bytes, start: int, stop: int) -> object:
        if stop - start == 1 and octets[start] < 0x80:
            number = octets[start]
        else:
            number = int.from_bytes(octets[start:stop], "big", signed=True)
        if low <= number <= high and stop > start:
            return number
        # 32-bit ids without the leading zero that a BER INTEGER needs are sent by some; nothing else they can mean.
        if unsigned and stop - start == 4:
            return number & _UNSIGNED_32
        what = f"number {number}" if start < stop <= start + 16 else f"a number of {stop - start} octets"
        limits = f"{low} to {high}" if found.low is not None else "eight octets"
        raise MalformedMessageError(f"{what}, not {limits}", clause=f"{CLAUSE} {found.name}", offset=start)

    return read


def _boolean(found: Type) -> Reader:
    def read(octets: bytes, start: int, stop: int) -> object:
        if stop - start != 1:
            raise MalformedMessageError(
                f"a BOOLEAN of {stop - start} octets", clause=f"{CLAUSE} {found.name}", offset=start
            )
        return octets[start] != 0

    return read


def _null(found: Type) -> Reader:
    def read(octets: bytes, start: int, stop: int) -> object:
        if start != stop:
            raise MalformedMessageError("a NULL with contents", clause=f"{CLAUSE} {found.name}", offset=start)
        return True

    return read


def _enumerated(found: Type, words: Mapping[int, object]) -> Reader:
    def read(octets: bytes, start: int, stop: int) -> object:
        word = words.get(octets[start]) if stop - start == 1 else _long_word(octets, start, stop)
        if word is None:
            number = int.from_bytes(octets[start : min(stop, start + 8)], "big", signed=True)
            raise MalformedMessageError(
                f"{found.name} {number} is not known" if stop > start else f"{found.name} is empty",
                clause=f"{CLAUSE} {found.name}",
                offset=start,
            )
        return word

    def _long_word(octets: bytes, start: int, stop: int) -> object | None:
        return words.get(int.from_bytes(octets[start:stop], "big", signed=True)) if start < stop <= start + 8 else None

    return read


def _sized(found: Type, size: int, start: int) -> None:
    low, high = found.low, found.high
    if low is None or high is None or low <= size <= high:
        return
    limits = f"{low}" if low == high else f"{low} to {high}"
    raise MalformedMessageError(f"{size} octets where {limits} are due", clause=f"{CLAUSE} {found.name}", offset=start)


def _octet_string(found: Type) -> Reader:
    low, high = found.low or 0, 2**31 if found.high is None else found.high

    def read(octets: bytes, start: int, stop: int) -> object:
        if not low <= stop - start <= high:
            _sized(found, stop - start, start)
        return octets[start:stop]

    return read


def _ia5_string(found: Type) -> Reader:
    """ASCII; texts in UTF-8 are let through, as in the text encoding, and other octets become those of Latin-1."""
    low, high = found.low or 0, 2**31 if found.high is None else found.high

    def read(octets: bytes, start: int, stop: int) -> object:
        if not low <= stop - start <= high:
            _sized(found, stop - start, start)
        try:
            return octets[start:stop].decode("utf-8")
        except UnicodeDecodeError:
            return octets[start:stop].decode("latin-1")

    return read


def _bit_string(found: Type) -> Reader:
    """The numbers of the bits that are set, in their order."""

    def read(octets: bytes, start: int, stop: int) -> object:
        if start >= stop or octets[start] > 7 or (stop - start == 1 and octets[start]) or stop - start > 64:
            raise MalformedMessageError("not a bit string", clause="X.690 §8.6.2", offset=start)
        return tuple(
            8 * place + bit
            for place, octet in enumerate(octets[start + 1 : stop])
            if octet
            for bit in range(8)
            if octet & 0x80 >> bit
        )

    return read


def _object_identifier(found: Type) -> Reader:
    def read(octets: bytes, start: int, stop: int) -> object:
        try:
            return object_identifier(bytes(octets[start:stop][:128]))
        except ValueError as wrong:
            raise MalformedMessageError(f"{wrong}", clause="X.690 §8.19", offset=start) from None

    return read


_LEAVES: dict[Shape, Callable[[Type], Reader]] = {
    Shape.INTEGER: _integer,
    Shape.BOOLEAN: _boolean,
    Shape.NULL: _null,
    Shape.OCTET_STRING: _octet_string,
    Shape.IA5_STRING: _ia5_string,
    Shape.BIT_STRING: _bit_string,
    Shape.OBJECT_IDENTIFIER: _object_identifier,
}
