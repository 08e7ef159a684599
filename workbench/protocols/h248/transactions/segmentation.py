"""Replies in segments: a long reply cut between its commands, and put together again (version 3).

A transport that does not segment itself (UDP) carries a reply that is longer than the largest message in several
segments, `Reply = id/1`, `Reply = id/2`, ... `Reply = id/n/END`. Each is acknowledged with `Segment = id/n`. Requests
are never segmented.

Source: H.248.1 v3 §8.2.2, package seg (E.15).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from workbench.errors import UnexpectedMessageError
from workbench.protocols.h248.message import ActionReply, Reply

CLAUSE = "H.248.1 v3 §8.2.2"
MOST_SEGMENTS = 65_535


def split(reply: Reply, size: Callable[[Reply], int], most: int) -> list[Reply] | None:
    """The reply as segments that all fit.

    Args:
        size: how many octets the message with this reply has.
        most: octets of the longest message.

    Returns:
        The segments in order; None where a single command's reply does not fit, or more than 65,535 were needed.
    """
    units = [unit for index, action in enumerate(reply.actions) for unit in _units(index, action)]
    segments: list[Reply] = []
    start, guess = 0, 8
    while start < len(units) and len(segments) < MOST_SEGMENTS:
        segment = partial(_segment, reply, units, start, len(segments) + 1)
        count = _most_that_fit(segment, size, most, len(units) - start, guess)
        if count == 0:
            return None
        segments.append(segment(count))
        start, guess = start + count, count
    return segments if start == len(units) else None


def _segment(reply: Reply, units: list[tuple[int, ActionReply]], start: int, number: int, count: int) -> Reply:
    last = start + count == len(units)
    return Reply(reply.id, _joined(units[start : start + count]), None, reply.immediate_ack and last, number, last)


def _units(index: int, action: ActionReply) -> Iterator[tuple[int, ActionReply]]:
    """An action's reply in its smallest parts: one command each, attributes with the first, an error with the last."""
    if not action.commands:
        yield index, action
    for place, command in enumerate(action.commands):
        first, last = place == 0, place == len(action.commands) - 1
        yield index, ActionReply(
            action.context, (command,), action.error if last else None, action.properties if first else None)


def _joined(units: list[tuple[int, ActionReply]]) -> tuple[ActionReply, ...]:
    actions: list[ActionReply] = []
    before = None
    for index, unit in units:
        if index == before:
            unit = _one_after_the_other(actions.pop(), unit)
        actions.append(unit)
        before = index
    return tuple(actions)


def _one_after_the_other(first: ActionReply, second: ActionReply) -> ActionReply:
    return msgspec.structs.replace(first, commands=first.commands + second.commands, error=second.error)


def _most_that_fit(
    segment: Callable[[int], Reply], size: Callable[[Reply], int], most: int, limit: int, guess: int
) -> int:
    """The largest count up to the limit that fits, supposing that fewer fit where more do; 0 if not even one fits."""
    low, high = 0, limit + 1  # low fits, high does not
    step = min(guess, limit)
    while high - low > 1:
        if size(segment(step)) <= most:
            low = step
        else:
            high = step
        step = min(2 * low, limit) if high > limit else (low + high) // 2
    return low


class Collector:
    """The segments of one reply as they come: in any order, some of them twice.

    Args:
        max_segments: most segments of a reply.
        max_octets: most octets of them together.
    """

    def __init__(self, max_segments: int, max_octets: int) -> None:
        self._max_segments = max_segments
        self._max_octets = max_octets
        self._segments: dict[int, Reply] = {}
        self.octets = 0
        """Of the segments that are kept."""
        self._last: int | None = None

    def take(self, reply: Reply, octets: int) -> Reply | None:
        """Keep a segment.

        Args:
            octets: how many the message had that brought it.

        Returns:
            The whole reply once all of it is here, otherwise None.

        Raises:
            UnexpectedMessageError: it contradicts the segments before it, or there is too much; nothing is kept of it.
        """
        number = reply.segment or 0
        if number in self._segments:
            return None
        self._check(number, reply, octets)
        self._segments[number] = reply
        self.octets += octets
        if reply.last:
            self._last = number
        return self._whole(reply.id) if len(self._segments) == self._last else None

    @property
    def missing(self) -> str:
        """Which segments have not come, in words."""
        top = self._last or max(self._segments, default=0)
        gaps = [str(number) for number in range(1, top + 1) if number not in self._segments]
        gaps += [] if self._last else [f"the last, after {top},"]
        return f"segments {', '.join(gaps[:8])} and more" if len(gaps) > 8 else f"segment {', '.join(gaps)}"

    def _check(self, number: int, reply: Reply, octets: int) -> None:
        wrong = None
        if number < 1:
            wrong = f"segment {number}, where numbers begin at 1"
        elif self._last is not None and (reply.last or number > self._last):
            wrong = f"segment {number} after segment {self._last} was the last"
        elif reply.last and self._segments and number < max(self._segments):
            wrong = f"segment {number} is the last, but {max(self._segments)} came"
        elif number > self._max_segments:
            wrong = f"segment {number}, more than {self._max_segments}"
        elif self.octets + octets > self._max_octets:
            wrong = f"segments of more than {self._max_octets} octets"
        if wrong is not None:
            raise UnexpectedMessageError(f"reply to {reply.id}: {wrong}", clause=CLAUSE)

    def _whole(self, number: int) -> Reply:
        actions: list[ActionReply] = []
        parts = [self._segments[place] for place in range(1, len(self._segments) + 1)]
        for part in parts:
            rest = list(part.actions)
            if actions and rest and actions[-1].error is None and _continues(actions[-1], rest[0]):
                actions.append(_one_after_the_other(actions.pop(), rest.pop(0)))
            actions += rest
        error = next((part.error for part in parts if part.error is not None), None)
        return Reply(number, tuple(actions), error, any(part.immediate_ack for part in parts))


def _continues(first: ActionReply, second: ActionReply) -> bool:
    """Whether the second, from the next segment, goes on with the action of the first."""
    same = first.context == second.context and second.properties is None
    return same and bool(first.commands) and bool(second.commands)
