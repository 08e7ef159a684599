"""Messages on their way in chunks: what has left of ours, what has arrived of the peer's (RFC 4975 §7.1.1, §7.3.1)."""

from __future__ import annotations

from typing import Protocol

from workbench.protocols.msrp.messages import Flag, Headers
from workbench.protocols.msrp.responses import Refusal


class Body(Protocol):
    """What a message says: octets, or something that makes a slice of them when it is asked."""

    def __len__(self) -> int: ...

    def __getitem__(self, span: slice, /) -> bytes: ...


class Outgoing:
    """A message of ours on its way."""

    def __init__(self, message_id: str, body: Body, content_type: str, reports: Headers) -> None:
        self.message_id = message_id
        self.body = body
        self.size = len(body)
        self.content_type = content_type
        self.reports = reports
        self.sent = 0           # octets that have left
        self.finished = False   # nothing more will leave
        self.waiting = 0        # chunks without response
        self.reported = Coverage()

    @property
    def wants_report(self) -> bool:
        """The peer was asked to report that it has all of it."""
        return any(header.name == "Success-Report" for header in self.reports)

    @property
    def answered(self) -> bool:
        """All of it has left, and each chunk that gets a response has it."""
        return self.finished and self.waiting == 0


class Incoming:
    """A message of the peer's, as far as it has arrived."""

    def __init__(self) -> None:
        self.octets = bytearray()
        self.covered = Coverage()
        self.total: int | None = None
        self.content_type = ""

    @property
    def body(self) -> bytes | None:
        """All of it; None while something is missing."""
        if self.total is None or not self.covered.whole(self.total):
            return None
        return bytes(self.octets[: self.total])

    def take(self, start: int, body: bytes, flag: Flag) -> None:
        """Put a chunk in its place; `$` says that the message ends with it (RFC 4975 §7.3.1).

        Raises:
            Refusal: the chunk contradicts what is here, or leaves too many gaps.
        """
        end = start - 1 + len(body)
        if flag is Flag.COMPLETE:
            if self.total not in (None, end) or self.covered.last > end:
                raise Refusal(400, "two lengths for one message")
            self.total = end
        elif self.total is not None and end > self.total:
            raise Refusal(400, "octets behind the end of the message")
        if len(self.octets) < end:
            self.octets.extend(bytes(end - len(self.octets)))
        self.octets[start - 1 : end] = body  # where chunks overlap, the later one wins (§7.3.1)
        if body:
            self.covered.add(start, end + 1)
        if len(self.covered.ranges) > Coverage.LIMIT:
            raise Refusal(413, "too many gaps in one message")


class Coverage:
    """Octet ranges that are there, merged and in order."""

    LIMIT = 1024

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []

    def add(self, start: int, end: int) -> None:
        """Take `start` to `end` (excluded)."""
        if self.ranges and self.ranges[-1][0] <= start <= self.ranges[-1][1]:  # the usual case: in order
            self.ranges[-1] = (self.ranges[-1][0], max(end, self.ranges[-1][1]))
            return
        merged: list[tuple[int, int]] = []
        for low, high in sorted([*self.ranges, (start, end)]):
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        self.ranges = merged

    def whole(self, total: int) -> bool:
        """Whether 1..total is there."""
        return total == 0 or (bool(self.ranges) and self.ranges[0][0] <= 1 and self.ranges[0][1] > total)

    @property
    def last(self) -> int:
        """The highest octet that is there; 0 where none is."""
        return self.ranges[-1][1] - 1 if self.ranges else 0
