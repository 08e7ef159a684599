"""An answer takes a role in a=setup that the offer does not leave to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.offers import answered
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.sdp import legal_answers, setup_of_answer, setup_of_offer, transport_of

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for dialog in report.signalling.dialogs.values():
        told: set[tuple[int, str, str]] = set()
        for offer, one in answered(dialog):
            transport = transport_of(one.media.proto)
            if not one.media.port or transport is None or transport.carrier != "tcp":
                continue
            offered = setup_of_offer(offer.description.effective(offer.media))
            taken = setup_of_answer(one.description.effective(one.media))
            if taken not in legal_answers(offered) and (one.index, offered, taken) not in told:
                told.add((one.index, offered, taken))
                legal = " or ".join(sorted(legal_answers(offered)))
                sender, receiver = (report.names(end.host) for end in (one.draft.source, one.draft.destination))
                yield Evidence((*offer.draft.frames, *one.draft.frames), (
                    f"the offer that {sender} got from {receiver} says a=setup:{offered}, so the answer may say "
                    f"{legal}; it says {taken}: the two sides do not agree who opens the connection"))


rule = Rule("setup-answer", "RFC 4145 §4.1", "error", "The answer's a=setup is one that the offer allows", _find,
            next="Look who sends a SYN on this leg, and whether anybody listens for it.")
