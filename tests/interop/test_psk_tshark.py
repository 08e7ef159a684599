"""tshark as a second opinion on TLS-PSK: names of keys, and payload behind the key log in our captures."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from capturing import write
from programs import need
from psk_sessions import TEK, Recorded

from workbench.analysis.analyzing import analyze


@pytest.mark.parametrize(("version", "suite"), [
    ("1.2", "PSK-AES128-GCM-SHA256"), ("1.2", "PSK-AES128-CBC-SHA256"), ("1.2", "PSK-AES128-CBC-SHA"), ("1.3", "")])
def test_tshark_reads_the_same_name_and_payload(tmp_path: Path, version: str, suite: str):
    """Identity and payload are what our analyser reads in the same file."""
    session = Recorded.keyed(version, suite, hint=b"mrfp").say(0, b"hello").say(1, b"and back")
    path = write(tmp_path / "a.pcapng", session.talk().frames, secrets=session.keylog)
    field = "tls.handshake.identity" if version == "1.2" else "tls.handshake.extensions.psk.identity.identity"
    done = subprocess.run(
        [need("tshark"), "-n", "-r", str(path), "-d", f"tcp.port=={session.talk().ends[1].port},tls", "-Y", "tls",
         "-T", "fields", "-e", field, "-e", "data.data", "-e", "_ws.malformed"],
        capture_output=True, text=True, check=True, timeout=120)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [bytes.fromhex(row[0]) for row in rows if row[0]] == [TEK.identity]
    payload = [bytes.fromhex(row[1]) for row in rows if row[1]]
    assert payload == [b"hello", b"and back"]
    assert not any(row[2] for row in rows)
    report = analyze(path)
    (leg,) = report.sessions[0].legs
    assert leg.psk_identity == "ticket-cs-1"
    assert [report.payload(leg, side) for side in ("client", "server")] == payload
