"""Places that scenarios share: one access edge of the IMS with a UE, an IMS-ALG, an IMS-AGW and a peer beyond the core.

Addresses are documentation ranges (RFC 5737) and, behind the NAT, RFC 1918.
"""

from __future__ import annotations

from workbench.lab.scenario import Knob
from workbench.lab.topology import Agw, Alg, Behind, Changes, Topology, Ue
from workbench.net.interface import Wire
from workbench.net.values import Endpoint

IQ = "Iq"
CORE = "Core"

_ALG_ACCESS = Endpoint("198.51.100.5", 5060)
_ALG_CORE = Endpoint("192.0.2.130", 5060)
_ALG_CONTROL = Endpoint("192.0.2.10", 2944)
_AGW_CONTROL = Endpoint("192.0.2.20", 2944)
_PEER = Endpoint("192.0.2.200", 5060)

_UE_PUBLIC = "203.0.113.10"

# The same places over IPv6 (RFC 3849).
_ALG_ACCESS_V6 = Endpoint("2001:db8:a::5", 5060)
_ALG_CORE_V6 = Endpoint("2001:db8:c::130", 5060)
_ALG_CONTROL_V6 = Endpoint("2001:db8:1::10", 2944)
_AGW_CONTROL_V6 = Endpoint("2001:db8:1::20", 2944)
_PEER_V6 = Endpoint("2001:db8:c::200", 5060)


def access_edge(ue: Ue, peer: Ue) -> Topology:
    """A UE on its access wire, a peer on the core, the IMS-ALG and the IMS-AGW between them, joined by Iq."""
    return Topology(
        wires=(Wire(ue.wire, delay=0.010), Wire(IQ, delay=0.002), Wire(CORE, delay=0.005)),
        nodes=(
            ue,
            Alg(
                "IMS-ALG", access=_ALG_ACCESS, access_wire=ue.wire, core=_ALG_CORE, core_wire=CORE,
                control=_ALG_CONTROL, control_wire=IQ, gateway=_AGW_CONTROL,
                routes={peer.uri.partition("@")[2]: _PEER},
            ),
            Agw(
                "IMS-AGW", control=_AGW_CONTROL, control_wire=IQ, controller=_ALG_CONTROL,
                access="198.51.100.1", access_wire=ue.wire, core="192.0.2.129", core_wire=CORE,
            ),
            peer,
        ),
    )


def served_ue(name: str, uri: str) -> Ue:
    """A UE of this access edge that supports e2ae security."""
    return Ue(name, uri, wire=f"{name} access", address=_UE_PUBLIC, proxy=_ALG_ACCESS)


def core_peer(name: str, uri: str) -> Ue:
    """The other end of the call, beyond the core: no registration here, no media plane security."""
    return Ue(name, uri, wire=CORE, address=_PEER.host, proxy=_ALG_CORE, registers=False, media_security=False)


def tls_knob(ue: str) -> Knob:
    """Which TLS version the access leg gets."""
    return Knob(
        "tls", "TLS version between UE and IMS-AGW",
        {"1.3": {ue: {"tls_versions": ("1.3",)}}, "1.2": {ue: {"tls_versions": ("1.2",)}}}, default="1.3",
    )


def nat_knob(ue: str) -> Knob:
    """Whether the UE sits behind a NAT; it has to be the TCP client then."""
    nat = Behind(f"NAT of {ue}", wire=f"{ue} home", address="10.0.0.10", inside="10.0.0.1")
    return Knob(
        "nat", "where the UE sits: reachable, or behind a NAT that filters by address and port (the IMS-AGW latches)",
        {"none": {}, "behind": {ue: {"behind": nat}}}, default="none",
        implies={"behind": {"tcp_active": "ue"}},
        conflicts={"behind": ("tcp_active", "peer", (
            "a UE behind a NAT can't be reached by the gateway's SYN, so it has to be TCP-active (TS 23.334 §5.4; "
            "both sides active is TCP merge mode, another scenario)"))},
    )


def ip_knob(ue: Ue, peer: Ue) -> Knob:
    """Which IP version each side of the edge has."""
    access: Changes = {
        ue.name: {"address": "2001:db8:a::a", "proxy": _ALG_ACCESS_V6},
        "IMS-ALG": {"access": _ALG_ACCESS_V6},
        "IMS-AGW": {"access": "2001:db8:a::1"},
    }
    whole: Changes = {
        ue.name: access[ue.name],
        peer.name: {"address": _PEER_V6.host, "proxy": _ALG_CORE_V6},
        "IMS-ALG": {"access": _ALG_ACCESS_V6, "core": _ALG_CORE_V6, "control": _ALG_CONTROL_V6,
                    "gateway": _AGW_CONTROL_V6, "routes": {peer.uri.partition("@")[2]: _PEER_V6}},
        "IMS-AGW": {"access": "2001:db8:a::1", "core": "2001:db8:c::129", "control": _AGW_CONTROL_V6,
                    "controller": _ALG_CONTROL_V6},
    }
    why = "the NAT of this scenario is an IPv4 one"
    return Knob(
        "ip", "IP version: 4, 6, or 6-4 where the gateway joins an IPv6 access and an IPv4 core",
        {"4": {}, "6": whole, "6-4": access}, default="4",
        conflicts={"6": ("nat", "behind", why), "6-4": ("nat", "behind", why)},
    )


def bearer_knob() -> Knob:
    """How the gateway handles MSRP, which the m= lines on Iq say."""
    return Knob(
        "bearer", "bearer type on Iq: TCP/TLS (agnostic, as TS 23.334 §5.19.2 asks with CEMA) or TCP/TLS/MSRP (the "
        "gateway rewrites paths)",
        {"agnostic": {"IMS-ALG": {"msrp": "cema"}}, "msrp": {"IMS-ALG": {"msrp": "aware"}}}, default="agnostic",
        shows={"msrp": ("cema-made-aware",)},
    )


def style_knob() -> Knob:
    """Which of the two token lengths H.248 text uses."""
    return Knob(
        "tokens", "H.248 text tokens: long (pretty) or short (compact)",
        {"long": {"IMS-ALG": {"coding": "pretty"}}, "short": {"IMS-ALG": {"coding": "compact"}}}, default="long",
    )
