"""MSRP between an end that compares session-ids and one that compares everything: the gateway's paths serve both.

Source: TS 23.334 §5.19.1, §5.19.3, §5.19.5; RFC 4975 §6.1.
"""

from __future__ import annotations

from workbench.lab.scenario import Scenario, Weakened
from workbench.scenarios import aware_edge as aware

scenario = Scenario(
    id="msrp-aware-sessmatch-plain",
    title="MSRP-aware interworking: sessmatch at one end, plain RFC 4975 at the other",
    family="MSRP interworking",
    clauses=("TS 23.334 §5.19.1", "TS 23.334 §5.19.5", "RFC 4975 §6.1"),
    workplan=("C9", "N2", "N4", "N6"),
    teaching=(
        "UE A would be content with a path whose host and port the network has changed; UE B compares the whole URI. "
        "With an MSRP-aware gateway each leg has a path that is true there, so both are content. The control rewrites "
        "SDP only, as for two sessmatch ends: UE B gets messages for a URI that it never had, and answers 481."
    ),
    topology=aware.TOPOLOGY.changed({aware.A: {"msrp": "sessmatch"}, aware.B: {"msrp": "plain"}}),
    knobs={"active": aware.ACTIVE},
    script=aware.TALK + aware.FILE,
    expect=aware.TOLD + aware.PASSED,
    weakened=(
        *aware.CLOSED,
        Weakened("the gateway is agnostic", {"IMS-ALG": {"msrp": "sessmatch"}},
                 (*aware.UNTOLD, aware.NAMED, aware.CONFIRMED, aware.CONFIRMED_TOO, aware.ACCEPTED),
                 rules=("path-mismatch",)),
    ),
    provisional=aware.PROVISIONAL,
)
