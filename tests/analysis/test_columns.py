"""Packets as columns against packets one by one: the same captures, whole and damaged, read both ways."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.analysis import pcapng
from workbench.analysis.columns import headers as hd
from workbench.analysis.columns import index as ix
from workbench.analysis.flows import payload_of
from workbench.errors import CaptureError, MalformedMessageError
from workbench.net.packets import TCP, UDP, decode_tcp, decode_udp, unpack_address

_FILES = sorted((Path(__file__).parents[2] / "captures").glob("*.pcap*"))
_MARKS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\6\0\0\0", b"\x20\0\0\0", b"\x0a\x0d\x0d\x0a", b"\1\0\0\0")
_TUNNELS = (4, 41, 47)


@pytest.fixture(autouse=True)
def _short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of so few octets that a small capture has many of them, and many windows."""
    monkeypatch.setattr(ix.chase, "__defaults__", (512,))
    monkeypatch.setattr(ix, "_LOOKED_THROUGH", 400)
    monkeypatch.setattr(ix, "_WINDOW", 5000)


def _by_reader(data: bytes) -> tuple[list[Any], pcapng.Reader]:
    reader = pcapng.Reader(io.BytesIO(data))
    return [(p.time_ns, p.wire, p.link, p.octets, p.length, p.comment) for p in reader], reader


def _by_index(data: bytes) -> tuple[list[Any], pcapng.Reader]:
    reader = pcapng.Reader(io.BytesIO(data))
    index = ix.index(reader, np.frombuffer(data, np.uint8))
    found = []
    for row in range(len(index)):
        wire, at = index.interfaces[int(index.interface[row])], int(index.at[row])
        found.append((int(index.time_ns[row]), wire.name, wire.link, data[at : at + int(index.captured[row])],
                      int(index.length[row]), index.comments.get(row, "")))
    return found, reader


def _same_packets(data: bytes) -> None:
    try:
        wanted, one = _by_reader(data)
    except CaptureError as error:
        with pytest.raises(CaptureError) as found:
            _by_index(data)
        assert str(found.value) == str(error)
        return
    try:
        got, other = _by_index(data)
    except ix.OneByOneError:
        return
    assert got == wanted
    assert (other.notes, other.names, other.secrets) == (one.notes, one.names, one.secrets)


def _damaged(chance: random.Random) -> bytes:
    data = bytearray(chance.choice(_FILES).read_bytes())
    for _ in range(chance.choice((1, 1, 3, 10))):
        kind, place = chance.random(), chance.randrange(len(data))
        if kind < 0.5:
            data[place] ^= 1 << chance.randrange(8)
        elif kind < 0.7:
            data = data[: max(place, 30)]
        elif kind < 0.85:
            place &= ~3
            data[place : place + 4] = chance.choice(_MARKS)
        else:
            data[place:place] = chance.randbytes(4)
    return bytes(data)


def test_index_says_of_every_stored_capture_what_the_reader_says() -> None:
    """Times, wires, octets, comments, names, secrets and notes of each stored capture are the same both ways."""
    for path in _FILES:
        _same_packets(path.read_bytes())


@pytest.mark.parametrize("seed", [1, 2])
def test_index_says_of_damaged_captures_what_the_reader_says(seed: int) -> None:
    """A flipped bit, a cut, a wrong length: the same packets, the same notes, or the same error."""
    chance = random.Random(seed)
    for _ in range(60):
        _same_packets(_damaged(chance))


@pytest.mark.long
def test_index_says_of_many_damaged_captures_what_the_reader_says() -> None:
    """As above, of 2,000 captures."""
    chance = random.Random(3)
    for _ in range(2000):
        _same_packets(_damaged(chance))


def _alone(packet: pcapng.Packet) -> tuple[Any, ...] | None:
    """What is to be said of a packet; None where it is a tunnel or not the same on purpose."""
    try:
        ip = payload_of(packet)
    except MalformedMessageError:
        return (hd.Status.BROKEN_IP,)
    if ip is None:
        return (hd.Status.NO_IP,)
    base = (ip.version, ip.source, ip.destination, ip.protocol, ip.payload)
    if ip.is_fragment:
        return (hd.Status.FRAGMENT, *base)
    if ip.protocol in _TUNNELS:
        return None
    try:
        if ip.protocol == TCP:
            tcp = decode_tcp(ip)
            return (hd.Status.READ, *base, tcp.source.port, tcp.destination.port, tcp.sequence, tcp.acknowledgment,
                    tcp.flags, tcp.window, tcp.payload)
        if ip.protocol == UDP:
            udp = decode_udp(ip)
            return (hd.Status.READ, *base, udp.source.port, udp.destination.port, 0, 0, 0, 0, udp.data)
    except MalformedMessageError:
        return (hd.Status.BROKEN_TRANSPORT, *base)
    return None


def _row(data: bytes, one: hd.Headers, row: int, size: int) -> tuple[Any, ...]:
    status, at, begin = hd.Status(int(one.status[row])), int(one.at[row]), int(one.data[row])
    found = (status, int(one.version[row]), unpack_address(one.addresses[one.source[row]]) if size > 1 else "",
             unpack_address(one.addresses[one.destination[row]]) if size > 1 else "", int(one.protocol[row]),
             data[at : at + int(one.size[row])], int(one.source_port[row]), int(one.destination_port[row]),
             int(one.sequence[row]), int(one.acknowledgment[row]), int(one.flags[row]), int(one.window[row]),
             data[begin : begin + int(one.octets[row])])
    return found[:size]


def _same_headers(data: bytes) -> int:
    octets = np.frombuffer(data, np.uint8)
    try:
        reader = pcapng.Reader(io.BytesIO(data))
        one = hd.headers(octets, ix.index(reader, octets))
    except (ix.OneByOneError, CaptureError):
        return 0
    compared = 0
    for row, packet in enumerate(pcapng.Reader(io.BytesIO(data))):
        wanted = _alone(packet)
        if wanted is not None:
            assert _row(data, one, row, len(wanted)) == wanted, packet
            compared += 1
    return compared


def test_headers_say_of_every_stored_capture_what_single_packets_say() -> None:
    """Status, addresses, ports, sequence numbers and payload of each packet are what decoding it alone gives."""
    assert sum(_same_headers(path.read_bytes()) for path in _FILES) > 1000


@pytest.mark.parametrize("seed", [1, 2])
def test_headers_say_of_damaged_packets_what_single_packets_say(seed: int) -> None:
    """Bits flipped in packets: broken IP, broken TCP and broken UDP are told in the same places."""
    chance = random.Random(seed)
    for _ in range(20):
        data = bytearray(chance.choice(_FILES).read_bytes())
        for _ in range(chance.choice((1, 10, 100, 300))):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        _same_headers(bytes(data))


def _made(chance: random.Random, link: int) -> Iterator[bytes]:
    for _ in range(200):
        octets = bytearray(chance.randbytes(chance.randrange(1, 90)))
        if chance.random() < 0.8:
            octets[0] = chance.choice((0x45, 0x46, 0x60, 0x60))
            if len(octets) > 10 and octets[0] >> 4 == 4:
                octets[2:4] = chance.choice((0, len(octets), max(0, len(octets) - 3))).to_bytes(2, "big")
                octets[6:8], octets[9] = b"\0\0", chance.choice((TCP, UDP, 132, 1))
            elif len(octets) > 10:
                octets[4:6] = max(0, len(octets) - 40).to_bytes(2, "big")
                octets[6] = chance.choice((TCP, UDP, 44, 0, 43, 51, 60, 58))
        yield {pcapng.NULL: b"\2\0\0\0", pcapng.ETHERNET: chance.randbytes(12) + b"\x08\0"}.get(link, b"") + octets


@pytest.mark.parametrize("link", [pcapng.NULL, pcapng.ETHERNET, pcapng.RAW, pcapng.IPV4, 147])
def test_headers_say_of_random_packets_what_single_packets_say(link: int) -> None:
    """Random octets behind plausible first ones, on several link types."""
    file = io.BytesIO()
    writer = pcapng.Writer(file)
    wire = writer.interface("x", link)
    for number, octets in enumerate(_made(random.Random(link), link)):
        writer.packet(wire, number, octets)
    writer.flush()
    assert _same_headers(file.getvalue()) > 100
