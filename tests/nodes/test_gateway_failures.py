"""The failure table of TCP bearers: what the gateway does on the wire, and what its controller reads (F1-F4, F9, F12).

F5 to F8 (TLS) stand in `test_ims_agw`.
"""

from __future__ import annotations

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
    error,
    given,
    local,
    modify,
    plain,
    plain_up,
    remote,
    stream,
)

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Drop,
    Endpoint,
    Failure,
    Listen,
    OpenStream,
    RefuseStream,
    SendDatagram,
    Stream,
    StreamClosed,
    StreamFailed,
    StreamOffered,
    Unlisten,
)

UE_SOURCE = Endpoint(UE.host, 5555)
PEER_SOURCE = Endpoint(PEER.host, 6000)
SIDES = [pytest.param(0, id="access"), pytest.param(1, id="core")]


def both_passive(stage: Stage, *signals: str) -> tuple[Endpoint, Endpoint]:
    """Merge: ip/1/access/1 and ip/1/core/2, both passive."""
    inside = given(stage.orders(add("access", stream(
        local("TCP", "passive"), remote("TCP", "active", UE), realm=A), EVENTS.format(1), *signals)))
    outside = given(stage.orders(add("core", stream(
        local("TCP", "passive"), remote("TCP", "active", PEER), realm=C), EVENTS.format(2), context=1)))
    return inside, outside


def closes(stage: Stage, peer: Peer, reason: Failure | None = None) -> None:
    """The connection is gone; commands for the other one stay open, before what is notified."""
    peer.sees(StreamClosed(peer.stream, reason))
    stage.open.sort(key=lambda command: isinstance(command, SendDatagram))


# F1

@pytest.mark.parametrize(("asked", "code"), [
    (add("access", stream(local("UDP/BFCP", "passive"), realm=A)), 515),
    (add("access", stream(local("TCP", "passive"), realm="nowhere.example.net")), 449),
    (add("access", 'Media { Stream = 1 { LocalControl { Mode = SendReceive, xx/yy = 1, ipdc/realm = "'
         + A + '" }, ' + local("TCP", "passive") + " } }"), 440),
    (add("access", 'Media { Stream = 1 { LocalControl { Mode = SendReceive, tman/none = 1, ipdc/realm = "'
         + A + '" }, ' + local("TCP", "passive") + " } }"), 450),
    (add("access", stream(local("TCP", "passive"), realm=A), "Signals { tcpbcc/none { Stream = 1 } }"), 452),
    (add("access", stream(local("TCP", "passive"), realm=A), "Events = 1 { tcpbcc/none { Stream = 1 } }"), 451),
    (add("access", stream(local("TCP", "passive"), realm=A), "Signals { tcpbcc/EstBNC { Stream = 1 } }"), 473),
    (add("access", stream(local("TCP", "holdconn"), realm=A), "Signals { tcpbcc/EstBNC { Stream = 1 } }"), 473),
    (add("access", stream(local("TCP", "active"), realm=A), "Signals { tcpbcc/EstBNC { Stream = 1 } }"), 441),
    (add("access", stream(local("TCP/MSRP", "passive", "a=path:msrp://x"), realm=A)), 449),
])  # fmt: skip
def test_f1_a_reservation_that_cant_be_had(asked, code):
    """F1: an error reply says which; nothing is listened on, claimed or kept."""
    stage = Stage()
    found = error(stage.orders(asked))
    assert found is not None
    assert found[0] == code, found
    assert not any(isinstance(command, Listen) for command in stage.all)
    assert stage.node._control.bearers == {}
    assert error(stage.orders("Context = * { AuditValue = * { Audit { } } }")) == (411, "no context")


# F2

@pytest.mark.parametrize("reason", [Failure.REFUSED, Failure.TIMED_OUT, Failure.UNREACHABLE])
@pytest.mark.parametrize("held", [False, True], ids=["answered", "held"])
def test_f2_the_outgoing_connection_fails(reason, held):
    """F2: the interlinked incoming one is reset, or refused if it was held; told once, at the leg that failed."""
    stage = Stage(hold_incoming=held)
    inside, outside = plain(stage)
    incoming, outgoing = Stream(inside, UE_SOURCE), Stream(outside, PEER)
    stage.sees(StreamOffered(incoming))
    stage.does(*([] if held else [AcceptStream(incoming)]), OpenStream(outgoing))
    stage.sees(StreamFailed(outgoing, reason)).does(RefuseStream(incoming) if held else AbortStream(incoming))
    assert stage.notified() == ("ip/1/core/2", "tcpbcc/BNCChange", {"Type": "Fail"})
    stage.later(100.0).does_nothing()


# F3

@pytest.mark.parametrize("guard", [5.0, 30.0])
def test_f3_the_incoming_connection_never_comes(guard):
    """F3: nothing on the wire; after the guard time it is reported, and the port is closed."""
    stage = Stage(tcp_guard=guard)
    inside, _ = plain(stage)
    stage.later(guard - 0.1).does_nothing().later(0.2)
    assert stage.notified() == ("ip/1/access/1", "tcpbcc/BNCChange", {"Type": "Fail"})
    stage.does_nothing()
    assert Unlisten(inside) in stage.all
    stage.sees(StreamOffered(Stream(inside, UE_SOURCE))).does(RefuseStream, Drop)
    stage.later(100.0).does_nothing()


def test_f3_the_guard_does_not_count_before_both_ends_are_open():
    """Waiting has no end while the session is being set up: a reserved leg may wait for as long as the callee rings."""
    stage = Stage()
    plain(stage, mode="Inactive")
    stage.later(500.0).does_nothing()
    stage.orders(modify("ip/1/access/1", stream()))
    stage.later(30.1)
    assert stage.notified() == ("ip/1/access/1", "tcpbcc/BNCChange", {"Type": "Fail"})


# F4

@pytest.mark.parametrize("came", SIDES)
def test_f4_one_of_two_peers_never_comes(came):
    """F4, R-5.16.2.3-11: the missing leg is reported, the other one is closed; its early octets go nowhere."""
    stage = Stage()
    local_ = both_passive(stage)[came]
    peer = Peer(stage, Stream(local_, (UE_SOURCE, PEER_SOURCE)[came])).connects().up().sends(b"early")
    stage.later(29.9).does_nothing().later(0.2)
    missing = ("ip/1/core/2", "ip/1/access/1")[came]
    assert stage.notified() == (missing, "tcpbcc/BNCChange", {"Type": "Fail"})
    stage.does(AbortStream(peer.stream)).later(100.0).does_nothing()


def test_f4_neither_peer_comes():
    """Both legs are missing: each guard time ends; one report is enough, since the pair is given up with it."""
    stage = Stage()
    inside, outside = both_passive(stage)
    stage.later(30.1)
    assert stage.notified()[1:] == ("tcpbcc/BNCChange", {"Type": "Fail"})
    stage.does_nothing()
    assert {Unlisten(inside), Unlisten(outside)} <= set(stage.all)


# F9

@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("merged", [False, True], ids=["interlinked", "merged"])
def test_f9_a_peer_closes(side, merged):
    """F9: FIN behind all that was said; reported as released at the leg where it came; nothing is reported twice."""
    stage = Stage()
    ends = _up(stage, merged=merged)
    closing, other = ends[side], ends[1 - side]
    closing.sends(b"last words").closes()
    assert stage.notified() == (("ip/1/access/1", "ip/1/core/2")[side], "g/cause", {"Generalcause": "NR"})
    other.reads()
    assert (other.heard, other.ended, other.aborted) == (b"last words", True, False)
    other.closes()
    closing.reads()
    assert closing.ended
    closes(stage, other)
    closes(stage, closing)
    stage.later(100.0).does_nothing()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("merged", [False, True], ids=["interlinked", "merged"])
def test_f9_a_peer_resets(side, merged):
    """F9: RST is mirrored as RST; reported as lost at the leg where it came."""
    stage = Stage()
    ends = _up(stage, merged=merged)
    closes(stage, ends[side], Failure.RESET)
    stage.does(AbortStream(ends[1 - side].stream))
    assert stage.notified() == (("ip/1/access/1", "ip/1/core/2")[side], "g/cause", {"Generalcause": "FT"})
    stage.later(100.0).does_nothing()


def test_f9_nothing_is_told_that_was_not_asked_for():
    """Notify Released Bearer is the controller's choice: without g/cause in Events the release is not reported."""
    stage = Stage()
    ue, peer = plain_up(stage)
    stage.orders(modify("ip/1/access/1", "Events = 9 { tcpbcc/BNCChange { Stream = 1, Type = Fail } }"))
    ue.closes()
    peer.reads()
    assert peer.ended
    assert not any(isinstance(command, SendDatagram) for command in stage.take())


# F12

def test_f12_a_heartbeat_for_a_context_that_nobody_knows():
    """F12: the controller has lost the context; the heartbeat tells it the name, and Subtract frees everything."""
    stage = Stage()
    inside = given(stage.orders(add("access", stream(
        local("TCP", "passive"), realm=A), "Events = 1 { hangterm/thb { timerx = 60 } }")))
    Peer(stage, Stream(inside, UE_SOURCE)).connects().up()
    stage.later(60.1)
    assert stage.notified()[:2] == ("ip/1/access/1", "hangterm/thb")
    assert error(stage.orders("Context = 1 { Subtract = ip/1/access/1 { Audit { } } }")) is None
    stage.take()
    assert stage.node._control.bearers == {}
    assert error(stage.orders("Context = 1 { AuditValue = * { Audit { } } }")) == (411, "unknown ContextID")
    stage.later(600.0)


def _up(stage: Stage, *, merged: bool) -> tuple[Peer, Peer]:
    if not merged:
        return plain_up(stage)
    inside, outside = both_passive(stage)
    return (Peer(stage, Stream(inside, UE_SOURCE)).connects().up(),
            Peer(stage, Stream(outside, PEER_SOURCE)).connects().up())
