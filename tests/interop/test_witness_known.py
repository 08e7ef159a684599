"""Each known difference between Wireshark and us, in octets: told, explained, and hiding nothing of the message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from capturing import A, B, Talk, sdp, sip, udp, write
from programs import need

from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.analysis.values import Message
from workbench.net.values import Endpoint
from workbench.protocols.bfcp import messages as bfcp
from workbench.protocols.bfcp import wire as bfcp_wire
from workbench.protocols.bfcp.registry import Primitive
from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.messages import Field, FieldType, IfpPacket, UdptlPacket
from workbench.protocols.tls.messages import ChangeCipherSpec
from workbench.witness.known import KNOWN
from workbench.witness.second_opinion import second_opinion
from workbench.witness.values import Disagreement

BODY = b"a list\r\n-------with hyphens\r\n-------another0$\r\nand its end"
SIDES = (Endpoint("192.0.2.1", 5060), Endpoint("192.0.2.2", 5060))


def msrp(id: str, body: bytes) -> bytes:
    lines = [f"MSRP {id} SEND", "To-Path: msrp://192.0.2.2:40002/b;tcp", "From-Path: msrp://192.0.2.1:40001/a;tcp",
             f"Message-ID: m{id}", f"Byte-Range: 1-{len(body)}/{len(body)}", "Content-Type: text/plain", "", ""]
    return "\r\n".join(lines).encode() + body + f"\r\n-------{id}$\r\n".encode()


def end_line_in_body() -> list[Any]:
    return Talk().opens().says(0, msrp("dkei38sd", BODY)).closes().frames


def in_pieces() -> list[Any]:
    """The second message begins behind the first one and ends in the next segment."""
    octets = msrp("first123", b"x" * 1000) + msrp("dkei38sd", b"y" * 1000)
    return Talk().opens().says(0, octets[:1400]).says(0, octets[1400:]).closes().frames


def end_of_no_frame() -> list[Any]:
    """A fax whose first packet with T.30 data is the end of a frame: what began it is not in the capture."""
    offer, answer = (sdp(end.host, end.port, "udptl", "T38FaxVersion:0", "T38FaxUdpEC:t38UDPRedundancy").replace(
        "m=message", "m=image").replace("udptl *", "udptl t38") for end in (A, B))
    frames = [udp(0.0, *SIDES, sip("INVITE sip:b@home2.example SIP/2.0", "fax", "INVITE", offer)),
              udp(0.1, SIDES[1], SIDES[0], sip("SIP/2.0 200 OK", "fax", "INVITE", answer))]
    ends = IfpPacket(data=0, fields=(Field(FieldType.HDLC_FCS_OK_SIG_END),))
    flag = IfpPacket(indicator=3)
    for number, (packet, before) in enumerate([(flag, ()), (ends, (flag,)), (ends, (ends, flag))]):
        octets = udptl.encode(UdptlPacket(number, ifp.encode(packet, 0), tuple(ifp.encode(one, 0) for one in before)))
        frames.append(udp(1.0 + number, A, B, octets))
    return frames


def floor_over_udp(most: int = 1200) -> list[Any]:
    """A request for three floors, in datagrams of so many octets at most."""
    asked = bfcp.Message(Primitive.FLOOR_REQUEST, 4321, 2, 234, tuple(
        bfcp.floor_id(floor) for floor in (543, 545, 546)), bfcp.UNRELIABLE)
    offer = sdp(B.host, B.port, "UDP/BFCP", "floorctrl:s-only")
    return [udp(0.0, SIDES[1], SIDES[0], sip("INVITE sip:b@home2.example SIP/2.0", "floor", "INVITE", offer)),
            *(udp(1.0, A, B, octets) for octets in bfcp_wire.encode_datagrams(asked, most))]


def _another_id(value: Any) -> Any:
    return msgspec.structs.replace(value, headers=tuple(
        msgspec.structs.replace(one, value="other") if one.name == "Message-ID" else one for one in value.headers))


CAPTURES = Path(__file__).parents[2] / "captures"
CASES: dict[str, tuple[Callable[[], Any], str, str, Callable[[Any], Any]]] = {
    "msrp-end-line-in-body": (end_line_in_body, "MSRP", "Message-ID", _another_id),
    "msrp-in-pieces": (in_pieces, "MSRP", "Message-ID", _another_id),
    "tls-keys-forgotten": (lambda: CAPTURES / "e2ae-bfcp-renegotiation-role-clash.pcapng", "TLS", "", lambda one: one),
    "tls-alert-to-clear-text": (lambda: CAPTURES / "e2ae-handshake-timeout-clear.pcapng", "TLS", "alert",
                                lambda value: msgspec.structs.replace(value, description=40)),
    "bfcp-version-2": (floor_over_udp, "BFCP", "floor id", lambda value: msgspec.structs.replace(
        value, attributes=(msgspec.structs.replace(value.attributes[0], value=544), *value.attributes[1:]))),
    "bfcp-fragments": (lambda: floor_over_udp(20), "BFCP", "", lambda one: one),
    "t38-page-breaks-off": (end_of_no_frame, "UDPTL", "indicator", lambda value: msgspec.structs.replace(
        value, secondary=(*value.secondary[:-1], ifp.encode(IfpPacket(indicator=5), 0)))),
}
# The reason says that Wireshark has nothing to compare with.
NOT_COMPARED = ("tls-keys-forgotten", "bfcp-fragments")
each = pytest.mark.parametrize("id", list(CASES))


class Misread:
    """A report whose last message of a protocol is read wrongly."""

    def __init__(self, report: Report, protocol: str, change: Callable[[Any], Any]) -> None:
        self._report = report
        last = report.messages_of(protocol)[-1]
        self._wrong = msgspec.structs.replace(last, value=change(last.value))

    def messages_of(self, *protocols: str) -> list[Message]:
        return [self._wrong if one.index == self._wrong.index else one for one in self._report.messages_of(*protocols)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._report, name)


def read(id: str, tmp_path: Path) -> Report:
    need("tshark")
    made = CASES[id][0]()
    return analyze(made if isinstance(made, Path) else write(tmp_path / f"{id}.pcapng", made))


def test_every_known_difference_has_a_case() -> None:
    """The table holds nothing that no octets show."""
    assert {one.id for one in KNOWN} == set(CASES) and all(len(one.reason) > 80 for one in KNOWN)


@each
def test_it_is_told_with_its_reason_and_all_values_agree(id: str, tmp_path: Path) -> None:
    """Wireshark reads it otherwise; given to it without what it stumbles over, it reads every value as we do."""
    report = read(id, tmp_path)
    opinion = second_opinion(report)
    assert opinion.disagreements == () and opinion.notes == ()
    assert {one.known for one in opinion.known} == {id} and all(one.reason for one in opinion.known)
    protocol = CASES[id][1]
    seen = [one for one in report.messages_of(protocol) if not isinstance(one.value, ChangeCipherSpec | None)]
    assert opinion.agreed(protocol) == len(seen) - (id in NOT_COMPARED)
    assert opinion.agreed(protocol) > 0 or id in NOT_COMPARED


@pytest.mark.parametrize("id", [one for one in CASES if one not in NOT_COMPARED])
def test_a_wrong_value_in_such_a_message_is_found(id: str, tmp_path: Path) -> None:
    """The known difference does not hide that a value of ours is wrong."""
    _, protocol, field, change = CASES[id]
    wrong = Misread(read(id, tmp_path), protocol, change)
    opinion = second_opinion(wrong)  # type: ignore[arg-type]
    assert [(one.protocol, one.field) for one in opinion.disagreements] == [(protocol, field)]
    assert isinstance(opinion.disagreements[0], Disagreement) and opinion.disagreements[0].frame > 0
