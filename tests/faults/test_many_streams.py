"""Many streams at one time through one gateway process, every octet right both ways."""

from __future__ import annotations

from contextlib import ExitStack

import load
import pytest
from programs import missing


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_tls_streams_at_one_time(count: int):
    """UEs with TLS towards the gateway, plain TCP behind it: all are up before they carry anything."""
    lacking = load.room_for(2 * count)
    if lacking:
        missing("room for sockets", lacking)
    with load.agw() as agw, load.Streams(agw.host, load.Client()) as streams:
        contexts = agw.controller.set_up(count, load.Kind.TLS, core=streams.core, client=streams.client)
        pairs = streams.open(contexts)
        assert streams.run(streams.joined) and not streams.troubles()
        streams.carry(200_000)
        assert streams.run(streams.done) and not streams.troubles()
        assert sum(pair.through for pair in pairs) == count
        assert agw.controller.audit() == {one.id: set(one.terminations) for one in contexts}
        streams.ending = True
        agw.controller.subtract(contexts)
        assert streams.run(streams.over) and not streams.troubles()
        assert not agw.controller.audit() and not agw.controller.notified
        assert agw.stop() == 0


def test_a_gateway_raises_its_own_limit_of_open_files():
    """More streams than a process of the system's usual limit of 1,024 open files could have: here with 64."""
    resource = pytest.importorskip("resource", reason="this system has no limit of open files")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
        try:
            agw = stack.enter_context(load.agw())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        streams = stack.enter_context(load.Streams(agw.host))
        streams.open(agw.controller.set_up(80, load.Kind.PLAIN, core=streams.core), octets=10_000)
        assert streams.run(streams.done) and not streams.troubles()
