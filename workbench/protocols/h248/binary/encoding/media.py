"""Streams, their properties and session descriptions; Mux and Modem.

Source: H.248.1 Annex A (MediaDescriptor to ModemDescriptor).
"""

# ruff: noqa: D102 (each method is the type of annex_a.txt that it is named after)

from __future__ import annotations

from workbench.errors import LocalProtocolError
from workbench.protocols.h248.binary import local
from workbench.protocols.h248.binary.encoding.values import Base, Parts
from workbench.protocols.h248.message import (
    LocalControl,
    Media,
    Modem,
    Mux,
    NonStandard,
    StreamDescriptor,
    TerminationState,
)
from workbench.protocols.sdp import SessionDescription


class MediaTypes(Base):
    """What a termination's media are."""

    def media_descriptor(self, media: Media) -> Parts:
        if media.implicit_stream and len(media.streams) != 1:
            raise LocalProtocolError("an implicit stream is the only one of its termination")
        return media.termination_state, media if media.streams else None

    def stream_descriptor(self, stream: StreamDescriptor) -> Parts:
        return stream.id, stream

    def stream_parms(self, stream: StreamDescriptor) -> Parts:
        statistics = stream.statistics
        return stream.local_control, stream.local, stream.remote, None if statistics is None else statistics.items

    def local_control_descriptor(self, control: LocalControl) -> Parts:
        properties = [self._property(item) for item in control.properties]
        return control.mode, control.reserved_value, control.reserved_group, properties

    def local_remote_descriptor(self, described: tuple[SessionDescription, ...]) -> Parts:
        return (local.groups_of(described, self._property, wrapped=self._wrapped),)  # type: ignore[arg-type]

    def termination_state_descriptor(self, state: TerminationState) -> Parts:
        return [self._property(item) for item in state.properties], state.buffer, state.service_state

    def mux_descriptor(self, mux: Mux) -> Parts:
        return mux.type, mux.terminations, mux.non_standard

    def modem_descriptor(self, modem: Modem) -> Parts:
        return modem.types, [self._property(item) for item in modem.properties], modem.non_standard

    def non_standard_data(self, own: NonStandard) -> Parts:
        return own.identifier, own.data
