"""A portion of many alike cases for the normal suite; `make test-long` takes all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def one_in_three(cases: Iterable[Any]) -> list[Any]:
    """The cases, two of three marked as long."""
    return [case if at % 3 == 0 else pytest.param(case, marks=pytest.mark.long) for at, case in enumerate(cases)]
