"""An MRFC that calls: who does not answer, refuses, answers twice, or is lost on the way; and what it asks a KMS."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tickets_words import MODE_3, TPK_A, uri

from workbench import scenarios
from workbench.lab.run import LiveRun
from workbench.lab.scenario import Scenario, at
from workbench.net.values import Endpoint, Note, OpenStream, SendDatagram, Stream, StreamData, StreamEnded, StreamFailed
from workbench.nodes import tickets
from workbench.nodes.mrfc.describing import Rejected, offer, read_answer
from workbench.nodes.mrfc.ticketing import Questions, Ticketed
from workbench.nodes.orders import Call, CallOut, HangUp
from workbench.nodes.procedure import Procedures
from workbench.protocols import sip
from workbench.protocols.http import messages as http
from workbench.protocols.http import wire as http_wire
from workbench.protocols.mikey.registry import IdRole
from workbench.protocols.mikey.times import UNIX_EPOCH
from workbench.scenarios import conference_keys as keys
from workbench.security.source import Source
from workbench.security.tickets import Initiator, Wanted

DIAL_OUT = scenarios.get("mp-msrp-dial-out")
CONFERENCE, BOB = "sip:conf-1@ims.example", "sip:bob@home2.example"
MRFC, UE_B = Endpoint("192.0.2.150", 5060), Endpoint("192.0.2.202", 5060)
BEGUN_ANEW = b'!/2 [192.0.2.40]:2944 T=9{C=-{SC=ROOT{SV{MT=RS,RE="901 Cold Boot",PF=Mp/1,V=2}}}}'


def calling(to: str = BOB, conference: str = CONFERENCE, **changes: dict[str, Any]) -> Scenario:
    """The conference calls somebody, and nobody else does anything."""
    return msgspec.structs.replace(
        DIAL_OUT, script=(at(8.0, "MRFC", CallOut(to, conference)),), expect=(), weakened=(),
        topology=DIAL_OUT.topology.changed(changes))


def said(run: Any) -> list[str]:
    """Requests and final responses in SIP, each once, and H.248 commands; by whom."""
    found = [f"{m.source.node}: {m.summary.split(' (')[0]}" for m in run.report.messages
             if m.protocol in ("SIP", "H.248") and not m.repeated and m.time > 7.0]
    return [one for one in found if "100 " not in one and "Reply" not in one]


def notes(run: Any) -> list[str]:
    return [entry.what.text for entry in run.trace if entry.node == "MRFC" and isinstance(entry.what, Note)]


def silent() -> dict[str, Any]:
    """Nobody is where UE B's domain leads to."""
    return {"MRFC": {"routes": {"home2.example": Endpoint("192.0.2.201", 5061)}}}


@pytest.mark.parametrize(("scenario", "why"), [
    (calling("sip:bob@elsewhere.example"), "no route"), (calling("tel:+4930"), "no route"), (calling(""), "no route"),
    (calling(conference="sip:nobody@ims.example"), "there is no conference"),
    (calling(MRFP={"controller": Endpoint("192.0.2.31", 2944)}), "has not registered")],
    ids=["domain", "tel", "empty", "conference", "no MRFP"])
def test_who_can_not_be_called(scenario: Scenario, why: str, tmp_path: Any):
    """A remark says why; nothing is reserved and no INVITE leaves."""
    run = scenario.run(out=tmp_path)
    assert any(why in one for one in notes(run))
    assert not [one for one in said(run) if "INVITE" in one or "Add" in one]


def test_who_does_not_answer_is_given_up(tmp_path: Any):
    """Timer B: after 32 seconds the termination is subtracted (RFC 3261 §17.1.1.2)."""
    run = calling(**silent()).run(out=tmp_path)
    assert said(run) == ["MRFC: Add ip/1/media/$ in $ [1001]", f"MRFC: INVITE {BOB}",
                         "MRFC: Subtract ip/1/media/1 in 1 [1002]"]
    assert any("nobody answers" in one for one in notes(run))


@pytest.mark.parametrize("how", ["clear", "bare"])
def test_an_answer_that_takes_the_security_away_ends_the_call(how: str, tmp_path: Any):
    """K8, K21: TLS is never left out, and no key is made up: ACK, BYE, Subtract."""
    from workbench.nodes.ue.faults import Faults

    run = calling(**{"UE B": {"faults": Faults(describes=how)}}).run(out=tmp_path)
    assert [one.split()[1] for one in said(run) if one.startswith("MRFC")][:5] == [
        "Add", "INVITE", "ACK", "BYE", "Subtract"]
    assert not any("Modify" in one for one in said(run))


def test_a_kms_that_gives_no_ticket(tmp_path: Any):
    """Mode 1 without a KMS: nobody is called without a ticket."""
    nobody = msgspec.structs.replace(keys.OF_CONFERENCE, kms=keys.NOBODY)
    run = calling(MRFC={"tickets": nobody}).run(out=tmp_path)
    assert any("no ticket" in one for one in notes(run)) and not [one for one in said(run) if "INVITE" in one]


class Ringing(LiveRun):
    """A call to nobody, for whom the test answers."""

    def __init__(self, tmp_path: Any) -> None:
        scenario = calling(**silent())
        ticks = tuple(at(8.0 + tick / 4, "UE A", HangUp()) for tick in range(1, 60))      # of no call: time goes by
        scenario = msgspec.structs.replace(scenario, script=(*scenario.script, *ticks))
        super().__init__(scenario, "virtual", 1, tmp_path, None, {}, {})
        sent = self.until(lambda one: isinstance(one.what, SendDatagram) and one.what.data.startswith(b"INVITE"))
        assert sent is not None
        invite = sip.decode(sent.what.data)
        assert isinstance(invite, sip.Request)
        self.invite = invite

    def answers(self, status: int, tag: str, body: bytes = b"") -> None:
        """A response, as from UE B."""
        response = sip.response(self.invite, status, "Whatever", tag, contact=f"<sip:bob@{UE_B}>", body=body)
        self.inject("UE B", SendDatagram(UE_B, MRFC, sip.encode(response), ""))
        self.goes_on(0.5)

    def goes_on(self, seconds: float) -> None:
        """Time goes by."""
        until = self.now + seconds
        while self.now < until and self.step():
            pass


def test_a_call_whose_termination_is_lost_is_cancelled(tmp_path: Any):
    """The MRFP begins anew while UE B rings: CANCEL (RFC 3261 §9.1), and its 487 ends it; nothing is subtracted."""
    run = Ringing(tmp_path)
    run.answers(180, "t1")
    run.inject("MRFP", SendDatagram(Endpoint("192.0.2.40", 2944), Endpoint("192.0.2.30", 2944), BEGUN_ANEW, ""))
    run.goes_on(1.0)
    run.answers(487, "t1")
    run.goes_on(5.0)
    shown = said(run.finish())
    assert [one for one in shown if "CANCEL" in one or "487" in one or "ACK" in one] == [
        f"MRFC: CANCEL {BOB}", "UE B: 487 Whatever", f"MRFC: ACK {BOB}"]
    assert not any("Subtract" in one or "BYE" in one for one in shown)


def test_of_two_branches_that_answer_one_is_kept(tmp_path: Any):
    """A second 2xx of a forked INVITE: ACK and BYE for it, and the first call goes on (RFC 3261 §13.2.2.4)."""
    run = Ringing(tmp_path)
    plain = (b"v=0\r\no=- 1 1 IN IP4 192.0.2.202\r\ns=-\r\nc=IN IP4 192.0.2.202\r\nt=0 0\r\n"
             b"m=message 9 TCP/TLS/MSRP *\r\na=setup:active\r\na=accept-types:*\r\n"
             b"a=path:msrps://192.0.2.202:9/x;tcp\r\na=msrp-cema\r\n")
    run.answers(200, "t1", plain)
    run.answers(200, "t2", plain)
    byes = [sip.decode(one.what.data) for one in run.trace if isinstance(one.what, SendDatagram)
            and one.what.data.startswith(b"BYE")]
    assert {one.to_tag for one in byes if isinstance(one, sip.Request)} == {"t1", "t2"}
    run.close()


@pytest.mark.parametrize("body", [
    b"", b"v=0", b"\xff" * 30,
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=message 0 TCP/MSRP *\r\n",
    offer(1, Endpoint("192.0.2.1", 7000), "msrp://a:2855/x;tcp"),
    offer(1, Endpoint("192.0.2.1", 7000), "msrp://a:2855/x;tcp").replace(b"actpass", b"holdconn"),
    offer(1, Endpoint("192.0.2.1", 7000), "msrps://a:2855/x;tcp", "mikey AA==")], ids=range(7))
def test_answers_that_are_of_no_use(body: bytes):
    """No SDP, a refused stream, no role, another transport: each is told, and nothing else comes of it."""
    with pytest.raises(Rejected) as refused:
        said = read_answer(body, offer(1, Endpoint("192.0.2.160", 40000), "msrp://conf:2855/y;tcp"))
        raise Rejected(488, f"taken: {said}")
    assert refused.value.status == 488 and ("taken" not in refused.value.why or b"holdconn" in body)


@pytest.mark.parametrize("script", [
    DIAL_OUT.script,
    (at(8.0, "MRFC", CallOut(BOB, CONFERENCE)), at(8.0, "MRFC", CallOut("sip:alice@192.0.2.201", CONFERENCE))),
    (at(7.99, "UE A", Call(CONFERENCE)), at(8.0, "MRFC", CallOut(BOB, CONFERENCE)))],
    ids=["usual", "two at once", "while somebody calls"])
def test_a_conference_that_calls_is_no_relay(script: Any, tmp_path: Any):
    """Its address is in offers, too; but nobody waits for them in another dialog of the same call."""
    from workbench.analysis.calls.conferences import conference_nodes

    report = msgspec.structs.replace(DIAL_OUT, script=script, expect=(), weakened=()).run(out=tmp_path).report
    assert conference_nodes(report.signalling.contexts, report.signalling.dialogs.values()) == {
        "192.0.2.40": ["192.0.2.150"]}
    (call,) = (one for one in report.sessions if one.kind == "msrp")
    assert sorted(leg.name for leg in call.legs) == ["participant 1", "participant 2"]


@pytest.mark.parametrize(("id", "knobs"), [
    ("tcp-renegotiation", {}), ("msrp-cema-fallback", {}), ("e2e-downgrade-guard", {}), ("ix-e2e-msrp", {}),
    ("e2ae-fingerprint-mismatch", {"wrong": "none"}), ("e2ae-msrp-terminating", {})], ids=str)
def test_a_relay_is_no_conference(id: str, knobs: dict[str, str], tmp_path: Any):
    """Whoever offers again, and whatever comes of the call: an offer that is handed on has somebody who waits."""
    from workbench.analysis.calls.conferences import conference_nodes

    report = scenarios.get(id).run(out=tmp_path, **knobs).report
    assert conference_nodes(report.signalling.contexts, report.signalling.dialogs.values()) == {}


def test_a_conference_takes_no_offer_whose_key_management_was_bid_down():
    """RFC 4567 §4.1.4: the lines of the offer are those that UE A's TRANSFER_INIT lists; no KMS is asked else."""
    ue, conference = uri("sip:ue-a@ims.example", IdRole.INITIATOR), uri(CONFERENCE, IdRole.RESPONDER)
    caller = Initiator(ue, keys.OF_CONFERENCE.center, None, Source(1, "UE A"))
    caller.make(Wanted((conference,), UNIX_EPOCH, UNIX_EPOCH + 99, MODE_3), TPK_A, UNIX_EPOCH)
    value = tickets.said(caller.transfer(conference, UNIX_EPOCH, offered=("keyp1", "mikey")))
    for protocols, asks in ((("mikey",), False), (("mikey", "keyp1"), False), (("keyp1", "mikey"), True)):
        questions = Questions("192.0.2.150", Source(1, "MRFC"), Procedures())
        responding = Ticketed(keys.OF_CONFERENCE, questions, Source(1, "MRFC")).respond(CONFERENCE, value, protocols)
        try:
            assert isinstance(next(responding), OpenStream) and asks
        except StopIteration as end:
            assert not asks and "for an offer of keyp1, mikey" in end.value.why


@pytest.mark.parametrize("resolves", [False, True], ids=["silent", "answers"])
def test_who_gives_up_while_the_kms_is_asked(resolves: bool, tmp_path: Any):
    """200 for the CANCEL at once; 487, and not what the KMS leads to, when that is known; nothing is reserved."""
    dial_in = scenarios.get("mp-msrp-dial-in")
    alone = msgspec.structs.replace(dial_in, script=(at(8.0, "UE A", Call(CONFERENCE)),), expect=(), weakened=(),
                                    topology=dial_in.topology.changed({"KMS": {"resolves": resolves}}))
    live = LiveRun(alone, "virtual", 1, tmp_path, None, {}, {})
    assert live.until(lambda one: one.node == "MRFC" and isinstance(one.what, OpenStream)) is not None
    sent = next(one.what.data for one in live.trace if one.node == "UE A" and isinstance(one.what, SendDatagram))
    head = sent.replace(b"INVITE sip", b"CANCEL sip").replace(b"1 INVITE", b"1 CANCEL").partition(b"\r\n\r\n")[0]
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content")]
    live.inject("UE A", SendDatagram(Endpoint("192.0.2.201", 5060), MRFC, b"\r\n".join([*lines, b"", b""]), ""))
    shown = said(live.finish())
    assert [one for one in shown if one.startswith("MRFC: ")][:2] == ["MRFC: 200 OK", "MRFC: 487 Request Terminated"]
    assert not any("Add" in one for one in shown)


def test_what_a_kms_can_make_the_mrfc_hold():
    """So many questions wait at a time; a KMS that keeps its side open, or answers with no MIKEY, holds none."""
    procedures = Procedures()
    questions = Questions("192.0.2.150", Source(1, "MRFC"), procedures, most=2)
    answers: list[bytes] = []

    def asking() -> Any:
        answers.append((yield from questions.ask(keys.OF_CONFERENCE, b"question")))

    opened = [one.stream for _ in range(3) for one in procedures.start(asking(), 0.0) if hasattr(one, "stream")]
    assert len(opened) == 2 and answers == [b""]
    ok = http_wire.encode(http.answer(200, "OK", b"answer", http.MIKEY))
    for happened in (StreamData(opened[0], ok), StreamData(opened[1], ok.replace(b"mikey", b"xikey"))):
        assert questions.concerns(happened) and questions.handle(happened)
    assert answers == [b"", b"answer", b""]
    assert not questions.concerns(StreamEnded(Stream(opened[0].local, MRFC)))
    for _ in range(40):
        (stream,) = [one.stream for one in procedures.start(asking(), 0.0) if hasattr(one, "stream")]
        questions.handle(StreamData(stream, ok))
    assert len(questions._asked) <= 18
    questions.handle(StreamFailed(stream, "refused"))
    assert not questions.concerns(StreamData(stream, ok))
    (slow,) = [one.stream for one in procedures.start(asking(), 0.0) if hasattr(one, "stream")]
    questions.now = 30.0
    assert procedures.wake(30.0) and answers[-1] == b"" and not questions.concerns(StreamData(slow, ok))
