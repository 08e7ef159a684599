"""MIKEY, in SDP or over HTTP, with other identities, keys and random octets in it, octet for octet as long."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.layout import Span
from workbench.protocols.mikey import layout, wire

# What is somebody's, or a secret's; kinds, lengths, times and flags stay, so that the analysis does.
_SOMEBODYS = frozenset((
    "mikey.rand.data", "mikey.mac", "mikey.kemac.data", "mikey.ticket.data", "mikey.key_data.key",
    "mikey.key_data.salt",
    "mikey.chash.value", "mikey.pke.data", "mikey.dh.value", "mikey.sign.signature",
    "mikey.extension.data", "mikey.thdr.data", "mikey.cs.data", "mikey.unknown", layout.UNDECODED))


class Others(msgspec.Struct, frozen=True):
    """What takes the place of somebody's values, each as long as it was.

    Args:
        words: makes another identity of one.
        token: makes other hexadecimal digits of some.
        certificate: makes another certificate of one, both in DER.
    """

    words: Callable[[str], str]
    token: Callable[[str], str]
    certificate: Callable[[bytes], bytes]


def other_octets(octets: bytes, others: Others) -> bytes | None:
    """A MIKEY message as another one; None: it is none."""
    try:
        wire.decode(octets)
    except MalformedMessageError:
        return None
    made = bytearray(octets)
    for span in layout.spans(octets):
        for leaf in span.leaves():
            made[leaf.start : leaf.end] = _other(leaf, octets[leaf.start : leaf.end], others)
    return bytes(made)


def other_message(text: str, others: Others) -> str | None:
    """The base64 of a MIKEY message as the base64 of another one; None: it is none."""
    try:
        made = other_octets(wire.decode_base64(text), others)
    except MalformedMessageError:
        return None
    return None if made is None else wire.encode_base64(made)


def _other(leaf: Span, octets: bytes, others: Others) -> bytes:
    if leaf.name == "mikey.id.data":
        changed = others.words(octets.decode("latin-1")).encode("latin-1")
    elif leaf.name == "mikey.cert.data":
        changed = others.certificate(octets)
    elif leaf.name in _SOMEBODYS and any(octets):
        # A digit and a letter in front: hexadecimal for certain.
        changed = bytes.fromhex(others.token(f"0a{octets.hex()}")[2:])
    else:
        return octets
    return changed if len(changed) == len(octets) else bytes(len(octets))
