"""A folder of captures on several workers: one row each, whatever one of them does, and one data set."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.analysis.analyzing import analyze
from workbench.cluster import Crew, Job, Outcome, analyse_one, captures_in, crew, outcomes
from workbench.errors import CaptureError

STORED = Path(__file__).parents[2] / "captures"
CLEAN, BROKEN = STORED / "msrp-aware-plain.pcapng", STORED / "tcp-merge-terminating-setup-unmodified.pcapng"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two captures, one of them packed, one of the same name further down, one that is cut, and files that are none."""
    made = tmp_path_factory.mktemp("traces")
    shutil.copy(CLEAN, made / "one.pcapng")
    (made / "packed.bin").write_bytes(gzip.compress(BROKEN.read_bytes()))
    (made / "below").mkdir()
    shutil.copy(BROKEN, made / "below" / "one.pcapng")
    (made / "below" / "header.pcap").write_bytes(b"\xd4\xc3\xb2\xa1\x02\x00")
    (made / "notes.pcapng").write_text("not a capture")
    (made / "notes.gz").write_bytes(gzip.compress(b"not a capture either"))
    return made


@pytest.fixture(scope="module")
def two() -> Iterator[Crew]:
    pytest.importorskip("distributed")
    with Crew(2) as made:
        yield made


def jobs(folder: Path, tables: str = "") -> list[Job]:
    return [Job(str(path), str(path.relative_to(folder)), path.stat().st_size, "", tables)
            for path in captures_in(folder)]


def plain(found: list[Outcome]) -> list[Outcome]:
    """The rows by name, without what differs from run to run."""
    return sorted((Outcome(*[getattr(one, name) if name != "seconds" else 0.0 for name in Outcome.__struct_fields__])
                   for one in found), key=lambda one: one.capture)


def test_captures_are_told_by_content(folder: Path) -> None:
    """Whatever their names, packed or not, in order; what only looks like one by its name is passed over."""
    assert [str(path.relative_to(folder)) for path in captures_in(folder)] == [
        "one.pcapng", "packed.bin", "below/header.pcap", "below/one.pcapng"]
    with pytest.raises(CaptureError, match="no such folder"):
        captures_in(folder / "nowhere")


def test_two_workers_say_what_one_process_says(folder: Path, two: Crew) -> None:
    """The rows are equal to those of this process, and to the reports."""
    with Crew(1) as one:
        here = plain(list(one.analyse(jobs(folder))))
    assert plain(list(two.analyse(jobs(folder)))) == here
    report = analyze(BROKEN)
    row = next(one for one in here if one.capture == "below/one.pcapng")
    assert (row.packets, row.messages, row.sessions) == (report.packets, len(report.messages), len(report.sessions))
    assert set(row.rules) == {finding.rule for finding in report.findings} and row.errors > 0
    assert next(one for one in here if one.capture == "below/header.pcap").error


def test_one_data_set(folder: Path, two: Crew, tmp_path: Path) -> None:
    """Captures of the same file name stay apart in the tables, by their path below the folder."""
    duckdb = pytest.importorskip("duckdb")
    list(two.analyse(jobs(folder, str(tmp_path / "set"))))
    rows = duckdb.sql(f"SELECT capture, packets FROM '{tmp_path}/set/captures/*.parquet' ORDER BY capture").fetchall()
    assert rows == [("below/one.pcapng", analyze(BROKEN).packets), ("one.pcapng", analyze(CLEAN).packets),
                    ("packed.bin", analyze(BROKEN).packets)]


def deadly(job: Job) -> Outcome:
    """Stands for a capture that takes all memory: its worker is ended by the system."""
    if job.name == "one.pcapng":
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome(job.name)


def failing(job: Job) -> Outcome:
    raise RuntimeError(f"a fault of ours at {job.name}")


def test_a_capture_that_ends_its_worker_stops_no_other(
        folder: Path, two: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row says so, and every other capture has its own row."""
    monkeypatch.setattr(crew, "analyse_one", deadly)
    found = {one.capture: one.error for one in two.analyse(jobs(folder))}
    assert "ended its worker" in found.pop("one.pcapng")
    assert len(found) == 3 and not any(found.values())


def interruptible() -> bool:
    return signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_ctrl_c_is_for_the_command_alone(folder: Path, two: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal's SIGINT reaches no worker, nor one that took the place of another: none dies with a traceback."""
    monkeypatch.setattr(crew, "analyse_one", deadly)
    list(two.analyse(jobs(folder)))
    two._client.wait_for_workers(2, timeout=60)
    assert list(two._client.run(interruptible).values()) == [False, False] and interruptible()


def test_a_fault_in_a_worker_is_a_row(folder: Path, two: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a worker raises is told, not thrown."""
    monkeypatch.setattr(crew, "analyse_one", failing)
    assert {one.error for one in two.analyse(jobs(folder))} == {
        f"the worker failed: RuntimeError: a fault of ours at {job.name}" for job in jobs(folder)}


def test_a_file_that_a_worker_does_not_find(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster elsewhere has to reach the folder: the row says that, and memory that is not there is told too."""
    assert "reachable" in analyse_one(Job("/nowhere/x.pcapng", "x.pcapng")).error

    def no_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("workbench.analysis.analyzing.analyze", no_memory)
    assert "memory" in outcomes.analyse_one(Job(str(CLEAN), "x")).error


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "workbench.cli", "analyze", *words], capture_output=True, text=True,
                          timeout=120, check=False)


def test_the_command_on_a_folder(folder: Path, tmp_path: Path) -> None:
    """One line a capture and a sum; exit status 2 for what can't be read, else 1 for a broken rule, else 0."""
    said = run(str(folder), "--workers", "2", "--parquet", str(tmp_path / "set"))
    lines = said.stdout.splitlines()
    assert said.returncode == 2 and said.stderr == ""
    assert [line.partition(":")[0] for line in lines[:4]] == [
        "below/header.pcap", "below/one.pcapng", "one.pcapng", "packed.bin"]
    scenario = analyze(BROKEN).scenario
    assert "not analysed" in lines[0] and f"looks like {scenario.id if scenario else '-'} (" in lines[1]
    assert lines[4].startswith("4 captures, ") and lines[4].endswith("1 could not be analysed")
    assert (tmp_path / "set" / "findings").is_dir()


@pytest.mark.parametrize(("capture", "status"), [(CLEAN, 0), (BROKEN, 1)])
def test_the_command_in_one_process(capture: Path, status: int) -> None:
    """`--workers 1` needs no Dask; its JSON is one document."""
    said = run(str(capture), "--workers", "1", "--json")
    (row,) = json.loads(said.stdout)["captures"]
    assert said.returncode == status and row["capture"] == str(capture) and (row["errors"] > 0) == bool(status)


@pytest.mark.parametrize(("words", "told"), [
    (["--cluster", "tcp://127.0.0.1:1"], "no cluster at tcp://127.0.0.1:1"),
    (["--cluster", "nonsense://x"], "no cluster at nonsense://x"),
    (["--workers", "2", "--html", "x.html"], "--html: for single captures")])
def test_what_can_not_be_done_is_told(words: list[str], told: str, monkeypatch: pytest.MonkeyPatch,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 and one line."""
    from workbench import cli

    monkeypatch.setattr(crew, "_START_SECONDS", 1)
    monkeypatch.setattr(sys, "argv", ["workbench", "analyze", str(CLEAN), *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2 and told in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_without_dask_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several workers need it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(crew.ClusterError, match="pip install"), Crew(2):
        pass
