"""What leaves during a DTLS handshake: numbered records, packed into datagrams, and a flight that can be repeated.

The library is asked for each flight once, as if nothing could be lost. Repeating it is ours, so that the caller's
clock rules (RFC 6347 §4.2.4); a repeated record has a new number, which for a protected one means to protect it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from workbench.errors import MalformedMessageError
from workbench.protocols.tls import datagrams
from workbench.protocols.tls.datagrams import Record
from workbench.protocols.tls.registry import ContentType

if TYPE_CHECKING:
    from workbench.security.alerts import Keys


def packed(records: Iterable[Record], mtu: int) -> list[bytes]:
    """Records in datagrams: as many in each as fit; none is cut (RFC 6347 §4.1.1)."""
    found: list[bytes] = []
    for record in records:
        octets = record.octets
        if found and len(found[-1]) + len(octets) <= mtu:
            found[-1] += octets
        else:
            found.append(octets)
    return found


class Flights:
    """Our direction of a handshake.

    Args:
        mtu: octets of a datagram at most.
        keys: gives the keys of our direction, once there are any.
    """

    def __init__(self, mtu: int, keys: Callable[[], Keys | None]) -> None:
        self.next_clear = 0     # number of our next record in epoch 0
        self.next_sealed = 0    # and in epoch 1
        self.library_sealed = 0 # the number that the library will give its next record in epoch 1
        self._mtu = mtu
        self._keys = keys
        self._flight: list[Record] = []
        self._last = (-1, -1)   # number and offset of the last fragment that the library gave
        self._changed = False   # it gave a ChangeCipherSpec,
        self._finished = False  # and a Finished

    def take(self, octets: bytes) -> tuple[list[bytes], bool]:
        """New output of the library during the handshake: datagrams, and whether a new flight begins with them.

        What the library repeats by its own clock is left out.
        """
        records = [record for record in datagrams.split(octets)[0] if self._is_new(record)]
        flight = [record for record in records if record.type != ContentType.ALERT]
        if flight:
            self._flight = flight
        return packed(map(self._numbered, records), self._mtu), bool(flight)

    def pass_on(self, octets: bytes) -> list[bytes]:
        """Output of the library afterwards: datagrams of all of it. It may repeat our last flight, and has to."""
        records = datagrams.split(octets)[0]
        for record in records:
            self._count(record)
        return packed(map(self._numbered, records), self._mtu)

    def repeat(self) -> list[bytes]:
        """The flight once more: the same messages in records with new numbers."""
        return packed(map(self._numbered, self._flight), self._mtu)

    def _is_new(self, record: Record) -> bool:
        self._count(record)
        if record.type == ContentType.CHANGE_CIPHER_SPEC:
            new, self._changed = not self._changed, True
            return new
        if record.type != ContentType.HANDSHAKE:
            return True
        if record.epoch:
            new, self._finished = not self._finished, True
            return new
        try:
            first = datagrams.fragments(record.fragment)[0]
        except (MalformedMessageError, IndexError):
            return True
        place = (first.message_seq, first.offset)
        new = place > self._last
        self._last = max(self._last, place)
        return new

    def _count(self, record: Record) -> None:
        if record.epoch:
            self.library_sealed = record.sequence + 1

    def _numbered(self, record: Record) -> Record:
        if not record.epoch:
            record, self.next_clear = record.numbered(self.next_clear), self.next_clear + 1
            return record
        if record.sequence >= self.next_sealed:
            self.next_sealed = record.sequence + 1
            return record
        from workbench.security import sealing

        keys = self._keys()
        plain = None if keys is None else sealing.unseal(keys, record)
        if keys is None or plain is None:
            return record  # the peer drops it as a replay, and our timer goes on
        made = sealing.seal(keys, record.type, record.epoch, self.next_sealed, plain)
        self.next_sealed += 1
        return made
