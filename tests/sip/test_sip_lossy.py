"""Client and server transactions over a channel that loses, repeats and delays datagrams."""

from __future__ import annotations

import heapq
import random

import pytest
from sip_vectors import ALICE, PROXY, URI, tokens

from workbench.protocols import sip

LOSS, REPEAT = 0.25, 0.15


class Channel:
    """Two machines and the datagrams between them, in virtual time."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.machines = {ALICE: sip.Transactions("10.0.0.10:5060", tokens("a")),
                         PROXY: sip.Transactions("192.0.2.1:5060", tokens("b"))}
        self.flying = []
        self.count = 0
        self.now = 0.0

    def send(self, source, events):
        """Put datagrams on the way; give back what else there is."""
        for event in events:
            if isinstance(event, sip.Transmit):
                if self.random.random() < LOSS:
                    continue
                for _ in range(2 if self.random.random() < REPEAT else 1):
                    self.count += 1
                    heapq.heappush(self.flying, (
                        self.now + self.random.uniform(0.01, 0.4), self.count, source, event.to, event.data))
        return [event for event in events if not isinstance(event, sip.Transmit)]

    def steps(self, until):
        """What both ends are told, until nothing is left to do or time is up."""
        while True:
            wakes = [moment for m in self.machines.values() if (moment := m.next_wakeup()) is not None]
            flying = self.flying[0][0] if self.flying else None
            moment = min([*wakes, *([flying] if flying is not None else [])], default=None)
            if moment is None or moment > until:
                return
            self.now = max(self.now, moment)
            if flying is not None and flying <= self.now:
                _, _, source, to, data = heapq.heappop(self.flying)
                heard = self.machines[to].receive_data(data, source, self.now)
                events = [(to, event) for event in self.send(to, heard)]
            else:
                events = [(name, event) for name, machine in self.machines.items()
                          for event in self.send(name, machine.wake(self.now))]
            yield from events


@pytest.mark.parametrize("start", range(0, 200, 20))
def test_each_message_reaches_the_user_once(start):
    """REGISTER, a refused INVITE, a call with ACK, and BYE: whatever the channel does, nothing is told twice."""
    for seed in range(start, start + 20):
        once_each(seed)


def once_each(seed):
    """One bad channel."""
    channel = Channel(seed)
    alice, proxy = channel.machines[ALICE], channel.machines[PROXY]
    told = {ALICE: [], PROXY: []}
    dialogs = []
    asked = {}

    def ask(request):
        key, events = alice.request(request, PROXY, channel.now)
        asked[key] = request
        channel.send(ALICE, events)

    def invite(number):
        return sip.invite(f"sip:bob{number}@home.example", caller=URI, contact="<sip:alice@10.0.0.10>",
                          token=tokens(f"{number}-"), body=b"v=0\r\n")

    def answer(event):
        request = event.request
        status = 486 if "bob0" in request.uri else 200
        if request.method == "INVITE":
            ringing = sip.response(request, 180, "Ringing", "t", contact="<sip:bob@192.0.2.1>")
            channel.send(PROXY, proxy.respond(event.key, ringing, channel.now))
        final = sip.response(request, status, "x", "t", contact="<sip:bob@192.0.2.1>")
        channel.send(PROXY, proxy.respond(event.key, final, channel.now))

    ask(sip.registration.register(URI, "10.0.0.10:5060", token=tokens("r"), client=None))
    ask(invite(0))
    ask(invite(1))
    for where, event in channel.steps(400.0):
        match event:
            case sip.RequestReceived(request=request):
                told[where].append((request.method, request.call_id))
                answer(event)
            case sip.ResponseReceived(key=key, response=response):
                told[where].append((response.status, response.call_id, response.method))
                if response.method == "INVITE" and response.status == 200:
                    dialog = sip.Dialog.of_caller(asked[key], response)
                    dialogs.append(dialog)
                    channel.send(ALICE, alice.ack(dialog.ack(), PROXY, channel.now))
            case sip.AckReceived(key=key, request=request):
                assert key is not None
                told[where].append(("ACK", request.call_id))
                ask(dialogs[0].request("BYE")[1])
            case sip.PeerViolation(error=error):
                assert "no request of ours" in error.what  # a late repetition
            case _:
                told[where].append(type(event).__name__)
    assert len(told[ALICE]) == len(set(told[ALICE])) and len(told[PROXY]) == len(set(told[PROXY]))
    assert [kind for kind, _ in sorted(told[PROXY], key=str)] == ["ACK", "BYE", "INVITE", "INVITE", "REGISTER"]
    finals = sorted((entry[2], entry[0]) for entry in told[ALICE] if entry[0] >= 200)
    assert finals == [("BYE", 200), ("INVITE", 200), ("INVITE", 486), ("REGISTER", 200)]
    assert not channel.flying and alice.next_wakeup() is None and proxy.next_wakeup() is None
