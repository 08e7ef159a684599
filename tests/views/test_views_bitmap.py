"""A fax page as dots: what was drawn comes back, what is missing is a gap, and no octets raise anything."""

from __future__ import annotations

import builtins
import io
import sys
from pathlib import Path

import pytest
import record_fax
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "t38"))

from page_stage import DOTS, ROWS, coded, corrected, drawing, plain, read

from workbench.protocols.t38 import ifp, lines
from workbench.protocols.t38.page_format import Coding, PageFormat
from workbench.protocols.t38.pages import Page, Piece
from workbench.protocols.t38.recorded import NAMES, load
from workbench.views import bitmap
from workbench.views.bitmap import Gap, draw, png

pytest.importorskip("PIL")
CODINGS = pytest.mark.parametrize("coding", [Coding.MH, Coding.MR, Coding.MMR])


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_page_is_what_was_drawn_for_it(name):
    """What a real terminal has coded and sent is, dot for dot, the page that it was given."""
    call = load(name)
    (page,) = read(ifp.decode(one.octets, call.version) for one in call.of("caller")).pages
    *_, texts = record_fax.CALLS[name]
    assert draw(page).black == b"".join(line.to_bytes(DOTS // 8, "big") for line in record_fax.page(texts))


@CODINGS
@pytest.mark.parametrize("said", [lambda octets, coding: plain([octets], coding), corrected], ids=["plain", "ECM"])
def test_a_page_comes_back_dot_for_dot(coding, said):
    """With error correction mode and without, in each coding that we read."""
    (page,) = read(said(coded(drawing(), coding), coding)).pages
    picture = draw(page)
    assert (picture.dots, picture.rows, picture.gaps, picture.why) == (DOTS, ROWS, (), "")
    assert picture.black == drawing() and len(picture.places) == ROWS
    assert 0.02 < picture.share < 0.04


@CODINGS
@pytest.mark.parametrize(("bits", "dots"), [((), 1728), ((17,), 2048), ((18,), 2432), ((42,), 2592), ((18, 43), 4864)])
def test_each_width_is_drawn(coding, bits, dots):
    """T.4 §2: 1728, 2048 and 2432 dots at 204 an inch, and more at 300 and 408."""
    (page,) = read(corrected(coded(drawing(20, dots), coding, dots), coding, *bits)).pages
    assert draw(page).black == drawing(20, dots)


@pytest.mark.parametrize("last", [bytes(216), b"\xff" * 216], ids=["white", "black"])
def test_mmr_ends_where_it_ends(last):
    """T.6 does not say how many rows there are; white and black ones at the end count like all others."""
    black = drawing(30) + 5 * last
    (page,) = read(corrected(coded(black, Coding.MMR), Coding.MMR)).pages
    assert draw(page).black == black and draw(page).rows == 35


def test_rows_behind_a_gap_are_where_they_were():
    """MR: all rows that came are those that were drawn, and the gap is marked."""
    packets = plain([coded(drawing(), Coding.MR)], Coding.MR)
    picture = draw(read(packets, frozenset({40})).pages[0])
    (gap,) = picture.gaps
    behind = picture.rows - gap.first - gap.rows
    size = DOTS // 8
    assert picture.black[: gap.first * size] == drawing()[: gap.first * size]
    assert picture.black[-behind * size :] == drawing()[-behind * size :]
    assert not any(picture.black[gap.first * size : (gap.first + gap.rows) * size])
    assert gap.first > 20 and behind > 5 and gap.rows <= 8


def test_mmr_ends_at_a_gap():
    """T.6 has no marks: what came before the gap is drawn, and it is said why the rest is not."""
    packets = corrected(coded(drawing(400), Coding.MMR), Coding.MMR)
    second = next(place for place, packet in enumerate(packets) for field in packet.fields or ()
                  if (field.octets or b"").startswith(b"\xff\xc0\x60\x80"))
    picture = draw(read(packets, frozenset({second})).pages[0])
    gap = picture.gaps[-1]
    assert gap.first > 10 and "T.6 has no marks" in picture.why
    assert picture.black[: 10 * DOTS // 8] == drawing()[: 10 * DOTS // 8]


def test_what_can_not_be_drawn_is_told():
    """No DCS, a coding that is not read: no picture, and why."""
    pieces = (Piece(coded(drawing(), Coding.MH), 0, 0),)
    assert "DCS" in draw(Page(None, pieces)).why and png(draw(Page(None, pieces))) == b""
    other = PageFormat(Coding.OTHER, 1728, 204, 98, True, 256)
    assert "JBIG" in draw(Page(other, pieces)).why


def test_without_pillow_it_is_said_what_to_install(monkeypatch):
    """The import fails: no traceback, but the package's extra by name."""
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("PIL"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    (page,) = read(plain([coded(drawing(), Coding.MH)], Coding.MH)).pages
    monkeypatch.setattr(builtins, "__import__", without)
    picture = draw(page)
    assert picture.rows == 0 and 'pip install "workbench[notebook]"' in picture.why


def test_a_picture_is_as_big_as_it_may_be(monkeypatch):
    """Rows beyond the bound are not drawn, and it is said."""
    monkeypatch.setattr(bitmap, "MOST_DOTS", 50 * DOTS)
    for coding in (Coding.MR, Coding.MMR):
        (page,) = read(corrected(coded(drawing(), coding), coding)).pages
        picture = draw(page)
        assert picture.rows <= 50 and len(picture.black) == picture.rows * DOTS // 8 and picture.why


def test_a_page_that_is_too_long_is_not_passed_off_as_whole(monkeypatch):
    """What is read of it is drawn, and it is said that there is more."""
    (page,) = read(plain([coded(drawing(), Coding.MR)], Coding.MR)).pages
    for room in (bitmap, lines):
        monkeypatch.setattr(room, "MOST_PAGE_OCTETS", 500)
    picture = draw(page)
    assert 10 < picture.rows < ROWS - 20 and picture.why == "only the first 500 octets of the page are read"


def test_the_png_has_the_shape_of_paper():
    """Standard resolution has half as many rows an inch as dots; a gap is red."""
    from PIL import Image

    packets = plain([coded(drawing(), Coding.MR)], Coding.MR)
    whole, torn = (Image.open(io.BytesIO(png(draw(read(packets, missing).pages[0])))).convert("RGB")
                   for missing in (frozenset(), frozenset({40})))
    assert whole.width == 864 and 110 <= whole.height <= 140
    def red(image):
        return sum(r > 150 and g < 100 for r, g, _ in image.get_flattened_data())
    assert red(whole) == 0 and red(torn) > 1000


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=300), st.sampled_from([Coding.MH, Coding.MR, Coding.MMR]),
       st.lists(st.integers(0, 5), max_size=3))
def test_any_octets_are_a_picture_or_none(octets, coding, gaps):
    """Nothing but a picture within its bounds comes of it."""
    pieces = [Piece(octets[at : at + 60], 0, at) for at in range(0, len(octets), 60)]
    for at in gaps:
        pieces.insert(at, Piece(b"", 30, at))
    picture = draw(Page(PageFormat(coding, 1728, 204, 98, False, 256), tuple(pieces)))
    assert len(picture.black) == picture.rows * 216 and len(picture.places) == picture.rows
    assert all(gap.first + gap.rows <= picture.rows for gap in picture.gaps)
    assert isinstance(picture.gaps[:1], tuple) and all(isinstance(gap, Gap) for gap in picture.gaps)
