"""The text encoding of H.248: octets to the message tree and back, in long or short tokens.

Source: H.248.1 Annex B.2, versions 1 to 3.
"""

from __future__ import annotations

from workbench.protocols.h248.reading import decode, is_error_message
from workbench.protocols.h248.tokens import Token, scan
from workbench.protocols.h248.writing import Style, encode

__all__ = ["Style", "Token", "decode", "encode", "is_error_message", "tokens"]


def tokens(octets: bytes) -> tuple[Token, ...]:
    """The tokens of a message with their places; blanks and comments lie between them. Never raises."""
    return tuple(scan(bytes(octets).decode("latin-1"), 0))
