"""While peers of the access side do their worst, streams that are up go on, and the gateway's memory stays bounded.

How fast they go on is for `benchmarks/agw_attacks.py`; here each of them has to carry its octets, all compared.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import load
import pytest
from load import namespace
from programs import missing

MEGABYTE = 1_000_000
PATIENCE = 60.0
# What an attack may cost the gateway: OpenSSL's and Python's own memory for hundreds of connections.
BOUND = 64 * MEGABYTE
HONEST = 6


class Scene:
    """A gateway, streams that are up and carry without end, and contexts that nobody uses yet."""

    def __init__(self, agw: load.Agw, streams: load.Streams) -> None:
        self.agw, self.streams = agw, streams
        self.honest = streams.open(
            self.free(HONEST // 2, load.Kind.TLS) + self.free(HONEST // 2, load.Kind.PLAIN), octets=None)
        assert streams.run(streams.joined, PATIENCE) and not streams.troubles()

    def free(self, count: int, kind: load.Kind) -> list[load.Context]:
        """Contexts whose access side listens."""
        return self.agw.controller.set_up(
            count, kind, core=self.streams.core, client=self.streams.client, together=True)

    def carry(self, octets: int, meanwhile=lambda: True, patience: float = PATIENCE) -> None:
        """Every honest stream carries so many octets more, and until `meanwhile` is through."""
        before = [pair.arrived for pair in self.honest]

        def done() -> bool:
            through = meanwhile()
            return through and all(
                pair.arrived >= had + octets for pair, had in zip(self.honest, before, strict=True))

        assert self.streams.run(done, patience), [
            pair.arrived - had for pair, had in zip(self.honest, before, strict=True)]
        assert [pair.trouble for pair in self.honest] == [""] * len(self.honest)

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """The gateway's memory is not much more behind it than before."""
        self.carry(10 * MEGABYTE)  # what carrying itself needs is there then
        before = self.agw.resident()
        yield
        assert self.agw.resident() - before < BOUND


@pytest.fixture
def scene() -> Iterator[Scene]:
    lacking = load.room_for(3000)
    if lacking:
        missing("room for sockets", lacking)
    with load.agw() as agw, load.Streams(agw.host, load.Client()) as streams:
        yield Scene(agw, streams)


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"], ids=["as announced", "a stranger's"])
def test_connections_that_never_speak(scene: Scene, source: str, count: int):
    """Forty an endpoint, from where the UE is or from where nobody is let in; then the endpoint's own UE gets in."""
    streams = scene.streams
    with scene.bounded():
        contexts = scene.free(count // 40, load.Kind.TLS)
        with load.Silent([one.access for one in contexts], count, source) as attack:
            late = streams.open(contexts[:20] if source != "127.0.0.1" else [], octets=10_000)
            # One UE an endpoint is taken at its word until the time for TLS is over; everybody else hears no at once.
            scene.carry(MEGABYTE, lambda: attack.step() or attack.refused >= count - len(contexts), 3 * PATIENCE)
            assert streams.run(lambda: all(pair.through or pair.trouble for pair in late), PATIENCE)
            assert [pair.trouble for pair in late] == [""] * len(late)


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_handshakes_octet_by_octet(scene: Scene, count: int):
    """ClientHellos that never end, one octet a turn."""
    endpoints = [one.access for one in scene.free(count, load.Kind.TLS)]
    with scene.bounded(), load.SlowLoris(endpoints, count, "127.0.0.1") as attack:
        scene.carry(MEGABYTE, lambda: attack.step() or attack.octets > 100 * count)


@pytest.mark.parametrize("kind", [load.Kind.TLS, load.Kind.PLAIN])
def test_peers_that_never_read(scene: Scene, kind: load.Kind):
    """Ten UEs to which the far ends send without end: that comes to a stop, and nothing piles up in the gateway."""
    with scene.bounded():
        deaf = scene.streams.open(scene.free(10, kind), octets=0, back=None, reads=False)
        assert scene.streams.run(scene.streams.joined, PATIENCE)
        sent = [-1] * len(deaf)

        def still() -> bool:
            now = [pair.far.sent for pair in deaf if pair.far is not None]
            changed = now != sent
            sent[:] = now
            return not changed

        # At rest means unchanged for five looks in a row: in one look it may be that nobody had a turn.
        looks = 0
        for _ in range(200):
            scene.carry(MEGABYTE)
            looks = looks + 1 if still() else 0
            if looks == 5:
                break
        assert looks == 5 and all(sent)


def test_half_open_connections():
    """10,000 SYNs that nobody follows up: no stream slows to a stop, and the UEs whose ports these are get in."""
    words = namespace.entering()
    if isinstance(words, str):
        missing("a network namespace", words)
    done = subprocess.run(
        [*words, sys.executable, Path(__file__).with_name("half_open.py")], check=False, capture_output=True, text=True,
        timeout=3 * PATIENCE)
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["sent"] >= 10_000 and seen["half open"] >= 500
    assert seen["kept"] and seen["come"] and not seen["troubles"]
    assert seen["grown"] < BOUND
