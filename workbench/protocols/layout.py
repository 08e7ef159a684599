"""Where each field of a message lies: the one shape in which protocol rooms tell the explainer about octets.

A room's `spans(octets)` covers every octet it is given, in order, without gaps or overlaps, at every level.
`name` is a stable dotted key (`tls.record.type`); what it means stands in the explainer's catalogue
under the same key, not here.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


class Span(msgspec.Struct, frozen=True):
    """One field: octets `start` (included) to `end` (excluded), and what they say.

    Args:
        name: dotted key into the explainer's catalogue.
        start: first octet, counted from the start of the octets that were laid out.
        end: one past the last octet.
        value: what the octets say, as a person would write it; empty where the octets speak for themselves.
        children: the parts, in order; where there are any they cover `start` to `end` completely.
    """

    name: str
    start: int
    end: int
    value: str = ""
    children: tuple[Span, ...] = ()

    def moved(self, by: int) -> Span:
        """The same span, `by` octets further on (a body seen from the message that holds it)."""
        return Span(self.name, self.start + by, self.end + by, self.value, tuple(c.moved(by) for c in self.children))

    def leaves(self) -> Iterator[Span]:
        """The spans without parts, in order: what an octet view colours."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


class Row:
    """Spans one behind the other, as they are read off octets whose fields have fixed sizes."""

    def __init__(self, octets: bytes, at: int) -> None:
        self.octets = octets
        self.at = at
        self.spans: list[Span] = []

    def number(self, size: int) -> int:
        """The next octets as a number, most significant first."""
        return int.from_bytes(self.octets[self.at : self.at + size], "big")

    def add(self, name: str, size: int, value: str | None = None) -> None:
        """A field; without `value` its number is the value. Size 0 adds nothing."""
        if size > 0:
            text = str(self.number(size)) if value is None else value
            self.spans.append(Span(name, self.at, self.at + size, text))
            self.at += size

    def parent(self, name: str, value: str) -> Span:
        """One span around all of them."""
        return Span(name, self.spans[0].start, self.at, value, tuple(self.spans))


def uncovered(spans: tuple[Span, ...] | list[Span], start: int, end: int) -> list[tuple[int, int]]:
    """Octet ranges between `start` and `end` that no leaf covers, or that two leaves claim."""
    holes: list[tuple[int, int]] = []
    at = start
    for leaf in (leaf for span in spans for leaf in span.leaves()):
        if leaf.start != at:
            holes.append((min(at, leaf.start), max(at, leaf.start)))
        at = leaf.end
    if at != end:
        holes.append((min(at, end), max(at, end)))
    return holes
