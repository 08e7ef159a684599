"""The vocabulary of expectations: what to look for in a report, as values with a description.

Each function here makes a `Seen` (occurrences) or a `Fact` (holds or not). They read decoded messages, sessions and
packets of the capture and know nothing else. By topic: `signalling` (SIP and SDP), `control` (Iq), `bearer` (TCP),
`security` (TLS), `msrp`.
"""

from __future__ import annotations

from workbench.lab.seen.bearer import (
    arrives,
    comes,
    connections,
    flushed_then_ended,
    handled,
    in_turn,
    incoming_triggers_outgoing,
    is_up,
    leaves,
    opened,
    passes,
    second_is_refused,
    silent_until,
    source_is_latched,
    words_arrive,
)
from workbench.lab.seen.control import (
    anything_reported,
    context_is_released,
    every_order_is_answered,
    failure_reported,
    latching_ordered,
    once,
    order,
    ordered,
    release_reported,
    told,
    transports,
)
from workbench.lab.seen.msrp import (
    bodies,
    delivered,
    messages,
    path_passes,
    paths_as_told,
    response,
)
from workbench.lab.seen.reading import (
    Side,
)
from workbench.lab.seen.security import (
    certificates_match,
    checked_before_core,
    gateway_fingerprint_travels,
    tcp_client_is_tls_client,
    tls_ends_before_tcp,
)
from workbench.lab.seen.signalling import (
    SECURITY_ATTRIBUTES,
    answer,
    attribute,
    offer,
    registration,
    security_in_sdp,
)

__all__ = [
    "SECURITY_ATTRIBUTES",
    "Side",
    "answer",
    "anything_reported",
    "arrives",
    "attribute",
    "bodies",
    "certificates_match",
    "checked_before_core",
    "comes",
    "connections",
    "context_is_released",
    "delivered",
    "every_order_is_answered",
    "failure_reported",
    "flushed_then_ended",
    "gateway_fingerprint_travels",
    "handled",
    "in_turn",
    "incoming_triggers_outgoing",
    "is_up",
    "latching_ordered",
    "leaves",
    "messages",
    "offer",
    "once",
    "opened",
    "order",
    "ordered",
    "passes",
    "path_passes",
    "paths_as_told",
    "registration",
    "release_reported",
    "response",
    "second_is_refused",
    "security_in_sdp",
    "silent_until",
    "source_is_latched",
    "tcp_client_is_tls_client",
    "tls_ends_before_tcp",
    "told",
    "transports",
    "words_arrive",
]
