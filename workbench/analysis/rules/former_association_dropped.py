"""A DTLS association is closed in the middle of a call, before another one has taken its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.secured import associations, ended

if TYPE_CHECKING:
    from workbench.analysis.carried.dtls import DtlsFlow
    from workbench.analysis.report import Report

_PATIENCE_SECONDS = 2.0


def _find(report: Report) -> Iterator[Evidence]:
    end = report.end
    for call in report.calls:
        for context in call.contexts:
            for termination in context.terminations.values():
                flows = associations(call, termination)
                for flow in flows:
                    closed = next((one for one in flow.told if "close_notify" in one.summary), None)
                    if closed is None or end - closed.time < _PATIENCE_SECONDS or ended(
                            call, closed.time - _PATIENCE_SECONDS, closed.time + _PATIENCE_SECONDS):
                        continue
                    if any(other is not flow and _up(other, closed.time) for other in flows):
                        continue
                    yield Evidence(closed.frames, (
                        f"{report.names(closed.source.host)} closes the DTLS association at {termination.name} at "
                        f"{closed.time:.3f} s, while the call goes on and no other one is up: what is said until then "
                        "is lost. The former association serves until the new one does"))


def _up(flow: DtlsFlow, time: float) -> bool:
    """A handshake that was finished by then."""
    return len({one.source for one in flow.told if one.summary.startswith("Finished") and one.time <= time}) > 1


rule = Rule("former-association-dropped", "RFC 8842 §5, RFC 7345 §4.5, TS 23.334 §6.2.10.4", "error",
            "A DTLS association serves until another one has taken its place", _find, provisional=True,
            next="The last offer and answer and their a=tls-id: who wanted another association; then the order to the "
            "gateway just before it closed this one.")
