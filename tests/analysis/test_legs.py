"""What is said of a leg whose connection was refused, or never came."""

from __future__ import annotations

from pathlib import Path

from workbench import scenarios
from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.analysis.values import Session

ID = "tcp-merge-terminating"


def call_of(report: Report) -> Session:
    (call,) = [session for session in report.sessions if session.kind == "msrp"]
    return call


def test_a_refused_connection_is_not_latched(tmp_path: Path):
    """UE B's first connection from its NAT is taken; to the second one the gateway sends RST and nothing else."""
    call = call_of(analyze(scenarios.get(ID).run(out=tmp_path).capture))
    first, second = (leg for leg in call.legs if leg.name == "access")
    assert (first.tcp_server, first.latched) == ("IMS-AGW", True)
    assert (second.tcp_server, second.latched) == ("", None) and second.actual.startswith("203.0.113.10:")


def test_a_leg_without_connection_lies_on_the_gateways_wire(tmp_path: Path):
    """UE B's SDP is seen behind its NAT too; the gateway's leg is not there."""
    run = scenarios.get(ID).run(out=tmp_path, weakened="the IMS-ALG does not modify a=setup")
    (leg,) = [leg for leg in call_of(analyze(run.capture)).legs if leg.name == "access"]
    assert (leg.tcp_client, leg.wire) == ("", "UE B access")


def test_nothing_is_told_of_connections_that_never_came(tmp_path: Path):
    """Two terminations and no connection: that is what is said."""
    run = scenarios.get("msrp-cema-fallback").run(out=tmp_path, weakened="nobody does anything about it")
    call = call_of(analyze(run.capture))
    assert [(one.handling, one.why) for one in call.handlings] == [("", "no connection was seen on either leg")]
