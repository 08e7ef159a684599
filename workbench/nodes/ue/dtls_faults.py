"""What a UE does wrong with DTLS, on purpose: a session that stands where its DTLS session would, and is none.

It takes datagrams and gives the same events. With `clear` there is nothing in its place: UDPTL leaves as it is.

Source: RFC 7345 §4, RFC 6347 §4.2.1; failures D3 and F5 of the stage-2 digest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.errors import LocalProtocolError
from workbench.nodes.ue.faults import Speaks
from workbench.protocols.sdp import Fingerprint
from workbench.protocols.tls.registry import HandshakeType
from workbench.security import dtls

# Enough for the other end to see what it is, and no valid record (RFC 6347 §4.1: types from 20 to 25).
_GARBAGE_OCTETS = 64
# Where a datagram that begins with a handshake message has the message's type (RFC 6347 §4.1, §4.2.2).
_TYPE_AT = 13


class UntrueDtls(dtls.DtlsSession):
    """No DTLS, or no more of it than ClientHellos, until a ServerHello answers. Never verifies anything.

    Args:
        true: the session that it stands for.
        speaks: see `Faults`; `clear` has no session, and `tls` is no fault.
        octets: from the node's source.
    """

    def __init__(self, true: dtls.DtlsSession, speaks: Speaks, octets: Callable[[int], bytes]) -> None:
        self.dropped = 0
        self.client = true.client
        self.state = dtls.State.HANDSHAKE
        self._true = true
        self._greets = speaks == "hello" and true.client
        self._noise = b"\xff" + octets(_GARBAGE_OCTETS - 1) if speaks == "garbage" else b""

    def start(self, now: float) -> list[dtls.Event]:
        """Offer and answer are complete."""
        if self._greets:
            return self._true.start(now)
        return self._noisy() if self.client else []

    def announce(self, announced: Sequence[Fingerprint] | None) -> list[dtls.Event]:
        """Nothing is compared with it."""
        return []

    def receive_datagram(self, data: bytes, now: float, source: str = "") -> list[dtls.Event]:
        """A datagram of the other end; a HelloVerifyRequest gets its cookie back."""
        if self._greets and data[_TYPE_AT : _TYPE_AT + 1] == bytes([HandshakeType.HELLO_VERIFY_REQUEST]):
            return self._true.receive_datagram(data, now, source)
        self._greets = False
        return [] if self.client else self._noisy()

    def _noisy(self) -> list[dtls.Event]:
        noise, self._noise = self._noise, b""
        return [dtls.Transmit(noise)] if noise else []

    def send(self, payload: bytes) -> list[dtls.Event]:
        """It is never up. Raises LocalProtocolError."""
        raise LocalProtocolError("no DTLS session came up")

    def next_wakeup(self) -> float | None:
        """When a ClientHello has to be repeated."""
        return self._true.next_wakeup() if self._greets else None

    def wake(self, now: float) -> list[dtls.Event]:
        """Repeat a ClientHello."""
        return self._true.wake(now) if self._greets else []

    def close(self) -> list[dtls.Event]:
        """There is nothing to close."""
        return []
