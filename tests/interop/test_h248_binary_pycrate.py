"""pycrate, compiled from the ASN.1 module, as a second opinion on every type of the binary encoding."""

from __future__ import annotations

from h248 import forest
from h248.binary_forms import NAMES, has_octets, octets_of
from pycrate_asn1dir import H248 as oracle

from workbench.protocols.h248 import binary
from workbench.protocols.h248 import message as m

RANDOM = 400
MODULE = oracle.MEDIA_GATEWAY_CONTROL.MegacoMessage


def again(octets: bytes) -> bytes:
    """What pycrate writes of what it read."""
    MODULE.from_ber(octets)
    return bytes(MODULE.to_ber())


def test_vectors():
    """pycrate reads every vector, and writes the same octets."""
    for name in NAMES:
        if has_octets(name):
            assert again(octets_of(name)) == octets_of(name), name


def regulated_twice(value: object, inside: bool = False) -> bool:
    """Whether a regulated event embeds a regulated event: the one type that lies in itself."""
    if isinstance(value, tuple):
        return any(regulated_twice(item, inside) for item in value)
    if isinstance(value, m.Event) and value.behaviour is m.NotifyBehaviour.REGULATED:
        if inside:
            return True
        return regulated_twice(value.regulated_embed, True) or regulated_twice(value.embed, inside)
    fields = getattr(type(value), "__struct_fields__", ())
    return any(regulated_twice(getattr(value, field), inside) for field in fields)


def test_random_messages():
    """pycrate reads messages of every shape and writes the same octets: all tags, orders and limits are the module's.

    It has one object a type, so a NotifyBehaviour inside of a NotifyBehaviour overwrites its own value: such a message
    it can read, but not write.
    """
    twice = 0
    for seed in range(RANDOM):
        tree = forest.message(seed)
        octets = binary.encode(tree)
        if regulated_twice(tree):
            MODULE.from_ber(octets)
            twice += 1
        else:
            assert again(octets) == octets, f"seed {seed}"
    assert twice < RANDOM // 50
