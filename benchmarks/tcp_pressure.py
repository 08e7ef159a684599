"""Both ends of TCP streams through a proxy, in a process of its own: told and telling by lines of JSON.

Octets come from a file by sendfile(2), and are counted and thrown away by the kernel (MSG_TRUNC) where it can, so that
the ends cost as little as may be. A first line says where the core's side listens. Then, for each job on
standard input, one line with the seconds that it took, and the processor seconds that went into it here.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

_FILE = 1 << 24
_PIECE = 1 << 20
_PATIENCE = 60.0
_COUNT_ONLY = socket.MSG_TRUNC if sys.platform == "linux" else 0


class Ends:
    """The two ends, and what is done with them."""

    def __init__(self, host: str) -> None:
        self._listener = socket.create_server((host, 0), backlog=1024)
        self._listener.settimeout(_PATIENCE)
        self.port = int(self._listener.getsockname()[1])
        self._file = tempfile.TemporaryFile()       # noqa: SIM115 - for as long as this process
        self._file.write(os.urandom(_PIECE) * (_FILE // _PIECE))
        self._file.flush()

    def run(self, job: dict[str, Any]) -> float:
        """Seconds until so many octets had passed each way of each stream."""
        clients = [socket.create_connection(tuple(access), _PATIENCE) for access in job["accesses"]]
        fars = [self._listener.accept()[0] for _ in clients]
        ways = [(clients, fars)] + ([(fars, clients)] if job["back"] else [])
        began = time.perf_counter()
        work: list[Callable[[], None]] = []
        for senders, receivers in ways:
            work += [lambda one=one: self._send(one, job["octets"]) for one in senders]     # type: ignore[misc]
            work += [lambda one=one: _receive(one, job["octets"]) for one in receivers]     # type: ignore[misc]
        threads = [threading.Thread(target=each) for each in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - began
        for one in clients + fars:
            one.close()
        return took

    def _send(self, sock: socket.socket, octets: int) -> None:
        sock.setblocking(True)
        left = octets
        while left:
            at = (octets - left) % _FILE
            left -= os.sendfile(sock.fileno(), self._file.fileno(), at, min(_FILE - at, left))


def _receive(sock: socket.socket, octets: int) -> None:
    sock.setblocking(True)
    buffer = bytearray(_PIECE)
    while octets:
        got = sock.recv_into(buffer, min(_PIECE, octets), _COUNT_ONLY)
        if not got:
            sys.exit(f"a stream has ended {octets} octets early")
        octets -= got


def main() -> None:
    """The command."""
    ends = Ends(sys.argv[1])
    sys.stdout.write(json.dumps({"port": ends.port}) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        before = time.process_time()
        seconds = ends.run(json.loads(line))
        sys.stdout.write(json.dumps({"seconds": seconds, "processor": time.process_time() - before}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
