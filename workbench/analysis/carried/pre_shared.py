"""What a probe sees of pre-shared keys in a TLS or DTLS handshake: their names, never the keys."""

from __future__ import annotations

from workbench.protocols.tls.messages import (
    ClientHello,
    ClientKeyExchange,
    HandshakeBody,
    ServerHello,
    ServerKeyExchange,
)

_LONGEST_SHOWN = 256


class PreShared:
    """The pre-shared key of one connection (RFC 4279 §2, RFC 8446 §4.2.11).

    `hint` is what the server said to help the client choose, `identity` the name that counts: of the key that is used,
    or that the client asked for in vain. Tickets of earlier sessions are no pre-shared keys here.
    """

    def __init__(self) -> None:
        self.hint = b""
        self.identity = b""
        self._offered: tuple[bytes, ...] = ()
        self._answered = False

    def note(self, body: HandshakeBody) -> None:
        """The next handshake message of either side."""
        match body:
            case ClientHello() as hello if not self._answered:
                self._offered = tuple(one.identity if one.external else b"" for one in hello.psk_offers)
                self.identity = next(filter(None, self._offered), b"")
            case ServerHello(retry=False) as hello:
                self._answered = True
                chosen = hello.selected_psk
                known = chosen is not None and chosen < len(self._offered)
                self.identity = self._offered[chosen or 0] if known else b""
            case ServerKeyExchange(psk_hint=hint) if hint is not None:
                self.hint = hint
            case ClientKeyExchange(psk_identity=identity) if identity is not None:
                self.identity = identity

    @property
    def name(self) -> str:
        """The identity for people; empty where there is none."""
        return shown(self.identity)


def shown(identity: bytes) -> str:
    """An identity for people: UTF-8 as a rule (RFC 4279 §5.1), other octets as escapes."""
    text = identity[:_LONGEST_SHOWN].decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)
