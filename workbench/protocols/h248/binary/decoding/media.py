"""Streams, their properties and session descriptions; Mux and Modem.

Source: H.248.1 Annex A (MediaDescriptor to ModemDescriptor).
"""

# ruff: noqa: D102 (each method is the type of annex_a.txt that it is named after)

from __future__ import annotations

from workbench.protocols.h248.binary import local
from workbench.protocols.h248.binary.decoding.values import Base, Parm
from workbench.protocols.h248.message import (
    EventBufferControl,
    LocalControl,
    Media,
    Mode,
    Modem,
    Mux,
    NonStandard,
    Property,
    ServiceState,
    Statistics,
    StreamDescriptor,
    TerminationState,
)
from workbench.protocols.sdp import SessionDescription

StreamParts = tuple[
    LocalControl | None,
    tuple[SessionDescription, ...] | None,
    tuple[SessionDescription, ...] | None,
    tuple[Property, ...] | None,
]


class MediaTypes(Base):
    """What a termination's media are."""

    def media_descriptor(
        self, state: TerminationState | None, streams: tuple[tuple[StreamDescriptor, ...], bool] | None
    ) -> Media:
        if streams is None:
            return Media((), state)
        return Media(streams[0], state, streams[1])

    def stream_descriptor(self, number: int, parts: StreamParts) -> StreamDescriptor:
        return stream_of(number, parts)

    def local_control_descriptor(
        self, mode: Mode | None, value: bool | None, group: bool | None, properties: tuple[Parm, ...]
    ) -> LocalControl:
        return LocalControl(mode, value, group, tuple([self._property(parm) for parm in properties]))

    def local_remote_descriptor(self, groups: tuple[tuple[Parm, ...], ...]) -> tuple[SessionDescription, ...]:
        return local.descriptions(groups, self._property)

    def termination_state_descriptor(
        self, properties: tuple[Parm, ...], buffer: EventBufferControl | None, state: ServiceState | None
    ) -> TerminationState:
        return TerminationState(state, buffer, tuple([self._property(parm) for parm in properties]))

    def mux_descriptor(self, kind: str, terminations: tuple[str, ...], own: NonStandard | None) -> Mux:
        return Mux(kind, terminations, own)

    def modem_descriptor(self, types: tuple[str, ...], properties: tuple[Parm, ...], own: NonStandard | None) -> Modem:
        return Modem(types, tuple(map(self._property, properties)), own)


def stream_of(number: int, parts: StreamParts) -> StreamDescriptor:
    """A stream from its parts."""
    control, here, there, statistics = parts
    return StreamDescriptor(number, control, here, there, None if statistics is None else Statistics(statistics))
