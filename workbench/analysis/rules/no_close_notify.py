"""A TCP connection with TLS on it is closed without close_notify."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for session in report.sessions:
        for leg in session.legs:
            if not leg.tls_client or not leg.decrypted:
                continue    # alerts inside TLS 1.3 can't be told from other records without keys
            seen = report.on(leg)
            if any(m.summary.startswith("Alert fatal") for m in seen):
                continue
            told: set[str] = set()
            for message in seen:
                if "close_notify" in message.summary:
                    told.add(message.source.node)
                elif message.summary.startswith("FIN") and not message.repeated and message.source.node not in told:
                    yield Evidence(message.frames, (
                        f"{message.source.node} closes TCP on the {leg.name} leg without close_notify: the other side "
                        "can't tell the end from a cut"))


rule = Rule("no-close-notify", "RFC 8446 §6.1, RFC 5246 §7.2.1", "warning",
            "Each side sends close_notify before it closes TCP", _find)
