"""Which offer an answer is for, as rules on SDP ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import Described, DialogSeen


def hop(one: Described) -> frozenset[str]:
    """The two hosts between which a description was sent.

    One that hands SIP on may keep the Call-ID and change the SDP: an answer is for the offer on its own hop.
    """
    return frozenset((one.draft.source.host, one.draft.destination.host))


def with_offers(dialog: DialogSeen) -> Iterator[tuple[Described | None, Described]]:
    """Each description of a dialog, an answer with the last offer for its m= line on its hop; offers with None."""
    offers: dict[tuple[frozenset[str], int], Described] = {}
    for one in dialog.described:
        key = (hop(one), one.index)
        if one.role == "offer":
            offers[key] = one
            yield None, one
        else:
            yield offers.get(key), one


def answered(dialog: DialogSeen) -> Iterator[tuple[Described, Described]]:
    """The answers of a dialog, each with its offer in front; one whose offer was not seen is left out."""
    return ((offer, one) for offer, one in with_offers(dialog) if offer is not None)
