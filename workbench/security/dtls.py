"""A DTLS 1.2 session over memory: datagrams in, datagrams out, and no payload before the fingerprint has matched.

The library is OpenSSL; cookies, record numbers of the handshake, flights and their timer are ours, so that the
caller's clock rules and nothing is kept for a client that has not shown that it hears us (RFC 6347 §4.2).
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.tls import datagrams
from workbench.protocols.tls.datagrams import Record
from workbench.protocols.tls.registry import ContentType
from workbench.protocols.tls.wire import FRAGMENT_OCTETS
from workbench.security.cookies import Cookies, client_hello
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
from workbench.security.flights import Flights
from workbench.security.progress import Fault, Progress
from workbench.security.session import Session, State

if TYPE_CHECKING:
    from workbench.protocols.sdp import Fingerprint
    from workbench.security.alerts import Keys
    from workbench.security.identities import Identity
    from workbench.security.openssl_dtls import DtlsEngine

__all__ = [
    "Cookies", "Data", "DtlsSession", "Established", "Event", "Failed", "KeyLine", "PeerClosed", "State", "Transmit",
    "Verified",
]  # fmt: skip

# Records are protected anew here, which this kind of suite allows (see `sealing`).
_SUITES = b"ECDHE+AESGCM"
FIRST_WAIT = 1.0
"""Seconds until a flight is repeated for the first time; each time doubled (RFC 6347 §4.2.4.1)."""
LONGEST_WAIT = 60.0
"""Seconds between repetitions at most."""
_MTU = range(256, 16_385)
_LONGEST_PAYLOAD = 16_384
_HEADER = datagrams.HEADER_OCTETS
_UP = State.UP
_PAYLOAD = int(ContentType.APPLICATION_DATA)
# A record may be so long; a longer datagram is read record by record.
_LONGEST_RECORD = datagrams.HEADER_OCTETS + FRAGMENT_OCTETS


class DtlsSession(Session):
    """One end of one DTLS session. Each `Transmit` is one datagram, each `Data` one payload.

    Args:
        identity: our certificate and key; None presents no certificate (a peer will refuse that).
        client: whether we send the ClientHello.
        announced: the peer's fingerprints; None: not known yet, `announce` brings them.
        verify: False accepts any certificate; for showing what then goes wrong.
        log_keys: report `KeyLine` events.
        max_held: octets of payload held before the fingerprint is known; what comes beyond is dropped.
        mtu: octets of a datagram of the handshake at most.
        cookies: of a server; None asks for none, and takes any ClientHello.
        most_repeats: how often a flight is repeated before the session fails.

    Attributes:
        dropped: datagrams that brought nothing: garbled, replayed, or not for this session.
        repeated: how often a flight was repeated by the timer or because the peer repeated its own.
    """

    def __init__(
        self,
        identity: Identity | None,
        client: bool,
        *,
        announced: Sequence[Fingerprint] | None = None,
        verify: bool = True,
        log_keys: bool = False,
        max_held: int = 1 << 16,
        mtu: int = 1200,
        cookies: Cookies | None = None,
        most_repeats: int = 7,
    ) -> None:
        super().__init__(client, announced, verify, log_keys, max_held)
        if mtu not in _MTU:
            raise LocalProtocolError(f"an MTU of {mtu} octets; DTLS is run here with {_MTU[0]} to {_MTU[-1]}")
        self.dropped = 0
        self.repeated = 0
        self._identity = identity
        self._mtu = mtu
        self._cookies = None if client else cookies
        self._most_repeats = most_repeats
        keys = weakref.WeakMethod(self._keys)   # no cycle: a session that is let go frees its memory at once
        self._flights = Flights(mtu, lambda: method() if (method := keys()) is not None else None)
        self._attempts = 0
        self._wait = FIRST_WAIT
        self._sent_at = 0.0
        self._deadline: float | None = None
        self._peer_message = -1  # highest number of a handshake message of the peer,
        self._answered = -1      # and what it was when our flight left
        self._last = b""         # our last record of payload
        self._engine: DtlsEngine | None = self._made(after_cookie=False) if self._cookies is None else None

    @property
    def begun(self) -> bool:
        """There is a session; a server with cookies has none, and keeps nothing, before a good one has come."""
        return self._engine is not None

    # What the caller does

    def start(self, now: float) -> list[Event]:
        """The transport is there: a client sends its ClientHello, a server waits for one."""
        if self.state is not State.IDLE:
            raise LocalProtocolError(f"start of a DTLS session that is {self.state.name}")
        self.state = State.HANDSHAKE
        return [*self._turn(), *self._leaving(now)] if self.client else []

    def receive_datagram(self, data: bytes, now: float, source: str = "") -> list[Event]:
        """Take a datagram; return what it means, oldest first.

        Args:
            data: the whole datagram.
            now: seconds on the caller's clock.
            source: the sender's address and port, which cookies are bound to.
        """
        engine = self._engine
        if engine is not None and self.state is State.UP and data[:1] == b"\x17" and len(data) <= _LONGEST_RECORD:
            engine.feed(data)
            payload, outcome = engine.next()
            if payload is not None and int.from_bytes(data[11:13]) == len(data) - datagrams.HEADER_OCTETS:
                return [Data(payload)]
            events: list[Event] = [] if payload is None else [Data(payload)]
            events += self._read() if payload is not None else self._ended(outcome)
            self.dropped += not events
            return events
        if self.state in (State.IDLE, State.CLOSED, State.PEER_CLOSED, State.FAILED):
            return []
        records, _ = datagrams.split(data)
        if not records:
            self.dropped += 1
            return []
        if engine is None:
            return self._greet(records, now, source)
        return self._take(records, now)

    def send(self, payload: bytes) -> list[Event]:
        """Protect payload as one datagram. Raises LocalProtocolError unless the session is up and verified."""
        self._ready("DTLS")
        if len(payload) > _LONGEST_PAYLOAD:
            raise LocalProtocolError(f"{len(payload)} octets in one datagram; DTLS takes {_LONGEST_PAYLOAD}")
        if not payload or self._engine is None:
            return []
        octets = self._engine.write(payload)
        if isinstance(octets, Fault):
            return self._fail(octets)
        self._last = octets
        return [Transmit(octets)]

    def open(self, data: bytes) -> bytes | None:
        """The payload of a datagram that is one record of it; None: it is for `receive_datagram`, if for anybody.

        For those who pass on payload and have no use for events; asked while the session is up.
        """
        engine = self._engine
        size = len(data)
        if (engine is None or self.state is not _UP or not _HEADER < size <= _LONGEST_RECORD
                or data[0] != _PAYLOAD or data[11] << 8 | data[12] != size - _HEADER):
            return None
        return engine.open(data)

    def seal(self, payload: bytes) -> bytes | None:
        """Payload as one datagram; None: `send` says why not."""
        engine = self._engine
        if engine is None or self.state is not _UP or not 0 < len(payload) <= _LONGEST_PAYLOAD:
            return None
        octets = engine.write(payload)
        if isinstance(octets, Fault):
            return None
        self._last = octets
        return octets

    def next_wakeup(self) -> float | None:
        """When a flight has to be repeated; None: nothing waits."""
        return self._deadline

    def wake(self, now: float) -> list[Event]:
        """Repeat our flight if its time has come; after too many times, fail."""
        if self._deadline is None or now < self._deadline:
            return []
        if self._attempts >= self._most_repeats:
            self._deadline = None
            self.state = State.FAILED
            return [Failed(f"no answer to a flight that was sent {self._attempts + 1} times", None, True)]
        self._attempts += 1
        self._wait = min(2 * self._wait, LONGEST_WAIT)
        return self._repeat(now)

    def transport_ended(self) -> list[Event]:
        """The transport can't be used any more."""
        self._deadline = None
        if self.state in (State.CLOSED, State.FAILED, State.PEER_CLOSED) or self._held_end is not None:
            return []
        state, self.state = self.state, State.FAILED
        if state is State.CLOSING:
            self.state = State.CLOSED
            return []
        when = "during the handshake" if state in (State.IDLE, State.HANDSHAKE) else "without close_notify"
        return [Failed(f"the transport ended {when}", None, True)]

    def close(self) -> list[Event]:
        """Send close_notify; before the handshake is complete, nothing. Payload of ours ends here."""
        self._deadline = None
        return super().close()

    # Before there is a session

    def _made(self, *, after_cookie: bool) -> DtlsEngine:
        from workbench.security import openssl, openssl_dtls

        context = openssl.context(self._identity, (openssl.DTLS_1_2,), _SUITES)
        return openssl_dtls.DtlsEngine(context, self.client, self, self._mtu, after_cookie=after_cookie)

    def _greet(self, records: list[Record], now: float, source: str) -> list[Event]:
        """A server that keeps nothing: a cookie for a ClientHello without a good one (RFC 6347 §4.2.1)."""
        hello = client_hello(records)
        if hello is None or self._cookies is None:
            self.dropped += 1
            return []
        if not self._cookies.admits(hello, source):
            return [Transmit(self._cookies.answer(hello, source))]
        self._engine = self._made(after_cookie=True)
        # The library has to see the first ClientHello, too; its HelloVerifyRequest is the one we have sent.
        self._engine.feed(hello.without_cookie().octets)
        self._engine.shake()
        self._engine.output()
        self._flights.next_clear = hello.record.sequence
        return self._take(records, now)

    # Turning the crank

    def _take(self, records: list[Record], now: float) -> list[Event]:
        events: list[Event] = []
        again, held = False, self._held_octets
        for record in records:
            if self.state is State.HANDSHAKE:
                again = self._is_again(record) or again
            if self._engine is None or self.state is State.FAILED:
                break
            self._engine.feed(record.octets)
            events += self._turn()
        events += self._leaving(now)
        if again and self.state is State.HANDSHAKE and now >= self._sent_at + self._wait / 2:
            events += self._repeat(now)
        if not events and self.state is not State.HANDSHAKE and self._held_octets == held:
            self.dropped += 1
        return events

    def _is_again(self, record: Record) -> bool:
        """Whether a record belongs to the flight that we have answered: our answer was lost (RFC 6347 §4.2.4)."""
        if record.type != ContentType.HANDSHAKE or record.epoch:
            return False
        try:
            numbers = [one.message_seq for one in datagrams.fragments(record.fragment)]
        except MalformedMessageError:
            return False
        self._peer_message = max(self._peer_message, *numbers, -1)
        return any(number <= self._answered for number in numbers)

    def _turn(self) -> list[Event]:
        events: list[Event] = []
        assert self._engine is not None
        if self.state is State.HANDSHAKE:
            shaken = self._engine.shake()
            if isinstance(shaken, Fault):
                return self._fail(shaken)
            if shaken is Progress.DONE:
                events += self._complete()
        if self.state in (State.HELD, State.UP, State.CLOSING):
            events += self._read()
        return events

    def _read(self) -> list[Event]:
        events: list[Event] = []
        assert self._engine is not None
        while self.state in (State.HELD, State.UP, State.CLOSING):
            payload, outcome = self._engine.next()
            if payload is None:
                return events + self._ended(outcome)
            events += self._payload(payload)
        return events

    def _ended(self, outcome: Progress | Fault) -> list[Event]:
        """Why there is no more payload."""
        if isinstance(outcome, Fault):
            return self._fail(outcome)
        return self._end() if outcome is Progress.ENDED else []

    def _complete(self) -> list[Event]:
        engine = self._engine
        assert engine is not None
        self._deadline = None
        last, _ = self._flights.take(engine.output())
        self.state = State.HELD
        # The library has not counted the records that were protected anew: it has to leave out their numbers.
        while self._flights.library_sealed < self._flights.next_sealed:
            engine.write(b"\0")
            self._flights.library_sealed += 1
        events: list[Event] = [*self._lines(), *map(Transmit, last)]
        if not self._certificate:  # can't be: both roles demand one
            return events + self._refuse()
        from workbench.security import openssl

        return [*events, Established(openssl.DTLS_1_2, engine.suite, self._certificate), *self._checked()]

    def _payload(self, octets: bytes) -> list[Event]:
        if self.state is State.UP:
            return [Data(octets)]
        if self.state is State.HELD and self._held_octets + len(octets) <= self._max_held:
            self._held.append(octets)
            self._held_octets += len(octets)
        return []

    # What leaves

    def _leaving(self, now: float) -> list[Event]:
        """The library's output; a new flight of the handshake starts the timer (RFC 6347 §4.2.4)."""
        octets = self._engine.output() if self._engine is not None else b""
        if not octets or self.state is not State.HANDSHAKE:
            return self._passed_on(octets)
        sent, flight = self._flights.take(octets)
        if flight:
            if not self._attempts:
                self._wait = FIRST_WAIT
            self._attempts, self._answered = 0, self._peer_message
            self._sent_at, self._deadline = now, now + self._wait
        return [*self._lines(), *map(Transmit, sent)]

    def _outgoing(self) -> list[Event]:
        return self._passed_on(self._engine.output() if self._engine is not None else b"")

    def _passed_on(self, octets: bytes) -> list[Event]:
        sent = self._flights.pass_on(octets) if octets else []
        return [*self._lines(), *map(Transmit, sent)]

    def _repeat(self, now: float) -> list[Event]:
        self._sent_at, self._deadline = now, now + self._wait
        self.repeated += 1
        return [Transmit(octets) for octets in self._flights.repeat()]

    # Failing

    def _fail(self, fault: Fault) -> list[Event]:
        assert self._engine is not None
        self._deadline = None
        octets = self._engine.output()
        sent = self._flights.take(octets)[0] if self.state is State.HANDSHAKE else self._flights.pass_on(octets)
        return self._failed(fault, sent, self._sent_alert(sent))

    def _sent_alert(self, sent: list[bytes]) -> int | None:
        """The description of the alert that our last datagram ends with."""
        from workbench.security import sealing

        records = datagrams.split(sent[-1])[0] if sent else []
        if not records or records[-1].type != ContentType.ALERT:
            return None
        keys = self._keys() if records[-1].epoch else None
        plain = records[-1].fragment if keys is None else sealing.unseal(keys, records[-1])
        return plain[1] if plain is not None and len(plain) == 2 else None

    def _refuse(self) -> list[Event]:
        """The fingerprint does not match, but the handshake is over: bad_certificate all the same (RFC 8122 §6.2)."""
        from workbench.security import alerts, sealing

        self.state = State.FAILED
        self._held, self._held_octets = [], 0
        reason = str(self._refusal or "no certificate")
        before = self._outgoing()
        keys = self._keys()
        if keys is None:
            self._shut()
            return [*before, *self._outgoing(), Failed(reason, None, True)]
        counted = int.from_bytes(self._last[5:11]) + 1 if self._last else 0
        sequence = max(counted, self._flights.next_sealed)
        alert = sealing.seal(keys, ContentType.ALERT, 1, sequence, bytes([2, alerts.BAD_CERTIFICATE]))
        return [*before, Transmit(alert.octets), Failed(reason, alerts.BAD_CERTIFICATE, True)]

    def _keys(self) -> Keys | None:
        from workbench.security import alerts

        agreed = self._engine.secrets_12 if self._engine is not None else None
        if agreed is None or self._engine is None or not alerts.knows(self._engine.suite):
            return None
        return alerts.keys_12(self._engine.suite, agreed[0], agreed[1:], self.client)

    def _shut(self) -> bool:
        return self._engine is not None and self._engine.shut()
