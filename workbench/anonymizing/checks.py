"""Checksums that are as right as they were, and the look for what must not be seen any more."""

from __future__ import annotations

import re

from workbench.anonymizing.frames import GRE, ICMP, ICMP6, SCTP, Layer
from workbench.anonymizing.mapping import Mapping
from workbench.errors import CaptureError
from workbench.net.packets import TCP, UDP
from workbench.net.sctp import checksum_of
from workbench.protocols.t38.t30 import turned

_FIELD = {TCP: 16, UDP: 6, ICMP: 2, ICMP6: 2}
_LONG = 6
_AROUND = 40
_SAME = re.compile(rb"\0{4,}")     # octets that have not changed
_MAGIC = b"z9hG4bK"     # every branch begins so (RFC 3261 §8.1.1.7)


def _sum(octets: bytes) -> int:
    return int.from_bytes(octets + bytes(len(octets) % 2), "big") % 65535


def _moved(field: bytes, change: int, *, udp: bool = False) -> bytes:
    """A checksum after its packet has changed: by just as much (RFC 1624), so a wrong one stays wrong."""
    new = (int.from_bytes(field, "big") - change) % 65535
    return (0xFFFF if udp and not new else new).to_bytes(2, "big")


def change_of(layer: Layer, old: bytes, new: bytes | bytearray) -> int:
    """By how much the sum over what a packet carries has changed, and its pseudo-header."""
    change = _sum(bytes(new[layer.begin : layer.end])) - _sum(old[layer.begin : layer.end])
    if layer.ip.protocol != ICMP and not layer.ip.fragment_offset:
        for at, size in layer.addresses:
            change += _sum(bytes(new[at : at + size])) - _sum(old[at : at + size])
    return change


def right_again(layer: Layer, old: bytes, new: bytearray, change: int | None = None) -> None:
    """Checksums of one packet, when all inside it are done.

    Args:
        change: of a packet in fragments, over all of them.
    """
    if layer.ip.version == 4:
        head = slice(layer.at, layer.begin)
        moved = _moved(old[layer.at + 10 : layer.at + 12], _sum(bytes(new[head])) - _sum(old[head]))
        new[layer.at + 10 : layer.at + 12] = moved
    if layer.ip.fragment_offset:
        return
    protocol, size = layer.ip.protocol, layer.end - layer.begin
    if protocol in _FIELD and size >= _FIELD[protocol] + 2:
        at = layer.begin + _FIELD[protocol]
        if protocol == UDP and old[at : at + 2] == b"\0\0":
            return
        change = change_of(layer, old, new) if change is None else change
        new[at : at + 2] = _moved(old[at : at + 2], change, udp=protocol == UDP)
    elif protocol == GRE and size >= 8 and old[layer.begin] & 0x80:
        at = layer.begin + 4
        change = _sum(bytes(new[layer.begin : layer.end])) - _sum(old[layer.begin : layer.end])
        new[at : at + 2] = _moved(old[at : at + 2], change)
    elif protocol == SCTP and size >= 12:
        packet = old[layer.begin : layer.end]
        if checksum_of(packet) == packet[8:12]:
            new[layer.begin + 8 : layer.begin + 12] = checksum_of(bytes(new[layer.begin : layer.end]))


class Look:
    """Looks for original values in what is to be given away: as text, packed, in hex, as fax numbers are written.

    A value counts where it stands now and stood before, at the same place: what has become equal to another's value
    by the mapping gives nothing away. Values of less than four characters, numbers of less than six digits, and words
    of the protocols are looked for nowhere but where they were replaced.
    """

    def __init__(self, mapping: Mapping, words: frozenset[str]) -> None:
        self._words = words
        self._starts: dict[bytes, list[tuple[bytes, str]]] = {}
        for value in mapping.values:
            if (value.isdigit() and len(value) < _LONG) or value.lower() in words:
                continue
            octets = value.encode("latin-1")
            self._take(octets, value)
            if len(value) >= _LONG:
                for form in (octets.hex().encode(), octets.hex().upper().encode()):
                    self._take(form, f"{value} (in hex)")
            digits = re.sub(r"\D", "", value)
            if len(digits) >= _LONG and len(digits) >= len(value) - 4:
                self._take(octets[::-1], f"{value} (from its end)")
                self._take(bytes(turned(one) for one in reversed(octets)), f"{value} (as T.30 writes it)")
        for text, packed in mapping.addresses.items():
            self._take(packed, f"{text} (packed)")
            self._take(text.encode(), text)
            self._take(packed.hex().encode(), f"{text} (in hex)")
            self._take(packed.hex().upper().encode(), f"{text} (in hex)")

    def _take(self, form: bytes, told: str) -> None:
        if len(form) >= 4 and len(set(form)) > 1:
            self._starts.setdefault(form[:4], []).append((form, told))

    def at(self, old: bytes, new: bytes, where: str) -> None:
        """Look at octets as they were and as they are. Raises CaptureError: one is still to be seen."""
        changed = (int.from_bytes(old, "big") ^ int.from_bytes(new, "big")).to_bytes(len(new), "big")
        for same in _SAME.finditer(changed):
            for at in range(same.start(), same.end() - 3):
                for form, told in self._starts.get(new[at : at + 4], ()):
                    end = at + len(form)
                    if end <= same.end() and new[at:end] == form and self._counts(form, old, at, end):
                        raise CaptureError(f"{where}: {told} would still be visible; nothing is written")

    def _counts(self, form: bytes, old: bytes, at: int, end: int) -> bool:
        """A short word inside a longer one is another word, and a word of the protocol gives nobody away."""
        if not form.isalnum():
            return True
        begin = at
        while begin > 0 and at - begin < _AROUND and old[begin - 1 : begin].isalnum():
            begin -= 1
        stop = end
        while stop < len(old) and stop - end < _AROUND and old[stop : stop + 1].isalnum():
            stop += 1
        if (begin, stop) == (at, end):
            return True
        around = old[begin:stop]
        if around.startswith(_MAGIC) and end <= begin + len(_MAGIC):
            return False
        return len(form) >= _LONG and not form.isdigit() and around.decode("latin-1").lower() not in self._words
