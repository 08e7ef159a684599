"""MSRP between an end with CEMA and one that compares session-ids: two remedies that do not fit each other.

Source: TS 23.334 §5.19.1, §5.19.5; TR 29.828 Annex C; RFC 6714 §4.
"""

from __future__ import annotations

from workbench.lab.scenario import Scenario, Weakened
from workbench.scenarios import aware_edge as aware

scenario = Scenario(
    id="msrp-aware-cema-sessmatch",
    title="MSRP-aware interworking: CEMA at one end, sessmatch at the other",
    family="MSRP interworking",
    clauses=("TS 23.334 §5.19.1", "TS 23.334 §5.19.5", "TR 29.828 Annex C"),
    workplan=("C9", "N2", "N4", "N6"),
    teaching=(
        "CEMA asks the network to leave a=path alone, sessmatch asks it to change host and port in it; whichever the "
        "IMS-ALG did, one of the two ends would be lost. An MSRP-aware gateway with a path of its own on each leg "
        "needs neither. The control rewrites SDP only, and UE A's strict comparison fails."
    ),
    topology=aware.TOPOLOGY.changed({aware.A: {"msrp": "cema"}, aware.B: {"msrp": "sessmatch"}}),
    knobs={"active": aware.ACTIVE},
    script=aware.TALK + aware.FILE,
    expect=aware.TOLD + aware.NO_CEMA + aware.PASSED,
    weakened=(
        *aware.CLOSED,
        Weakened("the gateway is agnostic, and a=path rewritten",
                 {"IMS-ALG": {"msrp": "sessmatch"}, aware.A: {"falls_back": False}},
                 (*aware.UNTOLD, aware.CEMA_ENDS, aware.NAMED, aware.CONFIRMED_TOO, aware.ACCEPTED),
                 rules=("path-mismatch",)),
        Weakened("the gateway is agnostic, a=path untouched, and UE B opens the connection", {
            "IMS-ALG": {"msrp": "cema", "plain_answer": "forward"}, aware.A: {"falls_back": False, "offers": "actpass"},
            aware.B: {"answers": "active"}},
                 (*aware.UNTOLD, aware.CEMA_ENDS, aware.CONFIRMED, aware.CONFIRMED_TOO),
                 rules=("cema-not-answered", "connection-never-comes", "path-instead-of-connection")),
    ),
    provisional=aware.PROVISIONAL,
    shows=("cema-made-aware",),
)
