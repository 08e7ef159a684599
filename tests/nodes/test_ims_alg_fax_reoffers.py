"""Re-offers inside a fax call at the access edge, judged by the capture (D4; R-6.2.10.4-13, R-6.2.10.4-15)."""

from __future__ import annotations

import pytest
from fax_stage import FAX, PEER, A, Edge

from workbench.lab.scenario import at
from workbench.nodes.orders import ReOffer

ALL = {one.octets for one in FAX.packets}


def hellos(there: Edge) -> list[str]:
    """Who has sent a ServerHello, once for each handshake on the access leg."""
    found = there.on("access", "DTLS")
    return [one.source.node for one in found if one.summary.startswith("ServerHello") and not one.repeated
            and "Done" not in one.summary]


def orders_after(there: Edge, moment: float) -> list[str]:
    """Commands that the gateway gets later than that, until the call is released."""
    found = [one for one in there.on("Iq", "H.248") if one.source.node == "IMS-ALG" and one.time > moment]
    return [one.summary for one in found if "Reply" not in one.summary and "Subtract" not in one.summary]


@pytest.mark.parametrize(("caller", "answers"), [(A, "passive"), (PEER, "active"), (PEER, "passive")])
@pytest.mark.parametrize("offerer", [A, PEER])
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
