"""The same scenario on the virtual network and on this kernel's own TCP/IP: the same messages, the same verdicts.

What differs, and why, stands in the table below; everything else is equal, message by message.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from msgspec import structs
from scenario_knobs import settings_of

from workbench import scenarios
from workbench.errors import ScenarioError
from workbench.lab.topology import Topology
from workbench.net.kernel.namespaces import why_not
from workbench.scenarios import tcp_edge

pytestmark = pytest.mark.skipif(bool(why_not()), reason=f"no kernel network here: {why_not()}")

ALL = scenarios.all()
IDS = [scenario.id for scenario in ALL]
CONTROLS = [(scenario, weak) for scenario in ALL for weak in scenario.weakened]

# docs/networks.md tells people of this table.
# Legs on which the two directions are compared each by itself, since nothing orders one after the other.
CROSSING = dict.fromkeys(
    ("msrp-aware-plain", "msrp-aware-cema-plain", "msrp-aware-sessmatch-plain", "msrp-aware-cema-sessmatch"),
    "chunks of a long message cross their responses; how each TCP cuts its segments decides which of them is first")
CROSSING["t38-dtls-reoffer"] = "the new offer is made while a page is sent, and a network's delay says what it crosses"
CROSSING["tcp-merge-terminating"] = "both UEs speak at once; octets that the kernel splices may come a segment later"
# Calls of which only the verdicts are compared.
RACING = {"e2e-both-behind-nat": "which of two alerts that cross ends the call, and so which termination is reported"}
# Controls that break less here, and what they leave whole.
KEPT = {("mp-tcp-conference", "the MRFC answers passive, and has the MRFP open the connection"): (
    "UEs take the MRFP's connection",
    "Linux answers a SYN by itself while the UE listens, and resets only what comes later")}
# What is not compared at all.
TIMED = {
    "RTP": "each side sends sound by its own clock; how many packets leave before a message of SIP comes is chance"}


def messages(run, *, by_direction: bool):
    """What was said on each leg, in order; repetitions are a network's own affair."""
    legs = defaultdict(list)
    for message in run.report.messages:
        if not message.repeated and message.protocol not in TIMED:
            who = (message.source.node, message.destination.node)
            leg = (message.wire, *who) if by_direction else (message.wire,)
            legs[leg].append((message.protocol, *who, message.summary))
    return dict(legs)


@pytest.fixture(scope="module", params=ALL, ids=IDS)
def both(request, tmp_path_factory):
    """One scenario on the virtual network and on the kernel's."""
    folder = tmp_path_factory.mktemp(request.param.id)
    return [request.param.run(network, seed=1, out=folder / network) for network in ("virtual", "kernel")]


def test_both_networks_say_the_same(both):
    """Per leg the same message sequence, and the same verdict on each expectation: pass."""
    virtual, kernel = both
    assert kernel.network == "kernel"
    assert [(v.name, v.reason) for v in kernel.verdicts if v.verdict != "pass"] == []
    assert [v.name for v in kernel.verdicts] == [v.name for v in virtual.verdicts]
    by_direction = kernel.scenario.id in CROSSING
    if kernel.scenario.id in RACING:
        return
    assert messages(kernel, by_direction=by_direction) == messages(virtual, by_direction=by_direction)


def test_frames_carry_the_same_comments(both):
    """Every comment that the virtual network writes to its frames is on the kernel network's too.

    But for packets that a gateway relays, and octets that it passes on: they may pass below it, and then the frame says
    that the kernel relayed or spliced them. An ICMP error is the host's own, and says nothing there.
    """
    virtual, kernel = ({message.comment for message in run.report.messages if message.protocol != "ICMP"}
                       for run in both)
    relayed = {comment for comment in virtual if comment.startswith("relayed from ")}
    spliced = {comment for comment in virtual if comment.startswith("payload of ") and ", in the clear at " in comment}
    if both[1].scenario.id in RACING:
        return
    below = (relayed if "relayed by the kernel" in kernel else set()) | (
        spliced if "spliced by the kernel" in kernel else set())
    assert virtual - kernel <= below


def behind(strict: bool):
    """A UE behind a NAT of this kind, in merge mode at both sides."""
    scenario = scenarios.get("tcp-merge-both-behind-nat")
    nodes = [structs.replace(node, behind=tcp_edge.nat_of(node.name, core=node.name == "UE B", strict=strict))
             if getattr(node, "behind", None) is not None else node for node in scenario.topology.nodes]
    return structs.replace(scenario, topology=Topology(scenario.topology.wires, tuple(nodes)))


@pytest.mark.parametrize("strict", [False, True], ids=["ports preserved", "random ports"])
def test_the_kernels_nat_is_as_good_as_ours(strict, tmp_path):
    """With NATs by Linux the same messages pass as with ours, and the same is seen."""
    scenario = behind(strict)
    own = structs.replace(scenario, topology=scenario.topology.translated("kernel"))
    runs = [one.run("kernel", seed=1, out=tmp_path / name) for one, name in ((scenario, "ours"), (own, "kernel"))]
    assert [[(v.name, v.reason) for v in run.verdicts if v.verdict != "pass"] for run in runs] == [[], []]
    assert messages(runs[0], by_direction=False) == messages(runs[1], by_direction=False)
    assert [bool(run.trace.of("NAT of UE A")) for run in runs] == [True, False]


def test_a_kernels_nat_needs_a_kernel(tmp_path):
    """On the virtual network it is refused, with what would be right."""
    scenario = behind(False)
    own = structs.replace(scenario, topology=scenario.topology.translated("kernel"))
    with pytest.raises(ScenarioError, match='network \'virtual\' has no NATs of its own here: by="node"'):
        own.run("virtual", out=tmp_path)


def test_differences_are_documented():
    """Each difference that these tests allow for is told in docs/networks.md with its reason."""
    page = (Path(__file__).parents[2] / "docs" / "networks.md").read_text(encoding="utf-8")
    for id, reason in (
            *CROSSING.items(), *RACING.items(), *TIMED.items(), *((id, why) for (id, _), (_, why) in KEPT.items())):
        assert id in page and reason in page


@pytest.mark.long
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: f"{control[0].id}: {control[1].name}")
def test_a_control_breaks_the_same(control, tmp_path):
    """A weakened variant breaks on the kernel network exactly what it names."""
    scenario, weak = control
    run = scenario.run("kernel", seed=1, out=tmp_path, weakened=weak.name)
    kept, _ = KEPT.get((scenario.id, weak.name), (None, ""))
    assert sorted(run.broken) == sorted(name for name in weak.breaks if name != kept)


@pytest.mark.long
@pytest.mark.parametrize("scenario", ALL, ids=IDS)
def test_every_combination_of_knobs_holds(scenario, tmp_path):
    """Whatever a user sets, the verdicts hold here too."""
    for chosen in settings_of(scenario):
        run = scenario.run("kernel", seed=2, out=tmp_path, **chosen)
        assert (chosen, [(v.name, v.reason) for v in run.verdicts if v.verdict != "pass"]) == (chosen, [])


@pytest.mark.long
@pytest.mark.parametrize("scenario", ALL, ids=IDS)
def test_bad_wires_change_nothing(scenario, tmp_path):
    """5 % loss and reordering on every wire: the kernel's TCP brings everything through too."""
    run = scenario.run("kernel", seed=1, out=tmp_path, impair={"loss": 0.05, "reorder": 0.05})
    assert [(v.name, v.reason) for v in run.verdicts if v.verdict != "pass"] == []
