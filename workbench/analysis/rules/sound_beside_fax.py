"""A call has switched from sound to T.38, and somebody goes on sending sound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.carried.clear_flows import ClearFlow
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.secured import said_in_sip
from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.report import Report

_GRACE_SECONDS = 1.0
"""How long sound may still be on its way."""


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        answer = _switch(call)
        if answer is None:
            continue
        until = answer.draft.time + _GRACE_SECONDS
        for flow in call.flows:
            if isinstance(flow, ClearFlow) and flow.seen[1] > until and flow.drafts and (
                    flow.drafts[-1].protocol == "RTP"):
                last = flow.drafts[-1]
                yield Evidence((*answer.draft.frames, *last.frames), (
                    f"T.38 is agreed at {answer.draft.time:.3f} s, and {report.names(last.source.host)} sends sound "
                    f"until {last.time:.3f} s: nobody hears it, and a terminal that does takes it for a signal"))
                break


def _switch(call: Call) -> Described | None:
    """The last answer that takes a fax where there was sound before; None: sound was agreed again, or never."""
    answers = [one for one in said_in_sip(call) if one.role == "answer" and one.media.port]
    kinds = [_application(one) for one in answers]
    if "udptl" not in kinds or "rtp" not in kinds[:kinds.index("udptl")] or kinds[-1] != "udptl":
        return None
    return answers[-1]


def _application(one: Described) -> str | None:
    transport = transport_of(one.media.proto)
    return None if transport is None else transport.application


rule = Rule("sound-beside-fax", "RFC 3264 §8.3, T.38 annex D", "warning",
            "A side that has switched to T.38 sends no more sound", _find,
            next="Whether that side has got the answer (ACK), and whether its tone detector or its media gateway was "
            "told of the switch.")
