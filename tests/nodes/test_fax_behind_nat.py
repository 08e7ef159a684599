"""A fax terminal that is DTLS server, behind a NAT: the gateway is client, and can begin once it has heard of it."""

from __future__ import annotations

from typing import Literal

import pytest

from workbench.lab.expect import PASS, Holds
from workbench.lab.scenario import Scenario
from workbench.lab.seen.fax import fax_arrives
from workbench.lab.topology import Behind
from workbench.nodes.fax_terminal import FaxTerminal
from workbench.scenarios import fax_edge
from workbench.views import flight_rows

NAT = Behind("NAT of UE A", wire="UE A home", address="10.0.0.10", inside="10.0.0.1")


def call(caller: Literal["UE A", "Peer B"], keepalive: float, loss: float = 0.0):
    """UE A is passive and behind a NAT that filters by address and port."""
    terminal = FaxTerminal(depth=6, keepalive=keepalive)
    topology = fax_edge.topology().changed(
        {fax_edge.A: {"behind": NAT, "offers": "passive", "answers": "passive", "fax": terminal}})
    scenario = Scenario("fax", "a fax", "test", (), (), "", topology, {},
                        fax_edge.fax_script(caller, fax=20.0, hang_up=45.0), (), (), until=60.0)
    return scenario.run(seed=8, impair={fax_edge.ACCESS: {"loss": loss}}).report


@pytest.mark.parametrize("loss", [0.0, 0.1])
@pytest.mark.parametrize("caller", ["UE A", "Peer B"])
def test_keep_alives_make_it_known(caller: Literal["UE A", "Peer B"], loss: float):
    """R-6.2.10.4-11: empty datagrams open the NAT and are latched on; then the gateway begins, and the page arrives."""
    report = call(caller, keepalive=1.0, loss=loss)
    rows = flight_rows(report, wire="UE A home")
    assert {(row.client, row.server) for row in rows} == {("IMS-AGW", "UE A")}
    assert rows[-1].messages[-1] == "Finished"
    for ends in (("access", "core"), ("core", "access")):
        verdict = Holds("a fax", fax_arrives(*ends)).judge(report)
        assert verdict.verdict == PASS, verdict


def test_without_them_nobody_can_begin():
    """The control: the gateway knows nobody to send a ClientHello to, and sends none to the address in SDP."""
    assert flight_rows(call("UE A", keepalive=0.0)) == []
