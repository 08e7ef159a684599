"""SIP on both sides of the edge: what is sent, answered and acknowledged, as steps of procedures."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from workbench.errors import PeerError
from workbench.net.values import Command, Endpoint, Note, SendDatagram
from workbench.nodes.ims_alg.calls import ACCESS, Call, Calls, Leg, Rejected
from workbench.nodes.procedure import Await, Procedures, Steps, earliest
from workbench.protocols import sip
from workbench.security.source import Source

ALLOWED = ("INVITE", "ACK", "BYE", "CANCEL")
_KNOWN = ("INFO", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE")

Obey = Callable[[str, str, sip.Request, sip.Address], Steps]


class Signalling:
    """SIP towards the access side and towards the core.

    Args:
        locals_: our endpoint on each side.
        obey: what a request starts: side, transaction, request, where it came from.
    """

    def __init__(
        self, locals_: Mapping[str, Endpoint], source: Source, procedures: Procedures, calls: Calls, obey: Obey,
    ) -> None:
        self.locals = dict(locals_)
        self.token = source.token
        self.now = 0.0
        self._sides = {side: sip.Transactions(str(local), source.token) for side, local in locals_.items()}
        self._procedures = procedures
        self._calls = calls
        self._obey = obey

    # For the node

    def side_of(self, local: Endpoint) -> str | None:
        """Which side a local endpoint is on."""
        return next((side for side, own in self.locals.items() if own == local), None)

    def receive(self, side: str, data: bytes, source: Endpoint) -> list[Command]:
        """Take a datagram."""
        return self._did(side, self._sides[side].receive_data(data, (source.host, source.port), self.now))

    def next_wakeup(self) -> float | None:
        """The first timer of a transaction."""
        return earliest(one.next_wakeup() for one in self._sides.values())

    def wake(self) -> list[Command]:
        """Let timers run."""
        return [command for side, one in self._sides.items() for command in self._did(side, one.wake(self.now))]

    # Answers

    def contact(self, side: str) -> str:
        """Our Contact value there."""
        return f"<sip:{self.locals[side]}>"

    def reply(self, side: str, key: str, response: sip.Response, why: str) -> Steps:
        """Answer a request."""
        yield from self._did(side, self._sides[side].respond(key, response, self.now), why)

    def refuse(
        self, side: str, key: str, request: sip.Request, status: int, why: str, extra: Sequence[tuple[str, str]] = (),
    ) -> Steps:
        """Answer a request with a failure."""
        response = sip.response(request, status, sip.REASONS[status], self.token(10), extra=extra)
        yield from self.reply(side, key, response, why)

    def not_done(self, side: str, key: str, request: sip.Request) -> Steps:
        """A method that is not for us (RFC 3261 §8.2.1): 405 where it is a known one, with what is done here."""
        status = 405 if request.method in _KNOWN else 501
        yield from self.refuse(
            side, key, request, status, f"{request.method} is not done here [RFC 3261 §8.2.1]",
            [("Allow", ", ".join(ALLOWED))])

    def reject(self, side: str, key: str, invite: sip.Request, tag: str, rejected: Rejected) -> Steps:
        """Tell the offerer why its offer can't be accepted."""
        warning = rejected.warning or (
            sip.warning(399, str(self.locals[side]), rejected.why) if rejected.warns else "")
        extra = [("Warning", warning)] if warning else []
        response = sip.response(invite, rejected.status, rejected.reason, tag, extra=extra)
        yield from self.reply(side, key, response, f"the call can't go on: {rejected.why}")

    # Requests

    def invite(
        self, leg: Leg, received: sip.Request, body: bytes, why: str, uri: str | None = None,
    ) -> Generator[Command | Await, Any, tuple[sip.Request, str]]:
        """The other half's INVITE, or its re-INVITE where there is a dialog; the request and its transaction."""
        contact = self.contact(leg.side)
        if leg.dialog is None:
            request = sip.invite_onwards(received, uri=uri, contact=contact, token=self.token, body=body)
        else:
            leg.dialog, request = leg.dialog.request("INVITE", contact=contact, body=body)
        key, events = self._sides[leg.side].request(request, next_hop(leg), self.now)
        yield from self._did(leg.side, events, why)
        return request, key

    def cancel(self, leg: Leg, key: str) -> Generator[Command | Await, Any, bool]:
        """CANCEL our INVITE; False where it can't be yet, or any more (RFC 3261 §9.1)."""
        sent = self._sides[leg.side].cancel(key, self.now)
        if sent is None:
            return False
        yield from self._did(leg.side, sent[1], "the offer was withdrawn: CANCEL onwards [RFC 3261 §9.1]")
        return True

    def agreed(self, call: Call, leg: Leg, request: sip.Request, response: sip.Response) -> None:
        """A 2xx to our INVITE: there is a dialog, and an ACK to send."""
        leg.owes_ack = True
        if leg.dialog is None:
            self._calls.begin(call, leg, sip.Dialog.of_caller(request, response))
        else:
            leg.dialog = leg.dialog.answered(response)

    def ack(self, leg: Leg, why: str) -> Steps:
        """Acknowledge the peer's 2xx, if that is still to be done."""
        if leg.dialog is None or not leg.owes_ack:
            return
        leg.owes_ack = False
        yield from self._did(leg.side, self._sides[leg.side].ack(leg.dialog.ack(), next_hop(leg), self.now), why)

    def bye(self, leg: Leg, why: str) -> Steps:
        """End a half, if it has a dialog. A 2xx is acknowledged first (RFC 3261 §13.2.2.4)."""
        yield from self.ack(leg, "a 2xx is acknowledged")
        to = next_hop(leg)
        dialog = self._calls.end(leg, self.now)
        if dialog is not None:
            _, events = self._sides[leg.side].request(dialog.request("BYE")[1], to, self.now)
            yield from self._did(leg.side, events, why)

    def matching_invite(self, side: str, cancel: sip.Request) -> str | None:
        """The transaction of the INVITE that a CANCEL is for."""
        return self._sides[side].matching_invite(cancel)

    def _did(self, side: str, events: Sequence[sip.Event], why: str = "") -> list[Command]:
        """What SIP events on one side mean."""
        commands: list[Command] = []
        for event in events:
            match event:
                case sip.Transmit(data=data, to=to):
                    commands.append(SendDatagram(self.locals[side], Endpoint(*to), data, why))
                case sip.ResponseReceived(key=key, response=response):
                    commands += self._procedures.post(("sip", key), response, self.now)
                case sip.AckReceived(key=key) if key is not None:
                    commands += self._procedures.post(("ack", key), True, self.now)
                case sip.TimedOut(key=key):
                    commands += self._procedures.post(("sip", key), None, self.now)
                    commands += self._procedures.post(("ack", key), None, self.now)
                case sip.RequestReceived(key=key, request=request, source=source):
                    commands += self._procedures.start(self._obey(side, key, request, source), self.now)
                case sip.PeerViolation(error=error):
                    commands.append(Note(f"SIP: {error}"))
        return commands


def next_hop(leg: Leg) -> sip.Address:
    """Where a request of this half goes.

    To a UE along the way that its own requests came, which holds behind a NAT too (TS 24.229 §5.2.7.2). In the core a
    dialog says it: the first hop of its route set, or the peer's Contact (RFC 3261 §8.1.2); a name, which would have to
    be looked up, leaves it at the hop of the first INVITE.
    """
    if leg.side == ACCESS or leg.dialog is None:
        return leg.target
    try:
        uri = sip.Uri.decode(leg.dialog.next_hop)
        return (str(ipaddress.ip_address(uri.address)), uri.port or 5060)
    except (PeerError, ValueError):
        return leg.target
