"""Two machines on a bad channel: 20 % loss, duplication and reordering; a thousand transactions each way, each once."""

from __future__ import annotations

import heapq
import random
from collections import Counter

import pytest
from test_h248_machine import AUDIT, DONE, MG, MGC

from workbench.protocols.h248 import message as m
from workbench.protocols.h248.coding import decode
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

STATE = m.Media(termination_state=m.TerminationState(m.ServiceState.IN_SERVICE))


def audited(count: int) -> tuple[m.ActionReply, ...]:
    """The reply to an audit of that many terminations."""
    commands = (m.CommandReply(m.Kind.AUDIT_VALUE, (f"0x2{number:07X}",), (STATE,)) for number in range(count))
    return (m.ActionReply(7, tuple(commands)),)


class Channel:
    """Two machines, and between them a network that loses, doubles and delays each datagram by itself."""

    def __init__(self, seed, *, loss=0.2, double=0.2, results=lambda rng: DONE, slow=0.0, bundle=1, at_once=0.0, **how):
        self.rng = random.Random(seed)
        self.loss, self.double, self.slow, self.bundle, self.results = loss, double, slow, bundle, results
        self.coding, self.at_once = how["coding"], at_once
        how = {"jitter": self.rng.random, "timers": Timers(most=2.0), **how}
        self.ends = {"mgc": Transactions(MGC, **how), "mg": Transactions(MG, **how)}
        self.queue, self.count, self.now = [], 0, 0.0
        self.figures = Counter()
        self.first = Counter()
        self.asked = {name: [] for name in self.ends}
        self.executed = {name: [] for name in self.ends}
        self.answered = {name: [] for name in self.ends}
        self.said = {}

    def later(self, delay, what):
        self.count += 1
        heapq.heappush(self.queue, (self.now + delay, self.count, what))

    def on(self, name, events):
        other = "mg" if name == "mgc" else "mgc"
        for event in events:
            match event:
                case Transmit(octets=octets):
                    self.sent(name, octets)
                    copies = (self.rng.random() >= self.loss) + (self.rng.random() < self.double)
                    for _ in range(copies):
                        self.later(self.rng.uniform(0.001, 0.4), ("data", other, octets))
                case RequestReceived(id=number):
                    self.executed[name].append(number)
                    takes = self.rng.uniform(0.0, 6.0) if self.rng.random() < self.slow else 0.0
                    self.later(takes, ("reply", name, number))
                case ReplyReceived(id=number, reply=reply):
                    self.answered[name].append(number)
                    assert reply.actions == self.said[other, number]
                case PendingReceived() | Confirmed():
                    self.figures[type(event).__name__] += 1
                case TimedOut() | PeerViolation() | MessageRefused():
                    raise AssertionError(event)

    def sent(self, name, octets):
        self.figures["datagrams"] += 1
        self.figures["octets"] += len(octets)
        self.first[name, octets] += 1
        if self.first[name, octets] > 1:
            self.figures["repeats"] += 1
        else:
            for one in decode(octets, self.coding).body:
                self.figures[type(one).__name__ + ("" if getattr(one, "segment", None) is None else " segment")] += 1

    def step(self):
        """One thing more; False when nothing is left."""
        wakeups = [(at, name) for name, end in self.ends.items() if (at := end.next_wakeup()) is not None]
        first = min(wakeups, default=None)
        if self.queue and (first is None or self.queue[0][0] <= first[0]):
            self.now, _, (what, name, given) = heapq.heappop(self.queue)
            end = self.ends[name]
            if what == "data":
                self.on(name, end.receive_data(given, self.now))
            elif what == "reply":
                self.said[name, given] = self.results(self.rng)
                self.on(name, end.reply(
                    given, self.said[name, given], self.now, immediate_ack=self.rng.random() < self.at_once))
            else:
                numbers, events = end.request_many([(AUDIT,)] * given, self.now)
                self.asked[name] += numbers
                self.on(name, events)
        elif first is not None:
            self.now = max(self.now, first[0])
            self.on(first[1], self.ends[first[1]].wake(self.now))
        else:
            return False
        return True

    def runs(self, transactions, seconds):
        for name in self.ends:
            left = transactions
            while left:
                many = min(left, self.rng.randint(1, self.bundle))
                self.later(self.rng.uniform(0.0, seconds), ("ask", name, many))
                left -= many
        while self.step():
            assert self.now < seconds + 300
        return self

    def holds(self, transactions):
        """Each request was executed once at the other end, and its one reply came back."""
        for name, other in (("mgc", "mg"), ("mg", "mgc")):
            assert len(self.asked[name]) == transactions
            assert sorted(self.executed[other]) == sorted(self.asked[name]) == sorted(self.answered[name])
        return self


@pytest.mark.parametrize("coding", ["pretty", "compact", "binary"])
def test_a_thousand_each_way(coding, capsys):
    """20 % loss, 20 % duplication, reordering: 1,000 transactions each way, every one executed exactly once."""
    channel = Channel(f"thousand {coding}", coding=coding).runs(1000, 60.0).holds(1000)
    figures = channel.figures
    assert figures["Request"] == 2000 == figures["Reply"]
    assert 4000 < figures["datagrams"] < 8000 and figures["repeats"] > 500
    with capsys.disabled():
        print(f"\n  {coding}: 2,000 transactions, {dict(figures)}", end="")


@pytest.mark.parametrize("coding", ["compact", "binary"])
def test_a_thousand_each_way_with_long_replies(coding, capsys):
    """The same in version 3 where every third reply needs several segments: each reply arrives whole and once."""
    channel = Channel(
        f"segments {coding}", coding=coding, version=3, max_octets=700,
        results=lambda rng: audited(rng.choice((1, 2, 50)))).runs(1000, 100.0).holds(1000)
    assert channel.figures["Reply segment"] > 1200 < channel.figures["Segment segment"]
    with capsys.disabled():
        print(f"\n  {coding}, segments: 2,000 transactions, {dict(channel.figures)}", end="")


@pytest.mark.parametrize("coding", ["compact", "binary"])
@pytest.mark.parametrize("seed", range(12))
def test_everything_at_once(coding, seed):
    """Pending, bundles, acknowledgements with a lift and at once, segments, loss up to 40 %: each once."""
    rng = random.Random(seed)
    channel = Channel(
        f"mixed {seed}", coding=coding, loss=rng.choice((0.0, 0.2, 0.4)), double=rng.choice((0.0, 0.2, 0.5)),
        slow=rng.choice((0.1, 0.5)), at_once=rng.choice((0.0, 0.5)), bundle=rng.randint(1, 15),
        version=rng.choice((2, 3)),
        acknowledge=rng.random() < 0.5, max_octets=1200,
        timers=Timers(most=2.0, lifetime=100.0, long=110.0), segments_ahead=rng.randint(1, 9),
        results=(lambda rng: audited(rng.choice((1, 1, 5, 90)))) if seed % 2 else (lambda rng: DONE))
    if channel.ends["mg"].version < 3:
        channel.results = lambda rng: DONE
    channel.runs(150, 20.0).holds(150)
    assert channel.figures["Pending"] and channel.figures["Ack"] and channel.figures["Confirmed"]
    for end in channel.ends.values():
        end.receive_data(b"", channel.now + 120.0)
        assert end.remembered == (0, 0) and end.open_requests == 0, "nothing stays behind LONG-TIMER"
