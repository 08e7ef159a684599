"""What the loop saw: every happening and every command with its time and its node. For people, never for judging."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from workbench.net.values import Command, Happening


class Entry(msgspec.Struct, frozen=True):
    """One line of the trace: at `time` (seconds since the start) `node` heard `what` or ordered it."""

    time: float
    node: str
    what: Happening | Command
    heard: bool


class Trace:
    """The entries of one run, oldest first.

    Args:
        most: how many are kept; later ones are counted in `left_out` only.
    """

    def __init__(self, most: int = 1_000_000) -> None:
        self.entries: list[Entry] = []
        self.left_out = 0
        self._most = most

    def add(self, time: float, node: str, what: Happening | Command, *, heard: bool) -> None:
        """Append one entry."""
        if len(self.entries) < self._most:
            self.entries.append(Entry(time, node, what, heard))
        else:
            self.left_out += 1

    def of(self, node: str) -> list[Entry]:
        """The entries of one node."""
        return [entry for entry in self.entries if entry.node == node]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __str__(self) -> str:
        return "\n".join(
            f"{entry.time:10.6f} {entry.node:10} {'<-' if entry.heard else '->'} {type(entry.what).__name__}"
            for entry in self.entries)
