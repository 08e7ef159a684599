"""A network namespace of one's own, in which addresses lead nowhere: for attacks that no other network should see.

Source: RFC 2544 §C.2.2 (198.18.0.0/15 is for benchmarks).
"""

from __future__ import annotations

import os
import shutil
import subprocess

HOST, NOWHERE = "198.18.0.1", "198.19.0.0"
"""The address of everything honest, and the first of 65,536 that nobody has."""

_SET_UP = (
    "link set lo up", "link add nowhere type veth peer name end", "link set nowhere arp off",
    f"address add {HOST}/15 dev nowhere", "address add 198.18.0.2/15 dev nowhere", "link set nowhere up",
    "link set end up")
STRANGER = "198.18.0.2"
"""Another address of this host, for those who are not let in."""


def entering() -> list[str] | str:
    """The words that run a command in a namespace of its own; as text: what is missing."""
    unshare = shutil.which("unshare")
    if unshare is None or shutil.which("ip") is None:
        return "unshare and ip are missing: apt-get install util-linux iproute2"
    words = [unshare, "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if subprocess.run([*words, "true"], check=False, capture_output=True).returncode:
        return "network namespaces are not allowed here: run as root, or allow user namespaces"
    return words


def furnish() -> None:
    """Inside: the addresses above. Raises CalledProcessError."""
    for words in _SET_UP:
        subprocess.run(["ip", *words.split()], check=True)
