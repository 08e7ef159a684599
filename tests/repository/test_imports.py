"""Who may import whom: the tables of CONTRIBUTING.md, held against every import in the package."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
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


@cache
def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@cache
def imported(path: Path) -> list[tuple[int, str]]:
    """Every module that a file names in an import, wherever it stands; `from a import b` names a.b and so a."""
    return list(_imported(path))


def _imported(path: Path) -> Iterator[tuple[int, str]]:
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


ROOMS = sorted({dotted(path).partition(".")[0] for path in modules()})


def of(room: str) -> list[Path]:
    """The modules of a room, such as `nodes` or `protocols.sip`."""
    return [path for path in modules() if covers(room, dotted(path))]


@pytest.mark.parametrize("room", ROOMS)
def test_imports_follow_the_table(room: str) -> None:
    """No module imports a room that the table does not give it."""
    assert room in ALLOWED, f"{room} is in no row of the table in CONTRIBUTING.md"
    wrong = []
    for path in of(room):
        allowed = ALLOWED[room] + ALLOWED.get(path.relative_to(PACKAGE).with_suffix("").as_posix(), [])
        for line, name in imported(path):
            target = name.removeprefix("workbench").removeprefix(".")
            if not covers("workbench", name) or target == "__version__" or covers(room, target):
                continue
            # `from workbench.lab import trace` names lab.trace: the whole dotted name has to be allowed.
            if not any(covers(room_or_module, target) for room_or_module in allowed):
                wrong.append(f"{path}:{line}: {room} may not import {target}")
    assert not wrong


@pytest.mark.parametrize("room", sorted(path.name for path in (PACKAGE / "protocols").iterdir() if path.is_dir()))
def test_protocol_rooms_meet_only_where_a_specification_says_so(room: str) -> None:
    """A protocol's room imports no other protocol's room but those of the second table."""
    wrong = []
    for path in of(f"protocols.{room}"):
        for line, name in imported(path):
            parts = name.split(".")
            if parts[:2] != ["workbench", "protocols"] or len(parts) < 3 or not (
                    PACKAGE / "protocols" / parts[2]).is_dir():
                continue
            if parts[2] not in [room, *PROTOCOL_ROOMS.get(room, [])]:
                wrong.append(f"{path}:{line}: {room} may not import {parts[2]}")
    assert not wrong


@pytest.mark.parametrize("room", PURE)
def test_protocols_security_and_nodes_touch_no_socket_clock_or_chance(room: str) -> None:
    """Octets in, octets out: time is an argument, chance a seeded source, and nothing is logged."""
    assert not [f"{path}:{line}: {name} in a pure room" for path in of(room) for line, name in imported(path)
                if name.partition(".")[0] in OUTSIDE]


def test_importing_the_package_loads_nothing_heavy() -> None:
    """`import workbench` and the catalogue's ids cost no library: they load when first used."""
    code = (
        "import sys; before = set(sys.modules); import workbench; workbench.scenarios.IDS; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)
