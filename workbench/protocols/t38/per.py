"""The part of aligned PER that T.38 needs: bits, alignment, lengths (X.691).

A reader raises MalformedMessageError and nothing else. Padding bits are skipped whatever they are, and written as
zeros.
"""

from __future__ import annotations

from workbench.errors import LocalProtocolError, MalformedMessageError

MOST_OCTETS = 0x3FFF
"""The longest length that is written in one piece; longer ones are fragmented, and that is refused here."""


class BitReader:
    """Reads a value from its first bit on; `at` counts bits."""

    def __init__(self, octets: bytes, start: int = 0) -> None:
        self.octets = octets
        self.at = 8 * start

    @property
    def octet(self) -> int:
        """The octet that the next bit is in."""
        return self.at // 8

    def bits(self, count: int) -> int:
        """An unsigned number of this many bits."""
        end = self.at + count
        first, last = self.at // 8, (end + 7) // 8
        if last > len(self.octets):
            raise MalformedMessageError("cut short", clause="X.691 §11.5", offset=len(self.octets))
        self.at = end
        return int.from_bytes(self.octets[first:last], "big") >> 8 * last - end & (1 << count) - 1

    def align(self) -> None:
        """Go to the next octet boundary."""
        self.at = (self.at + 7) // 8 * 8

    def take(self, count: int) -> bytes:
        """Octets, behind a boundary."""
        self.align()
        start = self.octet
        if start + count > len(self.octets):
            raise MalformedMessageError(
                f"{count} octets where {len(self.octets) - start} are left", clause="X.691 §11.9", offset=start)
        self.at += 8 * count
        return self.octets[start : start + count]

    def length(self) -> int:
        """An unconstrained length: 1 octet up to 127, 2 up to 16383 (X.691 §11.9.3.5 to §11.9.3.7)."""
        first = self.take(1)[0]
        if first < 0x80:
            return first
        if first & 0x40:
            raise MalformedMessageError("a fragmented length", clause="X.691 §11.9.3.8", offset=self.octet - 1)
        return (first & 0x3F) << 8 | self.take(1)[0]

    def enumerated(self, root: int, bits: int) -> int:
        """A value of an extensible enumeration: values behind the root are counted on (X.691 §14)."""
        if not self.bits(1):
            value = self.bits(bits)
            if value >= root:
                raise MalformedMessageError(f"value {value} of {root}", clause="X.691 §14.2", offset=self.octet)
            return value
        return root + self.small(6)

    def small(self, bits: int) -> int:
        """A normally small number (X.691 §11.6): a zero bit, and 6 bits."""
        if self.bits(1):
            raise MalformedMessageError("an extension value above 63", clause="X.691 §11.6.2", offset=self.octet)
        return self.bits(bits)

    def integer(self) -> int:
        """An unconstrained whole number: a length, and two's complement (X.691 §11.8)."""
        size = self.length()
        if not 1 <= size <= 4:
            raise MalformedMessageError(f"a number of {size} octets", clause="X.691 §11.8", offset=self.octet - 1)
        return int.from_bytes(self.take(size), "big", signed=True)

    def finish(self, zeros: bool = False) -> None:
        """Nothing may stand behind the value, unless zeros are allowed."""
        self.align()
        rest = self.octets[self.octet :]
        if rest and not (zeros and not any(rest)):
            raise MalformedMessageError(f"{len(rest)} octets behind the end", clause="X.691 §11.1", offset=self.octet)


class BitWriter:
    """Writes a value from its first bit on."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._free = 0  # bits of the last octet

    def bits(self, value: int, count: int) -> None:
        """An unsigned number of this many bits."""
        for shift in range(count - 1, -1, -1):
            if not self._free:
                self._octets.append(0)
                self._free = 8
            self._free -= 1
            self._octets[-1] |= (value >> shift & 1) << self._free

    def put(self, octets: bytes) -> None:
        """Octets, behind a boundary."""
        self._octets += octets
        self._free = 0

    def length(self, count: int) -> None:
        """An unconstrained length. Raises LocalProtocolError: it would have to be fragmented."""
        if count > MOST_OCTETS:
            raise LocalProtocolError(f"{count} in one piece of PER; {MOST_OCTETS} is the most")
        self.put(bytes((count,)) if count < 0x80 else (0x8000 | count).to_bytes(2, "big"))

    def enumerated(self, value: int, root: int, bits: int) -> None:
        """A value of an extensible enumeration. Raises LocalProtocolError: it has no place there."""
        self.bits(value >= root, 1)
        if value >= root:
            self.small(value - root, 6)
        else:
            self.bits(value, bits)

    def small(self, value: int, bits: int) -> None:
        """A normally small number of 6 bits, behind a zero bit."""
        if not 0 <= value < 64:
            raise LocalProtocolError(f"extension value {value}; 63 is the most")
        self.bits(value, bits + 1)

    def integer(self, value: int) -> None:
        """An unconstrained whole number."""
        size = (value.bit_length() if value >= 0 else (-value - 1).bit_length()) // 8 + 1
        self.length(size)
        self.put(value.to_bytes(size, "big", signed=True))

    def octets(self) -> bytes:
        """What was written."""
        return bytes(self._octets)
