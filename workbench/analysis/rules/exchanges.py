"""Offers with their answers, hop by hop, as whole descriptions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.analysis.dialogs import Described, DialogSeen

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
        hop = frozenset((sent[0].draft.source.host, sent[0].draft.destination.host))
        if sent[0].role == "offer":
            offers[hop] = sent
        elif hop in offers and offers[hop][0].draft.source.host == sent[0].draft.destination.host:
            yield offers.pop(hop), sent


def _draft(one: Described) -> int:
    return id(one.draft)
