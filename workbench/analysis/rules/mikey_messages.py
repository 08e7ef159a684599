"""MIKEY that does not decode, does not belong where it is, refuses, or names its crypto sessions wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.mikey_said import Seen, first_seen, seen, with_kms
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.mikey import rules
from workbench.protocols.mikey.messages import Failure
from workbench.protocols.mikey.registry import DataType, Error, named

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_ROLES = {DataType.TRANSFER_INIT: ("offer",), DataType.TRANSFER_RESP: ("answer",)} | {
    kind: ("response" if kind in (DataType.REQUEST_RESP, DataType.RESOLVE_RESP) else "request",)
    for kind in rules.WITH_KMS}
_ANSWERS = {DataType.REQUEST_RESP: (DataType.REQUEST_INIT_PSK, DataType.REQUEST_INIT_PK),
            DataType.RESOLVE_RESP: (DataType.RESOLVE_INIT_PSK, DataType.RESOLVE_INIT_PK)}


def _broken(report: Report) -> Iterator[Evidence]:
    told: set[str] = set()
    for one in seen(report):
        if one.keyed.message is None and one.keyed.text not in told:
            told.add(one.keyed.text)
            yield Evidence(one.frames, (
                f"{one.who} sends MIKEY in the {one.role} that does not decode: {one.keyed.error}. Its receiver "
                "discards it, and nobody gets keys"))


def _misplaced(report: Report) -> Iterator[Evidence]:
    for one in first_seen(report):
        kind = one.message.header.data_type
        if kind not in DataType.__members__.values():
            yield Evidence(one.frames, (
                f"{one.who} sends MIKEY of data type {kind}, which nobody has assigned: its receiver can only answer "
                "with an Error, or reject the stream"))
        elif one.role not in _ROLES.get(DataType(kind), (one.role,)):
            whose = "for a KMS" if kind in rules.WITH_KMS else "for the two ends of a call"
            yield Evidence(one.frames, (
                f"{one.who} sends {one.keyed.name} in the {one.role}, where nobody waits for it: it is {whose}, as "
                f"{_ROLES[DataType(kind)][0]}"))


def _sessions(report: Report) -> Iterator[Evidence]:
    for one in first_seen(report):
        for fault in rules.session_faults(one.message):
            yield Evidence(one.frames, f"{one.who} sends {one.keyed.name} with {fault.what} [{fault.clause}]")


def _errors(report: Report) -> Iterator[Evidence]:
    for one in first_seen(report):
        failure = one.message.first(Failure)
        if failure is not None:
            what = named(failure.code, Error).partition(" ")[2].replace("_", " ").lower()
            yield Evidence(one.frames, (
                f"{one.who} answers with a MIKEY Error: {what} ({failure.code}). No keys come of this exchange"))


def _unrelated(report: Report) -> Iterator[Evidence]:
    """A response of another exchange than the INIT before it on the same way."""
    asked: dict[tuple[str, str], Seen] = {}
    for one in with_kms(report):
        if one.keyed.message is None:
            continue
        if one.role == "request":
            asked[one.ends] = one
            continue
        init = asked.pop((one.ends[1], one.ends[0]), None)
        kinds = _ANSWERS.get(DataType(one.message.header.data_type)) if one.keyed.name.endswith("_RESP") else None
        if init is None or kinds is None:
            continue
        head, first = one.message.header, init.message.header
        wrong = []
        if head.csb_id != first.csb_id:
            wrong.append(f"CSB ID 0x{head.csb_id:08X} and not 0x{first.csb_id:08X}")
        if first.data_type not in kinds:
            wrong.append(f"{one.keyed.name}, and asked was {init.keyed.name}")
        if wrong:
            yield Evidence((*init.frames, *one.frames), (
                f"{one.who} answers with {' and '.join(wrong)}: the receiver discards it, its MAC covers another INIT"))


_NEXT = ("The message field by field (`workbench show CAPTURE --frame N`), and which release of which key management "
         "made it.")

malformed_rule = Rule(
    "mikey-malformed", "RFC 3830 §5.3, §6, RFC 4567 §3.1", "error", "MIKEY decodes", _broken,
    next="The octets around the place that is named (`workbench show CAPTURE --frame N`), and the same line on the "
         "wire before: whether somebody cut or wrapped the base64.")
misplaced_rule = Rule(
    "mikey-misplaced", "RFC 6043 §3, §5.4, §6.1", "error",
    "An offer carries TRANSFER_INIT and its answer TRANSFER_RESP; the rest is between a user and its KMS", _misplaced,
    next=_NEXT)
sessions_rule = Rule(
    "mikey-sessions", "RFC 6043 §6.1, §6.1.1", "error",
    "A Transfer names its crypto sessions by GENERIC-ID, and its response chooses one policy and one key for each",
    _sessions, next=_NEXT)
refused_rule = Rule(
    "mikey-refused", "RFC 3830 §6.12, RFC 6043 §5.4, §6.9", "error",
    "MIKEY is answered with keys and not with an Error", _errors,
    next="Authentication failure: the pre-shared key or its name. Invalid timestamp: the clocks. Invalid ticket: its "
         "time, who may resolve it, and whether the KMS that resolves it is the one that made it.")
unrelated_rule = Rule(
    "kms-response-unrelated", "RFC 6043 §4.2.1, §4.2.3, §5.5", "error",
    "The KMS answers the exchange that it was asked in", _unrelated,
    next="Whether several exchanges share a connection, and whether somebody stands between the user and the KMS.")
