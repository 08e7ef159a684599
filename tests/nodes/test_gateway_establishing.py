"""When connections are opened and answered: roles, interlinkage, the establish signal, delay, renegotiation, merge."""

from __future__ import annotations

import itertools

import pytest
from agw_stage import (
    EVENTS,
    PEER,
    UE,
    A,
    C,
    Peer,
    Stage,
    add,
    given,
    local,
    modify,
    plain,
    plain_up,
    remote,
    settle,
    stream,
)

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Drop,
    Endpoint,
    EndStream,
    Failure,
    Listen,
    OpenStream,
    PauseStream,
    RefuseStream,
    Stream,
    StreamClosed,
    StreamFailed,
    StreamOffered,
    StreamOpened,
)
from workbench.nodes.ims_agw import Interlinkage

UE_SOURCE = Endpoint(UE.host, 5555)
PEER_SOURCE = Endpoint(PEER.host, 6000)
ESTABLISH = "Context = 1 {{ Modify = {} {{ Signals {{ tcpbcc/EstBNC {{ Stream = 1 }} }} }} }}"


# The establish signal

def test_without_interlinkage_an_incoming_connection_opens_nothing():
    """R-5.16.2.2-5: the outgoing leg waits for its order, however long, and what came in is kept."""
    stage = Stage(interlinkage=Interlinkage.ON_SIGNAL)
    inside, outside = plain(stage)
    ue = Peer(stage, Stream(inside, UE_SOURCE)).connects().up().sends(b"early")
    stage.later(5.0).does_nothing()
    stage.orders(ESTABLISH.format("ip/1/core/2"))
    stage.does(OpenStream(Stream(outside, PEER)))
    peer = Peer(stage, Stream(outside, PEER)).up()
    settle(ue, peer)
    assert peer.heard == b"early"


@pytest.mark.parametrize("interlinkage", [Interlinkage.ON_OFFER, Interlinkage.ON_SIGNAL])
def test_the_establish_signal_comes_before_the_incoming_connection(interlinkage):
    """A4 by order of the controller: the outgoing leg is up first; its octets wait for the incoming one."""
    stage = Stage(interlinkage=interlinkage)
    inside, outside = plain(stage)
    stage.orders(ESTABLISH.format("ip/1/core/2"))
    stage.does(OpenStream(Stream(outside, PEER)))
    peer = Peer(stage, Stream(outside, PEER)).up().sends(b"welcome")
    ue = Peer(stage, Stream(inside, UE_SOURCE)).connects()
    stage.does_nothing()
    ue.up()
    settle(ue, peer)
    assert ue.heard == b"welcome"


def test_without_interlinkage_a_failure_is_reported_and_no_more():
    """R-5.16.2.2-6: the controller decides about the incoming connection: it stays until then."""
    stage = Stage(interlinkage=Interlinkage.ON_SIGNAL)
    inside, outside = plain(stage)
    ue = Peer(stage, Stream(inside, UE_SOURCE)).connects().up()
    stage.orders(ESTABLISH.format("ip/1/core/2"))
    stage.does(OpenStream(Stream(outside, PEER)))
    stage.sees(StreamFailed(Stream(outside, PEER), Failure.REFUSED))
    assert stage.notified() == ("ip/1/core/2", "tcpbcc/BNCChange", {"Type": "Fail"})
    stage.does_nothing()
    stage.orders("Context = 1 { W-Subtract = * { Audit { } } }")
    stage.does(EndStream(ue.stream))


def test_without_interlinkage_a_release_is_still_passed_on():
    """The table of 3.3: what a peer closes is closed at the other leg in every state-aware stream."""
    stage = Stage(interlinkage=Interlinkage.ON_SIGNAL)
    inside, outside = plain(stage)
    ue = Peer(stage, Stream(inside, UE_SOURCE)).connects().up()
    stage.orders(ESTABLISH.format("ip/1/core/2"))
    stage.does(OpenStream)
    peer = Peer(stage, Stream(outside, PEER)).up()
    ue.closes()
    stage.notified()
    peer.reads()
    assert peer.ended


# Delayed establishment

def test_nothing_of_the_far_leg_is_heard_before_it_is_up():
    """3.4, first reading: the active peer is connected early, but not one octet reaches it before the far leg is up."""
    stage = Stage()
    inside, outside = plain(stage)
    ue = Peer(stage, Stream(inside, UE_SOURCE)).connects()
    stage.does(OpenStream(Stream(outside, PEER)))
    ue.up().sends(b"MSRP early SEND")
    stage.later(2.0)
    settle(ue)
    assert ue.octets == b""
    peer = Peer(stage, Stream(outside, PEER)).up().sends(b"MSRP early 200 OK")
    settle(ue, peer)
    assert (peer.heard, ue.heard) == (b"MSRP early SEND", b"MSRP early 200 OK")


@pytest.mark.parametrize("seconds", [0.0, 2.0, 20.0])
def test_the_active_peer_is_not_connected_before_the_far_leg(seconds):
    """3.4, second reading: the SYN stays unanswered until the outgoing connection is up, however late that is."""
    stage = Stage(hold_incoming=True)
    inside, outside = plain(stage)
    stage.sees(StreamOffered(Stream(inside, UE_SOURCE))).does(OpenStream(Stream(outside, PEER)))
    stage.later(seconds).does_nothing()
    stage.sees(StreamOpened(Stream(outside, PEER))).does(AcceptStream(Stream(inside, UE_SOURCE)))
    ue, peer = Peer(stage, Stream(inside, UE_SOURCE)).up(), Peer(stage, Stream(outside, PEER))
    peer.sends(b"now")
    settle(ue, peer)
    assert ue.heard == b"now"


def test_a_held_connection_waits_for_the_establish_signal():
    """Both knobs: the SYN is held, and what ends its waiting is the controller's order."""
    stage = Stage(hold_incoming=True, interlinkage=Interlinkage.ON_SIGNAL)
    inside, outside = plain(stage)
    stage.sees(StreamOffered(Stream(inside, UE_SOURCE))).does_nothing()
    stage.orders(ESTABLISH.format("ip/1/core/2"))
    stage.does(OpenStream(Stream(outside, PEER)))
    stage.sees(StreamOpened(Stream(outside, PEER))).does(AcceptStream(Stream(inside, UE_SOURCE)))


def test_a_held_connection_that_waits_too_long_is_refused():
    """No order comes: after the guard time the held SYN gets RST, and the leg is reported."""
    stage = Stage(hold_incoming=True, interlinkage=Interlinkage.ON_SIGNAL)
    inside, _ = plain(stage)
    stage.sees(StreamOffered(Stream(inside, UE_SOURCE)))
    stage.later(30.1).does(RefuseStream(Stream(inside, UE_SOURCE)))
    assert stage.notified() == ("ip/1/access/1", "tcpbcc/BNCChange", {"Type": "Fail"})


# holdconn

@pytest.mark.parametrize("theirs", ["holdconn", "active", None])
def test_holdconn_waits_for_another_role(theirs):
    """Row 10 of 3.1: no connection is let in, opened or missed until a re-offer gives a role."""
    stage = Stage()
    inside = given(stage.orders(add("access", stream(
        local("TCP", "holdconn"), remote("TCP", theirs, UE), realm=A), EVENTS.format(1))))
    outside = given(stage.orders(add("core", stream(
        local("TCP", None), remote("TCP", "holdconn", PEER), realm=C), EVENTS.format(2), context=1)))
    stage.later(100.0).does_nothing()
    assert not any(isinstance(command, Listen) for command in stage.all)
    stage.sees(StreamOffered(Stream(inside, UE_SOURCE))).does(RefuseStream, Drop)
    stage.orders(modify("ip/1/access/1", stream(
        local("TCP", "passive", host=inside.host, port=inside.port), remote("TCP", "active", UE))))
    stage.orders(modify("ip/1/core/2", stream(
        local("TCP", "active", host=outside.host, port=outside.port), remote("TCP", "passive", PEER))))
    Peer(stage, Stream(inside, UE_SOURCE)).connects()
    stage.does(OpenStream(Stream(outside, PEER)))


def test_holdconn_leaves_a_connection_in_place():
    """RFC 4145 §4.1: it says that none is to be made for the time being, not that one is to end."""
    stage = Stage()
    ue, peer = plain_up(stage)
    stage.orders(modify("ip/1/access/1", stream(
        local("TCP", "holdconn", host=ue.stream.local.host, port=ue.stream.local.port),
        remote("TCP", "holdconn", UE))))
    stage.does_nothing()
    ue.sends(b"still here")
    settle(ue, peer)
    assert peer.heard == b"still here"


# Merge by proxy

def merged(stage: Stage, *signals: str) -> tuple[Endpoint, Endpoint]:
    inside = given(stage.orders(add("access", stream(
        local("TCP", "passive"), remote("TCP", "active", UE), realm=A), EVENTS.format(1), *signals)))
    outside = given(stage.orders(add("core", stream(
        local("TCP", "passive"), remote("TCP", "active", PEER), realm=C), EVENTS.format(2), context=1)))
    return inside, outside


_STEPS = ["ue SYN", "ue up", "ue speaks", "peer SYN", "peer up", "peer speaks"]
_ORDERS = [order for order in itertools.permutations(_STEPS)
           if all(order.index(f"{who} {a}") < order.index(f"{who} {b}")
                  for who in ("ue", "peer") for a, b in (("SYN", "up"), ("up", "speaks")))]


@pytest.mark.parametrize("order", _ORDERS, ids=", ".join)
def test_two_incoming_connections_are_joined_in_any_order(order):
    """R-5.16.2.3-8 to -10: both are answered at once, nothing is opened, all that was said early is heard, in order."""
    stage = Stage()
    inside, outside = merged(stage)
    ends = {"ue": Peer(stage, Stream(inside, UE_SOURCE)), "peer": Peer(stage, Stream(outside, PEER_SOURCE))}
    for step in order:
        who, what = step.split()
        match what:
            case "SYN":
                ends[who].connects()
            case "up":
                ends[who].up()
            case "speaks":
                for word in (b"first ", b"of ", who.encode()):
                    ends[who].sends(word)
        assert not any(isinstance(command, OpenStream) for command in stage.all)
    settle(*ends.values())
    assert (ends["peer"].heard, ends["ue"].heard) == (b"first of ue", b"first of peer")


def test_early_payload_of_a_merged_leg_is_bounded():
    """R-5.16.2.3-9: above the limit the first peer is not read any more; nothing is dropped."""
    stage = Stage(held=1_000)
    inside, outside = merged(stage)
    ue = Peer(stage, Stream(inside, UE_SOURCE)).connects().up()
    for _ in range(3):
        ue.sends(b"x" * 400)
    stage.does(PauseStream(ue.stream))
    peer = Peer(stage, Stream(outside, PEER_SOURCE)).connects().up()
    settle(ue, peer)
    assert peer.heard == b"x" * 1_200
    assert not ue.paused


@pytest.mark.parametrize("when", ["ACCEPTED", "UP", "both"])
def test_a_second_syn_on_an_occupied_leg_is_refused(when):
    """R-5.4-7: the first connection wins, at whatever point of the merge."""
    stage = Stage()
    inside, outside = merged(stage)
    ue = Peer(stage, Stream(inside, UE_SOURCE)).connects()
    if when != "ACCEPTED":
        ue.up()
    if when == "both":
        Peer(stage, Stream(outside, PEER_SOURCE)).connects().up()
    second = Stream(inside, Endpoint(UE.host, 5556))
    stage.sees(StreamOffered(second)).does(
        RefuseStream(second), Drop(StreamOffered(second), "a connection is in place, the first one wins"))


@pytest.mark.parametrize("latch", [False, True])
def test_a_merged_leg_takes_another_source_with_latching_only(latch):
    """R-5.4-4, R-5.4-6: a UE behind a NAT is not where its SDP says."""
    stage = Stage()
    signals = ["Signals { ipnapt/latch { Stream = 1, napt = LATCH } }"] if latch else []
    inside, _ = merged(stage, *signals)
    natted = Stream(inside, Endpoint("203.0.113.10", 61_000))
    stage.sees(StreamOffered(natted))
    stage.does(*([AcceptStream(natted)] if latch else [RefuseStream(natted), Drop]))


# Renegotiation

@pytest.mark.parametrize("word", ["existing", "new", None])
def test_a_connection_is_kept_or_made_anew(word):
    """A9: a=connection:new at both legs gives up both connections and makes them again; otherwise nothing moves."""
    stage = Stage()
    ue, peer = plain_up(stage)
    lines = [] if word is None else [f"a=connection:{word}"]
    stage.orders(modify("ip/1/access/1", stream(
        local("TCP", "passive", *lines, host=ue.stream.local.host, port=ue.stream.local.port),
        remote("TCP", "active", UE, *lines))))
    stage.does(*([AbortStream(ue.stream)] if word == "new" else []))
    stage.orders(modify("ip/1/core/2", stream(
        local("TCP", "active", *lines, host=peer.stream.local.host, port=peer.stream.local.port),
        remote("TCP", "passive", Endpoint(PEER.host, 7396), *lines))))
    if word != "new":
        stage.does_nothing()
        return
    stage.does(AbortStream(peer.stream))
    Peer(stage, Stream(ue.stream.local, Endpoint(UE.host, 5556))).connects()
    stage.does(OpenStream(Stream(peer.stream.local, Endpoint(PEER.host, 7396))))


def test_an_ended_connection_comes_back_when_it_is_to_be_new():
    """OVER is left by a=connection:new only: the port listens again, and the guard time begins anew."""
    stage = Stage()
    ue, peer = plain_up(stage)
    ue.closes()
    stage.notified()
    peer.reads().closes()
    ue.reads()
    for one in (ue, peer):
        one.sees(StreamClosed(one.stream))
    again = Stream(ue.stream.local, Endpoint(UE.host, 5556))
    stage.sees(StreamOffered(again)).does(RefuseStream, Drop)
    lines = ["a=connection:new"]
    stage.orders(modify("ip/1/access/1", stream(
        local("TCP", "passive", *lines, host=ue.stream.local.host, port=ue.stream.local.port),
        remote("TCP", "active", UE, *lines))))
    stage.orders(modify("ip/1/core/2", stream(
        local("TCP", "active", *lines, host=peer.stream.local.host, port=peer.stream.local.port),
        remote("TCP", "passive", PEER, *lines))))
    stage.take()
    Peer(stage, again).connects()
    stage.does(OpenStream(Stream(peer.stream.local, PEER)))
