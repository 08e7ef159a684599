"""The command line's promises: one JSON document, three exit statuses, one clear line for what went wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import capturing
import pytest

from workbench import cli, cli_words, scenarios
from workbench.lab.expect import Verdict
from workbench.lab.run import Run
from workbench.net.values import Endpoint
from workbench.protocols.h248 import binary, text
from workbench.protocols.h248.packages import Registry

ID = "e2ae-msrp-originating"

# A pcapng section with nothing in it, and one with a packet block that claims almost 4 GiB.
EMPTY = bytes.fromhex("0a0d0d0a 1c000000 4d3c2b1a 01000000 ffffffffffffffff 1c000000")
LYING = EMPTY + bytes.fromhex("06000000 f0ffffff") + bytes(64)


class Said(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class Command:
    """The command line in this process: `command("list", "--json")`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *words: str | Path) -> Said:
        self._capsys.readouterr()
        self._monkeypatch.setattr(sys, "argv", ["workbench", *map(str, words)])
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        return Said(status, out, err)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scenarios.get(ID).run(seed=1, out=tmp_path_factory.mktemp("run")).capture


def test_list_names_every_scenario_with_its_knobs(command: Command) -> None:
    """The catalogue as JSON has what a program needs to turn every knob."""
    said = command("list", "--json")
    assert said.status == 0 and [entry["id"] for entry in said.document] == list(scenarios.IDS)
    for entry in said.document:
        assert all(knob["default"] in knob["allowed"] for knob in entry["knobs"])
        added = {name for knob in entry["knobs"] for names in knob["expectations"].values() for name in names}
        assert {name for weak in entry["weakened"] for name in weak["breaks"]} <= {*entry["expectations"], *added}
    plain = command("list")
    assert all(id in plain.out for id in scenarios.IDS)


def test_what_a_reader_knows_of_packages(command: Command, tmp_path: Path) -> None:
    """A file of the user's names what is numbers otherwise, in that run and in no later one; a wrong one is exit 2."""
    mine, wrong, control = tmp_path / "mine.toml", tmp_path / "wrong.toml", tmp_path / "control.pcapng"
    mine.write_text("[tcpbcc.events.BNCChange]\nid = 7\n")
    wrong.write_text("[tcpbcc]\nid = 'x'\n")
    order = text.decode(b"MEGACO/2 [192.0.2.1] Transaction=1{Context=1{Modify=ROOT{Events=1{tcpbcc/BNCChange}}}}")
    octets = binary.encode(order, registry=Registry.load(mine))
    ends = Endpoint("192.0.2.1", 2945), Endpoint("192.0.2.2", 2945)
    capturing.write(control, [capturing.udp(0.0, *ends, octets)])
    for words, known in ((("--packages", mine), True), ((), False)):
        said = command("show", control, "--frame", "1", "--text", *words)
        assert said.status == 0 and ("tcpbcc/BNCChange" in said.out) is known
        assert command("analyze", control, "--json", *words).document["messages"]
    said = command("analyze", control, "--packages", wrong)
    assert said.status == 2 and "wrong.toml" in said.err and said.err.count("\n") == 1


def test_run_all_as_json_is_one_document(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scenario passes, in a catalogue of each tenth, and its capture is where the document says."""
    ids = scenarios.IDS[::10]
    monkeypatch.setattr(scenarios, "IDS", ids)
    said = command("run", "--all", "--json", "--seed", "3", "--out", tmp_path)
    assert (said.status, said.err) == (0, "")
    assert [entry["id"] for entry in said.document] == list(ids)
    for entry in said.document:
        assert entry["passed"] and (entry["network"], entry["seed"]) == ("virtual", 3)
        assert Path(entry["capture"]) == tmp_path / f"{entry['id']}.pcapng" and Path(entry["capture"]).is_file()
        assert Path(entry["twin"]).is_file() and isinstance(entry["seconds"], float)
        wanted = [expectation.name for expectation in scenarios.get(entry["id"]).expected({})]
        assert [expectation["name"] for expectation in entry["expectations"]] == wanted
        assert all(each["verdict"] == "pass" and each["frames"] for each in entry["expectations"])


def test_run_prints_each_expectation_and_writes_one_report(command: Command, tmp_path: Path) -> None:
    """For people: every sentence with its verdict, and a page that needs nothing from outside."""
    page = tmp_path / "deep" / "report.html"
    said = command("run", ID, "--out", tmp_path, "--html", page)
    assert said.status == 0 and str(page) in said.out
    for expectation in scenarios.get(ID).expect:
        assert any("pass" in line and expectation.name in line for line in said.out.splitlines())
    text = page.read_text(encoding="utf-8")
    assert text.lstrip().lower().startswith("<!doctype html>") and ID in text
    assert 'src="http' not in text and "@import" not in text and '<link' not in text


def test_weakened_runs_break_what_they_name(command: Command, tmp_path: Path) -> None:
    """In the controls, `passed` says that a variant broke exactly what it names."""
    said = command("run", ID, "--weakened", "--json", "--out", tmp_path)
    variants = scenarios.get(ID).weakened
    assert [entry["weakened"] for entry in said.document] == [variant.name for variant in variants]
    for entry, variant in zip(said.document, variants, strict=True):
        assert entry["breaks"] == list(variant.breaks)
        assert set(entry["broken"]) == set(variant.breaks) and entry["passed"]
        assert any(expectation["verdict"] == "fail" for expectation in entry["expectations"])
    assert said.status == 0


def test_a_failed_expectation_is_exit_status_1(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Something did not hold: status 1, with and without JSON, and the sentence is marked."""
    monkeypatch.setattr(Run, "verdicts", property(lambda run: (Verdict("tea is hot", "fail", (4,), "it is cold"),)))
    said = command("run", ID, "--out", tmp_path)
    assert said.status == 1 and "FAIL" in said.out and "tea is hot" in said.out and "it is cold" in said.out
    said = command("run", ID, "--out", tmp_path, "--json")
    assert said.status == 1 and said.document[0]["passed"] is False


def test_knobs_can_be_turned(command: Command, tmp_path: Path) -> None:
    """`--set` reaches the run, and the verdicts still hold."""
    said = command("run", ID, "--set", "tls=1.2", "--set", "tokens=short", "--json", "--out", tmp_path)
    assert said.status == 0 and said.document[0]["passed"]
    assert (said.document[0]["knobs"]["tls"], said.document[0]["knobs"]["tokens"]) == ("1.2", "short")


@pytest.mark.parametrize(("words", "says"), [
    (["run"], "--all"),
    (["run", ID, "--all"], "--all"),
    (["run", "tea-party"], ID),
    (["run", ID, "--set", "tea=hot"], "tcp_active"),
    (["run", ID, "--set", "tls=9"], "1.3"),
    (["run", ID, "--set", "tls"], "KNOB=VALUE"),
    (["run", ID, "--set", "tls=1.2", "--set", "tls=1.3"], "twice"),
    (["run", ID, "--set", "nat=behind", "--set", "tcp_active=peer"], "can't be reached"),
    (["run", ID, "--network", "pigeon"], "virtual"),
    (["run", ID, "--seed", "x"], "seed"),
    (["tea"], "tea"),
    (["analyze"], "CAPTURE"),
    (["analyze", "no-such-file.pcapng"], "no-such-file.pcapng"),
    (["show", "no-such-file.pcapng"], "no-such-file.pcapng"),
    (["show", "x.pcapng", "--frame", "0"], "frame"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_wrong_usage_is_exit_status_2(command: Command, tmp_path: Path, words: list[str], says: str,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """A wish that can't be met ends with status 2, says why on stderr, and prints nothing on stdout."""
    monkeypatch.chdir(tmp_path)
    said = command(*words)
    assert said.status == 2
    assert said.out == "" and says.lower() in said.err.lower()


@pytest.mark.parametrize("octets", [
    b"", EMPTY, LYING, b"this is a text file\n" * 50, bytes(range(256)) * 40, b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2\xa1",
], ids=["empty", "no packets", "a block that lies", "text", "octets", "pcapng cut in its head", "pcap cut in its head"])
@pytest.mark.parametrize("verb", ["analyze", "show"])
def test_what_is_no_capture_gets_one_line_and_exit_status_2(
    command: Command, tmp_path: Path, octets: bytes, verb: str,
) -> None:
    """No traceback, no output, one line."""
    path = tmp_path / "stranger.pcapng"
    path.write_bytes(octets)
    said = command(verb, path)
    assert said.status == 2 and said.out == ""
    assert len(said.err.splitlines()) == 1 and said.err.startswith("workbench: ")


def test_a_folder_is_no_capture(command: Command, tmp_path: Path) -> None:
    """Errors of the system are told in one line too."""
    said = command("analyze", tmp_path)
    assert said.status == 2 and len(said.err.splitlines()) == 1


def test_analyze_as_json_keeps_the_contract(command: Command, capture: Path) -> None:
    """One object for one capture, with the keys that programs rely on."""
    said = command("analyze", capture, "--json")
    assert (said.status, said.err) == (0, "")
    document = said.document
    assert {"capture", "packets", "nodes", "sessions", "messages", "findings", "scenario"} <= set(document)
    assert {"id", "kind", "legs", "security", "roles", "frames"} <= set(document["sessions"][0])
    assert {"frame", "time", "protocol", "source", "destination", "summary", "session"} <= set(document["messages"][0])
    assert any(session["security"] == "e2ae" for session in document["sessions"])
    both = command("analyze", capture, capture, "--json")
    assert [each["packets"] for each in both.document] == [document["packets"]] * 2


def test_analyze_tells_people_who_was_what(command: Command, capture: Path, tmp_path: Path) -> None:
    """Nodes, sessions and the roles on each leg, and a page for those who want to click."""
    page = tmp_path / "report.html"
    said = command("analyze", capture, "--html", page)
    assert said.status == 0 and page.is_file()
    for word in ("UE A", "IMS-AGW", "e2ae", "TLS client UE A", "TCP client IMS-AGW"):
        assert word in said.out


def test_a_capture_cut_short_is_read_up_to_the_cut_and_says_so(command: Command, capture: Path, tmp_path: Path) -> None:
    """The part before the break, with a note on stderr."""
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(capture.read_bytes()[: capture.stat().st_size // 2])
    said = command("analyze", cut)
    assert said.status in (0, 1) and "messages" in said.out
    assert said.err.startswith("workbench: ")
    whole, part = command("analyze", capture, "--json").document, command("analyze", cut, "--json").document
    assert 0 < part["packets"] < whole["packets"]


def test_show_draws_a_ladder_and_opens_a_frame(command: Command, capture: Path) -> None:
    """Messages between nodes as text; one frame with its fields and clauses."""
    ladder = command("show", capture, "--text")
    assert ladder.status == 0 and "INVITE" in ladder.out and "IMS-AGW" in ladder.out
    order = next(m for m in scenarios.get(ID).run(seed=1).report.messages if b"Add" in m.octets)
    frame = command("show", capture, "--frame", str(order.frames[-1]))
    assert frame.status == 0 and "TerminationID" in frame.out
    assert command("show", capture, "--between", "UE A", "--between", "IMS-ALG").status == 0


@pytest.mark.parametrize("words", [["--frame", "999999"], ["--between", "Nobody"]], ids=" ".join)
def test_show_says_what_there_is_instead(command: Command, capture: Path, words: list[str]) -> None:
    """A frame or a node that is not there ends with status 2."""
    said = command("show", capture, *words)
    assert said.status == 2 and said.out == ""


def test_text_from_a_capture_can_not_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters, C1 and bidirectional ones included, are written out."""
    cli_words.say("\x1b]0;owned\x07 \x9b2J \u202eevil\u2066 ok\tübung")
    assert capsys.readouterr().out == "\\x1b]0;owned\\x07 \\x9b2J \\u202eevil\\u2066 ok\tübung\n"


def test_doctor_names_what_is_missing_and_how_to_get_it(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:
    """With nothing on the path the workbench still runs, and each missing program comes with its command."""
    monkeypatch.setenv("PATH", str(tmp_path))
    said = command("doctor", "--json")
    checks = {check["name"]: check for check in said.document}
    assert said.status == 0 and checks["python"]["here"] and checks["network virtual"]["here"]
    for name, package in (("tshark", "tshark"), ("chromium", "chromium"), ("erlang megaco", "erlang-megaco")):
        assert not checks[name]["here"] and "apt-get install" in checks[name]["remedy"]
        assert package in checks[name]["remedy"]
    assert "apt-get install tshark" in command("doctor").out


def test_lab_starts_jupyterlab_on_the_pages_without_news(
    command: Command, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """JupyterLab gets the pages, the project's settings and whatever else the user gave."""
    started: list[list[str]] = []
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/mine")
    monkeypatch.setattr("os.execv", lambda program, words: started.append(words))
    monkeypatch.setattr(sys, "platform", "linux")
    assert command("lab", "--no-browser").status == 0
    (words,) = started
    root = Path(__file__).parents[2]
    assert words[:3] == [sys.executable, "-m", "jupyterlab"] and words[-1] == "--no-browser"
    assert f"--ServerApp.root_dir={root / 'notebooks'}" in words
    settings = cli.os.environ["JUPYTER_CONFIG_PATH"].split(cli.os.pathsep)
    assert settings == [str(root / "binder"), "/mine"]
    overrides = json.loads((root / "binder/labconfig/default_setting_overrides.json").read_text())
    assert overrides["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


def test_lab_without_jupyterlab_says_how_to_get_it(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line and status 2."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = command("lab")
    assert said.status == 2 and "make lab" in said.err


def test_a_reader_who_has_seen_enough_is_no_error(capture: Path) -> None:
    """`workbench show CAPTURE | head -1` ends quietly."""
    shown = subprocess.Popen(
        [sys.executable, "-m", "workbench.cli", "show", str(capture), "--text"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert shown.stdout is not None and shown.stderr is not None
    shown.stdout.close()
    with shown.stderr:
        err = shown.stderr.read()
    shown.wait(timeout=60)
    assert b"Traceback" not in err and b"Error" not in err


def test_progress_is_for_those_who_watch(
    command: Command, capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bar on a terminal's stderr, with names in it that can't steer the terminal; never in JSON."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    strange = tmp_path / "call[red]\x1b]0;owned.pcapng"
    strange.write_bytes(capture.read_bytes())
    said = command("analyze", strange, capture)
    assert said.status == 0 and "\x1b]0;owned" not in said.err + said.out
    assert command("analyze", capture, "--json").err == ""


def test_version(command: Command) -> None:
    """`--version` prints the package's version."""
    import workbench

    assert command("--version").out == f"workbench {workbench.__version__}\n"
