"""Headers of frames: other addresses, and zeros for all that is neither a header nor a payload that was read."""

from __future__ import annotations

from collections.abc import Callable
from mmap import mmap

from workbench.anonymizing.checks import right_again
from workbench.anonymizing.frames import ICMP, ICMP6, SCTP, Layer, hardware, payload
from workbench.anonymizing.mapping import Mapping
from workbench.errors import MalformedMessageError
from workbench.net.packets import TCP, UDP, decode_ip

_LINK_HEADERS = {1: 14, 113: 16, 276: 20}


class Headers:
    """Rewrites what stands around the payloads. `zeros` counts octets that were not understood."""

    def __init__(self, mapping: Mapping, user_message: Callable[[bytes], tuple[bytes, bool]]) -> None:
        self._map, self._user_message = mapping, user_message
        self.zeros = 0

    def rewrite(self, link: int, old: bytes, new: bytearray, found: list[Layer]) -> None:
        """One frame, whose payloads are done in `new`; checksums come after it."""
        if not found:
            kept = _LINK_HEADERS.get(link, 0)
            for at, size in hardware(link, old, 0, []):
                if at + size <= len(old):
                    new[at : at + size] = self._map.mac(old[at : at + size])
            if len(old) > kept:
                new[kept:] = bytes(len(old) - kept)
                self.zeros += len(old) - kept
            return
        for at, size in hardware(link, old, found[0].at, found):
            new[at : at + size] = self._map.mac(old[at : at + size])
        new[found[0].end :] = bytes(len(new) - found[0].end)
        for layer in found:
            for at, size in layer.addresses:
                new[at : at + size] = self._map.address(old[at : at + size])
            if layer.ip.version == 4 and layer.begin > layer.at + 20:
                new[layer.at + 20 : layer.begin] = b"\x01" * (layer.begin - layer.at - 20)
        self._rest(old, new, found[-1])

    def _rest(self, old: bytes, new: bytearray, layer: Layer) -> None:
        ip, begin, end = layer.ip, layer.begin, layer.end
        if ip.is_fragment or layer.carries:
            return
        if ip.protocol in (TCP, UDP):
            _, stop = payload(layer, old)
            if ip.protocol == UDP and stop < end:
                new[stop:end] = bytes(end - stop)
            return
        if ip.protocol in (ICMP, ICMP6):
            self._quoted(old, new, layer)
            return
        kept = min(end, begin + (12 if ip.protocol == SCTP else 0))
        if kept < end:
            new[kept:end] = self._chunks(old[kept:end]) if ip.protocol == SCTP else bytes(end - kept)

    def _chunks(self, octets: bytes) -> bytes:
        """SCTP chunks: a message that is whole in one DATA chunk is rewritten, all other values are zeros."""
        made, at = b"", 0
        while at + 4 <= len(octets):
            kind, flags, size = octets[at], octets[at + 1], max(int.from_bytes(octets[at + 2 : at + 4], "big"), 4)
            value = octets[at + 4 : at + size]
            if kind == 0 and flags & 3 == 3 and len(value) > 12:
                new, understood = self._user_message(value[12:])
                self.zeros += 0 if understood else len(new)
                value = value[:12] + new
            elif kind == 0:
                self.zeros += max(len(value) - 12, 0)
                value = value[:12] + bytes(max(len(value) - 12, 0))
            elif kind in (1, 2):
                value = value[:16] + bytes(max(len(value) - 16, 0))
            elif kind != 3:
                value = bytes(len(value))
            made += octets[at : at + 4] + value + bytes(min(-size % 4, max(len(octets) - at - size, 0)))
            at += size + -size % 4
        return made[: len(octets)] + bytes(max(len(octets) - len(made), 0))

    def _quoted(self, old: bytes, new: bytearray, layer: Layer) -> None:
        """ICMP: the packet that an error quotes keeps its headers, with other addresses in them."""
        at, end = layer.begin + 8, layer.end
        error = old[layer.begin] in ((3, 4, 5, 11, 12) if layer.ip.protocol == ICMP else (1, 2, 3, 4))
        new[min(at, end) : end] = bytes(max(end - at, 0))
        if layer.ip.protocol == ICMP and error and old[layer.begin] == 5:
            new[layer.begin + 4 : at] = self._map.address(old[layer.begin + 4 : at])
        if not error:
            return
        try:
            inner = decode_ip(old[at:end], whole=False)
        except MalformedMessageError:
            return
        head = at + inner.header_octets
        new[at : min(head + 8, end)] = old[at : min(head + 8, end)]
        quoted = Layer(at, inner, head, min(head + len(inner.payload), end))
        for place, size in quoted.addresses:
            new[place : place + size] = self._map.address(old[place : place + size])
        right_again(quoted, old, new)


class Pending:
    """The checksum of a datagram in fragments, which is in the first one and hangs on all."""

    def __init__(self, protocol: int) -> None:
        self._protocol = protocol
        self._changes: dict[int, int] = {}
        self._firsts: list[int] = []

    def take(self, place: int, layer: Layer, change: int) -> None:
        """One fragment, at this place of the file, and by how much the sum over it has changed."""
        self._changes[layer.ip.fragment_offset] = change
        if layer.ip.fragment_offset == 0:
            self._firsts.append(place + layer.begin)

    def settle(self, memory: mmap) -> None:
        """Write the checksum, wherever the first fragment came."""
        at = {TCP: 16, UDP: 6}.get(self._protocol)
        for first in self._firsts if at is not None else ():
            assert at is not None
            field = memory[first + at : first + at + 2]
            if self._protocol == UDP and field == b"\0\0":
                continue
            new = (int.from_bytes(field, "big") - sum(self._changes.values())) % 65535
            memory[first + at : first + at + 2] = (new or (0xFFFF if self._protocol == UDP else 0)).to_bytes(2, "big")
