"""An end of a TLS or DTLS leg presents no certificate, or is not asked for one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.tls import messages as tls
from workbench.protocols.tls.registry import HandshakeType

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Message


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        if not any(one.fingerprints for dialog in call.dialogs for one in dialog.described):
            continue        # certificates are vouched for by somebody else than SDP
        for leg, _, _ in call.legs:
            said = [m for m in report.secured(leg) if isinstance(m.value, tls.Handshake) and not m.repeated]
            empty = next((m for m in said if isinstance(m.value.body, tls.Certificate)
                          and not m.value.body.certificates), None)
            if empty is not None:
                yield Evidence(empty.frames, (
                    f"{empty.source.node} presents no certificate on the {leg.name} leg, so nothing can be held "
                    "against the fingerprint that SDP announced: the other end has to give the handshake up"
                    + _after(said)))
            elif _unasked(leg, said):
                yield Evidence(_of(said, HandshakeType.SERVER_HELLO_DONE) or _of(said, HandshakeType.FINISHED), (
                    f"{leg.tls_server} does not ask {leg.tls_client} for a certificate on the {leg.name} leg, and the "
                    "handshake finishes: who the client is was never checked"))


def _unasked(leg: Leg, said: list[Message]) -> bool:
    """A whole handshake with the server's certificate, and no request for the client's."""
    who = {m.source.node for m in said if m.value.type == HandshakeType.FINISHED}
    shown = {m.source.node for m in said if m.value.type == HandshakeType.CERTIFICATE}
    return len(who) == 2 and len(shown) == 1 and leg.tls_server in shown and (
        not _of(said, HandshakeType.CERTIFICATE_REQUEST))


def _of(said: list[Message], kind: HandshakeType) -> tuple[int, ...]:
    return next((m.frames for m in said if m.value.type == kind), ())


def _after(said: list[Message]) -> str:
    done = len({m.source.node for m in said if m.value.type == HandshakeType.FINISHED}) == 2
    return ". It has not: both ends have finished" if done else ""


rule = Rule("no-certificate", "RFC 8122 §5, §6.2, RFC 7345 §4.1, TS 23.334 §6.2.10.3", "error",
            "Both ends of a leg with fingerprints in SDP present a certificate", _find, provisional=True,
            next="What the CertificateRequest asked for (signature algorithms, authorities), and whether the client "
                 "has a certificate of that kind at all; on the gateway, whether asking for one is switched on.")
