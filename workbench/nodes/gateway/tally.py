"""What a gateway counts over its whole life, for those who run it. Nothing here decides anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from workbench.nodes.gateway.contexts import AnyBearer
from workbench.nodes.gateway.settings import Change, Observed
from workbench.protocols.h248 import association, machine
from workbench.protocols.h248 import message as h248

_CHANGES = {Change.TLS_ESTABLISHED: "tls_handshakes_done", Change.TLS_FAILED: "tls_handshakes_failed",
            Change.TCP_FAILED: "tcp_failed", Change.LOST: "connections_lost"}
TOTALS = (
    "h248_requests_received", "h248_requests_refused", "h248_replies_received", "h248_requests_unanswered",
    "h248_messages_wrong", "h248_registrations", "tls_handshakes_done", "tls_handshakes_failed", "tcp_failed",
    "connections_lost")


class Tally:
    """Totals since the gateway was made."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter(dict.fromkeys(TOTALS, 0))
        self._octets = [0, 0]

    def control(self, event: association.Event) -> None:
        """Something happened on the control association."""
        match event:
            case machine.RequestReceived():
                self.totals["h248_requests_received"] += 1
            case machine.ReplyReceived():
                self.totals["h248_replies_received"] += 1
            case machine.TimedOut():
                self.totals["h248_requests_unanswered"] += 1
            case machine.PeerViolation() | machine.MessageRefused():
                self.totals["h248_messages_wrong"] += 1
            case association.Registered():
                self.totals["h248_registrations"] += 1

    def answered(self, replies: Sequence[h248.ActionReply]) -> None:
        """A request was carried out, or refused in part."""
        if any(reply.error is not None or any(command.error is not None for command in reply.commands or ())
               for reply in replies):
            self.totals["h248_requests_refused"] += 1

    def observed(self, changes: Iterable[Observed]) -> None:
        """Connections have changed."""
        for one in changes:
            name = _CHANGES.get(one.change)
            if name is not None:
                self.totals[name] += 1

    def gone(self, bearer: AnyBearer) -> None:
        """An endpoint is no more; what has passed there still counts."""
        came, went = bearer.passed
        self._octets[0] += came
        self._octets[1] += went

    def octets(self, bearers: Iterable[AnyBearer]) -> tuple[int, int]:
        """Octets of payload that came in and went out, at these endpoints and at all that are gone."""
        came, went = self._octets
        for bearer in bearers:
            more_in, more_out = bearer.passed
            came, went = came + more_in, went + more_out
        return came, went
