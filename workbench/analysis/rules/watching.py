"""What a controller asked to be told of a TCP connection, and whether it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.calls.legs import said_on
from workbench.analysis.calls.signalling import TerminationSeen
from workbench.analysis.rules.rule import is_tls
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry
from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.spans import Span
    from workbench.analysis.drafts import Draft
    from workbench.analysis.values import Leg

CAUSE = "g/cause"
# How long a gateway may take to tell, and how long a controller that takes the termination away makes it needless.
PATIENCE = 5.0


def still_there(termination: TerminationSeen, since: float, end: float) -> bool:
    """Nobody took the termination away, and the capture did not end, before a Notify was due."""
    gone = termination.subtracted
    return end - since >= PATIENCE and (gone is None or gone - since >= PATIENCE)


def kinds(termination: TerminationSeen, time: float) -> list[str]:
    """Which changes of the TCP connection were asked for by name."""
    asked = termination.watching(registry().wire_name("tcp-change"), time)
    named = asked.parameter(registry().wire_name("tcp-change-type")) if asked is not None else None
    return [value.casefold() for value in named.values] if named is not None else []


def told(termination: TerminationSeen, since: float) -> bool:
    """A Notify of this termination tells of a release or a failure."""
    return any(draft.time >= since and (event.name.casefold() == CAUSE or _tells(
        event, "tcp-change", "tcp-released", "tcp-failed", bare=True)) for draft, event in termination.observed)


def released(termination: TerminationSeen, since: float) -> bool:
    """A Notify of this termination tells that a bearer was released."""
    return any(draft.time >= since and (event.name.casefold() == CAUSE or _tells(event, "tcp-change", "tcp-released"))
               for draft, event in termination.observed)


def order(termination: TerminationSeen, time: float) -> tuple[int, ...]:
    """The frames of the order that says which events are watched for."""
    return next((draft.frames for draft, _ in reversed(termination.watched) if draft.time <= time), ())


def tls_failure(termination: TerminationSeen, since: float) -> Draft | None:
    """The first Notify after `since` that tells that TLS or DTLS of this termination failed."""
    return next((draft for draft, event in termination.observed if draft.time >= since
                 and _tells(event, "tls-change", "tls-failed", bare=True)), None)


def failure(termination: TerminationSeen) -> Draft | None:
    """The first Notify of this termination that tells of a connection that could not be established."""
    return next((draft for draft, event in termination.observed if _tells(event, "tcp-change", "tcp-failed")), None)


def _tells(event: h248.ObservedEvent, change: str, *kinds: str, bare: bool = False) -> bool:
    """The event is this change, of one of these kinds; `bare`: or of none. Roles in the package registry."""
    items = registry()
    if event.name.casefold() != items.wire_name(change).casefold():
        return False
    value = event.parameter(items.wire_name(f"{change}-type"))
    if value is None:
        return bare
    wanted = [items.wire_name(kind).casefold() for kind in kinds]
    return any(one.casefold() in wanted for one in value.values)


def awaited_since(call: Call, leg: Leg, span: Span | None,
                  termination: TerminationSeen | None) -> tuple[float | None, tuple[int, ...]]:
    """When a handshake could begin on a leg, and the frames that show it; None: it could not yet.

    Over TCP that is when the connection was established, over UDP when the first answer for the leg was sent.
    """
    transport = transport_of(leg.transport) or transport_of(leg.bearer)
    if transport is not None and transport.carrier == "tcp":
        return (leg.established, leg.frames[:3]) if leg.tcp_client else (None, ())
    ours, theirs = said_on(call, termination, span)
    answer = next((one for one in sorted((*ours, *theirs), key=lambda one: one.draft.time)
                   if one.role == "answer" and one.media.port and is_tls(one.media.proto)), None)
    return (answer.draft.time, answer.draft.frames) if answer is not None else (None, ())
