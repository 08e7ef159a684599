"""tshark as a second opinion on DTLS: our handshakes, repeated flights, and what is inside by the capture's secrets."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from capturing import A, B, udp, write
from dtls_pair import Pair, client, lossy, perfect, server
from programs import need

from workbench.analysis.analyzing import analyze
from workbench.analysis.files.twin import write_twin
from workbench.analysis.report import Report
from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.messages import Indicator, UdptlPacket, indication
from workbench.protocols.tls.messages import Handshake

WRONG = '_ws.malformed || _ws.expert.severity == "Error"'
CED, PREAMBLE = (ifp.encode(indication(one)) for one in (Indicator.CED, Indicator.V21_PREAMBLE))
PAGE = [udptl.encode(UdptlPacket(0, CED)), udptl.encode(UdptlPacket(1, PREAMBLE, (CED,)))]


def seen(path: Path, shown: str, *fields: str, options: tuple[str, ...] = ()) -> list[list[str]]:
    command = [need("tshark"), "-n", "-r", str(path), "-d", f"udp.port=={B.port},dtls", *options, "-Y", shown,
               "-T", "fields"]
    command += [word for field in fields for word in ("-e", field)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return [line.split("\t") for line in done.stdout.splitlines()]


def fax(path: Path, seed: int | None) -> tuple[Path, Report]:
    """A handshake, two UDPTL packets and the close, captured with its secrets."""
    pair = Pair(client(log_keys=True, mtu=400), server(mtu=400), perfect if seed is None else lossy(seed, 0.2)).shaken()
    pair.wire = perfect
    for packet in PAGE:
        pair.does(pair.client, pair.client.send(packet))
    pair.plays().does(pair.client, pair.client.close()).plays()
    frames = [udp(at, *((A, B) if ours else (B, A)), octets) for at, ours, octets in pair.frames]
    file = write(path / "dtls.pcapng", frames, secrets=pair.keylog + "\n")
    return file, analyze(file)


@pytest.mark.parametrize("seed", [None, 1, 4, 7])
def test_our_dtls_is_dtls_there_too(tmp_path: Path, seed: int | None) -> None:
    """Nothing malformed, every datagram is DTLS, and payload decrypts to the same.

    tshark calls a fragment that a repeated flight brings again malformed, and asks itself whether that is a
    retransmission: it is.
    """
    file, report = fax(tmp_path, seed)
    said = {text for _, texts in seen(file, WRONG, "frame.number", "_ws.expert.message") for text in texts.split(",")}
    assert said <= (set() if seed is None else {"New fragment overlaps old data (retransmission?)"})
    records = seen(file, "dtls", "frame.number", "dtls.record.epoch")
    assert [int(number) for number, _ in records] == list(range(1, report.packets + 1))
    data = seen(file, "dtls.app_data || data", "data.data")
    assert [octets for (octets,) in data if octets] == [packet.hex() for packet in PAGE]


def test_our_handshake_is_read_the_same(tmp_path: Path) -> None:
    """Message types and message numbers, protected Finished included, in the order of the capture."""
    file, report = fax(tmp_path, None)
    ours = [str(m.value.type) for m in report.messages if isinstance(m.value, Handshake)]
    theirs = seen(file, "dtls.handshake.type", "dtls.handshake.type", "dtls.handshake.fragment_offset",
                  "dtls.handshake.fragment_length", "dtls.handshake.length")
    found: list[str] = []
    for kinds, offsets, sizes, lengths in theirs:
        rows = zip(kinds.split(","), offsets.split(","), sizes.split(","), lengths.split(","), strict=False)
        found += [kind for kind, offset, size, length in rows if int(offset) + int(size) == int(length)]
    assert found == ours


def test_the_twin_is_a_fax_there(tmp_path: Path) -> None:
    """T.38 in clear UDP: sequence numbers and indicators."""
    _, report = fax(tmp_path, None)
    twin = tmp_path / "twin.pcapng"
    assert write_twin(report, twin) == 1
    as_fax = ("-d", f"udp.port=={B.port},t38", "-d", f"udp.port=={A.port},t38")
    assert seen(twin, WRONG, "frame.number", options=as_fax) == []
    assert [number for (number,) in seen(twin, "t38", "t38.seq_number", options=as_fax)] == ["0", "1"]
