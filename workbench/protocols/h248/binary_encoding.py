"""What of the message tree goes into each type of the binary encoding: the twin of `binary_decoding`.

One method a type of `annex_a.txt`; it gives the components in their order, None for one that is left out.

Source: H.248.1 Annex A, Annex C.11 (SDP).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TypeVar

from workbench.errors import LocalProtocolError
from workbench.protocols.h248 import binary_local as local
from workbench.protocols.h248.binary_names import ItemCodec, Names, Remembered
from workbench.protocols.h248.binary_values import CHOOSE_VALUE, LINE, RAW_LINE, ValueCodec, Values, from_verbatim
from workbench.protocols.h248.binary_words import AUDIT_TOKENS, COMPLETIONS, WORDS
from workbench.protocols.h248.binary_writing import Splitting, Writer, Writers
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
    Events,
    Form,
    Kind,
    LocalControl,
    Media,
    Message,
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
    Signal,
    SignalList,
    Signals,
    Statistics,
    StreamDescriptor,
    TerminationState,
    Token,
    Topology,
    TopologyDirection,
    Transaction,
)
from workbench.protocols.h248.naming import TerminationNaming
from workbench.protocols.h248.packages import ItemKind
from workbench.protocols.h248.schema import methods_of
from workbench.protocols.sdp import SessionDescription

Parts = tuple[object, ...]
Chosen = tuple[int, object]
Parm = tuple[bytes, Sequence[bytes], Chosen | Form | None]

_MID = re.compile(
    r"(?:\[([0-9A-Fa-f.:]+)\]|<([A-Za-z0-9.\-]+)>)(?::([0-9]{1,5}))?|MTP\{([0-9A-Fa-f]{4,8})\}|([^\[<]+)", re.I
)
_PORT = re.compile(r"[0-9]{1,5}")
_EXTENSION = ("X-", "X+")
_SHORT = 64

_T = TypeVar("_T")


def message_writer(names: Names, naming: TerminationNaming) -> Writer:
    """The writer of the contents of a MegacoMessage."""
    tree = _Tree(names, naming)
    terminations: Mapping[str, Parts] = Remembered(tree.termination)
    splitting = Splitting(
        sequences={
            **methods_of(tree),
            "TerminationID": terminations.__getitem__,
        },
        choices={**_choices(tree), "Mid": Remembered(_mid).__getitem__},
        words={name: {word: number for number, word in words.items()} for name, words in WORDS.items()},
        around={"TerminationID": _remembering, "TerminationIDList": _remembering, "Mid": _remembering},
    )
    return Writers(splitting).contents("MegacoMessage")


def _remembering(writer: Writer) -> Writer:
    known: Mapping[object, bytes] = Remembered(writer)

    def write(value: Sequence[object]) -> bytes:
        return known[value] if len(value) <= _SHORT else writer(value)

    return write


def _choices(tree: _Tree) -> Mapping[str, Callable[..., Chosen]]:
    """Which alternative of a CHOICE a value is."""
    return {
        "MessageBody": lambda body: (0, body) if isinstance(body, ErrorDescriptor) else (1, body),
        "Transaction": _transaction,
        "TransactionResult": lambda result: (0, result) if isinstance(result, ErrorDescriptor) else (1, result),
        "ServiceChangeAddress": _address,
        "SelectLogic": lambda logic: (0 if logic is SelectLogic.AND else 1, True),
        "Command": lambda command: (_COMMAND_NUMBERS[command.kind], command),
        "CommandReply": lambda reply: (_COMMAND_NUMBERS[reply.kind], reply),
        "AuditReply": _audit_reply,
        "AmmDescriptor": lambda found: _descriptor(_AMM, found, "a request"),
        "AuditReturnParameter": _returned,
        "ServiceChangeResult": lambda found: (0, found) if isinstance(found, ErrorDescriptor) else (1, found),
        "IndAuditParameter": _individual,
        "IndAudStreams": lambda media: (0, media.streams[0]) if media.implicit_stream else (1, media.streams),
        "Streams": lambda media: (0, media.streams[0]) if media.implicit_stream else (1, media.streams),
        "IndAudSignalsDescriptor": _individual_signals,
        "SignalRequest": lambda signal: (1 if isinstance(signal, SignalList) else 0, signal),
        "ExtraInfo": lambda form: _EXTRA[form],
        "EventDM": tree.event_digit_map,
        "NotifyBehaviour": _behaviour,
        "NonStandardIdentifier": _identifier,
    }


_COMMAND_NUMBERS = {
    Kind.ADD: 0,
    Kind.MOVE: 1,
    Kind.MODIFY: 2,
    Kind.SUBTRACT: 3,
    Kind.AUDIT_CAPABILITY: 4,
    Kind.AUDIT_VALUE: 5,
    Kind.NOTIFY: 6,
    Kind.SERVICE_CHANGE: 7,
}
_TRANSACTIONS: Mapping[type, int] = {Request: 0, Pending: 1, Reply: 2, Ack: 3, Segment: 4}
_AMM: Mapping[type, int] = {
    Media: 0,
    Modem: 1,
    Mux: 2,
    Events: 3,
    EventBuffer: 4,
    Signals: 5,
    DigitMap: 6,
    Audit: 7,
    Statistics: 8,
}
_RETURNED: Mapping[type, int] = {
    ErrorDescriptor: 0,
    Media: 1,
    Modem: 2,
    Mux: 3,
    Events: 4,
    EventBuffer: 5,
    Signals: 6,
    DigitMap: 7,
    ObservedEvents: 8,
    Statistics: 9,
    Packages: 10,
}
_INDIVIDUAL: Mapping[type, int] = {
    Media: 0,
    Events: 1,
    EventBuffer: 2,
    Signals: 3,
    DigitMap: 4,
    Statistics: 5,
    Packages: 6,
}
_EXTRA: Mapping[Form, Chosen] = {
    Form.GREATER: (0, Form.GREATER),
    Form.LESS: (0, Form.LESS),
    Form.DIFFERENT: (0, Form.DIFFERENT),
    Form.RANGE: (1, True),
    Form.LIST: (2, True),
    Form.ANY_OF: (2, False),
}
_TOKEN_BITS = {name: bit for bit, name in enumerate(AUDIT_TOKENS)}
_COMPLETION_BITS = {reason: bit for bit, reason in enumerate(COMPLETIONS)}


def _transaction(transaction: Transaction) -> Chosen:
    if isinstance(transaction, Ack):
        return 3, transaction.ranges
    return _TRANSACTIONS[type(transaction)], transaction


def _content(descriptor: Descriptor) -> object:
    """A descriptor, or of one that is a list in binary, its members."""
    match descriptor:
        case EventBuffer(events=events):
            return events
        case Signals(items=items) | Statistics(items=items) | Packages(items=items):
            return items
        case _:
            return descriptor


def _descriptor(numbers: Mapping[type, int], descriptor: Descriptor, where: str) -> Chosen:
    number = numbers.get(type(descriptor))
    if number is None:
        raise LocalProtocolError(f"no {type(descriptor).__name__} descriptor stands in {where}")
    return number, _content(descriptor)


def _returned(descriptor: Descriptor) -> Chosen:
    if isinstance(descriptor, Audit):  # made by `_gathered`
        return 11, descriptor
    return _descriptor(_RETURNED, descriptor, "a reply")


def _gathered(descriptors: Sequence[Descriptor]) -> list[Descriptor]:
    """The descriptors of a reply, those that are there and empty as one list of tokens in the place of the first."""
    kept: list[Descriptor] = []
    tokens: list[AuditItem] = []
    place = 0
    for one in descriptors:
        if isinstance(one, Audit):
            raise LocalProtocolError("no Audit descriptor stands in a reply")
        if isinstance(one, Token) or one == _NO_STATISTICS:
            if not tokens:
                place = len(kept)
            tokens.append(AuditItem(one.name if isinstance(one, Token) else "Statistics"))
        else:
            kept.append(one)
    if tokens:
        kept.insert(place, Audit(tuple(tokens)))
    return kept


_NO_STATISTICS = Statistics()


def _audit_reply(reply: CommandReply) -> Chosen:
    if reply.context_audit:
        return (0, reply.terminations) if reply.terminations or not reply.error else (1, reply.error)
    return (2, reply) if len(reply.terminations) == 1 else (3, reply)


def _individual(only: Descriptor) -> Chosen:
    return _descriptor(_INDIVIDUAL, only, "an audit")[0], only


def _individual_signals(signals: Signals) -> Chosen:
    one = _only(signals.items, "signal")
    return (1 if isinstance(one, SignalList) else 0), one


def _only(items: Sequence[_T], what: str) -> _T:
    if len(items) != 1:
        raise LocalProtocolError(f"in binary an audit asks for one {what} at a time, not {len(items)}")
    return items[0]


def _behaviour(behaviour: tuple[NotifyBehaviour, Embed | None]) -> Chosen:
    how, embed = behaviour
    if how is NotifyBehaviour.REGULATED:
        return 1, embed or Embed()
    return (0 if how is NotifyBehaviour.IMMEDIATE else 2), True


def _identifier(identifier: str) -> Chosen:
    if identifier.startswith("h221:"):
        numbers = identifier.removeprefix("h221:").split("/")
        if len(numbers) != 4 or not all(number.isdecimal() for number in numbers):
            raise LocalProtocolError(f"{identifier!r} is not h221: and four numbers with slashes")
        return 1, tuple(map(int, numbers))
    return (0 if identifier[:1].isdigit() else 2), identifier


# --- addresses -------------------------------------------------------------------------------------------------------


def _mid(text: str) -> Chosen:
    """A message identifier by its text."""
    found = _MID.fullmatch(text)
    if found is None:
        raise LocalProtocolError(f"{text!r} is no message identifier")
    address, domain, port, mtp, device = found.groups()
    number = None if port is None else int(port)
    if domain:
        return 2, (domain, number)
    if mtp:
        return 4, bytes.fromhex(mtp)
    if device:
        return 3, device
    try:
        if ":" in address:
            return 1, (IPv6Address(address).packed, number)
        return 0, (IPv4Address(address).packed, number)
    except AddressValueError as wrong:
        raise LocalProtocolError(f"{text!r} is no message identifier: {wrong}") from None


def _address(text: str) -> Chosen:
    """A ServiceChangeAddress: a port alone, or a message identifier."""
    if _PORT.fullmatch(text):
        return 0, int(text)
    number, value = _mid(text)
    return number + 1, value


class _Tree:
    """One method a type, named after it: `stream_parms` for StreamParms."""

    def __init__(self, names: Names, naming: TerminationNaming) -> None:
        self._naming = naming
        self._names = names
        self._wrapped = names.values is Values.WRAPPED
        self._line = LINE if self._wrapped else RAW_LINE
        self._properties = names.write[ItemKind.PROPERTY]
        self._events = names.write[ItemKind.EVENT]
        self._signals = names.write[ItemKind.SIGNAL]
        self._statistics = names.write[ItemKind.STATISTIC]

    # --- values ---

    def _values(self, value: ValueCodec, item: Property) -> Sequence[bytes]:
        """The values of a property; none for CHOOSE."""
        values = item.values
        if len(values) == 1:
            if values[0] == CHOOSE_VALUE and self._wrapped and item.form is Form.ONE:
                return ()
            return (value.write(values[0]),)
        if not values or item.form not in (Form.RANGE, Form.ANY_OF, Form.LIST):
            raise LocalProtocolError(f"{item.name} has {len(values)} values where {item.form.name} asks for one")
        return [value.write(one) for one in values]

    def _property(self, item: Property) -> Parm:
        codec = self._properties[item.name]
        values = self._values(codec.value, item)
        return codec.octets, values, None if item.form is Form.ONE else item.form

    def _parameters(self, codec: ItemCodec, items: tuple[Property, ...]) -> Sequence[Parm]:
        if not items:
            return ()
        found: list[Parm] = []
        for item in items:
            parameter = codec.write[item.name]
            values = self._values(parameter.value, item)
            found.append((parameter.octets, values, None if item.form is Form.ONE else item.form))
        return found

    # --- message and transactions ---

    def megaco_message(self, message: Message) -> Parts:
        if message.error is None and not message.body:
            raise LocalProtocolError("a message carries at least one transaction, or an error")
        return message.authentication, message

    def authentication_header(self, header: Authentication) -> Parts:
        return header.security_parameter_index, header.sequence, header.check

    def message(self, message: Message) -> Parts:
        return message.version, message.mid, message.body if message.error is None else message.error

    def transaction_request(self, request: Request) -> Parts:
        return request.id, request.actions

    def transaction_pending(self, pending: Pending) -> Parts:
        return (pending.id,)

    def transaction_reply(self, reply: Reply) -> Parts:
        result = reply.actions if reply.error is None else reply.error
        return reply.id, reply.immediate_ack or None, result, reply.segment, reply.last or None

    def segment_reply(self, segment: Segment) -> Parts:
        return segment.id, segment.segment, segment.last or None

    def transaction_ack(self, ids: tuple[int, int]) -> Parts:
        return ids[0], None if ids[0] == ids[1] else ids[1]

    def error_descriptor(self, error: ErrorDescriptor) -> Parts:
        return error.code, error.text

    # --- actions ---

    def action_request(self, action: Action) -> Parts:
        return action.context, action.properties, action.audit, action.commands

    def action_reply(self, action: ActionReply) -> Parts:
        return action.context, action.error, action.properties, action.commands

    def context_request(self, found: ContextProperties) -> Parts:
        properties = [self._property(item) for item in found.properties]
        return found.priority, found.emergency, found.topology, found.ieps, properties or None, found.contexts or None

    def context_attr_audit_request(self, audit: ContextAudit) -> Parts:
        select = audit.select or ContextProperties()
        if select.topology is not None or select.contexts:
            raise LocalProtocolError("binary has no selection by topology or by a list of contexts")
        tokens = ("Topology", "Emergency", "Priority", "IEPSCall")
        named = [Property(item, (), Form.NAME) for item in audit.items if item not in tokens]
        return (
            *(True if token in audit.items else None for token in tokens),
            [*named, *select.properties] or None,
            select.priority,
            select.emergency,
            select.ieps,
            audit.logic,
        )

    def topology_request(self, triple: Topology) -> Parts:
        direction, extension = triple.direction, triple.extension
        if direction in (TopologyDirection.ONEWAY_EXTERNAL, TopologyDirection.ONEWAY_BOTH):
            direction, extension = TopologyDirection.ONEWAY, direction
        return triple.first, triple.second, direction, triple.stream, extension

    # --- commands ---

    def command_request(self, command: Command) -> Parts:
        if not command.terminations:
            raise LocalProtocolError("a command names at least one termination")
        return command, command.optional or None, command.wildcard_response or None

    def amm_request(self, command: Command) -> Parts:
        return command.terminations, command.descriptors

    def subtract_request(self, command: Command) -> Parts:
        return command.terminations, _sole(command, Audit)

    def audit_request(self, command: Command) -> Parts:
        terminations = command.terminations
        audit = _sole(command, Audit) or Audit()
        return terminations[0], audit, terminations if len(terminations) > 1 else None

    def notify_request(self, command: Command) -> Parts:
        observed = command.descriptor(ObservedEvents) or ObservedEvents(0, ())
        error = command.descriptor(ErrorDescriptor)
        others = [d for d in command.descriptors if d is not observed and d is not error]
        if others:
            raise LocalProtocolError(f"no {type(others[0]).__name__} descriptor stands in Notify")
        return command.terminations, observed, error

    def service_change_request(self, command: Command) -> Parts:
        services = _sole(command, Services)
        if services is None:
            raise LocalProtocolError("ServiceChange without its parameters")
        return command.terminations, services

    def amms_reply(self, reply: CommandReply) -> Parts:
        return self._answered(reply), _gathered(reply.descriptors) or None

    def notify_reply(self, reply: CommandReply) -> Parts:
        return self._answered(reply), _sole(reply, ErrorDescriptor)

    def service_change_reply(self, reply: CommandReply) -> Parts:
        error = reply.error
        return self._answered(reply), _sole(reply, Services) or Services() if error is None else error

    def audit_result(self, reply: CommandReply) -> Parts:
        return reply.terminations[0], _gathered(reply.descriptors)

    def term_list_audit_result(self, reply: CommandReply) -> Parts:
        return self._answered(reply), _gathered(reply.descriptors)

    @staticmethod
    def _answered(reply: CommandReply) -> tuple[str, ...]:
        if not reply.terminations:
            raise LocalProtocolError("a reply names at least one termination")
        return reply.terminations

    def termination(self, text: str) -> Parts:
        """Wildcards and id of a termination."""
        wildcards, octets = self._naming.octets(text)
        return [bytes((wildcard,)) for wildcard in wildcards], octets

    # --- media ---

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

    # --- events ---

    def events_descriptor(self, events: Events) -> Parts:
        return events.request_id, events.events

    second_events_descriptor = events_descriptor

    def requested_event(self, event: Event) -> Parts:
        codec = self._events[event.name]
        plain = (
            not event.keep_active
            and event.digit_map is None
            and event.embed is None
            and event.behaviour is None
            and not event.reset_events
        )
        return codec.octets, event.stream, None if plain else event, self._parameters(codec, event.parameters)

    second_requested_event = requested_event

    def requested_actions(self, event: Event) -> Parts:
        embed = event.embed or _NOTHING
        signals = None if embed.signals is None else embed.signals.items
        behaviour = None if event.behaviour is None else (event.behaviour, event.regulated_embed)
        reset = event.reset_events or None
        return event.keep_active or None, event.digit_map, embed.events, signals, behaviour, reset

    def second_requested_actions(self, event: Event) -> Parts:
        keep, digit_map, events, *rest = self.requested_actions(event)
        if events is not None:
            raise LocalProtocolError(f"{event.name}: an embedded event embeds signals only")
        return keep, digit_map, *rest

    def regulated_embedded_descriptor(self, embed: Embed) -> Parts:
        return embed.events, None if embed.signals is None else embed.signals.items

    def event_spec(self, event: ObservedEvent) -> Parts:
        if event.time is not None:
            raise LocalProtocolError(f"{event.name} in an EventBuffer has a time")
        codec = self._events[event.name]
        return codec.octets, event.stream, self._parameters(codec, event.parameters)

    def observed_event(self, event: ObservedEvent) -> Parts:
        codec = self._events[event.name]
        return codec.octets, event.stream, self._parameters(codec, event.parameters), event.time

    def observed_events_descriptor(self, observed: ObservedEvents) -> Parts:
        return observed.request_id, observed.events

    def time_notation(self, time: str) -> Parts:
        date, _, clock = time.partition("T")
        return date, clock

    # --- signals and digit maps ---

    def signal(self, signal: Signal) -> Parts:
        codec = self._signals[signal.name]
        completion = [_COMPLETION_BITS[reason] for reason in signal.notify_completion]
        return (
            codec.octets,
            signal.stream,
            signal.type,
            signal.duration,
            completion or None,
            signal.keep_active or None,
            self._parameters(codec, signal.parameters),
            signal.direction,
            signal.request_id,
            signal.intersignal_delay,
        )

    def seq_sig_list(self, signals: SignalList) -> Parts:
        return signals.id, signals.signals

    def event_digit_map(self, digit_map: DigitMap) -> Chosen:
        """The digit map of an event: a name or a value."""
        if digit_map.pattern is None:
            return 0, self._naming.digit_map_octets(digit_map.name or "")
        if digit_map.name is not None:
            raise LocalProtocolError(f"in an event digit map {digit_map.name!r} has a name or a value, not both")
        return 1, digit_map

    def digit_map_descriptor(self, digit_map: DigitMap) -> Parts:
        name = None if digit_map.name is None else self._naming.digit_map_octets(digit_map.name)
        return name, None if digit_map.pattern is None else digit_map

    def digit_map_value(self, digit_map: DigitMap) -> Parts:
        timers = (digit_map.start_timer, digit_map.short_timer, digit_map.long_timer)
        return *timers, digit_map.pattern, digit_map.duration_timer

    # --- statistics, packages, audits ---

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
        asked, properties = _asked(control.properties, ("Mode", "ReservedValue", "ReservedGroup"))
        if control.reserved_value is not None or control.reserved_group is not None:
            raise LocalProtocolError("binary has no selection by ReservedValue or ReservedGroup")
        return *asked, properties or None, control.mode

    def ind_aud_property_parm(self, item: Property) -> Parts:
        return self._properties[item.name].octets, None if item.form is Form.NAME else self._property(item)

    def ind_aud_local_remote_descriptor(self, described: tuple[SessionDescription, ...]) -> Parts:
        return None, [Property(name, (), Form.NAME) for name in local.audited_names(described)]

    def ind_aud_termination_state_descriptor(self, state: TerminationState) -> Parts:
        (buffer, service), properties = _asked(state.properties, ("Buffer", "ServiceStates"))
        if state.buffer is not None:
            raise LocalProtocolError("binary has no selection by Buffer")
        return properties, buffer, service, state.service_state

    def ind_aud_events_descriptor(self, events: Events) -> Parts:
        event = _only(events.events, "event")
        return events.request_id, self._events[event.name].octets, event.stream

    def ind_aud_event_buffer_descriptor(self, buffer: EventBuffer) -> Parts:
        event = _only(buffer.events, "event")
        return self._events[event.name].octets, event.stream

    def ind_aud_seq_sig_list(self, signals: SignalList) -> Parts:
        return signals.id, _only(signals.signals, "signal") if signals.signals else None

    def ind_aud_signal(self, signal: Signal) -> Parts:
        return self._signals[signal.name].octets, signal.stream, signal.request_id

    def ind_aud_digit_map_descriptor(self, digit_map: DigitMap) -> Parts:
        return (None if digit_map.name is None else self._naming.digit_map_octets(digit_map.name),)

    def ind_aud_statistics_descriptor(self, statistics: Statistics) -> Parts:
        return (self._statistics[_only(statistics.items, "statistic").name].octets,)

    def ind_aud_packages_descriptor(self, packages: Packages) -> Parts:
        return self.packages_item(_only(packages.items, "package"))

    # --- ServiceChange ---

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


_NOTHING = Embed()


def _asked(properties: tuple[Property, ...], tokens: Sequence[str]) -> tuple[list[bool | None], list[Property]]:
    """Which bare tokens an audit names, and the other properties."""
    named = {item.name for item in properties if item.name in tokens}
    if any(item.name in tokens and item.form is not Form.NAME for item in properties):
        raise LocalProtocolError(f"binary has no selection by what {' or '.join(named)} is not")
    return [True if token in named else None for token in tokens], [p for p in properties if p.name not in tokens]


_D = TypeVar("_D", Audit, ErrorDescriptor, Services)


def _sole(command: Command | CommandReply, kind: type[_D]) -> _D | None:
    """The one descriptor, which has to be of that class."""
    if not command.descriptors:
        return None
    found = command.descriptors[0]
    if len(command.descriptors) > 1 or not isinstance(found, kind):
        names = ", ".join(type(one).__name__ for one in command.descriptors)
        raise LocalProtocolError(f"{command.kind} carries {kind.__name__} and nothing else, not {names}")
    return found
