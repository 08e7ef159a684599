"""Back-pressure through the IMS-AGW, on the virtual network: what nobody reads is not taken in, and nothing is lost."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest
from agw_stage import (
    ACCESS,
    AGW_IDENTITY,
    CORE,
    EVENTS,
    MG,
    MGC,
    PEER,
    UE,
    UE_IDENTITY,
    UE_PRINT,
    A,
    C,
    add,
    given,
    local,
    modify,
    remote,
    stream,
)

from workbench.net.interface import Foot, Host, Plan, Wire
from workbench.net.values import (
    AcceptStream,
    BindDatagrams,
    Command,
    DatagramReceived,
    Endpoint,
    EndStream,
    Happening,
    Listen,
    OpenStream,
    PauseStream,
    SendDatagram,
    SendStream,
    Started,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
    Woke,
)
from workbench.net.virtual import VirtualNetwork
from workbench.nodes.ims_agw import ImsAgw
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import text
from workbench.security import tls
from workbench.security.source import Source

TOTAL = 5_000_000
PORTION = 40_000
BUFFER = 262_144
"""Send limit and receive buffer of each host's TCP."""

# Buffers on the way: the sender's queue, the gateway's receive buffer, what it holds itself, its own queue, and the
# reader's receive buffer. A queue may go above its limit by what arrives at once: one receive buffer at most.
BOUND = 5 * BUFFER + 65_536 + PORTION

PLAN = Plan(
    hosts=(
        Host("MGC", (Foot("Iq", MGC.host),)),
        Host("IMS-AGW", (Foot("Iq", MG.host), Foot("access", ACCESS), Foot("core", CORE))),
        Host("UE", (Foot("access", UE.host),)),
        Host("Peer", (Foot("core", PEER.host),)),
    ),
    wires=(Wire("Iq"), Wire("access"), Wire("core")),
)


class End:
    """A host that has one connection with the gateway: it sends as fast as it may, and reads what it is given.

    Args:
        secure: its TLS session; None: plain TCP.
    """

    def __init__(self, secure: tls.TlsSession | None = None) -> None:
        self.secure = secure
        self.stream: Stream | None = None
        self.read = hashlib.sha256()
        self.read_octets = self.sent_octets = 0
        self.full = self.verified = self.ended = self.closed = False
        self.most_ahead = 0
        self._portions: Iterator[bytes] = iter(())

    def handle(self, happened: Happening) -> list[Command]:
        match happened:
            case StreamOffered(stream=offered):
                self.stream = offered
                return [AcceptStream(offered)]
            case StreamOpened(stream=opened):
                self.stream = opened
                if self.secure is None:
                    self.verified = True
                    return self.go_on()
                return self.secured(self.secure.start())
            case StreamData(data=data):
                if self.secure is not None:
                    return self.secured(self.secure.receive_data(data))
                self.took(data)
            case StreamFull():
                self.full = True
            case StreamWritable():
                self.full = False
                return self.go_on()
            case StreamEnded(stream=over):
                self.ended = True
                return [EndStream(over)]
            case StreamClosed(reason=reason):
                assert reason is None
                self.closed = True
        return []

    def sends(self, portions: Iterator[bytes]) -> list[Command]:
        self._portions = portions
        return self.go_on()

    def go_on(self) -> list[Command]:
        """One portion at a time, until the network says that its queue is full."""
        if self.full or not self.verified or self.stream is None:
            return []
        portion = next(self._portions, None)
        if portion is None:
            return []
        self.sent_octets += len(portion)
        if self.secure is None:
            return [SendStream(self.stream, portion)]
        return self.secured(self.secure.send(portion))

    def closes(self) -> list[Command]:
        assert self.stream is not None
        last = self.secured(self.secure.close()) if self.secure is not None else []
        return [*last, EndStream(self.stream)]

    def took(self, data: bytes) -> None:
        self.read.update(data)
        self.read_octets += len(data)

    def secured(self, events: list[tls.Event]) -> list[Command]:
        commands: list[Command] = []
        for event in events:
            match event:
                case tls.Transmit(octets=octets):
                    assert self.stream is not None
                    commands.append(SendStream(self.stream, octets))
                case tls.Data(octets=octets):
                    self.took(octets)
                case tls.Verified():
                    self.verified = True
                    commands += self.go_on()
                case tls.Failed(reason=reason):
                    raise AssertionError(reason)
        return commands


class Bench:
    """The gateway on the network, with its controller and two ends that the test plays."""

    def __init__(self, version: str = "1.3", **wires: float) -> None:
        spoilt = tuple(Wire(wire.name, **wires) for wire in PLAN.wires if wire.name != "Iq")
        self.net = VirtualNetwork(Plan(PLAN.hosts, (Wire("Iq"), *spoilt)), seed=1)
        self.agw = ImsAgw("IMS-AGW", control=MG, controller=MGC, source=Source(1, "agw"), identity=AGW_IDENTITY,
                          addresses={A: ACCESS, C: CORE})
        session = tls.TlsSession(UE_IDENTITY, True, versions=[version], announced=[AGW_IDENTITY.fingerprint()])
        self.ends = {"UE": End(session), "Peer": End()}
        self.now = 0.0
        self.heard: list[h248.Message] = []
        self.ordered: list[Command] = []
        self.number = 1000
        self.carry("MGC", [BindDatagrams(MGC)])
        self.carry("Peer", [Listen(PEER)])
        self.carry("IMS-AGW", self.agw.handle(Started(), 0.0))
        self.until(lambda: bool(self.heard))
        self.tells("Reply = 1 { Context = - { ServiceChange = ROOT { Services { Version = 2 } } } }")

    def carry(self, node: str, commands: list[Command]) -> None:
        for command in commands:
            self.net.carry(node, command, self.now)
        if node == "IMS-AGW":
            self.ordered += [command for command in commands if not isinstance(command, SendStream | SendDatagram)]

    def turn(self, limit: float) -> bool:
        """The next thing that happens before `limit`; False: nothing does."""
        wakeup = self.agw.next_wakeup()
        deadline = limit if wakeup is None else min(limit, wakeup)
        arrival = self.net.wait(deadline)
        if arrival is not None:
            self.now = arrival.time
            if arrival.node == "IMS-AGW":
                self.carry("IMS-AGW", self.agw.handle(arrival.happened, self.now))
            elif arrival.node == "MGC":
                assert isinstance(arrival.happened, DatagramReceived)
                self.heard.append(text.decode(arrival.happened.data))
            else:
                self.carry(arrival.node, self.ends[arrival.node].handle(arrival.happened))
        else:
            self.now = deadline
            if wakeup is None or wakeup > deadline:
                return False
            self.carry("IMS-AGW", self.agw.handle(Woke(), self.now))
        # A sender that may send goes on whenever anything has happened.
        for name, end in self.ends.items():
            self.carry(name, end.go_on())
        return True

    def until(self, done: Callable[[], bool], seconds: float = 300.0) -> None:
        limit = self.now + seconds
        while not done():
            assert self.turn(limit), "it never happens"

    def passes(self, seconds: float) -> None:
        limit = self.now + seconds
        while self.turn(limit):
            pass

    def tells(self, body: str) -> None:
        self.carry("MGC", [SendDatagram(MGC, MG, f"MEGACO/2 [{MGC.host}]:{MGC.port}\n{body}\n".encode())])

    def orders(self, actions: str) -> h248.Reply:
        self.number += 1
        before = len(self.heard)
        self.tells(f"Transaction = {self.number} {{ {actions} }}")
        self.until(lambda: len(self.heard) > before)
        reply = self.heard[-1].body[0]
        assert isinstance(reply, h248.Reply)
        return reply

    def call(self) -> Bench:
        """C1: the core side in the clear, the access side with TLS; the UE connects, and both ends are up."""
        reserved = add("core", stream(local("TCP", "active"), mode="Inactive", realm=C), EVENTS.format(1))
        core = given(self.orders(reserved))
        self.orders(modify("ip/1/core/1", stream(
            local("TCP", "active", host=core.host, port=core.port), remote("TCP", "passive", PEER))))
        access = given(self.orders(add("access", stream(
            local("TCP/TLS", "passive", "a=fingerprint:SHA-256 $"),
            remote("TCP/TLS", "active", UE, f"a=fingerprint:{UE_PRINT}"), realm=A), EVENTS.format(2), context=1)))
        self.carry("UE", [OpenStream(Stream(Endpoint(UE.host, 5555), access))])
        self.until(lambda: all(end.verified for end in self.ends.values()))
        return self

    def paused(self, name: str, paused: bool) -> None:
        end = self.ends[name]
        assert end.stream is not None
        self.carry(name, [PauseStream(end.stream, paused)])

    def pauses(self) -> list[bool]:
        return [command.paused for command in self.ordered if isinstance(command, PauseStream)]


def portions(total: int, seed: int) -> tuple[Iterator[bytes], str]:
    """So many octets that never repeat, in portions, and their digest."""
    def made() -> Iterator[bytes]:
        for start in range(0, total, PORTION):
            block = b"".join(
                hashlib.sha256(f"{seed} {at}".encode()).digest() for at in range(start, start + PORTION, 32))
            yield block[: min(PORTION, total - start)]

    digest = hashlib.sha256()
    for portion in made():
        digest.update(portion)
    return made(), digest.hexdigest()


WAYS = [pytest.param("UE", "Peer", id="TLS to clear"), pytest.param("Peer", "UE", id="clear to TLS")]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize(("fast", "slow"), WAYS)
def test_what_nobody_reads_is_not_taken_in(fast, slow, version):
    """A reader that pauses stops the sender on the other side of the gateway; when it goes on, every octet arrives."""
    bench = Bench(version).call()
    sender, reader = bench.ends[fast], bench.ends[slow]
    bench.paused(slow, True)
    stream_of_octets, digest = portions(TOTAL, 1)
    bench.carry(fast, sender.sends(stream_of_octets))
    bench.passes(120.0)
    assert reader.read_octets == 0
    assert BUFFER < sender.sent_octets <= BOUND
    assert bench.pauses() == [True]
    stopped = sender.sent_octets
    bench.passes(120.0)
    assert sender.sent_octets == stopped, "nothing more is taken in, however long it lasts"

    bench.paused(slow, False)
    bench.until(lambda: reader.read_octets >= TOTAL)
    bench.passes(10.0)
    assert reader.read_octets == TOTAL
    assert reader.read.hexdigest() == digest
    assert bench.pauses()[-1] is False


@pytest.mark.parametrize(("fast", "slow"), WAYS)
def test_a_reader_in_fits_and_starts(fast, slow):
    """Pause and go on again and again: never more than the buffers on the way, and nothing lost."""
    bench = Bench().call()
    sender, reader = bench.ends[fast], bench.ends[slow]
    stream_of_octets, digest = portions(TOTAL, 2)
    bench.carry(fast, sender.sends(stream_of_octets))
    while reader.read_octets < TOTAL:
        before = reader.read_octets
        bench.paused(slow, True)
        bench.passes(1.0)
        assert sender.sent_octets - reader.read_octets <= BOUND
        bench.paused(slow, False)
        bench.passes(0.05)
        assert reader.read_octets > before
    assert reader.read.hexdigest() == digest


@pytest.mark.parametrize(("fast", "slow"), WAYS)
def test_bad_wires_lose_nothing(fast, slow):
    """The same with 2 % loss, reordering and duplication on both wires."""
    bench = Bench(loss=0.02, reorder=0.02, duplicate=0.02).call()
    sender, reader = bench.ends[fast], bench.ends[slow]
    bench.paused(slow, True)
    stream_of_octets, digest = portions(2_000_000, 4)
    bench.carry(fast, sender.sends(stream_of_octets))
    bench.passes(60.0)
    assert sender.sent_octets <= BOUND
    bench.paused(slow, False)
    bench.until(lambda: reader.read_octets >= 2_000_000, 3_000.0)
    assert reader.read.hexdigest() == digest


def test_both_directions_at_once():
    """Both ends send, both pause, both go on: two streams of octets, each whole."""
    bench = Bench().call()
    ue, peer = bench.ends["UE"], bench.ends["Peer"]
    digests = []
    for seed, name in enumerate(bench.ends):
        stream_of_octets, digest = portions(2_000_000, seed)
        bench.paused(name, True)
        bench.carry(name, bench.ends[name].sends(stream_of_octets))
        digests.append(digest)
    bench.passes(30.0)
    assert ue.sent_octets <= BOUND
    assert peer.sent_octets <= BOUND
    bench.paused("UE", False)
    bench.paused("Peer", False)
    bench.until(lambda: ue.read_octets >= 2_000_000 and peer.read_octets >= 2_000_000)
    bench.passes(5.0)
    assert [peer.read.hexdigest(), ue.read.hexdigest()] == digests


@pytest.mark.parametrize("pause", [2.0, 30.0])
@pytest.mark.parametrize(("fast", "slow"), WAYS)
def test_the_end_waits_for_what_is_still_to_be_read(fast, slow, pause):
    """The sender closes while the reader pauses: when it goes on, within the drain time, the end comes last."""
    bench = Bench().call()
    sender, reader = bench.ends[fast], bench.ends[slow]
    bench.paused(slow, True)
    stream_of_octets, digest = portions(400_000, 3)
    bench.carry(fast, sender.sends(stream_of_octets))
    bench.until(lambda: sender.sent_octets == 400_000)
    bench.carry(fast, sender.closes())
    bench.passes(pause)
    bench.paused(slow, False)
    bench.until(lambda: reader.closed and sender.closed)
    assert reader.read.hexdigest() == digest
