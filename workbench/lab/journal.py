"""What a node that runs alone says of itself, line by line."""

from __future__ import annotations

from workbench.lab.trace import Entry
from workbench.lab.visible import visible
from workbench.net.values import BindDatagrams, Drop, Listen, Note


class Journal:
    """Shows a node's remarks on standard output.

    Args:
        every: everything that it hears and orders too.
    """

    def __init__(self, every: bool = False) -> None:
        self._every = every

    def __call__(self, entry: Entry) -> None:
        """Show one entry, if it is for people."""
        match entry.what:
            case Note(text=text):
                said = text
            case Drop(what=what, reason=reason):
                said = f"{type(what).__name__} is refused: {reason}"
            case BindDatagrams(local=local):
                said = f"receives datagrams at {local}"
            case Listen(local=local):
                said = f"listens at {local}"
            case what if self._every:
                said = f"{'hears' if entry.heard else 'orders'} {what}"
            case _:
                return
        print(f"{entry.time:10.3f} {entry.node} {visible(said)}", flush=True)  # noqa: T201 - the command's output
