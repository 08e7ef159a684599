"""A DTLS association as a probe sees it: records, handshake messages, flights and what is repeated (RFC 6347 §4).

Decrypted where a key log allows. Nothing is verified but what decrypts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

import msgspec

from workbench.analysis.carried.pre_shared import PreShared
from workbench.analysis.carried.record_protection import Aead, Cbc, Shape, protection_12
from workbench.analysis.carried.tls_stream import Content, KeyLog
from workbench.errors import MalformedMessageError
from workbench.protocols.tls import datagrams, wire
from workbench.protocols.tls.datagrams import Assembler, Fragment, Record
from workbench.protocols.tls.messages import Certificate, ClientHello, Handshake, ServerHello, extension
from workbench.protocols.tls.registry import VERSIONS, ContentType, ExtensionType, HandshakeType, suite_name

DTLS_1_2 = 0xFEFD

# Record numbers of one direction that are remembered, to tell a replay; OpenSSL's window has 64.
_REMEMBERED = 1024
_SERVER_FIRST = frozenset({
    HandshakeType.SERVER_HELLO, HandshakeType.CERTIFICATE, HandshakeType.SERVER_KEY_EXCHANGE,
    HandshakeType.CERTIFICATE_REQUEST, HandshakeType.SERVER_HELLO_DONE, HandshakeType.CERTIFICATE_STATUS,
})


class Told(msgspec.Struct, frozen=True):
    """A handshake message that a record completes, or the alert or the ChangeCipherSpec in it.

    Args:
        octets: of a handshake message with type and length in front, as TLS writes it.
        frames: that brought its fragments.
        flight: 1 to 6, as RFC 6347 §4.2.4 counts them; 0: none, for an alert.
        repeated: it was complete before: its flight was sent again.
    """

    message: Content
    octets: bytes
    frames: tuple[int, ...]
    flight: int
    repeated: bool


class RecordRead(msgspec.Struct, frozen=True):
    """A record, and what was in it.

    Args:
        direction: 0 or 1, as fed.
        record: as it stood in its datagram.
        plaintext: its content, decrypted if need be; None where there is no key or it does not decrypt.
        told: what it completes.
        flight: of the handshake, as in `Told`.
        replayed: a record with this number was seen before, so that a receiver drops it (RFC 6347 §4.1.2.6).
        repeated: its part of the handshake was seen before, in a record with another number.
        problem: why it was not decrypted, or why its content does not decode; empty mostly.
    """

    direction: int
    record: Record
    plaintext: bytes | None
    told: tuple[Told, ...] = ()
    flight: int = 0
    replayed: bool = False
    repeated: bool = False
    problem: str = ""


class DtlsObserver:
    """Reads both directions of one association, in the order in which a capture shows them. Memory is bounded."""

    def __init__(self, keylog: KeyLog | None = None) -> None:
        self.version: int | None = None
        self.cipher_suite: int | None = None
        self.client_direction: int | None = None
        self.certificates: tuple[tuple[bytes, ...], tuple[bytes, ...]] = ((), ())
        self.pre_shared = PreShared()
        self.decrypted = 0
        self.undecrypted = 0
        self._keylog = keylog if keylog is not None else KeyLog()
        self._client_random = b""
        self._server_random = b""
        self._encrypt_then_mac = False
        self._sides = (_Side(), _Side())

    @property
    def version_name(self) -> str:
        """`DTLS 1.2`; empty before a ServerHello."""
        return "" if self.version is None else VERSIONS.get(self.version, f"0x{self.version:04X}")

    @property
    def client_random(self) -> bytes:
        """What tells this association from others, on whatever wire it is seen; empty before a ClientHello."""
        return self._client_random

    @property
    def cipher_suite_name(self) -> str:
        """`TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384`; empty before a ServerHello."""
        return "" if self.cipher_suite is None else suite_name(self.cipher_suite)

    def begins_anew(self, datagram: bytes) -> bool:
        """Whether a datagram brings the first ClientHello of another association, once this one is up (RFC 8842 §4)."""
        clear_handshake = datagram[0] == ContentType.HANDSHAKE and datagram[3:5] == b"\0\0"
        if not clear_handshake or not all(side.changed for side in self._sides):
            return False
        records, _ = datagrams.split(datagram)
        try:
            first = next(iter(datagrams.fragments(records[0].fragment)), None) if records else None
        except MalformedMessageError:
            return False
        return first is not None and first.type == HandshakeType.CLIENT_HELLO and first.offset == 0 and (
            first.octets[2:34] != self._client_random)

    def distance(self, direction: int, record: Record) -> int | None:
        """How far a protected record's number is from the last one of that direction; None: there was none yet."""
        last = self._sides[direction].last
        return None if last is None else abs(record.sequence - last)

    def feed(
        self, direction: int, datagram: bytes, frame: int,
    ) -> tuple[list[RecordRead], MalformedMessageError | None]:
        """Take a datagram of a direction (0 or 1); its records, and why the rest of it is none."""
        records, error = datagrams.split(datagram)
        return [self._read(direction, record, frame) for record in records], error

    def _read(self, direction: int, record: Record, frame: int) -> RecordRead:
        side = self._sides[direction]
        replayed = side.numbers.seen((record.epoch, record.sequence))
        plaintext: bytes | None = record.fragment
        problem = ""
        if record.epoch:
            side.changed = True
            side.last = record.sequence
            plaintext, problem = self._open(direction, record)
        if plaintext is None:
            first = record.type == ContentType.HANDSHAKE
            repeated = first and not replayed and side.pieces.seen("protected")
            return RecordRead(direction, record, None, (), self._flight(direction, None) if first else 0, replayed,
                              repeated, problem)
        told: tuple[Told, ...] = ()
        repeated = False
        try:
            match record.type:
                case ContentType.HANDSHAKE:
                    told, repeated = self._handshake(direction, plaintext, frame)
                case ContentType.ALERT:
                    told = (Told(wire.decode_alert(plaintext), plaintext, (frame,), 0, False),)
                case ContentType.CHANGE_CIPHER_SPEC:
                    repeated = side.pieces.seen("change")
                    side.changed = True
                    told = (Told(wire.decode_change_cipher_spec(plaintext), plaintext, (frame,),
                                 self._flight(direction, None), repeated),)
        except MalformedMessageError as error:
            problem = str(error)
        flight = next((one.flight for one in told), 0)
        if record.type == ContentType.HANDSHAKE and not told:
            flight = self._flight(direction, plaintext[0] if plaintext else None)
        return RecordRead(direction, record, plaintext, told, flight, replayed, repeated and not replayed, problem)

    # The handshake

    def _handshake(self, direction: int, octets: bytes, frame: int) -> tuple[tuple[Told, ...], bool]:
        """What the fragments in a record complete, and whether all of them were seen before."""
        side = self._sides[direction]
        told: list[Told] = []
        repeated = True
        for fragment in datagrams.fragments(octets):
            known = side.done.holds(fragment.message_seq)
            # All calls have to be made: each notes what it is asked about.
            again = side.pieces.seen((fragment.message_seq, fragment.offset, len(fragment.octets)))
            repeated = (again or known) and repeated
            frames = side.frames.add(fragment.message_seq, frame)
            message = side.assembler.add(fragment)
            if message is None:
                continue
            side.frames.forget(fragment.message_seq)
            side.done.seen(fragment.message_seq)
            told.append(self._message(direction, message, frames, known, fragment))
        return tuple(told), repeated

    def _message(self, direction: int, octets: bytes, frames: tuple[int, ...], known: bool, fragment: Fragment) -> Told:
        message = wire.decode_handshake(octets, DTLS_1_2, self.cipher_suite)
        self.pre_shared.note(message.body)
        match message.body:
            case ClientHello() as hello:
                if self.client_direction is None:
                    self.client_direction = direction
                if self.client_direction == direction:
                    self._client_random = hello.random
            case ServerHello() as hello:
                self.version, self.cipher_suite = hello.version, hello.cipher_suite
                self._server_random = hello.random
                self._encrypt_then_mac = extension(hello.extensions, ExtensionType.ENCRYPT_THEN_MAC) is not None
                if self.client_direction is None:
                    self.client_direction = 1 - direction
            case Certificate() as certificate:
                both = list(self.certificates)
                both[direction] = tuple(entry.der for entry in certificate.certificates)
                self.certificates = (both[0], both[1])
        return Told(message, octets, frames, self._flight(direction, message.type, message), known)

    def _flight(self, direction: int, kind: int | None, message: Handshake | None = None) -> int:
        """The number of a flight (RFC 6347 §4.2.4, figure 1), told from who sends what."""
        if kind == HandshakeType.CLIENT_HELLO:
            return 3 if message is not None and isinstance(message.body, ClientHello) and message.body.cookie else 1
        if kind == HandshakeType.HELLO_VERIFY_REQUEST:
            return 2
        if direction == self.client_direction:
            return 5
        answered = self.client_direction is not None and self._sides[self.client_direction].changed
        return 6 if answered and kind not in _SERVER_FIRST else 4

    # Protection

    def open(self, direction: int, record: Record) -> bytes | None:
        """What a protected record holds; None where there is no key or it does not decrypt."""
        side = self._sides[direction]
        if side.protection is None:
            side.protection = self._protection(direction)
        if side.protection is None:
            return None
        head = record.header
        return side.protection.open_at(record.epoch << 48 | record.sequence, head[:3] + head[11:], record.fragment)

    def _open(self, direction: int, record: Record) -> tuple[bytes | None, str]:
        opened = self.open(direction, record)
        if opened is not None:
            self.decrypted += 1
            return opened, ""
        self.undecrypted += 1
        known = self._sides[direction].protection is not None
        return None, "does not decrypt with the key log" if known else "no key for it"

    def _protection(self, direction: int) -> Aead | Cbc | None:
        master = self._keylog.secret("CLIENT_RANDOM", self._client_random)
        shape = None if self.cipher_suite is None else Shape.of(self.cipher_suite)
        if master is None or shape is None or self.version != DTLS_1_2 or not self._server_random:
            return None
        return protection_12(shape, master, (self._server_random, self._client_random),
                             direction == self.client_direction, encrypt_then_mac=self._encrypt_then_mac)


class _Seen:
    """What was seen lately: a bounded number of things."""

    def __init__(self) -> None:
        self._held: OrderedDict[Hashable, None] = OrderedDict()

    def holds(self, one: Hashable) -> bool:
        return one in self._held

    def seen(self, one: Hashable) -> bool:
        """Whether it was seen before; it is from now on."""
        known = one in self._held
        self._held[one] = None
        if len(self._held) > _REMEMBERED:
            self._held.popitem(last=False)
        return known


class _Frames:
    """The frames that brought fragments of messages which are not complete."""

    def __init__(self) -> None:
        self._held: OrderedDict[int, tuple[int, ...]] = OrderedDict()

    def add(self, message_seq: int, frame: int) -> tuple[int, ...]:
        """The frames of this message, the new one included."""
        held = self._held.get(message_seq, ())
        if frame not in held and len(held) < _REMEMBERED:
            held = self._held[message_seq] = (*held, frame)
        if len(self._held) > _REMEMBERED:
            self._held.popitem(last=False)
        return held

    def forget(self, message_seq: int) -> None:
        self._held.pop(message_seq, None)


class _Side:
    """What a probe holds of one direction."""

    def __init__(self) -> None:
        self.numbers = _Seen()  # epoch and number of records,
        self.pieces = _Seen()   # fragments: message number, offset, size
        self.done = _Seen()     # and numbers of complete messages
        self.frames = _Frames()
        self.assembler = Assembler()
        self.changed = False    # a ChangeCipherSpec was seen, or a record behind one
        self.last: int | None = None    # number of the last protected record
        self.protection: Aead | Cbc | None = None
