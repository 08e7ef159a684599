"""sipp calls `workbench mrfc`, which orders `workbench mrfp`: MSRP by hand and libre's BFCP in the conferences.

Source: TS 23.333 §6.2.20.1, §6.2.13; RFC 6714; RFC 8856 §5.
"""

from __future__ import annotations

import re
import socket
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from interop.agw_stage import BEHIND, holds
from interop.children import PATIENCE, Child, Children
from interop.msrp_ends import MsrpEnd, OnSocket
from interop.sipp import Caller, bfcp, hears, msrp, played, plays, reply, rings, told

from workbench.protocols.bfcp.registry import Status

CHAT, FLOORS = "sip:conf-1@ims.example", "sip:floors@ims.example"
ALICE, BOB = "sip:alice@home1.example", "sip:bob@home2.example"
PEOPLE = {234: ALICE, 235: BOB, 236: "sip:carol@home3.example"}
SIP = 5060
ENDS = [hears("BYE"), reply(200, "OK", inside=True)]


def conference(programs: Children, answers: str, holders: int = 1) -> tuple[Child, Child]:
    """MRFC and MRFP, the one registered with the other; so many may have a floor."""
    here = programs.address
    mrfc = programs.workbench("mrfc", "mrfc", textwrap.dedent(f"""
        control = "{here}:2950"
        mrfp = "{here}:2944"
        sip = "{here}:{SIP}"
        answers = "{answers}"
        conferences = ["{CHAT}", "{FLOORS}"]
        [floors."{FLOORS}"]
        people = {{ {", ".join(f'"{uri}" = {user}' for user, uri in PEOPLE.items())} }}
        holders = {holders}
    """))
    mrfc.says(f"at {here}:2950")
    mrfp = programs.workbench("mrfp", "mrfp", textwrap.dedent(f"""
        control = "{here}:2944"
        controller = "{here}:2950"
        media = "{here}"
    """))
    mrfp.says("registered with the controller")
    return mrfc, mrfp


def dials_in(programs: Children, name: str, uri: str, to: str, sip: int, offer: str, checks: str, *then: str) -> Child:
    """sipp calls a conference, and waits for BYE unless it does something else then."""
    caller = Caller(uri, to)
    return plays(programs, name, sip, caller.invite(offer), *rings(), hears(response=200, checks={"body": checks}),
                 caller.ack(), *(then or ENDS), to=SIP)


@pytest.fixture
def until_end() -> Iterator[ExitStack]:
    """What is closed at the end of the test."""
    with ExitStack() as stack:
        yield stack


def test_messages(programs: Children, until_end: ExitStack):
    """Two calls; the MRFP opens both connections, to where the offers say, and one hears what the other says.

    When a connection ends, the MRFC says BYE on that call; with the last one the context is gone.
    """
    mrfc, mrfp = conference(programs, "active")
    here = programs.address
    answer = rf"c=IN IP4 {re.escape(here)}\r?\n(.*\r?\n)*m=message 9 TCP/MSRP (.*\r?\n)*a=setup:active"
    found: list[tuple[MsrpEnd, socket.socket, Child]] = []
    for number, (name, uri) in enumerate((("alice", ALICE), ("bob", BOB))):
        door = until_end.enter_context(socket.create_server((here, 0)))
        door.settimeout(PATIENCE)
        port = door.getsockname()[1]
        sipp = dials_in(programs, name, uri, CHAT, 5070 + number, msrp(port, "actpass"), answer)
        connection = until_end.enter_context(door.accept()[0])
        end = MsrpEnd(OnSocket(connection), f"msrp://{here}:{port}/s111271a9;tcp", "")
        first = end.hears(lambda frame: frame.what == "SEND")  # who opens the connection sends first
        end.to = first.header("From-Path")
        assert end.to.startswith("msrp://conference.ims.example:2855/") and first.header("To-Path") == end.path
        found.append((end, connection, sipp))
    ends = [end for end, *_ in found]
    for one, other in (ends, ends[::-1]):
        assert one.send(one.path.encode()).what == "200 OK"
        other.reads(one.path.encode())
    for name, (_, connection, sipp) in zip(("alice", "bob"), found, strict=True):
        told(programs, name, "ACK sip")
        holds(mrfp, 1)
        connection.close()
        played(sipp, programs, name)
    holds(mrfp, 0)
    assert "SIP:" not in mrfc.text


def test_who_starts_again(programs: Children, until_end: ExitStack):
    """An MRFC asks its MRFP, which obeys it still, audits what that holds, and releases what belongs to no call.

    A participant of before has no connection any more; a new call gets a context. An MRFP registers with Restart, so
    its MRFC says BYE on calls of before (H.248.1 §11.5).
    """
    mrfc, mrfp = conference(programs, "passive")
    here = programs.address

    def joins(name: str) -> tuple[MsrpEnd, Child]:
        offer = msrp(9, "active", host=BEHIND)
        sipp = dials_in(programs, name, ALICE, CHAT, 5070 + len(name), offer, "a=setup:passive")
        answer = told(programs, name, r"SIP/2\.0 200 [\s\S]*?m=message (4\d+) [\s\S]*?a=path:(\S+)[\s\S]*?ACK sip")
        line = OnSocket(until_end.enter_context(socket.create_connection((here, int(answer[1])), PATIENCE)))
        return MsrpEnd(line, f"msrp://{BEHIND}:2855/s111271a9;tcp", answer[2]), sipp

    alice, _ = joins("alice")
    assert alice.send().what == "200 OK"
    mrfc.kill()
    again = programs.start(*mrfc.words)
    again.says("context 1 belongs to no call: released")
    assert isinstance(alice.line, OnSocket) and alice.line.connection.recv(100) == b""
    holds(mrfp, 0)
    bob, sipp = joins("bob")
    assert bob.send().what == "200 OK"
    holds(mrfp, 1)
    mrfp.kill()
    programs.start(*mrfp.words).says("registered with the controller")
    played(sipp, programs, "bob")


def test_floors(programs: Children, libre: Path):
    """Two may have the floor, as the MRFC tells the MRFP: the third whose libre asks waits, and gets it afterwards.

    The answers say who each is to the floor control server; its connections come in (a=setup:passive).
    """
    _, mrfp = conference(programs, "passive", holders=2)
    people = []
    for user, uri in PEOPLE.items():
        answer = (rf"m=application 4[0-9]+ TCP/BFCP (.*\r?\n)*a=setup:passive\r?\n(.*\r?\n)*a=floorctrl:s-only\r?\n"
                  rf"a=confid:4321\r?\na=userid:{user}\r?\na=floorid:543")
        sipp = dials_in(programs, f"uac{user}", uri, FLOORS, 4836 + user, bfcp("active", host=BEHIND), answer)
        port = told(programs, f"uac{user}", r"SIP/2\.0 200 [\s\S]*?m=application (4\d+) [\s\S]*?ACK sip")[1]
        peer = programs.start(libre, "tcp", programs.address, port, 4321, user, 543)
        peer.says("^HelloAck")
        peer.says(f"^FloorRequestStatus {Status.GRANTED if len(people) < 2 else Status.ACCEPTED}$")
        people.append((f"uac{user}", peer, sipp))
    (_, alice, _), _, (_, carol, _) = people
    granted = f"FloorRequestStatus {Status.GRANTED}"
    assert granted not in carol.text
    alice.write(b"\n")
    alice.says(f"^FloorRequestStatus {Status.RELEASED}$")
    carol.says(granted)
    for _, peer, _ in people:
        peer.kill()
    for name, _, sipp in people:
        played(sipp, programs, name)
    holds(mrfp, 0)


def test_refusals(programs: Children):
    """Unknown conference, none of its people, TLS without a key, an active offer are refused; BYE leaves nothing."""
    _, mrfp = conference(programs, "active")
    tls = msrp(9000, "actpass", proto="TCP/TLS/MSRP")
    for number, (uri, to, offer, status) in enumerate((
            (ALICE, "sip:nobody@ims.example", msrp(9000, "actpass"), 404),
            ("sip:eve@home1.example", FLOORS, bfcp("actpass", 9000), 403),
            (ALICE, CHAT, tls, 488), (ALICE, CHAT, msrp(9, "active"), 488))):
        caller = Caller(uri, to)
        sipp = plays(programs, f"uac{number}", 5070, caller.invite(offer), *rings(),
                     hears(response=status, checks={"Warning:": "399"}), caller.ack_failure(), to=SIP)
        played(sipp, programs, f"uac{number}")
    bye = [Caller(ALICE, CHAT).request("BYE", 2, uri="[next_url]"), hears(response=200)]
    with socket.create_server((programs.address, 0)) as door:
        offer = msrp(door.getsockname()[1], "actpass")
        played(dials_in(programs, "leaves", ALICE, CHAT, 5070, offer, "a=setup:active", *bye), programs, "leaves")
        holds(mrfp, 0)
