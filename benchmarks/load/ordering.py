"""A controller as a process of its own, which can be killed: it sets up contexts, says which, and waits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from load.controller import Context, Kind
from load.process import environment
from workbench.net.values import Endpoint


@contextmanager
def ordering(
    control: Endpoint, gateway: Endpoint, count: int, kind: Kind, core: Endpoint
) -> Iterator[subprocess.Popen[bytes]]:
    """The process, whose clients are `Client()`; `contexts_of` waits for what it has set up. Killed with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "load", "order", str(control), str(gateway), str(count), kind.name, str(core)],
        stdout=subprocess.PIPE, env=environment())
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def contexts_of(process: subprocess.Popen[bytes]) -> list[Context]:
    """What it has set up, once it has."""
    assert process.stdout is not None
    return msgspec.json.decode(process.stdout.readline(), type=list[Context])
