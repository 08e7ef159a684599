"""A TLS session was given up with a fatal alert."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for message in report.messages:
        if message.protocol in ("TLS", "DTLS") and message.summary.startswith("Alert fatal"):
            reason = message.summary.removeprefix("Alert fatal ")
            yield Evidence(message.frames, (
                f"{message.source.node} ends {message.protocol} with {reason}: nothing more is carried on this "
                "connection. What it objects to came just before, from the other side"))


rule = Rule("tls-alert", "RFC 8446 §6.2, RFC 5246 §7.2.2", "warning", "TLS ends without a fatal alert", _find)
