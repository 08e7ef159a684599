"""From text to the message tree: one scan into tokens, then one function a production.

`grammar` has what all productions use, `commands` the frame of a message, `media`, `events` and `descriptors` what
commands carry.

Source: H.248.1 Annex B.2, versions 1 to 3 (a message of an older version may use what a newer one added).
"""

from __future__ import annotations

import re

from workbench.errors import MalformedMessageError
from workbench.protocols.h248.message import Authentication, ErrorDescriptor, Message, Transaction
from workbench.protocols.h248.reading.commands import transactions
from workbench.protocols.h248.reading.descriptors import ERROR, MID, error
from workbench.protocols.h248.reading.grammar import Broken, Unexpected
from workbench.protocols.h248.tokens import BLANK, TEXT, cut, cut_exactly, place

__all__ = ["AUTHENTICATION", "CLAUSE", "MID", "decode", "is_error_message"]

CLAUSE = "H.248.1 Annex B.2"

# message = LWSP [authenticationHeader SEP] MegacopToken SLASH Version SEP mId SEP messageBody
AUTHENTICATION = (
    r"(?:Authentication|AU)[ \t]*=[ \t]*0x([0-9A-Fa-f]{8})[ \t]*:[ \t]*0x([0-9A-Fa-f]{8})[ \t]*:[ \t]*"
    r"0x((?:[0-9A-Fa-f]{2}){12,32})(?=[ \t\r\n;])"
)
_HEADER = re.compile(
    rf"{BLANK}(?:{AUTHENTICATION}{BLANK})?(?:MEGACO|!)/(\d{{1,2}})(?=[ \t\r\n;]){BLANK}"
    rf"({MID})(?=[ \t\r\n;]|\Z)",
    re.I,
)


def decode(octets: bytes, *, max_octets: int = 262_144) -> Message:
    """Read one message, in long or short tokens, of any layout.

    Args:
        octets: the whole message.
        max_octets: longer ones are refused unread.

    Raises:
        MalformedMessageError: with the offset of the token that does not fit, what was expected, and the production.

    Source: H.248.1 Annex B.2.
    """
    if len(octets) > max_octets:
        raise MalformedMessageError(
            f"message longer than {max_octets} octets", clause="H.248.1 Annex D.1", offset=max_octets
        )
    text = str(octets, "latin-1")
    header = _HEADER.match(text)
    if header is None:
        raise _header_error(text)
    start = header.end()
    t = cut(text, start)
    try:
        body, refused = _body(t)
    except (Unexpected, Broken) as wrong:
        exact = cut_exactly(text, start)
        if exact == t:
            raise _located(text, start, t, wrong) from None
        try:
            body, refused = _body(exact)
        except (Unexpected, Broken) as wrong:
            raise _located(text, start, exact, wrong) from None
    parameter, sequence, check, version, mid = header.groups()
    authentication = None
    if parameter:
        authentication = Authentication(bytes.fromhex(parameter), bytes.fromhex(sequence), bytes.fromhex(check))
    return Message(int(version), mid, body, refused, authentication)


def _body(t: list[str]) -> tuple[tuple[Transaction, ...], ErrorDescriptor | None]:
    """`messageBody = (errorDescriptor / transactionList)`."""
    body: tuple[Transaction, ...] = ()
    refused: ErrorDescriptor | None = None
    if t[0].lower() in ERROR:
        refused, i = error(t, 1)
    else:
        body, i = transactions(t, 0)
    if t[i]:
        raise Unexpected(i, "a transaction or the end of the message", "messageBody")
    return body, refused


def _located(text: str, start: int, t: list[str], wrong: Unexpected | Broken) -> MalformedMessageError:
    """The error for people: what was expected and what stands there, the production, and the octet."""
    at = place(text, start, wrong.index)
    if isinstance(wrong, Broken):
        inside = wrong.offset + (wrong.error.offset or 0)
        return MalformedMessageError(wrong.error.what, clause=wrong.error.clause, offset=at + inside)
    found = _said("" if wrong.index >= len(t) else t[wrong.index + 1] if t[wrong.index] == TEXT else t[wrong.index])
    return MalformedMessageError(
        f"expected {wrong.expected}{found}", clause=f"{CLAUSE} {wrong.production}", offset=at
    )


def _header_error(text: str) -> MalformedMessageError:
    """What is wrong in a header that does not match as a whole."""
    at = 0
    steps = (
        (rf"{BLANK}(?:{AUTHENTICATION}{BLANK})?(?:MEGACO|!)/", "MEGACO/ or !/", "message"),
        (r"\d{1,2}(?![0-9])", "a version of one or two digits", "Version"),
        (r"(?=[ \t\r\n;])", "a blank behind the version", "SEP"),
        (BLANK, "a message identifier", "mId"),
        (MID, "a message identifier", "mId"),
        (r"(?=[ \t\r\n;]|\Z)", "a blank behind the message identifier", "mId"),
    )
    for pattern, expected, production in steps:
        found = re.compile(pattern, re.I).match(text, at)
        if found is None:
            return MalformedMessageError(
                f"expected {expected}{_said(text[at : at + 100])}", clause=f"{CLAUSE} {production}", offset=at
            )
        at = found.end()
    return MalformedMessageError("message header", clause=f"{CLAUSE} message", offset=0)


def _said(text: str) -> str:
    word = text.split(maxsplit=1)[0][:24] if text.strip() else ""
    return f", found {word!r}" if word else ", found the end of the message" if not text else ", found a blank"


def is_error_message(octets: bytes) -> bool:
    """Whether a message that may be broken starts as one that only reports an error, or does not start as any."""
    text = bytes(octets[:1024]).decode("latin-1")
    header = _HEADER.match(text)
    return header is None or cut(text, header.end())[0].lower() in ERROR
