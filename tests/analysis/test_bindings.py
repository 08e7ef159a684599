"""NAT bindings come from matching the two sides of a NAT, for TCP and UDP, and say what they show of its behaviour."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import Talk, sip, udp, write
from live_calls import two_edges

from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.net.values import Endpoint

INSIDE = Endpoint("10.0.0.10", 5060)
OUTSIDE = Endpoint("203.0.113.10", 5060)
SERVER = Endpoint("192.0.2.5", 5060)


def told(report: Report) -> list[tuple[str, str, str, str, str]]:
    return [(one.nat, one.protocol, f"{one.inside.address}:{one.inside.port}",
             f"{one.outside.address}:{one.outside.port}", one.remote.node) for one in report.bindings.all]


@pytest.mark.parametrize("ip", [4, 6])
@pytest.mark.parametrize("impair", [None, {"loss": 0.05, "reorder": 0.1, "duplicate": 0.1}], ids=["good", "bad"])
def test_bindings_of_both_protocols_belong_to_the_call(tmp_path: Path, ip: int, impair: dict[str, float] | None):
    """A UE behind a NAT: one binding for SIP (UDP), one for MSRP (TCP), in the call that uses them; UE B has none."""
    report = two_edges(tmp_path, ip=ip, ue_a={"nat": True}, impair=impair)
    inside, outside = ("10.0.0.10", "203.0.113.10") if ip == 4 else ("2001:db8:4::4", "2001:db8:3::3")
    (call,) = [session for session in report.sessions if session.kind == "msrp"]
    found = {one.protocol: one for one in call.bindings}
    assert sorted(found) == ["TCP", "UDP"] and len(call.bindings) == 2
    for one in found.values():
        assert (one.nat, one.inside.node, one.inside.address, one.outside.address) == (
            "NAT A", "UE A", inside, outside)
    assert (found["TCP"].remote.node, found["UDP"].remote.node) == ("IMS-AGW A", "IMS-ALG A")
    of_a, of_b = [session for session in report.sessions if session.kind == "registration"]
    assert [one.protocol for one in of_a.bindings] == ["UDP"] and of_b.bindings == ()
    assert set(found["TCP"].frames) <= set(call.frames)


def test_two_nats_in_a_row_are_two_bindings(tmp_path: Path):
    """Inside of the outer one is the outside of the inner one."""
    middle = Endpoint("100.64.0.7", 6000)
    server = Endpoint("192.0.2.9", 40000)
    frames = [frame for wire, client, late in (("home", INSIDE, 0.0), ("provider", middle, 0.0002),
                                               ("net", OUTSIDE, 0.0004))
              for frame in Talk(client, server, wire).opens(at=late).says(0, b"MSRP a SEND\r\n").frames]
    report = analyze(write(tmp_path / "a.pcapng", sorted(frames)))
    assert [(one.inside.address, one.outside.address) for one in report.bindings.all] == [
        ("10.0.0.10", "100.64.0.7"), ("100.64.0.7", "203.0.113.10")]


def test_a_server_behind_a_nat(tmp_path: Path):
    """The connection comes from outside: what its server sends is first seen inside."""
    client = Endpoint("192.0.2.9", 40000)
    out, home = Talk(client, OUTSIDE, "net"), Talk(client, INSIDE, "home")
    for talk, times in ((out, (0.0, 0.03, 0.04)), (home, (0.01, 0.02, 0.05))):
        for who, flags, time in zip((0, 1, 0), (2, 18, 16), times, strict=True):
            talk.put(who, flags, at=time)
    (found,) = analyze(write(tmp_path / "a.pcapng", sorted(out.frames + home.frames))).bindings.all
    assert (found.inside.address, found.outside.address) == (INSIDE.host, OUTSIDE.host)


def test_equal_words_of_two_senders_are_no_nat(tmp_path: Path):
    """Two hosts that send the same to a group, or the same short keep-alive, on two wires; a relay that changes both
    ends; and the same long after."""
    group, other = Endpoint("239.255.255.250", 1900), Endpoint("10.0.0.11", 5060)
    search = b"M-SEARCH * HTTP/1.1 and so on, always the same"
    frames = [udp(0.0, INSIDE, group, search, "one"), udp(0.1, other, group, search, "two"),
              udp(0.2, INSIDE, SERVER, b"\r\n\r\n", "one"), udp(0.3, other, SERVER, b"\r\n\r\n", "two"),
              udp(0.4, INSIDE, SERVER, b"a packet of some media", "one"),
              udp(0.5, OUTSIDE, group, b"a packet of some media", "two"),
              udp(1.0, INSIDE, SERVER, b"words that are said again much later", "one"),
              udp(9.0, other, SERVER, b"words that are said again much later", "two")]
    assert analyze(write(tmp_path / "a.pcapng", frames)).bindings.all == ()


@pytest.mark.parametrize(("remote", "outside", "mapping"), [
    (Endpoint("192.0.2.6", 5060), OUTSIDE, "endpoint-independent"),
    (Endpoint("192.0.2.5", 5062), OUTSIDE, "endpoint-independent or address-dependent"),
    (Endpoint("192.0.2.5", 5062), Endpoint(OUTSIDE.host, 50001), "address-and-port-dependent"),
    (Endpoint("192.0.2.6", 5060), Endpoint(OUTSIDE.host, 50001), "address-dependent or address-and-port-dependent"),
])
def test_mapping_behaviour_is_told_as_far_as_it_shows(tmp_path: Path, remote: Endpoint, outside: Endpoint,
                                                      mapping: str):
    """One inside endpoint towards two remote ones (RFC 4787 §4.1)."""
    frames = []
    for number, (far, seen) in enumerate(((SERVER, OUTSIDE), (remote, outside))):
        words = sip("OPTIONS sip:b@home2.example SIP/2.0", f"c{number}", "OPTIONS")
        frames += [udp(number, INSIDE, far, words, "home"), udp(number + 0.01, seen, far, words, "net")]
    report = analyze(write(tmp_path / "a.pcapng", frames))
    (shown,) = report.nats
    assert (shown.protocol, shown.behaviour, shown.kind) == ("UDP", "mapping", mapping) and shown.frames == (1, 3)
    assert str(INSIDE.port) in shown.why and remote.host in shown.why
    assert analyze(write(tmp_path / "b.pcapng", frames[:2])).nats == ()


@pytest.mark.parametrize(("known_host", "passes", "kind"), [
    (False, True, "endpoint-independent"), (True, True, "endpoint-independent or address-dependent"),
    (True, False, "address-and-port-dependent"), (False, False, "address-dependent or address-and-port-dependent")])
def test_filtering_behaviour_is_told_as_far_as_it_shows(tmp_path: Path, known_host: bool, passes: bool, kind: str):
    """A connection from outside to an endpoint that the inside used before, from the same host or another one."""
    server = Endpoint("192.0.2.9", 40000)
    frames = [frame for wire, client, late in (("home", INSIDE, 0.0), ("net", OUTSIDE, 0.0002))
              for frame in Talk(client, server, wire).opens(at=late).frames]
    stranger = Endpoint("192.0.2.9" if known_host else "192.0.2.77", 41111)
    frames += Talk(stranger, OUTSIDE, "net", (70, 80)).put(0, 2, at=1.0).frames
    if passes:
        frames += Talk(stranger, INSIDE, "home", (70, 80)).put(0, 2, at=1.01).frames
    (shown,) = analyze(write(tmp_path / "a.pcapng", sorted(frames))).nats
    assert (shown.protocol, shown.behaviour, shown.kind) == ("TCP", "filtering", kind)
    assert ("let in" if passes else "never appears") in shown.why and shown.frames[0] < shown.frames[1]
