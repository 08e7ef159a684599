"""A call does not depend on how H.248 is written: the same in short text, and in BER as far as numbers are known."""

from __future__ import annotations

import msgspec
import pytest

from workbench import scenarios
from workbench.lab.topology import Agw, Alg
from workbench.lab.topology_mp import Mrfc, Mrfp
from workbench.net.values import SendDatagram
from workbench.protocols.h248 import binary
from workbench.protocols.h248.packages import registry


def spoken(id: str, coding: str):
    """A scenario whose controller and gateway speak this coding."""
    scenario = scenarios.get(id)
    changes = {node.name: {"coding": coding} for node in scenario.topology.nodes
               if isinstance(node, Alg | Agw | Mrfc | Mrfp)}
    assert len(changes) in (2, 4, 8)
    knobs = {name: knob for name, knob in scenario.knobs.items() if name != "tokens"}
    return msgspec.structs.replace(scenario, topology=scenario.topology.changed(changes), knobs=knobs)


@pytest.mark.parametrize("id", scenarios.IDS)
def test_short_text(id: str, tmp_path):
    """Everything that holds in long text holds in short text."""
    run = spoken(id, "compact").run(out=tmp_path)
    assert run.passed, run.verdicts


# No specification that could be read numbers the items of tlsbsc, so nobody can say them in BER.
_BEGIN = "the gateway has to be told to begin TLS"
_FAILED = "the gateway has to tell that TLS failed; in BER it can tell of a release only"
_ASKED = "the gateway has to be asked to tell that DTLS failed"
_OPENS = "the MRFP has to be told to open TCP; the items of tcpbcc have no number that anybody knows"
NOT_IN_BINARY = {
    "t38-dtls-terminating": _ASKED, "t38-dtls-originating": _ASKED, "t38-dtls-failure": _FAILED,
    "e2ae-msrp-terminating": _BEGIN, "e2ae-bfcp-terminating": _BEGIN,
    "e2ae-fingerprint-mismatch": _FAILED, "e2ae-handshake-timeout": _FAILED, "e2ae-man-in-the-middle": _FAILED,
    "mp-tcp-conference": _OPENS, "mp-msrp-dial-in": _OPENS, "mp-msrp-dial-out": _OPENS,
    "mp-bfcp-dial-in": _OPENS,
    "e2ae-early-clienthello": "it asks when a Modify was obeyed; in BER that names neither side nor realm",
}


@pytest.mark.parametrize("id", [id for id in scenarios.IDS if id not in NOT_IN_BINARY])
def test_binary(id: str, tmp_path):
    """In BER too, where the realm says which side a termination is on: its name is the gateway's own there."""
    run = spoken(id, "binary").run(out=tmp_path)
    assert run.passed, run.verdicts
    control = [entry.what.data for entry in run.trace
               if isinstance(entry.what, SendDatagram) and entry.what.local.port == 2944]
    assert len(control) >= 8
    assert all(binary.decode(octets) for octets in control)


def test_what_binary_can_not_say(tmp_path):
    """The signal that starts TLS has no number that anybody knows: such a call is refused, and the reason is told."""
    run = spoken("e2ae-msrp-terminating", "binary").run(out=tmp_path)
    said = [entry.what.why for entry in run.trace if isinstance(entry.what, SendDatagram)]
    (reason,) = {why for why in said if why.startswith("the call can't go on")}
    assert registry().wire_name("tls-establish").lower() in reason.lower()
    verdicts = {one.name: one.verdict for one in run.verdicts}
    assert verdicts["both terminations are subtracted"] == "pass"
