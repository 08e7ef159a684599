"""Every octet of H.248 over UDP, TCP and SCTP, in every encoding, is explained; BER in every form of length."""

from __future__ import annotations

import contextlib
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from capturing import A, Association, B, Talk, udp, write
from control_exchange import WAYS, capture, octets
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.analyzing import analyze
from workbench.analysis.explain import Field, catalogue, coverage, explain_frame, explain_message
from workbench.analysis.explain.octets import fields_of, spans_of
from workbench.analysis.report import Report
from workbench.cli import main
from workbench.protocols.h248 import binary
from workbench.protocols.h248.binary.ber import elements, length_octets
from workbench.protocols.h248.binary.schema import MODULE, Shape
from workbench.protocols.h248.transport import Tpkt
from workbench.protocols.layout import Span, uncovered

MESSAGES = [data for _, data in octets("binary")]


@cache
def report(folder: Path, way: Any, transport: str, size: int = 0) -> Report:
    return analyze(capture(folder / f"{way}-{transport}-{size}.pcapng", way, transport, size=size))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explained")


@pytest.mark.parametrize("size", [0, 33])
@pytest.mark.parametrize(("way", "transport"), WAYS)
def test_every_octet_is_explained(folder: Path, way: Any, transport: str, size: int):
    """Each frame, and all that stands behind it, has a meaning of its own for each octet, with its clause."""
    shown = report(folder, way, transport, size if transport != "udp" else 0)
    missing: Counter[str] = Counter()
    for number in range(1, shown.packets + 1):
        explained = explain_frame(shown, number)
        assert uncovered(list(explained.fields), 0, len(explained.octets)) == []  # type: ignore[arg-type]
        for start, end, name in coverage(explained).unexplained:
            missing[f"frame {number}: {name}"] += end - start
        for leaf in explained.leaves():
            assert leaf.label and leaf.meaning and leaf.clause, leaf.name
    assert dict(missing) == {}


@pytest.mark.parametrize(("way", "transport"), WAYS)
def test_every_message_is_explained(folder: Path, way: Any, transport: str):
    """What a click on the ladder shows is complete too."""
    shown = report(folder, way, transport)
    for message in shown.messages:
        layer = explain_message(shown, message)
        assert layer.octets and coverage(layer).complete, message.summary


def leaves(data: bytes) -> list[Field]:
    return [leaf for field in fields_of(spans_of("H.248", data)) for leaf in field.leaves()]


def test_a_binary_add_reads_as_people_say_it():
    """Tags, lengths, names of packages, and the lines of SDP with their own parts."""
    found = {(leaf.label, leaf.value) for leaf in leaves(MESSAGES[2])}
    for said in (("Tag", "SEQUENCE, constructed"), ("ContextID", "CHOOSE, the gateway makes one"),
                 ("Mode", "3 inactive"), ("RequestID", "2001"), ("Package id", "0x008B ds"),
                 ("Value", "access.example.net"), ("Wildcard", "CHOOSE from bit 31 down")):
        assert said in found, said
    assert any(label == "Item id" and value.startswith("0x0001 dscp, one octet") for label, value in found)
    assert any(leaf.name == "sdp.value.setup" and leaf.value == "actpass" for leaf in leaves(MESSAGES[2]))


VECTORS = sorted((Path(__file__).parents[1] / "vectors" / "h248").glob("*.hex"))


@pytest.mark.parametrize("path", VECTORS, ids=[path.stem for path in VECTORS])
def test_the_vectors_are_explained(path: Path):
    """The binary vectors too, each octet with a meaning of its own."""
    lines = path.read_text(encoding="utf-8").splitlines()
    data = bytes.fromhex("".join(line.partition("#")[0] for line in lines))
    assert uncovered(spans_of("H.248", data), 0, len(data)) == []
    assert [leaf.name for leaf in leaves(data) if not (leaf.own and leaf.known)] == []


def test_groups_say_what_is_in_them():
    """A folded element shows its id, termination or name."""
    titles: set[tuple[str, str]] = set()

    def walk(spans: tuple[Span, ...]) -> None:
        for span in spans:
            titles.add((span.name, span.value))
            walk(span.children)

    for data in MESSAGES:
        walk(spans_of("H.248", data))
    for title in (("ber.transactionRequest", "1001"), ("ber.ActionRequest", "55"), ("ber.addReply", "0x20000011"),
                  ("ber.subtractReq", "*"), ("ber.auditValueRequest", "ROOT"), ("ber.PropertyParm", "ipdc/realm"),
                  ("ber.ObservedEvent", "g/cause"), ("ber.errorDescriptor", "449 parameter or property value "
                                                     "unsupported or unknown"), ("ber.mId", "192.0.2.20")):
        assert title in titles, title


def test_the_whole_module_is_in_the_catalogue():
    """Each component and each element of a list has an entry of its own, whether a test message holds it or not."""
    words = catalogue()
    lacking = []
    for kind in MODULE.values():
        for component in kind.components:
            names = (f"ber.{kind.name}.{component.name}", f"ber.{component.name}")
            asked = MODULE[component.type].shape is Shape.NULL and (
                kind.name.startswith("IndAud") or kind.name == "ContextAttrAuditRequest")
            if not asked and not any((entry := words.find(name)) and not entry.family for name in names):
                lacking.append(names[0])
        if kind.of and kind.of != "OCTET STRING" and MODULE[kind.of].shape is not Shape.CHOICE:
            entry = words.find(f"ber.{kind.of}")
            if entry is None or entry.family:
                lacking.append(kind.of)
    assert lacking == []


def rewritten(data: bytes, lots: Random) -> bytes:
    """The same message with lengths in other forms: indefinite, or longer than needed."""
    found = sorted(elements(data), key=lambda one: one.header.start)

    def write(at: int) -> tuple[bytes, int]:
        element = found[at]
        head = element.header
        at += 1
        content = b""
        if head.constructed:
            while at < len(found) and found[at].header.start < element.stop:
                part, at = write(at)
                content += part
        else:
            content = data[head.content : element.stop]
        tag = data[head.start : head.length_at]
        form = lots.randrange(3)
        if form == 0 and head.constructed:
            return tag + b"\x80" + content + b"\0\0", at
        if form == 1:
            return tag + b"\x83" + len(content).to_bytes(3, "big") + content, at
        return tag + length_octets(len(content)) + content, at

    return write(0)[0]


@pytest.mark.parametrize("seed", range(20))
def test_other_forms_of_length_are_explained(seed: int):
    """Definite, long and indefinite lengths: the same message, and again every octet with a meaning of its own."""
    lots = Random(seed)
    for data in MESSAGES:
        other = rewritten(data, lots)
        assert binary.decode(other) == binary.decode(data)
        spans = spans_of("H.248", other)
        assert uncovered(spans, 0, len(other)) == []
        unsaid = [leaf.name for leaf in leaves(other) if not (leaf.own and leaf.known)]
        assert unsaid == []


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(MESSAGES), st.data())
def test_spoilt_messages_are_laid_out_whole(data: bytes, choice: st.DataObject):
    """Octets changed, cut or added: every octet has a field, and nothing is raised."""
    spoilt = bytearray(data[: choice.draw(st.integers(1, len(data)))])
    for _ in range(choice.draw(st.integers(0, 5))):
        spoilt[choice.draw(st.integers(0, len(spoilt) - 1))] = choice.draw(st.integers(0, 255))
    spoilt[0] = 0x30
    spoilt += choice.draw(st.binary(max_size=5))
    assert uncovered(spans_of("H.248", bytes(spoilt)), 0, len(spoilt)) == []


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80))
def test_garbage_is_laid_out_whole(garbage: bytes):
    """The same for octets that never were a message, and for nests without end."""
    for data in (b"\x30" + garbage, b"\x30\x80" * 3000 + garbage, MESSAGES[0][:40] + garbage):
        assert uncovered(spans_of("H.248", data), 0, len(data)) == []


def test_broken_frames_are_explained_up_to_the_break(tmp_path: Path):
    """Lost framing, fragments without their message, a chunk that does not fit: fields for all, and no error."""
    talk = Talk().opens().says(0, Tpkt.frame(MESSAGES[0]) + b"????" + Tpkt.frame(MESSAGES[2])).says(0, b"\x03\0\0\x09!")
    sctp = Association(B, A, "other")
    parts = sctp.data(0, MESSAGES[2], 40)
    sctp.put(0, *parts[1:3]).put(0, parts[4]).put(1, *sctp.data(1, b"!/1 nonsense")).put(1, *sctp.data(1, b"x", ppid=3))
    frames = [*talk.frames, *sctp.frames, udp(9.0, A, B, b"\x30" + bytes(9))]
    shown = analyze(write(tmp_path / "broken.pcapng", frames))
    for number in range(1, shown.packets + 1):
        explained = explain_frame(shown, number)
        assert uncovered(list(explained.fields), 0, len(explained.octets)) == []  # type: ignore[arg-type]
    lost = [leaf.value for leaf in explain_frame(shown, 4).leaves() if leaf.name == "tpkt.lost"]
    assert lost == ["63 where the TPKT version 3 has to be"]


@pytest.mark.parametrize(("way", "transport", "word"), [
    ("binary", "sctp", "Transmission sequence number"), ("binary", "tcp", "TPKT length"),
    ("compact", "sctp", "Verification")])
def test_show_explains_a_frame(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
                               way: Any, transport: str, word: str):
    """`workbench show CAPTURE --frame N` from the command line."""
    shown = report(folder, way, transport)
    frame = next(message for message in shown.messages if "Add" in message.summary).frames[0]
    monkeypatch.setattr("sys.argv", ["workbench", "show", shown.capture, "--frame", str(frame), "--text"])
    with contextlib.suppress(SystemExit):
        main()
    told = capsys.readouterr().out
    assert word in told
    (last,) = [line for line in told.splitlines() if line.endswith("octets explained")]
    assert last.split()[0] == last.split()[2]
