"""Words of the message tree for the numbers, bits and alternatives of the binary encoding.

Source: H.248.1 Annex A (enumerations, bit strings and choices of the module).
"""

from __future__ import annotations

from collections.abc import Mapping

from workbench.protocols.h248.message import (
    Completion,
    Descriptor,
    EventBuffer,
    EventBufferControl,
    Events,
    Form,
    Kind,
    Method,
    Mode,
    ServiceState,
    SignalDirection,
    Signals,
    SignalType,
    Statistics,
    TopologyDirection,
)

AUDIT_TOKENS = (
    "Mux",
    "Modem",
    "Media",
    "Events",
    "Signals",
    "DigitMap",
    "Statistics",
    "ObservedEvents",
    "Packages",
    "EventBuffer",
)
"""Names of the bits of an auditToken."""
EMPTY: Mapping[str, Descriptor] = {
    "Events": Events(),
    "Signals": Signals(),
    "Statistics": Statistics(),
    "EventBuffer": EventBuffer(),
}
"""Descriptors whose token alone is a descriptor in text."""

MODEM_TYPES = ("V18", "V22", "V22b", "V32", "V32b", "V34", "V90", "V91", "SynchISDN")
MUX_TYPES = ("H221", "H223", "H226", "V76", "Nx64Kservice")
WORDS: dict[str, Mapping[int, object]] = {
    "StreamMode": dict(
        enumerate((Mode.SEND_ONLY, Mode.RECEIVE_ONLY, Mode.SEND_RECEIVE, Mode.INACTIVE, Mode.LOOP_BACK))
    ),
    "ServiceState": dict(enumerate((ServiceState.TEST, ServiceState.OUT_OF_SERVICE, ServiceState.IN_SERVICE))),
    "EventBufferControl": dict(enumerate((EventBufferControl.OFF, EventBufferControl.LOCK_STEP))),
    "SignalType": dict(enumerate((SignalType.BRIEF, SignalType.ON_OFF, SignalType.TIME_OUT))),
    "SignalDirection": dict(enumerate((SignalDirection.INTERNAL, SignalDirection.EXTERNAL, SignalDirection.BOTH))),
    "TopologyDirection": dict(
        enumerate((TopologyDirection.BOTHWAY, TopologyDirection.ISOLATE, TopologyDirection.ONEWAY))
    ),
    "TopologyDirectionExtension": dict(enumerate((TopologyDirection.ONEWAY_EXTERNAL, TopologyDirection.ONEWAY_BOTH))),
    "Relation": dict(enumerate((Form.GREATER, Form.LESS, Form.DIFFERENT))),
    "ModemType": dict(enumerate(MODEM_TYPES)),
    "MuxType": dict(enumerate(MUX_TYPES)),
    "ServiceChangeMethod": dict(
        enumerate(
            (
                Method.FAILOVER,
                Method.FORCED,
                Method.GRACEFUL,
                Method.RESTART,
                Method.DISCONNECTED,
                Method.HAND_OFF,
            )
        )
    ),
}
"""Words of the tree for the numbers of each ENUMERATED."""
COMPLETIONS = (
    Completion.TIME_OUT,
    Completion.BY_EVENT,
    Completion.BY_SIGNALS_DESCRIPTOR,
    Completion.OTHER_REASON,
    Completion.ITERATION,
)
"""Names of the bits of a notifyCompletion."""
COMMANDS = {
    "addReq": Kind.ADD,
    "moveReq": Kind.MOVE,
    "modReq": Kind.MODIFY,
    "subtractReq": Kind.SUBTRACT,
    "auditCapRequest": Kind.AUDIT_CAPABILITY,
    "auditValueRequest": Kind.AUDIT_VALUE,
    "notifyReq": Kind.NOTIFY,
    "serviceChangeReq": Kind.SERVICE_CHANGE,
}
"""Alternatives of Command, in their order."""
REPLIES = {
    "addReply": Kind.ADD,
    "moveReply": Kind.MOVE,
    "modReply": Kind.MODIFY,
    "subtractReply": Kind.SUBTRACT,
    "auditCapReply": Kind.AUDIT_CAPABILITY,
    "auditValueReply": Kind.AUDIT_VALUE,
    "notifyReply": Kind.NOTIFY,
    "serviceChangeReply": Kind.SERVICE_CHANGE,
}
"""Alternatives of CommandReply, in their order."""
INDIVIDUAL = {
    "indaudmediaDescriptor": "Media",
    "indaudeventsDescriptor": "Events",
    "indaudeventBufferDescriptor": "EventBuffer",
    "indaudsignalsDescriptor": "Signals",
    "indauddigitMapDescriptor": "DigitMap",
    "indaudstatisticsDescriptor": "Statistics",
    "indaudpackagesDescriptor": "Packages",
}
"""Alternatives of IndAuditParameter, in their order, and the descriptors that they ask for."""
