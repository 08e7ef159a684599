"""One H.248 message as long text, as short text and in binary: what each costs, and what binary can't say.

What a person types is decoded like a peer's message: an error names the octet, what was expected and the clause.
"""

from __future__ import annotations

import msgspec

from workbench.analysis.explain import Layer, explain_octets
from workbench.errors import LocalProtocolError, PeerError
from workbench.protocols.h248 import binary, coding, text
from workbench.protocols.h248.message import Message
from workbench.views.octets import OCTETS_STYLE, octets_html
from workbench.views.palette import escape, plain, themed

_OCTETS_A_LINE = 12


class Encodings(msgspec.Struct, frozen=True):
    """The same message three times.

    Args:
        message: the tree that all of them mean.
        long, short: the text encoding, with long and with short tokens.
        binary: the binary encoding; empty where it can't carry the message.
        refused: why it can't; empty where it can.
    """

    message: Message
    long: bytes
    short: bytes
    binary: bytes
    refused: str

    @property
    def rows(self) -> tuple[tuple[str, bytes], ...]:
        """Each encoding with its name, without those that can't carry the message."""
        rows = (("long text", self.long), ("short text", self.short), ("binary", self.binary))
        return tuple((name, octets) for name, octets in rows if octets)


def encodings(message: Message | bytes | str) -> Encodings:
    """Write a message in every encoding.

    Args:
        message: the tree; or octets or text of it in any encoding.

    Raises:
        MalformedMessageError: the octets are no H.248 message, with the place and the clause.
    """
    tree = _tree(message)
    refused, octets = "", b""
    try:
        octets = binary.encode(tree)
    except LocalProtocolError as error:
        refused = str(error)
    return Encodings(tree, text.encode(tree, "pretty"), text.encode(tree, "compact"), octets, refused)


def encodings_text(found: Encodings) -> str:
    """Each encoding under its name and size; binary as hexadecimal digits."""
    parts: list[str] = []
    for name, octets in found.rows:
        parts += [f"{name}, {len(octets)} octets", _shown(name, octets), ""]
    if found.refused:
        parts += ["binary: not possible", plain(found.refused), ""]
    return "\n".join(parts).rstrip()


def encodings_html(found: Encodings, *, style: bool = True) -> str:
    """The encodings side by side, and below them binary octet by octet."""
    columns = "".join(
        f"<section><h4>{name}, {len(octets)} octets</h4><pre>{escape_octets(name, octets)}</pre></section>"
        for name, octets in found.rows)
    if found.refused:
        columns += f"<section><h4>binary: not possible</h4><p>{escape(found.refused)}</p></section>"
    explained = ""
    if found.binary:
        layer: Layer = explain_octets("H.248", found.binary, "The binary encoding, octet by octet")
        explained = f"<details><summary>{escape(layer.title)}</summary>" \
                    f"{octets_html(layer, style=False, script=False, heading=False)}</details>"
    sheet = f"<style>{STYLE}{OCTETS_STYLE}</style>" if style else ""
    return f'{sheet}<div class="wb-encodings"><div class="side">{columns}</div>{explained}</div>'


def escape_octets(name: str, octets: bytes) -> str:
    """The octets of an encoding as they are shown, made safe for a `pre` element."""
    return "\n".join(escape(line) for line in _shown(name, octets).split("\n"))


def error_text(error: PeerError, source: str) -> str:
    """Why a message can't be read, with the line and the column where that is."""
    if error.offset is None:
        return str(error)
    before = source.encode("utf-8", "surrogateescape")[: error.offset].decode("utf-8", "replace")
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return f"{error}: line {line}, column {column}"


def _tree(message: Message | bytes | str) -> Message:
    if isinstance(message, Message):
        return message
    octets = message.encode("utf-8", "surrogateescape") if isinstance(message, str) else bytes(message)
    return coding.decode(octets, coding.coding_of(octets))


def _shown(name: str, octets: bytes) -> str:
    if name != "binary":
        return "\n".join(plain(line) for line in octets.decode("latin-1").splitlines())
    lines = range(0, len(octets), _OCTETS_A_LINE)
    return "\n".join(f"{at:04x}  {octets[at : at + _OCTETS_A_LINE].hex(' ')}" for at in lines)


STYLE = themed(".wb-encodings") + """
.wb-encodings{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;padding:.4em .6em;
font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-encodings .side{display:grid;grid-template-columns:repeat(auto-fit,minmax(20em,1fr));gap:1em;align-items:start}
.wb-encodings h4{font-size:14px;margin:.4em 0}
.wb-encodings pre{font:12.5px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace;background:var(--wb-panel);
color:var(--wb-ink);border:1px solid var(--wb-line);border-radius:6px;padding:.6em .8em;white-space:pre-wrap;
overflow-wrap:anywhere;max-height:30em;overflow:auto;margin:0}
.wb-encodings summary{cursor:pointer;margin:.8em 0 .4em}
.wb-encodings summary:focus-visible{outline:2px solid var(--wb-accent)}
"""
