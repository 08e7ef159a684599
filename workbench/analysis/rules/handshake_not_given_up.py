"""No TLS or DTLS session comes up, and a gateway waits on: nothing is ended, and nobody is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule, is_tls
from workbench.analysis.rules.secured import is_up, said
from workbench.analysis.rules.watching import awaited_since, tls_failure
from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.signalling import TerminationSeen
    from workbench.analysis.calls.spans import Span
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg

_PATIENCE_SECONDS = 15.0
"""No specification says how long a gateway waits; ten seconds are usual, and the third DTLS flight is sent after 7."""


def _find(report: Report) -> Iterator[Evidence]:
    end = report.end
    for call in report.calls:
        for leg, span, termination in call.legs:
            if termination is not None and is_tls(leg.bearer):
                yield from _held(report, call, leg, span, termination, end)


def _held(report: Report, call: Call, leg: Leg, span: Span | None, termination: TerminationSeen,
          end: float) -> Iterator[Evidence]:
    since, frames = awaited_since(call, leg, span, termination)
    until = min(time for time in (end, termination.subtracted, leg.closed) if time is not None)
    if since is None or until - since < _PATIENCE_SECONDS or tls_failure(termination, since) is not None:
        return
    seen = said(report, leg)
    if is_up(seen) or any(one.summary.startswith("Alert fatal") or one.protected for one in seen):
        return
    yield Evidence(frames, (
        f"{report.names(termination.context.gateway.host)} waits for {until - since:.0f} s for "
        f"{'TLS' if _is_stream(leg) else 'DTLS'} on the {leg.name} leg to come up; it neither gives up nor reports a "
        "failure, so the call stays, and carries nothing"))


def _is_stream(leg: Leg) -> bool:
    transport = transport_of(leg.transport) or transport_of(leg.bearer)
    return transport is not None and transport.carrier == "tcp"


rule = Rule("handshake-not-given-up", "TS 23.334 §6.2.10.3, §6.2.10.4, RFC 8446 §6.2", "warning",
            "A handshake that does not come about is given up and reported", _find, provisional=True,
            next="The gateway's timer for TLS and DTLS, and whether the controller has asked for the event that tells "
            "of a failure.")
