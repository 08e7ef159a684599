"""Two peers and a gateway of one kind between them, on the virtual network: relay, proxy, merge by either means.

These gateways are the tests' own, so that what the analyser says of packets does not rest on the nodes of the package.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from capturing import Frame, udp, write

from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.net.interface import Foot, Host, Plan, Wire
from workbench.net.packets import ACK, SYN, Tcp, decode_ip, decode_tcp, encode_tcp, rewrite
from workbench.net.values import (
    AcceptStream,
    ClaimPackets,
    Command,
    Endpoint,
    EndStream,
    Happening,
    Listen,
    OpenStream,
    PacketArrived,
    SendPacket,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamOffered,
    StreamOpened,
)
from workbench.net.virtual import VirtualNetwork

Does = Callable[[Happening], list[Command]]


class Peer:
    """Opens a connection or waits for one; says its lines one after the other, answering each that it hears."""

    def __init__(self, own: Endpoint, gateway: Endpoint, *, opens: bool, says: int, size: int = 300) -> None:
        self.own, self.gateway, self.opens = own, gateway, opens
        self.left, self.size = says, size
        self.stream: Stream | None = None
        self.heard = b""

    def starts(self) -> list[Command]:
        return [OpenStream(Stream(self.own, self.gateway))] if self.opens else [Listen(self.own)]

    def handle(self, happened: Happening) -> list[Command]:
        match happened:
            case StreamOffered(stream):
                return [AcceptStream(stream)]
            case StreamOpened(stream):
                self.stream = stream
                return self.speaks()
            case StreamData(_, data):
                self.heard += data
                return self.speaks() if self.heard.endswith(b"\n") else []
            case StreamEnded(stream):
                return [EndStream(stream)]
        return []

    def speaks(self) -> list[Command]:
        if not self.left or self.stream is None:
            return []
        self.left -= 1
        return [SendStream(self.stream, bytes(65 + self.left % 26 for _ in range(self.size)) + b"\n")]

    def ends(self) -> list[Command]:
        return [EndStream(self.stream)] if self.stream is not None else []


class Relaying:
    """Stateless: addresses and ports are changed, nothing else."""

    def __init__(self, box: Box) -> None:
        self.box = box

    def starts(self) -> list[Command]:
        return [ClaimPackets(None)]

    def handle(self, happened: Happening) -> list[Command]:
        if not isinstance(happened, PacketArrived):
            return []
        leg = self.box.leg_of(happened.wire)
        return [SendPacket(self.box.wires[1 - leg], rewrite(
            happened.packet, source=self.box.ours[1 - leg], destination=self.box.peers[1 - leg]))]


class Translating:
    """Answers both SYNs itself; then carries segments on with other sequence numbers."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.first: list[int | None] = [None, None]     # the peers' initial sequence numbers
        self.own = (5_000_000, 4_294_967_000)           # ours; the second one wraps
        self.up = [False, False]

    def starts(self) -> list[Command]:
        return [ClaimPackets(None)]

    def handle(self, happened: Happening) -> list[Command]:
        if not isinstance(happened, PacketArrived):
            return []
        leg = self.box.leg_of(happened.wire)
        tcp = decode_tcp(decode_ip(happened.packet))
        if tcp.flags & SYN:
            self.first[leg] = tcp.sequence
            return [self.sends(leg, self.own[leg], tcp.sequence + 1, SYN | ACK, b"")]
        mine = self.first[leg]
        if mine is None:
            return []
        self.up[leg] = True
        theirs = self.first[1 - leg]
        if not all(self.up) or theirs is None:
            return []       # the peer sends it again
        if not tcp.payload and tcp.acknowledgment == self.own[leg] + 1 and not tcp.flags & ~ACK:
            return []       # what ends the handshake is for us
        return [self.sends(1 - leg, tcp.sequence - mine + self.own[1 - leg],
                           tcp.acknowledgment - self.own[leg] + theirs, tcp.flags, tcp.payload)]

    def sends(self, leg: int, sequence: int, acknowledgment: int, flags: int, payload: bytes) -> Command:
        return SendPacket(self.box.wires[leg], encode_tcp(Tcp(
            self.box.ours[leg], self.box.peers[leg], sequence & 0xFFFFFFFF, acknowledgment & 0xFFFFFFFF, flags, 65535,
            payload)))


class Proxying:
    """Two connections of its own; with `merging` both are opened by the peers."""

    def __init__(self, box: Box, *, merging: bool = False) -> None:
        self.box, self.merging = box, merging
        self.streams: list[Stream | None] = [None, None]
        self.held: list[list[Command]] = [[], []]
        self.kept: list[list[bytes]] = [[], []]

    def starts(self) -> list[Command]:
        return [Listen(end) for end in self.box.ours[: 1 + self.merging]]

    def handle(self, happened: Happening) -> list[Command]:
        match happened:
            case StreamOffered(stream):
                onwards = OpenStream(Stream(self.box.ours[1], self.box.peers[1]))
                return [AcceptStream(stream)] if self.merging else [AcceptStream(stream), onwards]
            case StreamOpened(stream):
                leg = self.box.ours.index(stream.local)
                self.streams[leg] = stream
                kept, self.kept[leg] = self.kept[leg], []
                return [SendStream(stream, data) for data in kept]
            case StreamData(stream, data):
                other = 1 - self.box.ours.index(stream.local)
                onward = self.streams[other]
                if onward is None:
                    self.kept[other].append(data)
                    return []
                return [SendStream(onward, data)]
            case StreamEnded(stream):
                onward = self.streams[1 - self.box.ours.index(stream.local)]
                return [EndStream(onward)] if onward is not None else []
            case StreamClosed():
                return []
        return []


class Box:
    """Peers, gateway and wires; `run` gives what the analyser says."""

    wires = ("Access", "Core")

    def __init__(self, kind: str, *, ip: int = 4, merging: bool = False, says: int = 6, early: bool = False) -> None:
        hosts = (("198.51.100.10", "198.51.100.1", "192.0.2.1", "192.0.2.10") if ip == 4 else
                 ("2001:db8:a::10", "2001:db8:a::1", "2001:db8:c::1", "2001:db8:c::10"))
        self.peers = (Endpoint(hosts[0], 41000), Endpoint(hosts[3], 42000))
        self.ours = (Endpoint(hosts[1], 40000), Endpoint(hosts[2], 40002))
        self.ip, self.kind, self.early = ip, kind, early
        self.nodes = {
            "A": Peer(self.peers[0], self.ours[0], opens=True, says=says),
            "B": Peer(self.peers[1], self.ours[1], opens=merging, says=says - 1),
            "GW": {"relay": Relaying, "translation": Translating}[kind](self) if kind != "proxy" else Proxying(
                self, merging=merging)}

    def leg_of(self, wire: str) -> int:
        return self.wires.index(wire)

    def run(self, path: Path, *, seed: int = 1, control: bool = True, names: bool = True,
            **impairments: float) -> Report:
        feet = [(self.wires[leg], self.peers[leg].host) for leg in (0, 1)]
        plan = Plan((Host("A", (Foot(*feet[0]),)), Host("B", (Foot(*feet[1]),)),
                     Host("GW", tuple(Foot(self.wires[leg], self.ours[leg].host) for leg in (0, 1)))),
                    tuple(Wire(name, delay=delay, **impairments)
                          for name, delay in zip(self.wires, (0.010, 0.005), strict=True)))
        frames: list[Frame] = self.control() if control else []
        network = VirtualNetwork(plan, seed, [lambda time, wire, packet, _: frames.append((1.0 + time, wire, packet))])
        due = [(0.0, "GW", "starts"), (0.0, "B", "starts"), (0.0 if self.early else 0.5, "A", "starts"),
               (20.0, "A", "ends")]
        if self.early:
            due[1:3] = [(0.0, "A", "starts"), (0.7, "B", "starts")]
        for time, name, what in due:
            self._until(network, time)
            for command in getattr(self.nodes[name], what)():
                network.carry(name, command, time)
        self._until(network, 60.0)
        given = {end.host: name for ends, ids in ((self.peers, "AB"), (self.ours, ("GW", "GW")))
                 for end, name in zip(ends, ids, strict=True)}
        return analyze(write(path / "run.pcapng", frames, names=given if names else {}))

    def _until(self, network: VirtualNetwork, time: float) -> None:
        while (arrival := network.wait(time)) is not None:
            for command in self.nodes[arrival.node].handle(arrival.happened):
                network.carry(arrival.node, command, arrival.time)

    def control(self) -> list[Frame]:
        """H.248 that reserves both terminations and says nothing of roles."""
        mgc, mg = Endpoint("192.0.2.130", 2944), Endpoint("192.0.2.140", 2944)

        def media(end: Endpoint | None) -> str:
            host, port = (end.host, end.port) if end is not None else ("$", "$")
            return (f"Media {{ Stream = 1 {{ Local {{\nv=0\nc=IN IP{self.ip} {host}\n"
                    f"m=message {port} TCP *\n}} }} }}")

        asked = ", ".join(f"Add = ip/1/{side}/$ {{ {media(None)} }}" for side in ("access", "core"))
        given = ", ".join(f"Add = ip/1/{side}/1 {{ {media(end)} }}"
                          for side, end in zip(("access", "core"), self.ours, strict=True))
        request = f"MEGACO/2 [192.0.2.130]:2944\nTransaction = 9 {{ Context = $ {{ {asked} }} }}\n"
        reply = f"MEGACO/2 [192.0.2.140]:2944\nReply = 9 {{ Context = 7 {{ {given} }} }}\n"
        return [udp(0.0, mgc, mg, request.encode()), udp(0.1, mg, mgc, reply.encode())]
