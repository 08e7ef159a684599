"""a=key-mgmt does not come through a node in between as it went in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import TYPE_CHECKING

from workbench.analysis.rules.mikey_said import keyed_dialogs
from workbench.analysis.rules.offers import hop
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols import sdp

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.report import Report

Hop = list["Described"]

_MOST_HOPS = 16
_MOST_DESCRIBED = 64


def _find(report: Report) -> Iterator[Evidence]:
    known = keyed_dialogs(report)
    for call in report.calls if known else ():
        if not any(dialog.call_id in known for dialog in call.dialogs):
            continue
        for outer, inner in permutations(_hops(call), 2):
            if _inside(outer, inner):
                yield from _changed(report, _of(outer, "offer"), _of(inner, "offer"))
                yield from _changed(report, _of(inner, "answer"), _of(outer, "answer"))


def _hops(call: Call) -> list[Hop]:
    """What was described on each hop of each dialog: who keeps the Call-ID may change SDP too."""
    found: dict[tuple[str, frozenset[str]], Hop] = {}
    for dialog in call.dialogs[:_MOST_HOPS]:
        for one in dialog.described[:_MOST_DESCRIBED]:
            found.setdefault((dialog.call_id, hop(one)), []).append(one)
    return list(found.values())[:_MOST_HOPS]


def _of(descriptions: Hop, role: str) -> Hop:
    return [one for one in descriptions if one.role == role]


def _inside(outer: Hop, inner: Hop) -> bool:
    """One hop carries the other one on: its offer went out later, and its answer came back earlier.

    Of two parties of a conference, each is answered by itself, so none is inside the other.
    """
    asked = [next((one.draft.time for one in _of(which, "offer")), None) for which in (outer, inner)]
    told = [next((one.draft.time for one in _of(which, "answer")), None) for which in (outer, inner)]
    if asked[0] is None or asked[1] is None or asked[0] >= asked[1]:
        return False
    if told[0] is None:
        return True
    return told[1] is not None and told[1] <= told[0]


def _changed(report: Report, came: Hop, went: Hop) -> Iterator[Evidence]:
    for index in dict.fromkeys(one.index for one in came):
        sent = [one for one in came if one.index == index and one.media.port]
        passed = [one for one in went if one.index == index and one.media.port]
        known = {_values(one) for one in passed}
        first = next((one for one in sent if _values(one) and _values(one) not in known), None)
        behind = next((one for one in passed if first is not None and one.draft.time >= first.draft.time), None)
        if first is None or behind is None:
            continue
        what = _difference(_values(first), _values(behind))
        names = [report.names(end.host) for end in (first.draft.source, first.draft.destination, behind.draft.source)]
        yield Evidence((*first.draft.frames, *behind.draft.frames), (
            f"{names[0]} sends the {first.role} with a=key-mgmt to {names[1]}, and {names[2]} passes it on with {what}"
            ". The keys are between the two ends: the set-up has to fail, and nothing may go in the clear"))


def _difference(came: tuple[str, ...], went: tuple[str, ...]) -> str:
    if not went:
        return "no a=key-mgmt at all"
    if set(came) > set(went):
        return f"{len(went)} of {len(came)} such lines"
    return "such lines in another order" if sorted(came) == sorted(went) else "other octets in it"


def _values(one: Described) -> tuple[str, ...]:
    return tuple(" ".join(value.split()) for value in sdp.key_management(one.description, one.media))


rule = Rule("key-mgmt-changed", "RFC 4567 §4, TS 23.334 §6.2.10A", "error",
            "Every node passes a=key-mgmt on as it came", _find, provisional=True,
            next="The node between the two wires: whether it is told to take part in key management, and which SDP "
                 "attributes it lets through.")
