"""Offer/answer rules of TCP, TLS and DTLS media as tables (RFC 3264, RFC 4145, RFC 6135, RFC 8122, RFC 8842)."""

from __future__ import annotations

import re

import msgspec

from workbench.protocols.sdp.model import Media, Setup

_TLS_ID = re.compile(r"[A-Za-z0-9+/\-_]{20,255}")


class Transport(msgspec.Struct, frozen=True):
    """What a `<proto>` says: the carrier, the security above it, and the application (None: not named)."""

    proto: str
    carrier: str
    security: str | None = None
    application: str | None = None


TRANSPORTS = {
    transport.proto.lower(): transport
    for transport in (
        Transport("TCP", "tcp"),
        Transport("TCP/MSRP", "tcp", None, "msrp"),
        Transport("TCP/TLS", "tcp", "tls"),
        Transport("TCP/TLS/MSRP", "tcp", "tls", "msrp"),
        Transport("TCP/BFCP", "tcp", None, "bfcp"),
        Transport("TCP/TLS/BFCP", "tcp", "tls", "bfcp"),
        Transport("TCP/DTLS/BFCP", "tcp", "dtls", "bfcp"),
        Transport("UDP/BFCP", "udp", None, "bfcp"),
        Transport("UDP/TLS/BFCP", "udp", "dtls", "bfcp"),
        Transport("UDP", "udp"),
        Transport("UDP/DTLS", "udp", "dtls"),
        Transport("UDPTL", "udp", None, "udptl"),
        Transport("UDP/TLS/UDPTL", "udp", "dtls", "udptl"),
        Transport("TCP/UDPTL", "tcp", None, "udptl"),
        Transport("UDP/DTLS/SCTP", "udp", "dtls", "sctp"),
        Transport("TCP/DTLS/SCTP", "tcp", "dtls", "sctp"),
        Transport("RTP/AVP", "udp", None, "rtp"),
        Transport("RTP/AVPF", "udp", None, "rtp"),
        Transport("RTP/SAVP", "udp", "srtp", "rtp"),
        Transport("RTP/SAVPF", "udp", "srtp", "rtp"),
        Transport("UDP/TLS/RTP/SAVP", "udp", "dtls", "rtp"),
        Transport("UDP/TLS/RTP/SAVPF", "udp", "dtls", "rtp"),
    )
}
"""Every `<proto>` of the specifications, by its lower-case form (`udptl` is written both ways)."""

LEGAL_ANSWERS = {
    Setup.ACTIVE: (Setup.PASSIVE, Setup.HOLDCONN),
    Setup.PASSIVE: (Setup.ACTIVE, Setup.HOLDCONN),
    Setup.ACTPASS: (Setup.ACTIVE, Setup.PASSIVE, Setup.HOLDCONN),
    Setup.HOLDCONN: (Setup.HOLDCONN,),
}
"""Answers that RFC 4145 §4.1 allows to each offer."""

_COMPLEMENT = {
    Setup.ACTIVE: Setup.PASSIVE, Setup.PASSIVE: Setup.ACTIVE,
    Setup.ACTPASS: Setup.ACTPASS, Setup.HOLDCONN: Setup.HOLDCONN,
}


class Violation(msgspec.Struct, frozen=True):
    """A rule that an offer or answer breaks, and where it stands."""

    what: str
    clause: str


def transport_of(proto: str) -> Transport | None:
    """What a `<proto>` of an m= line says, in whatever case it is written; None: unknown."""
    return TRANSPORTS.get(proto.lower())


def setup_of_offer(media: Media) -> Setup:
    """The role that an offer asks for; absent or unknown: active (RFC 4145 §4.1, RFC 4975 §8.5).

    With MSRP `holdconn` is handled as if it were absent (RFC 6135 §4.2).
    """
    return _role(media, Setup.ACTIVE)


def setup_of_answer(media: Media) -> Setup:
    """The role that an answer takes; absent or unknown: passive (RFC 4145 §4.1)."""
    return _role(media, Setup.PASSIVE)


def complement(setup: Setup) -> Setup:
    """What the other side is: active to passive and back; actpass and holdconn stay."""
    return _COMPLEMENT[setup]


def legal_answers(setup: Setup) -> tuple[Setup, ...]:
    """What may be answered to an offer of this role (RFC 4145 §4.1)."""
    return LEGAL_ANSWERS[setup]


def check_answer(offer: Media, answer: Media) -> list[Violation]:
    """What is wrong with an answer to this m= line. A port of 0 rejects the stream and breaks nothing."""
    if answer.port == 0:
        return []
    violations: list[Violation] = []
    if answer.media != offer.media:
        violations.append(Violation(f"media {answer.media} answers {offer.media}", "RFC 3264 §6"))
    if answer.proto.lower() != offer.proto.lower():
        violations.append(Violation(f"transport {answer.proto} answers {offer.proto}", "RFC 3264 §6"))
    transport = transport_of(offer.proto)
    if transport is not None and (transport.carrier == "tcp" or transport.security == "dtls"):
        violations += _check_setup(offer, answer)
        violations += _check_connection(offer, answer, transport)
    if transport is not None and transport.security in ("tls", "dtls") and offer.attribute("fingerprint") is not None:
        if answer.attribute("fingerprint") is None:
            violations.append(Violation("no fingerprint answers a fingerprint", "RFC 8122 §5"))
        if answer.attribute("tls-id") is not None and offer.attribute("tls-id") is None:
            violations.append(Violation("tls-id in an answer to an offer without it", "RFC 8842 §5.3"))
    for side in (offer, answer):
        tls_id = side.attribute("tls-id")
        if tls_id is not None and _TLS_ID.fullmatch(tls_id) is None:
            violations.append(Violation("tls-id is not 20 to 255 letters, digits, + / - _", "RFC 8842 §4"))
    return violations


def tcp_client(offer: Media, answer: Media) -> str | None:
    """Who opens the connection: `offerer`, `answerer`, or None (holdconn, or an answer that is not legal)."""
    settled = setup_of_answer(answer)
    if settled not in legal_answers(setup_of_offer(offer)):
        return None
    return {Setup.ACTIVE: "answerer", Setup.PASSIVE: "offerer"}.get(settled)


def tls_client(offer: Media, answer: Media) -> str | None:
    """Who sends the ClientHello on a new connection: `offerer`, `answerer`, or None where there is no TLS.

    BFCP over TCP: the offerer of the exchange that created the connection, whoever opened TCP (RFC 8856 §8).
    Everything else: the side that is `active` (RFC 8122 §4, RFC 7345, RFC 8842).
    """
    transport = transport_of(answer.proto)
    if transport is None or transport.security not in ("tls", "dtls"):
        return None
    if transport.application == "bfcp" and transport.carrier == "tcp":
        return "offerer"
    return tcp_client(offer, answer)


def _role(media: Media, default: Setup) -> Setup:
    setup = media.setup
    transport = transport_of(media.proto)
    if setup is Setup.HOLDCONN and transport is not None and transport.application == "msrp":
        return default
    return setup if setup is not None else default


def _check_setup(offer: Media, answer: Media) -> list[Violation]:
    offered, settled = setup_of_offer(offer), setup_of_answer(answer)
    if settled in legal_answers(offered):
        return []
    return [Violation(f"a=setup:{settled} answers {offered}", "RFC 4145 §4.1")]


def _check_connection(offer: Media, answer: Media, transport: Transport) -> list[Violation]:
    if transport.application == "msrp" or transport.carrier != "tcp":
        return []  # RFC 6135 §4.2: a=connection is not for MSRP and is ignored
    violations = []
    offered, settled = offer.attribute("connection") or "new", answer.attribute("connection") or "new"
    if offered == "new" and settled == "existing":
        violations.append(Violation("a=connection:existing answers new", "RFC 4145 §5.1"))
    return violations
