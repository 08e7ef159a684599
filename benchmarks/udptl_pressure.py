"""Both ends of faxes through a DTLS gateway, in a process of its own: told and telling by lines of JSON.

A first line says where the core's side is. Then, for each job on standard input, one line with the seconds that it
took, the processor seconds that went into it here, and how many packets did not arrive.

    open    a DTLS association with this access side, and a packet through it
    up      UDPTL packets from the UE to the core, `window` at most under way
    down    from the core to the UE
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from load.client import Client
from load.faxes import Fax, bound


class Ends:
    """All the faxes, by where their UEs connect to."""

    def __init__(self, host: str) -> None:
        self._host, self._client = host, Client()
        self._core = bound(host)
        self._faxes: dict[tuple[str, int], Fax] = {}
        self.port = int(self._core.getsockname()[1])

    def run(self, job: dict[str, Any]) -> tuple[float, int]:
        """Do a job; seconds, and packets that did not arrive."""
        access = (job["access"][0], job["access"][1])
        if job["what"] == "open":
            self._faxes[access] = Fax(self._client, self._host, access, self._core)
            return 0.0, 0
        fax = self._faxes[access]
        return (fax.up if job["what"] == "up" else fax.down)(job["count"], job["window"])


def main() -> None:
    """Do what standard input says."""
    ends = Ends(sys.argv[1])
    print(json.dumps({"port": ends.port}), flush=True)
    for line in sys.stdin:
        used = time.process_time()
        seconds, lost = ends.run(json.loads(line))
        print(json.dumps({"seconds": seconds, "processor": time.process_time() - used, "lost": lost}), flush=True)


if __name__ == "__main__":
    main()
