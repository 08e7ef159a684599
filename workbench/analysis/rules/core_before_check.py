"""Application data is on the core leg before the UE's certificate could be checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        access = next((leg for leg, span, _ in call.legs if leg.name == "access" and leg.tls_client), None)
        if access is None or not access.decrypted:
            continue
        gateways = {report.names(context.gateway.host) for context in call.contexts}
        done = [m for m in report.secured(access) if m.summary.startswith("Finished") and not m.repeated]
        checked = done[1].frames[-1] if len(done) > 1 else None
        for leg, _, _ in call.legs:
            if leg.name != "core":
                continue
            sent = next((m for m in report.on(leg, "MSRP", "BFCP", "UDPTL", "unknown")
                         if m.source.node in gateways), None)
            if sent is not None and (checked is None or sent.frames[0] < checked):
                why = "never finished" if checked is None else f"finished only in frame {checked}"
                yield Evidence(sent.frames, (
                    f"the gateway sends application data to the core ({sent.summary}), while the access leg's "
                    f"handshake {why}: the UE's certificate can't have been checked"))


rule = Rule("core-before-check", "TS 23.334 §6.2.10.3", "error",
            "Nothing of the UE is forwarded before its certificate is checked", _find, provisional=True,
            next="Whether the gateway checks certificates at all (its fingerprint in Remote), and what was sent on to "
                 "the core before the check: that has to be looked at as coming from anybody.")
