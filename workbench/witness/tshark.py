"""tshark as a program: found, started with a profile of its own, and read line by line."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec

from workbench.errors import CaptureError, WorkbenchError

MISSING = ("the second opinion needs the program tshark, and there is none on the PATH: "
           "`sudo apt-get install tshark` (Debian, Ubuntu), or Wireshark from wireshark.org")
MOST_LINE_OCTETS = 16 * 2**20
"""The longest line that is read of tshark: one frame with the fields that were asked for."""
MOST_SECONDS = 1800.0
MOST_PACKETS = 10_000
"""Packets whose details are given at once."""
_MOST_COMPLAINTS = 4096
# What tshark says of a file that it reads up to a place, and on standard error whatever it reads.
_BREAKS = ("cut short", "damaged or corrupt")
_IDLE_TALK = ("Running as user", "This could be dangerous")


class Row(msgspec.Struct, frozen=True):
    """What tshark says of a frame: number, the names of its layers, and all values of each field that it has."""

    frame: int
    layers: tuple[str, ...]
    values: dict[str, list[str]]

    def columns(self, names: Sequence[str]) -> list[list[str]]:
        """The values of some fields; none of one that the frame does not have."""
        return [self.values.get(name, []) for name in names]


def program() -> str:
    """The path of tshark. Raises WorkbenchError where there is none, with how to get it."""
    found = shutil.which("tshark")
    if found is None:
        raise WorkbenchError(MISSING)
    return found


def version() -> str:
    """`tshark 4.0.17`. Raises WorkbenchError where there is none, or it does not start."""
    return _version(program())


@cache
def _version(path: str) -> str:
    words = _said([path, "--version"]).split()
    number = next((word for word in words if word[:1].isdigit()), "of an unknown version")
    return f"tshark {number}"


def known_fields() -> frozenset[str]:
    """The names of all fields that this tshark knows: other versions have others."""
    return _known_fields(program())


@cache
def _known_fields(path: str) -> frozenset[str]:
    lines = (line.split("\t") for line in _said([path, "-G", "fields"]).splitlines())
    return frozenset(words[2] for words in lines if words[0] == "F" and len(words) > 2)


def rows(capture: str | os.PathLike[str], fields: Sequence[str], *, arguments: Sequence[str] = (),
         shown: str = "", last: int = 0, seconds: float = MOST_SECONDS,
         broken: list[str] | None = None) -> Iterator[Row]:
    """What tshark reads in a capture, frame by frame as it reads it.

    Args:
        capture: path of the file.
        fields: names of the fields that are asked for; fields that this tshark does not know end it.
        arguments: more words of its command line, as `preferences.arguments` gives them.
        shown: a display filter; frames that it does not admit are left out.
        last: nothing behind this frame is read; 0 for all.
        seconds: it is ended after this time.
        broken: takes what it complains about where it reads a file only up to a break; else that is an error.

    Raises:
        WorkbenchError: there is no tshark, or it takes too long.
        CaptureError: it does not read the file, or says something that is no answer.
    """
    words = [program(), "-n", "-r", os.fspath(Path(capture)), *arguments, "-T", "ek", "-e", "frame.number",
             "-e", "frame.protocols"]
    for name in fields:
        words += ["-e", name]
    if shown:
        words += ["-Y", shown]
    if last:
        words += ["-c", str(last)]
    decoder = msgspec.json.Decoder(_Packet)
    written = {name.replace(".", "_"): name for name in fields}
    with _started(words, seconds, broken) as output:
        for line in _lines(output):
            if not line.startswith(b'{"index"') and line.strip():
                yield _row(decoder, line, written)


def details(capture: str | os.PathLike[str], frames: Sequence[int], *, arguments: Sequence[str] = (), shown: str = "",
            most: int = MOST_PACKETS, seconds: float = MOST_SECONDS,
            broken: list[str] | None = None) -> Iterator[bytes]:
    """All that tshark says of some frames, as PDML: one `<packet>` element each. Raises as `rows`.

    Args:
        capture: path of the file.
        frames: their numbers; none for all.
        arguments: more words of its command line, as `preferences.arguments` gives them.
        shown: a display filter beside that.
        most: packets that are given at most.
        seconds: it is ended after this time.
        broken: as for `rows`.
    """
    words = [program(), "-n", "-r", os.fspath(Path(capture)), *arguments, "-T", "pdml"]
    numbers = " ".join(str(int(frame)) for frame in frames)
    conditions = [f"frame.number in {{{numbers.replace(' ', ', ')}}}"] * bool(numbers) + [f"({shown})"] * bool(shown)
    if conditions:
        words += ["-Y", " && ".join(conditions)]
    if frames:
        words += ["-c", str(max(frames))]     # nothing behind the last one is read
    with _started(words, seconds, broken) as output:
        yield from islice(_elements(output), most)


def _elements(output: IO[bytes]) -> Iterator[bytes]:
    packet = bytearray()
    for line in _lines(output):
        if packet or line.startswith(b"<packet>"):
            packet += line
        if len(packet) > MOST_LINE_OCTETS:
            raise CaptureError(f"tshark says more than {MOST_LINE_OCTETS} octets of one frame")
        if line.startswith(b"</packet>"):
            yield bytes(packet)
            packet.clear()


class _Packet(msgspec.Struct):
    layers: dict[str, list[Any]]


def _row(decoder: msgspec.json.Decoder[_Packet], line: bytes, written: dict[str, str]) -> Row:
    try:
        layers = decoder.decode(line).layers
        number = int(layers["frame_number"][0])
    except (msgspec.DecodeError, KeyError, ValueError, IndexError) as error:
        raise CaptureError(f"tshark's answer can't be read: {error}") from None
    names = str(layers.get("frame_protocols", [""])[0])
    values = {written[name]: [str(one) for one in found] for name, found in layers.items() if name in written}
    return Row(number, tuple(names.split(":")), values)


def _lines(output: IO[bytes]) -> Iterator[bytes]:
    while line := output.readline(MOST_LINE_OCTETS):
        if len(line) >= MOST_LINE_OCTETS and not line.endswith(b"\n"):
            raise CaptureError(f"tshark says more than {MOST_LINE_OCTETS} octets of one frame")
        yield line


@contextmanager
def _started(words: Sequence[str], seconds: float, broken: list[str] | None = None) -> Iterator[IO[bytes]]:
    """tshark's standard output; it is ended when nobody reads on, and when its time is over."""
    with tempfile.TemporaryDirectory(prefix="workbench-witness-") as home, tempfile.TemporaryFile() as complaints:
        with _process(words, home, complaints) as process:
            assert process.stdout is not None
            late = threading.Event()
            timer = threading.Timer(seconds, _end, (process, late))
            timer.daemon = True
            timer.start()
            whole = False
            try:
                yield process.stdout
                whole = not process.stdout.read(1)
            finally:
                timer.cancel()
                if not whole:
                    process.kill()
                status = process.wait()
        if late.is_set():
            raise WorkbenchError(f"tshark was ended after {seconds:.0f} s; give it a part of the capture "
                                 "(editcap -r), or more time")
        if whole and status != 0:
            complaints.seek(0)
            said = _sense(complaints.read(_MOST_COMPLAINTS).decode("utf-8", "replace"))
            if broken is None or not any(word in said for word in _BREAKS):
                raise CaptureError(f"tshark does not read the capture: {said or f'exit status {status}'}")
            broken.append(said)


def _process(words: Sequence[str], home: str, complaints: Any) -> subprocess.Popen[bytes]:
    """A profile of its own: what a user has set in Wireshark changes nothing."""
    environment = {**os.environ, "WIRESHARK_CONFIG_DIR": home, "LC_ALL": "C.UTF-8"}
    try:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints,
                                env=environment)
    except OSError as error:
        raise WorkbenchError(f"tshark does not start: {error}") from None


def _end(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


def _said(words: Sequence[str]) -> str:
    with _started(words, 60.0) as output:
        return output.read(2**26).decode("utf-8", "replace")


def _sense(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " ".join(line for line in lines if not any(talk in line for talk in _IDLE_TALK))[:500]
