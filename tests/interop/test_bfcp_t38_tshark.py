"""tshark as a second opinion on BFCP over TCP, and on a recorded fax as our sender carries it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from capturing import A, Talk, edited, udp, write
from programs import need

from workbench.analysis.analyzing import analyze
from workbench.analysis.files.twin import write_twin
from workbench.analysis.report import Report
from workbench.lab.scenario import Scenario
from workbench.net.values import Endpoint
from workbench.protocols.bfcp import wire
from workbench.protocols.bfcp.messages import RELIABLE, walk
from workbench.protocols.bfcp.registry import Kind
from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.machine import Correction, Sender
from workbench.protocols.t38.recorded import NAMES, load
from workbench.protocols.t38.t30 import FrameReader
from workbench.scenarios import fax_edge

VECTORS = Path(__file__).parents[1] / "vectors" / "bfcp"
WRONG = '_ws.malformed || _ws.expert.severity == "Error" || _ws.expert.severity == "Warning"'
ENDS = {"caller": (Endpoint("192.0.2.1", 5004), Endpoint("192.0.2.2", 5006)),
        "called": (Endpoint("192.0.2.2", 5006), Endpoint("192.0.2.1", 5004))}


def seen(path: Path, shown: str, options: list[str], *fields: str) -> list[list[str]]:
    command = [need("tshark"), "-n", "-r", str(path), *options, "-Y", shown, "-T", "fields"]
    command += [word for field in fields for word in ("-e", field)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_bfcp_over_tcp_is_bfcp_there_too(tmp_path: Path) -> None:
    """Nothing malformed; ids, floors and states are what our codec reads.

    tshark 4.0 looks for version 1 only, and has names of a draft for the primitives above 13, so numbers are compared.
    """
    messages = [wire.decode(bytes.fromhex(path.read_text())) for path in sorted(VECTORS.glob("*.hex"))]
    reliable = [one for one in messages if one.version == RELIABLE]
    talk = Talk(A, Endpoint("192.0.2.2", 5070)).opens()
    for one in reliable:
        talk.says(0, wire.encode(one))
    path = write(tmp_path / "bfcp.pcapng", talk.closes().frames)
    options = ["--enable-heuristic", "bfcp_tcp"]
    assert seen(path, WRONG, options, "frame.number") == []
    names = ("primitive", "conference_id", "transaction_id", "user_id", "floor_id", "request_status")
    found = seen(path, "bfcp", options, *(f"bfcp.{name}" for name in names))
    expected = []
    for one in reliable:
        attributes = list(walk(one.attributes))
        floors = [str(each.value) if isinstance(each.value, int) else str(getattr(each.value, "number", ""))
                  for each in attributes if each.kind in (Kind.FLOOR_ID, Kind.FLOOR_REQUEST_STATUS)]
        states = [str(int(each.value.status)) for each in attributes if each.kind == Kind.REQUEST_STATUS]
        numbers = (one.primitive, one.conference, one.transaction, one.user)
        expected.append([*map(str, numbers), ",".join(floors), ",".join(states)])
    assert found == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("correction", Correction)
def test_a_fax_is_a_fax_there_too(tmp_path: Path, name: str, correction: Correction) -> None:
    """0 malformed frames; sequence numbers, primary packets and the names of T.30 frames are what our decoders say."""
    call = load(name)
    senders = {end: Sender(correction, max_datagram=1400) for end in ENDS}
    sent = [(one, senders[one.sender].send(one.octets)) for one in call.packets]
    path = write(tmp_path / "fax.pcapng", [udp(one.time, *ENDS[one.sender], octets) for one, octets in sent])
    layout = "TRUE" if call.version == 0 else "FALSE"
    options = ["-d", "udp.port==5004,t38", "-o", f"t38.use_pre_corrigendum_asn1_specification:{layout}"]
    assert seen(path, WRONG, options, "frame.number", "_ws.col.Info") == []
    found = seen(path, "t38", options, "t38.seq_number", "t38.t30_indicator", "t38.t30_data", "_ws.col.Info")
    readers = {end: FrameReader() for end in ENDS}
    assert len(found) == len(sent)
    for (one, octets), (number, indicator, kind, info) in zip(sent, found, strict=True):
        packet = ifp.decode(one.octets, call.version)
        assert int(number) == udptl.decode(octets).sequence
        said = indicator if packet.indicator is not None else kind
        assert int(said.split(",")[0]) == (packet.indicator if packet.indicator is not None else packet.data)
        names = [frame.name for frame in readers[one.sender].receive(packet)]
        theirs = re.findall(r"HDLC Reassembled: ([A-Z]+)", info)
        assert [each.split("-")[0] for each in names] == theirs


def through_the_gateway(path: Path, loss: float) -> Report:
    """A page of one line from UE A: DTLS on the access leg, which may lose datagrams, and clear UDPTL in the core."""
    scenario = Scenario("fax", "a fax", "test", (), (), "", fax_edge.topology(), {},
                        fax_edge.fax_script(fax_edge.A, fax=10.0, hang_up=35.0), (), (), until=50.0)
    impair = {fax_edge.ACCESS: {"loss": loss}} if loss else {}
    return scenario.run(seed=1, out=path, impair=impair).report


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_the_twin_of_a_fax_is_a_fax_on_both_legs(tmp_path: Path, loss: float) -> None:
    """Read back it gives the same messages; tshark finds nothing malformed, and the same packets in the same frames.

    A terminal has what is important sent three times. tshark puts T.30 frames together without looking at sequence
    numbers, and calls the copies of a frame's end malformed: without the copies it finds nothing.
    """
    report = through_the_gateway(tmp_path, loss)
    twin_file = tmp_path / "twin.pcapng"
    assert write_twin(report, twin_file) == 1
    twin = analyze(twin_file)

    def said(one: Report) -> list[tuple[object, ...]]:
        return [(m.wire, str(m.source), str(m.destination), m.summary, m.octets, m.repeated, m.session)
                for m in one.messages if m.protocol == "UDPTL"]

    assert said(twin) == said(report)
    assert {m.protected for m in twin.messages if m.protocol == "UDPTL"} == {False}
    assert not [m for m in twin.messages if m.protocol in ("DTLS", "unknown")]
    ports = {m.source.port for m in twin.messages if m.protocol == "UDPTL"}
    options = [word for port in sorted(ports) for word in ("-d", f"udp.port=={port},t38")]
    options += ["-o", "t38.use_pre_corrigendum_asn1_specification:TRUE"]     # the recording is of version 0
    wrong = '_ws.malformed || _ws.expert.severity == "Error"'
    copies = {m.frames[0] for m in twin.messages if m.protocol == "UDPTL" and m.repeated}
    assert {int(number) for number, in seen(twin_file, wrong, options, "frame.number")} <= copies
    once = edited(twin_file, tmp_path / "once.pcapng", lambda all: [one for one in all if one.number not in copies])
    assert seen(once, wrong, options, "frame.number") == []
    found = seen(twin_file, "t38 && !icmp", options, "frame.number", "t38.seq_number")
    assert [(int(frame), int(number)) for frame, number in found] == [
        (m.frames[0], m.value.sequence) for m in twin.messages if m.protocol == "UDPTL"]
