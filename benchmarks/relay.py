"""A relay by nftables beside plain forwarding by the kernel: the same namespaces, links, sender and receiver.

    .venv/bin/python benchmarks/relay.py [--rounds 5] [--megabytes 2000] [--datagrams 100000]

Three namespaces in a row on direct wires (veth pairs, offloads on). Forwarded, a sends to b, and the namespace between
them is a router without any rule. Relayed, a sends to an endpoint of the namespace between them, whose rules give each
packet other addresses and ports (`Relay`). Translated is the same by connection tracking (dnat and snat), to compare.
TCP is sendfile(2) from memory into a receiver that throws octets away, so that the ends cost as little as they can; a
datagram of 200 octets goes the whole way within the sender's system call, so its rate is that of the path. Processor
time is told beside the rate: it says more where the machine has other work.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import statistics
import sys
import time
from collections.abc import Callable

import msgspec
from measuring import machine, say

from workbench.errors import WorkbenchError
from workbench.net.interface import Foot, Host, Plan, Wire
from workbench.net.kernel.layout import Owners
from workbench.net.kernel.namespaces import Namespaces
from workbench.net.kernel.relays import Relays
from workbench.net.values import Endpoint, Relay, Stream

A, B = Endpoint("10.1.0.1", 5000), Endpoint("10.2.0.2", 8000)
LEFT, RIGHT = Endpoint("10.1.0.9", 6001), Endpoint("10.2.0.9", 7001)
PLAN = Plan(
    (Host("a", (Foot("left", A.host, next_hop=LEFT.host),)), Host("b", (Foot("right", B.host, next_hop=RIGHT.host),)),
     Host("r", (Foot("left", LEFT.host), Foot("right", RIGHT.host)))),
    (Wire("left", direct=True), Wire("right", direct=True)))
TRANSLATION = f"""table ip translation {{
chain arriving {{
type nat hook prerouting priority dstnat
ip daddr {LEFT.host} tcp dport {LEFT.port} dnat to {B.host}:{B.port}
ip daddr {LEFT.host} udp dport {LEFT.port} dnat to {B.host}:{B.port}
}}
chain leaving {{
type nat hook postrouting priority srcnat
ip daddr {B.host} tcp dport {B.port} snat to {RIGHT.host}:{RIGHT.port}
ip daddr {B.host} udp dport {B.port} snat to {RIGHT.host}:{RIGHT.port}
}}
}}
"""
_PIECE = 1 << 20
_SMALL = 200


class Taken(msgspec.Struct, frozen=True):
    """Seconds that passed, and those of processor time that both ends and the path between them used."""

    seconds: float
    processor: float


class Stand:
    """The three namespaces, and what the middle one does with packets."""

    def __init__(self) -> None:
        self.owners = Owners(PLAN)
        self.spaces = Namespaces(self.owners.namespaces())
        self.spaces.set("r", {"net/ipv4/ip_forward": "1", "net/netfilter/nf_conntrack_tcp_be_liberal": "1"})

    def forward(self) -> Endpoint:
        """A router; where a sends to."""
        return B

    def relay(self) -> Endpoint:
        """`Relay`, for both protocols; where a sends to."""
        relays = Relays(lambda script: self.spaces.nft("r", script), list(self.owners.links("r").values()),
                        lambda local, remote: self.owners.way("r", local, remote))
        for protocol in ("UDP", "TCP"):
            relays.add(Relay(Stream(LEFT, A), Stream(RIGHT, B), protocol))   # type: ignore[arg-type]
        relays.flush()
        return LEFT

    def translate(self) -> Endpoint:
        """Connection tracking; where a sends to."""
        self.spaces.nft("r", TRANSLATION)
        return LEFT

    def clear(self) -> None:
        """A router again."""
        self.spaces.nft("r", "flush ruleset\n")

    def bound(self, host: str, end: Endpoint, kind: socket.SocketKind) -> socket.socket:
        """A socket of a host at its endpoint."""
        made = self.spaces.socket(host, socket.AF_INET, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((end.host, end.port))
        return made

    def stream(self, octets: int, to: Endpoint) -> Taken:
        """Pass octets through TCP."""
        with self.bound("b", B, socket.SOCK_STREAM) as listener, self.bound("a", A, socket.SOCK_STREAM) as sender:
            listener.listen()
            sender.connect((to.host, to.port))
            receiver, _ = listener.accept()
            with receiver:
                return _timed(lambda: _send(sender, octets), lambda: _swallow(receiver, octets))

    def datagrams(self, count: int, to: Endpoint) -> Taken:
        """Send datagrams. Some are lost in the receiver's queue, behind the path; the first must come."""
        with self.bound("b", B, socket.SOCK_DGRAM) as receiver, self.bound("a", A, socket.SOCK_DGRAM) as sender:
            sender.connect((to.host, to.port))
            octets = bytes(_SMALL)
            began, used = time.perf_counter(), time.process_time()
            for _ in range(count):
                sender.send(octets)
            taken = Taken(time.perf_counter() - began, time.process_time() - used)
            receiver.setblocking(False)
            if receiver.recv(_SMALL) != octets:
                raise SystemExit("no datagram came through")
            return taken


def _send(sender: socket.socket, octets: int) -> None:
    """From memory, without a copy."""
    source = os.memfd_create("octets")
    os.truncate(source, _PIECE)
    while octets > 0:
        octets -= os.sendfile(sender.fileno(), source, 0, min(octets, _PIECE))
    sender.shutdown(socket.SHUT_WR)


def _swallow(receiver: socket.socket, octets: int) -> None:
    """Count what comes; TCP throws it away itself (tcp(7), MSG_TRUNC)."""
    room = bytearray(_PIECE)
    while octets > 0 and (came := receiver.recv_into(room, _PIECE, socket.MSG_TRUNC)):
        octets -= came
    if octets:
        raise SystemExit(f"{octets} octets did not come")


def _timed(there: Callable[[], None], here: Callable[[], None]) -> Taken:
    """How long both take; `there` is another process."""
    began, used = time.perf_counter(), _processor()
    child = os.fork()
    if not child:
        try:
            there()
        finally:
            os._exit(0)
    here()
    os.waitpid(child, 0)
    return Taken(time.perf_counter() - began, _processor() - used)


def _processor() -> float:
    """Seconds of processor time that this process and its children have used."""
    every = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in every)


def measure(stand: Stand, rounds: int, octets: int, count: int) -> dict[str, dict[str, list[Taken]]]:
    """What each way took, by protocol; one after the other in every round, and a round more first, not counted."""
    ways = {"forwarded": stand.forward, "relayed": stand.relay, "translated": stand.translate}
    found: dict[str, dict[str, list[Taken]]] = {way: {"TCP": [], "UDP": []} for way in ways}
    for each in range(rounds + 1):
        for way, begin in ways.items():
            to = begin()
            taken = {"TCP": stand.stream(octets, to), "UDP": stand.datagrams(count, to)}
            stand.clear()
            if each:
                for protocol, one in taken.items():
                    found[way][protocol].append(one)
    return found


def tell(found: dict[str, list[Taken]], protocol: str, amount: float, unit: str, each: str) -> None:
    """Rates and processor time of each way, and their ratios."""
    plain = found["forwarded"]
    for way, taken in found.items():
        rates = sorted(amount / one.seconds for one in taken)
        rate, used = statistics.median(rates), statistics.median(one.processor for one in taken)
        faster = rate / (amount / statistics.median(one.seconds for one in plain))
        cheaper = statistics.median(one.processor for one in plain) / used
        say(f"{protocol} {way:10} {rate:.3g} {unit} ({rates[0]:.3g} to {rates[-1]:.3g}), {faster:.2f} x plain; "
            f"processor {1000 * used / amount:.3g} ms {each}, {cheaper:.2f} x")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--datagrams", type=int, default=100_000)
    given = parser.parse_args()
    say(machine())
    try:
        stand = Stand()
        found = measure(stand, given.rounds, given.megabytes * 1_000_000, given.datagrams)
    except WorkbenchError as error:
        sys.exit(str(error))
    for protocol, amount, unit, each in (
            ("TCP", given.megabytes * 8e-3, "Gbit/s", "a Gbit"),
            ("UDP", given.datagrams * 1e-6, "million datagrams a second", "a million")):
        tell({way: by_protocol[protocol] for way, by_protocol in found.items()}, protocol, amount, unit, each)


if __name__ == "__main__":
    main()
