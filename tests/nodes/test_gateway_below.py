"""Every scenario with payload carried below the gateway: the same messages, the same verdicts, the same events.

The controller must not be able to tell whether octets passed through the gateway or were spliced or relayed.
"""

from __future__ import annotations

import functools
from collections import defaultdict

import pytest
from portions import one_in_three

from workbench import scenarios
from workbench.lab import run as lab_run
from workbench.net.values import Relay, Splice

ALL = scenarios.all()
HANDED_DOWN = (Splice, Relay)
# What of the catalogue is carried below, with the knobs as they stand: nothing there ends at the gateway.
PLAIN = {
    "tcp-stateless-relay", "tcp-aware-a-active", "tcp-aware-b-active", "tcp-delayed", "tcp-merge-terminating",
    "tcp-merge-originating", "tcp-direction-modified", "tcp-release", "tcp-renegotiation"}


def said(run):
    """Every message, leg by leg; repetitions are a network's own affair."""
    legs = defaultdict(list)
    for message in run.report.messages:
        if not message.repeated:
            leg = message.wire, message.source.node
            legs[leg].append((message.protocol, message.destination.node, message.summary))
    return dict(legs)


@pytest.mark.parametrize("scenario", [
    *(pytest.param(one, id=one.id) for one in ALL if one.id in PLAIN),
    *one_in_three(pytest.param(one, id=one.id) for one in ALL if one.id not in PLAIN)])
def test_the_same_is_said_with_and_without(scenario, monkeypatch):
    """Message by message on each leg, and verdict by verdict; and in plain calls something is handed down at all."""
    through = scenario.run(seed=7)
    monkeypatch.setattr(lab_run, "build", with_all(lab_run.build))
    below = scenario.run(seed=7)
    assert said(below) == said(through)
    assert [(one.name, one.verdict) for one in below.verdicts] == [(one.name, one.verdict) for one in through.verdicts]
    handed_down = [entry for entry in below.trace if isinstance(entry.what, HANDED_DOWN)]
    assert bool(handed_down) or scenario.id not in PLAIN


def with_all(build):
    """Nodes that are told that their network carries by itself whatever can be."""
    @functools.wraps(build)
    def made(*args, **settings):
        return build(*args, **{**settings, "splices": True, "relays": True})
    return made
