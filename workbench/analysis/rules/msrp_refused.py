"""An MSRP request is refused by its receiver: 4xx or 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.legs import said_on
from workbench.analysis.calls.spans import Span
from workbench.analysis.rules.msrp_said import Asked, said
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.errors import PeerError
from workbench.protocols.msrp.uri import Path, decode_path, equal

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report

_NO_SESSION = 481
_ASKS_FOR_PASSWORD = 401
_MOST_DESCRIBED = 64
_MEANINGS = {
    400: "the request could not be understood",
    403: "what was asked for is not allowed",
    408: "a relay got no answer from the next hop",
    413: "the receiver wants no more of this message",
    415: "the receiver does not take this media type (a=accept-types)",
    423: "a parameter is out of bounds",
    481: "the receiver has no such session any more, although the path is one that was given out",
    501: "the receiver does not know the method",
    506: "the session is bound to another connection already",
}


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        refused: dict[int, list[tuple[Asked, Span]]] = {}
        for leg in said(report, call):
            for one in leg.asked:
                if one.status >= 300 and one.status != _ASKS_FOR_PASSWORD:
                    refused.setdefault(one.status, []).append((one, leg.span))
        for status, held in refused.items():
            held.sort(key=_answered)
            first, span = held[0]
            if status == _NO_SESSION and not _is_given_out(call, first, span):
                continue    # a path that nobody gave out is another rule's
            request = report.messages[first.chunk.index]
            response = report.messages[first.response].frames if first.response is not None else ()
            count = len({one.chunk.transaction for one, _ in held})
            yield Evidence((*request.frames[-1:], *response), (
                f"{request.destination.node} refuses {first.chunk.method} {first.chunk.transaction} of "
                f"{request.source.node} with {status}: {_MEANINGS.get(status, 'see the comment of the response')}"
                f"{f'; {count} requests of the call are refused so' if count > 1 else ''}"))


def _answered(item: tuple[Asked, Span]) -> int:
    one, _ = item
    return one.response or 0


def _is_given_out(call: Call, one: Asked, span: Span) -> bool:
    """To-Path is one that SDP gave out on this leg."""
    uri = one.chunk.to_path[0]
    return any(equal(uri, given) for said in said_on(call, span.termination, span) for described in said[
        -_MOST_DESCRIBED:] for given in _path(described.media.attribute("path") or ""))


def _path(text: str) -> Path:
    try:
        return decode_path(text.strip())
    except PeerError:
        return ()


rule = Rule("msrp-refused", "RFC 4975 §7.2, §10", "warning", "MSRP requests are accepted", _find,
            next="Look at who said it first (the response with the lowest frame number): an end or the gateway itself. "
                 "413 and 415 are about a=max-size and a=accept-types of its SDP, 481 and 506 about the session: "
                 "whether a BYE or a second connection came before.")
