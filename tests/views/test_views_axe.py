"""Reports of captures in a real Chromium: axe finds nothing serious; what was not read is told before conclusions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Seen, chromium, serious
from hostile.hostile_files import workbench
from report_captures import CLEAN, FAX, FLOORS, TRANSLATED, WEAKENED, big, broken

from workbench import analyze, scenarios
from workbench.views import report_html

CAPTURES: dict[str, Callable[[Path], Path]] = {
    "clean": lambda folder: CLEAN, "weakened": lambda folder: WEAKENED, "fax": lambda folder: FAX,
    "floors": lambda folder: FLOORS, "translated": lambda folder: TRANSLATED, "broken": broken, "big": big,
}
RUNS: dict[str, Callable[[], Any]] = {
    "a run": lambda: scenarios.get("tcp-aware-a-active").run(seed=1),
    "a weakened run": lambda: scenarios.get("e2ae-fingerprint-mismatch").run(weakened="the gateway checks nothing"),
}
OFTEN = [("weakened", "dark"), ("broken", "light")]
HEADINGS = ("Blind spots", "Is there media?", "Findings", "Sessions", "Roles", "Messages")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Gives the address of the report on a capture, which is made once."""
    folder, made = tmp_path_factory.mktemp("reports"), dict[str, Path]()

    def of(name: str) -> str:
        if name not in made:
            made[name] = folder / f"{name}.html"
            shown = RUNS[name]() if name in RUNS else analyze(CAPTURES[name](folder))
            made[name].write_text(report_html([shown]), encoding="utf-8")
        return made[name].as_uri()

    return of


@pytest.mark.filterwarnings("ignore")  # of the browser's driver, not ours
@pytest.mark.parametrize(("name", "scheme"), [
    *OFTEN, *(pytest.param(*one, marks=pytest.mark.long)
              for one in itertools.product((*CAPTURES, *RUNS), ("light", "dark")) if one not in OFTEN)])
def test_axe_finds_nothing_serious(browser: Any, address: Callable[[str], str], name: str, scheme: str) -> None:
    """WCAG 2 A and AA and axe's best practices on the page of a capture or run: nothing serious, nothing critical."""
    seen = Seen(browser, address(name), bypass_csp=True, color_scheme=scheme, viewport={"width": 1400, "height": 900})
    assert serious(seen.page) == [] and seen.happened == []
    seen.close()


@pytest.mark.filterwarnings("ignore")
def test_axe_finds_what_is_wrong(browser: Any, address: Callable[[str], str]) -> None:
    """The control: a picture without text, a field without name and grey on grey are found on the same page."""
    seen = Seen(browser, address("weakened"), bypass_csp=True)
    seen.page.evaluate("document.querySelector('main').insertAdjacentHTML('afterbegin', '<img src=\"data:,\"><input>"
                       "<p style=\"color:#999;background:#aaa\">grey</p>')")
    assert {"image-alt", "label", "color-contrast"} <= {one[0] for one in serious(seen.page)}
    seen.close()


def test_blind_spots_come_before_conclusions(tmp_path: Path) -> None:
    """`analyze --html` tells first what was not read, then whether there is media, findings, sessions, messages."""
    page = tmp_path / "page.html"
    said = workbench(tmp_path, "analyze", broken(tmp_path), "--html", page)
    assert said.status in (0, 1) and "not read" in said.out
    markup = page.read_text(encoding="utf-8")
    order = [markup.index(f">{heading}</h3>") for heading in HEADINGS]
    assert order == sorted(order)
    assert "<td>5</td><td>300</td><td>1</td>" in markup
    assert "cut" in markup[order[0] : order[1]]


def test_a_capture_that_was_read_says_so() -> None:
    """The headings in order where a rule is broken; and of a capture without blind spots that none is known."""
    markup = report_html([analyze(WEAKENED)])
    order = [markup.index(f">{heading}</h3>") for heading in HEADINGS]
    assert order == sorted(order)
    assert "None is known" in report_html([analyze(CLEAN)])
    assert "call-1 (msrp): " in markup
