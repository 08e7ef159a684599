"""A controller as a process of its own, which can be killed: it sets up contexts, says which, and waits.

    python -m load.ordering CONTROL GATEWAY COUNT KIND CORE   (endpoints as address:port)
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from load.client import Client
from load.controller import Context, Controller, Kind
from load.process import environment
from workbench.net.values import Endpoint


@contextmanager
def ordering(
    control: Endpoint, gateway: Endpoint, count: int, kind: Kind, core: Endpoint
) -> Iterator[subprocess.Popen[bytes]]:
    """The process, whose clients are `Client()`; `contexts_of` waits for what it has set up. Killed with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "load.ordering", str(control), str(gateway), str(count), kind.name, str(core)],
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


def _endpoint(given: str) -> Endpoint:
    host, _, port = given.rpartition(":")
    return Endpoint(host, int(port))


def main(control: str, gateway: str, count: str, kind: str, core: str) -> None:
    """The command."""
    controller = Controller(_endpoint(control), _endpoint(gateway))
    if not controller.wait_registered():
        raise SystemExit("no gateway has registered")
    made = controller.set_up(int(count), Kind[kind], core=_endpoint(core), client=Client())
    sys.stdout.buffer.write(msgspec.json.encode(made) + b"\n")
    sys.stdout.buffer.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
