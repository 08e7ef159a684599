"""Who opens TCP on which leg: the role matrix of state-aware handling, as a table that can be held against its source.

Legs are named by who is there: the offerer's and the answerer's. `a=setup` goes through four places (offer in, offer
out, answer in, answer out), and the gateway takes a role on each leg: the complement of what its peer there settled on.

Provisional: of §5.16.2 only row 5 was readable, as far as step 7 of its call flow; the other rows are general knowledge
and design. The table is the one place to change.

Source: TS 23.334 §5.16.2.2 (rows 1 to 4, 9, 10), §5.16.2.3 and §6.2.18.4 (rows 5 to 8); RFC 4145 §4.
"""

from __future__ import annotations

import enum

import msgspec

from workbench.protocols.sdp import Setup

_A, _P, _AP, _H = Setup.ACTIVE, Setup.PASSIVE, Setup.ACTPASS, Setup.HOLDCONN


class Served(enum.StrEnum):
    """Which side of the exchange the served UE is."""

    OFFERER = "offerer"
    ANSWERER = "answerer"


class Joined(enum.StrEnum):
    """How the gateway joins the connections of its two legs."""

    INTERLINKED = "incoming triggers outgoing"
    MERGED = "both come in"
    NOT = "no connection"


class Row(msgspec.Struct, frozen=True):
    """One row of the matrix.

    Args:
        number: in the matrix.
        offered, answered: what the offerer and the answerer wrote; None: nothing.
        forwarded, returned: what the answerer and the offerer get.
        offerer_leg, answerer_leg: the gateway's role there; None: none.
        changed_for: the served UE behind a NAT for which `a=setup` is changed; None: it is not.
    """

    number: int
    offered: Setup | None
    forwarded: Setup | None
    answered: Setup | None
    returned: Setup | None
    offerer_leg: Setup | None
    answerer_leg: Setup | None
    joined: Joined = Joined.INTERLINKED
    changed_for: Served | None = None


MATRIX = (
    #   offer in, out; answer in, out; gateway at the offerer's leg, at the answerer's
    Row(1, _A, _A, _P, _P, _P, _A),
    Row(2, _P, _P, _A, _A, _A, _P),
    Row(3, _AP, _AP, _A, _A, _A, _P),
    Row(4, _AP, _AP, _P, _P, _P, _A),
    Row(5, _A, _P, _A, _P, _P, _P, Joined.MERGED, Served.ANSWERER),
    Row(6, _AP, _P, _A, _A, _A, _P, Joined.INTERLINKED, Served.ANSWERER),
    Row(7, _AP, _A, _P, _P, _P, _A, Joined.INTERLINKED, Served.OFFERER),
    Row(8, _AP, _AP, _A, _P, _P, _P, Joined.MERGED, Served.OFFERER),
    Row(9, None, None, None, None, _P, _A),
    Row(10, _H, _H, _H, _H, None, None, Joined.NOT),
)
"""Section 3.1 of the stage-2 digest."""

ANNEX_D = {
    Served.ANSWERER: (Row(11, _A, _A, _P, _P, _P, _P, Joined.MERGED), Row(12, _AP, _AP, _P, _P, _P, _P, Joined.MERGED)),
    Served.OFFERER: (Row(13, _P, _P, _A, _A, _P, _P, Joined.MERGED), Row(14, _AP, _AP, _A, _A, _P, _P, Joined.MERGED)),
}
"""TR 29.828 Annex D: the served UE opens although it is passive, so both come in and nobody changes a=setup."""


class Situation(msgspec.Struct, frozen=True):
    """What decides on the set-up direction of a stream.

    Args:
        offered: a=setup of the offer; None where it is absent or has no meaning (holdconn with MSRP, RFC 6135 §4.2).
        served: the side of the UE that this edge serves.
        behind_nat: that UE is known to be behind a NAT.
        may_modify: the operator lets a=setup be changed.
        state_aware: the gateway terminates TCP on each leg; without that nothing can be changed (R-5.16.2.3-13).
        end_to_end: TLS goes through; a=setup fixes its roles too, so nothing may be changed (R-5.16.2.3-14).
        narrows: see `Settings`.
        opens_too: the served UE opens TCP although it is passive, and the operator makes use of it (Annex D).
    """

    offered: Setup | None
    served: Served
    behind_nat: bool = False
    may_modify: bool = False
    state_aware: bool = True
    end_to_end: bool = False
    narrows: bool = False
    opens_too: bool = False

    @property
    def changes(self) -> bool:
        """Whether §5.16.2.3 is applied: allowed, useful, and not on an end-to-end TLS stream."""
        return self.may_modify and self.behind_nat and self.state_aware and not self.end_to_end


def forwarded(situation: Situation) -> Setup | None:
    """What the answerer gets to read as a=setup of the offer; None: no such line."""
    row = _changing(situation)
    return situation.offered if row is None else row.forwarded


def prepared(situation: Situation) -> Row | None:
    """Merge mode that is certain before the answer: the offerer's leg is ready before the offer leaves (§6.2.18.4)."""
    row = _changing(situation)
    if row is None and _both_open(situation) and situation.served is Served.ANSWERER:
        certain = ANNEX_D[Served.ANSWERER][0]
        return certain if situation.offered is certain.offered else None
    return row if row is not None and row.joined is Joined.MERGED and row.forwarded is not row.offered else None


def settled(situation: Situation, answered: Setup | None) -> Row | None:
    """The row that an answer leads to; None where it is no answer to what was forwarded.

    Args:
        answered: a=setup of the answer; None where it is absent.
    """
    changing = _changing(situation)
    if answered is _H:
        return _as_written(_row(10), situation.offered, forwarded(situation), _H)
    if changing is not None and (answered or _P) is changing.answered:
        return _as_written(changing, situation.offered, changing.forwarded, answered)
    if changing is not None and changing.forwarded is not situation.offered:
        return None
    for both in ANNEX_D[situation.served]:
        if _both_open(situation) and (situation.offered, answered or _P) == (both.offered, both.answered):
            return _as_written(both, situation.offered, situation.offered, answered)
    return unchanged(situation, answered)


def unchanged(situation: Situation, answered: Setup | None) -> Row | None:
    """The row of §5.16.2.2 for an answer: that of an offer which was forwarded as it is."""
    offered = situation.offered
    if offered is None and answered is None:
        return _row(9)
    for row in MATRIX:
        if row.changed_for is None and row.offered is (offered or _A) and row.answered is (answered or _P):
            return _as_written(row, offered, offered, answered)
    return None


def served_waits(situation: Situation, row: Row) -> bool:
    """Whether the served UE is the one that the gateway has to reach."""
    return (row.offerer_leg if situation.served is Served.OFFERER else row.answerer_leg) is _A


def _both_open(situation: Situation) -> bool:
    """Annex D applies: the served UE can't be reached, opens by itself, and TLS goes on to the other one."""
    return situation.opens_too and situation.behind_nat and situation.state_aware and situation.end_to_end


def _changing(situation: Situation) -> Row | None:
    """The row of §5.16.2.3 that applies; None: the offer is forwarded as it is."""
    if not situation.changes:
        return None
    served_answers = situation.served is Served.ANSWERER
    numbers = {_A: 5, _AP: 6} if served_answers else {_AP: 7 if situation.narrows else 8}
    number = numbers.get(situation.offered or _A)
    return None if number is None else _row(number)


def _row(number: int) -> Row:
    return MATRIX[number - 1]


def _as_written(row: Row, offered: Setup | None, onwards: Setup | None, answered: Setup | None) -> Row:
    """The row with what really stands in SDP: what is absent stays absent, unless the row changes it."""
    returned = answered if row.returned is row.answered else row.returned
    return msgspec.structs.replace(row, offered=offered, forwarded=onwards, answered=answered, returned=returned)
