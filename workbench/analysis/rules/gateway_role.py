"""The TCP role that the gateway is given on a leg is not the one that SDP settled there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.legs import said_on
from workbench.analysis.rules.offers import hop
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.sdp import Side, roles

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.signalling import Described, TerminationSeen
    from workbench.analysis.report import Report

_MOST_DESCRIBED = 64


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for end in (end for context in call.contexts for end in context.terminations.values()):
            told = end.setup_at(report.end)
            exchange = _exchange(call, end)
            if told not in ("active", "passive") or exchange is None:
                continue
            offer, answer, ours_offers = exchange
            opener = roles(offer.description.effective(offer.media), answer.description.effective(
                answer.media)).tcp_opener
            if opener not in (Side.OFFERER, Side.ANSWERER):
                continue    # the two do not agree: that is another rule's
            wanted = "active" if (opener is Side.OFFERER) == ours_offers else "passive"
            if told != wanted:
                order = next(one.draft.frames for one in reversed(end.locals) if one.setup)
                yield Evidence((*offer.draft.frames, *answer.draft.frames, *order), (
                    f"offer and answer on the leg of {end.name} make the gateway's side TCP-{wanted}, and the "
                    f"controller tells it a=setup:{told}: "
                    + ("it waits for a peer that waits too" if told == "passive" else
                       "it opens a connection to a peer that opens one itself")))


def _exchange(call: Call, end: TerminationSeen) -> tuple[Described, Described, bool] | None:
    """The last offer and answer of the termination's leg, and whether the gateway's side made the offer."""
    ours, theirs = said_on(call, end, None)
    mine = {id(one) for one in ours}
    held = sorted((*ours[-_MOST_DESCRIBED:], *theirs[-_MOST_DESCRIBED:]), key=_time)
    if not held or held[-1].role != "answer" or not held[-1].media.port:
        return None
    answer = held[-1]
    offer = next((one for one in reversed(held) if one.role == "offer" and one.index == answer.index
                  and hop(one) == hop(answer) and (id(one) in mine) != (id(answer) in mine)), None)
    return (offer, answer, id(offer) in mine) if offer is not None else None


def _time(one: Described) -> float:
    return one.draft.time


rule = Rule("gateway-role", "TS 23.334 §5.16.2.2, RFC 4145 §4", "error",
            "The gateway gets the TCP role that its side has in the SDP of that leg", _find, provisional=True,
            next="Check a=setup in Local of the last Add or Modify of this termination, and whether it was sent after "
                 "the answer was known; then who sends a SYN on the leg.")
