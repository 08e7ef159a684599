"""An offer says that its sender does CEMA, and the gateway is made MSRP-aware before anybody has answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.conferences import is_conference
from workbench.analysis.calls.legs import said_on
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.signalling import Described, TerminationSeen
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        if is_conference(call):
            continue    # MSRP ends at an MRFP: it has to know of it
        for context in call.contexts:
            told = sorted((end for end in context.terminations.values() if end.locals), key=_first_told)
            # Told TCP first and TCP/MSRP later: that is what an answer without a=msrp-cema asks for.
            aware = told if told and _knows_msrp(told[0]) else []
            offer = next((one for end in aware if (one := _offered(call, end)) is not None), None)
            if offer is None:
                continue
            end = aware[0]
            yield Evidence((*offer.draft.frames, *end.locals[0].draft.frames), (
                f"the offer from {report.names(offer.draft.source.host)} says a=msrp-cema, and "
                f"{report.names(context.gateway.host)} is told {end.locals[0].media.proto} for {end.name} before "
                "there is an answer. For a CEMA end c= and m= are enough: the gateway could be told TCP and leave "
                "MSRP alone. As it is, it has to rewrite both paths of every message, and TLS between the two ends "
                "is no longer possible"))


def _first_told(end: TerminationSeen) -> float:
    return end.locals[0].draft.time


def _knows_msrp(end: TerminationSeen) -> bool:
    transport = transport_of(end.locals[0].media.proto)
    return transport is not None and transport.application == "msrp"


def _offered(call: Call, end: TerminationSeen) -> Described | None:
    """The peer's last offer on this leg before the gateway was told, if it says CEMA."""
    _, theirs = said_on(call, end, None)
    last = next((one for one in sorted(theirs, key=_time, reverse=True)
                 if one.role == "offer" and one.draft.time <= end.locals[0].draft.time), None)
    return last if last is not None and last.media.attribute("msrp-cema") is not None else None


def _time(one: Described) -> float:
    return one.draft.time


rule = Rule("cema-made-aware", "TS 23.334 §5.19.2", "note",
            "For an offer with a=msrp-cema the gateway is told TCP, and not TCP/MSRP", _find,
            next="Check whether the answering end does CEMA: if so, the gateway can stay agnostic; if it does not, "
                 "the answer without a=msrp-cema is when the controller has to change the bearer to TCP/MSRP. An "
                 "IMS-ALG that serves plain MSRP only (§5.19.4) does this to each call.")
