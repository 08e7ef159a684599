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

HERE = Path(__file__).parent


def shown(report: Report, scenario: str) -> dict[str, Any]:
    """What a capture shows, in the form of the table `shows` of a `.toml`: judged on the file, on nothing else."""
    match = report.scenario
    return {
        "scenario": match.id if match else "",
        "deviations": list(match.deviations) if match else [],
        "notes": report.notes,
        "findings": [
            {"rule": finding.rule, "severity": finding.severity, "frames": list(finding.frames)}
            for finding in report.findings
        ],
        "verdicts": {
            verdict.name: verdict.verdict
            for verdict in (expectation.judge(report) for expectation in scenarios.get(scenario).expect)
        },
    }


def regenerate(described: Path, folder: Path) -> str:
    """Run what a `.toml` describes, keep the capture if it shows what the `.toml` says; a line on how it went."""
    told = tomllib.loads(described.read_text(encoding="utf-8"))
    scenario = scenarios.get(told["scenario"])
    run = scenario.run(seed=told["seed"], out=folder, weakened=told.get("weakened"), **told["knobs"])
    shows = shown(analyze(run.capture), told["scenario"])
    wrong = [key for key in shows if shows[key] != told["shows"][key]]
    if wrong:
        return f"NOT STORED {described.stem}: other {', '.join(wrong)} than the .toml says"
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
