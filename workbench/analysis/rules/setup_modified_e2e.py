"""The direction of TCP is changed on a stream that the two ends protect with TLS between themselves."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from workbench.analysis.calls.signalling import Described
from workbench.analysis.rules.rule import Evidence, Rule, is_tls

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_MOST_DIALOGS = 16
# What a middle that ends TLS itself would have to replace by its own.
_IDENTITIES = ("fingerprint", "key-mgmt", "tls-id")


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        if any(is_tls(end.bearer) for context in call.contexts for end in context.terminations.values()):
            continue    # the gateway ends TLS: each leg has its own roles
        told: set[tuple[str, int]] = set()
        for one, other in combinations(call.dialogs[:_MOST_DIALOGS], 2):
            for first in one.described[:64]:
                second = next((there for there in other.described[:64] if _same_stream(first, there)), None)
                if second is None or (first.role, first.index) in told:
                    continue
                said, changed = first.setup_meant, second.setup_meant
                if said != changed:
                    told.add((first.role, first.index))
                    yield Evidence((*first.draft.frames, *second.draft.frames), (
                        f"the {first.role} says a=setup:{said} on {first.draft.wire} and a=setup:{changed} on "
                        f"{second.draft.wire}, with the same {_identity(first)[0]}: TLS goes from end to end, and "
                        "a=setup tells its roles too. Both ends become TLS client, or both server, and the handshake "
                        "fails"))


def _same_stream(one: Described, other: Described) -> bool:
    """The same description went on with TLS and the ends' identity untouched."""
    return (one.role == other.role and one.index == other.index and is_tls(one.media.proto)
            and is_tls(other.media.proto) and bool(_identity(one)) and _identity(one) == _identity(other))


def _identity(one: Described) -> tuple[str, ...]:
    for name in _IDENTITIES:
        values = one.media.attributes(name) or one.description.attributes(name)
        if values:
            return (f"a={name}", *values)
    return ()


rule = Rule("setup-modified-on-e2e-tls", "TS 23.334 §5.16.2.3, RFC 8122 §4", "error",
            "On a stream with end-to-end TLS nobody changes a=setup", _find, provisional=True,
            next="Look at who sends a ClientHello; on such a stream the IMS-ALG has to leave a=setup as it is, or to "
                 "reject the stream.")
