"""What the commands of `workbench` share: their common options, and how they speak.

Everything that came from a capture is printed with its control characters made visible.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.errors import ScenarioError
from workbench.lab.visible import cut, in_json, on_one_line, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress

    from workbench.analysis.aligning import Comparison
    from workbench.analysis.report import Report
    from workbench.lab.run import Run

HELD = 0
BROKEN = 1
WRONG_INPUT = 2

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
KeyLog = Annotated[
    Path | None, typer.Option("--keylog", help="TLS key log (SSLKEYLOGFILE format), if the capture holds no secrets.")]
PackageFile = Annotated[
    Path | None, typer.Option(
        "--packages", metavar="FILE", show_default=False,
        help="What you know of H.248 packages, laid over the registry (docs/packages.md).")]


def know(packages: Path | None) -> None:
    """Lay a file of the user's over the package registry for this run. Raises ScenarioError."""
    if packages is not None:
        from workbench.protocols.h248.packages import lay_over

        lay_over(packages)


def write_html(path: Path, shown: Sequence[Run] | Sequence[Report], beside: Sequence[Comparison] = ()) -> None:
    """Write one HTML page of all runs or reports, and of comparisons."""
    from workbench import views

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(views.report_html(shown, beside=beside), encoding="utf-8")


def settings(option: str, what: str, settings: Sequence[str]) -> dict[str, str]:
    """`WHAT=VALUE` words of an option as a mapping. Raises ScenarioError."""
    given: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise ScenarioError(f"{option} {setting}: write {what}=VALUE")
        if given.setdefault(name, value) != value:
            raise ScenarioError(f"{option} {name} is given twice, as {given[name]} and as {value}")
    return given


def frames(numbers: Sequence[int]) -> str:
    """`  (frames 1, 2)`; empty where there are none."""
    if not numbers:
        return ""
    few = ", ".join(map(str, numbers[:6])) + (", ..." if len(numbers) > 6 else "")
    return f"  (frame{'s' if len(numbers) > 1 else ''} {few})"


_MOST_LETTERS = 4000     # of one line; JSON and tables hold all
_COLOUR = {"pass": "32", "fail": "1;31", "inconclusive": "33"}


def say(line: str, verdict: str = "") -> None:
    """One line for people, coloured on a terminal that wants colour."""
    line = visible(line)
    if verdict in _COLOUR and sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb":
        line = f"\x1b[{_COLOUR[verdict]}m{line}\x1b[0m"
    print(line)  # noqa: T201 - this is the command line


def say_line(line: str, verdict: str = "") -> None:
    """The same of text that a capture has a part in: one line of a bounded length, whatever that part is."""
    say(cut(on_one_line(line), _MOST_LETTERS), verdict)


def wrong(said: str, option: str) -> typer.BadParameter:
    """Wrong usage of an option, told without control characters."""
    return typer.BadParameter(on_one_line(said), param_hint=option)


def complain(line: str) -> None:
    """One line on standard error."""
    print(f"workbench: {on_one_line(line)}", file=sys.stderr)  # noqa: T201 - this is the command line


def fail(line: str) -> None:
    """Complain in one line and end with exit status 2."""
    complain(" ".join(line.split()))
    sys.exit(WRONG_INPUT)


def print_json(document: Any) -> None:
    """One JSON document, and nothing else, on standard output: control characters in it are escaped."""
    print(in_json(_json_text(document)))  # noqa: T201 - this is the command line


def _json_text(document: Any) -> str:
    import msgspec

    try:
        return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    except UnicodeEncodeError:      # a lone surrogate, as the name of a file that is not UTF-8 has
        import json

        return json.dumps(msgspec.to_builtins(document), indent=2)


def plain(document: Any) -> Any:
    """What `Report.to_json` gives, be it text, octets or values, as values."""
    import msgspec

    return msgspec.json.decode(document) if isinstance(document, str | bytes) else document


def lines() -> int:
    """Lines of the terminal."""
    import shutil

    return shutil.get_terminal_size().lines


class Advance:
    """Names the job that is under way; a bar moves where there is one."""

    def __init__(self, progress: Progress | None = None, jobs: int = 0) -> None:
        self._progress = progress
        self._begun = 0
        self._task = progress.add_task("", total=jobs) if progress is not None else None

    def __call__(self, name: str, *, done: bool = True) -> None:
        """Say what is under way; `done` tells that the job before it is finished."""
        if self._progress is None or self._task is None:
            return
        from rich.markup import escape

        self._begun += done
        self._progress.update(self._task, description=escape(visible(name)), completed=self._begun - 1)


@contextmanager
def progress(jobs: int, *, quiet: bool) -> Iterator[Advance]:
    """A progress bar on stderr where somebody watches."""
    if quiet or not sys.stderr.isatty():
        yield Advance()
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield Advance(progress, jobs)
