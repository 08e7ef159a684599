"""The stored captures: each shows what the `.toml` beside it says, read from the file alone."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from workbench import analyze, scenarios
from workbench.analysis.pcapng import Reader

FOLDER = Path(__file__).parents[2] / "captures"
DESCRIBED = sorted(FOLDER.glob("*.toml"))


def regenerating() -> ModuleType:
    spec = importlib.util.spec_from_file_location("captures_regenerate", FOLDER / "regenerate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REGENERATE = regenerating()


def told(described: Path) -> dict[str, Any]:
    said: dict[str, Any] = REGENERATE.told(described)
    return said


@pytest.mark.parametrize("described", DESCRIBED, ids=lambda path: path.stem)
def test_a_capture_shows_what_is_said_of_it(described: Path) -> None:
    """Scenario, deviations, findings with their frames, notes, verdicts, handling, and which legs carry MSRP how."""
    said = told(described)
    report = analyze(described.with_suffix(".pcapng"))
    assert REGENERATE.shown(report, said) == said["shows"]
    assert [message for message in report.messages if message.error] == []


@pytest.mark.parametrize("described", DESCRIBED, ids=lambda path: path.stem)
def test_a_capture_is_described_as_briefly_as_can_be(described: Path) -> None:
    """Origin, and of knobs what is not the default; findings belong to weakened variants and to failures."""
    said = told(described)
    defaults = scenarios.get(said["scenario"]).settings({})
    assert said["origin"]
    assert not said["knobs"].items() & defaults.items()
    shows = scenarios.get(said["scenario"]).shown(said["knobs"])
    assert bool(said["shows"]["findings"]) == ("weakened" in said or bool(shows))
    assert "weakened" in said or {one["rule"] for one in said["shows"]["findings"]} == set(shows)


@pytest.mark.parametrize("described", DESCRIBED, ids=lambda path: path.stem)
def test_secrets_are_inside_only_where_something_is_protected(described: Path) -> None:
    """And then the `.toml` says why they may be; the legs that are read with them show that they are the right ones."""
    said = told(described)
    carried = next(said["shows"][kind] for kind in ("msrp", "bfcp", "t38") if kind in said["shows"])
    protected = "protected" in carried.values()
    assert ("lab run" in said.get("secrets", "")) == protected
    with Reader(described.with_suffix(".pcapng")) as reader:
        list(reader)
        assert bool(reader.secrets) == protected


def test_what_is_stored() -> None:
    """Of each family some as they are and some broken, BFCP over TLS and a fax over DTLS too; each is described."""
    stored = [told(described) for described in DESCRIBED]
    families = {scenario.id: scenario.family for scenario in scenarios.all()}
    for id in ("e2ae-msrp-originating", "e2ae-msrp-terminating", "e2ae-bfcp-renegotiation"):
        assert {"weakened" in one for one in stored if one["scenario"] == id} == {True, False}
    for family in ("TCP bearer", "MSRP interworking", "e2ae DTLS"):
        assert {"weakened" in one for one in stored if families[one["scenario"]] == family} == {True, False}
    assert {path.stem for path in FOLDER.glob("*.pcapng")} == {path.stem for path in DESCRIBED}
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{path.stem}` |" in listed for path in DESCRIBED)


def test_captures_are_small() -> None:
    """They come with every clone: each under 105 kB, a whole fax included."""
    assert all(path.stat().st_size < 105_000 for path in FOLDER.glob("*.pcapng"))


@pytest.mark.parametrize("described", DESCRIBED, ids=lambda path: path.stem)
def test_a_capture_can_be_made_again(described: Path, tmp_path: Path) -> None:
    """What the `.toml` describes still runs, shows the same, and has the same sequence of messages."""
    copy = tmp_path / described.name
    copy.write_bytes(described.read_bytes())
    said = REGENERATE.regenerate(copy, tmp_path / "runs")
    assert said.startswith(f"{described.stem}.pcapng: "), said
    stored, made = (analyze(path.with_suffix(".pcapng")) for path in (described, copy))
    assert [(m.protocol, m.summary) for m in made.messages] == [(m.protocol, m.summary) for m in stored.messages]


# What a description says, what it says instead, and what of it a run then does not bear out.
OTHERS = [
    ("e2ae-msrp-originating", "seed = 1", 'seed = 1\nweakened = "the gateway closes TCP without close_notify"',
     "findings"),
    ("tcp-merge-terminating-setup-unmodified", "frames = [21]", "frames = [22]", "findings"),
    ("tcp-merge-terminating-setup-unmodified", "syn-into-nat", "both-active", "findings"),
    ("tcp-merge-terminating-setup-unmodified", "inconclusive = 6", "inconclusive = 5", "inconclusive"),
    ("tcp-merge-terminating", "seed = 1", 'seed = 1\nweakened = "the gateway translates sequence numbers"', "handling"),
    ("tcp-merge-terminating-translation", 'merge = "translation"', "", "handling"),
    ("msrp-aware-plain", 'core = "clear"', 'core = "protected"', "msrp"),
    ("msrp-aware-cema-plain-agnostic", '"a peer ended its connection before the call ended"', "", "deviations"),
]


@pytest.mark.parametrize(("stem", "words", "others", "wrong"), OTHERS)
def test_a_run_that_shows_something_else_is_not_stored(
        tmp_path: Path, stem: str, words: str, others: str, wrong: str) -> None:
    """The description leads: under another one neither is the run stored, nor does the stored capture fit."""
    copy = tmp_path / "wrong.toml"
    text = (FOLDER / f"{stem}.toml").read_text(encoding="utf-8")
    assert words in text
    copy.write_text(text.replace(words, others))
    answer = REGENERATE.regenerate(copy, tmp_path / "runs")
    assert "NOT STORED" in answer and f"{wrong} " in answer
    assert not copy.with_suffix(".pcapng").exists()
    said = told(copy)
    assert REGENERATE.shown(analyze(FOLDER / f"{stem}.pcapng"), said) != said["shows"]


BROKEN = [path for path in DESCRIBED if "weakened" in told(path)]


@pytest.mark.parametrize("described", BROKEN, ids=lambda path: path.stem)
def test_a_broken_capture_does_not_pass_for_a_sound_one(tmp_path: Path, described: Path) -> None:
    """What fails in it is what the variant breaks; without the variant's name nothing is allowed to."""
    said = told(described)
    fails = REGENERATE.shown(analyze(described.with_suffix(".pcapng")), said)["fails"]
    assert fails == sorted(scenarios.get(said["scenario"]).variant(said["weakened"]).breaks) != []
    copy = tmp_path / "sound.toml"
    copy.write_text(described.read_text(encoding="utf-8").replace("weakened = ", "# "), encoding="utf-8")
    assert told(copy)["shows"]["fails"] == []
