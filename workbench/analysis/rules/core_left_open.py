"""TLS of the access leg is over, and the core leg's connection stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report

# How long the capture has to go on after the release for the rule to say anything.
_PATIENCE = 1.0


def _find(report: Report) -> Iterator[Evidence]:
    end = report.end
    for session in report.sessions:
        access = next((leg for leg in session.legs if leg.name.startswith("access") and leg.tls_client), None)
        if access is None:
            continue
        released = next((m for m in report.on(access, "TLS", readable=True) if (
                         "close_notify" in m.summary or m.summary.startswith("Alert fatal"))), None)
        since = released.time if released is not None else access.closed
        if since is None or end - since < _PATIENCE:
            continue
        for leg in session.legs:
            if leg.name != "core" or leg.established is None or leg.closed is not None:
                continue
            ended = any(m.summary.startswith(("FIN", "RST")) for m in report.on(leg, "TCP"))
            if not ended:
                frames = released.frames if released is not None else access.frames[-1:]
                yield Evidence((*frames, leg.frames[-1]), f"TLS of the access leg ends at {since:.3f} s; the TCP "
                               "connection of the core leg is neither closed nor reset until the capture ends")


rule = Rule("core-left-open", "TS 23.334 §6.2.10.3", "error",
            "The end of TLS on the access leg ends the core leg's connection too", _find, provisional=True,
            next="Look whether the gateway was told to release this leg too (interlinkage), and whether a Subtract "
                 "follows; a peer that keeps the connection goes on to send into it.")
