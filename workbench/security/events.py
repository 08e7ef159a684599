"""What a TLS session reports."""

from __future__ import annotations

import msgspec


class Transmit(msgspec.Struct, frozen=True):
    """Octets for the transport below."""

    octets: bytes


class Established(msgspec.Struct, frozen=True):
    """The handshake is complete on our side. In TLS 1.3 the server may still refuse our certificate.

    Args:
        version: `1.2` or `1.3`.
        suite: the library's name of the cipher suite.
        peer_certificate: DER; empty with a pre-shared key.
        psk_identity: the name of the pre-shared key; empty without one.
    """

    version: str
    suite: str
    peer_certificate: bytes
    psk_identity: bytes = b""


class Verified(msgspec.Struct, frozen=True):
    """The peer's certificate matches what was announced, or it has the key. From here on payload passes."""


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
