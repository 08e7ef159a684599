"""One end of a TLS leg has a pre-shared key in mind, the other a certificate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.analysis.calls.legs import said_on
from workbench.analysis.rules.psk_refused import named_in
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.secured import MOST, is_up
from workbench.protocols.tls import messages as tls
from workbench.protocols.tls.registry import Alert
from workbench.protocols.tls.suites import CIPHER_SUITES

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Message

_NO_WAY = (Alert.HANDSHAKE_FAILURE, Alert.INSUFFICIENT_SECURITY)


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for leg, span, termination in call.legs:
            if not leg.tls_client:
                continue
            said = report.secured(leg)[:MOST]
            told = [one for side in said_on(call, termination, span) for one in side]
            found = _refused(said, told) or _unchecked(leg, said, told)
            if found is not None:
                yield found


def _refused(said: Sequence[Message], told: list[Described]) -> Evidence | None:
    """A ClientHello, and a fatal alert because the ends do not mean the same."""
    at = next((index for index, one in enumerate(said) if _hello(one) is not None), None)
    alert = next((one for one in said if isinstance(one.value, tls.AlertMessage) and one.value.level == 2), None)
    if at is None or alert is None:
        return None
    message, behind = said[at], said[at + 1 :]
    hello = _hello(message)
    assert hello is not None
    answer = next((one for one in behind if one.source != message.source), None)
    finished = any(one.summary.startswith("Finished") and one.source == message.source and one.index < alert.index
                   for one in behind)
    if answer is None or finished:
        return None
    who, other = message.source.node, answer.source.node
    chosen = answer.value.body if isinstance(answer.value, tls.Handshake) else None
    wanted = ""
    if isinstance(chosen, tls.ServerHello) and named_in(message) and "PSK" not in _name(chosen.cipher_suite) and (
            chosen.selected_psk is None and not chosen.retry):
        wanted = f"{who} offers a pre-shared key, and {other} goes on without it and shows a certificate"
    elif answer is alert and alert.value.description in _NO_WAY:
        if _wants_key(hello):
            wanted = f"{who} offers suites with a pre-shared key alone, and {other} does none of them"
        elif not _offers_key(hello) and _keyed(told):
            wanted = f"{who} offers suites with certificates alone, and SDP has a=key-mgmt and no a=fingerprint"
    return None if not wanted else Evidence((*message.frames, *answer.frames, *alert.frames), (
        f"{wanted}: one end has a key in mind, the other a certificate, so the session fails"))


def _unchecked(leg: Leg, said: Sequence[Message], told: list[Described]) -> Evidence | None:
    """A session by a key that SDP says nothing of, where it announces certificates."""
    named = next((one for one in said if named_in(one)), None)
    announced = next((one for one in told if one.fingerprints and not _has_key(one)), None)
    if not leg.psk_identity or named is None or announced is None or not is_up(list(said)):
        return None
    return Evidence((*announced.draft.frames, *named.frames), (
        f"the {announced.role} announces a certificate by its fingerprint, and TLS on the {leg.name} leg comes up by "
        f"the pre-shared key {leg.psk_identity!r}: the certificate was never shown or checked"))


def _hello(message: Message) -> tls.ClientHello | None:
    value = message.value.body if isinstance(message.value, tls.Handshake) else None
    return value if isinstance(value, tls.ClientHello) else None


def _name(suite: int) -> str:
    return CIPHER_SUITES.get(suite, "")


def _wants_key(hello: tls.ClientHello) -> bool:
    """All suites of TLS 1.2 that are offered have a pre-shared key, and there are some."""
    names = [name for suite in hello.cipher_suites if "_WITH_" in (name := _name(suite))]
    return bool(names) and all("PSK" in name for name in names)


def _offers_key(hello: tls.ClientHello) -> bool:
    return any("PSK" in _name(suite) for suite in hello.cipher_suites) or bool(hello.psk_offers)


def _has_key(one: Described) -> bool:
    return one.description.attribute_of(one.media, "key-mgmt") is not None


def _keyed(told: list[Described]) -> bool:
    """Descriptions of the leg promise a key, and none of them a certificate."""
    return any(_has_key(one) for one in told) and not any(one.fingerprints for one in told)


rule = Rule("psk-or-certificate", "RFC 4279 §2, RFC 8446 §2.2, RFC 8122 §6.2, RFC 4567 §3", "error",
            "Both ends of a TLS leg mean a pre-shared key, or both mean certificates", _find, provisional=True,
            next="a=key-mgmt and a=fingerprint in offer and answer as each end got them, and which of both each end is "
                 "configured for; whether the ticket could be resolved at all.")
