"""The types of the binary encoding as data: what `annex_a.txt` says, read once into tables.

The codec compiles its readers and writers from these tables, and whoever explains octets walks along the same ones:

    here = MODULE[TOP]                                   # MegacoMessage, a SEQUENCE
    for component in here.components: ...                # [0] authHeader, [1] mess
    inner = MODULE[component.type]                       # every type named anywhere is a key of MODULE

Source: H.248.1 Annex A (module MEDIA-GATEWAY-CONTROL, automatic tags).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

NOTATION = Path(__file__).with_name("annex_a.txt")
TOP = "MegacoMessage"
"""The type of a whole message: a SEQUENCE with its universal tag, 0x30."""


class Shape(StrEnum):
    """What a type is in ASN.1."""

    SEQUENCE = "SEQUENCE"
    CHOICE = "CHOICE"
    SEQUENCE_OF = "SEQUENCE OF"
    INTEGER = "INTEGER"
    BOOLEAN = "BOOLEAN"
    NULL = "NULL"
    ENUMERATED = "ENUMERATED"
    BIT_STRING = "BIT STRING"
    OCTET_STRING = "OCTET STRING"
    IA5_STRING = "IA5String"
    OBJECT_IDENTIFIER = "OBJECT IDENTIFIER"

    @property
    def universal(self) -> int | None:
        """Its universal tag's number; None for a CHOICE, which has none of its own."""
        return _UNIVERSAL[self]

    @property
    def constructed(self) -> bool:
        """Whether its content is made of TLVs. (BER lets a sender cut strings into pieces, too.)"""
        return self in (Shape.SEQUENCE, Shape.SEQUENCE_OF, Shape.CHOICE)


_UNIVERSAL: dict[Shape, int | None] = {
    Shape.SEQUENCE: 16,
    Shape.CHOICE: None,
    Shape.SEQUENCE_OF: 16,
    Shape.INTEGER: 2,
    Shape.BOOLEAN: 1,
    Shape.NULL: 5,
    Shape.ENUMERATED: 10,
    Shape.BIT_STRING: 3,
    Shape.OCTET_STRING: 4,
    Shape.IA5_STRING: 22,
    Shape.OBJECT_IDENTIFIER: 6,
}


class Component(msgspec.Struct, frozen=True):
    """A component of a SEQUENCE, or an alternative of a CHOICE.

    Args:
        number: its context-specific tag.
        type: a key of `MODULE`.
        since: the protocol version that added it behind the extension marker; 1 for what was there from the start.
    """

    number: int
    name: str
    type: str
    optional: bool = False
    since: int = 1

    @property
    def explicit(self) -> bool:
        """Whether its tag stands around the tag of its type: so it is where the type is a CHOICE."""
        return MODULE[self.type].shape is Shape.CHOICE


class Type(msgspec.Struct, frozen=True):
    """A type of the module.

    Args:
        name: as the module spells it; of a type that has no name there, its notation.
        extensible: a peer of a later version may send components, alternatives or words that stand not here.
        components: of a SEQUENCE or CHOICE.
        of: of a SEQUENCE OF, the type of its elements: a key of `MODULE`.
        words: of an ENUMERATED or BIT STRING, its names by number.
        low, high: least and most of an INTEGER, or of the size of a string; None where there is no limit.
    """

    name: str
    shape: Shape
    extensible: bool = False
    components: tuple[Component, ...] = ()
    of: str = ""
    words: Mapping[int, str] = {}
    low: int | None = None
    high: int | None = None

    def component(self, number: int) -> Component | None:
        """The component with that tag, or None."""
        return self.components[number] if 0 <= number < len(self.components) else None


_HEAD = re.compile(r"(\w+) ::= (.+)")
_COMPONENT = re.compile(r"  (\d+) (\w+): ([^?]+?)(\?)?(?: v(\d))?")
_WORD = re.compile(r"  (\d+) (\w+)")
_NOTATION = re.compile(
    r"(SEQUENCE OF|[A-Z][A-Za-z0-9]+(?: STRING| IDENTIFIER)?)( \.\.\.)?"
    r"(?: SIZE\((\d+)(?:\.\.(\d+))?\)| \((\d+)\.\.(\d+)\))?"
)
_SHAPES = {shape.value: shape for shape in Shape}


def _blocks(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Name, notation, and the lines of the body of each type."""
    name = notation = ""
    body: list[str] = []
    for line in text.splitlines():
        if found := _HEAD.fullmatch(line):
            if name:
                yield name, notation, body
            name, notation = found.groups()
            body = []
        elif line.startswith("  "):
            body.append(line)
    yield name, notation, body


def _module(text: str) -> dict[str, Type]:
    module: dict[str, Type] = {}
    aliases: dict[str, str] = {}
    for name, notation, body in _blocks(text):
        first = notation.split(maxsplit=1)[0]
        if first in _SHAPES or notation.startswith(("SEQUENCE OF", "OCTET", "BIT", "OBJECT")):
            module[name] = _type(name, notation, body)
        else:
            aliases[name] = notation
    for name, notation in aliases.items():
        module[name] = msgspec.structs.replace(module[notation], name=name)
    used = [component.type for found in module.values() for component in found.components]
    used += [found.of for found in module.values() if found.of]
    for notation in used:
        inner = notation.removeprefix("SEQUENCE OF ")
        for unnamed in (notation, inner):
            if unnamed not in module:
                module[unnamed] = _type(unnamed, unnamed, [])
    return module


def _type(name: str, notation: str, body: list[str]) -> Type:
    if notation.startswith("SEQUENCE OF "):
        return Type(name, Shape.SEQUENCE_OF, of=notation.removeprefix("SEQUENCE OF "))
    found = _NOTATION.fullmatch(notation)
    if found is None:
        raise ValueError(f"{NOTATION.name}: {name} ::= {notation}")
    word, dots, least, most, low, high = found.groups()
    if least is not None:
        low, high = least, most or least
    lines = [(_COMPONENT.fullmatch(line), _WORD.fullmatch(line)) for line in body]
    components = tuple(
        Component(int(number), title, kind, optional is not None, int(since or 1))
        for number, title, kind, optional, since in (line.groups() for line, _ in lines if line)
    )
    words = {int(line[1]): line[2] for _, line in lines if line}
    return Type(
        name,
        _SHAPES[word],
        dots is not None,
        components,
        "",
        words,
        None if low is None else int(low),
        None if high is None else int(high),
    )


MODULE: Mapping[str, Type] = _module(NOTATION.read_text(encoding="utf-8"))
"""Every type by name; a type without a name by its notation, such as `SEQUENCE OF ActionRequest` or `NULL`."""


def methods_of(thing: object) -> dict[str, Callable[..., Any]]:
    """The methods of an object that are named after types: `stream_parms` for StreamParms, by the type's name."""
    named = {name: re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() for name in MODULE}
    return {name: getattr(thing, method) for name, method in named.items() if hasattr(thing, method)}
