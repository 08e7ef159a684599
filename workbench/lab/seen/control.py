"""Expectations on Iq: what the gateway is told, what it answers, what it reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from workbench.analysis.values import Message
from workbench.lab.expect import Fact, Frames, Seen
from workbench.lab.seen.reading import commands, commands_once, errors_of, locals_of, realm_of, signals_of, transactions
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def order(kind: h248.Kind, realm: str, bearers: tuple[str, ...]) -> Seen:
    """An H.248 Add or Modify for a termination of `realm` whose Local has one of these bearer types (m= proto)."""

    def find(report: Report) -> list[Frames]:
        return [
            message.frames for message, _, command in commands(report)
            if command.kind is kind and any(f"/{realm}/" in name for name in command.terminations)
            and any(media.proto in bearers for described in locals_of(command) for media in described.media)
        ]

    return Seen(f"{kind} of a termination towards {realm} with {' or '.join(bearers)}", find)


def every_order_is_answered() -> Fact:
    """Each H.248 request has a reply, and no reply holds an error."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        asked: dict[tuple[str, int], Message] = {}
        answered: set[tuple[str, int]] = set()
        for message, transaction in transactions(report):
            if isinstance(transaction, h248.Request):
                asked.setdefault((message.source.node, transaction.id), message)
            elif isinstance(transaction, h248.Reply):
                answered.add((message.destination.node, transaction.id))
                for error in errors_of(transaction):
                    return False, message.frames, f"error {error.code} {error.text or ''} in reply {transaction.id}"
        if not asked:
            return None
        for key, message in asked.items():
            if key not in answered:
                return False, message.frames, f"request {key[1]} of {key[0]} was never answered"
        return True, tuple(frame for message in asked.values() for frame in message.frames), ""

    return Fact("H.248 requests and replies", check)


def context_is_released() -> Fact:
    """Every termination that was added is subtracted again."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        added: dict[str, Frames] = {}
        gone: dict[str, Frames] = {}
        for message, transaction in transactions(report):
            if not isinstance(transaction, h248.Reply):
                continue
            for action in transaction.actions:
                for command in action.commands:
                    if command.error is not None:
                        continue
                    place = {h248.Kind.ADD: added, h248.Kind.SUBTRACT: gone}.get(command.kind)
                    if place is not None:
                        where = f"{message.source.node} {action.context}"
                        place.update({f"{where}:{name}": message.frames for name in command.terminations})
        if not added:
            return None
        emptied = {name.partition(":")[0] for name in gone if name.endswith(":*")}
        left = [name for name in added if name not in gone and name.partition(":")[0] not in emptied]
        if left:
            return False, added[left[0]], f"never subtracted: {', '.join(left)}"
        return True, tuple(sorted({frame for frames in gone.values() for frame in frames})), ""

    return Fact("terminations added and subtracted", check)


def told(roles: Mapping[str, str], *, gateway: str = "IMS-AGW") -> Fact:
    """The last `a=setup` that Local of each side had; the empty string: no role was ever told for that side.

    Args:
        roles: `access` and `core` to the gateway's role there.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        last: dict[str, str] = {}
        frames: list[int] = []
        for message, _, command in commands_once(report):
            for described in locals_of(command) if message.destination.node == gateway else ():
                for media in described.media:
                    last[realm_of(command)] = media.attribute("setup") or last.get(realm_of(command), "")
                    frames += message.frames
        if not set(roles) <= set(last):
            return None
        wrong = [side for side, role in roles.items() if last[side] != role]
        return not wrong, tuple(frames), ", ".join(
            f"{last[side] or 'no role'} was told for {side}, not {roles[side] or 'no role'}" for side in wrong)

    words = ", ".join(f"{role or 'no role'} towards {side}" for side, role in roles.items())
    return Fact(f"{gateway} is told: {words}", check)


def transports(bearers: Mapping[str, str], *, gateway: str = "IMS-AGW") -> Fact:
    """The bearer type (m= proto) that each side's last Local had (TS 23.334 §5.19: "TCP", "TCP/MSRP", ...)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        last: dict[str, str] = {}
        frames: list[int] = []
        for message, _, command in commands_once(report):
            for described in locals_of(command) if message.destination.node == gateway else ():
                for media in described.media:
                    last[realm_of(command)] = media.proto
                    frames += message.frames
        if not set(bearers) <= set(last):
            return None
        wrong = [side for side, bearer in bearers.items() if last[side] != bearer]
        return not wrong, tuple(frames), ", ".join(f"{last[side]} was told for {side}" for side in wrong)

    words = ", ".join(f"{bearer} towards {side}" for side, bearer in bearers.items())
    return Fact(f"{gateway} is told: {words}", check)


def latching_ordered(realm: str, *, gateway: str = "IMS-AGW") -> Seen:
    """The latch signal (H.248.37) for a termination of that side."""

    def find(report: Report) -> list[Frames]:
        return [message.frames for message, _, command in commands_once(report)
                if message.destination.node == gateway and realm_of(command) == realm
                and "ipnapt/latch" in signals_of(command)]

    return Seen(f"latching ordered towards {realm} at {gateway}", find)


def ordered(role: str, realm: str, *, gateway: str = "IMS-AGW") -> Seen:
    """A signal that plays a role of the package registry (such as `tcp-establish`) ordered for that side."""

    def find(report: Report) -> list[Frames]:
        name = registry().wire_name(role).lower()
        return [message.frames for message, _, command in commands_once(report)
                if message.destination.node == gateway and realm_of(command) == realm and name in signals_of(command)]

    return Seen(f"{role} ordered towards {realm} at {gateway}", find)


def failure_reported(realm: str, *, gateway: str = "IMS-AGW") -> Seen:
    """TCP connection establishment failure indication for a termination of that side (tcpbcc)."""
    return Seen(f"{gateway} reports that TCP towards {realm} failed", _reported(
        gateway, realm, lambda event: _is_change(event, "tcp-failed")))


def release_reported(realm: str, *, gateway: str = "IMS-AGW") -> Seen:
    """IP bearer released (g/cause) for a termination of that side."""
    return Seen(f"{gateway} reports that the bearer towards {realm} is released", _reported(
        gateway, realm, lambda event: event.name.lower() == "g/cause"))


def anything_reported(*, gateway: str = "IMS-AGW") -> Seen:
    """Any event that the gateway reports of a bearer."""
    return Seen(f"{gateway} reports something of a bearer", _reported(gateway, None, lambda event: True))


def once(seen: Seen, *, never: tuple[Seen, ...] = ()) -> Fact:
    """Exactly one occurrence, and none of `never`."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found = seen.find(report)
        others = [(other, other.find(report)) for other in never]
        wrong = next(((other, frames) for other, frames in others if frames), None)
        if wrong is not None:
            return False, wrong[1][0], f"seen: {wrong[0].what}"
        return len(found) == 1, tuple(f for one in found for f in one), f"{len(found)} times: {seen.what}"

    without = "".join(f", and never: {other.what}" for other in never)
    return Fact(f"once: {seen.what}{without}", check)


def _reported(
    gateway: str, realm: str | None, is_it: Callable[[h248.ObservedEvent], bool],
) -> Callable[[Report], list[Frames]]:
    def find(report: Report) -> list[Frames]:
        found: list[Frames] = []
        for message, _, command in commands_once(report):
            if command.kind is not h248.Kind.NOTIFY or message.source.node != gateway:
                continue
            observed = command.descriptor(h248.ObservedEvents)
            if observed is None or (realm is not None and realm_of(command) != realm):
                continue
            found += [message.frames for event in observed.events if is_it(event)]
        return found

    return find


def _is_change(event: h248.ObservedEvent, role: str) -> bool:
    roles = registry().roles()
    kind = event.parameter(roles["tcp-change-type"])
    return (event.name.lower() == roles["tcp-change"].lower() and kind is not None
            and kind.value.lower() == roles[role].lower())
