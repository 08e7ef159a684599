"""Two operators: two access edges, and between their cores two borders, each with an IBCF and its TrGW.

UE A - IMS-ALG A, IMS-AGW A - IBCF A, TrGW A - IBCF B, TrGW B - IMS-ALG B, IMS-AGW B - UE B. Addresses are documentation
ranges (RFC 5737) and, behind a NAT, RFC 1918.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Expectation, Holds, InOrder
from workbench.lab.scenario import Knob
from workbench.lab.seen import Side
from workbench.lab.topology import Agw, Alg, Ibcf, Topology, Trgw, Ue
from workbench.net.interface import Wire
from workbench.net.values import Endpoint
from workbench.scenarios import tcp_edge as tcp

CORE_A, BORDER, CORE_B = "Core A", "Border", "Core B"
ACCESS_A, ACCESS_B = tcp.ACCESS_A.wire, tcp.ACCESS_B.wire
WIRES = (ACCESS_A, CORE_A, BORDER, CORE_B, ACCESS_B)
ACCESS_GATEWAYS = ("IMS-AGW A", "IMS-AGW B")
BORDER_GATEWAYS = ("TrGW A", "TrGW B")
CALLS = (tcp.ACCESS_A, tcp.ACCESS_B)

_SIP = 5060
_H248 = 2944
_ALG_A = Endpoint("198.51.100.5", _SIP)
_ALG_A_CORE = Endpoint("192.0.2.5", _SIP)
_IBCF_A_CORE = Endpoint("192.0.2.6", _SIP)
_IBCF_A = Endpoint("192.0.2.65", _SIP)
_IBCF_B = Endpoint("192.0.2.66", _SIP)
_IBCF_B_CORE = Endpoint("192.0.2.130", _SIP)
_ALG_B_CORE = Endpoint("192.0.2.131", _SIP)
_ALG_B = Endpoint("198.51.100.105", _SIP)

# The border over IPv6 (RFC 3849).
_IBCF_A_V6 = Endpoint("2001:db8:b::65", _SIP)
_IBCF_B_V6 = Endpoint("2001:db8:b::66", _SIP)

_TRGW_A, _TRGW_B = Side(CORE_A, "TrGW A"), Side(CORE_B, "TrGW B")
_BORDER_A, _BORDER_B = Side(BORDER, "TrGW A"), Side(BORDER, "TrGW B")


def _h248(number: int) -> tuple[Endpoint, Endpoint]:
    """Controller and gateway on a control wire."""
    return Endpoint(f"192.0.2.{192 + number}", _H248), Endpoint(f"192.0.2.{193 + number}", _H248)


def two_operators(a: Ue, b: Ue) -> Topology:
    """Both UEs, their access edges, and the borders of both networks; UEs are those of `tcp_edge`."""
    iq_a, ix_a, ix_b, iq_b = _h248(0), _h248(4), _h248(8), _h248(12)
    home_1, home_2 = "home1.example", "home2.example"
    return Topology(
        wires=(Wire(ACCESS_A, delay=0.010), Wire("Iq A", delay=0.002), Wire(CORE_A, delay=0.005),
               Wire("Ix A", delay=0.002), Wire(BORDER, delay=0.005), Wire("Ix B", delay=0.002),
               Wire(CORE_B, delay=0.005), Wire("Iq B", delay=0.002), Wire(ACCESS_B, delay=0.010)),
        nodes=(
            a,
            Alg("IMS-ALG A", access=_ALG_A, access_wire=ACCESS_A, core=_ALG_A_CORE, core_wire=CORE_A, control=iq_a[0],
                control_wire="Iq A", gateway=iq_a[1], routes={home_2: _IBCF_A_CORE}),
            Agw("IMS-AGW A", control=iq_a[1], control_wire="Iq A", controller=iq_a[0], access="198.51.100.1",
                access_wire=ACCESS_A, core="192.0.2.1", core_wire=CORE_A),
            Ibcf("IBCF A", access=_IBCF_A_CORE, access_wire=CORE_A, core=_IBCF_A, core_wire=BORDER, control=ix_a[0],
                 control_wire="Ix A", gateway=ix_a[1], routes={home_2: _IBCF_B, home_1: _ALG_A_CORE}),
            Trgw("TrGW A", control=ix_a[1], control_wire="Ix A", controller=ix_a[0], access="192.0.2.2",
                 access_wire=CORE_A, core="192.0.2.70", core_wire=BORDER),
            Trgw("TrGW B", control=ix_b[1], control_wire="Ix B", controller=ix_b[0], access="192.0.2.140",
                 access_wire=CORE_B, core="192.0.2.71", core_wire=BORDER),
            Ibcf("IBCF B", access=_IBCF_B_CORE, access_wire=CORE_B, core=_IBCF_B, core_wire=BORDER, control=ix_b[0],
                 control_wire="Ix B", gateway=ix_b[1], routes={home_1: _IBCF_A, home_2: _ALG_B_CORE}),
            Agw("IMS-AGW B", control=iq_b[1], control_wire="Iq B", controller=iq_b[0], access="198.51.100.101",
                access_wire=ACCESS_B, core="192.0.2.141", core_wire=CORE_B),
            Alg("IMS-ALG B", access=_ALG_B, access_wire=ACCESS_B, core=_ALG_B_CORE, core_wire=CORE_B, control=iq_b[0],
                control_wire="Iq B", gateway=iq_b[1], routes={home_1: _IBCF_B_CORE}),
            b,
        ),
    )


def ip_knob() -> Knob:
    """Which IP version the border has; TrGWs join it and the two networks."""
    home_1, home_2 = "home1.example", "home2.example"
    return Knob(
        "border", "IP version at the border between the two networks, which have IPv4",
        {"4": {}, "6": {
            "IBCF A": {"core": _IBCF_A_V6, "routes": {home_2: _IBCF_B_V6, home_1: _ALG_A_CORE}},
            "IBCF B": {"core": _IBCF_B_V6, "routes": {home_1: _IBCF_A_V6, home_2: _ALG_B_CORE}},
            "TrGW A": {"core": "2001:db8:b::70"}, "TrGW B": {"core": "2001:db8:b::71"}}}, default="4")


def triggered(name: str, *, by: str) -> Expectation:
    """One SYN triggers the next, from that UE's side to the other."""
    steps = [(tcp.ACCESS_A, seen.Side(CORE_A, "TrGW A"), seen.Side(BORDER, "TrGW B"), tcp.ACCESS_B),
             (tcp.ACCESS_B, seen.Side(CORE_B, "TrGW B"), seen.Side(BORDER, "TrGW A"), tcp.ACCESS_A)][by == "UE B"]
    return InOrder(name, (*(seen.comes(one, "SYN") for one in steps[:3]), seen.leaves(steps[3], "SYN")))


def passed_on(name: str) -> Expectation:
    """Both TrGWs pass the octets of both directions as they came."""
    return Holds(name, seen.in_turn(
        seen.octets_pass(_TRGW_A, _BORDER_A), seen.octets_pass(_BORDER_A, _TRGW_A),
        seen.octets_pass(_BORDER_B, _TRGW_B), seen.octets_pass(_TRGW_B, _BORDER_B)))


def plain_at_border(name: str) -> Expectation:
    """Both TrGWs are told TCP on both sides."""
    return Holds(name, seen.in_turn(*(
        seen.transports({"core": "TCP", "border": "TCP"}, gateway=one) for one in BORDER_GATEWAYS)))


def alert_ends_both(name: str) -> Expectation:
    """A UE finds a record that was changed (X6): its alert, and FIN of TrGW A on both sides."""
    alert = seen.any_of(seen.alert("bad_record_mac", ACCESS_B, "UE B"), seen.alert("bad_record_mac", ACCESS_A, "UE A"))
    return Holds(name, seen.all_of(
        alert, seen.after(alert, seen.leaves(_TRGW_A, "FIN")), seen.after(alert, seen.leaves(_BORDER_A, "FIN"))))


def flushed(name: str) -> Expectation:
    """What came in on one side of TrGW A before FIN leaves on the other before its FIN (X11)."""
    return Holds(name, seen.flushed_in_flight(_TRGW_A, _BORDER_A))


def unanswered_is_reported(name: str) -> Expectation:
    """TrGW B's SYN into its own network stays unanswered (X12): a report, and by itself RST on the other side."""
    return Holds(name, seen.in_turn(
        seen.all_of(seen.failure_reported("core", gateway="TrGW B")),
        seen.in_order(seen.leaves(_BORDER_B, "RST"), seen.subtracted(gateway="TrGW B"))))
