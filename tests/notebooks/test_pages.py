"""Every page runs from top to bottom, says nothing on stderr, and has the shape that readers count on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

PAGES = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SHAPE = ["**Goal.**", *(f"## {part}" for part in (
    "Run", "Look", "Explain", "Change", "Check", "Exercise 1", "Exercise 2", "Sources"))]

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def stored(page: Path) -> Any:
    return json.loads(page.read_text(encoding="utf-8"))


@each_page
@pytest.mark.filterwarnings("ignore")  # of the client that drives the kernel; the page's own are on its stderr
def test_a_page_runs_without_error_or_warning(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All cells run, those with folded solutions too; their asserts hold; no cell writes to stderr."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    notebook = nbformat.read(page, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", f"cell {cell.id} warns: {output.get('text')}"
            assert output.output_type != "error", f"cell {cell.id}: {output.get('evalue')}"


@pytest.mark.filterwarnings("ignore")
def test_two_witnesses_runs_without_the_other_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no tshark is, page 12 says so, shows our side, and its asserts hold."""
    (page,) = (one for one in PAGES if one.stem == "12-two-witnesses")
    monkeypatch.setenv("PATH", str(tmp_path))
    test_a_page_runs_without_error_or_warning(page, tmp_path, monkeypatch)


@each_page
def test_a_page_has_the_shape_of_all_pages(page: Path) -> None:
    """Goal, run, look, explain, change, check, two exercises, sources: in this order."""
    prose = "\n".join("".join(cell["source"]) for cell in stored(page)["cells"] if cell["cell_type"] == "markdown")
    places = [prose.find(part) for part in SHAPE]
    assert -1 not in places, f"missing: {SHAPE[places.index(-1)]}"
    assert places == sorted(places)


@each_page
def test_every_exercise_has_a_folded_solution_that_runs(page: Path) -> None:
    """Solutions are code with an assert, folded away until a reader wants them."""
    solutions = [cell for cell in stored(page)["cells"] if "solution" in cell["metadata"].get("tags", [])]
    assert len(solutions) == 2
    for cell in solutions:
        assert cell["cell_type"] == "code" and cell["metadata"]["jupyter"]["source_hidden"] is True
        assert "assert" in "".join(cell["source"])


@each_page
def test_cells_stay_small(page: Path) -> None:
    """A cell is one value or one view; what grows beyond a dozen lines wants to live in the package."""
    for cell in stored(page)["cells"]:
        if cell["cell_type"] == "code":
            assert len(cell["source"]) <= 12, cell["id"]


@each_page
def test_a_page_asserts_what_it_claims(page: Path) -> None:
    """At least three cells check the prose."""
    asserting = [c for c in stored(page)["cells"] if c["cell_type"] == "code" and "assert" in "".join(c["source"])]
    assert len(asserting) >= 3


def test_links_between_pages_lead_somewhere() -> None:
    """A page that is named exists."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+\.ipynb)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).is_file(), f"{page.name} -> {target}"
