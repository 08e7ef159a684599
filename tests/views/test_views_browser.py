"""The page in a real Chromium: clicks, arrow keys, and reading without scripts. The browser speaks to nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import programs
import pytest

from workbench import scenarios
from workbench.views import heat_map_html, report_html
from workbench.views.heat_map import HEAT_STYLE
from workbench.views.widgets.fax import ARRIVING_SCRIPT
from workbench.views.widgets.grid import GRID_SCRIPT


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report_html([scenarios.get("e2ae-msrp-originating").run(seed=1)]), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=programs.need("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        yield chromium
        chromium.close()


@pytest.mark.filterwarnings("ignore")  # of the browser's driver, not ours
def test_a_click_shows_the_explanation(browser: Any, address: str) -> None:
    """A clicked message is marked and explained; arrow keys walk the ladder and the fields; nothing is requested."""
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    errors: list[str] = []
    requests: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address)
    row = page.locator("a.wb-m[aria-label*=INVITE]").first
    row.click()
    panel = page.locator("article.panel.chosen")
    assert panel.locator("h4").inner_text().find("INVITE") > 0
    assert "Starts a session" in panel.inner_text()
    page.keyboard.press("ArrowDown")
    assert "H.248" in page.locator("article.panel.chosen h4").inner_text()
    first = page.locator("article.panel.chosen .f[tabindex='0']")
    first.focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("article.panel.chosen .o.on").count() == 1
    assert errors == []
    assert [url for url in requests if not url.startswith("file:")] == []
    page.close()


@pytest.mark.filterwarnings("ignore")
def test_a_page_without_scripts_can_be_read(browser: Any, address: str) -> None:
    """Without JavaScript every message's explanation is visible, and a ladder's link leads to it."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    panels = page.locator("article.panel")
    assert panels.count() > 50
    assert all(panels.nth(index).is_visible() for index in (0, 20, 40))
    row = page.locator("a.wb-m").nth(20)
    row.click()
    assert page.url.endswith(row.get_attribute("href") or "?")
    context.close()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("width", [380, 900])
def test_narrow_screens_do_not_scroll_sideways(browser: Any, address: str, width: int) -> None:
    """Only ladder and tables scroll sideways, in their own boxes (WCAG 2.2, 1.4.10)."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


STAGE = """<!doctype html><meta charset="utf-8"><style>%s</style><div id="at"></div><script>
%s
const held={markup:%s,why:'',wide:2,selected:-1},heard={};
const model={get:name=>held[name],on:(name,do_)=>{(heard[name]=heard[name]||[]).push(do_)},save_changes:()=>{},
  set:(name,value)=>{held[name]=value;if(name==='selected'){held.why='cell '+value;
    (heard['change:why']||[]).forEach(one=>one());}}};
render({model,el:document.getElementById('at')});
</script>"""


@pytest.mark.filterwarnings("ignore")
def test_the_table_of_calls_is_walked_by_keyboard(browser: Any) -> None:
    """One cell is in the tab order, arrow keys go on without leaving a row at its end, and why is told."""
    cells = tuple(tuple(SimpleNamespace(works=a == b, why=f"{a}{b}") for b in range(2)) for a in range(2))
    table = SimpleNamespace(title="calls", rows=("one", "two"), columns=("one", "two"), cells=cells)
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    script = GRID_SCRIPT.replace("export default {render};", "")
    page.set_content(STAGE % (HEAT_STYLE, script, json.dumps(heat_map_html(table, buttons=True, style=False))))
    buttons = page.locator("button.c")
    assert [buttons.nth(at).get_attribute("tabindex") for at in range(4)] == ["0", "-1", "-1", "-1"]
    buttons.nth(0).click()
    for key, chosen in (("ArrowRight", 1), ("ArrowRight", 1), ("ArrowDown", 3), ("ArrowDown", 3), ("ArrowLeft", 2)):
        page.keyboard.press(key)
        pressed = [at for at in range(4) if buttons.nth(at).get_attribute("aria-pressed") == "true"]
        assert pressed == [chosen], key
    assert page.locator("[role=status]").inner_text() == "cell 2" and errors == []
    page.close()


ARRIVING = """<!doctype html><meta charset="utf-8"><div id="at" style="width:600px"></div><script>
%s
const held={times:[1,1,2,4],begin:1,end:4,seconds:4,said:'all',told:'a page',
  picture:'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400"/>'},heard={};
const model={get:name=>held[name],on:(name,do_)=>{(heard[name]=heard[name]||[]).push(do_)},save_changes:()=>{},
  set:(name,value)=>{held[name]=value;held.said=value+' s';
    for(const one of [...(heard['change:'+name]||[]),...(heard['change:said']||[])])one();}};
render({model,el:document.getElementById('at')});
</script>"""


@pytest.mark.filterwarnings("ignore")
def test_a_page_is_uncovered_row_by_row(browser: Any) -> None:
    """At each moment the rows that are there are seen, and no more; the slider says so to those who hear it."""
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    style = "<style>.paper{position:relative}.open{position:absolute;bottom:0;left:0;right:0}img{width:100%}</style>"
    page.set_content(style + ARRIVING % ARRIVING_SCRIPT.replace("export default {render};", ""))
    slider, cover = page.locator("input[type=range]"), page.locator(".open")
    assert cover.evaluate("e => e.style.height") == "0%"
    for moment, covered, said in ((1, "50%", "1.0 s, row 2 of 4"), (3, "25%", "3.0 s, row 3 of 4")):
        slider.fill(str(moment))
        assert cover.evaluate("e => e.style.height") == covered
        assert slider.get_attribute("aria-valuetext") == said
        assert page.locator("[role=status]").inner_text() == f"{moment} s"
    assert page.locator("img").get_attribute("alt") == "a page"
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Play").wait_for()      # it says Stop until the page is whole
    page.wait_for_function("document.querySelector('.open').style.height === '0%'")
    assert errors == []
    page.close()
