"""A gateway reports that TLS or DTLS failed before its peer could send anything a second time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule, is_tls
from workbench.analysis.rules.secured import is_up, said
from workbench.analysis.rules.watching import awaited_since, tls_failure

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

_SECOND_TRY_SECONDS = 3.0
"""A flight of DTLS, and a segment of TCP, is sent again after 1 s and after 3 s (RFC 6347 §4.2.4, RFC 6298 §2)."""


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for leg, span, termination in call.legs:
            if termination is None or not is_tls(leg.bearer):
                continue
            since, frames = awaited_since(call, leg, span, termination)
            failed = tls_failure(termination, 0.0)
            if since is None or failed is None or not 0 <= failed.time - since < _SECOND_TRY_SECONDS:
                continue
            seen = said(report, leg)
            if is_up(seen) or any(_is_reason(one) and one.time <= failed.time for one in seen):
                continue
            yield Evidence((*frames, *failed.frames), (
                f"the gateway gives TLS at {termination.name} up after {failed.time - since:.1f} s, with nothing wrong "
                "said by anybody: one lost packet ends the call, since what is lost is sent again after one second "
                "and after three"))


def _is_reason(message: Message) -> bool:
    """What ends a handshake at once: a fatal alert, or the peer's end of the connection."""
    return message.summary.startswith(("Alert fatal", "RST")) or bool(message.error)


rule = Rule("handshake-given-up-early", "RFC 6347 §4.2.4, RFC 6298 §2, TS 23.334 §6.2.10.3", "warning",
            "A handshake is not given up before its messages could be sent again", _find, provisional=True,
            next="The gateway's timer for TLS and DTLS: ten seconds are usual. Then whether the peer's first packet "
            "was lost, or it began late.")
