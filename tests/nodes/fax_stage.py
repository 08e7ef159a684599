"""A stage for faxes at the access edge, on the virtual network: what happened is read from the capture."""

from __future__ import annotations

import msgspec

from workbench.lab.scenario import Scenario, at
from workbench.nodes.orders import Call, HangUp, Register, SendFax
from workbench.protocols import sdp
from workbench.protocols.t38 import recorded, udptl
from workbench.scenarios import access_edge as edge

A, PEER = "UE A", "Peer"
URIS = {A: "sip:alice@home1.example", PEER: "sip:bob@home2.example"}
FAX = recorded.load()


class Edge:
    """A fax from one side of the edge to the other."""

    def __init__(self, tmp_path, caller, *, ue=None, peer=None, changes=None, more=(), script=()):
        called = PEER if caller == A else A
        served = msgspec.structs.replace(edge.served_ue(A, URIS[A]), **{"media": "t38", **(ue or {})})
        beyond = msgspec.structs.replace(edge.core_peer(PEER, URIS[PEER]), **{"media": "t38", **(peer or {})})
        topology = edge.access_edge(served, beyond).changed(changes or {})
        usual = ((0.0, A, Register()), (1.0, caller, Call(URIS[called])), (5.0, caller, SendFax(waits=False)),
                 (5.0, called, SendFax(waits=False)), (40.0, caller, HangUp()))
        script = (*(at(*line) for line in script or usual), *more)
        scenario = Scenario("fax", "a fax", "test", (), (), "", topology, {}, script, (), (), until=60.0)
        self.report = scenario.start(seed=1, out=tmp_path).finish().report

    def on(self, wire: str, *protocols: str):
        return [one for one in self.report.messages if one.protocol in protocols and wire in one.wire]

    def streams(self, wire: str) -> list[sdp.Media]:
        bodies = [one.octets.partition(b"\r\n\r\n")[2] for one in self.on(wire, "SIP")]
        return [sdp.decode(body).media[0] for body in bodies if body]

    def said(self, wire: str) -> set[bytes]:
        """IFP packets on a wire, in whatever direction."""
        return {udptl.decode(one.octets).primary for one in self.on(wire, "UDPTL")}
