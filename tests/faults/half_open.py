"""A gateway under half-open connections, all in a network namespace of this process's own; what was seen, as JSON.

Run by `test_attacks.py` under `unshare --net`.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "benchmarks")]

import load  # noqa: E402 - the line above makes it known
from load import namespace  # noqa: E402

SYNS = 10_000
CONTEXTS, HONEST = 20, 5
SYN_RECEIVED = "03"


def main() -> None:
    """What is asked for, and what came of it."""
    namespace.furnish()
    host = namespace.HOST
    with load.agw(host=host) as agw, load.Streams(host, load.Client(), client_host=host) as streams:
        contexts = agw.controller.set_up(
            CONTEXTS + HONEST, load.Kind.TLS, core=streams.core, client=streams.client, client_host=host)
        streams.open(contexts[:HONEST], octets=None)
        assert streams.run(streams.joined), streams.troubles()
        resident = agw.resident()
        attack = load.HalfOpen([one.access for one in contexts[HONEST:]], SYNS, namespace.NOWHERE)
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
            "sent": attack.opened, "half open": states[SYN_RECEIVED], "kept": kept, "come": come,
            "troubles": streams.troubles(), "grown": agw.resident() - resident}))
        attack.close()
        streams.ending = True


if __name__ == "__main__":
    main()
