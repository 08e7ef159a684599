"""Whether octets begin like an H.248 message, in either encoding: for whoever reads a wire without knowing its ports.

Source: H.248.1 Annex A (binary), Annex B.2 (text).
"""

from __future__ import annotations

import re

START_OCTETS = 400
"""No more of a message is looked at."""
TELLING_OCTETS = 64
"""With this many octets of a message (or all of it) its beginning can be told, unless a long comment comes first."""

# authHeader or the first token of a message, behind blanks and comments (H.248.1 Annex B.2)
_TEXT = re.compile(rb"(?:\s|;[^\n]{0,200}\n){0,40}(?:MEGACO/|!/|Authentication\s*=|AU\s*=)[0-9\s]", re.IGNORECASE)
# LENGTH of X.690 §8.1.3: short, long with up to four octets, or indefinite.
_LENGTH = rb"(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)"
# MegacoMessage: an authHeader of three octet strings, or mess with a version of one octet and mId, an explicit tag.
_BINARY = re.compile(
    rb"\x30" + _LENGTH + rb"(?:\xa0" + _LENGTH + rb"\x80\x04....\x81\x04....\x82[\x0c-\x20]"
    rb"|\xa1" + _LENGTH + rb"\x80\x01[\x00-\x63]\xa1)", re.DOTALL)


def looks_like_text(octets: bytes | bytearray) -> bool:
    """Whether octets begin like H.248 in the text encoding."""
    return _TEXT.match(octets[:START_OCTETS]) is not None


def looks_like_binary(octets: bytes | bytearray) -> bool:
    """Whether octets begin like H.248 in the binary encoding: a MegacoMessage up to the sender's address."""
    return octets[:1] == b"\x30" and _BINARY.match(octets[:START_OCTETS]) is not None


def looks_like_h248(octets: bytes | bytearray) -> bool:
    """Whether octets begin like H.248 in any encoding."""
    return looks_like_binary(octets) or looks_like_text(octets)
