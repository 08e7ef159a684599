"""A trace as a field test leaves it: many calls at once over one Ethernet port, made of one recorded call.

    .venv/bin/python benchmarks/field_trace.py OUT.pcapng [--packets 300000]

Each call has its own subscriber, gateway ports, H.248 context and identifiers; in it a file goes from UE to peer over
MSRP in 2,048-octet chunks: inside TLS on the access leg (records that nobody can read), in clear on the core leg.
Equal arguments give equal files.
"""

from __future__ import annotations

import argparse
import base64
import heapq
import random
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from measuring import say

import workbench
from workbench import scenarios
from workbench.analysis import pcapng
from workbench.analysis.flows import network_packet
from workbench.analysis.values import Leg
from workbench.net.packets import ACK, FIN, PSH, SYN, TCP, Tcp, decode_ip, decode_tcp, encode_tcp, encode_udp
from workbench.net.values import Endpoint

SCENARIO = "e2ae-msrp-originating"
CHUNK = 2048
SEGMENT = 1448
_ETHER = bytes.fromhex("020000000002020000000001")
_NAMED = re.compile(rb"(?:Call-ID: |tag=|branch=z9hG4bK|:\d+/)(\w{8,})")
_NUMBERS = re.compile(rb"(?<![\d.A-Za-z:])(10\d\d|20\d\d|4000[02]|26\d\d\d)(?!\d)")
_CONTEXT = re.compile(rb"(Context = |/core/|/access/)([12])\b")

Timed = tuple[float, bytes]


class Template:
    """One call, taken apart: its signalling as texts, and the octets with which each leg begins and ends."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            run = scenarios.get(SCENARIO).run(seed=1, out=Path(folder))
            report = workbench.analyze(run.capture)
            self.signalling = [
                (one.time, _at(one.source), _at(one.destination), one.octets) for one in report.messages
                if one.protocol in ("SIP", "H.248") and one.time > 0.5]
            names = {name for *_, octets in self.signalling for name in _NAMED.findall(octets)}
            self.names = re.compile(b"|".join(sorted(names)))
            call = next(one for one in report.sessions if one.legs)
            self.legs = {leg.name: leg for leg in call.legs}
            self.greetings = {name: _segments(run.capture, leg) for name, leg in self.legs.items()}


def _at(place: workbench.analysis.values.Place) -> Endpoint:
    return Endpoint(place.address, place.port)


def _segments(capture: Path, leg: Leg) -> list[tuple[float, Tcp]]:
    """The segments of a leg that carry something, up to the first text."""
    found: list[tuple[float, Tcp]] = []
    with pcapng.Reader(capture) as reader:
        first = None
        for packet in reader:
            first = packet.time_ns if first is None else first
            time = (packet.time_ns - first) / 1e9
            octets = network_packet(packet.link, packet.octets)
            ip = decode_ip(octets) if octets else None
            if packet.wire == leg.wire and ip is not None and ip.protocol == TCP and time < 1.5:
                segment = decode_tcp(ip)
                if segment.payload:
                    found.append((time, segment))
    return found


class Stream:
    """A TCP connection being written: what either end says becomes segments and acknowledgments."""

    def __init__(self, client: Endpoint, server: Endpoint, chance: random.Random) -> None:
        self._ends = (client, server)
        self._next = [chance.getrandbits(32), chance.getrandbits(32)]

    def open(self, time: float) -> Iterator[Timed]:
        yield time, self._segment(0, SYN, b"", 1)
        yield time + 0.005, self._segment(1, SYN | ACK, b"", 1)
        yield time + 0.010, self._segment(0, ACK, b"", 0)

    def say(self, time: float, end: int, octets: bytes, *, more: bool = False) -> Iterator[Timed]:
        """The octets from one end; the other acknowledges unless it says something itself soon (`more`)."""
        for at in range(0, len(octets), SEGMENT):
            part = octets[at : at + SEGMENT]
            last = at + SEGMENT >= len(octets)
            yield time, self._segment(end, ACK | (PSH if last else 0), part, len(part))
            time += 0.0001
        if not more:
            yield time + 0.004, self._segment(1 - end, ACK, b"", 0)

    def close(self, time: float) -> Iterator[Timed]:
        yield time, self._segment(0, FIN | ACK, b"", 1)
        yield time + 0.005, self._segment(1, FIN | ACK, b"", 1)
        yield time + 0.010, self._segment(0, ACK, b"", 0)

    def _segment(self, end: int, flags: int, payload: bytes, takes: int) -> bytes:
        segment = Tcp(self._ends[end], self._ends[1 - end], self._next[end],
                      self._next[1 - end] if flags & ACK else 0, flags, 65_000, payload)
        self._next[end] = (self._next[end] + takes) & 0xFFFFFFFF
        return encode_tcp(segment)


class Call:
    """The `number`th call of the trace."""

    def __init__(self, template: Template, number: int, begins: float, octets: int) -> None:
        self._template, self._number, self._begins, self._octets = template, number, begins, octets
        self._chance = random.Random(number)
        self._ue = f"100.{64 + number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"
        self._line = base64.b64encode(self._chance.randbytes(CHUNK))[:CHUNK]
        self._ports = {40_000: 20_000 + 2 * (number % 20_000), 40_002: 20_001 + 2 * (number % 20_000)}

    def packets(self) -> Iterable[Timed]:
        """All packets in order of time."""
        return heapq.merge(self._signalling(), self._leg("access"), self._leg("core"), key=lambda one: one[0])

    def _signalling(self) -> Iterator[Timed]:
        template = self._template
        file = self._length()
        for time, source, destination, octets in template.signalling:
            later = time if time < 19 else time - 20 + 3 + file
            yield self._begins + later, encode_udp(self._place(source), self._place(destination), self._text(octets))

    def _length(self) -> float:
        return self._octets / CHUNK * 0.012

    def _place(self, place: Endpoint) -> Endpoint:
        host = self._ue if place.host == "203.0.113.10" else place.host
        return Endpoint(host, self._ports.get(place.port, place.port))

    def _text(self, octets: bytes) -> bytes:
        octets = octets.replace(b"203.0.113.10", self._ue.encode())
        octets = self._template.names.sub(lambda found: b"%s%05d" % (found[0][:-5], self._number), octets)
        octets = _CONTEXT.sub(lambda found: found[1] + b"%d" % (10 * self._number + int(found[2])), octets)
        return _sized(_NUMBERS.sub(self._numbered, octets))

    def _numbered(self, found: re.Match[bytes]) -> bytes:
        value = int(found[0])
        if value in self._ports:
            return b"%d" % self._ports[value]
        return found[0] if value > 20_000 else b"%d" % (value % 1000 + 100 * self._number + 1000 * (value // 1000))

    def _leg(self, name: str) -> Iterator[Timed]:
        greeting = self._template.greetings[name]
        client = next(one.source for _, one in greeting)
        server = next(one.destination for _, one in greeting)
        stream = Stream(self._place(client), self._place(server), self._chance)
        begins = self._begins + greeting[0][0]
        yield from stream.open(begins - 0.02)
        for time, segment in greeting:
            end = 0 if segment.source == client else 1
            payload = self._text(segment.payload) if name == "core" else segment.payload
            yield from stream.say(self._begins + time, end, payload)
        time = self._begins + 2.0 + (0.01 if name == "core" else 0.0)
        says: Callable[[bytes], bytes] = self._sealed if name == "access" else bytes
        for number in range(0, self._octets, CHUNK):
            request, response = self._chunk(number)
            yield from stream.say(time, 0, says(request), more=True)
            yield from stream.say(time + 0.006, 1, says(response), more=number // CHUNK % 2 == 0)
            time += 0.012
        yield from stream.close(self._begins + 3.0 + self._length())

    def _sealed(self, octets: bytes) -> bytes:
        return b"\x17\x03\x03" + (len(octets) + 17).to_bytes(2, "big") + self._chance.randbytes(len(octets) + 17)

    def _chunk(self, at: int) -> tuple[bytes, bytes]:
        transaction = b"c%05d%06d" % (self._number, at // CHUNK)
        there, here = b"msrp://192.0.2.200:26121/s%d;tcp" % self._number, b"msrp://%s:2855/u%d;tcp" % (
            self._ue.encode(), self._number)
        last = min(at + CHUNK, self._octets)
        flag = b"$" if last == self._octets else b"+"
        request = (
            b"MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: m%d\r\nByte-Range: %d-%d/%d\r\n"
            b"Content-Type: application/octet-stream\r\n\r\n%s\r\n-------%s%s\r\n" % (
                transaction, there, here, self._number, at + 1, last, self._octets,
                self._line[: last - at], transaction, flag))
        response = b"MSRP %s 200 OK\r\nTo-Path: %s\r\nFrom-Path: %s\r\n-------%s$\r\n" % (
            transaction, here, there, transaction)
        return request, response


_LENGTH = re.compile(rb"(Content-Length: )(\d+)")


def _sized(octets: bytes) -> bytes:
    """The text with its Content-Length put right."""
    head, separator, body = octets.partition(b"\r\n\r\n")
    if not separator:
        return octets
    return _LENGTH.sub(lambda found: found[1] + b"%d" % len(body), head) + separator + body


def write(path: Path, packets: int, *, octets: int = 200_000) -> int:
    """Write the trace; returns how many packets it holds.

    Args:
        path: of the pcapng file.
        packets: about how many.
        octets: of the file that each call sends.
    """
    template = Template()
    each = sum(1 for _ in Call(template, 1, 0.0, octets).packets())
    calls = max(1, round(packets / each))
    written = 0
    with pcapng.Writer(path) as writer:
        wire = writer.interface("eth0", pcapng.ETHERNET)
        many = (Call(template, number, 0.4 * number, octets).packets() for number in range(calls))
        for time, packet in heapq.merge(*many, key=lambda one: one[0]):
            frame = _ETHER + b"\x08\x00" + packet
            writer.packet(wire, 1_700_000_000 * 10**9 + round(time * 1e9), frame + bytes(max(0, 60 - len(frame))))
            written += 1
    return written


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--packets", type=int, default=300_000)
    given = parser.parse_args()
    packets = write(given.path, given.packets)
    say(f"{given.path.name}: {packets} packets, {given.path.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
