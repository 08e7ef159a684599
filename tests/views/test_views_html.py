"""The page: one file, complete without scripts, nothing fetched, everything escaped."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from typing import Any

from view_samples import ALG, HOSTILE, UE, message, report

from workbench import scenarios
from workbench.analysis.explain import explain_frame
from workbench.analysis.values import Finding
from workbench.views import octets_html, octets_text, report_html

VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(HTMLParser):
    """Elements with their attributes, ids, and whether all are closed in order."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.misnested: list[str] = []
        self.words: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.misnested.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@cache
def run() -> Any:
    """One real run: its page explains real octets."""
    return scenarios.get("e2ae-msrp-originating").run(seed=1)


@cache
def page() -> Page:
    return Page(report_html([run()]))


def test_the_page_is_well_formed() -> None:
    """Every element is closed where it should be, ids are unique, and each link on the page leads somewhere."""
    assert page().misnested == [] and page().open == []
    ids = [attrs["id"] for _, attrs in page().elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"] or "" for tag, attrs in page().elements if tag == "a"]
    assert len(links) > 100
    assert {link[1:] for link in links} <= set(ids)


def test_nothing_is_fetched() -> None:
    """No address outside the page: no script, font, picture or style sheet is loaded."""
    markup = report_html([run()])
    assert not re.search(r"(src|href)\s*=\s*[\"']?\s*(https?:|//)", markup)
    assert "@import" not in markup and "url(" not in markup
    assert any(attrs.get("http-equiv") == "Content-Security-Policy" for tag, attrs in page().elements if tag == "meta")


def test_all_of_a_run_is_there() -> None:
    """Each expectation with its verdict, each message with its explanation, roles, and the meanings of all fields."""
    said = " ".join(page().words)
    for verdict in run().verdicts:
        assert verdict.name in said
    panels = [attrs["id"] for tag, attrs in page().elements if tag == "article"]
    assert len(panels) == len(run().report.messages)
    assert "TLS server" in said
    assert "Meanings" in said
    assert page().elements[0] == ("html", {"lang": "en"})


def test_every_focusable_thing_has_a_name() -> None:
    """Links, regions and fields that take the focus have a text or a label; every table has header cells."""
    for tag, attrs in page().elements:
        if attrs.get("role") == "region":
            assert attrs.get("aria-label")
        if tag == "a" and "wb-m" in (attrs.get("class") or ""):
            assert attrs.get("aria-label")
        if tag == "th":
            assert attrs.get("scope") in ("row", "col")


def test_hostile_text_stays_text(monkeypatch: Any) -> None:
    """Markup in summaries, comments, wires, findings and notes opens no element and runs no script."""
    from workbench.analysis.explain import Field, Layer
    from workbench.views import html_messages

    field = Field("sip.x", HOSTILE, 0, 3, HOSTILE, HOSTILE, HOSTILE)
    monkeypatch.setattr(html_messages, "explain_message", lambda report, one: Layer(HOSTILE, HOSTILE, b"<b>", (field,)))
    shown = report(message(15, UE, ALG, "SIP", HOSTILE, comment=HOSTILE, wire=HOSTILE, error=HOSTILE),
                   findings=(Finding(HOSTILE, HOSTILE, HOSTILE, HOSTILE, (1,), HOSTILE, next=HOSTILE),),
                   notes=(HOSTILE,))
    shown.capture = HOSTILE
    found = Page(report_html([shown], title=HOSTILE))
    assert found.misnested == [] and found.open == []
    assert sum(tag == "script" for tag, _ in found.elements) == 1
    assert not any(tag == "img" or any(name.startswith("on") for name in attrs) for tag, attrs in found.elements)


def test_octets_of_a_frame() -> None:
    """Each field in the dump has its explanation under the same number, and the other way round."""
    explained = explain_frame(run().report, 7)
    found = Page(octets_html(explained))
    dumped = [attrs["data-f"] for tag, attrs in found.elements if tag == "span" and "data-f" in attrs]
    listed = [attrs["data-f"] for tag, attrs in found.elements if tag == "li" and "data-f" in attrs]
    assert dumped == listed and len(dumped) > 100
    assert found.misnested == []


def test_octets_as_text() -> None:
    """The text form tells offset, octets, label, value, meaning and clause, and how much is explained."""
    text = octets_text(explain_frame(run().report, 7))
    assert "Source address: 203.0.113.10" in text
    assert "[RFC 791 §3.1]" in text
    assert re.search(r"(\d+) of \1 octets explained", text)
    assert max(map(len, text.splitlines())) <= 120
    short = octets_text(explain_frame(run().report, 7), meanings=False)
    assert "Source address: 203.0.113.10" in short and "[RFC 791 §3.1]" not in short


def test_a_page_of_nothing() -> None:
    """A capture without messages gives a page that says so."""
    shown = report()
    shown.messages, shown.sessions, shown.scenario = (), (), None
    found = Page(report_html([shown]))
    assert "No media leg in this capture." in " ".join(found.words)
