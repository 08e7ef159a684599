"""TCP streams, put together from the segments in the file and written back into them.

A value may be split over segments, and a segment may come twice: each octet of a stream is replaced once, and the
new one goes to every place where the old one stood.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from mmap import mmap

from workbench.anonymizing.handshakes import CHANGE_CIPHER_SPEC, HANDSHAKE, Handshakes
from workbench.anonymizing.small import bfcp
from workbench.anonymizing.texts import Texts
from workbench.errors import MalformedMessageError
from workbench.protocols.h248.recognise import looks_like_text
from workbench.protocols.http.wire import looks_like_http, size_of

WINDOW = 2 * 2**20
_MOST_SEGMENT = 70_000
_MSRP = re.compile(rb"MSRP ([^\s]{1,64}) [^\r\n]*\r\n")
_LENGTH = re.compile(rb"\r\n(?:Content-Length|l)[ \t]*:[ \t]*(\d{1,9})", re.IGNORECASE)
_SIP = re.compile(rb"(?:SIP/2\.0 \d|[A-Z]{3,12} [^\r\n]{1,2000} SIP/2\.0\r\n)")

Walk = Callable[[bytes, bool], tuple[bytes, bool]]


class Stream:
    """One direction of a TCP connection: which octets of the file carry which of its octets."""

    __slots__ = ("_last", "_segments", "initial")

    def __init__(self, initial: int) -> None:
        self.initial = initial
        self._last = 0
        self._segments: list[tuple[int, int, int]] = []

    def add(self, sequence: int, place: int, size: int) -> None:
        """`place`: offset of the segment's payload in the file."""
        ahead = (sequence - self.initial - self._last) & 0xFFFFFFFF
        self._last += ahead - (1 << 32) if ahead >= 1 << 31 else ahead
        self._segments.append((self._last, place, size))

    def is_tls(self, memory: mmap) -> bool:
        """Whether its first octets look like a TLS record."""
        if not self._segments:
            return False
        _, place, size = min(self._segments)
        return size > 2 and memory[place : place + 2] in (b"\x14\x03", b"\x15\x03", b"\x16\x03", b"\x17\x03")

    def rewrite(self, memory: mmap, walker: Walker) -> int:
        """Replace all octets; how many of them were not understood and are zeros now."""
        self._segments.sort()
        starts = [one[0] for one in self._segments]
        zeros, at = 0, 0
        while at < len(starts):
            begin = end = starts[at]
            while at < len(starts) and starts[at] <= end:
                end = max(end, starts[at] + self._segments[at][2])
                at += 1
            zeros += self._run(memory, walker, begin, end, starts)
        return zeros

    def _run(self, memory: mmap, walker: Walker, begin: int, end: int, starts: list[int]) -> int:
        """Octets without a hole in them."""
        zeros, place, walk = 0, begin, walker.begin()
        while place < end:
            stop = min(end, place + WINDOW)
            old = self._read(memory, place, stop, starts)
            new, understood = walk(old, stop == end)
            if not new:
                new, understood = bytes(len(old)), False
            zeros += 0 if understood else len(new)
            self._write(memory, place, new, starts)
            place += len(new)
        return zeros

    def _touching(self, begin: int, end: int, starts: list[int]) -> list[tuple[int, int, int]]:
        first, last = bisect_left(starts, begin - _MOST_SEGMENT), bisect_left(starts, end)
        return [one for one in self._segments[first:last] if one[0] + one[2] > begin]

    def _read(self, memory: mmap, begin: int, end: int, starts: list[int]) -> bytes:
        octets = bytearray(end - begin)
        for start, place, size in reversed(self._touching(begin, end, starts)):
            cut = max(begin - start, 0)
            part = memory[place + cut : place + min(size, end - start)]
            octets[start + cut - begin : start + cut - begin + len(part)] = part
        return bytes(octets)

    def _write(self, memory: mmap, begin: int, octets: bytes, starts: list[int]) -> None:
        end = begin + len(octets)
        for start, place, size in self._touching(begin, end, starts):
            cut, stop = max(begin - start, 0), min(size, end - start)
            memory[place + cut : place + stop] = octets[start + cut - begin : start + stop - begin]


class Walker:
    """Takes a stream apart into messages, whatever it carries, and gives them rewritten."""

    def __init__(self, texts: Texts, handshakes: Handshakes, noise: Callable[[bytes], bytes]) -> None:
        self._texts, self._handshakes, self._noise = texts, handshakes, noise

    def begin(self) -> Walk:
        """A walk along octets without a hole: gives the rewritten beginning of what it gets, and whether it was read.

        Nothing given means that more octets are needed.
        """
        protected = False

        def walk(octets: bytes, last: bool) -> tuple[bytes, bool]:
            nonlocal protected
            if octets[:1] in (b"\x14", b"\x15", b"\x16", b"\x17") and octets[1:2] == b"\x03":
                made, protected = self._records(octets, last, protected)
                return made, True
            return self._message(octets, last)
        return walk

    def _records(self, octets: bytes, last: bool, protected: bool) -> tuple[bytes, bool]:
        """As many records as there are; handshake messages may go over several."""
        made = bytearray()
        at = 0
        while at + 5 <= len(octets) and octets[at] in (20, 21, 22, 23) and octets[at + 1] == 3:
            size = int.from_bytes(octets[at + 3 : at + 5], "big")
            fragment = octets[at + 5 : at + 5 + size]
            if len(fragment) < size and not last:
                break
            if not self._handshakes.clear(octets[at], fragment, protected) or len(fragment) < size:
                made += octets[at : at + 5] + self._noise(fragment)
                at += 5 + len(fragment)
                continue
            if octets[at] != HANDSHAKE:
                protected = protected or octets[at] == CHANGE_CIPHER_SPEC
                made += octets[at : at + 5 + size]
                at += 5 + size
                continue
            taken = self._flight(octets, at, last)
            if not taken:
                break
            made += taken
            at += len(taken)
        if not made and last:
            made += octets[:5] + self._noise(octets[5:])
        return bytes(made), protected

    def _flight(self, octets: bytes, at: int, last: bool) -> bytes:
        """Handshake records up to one where a message ends, in their records again."""
        heads: list[tuple[bytes, int]] = []
        content = b""
        while True:
            if not _ends_message(content) or not heads:
                whole = at + 5 <= len(octets) and octets[at] == HANDSHAKE
                size = int.from_bytes(octets[at + 3 : at + 5], "big") if whole else 0
                if not whole or at + 5 + size > len(octets):
                    if not last and at + 5 + size > len(octets):
                        return b""
                    break
                heads.append((octets[at : at + 5], size))
                content += octets[at + 5 : at + 5 + size]
                at += 5 + size
                continue
            break
        new, place = bytearray(), 0
        while place < len(content):
            size = int.from_bytes(content[place + 1 : place + 4], "big")
            body = content[place + 4 : place + 4 + size]
            new += content[place : place + 4]
            new += self._handshakes.message(content[place], body) if len(body) == size else self._noise(body)
            place += 4 + len(body)
        made, place = b"", 0
        for head, size in heads:
            made += head + bytes(new[place : place + size])
            place += size
        return made

    def _message(self, octets: bytes, last: bool) -> tuple[bytes, bool]:
        if octets[:2] == b"\r\n":
            return octets[:2], True
        if octets[:5] == b"MSRP ":
            return self._msrp(octets, last)
        if _SIP.match(octets):
            return self._sip(octets, last)
        if looks_like_http(octets):
            return self._http(octets, last)
        if octets[:4] == bytes(4):
            size = len(octets) - len(octets.lstrip(b"\0"))
            return bytes(size), True
        if octets[:2] == b"\x03\0" and looks_like_text(octets[4:]):     # TPKT (RFC 1006 §6)
            size = int.from_bytes(octets[2:4], "big")
            if len(octets) < size and not last:
                return b"", False
            return octets[:4] + self._texts.h248(octets[4:size]), True
        if looks_like_text(octets):
            return (self._texts.h248(octets), True) if last else (b"", False)
        if octets[:1] == b"\x20" and len(octets) >= 12:
            size = 12 + 4 * int.from_bytes(octets[2:4], "big")
            if len(octets) < size and not last:
                return b"", False
            return bfcp(octets[:size], self._texts), True
        return self._lost(octets)

    def _lost(self, octets: bytes) -> tuple[bytes, bool]:
        """Zeros up to where something begins that is known."""
        found = [at for at in (octets.find(b"\r\nMSRP ", 1), octets.find(b"\r\nSIP/2.0 ", 1)) if at > 0]
        return bytes(min(found) if found else len(octets)), False

    def _msrp(self, octets: bytes, last: bool) -> tuple[bytes, bool]:
        begun = _MSRP.match(octets)
        if begun is None:
            return self._lost(octets) if last or len(octets) > 4096 else (b"", False)
        mark = b"-------" + begun[1]
        at = octets.find(b"\r\n" + mark)
        while at >= 0 and octets[at + 2 + len(mark) : at + 3 + len(mark)] not in (b"$", b"+", b"#", b""):
            at = octets.find(b"\r\n" + mark, at + 1)
        if at < 0:
            if not last and len(octets) < WINDOW:
                return b"", False
            at, tail = len(octets), b""
        else:
            tail = octets[at : at + len(mark) + 5]
        head, between, body = octets[:at].partition(b"\r\n\r\n")
        new_head, new_body = self._texts.msrp(head, body)
        name = self._texts.whole(begun[1].decode("latin-1")).encode("latin-1")
        return new_head + between + new_body + tail.replace(begun[1], name, 1), True

    def _sip(self, octets: bytes, last: bool) -> tuple[bytes, bool]:
        at = octets.find(b"\r\n\r\n")
        if at < 0:
            return (self._texts.sip(octets), True) if last or len(octets) >= WINDOW else (b"", False)
        length = _LENGTH.search(octets, 0, at + 2)
        end = at + 4 + (int(length[1]) if length else 0)
        if end > len(octets) and not last and len(octets) < WINDOW:
            return b"", False
        return self._texts.sip(octets[:end]), True


    def _http(self, octets: bytes, last: bool) -> tuple[bytes, bool]:
        try:
            size = size_of(octets)
        except MalformedMessageError:
            return self._lost(octets)
        if size is None or size > len(octets):
            return self._lost(octets) if last else (b"", False)
        head, between, body = octets[:size].partition(b"\r\n\r\n")
        new_head, new_body = self._texts.http(head, body)
        return new_head + between + new_body, True


def _ends_message(content: bytes) -> bool:
    """No message is left unfinished in these octets."""
    at = 0
    while at + 4 <= len(content):
        at += 4 + int.from_bytes(content[at + 1 : at + 4], "big")
    return at == len(content)
