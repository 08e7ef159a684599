"""TLS with a pre-shared key over memory: who has the key is the right one, so there are no certificates.

In TLS 1.2 the identity stands in ClientKeyExchange (RFC 4279 §2), in TLS 1.3 in the extension pre_shared_key of the
ClientHello (RFC 8446 §4.2.11). Payload passes as soon as the handshake is complete: each end has proved the key then.

A key may come later than the connection (from a ticket, or from a controller): until then a client says nothing, and
what a client has sent to a server waits, up to a limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from workbench.errors import AuthenticationError, LocalProtocolError
from workbench.security.events import Event, Failed, Transmit
from workbench.security.session import State
from workbench.security.tls import TlsSession

if TYPE_CHECKING:
    from workbench.protocols.sdp import Fingerprint
    from workbench.security.identities import Identity
    from workbench.security.progress import Fault

IDENTITY_OCTETS = range(1, 257)
"""How long an identity may be: RFC 4279 §5.3 asks for 128, the library has room for 256."""
KEY_OCTETS = range(1, 513)
"""How long a key may be: RFC 4279 §5.3 asks for 64, the library has room for 512."""
MOST_KEYS = 65_536
"""Keys in one ring."""
GOOD_SUITES = "PSK-AES128-GCM-SHA256:ECDHE-PSK-CHACHA20-POLY1305:PSK-AES128-CBC-SHA256:PSK-AES128-CBC-SHA"
"""Of TLS 1.2, where none are named: 00A8 (RFC 5487), CCAC (RFC 7905), 00AE, and 008C for who knows RFC 4279 alone."""

_UNKNOWN_PSK_IDENTITY = 115
_MOST_WAITING = 65_536


@dataclass(frozen=True, slots=True)
class PreSharedKey:
    """A key that two ends share, and the name under which they know it. The key shows in no repr and no message.

    Args:
        identity: UTF-8 as a rule (RFC 4279 §5.1); without a zero octet.
        key: with TLS keyed by MIKEY, the TEK of the Crypto Session (TS 23.333 §6.2.19).

    Raises:
        LocalProtocolError: one of them is too long or empty, or the identity has a zero octet.
    """

    identity: bytes
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.identity) not in IDENTITY_OCTETS or b"\0" in self.identity:
            raise LocalProtocolError(f"a PSK identity has 1 to {IDENTITY_OCTETS[-1]} octets and no zero octet")
        if len(self.key) not in KEY_OCTETS:
            raise LocalProtocolError(f"a pre-shared key has 1 to {KEY_OCTETS[-1]} octets, not {len(self.key)}")


class KeyRing:
    """The keys of one end, by identity. Sessions of a server share one, and find what was added after their start.

    Args:
        keys: those it begins with; a client offers the first.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[PreSharedKey] = ()) -> None:
        self._keys: dict[bytes, PreSharedKey] = {}
        for key in keys:
            self.add(key)

    def add(self, key: PreSharedKey) -> None:
        """One more key; it takes the place of one with the same identity.

        Raises:
            LocalProtocolError: there are `MOST_KEYS` already.
        """
        if key.identity not in self._keys and len(self._keys) >= MOST_KEYS:
            raise LocalProtocolError(f"more than {MOST_KEYS} pre-shared keys")
        self._keys[key.identity] = key

    def remove(self, identity: bytes) -> None:
        """No longer accept this identity; sessions that are up stay so."""
        self._keys.pop(identity, None)

    def find(self, identity: bytes) -> PreSharedKey | None:
        """The key of this identity."""
        return self._keys.get(identity)

    def __iter__(self) -> Iterator[PreSharedKey]:
        return iter(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"KeyRing({len(self)} keys)"


class PskSession(TlsSession):
    """One end of one TLS session with a pre-shared key.

    Args:
        keys: a client offers it, or the first of a ring; a server accepts all. None: not known yet, `provide` brings
            them.
        client: whether we send the ClientHello.
        versions: which of `1.2` and `1.3` we offer or accept.
        hint: what a server of TLS 1.2 says to help the client choose (RFC 4279 §5.2); without a zero octet.
        log_keys: report `KeyLine` events.
        max_waiting: octets held before there is a key; more end the session.
        suites: of TLS 1.2, in OpenSSL's words; empty: `GOOD_SUITES`.
    """

    def __init__(
        self,
        keys: PreSharedKey | KeyRing | None,
        client: bool,
        *,
        versions: Sequence[str] = ("1.2",),
        hint: bytes = b"",
        log_keys: bool = False,
        max_waiting: int = _MOST_WAITING,
        suites: str = "",
    ) -> None:
        if len(hint) >= len(IDENTITY_OCTETS) or b"\0" in hint:
            raise LocalProtocolError("a PSK identity hint has at most 255 octets and no zero octet")
        self.hint = hint
        self._ring = _ring(keys)
        self._waiting: list[bytes] = []
        self._waiting_octets = 0
        self._max_waiting = max_waiting
        self._named = b""
        self._unknown: bytes | None = None
        super().__init__(None, client, versions=versions, log_keys=log_keys, suites=suites or GOOD_SUITES)

    @property
    def psk_identity(self) -> bytes:
        """The identity that the client named and the server knows; empty: none was named yet."""
        return self._named

    @property
    def unknown_identity(self) -> bytes | None:
        """The identity that a client named and this server does not know."""
        return self._unknown

    @property
    def waits_for_key(self) -> bool:
        """The connection is there, the key is not."""
        return self._ring is None and self.state is State.HANDSHAKE

    # What the caller does

    def provide(self, keys: PreSharedKey | KeyRing) -> list[Event]:
        """The keys have arrived, or others from now on: what waited goes on. A handshake under way keeps its own."""
        waited, self._ring = self.waits_for_key, _ring(keys)
        if not waited:
            return []
        octets, self._waiting, self._waiting_octets = b"".join(self._waiting), [], 0
        if self.client:
            return self._turn()
        return self.receive_data(octets)

    def start(self) -> list[Event]:
        """The transport is up: a client with a key sends its ClientHello."""
        if self._ring is not None:
            return super().start()
        if self.state is not State.IDLE:
            raise LocalProtocolError(f"start of a TLS session that is {self.state.name}")
        self.state = State.HANDSHAKE
        return []

    def receive_data(self, data: bytes) -> list[Event]:
        """Take octets of the transport in any portions; return what they mean, oldest first."""
        if not self.waits_for_key:
            return super().receive_data(data)
        self._waiting.append(bytes(data))
        self._waiting_octets += len(data)
        if self._waiting_octets <= self._max_waiting:
            return []
        self.state, self._waiting = State.FAILED, []
        return [Failed(f"more than {self._max_waiting} octets before there is a pre-shared key", None, True)]

    def announce(self, announced: Sequence[Fingerprint]) -> list[Event]:
        """Fingerprints say nothing here: the key does."""
        return []

    # What the engine asks

    def judge(self, certificate: bytes) -> bool:
        """No certificate is accepted, although a server of TLS 1.3 may fall back to one (RFC 8446 §2.2)."""
        self._refusal = AuthenticationError(
            "the peer shows a certificate where a pre-shared key is expected", clause="RFC 4279 §2")
        self.judged = False
        return False

    def offer(self, hint: bytes) -> tuple[bytes, bytes] | None:
        """What a client offers."""
        self.hint = hint or self.hint
        chosen = next(iter(self._ring), None) if self._ring is not None else None
        if chosen is None:
            return None
        self._named = chosen.identity
        return chosen.identity, chosen.key

    def find(self, identity: bytes) -> bytes | None:
        """What a server knows."""
        found = None if self._ring is None else self._ring.find(identity)
        if found is None:
            self._unknown = identity
            return None
        self._named, self._unknown = identity, None
        return found.key

    # The library

    def _connect(self, identity: Identity | None, versions: tuple[str, ...], suites: bytes) -> None:
        from workbench.security import openssl, openssl_psk

        if not versions or set(versions) - {"1.2", "1.3"}:
            raise LocalProtocolError(f"TLS versions {', '.join(versions) or 'none'}; there are 1.2 and 1.3")
        secrets: Literal[b"", b"C", b"S"] = b"" if self._log_keys else b"C" if self.client else b"S"
        context = openssl_psk.context(self.client, versions, suites, b"" if self.client else self.hint, secrets)
        self._engine = openssl.Engine(context, self.client, self)

    def _proved(self) -> bool:
        return bool(self._named)

    def _checked(self) -> list[Event]:
        return self._release()

    def _fail(self, fault: Fault) -> list[Event]:
        events = super()._fail(fault)
        if self._unknown is None or fault.alert is not None:
            return events
        who = f"no pre-shared key is known for the identity {self._unknown!r}"
        return [_said(event, who) for event in events]


def _said(event: Event, who: str) -> Event:
    """An end because of an unknown identity, told as that.

    A server of TLS 1.3 without a certificate goes on to look for one, and its library ends with handshake_failure;
    unknown_psk_identity says more (RFC 8446 §6.2).
    """
    if isinstance(event, Transmit) and event.octets[:6] == b"\x15\x03\x03\0\2\2" and len(event.octets) == 7:
        return Transmit(event.octets[:6] + bytes([_UNKNOWN_PSK_IDENTITY]))
    if isinstance(event, Failed):
        return Failed(who, event.alert and _UNKNOWN_PSK_IDENTITY, True)
    return event


def _ring(keys: PreSharedKey | KeyRing | None) -> KeyRing | None:
    return KeyRing((keys,)) if isinstance(keys, PreSharedKey) else keys
