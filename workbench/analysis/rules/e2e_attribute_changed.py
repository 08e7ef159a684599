"""On its way from UE to UE a description of end-to-end TLS has lost or changed what says who the other end is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from workbench.analysis.rules.e2e_tls_opened import offered
from workbench.analysis.rules.rule import Evidence, Rule, is_tls

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.report import Report

_MOST_DIALOGS = 16
_MOST_DESCRIBED = 64
_NAMES = ("fingerprint", "key-mgmt", "tls-id")


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        ends_here = any(is_tls(end.bearer) for context in call.contexts for end in context.terminations.values())
        if ends_here or offered(call) is None:
            continue        # each leg has an identity of its own, or none
        told: set[tuple[str, int, str]] = set()
        for one, other in combinations(call.dialogs[:_MOST_DIALOGS], 2):
            for first in one.described[:_MOST_DESCRIBED]:
                for second in other.described[:_MOST_DESCRIBED]:
                    yield from _compared(first, second, told)


def _compared(first: Described, second: Described, told: set[tuple[str, int, str]]) -> Iterator[Evidence]:
    """Two descriptions of the same place in the same exchange, on legs of one call."""
    if (first.role, first.index) != (second.role, second.index) or not first.media.port or not second.media.port:
        return
    for name in _NAMES:
        key = (first.role, first.index, name)
        before, after = _values(first, name), _values(second, name)
        if before != after and key not in told:
            told.add(key)
            yield Evidence((*first.draft.frames, *second.draft.frames), (
                f"a={name} of the {first.role} is {before or 'not there'} on {first.draft.wire} and "
                f"{after or 'not there'} on {second.draft.wire}: TLS goes from end to end, so nobody between may "
                "change what names its ends"))


def _values(one: Described, name: str) -> str:
    return "; ".join(value.upper() if name == "fingerprint" else value for value in (
        one.media.attributes(name) or one.description.attributes(name)))


rule = Rule("e2e-attribute-changed", "TS 23.334 §6.2.10A, TS 29.162, RFC 8122 §5", "error",
            "TLS-related attributes of an end-to-end stream pass every hop unmodified", _find, provisional=True,
            next="Follow the attribute hop by hop to the first node that changes it: an IMS-ALG or IBCF that rewrites "
                 "SDP, or somebody who wants to be in the middle.")
