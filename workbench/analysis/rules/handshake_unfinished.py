"""A TLS or DTLS handshake is never begun, or begun and never finished, and nobody says why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.analysis.calls.legs import said_on
from workbench.analysis.rules.rule import Evidence, Rule, is_tls
from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.signalling import TerminationSeen
    from workbench.analysis.calls.spans import Span
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Message

_PATIENCE_SECONDS = 5.0
"""How long a handshake may take before that is told: DTLS sends again after 1, 3 and 7 seconds (RFC 6347 §4.2.4)."""
_HANDSHAKE = ("TLS", "DTLS")


def _find(report: Report) -> Iterator[Evidence]:
    end = report.end
    for call in report.calls:
        for leg, span, termination in call.legs:
            if not is_tls(leg.transport) and not is_tls(leg.bearer):
                continue
            seen = report.outline(leg)
            said = [one for one in seen if one.protocol in _HANDSHAKE]
            if _is_up(said) or any(one.summary.startswith("Alert fatal") for one in said):
                continue    # fatal alerts are told by `tls-alert`
            until = min([end, *(time for time in (_subtracted(termination), leg.closed) if time is not None)])
            told = _begun(leg, said, until) if said else _silent(call, leg, span, termination, seen, until)
            if told is not None:
                yield told


def _is_up(said: Sequence[Message]) -> bool:
    """Both ends have sent something protected: their Finished, readable or not."""
    done = {one.source for one in said if one.protected or "not readable" in one.summary}
    return len(done) > 1


def _subtracted(termination: TerminationSeen | None) -> float | None:
    return termination.subtracted if termination is not None else None


def _begun(leg: Leg, said: Sequence[Message], until: float) -> Evidence | None:
    """Somebody has begun, and it went no further."""
    if until - said[0].time < _PATIENCE_SECONDS:
        return None
    last = said[-1]
    again = sum(one.repeated for one in said)
    more = f", {again} messages were sent again" if again else ""
    return Evidence((*said[0].frames, *last.frames), (
        f"the handshake on the {leg.name} leg is begun by {said[0].source.node} and never finished{more}; the last "
        f"thing said is {last.source.node}'s {last.summary}. Look next whether the other end gets it: loss, a NAT or a "
        "filter in between, datagrams that are too large"))


def _silent(call: Call, leg: Leg, span: Span | None, termination: TerminationSeen | None, seen: Sequence[Message],
            until: float) -> Evidence | None:
    """Nobody has begun. (On a BFCP leg `bfcp-tls-client` says more.)"""
    if any(one.protocol not in ("TCP", "UDP", "ICMP") for one in seen):
        return None         # something else is carried: `clear-on-tls-leg`, or a decrypted twin
    transport = transport_of(leg.transport) or transport_of(leg.bearer)
    if transport is not None and transport.carrier == "tcp":
        since, frames = (leg.established, leg.frames[:3]) if leg.tcp_client else (None, ())
        if call.session.kind == "bfcp" or leg.closed is not None:
            return None
    else:
        ours, theirs = said_on(call, termination, span)
        answers = [one for one in (*ours, *theirs) if one.role == "answer" and one.media.port]
        since = answers[-1].draft.time if answers else None
        frames = answers[-1].draft.frames if answers else ()
    if since is None or until - since < _PATIENCE_SECONDS:
        return None
    return Evidence(frames, (
        f"nobody sends a ClientHello on the {leg.name} leg, which is {leg.transport or leg.bearer}: look at a=setup "
        "in offer and answer, at the order to the gateway to establish TLS, and whether the client knows where to send "
        "it"))


rule = Rule("handshake-unfinished", "RFC 8446 §2, RFC 6347 §4.2, RFC 7345 §4.4", "error",
            "Where TLS or DTLS is agreed a handshake is begun and finished", _find,
            next="Follow the last flight to the other end: is it on the wire behind the NAT or gateway too? Then its "
                 "size against the path's, and what Local, Remote and the stream mode allow at that time.")
