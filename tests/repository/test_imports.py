"""Who may import whom: the tables of CONTRIBUTING.md, held against every import in the package."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workbench"
PURE = ("protocols", "security", "nodes")
OUTSIDE = {"socket", "asyncio", "time", "random", "logging", "threading", "select", "selectors", "secrets"}
HEAVY = {
    "polars", "plotly", "ipywidgets", "anywidget", "scapy", "pyshark", "duckdb", "IPython", "OpenSSL", "cryptography",
    "rich", "typer", "asyncio", "PIL", "numpy", "zstandard", "distributed", "dask",
}


def table(name: str) -> dict[str, list[str]]:
    """The rows of the CONTRIBUTING.md table under the comment of that name."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = re.search(rf"<!-- {name} -->\n```\n(.*?)```", text, re.DOTALL)
    assert block is not None, f"CONTRIBUTING.md has no table {name!r}"
    rows = [line.split("->") for line in block[1].splitlines() if line.strip()]
    return {left.strip(): [w.strip() for w in right.split(",") if w.strip() != "nothing"] for left, right in rows}


ALLOWED = table("imports")
PROTOCOL_ROOMS = table("protocol rooms")


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file names in an import, wherever it stands; `from a import b` names a.b and so a."""
    here = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join((*here[: -node.level], *filter(None, [node.module]))) if node.level else node.module or ""
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def covers(allowed: str, name: str) -> bool:
    return name == allowed or name.startswith(allowed + ".")


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_imports_follow_the_table(path: Path) -> None:
    """No module imports a room that the table does not give it."""
    room = dotted(path).partition(".")[0]
    assert room in ALLOWED, f"{room} is in no row of the table in CONTRIBUTING.md"
    allowed = ALLOWED[room] + ALLOWED.get(path.relative_to(PACKAGE).with_suffix("").as_posix(), [])
    for line, name in imported(path):
        if not covers("workbench", name):
            continue
        target = name.removeprefix("workbench").removeprefix(".")
        if target == "__version__" or covers(room, target):
            continue
        # `from workbench.lab import trace` names lab.trace: the whole dotted name has to be allowed.
        may = any(covers(room_or_module, target) for room_or_module in allowed)
        assert may, f"{path}:{line}: {room} may not import {target}"


@pytest.mark.parametrize("path", [p for p in modules() if dotted(p).startswith("protocols.")], ids=dotted)
def test_protocol_rooms_meet_only_where_a_specification_says_so(path: Path) -> None:
    """A protocol's room imports no other protocol's room but those of the second table."""
    room = dotted(path).split(".")[1]
    for line, name in imported(path):
        parts = name.split(".")
        if parts[:2] != ["workbench", "protocols"] or len(parts) < 3 or not (PACKAGE / "protocols" / parts[2]).is_dir():
            continue
        assert parts[2] in [room, *PROTOCOL_ROOMS.get(room, [])], f"{path}:{line}: {room} may not import {parts[2]}"


@pytest.mark.parametrize("path", [p for p in modules() if dotted(p).partition(".")[0] in PURE], ids=dotted)
def test_protocols_security_and_nodes_touch_no_socket_clock_or_chance(path: Path) -> None:
    """Octets in, octets out: time is an argument, chance a seeded source, and nothing is logged."""
    for line, name in imported(path):
        assert name.partition(".")[0] not in OUTSIDE, f"{path}:{line}: {name} in a pure room"


def test_importing_the_package_loads_nothing_heavy() -> None:
    """`import workbench` and the catalogue's ids cost no library: they load when first used."""
    code = (
        "import sys; before = set(sys.modules); import workbench; workbench.scenarios.IDS; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)
