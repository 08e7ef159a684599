"""What a gateway does with TCP is told from packets alone, and only where they tell it."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import Packet, edited
from gateways_in_between import Box

from workbench.analysis.analyzing import analyze
from workbench.analysis.flows import payload_of
from workbench.analysis.report import Report
from workbench.analysis.values import Session
from workbench.net.packets import TCP, decode_tcp

KINDS = [("relay", False, "relay"), ("proxy", False, "proxy"), ("proxy", True, "merge by proxy"),
         ("translation", True, "merge by translation")]
BAD_WIRES = [{}, {"loss": 0.05}, {"reorder": 0.2}, {"duplicate": 0.2}, {"loss": 0.05, "reorder": 0.1, "jitter": 0.01}]


def call_of(report: Report) -> Session:
    (call,) = [session for session in report.sessions if session.kind != "control"]
    return call


@pytest.mark.parametrize("ip", [4, 6])
@pytest.mark.parametrize("bad", BAD_WIRES, ids=lambda bad: ",".join(bad) or "good")
@pytest.mark.parametrize(("kind", "merging", "expected"), KINDS)
def test_each_kind_is_told_whatever_the_wires_do(tmp_path: Path, kind: str, merging: bool, expected: str,
                                                 bad: dict[str, float], ip: int):
    """Relay, proxy, merge by proxy and by translation, with loss, reordering, duplicates and jitter; with evidence."""
    for seed in (1, 2, 3):
        call = call_of(Box(kind, ip=ip, merging=merging).run(tmp_path, seed=seed, **bad))
        assert call.handling == expected, (seed, call.handlings)
        (told,) = call.handlings
        assert told.gateway == "GW" and told.frames and told.why


@pytest.mark.parametrize("kind", ["proxy", "translation"])
def test_data_before_the_join_does_not_matter(tmp_path: Path, kind: str):
    """A speaks while B is not there yet: how the gateway joins them is told all the same."""
    report = Box(kind, merging=True, early=True).run(tmp_path)
    assert call_of(report).handling == f"merge by {kind}"


def test_ends_of_a_relayed_connection_are_the_peers(tmp_path: Path):
    """On both legs of a relay the TCP client is A and the server is B; a proxy is server on one and client on one."""
    relay = call_of(Box("relay").run(tmp_path))
    assert [(leg.name, leg.tcp_client, leg.tcp_server) for leg in relay.legs] == [
        ("access", "A", "B"), ("core", "A", "B")]
    assert "GW" not in {node for node, roles in relay.roles.items() if "TCP client" in roles or "TCP server" in roles}
    proxy = call_of(Box("proxy").run(tmp_path))
    assert [(leg.tcp_client, leg.tcp_server) for leg in proxy.legs] == [("A", "GW"), ("GW", "B")]
    merge = call_of(Box("translation", merging=True).run(tmp_path))
    assert [(leg.tcp_client, leg.tcp_server) for leg in merge.legs] == [("A", "GW"), ("B", "GW")]


def test_a_relay_is_seen_without_any_control(tmp_path: Path):
    """No H.248, no names: the same numbers between four addresses are a relay."""
    report = Box("relay").run(tmp_path, control=False, names=False)
    assert {content.connection.streams[0].initial for content in report.contents} == {
        report.contents[0].connection.streams[0].initial}
    from workbench.analysis.calls.handling import relayed
    from workbench.analysis.calls.spans import find_spans

    told = relayed(find_spans(report.contents))
    assert told is not None and told.handling == "relay" and len(told.frames) == 2


@pytest.mark.parametrize(("kind", "merging"), [(kind, merging) for kind, merging, _ in KINDS if merging])
def test_nothing_is_claimed_of_a_merge_where_nothing_passed(tmp_path: Path, kind: str, merging: bool):
    """Only the two handshakes in the capture: by what means they are joined can't be told, and it says why."""
    def handshakes(packets: list[Packet]) -> list[Packet]:
        kept, seen = [], 0
        for packet in packets:
            ip = payload_of(packet)
            if ip is not None and ip.protocol == TCP:
                seen += 1
                if seen > 6 or decode_tcp(ip).payload:
                    continue
            kept.append(packet)
        return kept

    whole = Box(kind, merging=merging).run(tmp_path)
    call = call_of(analyze(edited(Path(whole.capture), tmp_path / "cut.pcapng", handshakes)))
    assert call.handling == "" and "too little to tell" in call.handlings[0].why


def test_one_leg_alone_tells_nothing(tmp_path: Path):
    """The core leg is not in the capture."""
    whole = Box("relay").run(tmp_path)
    call = call_of(analyze(edited(Path(whole.capture), tmp_path / "cut.pcapng",
                                  lambda packets: [p for p in packets if p.wire != "Core"])))
    assert (call.handling, call.handlings[0].why) == ("", "a connection was seen on one leg only")


def test_a_segment_that_the_capture_lacks_makes_no_proxy(tmp_path: Path):
    """Frames lost by the capture, not by the wire: a merge by translation is still told, or nothing is claimed."""
    whole = Box("translation", merging=True, says=40).run(tmp_path)
    for missing in range(20, 60, 5):
        path = edited(Path(whole.capture), tmp_path / "cut.pcapng",
                      lambda packets, missing=missing: packets[:missing] + packets[missing + 1 :])
        assert call_of(analyze(path)).handling in ("merge by translation", "")
