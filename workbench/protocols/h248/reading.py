"""From text to the message tree: one scan into tokens, then one function a production.

A production takes the tokens and the index of its first one, and returns its value and the index behind it. Nothing
looks back, and the grammar nests to a fixed depth, so time and memory grow with the message's length only.

Source: H.248.1 Annex B.2, versions 1 to 3 (a message of an older version may use what a newer one added).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from workbench.errors import MalformedMessageError, PeerError
from workbench.protocols.h248.message import (
    ALL,
    CHOOSE,
    NULL,
    ROOT,
    Ack,
    Action,
    ActionReply,
    Audit,
    AuditItem,
    Authentication,
    Command,
    CommandReply,
    Completion,
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
    NotifyBehaviour,
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
    Transaction,
    named,
)
from workbench.protocols.h248.tokens import BLANK, SAFE, cut, place, spellings, words
from workbench.protocols.sdp import Line, SessionDescription, decode_groups

CLAUSE = "H.248.1 Annex B.2"

_T = TypeVar("_T")
_Read = tuple[_T, int]

# message = LWSP [authenticationHeader SEP] MegacopToken SLASH Version SEP mId SEP messageBody
# mId = (( domainAddress / domainName ) [":" portNumber]) / mtpAddress / deviceName
MID = (
    r"\[[0-9A-Fa-f.:]{2,45}\](?::\d{1,5})?|<[A-Za-z0-9.\-]{1,253}>(?::\d{1,5})?|"
    rf"MTP\{{[0-9A-Fa-f]{{2,8}}\}}|{SAFE}{{1,64}}"
)
AUTHENTICATION = (
    r"(?:Authentication|AU)[ \t]*=[ \t]*0x([0-9A-Fa-f]{8})[ \t]*:[ \t]*0x([0-9A-Fa-f]{8})[ \t]*:[ \t]*"
    r"0x((?:[0-9A-Fa-f]{2}){12,32})(?=[ \t\r\n;])"
)
_HEADER = re.compile(
    rf"{BLANK}(?:{AUTHENTICATION}{BLANK})?(?:MEGACO|!)/(\d{{1,2}})(?=[ \t\r\n;]){BLANK}"
    rf"({MID})(?=[ \t\r\n;]|\Z)",
    re.I,
)
_TIME = re.compile(r"\d{8}T\d{8}", re.I)
_TIMER = re.compile(rf"{BLANK}([TSLZ])[ \t\r\n]*:[ \t\r\n]*(\d{{1,4}})[ \t\r\n]*,", re.I)
_WORD = re.compile(SAFE)
_ENDING = re.compile(r"[ \t]*(?:\r\n|\n|\r)")
_LINE = re.compile(r"([A-Za-z])=([^\r\n]*)([\r\n]+)")
_LINES = re.compile(r"(?:[A-Za-z]=[^\r\n]*[\r\n]++)*+")


class _Unexpected(Exception):
    """What stands at token `index` is not what the grammar expects there."""

    def __init__(self, index: int, expected: str, production: str) -> None:
        super().__init__(index, expected, production)
        self.index = index
        self.expected = expected
        self.production = production


class _Broken(Exception):
    """A body inside token `index`, `offset` octets into it, has its own error."""

    def __init__(self, index: int, offset: int, error: PeerError) -> None:
        super().__init__(index, offset, error)
        self.index = index
        self.offset = offset
        self.error = error


def decode(octets: bytes, *, max_octets: int = 262_144) -> Message:
    """Read one message, in long or short tokens, of any layout.

    Args:
        octets: the whole message.
        max_octets: longer ones are refused unread.

    Raises:
        MalformedMessageError: with the offset of the token that does not fit, what was expected, and the production.

    Source: H.248.1 Annex B.2.
    """
    if len(octets) > max_octets:
        raise MalformedMessageError(
            f"message longer than {max_octets} octets", clause="H.248.1 Annex D.1", offset=max_octets
        )
    text = bytes(octets).decode("latin-1")
    header = _HEADER.match(text)
    if header is None:
        raise _header_error(text)
    t = cut(text, header.end())
    try:
        if t[0] in _ERROR:
            error, i = _error(t, 0)
            body: list[Transaction] = []
        else:
            error = None
            body, i = _transactions(t, 0)
        if t[i]:
            raise _Unexpected(i, "a transaction or the end of the message", "messageBody")
    except _Unexpected as wrong:
        raise _located(text, header.end(), t, wrong) from None
    except _Broken as broken:
        offset = place(text, header.end(), broken.index) + broken.offset + (broken.error.offset or 0)
        raise MalformedMessageError(broken.error.what, clause=broken.error.clause, offset=offset) from None
    parameter, sequence, check, version, mid = header.groups()
    authentication = None
    if parameter:
        authentication = Authentication(bytes.fromhex(parameter), bytes.fromhex(sequence), bytes.fromhex(check))
    return Message(int(version), mid, tuple(body), error, authentication)


def _header_error(text: str) -> MalformedMessageError:
    """What is wrong in a header that does not match as a whole."""
    at = 0
    steps = (
        (rf"{BLANK}(?:{AUTHENTICATION}{BLANK})?(?:MEGACO|!)/", "MEGACO/ or !/", "message"),
        (r"\d{1,2}(?![0-9])", "a version of one or two digits", "Version"),
        (r"(?=[ \t\r\n;])", "a blank behind the version", "SEP"),
        (BLANK, "a message identifier", "mId"),
        (MID, "a message identifier", "mId"),
        (r"(?=[ \t\r\n;]|\Z)", "a blank behind the message identifier", "mId"),
    )
    for pattern, expected, production in steps:
        found = re.compile(pattern, re.I).match(text, at)
        if found is None:
            return MalformedMessageError(
                f"expected {expected}{_found(text[at:])}", clause=f"{CLAUSE} {production}", offset=at
            )
        at = found.end()
    return MalformedMessageError("message header", clause=f"{CLAUSE} message", offset=0)


def _located(text: str, start: int, tokens: list[str], wrong: _Unexpected) -> MalformedMessageError:
    found = _found(tokens[wrong.index] if wrong.index < len(tokens) else "")
    return MalformedMessageError(
        f"expected {wrong.expected}{found}",
        clause=f"{CLAUSE} {wrong.production}",
        offset=place(text, start, wrong.index),
    )


def _found(text: str) -> str:
    word = text.split(maxsplit=1)[0][:24] if text.strip() else ""
    return f", found {word!r}" if word else ", found the end of the message" if not text else ", found a blank"


# --- small things ---------------------------------------------------------------------------------------------------

_ON_OFF = spellings({"ON": True, "OFF": False})
_MODES = spellings({mode.value: mode for mode in Mode})
_STATES = spellings({state.value: state for state in ServiceState})
_BUFFERS = spellings({control.value: control for control in EventBufferControl})
_SIGNAL_TYPES = spellings({kind.value: kind for kind in SignalType})
_COMPLETIONS = spellings({reason.value: reason for reason in Completion})
_DIRECTIONS = spellings({direction.value: direction for direction in SignalDirection})
_TOPOLOGY = spellings({direction.value: direction for direction in TopologyDirection})
_BEHAVIOURS = spellings({behaviour.value: behaviour for behaviour in NotifyBehaviour})
_METHODS = spellings({method.value: method for method in Method})
_LOGIC = spellings({logic.value: logic for logic in SelectLogic})
_MUX = words(("H221", "H223", "H226", "V76", "Nx64Kservice"))
_ERROR = words(("Error",))
_CLOSING = {",": True, "}": True}


def _expect(t: list[str], i: int, mark: str, production: str) -> int:
    if t[i] != mark:
        raise _Unexpected(i, f'"{mark}"', production)
    return i + 1


def _listed(t: list[str], i: int, item: Callable[[list[str], int], _Read[_T]], production: str) -> _Read[list[_T]]:
    """`"{" item *("," item) "}"`."""
    if t[i] != "{":
        raise _Unexpected(i, '"{"', production)
    found, i = item(t, i + 1)
    items = [found]
    while t[i] == ",":
        found, i = item(t, i + 1)
        items.append(found)
    if t[i] != "}":
        raise _Unexpected(i, '"," or "}"', production)
    return items, i + 1


def _number(t: list[str], i: int, production: str, most: int = 0xFFFFFFFF) -> _Read[int]:
    word = t[i]
    if not word.isdecimal() or len(word) > 10 or (number := int(word)) > most:
        raise _Unexpected(i, f"a number from 0 to {most}", production)
    return number, i + 1


def _set_number(t: list[str], i: int, production: str, most: int = 0xFFFFFFFF) -> _Read[int]:
    """`= number`."""
    if t[i] != "=":
        raise _Unexpected(i, '"="', production)
    return _number(t, i + 1, production, most)


def _choice(t: list[str], i: int, table: Mapping[str, _T], what: str, production: str) -> _Read[_T]:
    value = table.get(t[i])
    if value is None:
        value = table.get(t[i].lower())
        if value is None:
            raise _Unexpected(i, what, production)
    return value, i + 1


def _set_choice(t: list[str], i: int, table: Mapping[str, _T], what: str, production: str) -> _Read[_T]:
    """`= word`."""
    if t[i] != "=":
        raise _Unexpected(i, '"="', production)
    return _choice(t, i + 1, table, what, production)


def _word(t: list[str], i: int, what: str, production: str) -> _Read[str]:
    word = t[i]
    if not _WORD.match(word) or "{" in word:
        raise _Unexpected(i, what, production)
    return word, i + 1


def _packaged(t: list[str], i: int, production: str) -> _Read[str]:
    """`pkgdName = (PackageName SLASH ItemID) / (PackageName SLASH "*") / ("*" SLASH "*")`."""
    word = t[i]
    if "/" not in word or not _WORD.match(word) or "{" in word:
        raise _Unexpected(i, "a name of the form package/item", production)
    return word, i + 1


def _value(t: list[str], i: int) -> _Read[str]:
    """`VALUE = quotedString / 1*(SafeChar)`."""
    word = t[i]
    if word[:1] == '"':
        return Quoted(_unquoted(t, i)), i + 1
    if not _WORD.match(word) or "{" in word:
        raise _Unexpected(i, "a value", "VALUE")
    return word, i + 1


def _unquoted(t: list[str], i: int) -> str:
    """What stands between the quotation marks. The grammar has ASCII there; texts in UTF-8 are let through."""
    word = t[i]
    if len(word) > 1:
        try:
            return word[1:-1] if word.isascii() else word[1:-1].encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            pass
    raise _Unexpected(i, "a quoted string of printable characters", "quotedString")


_RELATIONS = {">": Form.GREATER, "<": Form.LESS, "#": Form.DIFFERENT}


def _values(t: list[str], i: int, name: str) -> _Read[Property]:
    """`parmValue`: what stands behind the name of a property or parameter."""
    mark = t[i]
    if mark == "=":
        opening = t[i + 1]
        if opening == "[":
            return _bracketed(t, i + 2, name)
        if opening == "{":
            many, i = _listed(t, i + 1, _value, "alternativeValue")
            return Property(name, tuple(many), Form.ANY_OF), i
        value, i = _value(t, i + 1)
        return Property(name, (value,)), i
    form = _RELATIONS.get(mark)
    if form is None:
        raise _Unexpected(i, '"=", "<", ">" or "#"', "parmValue")
    value, i = _value(t, i + 1)
    return Property(name, (value,), form), i


def _bracketed(t: list[str], i: int, name: str) -> _Read[Property]:
    value, i = _value(t, i)
    if t[i] == ":":
        upper, i = _value(t, i + 1)
        return Property(name, (value, upper), Form.RANGE), _expect(t, i, "]", "alternativeValue")
    many = [value]
    while t[i] == ",":
        value, i = _value(t, i + 1)
        many.append(value)
    return Property(name, tuple(many), Form.LIST), _expect(t, i, "]", "alternativeValue")


def _property(t: list[str], i: int) -> _Read[Property]:
    name, i = _packaged(t, i, "propertyParm")
    return _values(t, i, name)


def _property_or_name(t: list[str], i: int) -> _Read[Property]:
    """A property, or in an audit its name alone."""
    name, i = _packaged(t, i, "propertyParm")
    if t[i] in _CLOSING:
        return named(name), i
    return _values(t, i, name)


def _once(t: list[str], i: int, found: dict[str, object], name: str) -> None:
    if name in found:
        raise _Unexpected(i, f"{name.replace('_', ' ')} only once", "at-most-once")


# --- message body and transactions ----------------------------------------------------------------------------------


def _transactions(t: list[str], i: int) -> _Read[list[Transaction]]:
    body: list[Transaction] = []
    while t[i] or not body:
        kind, i = _choice(t, i, _TRANSACTIONS, "a transaction", "messageBody")
        transaction, i = kind(t, i)
        body.append(transaction)
    return body, i


def _request(t: list[str], i: int) -> _Read[Transaction]:
    number, i = _set_number(t, i, "transactionRequest")
    actions, i = _listed(t, i, _action, "transactionRequest")
    return Request(number, tuple(actions)), i


def _pending(t: list[str], i: int) -> _Read[Transaction]:
    number, i = _set_number(t, i, "transactionPending")
    i = _expect(t, i, "{", "transactionPending")
    return Pending(number), _expect(t, i, "}", "transactionPending")


def _acknowledgement(t: list[str], i: int) -> _Read[Transaction]:
    ranges, i = _listed(t, i, _range, "transactionResponseAck")
    return Ack(tuple(ranges)), i


def _range(t: list[str], i: int) -> _Read[tuple[int, int]]:
    first, dash, last = t[i].partition("-")
    low, _ = _number([first], 0, "transactionAck") if _is_id(first) else (0, 0)
    high = int(last) if _is_id(last) else low
    if not _is_id(first) or (dash and not _is_id(last)) or high < low:
        raise _Unexpected(i, "a transaction id or a range of them", "transactionAck")
    return (low, high), i + 1


def _is_id(word: str) -> bool:
    return word.isdecimal() and len(word) <= 10 and int(word) <= 0xFFFFFFFF


def _numbered(t: list[str], i: int, production: str) -> _Read[tuple[int, int | None, bool]]:
    """`= TransactionID [SLASH segmentNumber [SLASH SegmentationCompleteToken]]`."""
    i = _expect(t, i, "=", production)
    number, *rest = t[i].split("/")
    if not _is_id(number):
        raise _Unexpected(i, "a transaction id", production)
    if not rest:
        return (int(number), None, False), i + 1
    ends = rest[1:]
    if (
        not _is_id(rest[0])
        or int(rest[0]) > 0xFFFF
        or (ends and (len(ends) > 1 or ends[0].lower() not in ("end", "&")))
    ):
        raise _Unexpected(i, "a segment number and perhaps /END", production)
    return (int(number), int(rest[0]), bool(ends)), i + 1


def _segment(t: list[str], i: int) -> _Read[Transaction]:
    (number, segment, last), after = _numbered(t, i, "segmentReply")
    if segment is None:
        raise _Unexpected(i + 1, "a segment number", "segmentReply")
    return Segment(number, segment, last), after


def _reply(t: list[str], i: int) -> _Read[Transaction]:
    (number, segment, last), i = _numbered(t, i, "transactionReply")
    i = _expect(t, i, "{", "transactionReply")
    immediate = t[i].lower() in _IMMEDIATE
    if immediate:
        i = _expect(t, i + 1, ",", "transactionReply")
    if t[i].lower() in _ERROR:
        error, i = _error(t, i)
        return Reply(number, (), error, immediate, segment, last), _expect(t, i, "}", "transactionReply")
    action, i = _action_reply(t, i)
    actions = [action]
    while t[i] == ",":
        action, i = _action_reply(t, i + 1)
        actions.append(action)
    return Reply(number, tuple(actions), None, immediate, segment, last), _expect(t, i, "}", "transactionReply")


_IMMEDIATE = words(("ImmAckRequired",))
_TRANSACTIONS: dict[str, Callable[[list[str], int], _Read[Transaction]]] = spellings(
    {
        "Transaction": _request,
        "Reply": _reply,
        "Pending": _pending,
        "TransactionResponseAck": _acknowledgement,
        "Segment": _segment,
    }
)


# --- actions --------------------------------------------------------------------------------------------------------

_CONTEXT = words(("Context",))
_CONTEXT_IDS = {"-": NULL, "$": CHOOSE, "*": ALL}


def _context(t: list[str], i: int) -> _Read[int]:
    """`ContextToken EQUAL ContextID`."""
    if t[i] not in _CONTEXT and t[i].lower() not in _CONTEXT:
        raise _Unexpected(i, "Context", "actionRequest")
    return _context_id(t, _expect(t, i + 1, "=", "actionRequest"))


def _context_id(t: list[str], i: int) -> _Read[int]:
    special = _CONTEXT_IDS.get(t[i])
    if special is not None:
        return special, i + 1
    return _number(t, i, "ContextID")


def _action(t: list[str], i: int) -> _Read[Action]:
    context, i = _context(t, i)
    i = _expect(t, i, "{", "actionRequest")
    commands: list[Command] = []
    properties: dict[str, object] = {}
    audit: ContextAudit | None = None
    while True:
        word = t[i]
        command = _COMMANDS.get(word) or _COMMANDS.get(word.lower())
        if command is not None:
            kind, optional, wildcard = command
            done, i = _command(t, i + 1, kind, optional, wildcard)
            commands.append(done)
        elif word.lower() in _CONTEXT_AUDIT:
            audit, i = _context_audit(t, i + 1)
        else:
            i = _context_property(t, i, properties)
        if t[i] != ",":
            break
        i += 1
    i = _expect(t, i, "}", "actionRequest")
    return Action(context, tuple(commands), _context_properties(properties), audit), i


def _action_reply(t: list[str], i: int) -> _Read[ActionReply]:
    context, i = _context(t, i)
    if t[i] != "{":
        return ActionReply(context), i
    commands: list[CommandReply] = []
    properties: dict[str, object] = {}
    error: ErrorDescriptor | None = None
    i += 1
    while True:
        word = t[i]
        command = _COMMANDS.get(word) or _COMMANDS.get(word.lower())
        if command is not None and not (command[1] or command[2]):
            done, i = _command_reply(t, i + 1, command[0])
            commands.append(done)
        elif word.lower() in _ERROR:
            error, i = _error(t, i)
            break
        else:
            i = _context_property(t, i, properties)
        if t[i] != ",":
            break
        i += 1
    i = _expect(t, i, "}", "actionReply")
    return ActionReply(context, tuple(commands), error, _context_properties(properties)), i


_CONTEXT_AUDIT = words(("ContextAudit",))
_CONTEXT_PROPERTIES = words(("Topology", "Priority", "Emergency", "EmergencyOff", "IEPSCall", "ContextAttr"))
_CONTEXT_PROPERTIES["emergencyofftoken"] = "EmergencyOff"  # as the token stands in copies of version 2


def _context_property(t: list[str], i: int, found: dict[str, object]) -> int:
    """One attribute of a context, into `found` under the field's name."""
    name, after = _choice(t, i, _CONTEXT_PROPERTIES, "a command or an attribute of the context", "contextProperty")
    if name == "Topology":
        _once(t, i, found, "topology")
        found["topology"], after = _topology(t, after)
    elif name == "Priority":
        _once(t, i, found, "priority")
        found["priority"], after = _set_number(t, after, "priority", 0xFFFF)
    elif name == "IEPSCall":
        _once(t, i, found, "ieps")
        found["ieps"], after = _set_choice(t, after, _ON_OFF, "ON or OFF", "iepsValue")
    elif name == "ContextAttr":
        after = _context_attributes(t, after, found)
    else:
        _once(t, i, found, "emergency")
        found["emergency"] = name == "Emergency"
    return after


_CONTEXT_LIST = words(("ContextList",))


def _context_attributes(t: list[str], i: int, found: dict[str, object]) -> int:
    if t[i + 1].lower() in _CONTEXT_LIST:
        _once(t, i + 1, found, "contexts")
        i = _expect(t, _expect(t, i, "{", "contextAttrDescriptor") + 1, "=", "contextIdList")
        contexts, i = _listed(t, i, _context_id, "contextIdList")
        found["contexts"] = tuple(contexts)
        return _expect(t, i, "}", "contextAttrDescriptor")
    _once(t, i, found, "properties")
    properties, i = _listed(t, i, _property, "contextAttrDescriptor")
    found["properties"] = tuple(properties)
    return i


def _context_properties(found: dict[str, object]) -> ContextProperties | None:
    return ContextProperties(**found) if found else None  # type: ignore[arg-type]


def _topology(t: list[str], i: int) -> _Read[tuple[Topology, ...]]:
    triples: list[Topology] = []
    i = _expect(t, i, "{", "topologyDescriptor")
    while True:
        first, i = _termination(t, i)
        second, i = _termination(t, _expect(t, i, ",", "topologyTriple"))
        i = _expect(t, i, ",", "topologyTriple")
        direction, i = _choice(t, i, _TOPOLOGY, "a direction such as Bothway", "topologyDirection")
        stream: int | None = None
        extension: TopologyDirection | None = None
        while t[i] == "," and (t[i + 2] == "=" or t[i + 1].lower() in _TOPOLOGY):
            if t[i + 2] == "=":
                stream, i = _stream_parameter(t, i + 1)
            else:
                extension, i = _choice(t, i + 1, _TOPOLOGY, "a direction", "topologyDirection")
        triples.append(Topology(first, second, direction, stream, extension))
        if t[i] != ",":
            return tuple(triples), _expect(t, i, "}", "topologyDescriptor")
        i += 1


_STREAM = words(("Stream",))


def _stream_parameter(t: list[str], i: int) -> _Read[int]:
    if t[i].lower() not in _STREAM:
        raise _Unexpected(i, "Stream", "eventStream")
    return _set_number(t, i + 1, "StreamID", 0xFFFF)


_CONTEXT_AUDIT_ITEMS = words(("Topology", "Emergency", "Priority", "IEPSCall"))
_SELECTORS = words(("Priority", "EmergencyValue", "IEPSCall", "ContextAttr"))
_EMERGENCY = spellings({"Emergency": True, "EmergencyOff": False})


def _context_audit(t: list[str], i: int) -> _Read[ContextAudit]:
    items: list[str] = []
    select: dict[str, object] = {}
    logic: SelectLogic | None = None
    i = _expect(t, i, "{", "contextAudit")
    while True:
        word = t[i].lower()
        if word in _LOGIC:
            logic, i = _LOGIC[word], i + 1
        elif word in _SELECTORS and t[i + 1] not in _CLOSING:
            i = _selector(t, i, select)
        elif word in _CONTEXT_AUDIT_ITEMS:
            items.append(_CONTEXT_AUDIT_ITEMS[word])
            i += 1
        else:
            name, i = _packaged(t, i, "contextAuditProperty")
            items.append(name)
        if t[i] != ",":
            break
        i += 1
    return ContextAudit(tuple(items), _context_properties(select), logic), _expect(t, i, "}", "contextAudit")


def _selector(t: list[str], i: int, select: dict[str, object]) -> int:
    if _SELECTORS[t[i].lower()] == "EmergencyValue":
        _once(t, i, select, "emergency")
        select["emergency"], i = _set_choice(t, i + 1, _EMERGENCY, "Emergency or EmergencyOff", "emergencyValue")
        return i
    return _context_property(t, i, select)


# --- commands -------------------------------------------------------------------------------------------------------

_COMMANDS: dict[str, tuple[Kind, bool, bool]] = {
    prefix + word: (kind, "O-" in prefix.upper(), "W-" in prefix.upper())
    for word, kind in spellings({kind.value: kind for kind in Kind}).items()
    for prefix in ("", "O-", "W-", "O-W-", "o-", "w-", "o-w-")
}


def _termination(t: list[str], i: int) -> _Read[str]:
    word, i = _word(t, i, "a termination", "TerminationID")
    return (ROOT if len(word) == 4 and word.upper() == ROOT else word), i


def _terminations(t: list[str], i: int) -> _Read[tuple[str, ...]]:
    """`EQUAL (TerminationID / "[" TerminationID *("," TerminationID) "]")`."""
    if t[i] != "=":
        raise _Unexpected(i, '"="', "commandRequest")
    if t[i + 1] != "[":
        one, i = _termination(t, i + 1)
        return (one,), i
    i += 1
    many: list[str] = []
    while t[i] in ("[", ","):
        one, i = _termination(t, i + 1)
        many.append(one)
    return tuple(many), _expect(t, i, "]", "termIDList")


def _command(t: list[str], i: int, kind: Kind, optional: bool, wildcard: bool) -> _Read[Command]:
    terminations, i = _terminations(t, i)
    descriptors: tuple[Descriptor, ...] = ()
    if t[i] == "{":
        found, i = _listed(t, i, _IN_COMMAND[kind], "commandRequest")
        descriptors = tuple(found)
    elif kind in (Kind.NOTIFY, Kind.SERVICE_CHANGE):
        raise _Unexpected(i, '"{"', "notifyRequest" if kind is Kind.NOTIFY else "serviceChangeRequest")
    return Command(kind, terminations, descriptors, optional, wildcard), i


def _command_reply(t: list[str], i: int, kind: Kind) -> _Read[CommandReply]:
    if kind in (Kind.AUDIT_VALUE, Kind.AUDIT_CAPABILITY) and t[i + 1].lower() in _CONTEXT and t[i + 2] == "{":
        return _context_audit_reply(t, i + 2, kind)
    terminations, i = _terminations(t, i)
    if t[i] != "{":
        return CommandReply(kind, terminations), i
    found, i = _listed(t, i, _IN_REPLY[kind], "commandReply")
    return CommandReply(kind, terminations, tuple(found)), i


def _context_audit_reply(t: list[str], i: int, kind: Kind) -> _Read[CommandReply]:
    if t[i + 1].lower() in _ERROR and t[i + 2] == "=":
        error, i = _error(t, i + 1)
        return CommandReply(kind, (), (error,), True), _expect(t, i, "}", "contextTerminationAudit")
    terminations, i = _listed(t, i, _termination, "contextTerminationAudit")
    return CommandReply(kind, tuple(terminations), (), True), i


def _error(t: list[str], i: int) -> _Read[ErrorDescriptor]:
    code, i = _set_number(t, i + 1, "errorDescriptor", 9999)
    i = _expect(t, i, "{", "errorDescriptor")
    text: str | None = None
    if t[i][:1] == '"':
        text = _unquoted(t, i)
        i += 1
    return ErrorDescriptor(code, text), _expect(t, i, "}", "errorDescriptor")


# --- media ----------------------------------------------------------------------------------------------------------

_MEDIA = words(("Stream", "LocalControl", "TerminationState", "Statistics", "Local", "Remote"))


def _media(t: list[str], i: int) -> _Read[Media]:
    """`MediaToken LBRKT mediaParm *(COMMA mediaParm) RBRKT`; in an audit values may be missing."""
    streams: list[StreamDescriptor] = []
    implicit: dict[str, object] = {}
    state: TerminationState | None = None
    i = _expect(t, i, "{", "mediaDescriptor")
    while True:
        word = t[i]
        name = _MEDIA.get(word) or _MEDIA.get(word.lower())
        if name == "Stream":
            stream, i = _stream(t, i + 1)
            streams.append(stream)
        elif name == "TerminationState":
            if state is not None:
                raise _Unexpected(i, "TerminationState only once", "mediaDescriptor")
            state, i = _termination_state(t, i + 1)
        else:
            i = _stream_parm(t, i, name, implicit)
        if t[i] != ",":
            break
        i += 1
    if implicit and streams:
        raise _Unexpected(i, "Stream descriptors or their parts, not both", "mediaParm")
    if implicit:
        streams.append(StreamDescriptor(1, **implicit))  # type: ignore[arg-type]
    return Media(tuple(streams), state, bool(implicit)), _expect(t, i, "}", "mediaDescriptor")


def _stream(t: list[str], i: int) -> _Read[StreamDescriptor]:
    number, i = _set_number(t, i, "StreamID", 0xFFFF)
    i = _expect(t, i, "{", "streamDescriptor")
    found: dict[str, object] = {}
    while True:
        word = t[i]
        i = _stream_parm(t, i, _MEDIA.get(word) or _MEDIA.get(word.lower()), found)
        if t[i] != ",":
            break
        i += 1
    return StreamDescriptor(number, **found), _expect(t, i, "}", "streamDescriptor")  # type: ignore[arg-type]


def _stream_parm(t: list[str], i: int, name: str | None, found: dict[str, object]) -> int:
    """One part of a stream, into `found` under the field's name."""
    if name == "LocalControl":
        _once(t, i, found, "local_control")
        found["local_control"], i = _local_control(t, i + 1)
        return i
    if name == "Statistics":
        _once(t, i, found, "statistics")
        found["statistics"], i = _statistics(t, i + 1)
        return i
    first = t[i][:1]
    if name in ("Local", "Remote") or (first and first in "LlRr" and "{" in t[i]):
        field = "local" if first in "Ll" else "remote"
        _once(t, i, found, field)
        found[field] = () if name else _description(t, i)
        return i + 1
    raise _Unexpected(i, "Local, Remote, LocalControl, Stream or TerminationState", "mediaParm")


def _description(t: list[str], i: int) -> tuple[SessionDescription, ...]:
    """The SDP in a Local or Remote descriptor; blanks around it are layout."""
    token = t[i]
    if token[-1] != "}" or token[-2] == "\\":
        raise _Unexpected(i, '"}" behind the session description', "octetString")
    opening = token.index("{") + 1
    text = token[opening:-1]
    body = text.lstrip(" \t\r\n")
    if not body:
        return ()
    offset = opening + len(text) - len(body)
    lines = body.rstrip(" \t\r\n")
    ending = _ENDING.match(body, len(lines))
    body = lines + (ending[0] if ending else "\r\n" if "\r\n" in lines else "\n")
    octets = body.replace("\\}", "}").encode("latin-1")
    try:
        return decode_groups(octets)
    except PeerError as error:
        if _LINES.fullmatch(body) is None:
            raise _Broken(i, offset, error) from None
        return _unread(octets)


def _unread(octets: bytes) -> tuple[SessionDescription, ...]:
    """Session descriptions that are lines of the right shape but break a rule of SDP, such as a bad m= line.

    They are kept as lines without media, so that whoever executes the command can refuse it alone, and not the whole
    message (error 449 or 474).
    """
    groups: list[list[Line]] = []
    for kind, value, ending in _LINE.findall(octets.decode("utf-8", "surrogateescape")):
        if kind == "v" or not groups:
            groups.append([])
        groups[-1].append(Line(kind, value, ending))
    return tuple(SessionDescription(tuple(lines), ()) for lines in groups)


_LOCAL_CONTROL = words(("Mode", "ReservedValue", "ReservedGroup"))


def _local_control(t: list[str], i: int) -> _Read[LocalControl]:
    mode: Mode | None = None
    reserved: dict[str, bool] = {}
    properties: list[Property] = []
    i = _expect(t, i, "{", "localControlDescriptor")
    while True:
        word = t[i]
        name = _LOCAL_CONTROL.get(word) or _LOCAL_CONTROL.get(word.lower())
        if name is None:
            item, i = _property_or_name(t, i)
            properties.append(item)
        elif t[i + 1] in _CLOSING:
            properties.append(named(name))
            i += 1
        elif t[i + 1] == "#":
            unwanted, i = _choice(t, i + 2, _MODES, "a stream mode", "streamMode")
            properties.append(Property(name, (unwanted.value,), Form.DIFFERENT))
        elif name == "Mode":
            if mode is not None:
                raise _Unexpected(i, "Mode only once", "localControlDescriptor")
            mode, i = _set_choice(t, i + 1, _MODES, "a stream mode", "streamMode")
        else:
            if name in reserved:
                raise _Unexpected(i, f"{name} only once", "localControlDescriptor")
            reserved[name], i = _set_choice(t, i + 1, _ON_OFF, "ON or OFF", "localParm")
        if t[i] != ",":
            break
        i += 1
    control = LocalControl(mode, reserved.get("ReservedValue"), reserved.get("ReservedGroup"), tuple(properties))
    return control, _expect(t, i, "}", "localControlDescriptor")


_STATE = words(("ServiceStates", "Buffer"))


def _termination_state(t: list[str], i: int) -> _Read[TerminationState]:
    state: ServiceState | None = None
    buffer: EventBufferControl | None = None
    properties: list[Property] = []
    i = _expect(t, i, "{", "terminationStateDescriptor")
    while True:
        name = _STATE.get(t[i].lower())
        if name is None:
            item, i = _property_or_name(t, i)
            properties.append(item)
        elif t[i + 1] in _CLOSING:
            properties.append(named(name))
            i += 1
        elif t[i + 1] == "#":
            unwanted, i = _choice(t, i + 2, _STATES, "a service state", "serviceStatesValue")
            properties.append(Property(name, (unwanted.value,), Form.DIFFERENT))
        elif name == "ServiceStates":
            state, i = _set_choice(t, i + 1, _STATES, "a service state", "serviceStates")
        else:
            buffer, i = _set_choice(t, i + 1, _BUFFERS, "OFF or LockStep", "eventBufferControl")
        if t[i] != ",":
            break
        i += 1
    return TerminationState(state, buffer, tuple(properties)), _expect(t, i, "}", "terminationStateDescriptor")


# --- events ---------------------------------------------------------------------------------------------------------


def _request_id(t: list[str], i: int) -> _Read[int]:
    """`EQUAL RequestID`, where `*` means all."""
    if t[i] == "=" and t[i + 1] == "*":
        return ALL, i + 2
    return _set_number(t, i, "RequestID")


def _events(t: list[str], i: int) -> _Read[Events]:
    if t[i] == "{":  # only in an audit
        found, i = _listed(t, i, _event, "indAudeventsDescriptor")
        return Events(None, tuple(found)), i
    if t[i] != "=":
        return Events(), i
    number, i = _request_id(t, i)
    found, i = _listed(t, i, _event, "eventsDescriptor")
    return Events(number, tuple(found)), i


def _event(t: list[str], i: int) -> _Read[Event]:
    return _event_at(t, i, False)


def _embedded_event(t: list[str], i: int) -> _Read[Event]:
    return _event_at(t, i, True)


_EVENT = words(("KeepActive", "Stream", "Embed", "DigitMap", "ResetEventsDescriptor", *NotifyBehaviour))


def _event_at(t: list[str], i: int, embedded: bool) -> _Read[Event]:
    name, i = _packaged(t, i, "requestedEvent")
    if t[i] != "{":
        return Event(name), i
    found: dict[str, object] = {}
    parameters: list[Property] = []
    while True:
        i += 1
        if not _is_map(t, i) and (t[i].lower() not in _EVENT or t[i + 1] in _RELATIONS):
            parameter, i = _event_parameter(t, i)
            parameters.append(parameter)
        else:
            i = _event_part(t, i, found, embedded)
        if t[i] != ",":
            break
    event = Event(name, parameters=tuple(parameters), **found)  # type: ignore[arg-type]
    return event, _expect(t, i, "}", "requestedEvent")


def _event_parameter(t: list[str], i: int) -> _Read[Property]:
    name, i = _word(t, i, "a parameter", "eventParameterName")
    return _values(t, i, name)


def _event_part(t: list[str], i: int, found: dict[str, object], embedded: bool) -> int:
    """One part of an event that is not a parameter, into `found` under the field's name."""
    if _is_map(t, i):
        _once(t, i, found, "digit_map")
        found["digit_map"], i = _digit_map(t, i)
        return i
    name = _EVENT[t[i].lower()]
    if name == "Stream":
        _once(t, i, found, "stream")
        found["stream"], i = _set_number(t, i + 1, "StreamID", 0xFFFF)
    elif name == "Embed":
        _once(t, i, found, "embed")
        found["embed"], i = _embed(t, i + 1, embedded)
    elif name == "KeepActive":
        found["keep_active"], i = True, i + 1
    elif name == "ResetEventsDescriptor":
        found["reset_events"], i = True, i + 1
    else:
        _once(t, i, found, "behaviour")
        found["behaviour"] = _BEHAVIOURS[name]
        i += 1
        if name == NotifyBehaviour.REGULATED and t[i] == "{":
            if t[i + 1].lower() not in _EVENT or _EVENT[t[i + 1].lower()] != "Embed":
                raise _Unexpected(i + 1, "Embed", "notifyRegulated")
            found["regulated_embed"], i = _embed(t, i + 2, embedded)
            i = _expect(t, i, "}", "notifyRegulated")
    return i


_SIGNALS = words(("Signals",))
_EVENTS = words(("Events",))


def _embed(t: list[str], i: int, embedded: bool) -> _Read[Embed]:
    """`EmbedToken LBRKT (signals ["," events] / events) RBRKT`; inside an embedded event only signals."""
    i = _expect(t, i, "{", "eventParameter")
    signals: Signals | None = None
    events: Events | None = None
    if t[i].lower() in _SIGNALS:
        signals, i = _signals(t, i + 1)
        if t[i] == ",":
            i += 1
    if signals is None or t[i - 1] == ",":
        if embedded or t[i].lower() not in _EVENTS:
            raise _Unexpected(
                i, "Signals" if embedded else "Signals or Events", "embedSig" if embedded else "embedFirst"
            )
        i += 1
        if t[i] == "=":
            number, i = _request_id(t, i)
            found, i = _listed(t, i, _embedded_event, "embedFirst")
            events = Events(number, tuple(found))
        else:
            events = Events()
    return Embed(signals, events), _expect(t, i, "}", "eventParameter")


def _observed_event(t: list[str], i: int) -> _Read[ObservedEvent]:
    time: str | None = None
    if t[i + 1] == ":":
        if not _TIME.fullmatch(t[i]):
            raise _Unexpected(i, "a time stamp such as 20260301T10153250", "TimeStamp")
        time = t[i].upper()
        i += 2
    name, i = _packaged(t, i, "observedEvent")
    if t[i] != "{":
        return ObservedEvent(name, time), i
    stream: int | None = None
    parameters: list[Property] = []
    while True:
        i += 1
        if t[i].lower() in _STREAM and stream is None:
            stream, i = _stream_parameter(t, i)
        elif t[i + 1] in _CLOSING:  # only in the audit of an event buffer
            word, i = _word(t, i, "a parameter", "eventParameterName")
            parameters.append(named(word))
        else:
            parameter, i = _event_parameter(t, i)
            parameters.append(parameter)
        if t[i] != ",":
            break
    return ObservedEvent(name, time, stream, tuple(parameters)), _expect(t, i, "}", "observedEvent")


def _observed_events(t: list[str], i: int) -> _Read[ObservedEvents]:
    number, i = _request_id(t, i)
    events, i = _listed(t, i, _observed_event, "observedEventsDescriptor")
    return ObservedEvents(number, tuple(events)), i


def _event_buffer(t: list[str], i: int) -> _Read[EventBuffer]:
    if t[i] != "{":
        return EventBuffer(), i
    events, i = _listed(t, i, _observed_event, "eventBufferDescriptor")
    return EventBuffer(tuple(events)), i


# --- signals --------------------------------------------------------------------------------------------------------


def _signals(t: list[str], i: int) -> _Read[Signals]:
    if t[i] != "{":
        return Signals(), i
    if t[i + 1] == "}":
        return Signals(), i + 2
    items, i = _listed(t, i, _signal_or_list, "signalsDescriptor")
    return Signals(tuple(items)), i


_SIGNAL_LIST = words(("SignalList",))


def _signal_or_list(t: list[str], i: int) -> _Read[Signal | SignalList]:
    if t[i].lower() not in _SIGNAL_LIST:
        return _signal(t, i)
    number, i = _set_number(t, i + 1, "signalListId", 0xFFFF)
    if t[i] != "{":  # only in an audit
        return SignalList(number, ()), i
    signals, i = _listed(t, i, _signal, "signalList")
    return SignalList(number, tuple(signals)), i


_SIGNAL = words(
    (
        "Stream",
        "SignalType",
        "Duration",
        "NotifyCompletion",
        "KeepActive",
        "SPADirection",
        "SPARequestID",
        "Intersignal",
    )
)


def _signal(t: list[str], i: int) -> _Read[Signal]:
    name, i = _packaged(t, i, "signalRequest")
    if t[i] != "{":
        return Signal(name), i
    found: dict[str, object] = {}
    parameters: list[Property] = []
    while True:
        i += 1
        word = t[i]
        part = _SIGNAL.get(word) or _SIGNAL.get(word.lower())
        if part is None or t[i + 1] in _RELATIONS:
            parameter, i = _event_parameter(t, i)
            parameters.append(parameter)
        else:
            i = _signal_part(t, i, part, found)
        if t[i] != ",":
            break
    signal = Signal(name, parameters=tuple(parameters), **found)  # type: ignore[arg-type]
    return signal, _expect(t, i, "}", "signalRequest")


def _signal_part(t: list[str], i: int, part: str, found: dict[str, object]) -> int:
    """One part of a signal that is not a parameter, into `found` under the field's name."""
    if part == "KeepActive":
        found["keep_active"] = True
        return i + 1
    field = _SIGNAL_FIELDS[part]
    _once(t, i, found, field)
    if part == "NotifyCompletion":
        why, i = _listed(t, _expect(t, i + 1, "=", "notifyCompletion"), _completion, "notifyCompletion")
        found[field] = tuple(why)
    elif part == "SignalType":
        found[field], i = _set_choice(t, i + 1, _SIGNAL_TYPES, "OnOff, TimeOut or Brief", "signalType")
    elif part == "SPADirection":
        found[field], i = _set_choice(t, i + 1, _DIRECTIONS, "Internal, External or Both", "direction")
    elif part == "SPARequestID":
        found[field], i = _request_id(t, i + 1)
    else:
        found[field], i = _set_number(t, i + 1, "sigParameter", 0xFFFF)
    return i


_SIGNAL_FIELDS = {
    "Stream": "stream",
    "SignalType": "type",
    "Duration": "duration",
    "NotifyCompletion": "notify_completion",
    "SPADirection": "direction",
    "SPARequestID": "request_id",
    "Intersignal": "intersignal_delay",
}


def _completion(t: list[str], i: int) -> _Read[Completion]:
    return _choice(t, i, _COMPLETIONS, "a way a signal may end", "notificationReason")


# --- the other descriptors ------------------------------------------------------------------------------------------

_DIGIT_MAP = words(("DigitMap",))
_TIMERS = {"T": "start_timer", "S": "short_timer", "L": "long_timer", "Z": "duration_timer"}


def _is_map(t: list[str], i: int) -> bool:
    return t[i][:1] in ("D", "d") and ("{" in t[i] or t[i].lower() in _DIGIT_MAP)


def _digit_map(t: list[str], i: int) -> _Read[DigitMap]:
    """`DigitMapToken EQUAL (digitMapName / [digitMapName] LBRKT digitMapValue RBRKT)`, body and all in one token."""
    token = t[i]
    head, opening, body = token.partition("{")
    if not opening:
        name, i = _word(t, _expect(t, i + 1, "=", "digitMapDescriptor"), "the name of a digit map", "digitMapName")
        return DigitMap(name), i
    if body[-1:] != "}":
        raise _Unexpected(i, '"}" behind the digit map', "digitMapValue")
    found: dict[str, int] = {}
    at = 0
    while timer := _TIMER.match(body, at):
        found[_TIMERS[timer[1].upper()]] = int(timer[2])
        at = timer.end()
    name = re.sub(r";[^\r\n]*", "", head[head.index("=") + 1 :]).strip()
    pattern = re.sub(r";[^\r\n]*", "", body[at:-1]).strip()
    return DigitMap(name or None, pattern, **found), i + 1


def _mux(t: list[str], i: int) -> _Read[Mux]:
    i = _expect(t, i, "=", "muxDescriptor")
    word, i = _word(t, i, "a multiplex type", "MuxType")
    terminations, i = _listed(t, i, _termination, "muxDescriptor")
    return Mux(_MUX.get(word.lower(), word), tuple(terminations)), i


def _modem(t: list[str], i: int) -> _Read[Modem]:
    types: list[str] = []
    if t[i] == "=":
        word, i = _word(t, i + 1, "a modem type", "modemType")
        types.append(word)
    elif t[i] == "[":
        while t[i] in ("[", ","):
            word, i = _word(t, i + 1, "a modem type", "modemType")
            types.append(word)
        i = _expect(t, i, "]", "modemDescriptor")
    else:
        raise _Unexpected(i, '"=" or "["', "modemDescriptor")
    if t[i] != "{":
        return Modem(tuple(types)), i
    properties, i = _listed(t, i, _property, "modemDescriptor")
    return Modem(tuple(types), tuple(properties)), i


def _statistic(t: list[str], i: int) -> _Read[Property]:
    name, i = _packaged(t, i, "statisticsParameter")
    if t[i] != "=":
        return named(name), i
    return _values(t, i, name)


def _statistics(t: list[str], i: int) -> _Read[Statistics]:
    if t[i] != "{":
        return Statistics(), i
    items, i = _listed(t, i, _statistic, "statisticsDescriptor")
    return Statistics(tuple(items)), i


def _package(t: list[str], i: int) -> _Read[PackageVersion]:
    name, _, version = t[i].rpartition("-")
    if not name or not version.isdecimal() or len(version) > 2 or not _WORD.match(name):
        raise _Unexpected(i, "a package and its version, such as ipnapt-1", "packagesItem")
    return PackageVersion(name, int(version)), i + 1


def _packages(t: list[str], i: int) -> _Read[Packages]:
    items, i = _listed(t, i, _package, "packagesDescriptor")
    return Packages(tuple(items)), i


# --- audit ----------------------------------------------------------------------------------------------------------

_AUDIT_ITEMS = words(
    (
        "Media",
        "Modem",
        "Mux",
        "Events",
        "EventBuffer",
        "Signals",
        "DigitMap",
        "Statistics",
        "Packages",
        "ObservedEvents",
    )
)


def _audit(t: list[str], i: int) -> _Read[Audit]:
    i = _expect(t, i, "{", "auditDescriptor")
    if t[i] == "}":
        return Audit(), i + 1
    items, i = _listed(t, i - 1, _audit_item, "auditDescriptor")
    return Audit(tuple(items)), i


def _audit_item(t: list[str], i: int) -> _Read[AuditItem]:
    if "{" in t[i] and _is_map(t, i):
        digit_map, i = _digit_map(t, i)
        return AuditItem("DigitMap", digit_map), i
    name, i = _choice(t, i, _AUDIT_ITEMS, "the name of a descriptor", "auditItem")
    if t[i] in _CLOSING:
        return AuditItem(name), i
    if name == "DigitMap":
        digit_map, i = _digit_map(t, i - 1)
        return AuditItem(name, digit_map), i
    reader = _INDIVIDUAL.get(name)
    if reader is None:
        raise _Unexpected(i, '"," or "}"', "auditItem")
    only, i = reader(t, i)
    return AuditItem(name, only), i


_Individual = Media | Events | EventBuffer | Signals | Statistics | Packages
_INDIVIDUAL: dict[str, Callable[[list[str], int], _Read[_Individual]]] = {
    "Media": _media,
    "Events": _events,
    "EventBuffer": _event_buffer,
    "Signals": _signals,
    "Statistics": _statistics,
    "Packages": _packages,
}


# --- ServiceChange --------------------------------------------------------------------------------------------------

_SERVICES = words(
    (
        "Method",
        "Reason",
        "Delay",
        "ServiceChangeAddress",
        "MgcIdToTry",
        "Profile",
        "Version",
        "ServiceChangeInc",
    )
)


def _services(t: list[str], i: int) -> _Read[Services]:
    found: dict[str, object] = {}
    extensions: list[Property] = []
    i = _expect(t, i, "{", "serviceChangeDescriptor") - 1
    while True:
        i += 1
        word = t[i]
        if word[:2] in ("X-", "X+", "x-", "x+"):
            parameter, i = _event_parameter(t, i)
            extensions.append(parameter)
        elif _TIME.fullmatch(word):
            _once(t, i, found, "time")
            found["time"] = word.upper()
            i += 1
        elif word.lower() in _SERVICES:
            i = _service(t, i, _SERVICES[word.lower()], found)
        else:
            _once(t, i, found, "audit")
            found["audit"], i = _audit_item(t, i)
        if t[i] != ",":
            break
    services = Services(extensions=tuple(extensions), **found)  # type: ignore[arg-type]
    return services, _expect(t, i, "}", "serviceChangeDescriptor")


_SERVICE_FIELDS = {
    "Method": "method",
    "Reason": "reason",
    "Delay": "delay",
    "ServiceChangeAddress": "address",
    "MgcIdToTry": "mgc_id",
    "Profile": "profile",
    "Version": "version",
    "ServiceChangeInc": "incomplete",
}


def _service(t: list[str], i: int, name: str, found: dict[str, object]) -> int:
    """One parameter of a ServiceChange, into `found` under the field's name."""
    field = _SERVICE_FIELDS[name]
    _once(t, i, found, field)
    if name == "ServiceChangeInc":
        found[field] = True
        return i + 1
    i = _expect(t, i + 1, "=", "serviceChangeParm")
    if name == "Method":
        if t[i][:2] in ("X-", "X+", "x-", "x+"):
            found[field], i = _word(t, i, "a method", "serviceChangeMethod")
        else:
            found[field], i = _choice(t, i, _METHODS, "a method such as Restart", "serviceChangeMethod")
    elif name == "Reason":
        found[field], i = _value(t, i)
    elif name == "Delay":
        found[field], i = _number(t, i, "serviceChangeDelay")
    elif name == "Version":
        found[field], i = _number(t, i, "serviceChangeVersion", 99)
    elif name == "Profile":
        profile, i = _word(t, i, "a profile, such as name/1", "serviceChangeProfile")
        if not re.fullmatch(r".+/\d{1,2}", profile):
            raise _Unexpected(i - 1, "a profile, such as name/1", "serviceChangeProfile")
        found[field] = profile
    else:
        found[field], i = _mid(t, i)
    return i


_MID = re.compile(MID, re.I)


def _mid(t: list[str], i: int) -> _Read[str]:
    """A message identifier, or for an address the port alone, put together from its tokens."""
    start = i
    closing = {"[": "]", "<": ">"}.get(t[i])
    if closing:
        while t[i] and t[i] != closing and i < start + 20:
            i += 1
        i += 1
        if t[i] == ":":
            i += 2
    elif t[i].upper() == "MTP" and t[i + 1] == "{":
        i += 4
    else:
        i += 1
    mid = "".join(t[start:i])
    if not _MID.fullmatch(mid):
        raise _Unexpected(start, "a message identifier", "mId")
    return mid, i


# --- which descriptors may stand where ------------------------------------------------------------------------------

_DESCRIPTORS: dict[str, Callable[[list[str], int], _Read[Descriptor]]] = {
    "Media": _media,
    "Mux": _mux,
    "Modem": _modem,
    "Events": _events,
    "EventBuffer": _event_buffer,
    "Signals": _signals,
    "Audit": _audit,
    "Statistics": _statistics,
    "Packages": _packages,
    "ObservedEvents": _observed_events,
    "Services": _services,
}
_AMM = ("Media", "Mux", "Modem", "Events", "EventBuffer", "Signals", "DigitMap", "Audit", "Statistics")
_RETURNED = (*_AMM[:-2], "Statistics", "Packages", "ObservedEvents", "Error")
_BARE = ("Media", "Mux", "Modem", "DigitMap", "Packages", "ObservedEvents")


def _descriptors(*names: str, bare: bool = False) -> Callable[[list[str], int], _Read[Descriptor]]:
    """A reader for one of these descriptors; with `bare`, of the token alone as well."""
    table = words(names)
    expected = ", ".join(names)
    maps = "DigitMap" in names

    def read(t: list[str], i: int) -> _Read[Descriptor]:
        word = t[i]
        name = table.get(word) or table.get(word.lower())
        if maps and (name == "DigitMap" or "{" in word) and _is_map(t, i):
            if bare and t[i + 1] in _CLOSING and "{" not in word:
                return Token("DigitMap"), i + 1
            return _digit_map(t, i)
        if name is None:
            raise _Unexpected(i, f"one of {expected}", "descriptor")
        if name == "Error":
            return _error(t, i)
        if bare and name in _BARE and t[i + 1] in _CLOSING:
            return Token(name), i + 1
        return _DESCRIPTORS[name](t, i + 1)

    return read


_amm = _descriptors(*_AMM)
_audit_only = _descriptors("Audit")
_returned = _descriptors(*_RETURNED, bare=True)
_error_only = _descriptors("Error")

_IN_COMMAND: dict[Kind, Callable[[list[str], int], _Read[Descriptor]]] = {
    Kind.ADD: _amm,
    Kind.MODIFY: _amm,
    Kind.MOVE: _amm,
    Kind.SUBTRACT: _audit_only,
    Kind.AUDIT_VALUE: _audit_only,
    Kind.AUDIT_CAPABILITY: _audit_only,
    Kind.NOTIFY: _descriptors("ObservedEvents", "Error"),
    Kind.SERVICE_CHANGE: _descriptors("Services"),
}
_IN_REPLY: dict[Kind, Callable[[list[str], int], _Read[Descriptor]]] = {
    Kind.ADD: _returned,
    Kind.MODIFY: _returned,
    Kind.MOVE: _returned,
    Kind.SUBTRACT: _returned,
    Kind.AUDIT_VALUE: _returned,
    Kind.AUDIT_CAPABILITY: _returned,
    Kind.NOTIFY: _error_only,
    Kind.SERVICE_CHANGE: _descriptors("Services", "Error"),
}


def is_error_message(octets: bytes) -> bool:
    """Whether a message that may be broken starts as one that only reports an error, or does not start as any."""
    text = bytes(octets[:1024]).decode("latin-1")
    header = _HEADER.match(text)
    return header is None or cut(text, header.end())[0].lower() in _ERROR
