"""No TLS session came of a connection, and the controller that asked to hear of it was not told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule, is_tls
from workbench.analysis.rules.watching import order, still_there
from workbench.protocols.h248.packages import registry

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import TerminationSeen
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Message

_CAUSE = "g/cause"


def _find(report: Report) -> Iterator[Evidence]:
    end = report.end
    for call in report.calls:
        for leg, _, termination in call.legs:
            begun = leg.established if leg.tcp_client else leg.opened     # DTLS needs no connection
            if termination is None or not is_tls(leg.bearer) or begun is None:
                continue
            alert = _failure(report.secured(leg))
            since = leg.closed if alert is None else alert.time
            if since is None or _finished(report, leg) or not still_there(termination, since, end):
                continue
            asked = termination.watching(registry().wire_name("tls-change"), since)
            if asked is not None and not _told(termination, begun):
                frames = alert.frames if alert is not None else leg.frames[-1:]
                yield Evidence((*order(termination, since), *frames), (
                    f"the TLS handshake at {termination.name} fails at {since:.3f} s; {asked.name} was asked for, and "
                    "no Notify tells of it. The controller goes on to believe in the stream. Look next whether the "
                    "event was replaced by a later Events descriptor"))


def _failure(messages: Sequence[Message]) -> Message | None:
    return next((m for m in messages if m.protocol in ("TLS", "DTLS") and m.summary.startswith("Alert fatal")), None)


def _finished(report: Report, leg: Leg) -> bool:
    """Both sides said Finished, and nobody presented a certificate that was not announced."""
    said = {m.source for m in report.secured(leg) if m.summary.startswith("Finished")}
    return len(said) > 1 and all(one.matches is not False for one in leg.certificates)


def _told(termination: TerminationSeen, since: float) -> bool:
    names = {registry().wire_name("tls-change").casefold(), registry().wire_name("tcp-change").casefold(), _CAUSE}
    return any(draft.time >= since and event.name.casefold() in names for draft, event in termination.observed)


rule = Rule("tls-failure-not-reported", "TS 23.334 §6.2.10.3", "error",
            "A TLS session that can't be established is reported where that was asked for", _find, provisional=True,
            next="The last Events descriptor of the termination before the failure, and whether a Notify was sent and "
                 "got lost on the way: look for its transaction without reply.")
