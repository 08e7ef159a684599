"""The process with both ends of a benchmark's streams, told job by job what to send: `tcp_pressure`, `tls_pressure`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import measuring


class Pressure:
    """Such a process.

    Args:
        script: its file, beside this one.
        core: the processor core that it is kept on.
        words: for its command line.

    `port` is where its core ends listen.
    """

    def __init__(self, script: str, core: int, *words: str | Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name(script), *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        measuring.pin(self._process.pid, core)
        self.port = int(self._read()["port"])

    def run(self, **job: object) -> dict[str, float]:
        """Seconds, and processor seconds of the ends."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def _read(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the ends of the streams have given up")
        read: dict[str, float] = json.loads(line)
        return read
