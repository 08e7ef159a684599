"""TCP is there and nobody begins TLS: how long the gateway waits, what it does then, and who hears of it.

Source: TS 23.334 §6.2.10.3, RFC 8856 §8 and §10; F5 of the stage-2 digest, case C6.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Scenario, Weakened, at
from workbench.nodes.orders import Call, Register
from workbench.scenarios import access_edge as edge
from workbench.scenarios import floor_edge as floors

A, SERVER = floors.A, floors.SERVER
ACCESS, CORE = seen.Side(floors.ACCESS), seen.Side(edge.CORE)
GUARD_SECONDS = 10.0

UP = "the TCP connection between UE A and the gateway is established"
SILENCE = "nobody sends a ClientHello on it"
PATIENT = "the gateway waits for ten seconds before it gives up"
REPORTED = "the IMS-ALG hears once that TLS towards UE A failed"
LINKED = "the gateway ends its core connection too"
BYE = "the IMS-ALG ends the session towards the core"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"

_FAILED = seen.tls_failure_reported("access")

scenario = Scenario(
    id="e2ae-handshake-timeout",
    title="Nobody begins TLS: the gateway gives up, releases both connections and reports",
    family="e2ae TLS",
    clauses=("TS 23.334 §6.2.10.3", "RFC 8856 §8", "RFC 8856 §10"),
    workplan=("C6", "N8", "N10"),
    teaching=(
        "UE A reads RFC 8856 as if a=setup said who is TLS client, and it is TCP-passive; the gateway goes by who made "
        "the offer. So both are TLS servers and wait. Only a timer ends that: the gateway's, which then releases both "
        "connections and tells the IMS-ALG that TLS failed, not that TCP did."
    ),
    topology=floors.alone().changed({
        A: {"offers": "actpass", "tls_role": "setup"}, SERVER: {"answers": "active"},
        "IMS-AGW": {"tls_guard": GUARD_SECONDS}}),
    knobs={"tokens": edge.style_knob()},
    script=(at(0.0, A, Register()), at(1.0, A, Call(floors.URI_SERVER))),
    expect=(
        Eventually(UP, seen.is_up(ACCESS)),
        Never(SILENCE, seen.client_hello(ACCESS.wire), provided=seen.is_up(ACCESS)),
        Holds(PATIENT, seen.patience(seen.is_up(ACCESS), _FAILED, GUARD_SECONDS - 0.5)),
        Holds(REPORTED, seen.once(_FAILED)),
        Eventually(LINKED, seen.any_of(seen.leaves(CORE, "FIN"), seen.leaves(CORE, "RST"))),
        Eventually(BYE, seen.sip_request("BYE", CORE.wire)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the gateway waits for ever", {"IMS-AGW": {"tls_guard": 86_400.0}}, (REPORTED, LINKED, BYE, RELEASED)),
        Weakened("the gateway gives up after a second", {"IMS-AGW": {"tls_guard": 1.0}}, (PATIENT,)),
        Weakened("UE A begins TLS as the offerer", {A: {"tls_role": "offerer"}},
                 (SILENCE, REPORTED, LINKED, BYE, RELEASED)),
        Weakened("UE A's port is closed", {A: {"listens": False}}, (UP, REPORTED)),
    ),
    provisional="how long a gateway waits, and names of the H.248 packages' items for TLS (tlsbsc)",
    shows=("bfcp-tls-client",),
    seen_as="e2ae-bfcp-originating",
)
