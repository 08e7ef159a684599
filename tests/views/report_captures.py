"""Captures whose reports differ: sound, breaking a rule, cut in a frame with frames that nobody can read, and big."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from workbench.analysis.pcapng import Packet, Reader, Writer
from workbench.net import packets
from workbench.net.values import Endpoint

STORED = Path(__file__).parents[2] / "captures"
CLEAN = STORED / "e2ae-msrp-originating.pcapng"
WEAKENED = STORED / "e2ae-fingerprint-mismatch-downgrade.pcapng"
FAX = STORED / "t38-dtls-originating.pcapng"
FLOORS = STORED / "e2ae-bfcp-renegotiation-role-clash.pcapng"
TRANSLATED = STORED / "tcp-merge-terminating-translation.pcapng"


@cache
def _frames(path: Path) -> tuple[Packet, ...]:
    with Reader(path) as reader:
        return tuple(reader)


def broken(folder: Path) -> Path:
    """Datagrams that nobody can read before a call, and an end in the middle of a frame."""
    path = folder / "broken.pcapng"
    with Writer(path) as writer:
        wires: dict[str, int] = {}
        a, b = Endpoint("203.0.113.9", 40000), Endpoint("198.51.100.9", 40002)
        frames = _frames(CLEAN)
        for packet in frames:
            if packet.wire not in wires:
                wires[packet.wire] = writer.interface(packet.wire, packet.link)
            if packet.number == 1:
                for number in range(5):
                    writer.packet(0, packet.time_ns + number, packets.encode_udp(a, b, bytes([number + 200]) * 60))
            writer.packet(wires[packet.wire], packet.time_ns + 5, packet.octets)
    octets = path.read_bytes()
    path.write_bytes(octets[: len(octets) * 3 // 4 + 3])
    return path


def big(folder: Path, messages: int = 2600) -> Path:
    """Very many datagrams of SIP between two hosts."""
    path = folder / "big.pcapng"
    a, b = Endpoint("203.0.113.10", 5060), Endpoint("198.51.100.5", 5060)
    with Writer(path) as writer:
        wire = writer.interface("Access")
        for number in range(messages):
            octets = (f"OPTIONS sip:b@home.example SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.10;branch=z9hG4bK{number}\r\n"
                      f"From: <sip:a@home.example>;tag=1\r\nTo: <sip:b@home.example>\r\nCall-ID: {number}@a\r\n"
                      f"CSeq: {number} OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n").encode()
            writer.packet(wire, number * 1_000_000, packets.encode_udp(a, b, octets))
    return path


def lossy(folder: Path, path: Path = TRANSLATED, every: int = 9) -> Path:
    """A call of which the capture lacks one frame in so many."""
    made = folder / "lossy.pcapng"
    with Writer(made) as writer:
        wires: dict[str, int] = {}
        for packet in _frames(path):
            if packet.wire not in wires:
                wires[packet.wire] = writer.interface(packet.wire, packet.link)
            if packet.number % every:
                writer.packet(wires[packet.wire], packet.time_ns, packet.octets)
    return made
