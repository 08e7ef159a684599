"""Payload at a stream endpoint: where it may go, what passes, what the network carries by itself, and the end of it.

When a connection comes and goes is the business of `bearer`.

Source: TS 23.334 §5.16.2.2, §6.2.10.3; H.248.1 §7.1.18 (topology).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.nodes.gateway import joints, securing, splicing
from workbench.nodes.gateway.connection import Connection
from workbench.nodes.gateway.payload import TCP_CLAUSE, Payload
from workbench.nodes.gateway.securing import Secured
from workbench.nodes.gateway.settings import Means, Setting
from workbench.nodes.gateway.states import State

if TYPE_CHECKING:
    from workbench.nodes.gateway.bearer import Bearer
    from workbench.protocols.msrp.rewriting import Rewriter


class Flow(Connection):
    """What a connection carries. Arguments as for `Connection`.

    `links` are the other endpoints of the stream, `sinks` those at which the octets go out that come in here;
    `fin_seen`: the peer has ended.
    """

    __slots__ = ("_payload", "_secured", "fin_seen", "links", "sinks")

    def __init__(self, context: int, termination: str, number: int, setting: Setting, means: Means) -> None:
        super().__init__(context, termination, number, setting, means)
        self.links: tuple[Bearer, ...] = ()
        self.sinks: tuple[Bearer, ...] = ()
        self.fin_seen = False
        self._secured: Secured | None = None
        self._payload: Payload | None = None

    @property
    def partner(self) -> Bearer | None:
        """The other endpoint of the stream, where there is exactly one: with it this one comes and goes."""
        return self.links[0] if len(self.links) == 1 else None

    # What the network carries by itself

    @property
    def passed(self) -> tuple[int, int]:
        """Octets of payload that have come in here, and gone out, until now."""
        came, went = joints.read(self.meters)
        return self.octets_in + came, self.octets_out + went

    @property
    def rests(self) -> bool:
        """Nothing of what came in here waits or is changed."""
        return self._payload is None or self._payload.rests

    def review(self) -> None:
        """Whether the network may still carry by itself what it does."""
        if self.joint is not None:
            self.joint.review()

    def watch(self, wanted: bool) -> None:
        """Say when payload passes, or no longer: then it has to come by."""
        self.watched = wanted
        self.review()
        splicing.consider(self)

    # TLS and payload

    @property
    def verified(self) -> bool:
        """TLS is up, and the peer's certificate is the one that was announced."""
        return self._secured is not None and self._secured.verified

    @property
    def held_by_tls(self) -> bool:
        """So much waits for the peer's fingerprint that reading has to stay stopped."""
        return self._secured is not None and self._secured.holds

    @property
    def has_brought(self) -> bool:
        """Payload of the peer has come."""
        return self._payload is not None and self._payload.heard

    @property
    def brought(self) -> Payload:
        """What the peer has sent and nobody has got yet; from now on there."""
        if self._payload is None:
            self._payload = Payload(self)
        return self._payload

    @property
    def rewriter(self) -> Rewriter | None:
        """What changes the paths in what comes in here, in an application-aware stream."""
        return self._payload.rewriting[1] if self._payload is not None and self._payload.rewriting else None

    @property
    def takes(self) -> bool:
        """Payload can be sent to the peer now."""
        return (
            self.state is State.UP and not self.fin_sent and not self.full
            and (not self.setting.tls or (self._secured is not None and self._secured.ready)))

    def take(self, data: bytes, now: float) -> None:
        """Payload of the peer."""
        before = self.octets_in
        self.count(len(data), incoming=True)
        if before <= self.means.policy.tampers_after < self.octets_in and self.means.policy.tampers_after:
            data = data[:-1] + bytes([data[-1] ^ 1])
        if self.leaving:
            self.brought.heard = True
        else:
            self.brought.take(data, now)
            splicing.consider(self)

    def pump(self, now: float) -> None:
        """Pass on what waits here, as far as that is possible."""
        self.review()
        if self.means.host is not None:
            self.means.host.consider(self, now)
        if self._payload is not None:
            self._payload.pump(now)
        splicing.consider(self)

    def pump_both(self, now: float) -> None:
        """The same here and at the other endpoints."""
        self.pump(now)
        for other in self.links:
            other.pump(now)

    def transmit(self, data: bytes, sender: Flow, now: float, why: str = "") -> None:
        """Payload for the peer."""
        self.count(len(data), incoming=False)
        what = f"payload of {sender.termination}" if not why else f"payload of {sender.termination}, {why}"
        if self._secured is not None:
            self._secured.send(data, now, f"{what}, protected at {self.termination} [{securing.CLAUSE}]")
        else:
            clause = securing.CLAUSE if sender.setting.tls else TCP_CLAUSE
            self.write(data, f"{what}, in the clear at {self.termination} [{clause}]")

    def say(self, data: bytes, now: float, why: str) -> None:
        """Octets of the application that this connection ends at (`hosting`)."""
        self.count(len(data), incoming=False)
        if self._secured is not None:
            self._secured.send(data, now, f"{why}, protected at {self.termination}")
        else:
            self.write(data, f"{why}, in the clear at {self.termination}")

    # Ending

    def depart(self) -> None:
        """The application that this connection ends at has it no longer."""
        if self.means.host is not None:
            self.means.host.left(self)

    def leave(self, now: float, why: str) -> None:
        """Release this connection for good: close_notify, FIN, and a time limit for the peer's FIN."""
        if self.state is not State.UP or self.leaving:
            return
        self.part()
        self.leaving = True
        self.depart()
        self.disarm("tls")
        policy = self.means.policy
        self.arm("linger", now + (policy.drain if self.carriage is None else policy.linger))
        self.unlisten()
        if self._payload is not None:
            self._payload.resume()
        self.finish(why)
        self._free_others(now)

    def finish(self, why: str) -> None:
        """FIN behind all that was said, after close_notify where there is TLS."""
        if self.state is State.UP and not self.fin_sent and self._secured is not None and self.means.policy.close_tls:
            self._secured.close()
        self.end(why)

    def _free_others(self, now: float) -> None:
        """What the others of several had to say waits for this endpoint no longer."""
        if len(self.links) > 1:
            for other in self.links:
                other.pump(now)
