"""Live calls through the gateways of this workbench: what the analyser says of each way to handle TCP, good or bad."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_calls import two_edges

from workbench.analysis.report import Report
from workbench.analysis.values import Session

RELAYS = {f"{kind}_{side}": settings for side in "ab" for kind, settings in (
    ("alg", {"tcp": "stateless"}), ("agw", {"stateless": "relay"}))}
MERGE = {"alg_b": {"modifies_setup": True}, "ue_b": {"nat": True, "answers": "active"}}
BAD = {"loss": 0.04, "reorder": 0.1, "duplicate": 0.05}


def call_of(report: Report) -> Session:
    (call,) = [session for session in report.sessions if session.kind == "msrp"]
    return call


@pytest.mark.parametrize("impair", [None, BAD], ids=["good", "bad"])
@pytest.mark.parametrize("ip", [4, 6])
@pytest.mark.parametrize(("settings", "told"), [
    ({}, ["proxy", "proxy"]), (RELAYS, ["relay", "relay"]),
    ({key: RELAYS[key] for key in ("alg_b", "agw_b")}, ["proxy", "relay"]),
    (MERGE, ["proxy", "merge by proxy"]),
    ({**MERGE, "ue_a": {"nat": True}, "agw_b": {"merge": "translation"}}, ["proxy", "merge by translation"]),
], ids=["proxies", "relays", "proxy-relay", "merge", "translation"])
def test_each_gateway_of_a_call_is_told(tmp_path: Path, settings: dict, told: list[str], ip: int,
                                        impair: dict[str, float] | None):
    """Handling of both gateways in one call, on good wires and bad ones; and no rule cries where nothing is wrong."""
    report = two_edges(tmp_path, ip=ip, impair=impair, seed=5, **settings)
    call = call_of(report)
    assert [one.handling for one in call.handlings] == told
    assert [leg.name for leg in call.legs] == ["access A", "core", "access B"]
    assert {finding.severity for finding in report.findings} <= ({"note"} if impair else set())


def test_a_passive_ue_behind_a_nat_is_found(tmp_path: Path):
    """Nobody modifies a=setup: the gateway would have to open towards the inside of the NAT."""
    report = two_edges(tmp_path, ue_b={"nat": True})
    (finding,) = report.findings
    assert finding.rule == "syn-into-nat" and "only behind NAT B (UE B is there)" in finding.explanation


def test_a_relayed_syn_towards_a_nat_is_found(tmp_path: Path):
    """Two relays carry UE A's SYN on to an address that exists only behind UE B's NAT."""
    report = two_edges(tmp_path, ue_b={"nat": True}, **RELAYS)
    (finding,) = report.findings
    assert finding.rule == "syn-into-nat" and "nobody answers" in finding.explanation


def test_an_illegal_answer_is_found_though_the_call_never_came_to_media(tmp_path: Path):
    """UE B insists on being active; the three dialogs are one call by their a=path."""
    report = two_edges(tmp_path, ue_b={"insists": "active"})
    assert [finding.rule for finding in report.findings] == ["setup-answer", "sip-refused"]
    assert len(call_of(report).dialogs) == 3


def test_a_refused_connection_that_is_reported_is_told_once(tmp_path: Path):
    """UE B's port is closed; its gateway says so, and everything is released (F2): the RST is all that is found."""
    report = two_edges(tmp_path, ue_b={"listens": False})
    assert [finding.rule for finding in report.findings] == ["connection-refused"]
    assert call_of(report).legs[2].tcp_server == ""


def test_delayed_establishment_avoids_the_note(tmp_path: Path):
    """UE B accepts late: the gateway's TCP takes octets for it, unless it holds its own SYN-ACK back."""
    late = {"accepts_after": 3.0}
    first = two_edges(tmp_path, ue_b=late)
    assert {finding.rule for finding in first.findings} == {"payload-before-both-up"}
    assert not two_edges(tmp_path, ue_b=late, **{f"agw_{side}": {"holds_incoming": True} for side in "ab"}).findings
