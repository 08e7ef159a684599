"""STUN (RFC 8489): messages as values, octets in datagrams and streams. The Binding method is what is used here."""

from __future__ import annotations

from workbench.protocols.stun.messages import (
    BINDING,
    COOKIE,
    HEADER_OCTETS,
    PORT,
    TRANSACTION_OCTETS,
    Address,
    Attribute,
    Class,
    Kind,
    Message,
    binding_request,
    binding_success,
    error_code,
    error_response,
    mapped,
    mapped_address,
    xor_mapped,
)
from workbench.protocols.stun.wire import (
    Event,
    Incoming,
    PeerViolation,
    Received,
    decode,
    encode,
    looks_like_stun,
    size_of,
)

__all__ = [
    "BINDING", "COOKIE", "HEADER_OCTETS", "PORT", "TRANSACTION_OCTETS", "Address", "Attribute", "Class", "Event",
    "Incoming", "Kind", "Message", "PeerViolation", "Received", "binding_request", "binding_success", "decode",
    "encode", "error_code", "error_response", "looks_like_stun", "mapped", "mapped_address", "size_of", "xor_mapped",
]
