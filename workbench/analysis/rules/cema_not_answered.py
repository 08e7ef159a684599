"""An offer says CEMA, the answer does not, and the answerer is to open: it goes where a=path says, past the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.msrp_said import path_place
from workbench.analysis.rules.offers import answered
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.sdp import Side, roles

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import Described, DialogSeen
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for dialog in report.signalling.dialogs.values():
        for offer, one in answered(dialog):
            if not _is_unserved(offer, one):
                continue
            sender, receiver = (report.names(end.host) for end in (one.draft.source, one.draft.destination))
            yield Evidence((*offer.draft.frames, *one.draft.frames), (
                f"{receiver} offered a=msrp-cema; the answer that it gets from {sender} has none, and names "
                f"{one.endpoint} in c= and m= but {path_place(one)} in a=path. Whoever answered does not know CEMA and "
                f"is to open the connection: it opens it to a=path, and nothing comes to the gateway. "
                f"{_after(dialog, one)}"))


def _is_unserved(offer: Described, answer: Described) -> bool:
    if not answer.media.port or offer.media.attribute("msrp-cema") is None or answer.media.attribute(
            "msrp-cema") is not None:
        return False
    place = path_place(answer)
    opener = roles(offer.description.effective(offer.media), answer.description.effective(answer.media)).tcp_opener
    return (place is not None and answer.endpoint is not None and place.host != answer.endpoint.host
            and opener is Side.ANSWERER)


def _after(dialog: DialogSeen, answer: Described) -> str:
    again = next((one for one in dialog.described if one.role == "offer" and one.index == answer.index
                  and one.draft.time > answer.draft.time), None)
    if again is None:
        return "No new offer follows"
    without = again.media.attribute("msrp-cema") is None
    return f"A new offer {'without' if without else 'again with'} a=msrp-cema follows at {again.draft.time:.3f} s"


rule = Rule("cema-not-answered", "RFC 6714 §4.2, TS 23.334 §5.19.2", "warning",
            "Where the answer has no a=msrp-cema, its path is that of c= and m=, or the gateway's own", _find,
            next="Check whether the gateway is told TCP/MSRP after that answer (a Modify with a=path), or the offerer "
                 "falls back with a new offer without a=msrp-cema; if neither is seen, the session has no media.")
