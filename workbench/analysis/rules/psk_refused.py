"""A handshake with a pre-shared key fails: the server does not know the name of the key, or has another key for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.analysis.carried.pre_shared import shown
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.secured import MOST
from workbench.protocols.tls import messages as tls
from workbench.protocols.tls.registry import Alert

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Message

# What servers send for a name that they do not know: GnuTLS hides that in TLS 1.2 behind a random key, and sends
# what comes of a wrong one; OpenSSL's server of TLS 1.3 goes on to look for a certificate.
_UNKNOWN = (Alert.UNKNOWN_PSK_IDENTITY,)
_UNKNOWN_13 = (Alert.UNKNOWN_PSK_IDENTITY, Alert.HANDSHAKE_FAILURE)
_WRONG = (Alert.BAD_RECORD_MAC, Alert.DECRYPT_ERROR)
_WRONG_13 = (*_WRONG, Alert.ILLEGAL_PARAMETER)


def named_in(message: Message) -> bytes:
    """The name of a pre-shared key that a client names with this message; empty: it names none."""
    match message.value.body if isinstance(message.value, tls.Handshake) else None:
        case tls.ClientHello() as hello:
            return next((one.identity for one in hello.psk_offers if one.external), b"")
        case tls.ClientKeyExchange(psk_identity=identity):
            return identity or b""
    return b""


def _refused(said: Sequence[Message]) -> tuple[Message, Message] | None:
    """Who named a key, and the fatal alert of the other end that came of it, before that end had finished."""
    named: Message | None = None
    for message in said[:MOST]:
        if named_in(message):
            named = message
        elif named is None or message.source == named.source:
            continue
        elif isinstance(message.value, tls.AlertMessage):
            return (named, message) if message.value.level == 2 else None
        elif message.summary.startswith("ServerHello") or isinstance(message.value, tls.ChangeCipherSpec):
            return None
    return None


def _legs(report: Report) -> Iterator[tuple[Leg, Message, Message, bool]]:
    for session in report.sessions:
        for leg in session.legs:
            found = _refused(report.secured(leg)) if leg.tls_client else None
            if found is not None:
                yield leg, *found, isinstance(found[0].value.body, tls.ClientHello)


def _unknown(report: Report) -> Iterator[Evidence]:
    for leg, named, alert, modern in _legs(report):
        if alert.value.description in (_UNKNOWN_13 if modern else _UNKNOWN):
            doubt = ("" if alert.value.description == Alert.UNKNOWN_PSK_IDENTITY else
                     ", or wants to show a certificate and has none that the client takes")
            yield Evidence((*named.frames, *alert.frames), (
                f"{named.source.node} names the pre-shared key {shown(named_in(named))!r} on the {leg.name} leg, and "
                f"{alert.source.node} does not know it{doubt}: no session comes of it"))


def _wrong(report: Report) -> Iterator[Evidence]:
    for leg, named, alert, modern in _legs(report):
        if alert.value.description in (_WRONG_13 if modern else _WRONG):
            what = "the binder in its ClientHello" if modern else "its Finished"
            yield Evidence((*named.frames, *alert.frames), (
                f"{named.source.node} names the pre-shared key {shown(named_in(named))!r} on the {leg.name} leg, and "
                f"{what} does not fit the key that {alert.source.node} has under that name (or that it has made up, "
                "to hide which names it knows): no session comes of it"))


unknown_rule = Rule(
    "psk-identity-unknown", "RFC 4279 §2, RFC 8446 §6.2", "error",
    "The server knows the name of the client's pre-shared key", _unknown,
    next="Whether the key has reached the server at all (from the KMS, or over H.248), and in time; then how each end "
         "makes the PSK identity out of the ticket, octet by octet.")
wrong_rule = Rule(
    "psk-wrong-key", "RFC 4279 §2, RFC 8446 §4.2.11.2", "error",
    "Both ends have the same pre-shared key under the same name", _wrong,
    next="From which ticket and which Crypto Session each end has its key: another CS ID or RAND gives another TEK. A "
         "key of an earlier call under the same name looks just like this.")
