"""Marks of the scenarios of TCP bearers and MSRP interworking (TS 23.334 §5.16, §5.19): clear MSRP through gateways."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.analysis.calls.call_flow import CallFlow

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report

Mark = tuple[bool, str]
Marks = Callable[[CallFlow], list[Mark]]

_LONG = 4096        # octets: no chat line is as long


def marks(report: Report, call: Call) -> list[tuple[str, list[Mark]]]:
    """Every scenario of the two families that has as many gateways as this call, with its marks.

    Where a=path was changed on its way, those of MSRP interworking: TCP looks the same in them as without it.
    """
    flow = CallFlow(report, call)
    if not flow.gateways:
        return []
    found = {id: made for id, (gateways, made) in SCENARIOS.items() if gateways == len(flow.gateways)}
    if {"rewritten", "replaced"} & {flow.path("offer"), flow.path("answer")}:
        found = {id: made for id, made in found.items() if id.startswith("msrp-")} or found
    return [(id, [*_common(flow), *made(flow)]) for id, made in found.items()]


def _telling(kept: bool, text: str) -> list[Mark]:
    """What a scenario is there for, and no other has: it weighs as much as three marks."""
    return [(kept, text)] * 3


def _common(flow: CallFlow) -> list[Mark]:
    return [
        (flow.answered, "the offer was not answered on each leg"),
        (not flow.refused_orders, "the gateway refused an order"),
        (flow.released, "not all terminations were subtracted"),
        (flow.carried, "MSRP did not pass on each leg"),
    ]


def _agnostic(flow: CallFlow) -> list[Mark]:
    return [(flow.bearers == {"TCP"} and flow.path("offer") == flow.path("answer") == "untouched",
             "the gateway was told of MSRP, or a=path was changed")]


def _unmodified(flow: CallFlow) -> list[Mark]:
    return [
        (flow.setups("offer", same=True), "a=setup of the offer was changed on its way"),
        (flow.setups("answer", same=True), "a=setup of the answer was changed on its way"),
    ]


def _undisturbed(flow: CallFlow) -> list[Mark]:
    return [
        (flow.offers == 1, "there is more than one offer"),
        (not flow.ended_by_peer, "a peer ended its connection before the call ended"),
    ]


def _roles(flow: CallFlow, **roles: str) -> list[Mark]:
    told = ", ".join(f"{side} {role or 'none'}" for side, role in roles.items())
    return [(flow.roles == roles, f"the gateway was not told these TCP roles: {told}")]


def _handled(flow: CallFlow, *handlings: str) -> list[Mark]:
    return [(flow.handling in handlings, f"the gateway's handling of TCP is not {' or '.join(handlings)}")]


def _relay(flow: CallFlow) -> list[Mark]:
    return [
        *_agnostic(flow), *_roles(flow, access="", core=""), *_handled(flow, "relay"), *_unmodified(flow),
        *_undisturbed(flow),
    ]


def _a_active(flow: CallFlow) -> list[Mark]:
    return [
        *_agnostic(flow),
        (flow.caller == "access", "the offer does not come from the access side"),
        *_roles(flow, access="passive", core="active"), *_handled(flow, "proxy"), *_unmodified(flow),
        *_undisturbed(flow), *_triggered(flow),
        (not flow.held_back, "the incoming connection was answered only after the outgoing one"),
    ]


def _triggered(flow: CallFlow) -> list[Mark]:
    return [(flow.triggered, "the incoming connection did not come before the outgoing one")]


def _b_active(flow: CallFlow) -> list[Mark]:
    return [
        *_agnostic(flow),
        (flow.caller == "access", "the offer does not come from the access side"),
        *_roles(flow, access="active", core="passive"), *_handled(flow, "proxy"), *_unmodified(flow),
        *_undisturbed(flow), *_triggered(flow),
    ]


def _delayed(flow: CallFlow) -> list[Mark]:
    return [
        *_agnostic(flow),
        *_roles(flow, access="passive", core="active"), *_handled(flow, "proxy"), *_unmodified(flow),
        *_undisturbed(flow), *_triggered(flow),
        (flow.held_back, "the incoming connection was answered before the outgoing one"),
    ]


_MERGED = ("merge by proxy", "merge by translation")


def _merge_terminating(flow: CallFlow) -> list[Mark]:
    return [
        *_agnostic(flow),
        (flow.caller == "core", "the offer does not come from the core"),
        *_roles(flow, access="passive", core="passive"), *_handled(flow, *_MERGED), *_undisturbed(flow),
        (flow.setups("offer", same=False), "a=setup of the offer was not changed"),
        (flow.setups("answer", same=False), "a=setup of the answer was not changed"),
        (flow.behind_nat("access"), "no NAT is seen in front of the access side"),
    ]


def _merge_originating(flow: CallFlow) -> list[Mark]:
    return [
        *_agnostic(flow),
        (flow.caller == "access", "the offer does not come from the access side"),
        *_roles(flow, access="passive", core="passive"), *_handled(flow, *_MERGED), *_undisturbed(flow),
        (flow.setups("offer", same=True), "a=setup of the offer was changed"),
        (flow.setups("answer", same=False), "a=setup of the answer was not changed"),
        (flow.behind_nat("access"), "no NAT is seen in front of the access side"),
    ]


def _merge_both(flow: CallFlow) -> list[Mark]:
    return [
        *_agnostic(flow),
        *_handled(flow, *_MERGED), *_undisturbed(flow),
        (flow.setups("offer", same=False), "a=setup of the offer was not changed"),
        (flow.setups("answer", same=False), "a=setup of the answer was not changed"),
        (flow.behind_nat("access A") and flow.behind_nat("access B"), "not both UEs are behind a NAT"),
        (["passive", "passive"] in flow.all_roles, "no gateway was told to be TCP server on both sides"),
    ]


def _direction_modified(flow: CallFlow) -> list[Mark]:
    return [
        *_agnostic(flow),
        *_handled(flow, "proxy"), *_undisturbed(flow),
        (flow.setups("offer", same=False), "a=setup of the offer was not changed"),
        (flow.said("offer") == "actpass", "the offer does not leave it open who opens the connection"),
        (flow.behind_nat("access A") or flow.behind_nat("access B"), "no UE is behind a NAT"),
        (all(sorted(roles) == ["active", "passive"] for roles in flow.all_roles),
         "not every gateway has one incoming and one outgoing connection"),
    ]


def _release(flow: CallFlow) -> list[Mark]:
    return [
        *_agnostic(flow),
        (flow.offers == 1, "there is more than one offer"),
        *_handled(flow, "proxy", *_MERGED),
        (flow.ended_by_peer, "no peer ended its connection before the call ended"),
        (flow.release_reported, "no Notify tells of a released bearer"),
        (flow.connections("access") == 1, "there is not one connection on the access side"),
    ]


def _renegotiation(flow: CallFlow) -> list[Mark]:
    return [
        *_agnostic(flow),
        *_roles(flow, access="passive", core="active"), *_handled(flow, "proxy"), *_unmodified(flow),
        (flow.offers > 1, "there is no second offer"),
        (flow.cema("offer", last=False) == flow.cema("offer", last=False, again=True),
         "the second offer is without a=msrp-cema"),
    ]


def _paths(flow: CallFlow, how: str, bearer: str) -> list[Mark]:
    words = {"untouched": "left alone", "rewritten": "given the gateway's host and port only",
             "replaced": "replaced by the gateway's"}
    return [
        (flow.path("offer") == how, f"a=path of the offer was not {words[how]}"),
        (flow.path("answer") == how, f"a=path of the answer was not {words[how]}"),
        (flow.bearers == {bearer}, f"the bearers on Iq are not {bearer} alone"),
    ]


def _cema(flow: CallFlow) -> list[Mark]:
    return [
        *_undisturbed(flow), *_paths(flow, "untouched", "TCP"),
        (flow.cema("offer", last=True), "the offer that reaches the called side has no a=msrp-cema"),
        (flow.cema("answer", last=False), "the answer that reaches the caller has no a=msrp-cema"),
        *_telling(flow.longest >= _LONG, f"no message of {_LONG} octets or more passes"),
        (not flow.held_back, "the incoming connection was answered only after the outgoing one"),
        (flow.setups("offer", same=True), "a=setup of the offer was changed on its way"),
        (flow.setups("answer", same=True), "a=setup of the answer was changed on its way"),
    ]


def _fallback(flow: CallFlow) -> list[Mark]:
    return [
        (flow.cema("offer", last=True), "the offer that went on has no a=msrp-cema"),
        (flow.answered and not flow.cema("answer", last=True), "the answer has a=msrp-cema"),
        ("TCP" in flow.first_bearers, "the gateway was not agnostic at first"),
        (flow.reconfigured or (flow.offers > 1 and not flow.cema("offer", last=False, again=True)),
         "neither was the gateway made MSRP-aware, nor was a new offer made without a=msrp-cema"),
        (not flow.ended_by_peer, "a peer ended its connection before the call ended"),
    ]


def _sessmatch(flow: CallFlow) -> list[Mark]:
    return [
        *_undisturbed(flow), *_paths(flow, "rewritten", "TCP"),
        (not flow.cema("offer", last=False) and not flow.cema("answer", last=True), "an end has a=msrp-cema"),
        (not flow.unknown_sessions, "a message was answered with 481"),
    ]


def _aware(*, cema: bool = False, caller: bool = False, callee: bool = False) -> Marks:
    """`cema`: the caller's model is CEMA; `caller`, `callee`: that end's is sessmatch.

    Behind an MSRP-aware gateway sessmatch and plain ends send the same octets of SDP and MSRP (TS 23.334 §5.19.1 makes
    them fit each other just so); what is left is how the ends name their software.
    """
    def made(flow: CallFlow) -> list[Mark]:
        return [
            *_undisturbed(flow), *_paths(flow, "replaced", "TCP/MSRP"),
            (flow.cema("offer", last=False) == cema, "the caller offers "
             + ("no a=msrp-cema" if cema else "a=msrp-cema")),
            (not flow.cema("answer", last=True), "the answer has a=msrp-cema"),
            (not flow.unknown_sessions, "a message was answered with 481"),
            *(_names_sessmatch(flow, last=last, wanted=wanted) for last, wanted in ((False, caller), (True, callee))),
        ]

    return made


def _names_sessmatch(flow: CallFlow, *, last: bool, wanted: bool) -> Mark:
    end, header = ("callee", "Server") if last else ("caller", "User-Agent")
    told = f"the {end} does not say in {header} that it does sessmatch" if wanted else (
        f"the {end} says in {header} that it does sessmatch")
    return flow.sessmatch(last=last) == wanted, told


SCENARIOS: dict[str, tuple[int, Marks]] = {
    "tcp-stateless-relay": (1, _relay),
    "tcp-aware-a-active": (1, _a_active),
    "tcp-aware-b-active": (1, _b_active),
    "tcp-delayed": (1, _delayed),
    "tcp-merge-terminating": (1, _merge_terminating),
    "tcp-merge-originating": (1, _merge_originating),
    "tcp-merge-both-behind-nat": (2, _merge_both),
    "tcp-direction-modified": (2, _direction_modified),
    "tcp-release": (1, _release),
    "tcp-renegotiation": (1, _renegotiation),
    "msrp-cema": (1, _cema),
    "msrp-cema-fallback": (1, _fallback),
    "msrp-sessmatch": (1, _sessmatch),
    "msrp-aware-plain": (1, _aware()),
    "msrp-aware-sessmatch-plain": (1, _aware(caller=True)),
    "msrp-aware-cema-plain": (1, _aware(cema=True)),
    "msrp-aware-cema-sessmatch": (1, _aware(cema=True, callee=True)),
}
"""Per scenario: how many gateways it has, and what its marks are."""
