"""Audits of whole descriptors and of single items; statistics, packages, ServiceChange.

Source: H.248.1 Annex A (AuditDescriptor to IndAudPackagesDescriptor, ServiceChangeParm).
"""

# ruff: noqa: D102 (each method is the type of annex_a.txt that it is named after)

from __future__ import annotations

from workbench.protocols.h248.binary import local
from workbench.protocols.h248.binary.decoding.addresses import device
from workbench.protocols.h248.binary.decoding.media import MediaTypes, StreamParts
from workbench.protocols.h248.binary.decoding.values import Parm, valued
from workbench.protocols.h248.binary.values import LINE, verbatim
from workbench.protocols.h248.binary.words import AUDIT_TOKENS
from workbench.protocols.h248.message import (
    Audit,
    AuditItem,
    DigitMap,
    Event,
    EventBuffer,
    Events,
    Form,
    LocalControl,
    Method,
    Mode,
    NonStandard,
    ObservedEvent,
    Packages,
    PackageVersion,
    Property,
    Services,
    ServiceState,
    Signal,
    SignalList,
    Statistics,
    TerminationState,
    named,
)
from workbench.protocols.sdp import SessionDescription


class AuditTypes(MediaTypes):
    """What is asked for, and what comes of a ServiceChange."""

    def statistics_parameter(self, name: bytes, values: tuple[bytes, ...] | None) -> Property:
        item = self._statistics[name]
        if values is None:
            return named(item.text)
        return valued(item.text, item.value, values, Form.LIST if len(values) > 1 else None)

    def packages_item(self, name: bytes, version: int) -> PackageVersion:
        return PackageVersion(self._names.package_text[name], version)

    def audit_descriptor(self, bits: tuple[int, ...] | None, individual: tuple[AuditItem, ...] | None) -> Audit:
        items = tuple([AuditItem(AUDIT_TOKENS[bit]) for bit in bits or () if bit < len(AUDIT_TOKENS)])
        return Audit(items + (individual or ()))

    ind_aud_media_descriptor = MediaTypes.media_descriptor
    ind_aud_stream_descriptor = MediaTypes.stream_descriptor

    def ind_aud_stream_parms(
        self,
        control: LocalControl | None,
        here: tuple[SessionDescription, ...] | None,
        there: tuple[SessionDescription, ...] | None,
        statistics: Statistics | None,
    ) -> StreamParts:
        return control, here, there, None if statistics is None else statistics.items

    def ind_aud_local_control_descriptor(
        self,
        mode: bool | None,
        value: bool | None,
        group: bool | None,
        properties: tuple[Property, ...] | None,
        of_mode: Mode | None,
    ) -> LocalControl:
        tokens = zip(("Mode", "ReservedValue", "ReservedGroup"), (mode, value, group), strict=True)
        asked = tuple(named(word) for word, there in tokens if there)
        return LocalControl(of_mode, properties=asked + (properties or ()))

    def ind_aud_property_parm(self, name: bytes, parm: Parm | None) -> Property:
        return named(self._properties[name].text) if parm is None else self._property(parm)

    def ind_aud_local_remote_descriptor(
        self, group: int | None, properties: tuple[Property, ...]
    ) -> tuple[SessionDescription, ...]:
        return local.audited(properties)

    def ind_aud_termination_state_descriptor(
        self,
        properties: tuple[Property, ...],
        buffer: bool | None,
        state: bool | None,
        of_state: ServiceState | None,
    ) -> TerminationState:
        tokens = zip(("Buffer", "ServiceStates"), (buffer, state), strict=True)
        asked = tuple(named(word) for word, there in tokens if there)
        return TerminationState(of_state, None, asked + properties)

    def ind_aud_events_descriptor(self, number: int | None, name: bytes, stream: int | None) -> Events:
        return Events(number, (Event(self._events[name].text, stream),))

    def ind_aud_event_buffer_descriptor(self, name: bytes, stream: int | None) -> EventBuffer:
        return EventBuffer((ObservedEvent(self._events[name].text, None, stream),))

    def ind_aud_seq_sig_list(self, number: int, signal: Signal | None) -> SignalList:
        return SignalList(number, () if signal is None else (signal,))

    def ind_aud_signal(self, name: bytes, stream: int | None, request_id: int | None) -> Signal:
        return Signal(self._signals[name].text, stream, request_id=request_id)

    def ind_aud_digit_map_descriptor(self, name: bytes | None) -> DigitMap:
        return DigitMap(None if name is None else self.naming.digit_map_text(name))

    def ind_aud_statistics_descriptor(self, name: bytes) -> Statistics:
        return Statistics((named(self._statistics[name].text),))

    def ind_aud_packages_descriptor(self, name: bytes, version: int) -> Packages:
        return Packages((self.packages_item(name, version),))

    def service_change_parm(
        self,
        method: Method,
        address: str | None,
        version: int | None,
        profile: str | None,
        reason: tuple[bytes, ...],
        delay: int | None,
        mgc: str | None,
        time: str | None,
        own: NonStandard | None,
        audit: Audit | None,
        incomplete: bool | None,
    ) -> Services:
        extensions: tuple[Property, ...] = ()
        if own is not None and own.identifier[:2] in ("X-", "X+"):
            extensions, own = (Property(own.identifier, (verbatim(own.data),)),), None
        return Services(
            method,
            LINE.read(reason[0]) if reason else None,
            version,
            profile,
            address,
            mgc,
            delay,
            time,
            audit.items[0] if audit is not None and audit.items else None,
            incomplete is True,
            extensions,
            own,
        )

    def service_change_res_parm(
        self, mgc: str | None, address: str | None, version: int | None, profile: str | None, time: str | None
    ) -> Services:
        return Services(None, None, version, profile, address, mgc, None, time)

    def service_change_profile(self, name: str) -> str:
        return device(name)
