"""The explained form of octets: fields with names for people, meanings and clauses. Frozen values, no decoding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec


class Field(msgspec.Struct, frozen=True):
    """One field of a frame or message, said in words.

    Args:
        name: the stable dotted key of the field, as protocol rooms give it (`tls.record.type`).
        label: the field's name as the specification writes it.
        start: first octet, counted from the start of the octets that hold the field.
        end: one past the last octet there.
        value: what the octets say, as a person would write it; empty where they are text that speaks for itself.
        meaning: what the field is for and what this value does, in one to three sentences.
        clause: where that stands.
        provisional: the meaning rests on knowledge that was not looked up (tags GK and DES).
        own: the catalogue has an entry for exactly this name, not just one for its family.
        known: the catalogue has any entry for it; what could not be decoded is never known.
        part: where a field reaches over the edge of a frame: which octets of the field these are, and how many it
            has altogether; None where the field is whole.
        children: the parts, in order.
    """

    name: str
    label: str
    start: int
    end: int
    value: str = ""
    meaning: str = ""
    clause: str = ""
    provisional: bool = False
    own: bool = True
    known: bool = True
    part: tuple[int, int, int] | None = None
    children: tuple[Field, ...] = ()

    def leaves(self) -> Iterator[Field]:
        """The fields without parts, in order."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


class Layer(msgspec.Struct, frozen=True):
    """Octets that the frame does not show literally: a reassembled message, or the plaintext of protected records.

    Args:
        title: what these octets are, for people.
        protocol: as in `Message.protocol`.
        octets: the whole message, decrypted where it was protected.
        fields: what the octets say; positions count from the start of `octets`.
        message: index in `Report.messages`; None if it belongs to no message.
        frames: numbers of the frames that carry it.
        protected: it was decrypted with the key log.
    """

    title: str
    protocol: str
    octets: bytes
    fields: tuple[Field, ...]
    message: int | None = None
    frames: tuple[int, ...] = ()
    protected: bool = False

    def leaves(self) -> Iterator[Field]:
        """The fields without parts, in order."""
        for field in self.fields:
            yield from field.leaves()


class Explained(msgspec.Struct, frozen=True):
    """A frame, octet by octet.

    Args:
        number: of the frame, from 1.
        octets: as captured.
        fields: what they say, from the first header to the last octet.
        layers: what stands behind them: reassembled messages and plaintext.
        title: one line: time, wire, addresses, contents.
        messages: indices in `Report.messages` of the messages that this frame carries or helps to carry.
    """

    number: int
    octets: bytes
    fields: tuple[Field, ...]
    layers: tuple[Layer, ...] = ()
    title: str = ""
    messages: tuple[int, ...] = ()

    def leaves(self) -> Iterator[Field]:
        """The fields of the frame itself that have no parts, in order."""
        for field in self.fields:
            yield from field.leaves()


class Coverage(msgspec.Struct, frozen=True):
    """How much of some octets is explained.

    Args:
        octets: how many there are, in the frame and in the layers behind it.
        explained_octets: how many of them lie in a field that has its own meaning in the catalogue.
        unexplained: the others: start, end, and the name of the field there; empty name where no field lies.
            Positions in layers are given with the layer's title in front of the name.
    """

    octets: int
    explained_octets: int
    unexplained: tuple[tuple[int, int, str], ...] = ()

    @property
    def share(self) -> float:
        """From 0 to 1; 1 for no octets at all."""
        return self.explained_octets / self.octets if self.octets else 1.0

    @property
    def complete(self) -> bool:
        """Every octet is explained."""
        return self.explained_octets == self.octets


def coverage(explained: Explained | Layer) -> Coverage:
    """How many octets of a frame, and of the layers behind it, lie in a field with its own meaning."""
    holes = list(_holes(explained.leaves(), len(explained.octets), ""))
    octets = len(explained.octets)
    if isinstance(explained, Explained):
        for layer in explained.layers:
            holes += _holes(layer.leaves(), len(layer.octets), f"{layer.title}: ")
            octets += len(layer.octets)
    missing = sum(end - start for start, end, _ in holes)
    return Coverage(octets, octets - missing, tuple(holes))


def _holes(leaves: Iterable[Field], octets: int, prefix: str) -> Iterator[tuple[int, int, str]]:
    at = 0
    for leaf in leaves:
        if leaf.start > at:
            yield at, leaf.start, prefix
        start = max(at, leaf.start)
        if leaf.end > start and not (leaf.known and leaf.own):
            yield start, leaf.end, prefix + leaf.name
        at = max(at, leaf.end)
    if at < octets:
        yield at, octets, prefix
