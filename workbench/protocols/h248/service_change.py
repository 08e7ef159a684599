"""ServiceChange on ROOT, as both ends of a control association write and read it.

Source: H.248.1 §7.2.8, §11; H.248.8 (reasons).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from workbench.protocols.h248.message import (
    NULL,
    ROOT,
    Action,
    ActionReply,
    Command,
    CommandReply,
    ErrorDescriptor,
    Kind,
    Quoted,
    Reply,
    Services,
)

RESTORED = "900 Service Restored"
COLD_BOOT = "901 Cold Boot"
DIRECTED = "903 MGC Directed Change"
OUT_OF_SERVICE = "905 Termination taken out of service"
MGC_FAILURE = "909 MGC Impending Failure"
CANCEL_GRACEFUL = "918 Cancel Graceful"
_CHANGES = frozenset((916, 917))


class Profile(NamedTuple):
    """A profile's name and version, `etsi_bgf/2` in text."""

    name: str
    version: int

    @classmethod
    def of(cls, text: str) -> Profile | None:
        """From `name/version`; None if it is not of that form."""
        name, slash, version = text.rpartition("/")
        return cls(name, int(version)) if slash and name and version.isdecimal() and len(version) <= 2 else None

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"


def action(services: Services) -> Action:
    """The action with such a ServiceChange."""
    return Action(NULL, (Command(Kind.SERVICE_CHANGE, (ROOT,), (services,)),))


def answer(result: Services | ErrorDescriptor | None) -> tuple[ActionReply, ...]:
    """The reply to such a ServiceChange."""
    descriptors = () if result is None else (result,)
    return (ActionReply(NULL, (CommandReply(Kind.SERVICE_CHANGE, (ROOT,), descriptors),)),)


def order(method: str, reason: str, **more: object) -> Services:
    """Services with method and reason, which requests must have."""
    return Services(method=method, reason=Quoted(reason), **more)  # type: ignore[arg-type]


def on_root(actions: Iterable[Action]) -> Services | None:
    """The Services of a request that is a single ServiceChange on ROOT, otherwise None."""
    found = tuple(actions)
    if len(found) != 1 or found[0].context != NULL or len(found[0].commands) != 1:
        return None
    command = found[0].commands[0]
    if command.kind is not Kind.SERVICE_CHANGE or [one.upper() for one in command.terminations] != [ROOT]:
        return None
    return command.descriptor(Services)


def of_reply(reply: Reply) -> Services | None:
    """What the reply to a ServiceChange says; None if it says nothing."""
    commands = (command for one in reply.actions for command in one.commands)
    return next((found for command in commands if (found := command.descriptor(Services)) is not None), None)


def error_of(reply: Reply) -> ErrorDescriptor | None:
    """The first error of a reply, wherever it stands."""
    errors = [reply.error]
    for one in reply.actions:
        errors += [one.error, *(command.error for command in one.commands)]
    return next((error for error in errors if error is not None), None)


def reason_code(services: Services) -> int:
    """The number that a reason begins with; 0 if there is none."""
    digits = (services.reason or "").strip()[:3]
    return int(digits) if digits.isdecimal() and len(digits) == 3 else 0


def only_reports(services: Services) -> bool:
    """Whether a Restart only tells of changed packages or capabilities, and nothing has begun anew."""
    return reason_code(services) in _CHANGES
