"""The first connection of a leg is refused: a RST answers the SYN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.conferences import is_conference
from workbench.analysis.rules.bearers import Attempt, attempts, reset_frames, syn_frames, where
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.syn_unanswered import waited_long

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    outside = {one.outside.address for one in report.bindings.all}
    for call in report.calls:
        held = list(attempts(call))
        told: set[object] = set()
        for one in held:
            key = (one.termination and id(one.termination), one.server_end)
            if key in told or not _is_refused(one) or waited_long(one, report.end) or (
                    one.server_end.host in outside or not _is_cause(one, held, is_conference(call))):
                continue
            told.add(key)
            connection = one.connection
            again = len(syn_frames(connection)) - 1
            yield Evidence((*syn_frames(connection)[:3], *reset_frames(connection)[:1]), (
                f"{where(report, one.client_end)} opens a connection to {where(report, one.server_end)}, and "
                f"{'after ' + str(again) + ' repetitions ' if again else ''}a RST answers the SYN: nobody listens "
                f"there. {_role(one)}Whatever waits for this connection on another leg has no other end now"))


def _is_refused(one: Attempt) -> bool:
    """Its SYN got a RST, on the leg where that came from."""
    connection = one.connection
    last = one.span.relayed[-1] is one.span
    return last and not one.answered and connection.refused


def _is_cause(one: Attempt, held: list[Attempt], hosted: bool) -> bool:
    """No other connection on this leg was taken before or later; and it is not refused for what fails elsewhere.

    Args:
        hosted: media end at the gateway, so no leg depends on another one.
    """
    here = one.termination
    beside = [other for other in held if other is not one and other.termination is here]
    if any(other.answered for other in beside):
        return False
    if not one.by_peer or here is None:
        return True
    # The gateway itself says no: because it has let the call go, because it is to open, or because of the other leg.
    gone = here.subtracted is not None and here.subtracted <= one.connection.seen[0]
    failed = not hosted and any(not other.answered for other in held if other.termination is not here
                 and other.termination is not None and other.termination.context is here.context)
    return not gone and not failed and here.setup_at(one.connection.seen[0]) != "active"


def _role(one: Attempt) -> str:
    if one.by_peer and one.termination is not None:
        return f"The gateway was to wait on {one.termination.name}. "
    remote = one.termination.remotes[-1] if one.termination is not None and one.termination.remotes else None
    if remote is not None and remote.endpoint == one.server_end:
        return "It is the address that the controller gave in Remote. "
    return ""


rule = Rule("connection-refused", "RFC 4145 §4, RFC 9293 §3.10.7, TS 23.334 §5.16.2.2", "error",
            "Who is TCP-passive listens where its SDP says", _find,
            next="Check that the address and port of the SYN are those of c= and m= (with MSRP: of a=path) of the last "
                 "SDP of that end, that the end is up, and that it answered a=setup:passive; then whether the failure "
                 "was reported to the controller and the call was released.")
