"""The decrypted twin: the same capture in clear where TLS and DTLS were, so that any Wireshark reads what was inside.

A protected connection becomes a new one of the same addresses, ports and times: SYN, SYN-ACK, ACK, each message in
a segment of its own, FIN or RST. A DTLS association becomes a UDP datagram for each payload. Handshake, alerts and
bare acknowledgements are left out; all other frames stay.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from workbench.analysis.dissect import TWIN_COMMENT, Content
from workbench.analysis.flows import payload_of
from workbench.analysis.pcapng import RAW, Packet, Reader, Writer
from workbench.errors import MalformedMessageError
from workbench.net.packets import ACK, FIN, PSH, RST, SYN, TCP, Tcp, decode_tcp, encode_tcp, encode_udp
from workbench.protocols.msrp.wire import Reader as MsrpReader

if TYPE_CHECKING:
    from workbench.analysis.carried.dtls import DtlsFlow
    from workbench.analysis.report import Report

_MOST_IN_SEGMENT = 32_768
_WINDOW = 65_535


def write_twin(report: Report | str | os.PathLike[str], out: str | os.PathLike[str]) -> int:
    """Write the decrypted twin of a capture.

    Args:
        report: of the capture, or its path (which is analysed then).
        out: path of the pcapng file to write.

    Returns:
        How many connections were rewritten; one that could not be decrypted stays as it is.

    Raises:
        CaptureError: the capture can't be read again, or the twin can't be written.
    """
    if isinstance(report, str | os.PathLike):
        from workbench.analysis.analyzing import analyze

        report = analyze(report)
    clear: dict[int, _Clear | _ClearDatagrams] = {}
    count = 0
    for content in report.contents:
        if content.observer is not None and content.pieces and not content.cut:
            rewritten = _Clear(content)
            count += 1
            clear.update(dict.fromkeys(content.connection.frames, rewritten))
    for flow in report.dtls:
        if flow.pieces and not flow.cut:
            datagrams = _ClearDatagrams(flow)
            count += 1
            clear.update(dict.fromkeys(flow.frames, datagrams))
    given = {address: node.name for node in report.nodes if node.named for address in node.addresses}
    with Reader(report.capture) as reader, Writer(out) as writer:
        writer.names(given)
        ids: dict[tuple[str, int], int] = {}
        for packet in reader:
            rewriting = clear.get(packet.number)
            link = packet.link if rewriting is None else RAW
            known = ids.get((packet.wire, link))
            if known is None:
                known = ids[packet.wire, link] = writer.interface(packet.wire, link)
            if rewriting is None:
                writer.packet(known, packet.time_ns, packet.octets, packet.comment, packet.length)
                continue
            for octets in rewriting.take(packet):
                comment = f"{TWIN_COMMENT}; {packet.comment}" if packet.comment else TWIN_COMMENT
                writer.packet(known, packet.time_ns, octets, comment)
    return count


class _ClearDatagrams:
    """One DTLS association, written again without protection: a datagram for each payload."""

    def __init__(self, flow: DtlsFlow) -> None:
        self._sides = flow.sides
        self._sent: dict[int, list[tuple[int, bytes]]] = {}
        for direction, frame, octets in flow.pieces:
            self._sent.setdefault(frame, []).append((direction, octets))

    def take(self, packet: Packet) -> list[bytes]:
        """The packets that stand for this one."""
        return [encode_udp(self._sides[direction], self._sides[1 - direction], octets)
                for direction, octets in self._sent.pop(packet.number, ())]


class _Clear:
    """One protected connection, written again without protection."""

    def __init__(self, content: Content) -> None:
        self._sides = content.connection.sides
        self._sent: dict[int, list[tuple[int, bytes]]] = {}     # frame -> direction, segment's octets
        self._next = [0, 0]     # sequence number of the next octet of each side
        self._open = [False, False]
        self._acked = False
        self._ended = [False, False]
        msrp = content.connection.protocol.endswith("MSRP")
        for direction in (0, 1):
            for frame, octets in _segments(content, direction, msrp):
                self._sent.setdefault(frame, []).append((direction, octets))

    def take(self, packet: Packet) -> list[bytes]:
        """The packets that stand for this one."""
        try:
            ip = payload_of(packet)
            segment = decode_tcp(ip) if ip is not None and ip.protocol == TCP else None
        except MalformedMessageError:
            segment = None
        if segment is None:
            return []
        direction = 0 if segment.source == self._sides[0] else 1
        found: list[bytes] = []
        if segment.flags & SYN:
            if not self._open[direction]:
                self._open[direction] = True
                self._next[direction] = (segment.sequence + 1) & 0xFFFFFFFF
                found.append(self._made(direction, segment.flags & (SYN | ACK), b"", segment.sequence, segment.options))
            return found
        if all(self._open) and not self._acked:
            self._acked = True
            found.append(self._made(direction, ACK, b""))
        for towards, octets in self._sent.pop(packet.number, ()):
            found.append(self._made(towards, PSH | ACK, octets))
            self._next[towards] = (self._next[towards] + len(octets)) & 0xFFFFFFFF
            found.append(self._made(1 - towards, ACK, b""))
        if self._ended[direction]:
            return found
        if segment.flags & RST:
            self._ended = [True, True]
            found.append(self._made(direction, RST | ACK, b""))
        elif segment.flags & FIN:
            self._ended[direction] = True
            found.append(self._made(direction, FIN | ACK, b""))
            self._next[direction] = (self._next[direction] + 1) & 0xFFFFFFFF
            if all(self._ended):
                found.append(self._made(1 - direction, ACK, b""))
        return found

    def _made(self, direction: int, flags: int, octets: bytes, sequence: int | None = None,
              options: bytes = b"") -> bytes:
        source, destination = self._sides[direction], self._sides[1 - direction]
        acknowledgment = self._next[1 - direction] if flags & ACK else 0
        return encode_tcp(Tcp(source, destination, self._next[direction] if sequence is None else sequence,
                              acknowledgment, flags, _WINDOW, octets, options))


def _segments(content: Content, direction: int, msrp: bool) -> list[tuple[int, bytes]]:
    """The octets of a direction as segments: each MSRP message whole where it fits, at the frame that ended it."""
    found: list[tuple[int, bytes]] = []
    reader = MsrpReader(max_octets=_MOST_IN_SEGMENT * 64) if msrp else None
    waiting, frame = b"", 0
    taken = 0
    for towards, frame, octets in content.pieces:
        if towards != direction:
            continue
        waiting += octets
        if reader is not None and not reader.broken:
            for framed in reader.receive_data(octets):
                size = framed.end - taken
                found += _cut(frame, waiting[:size])
                waiting, taken = waiting[size:], framed.end
            continue
        found += _cut(frame, waiting)
        waiting = b""
    last = next((number for towards, number, _ in reversed(content.pieces) if towards == direction), frame)
    return found + _cut(last, waiting)


def _cut(frame: int, octets: bytes) -> list[tuple[int, bytes]]:
    return [(frame, octets[at : at + _MOST_IN_SEGMENT]) for at in range(0, len(octets), _MOST_IN_SEGMENT)]
