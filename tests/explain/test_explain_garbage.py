"""Whatever a capture holds, explaining it gives fields for what can be said, holes for the rest, and no error."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench import scenarios
from workbench.analysis.analyzing import analyze
from workbench.analysis.explain import coverage, explain_frame, explain_message
from workbench.analysis.pcapng import Packet, Reader, Writer, scan
from workbench.analysis.report import Report
from workbench.errors import CaptureError
from workbench.protocols.layout import uncovered


@cache
def original() -> tuple[list[Packet], str]:
    """The frames and the secrets of one run."""
    capture = scenarios.get("e2ae-msrp-originating").run(seed=1).capture
    with Reader(capture) as reader:
        return list(reader), scan(str(capture))[1]


def written(path: Path, octets: list[bytes], link: int = 101, secrets: str = "") -> Report:
    with Writer(path) as writer:
        wires = {packet.wire: writer.interface(packet.wire, link) for packet in original()[0]}
        if secrets:
            writer.secrets(secrets)
        for number, (packet, inside) in enumerate(zip(original()[0], octets, strict=False)):
            writer.packet(wires[packet.wire], number * 1_000_000, inside)
    return analyze(path)


def explain_all(report: Report) -> None:
    for number in range(1, report.packets + 1):
        explained = explain_frame(report, number)
        assert uncovered(list(explained.fields), 0, len(explained.octets)) == []  # type: ignore[arg-type]
        assert coverage(explained).explained_octets <= coverage(explained).octets
    for message in report.messages:
        explain_message(report, message)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), share=st.sampled_from([0.001, 0.01, 0.2]))
def test_spoilt_octets(tmp_path: Path, seed: int, share: float) -> None:
    """Octets changed, cut off and left out anywhere: every frame still gives fields without gaps."""
    chance = Random(seed)
    spoilt = []
    for packet in original()[0]:
        octets = bytearray(packet.octets)
        for at in range(len(octets)):
            if chance.random() < share:
                octets[at] = chance.randrange(256)
        if chance.random() < share:
            del octets[chance.randrange(len(octets)):]
        spoilt.append(bytes(octets))
    explain_all(written(tmp_path / "spoilt.pcapng", spoilt, secrets=original()[1]))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(octets=st.lists(st.binary(max_size=200), min_size=1, max_size=5),
       link=st.sampled_from([0, 1, 101, 113, 276, 999]))
def test_random_octets(tmp_path: Path, octets: list[bytes], link: int) -> None:
    """Frames of random octets, of known and unknown link types."""
    explain_all(written(tmp_path / "random.pcapng", octets, link))


def test_without_keys_the_ciphertext_is_explained(tmp_path: Path) -> None:
    """Without secrets, protected records are told as such, on Ethernet too; nothing is shown as plaintext."""
    ethernet = bytes.fromhex("020000000001020000000002 0800")
    report = written(tmp_path / "sealed.pcapng", [ethernet + packet.octets for packet in original()[0]], 1)
    for number in range(1, report.packets + 1):
        explained = explain_frame(report, number)
        assert coverage(explained).complete
        assert not any(layer.protected for layer in explained.layers)


def test_no_such_frame(tmp_path: Path) -> None:
    """A frame that is not there is a clear error."""
    report = written(tmp_path / "short.pcapng", [original()[0][0].octets])
    for number in (0, 2, -1):
        with pytest.raises(CaptureError, match="frame"):
            explain_frame(report, number)
