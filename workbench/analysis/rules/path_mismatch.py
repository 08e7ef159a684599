"""An MSRP request names a path that was not given out on that leg, or its receiver says so (481)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.calls.legs import said_on
from workbench.analysis.calls.signalling import Described
from workbench.analysis.chunks import Chunk
from workbench.analysis.rules.msrp_said import said
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.values import Leg
from workbench.errors import PeerError
from workbench.protocols.msrp.uri import Matching, Path, Uri, decode_path, equal

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report

_NO_SESSION = 481
_MOST_LEGS, _MOST_DESCRIBED, _MOST_ASKED, _MOST_KNOWN = 64, 32, 10_000, 1000


class _Given(msgspec.Struct):
    """What one side of a leg gave out as its path, in order of time."""

    described: list[tuple[Described, Path]]
    known: dict[tuple[int, Uri], bool] = {}
    last: Uri | None = None
    count: int = 0

    def until(self, time: float) -> list[tuple[Described, Path]]:
        """What had been given out by then."""
        described = self.described
        if not described or described[-1][0].draft.time <= time:
            return described
        return [one for one in described if one[0].draft.time <= time]

    def names(self, uri: Uri, given: list[tuple[Described, Path]]) -> bool:
        """The URI is one of them, in all its parts."""
        if self.last is uri and self.count == len(given):
            return True     # a file goes on and on to one path
        key = (len(given), uri)
        if key not in self.known:
            if len(self.known) > _MOST_KNOWN:
                self.known.clear()
            self.known[key] = any(equal(uri, one) for _, path in given for one in path)
        if self.known[key]:
            self.last, self.count = uri, len(given)
        return self.known[key]


class _Asked(msgspec.Struct):
    """A request that names none of the paths that were given out to its sender, and what became of it."""

    leg: Leg
    chunk: Chunk
    to_gateway: bool
    given: list[tuple[Described, Path]]
    response: Chunk | None = None

    @property
    def status(self) -> int:
        """Of the response; 0 without one."""
        return 0 if self.response is None else self.response.status


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        found: dict[str, tuple[bool, Evidence]] = {}
        told: set[str] = set()
        for asked in _requests(report, call):
            evidence = _judged(report, asked)
            # A request that is handed on fails on every leg: it is told where the last one said so.
            if evidence is not None and (asked.chunk.transaction not in found or not asked.to_gateway):
                found[asked.chunk.transaction] = (asked.to_gateway, evidence)
        said(report, call)      # other rules ask for the same chunks, which are at hand now
        for _, evidence in found.values():
            if evidence.explanation not in told:
                told.add(evidence.explanation)
                yield evidence


def _requests(report: Report, call: Call) -> Iterator[_Asked]:
    for leg, span, termination in call.legs[:_MOST_LEGS]:
        local = termination.local if termination is not None else None
        if span is None or termination is None or local is None:
            continue
        ours, theirs = (_Given([(one, path) for one in sent[-_MOST_DESCRIBED:] if (path := _path(one))], {})
                        for sent in said_on(call, termination, span))
        held: dict[str, _Asked] = {}
        sides = span.content().connection.sides
        for chunk in report.chunks(leg):
            if chunk.method:
                to_gateway = sides[1 - chunk.direction] == local
                side = ours if to_gateway else theirs
                given = side.until(chunk.time)
                if given and not side.names(chunk.to_path[0], given) and len(held) < _MOST_ASKED:
                    held.setdefault(chunk.transaction, _Asked(leg, chunk, to_gateway, given))
            elif chunk.transaction in held:
                asked = held[chunk.transaction]
                asked.response = asked.response or chunk
        yield from held.values()


def _judged(report: Report, asked: _Asked) -> Evidence | None:
    first, given = asked.chunk.to_path[0], asked.given
    similar = any(equal(first, uri, Matching.SESSION_ID) for _, path in given for uri in path)
    refused = asked.status == _NO_SESSION
    # Whoever compares session-ids alone takes the one with another authority, and says so by its 200.
    if not refused and (similar or asked.status):
        return None
    message = report.messages[asked.chunk.index]
    frames = (*given[-1][0].draft.frames, *message.frames,
              *(report.messages[asked.response.index].frames if asked.response is not None else ()))
    end = message.destination.node
    answered = f"{end} answers {_NO_SESSION}" if refused else "nobody answers it"
    why = ("only the session-id is the same: somebody changed host or port in a=path and not in MSRP, and the receiver "
           "compares all of the URI. One of both sides does sessmatch, the other RFC 4975" if similar else
           "this is not its session")
    return Evidence(frames, (
        f"{asked.chunk.method} on the {asked.leg.name} leg has To-Path {_short(first)}; the a=path given out there is "
        f"{_short(given[-1][1][0])}: {why}; {answered}"))


def _path(one: Described) -> Path:
    try:
        return decode_path((one.media.attribute("path") or "").strip())
    except PeerError:
        return ()


def _short(uri: Uri) -> str:
    text = str(uri)
    return text if len(text) <= 80 else text[:79] + "…"


rule = Rule("path-mismatch", "RFC 4975 §5.4, §7.3, TS 23.334 §5.19", "error",
            "To-Path names the path that its receiver gave out on that leg", _find,
            next="Look at a=path in the SDP of both legs, and whether the gateway was told to rewrite paths "
                 "(TCP/MSRP).")
