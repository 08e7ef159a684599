"""Work counted in calls of functions, Python's and C's: the same on any machine, however busy it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def work(function: Callable[..., Any], *arguments: Any) -> tuple[int, int]:
    """Calls made by `function`, and the deepest nesting of Python's functions; an exception goes on."""
    calls = depth = deepest = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls, depth, deepest
        if event in ("call", "c_call"):
            calls += 1
        if event == "call":
            depth += 1
            deepest = max(deepest, depth)
        elif event == "return":
            depth -= 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function(*arguments)
    finally:
        sys.setprofile(before)
    return calls, deepest
