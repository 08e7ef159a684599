"""Messages, transactions, actions and commands.

Source: H.248.1 Annex A (MegacoMessage to ServiceChangeReply).
"""

# ruff: noqa: D102 (each method is the type of annex_a.txt that it is named after)

from __future__ import annotations

from workbench.protocols.h248.binary.decoding.values import Base, Parm
from workbench.protocols.h248.binary.words import EMPTY
from workbench.protocols.h248.message import (
    Action,
    ActionReply,
    Audit,
    Authentication,
    Command,
    CommandReply,
    ContextAudit,
    ContextProperties,
    Descriptor,
    ErrorDescriptor,
    Form,
    Kind,
    Message,
    ObservedEvents,
    Pending,
    Property,
    Reply,
    Request,
    Segment,
    SelectLogic,
    Services,
    Token,
    Topology,
    TopologyDirection,
)

_Command = tuple[tuple[str, ...], tuple[Descriptor, ...]]
_NOTHING = ContextProperties()


class Actions(Base):
    """From the message down to a command with its terminations."""

    def megaco_message(self, authentication: Authentication | None, message: tuple[int, str, object]) -> Message:
        version, mid, body = message
        if isinstance(body, ErrorDescriptor):
            return Message(version, mid, (), body, authentication)
        if not body:
            raise ValueError("a message without a transaction")
        return Message(version, mid, body, None, authentication)  # type: ignore[arg-type]

    authentication_header = staticmethod(Authentication)

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


def empty_descriptors(audit: Audit) -> tuple[Descriptor, ...]:
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
