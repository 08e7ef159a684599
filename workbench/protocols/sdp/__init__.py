"""SDP (RFC 8866) without loss, and the offer/answer rules of TCP and TLS media."""

from __future__ import annotations

from workbench.protocols.sdp.model import (
    CHOOSE,
    Connection,
    Direction,
    E2ae,
    Fingerprint,
    Line,
    Media,
    Origin,
    Reuse,
    SessionDescription,
    Setup,
    fingerprint_choice,
)
from workbench.protocols.sdp.offer_answer import (
    BfcpClient,
    Roles,
    Side,
    Violation,
    check_answer,
    check_answers,
    check_later,
    check_offer,
    complement,
    is_msrp,
    keeps_connection,
    legal_answers,
    reuse_of,
    roles,
    setup_of_answer,
    setup_of_offer,
    tcp_roles,
    tls_client,
    valid_tls_id,
    written_setup,
)
from workbench.protocols.sdp.text import decode, decode_groups, encode
from workbench.protocols.sdp.transports import TRANSPORTS, Transport, transport_of

__all__ = [
    "CHOOSE", "TRANSPORTS", "BfcpClient", "Connection", "Direction", "E2ae", "Fingerprint", "Line", "Media", "Origin",
    "Reuse", "Roles", "SessionDescription", "Setup", "Side", "Transport", "Violation", "check_answer", "check_answers",
    "check_later", "check_offer", "complement", "decode", "decode_groups", "encode", "fingerprint_choice", "is_msrp",
    "keeps_connection", "legal_answers", "reuse_of", "roles", "setup_of_answer", "setup_of_offer", "tcp_roles",
    "tls_client", "transport_of", "valid_tls_id", "written_setup",
]
