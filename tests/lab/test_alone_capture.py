"""Captures of a node alone: packets rebuilt from its happenings, the file's bounds, what a killed process leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.analysis.pcapng import Reader
from workbench.errors import CaptureError
from workbench.lab.rebuilding import Rebuilder
from workbench.lab.recording import REBUILT, Plan, Recorder, planned
from workbench.lab.trace import Entry
from workbench.net import packets
from workbench.net.packets import ACK, FIN, PSH, RST, SYN
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    DatagramReceived,
    Endpoint,
    EndStream,
    Failure,
    LogKeys,
    Note,
    OpenStream,
    PacketArrived,
    RefuseStream,
    SendDatagram,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamOffered,
    StreamOpened,
)

HERE, THERE = Endpoint("192.0.2.1", 1000), Endpoint("192.0.2.2", 2000)
STREAM = Stream(HERE, THERE)
V6 = Stream(Endpoint("2001:db8::1", 1), Endpoint("2001:db8::2", 2))
PLAN = Plan({"192.0.2.1": "access", "192.0.2.1:2944": "Iq"}, {"192.0.2.1": "agw"})


def rebuilt(*whats: object) -> list[packets.Ip]:
    builder = Rebuilder()
    made = [one for what in whats for one in builder.packets(Entry(0.0, "agw", what, heard=True))]
    return [packets.decode_ip(one.octets) for one in made]


def segments(*whats: object) -> list[tuple[str, int, bytes]]:
    """Who sent it, flags and payload; checksums are right, and each direction's sequence numbers have no gap."""
    shown = []
    due: dict[Endpoint, int] = {}
    for ip in rebuilt(*whats):
        segment = packets.decode_tcp(ip)
        assert ip.checksum_ok and segment.checksum_ok
        assert segment.sequence == due.get(segment.source, segment.sequence)
        assert not segment.flags & ACK or segment.acknowledgment == due[segment.destination]
        due[segment.source] = segment.sequence + segment.length & 0xFFFFFFFF
        shown.append(("we" if segment.source in (HERE, V6.local) else "they", segment.flags, segment.payload))
    return shown


@pytest.mark.parametrize("stream", [STREAM, V6])
def test_a_connection_of_ours_from_syn_to_fin(stream: Stream):
    """SYN, SYN-ACK, ACK; octets both ways; FIN both ways, each acknowledged."""
    assert segments(OpenStream(stream), StreamOpened(stream), SendStream(stream, b"ask"), StreamData(stream, b"answer"),
                    StreamEnded(stream), EndStream(stream), StreamClosed(stream)) == [
        ("we", SYN, b""), ("they", SYN | ACK, b""), ("we", ACK, b""), ("we", PSH | ACK, b"ask"),
        ("they", PSH | ACK, b"answer"), ("they", FIN | ACK, b""), ("we", ACK, b""), ("we", FIN | ACK, b""),
        ("they", ACK, b"")]


def test_a_connection_of_theirs_that_is_reset():
    """An offered SYN, our SYN-ACK, and the RST of whoever ends it."""
    begin = (StreamOffered(STREAM), AcceptStream(STREAM), StreamOpened(STREAM))
    shaken = [("they", SYN, b""), ("we", SYN | ACK, b""), ("they", ACK, b"")]
    assert segments(*begin, AbortStream(STREAM)) == [*shaken, ("we", RST | ACK, b"")]
    assert segments(*begin, StreamClosed(STREAM, Failure.RESET)) == [*shaken, ("they", RST | ACK, b"")]


def test_connections_that_do_not_come_about():
    """Refused by us, by them, or never answered."""
    assert segments(StreamOffered(STREAM), RefuseStream(STREAM)) == [("they", SYN, b""), ("we", RST | ACK, b"")]
    assert segments(OpenStream(STREAM), StreamFailed(STREAM, Failure.REFUSED)) == [
        ("we", SYN, b""), ("they", RST | ACK, b"")]
    assert segments(OpenStream(STREAM), StreamFailed(STREAM, Failure.TIMED_OUT)) == [("we", SYN, b"")]


def test_the_same_endpoints_again_are_another_connection():
    """After its end a stream begins anew; what is no connection at all shows nothing."""
    once = segments(OpenStream(STREAM), StreamFailed(STREAM, Failure.REFUSED))
    assert segments(OpenStream(STREAM), StreamFailed(STREAM, Failure.REFUSED), StreamData(STREAM, b"late"),
                    EndStream(STREAM)) == once


def test_long_data_are_cut_and_join_again():
    """Whatever its size, the payload of the segments is the payload of the stream."""
    data = bytes(range(256)) * 1000
    cut = segments(OpenStream(STREAM), StreamOpened(STREAM), StreamData(STREAM, data))[3:]
    assert len(cut) > 1 and b"".join(payload for _, _, payload in cut) == data
    assert [bool(flags & PSH) for _, flags, _ in cut] == [False] * (len(cut) - 1) + [True]


def test_datagrams_and_packets():
    """A datagram is one packet; a packet is itself."""
    sent, came = rebuilt(SendDatagram(HERE, THERE, b"ask"), DatagramReceived(HERE, THERE, b"answer"))
    for ip, ends, data in ((sent, (HERE, THERE), b"ask"), (came, (THERE, HERE), b"answer")):
        datagram = packets.decode_udp(ip)
        assert (datagram.source, datagram.destination, datagram.data, datagram.checksum_ok) == (*ends, data, True)
    raw = packets.encode_udp(HERE, THERE, b"x")
    (one,) = Rebuilder().packets(Entry(0.0, "nat", PacketArrived("inside", raw), heard=True))
    assert (one.at, one.octets) == ("inside", raw)


# The file

def recorder(path: Path, size: int = 10_000_000, *, keylog: bool = False) -> Recorder:
    return Recorder(path, PLAN, 1_772_360_100.0, size=size, keylog=keylog)


def said(number: int = 0, *, port: int = 1000) -> Entry:
    return Entry(1.5 + number, "agw", SendDatagram(Endpoint("192.0.2.1", port), THERE, b"%d" % number, "why"), False)


def test_a_file_has_the_form_of_a_run_s(tmp_path: Path):
    """Wires are interfaces, addresses have names, frames have comments, and the section says that it was rebuilt."""
    path = tmp_path / "x.pcapng"
    made = recorder(path)
    made(said(1))
    made(said(2, port=2944))
    assert made.close() == f"2 packets in {path}"
    with Reader(path) as reader:
        frames = list(reader)
    assert [(frame.wire, frame.comment, frame.time_ns) for frame in frames] == [
        ("access", "why", 1_772_360_102_500_000_000), ("Iq", "why", 1_772_360_103_500_000_000)]
    assert reader.names == {"192.0.2.1": "agw"} and not reader.notes
    assert REBUILT.encode() in path.read_bytes()


def test_a_killed_process_leaves_all_up_to_the_break(tmp_path: Path):
    """Every packet is in the file at once; nothing waits for the end."""
    path = tmp_path / "x.pcapng"
    made = recorder(path)
    for number in range(10):
        made(said(number))
        with Reader(path) as reader:
            assert len(list(reader)) == number + 1 and not reader.notes
    made.close()


def test_a_file_does_not_grow_beyond_its_size(tmp_path: Path):
    """What does not fit is left out and counted, in what is said at the end and in the file."""
    path = tmp_path / "x.pcapng"
    made = recorder(path, 70_000, keylog=True)
    for number in range(1000):
        made(said(number))
        made(Entry(0.0, "agw", LogKeys("CLIENT_RANDOM " + "0" * 200), heard=False))
    end = made.close()
    assert path.stat().st_size <= 70_000
    assert f"; {1000 - made.file.packets} were left out because the file is full" in end
    assert b"were left out because the file is full" in path.read_bytes()
    with Reader(path) as reader:
        assert len(list(reader)) == made.file.packets > 100


@pytest.mark.parametrize("keylog", [False, True])
def test_secrets_are_in_a_file_only_if_somebody_asked(tmp_path: Path, keylog: bool):
    """`--keylog`, or nothing."""
    path = tmp_path / "x.pcapng"
    made = recorder(path, keylog=keylog)
    made(Entry(0.0, "agw", LogKeys("CLIENT_RANDOM 01 02"), heard=False))
    made(said())
    made.close()
    with Reader(path) as reader:
        list(reader)
    assert reader.secrets == ("CLIENT_RANDOM 01 02\n" if keylog else "")


def test_a_disk_that_is_full_ends_the_capture_and_not_the_node(tmp_path: Path):
    """It is said at the end; a place that can't be written is said at once."""
    if Path("/dev/full").exists():
        with pytest.raises(CaptureError, match="No space left"):
            recorder(Path("/dev/full"))
    with pytest.raises(CaptureError, match=r"none/x\.pcapng: No such file"):
        recorder(tmp_path / "none" / "x.pcapng")
    full = Path("/dev/full")
    if full.exists():
        made = recorder(tmp_path / "x.pcapng")
        made.file._writer._file.close()  # type: ignore[attr-defined]
        made.file._writer._file = full.open("wb")  # type: ignore[attr-defined]
        made(said())
        made(said())
        assert "could not be written on: No space left" in made.close() and made.file.left_out


def test_an_address_of_several_nodes_has_no_name():
    """Where all live on one address, its name would be wrong for all but one."""
    wires = {"127.0.0.1:5060": "access", "[::1]:5060": "core", "::2": "x"}
    plan = planned("alg", wires, [Endpoint("127.0.0.1", 2944)])
    assert plan.names == {"::1": "alg", "::2": "alg"} and plan.addresses == ["127.0.0.1", "::1", "::2"]


def test_what_is_no_packet_is_not_in_the_file(tmp_path: Path):
    """Remarks are for the log."""
    made = recorder(tmp_path / "x.pcapng")
    made(Entry(0.0, "agw", Note("a remark"), heard=False))
    assert made.close().startswith("0 packets")
