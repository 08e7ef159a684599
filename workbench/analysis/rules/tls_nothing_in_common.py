"""A handshake fails at once: what the ClientHello offers, the other end does not do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.tls import messages as tls
from workbench.protocols.tls.registry import VERSIONS
from workbench.protocols.tls.suites import CIPHER_SUITES

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_MOST_NAMED = 6
_OF_VERSIONS = ("protocol_version",)
_OF_SUITES = ("handshake_failure", "insufficient_security")


def _find(report: Report) -> Iterator[Evidence]:
    for session in report.sessions:
        for leg in session.legs:
            hello: tuple[tuple[int, ...], str, tls.ClientHello] | None = None
            up = False
            for message in report.on(leg, "TCP", "TLS", "DTLS", readable=True):
                if message.protocol not in ("TLS", "DTLS"):
                    up = up and not (message.protocol == "TCP" and message.summary.startswith("SYN"))
                    continue
                up = up or message.summary.startswith("Finished")
                value = message.value.body if isinstance(message.value, tls.Handshake) else None
                if isinstance(value, tls.ClientHello):
                    # Into a session that is up it comes out of turn, whatever it offers.
                    hello = None if up else (message.frames, message.source.node, value)
                elif message.summary.startswith("ServerHello"):
                    hello = None
                elif hello is not None and message.source.node != hello[1]:
                    if any(one.external for one in hello[2].psk_offers):
                        continue    # `psk-identity-unknown` says more
                    said = _objection(message.summary, hello[2])
                    if said:
                        yield Evidence((*hello[0], *message.frames), (
                            f"{hello[1]} offers {said}; {message.source.node} does none of it on the {leg.name} leg, "
                            "or has no certificate that goes with it. Configure both ends for one in common; do not "
                            "try again without TLS"))


def _objection(summary: str, hello: tls.ClientHello) -> str:
    """What was offered in vain; empty: the message is no such objection."""
    if not summary.startswith("Alert fatal"):
        return ""
    name = summary.removeprefix("Alert fatal ").split()[0]
    if name in _OF_VERSIONS:
        return " and ".join(VERSIONS.get(one, f"version 0x{one:04x}") for one in hello.supported_versions[:_MOST_NAMED])
    if name in _OF_SUITES:
        suites = [CIPHER_SUITES.get(one, f"suite 0x{one:04x}") for one in hello.cipher_suites if one in CIPHER_SUITES]
        return "cipher suites " + ", ".join(suites[:_MOST_NAMED]) + (", ..." if len(suites) > _MOST_NAMED else "")
    return ""


rule = Rule("tls-nothing-in-common", "RFC 8446 §4.1.1, RFC 5246 §7.4.1.3", "error",
            "Both ends of a TLS leg have a version and a cipher suite in common", _find,
            next="Versions, cipher suites and signature algorithms that each end is configured for; and the key type "
                 "of its certificate, which rules out suites on its own.")
