"""What an MRFP takes and refuses of floors that its MRFC tells over Mp (TS 23.333 §8.45, §8.46), from H.248 text."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from workbench import scenarios
from workbench.lab.scenario import at
from workbench.net.values import DatagramReceived, Endpoint, SendDatagram, Started
from workbench.nodes.mrfp import Mrfp
from workbench.nodes.orders import Call, HangUp, RequestFloor
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import text
from workbench.security.source import Source

MRFP, MRFC = Endpoint("192.0.2.40", 2944), Endpoint("192.0.2.30", 2944)
CONFERENCE = 'mpfc/conf = 4321, mpfc/flr = ["543", "544"], mpfc/alg = Arrival, mpfc/most = 2'


class Told:
    """An MRFP that is registered, and given orders one by one."""

    def __init__(self) -> None:
        self.node = Mrfp("MRFP", control=MRFP, controller=MRFC, address="192.0.2.160", source=Source(1, "mrfp"))
        self.node.handle(Started(), 0.0)
        self._sees("Reply = 1 { Context = - { ServiceChange = ROOT { Services { Version = 2 } } } }")
        self._number = 1000

    def _sees(self, body: str) -> list[Any]:
        return self.node.handle(DatagramReceived(MRFP, MRFC, f"MEGACO/2 [192.0.2.30]:2944\n{body}\n".encode()), 1.0)

    def orders(self, action: str) -> h248.ActionReply:
        """The reply to one action."""
        self._number += 1
        sent = self._sees(f"Transaction = {self._number} {{ {action} }}")
        (reply,) = text.decode(next(one.data for one in sent if isinstance(one, SendDatagram))).body
        assert isinstance(reply, h248.Reply)
        return reply.actions[0]

    def adds(self, properties: str, user: int = 234, context: str = "$", proto: str = "TCP/BFCP") -> int:
        """The error of an Add of a BFCP termination with these properties; 0: none."""
        bfcp = f"a=confid:4321\na=userid:{user}\na=floorid:543" if proto == "TCP/BFCP" else ""
        reply = self.orders(
            f"Context = {context} {{ Add = $ {{ Media {{ Stream = 1 {{ LocalControl {{ Mode = SendReceive, "
            f'ipdc/realm = "media.example.net", {properties} }}, '
            f"Local {{\nv=0\nc=IN IP4 $\nm=application $ {proto} *\na=setup:passive\n{bfcp}\n}} }} }} }} }}")
        error = reply.error or reply.commands[0].error
        return 0 if error is None else error.code


def test_a_floor_has_one_chair():
    """X24: 479 for a second one in the context, and nothing is added; another floor, and another context, are free."""
    told = Told()
    assert told.adds(f"{CONFERENCE}, mpfc/chair = [543]") == 0
    assert told.adds(f"{CONFERENCE}, mpfc/chair = [543]", 235, "1") == 479
    assert told.node.figures()["terminations"] == {"": 1}
    assert told.adds(f"{CONFERENCE}, mpfc/chair = [544]", 235, "1") == 0
    assert told.adds(f"{CONFERENCE}, mpfc/chair = [543]", 235) == 0


def test_a_chair_that_has_gone_makes_room():
    """The next one may be designated once the termination of the first is subtracted; not before."""
    told = Told()
    assert told.adds(f"{CONFERENCE}, mpfc/chair = [543]") == told.adds(CONFERENCE, 235, "1") == 0
    modify = "Context = 1 { Modify = ip/1/media/2 { Media { Stream = 1 { LocalControl { mpfc/chair = [543] } } } } }"
    assert told.orders(modify).commands[0].error.code == 479  # type: ignore[union-attr]
    told.orders("Context = 1 { Subtract = ip/1/media/1 { Audit { } } }")
    assert told.orders(modify).commands[0].error is None


@pytest.mark.parametrize(("properties", "code"), [
    ("mpfc/conf = 4321", 449), ('mpfc/flr = ["543"]', 449), ("mpfc/most = 1", 449),
    ('mpfc/conf = 4321, mpfc/flr = ["543", "543"]', 449), ('mpfc/conf = 4321, mpfc/flr = ["floor"]', 449),
    ('mpfc/conf = 4321, mpfc/flr = ["543"], mpfc/most = 0', 449),
    ('mpfc/conf = 4321, mpfc/flr = ["543"], mpfc/most = 257', 449),
    ('mpfc/conf = 4321, mpfc/flr = ["543"], mpfc/alg = Chance', 449),
    ('mpfc/conf = 4294967296, mpfc/flr = ["543"]', 449), ('mpfc/conf = 1, mpfc/flr = ["543"]', 473),
    (f"{CONFERENCE}, mpfc/chair = [545]", 473), (f"{CONFERENCE}, mpfc/chair = [70000]", 449),
    (f"mpfc/conf = 4321, mpfc/flr = [{', '.join(f'{chr(34)}{floor}{chr(34)}' for floor in range(17))}]", 449)])
def test_what_can_be_no_conference_is_refused(properties: str, code: int):
    """449 or 473, and nothing is added."""
    told = Told()
    assert told.adds(properties) == code and told.node.figures()["terminations"] == {"": 0}


def test_floors_go_with_bfcp_only():
    """473: a termination of messages has no floors."""
    assert Told().adds(CONFERENCE, proto="TCP/MSRP") == 473


def test_the_chair_that_the_mrfc_designates(tmp_path: Any):
    """With a chair at UE B, its termination alone is told so, and nobody is granted what the chair has not decided."""
    scenario = scenarios.get("mp-bfcp-dial-in")
    (before,) = (node for node in scenario.topology.nodes if node.name == "MRFC")
    ((uri, told),) = before.floors.items()  # type: ignore[union-attr]
    chaired = {uri: msgspec.structs.replace(told, chair="sip:bob@home2.example")}
    script = (at(8.0, "UE B", Call(uri)), at(12.0, "UE A", Call(uri)), at(20.0, "UE A", RequestFloor("slides")),
              at(30.0, "UE A", HangUp()), at(31.0, "UE B", HangUp()))
    run = msgspec.structs.replace(scenario, topology=scenario.topology.changed({"MRFC": {"floors": chaired}}),
                                  script=script, expect=(), weakened=()).run(out=tmp_path)
    assert run.capture.read_bytes().count(b"mpfc/chair") == 1
    said = [one.summary for one in run.report.messages if one.protocol == "BFCP"]
    assert any("Pending" in one for one in said) and not any("Granted" in one for one in said)
