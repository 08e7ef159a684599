"""Where each part of a message in the binary encoding lies: every tag, length and content, down to single values.

The walk follows the types of `schema.MODULE`; nothing of the grammar stands here. An element is one span:

    ber.<component or type>     a constructed one: its tag, its length, its elements, and `ber.end` where its length is
                                indefinite; also a NULL, which has tag and length only
    ber.element                 a primitive one: tag, length, and its content under the name of the component

Names are those of the module (`ber.transactionId`, `ber.ActionRequest`). What an item of a package is called, and what
its values say, comes from the registry. What the module does not know, an extension, is `ber.unknown`.

Source: H.248.1 Annex A, X.690 §8.1.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.h248.binary import ber
from workbench.protocols.h248.binary.local import LETTERS, unwrapped
from workbench.protocols.h248.binary.names import ItemCodec, Names, ParameterCodec
from workbench.protocols.h248.binary.naming import HexadecimalNaming
from workbench.protocols.h248.binary.schema import MODULE, TOP, Shape, Type
from workbench.protocols.h248.binary.values import LINE, ValueCodec, Values
from workbench.protocols.h248.codes import error_meaning
from workbench.protocols.h248.message import ALL, CHOOSE, NULL
from workbench.protocols.h248.packages import ItemKind, Registry, registry
from workbench.protocols.layout import Span

_CLASSES = ("universal", "application", "", "private")
_UNIVERSAL = {shape.universal: shape.value for shape in Shape if shape.universal is not None}
_UNIVERSAL |= {12: "UTF8String", 19: "PrintableString", 26: "VisibleString", 16: "SEQUENCE"}
_CONTEXTS = {NULL: "NULL, the null context", CHOOSE: "CHOOSE, the gateway makes one", ALL: "ALL, every context"}
_NAMING = HexadecimalNaming()
_FIRST = re.compile(r"[.;:](?: |$)")

# What the names in a type are of.
_KINDS = {
    "PropertyParm": ItemKind.PROPERTY,
    "IndAudPropertyParm": ItemKind.PROPERTY,
    "RequestedEvent": ItemKind.EVENT,
    "SecondRequestedEvent": ItemKind.EVENT,
    "ObservedEvent": ItemKind.EVENT,
    "EventSpec": ItemKind.EVENT,
    "IndAudEventsDescriptor": ItemKind.EVENT,
    "IndAudEventBufferDescriptor": ItemKind.EVENT,
    "Signal": ItemKind.SIGNAL,
    "IndAudSignal": ItemKind.SIGNAL,
    "StatisticsParameter": ItemKind.STATISTIC,
    "IndAudStatisticsDescriptor": ItemKind.STATISTIC,
}
# Components of one name that mean different things are told apart by their types.
_OWN = {("DomainName", "name"), ("SeqSigList", "id"), ("IndAudSeqSigList", "id")}
_PACKAGED = ("PkgdName", "EventName", "SignalName")
# What stands in the title of the element around it.
_TITLES = frozenset(
    (
        "transactionId",
        "contextId",
        "requestID",
        "requestId",
        "streamID",
        "errorCode",
        "terminationID",
        "TerminationID",
        "name",
        "pkgdName",
        "eventName",
        "signalName",
        "statName",
        "version",
        "firstAck",
        "segmentNumber",
        "eventParameterName",
        "sigParameterName",
        "packageName",
        "ip4Address",
        "ip6Address",
        "domainName",
        "deviceName",
        "address",
        "SeqSigList.id",
        "DomainName.name",
    )
)
_UNITS = {"duration": 100, "intersigDelay": 100}


class _Place(msgspec.Struct, frozen=True):
    """Where we are: the item whose values these are, and its parameter."""

    kind: ItemKind = ItemKind.PROPERTY  # of the names here
    item: ItemCodec | None = None
    parameter: ParameterCodec | None = None
    line: str = ""  # the letter of a line of SDP


def _names() -> Names:
    return _names_of(registry())


@lru_cache(maxsize=8)
def _names_of(known: Registry) -> Names:
    return Names(known, Values.WRAPPED)


def spans(octets: bytes) -> tuple[Span, ...]:
    """Every octet of a message, in order; never raises. What is not BER is `ber.undecoded`."""
    octets = bytes(octets)
    walk = _Walk(octets)
    found, at = walk.element(0, len(octets), TOP, MODULE[TOP], _Place(), 0)
    return (*found, *_undecoded(at, len(octets), "behind the message"))


def _undecoded(at: int, end: int, why: str) -> tuple[Span, ...]:
    return (Span("ber.undecoded", at, end, why),) if at < end else ()


class _Walk:
    """One pass over a message."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def element(
        self,
        at: int,
        end: int,
        name: str,
        kind: Type | None,
        place: _Place,
        depth: int,
    ) -> tuple[tuple[Span, ...], int]:
        """The element at `at`, and where the next one begins; what does not decode ends all up to `end`."""
        try:
            header = ber.header(self.octets, at, end)
        except MalformedMessageError as error:
            return _undecoded(at, end, str(error)), end
        stop = end if header.length is None else header.content + header.length
        if stop > end or depth > ber.MAX_DEPTH:
            why = (
                f"nested over {ber.MAX_DEPTH} deep"
                if depth > ber.MAX_DEPTH
                else str(ber.beyond(header.content, stop, end))
            )
            return _undecoded(at, end, f"{why} [X.690 §8.1]"), end
        head = (
            Span("ber.tag", at, header.length_at, _tag(header, name)),
            Span("ber.length", header.length_at, header.content, _length(self.octets, header)),
        )
        if header.constructed:
            parts, after = self._parts(header, stop, kind, place, depth)
            return (self._folded(name, kind, (*head, *parts), at, after),), after
        leaves = self._content(header.content, stop, name, kind, place)
        if not leaves:  # a NULL speaks by being there
            return (Span("ber.asked" if name.startswith("asked.") else f"ber.{name}", at, stop, "", head),), stop
        value = leaves[-1].value
        if leaves[0].name == "ber.package":
            value = "/".join((leaf.value.partition(" ")[2] or leaf.value).partition(",")[0] for leaf in leaves)
        return (Span("ber.element", at, stop, f"{name} {value}".strip(), (*head, *leaves)),), stop

    # --- constructed

    def _parts(
        self,
        header: ber.Header,
        stop: int,
        kind: Type | None,
        place: _Place,
        depth: int,
    ) -> tuple[list[Span], int]:
        """What is inside of a constructed element, and where the next one begins."""
        found: list[Span] = []
        at = header.content
        if kind is not None and kind.name in _KINDS:
            place = _Place(_KINDS[kind.name], place.item, place.parameter)
        while at < stop:
            if header.length is None and self.octets[at : at + 2] == b"\0\0":
                found.append(Span("ber.end", at, at + 2, "end of the contents"))
                return found, at + 2
            name, inner = self._inner(at, kind)
            spans_of_it, after = self.element(at, stop, name, inner, place, depth + 1)
            place = self._placed(kind, name, inner, spans_of_it, place)
            found += spans_of_it
            at = after
        return found, at

    def _inner(self, at: int, kind: Type | None) -> tuple[str, Type | None]:
        """Name and type of the element at `at`, inside of one of type `kind`."""
        first = self.octets[at]
        if kind is None:
            return "unknown", None
        if not kind.shape.constructed:  # a string in pieces
            return "piece", kind
        of = kind
        if kind.shape is Shape.SEQUENCE_OF:
            of = MODULE[kind.of]
            if of.shape is not Shape.CHOICE:
                return kind.of if kind.of != Shape.OCTET_STRING.value else "value", of
        component = of.component(first & 0x1F) if first >> 6 == ber.CONTEXT and first & 0x1F != 0x1F else None
        if component is None:
            return "unknown", None
        inner = MODULE[component.type]
        if inner.shape is Shape.NULL and (of.name.startswith("IndAud") or of.name == "ContextAttrAuditRequest"):
            return f"asked.{component.name}", inner
        own = (of.name, component.name) in _OWN
        return f"{of.name}.{component.name}" if own else component.name, inner

    def _placed(
        self,
        kind: Type | None,
        name: str,
        inner: Type | None,
        found: tuple[Span, ...],
        place: _Place,
    ) -> _Place:
        """The place of what follows: a name says whose values come."""
        if kind is None or inner is None or not found or found[0].name != "ber.element":
            return place
        content = self.octets[found[0].children[2].start : found[0].end]
        if kind.name in _KINDS and inner.name in _PACKAGED:
            return _Place(place.kind, _item(place.kind, content), line=_letter(content))
        if inner.name == "Name" and name in ("eventParameterName", "sigParameterName") and place.item is not None:
            return _Place(place.kind, place.item, place.item.read[content] if len(content) == 2 else None)
        return place

    def _folded(self, name: str, kind: Type | None, parts: tuple[Span, ...], at: int, after: int) -> Span:
        title = self._termination(parts) if kind is not None and kind.name == "TerminationID" else ""
        for part in parts[2:]:
            if title:
                break
            told = part.value if part.name == "ber.element" else f"{part.name.removeprefix('ber.')} {part.value}"
            word, _, value = told.partition(" ")
            if word in _TITLES:
                title = value
        asked = "ber.asked" if name.startswith("asked.") else f"ber.{name}"
        return Span(asked, at, after, title, parts)

    def _termination(self, parts: tuple[Span, ...]) -> str:
        """A TerminationID as its text: `ROOT`, `$`, `0x20000011`."""
        wildcards = [
            self.octets[leaf.start] for part in parts for leaf in part.leaves() if leaf.name == "ber.WildcardField"
        ]
        id = next(
            (self.octets[leaf.start : leaf.end] for part in parts for leaf in part.leaves() if leaf.name == "ber.id"),
            b"",
        )
        try:
            return _NAMING.text(wildcards, id) if id else ""
        except ValueError:
            return ""

    # --- primitive

    def _content(self, at: int, stop: int, name: str, kind: Type | None, place: _Place) -> tuple[Span, ...]:
        content = self.octets[at:stop]
        if not content:
            return ()
        if kind is None:
            return (Span("ber.unknown", at, stop, ""),)
        if kind.name in _PACKAGED:
            return _packaged(at, content, place.kind)
        if name == "value" or (kind.name == "OCTET STRING" and name == "piece"):
            return self._value(at, stop, place)
        return (Span(f"ber.{name}", at, stop, _reading(name, kind, content, place)),)

    def _value(self, at: int, stop: int, place: _Place) -> tuple[Span, ...]:
        """The octets of a value: an element of its own in most cases ("double wrapping"), else as they are."""
        content = self.octets[at:stop]
        inner = _wrapped(content)
        if place.line:
            text = unwrapped(content)
            start = stop - len(text)
            head = (
                (
                    Span("ber.tag", at, at + 1, _UNIVERSAL.get(content[0], "")),
                    Span("ber.length", at + 1, start, f"{len(text)} octets"),
                )
                if start > at
                else ()
            )
            said = text.decode("utf-8", "replace")
            return (*head, *((Span(f"ber.sdp.{place.line}", start, stop, said),) if text else ()))
        codec: ValueCodec | None = LINE
        if place.parameter is not None:
            codec = place.parameter.value
        elif place.item is not None:
            codec = place.item.value
        said = codec.read(content) if codec is not None else ""
        if inner is None:
            return (Span("ber.value", at, stop, said),)
        start = stop - inner
        return (
            Span("ber.tag", at, at + 1, _UNIVERSAL.get(content[0], "")),
            Span("ber.length", at + 1, start, f"{inner} octets"),
            *((Span("ber.value", start, stop, said),) if inner else ()),
        )


def _packaged(at: int, content: bytes, kind: ItemKind) -> tuple[Span, ...]:
    """PkgdName: two octets for the package, two for its item."""
    if len(content) != 4:
        return _undecoded(at, at + len(content), "a name of a package and its item has 4 octets")
    package, item = "Annex C", f"{_letter(content)}= of SDP"
    if not _letter(content):
        found = _item(kind, content)
        package, _, item = (found.text if found is not None else "*").partition("/")
    known = registry().lookup(f"{package}/{item}", kind)
    meaning = f", {_FIRST.split(known.meaning)[0]}" if known is not None and known.meaning else ""
    return (
        Span("ber.package", at, at + 2, f"0x{content[:2].hex().upper()} {package}"),
        Span("ber.item", at + 2, at + 4, f"0x{content[2:].hex().upper()} {item}{meaning}".strip()),
    )


def _letter(content: bytes) -> str:
    """The letter of the line of SDP that a PkgdName stands for (H.248.1 Annex C.11); empty for other names."""
    sdp = len(content) == 4 and content[:3] == b"\0\0\xb0" and 0 < content[3] <= len(LETTERS)
    return LETTERS[content[3] - 1] if sdp else ""


def _item(kind: ItemKind, octets: bytes) -> ItemCodec | None:
    try:
        return _names().read[kind][octets] if len(octets) == 4 else None
    except ValueError:
        return None


def _wrapped(octets: bytes) -> int | None:
    """Octets of contents, if these octets are one primitive element of a universal type and nothing else."""
    if len(octets) < 2 or octets[0] & 0xE0 or octets[0] not in _UNIVERSAL:
        return None
    try:
        header = ber.header(octets, 0, len(octets))
    except MalformedMessageError:
        return None
    return header.length if header.length == len(octets) - header.content else None


def _tag(header: ber.Header, name: str) -> str:
    form = "constructed" if header.constructed else "primitive"
    if header.tag_class == ber.UNIVERSAL:
        return f"{_UNIVERSAL.get(header.number, f'universal {header.number}')}, {form}"
    return f"[{' '.join(filter(None, (_CLASSES[header.tag_class], str(header.number))))}] {name}, {form}"


def _length(octets: bytes, header: ber.Header) -> str:
    if header.length is None:
        return "indefinite, up to the end of contents"
    size = f"{header.length} octet{'s' * (header.length != 1)}"
    return size if header.content - header.length_at == 1 else f"{size}, in the long form"


def _reading(name: str, kind: Type, content: bytes, place: _Place) -> str:
    """A primitive content as a person reads it."""
    read = _READINGS.get(kind.shape)
    if read is None:
        return ""
    if kind.shape is Shape.INTEGER:
        return _number(name, int.from_bytes(content[:16], "big", signed=True))
    if kind.shape is Shape.OCTET_STRING:
        return _octets(name, kind, content, place)
    return read(kind, content)


def _number(name: str, number: int) -> str:
    if name in ("contextId", "ContextID"):
        return _CONTEXTS.get(number, str(number))
    if name == "errorCode":
        return f"{number} {error_meaning(number) or ''}".strip()
    if name in ("requestID", "requestId", "signalRequestID") and number == ALL:
        return "ALL"
    return f"{number / _UNITS[name]:g} s" if name in _UNITS else str(number)


def _octets(name: str, kind: Type, content: bytes, place: _Place) -> str:
    if name == "address" and len(content) in (4, 16):
        return str(ipaddress.ip_address(content))
    if name == "WildcardField":
        word = "ALL" if content[0] & 0x80 else "CHOOSE"
        return f"{word} from bit {content[0] & 0x3F} {'down' if content[0] & 0x40 else 'in this level'}"
    if name == "packageName":
        return f"0x{content.hex().upper()} {_names().package_text[content] if len(content) == 2 else ''}".strip()
    if kind.name == "Name" and place.item is not None and len(content) == 2:
        return f"0x{content.hex().upper()} {place.item.read[content].text}"
    return f"0x{content.hex().upper()}" if len(content) <= 32 else ""


def _word(kind: Type, content: bytes) -> str:
    number = int.from_bytes(content[:8], "big", signed=True)
    return f"{number} {kind.words.get(number, '')}".strip()


def _bits(kind: Type, content: bytes) -> str:
    """The first octet counts the unused bits at the end; bit 0 is the top bit of the second one (X.690 §8.6)."""
    found = [
        kind.words.get(8 * at + bit, f"bit {8 * at + bit}")
        for at, octet in enumerate(content[1:9])
        for bit in range(8)
        if octet & 0x80 >> bit
    ]
    return ", ".join(found) or "none"


def _text(kind: Type, content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _identifier(kind: Type, content: bytes) -> str:
    try:
        return ber.object_identifier(content)
    except ValueError:
        return ""


_READINGS: dict[Shape, Callable[[Type, bytes], str]] = {
    Shape.INTEGER: _text,
    Shape.OCTET_STRING: _text,
    Shape.ENUMERATED: _word,
    Shape.BIT_STRING: _bits,
    Shape.IA5_STRING: _text,
    Shape.OBJECT_IDENTIFIER: _identifier,
    Shape.BOOLEAN: lambda _, content: "ON" if any(content) else "OFF",
}
