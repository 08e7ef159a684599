"""The gateway has reported that TLS or DTLS failed, and the controller leaves the stream as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.signalling import TerminationSeen
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.watching import PATIENCE
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.drafts import Draft
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    end = report.end
    for call in report.calls:
        for context in call.contexts:
            for termination in context.terminations.values():
                failed = next((draft for draft, event in termination.observed if _is_failure(event)), None)
                if failed is None or end - failed.time < PATIENCE or _released(call, termination, failed):
                    continue
                yield Evidence(failed.frames, (
                    f"the gateway reports that TLS at {termination.name} failed, and neither is the termination "
                    f"subtracted or changed nor does the call end: the UE believes in a stream that carries nothing. "
                    "Look next whether the controller answers the Notify, and what it does with the event"))


def _is_failure(event: h248.ObservedEvent) -> bool:
    items = registry()
    if event.name.casefold() != items.wire_name("tls-change").casefold():
        return False
    kind = event.parameter(items.wire_name("tls-change-type"))
    wanted = items.wire_name("tls-failed").casefold()
    return kind is None or wanted in [one.casefold() for one in kind.values]


def _released(call: Call, termination: TerminationSeen, failed: Draft) -> bool:
    """It was subtracted or ordered anew, or a dialog of the call ended or was changed, within a while."""
    last = failed.time + PATIENCE
    gone = termination.subtracted
    if gone is not None and failed.time <= gone <= last:
        return True
    anew = [*termination.locals, *termination.remotes]
    if any(failed.time < one.draft.time <= last for one in anew):
        return True
    return any(failed.time < draft.time <= last and draft.summary.startswith(("BYE", "CANCEL", "INVITE", "4", "5", "6"))
               for dialog in call.dialogs for draft in dialog.drafts)


rule = Rule("failure-not-released", "TS 23.334 §6.2.10.3, §6.2.10.4", "error",
            "A stream whose TLS or DTLS has failed is released", _find, provisional=True,
            next="What the controller did with the Notify (its reply, an error), and whether its BYE or Subtract was "
                 "sent and refused. Until then the stream has to be looked at as dead.")
