"""A portion of many alike cases for the normal suite; `make test-long` takes all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from _pytest.mark import ParameterSet


def one_in(many: int, cases: Iterable[Any]) -> list[Any]:
    """The cases, all but the first of so many marked as long."""
    return [case if at % many == 0 else _long(case) for at, case in enumerate(cases)]


def one_in_three(cases: Iterable[Any]) -> list[Any]:
    """The cases, two of three marked as long."""
    return one_in(3, cases)


def _long(case: Any) -> Any:
    """The case, which may be a `pytest.param` with a name of its own, as a long one."""
    if isinstance(case, ParameterSet):
        return pytest.param(*case.values, id=case.id, marks=[*case.marks, pytest.mark.long])
    return pytest.param(case, marks=pytest.mark.long)
