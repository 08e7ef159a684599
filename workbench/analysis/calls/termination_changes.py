"""What descriptors do to a termination, and what that changes, in words (H.248.1 §7.1, §7.2.1 to §7.2.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from workbench.analysis.calls.context_values import StreamState, TerminationState
from workbench.analysis.carried.announced import endpoint_of
from workbench.analysis.summaries import shortened
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry
from workbench.protocols.sdp import SessionDescription

_MOST_STREAMS = 64
_MOST_ITEMS = 32
_MOST_LETTERS = 200


def described(termination: TerminationState, descriptors: Iterable[h248.Descriptor]) -> TerminationState:
    """A termination with what an accepted command, or its reply, says of it. What is not named stays as it was."""
    for one in descriptors:
        if isinstance(one, h248.Media):
            termination = _media(termination, one)
        elif isinstance(one, h248.Events):
            termination = msgspec.structs.replace(
                termination, events=tuple(text(event.name) for event in one.events[:_MOST_ITEMS]))
        elif isinstance(one, h248.Signals):
            termination = msgspec.structs.replace(termination, signals=tuple(
                text(signal.name) for signal in list(_signals(one))[:_MOST_ITEMS]))
    return termination


def text(said: str) -> str:
    """Words of a message, of a bounded length."""
    return shortened(str(said), _MOST_LETTERS)


def _signals(descriptor: h248.Signals) -> Iterator[h248.Signal]:
    for item in descriptor.items[:_MOST_ITEMS]:
        yield from item.signals if isinstance(item, h248.SignalList) else (item,)


def _media(termination: TerminationState, media: h248.Media) -> TerminationState:
    streams = {one.number: one for one in termination.streams}
    for given in media.streams[:_MOST_STREAMS]:
        if given.id in streams or len(streams) < _MOST_STREAMS:
            streams[given.id] = _stream(streams.get(given.id, StreamState(given.id)), given)
    service = termination.service
    if media.termination_state is not None and media.termination_state.service_state is not None:
        service = str(media.termination_state.service_state)
    return msgspec.structs.replace(
        termination, streams=tuple(streams[number] for number in sorted(streams)), service=service)


def _shown(item: h248.Property) -> str:
    """The value of a property; a key is in the message for who looks there, and in no report."""
    if item.name.lower() == registry().wire_name("pre-shared-key").lower():
        return f"(a key of {len(item.value) // 2} octets)"
    return text(",".join(item.values))


def _stream(stream: StreamState, given: h248.StreamDescriptor) -> StreamState:
    control = given.local_control
    if control is not None:
        properties = dict(one.partition("=")[::2] for one in stream.properties)
        for item in control.properties[:_MOST_ITEMS]:
            if item.form is not h248.Form.NAME:
                properties[text(item.name)] = _shown(item)
        stream = msgspec.structs.replace(
            stream, mode=stream.mode if control.mode is None else str(control.mode),
            properties=tuple(f"{name}={value}" for name, value in list(properties.items())[:_MOST_ITEMS]))
    if given.local is not None:
        transport, setup, local, path = _sdp(given.local)
        stream = msgspec.structs.replace(stream, transport=transport, setup=setup, local=local, local_path=path)
    if given.remote is not None:
        transport, _, remote, path = _sdp(given.remote)
        stream = msgspec.structs.replace(
            stream, transport=stream.transport or transport, remote=remote, remote_path=path)
    return stream


def _sdp(descriptions: tuple[SessionDescription, ...]) -> tuple[str, str, str, str]:
    """Transport, a=setup, address and a=path of the first alternative; all empty where the descriptor clears."""
    if not descriptions or not descriptions[0].media:
        return "", "", "", ""
    description, media = descriptions[0], descriptions[0].media[0]
    end = endpoint_of(description, media)
    return (text(media.proto), text(description.attribute_of(media, "setup") or ""),
            text(str(end)) if end is not None else "", text(media.attribute("path") or ""))


def differences(before: TerminationState, after: TerminationState) -> list[str]:
    """What is another now, in words."""
    streams = {one.number: one for one in before.streams}
    found = []
    for one in after.streams:
        words = _of_stream(streams.get(one.number, StreamState(one.number)), one)
        if words or one.number not in streams:
            found.append(f"stream {one.number} {', '.join(words)}".strip())
    if after.events != before.events:
        found.append(f"events {', '.join(after.events)}" if after.events else "no event armed")
    if after.signals != before.signals:
        found.append(f"signals {', '.join(after.signals)}" if after.signals else "no signal")
    if after.service != before.service:
        found.append(after.service)
    return found


def _of_stream(before: StreamState, after: StreamState) -> list[str]:
    words = [after.mode] if after.mode != before.mode else []
    if (after.transport, after.setup) != (before.transport, before.setup):
        words.append(after.transport + (f" a=setup:{after.setup}" if after.setup else ""))
    for word, old, new in (("at", before.local, after.local), ("towards", before.remote, after.remote),
                           ("own path", before.local_path, after.local_path),
                           ("path", before.remote_path, after.remote_path)):
        if old != new:
            words.append(f"{word} {new or 'nowhere'}")
    return words + [one for one in after.properties if one not in before.properties]
