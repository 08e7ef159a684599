"""A floor control server answers a BFCP request with Error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.floors import messages_of
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.bfcp.registry import Primitive

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        if call.session.kind != "bfcp":
            continue
        asked: dict[int, Message] = {}
        told: set[tuple[int, int]] = set()
        for message in messages_of(report, call):
            value = message.value
            if value.primitive != Primitive.ERROR:
                asked[value.transaction] = message
                continue
            request = asked.get(value.transaction)
            code = value.failure.code if value.failure is not None else 0
            if request is None or (code, request.value.primitive) in told:
                continue
            told.add((code, request.value.primitive))
            yield Evidence((*request.frames, *message.frames), (
                f"{message.source.node} refuses {request.summary} with {message.summary}: {_WHY.get(code, _OTHER)}"))


_WHY = {
    1: "the conference id is not one of its own; a=confid in SDP told which it has",
    2: "the user id is not one of this conference; a=userid in SDP told which one the participant is",
    3: "the primitive is none that it knows; Hello tells which it does",
    4: "an attribute that has to be understood is none that it knows",
    5: "who asks may not do this: only the chair of a floor decides on it, and only the owner of a request changes it",
    6: "the floor id is not one of this conference; a=floorid in SDP told which it has",
    7: "there is no such floor request (any more)",
    8: "this user has as many ongoing requests for the floor as it may have",
    9: "it wants TLS or DTLS",
    10: "it can't read the message",
    11: "it wants DTLS",
    12: "the version is none that it does: over TCP it is 1, over UDP 2",
    13: "the message's length is wrong",
    14: "it has an error of its own",
}
_OTHER = "its text may tell why"

rule = Rule("bfcp-refused", "RFC 8855 §5.2.6", "warning", "No BFCP request is answered with Error", _find,
            next="What SDP told of conference, user and floors (a=confid, a=userid, a=floorid), and who is chair "
            "of the floor in the server's own configuration: BFCP itself never says who is.")
