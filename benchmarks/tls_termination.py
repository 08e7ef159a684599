"""TLS terminated on the access side, plain TCP on the core side: our IMS-AGW beside haproxy and stunnel4.

    .venv/bin/python benchmarks/tls_termination.py [--rounds 5] [--megabytes 500] [--handshakes 400]
        [--jobs up down shake]

The gateway is `workbench agw`, told by H.248; haproxy has one thread (mode tcp), stunnel4 as many as it likes. All
present a P-256 certificate and demand the client's; no session is resumed. The client offers X25519 and one suite:
TLS_AES_128_GCM_SHA256, or ECDHE-ECDSA-AES128-GCM-SHA256 with TLS 1.2. A handshake is through when the session's first
octet has come out at the core, so it includes the connection to there.

The terminating process is kept on one processor core and the two ends on another, so that each says what it costs:
printed are the rate, the processor time of the terminating process for it, and which side was busier. Where that was
the ends, or where other programs had the processors, the processor time is the figure to compare; it grows where others
use the same caches, so the least of all rounds is told beside the median.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import load
import measuring
import tls_peers
from load.client import Client
from measuring import machine, say

PROXY_CORE, ENDS_CORE = 0, 1
TOGETHER = 8
# A side whose core was busy for so much of the time set the rate.
_SATURATED = 0.85
_TITLES = {"up": "client to core", "down": "core to client", "shake": "full handshakes"}


class Pressure:
    """The process with both ends (`tls_pressure`)."""

    def __init__(self, host: str, certificate: Path) -> None:
        script = Path(__file__).with_name("tls_pressure.py")
        self._process = subprocess.Popen(
            [sys.executable, script, host, certificate], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        measuring.pin(self._process.pid, ENDS_CORE)
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


class Front:
    """A terminating process.

    Args:
        name: for people.
        pid: its process.
        accesses: gives so many endpoints to connect to, one a session, and takes them back.
    """

    def __init__(self, name: str, pid: Callable[[], int], accesses: Callable[[int], Any]) -> None:
        self.name = name
        self.pid = pid
        self.accesses = accesses
        self.results: dict[str, list[tuple[float, float, float]]] = {}

    def measure(self, key: str, pressure: Pressure, sessions: int, **job: object) -> None:
        """Do a job; keeps its seconds, processor seconds of this process, and of the ends."""
        with self.accesses(sessions) as accesses:
            before = measuring.processor_seconds(self.pid())
            done = pressure.run(accesses=accesses, **job)
            used = measuring.processor_seconds(self.pid()) - before
        self.results.setdefault(key, []).append((done["seconds"], used, done["processor"]))


def gateway(stack: ExitStack, client: Client, core: int, host: str) -> Front:
    """Our gateway, with contexts as they are asked for."""
    made = stack.enter_context(load.agw(host=host, core=PROXY_CORE))
    behind = load.controller.Endpoint(host, core)

    @contextmanager
    def accesses(count: int) -> Iterator[list[tuple[str, int]]]:
        contexts = made.controller.set_up(count, load.Kind.TLS, core=behind, client=client)
        try:
            yield [(one.access.host, one.access.port) for one in contexts]
        finally:
            made.controller.subtract(contexts)

    return Front("workbench agw", lambda: made.pid, accesses)


def peer(stack: ExitStack, program: str, folder: Path, core: int, host: str) -> Front:
    """haproxy or stunnel4."""
    process, access = stack.enter_context(tls_peers.started(program, folder, host, core))
    measuring.pin(process.pid, PROXY_CORE)

    @contextmanager
    def accesses(count: int) -> Iterator[list[tuple[str, int]]]:
        yield [access] * count

    return Front(program, lambda: process.pid, accesses)


def measured(
    fronts: list[Front], pressure: Pressure, jobs: list[str], rounds: int, octets: int, handshakes: int
) -> None:
    """Every job at every front, in turn; a first round is not kept."""
    for each in range(rounds + 1):
        for version in ("1.3", "1.2"):
            for what in jobs:
                for front in fronts:
                    sessions = handshakes if what == "shake" else 1
                    front.measure(
                        f"{what} {version}", pressure, sessions, what=what, version=version, octets=octets,
                        together=TOGETHER)
        if not each:
            for front in fronts:
                front.results.clear()


def report(fronts: list[Front], octets: int, handshakes: int) -> None:
    """Medians, and what our gateway's are beside the others'."""
    for key in fronts[0].results:
        what, version = key.split()
        amount, unit = (handshakes, "handshakes/s") if what == "shake" else (octets / 1e6, "MB/s")
        say(f"\n{_TITLES[what]}, TLS {version}")
        rates, costs, least = [], [], []
        for front in fronts:
            results = front.results[key]
            seconds, used, ends = (statistics.median(column) for column in zip(*results, strict=True))
            rates.append(amount / seconds)
            costs.append(used)
            least.append(min(result[1] for result in results))
            each = f"{used / handshakes * 1e6:.0f} us each" if what == "shake" else f"{used / octets * 1e9:.2f} s/GB"
            slowest, fastest = amount / max(r[0] for r in results), amount / min(r[0] for r in results)
            sides = (("proxy", used / seconds), ("ends", ends / seconds))
            full = [side for side, busy in sides if busy > _SATURATED] or ["other programs"]
            say(f"  {front.name:14} {rates[-1]:7.0f} {unit} ({slowest:.0f} to {fastest:.0f}), processor {each}; "
                f"busy: proxy {used / seconds:.0%}, ends {ends / seconds:.0%}; bound by {' and '.join(full)}")
        for front, rate, cost, low in zip(fronts[1:], rates[1:], costs[1:], least[1:], strict=True):
            say(f"  ratio to {front.name}: {rates[0] / rate:.2f} of its rate; for the same processor time "
                f"{cost / costs[0]:.2f} of it, in the quietest rounds {low / least[0]:.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--handshakes", type=int, default=400)
    parser.add_argument("--jobs", nargs="+", choices=list(_TITLES), default=list(_TITLES))
    options = parser.parse_args()
    missing = load.room_for(2 * options.handshakes)
    if missing:
        raise SystemExit(missing)
    host, client = load.own_address(), Client()
    octets = options.megabytes * 1_000_000
    with tempfile.TemporaryDirectory(prefix="tls-") as name, ExitStack() as stack:
        folder = Path(name)
        pressure = Pressure(host, tls_peers.written(client.identity, folder / "client.pem"))
        stack.callback(pressure.close)
        tls_peers.prepare(folder)
        fronts = [gateway(stack, client, pressure.port, host)]
        for program in ("haproxy", "stunnel4"):
            if shutil.which(program):
                fronts.append(peer(stack, program, folder, pressure.port, host))
            else:
                say(f"{program} is not installed")
        measured(fronts, pressure, options.jobs, options.rounds, octets, options.handshakes)
    say(f"{machine()}; the proxy on core {PROXY_CORE}, both ends on core {ENDS_CORE}; "
        f"medians of {options.rounds} rounds")
    report(fronts, octets, options.handshakes)


if __name__ == "__main__":
    main()
