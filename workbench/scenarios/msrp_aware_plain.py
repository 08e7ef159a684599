"""MSRP between two ends that know nothing but RFC 4975: the gateway has a path of its own on each leg.

Source: TS 23.334 §5.19.4, §5.19.5; RFC 4975 §5.4, §6.1.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Holds
from workbench.lab.scenario import Knob, Scenario, Weakened
from workbench.scenarios import aware_edge as aware
from workbench.scenarios import tcp_edge as tcp

LATCHED = "UE A's connection comes from its NAT, not from the address in its SDP, and is taken"

scenario = Scenario(
    id="msrp-aware-plain",
    title="MSRP-aware interworking: plain RFC 4975 at both ends",
    family="MSRP interworking",
    clauses=("TS 23.334 §5.19.4", "TS 23.334 §5.19.5", "RFC 4975 §6.1"),
    workplan=("C9", "N2", "N4", "N6"),
    teaching=(
        "Two plain ends connect where a=path says and compare it whole, so the network has to be in a=path itself: the "
        "IMS-ALG announces a URI of the gateway's on each leg and tells the gateway both its own and the peer's. It "
        "changes To-Path and From-Path of every message and nothing else, while bodies of any size stream through. To "
        "each end the gateway looks like the other end."
    ),
    topology=aware.TOPOLOGY.changed({
        aware.A: {"msrp": "plain"}, aware.B: {"msrp": "plain"}, "IMS-ALG": {"modifies_setup": True}}),
    knobs={
        "nat": tcp.nat_knob(aware.A, Holds(LATCHED, seen.source_is_latched(
            aware.ACCESS, realm="access", told=aware.ACCESS.wire))),
        "active": aware.ACTIVE,
        "file": Knob("file", "what UE A's file holds: text, or any octets, with lines like other messages' end-lines",
                     {"text": {}, "octets": {}}, default="text", does={"text": aware.FILE, "octets": aware.OCTETS}),
    },
    script=aware.TALK,
    expect=aware.TOLD + aware.PASSED,
    weakened=(
        *aware.CLOSED,
        Weakened("the gateway is agnostic", {"IMS-ALG": {"msrp": "cema"}},
                 (*aware.UNTOLD, aware.CONFIRMED, aware.CONFIRMED_TOO),
                 rules=("connection-never-comes", "path-instead-of-connection")),
        Weakened("the IMS-ALG rewrites host and port only", {"IMS-ALG": {"msrp": "sessmatch"}},
                 (*aware.UNTOLD, aware.NAMED, aware.CONFIRMED, aware.CONFIRMED_TOO, aware.ACCEPTED),
                 rules=("path-mismatch",)),
    ),
    provisional=aware.PROVISIONAL,
)
