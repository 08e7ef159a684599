"""What of the message tree goes into each type of the binary encoding: the twin of `binary.decoding`.

One method a type of `annex_a.txt`; it gives the components in their order, None for one that is left out.

Source: H.248.1 Annex A, Annex C.11 (SDP).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from workbench.protocols.h248.binary.encoding.actions import (
    AMM,
    COMMAND_NUMBERS,
    Actions,
    audit_reply,
    descriptor_of,
    returned,
    transaction_of,
)
from workbench.protocols.h248.binary.encoding.addresses import address_of, identifier_of, mid_of
from workbench.protocols.h248.binary.encoding.audits import AuditTypes, individual, individual_signals
from workbench.protocols.h248.binary.encoding.events import EventTypes, behaviour_of
from workbench.protocols.h248.binary.encoding.media import MediaTypes
from workbench.protocols.h248.binary.encoding.values import Chosen, Parts
from workbench.protocols.h248.binary.names import Names, Remembered
from workbench.protocols.h248.binary.naming import TerminationNaming
from workbench.protocols.h248.binary.schema import methods_of
from workbench.protocols.h248.binary.words import WORDS
from workbench.protocols.h248.binary.writing import Splitting, Writer, Writers
from workbench.protocols.h248.message import (
    ErrorDescriptor,
    Form,
    SelectLogic,
    SignalList,
)

_SHORT = 64
EXTRA: Mapping[Form, Chosen] = {
    Form.GREATER: (0, Form.GREATER),
    Form.LESS: (0, Form.LESS),
    Form.DIFFERENT: (0, Form.DIFFERENT),
    Form.RANGE: (1, True),
    Form.LIST: (2, True),
    Form.ANY_OF: (2, False),
}


class _Tree(Actions, AuditTypes, EventTypes, MediaTypes):
    """One method a type, named after it: `stream_parms` for StreamParms."""


def message_writer(names: Names, naming: TerminationNaming) -> Writer:
    """The writer of the contents of a MegacoMessage."""
    tree = _Tree(names, naming)
    terminations: Mapping[str, Parts] = Remembered(tree.termination)
    splitting = Splitting(
        sequences={
            **methods_of(tree),
            "TerminationID": terminations.__getitem__,
        },
        choices={**_choices(tree), "Mid": Remembered(mid_of).__getitem__},
        words={name: {word: number for number, word in words.items()} for name, words in WORDS.items()},
        around={"TerminationID": _remembering, "TerminationIDList": _remembering, "Mid": _remembering},
    )
    return Writers(splitting).contents("MegacoMessage")


def _remembering(writer: Writer) -> Writer:
    known: Mapping[object, bytes] = Remembered(writer)

    def write(value: Sequence[object]) -> bytes:
        return known[value] if len(value) <= _SHORT else writer(value)

    return write


def _choices(tree: _Tree) -> Mapping[str, Callable[..., Chosen]]:
    """Which alternative of a CHOICE a value is."""
    return {
        "MessageBody": lambda body: (0, body) if isinstance(body, ErrorDescriptor) else (1, body),
        "Transaction": transaction_of,
        "TransactionResult": lambda result: (0, result) if isinstance(result, ErrorDescriptor) else (1, result),
        "ServiceChangeAddress": address_of,
        "SelectLogic": lambda logic: (0 if logic is SelectLogic.AND else 1, True),
        "Command": lambda command: (COMMAND_NUMBERS[command.kind], command),
        "CommandReply": lambda reply: (COMMAND_NUMBERS[reply.kind], reply),
        "AuditReply": audit_reply,
        "AmmDescriptor": lambda found: descriptor_of(AMM, found, "a request"),
        "AuditReturnParameter": returned,
        "ServiceChangeResult": lambda found: (0, found) if isinstance(found, ErrorDescriptor) else (1, found),
        "IndAuditParameter": individual,
        "IndAudStreams": lambda media: (0, media.streams[0]) if media.implicit_stream else (1, media.streams),
        "Streams": lambda media: (0, media.streams[0]) if media.implicit_stream else (1, media.streams),
        "IndAudSignalsDescriptor": individual_signals,
        "SignalRequest": lambda signal: (1 if isinstance(signal, SignalList) else 0, signal),
        "ExtraInfo": lambda form: EXTRA[form],
        "EventDM": tree.event_digit_map,
        "NotifyBehaviour": behaviour_of,
        "NonStandardIdentifier": identifier_of,
    }
