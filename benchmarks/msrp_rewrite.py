"""How fast does MSRP pass through a rewrite of its paths, and in how much memory?

    .venv/bin/python benchmarks/msrp_rewrite.py [--megabytes 1024] [--chunk 16777216] [--rounds 3]

A SEND of many chunks with random octets goes through a pipe into a program and through another out of it: ours, which
frames MSRP; GNU sed and perl with the same substitution, which only look for lines and would change a body that looks
like a header; a Python program that passes what comes; cat. All in turn, the same octets. What ours, sed and perl write
is compared first.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from measuring import interleaved, machine, ratio, say, spread

from workbench.protocols.msrp import rewriting, wire
from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp.messages import Flag, Header, Request

PEER_A, OURS_A = uris.decode_path("msrp://10.0.0.10:5000/sA;tcp"), uris.decode_path("msrp://198.51.100.1:7000/lA;tcp")
PEER_B, OURS_B = uris.decode_path("msrp://192.0.2.50:6000/sB;tcp"), uris.decode_path("msrp://192.0.2.1:8000/lB;tcp")
SEGMENT = 65_536
PIECE = 16 << 20


def rewrite() -> None:
    """The program that is measured: standard input to standard output. At its end it says by how much it has grown."""
    way, _ = rewriting.between(rewriting.Leg(OURS_A, PEER_A), rewriting.Leg(OURS_B, PEER_B))
    before = grown()
    while data := os.read(0, SEGMENT):
        for event in way.receive_data(data):
            if not isinstance(event, rewriting.Onward):
                raise SystemExit(f"{event}")
            write(event.octets)
    sys.stderr.write(f"{grown() - before}")


def pass_on() -> None:
    """Standard input to standard output as it comes."""
    while data := os.read(0, SEGMENT):
        write(data)


def write(data: bytes) -> None:
    """All of it to standard output."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def grown() -> int:
    """The most octets that this process ever had in memory."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def piece(chunk: int) -> bytes:
    """About 16 MB of chunks of one message. No body has a line that begins like a path, so that sed may be compared."""
    source = random.Random(4975)
    chunks = []
    for number in range(max(1, PIECE // chunk)):
        headers = (Header("Message-ID", "big-0001"), Header("Byte-Range", f"{number * chunk + 1}-*/*"),
                   Header("Content-Type", "application/octet-stream"))
        request = Request(f"t{number:011}", "SEND", OURS_A, PEER_A, headers, source.randbytes(chunk), Flag.MORE)
        chunks.append(wire.encode(request))
    octets = b"".join(chunks)
    assert octets.count(b"\nTo-Path: ") == octets.count(b"\nFrom-Path: ") == len(chunks)
    return octets


def programs() -> dict[str, list[str]]:
    """What is run in turn."""
    changes = (f"s|^To-Path: {OURS_A[0]}\r$|To-Path: {PEER_B[0]}\r|",
               f"s|^From-Path: {PEER_A[0]}\r$|From-Path: {OURS_B[0]}\r|")
    me = [sys.executable, str(Path(__file__).resolve())]
    found = {"workbench": [*me, "--as", "rewrite"]}
    if shutil.which("sed"):
        found["sed"] = ["sed", "-e", changes[0], "-e", changes[1]]
    if shutil.which("perl"):
        found["perl"] = ["perl", "-pe", "; ".join(changes)]
    found["passing, in Python"] = [*me, "--as", "pass"]
    if shutil.which("cat"):
        found["cat"] = ["cat"]
    return found


def carried(command: list[str], source: Path, times: int, sink: str = "cat >/dev/null") -> tuple[bytes, bytes]:
    """Run a program between two pipes; what the sink and the program's standard error said."""
    feed = subprocess.Popen(["cat", *[str(source)] * times], stdout=subprocess.PIPE)
    done = subprocess.Popen(command, stdin=feed.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env={**os.environ, "LC_ALL": "C"})
    last = subprocess.Popen(["sh", "-c", sink], stdin=done.stdout, stdout=subprocess.PIPE)
    for pipe in (feed.stdout, done.stdout):
        assert pipe is not None
        pipe.close()
    said = last.communicate()[0]
    assert done.stderr is not None
    complaint = done.stderr.read()
    if feed.wait() or done.wait() or last.returncode:
        raise SystemExit(f"{command[0]} failed: {complaint.decode()[:500]}")
    return said, complaint


def compared(ours: dict[str, list[str]], source: Path, times: int) -> None:
    """Whether the others' octets are ours, and what memory ours took."""
    alike = [name for name in ("workbench", "sed", "perl") if name in ours]
    told = {name: carried(ours[name], source, times, "sha256sum") for name in alike}
    same = len({digest for digest, _ in told.values()}) == 1
    say(f"{', '.join(told)} write {'the same octets' if same else f'different octets: {told}'}")
    growth = int(told["workbench"][1])
    say(f"memory of ours: {growth / 1e6:.1f} MB more behind the last octet than before the first")


def measured(megabytes: int, chunk: int, rounds: int) -> None:
    """All programs in turn."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "messages"
        octets = piece(chunk)
        source.write_bytes(octets)
        times = max(1, (megabytes << 20) // len(octets))
        size = times * len(octets) / 1e6
        ours = programs()
        say(f"{machine()}; {size:.0f} MB in chunks of {chunk} octets, {rounds} rounds")
        compared(ours, source, times)
        jobs: dict[str, Callable[[], object]] = {
            name: functools.partial(carried, command, source, times) for name, command in ours.items()}
        taken = interleaved(jobs, rounds)
    for name, seconds in taken.items():
        say(f"{name:18} {size / statistics.median(seconds):7.0f} MB/s   {spread(seconds)}")
    for name in taken:
        if name != "workbench":
            say(f"workbench takes {ratio(taken['workbench'], taken[name])} times as long as {name}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--chunk", type=int, default=PIECE, help="body octets of one SEND")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--as", dest="program", choices=["rewrite", "pass"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    match given.program:
        case "rewrite":
            rewrite()
        case "pass":
            pass_on()
        case _:
            measured(given.megabytes, given.chunk, given.rounds)


if __name__ == "__main__":
    main()
