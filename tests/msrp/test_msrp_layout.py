"""Each octet of an MSRP message has its place, and each place its entry in the catalogue."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench.analysis.explain
from workbench.protocols.layout import Span, uncovered
from workbench.protocols.msrp import layout

VECTORS = Path(__file__).parent.parent / "vectors" / "msrp"
OCTETS = [bytes.fromhex(path.read_text()) for path in sorted(VECTORS.glob("*.hex"))]
ODD = b"\r\n".join([
    b"MSRP abcd SEND", b"To-Path: msrp://u@[2001:db8::1]:1/a/b;tcp;x=y msrps://relay;tcp", b"From-Path: nonsense",
    b"Byte-Range: 1-*/*", b"Status: 000 200", b"byte-range: x", b"X-Own:", b"Use-Nickname: \xff",
    b"Content-Type: a/b", b"",
    b"\r\n-------abce$\r\n", b"-------abcd#", b"",
])
CATALOGUE = Path(next(iter(workbench.analysis.explain.__path__))) / "catalogue" / "msrp.toml"


def names(spans: Iterable[Span]) -> set[str]:
    return {name for span in spans for name in {span.name} | names(span.children)}


def check(octets: bytes) -> tuple[Span, ...]:
    spans = layout.spans(octets)
    assert uncovered(spans, 0, len(octets)) == []
    for span in spans:
        check_parts(span)
    return spans


def check_parts(span: Span) -> None:
    assert span.start < span.end
    if span.children:
        assert (span.children[0].start, span.children[-1].end) == (span.start, span.end)
        for one, other in zip(span.children, span.children[1:], strict=False):
            assert one.end == other.start
        for child in span.children:
            check_parts(child)


@pytest.mark.parametrize("octets", OCTETS)
def test_messages_are_laid_out_completely(octets: bytes) -> None:
    spans = check(octets)
    assert layout.UNDECODED not in names(spans)
    assert [span.name for span in spans] == ["msrp.message"]
    assert len(check(octets + octets)) == 2
    for size in range(len(octets)):
        check(octets[:size])


def test_parts_say_what_they_are() -> None:
    octets = next(one for one in OCTETS if b"Conference" in one)
    leaves = [(leaf.name, octets[leaf.start : leaf.end]) for span in layout.spans(octets) for leaf in span.leaves()]
    for expected in (
        ("msrp.method", b"SEND"), ("msrp.uri.scheme", b"msrps"), ("msrp.uri.host", b"203.0.113.20"),
        ("msrp.uri.port", b"28551"),
        ("msrp.uri.session_id", b"mP8vC2xLs6GdJ1eN"), ("msrp.uri.transport", b"tcp"), ("msrp.byte_range.total", b"46"),
        ("msrp.header.value", b"text/plain"), ("msrp.body", b"Conference floor ope"), ("msrp.end_line.flag", b"+"),
    ):
        assert expected in leaves


def test_every_name_has_its_entry() -> None:
    entries = tomllib.loads(CATALOGUE.read_text())
    found = {name for octets in [*OCTETS, ODD, b"\0"] for name in names(check(octets))}
    found |= {f"msrp.header.{name}" for name in layout.HEADERS}
    assert found - set(entries) == set()
    for entry in entries.values():
        assert entry["label"]
        assert entry["meaning"].endswith(".")
        assert entry["clause"].startswith("RFC ")


@given(st.binary(max_size=200) | st.builds(lambda a, b: OCTETS[0][:a] + b + OCTETS[1][a:], st.integers(0, 300),
                                           st.binary(max_size=20)))
@settings(max_examples=300, deadline=None)
def test_garbage_is_covered_too(octets: bytes) -> None:
    check(octets)
