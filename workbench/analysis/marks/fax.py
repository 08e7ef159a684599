"""Marks of the T.38 scenarios: UDPTL in DTLS between UE and access gateway, in the clear beyond it.

    t38-dtls-originating, -terminating     DTLS came up, and a fax passed
    t38-dtls-failure                       it never came up, the gateway reported that it failed, or it came up and
                                           UDPTL in the clear was there beside it
    t38-dtls-reoffer                       a second offer inside the call, T.38 both times
    t38-dtls-switch                        the call began with sound

Source: TS 23.334 §6.2.10.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.calls.signalling import Described
from workbench.analysis.marks import e2ae
from workbench.analysis.marks.e2ae import ORIGINATING, Marks
from workbench.analysis.rules.rule import is_tls
from workbench.analysis.values import Leg
from workbench.protocols.h248.packages import registry
from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report

FAILURE, REOFFER, SWITCH = "t38-dtls-failure", "t38-dtls-reoffer", "t38-dtls-switch"


def is_fax(call: Call) -> bool:
    """T.38 is offered in the call at some time, or ordered of a gateway."""
    return any(_is_udptl(one) for one in _offered(call)) or any(
        _is_udptl(one) for context in call.contexts for end in context.terminations.values() for one in end.locals)


def marks(report: Report, call: Call) -> tuple[str, Marks] | None:
    """The scenario that this call may be, and its marks; None where nobody asked for e2ae."""
    asked = e2ae.asked(call)
    first = e2ae.first_added(call)
    if asked is None and first is None:
        return None
    access, core = _leg(call, "access"), _leg(call, "core")
    side = asked or first or ORIGINATING
    beside = _beside(call, access, report)
    id = _which(call, access, side, beside)
    found = [
        (asked is not None, "no offer on the access side has a=3ge2ae"),
        *e2ae.common(report, "T.38", "udptl-dtls"),
        *_setting(call),
        (access is not None and access.transport == "UDP/TLS/UDPTL", "no T.38 over DTLS on the access leg"),
        (core is not None and core.transport == "udptl", "no T.38 in the clear on the core leg"),
    ]
    if id == FAILURE and not beside:
        return id, [*found, *_failed(report, call, access)]
    if id != SWITCH:
        found.append(_order(first, side))
    protected = _protected(report, call, access, core, clear=id == FAILURE)
    return id, [*found, *protected, *_negotiated(call, id)]


def _leg(call: Call, name: str) -> Leg | None:
    """The leg of that name, of a call that began with sound that of the fax."""
    found = [one for one, _, _ in call.legs if one.name == name]
    return next((one for one in found if _carries_udptl(one.transport)), found[0] if found else None)


def _which(call: Call, access: Leg | None, side: str, beside: bool) -> str:
    offers = _offered(call)
    if offers and not _is_udptl(offers[0]):
        return SWITCH
    if access is None or access.established is None or _reported(call):
        return FAILURE
    if e2ae.reoffered(call):
        return REOFFER
    return FAILURE if beside else f"t38-dtls-{side}"


def _beside(call: Call, access: Leg | None, report: Report) -> bool:
    """DTLS came up and did not fail, and yet UDPTL came in the clear beside it."""
    return access is not None and access.established is not None and not _reported(call) and any(
        one.protocol == "UDPTL" and not one.protected for one in report.on(access))


def _offered(call: Call) -> list[Described]:
    """Offers on the access side and beyond, in order of time; each once."""
    found = [one for dialog in call.dialogs for one in dialog.described
             if one.role == "offer" and not one.draft.repeated]
    return sorted(found, key=_time)


def _time(one: Described) -> float:
    return one.draft.time


def _is_udptl(one: Described) -> bool:
    return _carries_udptl(one.media.proto)


def _carries_udptl(proto: str) -> bool:
    transport = transport_of(proto)
    return transport is not None and transport.application == "udptl"


def _reported(call: Call) -> bool:
    """A gateway has told its controller that DTLS failed."""
    roles = registry().roles()
    for context in call.contexts:
        for end in context.terminations.values():
            for _, event in end.observed:
                kind = event.parameter(roles["tls-change-type"])
                if event.name.lower() == roles["tls-change"].lower() and kind is not None and (
                        kind.value.lower() == roles["tls-failed"].lower()):
                    return True
    return False


def _order(first: str | None, side: str) -> tuple[bool, str]:
    told = "core, then access" if side == ORIGINATING else "access, then core"
    return first == side, f"terminations were not added in this scenario's order: {told}"


def _setting(call: Call) -> Marks:
    ends = [end for context in call.contexts for end in context.terminations.values()]
    access = [end for end in ends if end.side == "access"]
    core = [end for end in ends if end.side == "core"]
    return [
        (bool(ends), "no termination of a gateway belongs to the call"),
        (any(is_tls(end.bearer) for end in access), "the gateway was not told to end DTLS on the access side"),
        (any(not is_tls(end.bearer) for end in core), "the gateway was not told to carry datagrams on the core side"),
        (bool(ends) and all(end.subtracted is not None for end in ends), "not all terminations were subtracted"),
    ]


def _protected(report: Report, call: Call, access: Leg | None, core: Leg | None, *, clear: bool) -> Marks:
    """A fax that passes: DTLS by a=setup and with the certificates that were announced, UDPTL inside, clear beyond.

    `clear`: it belongs to the case that there may be UDPTL in the clear beside DTLS.
    """
    inside = [m for m in report.on(access) if m.protocol == "UDPTL"] if access is not None else []
    beyond = [m for m in report.on(core) if m.protocol == "UDPTL"] if core is not None else []
    return [
        (access is not None and bool(access.tls_client), "no DTLS on the access leg"),
        (access is not None and len(access.certificates) == 2 and all(c.matches for c in access.certificates),
         "not both certificates of the access leg are shown to match their fingerprints"),
        (any(m.protected for m in inside), "no UDPTL inside DTLS on the access leg (or no key for it)"),
        (clear or not any(not m.protected for m in inside), "UDPTL in the clear on the access leg"),
        (any(not m.protected for m in beyond), "no UDPTL in the clear on the core leg"),
    ]


def _negotiated(call: Call, id: str) -> Marks:
    """What came later in the call."""
    later = _offered(call)[1:]
    match id:
        case "t38-dtls-reoffer":
            return [(any(_is_udptl(one) for one in later), "no later offer of T.38")]
        case "t38-dtls-switch":
            return [(any(_is_udptl(one) and is_tls(one.media.proto) for one in later),
                     "no later offer of T.38 over DTLS")]
    return []


def _failed(report: Report, call: Call, access: Leg | None) -> Marks:
    """DTLS that did not come up: who is told, and that nothing passes."""
    gateways = {report.names(context.gateway.host) for context in call.contexts}
    passed = [m for leg, _, _ in call.legs if leg.name == "core" for m in report.on(leg)
              if m.protocol == "UDPTL" and m.source.node in gateways]
    held = access is not None and (access.established is None or any(c.matches is False for c in access.certificates))
    return [
        (held,
         "DTLS came up on the access leg, with the certificates that were announced"),
        (_reported(call), "the gateway did not report that DTLS failed"),
        (not passed, "UDPTL leaves the gateway towards the core"),
    ]
