"""What peers can make this host's network hold is bounded, and whoever behaves is served all the same."""

from __future__ import annotations

import errno
import os
import resource
import socket
from pathlib import Path
from random import Random

import pytest
from splice_stage import Between

from workbench.net.sockets import Limits, SocketNetwork, free_port, pipes, splices
from workbench.net.sockets.queue import SendQueue
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
    Endpoint,
    Failure,
    Listen,
    Meter,
    OpenStream,
    SendDatagram,
    Splice,
    Stream,
    StreamClosed,
    StreamData,
    StreamFailed,
    StreamOffered,
    StreamOpened,
    Unlisten,
)

HOST = "127.0.0.1"


def own_pipes() -> int:
    """Ends of pipes that this process holds."""
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found += os.readlink(entry).startswith("pipe:")
        except OSError:
            continue
    return found


@pytest.mark.skipif(not pipes.CAN_SPLICE, reason="no splice(2) on this system")
def test_idle_splices_hold_no_pipes():
    """Thirty joined pairs that have carried octets both ways share a pipe or two, and after close there is none."""
    before = own_pipes()
    with Between() as between:
        pairs = [(between.client, between.far, between.a, between.b)] + [between.more() for _ in range(29)]
        for client, far, a, b in pairs:
            between.do(Splice(a, b))
            client.sendall(b"there")
            far.sendall(b"and back")
            assert between.rest(far, 5) == b"there"
            assert between.rest(client, 8) == b"and back"
        assert 0 < own_pipes() - before <= 4
        for client, far, _, _ in pairs[1:]:
            client.close()
            far.close()
    assert own_pipes() == before


@pytest.mark.parametrize("number", [0, 2])
def test_peers_that_never_read_do_not_stop_others(number: int):
    """With as few pipes, or none: five far ends read nothing, and a sixth pair is carried octet by octet."""
    with Between(Limits(pipes=number)) as between:
        stuck = [between.more() for _ in range(5)]
        sent = Random(1).randbytes(3_000_000)
        poured = []
        for client, _, a, b in stuck:
            between.do(Splice(a, b))
            poured.append(between.pour(client, sent))
        held = sum(len(connection.queue) for connection in between.network._streams.values())
        assert held <= 5 * 1_048_576
        assert max(poured) < len(sent)
        between.do(Splice(between.a, between.b))
        position, got = 0, bytearray()
        while len(got) < len(sent):
            if position < len(sent):
                position += between.pour(between.client, sent[position : position + 100_000])
            got += between.rest(between.far, position - len(got))
        assert got == sent
        assert between.heard == []
        for amount, (client, far, _, _) in zip(poured, stuck, strict=True):
            assert between.rest(far, amount) == sent[:amount]
            client.close()
            far.close()


@pytest.mark.skipif(not pipes.CAN_SPLICE, reason="no splice(2) on this system")
def test_a_pipe_that_a_slow_peer_occupies_is_taken_from_it(monkeypatch: pytest.MonkeyPatch):
    """One pipe, in which octets wait for a peer that does not read: another pair gets it, and those octets are kept."""
    with Between(Limits(pipes=1)) as between:
        client, far, a, b = between.more()
        between.do(Splice(a, b), Splice(between.a, between.b))
        sent = Random(1).randbytes(1_000_000)
        poured = between.pour(client, sent)
        drained = []
        drain = pipes.Pipe.drain
        monkeypatch.setattr(pipes.Pipe, "drain", lambda *args: drained.append(drain(*args)) or drained[-1])
        between.client.sendall(b"through the pipe")
        assert between.rest(between.far, 16) == b"through the pipe"
        assert drained == [16]
        assert between.rest(far, poured) == sent[:poured]
        client.close()
        far.close()


def test_nobody_is_kept_waiting_by_who_has_much(monkeypatch: pytest.MonkeyPatch):
    """One turn of the loop: a pair with much to carry takes its share, and another's few octets are carried too."""
    monkeypatch.setattr(splices, "_A_TURN", 10_000)
    with Between(narrow=False) as between:
        client, far, a, b = between.more()
        meters = [Meter(), Meter()]
        between.do(Splice(between.a, between.b, meters[0]), Splice(a, b, meters[1]))
        between.client.send(bytes(200_000))
        client.send(b"few")
        between.network._turn(1.0)
        assert 10_000 <= meters[0].read()[0] < 200_000
        while meters[1].read() == (0, 0):
            between.network._turn(1.0)
        assert meters[0].read()[0] < 200_000
        client.close()
        far.close()


def test_no_descriptor_is_left_for_a_pipe(monkeypatch: pytest.MonkeyPatch):
    """Octets are copied then, and nobody is told anything."""
    def nothing(flags: int) -> tuple[int, int]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "pipe2", nothing, raising=False)
    with Between() as between:
        between.do(Splice(between.a, between.b))
        between.client.sendall(b"all the same")
        assert between.rest(between.far, 12) == b"all the same"


@pytest.mark.skipif(not pipes.CAN_SPLICE, reason="no splice(2) on this system")
def test_small_pipes_are_not_used(monkeypatch: pytest.MonkeyPatch):
    """A user who has too many pipes gets small ones (pipe-user-pages-soft): then copying is better."""
    monkeypatch.setattr(pipes, "_SIZES", (4096,))
    before = own_pipes()
    with Between() as between:
        between.do(Splice(between.a, between.b))
        between.client.sendall(b"all the same")
        assert between.rest(between.far, 12) == b"all the same"
        assert own_pipes() == before


def test_the_process_runs_out_of_descriptors():
    """With a real limit: connections wait in the kernel's queue, and are offered when there is room again."""
    with Between() as between:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        waiting = [socket.socket() for _ in range(3)]
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (_next_free(), limits[1]))
            for peer in waiting:
                peer.connect((HOST, between.left.port))
            other = Stream(Endpoint(HOST, 1), Endpoint(HOST, between.left.port))
            between.do(OpenStream(other))
            between.until(StreamFailed(other, Failure.IN_USE))
            assert between.heard == [StreamFailed(other, Failure.IN_USE)]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for peer in waiting:
            between.until(StreamOffered(Stream(between.left, Endpoint(*peer.getsockname()))))
            peer.close()


def _next_free() -> int:
    """The descriptor that would be given next: as a limit, it leaves none."""
    made = os.dup(0)
    os.close(made)
    return made


def test_streams_are_bounded():
    """More connections than a network keeps are reset, and a place that is free again is given to the next."""
    network = SocketNetwork("node", Limits(streams=2))
    local = Endpoint(HOST, free_port(stream=True))
    network.carry("node", Listen(local), 0.0)
    peers = [socket.create_connection((HOST, local.port)) for _ in range(3)]
    streams = [Stream(local, Endpoint(*peer.getsockname())) for peer in peers]
    offered = []
    while len(offered) < 2:
        arrival = network.wait(network.now + 5.0)
        assert arrival is not None
        offered.append(arrival.happened)
    assert offered == [StreamOffered(stream) for stream in streams[:2]]
    peers[2].settimeout(5.0)
    network.wait(network.now)
    with pytest.raises(ConnectionResetError):
        peers[2].recv(1)
    network.carry("node", AbortStream(streams[0]), 0.0)
    peers.append(socket.create_connection((HOST, local.port)))
    arrival = network.wait(network.now + 5.0)
    assert arrival is not None
    assert arrival.happened == StreamOffered(Stream(local, Endpoint(*peers[3].getsockname())))
    network.close()
    for peer in peers:
        peer.close()


class Unread(dict):
    """May be asked for what is in it, not looked through."""

    def values(self):
        raise AssertionError("looked through all")

    items = keys = __iter__ = values


def test_who_listens_no_more_does_not_look_at_all_streams():
    """A gateway with thousands of streams ends a listener for each: what is offered there is reset, nobody else met."""
    network = SocketNetwork("node")
    locals_ = [Endpoint(HOST, free_port(stream=True)) for _ in range(2)]
    peers = []
    for local in locals_:
        network.carry("node", Listen(local), 0.0)
        peers.append(socket.create_connection((HOST, local.port)))
        assert isinstance(network.wait(network.now + 5.0).happened, StreamOffered)
    streams, network._streams = network._streams, Unread(network._streams)
    network.carry("node", Unlisten(locals_[0]), 0.0)
    assert [stream.local for stream in dict.keys(network._streams)] == [locals_[1]]
    with pytest.raises(ConnectionResetError):
        peers[0].recv(1)
    network._streams = {stream: streams[stream] for stream in streams if stream.local == locals_[1]}
    network.close()
    for peer in peers:
        peer.close()


def test_happenings_that_wait_are_bounded():
    """A node that does not ask for them: neither datagrams nor octets are read any more, and none is lost."""
    network = SocketNetwork("node", Limits(arrivals=5))
    udp, tcp = Endpoint(HOST, free_port()), Endpoint(HOST, free_port(stream=True))
    network.carry("node", BindDatagrams(udp), 0.0)
    network.carry("node", Listen(tcp), 0.0)
    peer = socket.create_connection((HOST, tcp.port))
    stream = Stream(tcp, Endpoint(*peer.getsockname()))
    assert network.wait(network.now + 5.0).happened == StreamOffered(stream)
    network.carry("node", AcceptStream(stream), 0.0)
    assert network.wait(network.now + 5.0).happened == StreamOpened(stream)
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        for number in range(20):
            sender.sendto(b"%d" % number, (udp.host, udp.port))
    peer.sendall(b"octets")
    for _ in range(5):
        network._turn(0.05)
    assert len(network._arrivals) == 5
    found = []
    while len(found) < 21:
        arrival = network.wait(network.now + 5.0)
        assert arrival is not None
        found.append(arrival.happened)
    assert StreamData(stream, b"octets") in found
    assert [each.data for each in found if not isinstance(each, StreamData)] == [b"%d" % number for number in range(20)]
    network.close()
    peer.close()


def test_datagrams_that_wait_for_room_are_bounded(monkeypatch: pytest.MonkeyPatch):
    """A full send buffer: as many wait as the limit says, the others are lost, as in any full queue."""
    network = SocketNetwork("node", Limits(datagrams=10))
    local = Endpoint(HOST, free_port())
    network.carry("node", BindDatagrams(local), 0.0)
    with socket.socket(type=socket.SOCK_DGRAM) as receiver:
        receiver.bind((HOST, 0))
        receiver.settimeout(5.0)
        remote = Endpoint(*receiver.getsockname())
        with monkeypatch.context() as patched:
            patched.setattr(SocketNetwork, "_send_one", lambda *args: False)
            for number in range(30):
                network.carry("node", SendDatagram(local, remote, b"%d" % number), 0.0)
        network._turn(1.0)
        assert [receiver.recv(10) for _ in range(10)] == [b"%d" % number for number in range(10)]
        network.close()


def test_a_peer_that_is_reset_leaves_nothing_behind():
    """Splices that end by RST on either side, many times: no stream, pipe or descriptor is kept."""
    with Between() as between:
        client, far, a, b = between.more()
        between.do(Splice(a, b))
        client.sendall(b"x")
        between.rest(far, 1)
        client.close()
        far.close()
        before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
        for _ in range(20):
            client, far, a, b = between.more()
            between.do(Splice(a, b))
            client.sendall(b"x")
            assert between.rest(far, 1) == b"x"
            between.do(AbortStream(a), AbortStream(b))
            client.close()
            far.close()
        after = len(os.listdir("/proc/self/fd")) if before else 0
        assert after <= before
        assert not [heard for heard in between.heard if isinstance(heard, StreamClosed) and heard.stream == a]


# The queue of a stream.

def test_a_queue_weighs_what_is_in_it():
    """A hundred thousand orders of one octet are a few pieces, not a hundred thousand."""
    queue = SendQueue()
    for number in range(100_000):
        queue.add(bytes([number % 256]))
    assert len(queue) == 100_000
    assert len(queue._pieces) < 10


@pytest.mark.parametrize("seed", range(20))
def test_a_queue_is_in_order(seed: int):
    """Pieces of any size, sent in any portions: all octets, each once, in order."""
    random = Random(seed)
    queue, sent, taken = SendQueue(), bytearray(), bytearray()

    class Sink:
        def send(self, piece: bytes) -> int:
            return self._take(bytes(piece))

        def sendmsg(self, pieces: list[bytes]) -> int:
            return self._take(b"".join(pieces))

        def _take(self, octets: bytes) -> int:
            if random.random() < 0.3:
                raise BlockingIOError(errno.EAGAIN, "full")
            some = random.randrange(len(octets) + 1)
            taken.extend(octets[:some])
            return some

    for _ in range(300):
        data = random.randbytes(random.choice((0, 1, 5, 1000, 20_000)))
        queue.add(data)
        sent += data
        try:
            queue.send(Sink())
        except BlockingIOError:
            continue
    while queue:
        try:
            queue.send(Sink())
        except BlockingIOError:
            continue
    assert taken == sent
