"""A TCP connection with TLS on it is closed, or reset, without close_notify: the session is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule, is_tls

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        # A gateway that TLS only passes through knows of no session, and can say nothing inside it.
        through = {report.names(context.gateway.host) for context in call.contexts
                   if not any(is_tls(end.bearer) for end in context.terminations.values())}
        for leg in call.session.legs:
            if leg.tls_client and leg.decrypted:    # without keys, alerts of TLS 1.3 look like other records
                yield from _cuts(report, leg, through)


def _cuts(report: Report, leg: Leg, through: set[str]) -> Iterator[Evidence]:
    seen = report.on(leg, "TCP", "TLS", "DTLS", readable=True)
    if any(m.summary.startswith("Alert fatal") for m in seen):
        return
    told: set[str] = set()
    finished: set[str] = set()
    for message in seen:
        who = message.source.node
        if message.summary.startswith("Finished"):
            finished.add(who)
        elif "close_notify" in message.summary:
            told.add(who)
        elif len(finished) < 2 or message.repeated or who in told | through:
            continue    # of a handshake that never finished another rule speaks
        elif message.summary.startswith("FIN"):
            yield Evidence(message.frames, (
                f"{who} closes TCP on the {leg.name} leg without close_notify: the other side can't tell the end from "
                "a cut"))
        elif message.protocol == "TCP" and message.summary.startswith("RST") and not told:
            yield Evidence(message.frames, (
                f"{who} resets TCP on the {leg.name} leg while TLS is up, without close_notify: what was on its way is "
                "lost, and the other side can't tell the end from a cut"))
            return


rule = Rule("no-close-notify", "RFC 8446 §6.1, RFC 5246 §7.2.1", "warning",
            "Each side sends close_notify before it ends TCP", _find,
            next="Who ended TCP first, and why: BYE, an order to the gateway, a timer, or a NAT that has forgotten "
                 "its binding. What the sender had still in its buffer is lost.")
