"""SIP of an MRFC: it is called, calls, and ends calls; as steps of procedures (RFC 3261)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Generator, Sequence
from typing import Any

from workbench.errors import PeerError
from workbench.net.values import Command, Endpoint, Note, SendDatagram
from workbench.nodes.procedure import Await, Procedures, Steps
from workbench.protocols import sip
from workbench.security.source import Source

ALLOWED = ("INVITE", "ACK", "BYE", "CANCEL")
_KNOWN = ("INFO", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE")

Obey = Callable[[str, sip.Request, sip.Address], Steps]


class Signalling:
    """SIP at one endpoint.

    Args:
        local: where.
        obey: what a request starts: transaction, request, where it came from.
    """

    def __init__(self, local: Endpoint, source: Source, procedures: Procedures, obey: Obey) -> None:
        self.local = local
        self.token = source.token
        self.now = 0.0
        self._transactions = sip.Transactions(str(local), source.token)
        self._procedures = procedures
        self._obey = obey

    @property
    def contact(self) -> str:
        """Our Contact value."""
        return f"<sip:{self.local}>"

    def receive(self, data: bytes, source: Endpoint) -> list[Command]:
        """Take a datagram."""
        return self._did(self._transactions.receive_data(data, (source.host, source.port), self.now))

    def next_wakeup(self) -> float | None:
        """The first timer of a transaction."""
        return self._transactions.next_wakeup()

    def wake(self) -> list[Command]:
        """Let timers run."""
        return self._did(self._transactions.wake(self.now))

    def reply(self, key: str, response: sip.Response, why: str) -> Steps:
        """Answer a request."""
        yield from self._did(self._transactions.respond(key, response, self.now), why)

    def refuse(
        self, key: str, request: sip.Request, status: int, why: str, extra: Sequence[tuple[str, str]] = (),
    ) -> Steps:
        """Answer a request with a failure."""
        response = sip.response(request, status, sip.REASONS[status], self.token(10), extra=extra)
        yield from self.reply(key, response, why)

    def not_done(self, key: str, request: sip.Request) -> Steps:
        """A method that is not for us (RFC 3261 §8.2.1): 405 where it is a known one, with what is done here."""
        status = 405 if request.method in _KNOWN else 501
        yield from self.refuse(key, request, status, f"{request.method} is not done here [RFC 3261 §8.2.1]",
                               [("Allow", ", ".join(ALLOWED))])

    def warn(self, why: str) -> list[tuple[str, str]]:
        """A Warning that tells people why something is refused (RFC 3261 §20.43)."""
        return [("Warning", sip.warning(399, str(self.local), why))]

    def invite(
        self, invite: sip.Request, hop: sip.Address, why: str
    ) -> Generator[Command | Await, Any, str]:
        """Call somebody; the transaction. What comes back is posted to `("sip", transaction)`, None: nobody answers."""
        key, events = self._transactions.request(invite, hop, self.now)
        yield from self._did(events, why)
        return key

    def cancel(self, key: str, why: str) -> Generator[Command | Await, Any, bool]:
        """CANCEL our INVITE; False where it can't be yet, or any more (RFC 3261 §9.1)."""
        sent = self._transactions.cancel(key, self.now)
        if sent is None:
            return False
        yield from self._did(sent[1], why)
        return True

    def acknowledge(self, dialog: sip.Dialog, hop: sip.Address, why: str) -> Steps:
        """The ACK for the 2xx to our INVITE."""
        yield from self._did(self._transactions.ack(dialog.ack(), _next_hop(dialog, hop), self.now), why)

    def bye(self, dialog: sip.Dialog, hop: sip.Address, why: str) -> Steps:
        """End a call; the answer changes nothing."""
        to = _next_hop(dialog, hop)
        yield from self._did(self._transactions.request(dialog.request("BYE")[1], to, self.now)[1], why)

    def matching_invite(self, cancel: sip.Request) -> str | None:
        """The transaction of the INVITE that a CANCEL is for."""
        return self._transactions.matching_invite(cancel)

    def _did(self, events: Sequence[sip.Event], why: str = "") -> list[Command]:
        commands: list[Command] = []
        for event in events:
            match event:
                case sip.Transmit(data=data, to=to):
                    commands.append(SendDatagram(self.local, Endpoint(*to), data, why))
                case sip.AckReceived(key=key) if key is not None:
                    commands += self._procedures.post(("ack", key), True, self.now)
                case sip.ResponseReceived(key=key, response=response):
                    commands += self._procedures.post(("sip", key), response, self.now)
                case sip.TimedOut(key=key):
                    commands += self._procedures.post(("ack", key), False, self.now)
                    commands += self._procedures.post(("sip", key), None, self.now)
                case sip.RequestReceived(key=key, request=request, source=source):
                    commands += self._procedures.start(self._obey(key, request, source), self.now)
                case sip.PeerViolation(error=error):
                    commands.append(Note(f"SIP: {error}"))
        return commands


def _next_hop(dialog: sip.Dialog, hop: sip.Address) -> sip.Address:
    """Where the dialog says (RFC 3261 §12.2.1.1); a name, which would have to be looked up, leaves it at `hop`."""
    try:
        uri = sip.Uri.decode(dialog.next_hop)
        return (str(ipaddress.ip_address(uri.address)), uri.port or 5060)
    except (PeerError, ValueError):
        return hop
