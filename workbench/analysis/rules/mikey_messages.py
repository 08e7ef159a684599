"""MIKEY in a=key-mgmt that does not decode, does not belong there, or names its crypto sessions wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.mikey_said import first_seen, said
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.mikey import rules
from workbench.protocols.mikey.registry import DataType

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_ROLES = {DataType.TRANSFER_INIT: "offer", DataType.TRANSFER_RESP: "answer"}


def _broken(report: Report) -> Iterator[Evidence]:
    told: set[str] = set()
    for one, keyed in said(report):
        if keyed.message is None and keyed.text not in told:
            told.add(keyed.text)
            yield Evidence(one.draft.frames, (
                f"{report.names(one.draft.source.host)} sends a=key-mgmt:mikey in the {one.role} that does not decode: "
                f"{keyed.error}. Its receiver discards it, and the call has no keys"))


def _misplaced(report: Report) -> Iterator[Evidence]:
    for one, keyed, message in first_seen(report):
        kind = message.header.data_type
        who = report.names(one.draft.source.host)
        if kind not in DataType.__members__.values():
            yield Evidence(one.draft.frames, (
                f"{who} sends MIKEY of data type {kind}, which nobody has assigned: its receiver can only answer with "
                "an Error, or reject the stream"))
        elif kind in rules.WITH_KMS:
            yield Evidence(one.draft.frames, (
                f"{who} sends {keyed.name} in the {one.role}: that message is for a KMS and never for the other end"))
        elif _ROLES.get(DataType(kind), one.role) != one.role:
            yield Evidence(one.draft.frames, f"{who} sends {keyed.name} in the {one.role}, where nobody waits for it")


def _sessions(report: Report) -> Iterator[Evidence]:
    for one, keyed, message in first_seen(report):
        for fault in rules.session_faults(message):
            yield Evidence(one.draft.frames, (
                f"{report.names(one.draft.source.host)} sends {keyed.name} with {fault.what} [{fault.clause}]"))


_NEXT = ("The message field by field (`workbench show CAPTURE --frame N`), and which release of which key management "
         "made it.")

malformed_rule = Rule(
    "mikey-malformed", "RFC 3830 §5.3, §6, RFC 4567 §3.1", "error", "MIKEY in a=key-mgmt decodes", _broken,
    next="The octets around the place that is named (`workbench show CAPTURE --frame N`), and the same line on the "
         "wire before: whether somebody cut or wrapped the base64.")
misplaced_rule = Rule(
    "mikey-misplaced", "RFC 6043 §3, §5.4, §6.1", "error",
    "An offer carries TRANSFER_INIT and its answer TRANSFER_RESP, and both ends know the kind of message", _misplaced,
    next=_NEXT)
sessions_rule = Rule(
    "mikey-sessions", "RFC 6043 §6.1, §6.1.1", "error",
    "A Transfer names its crypto sessions by GENERIC-ID, and its response chooses one policy and one key for each",
    _sessions, next=_NEXT)
