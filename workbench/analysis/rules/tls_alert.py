"""A TLS session was given up with a fatal alert: by whom, and what it means where certificates come from SDP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_CAUSES = {
    "bad_certificate": "the certificate is not the one whose fingerprint SDP announced (RFC 8122 §6.2), or is damaged",
    "certificate_required": "the client presents no certificate, and with e2ae both ends have to",
    "handshake_failure": "there is no cipher suite in common, or a client of TLS 1.2 presents no certificate",
    "insufficient_security": "the suites that are offered are too weak for the other end",
    "protocol_version": "there is no TLS version in common",
    "unexpected_message": "what came is no TLS, or comes out of turn: clear text on a TLS leg, or two TLS clients",
    "bad_record_mac": "a record was changed on its way, or the ends have different keys",
    "decrypt_error": "a signature, a Finished or the binder of a pre-shared key does not fit",
    "unknown_psk_identity": "it knows no pre-shared key of the name that the client gives (RFC 4279 §2)",
    "record_overflow": "a record is longer than the protocol allows: what came is probably no TLS",
    "decode_error": "a message does not decode",
    "unsupported_certificate": "the certificate is of a kind that the other end does not do",
    "certificate_expired": "the certificate is out of date; with a fingerprint from SDP that should not matter",
    "unknown_ca": "an issuer is asked for, where the fingerprint in SDP is to vouch (TS 33.328 §4.1.2.3)",
    "internal_error": "the sender has a fault of its own",
    "user_canceled": "somebody gave up in the middle of the handshake",
}
_UNNAMED = "what it objects to came just before, from the other side"


def _find(report: Report) -> Iterator[Evidence]:
    for message in report.messages_of("TLS", "DTLS", readable=True):
        if message.summary.startswith("Alert fatal"):
            reason = message.summary.removeprefix("Alert fatal ")
            cause = _CAUSES.get(reason.split()[0], _UNNAMED)
            yield Evidence(message.frames, (
                f"{message.source.node} ends {message.protocol} with {reason}: {cause}. Nothing more is carried on "
                "this connection"))


rule = Rule("tls-alert", "RFC 8446 §6.2, RFC 5246 §7.2.2", "warning", "TLS ends without a fatal alert", _find,
            next="The message right before the alert, of the side that gets it: a certificate, a key share, or "
                 "something that is no TLS. Then whether the gateway reported the failure, and the call was released.")
