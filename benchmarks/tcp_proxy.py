"""Plain TCP through a proxy: our IMS-AGW beside haproxy and socat.

    .venv/bin/python benchmarks/tcp_proxy.py [--rounds 5] [--megabytes 2000] [--jobs one both eight]

The gateway is `workbench agw`, told by H.248, which splices what it passes on. haproxy has one thread (mode tcp), with
`option splice-auto` and without; socat is as it comes, and with a large buffer (-b 262144), one process a stream.

The proxy is kept on one processor core and both ends on another, where octets come by sendfile(2) and are counted by
the kernel. Printed are the rate, the processor time of the proxy for it, and which side was busier: where that was the
ends, or where other programs had the processors, the processor time is the figure to compare.

Source: issue 5 (at least 1.2 times haproxy's rate, and twice socat's).
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import load
import measuring
from measuring import machine, say
from pressure import Pressure

Access = tuple[str, int]

PROXY_CORE, ENDS_CORE = 0, 1
# A side whose core was busy for so much of the time set the rate.
_SATURATED = 0.85
_PATIENCE = 10.0
_LISTEN = "0A"      # in /proc/net/tcp
_JOBS = {"one": (1, False, "one stream"), "both": (1, True, "one stream, both ways at once"),
         "eight": (8, False, "eight streams at once")}

_HAPROXY = """\
global
    nbthread 1
    maxconn 1000
defaults
    mode tcp
    timeout connect 60s
    timeout client 60s
    timeout server 60s
frontend access
    bind {host}:{port}
    {option}
    default_backend core
backend core
    {option}
    server core {host}:{core}
"""


class Proxy:
    """One of those that are compared.

    Args:
        name: for people.
        used: processor seconds that it has used so far.
        accesses: gives so many endpoints to connect to, one a stream, and takes them back.
    """

    def __init__(self, name: str, used: Callable[[], float],
                 accesses: Callable[[int], AbstractContextManager[list[Access]]]) -> None:
        self.name = name
        self.used = used
        self.accesses = accesses
        self.results: dict[str, list[tuple[float, float, float]]] = {}

    def measure(self, job: str, pressure: Pressure, octets: int) -> None:
        """Do a job; keeps its seconds, processor seconds of the proxy, and of the ends."""
        streams, back, _ = _JOBS[job]
        before = self.used()
        with self.accesses(streams) as accesses:
            done = pressure.run(accesses=accesses, octets=octets // streams, back=back)
        self.results.setdefault(job, []).append((done["seconds"], self.used() - before, done["processor"]))


def gateway(stack: ExitStack, core: int, host: str) -> Proxy:
    """Our gateway, with contexts as they are asked for."""
    made = stack.enter_context(load.agw(host=host, core=PROXY_CORE))
    behind = load.controller.Endpoint(host, core)

    @contextmanager
    def accesses(count: int) -> Iterator[list[Access]]:
        contexts = made.controller.set_up(count, load.Kind.PLAIN, core=behind)
        try:
            yield [(one.access.host, one.access.port) for one in contexts]
        finally:
            made.controller.subtract(contexts)

    return Proxy("workbench agw", lambda: measuring.processor_seconds(made.pid), accesses)


def haproxy(stack: ExitStack, folder: Path, core: int, host: str, option: str) -> Proxy:
    """haproxy with one thread."""
    port = load.process.free_port(host, load.process.socket.SOCK_STREAM)
    file = folder / f"haproxy{len(option)}.conf"
    file.write_text(_HAPROXY.format(host=host, port=port, core=core, option=option))
    process = subprocess.Popen(["haproxy", "-f", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.callback(process.wait, _PATIENCE)
    stack.callback(process.terminate)
    measuring.pin(process.pid, PROXY_CORE)
    _wait(host, [port])

    @contextmanager
    def accesses(count: int) -> Iterator[list[Access]]:
        yield [(host, port)] * count

    name = "haproxy, splice-auto" if option else "haproxy"
    return Proxy(name, lambda: measuring.processor_seconds(process.pid), accesses)


def socat(core: int, host: str, *options: str) -> Proxy:
    """A socat for each stream."""

    @contextmanager
    def accesses(count: int) -> Iterator[list[Access]]:
        ports = [load.process.free_port(host, load.process.socket.SOCK_STREAM) for _ in range(count)]
        running = [subprocess.Popen(["socat", *options, f"TCP-LISTEN:{port},bind={host},reuseaddr",
                                     f"TCP:{host}:{core}"]) for port in ports]
        for process in running:
            measuring.pin(process.pid, PROXY_CORE)
        try:
            _wait(host, ports)
            yield [(host, port) for port in ports]
        finally:
            for process in running:
                process.terminate()
                process.wait(_PATIENCE)

    def used() -> float:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ended.ru_utime + ended.ru_stime

    return Proxy(" ".join(["socat", *options]), used, accesses)


def _wait(host: str, ports: list[int]) -> None:
    """Until they listen; they may not be connected to, which would be a stream."""
    until = time.monotonic() + _PATIENCE
    waited = {f"tcp {_LISTEN} {port}" for port in ports}
    while time.monotonic() < until:
        if waited <= set(load.sockets_at(host)):
            return
        time.sleep(0.02)
    raise SystemExit(f"nothing listens at {host}, ports {ports}")


def report(proxies: list[Proxy], job: str, octets: int) -> None:
    """Medians, and what our gateway's are beside the others'."""
    _, back, title = _JOBS[job]
    octets *= 1 + back
    say(f"\n{title}")
    rates, costs = [], []
    for proxy in proxies:
        results = proxy.results[job]
        seconds, used, ends = (statistics.median(column) for column in zip(*results, strict=True))
        rates.append(octets / seconds / 1e6)
        costs.append(used / octets * 1e9)
        slowest, fastest = (octets / each(result[0] for result in results) / 1e6 for each in (max, min))
        sides = (("the proxy", used / seconds), ("the ends", ends / seconds))
        full = [side for side, busy in sides if busy > _SATURATED] or ["other programs"]
        say(f"  {proxy.name:20} {rates[-1]:6.0f} MB/s ({slowest:.0f} to {fastest:.0f}), {costs[-1]:.2f} s/GB; "
            f"busy: proxy {used / seconds:.0%}, ends {ends / seconds:.0%}; bound by {' and '.join(full)}")
    for proxy, rate, cost in zip(proxies[1:], rates[1:], costs[1:], strict=True):
        say(f"  ratio to {proxy.name}: {rates[0] / rate:.2f} of its rate, "
            f"{cost / costs[0]:.2f} of it for the same processor time")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--jobs", nargs="+", choices=list(_JOBS), default=list(_JOBS))
    options = parser.parse_args()
    host, octets = load.own_address(), options.megabytes * 1_000_000
    with tempfile.TemporaryDirectory(prefix="tcp-") as name, ExitStack() as stack:
        pressure = Pressure("tcp_pressure.py", ENDS_CORE, host)
        stack.callback(pressure.close)
        proxies = [gateway(stack, pressure.port, host)]
        if shutil.which("haproxy"):
            proxies += [haproxy(stack, Path(name), pressure.port, host, option)
                        for option in ("", "option splice-auto")]
        if shutil.which("socat"):
            proxies += [socat(pressure.port, host), socat(pressure.port, host, "-b", "262144")]
        for each in range(options.rounds + 1):
            for job in options.jobs:
                for proxy in proxies:
                    proxy.measure(job, pressure, octets)
            if not each:    # a first round is not kept
                for proxy in proxies:
                    proxy.results.clear()
    say(f"{machine()}; the proxy on core {PROXY_CORE}, both ends on core {ENDS_CORE}; "
        f"medians of {options.rounds} rounds of {options.megabytes} MB")
    for job in options.jobs:
        report(proxies, job, octets)


if __name__ == "__main__":
    main()
