"""Programs written elsewhere that tests run against: there, or a skip with its reason (on CI: a failure)."""

from __future__ import annotations

import os
import shutil

import pytest


def missing(what: str, how: str) -> None:
    """Skip the test because `what` is not here and `how` would change that; on CI fail it."""
    reason = f"{what} is missing: {how}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def need(program: str, package: str | None = None) -> str:
    """The path of a program, or no test."""
    path = shutil.which(program)
    if path is None:
        missing(program, f"apt-get install {package or program}")
    assert path is not None
    return path
