"""Capture files: what is written is read, and what is broken is told."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import struct
import subprocess
from pathlib import Path

import pytest
from capturing import START, A, B, udp, write
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import need

from workbench.analysis import pcapng
from workbench.analysis.analyzing import analyze
from workbench.analysis.pcapng import Reader, Writer
from workbench.errors import CaptureError, LocalProtocolError

FRAME = udp(0.0, A, B, b"hello")[2]


def a_capture() -> bytes:
    file = io.BytesIO()
    writer = Writer(file)
    first, second = writer.interface("UE A access"), writer.interface("Iq")
    writer.names({"192.0.2.1": "UE A", "2001:db8::1": "UE B"})
    writer.secrets("CLIENT_RANDOM 00 11\n")
    writer.packet(first, START + 5, FRAME, "step 1, §5.2")
    writer.packet(second, START + 7, FRAME)
    writer.close()
    return file.getvalue()


def test_what_is_written_is_read():
    """Names, secrets, wires, comments and nanoseconds come back."""
    reader = Reader(io.BytesIO(a_capture()))
    packets = list(reader)
    assert [(p.number, p.wire, p.time_ns - START, p.comment) for p in packets] == [
        (1, "UE A access", 5, "step 1, §5.2"), (2, "Iq", 7, "")]
    assert {p.octets for p in packets} == {FRAME}
    assert reader.names == {"192.0.2.1": "UE A", "2001:db8::1": "UE B"}
    assert reader.secrets == "CLIENT_RANDOM 00 11\n"
    assert reader.notes == []


def test_tshark_reads_what_is_written(tmp_path: Path):
    """An independent reader finds the same wire names and comments."""
    path = tmp_path / "a.pcapng"
    path.write_bytes(a_capture())
    asked = ["-e", "frame.interface_name", "-e", "frame.comment", "-e", "frame.time_epoch"]
    told = subprocess.run([need("tshark"), "-r", path, "-T", "fields", *asked],
                          capture_output=True, text=True, check=True).stdout
    assert "UE A access\tstep 1, §5.2" in told
    assert "000000005" in told


@pytest.mark.parametrize(("order", "magic", "tick"), [
    ("<", 0xA1B2C3D4, 1000), (">", 0xA1B2C3D4, 1000), ("<", 0xA1B23C4D, 1), (">", 0xA1B23C4D, 1)])
def test_classic_pcap_in_all_its_forms(order: str, magic: int, tick: int):
    """Both byte orders, microseconds and nanoseconds."""
    octets = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, pcapng.ETHERNET)
    octets += struct.pack(order + "IIII", 7, 9, 4, 60) + b"abcd"
    reader = Reader(io.BytesIO(octets))
    (packet,) = reader
    assert (packet.time_ns, packet.octets, packet.length, packet.link) == (7 * 10**9 + 9 * tick, b"abcd", 60, 1)
    assert reader.notes == []


@pytest.mark.parametrize("order", ["<", ">"])
def test_modified_pcap_is_read(order: str):
    """The form of old Linux systems, with 8 octets more in front of each packet."""
    octets = struct.pack(order + "IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 65535, pcapng.ETHERNET)
    octets += (struct.pack(order + "IIIIIHBB", 7, 9, 4, 60, 2, 0x800, 0, 0) + b"abcd") * 2
    reader = Reader(io.BytesIO(octets))
    assert [(packet.time_ns, packet.octets) for packet in reader] == [(7 * 10**9 + 9000, b"abcd")] * 2
    assert reader.notes == []


def test_big_endian_sections_and_old_blocks_are_read():
    """A big-endian section, a Packet Block, a Simple Packet Block, an unknown block, 2^-10 s ticks."""
    def block(kind: int, body: bytes) -> bytes:
        return struct.pack(">II", kind, len(body) + 12) + body + struct.pack(">I", len(body) + 12)

    octets = block(0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1))
    octets += block(1, struct.pack(">HHI", 101, 0, 0) + struct.pack(">HHB3x", 9, 1, 0x8A) + struct.pack(">HH", 0, 0))
    octets += block(0x0BAD, b"skip")
    octets += block(2, struct.pack(">HHIIII", 0, 0, 0, 1024, 3, 3) + b"abc\0")
    octets += block(3, struct.pack(">I", 2) + b"de\0\0")
    reader = Reader(io.BytesIO(octets))
    assert [(p.time_ns, p.octets) for p in reader] == [(10**9, b"abc"), (10**9, b"de")]
    assert reader.notes == []


def test_a_cut_capture_is_read_up_to_the_cut():
    """Whatever prefix is there: an error, or whole packets with a note unless the cut is between blocks."""
    for size in range(len(a_capture())):
        octets = a_capture()[:size]
        try:
            reader = Reader(io.BytesIO(octets))
        except CaptureError as error:
            assert size < 32 + 28
            assert str(error)
            continue
        packets = list(reader)
        assert all(packet.octets == FRAME for packet in packets), size
        kept = io.BytesIO(octets)
        at = 0
        while head := kept.read(8):
            at = at + int.from_bytes(head[4:8], "little") if len(head) == 8 else -1
            if at < 0 or at > size:
                break
            kept.seek(at)
        assert bool(reader.notes) == (at != size), size


@pytest.mark.parametrize(("octets", "why"), [
    (b"", "empty"), (b"hello\nworld\n" * 9, "no capture file"), (b"\x1f\x8b\x08\x00", "unpacked"),
    (b"\x0a\x0d\x0d\x0a" + bytes(40), "byte-order"), (b"\xd4\xc3\xb2\xa1" + bytes(40), "version"),
    (b"\xd4\xc3\xb2\xa1\x02\x00", "cut short"), (b"\x0a\x0d\x0d\x0a\x1c", "cut short"),
])
def test_no_capture_is_refused_with_its_reason(tmp_path: Path, octets: bytes, why: str):
    """A text file, an empty file, a header that contradicts itself: one clear error."""
    path = tmp_path / "x.pcap"
    path.write_bytes(octets)
    with pytest.raises(CaptureError, match=why):
        analyze(path)
    with pytest.raises(CaptureError):
        analyze(tmp_path / "not there.pcap")
    with pytest.raises(CaptureError):
        analyze(tmp_path)


@pytest.mark.parametrize("lie", [0, 8, 13, 2**31, 2**32 - 4, 10_000, 60])
def test_a_block_that_lies_about_its_length_ends_the_reading(tmp_path: Path, lie: int):
    """The packets before it are analysed, and a note says where it broke."""
    octets = bytearray(a_capture())
    place = octets.index(FRAME, octets.index(FRAME) + 1) - 28
    octets[place + 4 : place + 8] = struct.pack("<I", lie)
    path = tmp_path / "lie.pcapng"
    path.write_bytes(octets)
    report = analyze(path)
    assert report.packets == 1
    assert any(f"octet {place}" in note or "cut short" in note for note in report.notes)


def test_writing_to_an_unknown_interface_is_our_fault(tmp_path: Path):
    """An interface has to be described first."""
    with Writer(tmp_path / "a.pcapng") as writer, pytest.raises(LocalProtocolError):
        writer.packet(0, 0, b"")
    with pytest.raises(CaptureError):
        Writer(tmp_path / "none" / "a.pcapng")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([b"", b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00", a_capture()[:64]]),
       st.binary(max_size=300))
def test_garbage_never_escapes(start: bytes, data: bytes):
    """Whatever a file holds: CaptureError, or packets and notes."""
    with contextlib.suppress(CaptureError):
        list(Reader(io.BytesIO(start + data)))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_flipped_octets_never_escape(data: st.DataObject):
    """A capture with some octets changed is read as far as it goes."""
    octets = bytearray(a_capture())
    for _ in range(data.draw(st.integers(1, 6))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CaptureError):
        list(Reader(io.BytesIO(bytes(octets))))


def test_fifty_megabytes_of_random_octets_stay_within_bounds(tmp_path: Path):
    """Random octets in sound frames: read to the end, told what they are, under 1 GB."""
    source = os.urandom(1 << 20)
    path = tmp_path / "random.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, pcapng.RAW))
        for number in range(50_000):
            at = number * 17 % (len(source) - 1000)
            file.write(struct.pack("<IIII", number, 0, 1000, 1000) + b"\x45" + source[at : at + 999])
    report = analyze(path)
    assert report.packets == 50_000
    assert any("do not decode" in note or "does not decode" in note for note in report.notes)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1_000_000


def test_a_capture_of_one_datagram_keeps_what_nobody_knows(tmp_path: Path):
    """Octets of no known protocol are one message `unknown`, octets kept."""
    report = analyze(write(tmp_path / "a.pcapng", [udp(0.0, A, B, b"\x80\x01hello")]))
    (message,) = report.messages
    assert (message.protocol, message.octets, message.session) == ("unknown", b"\x80\x01hello", None)
