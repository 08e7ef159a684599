"""Many streams at one time through one gateway process, every octet right both ways."""

from __future__ import annotations

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
