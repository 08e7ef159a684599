"""The header fields of all packets, a column each: link, tunnels, IPv4 and IPv6 with extension headers, TCP, UDP.

What a column says of a packet is what `net.packets` says of it alone. `status` tells the packets that carry nothing
readable, and why; fragments are told, not put together.

Source: RFC 791, RFC 8200, RFC 9293, RFC 768; what stands in front of IP: see `links`.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from workbench.analysis import links, pcapng
from workbench.analysis.columns.index import Index, rows
from workbench.net.packets import TCP, UDP

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from workbench.analysis.columns.index import Octets, Offsets

    Flags = NDArray[np.bool_]

_EXTENSIONS, _FRAGMENT, _AUTHENTICATION = (0, 43, 44, 51, 60), 44, 51
_MOST_EXTENSIONS = 16
_AT_ONCE = 100_000
_KEPT = ("status", "source", "destination", "protocol", "source_port", "destination_port", "sequence",
         "acknowledgment", "flags", "data", "octets", "tunnels")


class Status(enum.IntEnum):
    """What became of a packet."""

    READ = 0
    NO_IP = 1
    """The link carries something else."""
    BROKEN_IP = 2
    """IP that does not decode."""
    BROKEN_TRANSPORT = 3
    """TCP or UDP that does not decode."""
    FRAGMENT = 4
    """A part of an IP packet."""


class Headers(msgspec.Struct):
    """Fields of all packets; a row each, zero where the packet has no such field.

    Args:
        status: a `Status`.
        version: of IP, the innermost one.
        source, destination: number of the address in `addresses`.
        protocol: what IP carries, behind all extension headers.
        at, size: where in the file IP's payload begins, and its octets.
        source_port, destination_port: TCP, UDP and SCTP.
        sequence, acknowledgment, flags, window: TCP.
        data, octets: where the payload of TCP or UDP begins, and how many octets it has.
        tunnels: how many IP headers stand before the innermost one.
        addresses: 4 or 16 octets each.
    """

    status: NDArray[np.uint8]
    version: NDArray[np.uint8]
    source: NDArray[np.int32]
    destination: NDArray[np.int32]
    protocol: NDArray[np.uint8]
    at: Offsets
    size: NDArray[np.int32]
    source_port: NDArray[np.uint16]
    destination_port: NDArray[np.uint16]
    sequence: NDArray[np.uint32]
    acknowledgment: NDArray[np.uint32]
    flags: NDArray[np.uint8]
    window: NDArray[np.uint16]
    data: Offsets
    octets: NDArray[np.int32]
    tunnels: NDArray[np.uint8]
    addresses: list[bytes]


class _Pass:
    """One pass over the packets; `ip` is where the IP header of each begins, `end` where the packet ends."""

    def __init__(self, octets: Octets, index: Index) -> None:
        count = len(index)
        self.octets = octets
        self.end = index.at + index.captured
        self.cut = index.length > index.captured
        self.ip = np.full(count, -1, np.int64)
        self.status = np.full(count, Status.NO_IP, np.uint8)
        self.version = np.zeros(count, np.uint8)
        self.protocol = np.zeros(count, np.uint8)
        self.at = np.zeros(count, np.int64)
        self.behind = np.zeros(count, np.int64)
        self.tunnels = np.zeros(count, np.uint8)
        self.fragment = np.zeros(count, np.bool_)
        self.key = np.zeros((count, 2, 3), np.uint64)

    # --- link

    def link(self, index: Index) -> None:
        """Where IP begins, by link type."""
        kinds = np.array([interface.link for interface in index.interfaces] or [0])[index.interface]
        for kind in np.unique(kinds).tolist():
            chosen = np.flatnonzero(kinds == kind)
            self._link(kind, chosen, index.at[chosen])

    def _link(self, kind: int, chosen: Offsets, at: Offsets) -> None:
        if kind in links.RAW:
            first = self._octet(at) >> 4
            self._is_ip(chosen, at, (at < self.end[chosen]) & ((first == 4) | (first == 6)))
        elif kind in (pcapng.NULL, pcapng.LOOP):
            family = rows(self.octets, at, 4)
            either = (family.view("<u4")[:, 0], family.view(">u4")[:, 0])
            known = np.isin(either[0], (2, *links.FAMILIES_IP6)) | np.isin(either[1], (2, *links.FAMILIES_IP6))
            self._is_ip(chosen, at + 4, known & (at + 4 <= self.end[chosen]))
        elif kind == pcapng.PPP_HDLC:
            cisco = _any_of(self._octet(at), (0x0F, 0x8F)) & (at < self.end[chosen])
            self._link(pcapng.CISCO_HDLC, chosen[cisco], at[cisco])
            self._link(pcapng.PPP, chosen[~cisco], at[~cisco])
        elif kind in links.TYPE_AT:
            type_at, begin = links.TYPE_AT[kind]
            self.ip[chosen] = self._behind(self._word(at + type_at, self.end[chosen]), at + begin, self.end[chosen])
        elif kind in links.BEGINS:
            kind, begin = links.BEGINS[kind]
            self.ip[chosen] = self._behind(np.full(len(at), kind), at + begin, self.end[chosen])

    def _is_ip(self, chosen: Offsets, at: Offsets, known: Flags) -> None:
        self.ip[chosen[known]] = at[known]

    def _behind(self, kind: Offsets, at: Offsets, end: Offsets) -> Offsets:
        """Where IP begins behind all headers in front of it (`links.behind`); -1: there is none."""
        found, left = np.full(len(at), -1, np.int64), np.arange(len(at))
        for _ in range(links.MOST_HEADERS + 1):
            known = _any_of(kind, (links.IP4, links.IP6)) & (at < end)
            found[left[known]] = at[known]
            more = _any_of(kind, links.IN_FRONT)
            if not more.any():
                break
            left, kind, at, end = left[more], kind[more], at[more], end[more]
            kind, at = self._following(kind, at, end)
        return found

    def _following(self, kind: Offsets, at: Offsets, end: Offsets) -> tuple[Offsets, Offsets]:
        """What each header says of what follows it; -1 where it says nothing that is read here."""
        following, begin = np.full(len(at), -1, np.int64), at.copy()
        for tags, words, size in ((links.TAGS, 2, 4), ((links.BRIDGED,), 12, 14)):
            here = np.flatnonzero(_any_of(kind, tags))
            if len(here):
                following[here], begin[here] = self._word(at[here] + words, end[here]), at[here] + size
        for kinds, read in (
                (links.MPLS, self._labelled), ((links.PPPOE,), self._pppoe), ((links.PPP,), self._ppp)):
            here = np.flatnonzero(_any_of(kind, kinds))
            if len(here):
                following[here], begin[here] = read(at[here], end[here])
        return following, begin

    def _labelled(self, at: Offsets, end: Offsets) -> tuple[Offsets, Offsets]:
        last, first, whole = self._octet(at + 2) & 1 == 1, self._octet(at + 4) >> 4, at + 5 <= end
        kind = np.select([~whole, ~last, first == 4, first == 6, first == 0],
                         [-1, links.MPLS[0], links.IP4, links.IP6, links.BRIDGED], -1)
        return kind, at + np.where(last & (first == 0), 8, 4)

    def _pppoe(self, at: Offsets, end: Offsets) -> tuple[Offsets, Offsets]:
        return np.where((self._word(at, end) == 0x1100) & (at + 6 <= end), links.PPP, -1), at + 6

    def _ppp(self, at: Offsets, end: Offsets) -> tuple[Offsets, Offsets]:
        at = at + 2 * (self._word(at, end) == 0xFF03)
        first = self._octet(at).astype(np.int64)
        short = (first & 1 == 1) & (at < end)
        protocol = np.where(short, first, self._word(at, end))
        kind = np.select([protocol == number for number in links.IN_PPP], list(links.IN_PPP.values()), -1)
        return kind, at + 2 - short

    # --- IP

    def network(self) -> None:
        """Read IP headers, and those inside tunnels."""
        chosen = np.flatnonzero(self.ip >= 0)
        for depth in range(links.MOST_TUNNELS + 1):
            self.tunnels[chosen] = depth
            version = self._octet(self.ip[chosen]) >> 4
            empty = self.ip[chosen] >= self.end[chosen]
            self.status[chosen] = Status.BROKEN_IP
            four, six = chosen[(version == 4) & ~empty], chosen[(version == 6) & ~empty]
            self._four(four)
            self._six(six)
            chosen = self._tunnelled(chosen)
            if not len(chosen):
                return

    def _four(self, chosen: Offsets) -> None:
        at, end = self.ip[chosen], self.end[chosen]
        header = rows(self.octets, at, 20)
        length = (header[:, 0] & 15).astype(np.int64) * 4
        total = _big(header, 2, 2)
        total = np.where(total == 0, end - at, total)
        good = (end - at >= 20) & (length >= 20) & (total >= length) & (length <= end - at)
        good &= (total <= end - at) | self.cut[chosen]
        total = np.minimum(total, end - at)
        part = _big(header, 6, 2) & 0x3FFF
        self._read(chosen[good], 4, header[good, 9], at[good] + length[good], (at + total)[good], part[good] != 0)
        words = header[good][:, 12:20].copy().view(">u4").astype(np.uint64)
        self.key[chosen[good], :, 2] = words

    def _six(self, chosen: Offsets) -> None:
        if not len(chosen):
            return
        start, end = self.ip[chosen], self.end[chosen]
        header = rows(self.octets, start, 40)
        length = _big(header, 4, 2)
        total = np.where(length == 0, end - start, 40 + length)
        good = (end - start >= 40) & ((total <= end - start) | self.cut[chosen])
        total = np.minimum(total, end - start)
        chosen, start, header, end = chosen[good], start[good], header[good], (start + total)[good]
        protocol, at, good, part = self._extensions(header[:, 6].astype(np.int64), start + 40, end)
        self._read(chosen[good], 6, protocol[good], at[good], end[good], part[good])
        words = header[good][:, 8:40].copy().view(">u8").astype(np.uint64)
        self.key[chosen[good], :, :2] = words.reshape(-1, 2, 2)
        self.key[chosen[good], :, 2] = 6

    def _extensions(self, protocol: Offsets, at: Offsets, end: Offsets) -> tuple[Offsets, Offsets, Flags, Flags]:
        """Behind the extension headers: protocol, offset, whether they could be read, and whether this is a part."""
        good, part, offset = np.ones(len(at), np.bool_), np.zeros(len(at), np.bool_), np.zeros(len(at), np.bool_)
        protocol, at = protocol.copy(), at.copy()
        for _ in range(_MOST_EXTENSIONS):
            here = np.flatnonzero(good & _any_of(protocol, _EXTENSIONS) & ~offset)
            if not len(here):
                return protocol, at, good, part
            header = rows(self.octets, at[here], 4).astype(np.int64)
            kind, field = protocol[here], _big(header, 2, 2)
            size = np.where(kind == _FRAGMENT, 8, np.where(
                kind == _AUTHENTICATION, (header[:, 1] + 2) * 4, (header[:, 1] + 1) * 8))
            good[here] = (at[here] + 8 <= end[here]) & (at[here] + size <= end[here])
            fragment = kind == _FRAGMENT
            offset[here] |= fragment & (field & 0xFFF8 != 0)
            part[here] |= fragment & (field & 0xFFF9 != 0)
            protocol[here], at[here] = header[:, 0], at[here] + size
        good &= ~_any_of(protocol, _EXTENSIONS) | offset
        return protocol, at, good, part

    def _read(self, chosen: Offsets, version: int, protocol: NDArray[Any], at: Offsets, behind: Offsets,
              part: Flags) -> None:
        self.status[chosen] = np.where(part, Status.FRAGMENT, Status.READ)
        self.version[chosen], self.protocol[chosen] = version, protocol
        self.at[chosen], self.behind[chosen] = at, behind
        self.key[chosen] = 0

    # --- tunnels

    def _tunnelled(self, chosen: Offsets) -> Offsets:
        """Of these packets, the ones that carry IP again: `ip` and `end` are those of the inner packet now."""
        chosen = chosen[self.status[chosen] == Status.READ]
        protocol, at, end = self.protocol[chosen], self.at[chosen], self.behind[chosen]
        inner = np.where((protocol == links.IP_IN_IP) | (protocol == links.IP6_IN_IP), at, -1)
        for number, read in ((links.GRE, self._inside_gre), (links.MPLS_IN_IP, self._inside_mpls),
                             (links.ETHER_IP, self._inside_ether), (UDP, self._inside_udp)):
            here = np.flatnonzero(protocol == number)
            if len(here):
                inner[here] = read(at[here], end[here])
        found = (inner >= 0) & (inner < end) & (self.tunnels[chosen] < links.MOST_TUNNELS)
        chosen = chosen[found]
        self.ip[chosen], self.end[chosen] = inner[found], self.behind[chosen]
        return chosen

    def _inside_mpls(self, at: Offsets, end: Offsets) -> Offsets:
        return self._behind(np.full(len(at), links.MPLS[0]), at, end)

    def _inside_ether(self, at: Offsets, end: Offsets) -> Offsets:
        return self._behind(np.where(self._word(at, end) == 0x3000, links.BRIDGED, -1), at + 2, end)

    def _inside_gre(self, at: Offsets, end: Offsets) -> Offsets:
        """Where the packet in GRE of version 0 begins; -1: none, or no IP (see `links`)."""
        header = rows(self.octets, at, 4).astype(np.int64)
        bits, kind = header[:, 0], _big(header, 2, 2)
        kind[(header[:, 1] & 7 != 0) | (bits & 0x40 != 0) | (at + 4 > end)] = -1
        at = at + 4 + 4 * (bits >> 7 & 1) + 4 * (bits >> 5 & 1) + 4 * (bits >> 4 & 1)
        second, third = kind == links.ERSPAN, kind == links.ERSPAN_3
        form, more = self._octet(at + 10) >> 2 & 31, self._octet(at + 11) & 1
        begin = at + np.select([second, third], [8 * (bits >> 4 & 1), 12 + 8 * more.astype(np.int64)], 0)
        whole, six = at + 12 <= end, self._octet(begin) >> 4 == 6
        frame, packet = third & whole & (form == 0), third & whole & (form == 2)
        kind = np.select([second | frame, packet & six, packet, third], [links.BRIDGED, links.IP6, links.IP4, -1], kind)
        return self._behind(kind, begin, end)

    def _inside_udp(self, at: Offsets, end: Offsets) -> Offsets:
        """Where the packet in GTP-U, VXLAN or Geneve begins; -1: none."""
        header = rows(self.octets, at, 12).astype(np.int64)
        port, whole = _big(header, 2, 2), at + 16 <= end
        vxlan = (header[:, 8] == 8) & (header[:, 9] == 0) & (_big(header, 10, 2) == 0)
        geneve = (header[:, 8] < 64) & (header[:, 9] & 0x80 == 0)
        kind = np.select([whole & (port == links.VXLAN_PORT) & vxlan, whole & (port == links.GENEVE_PORT) & geneve],
                         [links.BRIDGED, _big(header, 10, 2)], -1)
        begin = at + 16 + np.where(port == links.GENEVE_PORT, 4 * (header[:, 8] & 63), 0)
        found = self._inside_gtp(at, end)
        return np.where(found >= 0, found, self._behind(kind, begin, end))

    def _inside_gtp(self, at: Offsets, end: Offsets) -> Offsets:
        """Where the packet in a G-PDU begins, behind extension headers; -1: none (see `links`)."""
        header = rows(self.octets, at, 20)
        flags = header[:, 8] & 7
        good = (at + 16 <= end) & (header[:, 9] == 0xFF) & (header[:, 8] & 0xF8 == 0x30)
        good &= (_big(header, 0, 2) == links.GTP_PORT) | (_big(header, 2, 2) == links.GTP_PORT)
        begin = at + 16 + 4 * (flags > 0)
        kind = np.where((flags & 4 > 0) & (begin <= end), header[:, 19], 0)
        for _ in range(links.MOST_EXTENSIONS):
            here = np.flatnonzero(good & (kind > 0))
            if not len(here):
                break
            size = 4 * self._octet(begin[here]).astype(np.int64)
            good[here] = (begin[here] < end[here]) & (size > 0) & (begin[here] + size <= end[here])
            begin[here] += size
            kind[here] = self._octet(begin[here] - 1)
        version = self._octet(begin) >> 4
        good &= (kind == 0) & (begin < end) & ((version == 4) | (version == 6))
        return np.where(good, begin, -1)

    # --- octets

    def _octet(self, at: Offsets) -> NDArray[np.uint8]:
        found: NDArray[np.uint8] = self.octets[np.minimum(at, len(self.octets) - 1)] if len(at) else at.astype(np.uint8)
        return found

    def _word(self, at: Offsets, end: Offsets) -> Offsets:
        """Two octets; -1: the packet ends before."""
        return np.where(at + 2 <= end, _big(rows(self.octets, at, 2), 0, 2), -1)


def _any_of(values: NDArray[Any], wanted: tuple[int, ...]) -> Flags:
    found: Flags = values == wanted[0]
    for one in wanted[1:]:
        found |= values == one
    return found


def _big(table: NDArray[Any], at: int, size: int) -> Offsets:
    """A big-endian number of 2 octets in each row."""
    found: Offsets = table[:, at].astype(np.int64) << 8
    found |= table[:, at + 1]
    return found


def headers(octets: Octets, index: Index) -> Headers:
    """Read the headers of all packets of a file."""
    one = _Pass(octets, index)
    one.link(index)
    one.network()
    count = len(index)
    addresses, numbers = _addresses(one.key, one.status)
    found = Headers(
        one.status, one.version, numbers[:, 0], numbers[:, 1], one.protocol, one.at,
        (one.behind - one.at).astype(np.int32), np.zeros(count, np.uint16), np.zeros(count, np.uint16),
        np.zeros(count, np.uint32), np.zeros(count, np.uint32), np.zeros(count, np.uint8), np.zeros(count, np.uint16),
        np.zeros(count, np.int64), np.zeros(count, np.int32), one.tunnels, addresses)
    _tcp(octets, found)
    _udp(octets, found)
    return found


def streams_only(octets: Octets, index: Index, seen: Callable[[], None]) -> Headers:
    """As `headers`, of a large file: `version`, `at`, `size` and `window` are left out.

    Args:
        octets, index: of the file.
        seen: called now and then: what was looked at so far need not be kept in memory.
    """
    numbers: dict[bytes, int] = {}
    parts: list[list[NDArray[Any]]] = []
    for first in range(0, max(len(index), 1), _AT_ONCE):
        chosen = slice(first, first + _AT_ONCE)
        part = Index(index.at[chosen], index.captured[chosen], index.length[chosen], index.time_ns[chosen],
                     index.interface[chosen], index.interfaces, {})
        found = headers(octets, part)
        of = np.array([numbers.setdefault(one, len(numbers)) for one in found.addresses] or [0], np.int32)
        found.source, found.destination = of[found.source], of[found.destination]
        parts.append([getattr(found, name) for name in _KEPT])
        seen()
    kept = dict(zip(_KEPT, map(np.concatenate, zip(*parts, strict=True)), strict=True))
    none = np.zeros(0, np.int64)
    return Headers(**kept, version=none.astype(np.uint8), at=none, size=none.astype(np.int32),
                   window=none.astype(np.uint16), addresses=list(numbers))


def _addresses(key: NDArray[np.uint64], status: NDArray[np.uint8]) -> tuple[list[bytes], NDArray[np.int32]]:
    """Each address once, and its number for source and destination of every row."""
    count = len(key)
    numbers = np.zeros((count, 2), np.int32)
    read = np.flatnonzero((status == Status.READ) | (status == Status.FRAGMENT))
    flat = key[read].reshape(-1, 3)
    if not len(flat):
        return [], numbers
    mixed = flat[:, 2] + flat[:, 1] * np.uint64(0x9E3779B97F4A7C15) + flat[:, 0] * np.uint64(0xC2B2AE3D27D4EB4F)
    _, first, which = np.unique(mixed, return_index=True, return_inverse=True)
    chosen = flat[first]
    if (chosen[which] != flat).any():   # two addresses that mix to the same: as rare as it gets
        chosen, which = np.unique(flat, axis=0, return_inverse=True)
    numbers[read] = which.reshape(-1, 2)
    return [_address(row) for row in chosen], numbers


def _address(row: NDArray[np.uint64]) -> bytes:
    high, low, last = (int(value) for value in row)
    if last == 6 and (high or low):
        return high.to_bytes(8, "big") + low.to_bytes(8, "big")
    return last.to_bytes(4, "big")


def _tcp(octets: Octets, found: Headers) -> None:
    chosen = np.flatnonzero((found.status == Status.READ) & (found.protocol == TCP))
    at, size = found.at[chosen], found.size[chosen].astype(np.int64)
    header = rows(octets, at, 20)
    length = (header[:, 12] >> 4).astype(np.int64) * 4
    good = (size >= 20) & (length >= 20) & (length <= size)
    found.status[chosen[~good]] = Status.BROKEN_TRANSPORT
    chosen, header, length, at, size = chosen[good], header[good], length[good], at[good], size[good]
    ports, numbers = header[:, 0:4].copy().view(">u2"), header[:, 4:12].copy().view(">u4")
    found.source_port[chosen], found.destination_port[chosen] = ports.T
    found.sequence[chosen], found.acknowledgment[chosen] = numbers.T
    found.flags[chosen], found.window[chosen] = header[:, 13], _big(header, 14, 2)
    found.data[chosen], found.octets[chosen] = at + length, size - length


def _udp(octets: Octets, found: Headers) -> None:
    chosen = np.flatnonzero((found.status == Status.READ) & (found.protocol == UDP))
    at, size = found.at[chosen], found.size[chosen].astype(np.int64)
    header = rows(octets, at, 8)
    length = _big(header, 4, 2)
    length = np.where(length == 0, size, length)
    good = (size >= 8) & (length >= 8) & (length <= size)
    found.status[chosen[~good]] = Status.BROKEN_TRANSPORT
    chosen, header, length, at = chosen[good], header[good], length[good], at[good]
    ports = header[:, 0:4].copy().view(">u2")
    found.source_port[chosen], found.destination_port[chosen] = ports.T
    found.data[chosen], found.octets[chosen] = at + 8, length - 8
