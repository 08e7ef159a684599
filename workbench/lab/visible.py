"""Text from outside made harmless for terminals and for files of lines."""

from __future__ import annotations

import re

# What steers a terminal, breaks lines or turns text around: C0 but tab and newline, DEL, C1, line and paragraph
# separators, and the bidirectional controls.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Text from a capture or a peer with its control characters written out, so that it can't steer a terminal."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def cut(text: str, most: int) -> str:
    """One line of `most` characters at most; what was left out is said."""
    text = text.replace("\r", "\\r").replace("\n", "\\n").replace("\t", " ")
    return text if len(text) <= most else f"{text[:most]}... ({len(text) - most} more)"
