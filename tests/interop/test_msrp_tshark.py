"""tshark as a second opinion on MSRP: the stored messages, and what a rewriter makes of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from capturing import A, Talk, write
from programs import need

from workbench.net.values import Endpoint
from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp import wire
from workbench.protocols.msrp.messages import Response
from workbench.protocols.msrp.rewriting import Leg, Onward, between

VECTORS = Path(__file__).parent.parent / "vectors" / "msrp"
MESSAGES = [bytes.fromhex(path.read_text()) for path in sorted(VECTORS.glob("*.hex"))]
FAR = uris.decode_path("msrp://relay.example.com:2855/r;tcp msrp://192.0.2.50:6000/sB;tcp")
NEAR = uris.decode_path("msrp://192.0.2.1:8000/lB;tcp")
WRONG = '_ws.malformed || _ws.expert.severity == "Error" || _ws.expert.severity == "Warning"'


def capture(messages: Iterable[bytes], path: Path) -> Path:
    """One connection to port 2855, a message in each segment."""
    talk = Talk(A, Endpoint("192.0.2.2", 2855)).opens()
    for octets in messages:
        talk.says(0, octets)
    return write(path, talk.closes().frames)


def seen(path: Path, shown: str, *fields: str) -> list[list[str]]:
    command = [need("tshark"), "-n", "-r", str(path), "-d", "tcp.port==2855,msrp", "-Y", shown, "-T", "fields"]
    command += [word for field in fields for word in ("-e", field)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return [line.split("\t") for line in done.stdout.splitlines()]


def rewritten(octets: bytes) -> bytes:
    message = wire.decode(octets)
    forward, _ = between(Leg(message.to_path, message.from_path), Leg(NEAR, FAR))
    return b"".join(event.octets for event in forward.receive_data(octets) if isinstance(event, Onward))


def test_the_stored_messages_are_messages_there_too(tmp_path):
    """Nothing malformed; transaction, method or status and both paths are what our codec reads."""
    path = capture(MESSAGES, tmp_path / "vectors.pcapng")
    assert seen(path, WRONG, "frame.number", "_ws.expert.message") == []
    found = seen(path, "msrp", *(f"msrp.{name}" for name in (
        "transaction.id", "method", "status.code", "to.path", "from.path")))
    expected = []
    for octets in MESSAGES:
        message = wire.decode(octets)
        method, status = ("", str(message.status)) if isinstance(message, Response) else (message.method, "")
        both = f"{message.transaction},{message.transaction}"  # in the start line and in the end-line
        expected.append([both, method, status, uris.encode_path(message.to_path), uris.encode_path(message.from_path)])
    assert found == expected


def test_a_rewriter_changes_what_tshark_calls_paths_and_nothing_else(tmp_path):
    fields = ("msrp.transaction.id", "msrp.method", "msrp.status.code", "msrp.messageid", "msrp.byte.range",
              "msrp.cnt.flg", "msrp.status", "msrp.content.type")
    before = capture(MESSAGES, tmp_path / "before.pcapng")
    after = capture(map(rewritten, MESSAGES), tmp_path / "after.pcapng")
    assert seen(after, WRONG, "frame.number") == []
    assert seen(after, "msrp", *fields) == seen(before, "msrp", *fields)
    for to_path, from_path, status in seen(after, "msrp", "msrp.to.path", "msrp.from.path", "msrp.status.code"):
        assert (to_path, from_path) == (uris.encode_path(FAR[:1] if status else FAR), uris.encode_path(NEAR))
