"""The reference pages say what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from workbench import scenarios
from workbench.analysis.rules import RULES
from workbench.protocols.h248.packages import Registry, registry

FOLDER = Path(__file__).parents[2] / "docs"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", FOLDER / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = load()


@pytest.mark.parametrize("name", GENERATE.PAGES)
def test_a_page_is_what_the_code_gives_now(name: str) -> None:
    """Stale? Run `.venv/bin/python docs/generate.py` and commit the page with the change."""
    assert (FOLDER / name).read_text(encoding="utf-8") == GENERATE.PAGES[name]()


@pytest.mark.parametrize("name", GENERATE.PAGES)
def test_a_page_is_sound_markdown(name: str) -> None:
    """Rows have as many cells as their head, links on the page lead to a heading, nothing names an object's address."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    headings = {line.lstrip("# ").lower().replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings
    for block in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in block.splitlines()}) == 1, block.splitlines()[0]
    assert " object at 0x" not in text


def test_everything_is_listed() -> None:
    """Every scenario with its knobs, expectations and controls; every package and item; every rule."""
    catalogue, packages, rules = ((FOLDER / name).read_text(encoding="utf-8") for name in GENERATE.PAGES)
    for scenario in scenarios.all():
        names = [scenario.id, scenario.title, scenario.teaching, scenario.provisional, *scenario.clauses]
        names += [*scenario.knobs, *(each.name for each in (*scenario.expect, *scenario.weakened))]
        assert [name for name in names if name not in catalogue] == []
    for package in registry().packages:
        assert package.title in packages
        assert [item.wire_name for item in package.items if f"`{item.wire_name}`" not in packages] == []
    assert [rule.id for rule in RULES if f"`{rule.id}`" not in rules or rule.title not in rules] == []


def test_the_override_that_the_page_shows_works(tmp_path: Path) -> None:
    """The example is a file that the registry takes, and does what the page says."""
    mine = tmp_path / "mine.toml"
    (example,) = re.findall(r"```toml\n(.*?)```", (FOLDER / "packages.md").read_text(encoding="utf-8"), re.DOTALL)
    mine.write_text(example, encoding="utf-8")
    changed = Registry.load(mine)
    item = changed.lookup("tcpbcc/Establish")
    assert item is not None and item.id == 1
    assert changed.wire_name("tcp-establish") == "tcpbcc/Establish"
    assert [profile.wire_name for profile in changed.profiles if profile.interface == "iq"] == ["mygateway/2"]


def test_what_is_provisional_is_marked() -> None:
    """Each provisional item and rule stands in a row that says so, and no certain one does."""
    packages, rules = ((FOLDER / name).read_text(encoding="utf-8") for name in ("packages.md", "rules.md"))
    for package in registry().packages:
        for item in package.items:
            start = f"| `{item.wire_name}` | {item.kind.value} |"
            rows = [row for row in packages.splitlines() if row.startswith(start)]
            assert [row.split(" | ")[-1].startswith("**provisional**") for row in rows] == [item.tag.provisional]
    for rule in RULES:
        (row,) = [row for row in rules.splitlines() if row.startswith(f"| `{rule.id}` | {rule.severity} |")]
        assert ("**provisional**" in row) == rule.provisional


def test_a_stale_page_is_found_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--check` names it and ends with status 1; without it the page is written, and nothing else."""
    monkeypatch.setattr(GENERATE, "HERE", tmp_path)
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    with pytest.raises(SystemExit) as ended:
        GENERATE.main()
    assert ended.value.code == 1 and list(tmp_path.iterdir()) == []
    monkeypatch.setattr("sys.argv", ["generate.py"])
    GENERATE.main()
    assert GENERATE.stale() == [] and {path.name for path in tmp_path.iterdir()} == set(GENERATE.PAGES)
