"""Whether streams keep their rate while the access side of a gateway is attacked, and what that costs.

    .venv/bin/python benchmarks/agw_attacks.py [--rounds 3] [--seconds 2] [--streams 4] [--rate 4] [--only silent]

`workbench agw` is kept on one core, where there are two. TLS and plain streams of a fixed rate run through it, every
octet compared, and a fax of a fixed rate from a UE with DTLS; each attack comes from a process of its own. In every
round each attack has a window before it that is free of attacks. Printed: which part of what was sent in the window has
arrived in it, with the attack and without, and their ratio; how much of the window the gateway worked; how many
connections were made or tried; by how much its memory grew.

Both ends of the streams and the attackers share what is left of the processor, so what an attacker needs for itself is
part of what is lost. Everything happens in a network namespace of its own (root, or user namespaces).
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import socket
import statistics
import subprocess
import sys
import time

import load
import measuring
from load import namespace
from load.process import environment
from measuring import machine, say

INSIDE = "LOAD_INSIDE"
CONNECTIONS = 10_000
# Endpoints that are attacked; a slow handshake needs one of its own.
ENDPOINTS = 250
HANDSHAKES = 1_000
DEAF = 50
KINDS = (load.Kind.TLS, load.Kind.PLAIN)
FAX_RATE = 500
PORTION = 32_768
ATTACKS = {
    "silent": ("10,000 connections that never speak, from where the UE is", "silent", CONNECTIONS, namespace.HOST),
    "strangers": ("10,000 connections from where nobody is let in", "silent", CONNECTIONS, namespace.STRANGER),
    "slow": ("1,000 ClientHellos of one octet a second", "slow-loris", HANDSHAKES, namespace.HOST),
    "half-open": ("10,000 SYNs that nobody follows up", "half-open", CONNECTIONS, namespace.NOWHERE),
    "hellos": ("10,000 ClientHellos without a cookie at DTLS endpoints that latch", "hellos", CONNECTIONS,
               namespace.STRANGER),
    "cookies": ("2,000 that bring their cookie back and stop", "cookies", 2_000, namespace.STRANGER),
    "deaf": (f"{DEAF} UEs that read nothing of what they are sent", "", DEAF, namespace.HOST),
}


class Window:
    """What passed in some seconds: parts of what was sent, by kind; how much of the time the gateway worked."""

    def __init__(
        self, agw: load.Agw, streams: load.Streams, honest: list[load.Pair], fax: load.Fax, seconds: float, rate: float
    ) -> None:
        before = {kind: _arrived(honest, kind) for kind in KINDS}
        fax.heard()
        began, sent, worked = time.perf_counter(), 0, agw.cpu()
        said = heard = 0

        def paced() -> bool:
            nonlocal sent, said, heard
            wanted = int((time.perf_counter() - began) * FAX_RATE)
            fax.say(wanted - said)
            said, heard = wanted, heard + fax.heard()
            due = int((time.perf_counter() - began) * rate) - sent
            if due > PORTION:
                streams.carry(due, pairs=honest)
                sent += due
            return False

        streams.run(paced, seconds)
        took = time.perf_counter() - began
        self.worked = (agw.cpu() - worked) / took
        self.parts = {kind: (_arrived(honest, kind) - before[kind]) / max(
            1, 2 * sent * sum(pair.context.kind is kind for pair in honest)) for kind in KINDS}
        self.parts[load.Kind.FAX] = heard / max(1, said)


def _arrived(pairs: list[load.Pair], kind: load.Kind) -> int:
    return sum(pair.arrived for pair in pairs if pair.context.kind is kind)


class Bench:
    """A gateway with honest streams, and what was measured."""

    def __init__(
        self, agw: load.Agw, streams: load.Streams, core: socket.socket, given: argparse.Namespace
    ) -> None:
        self.agw, self.streams, self.seconds, self.rate = agw, streams, given.seconds, given.rate * 1e6
        self.honest = [pair for kind in KINDS for pair in streams.open(self.contexts(given.streams, kind))]
        (context,) = agw.controller.set_up(
            1, load.Kind.FAX, core=load.controller.Endpoint(*core.getsockname()), client=streams.client,
            client_host=namespace.HOST)
        self.fax = load.Fax(
            streams.client or load.Client(), namespace.HOST, (context.access.host, context.access.port), core)
        self.free: dict[str, list[Window]] = {name: [] for name in ATTACKS}
        self.under: dict[str, list[Window]] = {name: [] for name in ATTACKS}
        self.grown = dict.fromkeys(ATTACKS, 0)
        self.tried = dict.fromkeys(ATTACKS, 0)
        if not streams.run(streams.joined) or streams.troubles():
            raise SystemExit(f"streams are not up: {streams.troubles()}")

    def contexts(self, count: int, kind: load.Kind) -> list[load.Context]:
        """Contexts whose access side listens."""
        return self.agw.controller.set_up(
            count, kind, core=self.streams.core, client=self.streams.client, client_host=namespace.HOST, together=True)

    def window(self) -> Window:
        """So many seconds, from now on, once all that was sent before has arrived."""
        self.streams.run(lambda: all(pair.through for pair in self.honest))
        return Window(self.agw, self.streams, self.honest, self.fax, self.seconds, self.rate)

    def round(self, name: str) -> None:
        """A window without, and one with this attack."""
        _, kind, count, source = ATTACKS[name]
        endpoints = load.Kind.FAX_BEHIND_NAT if kind in ("hellos", "cookies") else load.Kind.TLS
        contexts = self.contexts(min(count, HANDSHAKES if kind == "slow-loris" else ENDPOINTS), endpoints)
        self.free[name].append(self.window())
        resident = self.agw.resident()
        if kind:
            self.under[name].append(self._attacked(name, kind, count, source, contexts))
        else:
            deaf = self.streams.open(contexts, octets=0, back=None, reads=False)
            self.streams.run(lambda: all(pair.far is not None for pair in deaf))
            self.streams.run(lambda: False, self.seconds)  # until the kernels' buffers are full
            self.under[name].append(self.window())
            self.tried[name] = count
        self.grown[name] = max(self.grown[name], self.agw.resident() - resident)
        wrong = [pair.trouble for pair in self.honest if pair.trouble]
        if wrong:
            raise SystemExit(f"a stream has ended: {wrong}")
        self.streams.ending = True
        self.agw.controller.subtract(contexts)

    def _attacked(self, name: str, kind: str, count: int, source: str, contexts: list[load.Context]) -> Window:
        words = [sys.executable, "-m", "load", "attack", kind, str(count), source]
        words += [str(one.access) for one in contexts]
        with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment()) as attacker:
            assert attacker.stdout is not None
            ready = attacker.stdout
            begins = select.poll()
            begins.register(ready, select.POLLIN)
            self.streams.run(lambda: bool(begins.poll(0)))
            ready.readline()
            window = self.window()
            attacker.send_signal(signal.SIGTERM)
            self.tried[name] = max(self.tried[name], int(ready.readline() or 0))
        return window

    def told(self, name: str) -> str:
        """A line for people."""
        parts = []
        for kind in (*KINDS, load.Kind.FAX):
            free, under = (statistics.median(window.parts[kind] for window in windows)
                           for windows in (self.free[name], self.under[name]))
            parts.append(f"{kind.name} {under / free:.2f} ({free:.0%} arrived without, {under:.0%} with)")
        free, under = (statistics.median(window.worked for window in windows)
                       for windows in (self.free[name], self.under[name]))
        parts.append(f"the gateway worked {free:.0%} and {under:.0%} of the time")
        grown = f"memory + {self.grown[name] / 1e6:.1f} MB"
        return f"{ATTACKS[name][0]} ({self.tried[name]} came): {', '.join(parts)}, {grown}"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--rate", type=float, default=4.0, help="of each stream and direction, MB/s")
    parser.add_argument("--only", choices=list(ATTACKS))
    given = parser.parse_args()
    if INSIDE not in os.environ:
        words = namespace.entering()
        if isinstance(words, str):
            raise SystemExit(words)
        words += [sys.executable, *sys.argv]
        raise SystemExit(subprocess.run(words, check=False, env=os.environ | {INSIDE: "1"}).returncode)
    namespace.furnish()
    load.room_for(4 * HANDSHAKES)
    names = [given.only] if given.only else list(ATTACKS)
    with (load.agw(host=namespace.HOST, core=0 if measuring.cores() > 1 else None) as agw,
          load.Streams(namespace.HOST, load.Client(), client_host=namespace.HOST) as streams,
          load.faxes.bound(namespace.HOST) as core):
        bench = Bench(agw, streams, core, given)
        say(f"{machine()}; {given.streams} streams of each kind, {given.rate:g} MB/s each way, "
            f"a fax of {FAX_RATE} packets/s, {given.rounds} rounds of {given.seconds:g} s")
        for _ in range(given.rounds):
            for name in names:
                bench.round(name)
        for name in names:
            say(bench.told(name))


if __name__ == "__main__":
    main()
