"""What `analyze` tells of contexts over time, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.cli_words import say_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.analysis.context_values import ContextHistory
    from workbench.analysis.report import Report

_MOST_CONTEXTS = 20
_MOST_STATES = 12


def print_contexts(report: Report) -> None:
    """Each H.248 context with what changed in it, up to a number that can be read."""
    for context in report.contexts[:_MOST_CONTEXTS]:
        for line in _context(context):
            say_line(f"  {line}")
    more = len(report.contexts) - _MOST_CONTEXTS
    if more > 0:
        say_line(f"  and {more} more contexts; --json and --parquet hold them all")


def _context(context: ContextHistory) -> Iterator[str]:
    since = f"{context.since:.3f} s" if context.begun else f"before {context.since:.3f} s"
    until = f"{context.until:.3f} s" if context.until is not None else "the end of the capture: it is still there"
    yield f"H.248 context {context.number} of {context.gateway}: from {since} to {until}"
    for state in context.states[:_MOST_STATES]:
        yield f"  {state.time:.3f} frame {state.frame}: {state.change}"
    more = len(context.states) - _MOST_STATES + context.left_out
    if more > 0:
        yield f"  and {more} more changes"
