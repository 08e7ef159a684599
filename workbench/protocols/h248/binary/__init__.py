"""The binary encoding of H.248: octets to the message tree and back, in BER; the twin of `text`.

Types, tags and limits stand in `annex_a.txt` (read by `binary.schema`); readers and writers are compiled from it. What
depends on more than the octets is an argument: which packages are known (`registry`), what terminations are called
(`naming`), and for writing, how values are wrapped (`values`, see `binary.values`).

What the tree does not hold is not written again: extensions of a later version that are skipped, the order of audit
tokens and of reasons in NotifyCompletion, the length of a termination id that is wildcarded as a whole, the line ends
of SDP (which binary has not), the propGroupID of an individual audit, and what a serviceChangeInfo asks for behind its
first item. And what text can say in several ways comes back in one: names as the registry spells them, numbers without
leading zeros, an audit without Audit as an empty Audit, a list of one statistic as its value.

Source: H.248.1 Annex A, versions 1 to 3; X.690 (BER).
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from workbench.errors import MalformedMessageError
from workbench.protocols.h248.binary.ber import IndefiniteLength, Octets, extent, header, tlv
from workbench.protocols.h248.binary.decoding import message_reader
from workbench.protocols.h248.binary.encoding import message_writer
from workbench.protocols.h248.binary.names import Names
from workbench.protocols.h248.binary.naming import (
    HEXADECIMAL,
    Field,
    HexadecimalNaming,
    PerLevelNaming,
    TerminationNaming,
)
from workbench.protocols.h248.binary.reading import CLAUSE, Reader
from workbench.protocols.h248.binary.values import Values
from workbench.protocols.h248.binary.writing import Writer
from workbench.protocols.h248.message import Message
from workbench.protocols.h248.packages import Registry
from workbench.protocols.h248.packages import registry as known_packages

__all__ = [
    "Field",
    "HexadecimalNaming",
    "PerLevelNaming",
    "TerminationNaming",
    "Values",
    "decode",
    "encode",
    "is_error_message",
]

_SEQUENCE = 0x30
_MESS, _MESSAGE_BODY, _MESSAGE_ERROR = 0xA1, 0xA2, 0xA0
_HEAD = 1024
"""How far into a message its body begins at most: authHeader, version and mId are short."""


def decode(
    octets: bytes,
    *,
    max_octets: int = 262_144,
    registry: Registry | None = None,
    naming: TerminationNaming | None = None,
) -> Message:
    """Read one message. Lengths may be definite, of any form, or indefinite; strings may come in pieces.

    Args:
        octets: the whole message.
        max_octets: longer ones are refused unread.
        registry: the packages that are known.
        naming: how termination ids become texts; hexadecimal digits without one.

    Raises:
        MalformedMessageError: with the offset of the octet that does not fit, and the clause that it breaks.

    Source: H.248.1 Annex A.2.
    """
    if len(octets) > max_octets:
        raise MalformedMessageError(f"message longer than {max_octets} octets", clause=CLAUSE, offset=max_octets)
    read = _reader(registry or known_packages(), naming or HEXADECIMAL)
    octets = bytes(octets)
    try:
        return _whole(octets, read)
    except IndefiniteLength:
        return _whole(Octets.of(octets), read)


def _whole(octets: bytes, read: Reader) -> Message:
    size = len(octets)
    if octets[:1] != b"\x30":
        what = "an empty message" if not octets else f"octet 0x{octets[0]:02X} where a MegacoMessage begins with 0x30"
        raise MalformedMessageError(what, clause=f"{CLAUSE} MegacoMessage", offset=0)
    try:
        start, stop, end = extent(octets, 1, size)
        if end != size:
            raise MalformedMessageError("octets behind the message", clause=f"{CLAUSE} MegacoMessage", offset=end)
        return cast("Message", read(octets, start, stop))
    except IndexError:
        raise MalformedMessageError("cut short in front of a length", clause="X.690 §8.1.3", offset=size) from None


def encode(
    message: Message,
    *,
    registry: Registry | None = None,
    naming: TerminationNaming | None = None,
    values: Values = Values.WRAPPED,
) -> bytes:
    """Write a message, with definite lengths in their shortest form.

    Args:
        message: any tree of versions 1 to 3.
        registry: where the numbers of packages and items are looked up.
        naming: the octets of terminations and digit maps; hexadecimal digits without one.
        values: how values stand in their OCTET STRINGs.

    Raises:
        LocalProtocolError: what binary can't carry: an item without a known id, a termination without octets, a number
            or size beyond its limits, more than one extension of a ServiceChange.

    Source: H.248.1 Annex A.2.
    """
    write = _writer(registry or known_packages(), naming or HEXADECIMAL, values)
    return tlv(_SEQUENCE, write(message))


@lru_cache(maxsize=16)
def _reader(registry: Registry, naming: TerminationNaming) -> Reader:
    return message_reader(Names(registry, Values.WRAPPED), naming)


@lru_cache(maxsize=16)
def _writer(registry: Registry, naming: TerminationNaming, values: Values) -> Writer:
    return message_writer(Names(registry, values), naming)


def is_error_message(octets: bytes) -> bool:
    """Whether a message that may be broken starts as one that only reports an error, or does not start as any."""
    body = _body(bytes(octets[:_HEAD]))
    return body is None or body == _MESSAGE_ERROR


def _body(octets: bytes) -> int | None:
    """The identifier octet of what is in messageBody; None where the message does not get that far."""
    at = 0
    try:
        if octets[:1] != b"\x30":
            return None
        for tag in (_MESS, _MESSAGE_BODY):
            at = header(octets, at, len(octets)).content
            while octets[at] != tag:
                at = _skipped(octets, at)
        return octets[header(octets, at, len(octets)).content]
    except (MalformedMessageError, IndexError):
        return None


def _skipped(octets: bytes, at: int) -> int:
    """Where the TLV at `at` ends, which may hold TLVs of indefinite length."""
    depth = 0
    while True:
        found = header(octets, at, len(octets))
        at = found.content + (found.length or 0)
        ends = found.length == 0 and not found.tag_class and not found.number
        depth += 1 if found.length is None else -1 if ends and depth else 0
        if not depth:
            return at
