"""A call across two access edges: two contexts, two IMS-ALGs, and one core connection between the gateways."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_calls import two_edges


@pytest.mark.parametrize("ip", [4, 6])
def test_a_call_across_two_gateways_is_one_session(tmp_path: Path, ip: int):
    """Three dialogs, two contexts, three legs from the offerer's side to the answerer's; MSRP in the clear on each."""
    report = two_edges(tmp_path, ip=ip)
    (call,) = [session for session in report.sessions if session.kind == "msrp"]
    assert len(call.dialogs) == 3 and call.security == "none"
    assert [leg.name for leg in call.legs] == ["access A", "core", "access B"]
    assert [(leg.tcp_client, leg.tcp_server) for leg in call.legs] == [
        ("UE A", "IMS-AGW A"), ("IMS-AGW A", "IMS-AGW B"), ("IMS-AGW B", "UE B")]
    payloads = {report.payload(leg, "client") for leg in call.legs}
    assert len(payloads) == 1 and b"Conference floor opens" in payloads.pop()
    assert [(told.gateway, told.handling) for told in call.handlings] == [
        ("IMS-AGW A", "proxy"), ("IMS-AGW B", "proxy")]
    assert call.handling == "proxy" and not report.findings and not report.notes


def test_the_answerers_side_is_b_though_it_calls_later(tmp_path: Path):
    """Names of the legs follow the offer: when UE B calls, its side is the access A of that call."""
    from workbench.lab.scenario import at
    from workbench.nodes.orders import Call, HangUp, Register

    script = (at(0.0, "UE A", Register()), at(0.0, "UE B", Register()), at(1.0, "UE B", Call("sip:a@homea.example")),
              at(5.0, "UE B", HangUp()))
    report = two_edges(tmp_path, script=script)
    (call,) = [session for session in report.sessions if session.kind == "msrp"]
    assert [(leg.name, leg.tcp_client) for leg in call.legs] == [
        ("access A", "UE B"), ("core", "IMS-AGW B"), ("access B", "IMS-AGW A")]


@pytest.mark.parametrize("ip", [4, 6])
def test_latching_is_shown(tmp_path: Path, ip: int):
    """Behind a NAT the address in SDP is not the one that the gateway meets; in front of none it is."""
    report = two_edges(tmp_path, ip=ip, ue_a={"nat": True})
    (call,) = [session for session in report.sessions if session.kind == "msrp"]
    access, core, other = call.legs
    assert access.latched is True and core.latched is False and other.latched is False
    home, outside = ("10.0.0.10", "203.0.113.10") if ip == 4 else ("[2001:db8:4::4]", "[2001:db8:3::3]")
    assert access.signalled.startswith(f"{home}:") and access.actual.startswith(f"{outside}:")
    assert other.signalled == other.actual
    assert access.tcp_client == "UE A"
