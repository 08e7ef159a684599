"""Captures packed with gzip and zstandard: told by content, read like the plain file, and up to a break."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from workbench import analyze
from workbench.analysis.explain import explain_frame
from workbench.analysis.files import sources
from workbench.analysis.pcapng import Reader
from workbench.errors import CaptureError

STORED = Path(__file__).parents[2] / "captures" / "e2ae-msrp-originating.pcapng"
OCTETS = STORED.read_bytes()
# A frame of zstandard that decoders pass over (RFC 8878 §3.1.2).
SKIPPED = b"\x5a\x2a\x4d\x18\x04\0\0\0note"


def gz(octets: bytes) -> bytes:
    return gzip.compress(octets, mtime=0)


def in_parts(pack: Callable[[bytes], bytes], parts: int) -> bytes:
    size = -(-len(OCTETS) // parts)
    return b"".join(pack(OCTETS[at : at + size]) for at in range(0, len(OCTETS), size))


PACKED = {
    "gzip": gz(OCTETS),
    "gzip of many members": in_parts(gz, 7),
    "gzip with a name": gzip.compress(OCTETS),
    "gzip on a tape": gz(OCTETS) + bytes(512),
    "zstandard": zstandard.compress(OCTETS),
    "zstandard of many frames": in_parts(zstandard.compress, 7),
    "zstandard behind a skippable frame": SKIPPED + zstandard.compress(OCTETS) + SKIPPED,
}


@pytest.mark.parametrize("how", list(PACKED))
def test_a_packed_capture_gives_the_report_of_the_plain_one(tmp_path: Path, how: str) -> None:
    """Whatever the file is called: the first octets tell how it is packed."""
    path = tmp_path / "capture.txt"
    path.write_bytes(PACKED[how])
    packed, plain = analyze(path), analyze(STORED)
    assert {**packed.to_json(), "capture": ""} == {**plain.to_json(), "capture": ""}
    assert packed.frame(9) == plain.frame(9)
    assert explain_frame(packed, 9) == explain_frame(plain, 9)


def cut(octets: bytes, share: float) -> bytes:
    return octets[: int(len(octets) * share)]


BROKEN = {
    "gzip cut short": (cut(PACKED["gzip"], 0.6), "the gzip file is cut short"),
    "a member is missing its end": (cut(PACKED["gzip of many members"], 0.9), "the gzip file is cut short"),
    "a frame is missing its end": (cut(PACKED["zstandard of many frames"], 0.9), "the zstandard file is cut short"),
    "gzip, an octet changed": (PACKED["gzip"][:9000] + b"\xff\xff\xff" + PACKED["gzip"][9003:], "is damaged"),
    "something else behind gzip": (PACKED["gzip"] + b"and the weather", "is damaged"),
    "something else behind zstandard": (PACKED["zstandard"] + b"and the weather", "is damaged"),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_broken_packed_capture_is_read_up_to_the_break(tmp_path: Path, name: str) -> None:
    """The frames in front of it are analysed, and the notes say what is wrong with the packed file."""
    octets, why = BROKEN[name]
    path = tmp_path / "broken.gz"
    path.write_bytes(octets)
    report = analyze(path)
    assert 10 < report.packets <= analyze(STORED).packets
    assert any("broken.gz" in note and why in note and "unpacked up to there" in note for note in report.notes)


def test_an_uploaded_packed_capture_is_read(tmp_path: Path) -> None:
    """An open file that is on no disk."""
    with Reader(io.BytesIO(PACKED["zstandard"])) as packed, Reader(STORED) as plain:
        assert list(packed) == list(plain)


def test_what_was_unpacked_is_kept_for_the_next_reading_and_removed_in_the_end(tmp_path: Path) -> None:
    """Reading a capture twice unpacks it once; the temporary file goes when nobody needs it any more."""
    paths = [tmp_path / f"{number}.gz" for number in range(6)]
    for path in paths:
        path.write_bytes(PACKED["gzip"])
    with Reader(paths[0]) as first, Reader(paths[0]) as second:
        assert first.path == second.path and first.path != paths[0]
        for path in paths[1:]:
            Reader(path).close()
        assert first.path is not None and first.path.exists()      # in use
        held = first.path
    del first, second
    assert not held.exists()


@pytest.mark.parametrize("name", ["gzip", "zstandard"])
def test_the_limits_of_unpacking_are_kept(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One octet over the size that is allowed is refused, and so is one time over the ratio."""
    monkeypatch.setattr(sources, "MOST_UNPACKED", len(OCTETS))
    with Reader(io.BytesIO(PACKED[name])) as reader:
        assert len(list(reader)) > 10
    monkeypatch.setattr(sources, "MOST_UNPACKED", len(OCTETS) - 1)
    with pytest.raises(CaptureError, match="refused"):
        Reader(io.BytesIO(PACKED[name]))
    monkeypatch.setattr(sources, "MOST_UNPACKED", len(OCTETS))
    monkeypatch.setattr(sources, "FREE", 0)
    times = len(OCTETS) // len(PACKED[name])
    monkeypatch.setattr(sources, "MOST_TIMES", times + 1)
    Reader(io.BytesIO(PACKED[name])).close()
    monkeypatch.setattr(sources, "MOST_TIMES", times - 1)
    with pytest.raises(CaptureError, match="refused"):
        Reader(io.BytesIO(PACKED[name]))
