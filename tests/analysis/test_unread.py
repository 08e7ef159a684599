"""Every frame is part of a message, plain overhead, or not read with a reason: the sum is the capture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from analysis.link_frames import REQUEST, A, B, capture, ip
from typer.testing import CliRunner

from workbench import analyze
from workbench.analysis import pcapng
from workbench.analysis.pcapng import Reader, Writer
from workbench.analysis.report import Report
from workbench.analysis.unread import IN_MESSAGES, Ledger
from workbench.cli import app
from workbench.net import packets
from workbench.net.values import Endpoint

STORED = sorted((Path(__file__).parents[2] / "captures").glob("*.pcapng"))


def total(report: Report) -> int:
    return sum(report.accounted.values()) + sum(row.frames for row in report.unread)


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_of_a_stored_capture_nothing_is_left_unread(path: Path) -> None:
    """Each frame is in a message or an acknowledgment, and the sum is right."""
    report = analyze(path)
    assert report.unread == () and total(report) == report.packets
    assert report.accounted[IN_MESSAGES] > report.packets / 2
    assert set(report.accounted) <= {IN_MESSAGES, "TCP acknowledgments", "TCP retransmissions"}


def without_secrets(path: Path, target: Path) -> None:
    with Reader(path) as reader, Writer(target) as writer:
        wires: dict[str, int] = {}
        for packet in reader:
            if packet.wire not in wires:
                wires[packet.wire] = writer.interface(packet.wire, packet.link)
            writer.packet(wires[packet.wire], packet.time_ns, packet.octets)


@pytest.mark.parametrize(("name", "what"), [("e2ae-msrp-originating", "TLS records"),
                                            ("t38-dtls-originating", "DTLS records")])
def test_without_keys_protected_records_are_not_read(tmp_path: Path, name: str, what: str) -> None:
    """The same call without its secrets: what the keys would open is told, and no finding rests on it unsaid."""
    path = tmp_path / "closed.pcapng"
    without_secrets(next(one for one in STORED if one.stem == name), path)
    report = analyze(path)
    (row,) = report.unread
    assert (row.what, row.reason) == (what, "no key for it") and row.frames > 3 and row.octets > 100
    assert total(report) == report.packets


def udp(data: bytes, source: Endpoint = A, destination: Endpoint = B) -> bytes:
    return packets.encode_udp(source, destination, data)


def tcp(data: bytes, sequence: int = 1, flags: int = packets.ACK, port: int = 80) -> bytes:
    return packets.encode_tcp(packets.Tcp(Endpoint("192.0.2.1", 40000), Endpoint("192.0.2.2", port), sequence, 1, flags,
                                          65535, data))


DNS = bytes.fromhex("abcd01000001000000000000") + b"\x03www\x07example\x00\x00\x01\x00\x01"
FRIENDS = {
    "HTTP": (tcp(b"GET /sip:a@b HTTP/1.1\r\nHost: x\r\n\r\n"), "TCP that looks like HTTP"),
    "HTTP answer": (tcp(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "TCP that looks like HTTP"),
    "RTSP": (tcp(b"OPTIONS rtsp://x/a RTSP/1.0\r\nCSeq: 1\r\n\r\n", port=554), "TCP that looks like RTSP"),
    "SMTP": (tcp(b"220 mail.example ESMTP\r\n", port=25), "TCP that looks like SMTP"),
    "SSH": (tcp(b"SSH-2.0-OpenSSH_9\r\n", port=22), "TCP that looks like SSH"),
    "DNS": (udp(DNS), "UDP that looks like DNS"),
    "QUIC": (udp(b"\xc3\0\0\0\1\x08" + bytes(range(40))), "UDP that looks like QUIC"),
    "RTP": (udp(b"\x80\x08" + bytes(170)), "UDP that looks like RTP"),
    "octets in front of SIP": (udp(b"\0\1\2" + REQUEST), "UDP"),
    "half of a SIP request": (tcp(REQUEST[:60], port=5060), "TCP"),
    "IGMP": (ip(bytes(8), 2), ""),
}


@pytest.mark.parametrize("name", list(FRIENDS))
def test_false_friends_stay_unknown(tmp_path: Path, name: str) -> None:
    """What only looks a bit like signalling is no message of any protocol, on whatever port, and is told as unread."""
    octets, what = FRIENDS[name]
    path = tmp_path / "friend.pcapng"
    path.write_bytes(capture([(pcapng.RAW, octets)]))
    report = analyze(path)
    assert {message.protocol for message in report.messages} <= {"unknown"}
    assert [row.what for row in report.unread] == [what] * bool(what)
    assert total(report) == 1


def test_acknowledgments_repeats_and_holes_of_tcp(tmp_path: Path) -> None:
    """A segment that came before is a retransmission; one that only acknowledges says so."""
    path = tmp_path / "tcp.pcapng"
    whole = [tcp(b"", 0, packets.SYN, 5060), tcp(REQUEST, 1, port=5060), tcp(REQUEST, 1, port=5060),
             tcp(b"", 1 + len(REQUEST), port=5060)]
    path.write_bytes(capture([(pcapng.RAW, octets) for octets in whole]))
    report = analyze(path)
    assert report.accounted == {IN_MESSAGES: 2, "TCP retransmissions": 1, "TCP acknowledgments": 1}
    assert report.unread == ()


def test_unread_stands_before_any_conclusion(tmp_path: Path) -> None:
    """In text the line comes right behind the first one; JSON has the table, and how every frame counts."""
    path = tmp_path / "some.pcapng"
    path.write_bytes(capture([(pcapng.RAW, udp(REQUEST)), (pcapng.RAW, udp(DNS)), (pcapng.RAW, udp(DNS))]))
    first, second = CliRunner().invoke(app, ["analyze", str(path)]).stdout.splitlines()[:2]
    assert "3 frames" in first and second.strip().startswith(
        f"not read: UDP that looks like DNS: 2 frames, {2 * len(DNS)} octets (from frame 2): ")
    told = json.loads(CliRunner().invoke(app, ["analyze", "--json", str(path)]).stdout)
    assert told["accounted"] == {IN_MESSAGES: 1}
    assert told["unread"] == [{"what": "UDP that looks like DNS", "reason": "a protocol that is not read here",
                               "frames": 2, "octets": 2 * len(DNS), "first": 2}]


def test_a_ledger_tells_what_nobody_spoke_of() -> None:
    """Frames without a word are not read; so are those of more kinds than are told apart; the sum stays right."""
    ledger = Ledger()
    for number in range(1, 400):
        ledger.unread((number,), f"kind {number}", "because", 1)
    read, rows = ledger.account(500)
    assert read == {} and sum(row.frames for row in rows) == 500
    assert rows[0].what == "other frames" and any(row.reason == "nothing was said of them" for row in rows)
