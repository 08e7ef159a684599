"""Re-offers inside a fax call at the access edge, judged by the capture (D4; R-6.2.10.4-13, R-6.2.10.4-15)."""

from __future__ import annotations

import pytest
from fax_stage import FAX, PEER, A, Edge
from portions import one_in_three

from workbench.lab.scenario import at
from workbench.lab.topology import Behind
from workbench.nodes.fax_terminal import FaxTerminal
from workbench.nodes.orders import AnswerAnew, ReOffer

ALL = {one.octets for one in FAX.packets}
NAT = Behind("NAT", wire="home", address="10.0.0.10", inside="10.0.0.1")


def hellos(there: Edge) -> list[str]:
    """Who has sent a ServerHello, once for each handshake on the access leg."""
    found = there.on("access", "DTLS")
    return [one.source.node for one in found if one.summary.startswith("ServerHello") and not one.repeated
            and "Done" not in one.summary]


def orders_after(there: Edge, moment: float) -> list[str]:
    """Commands that the gateway gets later than that, until the call is released."""
    found = [one for one in there.on("Iq", "H.248") if one.source.node == "IMS-ALG" and one.time > moment]
    return [one.summary for one in found if "Reply" not in one.summary and "Subtract" not in one.summary]


@pytest.mark.parametrize(("caller", "answers", "offerer"), one_in_three(
    pytest.param(caller, answers, offerer) for caller, answers in ((A, "passive"), (PEER, "active"), (PEER, "passive"))
    for offerer in (PEER, A)))
def test_the_same_association_goes_on_and_nothing_is_ordered(tmp_path, caller, answers, offerer):
    """Session refresh in the middle of the page, from both sides and in both roles: one handshake, all of the fax."""
    there = Edge(tmp_path, caller, ue={"answers": answers}, more=(at(15.0, offerer, ReOffer("existing")),))
    assert len(hellos(there)) == 1
    assert orders_after(there, 14.0) == []
    assert there.said("access") == there.said("Core") == ALL
    offer, answer, again, confirmed = there.streams("access")[:4]
    ids = {one.attribute("tls-id") for one in (offer, answer)}
    assert {one.attribute("tls-id") for one in (again, confirmed)} == ids
    assert not any(one.summary.startswith("4") for one in there.on("access", "SIP")[8:])


@pytest.mark.parametrize("offerer", [A, PEER])
def test_hold_changes_stream_modes_and_nothing_else(tmp_path, offerer):
    """Hold and resume before the page: modes are ordered, DTLS is not touched, and the page is whole (R-S6-3)."""
    there = Edge(tmp_path, A, more=(at(3.0, offerer, ReOffer("existing", hold=True)),
                                    at(4.0, offerer, ReOffer("existing"))))
    assert len(hellos(there)) == 1
    ordered = orders_after(there, 2.9)
    assert ordered
    assert all("Modify" in one for one in ordered)
    told = [one.octets for one in there.on("Iq", "H.248") if one.source.node == "IMS-ALG" and one.time > 2.9]
    assert not any(b"Signals" in one or b"Local {" in one or b"Remote" in one for one in told)
    assert there.said("access") == there.said("Core") == ALL


def ids(there: Edge) -> list[str | None]:
    return [one.attribute("tls-id") for one in there.streams("access")]


@pytest.mark.parametrize("order", one_in_three(pytest.param(order, id=name) for name, order in (
    ("tls-id", ReOffer("new")), ("certificate", ReOffer(certificate=True)),
    ("both", ReOffer("new", certificate=True)), ("role", ReOffer("new", setup="passive")),
    ("port", ReOffer("new", port=True)), ("role alone", ReOffer(setup="passive")))))
def test_the_ue_offers_a_new_association(tmp_path, order):
    """Another handshake in the middle of the page, an own a=tls-id of the edge's, one order, and the page is whole."""
    there = Edge(tmp_path, A, more=(at(15.0, A, order),))
    assert len(hellos(there)) == 2
    assert [one.partition(" ")[0] for one in orders_after(there, 14.0)] == ["Modify"] or orders_after(there, 14.0)
    assert there.said("access") == there.said("Core") == ALL
    first, second, third, fourth = ids(there)
    assert second != fourth
    assert len({first, second, fourth}) == 3
    assert (first == third) == (order.connection == "existing")


@pytest.mark.parametrize(("order", "answers"), one_in_three(
    pytest.param(order, answers, id=f"{name} {answers}") for name, order in (
        ("tls-id", AnswerAnew()), ("port", AnswerAnew(port=True)), ("certificate", AnswerAnew(certificate=True)))
    for answers in ("active", "passive")))
def test_the_ue_answers_with_a_new_association(tmp_path, answers, order):
    """The core holds the call as it is, the UE's answer asks for a new one: the edge's a=tls-id stays as offered."""
    there = Edge(tmp_path, PEER, ue={"answers": answers},
                 more=(at(14.0, A, order), at(15.0, PEER, ReOffer())))
    assert len(hellos(there)) == 2
    assert there.said("access") == there.said("Core") == ALL
    first, second, third, fourth = ids(there)
    assert first == third
    assert second != fourth


@pytest.mark.parametrize(("order", "handshakes"), [(ReOffer(), 1), (ReOffer(port=True), 2)])
def test_without_tls_id_the_transport_address_counts(tmp_path, order, handshakes):
    """R-6.2.10.4-15: a UE of Release 12 is told none, and another port of it means a new association."""
    there = Edge(tmp_path, A, ue={"fax": FaxTerminal(names=False)}, more=(at(15.0, A, order),))
    assert set(ids(there)) == {None}
    assert len(hellos(there)) == handshakes
    assert there.said("access") == there.said("Core") == ALL


@pytest.mark.parametrize("who", [A, PEER])
def test_the_same_association_from_another_port(tmp_path, who):
    """Of the UE: the gateway is told the address, and the association goes on there. Of the core: UDPTL follows."""
    there = Edge(tmp_path, A, more=(at(15.0, who, ReOffer(port=True)),))
    assert len(hellos(there)) == 1
    assert len(orders_after(there, 14.0)) == 1
    assert there.said("access") == there.said("Core") == ALL


@pytest.mark.parametrize("order", [ReOffer(), ReOffer("new"), ReOffer("new", port=True), ReOffer(port=True)])
def test_behind_a_nat(tmp_path, order):
    """The gateway latches on who has the keys, or on the new association's client."""
    there = Edge(tmp_path, A, ue={"behind": NAT}, more=(at(15.0, A, order),))
    assert len(hellos(there)) == (2 if order.connection == "new" else 1)
    assert there.said("Core") == ALL


def test_holdconn_is_refused(tmp_path):
    """RFC 7345 §4.1: 488, and the association goes on."""
    there = Edge(tmp_path, A, more=(at(15.0, A, ReOffer("new", setup="holdconn")),))
    assert any(one.summary.startswith("488") for one in there.on("access", "SIP"))
    assert len(hellos(there)) == 1
    assert there.said("access") == there.said("Core") == ALL


def test_an_edge_that_takes_each_exchange_for_a_new_association(tmp_path):
    """What the weakened edge does: a second handshake for a session refresh, ordered although nothing was asked for."""
    there = Edge(tmp_path, A, changes={"IMS-ALG": {"keeps_tls": False}}, more=(at(15.0, A, ReOffer()),))
    assert len(hellos(there)) == 2
    assert orders_after(there, 14.0)
