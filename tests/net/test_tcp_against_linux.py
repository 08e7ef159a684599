"""The workbench's TCP against the kernel's over a TUN device, both directions, with loss, reordering, duplicates."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from programs import missing, need

DRIVER = Path(__file__).parent / "linux_tcp.py"
ROOT = Path(__file__).parents[2]
SEED = 20
SCHEDULES = 240


def run() -> list[dict[str, Any]]:
    """One run of all schedules, in a network namespace that ends with it."""
    if sys.platform != "linux":
        missing("a Linux kernel", "run on Linux")
    need("ip", "iproute2")
    unshare = need("unshare", "util-linux")
    namespace = [unshare, "--net"] if os.geteuid() == 0 else [unshare, "--user", "--map-root-user", "--net"]
    command = [*namespace, sys.executable, str(DRIVER), "--seed", str(SEED), "--schedules", str(SCHEDULES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    if done.returncode == 77 or (done.returncode and not done.stdout and "unshare" in done.stderr):
        missing("a TUN device in a network namespace", f"allow /dev/net/tun and namespaces ({done.stderr.strip()})")
    assert done.returncode in (0, 1), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


# One test, because its one run takes seconds and parallel workers would each repeat it.
def test_payload_is_intact_or_both_sides_see_the_same_end():
    """Whatever the wire does: equal octets and an orderly close, or the other side's abort as a reset (RFC 9293)."""
    results = run()
    assert [result for result in results if result["wrong"]] == [], f"seed {SEED}"
    schedules = [result for result in results if isinstance(result["schedule"], int)]
    _cover_what_they_should(schedules)
    assert all(count >= 5 for count in results[-1]["zero_windows"].values()), results[-1]
    # Closed ports, both ways, over IPv4 and IPv6: RST for a SYN, ICMP port unreachable for a datagram (RFC 1122).
    assert len(results) - len(schedules) == 10 + 1


def _cover_what_they_should(schedules: list[dict[str, Any]]) -> None:
    """Both directions and both at once, aborts of either side, half-close, IPv4 and IPv6, clean and harsh wires."""
    assert len(schedules) == SCHEDULES
    assert {result["opener"] for result in schedules} == {"ours", "kernel", "both"}
    assert {result["abort"] for result in schedules} == {None, "ours", "kernel"}
    assert {result["ending"] for result in schedules} == {"each", "ours first", "kernel first"}
    assert {result["host"] for result in schedules} == {"10.77.0.2", "10.77.0.3", "fd77::2"}
    for harm in ("loss", "reorder", "duplicate"):
        assert sum(1 for result in schedules if result[harm]) > SCHEDULES / 4
