"""Link types, tunnels, extension headers and fragments: the message inside is read, packet by packet and as columns."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from analysis.link_frames import A6, B6, BARE, FRAMES, IP4, IP6, MACS, OUT4, REQUEST, capture, gre, gtp, ip
from programs import need

from workbench import analyze
from workbench.analysis import pcapng
from workbench.analysis.columns.headers import Headers, Status, headers
from workbench.analysis.columns.index import index
from workbench.analysis.explain import explain_frame
from workbench.analysis.flows import innermost
from workbench.analysis.pcapng import Packet, Reader
from workbench.analysis.report import Report
from workbench.errors import MalformedMessageError
from workbench.net import packets


def report_of(folder: Path, frames: list[tuple[int, bytes]]) -> Report:
    path = folder / "frames.pcapng"
    path.write_bytes(capture(frames))
    return analyze(path)


def test_a_message_is_found_behind_every_link_and_tunnel(tmp_path: Path) -> None:
    """Each frame of the table gives the same request, between the innermost addresses; nothing is left unread."""
    report = report_of(tmp_path, list(FRAMES.values()))
    found = {message.frames[0]: message for message in report.messages_of("SIP")}
    for number, name in enumerate(FRAMES, 1):
        assert number in found, name
        assert found[number].octets == REQUEST and found[number].source.address in ("192.0.2.1", A6.host), name
        explain_frame(report, number)
    assert report.unread == () and report.notes == []


@pytest.mark.parametrize("name", list(BARE))
def test_what_carries_no_message_is_told(tmp_path: Path, name: str) -> None:
    """Each such frame is overhead by name, or not read with a reason: nothing is silently left out."""
    link, octets, what = BARE[name]
    report = report_of(tmp_path, [(link, octets)])
    told = [*report.accounted, *(row.what for row in report.unread)]
    assert [one.partition(" (")[0] for one in told] == [what.partition(" (")[0]]
    assert all(row.reason and row.first == 1 and row.frames == 1 for row in report.unread)


def as_columns(octets: bytes) -> Headers:
    whole = np.frombuffer(octets, np.uint8)
    with Reader(io.BytesIO(octets)) as reader:
        return headers(whole, index(reader, whole))


def as_packet(packet: Packet) -> tuple[int, ...]:
    """Status, and what the columns say, read from one packet alone."""
    try:
        found = innermost(packet)
    except MalformedMessageError:
        return (Status.BROKEN_IP,)
    if found is None:
        return (Status.NO_IP,)
    if found.is_fragment:
        return Status.FRAGMENT, found.version, found.protocol, len(found.payload)
    try:
        if found.protocol == packets.UDP:
            udp = packets.decode_udp(found)
            return Status.READ, found.version, 17, len(found.payload), udp.source.port, len(udp.data)
        if found.protocol == packets.TCP:
            packets.decode_tcp(found)
    except MalformedMessageError:
        return (Status.BROKEN_TRANSPORT,)
    return Status.READ, found.version, found.protocol, len(found.payload)


def row_of(found: Headers, row: int) -> tuple[int, ...]:
    """The same from the columns."""
    status = int(found.status[row])
    if status not in (Status.READ, Status.FRAGMENT):
        return (status,)
    told = status, int(found.version[row]), int(found.protocol[row]), int(found.size[row])
    if status == Status.READ and told[2] == packets.UDP:
        return (*told, int(found.source_port[row]), int(found.octets[row]))
    return told


def test_columns_say_of_each_frame_what_it_says_alone() -> None:
    """Every frame of both tables, and each of them cut anywhere: the two ways of reading agree."""
    frames = [*FRAMES.values(), *((link, octets) for link, octets, _ in BARE.values())]
    frames += [(link, octets[:size]) for link, octets in frames for size in range(0, min(len(octets), 120), 3)]
    octets = capture(frames)
    found = as_columns(octets)
    with Reader(io.BytesIO(octets)) as reader:
        for row, packet in enumerate(reader):
            assert row_of(found, row) == as_packet(packet), (row, packet.link, packet.octets.hex())


def fragments(inner: bytes, size: int = 120) -> list[bytes]:
    """An IPv4 packet in fragments."""
    payload, made = inner[20:], []
    for at in range(0, len(payload), size):
        part = payload[at : at + size]
        head = bytearray(inner[:20])
        struct.pack_into("!HHH", head, 2, 20 + len(part), 7, (at >> 3) | 0x2000 * (at + size < len(payload)))
        head[10:12] = bytes(2)
        head[10:12] = packets.checksum(bytes(head)).to_bytes(2, "big")
        made.append(bytes(head) + part)
    return made


def fragments6(inner: bytes, size: int = 120) -> list[bytes]:
    """An IPv6 packet in fragments (RFC 8200 §4.5)."""
    payload, made = inner[40:], []
    for at in range(0, len(payload), size):
        part = payload[at : at + size]
        header = struct.pack("!BBHI", inner[6], 0, at | (at + size < len(payload)), 0xABCD)
        made.append(inner[:4] + struct.pack("!HB", 8 + len(part), 44) + inner[7:40] + header + part)
    return made


SPLIT = {
    "IPv4": fragments(IP4),
    "IPv4, backwards": fragments(IP4)[::-1],
    "IPv4, one twice": fragments(IP4)[:1] * 2 + fragments(IP4)[1:],
    "IPv6": fragments6(IP6),
    "IPv6, backwards": fragments6(IP6)[::-1],
    "inside GRE": [gre(part) for part in fragments(IP4)],
    "inside 6in4": [ip(part, 41) for part in fragments6(IP6)],
    "inside GTP-U": [gtp(part) for part in fragments(IP4)],
    "around GRE": fragments(gre(IP4)),
    "around GTP-U": fragments(gtp(IP4)),
    "inside and around": [part for inner in fragments(IP4, 200) for part in fragments(gre(inner))],
}
# Outer packets that are split one after the other must differ in their identification.
for _number, _part in enumerate(SPLIT["inside and around"]):
    if _number >= len(fragments(gre(fragments(IP4, 200)[0]))):
        _octets = bytearray(_part)
        _octets[4:6], _octets[10:12] = b"\0\x08", bytes(2)
        _octets[10:12] = packets.checksum(bytes(_octets[:20])).to_bytes(2, "big")
        SPLIT["inside and around"][_number] = bytes(_octets)


@pytest.mark.parametrize("name", list(SPLIT))
def test_fragments_are_put_together_inside_and_outside_of_tunnels(tmp_path: Path, name: str) -> None:
    """The message has the frames of all its parts; every frame is accounted for as read."""
    parts = SPLIT[name]
    report = report_of(tmp_path, [(pcapng.ETHERNET, MACS + (b"\x08\x00" if part[0] >> 4 == 4 else b"\x86\xdd") + part)
                                  for part in parts])
    (message,) = report.messages_of("SIP")
    assert message.octets == REQUEST
    assert set(message.frames) == set(range(1, len(parts) + 1))
    assert report.unread == () and sum(report.accounted.values()) == len(parts)


def test_a_packet_that_is_not_whole_is_told(tmp_path: Path) -> None:
    """A lost fragment: the others are not read, and that is said with frames and octets."""
    parts = fragments(IP4)
    report = report_of(tmp_path, [(pcapng.RAW, part) for part in parts[:-1]])
    (row,) = report.unread
    assert (row.what, row.frames, row.first) == ("IP fragments", len(parts) - 1, 1)
    assert row.octets == sum(len(part) - 20 for part in parts[:-1])


def test_tshark_sees_the_same_message_in_each_frame(tmp_path: Path) -> None:
    """An independent reader finds the request between the same innermost addresses in every frame of the table."""
    path = tmp_path / "frames.pcapng"
    path.write_bytes(capture(list(FRAMES.values())))
    told = subprocess.run([need("tshark"), "-r", path, "-T", "fields", "-E", "occurrence=l", "-e", "sip.Method",
                           "-e", "ip.src", "-e", "ipv6.src"], capture_output=True, text=True, check=True).stdout
    lines = told.splitlines()
    assert len(lines) == len(FRAMES) and OUT4[0] not in ("192.0.2.1", A6.host, B6.host)
    for name, line in zip(FRAMES, lines, strict=True):
        method, four, six = line.split("\t")
        if name == "MPLS as a link":    # LINKTYPE_MPLS is libpcap's; tshark has no reader for it
            assert method == "", "tshark reads it now: compare"
            continue
        assert method == "OPTIONS", name
        assert four == "192.0.2.1" or A6.host == six, name
