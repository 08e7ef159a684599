"""What a gateway changed in MSRP between its legs is told, header by header."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_calls import two_edges

from workbench.analysis.calls.rewriting import rewritten
from workbench.analysis.explain import explain_message
from workbench.analysis.report import Report
from workbench.protocols.msrp import messages as msrp


def sends(report: Report) -> list:
    return [message for message in report.messages
            if isinstance(message.value, msrp.Request) and b"Conference floor" in message.octets]


@pytest.mark.parametrize("ip", [4, 6])
def test_an_aware_gateway_changes_the_paths_and_nothing_else(tmp_path: Path, ip: int):
    """Two gateways: on the second and on the third leg To-Path and From-Path are new, and the explanation says it."""
    report = two_edges(tmp_path, ip=ip, alg_a={"msrp": "aware"}, alg_b={"msrp": "aware"})
    first, second, third = sends(report)
    assert rewritten(report, first) is None
    for before, after in ((first, second), (second, third)):
        told = rewritten(report, after)
        assert told is not None and told.before == before.index and not told.body
        assert [name for name, _, _ in told.changed] == ["To-Path", "From-Path"]
        assert told.changed[0][1] == str(before.value.to_path[0]) and told.changed[0][2] == str(after.value.to_path[0])
        assert explain_message(report, after).title.endswith("; changed on the way: To-Path, From-Path")


def test_an_agnostic_gateway_and_a_nat_change_nothing(tmp_path: Path):
    """Each copy is passed on unchanged, in front of and behind the NAT too."""
    report = two_edges(tmp_path, ue_a={"nat": True})
    told = [rewritten(report, message) for message in sends(report)]
    assert told[0] is None and len(told) == 4
    assert {str(one) for one in told[1:]} <= {"passed on unchanged", "None"}
    assert str(told[-1]) == "passed on unchanged"


def test_other_messages_are_not_looked_at(tmp_path: Path):
    """SIP and TCP have no such thing."""
    report = two_edges(tmp_path)
    assert {rewritten(report, message) for message in report.messages if message.protocol in ("SIP", "TCP")} == {None}
