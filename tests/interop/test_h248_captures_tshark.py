"""tshark reads H.248 as we do: text and BER, over UDP, over TCP with TPKT, over SCTP."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from capturing import A, Association, write
from control_exchange import EXCHANGE, WAYS, capture
from programs import need

from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.net.sctp import ABORT, HEARTBEAT, HEARTBEAT_ACK, Chunk
from workbench.net.values import Endpoint
from workbench.protocols.h248.message import Ack, Message, Reply, Request

_NUMBER = {"wildcard any": "$", "wildcard all": "*"}
_TOLD = {"Modify": "Mod", "Subtract": "Sub", "AuditValue": "AuditVal", "AuditCapability": "AuditCap",
         "ServiceChange": "SvcChg"}


def tshark(path: Path, shown: str, *fields: str) -> list[tuple[str, ...]]:
    """One tuple of field values for each frame that the display filter admits; checksums of SCTP are verified."""
    command = [need("tshark"), "-n", "-r", str(path), "-o", "sctp.checksum:CRC 32c", "-Y", shown, "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    return [tuple(line.split("\t")) for line in output.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tshark")


def captured(folder: Path, way: Any, transport: str, size: int) -> tuple[Path, Report]:
    path = capture(folder / f"{way}-{transport}-{size}.pcapng", way, transport, size=size)
    return path, analyze(path)


SIZES = [(way, transport, size) for way, transport in WAYS for size in ((0,) if transport == "udp" else (0, 60))]


@pytest.mark.parametrize(("way", "transport", "size"), SIZES)
def test_nothing_is_malformed(folder: Path, way: Any, transport: str, size: int):
    """No malformed frame, no expert error, no wrong checksum; our messages are tshark's, in the same frames."""
    path, report = captured(folder, way, transport, size)
    wrong = '_ws.malformed || _ws.expert.severity == "Error" || sctp.checksum.status == "Bad"'
    assert tshark(path, wrong, "frame.number", "_ws.expert.message") == []
    protocol = "h248" if way == "binary" else "megaco"
    theirs = [int(frame) for (frame,) in tshark(path, protocol, "frame.number")]
    assert theirs == [message.frames[-1] for message in report.messages if message.protocol == "H.248"]
    assert len(theirs) == len(EXCHANGE)


def said(message: Message) -> tuple[int, list[str], list[str], int | None]:
    """Transaction id, commands, terminations and context of a message with one transaction and one action."""
    (item,) = message.body
    if isinstance(item, Ack):
        return item.ranges[0][0], [], [], None
    if not isinstance(item, Request | Reply):
        return item.id, [], [], None
    commands = [command for action in item.actions for command in action.commands]
    return (item.id, [command.kind.value for command in commands],
            [name for command in commands for name in command.terminations], item.actions[0].context)


@pytest.mark.parametrize(("way", "transport", "size"), [one for one in SIZES if one[0] != "binary"])
def test_text_means_the_same(folder: Path, way: Any, transport: str, size: int):
    """Transaction ids, commands, terminations and contexts."""
    path, report = captured(folder, way, transport, size)
    rows = tshark(path, "megaco", "megaco.transid", "megaco.command", "megaco.termid", "megaco.context")
    ours = [said(message.value) for message in report.messages if message.protocol == "H.248"]
    theirs = [(int(id), list(filter(None, commands.split(","))),
               [_NUMBER.get(name.lower(), name) for name in filter(None, names.split(","))],
               int(context) if context else None) for id, commands, names, context in rows]
    assert theirs == ours


@pytest.mark.parametrize(("way", "transport", "size"), [one for one in SIZES if one[0] == "binary"])
def test_binary_means_the_same(folder: Path, way: Any, transport: str, size: int):
    """Transaction ids, commands and contexts, from tshark's line for each message; codes and SDP from its fields."""
    path, report = captured(folder, way, transport, size)
    lines = tshark(path, "h248", "_ws.col.Info")
    ours = [said(message.value) for message in report.messages if message.protocol == "H.248"]
    for (line,), (id, commands, _, context) in zip(lines, ours, strict=True):
        if "Ack" in line or not line.strip():
            continue    # tshark says nothing of an acknowledgement there
        assert int(re.findall(r"\bT ([0-9a-f]+)", line)[0], 16) == id
        if context is not None:
            assert int(re.findall(r"\bC ([0-9a-f]+)", line)[0], 16) == context
        told = [word.removesuffix("Reply").removesuffix("Req") for word in re.findall(r"\b(\w+(?:Req|Reply)) \{", line)]
        assert told == [_TOLD.get(command, command) for command in commands]
    assert tshark(path, "h248.firstAck", "h248.firstAck", "h248.lastAck") == [("1001", "1003")]
    assert tshark(path, "h248.errorCode", "h248.errorCode") == [("449",)]


def test_hand_made_chunks_are_sound(tmp_path: Path):
    """Bundles, heartbeats, fragments over IPv6 and an abort: tshark has nothing to object to either."""
    ends = (Endpoint("2001:db8::1", 2944), Endpoint("2001:db8::2", 2944))
    text = b"!/2 [192.0.2.2]:2944\nT=7{C=${A=ip/1/access/$}}"
    talk = Association(*ends).opens()
    talk.put(1, *talk.data(1, text), *talk.data(1, text.replace(b"T=7", b"T=8"), stream=3))
    talk.put(0, Chunk(HEARTBEAT, 0, b"\0\1\0\x08time")).put(1, Chunk(HEARTBEAT_ACK, 0, b"\0\1\0\x08time"))
    talk.says(1, text.replace(b"T=7", b"T=9"), 16).put(0, Chunk(ABORT))
    path = write(tmp_path / "chunks.pcapng", talk.frames)
    assert tshark(path, '_ws.malformed || _ws.expert.severity == "Error" || sctp.checksum.status == "Bad"',
                  "frame.number") == []
    ids = [id for row in tshark(path, "megaco", "megaco.transid") for id in row[0].split(",")]
    assert ids == ["7", "8", "9"]
    assert [message.value.body[0].id for message in analyze(path).messages if message.protocol == "H.248"] == [7, 8, 9]


def test_a_wrong_checksum_is_wrong_there_too(tmp_path: Path):
    """The frame that we note is the one that tshark flags."""
    talk = Association(A).opens()
    time, wire, octets = talk.frames[1]
    talk.frames[1] = (time, wire, octets[:-1] + b"!")
    path = write(tmp_path / "spoilt.pcapng", talk.frames)
    assert tshark(path, 'sctp.checksum.status == "Bad"', "frame.number") == [("2",)]
    assert [note for note in analyze(path).notes if "checksum" in note] == [
        "frame 2 has a wrong SCTP checksum: CRC32c, RFC 9260 §6.8; read all the same"]
