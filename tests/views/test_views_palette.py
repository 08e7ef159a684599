"""Colours can be read, and text from a capture stays text."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.views.palette import COLOURS, GROUNDS, TEXT_COLOURS, contrast, escape, plain


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("text", TEXT_COLOURS)
def test_text_can_be_read(text: str, ground: str, theme: int) -> None:
    """Each text colour has a contrast of at least 4.5 on each ground, in light and in dark (WCAG 2.2, 1.4.3)."""
    assert contrast(COLOURS[text][theme], COLOURS[ground][theme]) >= 4.5


def test_contrast_is_that_of_wcag() -> None:
    """Black on white is 21, a colour on itself is 1, and the order does not matter."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#123456", "#123456") == pytest.approx(1)
    assert contrast("#767676", "#ffffff") == contrast("#ffffff", "#767676") == pytest.approx(4.54, abs=0.01)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_no_text_becomes_markup(text: str) -> None:
    """Whatever a capture holds, escaped text opens no element and closes none."""
    found: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            found.append(tag)

        def handle_endtag(self, tag: str) -> None:
            found.append(tag)

    parser = Parser()
    parser.feed(f'<p title="{escape(text)}">{escape(text)}</p>')
    parser.close()
    assert found == ["p", "p"]


def test_a_terminal_is_safe() -> None:
    """Escape sequences, carriage returns and marks that turn the reading direction are shown, not obeyed."""
    assert plain("a\x1b[31m\r\n\u202eb\x9b") == "a\u241b[31m\u240d\u240a\ufffdb\ufffd"
