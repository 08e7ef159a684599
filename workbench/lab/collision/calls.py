"""The calls that the tables are made of, as values: who is there, what the edges do, and what is done when.

Places and addresses are those of `lab.reachability`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.errors import ScenarioError
from workbench.lab.collision import ticket
from workbench.lab.collision.values import NATS, Mechanism, Media, Nat, Task
from workbench.lab.reachability.calls import (
    ACCESS_A,
    ACCESS_B,
    CORE,
    OUTSIDE_A,
    OUTSIDE_B,
    URI_A,
    URI_B,
    behind,
    edges,
)
from workbench.lab.reachability.values import TEXT, A, B
from workbench.lab.scenario import At, Scenario, at
from workbench.lab.topology import Stun, Topology, Ue
from workbench.net.interface import Wire
from workbench.net.values import Endpoint
from workbench.nodes.conference import Conference
from workbench.nodes.orders import Call, HangUp, Register, ReleaseFloor, RequestFloor, SendText
from workbench.nodes.ue.keyed import Keyed
from workbench.protocols import stun

REPLY = "Loud and clear."
_UNTIL = 90.0
_USER_A = 234
_STUN_A, _STUN_B = Endpoint("198.51.100.70", stun.PORT), Endpoint("198.51.101.70", stun.PORT)

_EDGES: dict[Mechanism, Mapping[str, Any]] = {
    "refuse": {"modifies_setup": True},
    "blind": {"guards_e2e": False},
    "merge": {"guards_e2e": False, "modifies_setup": True},
    "b2bua": {"end_to_end": "b2bua", "modifies_setup": True},
    "annex-d": {"annex_d": True},
    "annex-d-silent": {"annex_d": True},
    "e2ae": {"modifies_setup": True},
}
"""Settings of both IMS-ALGs."""
_OPENS_TOO: dict[Mechanism, str] = {"annex-d": "indicated", "annex-d-silent": "silent"}


def between_edges(task: Task) -> Scenario:
    """UE A calls UE B, says something that is answered, and hangs up.

    Raises:
        ScenarioError: e2ae by pre-shared key, which is for end-to-end TLS alone (TS 33.328 §4.1.2).
    """
    if task.key == "psk" and task.mechanism == "e2ae":
        raise ScenarioError("e2ae goes by certificates and fingerprints; a pre-shared key is of the UEs alone")
    return Scenario(
        id="collision", title="end-to-end TLS between two access edges", family="e2e",
        clauses=("TS 23.334 §6.2.10A", "TR 29.828 Annex D"), workplan=(), teaching="",
        topology=_topology(task), knobs={},
        script=(at(0.0, A, Register()), at(0.0, B, Register()), at(1.0, A, Call(URI_B)), *_SAY[task.media],
                at(5.0, A, HangUp())),
        expect=(), weakened=(), until=_UNTIL)


_SAY: dict[Media, tuple[At, ...]] = {
    "msrp": (at(3.0, A, SendText(TEXT)), at(3.5, B, SendText(REPLY))),
    "bfcp": (at(3.0, A, RequestFloor(TEXT)), at(4.0, A, ReleaseFloor())),
}


def _topology(task: Task) -> Topology:
    offered, answered = task.exchange.split("-")
    settings = _EDGES[task.mechanism]
    edge_a, edge_b = edges(settings, settings)
    return Topology(
        wires=(Wire(ACCESS_A, delay=0.010), Wire("Iq A", delay=0.002), Wire(CORE, delay=0.005),
               Wire("Iq B", delay=0.002), Wire(ACCESS_B, delay=0.010)),
        nodes=(
            Ue(A, URI_A, ACCESS_A, OUTSIDE_A, Endpoint("198.51.100.5", 5060), offers=offered,
               **_placed(A, task.a, task, _STUN_A)),
            *edge_a, *edge_b,
            Stun("STUN server A", ACCESS_A, _STUN_A), Stun("STUN server B", ACCESS_B, _STUN_B),
            Ue(B, URI_B, ACCESS_B, OUTSIDE_B, Endpoint("198.51.101.5", 5060), answers=answered,
               **_placed(B, task.b, task, _STUN_B)),
        ))


def _placed(side: str, nat: Nat, task: Task, server: Endpoint) -> dict[str, Any]:
    """Where a UE is, and what follows for it. Nobody opens uninvited who can be reached."""
    behaves = NATS[nat]
    filtered = nat in ("home", "strict")
    return {
        "behind": None if behaves is None else behind(side, behaves, "drop"),
        "discovers": server if nat == "open" else None,
        "opens_too": _OPENS_TOO.get(task.mechanism, "no") if filtered else "no",
        "secures": "e2ae" if task.mechanism == "e2ae" else "e2e",
        "tls_versions": (task.tls,),
        "keyed": None if task.key == "certificate" else Keyed(
            ticket.TRANSFER_INIT if side == A else ticket.TRANSFER_RESP, ticket.KEY, (task.tls,)),
        "media": task.media,
        "conference": Conference(people={URI_A: _USER_A}) if task.media == "bfcp" and side == B else None,
    }
