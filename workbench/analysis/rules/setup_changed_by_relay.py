"""a=setup is changed between two legs that a stateless relay joins: the two ends do not agree who opens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.legs import said_on
from workbench.analysis.rules.relay_ends_tcp import is_stateless
from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for context in call.contexts:
            if not is_stateless(context):
                continue
            legs = [said_on(call, end, None) for end in context.terminations.values()]
            for (_, came), (went, _) in ((legs[0], legs[1]), (legs[1], legs[0])):
                for role in ("offer", "answer"):
                    first, second = _of(came, role), _of(went, role)
                    if first is None or second is None or first.setup_meant == second.setup_meant:
                        continue
                    yield Evidence((*first.draft.frames, *second.draft.frames), (
                        f"the {role} comes with a=setup:{first.setup_meant} from "
                        f"{report.names(first.draft.source.host)} and goes on with a=setup:{second.setup_meant} to "
                        f"{report.names(second.draft.destination.host)}, while the gateway was given no TCP role: it "
                        "passes segments on, so there is one connection, and its two ends were told different things"))


def _of(said: list[Described], role: str) -> Described | None:
    return next((one for one in said if one.role == role and one.media.port), None)


rule = Rule("setup-changed-by-relay", "TS 23.334 §5.16.1, §5.16.2.3", "error",
            "Where the gateway only relays segments, a=setup passes unchanged", _find, provisional=True,
            next="Either a=setup has to pass as it is, or the gateway has to get a role on each leg (a=setup in "
                 "Local), so that it can end TCP there. Look who of the two sends a SYN, and who waits in vain.")
