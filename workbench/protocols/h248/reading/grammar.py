"""What all productions use: marks, numbers, words, values, and what is said where something else stands.

A production takes the tokens and the index of its first one (behind the keyword that chose it, where there is one), and
returns its value and the index behind it. Nothing looks back, and the grammar nests to a fixed depth, so time and
memory grow with the message's length only.

Source: H.248.1 Annex B.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from workbench.errors import PeerError
from workbench.protocols.h248.message import Form, Property, Quoted, named
from workbench.protocols.h248.tokens import MARKS, TEXT, spellings

_T = TypeVar("_T")
Read = tuple[_T, int]
"""A value, and the index behind its tokens."""


class Unexpected(Exception):
    """What stands at token `index` is not what the grammar expects there."""

    def __init__(self, index: int, expected: str, production: str) -> None:
        super().__init__(index, expected, production)
        self.index = index
        self.expected = expected
        self.production = production


class Broken(Exception):
    """A body inside token `index`, `offset` octets into it, has its own error."""

    def __init__(self, index: int, offset: int, error: PeerError) -> None:
        super().__init__(index, offset, error)
        self.index = index
        self.offset = offset
        self.error = error


ON_OFF = spellings({"ON": True, "OFF": False})
CLOSING = frozenset((",", "}"))


def expect(t: list[str], i: int, mark: str, production: str) -> int:
    """This mark; gives the index behind it."""
    if t[i] != mark:
        raise Unexpected(i, f'"{mark}"', production)
    return i + 1


def listed(t: list[str], i: int, item: Callable[[list[str], int], Read[_T]], production: str) -> Read[list[_T]]:
    """`"{" item *("," item) "}"`."""
    if t[i] != "{":
        raise Unexpected(i, '"{"', production)
    found, i = item(t, i + 1)
    items = [found]
    while t[i] == ",":
        found, i = item(t, i + 1)
        items.append(found)
    if t[i] != "}":
        raise Unexpected(i, '"," or "}"', production)
    return items, i + 1


def number(t: list[str], i: int, production: str, most: int = 0xFFFFFFFF) -> Read[int]:
    """Decimal digits, up to a value."""
    word = t[i]
    if word.isdecimal() and len(word) <= 10 and (read := int(word)) <= most:
        return read, i + 1
    raise Unexpected(i, f"a number from 0 to {most}", production)


def set_number(t: list[str], i: int, production: str, most: int = 0xFFFFFFFF) -> Read[int]:
    """`= number`."""
    word = t[i + 1]
    if t[i] == "=" and word.isdecimal() and len(word) <= 10 and (read := int(word)) <= most:
        return read, i + 2
    if t[i] != "=":
        raise Unexpected(i, '"="', production)
    raise Unexpected(i + 1, f"a number from 0 to {most}", production)


def choice(t: list[str], i: int, table: Mapping[str, _T], what: str, production: str) -> Read[_T]:
    """A word of a table."""
    value = table.get(t[i])
    if value is None:
        value = table.get(t[i].lower())
        if value is None:
            raise Unexpected(i, what, production)
    return value, i + 1


def set_choice(t: list[str], i: int, table: Mapping[str, _T], what: str, production: str) -> Read[_T]:
    """`= word`."""
    if t[i] != "=":
        raise Unexpected(i, '"="', production)
    return choice(t, i + 1, table, what, production)


def word(t: list[str], i: int, what: str, production: str) -> Read[str]:
    """Any run of safe characters."""
    if t[i] in MARKS:
        raise Unexpected(i, what, production)
    return t[i], i + 1


def packaged(t: list[str], i: int, production: str) -> Read[str]:
    """`pkgdName = (PackageName SLASH ItemID) / (PackageName SLASH "*") / ("*" SLASH "*")`."""
    name = t[i]
    if "/" not in name:
        raise Unexpected(i, "a name of the form package/item", production)
    return name, i + 1


def value(t: list[str], i: int) -> Read[str]:
    """`VALUE = quotedString / 1*(SafeChar)`."""
    if t[i] not in MARKS:
        return t[i], i + 1
    if t[i] == TEXT and t[i + 1][0] == '"':
        return Quoted(unquoted(t, i + 1)), i + 2
    raise Unexpected(i, "a value", "VALUE")


def unquoted(t: list[str], i: int) -> str:
    """What stands between the quotation marks. The grammar has ASCII there; texts in UTF-8 are let through."""
    text = t[i]
    if len(text) > 1:
        try:
            return text[1:-1] if text.isascii() else text[1:-1].encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            pass
    raise Unexpected(i, "a quoted string of printable characters", "quotedString")


RELATIONS = {">": Form.GREATER, "<": Form.LESS, "#": Form.DIFFERENT}


def values(t: list[str], i: int, name: str) -> Read[Property]:
    """`parmValue`: what stands behind the name of a property or parameter."""
    if t[i] == "=":
        first = t[i + 1]
        if first not in MARKS:
            return Property(name, (first,)), i + 2
        if first == "[":
            return _bracketed(t, i + 2, name)
        if first == "{":
            many, i = listed(t, i + 1, value, "alternativeValue")
            return Property(name, tuple(many), Form.ANY_OF), i
        one, i = value(t, i + 1)
        return Property(name, (one,)), i
    form = RELATIONS.get(t[i])
    if form is None:
        raise Unexpected(i, '"=", "<", ">" or "#"', "parmValue")
    one, i = value(t, i + 1)
    return Property(name, (one,), form), i


def _bracketed(t: list[str], i: int, name: str) -> Read[Property]:
    one, i = value(t, i)
    if t[i] == ":":
        upper, i = value(t, i + 1)
        return Property(name, (one, upper), Form.RANGE), expect(t, i, "]", "alternativeValue")
    many = [one]
    while t[i] == ",":
        one, i = value(t, i + 1)
        many.append(one)
    return Property(name, tuple(many), Form.LIST), expect(t, i, "]", "alternativeValue")


def property_parm(t: list[str], i: int) -> Read[Property]:
    """`propertyParm = pkgdName parmValue`."""
    name, i = packaged(t, i, "propertyParm")
    return values(t, i, name)


def property_or_name(t: list[str], i: int) -> Read[Property]:
    """A property, or in an audit its name alone."""
    name, i = packaged(t, i, "propertyParm")
    if t[i] in CLOSING:
        return named(name), i
    return values(t, i, name)


def parameter(t: list[str], i: int) -> Read[Property]:
    """`eventOther = eventParameterName parmValue`, and likewise of signals."""
    if t[i] in MARKS:
        raise Unexpected(i, "a parameter", "eventParameterName")
    return values(t, i + 1, t[i])


def once(i: int, found: Mapping[str, object], name: str) -> None:
    """No second part of this name."""
    if name in found:
        raise Unexpected(i, f"{name.replace('_', ' ')} only once", "at-most-once")
