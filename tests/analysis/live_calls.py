"""Live calls between nodes of this workbench, for captures that no scenario of the catalogue gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.lab.scenario import Scenario, at
from workbench.lab.topology import Agw, Alg, Behind, Setup, Topology, Ue
from workbench.net.interface import Wire
from workbench.net.values import Endpoint
from workbench.nodes.orders import Call, HangUp, Register, SendText


def addresses(ip: int) -> dict[str, str]:
    """Documentation addresses: of IPv4 (RFC 5737), or of IPv6 (RFC 3849)."""
    four = {"alg a": "198.51.100.5", "agw a": "198.51.100.1", "ue a": "203.0.113.10", "home a": "10.0.0.10",
            "nat a": "10.0.0.1", "core alg a": "192.0.2.130", "core agw a": "192.0.2.129", "iq alg a": "192.0.2.10",
            "iq agw a": "192.0.2.20", "alg b": "198.51.100.205", "agw b": "198.51.100.201", "ue b": "203.0.113.20",
            "home b": "10.9.0.20", "nat b": "10.9.0.1", "core alg b": "192.0.2.140", "core agw b": "192.0.2.139",
            "iq alg b": "192.0.2.30", "iq agw b": "192.0.2.40"}
    return four if ip == 4 else {name: f"2001:db8:{number + 1:x}::{number + 1:x}" for number, name in enumerate(four)}


def edge(side: str, other: str, at_: dict[str, str], ue: dict[str, Any], alg: dict[str, Any],
         agw: dict[str, Any]) -> tuple[Setup, ...]:
    """The UE, IMS-ALG and IMS-AGW of one side, whose core side leads to the other IMS-ALG."""
    key, there = side.casefold(), other.casefold()
    nat = ue.pop("nat", False)
    behind = Behind(f"NAT {side}", wire=f"UE {side} home", address=at_[f"home {key}"], inside=at_[f"nat {key}"])
    access = f"UE {side} access"
    proxy = Endpoint(at_[f"alg {key}"], 5060)
    control, controller = Endpoint(at_[f"iq agw {key}"], 2944), Endpoint(at_[f"iq alg {key}"], 2944)
    return (
        Ue(f"UE {side}", f"sip:{key}@home{key}.example", wire=access, address=at_[f"ue {key}"], proxy=proxy,
           media_security=False, behind=behind if nat else None, **ue),
        Alg(f"IMS-ALG {side}", access=proxy, access_wire=access, core=Endpoint(at_[f"core alg {key}"], 5060),
            core_wire="Core", control=controller, control_wire=f"Iq {side}", gateway=control,
            routes={f"home{there}.example": Endpoint(at_[f"core alg {there}"], 5060)}, **alg),
        Agw(f"IMS-AGW {side}", control=control, control_wire=f"Iq {side}", controller=controller,
            access=at_[f"agw {key}"], access_wire=access, core=at_[f"core agw {key}"], core_wire="Core", **agw))


def two_edges(path: Path, *, ip: int = 4, seed: int = 1, impair: dict[str, float] | None = None, script: tuple = (),
              until: float = 40.0, **settings: dict[str, Any]) -> Report:
    """UE A calls UE B, each through its own access edge; what the analyser says of the capture.

    Args:
        settings: by `ue_a`, `alg_a`, `agw_a`, `ue_b`, ...: fields of these nodes; `nat=True` puts a UE behind one.
    """
    at_ = addresses(ip)
    sides = [edge(side, other, at_, *(dict(settings.get(f"{kind}_{side.casefold()}", {})) for kind in
                                      ("ue", "alg", "agw"))) for side, other in (("A", "B"), ("B", "A"))]
    wires = [Wire(f"Iq {side}" if name == "Iq" else f"UE {side} {name}", delay=delay)
             for side in "AB" for name, delay in (("access", 0.010), ("Iq", 0.002))]
    scenario = Scenario(
        id="two-edges", title="a call across two access edges", family="test", clauses=(), workplan=(), teaching="",
        topology=Topology((*wires, Wire("Core", delay=0.005)), (*sides[0], *sides[1])), knobs={}, until=until,
        script=script or (
            at(0.0, "UE A", Register()), at(0.0, "UE B", Register()), at(1.0, "UE A", Call("sip:b@homeb.example")),
            at(2.0, "UE A", SendText("Conference floor opens at 10:00.")), at(2.5, "UE B", SendText("Fine.")),
            at(20.0, "UE A", HangUp(after_heard=1))), expect=(), weakened=())
    return analyze(scenario.start(seed=seed, out=path, impair=impair).finish().capture)
