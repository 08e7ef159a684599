"""What a UE's fax terminal adds against loss: as SDP says, and seen on the wire."""

from __future__ import annotations

import msgspec
import pytest

from workbench.errors import ScenarioError
from workbench.lab.scenario import Scenario, at
from workbench.nodes.fax_terminal import FaxTerminal
from workbench.nodes.orders import Call, HangUp, Register, SendFax
from workbench.protocols import sdp
from workbench.protocols.t38 import events as t38
from workbench.protocols.t38 import udptl
from workbench.protocols.t38.machine import Receiver
from workbench.scenarios import access_edge as edge

A, PEER, LOSSY = "UE A", "Peer", {"UE A access": {"loss": 0.15}}
URIS = {A: "sip:alice@home1.example", PEER: "sip:bob@home2.example"}


def fax(tmp_path, terminal, impair=None):
    """UE A sends a page, the peer answers as the recording has it."""
    served = msgspec.structs.replace(edge.served_ue(A, URIS[A]), media="t38", fax=terminal)
    beyond = msgspec.structs.replace(edge.core_peer(PEER, URIS[PEER]), media="t38", fax=terminal)
    recording = "one_page" if terminal.version == 0 else "one_page_v29"
    script = (at(0.0, A, Register()), at(1.0, A, Call(URIS[PEER])), at(5.0, A, SendFax(fax=recording)),
              at(5.0, PEER, SendFax(fax=recording)), at(40.0, A, HangUp()))
    scenario = Scenario("fax", "a fax", "test", (), (), "", edge.access_edge(served, beyond), {}, script, (), (),
                        until=60.0)
    return scenario.run(seed=3, out=tmp_path, impair=impair).report


def packets(report, wire, source):
    return [udptl.decode(one.octets) for one in report.messages
            if one.wire == wire and one.source.node == source and one.protocol == "UDPTL"]


@pytest.mark.parametrize(("terminal", "says"), [
    (FaxTerminal(), "t38UDPRedundancy"), (FaxTerminal(depth=4), "t38UDPRedundancy"),
    (FaxTerminal("none"), "t38UDPNoEC"), (FaxTerminal("fec"), "t38UDPFEC"),
], ids=["depth 2", "depth 4", "none", "fec"])
def test_a_terminal_adds_what_the_two_agree_on(tmp_path, terminal, says):
    """a=T38FaxUdpEC in offer and answer; then so many repeated packets, or FEC, or neither."""
    report = fax(tmp_path, terminal)
    bodies = [sdp.decode(one.value.body).media[0] for one in report.select("SIP", wire="Core") if one.value.body]
    assert {media.attribute("T38FaxUdpEC") for media in bodies} == {says}
    sent = packets(report, "UE A access", A)
    assert max(len(one.secondary) for one in sent) == (terminal.depth if terminal.correction == "redundancy" else 0)
    assert any(one.fec for one in sent) is (terminal.correction == "fec")


def test_loss_on_one_wire_leaves_the_others_alone(tmp_path):
    """What the gateway sends into the core arrives; of what UE A sends it lacks some, and redundancy makes it good."""
    report = fax(tmp_path, FaxTerminal(version=3), LOSSY)
    sent, passed = (packets(report, wire, who) for wire, who in (("UE A access", A), ("Core", "IMS-AGW")))
    assert len(passed) < 0.95 * len(sent)
    receiver = Receiver()
    heard = [event for one in passed for event in receiver.receive_data(udptl.encode(one), 0.0)]
    ways = [event.way for event in heard if isinstance(event, t38.IfpReceived)]
    assert ways.count(t38.Way.REDUNDANCY) > 20
    assert len(ways) >= 0.98 * len({one.sequence for one in sent})
    assert b"a=T38FaxVersion:3" in report.select("SIP", wire="Core", summary="INVITE")[0].value.body


def test_a_wire_that_is_not_there_can_not_lose(tmp_path):
    """Its name is told, and those that are there."""
    with pytest.raises(ScenarioError, match="no wire Nowhere in this topology; there are UE A access"):
        fax(tmp_path, FaxTerminal(), {"Nowhere": {"loss": 0.1}})
