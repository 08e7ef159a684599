"""UDPTL through a gateway, DTLS 1.2 on the access side and clear in the core: our IMS-AGW beside a bridge of socat's.

    .venv/bin/python benchmarks/udptl_gateway.py [--rounds 5] [--packets 20000] [--window 128] [--jobs up down]

The gateway is `workbench agw`, told by H.248; socat has `OPENSSL-DTLS-SERVER` on one side and `UDP4` on the other. Both
present a P-256 certificate and demand the client's. A packet is an IFP packet of 43 octets with the three before it as
redundancy; so many are under way at most that no queue overflows, and all that arrive are compared.

The bridging process is kept on one processor core and both ends on another. Printed are packets a second, the processor
time of the bridging process for one, and which side was busier: where that was the ends, or where other programs had
the processors, the processor time is the figure to compare.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import load
import measuring
import tls_peers
from load.client import Client
from load.process import free_port
from measuring import machine, say
from pressure import Pressure

BRIDGE_CORE, ENDS_CORE = 0, 1
_PATIENCE = 10.0
_TITLES = {"up": "UE to core: DTLS to UDP", "down": "core to UE: UDP to DTLS"}


class Front:
    """A bridging process: its name, its process, and where the UE connects."""

    def __init__(self, name: str, pid: Callable[[], int], access: tuple[str, int]) -> None:
        self.name = name
        self.pid = pid
        self.access = access
        self.results: dict[str, list[tuple[float, float, float]]] = {}

    def measure(self, what: str, pressure: Pressure, packets: int, window: int, *, kept: bool) -> None:
        """Do a job; keeps packets a second, processor seconds a packet here, and how busy both sides were."""
        before = measuring.processor_seconds(self.pid())
        done = pressure.run(what=what, access=self.access, count=packets, window=window)
        used = measuring.processor_seconds(self.pid()) - before
        arrived = packets - int(done["lost"])
        if not arrived:
            raise SystemExit(f"nothing has come through {self.name}")
        if kept:
            self.results.setdefault(what, []).append(
                (arrived / done["seconds"], used / arrived, used / done["seconds"], done["processor"], done["lost"]))


def gateway(stack: ExitStack, client: Client, core: int, host: str) -> Front:
    """Our gateway, with a context."""
    made = stack.enter_context(load.agw(host=host, core=BRIDGE_CORE))
    (context,) = made.controller.set_up(
        1, load.Kind.FAX, core=load.controller.Endpoint(host, core), client=client, client_host=host)
    return Front("workbench agw", lambda: made.pid, (context.access.host, context.access.port))


def socat(stack: ExitStack, folder: Path, core: int, host: str) -> Front:
    """socat, for one association."""
    port = free_port(host)
    words = ["socat", f"OPENSSL-DTLS-SERVER:{port},bind={host},cert={folder}/server.pem,cafile={folder}/client.crt,"
             "verify=1,openssl-min-proto-version=DTLS1.2", f"UDP4:{host}:{core}"]
    said = folder / "socat.txt"
    process = subprocess.Popen(words, stderr=said.open("wb"))
    measuring.pin(process.pid, BRIDGE_CORE)
    stack.callback(_ended, process)
    _wait(process, host, port, said)
    return Front("socat", lambda: process.pid, (host, port))


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(_PATIENCE)


def _wait(process: subprocess.Popen[bytes], host: str, port: int, said: Path) -> None:
    until = time.monotonic() + _PATIENCE
    entry = f"{socket.inet_aton(host)[::-1].hex().upper()}:{port:04X}"
    while entry not in Path("/proc/net/udp").read_text():
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"socat does not listen: {said.read_text(errors='replace')[-500:]}")
        time.sleep(0.05)


def report(fronts: list[Front]) -> None:
    """Medians, and what our gateway's are beside socat's."""
    for what in fronts[0].results:
        say(f"\n{_TITLES[what]}")
        rates, costs = [], []
        for front in fronts:
            results = front.results[what]
            rate, cost, busy, ends, _ = (statistics.median(column) for column in zip(*results, strict=True))
            lost = sum(int(result[-1]) for result in results)
            rates.append(rate)
            costs.append(cost)
            say(f"  {front.name:14} {rate:7.0f} packets/s ({min(r[0] for r in results):.0f} to "
                f"{max(r[0] for r in results):.0f}), processor {cost * 1e6:.1f} us each "
                f"({min(r[1] for r in results) * 1e6:.1f} to {max(r[1] for r in results) * 1e6:.1f}); "
                f"the bridge's core was busy for {busy:.0%}, the ends for {ends:.2f} s; {lost} packets lost")
        for front, rate, cost in zip(fronts[1:], rates[1:], costs[1:], strict=True):
            say(f"  ratio to {front.name}: {rates[0] / rate:.2f} of its rate; for the same processor time "
                f"{cost / costs[0]:.2f} of it")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--packets", type=int, default=20_000)
    parser.add_argument("--window", type=int, default=128)
    parser.add_argument("--jobs", nargs="+", choices=list(_TITLES), default=list(_TITLES))
    options = parser.parse_args()
    host, client = load.own_address(), Client()
    with tempfile.TemporaryDirectory(prefix="udptl-") as name, ExitStack() as stack:
        folder = Path(name)
        tls_peers.written(client.identity, folder / "client.pem")
        tls_peers.prepare(folder)
        pressure = Pressure("udptl_pressure.py", ENDS_CORE, host)
        stack.callback(pressure.close)
        fronts = [gateway(stack, client, pressure.port, host)]
        if shutil.which("socat"):
            fronts.append(socat(stack, folder, pressure.port, host))
        else:
            say("socat is not installed")
        for front in fronts:
            pressure.run(what="open", access=front.access)
        for each in range(options.rounds + 1):
            for what in options.jobs:
                for front in fronts:
                    front.measure(what, pressure, options.packets, options.window, kept=each > 0)
    say(f"{machine()}; the bridge on core {BRIDGE_CORE}, both ends on core {ENDS_CORE}; medians of {options.rounds} "
        f"rounds of {options.packets} packets, {options.window} under way")
    report(fronts)


if __name__ == "__main__":
    main()
