"""Marks of conferences at an MRFP (TS 23.333): calls that end at a gateway.

    mp-tcp-conference            TCP/MSRP, one termination for each caller, all in one context
    mp-msrp-dial-in              a caller has TLS by pre-shared key, which ends at the MRFP; or is refused for none
    mp-msrp-dial-out             the same, and the conference has called
    mp-bfcp-dial-in              a caller has it with BFCP: the MRFP is floor control server, the caller TLS client
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.calls.call_flow import CallFlow
from workbench.analysis.calls.conferences import conference_nodes, is_conference

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report

_MOST_CALLS = 50

Marks = list[tuple[bool, str]]


def marks(report: Report, call: Call) -> list[tuple[str, Marks]]:
    """What a conference may be; nothing where the call is none."""
    if not is_conference(call):
        return []
    if _is_turned_away(report, call):
        return [("mp-msrp-dial-in", _without_key(report, call))]
    return [("mp-tcp-conference", _chat(report, call)), ("mp-msrp-dial-in", _keyed(report, call, "TCP/TLS/MSRP")),
            ("mp-msrp-dial-out", _keyed(report, call, "TCP/TLS/MSRP", calls=True)),
            ("mp-bfcp-dial-in", _keyed(report, call, "TCP/TLS/BFCP"))]


def _keyed(report: Report, call: Call, bearer: str, *, calls: bool = False) -> Marks:
    """TLS by pre-shared key ends at the MRFP, whose key came of an exchange of MIKEY.

    Args:
        calls: the conference has offered it, and not somebody who calls.
    """
    flow = CallFlow(report, call)
    told = {(one.role, one.media.attribute("key-mgmt") is not None) for dialog in call.dialogs
            for one in dialog.described}
    ours = {end.local.host for context in call.contexts for end in context.terminations.values()
            if end.local is not None}
    offering = {one.endpoint.host in ours for dialog in call.dialogs for one in dialog.described
                if one.role == "offer" and one.endpoint is not None and one.media.attribute("key-mgmt") is not None}
    return [
        *[(bearer in flow.bearers, "the MRFP was not told to end TLS")] * 3,
        *[(offering == {calls}, f"a=key-mgmt was {'not ' if calls else ''}offered by the conference")] * 2,
        ({("offer", True), ("answer", True)} <= told, "a=key-mgmt is not in an offer and an answer"),
        (any(leg.psk_identity for leg, _, _ in call.legs), "TLS is not by pre-shared key"),
        (not any(leg.certificates for leg, _, _ in call.legs), "a certificate was shown"),
        (not flow.refused_orders, "the MRFP refused an order"),
        (flow.released, "not all terminations were subtracted"),
    ]


def _is_turned_away(report: Report, call: Call) -> bool:
    """Somebody else has offered this conference MSRP over TLS with a=key-mgmt, and was refused."""
    mrfc = {host for hosts in conference_nodes(call.contexts, call.dialogs).values() for host in hosts}
    return any(
        one.role == "offer" and one.media.proto.upper() == "TCP/TLS/MSRP" and one.draft.destination.host in mrfc
        and one.media.attribute("key-mgmt") is not None and dialog.accepted is None and dialog.over is not None
        for other in report.calls[:_MOST_CALLS] if not other.contexts
        for dialog in other.dialogs for one in dialog.described[:2])


def _without_key(report: Report, call: Call) -> Marks:
    """The MRFC got no key of the ticket, so nothing was reserved; who has no TLS takes part as ever."""
    flow = CallFlow(report, call)
    return [
        *[(True, "")] * 3,
        ("TCP/TLS/MSRP" not in flow.bearers, "the MRFP was told to end TLS all the same"),
        (not flow.refused_orders, "the MRFP refused an order"),
        (flow.released, "not all terminations were subtracted"),
    ]


def _chat(report: Report, call: Call) -> Marks:
    flow = CallFlow(report, call)
    ends = [end for context in call.contexts for end in context.terminations.values()]
    legs = [leg for leg, span, _ in call.legs if span is not None]
    return [
        *[(flow.bearers == {"TCP/MSRP"}, "the MRFP was told another bearer than TCP/MSRP")] * 2,
        (len(call.contexts) == 1 and len(ends) > 1, "there are not several participants in one context"),
        (all(end.setup_at(float("inf")) in ("active", "passive") for end in ends), "a termination got no TCP role"),
        (len(legs) == len(ends) and all(report.on(leg, "MSRP") for leg in legs), "not each participant has MSRP"),
        (not flow.refused_orders, "the MRFP refused an order"),
        (flow.released, "not all terminations were subtracted"),
    ]
