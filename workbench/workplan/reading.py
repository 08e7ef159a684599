"""Reads the tables beside this file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TypeVar

import msgspec

from workbench.workplan.values import Gap, Requirement, Row, Tables

_E = TypeVar("_E")


@cache
def tables() -> Tables:
    """The work item's rows, the requirements for TS 33.328, and the H.248 gap table, in the order of their files."""
    return Tables(_read("rows", Row), _read("requirements", Requirement), _read("gaps", Gap))


def _read(name: str, kind: type[_E]) -> tuple[_E, ...]:
    text = files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    found = msgspec.toml.decode(text, type=dict[str, tuple[kind, ...]])  # type: ignore[valid-type]
    return found[name]
