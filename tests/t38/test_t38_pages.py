"""Pages of a fax from its IFP packets: whole, with gaps, sent again, several; and their lines."""

from __future__ import annotations

import page_stage as stage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_stage import ROWS, coded, corrected, drawing, fcd, plain, pps, read

from workbench.protocols.t38 import ifp
from workbench.protocols.t38.lines import MOST_LINES, Line, Torn, lines_of
from workbench.protocols.t38.messages import DataType, Field, FieldType, Indicator, data, indication
from workbench.protocols.t38.page_format import Coding, PageFormat, format_of
from workbench.protocols.t38.pages import Page, Piece
from workbench.protocols.t38.recorded import NAMES, load


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_a_recorded_call(name):
    """692 lines in MR, every second one by itself, ended by EOP; the training check is no page."""
    call = load(name)
    (page,) = read(ifp.decode(one.octets, call.version) for one in call.of("caller")).pages
    assert page.whole and page.ended == "EOP" and page.format is not None
    assert page.format == PageFormat(Coding.MR, 1728, 204, 98, call.ecm, 256)
    found = lines_of(page)
    assert len(found) == call.lines and sum(line.alone for line in found if isinstance(line, Line)) == call.lines // 2
    assert [line.place for line in found] == sorted(line.place for line in found)


@pytest.mark.parametrize(("bits", "form"), [
    ((), PageFormat(Coding.MH, 1728, 204, 98, False, 256)),
    ((15, 16), PageFormat(Coding.MR, 1728, 204, 196, False, 256)),
    ((17, 27, 28, 31), PageFormat(Coding.MMR, 2048, 204, 98, True, 64)),
    ((18, 41), PageFormat(Coding.MH, 2432, 204, 391, False, 256)),
    ((42,), PageFormat(Coding.MH, 2592, 300, 300, False, 256)),
    ((18, 43), PageFormat(Coding.MH, 4864, 408, 391, False, 256)),
    ((27, 78), PageFormat(Coding.OTHER, 1728, 204, 98, True, 256)),
])
def test_what_a_dcs_says(bits, form):
    """T.30 table 2: bits 15 to 18, 27, 28, 31, 41 to 43 and the codings that we do not read."""
    assert format_of(stage.dcs(*bits)[3:]) == form


def test_a_dcs_may_be_short():
    """Bits that are not there are zero."""
    assert format_of(b"") == PageFormat(Coding.MH, 1728, 204, 98, False, 256)


@pytest.mark.parametrize("coding", [Coding.MH, Coding.MR])
def test_a_lost_packet_takes_few_lines_with_it(coding):
    """All lines that do not touch the gap are there, as they were; with MR those that refer to lost ones are not."""
    packets = plain([coded(drawing(), coding)], coding)
    before = lines_of(read(packets).pages[0])
    assert len(before) == ROWS
    (page,) = read(packets, frozenset({40, 41})).pages
    assert not page.whole and page.ended == "EOP" and page.missing == 72
    after = lines_of(page)
    (torn,) = [line for line in after if isinstance(line, Torn)]
    at = after.index(torn)
    bits = [line.bits for line in before if isinstance(line, Line)]
    assert [line.bits for line in after[:at]] == bits[:at]
    assert [line.bits for line in after[at + 1 :]] == bits[-len(after[at + 1 :]):]
    assert after[at + 1].alone and abs(len(after) - 1 + torn.lines - ROWS) <= 3


def test_pages_follow_each_other():
    """MPS between them: no new training check, and nothing of one in the other."""
    one, two = coded(drawing(40), Coding.MR), coded(drawing(70), Coding.MR)
    found = read(plain([one, two], Coding.MR)).pages
    assert [page.ended for page in found] == ["MPS", "EOP"]
    assert [b"".join(piece.octets for piece in page.pieces) for page in found] == [one, two]
    assert [len(lines_of(page)) for page in found] == [40, 70]


def test_packets_that_are_missing_at_the_beginning_of_a_page_are_a_gap():
    """Behind the training and before the first data that came."""
    packets = plain([coded(drawing(), Coding.MR)], Coding.MR)
    first = packets.index(indication(Indicator.V29_9600_TRAINING), 10) + 1
    (page,) = read(packets, frozenset({first, first + 1})).pages
    assert page.pieces[0].missing == 72 and isinstance(lines_of(page)[0], Torn)


def test_frames_that_come_again_fill_the_gap():
    """A part of a page with error correction: two frames are missing, and are sent again after PPR."""
    octets = coded(drawing(), Coding.MR)
    said = corrected(octets, Coding.MR, 28, size=64)
    count = -(-len(octets) // 64)
    lost = frozenset(said.index(packet) for number in (2, 5) for packet in fcd(number, octets[64 * number :][:64])[:1])
    (torn,) = read(said, lost).pages
    assert torn.missing == 128 and [not piece.octets for piece in torn.pieces].count(True) == 2
    again = [*fcd(2, octets[128:192]), *fcd(5, octets[320:384])]
    (during,) = read([*said[:-2], *again], lost).pages
    (page,) = read([*said[:-2], *again, *pps(0xF4, 0, 0, 2)], lost).pages
    assert page.whole and during.missing == 0 and len(page.pieces) == count
    assert b"".join(piece.octets for piece in page.pieces) == octets


def test_a_page_of_several_parts():
    """256 frames in the first ones, PPS-NULL between them; a part of which nothing came is a gap of its size."""
    octets = coded(drawing(5000), Coding.MR)
    assert len(octets) > 2 * 256 * 64
    said = corrected(octets, Coding.MR, 28, size=64)
    (page,) = read(said).pages
    assert page.whole and b"".join(piece.octets for piece in page.pieces) == octets
    end = next(place for place, packet in enumerate(said) if packet == pps(0, 0, 0, 256)[0])
    first = said.index(fcd(0, octets[:64])[0])
    (rest,) = read(said, frozenset(range(first, end + 2))).pages
    assert rest.pieces[0].missing == 256 * 64 and rest.pieces[1].octets


def test_a_wrong_fcs_is_no_piece_of_the_page():
    """And a frame that lost its beginning is none either."""
    bad = [data(DataType.V17_14400, Field(FieldType.HDLC_DATA, bytes([0xFF, 0xC0, 0x60, 0, 1, 2]))),
           data(DataType.V17_14400, Field(FieldType.HDLC_FCS_BAD))]
    assert read(bad).pages == ()
    assert read([indication(0), *fcd(0, b"x" * 60)], frozenset({1})).pages == ()


def test_what_is_kept_is_bounded(monkeypatch):
    """More octets, pieces or pages than are read: the reader says so, and keeps what it had."""
    monkeypatch.setattr("workbench.protocols.t38.pages.MOST_OCTETS", 1000)
    reader = read(plain([coded(drawing(), Coding.MR)], Coding.MR))
    assert reader.cut and sum(page.octets for page in reader.pages) <= 1000
    monkeypatch.setattr("workbench.protocols.t38.pages.MOST_OCTETS", 10**6)
    monkeypatch.setattr("workbench.protocols.t38.pages.MOST_PAGES", 3)
    reader = read(plain([coded(drawing(5), Coding.MR)] * 6, Coding.MR))
    assert reader.cut and len(reader.pages) == 3


def test_lines_are_bounded():
    """A megabyte of EOLs with a dot between them is read as far as a page goes."""
    bits = ("0" * 11 + "11" + "1") * (MOST_LINES + 5)
    octets = int(bits + "0" * (-len(bits) % 8), 2).to_bytes((len(bits) + 7) // 8, "big")
    page = Page(PageFormat(Coding.MR, 1728, 204, 98, False, 256), (Piece(octets, 0, 0),), "EOP")
    assert len(lines_of(page)) == MOST_LINES


def test_a_page_is_read_as_far_as_pages_go(monkeypatch):
    """Octets beyond the bound are left out, whatever is in them."""
    (page,) = read(plain([coded(drawing(), Coding.MR)], Coding.MR)).pages
    monkeypatch.setattr("workbench.protocols.t38.lines.MOST_PAGE_OCTETS", 500)
    assert 10 < len(lines_of(page)) < ROWS - 20


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=400), st.lists(st.tuples(st.integers(0, 9), st.integers(1, 50)), max_size=8),
       st.sampled_from([Coding.MH, Coding.MR]))
def test_any_octets_are_lines_or_gaps(octets, cuts, coding):
    """Nothing is raised; places never go back; bits of lines are bits that came."""
    pieces = [Piece(octets[at : at + 40], 0, at) for at in range(0, len(octets), 40)]
    for at, missing in cuts:
        pieces.insert(min(at, len(pieces)), Piece(b"", missing, 40 * at))
    found = lines_of(Page(PageFormat(coding, 1728, 204, 98, False, 256), tuple(pieces)))
    came = "".join(f"{octet:08b}" for octet in octets)
    assert all(line.bits in came for line in found if isinstance(line, Line))
    assert all(line.lines >= 1 for line in found if isinstance(line, Torn))


_FIELDS = st.builds(Field, st.integers(0, 8), st.none() | st.binary(min_size=1, max_size=30)
                    | st.sampled_from([b"\xff\xc0\x60\x00abc", b"\xff\xc8\xc1" + bytes(4), b"\xff\xc8\xfd\xf4\0\0\0",
                                       b"\xff\xc8\xf4", b"\xff\xc8\xfd\0\x80\xff\xff", b"\xff\xc8\xdf"]))
_PACKETS = st.builds(indication, st.integers(0, 22)) | st.builds(data, st.integers(0, 14), _FIELDS, _FIELDS)


@settings(deadline=None)
@given(st.lists(_PACKETS, max_size=60), st.frozensets(st.integers(0, 59), max_size=20))
def test_any_packets_make_pages_or_none(packets, missing):
    """Whatever comes and whatever is missing, each page has pieces, and no more octets than came."""
    reader = read(packets, missing)
    came = sum(len(field.octets or b"") for packet in packets for field in packet.fields or ())
    assert sum(page.octets for page in reader.pages) <= came
    for page in reader.pages:
        lines_of(page)
