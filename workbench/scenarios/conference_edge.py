"""Places that scenarios of conferences share: an MRFC and its MRFP, joined by Mp, and UEs that call.

The UEs are on the core's wire: what access edges do in between is the business of other scenarios.
"""

from __future__ import annotations

from workbench.lab.scenario import Knob
from workbench.lab.seen import Side
from workbench.lab.topology import Topology, Ue
from workbench.lab.topology_mp import Mrfc, Mrfp
from workbench.net.interface import Wire
from workbench.net.values import Endpoint

CORE = "Core"
MP = "Mp"
MEDIA = Side(CORE, "MRFP")
CONFERENCE = "sip:conf-1@ims.example"

_SIP = Endpoint("192.0.2.150", 5060)
_MRFC = Endpoint("192.0.2.30", 2944)
_MRFP = Endpoint("192.0.2.40", 2944)


def participant(name: str, uri: str, last: int) -> Ue:
    """A UE that leaves it open who opens the connection; `last` is the end of its address."""
    return Ue(name, uri, wire=CORE, address=f"192.0.2.{last}", proxy=_SIP, registers=False, media_security=False,
              offers="actpass")


def conference(*participants: Ue) -> Topology:
    """The MRFC, the MRFP and those who call."""
    return Topology(
        wires=(Wire(CORE, delay=0.010), Wire(MP, delay=0.002)),
        nodes=(
            *participants,
            Mrfc("MRFC", sip=_SIP, sip_wire=CORE, control=_MRFC, control_wire=MP, mrfp=_MRFP,
                 conferences=(CONFERENCE,)),
            Mrfp("MRFP", control=_MRFP, control_wire=MP, controller=_MRFC, media="192.0.2.160", media_wire=CORE),
        ))


def style_knob() -> Knob:
    """Which of the two token lengths H.248 text uses."""
    return Knob(
        "tokens", "H.248 text tokens: long (pretty) or short (compact)",
        {"long": {"MRFC": {"coding": "pretty"}}, "short": {"MRFC": {"coding": "compact"}}}, default="long")
