"""Text from outside made harmless for terminals and for files of lines."""

from __future__ import annotations

import re

# What steers a terminal, breaks lines, turns text around or hides itself: C0 but tab and newline, DEL, C1, line and
# paragraph separators, bidirectional controls, invisible marks and tags; and surrogates, which no terminal can take.
# The same letters as in `views.palette`, which takes tab and newline too.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
                       "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]")


def visible(text: str) -> str:
    """Text from a capture or a peer with its control characters written out, so that it can't steer a terminal."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def on_one_line(text: str) -> str:
    """The same with line ends written out too: nothing in the text can pass for a line of ours."""
    return visible(text).replace("\n", "\\n")


def in_json(document: str) -> str:
    """A JSON document with the same letters as `\\u` escapes, which say the same to a reader of JSON."""
    return _CONTROLS.sub(_json_escape, document)


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at:at + 2].hex()}" for at in range(0, len(units), 2))


def cut(text: str, most: int) -> str:
    """One line of `most` characters at most; what was left out is said."""
    text = text.replace("\r", "\\r").replace("\n", "\\n").replace("\t", " ")
    return text if len(text) <= most else f"{text[:most]}... ({len(text) - most} more)"
