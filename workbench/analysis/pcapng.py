"""Capture files: pcapng and classic pcap in, pcapng out. Streaming: one block at a time is in memory.

A file that is no capture raises `CaptureError`. A capture that breaks off, or lies about a length, gives its
packets up to the break, and a line in `Reader.notes` that says where and why it ended.

Source: draft-ietf-opsawg-pcapng (blocks and options by number), draft-ietf-opsawg-pcap.
"""

from __future__ import annotations

import ipaddress
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from workbench.analysis.files.sources import Unpacked, is_packed, unpacked
from workbench.errors import CaptureError, LocalProtocolError

# Link types (the LINKTYPE_ registry).
NULL, ETHERNET, PPP, RAW, LOOP, LINUX_SLL, IPV4, IPV6, LINUX_SLL2 = 0, 1, 9, 101, 108, 113, 228, 229, 276
PPP_HDLC, PPP_ETHER, CISCO_HDLC, PPP_WITH_DIR, MPLS = 50, 51, 104, 204, 219

SECTION, INTERFACE, PACKET, SIMPLE_PACKET, NAMES, STATISTICS, ENHANCED_PACKET, SECRETS = (
    0x0A0D0D0A, 1, 2, 3, 4, 5, 6, 0x0000000A)
_PACKETS = (PACKET, SIMPLE_PACKET, ENHANCED_PACKET)
READ = (*_PACKETS, INTERFACE, NAMES, SECRETS)
_SECTION_OCTETS = SECTION.to_bytes(4, "big")  # reads the same in both byte orders
BYTE_ORDER_MAGIC = 0x1A2B3C4D
_TLS_KEY_LOG = 0x544C534B

_OPT_END, _OPT_COMMENT = 0, 1
_IF_NAME, _IF_TSRESOL, _IF_TSOFFSET = 2, 9, 14
_NAME_END, _NAME_IPV4, _NAME_IPV6 = 0, 1, 2

# magic of classic pcap in file order -> (byte order, nanoseconds per tick, octets in front of each packet)
_PCAP_MAGICS = {b"\xd4\xc3\xb2\xa1": ("<", 1000, 16), b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
                b"\x4d\x3c\xb2\xa1": ("<", 1, 16), b"\xa1\xb2\x3c\x4d": (">", 1, 16),
                # "modified" pcap of old Linux systems: interface, protocol and packet type stand there as well
                b"\x34\xcd\xb2\xa1": ("<", 1000, 24), b"\xa1\xb2\xcd\x34": (">", 1000, 24)}

BEGINS = (_SECTION_OCTETS, *_PCAP_MAGICS)
"""The first octets of a capture file that is read here."""

MAX_BLOCK = 16 * 2**20
MAX_PACKET = 2**20
_MAX_SECRETS = 64 * 2**20
_MAX_NAMES = 100_000
_MAX_INTERFACES = 10_000
_MAX_COMMENT = 4096
# Times beyond these are no times (LATEST_NS is in the year 2116), and all have to fit into 64 bits.
LATEST_NS = 2**62
_MAX_OFFSET = 2**32
_SKIP_AT_ONCE = 2**20


class Packet(msgspec.Struct, frozen=True):
    """One captured frame.

    Args:
        number: from 1, as Wireshark counts.
        time_ns: nanoseconds since 1970-01-01 UTC, as the file says.
        wire: name of the interface it was captured on.
        link: LINKTYPE_ number of the first octet of `octets`.
        octets: what was captured.
        length: octets on the wire; more than `len(octets)` where the capture was cut.
        comment: the frame comment, or empty.
    """

    number: int
    time_ns: int
    wire: str
    link: int
    octets: bytes
    length: int
    comment: str = ""


class Interface(msgspec.Struct, frozen=True):
    """Where frames were captured: its name (wire), link type, and how time stamps count.

    `tick` is (numerator, denominator): nanoseconds of one unit; `offset` is in seconds.
    """

    name: str
    link: int
    snap: int = 0
    tick: tuple[int, int] = (1000, 1)
    offset: int = 0


class BreakError(Exception):
    """The file can't be followed further; what was read before stands."""


class Reader:
    """A capture file as an iterator of `Packet`. Iterate once; names, secrets and notes fill meanwhile.

    Args:
        source: path of the file, or an open binary file (which stays open). gzip and zstandard are unpacked.

    Attributes:
        path: of the plain file that is read; None for an open file.

    Raises:
        CaptureError: the file can't be opened or unpacked, is empty, or is neither pcapng nor pcap.
    """

    def __init__(self, source: str | os.PathLike[str] | BinaryIO) -> None:
        self.names: dict[str, str] = {}
        self.secrets = ""
        self.notes: list[str] = []
        self.interfaces: list[Interface] = []
        self.packets = 0
        self.skips_packets = False
        self.path: Path | None = None
        self._mine = isinstance(source, str | os.PathLike)
        if isinstance(source, str | os.PathLike):
            self.label = Path(source).name
            self.path = Path(source)
            try:
                self._file: BinaryIO = self.path.open("rb")
            except OSError as error:
                raise CaptureError(f"{source}: {error.strerror or error}") from None
        else:
            self.label = str(getattr(source, "name", "capture"))
            self._file = source
        self._unpacked: Unpacked | None = None
        self._at = 0
        self._order = "<"
        self._tick = 1000
        self._header = 16
        self._last_ns = 0
        self._section: list[Interface] = []
        try:
            self._unpack()
            self._open()
        except BaseException:
            self.close()
            raise

    def _unpack(self) -> None:
        """Read the plain file instead of the packed one, which is held as long as this reader is."""
        try:
            if not self._file.seekable():
                return
            self._unpacked = unpacked(self._file, self.label)
        except OSError as error:
            raise CaptureError(f"{self.label}: {error.strerror or error}") from None
        if self._unpacked is None:
            return
        self.close()
        self.notes += self._unpacked.notes
        self.path = self._unpacked.path
        self._file, self._mine = self.path.open("rb"), True

    def close(self) -> None:
        """Close the file, if this reader opened it."""
        if self._mine:
            self._file.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[Packet]:
        packets = self._pcap_packets() if self.format == "pcap" else self._pcapng_packets()
        try:
            yield from packets
        except BreakError as error:
            self.notes.append(self.broke(error))
        except OSError as error:
            self.notes.append(f"{self.label}: {error.strerror or error}; read up to there: {self.packets} packets")

    def _open(self) -> None:
        try:
            magic = self._file.read(4)
        except OSError as error:
            raise CaptureError(f"{self.label}: {error.strerror or error}") from None
        self._at = len(magic)
        if not magic:
            raise CaptureError(f"{self.label}: the file is empty")
        if magic == _SECTION_OCTETS:
            self.format = "pcapng"
            start = self._file.read(8)
            self._at += len(start)
            if len(start) < 8:
                raise CaptureError(f"{self.label}: pcapng section header cut short after {self._at} octets")
            try:
                self._section_header(0, start)
            except BreakError as error:
                raise CaptureError(f"{self.label}: {error}") from None
        elif magic in _PCAP_MAGICS:
            self.format = "pcap"
            self._order, self._tick, self._header = _PCAP_MAGICS[magic]
            header = self._file.read(20)
            self._at += len(header)
            if len(header) < 20:
                raise CaptureError(f"{self.label}: pcap file header cut short after {self._at} octets")
            major, minor, _, _, snap, link = struct.unpack(self._order + "HHiIII", header)
            if (major, minor) not in ((2, 3), (2, 4)):
                raise CaptureError(f"{self.label}: pcap version {major}.{minor} at octet 4; 2.4 is known")
            self.interfaces = [Interface("interface 0", link & 0xFFFF, snap, (self._tick, 1))]
        elif is_packed(magic):
            raise CaptureError(f"{self.label}: the file is packed, and can't be read more than once; unpack it first"
                               if self._unpacked is None else f"{self.label}: packed twice; unpack it first")
        else:
            raise CaptureError(f"{self.label}: no capture file: it starts with {magic.hex(' ')}, "
                               "neither pcapng (0a 0d 0d 0a) nor pcap (a1 b2 c3 d4)")

    def _read(self, size: int, what: str) -> bytes:
        octets = self._file.read(size)
        while len(octets) < size and (more := self._file.read(size - len(octets))):
            octets += more
        if len(octets) < size:
            raise BreakError(f"{what} cut short: {size} octets expected at octet {self._at}, {len(octets)} there")
        self._at += size
        return octets

    def _skip(self, size: int, what: str) -> None:
        if size > _SKIP_AT_ONCE and self.path is not None and (
                self._at + size <= os.fstat(self._file.fileno()).st_size):
            self._file.seek(size, os.SEEK_CUR)
            self._at += size
            return
        while size > 0:
            part = min(size, _SKIP_AT_ONCE)
            self._read(part, what)
            size -= part

    # --- reading out of turn, for `columns`

    @property
    def is_uniform(self) -> bool:
        """Classic pcap with the usual 16 octets in front of each packet, or pcapng."""
        return self._header == 16

    @property
    def timing(self) -> tuple[str, int]:
        """Byte order of the section, `<` or `>`; nanoseconds of a unit of time in classic pcap."""
        return self._order, self._tick

    @property
    def section(self) -> list[Interface]:
        """The interfaces of the section so far."""
        return self._section

    def block(self, at: int) -> None:
        """Take the block at this offset, which is no packet. Raises BreakError where it is broken."""
        self._at = at
        self._file.seek(at)
        kept, self.skips_packets = self.skips_packets, True
        try:
            self._block()
        finally:
            self.skips_packets = kept

    def comment(self, options: bytes) -> str:
        """The comments among the options of a packet block."""
        return "\n".join(value.decode("utf-8", "replace")[:_MAX_COMMENT]
                         for code, value in self._options(options, 0) if code == _OPT_COMMENT)

    def broke(self, error: BreakError) -> str:
        """A line for `notes`: where and why reading ended."""
        return f"{self.label}: {error}; read up to there: {self.packets} packets"

    def stands(self, at: int, packets: int) -> bool:
        """Go on from this offset with so many packets read: whether the rest is no break (which gives a note)."""
        self._at, self.packets = at, packets
        self._file.seek(at)
        return next(iter(self), None) is not None

    # --- classic pcap

    def _pcap_packets(self) -> Iterator[Packet]:
        wire = self.interfaces[0]
        header = struct.Struct(self._order + f"IIII{self._header - 16}x")
        while True:
            start = self._at
            first = self._file.read(header.size)
            if not first:
                return
            self._at += len(first)
            if len(first) < header.size:
                raise BreakError(f"packet header cut short at octet {start}")
            seconds, fraction, captured, length = header.unpack(first)
            if captured > MAX_PACKET or captured > max(length, 1) + 65536:
                raise BreakError(f"packet header at octet {start} claims {captured} octets captured of {length}")
            octets = self._read(captured, "packet")
            self.packets += 1
            yield Packet(self.packets, seconds * 10**9 + fraction * self._tick, wire.name, wire.link, octets, length)

    # --- pcapng

    def _pcapng_packets(self) -> Iterator[Packet]:
        while (found := self._block()) is not True:
            if isinstance(found, Packet):
                yield found

    def _block(self) -> Packet | bool | None:
        """The next block: a packet, None for one that is none, True at the end of the file."""
        start = self._at
        head = self._file.read(8)
        if not head:
            return True
        self._at += len(head)
        if len(head) < 8:
            raise BreakError(f"block header cut short at octet {start}")
        if head[:4] == _SECTION_OCTETS:
            self._section_header(start, head[4:] + self._read(4, "section header"))
            return None
        kind, total = struct.unpack(self._order + "II", head)
        if total < 12 or total % 4:
            raise BreakError(f"block at octet {start} claims a length of {total} octets")
        if kind in READ and not (self.skips_packets and kind in _PACKETS):
            if total > MAX_BLOCK:
                raise BreakError(f"block at octet {start} claims a length of {total} octets, {MAX_BLOCK} are allowed")
            body = self._read(total - 12, "block")
        else:
            self._skip(total - 12, f"block of type {kind:#x}")
            body = b""
        (again,) = struct.unpack(self._order + "I", self._read(4, "block"))
        if again != total:
            raise BreakError(f"block at octet {start} claims {total} octets at its start and {again} at its end")
        if kind in _PACKETS and not self.skips_packets:
            return self._packet(kind, body, start)
        if kind == INTERFACE:
            self._interface(body, start)
        elif kind == NAMES:
            self._names(body)
        elif kind == SECRETS:
            self._secrets(body, start)
        return None

    def _section_header(self, start: int, octets: bytes) -> None:
        """`octets`: the total length and the byte-order magic of a Section Header Block."""
        for order in "<>":
            total, magic = struct.unpack(order + "II", octets)
            if magic == BYTE_ORDER_MAGIC:
                break
        else:
            raise BreakError(f"section header at octet {start} has no byte-order magic")
        if total < 28 or total % 4 or total > MAX_BLOCK:
            raise BreakError(f"section header at octet {start} claims a length of {total} octets")
        self._order = order
        body = self._read(total - 16, "section header")
        (again,) = struct.unpack(order + "I", self._read(4, "section header"))
        if again != total:
            raise BreakError(
                f"section header at octet {start} claims {total} octets at its start and {again} at its end")
        (major,) = struct.unpack_from(order + "H", body)
        if major != 1:
            raise BreakError(f"section header at octet {start} has version {major}; 1 is known")
        self._section = []

    def _interface(self, body: bytes, start: int) -> None:
        if len(body) < 8:
            raise BreakError(f"interface description at octet {start} cut short")
        if len(self._section) >= _MAX_INTERFACES:
            raise BreakError(f"over {_MAX_INTERFACES} interfaces at octet {start}")
        link, _, snap = struct.unpack_from(self._order + "HHI", body)
        name, tick, offset = f"interface {len(self._section)}", (1000, 1), 0
        for code, value in self._options(body, 8):
            if code == _IF_NAME and value:
                name = value.decode("utf-8", "replace")[:200]
            elif code == _IF_TSRESOL and value:
                bits = value[0] & 0x7F
                units = 2**bits if value[0] & 0x80 else 10**bits
                tick = (10**9, units)
            elif code == _IF_TSOFFSET and len(value) == 8:
                (offset,) = struct.unpack(self._order + "q", value)
                offset = max(-_MAX_OFFSET, min(offset, _MAX_OFFSET))
        if any(other.name == name for other in self._section):
            name = f"{name} ({len(self._section)})"
        interface = Interface(name, link, snap, tick, offset)
        self._section.append(interface)
        if len(self.interfaces) < _MAX_INTERFACES:
            self.interfaces.append(interface)

    def _packet(self, kind: int, body: bytes, start: int) -> Packet:
        order, data = self._order, 20
        stamp: int | None = None
        if kind == SIMPLE_PACKET:
            if len(body) < 4:
                raise BreakError(f"packet block at octet {start} cut short")
            (length,) = struct.unpack_from(order + "I", body)
            number, data = 0, 4
            snap = self._section[0].snap if self._section else 0
            captured = min(length, len(body) - 4, snap or length)
        else:
            if len(body) < 20:
                raise BreakError(f"packet block at octet {start} cut short")
            layout = "IIIII" if kind == ENHANCED_PACKET else "HxxIIII"
            number, high, low, captured, length = struct.unpack_from(order + layout, body)
            stamp = high << 32 | low
        if number >= len(self._section):
            raise BreakError(f"packet block at octet {start} names interface {number}, which was not described")
        if captured > len(body) - data or captured > MAX_PACKET:
            raise BreakError(f"packet block at octet {start} claims {captured} octets captured")
        interface = self._section[number]
        if stamp is not None:
            nanoseconds = min(stamp * interface.tick[0] // interface.tick[1], LATEST_NS)
            self._last_ns = nanoseconds + interface.offset * 10**9
        comment = ""
        behind = data + captured + -captured % 4
        if kind != SIMPLE_PACKET and len(body) > behind:
            comment = self.comment(body[behind:])
        self.packets += 1
        return Packet(self.packets, self._last_ns, interface.name, interface.link, body[data : data + captured],
                      length, comment)

    def _names(self, body: bytes) -> None:
        at = 0
        while at + 4 <= len(body):
            kind, size = struct.unpack_from(self._order + "HH", body, at)
            value = body[at + 4 : at + 4 + size]
            at += 4 + size + -size % 4
            if kind == _NAME_END or len(value) < size:
                return
            octets = {_NAME_IPV4: 4, _NAME_IPV6: 16}.get(kind)
            if octets is None or size <= octets or len(self.names) >= _MAX_NAMES:
                continue
            name = value[octets:].split(b"\0")[0].decode("utf-8", "replace")[:200]
            if name:
                self.names.setdefault(str(ipaddress.ip_address(value[:octets])), name)

    def _secrets(self, body: bytes, start: int) -> None:
        if len(body) < 8:
            raise BreakError(f"secrets block at octet {start} cut short")
        kind, size = struct.unpack_from(self._order + "II", body)
        if kind != _TLS_KEY_LOG:
            return
        text = body[8 : 8 + size].decode("ascii", "replace")
        if len(self.secrets) + len(text) > _MAX_SECRETS:
            self.notes.append(f"{self.label}: over {_MAX_SECRETS} octets of TLS secrets; the rest is left out")
            return
        self.secrets += text if text.endswith("\n") else text + "\n"

    def _options(self, body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
        while at + 4 <= len(body):
            code, size = struct.unpack_from(self._order + "HH", body, at)
            if code == _OPT_END or at + 4 + size > len(body):
                return
            yield code, body[at + 4 : at + 4 + size]
            at += 4 + size + -size % 4


class Writer:
    """A pcapng file, little-endian, times in nanoseconds. `octets` is how long it is by now.

    Args:
        target: path of the file to write, or an open binary file (which stays open).
        application: written into the section header as the program that made the file.
        comment: on the section: what a reader has to know of all of it.

    Raises:
        CaptureError: the file can't be written.
    """

    def __init__(self, target: str | os.PathLike[str] | BinaryIO, application: str = "eMediasec workbench",
                 comment: str = "") -> None:
        self.octets = 0
        self._mine = isinstance(target, str | os.PathLike)
        if isinstance(target, str | os.PathLike):
            try:
                self._file: BinaryIO = Path(target).open("wb")  # noqa: SIM115 (closed by close)
            except OSError as error:
                raise CaptureError(f"{target}: {error.strerror or error}") from None
        else:
            self._file = target
        self._interfaces = 0
        header = struct.pack("<IHHq", BYTE_ORDER_MAGIC, 1, 0, -1)
        said = _option(_OPT_COMMENT, comment.encode()) if comment else b""
        self._block(SECTION, header + said + _option(4, application.encode()) + _option(_OPT_END, b""))

    def interface(self, name: str, link: int = RAW) -> int:
        """Describe an interface (a wire) and return its id. `link`: LINKTYPE_ of its packets; RAW is IP."""
        body = struct.pack("<HHI", link, 0, 0) + _option(_IF_NAME, name.encode()) + _option(_IF_TSRESOL, b"\x09")
        self._block(INTERFACE, body + _option(_OPT_END, b""))
        self._interfaces += 1
        return self._interfaces - 1

    def names(self, names: Mapping[str, str]) -> None:
        """Say what nodes are called: IP address to name."""
        body = b""
        for address, name in names.items():
            ip = ipaddress.ip_address(address)
            value = ip.packed + name.encode() + b"\0"
            body += struct.pack("<HH", _NAME_IPV4 if ip.version == 4 else _NAME_IPV6, len(value)) + _padded(value)
        if body:
            self._block(NAMES, body + struct.pack("<HH", _NAME_END, 0))

    def secrets(self, keylog: str) -> None:
        """Embed TLS key log lines. Readers need them before the packets they decrypt."""
        if keylog:
            octets = keylog.encode("ascii")
            self._block(SECRETS, struct.pack("<II", _TLS_KEY_LOG, len(octets)) + _padded(octets))

    def packet(self, interface: int, time_ns: int, octets: bytes, comment: str = "", length: int | None = None) -> None:
        """Write one frame. `length`: octets it had on the wire, where fewer were captured.

        Raises:
            LocalProtocolError: no such interface.
            CaptureError: a time before 1970, or of 2554 and later: the format's 64 bits of nanoseconds can't hold it.
        """
        if not 0 <= interface < self._interfaces:
            raise LocalProtocolError(f"interface {interface} was not described")
        if not 0 <= time_ns < 2**64:
            raise CaptureError(f"a frame at {time_ns / 1e9:.0f} s from 1970 can't be written; pcapng: 1970 to 2554")
        body = struct.pack("<IIIII", interface, time_ns >> 32, time_ns & 0xFFFFFFFF, len(octets),
                           len(octets) if length is None else length) + _padded(octets)
        if comment:
            body += _option(_OPT_COMMENT, comment.encode()[: 0xFFFF]) + _option(_OPT_END, b"")
        self._block(ENHANCED_PACKET, body)

    def statistics(self, interface: int, time_ns: int, *, received: int, lost: int, comment: str = "") -> None:
        """Say at the end how many packets of an interface there were, and how many of them are not in the file."""
        body = struct.pack("<III", interface, time_ns >> 32, time_ns & 0xFFFFFFFF)
        if comment:
            body += _option(_OPT_COMMENT, comment.encode()[: 0xFFFF])
        body += _option(4, struct.pack("<Q", received)) + _option(5, struct.pack("<Q", lost))
        self._block(STATISTICS, body + _option(_OPT_END, b""))

    def flush(self) -> None:
        """Hand what is written to the system: it is in the file then, whatever becomes of this process."""
        self._file.flush()

    def close(self) -> None:
        """Flush; close the file if this writer opened it."""
        if self._mine:
            self._file.close()
        else:
            self._file.flush()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def _block(self, kind: int, body: bytes) -> None:
        total = len(body) + 12
        self.octets += total
        self._file.write(struct.pack("<II", kind, total) + body + struct.pack("<I", total))


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def scan(path: str | os.PathLike[str]) -> tuple[dict[str, str], str]:
    """Names and TLS secrets of a capture, wherever in the file they stand: packets are passed over.

    Raises:
        CaptureError: as `Reader`.
    """
    with Reader(path) as reader:
        if reader.format == "pcapng":
            reader.skips_packets = True
            for _ in reader:
                pass
        return reader.names, reader.secrets
