"""SDP asks for e2ae security that UE and network did not agree on when the UE registered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.errors import PeerError
from workbench.protocols import sip
from workbench.protocols.sdp import transport_of
from workbench.protocols.sip.registration import agreement

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.report import Report
    from workbench.net.values import Endpoint

_MECHANISMS = {"msrp": "msrp-tls", "bfcp": "bfcp-tls", "udptl": "udptl-dtls"}


class _Registered:
    """What the last registration of a UE has agreed on, at some time."""

    def __init__(self) -> None:
        self.client: set[str] = set()
        self.server: set[str] = set()
        self.since: float | None = None
        self.frames: tuple[int, ...] = ()


def _find(report: Report) -> Iterator[Evidence]:
    known = _registrations(report)
    if not known:
        return
    for call in report.calls:
        told: set[str] = set()
        for dialog in call.dialogs:
            for one in dialog.described:
                mechanism = _asked(one)
                ue = one.draft.source if one.description.attribute_of(one.media, "3ge2ae") == "requested" else (
                    one.draft.destination)
                held = known.get(ue)
                if held is None or not mechanism or mechanism in told or held.since is None or (
                        held.since > one.draft.time or mechanism in held.client & held.server):
                    continue
                told.add(mechanism)
                yield Evidence((*held.frames, *one.draft.frames), (
                    f"the offer for {one.media.proto} has a=3ge2ae, and {report.names(ue.host)} has registered "
                    f"without {mechanism}: {_what(held, mechanism)}. e2ae needs both to have said so"))


def _asked(one: Described) -> str:
    """The mechanism that an offer with a=3ge2ae needs."""
    transport = transport_of(one.media.proto)
    if one.role != "offer" or transport is None or transport.application is None or (
            one.description.attribute_of(one.media, "3ge2ae") not in ("requested", "applied")):
        return ""
    return _MECHANISMS.get(transport.application, "")


def _what(held: _Registered, mechanism: str) -> str:
    client = mechanism in held.client
    return ("the network has not named it (Security-Server)" if client else
            "its Security-Client does not name it" if held.client else "it sends no Security-Client for media")


def _registrations(report: Report) -> dict[Endpoint, _Registered]:
    """By the UE's SIP endpoint: what its REGISTER requests and their answers name."""
    found: dict[Endpoint, _Registered] = {}
    for dialog in report.signalling.dialogs.values():
        if "REGISTER" not in dialog.methods:
            continue
        for draft in dialog.drafts:
            message = draft.value
            if isinstance(message, sip.Request) and message.method == "REGISTER":
                held = found.setdefault(draft.source, _Registered())
                held.client |= _names(message, "Security-Client")
                held.server |= _names(message, "Security-Verify")
                held.frames = held.frames or draft.frames
            elif isinstance(message, sip.Response) and draft.destination in found:
                held = found[draft.destination]
                held.server |= _names(message, "Security-Server")
                if message.status // 100 == 2 and held.since is None:
                    held.since, held.frames = draft.time, draft.frames
    return found


def _names(message: sip.Request | sip.Response, header: str) -> set[str]:
    try:
        return {one.name.lower() for one in agreement(message.headers, header) if one.for_media}
    except PeerError:
        return set()


rule = Rule("e2ae-not-agreed", "TS 24.229 §7.5.2, TS 23.334 §6.2.10.3.1.2.1, TS 33.328 §4.1.2.3", "error",
            "Security e2ae is asked for only where UE and network agreed on it at registration", _find,
            provisional=True,
            next="The REGISTER of that UE: Security-Client with ;mediasec, the 401's Security-Server and the "
            "Security-Verify that repeats it. A network that meets such an offer refuses it, and never takes it for "
            "one without security.")
