"""Connections: TCP, TLS, interlinkage, payload and release at an IMS-AGW."""

from __future__ import annotations

import itertools

import pytest
from agw_stage import (
    AGW_PRINT,
    EVENTS,
    OTHER_IDENTITY,
    OTHER_PRINT,
    PEER,
    UE,
    UE_IDENTITY,
    UE_PRINT,
    A,
    C,
    Peer,
    Stage,
    add,
    established,
    given,
    local,
    modify,
    originating,
    plain,
    plain_up,
    remote,
    settle,
    stream,
    ue_session,
)
from hypothesis import given as having
from hypothesis import settings
from hypothesis import strategies as st

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Drop,
    Endpoint,
    EndStream,
    Failure,
    Listen,
    LogKeys,
    OpenStream,
    PauseStream,
    RefuseStream,
    SendDatagram,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamFlushed,
    StreamOffered,
    StreamOpened,
    Unlisten,
)
from workbench.nodes.ims_agw import Interlinkage
from workbench.security import tls

VERSIONS = ["1.2", "1.3"]
UE_SOURCE = Endpoint(UE.host, 5555)


# The two call flows

@pytest.mark.parametrize("version", VERSIONS)
def test_incoming_tls_leg_triggers_the_plain_leg(version):
    """C1: the UE connects, the gateway opens the core leg at once, and payload crosses decrypted (§6.2.10.3.1.1.1)."""
    stage = Stage()
    ue, peer = established(stage, version)
    ue.sends(b"MSRP hello")
    settle(ue, peer)
    assert peer.heard == b"MSRP hello"
    peer.sends(b"MSRP back")
    settle(ue, peer)
    assert ue.heard == b"MSRP back"
    assert b"MSRP" not in ue.octets


@pytest.mark.parametrize("version", VERSIONS)
def test_incoming_plain_leg_triggers_the_tls_leg(version):
    """C2: the core peer connects, the gateway opens TCP to the UE and is TLS client there (§6.2.10.3.1.2.1)."""
    stage = Stage()
    access = given(stage.orders(add("access", stream(
        local("TCP/TLS/MSRP", "actpass", "a=fingerprint:SHA-256 $"), mode="Inactive", realm=A), EVENTS.format(1))))
    stage.orders(modify("ip/1/access/1", stream(
        local("TCP/TLS/MSRP", "active", f"a=fingerprint:{AGW_PRINT}",
              host=access.host, port=access.port),
        remote("TCP/TLS/MSRP", "passive", UE, f"a=fingerprint:{UE_PRINT}")),
        "Signals { tlsbsc/EstBNC { Stream = 1 } }"))
    core = given(stage.orders(add("core", stream(
        local("TCP/MSRP", "passive"), remote("TCP/MSRP", "active", PEER), realm=C), EVENTS.format(2), context=1)))
    stage.does_nothing()
    peer = Peer(stage, Stream(core, Endpoint(PEER.host, 6000))).connects()
    stage.does(OpenStream(Stream(access, UE)))
    peer.up()
    peer.sends(b"early from the core")
    ue = Peer(stage, Stream(access, UE), ue_session(False, version)).up()
    settle(ue, peer)
    assert ue.heard == b"early from the core"
    assert [type(event) for event in ue.secured] == [tls.Established, tls.Verified]
    ue.sends(b"and back")
    settle(ue, peer)
    assert peer.heard == b"and back"


def test_every_step_says_why():
    """Each command that puts something on a wire names its step, and the trigger names its clause."""
    stage = Stage()
    ue, peer = established(stage)
    ue.sends(b"x")
    settle(ue, peer)
    stage.orders("Context = 1 { W-Subtract = * { Audit { } } }")
    carried = [c for c in stage.all if isinstance(c, (
        SendStream, OpenStream, AcceptStream, EndStream, AbortStream, RefuseStream, SendDatagram))]
    assert all(command.why for command in carried)
    assert "triggers outgoing TCP [TS 23.334 §6.2.10.3.1.1.1]" in next(
        c.why for c in carried if isinstance(c, OpenStream))
    assert any("TLS handshake at ip/1/access/2, the gateway is TLS server" in c.why for c in carried)


# TCP

def test_a_trigger_before_the_other_leg_exists_is_not_lost():
    """The incoming connection is there before the outgoing endpoint is added: it opens when it is."""
    stage = Stage()
    inside = given(stage.orders(add("access", stream(local("TCP", "passive"), remote("TCP", "active", UE), realm=A))))
    ue = Peer(stage, Stream(inside, UE_SOURCE)).connects().up()
    ue.sends(b"first words")
    outside = given(stage.orders(add(
        "core", stream(local("TCP", "active"), remote("TCP", "passive", PEER), realm=C), context=1)))
    stage.does(OpenStream(Stream(outside, PEER)))
    peer = Peer(stage, Stream(outside, PEER)).up().reads()
    assert peer.heard == b"first words"


def test_a_trigger_before_remote_is_known_waits_for_it():
    """Delayed establishment, first reading: the SYN is answered, the outgoing leg follows when Remote arrives."""
    stage = Stage()
    inside = given(stage.orders(add("access", stream(local("TCP", "passive"), realm=A))))
    outside = given(stage.orders(add("core", stream(local("TCP", "active"), realm=C), context=1)))
    Peer(stage, Stream(inside, UE_SOURCE)).connects().up()
    stage.does_nothing()
    stage.orders(modify("ip/1/core/2", stream(remote("TCP", "passive", PEER))))
    stage.does(OpenStream(Stream(outside, PEER)))


def test_an_incoming_connection_is_held_until_the_outgoing_one_is_up():
    """Delayed establishment, second reading (iq-stage2 3.4): no SYN-ACK before the far leg is up."""
    stage = Stage(hold_incoming=True)
    inside, outside = plain(stage)
    stage.sees(StreamOffered(Stream(inside, UE_SOURCE))).does(OpenStream(Stream(outside, PEER))).does_nothing()
    stage.sees(StreamOpened(Stream(outside, PEER))).does(AcceptStream(Stream(inside, UE_SOURCE)))


def test_a_held_connection_is_refused_when_the_outgoing_one_fails():
    """The held SYN gets RST: the active peer never believed that it was connected."""
    stage = Stage(hold_incoming=True)
    inside, outside = plain(stage)
    stage.sees(StreamOffered(Stream(inside, UE_SOURCE))).does(OpenStream(Stream(outside, PEER)))
    stage.sees(StreamFailed(Stream(outside, PEER), Failure.REFUSED)).does(RefuseStream(Stream(inside, UE_SOURCE)))
    assert stage.notified() == ("ip/1/core/2", "tcpbcc/BNCChange", {"Type": "Fail"})


@pytest.mark.parametrize("reason", [Failure.REFUSED, Failure.TIMED_OUT, Failure.UNREACHABLE])
def test_an_outgoing_failure_resets_the_incoming_connection(reason):
    """F2, R-5.16.2.2-7: reported on the leg that failed; the interlinked connection is reset."""
    stage = Stage()
    inside, outside = plain(stage)
    Peer(stage, Stream(inside, UE_SOURCE)).connects().up()
    stage.does(OpenStream(Stream(outside, PEER)))
    stage.sees(StreamFailed(Stream(outside, PEER), reason)).does(AbortStream(Stream(inside, UE_SOURCE)))
    assert stage.notified() == ("ip/1/core/2", "tcpbcc/BNCChange", {"Type": "Fail"})
    stage.does_nothing()


def test_an_outgoing_failure_closes_tls_in_order():
    """F2 with TLS up: close_notify and FIN to the UE, not RST."""
    stage = Stage()
    access, core = originating(stage)
    ue = Peer(stage, Stream(access, UE_SOURCE), ue_session(True)).connects()
    stage.does(OpenStream(Stream(core, PEER)))
    ue.up()
    settle(ue)
    stage.sees(StreamFailed(Stream(core, PEER), Failure.REFUSED))
    stage.notified()
    settle(ue)
    assert ue.secured[-1] == tls.PeerClosed()
    assert ue.ended


def test_an_incoming_connection_that_never_comes_is_reported():
    """F3: after 30 s from the moment both endpoints are configured; the port answers with RST again."""
    stage = Stage()
    inside = given(stage.orders(add(
        "access", stream(local("TCP", "passive"), remote("TCP", "active", UE), realm=A), EVENTS.format(1))))
    stage.later(100.0).does_nothing()
    stage.orders(add("core", stream(local("TCP", "active"), remote("TCP", "passive", PEER), realm=C), context=1))
    stage.later(29.9).does_nothing().later(0.2)
    assert stage.notified() == ("ip/1/access/1", "tcpbcc/BNCChange", {"Type": "Fail"})
    assert Unlisten(inside) in stage.all
    stage.sees(StreamOffered(Stream(inside, UE))).does(RefuseStream, Drop)


def test_an_outgoing_connection_that_hangs_is_given_up():
    """The guard time counts from our SYN; it is aborted, and the incoming one with it."""
    stage = Stage()
    inside, outside = plain(stage)
    Peer(stage, Stream(inside, UE_SOURCE)).connects().up()
    stage.does(OpenStream(Stream(outside, PEER)))
    stage.later(30.0).does(AbortStream(Stream(outside, PEER)), AbortStream(Stream(inside, UE_SOURCE)))
    stage.notified()


def test_the_establish_signal_opens_at_once():
    """Strict control: tcpbcc/EstBNC opens without any incoming connection (H.248.89 §7)."""
    stage = Stage()
    outside = given(stage.orders(add(
        "core", stream(local("TCP", "active"), remote("TCP", "passive", PEER), realm=C),
        "Signals { tcpbcc/EstBNC { Stream = 1 } }")))
    stage.does(OpenStream(Stream(outside, PEER)))


def test_an_active_endpoint_waits_for_its_trigger():
    """R-5.16.2.2-5: no SYN without signal or incoming connection, and none is accepted there."""
    stage = Stage()
    inside, outside = plain(stage)
    stage.later(5.0).does_nothing()
    assert [c.local for c in stage.all if isinstance(c, Listen)] == [inside]
    stage.sees(StreamOffered(Stream(outside, PEER))).does(RefuseStream, Drop)


def test_the_eager_gateway_does_not_wait():
    """The weakened variant opens the core leg as soon as it is configured."""
    stage = Stage(interlinkage=Interlinkage.EAGER)
    _, outside = plain(stage)
    stage.does(OpenStream(Stream(outside, PEER)))


def test_merge_mode_joins_two_incoming_connections():
    """R-5.16.2.3-8 to -10: both are accepted in any order, nothing is opened, early payload is kept."""
    stage = Stage()
    inside = given(stage.orders(add(
        "access", stream(local("TCP", "passive"), realm=A, mode="Inactive"), EVENTS.format(1),
        "Signals { ipnapt/latch { Stream = 1, napt = LATCH } }")))
    theirs = remote("TCP", "active", Endpoint(PEER.host, 9))
    outside = given(stage.orders(add("core", stream(local("TCP", "passive"), theirs, realm=C), context=1)))
    peer = Peer(stage, Stream(outside, Endpoint(PEER.host, 6000))).connects().up()
    peer.sends(b"early")
    stage.orders(modify("ip/1/access/1", stream(remote("TCP", "active", Endpoint("10.1.1.9", 9)))))
    ue = Peer(stage, Stream(inside, Endpoint("203.0.113.99", 5555))).connects().up()
    settle(ue, peer)
    assert ue.heard == b"early"
    ue.sends(b"back")
    settle(ue, peer)
    assert peer.heard == b"back"
    assert not any(isinstance(command, OpenStream) for command in stage.all)


def test_merge_mode_gives_up_when_one_peer_is_missing():
    """F4, R-5.16.2.3-11: a failure on the missing leg, and the other one is closed."""
    stage = Stage()
    stage.orders(add("access", stream(local("TCP", "passive"), remote("TCP", "active", UE), realm=A), EVENTS.format(1)))
    outside = given(stage.orders(add("core", stream(
        local("TCP", "passive"), remote("TCP", "active", PEER), realm=C), EVENTS.format(2), context=1)))
    peer = Peer(stage, Stream(outside, Endpoint(PEER.host, 6000))).connects().up()
    stage.later(30.0)
    assert stage.notified() == ("ip/1/access/1", "tcpbcc/BNCChange", {"Type": "Fail"})
    peer.reads()
    assert peer.aborted


def test_without_roles_the_first_syn_decides():
    """5.16.1 as a proxy: no a=setup, the leg without SYN is opened towards its Remote (R-5.16.1-7)."""
    stage = Stage()
    stage.orders(add("access", stream(local("TCP", None), remote("TCP", None, UE), realm=A)))
    outside = given(stage.orders(add(
        "core", stream(local("TCP", None), remote("TCP", None, PEER), realm=C), context=1)))
    Peer(stage, Stream(outside, Endpoint(PEER.host, 6000))).connects()
    stage.does(lambda c: isinstance(c, OpenStream) and c.stream.remote == UE)


# Whose connection

def test_another_source_is_refused_without_latching():
    """R-5.4-6: the peer is known and latching was not asked for."""
    stage = Stage()
    inside, _ = plain(stage)
    stranger = Stream(inside, Endpoint("203.0.113.66", 1))
    stage.sees(StreamOffered(stranger)).does(
        RefuseStream(stranger), Drop(StreamOffered(stranger), f"not from {UE.host}, and latching was not asked for"))
    Peer(stage, Stream(inside, UE_SOURCE)).connects()
    stage.does(OpenStream)


def test_the_first_connection_wins():
    """R-5.4-7: a second SYN to the same termination is refused."""
    stage = Stage()
    ue, _ = plain_up(stage)
    second = Stream(ue.stream.local, Endpoint(UE.host, 5556))
    stage.sees(StreamOffered(second)).does(RefuseStream(second), Drop)


def test_latching_takes_the_first_source():
    """R-5.4-4: with latching the signalled address does not count, the first accepted SYN does."""
    stage = Stage()
    inside = given(stage.orders(add(
        "access", stream(local("TCP", "passive"), remote("TCP", "active", Endpoint("10.0.0.10", 5000)), realm=A),
        "Signals { ipnapt/latch { Stream = 1, napt = LATCH } }")))
    natted = Stream(inside, Endpoint("203.0.113.10", 61_000))
    stage.sees(StreamOffered(natted)).does(AcceptStream(natted))
    other = Stream(inside, Endpoint("203.0.113.11", 61_000))
    stage.sees(StreamOffered(other)).does(RefuseStream(other), Drop)


def test_an_early_connection_of_somebody_else_is_given_up_when_remote_arrives():
    """A connection that came before Remote did stays only if it is the peer's; then the peer gets its turn."""
    stage = Stage()
    inside = given(stage.orders(add("access", stream(local("TCP", "passive"), realm=A))))
    Peer(stage, Stream(inside, Endpoint("203.0.113.66", 1))).connects().up()
    stage.orders(modify("ip/1/access/1", stream(remote("TCP", "active", UE))))
    stage.does(AbortStream(Stream(inside, Endpoint("203.0.113.66", 1))))
    Peer(stage, Stream(inside, UE_SOURCE)).connects()


# TLS

@pytest.mark.parametrize("version", VERSIONS)
def test_a_wrong_certificate_ends_both_legs(version):
    """F6, R-6.2.10.3-10: bad_certificate, both legs released, TLS failure reported, nothing passed."""
    stage = Stage()
    access, core = originating(stage)
    ue = Peer(stage, Stream(access, UE_SOURCE), ue_session(True, version, OTHER_IDENTITY)).connects()
    stage.does(OpenStream(Stream(core, PEER)))
    peer = Peer(stage, Stream(core, PEER)).up()
    ue.up()
    for _ in range(3):
        ue.reads()
    assert stage.notified() == ("ip/1/access/2", "tlsbsc/BNCChange", {"Type": "Fail"})
    settle(ue, peer)
    assert ue.secured[-1] == tls.Failed("the peer sent the fatal alert bad_certificate", 42, False)
    assert ue.ended and peer.ended
    assert peer.heard == b""
    ue.raw(b"more").reads()
    assert peer.heard == b""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_with_a_wrong_certificate_is_refused(version):
    """The same where the gateway is TLS client; no payload of the core is sent to that UE."""
    stage = Stage()
    access = given(stage.orders(add("access", stream(
        local("TCP/TLS", "active", "a=fingerprint:SHA-256 $"),
        remote("TCP/TLS", "passive", UE, f"a=fingerprint:{UE_PRINT}"), realm=A),
        EVENTS.format(1), "Signals { tcpbcc/EstBNC { Stream = 1 }, tlsbsc/EstBNC { Stream = 1 } }")))
    stage.does(OpenStream(Stream(access, UE)))
    ue = Peer(stage, Stream(access, UE), ue_session(False, version, OTHER_IDENTITY)).up()
    settle(ue)
    assert stage.notified() == ("ip/1/access/1", "tlsbsc/BNCChange", {"Type": "Fail"})
    settle(ue)
    assert ue.secured[-1] == tls.Failed("the peer sent the fatal alert bad_certificate", 42, False)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_ue_that_refuses_the_gateway(version):
    """The UE expects another certificate: a failed establishment, although in TLS 1.3 it had succeeded for a client."""
    stage = Stage()
    access = given(stage.orders(add("access", stream(
        local("TCP/TLS", "active", "a=fingerprint:SHA-256 $"),
        remote("TCP/TLS", "passive", UE, f"a=fingerprint:{UE_PRINT}"), realm=A),
        EVENTS.format(1), "Signals { tcpbcc/EstBNC { Stream = 1 }, tlsbsc/EstBNC { Stream = 1 } }")))
    stage.does(OpenStream)
    session = ue_session(False, version, announced=[OTHER_IDENTITY.fingerprint()])
    ue = Peer(stage, Stream(access, UE), session).up()
    settle(ue)
    assert stage.notified() == ("ip/1/access/1", "tlsbsc/BNCChange", {"Type": "Fail"})
    settle(ue)
    assert ue.ended


def test_a_ue_without_certificate_is_refused():
    """F7: as a wrong one."""
    stage = Stage()
    access, core = originating(stage)
    ue = Peer(stage, Stream(access, UE_SOURCE), ue_session(True, identity=None)).connects()
    stage.does(OpenStream(Stream(core, PEER)))
    ue.up()
    settle(ue)
    assert stage.notified()[1:] == ("tlsbsc/BNCChange", {"Type": "Fail"})
    stage.does(AbortStream(Stream(core, PEER)))


def test_the_gateway_that_checks_nothing_lets_anybody_in():
    """The weakened variant: payload of another certificate's owner reaches the core."""
    stage = Stage(verify_fingerprints=False)
    ue, peer = established(stage, identity=OTHER_IDENTITY)
    ue.sends(b"let me in")
    settle(ue, peer)
    assert peer.heard == b"let me in"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("identity", [UE_IDENTITY, OTHER_IDENTITY])
def test_payload_waits_for_a_late_fingerprint(version, identity):
    """C10, R-6.2.10.3-12: the handshake is done, payload is held; Remote decides whether it passes or never does."""
    stage = Stage()
    access = given(stage.orders(add("access", stream(
        local("TCP/TLS", "passive", "a=fingerprint:SHA-256 $"), realm=A, mode="Inactive"), EVENTS.format(1))))
    ue = Peer(stage, Stream(access, UE_SOURCE), ue_session(True, version, identity)).connects().up()
    settle(ue)
    assert ue.session.state is tls.State.UP
    ue.sends(b"early words")
    core = given(stage.orders(add(
        "core", stream(local("TCP", "active"), remote("TCP", "passive", PEER), realm=C), EVENTS.format(2), context=1)))
    stage.does(OpenStream(Stream(core, PEER)))
    peer = Peer(stage, Stream(core, PEER)).up().reads()
    assert peer.heard == b""
    stage.orders(modify("ip/1/access/1", stream(remote("TCP/TLS", "active", UE, f"a=fingerprint:{UE_PRINT}"))))
    if identity is UE_IDENTITY:
        settle(ue, peer)
        assert peer.heard == b"early words"
    else:
        assert stage.notified() == ("ip/1/access/1", "tlsbsc/BNCChange", {"Type": "Fail"})
        settle(ue, peer)
        assert ue.secured[-1] == tls.Failed("the peer sent the fatal alert bad_certificate", 42, False)
        assert (peer.heard, peer.ended) == (b"", True)


def test_no_client_hello_in_time():
    """F5: both ends wait as TLS servers; after 10 s TCP goes, and the other leg."""
    stage = Stage()
    access, core = originating(stage)
    ue = Peer(stage, Stream(access, UE_SOURCE)).connects()
    stage.does(OpenStream(Stream(core, PEER)))
    peer = Peer(stage, Stream(core, PEER)).up()
    ue.up()
    stage.later(9.9).does_nothing().later(0.2)
    assert stage.notified() == ("ip/1/access/2", "tlsbsc/BNCChange", {"Type": "Fail"})
    settle(ue, peer)
    assert ue.ended and peer.ended


def test_a_tls_signal_before_tcp_is_remembered():
    """The gateway is TLS client on a connection that comes in later (R-6.2.10.3-9: BFCP, terminating)."""
    stage = Stage()
    access = given(stage.orders(add("access", stream(
        local("TCP/TLS/BFCP", "passive", "a=fingerprint:SHA-256 $"),
        remote("TCP/TLS/BFCP", "active", UE, f"a=fingerprint:{UE_PRINT}"), realm=A),
        "Signals { tlsbsc/EstBNC { Stream = 1 } }")))
    ue = Peer(stage, Stream(access, UE_SOURCE), ue_session(False)).connects().up()
    settle(ue)
    assert [type(event) for event in ue.secured] == [tls.Established, tls.Verified]


def test_tls_server_on_a_connection_that_the_gateway_opened():
    """R-6.2.10.3-9: BFCP, originating: AGW is TCP client and TLS server; no signal is given."""
    stage = Stage()
    access = given(stage.orders(add("access", stream(
        local("TCP/TLS/BFCP", "active", "a=fingerprint:SHA-256 $"),
        remote("TCP/TLS/BFCP", "passive", UE, f"a=fingerprint:{UE_PRINT}"), realm=A),
        "Signals { tcpbcc/EstBNC { Stream = 1 } }")))
    stage.does(OpenStream(Stream(access, UE)))
    ue = Peer(stage, Stream(access, UE), ue_session(True)).up()
    settle(ue)
    assert [type(event) for event in ue.secured] == [tls.Established, tls.Verified]


def test_a_tls_signal_after_tcp_is_up_starts_the_handshake():
    """The worked message 6.5: TCP came first, the role came with the answer."""
    stage = Stage()
    access = given(stage.orders(add("access", stream(
        local("TCP/TLS", "actpass", "a=fingerprint:SHA-256 $"), realm=A))))
    ue = Peer(stage, Stream(access, UE_SOURCE), ue_session(False)).connects().up()
    stage.later(60.0).does_nothing()
    stage.orders("Context = 1 { Modify = ip/1/access/1 { Signals { tlsbsc/EstBNC { Stream = 1 } } } }")
    stage.does(SendStream)
    stage.open = [stage.all[-1]]
    ue.reads()
    stage.orders(modify("ip/1/access/1", stream(remote("TCP/TLS", "active", UE, f"a=fingerprint:{UE_PRINT}"))))
    settle(ue)
    assert tls.Verified() in ue.secured


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", bytes(1000), b"\x16\x03\x01\x00\x05hello", b"\xff"])
def test_garbage_as_tls_ends_the_session(octets):
    """Octets that are no TLS: reported, released, and nothing of them on the core."""
    stage = Stage()
    access, core = originating(stage)
    ue = Peer(stage, Stream(access, UE_SOURCE)).connects()
    stage.does(OpenStream(Stream(core, PEER)))
    peer = Peer(stage, Stream(core, PEER)).up()
    ue.up().raw(octets)
    stage.take() if len(octets) == 1 else None
    if len(octets) > 1:
        assert stage.notified()[1:] == ("tlsbsc/BNCChange", {"Type": "Fail"})
        settle(ue, peer)
        assert ue.ended and peer.ended
    assert peer.heard == b""


def test_keys_are_logged_only_where_asked():
    """A key log opens the session to whoever has the capture."""
    for log_keys in (False, True):
        stage = Stage(log_keys=log_keys)
        established(stage)
        lines = [command for command in stage.all if isinstance(command, LogKeys)]
        assert len(lines) == (5 if log_keys else 0)


# Payload

@pytest.mark.parametrize(("ue_mode", "passes"), [
    ("SendReceive", (True, True)), ("ReceiveOnly", (True, False)),
    ("SendOnly", (False, True)), ("Inactive", (False, False)),
])  # fmt: skip
def test_mode_gates_each_direction(ue_mode, passes):
    """R-5.2-5: what may not pass is held, not lost, and passes when the gate opens."""
    stage = Stage()
    ue, peer = plain_up(stage, ue_mode)
    ue.sends(b"up")
    peer.sends(b"down")
    settle(ue, peer)
    assert (peer.heard, ue.heard) == (b"up" if passes[0] else b"", b"down" if passes[1] else b"")
    stage.orders(modify("ip/1/access/1", stream()))
    settle(ue, peer)
    assert (peer.heard, ue.heard) == (b"up", b"down")


def test_reading_stops_while_the_other_leg_is_not_ready():
    """Back-pressure: a peer can't make the gateway hold more than a little over the limit; nothing is dropped."""
    stage = Stage(held=1000)
    ue, peer = plain_up(stage, "Inactive")
    for _ in range(3):
        ue.sends(b"x" * 400)
    stage.does(PauseStream(ue.stream))
    stage.orders(modify("ip/1/access/1", stream()))
    settle(ue, peer)
    assert peer.heard == b"x" * 1200
    assert PauseStream(ue.stream, paused=False) in stage.all


def test_what_a_ue_sends_before_its_fingerprint_is_bounded():
    """Held by TLS: reading stops at the limit, and goes on when the fingerprint is there."""
    stage = Stage(held=1000)
    access = given(stage.orders(add("access", stream(local("TCP/TLS", "passive", "a=fingerprint:$"), realm=A))))
    ue = Peer(stage, Stream(access, UE_SOURCE), ue_session(True)).connects().up()
    settle(ue)
    ue.sends(b"x" * 2000).reads()
    assert ue.paused
    core = given(stage.orders(add(
        "core", stream(local("TCP", "active"), remote("TCP", "passive", PEER), realm=C), context=1)))
    stage.take()
    peer = Peer(stage, Stream(core, PEER)).up()
    stage.orders(modify("ip/1/access/1", stream(remote("TCP/TLS", "active", UE, f"a=fingerprint:{UE_PRINT}"))))
    settle(ue, peer)
    assert len(peer.heard) == 2000
    assert not ue.paused


# Release

@pytest.mark.parametrize("version", VERSIONS)
def test_close_notify_of_the_ue_releases_both_legs(version):
    """F8, R-6.2.10.3-15: what it said is delivered, its TCP goes, the core leg goes, the release is reported."""
    stage = Stage()
    ue, peer = established(stage, version)
    ue.sends(b"last words").closes()
    assert stage.notified() == ("ip/1/access/2", "g/cause", {"Generalcause": "NR"})
    settle(ue, peer)
    assert peer.heard == b"last words"
    assert ue.ended and peer.ended
    assert ue.secured[-1] == tls.PeerClosed()
    peer.sees(StreamEnded(peer.stream)).sees(StreamClosed(peer.stream))
    ue.sees(StreamClosed(ue.stream))
    stage.later(60.0).does_nothing()


def test_fin_without_close_notify_is_a_truncation():
    """S19: reported as a failure of the bearer; both legs are released."""
    stage = Stage()
    ue, peer = established(stage)
    ue.sees(StreamEnded(ue.stream))
    assert stage.notified() == ("ip/1/access/2", "g/cause", {"Generalcause": "FT"})
    settle(ue, peer)
    assert ue.ended and peer.ended


def test_fin_of_the_core_closes_tls_first():
    """R-6.2.10.3-17: close_notify, then FIN, and RST for a UE that does not close."""
    stage = Stage()
    ue, peer = established(stage)
    peer.sends(b"bye").closes()
    assert stage.notified() == ("ip/1/core/1", "g/cause", {"Generalcause": "NR"})
    settle(ue, peer)
    assert ue.heard == b"bye"
    assert ue.secured[-1] == tls.PeerClosed()
    assert ue.ended and peer.ended
    peer.sees(StreamClosed(peer.stream))
    ue.sees(StreamFlushed(ue.stream))
    stage.later(5.1).does(AbortStream(ue.stream))


def test_the_gateway_that_does_not_close_tls():
    """The weakened variant sends FIN only."""
    stage = Stage(close_tls=False)
    ue, peer = established(stage)
    peer.closes()
    stage.notified()
    settle(ue, peer)
    assert ue.ended
    assert tls.PeerClosed() not in ue.secured


def test_the_gateway_that_does_not_release_the_other_leg():
    """The weakened variant keeps the core connection when TLS ends."""
    stage = Stage(release_linked=False)
    ue, peer = established(stage)
    ue.closes()
    stage.notified()
    settle(ue, peer)
    assert ue.ended and not peer.ended


def test_half_close_is_passed_on():
    """R-5.16.2.2-8: FIN behind everything received; the other direction goes on until its own FIN."""
    stage = Stage()
    ue, peer = plain_up(stage)
    ue.sends(b"question").closes()
    assert stage.notified() == ("ip/1/access/1", "g/cause", {"Generalcause": "NR"})
    settle(ue, peer)
    assert (peer.heard, peer.ended, ue.ended) == (b"question", True, False)
    peer.sends(b"answer").closes()
    settle(ue, peer)
    assert (ue.heard, ue.ended) == (b"answer", True)
    ue.sees(StreamClosed(ue.stream))
    peer.sees(StreamClosed(peer.stream))
    stage.does_nothing()


@pytest.mark.parametrize("reason", [Failure.RESET, Failure.TIMED_OUT])
def test_a_reset_is_mirrored(reason):
    """F9: RST on one leg, RST on the other; the lost bearer is reported."""
    stage = Stage()
    ue, peer = plain_up(stage)
    peer.sees(StreamClosed(peer.stream, reason))
    stage.open.sort(key=lambda c: isinstance(c, SendDatagram))
    stage.does(AbortStream(ue.stream))
    assert stage.notified() == ("ip/1/core/2", "g/cause", {"Generalcause": "FT"})


def test_a_reset_during_the_handshake_is_a_tls_failure():
    """F5: reported by the TLS state event."""
    stage = Stage()
    access, core = originating(stage)
    ue = Peer(stage, Stream(access, UE_SOURCE), ue_session(True)).connects().up()
    stage.take()
    ue.sees(StreamClosed(ue.stream, Failure.RESET))
    assert stage.notified() == ("ip/1/access/2", "tlsbsc/BNCChange", {"Type": "Fail"})
    stage.does(AbortStream(Stream(core, PEER)))


def test_subtract_closes_tls_and_then_tcp():
    """R-6.2.10.3-16/17: close_notify, FIN on both legs, and the ports answer with RST again."""
    stage = Stage()
    ue, peer = established(stage)
    stage.orders("Context = 1 { W-Subtract = * { Audit { } } }")
    settle(ue, peer)
    assert ue.secured[-1] == tls.PeerClosed()
    assert ue.ended and peer.ended
    assert {c.local for c in stage.all if isinstance(c, Unlisten)} >= {ue.stream.local}
    ue.closes()
    ue.sees(StreamClosed(ue.stream))
    stage.later(59.0).does_nothing()
    peer.sees(StreamFlushed(peer.stream))
    stage.later(0.9).does_nothing()
    stage.later(5.1).does(AbortStream(peer.stream))
    assert stage.node.next_wakeup() is None


def test_a_peer_that_takes_nothing_is_given_up():
    """What is queued may take its time (`drain`), but not for ever: RST after a minute without an acknowledged FIN."""
    stage = Stage()
    ue, peer = established(stage)
    stage.orders("Context = 1 { W-Subtract = * { Audit { } } }")
    settle(ue, peer)
    ue.closes()
    ue.sees(StreamClosed(ue.stream))
    stage.later(59.0).does_nothing()
    stage.later(1.1).does(AbortStream(peer.stream))


def test_subtract_of_what_never_came_up():
    """Listeners go, a connection attempt is aborted; nothing is left behind."""
    stage = Stage()
    inside, outside = plain(stage)
    Peer(stage, Stream(inside, UE_SOURCE)).connects()
    stage.does(OpenStream(Stream(outside, PEER)))
    stage.orders("Context = 1 { W-Subtract = * { Audit { } } }")
    stage.does(AbortStream(Stream(inside, UE_SOURCE)), AbortStream(Stream(outside, PEER)))
    stage.sees(StreamOffered(Stream(inside, UE_SOURCE))).does(RefuseStream, Drop)


def test_a_release_signal_ends_the_session():
    """tlsbsc/RelBNC: close_notify, FIN, and the other leg too; tcpbcc/RelBNC with Reset: RST."""
    stage = Stage()
    ue, peer = established(stage)
    stage.orders("Context = 1 { Modify = ip/1/access/2 { Signals { tlsbsc/RelBNC { Stream = 1 } } } }")
    settle(ue, peer)
    assert ue.secured[-1] == tls.PeerClosed()
    assert ue.ended and peer.ended
    stage = Stage()
    ue, peer = plain_up(stage)
    stage.orders("Context = 1 { Modify = ip/1/access/1 { Signals { tcpbcc/RelBNC { Stream = 1, Reset = ON } } } }")
    stage.does(AbortStream(ue.stream), EndStream(peer.stream))


def test_a_local_sent_again_disturbs_nothing():
    """R-S6-1: renegotiation without a=connection:new leaves TCP and TLS as they are; with it, both are new."""
    stage = Stage()
    ue, peer = established(stage)
    again = (local("TCP/TLS", "passive", f"a=fingerprint:{AGW_PRINT}", "a=connection:{}",
                   host=ue.stream.local.host, port=ue.stream.local.port),
             remote("TCP/TLS", "active", UE, f"a=fingerprint:{UE_PRINT}"))
    stage.orders(modify("ip/1/access/2", stream(*(text.replace("{}", "existing") for text in again))))
    stage.does_nothing()
    ue.sends(b"still here")
    settle(ue, peer)
    assert peer.heard == b"still here"
    stage.orders(modify("ip/1/access/2", stream(*(text.replace("{}", "new") for text in again))))
    stage.does(AbortStream(ue.stream))
    second = Peer(stage, Stream(ue.stream.local, Endpoint(UE.host, 5556)), ue_session(True)).connects().up()
    settle(second, peer)
    second.sends(b" and again")
    settle(second, peer)
    assert peer.heard == b"still here and again"


def test_a_changed_fingerprint_on_a_running_session_ends_it():
    """S12: a re-offer with a fingerprint that the running session's certificate does not match."""
    stage = Stage()
    ue, peer = established(stage)
    stage.orders(modify("ip/1/access/2", stream(
        remote("TCP/TLS", "active", UE, f"a=fingerprint:{OTHER_PRINT}"))))
    stage.notified()
    settle(ue, peer)
    assert ue.secured[-1] == tls.Failed("the peer sent the fatal alert bad_certificate", 42, False)


# Anything at any time

_STEPS = [order for order in itertools.permutations(["ue", "words", "core", "remote", "peer"])
          if order.index("ue") < order.index("words") and order.index("core") < order.index("peer")]


@pytest.mark.parametrize("order", _STEPS, ids=" ".join)
@pytest.mark.parametrize("identity", [UE_IDENTITY, OTHER_IDENTITY], ids=["announced", "another"])
def test_no_payload_before_the_check(order, identity):
    """R-6.2.10.3-11: in whatever order things happen, the core hears the announced UE, all of it, and nobody else."""
    stage = Stage()
    access = given(stage.orders(add("access", stream(local("TCP/TLS", "passive", "a=fingerprint:$"), realm=A))))
    ue = Peer(stage, Stream(access, UE_SOURCE), ue_session(True, identity=identity))
    peer: Peer | None = None
    for step in order:
        match step:
            case "ue":
                ue.connects().up()
            case "words" if ue.session.state is tls.State.UP:
                ue.sends(b"words")
            case "core":
                outside = given(stage.orders(add("core", stream(
                    local("TCP", "passive"), remote("TCP", "active", PEER), realm=C), context=1)))
            case "peer":
                peer = Peer(stage, Stream(outside, Endpoint(PEER.host, 6000)))
                stage.sees(StreamOffered(peer.stream))
                accepted = any(isinstance(command, AcceptStream) for command in stage.take())
                peer = peer.up() if accepted else None
            case "remote":
                theirs = remote("TCP/TLS", "active", UE, f"a=fingerprint:{UE_PRINT}")
                stage.orders(modify("ip/1/access/1", stream(theirs)))
        settle(ue, *([peer] if peer is not None else []))
        if peer is not None and (identity is OTHER_IDENTITY or "remote" not in order[: order.index(step) + 1]):
            assert peer.heard == b""
    if identity is UE_IDENTITY:
        assert peer is not None
        assert peer.heard == b"words"


_STREAMS = [Stream(Endpoint(host, port), far) for host, port in (("198.51.100.20", 40_002), ("198.51.100.21", 40_000))
            for far in (UE_SOURCE, PEER)]
_HAPPENINGS = st.one_of(
    *(st.builds(kind, st.sampled_from(_STREAMS)) for kind in (StreamOffered, StreamOpened, StreamEnded, StreamClosed)),
    st.builds(StreamData, st.sampled_from(_STREAMS), st.binary(max_size=60)),
    st.builds(StreamFailed, st.sampled_from(_STREAMS), st.sampled_from(Failure)),
    st.builds(StreamClosed, st.sampled_from(_STREAMS), st.sampled_from(Failure)),
    st.sampled_from([
        "Context = 1 { W-Subtract = * }", "Context = 1 { Modify = ip/1/access/2 { Signals { tlsbsc/EstBNC } } }",
        modify("ip/1/access/2", stream(mode="Inactive")), modify("ip/1/core/1", stream()),
        "Context = 1 { Subtract = ip/1/core/1 }"]),
    st.floats(0.1, 20.0),
)


@settings(max_examples=120, deadline=None)
@having(st.lists(_HAPPENINGS, max_size=14))
def test_no_order_of_happenings_upsets_the_gateway(script):
    """Whatever the network and the controller do, in any order: commands, never an exception, no octet behind FIN."""
    stage = Stage()
    originating(stage)
    for step in script:
        if isinstance(step, str):
            stage.number += 1
            stage.tells(f"Transaction = {stage.number} {{ {step} }}")
        elif isinstance(step, float):
            stage.later(step)
        else:
            stage.sees(step)
        sent: set[Stream] = set()
        for command in stage.take():
            assert not (isinstance(command, SendStream) and command.stream in sent), "octets behind FIN"
            if isinstance(command, EndStream):
                sent.add(command.stream)
