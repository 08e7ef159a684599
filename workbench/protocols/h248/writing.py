"""From the message tree to text, pretty (long tokens, indented) or compact (short tokens, no blanks).

Pretty text is laid out in two steps: the productions put marks where a line ends, `_indented` turns them into line
ends and blanks. A session description stays as it is, at the first column, and so does the brace behind it.

Source: H.248.1 Annex B.2, versions 1 to 3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Literal

from workbench.errors import LocalProtocolError
from workbench.protocols.h248.message import (
    ALL,
    CHOOSE,
    NULL,
    Ack,
    Action,
    ActionReply,
    Audit,
    AuditItem,
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
    ObservedEvent,
    ObservedEvents,
    Packages,
    PackageVersion,
    Pending,
    Property,
    Quoted,
    Reply,
    Request,
    Segment,
    Services,
    Signal,
    SignalList,
    Signals,
    Statistics,
    StreamDescriptor,
    TerminationState,
    Token,
    Topology,
    Transaction,
)
from workbench.protocols.h248.reading.descriptors import MID
from workbench.protocols.h248.reading.events import TIME
from workbench.protocols.h248.tokens import SAFE, TOKENS
from workbench.protocols.sdp import SessionDescription
from workbench.protocols.sdp import encode as encode_sdp

Style = Literal["pretty", "compact"]

_SAFE = re.compile(rf"{SAFE}+")
_QUOTABLE = re.compile(r'[^"\x00-\x08\x0a-\x1f\x7f]*')
_PATTERN = re.compile(r"[^};\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\uffff]+")
_MID = re.compile(MID, re.I)
_SURROGATE = re.compile(r"[\ud800-\udfff]")

_UINT32 = 0xFFFFFFFF
# The largest number behind these tokens; behind the others it is UINT32.
_MOST: Mapping[str, int] = {
    "Stream": 0xFFFF, "SignalList": 0xFFFF, "Duration": 0xFFFF, "Intersignal": 0xFFFF, "Priority": 0xFFFF,
    "Version": 99, "Error": 9999,
}  # fmt: skip


def _limited(name: str, value: int, most: int) -> None:
    if not 0 <= value <= most:
        raise LocalProtocolError(f"{name} = {value} is not from 0 to {most}")


# Marks for line ends: one level in, one level out, same level. Octets become characters up to 255, so no text has them.
_IN, _OUT, _SAME = "\ue000", "\ue001", "\ue002"
_MARK = re.compile(f"([{_IN}{_OUT}{_SAME}])")
_ONE_LINE = 76
_ONE_LINE_ITEMS = 2


def encode(message: Message, style: Style = "pretty") -> bytes:
    """Write a message.

    Args:
        message: any tree of versions 1 to 3.
        style: `pretty` with long tokens and indentation, `compact` with short tokens and no blanks.

    Raises:
        LocalProtocolError: a name, value or number that the text encoding can't carry.

    Source: H.248.1 Annex B.2.
    """
    return _WRITERS[style, min(message.version, 3)].message(message)


class _Writer:
    """The productions, in one style."""

    def __init__(self, style: Style, version: int) -> None:
        self.pretty = style == "pretty"
        words = {long: long if self.pretty else short for long, short in TOKENS.items()}
        if self.pretty and version < 3:  # the long form lost its last part in version 3; readers here take both
            words["EmergencyOff"] = "EmergencyOffToken"
        self.word: Mapping[str, str] = words
        self.equals = " = " if self.pretty else "="
        self.setting: Mapping[str, str] = {long: word + self.equals for long, word in words.items()}

    # --- layout ---

    def block(self, head: str, items: list[str], *, open_lines: bool = False, empty: bool = False) -> str:
        """`head { items }`; short ones on one line unless `open_lines`; no items only where they may be `empty`."""
        if not items and not empty:
            raise LocalProtocolError(f"{head} is empty")
        if not self.pretty:
            return f"{head}{{{','.join(items)}}}"
        if not items:
            return f"{head} {{ }}"
        line = ", ".join(items)
        short = len(items) <= _ONE_LINE_ITEMS and len(head) + len(line) < _ONE_LINE
        if short and not open_lines and "\n" not in line and not _MARK.search(line):
            return f"{head} {{ {line} }}"
        return f"{head} {{{_IN}{f',{_SAME}'.join(items)}{_OUT}}}"

    def given(self, name: str, value: str | int) -> str:
        """`token = value`; a number within what the grammar has there."""
        if isinstance(value, int):
            _limited(name, value, _MOST.get(name, _UINT32))
        return f"{self.setting[name]}{value}"

    # --- message and transactions ---

    def message(self, message: Message) -> bytes:
        """The whole message."""
        end = "\n"
        _limited("Version", message.version, _MOST["Version"])
        head = f"{self.word['MEGACO']}/{message.version} {identifier(message.mid)}{end}"
        if message.authentication is not None:
            ah = message.authentication
            parts = (ah.security_parameter_index, ah.sequence, ah.check)
            values = ":".join(f"0x{octets.hex().upper()}" for octets in parts)
            head = f"{self.word['Authentication']}{self.equals}{values}{end}{head}"
        if message.error is not None:
            parts_of_body = [self.error(message.error)]
        else:
            parts_of_body = [self.transaction(transaction) for transaction in message.body]
        if not parts_of_body:
            raise LocalProtocolError("a message carries at least one transaction, or an error")
        # segmentReply is the one item that does not end with a brace, around which blanks are free: where another item
        # follows a blank has to keep them apart, and at the end of the message the grammar has no place for one.
        segments = any(isinstance(transaction, Segment) for transaction in message.body)
        between = end if self.pretty or segments else ""
        last = end if self.pretty and not segments else ""
        items = [_indented(part) for part in parts_of_body] if self.pretty else parts_of_body
        return (head + between.join(items) + last).encode("latin-1")

    def transaction(self, transaction: Transaction) -> str:
        """One item of the message body."""
        match transaction:
            case Request(id=number, actions=actions):
                items = [self.action(action) for action in actions]
                return self.block(self.given("Transaction", number), items, open_lines=True)
            case Reply():
                return self.reply(transaction)
            case Pending(id=number):
                return self.block(self.given("Pending", number), [], empty=True)
            case Ack(ranges=ranges):
                ids = [f"{low}" if low == high else f"{low}-{high}" for low, high in ranges]
                for low, high in ranges:
                    _limited("TransactionResponseAck", high, _UINT32)
                    _limited("TransactionResponseAck", low, high)
                if self.pretty and ids:
                    return f"{self.word['TransactionResponseAck']} {{ {', '.join(ids)} }}"
                return self.block(self.word["TransactionResponseAck"], ids)
            case Segment(id=number, segment=segment, last=last):
                return self.given("Segment", self.numbered(number, segment, last))

    def numbered(self, number: int, segment: int | None, last: bool) -> str:
        """A transaction id with its segment."""
        _limited("TransactionID", number, _UINT32)
        if segment is None:
            return f"{number}"
        _limited("segmentNumber", segment, 0xFFFF)
        return f"{number}/{segment}/{self.word['END']}" if last else f"{number}/{segment}"

    def reply(self, reply: Reply) -> str:
        """A transaction reply."""
        head = self.given("Reply", self.numbered(reply.id, reply.segment, reply.last))
        items = [self.word["ImmAckRequired"]] if reply.immediate_ack else []
        if reply.error is not None:
            items.append(self.error(reply.error))
        else:
            items += [self.action_reply(action) for action in reply.actions]
        return self.block(head, items, open_lines=True)

    # --- actions ---

    def action(self, action: Action) -> str:
        """The commands for one context."""
        items = [] if action.properties is None else self.context_properties(action.properties)
        if action.audit is not None:
            items.append(self.context_audit(action.audit))
        items += [self.command(command) for command in action.commands]
        return self.block(self.given("Context", context_text(action.context)), items, open_lines=True)

    def action_reply(self, action: ActionReply) -> str:
        """What became of the commands for one context."""
        items = [] if action.properties is None else self.context_properties(action.properties)
        items += [self.command_reply(command) for command in action.commands]
        if action.error is not None:
            items.append(self.error(action.error))
        head = self.given("Context", context_text(action.context))
        return self.block(head, items, open_lines=True) if items else head

    def context_properties(self, properties: ContextProperties, selecting: bool = False) -> list[str]:
        """Attributes of a context; `selecting` in an audit."""
        items: list[str] = []
        if properties.priority is not None:
            items.append(self.given("Priority", properties.priority))
        if properties.emergency is not None:
            word = self.word["Emergency" if properties.emergency else "EmergencyOff"]
            items.append(self.given("EmergencyValue", word) if selecting else word)
        if properties.topology is not None:
            triples = [self.topology(triple) for triple in properties.topology]
            items.append(self.block(self.word["Topology"], triples))
        if properties.ieps is not None:
            items.append(self.given("IEPSCall", self.on_off(properties.ieps)))
        if properties.properties:
            items.append(self.block(self.word["ContextAttr"], self.properties(properties.properties)))
        if properties.contexts:
            ids = [context_text(context) for context in properties.contexts]
            listed = self.block(f"{self.word['ContextList']}{self.equals.rstrip()}", ids)
            items.append(self.block(self.word["ContextAttr"], [listed]))
        return items

    def topology(self, triple: Topology) -> str:
        """One triple."""
        parts = [termination(triple.first), termination(triple.second), self.word[triple.direction]]
        if triple.extension is not None:
            parts.append(self.word[triple.extension])
        if triple.stream is not None:
            parts.append(self.given("Stream", triple.stream))
        return (", " if self.pretty else ",").join(parts)

    def context_audit(self, audit: ContextAudit) -> str:
        """Context attributes asked for."""
        items = [self.word.get(item) or name(item) for item in audit.items]
        if audit.select is not None:
            items += self.context_properties(audit.select, selecting=True)
        if audit.logic is not None:
            items.append(self.word[audit.logic])
        return self.block(self.word["ContextAudit"], items)

    # --- commands ---

    def command(self, command: Command) -> str:
        """A command with its prefixes."""
        prefix = ("O-" if command.optional else "") + ("W-" if command.wildcard_response else "")
        head = self.setting[command.kind] + self.terminations(command.terminations)
        if prefix:
            head = prefix + head
        if not command.descriptors:
            if command.kind is Kind.NOTIFY or command.kind is Kind.SERVICE_CHANGE:
                raise LocalProtocolError(f"{head} is empty")
            return head
        items = [self.descriptor(descriptor) for descriptor in command.descriptors]
        return self.block(head, items, open_lines=not isinstance(command.descriptors[0], Audit))

    def terminations(self, terminations: tuple[str, ...]) -> str:
        """One termination, or from version 3 a list."""
        if len(terminations) == 1:
            return termination(terminations[0])
        if not terminations:
            raise LocalProtocolError("a command names at least one termination")
        return f"[{','.join(termination(one) for one in terminations)}]"

    def command_reply(self, reply: CommandReply) -> str:
        """What became of a command."""
        if reply.context_audit:
            items = [termination(one) for one in reply.terminations] or [self.descriptor(d) for d in reply.descriptors]
            return self.block(self.given(reply.kind, self.word["Context"]), items)
        head = self.given(reply.kind, self.terminations(reply.terminations))
        if not reply.descriptors:
            return head
        items = [self.descriptor(descriptor) for descriptor in reply.descriptors]
        one_line = isinstance(reply.descriptors[0], ErrorDescriptor)
        return self.block(head, items, open_lines=not one_line)

    def error(self, error: ErrorDescriptor) -> str:
        """`Error = code { "text" }`."""
        items = [] if error.text is None else [quoted(error.text)]
        return self.block(self.given("Error", error.code), items, empty=True)

    def descriptor(self, descriptor: Descriptor) -> str:
        """Any descriptor."""
        return _DESCRIPTORS[type(descriptor)](self, descriptor)

    # --- media ---

    def media(self, media: Media) -> str:
        """The Media descriptor."""
        items = [] if media.termination_state is None else [self.termination_state(media.termination_state)]
        if media.implicit_stream:
            if len(media.streams) != 1:
                raise LocalProtocolError("an implicit stream is the only one of its termination")
            items += self.stream_parts(media.streams[0])
        else:
            for stream in media.streams:
                items.append(self.block(self.given("Stream", stream.id), self.stream_parts(stream)))
        if not items:
            raise LocalProtocolError("a Media descriptor is not empty")
        return self.block(self.word["Media"], items)

    def stream_parts(self, stream: StreamDescriptor) -> list[str]:
        """What is in a stream."""
        items: list[str] = []
        if stream.local_control is not None:
            items.append(self.local_control(stream.local_control))
        if stream.local is not None:
            items.append(self.description("Local", stream.local))
        if stream.remote is not None:
            items.append(self.description("Remote", stream.remote))
        if stream.statistics is not None:
            items.append(self.statistics(stream.statistics))
        if not items:
            raise LocalProtocolError("a Stream descriptor is not empty")
        return items

    def description(self, head: str, groups: tuple[SessionDescription, ...]) -> str:
        """Local or Remote: session descriptions one after the other, closing braces escaped."""
        if not groups:
            return self.block(self.word[head], [], empty=True)
        text = "".join(_ended(encode_sdp(group)) for group in groups).replace("}", "\\}")
        if not self.pretty:
            return f"{self.word[head]}{{\n{text}}}"
        # The brace stands at the first column: blanks before it would look like one more line of the description.
        return f"{self.word[head]} {{\n{text}}}"

    def local_control(self, control: LocalControl) -> str:
        """The LocalControl descriptor."""
        items: list[str] = []
        if control.mode is not None:
            items.append(self.given("Mode", self.word[control.mode]))
        if control.reserved_value is not None:
            items.append(self.given("ReservedValue", self.on_off(control.reserved_value)))
        if control.reserved_group is not None:
            items.append(self.given("ReservedGroup", self.on_off(control.reserved_group)))
        return self.block(self.word["LocalControl"], items + self.properties(control.properties))

    def termination_state(self, state: TerminationState) -> str:
        """The TerminationState descriptor."""
        items = self.properties(state.properties)
        if state.service_state is not None:
            items.insert(0, self.given("ServiceStates", self.word[state.service_state]))
        if state.buffer is not None:
            items.append(self.given("Buffer", self.word[state.buffer]))
        return self.block(self.word["TerminationState"], items)

    def on_off(self, value: bool) -> str:
        """`ON` or `OFF`."""
        return self.word["ON" if value else "OFF"]

    def properties(self, properties: Iterable[Property]) -> list[str]:
        """Properties, parameters or statistics."""
        return [self.property(item) for item in properties]

    def property(self, item: Property) -> str:
        """One of them, in the form its values ask for."""
        if item.form is Form.ONE and "/" in item.name and len(item.values) == 1:
            return f"{name(item.name)}{self.equals}{value(item.values[0])}"
        head = self.word[item.name] if item.name in _AUDITED else name(item.name)
        values = [self.word.get(v, v) if item.name in _AUDITED else value(v) for v in item.values]
        form = item.form
        if form is Form.NAME:
            return head
        if not values:
            raise LocalProtocolError(f"{item.name} has no value")
        if form is Form.ONE:
            return f"{head}{self.equals}{values[0]}"
        if form is Form.ANY_OF or form is Form.LIST:
            inside = (", " if self.pretty else ",").join(values)
            return f"{head}{self.equals}{form.value[0]}{inside}{form.value[1]}"
        if form is Form.RANGE:
            return f"{head}{self.equals}[{values[0]}:{values[1]}]"
        relation = f" {form.value} " if self.pretty else form.value
        return f"{head}{relation}{values[0]}"

    # --- events and signals ---

    def events(self, events: Events) -> str:
        """The Events descriptor."""
        items = [self.event(event) for event in events.events]
        if events.request_id is None:
            return self.block(self.word["Events"], items) if items else self.word["Events"]
        return self.block(self.given("Events", request_id(events.request_id)), items)

    def event(self, event: Event) -> str:
        """One event to watch for."""
        items: list[str] = []
        if event.stream is not None:
            items.append(self.given("Stream", event.stream))
        items += self.properties(event.parameters)
        if event.keep_active:
            items.append(self.word["KeepActive"])
        if event.digit_map is not None:
            items.append(self.digit_map(event.digit_map))
        if event.embed is not None:
            items.append(self.embed(event.embed))
        if event.behaviour is not None:
            head = self.word[event.behaviour]
            nested = [] if event.regulated_embed is None else [self.embed(event.regulated_embed)]
            items.append(self.block(head, nested) if nested else head)
        if event.reset_events:
            items.append(self.word["ResetEventsDescriptor"])
        return self.block(name(event.name), items) if items else name(event.name)

    def embed(self, embed: Embed) -> str:
        """Embedded descriptors."""
        items = [] if embed.signals is None else [self.signals(embed.signals)]
        if embed.events is not None:
            items.append(self.events(embed.events))
        return self.block(self.word["Embed"], items)

    def observed_event(self, event: ObservedEvent) -> str:
        """One event that was seen."""
        head = name(event.name) if event.time is None else f"{time_stamp(event.time)}:{name(event.name)}"
        if event.stream is None and not event.parameters:
            return head
        items = [] if event.stream is None else [self.given("Stream", event.stream)]
        items += self.properties(event.parameters)
        return self.block(head, items) if items else head

    def observed_events(self, observed: ObservedEvents) -> str:
        """The ObservedEvents descriptor."""
        items = [self.observed_event(event) for event in observed.events]
        head = self.given("ObservedEvents", request_id(observed.request_id))
        return self.block(head, items, open_lines=bool(items) and "{" in items[0])

    def event_buffer(self, buffer: EventBuffer) -> str:
        """The EventBuffer descriptor."""
        items = [self.observed_event(event) for event in buffer.events]
        return self.block(self.word["EventBuffer"], items) if items else self.word["EventBuffer"]

    def signals(self, signals: Signals) -> str:
        """The Signals descriptor."""
        items = [self.signal_list(i) if isinstance(i, SignalList) else self.signal(i) for i in signals.items]
        return self.block(self.word["Signals"], items) if items else self.word["Signals"]

    def signal_list(self, signals: SignalList) -> str:
        """Signals one after the other."""
        items = [self.signal(signal) for signal in signals.signals]
        head = self.given("SignalList", signals.id)
        return self.block(head, items) if items else head

    def signal(self, signal: Signal) -> str:
        """One signal."""
        items: list[str] = []
        if signal.stream is not None:
            items.append(self.given("Stream", signal.stream))
        if signal.type is not None:
            items.append(self.given("SignalType", self.word[signal.type]))
        if signal.duration is not None:
            items.append(self.given("Duration", signal.duration))
        if signal.notify_completion:
            why = [self.word[reason] for reason in signal.notify_completion]
            items.append(self.block(f"{self.word['NotifyCompletion']}{self.equals.rstrip()}", why))
        if signal.keep_active:
            items.append(self.word["KeepActive"])
        items += self.properties(signal.parameters)
        if signal.direction is not None:
            items.append(self.given("SPADirection", self.word[signal.direction]))
        if signal.request_id is not None:
            items.append(self.given("SPARequestID", request_id(signal.request_id)))
        if signal.intersignal_delay is not None:
            items.append(self.given("Intersignal", signal.intersignal_delay))
        return self.block(name(signal.name), items) if items else name(signal.name)

    # --- the other descriptors ---

    def digit_map(self, digit_map: DigitMap) -> str:
        """The DigitMap descriptor."""
        head = (
            self.given("DigitMap", name(digit_map.name)) if digit_map.name else f"{self.word['DigitMap']}{self.equals}"
        )
        if digit_map.pattern is None:
            return head
        timers = (
            ("T", digit_map.start_timer),
            ("S", digit_map.short_timer),
            ("L", digit_map.long_timer),
            ("Z", digit_map.duration_timer),
        )
        items = [f"{letter}:{timer}" for letter, timer in timers if timer is not None]
        if not _PATTERN.fullmatch(digit_map.pattern):
            raise LocalProtocolError(f"{digit_map.pattern!r} is no digit map in the text encoding")
        return self.block(head.rstrip(), [*items, digit_map.pattern])

    def mux(self, mux: Mux) -> str:
        """The Mux descriptor."""
        _no_data(mux.non_standard)
        kind = self.word.get(mux.type) or name(mux.type)
        return self.block(self.given("Mux", kind), [termination(one) for one in mux.terminations])

    def modem(self, modem: Modem) -> str:
        """The Modem descriptor."""
        _no_data(modem.non_standard)
        types = [name(kind) for kind in modem.types]
        head = self.given("Modem", types[0]) if len(types) == 1 else f"{self.word['Modem']}[{','.join(types)}]"
        return self.block(head, self.properties(modem.properties)) if modem.properties else head

    def statistics(self, statistics: Statistics) -> str:
        """The Statistics descriptor."""
        items = self.properties(statistics.items)
        return self.block(self.word["Statistics"], items) if items else self.word["Statistics"]

    def packages(self, packages: Packages) -> str:
        """The Packages descriptor."""
        return self.block(self.word["Packages"], [self.package(item) for item in packages.items])

    def package(self, item: PackageVersion) -> str:
        """A package and its version."""
        return f"{name(item.name)}-{item.version}"

    def audit(self, audit: Audit) -> str:
        """The Audit descriptor."""
        return self.block(self.word["Audit"], [self.audit_item(item) for item in audit.items], empty=True)

    def audit_item(self, item: AuditItem) -> str:
        """A descriptor that is asked for, whole or in part."""
        return self.word[item.name] if item.only is None else self.descriptor(item.only)

    def services(self, services: Services) -> str:
        """The Services descriptor."""
        _no_data(services.non_standard)
        items: list[str] = []
        if services.method is not None:
            items.append(self.given("Method", self.word.get(services.method) or name(services.method)))
        if services.version is not None:
            items.append(self.given("Version", services.version))
        if services.address is not None:
            items.append(self.given("ServiceChangeAddress", identifier(services.address)))
        if services.mgc_id is not None:
            items.append(self.given("MgcIdToTry", identifier(services.mgc_id)))
        if services.profile is not None:
            items.append(self.given("Profile", name(services.profile)))
        if services.reason is not None:
            items.append(self.given("Reason", value(services.reason)))
        if services.delay is not None:
            items.append(self.given("Delay", services.delay))
        if services.time is not None:
            items.append(time_stamp(services.time))
        if services.audit is not None:
            items.append(self.audit_item(services.audit))
        if services.incomplete:
            items.append(self.word["ServiceChangeInc"])
        return self.block(self.word["Services"], items + self.properties(services.extensions))

    def token(self, token: Token) -> str:
        """A descriptor's bare token."""
        return self.word[token.name]


def _no_data(own: NonStandard | None) -> None:
    """Data of a manufacturer's own has `X-` and `X+` parameters in text, in Services only."""
    if own is not None:
        raise LocalProtocolError(f"the text encoding has no place for the data of {own.identifier}")


_DESCRIPTORS: dict[type, Callable[[_Writer, Descriptor], str]] = {
    Media: _Writer.media,  # type: ignore[dict-item]  # each method takes its own class of descriptor
    Mux: _Writer.mux,  # type: ignore[dict-item]
    Modem: _Writer.modem,  # type: ignore[dict-item]
    Events: _Writer.events,  # type: ignore[dict-item]
    EventBuffer: _Writer.event_buffer,  # type: ignore[dict-item]
    Signals: _Writer.signals,  # type: ignore[dict-item]
    DigitMap: _Writer.digit_map,  # type: ignore[dict-item]
    Audit: _Writer.audit,  # type: ignore[dict-item]
    Statistics: _Writer.statistics,  # type: ignore[dict-item]
    Packages: _Writer.packages,  # type: ignore[dict-item]
    ObservedEvents: _Writer.observed_events,  # type: ignore[dict-item]
    Services: _Writer.services,  # type: ignore[dict-item]
    ErrorDescriptor: _Writer.error,  # type: ignore[dict-item]
    Token: _Writer.token,  # type: ignore[dict-item]
}
_AUDITED = ("Mode", "ReservedValue", "ReservedGroup", "ServiceStates", "Buffer")
_STYLES: tuple[Style, ...] = ("pretty", "compact")
_WRITERS = {(style, version): _Writer(style, version) for style in _STYLES for version in range(4)}


def _indented(text: str) -> str:
    """Line ends and two blanks a level where the marks are."""
    depth = 0
    parts: list[str] = []
    for piece in _MARK.split(text):
        if piece == _IN:
            depth += 1
        elif piece == _OUT:
            depth -= 1
        elif piece != _SAME:
            parts.append(piece)
            continue
        parts.append("\n" + "  " * depth)
    return "".join(parts)


def _ended(octets: bytes) -> str:
    """A session description whose last line is ended, so that another one or a brace may follow."""
    text = octets.decode("latin-1")
    return text if text.endswith(("\n", "\r")) else text + ("\r\n" if "\r\n" in text else "\n")


def context_text(context: int) -> str:
    """A context's number as text: `-`, `$` and `*` for the special ones."""
    return _CONTEXTS.get(context) or f"{context}"


_CONTEXTS = {NULL: "-", CHOOSE: "$", ALL: "*"}


def request_id(number: int) -> str:
    """A request id as text: `*` for all."""
    return "*" if number == ALL else f"{number}"


@lru_cache(maxsize=4096)
def name(text: str) -> str:
    """The name itself, if it has only safe characters."""
    if not _SAFE.fullmatch(text):
        raise LocalProtocolError(f"{text!r} is no name in the text encoding")
    return text


termination = name


@lru_cache(maxsize=256)
def identifier(mid: str) -> str:
    """A message identifier, in the forms of mId."""
    if not _MID.fullmatch(mid):
        raise LocalProtocolError(f"{mid!r} is no message identifier")
    return mid


def time_stamp(time: str) -> str:
    """A time stamp of 8 digits, T and 8 digits."""
    if not TIME.fullmatch(time):
        raise LocalProtocolError(f"{time!r} is no time stamp")
    return time



@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return text if _SAFE.fullmatch(text) else quoted(text)


def value(text: str) -> str:
    """A value as it stands on the wire: in quotation marks where it was, or where it has to be."""
    return quoted(text) if isinstance(text, Quoted) else _plain(text)


def quoted(text: str) -> str:
    """A quoted string."""
    if not _QUOTABLE.fullmatch(text) or _SURROGATE.search(text):
        raise LocalProtocolError(f"{text!r} can't stand in a quoted string")
    return f'"{text}"' if text.isascii() else f'"{text.encode().decode("latin-1")}"'
