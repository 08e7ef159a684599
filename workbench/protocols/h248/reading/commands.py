"""Transactions, actions and commands: the frame of a message, from its body down to where descriptors begin.

Source: H.248.1 Annex B.2 (transactionList to serviceChangeReply), versions 1 to 3.
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.protocols.h248.message import (
    ALL,
    CHOOSE,
    NULL,
    ROOT,
    Ack,
    Action,
    ActionReply,
    Command,
    CommandReply,
    ContextAudit,
    ContextProperties,
    Descriptor,
    ErrorDescriptor,
    Kind,
    Pending,
    Reply,
    Request,
    Segment,
    SelectLogic,
    Topology,
    TopologyDirection,
    Transaction,
)
from workbench.protocols.h248.reading.descriptors import ERROR, IN_COMMAND, IN_REPLY, Reader, error, termination
from workbench.protocols.h248.reading.events import stream_parameter
from workbench.protocols.h248.reading.grammar import (
    CLOSING,
    ON_OFF,
    Read,
    Unexpected,
    choice,
    expect,
    listed,
    number,
    once,
    packaged,
    property_parm,
    set_choice,
    set_number,
)
from workbench.protocols.h248.tokens import MARKS, spellings, words

# --- transactions ---------------------------------------------------------------------------------------------------


def transactions(t: list[str], i: int) -> Read[tuple[Transaction, ...]]:
    """`1*(transactionRequest / transactionReply / transactionPending / transactionResponseAck ...)`."""
    body: list[Transaction] = []
    while t[i] or not body:
        kind = _TRANSACTIONS.get(t[i])
        if kind is None:
            kind = choice(t, i, _TRANSACTIONS, "a transaction", "messageBody")[0]
        transaction, i = kind(t, i + 1)
        body.append(transaction)
    return tuple(body), i


def _request(t: list[str], i: int) -> Read[Transaction]:
    """`transactionRequest = TransToken EQUAL TransactionID LBRKT actionRequest *(COMMA actionRequest) RBRKT`."""
    id, i = set_number(t, i, "transactionRequest")
    actions, i = listed(t, i, _action, "transactionRequest")
    return Request(id, tuple(actions)), i


def _pending(t: list[str], i: int) -> Read[Transaction]:
    """`transactionPending = PendingToken EQUAL TransactionID LBRKT RBRKT`."""
    id, i = set_number(t, i, "transactionPending")
    i = expect(t, i, "{", "transactionPending")
    return Pending(id), expect(t, i, "}", "transactionPending")


def _acknowledgement(t: list[str], i: int) -> Read[Transaction]:
    """`transactionResponseAck = ResponseAckToken LBRKT transactionAck *(COMMA transactionAck) RBRKT`."""
    ranges, i = listed(t, i, _range, "transactionResponseAck")
    return Ack(tuple(ranges)), i


def _range(t: list[str], i: int) -> Read[tuple[int, int]]:
    """`transactionAck = TransactionID / (TransactionID "-" TransactionID)`."""
    first, dash, last = t[i].partition("-")
    if _is_id(first):
        low = int(first)
        if not dash:
            return (low, low), i + 1
        if _is_id(last) and low <= int(last):
            return (low, int(last)), i + 1
    raise Unexpected(i, "a transaction id or a range of them", "transactionAck")


def _is_id(word: str) -> bool:
    return word.isdecimal() and len(word) <= 10 and int(word) <= 0xFFFFFFFF


def _numbered(t: list[str], i: int, production: str) -> Read[tuple[int, int | None, bool]]:
    """`= TransactionID [SLASH segmentNumber [SLASH SegmentationCompleteToken]]`."""
    i = expect(t, i, "=", production)
    first, *rest = t[i].split("/")
    if not _is_id(first):
        raise Unexpected(i, "a transaction id", production)
    if not rest:
        return (int(first), None, False), i + 1
    ends = rest[1:]
    if (
        not _is_id(rest[0])
        or int(rest[0]) > 0xFFFF
        or (ends and (len(ends) > 1 or ends[0].lower() not in ("end", "&")))
    ):
        raise Unexpected(i, "a segment number and perhaps /END", production)
    return (int(first), int(rest[0]), bool(ends)), i + 1


def _segment(t: list[str], i: int) -> Read[Transaction]:
    """`segmentReply = MessageSegmentToken EQUAL TransactionID SLASH segmentNumber [SLASH SegmentationComplete]`."""
    (id, segment, last), after = _numbered(t, i, "segmentReply")
    if segment is None:
        raise Unexpected(i + 1, "a segment number", "segmentReply")
    return Segment(id, segment, last), after


def _reply(t: list[str], i: int) -> Read[Transaction]:
    """`transactionReply = ReplyToken EQUAL TransactionID [...] LBRKT [ImmAckRequiredToken COMMA]
    (errorDescriptor / actionReplyList) RBRKT`."""
    (id, segment, last), i = _numbered(t, i, "transactionReply")
    i = expect(t, i, "{", "transactionReply")
    immediate = t[i] in _IMMEDIATE or t[i].lower() in _IMMEDIATE
    if immediate:
        i = expect(t, i + 1, ",", "transactionReply")
    if t[i] in ERROR or t[i].lower() in ERROR:
        refused, i = error(t, i + 1)
        return Reply(id, (), refused, immediate, segment, last), expect(t, i, "}", "transactionReply")
    actions: list[ActionReply] = []
    while True:
        action, i = _action_reply(t, i)
        actions.append(action)
        if t[i] != ",":
            break
        i += 1
    return Reply(id, tuple(actions), None, immediate, segment, last), expect(t, i, "}", "transactionReply")


_IMMEDIATE = words(("ImmAckRequired",))
_TRANSACTIONS: dict[str, Callable[[list[str], int], Read[Transaction]]] = spellings(
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


def _context(t: list[str], i: int) -> Read[int]:
    """`ContextToken EQUAL ContextID`."""
    if t[i] not in _CONTEXT and t[i].lower() not in _CONTEXT:
        raise Unexpected(i, "Context", "actionRequest")
    if t[i + 1] != "=":
        raise Unexpected(i + 1, '"="', "actionRequest")
    return _context_id(t, i + 2)


def _context_id(t: list[str], i: int) -> Read[int]:
    """`ContextID = (UINT32 / "*" / "-" / "$")`."""
    special = _CONTEXT_IDS.get(t[i])
    if special is not None:
        return special, i + 1
    return number(t, i, "ContextID")


def _action(t: list[str], i: int) -> Read[Action]:
    """`actionRequest = CtxToken EQUAL ContextID LBRKT ((contextRequest [COMMA commandRequestList]) /
    commandRequestList) RBRKT`."""
    context, i = _context(t, i)
    if t[i] != "{":
        raise Unexpected(i, '"{"', "actionRequest")
    commands: list[Command] = []
    properties: dict[str, object] = {}
    audit: ContextAudit | None = None
    while True:
        i += 1
        word = t[i]
        command = _COMMANDS.get(word) or _COMMANDS.get(word.lower())
        if command is not None:
            done, i = _command(t, i + 1, command)
            commands.append(done)
        elif word.lower() in _CONTEXT_AUDIT:
            if audit is not None:
                raise Unexpected(i, "ContextAudit only once", "contextRequest")
            audit, i = _context_audit(t, i + 1)
        else:
            i = _context_property(t, i, properties)
        if t[i] != ",":
            break
    if t[i] != "}":
        raise Unexpected(i, '"," or "}"', "actionRequest")
    return Action(context, tuple(commands), _context_properties(properties) if properties else None, audit), i + 1


def _action_reply(t: list[str], i: int) -> Read[ActionReply]:
    """`actionReply = CtxToken EQUAL ContextID [LBRKT (errorDescriptor / commandReply /
    (commandReply COMMA errorDescriptor)) RBRKT]`."""
    context, i = _context(t, i)
    if t[i] != "{":
        return ActionReply(context), i
    commands: list[CommandReply] = []
    properties: dict[str, object] = {}
    refused: ErrorDescriptor | None = None
    i += 1
    while True:
        word = t[i]
        command = _COMMANDS.get(word) or _COMMANDS.get(word.lower())
        if command is not None and not (command[1] or command[2]):
            done, i = _command_reply(t, i + 1, command)
            commands.append(done)
        elif word.lower() in ERROR:
            refused, i = error(t, i + 1)
            break
        else:
            i = _context_property(t, i, properties)
        if t[i] != ",":
            break
        i += 1
    i = expect(t, i, "}", "actionReply")
    return ActionReply(context, tuple(commands), refused, _context_properties(properties) if properties else None), i


# --- attributes of a context ----------------------------------------------------------------------------------------

_TOPOLOGY = spellings({direction.value: direction for direction in TopologyDirection})
_LOGIC = spellings({logic.value: logic for logic in SelectLogic})
_CONTEXT_AUDIT = words(("ContextAudit",))
_CONTEXT_PROPERTIES = words(("Topology", "Priority", "Emergency", "EmergencyOff", "IEPSCall", "ContextAttr"))
_CONTEXT_PROPERTIES["emergencyofftoken"] = "EmergencyOff"  # as the token stands in copies of version 2


def _context_property(t: list[str], i: int, found: dict[str, object]) -> int:
    """`contextProperty = (topologyDescriptor / priority / EmergencyToken / EmergencyOffToken / iepsValue /
    contextAttrDescriptor)`, into `found` under the field's name."""
    name, after = choice(t, i, _CONTEXT_PROPERTIES, "a command or an attribute of the context", "contextProperty")
    if name == "Topology":
        once(i, found, "topology")
        found["topology"], after = _topology(t, after)
    elif name == "Priority":
        once(i, found, "priority")
        found["priority"], after = set_number(t, after, "priority", 0xFFFF)
    elif name == "IEPSCall":
        once(i, found, "ieps")
        found["ieps"], after = set_choice(t, after, ON_OFF, "ON or OFF", "iepsValue")
    elif name == "ContextAttr":
        after = _context_attributes(t, after, found)
    else:
        once(i, found, "emergency")
        found["emergency"] = name == "Emergency"
    return after


_CONTEXT_LIST = words(("ContextList",))


def _context_attributes(t: list[str], i: int, found: dict[str, object]) -> int:
    """`contextAttrDescriptor = ContextAttrToken LBRKT (contextIdList / propertyParm *(COMMA propertyParm)) RBRKT`."""
    if t[i + 1].lower() in _CONTEXT_LIST:
        once(i + 1, found, "contexts")
        i = expect(t, expect(t, i, "{", "contextAttrDescriptor") + 1, "=", "contextIdList")
        contexts, i = listed(t, i, _context_id, "contextIdList")
        found["contexts"] = tuple(contexts)
        return expect(t, i, "}", "contextAttrDescriptor")
    once(i, found, "properties")
    properties, i = listed(t, i, property_parm, "contextAttrDescriptor")
    found["properties"] = tuple(properties)
    return i


def _context_properties(found: dict[str, object]) -> ContextProperties:
    return ContextProperties(**found)  # type: ignore[arg-type]


def _topology(t: list[str], i: int) -> Read[tuple[Topology, ...]]:
    """`topologyDescriptor = TopologyToken LBRKT topologyTriple *(COMMA topologyTriple) RBRKT`."""
    triples: list[Topology] = []
    i = expect(t, i, "{", "topologyDescriptor")
    while True:
        triple, i = _triple(t, i)
        triples.append(triple)
        if t[i] != ",":
            return tuple(triples), expect(t, i, "}", "topologyDescriptor")
        i += 1


def _triple(t: list[str], i: int) -> Read[Topology]:
    """`topologyTriple = terminationA COMMA terminationB COMMA topologyDirection [COMMA eventStream]`."""
    first, i = termination(t, i)
    second, i = termination(t, expect(t, i, ",", "topologyTriple"))
    i = expect(t, i, ",", "topologyTriple")
    direction, i = choice(t, i, _TOPOLOGY, "a direction such as Bothway", "topologyDirection")
    stream: int | None = None
    extension: TopologyDirection | None = None
    while t[i] == ",":
        if t[i + 2] == "=":
            if stream is not None:
                raise Unexpected(i + 1, "Stream only once", "topologyTriple")
            stream, i = stream_parameter(t, i + 1)
        elif extension is None and t[i + 1].lower() in _TOPOLOGY:
            extension, i = choice(t, i + 1, _TOPOLOGY, "a direction", "topologyDirection")
        else:
            break
    return Topology(first, second, direction, stream, extension), i


_CONTEXT_AUDIT_ITEMS = words(("Topology", "Emergency", "Priority", "IEPSCall"))
_SELECTORS = words(("Priority", "EmergencyValue", "IEPSCall", "ContextAttr"))
_EMERGENCY = spellings({"Emergency": True, "EmergencyOff": False})


def _context_audit(t: list[str], i: int) -> Read[ContextAudit]:
    """`contextAudit = ContextAuditToken LBRKT (contextAuditProperties / contextAuditSelector) *(COMMA ...) RBRKT`."""
    items: list[str] = []
    select: dict[str, object] = {}
    logic: SelectLogic | None = None
    i = expect(t, i, "{", "contextAudit")
    while True:
        word = t[i].lower()
        if word in _LOGIC:
            if logic is not None:
                raise Unexpected(i, "ANDLgc or ORLgc only once", "selectLogic")
            logic, i = _LOGIC[word], i + 1
        elif word in _SELECTORS and t[i + 1] not in CLOSING:
            i = _selector(t, i, select)
        elif word in _CONTEXT_AUDIT_ITEMS:
            items.append(_CONTEXT_AUDIT_ITEMS[word])
            i += 1
        else:
            name, i = packaged(t, i, "contextAuditProperty")
            items.append(name)
        if t[i] != ",":
            break
        i += 1
    selected = _context_properties(select) if select else None
    return ContextAudit(tuple(items), selected, logic), expect(t, i, "}", "contextAudit")


def _selector(t: list[str], i: int, select: dict[str, object]) -> int:
    """`contextAuditSelector = priority / emergencyValue / iepsValue / contextAttrDescriptor`."""
    if _SELECTORS[t[i].lower()] == "EmergencyValue":
        once(i, select, "emergency")
        select["emergency"], i = set_choice(t, i + 1, _EMERGENCY, "Emergency or EmergencyOff", "emergencyValue")
        return i
    return _context_property(t, i, select)


# --- commands -------------------------------------------------------------------------------------------------------

_Keyword = tuple[Kind, bool, bool, Reader, Reader]
"""What a command's keyword says: kind, `O-`, `W-`, and what reads a descriptor of the request and of the reply."""
_COMMANDS: dict[str, _Keyword] = {
    prefix + word: (kind, "O-" in prefix.upper(), "W-" in prefix.upper(), IN_COMMAND[kind], IN_REPLY[kind])
    for word, kind in spellings({kind.value: kind for kind in Kind}).items()
    for prefix in ("", "O-", "W-", "O-W-", "o-", "w-", "o-w-")
}


def _terminations(t: list[str], i: int) -> Read[tuple[str, ...]]:
    """`EQUAL (TerminationID / LSBRKT TerminationID *(COMMA TerminationID) RSBRKT)`."""
    if t[i] != "=":
        raise Unexpected(i, '"="', "commandRequest")
    only = t[i + 1]
    if only not in MARKS:
        return (ROOT if len(only) == 4 and only.upper() == ROOT else only,), i + 2
    if only != "[":
        raise Unexpected(i + 1, "a termination", "TerminationID")
    one, i = termination(t, i + 2)
    many = [one]
    while t[i] == ",":
        one, i = termination(t, i + 1)
        many.append(one)
    return tuple(many), expect(t, i, "]", "termIDList")


def _command(t: list[str], i: int, keyword: _Keyword) -> Read[Command]:
    """`commandRequest = ["O-"] ["W-"] (ammRequest / subtractRequest / auditRequest / notifyRequest /
    serviceChangeRequest)`."""
    kind, optional, wildcard, descriptor, _ = keyword
    terminations, i = _terminations(t, i)
    if t[i] == "{":
        found, i = listed(t, i, descriptor, "commandRequest")
        return Command(kind, terminations, tuple(found), optional, wildcard), i
    if kind is Kind.NOTIFY or kind is Kind.SERVICE_CHANGE:
        raise Unexpected(i, '"{"', "notifyRequest" if kind is Kind.NOTIFY else "serviceChangeRequest")
    return Command(kind, terminations, (), optional, wildcard), i


def _command_reply(t: list[str], i: int, keyword: _Keyword) -> Read[CommandReply]:
    """`commandReply = serviceChangeReply / auditReply / ammsReply / notifyReply`."""
    kind, _, _, _, descriptor = keyword
    if (
        (kind is Kind.AUDIT_VALUE or kind is Kind.AUDIT_CAPABILITY)
        and t[i + 2] == "{"
        and t[i] == "="
        and t[i + 1].lower() in _CONTEXT
    ):
        return _context_audit_reply(t, i + 2, kind)
    terminations, i = _terminations(t, i)
    if t[i] != "{":
        return CommandReply(kind, terminations), i
    found, i = listed(t, i, descriptor, "commandReply")
    return CommandReply(kind, terminations, tuple(found)), i


def _context_audit_reply(t: list[str], i: int, kind: Kind) -> Read[CommandReply]:
    """`contextTerminationAudit = EQUAL CtxToken (terminationIDList / LBRKT errorDescriptor RBRKT)`."""
    descriptors: tuple[Descriptor, ...] = ()
    if t[i + 1].lower() in ERROR and t[i + 2] == "=":
        refused, i = error(t, i + 2)
        descriptors = (refused,)
        return CommandReply(kind, (), descriptors, True), expect(t, i, "}", "contextTerminationAudit")
    terminations, i = listed(t, i, termination, "contextTerminationAudit")
    return CommandReply(kind, tuple(terminations), (), True), i
