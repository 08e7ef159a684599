"""The segments of a leg: numbers as on the wire, nodes by name, also where a connection was refused."""

from __future__ import annotations

from pathlib import Path

from capturing import Talk, sdp, sip, udp, write

from workbench.analysis.analyzing import analyze
from workbench.analysis.calls.segments import leg_segments
from workbench.net.values import Endpoint

ALICE, BOB = Endpoint("192.0.2.1", 5060), Endpoint("192.0.2.2", 5060)
CLIENT, SERVER = Endpoint("192.0.2.1", 40001), Endpoint("192.0.2.2", 7000)
NAMES = {"192.0.2.1": "Alice", "192.0.2.2": "Bob"}


def call() -> list:
    """Offer and answer; Bob waits at port 7000."""
    return [udp(0.0, ALICE, BOB, sip("INVITE sip:b@home2.example SIP/2.0", "1", "INVITE",
                                     sdp("192.0.2.1", 9, "TCP/MSRP", "setup:active"))),
            udp(0.1, BOB, ALICE, sip("SIP/2.0 200 OK", "1", "INVITE",
                                     sdp("192.0.2.2", 7000, "TCP/MSRP", "setup:passive")))]


def told(path: Path, talk: Talk) -> list[tuple[str, str, int, int | None, int]]:
    report = analyze(write(path, [*call(), *talk.frames], names=NAMES))
    session = next(one for one in report.sessions if one.legs)
    return [(one.sender, one.kind, one.sequence, one.acknowledgment, one.size)
            for one in leg_segments(report, session.legs[0])]


def test_numbers_as_on_the_wire(tmp_path: Path) -> None:
    """SYN, payload, acknowledgement and FIN, each with its sender and the numbers that stand in it."""
    talk = Talk(CLIENT, SERVER, isn=(2**32 - 1, 500)).opens(at=0.2).says(0, b"hello").closes()
    assert told(tmp_path / "a.pcapng", talk) == [
        ("Alice", "SYN", 2**32 - 1, None, 0), ("Bob", "SYN, ACK", 500, 0, 0), ("Alice", "ACK", 0, 501, 0),
        ("Alice", "payload", 0, 501, 5), ("Alice", "FIN", 5, 501, 0), ("Bob", "FIN", 501, 6, 0),
        ("Alice", "ACK", 6, 502, 0)]


def test_a_refused_connection_has_segments_too(tmp_path: Path) -> None:
    """SYN and RST, although one side's initial number was never seen."""
    from workbench.net.packets import SYN

    talk = Talk(CLIENT, SERVER).put(0, SYN, at=0.2).resets(1)
    assert [(one[0], one[1]) for one in told(tmp_path / "a.pcapng", talk)] == [("Alice", "SYN"), ("Bob", "RST")]


def test_a_leg_without_a_connection(tmp_path: Path) -> None:
    """Signalling alone gives no segments."""
    report = analyze(write(tmp_path / "a.pcapng", call(), names=NAMES))
    assert all(leg_segments(report, leg) == [] for one in report.sessions for leg in one.legs)
