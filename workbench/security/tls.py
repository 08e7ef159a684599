"""A TLS session over memory: records in, records out, and no octet of payload before the fingerprint has matched.

The library is OpenSSL through pyOpenSSL; what it adds of its own is randomness only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from workbench.errors import LocalProtocolError
from workbench.security.events import (
    Data,
    Established,
    Event,
    Failed,
    KeyLine,
    PeerClosed,
    Transmit,
    Verified,
)
from workbench.security.progress import Fault, Progress
from workbench.security.session import Session, State

if TYPE_CHECKING:
    from workbench.protocols.sdp import Fingerprint
    from workbench.security.alerts import Keys
    from workbench.security.identities import Identity

__all__ = [
    "Data", "Established", "Event", "Failed", "KeyLine", "PeerClosed", "State", "TlsSession", "Transmit", "Verified",
]  # fmt: skip

_SUITES_12 = b"ECDHE+AESGCM:ECDHE+CHACHA20"
_CHANGE_CIPHER_SPEC = 20
# The answer to what is no TLS record, before there are keys: unexpected_message (RFC 8446 §5.1). OpenSSL says nothing.
_UNEXPECTED = bytes.fromhex("1503030002020a")
# Records that may stand before our alert in the same flight: an answer to a KeyUpdate, tickets.
_BEFORE_AN_ALERT = 4


class TlsSession(Session):
    """One end of one TLS session.

    Args:
        identity: our certificate and key; None presents no certificate (a peer will refuse that).
        client: whether we send the ClientHello.
        versions: which of `1.2` and `1.3` we offer or accept.
        announced: the peer's fingerprints; None: not known yet, `announce` brings them.
        verify: False accepts any certificate; for showing what then goes wrong.
        log_keys: report `KeyLine` events.
        max_held: octets of payload held before the fingerprint is known; more end the session.
        suites: of TLS 1.2, in OpenSSL's words; empty: those that are good.
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
        suites: str = "",
    ) -> None:
        super().__init__(client, announced, verify, log_keys, max_held)
        self._written = 0
        self._overhead = 0
        self._rekeyed = False
        self._connect(identity, tuple(versions), suites.encode() or _SUITES_12)

    # What the caller does

    def start(self) -> list[Event]:
        """The transport is up: a client sends its ClientHello, a server waits for one."""
        if self.state is not State.IDLE:
            raise LocalProtocolError(f"start of a TLS session that is {self.state.name}")
        self.state = State.HANDSHAKE
        return self._turn() if self.client else []

    def receive_data(self, data: bytes) -> list[Event]:
        """Take octets of the transport in any portions; return what they mean, oldest first."""
        if not data or self.state in (State.IDLE, State.CLOSED, State.PEER_CLOSED, State.FAILED):
            return []
        self._engine.feed(bytes(data))
        return self._turn()

    def send(self, data: bytes) -> list[Event]:
        """Protect payload. Raises LocalProtocolError unless the session is up and verified."""
        self._ready("TLS")
        octets = self._engine.write(data)
        if isinstance(octets, Fault):
            return self._fail(octets)
        records, rest = divmod(len(octets) - len(data), self._overhead)
        self._written += records
        self._rekeyed = self._rekeyed or rest != 0
        return [Transmit(octets)] if octets else []

    def transport_ended(self) -> list[Event]:
        """The transport ended. Without the peer's close_notify before, that is a truncation (RFC 8446 §6.1)."""
        if self.state in (State.CLOSED, State.FAILED, State.PEER_CLOSED) or self._held_end is not None:
            return []
        state, self.state = self.state, State.FAILED
        if state is State.CLOSING:
            self.state = State.CLOSED
            return []
        if state in (State.IDLE, State.HANDSHAKE):
            return [Failed("the connection ended during the handshake", None, True)]
        # Our own direction may still be open, and ends in order (RFC 8446 §6.1).
        return [*self._shutdown(), Failed("the connection ended without close_notify", None, True)]

    @property
    def psk_identity(self) -> bytes:
        """The identity of the pre-shared key; empty: there is none."""
        return b""

    # The library

    def _connect(self, identity: Identity | None, versions: tuple[str, ...], suites: bytes) -> None:
        from workbench.security import openssl

        if not versions or set(versions) - {"1.2", "1.3"}:
            raise LocalProtocolError(f"TLS versions {', '.join(versions) or 'none'}; there are 1.2 and 1.3")
        # Our own secrets are for alerts (`_keys`).
        secrets: Literal[b"", b"C", b"S"] = b"" if self._log_keys else b"C" if self.client else b"S"
        self._engine = openssl.Engine(openssl.context(identity, versions, suites, secrets), self.client, self)

    # Turning the crank

    def _turn(self) -> list[Event]:
        events: list[Event] = []
        if self.state is State.HANDSHAKE:
            shaken = self._engine.shake()
            if isinstance(shaken, Fault):
                return self._fail(shaken)
            if shaken is Progress.DONE:
                events += self._complete()
        if self.state in (State.HELD, State.UP, State.CLOSING):
            octets, outcome = self._engine.read()
            if octets:
                events += self._payload(octets)
            if isinstance(outcome, Fault):
                return events + self._fail(outcome)
            if outcome is Progress.ENDED:
                events += self._end()
        return events + self._outgoing()

    def _complete(self) -> list[Event]:
        engine = self._engine
        if not self._proved():  # can't be: both roles demand it
            return self._refuse()
        version, suite = engine.version, engine.suite
        self._overhead = _overhead(suite, version)
        self.state = State.HELD
        # The last octets of the handshake leave before anything else; only a TLS 1.3 server's tickets among them are
        # protected with the keys that payload uses too. In TLS 1.2 our Finished was the first such record.
        last = engine.output()
        tickets = version == "1.3" and not self.client
        self._written = _records(last) if tickets else int(version == "1.2")
        events: list[Event] = [*self._lines(), *([Transmit(last)] if last else [])]
        events.append(Established(version, suite, self._certificate, self.psk_identity))
        return events + self._checked()

    def _proved(self) -> bool:
        """Whether the peer has shown who it is."""
        return bool(self._certificate)

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

    # Failing

    def _fail(self, fault: Fault) -> list[Event]:
        octets = self._engine.output()
        if not octets and fault.alert is None and self.state is State.HANDSHAKE and not self._engine.suite:
            octets = _UNEXPECTED
        description = self._sent_alert(octets) if fault.alert is None else None
        return self._failed(fault, [octets] if octets else [], description)

    def abort(self, description: int, reason: str) -> list[Event]:
        """Give up a session that is up, with this fatal alert. Raises LocalProtocolError: it is not up."""
        self._ready("TLS")
        return self._give_up(description, reason)

    def _refuse(self) -> list[Event]:
        from workbench.security import alerts

        return self._give_up(alerts.BAD_CERTIFICATE, str(self._refusal or "no certificate"))

    def _give_up(self, description: int, reason: str) -> list[Event]:
        from workbench.security import alerts

        self.state = State.FAILED
        self._held, self._held_octets = [], 0
        keys = None if self._rekeyed else self._keys("TRAFFIC_SECRET_0")
        if keys is None:
            return [*self._shutdown(), Failed(reason, None, True)]
        protect = alerts.alert_13 if self._engine.version == "1.3" else alerts.alert_12
        last = Transmit(protect(keys, description, self._written))
        return [*self._outgoing(), last, Failed(reason, description, True)]

    def _sent_alert(self, octets: bytes) -> int | None:
        """The description of the alert that the library ended our octets with; it is not told otherwise."""
        from workbench.security import alerts

        found = alerts.in_clear(octets)
        labels = ("TRAFFIC_SECRET_0", "HANDSHAKE_TRAFFIC_SECRET") if octets and found is None else ()
        for label in labels:
            keys = self._keys(label)
            if keys is not None and found is None:
                read = alerts.read_13 if self._engine.version == "1.3" else alerts.read_12
                found = read(keys, octets, range(self._written, self._written + _BEFORE_AN_ALERT))
        return found

    def _keys(self, label: str) -> Keys | None:
        """The keys of our direction, where this kind of secret is known and the suite is one that `alerts` knows."""
        from workbench.security import alerts

        suite = self._engine.suite
        if not alerts.knows(suite):
            return None
        line = self._secrets.get(f"{'CLIENT' if self.client else 'SERVER'}_{label}")
        if line is not None:
            return alerts.keys_13(suite, bytes.fromhex(line.split(" ")[2]))
        agreed = self._engine.secrets_12 if self._engine.version == "1.2" else None
        return None if agreed is None else alerts.keys_12(suite, agreed[0], agreed[1:], self.client)

    def _shut(self) -> bool:
        return self._engine.shut()

    def _shutdown(self) -> list[Event]:
        self._engine.shut()
        return self._outgoing()

    # What leaves

    def _outgoing(self) -> list[Event]:
        octets = self._engine.output()
        if octets and self.state not in (State.IDLE, State.HANDSHAKE):
            self._written += _records(octets)
            # The library answers a KeyUpdate: our traffic secret is no longer the one that we know.
            self._rekeyed = self._rekeyed or self.state in (State.HELD, State.UP)
        lines = self._lines() if self._fresh_lines else []
        return [*lines, Transmit(octets)] if octets else lines


def _overhead(suite: str, version: str) -> int:
    """Octets that a record has beside its payload, header included (RFC 8446 §5.2, RFC 5288 §3, RFC 7905 §2)."""
    return 5 + 1 + 16 if version == "1.3" else 5 + 16 + (0 if "CHACHA20" in suite else 8)


def _records(octets: bytes) -> int:
    """How many records there are in our own output, dummy ChangeCipherSpecs not counted."""
    at = count = 0
    while at + 5 <= len(octets):
        count += octets[at] != _CHANGE_CIPHER_SPEC
        at += 5 + int.from_bytes(octets[at + 3 : at + 5])
    return count
