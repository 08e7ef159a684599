"""A capture that is being written: messages come as soon as their packets are there, whatever the portions."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.analysis.analyzing import analyze
from workbench.analysis.files.following import Came, follow
from workbench.analysis.files.growing import Growing
from workbench.analysis.pcapng import Reader
from workbench.errors import CaptureError

STORED = Path(__file__).parents[2] / "captures" / "e2ae-msrp-terminating.pcapng"


class Writer:
    """Appends a capture to a file, a portion at each wait; ends when all is written."""

    def __init__(self, path: Path, octets: bytes, portion: int, begin: int = 0) -> None:
        self.path, self.rest, self.portion = path, octets[begin:], portion
        self.waits = 0
        path.write_bytes(octets[:begin])

    def __call__(self) -> bool:
        self.waits += 1
        part, self.rest = self.rest[: self.portion], self.rest[self.portion :]
        with self.path.open("ab") as file:
            file.write(part)
        return bool(part)


def told(came: list[Came]) -> list[tuple[str, str, int]]:
    """What a later message can't change: an answer tells which SDP was an offer."""
    return [(one.protocol, one.summary.partition(" (")[0], one.frame) for one in came]


@pytest.mark.parametrize("portion", [7, 1000, 4096, 10**6])
def test_messages_come_whatever_the_portions(tmp_path: Path, portion: int) -> None:
    """All messages of the whole capture, TLS decrypted, in its order, with names."""
    writer = Writer(tmp_path / "live.pcapng", STORED.read_bytes(), portion)
    with Growing(writer.path, writer) as growing:
        came = list(follow(growing))
    assert told(came) == [(message.protocol, message.summary.partition(" (")[0], message.frames[-1])
                          for message in analyze(STORED).messages]
    assert any(one.source.startswith("UE B (") for one in came)
    assert any(one.protocol == "MSRP" for one in came)


def test_a_message_is_told_before_the_next_packet(tmp_path: Path) -> None:
    """Nothing waits for later octets: after the portion with its last packet a message is there."""
    octets = STORED.read_bytes()
    writer = Writer(tmp_path / "live.pcapng", octets, 64)
    with Reader(STORED) as reader:
        packets = list(reader)
    with Growing(writer.path, writer) as growing:
        for one in follow(growing):
            written = len(octets) - len(writer.rest)
            packet = packets[one.frame - 1].octets
            # Behind the packet its block has padding, options (a comment) and its length again.
            assert written <= octets.index(packet) + len(packet) + len(one.summary) + 256


@pytest.mark.parametrize(("change", "words"), [
    (lambda path: path.write_bytes(b""), "was cut to 0 octets"),
    (lambda path: path.unlink(), "is gone"),
    (lambda path: (path.rename(path.with_suffix(".1")), path.write_bytes(b"new")), "another file took the place")])
def test_a_file_that_is_replaced_ends_it(tmp_path: Path, change: Callable[[Path], object], words: str) -> None:
    """A rotated or truncated file is noticed at its end, and said; what was read before is told."""
    path = tmp_path / "live.pcapng"
    path.write_bytes(STORED.read_bytes()[:40_000])
    changed = []

    def wait() -> bool:
        if not changed:
            changed.append(change(path))
        return True

    with Growing(path, wait) as growing:
        assert list(follow(growing))
        assert words in growing.replaced


@pytest.mark.parametrize("octets", [b"no capture at all", b"\x1f\x8b\x08\x00" + bytes(20)])
def test_what_can_not_be_followed_is_told(tmp_path: Path, octets: bytes) -> None:
    """No capture, or a packed one: an error for people."""
    (tmp_path / "x").write_bytes(octets)
    with Growing(tmp_path / "x", lambda: False) as growing, pytest.raises(CaptureError):
        list(follow(growing))


def test_a_pipe_is_spooled(tmp_path: Path) -> None:
    """What came through a pipe is kept, octet by octet, and its end is the end."""
    reading, writing = os.pipe()
    octets, kept = STORED.read_bytes(), io.BytesIO()

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(octets)

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reading, "rb") as file, Growing(file, lambda: True, kept) as growing:
        came = list(follow(growing))
    thread.join()
    assert kept.getvalue() == octets and len(came) == len(analyze(STORED).messages)


def test_the_command_on_standard_input() -> None:
    """Messages as they come, then the report of all of it."""
    said = subprocess.run([sys.executable, "-m", "workbench.cli", "analyze", "-", "--follow"],
                          input=STORED.read_bytes(), capture_output=True, timeout=60, check=False)
    lines = said.stdout.decode().splitlines()
    report = analyze(STORED)
    begins = next(at for at, line in enumerate(lines) if "standard-input.pcapng: " in line)
    assert begins == len(report.messages) and said.returncode == 0
    assert any("looks like e2ae-msrp-terminating" in line for line in lines[begins:])


def test_the_command_for_some_time(tmp_path: Path) -> None:
    """After the time given it ends with the report of what is there, an unfinished block told."""
    path = tmp_path / "live.pcapng"
    path.write_bytes(STORED.read_bytes()[:-30])
    said = subprocess.run([sys.executable, "-m", "workbench.cli", "analyze", str(path), "--follow", "--for", "0.2"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert "cut short" in said.stderr and f"{path.name}" in said.stdout and said.returncode in (0, 1)


def test_a_pipe_on_which_nothing_comes_is_left_after_the_time_given() -> None:
    """Its writer is there and silent: reading asks whether to wait on, and ends; what came is there."""
    reading, writing = os.pipe()
    asked: list[int] = []
    os.write(writing, STORED.read_bytes()[:-30])

    def wait() -> bool:
        asked.append(1)
        return len(asked) < 3

    with os.fdopen(reading, "rb") as file, os.fdopen(writing, "wb"), Growing(file, wait, io.BytesIO()) as growing:
        assert list(follow(growing))
    assert len(asked) == 3


def test_what_a_pipe_gives_is_kept_up_to_a_bound(tmp_path: Path) -> None:
    """Behind it everything is still shown, and told as not kept."""
    octets, kept = STORED.read_bytes(), io.BytesIO()
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(octets)

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reading, "rb") as file, Growing(file, lambda: True, kept, most=1000) as growing:
        came = list(follow(growing))
    thread.join()
    assert (kept.getvalue(), growing.dropped) == (octets[:1000], len(octets) - 1000)
    assert len(came) == len(analyze(STORED).messages)


def test_the_command_on_a_fifo_that_nobody_writes_to(tmp_path: Path) -> None:
    """It ends when its time is over, in words."""
    os.mkfifo(tmp_path / "live.pcapng")
    said = subprocess.run([sys.executable, "-m", "workbench.cli", "analyze", str(tmp_path / "live.pcapng"), "--follow",
                           "--for", "0.2"], capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 2 and "Traceback" not in said.stderr and "live.pcapng" in said.stderr + said.stdout
