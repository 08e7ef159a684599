"""Transactions over datagrams: repetition, at-most-once, Pending, acknowledgements, and 500 bad networks."""

from __future__ import annotations

import heapq
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError
from workbench.protocols.h248 import message as m
from workbench.protocols.h248 import text
from workbench.protocols.h248.machine import (
    Confirmed,
    MessageRefused,
    PeerViolation,
    PendingReceived,
    ReplyReceived,
    RequestReceived,
    TimedOut,
    Timers,
    Transactions,
    Transmit,
)

MGC, MG = "[192.0.2.10]:2944", "[192.0.2.20]:2944"
AUDIT = m.Action(m.NULL, (m.Command(m.Kind.AUDIT_VALUE, (m.ROOT,), (m.Audit(),)),))
DONE = (m.ActionReply(m.NULL, (m.CommandReply(m.Kind.AUDIT_VALUE, (m.ROOT,)),)),)


def pair(**how):
    return Transactions(MGC, **how), Transactions(MG, **how)


def sent(events):
    return [event.octets for event in events if isinstance(event, Transmit)]


def body(octets):
    return text.decode(octets).body


def test_a_request_and_its_reply():
    """One datagram each way; the reply carries the id of the request (H.248.1 §8.2)."""
    mgc, mg = pair()
    number, events = mgc.request((AUDIT,), 0.0)
    (octets,) = sent(events)
    assert body(octets) == (m.Request(number, (AUDIT,)),)
    assert mg.receive_data(octets, 0.01) == [RequestReceived(number, (AUDIT,), MGC)]
    (reply,) = sent(mg.reply(number, DONE, 0.02))
    assert mgc.receive_data(reply, 0.03) == [ReplyReceived(number, m.Reply(number, DONE))]
    assert mgc.next_wakeup() is None and mg.next_wakeup() is None
    assert mgc.receive_data(reply, 0.04) == []


def test_ids_follow_each_other_and_wrap():
    """Ids run from the first to 2^32-1 and begin again at 1; 0 is never used."""
    mgc = Transactions(MGC, first_id=0xFFFFFFFF)
    assert [mgc.request((AUDIT,), 0.0)[0] for _ in range(3)] == [0xFFFFFFFF, 1, 2]


def test_repetition_slows_down_and_ends():
    """The first interval is half a second, the next ones grow to four seconds; after 25 s the peer is suspect."""
    mgc, _ = pair()
    number, events = mgc.request((AUDIT,), 0.0)
    (octets,) = sent(events)
    times, now = [], 0.0
    while (wakeup := mgc.next_wakeup()) is not None:
        now = wakeup
        events = mgc.wake(now)
        if events == [TimedOut(number)]:
            break
        assert sent(events) == [octets]
        times.append(now)
    assert times[0] == pytest.approx(0.5)
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert gaps == sorted(gaps) and gaps[-1] == 4.0
    assert now == 25.0 and mgc.next_wakeup() is None and mgc.open_requests == 0


def test_jitter_spreads_repetitions():
    """A part of the interval is random; the numbers come from whoever made the machine."""
    slow, fast = Transactions(MGC, jitter=lambda: 1.0), Transactions(MGC, jitter=lambda: 0.0)
    for machine in (slow, fast):
        machine.request((AUDIT,), 0.0)
    assert fast.next_wakeup() < slow.next_wakeup()


def test_the_interval_follows_the_network():
    """Slow replies make the next request wait longer before it is repeated (Annex D.1.4)."""
    mgc, mg = pair()
    for start in range(0, 100, 10):
        number, events = mgc.request((AUDIT,), start)
        mg.receive_data(sent(events)[0], start)
        if start:
            assert mgc.next_wakeup() - start > 0.5
        mgc.receive_data(sent(mg.reply(number, DONE, start))[0], start + 0.4)
        if mgc.next_wakeup() is not None:
            break
    mgc.request((AUDIT,), 200.0)
    assert mgc.next_wakeup() - 200.0 > 0.5


def test_a_repeated_request_gets_the_stored_reply():
    """The same octets again within LONG-TIMER, and the commands are not executed again; later it is a new request."""
    mgc, mg = pair()
    number, events = mgc.request((AUDIT,), 0.0)
    (octets,) = sent(events)
    mg.receive_data(octets, 0.0)
    (reply,) = sent(mg.reply(number, DONE, 0.0))
    assert mg.receive_data(octets, 29.9) == [Transmit(reply)]
    assert mg.receive_data(octets, 30.0) == [RequestReceived(number, (AUDIT,), MGC)]


def test_pending():
    """A node that takes long: Pending at the execution time and for each repetition; the reply asks for an ack."""
    mgc, mg = pair()
    number, events = mgc.request((AUDIT,), 0.0)
    (octets,) = sent(events)
    mg.receive_data(octets, 0.0)
    assert mg.next_wakeup() == 2.0
    (pending,) = sent(mg.wake(2.0))
    assert body(pending) == (m.Pending(number),)
    assert mgc.receive_data(pending, 2.1) == [PendingReceived(number)]
    assert mgc.next_wakeup() == pytest.approx(6.1)
    assert sent(mg.receive_data(octets, 2.3)) == [pending]
    (reply,) = sent(mg.reply(number, DONE, 3.0))
    assert body(reply)[0].immediate_ack
    (repeated,) = sent(mg.wake(mg.next_wakeup()))
    assert repeated == reply
    acknowledged, received = mgc.receive_data(reply, 3.1)
    assert received == ReplyReceived(number, m.Reply(number, DONE, None, True))
    assert body(acknowledged.octets) == (m.Ack(((number, number),)),)
    assert sent(mgc.receive_data(repeated, 3.2)) == [acknowledged.octets]
    assert mg.receive_data(acknowledged.octets, 3.3) == [Confirmed(number)]
    assert mg.next_wakeup() is None
    assert mg.receive_data(octets, 3.4) == []


def test_too_many_pendings():
    """Beyond the limit the peer is told 506, once, and whoever gets them gives up."""
    mgc, mg = pair(pending_limit=2)
    number, events = mgc.request((AUDIT,), 0.0)
    (octets,) = sent(events)
    mg.receive_data(octets, 0.0)
    replies = [body(sent(mg.receive_data(octets, at))[0])[0] for at in (0.1, 0.4, 0.7)]
    assert [type(reply) for reply in replies] == [m.Pending, m.Pending, m.Reply]
    assert replies[2].error.code == 506
    with pytest.raises(LocalProtocolError):
        mg.reply(number, DONE, 0.8)
    pending = text.encode(m.Message(2, MG, (m.Pending(number),)))
    assert [mgc.receive_data(pending, 1.0)[0] for _ in range(3)] == [
        *[PendingReceived(number)] * 2, TimedOut(number, "more than 2 Pendings")]


def test_acknowledgements_get_a_lift():
    """Replies are acknowledged in the next message, as ranges, where that was asked for."""
    mgc, mg = pair(acknowledge=True)
    for _ in range(3):
        number, events = mgc.request((AUDIT,), 0.0)
        mg.receive_data(sent(events)[0], 0.0)
        mgc.receive_data(sent(mg.reply(number, DONE, 0.0))[0], 0.0)
    number, events = mgc.request((AUDIT,), 1.0)
    assert body(sent(events)[0])[0] == m.Ack(((3, 3),))
    seen = mg.receive_data(sent(events)[0], 1.0)
    assert Confirmed(3) in seen and seen[-1] == RequestReceived(4, (AUDIT,), MGC)
    hostile = text.encode(m.Message(2, MGC, (m.Ack(((0, 0xFFFFFFFF), (1, 2), (2, 3))),)))
    assert mg.receive_data(hostile, 1.0) == []


def test_ten_transactions_in_a_message():
    """Ten are executed one by one; eleven are refused with 413 (TS 29.334 §5.10)."""
    _, mg = pair()
    ten = tuple(m.Request(number, (AUDIT,)) for number in range(1, 11))
    assert [event.id for event in mg.receive_data(text.encode(m.Message(2, MGC, ten)), 0.0)] == list(range(1, 11))
    violation, refused = mg.receive_data(text.encode(m.Message(2, MGC, (*ten, m.Request(11, (AUDIT,))))), 0.0)
    assert isinstance(violation, PeerViolation)
    assert text.decode(refused.octets).error.code == 413


def test_messages_that_are_not_for_execution():
    """Unreadable, of a version to come, of a stranger, or an error itself."""
    mg = Transactions(MG, peer_mid=MGC)
    violation, refused = mg.receive_data(b"MEGACO/2 [192.0.2.10]:2944\nTransaction = 1 { Kontext }", 0.0)
    assert isinstance(violation, PeerViolation) and violation.error.offset == 45
    assert text.decode(refused.octets).error.code == 400
    assert len(mg.receive_data(b"not megaco", 0.0)) == 1
    assert len(mg.receive_data(b"MEGACO/2 [192.0.2.10]:2944\nError = 400 { broken }", 0.0)) == 1
    newer = text.encode(m.Message(4, MGC, (m.Pending(1),)))
    assert text.decode(mg.receive_data(newer, 0.0)[1].octets).error.code == 406
    stranger = text.encode(m.Message(2, "<mallory>", (m.Request(1, (AUDIT,)),)))
    (violation,) = mg.receive_data(stranger, 0.0)
    assert "only [192.0.2.10]:2944 may speak" in str(violation.error)
    refusal = text.encode(m.Message(2, MGC, (), m.ErrorDescriptor(400, "x")))
    assert mg.receive_data(refusal, 0.0) == [MessageRefused(m.ErrorDescriptor(400, "x"))]


def test_a_reply_that_does_not_fit():
    """A reply longer than the transport carries becomes error 533; such a request is our own mistake."""
    mgc, mg = Transactions(MGC), Transactions(MG, max_octets=200)
    number, events = mgc.request((AUDIT,), 0.0)
    mg.receive_data(sent(events)[0], 0.0)
    (reply,) = sent(mg.reply(number, DONE * 20, 0.0))
    assert body(reply)[0].error.code == 533
    with pytest.raises(LocalProtocolError):
        mg.request((AUDIT,) * 20, 0.0)


def test_limits_and_settings():
    """What a peer or a node can make us hold is bounded."""
    with pytest.raises(LocalProtocolError):
        Transactions(MGC, timers=Timers(lifetime=30.0, long=30.0))
    mgc = Transactions(MGC, max_open=1)
    mgc.request((AUDIT,), 0.0)
    with pytest.raises(LocalProtocolError):
        mgc.request((AUDIT,), 0.0)
    with pytest.raises(LocalProtocolError):
        mgc.reply(77, DONE, 0.0)
    mg = Transactions(MG, max_remembered=2)
    requests = [text.encode(m.Message(2, MGC, (m.Request(number, (AUDIT,)),))) for number in (1, 2, 3)]
    seen = [type(mg.receive_data(octets, 0.0)[0]) for octets in requests]
    assert seen == [RequestReceived, RequestReceived, PeerViolation]


def test_after_a_restart_ids_may_come_again():
    """`forget` makes room for a peer that begins anew."""
    mgc, mg = pair()
    _, events = mgc.request((AUDIT,), 0.0)
    (octets,) = sent(events)
    mg.receive_data(octets, 0.0)
    mg.forget()
    assert isinstance(mg.receive_data(octets, 1.0)[0], RequestReceived)


@pytest.mark.parametrize("start", range(0, 600, 20))
def test_exactly_once_over_a_bad_network(start):
    """20 % loss, duplication, reordering, slow executions: each request executed once, each reply reported once."""
    for seed in range(start, start + 20):
        exactly_once(seed)


def exactly_once(seed):
    """One bad network."""
    rng = random.Random(seed)
    how = {"acknowledge": seed % 2 == 0, "coding": "compact" if seed % 3 else "pretty", "jitter": rng.random}
    how["timers"] = Timers(most=2.0)  # so many tries that not even one of these runs gives up
    ends = {"mgc": Transactions(MGC, **how), "mg": Transactions(MG, **how)}
    other = {"mgc": "mg", "mg": "mgc"}
    executed = {name: [] for name in ends}
    answered = {name: [] for name in ends}
    asked = {name: [] for name in ends}
    queue: list = []
    count = 0

    def later(when, what):
        nonlocal count
        count += 1
        heapq.heappush(queue, (when, count, what))

    def on(name, events, now):
        for event in events:
            match event:
                case Transmit(octets=octets):
                    for _ in range(rng.choices((0, 1, 2), (20, 70, 10))[0]):
                        later(now + rng.uniform(0.001, 0.8), ("data", other[name], octets))
                case RequestReceived(id=number):
                    executed[name].append(number)
                    later(now + rng.choice((0.0, 0.0, 0.1, 3.0)), ("reply", name, number))
                case ReplyReceived(id=number):
                    answered[name].append(number)
                case TimedOut() | PeerViolation() | MessageRefused():
                    raise AssertionError(event)

    for name in ends:
        for _ in range(3):
            later(rng.uniform(0.0, 2.0), ("ask", name, None))
    now = 0.0
    while now < 120.0:
        wakeups = [(at, name) for name, end in ends.items() if (at := end.next_wakeup()) is not None]
        first = min(wakeups, default=None)
        if queue and (first is None or queue[0][0] <= first[0]):
            now, _, (what, name, given) = heapq.heappop(queue)
            end = ends[name]
            if what == "data":
                on(name, end.receive_data(given, now), now)
            elif what == "reply":
                on(name, end.reply(given, DONE, now), now)
            else:
                number, events = end.request((AUDIT,), now)
                asked[name].append(number)
                on(name, events, now)
        elif first is not None:
            now = max(now, first[0])
            on(first[1], ends[first[1]].wake(now), now)
        else:
            break
    for name in ends:
        assert sorted(executed[other[name]]) == sorted(asked[name]), f"seed {seed}"
        assert sorted(answered[name]) == sorted(asked[name]), f"seed {seed}"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=5))
def test_garbage_never_escapes(datagrams):
    """Whatever a peer sends, the machine answers with events and raises nothing."""
    mg = Transactions(MG)
    for data in datagrams:
        assert all(isinstance(event, PeerViolation | Transmit) for event in mg.receive_data(data, 0.0))
        mg.receive_data(b"MEGACO/2 x " + data, 0.0)
