"""Application-aware MSRP: To-Path and From-Path are those of the leg on which a message leaves, all else passes.

A stream is application-aware if both endpoints have an MSRP transport (`TCP/MSRP`, `TCP/TLS/MSRP`) and `a=path` is
given in Local and Remote of both. As soon as one path is there, payload waits for the others, so that nothing leaves
with the path of another leg. Before any payload, Modify makes an agnostic stream aware.

Source: TS 23.334 §5.19.4, §5.19.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.net.values import Note
from workbench.nodes.gateway.settings import Change
from workbench.protocols.msrp import rewriting
from workbench.protocols.msrp.machine import PeerViolation, RequestRefused

if TYPE_CHECKING:
    from workbench.nodes.gateway.flow import Flow

CLAUSE = "TS 23.334 §5.19.5"


def concerns(bearer: Flow) -> bool:
    """Payload of this endpoint is rewritten."""
    partner = bearer.partner
    if partner is None or not (bearer.setting.names_msrp and partner.setting.names_msrp):
        return False
    return any(one is not None for one in _paths(bearer, partner))


def ready(bearer: Flow) -> bool:
    """Payload need not wait for a path, nor for this peer to take responses of ours."""
    partner = bearer.partner
    if partner is None or not concerns(bearer):
        return True
    return all(one is not None for one in _paths(bearer, partner)) and not bearer.full


def pass_on(bearer: Flow, data: bytes, now: float) -> None:
    """The next octets of this endpoint, to its partner; responses of ours go back."""
    partner = bearer.partner
    assert partner is not None
    _happened(bearer, partner, _rewriter(bearer, partner).receive_data(data), now)


def end(bearer: Flow, now: float) -> None:
    """This endpoint brings nothing more: what is held of its last message goes on."""
    partner = bearer.partner
    if partner is not None and bearer.rewriter is not None and concerns(bearer):
        for event in bearer.rewriter.ended():
            if isinstance(event, rewriting.Onward):
                partner.transmit(event.octets, bearer, now)
            elif isinstance(event, PeerViolation):
                bearer.order(Note(f"{bearer.termination}: MSRP: {event.error}"))


def _paths(bearer: Flow, partner: Flow) -> tuple[object, ...]:
    one, other = bearer.setting, partner.setting
    return one.path, one.remote_path, other.path, other.remote_path


def _rewriter(bearer: Flow, partner: Flow) -> rewriting.Rewriter:
    """This endpoint's direction. A new connection begins anew; new paths count from the next message on."""
    one, other = bearer.setting, partner.setting
    assert one.path is not None and other.path is not None and other.remote_path is not None
    paths = (one.path, other.remote_path, other.path)
    known, rewriter = bearer.brought.rewriting or ((), None)
    if rewriter is None or (known != paths and rewriter.between_messages and not rewriter.held):
        rewriter = rewriting.Rewriter(local=paths[0], onward=paths[1], origin=paths[2], beside=partner.rewriter)
        bearer.brought.rewriting = (paths, rewriter)
    return rewriter


def _happened(bearer: Flow, partner: Flow, events: list[rewriting.Event], now: float) -> None:
    for event in events:
        match event:
            case rewriting.Onward(octets=octets):
                partner.transmit(octets, bearer, now, f"paths of {partner.termination} [{CLAUSE}]")
            case rewriting.Back(octets=octets):
                bearer.transmit(octets, bearer, now, f"refused by the gateway [{CLAUSE}, R-5.19.5-3]")
            case RequestRefused(method=method, status=status, reason=reason):
                bearer.order(Note(f"{bearer.termination}: {method} is answered {status}: {reason}"))
            case rewriting.ResponseDiscarded(transaction=transaction, reason=reason):
                bearer.order(Note(f"{bearer.termination}: the response to {transaction} is not passed on: {reason}"))
            case PeerViolation(error=error):
                _lost(bearer, partner, str(error), now)


def _lost(bearer: Flow, partner: Flow, what: str, now: float) -> None:
    """The peer's octets are no MSRP any more: both connections are released, and the controller is told."""
    bearer.order(Note(f"{bearer.termination}: MSRP: {what}"))
    bearer.observe(Change.LOST)
    bearer.brought.forget()
    bearer.leave(now, f"MSRP framing is lost at {bearer.termination}: {what} [{CLAUSE}]")
    partner.leave(now, f"MSRP framing is lost at {bearer.termination}: the other connection is released too [{CLAUSE}]")
