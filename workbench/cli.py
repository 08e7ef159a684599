"""The `workbench` command. Exit status: 0 all held, 1 something did not, 2 wrong usage or input.

With `--json` a command prints exactly one JSON document on stdout and nothing else. Everything that came from a
capture is printed with its control characters made visible.
"""

from __future__ import annotations

import os
import sys
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench import __version__, cli_anonymize, cli_captures, cli_compare, cli_exports, cli_nodes, cli_plan
from workbench.cli_words import (
    BROKEN,
    HELD,
    Json,
    fail,
    frames,
    print_json,
    progress,
    say,
    write_html,
)
from workbench.cli_words import settings as settings_of
from workbench.errors import ScenarioError, WorkbenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.lab import collision
    from workbench.lab.run import Run
    from workbench.lab.scenario import Scenario

app = typer.Typer(
    name="workbench", add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="IMS media plane security (3GPP eMediasec): built live, captured, decoded and explained.")

def main() -> None:
    """Run the command line; errors made on purpose become one line on stderr and exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        copy_context().run(app)  # what a command lays over the package registry ends with it
    except WorkbenchError as error:
        fail(str(error))
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep the interpreter from flushing into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(HELD)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
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
        print_json([_catalogue_entry(scenario) for scenario in found])
        return
    family = ""
    for scenario in found:
        if scenario.family != family:
            family = scenario.family
            say(family)
        say(f"  {scenario.id}")
        say(f"      {scenario.title}")
        say(f"      {'; '.join(scenario.clauses)}")
        for knob in scenario.knobs.values():
            choices = "|".join(f"[{value}]" if value == knob.default else value for value in knob.allowed)
            say(f"      --set {knob.name}={choices}  {knob.meaning}")


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
    knobs = settings_of("--set", "KNOB", settings or ())
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
    with progress(len(jobs), quiet=json) as advance:
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
                say(f"seed {number}")
                _print_run(done)
    if html is not None:
        write_html(html, runs)
    if json:
        print_json(entries)
    else:
        what = "controls broke exactly what they name" if weakened else "scenarios passed"
        if seeds > 1:
            what = what.replace("scenarios", "runs") + f", seeds {seed} to {seed + seeds - 1}"
        say(f"{held} of {len(jobs)} {what}")
        if html is not None:
            say(f"report: {html}")
    raise typer.Exit(HELD if held == len(jobs) else BROKEN)


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
    with progress(81, quiet=json) as advance:
        matrix = reachability.matrix(
            modified, mechanism, seed, lambda done, of: advance(f"{done} of {of} calls"),   # type: ignore[arg-type]
            workers=min(4, os.cpu_count() or 1))
    if json:
        print_json({"title": matrix.title, **msgspec.to_builtins(matrix)})
    else:
        say(str(matrix))


@app.command()
def collide(
    mechanism: Annotated[list[str] | None, typer.Option(help=(
        "What UEs and networks do: refuse, blind, merge, b2bua, annex-d, annex-d-silent, e2ae. May be repeated; all "
        "of them where none is named."))] = None,
    nat: Annotated[list[str] | None, typer.Option(help=(
        "Where a UE is: none, open, home, strict. May be repeated; none, open and home where none is named."))] = None,
    media: Annotated[str, typer.Option(help="msrp, or bfcp with the floor control server at UE B.")] = "msrp",
    key: Annotated[str, typer.Option(help="certificate, or psk: a key that both UEs have.")] = "certificate",
    tls: Annotated[str, typer.Option(help="1.2 or 1.3.")] = "1.3",
    seed: Annotated[int, typer.Option(help="What ports and tags follow from.")] = 1,
    json: Json = False,
) -> None:
    """End-to-end TLS and NATs: live calls of every combination. Who connects, end to end or not, and who can read?"""
    from typing import get_args

    from workbench.lab import collision

    usual = [name for name in collision.MECHANISMS if key == "certificate" or name != "e2ae"]
    mechanisms = _among(mechanism, list(collision.MECHANISMS), usual, "--mechanism")
    nats = _among(nat, list(collision.NATS), collision.USUAL, "--nat")
    _among([media], list(get_args(collision.Media)), (), "--media")
    _among([key], list(get_args(collision.Key)), (), "--key")
    _among([tls], list(get_args(collision.Tls)), (), "--tls")
    calls = len(mechanisms) * len(nats) ** 2 * len(collision.EXCHANGES)
    # Another process takes as long to start as some ten calls.
    with progress(calls, quiet=json) as advance:
        tables = collision.tables(
            mechanisms, nats, lambda done, of: advance(f"{done} of {of} calls"),   # type: ignore[arg-type]
            media=media, key=key, tls=tls, seed=seed, workers=max(1, min(4, os.cpu_count() or 1, calls // 16)))   # type: ignore[arg-type]
    if json:
        print_json([_collided(table) for table in tables])
    else:
        say("\n\n".join(map(str, tables)))
        say("\nNAT: none; open: filters nothing, and the UE asks a STUN server; home: filters by address and port; "
            "strict: maps by them too. Columns: a=setup of UE A's offer, and of UE B's answer where it may choose.")


def _among(told: list[str] | None, known: list[str], usual: Sequence[str], option: str) -> tuple[str, ...]:
    """What was asked for, once each; refused where there is no such thing."""
    for word in told or ():
        if word not in known:
            raise typer.BadParameter(f"{word!r} is not there; {', '.join(known)} are", param_hint=option)
    return tuple(dict.fromkeys(told)) if told else tuple(usual)


def _collided(table: collision.Table) -> dict[str, Any]:
    from workbench.lab import collision

    what = collision.MECHANISMS[table.mechanism]
    return {"mechanism": table.mechanism, "media": table.media, "key": table.key, "what": what, "calls": [
        {"nat_a": row.a, "nat_b": row.b, "setup": exchange, "outcome": cell.outcome, "connects": cell.connects,
         "end_to_end": cell.end_to_end, "readers": cell.readers, "why": cell.why}
        for row in table.rows for exchange, cell in zip(collision.EXCHANGES, row.cells, strict=True)]}


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


for _command in (cli_captures.analyze, cli_captures.show, cli_compare.compare, cli_anonymize.anonymize, cli_plan.plan,
                 cli_exports.query):
    app.command()(_command)

for _node in (
    cli_nodes.agw, cli_nodes.trgw, cli_nodes.mrfp, cli_nodes.alg, cli_nodes.ibcf, cli_nodes.mrfc, cli_nodes.ue,
    cli_nodes.nat, cli_nodes.kms,
):
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
            print_json(ended)
        else:
            say("\n".join(f"ended {what}" for what in ended) or "nothing was left")
        raise typer.Exit(HELD)
    checks = examine()
    if json:
        print_json([msgspec.to_builtins(check) for check in checks])
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            mark = "yes " if check.here else "NO  " if check.required else "no  "
            say(f"{mark}{check.name:{width}}  {check.found}")
            if not check.here:
                say(f"{'':{width + 6}}for {check.purpose}" + (f": {check.remedy}" if check.remedy else ""))
    raise typer.Exit(HELD if all(check.here for check in checks if check.required) else BROKEN)


def _impairments(settings: Sequence[str]) -> dict[str, float]:
    """What `--impair` asks of every wire. Raises ScenarioError."""
    limits = {"loss": 0.9, "reorder": 1.0, "duplicate": 1.0, "jitter": 10.0}
    wanted: dict[str, float] = {}
    for name, value in settings_of("--impair", "QUALITY", settings).items():
        if name not in limits:
            raise ScenarioError(f"--impair {name}: a wire has {', '.join(limits)}")
        try:
            wanted[name] = float(value)
        except ValueError:
            raise ScenarioError(f"--impair {name}={value}: not a number") from None
        if not 0 <= wanted[name] <= limits[name]:
            raise ScenarioError(f"--impair {name}={value}: from 0 to {limits[name]}")
    return wanted


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
    say(run.scenario.id + (f"  weakened: {run.weakened}" if run.weakened else ""))
    for verdict in run.verdicts:
        expected = "  (as the control says)" if verdict.verdict == "fail" and verdict.name in breaks else ""
        word = "FAIL" if verdict.verdict == "fail" else verdict.verdict
        say(f"  {word:12}  {verdict.name}{frames(verdict.frames)}{expected}", verdict.verdict)
        if verdict.reason:
            say(f"                  {verdict.reason}")
    if run.weakened is not None and not run.as_declared:
        missed = [name for name in breaks if name not in run.broken]
        extra = [name for name in run.broken if name not in breaks]
        if missed:
            say(f"  the control did not break: {'; '.join(missed)}", "fail")
        if extra:
            say(f"  the control broke more than it names: {'; '.join(extra)}", "fail")
    say(f"  capture {run.capture}, decrypted twin {run.twin.name}, {run.seconds:.2f} s")


if __name__ == "__main__":
    main()
