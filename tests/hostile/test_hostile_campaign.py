"""Mutated captures through the command line: a report or a refusal, never a traceback, in bounded time and memory."""

from __future__ import annotations

import gzip
import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile.hostile_files import ROOT, block, blocks
from programs import need

from workbench.analysis.pcapng import Reader, Writer

STORED = [path.read_bytes() for path in sorted((ROOT / "captures").glob("*.pcapng"))]
WHOLE, PORTION, IN_ONE_TEST = 2000, 24, 100
SECONDS, MEGABYTES = 10, 1024

# Forks for each capture, so that Python and the package are loaded once; tells status and highest resident size.
_DRIVER = """
import os, resource, sys, traceback
import workbench.analysis.analyzing, workbench.views
from workbench.cli import main
for path in sys.argv[1:]:
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        told = os.open(path + ".told", os.O_CREAT | os.O_WRONLY)
        os.dup2(told, 1), os.dup2(told, 2)
        sys.argv, status = ["workbench", "analyze", path], 0
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            traceback.print_exc()
            status = 99
        sys.stdout.flush()
        os._exit(status)
    _, ended, used = os.wait4(child, 0)
    print(os.waitstatus_to_exitcode(ended), used.ru_maxrss, flush=True)
""".replace("SECONDS", str(SECONDS))
_EXTREMES = (0, 1, 3, 4, 12, 0xFF, 0xFFFF, 1 << 20, 1 << 24, 1 << 31, 0xFFFFFFFF)
_RANDPKT = ("megaco", "tcp", "udp", "sctp", "ip", "ipv6", "dns", "eth")


def flipped(octets: bytes, chance: random.Random) -> bytes:
    made = bytearray(octets)
    for _ in range(chance.choice((1, 4, 40, 400))):
        made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
    return bytes(made)


def cut(octets: bytes, chance: random.Random) -> bytes:
    return octets[: chance.randrange(len(octets))]


def lying(octets: bytes, chance: random.Random) -> bytes:
    """A length that is not true: of a block, a frame, or a word anywhere."""
    made, places = bytearray(octets), [at + more for _, at, _ in blocks(octets) for more in (4, 20, 24)]
    for _ in range(chance.choice((1, 1, 5))):
        at = chance.choice((chance.choice(places), chance.randrange(len(made) - 4)))
        struct.pack_into("<I", made, min(at, len(made) - 4), chance.choice(_EXTREMES))
    return bytes(made)


def with_blocks(octets: bytes, chance: random.Random) -> bytes:
    """Blocks of random octets, of known and unknown types, between the others."""
    parts = [octets[at : at + size] for _, at, size in blocks(octets)]
    for _ in range(chance.choice((1, 5, 30))):
        kind = chance.choice((1, 2, 3, 4, 5, 6, 10, 0x0A0D0D0A, 0xBAD))
        parts.insert(chance.randrange(1, len(parts) + 1), block(kind, chance.randbytes(chance.randrange(200))))
    return b"".join(parts)


def shuffled(octets: bytes, chance: random.Random) -> bytes:
    """Blocks swapped and repeated."""
    parts = [octets[at : at + size] for _, at, size in blocks(octets)]
    for _ in range(chance.choice((3, 30))):
        one, other = (chance.randrange(1, len(parts)) for _ in range(2))
        parts[one], parts[other] = parts[other], parts[one]
        parts.insert(one, parts[other])
    return b"".join(parts)


def in_fragments(octets: bytes, chance: random.Random) -> bytes:
    """Frames of IP with random fields of fragments and lengths in their headers."""
    made = bytearray(octets)
    for kind, at, size in blocks(octets):
        if kind == 6 and size > 60 and chance.random() < 0.4:
            made[at + 28 + chance.choice((2, 4, 6, 6, 6, 9))] = chance.randrange(256)
    return bytes(made)


def packed(octets: bytes, chance: random.Random) -> bytes:
    made = gzip.compress(octets, mtime=0)
    return flipped(made, chance) if chance.random() < 0.8 else cut(made, chance)


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [
    flipped, cut, lying, with_blocks, shuffled, in_fragments, packed]


def randpkt(folder: Path, kind: str) -> bytes:
    path = folder / f"{kind}.randpkt"
    if not path.exists():
        subprocess.run([need("randpkt"), "-b", "500", "-c", "60", "-t", kind, path], check=True, capture_output=True)
    with Reader(path) as reader, Writer(path.with_suffix(".pcapng")) as writer:
        wire = -1
        for packet in reader:
            wire = writer.interface("random", packet.link) if wire < 0 else wire
            writer.packet(wire, packet.time_ns, packet.octets)
    return path.with_suffix(".pcapng").read_bytes()


def mutated(folder: Path, number: int) -> bytes:
    """Capture `number` of the campaign: always the same, except for what randpkt makes up."""
    chance = random.Random(number)
    if number % 5 == 4:
        octets = randpkt(folder, _RANDPKT[number // 5 % len(_RANDPKT)])
        return octets if number % 2 else flipped(octets, chance)
    made = chance.choice(STORED)
    return MUTATIONS[number % len(MUTATIONS)](made, chance)


def campaign(folder: Path, numbers: range) -> set[int]:
    """Run these captures; how they ended. One that did not end as it has to is kept and named."""
    paths = [folder / f"{number}.capture" for number in numbers]
    for path, number in zip(paths, numbers, strict=True):
        path.write_bytes(mutated(folder, number))
    done = subprocess.run([sys.executable, "-c", _DRIVER, *paths], capture_output=True, text=True, check=True,
                          env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    ended = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert len(ended) == len(paths)
    for path, (status, kilobytes) in zip(paths, ended, strict=True):
        said = path.with_name(path.name + ".told").read_text(errors="replace")
        assert status in (0, 1, 2) and "Traceback" not in said, f"{path}: status {status}: {said[-2000:]}"
        assert kilobytes < MEGABYTES * 1024, f"{path}: {kilobytes} kB"
        assert status != 2 or said.startswith("workbench: "), f"{path}: {said[:500]}"
    return {status for status, _ in ended}


def test_a_portion_of_the_campaign(tmp_path: Path) -> None:
    """Two dozen mutated captures: some give a report, some are refused, none does anything else."""
    assert campaign(tmp_path, range(PORTION)) >= {0, 2}


@pytest.mark.long
@pytest.mark.parametrize("first", list(range(0, WHOLE, IN_ONE_TEST)))
def test_the_whole_campaign(tmp_path: Path, first: int) -> None:
    """Two thousand mutated captures, each within 10 s of processor time and 1 GB: exit 0, 1 or 2, no traceback."""
    campaign(tmp_path, range(first, first + IN_ONE_TEST))
