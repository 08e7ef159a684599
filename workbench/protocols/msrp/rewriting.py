"""An MSRP stream on its way through a middlebox that changes the paths and nothing else (TS 23.334 §5.19.5).

Messages are never held: a head waits until it is complete, a body passes as it comes. Only the few octets that may be
the beginning of the end-line wait for what follows them. So the size of a body does not matter.

The body of §5.19.5 could not be read: its rules (R-5.19.5-1 to R-5.19.5-6) are provisional. What they say of paths
stands in `paths`, of octets here.
"""

from __future__ import annotations

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.msrp import wire
from workbench.protocols.msrp.events import PeerViolation, RequestRefused
from workbench.protocols.msrp.paths import Paths, Start
from workbench.protocols.msrp.responses import Refusal
from workbench.protocols.msrp.uri import Matching, Path

HEAD_OCTETS = 16_384
"""The longest start line with headers that waits for its end."""
INSERTED_OCTETS = 65_536
"""The most octets of responses that wait for the end of a message that they must not interrupt."""
_GRAMMAR = "RFC 4975 §9"
_END_LINE_OCTETS = 42
_CLOSINGS = tuple(flag + b"\r\n" for flag in wire.FLAGS)


class Onward(msgspec.Struct, frozen=True):
    """Octets for the departure leg, in this order."""

    octets: bytes


class Back(msgspec.Struct, frozen=True):
    """Responses for the leg that the octets came from. In a pair (`between`) they interrupt no message there."""

    octets: bytes


class ResponseDiscarded(msgspec.Struct, frozen=True):
    """A response is not for this session, or its paths can't be read. It is not passed on.

    No response is answered (RFC 4975 §7.2), so nobody is told; who waits for it gives up after 30 seconds (§7.1.1).
    Passing it on would let a stranger's response end a transaction of the far end's.
    """

    transaction: str
    status: int
    reason: str


Event = Onward | Back | RequestRefused | ResponseDiscarded | PeerViolation


class Leg(msgspec.Struct, frozen=True):
    """One side of the middlebox.

    Args:
        local: the path that it advertised on this leg, with the scheme of this leg (`msrps` where it has TLS).
        remote: the path that the peer of this leg advertised, relays and all.
        matching: how the peer's To-Path is compared with `local`.
    """

    local: Path
    remote: Path
    matching: Matching = Matching.EXACT


class Rewriter:
    """One direction: octets that arrive on leg X leave on leg Y with To-Path and From-Path of Y.

    Transaction ids, Message-ID, Byte-Range, reports, unknown headers and methods, bodies and end-lines pass octet by
    octet (R-5.19.5-2). A request whose To-Path is not ours is answered 481, one whose paths can't be read 400, where a
    response is allowed; both end here, body and all (R-5.19.5-3).

    Args:
        local: X's local path, what To-Path must name.
        onward: Y's remote path, for To-Path; the whole list, relays included (R-5.19.5-4).
        origin: Y's local path, for From-Path.
        matching: how To-Path is compared with `local`.
        max_header_octets: the longest start line with headers.
        beside: the other direction between the same legs. Then a response of ours waits while a message of the other
            direction is passing, and responses to SEND are told from others; see `between`.
    """

    def __init__(
        self,
        *,
        local: Path,
        onward: Path,
        origin: Path,
        matching: Matching = Matching.EXACT,
        max_header_octets: int = HEAD_OCTETS,
        beside: Rewriter | None = None,
    ) -> None:
        self.broken = False
        self._paths = Paths(local=local, onward=onward, origin=origin, matching=matching)
        self._limit = max_header_octets
        self._beside = beside
        if beside is not None:
            beside._beside = self
            self._paths.back, beside._paths.back = beside._paths, self._paths
        self._inserted = bytearray()       # responses of ours that leave between two messages
        self._held = b""
        self._offset = 0                   # of the first octet held in the stream
        self._parts: list[bytes] = []      # what leaves on Y
        self._back: list[bytes] = []       # what leaves on X
        self._told: list[Event] = []
        self._begin()

    @property
    def held(self) -> int:
        """Octets that are kept for later."""
        return len(self._held) + len(self._inserted)

    @property
    def between_messages(self) -> bool:
        """Whether other octets may leave on Y now without standing in the middle of a message."""
        return not (self._passing and self._in_body)

    def receive_data(self, data: bytes) -> list[Event]:
        """Take octets of X in any portions; return what leaves on either side.

        One `Onward` at most, then one `Back` at most, then what was refused. Where the framing is lost `PeerViolation`
        ends the list, its offset counted from the beginning of the stream; all before it has been passed on, and all
        later octets are ignored.
        """
        if self.broken:
            return []
        buffer = self._held + data if self._held else data
        self._at = 0
        try:
            while self._take_body(buffer) if self._in_body else self._take_head(buffer):
                pass
        except MalformedMessageError as error:
            self._break(error.what, error.clause, self._offset + self._at + (error.offset or 0))
            return self._leave()
        self._held = buffer[self._at :]
        self._offset += self._at
        return self._leave()

    def insert(self, octets: bytes) -> list[Event]:
        """Let whole messages of our own leave on Y: now, or behind the message that is passing.

        A peer that keeps a message going and another that asks for refusals can't fill us: octets beyond
        `INSERTED_OCTETS` are forgotten.
        """
        if self.between_messages:
            return [Onward(octets)]
        if len(self._inserted) + len(octets) <= INSERTED_OCTETS:
            self._inserted += octets
        return []

    def ended(self) -> list[Event]:
        """X's connection ended: what of a body is held leaves, and a message that was not whole is reported."""
        if self.broken:
            return []
        whole = not self._held and not self._in_body
        if self._in_body and self._passing and self._held:
            self._parts.append(self._held)
        if not whole:
            self._break("the connection ended inside a message", "RFC 4975 §5.4", self._offset + len(self._held))
        self.broken = True
        return self._leave()

    def _begin(self) -> None:
        self._start: Start | None = None
        self._mark = b""
        self._line = 0       # where in the message the line being read starts
        self._scanned = 0    # no end of a line begins before here
        self._in_body = False
        self._passing = False

    def _leave(self) -> list[Event]:
        events: list[Event] = []
        if self._parts:
            events.append(Onward(self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)))
        if self._back:
            events.append(Back(b"".join(self._back)))
        events += self._told
        self._parts, self._back, self._told = [], [], []
        return events

    def _break(self, what: str, clause: str, offset: int) -> None:
        self.broken = True
        self._held = b""
        self._inserted.clear()
        self._told.append(PeerViolation(MalformedMessageError(what, clause=clause, offset=offset)))

    # Heads

    def _take_head(self, buffer: bytes) -> bool:
        """Read lines up to the blank line or the end-line; False where it is not all here yet."""
        begin = self._at
        if not b"MSRP ".startswith(buffer[begin : begin + 5]):
            raise MalformedMessageError("not an MSRP start line", clause=_GRAMMAR, offset=0)
        while (end := buffer.find(b"\r\n", begin + self._scanned)) >= 0:
            self._limit_head(end - begin)
            line = buffer[begin + self._line : end]
            if self._start is None:
                self._start = Start(*wire.decode_start(line)[:2])
                self._mark = b"\r\n" + wire.HYPHENS + self._start.transaction.encode()
            elif not line or self._is_end_line(line):
                self._end_head(buffer, begin + self._line, blank=not line)
                return True
            self._line = self._scanned = end - begin + 2
        self._scanned = max(self._line, len(buffer) - begin - 1)
        self._limit_head(len(buffer) - begin)
        return False

    def _limit_head(self, octets: int) -> None:
        if self._line > self._limit or octets > self._limit + _END_LINE_OCTETS:
            raise MalformedMessageError(f"start line and headers of more than {self._limit} octets", clause=_GRAMMAR)

    def _is_end_line(self, line: bytes) -> bool:
        size = len(self._mark) - 2
        return line.startswith(self._mark[2:]) and line[size:] in wire.FLAGS

    def _end_head(self, buffer: bytes, end: int, blank: bool) -> None:
        """The head is `buffer` up to `end`. The CRLF before an end-line, or of the blank line, is left for the body."""
        assert self._start is not None
        head = buffer[self._at : end]
        try:
            rewritten = self._paths.rewrite(self._start, head)
            self._parts.append(rewritten if blank else rewritten[:-2])
            self._passing = True
        except Refusal as refusal:
            self._refuse(self._start, head, refusal)
        self._in_body = True
        self._at = end if blank else end - 2

    def _refuse(self, start: Start, head: bytes, refusal: Refusal) -> None:
        if start.response:
            self._told.append(ResponseDiscarded(start.transaction, int(start.what), refusal.reason))
            return
        self._told.append(RequestRefused(start.what, refusal.status, refusal.reason))
        octets = self._paths.refusal(start, head, refusal.status)
        if octets is not None and (self._beside is None or self._beside.insert(octets)):
            self._back.append(octets)

    # Bodies

    def _take_body(self, buffer: bytes) -> bool:
        """Let octets pass up to the end-line and with it; False where it is not here yet."""
        mark, at = self._mark, self._at
        while (at := buffer.find(mark, at)) >= 0:
            end = at + len(mark) + 3
            closing = buffer[at + len(mark) : end]
            if closing in _CLOSINGS:
                self._pass(buffer, end)
                self._end_message()
                return True
            if len(closing) < 3 and wire.may_become_end(closing):
                break
            at += 2
        self._pass(buffer, at if at >= 0 else self._undecided(buffer))
        return False

    def _undecided(self, buffer: bytes) -> int:
        """From where on the end of the buffer may be the beginning of the end-line."""
        at = max(self._at, len(buffer) - len(self._mark) + 1)
        while (at := buffer.find(b"\r", at)) >= 0:
            if self._mark.startswith(buffer[at:]):
                return at
            at += 1
        return len(buffer)

    def _pass(self, buffer: bytes, end: int) -> None:
        if self._passing and end > self._at:
            self._parts.append(buffer[self._at : end])
        self._at = end

    def _end_message(self) -> None:
        self._begin()
        if self._inserted:
            self._parts.append(bytes(self._inserted))
            self._inserted.clear()


def between(x: Leg, y: Leg, max_header_octets: int = HEAD_OCTETS) -> tuple[Rewriter, Rewriter]:
    """Both directions of a session: what arrives from `x`, and what arrives from `y`."""
    forward = Rewriter(local=x.local, onward=y.remote, origin=y.local, matching=x.matching,
                       max_header_octets=max_header_octets)
    backward = Rewriter(local=y.local, onward=x.remote, origin=x.local, matching=y.matching,
                        max_header_octets=max_header_octets, beside=forward)
    return forward, backward
