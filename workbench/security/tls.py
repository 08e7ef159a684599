"""A TLS session over memory: records in, records out, and no octet of payload before the fingerprint has matched.

Both ends present a certificate, self-signed as a rule; what counts is the fingerprint that SDP announced (RFC 8122).
A fingerprint that is known is checked inside the handshake. One that comes later is checked when it comes: until then
what the peer sends is held. The library is OpenSSL through pyOpenSSL; what it adds of its own is randomness only.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.errors import AuthenticationError, LocalProtocolError
from workbench.protocols.tls.registry import alert_name
from workbench.security import fingerprints

if TYPE_CHECKING:
    from OpenSSL import SSL

    from workbench.protocols.sdp import Fingerprint
    from workbench.security.identities import Identity

_SUITES_12 = b"ECDHE+AESGCM:ECDHE+CHACHA20"
_READ_OCTETS = 65_536
_CHANGE_CIPHER_SPEC = 20


class State(enum.Enum):
    """Where a session stands."""

    IDLE = enum.auto()
    HANDSHAKE = enum.auto()
    HELD = enum.auto()        # the handshake is done, the peer's fingerprint is not known yet
    UP = enum.auto()
    CLOSING = enum.auto()     # we have sent close_notify
    PEER_CLOSED = enum.auto() # the peer has
    CLOSED = enum.auto()
    FAILED = enum.auto()


class Transmit(msgspec.Struct, frozen=True):
    """Octets for the transport below."""

    octets: bytes


class Established(msgspec.Struct, frozen=True):
    """The handshake is complete on our side. In TLS 1.3 the server may still refuse our certificate.

    Args:
        version: `1.2` or `1.3`.
        suite: the library's name of the cipher suite.
        peer_certificate: DER.
    """

    version: str
    suite: str
    peer_certificate: bytes


class Verified(msgspec.Struct, frozen=True):
    """The peer's certificate matches what was announced. From here on payload passes."""


class Data(msgspec.Struct, frozen=True):
    """Payload of the peer, decrypted, whose certificate has been verified."""

    octets: bytes


class PeerClosed(msgspec.Struct, frozen=True):
    """The peer sent close_notify: nothing more comes from it."""


class Failed(msgspec.Struct, frozen=True):
    """The session is over and was not closed in order. A last `Transmit` with our alert may stand before it.

    Args:
        reason: one line for people.
        alert: the fatal alert's description number, None where there was none.
        ours: we found the fault (True), or the peer told us of it.
    """

    reason: str
    alert: int | None
    ours: bool


class KeyLine(msgspec.Struct, frozen=True):
    """One line for a key log (RFC 9850). It opens the session to whoever reads it."""

    line: str

    def __repr__(self) -> str:
        return "KeyLine(...)"


Event = Transmit | Established | Verified | Data | PeerClosed | Failed | KeyLine


class TlsSession:
    """One end of one TLS session.

    Args:
        identity: our certificate and key; None presents no certificate (a peer will refuse that).
        client: whether we send the ClientHello.
        versions: which of `1.2` and `1.3` we offer or accept.
        announced: the peer's fingerprints; None: not known yet, `announce` brings them.
        verify: False accepts any certificate; for showing what then goes wrong.
        log_keys: report `KeyLine` events.
        max_held: octets of payload held before the fingerprint is known; more end the session.
    """

    def __init__(
        self,
        identity: Identity | None,
        client: bool,
        *,
        versions: Sequence[str] = ("1.2", "1.3"),
        announced: Sequence[Fingerprint] | None = None,
        verify: bool = True,
        log_keys: bool = False,
        max_held: int = 1 << 20,
    ) -> None:
        self.client = client
        self.state = State.IDLE
        self._announced = None if announced is None else tuple(announced)
        self._verify = verify
        self._log_keys = log_keys
        self._max_held = max_held
        self._held: list[bytes] = []
        self._held_octets = 0
        self._held_end: PeerClosed | None = None
        self._refusal: AuthenticationError | None = None
        self._alert: tuple[int, bool] | None = None
        self._key_lines: dict[str, str] = {}
        self._fresh_lines: list[str] = []
        self._written = 0
        self._rekeyed = False
        self._certificate = b""
        self._connection = self._connect(identity, versions)

    # What the caller does

    def start(self) -> list[Event]:
        """The transport is up: a client sends its ClientHello, a server waits for one."""
        if self.state is not State.IDLE:
            raise LocalProtocolError(f"start of a TLS session that is {self.state.name}")
        self.state = State.HANDSHAKE
        return self._turn()

    def receive_data(self, data: bytes) -> list[Event]:
        """Take octets of the transport in any portions; return what they mean, oldest first."""
        if not data or self.state in (State.IDLE, State.CLOSED, State.PEER_CLOSED, State.FAILED):
            return []
        view = memoryview(data)
        while view:
            view = view[self._connection.bio_write(view.tobytes()) :]
        return self._turn()

    def send(self, data: bytes) -> list[Event]:
        """Protect payload. Raises LocalProtocolError unless the session is up and verified."""
        if self.state not in (State.UP, State.PEER_CLOSED):
            raise LocalProtocolError(f"payload on a TLS session that is {self.state.name}")
        view = memoryview(data)
        try:
            while view:
                view = view[self._connection.send(view[:_READ_OCTETS].tobytes()) :]
        except self._library_error() as error:
            return self._fail(error)
        return self._outgoing()

    def close(self) -> list[Event]:
        """Send close_notify; before the handshake is complete, nothing. Payload of ours ends here."""
        state, self.state = self.state, State.CLOSED
        if state in (State.CLOSED, State.FAILED, State.CLOSING):
            self.state = state
            return []
        if state in (State.IDLE, State.HANDSHAKE):
            return []
        try:
            self._connection.shutdown()
        except self._library_error():
            return self._outgoing()
        if state is not State.PEER_CLOSED:
            self.state = State.CLOSING
        return self._outgoing()

    def announce(self, announced: Sequence[Fingerprint]) -> list[Event]:
        """The peer's fingerprints have arrived, or changed. What was held comes out, or the session fails."""
        self._announced = tuple(announced)
        if self.state not in (State.HELD, State.UP):
            return []
        if not self._accepts(self._certificate):
            return self._refuse()
        return self._release() if self.state is State.HELD else []

    def transport_ended(self) -> list[Event]:
        """The transport ended. Without the peer's close_notify before, that is a truncation (RFC 8446 §6.1)."""
        if self.state in (State.CLOSED, State.FAILED, State.PEER_CLOSED) or self._held_end is not None:
            return []
        state, self.state = self.state, State.FAILED
        if state is State.CLOSING:
            self.state = State.CLOSED
            return []
        when = "during the handshake" if state in (State.IDLE, State.HANDSHAKE) else "without close_notify"
        return [Failed(f"the connection ended {when}", None, True)]

    @property
    def held(self) -> int:
        """Octets of payload that wait for the fingerprint."""
        return self._held_octets

    def __repr__(self) -> str:
        return f"TlsSession({'client' if self.client else 'server'}, {self.state.name})"

    # The library

    def _connect(self, identity: Identity | None, versions: Sequence[str]) -> SSL.Connection:
        from OpenSSL import SSL

        from workbench.security.openssl import demand_certificate

        known = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
        if not versions or set(versions) - set(known):
            raise LocalProtocolError(f"TLS versions {', '.join(versions) or 'none'}; there are 1.2 and 1.3")
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(min(known[version] for version in versions))
        context.set_max_proto_version(max(known[version] for version in versions))
        context.set_cipher_list(_SUITES_12)
        # A session does not outlive its connection (TS 23.334 §5.11.2), so nothing is kept for resumption.
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_keylog_callback(lambda _connection, line: self._key(line))
        context.set_info_callback(self._info)
        if identity is not None:
            from cryptography import x509

            context.use_certificate(x509.load_der_x509_certificate(identity.certificate))
            context.use_privatekey(identity.key)
        self._kept = demand_certificate(context, self._accepts)
        connection = SSL.Connection(context, None)
        if self.client:
            connection.set_connect_state()
        else:
            connection.set_accept_state()
        return connection

    def _library_error(self) -> type[Exception]:
        from OpenSSL import SSL

        return SSL.Error

    def _key(self, line: bytes) -> None:
        text = line.decode("ascii")
        label = text.split(" ", 1)[0]
        if label not in self._key_lines:
            self._key_lines[label] = text
            self._fresh_lines.append(text)

    def _info(self, _connection: SSL.Connection, where: int, code: int) -> None:
        from OpenSSL import SSL

        if where & SSL.SSL_CB_ALERT and code >> 8 == 2 and self._alert is None:
            self._alert = (code & 0xFF, bool(where & SSL.SSL_CB_WRITE))

    def _accepts(self, certificate: bytes) -> bool:
        if not self._verify or self._announced is None:
            return True
        try:
            fingerprints.check(certificate, self._announced)
        except AuthenticationError as error:
            self._refusal = error
            return False
        return True

    # Turning the crank

    def _turn(self) -> list[Event]:
        from OpenSSL import SSL

        events: list[Event] = []
        try:
            if self.state is State.HANDSHAKE:
                self._connection.do_handshake()
                events += self._complete()
            while self.state in (State.HELD, State.UP, State.CLOSING):
                events += self._payload(self._connection.recv(_READ_OCTETS))
        except SSL.WantReadError:
            if self.state in (State.HELD, State.UP) and self._connection_writes():
                self._rekeyed = True
        except SSL.ZeroReturnError:
            events += self._end()
        except SSL.Error as error:
            return events + self._fail(error)
        return events + self._outgoing()

    def _connection_writes(self) -> bool:
        # Octets that the library wants to send although no payload was given: an answer to a KeyUpdate. They are
        # taken in `_outgoing`, so all that is asked here is whether there are any.
        octets = self._drain()
        self._pending = octets
        return bool(octets)

    _pending: bytes = b""

    def _complete(self) -> list[Event]:
        from workbench.security.openssl import peer_certificate

        certificate = peer_certificate(self._connection)
        if certificate is None:  # can't be: both roles demand one
            return self._refuse()
        self._certificate = certificate
        version = (self._connection.get_protocol_version_name() or "").removeprefix("TLSv")
        suite = self._connection.get_cipher_name() or ""
        self.state = State.HELD
        # The last octets of the handshake leave before anything else; only a TLS 1.3 server's tickets among them are
        # protected with the keys that payload uses too. In TLS 1.2 our Finished was the first such record.
        last = self._drain()
        tickets = version == "1.3" and not self.client
        self._written = _records(last) if tickets else int(version == "1.2")
        events: list[Event] = [*self._lines(), *([Transmit(last)] if last else [])]
        events.append(Established(version, suite, certificate))
        if self._announced is None and self._verify:
            return events
        return events + (self._release() if self._accepts(certificate) else self._refuse())

    def _release(self) -> list[Event]:
        self.state = State.UP
        events: list[Event] = [Verified(), *(Data(octets) for octets in self._held)]
        self._held, self._held_octets = [], 0
        if self._held_end is not None:
            self.state = State.PEER_CLOSED
            events.append(self._held_end)
        return events

    def _payload(self, octets: bytes) -> list[Event]:
        if self.state is State.UP:
            return [Data(octets)]
        if self.state is State.CLOSING:
            return []
        self._held.append(octets)
        self._held_octets += len(octets)
        if self._held_octets <= self._max_held:
            return []
        self.state = State.FAILED
        what = f"more than {self._max_held} octets before the fingerprint is known"
        return [*self._shutdown(), Failed(what, None, True)]

    def _end(self) -> list[Event]:
        if self.state is State.HELD:
            self._held_end = PeerClosed()
            return []
        self.state = State.CLOSED if self.state is State.CLOSING else State.PEER_CLOSED
        return [PeerClosed()]

    # Failing

    def _fail(self, error: Exception) -> list[Event]:
        self.state = State.FAILED
        self._held, self._held_octets = [], 0
        events = self._outgoing()
        description, ours = self._alert or (None, True)
        if ours and self._refusal is not None:
            reason = str(self._refusal)
        elif description is not None and not ours:
            reason = f"the peer sent the fatal alert {alert_name(description).removeprefix('alert ')}"
        else:
            reason = _reason(error)
        return [*events, Failed(reason, description, ours)]

    def _refuse(self) -> list[Event]:
        from workbench.security.alerts import BAD_CERTIFICATE

        self.state = State.FAILED
        self._held, self._held_octets = [], 0
        last = self._last_alert(BAD_CERTIFICATE)
        reason = str(self._refusal or "no certificate")
        if last is None:
            return [*self._shutdown(), Failed(reason, None, True)]
        return [*self._outgoing(), Transmit(last), Failed(reason, BAD_CERTIFICATE, True)]

    def _last_alert(self, description: int) -> bytes | None:
        from workbench.security import alerts

        suite = self._connection.get_cipher_name() or ""
        if self._rekeyed or not alerts.knows(suite):
            return None
        label = "CLIENT_TRAFFIC_SECRET_0" if self.client else "SERVER_TRAFFIC_SECRET_0"
        if label in self._key_lines:
            secret = bytes.fromhex(self._key_lines[label].split(" ")[2])
            return alerts.alert_13(description, suite, secret, self._written)
        master = self._connection.master_key()
        randoms = self._connection.client_random(), self._connection.server_random()
        if master is None or None in randoms:
            return None
        both: Any = randoms
        return alerts.alert_12(description, suite, master, both, self.client, self._written)

    def _shutdown(self) -> list[Event]:
        try:
            self._connection.shutdown()
        except self._library_error():
            pass
        return self._outgoing()

    # What leaves

    def _drain(self) -> bytes:
        from OpenSSL import SSL

        portions, self._pending = [self._pending], b""
        try:
            while True:
                portions.append(self._connection.bio_read(_READ_OCTETS))
        except SSL.WantReadError:
            return b"".join(portions)

    def _lines(self) -> list[Event]:
        fresh, self._fresh_lines = self._fresh_lines, []
        return [KeyLine(line) for line in fresh] if self._log_keys else []

    def _outgoing(self) -> list[Event]:
        octets = self._drain()
        if octets and self.state not in (State.IDLE, State.HANDSHAKE):
            self._written += _records(octets)
        return [*self._lines(), *([Transmit(octets)] if octets else [])]


def _records(octets: bytes) -> int:
    """How many records there are in our own output, dummy ChangeCipherSpecs not counted."""
    at = count = 0
    while at + 5 <= len(octets):
        count += octets[at] != _CHANGE_CIPHER_SPEC
        at += 5 + int.from_bytes(octets[at + 3 : at + 5])
    return count


def _reason(error: Exception) -> str:
    entries = error.args[0] if error.args and isinstance(error.args[0], list) else []
    texts = [str(entry[-1]) for entry in entries if isinstance(entry, tuple) and entry]
    return "; ".join(dict.fromkeys(text for text in texts if text)) or "TLS failed"
