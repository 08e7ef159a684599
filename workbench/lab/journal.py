"""What a node that runs alone says of itself: remarks for people on standard output, JSON lines for programs.

A line of the log is one JSON object: `time` (ISO 8601, UTC), `node`, `event`, and where they are known `local`,
`remote`, `protocol`, `octets`, `context`, `termination`, `reason` and `text`. Payload and keys are in no line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import msgspec

from workbench.errors import SettingsError
from workbench.lab.trace import Entry
from workbench.lab.visible import cut, visible
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
    Drop,
    Endpoint,
    EndStream,
    Listen,
    LogKeys,
    Note,
    OpenStream,
    PacketArrived,
    RefuseStream,
    SendPacket,
    Started,
    Stream,
    StreamClosed,
    StreamEnded,
    StreamFailed,
    StreamOffered,
    StreamOpened,
    UnbindDatagrams,
    Unlisten,
    Woke,
)

REMARKS = frozenset((Note, Drop, BindDatagrams, Listen))
"""What people are told without asking for everything."""
LIVES = REMARKS | frozenset((
    Started, UnbindDatagrams, Unlisten, OpenStream, AcceptStream, RefuseStream, EndStream, AbortStream, StreamOffered,
    StreamOpened, StreamFailed, StreamEnded, StreamClosed))
"""What a log has without asking for everything: remarks, and what becomes of endpoints and connections."""

_NEVER = (LogKeys,)
_MOST_TEXT = 1_000
_MOST_LINE = 4_096

Place = Callable[[Endpoint | str], tuple[int, str] | None]


class Screen:
    """Remarks for people, line by line.

    Args:
        every: everything that the node hears and orders too, without its payload.
        out: where they go.
    """

    def __init__(self, every: bool = False, out: TextIO | None = None) -> None:
        self.kinds = None if every else REMARKS
        self._out = out or sys.stdout

    def __call__(self, entry: Entry) -> None:
        """Show one entry, if it is for people."""
        what = entry.what
        if isinstance(what, _NEVER) or (self.kinds is not None and type(what) not in self.kinds):
            return
        match what:
            case Note(text=text):
                said = text
            case Drop(what=dropped, reason=reason):
                said = f"{type(dropped).__name__} is refused: {reason}"
            case BindDatagrams(local=local):
                said = f"receives datagrams at {local}"
            case Listen(local=local):
                said = f"listens at {local}"
            case _:
                said = f"{'hears' if entry.heard else 'orders'} {_summary(what)}"
        print(f"{entry.time:10.3f} {entry.node} {cut(visible(said), _MOST_TEXT)}", file=self._out, flush=True)


class Log:
    """JSON lines in a file, or on standard output.

    Args:
        target: a file, which is appended to, or `-`.
        epoch: Unix seconds at which entries' time is 0.
        every: what the node hears and orders too, such as data.
        place: the context and the termination that an endpoint belongs to, or of that name, where the node has such.

    Raises:
        SettingsError: the file can't be written.
    """

    def __init__(self, target: str, epoch: float, every: bool = False, place: Place | None = None) -> None:
        self.kinds = None if every else LIVES
        self._epoch = epoch
        self._place = place
        self._mine = target != "-"
        try:
            # Unbuffered: what a full disk did not take is not tried again with the next line.
            self._out = Path(target).open("ab", buffering=0) if self._mine else sys.stdout.buffer  # noqa: SIM115
        except OSError as error:
            raise SettingsError(f"--log {target}: {error.strerror or error}") from None
        self.lost = 0

    def __call__(self, entry: Entry) -> None:
        """Write one entry, if it is for the log."""
        what = entry.what
        if isinstance(what, _NEVER) or (self.kinds is not None and type(what) not in self.kinds):
            return
        fields = _fields(what)
        if self._place is not None:
            self._locate(what, fields)
        self.write(entry.time, entry.node, type(what).__name__, fields)

    def write(self, time: float, node: str, event: str, fields: dict[str, Any]) -> None:
        """Write one line. A full disk loses lines, which are counted; it does not end the node."""
        moment = datetime.fromtimestamp(self._epoch + time, UTC)
        stamp = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
        line = msgspec.json.encode({"time": stamp, "node": visible(node), "event": event, **fields})
        if len(line) > _MOST_LINE:  # JSON writes some characters in six
            text = str(fields.get("text", ""))
            line = msgspec.json.encode({"time": stamp, "node": visible(node)[:100], "event": event, "text": text[:500]})
        try:
            self._out.write(line + b"\n")
            self._out.flush()
        except (OSError, ValueError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            self.lost += 1

    def close(self) -> None:
        """Close the file."""
        if self._mine:
            self._out.close()

    def _locate(self, what: object, fields: dict[str, Any]) -> None:
        stream = getattr(what, "stream", None)
        local = stream.local if isinstance(stream, Stream) else getattr(what, "local", None)
        if isinstance(what, Note):  # remarks on a termination begin with its name
            local = what.text.partition(": ")[0]
        found = self._place(local) if self._place is not None and isinstance(local, Endpoint | str) else None
        if found is not None:
            fields["context"], fields["termination"] = found[0], cut(visible(found[1]), 100)


def _fields(what: object) -> dict[str, Any]:
    """What a line says of a happening or a command; never its payload."""
    fields: dict[str, Any] = {}
    if isinstance(what, Drop):
        fields = {"refused": type(what.what).__name__, **_fields(what.what)}
    stream = getattr(what, "stream", None)
    if isinstance(stream, Stream):
        fields |= {"local": str(stream.local), "remote": str(stream.remote), "protocol": "TCP"}
    for name in ("local", "remote"):
        if isinstance(getattr(what, name, None), Endpoint):
            fields[name] = str(getattr(what, name))
    data = what.packet if isinstance(what, PacketArrived | SendPacket) else getattr(what, "data", None)
    if isinstance(data, bytes | bytearray):
        fields["octets"] = len(data)
    if isinstance(what, PacketArrived | SendPacket):
        fields["wire"] = what.wire
    reason = getattr(what, "reason", None)
    if reason is not None:
        fields["reason"] = cut(visible(str(reason)), _MOST_TEXT)
    text = getattr(what, "text", None) or getattr(what, "why", None)
    if isinstance(text, str):
        fields["text"] = cut(visible(text), _MOST_TEXT)
    return fields


def _summary(what: object) -> str:
    """One line for people: what it is, where, how much, why."""
    if isinstance(what, Started | Woke):
        return type(what).__name__
    fields = _fields(what)
    ends = " - ".join(fields[name] for name in ("local", "remote") if name in fields)
    octets = f"{fields['octets']} octets" if "octets" in fields else ""
    order = getattr(what, "order", None)
    asked = type(order).__name__ if order is not None else ""
    rest = [fields.get(name, "") for name in ("wire", "reason", "text")]
    return ", ".join(filter(None, [f"{type(what).__name__} {ends}".strip(), asked, octets, *rest]))
