"""What stands in H.248 messages, as short words that a table can name with patterns.

```
signal ipnapt/latch               event g/cause                 observed g/cause Generalcause=NR
property ipdc/realm               mode SendReceive              context Emergency
local m=- TCP/TLS                 local a=setup:active          remote a=fingerprint:SHA-256 12:34...
local c=$ (asked)                 answered a=fingerprint:...    command Add
```

`local` and `remote` are of requests, `answered` is Local of a reply: what the gateway says of itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry
from workbench.protocols.sdp import SessionDescription

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_MOST_FRAMES = 8


def written(pattern: str) -> str:
    """A pattern with the registry's names in place of `{role}`. Raises LocalProtocolError for an unknown role."""
    before, opened, rest = pattern.partition("{")
    if not opened:
        return pattern
    role, _, after = rest.partition("}")
    return f"{before}{registry().wire_name(role)}{written(after)}"


def find(report: Report, pattern: str) -> tuple[int, ...]:
    """Frames whose H.248 messages have an element that the pattern fits, the first few."""
    wanted = written(pattern).lower()
    frames: list[int] = []
    for message in report.messages_of("H.248"):
        if any(fnmatchcase(one.lower(), wanted) for one in of(message.value)):
            frames.append(message.frames[-1])
            if len(frames) == _MOST_FRAMES:
                break
    return tuple(frames)


def of(message: Any) -> Iterator[str]:
    """The elements of one message."""
    if not isinstance(message, h248.Message):
        return
    for value in _walk(message):
        match value:
            case h248.Command(kind=kind):
                yield f"command {kind}"
            case h248.Signal(name=name):
                yield f"signal {name}"
            case h248.Event(name=name):
                yield f"event {name}"
            case h248.ObservedEvent(name=name, parameters=parameters):
                yield " ".join((f"observed {name}", *(f"{one.name}={one.value}" for one in parameters)))
            case h248.LocalControl(mode=mode, properties=properties):
                yield from (f"property {one.name}" for one in properties)
                if mode is not None:
                    yield f"mode {mode}"
    yield from _described(message)


def _described(message: h248.Message) -> Iterator[str]:
    for value in _walk(message):
        if isinstance(value, h248.Command | h248.CommandReply):
            asked = isinstance(value, h248.Command)
            for stream in (one for one in _walk(value) if isinstance(one, h248.StreamDescriptor)):
                for described in stream.local or ():
                    yield from _lines("local" if asked else "answered", described)
                for described in stream.remote or () if asked else ():
                    yield from _lines("remote", described)


def _lines(where: str, described: SessionDescription) -> Iterator[str]:
    for media in described.media:
        yield f"{where} m={media.media} {media.proto}"
        connection = described.connection_of(media)
        if connection is not None:
            yield f"{where} c={connection.address}" + (" (asked)" if connection.address == "$" else "")
        for line in (*described.lines, *media.lines):
            if line.type == "a":
                yield f"{where} a={line.value}"


def _walk(value: Any) -> Iterator[Any]:
    """All values of the tree, outer ones first."""
    if isinstance(value, tuple):
        for one in value:
            yield from _walk(one)
    elif isinstance(value, msgspec.Struct) and not isinstance(value, SessionDescription):
        yield value
        for name in value.__struct_fields__:
            yield from _walk(getattr(value, name))
