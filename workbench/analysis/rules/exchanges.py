"""Offers with their answers, hop by hop, as whole descriptions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from workbench.analysis.rules.offers import hop

if TYPE_CHECKING:
    from workbench.analysis.calls.dialogs import Described, DialogSeen

Sent = list["Described"]
"""The m= lines of one description, as far as they are kept."""


def descriptions(dialog: DialogSeen) -> Iterator[Sent]:
    """The descriptions of a dialog in order; what was only repeated left out."""
    for _, lines in groupby(dialog.described, key=_draft):
        sent = list(lines)
        if not sent[0].draft.repeated:
            yield sent


def exchanges(dialog: DialogSeen) -> Iterator[tuple[Sent, Sent]]:
    """Each offer with its first answer on its own hop: whoever hands SIP on may keep the Call-ID and change the SDP."""
    offers: dict[frozenset[str], Sent] = {}
    for sent in descriptions(dialog):
        way = hop(sent[0])
        if sent[0].role == "offer":
            offers[way] = sent
        elif way in offers and offers[way][0].draft.source.host == sent[0].draft.destination.host:
            yield offers.pop(way), sent


def _draft(one: Described) -> int:
    return id(one.draft)
