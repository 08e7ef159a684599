"""A key of media stands in signalling where whoever has the capture can read it.

That the controller gives it so is right (TS 23.333 §6.2.19: the MRFP gets the key). What protects it is below H.248 and
SIP (TS 33.210, RFC 4568 §8.3), and not there any more in what a capture shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.carried.pre_shared import shown
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry

if TYPE_CHECKING:
    from workbench.analysis.drafts import Draft
    from workbench.analysis.report import Report

_MOST_KEYS = 200
_MOST_DESCRIBED = 256
_GIVE_AWAY = "`workbench anonymize` makes a capture with other keys, to give away"


class _Key(msgspec.Struct):
    """A key, what it is called, and all frames that have it."""

    what: str
    frames: list[int]


def _find(report: Report) -> Iterator[Evidence]:
    for found, reads in ((_of_tls(report), (
            "can be either end of that TLS, and reads what was recorded of it unless the cipher suite has a "
            "Diffie-Hellman exchange")), (_of_srtp(report), "reads that stream's SRTP")):
        for key in found:
            yield Evidence(tuple(dict.fromkeys(key.frames)), (
                f"{key.what} is in the clear, and whoever has this capture, or a view of that frame, {reads}; "
                f"{_GIVE_AWAY}"))


def _of_tls(report: Report) -> list[_Key]:
    """Pre-shared keys that a controller gives a gateway over H.248, each once."""
    name = registry().wire_name("pre-shared-key").lower()
    called = registry().wire_name("pre-shared-key-identity").lower()
    found: dict[str, _Key] = {}
    for order in report.signalling.orders:
        for command in (command for action in order.request.actions for command in action.commands):
            for control in _controls(command):
                said = {one.name.lower(): one.value for one in control.properties if one.values}
                key = said.get(name)
                if key is None or (key.lower() not in found and len(found) >= _MOST_KEYS):
                    continue
                key_name, who = _named(said.get(called, "")), report.names(order.gateway.host)
                _note(found, key.lower(), f"the pre-shared key {key_name} that {who} gets over H.248", [
                    draft for draft in order.drafts if draft.source == order.draft.source])
    return list(found.values())


def _controls(command: h248.Command) -> Iterator[h248.LocalControl]:
    for descriptor in command.descriptors:
        if isinstance(descriptor, h248.Media):
            yield from (one.local_control for one in descriptor.streams if one.local_control is not None)


def _named(digits: str) -> str:
    try:
        return f"'{shown(bytes.fromhex(digits))}'"
    except ValueError:
        return "without a name that can be read"


def _of_srtp(report: Report) -> list[_Key]:
    """SRTP master keys in SDP of SIP (RFC 4568 §6.1), each once."""
    found: dict[str, _Key] = {}
    for dialog in report.signalling.dialogs.values():
        for one in dialog.described[:_MOST_DESCRIBED]:
            for line in one.media.attributes("crypto")[:8]:
                _, inline, key = line.partition("inline:")
                if inline and not one.draft.protected and (key in found or len(found) < _MOST_KEYS):
                    who = report.names(one.draft.source.host)
                    _note(found, key, f"the SRTP master key that {who} says in a=crypto", [one.draft])
    return list(found.values())


def _note(found: dict[str, _Key], key: str, what: str, drafts: list[Draft]) -> None:
    held = found.setdefault(key, _Key(what, []))
    for draft in drafts[:16]:
        if len(held.frames) < _MOST_KEYS:
            held.frames += draft.frames


rule = Rule("key-readable", "TS 23.333 §6.2.19, TS 33.210, RFC 4568 §8.3", "note",
            "No key of media can be read in signalling", _find, provisional=True,
            next="Whether the interface was protected below what was captured (IPsec between controller and media "
                 "node), and who gets this capture, or reports and pages made of it.")
