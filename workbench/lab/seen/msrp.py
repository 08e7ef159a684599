"""Expectations on MSRP: messages, paths in SDP and in headers, confirmation, refusal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from workbench.errors import PeerError
from workbench.lab.expect import Fact, Frames, Seen
from workbench.lab.seen.reading import Exchange, Side, exchanges
from workbench.protocols.msrp import uri as msrp_uri
from workbench.protocols.msrp.messages import Request, Response
from workbench.protocols.sdp import Media

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

How = Literal["untouched", "rewritten", "replaced"]

# To-Path and From-Path are the first two headers of every message (RFC 4975 §7.1), so they directly follow its
# start line, whose transaction id comes again in its end-line; a body that looks like one is left alone.
_PATHS = re.compile(rb"(MSRP [^\r\n]+\r\n)To-Path: [^\r\n]*\r\nFrom-Path: [^\r\n]*\r\n")


def without_paths(octets: bytes) -> bytes:
    """A stream of MSRP messages without the two path headers of each."""
    return _PATHS.sub(rb"\1", octets)


def messages(protocol: str, wire: str, *, protected: bool | None = None, what: str = "") -> Seen:
    """Messages of a protocol on a wire; `protected` tells apart what was inside TLS."""

    def find(report: Report) -> list[Frames]:
        return [
            message.frames for message in report.messages
            if message.protocol == protocol and message.wire == wire and not message.error
            and (protected is None or message.protected == protected)
        ]

    kind = {None: "", True: "protected ", False: "clear "}[protected]
    return Seen(what or f"{kind}{protocol} on {wire}", find)


def delivered(sender: str) -> Seen:
    """An MSRP REPORT with status 200 that reaches `sender`, behind a NAT or not: its message is at the other end."""

    def find(report: Report) -> list[Frames]:
        return [
            message.frames for message in report.messages
            if message.protocol == "MSRP" and message.destination.node == sender
            and message.summary.startswith("REPORT") and "200" in message.summary
        ]

    return Seen(f"a success REPORT for {sender}", find)


def response(status: int, wire: str) -> Seen:
    """An MSRP response with this status on a wire."""
    return Seen(f"an MSRP response {status} on {wire}", lambda report: [
        message.frames for message in _msrp(report, wire)
        if isinstance(message.value, Response) and message.value.status == status])


def path_passes(wire_from: str, wire_to: str, how: How, *, role: Literal["offer", "answer"], exchange: int = 1) -> Fact:
    """What became of a=path between two wires, in an offer or an answer.

    `rewritten`: host and port of its first URI are those of c= and m= now, its session-id is as it was (sessmatch).
    `replaced`: one URI at c= and m=, with a session-id of its own (application-aware interworking).
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        ends = [exchanges(report, wire) for wire in (wire_from, wire_to)]
        if any(len(found) < exchange for found in ends):
            return None
        before, after = (_of(found[exchange - 1], role) for found in ends)
        if before is None or after is None:
            return None
        frames = tuple(frame for found in ends for frame in found[exchange - 1].frames)
        became = _became(before, after)
        return became == how, frames, f"a=path of the {role} was {became}: {after.attribute('path')}"

    return Fact(f"a=path of the {role}, from {wire_from} to {wire_to}: {how}", check)


def _of(exchange: Exchange, role: str) -> Media | None:
    return exchange.offer if role == "offer" else exchange.answer


def _became(before: Media, after: Media) -> str:
    told, now = before.attribute("path") or "", after.attribute("path") or ""
    if told == now:
        return "untouched"
    try:
        was, becomes = msrp_uri.decode_path(told), msrp_uri.decode_path(now)
    except PeerError:
        return "broken"
    at_media = after.connection is not None and (becomes[0].host.strip("[]"), becomes[0].port) == (
        after.connection.address, after.port)
    if not at_media:
        return "changed to another address than c= and m="
    if becomes[0].session_id == was[0].session_id and becomes[1:] == was[1:]:
        return "rewritten"
    if len(becomes) == 1 and becomes[0].session_id != was[0].session_id:
        return "replaced"
    return "changed otherwise"


def paths_as_told(side: Side, *, whole: bool = True) -> Fact:
    """Each message on a leg names the paths that SDP told there: To-Path the receiver's, From-Path the sender's.

    Args:
        whole: False compares session-ids only, as sessmatch does.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        told = _told(report, side)
        found = [message for message in _msrp(report, side.wire)
                 if side.gateway in (message.source.node, message.destination.node)]
        if not found or len(told) < 2:
            return None
        for message in found:
            ours = message.source.node == side.gateway
            wanted = (told["peer"], told["gateway"]) if ours else (told["gateway"], told["peer"])
            shown = tuple(msrp_uri.encode_path(path) for path in (message.value.to_path, message.value.from_path))
            if any(not _fits(a, b, whole) for a, b in zip(shown, wanted, strict=True)):
                return False, message.frames, f"{message.summary} has To-Path {shown[0]} and From-Path {shown[1]}"
        return True, tuple(frame for message in found[:4] for frame in message.frames), ""

    what = "paths" if whole else "session-ids"
    return Fact(f"To-Path and From-Path on {side}, and the {what} that SDP told there", check)


def _told(report: Report, side: Side) -> dict[str, list[str]]:
    """Paths in SDP on a wire, by who said them: the controller in front of the gateway, or its peer."""
    told: dict[str, list[str]] = {}
    controller = side.gateway.replace("AGW", "ALG")
    for exchange in exchanges(report, side.wire):
        for media, message in ((exchange.offer, exchange.offered), (exchange.answer, exchange.answered)):
            if media is not None and message is not None:
                who = "gateway" if message.source.node == controller else "peer"
                told.setdefault(who, []).append(media.attribute("path") or "")
    return told


def _fits(shown: str, told: list[str], whole: bool) -> bool:
    if shown in told or whole:
        return shown in told
    return shown.rpartition("/")[2] in {path.rpartition("/")[2] for path in told}


def _msrp(report: Report, wire: str) -> list[Message]:
    return [message for message in report.messages if message.protocol == "MSRP" and message.wire == wire
            and isinstance(message.value, Request | Response)]
