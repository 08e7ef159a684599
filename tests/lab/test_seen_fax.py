"""The vocabulary for faxes and DTLS: what each check says of runs that bear it out, and of others that do not."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import pytest
from capturing import edited
from msgspec import structs

from workbench import scenarios
from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.lab import seen
from workbench.lab.expect import Fact, Seen
from workbench.lab.scenario import Scenario
from workbench.lab.topology import Changes
from workbench.nodes.fax_terminal import FaxTerminal
from workbench.scenarios import fax_edge as fax

A, PEER = fax.A, fax.PEER
SEED = 1


@cache
def run(name: str) -> Report:
    """A fax at an access edge: one line from UE A (`plain`), from the peer, and what goes wrong."""
    if name == "cut":
        whole = run("plain")
        ended = seen.t30_said("PPS-EOP", "core").find(whole)[0][-1]
        return analyze(edited(Path(whole.capture), Path(whole.capture).with_name("cut.pcapng"),
                              lambda packets: [one for one in packets if one.number <= ended]))
    caller = PEER if name in ("called", "gateway client") else A
    changes: Changes = {
        "gateway client": {A: {"answers": "passive"}},
        "another": {A: {"presents": "another"}},
        "unchecked": {A: {"presents": "another"}, "IMS-AGW": {"verifies": False}},
        "in clear": {A: {"media_security": False}},
        "no help": {end: {"fax": FaxTerminal("none")} for end in (A, PEER)},
        "fec": {end: {"fax": FaxTerminal("fec", 6)} for end in (A, PEER)},
    }.get(name, {})
    topology = fax.topology().changed(changes)
    if name in ("lossy", "no help", "fec"):
        wires = tuple(structs.replace(wire, loss=0.15) if wire.name == fax.ACCESS else wire for wire in topology.wires)
        topology = structs.replace(topology, wires=wires)
    scenario = Scenario("fax", "a fax", "test", (), (), "", topology, {}, fax.fax_script(caller, fax=5.0, hang_up=28.0),
                        (), (), until=45.0)
    return scenario.start(seed=SEED, out=Path(tempfile.mkdtemp(prefix="seen-fax-"))).finish().report


_ARRIVES, _RETURNS = seen.fax_arrives("access", "core"), seen.fax_arrives("core", "access")
_SPOKEN = seen.t30_in_order("access", *seen.ecm_page(caller="peer"))
_AT_THE_OTHER = seen.t30_in_order("access", *seen.ecm_page(caller="gateway"))
_SILENT = seen.fax_nothing_forwarded("access", "core")

FACTS: list[tuple[Fact, str, bool | None]] = [
    (seen.dtls_client_follows("access"), "plain", True),
    (seen.dtls_client_follows("access"), "gateway client", True),
    (seen.dtls_client_follows("access"), "in clear", None),
    (seen.dtls_client("access", "peer"), "plain", True),
    (seen.dtls_client("access", "peer"), "gateway client", False),
    (seen.dtls_client("access", "peer"), "in clear", None),
    (seen.associations("access", 1), "plain", True),
    (seen.associations("access", 2), "plain", False),
    (seen.associations("access", 1), "in clear", None),
    (seen.dtls_closed("access"), "plain", True),
    (seen.dtls_closed("access"), "in clear", None),
    (seen.certificates_match("access"), "plain", True),
    (seen.certificates_match("access"), "another", False),
    (seen.certificates_match("access"), "in clear", None),
    (seen.certificate_differs("access"), "another", True),
    (seen.certificate_differs("access"), "plain", False),
    (seen.checked_before_core("access"), "plain", True),
    (seen.checked_before_core("access"), "another", None),
    (_ARRIVES, "plain", True),
    (_RETURNS, "plain", True),
    (_ARRIVES, "lossy", True),
    (_ARRIVES, "fec", True),
    (_ARRIVES, "no help", False),
    (_ARRIVES, "in clear", True),
    (_ARRIVES, "another", None),
    (_SPOKEN, "plain", True),
    (_SPOKEN, "called", False),
    (_AT_THE_OTHER, "called", True),
    (_SPOKEN, "another", None),
    (seen.page_confirmed("core", "peer"), "plain", True),
    (seen.page_confirmed("core", "gateway"), "called", True),
    (seen.page_confirmed("core", "peer"), "cut", False),
    (seen.page_confirmed("access", "gateway"), "another", None),
    (seen.whole_without_help("core"), "plain", True),
    (seen.whole_without_help("core"), "lossy", False),
    (seen.whole_without_help("core"), "another", None),
    (_SILENT, "another", True),
    (_SILENT, "unchecked", False),
    (_SILENT, "plain", False),
    (seen.clear_not_forwarded("access", "core"), "plain", None),
]

OCCURRENCES: list[tuple[Seen, str, str]] = [
    (seen.flight_again("access"), "lossy", "plain"),
    (seen.rebuilt("core"), "lossy", "plain"),
    (seen.rebuilt("core"), "fec", "no help"),
    (seen.t30_said("MCF", "access", "gateway"), "plain", "called"),
    (seen.t30_said("cng", "core"), "plain", "another"),
    (seen.client_hello(fax.ACCESS), "plain", "in clear"),
    (seen.finished(fax.ACCESS), "plain", "in clear"),
    (seen.alert("bad_certificate", fax.ACCESS, "IMS-AGW"), "another", "plain"),
]


@pytest.mark.parametrize(("fact", "name", "wanted"), FACTS, ids=lambda value: getattr(value, "what", None))
def test_a_fact_holds_or_not(fact, name, wanted):
    """What is said of a run is true of it: with its frames if it holds, with its reason if not."""
    found = fact.check(run(name))
    assert (found[0] if found is not None else None) is wanted, found
    if found is not None:
        assert found[1] if found[0] else found[2]


@pytest.mark.parametrize(("what", "there", "missing"), OCCURRENCES, ids=lambda value: getattr(value, "what", None))
def test_something_is_seen_or_not(what, there, missing):
    """Occurrences are in order of the capture, and there is none where nothing happened."""
    found = what.find(run(there))
    assert found and found == sorted(found) and all(found)
    assert what.find(run(missing)) == []


_DROPPED = seen.clear_not_forwarded("access", "core")


def test_clear_packets_stay_behind_or_do_not():
    """The gateway drops them; one that takes them for payload is caught."""
    scenario = scenarios.get("t38-dtls-failure")
    beside = scenario.run(seed=SEED, fault="beside").report
    assert len(seen.clear_udptl("access").find(beside)) == 1 and seen.clear_udptl("access").find(run("plain")) == []
    held, frames, _ = _DROPPED.check(beside)
    assert held and frames
    taken = scenario.run(seed=SEED, weakened="the gateway takes what is in the clear beside DTLS").report
    held, frames, why = _DROPPED.check(taken)
    assert not held and frames and "came in clear" in why
