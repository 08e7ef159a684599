"""Expectations on what goes with a protected termination: reports asked for, fingerprints, names of associations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lab.expect import Fact, Frames, Seen
from workbench.lab.seen.reading import commands_once, exchanges, is_protected, realm_of, remotes_of
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def report_asked(role: str, realm: str, *, gateway: str = "IMS-AGW") -> Seen:
    """An event that plays a role of the package registry (such as `tls-change`) is asked for on that side."""

    def find(report: Report) -> list[Frames]:
        name = registry().roles()[role].lower()
        return [message.frames for message, action, command in commands_once(report)
                if message.destination.node == gateway and realm_of(report, action, command) == realm
                and name in _asked(command)]

    return Seen(f"{role} to be reported of {realm} by {gateway}", find)


def _asked(command: h248.Command) -> list[str]:
    return [event.name.lower() for descriptor in command.descriptors if isinstance(descriptor, h248.Events)
            for event in descriptor.events]


def peer_fingerprint_told(wire: str, realm: str, *, gateway: str = "IMS-AGW") -> Fact:
    """What SDP of the served end on a wire announces is the fingerprint in Remote of that side (R-6.2.10.4-4, -8)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        said = [(message, media.attribute("fingerprint"))
                for one in exchanges(report, wire) for message, media in ((one.offered, one.offer),
                                                                          (one.answered, one.answer))
                if message is not None and media is not None and is_protected(media)
                and "ALG" not in message.source.node]
        told = [(message, media.attribute("fingerprint")) for message, action, command in commands_once(report)
                if message.destination.node == gateway and realm_of(report, action, command) == realm
                for described in remotes_of(command) for media in described.media if is_protected(media)]
        if not said or said[0][1] is None or not told:
            return None
        (sdp, announced), (order, given) = said[0], told[0]
        same = given is not None and announced is not None and given.casefold().split() == announced.casefold().split()
        return same, (*sdp.frames, *order.frames), f"SDP announces {announced}, Remote has {given or 'none'}"

    return Fact(f"the fingerprint of SDP on {wire} in Remote towards {realm}", check)


def own_tls_ids(wire: str) -> Fact:
    """Offer and answer on a wire have an `a=tls-id` each, and each its own (RFC 8842 §4; R-6.2.10.4-2, -7, -10).

    Exchanges that are about something else before, such as sound, do not count.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        for one in [one for one in exchanges(report, wire) if one.offer is not None and is_protected(one.offer)][:1]:
            if one.offer is None or one.answer is None:
                return None
            a, b = one.offer.attribute("tls-id"), one.answer.attribute("tls-id")
            return bool(a) and bool(b) and a != b, one.frames, (
                f"a=tls-id is {a or 'absent'} in the offer and {b or 'absent'} in the answer")
        return None

    return Fact(f"a=tls-id of both sides on {wire}", check)


def without(wire: str, *names: str) -> Fact:
    """No description on a wire has any of these attributes in its first m= line."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found = exchanges(report, wire)
        frames = tuple(frame for one in found for frame in one.frames)
        if not frames:
            return None
        for one in found:
            for message, media in ((one.offered, one.offer), (one.answered, one.answer)):
                left = [name for name in names if media is not None and media.attribute(name) is not None]
                if left and message is not None:
                    return False, message.frames, f"{', '.join(f'a={name}' for name in left)} on {wire}"
        return True, frames, ""

    return Fact(f"no {', '.join(f'a={name}' for name in names)} on {wire}", check)
