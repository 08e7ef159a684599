"""A place with floors: two people and a chair at one access edge, and the floor control server beyond the core."""

from __future__ import annotations

from workbench.lab.expect import Holds
from workbench.lab.scenario import At, Knob, at
from workbench.lab.seen import tls_client_follows
from workbench.lab.topology import Changes, Topology, Ue
from workbench.nodes.conference import Conference
from workbench.nodes.orders import DecideFloor, HangUp, Register, ReleaseFloor, RequestFloor, WatchFloor
from workbench.scenarios import access_edge as edge

A, C, CHAIR = "UE A", "UE C", "Chair"
SERVER = "Floor server"
PEOPLE = (A, C, CHAIR)
ACCESS = "Access"

URI_A, URI_C, URI_CHAIR = "sip:alice@home1.example", "sip:carol@home1.example", "sip:chair@home1.example"
URI_SERVER = "sip:floors@home2.example"
USER_A, USER_C, USER_CHAIR = 234, 235, 1
FLOOR = 543

_PEOPLE = {URI_A: USER_A, URI_C: USER_C, URI_CHAIR: USER_CHAIR}
CONFERENCE = Conference(4321, FLOOR, _PEOPLE, URI_CHAIR)
CHAIRLESS = Conference(4321, FLOOR, _PEOPLE)

OFFERER_GREETS = "the offerer is TLS client on the access leg, whoever opens TCP"
OPENER_GREETS = "who opens TCP is TLS client on the access leg, as a=setup says"


def _ue(name: str, uri: str, host: str, *, offers: str = "active", answers: str = "passive") -> Ue:
    served = edge.served_ue(name, uri)
    return Ue(name, uri, wire=ACCESS, address=host, proxy=served.proxy, offers=offers, answers=answers, media="bfcp")


def topology() -> Topology:
    """The access edge with three UEs, and the server in the peer's place."""
    people = (_ue(A, URI_A, "203.0.113.10"), _ue(C, URI_C, "203.0.113.11"), _ue(CHAIR, URI_CHAIR, "203.0.113.12"))
    peer = edge.core_peer(SERVER, URI_SERVER)
    server = Ue(
        SERVER, URI_SERVER, wire=edge.CORE, address=peer.address, proxy=peer.proxy, registers=False,
        media_security=False, media="bfcp",
        conference=CONFERENCE)
    there = edge.access_edge(people[0], server)
    alg = next(node for node in there.nodes if node.name == "IMS-ALG")
    agw = next(node for node in there.nodes if node.name == "IMS-AGW")
    # Three handshakes have to come through bad wires, so the gateway waits longer than it does for one.
    return Topology(there.wires, (*people, alg, agw, server)).changed({"IMS-AGW": {"tls_guard": 60.0}})


def alone() -> Topology:
    """UE A and the server by themselves: a conference without a chair, so the floor is given at once."""
    there = topology()
    nodes = tuple(node for node in there.nodes if node.name not in (C, CHAIR))
    return Topology(there.wires, nodes).changed({SERVER: {"conference": CHAIRLESS}})


def everybody(setting: str, value: object) -> Changes:
    """One setting of all three UEs."""
    return {name: {setting: value} for name in PEOPLE}


def registered() -> tuple[At, ...]:
    """All three UEs register."""
    return (at(0.0, A, Register()), at(0.2, C, Register()), at(0.4, CHAIR, Register()))


def passing(start: float) -> tuple[At, ...]:
    """The floor goes to UE A, then to UE C, and back: each time the chair decides."""
    return (
        at(start, CHAIR, WatchFloor()),
        at(start, A, WatchFloor()),
        at(start, C, WatchFloor()),
        at(start + 1.0, A, RequestFloor("slides")),
        at(start + 1.0, CHAIR, DecideFloor("grant")),
        at(start + 2.0, C, RequestFloor("a question", once_held=True)),
        at(start + 2.0, CHAIR, DecideFloor("grant")),
        at(start + 3.0, A, ReleaseFloor(once_wanted=True)),
        at(start + 3.0, C, ReleaseFloor()),
    )


def leaving(start: float) -> tuple[At, ...]:
    """All hang up."""
    return tuple(at(start + 0.5 * number, name, HangUp()) for number, name in enumerate(PEOPLE))


def nat_knob() -> Knob:
    """Whether UE A sits behind a NAT."""
    return edge.nat_knob(A)


def tls_knob() -> Knob:
    """Which TLS version the access legs get."""
    return Knob("tls", "TLS version between UEs and IMS-AGW",
                {"1.3": everybody("tls_versions", ("1.3",)), "1.2": everybody("tls_versions", ("1.2",))}, default="1.3")


def role_knob(*dropped: str) -> Knob:
    """Which reading of RFC 8856 says who is TLS client; `dropped`: what else is not asked for with `setup`."""
    return Knob(
        "tls_role", "who is TLS client: the offerer (RFC 8856 §8), or as a=setup says (its §10 by itself)",
        {"offerer": {}, "setup": {**everybody("tls_role", "setup"), "IMS-ALG": {"bfcp_tls": "setup"}}},
        default="offerer", drops={"setup": (OFFERER_GREETS, *dropped)},
        adds={"setup": (Holds(OPENER_GREETS, tls_client_follows("access", "setup")),)})
