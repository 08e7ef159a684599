"""A leg of a call that datagrams make: which end is the gateway's, its associations, and what each end has sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from workbench.analysis.calls.sessions import Call
from workbench.analysis.calls.signalling import TerminationSeen
from workbench.analysis.carried.dtls import DtlsFlow
from workbench.analysis.values import Leg, Message
from workbench.lab.seen.reading import is_sound, session_of
from workbench.net.values import Endpoint
from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.report import Report

End = Literal["gateway", "peer"]
"""Which end of a leg: the gateway, or who it serves there (a NAT in front of it stands for it)."""


class DatagramLeg(msgspec.Struct, frozen=True):
    """A leg with its gateway.

    Args:
        call: the call.
        leg: the leg; messages are those on its own wire.
        termination: the gateway's.
        local: the gateway's endpoint.
        messages: of the leg, in order.
    """

    call: Call
    leg: Leg
    termination: TerminationSeen
    local: Endpoint
    messages: tuple[Message, ...]

    def end_of(self, message: Message) -> End:
        """Who sent it."""
        there = (message.source.address, message.source.port)
        return "gateway" if there == (self.local.host, self.local.port) else "peer"

    @property
    def is_dtls(self) -> bool:
        """Descriptions, or what the gateway was told, put DTLS here."""
        told = (transport_of(self.leg.transport), transport_of(self.leg.bearer))
        return any(one is not None and one.security == "dtls" for one in told)

    @property
    def associations(self) -> list[DtlsFlow]:
        """DTLS on the leg's wire, in order of its beginning."""
        return [flow for flow in self.call.flows
                if isinstance(flow, DtlsFlow) and flow.wire == self.leg.wire and self.local in flow.sides]

    def fax(self, end: End) -> list[Message]:
        """UDPTL of one end; where the leg has DTLS, what came inside it."""
        return [message for message in self.messages if message.protocol == "UDPTL" and not message.error
                and message.protected == self.is_dtls and self.end_of(message) == end]


def datagram_leg(report: Report, name: str) -> DatagramLeg | None:
    """The leg of the call that has this name, other than that of sound; None: none, or no gateway is known at it."""
    session = session_of(report)
    call = next((one for one in report.calls if session is not None and one.session.id == session.id), None)
    for leg, _, termination in call.legs if call is not None else ():
        if leg.name == name and not is_sound(leg) and termination is not None and termination.local is not None:
            assert call is not None
            return DatagramLeg(call, leg, termination, termination.local, tuple(report.on(leg)))
    return None
