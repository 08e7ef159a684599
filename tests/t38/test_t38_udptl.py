"""UDPTL: packets, redundancy, FEC, losses, repetition and order (T.38 §9)."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from t38_vectors import FEC_CALL, UDPTL

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.events import IfpReceived, Lost, PacketDropped, Repeated, Way
from workbench.protocols.t38.machine import HOLD_SECONDS, Correction, Receiver, Sender
from workbench.protocols.t38.messages import Fec, UdptlPacket

BOTH = pytest.mark.parametrize("correction", [Correction.REDUNDANCY, Correction.FEC])


def call(count: int) -> list[bytes]:
    """IFP packets that all differ, none of which ends with a zero."""
    return [bytes.fromhex("c801b00003") + number.to_bytes(3, "big") + b"\x01" for number in range(count)]


def sent(packets: list[bytes], correction=Correction.REDUNDANCY, **settings) -> list[bytes]:
    sender = Sender(correction, **settings)
    return [sender.send(one) for one in packets]


def heard(datagrams, receiver: Receiver | None = None) -> list:
    receiver = Receiver() if receiver is None else receiver
    return [event for one in datagrams for event in receiver.receive_data(one, 0.0)] + receiver.flush()


def octets_of(events) -> list[bytes]:
    return [event.octets for event in events if isinstance(event, IfpReceived)]


@pytest.mark.parametrize("name", UDPTL)
def test_worked_packets(name):
    """Octets put together by hand from the module, and what they say (rules T1, T3)."""
    octets, packet = UDPTL[name]
    assert udptl.decode(bytes.fromhex(octets)) == packet
    assert udptl.encode(packet) == bytes.fromhex(octets)


@pytest.mark.parametrize("name", UDPTL)
def test_no_cut_is_a_packet(name):
    """Every cut and every octet more is refused (rules T11, T12)."""
    octets = bytes.fromhex(UDPTL[name][0])
    for wrong in (*(octets[:size] for size in range(len(octets))), octets + b"\0"):
        with pytest.raises(MalformedMessageError):
            udptl.decode(wrong)


@given(st.binary(max_size=80), st.integers(0, 200))
def test_garbage_never_escapes(octets, place):
    """Garbage, and worked packets with octets changed: a packet, or the codec's own error; no receiver raises."""
    whole = bytes.fromhex(UDPTL["end"][0])
    mutated = whole[: place % len(whole)] + octets[:3] + whole[place % len(whole) + len(octets[:3]) :]
    receiver = Receiver()
    for data in (octets, mutated, b"\0\1" + octets):
        with contextlib.suppress(MalformedMessageError):
            packet = udptl.decode(data)
            assert udptl.decode(udptl.encode(packet)) == packet
        receiver.receive_data(data, 0.0)
    receiver.flush()


@pytest.mark.parametrize(("octets", "what"), [
    ("0000 00 00 00", "primary packet of no octets"), ("0000 01 02 80 01 ff 00", "FEC span -1"),
    ("0000 01 02 80 05 0000000001 00", "a number of 5 octets"), ("0000 01 02 00 8100", "256 entries; 255 are read")])
def test_what_is_wrong_is_said(octets, what):
    with pytest.raises(MalformedMessageError, match=what):
        udptl.decode(bytes.fromhex(octets))


@pytest.mark.parametrize("packet", [
    UdptlPacket(65536, b"x"), UdptlPacket(0, b""), UdptlPacket(0, b"x", (b"y",), Fec(1, ())),
    UdptlPacket(0, b"x", (b"",) * 256), UdptlPacket(0, b"x", (), Fec(256, ())), UdptlPacket(0, bytes(16384))])
def test_we_do_not_build_what_no_receiver_reads(packet):
    with pytest.raises(LocalProtocolError):
        udptl.encode(packet)


def test_redundancy_on_the_wire():
    """The worked call of depth 2, packet by packet."""
    names = ("first", "one before", "two before", "data", "end", "silence")
    packets = [UDPTL[name][1].primary for name in names]
    assert sent(packets) == [bytes.fromhex(UDPTL[name][0]) for name in names]


def test_fec_on_the_wire():
    """The worked call: entry 0 is packet 10 XOR 12, entry 1 is packet 11 XOR 13."""
    sender = Sender(Correction.FEC, span=2, entries=2, first=10)
    datagrams = [sender.send(one) for one in FEC_CALL]
    assert datagrams[-1] == bytes.fromhex(UDPTL["fec"][0])
    assert [udptl.decode(one).fec for one in datagrams[:2]] == [None, None]
    assert [len(udptl.decode(one).fec.entries) for one in datagrams[2:]] == [1, 1, 2]


@BOTH
@given(st.integers(0, 65535), st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=12))
def test_what_is_sent_arrives(correction, first, packets):
    """Any packets from any number on, numbers wrapping (rule T7): in order, each once, nothing lost."""
    receiver = Receiver()
    lead = [b"\x02"]
    events = heard(sent(lead + packets, correction, first=first, span=2, entries=2), receiver)
    known = [event for event in events if isinstance(event, IfpReceived)]
    assert [event.octets for event in known] == lead + packets
    assert known[-1].sequence == (first + len(packets)) % 65536
    assert not any(isinstance(event, Lost) for event in events if event.sequence > 16 or first > 16)


@pytest.mark.parametrize("lost", range(1, 9))
def test_redundancy_makes_two_in_a_row_good(lost):
    """Depth 2: two consecutive losses cost nothing, three cost exactly one, order is kept (rules T4, T5)."""
    packets = call(12)
    datagrams = sent(packets)
    events = heard(datagrams[:lost] + datagrams[lost + 2 :])
    assert octets_of(events) == packets
    assert [event.way for event in events[lost : lost + 3]] == [Way.REDUNDANCY, Way.REDUNDANCY, Way.PRIMARY]
    events = heard(datagrams[:lost] + datagrams[lost + 3 :])
    assert octets_of(events) == packets[:lost] + packets[lost + 1 :]
    assert [event for event in events if isinstance(event, Lost)] == [Lost(lost, 1)]


def test_fec_makes_good_what_the_worked_example_says():
    """Packet 13 lost is rebuilt exactly; packet 12 with two zeros behind it, which the decoder ignores (T8, T9)."""
    datagrams = Sender(Correction.FEC, span=2, entries=2, first=10)
    wire = [datagrams.send(one) for one in FEC_CALL]
    for lost, rebuilt in ((13, FEC_CALL[3]), (12, FEC_CALL[2] + b"\0\0")):
        receiver = Receiver(patience=4)
        events = heard([bare(one, number) for number, one in enumerate(wire, 10) if number != lost], receiver)
        (found,) = [event for event in events if isinstance(event, IfpReceived) and event.way is Way.FEC]
        assert (found.sequence, found.octets) == (lost, rebuilt)
        assert ifp.decode(found.octets, rebuilt=True) == ifp.decode(FEC_CALL[lost - 10])
        assert [event.sequence for event in events if isinstance(event, IfpReceived)] == [10, 11, 12, 13, 14]


def bare(octets: bytes, number: int) -> bytes:
    """The packet with FEC only where the worked example has it, in the last one."""
    packet = udptl.decode(octets)
    return octets if number == 14 else udptl.encode(UdptlPacket(packet.sequence, packet.primary))


def test_an_entry_that_lacks_two_rebuilds_nothing():
    """No false data (rule T10)."""
    wire = [udptl.encode(UdptlPacket(number, one)) for number, one in enumerate(FEC_CALL, 10)]
    wire[-1] = bytes.fromhex(UDPTL["fec"][0])
    events = heard([wire[0], wire[4]], Receiver(patience=9))
    assert events[1:] == [
        IfpReceived(10, FEC_CALL[0]), Lost(11, 1), IfpReceived(12, FEC_CALL[2] + b"\0\0", Way.FEC), Lost(13, 1),
        IfpReceived(14, FEC_CALL[4])]


@pytest.mark.parametrize(("span", "entries", "burst"), [(3, 3, 3), (2, 4, 4), (4, 1, 1), (1, 5, 5)])
def test_fec_makes_a_burst_good_that_is_as_long_as_its_entries(span, entries, burst):
    """As many packets in a row as a packet has entries can be rebuilt."""
    packets = call(40)
    datagrams = sent(packets, Correction.FEC, span=span, entries=entries)
    for start in range(span * entries + 2, 30 - burst):
        events = heard(datagrams[:start] + datagrams[start + burst :])
        assert octets_of(events) == packets and sum(
            isinstance(event, IfpReceived) and event.way is Way.FEC for event in events) == burst


@BOTH
def test_repeated_and_disordered_packets(correction):
    """Each IFP packet once, in order (rule T6)."""
    packets = call(20)
    datagrams = sent(packets, correction)
    twice = list(itertools.chain.from_iterable((one, one) for one in datagrams))
    events = heard(twice)
    assert octets_of(events) == packets and sum(isinstance(event, Repeated) for event in events) == 20
    swapped = [datagrams[number ^ 1] for number in range(20)]
    assert octets_of(heard(swapped, Receiver(patience=1))) == packets


def test_without_patience_a_gap_is_lost_with_the_next_packet():
    datagrams = sent(call(4), Correction.NONE)
    receiver = Receiver()
    assert heard([datagrams[0], datagrams[2]], receiver)[1:] == [Lost(1, 1), IfpReceived(2, call(4)[2])]
    assert receiver.receive_data(datagrams[1], 0.0) == [Repeated(1)]


def test_a_gap_is_given_up_in_time():
    """Where nothing more comes, what waits behind a gap is told after a while."""
    datagrams = sent(call(4), Correction.NONE)
    receiver = Receiver(patience=5)
    receiver.receive_data(datagrams[0], 1.0)
    assert receiver.next_wakeup() is None
    assert receiver.receive_data(datagrams[2], 2.0) == [] and receiver.next_wakeup() == 2.0 + HOLD_SECONDS
    assert receiver.wake(2.4) == []
    assert receiver.wake(2.5) == [Lost(1, 1), IfpReceived(2, call(4)[2])] and receiver.next_wakeup() is None


def test_a_late_packet_fills_the_gap():
    datagrams = sent(call(4), Correction.NONE)
    receiver = Receiver(patience=5)
    events = heard([datagrams[0], datagrams[3], datagrams[2], datagrams[1]], receiver)
    assert octets_of(events) == call(4) and receiver.next_wakeup() is None


def test_a_late_packet_brings_what_it_repeats():
    """Packet 3 is known from packet 4 already; when it comes itself, its own secondaries fill the gap."""
    datagrams = sent(call(5))
    bare = udptl.encode(UdptlPacket(4, call(5)[4], (call(5)[3],)))
    receiver = Receiver(patience=5)
    assert octets_of(receiver.receive_data(datagrams[0], 0.0)) == call(5)[:1]
    assert receiver.receive_data(bare, 0.0) == []
    events = receiver.receive_data(datagrams[3], 0.0)
    assert events[0] == Repeated(3) and octets_of(events) == call(5)[1:]


def test_each_gap_has_its_own_time():
    """A gap that follows on another is not given up with it."""
    datagrams = sent(call(9), Correction.NONE)
    receiver = Receiver(patience=2)
    for number, time in ((0, 0.0), (2, 0.1), (3, 0.2), (5, 0.5)):
        receiver.receive_data(datagrams[number], time)
    assert receiver.next_wakeup() == 0.5 + HOLD_SECONDS


def test_the_first_packets_may_be_lost():
    """A call starts at 0: what is missing before the first packet that comes is lost, or in its secondaries."""
    datagrams = sent(call(8))
    assert heard(datagrams[4:])[:2] == [Lost(0, 2), IfpReceived(2, call(8)[2], Way.REDUNDANCY)]
    late = sent(call(8), first=5000)
    assert octets_of(heard(late[4:])) == call(8)[2:]


def test_a_sender_that_skips_0_when_it_wraps():
    """FFFF, then 0001 (deployed): nothing is lost and nothing is told twice."""
    packets = call(4)
    wire = [udptl.encode(UdptlPacket(number, packets[index], tuple(reversed(packets[max(0, index - 2) : index]))))
            for index, number in enumerate((0xFFFE, 0xFFFF, 1, 2))]
    assert octets_of(heard(wire)) == packets
    assert not any(isinstance(event, Lost) for event in heard(wire))


def test_a_stranger_does_not_move_the_numbers_and_a_new_start_does():
    """One packet far away is dropped; two in a row mean that the sender has started anew."""
    datagrams = sent(call(5), Correction.NONE, first=9000)
    receiver = Receiver()
    heard(datagrams[:2], receiver)
    (dropped,) = receiver.receive_data(udptl.encode(UdptlPacket(20_000, b"\x02")), 0.0)
    assert isinstance(dropped, PacketDropped) and "sequence number 20000 after 9001" in str(dropped.error)
    assert octets_of(heard(datagrams[2:3], receiver)) == [call(5)[2]]
    anew = sent(call(3), Correction.NONE)
    assert octets_of(heard(anew, receiver)) == call(3)[1:]


def test_a_sender_keeps_within_what_the_peer_takes():
    """T38FaxMaxDatagram: the oldest secondaries are left out first, then FEC entries; alone too long is our fault."""
    packets = [bytes((number,)) * 80 for number in range(1, 6)]
    datagrams = sent(packets, depth=4, max_datagram=300)
    assert [len(udptl.decode(one).secondary) for one in datagrams] == [0, 1, 2, 2, 2]
    assert udptl.decode(datagrams[-1]).secondary == (packets[3], packets[2]) and max(map(len, datagrams)) <= 300
    datagrams = sent(packets, Correction.FEC, span=1, entries=4, max_datagram=300)
    assert [udptl.decode(one).fec and len(udptl.decode(one).fec.entries) for one in datagrams] == [None, 1, 2, 2, 2]
    with pytest.raises(LocalProtocolError, match="a UDPTL packet of 305 octets; 300 are taken"):
        Sender(max_datagram=300).send(bytes(299))


@pytest.mark.parametrize("settings", [{"depth": -1}, {"depth": 256}, {"span": 0}, {"entries": 128}])
def test_settings_that_are_none(settings):
    with pytest.raises(LocalProtocolError):
        Sender(**settings)


def test_what_a_peer_makes_us_hold_is_bounded():
    """Gaps in front of every packet, FEC that claims to reach far: a few hundred packets at most."""
    receiver = Receiver(patience=20)
    for number in range(0, 60_000, 3):
        fec = Fec(8, (bytes(300),) * 8)
        receiver.receive_data(udptl.encode(UdptlPacket(number, bytes(1) * 300, (), fec)), number / 100)
        assert receiver.held <= 400
    assert heard([udptl.encode(UdptlPacket(1, b"\2", (), Fec(255, (b"x",) * 255)))], Receiver())


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=60), st.sampled_from(list(Correction)),
       st.integers(0, 12))
def test_any_loss_order_and_repetition(order, correction, patience):
    """What is told is in order, each once, and is what was sent; nothing that came in order is lost."""
    packets = call(31)
    datagrams = sent(packets, correction)
    receiver = Receiver(patience=patience)
    events = heard([datagrams[number] for number, _ in order], receiver)
    told = [event for event in events if isinstance(event, IfpReceived)]
    numbers = [event.sequence for event in told]
    assert numbers == sorted(set(numbers))
    assert all(event.octets.rstrip(b"\0") == packets[event.sequence] for event in told)
