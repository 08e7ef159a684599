"""Transactions in company, over connections, with other settings, and against peers that mean harm."""

from __future__ import annotations

import tracemalloc

import pytest
from counting import work
from test_h248_machine import AUDIT, DONE, MG, MGC, body, sent
from test_h248_machine_channel import audited

from workbench.errors import LocalProtocolError
from workbench.protocols.h248 import message as m
from workbench.protocols.h248.binary.naming import PerLevelNaming
from workbench.protocols.h248.coding import Codec, decode, encode
from workbench.protocols.h248.machine import (
    Confirmed,
    MessageRefused,
    PeerViolation,
    ReplyReceived,
    RequestReceived,
    Timers,
    Transactions,
    Transmit,
)
from workbench.protocols.h248.transactions.provisioning import provision

CODINGS = ["pretty", "compact", "binary"]


def pair(**how):
    return Transactions(MGC, **how), Transactions(MG, **how)


def message(*transactions, coding="pretty", mid=MGC, version=2):
    return encode(m.Message(version, mid, transactions), coding)


def request(number, coding="pretty", mid=MGC):
    return message(m.Request(number, (AUDIT,)), coding=coding, mid=mid)


# In company

@pytest.mark.parametrize("coding", CODINGS)
def test_several_in_a_message(coding):
    """25 requests leave in three messages of at most ten; their replies likewise; each is a transaction of its own."""
    mgc, mg = pair(coding=coding)
    numbers, events = mgc.request_many([(AUDIT,)] * 25, 0.0)
    assert [len(decode(octets, coding).body) for octets in sent(events)] == [10, 10, 5]
    assert numbers == list(range(1, 26))
    received = [event for octets in sent(events) for event in mg.receive_data(octets, 0.1)]
    assert [event.id for event in received] == numbers
    answers = sent(mg.reply_many([(number, DONE) for number in numbers], 0.2))
    assert [len(decode(octets, coding).body) for octets in answers] == [10, 10, 5]
    assert [event.id for octets in answers for event in mgc.receive_data(octets, 0.3)] == numbers
    assert mgc.next_wakeup() is None
    (again,) = mg.receive_data(request(7, coding), 0.4)
    assert decode(again.octets, coding).body == (m.Reply(7, DONE),)


def test_company_is_repeated_one_by_one():
    """Only what was not answered is repeated, alone."""
    mgc, mg = pair()
    _, events = mgc.request_many([(AUDIT,)] * 3, 0.0)
    mg.receive_data(sent(events)[0], 0.0)
    (answer,) = sent(mg.reply_many([(1, DONE), (3, m.ErrorDescriptor(501, "x"))], 0.1))
    mgc.receive_data(answer, 0.2)
    (again,) = sent(mgc.wake(0.6))
    assert body(again) == (m.Request(2, (AUDIT,)),)


def test_company_that_does_not_fit():
    """A message that would be too long is cut between transactions; a request that is too long alone is our mistake."""
    mgc, _ = pair(max_octets=400)
    _, events = mgc.request_many([(AUDIT,)] * 9, 0.0)
    assert all(len(octets) <= 400 for octets in sent(events))
    assert sum(len(body(octets)) for octets in sent(events)) == 9
    with pytest.raises(LocalProtocolError):
        mgc.request_many([(AUDIT,), (AUDIT,) * 20], 0.0)
    assert mgc.open_requests == 9


def test_long_replies_in_company():
    """In version 3 those that do not fit leave in segments, the others together."""
    mgc, mg = pair(version=3, max_octets=500)
    _, events = mgc.request_many([(AUDIT,)] * 3, 0.0)
    for octets in sent(events):
        mg.receive_data(octets, 0.0)
    answers = sent(mg.reply_many([(1, DONE), (2, DONE * 20), (3, DONE)], 0.1))
    shapes = [[(one.id, one.segment) for one in decode(octets, "pretty").body] for octets in answers]
    assert shapes[-1] == [(1, None), (3, None)] and all(len(shape) == 1 and shape[0][0] == 2 for shape in shapes[:-1])
    done = [event for octets in answers for event in mgc.receive_data(octets, 0.2) if isinstance(event, ReplyReceived)]
    assert sorted(event.id for event in done) == [1, 2, 3]


# Acknowledgements

@pytest.mark.parametrize("coding", CODINGS)
def test_immediate_acknowledgement(coding):
    """ImmAckRequired on request: acknowledged at once, again for each copy, and repeated until then."""
    mgc, mg = pair(coding=coding)
    number, events = mgc.request((AUDIT,), 0.0)
    mg.receive_data(sent(events)[0], 0.0)
    (reply,) = sent(mg.reply(number, DONE, 0.0, immediate_ack=True))
    assert mg.wake(mg.next_wakeup()) == [Transmit(reply)]
    acks = [sent(mgc.receive_data(reply, 0.5))[0] for _ in range(2)]
    assert decode(acks[0], coding).body == (m.Ack(((1, 1),)),) and acks[0] == acks[1]
    assert mg.receive_data(acks[0], 0.6) == [Confirmed(1)] and mg.receive_data(acks[1], 0.7) == []
    assert mg.next_wakeup() is None


def test_acknowledgements_that_wait_go_with_the_immediate_one():
    """An acknowledgement at once takes those along that wait for a message, and few ranges go into one."""
    mgc, _ = pair(acknowledge=True)
    numbers, _ = mgc.request_many([(AUDIT,)] * 60, 0.0)
    for number in numbers[::2]:
        mgc.receive_data(message(m.Reply(number, DONE), mid=MG), 0.1)
    (ack, _) = mgc.receive_data(message(m.Reply(60, DONE, None, True), mid=MG), 0.1)
    (told,) = body(ack.octets)
    assert len(told.ranges) == 10 and (59, 60) in told.ranges
    _, (event,) = mgc.request((AUDIT,), 0.2)
    assert len(body(event.octets)[0].ranges) == 10
    _, (event,) = mgc.request((AUDIT,), 0.2)
    assert body(event.octets)[0].ranges[-1] == (57, 57)


def test_acknowledgements_do_not_push_a_request_over_the_limit():
    """Where they do not fit beside it they wait on."""
    size = len(message(m.Request(100, (AUDIT,))))
    mgc, _ = pair(acknowledge=True, max_octets=size)
    mgc.request((AUDIT,), 0.0)
    mgc.receive_data(message(m.Reply(1, DONE), mid=MG), 0.1)
    _, (event,) = mgc.request((AUDIT,), 0.2)
    assert body(event.octets) == (m.Request(2, (AUDIT,)),)
    mgc.max_octets = 1000
    _, (event,) = mgc.request((AUDIT,), 0.3)
    assert body(event.octets)[0] == m.Ack(((1, 1),))


# Messages as wholes

@pytest.mark.parametrize("coding", CODINGS)
def test_errors_of_whole_messages(coding):
    """400, 406 and 413 are sent as messages that hold the error alone, and reported when they come."""
    mgc, mg = pair(coding=coding)
    good = request(1, coding)
    broken = good[:-2] if coding == "binary" else good.replace(b"ROOT", b"=OOT")
    newer = message(m.Pending(1), coding=coding, version=4)
    many = message(*(m.Request(number, (AUDIT,)) for number in range(1, 12)), coding=coding)
    for data, code in ((broken, 400), (newer, 406), (many, 413)):
        violation, refusal = mg.receive_data(data, 0.0, ("192.0.2.10", 5000))
        assert isinstance(violation, PeerViolation) and refusal.to == ("192.0.2.10", 5000)
        told = decode(refusal.octets, coding)
        assert told.body == () and told.error.code == code
        assert mgc.receive_data(refusal.octets, 0.0) == [MessageRefused(told.error)]
        assert len(mg.receive_data(refusal.octets[:-1] if coding == "binary" else refusal.octets[:-3], 0.0)) == 1
    assert mg.remembered == (0, 0)


@pytest.mark.parametrize("coding", CODINGS)
def test_the_authentication_header_passes(coding):
    """A message with the interim AH scheme's header is executed like any other; the header is handed on unchecked."""
    header = m.Authentication(b"\x00\x00\x00\x01", b"\x00\x00\x00\x02", b"\xaa" * 12)
    _, mg = pair(coding=coding)
    octets = encode(m.Message(2, MGC, (m.Request(1, (AUDIT,)),), None, header), coding)
    assert mg.receive_data(octets, 0.0) == [RequestReceived(1, (AUDIT,), MGC, None, header, 2)]


def test_answers_go_back_to_where_the_request_came_from():
    """Over UDP a reply, a Pending and a stored reply go to the source of the copy that they answer."""
    _, mg = pair()
    one, other = ("192.0.2.10", 2944), ("192.0.2.10", 3000)
    mg.receive_data(request(1), 0.0, one)
    assert mg.receive_data(request(1), 0.5, other)[0].to == other
    assert mg.wake(3.0)[0].to == other
    (reply,) = mg.reply(1, DONE, 3.1)
    assert reply.to == other
    assert mg.receive_data(request(1), 4.0, one) == [Transmit(reply.octets, one)]


def test_a_codec_with_a_naming():
    """Binary names of terminations come from the naming that the association was given."""
    codec = Codec("binary", naming=PerLevelNaming())
    mgc, mg = pair(coding=codec)
    action = m.Action(m.NULL, (m.Command(m.Kind.AUDIT_VALUE, ("11111111/00000000/00000000",), (m.Audit(),)),))
    _, (event,) = mgc.request((action,), 0.0)
    assert b"\xff\x00\x00" in event.octets
    assert mg.receive_data(event.octets, 0.0)[0].actions == (action,)


# Reliable transports

@pytest.mark.parametrize("coding", CODINGS)
def test_over_a_connection_nothing_is_repeated(coding):
    """No repetition while it stands; on a new one, once more what had no answer; still executed at most once."""
    mgc, mg = pair(coding=coding, reliable=True)
    number, (event,) = mgc.request((AUDIT,), 0.0)
    assert mgc.next_wakeup() == 25.0 and mgc.wake(20.0) == []
    mg.receive_data(event.octets, 0.1)
    (reply,) = mg.reply(number, DONE, 0.2, immediate_ack=True)
    assert mg.next_wakeup() is None
    assert mgc.reconnected(5.0) == [Transmit(event.octets)] and mg.reconnected(5.0) == [reply]
    assert mg.receive_data(event.octets, 5.1) == [reply], "the stored reply, no second execution"
    *_, done = mgc.receive_data(reply.octets, 5.2)
    assert done == ReplyReceived(number, m.Reply(number, DONE, None, True)) and mgc.reconnected(6.0) == []


def test_the_longest_message_over_tcp():
    """A TPKT carries a little more than a datagram; version 3 segments what is longer still."""
    assert Transactions(MG, reliable=True).max_octets == 65_531 and Transactions(MG).max_octets == 65_507
    mgc, mg = pair(version=3, reliable=True)
    number, (event,) = mgc.request((AUDIT,), 0.0)
    mg.receive_data(event.octets, 0.0)
    segments = sent(mg.reply(number, audited(3000), 0.0))
    assert len(segments) > 2 and mg.next_wakeup() is None
    replies = [event for octets in segments for event in mgc.receive_data(octets, 0.1)]
    assert replies[-1] == ReplyReceived(number, m.Reply(number, audited(3000)))


# Settings that change

def test_provisioned_values_take_effect():
    """Timers and limits of packages root and seg may be set on a running association."""
    mgc, mg = pair()
    mg.timers = Timers(execution=0.5)
    mg.own_pending_limit = 1
    mgc.peer_pending_limit = 0
    mg.receive_data(request(1), 0.0)
    assert mg.next_wakeup() == 0.5 and body(sent(mg.wake(0.5))[0]) == (m.Pending(1),)
    assert body(sent(mg.wake(1.0))[0])[0].error.code == 506
    number, _ = mgc.request((AUDIT,), 0.0)
    assert mgc.receive_data(message(m.Pending(number), mid=MG), 0.1)[0].why == "more than 0 Pendings"
    with pytest.raises(LocalProtocolError):
        mg.timers = Timers(lifetime=40.0)


def test_properties_of_root_and_seg():
    """Which property sets what, at either end; absurd values are brought within bounds (H.248.1 E.2.1, E.15.1)."""
    properties = [m.Property(name, (value,)) for name, value in {
        "root/normalMGExecutionTime": "300", "root/normalMGCExecutionTime": "400",
        "root/MGProvisionalResponseTimerValue": "500", "root/MGCProvisionalResponseTimerValue": "600",
        "root/MGOriginatedPendingLimit": "7", "root/MGCOriginatedPendingLimit": "8",
        "seg/MGSegmentationTimerValue": "900", "seg/MGCSegmentationTimerValue": "1000",
        "seg/MGMaxPDUSize": "1100", "seg/MGCMaxPDUSize": "1200"}.items()]
    seen = {}
    for side in ("gateway", "controller"):
        end = Transactions(MG)
        provision(end, properties, side)
        seen[side] = (end.timers.execution, end.timers.provisional, end.timers.segmentation, end.own_pending_limit,
                      end.peer_pending_limit, end.max_octets)
    assert seen == {"gateway": (0.3, 0.6, 0.9, 7, 8, 1200), "controller": (0.4, 0.5, 1.0, 8, 7, 1100)}
    end = Transactions(MG)
    provision(end, [m.Property("root/normalMGExecutionTime", ("0",)), m.Property("seg/MGCMaxPDUSize", ("9999999",)),
                    m.Property("root/MGOriginatedPendingLimit", ("x",))], "gateway")
    assert (end.timers.execution, end.max_octets, end.own_pending_limit) == (0.05, 65_507, 20)


# Peers that mean harm

def test_a_flood_of_requests():
    """No more are remembered than agreed, in number and in octets."""
    mg = Transactions(MG, max_remembered=100)
    taken = [mg.receive_data(request(number), 0.0)[0] for number in range(1, 301)]
    assert sum(isinstance(event, RequestReceived) for event in taken) == 100 == mg.remembered[0]
    mg = Transactions(MG, max_remembered_octets=5_000, coding="compact")
    for number in range(1, 301):
        if isinstance(mg.receive_data(request(number, "compact"), 0.0)[0], RequestReceived):
            mg.reply(number, DONE, 0.0)
    count, octets = mg.remembered
    assert 5_000 <= octets < 5_100 and count < 130
    assert isinstance(mg.receive_data(request(300, "compact"), 30.0)[0], RequestReceived), "later there is room again"


def test_a_flood_of_identifiers():
    """A peer with ever new message identifiers gets no more than a few; when all are forgotten, others may come."""
    _, mg = pair()
    seen = [mg.receive_data(request(1, mid=f"gw{number}"), 0.0)[0] for number in range(50)]
    assert sum(isinstance(event, RequestReceived) for event in seen) == 16
    for number in range(16):
        mg.reply(1, DONE, 0.0, mid=f"GW{number}")
    assert isinstance(mg.receive_data(request(1, mid="gw40"), 31.0)[0], RequestReceived)


def test_floods_of_answers():
    """Replies, Pendings, acknowledgements and segments for what was never asked leave nothing behind."""
    mgc, _ = pair(version=3, acknowledge=True)
    for number in range(1, 2000, 10):
        parts = (m.Pending(number), m.Reply(number + 1, DONE), m.Ack(((number, number + 9),)), m.Segment(number, 1))
        events = mgc.receive_data(message(*parts, mid=MG), 0.0)
        assert all(isinstance(event, PeerViolation) for event in events)
    assert mgc.next_wakeup() is None and mgc.remembered == (0, 0)
    _, (event,) = mgc.request((AUDIT,), 0.0)
    assert len(body(event.octets)) == 1, "nothing waits to be acknowledged"


def test_duplicates_do_not_use_up_the_pendings():
    """A network that doubles a request many times does not make its execution fail with 506."""
    _, mg = pair(pending_limit=2)
    mg.receive_data(request(1), 0.0)
    answers = [octets for copy in range(100) for octets in sent(mg.receive_data(request(1), copy / 1000))]
    assert [type(body(octets)[0]) for octets in answers] == [m.Pending]
    assert body(sent(mg.reply(1, DONE, 0.2))[0])[0].error is None


@pytest.mark.parametrize("ranges", [
    ((1, 0xFFFFFFFF),), tuple((number, 0xFFFFFFFF) for number in range(1, 3000)), ((0, 0),),
    tuple((number * 3 + 100_000, number * 3 + 100_001) for number in range(3000))])
def test_acknowledgements_of_huge_ranges(ranges):
    """However large the ranges are, only what is remembered is looked at, with work that is bounded."""
    mg = Transactions(MG, coding="compact")
    for number in range(1, 2001):
        mg.receive_data(request(number, "compact"), 0.0)
        mg.reply(number, DONE, 0.0)
    octets = message(m.Ack(ranges), coding="compact")
    seen = []
    calls, _ = work(lambda: seen.extend(mg.receive_data(octets, 1.0)))
    assert calls < 60_000
    expected = 2000 if ranges[0][1] == 0xFFFFFFFF else 0
    assert sum(isinstance(event, Confirmed) for event in seen) == expected
    assert (mg.remembered[1] == 0) == bool(expected)


def test_a_range_that_ends_before_it_begins():
    """It is no acknowledgement of anything: the message is refused, and every reply is kept."""
    mg = Transactions(MG, coding="compact")
    mg.receive_data(request(5, "compact"), 0.0)
    mg.reply(5, DONE, 0.0)
    kept = mg.remembered
    octets = message(m.Ack(((1, 9),)), coding="compact").replace(b"1-9", b"9-1")
    violation, _ = mg.receive_data(octets, 1.0)
    assert isinstance(violation, PeerViolation) and "a range" in violation.error.what
    assert mg.remembered == kept


def test_many_open_requests_cost_little():
    """Finding what is due does not look at all of them: beside ten thousand it is as much work as beside ten."""
    effort = []
    for many in (1, 10, 10_000):  # the first one is for what is done once in a process
        mgc = Transactions(MGC, coding="compact", max_open=10_000)
        mgc.request_many([(AUDIT,)] * many, 0.0)
        mgc.next_wakeup()
        effort.append(work(lambda one: (one.next_wakeup(), one.receive_data(b"", 0.1)), mgc)[0])
        assert mgc.next_wakeup() == 0.5
    assert effort[1] == effort[2]


def test_remembered_replies_are_lean():
    """Beside its octets a remembered reply costs less than 300 octets, and confirmed ones keep none of them."""
    count = 5_000
    mg = Transactions(MG, coding="compact")
    requests = [request(number, "compact") for number in range(1, count + 1)]
    tracemalloc.start()
    for at, octets in enumerate(requests, 1):
        mg.receive_data(octets, at / 1000)
        mg.reply(at, DONE, at / 1000)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    remembered, octets_held = mg.remembered
    assert remembered == count and (used - octets_held) / count < 300, used / count
    mg.receive_data(message(m.Ack(((1, count),)), coding="compact"), 20.0)
    assert mg.remembered == (count, 0)
