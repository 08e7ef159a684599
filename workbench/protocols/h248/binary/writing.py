"""From the tables of `schema` to functions that write BER: one closure a type, compiled once; the twin of the readers.

A writer takes a value and gives the contents of its TLV. `Splitting` says what is in a value: its components in the
order of the tables (None for one that is left out), which alternative it is, which number a word has.

Lengths are definite and as short as they can be, components come in their order: the distinguished form of BER.

Source: H.248.1 Annex A, X.690 §8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from workbench.errors import LocalProtocolError
from workbench.protocols.h248.binary.ber import integer_contents, length_octets, object_identifier_contents
from workbench.protocols.h248.binary.schema import MODULE, Shape, Type

Writer = Callable[[Any], bytes]
"""A value: the contents of its TLV. (For a CHOICE: the TLV of its alternative.)"""


class Splitting(NamedTuple):
    """What writers find in a value.

    Args:
        sequences: by type: the components of a SEQUENCE. A SEQUENCE without one is the tuple of them.
        choices: by type: the alternative's number, and its value.
        words: by type: the numbers of an ENUMERATED.
        around: by type: what is put around a writer, such as a memory of what was written before.
    """

    sequences: Mapping[str, Callable[..., Sequence[object]]]
    choices: Mapping[str, Callable[..., tuple[int, object]]]
    words: Mapping[str, Mapping[object, int]]
    around: Mapping[str, Callable[[Writer], Writer]]


_READY = 1024
"""Lengths up to here have their octets ready."""
_HEADS: dict[int, list[bytes]] = {}


def _heads(tag: int) -> list[bytes]:
    """Identifier and length octets by length, for one identifier octet."""
    found = _HEADS.get(tag)
    if found is None:
        found = _HEADS[tag] = [bytes((tag,)) + length_octets(length) for length in range(_READY)]
    return found


def _long(tag: int, contents: bytes) -> bytes:
    return bytes((tag,)) + length_octets(len(contents))


class Writers:
    """Writers of all types, compiled as they are asked for."""

    def __init__(self, splitting: Splitting) -> None:
        self._splitting = splitting
        self._contents: dict[str, Writer] = {}
        self._begun: set[str] = set()

    def contents(self, name: str) -> Writer:
        """The writer of a type's contents; of a CHOICE's TLV."""
        writer = self._contents.get(name)
        if writer is None:
            if name in self._begun:  # a regulated event may embed events, which may be regulated
                return self._again(name)
            self._begun.add(name)
            writer = self._compiled(MODULE[name])
            around = self._splitting.around.get(name)
            self._contents[name] = writer = around(writer) if around else writer
        return writer

    def _again(self, name: str) -> Writer:
        """The writer of a type inside of itself."""

        def write(value: object) -> bytes:
            return self._contents[name](value)

        return write

    def _compiled(self, found: Type) -> Writer:
        match found.shape:
            case Shape.SEQUENCE:
                return _sequence(self._parts(found), self._splitting.sequences.get(found.name))
            case Shape.SEQUENCE_OF:
                element = MODULE[found.of]
                if element.shape is Shape.CHOICE:
                    return _concatenated(self.contents(found.of))
                tag = (element.shape.universal or 0) | (0x20 if element.shape.constructed else 0)
                return _sequence_of(tag, self.contents(found.of))
            case Shape.CHOICE:
                return _choice(self._parts(found), self._splitting.choices[found.name])
            case Shape.ENUMERATED:
                return _enumerated(found, self._splitting.words.get(found.name, {}))
            case _:
                return _LEAVES[found.shape](found)

    def _parts(self, found: Type) -> list[_Part]:
        parts: list[_Part] = []
        for component in found.components:
            constructed = MODULE[component.type].shape.constructed
            tag = (0xA0 if constructed else 0x80) | component.number
            parts.append((tag, _heads(tag), self.contents(component.type)))
        return parts


_Part = tuple[int, list[bytes], Writer]
"""Of a component or alternative: its identifier octet, that with each length, and the writer of its contents."""


def _sequence(parts: list[_Part], split: Callable[..., Sequence[object]] | None) -> Writer:
    def write(value: Any) -> bytes:
        values = value if split is None else split(value)
        written: list[bytes] = []
        for (tag, head, writer), part in zip(parts, values, strict=True):
            if part is not None:
                contents = writer(part)
                size = len(contents)
                written += (head[size] if size < _READY else _long(tag, contents), contents)
        return b"".join(written)

    return write


def _sequence_of(tag: int, writer: Writer) -> Writer:
    head = _heads(tag)

    def write(value: Sequence[object]) -> bytes:
        written: list[bytes] = []
        for item in value:
            contents = writer(item)
            size = len(contents)
            written += (head[size] if size < _READY else _long(tag, contents), contents)
        return b"".join(written)

    return write


def _concatenated(writer: Writer) -> Writer:
    def write(value: Sequence[object]) -> bytes:
        return b"".join([writer(item) for item in value])

    return write


def _choice(parts: list[_Part], choose: Callable[..., tuple[int, object]]) -> Writer:
    def write(value: object) -> bytes:
        number, part = choose(value)
        tag, head, writer = parts[number]
        contents = writer(part)
        size = len(contents)
        return (head[size] if size < _READY else _long(tag, contents)) + contents

    return write


# --- leaves ----------------------------------------------------------------------------------------------------------

_SMALL = [integer_contents(number) for number in range(1024)]


def _integer(found: Type) -> Writer:
    low = -(2**63) if found.low is None else found.low
    high = 2**63 - 1 if found.high is None else found.high

    def write(number: int) -> bytes:
        if not low <= number <= high:
            raise LocalProtocolError(f"{number} is not {low} to {high}, as {found.name} has to be")
        return _SMALL[number] if 0 <= number < 1024 else integer_contents(number)

    return write


def _boolean(found: Type) -> Writer:
    return lambda value: b"\xff" if value else b"\0"


def _null(found: Type) -> Writer:
    return lambda value: b""


def _enumerated(found: Type, words: Mapping[object, int]) -> Writer:
    numbers: dict[object, bytes] = {word: integer_contents(number) for word, number in words.items()}

    def write(value: object) -> bytes:
        contents = numbers.get(value)
        if contents is None:
            raise LocalProtocolError(f"{value} is no {found.name} of the binary encoding")
        return contents

    return write


def _sized(found: Type, octets: bytes) -> bytes:
    if found.low is not None and found.high is not None and not found.low <= len(octets) <= found.high:
        limits = f"{found.low}" if found.low == found.high else f"{found.low} to {found.high}"
        raise LocalProtocolError(f"{octets!r} has {len(octets)} octets, {found.name} {limits}")
    return octets


def _octet_string(found: Type) -> Writer:
    low, high = found.low or 0, 2**31 if found.high is None else found.high

    def write(octets: bytes) -> bytes:
        return octets if low <= len(octets) <= high else _sized(found, octets)

    return write


def _ia5_string(found: Type) -> Writer:
    def write(value: str) -> bytes:
        try:
            return _sized(found, value.encode("utf-8"))
        except UnicodeEncodeError:
            raise LocalProtocolError(f"{value!r} has letters that no {found.name} can carry") from None

    return write


def _bit_string(found: Type) -> Writer:
    """From the numbers of the bits; as long as the last of them needs (X.690 §11.2.2)."""

    def write(bits: Sequence[int]) -> bytes:
        size = max(bits, default=-1) + 1
        number = sum(1 << (size - 1 - bit) for bit in set(bits))
        unused = -size % 8
        return bytes((unused,)) + (number << unused).to_bytes((size + unused) // 8, "big")

    return write


def _object_identifier(found: Type) -> Writer:
    def write(value: str) -> bytes:
        try:
            return object_identifier_contents(value)
        except ValueError as wrong:
            raise LocalProtocolError(f"{wrong}") from None

    return write


_LEAVES: dict[Shape, Callable[[Type], Writer]] = {
    Shape.INTEGER: _integer,
    Shape.BOOLEAN: _boolean,
    Shape.NULL: _null,
    Shape.OCTET_STRING: _octet_string,
    Shape.IA5_STRING: _ia5_string,
    Shape.BIT_STRING: _bit_string,
    Shape.OBJECT_IDENTIFIER: _object_identifier,
}
