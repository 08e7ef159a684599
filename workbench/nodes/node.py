"""What every node is: a state machine that hears happenings and answers with commands."""

from __future__ import annotations

from typing import Protocol

from workbench.net.values import Command, Happening


class Node(Protocol):
    """A node never touches a socket or a clock; `now` is in seconds on its caller's clock."""

    name: str

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening."""

    def next_wakeup(self) -> float | None:
        """When the node wants to hear `Woke`, or None."""
