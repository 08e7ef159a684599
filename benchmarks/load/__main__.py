"""Parts of the load as processes of their own. KIND is a name of `Kind` or of `attacks.KINDS`.

    python -m load order CONTROL GATEWAY COUNT KIND CORE    a controller sets up contexts, says which, and waits
    python -m load attack KIND COUNT SOURCE ENDPOINT...     an attack, until SIGTERM; it says `ready` before it begins,
                                                            and at its end how many connections it made or tried
"""

from __future__ import annotations

import signal
import sys
import threading
import time

import msgspec

from load.attacks import KINDS
from load.client import Client
from load.controller import Controller, Kind
from load.limits import room_for
from workbench.net.values import Endpoint


def order(control: str, gateway: str, count: str, kind: str, core: str) -> None:
    """A controller."""
    controller = Controller(_endpoint(control), _endpoint(gateway))
    if not controller.wait_registered():
        raise SystemExit("no gateway has registered")
    made = controller.set_up(int(count), Kind[kind], core=_endpoint(core), client=Client())
    _say(msgspec.json.encode(made).decode())
    threading.Event().wait()


def attack(kind: str, count: str, source: str, *endpoints: str) -> None:
    """An attack; a slow one goes on by one octet a second."""
    lacking = room_for(int(count))
    if lacking:
        raise SystemExit(lacking)
    attacks = KINDS[kind]([_endpoint(one) for one in endpoints], int(count), source)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    _say("ready")
    while not stopped:
        attacks.step()
        time.sleep(1.0 if kind == "slow-loris" and attacks.all_opened else 0.01)
    _say(str(attacks.opened))


def _endpoint(given: str) -> Endpoint:
    host, _, port = given.rpartition(":")
    return Endpoint(host, int(port))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "order":
        order(*sys.argv[2:])
    else:
        attack(*sys.argv[2:])
