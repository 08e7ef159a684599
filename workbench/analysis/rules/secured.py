"""What rules ask of the TLS and DTLS sessions of a call: what was said in them, and whether they came up."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from workbench.analysis.carried.dtls import DtlsFlow

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.signalling import Described, TerminationSeen
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Message

MOST = 4096
"""How many messages of a leg are looked at: a handshake is among the first ones."""
_HANDSHAKE = ("TLS", "DTLS")


def said(report: Report, leg: Leg) -> list[Message]:
    """The first messages of a leg; of many that are alike a few."""
    return list(islice(report.outline(leg), MOST))


def is_up(messages: list[Message]) -> bool:
    """Both ends have sent something protected: their Finished, readable or not."""
    done = {one.source for one in messages
            if one.protocol in _HANDSHAKE and (one.protected or "not readable" in one.summary)}
    return len(done) > 1


def is_payload(message: Message) -> bool:
    """Application data inside TLS or DTLS, readable or not."""
    if message.protocol in _HANDSHAKE:
        return message.summary.startswith("Application Data")
    return message.protected


def gateways(report: Report, call: Call) -> set[str]:
    """Names of the gateways of a call."""
    return {report.names(context.gateway.host) for context in call.contexts}


def associations(call: Call, termination: TerminationSeen) -> list[DtlsFlow]:
    """The DTLS associations that end at a termination, in order; one that moved to other endpoints once."""
    found = [flow for flow in call.flows if isinstance(flow, DtlsFlow) and termination.local in flow.sides]
    moved = {id(flow.earlier) for flow in found if flow.earlier is not None}
    return [flow for flow in found if id(flow) not in moved]


def said_in_sip(call: Call, most: int = MOST) -> list[Described]:
    """Offers and answers of a call, in order of time."""
    found = [one for dialog in call.dialogs for one in dialog.described[:most]]
    return sorted(found, key=lambda one: one.draft.time)


def of_network(call: Call, one: Described) -> bool:
    """A description that names the address of one of the call's gateways: an IMS-ALG wrote it."""
    return any(one.endpoint is not None and one.endpoint == given.endpoint for context in call.contexts
               for termination in context.terminations.values() for given in termination.locals)


def ended(call: Call, since: float, until: float) -> bool:
    """A dialog of the call ends, or its termination is taken away, in between."""
    gone = any(termination.subtracted is not None and since <= termination.subtracted <= until
               for context in call.contexts for termination in context.terminations.values())
    return gone or any(since <= draft.time <= until and draft.summary.startswith(("BYE", "CANCEL"))
                       for dialog in call.dialogs for draft in dialog.drafts)
