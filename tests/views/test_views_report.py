"""The report of a capture as people use it: offline, by keyboard, by ear, in the dark, and of a big capture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browsing import Seen, chromium
from report_captures import CLEAN, FAX, FLOORS, TRANSLATED, WEAKENED, big, lossy

from workbench import analyze
from workbench.analysis.report import Report
from workbench.views import excerpt as excerpts
from workbench.views import report_html
from workbench.views.excerpt import excerpt, messages_at


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_html([analyze(CLEAN), analyze(WEAKENED)]), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return analyze(big(tmp_path_factory.mktemp("big")))


@pytest.mark.filterwarnings("ignore")  # of the browser's driver, not ours
def test_it_opens_offline(browser: Any, address: str) -> None:
    """Without a network the page is whole: one request, for the file itself, no error, and its script has run."""
    seen = Seen(browser, address, offline=True)
    assert seen.requests == [address] and seen.happened == []
    assert seen.page.locator("html.js .panel.chosen").count() == 2
    seen.close()


@pytest.mark.filterwarnings("ignore")
def test_only_its_own_script_may_run(browser: Any, address: str, tmp_path: Path) -> None:
    """A script, a handler and a picture from elsewhere that get into the page are refused by its policy."""
    path = tmp_path / "changed.html"
    markup = report_html([analyze(WEAKENED)])
    path.write_text(markup.replace(
        "<main>", "<main><script>alert(1)</script><img src='http://127.0.0.1:9/x' onerror='alert(2)'>"), "utf-8")
    seen = Seen(browser, path.as_uri())
    assert not [one for one in seen.happened if one.startswith("dialog")]
    assert sum("Content Security Policy" in one for one in seen.happened) >= 2
    assert seen.page.locator("html.js").count() == 1
    seen.close()


@pytest.mark.filterwarnings("ignore")
def test_it_is_walked_by_keyboard(browser: Any, address: str) -> None:
    """The ladder is one stop of the Tab key; arrows, Home and End walk it, Enter reads, Escape returns."""
    seen = Seen(browser, address, viewport={"width": 1400, "height": 900})
    page = seen.page
    focus = "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.slice(0, 80)"
    page.keyboard.press("Tab")
    assert page.evaluate(focus) == "Skip to the first scenario"
    stops: list[str] = []
    while not stops or "s, H.248 from" not in stops[-1]:
        page.keyboard.press("Tab")
        stops.append(page.evaluate(focus))
        assert len(stops) < 60, stops
    assert {"Legs", "roles", "Calls, registrations and control associations"} <= set(stops)
    current = "document.querySelector('#s1 a.wb-m[aria-current]').getAttribute('aria-label')"
    panel = "document.querySelector('#s1 .panel.chosen h4').textContent"
    first = page.evaluate(current)
    page.keyboard.press("ArrowDown")
    second = page.evaluate(current)
    assert second != first and page.evaluate(focus) == second
    page.keyboard.press("End")
    last = page.evaluate("[...document.querySelectorAll('#s1 a.wb-m')].pop().getAttribute('aria-label')")
    assert page.evaluate(current) == last
    page.keyboard.press("Home")
    page.keyboard.press("PageDown")
    eleventh = page.evaluate("document.querySelectorAll('#s1 a.wb-m')[10].getAttribute('aria-label')")
    assert page.evaluate(focus) == eleventh
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.className") == "panel chosen"
    assert page.evaluate(panel).split(" ", 1)[1] in eleventh
    page.keyboard.press("Tab")      # into the explanation: its octets
    assert page.evaluate(focus) == "octets"
    page.keyboard.press("Escape")
    assert page.evaluate(focus) == eleventh
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert page.evaluate(focus) == eleventh and seen.happened == []
    seen.close()


@pytest.mark.filterwarnings("ignore")
def test_evidence_leads_to_its_message(browser: Any, address: str) -> None:
    """Enter on a frame of a finding shows the message that this frame carries, and the focus goes there."""
    seen = Seen(browser, address)
    link = seen.page.locator("#s2 .findings a").first
    frame = link.inner_text()
    link.focus()
    seen.page.keyboard.press("Enter")
    said = seen.page.locator("#s2 .panel.chosen > p.quiet").first.inner_text()
    assert re.search(rf"frames? (\d+, )*{frame}\b", said)
    assert seen.page.evaluate("document.activeElement.className") == "panel chosen"
    seen.close()


@pytest.mark.filterwarnings("ignore")
def test_it_can_be_heard(browser: Any, address: str) -> None:
    """Landmarks, headings without a gap in order, tables with heads, and the ladder as a list and as text."""
    seen = Seen(browser, address)
    page = seen.page
    for role, name in (("banner", None), ("main", None), ("navigation", "contents")):
        assert page.get_by_role(role, **({"name": name} if name else {})).count() == 1, role
    for section in ("#s1", "#s2"):
        title = page.locator(f"{section} h2").inner_text()
        assert page.get_by_role("region", name=title, exact=True).count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.evaluate("[...document.querySelectorAll('table')].filter(t => !t.querySelector('th[scope]') ||"
                         " !t.closest('[aria-label]') && !t.caption).map(t => t.outerHTML.slice(0, 200))") == []
    items = page.locator("#s1 svg").get_by_role("listitem")
    rows = page.locator("#s1 details pre").text_content().splitlines()
    assert items.count() == len(rows) - 2 > 50
    label = items.nth(5).locator("a").get_attribute("aria-label")
    assert rows[7].split()[0][:5] in label and rows[7].split(" ")[-1] in label
    seen.close()


@pytest.mark.parametrize("path", [FAX, FLOORS, TRANSLATED], ids=["fax", "floors", "translated"])
def test_every_picture_has_a_text(path: Path) -> None:
    """Images have an `alt`, drawn things a name, and parts that are only for eyes are hidden from ears."""
    markup = report_html([analyze(path)])
    for tag in re.findall(r"<(?:img|svg)\b[^>]*>", markup):
        assert re.search(r' (alt|aria-label)="[^"]{10,}"', tag), tag
    assert all(re.search(r'aria-label="[^"]+"', tag) for tag in re.findall(r'<[^>]*role="img"[^>]*>', markup))


@pytest.mark.filterwarnings("ignore")
def test_it_follows_the_light(browser: Any, address: str) -> None:
    """Dark paper and light ink where the system prefers dark, and the other way round."""
    shades = []
    for scheme in ("light", "dark"):
        seen = Seen(browser, address, color_scheme=scheme)
        shades.append([seen.page.evaluate(f"getComputedStyle(document.querySelector('{at}')).{what}")
                       for at, what in (("body", "backgroundColor"), ("body", "color"), (".wb-ladder text", "fill"))])
        seen.close()
    assert shades[0][0] == "rgb(255, 255, 255)" and shades[1][0] == "rgb(20, 23, 28)"
    assert all(light != dark for light, dark in zip(*shades, strict=True))


def test_a_big_capture_is_told_in_part(crowd: Report) -> None:
    """2,000 messages are shown and the others counted; the page stays under 12 MB."""
    markup = report_html([crowd])
    assert markup.count('role="listitem"') == 2000 == markup.count("<article")
    assert "600 messages (600 SIP)" in markup
    assert len(markup) < 12_000_000
    assert "Not explained field by field: there are too many messages." in markup


def test_an_excerpt_begins_with_what_findings_rest_on() -> None:
    """Of a capture that is too big for a page, the messages in evidence and the sessions that they are of are kept."""
    report = analyze(WEAKENED)
    shown, left = excerpt(report, most=6, most_sessions=1)
    kept = {frame for message in shown.messages for frame in message.frames}
    assert {frame for finding in report.findings for frame in finding.frames} <= kept
    assert [session.id for session in shown.sessions] == ["call-1"]
    assert sum(left.messages.values()) == len(report.messages) - 6 and left.sessions == len(report.sessions) - 1
    assert [one.index for one in shown.messages] == sorted(one.index for one in shown.messages)


def test_a_whole_report_is_no_excerpt() -> None:
    """What fits a page is shown as it is."""
    report = analyze(WEAKENED)
    assert excerpt(report) == (report, excerpts.Left()) and excerpts.Left().said == ""


@pytest.mark.parametrize("path", [CLEAN, FAX, TRANSLATED, None], ids=["clean", "fax", "translated", "lossy"])
def test_messages_are_found_by_frame(path: Path | None, tmp_path: Path) -> None:
    """Each frame that completes a message leads to all messages that it completes."""
    report = analyze(path or lossy(tmp_path))
    for message in report.messages:
        assert message in list(messages_at(report, message.frames[-1]))
        assert any(message.frames[0] in one.frames for one in messages_at(report, message.frames[0]))


def test_an_excerpt_does_not_walk_all_messages(crowd: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2,600 messages no more are made than the 100 shown and those that a search by halves looks at."""
    fresh, asked = analyze(crowd.capture), set[int]()
    table = type(fresh.messages)
    made = table._message

    def count(self: Any, place: int) -> Any:
        asked.add(place)
        return made(self, place)

    monkeypatch.setattr(table, "_message", count)
    shown, left = excerpt(fresh, most=100)
    assert len(list(shown.messages)) == 100 and left.messages == {"SIP": 2500}
    assert 100 <= len(asked) < 200




def test_a_big_capture_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where reading it again takes long, a message that needs the frames around it says how to have it explained."""
    from workbench.views import html_messages

    report = analyze(CLEAN)
    monkeypatch.setattr(html_messages, "MOST_REREAD", 1)
    monkeypatch.setattr(Report, "frame", lambda self, number: pytest.fail("read again"))
    markup = report_html([report])
    assert "too big to be read again. Try workbench show --frame " in markup
    assert "Starts a session" in markup


def test_evidence_is_explained_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not all messages can be explained, those that findings rest on are."""
    from workbench.views import html_messages

    report = analyze(WEAKENED)
    monkeypatch.setattr(html_messages, "MOST_EXPLAINED", 0)
    panels = re.findall(r'<article .*?</article>', report_html([report]), re.DOTALL)
    explained = {number for number, panel in enumerate(panels) if 'class="wb-octets"' in panel}
    evidence = {frame for finding in report.findings for frame in finding.frames}
    assert explained == {one.index for one in report.messages if not evidence.isdisjoint(one.frames)} != set()


def test_a_page_holds_a_bounded_number_of_captures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more captures than a page holds, the others are counted."""
    from workbench.views import html

    monkeypatch.setattr(html, "MOST_SECTIONS", 2)
    markup = report_html([analyze(WEAKENED)] * 5)
    assert markup.count('<section class="scenario"') == 2
    assert "3 more captures are left out here: a page holds 2." in markup


def test_contexts_are_told_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table for each H.248 context: every change with its frame, and what is in the context from then on."""
    from html import unescape

    from workbench.views import html_sessions

    report = analyze(TRANSLATED)
    markup = unescape(report_html([report]))
    assert len(report.contexts) > 0
    for context in report.contexts:
        assert f"Context {context.number} of {context.gateway}, ordered by {context.controller}: from " in markup
        for state in context.states:
            assert state.change[:500] in markup
            assert all(str(one)[:500] in markup for one in state.terminations)
    monkeypatch.setattr(html_sessions, "_MOST_STATES", 1)
    assert f"{len(report.contexts[0].states) - 1} more changes are left out here." in report_html([report])


def test_a_call_is_told_hop_by_hop_and_leg_by_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each dialog and each leg on each wire, with its termination; of very many sessions it says that it does not."""
    from html import unescape

    from workbench.views import html_joined

    report = analyze(TRANSLATED)
    markup = unescape(report_html([report]))
    (call,) = [one for one in report.joined if one.legs]
    assert f"{call.session} hop by hop and leg by leg" in markup
    assert len(call.dialogs) > 1 and all(f"Call-ID {one.call_id}" in markup for one in call.dialogs)
    assert any(leg.owners for leg in call.legs)
    assert all(f"{one.gateway} context {one.context}, {one.termination}" in markup
               for leg in call.legs for one in leg.owners)
    monkeypatch.setattr(html_joined, "MOST_JOINED", 0)
    assert "sessions are too many to be joined here" in report_html([report])
