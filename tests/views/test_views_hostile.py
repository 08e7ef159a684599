"""Hostile text of every protocol in a real Chromium: nothing runs, nobody is asked, and no element is the capture's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Seen, chromium
from hostile.hostile_files import STORED
from hostile.hostile_words import MARK, WORDS, hostile_words

from workbench import analyze, views
from workbench.analysis.report import Report
from workbench.views import widgets
from workbench.views.widgets import own

# Everything that our pages are made of. A link leads to a place on its own page.
OURS = {
    "html", "head", "meta", "title", "style", "body", "script", "main", "header", "nav", "section", "article", "div",
    "span", "p", "ul", "li", "dl", "dt", "dd", "a", "b", "br", "code", "cite", "em", "i", "pre", "h1", "h2", "h3", "h4",
    "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "svg", "desc", "g", "rect", "line",
    "path", "text", "wbr",
}
FOREIGN = """([ours, mark]) => { const found = [];
  for (const one of document.querySelectorAll('*')) {
    if (!ours.includes(one.localName)) found.push(one.localName);
    for (const at of one.attributes) {
      const leads = ['href', 'src', 'srcset', 'xlink:href', 'action', 'srcdoc', 'formaction'].includes(at.name);
      if (at.name.startsWith('on') || (leads && !at.value.startsWith('#'))
          || (['id', 'class', 'style'].includes(at.name) && at.value.includes(mark)))
        found.push(one.localName + ' ' + at.name + '=' + at.value); } }
  return found.slice(0, 20); }"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return analyze(hostile_words(tmp_path_factory.mktemp("words"), STORED, ("markup", "address", "rich")))


def foreign(page: Any) -> list[str]:
    """Elements and attributes of a page that are not ours; the first of them."""
    found: list[str] = page.evaluate(FOREIGN, [sorted(OURS), MARK])
    return found


@pytest.mark.filterwarnings("ignore")  # of the browser's driver, not ours
@pytest.mark.parametrize("policy", [pytest.param(True, marks=pytest.mark.long), False], ids=["policy", "no policy"])
def test_the_page_runs_nothing_of_the_capture(browser: Any, report: Report, tmp_path: Path, policy: bool) -> None:
    """No error, dialog, window or request; every element is ours, and its text is there as text."""
    path = tmp_path / "page.html"
    path.write_text(views.report_html([report], title=WORDS["markup"].decode()), encoding="utf-8")
    seen = Seen(browser, path.as_uri(), bypass_csp=not policy)
    page = seen.page
    page.locator("a.wb-m").first.focus()
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    page.locator(".panel.chosen").hover()
    page.keyboard.press("Enter")
    for _ in range(4):
        page.keyboard.press("Tab")
    assert seen.happened == [] and seen.requests == [path.as_uri()]
    assert foreign(page) == [] and page.url.startswith("file:")
    assert page.evaluate("document.body.textContent").count("<script>hostile()</script>") > 50
    assert page.evaluate("document.querySelectorAll('script').length") == 1
    seen.close()


@pytest.mark.filterwarnings("ignore")
def test_pictures_of_notebooks_run_nothing(browser: Any, report: Report, tmp_path: Path) -> None:
    """What notebooks put into their page, on a page without any policy: views, ladder, each explanation, states."""
    from workbench.views.widgets.live import detail_html

    shown = [views.ladder_svg(report, link=lambda row: f"#m{row.message}"), views.roles_html(report),
             views.bearers_html(report), views.paths_html(report), views.sequences_html(report),
             views.journeys_html(report), views.floors_html(report), views.beside_html({"a": report, MARK: report}),
             views.endings_html({WORDS["markup"].decode(): report}), widgets.overview(report)._repr_html_(),
             own.told(report)._repr_html_(),
             *(views.state_html(step) for step in views.steps(report)[::50]),
             *(detail_html(report, index) for index in range(0, len(report.messages), 5))]
    path = tmp_path / "views.html"
    path.write_text(f"<!doctype html><html><head><meta charset=utf-8><title>x</title></head><body>{''.join(shown)}",
                    encoding="utf-8")
    seen = Seen(browser, path.as_uri())
    assert seen.happened == [] and seen.requests == [path.as_uri()]
    assert foreign(seen.page) == []
    assert seen.page.evaluate("document.body.textContent").count("<script>hostile()</script>") > 50
    seen.close()


@pytest.mark.filterwarnings("ignore")
def test_figures_run_nothing(browser: Any, report: Report, tmp_path: Path) -> None:
    """plotly reads some markup in its texts: the capture's is none of it, neither drawn nor when it is pointed at."""
    from workbench.views.roles import roles_figure

    plotly: Any = pytest.importorskip("plotly.io")
    figures = [views.timeline_figure(report), views.sequences_figure(report), roles_figure(report)]
    raw: Any = pytest.importorskip("plotly.graph_objects").Figure(layout={"title": WORDS["address"].decode()})
    path = tmp_path / "figures.html"
    body = "".join(f"<div id=f{at}>{plotly.to_html(one, include_plotlyjs=at == 0, full_html=False)}</div>"
                   for at, one in enumerate((*figures, raw)))
    path.write_text(f"<!doctype html><html><head><meta charset=utf-8><title>x</title></head><body>{body}", "utf-8")
    seen = Seen(browser, path.as_uri(), viewport={"width": 1400, "height": 900})
    page = seen.page
    page.locator("#f0 .main-svg .points path").first.wait_for(state="attached")
    page.locator("#f3 .main-svg .gtitle").wait_for(state="attached")
    page.locator(".nsewdrag").first.hover()
    assert page.locator("#f3 svg a").count() == 1       # the control: plotly makes a link of it
    links = page.locator("#f0 svg a, #f1 svg a, #f2 svg a").count()
    said = [one for one in seen.happened if "MathJax is not loaded" not in one]
    assert len(said) == len(seen.happened) - 1          # the control: plotly takes what stands between $ for TeX
    assert links == 0 and said == [] and seen.requests == [path.as_uri()]
    assert page.locator("iframe, svg script, svg img, form").count() == 0
    assert MARK in page.evaluate("document.body.textContent")
    seen.close()
