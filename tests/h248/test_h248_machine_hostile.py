"""Whatever well-formed messages a peer sends, in whatever order: the machines go on, raise nothing and stay small."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_h248_machine import AUDIT, DONE
from trees import messages

from workbench.protocols.h248 import message as m
from workbench.protocols.h248 import service_change
from workbench.protocols.h248.association import TRANSITIONS, Association, Connect, State
from workbench.protocols.h248.coding import encode
from workbench.protocols.h248.machine import RequestReceived, Transactions
from workbench.protocols.h248.supervision import Heard, Supervision

PEER, OTHER = ("192.0.2.10", 2944), ("192.0.2.11", 2944)
MID = "[192.0.2.20]:2944"


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(messages, st.floats(0, 9)), max_size=6), st.sampled_from(["pretty", "compact"]),
       st.booleans())
def test_any_messages(trees, coding, reliable):
    """Random trees of all versions at a machine that has requests open, and at both ends of an association."""
    now = 0.0
    ends = [Transactions(MID, coding=coding, version=3, reliable=reliable, acknowledge=True)]
    ends[0].request_many([(AUDIT,)] * 9, now)
    gateway = Association(MID, [PEER, OTHER], coding=coding, reliable=reliable)
    controller = Supervision(MID, coding=coding, reliable=reliable, audit_interval=5.0)
    gateway.start(now)
    gateway.connected(PEER, now)
    for tree, pause in trees:
        now += pause
        octets = encode(tree, coding)
        for event in ends[0].receive_data(octets, now):
            if isinstance(event, RequestReceived):
                ends[0].reply(event.id, DONE, now, mid=event.mid)
        for event in gateway.receive_data(octets, PEER, now):
            if isinstance(event, RequestReceived):
                gateway.reply(event.id, DONE, now)
        for event in controller.receive_data(octets, PEER, now):
            if isinstance(event, Heard) and isinstance(event.event, RequestReceived):
                controller.reply(event.gateway.mid, event.event.id, DONE, now)
        for end in (ends[0], gateway, controller):
            end.wake(now)
            wakeup = end.next_wakeup()
            assert wakeup is None or wakeup > now, "nothing is due again at once"
    for end in (ends[0], gateway, controller):
        assert end.next_wakeup() is None or end.next_wakeup() < now + 60


@pytest.mark.parametrize("seed", range(60))
def test_a_controller_that_answers_anything(seed):
    """Random replies to ServiceChange, refusals, orders, silence and broken connections, 150 of them.

    Something is always due, no controller is remembered without end, and an honest one can register the gateway.
    """
    rng = random.Random(seed)
    reliable = rng.random() < 0.5
    gateway = Association(
        MID, [PEER, OTHER], reliable=reliable, jitter=rng.random, waiting_delay=rng.choice((0.0, 3.0)), profile="a/2")
    now = 0.0
    waiting = gateway.start(now)
    seen = set()
    for _ in range(150):
        now += rng.choice((0.0, 0.01, 1.0, 6.0, 26.0))
        waiting += _happens(gateway, rng, now)
        waiting += gateway.wake(now)
        for event in waiting:
            if isinstance(event, Connect) and rng.random() < 0.7:
                gateway.connected(event.to, now)
            elif isinstance(event, RequestReceived):
                gateway.reply(event.id, DONE, now)
        waiting = []
        seen.add(gateway.state)
        assert len(gateway._peers) <= 4
        opening = gateway._wooed is not None and reliable and not gateway._wooed.connected
        if gateway.state not in (State.REGISTERED, State.OUT_OF_SERVICE, State.IDLE) and not opening:
            assert gateway.next_wakeup() is not None, gateway.state
    if gateway.state is State.OUT_OF_SERVICE:
        gateway.start(now)
    for _ in range(400):
        if gateway.state is State.REGISTERED:
            break
        gateway.stay(now)
        for peer in list(gateway._peers.values()):
            if reliable and not peer.connected:
                gateway.connected(peer.controller, now)
            if peer.registration is not None:
                _says(gateway, peer, m.Reply(peer.registration, service_change.answer(m.Services(version=1))), now)
        if gateway.state is not State.REGISTERED:
            now += 1.0
            gateway.wake(now)
    assert gateway.state is State.REGISTERED and len(seen) >= 3


def _happens(gateway, rng, now):
    peers = list(gateway._peers.values())
    peer = rng.choice(peers) if peers else None
    number = peer.registration if peer is not None and peer.registration is not None else rng.randint(1, 9)
    results = (
        m.Services(version=rng.randint(0, 3)),
        m.Services(mgc_id=rng.choice(("[192.0.2.11]:2944", "<x.example>", "dev"))),
        m.Services(address=rng.choice(("2950", "99999", "[192.0.2.99]:1")), version=1), m.Services(profile="b/1"),
        m.ErrorDescriptor(rng.choice((406, 402, 505, 459)), "no"), None)
    choice = rng.randint(0, 9)
    if choice == 0:
        return gateway.disconnected(rng.choice((PEER, OTHER)), "reset", now)
    if choice == 1:
        return gateway.hand_off(rng.choice(("[192.0.2.11]:2944", "[192.0.2.10]:2944", "[192.0.2.77]")), now)
    if choice == 2:
        return rng.choice((gateway.restart, gateway.stay, gateway.leave_now, gateway.start))(now)
    if choice == 3:
        return gateway.leave(rng.randint(0, 9), now)
    if choice == 4 and peer is not None:
        refusal = m.Message(1, MID, (), m.ErrorDescriptor(rng.choice((400, 406, 413)), "x"))
        return gateway.receive_data(encode(refusal, "pretty"), peer.controller, now)
    if choice == 5 and peer is not None:
        return _says(gateway, peer, m.Request(rng.randint(1, 99), (AUDIT,)), now)
    if peer is not None:
        return _says(gateway, peer, m.Reply(number, service_change.answer(rng.choice(results))), now)
    return []


def _says(gateway, peer, item, now):
    return gateway.receive_data(encode(m.Message(1, "[192.0.2.10]", (item,)), "pretty"), peer.addresses[-1], now)


def test_the_table_covers_what_the_random_peer_does():
    """Each stimulus that the table knows can happen above."""
    assert len({stimulus for _, stimulus in TRANSITIONS}) == 13
