"""The same exchange gives the same report, whatever its encoding, its token lengths and its transport."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from capturing import Talk, write
from control_exchange import CODINGS, EXCHANGE, MG, MGC, NAMES, TRANSPORTS, WAYS, capture, octets
from tls_sessions import Recorded

from workbench.analysis.analyzing import analyze
from workbench.analysis.explain import coverage, explain_frame
from workbench.analysis.report import Report
from workbench.net.values import Endpoint
from workbench.protocols.h248.transport import Tpkt


def essence(report: Report) -> dict[str, Any]:
    """What a report says, frames replaced by the messages in them, without the transport's own."""
    said = [message for message in report.messages if message.protocol == "H.248"]
    ordinals: dict[int, list[int]] = {}
    for place, message in enumerate(said):
        for frame in message.frames:
            ordinals.setdefault(frame, []).append(place)

    def places(frames: tuple[int, ...]) -> list[int]:
        return sorted({place for frame in frames for place in ordinals.get(frame, ())})

    found = report.to_json()
    return {
        "nodes": found["nodes"],
        "sessions": [{**one, "frames": places(one["frames"])} for one in found["sessions"]],
        "messages": [{k: v for k, v in one.items() if k not in ("frame", "time")}
                     for one in found["messages"] if one["protocol"] == "H.248"],
        "values": [message.value.body for message in said],
        "findings": [{**one, "frames": places(one["frames"])} for one in found["findings"]],
        "notes": found["notes"],
        "terminations": [(name, one.realm, one.bearer, one.local) for context in report.signalling.contexts
                         for name, one in context.terminations.items()],
    }


@cache
def reference(folder: Path) -> dict[str, Any]:
    return essence(analyze(capture(folder / "reference.pcapng", "pretty", "udp")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exchange")


@pytest.mark.parametrize(("way", "transport"), WAYS)
def test_the_report_is_the_same(folder: Path, way: Any, transport: str):
    """Sessions, messages, their trees, terminations and findings."""
    report = analyze(capture(folder / f"{way}-{transport}.pcapng", way, transport))
    ours, theirs = essence(report), reference(folder)
    for part in theirs:
        assert ours[part] == theirs[part], part


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize(("way", "transport"), [way for way in WAYS if way[1] != "udp"])
def test_portions_and_fragments_do_not_matter(folder: Path, way: Any, transport: str, size: int):
    """Octets of a stream in portions of any size, messages in fragments of any size."""
    report = analyze(capture(folder / f"{way}-{transport}-{size}.pcapng", way, transport, size=size))
    assert essence(report) == reference(folder)


@pytest.mark.parametrize(("way", "transport"), WAYS)
def test_ports_do_not_matter(folder: Path, way: Any, transport: str):
    """H.248 is told by its content."""
    report = analyze(capture(folder / f"{way}-{transport}-ports.pcapng", way, transport, ports=(5000, 6000)))
    assert essence(report) == reference(folder)


def test_the_reference_says_what_was_exchanged(folder: Path):
    """What the comparisons rest on: each message with its summary, both sessions, and what is wrong."""
    found = reference(folder)
    assert len(found["messages"]) == len(EXCHANGE)
    assert [one["summary"] for one in found["messages"]][:5] == [
        "ServiceChange Restart ROOT [1]", "Reply 1: ServiceChange ROOT", "Add $ in $ [1001]", "Pending 1001",
        "Reply 1001: Add 0x20000011 in 55"]
    assert [(one["kind"], one["context"]) for one in found["sessions"]] == [("msrp", 55), ("control", None)]
    assert [leg["name"] for leg in found["sessions"][0]["legs"]] == ["access", "core"]
    assert "order-unanswered" in [one["rule"] for one in found["findings"]]
    assert [node["kind"] for node in found["nodes"]] == ["IMS-AGW", "IMS-ALG"]


@pytest.mark.parametrize("way", CODINGS)
def test_control_inside_tls_is_the_same_too(folder: Path, way: Any):
    """TPKT packets inside TLS, opened with the secrets in the capture: the same report, each octet explained."""
    session = Recorded("1.3")
    for who, data in octets(way):
        session.say(who, Tpkt.frame(data))
    talk = Talk(Endpoint(MG, 40_000), Endpoint(MGC, 2944), "control").opens()
    for who, data in session.flights:
        for at in range(0, len(data), 1400):
            talk.says(who, data[at : at + 1400])
    report = analyze(write(folder / f"{way}-tls.pcapng", talk.frames, names=NAMES, secrets=session.keylog))
    ours, theirs = essence(report), reference(folder)
    assert ours["messages"] == theirs["messages"]
    assert ours["values"] == theirs["values"]
    assert [one["kind"] for one in ours["sessions"]] == [one["kind"] for one in theirs["sessions"]]
    assert all(message.protected for message in report.messages if message.protocol == "H.248")
    for number in range(1, report.packets + 1):
        assert coverage(explain_frame(report, number)).unexplained == ()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("way", CODINGS)
def test_a_capture_that_breaks_off_is_read_up_to_there(folder: Path, way: Any, transport: str):
    """Cut at any of many places, a capture gives the messages in front of the cut and no error."""
    whole = capture(folder / f"{way}-{transport}-whole.pcapng", way, transport)
    stored = whole.read_bytes()
    told = [message.summary for message in analyze(whole).messages]
    counts = []
    for at in range(400, len(stored), max(1, len(stored) // 23)):
        cut = folder / f"{way}-{transport}-cut.pcapng"
        cut.write_bytes(stored[:at])
        report = analyze(cut)
        sound = [message.summary for message in report.messages if not message.error]
        assert sound == told[: len(sound)]
        counts.append(len(sound))
    assert counts == sorted(counts)
    assert counts[-1] > 10
