"""Segmented replies of version 3: cut, sent, acknowledged, repeated, put together."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_h248_machine import AUDIT, DONE, MG, MGC, body, sent

from workbench.protocols.h248 import message as m
from workbench.protocols.h248.coding import decode, encode
from workbench.protocols.h248.machine import (
    Confirmed,
    PeerViolation,
    ReplyReceived,
    RequestReceived,
    TimedOut,
    Transactions,
)
from workbench.protocols.h248.transactions.segmentation import Collector, split

OUT_OF_SERVICE = m.Media(termination_state=m.TerminationState(m.ServiceState.OUT_OF_SERVICE))


def long_reply(commands: int, contexts: int = 1) -> tuple[m.ActionReply, ...]:
    """What an audit of many terminations gives."""
    return tuple(
        m.ActionReply(context, tuple(
            m.CommandReply(m.Kind.AUDIT_VALUE, (f"ip/{context}/access/{number}",), (OUT_OF_SERVICE,))
            for number in range(commands)))
        for context in range(1, contexts + 1))


def asked(**how):
    """A controller and a gateway that is about to answer request 1."""
    how = {"version": 3, "max_octets": 600, **how}
    mgc, mg = Transactions(MGC, **how), Transactions(MG, **how)
    _, events = mgc.request((AUDIT,), 0.0)
    mg.receive_data(sent(events)[0], 0.0)
    return mgc, mg, sent(events)[0]


def test_segments_on_the_wire():
    """`Reply = id/n`, each within the largest message, and `Segment = id/n` back; the last ones with /END."""
    mgc, mg, _ = asked()
    segments = sent(mg.reply(1, long_reply(12), 0.0))
    assert len(segments) > 2 and all(len(octets) <= 600 for octets in segments)
    heads = [octets.split(b"{")[0].split(b"\n")[1].strip() for octets in segments]
    assert heads == [b"Reply = 1/%d" % n for n in range(1, len(segments))] + [b"Reply = 1/%d/END" % len(segments)]
    replies = [body(octets)[0] for octets in segments]
    assert [(reply.segment, reply.last) for reply in replies] == [
        (n, n == len(segments)) for n in range(1, len(segments) + 1)]
    seen = [mgc.receive_data(octets, 0.1) for octets in segments]
    acks = [body(sent(events)[0])[0] for events in seen]
    assert acks == [m.Segment(1, n, n == len(segments)) for n in range(1, len(segments) + 1)]
    assert [len(events) for events in seen] == [1] * (len(segments) - 1) + [2]
    assert seen[-1][1] == ReplyReceived(1, m.Reply(1, long_reply(12)))
    confirmed = [mg.receive_data(sent(events)[0], 0.2) for events in seen]
    assert confirmed == [[]] * (len(segments) - 1) + [[Confirmed(1)]]
    assert mg.next_wakeup() is None and mgc.next_wakeup() is None and mg.remembered == (1, 0)


def test_what_is_not_acknowledged_is_repeated():
    """Only the segments whose acknowledgement is missing come again, each segmentation time, until LONG-TIMER."""
    mgc, mg, request = asked()
    segments = sent(mg.reply(1, long_reply(12), 0.0))
    for lost in (0, 2):
        assert sent(mgc.receive_data(segments[lost], 0.0))
    ack = encode(m.Message(3, MGC, (m.Segment(1, 2),)), "pretty")
    assert mg.receive_data(ack, 0.1) == []
    rest = [octets for octets in segments if octets != segments[1]]
    assert mg.next_wakeup() == pytest.approx(1.1)
    assert sent(mg.wake(1.1)) == rest
    assert sent(mg.receive_data(request, 1.2)) == rest
    assert mg.receive_data(ack, 1.3) == []
    times = 0
    while (at := mg.next_wakeup()) is not None:
        times += len(mg.wake(at)) > 0
    assert times == 28 and mg.remembered == (0, 0)


def test_any_order_and_twice():
    """Whatever order the segments come in, one reply comes out, equal to what was answered."""
    for seed in range(40):
        rng = random.Random(seed)
        mgc, mg, _ = asked(segments_ahead=100, coding=rng.choice(("pretty", "compact")))
        answer = long_reply(rng.randint(20, 40), rng.randint(1, 3))
        segments = sent(mg.reply(1, answer, 0.0))
        shuffled = segments + rng.choices(segments, k=3)
        rng.shuffle(shuffled)
        events = [event for octets in shuffled for event in mgc.receive_data(octets, 0.1)]
        assert [event for event in events if isinstance(event, ReplyReceived)] == [
            ReplyReceived(1, m.Reply(1, answer))], seed
        assert len(sent(events)) == len(shuffled)


def test_a_window_of_segments():
    """No more than `segments_ahead` wait for their acknowledgement; each one that comes lets the next one leave."""
    _, mg, _ = asked(segments_ahead=2)
    out = sent(mg.reply(1, long_reply(20), 0.0))
    seen = []
    while out:
        assert len(out) <= 2
        reply = body(out.pop(0))[0]
        seen.append(reply.segment)
        ack = encode(m.Message(3, MGC, (m.Segment(1, reply.segment, reply.last),)), "pretty")
        out += sent(mg.receive_data(ack, 0.1))
    assert seen == list(range(1, len(seen) + 1)) and mg.remembered == (1, 0)


def test_after_pending_the_last_segment_asks_for_an_acknowledgement():
    """ImmAckRequired stands in the last segment, and TransactionResponseAck confirms them all."""
    mgc, mg, request = asked()
    assert sent(mg.receive_data(request, 0.5))
    segments = sent(mg.reply(1, long_reply(12), 1.0))
    assert [body(octets)[0].immediate_ack for octets in segments] == [False] * (len(segments) - 1) + [True]
    events = [event for octets in segments for event in mgc.receive_data(octets, 1.1)]
    *_, ack, received = events
    assert body(ack.octets) == (m.Ack(((1, 1),)),) and isinstance(received, ReplyReceived)
    assert mg.receive_data(ack.octets, 1.2) == [Confirmed(1)]
    assert mg.next_wakeup() is None and mg.remembered == (1, 0) and mg.receive_data(request, 1.3) == []


@pytest.mark.parametrize("how", [{"version": 2}, {"version": 3, "segmentation": False}])
def test_without_segmentation_such_a_reply_is_an_error(how):
    """Error 533 instead (H.248.8); and segments of a peer that sends them all the same are not taken."""
    mgc, mg, _ = asked(**how)
    (octets,) = sent(mg.reply(1, long_reply(12), 0.0))
    assert body(octets)[0].error.code == 533
    segment = encode(m.Message(3, MG, (m.Reply(1, DONE, segment=1, last=True),)), "pretty")
    (violation,) = mgc.receive_data(segment, 0.0)
    assert "not agreed" in str(violation.error) and mgc.open_requests == 1


def test_one_command_that_does_not_fit():
    """A cut is only possible between commands: a single long one gives 533."""
    _, mg, _ = asked(max_octets=150)
    media = m.Media(termination_state=m.TerminationState(properties=(m.Property("a/b", (m.Quoted("x" * 300),)),)))
    answer = (*long_reply(2), m.ActionReply(9, (m.CommandReply(m.Kind.AUDIT_VALUE, ("x",), (media,)),)))
    (octets,) = sent(mg.reply(1, answer, 0.0))
    assert body(octets)[0].error.code == 533


def segment_of(number: int, last: bool = False, reply: int = 1) -> bytes:
    return encode(m.Message(3, MG, (m.Reply(reply, long_reply(1), segment=number, last=last),)), "pretty")


@pytest.mark.parametrize(("before", "wrong", "what"), [
    ([(3, True)], (4, False), "segment 4 after segment 3 was the last"),
    ([(3, True)], (2, True), "segment 2 after segment 3 was the last"),
    ([(3, False)], (2, True), "segment 2 is the last, but 3 came"),
    ([], (0, False), "numbers begin at 1"),
    ([], (6, False), "segment 6, more than 5"),
    ([(1, False), (2, False)], (3, False), "more than 500 octets"),
])
def test_contradictions_are_dropped(before, wrong, what):
    """A segment that contradicts those before it, or is too much, is reported and not acknowledged."""
    mgc, _, _ = asked(max_segments=5, max_segment_octets=500)
    for number, last in before:
        assert not any(isinstance(event, PeerViolation) for event in mgc.receive_data(segment_of(number, last), 0.0))
    (violation,) = mgc.receive_data(segment_of(*wrong), 0.0)
    assert isinstance(violation, PeerViolation) and what in str(violation.error)


def test_missing_segments_are_named():
    """When the rest never comes the request is given up, and the report says what is missing."""
    mgc, _, request = asked()
    mgc.receive_data(segment_of(1), 0.0)
    mgc.receive_data(segment_of(4), 1.0)
    seen = []
    while (at := mgc.next_wakeup()) is not None:
        seen += mgc.wake(at)
    assert seen[-1] == TimedOut(1, "segment 2, 3, the last, after 4, of the reply did not come")
    assert set(sent(seen)) == {request} and at is None
    assert sent(mgc.receive_data(segment_of(2), 40.0)), "late segments are acknowledged, or the peer would go on"


def test_a_whole_reply_ends_the_collection():
    """The peer may give up its segments and say in one message what went wrong."""
    mgc, _, _ = asked()
    mgc.receive_data(segment_of(1), 0.0)
    refusal = m.Reply(1, (), m.ErrorDescriptor(533, "too long"))
    events = mgc.receive_data(encode(m.Message(3, MG, (refusal,)), "pretty"), 0.1)
    assert events == [ReplyReceived(1, refusal)] and mgc.next_wakeup() is None


def test_segments_of_many_replies_are_bounded_together():
    """Four times the octets of one reply, over all open requests."""
    mgc = Transactions(MGC, version=3, max_segment_octets=400)
    for _ in range(40):
        mgc.request((AUDIT,), 0.0)
    taken = [mgc.receive_data(segment_of(1, reply=number), 0.0)[0] for number in range(1, 41)]
    kept = sum(not isinstance(event, PeerViolation) for event in taken)
    assert 4 < kept < 16
    mgc.forget()
    mgc.request((AUDIT,), 0.0)
    assert not isinstance(mgc.receive_data(segment_of(1, reply=41), 0.0)[0], PeerViolation)


def test_acknowledgements_of_segments_that_never_were():
    """An acknowledgement for a reply that was sent whole, or that nobody knows, is a violation and changes nothing."""
    _, mg, request = asked()
    (reply,) = sent(mg.reply(1, DONE, 0.0))
    for number in (1, 77):
        (violation,) = mg.receive_data(encode(m.Message(3, MGC, (m.Segment(number, 1),)), "pretty"), 0.0)
        assert isinstance(violation, PeerViolation)
    assert sent(mg.receive_data(request, 0.1)) == [reply]


def test_requests_are_never_segmented():
    """A request that is too long is our own mistake, in version 3 too."""
    from workbench.errors import LocalProtocolError

    with pytest.raises(LocalProtocolError, match="does not fit"):
        Transactions(MGC, version=3, max_octets=200).request((AUDIT,) * 9, 0.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=8), st.integers(200, 2000), st.booleans())
def test_cut_and_put_together(sizes, most, ends_badly):
    """Any reply: the segments fit, none is empty, and together they are the reply."""
    answer = tuple(
        m.ActionReply(context, tuple(m.CommandReply(m.Kind.MODIFY, (f"t/{n}",)) for n in range(size)), None,
                      m.ContextProperties(priority=3))
        for context, size in enumerate(sizes, 1))
    if ends_badly:
        answer = (*answer, m.ActionReply(99, (), m.ErrorDescriptor(411, "x")))
    reply = m.Reply(7, answer)

    def size(one):
        return len(encode(m.Message(3, MG, (one,)), "compact"))

    segments = split(reply, size, most)
    assert segments is not None
    collector = Collector(1000, 1_000_000)
    whole = [collector.take(segment, size(segment)) for segment in segments]
    assert all(size(segment) <= most and segment.actions for segment in segments)
    assert whole == [None] * (len(segments) - 1) + [reply]
    assert decode(encode(m.Message(3, MG, (segments[0],)), "pretty"), "pretty").body == (segments[0],)


def test_a_request_is_executed_once_however_its_reply_travels():
    """A repetition of the request while its reply is under way in segments is not executed again."""
    _, mg, request = asked()
    mg.reply(1, long_reply(30), 0.0)
    events = [event for at in (0.1, 5.0, 29.9) for event in mg.receive_data(request, at)]
    assert not any(isinstance(event, RequestReceived) for event in events) and events
