"""A gateway under half-open connections, all in a network namespace of this process's own; what was seen, as JSON.

Run by `test_attacks.py` under `unshare --net`. Addresses of 198.18.0.0/15 (RFC 2544) lead to a link without an end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "benchmarks")]

import load  # noqa: E402 - the line above makes it known

HOST, NOWHERE = "198.18.0.1", "198.19.0.0"
SYNS = 10_000
CONTEXTS, HONEST = 20, 5
SYN_RECEIVED = "03"


def main() -> None:
    """What is asked for, and what came of it."""
    for words in ("link set lo up", "link add nowhere type veth peer name end", "link set nowhere arp off",
                  f"address add {HOST}/15 dev nowhere", "link set nowhere up", "link set end up"):
        subprocess.run(["ip", *words.split()], check=True)
    with load.agw(host=HOST) as agw, load.Streams(HOST, load.Client(), client_host=HOST) as streams:
        contexts = agw.controller.set_up(
            CONTEXTS + HONEST, load.Kind.TLS, core=streams.core, client=streams.client, client_host=HOST)
        streams.open(contexts[:HONEST], octets=None)
        assert streams.run(streams.joined), streams.troubles()
        resident = agw.resident()
        attack = load.HalfOpen([one.access for one in contexts[HONEST:]], SYNS, NOWHERE)
        carried = {id(pair): pair.arrived for pair in streams.pairs}

        def attacked() -> bool:
            if not attack.all_opened:
                attack.step()
            return attack.all_opened and all(pair.arrived > carried[id(pair)] + 1_000_000 for pair in streams.pairs)

        kept = streams.run(attacked)
        # Shown only in the kernel's table of this namespace.
        states = Counter(line.split()[3] for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        late = streams.open(contexts[HONEST:], octets=None)
        come = streams.run(lambda: all(pair.arrived > 100_000 for pair in late))
        print(json.dumps({
            "sent": attack.sent, "half open": states[SYN_RECEIVED], "kept": kept, "come": come,
            "troubles": streams.troubles(), "grown": agw.resident() - resident}))
        attack.close()
        streams.ending = True


if __name__ == "__main__":
    main()
