"""Large captures by columns against frame by frame: the same captures, whole and damaged, give the same report."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.analysis.analyzing import analyze
from workbench.analysis.columns import engine
from workbench.analysis.pcapng import ETHERNET, Writer
from workbench.analysis.report import Report
from workbench.errors import CaptureError
from workbench.net.packets import ACK, FIN, PSH, RST, SYN, Tcp, encode_tcp
from workbench.net.values import Endpoint

_FILES = sorted((Path(__file__).parents[2] / "captures").glob("*.pcap*"))
_ETHER = bytes(12) + b"\x08\0"
_HELLO = bytes.fromhex("16030100310100002d0303") + bytes(32) + bytes.fromhex("000002c02b01000002ff01")
_ANSWER = bytes.fromhex("160303002a020000260303") + bytes(range(32)) + bytes.fromhex("00c02b00")


@pytest.fixture(autouse=True)
def _short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of so few octets and packets that a small capture has many of them."""
    monkeypatch.setattr("workbench.analysis.columns.index._WINDOW", 1 << 16)
    monkeypatch.setattr("workbench.analysis.columns.headers._AT_ONCE", 100)
    monkeypatch.setattr(engine, "_MOST_MAPPED", 1 << 16)


def _runs(report: Report) -> int:
    return report._frames.runs if isinstance(report._frames, engine.Engine) else 0


def _same(path: Path) -> int:
    """Compare both ways of reading; how many runs there were."""
    try:
        wanted = analyze(path, columns=False)
    except CaptureError as error:
        with pytest.raises(CaptureError) as found:
            analyze(path, columns=True)
        assert str(found.value) == str(error)
        return 0
    got = analyze(path, columns=True)
    assert got.to_json() == wanted.to_json()
    assert got.messages == wanted.messages
    for one, other in zip(got.contents, wanted.contents, strict=True):
        assert (one.pieces, one.cut) == (other.pieces, other.cut)
        mine, theirs = one.connection, other.connection
        assert all(getattr(mine, name) == getattr(theirs, name) for name in mine.__slots__ if name != "streams")
        for stream, twin in zip(mine.streams, theirs.streams, strict=True):
            assert all(getattr(stream, name) == getattr(twin, name) for name in stream.__slots__)
    for number in range(len(wanted.contents)):
        for asked in ({}, {"readable": True}):
            assert got.messages.of_connection(number, **asked) == wanted.messages.of_connection(number, **asked)
        assert [*got.messages.chunks(number)] == [*wanted.messages.chunks(number)]
        assert got.messages.outline(number) == wanted.messages.outline(number)
    for protocol in ("MSRP", "TLS", "TCP", "unknown"):
        assert got.messages_of(protocol, readable=True) == wanted.messages_of(protocol, readable=True)
    return _runs(got)


class _Talk:
    """Two ends of a TCP connection and what they say, as segments."""

    def __init__(self, chance: random.Random, number: int) -> None:
        self.chance = chance
        self.ends = (Endpoint("192.0.2.1", 20_000 + number), Endpoint("192.0.2.2", 2855))
        self.next = [chance.getrandbits(32), chance.getrandbits(32)]
        self.sent: list[bytes] = []

    def segment(self, end: int, flags: int, octets: bytes = b"") -> bytes:
        one = Tcp(self.ends[end], self.ends[1 - end], self.next[end], self.next[1 - end] if flags & ACK else 0, flags,
                  65_000, octets)
        self.next[end] = (self.next[end] + len(octets) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF
        return encode_tcp(one)

    def say(self, end: int, octets: bytes) -> Iterator[bytes]:
        while octets:
            size = self.chance.choice((700, 1448, 1448, 3000))
            yield self.segment(end, ACK | PSH, octets[:size])
            octets = octets[size:]
            if self.chance.random() < 0.3:
                yield self.segment(1 - end, ACK)

    def segments(self, said: list[tuple[int, bytes]]) -> Iterator[bytes]:
        yield self.segment(0, SYN)
        yield self.segment(1, SYN | ACK)
        yield self.segment(0, ACK)
        waiting: list[tuple[int, bytes]] = []
        for end, octets in said:
            waiting.append((end, octets))
            if self.chance.random() < 0.7:      # several messages in one go, and messages across segments
                for towards in (0, 1):
                    yield from self.say(towards, b"".join(part for way, part in waiting if way == towards))
                waiting = []
        for end, octets in waiting:
            yield from self.say(end, octets)
        if self.chance.random() < 0.8:
            yield self.segment(0, FIN | ACK)
            yield self.segment(1, self.chance.choice((FIN | ACK, RST)))


def _msrp(chance: random.Random, number: int) -> list[tuple[int, bytes]]:
    there, here = b"msrp://192.0.2.2:2855/s;tcp", b"msrp://192.0.2.1:20000/u%d;tcp" % number
    said: list[tuple[int, bytes]] = []
    for chunk in range(60):
        name, body = b"c%07d" % chunk, chance.randbytes(chance.choice((0, 5, 2048, 2048, 5000)))
        content = b"Content-Type: text/plain\r\n\r\n%s\r\n" % body if body or chance.random() < 0.5 else b""
        odd = chance.choice((b"",) * 12 + (b"Bad\x01: x\r\n", b"X: \xc3\xa4\r\n", b"-------%s+\r\n" % name))
        said.append((0, b"MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: m%d\r\nByte-Range: 1-%d/*\r\n%s"
                        b"%s-------%s%s\r\n" % (name, there, here, chunk, len(body), odd, content, name,
                                               chance.choice((b"$", b"+")))))
        said.append((1, b"MSRP %s %s\r\nTo-Path: %s\r\nFrom-Path: %s\r\n-------%s$\r\n" % (
            name, chance.choice((b"200 OK", b"200", b"481 No  session")), here, there, name)))
    return said


def _tls(chance: random.Random, number: int) -> list[tuple[int, bytes]]:
    said = [(0, _HELLO), (1, _ANSWER)]
    for _ in range(80):
        size = chance.choice((30, 700, 2065, 2065, 16_000))
        kind = chance.choice((23,) * 20 + (21, 22, 99))
        said.append((chance.randrange(2), bytes((kind, 3, 3)) + size.to_bytes(2, "big") + chance.randbytes(size)))
    return said


def _disturbed(chance: random.Random, segments: list[bytes], harm: float) -> Iterator[bytes]:
    """Some segments come twice, late, or not at all."""
    late: list[bytes] = []
    for segment in segments:
        what = chance.random()
        if what < harm:
            yield from (segment, segment)
        elif what < 2 * harm:
            late.append(segment)
            continue
        elif what < 2.3 * harm:
            continue
        else:
            yield segment
        if late and chance.random() < 0.5:
            yield late.pop()


def _write(path: Path, chance: random.Random, harm: float) -> None:
    talks = [list(_disturbed(chance, list(_Talk(chance, number).segments(
        chance.choice((_msrp, _tls))(chance, number))), harm)) for number in range(4)]
    with Writer(path) as writer:
        wire, time = writer.interface("eth0", ETHERNET), 1_700_000_000 * 10**9
        while any(talks):
            talk = chance.choice([one for one in talks if one])
            for _ in range(chance.randrange(1, 12)):
                if talk:
                    frame = _ETHER + talk.pop(0)
                    time += chance.randrange(2_000_000)
                    comment = "seen" if chance.random() < 0.002 else ""
                    writer.packet(wire, time, frame + bytes(max(0, 60 - len(frame))), comment)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_streams_in_order_are_read_by_columns_with_the_same_result(seed: int, tmp_path: Path) -> None:
    """MSRP and TLS without keys, cut into segments at random: runs are found, and nothing in the report differs."""
    path = tmp_path / "talks.pcapng"
    _write(path, random.Random(seed), 0.0)
    assert _same(path) > 3


@pytest.mark.parametrize("seed", [5, 6, 7, 8])
def test_disturbed_streams_are_read_by_columns_with_the_same_result(seed: int, tmp_path: Path) -> None:
    """Segments that come twice, late or never end a run, and nothing in the report differs."""
    path = tmp_path / "talks.pcapng"
    _write(path, random.Random(seed), 0.01)
    assert _same(path) > 0


@pytest.mark.long
def test_many_streams_are_read_by_columns_with_the_same_result(tmp_path: Path) -> None:
    """As above, of 200 captures."""
    path = tmp_path / "talks.pcapng"
    for seed in range(100, 300):
        _write(path, random.Random(seed), seed % 3 * 0.01)
        _same(path)


def test_every_stored_capture_gives_the_same_report_by_columns() -> None:
    """JSON, messages, pieces and connections are equal; MSRP of one capture at least comes in runs."""
    assert sum(_same(path) for path in _FILES) > 0


def test_damaged_captures_give_the_same_report_by_columns(tmp_path: Path) -> None:
    """Flipped bits and cuts: the same report, or the same refusal."""
    chance, path = random.Random(11), tmp_path / "damaged.pcapng"
    for _ in range(25):
        data = bytearray(chance.choice(_FILES).read_bytes())
        for _ in range(chance.choice((1, 10, 100))):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(data[: chance.choice((len(data), chance.randrange(30, len(data))))]))
        _same(path)


def test_payload_beyond_the_limit_is_cut_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a connection carries is kept up to the same octet."""
    monkeypatch.setattr("workbench.analysis.drafts.MOST_CONTENT_OCTETS", 50_000)
    path = tmp_path / "talks.pcapng"
    _write(path, random.Random(1), 0.0)
    assert _same(path) > 0
    assert any(content.cut for content in analyze(path, columns=True).contents)


def test_a_file_that_becomes_shorter_while_it_is_read_ends_with_an_error(tmp_path: Path) -> None:
    """Octets that are mapped and gone end no process: before each look it is asked whether they are there."""
    path = tmp_path / "talks.pcapng"
    path.write_bytes(bytes(100_000))
    file = engine.File(path)
    assert file.read(99_990, 10) == bytes(10)
    path.write_bytes(bytes(1000))
    for look in (lambda: file.read(99_990, 10), lambda: file.gather([0, 99_990], [5, 10]), file.release):
        with pytest.raises(CaptureError, match="became shorter"):
            look()
    file.settle()
    assert file.gather([0, 990], [5, 20]) == bytes(15)


def test_one_rule_asks_for_chunks_behind_the_other_and_gets_the_same(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks that are held for the next who asks are those of the connection, also where there are too many to hold."""
    path = tmp_path / "talks.pcapng"
    _write(path, random.Random(3), 0.0)
    for room in (1, 100, 8_000):
        monkeypatch.setattr("workbench.analysis.table._MOST_LATELY", room)
        report = analyze(path, columns=True)
        wanted = {number: [*report.messages._drafts.chunks(number)] for number in range(len(report.contents))}
        assert any(wanted.values())
        for number in [*wanted, *wanted, *reversed(wanted)]:
            assert [*report.messages.chunks(number)] == wanted[number]


def test_frames_and_messages_are_there_after_the_analysis(tmp_path: Path) -> None:
    """A frame and the octets of a message are read from the file when somebody asks for them."""
    path = tmp_path / "talks.pcapng"
    _write(path, random.Random(2), 0.0)
    one, other = analyze(path, columns=True), analyze(path, columns=False)
    for number in (1, 50, one.packets):
        assert one.frame(number) == other.frame(number)
