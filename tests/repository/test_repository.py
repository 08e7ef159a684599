"""What the repository promises: pins with hashes and no addresses, one version, pages without outputs."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import workbench

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-test.lock", "binder/requirements.txt")
PAGES = sorted((ROOT / "notebooks").glob("*.ipynb"))


def pins(name: str) -> dict[str, set[str]]:
    """Each package of a lock with its pinned versions (several where they depend on the Python version)."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", (ROOT / name).read_text(), re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_locks_hold_names_versions_and_hashes_only(name: str) -> None:
    """No registry's address, no path of a machine, no option: an environment decides where packages come from."""
    for line in (ROOT / name).read_text().splitlines():
        assert re.fullmatch(
            r"[a-z0-9._-]+==[A-Za-z0-9.!+]+( ; [a-zA-Z0-9_.'<>=! ()]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line
        ), f"{name}: {line}"


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_a_hash(name: str) -> None:
    """Each pinned package is followed by at least one hash."""
    lines = (ROOT / name).read_text().splitlines()
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        assert line.startswith(" ") or after.startswith("    --hash="), line


def test_binder_is_what_the_tests_run_in() -> None:
    """Binder's pins are the tests' lock, so what a page does here it does there."""
    assert (ROOT / "binder/requirements.txt").read_bytes() == (ROOT / "requirements-test.lock").read_bytes()


def test_binder_s_system_packages_are_among_those_of_the_tests() -> None:
    """Binder's image has only what pages call (tshark): programs to run against are for tests."""
    binder, tests = ((ROOT / name).read_text().split() for name in ("binder/apt.txt", "tests/apt.txt"))
    assert set(binder) < set(tests) and tests == sorted(tests)


def test_running_and_testing_use_the_same_versions() -> None:
    """What `make run` installs is part of what `make test` installs."""
    tests = pins("requirements-test.lock")
    assert all(versions <= tests.get(package, set()) for package, versions in pins("requirements.lock").items())


def test_every_declared_dependency_is_pinned() -> None:
    """Whatever pyproject.toml asks for is in the lock of who needs it (the cluster extra is for those who have one)."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]

    def names(wanted: list[str]) -> set[str]:
        return {re.match(r"[A-Za-z0-9._-]+", each)[0].lower().replace("_", "-") for each in wanted}  # type: ignore[index]

    core = names(project["dependencies"]) | names(extras["build"])
    assert core <= set(pins("requirements.lock"))
    assert core | names(extras["analysis"] + extras["notebook"] + extras["test"]) <= set(pins("requirements-test.lock"))


def test_one_version() -> None:
    """pyproject.toml, the package and the changelog speak of the same version."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert workbench.__version__ == declared == newest[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_are_stored_bare(page: Path) -> None:
    """No outputs, no execution counts, stable cell ids, and the kernel named, so JupyterLab asks nothing."""
    stored = json.loads(page.read_text(encoding="utf-8"))
    assert stored["metadata"]["kernelspec"] == {"display_name": "Python 3", "language": "python", "name": "python3"}
    assert (stored["nbformat"], stored["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in stored["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in stored["cells"]:
        assert re.fullmatch(r"[a-z0-9-]{3,64}", cell["id"]), f"not an id given by hand: {cell['id']}"
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
    assert page.read_text(encoding="utf-8") == json.dumps(stored, indent=1, ensure_ascii=False) + "\n"


def test_the_build_runs_what_people_run() -> None:
    """The build calls `make test` and nothing else."""
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert [line for line in lines if not line.startswith(("#", "set ", "cd "))] == ["exec make test"]


def test_shell_files_are_well_formed() -> None:
    """bash reads them without complaint."""
    for name in (".ci/run", "binder/postBuild"):
        subprocess.run(["bash", "-n", str(ROOT / name)], check=True)


def test_no_pattern_matches_otherwise_on_early_pythons() -> None:
    """No repeated group is possessive, none is atomic: before Python 3.11.5 they match wrongly (CPython gh-106052)."""
    found = []
    for path in sorted((ROOT / "workbench").rglob("*.py")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            pattern = re.sub(r"\[\^?\]?(?:\\.|[^\]\\])*\]", "C", line)     # what is in a class repeats nothing
            if '"' in pattern and re.search(r"\)(?:[*+?]|\{[\d,]+\})\+|\(\?>", pattern):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert found == []
