"""What a UE does wrong with media plane security, on purpose: its SDP, its registration, and what it says for TLS.

A session of `Untrue` stands where a TLS session would: it takes the octets of the connection and gives the same events,
but what it sends is not what the SDP has promised.

Source: RFC 8122 §5, RFC 8446 §5.1, TS 24.229 §6.1; failures F5, F7, F10 and F11 of the stage-2 digest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from workbench.protocols.sdp import Fingerprint
from workbench.security import tls

Speaks = Literal["tls", "clear", "garbage", "nothing", "hello"]

# Enough for the other end to see what it is, and no valid record (RFC 8446 §5.1: types from 20 to 24).
_GARBAGE_OCTETS = 64


class Faults(msgspec.Struct, frozen=True):
    """What a UE does wrong; by default nothing.

    Args:
        speaks: for TLS or DTLS: `tls`; `clear`: its application as it is; `garbage`: octets that are nothing;
            `nothing`: it waits; `hello`: a ClientHello where it is client, and nothing more.
        suites: the cipher suites of TLS 1.2 that it knows, in OpenSSL's words; empty: the usual ones.
        describes: its SDP: `whole`; `bare`: TLS without a=fingerprint or a=key-mgmt; `clear`: it answers TLS without.
        other_role: it is DTLS client where its a=setup says server, and the other way round.
        agrees: it says at registration which media plane security it can do.
    """

    speaks: Speaks = "tls"
    suites: str = ""
    describes: Literal["whole", "bare", "clear"] = "whole"
    agrees: bool = True
    other_role: bool = False


class Untrue(tls.TlsSession):
    """No TLS at all, or no more of it than a ClientHello. Never verifies anything.

    Args:
        true: the session that it stands for.
        speaks: see `Faults`.
        octets: from the node's source.
    """

    def __init__(self, true: tls.TlsSession, speaks: Speaks, octets: Callable[[int], bytes]) -> None:
        self._true = true
        self._speaks = speaks
        self._octets = octets
        self.client = true.client
        self.state = true.state

    @property
    def sends(self) -> bool:
        """Whatever state the true session has."""
        return True

    def start(self) -> list[tls.Event]:
        """The connection is up."""
        if self._speaks == "hello":
            return self._true.start()
        return self._noise() if self.client else []

    def announce(self, announced: Sequence[Fingerprint]) -> list[tls.Event]:
        """The answer is there: in the clear the session begins at once."""
        return [tls.Verified()] if self._speaks == "clear" else []

    def receive_data(self, data: bytes) -> list[tls.Event]:
        """Octets of the connection."""
        if self._speaks == "clear":
            return [tls.Data(data)]
        return self._noise() if not self.client else []

    def send(self, data: bytes) -> list[tls.Event]:
        """Payload."""
        return [tls.Transmit(data)]

    def transport_ended(self) -> list[tls.Event]:
        """The other end has given up."""
        return [tls.Failed("the connection ended", None, False)]

    def close(self) -> list[tls.Event]:
        """There is nothing to close."""
        return []

    def _noise(self) -> list[tls.Event]:
        if self._speaks != "garbage":
            return []
        return [tls.Transmit(b"\xff" + self._octets(_GARBAGE_OCTETS - 1))]
