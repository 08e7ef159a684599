"""The controller asks the gateway to choose, and the reply does not say what was chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.h248 import message as h248
from workbench.protocols.sdp import SessionDescription

if TYPE_CHECKING:
    from workbench.analysis.calls.terminations import Order
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for order in report.signalling.orders:
        if order.reply is None or order.replied is None or order.reply.error is not None:
            continue
        for name, stream, what in _open(order):
            yield Evidence((*order.draft.frames, *order.replied.frames), (
                f"stream {stream} of {name}: Local asks {report.names(order.draft.destination.host)} to choose {what}, "
                "and the reply does not say what it has chosen: there is no address and port to put into SDP"))


def _open(order: Order) -> Iterator[tuple[str, int, str]]:
    assert order.reply is not None
    for asked, given in zip(order.request.actions, order.reply.actions, strict=False):
        for command, answer in zip(asked.commands, given.commands, strict=False):
            media = command.descriptor(h248.Media)
            if media is None or answer.error is not None or len(asked.commands) < len(given.commands):
                continue
            returned = answer.descriptor(h248.Media)
            for stream in media.streams:
                what = _chosen(stream.local or ())
                told = returned.stream(stream.id) if returned is not None else None
                if what and (told is None or not told.local or _chosen(told.local)):
                    yield ", ".join(answer.terminations), stream.id, what


def _chosen(descriptions: tuple[SessionDescription, ...]) -> str:
    """What of address and port a Local leaves to the gateway."""
    found = []
    for one in descriptions:
        lines = [line for line in (*one.lines, *(line for media in one.media for line in media.lines))
                 if line.type == "c"]
        if any("$" in line.value for line in lines):
            found.append("an address")
        if any(media.port is None for media in one.media):
            found.append("a port")
    return " and ".join(dict.fromkeys(found))


rule = Rule("local-open", "H.248.1 §7.1.8, TS 23.334 §5.2", "error",
            "What the gateway is asked to choose in Local is in its reply", _find,
            next="Whether the gateway has addresses left in that realm, and what the controller puts into SDP then.")
