"""The gateway takes payload from a peer while it has nobody to give it to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.bearers import linked, up_in
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.net.packets import RST

if TYPE_CHECKING:
    from workbench.analysis.report import Report


# Packets that overtake each other on the way make no difference to anybody.
_AT_ONCE = 0.2


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for one, other in linked(call):
            if other is not None and other.by_peer:
                continue    # merging: what comes early is kept until the second connection is there
            up = up_in(other)
            early = next((segment for segment in one.connection.each_segment() if segment.direction == one.ours
                          and (segment.acknowledged or 0) > 0 and not segment.flags & RST), None)
            if early is None or (up is not None and early.frame > up):
                continue
            if one.content.observer is not None and (other is None or other.content.observer is None):
                continue    # TLS ends at the gateway: what it acknowledges may be the handshake
            if up is not None and report.frame(up).time - report.frame(early.frame).time < _AT_ONCE:
                continue
            became = "never comes up" if up is None else f"comes up only in frame {up}"
            lost = ", and they are lost" if up is None else ""
            yield Evidence((early.frame,) if up is None else (early.frame, up), (
                f"the gateway acknowledges {early.acknowledged} octets of {report.names(one.client_end.host)} although "
                f"the connection on the other leg {became}. To the sender's TCP they are delivered; the gateway has to "
                f"keep them{lost}"))


rule = Rule("payload-before-both-up", "TS 23.334 §5.16.2.2", "note",
            "No payload is acknowledged before the other leg is up", _find, provisional=True,
            next="Look whether these octets arrive on the other leg; a gateway that holds its SYN-ACK back until the "
                 "other leg is up avoids it.")
