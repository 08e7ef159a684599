"""What a gateway answered, as values: stage-2 information elements out of replies.

Source: TS 23.334 §8.2 to §8.5, TS 29.334 §5.8, §5.17.2; H.248.1 §8.2.2.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from workbench.errors import MalformedMessageError
from workbench.net.values import Endpoint
from workbench.protocols.h248 import message as h248


class ReservedStream(msgspec.Struct, frozen=True):
    """One stream of a reserved termination: the gateway's address, and its certificate's fingerprint (`hash hex`)."""

    number: int
    local: Endpoint
    fingerprint: str


class Reserved(msgspec.Struct, frozen=True):
    """What the gateway gave: context, TerminationID, and per stream address and fingerprint."""

    context: int
    termination: str
    streams: tuple[ReservedStream, ...]

    @property
    def local(self) -> Endpoint:
        """The address of the first stream."""
        return self.streams[0].local

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the first stream; empty where none was asked for."""
        return self.streams[0].fingerprint


class Done(msgspec.Struct, frozen=True):
    """An order was carried out: at these terminations of this context; what was counted, where it was asked for."""

    context: int
    terminations: tuple[str, ...] = ()
    statistics: tuple[h248.Statistics, ...] = ()


class Audited(msgspec.Struct, frozen=True):
    """What an audit of one termination showed."""

    context: int
    termination: str
    descriptors: tuple[h248.Descriptor, ...]


class Refused(msgspec.Struct, frozen=True):
    """Command rejected: error code of H.248.8, its text, and where it stood (`transaction`, `action`, `command`)."""

    code: int
    text: str
    level: str = "command"


class Unanswered(msgspec.Struct, frozen=True):
    """Nothing came back in time, or the association broke."""

    why: str = "the gateway does not answer"


def refusal(reply: h248.Reply) -> Refused | None:
    """The first error of a reply, at whatever level, or None."""
    if reply.error is not None:
        return _refused(reply.error, "transaction")
    for action in reply.actions:
        for command in action.commands:
            if command.error is not None:
                return _refused(command.error, "command")
        if action.error is not None:
            return _refused(action.error, "action")
    return None


def reserved(reply: h248.Reply) -> Reserved | Refused:
    """Read the reply to `iq.reserve`.

    Raises:
        MalformedMessageError: the reply has neither an error nor what was asked for.
    """
    every = all_reserved(reply)
    return every if isinstance(every, Refused) else every[0]


def all_reserved(reply: h248.Reply) -> tuple[Reserved, ...] | Refused:
    """Read the reply to several `iq.reserve` in one request; arguments and errors as of `reserved`."""
    refused = refusal(reply)
    if refused is not None:
        return refused
    found = tuple(
        Reserved(action.context, command.terminations[0], tuple(_streams(command)))
        for action in reply.actions for command in action.commands if command.kind is h248.Kind.ADD)
    if not found or any(not one.streams for one in found):
        raise MalformedMessageError("the reply to Add has no Local with address and port", clause="TS 23.334 §8.3")
    return found


def done(reply: h248.Reply) -> Done | Refused:
    """Read the reply to an order that asks for nothing: configure, release, change, watch.

    Raises:
        MalformedMessageError: the reply has neither an error nor an answer.
    """
    refused = refusal(reply)
    if refused is not None:
        return refused
    if not reply.actions:
        raise MalformedMessageError("the reply has no action in it", clause="H.248.1 §8.2.2")
    commands = [command for action in reply.actions for command in action.commands]
    counted = tuple(one for command in commands if (one := command.descriptor(h248.Statistics)) is not None)
    return Done(reply.actions[0].context, tuple(name for one in commands for name in one.terminations), counted)


def audited(reply: h248.Reply) -> tuple[Audited, ...] | Refused:
    """Read the reply to `iq.audit_value` or `iq.audit_capability`: one for each termination that matched."""
    refused = refusal(reply)
    if refused is not None:
        return refused
    return tuple(
        Audited(action.context, name, command.descriptors)
        for action in reply.actions for command in action.commands if not command.context_audit
        for name in command.terminations)


def realms(reply: h248.Reply) -> tuple[str, ...] | Refused:
    """Read the reply to `iq.available_realms`; empty where the gateway does not say."""
    found = audited(reply)
    if isinstance(found, Refused):
        return found
    for one in found:
        for descriptor in one.descriptors:
            if isinstance(descriptor, h248.Media) and descriptor.termination_state is not None:
                item = descriptor.termination_state.property("ipra/ar")
                if item is not None:
                    return tuple(str(value) for value in item.values)
    return ()


def _streams(command: h248.CommandReply) -> Iterator[ReservedStream]:
    media = command.descriptor(h248.Media)
    for stream in media.streams if media is not None else ():
        described = stream.local[0] if stream.local else None
        line = described.media[0] if described is not None and described.media else None
        connection = described.connection_of(line) if described is not None and line is not None else None
        if line is not None and line.port is not None and connection is not None:
            yield ReservedStream(
                stream.id, Endpoint(connection.address, line.port), line.attribute("fingerprint") or "")


def _refused(error: h248.ErrorDescriptor, level: str) -> Refused:
    return Refused(error.code, error.text or "", level)
