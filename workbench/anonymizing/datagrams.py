"""UDP datagrams, whole or in IP fragments, rewritten where they stand in the file."""

from __future__ import annotations

from collections.abc import Callable
from mmap import mmap

from workbench.anonymizing.faxes import Faxes
from workbench.anonymizing.handshakes import CHANGE_CIPHER_SPEC, HANDSHAKE, Handshakes
from workbench.anonymizing.mapping import Mapping
from workbench.anonymizing.small import bfcp, rtcp, rtp, stun
from workbench.anonymizing.texts import Texts
from workbench.protocols.h248.recognise import looks_like_text
from workbench.protocols.rtp.wire import looks_like_rtcp, looks_like_rtp
from workbench.protocols.sip.wire import looks_like_sip
from workbench.protocols.stun.wire import looks_like_stun

_MOST_FLIGHTS = 100_000
_MOST_HANDSHAKE = 200_000

Extent = tuple[int, int]
"""Offset in the file, and size."""


def read(memory: mmap, extents: tuple[Extent, ...]) -> bytes:
    """The octets of a datagram."""
    return b"".join(memory[at : at + size] for at, size in extents)


def write(memory: mmap, extents: tuple[Extent, ...], octets: bytes) -> None:
    """Put octets where others stood."""
    place = 0
    for at, size in extents:
        memory[at : at + size] = octets[place : place + size]
        place += size


class Flights:
    """Handshake messages of DTLS: their fragments, wherever they came, as often as they came."""

    def __init__(self, handshakes: Handshakes) -> None:
        self._handshakes = handshakes
        self._parts: dict[tuple[object, int, int, int], dict[int, list[tuple[int, int]]]] = {}

    def add(self, flow: object, kind: int, number: int, total: int, offset: int, place: int, size: int) -> bool:
        """Take a fragment of a message; False: there are too many."""
        key = (flow, kind, number, total)
        if key not in self._parts and len(self._parts) >= _MOST_FLIGHTS:
            return False
        self._parts.setdefault(key, {}).setdefault(offset, []).append((place, size))
        return True

    def rewrite(self, memory: mmap) -> None:
        """Replace them all."""
        for (_, kind, _, total), parts in self._parts.items():
            body, known = bytearray(min(total, _MOST_HANDSHAKE)), 0
            for offset in sorted(parts):
                place, size = parts[offset][0]
                body[offset : offset + size] = memory[place : place + size]
                known = offset + size if offset <= known else known
            whole = known >= total == len(body)
            new = self._handshakes.message(kind, bytes(body), datagrams=True) if whole else bytes(len(body))
            for offset, places in parts.items():
                for place, size in places:
                    memory[place : place + size] = new[offset : offset + size].ljust(size, b"\0")
        self._parts.clear()


class Datagrams:
    """What becomes of each datagram."""

    def __init__(self, mapping: Mapping, texts: Texts, handshakes: Handshakes) -> None:
        self._map, self._texts = mapping, texts
        self.flights = Flights(handshakes)
        self._faxes = Faxes(mapping)

    def is_dtls(self, octets: bytes) -> bool:
        """Whether a datagram begins with a DTLS record (RFC 7983 §7)."""
        return len(octets) >= 13 and 20 <= octets[0] <= 25 and octets[1] == 0xFE

    def dtls(self, flow: object, memory: mmap, extents: tuple[Extent, ...]) -> None:
        """Records: handshake in epoch 0 is kept for `flights`, all that is protected becomes noise at once."""
        octets = read(memory, extents)
        made, at = bytearray(octets), 0
        only = extents[0][0] if len(extents) == 1 else -1
        while at + 13 <= len(octets) and 20 <= octets[at] <= 25 and octets[at + 1] == 0xFE:
            epoch, size = octets[at + 3 : at + 5], int.from_bytes(octets[at + 11 : at + 13], "big")
            begin, end = at + 13, min(at + 13 + size, len(octets))
            fragment = octets[begin:end]
            if octets[at] == HANDSHAKE and epoch == b"\0\0":
                if not self._handshake(flow, fragment, only + begin if only >= 0 else -1):
                    made[begin:end] = bytes(end - begin)
            elif epoch != b"\0\0" or not (octets[at] == CHANGE_CIPHER_SPEC or (octets[at] == 21 and size == 2)):
                made[begin:end] = self._map.octets(fragment)
            at = end
        made[at:] = bytes(len(octets) - at)
        write(memory, extents, bytes(made))

    def _handshake(self, flow: object, octets: bytes, place: int) -> bool:
        at = 0
        while at + 12 <= len(octets):
            total, number, offset, size = (int.from_bytes(octets[at + begin : at + end], "big")
                                           for begin, end in ((1, 4), (4, 6), (6, 9), (9, 12)))
            if at + 12 + size > len(octets) or place < 0 or total > _MOST_HANDSHAKE or offset + size > total:
                return False
            if size and not self.flights.add(flow, octets[at], number, total, offset, place + at + 12, size):
                return False
            at += 12 + size
        return at == len(octets)

    def other(self, flow: object, octets: bytes) -> tuple[bytes, bool]:
        """A datagram that is no DTLS, rewritten, and whether it was understood; zeros if not."""
        maker = self._maker(flow, octets)
        if maker is None:
            return bytes(len(octets)), not octets.strip(b"\0\r\n")
        made = maker(octets)
        return (made, bool(made.strip(b"\0"))) if len(made) == len(octets) else (bytes(len(octets)), False)

    def _maker(self, flow: object, octets: bytes) -> Callable[[bytes], bytes] | None:
        if looks_like_sip(octets.lstrip(b"\r\n")):
            return self._texts.sip
        if looks_like_text(octets):
            return self._texts.h248
        if looks_like_stun(octets) and len(octets) >= 20:
            return lambda data: stun(data, self._map, self._texts)
        if looks_like_rtcp(octets):
            return rtcp
        if looks_like_rtp(octets):
            return lambda data: rtp(data, self._map)
        if (len(octets) >= 12 and octets[0] >> 5 in (1, 2) and 1 <= octets[1] <= 20
                and len(octets) == 12 + 4 * int.from_bytes(octets[2:4], "big")):
            return lambda data: bfcp(data, self._texts)
        return lambda data: self._faxes.packet(flow, data)
