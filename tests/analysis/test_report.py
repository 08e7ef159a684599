"""The report of a lab run's capture: what is joined, who is who, and what the JSON says."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from capturing import Packet, edited
from programs import need

from workbench import scenarios
from workbench.analysis.analyzing import analyze
from workbench.analysis.files.twin import write_twin
from workbench.analysis.pcapng import Reader, scan
from workbench.analysis.report import Report
from workbench.errors import CaptureError

IDS = ("e2ae-msrp-originating", "e2ae-msrp-terminating")


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A capture of each scenario, also behind a NAT, and with TLS 1.2."""
    found = {}
    for id in IDS:
        for name, knobs in (("", {}), ("/nat", {"nat": "behind"}), ("/1.2", {"tls": "1.2"})):
            run = scenarios.get(id).start(seed=7, out=tmp_path_factory.mktemp("run"), **knobs).finish()
            found[id + name] = run.capture
    return found


def call_of(report: Report):
    (call,) = [session for session in report.sessions if session.kind == "msrp"]
    return call


@pytest.mark.parametrize("id", [i + n for i in IDS for n in ("", "/nat", "/1.2")])
def test_a_call_is_joined_from_both_dialogs_the_context_and_both_connections(captures, id: str):
    """Two Call-IDs, one context, an access leg and a core leg, with roles and certificates."""
    report = analyze(captures[id])
    call = call_of(report)
    assert len(call.dialogs) == 2 and call.context is not None and call.security == "e2ae"
    access, core = call.legs
    assert (access.name, core.name) == ("access", "core")
    assert access.transport == "TCP/TLS/MSRP" and core.transport == "TCP/MSRP"
    assert access.bearer == "TCP/TLS" and core.bearer == "TCP"
    assert access.tls_client == access.tcp_client and not core.tls_client
    assert access.decrypted and access.tls_version == ("TLS 1.2" if id.endswith("1.2") else "TLS 1.3")
    assert [certificate.matches for certificate in access.certificates] == [True, True]
    assert {certificate.owner for certificate in access.certificates} == {access.tcp_client, access.tcp_server}
    assert access.opened < access.established < access.closed
    assert [session.kind for session in report.sessions] == ["registration", "msrp", "control"]
    assert all(message.session for message in report.messages)
    assert not report.findings and not report.notes
    assert not [message.error for message in report.messages if message.error]


@pytest.mark.parametrize("id", [i + n for i in IDS for n in ("", "/nat", "/1.2")])
def test_what_goes_in_comes_out(captures, id: str):
    """Payload of a leg by sender: the two legs carry the same octets, and it is MSRP."""
    report = analyze(captures[id])
    access, core = call_of(report).legs
    for sender, other in ((access, core), (core, access)):
        end = ({sender.tcp_client, sender.tcp_server} - {"IMS-AGW"}).pop()
        said = report.payload(sender, sender=end)
        assert said.startswith(b"MSRP ")
        assert said == report.payload(other, sender="IMS-AGW")
    assert report.payload(access, "client") == report.payload(access, sender=access.tcp_client)
    assert report.payload(access, sender="nobody") == b""


def test_a_nat_is_recognised_and_its_two_sides_are_one_connection(captures):
    """The UE's connection appears on two wires; the leg is the gateway's, its client is the UE itself."""
    report = analyze(captures["e2ae-msrp-originating/nat"])
    access = call_of(report).legs[0]
    assert (access.wire, access.tcp_client) == ("UE A access", "UE A")
    assert {node.kind for node in report.nodes} == {"UE", "NAT", "IMS-ALG", "IMS-AGW", "peer"}
    assert {message.wire for message in report.messages if message.summary == "SYN"} == {
        "UE A home", "UE A access", "Core"}


def test_without_names_nodes_are_told_by_behaviour(captures, tmp_path: Path):
    """No name block: who controls, who registers, whose media addresses these are, who rewrites addresses."""
    path = edited(captures["e2ae-msrp-originating/nat"], tmp_path / "a.pcapng", lambda packets: packets, names=False)
    report = analyze(path)
    kinds = {address: node.kind for node in report.nodes for address in node.addresses}
    assert kinds == {"192.0.2.20": "IMS-AGW", "198.51.100.1": "IMS-AGW", "192.0.2.129": "IMS-AGW",
                     "192.0.2.10": "IMS-ALG", "198.51.100.5": "IMS-ALG", "192.0.2.130": "IMS-ALG",
                     "10.0.0.10": "UE", "203.0.113.10": "NAT", "192.0.2.200": "peer"}
    assert report.names("198.51.100.1") == "IMS-AGW 192.0.2.20"
    assert not any(node.named for node in report.nodes)
    assert report.scenario.id == "e2ae-msrp-originating" and not report.findings


@pytest.mark.parametrize(("id", "knobs", "kinds"), [
    ("ix-e2e-msrp", {"nat": "none"}, {
        "192.0.2.193": "IMS-AGW", "192.0.2.192": "IMS-ALG", "192.0.2.197": "TrGW", "192.0.2.70": "TrGW",
        "192.0.2.196": "IBCF", "192.0.2.65": "IBCF", "192.0.2.201": "TrGW", "192.0.2.200": "IBCF"}),
    ("mp-tcp-conference", {"setup": "passive"}, {
        "192.0.2.40": "MRFP", "192.0.2.160": "MRFP", "192.0.2.30": "MRFC", "192.0.2.150": "MRFC"})])
def test_nodes_at_a_border_and_of_a_conference_are_told_by_behaviour(
    id: str, knobs: dict[str, str], kinds: dict[str, str], tmp_path: Path,
):
    """A gateway with a side at a border is a TrGW, one at which calls end an MRFP; their controllers go by that."""
    run = scenarios.get(id).run(seed=1, out=tmp_path, **knobs)
    report = analyze(edited(run.capture, tmp_path / "a.pcapng", lambda packets: packets, names=False))
    told = {address: node.kind for node in report.nodes for address in node.addresses}
    assert {address: told[address] for address in kinds} == kinds


@pytest.mark.parametrize("id", IDS)
def test_each_scenario_is_recognised_as_itself(captures, id: str):
    """Every mark of the call flow is there, and none deviates."""
    for name in ("", "/nat", "/1.2"):
        match = analyze(captures[id + name]).scenario
        assert (match.id, match.score, match.deviations) == (id, 1.0, ())


def test_without_keys_tls_stays_closed_and_says_so(captures, tmp_path: Path):
    """No secrets: no MSRP on the access leg, application data named as not readable; a key log file opens it."""
    source = captures["e2ae-msrp-originating"]
    path = edited(source, tmp_path / "a.pcapng", lambda packets: packets)
    octets = path.read_bytes()
    names, secrets = scan(source)
    assert secrets
    from workbench.analysis.pcapng import Writer

    with Reader(source) as reader, Writer(tmp_path / "b.pcapng") as writer:
        writer.names(names)
        ids = {}
        for packet in reader:
            if packet.wire not in ids:
                ids[packet.wire] = writer.interface(packet.wire, packet.link)
            writer.packet(ids[packet.wire], packet.time_ns, packet.octets)
    assert octets != (tmp_path / "b.pcapng").read_bytes()
    closed = analyze(tmp_path / "b.pcapng")
    access = call_of(closed).legs[0]
    assert not access.decrypted and access.certificates == () and closed.payload(access, "client") == b""
    assert closed.select("TLS", summary="Application Data")[0].summary.endswith("not readable: no key)")
    assert not closed.select("MSRP", protected=True)
    (tmp_path / "keys.txt").write_text(secrets)
    opened = analyze(tmp_path / "b.pcapng", keylog=tmp_path / "keys.txt")
    assert opened.select("MSRP", protected=True) and call_of(opened).legs[0].decrypted
    with pytest.raises(CaptureError):
        analyze(source, keylog=tmp_path / "none.txt")


def test_select_and_frame(captures):
    """Messages by protocol, wire, ends and beginning; a frame with what it carries."""
    report = analyze(captures["e2ae-msrp-originating"])
    (invite,) = report.select("SIP", wire="Core", summary="INVITE")
    assert invite.source.node == "IMS-ALG" and "offer TCP/MSRP" in invite.summary
    assert [m.summary for m in report.select("H.248", source="IMS-AGW", summary="Reply 1001")] == [
        "Reply 1001: Add ip/1/core/1 in 1"]
    view = report.frame(invite.frames[0])
    assert view.messages == (invite,) and view.octets.endswith(invite.octets) and view.wire == "Core"
    for number in (0, report.packets + 1):
        with pytest.raises(CaptureError):
            report.frame(number)


def test_the_json_form_is_the_contract(captures):
    """The keys that the design promises, and only plain values."""
    document = json.loads(json.dumps(analyze(captures["e2ae-msrp-terminating"]).to_json()))
    assert {"capture", "packets", "nodes", "sessions", "messages", "findings", "scenario"} <= set(document)
    assert {"id", "kind", "legs", "security", "roles", "frames"} <= set(document["sessions"][0])
    assert set(document["messages"][0]) == {
        "frame", "time", "protocol", "source", "destination", "summary", "session"}
    assert set(document["scenario"]) == {"id", "score", "deviations", "also"}
    assert "CLIENT_" not in json.dumps(document)


def test_frames_are_a_data_frame(captures):
    """One row a message."""
    report = analyze(captures["e2ae-msrp-originating"])
    table = report.frames()
    assert table.height == len(report.messages)
    assert table.filter(table["protocol"] == "MSRP").height == len(report.select("MSRP"))


def test_a_capture_in_another_order_of_frames_still_reads(captures, tmp_path: Path):
    """Neighbouring frames swapped: no message is lost."""
    def swapped(packets: list[Packet]) -> list[Packet]:
        for at in range(0, len(packets) - 1, 2):
            packets[at], packets[at + 1] = packets[at + 1], packets[at]
        return packets

    source = captures["e2ae-msrp-originating"]
    before, after = analyze(source), analyze(edited(source, tmp_path / "a.pcapng", swapped))
    assert sorted(m.summary for m in after.messages if m.protocol in ("SIP", "H.248")) == sorted(
        m.summary for m in before.messages if m.protocol in ("SIP", "H.248"))


def test_it_is_fast(captures):
    """A scenario's capture takes well under the 0.2 s that a notebook waits for."""
    analyze(captures["e2ae-msrp-originating"])
    began = time.process_time()
    analyze(captures["e2ae-msrp-originating/nat"])
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize("id", [i + n for i in IDS for n in ("", "/nat", "/1.2")])
def test_tshark_reads_msrp_in_the_twin(captures, id: str, tmp_path: Path):
    """The decrypted twin: every MSRP message, no TLS, nothing malformed, no sequence trouble."""
    report = analyze(captures[id])
    twin = tmp_path / "twin.pcapng"
    assert write_twin(report, twin) == (2 if id.endswith("nat") else 1)

    def frames(wanted: str) -> list[str]:
        return subprocess.run([need("tshark"), "-r", twin, "-Y", wanted], capture_output=True, text=True,
                              check=True).stdout.splitlines()

    assert len(frames("msrp")) == len(report.select("MSRP"))
    assert frames("tls || _ws.malformed || _ws.expert.severity >= 0x600000 || tcp.analysis.flags") == []
    again = analyze(twin)
    assert [m.octets for m in again.select("MSRP")] == [m.octets for m in report.select("MSRP")]
    assert [m.summary for m in again.select("SIP")] == [m.summary for m in report.select("SIP")]
