"""Several captures read as one: frames by time, each knowing where it is from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from workbench import analyze
from workbench.analysis.analyzing import analyze_merged
from workbench.analysis.files.merging import Merged, Origin
from workbench.analysis.pcapng import Packet, Reader, Writer, scan
from workbench.cli import app
from workbench.errors import CaptureError

STORED = Path(__file__).parents[2] / "captures" / "e2ae-msrp-originating.pcapng"


def packets() -> list[Packet]:
    with Reader(STORED) as reader:
        return list(reader)


def write(path: Path, chosen: list[Packet], secrets: bool = True, later_ns: int = 0) -> Path:
    names, keylog = scan(STORED)
    with Writer(path) as writer:
        writer.names(names)
        writer.secrets(keylog if secrets else "")
        wires: dict[str, int] = {}
        for packet in chosen:
            if packet.wire not in wires:
                wires[packet.wire] = writer.interface(packet.wire, packet.link)
            writer.packet(wires[packet.wire], packet.time_ns + later_ns, packet.octets, packet.comment)
    return path


def test_a_ring_buffer_gives_the_report_of_the_whole(tmp_path: Path) -> None:
    """A call cut into two files, named in the wrong order, the keys in one: the same messages, sessions, findings."""
    frames = packets()
    later, first = write(tmp_path / "b.pcapng", frames[30:], secrets=False), write(tmp_path / "a.pcapng", frames[:30])
    merged, whole = analyze_merged([later, first]).to_json(), analyze(STORED).to_json()
    assert {**merged, "capture": "", "merged": []} == {**whole, "capture": ""}


def test_each_frame_knows_its_file_and_its_number_there(tmp_path: Path) -> None:
    """Frames of two files that overlap come by time; wires of one name are kept apart."""
    frames = packets()
    even, odd = write(tmp_path / "even.pcapng", frames[::2]), write(tmp_path / "odd.pcapng", frames[1::2])
    report = analyze_merged([even, odd])
    assert report.packets == len(frames)
    assert report.origin(1) == Origin(str(even), 1) and report.origin(4) == Origin(str(odd), 2)
    assert report.frame(1).wire.endswith(" @ even.pcapng") and report.frame(4).wire.endswith(" @ odd.pcapng")
    assert [report.frame(number).octets for number in (1, 2, 9)] == [frames[at].octets for at in (0, 1, 8)]


def test_a_gap_between_files_is_told(tmp_path: Path) -> None:
    """An hour between two files: nothing captured, or clocks that differ; a missing end of a file is told as well."""
    frames = packets()
    first = write(tmp_path / "a.pcapng", frames[:30])
    later = write(tmp_path / "b.pcapng", frames[30:], later_ns=3600 * 10**9)
    later.write_bytes(later.read_bytes()[:-3])
    notes = analyze_merged([first, later]).notes
    assert any("b.pcapng begins 360" in note for note in notes) and any("b.pcapng: block cut short" in n for n in notes)


def broken_packet_in_front_of_names(path: Path) -> Path:
    """A packet block that claims more octets than it has, and names and secrets behind it."""
    frames = packets()
    write(path, [])
    words = path.read_bytes()
    with Writer(path) as writer:
        writer.packet(writer.interface("wire", frames[0].link), frames[0].time_ns, frames[0].octets)
        start = writer.octets
        writer.packet(0, frames[1].time_ns, frames[1].octets)
    octets = bytearray(path.read_bytes())
    octets[start + 20 : start + 24] = (2**16).to_bytes(4, "little")
    path.write_bytes(octets + words)
    return path


def test_files_are_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for times, names and secrets, and once to copy; again only where a broken packet hides names behind it."""
    opened: list[str] = []

    class Counted(Reader):
        def __init__(self, source: str | Path) -> None:
            opened.append(Path(source).name)
            super().__init__(source)

    monkeypatch.setattr("workbench.analysis.files.merging.Reader", Counted)
    monkeypatch.setattr("workbench.analysis.pcapng.Reader", Counted)
    whole = write(tmp_path / "whole.pcapng", packets()[:30])
    broken = broken_packet_in_front_of_names(tmp_path / "broken.pcapng")
    merged = Merged([whole, broken])
    assert opened.count("whole.pcapng") == 2 and opened.count("broken.pcapng") == 3
    assert scan(merged.path) == (scan(STORED)[0], scan(whole)[1] + scan(broken)[1]) and scan(broken)[1]


def test_merging_from_the_command_line(tmp_path: Path) -> None:
    """`--merge`: one report; without it, one for each capture."""
    frames = packets()
    files = [str(write(tmp_path / f"{n}.pcapng", part)) for n, part in enumerate((frames[:30], frames[30:]))]
    one = json.loads(CliRunner().invoke(app, ["analyze", "--json", "--merge", *files]).stdout)
    two = json.loads(CliRunner().invoke(app, ["analyze", "--json", *files]).stdout)
    assert one["packets"] == len(frames) == sum(report["packets"] for report in two)
    assert one["merged"] == files and one["capture"].endswith("0.pcapng+1.pcapng.pcapng")


def test_a_file_that_is_no_capture_stops_the_merging(tmp_path: Path) -> None:
    """Nothing passes for the report of all."""
    path = tmp_path / "notes.txt"
    path.write_text("no capture")
    with pytest.raises(CaptureError, match=r"notes\.txt"):
        analyze_merged([STORED, path])
