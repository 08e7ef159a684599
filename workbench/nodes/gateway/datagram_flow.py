"""What passes at a datagram endpoint: payload of the peer to the other endpoints, and theirs to the peer.

While one DTLS association takes the place of another (`associating`), what is sent goes out in the former one until the
peer is known to have the new one.

Source: TS 23.334 §5.11.2, §6.2.10.4; RFC 7345 §4.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.net.values import DatagramReceived, Drop, Endpoint, SendDatagram
from workbench.nodes.gateway import joints
from workbench.nodes.gateway.connection import Connection
from workbench.nodes.gateway.settings import Means, Role, Setting
from workbench.nodes.gateway.states import State

if TYPE_CHECKING:
    from workbench.nodes.gateway.associating import Association
    from workbench.nodes.gateway.candidates import Candidates
    from workbench.nodes.gateway.datagrams import DatagramBearer

CLAUSE = "TS 23.334 §6.2.10.4"


class DatagramFlow(Connection):
    """What a datagram endpoint is to its peer and to the other endpoints. Arguments as for `Connection`.

    `source` is the peer, once it has been found out.
    """

    __slots__ = ("_association", "_candidates", "_due", "_former", "_left", "_ordered", "links", "sinks", "source")

    def __init__(self, context: int, termination: str, number: int, setting: Setting, means: Means) -> None:
        super().__init__(context, termination, number, setting, means)
        self.links: tuple[DatagramBearer, ...] = ()
        self.sinks: tuple[DatagramBearer, ...] = ()
        self.source: Endpoint | None = None
        self._association: Association | None = None
        self._former: Association | None = None
        self._candidates: Candidates | None = None
        self._left: Endpoint | None = None      # where the peer was before Remote said that it moves
        self._ordered = False
        self._due = False

    # Who the peer is

    @property
    def peer(self) -> Endpoint | None:
        """Where datagrams go; None: not known yet."""
        if self.source is not None:
            return self.source
        return self._left if self.setting.latch else self.setting.remote

    def admits(self, source: Endpoint) -> bool:
        """Whether a datagram of this source is taken."""
        return not self._refusal(source)

    def _refusal(self, source: Endpoint) -> str:
        if source == self._left or (self._former is not None and source == self._former.peer):
            return ""
        if self.source is not None:
            return "" if source == self.source else f"not from {self.source}, which is the peer"
        if not self.setting.latch and self.setting.remote is None:
            return "Remote has not said yet where the peer is"
        return self.setting.refusal(source)

    def say(self, octets: bytes, why: str, to: Endpoint | None = None) -> None:
        """A datagram of the association's."""
        remote = to or self.peer
        if remote is not None:
            self.order(SendDatagram(self.setting.local, remote, octets, f"{why} [{CLAUSE}]"))

    # DTLS

    @property
    def begins(self) -> bool:
        """We are the DTLS client (R-6.2.10.4-3, R-6.2.10.4-6)."""
        return self._ordered or self.setting.role is Role.ACTIVE

    @property
    def _sure(self) -> bool:
        """The peer has the new association, too: a server's last flight may be lost; what the peer sends shows it."""
        one = self._association
        return one is not None and one.verified and (one.heard or self.begins)

    @property
    def association(self) -> Association | None:
        """The DTLS association that all payload is in; None: there is none, one takes another's place, or it moves."""
        return self._association if self._former is None and self._left is None else None

    # What passes

    @property
    def partner(self) -> DatagramBearer | None:
        """The other endpoint of the stream, where there is exactly one."""
        return self.links[0] if len(self.links) == 1 else None

    @property
    def passed(self) -> tuple[int, int]:
        """Octets of payload that have come in here, and gone out, until now."""
        came, went = joints.read(self.meters)
        return self.octets_in + came, self.octets_out + went

    @property
    def verified(self) -> bool:
        """DTLS is up, and the peer's certificate is the one that was announced."""
        return self._association is not None and self._association.verified

    def take(self, payload: bytes, now: float) -> str:
        """Payload of the peer; why it goes no further, empty if it does."""
        if not self.setting.receives:
            return f"{self.setting.mode} at {self.termination}"
        self.count(len(payload), incoming=True)
        reasons = [sink.put(payload, self.termination, now) for sink in self.sinks]
        return "" if "" in reasons else next(iter(reasons), "no other endpoint in this stream")

    def put(self, payload: bytes, origin: str, now: float) -> str:
        """Payload for the peer; why it does not leave, empty if it does."""
        if not self.setting.sends:
            return f"{self.setting.mode} at {self.termination}"
        if self.state is State.OVER:
            return f"{self.termination} is over"
        why = f"passed on from {origin} to {self.termination}"
        if self.setting.tls:
            association = self._former if self._former is not None and not self._sure else self._association
            refusal = "DTLS is not up" if association is None else association.send(payload, why, now)
            if refusal:
                return f"{refusal} at {self.termination}"
        elif self.peer is None:
            return f"the peer of {self.termination} is not known"
        else:
            self.order(SendDatagram(self.setting.local, self.peer, payload, f"{why} [{CLAUSE}]"))
        self.count(len(payload), incoming=False)
        return ""

    def _noted(self, refusal: str, happened: DatagramReceived) -> None:
        if refusal:
            self.order(Drop(happened, refusal))
