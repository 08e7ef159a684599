"""What comes in the clear on a leg that has to be TLS or DTLS goes on to another leg: anybody can say it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule, is_tls
from workbench.analysis.rules.secured import gateways

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Message

_CARRIED = ("MSRP", "BFCP", "UDPTL", "unknown")
_FEWEST_OCTETS = 4
_MOST_SHOWN = 3
_MOST_HELD = 256
_MOST_SEEN = 20_000


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        names = gateways(report, call)
        for leg, _, _ in call.legs:
            if names and (is_tls(leg.transport) or is_tls(leg.bearer)):
                yield from _held(report, call, leg, names)


def _held(report: Report, call: Call, leg: Leg, names: set[str]) -> Iterator[Evidence]:
    came = [one for one in islice(report.on(leg, *_CARRIED), _MOST_SEEN)
            if one.source.node not in names and len(one.octets) >= _FEWEST_OCTETS]
    inside = {one.octets for one in came if one.protected}
    clear: dict[bytes, Message] = {}
    for one in came:
        if not one.protected and one.octets not in inside and len(clear) < _MOST_HELD:
            clear.setdefault(one.octets, one)
    if not clear:
        return
    for other, _, _ in call.legs:
        if other is leg:
            continue
        passed = [(clear[one.octets], one) for one in islice(report.on(other), _MOST_SEEN)
                  if one.source.node in names and one.octets in clear and one.time >= clear[one.octets].time]
        if passed:
            frames = [frame for pair in passed[:_MOST_SHOWN] for one in pair for frame in one.frames]
            came_first, went = passed[0]
            yield Evidence(tuple(frames), (
                f"{came_first.source.node} sends {came_first.protocol} in the clear on the {leg.name} leg, which is "
                f"{leg.transport or leg.bearer}, and {went.source.node} passes it on to the {other.name} leg "
                f"({len(passed)} such messages): whoever can reach the gateway speaks in the UE's name"))


rule = Rule("clear-taken-for-payload", "TS 23.334 §6.2.10.3, §6.2.10.4, RFC 7345 §5.2.2", "error",
            "What comes in the clear on a TLS or DTLS leg goes no further", _find, provisional=True,
            next="Which bearer the gateway was told for that termination (TCP/TLS, UDP/TLS/UDPTL), and whether it "
            "takes octets before its handshake has finished.")
