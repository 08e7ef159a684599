"""This host's own network: what two nodes on loopback hear of each other, with real UDP and TCP between them."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from workbench.errors import LocalProtocolError, NetworkError
from workbench.net.sockets import Limits, SocketNetwork, free_port, places
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
    ClaimPackets,
    Command,
    DatagramFailed,
    DatagramReceived,
    Endpoint,
    EndStream,
    Failure,
    Happening,
    Listen,
    OpenStream,
    PauseStream,
    RefuseStream,
    SendDatagram,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
    UnbindDatagrams,
    Unlisten,
)

PATIENCE = 10.0


def no_answer(happened: Happening) -> list[Command]:
    return []


class Pair:
    """Two nodes `a` and `b` with a network each; what each hears, and what it answers."""

    def __init__(self, host: str, limits: Limits | None = None) -> None:
        self.a, self.b = Endpoint(host, free_port(host, stream=True)), Endpoint(host, free_port(host, stream=True))
        self.networks = {name: SocketNetwork(name, limits) for name in "ab"}
        self.heard: dict[str, list[Happening]] = {"a": [], "b": []}
        self.answers: dict[str, Callable[[Happening], list[Command]]] = {"a": no_answer, "b": no_answer}
        self.out = Stream(self.a, self.b)
        self.back = Stream(self.b, self.a)

    def do(self, name: str, *commands: Command) -> None:
        for command in commands:
            self.networks[name].carry(name, command, 0.0)

    def until(self, done: Callable[[], bool]) -> None:
        """Let both networks run until the condition holds, for `PATIENCE` seconds at most."""
        deadline = self.networks["a"].now + PATIENCE
        while not done():
            assert self.networks["a"].now < deadline, self.heard
            for name, network in self.networks.items():
                while (arrival := network.wait(network.now + 0.002)) is not None:
                    assert arrival.node == name
                    self.heard[name].append(arrival.happened)
                    self.do(name, *self.answers[name](arrival.happened))

    def hears(self, name: str, *expected: Happening) -> None:
        self.until(lambda: len(self.heard[name]) >= len(expected))
        assert self.heard[name] == list(expected)

    def last(self, name: str, expected: Happening) -> None:
        self.until(lambda: self.heard[name][-1:] == [expected])

    def connected(self) -> Pair:
        """A stream from a to b."""
        self.answers["b"] = lambda heard: [AcceptStream(heard.stream)] if isinstance(heard, StreamOffered) else []
        self.do("b", Listen(self.b))
        self.do("a", OpenStream(self.out))
        self.hears("b", StreamOffered(self.back), StreamOpened(self.back))
        self.hears("a", StreamOpened(self.out))
        return self

    def octets(self, name: str) -> bytes:
        return b"".join(heard.data for heard in self.heard[name] if isinstance(heard, StreamData))

    def close(self) -> None:
        for network in self.networks.values():
            network.close()


def has_ipv6() -> bool:
    try:
        free_port("::1")
    except OSError:
        return False
    return True


HOSTS = ["127.0.0.1", *(["::1"] if has_ipv6() else [])]


@pytest.fixture(params=HOSTS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = Pair(request.param)
    yield made
    made.close()


def test_what_it_can_not_do_is_said(pair: Pair):
    """No held SYN, no packets, no relay: the node is told rather than deceived."""
    said = pair.networks["a"].capabilities
    assert (said.holds_syn, said.packets, said.splice, said.relay) == (False, False, True, False)
    with pytest.raises(LocalProtocolError, match="ClaimPackets"):
        pair.do("a", ClaimPackets(pair.a))


def test_datagrams_go_both_ways(pair: Pair):
    """A datagram names both ends; after UnbindDatagrams nothing comes any more."""
    for name, local in (("a", pair.a), ("b", pair.b)):
        pair.do(name, BindDatagrams(local))
    pair.do("a", SendDatagram(pair.a, pair.b, b"ping"))
    pair.hears("b", DatagramReceived(pair.b, pair.a, b"ping"))
    pair.do("b", SendDatagram(pair.b, pair.a, bytes(60_000)))
    pair.hears("a", DatagramReceived(pair.a, pair.b, bytes(60_000)))
    pair.do("a", UnbindDatagrams(pair.a))
    with pytest.raises(LocalProtocolError, match="not bound"):
        pair.do("a", SendDatagram(pair.a, pair.b, b"late"))


def test_a_burst_of_datagrams_is_taken_in_order(pair: Pair):
    """More datagrams than one turn takes arrive one after the other."""
    for name, local in (("a", pair.a), ("b", pair.b)):
        pair.do(name, BindDatagrams(local))
    for number in range(150):
        pair.do("a", SendDatagram(pair.a, pair.b, b"%d" % number))
    pair.hears("b", *(DatagramReceived(pair.b, pair.a, b"%d" % number) for number in range(150)))


def test_octets_in_both_directions_and_an_orderly_end(pair: Pair):
    """Half-close: EndStream is heard as StreamEnded, octets still flow back, and then both hear StreamClosed."""
    pair.connected()
    pair.do("a", SendStream(pair.out, b"question"), EndStream(pair.out))
    pair.last("b", StreamEnded(pair.back))
    pair.do("b", SendStream(pair.back, b"answer"), EndStream(pair.back))
    pair.last("a", StreamClosed(pair.out))
    assert pair.heard["a"][1:] == [
        StreamData(pair.out, b"answer"), StreamEnded(pair.out), StreamClosed(pair.out)]
    assert pair.octets("b") == b"question"
    assert pair.heard["b"][-1] == StreamClosed(pair.back)


def test_an_abort_resets_the_other_side(pair: Pair):
    """AbortStream: the peer hears a reset, the node itself nothing."""
    pair.connected()
    pair.do("b", AbortStream(pair.back))
    pair.last("a", StreamClosed(pair.out, Failure.RESET))
    assert pair.heard["b"][-1] == StreamOpened(pair.back)
    pair.do("b", SendStream(pair.back, b"too late"), EndStream(pair.back))  # as in every network: nothing happens


def test_a_refused_connection_is_reset(pair: Pair):
    """The kernel has answered the SYN already, so a refusal is heard as a reset of an open stream."""
    pair.answers["b"] = lambda heard: [RefuseStream(heard.stream)] if isinstance(heard, StreamOffered) else []
    pair.do("b", Listen(pair.b))
    pair.do("a", OpenStream(pair.out))
    pair.hears("a", StreamOpened(pair.out), StreamClosed(pair.out, Failure.RESET))


def test_nobody_listens(pair: Pair):
    """A SYN to a port without listener: StreamFailed with its reason; after Unlisten as well."""
    pair.do("a", OpenStream(pair.out))
    pair.hears("a", StreamFailed(pair.out, Failure.REFUSED))
    pair.do("b", Listen(pair.b), Unlisten(pair.b))
    pair.do("a", OpenStream(pair.out))
    pair.hears("a", *[StreamFailed(pair.out, Failure.REFUSED)] * 2)


def test_names_are_not_looked_up(pair: Pair):
    """Where an address has to be, a name that a peer wrote is a failure at once, not a question to a name server."""
    named = Endpoint("peer.example.invalid", 2944)
    pair.do("a", BindDatagrams(pair.a), SendDatagram(pair.a, named, b"x"), OpenStream(Stream(pair.a, named)))
    pair.hears("a", DatagramFailed(pair.a, named, "no IP address"),
               StreamFailed(Stream(pair.a, named), Failure.UNREACHABLE))


def test_a_stream_that_is_there_is_in_use(pair: Pair):
    """At most one connection between two endpoints."""
    pair.connected()
    pair.do("a", OpenStream(pair.out))
    pair.last("a", StreamFailed(pair.out, Failure.IN_USE))


def test_an_endpoint_that_listens_may_open_too(pair: Pair):
    """actpass: the same local endpoint opens a connection and goes on listening."""
    pair.connected()
    third = Endpoint(pair.a.host, free_port(pair.a.host, stream=True))
    pair.do("a", Listen(third))
    pair.do("b", OpenStream(Stream(pair.b, third)))
    pair.last("a", StreamOffered(Stream(third, pair.b)))
    pair.do("a", AcceptStream(Stream(third, pair.b)))
    pair.last("b", StreamOpened(Stream(pair.b, third)))
    fourth = Endpoint(pair.a.host, free_port(pair.a.host, stream=True))
    pair.do("a", OpenStream(Stream(fourth, pair.b)))
    pair.last("b", StreamOpened(Stream(pair.b, fourth)))


def test_ports_can_be_used_again(pair: Pair):
    """After an orderly end the same listener is reached from the same endpoint's other port, and rebinds at once."""
    pair.connected()
    pair.do("a", EndStream(pair.out))
    pair.do("b", EndStream(pair.back), Unlisten(pair.b))
    pair.last("a", StreamClosed(pair.out))
    pair.last("b", StreamClosed(pair.back))
    pair.do("b", Listen(pair.b))


def test_back_pressure(pair: Pair):
    """A paused reader fills the sender's queue: StreamFull once, StreamWritable when it has drained, nothing lost."""
    pair.connected()
    pair.do("b", PauseStream(pair.back))
    sent = 0
    while StreamFull(pair.out) not in pair.heard["a"]:
        pair.do("a", SendStream(pair.out, bytes([sent % 251]) * 65_536))
        sent += 1
        assert sent < 1000
        arrival = pair.networks["a"].wait(0.0)
        if arrival is not None:
            pair.heard["a"].append(arrival.happened)
    pair.do("b", PauseStream(pair.back, False))
    pair.last("a", StreamWritable(pair.out))
    pair.until(lambda: len(pair.octets("b")) == sent * 65_536)
    assert pair.octets("b") == b"".join(bytes([number % 251]) * 65_536 for number in range(sent))
    assert pair.heard["a"].count(StreamFull(pair.out)) == pair.heard["a"].count(StreamWritable(pair.out)) == 1


def test_an_end_comes_behind_all_queued_octets(pair: Pair):
    """EndStream while octets are queued for a slow reader: they arrive first."""
    pair.connected()
    pair.do("b", PauseStream(pair.back))
    pair.do("a", SendStream(pair.out, bytes(12_000_000)), EndStream(pair.out))
    pair.do("b", PauseStream(pair.back, False))
    pair.last("b", StreamEnded(pair.back))
    assert len(pair.octets("b")) == 12_000_000


def test_queues_are_bounded():
    """More than the queue's limit is an error of ours, and the octets before it stay queued."""
    pair = Pair("127.0.0.1", Limits(send=1000, queue=200_000))
    try:
        pair.connected()
        pair.do("b", PauseStream(pair.back))
        with pytest.raises(LocalProtocolError, match="more than 200000 octets queued"):
            for _ in range(1000):
                pair.do("a", SendStream(pair.out, bytes(100_000)))
        with pytest.raises(LocalProtocolError, match="send while ended"):
            pair.do("a", EndStream(pair.out), SendStream(pair.out, b"x"))
    finally:
        pair.close()


def different_ports(count: int) -> set[int]:
    """Free TCP ports; one that is only free may be given twice."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port(stream=True))
    return found


def test_offers_are_bounded():
    """More connections than may wait for the node's answer are reset, not kept."""
    pair = Pair("127.0.0.1", Limits(offers=2))
    try:
        pair.do("b", Listen(pair.b))
        streams = [Stream(Endpoint("127.0.0.1", port), pair.b) for port in different_ports(4)]
        for stream in streams:
            pair.do("a", OpenStream(stream))
        pair.until(lambda: sum(isinstance(heard, StreamClosed) for heard in pair.heard["a"]) == 2)
        assert sum(isinstance(heard, StreamOffered) for heard in pair.heard["b"]) == 2
        pair.do("b", Unlisten(pair.b))  # those that were offered and not accepted are reset as well
        pair.until(lambda: sum(isinstance(heard, StreamClosed) for heard in pair.heard["a"]) == 4)
    finally:
        pair.close()


def test_a_crowd_that_comes_at_once_is_let_in():
    """Connections that the node has had no time to answer are not reset: the crowd waits in the kernel's queue."""
    pair = Pair("127.0.0.1", Limits(offers=2))
    try:
        pair.do("b", Listen(pair.b))
        streams = [Stream(Endpoint("127.0.0.1", port), pair.b) for port in different_ports(9)]
        for stream in streams:
            pair.do("a", OpenStream(stream))
        pair.answers["b"] = lambda heard: [AcceptStream(heard.stream)] if isinstance(heard, StreamOffered) else []
        pair.until(lambda: sum(isinstance(heard, StreamOpened) for heard in pair.heard["b"]) == 9)
        assert not any(isinstance(heard, StreamClosed) for heard in pair.heard["a"])
    finally:
        pair.close()


def test_no_descriptor_is_left(monkeypatch: pytest.MonkeyPatch):
    """Nothing ends because of it: an opening fails, an endpoint can't be had, peers wait until there is room again."""
    pair = Pair("127.0.0.1")
    try:
        pair.do("b", Listen(pair.b))
        pair.do("a", OpenStream(pair.out))
        with monkeypatch.context() as patched:
            def nothing(*args, **kwargs):
                raise OSError(errno.EMFILE, "Too many open files")

            patched.setattr(places, "make_socket", nothing)
            patched.setattr(socket.socket, "accept", nothing)
            other = Stream(Endpoint("127.0.0.1", 1), pair.b)
            pair.do("a", OpenStream(other))
            pair.until(lambda: StreamFailed(other, Failure.IN_USE) in pair.heard["a"])
            for command in (Listen, BindDatagrams):
                with pytest.raises(NetworkError, match="Too many open files"):
                    pair.do("a", command(other.local))
            listener = pair.networks["b"]
            before = listener.now
            assert listener.wait(before + 0.05) is None
            turns = 0
            while listener.now < before + 0.1:  # it rests rather than trying again and again
                assert listener.wait(before + 0.1) is None
                turns += 1
            assert turns < 20
        pair.last("b", StreamOffered(pair.back))
    finally:
        pair.close()


@pytest.mark.parametrize(("command", "said"), [
    (BindDatagrams, r"UDP 127\.0\.0\.1:\d+ is in use by another program"),
    (lambda taken: BindDatagrams(Endpoint("192.0.2.1", 2944)), r"192\.0\.2\.1 is not an address of this host"),
    (lambda taken: Listen(Endpoint("192.0.2.1", 2944)), r"192\.0\.2\.1 is not an address of this host \(TCP"),
    (Listen, r"TCP 127\.0\.0\.1:\d+ is in use by another program"),
])
def test_an_endpoint_that_can_not_be_had(command, said):
    """One clear line for people: in use, not ours."""
    pair = Pair("127.0.0.1")
    with socket.socket() as held, socket.socket(type=socket.SOCK_DGRAM) as bound:
        held.bind(("127.0.0.1", 0))
        held.listen()
        taken = Endpoint("127.0.0.1", held.getsockname()[1])
        bound.bind(("127.0.0.1", taken.port))
        try:
            with pytest.raises(NetworkError, match=said):
                pair.do("a", command(taken))
        finally:
            pair.close()


def test_a_wait_ends_at_its_deadline_or_when_it_is_interrupted():
    """`wait` gives None when the deadline has come, and at once when somebody calls `interrupt`."""
    network = SocketNetwork("a")
    try:
        assert network.wait(network.now + 0.01) is None
        before = network.now
        threading.Timer(0.02, network.interrupt).start()
        assert network.wait(before + 0.45) is None
        assert network.now - before < 0.4
    finally:
        network.close()


def test_a_crowd_at_the_door_does_not_stop_those_inside():
    """While connections wait to be taken, by one listener or by many, a stream goes on: 16 are taken a turn."""
    pair = Pair("127.0.0.1").connected()
    doors = [Endpoint("127.0.0.1", free_port(stream=True)) for _ in range(4)]
    callers: list[socket.socket] = []
    try:
        pair.do("b", *(Listen(door) for door in doors))
        for number in range(200):
            callers.append(socket.create_connection((doors[number % 4].host, doors[number % 4].port)))
        pair.do("a", SendStream(pair.out, bytes(2_000_000)))
        network, heard = pair.networks["b"], []
        deadline = network.now + PATIENCE
        while sum(isinstance(one, StreamOffered) for one in heard) < 128:
            assert network.now < deadline
            arrival = network.wait(deadline)
            heard += [] if arrival is None else [arrival.happened]
        data = [at for at, one in enumerate(heard) if isinstance(one, StreamData)]
        between = [sum(isinstance(one, StreamOffered) for one in heard[start:end])
                   for start, end in zip([0, *data], data, strict=False)]
        assert len(data) >= 3 and max(between) <= 16
        doors_of = [one.stream.local for one in heard if isinstance(one, StreamOffered)]
        assert set(doors_of[:64]) == set(doors)  # none of them waits for the others to be empty
    finally:
        for caller in callers:
            caller.close()
        pair.close()
