"""Differences between tshark and us that are known, each with its reason. They are shown apart, and always shown.

A row stands for what was looked into once: a bug or a limit of Wireshark's, or another choice of words. It is as narrow
as it can be said, so that a new difference in the same field is found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from workbench.analysis.values import Message
from workbench.protocols.bfcp.messages import UNRELIABLE
from workbench.protocols.bfcp.messages import Message as BfcpMessage
from workbench.protocols.msrp import messages as msrp
from workbench.protocols.t38 import ifp
from workbench.protocols.t38.messages import FieldType, UdptlPacket
from workbench.witness.tshark import Row
from workbench.witness.values import Disagreement


class Known(msgspec.Struct, frozen=True):
    """A known difference.

    Args:
        id: short and stable.
        protocol: of the rows that it explains.
        fields: their fields; empty for all of this protocol.
        reason: why they differ, and who is right.
        holds: whether this one disagreement is of that kind.
        again: it is due to what is around the message, which is given to Wireshark once more, apart, and compared.
    """

    id: str
    protocol: str
    fields: tuple[str, ...]
    reason: str
    holds: Callable[[Disagreement, Sequence[Message], Row | None], bool]
    again: bool = False


def _page_breaks_off(told: Disagreement, messages: Sequence[Message], row: Row | None) -> bool:
    """Every one of their values is ours, and the packet ends a T.30 frame."""
    if row is None or told.ours[: len(told.theirs)] != told.theirs:
        return False
    for message in messages:
        version = ifp.version_of(message.value.primary) if isinstance(message.value, UdptlPacket) else None
        fields = ifp.decode(message.value.primary, version).fields if version is not None else None
        if fields and any(one.kind != FieldType.HDLC_DATA for one in fields):
            return True
    return False


def _version_2(told: Disagreement, messages: Sequence[Message], row: Row | None) -> bool:
    return told.theirs in ((), ("0",)) and bool(messages) and all(
        isinstance(one.value, BfcpMessage) and one.value.version == UNRELIABLE for one in messages)


def _looks_like_an_end_line(told: Disagreement, messages: Sequence[Message], row: Row | None) -> bool:
    return any(_END_LINE.search(one.value.body or b"") for one in messages if isinstance(one.value, msrp.Request))


_END_LINE = re.compile(rb"(?m)^-------")

IN_PIECES = Known(
    "msrp-in-pieces", "MSRP", ("messages",),
    "Wireshark does not put MSRP together: it reads what begins a segment and ends in it. Such a message is given to "
    "it once more in a segment of its own, and compared there", lambda told, messages, row: False, again=True)
"""Found while reading (`second_opinion`), not by a look at the values."""

KNOWN: tuple[Known, ...] = (
    IN_PIECES,
    Known("msrp-end-line-in-body", "MSRP", (),
          "Wireshark takes a line of a body that begins with seven hyphens for the end of the message; only the one "
          "with its own transaction id is (RFC 4975 §7.1)", _looks_like_an_end_line),
    Known("t38-page-breaks-off", "UDPTL", ("indicator", "data type", "error recovery"),
          "Wireshark puts T.30 frames together without looking at sequence numbers of UDPTL; where the end of a frame "
          "comes again, or a frame is not whole, it leaves the rest of the packet unread. Such a packet is given to it "
          "once more in a flow of its own, behind the beginning of a frame, and compared there", _page_breaks_off,
          again=True),
    Known("bfcp-version-2", "BFCP", (),
          "Wireshark 4.0 looks for version 1 of BFCP, the one over TCP; over UDP it is version 2 (RFC 8855 §5.1)",
          _version_2),
)


def reason_of(told: Disagreement, messages: Sequence[Message], row: Row | None) -> Known | None:
    """The known difference that explains this one; None where there is none."""
    return next((one for one in KNOWN if one.protocol == told.protocol and (not one.fields or told.field in one.fields)
                 and one.holds(told, messages, row)), None)
