"""MSRP between an end with CEMA and a plain one: the gateway's paths serve both.

Source: TS 23.334 §5.19.1, §5.19.4, §5.19.5; RFC 6714 §4, RFC 4975 §6.1.
"""

from __future__ import annotations

from workbench.lab.scenario import Scenario, Weakened
from workbench.scenarios import aware_edge as aware

scenario = Scenario(
    id="msrp-aware-cema-plain",
    title="MSRP-aware interworking: CEMA at one end, plain RFC 4975 at the other",
    family="MSRP interworking",
    clauses=("TS 23.334 §5.19.1", "TS 23.334 §5.19.5", "RFC 6714 §4.3"),
    workplan=("C9", "N2", "N4", "N6"),
    teaching=(
        "UE A can do CEMA and UE B can't, so an agnostic gateway would leave UE B with a path that leads past it. The "
        "IMS-ALG does not copy a=msrp-cema and puts the gateway's own path on each leg; there c=, m= and a=path agree, "
        "which a CEMA end accepts as a plain one does. With an agnostic gateway (the control) UE B answers, and nobody "
        "ever gets a message through."
    ),
    topology=aware.TOPOLOGY.changed({aware.A: {"msrp": "cema"}, aware.B: {"msrp": "plain"}}),
    knobs={"active": aware.ACTIVE},
    script=aware.TALK + aware.FILE,
    expect=aware.TOLD + aware.NO_CEMA + aware.PASSED,
    weakened=(
        *aware.CLOSED,
        Weakened("the gateway is agnostic, and a=path rewritten",
                 {"IMS-ALG": {"msrp": "sessmatch"}, aware.A: {"falls_back": False}},
                 (*aware.UNTOLD, aware.CEMA_ENDS, aware.NAMED, aware.CONFIRMED, aware.CONFIRMED_TOO, aware.ACCEPTED),
                 rules=("path-mismatch",)),
        Weakened("the gateway is agnostic, and UE B opens the connection", {
            "IMS-ALG": {"msrp": "cema", "plain_answer": "forward"}, aware.A: {"falls_back": False, "offers": "actpass"},
            aware.B: {"answers": "active"}},
                 (*aware.UNTOLD, aware.CEMA_ENDS, aware.CONFIRMED, aware.CONFIRMED_TOO),
                 rules=("cema-not-answered", "connection-never-comes", "path-instead-of-connection")),
    ),
    provisional=aware.PROVISIONAL,
    shows=("cema-made-aware",),
)
