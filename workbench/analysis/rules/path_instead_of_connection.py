"""An MSRP endpoint without CEMA opens its connection to the address in a=path, although c= and m= name another one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.dissect import Content
from workbench.analysis.rules.bearers import syn_frames, where
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.signalling import Described
from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.protocols.msrp.uri import decode_path

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    opened: dict[Endpoint, list[Content]] = defaultdict(list)
    for content in report.contents:
        direction = content.connection.client
        if direction is not None:
            opened[content.connection.sides[1 - direction]].append(content)
    told: set[tuple[int, int]] = set()
    for call in report.calls:
        gateways = {end.local for context in call.contexts for end in context.terminations.values()}
        for dialog in call.dialogs:
            for one in dialog.described:
                place = _place(one)
                if place is None or one.endpoint not in gateways or place == one.endpoint:
                    continue
                for content in opened.get(place, ()):
                    connection = content.connection
                    client = connection.sides[connection.client or 0]
                    key = (id(dialog), connection.number)
                    if client.host != one.draft.destination.host or key in told or (
                            connection.seen[0] < one.draft.time):
                        continue
                    told.add(key)
                    answered = connection.streams[1 - (connection.client or 0)].initial is not None
                    yield Evidence((*one.draft.frames, *syn_frames(connection)[:3]), (
                        f"{where(report, client)} opens its connection to {place}, which is the a=path of the "
                        f"{one.role} that it got; c= and m= name {one.endpoint}. It does not do CEMA (RFC 6714), so it "
                        f"goes past the gateway, and {'is answered there' if answered else 'nobody answers there'}. "
                        "Look next for a=msrp-cema in its SDP; without it the gateway's own URI has to be in a=path "
                        "(application-aware, or sessmatch), or the offerer has to fall back"))


def _place(one: Described) -> Endpoint | None:
    """Host and port of the first URI of a=path; None where there is none with a port."""
    try:
        path = decode_path((one.media.attribute("path") or "").strip())
    except PeerError:
        return None
    return Endpoint(path[0].host, path[0].port) if path and path[0].port else None


rule = Rule("path-instead-of-connection", "RFC 6714 §4, TS 23.334 §5.19.2", "error",
            "An endpoint that gets a gateway's address in c= and m= connects there", _find)
