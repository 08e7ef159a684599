"""SDP (RFC 8866) without loss, and the offer/answer rules of TCP and TLS media."""

from workbench.protocols.sdp.model import CHOOSE, Connection, Fingerprint, Line, Media, SessionDescription, Setup
from workbench.protocols.sdp.offer_answer import (
    LEGAL_ANSWERS,
    TRANSPORTS,
    Transport,
    Violation,
    check_answer,
    complement,
    legal_answers,
    setup_of_answer,
    setup_of_offer,
    tcp_client,
    tls_client,
    transport_of,
)
from workbench.protocols.sdp.text import decode, decode_groups, encode

__all__ = [
    "CHOOSE", "LEGAL_ANSWERS", "TRANSPORTS", "Connection", "Fingerprint", "Line", "Media", "SessionDescription",
    "Setup", "Transport", "Violation", "check_answer", "complement", "decode", "decode_groups", "encode", "legal_answers",
    "setup_of_answer", "setup_of_offer", "tcp_client", "tls_client", "transport_of",
]
