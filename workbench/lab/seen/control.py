"""Expectations on Iq: what the gateway is told, what it answers, what it reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from workbench.analysis.values import Message
from workbench.lab.expect import Fact, Frames, Seen
from workbench.lab.seen.reading import (
    commands_once,
    errors_of,
    locals_of,
    realm_of,
    remotes_of,
    sdp_messages,
    signals_of,
    transactions,
)
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry
from workbench.protocols.sdp import SessionDescription

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def order(kind: h248.Kind, realm: str, bearers: tuple[str, ...], *, nth: int = 1) -> Seen:
    """An H.248 Add or Modify for a termination of `realm` whose Local has one of these bearer types (m= proto).

    Args:
        nth: the first ones before it do not count.
    """

    def find(report: Report) -> list[Frames]:
        return [
            message.frames for message, action, command in commands_once(report)
            if command.kind is kind and realm_of(report, action, command) == realm
            and any(media.proto in bearers for described in locals_of(command) for media in described.media)
        ][nth - 1 :]

    which = "" if nth == 1 else f" (number {nth})"
    return Seen(f"{kind} of a termination towards {realm} with {' or '.join(bearers)}{which}", find)


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
        for message, action, command in commands_once(report):
            for described in locals_of(command) if message.destination.node == gateway else ():
                side = realm_of(report, action, command)
                for media in described.media:
                    last[side] = media.attribute("setup") or last.get(side, "")
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
        for message, action, command in commands_once(report):
            for described in locals_of(command) if message.destination.node == gateway else ():
                for media in described.media:
                    last[realm_of(report, action, command)] = media.proto
                    frames += message.frames
        if not set(bearers) <= set(last):
            return None
        wrong = [side for side, bearer in bearers.items() if last[side] != bearer]
        return not wrong, tuple(frames), ", ".join(f"{last[side]} was told for {side}" for side in wrong)

    words = ", ".join(f"{bearer} towards {side}" for side, bearer in bearers.items())
    return Fact(f"{gateway} is told: {words}", check)


def paths_told(*, gateway: str = "IMS-AGW") -> Fact:
    """Each side's Local has the path that SDP announces there for the gateway, Remote the peer's (R-5.19.4-1)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        held: dict[tuple[str, str], tuple[Frames, str]] = {}
        sides: set[str] = set()
        for message, action, command in commands_once(report):
            if message.destination.node != gateway:
                continue
            for which, found in (("Local", locals_of(command)), ("Remote", remotes_of(command))):
                for media in (media for described in found for media in described.media):
                    sides.add(realm_of(report, action, command))
                    if (path := media.attribute("path")) is not None:
                        held[realm_of(report, action, command), which] = (message.frames, path)
        if len(sides) < 2:
            return None
        said = {media.attribute("path"): message for message, described in _all_sdp(report)
                for media in described.media}
        for side in sorted(sides):
            for which in ("Local", "Remote"):
                frames, path = held.get((side, which), ((), ""))
                if path not in said:
                    return False, frames, f"{which} towards {side} has {path or 'no a=path'}, which no SDP has"
        return True, tuple(frame for frames, _ in held.values() for frame in frames), ""

    return Fact(f"a=path in Local and Remote of {gateway}, and in SDP", check)


def added(*, gateway: str = "IMS-AGW") -> Seen:
    """The controller's order to reserve a termination."""
    return Seen(f"Add for {gateway}", lambda report: [
        message.frames for message, action, command in commands_once(report)
        if command.kind is h248.Kind.ADD and message.destination.node == gateway])


def subtracted(*, gateway: str = "IMS-AGW") -> Seen:
    """The controller's order to release terminations."""
    return Seen(f"Subtract for {gateway}", lambda report: [
        message.frames for message, action, command in commands_once(report)
        if command.kind is h248.Kind.SUBTRACT and message.destination.node == gateway])


def obeyed(kind: h248.Kind, side: str, *, gateway: str = "IMS-AGW") -> Seen:
    """The gateway's reply, without error, to a command for a termination whose name says that side."""

    def find(report: Report) -> list[Frames]:
        return [message.frames for message, transaction in transactions(report)
                if isinstance(transaction, h248.Reply) and message.source.node == gateway
                for action in transaction.actions for command in action.commands
                if command.kind is kind and command.error is None
                and any(side in name.split("/") for name in command.terminations)]

    return Seen(f"{gateway} has obeyed {kind} towards {side}", find)


def modified(realm: str, bearers: tuple[str, ...] = (), *, gateway: str = "IMS-AGW") -> Seen:
    """A Modify for a termination of that side, with one of these bearer types in Local if any is named."""

    def find(report: Report) -> list[Frames]:
        return [message.frames for message, action, command in commands_once(report)
                if command.kind is h248.Kind.MODIFY and message.destination.node == gateway
                and realm_of(report, action, command) == realm and (not bearers or any(
                    media.proto in bearers for described in locals_of(command) for media in described.media))]

    words = f" with {' or '.join(bearers)}" if bearers else ""
    return Seen(f"Modify of the termination towards {realm}{words}", find)


def mode(realm: str, wanted: h248.Mode, *, gateway: str = "IMS-AGW") -> Seen:
    """A Modify that gives a stream towards that side this mode (Change Through-Connection)."""

    def find(report: Report) -> list[Frames]:
        return [message.frames for message, action, command in commands_once(report)
                if command.kind is h248.Kind.MODIFY and message.destination.node == gateway
                and realm_of(report, action, command) == realm and wanted in _modes(command)]

    return Seen(f"mode {wanted} towards {realm} at {gateway}", find)


def _modes(command: h248.Command) -> list[h248.Mode | None]:
    media = command.descriptor(h248.Media)
    return [stream.local_control.mode for stream in (media.streams if media is not None else ())
            if stream.local_control is not None]


def only_addresses_since(begun: Seen, *, gateway: str = "IMS-AGW") -> Fact:
    """From then until Subtract the gateway is told nothing but addresses and stream modes: no signal, no new
    termination, no `a=connection:new` (R-S6-3)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        start = begun.find(report)
        if not start:
            return None
        frames: list[int] = list(start[0])
        for message, _, command in commands_once(report):
            if message.destination.node != gateway or message.frames[0] < start[0][0]:
                continue
            if command.kind is h248.Kind.SUBTRACT:
                break
            renewed = any(media.attribute("connection") == "new"
                          for described in (*locals_of(command), *remotes_of(command)) for media in described.media)
            if command.kind is not h248.Kind.MODIFY or renewed or list(signals_of(command)):
                return False, message.frames, f"{command.kind} with more than addresses and modes"
            frames += message.frames
        return True, tuple(frames), ""

    return Fact(f"orders to {gateway} since {begun.what}", check)


def latching_ordered(realm: str, *, gateway: str = "IMS-AGW") -> Seen:
    """The latch signal (H.248.37) for a termination of that side."""

    def find(report: Report) -> list[Frames]:
        return [message.frames for message, action, command in commands_once(report)
                if message.destination.node == gateway and realm_of(report, action, command) == realm
                and "ipnapt/latch" in signals_of(command)]

    return Seen(f"latching ordered towards {realm} at {gateway}", find)


def ordered(role: str, realm: str, *, gateway: str = "IMS-AGW") -> Seen:
    """A signal that plays a role of the package registry (such as `tcp-establish`) ordered for that side."""

    def find(report: Report) -> list[Frames]:
        name = registry().wire_name(role).lower()
        return [message.frames for message, action, command in commands_once(report)
                if message.destination.node == gateway and name in signals_of(command)
                and realm_of(report, action, command) == realm]

    return Seen(f"{role} ordered towards {realm} at {gateway}", find)


def failure_reported(realm: str, *, gateway: str = "IMS-AGW") -> Seen:
    """TCP connection establishment failure indication for a termination of that side (tcpbcc)."""
    return Seen(f"{gateway} reports that TCP towards {realm} failed", _reported(
        gateway, realm, lambda event: _is_change(event, "tcp-failed")))


def tls_failure_reported(realm: str, *, gateway: str = "IMS-AGW") -> Seen:
    """(D)TLS session establishment failure indication for a termination of that side (tlsbsc)."""
    return Seen(f"{gateway} reports that TLS towards {realm} failed", _reported(
        gateway, realm, lambda event: _is_change(event, "tls-failed", "tls-change")))


def release_reported(realm: str, cause: str = "", *, gateway: str = "IMS-AGW") -> Seen:
    """IP bearer released (g/cause) for a termination of that side, with this general cause if any is named.

    H.248.1 Annex E.1.2: `NR` normal release, `FT` failure, temporary.
    """

    def is_it(event: h248.ObservedEvent) -> bool:
        told = event.parameter("Generalcause")
        return event.name.lower() == "g/cause" and (not cause or (told is not None and told.value == cause))

    words = f" as {cause}" if cause else ""
    return Seen(f"{gateway} reports{words} that the bearer towards {realm} is released", _reported(
        gateway, realm, is_it))


def anything_reported(*, gateway: str = "IMS-AGW") -> Seen:
    """Any event that the gateway reports of a bearer."""
    return Seen(f"{gateway} reports something of a bearer", _reported(gateway, None, lambda event: True))


def _all_sdp(report: Report) -> Iterator[tuple[Message, SessionDescription]]:
    for wire in dict.fromkeys(message.wire for message in report.messages):
        yield from sdp_messages(report, wire)


def _reported(
    gateway: str, realm: str | None, is_it: Callable[[h248.ObservedEvent], bool],
) -> Callable[[Report], list[Frames]]:
    def find(report: Report) -> list[Frames]:
        found: list[Frames] = []
        for message, action, command in commands_once(report):
            if command.kind is not h248.Kind.NOTIFY or message.source.node != gateway:
                continue
            observed = command.descriptor(h248.ObservedEvents)
            if observed is None or (realm is not None and realm_of(report, action, command) != realm):
                continue
            found += [message.frames for event in observed.events if is_it(event)]
        return found

    return find


def _is_change(event: h248.ObservedEvent, role: str, change: str = "tcp-change") -> bool:
    roles = registry().roles()
    kind = event.parameter(roles[f"{change}-type"])
    return (event.name.lower() == roles[change].lower() and kind is not None
            and kind.value.lower() == roles[role].lower())
