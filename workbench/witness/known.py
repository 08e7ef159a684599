"""Differences between tshark and us that are known, each with its reason. They are shown apart, and always shown.

A row stands for what was looked into once: a bug or a limit of Wireshark's, or another choice of words. It is as narrow
as it can be said, so that a new difference in the same field is found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from workbench.analysis.values import Message
from workbench.protocols.bfcp import messages as bfcp
from workbench.protocols.bfcp.header import FRAGMENTED
from workbench.protocols.msrp import messages as msrp
from workbench.protocols.t38 import ifp
from workbench.protocols.t38.messages import FieldType, UdptlPacket
from workbench.protocols.tls.messages import AlertMessage
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
        again: gives the message as Wireshark reads it: by itself, or without what it stumbles over. Its values are
            compared there; None where they are not compared at all.
    """

    id: str
    protocol: str
    fields: tuple[str, ...]
    reason: str
    holds: Callable[[Disagreement, Sequence[Message], Row | None], bool]
    again: Callable[[Message], Message] | None = None


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


def _keys_forgotten(told: Disagreement, messages: Sequence[Message], row: Row | None) -> bool:
    return told.theirs == ("0",) and bool(messages) and all(one.protected for one in messages)


def _is_version_2(told: Disagreement, messages: Sequence[Message], row: Row | None) -> bool:
    return told.theirs == ("0",) and bool(messages) and all(
        isinstance(one.value, bfcp.Message) and one.value.version == bfcp.UNRELIABLE and not _in_fragments(one)
        for one in messages)


def _is_last_fragment(told: Disagreement, messages: Sequence[Message], row: Row | None) -> bool:
    return told.theirs == ("0",) and bool(messages) and all(
        isinstance(one.value, bfcp.Message) and _in_fragments(one) for one in messages)


def _in_fragments(message: Message) -> bool:
    return bool(message.octets[0] & FRAGMENTED)


def _as_version_1(message: Message) -> Message:
    """The same octets, but for version and flags."""
    return msgspec.structs.replace(message, octets=bytes([bfcp.RELIABLE << 5]) + message.octets[1:])


def _alert_to_no_tls(told: Disagreement, messages: Sequence[Message], row: Row | None) -> bool:
    return told.theirs == ("0",) and (row is None or "tls" not in row.layers) and bool(messages) and all(
        isinstance(one.value, AlertMessage) and not one.protected for one in messages)


def _as_record(message: Message) -> Message:
    """An alert in a record of TLS 1.2, as it stands in its segment (RFC 8446 §5.1)."""
    return msgspec.structs.replace(message, octets=b"\x15\x03\x03" + len(message.octets).to_bytes(2) + message.octets)


def _looks_like_an_end_line(told: Disagreement, messages: Sequence[Message], row: Row | None) -> bool:
    return any(_END_LINE.search(one.value.body or b"") for one in messages if isinstance(one.value, msrp.Request))


def _as_it_is(message: Message) -> Message:
    return message


def _without_hyphens(message: Message) -> Message:
    """The same octets, but for lines of the body that begin like an end-line."""
    body = message.value.body if isinstance(message.value, msrp.Request) else None
    if not body:
        return message
    head, _, behind = message.octets.partition(body)
    return msgspec.structs.replace(message, octets=head + _END_LINE.sub(b"=======", body) + behind)


_END_LINE = re.compile(rb"(?m)^-------")

IN_PIECES = Known(
    "msrp-in-pieces", "MSRP", ("messages",),
    "Wireshark does not find a message of MSRP that begins behind another in a segment and goes on in the next one. "
    "Such a message is given to it once more in a segment of its own, and compared there",
    lambda told, messages, row: False, _as_it_is)
"""Found while reading (`second_opinion`), not by a look at the values."""

KNOWN: tuple[Known, ...] = (
    IN_PIECES,
    Known("msrp-end-line-in-body", "MSRP", (),
          "Wireshark takes a line of a body that begins with seven hyphens for the end of the message; only the one "
          "with its own transaction id is (RFC 4975 §7.1). Such a message is given to it once more with other hyphens, "
          "and compared there", _looks_like_an_end_line, _without_hyphens),
    Known("tls-keys-forgotten", "TLS", ("messages",),
          "Wireshark drops the keys of a connection when another ClientHello comes in it, and shows what is still sent "
          "with them as application data. The key log decrypts it, and its authentication tag is right; the values are "
          "not compared", _keys_forgotten),
    Known("tls-alert-to-clear-text", "TLS", ("messages",),
          "Wireshark reads a connection with one dissector; where one side speaks BFCP in the clear and the other "
          "answers with an alert of TLS, it does not see the alert. It is given to it once more by itself, and "
          "compared there",
          _alert_to_no_tls, _as_record),
    Known("bfcp-version-2", "BFCP", ("messages",),
          "Wireshark 4.0 knows BFCP of version 1 only; over datagrams it is version 2 (RFC 8855 §5.1). Such a message "
          "is given to it once more with version 1 in its header, and compared there", _is_version_2, _as_version_1),
    Known("bfcp-fragments", "BFCP", ("messages",),
          "Wireshark 4.0 does not put fragments of BFCP together (RFC 8855 §6.2.3). What they make is told with the "
          "last of them; its values are not compared", _is_last_fragment),
    Known("t38-page-breaks-off", "UDPTL", ("indicator", "data type", "error recovery"),
          "Wireshark puts T.30 frames together without looking at sequence numbers of UDPTL; where the end of a frame "
          "comes again, or a frame is not whole, it leaves the rest of the packet unread. Such a packet is given to it "
          "once more in a flow of its own, behind the beginning of a frame, and compared there",
          _page_breaks_off, _as_it_is),
)


def reason_of(told: Disagreement, messages: Sequence[Message], row: Row | None) -> Known | None:
    """The known difference that explains this one; None where there is none."""
    return next((one for one in KNOWN if one.protocol == told.protocol and (not one.fields or told.field in one.fields)
                 and one.holds(told, messages, row)), None)
