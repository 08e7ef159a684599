"""Captures made by hand for the analyser's tests: datagrams, and TCP conversations with their own numbers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from workbench.analysis.pcapng import Packet, Reader, Writer, scan
from workbench.net.packets import ACK, FIN, PSH, RST, SYN, Tcp, encode_tcp, encode_udp
from workbench.net.sctp import (
    COOKIE_ACK,
    COOKIE_ECHO,
    INIT,
    INIT_ACK,
    SACK,
    SHUTDOWN,
    SHUTDOWN_ACK,
    SHUTDOWN_COMPLETE,
    Chunk,
    Data,
    encode_data,
    encode_sctp,
)
from workbench.net.values import Endpoint

A = Endpoint("192.0.2.1", 40001)
B = Endpoint("192.0.2.2", 40002)
START = 1_772_360_100 * 10**9

Frame = tuple[float, str, bytes]


def udp(time: float, source: Endpoint, destination: Endpoint, data: bytes, wire: str = "wire") -> Frame:
    return time, wire, encode_udp(source, destination, data)


class Talk:
    """A TCP connection: each call gives its frame."""

    def __init__(self, client: Endpoint = A, server: Endpoint = B, wire: str = "wire",
                 isn: tuple[int, int] = (1000, 9000)) -> None:
        self.ends = (client, server)
        self.wire = wire
        self.next = list(isn)
        self.frames: list[Frame] = []
        self.time = 0.0

    def put(self, who: int, flags: int, data: bytes = b"", at: float | None = None) -> Talk:
        self.time = self.time + 0.001 if at is None else at
        ack = self.next[1 - who] if flags & ACK else 0
        octets = encode_tcp(Tcp(self.ends[who], self.ends[1 - who], self.next[who] & 0xFFFFFFFF, ack & 0xFFFFFFFF,
                                flags, 65535, data))
        self.next[who] += len(data) + bool(flags & SYN) + bool(flags & FIN)
        self.frames.append((self.time, self.wire, octets))
        return self

    def opens(self, at: float = 0.0) -> Talk:
        return self.put(0, SYN, at=at).put(1, SYN | ACK).put(0, ACK)

    def says(self, who: int, data: bytes, at: float | None = None) -> Talk:
        return self.put(who, PSH | ACK, data, at)

    def closes(self, first: int = 0) -> Talk:
        return self.put(first, FIN | ACK).put(1 - first, FIN | ACK).put(first, ACK)

    def resets(self, who: int) -> Talk:
        return self.put(who, RST | ACK)


class Association:
    """An SCTP association: each call gives its frames."""

    def __init__(self, client: Endpoint = A, server: Endpoint = B, wire: str = "wire",
                 tags: tuple[int, int] = (0x1111, 0x2222), tsns: tuple[int, int] = (100, 2**32 - 2)) -> None:
        self.ends = (client, server)
        self.wire = wire
        self.tags = tags            # chosen by client and server: what packets to them carry
        self.tsn = list(tsns)
        self.sequence: dict[tuple[int, int], int] = {}
        self.frames: list[Frame] = []
        self.time = 0.0

    def put(self, who: int, *chunks: Chunk, at: float | None = None, tag: int | None = None) -> Association:
        self.time = self.time + 0.001 if at is None else at
        tag = self.tags[1 - who] if tag is None else tag
        self.frames.append((self.time, self.wire, encode_sctp(self.ends[who], self.ends[1 - who], tag, chunks)))
        return self

    def opens(self, at: float = 0.0) -> Association:
        def value(who: int) -> bytes:
            return struct.pack("!IIHHI", self.tags[who], 65536, 10, 10, self.tsn[who])

        return (self.put(0, Chunk(INIT, 0, value(0)), at=at, tag=0)
                .put(1, Chunk(INIT_ACK, 0, value(1) + struct.pack("!HH", 7, 12) + b"a cookie"))
                .put(0, Chunk(COOKIE_ECHO, 0, b"a cookie")).put(1, Chunk(COOKIE_ACK)))

    def data(self, who: int, octets: bytes, size: int = 0, stream: int = 1, ppid: int = 7) -> list[Chunk]:
        """DATA chunks of a message, in fragments of `size` octets (0: in one)."""
        number = self.sequence.get((who, stream), 0)
        self.sequence[who, stream] = number + 1 & 0xFFFF
        size = size or len(octets)
        chunks = []
        for at in range(0, len(octets), size):
            chunks.append(encode_data(Data(self.tsn[who], stream, number, ppid, octets[at : at + size], at == 0,
                                           at + size >= len(octets))))
            self.tsn[who] = self.tsn[who] + 1 & 0xFFFFFFFF
        return chunks

    def says(self, who: int, octets: bytes, size: int = 0, stream: int = 1, ppid: int = 7) -> Association:
        """One message, a packet for each fragment, and the SACK."""
        for chunk in self.data(who, octets, size, stream, ppid):
            self.put(who, chunk)
        return self.put(1 - who, Chunk(SACK, 0, struct.pack("!IIHH", self.tsn[who] - 1 & 0xFFFFFFFF, 65536, 0, 0)))

    def closes(self) -> Association:
        return (self.put(0, Chunk(SHUTDOWN, 0, struct.pack("!I", self.tsn[1] - 1 & 0xFFFFFFFF)))
                .put(1, Chunk(SHUTDOWN_ACK)).put(0, Chunk(SHUTDOWN_COMPLETE)))


def write(path: Path, frames: list[Frame], *, names: dict[str, str] | None = None, secrets: str = "") -> Path:
    with Writer(path) as writer:
        ids: dict[str, int] = {}
        writer.names(names or {})
        writer.secrets(secrets)
        for time, wire, octets in frames:
            if wire not in ids:
                ids[wire] = writer.interface(wire)
            writer.packet(ids[wire], START + round(time * 1e9), octets)
    return path


def edited(source: Path, target: Path, change: Callable[[list[Packet]], list[Packet]], *, names: bool = True) -> Path:
    """A capture with its frames changed, dropped or in another order; names and secrets stay."""
    given, secrets = scan(source)
    with Reader(source) as reader, Writer(target) as writer:
        packets = change(list(reader))
        if names:
            writer.names(given)
        writer.secrets(secrets)
        ids: dict[str, int] = {}
        for packet in packets:
            if packet.wire not in ids:
                ids[packet.wire] = writer.interface(packet.wire, packet.link)
            writer.packet(ids[packet.wire], packet.time_ns, packet.octets, packet.comment)
    return target


def sip(start: str, call_id: str, method: str, sdp: str = "", cseq: int = 1) -> bytes:
    lines = [start, f"Call-ID: {call_id}", f"CSeq: {cseq} {method}", "From: <sip:a@home1.example>;tag=a",
             "To: <sip:b@home2.example>", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"]
    body = sdp.encode()
    if body:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def sdp(address: str, port: int, proto: str, *attributes: str) -> str:
    return "".join(f"{line}\r\n" for line in (
        "v=0", f"o=- 1 1 IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0", f"m=message {port} {proto} *",
        *(f"a={attribute}" for attribute in attributes)))
