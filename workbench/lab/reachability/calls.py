"""The calls that a matrix is made of, as values: who is there, and what is done when.

Addresses are documentation ranges (RFC 5737) and, behind the NATs, RFC 1918.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.errors import ScenarioError
from workbench.lab.reachability.values import TEXT, A, B, Pair, Task
from workbench.lab.run import LiveRun
from workbench.lab.scenario import Scenario, at
from workbench.lab.topology import Agw, Alg, Behind, Puncher, Stun, Topology, Ue
from workbench.net.interface import Wire
from workbench.net.values import Endpoint, StreamData
from workbench.nodes.hole_puncher import Punch
from workbench.nodes.orders import Call, HangUp, Register, SendText
from workbench.protocols import stun

HOME_A, HOME_B = f"{A} home", f"{B} home"
ACCESS_A, ACCESS_B = f"{A} access", f"{B} access"
CORE, INTERNET = "Core", "Internet"

INSIDE_A, INSIDE_B = "10.0.0.10", "10.9.0.20"
OUTSIDE_A, OUTSIDE_B = "203.0.113.10", "203.0.113.20"
AGW_A, AGW_B = "198.51.100.1", "198.51.101.1"      # towards the UEs

URI_A, URI_B = "sip:alice@home1.example", "sip:bob@home2.example"
_STUN = Endpoint("198.51.100.70", stun.PORT)
# A call that fails ends by the gateway's guard time (30 s), the notification and BYE.
_UNTIL = 90.0
# Without a gateway, a SYN that is not let in is repeated after 1, 3, 7 and 15 s; nothing new happens later.
_UNTIL_DIRECT = 25.0
_PORT_A, _PORT_B = 20_000, 30_000
_PUNCHING_SINCE = 2.0


def behind(side: str, pair: Pair, unsolicited: str) -> Behind:
    """The NAT of one side."""
    wire, address, inside = (HOME_A, INSIDE_A, "10.0.0.1") if side == A else (HOME_B, INSIDE_B, "10.9.0.1")
    return Behind(f"NAT of {side}", wire=wire, address=address, inside=inside, mapping=pair.mapping,
                  filtering=pair.filtering, unsolicited=unsolicited)   # type: ignore[arg-type]


# Two access edges

def across_edges(task: Task) -> Scenario:
    """UE A calls UE B, says something, and hangs up when it was heard."""
    return Scenario(
        id="reachability", title="a call between two NATs, across two access edges", family="NAT",
        clauses=("TS 23.334 §5.4", "TS 23.334 §5.16.2.3"), workplan=(), teaching="",
        topology=_edges(task), knobs={},
        script=(at(0.0, A, Register()), at(0.0, B, Register()), at(1.0, A, Call(URI_B)), at(2.0, A, SendText(TEXT)),
                at(3.0, A, HangUp())),
        expect=(), weakened=(), until=_UNTIL)


def _edges(task: Task) -> Topology:
    edge_a, edge_b = edges({}, {"modifies_setup": task.modified})
    return Topology(
        wires=(Wire(ACCESS_A, delay=0.010), Wire("Iq A", delay=0.002), Wire(CORE, delay=0.005),
               Wire("Iq B", delay=0.002), Wire(ACCESS_B, delay=0.010)),
        nodes=(
            Ue(A, URI_A, ACCESS_A, OUTSIDE_A, Endpoint("198.51.100.5", 5060), media_security=False, offers="active",
               behind=behind(A, task.a, task.unsolicited)),
            *edge_a, *edge_b,
            Stun("STUN server", ACCESS_B, _STUN),
            Ue(B, URI_B, ACCESS_B, OUTSIDE_B, Endpoint("198.51.101.5", 5060), media_security=False, answers="passive",
               behind=behind(B, task.b, task.unsolicited), discovers=_STUN),
        ))


def edges(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[tuple[Alg, Agw], tuple[Alg, Agw]]:
    """Both access edges; settings of the IMS-ALG of UE A and of that of UE B."""
    alg_a, alg_b = Endpoint("192.0.2.130", 5060), Endpoint("192.0.2.140", 5060)
    return (_edge("A", "198.51.100", alg_a, "192.0.2.129", {"home2.example": alg_b}, a),
            _edge("B", "198.51.101", alg_b, "192.0.2.139", {"home1.example": alg_a}, b))


def _edge(side: str, access: str, alg_core: Endpoint, agw_core: str, routes: dict[str, Endpoint],
          settings: Mapping[str, Any]) -> tuple[Alg, Agw]:
    control, gateway = Endpoint(f"192.0.2.{10 if side == 'A' else 30}", 2944), Endpoint(
        f"192.0.2.{20 if side == 'A' else 40}", 2944)
    wire, iq = f"UE {side} access", f"Iq {side}"
    return (
        Alg(f"IMS-ALG {side}", access=Endpoint(f"{access}.5", 5060), access_wire=wire, core=alg_core, core_wire=CORE,
            control=control, control_wire=iq, gateway=gateway, routes=routes, **settings),
        Agw(f"IMS-AGW {side}", control=gateway, control_wire=iq, controller=control, access=f"{access}.1",
            access_wire=wire, core=agw_core, core_wire=CORE))


# No gateway

def without_gateway(task: Task) -> Scenario:
    """Both sides ask a STUN server; what they are told to do depends on the answers (`punch`)."""
    server = _STUN
    path_a, path_b = _path(INSIDE_A, _PORT_A, "a"), _path(INSIDE_B, _PORT_B, "b")
    listens = task.mechanism == "punching"
    topology = Topology(
        wires=(Wire(INTERNET, delay=0.010),),
        nodes=(
            Puncher(A, INTERNET, OUTSIDE_A, _PORT_A, server, path_a, active=True, listens=listens,
                    behind=behind(A, task.a, task.unsolicited)),
            Stun("STUN server", INTERNET, server),
            Puncher(B, INTERNET, OUTSIDE_B, _PORT_B, server, path_b, active=False, listens=listens,
                    behind=behind(B, task.b, task.unsolicited)),
        ))
    return Scenario(
        id="reachability-direct", title="two peers behind NATs, without a gateway", family="NAT",
        clauses=("RFC 5382 REQ-2", "RFC 5128 §3.4"), workplan=(), teaching="", topology=topology, knobs={},
        script=(), expect=(), weakened=(), until=_UNTIL_DIRECT)


def punch(live: LiveRun, task: Task) -> None:
    """Tell each side where the other one was seen, and when to open to it."""
    seen = {A: None, B: None}   # type: dict[str, Endpoint | None]
    while None in seen.values():
        entry = live.until(lambda entry: entry.node in seen and isinstance(entry.what, StreamData))
        if entry is None:
            raise ScenarioError("the STUN server did not answer")
        seen[entry.node] = Endpoint(*stun.mapped_address(stun.decode(entry.what.data)))   # type: ignore[union-attr]
    for side, other, lag, text in ((A, B, 0.0, TEXT), (B, A, task.lag, "")):
        remote = seen[other]
        assert remote is not None
        path = _path(INSIDE_B, _PORT_B, "b") if other == B else _path(INSIDE_A, _PORT_A, "a")
        live.ask(side, Punch(remote, path, _PUNCHING_SINCE + lag, text))


def _path(host: str, port: int, session: str) -> str:
    return f"msrp://{host}:{port}/{session * 16};tcp"
