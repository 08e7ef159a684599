"""What a gateway's contexts weigh, and how long the commands on them take.

    .venv/bin/python benchmarks/gateway_memory.py [--contexts 50000] [--traced 10000]

Real H.248 text goes through an IMS-AGW in this process, as on Iq: Add with Local of `$`, Add with Local and Remote,
Modify with both in full, for two terminations a context with events, realm, DSCP and fingerprints. Time is virtual:
400 calls a second.

Printed: octets a context by resident memory (what the machine gives) and by tracemalloc (what Python objects take);
what the replies kept for LONG-TIMER take on top (H.248.1 Annex D.1), which depends on the rate and not on the number of
contexts; and the time of a cycle Add, Add, Modify, Subtract beside few and beside many contexts, in turn.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import statistics
import tracemalloc
from collections.abc import Callable

from measuring import amount, interleaved, machine, say

from workbench.net.values import DatagramReceived, Endpoint, SendDatagram, Started
from workbench.nodes.gateway.settings import Limits
from workbench.nodes.ims_agw import ImsAgw
from workbench.security.source import Source

MG, MGC = Endpoint("192.0.2.20", 2944), Endpoint("192.0.2.10", 2944)
HEAD = "MEGACO/2 [192.0.2.10]:2944\n"
RATE = 400.0
LONG_TIMER = 30.0
TARGET = 4_096

EVENTS = ("Events = {} {{ g/cause, hangterm/thb {{ timerx = 3600 }}, tcpbcc/BNCChange {{ Stream = 1 }}, "
          "tlsbsc/BNCChange {{ Stream = 1 }} }}")


def first(number: int) -> str:
    """Reserve towards the UE: the gateway chooses address, port and fingerprint."""
    return f"""Context = $ {{ Add = ip/1/access/$ {{ Media {{ Stream = 1 {{
      LocalControl {{ Mode = Inactive, ipdc/realm = "access.example.net", ds/dscp = 2E }},
      Local {{
v=0
c=IN IP4 $
m=message $ TCP/TLS/MSRP *
a=setup:actpass
a=fingerprint:SHA-256 $
}} }} }}, {EVENTS.format(2 * number)} }} }}"""


def second(number: int, context: int) -> str:
    """Reserve and configure towards the core."""
    return f"""Context = {context} {{ Add = ip/1/core/$ {{ Media {{ Stream = 1 {{
      LocalControl {{ Mode = Inactive, ipdc/realm = "core.example.net", ds/dscp = 2E }},
      Local {{
v=0
c=IN IP4 $
m=message $ TCP/MSRP *
a=setup:passive
}},
      Remote {{
v=0
c=IN IP4 203.0.{number // 250 % 250}.{number % 250 + 1}
m=message {10_000 + number % 50_000} TCP/MSRP *
a=setup:active
}} }} }}, {EVENTS.format(2 * number + 1)} }} }}"""


def third(number: int, context: int, name: str, local: str) -> str:
    """Configure towards the UE: Local in full again, Remote with the UE's fingerprint, the way is open."""
    octets = hashlib.sha256(str(number).encode()).hexdigest().upper()
    print_ = ":".join(octets[at:at + 2] for at in range(0, 64, 2))
    return f"""Context = {context} {{ Modify = {name} {{ Media {{ Stream = 1 {{
      LocalControl {{ Mode = SendReceive }},
      Local {{
{local}
}},
      Remote {{
v=0
c=IN IP4 10.{number // 62_500 % 250}.{number // 250 % 250}.{number % 250 + 1}
m=message {10_000 + number % 50_000} TCP/TLS/MSRP *
a=setup:passive
a=fingerprint:SHA-256 {print_}
}} }} }} }} }}"""


class Controller:
    """Speaks text with a gateway of its own, at virtual times."""

    def __init__(self, contexts: int) -> None:
        self.now = 0.0
        self.number = 0
        self.gateway = ImsAgw(
            "agw", control=MG, controller=MGC, source=Source(1, "agw"), limits=Limits(contexts=contexts + 10),
            ports=(10_000, 65_535), port_step=1,
            addresses={"access.example.net": "198.51.100.20", "core.example.net": "198.51.100.21"})
        self.gateway.handle(Started(), 0.0)
        self._say("Reply = 1 { Context = - { ServiceChange = ROOT { Services { Version = 2 } } } }")

    def _say(self, body: str) -> str:
        commands = self.gateway.handle(DatagramReceived(MG, MGC, (HEAD + body).encode()), self.now)
        wakeup = self.gateway.next_wakeup()
        assert wakeup is None or wakeup >= self.now
        return "".join(one.data.decode() for one in commands if isinstance(one, SendDatagram))

    def orders(self, actions: str) -> str:
        self.number += 1
        reply = self._say(f"Transaction = {self.number} {{ {actions} }}")
        assert "Error" not in reply, reply
        return reply

    def call(self, number: int) -> int:
        """A context with two terminations, set up by three messages; its number."""
        reply = self.orders(first(number))
        context = int(reply.partition("Context = ")[2].split()[0])
        name = reply.partition("Add = ")[2].split()[0]
        at = reply.index("v=0")
        local = reply[at:reply.index("}", at)].strip()
        self.orders(second(number, context))
        self.orders(third(number, context, name, local))
        self.now += 1 / RATE
        return context

    def cycle(self, number: int) -> None:
        context = self.call(number)
        self.orders(f"Context = {context} {{ W-Subtract = * {{ Audit {{ }} }} }}")

    def forget_replies(self) -> None:
        """Time passes until nothing is kept for repeated requests any more."""
        self.now += LONG_TIMER + 1
        self.orders("Context = - { AuditValue = ROOT { Audit { } } }")


def resident() -> int:
    """Octets of this process in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cycles(controller: Controller, count: int = 100) -> None:
    for number in range(count):
        controller.cycle(1_000_000 + number)


def weighed(contexts: int, scale: Callable[[], int]) -> tuple[float, float, Controller]:
    """By that scale: octets of a context, octets of all replies kept; and the controller with its contexts."""
    warm = Controller(10)
    cycles(warm, 5)
    controller = Controller(contexts)
    gc.collect()
    empty = scale()
    for number in range(contexts):
        controller.call(number)
    gc.collect()
    full = scale()
    controller.forget_replies()
    gc.collect()
    rest = scale()
    return (rest - empty) / contexts, full - rest, controller


def rates(controller: Controller) -> tuple[float, float]:
    """Seconds of a cycle beside no other context, and beside the controller's."""
    alone = Controller(10)
    times = interleaved({"few": lambda: cycles(alone), "many": lambda: cycles(controller)}, 7)
    return statistics.median(times["few"]) / 100, statistics.median(times["many"]) / 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contexts", type=int, default=50_000)
    parser.add_argument("--traced", type=int, default=10_000, help="contexts under tracemalloc, which is slow")
    arguments = parser.parse_args()
    contexts, traced = arguments.contexts, arguments.traced
    say(f"{machine()}; {contexts} contexts of two terminations")

    octets, _, controller = weighed(contexts, resident)
    say(f"resident memory   {octets:7.0f} octets a context")
    few, many = rates(controller)
    say(f"Add, Add, Modify, Subtract: {amount(few)} beside no other context, {amount(many)} beside {contexts} "
        f"({many / few:.2f} times)")
    del controller
    gc.collect()

    tracemalloc.start()
    octets, replies, _ = weighed(traced, lambda: tracemalloc.get_traced_memory()[0])
    verdict = "under" if octets < TARGET else "OVER"
    say(f"tracemalloc       {octets:7.0f} octets a context ({verdict} {TARGET}), over {traced} of them")
    say(f"replies kept for LONG-TIMER at {RATE:g} "
        f"calls a second: {replies / 1e6:.0f} MB on top, however many contexts there are")


if __name__ == "__main__":
    main()
