"""What TLS and DTLS sessions have in common: no octet of payload passes before the fingerprint has matched.

Both ends present a certificate, self-signed as a rule; what counts is the fingerprint that SDP announced (RFC 8122).
A fingerprint that is known is checked inside the handshake. One that comes later is checked when it comes: until then
what the peer sends is held.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.errors import AuthenticationError, LocalProtocolError
from workbench.protocols.tls.registry import alert_name
from workbench.security import fingerprints
from workbench.security.events import Data, Event, Failed, KeyLine, PeerClosed, Transmit, Verified

if TYPE_CHECKING:
    from workbench.protocols.sdp import Fingerprint
    from workbench.security.progress import Fault


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


class Session:
    """One end of one session.

    Args:
        client: whether we send the ClientHello.
        announced: the peer's fingerprints; None: not known yet, `announce` brings them.
        verify: False accepts any certificate; for showing what then goes wrong.
        log_keys: report `KeyLine` events.
        max_held: octets of payload held before the fingerprint is known.
    """

    def __init__(
        self, client: bool, announced: Sequence[Fingerprint] | None, verify: bool, log_keys: bool, max_held: int,
    ) -> None:
        self.client = client
        self.state = State.IDLE
        self.judged: bool | None = None
        self._announced = None if announced is None else tuple(announced)
        self._verify = verify
        self._log_keys = log_keys
        self._max_held = max_held
        self._held: list[bytes] = []
        self._held_octets = 0
        self._held_end: PeerClosed | None = None
        self._refusal: AuthenticationError | None = None
        self._secrets: dict[str, str] = {}
        self._fresh_lines: list[str] = []
        self._certificate = b""

    def announce(self, announced: Sequence[Fingerprint]) -> list[Event]:
        """The peer's fingerprints have arrived, or changed. What was held comes out, or the session fails."""
        self._announced = tuple(announced)
        self.judged = None
        if self.state not in (State.HELD, State.UP):
            return []
        if not self.judge(self._certificate):
            return self._refuse()
        return self._release() if self.state is State.HELD else []

    @property
    def held(self) -> int:
        """Octets of payload that wait for the fingerprint."""
        return self._held_octets

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'client' if self.client else 'server'}, {self.state.name})"

    # What each protocol does in its own way

    def _refuse(self) -> list[Event]:
        raise NotImplementedError

    def _outgoing(self) -> list[Event]:
        raise NotImplementedError

    def _shut(self) -> bool:
        """Have the library send close_notify; False: it is in no state for it."""
        raise NotImplementedError

    # What the engine asks and tells

    def learn(self, line: bytes) -> None:
        """The library has made a secret (for the engine only)."""
        if not self._log_keys and not line.startswith(b"CLIENT_" if self.client else b"SERVER_"):
            return
        text = line.decode("ascii")
        label = text.split(" ", 1)[0]
        if label not in self._secrets:
            self._secrets[label] = text
            if self._log_keys:
                self._fresh_lines.append(text)

    def judge(self, certificate: bytes) -> bool:
        """Whether the peer's certificate is what was announced, as far as that is known (for the engine, too)."""
        self._certificate = certificate
        if self.judged is None:
            self.judged = self._accepts(certificate)
        return self.judged

    def _accepts(self, certificate: bytes) -> bool:
        if not self._verify or self._announced is None:
            return True
        try:
            fingerprints.check(certificate, self._announced)
        except AuthenticationError as error:
            self._refusal = error
            return False
        return True

    # Payload and its end

    @property
    def sends(self) -> bool:
        """Payload can be sent. Events that came together are dealt with one by one: the last may have ended it."""
        return self.state in (State.UP, State.PEER_CLOSED)

    def _ready(self, what: str) -> None:
        if not self.sends:
            raise LocalProtocolError(f"payload on a {what} session that is {self.state.name}")

    def _checked(self) -> list[Event]:
        """The handshake is complete: what follows from the fingerprint, if it is known."""
        if self._announced is None and self._verify:
            return []
        return self._release() if self.judge(self._certificate) else self._refuse()

    def _release(self) -> list[Event]:
        self.state = State.UP
        events: list[Event] = [Verified(), *(Data(octets) for octets in self._held)]
        self._held, self._held_octets = [], 0
        if self._held_end is not None:
            self.state = State.PEER_CLOSED
            events.append(self._held_end)
        return events

    def _end(self) -> list[Event]:
        """The peer has sent close_notify."""
        if self.state is State.FAILED:
            return []
        if self.state is State.HELD:
            self._held_end = PeerClosed()
            return []
        self.state = State.CLOSED if self.state is State.CLOSING else State.PEER_CLOSED
        return [PeerClosed()]

    def close(self) -> list[Event]:
        """Send close_notify; before the handshake is complete, nothing. Payload of ours ends here."""
        state, self.state = self.state, State.CLOSED
        if state in (State.CLOSED, State.FAILED, State.CLOSING):
            self.state = state
            return []
        if state in (State.IDLE, State.HANDSHAKE):
            return []
        if not self._shut():
            return self._outgoing()
        if state is not State.PEER_CLOSED:
            self.state = State.CLOSING
        return self._outgoing()

    # Failing

    def _failed(self, fault: Fault, octets: list[bytes], sent: int | None) -> list[Event]:
        """The library gave up; `octets` leave all the same, `sent` is the description of our alert among them."""
        self.state = State.FAILED
        self._held, self._held_octets = [], 0
        description = sent if fault.alert is None else fault.alert
        reason = fault.reason
        if fault.alert is not None:
            reason = f"the peer sent the fatal alert {alert_name(fault.alert).removeprefix('alert ')}"
        elif self._refusal is not None:
            reason = str(self._refusal)
        transmits = [Transmit(one) for one in octets]
        return [*self._lines(), *transmits, Failed(reason, description, fault.alert is None)]

    def _lines(self) -> list[Event]:
        fresh, self._fresh_lines = self._fresh_lines, []
        return [KeyLine(line) for line in fresh]
