"""Contexts: Move, topology, attributes, wildcards, lists, audits of contexts, at an engine that knows all of it."""

from __future__ import annotations

import pytest
from agw_stage import ACCESS, CORE, EVENTS, PEER, UE, A, C, Peer, add, error, given, local, plain_up, remote, stream
from gateway_stage import PASSIVE, Full, codes, command, several

from workbench.net.values import (
    Endpoint,
    Failure,
    Listen,
    OpenStream,
    Stream,
    StreamClosed,
    StreamEnded,
    StreamFull,
    StreamWritable,
    Unlisten,
)
from workbench.nodes.gateway.settings import Limits
from workbench.protocols.h248 import message as h248


def names(reply: h248.Reply) -> list[tuple[int, tuple[str, ...]]]:
    return [(action.context, one.terminations) for action in reply.actions for one in action.commands]


# Move

def test_move_to_another_context():
    """The termination goes with its connection and what it says; its new partner hears it, the old one does not."""
    stage = Full()
    ue, peer = plain_up(stage)
    third = Endpoint("10.0.0.9", 5009)
    reply = stage.orders(add("access", stream(PASSIVE, remote("TCP", "active", third), realm=A)))
    other = Peer(stage, Stream(given(reply), third)).connects().up()
    assert names(stage.orders("Context = 2 { Move = ip/1/access/1 }")) == [(2, ("ip/1/access/1",))]
    ue.sends(b"new")
    peer.reads()
    other.reads()
    assert (peer.heard, other.heard) == (b"", b"new")
    other.sends(b"back")
    ue.reads()
    assert ue.heard == b"back"
    assert [answer.terminations for answer in stage.audit("", "*", 1)] == [("ip/1/core/2",)]
    statistics = stage.value("Statistics", "ip/1/access/1", 2)
    assert [item.value for item in statistics.items][:2] == ["4", "3"]


def test_move_makes_a_context_and_the_empty_one_vanishes():
    """CHOOSE makes a context; the old one goes with its last termination (H.248.1 §6.1, §7.2.3)."""
    stage = Full()
    stage.orders(add("access", stream(PASSIVE, realm=A), EVENTS.format(7)))
    reply = stage.orders("Context = $ { Move = ip/1/access/1 }")
    assert names(reply) == [(2, ("ip/1/access/1",))]
    assert error(stage.orders("Context = 1 { AuditValue = * { Audit { } } }")) == (411, "unknown ContextID")
    assert stage.value("Events", "ip/1/access/1", 2).request_id == 7


def test_move_with_descriptors():
    """Descriptors of a Move take effect as those of a Modify; what was left open is answered."""
    stage = Full()
    stage.orders(add("access", stream(PASSIVE, realm=A)))
    stage.orders(add("core", stream(PASSIVE, realm=C)))
    reply = stage.orders(f"Context = 2 {{ Move = ip/1/access/1 {{ {stream(PASSIVE, mode='Inactive')}, "
                         "Events = 9 { g/cause } } }")
    assert given(reply) == Endpoint(ACCESS, 40_000)
    assert stage.value("Media", "ip/1/access/1", 2).streams[0].local_control.mode == "Inactive"
    assert stage.value("Events", "ip/1/access/1", 2).request_id == 9


def test_a_connection_that_came_before_the_move_triggers_the_new_partner():
    """Incoming triggers outgoing, also when the two meet only later."""
    stage = Full()
    reply = stage.orders(add("access", stream(PASSIVE, remote("TCP", "active", UE), realm=A)))
    Peer(stage, Stream(given(reply), UE)).connects().up()
    outside = given(stage.orders(add("core", stream(
        local("TCP", "active"), remote("TCP", "passive", PEER), realm=C))))
    stage.orders("Context = 2 { Move = ip/1/access/1 }")
    stage.does(OpenStream(Stream(outside, PEER)))


MOVES = {
    "into the null context": ("Context = - { Move = ip/1/access/1 }", 421),
    "of ROOT": ("Context = 1 { Move = ROOT }", 542),
    "of what does not exist": ("Context = 1 { Move = ip/1/access/9 }", 430),
    "to where it is": ("Context = 1 { Move = ip/1/access/1 }", 433),
    "of CHOOSE": ("Context = 1 { Move = ip/1/access/$ }", 410),
    "of nothing": ("Context = 1 { Move = ip/9/* }", 431),
    "into a full context": ("Context = 1 { Move = ip/1/access/3 }", 434),
    "into a new context that there is no room for": ("Context = $ { Move = ip/1/access/3 }", 412),
    "with what can't be": ("Context = 2 { Move = ip/1/access/1 { Events = 1 { g/moon } } }", 451),
}


@pytest.mark.parametrize("what", MOVES)
def test_moves_that_are_refused(what):
    """A Move that is refused changes neither context."""
    stage = Full(limits=Limits(contexts=2, terminations_per_context=2))
    for context in ("$", 1, "$"):
        stage.orders(add("access", stream(PASSIVE, realm=A), context=context))
    order, code = MOVES[what]
    assert codes(stage.orders(order)) == [code]
    found = [[one.terminations[0] for one in stage.audit("", "*", number)] for number in (1, 2)]
    assert found == [["ip/1/access/1", "ip/1/access/2"], ["ip/1/access/3"]]


def test_move_of_several():
    """A wildcard moves what matches it, from wherever it is."""
    stage = Full()
    for _ in range(3):
        stage.orders(add("access", stream(PASSIVE, realm=A)))
    reply = stage.orders("Context = 2 { Move = ip/1/access/* }")
    assert names(reply) == [(2, ("ip/1/access/1",)), (2, ("ip/1/access/3",))]
    assert codes(stage.orders("Context = 1 { AuditValue = * { Audit { } } }")) == [411]


# Lists and wildcards

def test_several_terminations_in_a_command():
    """Version 3: a list; each termination has its reply, in order."""
    stage = Full()
    reply = stage.orders(f"Context = $ {{ Add = [ip/1/access/$, ip/1/core/$] {{ {stream(PASSIVE)} }} }}")
    assert names(reply) == [(1, ("ip/1/access/1",)), (1, ("ip/1/core/2",))]
    assert given(reply).host == ACCESS
    assert command(reply, 0, 1).descriptor(h248.Media).streams[0].local[0].lines[1].value.endswith(CORE)
    reply = stage.orders(
        "Context = 1 { Modify = [ip/1/core/2, ip/1/access/1, ip/1/core/2] { Events = 4 { g/cause } } }")
    assert names(reply) == [(1, ("ip/1/core/2",)), (1, ("ip/1/access/1",))]


def test_a_list_ends_with_the_first_that_fails():
    """What came before stays."""
    stage = Full()
    stage.orders(add("access", stream(PASSIVE, realm=A)))
    reply = stage.orders("Context = 1 { Modify = [ip/1/access/1, ip/1/access/7] { Events = 4 { g/cause } } }")
    assert codes(reply) == [430]
    reply = stage.orders(f"Context = 1 {{ Add = [ip/1/core/$, ip/1/moon/$] {{ {stream(PASSIVE)} }} }}")
    assert [one.error.code if one.error else None for one in reply.actions[0].commands] == [None, 430]


def test_partial_wildcards():
    """`*` for part of a TerminationID."""
    stage = Full()
    for side in ("access", "core", "access"):
        stage.orders(add(side, stream(PASSIVE)))
    stage.orders("Context = 1 { Move = * }")
    reply = stage.orders("Context = 1 { AuditValue = ip/*/access/* { Audit { } } }")
    assert names(reply) == [(1, ("ip/1/access/1",)), (1, ("ip/1/access/3",))]


def test_a_merged_response():
    """`W-`: one reply, with each different descriptor once; statistics with all their values."""
    stage = Full()
    for context in ("$", 1):
        stage.orders(add("access", stream(PASSIVE, realm=A), EVENTS.format(7), context=context))
    reply = stage.orders("Context = 1 { W-AuditValue = * { Audit { Events, Packages } } }")
    (answer,) = reply.actions[0].commands
    assert answer.terminations == ("*",)
    assert [type(one).__name__ for one in answer.descriptors] == ["Events", "Packages"]
    reply = stage.orders("Context = 1 { W-Subtract = * }")
    (answer,) = reply.actions[0].commands
    assert [item.values for item in answer.descriptor(h248.Statistics).items] == [("0", "0")] * 3


def test_an_optional_command_that_fails_in_the_middle():
    """`O-` goes on behind a failure, also with `W-`."""
    stage = Full()
    stage.orders(add("access", stream(PASSIVE, realm=A)))
    reply = stage.orders("Context = 1 { O-Modify = ip/1/access/9 { Events }, O-W-AuditValue = ip/9/* { Audit { } }, "
                         "AuditValue = ip/1/access/1 { Audit { } } }")
    assert [one.error.code if one.error else None for one in reply.actions[0].commands] == [430, 431, None]


# All contexts

def test_the_list_of_contexts():
    """AuditValue of ROOT in all contexts lists them, one action reply each (H.248.1 §7.2.5)."""
    stage = Full()
    for _ in range(3):
        stage.orders(add("access", stream(PASSIVE, realm=A)))
    reply = stage.orders("Context = * { AuditValue = ROOT { Audit { } } }")
    assert names(reply) == [(number, ("ROOT",)) for number in (1, 2, 3)]


def test_in_which_context_a_termination_is():
    """A TerminationID in all contexts is found where it is."""
    stage = Full()
    for _ in range(3):
        stage.orders(add("access", stream(PASSIVE, realm=A)))
    assert names(stage.orders("Context = * { AuditValue = ip/1/access/2 { Audit { } } }")) == [(2, ("ip/1/access/2",))]
    assert codes(stage.orders("Context = * { AuditValue = ip/1/access/9 { Audit { } } }")) == [430]
    assert codes(stage.orders("Context = * { AuditValue = ip/9/* { Audit { } } }")) == [431]


def test_terminations_of_a_context():
    """An empty audit of all with `W-` lists the terminations: `AuditValue = Context { ... }`."""
    stage = Full()
    for context in ("$", 1):
        stage.orders(add("access", stream(PASSIVE, realm=A), context=context))
    (answer,) = stage.orders("Context = 1 { W-AuditValue = * { Audit { } } }").actions[0].commands
    assert answer.context_audit and answer.terminations == ("ip/1/access/1", "ip/1/access/2")


# Attributes

def test_context_attributes():
    """Priority, emergency and IEPS are kept, audited and changed (H.248.1 §6.1)."""
    stage = Full()
    stage.orders(add("access", stream(PASSIVE, realm=A)).replace("{", "{ Priority = 5, Emergency, IEPSCall = ON,", 1))
    audit = "Context = 1 { ContextAudit { Priority, Emergency, IEPSCall } }"
    found = stage.orders(audit).actions[0].properties
    assert (found.priority, found.emergency, found.ieps) == (5, True, True)
    stage.orders("Context = 1 { Priority = 7, EmergencyOff, AuditValue = * { Audit { } } }")
    found = stage.orders(audit).actions[0].properties
    assert (found.priority, found.emergency, found.ieps) == (7, False, True)
    assert codes(stage.orders("Context = 1 { ContextAudit { moon/phase } }")) == [440]
    assert codes(stage.orders("Context = - { Priority = 1, AuditValue = ROOT { Audit { } } }")) == [421]


def test_contexts_are_selected_by_their_attributes():
    """Version 3: an audit of all contexts may ask for those with an attribute only."""
    stage = Full()
    for attribute in ("Priority = 1,", "Emergency,", "Priority = 1, Emergency,"):
        stage.orders(add("access", stream(PASSIVE, realm=A)).replace("{", "{ " + attribute, 1))

    def chosen(select: str) -> list[int]:
        reply = stage.orders(f"Context = * {{ ContextAudit {{ Priority, {select} }} }}")
        return [action.context for action in reply.actions]

    assert chosen("EmergencyValue = Emergency") == [2, 3]
    assert chosen("Priority = 1, EmergencyValue = Emergency, ANDLgc") == [3]
    assert chosen("Priority = 1, EmergencyValue = Emergency, ORLgc") == [1, 2, 3]


# Topology

def heard(peers: list[Peer], sender: int) -> list[int]:
    """Who hears the peer of that number."""
    before = [len(peer.heard) for peer in peers]
    peers[sender - 1].sends(b"x")
    for peer in peers:
        peer.reads()
    return [number for number, (peer, length) in enumerate(zip(peers, before, strict=True), 1)
            if len(peer.heard) > length]


def test_without_topology_all_hear_all():
    """Bothway is the default; octets fan out to everybody else (H.248.1 §7.1.18)."""
    peers = several(Full(), 4)
    assert [heard(peers, number) for number in (1, 2, 3, 4)] == [[2, 3, 4], [1, 3, 4], [1, 2, 4], [1, 2, 3]]


T1, T2, T3 = (f"ip/1/access/{number}" for number in (1, 2, 3))
TOPOLOGIES = {
    "isolated": (f"{T1}, {T2}, Isolate", [[3], [3], [1, 2]]),
    "one way": (f"{T1}, {T2}, Oneway", [[2, 3], [3], [1, 2]]),
    "one way back": (f"{T2}, {T1}, Oneway", [[3], [1, 3], [1, 2]]),
    "from outside only": (f"{T1}, {T2}, OnewayExternal", [[2, 3], [3], [1, 2]]),
    "nobody": ("*, *, Isolate", [[], [], []]),
    "one who only hears": (f"*, {T3}, Oneway", [[2, 3], [1, 3], []]),
    "the last word counts": (f"*, *, Isolate, {T1}, {T2}, Bothway", [[2], [1], []]),
    "another stream": ("*, *, Isolate, Stream = 2", [[2, 3], [1, 3], [1, 2]]),
    "this stream": ("*, *, Isolate, Stream = 1", [[], [], []]),
    # 3 is cut off from 2, but hears what goes out at 1: a supervisor's ear.
    "what others send through": (f"{T2}, {T3}, Isolate, {T1}, {T3}, OnewayBoth", [[2, 3], [1, 3], []]),
}


@pytest.mark.parametrize("what", TOPOLOGIES)
def test_topology(what):
    """Who hears whom with this Topology descriptor, judged by the octets that come out."""
    triples, expected = TOPOLOGIES[what]
    stage = Full()
    peers = several(stage, 3)
    assert codes(stage.orders(f"Context = 1 {{ Topology {{ {triples} }}, AuditValue = {T1} {{ Audit {{ }} }} }}")) == []
    assert [heard(peers, number) for number in (1, 2, 3)] == expected


def test_topology_is_told_and_goes_with_its_termination():
    """ContextAudit shows the triples; those of a termination that left are gone."""
    stage = Full()
    several(stage, 3)
    stage.orders(f"Context = 1 {{ Topology {{ {T1}, {T2}, Oneway, {T2}, {T3}, Isolate, Stream = 1 }}, "
                 f"AuditValue = {T1} {{ Audit {{ }} }} }}")
    audit = "Context = 1 { ContextAudit { Topology } }"
    assert stage.orders(audit).actions[0].properties.topology == (
        h248.Topology(T1, T2, h248.TopologyDirection.ONEWAY),
        h248.Topology(T2, T3, h248.TopologyDirection.ISOLATE, 1))
    stage.orders(f"Context = 1 {{ Subtract = {T3} {{ Audit {{ }} }} }}")
    stage.take()
    assert stage.orders(audit).actions[0].properties.topology == (
        h248.Topology(T1, T2, h248.TopologyDirection.ONEWAY),)


def test_topology_of_terminations_that_the_action_makes():
    """`$` in a triple is what the action adds; the triple takes effect then."""
    stage = Full()
    stage.orders(add("access", stream(PASSIVE, realm=A)))
    stage.orders(add("access", stream(PASSIVE, realm=A), context=1).replace(
        "{", f"{{ Topology {{ {T1}, $, Isolate }},", 1))
    found = stage.orders("Context = 1 { ContextAudit { Topology } }").actions[0].properties.topology
    assert found == (h248.Topology(T1, T2, h248.TopologyDirection.ISOLATE),)


def test_topology_that_can_not_be():
    """Terminations elsewhere, or nowhere: refused, and nothing changes."""
    stage = Full()
    several(stage, 2)
    stage.orders(add("access", stream(PASSIVE, realm=A)))
    for triple, code in (
            (f"{T1}, {T3}, Isolate", 435), (f"{T1}, ip/1/access/9, Isolate", 430), ("ip/9/*, *, Isolate", 431),
            (f"{T1}, {T1}, Isolate", 522), (f"{T1}, $, Isolate", 431)):
        reply = stage.orders(f"Context = 1 {{ Topology {{ {triple} }}, AuditValue = {T1} {{ Audit {{ }} }} }}")
        assert codes(reply) == [code], triple
    assert stage.orders("Context = 1 { ContextAudit { Topology } }").actions[0].properties in (
        None, h248.ContextProperties())


def test_what_topology_holds_back_waits():
    """Two endpoints: octets that must not pass now are not lost; they pass when they may."""
    stage = Full()
    ue, peer = plain_up(stage)
    order = "Context = 1 {{ Topology {{ ip/1/access/1, ip/1/core/2, {} }}, AuditValue = * {{ Audit {{ }} }} }}"
    stage.orders(order.format("Isolate"))
    ue.sends(b"wait")
    peer.reads()
    assert peer.heard == b""
    stage.orders(order.format("Bothway"))
    peer.reads()
    assert peer.heard == b"wait"


# Several endpoints

def test_one_that_is_full_holds_the_others_back():
    """Back-pressure with three endpoints: nobody who is connected loses an octet, and nobody hears one twice."""
    stage = Full()
    peers = several(stage, 3)
    peers[1].sees(StreamFull(peers[1].stream))
    assert heard(peers, 1) == []
    peers[1].sees(StreamWritable(peers[1].stream))
    for peer in peers:
        peer.reads()
    assert [peer.heard for peer in peers] == [b"", b"x", b"x"]


@pytest.mark.parametrize("how", ["reset", "subtracted", "ended"])
def test_a_full_one_that_goes_holds_nobody_back_any_more(how):
    """The slow endpoint's connection is over: what waited for it goes to the others at once."""
    stage = Full()
    peers = several(stage, 3)
    slow = peers[1]
    slow.sees(StreamFull(slow.stream))
    assert heard(peers, 1) == []
    match how:
        case "reset":
            slow.sees(StreamClosed(slow.stream, Failure.RESET))
        case "ended":
            slow.sees(StreamEnded(slow.stream))
        case "subtracted":
            stage.orders("Context = 1 { Subtract = ip/1/access/2 { Audit { } } }")
    peers[2].reads()
    assert peers[2].heard == b"x"


def test_one_that_is_not_connected_misses_what_is_said():
    """The others do not wait for it; once connected it hears what comes from then on."""
    stage = Full()
    peers = several(stage, 2)
    late = Endpoint("10.0.0.3", 5003)
    reply = stage.orders(add("access", stream(PASSIVE, remote("TCP", "active", late), realm=A), context=1))
    assert heard(peers, 1) == [2]
    peers.append(Peer(stage, Stream(given(reply), late)).connects().up())
    assert heard(peers, 1) == [2, 3]
    assert [peer.heard for peer in peers] == [b"", b"xx", b"x"]


def test_modes_count_among_several():
    """An endpoint whose mode does not send is left out; one whose mode does not receive says nothing."""
    stage = Full()
    peers = several(stage, 3)
    stage.orders(
        "Context = 1 { Modify = ip/1/access/2 { Media { Stream = 1 { LocalControl { Mode = ReceiveOnly } } } } }")
    assert [heard(peers, number) for number in (1, 2, 3)] == [[3], [1, 3], [1]]

def test_one_of_several_that_ends_leaves_the_others():
    """The end of one connection releases no other one where there are more than two."""
    stage = Full()
    peers = several(stage, 3)
    peers[0].sees(StreamEnded(peers[0].stream))
    for peer in peers:
        peer.reads()
    assert [peer.ended for peer in peers] == [True, False, False]
    assert heard(peers, 2) == [3]


def test_a_new_endpoint_opens_when_others_are_there():
    """A connection that came in triggers every outgoing one of the stream."""
    stage = Full()
    several(stage, 2)
    where = given(stage.orders(add("core", stream(
        local("TCP", "active"), remote("TCP", "passive", PEER), realm=C), context=1)))
    stage.does(OpenStream(Stream(where, PEER)))


def test_an_empty_local_gives_the_endpoint_up():
    """The port is free again; a new Local takes another endpoint, and Remote is still known (H.248.1 §7.1.8)."""
    stage = Full(ports=(40_000, 40_002))
    reply = stage.orders(add("access", stream(PASSIVE, remote("TCP", "active", UE), realm=A)))
    first = given(reply)
    assert codes(stage.orders("Context = 1 { Modify = ip/1/access/1 { Media { Stream = 1 { "
                              "LocalControl { Mode = Inactive }, Local { } } } } }")) == []
    media = stage.value("Media", "ip/1/access/1").streams[0]
    assert media.local is None and media.remote[0].media[0].port == UE.port
    assert Unlisten(first) in stage.all
    assert given(stage.orders("Context = 1 { Modify = ip/1/access/1 { " + stream(PASSIVE) + " } }")).port == 40_002
    assert [c.local.port for c in stage.all if isinstance(c, Listen)] == [40_000, 40_002]
