"""What a reserved context weighs in a gateway process: resident memory before and after, divided by their number.

    .venv/bin/python benchmarks/agw_memory.py [--contexts 2000]

Contexts of each kind (`load.Kind`) are ordered from a `workbench agw` process as our IMS-ALG does it, a process a kind:
two terminations with events, both sides described, the access side listening, nothing connected. Replies that the
gateway keeps for LONG-TIMER are in the figure; what the kernel keeps for sockets is not. Beside it, what it grows by
when all are subtracted and ordered again. A connected context is weighed by `gateway_connections.py`, beside haproxy.
"""

from __future__ import annotations

import argparse

import load
from measuring import machine, say

WARM = 50


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--contexts", type=int, default=2_000)
    count = parser.parse_args().contexts
    say(f"{machine()}; {count} contexts of a kind")
    for kind in load.Kind:
        with load.agw(contexts=count + WARM) as agw, load.Streams(agw.host, load.Client()) as streams:

            def reserve(number: int, kind: load.Kind = kind, agw: load.Agw = agw,
                        streams: load.Streams = streams) -> list[load.Context]:
                return agw.controller.set_up(number, kind, core=streams.core, client=streams.client)

            reserve(WARM)
            before = agw.resident()
            contexts = reserve(count)
            full = agw.resident()
            agw.controller.subtract(contexts)
            reserve(count)
            say(f"{kind:18} {(full - before) / count / 1e3:4.1f} kB a context, "
                f"{(agw.resident() - full) / count / 1e3:.1f} kB more the second time")


if __name__ == "__main__":
    main()
