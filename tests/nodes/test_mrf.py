"""MRFC and MRFP: what they take, what they refuse, and what nobody can make them hold."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from workbench import scenarios
from workbench.lab.run import LiveRun
from workbench.lab.scenario import Scenario, at
from workbench.net.values import Endpoint, StreamData
from workbench.nodes.mrfc.describing import Rejected, answer, of_floors, of_messages, path_of, read_offer
from workbench.nodes.mrfp import mp_profile
from workbench.nodes.orders import Call, HangUp, SendText
from workbench.protocols import sdp, sip
from workbench.protocols.h248.packages import Registry

CONFERENCE = scenarios.get("mp-tcp-conference")
OFFER = ("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=message 20000 {proto} *\r\n"
         "a=setup:{setup}\r\na=accept-types:*\r\na=path:{path}\r\n{cema}")
USUAL = {"proto": "TCP/MSRP", "setup": "actpass", "path": "msrp://192.0.2.1:20000/s1;tcp", "cema": "a=msrp-cema\r\n"}


def offered(**changes: str) -> bytes:
    return OFFER.format(**(USUAL | changes)).encode()


def changed(**changes: Any) -> Scenario:
    return msgspec.structs.replace(CONFERENCE, **changes)


def test_a_usual_offer_is_taken():
    """Address and path are what the MRFP is told."""
    taken = read_offer(offered(), sdp.Setup.ACTIVE)
    assert (taken.address, taken.path) == (Endpoint("192.0.2.1", 20000), USUAL["path"])


@pytest.mark.parametrize("changes", [
    {"proto": "TCP/TLS/MSRP"}, {"proto": "UDP"}, {"setup": "active"}, {"setup": "nobody"}, {"path": "msrp://"},
    {"path": ""}, {"cema": ""}, {"cema": "a=msrp-cema\r\nm=audio 4000 RTP/AVP 0\r\n"}], ids=str)
def test_what_a_conference_can_not_take_is_refused(changes: dict[str, str]):
    """488 and a reason for people, whatever is wrong with the offer."""
    with pytest.raises(Rejected) as refused:
        read_offer(offered(**changes), sdp.Setup.ACTIVE)
    assert refused.value.status == 488 and refused.value.why


@pytest.mark.parametrize("body", [b"", b"v=0", b"\xff" * 40, offered()[:60], offered().replace(b"20000", b"99999")])
def test_garbage_is_refused(body: bytes):
    """Nothing but a refusal comes of octets that are no offer."""
    with pytest.raises(Rejected):
        read_offer(body, sdp.Setup.ACTIVE)


def test_the_answer_goes_with_the_offer():
    """By the rules of offer and answer that the analyser has too."""
    floor = sdp.BfcpStream((sdp.FloorControl.SERVER,), 4321, 234, (sdp.FloorStreams(543),))
    for octets, says in ((offered(), of_messages(path_of("conference.example", "abc"))),
                         (offered_floors(), of_floors(floor))):
        offer = read_offer(octets, sdp.Setup.ACTIVE)
        given = sdp.decode(answer(7, Endpoint("192.0.2.160", 40000), sdp.Setup.ACTIVE, offer, says))
        assert sdp.check_answer(offer.media, given.effective(given.media[0])) == []


def offered_floors(control: str = "c-only") -> bytes:
    """An offer of BFCP."""
    return (f"v=0\r\no=- 1 1 IN IP4 192.0.2.201\r\ns=-\r\nc=IN IP4 192.0.2.201\r\nt=0 0\r\n"
            f"m=application 20000 TCP/BFCP *\r\na=setup:actpass\r\na=connection:new\r\n"
            f"a=floorctrl:{control}\r\n").encode()


def test_two_floor_control_servers():
    """An offer whose side wants to be server itself is refused; one that leaves it open is taken."""
    with pytest.raises(Rejected, match="two floor control servers"):
        read_offer(offered_floors("s-only"), sdp.Setup.ACTIVE)
    assert read_offer(offered_floors("c-s"), sdp.Setup.ACTIVE).asks_floors


def test_the_profile_has_no_move_and_no_topology():
    """A conference is made of Adds and Subtracts; all that is said goes to all."""
    profile = mp_profile(Registry.load())
    assert "Move" not in profile.commands and not profile.topology and profile.terminations_per_context > 2


@pytest.mark.parametrize(("called", "status"), [("sip:nobody@ims.example", 404), ("sip:conf-1@ims.example", 200)])
def test_a_conference_that_is_not_there(called: str, status: int, tmp_path: Any):
    """404 with a Warning; nothing is ordered at the MRFP."""
    run = changed(script=(at(8.0, "UE A", Call(called)),), expect=(), weakened=()).run(out=tmp_path)
    answers = [m.value for m in run.report.messages if isinstance(m.value, sip.Response) and m.value.status >= 200]
    assert answers[0].status == status
    assert bool(answers[0].headers.get("Warning")) is (status != 200)
    assert any("Add" in m.summary for m in run.report.messages) is (status == 200)


def test_words_before_others_came_are_not_told_them(tmp_path: Any):
    """Who comes later hears what is said from then on."""
    script = (at(8.0, "UE A", Call("sip:conf-1@ims.example")), at(9.0, "UE A", SendText("early")),
              at(10.0, "UE B", Call("sip:conf-1@ims.example")), at(12.0, "UE A", SendText("late")))
    run = changed(script=script, expect=(), weakened=()).run(out=tmp_path)
    heard = [m.value.body for m in run.report.messages if m.protocol == "MSRP" and m.destination.node == "UE B"
             and getattr(m.value, "body", None)]
    assert heard == [b"late"]


def test_nodes_are_named_by_what_they_do(tmp_path: Any):
    """Without names in the capture MRFC and MRFP are told apart from IMS-ALG and IMS-AGW; without SIP, too."""
    from workbench.analysis.calls.conferences import conference_nodes, hosts

    found = CONFERENCE.run(out=tmp_path).report
    assert conference_nodes(found.signalling.contexts, found.signalling.dialogs.values()) == {
        "192.0.2.40": ["192.0.2.150"]}
    relayed = scenarios.get("msrp-cema").run(out=tmp_path).report
    assert conference_nodes(relayed.signalling.contexts, relayed.signalling.dialogs.values()) == {}
    keyed = scenarios.get("mp-msrp-dial-in").run(out=tmp_path, keys="configured").report
    two = changed(script=CONFERENCE.script[:2], expect=(), weakened=()).run(out=tmp_path).report
    aware = scenarios.get("msrp-aware-plain").run(out=tmp_path).report
    conference = {"192.0.2.40": []}
    for report, alone in ((found, conference), (keyed, conference), (two, conference), (relayed, {}), (aware, {})):
        assert conference_nodes(report.signalling.contexts, ()) == alone
        assert hosts(report.signalling.contexts, ()) is bool(alone)
    legs = [leg.name for leg in found.sessions[0].legs]
    assert legs == ["participant 1", "participant 2", "participant 3"]
    # Both paths were told, though the answer of who opens the connection names no port.
    assert [one.told for leg in found.joined[0].legs for one in leg.msrp] == [(True, True)] * 3


def test_an_mrfp_of_a_file(tmp_path: Any):
    """An empty file is an MRFP on loopback; what is wrong is said with its key."""
    from workbench.errors import SettingsError
    from workbench.lab.settings.mrfp import mrfp, plan, probes
    from workbench.security.source import Source

    path = tmp_path / "mrfp.toml"
    path.write_text("")
    assert mrfp(path, Source(1, "mrfp"), 0.0).name == "mrfp"
    assert probes(path) == [Endpoint("127.0.0.1", 0)] and plan(path)
    for wrong, key in (("ports = [9, 1]", "ports"), ("contexts = 0", "contexts"), ("media = []", "media")):
        path.write_text(wrong)
        with pytest.raises(SettingsError, match=key):
            mrfp(path, Source(1, "mrfp"), 0.0)


def test_no_report_and_no_remark_shows_a_key(tmp_path: Any):
    """X28: the key of a termination is in the H.248 message alone; neither report nor trace shows it."""
    run = scenarios.get("mp-msrp-dial-in").run(out=tmp_path, keys="configured")
    key = "AE444098F7C20D1D0CFE701A2A72CF3F"
    assert run.capture.read_bytes().upper().count(key.encode()) == 1
    said = [getattr(entry.what, "text", "") + getattr(entry.what, "why", "") for entry in run.trace]
    assert not [one for one in said if key in one.upper()]
    assert key not in repr(run.report.to_json()).upper()


def test_who_does_not_belong_to_floor_control_is_refused(tmp_path: Any):
    """Somebody whom the conference does not know gets 403, and nothing is reserved for anybody."""
    from workbench.nodes.conference import Conference

    scenario = scenarios.get("mp-bfcp-dial-in")
    floors = {"MRFC": {"floors": {"sip:conf-1@ims.example": Conference(4321, 543, {})}}}
    run = msgspec.structs.replace(scenario, topology=scenario.topology.changed(floors)).run(out=tmp_path)
    octets = run.capture.read_bytes()
    assert octets.count(b"SIP/2.0 403 ") == 2
    assert b"TCP/TLS/BFCP $" not in octets and b"Add" not in octets


def test_every_octet_of_floor_control_is_explained():
    """Mp with TLS by pre-shared key and BFCP inside: each octet has a meaning of its own."""
    from workbench.analysis.explain import coverage, explain_frame

    report = scenarios.get("mp-bfcp-dial-in").run(seed=1).report
    missing = [(number, name) for number in range(1, report.packets + 1)
               for _, _, name in coverage(explain_frame(report, number)).unexplained]
    assert missing == []


@pytest.mark.parametrize(("id", "security", "said"), [
    ("mp-msrp-dial-in", "e2e-mrfp", "msrp, e2e up to the MRFP"), ("mp-tcp-conference", "none", "msrp, none")])
def test_end_to_end_ends_at_the_mrfp(id: str, security: str, said: str, tmp_path: Any, monkeypatch: Any, capsys: Any):
    """TS 23.333 §5.20: TLS of a conference is neither e2ae nor e2e to a UE; between legs nothing is relayed."""
    from workbench.cli import main

    run = scenarios.get(id).run(out=tmp_path)
    session = run.report.sessions[0]
    assert (session.security, session.handling, session.handlings) == (security, "", ())
    assert run.report.to_json()["sessions"][0]["security"] == security
    page = tmp_path / "page.html"
    monkeypatch.setattr("sys.argv", ["workbench", "analyze", str(run.capture), "--html", str(page)])
    with pytest.raises(SystemExit):
        main()
    assert said in capsys.readouterr().out
    assert f"<td>{said.rpartition(', ')[2]}</td>" in page.read_text()


class Forged(LiveRun):
    """Right behind the first octets for a node after 25 s comes a record of TLS that was not made with the key."""

    victim = ""

    def _hand(self, name: str, happened: Any) -> Any:
        if name == self.victim and isinstance(happened, StreamData) and self.now > 25:
            self.victim = ""
            happened = StreamData(happened.stream, happened.data + bytes.fromhex("1703030020") + bytes(32))
        return super()._hand(name, happened)


@pytest.mark.parametrize(("id", "victim"), [
    ("mp-msrp-dial-in", "MRFP"), ("mp-msrp-dial-out", "UE B"), ("mp-bfcp-dial-in", "MRFP")])
def test_a_forged_record_right_behind_one_that_is_to_be_answered(id: str, victim: str, tmp_path: Any):
    """Both come with one segment: TLS ends with bad_record_mac, and nothing more is sent on it (RFC 5246 §7.2.2)."""
    live = Forged(scenarios.get(id), "virtual", 1, tmp_path, None, {}, {})
    live.victim = victim
    report = live.finish().report
    (alert,) = (m for m in report.messages_of("TLS") if m.summary.startswith("Alert fatal"))
    assert "bad_record_mac" in alert.summary and alert.source.node == victim
    after = [m for m in report.messages if m.index > alert.index and m.protected and m.source == alert.source]
    assert [m for m in after if m.destination == alert.destination] == []


def test_the_last_one_of_a_conference_may_wait(tmp_path: Any):
    """A context with one termination left is no finding where media end at the gateway; one of who has left is."""
    script = (at(8.0, "UE A", Call("sip:conf-1@ims.example")), at(9.0, "UE B", Call("sip:conf-1@ims.example")),
              at(20.0, "UE B", HangUp()), at(30.0, "UE A", SendText("nobody")))
    report = changed(script=script, expect=(), weakened=()).run(out=tmp_path).report
    assert [finding.rule for finding in report.findings] == []
