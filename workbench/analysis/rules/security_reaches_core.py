"""Media plane security of the access side shows in SDP for the core."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import SECURITY_ATTRIBUTES, Evidence, Rule, core_descriptions, is_tls, wants_e2ae

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        if not wants_e2ae(call) or _ends_on_both_sides(call):
            continue
        for one in core_descriptions(call):
            shown = [f"a={name}" for name in SECURITY_ATTRIBUTES
                     if one.description.attribute_of(one.media, name) is not None]
            if is_tls(one.media.proto):
                shown.append(f"transport {one.media.proto}")
            if shown:
                yield Evidence(one.draft.frames, (
                    f"the {one.role} for the core shows {', '.join(shown)}: the IMS-ALG has to take everything that "
                    "belongs to the access side's security out of it"))


def _ends_on_both_sides(call: Call) -> bool:
    """A gateway ends TLS towards the core too: what stands there is that session's (`e2e-tls-opened` tells of it)."""
    return any(len(context.terminations) > 1 and all(is_tls(end.bearer) for end in context.terminations.values())
               for context in call.contexts)


rule = Rule("security-reaches-core", "TS 24.229 §7.5.2, TS 23.334 §6.2.10.3", "error",
            "Security attributes of the access side never reach the core", _find, provisional=True,
            next="The INVITE as it left the UE beside what the IMS-ALG sent on, attribute by attribute; and whether "
                 "the stream was to be e2ae (a=3ge2ae) or end to end, where the attributes belong to the far end.")
