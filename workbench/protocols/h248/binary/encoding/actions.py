"""Messages, transactions, actions and commands.

Source: H.248.1 Annex A (MegacoMessage to ServiceChangeReply).
"""

# ruff: noqa: D102 (each method is the type of annex_a.txt that it is named after)

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.errors import LocalProtocolError
from workbench.protocols.h248.binary.encoding.values import Base, Chosen, Parts, sole
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
    ErrorDescriptor,
    EventBuffer,
    Events,
    Form,
    Kind,
    Media,
    Message,
    Modem,
    Mux,
    ObservedEvents,
    Packages,
    Pending,
    Property,
    Reply,
    Request,
    Segment,
    Services,
    Signals,
    Statistics,
    Token,
    Topology,
    TopologyDirection,
    Transaction,
)

COMMAND_NUMBERS = {
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
AMM: Mapping[type, int] = {
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
_NO_STATISTICS = Statistics()


class Actions(Base):
    """From the message down to a command with its terminations."""

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

    def command_request(self, command: Command) -> Parts:
        if not command.terminations:
            raise LocalProtocolError("a command names at least one termination")
        return command, command.optional or None, command.wildcard_response or None

    def amm_request(self, command: Command) -> Parts:
        return command.terminations, command.descriptors

    def subtract_request(self, command: Command) -> Parts:
        return command.terminations, sole(command, Audit)

    def audit_request(self, command: Command) -> Parts:
        terminations = command.terminations
        audit = sole(command, Audit) or Audit()
        return terminations[0], audit, terminations if len(terminations) > 1 else None

    def notify_request(self, command: Command) -> Parts:
        observed = command.descriptor(ObservedEvents) or ObservedEvents(0, ())
        error = command.descriptor(ErrorDescriptor)
        others = [d for d in command.descriptors if d is not observed and d is not error]
        if others:
            raise LocalProtocolError(f"no {type(others[0]).__name__} descriptor stands in Notify")
        return command.terminations, observed, error

    def service_change_request(self, command: Command) -> Parts:
        services = sole(command, Services)
        if services is None:
            raise LocalProtocolError("ServiceChange without its parameters")
        return command.terminations, services

    def amms_reply(self, reply: CommandReply) -> Parts:
        return self._answered(reply), gathered(reply.descriptors) or None

    def notify_reply(self, reply: CommandReply) -> Parts:
        return self._answered(reply), sole(reply, ErrorDescriptor)

    def service_change_reply(self, reply: CommandReply) -> Parts:
        error = reply.error
        return self._answered(reply), sole(reply, Services) or Services() if error is None else error

    def audit_result(self, reply: CommandReply) -> Parts:
        return reply.terminations[0], gathered(reply.descriptors)

    def term_list_audit_result(self, reply: CommandReply) -> Parts:
        return self._answered(reply), gathered(reply.descriptors)

    @staticmethod
    def _answered(reply: CommandReply) -> tuple[str, ...]:
        if not reply.terminations:
            raise LocalProtocolError("a reply names at least one termination")
        return reply.terminations

    def termination(self, text: str) -> Parts:
        """Wildcards and id of a termination."""
        wildcards, octets = self._naming.octets(text)
        return [bytes((wildcard,)) for wildcard in wildcards], octets


def transaction_of(transaction: Transaction) -> Chosen:
    """Which transaction it is."""
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


def descriptor_of(numbers: Mapping[type, int], descriptor: Descriptor, where: str) -> Chosen:
    """Which descriptor it is; some are the list of their members."""
    number = numbers.get(type(descriptor))
    if number is None:
        raise LocalProtocolError(f"no {type(descriptor).__name__} descriptor stands in {where}")
    return number, _content(descriptor)


def returned(descriptor: Descriptor) -> Chosen:
    """Which descriptor of a reply it is."""
    if isinstance(descriptor, Audit):  # made by `gathered`
        return 11, descriptor
    return descriptor_of(_RETURNED, descriptor, "a reply")


def gathered(descriptors: Sequence[Descriptor]) -> list[Descriptor]:
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


def audit_reply(reply: CommandReply) -> Chosen:
    """Whether a context, a termination or several were audited."""
    if reply.context_audit:
        return (0, reply.terminations) if reply.terminations or not reply.error else (1, reply.error)
    return (2, reply) if len(reply.terminations) == 1 else (3, reply)
