"""The page of two captures side by side: what it tells, in a real Chromium, and with hostile text."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from browsing import Seen, chromium, serious
from hostile.hostile_files import STORED, workbench
from hostile.hostile_words import MARK, hostile_words
from hostile.test_hostile_words import STEERING
from test_views_hostile import FOREIGN, OURS

from workbench import analyze
from workbench.analysis.aligning import LEFT, RIGHT, Comparison, Pair, Row, compare
from workbench.analysis.steps import Step, Track
from workbench.views import comparing_html as page_of
from workbench.views.comparing import comparison_text
from workbench.views.comparing_html import comparison_html

CAPTURES = Path(__file__).parents[2] / "captures"
CLEAN, WEAKENED = CAPTURES / "e2ae-fingerprint-mismatch.pcapng", CAPTURES / "e2ae-fingerprint-mismatch-downgrade.pcapng"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(analyze(CLEAN), analyze(WEAKENED))


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    """`compare --html`: names of both, where they part, frames of both sides, and changed lines with their signs."""
    path = tmp_path / "new" / "page.html"
    said = workbench(tmp_path, "compare", CLEAN, WEAKENED, "--html", path)
    assert said.status == 1 and f"page: {path}" in said.out
    markup = path.read_text(encoding="utf-8")
    assert CLEAN.name in markup and WEAKENED.name in markup and "the first deviation" in markup
    assert "<del>- " in markup and "<ins>+ " in markup and "frame " in markup


def test_differences_only_unless_all_is_asked_for(comparison: Comparison) -> None:
    """What is the same is counted; --all shows it."""
    few, everything = comparison_html(comparison), comparison_html(comparison, everything=True)
    assert 'class="same"' not in few and "tracks without a difference are not shown" in few
    assert everything.count('class="same"') == sum(row.kind == "same" for pair in comparison.pairs for row in pair.rows)
    assert "no difference but values" in comparison_html(compare(analyze(CLEAN), analyze(CLEAN)))


def test_a_page_is_bounded() -> None:
    """Tracks, rows and lines beyond the limits are left out, and said."""
    step = Step("INVITE", "x" * 10_000, (), 1, 0.0)
    track = Track("call-1", "Core", "SIP", "UE A", "IMS-ALG", [step])
    pair = Pair("call-1", track, None, [Row(LEFT, step, None)] * (page_of.MOST_ROWS + 7))
    markup = comparison_html(Comparison("a", "b", [pair] + [Pair("call-2", None, track, [Row(RIGHT, None, step)])]
                                        * (page_of.MOST_TRACKS + 2), 0.0))
    assert "7 more rows are left out here" in markup and "3 more tracks with differences" in markup
    assert len(markup) < 600 * (page_of.MOST_ROWS + 2 * page_of.MOST_TRACKS) + 300_000


@pytest.mark.filterwarnings("ignore")  # of the browser's driver, not ours
@pytest.mark.parametrize("scheme", ["dark", pytest.param("light", marks=pytest.mark.long)])
def test_axe_finds_nothing_serious(browser: Any, comparison: Comparison, tmp_path: Path, scheme: str) -> None:
    """WCAG 2 A and AA: nothing serious; nothing is requested; a narrow screen scrolls in the tables' own boxes."""
    path = tmp_path / "page.html"
    path.write_text(comparison_html(comparison), encoding="utf-8")
    seen = Seen(browser, path.as_uri(), bypass_csp=True, color_scheme=scheme, viewport={"width": 380, "height": 800})
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 380
    assert serious(seen.page) == [] and seen.happened == []
    assert [url for url in seen.requests if not url.startswith("file:")] == []
    seen.close()


def test_hostile_text_steers_no_terminal(tmp_path: Path) -> None:
    """Nothing of a capture turns, hides or colours a line of the text form, and no line end is the capture's."""
    hostile, sound = analyze(hostile_words(tmp_path, STORED)), analyze(STORED)
    for found in (compare(hostile, sound), compare(sound, hostile)):
        text = comparison_text(found, everything=True, width=100)
        assert MARK in text and STEERING.search(text) is None


@pytest.mark.filterwarnings("ignore")
def test_hostile_text_is_text(browser: Any, tmp_path: Path) -> None:
    """Markup in messages, node names and file names makes no element and runs nothing, even without a policy."""
    report = analyze(hostile_words(tmp_path, STORED, ("markup", "address", "rich")))
    found = msgspec.structs.replace(compare(report, analyze(STORED)), left=f"<script>{MARK}</script>")
    path = tmp_path / "page.html"
    path.write_text(comparison_html(found, everything=True), encoding="utf-8")
    assert MARK in path.read_text(encoding="utf-8")
    seen = Seen(browser, path.as_uri(), bypass_csp=True)
    assert seen.happened == []
    assert seen.page.evaluate(FOREIGN, [sorted({*OURS, "del", "ins"} - {"script"}), MARK]) == []
    seen.close()


def test_a_report_holds_the_comparison_that_was_asked_for(tmp_path: Path) -> None:
    """`analyze --html --against`: each difference stands in the page, behind the report; its ids are its own."""
    stored = Path(__file__).parents[2] / "captures" / "e2ae-msrp-terminating.pcapng"
    page = tmp_path / "page.html"
    said = subprocess.run([sys.executable, "-m", "workbench.cli", "analyze", str(stored), "--html", str(page),
                           "--against", "e2ae-msrp-originating"], capture_output=True, timeout=120, check=False)
    told = page.read_text(encoding="utf-8")
    ids = re.findall(r' id="([^"]+)"', told)
    assert said.returncode in (0, 1) and len(ids) == len(set(ids))
    assert "beside e2ae-msrp-originating, run now</h2>" in told and 'id="v1t1"' in told and "<td>" in told
