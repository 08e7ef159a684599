"""Places of the TCP and MSRP scenarios: plain MSRP through one access edge, or through two of them.

The edge itself is `access_edge`'s. Addresses are documentation ranges (RFC 5737) and, behind a NAT, RFC 1918.
"""

from __future__ import annotations

import msgspec

from workbench.lab.expect import Expectation
from workbench.lab.scenario import Knob
from workbench.lab.seen import Side
from workbench.lab.topology import Agw, Alg, Behind, Topology, Ue
from workbench.net.interface import Wire
from workbench.net.values import Endpoint
from workbench.nodes.nat import Behaviour
from workbench.scenarios import access_edge as edge

CORE = Side(edge.CORE)

URI_A = "sip:alice@home1.example"
URI_B = "sip:bob@home2.example"
OPENING = "Conference floor opens at 10:00; bring slides."
REPLY = "Slides are ready."


def served(name: str, uri: str) -> Ue:
    """A UE of the access edge that speaks MSRP without media plane security."""
    return msgspec.structs.replace(edge.served_ue(name, uri), media_security=False)


def peer(name: str, uri: str) -> Ue:
    """The other end of the call, beyond the core."""
    return edge.core_peer(name, uri)


def access(ue: str) -> Side:
    """The gateway's side towards a served UE."""
    return Side(f"{ue} access")


def nat_of(ue: str, *, core: bool = False, strict: bool = False) -> Behind:
    """A NAT that filters by address and port, as most do at home.

    Args:
        core: for a UE of the second edge, with other addresses behind it.
        strict: it also maps by address and port, and keeps no port: what made people call it symmetric.
    """
    network = "10.9.0" if core else "10.0.0"
    return Behind(
        f"NAT of {ue}", wire=f"{ue} home", address=f"{network}.10", inside=f"{network}.1",
        mapping=Behaviour.ADDRESS_AND_PORT_DEPENDENT if strict else Behaviour.ENDPOINT_INDEPENDENT,
        preserves_ports=not strict)


def nat_knob(ue: str, *latched: Expectation) -> Knob:
    """Whether the served UE sits behind a NAT; what must be seen then."""
    return Knob(
        "nat", f"where {ue} sits: reachable, behind a NAT that filters by address and port, or behind one that also "
        "maps by them and keeps no port (strict)",
        {"none": {}, "behind": {ue: {"behind": nat_of(ue)}}, "strict": {ue: {"behind": nat_of(ue, strict=True)}}},
        default="none", adds={"behind": latched, "strict": latched})


# Two access edges with the core between them: A's addresses end in .x, B's in .1xx.

ACCESS_A = Side("UE A access", "IMS-AGW A")
CORE_A = Side(edge.CORE, "IMS-AGW A")
CORE_B = Side(edge.CORE, "IMS-AGW B")
ACCESS_B = Side("UE B access", "IMS-AGW B")

_ALG_A = Endpoint("198.51.100.5", 5060)
_ALG_A_CORE = Endpoint("192.0.2.130", 5060)
_ALG_B = Endpoint("198.51.100.105", 5060)
_ALG_B_CORE = Endpoint("192.0.2.140", 5060)
_IQ_A = (Endpoint("192.0.2.10", 2944), Endpoint("192.0.2.20", 2944))
_IQ_B = (Endpoint("192.0.2.30", 2944), Endpoint("192.0.2.40", 2944))


def ue_a() -> Ue:
    """UE A behind its NAT, in front of the first edge."""
    return Ue("UE A", URI_A, wire=ACCESS_A.wire, address="203.0.113.10", proxy=_ALG_A, media_security=False,
              behind=nat_of("UE A"))


def ue_b() -> Ue:
    """UE B behind its NAT, in front of the second edge."""
    return Ue("UE B", URI_B, wire=ACCESS_B.wire, address="203.0.113.20", proxy=_ALG_B, media_security=False,
              behind=nat_of("UE B", core=True))


def two_edges(a: Ue, b: Ue) -> Topology:
    """UE A, its IMS-ALG and IMS-AGW, the core, and the same for UE B; an Iq wire for each pair."""
    return Topology(
        wires=(Wire(a.wire, delay=0.010), Wire("Iq A", delay=0.002), Wire(edge.CORE, delay=0.005),
               Wire("Iq B", delay=0.002), Wire(b.wire, delay=0.010)),
        nodes=(
            a,
            Alg("IMS-ALG A", access=_ALG_A, access_wire=a.wire, core=_ALG_A_CORE, core_wire=edge.CORE,
                control=_IQ_A[0], control_wire="Iq A", gateway=_IQ_A[1], routes={"home2.example": _ALG_B_CORE}),
            Agw("IMS-AGW A", control=_IQ_A[1], control_wire="Iq A", controller=_IQ_A[0], access="198.51.100.1",
                access_wire=a.wire, core="192.0.2.129", core_wire=edge.CORE),
            Agw("IMS-AGW B", control=_IQ_B[1], control_wire="Iq B", controller=_IQ_B[0], access="198.51.100.101",
                access_wire=b.wire, core="192.0.2.139", core_wire=edge.CORE),
            Alg("IMS-ALG B", access=_ALG_B, access_wire=b.wire, core=_ALG_B_CORE, core_wire=edge.CORE,
                control=_IQ_B[0], control_wire="Iq B", gateway=_IQ_B[1], routes={"home1.example": _ALG_A_CORE}),
            b,
        ),
    )
