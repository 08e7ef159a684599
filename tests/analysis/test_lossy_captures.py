"""Captures that lack packets, or begin in the middle of connections: what is there is read, at its own time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from capturing import A, B, Talk, edited, sdp, sip, write

from workbench import analyze
from workbench.analysis.flows import innermost
from workbench.analysis.pcapng import Packet
from workbench.analysis.report import Report
from workbench.net import packets
from workbench.protocols.bfcp import messages as bfcp
from workbench.protocols.bfcp import wire as bfcp_wire
from workbench.protocols.h248.transport import Tpkt

CAPTURES = Path(__file__).parents[2] / "captures"
H248 = Tpkt.frame(b"MEGACO/2 [192.0.2.10]:2944\nTransaction = 1 { Context = - { ServiceChange = ROOT { Services { "
                  b"Method = Restart } } } }\n")
MSRP = (b"MSRP a786hjs2 SEND\r\nTo-Path: msrp://192.0.2.2:7654/jshA7weztas;tcp\r\n"
        b"From-Path: msrp://192.0.2.1:7777/iau39soe2843z;tcp\r\nMessage-ID: 87652491\r\nByte-Range: 1-5/5\r\n"
        b"Content-Type: text/plain\r\n\r\nHello\r\n-------a786hjs2$\r\n")
REQUESTS = [sip("INVITE sip:b@home2.example SIP/2.0", f"c{number}", "INVITE", sdp("192.0.2.1", 7000, "TCP/MSRP"))
            for number in range(8)]
FLOOR = [bfcp_wire.encode(bfcp.Message(bfcp.Primitive.HELLO, 1, number, 2)) for number in range(8)]
STREAMS: dict[str, list[bytes]] = {"SIP": REQUESTS, "MSRP": [MSRP] * 8, "H.248": [H248] * 8, "BFCP": FLOOR}


def read(folder: Path, talk: Talk, drop: Callable[[int], bool] = lambda number: False) -> Report:
    kept = [frame for number, frame in enumerate(talk.frames, 1) if not drop(number)]
    return analyze(write(folder / "lossy.pcapng", kept))


def found(report: Report, protocol: str) -> list[float]:
    """Times of the messages of a protocol that decode."""
    return [round(message.time, 3) for message in report.messages if message.protocol == protocol and not message.error]


@pytest.mark.parametrize("protocol", list(STREAMS))
@pytest.mark.parametrize("cut", [1, 7, 30, 200])
def test_a_capture_that_begins_inside_a_message(tmp_path: Path, protocol: str, cut: int) -> None:
    """The first segment holds the rest of a message only: all later messages are found, and the rest is told."""
    messages = STREAMS[protocol]
    talk = Talk().says(0, messages[0][min(cut, len(messages[0]) - 1) :])
    for message in messages[1:]:
        talk.says(0, message)
    report = read(tmp_path, talk)
    assert len(found(report, protocol)) == 7
    assert sum(row.frames for row in report.unread) + sum(report.accounted.values()) == 8


@pytest.mark.parametrize("protocol", list(STREAMS))
def test_a_packet_that_only_the_capture_lost(tmp_path: Path, protocol: str) -> None:
    """The other side acknowledges what is not there: the messages behind it have the time of their own frames."""
    talk, at = Talk().opens(), 1.0
    for message in STREAMS[protocol]:
        talk.says(0, message, at=at).put(1, packets.ACK, at=at + 0.01)
        at += 1.0
    lost = next(number for number, (time, *_) in enumerate(talk.frames, 1) if time == 3.0)
    report = read(tmp_path, talk, lambda number: number == lost)
    assert found(report, protocol) == [1.0, 2.0, 4.0, 5.0, 6.0, 7.0, 8.0]


@pytest.mark.parametrize("protocol", list(STREAMS))
def test_a_packet_that_came_late_is_not_lost(tmp_path: Path, protocol: str) -> None:
    """Frames out of order, and one that is sent again after a while: every message is there, once."""
    talk, at = Talk().opens(), 1.0
    for message in STREAMS[protocol]:
        talk.says(0, message, at=at)
        at += 0.1
    frames = talk.frames
    early = [*frames[:5], *frames[6:9], (1.65, *frames[5][1:]), *frames[9:]]
    assert len(found(analyze(write(tmp_path / "late.pcapng", early)), protocol)) == 8


def test_messages_stand_in_the_order_of_their_frames(tmp_path: Path) -> None:
    """What was held behind a hole does not come behind what was captured later, on whatever connection."""
    talk, other = Talk().opens(), Talk(B, A).opens()
    for number in range(4):
        talk.says(0, REQUESTS[number], at=1.0 + number)
        other.says(0, MSRP, at=1.5 + number)
    frames = sorted([*talk.frames[:4], *talk.frames[5:], *other.frames], key=lambda frame: frame[0])
    times = [message.time for message in analyze(write(tmp_path / "two.pcapng", frames)).messages]
    assert times == sorted(times)


def without(source: Path, target: Path, drop: Callable[[int, packets.Tcp], bool]) -> set[int]:
    """Write a capture again without some TCP segments; the numbers of the frames that are left."""
    def stays(packet: Packet) -> bool:
        ip = innermost(packet)
        return ip is None or ip.protocol != packets.TCP or not drop(packet.number, packets.decode_tcp(ip))

    kept: list[Packet] = []

    def change(every: list[Packet]) -> list[Packet]:
        kept.extend(packet for packet in every if stays(packet))
        return kept

    edited(source, target, change)
    return {packet.number for packet in kept}


def counted(report: Report, frames: set[int] | None = None) -> Counter[str]:
    """Messages that decode, by protocol; only those that lie in some frames."""
    return Counter(message.protocol for message in report.messages if not message.error and (
        frames is None or frames.issuperset(message.frames)) and "not readable" not in message.summary)


@pytest.mark.parametrize("name", ["e2ae-msrp-terminating", "e2ae-bfcp-renegotiation", "tcp-merge-terminating"])
def test_a_connection_without_its_beginning(tmp_path: Path, name: str) -> None:
    """TCP's handshake was not captured: all messages in the frames that are left are found."""
    source = CAPTURES / f"{name}.pcapng"
    kept = without(source, tmp_path / "middle.pcapng", lambda number, segment: bool(segment.flags & packets.SYN))
    whole, rest = counted(analyze(source), kept), counted(analyze(tmp_path / "middle.pcapng"))
    assert rest == whole and rest["TLS"] + rest["MSRP"] + rest["BFCP"] > 5


def test_records_behind_a_hole_are_decrypted(tmp_path: Path) -> None:
    """One segment with a protected record is lost: those behind it open, for their number is found again."""
    source = CAPTURES / "e2ae-msrp-terminating.pcapng"
    whole = analyze(source)
    inside = [message for message in whole.messages if message.protocol == "MSRP" and message.protected]
    lost = inside[0].frames[-1]
    kept = without(source, tmp_path / "hole.pcapng", lambda number, segment: number == lost)
    report = analyze(tmp_path / "hole.pcapng")
    behind = [message for message in report.messages if message.protocol == "MSRP" and message.protected]
    assert len(behind) == sum(kept.issuperset(message.frames) for message in inside) > 0
    assert not any("not known" in row.reason for row in report.unread)


def test_the_end_of_a_handshake_alone(tmp_path: Path) -> None:
    """A capture that begins behind the ServerHello tells records that nobody can read, and no broken handshake."""
    source = CAPTURES / "e2ae-msrp-terminating.pcapng"
    first = min(message.frames[-1] for message in analyze(source).messages if message.summary.startswith("ServerHello"))
    without(source, tmp_path / "end.pcapng", lambda number, segment: number <= first)
    report = analyze(tmp_path / "end.pcapng")
    records = [message for message in report.messages if message.protocol == "TLS"]
    assert len(records) > 3 and not any("does not decode" in message.summary for message in records)


def test_random_octets_are_taken_for_nothing(tmp_path: Path) -> None:
    """Many segments of a protocol that is not read here: none of them is recognised by chance."""
    talk, state = Talk().opens(), 1
    for _ in range(300):
        piece = bytearray()
        for _ in range(40):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            piece += (state >> 24).to_bytes(5, "big")
        talk.says(0, b"\xfe" + bytes(piece)).put(1, packets.ACK)
    assert {message.protocol for message in read(tmp_path, talk).messages} == {"TCP", "unknown"}
