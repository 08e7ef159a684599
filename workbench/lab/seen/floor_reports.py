"""Expectations on floors over H.248: what the MRFP is told of them, and that it reports and waits before it grants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.errors import PeerError
from workbench.lab.expect import Fact, Frames
from workbench.lab.seen.reading import commands_once, locals_of
from workbench.nodes.floor_control import Configuration, Decision, Names
from workbench.protocols.bfcp import messages as bfcp
from workbench.protocols.bfcp.registry import Primitive, Status
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def floors_told(conference: int, floor: int, holders: int = 1) -> Fact:
    """With each termination of BFCP the MRFP is told conference, floor and most holders, and asked for decisions."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        names = Names(registry())
        frames: Frames = ()
        asks = names.asks(1).name.lower()
        for message, _, command in commands_once(report):
            if command.kind is not h248.Kind.ADD or not any(
                    media.proto.lower().endswith("/bfcp") for one in locals_of(command) for media in one.media):
                continue
            told = _configuration(names, command)
            if told is None or (told.conference, told.holders) != (conference, holders) or floor not in [
                    one.floor for one in told.floors]:
                return False, message.frames, f"an Add does not say that conference {conference} has floor {floor}"
            events = command.descriptor(h248.Events)
            if events is None or asks not in [event.name.lower() for event in events.events]:
                return False, message.frames, "an Add does not ask for reports of decisions"
            frames = (*frames, *message.frames)
        return (True, frames, "") if frames else None

    return Fact(f"Configure Conference For Floor Control: conference {conference}, floor {floor}", check)


def _configuration(names: Names, command: h248.Command) -> Configuration | None:
    media = command.descriptor(h248.Media)
    for stream in media.streams if media is not None else ():
        items = stream.local_control.properties if stream.local_control is not None else ()
        try:
            told, _ = names.read(items)
        except PeerError:
            return None
        if told is not None:
            return told
    return None


def granted_behind_report(wire: str) -> Fact:
    """Who hears on a wire that it has a floor hears so behind a Notify that tells this decision."""
    return _behind(wire, "report", "no Notify has told it before")


def granted_behind_confirmation(wire: str) -> Fact:
    """Who hears on a wire that it has a floor hears so behind the Confirm Media Update for that request."""
    return _behind(wire, "confirmation", "no Confirm Media Update came before")


def grants_confirmed() -> Fact:
    """Each grant that is reported is confirmed."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        told, confirmed = _told(report, "report"), _told(report, "confirmation")
        missing = [request for request in told if request not in confirmed]
        if missing:
            return False, told[missing[0]], f"the grant of request {missing[0]} is not confirmed"
        return (True, tuple(frame for one in confirmed.values() for frame in one), "") if told else None

    return Fact("Confirm Media Update for each reported grant", check)


def _behind(wire: str, what: str, missing: str) -> Fact:
    def check(report: Report) -> tuple[bool, Frames, str] | None:
        told = _told(report, what)
        frames: Frames = ()
        for request, heard in _grants(report, wire):
            if request not in told or told[request][0] > heard[0]:
                return False, heard, f"request {request} is granted, and {missing}"
            frames = (*frames, told[request][0], heard[0])
        return (True, frames, "") if frames else None

    return Fact(f"Granted on {wire} behind its {what}", check)


def _told(report: Report, what: str) -> dict[int, Frames]:
    """Floor requests whose grant was reported, or confirmed, and the frames of the first time."""
    names = Names(registry())
    found: dict[int, Frames] = {}
    for message, _, command in commands_once(report):
        for request in _reported(names, command) if what == "report" else _confirmed(names, command):
            found.setdefault(request, message.frames)
    return found


def _reported(names: Names, command: h248.Command) -> Iterator[int]:
    seen = command.descriptor(h248.ObservedEvents)
    for event in seen.events if seen is not None else ():
        told = names.decided(event)
        if told is not None and told.decision is Decision.GRANTED:
            yield told.request


def _confirmed(names: Names, command: h248.Command) -> Iterator[int]:
    signals = command.descriptor(h248.Signals)
    for item in signals.items if signals is not None else ():
        request = names.confirmed(item) if isinstance(item, h248.Signal) else None
        if request is not None:
            yield request


def _grants(report: Report, wire: str) -> Iterator[tuple[int, Frames]]:
    """Floor requests of which their users hear that they are granted, each time."""
    for message in report.messages:
        value = message.value
        if message.protocol == "BFCP" and message.wire == wire and isinstance(value, bfcp.Message) and (
                value.primitive == Primitive.FLOOR_REQUEST_STATUS):
            for request in value.requests:
                if request.status == Status.GRANTED:
                    yield request.request, message.frames
