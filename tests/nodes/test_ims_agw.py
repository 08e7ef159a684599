from __future__ import annotations

import pytest
from agw_stage import (
    EVENTS,
    PEER,
    UE,
    UE_PRINT,
    Peer,
    Stage,
    add,
    given,
    local,
    modify,
    remote,
    settle,
    stream,
    ue_session,
)

from workbench.net.values import Endpoint, OpenStream, Stream
from workbench.security import tls

A = "access.example.net"
C = "core.example.net"


def originating(stage: Stage) -> tuple[Endpoint, Endpoint]:
    """C1 steps 2 to 13: T_core active, T_acc passive with TLS."""
    core = given(stage.orders(add("core", stream(local("TCP", "active"), mode="Inactive", realm=C), EVENTS.format(1))))
    stage.orders(modify("ip/1/core/1", stream(
        local("TCP", "active", host=core.host, port=core.port), remote("TCP", "passive", PEER))))
    access = given(stage.orders(add("access", stream(
        local("TCP/TLS", "passive", "a=fingerprint:SHA-256 $"), remote("TCP/TLS", "active", UE, f"a=fingerprint:{UE_PRINT}"),
        realm=A), EVENTS.format(2), context=1)))
    return access, core


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_incoming_tls_leg_triggers_the_plain_leg(version):
    """C1: UE connects, the gateway opens the core leg at once, and payload crosses decrypted."""
    stage = Stage()
    access, core = originating(stage)
    ue = Peer(stage, Stream(access, Endpoint(UE.host, 5555)), ue_session(True, version)).connects()
    stage.does(OpenStream(Stream(core, PEER)))
    peer = Peer(stage, Stream(core, PEER)).up()
    ue.up().reads()
    ue.sends(b"MSRP hello")
    settle(ue, peer)
    assert peer.heard == b"MSRP hello"
    peer.sends(b"MSRP back")
    settle(ue, peer)
    assert ue.heard == b"MSRP back"
    ue.closes()
    assert stage.notified() == ("ip/1/access/2", "g/cause", {"Generalcause": "NR"})
    settle(ue, peer)
    assert ue.ended and peer.ended
    assert ue.secured[-1] == tls.PeerClosed()
