"""MIKEY, in SDP or over HTTP, with other identities, keys and random octets in it, octet for octet as long."""

from __future__ import annotations

from collections.abc import Callable

from workbench.errors import MalformedMessageError
from workbench.protocols.layout import Span
from workbench.protocols.mikey import layout, wire

# What is somebody's, or a secret's; kinds, lengths, times and flags stay, so that the analysis does.
_SOMEBODYS = frozenset((
    "mikey.rand.data", "mikey.mac", "mikey.kemac.data", "mikey.ticket.data", "mikey.key_data.key",
    "mikey.key_data.salt",
    "mikey.cert.data", "mikey.chash.value", "mikey.pke.data", "mikey.dh.value", "mikey.sign.signature",
    "mikey.extension.data", "mikey.thdr.data", "mikey.cs.data", "mikey.unknown", layout.UNDECODED))


def other_octets(octets: bytes, words: Callable[[str], str], token: Callable[[str], str]) -> bytes | None:
    """A MIKEY message as another one; None: it is none.

    Args:
        words: makes another identity of one.
        token: makes other hexadecimal digits of some.
    """
    try:
        wire.decode(octets)
    except MalformedMessageError:
        return None
    made = bytearray(octets)
    for span in layout.spans(octets):
        for leaf in span.leaves():
            made[leaf.start : leaf.end] = _other(leaf, octets[leaf.start : leaf.end], words, token)
    return bytes(made)


def other_message(text: str, words: Callable[[str], str], token: Callable[[str], str]) -> str | None:
    """The base64 of a MIKEY message as the base64 of another one; None: it is none."""
    try:
        made = other_octets(wire.decode_base64(text), words, token)
    except MalformedMessageError:
        return None
    return None if made is None else wire.encode_base64(made)


def _other(leaf: Span, octets: bytes, words: Callable[[str], str], token: Callable[[str], str]) -> bytes:
    if leaf.name == "mikey.id.data":
        changed = words(octets.decode("latin-1")).encode("latin-1")
    elif leaf.name in _SOMEBODYS and any(octets):
        changed = bytes.fromhex(token(f"0a{octets.hex()}")[2:])     # a digit and a letter: hexadecimal for certain
    else:
        return octets
    return changed if len(changed) == len(octets) else bytes(len(octets))
