"""What each type of the binary encoding becomes in the message tree.

One method a type of `annex_a.txt`, with the components in their order. Where text and binary say the same thing in two
ways, the tree is the one that the text decoder would make.

Source: H.248.1 Annex A, Annex C.11 (SDP).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address

from workbench.protocols.h248 import binary_local as local
from workbench.protocols.h248.binary_names import ItemCodec, Names, ParameterCodec
from workbench.protocols.h248.binary_reading import Building, Reader, Readers
from workbench.protocols.h248.binary_values import CHOOSE_VALUE, LINE, ValueCodec, verbatim
from workbench.protocols.h248.binary_words import AUDIT_TOKENS, COMMANDS, COMPLETIONS, EMPTY, INDIVIDUAL, REPLIES, WORDS
from workbench.protocols.h248.message import (
    Ack,
    Action,
    ActionReply,
    Audit,
    AuditItem,
    Authentication,
    Command,
    CommandReply,
    ContextAudit,
    ContextProperties,
    Descriptor,
    DigitMap,
    Embed,
    ErrorDescriptor,
    Event,
    EventBuffer,
    EventBufferControl,
    Events,
    Form,
    Kind,
    LocalControl,
    Media,
    Message,
    Method,
    Mode,
    Modem,
    Mux,
    NonStandard,
    NotifyBehaviour,
    ObservedEvent,
    ObservedEvents,
    Packages,
    PackageVersion,
    Pending,
    Property,
    Reply,
    Request,
    Segment,
    SelectLogic,
    Services,
    ServiceState,
    Signal,
    SignalDirection,
    SignalList,
    Signals,
    SignalType,
    Statistics,
    StreamDescriptor,
    TerminationState,
    Token,
    Topology,
    TopologyDirection,
    named,
)
from workbench.protocols.h248.naming import TerminationNaming
from workbench.protocols.h248.packages import ItemKind
from workbench.protocols.h248.schema import methods_of
from workbench.protocols.h248.tokens import SAFE
from workbench.protocols.sdp import SessionDescription

Parm = tuple[bytes, tuple[bytes, ...], Form | None]
"""A PropertyParm, EventParameter or SigParameter as it stands on the wire: name, values, what several of them mean."""
StreamParts = tuple[
    LocalControl | None,
    tuple[SessionDescription, ...] | None,
    tuple[SessionDescription, ...] | None,
    tuple[Property, ...] | None,
]
Behaviour = tuple[NotifyBehaviour, Embed | None]
MapValue = tuple[str, int | None, int | None, int | None, int | None]

_DOMAIN = re.compile(r"[A-Za-z0-9.\-]{1,253}")
_PATH = re.compile(rf"{SAFE}{{1,64}}")
_DATE = re.compile(r"[0-9]{8}")
MEGACO_BOTH = 3
"""What Erlang/OTP's megaco writes for Both, which is 2; no version gives 3 a meaning, so it is read as was meant."""
_REMEMBERED = 4096
_SHORT = 96


def message_reader(names: Names, naming: TerminationNaming) -> Reader:
    """The reader for the contents of a MegacoMessage."""
    tree = _Tree(names, naming)
    building = Building(
        sequences=methods_of(tree),
        alternatives=_alternatives(tree),
        words=WORDS | {"SignalDirection": {**WORDS["SignalDirection"], MEGACO_BOTH: SignalDirection.BOTH}},
        around={"TerminationID": _remembering, "TerminationIDList": _remembering, "Mid": _remembering},
    )
    return Readers(building).contents("MegacoMessage")


def _remembering(reader: Reader) -> Reader:
    """A reader that knows short contents again. They say the same wherever they stand."""
    known: dict[bytes, object] = {}

    def read(octets: bytes, start: int, stop: int) -> object:
        contents = octets[start:stop]
        value = known.get(contents)
        if value is None:
            value = reader(octets, start, stop)
            if stop - start <= _SHORT:
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[contents] = value
        return value

    return read


def _alternatives(tree: _Tree) -> Mapping[str, Callable[..., object]]:
    """What an alternative of a CHOICE becomes, where it is not its value alone."""
    made: dict[str, Callable[..., object]] = {
        "Mid.deviceName": _device,
        "Mid.mtpAddress": _mtp,
        "ServiceChangeAddress.portNumber": str,
        "ServiceChangeAddress.deviceName": _device,
        "ServiceChangeAddress.mtpAddress": _mtp,
        "Transaction.transactionResponseAck": Ack,
        "SelectLogic.andAUDITSelect": lambda there: SelectLogic.AND,
        "SelectLogic.orAUDITSelect": lambda there: SelectLogic.OR,
        "AuditReply.contextAuditResult": lambda terminations: (terminations, (), True),
        "AuditReply.error": lambda error: ((), (error,), True),
        "AuditReturnParameter.packagesDescriptor": Packages,
        "AuditReturnParameter.emptyDescriptors": _empty_descriptors,
        "ServiceChangeResult.errorDescriptor": lambda error: (error,),
        "ServiceChangeResult.serviceChangeResParms": lambda found: () if found == Services() else (found,),
        "Streams.oneStream": lambda parts: ((_stream(1, parts),), True),
        "Streams.multiStream": lambda streams: (streams, False),
        "IndAudStreams.oneStream": lambda parts: ((_stream(1, parts),), True),
        "IndAudStreams.multiStream": lambda streams: (streams, False),
        "NotifyBehaviour.notifyImmediate": lambda there: (NotifyBehaviour.IMMEDIATE, None),
        "NotifyBehaviour.notifyRegulated": _regulated,
        "NotifyBehaviour.neverNotify": lambda there: (NotifyBehaviour.NEVER, None),
        "EventDM.digitMapName": lambda octets: DigitMap(tree.naming.digit_map_text(octets)),
        "EventDM.digitMapValue": lambda value: DigitMap(None, *value),
        "ExtraInfo.range": lambda given: Form.RANGE if given else Form.ANY_OF,
        "ExtraInfo.sublist": lambda given: Form.LIST if given else Form.ANY_OF,
        "IndAudSignalsDescriptor.signal": lambda signal: Signals((signal,)),
        "IndAudSignalsDescriptor.seqSigList": lambda signals: Signals((signals,)),
        "NonStandardIdentifier.experimental": _device,
    }
    for choice in ("AmmDescriptor", "AuditReturnParameter"):
        made[f"{choice}.eventBufferDescriptor"] = EventBuffer
        made[f"{choice}.signalsDescriptor"] = Signals
        made[f"{choice}.statisticsDescriptor"] = Statistics
    for name, kind in COMMANDS.items():
        made[f"Command.{name}"] = lambda found, kind=kind: (kind, *found)
    for name, kind in REPLIES.items():
        made[f"CommandReply.{name}"] = lambda found, kind=kind: CommandReply(kind, *found)
    for name, item in INDIVIDUAL.items():
        made[f"IndAuditParameter.{name}"] = lambda found, item=item: AuditItem(item, found)
    return made


def _device(name: str) -> str:
    if not _PATH.fullmatch(name):
        raise ValueError(f"{name[:32]!r} is no device name")
    return name


def _mtp(octets: bytes) -> str:
    return f"MTP{{{octets.hex().upper()}}}"


def _port(address: str, port: int | None) -> str:
    return address if port is None else f"{address}:{port}"


def _stream(number: int, parts: StreamParts) -> StreamDescriptor:
    control, here, there, statistics = parts
    return StreamDescriptor(number, control, here, there, None if statistics is None else Statistics(statistics))


def _regulated(found: tuple[Events | None, tuple[Signal | SignalList, ...] | None]) -> Behaviour:
    events, signals = found
    return NotifyBehaviour.REGULATED, _embed(signals, events)


def _embed(signals: tuple[Signal | SignalList, ...] | None, events: Events | None) -> Embed | None:
    if signals is None and events is None:
        return None
    return Embed(None if signals is None else Signals(signals), events)


def _empty_descriptors(audit: Audit) -> tuple[Descriptor, ...]:
    """Descriptors that are there and empty, as an audit's reply says it."""
    return tuple(EMPTY.get(item.name) or Token(item.name) for item in audit.items)


def _flat(found: tuple[object, ...] | None) -> tuple[Descriptor, ...]:
    """The descriptors of an audit, those that came as tokens among them."""
    flat: list[Descriptor] = []
    for one in found or ():
        if isinstance(one, tuple):
            flat += one
        else:
            flat.append(one)  # type: ignore[arg-type]
    return tuple(flat)


def _terminations(terminations: tuple[str, ...]) -> tuple[str, ...]:
    if not terminations:
        raise ValueError("no termination")
    return terminations


class _Tree:
    """One method a type, named after it: `stream_parms` for StreamParms."""

    def __init__(self, names: Names, naming: TerminationNaming) -> None:
        self.naming = naming
        self._names = names
        self._properties = names.read[ItemKind.PROPERTY]
        self._events = names.read[ItemKind.EVENT]
        self._signals = names.read[ItemKind.SIGNAL]
        self._statistics = names.read[ItemKind.STATISTIC]

    # --- values ---

    def _property(self, parm: Parm) -> Property:
        name, values, form = parm
        item = self._properties[name]
        return _valued(item.text, item.value, values, form)

    def _parameters(self, item: ItemCodec, parms: tuple[Parm, ...]) -> tuple[Property, ...]:
        if not parms:
            return ()
        found: list[Property] = []
        for name, values, form in parms:
            parameter: ParameterCodec = item.read[name]
            found.append(_valued(parameter.text, parameter.value, values, form))
        return tuple(found)

    # --- message and transactions ---

    def megaco_message(self, authentication: Authentication | None, message: tuple[int, str, object]) -> Message:
        version, mid, body = message
        if isinstance(body, ErrorDescriptor):
            return Message(version, mid, (), body, authentication)
        if not body:
            raise ValueError("a message without a transaction")
        return Message(version, mid, body, None, authentication)  # type: ignore[arg-type]

    authentication_header = staticmethod(Authentication)

    def ip4_address(self, address: bytes, port: int | None) -> str:
        return _port(f"[{'.'.join(map(str, address))}]", port)

    def ip6_address(self, address: bytes, port: int | None) -> str:
        return _port(f"[{IPv6Address(address)}]", port)

    def domain_name(self, name: str, port: int | None) -> str:
        if not _DOMAIN.fullmatch(name):
            raise ValueError(f"{name[:32]!r} is no domain name")
        return _port(f"<{name}>", port)

    def transaction_request(self, number: int, actions: tuple[Action, ...]) -> Request:
        if not actions:
            raise ValueError("a request without an action")
        return Request(number, actions)

    transaction_pending = staticmethod(Pending)

    def transaction_reply(
        self, number: int, immediate: bool | None, result: object, segment: int | None, complete: bool | None
    ) -> Reply:
        flags = (immediate is True, segment, complete is True)
        if isinstance(result, ErrorDescriptor):
            return Reply(number, (), result, *flags)
        return Reply(number, result, None, *flags)  # type: ignore[arg-type]

    def segment_reply(self, number: int, segment: int, complete: bool | None) -> Segment:
        return Segment(number, segment, complete is True)

    def transaction_ack(self, first: int, last: int | None) -> tuple[int, int]:
        if last is not None and last < first:
            raise ValueError(f"acknowledgements from {first} down to {last}")
        return first, first if last is None else last

    error_descriptor = staticmethod(ErrorDescriptor)

    # --- actions ---

    def action_request(
        self,
        context: int,
        properties: ContextProperties | None,
        audit: ContextAudit | None,
        commands: tuple[Command, ...],
    ) -> Action:
        return Action(context, commands, properties if properties != _NOTHING else None, audit)

    def action_reply(
        self,
        context: int,
        error: ErrorDescriptor | None,
        properties: ContextProperties | None,
        commands: tuple[CommandReply, ...],
    ) -> ActionReply:
        return ActionReply(context, commands, error, properties if properties != _NOTHING else None)

    def context_request(
        self,
        priority: int | None,
        emergency: bool | None,
        topology: tuple[Topology, ...] | None,
        ieps: bool | None,
        properties: tuple[Parm, ...] | None,
        contexts: tuple[int, ...] | None,
    ) -> ContextProperties:
        packaged = tuple(map(self._property, properties or ()))
        return ContextProperties(priority, emergency, topology, ieps, packaged, contexts or ())

    def context_attr_audit_request(
        self,
        topology: bool | None,
        emergency: bool | None,
        priority: bool | None,
        ieps: bool | None,
        properties: tuple[Property, ...] | None,
        of_priority: int | None,
        of_emergency: bool | None,
        of_ieps: bool | None,
        logic: SelectLogic | None,
    ) -> ContextAudit:
        asked = zip(
            ("Topology", "Emergency", "Priority", "IEPSCall"), (topology, emergency, priority, ieps), strict=True
        )
        items = [word for word, there in asked if there]
        items += [item.name for item in properties or () if item.form is Form.NAME]
        valued = tuple(item for item in properties or () if item.form is not Form.NAME)
        select = ContextProperties(of_priority, of_emergency, None, of_ieps, valued)
        return ContextAudit(tuple(items), select if select != _NOTHING else None, logic)

    def topology_request(
        self,
        first: str,
        second: str,
        direction: TopologyDirection,
        stream: int | None,
        extension: TopologyDirection | None,
    ) -> Topology:
        return Topology(first, second, direction, stream, extension)

    # --- commands ---

    def command_request(
        self,
        command: tuple[Kind, tuple[str, ...], tuple[Descriptor, ...]],
        optional: bool | None,
        wildcard: bool | None,
    ) -> Command:
        kind, terminations, descriptors = command
        return Command(kind, _terminations(terminations), descriptors, optional is True, wildcard is True)

    def subtract_request(self, terminations: tuple[str, ...], audit: Audit | None) -> _Command:
        return terminations, () if audit is None else (audit,)

    def audit_request(self, termination: str, audit: Audit, terminations: tuple[str, ...] | None) -> _Command:
        return terminations or (termination,), (audit,)

    def notify_request(
        self, terminations: tuple[str, ...], observed: ObservedEvents, error: ErrorDescriptor | None
    ) -> _Command:
        if error is None:
            return terminations, (observed,)
        return terminations, (observed, error) if observed.events else (error,)

    def service_change_request(self, terminations: tuple[str, ...], services: Services) -> _Command:
        return terminations, (services,)

    def amms_reply(self, terminations: tuple[str, ...], audit: tuple[object, ...] | None) -> _Command:
        return _terminations(terminations), _flat(audit)

    def notify_reply(self, terminations: tuple[str, ...], error: ErrorDescriptor | None) -> _Command:
        return _terminations(terminations), () if error is None else (error,)

    def service_change_reply(self, terminations: tuple[str, ...], result: tuple[Descriptor, ...]) -> _Command:
        return _terminations(terminations), result

    def audit_result(self, termination: str, audit: tuple[object, ...]) -> _Command:
        return (termination,), _flat(audit)

    def term_list_audit_result(self, terminations: tuple[str, ...], audit: tuple[object, ...]) -> _Command:
        return _terminations(terminations), _flat(audit)

    def termination_id(self, wildcards: tuple[bytes, ...], octets: bytes) -> str:
        return self.naming.text([octet[0] for octet in wildcards], octets)

    # --- media ---

    def media_descriptor(
        self, state: TerminationState | None, streams: tuple[tuple[StreamDescriptor, ...], bool] | None
    ) -> Media:
        if streams is None:
            return Media((), state)
        return Media(streams[0], state, streams[1])

    def stream_descriptor(self, number: int, parts: StreamParts) -> StreamDescriptor:
        return _stream(number, parts)

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

    def non_standard_data(self, identifier: str, data: bytes) -> NonStandard:
        return NonStandard(identifier, data)

    def h221_non_standard(self, country: int, second: int, extension: int, manufacturer: int) -> str:
        return f"h221:{country}/{second}/{extension}/{manufacturer}"

    # --- events ---

    def events_descriptor(self, number: int | None, events: tuple[Event, ...]) -> Events:
        return Events(number, events)

    second_events_descriptor = events_descriptor

    def requested_event(
        self,
        name: bytes,
        stream: int | None,
        actions: tuple[
            bool | None,
            DigitMap | None,
            Events | None,
            tuple[Signal | SignalList, ...] | None,
            Behaviour | None,
            bool | None,
        ]
        | None,
        parms: tuple[Parm, ...],
    ) -> Event:
        item = self._events[name]
        parameters = self._parameters(item, parms)
        if actions is None:
            return Event(item.text, stream, False, parameters)
        keep, digit_map, second, signals, behaviour, reset = actions
        how, regulated = behaviour or (None, None)
        embed = _embed(signals, second)
        return Event(item.text, stream, keep is True, parameters, digit_map, embed, how, regulated, reset is True)

    def second_requested_event(
        self,
        name: bytes,
        stream: int | None,
        actions: tuple[
            bool | None,
            DigitMap | None,
            tuple[Signal | SignalList, ...] | None,
            Behaviour | None,
            bool | None,
        ]
        | None,
        parms: tuple[Parm, ...],
    ) -> Event:
        if actions is None:
            return self.requested_event(name, stream, None, parms)
        keep, digit_map, *rest = actions
        return self.requested_event(name, stream, (keep, digit_map, None, *rest), parms)  # type: ignore[arg-type]

    def event_spec(self, name: bytes, stream: int | None, parms: tuple[Parm, ...]) -> ObservedEvent:
        return self.observed_event(name, stream, parms, None)

    def observed_event(
        self, name: bytes, stream: int | None, parms: tuple[Parm, ...], time: str | None
    ) -> ObservedEvent:
        item = self._events[name]
        return ObservedEvent(item.text, time, stream, self._parameters(item, parms))

    observed_events_descriptor = staticmethod(ObservedEvents)

    def time_notation(self, date: str, time: str) -> str:
        if not _DATE.fullmatch(date) or not _DATE.fullmatch(time):
            raise ValueError(f"{date!r} and {time!r} are no date and time of eight digits each")
        return f"{date}T{time}"

    # --- signals and digit maps ---

    def signal(
        self,
        name: bytes,
        stream: int | None,
        kind: SignalType | None,
        duration: int | None,
        completion: tuple[int, ...] | None,
        keep: bool | None,
        parms: tuple[Parm, ...],
        direction: SignalDirection | None,
        request_id: int | None,
        delay: int | None,
    ) -> Signal:
        item = self._signals[name]
        reasons = tuple([COMPLETIONS[bit] for bit in completion or () if bit < len(COMPLETIONS)])
        return Signal(
            item.text,
            stream,
            kind,
            duration,
            reasons,
            keep is True,
            self._parameters(item, parms),
            direction,
            request_id,
            delay,
        )

    seq_sig_list = staticmethod(SignalList)

    def digit_map_descriptor(self, name: bytes | None, value: MapValue | None) -> DigitMap:
        text = None if name is None else self.naming.digit_map_text(name)
        return DigitMap(text) if value is None else DigitMap(text, *value)

    def digit_map_value(
        self, start: int | None, short: int | None, long: int | None, body: str, duration: int | None
    ) -> MapValue:
        return body, start, short, long, duration

    # --- statistics, packages, audits ---

    def statistics_parameter(self, name: bytes, values: tuple[bytes, ...] | None) -> Property:
        item = self._statistics[name]
        if values is None:
            return named(item.text)
        return _valued(item.text, item.value, values, Form.LIST if len(values) > 1 else None)

    def packages_item(self, name: bytes, version: int) -> PackageVersion:
        return PackageVersion(self._names.package_text[name], version)

    def audit_descriptor(self, bits: tuple[int, ...] | None, individual: tuple[AuditItem, ...] | None) -> Audit:
        items = tuple([AuditItem(AUDIT_TOKENS[bit]) for bit in bits or () if bit < len(AUDIT_TOKENS)])
        return Audit(items + (individual or ()))

    ind_aud_media_descriptor = media_descriptor
    ind_aud_stream_descriptor = stream_descriptor

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

    # --- ServiceChange ---

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
        return _device(name)


_Command = tuple[tuple[str, ...], tuple[Descriptor, ...]]
_NOTHING = ContextProperties()


def _valued(name: str, value: ValueCodec, octets: tuple[bytes, ...], form: Form | None) -> Property:
    """A property from its values; none of them is CHOOSE (H.248.1 Annex A.2, comments of PropertyParm)."""
    if len(octets) == 1 and form is None:
        return Property(name, (value.read(octets[0]),))
    if not octets:
        return Property(name, (CHOOSE_VALUE,))
    if form in (Form.GREATER, Form.LESS, Form.DIFFERENT, Form.RANGE):
        due = 2 if form is Form.RANGE else 1
        if len(octets) != due:
            raise ValueError(f"{len(octets)} values of {name} where {due} are due")
    return Property(name, tuple([value.read(one) for one in octets]), form or Form.ANY_OF)
