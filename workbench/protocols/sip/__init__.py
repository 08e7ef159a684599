"""The SIP that an offer/answer dialog needs (RFC 3261), and sec-agree (RFC 3329)."""

from __future__ import annotations

from workbench.protocols.sip import registration
from workbench.protocols.sip.dialog import Dialog, invite, invite_onwards, response, warning
from workbench.protocols.sip.grammar import (
    Credentials,
    CSeq,
    NameAddress,
    Uri,
    Via,
    address_uri,
    host_of,
    uri_key,
)
from workbench.protocols.sip.machine import (
    AckReceived,
    Address,
    Event,
    PeerViolation,
    RequestReceived,
    ResponseReceived,
    TimedOut,
    Transactions,
    Transmit,
)
from workbench.protocols.sip.messages import COMPACT, REASONS, Headers, Message, Request, Response, tag_of
from workbench.protocols.sip.wire import decode, encode, looks_like_sip

__all__ = [
    "COMPACT", "REASONS", "AckReceived", "Address", "CSeq", "Credentials", "Dialog", "Event", "Headers", "Message",
    "NameAddress", "PeerViolation", "Request", "RequestReceived", "Response", "ResponseReceived", "TimedOut",
    "Transactions", "Transmit", "Uri", "Via", "address_uri", "decode", "encode", "host_of", "invite", "invite_onwards",
    "looks_like_sip", "registration", "response", "tag_of", "uri_key", "warning",
]
