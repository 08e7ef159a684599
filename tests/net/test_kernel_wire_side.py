"""What the kernel network knows of the packets on its wires: who waits, and why a packet was sent.

Needs no privilege.
"""

from __future__ import annotations

from workbench.net.interface import Foot, Host, Plan, Wire
from workbench.net.kernel.clock import RunClock
from workbench.net.kernel.flows import Flows
from workbench.net.kernel.layout import Owners
from workbench.net.kernel.reasons import Reasons
from workbench.net.packets import ACK, FIN, RST, SYN, Tcp, Udp
from workbench.net.values import AbortStream, Endpoint, EndStream, OpenStream, SendDatagram, SendStream, Stream

A, B = Endpoint("10.1.0.1", 4000), Endpoint("10.1.0.2", 5000)
WRAPS = 0xFFFFFFFE      # sequence numbers wrap within the first octets


def test_an_unacknowledged_octet_is_waited_for():
    """From the segment to its acknowledgment somebody waits; sequence numbers may wrap."""
    flows = Flows(patience=1.3)
    assert not flows.waits(0.0)
    flows.saw(Tcp(A, B, WRAPS, 1, ACK, 100, b"12345"), 0.0)
    assert flows.waits(1.0)
    flows.saw(Tcp(B, A, 1, WRAPS + 2 & 0xFFFFFFFF, ACK, 100), 1.0)
    assert flows.waits(1.0)
    flows.saw(Tcp(B, A, 1, 3, ACK, 100), 1.0)
    assert not flows.waits(1.0)


def test_nobody_is_waited_for_in_vain():
    """RST ends the wait, and so does a sender that has given up: each repetition comes after twice the time."""
    flows = Flows(patience=1.3)
    flows.saw(Tcp(A, B, 7, 0, SYN, 100), 0.0)
    flows.saw(Tcp(B, A, 0, 8, RST | ACK, 0), 0.1)
    assert not flows.waits(0.1)
    flows.saw(Tcp(A, B, 7, 0, SYN, 100), 0.2)
    assert flows.waits(1.4)
    flows.saw(Tcp(A, B, 7, 0, SYN, 100), 1.4)
    assert flows.waits(4.4)
    assert not flows.waits(4.6)


def test_octets_find_their_comments():
    """A segment carries the comments of the orders whose octets it holds; a repetition says that it is one."""
    stream = Stream(A, B)
    reasons = Reasons()
    for command in (OpenStream(stream, "open"), SendStream(stream, b"12", "one"), SendStream(stream, b"345", "two"),
                    EndStream(stream, "end")):
        reasons.note(command)
    said = [reasons.of_segment(Tcp(A, B, WRAPS + offset & 0xFFFFFFFF, 1, flags, 100, data)) for offset, flags, data in (
        (0, SYN, b""), (0, SYN, b""), (1, ACK, b"1"), (2, ACK, b"2345"), (2, ACK, b"2"), (6, ACK | FIN, b""),
        (6, ACK, b""))]
    assert said == ["open", "retransmission: open", "one", "one; two", "retransmission: one", "end", ""]
    reasons.note(AbortStream(stream, "away"))
    assert reasons.of_segment(Tcp(A, B, 7, 1, RST, 0)) == "away"
    assert reasons.of_segment(Tcp(B, A, 7, 1, ACK, 0, b"not ours")) == ""


def test_datagrams_find_their_comments():
    """Equal datagrams take their comments in order; one that nobody ordered has none."""
    reasons = Reasons()
    for data, why in ((b"x", "one"), (b"y", "two"), (b"x", "three")):
        reasons.note(SendDatagram(A, B, data, why))
    assert [reasons.of_datagram(Udp(A, B, data)) for data in (b"y", b"x", b"x", b"x")] == ["two", "one", "three", ""]


def test_the_clock_stands_and_jumps_and_never_goes_back():
    """It runs between `go` and `stop` only, not past what is due, and only forwards."""
    clock = RunClock()
    clock.set(5.0)
    assert clock.now == clock.now == 5.0
    clock.set(4.0)
    assert clock.now == 5.0
    clock.go(5.0)
    clock.stop()
    assert clock.now == 5.0


def test_packets_go_to_the_owner_or_the_next_hop():
    """A wire is a segment: the owner of the destination hears a packet, else the sender's next hop on that wire."""
    owners = Owners(Plan(
        (Host("a", (Foot("w", "10.1.0.1", next_hop="10.1.0.9"),)), Host("b", (Foot("w", "10.1.0.2"),)),
         Host("n", (Foot("w", "10.1.0.9"), Foot("v", "10.9.0.9")))), (Wire("w"), Wire("v"))))
    assert owners.receiver("a", "w", "10.1.0.2") == "b"
    assert owners.receiver("a", "w", "192.0.2.1") == "n"
    assert owners.receiver("b", "w", "192.0.2.1") is None
    batch = owners.namespaces()[0].batch
    assert "route add 10.1.0.2/32 dev wb0 src 10.1.0.1" in batch
    assert "route add 0.0.0.0/0 dev wb0 src 10.1.0.1" in batch
