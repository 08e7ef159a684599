"""The catalogue: every file can be read, names find their meanings, and coverage counts honestly."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.explain import Explained, Field, Layer, catalogue, coverage
from workbench.analysis.explain.meanings import Catalogue, read
from workbench.protocols.layout import Span

WORDS = Catalogue(read("""
["tls.record.type"]
label = "Content type"
meaning = "What the record carries."
clause = "RFC 8446 §5.1"
["tls.record.type".values]
"22 handshake" = "The handshake."
"23" = "Application data."

["sip.header.*"]
label = "Header * of SIP"
meaning = "A header."

["sip.header.*.value"]
label = "Value of *"
meaning = "Its value."
tag = "GK"

["sip.undecoded"]
label = "Not decoded"
meaning = "These octets make no sense here."
"""))


def test_the_whole_catalogue_can_be_read() -> None:
    """Each entry of each file has a label, a meaning and a clause; families may go without a clause."""
    words = catalogue()
    assert len(words) > 100
    lacking = [name for name in words.names if not words.find(name).clause and not name.endswith("undecoded")]  # type: ignore[union-attr]
    assert lacking == []


def test_a_value_adds_its_own_meaning() -> None:
    """A value is found as a whole, or by the number it starts with; an unknown value keeps the general meaning."""
    field = WORDS.field(Span("tls.record.type", 0, 1, "22 handshake"))
    assert (field.label, field.meaning, field.clause) == (
        "Content type", "What the record carries. The handshake.", "RFC 8446 §5.1")
    assert WORDS.field(Span("tls.record.type", 0, 1, "23 application_data")).meaning.endswith("Application data.")
    assert WORDS.field(Span("tls.record.type", 0, 1, "99")).meaning == "What the record carries."


def test_the_most_specific_family_wins() -> None:
    """A name without an entry takes that of its family, with its own part of the name in the label."""
    assert WORDS.field(Span("sip.header.X-Own", 0, 1)).label == "Header X-Own of SIP"
    value = WORDS.field(Span("sip.header.X-Own.value", 0, 1))
    assert (value.label, value.provisional, value.own, value.known) == ("Value of X-Own", True, False, True)


def test_what_no_one_explains_is_not_known() -> None:
    """No entry and no family: a label made of the name, no meaning, not known. So for undecoded octets."""
    field = WORDS.field(Span("bfcp.floor_id", 0, 2))
    assert (field.label, field.meaning, field.known) == ("floor id", "", False)
    assert not WORDS.field(Span("sip.undecoded", 0, 2)).known


@pytest.mark.parametrize("text", ["[x", "['a']\nlabel = 'b'", "a = 1"])
def test_a_wrong_file_is_named(text: str) -> None:
    """A catalogue file that can't be used is refused with its name."""
    with pytest.raises(ValueError, match=r"wrong\.toml"):
        read(text, "wrong.toml")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40), st.text(max_size=20))
def test_any_name_gets_a_label(name: str, value: str) -> None:
    """Names may come from a capture (an unknown header): whatever they are, there is a label and no error."""
    assert WORDS.field(Span(name, 0, 1, value)).label or name == ""


def leaf(start: int, end: int, name: str = "a", **more: bool) -> Field:
    return Field(name, name, start, end, meaning="said", **more)


def test_coverage_counts_own_meanings_only() -> None:
    """Holes, unknown fields, and fields known by their family only, are not explained; layers count too."""
    layer = Layer("Plaintext", "TLS", b"12345", (leaf(0, 4),))
    explained = Explained(1, bytes(10), (
        Field("p", "p", 0, 6, children=(leaf(0, 2), leaf(3, 6, "family", own=False))), leaf(6, 8),
        leaf(8, 9, "undecoded", known=False)), (layer,))
    covered = coverage(explained)
    assert (covered.octets, covered.explained_octets) == (15, 8)
    assert covered.unexplained == (
        (2, 3, ""), (3, 6, "family"), (8, 9, "undecoded"), (9, 10, ""), (4, 5, "Plaintext: "))
    assert not covered.complete
    assert coverage(Layer("empty", "TLS", b"", ())).complete


def test_overlapping_fields_count_once() -> None:
    """Two fields that claim the same octets do not make up for octets that none claims."""
    covered = coverage(Layer("x", "TLS", bytes(6), (leaf(0, 4), leaf(2, 4))))
    assert covered.explained_octets == 4
