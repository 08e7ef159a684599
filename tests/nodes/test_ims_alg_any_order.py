"""Whatever order things happen in, an IMS-ALG raises nothing, and nothing stays behind when the call is over."""

from __future__ import annotations

from alg_stage import ALICE, BOB, Stage, message
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workbench.nodes.ims_alg import Msrp, StartsTcp, Tcp
from workbench.protocols import sip

PATHS = ["", "msrp://203.0.113.10:5002/sC;tcp"]
SETUPS = ["active", "passive", "actpass", "holdconn", None]
BODIES = st.builds(
    message, setup=st.sampled_from(SETUPS), path=st.sampled_from(PATHS), cema=st.booleans(),
    port=st.sampled_from([0, 9, 5000]), proto=st.sampled_from(["TCP/MSRP", "TCP/MSRP", "TCP/BFCP", "TCP/TLS/MSRP"]),
    more=st.sampled_from([(), ("a=sendonly",), ("a=connection:existing",), ("a=connection:new",)]))
WHO = st.booleans()
ACTIONS = st.one_of(
    st.tuples(st.just("offers"), WHO, BODIES),
    st.tuples(st.just("answers"), WHO, BODIES),
    st.tuples(st.just("answers"), WHO, st.sampled_from([180, 486, 488, 491, 481])),
    st.tuples(st.just("acknowledges"), WHO, st.none()),
    st.tuples(st.just("hangs up"), WHO, st.none()),
    st.tuples(st.just("cancels"), WHO, st.none()),
    st.tuples(st.just("fails"), WHO, st.none()),
    st.tuples(st.just("gateway refuses"), WHO, st.none()),
    st.tuples(st.just("gateway waits"), WHO, st.none()),
    st.tuples(st.just("gateway answers"), WHO, st.none()),
    st.tuples(st.just("time passes"), WHO, st.sampled_from([0.3, 5.0, 40.0])),
)
SETTINGS = st.fixed_dictionaries({
    "nat": st.booleans(), "modifies_setup": st.booleans(), "narrows": st.booleans(), "tcp": st.sampled_from(Tcp),
    "msrp": st.sampled_from(Msrp), "starts_tcp": st.sampled_from(StartsTcp), "guards_e2e": st.booleans()})


def act(stage: Stage, what: str, who: bool, how) -> None:
    """One thing that a party or the gateway does; nothing where it can't."""
    party = stage.ue if who else stage.peer
    waiting = [one for one in party.requests("INVITE")
               if not any(one.via.branch == done for done in stage.answered)]
    match what:
        case "offers" if party.dialog is not None:
            stage.invites.append((party, party.asks("INVITE", how)))
        case "offers":
            stage.invites.append((party, party.invites(BOB if who else ALICE, how)))
        case "answers" if waiting:
            request = waiting[-1]
            status = how if isinstance(how, int) else 200
            response = sip.response(
                request, status, sip.REASONS[status], "" if request.to_tag else "tag",
                contact=f"<sip:x@{party.endpoint}>", body=how.encode() if status == 200 else b"")
            if status >= 200:
                stage.answered.append(request.via.branch)
            if status == 200 and party.dialog is None:
                party.dialog = sip.Dialog.of_callee(request, response)
            stage.feed(party.proxy, party.endpoint, sip.encode(response))
        case "acknowledges":
            final = party.final()
            if final is not None and final.status == 200 and final.method == "INVITE":
                party.acknowledges()
        case "hangs up" if party.dialog is not None:
            party.asks("BYE")
            party.dialog = None
        case "cancels" if stage.invites:
            sender, invite = stage.invites[-1]
            sender.cancels(invite)
        case "fails" if stage.names:
            stage.notifies(list(stage.names)[-1][0], "tcp", "failed", list(stage.names)[-1][1])
        case "gateway refuses":
            stage.refuses = [510]
        case "gateway waits":
            stage.holds = True
        case "gateway answers":
            stage.grants()
        case "time passes":
            stage.later(how)


BASIC = {"nat": False, "modifies_setup": False, "narrows": False, "tcp": Tcp.AWARE, "msrp": Msrp.CEMA,
         "starts_tcp": StartsTcp.INTERLINKAGE, "guards_e2e": True}


@settings(max_examples=100, deadline=None)
@given(SETTINGS, st.lists(ACTIONS, max_size=14))
@example(BASIC, [("offers", True, message()), ("answers", False, message()), ("hangs up", False, None)])
def test_nothing_stays_behind(chosen, actions):
    """After any sequence of offers, answers, refusals, CANCEL, BYE and failures, both hang up: no call, no context."""
    stage = Stage(**chosen)
    stage.answered, stage.invites = [], []
    for what, who, how in actions:
        act(stage, what, who, how)
    stage.holds, stage.refuses = False, []
    stage.grants()
    for who in (True, False):
        act(stage, "hangs up", who, None)
    stage.later(400.0)
    assert len(stage.alg._calls) == 0
    assert len(stage.alg._calls._by_dialog) == 0
    # What the gateway granted when nobody waited for it any more goes with its heartbeat (F12).
    for (context, _), name in stage.names.items():
        if context not in stage.released():
            stage.beats(context, name)
    # One that did not answer for long was given up; it has to register anew, and begins without contexts.
    given_up = not stage.alg._engine.in_service
    assert given_up or {context for context, _ in stage.names} <= set(stage.released()) | stage.refused
    assert stage.alg._procedures._sleeping == 0


LINES = st.sampled_from([
    "c=IN IP4", "c=IN IP4 $", "c=IN IP6 ::1", "c=IN IP4 a.b.example", "c=", "m=message $ TCP/MSRP *",
    "m=message 70000 TCP/MSRP *", "m=message 5000/2 TCP/MSRP *", "m=message 5000 TCP *", "m=",
    "a=path:", "a=path:msrp://[::1]:5/x;tcp",
    "a=path:msrp://h:1/x;tcp  msrp://h:2/y;tcp", "a=setup:", "a=setup:both", "a=setup: active", "a=fingerprint:",
    "a=fingerprint:sha-256", "a=3ge2ae:requested", "a=msrp-cema:yes", "a=sendonly:", "o=x", "v=0",
    "a=connection:maybe"])


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=4), st.integers(0, 9), st.booleans(), st.sampled_from(Msrp), st.booleans())
def test_odd_descriptions_are_refused_or_carried(lines, at, ue_offers, mode, as_answer):
    """Lines that should not be there, in an offer, an answer and a re-offer: nothing is raised, every INVITE ends."""
    stage = Stage(msrp=mode, modifies_setup=True, nat=True)
    offerer, answerer = (stage.ue, stage.peer) if ue_offers else (stage.peer, stage.ue)
    plain = message().split("\r\n")
    odd = "\r\n".join([*plain[:at], *lines, *plain[at:]])
    first = offerer.invites(BOB if ue_offers else ALICE, message() if as_answer else odd)
    if answerer.requests("INVITE"):
        answerer.answers(odd if as_answer else message(setup="passive"))
    assert offerer.status(first) is not None
    if offerer.status(first) == 200:
        offerer.acknowledges()
        again = answerer.asks("INVITE", odd)
        if offerer.requests("INVITE"):
            offerer.answers(odd)
        assert answerer.status(again) is not None
