"""A DTLS endpoint that latches hears several sources at first; the one whose certificate matches is the peer."""

from __future__ import annotations

import gc

import pytest
from agw_stage import OTHER_IDENTITY, PEER, UE, UE_IDENTITY, modify, stream
from test_gateway_datagrams import (
    BACK,
    FAX,
    LATCH,
    UE_SOURCE,
    FaxPeer,
    Stage,
    arrives,
    legs,
    secured,
)

from workbench.net.values import Drop, Endpoint, SendDatagram, Woke
from workbench.nodes.gateway.candidates import MOST
from workbench.security import dtls
from workbench.security.openssl_dtls import DtlsEngine

STRANGER = Endpoint("198.18.0.66", 9)
NAT = Endpoint("198.51.100.99", 6666)
BOTH = "Signals { ipnapt/latch { Stream = 1, napt = latch }, tlsbsc/EstBNC { Stream = 1 } }"
FAIL = ("ip/1/access/1", "tlsbsc/BNCChange", {"Type": "Fail"})


def server(stage: Stage, print_known: bool = True) -> tuple[Endpoint, Endpoint]:
    """The gateway is server, and latches."""
    described = secured("passive", "active") if print_known else secured("passive", "active", None)
    return legs(stage, described, LATCH)


def client(stage: Stage) -> tuple[Endpoint, Endpoint]:
    """The gateway is client, and latches."""
    return legs(stage, secured("active", "passive"), BOTH)


def silent(stage: Stage, near: Endpoint, where: Endpoint) -> FaxPeer:
    """A stranger who brings a good cookie back and says nothing more."""
    stranger = FaxPeer(stage, near, where=where, identity=OTHER_IDENTITY).starts()
    (at,) = (place for place, one in enumerate(stage.open) if isinstance(one, SendDatagram) and one.remote == where)
    verify = stage.open.pop(at)
    assert isinstance(verify, SendDatagram)
    (hello,) = (one.octets for one in stranger.session.receive_datagram(verify.data, stage.now)
                if isinstance(one, dtls.Transmit))
    arrives(stage, near, where, hello)
    stage.open = [one for one in stage.open if not (isinstance(one, SendDatagram) and one.remote == where)]
    return stranger


def engines() -> int:
    """How many of OpenSSL's sessions there are."""
    return sum(isinstance(one, DtlsEngine) for one in gc.get_objects())


def held(stage: Stage, near: Endpoint) -> int:
    """How many sources are heard beside one another."""
    return len(stage.node._control.bearers[near]._candidates or ())


def test_a_stranger_s_certificate_is_the_stranger_s_failure():
    """He is told so, the controller is not; the UE comes later, and is the peer."""
    stage = Stage()
    near, far = server(stage)
    stranger = FaxPeer(stage, near, where=STRANGER, identity=OTHER_IDENTITY).starts().reads()
    assert isinstance(stranger.events[-1], dtls.Failed)
    assert stranger.events[-1].alert == 42
    assert stage.take() == []
    ue = FaxPeer(stage, near, where=NAT).starts().reads()
    assert ue.events[-1] == dtls.Verified()
    ue.sends(FAX)
    stage.does(SendDatagram(far, PEER, FAX))
    arrives(stage, far, PEER, BACK)
    assert ue.reads().heard == [BACK]


def test_a_stranger_who_begins_and_stops_keeps_nobody_out():
    """The endpoint is not latched on him; once it is latched on the UE, he is not heard any more."""
    stage = Stage()
    near, _ = server(stage)
    stranger = silent(stage, near, STRANGER)
    assert held(stage, near) == 1
    ue = FaxPeer(stage, near, where=NAT).starts().reads()
    assert ue.events[-1] == dtls.Verified()
    assert held(stage, near) == 0
    for one in stranger.session.wake(9.0):
        assert isinstance(one, dtls.Transmit)
        arrives(stage, near, STRANGER, one.octets)
    assert {type(one) for one in stage.take()} == {Drop}


@pytest.mark.parametrize("hosts", [1, 1000], ids=["from one address", "from a thousand addresses"])
def test_strangers_hold_few_sessions(hosts):
    """Good cookies, then silence, a thousand times: never more than a few sessions, and OpenSSL's memory is given back.

    At once, not when Python next looks for cycles."""
    stage = Stage()
    near, far = server(stage)
    gc.collect()
    gc.disable()
    try:
        before = engines()
        for number in range(1000):
            host = f"198.18.{number % hosts // 256}.{number % hosts % 256}"
            silent(stage, near, Endpoint(host, 1000 + number))
            assert held(stage, near) <= MOST
        assert engines() - before <= MOST
    finally:
        gc.enable()
    ue = FaxPeer(stage, near, where=NAT).starts().reads().sends(FAX)
    assert ue.events[-1] == dtls.Verified()
    stage.does(SendDatagram(far, PEER, FAX))


def test_a_stranger_with_one_address_displaces_only_himself():
    """The UE has begun; however often he begins from other ports, its handshake goes on."""
    stage = Stage()
    near, _ = server(stage)
    ue = silent(stage, near, NAT)
    for port in range(1000, 1040):
        silent(stage, near, Endpoint(STRANGER.host, port))
    assert held(stage, near) == MOST
    bearer = stage.node._control.bearers[near]
    assert NAT in bearer._candidates._known
    assert ue.where == NAT


def test_a_client_begins_with_everybody_who_may_be_the_peer():
    """A stranger's datagram comes first: a ClientHello for him. The UE's keep-alive comes: one for it, and it is up.

    R-6.2.10.4-11."""
    stage = Stage()
    near, far = client(stage)
    assert stage.open == []
    arrives(stage, near, STRANGER, b"")
    arrives(stage, near, NAT, b"")
    hellos = [one for one in stage.open if isinstance(one, SendDatagram)]
    assert [one.remote for one in hellos] == [STRANGER, NAT]
    stage.open = [one for one in hellos if one.remote == NAT]
    ue = FaxPeer(stage, near, client=False, where=NAT).starts().reads()
    assert ue.events[-1] == dtls.Verified()
    ue.sends(FAX)
    stage.does(SendDatagram(far, PEER, FAX))


def test_a_client_s_flight_is_repeated_for_each_source():
    """The ClientHello is lost: it is sent again after a second."""
    stage = Stage()
    near, _ = client(stage)
    arrives(stage, near, STRANGER, b"").take()
    stage.now = 0.5
    arrives(stage, near, NAT, b"").take()
    again = []
    for moment in (1.0, 1.5):
        assert stage.node.next_wakeup() == moment
        stage.now = moment
        again += [one.remote for one in stage.sees(Woke()).take() if isinstance(one, SendDatagram)]
    assert again == [STRANGER, NAT]


def test_payload_of_all_is_held_until_the_fingerprint_is_known():
    """Two have finished their handshakes before the answer is there: it says which of them is the peer."""
    stage = Stage()
    near, far = server(stage, print_known=False)
    stranger = FaxPeer(stage, near, where=STRANGER, identity=OTHER_IDENTITY).starts().reads().sends(BACK)
    ue = FaxPeer(stage, near, where=NAT).starts().reads().sends(FAX)
    assert stage.take() == []
    assert held(stage, near) == 2
    stage.orders(modify("ip/1/access/1", stream(secured("passive", "active")[1])))
    stranger.reads()
    assert isinstance(stranger.events[-1], dtls.Failed)
    stage.does(SendDatagram(far, PEER, FAX))
    ue.sends(FAX)
    stage.does(SendDatagram(far, PEER, FAX))


def test_when_time_is_up_the_endpoint_has_failed():
    """Only strangers came: the controller is told once, and the note says of what the last of them died."""
    stage = Stage(tls_guard=5.0)
    near, _ = server(stage)
    FaxPeer(stage, near, where=STRANGER, identity=OTHER_IDENTITY).starts().reads()
    silent(stage, near, NAT)
    stage.take()
    while stage.now < 5.0:
        moment = stage.node.next_wakeup()
        assert moment is not None
        stage.now = moment
        stage.sees(Woke())
        stage.open = [one for one in stage.open if not (isinstance(one, SendDatagram) and one.remote == NAT)]
    assert stage.notified() == FAIL
    assert any("198.18.0.66:9: DTLS" in str(one) for one in stage.all)
    assert held(stage, near) == 0


def test_an_association_that_was_begun_without_latching_is_begun_anew():
    """Latch is ordered while a handshake is under way: the source is not taken at its word any more."""
    stage = Stage()
    near, far = legs(stage, secured("passive", "active"))
    silent(stage, near, UE_SOURCE)
    stage.orders(modify("ip/1/access/1", LATCH))
    ue = FaxPeer(stage, near, where=NAT, identity=UE_IDENTITY).starts().reads().sends(FAX)
    assert ue.events[-1] == dtls.Verified()
    stage.does(SendDatagram(far, PEER, FAX))
    assert UE.host != NAT.host
