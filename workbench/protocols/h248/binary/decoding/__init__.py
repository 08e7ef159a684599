"""What each type of the binary encoding becomes in the message tree.

One method a type of `annex_a.txt`, with the components in their order. Where text and binary say the same thing in two
ways, the tree is the one that the text decoder would make.

Source: H.248.1 Annex A, Annex C.11 (SDP).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workbench.protocols.h248.binary.decoding.actions import Actions, empty_descriptors
from workbench.protocols.h248.binary.decoding.addresses import Addresses, device, mtp
from workbench.protocols.h248.binary.decoding.audits import AuditTypes
from workbench.protocols.h248.binary.decoding.events import EventTypes, regulated
from workbench.protocols.h248.binary.decoding.media import stream_of
from workbench.protocols.h248.binary.names import Names
from workbench.protocols.h248.binary.naming import TerminationNaming
from workbench.protocols.h248.binary.reading import Building, Reader, Readers
from workbench.protocols.h248.binary.schema import methods_of
from workbench.protocols.h248.binary.words import COMMANDS, INDIVIDUAL, REPLIES, WORDS
from workbench.protocols.h248.message import (
    Ack,
    AuditItem,
    CommandReply,
    DigitMap,
    EventBuffer,
    Form,
    NotifyBehaviour,
    Packages,
    SelectLogic,
    Services,
    SignalDirection,
    Signals,
    Statistics,
)

MEGACO_BOTH = 3
"""What Erlang/OTP's megaco writes for Both, which is 2; no version gives 3 a meaning, so it is read as was meant."""
_REMEMBERED = 4096
_SHORT = 96


class _Tree(Actions, AuditTypes, EventTypes, Addresses):
    """One method a type, named after it: `stream_parms` for StreamParms."""


def message_reader(names: Names, naming: TerminationNaming) -> Reader:
    """The reader for the contents of a MegacoMessage."""
    tree = _Tree(names, naming)
    building = Building(
        sequences=methods_of(tree),
        alternatives=_alternatives(tree),
        words=WORDS | {"SignalDirection": {**WORDS["SignalDirection"], MEGACO_BOTH: SignalDirection.BOTH}},
        around={"TerminationID": _remembering, "TerminationIDList": _remembering, "Mid": _remembering},
    )
    return Readers(building).contents("MegacoMessage")


def _remembering(reader: Reader) -> Reader:
    """A reader that knows short contents again. They say the same wherever they stand."""
    known: dict[bytes, object] = {}

    def read(octets: bytes, start: int, stop: int) -> object:
        contents = octets[start:stop]
        value = known.get(contents)
        if value is None:
            value = reader(octets, start, stop)
            if stop - start <= _SHORT:
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[contents] = value
        return value

    return read


def _alternatives(tree: _Tree) -> Mapping[str, Callable[..., object]]:
    """What an alternative of a CHOICE becomes, where it is not its value alone."""
    made: dict[str, Callable[..., object]] = {
        "Mid.deviceName": device,
        "Mid.mtpAddress": mtp,
        "ServiceChangeAddress.portNumber": str,
        "ServiceChangeAddress.deviceName": device,
        "ServiceChangeAddress.mtpAddress": mtp,
        "Transaction.transactionResponseAck": Ack,
        "SelectLogic.andAUDITSelect": lambda there: SelectLogic.AND,
        "SelectLogic.orAUDITSelect": lambda there: SelectLogic.OR,
        "AuditReply.contextAuditResult": lambda terminations: (terminations, (), True),
        "AuditReply.error": lambda error: ((), (error,), True),
        "AuditReturnParameter.packagesDescriptor": Packages,
        "AuditReturnParameter.emptyDescriptors": empty_descriptors,
        "ServiceChangeResult.errorDescriptor": lambda error: (error,),
        "ServiceChangeResult.serviceChangeResParms": lambda found: () if found == Services() else (found,),
        "Streams.oneStream": lambda parts: ((stream_of(1, parts),), True),
        "Streams.multiStream": lambda streams: (streams, False),
        "IndAudStreams.oneStream": lambda parts: ((stream_of(1, parts),), True),
        "IndAudStreams.multiStream": lambda streams: (streams, False),
        "NotifyBehaviour.notifyImmediate": lambda there: (NotifyBehaviour.IMMEDIATE, None),
        "NotifyBehaviour.notifyRegulated": regulated,
        "NotifyBehaviour.neverNotify": lambda there: (NotifyBehaviour.NEVER, None),
        "EventDM.digitMapName": lambda octets: DigitMap(tree.naming.digit_map_text(octets)),
        "EventDM.digitMapValue": lambda value: DigitMap(None, *value),
        "ExtraInfo.range": lambda given: Form.RANGE if given else Form.ANY_OF,
        "ExtraInfo.sublist": lambda given: Form.LIST if given else Form.ANY_OF,
        "IndAudSignalsDescriptor.signal": lambda signal: Signals((signal,)),
        "IndAudSignalsDescriptor.seqSigList": lambda signals: Signals((signals,)),
        "NonStandardIdentifier.experimental": device,
    }
    for choice in ("AmmDescriptor", "AuditReturnParameter"):
        made[f"{choice}.eventBufferDescriptor"] = EventBuffer
        made[f"{choice}.signalsDescriptor"] = Signals
        made[f"{choice}.statisticsDescriptor"] = Statistics
    for name, kind in COMMANDS.items():
        made[f"Command.{name}"] = lambda found, kind=kind: (kind, *found)
    for name, kind in REPLIES.items():
        made[f"CommandReply.{name}"] = lambda found, kind=kind: CommandReply(kind, *found)
    for name, item in INDIVIDUAL.items():
        made[f"IndAuditParameter.{name}"] = lambda found, item=item: AuditItem(item, found)
    return made
