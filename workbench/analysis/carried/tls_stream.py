"""A TLS connection as a probe sees it: records and handshake of both directions, decrypted where a key log allows.

Nothing is verified here but what decrypts; the probe holds no keys of its own (RFC 8446 §5.2, §7, RFC 5246 §6).
"""

from __future__ import annotations

import hashlib
import re

import msgspec

from workbench.analysis.carried.pre_shared import PreShared
from workbench.analysis.carried.record_protection import Aead, Cbc, Shape, expand_label, protection_12
from workbench.errors import MalformedMessageError
from workbench.protocols.tls import wire
from workbench.protocols.tls.messages import (
    AlertMessage,
    Certificate,
    ChangeCipherSpec,
    ClientHello,
    Finished,
    Handshake,
    KeyUpdate,
    ServerHello,
    extension,
)
from workbench.protocols.tls.registry import VERSIONS, ContentType, ExtensionType, HandshakeType, suite_name
from workbench.protocols.tls.wire import Record, Records

TLS_1_2 = 0x0303
TLS_1_3 = 0x0304
_SHORTEST, _MOST_SKIPPED = 22, 512
"""Octets of the shortest protected record, and how many of them behind a hole are looked for."""
_BEHIND = "behind a hole in the capture: encrypted, or the rest of a message"

Content = Handshake | AlertMessage | ChangeCipherSpec


class RecordRead(msgspec.Struct, frozen=True):
    """A record, and what was in it.

    Args:
        direction: 0 or 1, as fed.
        start, end: octets counted from the beginning of this direction's stream; `end` is one past the last.
        outer_type: content type in the record header.
        content_type: the same, or what TLS 1.3 hid inside; None where the record could not be decrypted.
        version: of the record layer.
        plaintext: the content without padding; None where the record could not be decrypted.
        messages: handshake messages that this record completes, the alert or the ChangeCipherSpec in it.
        begun: where in the stream the record starts in which the first of `messages` began.
        continued: octets at the start of `plaintext` that belong to a handshake message begun in an earlier record.
        protected: the record was encrypted.
        padding: zero octets behind the content (TLS 1.3).
        problem: why it was not decrypted, or why its content does not decode; empty mostly.
    """

    direction: int
    start: int
    end: int
    outer_type: int
    content_type: int | None
    version: int
    plaintext: bytes | None
    messages: tuple[Content, ...] = ()
    begun: int = 0
    continued: int = 0
    protected: bool = False
    padding: int = 0
    problem: str = ""


class KeyLog:
    """Secrets by label and client random (RFC 9850). They show in no repr."""

    # label SP client random (64 hexadecimal digits) SP secret
    _LINE = re.compile(r"([A-Z][A-Z0-9_]*)[ \t]+([0-9A-Fa-f]{64})[ \t]+((?:[0-9A-Fa-f]{2}){1,128})")

    def __init__(self, secrets: dict[tuple[str, bytes], bytes] | None = None) -> None:
        self._secrets = dict(secrets or {})

    @classmethod
    def parse(cls, text: str) -> KeyLog:
        """Read a key log. Comments, empty lines and lines that are not in key log form are passed over."""
        found: dict[tuple[str, bytes], bytes] = {}
        for line in text.splitlines():
            match = cls._LINE.fullmatch(line.strip())
            if match is not None:
                found[match[1], bytes.fromhex(match[2])] = bytes.fromhex(match[3])
        return cls(found)

    def learn(self, text: str) -> None:
        """Take more secrets, for connections that are read already too."""
        self._secrets |= self.parse(text)._secrets

    def secret(self, label: str, client_random: bytes) -> bytes | None:
        """The secret of this label for the connection with this client random."""
        return self._secrets.get((label, client_random))

    def __len__(self) -> int:
        return len(self._secrets)

    def __or__(self, other: KeyLog) -> KeyLog:
        """Both logs' secrets."""
        return KeyLog(self._secrets | other._secrets)

    def __repr__(self) -> str:
        return f"KeyLog({len(self)} secrets)"


class TlsObserver:
    """Reads both directions of one connection, in the order in which a capture shows them.

    Feed any portions; memory is bounded by one record and one handshake message a direction.
    """

    def __init__(self, keylog: KeyLog | None = None) -> None:
        self.version: int | None = None
        self.cipher_suite: int | None = None
        self.client_direction: int | None = None
        self.certificates: tuple[tuple[bytes, ...], tuple[bytes, ...]] = ((), ())
        self.decrypted = 0
        self.undecrypted = 0
        self.pre_shared = PreShared()
        self._keylog = keylog if keylog is not None else KeyLog()
        self._client_random = b""
        self._server_random = b""
        self._encrypt_then_mac = False
        self._sides = (_Side(), _Side())

    @property
    def version_name(self) -> str:
        """`TLS 1.3`; empty before a ServerHello."""
        return "" if self.version is None else VERSIONS.get(self.version, f"0x{self.version:04X}")

    @property
    def cipher_suite_name(self) -> str:
        """`TLS_AES_128_GCM_SHA256`; empty before a ServerHello."""
        return "" if self.cipher_suite is None else suite_name(self.cipher_suite)

    def error(self, direction: int) -> MalformedMessageError | None:
        """Why a direction can't be cut into records any more, with its offset; None while it can."""
        return self._sides[direction].records.error

    @property
    def is_opaque(self) -> bool:
        """Both directions stand between two records, and nobody here can read the application data that may follow."""
        known = self.version is not None or self.undecrypted > 0
        return known and all(side.records.held == 0 and side.records.error is None and side.protection is None
                             and not side.epochs and not side.skips for side in self._sides)

    def passed(self, direction: int, octets: int, records: int) -> None:
        """So many octets, which were application data records that can't be read, were seen elsewhere."""
        self._sides[direction].records.skip(octets)
        self.undecrypted += records

    def feed(self, direction: int, data: bytes) -> list[RecordRead]:
        """Take the next octets of a direction (0 or 1); return the records that they complete, oldest first."""
        return [self._read(direction, record) for record in self._sides[direction].records.receive_data(data)]

    def resume(self, direction: int, start: int, missing: int) -> None:
        """Behind a hole of `missing` octets (0: not known) a record begins at `start`; the next data begins there."""
        side = self._sides[direction]
        side.records, side.messages, side.holed = Records(start), wire.Messages(), True
        side.skips = min(missing // _SHORTEST + 1, _MOST_SKIPPED)

    def _read(self, direction: int, record: Record) -> RecordRead:
        side = self._sides[direction]
        if not self._is_protected(side, record):
            return self._content(direction, record, record.type, record.fragment)
        # Early data comes before the ServerHello says which version it is.
        modern = self.version == TLS_1_3 or (self.version is None and bool(side.epochs))
        if side.skips:
            side.skip(record, modern)
        if modern:
            opened = self._open_modern(direction, record)
        else:
            opened = None if side.protection is None else side.protection.open(record)
        if opened is None and not modern and _is_in_clear(record):
            # Of an end that has forgotten its keys: it begins anew in the clear, in the middle of a session.
            return self._content(direction, record, record.type, record.fragment)
        if opened is None:
            self.undecrypted += 1
            known = side.protection is not None or bool(side.epochs)
            problem = "no key for it" if not known else "does not decrypt with the key log" if not side.holed else (
                "behind a hole in the capture, its number is not known")
            return RecordRead(direction, record.start, record.end, record.type, None, record.version, None,
                              protected=True, problem=problem, begun=record.start)
        self.decrypted += 1
        if modern:
            # TLSInnerPlaintext: content, its type, zeros (RFC 8446 §5.2).
            content = opened.rstrip(b"\0")
            padding = len(opened) - len(content)
            if not content:
                return RecordRead(direction, record.start, record.end, record.type, None, record.version, b"",
                                  protected=True, padding=padding, problem="no content type", begun=record.start)
            return self._content(direction, record, content[-1], content[:-1], protected=True, padding=padding)
        return self._content(direction, record, record.type, opened, protected=True)

    def _is_protected(self, side: _Side, record: Record) -> bool:
        if record.type == ContentType.CHANGE_CIPHER_SPEC:
            return side.sealed and self.version != TLS_1_3
        if record.type == ContentType.APPLICATION_DATA:
            return True
        if self.version == TLS_1_3:
            # Until its first protected record a side may still send an alert in clear (RFC 8446 §5, §6).
            return False
        return side.sealed

    def _content(
        self, direction: int, record: Record, kind: int, octets: bytes, *, protected: bool = False, padding: int = 0
    ) -> RecordRead:
        side = self._sides[direction]
        messages: tuple[Content, ...] = ()
        begun = record.start
        continued = 0
        problem = ""
        try:
            match kind:
                case ContentType.HANDSHAKE:
                    held = side.messages.pending
                    if side.holed and not held and not protected and not _is_handshake(octets):
                        raise MalformedMessageError(_BEHIND, clause="RFC 8446 §4", offset=0)
                    if held:
                        begun = side.begun
                    found = side.messages.receive_data(octets)
                    if held:
                        continued = len(found[0]) - held if found else len(octets)
                    messages = tuple(self._handshake(direction, one) for one in found)
                    if side.messages.pending and (found or begun == record.start):
                        side.begun = record.start
                case ContentType.ALERT:
                    messages = (wire.decode_alert(octets),)
                case ContentType.CHANGE_CIPHER_SPEC:
                    messages = (wire.decode_change_cipher_spec(octets),)
                    if self.version != TLS_1_3:
                        self._seal(direction)
        except MalformedMessageError as error:
            if side.holed and not protected:
                self.undecrypted += 1
                return RecordRead(direction, record.start, record.end, record.type, None, record.version, None,
                                  protected=True, problem=_BEHIND, begun=record.start)
            problem = str(error)
        return RecordRead(direction, record.start, record.end, record.type, kind, record.version, octets, messages,
                          begun, continued, protected, padding, problem)

    def _handshake(self, direction: int, octets: bytes) -> Handshake:
        message = wire.decode_handshake(octets, self.version, self.cipher_suite)
        self.pre_shared.note(message.body)
        match message.body:
            case ClientHello() as hello:
                if self.client_direction is None:
                    self.client_direction = direction
                if self.client_direction == direction:
                    self._client_random = hello.random
                    self._offer_early_data(direction, hello)
            case ServerHello() as hello:
                self.version, self.cipher_suite = hello.selected_version, hello.cipher_suite
                if self.client_direction is None:
                    self.client_direction = 1 - direction
                if not hello.retry:
                    self._server_random = hello.random
                    self._encrypt_then_mac = extension(hello.extensions, ExtensionType.ENCRYPT_THEN_MAC) is not None
                    if self.version == TLS_1_3:
                        self._schedule()
            case Certificate() as certificate:
                chain = tuple(entry.der for entry in certificate.certificates)
                both = list(self.certificates)
                both[direction] = chain
                self.certificates = (both[0], both[1])
            case Finished() if self.version == TLS_1_3:
                self._sides[direction].next_epoch("application")
            case KeyUpdate() if self.version == TLS_1_3:
                self._sides[direction].update()
        return message

    # TLS 1.3

    def _offer_early_data(self, direction: int, hello: ClientHello) -> None:
        if extension(hello.extensions, ExtensionType.EARLY_DATA) is None:
            return
        # The suite is that of the ticket; nobody says it before the ServerHello, so it is taken from the secret's size.
        secret = self._keylog.secret("CLIENT_EARLY_TRAFFIC_SECRET", hello.random)
        if secret is not None and hello.cipher_suites:
            for suite in hello.cipher_suites:
                made = _Epoch.make("early", suite, secret)
                if made is not None:
                    self._sides[direction].epochs.append(made)

    def _schedule(self) -> None:
        """The traffic keys of both directions, as far as the key log has them (RFC 8446 §7.1, §7.3)."""
        assert self.cipher_suite is not None and self.client_direction is not None
        for direction, side in enumerate(self._sides):
            who = "CLIENT" if direction == self.client_direction else "SERVER"
            labels = (("handshake", f"{who}_HANDSHAKE_TRAFFIC_SECRET"), ("application", f"{who}_TRAFFIC_SECRET_0"))
            for name, label in labels:
                secret = self._keylog.secret(label, self._client_random)
                epoch = None if secret is None else _Epoch.make(name, self.cipher_suite, secret)
                if epoch is not None:
                    side.epochs.append(epoch)

    def _open_modern(self, direction: int, record: Record) -> bytes | None:
        """Open with the current keys; where they fail, with later ones (the key log may lack an epoch)."""
        side = self._sides[direction]
        for index, epoch in enumerate(side.epochs):
            opened = epoch.protection.open(record)
            if opened is not None:
                del side.epochs[:index]
                return opened
        return None

    # TLS 1.2

    def _seal(self, direction: int) -> None:
        """A ChangeCipherSpec: this direction is protected with the keys of the last handshake (RFC 5246 §6.3)."""
        side = self._sides[direction]
        side.sealed = True
        side.protection = None
        master = self._keylog.secret("CLIENT_RANDOM", self._client_random)
        if master is None or self.cipher_suite is None or self.client_direction is None:
            return
        shape = Shape.of(self.cipher_suite)
        if shape is None or self.version is None or self.version > TLS_1_2:
            return
        randoms = (self._server_random, self._client_random)
        mine = direction == self.client_direction
        side.protection = protection_12(shape, master, randoms, mine, encrypt_then_mac=self._encrypt_then_mac)


def _is_in_clear(record: Record) -> bool:
    """One whole ClientHello, or an alert of two octets, where TLS 1.2 would have protected octets: those are longer."""
    octets = record.fragment
    if record.type == ContentType.ALERT:
        return len(octets) == 2 and octets[0] in (1, 2)
    return (record.type == ContentType.HANDSHAKE and octets[:1] == b"\x01"
            and int.from_bytes(octets[1:4]) == len(octets) - 4)


def _is_handshake(octets: bytes) -> bool:
    """Begins like a handshake message in the clear."""
    return len(octets) >= 4 and octets[0] in HandshakeType.__members__.values() and octets[1] == 0


class _Side:
    """What a probe holds of one direction."""

    def __init__(self) -> None:
        self.records = Records()
        self.messages = wire.Messages()
        self.begun = 0
        self.sealed = False
        self.protection: Aead | Cbc | None = None
        self.epochs: list[_Epoch] = []
        self.holed = False      # the capture lacks octets of it
        self.skips = 0          # how many records it may lack, where their number has to be found again

    def skip(self, record: Record, modern: bool) -> None:
        """Find out which number the first record behind a hole has, and under which keys."""
        most, self.skips = self.skips, 0
        if not modern:
            if self.protection is not None:
                self.protection.skip(record, most)
            return
        for epoch in self.epochs:
            if epoch.protection.skip(record, most):
                return

    def next_epoch(self, name: str) -> None:
        """Later records use the keys of this name."""
        while self.epochs and self.epochs[0].name != name:
            del self.epochs[0]

    def update(self) -> None:
        """The next generation of application keys (RFC 8446 §7.2)."""
        if self.epochs:
            self.epochs[0] = self.epochs[0].updated()


class _Epoch:
    """A traffic secret of TLS 1.3 and the protection made from it (RFC 8446 §7.3)."""

    def __init__(self, name: str, shape: Shape, secret: bytes) -> None:
        self.name = name
        self._shape = shape
        self._secret = secret
        key = expand_label(shape.hash, secret, b"key", shape.key)
        salt = expand_label(shape.hash, secret, b"iv", 12)
        self.protection = Aead(shape, key, salt, modern=True)

    @classmethod
    def make(cls, name: str, suite: int, secret: bytes) -> _Epoch | None:
        """None where the suite is not one of TLS 1.3, or the secret has another size than its hash."""
        shape = Shape.of(suite)
        if shape is None or suite >> 8 != 0x13 or len(secret) != hashlib.new(shape.hash).digest_size:
            return None
        return cls(name, shape, secret)

    def updated(self) -> _Epoch:
        """The epoch that a KeyUpdate begins (RFC 8446 §7.2)."""
        secret = expand_label(self._shape.hash, self._secret, b"traffic upd", len(self._secret))
        return _Epoch(self.name, self._shape, secret)
