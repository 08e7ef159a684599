"""Marks of the e2ae scenarios: MSRP or BFCP over TLS between UE and access gateway, clear beyond it.

Source: TS 23.334 §6.2.10.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import is_tls
from workbench.analysis.values import Leg
from workbench.protocols import sip
from workbench.protocols.h248 import message as h248

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report

ORIGINATING = "originating"
TERMINATING = "terminating"
RENEGOTIATION = "e2ae-bfcp-renegotiation"

Marks = list[tuple[bool, str]]
"""What a scenario leaves on the wire: whether it is there, and what to say where it is not."""


def marks(report: Report, call: Call) -> tuple[str, Marks] | None:
    """The scenario that this call may be, and its marks; None where nobody asked for e2ae."""
    wish, first = asked(call), first_added(call)
    if wish is None and first is None:
        return None
    side = wish or first or ORIGINATING
    originating = side == ORIGINATING
    kind = call.session.kind
    id = RENEGOTIATION if kind == "bfcp" and reoffered(call) else f"e2ae-{kind}-{side}"
    return id, [
        (wish is not None, "no offer on the access side has a=3ge2ae"),
        (first == side, "terminations were not added in this scenario's order: "
                      + ("core, then access" if originating else "access, then core")),
        *common(report, f"{kind.upper()} over TLS", f"{kind}-tls"),
        *_setting(call),
        *_media(report, call, kind),
    ]


def asked(call: Call) -> str | None:
    """By the value of a=3ge2ae: `requested` is a UE's wish, `applied` the network's word to a UE."""
    for dialog in call.dialogs:
        for one in dialog.described:
            value = (one.media.attribute("3ge2ae") or "").strip()
            if one.role == "offer" and value in ("requested", "applied"):
                return ORIGINATING if value == "requested" else TERMINATING
    return None


def reoffered(call: Call) -> bool:
    """A second offer was made inside the call; a NAT passes each one on, so the same one may be there twice."""
    return any(len({(one.draft.value.from_tag, one.draft.value.cseq) for one in dialog.described
                    if one.role == "offer" and isinstance(one.draft.value, sip.Request)}) > 1
               for dialog in call.dialogs)


def first_added(call: Call) -> str | None:
    """The side towards the answerer is reserved first (TS 23.334 §6.2.1)."""
    sides = [termination.side for context in call.contexts for termination in context.terminations.values()]
    bearers = [is_tls(t.bearer) for context in call.contexts for t in context.terminations.values()]
    if len(sides) < 2 or not any(bearers):
        return None
    return {"core": ORIGINATING, "access": TERMINATING}.get(sides[0])


def common(report: Report, what: str, mechanism: str) -> Marks:
    """Marks that are the same for every call of a capture: security was agreed, and no order was refused."""
    agreed = any(mechanism in value for value in report.once(_asked_security))
    return [
        (agreed, f"no registration in which {what} was agreed"),
        (not report.once(_refused_order), "the gateway refused an order"),
    ]


def _asked_security(report: Report) -> frozenset[str]:
    """What any Security-Client header says of security for media."""
    return frozenset(
        value for dialog in report.signalling.dialogs.values() for draft in dialog.drafts
        if isinstance(draft.value, sip.Request)
        for value in draft.value.headers.all("Security-Client") if "mediasec" in value)


def _refused_order(report: Report) -> bool:
    return any(
        command.error is not None or action.error is not None
        for order in report.signalling.orders if order.reply is not None
        for action in order.reply.actions for command in (*action.commands, h248.CommandReply(h248.Kind.ADD, ())))


def _setting(call: Call) -> Marks:
    ends = [termination for context in call.contexts for termination in context.terminations.values()]
    access = [termination for termination in ends if termination.side == "access"]
    core = [termination for termination in ends if termination.side == "core"]
    released = bool(ends) and all(termination.subtracted is not None for termination in ends)
    return [
        (bool(ends), "no termination of a gateway belongs to the call"),
        (any(is_tls(one.bearer) for one in access), "the gateway was not told to end TLS on the access side"),
        (any(not is_tls(one.bearer) for one in core), "the gateway was not told to carry TCP on the core side"),
        (released, "not all terminations were subtracted"),
    ]


def _media(report: Report, call: Call, kind: str) -> Marks:
    access, core = leg(call, "access"), leg(call, "core")
    gateways = {report.names(context.gateway.host) for context in call.contexts}
    incoming = [one for one in (access, core) if one is not None and one.tcp_server in gateways]
    outgoing = [one for one in (access, core) if one is not None and one.tcp_client in gateways]
    opened = [one.opened for one in (*incoming[:1], *outgoing[:1]) if one.opened is not None]
    protected = bool(access) and any(
        m.protected for m in report.on(access, kind.upper(), readable=True)) if access else False
    clear = any(not m.protected for m in report.on(core, kind.upper())) if core else False
    return [
        (access is not None and bool(access.tls_client), "no TLS on the access leg"),
        (core is not None and bool(core.tcp_client) and not core.tls_client, "no clear TCP connection on the core leg"),
        (len(opened) == 2 and opened[0] < opened[1], "the incoming connection did not come before the outgoing one"),
        _tls_client(call, access, kind, gateways),
        (access is not None and len(access.certificates) == 2 and all(c.matches for c in access.certificates),
         "not both certificates of the access leg are shown to match their fingerprints"),
        (protected, f"no {kind.upper()} inside TLS on the access leg (or no key for it)"),
        (clear, f"no {kind.upper()} in the clear on the core leg"),
    ]


def _tls_client(call: Call, access: Leg | None, kind: str, gateways: set[str]) -> tuple[bool, str]:
    """With MSRP the TCP client, with BFCP who stands for the offerer: the gateway where the UE was offered to."""
    known = access is not None and bool(access.tls_client)
    if kind == "bfcp":
        offered_to = asked(call) == TERMINATING
        return (known and access is not None and (access.tls_client in gateways) == offered_to,
                "the TLS client of the access leg is not the offerer's side")
    return (known and access is not None and access.tls_client == access.tcp_client,
            "the TCP client of the access leg is not its TLS client")


def leg(call: Call, name: str) -> Leg | None:
    """The first leg of that name."""
    return next((one for one, _, _ in call.legs if one.name == name), None)
