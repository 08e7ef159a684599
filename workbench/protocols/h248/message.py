"""The one H.248 message tree: what a message says, whichever encoding carried it.

Text and binary codecs meet here and nowhere else. The tree holds versions 1 to 3 of H.248.1 with the words of the
specification. All values are frozen; a tuple keeps the order of the wire.

Conventions
- A name that belongs to a package is one string, `package/item`, as the text encoding writes it.
- A context is a number; `NULL`, `CHOOSE` and `ALL` are the binary encoding's numbers for `-`, `$` and `*`.
- A termination is its text, such as `ip/1/access/17`, `ip/1/access/$`, `*` or `ROOT`.
- A value is its text. `Quoted` marks one that stood in quotation marks; it equals the plain string of its content.
- None means "not there"; an empty tuple means "there and empty" (an empty Local descriptor clears the former one).

Source: H.248.1 §7, §8, Annex B.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

import msgspec

from workbench.protocols.sdp import SessionDescription

NULL = 0
"""The null context, `-` in text."""
CHOOSE = 0xFFFFFFFE
"""The context that the gateway is asked to make, `$` in text."""
ALL = 0xFFFFFFFF
"""All contexts, and in an Events descriptor all request ids; `*` in text."""
ROOT = "ROOT"
"""The termination that stands for the gateway itself."""


class Quoted(str):
    """The content of a quoted string. Equal to the plain string; written with its quotation marks again.

    (JSON: `msgspec.json.encode(tree, enc_hook=str)`.)
    """

    __slots__ = ()


class Kind(StrEnum):
    """The commands (H.248.1 §7.2)."""

    ADD = "Add"
    MODIFY = "Modify"
    MOVE = "Move"
    SUBTRACT = "Subtract"
    AUDIT_VALUE = "AuditValue"
    AUDIT_CAPABILITY = "AuditCapability"
    NOTIFY = "Notify"
    SERVICE_CHANGE = "ServiceChange"


class Mode(StrEnum):
    """Direction of a stream, seen from the termination towards the outside (H.248.1 §7.1.7)."""

    SEND_ONLY = "SendOnly"
    RECEIVE_ONLY = "ReceiveOnly"
    SEND_RECEIVE = "SendReceive"
    INACTIVE = "Inactive"
    LOOP_BACK = "Loopback"


class ServiceState(StrEnum):
    """Service state of a termination (H.248.1 §7.1.5)."""

    TEST = "Test"
    OUT_OF_SERVICE = "OutOfService"
    IN_SERVICE = "InService"


class EventBufferControl(StrEnum):
    """Whether events are buffered while a notification is under way (H.248.1 §7.1.5)."""

    OFF = "OFF"
    LOCK_STEP = "LockStep"


class Form(StrEnum):
    """How the values of a property or parameter are meant (H.248.1 Annex B, parmValue)."""

    NAME = "name"
    """No value at all: the item is only named, as in an audit."""
    ONE = "="
    """This value; `$` asks the gateway to choose."""
    ANY_OF = "{}"
    """The gateway picks one of the values."""
    LIST = "[]"
    """All the values: the property is a list."""
    RANGE = "[:]"
    """Something from the first value to the second, both included."""
    GREATER = ">"
    LESS = "<"
    DIFFERENT = "#"


class SignalType(StrEnum):
    """How long a signal lasts (H.248.1 §7.1.11)."""

    ON_OFF = "OnOff"
    TIME_OUT = "TimeOut"
    BRIEF = "Brief"


class Completion(StrEnum):
    """Ends of a signal that the controller wants to hear of (H.248.1 §7.1.11, NotifyCompletion)."""

    TIME_OUT = "TimeOut"
    BY_EVENT = "IntByEvent"
    BY_SIGNALS_DESCRIPTOR = "IntBySigDescr"
    OTHER_REASON = "OtherReason"
    ITERATION = "Iteration"


class SignalDirection(StrEnum):
    """Where a signal is heard (version 3)."""

    INTERNAL = "Internal"
    EXTERNAL = "External"
    BOTH = "Both"


class NotifyBehaviour(StrEnum):
    """When a detected event is notified (version 3)."""

    IMMEDIATE = "ImmediateNotify"
    REGULATED = "RegulatedNotify"
    NEVER = "NeverNotify"


class TopologyDirection(StrEnum):
    """Flow between two terminations (H.248.1 §7.1.18); the last two from version 3."""

    BOTHWAY = "Bothway"
    ISOLATE = "Isolate"
    ONEWAY = "Oneway"
    ONEWAY_EXTERNAL = "OnewayExternal"
    ONEWAY_BOTH = "OnewayBoth"


class Method(StrEnum):
    """ServiceChange methods (H.248.1 §7.2.8); extensions are plain strings that begin with `X-` or `X+`."""

    FAILOVER = "Failover"
    FORCED = "Forced"
    GRACEFUL = "Graceful"
    RESTART = "Restart"
    DISCONNECTED = "Disconnected"
    HAND_OFF = "HandOff"


class SelectLogic(StrEnum):
    """How the selectors of a context audit combine (version 3)."""

    AND = "ANDLgc"
    OR = "ORLgc"


class _Value(msgspec.Struct, frozen=True, tag=True, tag_field="is", omit_defaults=True, gc=False):
    """What all values of the tree share: frozen, and named in JSON."""


_V = TypeVar("_V", bound=_Value)


class Property(_Value, frozen=True):
    """A property, parameter or statistic with its values, such as `ipdc/realm = "access.example.net"`.

    Args:
        name: `package/item`, or the bare name of a parameter of an event or signal.
        values: none for `Form.NAME`, two for `Form.RANGE`, one or more otherwise.
        form: what several values mean, or the relation to one.
    """

    name: str
    values: tuple[str, ...] = ()
    form: Form = Form.ONE

    @property
    def value(self) -> str:
        """The only or first value; empty for an item that is only named."""
        return self.values[0] if self.values else ""


def named(name: str) -> Property:
    """An item that is only named, as an audit does."""
    return Property(name, (), Form.NAME)


class ErrorDescriptor(_Value, frozen=True):
    """Why something was refused: a code of H.248.8 and a text for people (None: no text given)."""

    code: int
    text: str | None = None


class LocalControl(_Value, frozen=True):
    """What the controller sets on a stream besides SDP (H.248.1 §7.1.7).

    In an audit the bare tokens Mode, ReservedValue and ReservedGroup stand among the properties as `Form.NAME`.
    """

    mode: Mode | None = None
    reserved_value: bool | None = None
    reserved_group: bool | None = None
    properties: tuple[Property, ...] = ()

    def property(self, name: str) -> Property | None:
        """The property of that name (letters of either case), or None."""
        return _find(self.properties, name)


class Statistics(_Value, frozen=True):
    """Counted values, or in an audit the names asked for (H.248.1 §7.1.15)."""

    items: tuple[Property, ...] = ()


class StreamDescriptor(_Value, frozen=True):
    """One stream of a termination.

    Args:
        id: 1 to 65535.
        local: what the gateway receives on: one description, or alternatives; () clears; None leaves as it was.
        remote: the same for the far end.
        statistics: version 3.
    """

    id: int = 1
    local_control: LocalControl | None = None
    local: tuple[SessionDescription, ...] | None = None
    remote: tuple[SessionDescription, ...] | None = None
    statistics: Statistics | None = None


class TerminationState(_Value, frozen=True):
    """State of a termination as a whole (H.248.1 §7.1.5).

    In an audit the bare tokens ServiceStates and Buffer stand among the properties as `Form.NAME`.
    """

    service_state: ServiceState | None = None
    buffer: EventBufferControl | None = None
    properties: tuple[Property, ...] = ()

    def property(self, name: str) -> Property | None:
        """The property of that name (letters of either case), or None."""
        return _find(self.properties, name)


class Media(_Value, frozen=True):
    """The streams of a termination (H.248.1 §7.1.4).

    Args:
        streams: with `implicit_stream` exactly one, with id 1.
        implicit_stream: the stream's parts stood in Media itself, without a Stream descriptor.
    """

    streams: tuple[StreamDescriptor, ...] = ()
    termination_state: TerminationState | None = None
    implicit_stream: bool = False

    def stream(self, number: int) -> StreamDescriptor | None:
        """The stream with that number, or None."""
        return next((stream for stream in self.streams if stream.id == number), None)


class NonStandard(_Value, frozen=True):
    """Data of a manufacturer's own (binary only; text has `X-` and `X+` parameters instead).

    Args:
        identifier: an object identifier as numbers with dots, `h221:` with country, extension and manufacturer as
            four numbers with slashes, or eight letters that begin with `X-` or `X+`.
        data: in whatever form the identifier stands for.
    """

    identifier: str
    data: bytes = b""


class Mux(_Value, frozen=True):
    """Multiplex of several bearers (H.248.1 §7.1.3): type such as `H223`, and the terminations."""

    type: str
    terminations: tuple[str, ...]
    non_standard: NonStandard | None = None


class Modem(_Value, frozen=True):
    """Modem types and properties (H.248.1 §7.1.2); obsolete."""

    types: tuple[str, ...]
    properties: tuple[Property, ...] = ()
    non_standard: NonStandard | None = None


class DigitMap(_Value, frozen=True):
    """A dialling plan: a name, a pattern, or both (H.248.1 §7.1.14).

    Args:
        name: under which the gateway knows or keeps it.
        pattern: digit strings as text, such as `(0[12].|00x.)`; None refers to the name alone.
        start_timer: T, in seconds or as the package says; likewise S, L and Z (duration modifier) below.
    """

    name: str | None = None
    pattern: str | None = None
    start_timer: int | None = None
    short_timer: int | None = None
    long_timer: int | None = None
    duration_timer: int | None = None


class Signal(_Value, frozen=True):
    """One signal to apply (H.248.1 §7.1.11).

    Args:
        duration: in units of 10 ms.
        direction, request_id, intersignal_delay: version 3; the delay in units of 10 ms.
    """

    name: str
    stream: int | None = None
    type: SignalType | None = None
    duration: int | None = None
    notify_completion: tuple[Completion, ...] = ()
    keep_active: bool = False
    parameters: tuple[Property, ...] = ()
    direction: SignalDirection | None = None
    request_id: int | None = None
    intersignal_delay: int | None = None

    def parameter(self, name: str) -> Property | None:
        """The parameter of that name (letters of either case), or None."""
        return _find(self.parameters, name)


class SignalList(_Value, frozen=True):
    """Signals that are played one after the other."""

    id: int
    signals: tuple[Signal, ...]


class Signals(_Value, frozen=True):
    """What a termination plays from now on; empty stops all (H.248.1 §7.1.11)."""

    items: tuple[Signal | SignalList, ...] = ()


class Embed(_Value, frozen=True):
    """What replaces the Signals and Events descriptors when the event is seen (H.248.1 §7.1.9)."""

    signals: Signals | None = None
    events: Events | None = None


class Event(_Value, frozen=True):
    """One event to watch for (H.248.1 §7.1.9).

    Args:
        behaviour, regulated_embed, reset_events: version 3; `regulated_embed` only with RegulatedNotify.
    """

    name: str
    stream: int | None = None
    keep_active: bool = False
    parameters: tuple[Property, ...] = ()
    digit_map: DigitMap | None = None
    embed: Embed | None = None
    behaviour: NotifyBehaviour | None = None
    regulated_embed: Embed | None = None
    reset_events: bool = False

    def parameter(self, name: str) -> Property | None:
        """The parameter of that name (letters of either case), or None."""
        return _find(self.parameters, name)


class Events(_Value, frozen=True):
    """Events to watch for from now on; no id and no events: watch for nothing (H.248.1 §7.1.9)."""

    request_id: int | None = None
    events: tuple[Event, ...] = ()


class ObservedEvent(_Value, frozen=True):
    """One event that was seen.

    Args:
        time: `yyyymmddThhmmsscc`, the last two digits hundredths of a second.
    """

    name: str
    time: str | None = None
    stream: int | None = None
    parameters: tuple[Property, ...] = ()

    def parameter(self, name: str) -> Property | None:
        """The parameter of that name (letters of either case), or None."""
        return _find(self.parameters, name)


class ObservedEvents(_Value, frozen=True):
    """Events that were seen, with the request id of the Events descriptor that asked (H.248.1 §7.1.17)."""

    request_id: int
    events: tuple[ObservedEvent, ...]


class EventBuffer(_Value, frozen=True):
    """Events that are to be kept while a notification is under way (H.248.1 §7.1.10); they have no time."""

    events: tuple[ObservedEvent, ...] = ()


class PackageVersion(_Value, frozen=True):
    """A package and its version, `ipnapt-1` in text."""

    name: str
    version: int


class Packages(_Value, frozen=True):
    """The packages of a termination (H.248.1 §7.1.16)."""

    items: tuple[PackageVersion, ...]


class AuditItem(_Value, frozen=True):
    """A descriptor that is asked for.

    Args:
        name: the descriptor's token in its long form: `Media`, `Events`, `Packages`, ...
        only: from version 2: only these parts of it, as a descriptor whose items are named without values.
    """

    name: str
    only: Media | Events | EventBuffer | Signals | DigitMap | Statistics | Packages | None = None


class Audit(_Value, frozen=True):
    """What a reply has to show; empty asks for nothing (H.248.1 §7.1.12)."""

    items: tuple[AuditItem, ...] = ()


class Services(_Value, frozen=True):
    """Parameters of a ServiceChange (H.248.1 §7.2.8).

    Args:
        method: a `Method`, or an extension; None in replies.
        reason: number and text, such as `901 Cold Boot`.
        version: protocol version.
        profile: `name/version`.
        address: where this side wants to be addressed: a message identifier, or a port alone.
        mgc_id: the controller to go to.
        delay: in seconds.
        time: `yyyymmddThhmmsscc`.
        audit: version 2: what changed.
        incomplete: version 3: more of the same follows.
        extensions: `X-` and `X+` parameters.
        non_standard: what only binary has for them.
    """

    method: str | None = None
    reason: str | None = None
    version: int | None = None
    profile: str | None = None
    address: str | None = None
    mgc_id: str | None = None
    delay: int | None = None
    time: str | None = None
    audit: AuditItem | None = None
    incomplete: bool = False
    extensions: tuple[Property, ...] = ()
    non_standard: NonStandard | None = None


class Token(_Value, frozen=True):
    """A bare descriptor token in an audit's reply: the descriptor is there, and empty."""

    name: str


Descriptor = (
    Media
    | Mux
    | Modem
    | Events
    | EventBuffer
    | Signals
    | DigitMap
    | Audit
    | Statistics
    | Packages
    | ObservedEvents
    | Services
    | ErrorDescriptor
    | Token
)
"""What a command or its reply carries."""

_D = TypeVar("_D", bound=Descriptor)


class Topology(_Value, frozen=True):
    """Flow between two terminations of a context (H.248.1 §7.1.18).

    Args:
        stream: from version 2 on.
        extension: version 3: a second direction token after the first, which older peers then understand.
    """

    first: str
    second: str
    direction: TopologyDirection
    stream: int | None = None
    extension: TopologyDirection | None = None


class ContextProperties(_Value, frozen=True):
    """Attributes of a context (H.248.1 §6.1); IEPS, packaged properties and the context list from version 3."""

    priority: int | None = None
    emergency: bool | None = None
    topology: tuple[Topology, ...] | None = None
    ieps: bool | None = None
    properties: tuple[Property, ...] = ()
    contexts: tuple[int, ...] = ()


class ContextAudit(_Value, frozen=True):
    """Context attributes that are asked for.

    Args:
        items: tokens in their long form (`Topology`, `Emergency`, `Priority`, `IEPSCall`) and `package/property`.
        select: version 3: only contexts with these attributes.
        logic: version 3: how several selectors combine.
    """

    items: tuple[str, ...] = ()
    select: ContextProperties | None = None
    logic: SelectLogic | None = None


class Command(_Value, frozen=True):
    """A command on one termination, or from version 3 on several.

    Args:
        optional: `O-`: its failure does not end the transaction.
        wildcard_response: `W-`: one reply for all terminations that a wildcard matched.
    """

    kind: Kind
    terminations: tuple[str, ...]
    descriptors: tuple[Descriptor, ...] = ()
    optional: bool = False
    wildcard_response: bool = False

    def descriptor(self, kind: type[_D]) -> _D | None:
        """The first descriptor of that class, or None."""
        return _first(self.descriptors, kind)


class CommandReply(_Value, frozen=True):
    """What became of a command. (The text grammar has no `W-` in replies: a merged reply looks like any other.)

    Args:
        descriptors: what is returned, or one `ErrorDescriptor`.
        context_audit: the terminations of the context are the answer (`AuditValue = Context { ... }`).
    """

    kind: Kind
    terminations: tuple[str, ...]
    descriptors: tuple[Descriptor, ...] = ()
    context_audit: bool = False

    def descriptor(self, kind: type[_D]) -> _D | None:
        """The first descriptor of that class, or None."""
        return _first(self.descriptors, kind)

    @property
    def error(self) -> ErrorDescriptor | None:
        """Why the command failed; None if it did not."""
        return _first(self.descriptors, ErrorDescriptor)


class Action(_Value, frozen=True):
    """Commands for one context, in the order in which they are to run (H.248.1 §8.1)."""

    context: int
    commands: tuple[Command, ...] = ()
    properties: ContextProperties | None = None
    audit: ContextAudit | None = None


class ActionReply(_Value, frozen=True):
    """What became of an action; an error after command replies belongs to the command that failed."""

    context: int
    commands: tuple[CommandReply, ...] = ()
    error: ErrorDescriptor | None = None
    properties: ContextProperties | None = None


class Request(_Value, frozen=True):
    """A transaction request (H.248.1 §8.2.1)."""

    id: int
    actions: tuple[Action, ...]


class Reply(_Value, frozen=True):
    """A transaction reply, or one segment of it (H.248.1 §8.2.2).

    Args:
        error: the transaction as a whole was refused; then there are no actions.
        immediate_ack: the receiver has to acknowledge this reply at once.
        segment: version 3: number of this segment, from 1.
        last: version 3: no segment follows.
    """

    id: int
    actions: tuple[ActionReply, ...] = ()
    error: ErrorDescriptor | None = None
    immediate_ack: bool = False
    segment: int | None = None
    last: bool = False


class Pending(_Value, frozen=True):
    """The request is being worked on (H.248.1 §8.2.3)."""

    id: int


class Ack(_Value, frozen=True):
    """Replies that arrived, as ranges with both ends included (H.248.1 §8.2.4, TransactionResponseAck)."""

    ranges: tuple[tuple[int, int], ...]


class Segment(_Value, frozen=True):
    """A segment of a reply that arrived (version 3)."""

    id: int
    segment: int
    last: bool = False


Transaction = Request | Reply | Pending | Ack | Segment
"""What a message carries; the items of one message are independent of each other."""


class Authentication(_Value, frozen=True):
    """The interim AH scheme's header (H.248.1 §10.2): 4 octets, 4 octets, 12 to 32 octets."""

    security_parameter_index: bytes
    sequence: bytes
    check: bytes


class Message(_Value, frozen=True):
    """One H.248 message (H.248.1 §8.3).

    Args:
        version: of the protocol, 1 to 99.
        mid: who sent it, as text: `[192.0.2.10]:2944`, `<mgc.example.net>:2944`, `MTP{0102}` or a device name.
        body: the transactions, or none when `error` says why the message could not be read.
    """

    version: int
    mid: str
    body: tuple[Transaction, ...] = ()
    error: ErrorDescriptor | None = None
    authentication: Authentication | None = None


def _find(properties: tuple[Property, ...], name: str) -> Property | None:
    lowered = name.lower()
    return next((item for item in properties if item.name.lower() == lowered), None)


def _first(descriptors: tuple[Descriptor, ...], kind: type[_D]) -> _D | None:
    return next((item for item in descriptors if isinstance(item, kind)), None)
