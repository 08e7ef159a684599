"""One page in a real JupyterLab, in a real Chromium: all cells run, and a click on the ladder explains the message."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import programs
import pytest
from hostile.hostile_files import STORED
from hostile.hostile_words import hostile_words

from workbench import analyze
from workbench.views import mermaid_text

PAGES = Path(__file__).parents[2] / "notebooks"
PATIENCE_MS = 90_000
IDLE = ".jp-Notebook-ExecutionIndicator[data-status=idle]"


@pytest.fixture
def jupyterlab(tmp_path: Path) -> Iterator[str]:
    """The address of a JupyterLab that `workbench lab` started on copies of the pages."""
    pytest.importorskip("jupyterlab")
    shutil.copytree(PAGES, tmp_path / "pages", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    homes = {name: str(tmp_path / name.lower()) for name in (
        "HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    for home in homes.values():
        Path(home).mkdir()
    server = subprocess.Popen(
        [sys.executable, "-m", "workbench.cli", "lab", "--no-browser", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0",
         f"--ServerApp.root_dir={tmp_path / 'pages'}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, **homes})
    assert server.stderr is not None
    said: list[str] = []
    try:
        for line in server.stderr:
            said.append(line)
            address = re.search(r"http://127\.0\.0\.1:\d+/\S*token=\S+", line)
            if address is not None:
                break
        else:
            pytest.fail(f"JupyterLab did not start: {''.join(said[-20:])}")
        yield address[0]
    finally:
        server.terminate()
        with server.stderr:
            for line in server.stderr:  # until it has gone; a full pipe would hold it up
                said.append(line)
        server.wait(timeout=30)


@pytest.fixture
def browser() -> Iterator[Any]:
    """The system's Chromium; it speaks to nobody but us."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=programs.need("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        yield chromium
        chromium.close()


def open_page(browser: Any, jupyterlab: str, name: str) -> tuple[Any, list[str]]:
    """A page with all its cells run, and what the browser complained about."""
    page = browser.new_page(viewport={"width": 1600, "height": 1200})
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    address, _, query = jupyterlab.partition("?")
    # Run before the kernel is there, and JupyterLab asks which kernel; a person reads the page's head first.
    with page.expect_websocket(lambda socket: "/channels" in socket.url):
        page.goto(f"{address.rstrip('/').removesuffix('/tree')}/tree/{name}.ipynb?{query}")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    page.locator(".jp-Toolbar-kernelName", has_text="Python 3").wait_for()
    page.locator(IDLE).wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    return page, complaints


def nothing_went_wrong(page: Any, complaints: list[str]) -> None:
    """No cell raises or warns, nothing pops up, and the browser has nothing to complain about."""
    assert page.locator(".jp-Dialog").count() == 0, "a dialog is in the way"
    assert page.locator(".Toastify__toast").count() == 0, "a pop-up is in the way"
    page.locator(IDLE).wait_for()
    for kind in ("stderr", "error"):
        assert page.locator(f".jp-RenderedText[data-mime-type='application/vnd.jupyter.{kind}']").count() == 0
    assert page.locator("mjx-container, .MathJax").count() == 0, "a dollar sign of H.248 is taken for TeX"
    assert complaints == []


@pytest.mark.filterwarnings("ignore")  # of the browser's driver, not ours
def test_a_click_on_the_ladder_explains_the_message(jupyterlab: str, browser: Any) -> None:
    """No dialog gets in the way, all cells run, and a clicked message shows what it is, field by field."""
    page, complaints = open_page(browser, jupyterlab, "00-start-here")
    ladder = page.locator(".wb-widget .picture")
    ladder.first.wait_for(state="attached")
    ladder.first.scroll_into_view_if_needed()
    message = ladder.locator(".wb-m[aria-label*=INVITE]").first
    message.click()
    detail = page.locator(".wb-widget .stage .detail")
    detail.locator("h4").first.wait_for()
    assert "INVITE" in detail.first.inner_text() and "RFC 3261" in detail.first.inner_text()
    assert message.get_attribute("aria-pressed") == "true"
    nothing_went_wrong(page, complaints)


# A page, a picture that it has, a button of a panel in it, and what the panel shows when it has run with that.
PANELS = [
    ("07-a-floor-passes-under-tls", "who holds the floor over time", "ChairAction 3", "A chair decides"),
    ("09-how-a-tls-session-ends", "how connections end", "30", "31.050"),
    ("10-an-attacker-with-a-wrong-certificate", "the way of each message", "left alone", "No message of MSRP"),
    ("12-two-witnesses", "fields compared", "SIP in frame 2", "SIP From tag"),
]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "picture", "button", "shown"), PANELS, ids=[one[0] for one in PANELS])
def test_a_panel_runs_what_is_chosen(jupyterlab: str, browser: Any, name: str, picture: str, button: str,
                                     shown: str) -> None:
    """All cells run, the pictures are there, and a choice made with the mouse is run and shown."""
    page, complaints = open_page(browser, jupyterlab, name)
    page.get_by_role("region", name=picture, exact=True).first.wait_for(state="attached")
    chosen, run = page.get_by_role("button", name=button, exact=True), page.get_by_role("button", name="Run")
    panel = page.locator(".jp-OutputArea-output").filter(has=chosen).filter(has=run).first
    panel.wait_for(state="attached")
    nothing_went_wrong(page, complaints)
    panel.scroll_into_view_if_needed()
    panel.get_by_role("button", name=button, exact=True).click()
    panel.get_by_role("button", name="Run").click()
    panel.get_by_text(shown).first.wait_for()
    nothing_went_wrong(page, complaints)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_a_fax_page_fills_as_the_slider_moves(jupyterlab: str, browser: Any) -> None:
    """The slider uncovers the rows that are there at its moment, and the kernel tells how many."""
    page, complaints = open_page(browser, jupyterlab, "08-fax-over-dtls")
    arriving = page.get_by_role("group", name="a page as it arrives")
    arriving.wait_for(state="attached")
    arriving.scroll_into_view_if_needed()
    slider, told = arriving.locator("input[type=range]"), arriving.locator("[role=status]")
    told.filter(has_text="row 692 of 692").wait_for()
    nothing_went_wrong(page, complaints)
    arriving.scroll_into_view_if_needed()
    slider.evaluate("e => {e.value = (Number(e.min) + Number(e.max)) / 2; e.dispatchEvent(new Event('input'))}")
    told.filter(has_not_text="row 692 of").wait_for()
    assert arriving.locator(".open").evaluate("e => parseFloat(e.style.height)") > 20
    nothing_went_wrong(page, complaints)


HOSTILE_CELLS = (
    "from workbench import analyze\nfrom workbench.views import widgets\nreport = analyze('hostile-words.pcapng')",
    *(f"widgets.{view}(report)" for view in ("ladder", "stepper", "roles", "overview", "timeline", "sequences")),
    "report", "report.frames().head(200)", "print(report)", "report.nodes",
)


def write_page(path: Path, text: str, cells: Sequence[str]) -> None:
    """A notebook of a text and of cells with code."""
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {
        "name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}, "cells": [
            {"cell_type": "markdown", "id": "text", "metadata": {}, "source": text},
            *({"cell_type": "code", "id": f"code{at}", "metadata": {}, "source": source, "outputs": [],
               "execution_count": None} for at, source in enumerate(cells))]}
    path.write_text(json.dumps(book), encoding="utf-8")


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_hostile_text_is_drawn_and_not_obeyed(jupyterlab: str, browser: Any, tmp_path: Path) -> None:
    """Of a capture whose every text is hostile Mermaid draws each arrow, and in notebooks nothing runs or leads away.

    JupyterLab itself makes a link of an address in plain text; it leads where it says.
    """
    capture = hostile_words(tmp_path / "pages", STORED, ("markup", "address", "diagram", "colours"))
    diagram = mermaid_text(analyze(capture), most=200)
    write_page(tmp_path / "pages" / "hostile.ipynb", f"```mermaid\n{diagram}```\n", HOSTILE_CELLS)
    page, complaints = open_page(browser, jupyterlab, "hostile")
    page.on("dialog", lambda dialog: (complaints.append("dialog"), dialog.dismiss()))
    page.on("request", lambda request: complaints.append(request.url) if ":9/" in request.url else None)
    drawn = page.locator(".jp-RenderedMermaid img").first
    drawn.wait_for(state="attached")
    head, _, body = (drawn.get_attribute("src") or "").partition(",")
    svg = base64.b64decode(body).decode() if head.endswith("base64") else unquote(body)
    assert svg.count('class="messageText"') == diagram.count(">>n") == 200
    assert not re.search(r"<(script|a|img|iframe)\b|<[^>]*javascript:", svg)
    page.locator(".wb-widget .picture .wb-m").nth(3).click()
    page.locator(".wb-widget .stage .detail h4").first.wait_for()
    nothing_went_wrong(page, complaints)
    assert page.locator("a[href^='javascript'], iframe[srcdoc], form[action*=':9/'], img[src*=':9/']").count() == 0
    links = page.evaluate("[...document.querySelectorAll(\"a[href*=':9']\")].map(a => "
                          "[a.closest('.jp-RenderedText pre') !== null, a.getAttribute('href') === a.textContent])")
    assert all(one == [True, True] for one in links), links
