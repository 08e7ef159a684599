"""What killed processes may have left of their kernel networks: keepers that did not notice, and nothing else.

A keeper ends with its owner, and its namespaces, links, routes and sockets with it. One that was stopped, or that
hangs, is found by its command line: it names the owner by process id and start time.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import msgspec

from workbench.net.kernel.namespaces import KEEPER, started


class Keeper(msgspec.Struct, frozen=True):
    """A process that holds a kernel network's namespaces.

    Args:
        process: its id.
        owner: as it was named, `wb-PID-STARTED`.
        is_left: the owner has gone.
    """

    process: int
    owner: str
    is_left: bool


def keepers() -> list[Keeper]:
    """Every keeper on this machine that we may see, those of runs under way included."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:     # it has ended, or is not ours to see
            continue
        for script, owner in pairwise(words):
            if Path(script).name == KEEPER.name and Path(script).parent.name == "kernel" and owner.startswith("wb-"):
                found.append(Keeper(int(folder.name), owner, not _is_there(owner)))
    return sorted(found, key=lambda keeper: keeper.process)


def clean() -> list[Keeper]:
    """End every keeper whose owner has gone; those that were ended. One that is not ours to end stays."""
    ended = []
    for keeper in keepers():
        if keeper.is_left:
            with suppress(OSError):
                os.kill(keeper.process, signal.SIGKILL)
                ended.append(keeper)
    return ended


def _is_there(owner: str) -> bool:
    _, process, moment = owner.split("-", 2)
    return process.isdigit() and str(started(int(process))) == moment
