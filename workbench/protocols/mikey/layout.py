"""Where each field of a MIKEY message lies. Never raises: what does not decode is shown as such."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from workbench.errors import MalformedMessageError
from workbench.protocols.cursor import Cursor
from workbench.protocols.layout import Span
from workbench.protocols.mikey import grammar, payloads
from workbench.protocols.mikey.wire import MESSAGE_OCTETS

UNDECODED = "mikey.undecoded"


def spans(octets: bytes) -> tuple[Span, ...]:
    """Lay out one message: its header and its payloads, and in them tickets and keys that nothing encrypts.

    Source: RFC 3830 §6, RFC 6043 §6.
    """
    return _lay_out(octets, grammar.message)


def key_spans(octets: bytes) -> tuple[Span, ...]:
    """Lay out what a KEMAC held, after decryption (RFC 3830 §6.13)."""
    return _lay_out(octets, payloads.keys)


def ticket_spans(octets: bytes) -> tuple[Span, ...]:
    """Lay out what a base ticket holds (RFC 6043 §6.11, Appendix A.1)."""
    return _lay_out(octets, grammar.ticket_data)


def name(octets: bytes) -> str:
    """What a message is, by its data type: `TRANSFER_INIT`; `message` where it has no name."""
    found = spans(octets[:10])
    return (found[0].value if found else "") or "message"


def _lay_out(octets: bytes, read: Callable[[Cursor], object]) -> tuple[Span, ...]:
    cursor = Cursor(octets, 0, min(len(octets), MESSAGE_OCTETS), clause="RFC 3830 §6", lenient=True)
    with contextlib.suppress(MalformedMessageError):
        read(cursor)
    if cursor.at < len(octets):
        cursor.spans.append(Span(UNDECODED, cursor.at, len(octets)))
    return tuple(cursor.spans)
