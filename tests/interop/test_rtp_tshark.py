"""tshark reads our RTP: it finds it by the same SDP, and reads the same fields."""

from __future__ import annotations

import subprocess

from programs import need

from workbench import scenarios
from workbench.protocols.rtp.messages import RtpPacket

FIELDS = ("frame.number", "rtp.p_type", "rtp.marker", "rtp.seq", "rtp.timestamp", "rtp.ssrc")


def test_tshark_reads_the_sound_of_a_call(tmp_path):
    """Every packet of a call that turns into a fax: number, payload type, marker, sequence, timestamp and source."""
    run = scenarios.get("t38-dtls-switch").run(seed=1, out=tmp_path)
    command = [need("tshark"), "-n", "-r", str(run.capture), "-Y", "rtp && !icmp", "-T", "fields"]
    command += [word for field in FIELDS for word in ("-e", field)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    theirs = [tuple(_number(word) for word in line.split("\t")) for line in told.splitlines()]
    ours = [(message.frames[0], one.payload_type, int(one.marker), one.sequence, one.timestamp, one.ssrc)
            for message in run.report.messages if isinstance(one := message.value, RtpPacket)]
    assert len(ours) > 80
    assert theirs == sorted(ours)


def _number(word: str) -> int:
    return {"True": 1, "False": 0}[word] if word in ("True", "False") else int(word, 0)
