"""What a rule on offers and answers is, and how rules are applied. The rules themselves stand by their topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from workbench.protocols.sdp.model import Media
from workbench.protocols.sdp.transports import Transport, transport_of


class Violation(msgspec.Struct, frozen=True):
    """A rule that an offer or answer breaks.

    Args:
        what: the fact.
        clause: document and clause.
        rule: stable name of the rule in `OFFER_RULES`, `ANSWER_RULES` or `LATER_RULES`.
    """

    what: str
    clause: str
    rule: str


class Rule(msgspec.Struct, frozen=True):
    """One rule on a pair of m= sections; `breaks` gives the fact when it is broken."""

    name: str
    clause: str
    breaks: Callable[[Media, Media], str | None]


def broken(rules: Sequence[Rule], a: Media, b: Media) -> list[Violation]:
    """The rules that a pair of sections breaks."""
    return [Violation(fact, rule.clause, rule.name) for rule in rules if (fact := rule.breaks(a, b)) is not None]


def layers(media: Media) -> Transport:
    """The layers of a stream; of an unknown transport, none."""
    return transport_of(media.proto) or Transport(media.proto, "", None, None, "")
