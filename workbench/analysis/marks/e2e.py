"""Marks of end-to-end TLS: an offer with TLS and without a=3ge2ae, and what the networks between make of it.

    e2e-a-behind-nat             the caller is behind a NAT, opens TCP and begins TLS
    e2e-msrp-kms                 TLS is by the key of a MIKEY ticket, carried in a=key-mgmt
    e2e-b-behind-nat             the called UE is, and does
    e2e-downgrade-guard          nobody is, UE and network could do e2ae, and nobody does
    e2e-tls-b2bua                a gateway ends TLS on both sides
    e2e-annex-d                  both are behind a NAT and open TCP, and one of them begins TLS
    ix-e2e-msrp, ix-e2e-bfcp     two more gateways have a border between them
    e2e-both-behind-nat          both are: refused with 488 and a Warning, or merged, and then both begin TLS

Source: TS 23.334 §6.2.10A.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.calls.call_flow import CallFlow
from workbench.analysis.marks import e2ae
from workbench.analysis.marks.e2ae import Marks
from workbench.analysis.rules.rule import is_tls
from workbench.protocols import sip

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report

_A, _B = "access A", "access B"
_SECURITY = ("fingerprint", "key-mgmt", "tls-id")
_FIRST_MESSAGES = 40


def is_end_to_end(call: Call) -> bool:
    """The first offer of the call asks for TLS over TCP, and no offer has a=3ge2ae."""
    if e2ae.asked(call) is not None:
        return False
    first = next((one for dialog in call.dialogs for one in dialog.described if one.role == "offer"), None)
    return first is not None and first.media.proto.upper().startswith("TCP/") and is_tls(first.media.proto)


def marks(report: Report, call: Call) -> list[tuple[str, Marks]]:
    """What this call may be; nothing where it does not ask for end-to-end TLS."""
    flow = CallFlow(report, call)
    if not is_end_to_end(call) or not flow.gateways:
        return []
    if any(end.side == "border" for context in call.contexts for end in context.terminations.values()):
        return [(f"ix-e2e-{call.session.kind}", [*_through(call, flow), *_across(report, call)])]
    return [
        ("e2e-downgrade-guard", [*_through(call, flow), *_guarded(report, flow)]),
        ("e2e-msrp-kms", [*_through(call, flow), *_keyed(call)]),
        ("e2e-annex-d", [*_through(call, flow), *_both_open(flow)]),
        ("e2e-tls-b2bua", _opened(call, flow)),
        ("e2e-both-behind-nat", _refused(call, flow)),
        ("e2e-both-behind-nat", _collided(call, flow)),
        ("e2e-a-behind-nat", [*_through(call, flow), *_one_sided(call, flow, _A, _B)]),
        ("e2e-b-behind-nat", [*_through(call, flow), *_one_sided(call, flow, _B, _A)]),
    ]


def _through(call: Call, flow: CallFlow) -> Marks:
    """TLS passes both edges."""
    legs = [leg for leg, _, _ in call.legs]
    return [
        (flow.answered, "the offer was not answered on each leg"),
        (flow.bearers == {"TCP"}, "a gateway was told of more than TCP"),
        (_untouched(call), "a security attribute or a=setup was changed on its way"),
        (len(legs) > 1 and all(leg.tls_client for leg in legs), "TLS is not on every leg"),
        (not any(leg.certificates and not all(one.matches for one in leg.certificates) for leg in legs),
         "a certificate does not fit its fingerprint"),
        (flow.carried if call.session.kind == "msrp" else _floors(call), "the ends do not talk on each leg"),
        (flow.released, "not all terminations were subtracted"),
    ]


def _floors(call: Call) -> bool:
    """Inside TLS there is BFCP, or nobody has the keys: each leg with TLS has finished its handshake."""
    return all(leg.established is not None for leg, _, _ in call.legs)


def _one_sided(call: Call, flow: CallFlow, inside: str, outside: str) -> Marks:
    """The UE of one edge is behind a NAT, and is client of TCP and TLS."""
    leg = next((leg for leg, _, _ in call.legs if leg.name == inside), None)
    opens = leg is not None and bool(leg.tcp_client) and leg.tcp_client not in _gateways(call)
    return [
        *[(flow.behind_nat(inside), f"no NAT is seen on the {inside} side")] * 2,
        (not flow.behind_nat(outside), f"a NAT is seen on the {outside} side"),
        (opens, f"the UE of the {inside} side does not open TCP"),
    ]


def _keyed(call: Call) -> Marks:
    """TLS is by the key of a ticket: a=key-mgmt is in offer and answer."""
    told = {one.role for dialog in call.dialogs for one in dialog.described
            if one.media.attribute("key-mgmt") is not None}
    return [*[({"offer", "answer"} <= told, "a=key-mgmt is not in offer and answer")] * 5]


def _across(report: Report, call: Call) -> Marks:
    """From one operator's network to another's."""
    borders = {report.names(context.gateway.host) for context in call.contexts
               if any(end.side == "border" for end in context.terminations.values())}
    return [(len(borders) == 2, "not two gateways stand at a border")] * 2


def _guarded(report: Report, flow: CallFlow) -> Marks:
    """No NAT made anything necessary, and e2ae was to be had."""
    agreed = e2ae.common(report, "MSRP over TLS", "msrp-tls")[0]
    return [*[(not flow.behind_nat(_A) and not flow.behind_nat(_B), "a NAT is seen")] * 2, agreed]


def _both_open(flow: CallFlow) -> Marks:
    """TR 29.828 Annex D: both come in, and a=setup is as it was."""
    return [
        (flow.behind_nat(_A) and flow.behind_nat(_B), "not both UEs are behind a NAT"),
        *[(["passive", "passive"] in flow.all_roles, "no gateway was told to be TCP server on both sides")] * 2,
    ]


def _opened(call: Call, flow: CallFlow) -> Marks:
    """A gateway is TLS server of both sides, and they talk."""
    both = any(len(context.terminations) > 1 and all(is_tls(end.bearer) for end in context.terminations.values())
               for context in call.contexts)
    legs = [leg for leg, _, _ in call.legs]
    return [
        *[(both, "no gateway was told to end TLS on both sides")] * 3,
        (["passive", "passive"] in flow.all_roles, "no gateway was told to be TCP server on both sides"),
        (flow.answered, "the offer was not answered on each leg"),
        (not _untouched(call), "security attributes and a=setup are the same on each leg"),
        (len(legs) > 1 and all(leg.tls_client for leg in legs), "TLS is not on every leg"),
        (flow.carried, "MSRP did not pass on each leg"),
        (flow.released, "not all terminations were subtracted"),
    ]


def _refused(call: Call, flow: CallFlow) -> Marks:
    """An IMS-ALG does not set up what can't work."""
    refusals = [draft.value for dialog in call.dialogs for draft in dialog.drafts[:_FIRST_MESSAGES]
                if isinstance(draft.value, sip.Response) and draft.value.status == 488]
    return [
        *[(any(one.headers.get("Warning") for one in refusals), "no 488 with a Warning refuses the offer")] * 3,
        (not flow.answered, "the offer was answered on each leg"),
        (flow.bearers == {"TCP"}, "a gateway was told of more than TCP"),
        (not any(leg.tcp_client for leg, _, _ in call.legs), "a connection was opened"),
        (flow.released, "not all terminations were subtracted"),
    ]


def _collided(call: Call, flow: CallFlow) -> Marks:
    """TCP merge mode below TLS: two connections come in, and on each of them a ClientHello."""
    gateways = _gateways(call)
    clients = [leg.tls_client for leg, _, _ in call.legs if leg.name in (_A, _B)]
    return [
        *[(len(clients) == 2 and all(one and one not in gateways for one in clients),
           "not both UEs send a ClientHello")] * 3,
        (["passive", "passive"] in flow.all_roles, "no gateway was told to be TCP server on both sides"),
        (flow.behind_nat(_A) and flow.behind_nat(_B), "not both UEs are behind a NAT"),
        (flow.setups("offer", same=False), "a=setup of the offer was not changed"),
        (flow.bearers == {"TCP"}, "a gateway was told of more than TCP"),
        (not flow.carried, "MSRP passes on each leg"),
        (flow.released, "not all terminations were subtracted"),
    ]


def _gateways(call: Call) -> set[str]:
    return {node for node, roles in call.session.roles.items() if "MG" in roles}


def _untouched(call: Call) -> bool:
    """Offers, and answers, say the same of security and of a=setup on every leg that has them."""
    for role in ("offer", "answer"):
        told = {tuple(one.media.attributes(name) for name in (*_SECURITY, "setup"))
                for dialog in call.dialogs for one in dialog.described[:8] if one.role == role}
        if len(told) > 1:
            return False
    return True
