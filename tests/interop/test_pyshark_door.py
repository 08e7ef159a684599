"""pyshark's packets of chosen frames, with our decode-as settings: in a notebook, without a loop or a process left."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from programs import missing, need

from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.errors import CaptureError, WorkbenchError
from workbench.witness import pyshark_door

CAPTURES = Path(__file__).parents[2] / "captures"


@pytest.fixture(scope="module")
def report() -> Report:
    """MSRP on ports that no Wireshark would guess."""
    need("tshark")
    try:
        import pyshark  # type: ignore[import-untyped] # noqa: F401
    except ImportError:
        missing("pyshark", "pip install workbench[analysis]")
    return analyze(CAPTURES / "tcp-stateless-relay.pcapng")


def test_chosen_frames(report: Report):
    """Each with the layers that our analysis found by content, and the values that we read."""
    sent = [one for one in report.messages_of("SIP", "MSRP", "H.248") if len(one.frames) == 1]
    found = pyshark_door.packets(report, [one.frames[0] for one in sent])
    assert [int(one.number) for one in found] == sorted(one.frames[0] for one in sent)
    layers = {int(one.number): {layer.layer_name for layer in one.layers} for one in found}
    names = {"SIP": "sip", "MSRP": "msrp", "H.248": "megaco"}
    assert all(names[one.protocol] in layers[one.frames[0]] for one in sent)
    first = next(one for one in sent if one.protocol == "MSRP")
    assert pyshark_door.packet(report, first.frames[0]).msrp.transaction_id == first.value.transaction


def test_inside_a_running_loop(report: Report):
    """As in Jupyter, where a loop runs already: no other loop and no thread is left."""
    before = set(threading.enumerate())

    async def cell() -> Any:
        return pyshark_door.packets(report, shown='sip.Method == "INVITE"')

    found = asyncio.run(cell())
    assert [one.sip.method for one in found] == ["INVITE"] * len(found) and found
    for thread in set(threading.enumerate()) - before:     # one that is about to end is not left
        thread.join(20)
    assert set(threading.enumerate()) <= before


def test_no_more_than_asked_for(report: Report):
    """A limit ends it."""
    assert len(pyshark_door.packets(report, most=3)) == 3


def test_what_goes_wrong_is_told(report: Report, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A filter that is none, a frame that is none, time that is over, and no tshark."""
    with pytest.raises(CaptureError, match="tshark does not read"):
        pyshark_door.packets(report, shown="no such ==")
    with pytest.raises(CaptureError, match="there is no frame 0"):
        pyshark_door.packet(report, 0)
    with pytest.raises(WorkbenchError, match="tshark was ended"):
        pyshark_door.packets(report, seconds=0.0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WorkbenchError, match="apt-get install tshark"):
        pyshark_door.packet(report, 1)


def test_arguments_for_pysharks_own_reader(report: Report):
    """Path, decode-as and preferences; a filter only where frames are named."""
    import pyshark  # type: ignore[import-untyped]

    given = pyshark_door.file_capture(report, [7])
    ports = {side.port for one in report.contents for side in one.connection.sides}
    assert given["display_filter"] == "frame.number in {7}"
    assert "display_filter" not in pyshark_door.file_capture(report)
    assert any(f"tcp.port=={port},msrp" in given["custom_parameters"] for port in ports)
    loop = asyncio.new_event_loop()
    try:
        words = pyshark.FileCapture(**given, eventloop=loop).get_parameters()
    finally:
        loop.close()
    assert words[-2:] == ["-r", report.capture] and "frame.number in {7}" in words
