"""One H.248 message in every encoding: rows, text, HTML, errors with their place, and the panel. No browser here."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench import views
from workbench.errors import MalformedMessageError
from workbench.protocols.h248 import binary, text
from workbench.views import widgets

VECTORS = Path(__file__).parents[1] / "vectors" / "h248"
AUDIT = (VECTORS / "26-inactivity-and-realms.txt").read_text()


@pytest.mark.parametrize("name", sorted(path.name for path in VECTORS.glob("*.txt")))
def test_every_encoding_means_the_same(name: str) -> None:
    """Each row decodes to the tree; where binary can't carry it, the reason is given instead."""
    found = views.encodings((VECTORS / name).read_bytes())
    assert text.decode(found.long) == text.decode(found.short) == found.message
    assert bool(found.binary) is not bool(found.refused)
    if found.binary:
        assert binary.decode(found.binary) == found.message
    assert [octets for _, octets in found.rows] == [found.long, found.short] + [found.binary] * bool(found.binary)


def test_any_encoding_may_be_given() -> None:
    """Text, octets of text, octets of BER, or the tree itself."""
    found = views.encodings(AUDIT)
    for given in (found.message, found.short, found.binary, found.long.decode()):
        assert views.encodings(given) == found


def test_text_form() -> None:
    """Sizes, both texts, and hexadecimal digits."""
    said = views.encodings_text(views.encodings(AUDIT))
    assert "long text, 152 octets" in said and "Modify = ROOT" in said and "MF=ROOT" in said
    assert "binary, 106 octets\n0000  30 68" in said
    refused = views.encodings_text(views.encodings(AUDIT.replace("ipra/arc", "tcpbcc/BNCChange")))
    assert "binary: not possible\nevent 'tcpbcc/BNCChange' has no id" in refused


def test_html_is_escaped_and_explained() -> None:
    """What a message quotes is text, not markup; the octets of binary are explained."""
    markup = views.encodings_html(views.encodings(AUDIT.replace("mit = 3000", 'mit = "<b>&"')))
    assert "&lt;b&gt;&amp;" in markup and "<b>&" not in markup
    explained = views.encodings_html(views.encodings(AUDIT))
    assert "octet by octet" in explained and "Message identifier (MID)" in explained


def test_octets_that_are_no_message() -> None:
    """The decoder's own error, whichever encoding they pretend to be."""
    for given in (b"", b"\x30\x05hello", "MEGACO/2 [192.0.2.1]"):
        with pytest.raises(MalformedMessageError):
            views.encodings(given)


def test_the_panel_follows_what_is_typed() -> None:
    """A right message is shown; a wrong one is said with line and column, and the next right one is shown again."""
    seen: list[object] = []
    panel = widgets.encodings(AUDIT, on_change=seen.append)
    assert panel.found is not None and "long text" in str(panel)
    assert panel.write(AUDIT.replace("Modify", "Modified")) is None
    assert panel.error.endswith("line 4, column 5") and "expected" in panel.error and str(panel) == panel.error
    assert panel.write(" " * 70_000) is None and "longer than" in panel.error
    assert panel.write(AUDIT.replace("1502", "1503")) is not None and not panel.error
    assert len(seen) == 2


def test_the_panel_shows_itself() -> None:
    """In a notebook: a field to type in, and below it what it is."""
    panel = widgets.encodings(AUDIT)._panel()
    field, result = panel.children
    assert field.value == AUDIT and "binary, 106 octets" in result.value
    field.value = "nonsense"
    assert "expected MEGACO/" in result.value
    field.value = AUDIT
    assert "binary, 106 octets" in result.value
