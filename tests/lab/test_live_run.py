"""A run can be stepped, asked and finished; what it says of itself comes from its capture."""

from __future__ import annotations

import pytest

from workbench import lab, scenarios
from workbench.errors import LocalProtocolError, ScenarioError
from workbench.lab.run import EPOCH
from workbench.net.values import AcceptStream, Note, SendDatagram, StreamOpened
from workbench.nodes.orders import SendText

ID = "e2ae-msrp-originating"


def test_the_epoch_is_what_it_says():
    """Virtual time starts at 2026-03-01 10:15:00 UTC."""
    from datetime import UTC, datetime

    assert datetime.fromtimestamp(EPOCH, UTC) == datetime(2026, 3, 1, 10, 15, tzinfo=UTC)


def test_stepping_gives_the_same_as_running(tmp_path):
    """Step by step or at once: the same capture for the same seed, TLS's own randomness aside."""
    live = lab.start(ID, seed=4, out=tmp_path / "stepped")
    steps = 0
    while live.step():
        steps += 1
    stepped = live.finish()
    whole = scenarios.get(ID).run(seed=4, out=tmp_path / "whole")
    assert steps > 50
    assert [(m.protocol, m.summary) for m in stepped.report.messages] == [
        (m.protocol, m.summary) for m in whole.report.messages]
    assert stepped.passed


def test_until_stops_where_asked(tmp_path):
    """`until` gives the entry that satisfies it and leaves the rest undone."""
    live = lab.start(ID, out=tmp_path)
    opened = live.until(lambda entry: isinstance(entry.what, StreamOpened))
    assert opened is not None and opened.heard
    assert live.now == opened.time
    assert live.until(lambda entry: False) is None
    run = live.finish()
    assert run.passed
    with pytest.raises(LocalProtocolError):
        live.finish()


def test_a_learner_can_add_an_order(tmp_path):
    """`ask` puts one more order into a paused run; its effect is on the wire."""
    live = lab.start(ID, out=tmp_path)
    live.until(lambda entry: isinstance(entry.what, Note) and entry.what.text == "messages can be sent")
    live.ask("Peer B", SendText("Psst."))
    run = live.finish()
    said = [m for m in run.report.messages if m.protocol == "MSRP" and b"Psst." in m.octets]
    assert {m.wire for m in said} == {"Core", "UE A access"}


def test_a_learner_can_take_a_nodes_place(tmp_path):
    """`inject` has a host carry a command that its node never ordered."""
    live = lab.start(ID, out=tmp_path)
    order = live.until(lambda entry: isinstance(entry.what, SendDatagram) and entry.node == "IMS-ALG")
    live.inject("IMS-ALG", order.what)
    run = live.finish()
    assert any(m.repeated for m in run.report.messages if m.protocol in ("SIP", "H.248"))
    with pytest.raises(ScenarioError, match="no node 'UE Z' here; there are UE A"):
        lab.start(ID, out=tmp_path).inject("UE Z", order.what)


def test_the_trace_names_what_was_accepted(tmp_path):
    """The trace holds happenings and commands of each node, and prints as lines."""
    run = scenarios.get(ID).run(out=tmp_path)
    accepted = [entry for entry in run.trace.of("IMS-AGW") if isinstance(entry.what, AcceptStream)]
    assert len(accepted) == 1
    assert len(str(run.trace).splitlines()) == len(run.trace)


def test_frames_carry_steps_and_clauses(tmp_path):
    """The orders of the call flow are named in frame comments."""
    run = scenarios.get(ID).run(out=tmp_path)
    comments = {m.comment for m in run.report.messages}
    for step in ("steps 2-4", "steps 5-6", "steps 8-10", "steps 11-13", "steps 14-15"):
        assert any(step in comment and "TS 23.334 §6.2.10.3.1.1.1" in comment for comment in comments), step


def test_a_capture_without_a_place_goes_with_the_process(tmp_path):
    """A run without `out` leaves nothing behind, and its report can be explained until the process ends."""
    import os
    import subprocess
    import sys

    code = ("from workbench import scenarios\n"
            "from workbench.analysis.explain import explain_frame\n"
            f"report = scenarios.get({ID!r}).run().report\n"
            "assert explain_frame(report, 20).fields\n"
            "print(report.capture)\n")
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={**os.environ, "TMPDIR": str(tmp_path)}, timeout=60).stdout
    assert told.startswith(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_run_can_be_given_up(tmp_path):
    """`close` gives back what the network holds; nothing more happens, and there is nothing to finish."""
    live = lab.start(ID, out=tmp_path)
    live.step()
    live.close()
    assert live.step() == []
    with pytest.raises(LocalProtocolError):
        live.finish()
