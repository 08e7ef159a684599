"""Bad files, and the real command line run on them with a limit on time and a measure of memory."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
STORED = ROOT / "captures" / "e2ae-msrp-originating.pcapng"

SECTION, INTERFACE, NAMES, PACKET, SECRETS = 0x0A0D0D0A, 1, 4, 6, 0x0A

# Runs the command line, then leaves its highest resident size (kB) in a file: that of this program alone, where
# getrusage would count the program that started it.
_MEASURED = """
import re, sys
from workbench.cli import main
peak, sys.argv = sys.argv[1], ["workbench", *sys.argv[2:]]
try:
    main()
finally:
    try:
        found = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())
        open(peak, "w").write(found[1])
    except OSError:
        pass
"""


class Said(NamedTuple):
    """What the command line answered, and how much memory it took (MB; 0 where that can't be measured)."""

    status: int
    out: str
    err: str
    peak_mb: float

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


def workbench(folder: Path, *words: str | Path, seconds: float = 60) -> Said:
    """Run `workbench WORDS` in a process of its own. It may take `seconds`, and shows no traceback."""
    peak = folder / "peak"
    peak.unlink(missing_ok=True)
    done = subprocess.run([sys.executable, "-c", _MEASURED, str(peak), *map(str, words)], capture_output=True,
                          timeout=seconds, check=False)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in out + err, err
    return Said(done.returncode, out, err, int(peak.read_text()) / 1024 if peak.exists() else 0.0)


def refused(said: Said) -> str:
    """The one clear line of an input that is no capture: exit status 2 and nothing else said."""
    assert said.status == 2 and said.out == "", said
    (line,) = said.lines
    assert line.startswith("workbench: ") and len(line) < 300
    return line


def blocks(octets: bytes) -> list[tuple[int, int, int]]:
    """The blocks of a sound little-endian pcapng: type, where it starts, its length."""
    found, at = [], 0
    while at < len(octets):
        kind, total = struct.unpack_from("<II", octets, at)
        found.append((kind, at, total))
        at += total
    return found


def block(kind: int, body: bytes) -> bytes:
    """A sound block around any body."""
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def option(code: int, value: bytes, claimed: int | None = None) -> bytes:
    """An option, its length as claimed."""
    return struct.pack("<HH", code, len(value) if claimed is None else claimed) + value + bytes(-len(value) % 4)


def stored() -> bytes:
    """A sound capture of a scenario."""
    return STORED.read_bytes()


def packet_blocks(octets: bytes) -> list[tuple[int, int, int]]:
    return [one for one in blocks(octets) if one[0] == PACKET]


def with_length(octets: bytes, number: int, claimed: int) -> bytes:
    """The capture with the length at the start of its packet block `number` (from 1) replaced."""
    _, at, _ = packet_blocks(octets)[number - 1]
    return octets[: at + 4] + struct.pack("<I", claimed) + octets[at + 8 :]


def with_body(octets: bytes, kind: int, change: bytes, at: int = 0) -> bytes:
    """The capture with octets of the first block of a kind overwritten, `at` octets into its body."""
    start = next(place for one, place, _ in blocks(octets) if one == kind) + 8 + at
    return octets[:start] + change + octets[start + len(change) :]


def instead_of(octets: bytes, kind: int, *others: bytes) -> bytes:
    """The capture with the first block of a kind replaced."""
    start, total = next((place, size) for one, place, size in blocks(octets) if one == kind)
    return octets[:start] + b"".join(others) + octets[start + total :]


def read_up_to(said: Said) -> int:
    """How many frames the note on a broken capture says were read."""
    found = re.search(r"read up to there: (\d+) packets", said.err)
    assert found is not None, said.err
    return int(found[1])
