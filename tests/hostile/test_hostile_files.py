"""Files that are no captures, or lie: a clear line and exit status 2, or the part before the break with a note."""

from __future__ import annotations

import gzip
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from hostile.hostile_files import (
    INTERFACE,
    NAMES,
    PACKET,
    SECRETS,
    SECTION,
    STORED,
    block,
    blocks,
    instead_of,
    option,
    packet_blocks,
    read_up_to,
    refused,
    stored,
    with_body,
    with_length,
    workbench,
)
from portions import one_in_three

from workbench import analyze
from workbench.analysis.explain import explain_frame
from workbench.errors import CaptureError
from workbench.net import packets
from workbench.net.values import Endpoint
from workbench.views import ladder_text, octets_text, report_html

FRAMES = len(packet_blocks(stored()))
MEGABYTES = 600
PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
SECTION_BLOCK = block(SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))


def as_pcap(octets: bytes) -> bytes:
    """The stored capture's frames in a classic pcap file."""
    made = PCAP_HEADER
    for _, at, _ in packet_blocks(octets):
        _, high, low, captured, length = struct.unpack_from("<IIIII", octets, at + 8)
        seconds, nanoseconds = divmod(high << 32 | low, 10**9)
        made += struct.pack("<IIII", seconds, nanoseconds // 1000, captured, length)
        made += octets[at + 28 : at + 28 + captured]
    return made


# --- no captures

NO_CAPTURES = {
    "empty.pcapng": (b"", "empty"),
    "one octet": (b"\x0a", "no capture file"),
    "notes.txt": (b"This is not a capture.\nIt only says so.\n", "no capture file"),
    "umlauts.txt": ("Käse\n".encode() * 50, "no capture file"),
    "page.html": (b"<!doctype html><script>alert(1)</script>", "no capture file"),
    "call.pcapng.gz.gz": (gzip.compress(gzip.compress(stored(), mtime=0), mtime=0), "packed twice"),
    "notes.txt.gz": (gzip.compress(b"This is not a capture.\n", mtime=0), "no capture file"),
    "cut at once.gz": (gzip.compress(stored(), mtime=0)[:5], "cut short"),
    "cut at once.zst": (zstandard.compress(stored())[:9], "cut short"),
    "random behind the gzip magic": (b"\x1f\x8b\x08\0" + b"\xa5\x5a" * 500, "can't be unpacked"),
    "random behind the zstandard magic": (b"\x28\xb5\x2f\xfd" + b"\xa5\x5a" * 500, "can't be unpacked"),
    "call.zip": (b"PK\x03\x04" + bytes(100), "unzip"),
    "call.pcapng.xz": (b"\xfd7zXZ\0" + bytes(100), "unxz"),
    "only the magic.pcap": (PCAP_HEADER[:4], "cut short"),
    "only the magic.pcapng": (SECTION_BLOCK[:4], "cut short"),
    "random behind the pcap magic": (PCAP_HEADER[:4] + b"\xa5\x5a" * 500, "version"),
    "random behind the pcapng magic": (SECTION_BLOCK[:4] + b"\xa5\x5a" * 500, "byte-order magic"),
    "section of length 0": (SECTION_BLOCK[:4] + bytes(4) + SECTION_BLOCK[8:], "length of 0"),
    "section longer than the file": (SECTION_BLOCK[:4] + struct.pack("<I", 4000) + SECTION_BLOCK[8:], "cut short"),
    "section of 4 GB": (SECTION_BLOCK[:4] + b"\xfc\xff\xff\xff" + SECTION_BLOCK[8:], "length of 4294967292"),
    "section of version 9": (block(SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 9, 0, -1)), "version 9"),
}


@pytest.mark.parametrize("name", one_in_three(NO_CAPTURES))
def test_what_is_no_capture_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    """`analyze` ends with status 2, names the file, and says what is wrong with it."""
    octets, why = NO_CAPTURES[name]
    path = tmp_path / name
    path.write_bytes(octets)
    line = refused(workbench(tmp_path, "analyze", path))
    assert name in line and why in line


@pytest.mark.parametrize("words", [("show",), ("show", "--frame", "1"), ("analyze", "--json")], ids=" ".join)
def test_every_way_to_read_refuses_alike(tmp_path: Path, words: tuple[str, ...]) -> None:
    """`show` and `analyze --json` too: status 2, one line on stderr, nothing on stdout."""
    path = tmp_path / "notes.txt"
    path.write_bytes(b"This is not a capture.\n")
    assert "no capture file" in refused(workbench(tmp_path, *words, path))


def test_a_folder_a_missing_file_and_a_strange_name(tmp_path: Path) -> None:
    """Said in one line, with the system's reason; control characters of a name do not reach the terminal."""
    assert "no capture in this folder" in refused(workbench(tmp_path, "analyze", tmp_path)).lower()
    assert "No such file" in refused(workbench(tmp_path, "analyze", tmp_path / "none.pcapng"))
    assert "No such file" in refused(workbench(tmp_path, "show", tmp_path / "none.pcapng"))
    said = workbench(tmp_path, "analyze", tmp_path / "a\x1b[31m\nb.pcapng")
    assert "\x1b" not in refused(said)


def test_one_bad_file_among_good_ones_is_named(tmp_path: Path) -> None:
    """Of several captures the bad one is said; nothing passes for the report of all."""
    path = tmp_path / "notes.txt"
    path.write_bytes(b"This is not a capture.\n")
    said = workbench(tmp_path, "analyze", STORED, path)
    assert said.status == 2 and "notes.txt" in said.err


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """`--html` at a folder: status 2 and one line."""
    said = workbench(tmp_path, "analyze", STORED, "--html", tmp_path)
    assert said.status == 2 and len(said.lines) == 1


# --- random octets

def random_frames(size: int, link: int = 101) -> Iterator[bytes]:
    """A classic pcap of sound frames that hold random octets, half of them under an IPv4 UDP header's first octets."""
    source = os.urandom(1 << 20)
    yield PCAP_HEADER[:20] + struct.pack("<I", link)
    for number in range(size // 1016):
        at = number * 17 % (len(source) - 1000)
        start = b"\x45\x00\x03\xe8\x00\x01\x00\x00\x40\x11" if number % 2 else b"\x45"
        yield struct.pack("<IIII", number, 0, 1000, 1000) + start + source[at : at + 1000 - len(start)]


RANDOM = {
    "no magic": b"",
    "the pcap magic": PCAP_HEADER[:4],
    "a pcap file header": PCAP_HEADER,
    "the pcapng magic": SECTION_BLOCK[:4],
    "a pcapng section": SECTION_BLOCK,
}


@pytest.mark.parametrize("name", RANDOM)
def test_fifty_megabytes_of_random_octets(tmp_path: Path, name: str) -> None:
    """Refused in one line that says where it stops making sense, at once and in little memory."""
    path = tmp_path / "random"
    with path.open("wb") as file:
        file.write(RANDOM[name])
        # The first length is one that can't be, so that chance gives no frame to any run of this test.
        file.write(b"\xff" * 16)
        file.writelines(os.urandom(1 << 20) for _ in range(50))
    said = workbench(tmp_path, "analyze", path)
    assert "random" in refused(said)
    assert said.peak_mb < MEGABYTES


def test_fifty_megabytes_of_random_octets_in_sound_frames(tmp_path: Path) -> None:
    """Read to the end: every frame is counted, none is passed off as understood, memory and time stay bounded."""
    path = tmp_path / "random.pcap"
    with path.open("wb") as file:
        file.writelines(random_frames(50 << 20))
    said = workbench(tmp_path, "analyze", path, seconds=300)
    assert said.status == 0
    assert f"{(50 << 20) // 1016} frames" in said.out and said.err.startswith("workbench: ")
    assert said.peak_mb < MEGABYTES


def random_messages(size: int) -> Iterator[bytes]:
    """A classic pcap of sound UDP and TCP around random octets and broken messages, on ports that mean something."""
    yield PCAP_HEADER
    source = os.urandom(1 << 20)
    starts = [b"", b"INVITE sip:a SIP/2.0\r\nVia: ", b"MEGACO/2 [192.0.2.1] T=1{C=1{A=", b"\x16\x03\x03\x02\x00",
              b"MSRP a SEND\r\nTo-Path: ", b"SIP/2.0 200 OK\r\nContent-Length: 7\r\n\r\n"]
    ports = (5060, 2944, 9, 2855)
    for number in range(size // 1044):
        at = number * 17 % (len(source) - 1000)
        start = starts[number % len(starts)]
        data = start + source[at : at + 1000 - len(start)]
        a = Endpoint(f"192.0.2.{number % 250 + 1}", 1024 + number * 7 % 60000)
        b = Endpoint("198.51.100.1", ports[number % 4])
        if number % 3:
            frame = packets.encode_udp(a, b, data)
        else:
            frame = packets.encode_tcp(packets.Tcp(a, b, number * 999 % 2**32, 1, packets.ACK, 65535, data))
        yield struct.pack("<IIII", number, 0, len(frame), len(frame)) + frame


@pytest.mark.long
def test_fifty_megabytes_of_broken_messages(tmp_path: Path) -> None:
    """Every frame is a datagram or segment that some protocol looks at: read to the end, in bounded memory and time."""
    path = tmp_path / "broken.pcap"
    with path.open("wb") as file:
        file.writelines(random_messages(50 << 20))
    said = workbench(tmp_path, "analyze", path, seconds=600)
    assert said.status in (0, 1)
    assert f"{(50 << 20) // 1044} frames" in said.out
    assert said.peak_mb < MEGABYTES


# --- bombs

BOMBS = {
    "gzip": lambda octets: gzip.compress(octets, mtime=0),
    "zstandard": zstandard.compress,
    "zstandard in many frames": lambda octets: zstandard.compress(octets[: len(octets) // 8]) * 8,
}


@pytest.mark.parametrize("how", list(BOMBS))
def test_a_bomb_is_refused_long_before_it_is_unpacked(tmp_path: Path, how: str) -> None:
    """A quarter of a gigabyte of zeros behind a sound beginning: one line, status 2, and little memory."""
    path = tmp_path / "bomb"
    path.write_bytes(BOMBS[how](stored() + bytes(1 << 28)))
    said = workbench(tmp_path, "analyze", path)
    line = refused(said)
    assert "refused" in line and "400 times" in line
    assert said.peak_mb < MEGABYTES


def test_a_block_of_two_gigabytes_is_refused(tmp_path: Path) -> None:
    """A pcapng of blocks that claim 2^31 octets: the file holds them (sparsely), and still no memory is taken."""
    path = tmp_path / "huge.pcapng"
    with path.open("wb") as file:
        file.write(SECTION_BLOCK + block(INTERFACE, struct.pack("<HHI", 101, 0, 0)))
        for _ in range(2):
            file.write(struct.pack("<II", PACKET, 1 << 31))
            file.seek((1 << 31) - 12, os.SEEK_CUR)
            file.write(struct.pack("<I", 1 << 31))
    said = workbench(tmp_path, "analyze", path)
    assert "2147483648" in refused(said) and said.peak_mb < MEGABYTES


# --- cut captures

CUTS = sorted({place + more for _, place, _ in blocks(stored())[5::16] for more in (0, 5, 13, 40)})


@pytest.mark.parametrize("size", one_in_three(CUTS))
def test_a_cut_pcapng_is_read_up_to_the_cut(tmp_path: Path, size: int) -> None:
    """The whole frames before the cut are there, a cut inside a block is told, and JSON stays one document."""
    path = tmp_path / "cut.pcapng"
    path.write_bytes(stored()[:size])
    whole = sum(at + total <= size for _, at, total in packet_blocks(stored()))
    between = size in {at for _, at, _ in blocks(stored())}
    said = workbench(tmp_path, "analyze", "--json", path)
    if not whole:
        assert "no packets" in refused(said)
        return
    document = json.loads(said.out)
    assert said.status in (0, 1) and document["packets"] == whole
    assert any("cut short" in note and "read up to there" in note for note in document["notes"]) == (not between)


def test_a_cut_capture_is_shown_up_to_the_cut(tmp_path: Path) -> None:
    """The ladder holds what was read; the note stands on stderr. A frame behind the cut is refused."""
    path = tmp_path / "cut.pcapng"
    path.write_bytes(stored()[: len(stored()) * 2 // 3])
    said = workbench(tmp_path, "show", path, "--text")
    assert said.status == 0 and "INVITE" in said.out and "BYE" not in said.out
    frames = read_up_to(said)
    assert 20 < frames < FRAMES
    behind = workbench(tmp_path, "show", path, "--frame", str(frames + 1))
    assert behind.status == 2 and behind.out == "" and f"{frames} frames" in behind.err


def everything(path: Path) -> None:
    """All that can be shown of a capture, where it is one."""
    try:
        report = analyze(path)
    except CaptureError:
        return
    report.to_json()
    ladder_text(report)
    report_html([report])
    for number in range(1, report.packets + 1):
        octets_text(explain_frame(report, number))


@pytest.mark.parametrize("form", ["pcapng", "pcap"])
def test_wherever_a_capture_is_cut(tmp_path: Path, form: str) -> None:
    """No prefix raises anything but CaptureError, and each that breaks off inside a frame says so."""
    octets = stored() if form == "pcapng" else as_pcap(stored())
    path = tmp_path / f"cut.{form}"
    for size in range(1, len(octets), 211):
        path.write_bytes(octets[:size])
        try:
            report = analyze(path)
        except CaptureError as error:
            assert path.name in str(error)
            continue
        told = any("cut short" in note for note in report.notes)
        assert told or report.packets < FRAMES
        assert report.packets <= FRAMES


def test_a_pcap_of_the_same_frames_is_read_whole(tmp_path: Path) -> None:
    """The control: what the cuts are made of is a capture, and is told to be the same scenario."""
    path = tmp_path / "whole.pcap"
    path.write_bytes(as_pcap(stored()))
    report = analyze(path)
    assert report.packets == FRAMES and report.notes == []
    assert report.scenario is not None and report.scenario.id == "e2ae-msrp-originating"


# --- captures that lie

LENGTHS = (0, 3, 4, 8, 11, 13, 16, 28, 60, 1 << 20, 1 << 24, 1 << 31, 0xFFFFFFFC, 0xFFFFFFFF, len(stored()))


@pytest.mark.parametrize("claimed", one_in_three(LENGTHS))
def test_a_lying_block_length_ends_the_reading(tmp_path: Path, claimed: int) -> None:
    """The eleven frames before it are analysed; the note says at which octet the file can't be followed further."""
    path = tmp_path / "lie.pcapng"
    path.write_bytes(with_length(stored(), 12, claimed))
    said = workbench(tmp_path, "analyze", path)
    assert said.status in (0, 1) and "11 frames" in said.out
    assert read_up_to(said) == 11
    assert "octet" in said.err and said.peak_mb < MEGABYTES


_INTERFACE = struct.pack("<HHI", 101, 0, 0)


def packet(interface: int = 0, captured: int = 4, length: int = 4, stamp: int = 0, tail: bytes = b"") -> bytes:
    return block(PACKET, struct.pack("<IIIII", interface, stamp >> 32, stamp & 0xFFFFFFFF, captured, length)
                 + b"\x45\0\0\0" + tail)


SECONDS = b"\0"  # if_tsresol: units of 10^-0 s
LATEST = packet(stamp=2**64 - 1)


def names(record: bytes) -> bytes:
    """The stored capture with another name block."""
    return instead_of(stored(), NAMES, block(NAMES, record))


# name -> the capture, and how many of its frames are read
LIES: dict[str, tuple[bytes, int]] = {
    "comment option longer than its block": (
        SECTION_BLOCK + block(1, _INTERFACE) + packet(tail=option(1, b"hi", 0xFFFF)) + packet(), 2),
    "comment option of no length, without end": (
        SECTION_BLOCK + block(1, _INTERFACE) + packet(tail=option(1, b"") * 5000) + packet(), 2),
    "interface name longer than its block": (
        SECTION_BLOCK + block(1, _INTERFACE + option(2, b"if", 0xFFF0)) + packet(), 1),
    "interface ticks of 2^-127": (SECTION_BLOCK + block(1, _INTERFACE + option(9, b"\xff")) + LATEST, 1),
    "interface ticks of 10^-127": (SECTION_BLOCK + block(1, _INTERFACE + option(9, b"\x7f")) + LATEST, 1),
    "clock of seconds at its end": (
        SECTION_BLOCK + block(1, _INTERFACE + option(9, SECONDS)) + packet() + LATEST, 2),
    "clock offset before all time": (
        SECTION_BLOCK + block(1, _INTERFACE + option(14, struct.pack("<q", -(2**63)))) + packet(), 1),
    "clock offset after all time": (
        SECTION_BLOCK + block(1, _INTERFACE + option(14, struct.pack("<q", 2**63 - 1))) + packet(), 1),
    "tick option without a value": (SECTION_BLOCK + block(1, _INTERFACE + option(9, b"")) + packet(), 1),
    "interface that was not described": (SECTION_BLOCK + block(1, _INTERFACE) + packet() + packet(interface=7), 1),
    "packet without any interface": (SECTION_BLOCK + packet(), 0),
    "captured octets beyond the block": (SECTION_BLOCK + block(1, _INTERFACE) + packet() + packet(captured=5000), 1),
    "captured octets beyond all": (SECTION_BLOCK + block(1, _INTERFACE) + packet() + packet(captured=2**32 - 1), 1),
    "packet block too short": (SECTION_BLOCK + block(1, _INTERFACE) + block(PACKET, b"\0" * 8), 0),
    "interface block too short": (SECTION_BLOCK + block(1, b"\0\0"), 0),
    "names longer than their block": (names(option(1, b"\x7f\0\0\1x", 0xFFFF)), FRAMES),
    "names without an end": (names(option(1, b"\x7f\0\0\1name" * 3) * 40), FRAMES),
    "name of three octets": (names(option(1, b"abc") + option(2, b"abc")), FRAMES),
    "names that are no text": (names(option(1, b"\x7f\0\0\1\xff\xfe\xf0\0")), FRAMES),
    "secrets longer than their block": (with_body(stored(), SECRETS, struct.pack("<I", 0xFFFFFFFF), at=4), FRAMES),
    "secrets of no length": (with_body(stored(), SECRETS, bytes(4), at=4), FRAMES),
    "secrets of an unknown type": (with_body(stored(), SECRETS, b"what"), FRAMES),
    "secrets block too short": (instead_of(stored(), SECRETS, block(SECRETS, b"\x4b\x53\x4c\x54")), 0),
    "secrets that are no text": (instead_of(stored(), SECRETS, block(
        SECRETS, struct.pack("<II", 0x544C534B, 512) + bytes(range(256)) * 2)), FRAMES),
    "secrets of wrong sizes": (instead_of(stored(), SECRETS, block(SECRETS, struct.pack("<II", 0x544C534B, 46) + (
        b"CLIENT_RANDOM 00 11\nCLIENT_TRAFFIC_SECRET_0 zz\n")[:46])), FRAMES),
    "link type that nobody knows": (with_body(stored(), INTERFACE, b"\xff\xff"), FRAMES),
    "empty blocks of unknown types": (SECTION_BLOCK + b"".join(block(kind, b"") for kind in range(90, 400)), 0),
    "a section in the middle": (stored() + stored(), 2 * FRAMES),
    "text behind the last block": (stored() + b"and then some", FRAMES),
}


@pytest.mark.parametrize("name", one_in_three(LIES))
def test_a_capture_that_lies_is_read_as_far_as_it_goes(tmp_path: Path, name: str) -> None:
    """The command line gives one JSON document and a page; the frames before the lie are counted."""
    octets, frames = LIES[name]
    path = tmp_path / "lie.pcapng"
    path.write_bytes(octets)
    said = workbench(tmp_path, "analyze", "--json", "--html", tmp_path / "page.html", path)
    if not frames:
        assert "no packets" in refused(said)
        return
    assert said.status in (0, 1), said.err
    assert json.loads(said.out)["packets"] == frames
    assert (tmp_path / "page.html").read_text(encoding="utf-8").endswith("</html>")
    assert said.peak_mb < MEGABYTES
    everything(path)


def test_a_key_log_that_is_none(tmp_path: Path) -> None:
    """Binary octets give no key and no error, and what needs no key is read; a missing or endless one is refused."""
    bare = tmp_path / "bare.pcapng"
    bare.write_bytes(instead_of(stored(), SECRETS))
    keys = tmp_path / "keys.bin"
    keys.write_bytes(os.urandom(1 << 20) + b"\nCLIENT_RANDOM " + b"0" * 10000 + b"\n" + b"\xff" * 100)
    said = workbench(tmp_path, "analyze", bare, "--keylog", keys)
    assert said.status in (0, 1) and f"{FRAMES} frames" in said.out
    assert "No such file" in refused(workbench(tmp_path, "analyze", bare, "--keylog", tmp_path / "none"))
    assert "directory" in refused(workbench(tmp_path, "analyze", bare, "--keylog", tmp_path)).lower()
    with keys.open("wb") as file:
        file.truncate(100 << 20)
    said = workbench(tmp_path, "analyze", bare, "--keylog", keys)
    assert "keys.bin" in refused(said) and said.peak_mb < MEGABYTES
