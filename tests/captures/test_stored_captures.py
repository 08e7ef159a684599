"""The stored captures: each shows what the `.toml` beside it says, read from the file alone."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from workbench import analyze, scenarios

FOLDER = Path(__file__).parents[2] / "captures"
DESCRIBED = sorted(FOLDER.glob("*.toml"))


def regenerating() -> ModuleType:
    spec = importlib.util.spec_from_file_location("captures_regenerate", FOLDER / "regenerate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def told(described: Path) -> dict[str, Any]:
    return tomllib.loads(described.read_text(encoding="utf-8"))


@pytest.mark.parametrize("described", DESCRIBED, ids=lambda path: path.stem)
def test_a_capture_shows_what_is_said_of_it(described: Path) -> None:
    """Scenario, deviations, findings with their frames, notes, and the verdict of every expectation."""
    said = told(described)
    report = analyze(described.with_suffix(".pcapng"))
    assert regenerating().shown(report, said["scenario"]) == said["shows"]


@pytest.mark.parametrize("described", DESCRIBED, ids=lambda path: path.stem)
def test_a_capture_is_described_completely(described: Path) -> None:
    """Origin, why its secrets may be inside, every knob with its value; a broken one names its weakened variant."""
    said = told(described)
    scenario = scenarios.get(said["scenario"])
    assert said["origin"] and "lab run" in said["secrets"]
    assert scenario.settings(said["knobs"]) == said["knobs"]
    fails = {name for name, verdict in said["shows"]["verdicts"].items() if verdict == "fail"}
    breaks = set(scenario.variant(said["weakened"]).breaks) if "weakened" in said else set()
    assert fails == breaks
    assert bool(said["shows"]["findings"]) == ("weakened" in said)


@pytest.mark.parametrize("described", DESCRIBED, ids=lambda path: path.stem)
def test_a_capture_decrypts_with_its_own_secrets(described: Path) -> None:
    """The access leg's MSRP is read, and nothing in the file failed to decode."""
    report = analyze(described.with_suffix(".pcapng"))
    assert report.select("MSRP", protected=True)
    assert [message for message in report.messages if message.error] == []


def test_every_scenario_is_stored_sound_and_broken() -> None:
    """One capture of each e2ae scenario as it is, and one that a finding is told of; each with its description."""
    stored = [told(described) for described in DESCRIBED]
    for scenario in scenarios.all():
        if scenario.family == "e2ae TLS":
            assert {"weakened" in one for one in stored if one["scenario"] == scenario.id} == {True, False}
    assert {path.stem for path in FOLDER.glob("*.pcapng")} == {path.stem for path in DESCRIBED}
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{path.stem}`" in listed for path in DESCRIBED)


def test_captures_are_small() -> None:
    """They come with every clone: each under 100 kB."""
    assert all(path.stat().st_size < 100_000 for path in FOLDER.glob("*.pcapng"))


@pytest.mark.parametrize("described", DESCRIBED, ids=lambda path: path.stem)
def test_a_capture_can_be_made_again(described: Path, tmp_path: Path) -> None:
    """What the `.toml` describes still runs, shows the same, and has the same sequence of messages."""
    copy = tmp_path / described.name
    copy.write_bytes(described.read_bytes())
    said = regenerating().regenerate(copy, tmp_path / "runs")
    assert said.startswith(f"{described.stem}.pcapng: "), said
    stored, made = (analyze(path.with_suffix(".pcapng")) for path in (described, copy))
    assert [(m.protocol, m.summary) for m in made.messages] == [(m.protocol, m.summary) for m in stored.messages]


def test_a_run_that_shows_something_else_is_not_stored(tmp_path: Path) -> None:
    """The description leads: a weakened run under a description that expects a sound one is refused."""
    (described,) = [path for path in DESCRIBED if path.stem == "e2ae-msrp-originating"]
    copy = tmp_path / "wrong.toml"
    text = described.read_text(encoding="utf-8")
    copy.write_text(text.replace("seed = 1", 'seed = 1\nweakened = "the gateway closes TCP without close_notify"'))
    assert "NOT STORED" in regenerating().regenerate(copy, tmp_path / "runs")
    assert not copy.with_suffix(".pcapng").exists()
