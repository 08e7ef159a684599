"""The gateway opens a connection before the one came in that was to trigger it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.bearers import Attempt, attempts, syn_frames, where
from workbench.analysis.rules.orders import is_ordered
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.h248.packages import registry

if TYPE_CHECKING:
    from workbench.analysis.report import Report

# How long the incoming connection may take to come.
_PATIENCE = 5.0


def _find(report: Report) -> Iterator[Evidence]:
    seen = {side.host for content in report.contents for side in content.connection.sides}
    for call in report.calls:
        held = list(attempts(call))
        for one in held:
            here = one.termination
            if not one.by_gateway or here is None or len(here.context.terminations) != 2 or is_ordered(
                    here, registry().wire_name("tcp-establish")):
                continue
            incoming = [other for other in held if other.termination is not here and other.termination is not None
                        and other.termination.context is here.context]
            first = min((other.connection.frames[0] for other in incoming), default=None)
            if first is not None and first < one.connection.frames[0]:
                continue
            if first is None and not _is_watched(report, one, seen):
                continue
            yield _told(report, one, min(incoming, key=_first_frame, default=None))


def _is_watched(report: Report, one: Attempt, seen: set[str]) -> bool:
    """Nothing came in, and it would have been seen: connections of the gateway's other side are in the capture."""
    others = [end.local for end in one.termination.context.terminations.values()
              if end is not one.termination] if one.termination is not None else []
    waited = report.end - one.connection.seen[0] >= _PATIENCE
    return waited and any(local is not None and local.host in seen for local in others)


def _told(report: Report, one: Attempt, other: Attempt | None) -> Evidence:
    frames = syn_frames(one.connection)[:1] + (syn_frames(other.connection)[:1] if other is not None else ())
    came = ("no connection ever comes in on the other leg" if other is None else
            f"the incoming connection starts only at {other.connection.seen[0]:.3f} s")
    return Evidence(frames, (
        f"the gateway sends its SYN from {where(report, one.client_end)} to {one.server_end} at "
        f"{one.connection.seen[0]:.3f} s; {came}, and no order to open was seen"))


def _first_frame(one: Attempt) -> int:
    return one.connection.frames[0]


rule = Rule("outgoing-before-incoming", "TS 23.334 §5.16.2.2, §6.2.10.3.1", "warning",
            "The incoming TCP connection triggers the outgoing one", _find, provisional=True,
            next="Check whether the controller asked for interlinkage or for an explicit start, and what the far end "
                 "makes of a connection that nobody uses yet; when the other UE never comes, this one is left open.")
