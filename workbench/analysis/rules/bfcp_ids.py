"""BFCP messages name another conference or user than the SDP of their session told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.errors import PeerError
from workbench.protocols import sdp
from workbench.protocols.bfcp import messages as bfcp

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        told = _told(call) if call.session.kind == "bfcp" else []
        if not told:
            continue
        conferences, users = {conference for conference, _, _ in told}, {user for _, user, _ in told}
        for leg, _, _ in call.legs:
            wrong = next((message for message in report.on(leg, "BFCP") if isinstance(message.value, bfcp.Message) and (
                message.value.conference not in conferences or message.value.user not in users)), None)
            if wrong is not None:
                yield Evidence((*told[0][2], *wrong.frames), (
                    f"{wrong.source.node} says {wrong.summary!r} in conference {wrong.value.conference}; the SDP told "
                    f"conference {_listed(conferences)} and user {_listed(users)}"))


def _told(call: Call) -> list[tuple[int, int, tuple[int, ...]]]:
    """Conference and user of each description of a server, and where it stands."""
    found = []
    for dialog in call.dialogs:
        for one in dialog.described:
            try:
                stream = sdp.BfcpStream.of(one.media)
            except PeerError:
                continue
            if stream.conference is not None and stream.user is not None:
                found.append((stream.conference, stream.user, tuple(one.draft.frames)))
    return found


def _listed(numbers: set[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


rule = Rule("bfcp-ids", "RFC 8855 §9, RFC 8856 §5.2, §5.3", "error",
            "BFCP messages name the conference and the user that a=confid and a=userid told", _find,
            next="a=confid, a=userid and a=floorid in the last answer to this participant, and whether a B2BUA passed "
                 "on those of another participant.")
