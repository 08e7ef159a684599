"""The scenarios with IPv6: the same calls, the same verdicts; also with IPv6 on one side of the gateway only."""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from portions import one_in_three
from programs import need

from workbench import scenarios
from workbench.analysis.explain import coverage, explain_frame
from workbench.lab.scenario import Scenario
from workbench.lab.topology import Agw, Alg, Ibcf, Trgw, Ue
from workbench.lab.topology_kms import Kms
from workbench.net import packets
from workbench.nodes.ue.describing import Description
from workbench.protocols import sdp
from workbench.protocols.h248 import text as h248
from workbench.protocols.msrp import uri as msrp_uri

IDS = tuple(scenario.id for scenario in scenarios.all() if scenario.family == "e2ae TLS" and "ip" in scenario.knobs)
PLAIN = tuple(id for id in scenarios.IDS if id not in IDS)
KNOBS: tuple[dict[str, str], ...] = (
    {}, {"tls": "1.2", "tokens": "short"}, {"bearer": "msrp"}, {"tcp_active": "ue"}, {"tcp_active": "peer"})
PREFIX = int(ipaddress.IPv6Address("2001:db8::"))


def over_ipv6(value: Any) -> Any:
    """A value with each IPv4 address in it replaced by one of 2001:db8::/32 (RFC 3849)."""
    if isinstance(value, str):
        try:
            return str(ipaddress.IPv6Address(PREFIX | int(ipaddress.IPv4Address(value))))
        except ValueError:
            return value
    if isinstance(value, msgspec.Struct):
        fields = {name: over_ipv6(getattr(value, name)) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **fields)
    if isinstance(value, Mapping):
        return {key: over_ipv6(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return tuple(over_ipv6(one) for one in value)
    return value


def everywhere(id: str) -> Scenario:
    """IPv6 on every wire, behind the NAT too."""
    scenario = scenarios.get(id)
    return msgspec.structs.replace(scenario, topology=over_ipv6(scenario.topology), knobs=over_ipv6(scenario.knobs))


def on_the_access(id: str) -> Scenario:
    """IPv6 between UE, IMS-ALG and IMS-AGW; IPv4 on Iq and in the core."""
    scenario = scenarios.get(id)
    nodes = []
    for node in scenario.topology.nodes:
        match node:
            case Trgw() | Ibcf():
                changed = ()
            case Ue(registers=True) | Agw():
                changed = ("address", "proxy", "behind", "tickets") if isinstance(node, Ue) else ("access",)
            case Alg():
                changed = ("access",)
            case Kms():
                changed = ("feet",) if any(isinstance(one, Alg) for one in scenario.topology.nodes) else ()
            case _:
                changed = ()
        nodes.append(msgspec.structs.replace(node, **{name: over_ipv6(getattr(node, name)) for name in changed}))
    return msgspec.structs.replace(
        scenario, topology=msgspec.structs.replace(scenario.topology, nodes=tuple(nodes)))


def of_protocol(run: Any, protocol: str) -> list[bytes]:
    found = [message.octets for message in run.report.messages if message.protocol == protocol]
    assert found
    return found


@pytest.mark.parametrize("place", [everywhere, on_the_access])
@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("knobs", KNOBS, ids=str)
def test_a_scenario_passes_over_ipv6(id: str, knobs: dict[str, str], place: Callable[[str], Scenario], tmp_path):
    """Whatever the IP version, the verdicts hold; so they do where the gateway joins IPv6 and IPv4."""
    run = place(id).run(seed=1, out=tmp_path, **knobs)
    assert [(v.name, v.reason) for v in run.verdicts if v.verdict != "pass"] == []


@pytest.mark.parametrize(("id", "place"), one_in_three(
    pytest.param(id, place) for id in PLAIN for place in (everywhere, on_the_access)
    # A relay changes addresses and ports of a packet, not its IP version.
    if (id, place) != ("tcp-stateless-relay", on_the_access)))
def test_a_scenario_without_tls_passes_over_ipv6(id: str, place: Callable[[str], Scenario], tmp_path):
    """TCP handling and MSRP interworking are the same over IPv6, and where the gateway joins IPv6 and IPv4."""
    run = place(id).run(seed=1, out=tmp_path)
    assert [(v.name, v.reason) for v in run.verdicts if v.verdict != "pass"] == []


@pytest.mark.parametrize("id", IDS)
def test_a_nat_with_ipv6_on_both_sides_is_latched_through(id: str, tmp_path):
    """Port translation works on IPv6 packets as on IPv4 packets, and the gateway latches."""
    run = everywhere(id).run(seed=1, out=tmp_path, nat="behind")
    assert [(v.name, v.reason) for v in run.verdicts if v.verdict != "pass"] == []


@pytest.mark.parametrize("id", IDS)
def test_bad_wires_change_nothing(id: str, tmp_path):
    """5 % loss and reordering on every wire, over IPv6."""
    for seed in range(1, 6):
        run = everywhere(id).run(seed=seed, out=tmp_path, impair={"loss": 0.05, "reorder": 0.05})
        assert [(seed, v.name, v.reason) for v in run.verdicts if v.verdict != "pass"] == []


@pytest.mark.parametrize("variant", [(id, w.name) for id in IDS for w in scenarios.get(id).weakened], ids=" ".join)
def test_a_weakened_variant_breaks_what_it_names(variant: tuple[str, str], tmp_path):
    """The controls break the same expectations."""
    id, name = variant
    assert everywhere(id).run(seed=1, out=tmp_path, weakened=name).as_declared


@pytest.mark.parametrize("id", IDS)
def test_only_ipv6_is_on_the_wires(id: str, tmp_path):
    """Every packet is IPv6 with right checksums, and no IPv4 address is left in any message."""
    run = everywhere(id).run(seed=1, out=tmp_path)
    for number in range(1, run.report.packets + 1):
        ip = packets.decode_ip(run.report.frame(number).octets)
        assert ip.version == 6
        if ip.protocol == packets.TCP:
            assert packets.decode_tcp(ip).checksum_ok
        else:
            assert packets.decode_udp(ip).checksum_ok
    for octets in of_protocol(run, "SIP") + of_protocol(run, "H.248") + of_protocol(run, "MSRP"):
        assert b"IP4" not in octets
        assert not any(prefix in octets for prefix in (b"192.0.2.", b"198.51.100.", b"203.0.113."))


@pytest.mark.parametrize("id", IDS)
def test_addresses_are_written_as_each_protocol_asks(id: str, tmp_path):
    """Bare in SDP (RFC 8866 §5.7), in brackets in Via, in SIP and MSRP URIs and in H.248 message identifiers."""
    run = everywhere(id).run(seed=1, out=tmp_path)
    described = 0
    for octets in of_protocol(run, "SIP"):
        assert b"\r\nVia: SIP/2.0/UDP [2001:db8::" in octets
        body = octets.partition(b"\r\n\r\n")[2]
        if body:
            described += 1
            description = sdp.decode(body)
            media = description.media[0]
            connection = description.connection_of(media)
            assert connection is not None
            assert connection.addr_type == "IP6"
            ipaddress.IPv6Address(connection.address)
            (uri,) = msrp_uri.decode_path(media.attribute("path") or "")
            assert str(uri).partition("://")[2].startswith("[2001:db8::")
    assert described >= 4
    for octets in of_protocol(run, "H.248"):
        assert h248.decode(octets).mid in ("[2001:db8::c000:20a]:2944", "[2001:db8::c000:214]:2944")
        assert b"c=IN IP6 " in octets or b"m=" not in octets
    for octets in of_protocol(run, "MSRP"):
        assert b"To-Path: msrp" in octets
        assert b"://[2001:db8::" in octets


@pytest.mark.parametrize("id", IDS)
def test_an_address_has_many_spellings(id: str, tmp_path, monkeypatch):
    """A UE that writes its address in another way than RFC 5952 is not taken for one behind a NAT."""
    encode = Description.encode

    def long_hand(described: Description) -> bytes:
        return encode(described).replace(b"c=IN IP6 2001:db8::", b"c=IN IP6 2001:0DB8:0:0::")

    monkeypatch.setattr(Description, "encode", long_hand)
    run = everywhere(id).run(seed=1, out=tmp_path)
    assert run.passed
    assert not any(b"ipnapt/latch" in octets for octets in of_protocol(run, "H.248"))
    behind = everywhere(id).run(seed=1, out=tmp_path, nat="behind")
    assert any(b"ipnapt/latch" in octets for octets in of_protocol(behind, "H.248"))


@pytest.mark.parametrize("id", IDS)
def test_every_octet_is_explained(id: str, tmp_path):
    """Explaining knows the IPv6 header, and addresses in brackets."""
    report = everywhere(id).run(seed=1, out=tmp_path).report
    missing = {
        (number, name) for number in range(1, report.packets + 1)
        for _, _, name in coverage(explain_frame(report, number)).unexplained}
    assert missing == set()


@pytest.mark.parametrize("id", IDS)
def test_tshark_finds_nothing_wrong(id: str, tmp_path):
    """No malformed frame and no expert error, in the capture and in its twin; Finished messages are decrypted."""
    tshark = need("tshark")
    run = everywhere(id).run(seed=1, out=tmp_path)

    def frames(path, shown: str) -> list[str]:
        command = [tshark, "-n", "-r", str(path), "-Y", shown]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()

    for path in (run.capture, run.twin):
        assert frames(path, '_ws.malformed || _ws.expert.severity == "Error"') == []
    assert len(frames(run.capture, "ipv6")) == run.report.packets
    assert len(frames(run.capture, "tls.handshake.type == 20")) == 2
    assert len(frames(run.twin, "msrp")) > len(frames(run.capture, "msrp"))


@pytest.mark.parametrize("id", ["ix-e2e-msrp", "ix-e2e-bfcp"])
def test_a_border_over_ipv6_joins_networks_over_ipv4(id: str, tmp_path):
    """TrGWs join two IP versions; on the border's wire there is no IPv4, on all others no IPv6."""
    report = scenarios.get(id).run(seed=1, out=tmp_path, border="6").report
    found: dict[str, set[int]] = {}
    for number in range(1, report.packets + 1):
        frame = report.frame(number)
        found.setdefault(frame.wire, set()).add(packets.decode_ip(frame.octets).version)
    assert found == {wire: {6 if wire == "Border" else 4} for wire in found} and "Border" in found
