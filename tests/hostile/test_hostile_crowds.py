"""Captures with much of one thing: the work grows with the capture, not with its square.

Work is counted in calls of Python functions, so that no clock is needed: four times as much of something may take
five times the work, and a view may give six times the text.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from workbench import analyze, views
from workbench.analysis.pcapng import Writer
from workbench.net import packets
from workbench.net.values import Endpoint

A, B = Endpoint("192.0.2.1", 40001), Endpoint("192.0.2.2", 2855)
CONTROLLER, GATEWAY = Endpoint("192.0.2.10", 2944), Endpoint("192.0.2.20", 2944)
FEW, MANY = 150, 600


def segment(sequence: int, data: bytes = b"", flags: int = packets.ACK, client: Endpoint = A) -> bytes:
    return packets.encode_tcp(packets.Tcp(client, B, sequence, 1, flags, 65535, data))


def opening(client: Endpoint = A) -> list[bytes]:
    answer = packets.Tcp(B, client, 0, 1, packets.SYN | packets.ACK, 65535)
    return [segment(0, flags=packets.SYN, client=client), packets.encode_tcp(answer)]


def connections(count: int) -> list[bytes]:
    return [frame for number in range(count) for frame in opening(Endpoint(A.host, 1024 + number))]


def backwards(count: int) -> list[bytes]:
    return opening() + [segment(1 + 10 * (count - number), b"0123456789") for number in range(count)]


def holes(count: int) -> list[bytes]:
    return opening() + [segment(6 + 20 * number, b"0123456789") for number in range(count)]


def overlaps(count: int) -> list[bytes]:
    return opening() + [segment(2 + number, bytes(1000)) for number in range(count)]


def records(count: int) -> list[bytes]:
    return opening() + [segment(1 + 7 * number, b"\x17\x03\x03\x00\x02ab") for number in range(count)]


def chunks(count: int) -> list[bytes]:
    made, at = opening(), 1
    for number in range(count):
        first = 2 * number + 1
        head = f"MSRP tid{number} SEND\r\nTo-Path: msrp://b:1/s;tcp\r\nFrom-Path: msrp://a:1/t;tcp\r\nMessage-ID: m\r\n"
        more = f"Byte-Range: {first}-{first + 1}/*\r\nContent-Type: text/plain\r\n\r\nab\r\n-------tid{number}+\r\n"
        data = (head + more).encode()
        made.append(segment(at, data))
        at += len(data)
    return made


def fragments(count: int) -> list[bytes]:
    made = []
    for number in range(count):
        octets = bytearray(packets.encode_udp(A, B, bytes(64)))
        octets[6:8] = (0x2000 | number).to_bytes(2, "big")
        octets[10:12] = bytes(2)
        octets[10:12] = packets.checksum(bytes(octets[:20])).to_bytes(2, "big")
        made.append(bytes(octets))
    return made


def invite(number: int, call_id: str) -> bytes:
    body = (b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=message 40001 TCP/TLS/MSRP *\r\na=3ge2ae:requested\r\n"
            b"a=setup:active\r\n")
    head = (f"INVITE sip:b@x SIP/2.0\r\nCall-ID: {call_id}\r\nCSeq: {number + 1} INVITE\r\n"
            f"From: <sip:a@x>;tag={call_id}\r\n"
            f"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{number}\r\nTo: <sip:b@x>\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    return packets.encode_udp(A, Endpoint(B.host, 5060), head + body)


def dialogs(count: int) -> list[bytes]:
    return [invite(number, f"call{number}") for number in range(count)]


def offers(count: int) -> list[bytes]:
    return [invite(number, "call") for number in range(count)]


ORDER = """MEGACO/2 [192.0.2.%s]:2944
%s=%d{Context=%s{Add=ip/1/access/%s{Media{Stream=1{Local{
v=0
c=IN IP4 %s
m=message %s TCP/TLS *
}}}}}}"""


def orders(count: int, context: Callable[[int], int]) -> list[bytes]:
    made = []
    for number in range(1, count + 1):
        ask = ORDER % (10, "Transaction", number, "$", "$", "$", "$")
        answer = ORDER % (20, "Reply", number, context(number), number, "192.0.2.1", 1024 + number)
        made += [packets.encode_udp(CONTROLLER, GATEWAY, ask.encode()),
                 packets.encode_udp(GATEWAY, CONTROLLER, answer.encode())]
    return made


def contexts(count: int) -> list[bytes]:
    return orders(count, lambda number: number)


def terminations(count: int) -> list[bytes]:
    return orders(count, lambda number: 1)


def calls(count: int) -> list[bytes]:
    return dialogs(count // 2) + contexts(count // 2)


def hosts(count: int) -> list[bytes]:
    sources = (Endpoint(f"10.0.{number >> 8}.{number & 255}", 1000) for number in range(count))
    return [packets.encode_udp(source, B, b"hi") for source in sources]


def written(path: Path, frames: list[bytes]) -> Path:
    with Writer(path) as writer:
        wire = writer.interface("wire")
        for number, octets in enumerate(frames):
            writer.packet(wire, 10**18 + number * 10**6, octets)
    return path


def work(job: Callable[[], Any]) -> int:
    """How many Python functions a job calls."""
    called = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal called
        called += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        job()
    finally:
        sys.setprofile(before)
    return called


CROWDS = [connections, backwards, holes, overlaps, records, chunks, fragments, dialogs,
          offers, contexts, terminations, calls, hosts]


@pytest.mark.parametrize("crowd", CROWDS)
def test_the_work_of_analysing_grows_with_the_capture(crowd: Callable[[int], list[bytes]], tmp_path: Path) -> None:
    """Four times the frames, at most five times the work."""
    analyze(written(tmp_path / "warm.pcapng", crowd(3)))
    few, many = (written(tmp_path / f"{count}.pcapng", crowd(count)) for count in (FEW, MANY))
    assert work(lambda: analyze(many)) < 5 * work(lambda: analyze(few))


VIEWS = [views.ladder_text, views.ladder_svg, views.roles_text, views.timeline_text,
         lambda report: views.report_html([report])]


@pytest.mark.parametrize("view", VIEWS, ids=["ladder_text", "ladder_svg", "roles_text", "timeline_text", "report_html"])
def test_what_is_shown_grows_with_the_capture(view: Callable[[Any], str], tmp_path: Path) -> None:
    """Four times the hosts, at most six times the text."""
    few, many = (analyze(written(tmp_path / f"{count}.pcapng", hosts(count))) for count in (FEW, MANY))
    assert len(view(many)) < 6 * len(view(few))
