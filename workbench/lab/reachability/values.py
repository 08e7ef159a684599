"""What is asked for, and what came out: pairs of behaviours, cells, the matrix."""

from __future__ import annotations

import itertools
from typing import Literal

import msgspec

from workbench.nodes.nat import Behaviour

Mechanism = Literal["gateway", "direct", "punching"]
Unsolicited = Literal["drop", "reset", "icmp"]

TEXT = "Can you hear me?"
A, B = "UE A", "UE B"
_SHORT = {Behaviour.ENDPOINT_INDEPENDENT: "EI", Behaviour.ADDRESS_DEPENDENT: "AD",
          Behaviour.ADDRESS_AND_PORT_DEPENDENT: "APD"}
_TITLES = {
    "direct": "without a gateway, simultaneous open: each side opens to where the other's STUN server saw it",
    "punching": "without a gateway, TCP hole punching: both sides listen, and open to where the other was seen",
}


class Pair(msgspec.Struct, frozen=True, order=True):
    """How one NAT maps and filters."""

    mapping: Behaviour
    filtering: Behaviour

    def __str__(self) -> str:
        return f"{_SHORT[self.mapping]}/{_SHORT[self.filtering]}"


PAIRS = tuple(Pair(mapping, filtering) for mapping, filtering in itertools.product(Behaviour, repeat=2))
"""All nine, in the order of rows and columns."""


class Task(msgspec.Struct, frozen=True):
    """One call: the NATs of UE A and of UE B, and how it is tried. Fields as the arguments of `matrix`."""

    a: Pair
    b: Pair
    mechanism: Mechanism
    modified: bool
    unsolicited: Unsolicited
    lag: float
    seed: int


class Cell(msgspec.Struct, frozen=True):
    """What became of one call: whether content arrived and was confirmed, and what the packets say of it."""

    works: bool
    why: str


class Matrix(msgspec.Struct, frozen=True):
    """Nine by nine calls.

    Args:
        rows: behaviours of the NAT of UE A, which calls.
        columns: behaviours of the NAT of UE B, which is called.
        cells: one row for each of `rows`.
    """

    mechanism: Mechanism
    modified: bool
    rows: tuple[Pair, ...]
    columns: tuple[Pair, ...]
    cells: tuple[tuple[Cell, ...], ...]

    def cell(self, a: Pair, b: Pair) -> Cell:
        """The call between two NATs."""
        return self.cells[self.rows.index(a)][self.columns.index(b)]

    @property
    def works(self) -> tuple[tuple[bool, ...], ...]:
        """The bare table."""
        return tuple(tuple(cell.works for cell in row) for row in self.cells)

    @property
    def title(self) -> str:
        """What was tried, in one line."""
        how = "modified for UE B" if self.modified else "as offered"
        return _TITLES.get(self.mechanism, f"across two access edges, a=setup {how}")

    def __str__(self) -> str:
        width = max(len(str(pair)) for pair in (*self.rows, *self.columns))
        count = sum(sum(row) for row in self.works)
        lines = [f"{self.title}: {count} of {len(self.rows) * len(self.columns)} calls work",
                 "rows: NAT of UE A, which calls; columns: NAT of UE B; each as mapping/filtering", "",
                 " " * width + "  " + "  ".join(f"{pair!s:>{width}}" for pair in self.columns)]
        for pair, row in zip(self.rows, self.works, strict=True):
            lines.append(f"{pair!s:<{width}}  " + "  ".join(f"{'yes' if one else '.':>{width}}" for one in row))
        lines += ["", "EI endpoint-independent, AD address-dependent, APD address-and-port-dependent [RFC 4787 §4, §5]"]
        return "\n".join(line.rstrip() for line in lines)
