"""The role matrix of TS 23.334 §5.16.2 (section 3.1 of the stage-2 digest), row by row, from its inputs."""

from __future__ import annotations

import itertools

import pytest

from workbench.nodes.ims_alg import roles
from workbench.nodes.ims_alg.roles import Joined, Served, Situation
from workbench.protocols import sdp
from workbench.protocols.sdp import Setup

A, P, AP, H = Setup.ACTIVE, Setup.PASSIVE, Setup.ACTPASS, Setup.HOLDCONN

# The digest's table, typed from it: case, offer from A, offer to B, answer from B, answer to A, T_A, T_B, joined.
DIGEST = [
    (1, A, A, P, P, P, A, Joined.INTERLINKED),
    (2, P, P, A, A, A, P, Joined.INTERLINKED),
    (3, AP, AP, A, A, A, P, Joined.INTERLINKED),
    (4, AP, AP, P, P, P, A, Joined.INTERLINKED),
    (5, A, P, A, P, P, P, Joined.MERGED),
    (6, AP, P, A, A, A, P, Joined.INTERLINKED),
    (7, AP, A, P, P, P, A, Joined.INTERLINKED),
    (8, AP, AP, A, P, P, P, Joined.MERGED),
    (9, None, None, None, None, P, A, Joined.INTERLINKED),
    (10, H, H, H, H, None, None, Joined.NOT),
]
# What makes each modified row apply.
WHEN = {5: (Served.ANSWERER, False), 6: (Served.ANSWERER, False), 7: (Served.OFFERER, True),
        8: (Served.OFFERER, False)}


def situation(number: int, offered: Setup | None) -> Situation:
    """The inputs that lead to a row: modification only where the row needs it."""
    if number not in WHEN:
        return Situation(offered, Served.OFFERER)
    served, narrows = WHEN[number]
    return Situation(offered, served, behind_nat=True, may_modify=True, narrows=narrows)


@pytest.mark.parametrize("case", DIGEST, ids=[f"row {case[0]}" for case in DIGEST])
def test_each_row_follows_from_its_inputs(case):
    """Offer, served side, NAT, permission and answer give what is forwarded, what is answered, and both roles."""
    number, offered, onwards, answered, returned, offerer_leg, answerer_leg, joined = case
    inputs = situation(number, offered)
    assert roles.forwarded(inputs) is onwards
    row = roles.settled(inputs, answered)
    assert (row.number, row.returned, row.offerer_leg, row.answerer_leg, row.joined) == (
        number, returned, offerer_leg, answerer_leg, joined)


def test_the_table_in_the_code_is_the_digests():
    """MATRIX can be held against section 3.1 as it stands."""
    assert [(row.number, row.offered, row.forwarded, row.answered, row.returned, row.offerer_leg, row.answerer_leg,
             row.joined) for row in roles.MATRIX] == DIGEST


@pytest.mark.parametrize("without", [
    {"may_modify": False}, {"behind_nat": False}, {"end_to_end": True}, {"state_aware": False}])
@pytest.mark.parametrize("offered", [None, A, P, AP, H])
@pytest.mark.parametrize("served", Served)
def test_nothing_is_changed_without_its_conditions(without, offered, served):
    """R-5.16.2.3-13, -14: not without permission, without NAT, on end-to-end TLS, or statelessly."""
    allowed = {"behind_nat": True, "may_modify": True, **without}
    inputs = Situation(offered, served, **allowed)
    assert roles.forwarded(inputs) is offered
    for answered in (None, A, P, H):
        row = roles.settled(inputs, answered)
        assert row is None or (row.returned is answered and row.changed_for is None)


@pytest.mark.parametrize("inputs", [
    Situation(offered, served, nat, modify, True, e2e, narrows)
    for offered in (None, A, P, AP) for served in Served
    for nat, modify, e2e, narrows in itertools.product((False, True), repeat=4)])
def test_every_outcome_can_be_connected(inputs):
    """Whatever the inputs: both peers read something legal, and one end of each leg opens, never both, never none."""
    for answered in (None, A, P):
        row = roles.settled(inputs, answered)
        legal = (answered or P) in sdp.legal_answers(roles.forwarded(inputs) or A)
        assert legal or row is None
        if row is None:
            continue
        assert (row.returned or P) in sdp.legal_answers(inputs.offered or A)
        # The peer of a leg plays the complement of the gateway.
        offerer_opens = (row.returned or P) is P
        assert (row.offerer_leg is P) == offerer_opens
        assert (row.answerer_leg is P) == ((answered or P) is A)
        assert (row.joined is Joined.MERGED) == (row.offerer_leg is row.answerer_leg is P)


def test_a_ue_that_waits_although_it_may_not_leads_to_no_row():
    """R-5.16.2.3-12: passive, or nothing, answers an offer that was made passive: no row; §5.16.2.2 has one."""
    for offered, fallback in ((A, 1), (AP, 4)):
        inputs = Situation(offered, Served.ANSWERER, behind_nat=True, may_modify=True)
        for answered in (P, None):
            assert roles.settled(inputs, answered) is None
            row = roles.unchanged(inputs, answered)
            assert (row.number, row.offerer_leg, row.answerer_leg) == (fallback, P, A)


@pytest.mark.parametrize("offered", [None, A, P, AP, H])
def test_holdconn_may_answer_anything(offered):
    """RFC 4145 §4.1: row 10 whatever was offered; no role, no connection."""
    row = roles.settled(Situation(offered, Served.OFFERER), H)
    assert (row.number, row.returned, row.offerer_leg, row.answerer_leg, row.joined) == (10, H, None, None, Joined.NOT)


def test_only_a_certain_merge_is_prepared():
    """§6.2.18.4: the core side is made ready before the offer leaves in row 5; in row 8 the answer decides."""
    five = Situation(A, Served.ANSWERER, behind_nat=True, may_modify=True)
    assert roles.prepared(five).number == 5
    for inputs in (Situation(AP, Served.OFFERER, behind_nat=True, may_modify=True),
                   Situation(AP, Served.ANSWERER, behind_nat=True, may_modify=True), Situation(A, Served.ANSWERER)):
        assert roles.prepared(inputs) is None


def test_who_is_to_be_reached():
    """The served UE waits where the gateway is active on its leg."""
    offerer = Situation(AP, Served.OFFERER)
    assert roles.served_waits(offerer, roles.settled(offerer, A))
    assert not roles.served_waits(offerer, roles.settled(offerer, P))
    answerer = Situation(A, Served.ANSWERER)
    assert roles.served_waits(answerer, roles.settled(answerer, P))
