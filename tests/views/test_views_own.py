"""The panel for a capture of one's own: takes files and octets, refuses with words, and keeps what it had."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workbench.errors import CaptureError
from workbench.views import widgets
from workbench.views.widgets import own

CAPTURES = Path(__file__).parents[2] / "captures"
FIRST, OTHER = CAPTURES / "msrp-aware-plain.pcapng", CAPTURES / "tcp-merge-terminating-setup-unmodified.pcapng"


def test_it_takes_paths_and_octets() -> None:
    """A path, and uploaded octets under any name, packed or not, become the report."""
    panel = widgets.own_capture(FIRST)
    assert panel.choose(OTHER).packets == panel.report.packets
    packets = panel.report.packets
    assert panel.take("../../etc/x y<z>.gz", gzip.compress(OTHER.read_bytes())).packets == packets
    assert Path(panel.report.capture).parent == panel._place


@pytest.mark.parametrize("octets", [b"no capture", b"", FIRST.read_bytes()[:40]])
def test_what_is_no_capture_is_refused(octets: bytes) -> None:
    """With words; the last report stays."""
    panel = widgets.own_capture(FIRST)
    before = panel.report
    with pytest.raises(CaptureError):
        panel.take("x.pcapng", octets)
    assert panel.report is before


def test_a_large_upload_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept of it."""
    monkeypatch.setattr(own, "MOST_UPLOAD", 100)
    with pytest.raises(CaptureError, match="give the path"):
        widgets.own_capture(FIRST).take("x.pcapng", bytes(101))


def test_the_fields_do_the_same() -> None:
    """An upload and a path in the panel change the report; an error is shown above what was there."""
    w = pytest.importorskip("ipywidgets")
    panel = widgets.own_capture(FIRST)
    box = panel._panel()
    upload, field = box.children[0].children
    result = box.children[1]
    assert isinstance(upload, w.FileUpload) and "msrp-aware-plain" in result.value
    upload.value = ({"name": "mine.pcapng", "type": "", "size": 1, "content": memoryview(OTHER.read_bytes()),
                     "last_modified": datetime.now(UTC)},)
    assert "mine.pcapng" in result.value and "check" not in panel.error
    field.value = "/nowhere/<b>.pcapng"
    assert panel.error and "&lt;b&gt;" in result.value and "<b>.pcapng" not in result.value
    assert "mine.pcapng" in result.value


def test_the_text_form_says_it_all() -> None:
    """Blind spots, calls and findings, in this order."""
    text = str(widgets.own_capture(OTHER))
    assert text.index("Not read:") < text.index("Calls:") < text.index("Findings:") < text.index("error: ")
