"""SDP (RFC 8866) without loss, and the offer/answer rules of TCP and TLS media."""

from __future__ import annotations

from workbench.protocols.sdp.bfcp import (
    BfcpStream,
    FloorControl,
    FloorStreams,
    check_labels,
    common_versions,
    floor_control,
    version_of,
)
from workbench.protocols.sdp.keying import MIKEY, KeyManagement, key_management, offered_protocols, protocol_of
from workbench.protocols.sdp.later import Party, renews_tls, tls_clients_after
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
from workbench.protocols.sdp.rules import Violation
from workbench.protocols.sdp.t38 import ErrorCorrection, RateManagement, T38Stream
from workbench.protocols.sdp.text import decode, decode_groups, encode
from workbench.protocols.sdp.transports import TRANSPORTS, Transport, transport_of

__all__ = [
    "CHOOSE", "MIKEY", "TRANSPORTS", "BfcpClient", "BfcpStream", "Connection", "Direction", "E2ae", "ErrorCorrection",
    "Fingerprint", "FloorControl", "FloorStreams", "KeyManagement", "Line", "Media", "Origin", "Party",
    "RateManagement", "Reuse", "Roles", "SessionDescription", "Setup", "Side", "T38Stream", "Transport", "Violation",
    "check_answer", "check_answers", "check_labels", "check_later", "check_offer", "common_versions", "complement",
    "decode", "decode_groups", "encode", "fingerprint_choice", "floor_control", "is_msrp", "keeps_connection",
    "key_management", "legal_answers", "offered_protocols", "protocol_of", "renews_tls", "reuse_of", "roles",
    "setup_of_answer", "setup_of_offer", "tcp_roles", "tls_client", "tls_clients_after", "transport_of",
    "valid_tls_id", "version_of", "written_setup",
]
