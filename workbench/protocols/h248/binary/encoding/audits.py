"""Audits of whole descriptors and of single items; statistics, packages, ServiceChange.

Source: H.248.1 Annex A (AuditDescriptor to IndAudPackagesDescriptor, ServiceChangeParm).
"""

# ruff: noqa: D102 (each method is the type of annex_a.txt that it is named after)

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.errors import LocalProtocolError
from workbench.protocols.h248.binary import local
from workbench.protocols.h248.binary.encoding.actions import descriptor_of
from workbench.protocols.h248.binary.encoding.values import Base, Chosen, Parts, only
from workbench.protocols.h248.binary.values import from_verbatim
from workbench.protocols.h248.binary.words import AUDIT_TOKENS
from workbench.protocols.h248.message import (
    Audit,
    Descriptor,
    DigitMap,
    EventBuffer,
    Events,
    Form,
    LocalControl,
    Media,
    NonStandard,
    Packages,
    PackageVersion,
    Property,
    Services,
    Signal,
    SignalList,
    Signals,
    Statistics,
    StreamDescriptor,
    TerminationState,
)
from workbench.protocols.sdp import SessionDescription

_EXTENSION = ("X-", "X+")
_INDIVIDUAL: Mapping[type, int] = {
    Media: 0,
    Events: 1,
    EventBuffer: 2,
    Signals: 3,
    DigitMap: 4,
    Statistics: 5,
    Packages: 6,
}
_TOKEN_BITS = {name: bit for bit, name in enumerate(AUDIT_TOKENS)}


class AuditTypes(Base):
    """What is asked for, and what comes of a ServiceChange."""

    def statistics_parameter(self, item: Property) -> Parts:
        codec = self._statistics[item.name]
        return codec.octets, None if item.form is Form.NAME else self._values(codec.value, item)

    def packages_item(self, item: PackageVersion) -> Parts:
        return self._names.package_octets[item.name], item.version

    def audit_descriptor(self, audit: Audit) -> Parts:
        bits = [self._token(item.name) for item in audit.items if item.only is None]
        individual = [item.only for item in audit.items if item.only is not None]
        return bits or None, individual or None

    @staticmethod
    def _token(name: str) -> int:
        bit = _TOKEN_BITS.get(name)
        if bit is None:
            raise LocalProtocolError(f"binary has no audit token for {name}")
        return bit

    def ind_aud_media_descriptor(self, media: Media) -> Parts:
        return media.termination_state, media if media.streams else None

    def ind_aud_stream_descriptor(self, stream: StreamDescriptor) -> Parts:
        return stream.id, stream

    def ind_aud_stream_parms(self, stream: StreamDescriptor) -> Parts:
        return stream.local_control, stream.local, stream.remote, stream.statistics

    def ind_aud_local_control_descriptor(self, control: LocalControl) -> Parts:
        asked, properties = asked_of(control.properties, ("Mode", "ReservedValue", "ReservedGroup"))
        if control.reserved_value is not None or control.reserved_group is not None:
            raise LocalProtocolError("binary has no selection by ReservedValue or ReservedGroup")
        return *asked, properties or None, control.mode

    def ind_aud_property_parm(self, item: Property) -> Parts:
        return self._properties[item.name].octets, None if item.form is Form.NAME else self._property(item)

    def ind_aud_local_remote_descriptor(self, described: tuple[SessionDescription, ...]) -> Parts:
        return None, [Property(name, (), Form.NAME) for name in local.audited_names(described)]

    def ind_aud_termination_state_descriptor(self, state: TerminationState) -> Parts:
        (buffer, service), properties = asked_of(state.properties, ("Buffer", "ServiceStates"))
        if state.buffer is not None:
            raise LocalProtocolError("binary has no selection by Buffer")
        return properties, buffer, service, state.service_state

    def ind_aud_events_descriptor(self, events: Events) -> Parts:
        event = only(events.events, "event")
        return events.request_id, self._events[event.name].octets, event.stream

    def ind_aud_event_buffer_descriptor(self, buffer: EventBuffer) -> Parts:
        event = only(buffer.events, "event")
        return self._events[event.name].octets, event.stream

    def ind_aud_seq_sig_list(self, signals: SignalList) -> Parts:
        return signals.id, only(signals.signals, "signal") if signals.signals else None

    def ind_aud_signal(self, signal: Signal) -> Parts:
        return self._signals[signal.name].octets, signal.stream, signal.request_id

    def ind_aud_digit_map_descriptor(self, digit_map: DigitMap) -> Parts:
        return (None if digit_map.name is None else self._naming.digit_map_octets(digit_map.name),)

    def ind_aud_statistics_descriptor(self, statistics: Statistics) -> Parts:
        return (self._statistics[only(statistics.items, "statistic").name].octets,)

    def ind_aud_packages_descriptor(self, packages: Packages) -> Parts:
        return self.packages_item(only(packages.items, "package"))

    def service_change_parm(self, services: Services) -> Parts:
        if services.method is None or services.method[:2] in _EXTENSION:
            raise LocalProtocolError(f"binary has no ServiceChange with method {services.method}")
        reason = () if services.reason is None else (self._line.write(services.reason),)
        return (
            services.method,
            services.address,
            services.version,
            services.profile,
            reason,
            services.delay,
            services.mgc_id,
            services.time,
            self._own(services),
            None if services.audit is None else Audit((services.audit,)),
            services.incomplete or None,
        )

    @staticmethod
    def _own(services: Services) -> NonStandard | None:
        """The data of a manufacturer's own, of which binary has room for one."""
        if not services.extensions:
            return services.non_standard
        first = services.extensions[0]
        if len(services.extensions) > 1 or services.non_standard is not None or first.form is not Form.ONE:
            raise LocalProtocolError("binary has room for one extension of a ServiceChange, with one value")
        return NonStandard(first.name, from_verbatim(first.value))

    def service_change_res_parm(self, services: Services) -> Parts:
        kept = (services.mgc_id, services.address, services.version, services.profile, services.time)
        mgc, address, version, profile, time = kept
        if services != Services(version=version, profile=profile, address=address, mgc_id=mgc, time=time):
            raise LocalProtocolError("a ServiceChange reply has address, MGC, version, profile and time in binary only")
        return kept

    def service_change_profile(self, name: str) -> Parts:
        return (name,)


def individual(only: Descriptor) -> Chosen:
    """Which descriptor is asked for in part."""
    return descriptor_of(_INDIVIDUAL, only, "an audit")[0], only


def individual_signals(signals: Signals) -> Chosen:
    """A signal that is asked for, or a list of them."""
    one = only(signals.items, "signal")
    return (1 if isinstance(one, SignalList) else 0), one


def asked_of(properties: tuple[Property, ...], tokens: Sequence[str]) -> tuple[list[bool | None], list[Property]]:
    """Which bare tokens an audit names, and the other properties."""
    named = {item.name for item in properties if item.name in tokens}
    if any(item.name in tokens and item.form is not Form.NAME for item in properties):
        raise LocalProtocolError(f"binary has no selection by what {' or '.join(named)} is not")
    return [True if token in named else None for token in tokens], [p for p in properties if p.name not in tokens]
