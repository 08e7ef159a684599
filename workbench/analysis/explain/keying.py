"""MIKEY in a=key-mgmt: base64 in SDP, so the message is another layer behind the octets (RFC 4567 §3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from workbench.analysis.explain.fields import Field, Layer
from workbench.analysis.explain.octets import fields_of, spans_of
from workbench.errors import MalformedMessageError
from workbench.protocols.mikey import layout, wire

_ATTRIBUTE = "sdp.attribute.key-mgmt"
_PROTOCOL, _MESSAGE = "sdp.value.key-mgmt.protocol", "sdp.value.key-mgmt.message"
_MOST_LAYERS = 16


def keyed_layers(fields: Iterable[Field], octets: bytes, frames: tuple[int, ...], *, protected: bool = False,
                 known: Iterable[Layer] = ()) -> list[Layer]:
    """A layer for each MIKEY message that stands whole in these fields, once.

    Args:
        fields: of SIP, H.248 or SDP; positions count in `octets`.
        frames: numbers of the frames that carry them.
        known: layers that are told already.
    """
    told = {layer.octets for layer in known if layer.protocol == "MIKEY"}
    layers: list[Layer] = []
    for text in _values(fields, octets):
        if len(layers) == _MOST_LAYERS:
            break
        try:
            message = wire.decode_base64(text.decode("latin-1"))
        except MalformedMessageError:
            continue
        if message and message not in told:
            told.add(message)
            title = f"MIKEY {layout.name(message)} of a=key-mgmt, {len(message)} octets out of base64"
            said = fields_of(spans_of("MIKEY", message))
            layers.append(Layer(title, "MIKEY", message, said, None, frames, protected))
    return layers


def _values(fields: Iterable[Field], octets: bytes) -> Iterator[bytes]:
    for field in fields:
        if field.name == _ATTRIBUTE:
            parts = {part.name: octets[part.start : part.end] for part in field.children if part.part is None}
            if parts.get(_PROTOCOL, b"").lower() == b"mikey" and _MESSAGE in parts:
                yield parts[_MESSAGE]
        elif field.children:
            yield from _values(field.children, octets)
