"""What one page can show of a big capture: some sessions and messages, and a count of what is left out.

First comes what findings rest on, then the sessions that these concern, then signalling in order of time. No full walk
over the messages: a large trace has very many.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import msgspec

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message, Session

MOST_MESSAGES = 2000
MOST_SESSIONS = 40

_SIGNALLING = ("SIP", "H.248", "TCP", "SCTP", "TLS", "DTLS", "BFCP", "STUN", "HTTP", "ICMP")
_BULK = ("MSRP", "UDPTL", "RTP", "UDP", "unknown")
_MOST_FINDINGS = 200
_MOST_EVIDENCE = 12
_BEGIN, _END = 300, 100     # frames of a session that are looked at
_NEAR = 64                  # messages that may be complete before the one that a frame belongs to


class Left(msgspec.Struct, frozen=True):
    """What is left out: messages by protocol, and how many sessions."""

    messages: dict[str, int] = {}
    sessions: int = 0

    @property
    def said(self) -> str:
        """In words; empty where nothing is left out."""
        parts = []
        if self.messages:
            kinds = ", ".join(f"{count:,} {protocol}" for protocol, count in self.messages.items())
            parts.append(f"{sum(self.messages.values()):,} messages ({kinds})")
        if self.sessions:
            parts.append(f"{self.sessions:,} sessions")
        return " and ".join(parts)


class Excerpt:
    """A report narrowed to some messages and sessions; all else is the report's own."""

    def __init__(self, report: Report, messages: Sequence[Message], sessions: tuple[Session, ...]) -> None:
        self._report = report
        self.messages = messages
        self.sessions = sessions

    def __getattr__(self, name: str) -> Any:
        return getattr(self._report, name)


def excerpt(report: Report, most: int = MOST_MESSAGES, most_sessions: int = MOST_SESSIONS) -> tuple[Report, Left]:
    """The report, or so much of it as a page can show; and what is left out.

    Args:
        report: of a capture of any size.
        most: messages.
        most_sessions: sessions; those that findings concern come first.
    """
    if len(report.messages) <= most and len(report.sessions) <= most_sessions:
        return report, Left()
    sessions = _sessions(report)[:most_sessions]
    messages: Sequence[Message] = report.messages
    left: dict[str, int] = {}
    if len(messages) > most:
        messages = report.messages.among(sorted(_places(report, sessions, most)))
        left = _left(report, messages)
    order = {id(session): place for place, session in enumerate(report.sessions)}
    kept = tuple(sorted(sessions, key=lambda session: order[id(session)]))
    return cast("Report", Excerpt(report, messages, kept)), Left(left, len(report.sessions) - len(kept))


def messages_at(report: Report, frame: int) -> Iterator[Message]:
    """The messages that a frame carries or helps to carry: those that it completes, else the first one with it."""
    place = _first(report, frame)
    found = False
    for message in completed_by(report, frame, place):
        found = True
        yield message
    near = () if found else range(place, min(place + _NEAR, len(report.messages)))
    yield from islice((report.messages[at] for at in near if frame in report.messages[at].frames), 1)


def completed_by(report: Report, frame: int, place: int | None = None) -> Iterator[Message]:
    """The messages that a frame completes. `place`: of the first of them, where it is known.

    Messages are in order of completion, so that a frame's are found without looking at the others.
    """
    messages = report.messages
    place = _first(report, frame) if place is None else place
    while place < len(messages) and _completed(message := messages[place]) == frame:
        yield message
        place += 1


def _first(report: Report, frame: int) -> int:
    """The place of the first message that is complete with this frame, or with a later one."""
    return bisect_left(range(len(report.messages)), frame, key=lambda place: _completed(report.messages[place]))


def _completed(message: Message) -> int:
    return message.frames[-1] if message.frames else 0


def _evidence(report: Report) -> list[int]:
    """Frames that findings rest on, in order of the findings."""
    return list(dict.fromkeys(frame for finding in report.findings[:_MOST_FINDINGS]
                              for frame in finding.frames[:_MOST_EVIDENCE]))


def _sessions(report: Report) -> list[Session]:
    """All sessions; those that findings concern first, and among the others calls first."""
    evidence = set(_evidence(report))
    return sorted(report.sessions, key=lambda session: (
        evidence.isdisjoint(session.frames), session.kind in ("registration", "control")))


def _places(report: Report, sessions: Sequence[Session], most: int) -> set[int]:
    found: set[int] = set()
    for message in _wanted(report, sessions, most):
        found.add(message.index)
        if len(found) == most:
            break
    return found


def _wanted(report: Report, sessions: Sequence[Session], most: int) -> Iterator[Message]:
    """Messages, the most telling first; some more than once."""
    for frame in _evidence(report):
        yield from messages_at(report, frame)
    for session in sessions:
        frames = session.frames
        some = frames if len(frames) <= _BEGIN + _END else (*frames[:_BEGIN], *frames[-_END:])
        yield from (one for frame in some for one in completed_by(report, frame) if not _unreadable(one))
    yield from report.messages_of(*_SIGNALLING, readable=True)[:most]
    yield from report.messages[:most]


def _unreadable(message: Message) -> bool:
    return message.protocol == "TLS" and message.protected and message.value is None


def _left(report: Report, shown: Sequence[Message]) -> dict[str, int]:
    """How many messages of each protocol are not among the shown ones."""
    seen: dict[str, int] = {}
    for message in shown:
        seen[message.protocol] = seen.get(message.protocol, 0) + 1
    left = {protocol: len(report.messages_of(protocol)) - seen.get(protocol, 0)
            for protocol in (*_SIGNALLING, *_BULK)}
    others = len(report.messages) - len(shown) - sum(left.values())
    return {protocol: count for protocol, count in {**left, "others": others}.items() if count}
