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
    from workbench.analysis.report import Report
    from workbench.analysis.sessions import Call

ORIGINATING = "originating"
TERMINATING = "terminating"
RENEGOTIATION = "e2ae-bfcp-renegotiation"


def marks(report: Report, call: Call) -> tuple[str, list[tuple[bool, str]]] | None:
    """The scenario that this call may be, and its marks; None where nobody asked for e2ae."""
    asked = _asked(call)
    first = _first_added(call)
    if asked is None and first is None:
        return None
    side = asked or first or ORIGINATING
    originating = side == ORIGINATING
    kind = call.session.kind
    id = RENEGOTIATION if kind == "bfcp" and _reoffered(call) else f"e2ae-{kind}-{side}"
    return id, [
        (asked is not None, "no offer on the access side has a=3ge2ae"),
        (first == side, "terminations were not added in this scenario's order: "
                      + ("core, then access" if originating else "access, then core")),
        *_common(report, kind),
        *_setting(call),
        *_media(report, call, kind),
    ]


def _asked(call: Call) -> str | None:
    """By the value of a=3ge2ae: `requested` is a UE's wish, `applied` the network's word to a UE."""
    for dialog in call.dialogs:
        for one in dialog.described:
            value = (one.media.attribute("3ge2ae") or "").strip()
            if one.role == "offer" and value in ("requested", "applied"):
                return ORIGINATING if value == "requested" else TERMINATING
    return None


def _reoffered(call: Call) -> bool:
    """A second offer was made inside the call."""
    return any(sum(one.role == "offer" and not one.draft.repeated for one in dialog.described) > 1
               for dialog in call.dialogs)


def _first_added(call: Call) -> str | None:
    """The side towards the answerer is reserved first (TS 23.334 §6.2.1)."""
    sides = [termination.side for context in call.contexts for termination in context.terminations.values()]
    bearers = [is_tls(t.bearer) for context in call.contexts for t in context.terminations.values()]
    if len(sides) < 2 or not any(bearers):
        return None
    return {"core": ORIGINATING, "access": TERMINATING}.get(sides[0])


def _common(report: Report, kind: str) -> list[tuple[bool, str]]:
    """Marks that are the same for every call of a capture."""
    agreed = any(
        isinstance(draft.value, sip.Request) and any(
            f"{kind}-tls" in value and "mediasec" in value for value in draft.value.headers.all("Security-Client"))
        for dialog in report.signalling.dialogs.values() for draft in dialog.drafts)
    refused = any(
        command.error is not None or action.error is not None
        for order in report.signalling.orders if order.reply is not None
        for action in order.reply.actions for command in (*action.commands, h248.CommandReply(h248.Kind.ADD, ())))
    return [
        (agreed, f"no registration in which {kind.upper()} over TLS was agreed"),
        (not refused, "the gateway refused an order"),
    ]


def _setting(call: Call) -> list[tuple[bool, str]]:
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


def _media(report: Report, call: Call, kind: str) -> list[tuple[bool, str]]:
    access = _leg(call, "access")
    core = _leg(call, "core")
    gateways = {report.names(context.gateway.host) for context in call.contexts}
    incoming = [leg for leg in (access, core) if leg is not None and leg.tcp_server in gateways]
    outgoing = [leg for leg in (access, core) if leg is not None and leg.tcp_client in gateways]
    opened = [leg.opened for leg in (*incoming[:1], *outgoing[:1]) if leg.opened is not None]
    protected = bool(access) and any(
        m.protocol == kind.upper() and m.protected for m in report.on(access)) if access else False
    clear = any(m.protocol == kind.upper() and not m.protected for m in report.on(core)) if core else False
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
        offered_to = _asked(call) == TERMINATING
        return (known and access is not None and (access.tls_client in gateways) == offered_to,
                "the TLS client of the access leg is not the offerer's side")
    return (known and access is not None and access.tls_client == access.tcp_client,
            "the TCP client of the access leg is not its TLS client")


def _leg(call: Call, name: str) -> Leg | None:
    return next((leg for leg, _, _ in call.legs if leg.name == name), None)
