"""The transaction machine against the state tables and timers of RFC 3261 §17 and RFC 6026."""

from __future__ import annotations

import pytest
from sip_vectors import ALICE, INVITE, PROXY, bye, ends, invite, sent

from workbench.errors import LocalProtocolError
from workbench.protocols import sip
from workbench.protocols.sip.machine import CLIENT, SERVER, State


def times(machine, until):
    """When the machine sends or reports something by itself, up to a moment."""
    found = []
    while (moment := machine.next_wakeup()) is not None and moment <= until:
        found += [(moment, type(event).__name__) for event in machine.wake(moment)]
    return found


def asked(request):
    """Both ends after a request arrived, and the transaction keys on each side."""
    alice, proxy = ends()
    key, events = alice.request(request, PROXY, 0.0)
    (received,) = proxy.receive_data(sent(events)[0], ALICE, 0.0)
    return alice, proxy, key, received


def test_an_unanswered_invite():
    """Timer A doubles from T1, timer B gives up after 64*T1."""
    alice, _ = ends()
    key, _ = alice.request(invite(), PROXY, 0.0)
    found = times(alice, 100)
    assert [moment for moment, kind in found if kind == "Transmit"] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert found[-1] == (32.0, "TimedOut") and alice.next_wakeup() is None
    assert alice.respond(key, sip.response(sip.decode(INVITE), 200, "OK"), 40.0) == []


def test_an_unanswered_bye():
    """Timer E doubles up to T2, timer F gives up after 64*T1."""
    alice, _ = ends()
    alice.request(bye(), PROXY, 0.0)
    found = times(alice, 100)
    assert [moment for moment, kind in found if kind == "Transmit"] == [
        0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert found[-1] == (32.0, "TimedOut")


def test_a_provisional_response_ends_the_repetitions_of_invite():
    """Figure 5: Proceeding sends nothing; it ends three minutes after the last 1xx (timer C)."""
    alice, proxy, key, received = asked(invite())
    (ringing,) = proxy.respond(received.key, sip.response(received.request, 180, "Ringing", "t"), 0.1)
    assert [event.response.status for event in alice.receive_data(ringing.data, PROXY, 0.1)] == [180]
    assert alice.receive_data(ringing.data, PROXY, 0.2) == []
    assert times(alice, 300) == [(180.2, "TimedOut")]
    assert key


def test_a_provisional_response_slows_bye_down():
    """Figure 6: Proceeding repeats every T2."""
    alice, proxy, _, received = asked(bye())
    (trying,) = proxy.respond(received.key, sip.response(received.request, 100, "Trying"), 0.0)
    alice.receive_data(trying.data, PROXY, 0.0)
    assert [moment for moment, _ in times(alice, 9)] == [0.5, 4.5, 8.5]


def test_a_silent_user_has_100_sent():
    """§17.2.1: 100 after 200 ms unless the TU was faster; To has no tag."""
    _, proxy, _, received = asked(invite())
    assert proxy.next_wakeup() == 0.2
    (trying,) = proxy.wake(0.2)
    response = sip.decode(trying.data)
    assert (response.status, response.to_tag, trying.to) == (100, "", ALICE)
    _, fast, _, received = asked(invite())
    fast.respond(received.key, sip.response(received.request, 180, "Ringing", "t"), 0.1)
    assert fast.next_wakeup() is None


def test_a_repeated_request_gets_the_last_response_again():
    """The server transaction absorbs it; nothing is reported twice."""
    alice, proxy = ends()
    _, events = alice.request(bye(), PROXY, 0.0)
    (received,) = proxy.receive_data(sent(events)[0], ALICE, 0.0)
    assert proxy.receive_data(sent(events)[0], ALICE, 0.5) == []
    (ok,) = proxy.respond(received.key, sip.response(received.request, 200, "OK"), 0.6)
    assert proxy.receive_data(sent(events)[0], ALICE, 1.5) == [ok]
    assert proxy.respond(received.key, sip.response(received.request, 500, "Late"), 2.0) == []
    assert times(proxy, 100) == [] and proxy.next_wakeup() is None


def accepted():
    """Both ends after a 2xx left, and that 2xx."""
    alice, proxy, key, received = asked(invite())
    (ok,) = proxy.respond(received.key, sip.response(received.request, 200, "OK", "t", contact="<sip:b@b>"), 0.0)
    return alice, proxy, key, received, ok


def test_a_2xx_is_repeated_until_its_ack():
    """§13.3.1.4: T1 doubling to T2; the ACK is reported once and repeated with the 2xx (§13.2.2.4)."""
    alice, proxy, key, received, ok = accepted()
    (answered,) = alice.receive_data(ok.data, PROXY, 0.1)
    assert alice.receive_data(ok.data, PROXY, 0.2) == []
    (ack,) = alice.ack(sip.Dialog.of_caller(received.request, answered.response).ack(), PROXY, 0.3)
    assert alice.receive_data(ok.data, PROXY, 0.6) == [ack]
    assert [moment for moment, _ in times(proxy, 8)] == [0.5, 1.5, 3.5, 7.5]
    (heard,) = proxy.receive_data(ack.data, ALICE, 8.0)
    assert isinstance(heard, sip.AckReceived) and heard.key == received.key
    assert proxy.receive_data(ack.data, ALICE, 8.1) == []
    assert times(proxy, 100) == [] and proxy.next_wakeup() is None
    assert proxy.receive_data(ack.data, ALICE, 200.0) == [sip.AckReceived(None, sip.decode(ack.data))]
    assert answered.key == key


def test_a_2xx_without_ack_is_given_up():
    """After 64*T1, with the transaction's key."""
    _, proxy, _, received, _ = accepted()
    found = times(proxy, 100)
    assert [moment for moment, kind in found if kind == "Transmit"] == [
        0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert found[-1] == (32.0, "TimedOut") and received.key


def test_2xx_of_two_branches():
    """A fork's second 2xx is reported, and each has its own ACK (§13.2.2.4)."""
    alice, _, _, received, ok = accepted()
    (one,) = alice.receive_data(ok.data, PROXY, 0.1)
    other = ok.data.replace(b";tag=t\r\n", b";tag=u\r\n")
    (two,) = alice.receive_data(other, PROXY, 0.2)
    assert (one.response.to_tag, two.response.to_tag) == ("t", "u")
    dialogs = [sip.Dialog.of_caller(received.request, event.response) for event in (one, two)]
    acks = [alice.ack(dialog.ack(), PROXY, 0.3)[0] for dialog in dialogs]
    assert alice.receive_data(other, PROXY, 0.4) == [acks[1]] and alice.receive_data(ok.data, PROXY, 0.4) == [acks[0]]


def test_a_refusal_is_acknowledged_by_the_transaction():
    """Figures 5 and 7: same branch, To of the response; timers G, H and I."""
    alice, proxy, key, received = asked(invite())
    (busy,) = proxy.respond(received.key, sip.response(received.request, 486, "Busy Here", "t"), 0.0)
    ack, answered = alice.receive_data(busy.data, PROXY, 0.1)
    assert (answered.key, answered.response.status) == (key, 486)
    request = sip.decode(ack.data)
    assert request.method == "ACK" and request.via.branch == received.request.via.branch and request.to_tag == "t"
    assert alice.receive_data(busy.data, PROXY, 0.6) == [ack]
    assert [moment for moment, _ in times(proxy, 4)] == [0.5, 1.5, 3.5]
    assert proxy.receive_data(ack.data, ALICE, 4.0) == [] and proxy.receive_data(ack.data, ALICE, 4.5) == []
    assert times(proxy, 100) == [] and proxy.next_wakeup() is None
    _, silent, _, received = asked(invite())
    silent.respond(received.key, sip.response(received.request, 486, "Busy Here", "t"), 0.0)
    assert times(silent, 100)[-1] == (32.0, "TimedOut")


def test_cancel():
    """§9: after a 1xx only, on the INVITE's branch; the server side finds the INVITE."""
    alice, proxy, key, received = asked(invite())
    assert alice.cancel(key, 0.0) is None
    (ringing,) = proxy.respond(received.key, sip.response(received.request, 180, "Ringing", "t"), 0.1)
    alice.receive_data(ringing.data, PROXY, 0.1)
    cancel_key, events = alice.cancel(key, 0.2)
    (heard,) = proxy.receive_data(sent(events)[0], ALICE, 0.2)
    assert heard.request.method == "CANCEL" and heard.request.cseq.number == received.request.cseq.number
    assert proxy.matching_invite(heard.request) == received.key
    (ok,) = proxy.respond(heard.key, sip.response(heard.request, 200, "OK", "t"), 0.2)
    (terminated,) = proxy.respond(received.key, sip.response(received.request, 487, "Request Terminated", "t"), 0.2)
    assert [event.key for event in alice.receive_data(ok.data, PROXY, 0.3)] == [cancel_key]
    assert alice.receive_data(terminated.data, PROXY, 0.3)[-1].key == key


def test_responses_go_where_the_request_came_from():
    """RFC 3581: received and rport are filled in; without rport the port of Via holds."""
    _, proxy = ends()
    (received,) = proxy.receive_data(INVITE, ("203.0.113.5", 40001), 0.0)
    via = received.request.via
    assert (via.parameter("received"), via.parameter("rport")) == ("203.0.113.5", "40001")
    assert [other.branch for other in received.request.vias] == ["z9hG4bKabc", "z9hG4bKdef"]
    (out,) = proxy.respond(received.key, sip.response(received.request, 180, "Ringing", "t"), 0.0)
    assert out.to == ("203.0.113.5", 40001)
    old = INVITE.replace(b";rport", b"").replace(b"branch=z9hG4bKabc", b"branch=1")
    (received,) = proxy.receive_data(old, ("203.0.113.5", 40001), 0.0)
    (out,) = proxy.respond(received.key, sip.response(received.request, 180, "Ringing", "t"), 0.0)
    assert out.to == ("203.0.113.5", 5060)
    assert proxy.receive_data(old, ("203.0.113.5", 40001), 0.5) == [out]


def test_what_fits_nothing_is_reported():
    """A stray response, broken octets and too many requests end as PeerViolation; keep-alives as nothing."""
    alice, _ = ends()
    stray = b"SIP/2.0 200 OK\r\n" + INVITE.split(b"\r\n", 1)[1]
    for data in (stray, b"\0\1\2", INVITE[:50]):
        (event,) = alice.receive_data(data, PROXY, 0.0)
        assert isinstance(event, sip.PeerViolation) and event.error.clause
    assert alice.receive_data(b"\r\n\r\n", PROXY, 0.0) == []
    small = sip.Transactions("10.0.0.10:5060", lambda size: "x" * size, max_transactions=1)
    small.receive_data(INVITE, PROXY, 0.0)
    (event,) = small.receive_data(INVITE.replace(b"z9hG4bKabc", b"z9hG4bKxyz"), PROXY, 0.0)
    assert isinstance(event, sip.PeerViolation)
    with pytest.raises(LocalProtocolError):
        alice.request(sip.Request(bye().headers.with_("CSeq", "7 ACK"), method="ACK", uri="sip:a@b"), PROXY, 0.0)


def test_a_wake_that_comes_late():
    """All that is due is done, in the order in which it was due."""
    alice, _ = ends()
    alice.request(invite(), PROXY, 0.0)
    events = alice.wake(1000.0)
    assert [type(event).__name__ for event in events] == ["Transmit"] * 6 + ["TimedOut"]


def test_the_tables_lead_onwards_only():
    """No transition leads back, and final responses end in Completed or Accepted."""
    order = list(State)
    for (_, before, status), after in [*CLIENT.items(), *SERVER.items()]:
        assert order.index(after) >= order.index(before)
        assert status == 1 or after in (State.COMPLETED, State.ACCEPTED)
