"""HTTP in a stream, as far as it carries MIKEY between a user and its KMS: each message with what it carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.analysis.carried.base import Base, Unknown
from workbench.analysis.drafts import Content, counted
from workbench.analysis.reassembly import Places
from workbench.protocols.http import wire
from workbench.protocols.http.messages import MIKEY, Message, Request
from workbench.protocols.mikey import layout as mikey

if TYPE_CHECKING:
    from workbench.analysis.dissect import Dissector

_HEAD_OCTETS = 2048


def carries_mikey(start: bytes) -> bool:
    """Whether a stream that begins like this is HTTP with MIKEY in it: its first message says so."""
    head = start[:_HEAD_OCTETS].partition(b"\r\n\r\n")[0]
    return wire.looks_like_http(start[:_HEAD_OCTETS]) and MIKEY.encode() in head.lower()


def head_to_come(start: bytes) -> bool:
    """Whether what says so may come yet."""
    return start.startswith((b"POST /", b"HTTP/1.")) and len(start) < _HEAD_OCTETS and b"\r\n\r\n" not in start


def summary(message: Message) -> str:
    """`POST /keys: MIKEY REQUEST_INIT_PSK`; `200 OK: MIKEY REQUEST_RESP`."""
    told = (f"{message.method} {message.target}" if isinstance(message, Request)
            else f"{message.status} {message.reason}".rstrip())
    if message.content_type == MIKEY and message.body:
        return f"{told}: MIKEY {mikey.name(message.body)}"
    return told if not message.body else f"{told}: {message.content_type}, {counted(len(message.body))}"


class Http(Base):
    """HTTP on a stream. Behind a hole, or where the framing is lost, a direction is left as it came."""

    def __init__(self, dissector: Dissector, content: Content, protected: bool) -> None:
        super().__init__(dissector, content, protected)
        self._cutters = (wire.Cutter(), wire.Cutter())
        self._places = (Places(), Places())
        self._at = [0, 0]
        self._lost = [False, False]
        self._unknown = Unknown(dissector, content, protected)

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `Layer`."""
        self._lost[direction] |= bool(missing)
        if self._lost[direction]:
            self._unknown.feed(direction, octets, frames, time, missing)
            return
        cutter = self._cutters[direction]
        end = self._at[direction] + cutter.held
        self._places[direction].add(end, end + len(octets), frames)
        self.content.add(direction, frames[-1], octets)
        for message in cutter.receive_data(octets):
            self._message(direction, message, time)
            self._at[direction] += len(message)
        if cutter.error is not None:
            self._lost[direction] = True
            self.tell("unknown", direction, frames, time, f"TCP, {counted(len(octets))}", octets,
                      error=f"HTTP framing is lost: {cutter.error}")

    def _message(self, direction: int, octets: bytes, time: float) -> None:
        start = self._at[direction]
        frames = self._places[direction].frames(start, start + len(octets))
        value: Any = wire.decode(octets)
        self.tell("HTTP", direction, frames, time, summary(value), octets, value)

    def finish(self) -> None:
        """See `Layer`."""
