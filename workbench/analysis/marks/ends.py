"""Marks of e2ae over TLS where something is not as usual: it fails, it ends by itself, it is early, it has two edges.

    e2ae-fingerprint-mismatch    certificate and fingerprint do not fit, or one of them is missing
    e2ae-handshake-timeout       TCP came up, the handshake was never finished, and no certificate was the reason
    e2ae-tls-release             a whole call whose connection ended before anybody had ordered that
    e2ae-early-clienthello       a whole call whose ClientHello came before the gateway knew the fingerprint
    e2ae-both-behind-nat         two edges, each TLS server of a UE of its own
    e2ae-man-in-the-middle       SDP that names the gateway is passed on with another address, and TLS ends there

Source: TS 23.334 §6.2.10.3, §5.4; F5 to F11 and cases C5 to C7, C9, C10 of the stage-2 digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.calls.call_flow import CallFlow
from workbench.analysis.marks import e2ae
from workbench.analysis.marks.e2ae import RENEGOTIATION, TERMINATING, Marks
from workbench.analysis.rules import answer_drops_security, fingerprint_mismatch, no_certificate
from workbench.analysis.rules.rule import is_tls
from workbench.protocols import sip
from workbench.protocols.h248.packages import registry

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.signalling import TerminationSeen
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg

MISMATCH, TIMEOUT, RELEASE = "e2ae-fingerprint-mismatch", "e2ae-handshake-timeout", "e2ae-tls-release"
EARLY, BOTH, MIDDLE = "e2ae-early-clienthello", "e2ae-both-behind-nat", "e2ae-man-in-the-middle"

_UNFIT = (fingerprint_mismatch.rule, no_certificate.rule, answer_drops_security.rule)
_CAUSE = "g/cause"
_PAYLOAD = ("MSRP", "BFCP", "unknown")


def marks(report: Report, call: Call, usual: tuple[str, Marks] | None) -> list[tuple[str, Marks]]:
    """What else this call may be, beside the usual scenario that it looks like; nothing where nobody asked for e2ae."""
    if usual is None:
        return []
    id, sound = usual
    flow = CallFlow(report, call)
    if len(flow.gateways) > 1:
        return [(BOTH, _both(report, call, flow))]
    unfit = _unfit(report, call)
    found = [(MISMATCH, _failed(report, call, unfit=unfit)), (TIMEOUT, _failed(report, call, unfit=unfit, waits=True))]
    if flow.diverted:
        found.append((MIDDLE, [*_failed(report, call, unfit=unfit), *_led_away(call, flow)]))
    if id != RENEGOTIATION:
        found.append((RELEASE, [*sound, (_by_itself(call), "no Notify tells of a released bearer before BYE")]))
    if e2ae.asked(call) == TERMINATING:
        found.append((EARLY, [*sound, (_early(report, call), (
            "the gateway knew the UE's fingerprint before a ClientHello came"))]))
    return found


def _failed(report: Report, call: Call, *, unfit: bool, waits: bool = False) -> Marks:
    access, core = e2ae.leg(call, "access"), e2ae.leg(call, "core")
    kind = call.session.kind
    ends = _ends(call)
    gateways = {report.names(context.gateway.host) for context in call.contexts}
    base: Marks = [
        (e2ae.asked(call) is not None, "no offer on the access side has a=3ge2ae"),
        *e2ae.common(report, f"{kind.upper()} over TLS", f"{kind}-tls"),
        (any(is_tls(one.bearer) for one in ends if one.side == "access"),
         "the gateway was not told to end TLS on the access side"),
        (bool(ends) and all(one.subtracted is not None for one in ends), "not all terminations were subtracted"),
        (core is None or not any(m.source.node in gateways for m in report.on(core, *_PAYLOAD)),
         "the gateway sends payload to the core"),
    ]
    told = _told(call, registry().wire_name("tls-change"))
    if waits:
        return [*base, (told, "no Notify tells of TLS that failed"),
                (access is not None and access.established is not None, "no TCP connection on the access leg"),
                (access is not None and not _finished(report, access), "the handshake on the access leg was finished"),
                (not unfit, "certificate and fingerprint do not fit")]
    return [*base, (told or _refused(call), "neither tells a Notify of TLS that failed, nor was the call refused"),
            (unfit, "certificate and fingerprint fit, and none is missing")]


def _led_away(call: Call, flow: CallFlow) -> Marks:
    """TLS of the access side is there twice: on the gateway's connection, and on one that ends at somebody else."""
    legs = [leg for leg, _, _ in call.legs if leg.tls_client]
    nodes = [{leg.tcp_client, leg.tcp_server} for leg in legs]
    return [
        (flow.diverted, "no SDP that names the gateway is passed on with another address"),
        (len(legs) > 1 and bool(nodes[0] & nodes[1]), "TLS does not end at a node between the UE and the gateway"),
    ]


def _both(report: Report, call: Call, flow: CallFlow) -> Marks:
    legs = [leg for leg, _, _ in call.legs if leg.name.startswith("access") and leg.tls_client]
    gateways = {report.names(context.gateway.host) for context in call.contexts}
    core = e2ae.leg(call, "core")
    wishes = {(one.media.attribute("3ge2ae") or "").strip() for dialog in call.dialogs for one in dialog.described
              if one.role == "offer"}
    kind = call.session.kind
    return [
        ({"requested", "applied"} <= wishes, "not both edges apply e2ae"),
        *e2ae.common(report, f"{kind.upper()} over TLS", f"{kind}-tls"),
        (len(legs) == 2, "not both access legs have TLS"),
        (len(legs) == 2 and all(leg.tls_client == leg.tcp_client not in gateways for leg in legs),
         "not each UE is TCP client and TLS client of its own access leg"),
        (flow.behind_nat("access A") and flow.behind_nat("access B"), "not both UEs are behind a NAT"),
        (["passive", "passive"] in flow.all_roles, "no gateway was told to be TCP server on both sides"),
        (len(legs) == 2 and all(len(leg.certificates) == 2 and all(one.matches for one in leg.certificates)
                                for leg in legs), "not all certificates are shown to match their fingerprints"),
        (core is not None and any(not m.protected for m in report.on(core, kind.upper())),
         f"no {kind.upper()} in the clear between the edges"),
        (flow.released, "not all terminations were subtracted"),
    ]


def _ends(call: Call) -> list[TerminationSeen]:
    return [one for context in call.contexts for one in context.terminations.values()]


def _unfit(report: Report, call: Call) -> bool:
    """A rule on certificates and fingerprints finds something in this call."""
    frames = set(call.session.frames)
    return any(not frames.isdisjoint(found) for found in report.once(_unfit_frames))


def _unfit_frames(report: Report) -> list[tuple[int, ...]]:
    return [evidence.frames for rule in _UNFIT for evidence in rule.find(report)]


def _told(call: Call, event: str) -> bool:
    """A Notify of one of the call's terminations has this event."""
    return any(one.name.casefold() == event.casefold() for end in _ends(call) for _, one in end.observed)


def _by_itself(call: Call) -> bool:
    """A released bearer was told of, and nobody had said BYE by then."""
    gone = [draft.time for end in _ends(call) for draft, event in end.observed if event.name.casefold() == _CAUSE]
    byes = [draft.time for dialog in call.dialogs for draft in dialog.drafts
            if isinstance(draft.value, sip.Request) and draft.value.method == "BYE"]
    return bool(gone) and min(gone) < min(byes, default=min(gone) + 1)


def _refused(call: Call) -> bool:
    """A call was refused after all, or could not be completed."""
    return any(isinstance(draft.value, sip.Response) and draft.value.status in (488, 502)
               for dialog in call.dialogs for draft in dialog.drafts)


def _finished(report: Report, leg: Leg) -> bool:
    return sum(m.summary.startswith("Finished") for m in report.secured(leg)) > 1


def _early(report: Report, call: Call) -> bool:
    """A ClientHello came on the access leg before Remote had a fingerprint."""
    access = e2ae.leg(call, "access")
    seen = report.secured(access) if access is not None else ()
    hello = next((m.time for m in seen if m.summary.startswith("ClientHello")), None)
    ordered = {id(one.draft) for end in _ends(call) if end.side == "access" for one in end.remotes if one.fingerprints}
    told = [order.replied.time for order in report.signalling.orders
            if id(order.draft) in ordered and order.replied is not None]
    return hello is not None and bool(told) and hello < min(told)
