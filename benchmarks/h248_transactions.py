"""What a transaction costs beside its octets, and what a remembered reply weighs.

    .venv/bin/python benchmarks/h248_transactions.py [--rounds 10] [--transactions 2000]

One transaction is a request, its arrival, the reply and its arrival, each side with its timers; the peer is the same
four codec calls without a machine.
"""

from __future__ import annotations

import argparse
import statistics
import tracemalloc

from measuring import amount, interleaved, machine, ratio, say

from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.coding import Coding, codec_of
from workbench.protocols.h248.machine import RequestReceived, Transactions, Transmit

AUDIT = h248.Action(h248.NULL, (h248.Command(h248.Kind.AUDIT_VALUE, (h248.ROOT,), (h248.Audit(),)),))
DONE = (h248.ActionReply(h248.NULL, (h248.CommandReply(h248.Kind.AUDIT_VALUE, (h248.ROOT,)),)),)


def transactions(coding: Coding, count: int) -> None:
    """So many transactions between two machines, half a millisecond apart."""
    controller, gateway = (Transactions(f"[192.0.2.{host}]:2944", coding=coding) for host in (10, 20))
    for number in range(count):
        now = number / 2000
        _, (request,) = controller.request((AUDIT,), now)
        assert isinstance(request, Transmit)
        (received,) = gateway.receive_data(request.octets, now)
        assert isinstance(received, RequestReceived)
        (reply,) = gateway.reply(received.id, DONE, now)
        assert isinstance(reply, Transmit)
        controller.receive_data(reply.octets, now)
        controller.next_wakeup()
        gateway.next_wakeup()


def octets_alone(coding: Coding, count: int) -> None:
    """The same messages written and read, and nothing else."""
    codec = codec_of(coding)
    for number in range(1, count + 1):
        for item in (h248.Request(number, (AUDIT,)), h248.Reply(number, DONE)):
            codec.decode(codec.encode(h248.Message(2, "[192.0.2.10]:2944", (item,))))


def remembered(count: int) -> tuple[float, float]:
    """Octets of memory and of message for each reply that a gateway remembers, in short text."""
    gateway = Transactions("[192.0.2.20]:2944", coding="compact")
    codec = codec_of("compact")
    requests = [
        codec.encode(h248.Message(2, "[192.0.2.10]:2944", (h248.Request(number, (AUDIT,)),)))
        for number in range(1, count + 1)]
    tracemalloc.start()
    for number, octets in enumerate(requests, 1):
        gateway.receive_data(octets, number / 2000)
        gateway.reply(number, DONE, number / 2000)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used / count, gateway.remembered[1] / count


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--transactions", type=int, default=2000)
    given = parser.parse_args()
    say(machine())
    codings: tuple[Coding, ...] = ("pretty", "compact", "binary")
    for coding in codings:
        taken = interleaved({
            "machines": lambda coding=coding: transactions(coding, given.transactions),
            "octets": lambda coding=coding: octets_alone(coding, given.transactions)}, given.rounds)
        whole, alone = (statistics.median(taken[name]) / given.transactions for name in ("machines", "octets"))
        say(f"{coding:8} a transaction {amount(whole)}, of which octets {amount(alone)}: "
            f"{ratio(taken['machines'], taken['octets'])} times")
    weight, octets = remembered(20_000)
    say(f"a remembered reply: {weight:.0f} octets of memory, of which its message {octets:.0f}")


if __name__ == "__main__":
    main()
