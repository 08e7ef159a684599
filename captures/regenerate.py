"""Runs again what each `.toml` here describes and replaces the `.pcapng` beside it.

    .venv/bin/python captures/regenerate.py                              all of them
    .venv/bin/python captures/regenerate.py e2ae-msrp-originating        one

The `.toml` is written by people and leads: a run that does not show what it says is not stored.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from workbench import analyze, scenarios
from workbench.analysis.report import Report
from workbench.lab.expect import FAIL, INCONCLUSIVE

HERE = Path(__file__).parent


def told(described: Path) -> dict[str, Any]:
    """What a `.toml` says: the run, and under `shows` all that the capture has to show.

    It names what deviates. A sound run is recognised as its scenario, breaks no rule, and passes every expectation; a
    weakened one fails those that the variant breaks, and of the others as many as `inconclusive` says are not shown.
    """
    said = tomllib.loads(described.read_text(encoding="utf-8"))
    scenario = scenarios.get(said["scenario"])
    breaks = scenario.variant(said["weakened"]).breaks if "weakened" in said else ()
    said.setdefault("knobs", {})
    said["shows"] = {"scenario": scenario.id, "deviations": [], "notes": [], "findings": [], "fails": sorted(breaks),
                     "inconclusive": 0, **said["shows"]}
    return said


def shown(report: Report, said: dict[str, Any]) -> dict[str, Any]:
    """What a capture shows, in the form of the table `shows`: judged on the file, on nothing else."""
    match = report.scenario
    expected = scenarios.get(said["scenario"]).expected(said["knobs"])
    verdicts = {one.name: one.judge(report).verdict for one in expected}
    (call,) = (session for session in report.sessions if session.kind in ("msrp", "bfcp", "t38"))
    spoken = {"t38": "UDPTL"}.get(call.kind, call.kind.upper())
    return {
        "scenario": match.id if match else "",
        "deviations": list(match.deviations) if match else [],
        "notes": report.notes,
        "findings": [
            {"rule": finding.rule, "severity": finding.severity, "frames": list(finding.frames)}
            for finding in report.findings
        ],
        "fails": sorted(name for name, verdict in verdicts.items() if verdict == FAIL),
        "inconclusive": sum(verdict == INCONCLUSIVE for verdict in verdicts.values()),
        "handling": call.handling,
        call.kind: {
            leg.name: "protected" if any(message.protected for message in carried) else "clear"
            for leg in call.legs if (carried := [m for m in report.on(leg) if m.protocol == spoken])
        },
    }


def regenerate(described: Path, folder: Path) -> str:
    """Run what a `.toml` describes, keep the capture if it shows what the `.toml` says; a line on how it went."""
    said = told(described)
    scenario = scenarios.get(said["scenario"])
    run = scenario.run(seed=said["seed"], out=folder, weakened=said.get("weakened"), **said["knobs"])
    shows = shown(analyze(run.capture), said)
    wrong = [f"{key} {value!r}" for key, value in shows.items() if value != said["shows"].get(key)]
    if wrong:
        return f"NOT STORED {described.stem}: other than the .toml says: {', '.join(wrong)}"
    target = described.with_suffix(".pcapng")
    shutil.copyfile(run.capture, target)
    return f"{target.name}: {target.stat().st_size} octets"


def main() -> None:
    """The command; exit status 1 if a run shows something else than its `.toml`."""
    described = [HERE / f"{name}.toml" for name in sys.argv[1:]] or sorted(HERE.glob("*.toml"))
    with tempfile.TemporaryDirectory() as folder:
        said = [regenerate(one, Path(folder)) for one in described]
    sys.stdout.write("\n".join(said) + "\n")
    sys.exit(any(line.startswith("NOT") for line in said))


if __name__ == "__main__":
    main()
