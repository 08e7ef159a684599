"""The NAT and TCP: timers that follow the connection, and what an unsolicited SYN gets."""

from __future__ import annotations

import pytest
from nat_stage import AD, APD, EI, FRIEND, INSIDE, OUTSIDE, STRANGER, Box, packet

from workbench.net import packets
from workbench.net.packets import ACK, FIN, PSH, RST, SYN, TCP
from workbench.net.values import Drop, Endpoint, SendPacket
from workbench.nodes.nat import TCP_SECONDS, TRANSITORY_SECONDS
from workbench.nodes.nat.tracking import TRANSITIONS, Mark, Phase, follow, lasts

PORT = Endpoint(OUTSIDE, INSIDE.port)


def converse(box, *segments, now=0.0):
    """Let segments pass, each `out` or `in` with its flags, one after the other at one time."""
    for way, flags in segments:
        if way == "out":
            assert box.out(INSIDE, FRIEND, TCP, flags, now) == PORT
        else:
            assert box.back(FRIEND, PORT, TCP, flags, now) == INSIDE


def lives(box, now):
    """Whether the binding is still there: a segment of the friend comes in."""
    return box.back(FRIEND, PORT, TCP, ACK, now) == INSIDE


OPENED = (("out", SYN), ("in", SYN | ACK), ("out", ACK))

# RFC 5382 REQ-5, RFC 7857 §2, §2.2: which segments leave the binding with which timer.
TIMERS = {
    "a SYN alone": ((("out", SYN),), TRANSITORY_SECONDS),
    "a SYN that was refused": ((("out", SYN), ("in", RST | ACK)), TRANSITORY_SECONDS),
    "an open connection": (OPENED, TCP_SECONDS),
    "a simultaneous open": ((("out", SYN), ("in", SYN), ("out", SYN | ACK)), TCP_SECONDS),
    "one side has said FIN": ((*OPENED, ("out", FIN | ACK)), TCP_SECONDS),
    "both have said FIN": ((*OPENED, ("out", FIN | ACK), ("in", FIN | ACK), ("out", ACK)), TRANSITORY_SECONDS),
    "the outside resets": ((*OPENED, ("in", RST)), TRANSITORY_SECONDS),
    "the inside resets": ((*OPENED, ("out", RST)), TRANSITORY_SECONDS),
    "an RST that nobody believed": ((*OPENED, ("in", RST), ("out", PSH | ACK)), TCP_SECONDS),
    "a new SYN after the end": ((*OPENED, ("out", FIN | ACK), ("in", FIN | ACK), ("out", SYN)), TRANSITORY_SECONDS),
    "met in the middle": ((("out", PSH | ACK),), TRANSITORY_SECONDS),
    "met in the middle, answered": ((("out", PSH | ACK), ("in", ACK), ("out", ACK)), TCP_SECONDS),
}


@pytest.mark.parametrize("name", TIMERS)
def test_the_timer_follows_the_connection(name):
    """RFC 5382 REQ-5: 2 h 4 min for what is established, 4 min for what is partially open, closing or reset."""
    segments, seconds = TIMERS[name]
    for moment, alive in ((seconds - 1, True), (seconds + 1, False)):
        box = Box()
        converse(box, *segments)
        assert lives(box, moment) is alive


def test_timers_are_settings():
    """A NAT may be set to shorter times than the RFCs allow; real ones are."""
    box = Box(tcp_seconds=30.0, transitory_seconds=5.0)
    converse(box, *OPENED)
    assert lives(box, 29.0) and not lives(box, 31.0)
    box = Box(tcp_seconds=30.0, transitory_seconds=5.0)
    converse(box, ("out", SYN))
    assert not lives(box, 6.0)


def test_only_the_inside_keeps_a_connection():
    """RFC 4787 REQ-6: data from outside refreshes nothing; data from inside does."""
    box = Box(tcp_seconds=100.0)
    converse(box, *OPENED)
    converse(box, ("in", PSH | ACK), now=90.0)
    assert not lives(box, 101.0)
    box = Box(tcp_seconds=100.0)
    converse(box, *OPENED)
    converse(box, ("out", ACK), now=90.0)
    assert lives(box, 189.0)


def test_an_rst_from_inside_refreshes_nothing():
    """RFC 7857 §7.1: the RST that answers an unwanted segment does not keep the binding alive."""
    box = Box()
    converse(box, ("out", SYN))
    converse(box, ("in", RST), ("out", RST), now=200.0)
    assert not lives(box, TRANSITORY_SECONDS + 1)


def test_an_rst_makes_no_binding():
    """An RST of a connection that the NAT has forgotten would leave from a wrong port; it does not leave."""
    assert Box().out(INSIDE, FRIEND, TCP, RST) == "RST of a connection that is not known"


def test_a_forgotten_connection_goes_on():
    """A segment from inside makes the binding anew, so that with port preservation the connection survives."""
    box = Box()
    converse(box, *OPENED)
    converse(box, ("out", PSH | ACK), ("in", ACK), now=TCP_SECONDS + 1)


def test_every_transition_leads_somewhere_else():
    """The table has no row that says nothing, and none for a phase that a session can't leave to."""
    assert all(follow(*key) is not key[0] or key == (Phase.SYN_OUT, "out", Mark.SYN) for key in TRANSITIONS)
    assert set(Phase) - {Phase.NEW} == set(TRANSITIONS.values())
    assert {phase for phase in Phase if lasts(phase)} == {Phase.ESTABLISHED, Phase.FIN_OUT, Phase.FIN_IN}


# RFC 5382 REQ-4

def unsolicited(behaviour, filtering=APD):
    """A NAT whose inside has sent to the friend, and a stranger's SYN to that port."""
    box = Box(filtering=filtering, unsolicited=behaviour)
    box.out(INSIDE, FRIEND, TCP)
    return box, packet(STRANGER, PORT, TCP)


def test_an_unsolicited_syn_is_dropped():
    """Silence: the remote side's own timer decides."""
    box, syn = unsolicited("drop")
    (dropped,) = box.give("access", syn)
    assert isinstance(dropped, Drop) and box.nat.next_wakeup() is None


def test_an_unsolicited_syn_is_reset_at_once():
    """A NAT that breaks REQ-4 sends the RST that a host without a listener would send (RFC 9293 §3.10.7.1)."""
    box, syn = unsolicited("reset")
    _, sent = box.give("access", syn)
    assert sent.wire == "access"
    reset = packets.decode_tcp(packets.decode_ip(sent.packet))
    assert (reset.source, reset.destination) == (PORT, STRANGER)
    assert (reset.flags, reset.acknowledgment, reset.checksum_ok) == (RST | ACK, 1001, True)


def test_an_unsolicited_syn_gets_icmp_after_six_seconds():
    """REQ-4: no answer for six seconds; then ICMP port unreachable, type 3 code 3, for the SYN; a repetition none."""
    box, syn = unsolicited("icmp")
    for now in (0.0, 1.0, 3.0):
        (dropped,) = box.give("access", syn, now)
        assert isinstance(dropped, Drop)
    assert box.nat.next_wakeup() == 6.0
    assert box.wake(5.9) == []
    (sent,) = box.wake(6.0)
    ip = packets.decode_ip(sent.packet)
    error = packets.decode_icmp(ip)
    assert (ip.source, ip.destination, error.type, error.code) == (OUTSIDE, STRANGER.host, 3, 3)
    assert packets.decode_quoted(error)[1:3] == (STRANGER, PORT)
    assert box.nat.next_wakeup() is None


def test_an_outbound_syn_takes_the_answer_back():
    """REQ-4: if the inside opens the same connection within six seconds, the SYN is dropped silently."""
    box, syn = unsolicited("icmp")
    box.give("access", syn)
    assert box.out(INSIDE, Endpoint(STRANGER.host, 1), TCP, now=5.0) == PORT      # not that connection
    assert box.nat.next_wakeup() == 6.0
    assert box.out(INSIDE, STRANGER, TCP, now=5.5) == PORT
    assert box.nat.next_wakeup() is None and box.wake(6.0) == []
    assert box.back(STRANGER, PORT, TCP, SYN, now=7.0) == INSIDE                   # its repetition


def test_a_syn_for_a_port_without_binding_is_unsolicited_too():
    """REQ-4 speaks of any SYN that is not let in."""
    for behaviour, commands in (("drop", 1), ("reset", 2), ("icmp", 1)):
        box = Box(unsolicited=behaviour)
        assert len(box.give("access", packet(STRANGER, PORT, TCP))) == commands
        assert (box.nat.next_wakeup() is None) == (behaviour != "icmp")


@pytest.mark.parametrize("behaviour", ["drop", "reset", "icmp"])
@pytest.mark.parametrize("flags", [ACK, SYN | ACK, RST, RST | ACK, FIN | ACK, PSH | ACK])
def test_only_a_syn_is_answered(behaviour, flags):
    """What opens nothing gets nothing: an answer would tell a scanner that somebody is there."""
    box, _ = unsolicited(behaviour)
    (dropped,) = box.give("access", packet(STRANGER, PORT, TCP, flags))
    assert isinstance(dropped, Drop) and box.nat.next_wakeup() is None


@pytest.mark.parametrize("filtering", [EI, AD])
def test_a_syn_that_is_let_in_is_not_unsolicited(filtering):
    """Where the filter admits the SYN, the host inside answers, not the NAT."""
    box = Box(filtering=filtering, unsolicited="reset")
    box.out(INSIDE, FRIEND, TCP)
    (sent,) = box.give("access", packet(Endpoint(FRIEND.host, 9), PORT, TCP))
    assert isinstance(sent, SendPacket) and sent.wire == "home"


def test_waiting_syns_are_bounded():
    """A flood of SYNs makes a NAT hold no more than it may, and wake no more often."""
    box = Box(unsolicited="icmp", most_held=10)
    for number in range(1000):
        box.give("access", packet(Endpoint("192.0.2.1", 1 + number), PORT, TCP))
    assert len(box.wake(6.0)) == 10
