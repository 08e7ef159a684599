"""What became of every frame: part of a message, plain overhead, or not read, and then why.

Each frame counts once. A frame of which something could not be read counts as not read, whatever else it carries; one
that nobody has said anything of is not read either. So nothing is left out silently.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from workbench.analysis.carried.foreign import told
from workbench.analysis.values import Unread

if TYPE_CHECKING:
    from workbench.analysis.drafts import Draft

IN_MESSAGES = "in messages"
_UNTOLD, _MESSAGE, _FIRST = 0, 1, 2
_MOST_KINDS = 250
_PLAIN, _WAITS, _UNREAD = range(3)
_NOBODY = ("frames", "nothing was said of them")
_OTHERS = ("other frames", "for more reasons than are told apart here")


class Ledger:
    """The book of frames, one octet each.

    Attributes:
        states: what became of each frame, by its number: 0 nobody has said, 1 part of a message, else a kind.
        sizes: octets that wait to become part of a message, by frame number.
    """

    MESSAGE = _MESSAGE

    def __init__(self) -> None:
        self.states = bytearray(1)
        self.sizes = array("I", [0])
        self._kinds: list[tuple[int, str, str]] = []
        self._codes: dict[tuple[int, str, str], int] = {}
        self._octets: dict[int, int] = {}

    def plain(self, frame: int, what: str) -> None:
        """A frame that carries nothing to be read, such as an acknowledgment."""
        self._set(frame, self._code(_PLAIN, what, ""))

    def waits(self, frame: int, what: str, reason: str, octets: int) -> None:
        """A frame that has to become part of a message; if it does not, it is not read for this reason."""
        self._set(frame, self._code(_WAITS, what, reason))
        self.sizes[frame] = min(octets, 2**32 - 1)

    def unread(self, frames: Iterable[int], what: str, reason: str, octets: int) -> None:
        """So many octets of these frames were not read."""
        code = self.unread_code(what, reason, octets)
        for frame in frames:
            if frame >= len(self.states) or not self._is(self.states[frame], _UNREAD):
                self._set(frame, code)

    def reserve(self, packets: int) -> None:
        """There are so many frames."""
        self._set(packets, _UNTOLD)

    def plain_code(self, what: str) -> int:
        """The state of a frame as `plain` sets it."""
        return self._code(_PLAIN, what, "")

    def waits_code(self, what: str, reason: str) -> int:
        """The state of a frame as `waits` sets it."""
        return self._code(_WAITS, what, reason)

    def unread_code(self, what: str, reason: str, octets: int) -> int:
        """The state of frames as `unread` sets it; the octets are counted."""
        code = self._code(_UNREAD, what, reason)
        self._octets[code] = self._octets.get(code, 0) + octets
        return code

    def unread_codes(self) -> list[int]:
        """All states of frames of which something was not read."""
        return [code for code, (how, *_) in enumerate(self._kinds, _FIRST) if how == _UNREAD]

    def messages(self, drafts: Iterable[Draft]) -> None:
        """Frames of messages; of those that nobody knows or that do not decode, as frames that were not read."""
        for draft in drafts:
            if draft.protocol == "unknown" or draft.error:
                what, reason = told(draft)
                self.unread(draft.frames, what, reason, len(draft.octets))
                continue
            for frame in draft.frames:
                if frame >= len(self.states) or not self._is(self.states[frame], _UNREAD):
                    self._set(frame, _MESSAGE)

    def account(self, packets: int) -> tuple[dict[str, int], tuple[Unread, ...]]:
        """How many frames were read or are plain, by kind; and what was not read, the most frames first."""
        read: dict[str, int] = {}
        rows: dict[tuple[str, str], Unread] = {}
        states = self.states[1 : packets + 1]
        states += bytes(packets - len(states))
        for code in sorted(set(states)):
            count, first = states.count(code), states.index(code) + 1
            if code == _MESSAGE:
                read[IN_MESSAGES] = count
                continue
            how, what, reason = (_UNREAD, *_NOBODY) if code == _UNTOLD else self._kinds[code - _FIRST]
            if how == _PLAIN:
                read[what] = count
                continue
            octets = self._octets.get(code, 0) if how == _UNREAD else self._waiting(code, first, packets)
            row = Unread(what, reason, count, octets, first)
            rows[what, reason] = row if (what, reason) not in rows else _sum(row, rows[what, reason])
        return read, tuple(sorted(rows.values(), key=lambda row: (-row.frames, row.first)))

    def _waiting(self, code: int, first: int, packets: int) -> int:
        octets, at = 0, first
        while 0 < at <= packets:
            octets += self.sizes[at]
            at = self.states.find(code, at + 1)
        return octets

    def _is(self, code: int, how: int) -> bool:
        return code >= _FIRST and self._kinds[code - _FIRST][0] == how

    def _set(self, frame: int, code: int) -> None:
        if frame >= len(self.states):
            more = frame + 1 - len(self.states)
            self.states += bytes(more)
            self.sizes.frombytes(bytes(more * self.sizes.itemsize))
        self.states[frame] = code

    def _code(self, how: int, what: str, reason: str) -> int:
        code = self._codes.get((how, what, reason))
        if code is None:
            if len(self._kinds) >= _MOST_KINDS and (what, reason) != _OTHERS:
                return self._code(_UNREAD, *_OTHERS)
            self._kinds.append((how, what, reason))
            code = self._codes[how, what, reason] = len(self._kinds) - 1 + _FIRST
        return code


def _sum(one: Unread, other: Unread) -> Unread:
    return Unread(one.what, one.reason, one.frames + other.frames, one.octets + other.octets,
                  min(one.first, other.first))


def lines(rows: Sequence[Unread]) -> list[str]:
    """A line for people on each row: `UDP that looks like DNS: 3 frames, 120 octets (from frame 7): ...`."""
    return [f"{row.what}: {row.frames} frame{'s' * (row.frames != 1)}, {row.octets} octet{'s' * (row.octets != 1)} "
            f"(from frame {row.first}): {row.reason}" for row in rows]
