"""The SIP that an offer/answer dialog needs (RFC 3261), and sec-agree (RFC 3329)."""

from workbench.protocols.sip import registration
from workbench.protocols.sip.dialog import Dialog, invite, invite_onwards, response
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
from workbench.protocols.sip.messages import Headers, Message, Request, Response, address_uri, host_of, uri_key
from workbench.protocols.sip.wire import decode, encode, looks_like_sip

__all__ = [
    "AckReceived",
    "Address",
    "Dialog",
    "Event",
    "Headers",
    "Message",
    "PeerViolation",
    "Request",
    "RequestReceived",
    "Response",
    "ResponseReceived",
    "TimedOut",
    "Transactions",
    "Transmit",
    "address_uri",
    "decode",
    "encode",
    "host_of",
    "invite",
    "invite_onwards",
    "looks_like_sip",
    "registration",
    "response",
    "uri_key",
]
