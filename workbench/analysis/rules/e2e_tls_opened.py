"""A network ends TLS on a stream that was offered with TLS and without a=3ge2ae: it was to go from end to end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.conferences import is_conference
from workbench.analysis.rules.rule import Evidence, Rule, is_tls

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        offer = offered(call)
        if offer is None or is_conference(call):    # a conference is an end itself
            continue
        for context in call.contexts:
            for end in context.terminations.values():
                told = next((one for one in end.locals if is_tls(one.media.proto)), None)
                if told is not None:
                    yield Evidence((*offer.draft.frames, *told.draft.frames), (
                        f"the offer asks for {offer.media.proto} without a=3ge2ae, so TLS was to go from end to end; "
                        f"{report.names(context.gateway.host)} is told to end it at {end.name} ({told.media.proto}), "
                        "and holds every word in the clear"))


def offered(call: Call) -> Described | None:
    """The first offer of the call, where it asks for TLS over TCP and for nothing at the edge."""
    first = next((one for dialog in call.dialogs[:1] for one in dialog.described if one.role == "offer"), None)
    if first is None or not is_tls(first.media.proto) or not first.media.proto.upper().startswith("TCP/"):
        return None
    return None if first.media.attribute("3ge2ae") is not None else first


rule = Rule("e2e-tls-opened", "TS 23.334 §6.2.10A, TS 24.229 §6.7.2", "error",
            "End-to-end TLS is carried as TCP; no gateway ends it", _find, provisional=True,
            next="Compare a=fingerprint of offer and answer hop by hop: where it changes, the network has put itself "
                 "between the ends. Then m= in the Add for that gateway, which should say TCP.")
