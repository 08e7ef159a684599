"""What does an application-aware gateway cost beside an agnostic one, and how much memory takes a long message in it?

    .venv/bin/python benchmarks/gateway_msrp.py [--megabytes 1024] [--chunk 16777216] [--rounds 3]

SENDs of many chunks come in at one leg of an IMS-AGW in portions as TCP has them, and leave at the other one. The same
octets go through it with `TCP` (handed on, not even copied), with `TCP/MSRP` and paths (rewritten), and through the
rewriter alone, in turn. What leaves is compared first with what has to leave, the same messages made with the other
leg's paths; while that runs, the most memory that the process has at any portion is noted.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import random
import statistics
from collections.abc import Callable, Iterator

from gateway_memory import resident
from measuring import interleaved, machine, ratio, say, spread

from workbench.net.values import (
    Command,
    DatagramReceived,
    Endpoint,
    OpenStream,
    SendDatagram,
    SendStream,
    Started,
    Stream,
    StreamData,
    StreamOffered,
    StreamOpened,
)
from workbench.nodes.ims_agw import ImsAgw
from workbench.protocols.msrp import rewriting, wire
from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp.messages import Flag, Header, Request
from workbench.security.source import Source

MG, MGC = Endpoint("192.0.2.20", 2944), Endpoint("192.0.2.10", 2944)
UE, PEER = Endpoint("10.0.0.10", 5000), Endpoint("203.0.113.50", 6000)
PATHS = {
    "ue": "msrp://10.0.0.10:5000/sA;tcp", "access": "msrp://198.51.100.20:40000/lA;tcp",
    "core": "msrp://198.51.100.21:40002/lB;tcp", "peer": "msrp://203.0.113.50:6000/sB;tcp"}
PORTION = 65_536
PIECE = 16 << 20
LIMIT = 64 << 20


class Bridge:
    """A gateway with both legs of one stream up; octets of the UE go in, octets for the peer come out."""

    def __init__(self, transport: str) -> None:
        self.gateway = ImsAgw(
            "agw", control=MG, controller=MGC, source=Source(1, "agw"),
            addresses={"access.example.net": "198.51.100.20", "core.example.net": "198.51.100.21"})
        self.number = 0
        self.gateway.handle(Started(), 0.0)
        self._say("Reply = 1 { Context = - { ServiceChange = ROOT { Services { Version = 2 } } } }")
        aware = transport != "TCP"
        access = self._add("$", "access", transport, "passive", "ue", UE, aware)
        core = self._add("1", "core", transport, "active", "peer", PEER, aware)
        self.ue = Stream(access, UE)
        self.gateway.handle(StreamOffered(self.ue), 0.0)
        self.peer = Stream(core, PEER)
        for stream in (self.peer, self.ue):
            self.gateway.handle(StreamOpened(stream), 0.0)

    def _say(self, body: str) -> list[Command]:
        return self.gateway.handle(DatagramReceived(MG, MGC, f"MEGACO/2 [192.0.2.10]:2944\n{body}".encode()), 0.0)

    def _add(
        self, context: str, side: str, transport: str, setup: str, theirs: str, remote: Endpoint, aware: bool
    ) -> Endpoint:
        own, far = (f"\na=path:{PATHS[side]}", f"\na=path:{PATHS[theirs]}") if aware else ("", "")
        other = "active" if setup == "passive" else "passive"
        self.number += 1
        commands = self._say(f"""Transaction = {self.number} {{ Context = {context} {{ Add = ip/1/{side}/$ {{
            Media {{ Stream = 1 {{ LocalControl {{ Mode = SendReceive, ipdc/realm = "{side}.example.net" }}, Local {{
v=0
c=IN IP4 $
m=message $ {transport} *
a=setup:{setup}{own}
}}, Remote {{
v=0
c=IN IP4 {remote.host}
m=message {remote.port} {transport} *
a=setup:{other}{far}
}} }} }} }} }} }}""")
        reply = next(one.data.decode() for one in commands if isinstance(one, SendDatagram))
        assert "Error" not in reply, reply
        assert not any(isinstance(one, OpenStream) for one in commands)
        words = reply.split()
        return Endpoint(words[words.index("IP4") + 1], int(words[words.index("m=message") + 1]))

    def passes(self, data: bytes) -> list[bytes]:
        """What leaves for the peer."""
        commands = self.gateway.handle(StreamData(self.ue, data), 0.0)
        sent = [one.data for one in commands if isinstance(one, SendStream)]
        assert len(sent) == len(commands), [one for one in commands if not isinstance(one, SendStream)]
        return sent


def messages(chunk: int, to: str, origin: str) -> bytes:
    """About 16 MB of chunks of one message."""
    source = random.Random(4975)
    chunks = []
    for number in range(max(1, PIECE // chunk)):
        headers = (Header("Message-ID", "big-0001"), Header("Byte-Range", f"{number * chunk + 1}-*/*"),
                   Header("Content-Type", "application/octet-stream"))
        request = Request(f"t{number:011}", "SEND", uris.decode_path(PATHS[to]), uris.decode_path(PATHS[origin]),
                          headers, source.randbytes(chunk), Flag.MORE)
        chunks.append(wire.encode(request))
    return b"".join(chunks)


def portions(octets: bytes, times: int) -> Iterator[bytes]:
    for _ in range(times):
        for at in range(0, len(octets), PORTION):
            yield octets[at : at + PORTION]


def through(passes: Callable[[bytes], list[bytes]], octets: bytes, times: int) -> str:
    """The digest of all that leaves."""
    digest = hashlib.sha256()
    for data in portions(octets, times):
        for out in passes(data):
            digest.update(out)
    return digest.hexdigest()


def carried(passes: Callable[[bytes], list[bytes]], octets: bytes, times: int) -> None:
    for data in portions(octets, times):
        passes(data)


def alone() -> Callable[[bytes], list[bytes]]:
    """The rewriter without a gateway."""
    legs = [rewriting.Leg(uris.decode_path(PATHS[own]), uris.decode_path(PATHS[theirs]))
            for own, theirs in (("access", "ue"), ("core", "peer"))]
    way, _ = rewriting.between(legs[0], legs[1])
    return lambda data: [one.octets for one in way.receive_data(data) if isinstance(one, rewriting.Onward)]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--chunk", type=int, default=PIECE, help="body octets of one SEND")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    octets, wanted = messages(given.chunk, "access", "ue"), messages(given.chunk, "peer", "core")
    times = max(1, (given.megabytes << 20) // len(octets))
    size = times * len(octets) / 1e6
    say(f"{machine()}; {size:.0f} MB in chunks of {given.chunk} octets, {given.rounds} rounds")
    expected = through(lambda data: [data], wanted, times)
    bridge = Bridge("TCP/MSRP")
    before = most = resident()

    def watched(data: bytes) -> list[bytes]:
        nonlocal most
        sent = bridge.passes(data)
        most = max(most, resident())
        return sent

    exact = through(watched, octets, times) == expected
    growth = most - before
    say(f"the aware gateway writes {'exactly' if exact else 'NOT'} what it has to")
    say(f"memory: {growth / 1e6:.1f} MB more at its most than before the first octet "
        f"({'under' if growth < LIMIT else 'OVER'} {LIMIT >> 20} MB)")
    jobs: dict[str, Callable[[], object]] = {
        name: functools.partial(carried, passes, octets, times) for name, passes in (
            ("aware gateway", Bridge("TCP/MSRP").passes), ("agnostic gateway", Bridge("TCP").passes),
            ("rewriter alone", alone()))}
    taken = interleaved(jobs, given.rounds)
    for name, seconds in taken.items():
        say(f"{name:18} {size / statistics.median(seconds):7.0f} MB/s   {spread(seconds)}")
    for name in ("agnostic gateway", "rewriter alone"):
        say(f"the aware gateway takes {ratio(taken['aware gateway'], taken[name])} times as long as the {name}")


if __name__ == "__main__":
    main()
