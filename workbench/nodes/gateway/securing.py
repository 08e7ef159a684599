"""TLS at a stream endpoint: octets of the connection to payload and back, and what its end means for both legs.

Nothing is payload before the peer's certificate matches the fingerprint that the controller gave, or the peer has the
pre-shared key that it gave.

Source: TS 23.334 §5.11.2, §6.2.10.3; H.248.90 (TLS session control and interlinkage).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.net.values import LogKeys, Note
from workbench.nodes.gateway.settings import Change
from workbench.nodes.gateway.states import State
from workbench.security import tls
from workbench.security.psk import PskSession

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.nodes.gateway.flow import Flow
    from workbench.protocols.sdp import Fingerprint
    from workbench.security.psk import PreSharedKey

CLAUSE = "TS 23.334 §6.2.10.3"
# What the network may have read before it hears that reading is to stop.
_UNDER_WAY = 1_048_576


class Secured:
    """The TLS session on one connection.

    Args:
        bearer: whose connection it is.
        client: the gateway begins; otherwise it waits for a ClientHello.

    `verified` once the peer's certificate has been checked: from then on payload passes.
    """

    __slots__ = ("_answering", "_bearer", "_session", "_shaken", "verified")

    def __init__(self, bearer: Flow, *, client: bool) -> None:
        self._bearer = bearer
        self._shaken = False
        self._answering = False
        self.verified = False
        self._session = _session(bearer, client)

    @property
    def ready(self) -> bool:
        """Payload can be sent."""
        return self.verified and self._session.state is tls.State.UP

    @property
    def holds(self) -> bool:
        """Reading has to stay stopped: payload waits for the fingerprint, or answers for a peer that reads none."""
        waits = self._session.held > self._bearer.means.policy.held // 2
        return waits or (self._answering and self._bearer.full)

    def start(self, now: float) -> None:
        """Begin."""
        self._happened(self._session.start(), now)

    def receive(self, data: bytes, now: float) -> None:
        """The next octets of the connection."""
        events = self._session.receive_data(data)
        self._happened(events, now)
        # A peer can ask for records without end (each renegotiation is answered with an alert), and read none of them.
        self._answering = self._bearer.full and any(isinstance(event, tls.Transmit) for event in events)
        if self._answering:
            self._bearer.brought.pause()

    def announce(self, fingerprints: Sequence[Fingerprint], now: float) -> None:
        """The controller has said what the peer's certificate has to match."""
        self._happened(self._session.announce(fingerprints), now)

    def provide(self, key: PreSharedKey, now: float) -> None:
        """The controller has said which key the peer has to have."""
        if isinstance(self._session, PskSession):
            self._happened(self._session.provide(key), now)

    def send(self, data: bytes, now: float, why: str) -> None:
        """Payload for the peer; none where a record behind what is answered here has ended the session."""
        if self._session.sends:
            self._happened(self._session.send(data), now, why)

    def ended(self, now: float) -> None:
        """The connection brings nothing more."""
        self._happened(self._session.transport_ended(), now)

    def close(self) -> None:
        """close_notify; what else the session says at its end is nobody's business any more."""
        for event in self._session.close():
            if isinstance(event, tls.Transmit):
                self._bearer.write(event.octets, f"close_notify before FIN [{CLAUSE}]")

    def _happened(self, events: list[tls.Event], now: float, why: str = "") -> None:
        bearer, session = self._bearer, self._session
        role = "client" if session.client else "server"
        for event in events:
            match event:
                case tls.Transmit(octets=octets):
                    bearer.write(octets, why or self._why(role))
                case tls.KeyLine(line=line):
                    bearer.order(LogKeys(line))
                case tls.Established(version=version, suite=suite):
                    self._shaken = True
                    wait = "; payload is held until the fingerprint is known" if session.state is tls.State.HELD else ""
                    bearer.order(Note(f"{bearer.termination}: TLS {version} is up as {role}, {suite}{wait}"))
                case tls.Verified():
                    self.verified = True
                    bearer.disarm("tls")
                    bearer.order(Note(f"{bearer.termination}: {_proof(session)}"))
                    bearer.observe(Change.TLS_ESTABLISHED)
                    bearer.pump_both(now)
                case tls.Data(octets=octets):
                    bearer.take(octets, now)
                case tls.PeerClosed():
                    closed(bearer, now)
                case tls.Failed():
                    failed(bearer, event, now)
        if session.held > bearer.means.policy.held:
            bearer.brought.pause()

    def _why(self, role: str) -> str:
        where = self._bearer.termination
        if self._session.state is tls.State.FAILED:
            return f"alert: TLS at {where} is given up [{CLAUSE}]"
        step = "post-handshake message" if self._shaken else "handshake"
        return f"TLS {step} at {where}, the gateway is TLS {role} [{CLAUSE}]"


def _session(bearer: Flow, client: bool) -> tls.TlsSession:
    """By certificate and fingerprint, or by pre-shared key, as the controller says."""
    policy, setting = bearer.means.policy, bearer.setting
    if setting.keyed:
        return PskSession(
            setting.pre_shared_key, client, versions=policy.psk_versions, log_keys=policy.log_keys,
            suites=policy.psk_suites)
    return tls.TlsSession(
        bearer.means.identity, client, versions=policy.tls_versions, announced=setting.remote_fingerprints,
        verify=policy.verify_fingerprints, log_keys=policy.log_keys, max_held=policy.held + _UNDER_WAY)


def _proof(session: tls.TlsSession) -> str:
    if session.psk_identity:
        return f"the peer has the pre-shared key of {session.psk_identity!r} [RFC 4279 §2]"
    return "the peer's certificate matches its fingerprint"


def closed(bearer: Flow, now: float) -> None:
    """close_notify of the peer: TCP underneath goes, then the other endpoint (F8)."""
    if bearer.leaving:
        return
    bearer.observe(Change.RELEASED)
    bearer.leave(now, "the peer closed TLS: its TCP connection is released")
    bearer.brought.end_due = True
    bearer.pump_both(now)


def failed(bearer: Flow, event: tls.Failed, now: float) -> None:
    """No session, or no longer one: TCP goes, then the other endpoint; nothing unchecked was passed on (F5, F6)."""
    bearer.disarm("tls")
    if bearer.leaving or bearer.state is not State.UP:
        return
    bearer.order(Note(f"{bearer.termination}: TLS: {event.reason}"))
    verified = bearer.verified
    # In TLS 1.3 a server refuses our certificate after the handshake has succeeded for us (RFC 8446 §4.4.2.4).
    running = verified and (event.ours or bearer.has_brought)
    bearer.observe(Change.LOST if running else Change.TLS_FAILED)
    bearer.leave(now, f"TLS is over ({event.reason}): its TCP connection is released")
    bearer.brought.end_due = True
    if verified:
        bearer.pump_both(now)
    elif bearer.partner is not None and bearer.means.policy.release_linked:
        bearer.partner.give_up(
            now, f"TLS at {bearer.termination} failed: the other connection is released", hard=False)
