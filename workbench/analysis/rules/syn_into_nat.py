"""A connection is opened towards an endpoint behind a NAT that lets nothing in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.naming import NAT
from workbench.analysis.dissect import Content
from workbench.analysis.rules.bearers import reset_frames, syn_frames, where
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.values import NatBinding
from workbench.net.values import Endpoint

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report


# A SYN may be on its way through the NAT when the capture ends.
_PATIENCE = 0.5


def _find(report: Report) -> Iterator[Evidence]:
    if not report.bindings.all:
        return
    end = report.end
    inside = {one.inside.address: one for one in report.bindings.all}
    outside = {one.outside.address: one for one in report.bindings.all}
    inner_wires = {content.connection.wire for content in report.contents
                   if content.connection.sides[content.connection.client or 0].host in inside}
    inner_wires |= {message.wire for message in report.messages_of("SIP", "STUN") if message.source.address in inside}
    for call in report.calls:
        yield from _never_sent(call, inside, end)
        for span in call.spans:
            content = span.content()
            towards = _unanswered(content)
            if towards is None or len(span.contents) > 1 or end - content.connection.seen[0] < _PATIENCE:
                continue
            if towards.host in outside or report.names.kind(report.names(towards.host)) == NAT:
                behind = outside.get(towards.host)
                whose = f" ({behind.inside.node} sits behind it)" if behind is not None else ""
                what = f"the outside of a NAT{whose}, and it never appears inside"
            elif towards.host in inside and content.connection.wire not in inner_wires:
                what = (f"an address that exists only behind {inside[towards.host].nat}; on this side of the NAT it "
                        f"leads nowhere")
            else:
                continue
            connection = content.connection
            resets = reset_frames(connection)
            became = "it is refused" if resets else "nobody answers"
            yield Evidence((*syn_frames(connection)[:4], *resets[:1]), (
                f"{where(report, connection.sides[connection.client or 0])} sends a SYN to {towards}, which is {what}: "
                f"{became}. From outside a NAT lets in only what answers"))


def _never_sent(call: Call, inside: dict[str, NatBinding], end: float) -> Iterator[Evidence]:
    """The gateway was to open towards an address behind a NAT, and had no way to send even a SYN."""
    others = [content.connection for span in call.spans for content in span.contents]
    over = bool(others) and (all(one.closed is not None for one in others)
                             or end - max(one.seen[0] for one in others) >= _PATIENCE)
    for leg, span, termination in call.legs:
        remote = next((one for one in reversed(termination.remotes) if one.endpoint is not None),
                      None) if termination is not None else None
        if span is not None or termination is None or remote is None or remote.endpoint is None or not over:
            continue
        binding = inside.get(remote.endpoint.host)
        if binding is None or termination.setup_at(end) != "active":
            continue
        yield Evidence(remote.draft.frames, (
            f"the gateway has to open the connection of the {leg.name} leg towards {remote.endpoint}, which exists "
            f"only behind {binding.nat} ({binding.inside.node} is there): no SYN ever appears"))


def _unanswered(content: Content) -> Endpoint | None:
    """Where a SYN went that was never answered with one."""
    connection = content.connection
    if connection.client is None or connection.streams[1 - connection.client].initial is not None:
        return None
    return connection.sides[1 - connection.client]


rule = Rule("syn-into-nat", "TS 23.334 §5.4, RFC 5382 §4.3", "error",
            "No connection is opened towards an endpoint behind a NAT that has not asked for it", _find,
            next="Look at the a=setup that the side behind the NAT was offered: it has to be TCP-active, so that the "
                 "gateway waits for its connection.")
