"""Floor control between UEs on the virtual network: SDP, roles, people and a chair, and what goes wrong."""

from __future__ import annotations

import pytest
from ue_stage import ALICE, BOB, Line

from workbench.errors import LocalProtocolError
from workbench.lab.scenario import Scenario, at
from workbench.lab.topology import Topology, Ue
from workbench.net.interface import Wire
from workbench.net.values import Endpoint, Listen, Note, OpenStream, Stream, StreamData, StreamOffered, StreamOpened
from workbench.nodes.bfcp_endpoint import FloorClient
from workbench.nodes.conference import Conference
from workbench.nodes.orders import (
    Call,
    CloseMedia,
    DecideFloor,
    HangUp,
    Hello,
    ReleaseFloor,
    ReOffer,
    RequestFloor,
    SendText,
    WatchFloor,
)
from workbench.protocols import sdp
from workbench.protocols.bfcp.machine import Chair
from workbench.protocols.bfcp.messages import Message, floor_id
from workbench.protocols.bfcp.registry import Primitive
from workbench.protocols.bfcp.wire import encode

CHAIR, CAROL, SERVER = "sip:chair@home1.example", "sip:carol@home1.example", "sip:floors@home2.example"
PEOPLE = {ALICE: 234, CAROL: 235, CHAIR: 1}
CONFERENCE = Conference(4321, 543, PEOPLE, CHAIR)


class Table:
    """A server and its people, all on one wire and without anything in between."""

    def __init__(self, tmp_path, script, *, conference=CONFERENCE, server=None, alice=None, secure=False, until=200.0):
        hosts = {"server": "192.0.2.200", "alice": "192.0.2.1", "carol": "192.0.2.2", "chair": "192.0.2.3"}
        uris = {"server": SERVER, "alice": ALICE, "carol": CAROL, "chair": CHAIR}
        more = {"server": {"conference": conference, **(server or {})}, "alice": alice or {}}
        nodes = tuple(
            Ue(name, uris[name], wire="wire", address=host, proxy=Endpoint(hosts["server"], 5060), registers=False,
               media_security=secure, **{"media": "bfcp", **more.get(name, {})}) for name, host in hosts.items())
        scenario = Scenario("table", "a table", "test", (), (), "", Topology((Wire("wire", delay=0.005),), nodes), {},
                            tuple(at(*line) for line in script), (), (), until=until)
        live = scenario.start(seed=1, out=tmp_path)
        self.run = live.finish()

    def said(self, primitive: str) -> list[str]:
        """Summaries of BFCP messages that begin like this."""
        return [m.summary for m in self.run.report.messages if m.protocol == "BFCP" and m.summary.startswith(primitive)]


def joined(*names: str):
    return [(0.1 * number, name, Call(SERVER)) for number, name in enumerate(names)]


def test_a_floor_passes_and_a_holder_who_goes_loses_it(tmp_path):
    """The chair grants twice; the second one waits; when the first one's connection ends the floor is the second's."""
    table = Table(tmp_path, [
        *joined("alice", "carol", "chair"), (1.0, "chair", WatchFloor()), (1.0, "chair", DecideFloor("grant")),
        (2.0, "alice", RequestFloor("slides")), (3.0, "carol", RequestFloor()), (3.0, "chair", DecideFloor("grant")),
        (5.0, "alice", CloseMedia("reset")), (8.0, "carol", ReleaseFloor())])
    told = table.said("FloorRequestStatus")
    assert told == [
        "FloorRequestStatus 2 to user 234 (request 1 Pending)", "FloorRequestStatus to user 234 (request 1 Granted)",
        "FloorRequestStatus 2 to user 235 (request 2 Pending)",
        "FloorRequestStatus to user 235 (request 2 Accepted, place 1)",
        "FloorRequestStatus to user 235 (request 2 Granted)", "FloorRequestStatus 3 to user 235 (request 2 Released)"]


@pytest.mark.parametrize(("decision", "status"), [("deny", "Denied"), ("grant", "Granted")])
def test_a_chair_decides(tmp_path, decision, status):
    """Granted or Denied is what the participant hears."""
    table = Table(tmp_path, [
        *joined("alice", "chair"), (1.0, "chair", WatchFloor()), (2.0, "alice", RequestFloor("please")),
        (2.0, "chair", DecideFloor(decision))])
    assert table.said("FloorRequestStatus")[-1] == f"FloorRequestStatus to user 234 (request 1 {status})"


def test_a_chair_takes_a_floor_back(tmp_path):
    """Revoked: the holder hears it."""
    table = Table(tmp_path, [
        *joined("alice", "chair"), (1.0, "chair", WatchFloor()), (2.0, "alice", RequestFloor()),
        (2.0, "chair", DecideFloor("grant")), (4.0, "chair", DecideFloor("revoke"))])
    assert table.said("FloorRequestStatus")[-1] == "FloorRequestStatus to user 234 (request 1 Revoked)"


def test_who_is_no_chair_decides_nothing(tmp_path):
    """The server refuses with Error 5, and the floor stays as it was."""
    table = Table(tmp_path, [
        *joined("alice", "carol"), (1.0, "carol", WatchFloor()), (2.0, "alice", RequestFloor()),
        (3.0, "carol", DecideFloor("revoke"))], conference=Conference(4321, 543, PEOPLE))
    assert table.said("Error") == ["Error 3 to user 235 (Unauthorized operation)"]
    assert table.said("FloorRequestStatus") == ["FloorRequestStatus 2 to user 234 (request 1 Granted)"]


def test_a_second_request_is_refused_and_hello_is_answered(tmp_path):
    """One ongoing request a user (Error 8); Hello may be said at any time."""
    table = Table(tmp_path, [*joined("alice"), (1.0, "alice", RequestFloor()), (2.0, "alice", RequestFloor()),
                             (3.0, "alice", Hello()), (4.0, "alice", ReleaseFloor())],
                  conference=Conference(4321, 543, PEOPLE))
    assert len(table.said("Error")) == 1 and len(table.said("HelloAck")) == 2
    assert table.said("FloorRequestStatus")[-1].endswith("(request 1 Released)")


@pytest.mark.parametrize(("offers", "answers"), [("active", "passive"), ("actpass", "active"), ("actpass", "passive")])
def test_the_offerer_is_tls_client_whoever_opens(tmp_path, offers, answers):
    """RFC 8856 §8, with both ends of this reading."""
    table = Table(tmp_path, [*joined("alice"), (1.0, "alice", RequestFloor())], secure=True,
                  alice={"offers": offers}, server={"answers": answers}, conference=Conference(4321, 543, PEOPLE))
    hellos = [m.source.node for m in table.run.report.messages if m.summary.startswith("ClientHello")]
    assert hellos == ["alice"]
    assert table.said("FloorRequestStatus") == ["FloorRequestStatus 2 to user 234 (request 1 Granted)"]


@pytest.mark.parametrize(("alice", "server", "hellos"), [
    ({"offers": "actpass", "tls_role": "setup"}, {"answers": "active"}, []),
    ({"offers": "actpass"}, {"answers": "active", "tls_role": "setup"}, ["alice", "server"]),
])
def test_readings_that_differ_clash(tmp_path, alice, server, hellos):
    """Two TLS servers wait for each other, two TLS clients collide; no BFCP either way."""
    table = Table(tmp_path, [*joined("alice"), (70.0, "alice", HangUp())], secure=True, alice=alice, server=server)
    found = [m.source.node for m in table.run.report.messages if m.summary.startswith("ClientHello")]
    assert sorted(found) == hellos
    assert table.said("Hello") == []


def test_a_stranger_and_a_second_server_are_refused(tmp_path):
    """403 for whom the conference does not know; 488 for somebody who would be server too."""
    strangers = Table(tmp_path / "a", joined("alice"), conference=Conference(4321, 543, {CAROL: 235}))
    assert any(m.summary.startswith("403") for m in strangers.run.report.messages)
    two = Table(tmp_path / "b", joined("alice"), alice={"conference": Conference(1, 2, {SERVER: 9})})
    assert any(m.summary.startswith("488") for m in two.run.report.messages)


def test_hold_keeps_the_connection_and_new_replaces_it(tmp_path):
    """One connection for a hold and its end, another one for a=connection:new; floor control goes on each time."""
    table = Table(tmp_path, [
        *joined("alice"), (1.0, "alice", RequestFloor()), (2.0, "alice", ReleaseFloor()),
        (3.0, "alice", ReOffer("existing", hold=True)), (4.0, "alice", RequestFloor()), (5.0, "alice", ReleaseFloor()),
        (6.0, "alice", ReOffer("new")), (7.0, "alice", RequestFloor())], conference=Conference(4321, 543, PEOPLE))
    syns = [m for m in table.run.report.messages if m.protocol == "TCP" and m.summary == "SYN"]
    assert len(syns) == 2
    assert sum(summary.endswith("Granted)") for summary in table.said("FloorRequestStatus")) == 3


def test_what_an_offer_and_its_answer_say():
    """m=application, the role, a=connection:new, bfcpver; the answerer takes the other role (RFC 8856 §5, §10)."""
    line = Line(media="bfcp")
    line.asked(Call(BOB))
    line.open = [command for command in line.open if not isinstance(command, Note | Listen)]
    invite = line.hears_request("INVITE")
    (media,) = sdp.decode(invite.body).media
    assert (media.media, media.proto, media.port) == ("application", "TCP/BFCP", 9)
    assert {line.name: line.content for line in media.lines if line.type == "a"} == {
        "setup": "active", "connection": "new", "floorctrl": "c-only", "bfcpver": "1"}
    assert sdp.check_offer(media) == []


@pytest.mark.parametrize(("wrong", "why"), [
    ("a=floorctrl:c-only\r\na=confid:1\r\na=userid:2\r\n", "floor"),
    ("a=floorctrl:s-only\r\na=userid:2\r\n", "confid"), ("a=floorctrl:s-only\r\na=confid:x\r\n", "confid"),
])
def test_an_answer_of_no_use_ends_the_call(wrong, why):
    """A second client, or a server that does not say who we are: ACK and BYE, and no connection."""
    line = Line(media="bfcp")
    line.asked(Call(BOB))
    line.open = [command for command in line.open if not isinstance(command, Note | Listen)]
    invite = line.hears_request("INVITE")
    body = ("v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
            f"m=application 30000 TCP/BFCP *\r\na=setup:passive\r\na=connection:new\r\n{wrong}")
    line.answers(invite, 200, body)
    assert any(isinstance(command, Note) and why in command.text for command in line.all)
    assert not any(isinstance(command, OpenStream) for command in line.all)


def test_a_server_that_tells_of_more_and_more_floors_is_bounded():
    """What a client holds does not grow with what it is told; the latest is what it knows."""
    media = FloorClient(Endpoint("192.0.2.1", 20000), secure=None, greets=None,
                        association=lambda: Chair(1, 2, greets=False))
    media.listen()
    stream = Stream(media.local, Endpoint("192.0.2.9", 30000))
    media.handle(StreamOffered(stream), 0.0)
    media.handle(StreamOpened(stream), 0.0)
    media.agree((), 0.0)
    for floor in range(1, 1001):
        told = encode(Message(Primitive.FLOOR_STATUS, 1, 0, 2, (floor_id(floor),)))
        media.handle(StreamData(stream, told), 0.0)
        media.news.clear()
    assert len(media.reported) <= 64 and 1000 in media.reported


def test_settings_that_are_none():
    """An unknown media or reading, and a conference without floor control, are refused at once."""
    for settings in ({"media": "fax"}, {"tls_role": "nobody", "media": "bfcp"}, {"conference": CONFERENCE}):
        with pytest.raises((LocalProtocolError, ValueError)):
            Line(**settings)


def test_text_is_not_for_floors(tmp_path):
    """Text can't be said in a BFCP session: nothing of it is sent."""
    table = Table(tmp_path, [*joined("alice"), (1.0, "alice", SendText("hello"))],
                  conference=Conference(4321, 543, PEOPLE))
    assert table.said("Hello") == ["Hello 1 of user 234", "HelloAck 1 to user 234"]
