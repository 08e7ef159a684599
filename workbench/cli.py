"""The `workbench` command. Exit status: 0 all held, 1 something did not, 2 wrong usage or input.

With `--json` a command prints exactly one JSON document on stdout and nothing else. Everything that came from a
capture is printed with its control characters made visible.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench import __version__, cli_nodes
from workbench.errors import CaptureError, ScenarioError, WorkbenchError
from workbench.lab.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.progress import Progress

    from workbench.analysis.report import Report
    from workbench.lab.run import Run
    from workbench.lab.scenario import Scenario

HELD = 0
BROKEN = 1
WRONG_INPUT = 2

app = typer.Typer(
    name="workbench", add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="IMS media plane security (3GPP eMediasec): built live, captured, decoded and explained.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
KeyLog = Annotated[
    Path | None, typer.Option("--keylog", help="TLS key log (SSLKEYLOGFILE format), if the capture holds no secrets.")]
PackageFile = Annotated[
    Path | None, typer.Option(
        "--packages", metavar="FILE", show_default=False,
        help="What you know of H.248 packages, laid over the registry (docs/packages.md).")]
Captures = Annotated[list[Path], typer.Argument(help="pcapng or pcap files.", show_default=False)]


def main() -> None:
    """Run the command line; errors made on purpose become one line on stderr and exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        copy_context().run(app)  # what a command lays over the package registry ends with it
    except WorkbenchError as error:
        _fail(str(error))
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep the interpreter from flushing into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(HELD)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    except KeyboardInterrupt:
        sys.exit(130)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        print(f"workbench {__version__}")  # noqa: T201 - this is the command line
        raise typer.Exit


@app.command("list")
def list_(json: Json = False) -> None:
    """The catalogue: scenarios with their knobs."""
    from workbench import scenarios

    found = scenarios.all()
    if json:
        _print_json([_catalogue_entry(scenario) for scenario in found])
        return
    family = ""
    for scenario in found:
        if scenario.family != family:
            family = scenario.family
            _say(family)
        _say(f"  {scenario.id}")
        _say(f"      {scenario.title}")
        _say(f"      {'; '.join(scenario.clauses)}")
        for knob in scenario.knobs.values():
            choices = "|".join(f"[{value}]" if value == knob.default else value for value in knob.allowed)
            _say(f"      --set {knob.name}={choices}  {knob.meaning}")


@app.command()
def run(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Scenarios, as in `workbench list`.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Run the whole catalogue.")] = False,
    network: Annotated[str, typer.Option(help="What carries the packets: virtual, or kernel (Linux).")] = "virtual",
    seed: Annotated[int, typer.Option(help="What ports, tags, keys, losses and delays follow from.")] = 1,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KNOB=VALUE", help="Turn a knob; may be repeated.")] = None,
    weakened: Annotated[
        bool, typer.Option("--weakened", help="Run the controls: each must break just what it names.")] = False,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=100_000, help="Run this many seeds, one after the other.")] = 1,
    impair: Annotated[
        list[str] | None, typer.Option("--impair", metavar="QUALITY=VALUE", help=(
            "Make every wire worse: loss, reorder, duplicate (shares from 0 to 1) or jitter (seconds)."))] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where captures go.")] = Path("out"),
    json: Json = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write one report of all runs.")] = None,
) -> None:
    """Run scenarios live, write DIR/ID.pcapng, and judge each expectation on that capture.

    With more than one seed captures go to DIR/seed-N, and what held is counted instead of listed.
    """
    from workbench import scenarios

    if every == bool(ids):
        raise typer.BadParameter("name scenarios, or --all; `workbench list` shows them")
    chosen = scenarios.all() if every else [scenarios.get(id) for id in dict.fromkeys(ids or ())]
    knobs = _settings("--set", "KNOB", settings or ())
    wires = _impairments(impair or ())
    for scenario in chosen:
        scenario.settings(knobs)  # an impossible wish ends here, before anything has run
    jobs = [
        (number, scenario, variant)
        for number in range(seed, seed + seeds)
        for scenario in chosen
        for variant in ([weak.name for weak in scenario.weakened] if weakened else [None])
    ]
    runs: list[Run] = []
    entries: list[dict[str, Any]] = []
    held = 0
    with _progress(len(jobs), quiet=json) as advance:
        for number, scenario, variant in jobs:
            advance(scenario.id if variant is None else f"{scenario.id}: {variant}")
            folder = out / f"seed-{number}" if seeds > 1 else out
            done = scenario.run(network, number, folder, variant, wires, **knobs)
            held += done.as_declared
            if html is not None:
                runs.append(done)
            if json:
                entries.append(_run_entry(done))
            elif seeds == 1:
                _print_run(done)
            elif not done.as_declared:
                _say(f"seed {number}")
                _print_run(done)
    if html is not None:
        _write_html(html, runs)
    if json:
        _print_json(entries)
    else:
        what = "controls broke exactly what they name" if weakened else "scenarios passed"
        if seeds > 1:
            what = what.replace("scenarios", "runs") + f", seeds {seed} to {seed + seeds - 1}"
        _say(f"{held} of {len(jobs)} {what}")
        if html is not None:
            _say(f"report: {html}")
    raise typer.Exit(HELD if held == len(jobs) else BROKEN)


@app.command()
def analyze(
    captures: Captures,
    keylog: KeyLog = None,
    packages: PackageFile = None,
    json: Json = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write one report of all captures.")] = None,
) -> None:
    """Read captures: who talked to whom, in which sessions and roles, and which rules they break.

    Exit status 1 says that a capture breaks a rule.
    """
    _know(packages)
    reports: list[Report] = []
    with _progress(len(captures), quiet=json) as advance:
        for capture in captures:
            advance(capture.name)
            reports.append(_analyze(capture, keylog, partial(_count, advance, capture.name)))
    if html is not None:
        _write_html(html, reports)
    if json:
        documents = [_plain(report.to_json()) for report in reports]
        _print_json(documents[0] if len(documents) == 1 else documents)
    else:
        for report in reports:
            _print_report(report)
        if html is not None:
            _say(f"report: {html}")
    broken = any(finding.severity == "error" for report in reports for finding in report.findings)
    raise typer.Exit(BROKEN if broken else HELD)


@app.command()
def show(
    capture: Annotated[Path, typer.Argument(help="A pcapng or pcap file.", show_default=False)],
    frame: Annotated[
        int | None, typer.Option(min=1, help="Explain this frame octet by octet; counted as in Wireshark.")] = None,
    between: Annotated[
        list[str] | None, typer.Option(metavar="NODE", help="Only these nodes in the ladder; may be repeated.")] = None,
    keylog: KeyLog = None,
    packages: PackageFile = None,
    text: Annotated[bool, typer.Option("--text", help="Plain text, as into a file.")] = False,
) -> None:
    """A capture as a ladder of messages, or one of its frames octet by octet."""
    from workbench import views

    _know(packages)
    report = _analyze(capture, keylog)
    if frame is not None:
        from workbench.analysis.explain import explain_frame

        if frame > report.packets:
            raise typer.BadParameter(f"{capture} has {report.packets} frames", param_hint="--frame")
        shown = views.octets_text(explain_frame(report, frame))
    else:
        if between:
            known = {node.name for node in report.nodes}
            unknown = [name for name in between if name not in known]
            if unknown:
                raise typer.BadParameter(
                    f"no node {', '.join(unknown)} in {capture}; there are {', '.join(sorted(known))}",
                    param_hint="--between")
        shown = views.ladder_text(report, between=between or None)
    # On a terminal a long view goes through the pager that people know from git.
    if not text and sys.stdout.isatty() and shown.count("\n") > _lines():
        import pydoc

        pydoc.pager(visible(shown))
    else:
        _say(shown)
    for note in report.notes:
        _complain(note)


@app.command()
def reach(
    mechanism: Annotated[str, typer.Option(help=(
        "gateway: across two access edges; direct: simultaneous open; punching: with listeners."))] = "gateway",
    modified: Annotated[
        bool, typer.Option("--modified", help="The IMS-ALG changes a=setup for the UE that is called.")] = False,
    seed: Annotated[int, typer.Option(help="What ports and tags follow from.")] = 1,
    json: Json = False,
) -> None:
    """Who can be called behind which NAT: 81 live calls, nine NAT behaviours against nine, as a table."""
    from typing import get_args

    import msgspec

    from workbench.lab import reachability

    if mechanism not in get_args(reachability.Mechanism):
        raise typer.BadParameter(f"{', '.join(get_args(reachability.Mechanism))} are there", param_hint="--mechanism")
    if modified and mechanism != "gateway":
        raise typer.BadParameter("a=setup is modified by a gateway's controller", param_hint="--modified")
    with _progress(81, quiet=json) as advance:
        matrix = reachability.matrix(
            modified, mechanism, seed, lambda done, of: advance(f"{done} of {of} calls"),   # type: ignore[arg-type]
            workers=min(4, os.cpu_count() or 1))
    if json:
        _print_json({"title": matrix.title, **msgspec.to_builtins(matrix)})
    else:
        _say(str(matrix))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context) -> None:
    """JupyterLab on notebooks/. Further options go to JupyterLab, such as --no-browser."""
    import importlib.util

    root = Path(__file__).parents[1]
    pages = root / "notebooks"
    if not pages.is_dir():
        raise WorkbenchError(f"no notebooks in {root}: run this from a clone of the repository")
    if importlib.util.find_spec("jupyterlab") is None:
        raise WorkbenchError("JupyterLab is not installed here: make lab installs it")
    # Settings of the project (no news pop-up) come before the user's own.
    paths = [str(root / "binder"), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(paths)
    command = [sys.executable, "-m", "jupyterlab"]
    if not any(word.startswith("--ServerApp.root_dir") for word in context.args):
        command.append(f"--ServerApp.root_dir={pages}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # Jupyter refuses root unless told; the container you are in is yours
    command += context.args
    if sys.platform == "win32":
        import subprocess

        raise typer.Exit(subprocess.run(command, check=False).returncode)
    os.execv(sys.executable, command)


for _node in (cli_nodes.agw, cli_nodes.alg, cli_nodes.ue, cli_nodes.nat):
    app.command()(_node)


@app.command()
def doctor(
    json: Json = False,
    tidy: Annotated[
        bool, typer.Option("--clean", help="Only end what killed runs on the kernel network left.")] = False,
) -> None:
    """What this machine can do, what is missing, and the command that installs it.

    Exit status 1 says that something is missing without which no scenario runs.
    """
    import msgspec

    from workbench.doctor import clean, examine

    if tidy:
        ended = clean()
        if json:
            _print_json(ended)
        else:
            _say("\n".join(f"ended {what}" for what in ended) or "nothing was left")
        raise typer.Exit(HELD)
    checks = examine()
    if json:
        _print_json([msgspec.to_builtins(check) for check in checks])
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            mark = "yes " if check.here else "NO  " if check.required else "no  "
            _say(f"{mark}{check.name:{width}}  {check.found}")
            if not check.here:
                _say(f"{'':{width + 6}}for {check.purpose}" + (f": {check.remedy}" if check.remedy else ""))
    raise typer.Exit(HELD if all(check.here for check in checks if check.required) else BROKEN)


def _settings(option: str, what: str, settings: Sequence[str]) -> dict[str, str]:
    """`WHAT=VALUE` words of an option as a mapping. Raises ScenarioError."""
    given: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise ScenarioError(f"{option} {setting}: write {what}=VALUE")
        if given.setdefault(name, value) != value:
            raise ScenarioError(f"{option} {name} is given twice, as {given[name]} and as {value}")
    return given


def _impairments(settings: Sequence[str]) -> dict[str, float]:
    """What `--impair` asks of every wire. Raises ScenarioError."""
    limits = {"loss": 0.9, "reorder": 1.0, "duplicate": 1.0, "jitter": 10.0}
    wanted: dict[str, float] = {}
    for name, value in _settings("--impair", "QUALITY", settings).items():
        if name not in limits:
            raise ScenarioError(f"--impair {name}: a wire has {', '.join(limits)}")
        try:
            wanted[name] = float(value)
        except ValueError:
            raise ScenarioError(f"--impair {name}={value}: not a number") from None
        if not 0 <= wanted[name] <= limits[name]:
            raise ScenarioError(f"--impair {name}={value}: from 0 to {limits[name]}")
    return wanted


def _know(packages: Path | None) -> None:
    """Lay a file of the user's over the package registry for this run. Raises ScenarioError."""
    if packages is not None:
        from workbench.protocols.h248.packages import lay_over

        lay_over(packages)


def _analyze(capture: Path, keylog: Path | None, watch: Callable[[int], None] | None = None) -> Report:
    """The report of a capture that has at least one packet. Raises CaptureError."""
    from workbench.analysis.report import analyze

    report = analyze(capture, keylog=keylog, watch=watch)
    if not report.packets:
        raise CaptureError("; ".join(report.notes))
    return report


def _count(advance: _Advance, name: str, frames: int) -> None:
    advance(f"{name}: {frames} frames", done=False)


def _catalogue_entry(scenario: Scenario) -> dict[str, Any]:
    return {
        "id": scenario.id,
        "title": scenario.title,
        "family": scenario.family,
        "clauses": list(scenario.clauses),
        "workplan": list(scenario.workplan),
        "knobs": [
            {"name": knob.name, "allowed": list(knob.allowed), "default": knob.default, "meaning": knob.meaning,
             "expectations": {value: [one.name for one in more] for value, more in knob.adds.items()}}
            for knob in scenario.knobs.values()
        ],
        "expectations": [expectation.name for expectation in scenario.expect],
        "weakened": [{"name": weak.name, "breaks": list(weak.breaks), "knobs": dict(weak.knobs)}
                     for weak in scenario.weakened],
        "provisional": scenario.provisional,
    }


def _run_entry(run: Run) -> dict[str, Any]:
    entry = {
        "id": run.scenario.id,
        "network": run.network,
        "seed": run.seed,
        "knobs": dict(run.knobs),
        "passed": run.as_declared,
        "capture": str(run.capture),
        "twin": str(run.twin),
        "expectations": [
            {"name": verdict.name, "verdict": verdict.verdict, "frames": list(verdict.frames), "reason": verdict.reason}
            for verdict in run.verdicts
        ],
        "seconds": round(run.seconds, 3),
    }
    if run.weakened is not None:
        entry["weakened"] = run.weakened
        entry["breaks"] = list(run.scenario.variant(run.weakened).breaks)
        entry["broken"] = list(run.broken)
    return entry


def _print_run(run: Run) -> None:
    breaks = () if run.weakened is None else run.scenario.variant(run.weakened).breaks
    _say(run.scenario.id + (f"  weakened: {run.weakened}" if run.weakened else ""))
    for verdict in run.verdicts:
        expected = "  (as the control says)" if verdict.verdict == "fail" and verdict.name in breaks else ""
        frames = _frames(verdict.frames)
        _say(f"  {_word(verdict.verdict):12}  {verdict.name}{frames}{expected}", verdict.verdict)
        if verdict.reason:
            _say(f"                  {verdict.reason}")
    if run.weakened is not None and not run.as_declared:
        missed = [name for name in breaks if name not in run.broken]
        extra = [name for name in run.broken if name not in breaks]
        if missed:
            _say(f"  the control did not break: {'; '.join(missed)}", "fail")
        if extra:
            _say(f"  the control broke more than it names: {'; '.join(extra)}", "fail")
    _say(f"  capture {run.capture}, decrypted twin {run.twin.name}, {run.seconds:.2f} s")


def _print_report(report: Report) -> None:
    _say(f"{report.capture}: {report.packets} frames, {len(report.messages)} messages")
    for node in report.nodes:
        kind = f" ({node.kind})" if node.kind and node.kind not in node.name else ""
        _say(f"  {node.name}{kind}: {', '.join(node.addresses)}{'' if node.named else ', named after its behaviour'}")
    for session in report.sessions:
        context = "" if session.context is None else f", H.248 context {session.context}"
        security = f", {session.security}" if session.security else ""
        _say(f"  {session.id}: {session.kind}{security}{context}, {len(session.frames)} frames")
        for leg in session.legs:
            refused = "" if leg.tcp_server else ", refused"
            roles = [f"TCP client {leg.tcp_client}{refused}" if leg.tcp_client else "no TCP connection"]
            if leg.tls_client:
                told = (f"TLS client {leg.tls_client}", leg.tls_version, leg.cipher_suite)
                roles.append(" ".join(filter(None, told)))
            if leg.latched:
                roles.append(f"latched to {leg.actual} (SDP says {leg.signalled})")
            _say(f"    {leg.name} on {leg.wire}: {leg.transport}, {'; '.join(roles)}")
        for way in session.handlings:
            _say(f"    {way.gateway or 'a gateway'}: {way.handling or 'handling of TCP not clear'}"
                 f"{_frames(way.frames)}: {way.why}")
        for one in session.bindings:
            _say(f"    {one.nat}: {one.protocol} {one.inside} is {one.outside} towards {one.remote}"
                 f"{_frames(one.frames)}")
    for shown in report.nats:
        _say(f"  {shown.nat}: {shown.protocol} {shown.behaviour} is {shown.kind}{_frames(shown.frames)}: {shown.why}")
    if report.scenario is not None:
        also = "".join(f", or {id}" for id in report.scenario.also)
        _say(f"  looks like {report.scenario.id}{also} ({report.scenario.score:.0%})")
        for deviation in report.scenario.deviations:
            _say(f"    but {deviation}")
    for finding in report.findings:
        _say(f"  {finding.severity}: {finding.title}{_frames(finding.frames)} [{finding.clause}]",
             "fail" if finding.severity == "error" else "")
        _say(f"    {finding.explanation}")
    for note in report.notes:
        _complain(note)


def _write_html(path: Path, shown: Sequence[Run] | Sequence[Report]) -> None:
    from workbench import views

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(views.report_html(shown), encoding="utf-8")


def _frames(frames: Sequence[int]) -> str:
    if not frames:
        return ""
    few = ", ".join(map(str, frames[:6])) + (", ..." if len(frames) > 6 else "")
    return f"  (frame{'s' if len(frames) > 1 else ''} {few})"


def _word(verdict: str) -> str:
    return "FAIL" if verdict == "fail" else verdict


_COLOUR = {"pass": "32", "fail": "1;31", "inconclusive": "33"}


def _say(line: str, verdict: str = "") -> None:
    """One line for people, coloured on a terminal that wants colour."""
    line = visible(line)
    if verdict in _COLOUR and sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb":
        line = f"\x1b[{_COLOUR[verdict]}m{line}\x1b[0m"
    print(line)  # noqa: T201 - this is the command line


def _complain(line: str) -> None:
    print(f"workbench: {visible(line)}", file=sys.stderr)  # noqa: T201 - this is the command line


def _fail(line: str) -> None:
    _complain(" ".join(line.split()))
    sys.exit(WRONG_INPUT)


def _print_json(document: Any) -> None:
    import msgspec

    octets = msgspec.json.format(msgspec.json.encode(document), indent=2)
    print(octets.decode())  # noqa: T201 - this is the command line


def _plain(document: Any) -> Any:
    """What `Report.to_json` gives, be it text, octets or values, as values."""
    import msgspec

    return msgspec.json.decode(document) if isinstance(document, str | bytes) else document


def _lines() -> int:
    import shutil

    return shutil.get_terminal_size().lines


class _Advance:
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
def _progress(jobs: int, *, quiet: bool) -> Iterator[_Advance]:
    """A progress bar on stderr where somebody watches."""
    if quiet or not sys.stderr.isatty():
        yield _Advance()
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield _Advance(progress, jobs)


if __name__ == "__main__":
    main()
