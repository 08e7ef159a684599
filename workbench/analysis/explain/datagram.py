"""A datagram of DTLS explained: its records, and the plaintext of those that the key log opens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.analysis.carried.dtls import DtlsFlow
from workbench.analysis.carried.fax import reads_in
from workbench.analysis.explain.fields import Layer
from workbench.analysis.explain.octets import fields_of, spans_of
from workbench.protocols.layout import Span
from workbench.protocols.t38 import layout as t38_layout
from workbench.protocols.tls import datagram_layout, datagrams
from workbench.protocols.tls.registry import ContentType

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message
    from workbench.net.values import Endpoint

_KINDS = {int(ContentType.HANDSHAKE): "handshake", int(ContentType.ALERT): "alert",
          int(ContentType.APPLICATION_DATA): "application data"}


def flow_of(report: Report, number: int) -> DtlsFlow | None:
    """The association that a frame belongs to."""
    return next((flow for flow in report.dtls if flow.frames and flow.frames[0] <= number <= flow.frames[-1]
                 and number in flow.numbers), None)


def record_spans(octets: bytes, flow: DtlsFlow | None) -> tuple[Span, ...]:
    """Where each field of the datagram lies."""
    return datagram_layout.spans(octets, None if flow is None else flow.observer.cipher_suite)


def fax_spans(report: Report, message: Message | None, octets: bytes) -> tuple[Span, ...]:
    """Where each field of a UDPTL packet lies, in the T.38 version that was announced, if it can be read in that."""
    version = None if message is None else report.fax_version(message)
    return t38_layout.spans(octets, version if version is not None and reads_in(octets, version) else None)


def plaintexts(report: Report, octets: bytes, flow: DtlsFlow, source: Endpoint, number: int,
               messages: Sequence[Message]) -> list[Layer]:
    """A layer for each protected record of the datagram that decrypts."""
    direction = 0 if source == flow.sides[0] else 1
    layers: list[Layer] = []
    for record in datagrams.split(octets)[0]:
        plain = flow.observer.open(direction, record) if record.epoch else None
        if not plain:
            continue
        kind = _KINDS.get(record.type, "protected")
        protocol = "DTLS"
        spans = datagram_layout.content_spans(plain, record.type, flow.observer.cipher_suite)
        if record.type == ContentType.APPLICATION_DATA:
            told = next((m for m in messages if m.protected and m.octets == plain), None)
            if told is not None and told.protocol not in ("unknown", "UDP", "DTLS"):
                protocol = told.protocol
                spans = fax_spans(report, told, plain) if protocol == "UDPTL" else spans_of(protocol, plain)
        title = (f"Plaintext of the {kind} record {record.sequence} of epoch {record.epoch} (frame {number}), "
                 f"{len(plain)} octets")
        layers.append(Layer(title, protocol, plain, fields_of(spans), None, (number,), True))
    return layers
