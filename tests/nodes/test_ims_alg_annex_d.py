"""Annex D in the role matrix: who opens where, and where the matrix stays as it was."""

from __future__ import annotations

import pytest

from workbench.nodes.ims_alg.roles import Joined, Served, Situation, prepared, served_waits, settled
from workbench.protocols import sip
from workbench.protocols.sdp import Setup
from workbench.protocols.sip.messages import Headers, Request
from workbench.protocols.sip.registration import OPENS_TOO, opens_too, register

A, P, AP = Setup.ACTIVE, Setup.PASSIVE, Setup.ACTPASS


def situation(offered: Setup, served: Served, **settings: bool) -> Situation:
    return Situation(offered, served, **{"behind_nat": True, "end_to_end": True, "opens_too": True, **settings})


def test_the_called_ue_opens_although_it_is_passive():
    """Offered active, answered passive: the gateway waits on both legs, and nobody's a=setup changes."""
    row = settled(situation(A, Served.ANSWERER), P)
    assert row is not None
    assert (row.forwarded, row.returned, row.offerer_leg, row.answerer_leg, row.joined) == (A, P, P, P, Joined.MERGED)
    assert not served_waits(situation(A, Served.ANSWERER), row)
    assert prepared(situation(A, Served.ANSWERER)) is not None


@pytest.mark.parametrize(("served", "offered", "answered"), [
    (Served.ANSWERER, AP, P), (Served.OFFERER, P, A), (Served.OFFERER, AP, A)])
def test_whoever_waits_opens_too(served: Served, offered: Setup, answered: Setup):
    """The served UE has the passive part, by its own choice or the other one's: the same, once the answer is there."""
    row = settled(situation(offered, served), answered)
    assert row is not None
    assert (row.forwarded, row.returned) == (offered, answered)
    assert (row.offerer_leg, row.answerer_leg, row.joined) == (P, P, Joined.MERGED)
    assert not served_waits(situation(offered, served), row)
    assert prepared(situation(offered, served)) is None


@pytest.mark.parametrize("off", ["behind_nat", "end_to_end", "opens_too", "state_aware"])
def test_without_one_of_its_reasons_it_is_the_usual_row(off: str):
    """Reachable, not end to end, not indicated, or without TCP state: an incoming SYN triggers the outgoing one."""
    row = settled(situation(A, Served.ANSWERER, **{off: False}), P)
    assert row is not None
    assert (row.number, row.joined) == (1, Joined.INTERLINKED)


@pytest.mark.parametrize(("served", "offered", "answered"), [
    (Served.ANSWERER, AP, A), (Served.ANSWERER, P, A), (Served.OFFERER, A, P), (Served.OFFERER, AP, P)])
def test_where_the_served_ue_is_active_nothing_is_special(served: Served, offered: Setup, answered: Setup):
    """An active UE opens anyway: Annex D has nothing to say."""
    row = settled(situation(offered, served), answered)
    assert row is not None
    assert row.joined is Joined.INTERLINKED


def test_the_indicator_stands_in_the_contact():
    """The feature tag is a parameter of Contact, and is read back; a Contact without it, or broken, says nothing."""
    def token(length: int) -> str:
        return "t" * length

    said = register("sip:b@home.example", "192.0.2.1:5060", token=token, client=None, opens_too=True)
    assert (said.headers.get("Contact") or "").endswith(f">;{OPENS_TOO}") and opens_too(said)
    assert not opens_too(register("sip:b@home.example", "192.0.2.1:5060", token=token, client=None))
    for contact in ("", "<sip:b@192.0.2.1", f"<sip:b@192.0.2.1;{OPENS_TOO}>"):
        assert not opens_too(Request(Headers((("Contact", contact),)), method="REGISTER", uri="sip:home.example"))
    assert sip.registration.OPENS_TOO is OPENS_TOO
