"""Stored captures with octets changed: no change makes the analyser raise anything but its own error."""

from __future__ import annotations

import contextlib
import re
import struct
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hostile.hostile_files import ROOT, packet_blocks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench import analyze, views
from workbench.analysis.explain import explain_frame
from workbench.analysis.files.twin import write_twin
from workbench.analysis.pcapng import Packet, Reader, Writer, scan
from workbench.errors import CaptureError
from workbench.net import packets

STORED = sorted((ROOT / "captures").glob("*.pcapng"))
SETTINGS: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}

# What decoders stumble over: numbers out of range, empty words, brackets, blanks, and digits that are not ASCII.
TOKENS = [
    b"", b"0", b"-1", b"4294967295", b"4294967296", b"9" * 40, b"1e999", b"nan", "²".encode(), "٣".encode(),
    b"\xff\xfe", b"\0", b"\r\n", b"\r\n\r\n", b'"', b"{", b"}", b"[", b"]", b"[::1]:99999", b":", b";", b"=",
    b"$", b"*", b",", b"-", b"a" * 3000, b"%00", b"IP6 ::", b"IP4 999.1.1.1", b"Content-Length: 9999999", b"<script>",
]


def shown(path: Path, *, all_of_it: bool) -> None:
    """Read a capture, and show what can be shown of it; CaptureError is the only answer allowed instead."""
    try:
        report = analyze(path)
    except CaptureError:
        return
    report.to_json()
    if all_of_it:
        views.ladder_text(report)
        views.roles_text(report)
        views.report_html([report])
        for number in range(1, report.packets + 1):
            views.octets_text(explain_frame(report, number))


@cache
def octets_of(path: Path) -> bytes:
    return path.read_bytes()


changes = st.lists(st.tuples(st.integers(0, 30_000), st.sampled_from([
    b"\0", b"\xff", b"\x80", b"\x7f", b"\xff\xff\xff\xff", bytes(8), b"\r\n", b"}", b"9", b"<script>", b"\x45",
]) | st.binary(min_size=1, max_size=6)), min_size=1, max_size=40)


def mutated(path: Path, edits: list[tuple[int, bytes]], size: int | None) -> bytes:
    """The capture with octets overwritten at places, and cut."""
    octets = bytearray(octets_of(path))
    for at, new in edits:
        at %= len(octets)
        octets[at : at + len(new)] = new
    return bytes(octets[:size])


def check_octets(path: Path, edits: list[tuple[int, bytes]], size: int | None, file: Path, all_of_it: bool) -> None:
    file.write_bytes(mutated(path, edits, size))
    shown(file, all_of_it=all_of_it)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutated") / "mutated.pcapng"


cuts = st.none() | st.none() | st.integers(0, 27_000)


@settings(max_examples=80, **SETTINGS)
@given(path=st.sampled_from(STORED), edits=changes, size=cuts)
def test_overwritten_octets_never_escape(
        file: Path, path: Path, edits: list[tuple[int, bytes]], size: int | None) -> None:
    """Whatever octets of the file are changed: a report, or CaptureError."""
    check_octets(path, edits, size, file, all_of_it=False)


@pytest.mark.long
@settings(max_examples=800, **SETTINGS)
@given(path=st.sampled_from(STORED), edits=changes, size=cuts)
def test_overwritten_octets_never_escape_at_length(
        file: Path, path: Path, edits: list[tuple[int, bytes]], size: int | None) -> None:
    """The same with many more changes, and every view of what was read."""
    check_octets(path, edits, size, file, all_of_it=True)


# --- changes that reach the decoders: whole datagrams with other words in them

@cache
def frames_of(path: Path) -> tuple[Packet, ...]:
    with Reader(path) as reader:
        return tuple(reader)


def reworded(octets: bytes, edits: list[tuple[int, int]]) -> bytes:
    """A frame's payload with some of its words replaced; lengths and checksums are right again."""
    ip = packets.decode_ip(octets)
    udp = ip.protocol == packets.UDP
    carried: Any = packets.decode_udp(ip) if udp else packets.decode_tcp(ip)
    words = re.split(rb"([\s:;=,{}<>\"/\[\]]+)", carried.data if udp else carried.payload)
    for at, token in edits:
        words[at % len(words)] = TOKENS[token % len(TOKENS)]
    data = b"".join(words)[:60_000]
    if udp:
        return packets.encode_udp(carried.source, carried.destination, data)
    return packets.encode_tcp(packets.Tcp(carried.source, carried.destination, carried.sequence, carried.acknowledgment,
                                          carried.flags, carried.window, data, carried.options))


Change = tuple[str, int, int, list[tuple[int, int]]]
number = st.integers(0, 5000)
change = st.tuples(st.sampled_from(["reword", "reword", "reword", "drop", "repeat", "swap", "cut"]), number, number,
                   st.lists(st.tuples(number, number), min_size=1, max_size=5))


def reordered(path: Path, plan: list[Change], file: Path, secrets: bool, names: bool) -> None:
    """Write the capture with frames reworded, dropped, repeated, swapped and cut."""
    frames = [(frame, frame.octets) for frame in frames_of(path)]
    for what, one, other, edits in plan:
        if not frames:
            break
        at, to = one % len(frames), other % len(frames)
        frame, octets = frames[at]
        if what == "reword":
            frames[at] = (frame, reworded(frame.octets, edits))
        elif what == "drop":
            del frames[at]
        elif what == "repeat":
            frames.insert(to, frames[at])
        elif what == "swap":
            frames[at], frames[to] = frames[to], frames[at]
        else:
            frames[at] = (frame, octets[: other % (len(octets) + 1)])
    given_names, keylog = scan(path)
    with Writer(file) as writer:
        writer.names(given_names if names else {})
        writer.secrets(keylog if secrets else "")
        wires: dict[str, int] = {}
        for frame, octets in frames:
            if frame.wire not in wires:
                wires[frame.wire] = writer.interface(frame.wire, frame.link)
            writer.packet(wires[frame.wire], frame.time_ns, octets, frame.comment)


@settings(max_examples=60, **SETTINGS)
@given(path=st.sampled_from(STORED), plan=st.lists(change, min_size=1, max_size=12), secrets=st.booleans(),
       names=st.booleans())
def test_reworded_messages_never_escape(
        file: Path, path: Path, plan: list[Change], secrets: bool, names: bool) -> None:
    """Whatever a message says, whichever frames are missing, double or out of order: a report."""
    reordered(path, plan, file, secrets, names)
    shown(file, all_of_it=False)


@pytest.mark.long
@settings(max_examples=800, **SETTINGS)
@given(path=st.sampled_from(STORED), plan=st.lists(change, min_size=1, max_size=12), secrets=st.booleans(),
       names=st.booleans())
def test_reworded_messages_never_escape_at_length(
        file: Path, path: Path, plan: list[Change], secrets: bool, names: bool) -> None:
    """The same with many more changes, every view of what was read, and its decrypted twin."""
    reordered(path, plan, file, secrets, names)
    shown(file, all_of_it=True)
    write_twin(analyze(file), file.with_name("twin.pcapng"))


def with_time(stamp: int, offset: int, number: int = 3) -> bytes:
    """The first stored capture, one frame with another time stamp and an interface with a clock offset."""
    octets = bytearray(octets_of(STORED[0]))
    _, at, _ = packet_blocks(bytes(octets))[number - 1]
    struct.pack_into("<II", octets, at + 12, stamp >> 32, stamp & 0xFFFFFFFF)
    option = struct.pack("<HHq", 14, 8, offset)
    start = octets.index(struct.pack("<I", 1), 28)  # the first interface block
    (total,) = struct.unpack_from("<I", octets, start + 4)
    body = octets[start + 8 : start + 16] + option + octets[start + 16 : start + total - 4]
    total += len(option)
    whole = struct.pack("<II", 1, total) + body + struct.pack("<I", total)
    return bytes(octets[:start] + whole + octets[start + total - len(option) :])


TIMES = [(0, 0), (2**64 - 1, 0), (0, 2**62), (0, -(2**63)), (2**64 - 1, 2**63 - 1)]


@pytest.mark.parametrize(("stamp", "offset"), TIMES)
def test_times_beyond_all_calendars_are_shown(tmp_path: Path, stamp: int, offset: int) -> None:
    """A frame at the end of 64 bits, before 1970, or an age later: read and shown."""
    path = tmp_path / "late.pcapng"
    path.write_bytes(with_time(stamp, offset))
    shown(path, all_of_it=True)


@pytest.mark.parametrize(("stamp", "offset"), TIMES)
def test_a_twin_of_times_beyond_all_calendars_is_written(tmp_path: Path, stamp: int, offset: int) -> None:
    """The decrypted twin of such a capture is written, or refused with CaptureError (found by a mutation)."""
    path = tmp_path / "late.pcapng"
    path.write_bytes(with_time(stamp, offset))
    with contextlib.suppress(CaptureError):
        write_twin(analyze(path), tmp_path / "twin.pcapng")
