"""A fax in views: pages, packets, the terminals' conversation, rows as they arrive, steps, ladder rows."""

from __future__ import annotations

import re
from types import SimpleNamespace

import fax_samples
import msgspec
import pytest
from fax_samples import FIRST_OF_PAGE, fax, report

from workbench.analysis.values import Message
from workbench.protocols.t38.machine import Correction
from workbench.views import (
    arrival_rows,
    arrivals_html,
    arrivals_text,
    arriving,
    conversation_html,
    conversation_rows,
    conversation_text,
    ladder_rows,
    page_rows,
    pages_html,
    pages_text,
    steps,
    widgets,
)

pytest.importorskip("PIL")
WHOLE = report(fax())
# Every fourth packet of the page is missing: with redundancy nothing is lost, without it much.
HOLES = frozenset(range(FIRST_OF_PAGE + 20, FIRST_OF_PAGE + 200, 4))
MADE_GOOD, TORN = report(fax(HOLES)), report(fax(HOLES, correction=Correction.NONE))


def test_a_whole_page_as_text():
    """Size, resolution, coding, the share of black, what ended it, and a picture of dots."""
    text = pages_text(WHOLE)
    assert "page 1, UE A to IMS-AGW on Core\n  MR, 1728 dots a line, 204 x 98 an inch\n" in text
    assert "692 rows of 1728 dots, 9.5% black" in text and "ended by EOP" in text and "nothing is missing" in text
    picture = [line for line in text.splitlines() if line[:1] >= "\u2800"]
    assert len(picture) > 20 and max(map(len, picture)) == 72 and "╌" not in text


def test_a_torn_page_says_which_rows_are_missing():
    """In words, in the picture of dots, and as stripes of the PNG."""
    (row,) = page_rows(TORN)
    assert not row.whole and len(row.bitmap.gaps) > 10 and 50 < row.lost_rows < 300
    text = pages_text(TORN)
    first = row.bitmap.gaps[0]
    assert f"{first.first + 1}-{first.first + first.rows}" in text and "╌" in text and re.search(r"and \d+ more", text)
    markup = pages_html(TORN)
    assert 'src="data:image/png;base64,' in markup and 'class=lost>about' in markup
    assert re.search(r'alt="page 1, UE A to IMS-AGW on Core: MR,[^"]*rows are missing', markup)


def test_redundancy_and_fec_make_the_same_page():
    """With holes that they can fill, the picture is that of the whole page, dot for dot."""
    (whole,) = page_rows(WHOLE)
    for correction, way in ((Correction.REDUNDANCY, "repeated"), (Correction.FEC, "rebuilt")):
        shown = report(fax(HOLES, correction=correction))
        (row,) = page_rows(shown)
        assert row.whole and row.bitmap.black == whole.bitmap.black
        arrived = next(one for one in arrival_rows(shown) if one.where.startswith("UE A"))
        assert arrived.count(way) == len(HOLES) and not arrived.count("lost")


def test_packets_one_by_one():
    """Which came, which was made good and from where, which is lost: as marks, counts and cells."""
    text = arrivals_text(MADE_GOOD)
    number = min(HOLES)
    assert f"371 packets: {371 - len(HOLES)} came, {len(HOLES)} made good by redundancy" in text
    assert f"made good: {number} from {number + 1}, {number + 4} from {number + 5}" in text
    assert "···r···r" in text and "r made good: a later packet repeats it" in text
    lost = arrivals_text(TORN)
    assert f"{len(HOLES)} lost for good" in lost and "···X···X" in lost
    markup = arrivals_html(TORN)
    assert markup.count('<i class="lost"') == len(HOLES) + 1      # one in the key
    assert f'aria-label="371 packets: {371 - len(HOLES)} came, {len(HOLES)} lost for good"' in markup


def test_what_the_terminals_say():
    """Tones, identification, capabilities, training check, page, command, confirmation, goodbye; with T.30's phases."""
    rows = conversation_rows(WHOLE, "Core")
    assert [(row.phase, row.who, row.signal) for row in rows] == [
        ("A", "UE A", "CNG"), ("A", "IMS-AGW", "CED"), ("B", "IMS-AGW", "CSI"), ("B", "IMS-AGW", "DIS"),
        ("B", "UE A", "TSI"), ("B", "UE A", "DCS"), ("B", "UE A", "TCF"), ("B", "IMS-AGW", "CFR"),
        ("C", "UE A", "page"), ("C", "UE A", "page"), ("D", "UE A", "EOP"), ("D", "IMS-AGW", "MCF"),
        ("E", "UE A", "DCN")]
    text = conversation_text(WHOLE, "Core")
    assert "the called terminal's number; +1 555 0123" in text and "V.29 9600, standard resolution, MR" in text
    assert "(the page is sent)" in conversation_html(WHOLE, "Core")
    assert conversation_html(WHOLE, "Nowhere") == "" and "no fax on Nowhere" in conversation_text(WHOLE, "Nowhere")


def test_the_conversation_with_error_correction():
    """The page is over when its last part is; the parts' ends are commands of their own."""
    said = [row.signal for row in conversation_rows(report(fax(name="one_page")), "Core")]
    assert said[-6:] == ["CFR", "page", "page", "PPS-EOP", "MCF", "DCN"] and said.count("TCF") == 1


def test_rows_arrive_in_time():
    """No row before its packet; at the end all of them."""
    (row,) = page_rows(MADE_GOOD)
    shown = arriving(row)
    assert len(shown.times) == 692 and list(shown.times) == sorted(shown.times)
    assert shown.rows_at(shown.begin - 0.01) == 0 and shown.rows_at(shown.end) == 692
    middle = (shown.begin + shown.end) / 2
    assert 100 < shown.rows_at(middle) < 600
    assert f"{len(HOLES)} packets made good" in shown.said_at(shown.end)
    assert shown.text().count("\n") == 13


def test_the_widget_follows_the_moment():
    """Setting `seconds`, as the slider does, changes what is told; without such a page it is said."""
    pytest.importorskip("anywidget")
    widget = widgets.arriving(TORN, "Core")
    assert widget.rows == len(widget.times) and widget.picture.startswith("data:image/png")
    widget.seconds = widget.begin
    assert 0 < widget.rows < 100 and f"row {widget.rows} of" in widget.said
    assert str(widgets.arriving(TORN, "Core", page=2)) == "no page 2 on Core"


def test_what_was_received_is_one_picture():
    """Packets and pages of one wire; without a fax it is said."""
    shown = widgets.received(TORN, "Core")
    assert "lost for good" in str(shown) and "rows are missing" in str(shown)
    assert "wb-arrivals" in shown._repr_html_() and "wb-pages" in shown._repr_html_()
    assert "no UDPTL" in str(widgets.received(TORN, "Nowhere"))


def test_a_capture_can_be_saved(tmp_path):
    """As a link that carries it; one that is too big is named only."""
    small, big = tmp_path / "call.pcapng", tmp_path / "twin.pcapng"
    small.write_bytes(b"octets")
    big.write_bytes(bytes(4 * 2**20 + 1))
    shown = widgets.download(SimpleNamespace(capture=small, twin=big))
    assert 'download="call.pcapng" href="data:application/octet-stream;base64,b2N0ZXRz"' in shown._repr_html_()
    assert shown._repr_html_().count("data:") == 1 and str(big) in shown._repr_html_() and str(small) in str(shown)


def test_a_scale_is_chosen_with_a_slider():
    """Steps of a scale are a slider, other things buttons; both are chosen from code alike."""
    pytest.importorskip("ipywidgets")
    panel = widgets.choices("a page", {"loss": ("0 %", "5 %"), "correction": ("none", "fec")},
                            lambda **chosen: chosen, view=str, sliders=("loss",))
    kinds = [type(part).__name__ for part in panel.choose(loss="5 %")._panel().children]
    assert kinds[:2] == ["SelectionSlider", "ToggleButtons"]
    assert panel.start() == {"loss": "5 %", "correction": "none"}


def test_steps_tell_phase_row_and_repairs():
    """What each packet makes of the two ends, as an observer of the wire knows it."""
    last = steps(MADE_GOOD)[-1].state
    assert last["UE A"]["fax on Core"] == "phase E, the call ends: has said DCN"
    assert last["IMS-AGW"]["page on Core"] == "row 692 of page 1"
    assert last["IMS-AGW"]["UDPTL on Core"] == f"{len(HOLES)} packets made good, 0 lost"
    assert steps(TORN)[-1].state["IMS-AGW"]["UDPTL on Core"] == f"0 packets made good, {len(HOLES)} lost"


def test_a_ladder_folds_what_is_alike():
    """A page is one row; copies are one row; a packet of another kind, or one that ends a frame, stands by itself."""
    rows, all_rows = ladder_rows(WHOLE), ladder_rows(WHOLE, fold=False)
    assert len(all_rows) == len(WHOLE.messages) and len(rows) < 60
    page = next(row for row in rows if row.summary.startswith("UDPTL 93 to 356"))
    assert page.summary == "UDPTL 93 to 356: v29-9600 t4-non-ecm-data, 264 packets until 19.00 s"
    assert len(page.frames) == 264 and sum(len(row.frames) for row in rows) == len(all_rows)


def test_nothing_is_drawn_of_captures_without_a_fax():
    """The text says so; the HTML is empty."""
    nothing = report([])
    assert pages_text(nothing) == "no page of a fax in this capture" and pages_html(nothing) == ""
    assert arrivals_text(nothing) == "no UDPTL in this capture" and arrivals_html(nothing) == ""


def test_a_page_whose_dcs_is_lost_is_read_with_that_of_another_wire():
    """And it is said so; with one wire only there is no picture, and the text says why."""
    torn = fax(range(28, 31), correction=Correction.NONE)
    (alone,) = page_rows(report(torn))
    assert alone.bitmap.rows == 0 and "DCS" in alone.bitmap.why and not alone.direction.read_on
    both = [*fax(wire="UE A access"), *torn]
    both = [msgspec.structs.replace(one, index=index) for index, one in enumerate(both)]
    (row,) = page_rows(report(both), wire="Core")
    assert row.bitmap.rows == 692 and "its DCS has not come whole here, and was read on UE A access" in row.said()


def test_sound_is_folded_as_well():
    """RTP of one direction is one row, whatever passes the other way in between; a new coding begins another one."""
    ends = {0: (fax_samples.UE, fax_samples.AGW), 1: (fax_samples.AGW, fax_samples.UE)}
    sound = [Message(index, (index + 1,), index / 100, "Core", "RTP", *ends[index % 2],
                     f"RTP {100 + index // 2} {'PCMA' if index < 12 else 'PCMU'}, 160 octets") for index in range(24)]
    rows = ladder_rows(report(sound))
    assert [row.summary for row in rows] == [
        "RTP 100 to 105: PCMA, 6 packets until 0.10 s", "RTP 100 to 105: PCMA, 6 packets until 0.11 s",
        "RTP 106 to 111: PCMU, 6 packets until 0.22 s", "RTP 106 to 111: PCMU, 6 packets until 0.23 s"]


def test_a_fax_goes_on_from_another_port():
    """In one call it is one fax still, and the page is whole; outside of calls, other places are other faxes."""
    moved = [one if one.time < 15 else msgspec.structs.replace(
        one, **{side: msgspec.structs.replace(getattr(one, side), port=20002) for side in ("source", "destination")
                if getattr(one, side) == fax_samples.UE}) for one in fax()]
    (row,) = page_rows(report(moved))
    assert row.whole and len(arrival_rows(report(moved))) == 2
    stray = [msgspec.structs.replace(one, session=None) for one in moved]
    assert len(arrival_rows(report(stray))) == 4
